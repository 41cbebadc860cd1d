"""How customers flow from segment to segment as k grows."""

from collections.abc import Mapping
from itertools import pairwise

import numpy as np
import pandas as pd
from scipy.stats import entropy
from sklearn.decomposition import PCA


def segment_flows(X: pd.DataFrame | np.ndarray, labelings: Mapping[int, np.ndarray], k: int) -> pd.DataFrame:
    """Return how many customers go from each segment to each of the next larger k: a clustergram as a table.

    Parameters
    ----------
    X : array of shape (n_rows, n_features)
        The scaled matrix.
    labelings : mapping of int to array of shape (n_rows,)
        By k the segments of the rows, counted from 0.
    k : int
        The k whose segments the flows are told apart by.

    Returns
    -------
    DataFrame
        One row per flow: `k`, `segment`, `height` (mean of the segment's first principal component), `next_k`,
        `next_segment`, `next_height`, `customers`, and `mostly` (the segment at `k` to which most of them belong).
        Segments are counted from 1. Schonlau, The Stata Journal 2, 2002.

    >>> labelings = {2: np.array([0, 0, 1]), 3: np.array([0, 1, 2])}
    >>> segment_flows(np.array([[0.0], [1.0], [5.0]]), labelings, 2)[["segment", "next_segment", "mostly"]].values
    array([[1, 1, 1],
           [1, 2, 1],
           [2, 3, 2]])
    """
    position = pd.Series(PCA(1, random_state=0).fit_transform(np.asarray(X))[:, 0])
    told = pd.Series(labelings[k])
    return pd.concat([_flows(position, told, pair, labelings) for pair in pairwise(labelings)], ignore_index=True)


def _flows(
    position: pd.Series, told: pd.Series, pair: tuple[int, int], labelings: Mapping[int, np.ndarray]
) -> pd.DataFrame:
    k, next_k = pair
    here, there = pd.Series(labelings[k]), pd.Series(labelings[next_k])
    groups = told.groupby([here.rename("segment"), there.rename("next_segment")])
    table = groups.agg(customers="size", mostly=lambda labels: labels.mode()[0]).reset_index()
    heights, next_heights = position.groupby(here).mean(), position.groupby(there).mean()
    return table.assign(
        k=k,
        height=heights[table["segment"]].to_numpy(),
        next_k=next_k,
        next_height=next_heights[table["next_segment"]].to_numpy(),
        segment=table["segment"] + 1,
        next_segment=table["next_segment"] + 1,
        mostly=table["mostly"] + 1,
    )


def segment_origins(labelings: Mapping[int, np.ndarray]) -> pd.DataFrame:
    """Return for each segment which segments of the next smaller k its customers come from.

    Parameters
    ----------
    labelings : mapping of int to array of shape (n_rows,)
        By k the segments of the same rows, counted from 0.

    Returns
    -------
    DataFrame
        One row per k and segment: `k`, `segment`, `origin` (the segment that gave most, counted from 1) and
        `origin_share` (of the customers), `entropy` (nats, of the shares of all origins) and `slsa`, segment level
        stability across solutions: 1 - entropy / ln(segments before), 1 if all come from one segment, 0 if equally
        many come from each; 1 where there was one segment before, and nothing for the least k if that is above 2:
        Dolnicar and Leisch, Marketing Letters 28, 2017.

    >>> segment_origins({2: np.array([0, 0, 1, 1]), 3: np.array([0, 0, 1, 2])})["slsa"].tolist()
    [1.0, 1.0, 1.0, 1.0, 1.0]
    """
    known = {1: np.zeros(len(next(iter(labelings.values()))), dtype=int)} | dict(labelings)
    return pd.DataFrame(
        [
            {"k": k, "segment": segment + 1, **_origin(known.get(k - 1), known[k] == segment, k - 1)}
            for k in labelings
            for segment in range(k)
        ]
    )


def _origin(before: np.ndarray | None, members: np.ndarray, k_before: int) -> dict[str, float]:
    if before is None or not members.any():
        return dict.fromkeys(["origin", "origin_share", "entropy", "slsa"], np.nan)
    shares = np.bincount(before[members], minlength=k_before) / members.sum()
    spread = float(entropy(shares))
    return {
        "origin": int(shares.argmax()) + 1,
        "origin_share": float(shares.max()),
        "entropy": spread,
        "slsa": 1 - spread / np.log(k_before) if k_before > 1 else 1.0,
    }
