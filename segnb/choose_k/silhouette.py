"""Exact silhouettes of many labelings in one pass over the distances."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

ROUNDING = 1e-13
"""Squared distances below this share of the rows' squared norms are rounding errors: the rows are the same."""

TILE_ROWS, BYTES_A_PAIR = 256, 12
"""Distances are looked at in tiles of so many rows; a pair's take this memory, squared in double precision."""


def silhouettes(
    X: pd.DataFrame | np.ndarray, labelings: Sequence[np.ndarray], *, block_bytes: int = 8 * 2**20
) -> np.ndarray:
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
    ValueError
        If a labeling has another length than `X`, or too few or too many different labels.

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
    codes = [_encode(labels, len(X)) for labels in labelings]
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


def _encode(labels: np.ndarray, n_rows: int) -> np.ndarray:
    names, code = np.unique(np.asarray(labels), return_inverse=True)
    if len(code) != n_rows:
        raise ValueError(f"a labeling has {len(code)} labels for {n_rows} rows; give one label per row")
    if not 2 <= len(names) <= n_rows - 1:
        raise ValueError(f"a labeling has {len(names)} different labels; a silhouette needs 2 to {n_rows - 1}")
    return code


def _factors(X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return two matrices whose product is the squared distances, a little below 0 where rows are the same."""
    squares = (1 - ROUNDING) * np.einsum("ij,ij->i", X, X)
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
