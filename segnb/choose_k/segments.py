"""How customers flow from segment to segment as k grows."""

from collections.abc import Mapping
from itertools import pairwise

import numpy as np
import pandas as pd
from scipy.stats import entropy
from sklearn.decomposition import PCA

from segnb.choose_k.evidence import make_frame
from segnb.choose_k.resampling import bar, bootstrap_labels, quick_small_fits, segment_jaccards
from segnb.tables import LIGHTS


def segment_stability(
    X: pd.DataFrame | np.ndarray,
    labelings: Mapping[int, np.ndarray],
    *,
    n_boot: int = 50,
    sample_rows: int = 20000,
    seed: int = 0,
) -> pd.DataFrame:
    """Return how well bootstrap models find each segment again, with a traffic light.

    Parameters
    ----------
    X : array of shape (n_rows, n_features)
        The scaled matrix.
    labelings : mapping of int to array of shape (n_rows,)
        By k the segments of the rows, counted from 0.
    n_boot : int, default 50
        Bootstrap samples per k.
    sample_rows : int, default 20000
        At most this many rows are drawn from and judged.
    seed : int, default 0

    Returns
    -------
    DataFrame
        One row per k and segment: `k`, `segment` (counted from 1), `customers`, `share`, `jaccard` (0 to 1, the mean
        Jaccard index with the most similar segment of each bootstrap model, as `segment_jaccards` defines it) and
        `light` ("unstable" below 0.6, "doubtful", "stable" from 0.75, "highly stable" from 0.85).

    >>> X = np.repeat([[0.0], [9.0]], 20, axis=0) + np.random.default_rng(0).normal(size=(40, 1))
    >>> segment_stability(X, {2: np.repeat([0, 1], 20)}, n_boot=5)[["segment", "share", "jaccard", "light"]]
       segment  share  jaccard          light
    0        1    0.5      1.0  highly stable
    1        2    0.5      1.0  highly stable
    """
    frame = make_frame(X, sample_rows, seed)
    rows = []
    with quick_small_fits():
        for k, labels in bar(list(labelings.items()), desc="segments' stability"):
            judged, found = bootstrap_labels(frame.rows, k, n_boot, seed)
            jaccards = segment_jaccards(np.asarray(labels)[frame.positions][judged], found, k)
            sizes = np.bincount(labels, minlength=k)
            rows += [
                {"k": k, "segment": j + 1, "customers": sizes[j], "share": sizes[j] / len(labels), "jaccard": jaccard}
                for j, jaccard in enumerate(jaccards)
            ]
    return pd.DataFrame(rows).assign(light=lambda table: table["jaccard"].map(light))


def light(jaccard: float) -> str:
    """Return what a Jaccard index says of a segment.

    >>> light(0.8)
    'stable'
    """
    return LIGHTS[max(least for least in LIGHTS if jaccard >= least)]


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
