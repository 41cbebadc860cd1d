"""What other algorithms make of the customers, the segments in words, and the axes to see them along."""

import numpy as np
import pandas as pd
from sklearn.cluster import HDBSCAN, AgglomerativeClustering
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import GaussianMixture

from segnb.errors import DataError
from segnb.text import percent

_NEAR_BORDER = 0.05
"""Below this confidence a customer is as near to a second segment as makes no difference."""

_OPINION_ROWS = 5000
"""Second opinions are asked on this many customers at most: Ward needs all pairwise distances."""


def second_opinions(features: pd.DataFrame, segments: pd.Series, *, seed: int = 0) -> pd.DataFrame:
    """Return how far other algorithms agree with the segments.

    Parameters
    ----------
    features : DataFrame of shape (n_customers, n_features)
    segments : Series
        The segment of each customer, same index.
    seed : int, default 0
        For the Gaussian mixture, and for the sample of a large table.

    Returns
    -------
    DataFrame
        `algorithm`, `segments` (found), `adjusted_rand` (1 = the same segments, 0 = as by chance) and
        `unassigned` (share of customers that the algorithm leaves out).

    >>> X = pd.DataFrame({"a": np.r_[np.zeros(20), np.ones(20)] + np.arange(40) / 1000})
    >>> second_opinions(X, pd.Series(np.repeat([1, 2], 20)))["adjusted_rand"].tolist()
    [1.0, 1.0, 1.0]
    """
    rows = features if len(features) <= _OPINION_ROWS else features.sample(_OPINION_ROWS, random_state=seed)
    k, own = segments.nunique(), segments.loc[rows.index]
    algorithms = {
        "Gaussian mixture": GaussianMixture(k, n_init=3, reg_covar=1e-4, random_state=seed),
        "Ward": AgglomerativeClustering(k),
        "HDBSCAN": HDBSCAN(min_cluster_size=min(max(5, len(rows) // 50), len(rows)), copy=True),
    }
    return pd.DataFrame([_opinion(name, algorithm.fit_predict(rows), own) for name, algorithm in algorithms.items()])


def cluster_sentences(assigned: pd.DataFrame, opinions: pd.DataFrame) -> list[str]:
    """Return sizes, borders and second opinions in sentences computed from the result.

    Parameters
    ----------
    assigned : DataFrame
        As returned by `assign`.
    opinions : DataFrame
        As returned by `second_opinions`.

    >>> assigned = pd.DataFrame({"segment": [1, 1, 2, 2], "confidence": [0.9, 0.8, 0.01, 0.7]})
    >>> opinions = pd.DataFrame({"algorithm": ["Ward"], "adjusted_rand": [0.9]})
    >>> cluster_sentences(assigned, opinions)[1]
    '25% of the customers lie near a border (confidence below 0.05).'
    """
    shares = assigned["segment"].value_counts(normalize=True)
    border = float((assigned["confidence"] < _NEAR_BORDER).mean())
    closest = opinions.loc[opinions["adjusted_rand"].idxmax()]
    return [
        f"{len(assigned):,} customers are in {len(shares)} segments; the largest has {percent(shares.max())} of them, "
        f"the smallest {percent(shares.min())}.",
        f"{percent(border)} of the customers lie near a border (confidence below {_NEAR_BORDER}).",
        f"Of the other algorithms, {closest['algorithm']} agrees most, with an adjusted Rand index of "
        f"{closest['adjusted_rand']:.2f}.",
    ]


def _opinion(name: str, labels: np.ndarray, own: pd.Series) -> dict[str, object]:
    return {
        "algorithm": name,
        "segments": len(set(labels) - {-1}),
        "adjusted_rand": adjusted_rand_score(own, labels),
        "unassigned": float(np.mean(labels == -1)),
    }


def scatter_axes(customers: pd.DataFrame, leading: list[str], x: str = "", y: str = "") -> tuple[str, str]:
    """Return the columns to draw across and up: those asked for, or else the first of `leading`.

    Parameters
    ----------
    customers : DataFrame
        In original units.
    leading : list of str
        Columns in order of importance, those that separate the segments most first.
    x, y : str
        The columns asked for; "" for none.

    Raises
    ------
    DataError
        If a column that was asked for is not there or is not a number.

    >>> scatter_axes(pd.DataFrame({"a": [1.0], "b": [2.0]}), ["b", "a"], y="b")
    ('a', 'b')
    """
    numeric = list(customers.select_dtypes(["number", "bool"]))
    for parameter, wanted in (("x_axis", x), ("y_axis", y)):
        if wanted and wanted not in numeric:
            raise DataError(f"{parameter}={wanted!r} is not a numeric column; those are {', '.join(numeric)}")
    free = [name for name in leading if name in numeric and name not in (x, y)]
    across = x or (free.pop(0) if free else y)
    return across, y or (free[0] if free else across)
