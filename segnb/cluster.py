"""Step 3: fit k-means, number the segments so that a rerun keeps the numbers, and say how sure each customer is."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.cluster import HDBSCAN, AgglomerativeClustering, KMeans
from sklearn.decomposition import PCA
from sklearn.feature_selection import f_classif
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import GaussianMixture
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from segnb.errors import DataError
from segnb.wording import percent

NEAR_BORDER = 0.05
"""Below this confidence a customer is as near to a second segment as makes no difference."""

SMALL = 20_000
"""Below this many customers threads only get in each other's way."""

OPINION_ROWS = 5000
"""Second opinions are asked on this many customers at most: Ward needs all pairwise distances."""


def fit_segments(
    features: pd.DataFrame, k: int, *, n_init: int = 10, seed: int = 0, start: pd.DataFrame | None = None
) -> KMeans:
    """Return k-means fitted to the scaled matrix, its segments in canonical order.

    Label 0 is the largest segment (ties by the first centre coordinate), so a rerun never renumbers. With
    `start` the order of those centres is kept instead.

    Parameters
    ----------
    features : DataFrame of shape (n_customers, n_features)
    k : int
        Number of segments, 2 ≤ k < n_customers.
    n_init : int, default 10
        Restarts, the one with the least inertia is kept.
    seed : int, default 0
    start : DataFrame of shape (k, n_features), optional
        Centres to start from, for instance an earlier run's, in the same scaled space.

    Raises
    ------
    DataError
        If there are fewer distinct customers than segments, or `start` has other columns or another k.

    >>> features = pd.DataFrame({"a": [0.0, 9, 10, 11]})
    >>> fit_segments(features, 2).labels_
    array([1, 0, 0, 0], dtype=int32)
    """
    _check_k(features, k)
    if start is not None:
        _check_start(features, k, start)
        return KMeans(k, init=np.asarray(start, dtype=features.to_numpy().dtype), n_init=1, random_state=seed).fit(
            features
        )
    with threadpool_limits(1 if len(features) < SMALL else None):
        return _canonical(KMeans(k, n_init=n_init, random_state=seed).fit(features))


def assign(model: KMeans, features: pd.DataFrame) -> pd.DataFrame:
    """Return each customer's segment, counted from 1, and how clearly the customer belongs there.

    Returns
    -------
    DataFrame
        Index of `features`; `segment`, and `confidence` from 0 (on the border of two segments) to 1 (at the
        centre): 1 minus the shadow value 2·d1/(d1 + d2) of Leisch, Statistics and Computing 20, 2010, with d1
        and d2 the distances to the nearest and the second nearest centre.

    >>> features = pd.DataFrame({"a": [0.0, 5, 10, 10]})
    >>> assign(fit_segments(features.iloc[[0, 2, 3]], 2), features)["confidence"].tolist()
    [1.0, 0.0, 1.0, 1.0]
    """
    distances = model.transform(features)
    nearest, second = np.partition(distances, 1, axis=1)[:, :2].T
    both = nearest + second
    shadow = np.divide(2 * nearest, both, out=np.ones_like(both), where=both > 0)
    return pd.DataFrame({"segment": model.predict(features) + 1, "confidence": 1 - shadow}, index=features.index)


def centres(model: KMeans, features: pd.DataFrame) -> pd.DataFrame:
    """Return the centres in the scaled space, one row per segment, indexed from 1."""
    index = pd.RangeIndex(1, len(model.cluster_centers_) + 1, name="segment")
    return pd.DataFrame(model.cluster_centers_, index=index, columns=features.columns)


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


def second_opinions(features: pd.DataFrame, segments: pd.Series, *, seed: int = 0) -> pd.DataFrame:
    """Return how far other algorithms agree with the segments.

    Parameters
    ----------
    features : DataFrame of shape (n_customers, n_features)
    segments : Series
        The segment of each customer.

    Returns
    -------
    DataFrame
        `algorithm`, `segments` (found), `adjusted_rand` (1 = the same segments, 0 = as by chance) and
        `unassigned` (share of customers that the algorithm leaves out).
    """
    rows = features if len(features) <= OPINION_ROWS else features.sample(OPINION_ROWS, random_state=seed)
    k, own = segments.nunique(), segments.loc[rows.index]
    algorithms = {
        "Gaussian mixture": GaussianMixture(k, n_init=3, reg_covar=1e-4, random_state=seed),
        "Ward": AgglomerativeClustering(k),
        "HDBSCAN": HDBSCAN(min_cluster_size=min(max(5, len(rows) // 50), len(rows)), copy=True),
    }
    return pd.DataFrame([_opinion(name, algorithm.fit_predict(rows), own) for name, algorithm in algorithms.items()])


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


def start_centres(centres: pd.DataFrame, pipeline: Pipeline, columns: list[str]) -> pd.DataFrame:
    """Return an earlier run's centres, given in original units, in the scaled space of this run.

    Raises
    ------
    DataError
        If the centres lack a clustering column of this run; all that are missing are listed.
    """
    missing = [name for name in columns if name not in centres]
    if missing:
        raise DataError(
            f"start_from: that run has no column {', '.join(missing)}; start from a run with the same columns"
        )
    return pipeline.transform(centres[columns].astype(float))


def cluster_sentences(assigned: pd.DataFrame, opinions: pd.DataFrame) -> list[str]:
    """Return sizes, borders and second opinions in sentences computed from the result."""
    shares = assigned["segment"].value_counts(normalize=True)
    border = float((assigned["confidence"] < NEAR_BORDER).mean())
    closest = opinions.loc[opinions["adjusted_rand"].idxmax()]
    return [
        f"{len(assigned):,} customers are in {len(shares)} segments; the largest has {percent(shares.max())} of them, "
        f"the smallest {percent(shares.min())}.",
        f"{percent(border)} of the customers lie near a border (confidence below {NEAR_BORDER}).",
        f"Of the other algorithms, {closest['algorithm']} agrees most, with an adjusted Rand index of "
        f"{closest['adjusted_rand']:.2f}.",
    ]


def _canonical(model: KMeans) -> KMeans:
    sizes = np.bincount(model.labels_, minlength=model.n_clusters)
    order = np.lexsort((model.cluster_centers_[:, 0], -sizes))
    model.cluster_centers_ = model.cluster_centers_[order]
    model.labels_ = np.argsort(order).astype(model.labels_.dtype)[model.labels_]
    return model


def _opinion(name: str, labels: np.ndarray, own: pd.Series) -> dict[str, object]:
    return {
        "algorithm": name,
        "segments": len(set(labels) - {-1}),
        "adjusted_rand": adjusted_rand_score(own, labels),
        "unassigned": float(np.mean(labels == -1)),
    }


def _check_k(features: pd.DataFrame, k: int) -> None:
    if k < 2:
        raise DataError(f"k={k}: k-means needs at least 2 segments")
    distinct = len(features.drop_duplicates())
    if distinct < k:
        raise DataError(
            f"k={k} is more than the {distinct} distinct customers left after cleaning; lower k or keep more rows"
        )


def _check_start(features: pd.DataFrame, k: int, start: pd.DataFrame) -> None:
    if list(start.columns) != list(features.columns) or len(start) != k:
        raise DataError(
            f"start_from: that run has {len(start)} segments on {', '.join(start.columns)}; this one has k={k} on "
            f"{', '.join(features.columns)}; start from a run with the same columns and k, or from none"
        )
