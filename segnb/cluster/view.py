"""Which two axes to look at the segments along."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.decomposition import PCA
from sklearn.feature_selection import f_classif

from segnb.errors import DataError


def separating_features(features: pd.DataFrame, segments: pd.Series) -> list[str]:
    """Return the columns, those that separate the segments most first (by between over within variance)."""
    return list(features.columns[np.argsort(-np.nan_to_num(f_classif(features, segments)[0]), kind="stable")])


def scatter_axes(customers: pd.DataFrame, leading: list[str], x: str = "", y: str = "") -> tuple[str, str]:
    """Return the columns to draw across and up: those that are wished for, or else the first of `leading`.

    Raises
    ------
    DataError
        If a column that is wished for is not there or is no number.

    >>> scatter_axes(pd.DataFrame({"a": [1.0], "b": [2.0]}), ["b", "a"], y="b")
    ('a', 'b')
    """
    numeric = list(customers.select_dtypes(["number", "bool"]))
    for parameter, wanted in (("x_axis", x), ("y_axis", y)):
        if wanted and wanted not in numeric:
            raise DataError(f"{parameter}={wanted!r} is no numeric column; those are {', '.join(numeric)}")
    free = [name for name in leading if name in numeric and name not in (x, y)]
    across = x or (free.pop(0) if free else y)
    return across, y or (free[0] if free else across)


@dataclass(frozen=True)
class Projection:
    """Customers seen along their two main directions.

    Attributes
    ----------
    points : DataFrame of shape (n_customers, 2)
        Coordinates on the first two principal components.
    directions : DataFrame of shape (n_features, 2)
        How each feature points in that plane.
    shares : tuple of float
        Share of the variance that each of the two directions shows.
    """

    points: pd.DataFrame
    directions: pd.DataFrame
    shares: tuple[float, float]


def project(features: pd.DataFrame) -> Projection:
    """Return the customers on their first two principal components; one feature gives a flat second one."""
    pca = PCA(min(2, features.shape[1])).fit(features)
    points = np.zeros((len(features), 2))
    directions = np.zeros((features.shape[1], 2))
    shares = [0.0, 0.0]
    n = pca.n_components_
    points[:, :n], directions[:, :n], shares[:n] = (
        pca.transform(features),
        pca.components_.T,
        pca.explained_variance_ratio_,
    )
    names = ["first", "second"]
    return Projection(
        pd.DataFrame(points, index=features.index, columns=names),
        pd.DataFrame(directions, index=features.columns, columns=names),
        (float(shares[0]), float(shares[1])),
    )
