"""What other algorithms make of the customers, and the segments in words."""

import numpy as np
import pandas as pd
from sklearn.cluster import HDBSCAN, AgglomerativeClustering
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import GaussianMixture

from segnb.text import percent

NEAR_BORDER = 0.05
"""Below this confidence a customer is as near to a second segment as makes no difference."""

OPINION_ROWS = 5000
"""Second opinions are asked on this many customers at most: Ward needs all pairwise distances."""


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


def _opinion(name: str, labels: np.ndarray, own: pd.Series) -> dict[str, object]:
    return {
        "algorithm": name,
        "segments": len(set(labels) - {-1}),
        "adjusted_rand": adjusted_rand_score(own, labels),
        "unassigned": float(np.mean(labels == -1)),
    }
