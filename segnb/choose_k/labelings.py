"""What labelings say about the same rows: exact silhouettes, and how customers flow between segments as k grows."""

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.stats import entropy
from sklearn.decomposition import PCA
from threadpoolctl import threadpool_limits

from segnb.errors import DataError

_ROUNDING = 1e-13
"""Squared distances below this share of the rows' squared norms are rounding errors: the rows are the same."""

TILE_ROWS, BYTES_A_PAIR = 256, 12
"""Rows of a tile of distances, and the memory that one distance takes, squared and in double precision."""


def silhouettes(X: ArrayLike, labelings: Sequence[ArrayLike], *, block_bytes: int = 8 * 2**20) -> np.ndarray:
    """Return the silhouette of every row under every labeling.

    The distances do not depend on the labels, so each block of them is computed once and multiplied by the
    one-hot matrix of all labelings together.

    Parameters
    ----------
    X : array of shape (n_rows, n_features)
        No missing values.
    labelings : sequence of arrays of shape (n_rows,)
        Labels of any kind; each labeling has between 2 and n_rows - 1 different ones.
    block_bytes : int, default 8 MiB
        Memory for the distances that are held at a time, over all cores; a few megabytes stay in their caches.

    Returns
    -------
    array of shape (n_rows, n_labelings)
        From -1 to 1; 0 for a row alone in its segment.

    Raises
    ------
    DataError
        If a labeling has another length than `X`, missing labels, or too few or too many different ones.

    Notes
    -----
    (b - a) / max(a, b), with a the mean distance to the other rows of the own segment and b the least mean
    distance to another segment: Rousseeuw, J. Comput. Appl. Math. 20, 1987.

    >>> X = np.array([[0.0], [1.0], [10.0], [11.0]])
    >>> silhouettes(X, [np.array([0, 0, 1, 1])]).ravel().round(3)
    array([0.905, 0.895, 0.895, 0.905])
    """
    X = np.asarray(X, dtype=np.float64)
    X = X - X.mean(axis=0)
    codes = [encode(labels, len(X))[1] for labels in labelings]
    one_hot = np.hstack([np.eye(code.max() + 1, dtype=np.float32)[code] for code in codes])
    left, right = _factors(X)
    workers = os.cpu_count() or 1
    width = max(1, block_bytes // (BYTES_A_PAIR * TILE_ROWS * workers))

    def sums_of(start: int) -> np.ndarray:
        rows = left[start : start + TILE_ROWS]
        tiles = (slice(at, at + width) for at in range(0, len(X), width))
        return sum(_distances(rows, right[:, tile]) @ one_hot[tile] for tile in tiles)

    with threadpool_limits(1), ThreadPoolExecutor(workers) as pool:
        sums = np.concatenate(list(pool.map(sums_of, range(0, len(X), TILE_ROWS))))
    last = np.cumsum([code.max() + 1 for code in codes])
    return np.column_stack([_scores(own, code) for own, code in zip(np.hsplit(sums, last[:-1]), codes)])


def encode(labels: ArrayLike, n_rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the different labels in order, and each row's label as its place among them."""
    labels = np.asarray(labels)
    if len(labels) != n_rows:
        raise DataError(f"a labeling has {len(labels)} labels for {n_rows} rows; give one label per row")
    if pd.isna(labels).any():
        raise DataError(f"a labeling has {pd.isna(labels).sum()} missing labels; fill them, or leave those rows out")
    names, codes = np.unique(labels, return_inverse=True)
    if not 2 <= len(names) <= n_rows - 1:
        raise DataError(f"a labeling has {len(names)} different labels; it needs 2 to {n_rows - 1}")
    return names, codes


def _factors(X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return two matrices whose product is the squared distances, a little below 0 where rows are the same."""
    squares = (1 - _ROUNDING) * np.einsum("ij,ij->i", X, X)
    ones = np.ones(len(X))
    return np.column_stack([-2 * X, squares, ones]), np.vstack([X.T, ones, squares])


def _distances(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    distances = np.maximum(left @ right, 0, dtype=np.float32, casting="same_kind")
    return np.sqrt(distances, out=distances)


def _scores(sums: np.ndarray, code: np.ndarray) -> np.ndarray:
    """Return the silhouettes under one labeling from the rows' summed distances to each of its segments."""
    at, sizes = np.arange(len(code)), np.bincount(code)
    inside = sums[at, code] / np.maximum(sizes[code] - 1, 1)
    means = sums / sizes
    means[at, code] = np.inf
    outside = means.min(axis=1)
    larger = np.maximum(inside, outside)
    score = np.divide(outside - inside, larger, out=np.zeros_like(larger), where=larger > 0)
    return np.where(sizes[code] > 1, score, 0.0)


def segment_flows(X: pd.DataFrame | np.ndarray, labelings: Mapping[int, np.ndarray], k: int) -> pd.DataFrame:
    """Return how many customers go from each segment to each of the next larger k: a clustergram as a table.

    Parameters
    ----------
    X : array of shape (n_rows, n_features)
        The scaled matrix.
    labelings : mapping of int to array of shape (n_rows,)
        By k the segments of the rows, counted from 0.
    k : int
        The k whose segments are the lineages.

    Returns
    -------
    DataFrame
        One row per flow and lineage: `k`, `segment`, `height` (mean of the segment's first principal component),
        `next_k`, `next_segment`, `next_height`, `lineage` (their segment at the given k) and `customers`. Segments
        are counted from 1. Schonlau, The Stata Journal 2, 2002.

    >>> labelings = {2: np.array([0, 0, 1]), 3: np.array([0, 1, 2])}
    >>> segment_flows(np.array([[0.0], [1.0], [5.0]]), labelings, 2)[["segment", "next_segment", "lineage"]].values
    array([[1, 1, 1],
           [1, 2, 1],
           [2, 3, 2]])
    """
    rows = pd.DataFrame({each: np.asarray(labels) + 1 for each, labels in labelings.items()})
    position = pd.Series(PCA(1, random_state=0).fit_transform(np.asarray(X))[:, 0])
    heights = {each: position.groupby(rows[each]).mean() for each in rows}

    parts = []
    for here, there in pairwise(labelings):
        ways = {"segment": rows[here], "next_segment": rows[there], "lineage": rows[k]}
        flows = pd.DataFrame(ways).value_counts(sort=False).rename("customers").reset_index()
        ends = {"height": flows["segment"].map(heights[here]), "next_height": flows["next_segment"].map(heights[there])}
        parts.append(flows.assign(k=here, next_k=there, **ends))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


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
    known = {k: np.asarray(labels, dtype=int) for k, labels in labelings.items()}
    known[1] = np.zeros_like(next(iter(known.values())))
    return pd.concat([_origins(k, known[k], known.get(k - 1)) for k in labelings], ignore_index=True)


def _origins(k: int, labels: np.ndarray, before: np.ndarray | None) -> pd.DataFrame:
    """Return where the segments of one k come from; missing where nothing is known of those before."""
    segments = pd.DataFrame({"k": k, "segment": range(1, k + 1)})
    if before is None:
        return segments.reindex(columns=["k", "segment", "origin", "origin_share", "entropy", "slsa"])
    shares = pd.crosstab(labels + 1, before + 1, normalize="index")
    spread = entropy(shares, axis=1)
    origins = {"origin": shares.idxmax(axis=1), "origin_share": shares.max(axis=1), "entropy": spread}
    slsa = 1 - spread / np.log(k - 1) if k > 2 else 1.0
    return segments.join(pd.DataFrame(origins).assign(slsa=slsa), on="segment")
