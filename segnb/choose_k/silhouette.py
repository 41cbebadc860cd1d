"""Exact silhouettes of many labelings in one pass over the distances."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

ROUNDING = 1e-13
"""Squared distances below this share of the rows' squared norms are rounding errors: the rows are the same."""


def silhouettes(
    X: pd.DataFrame | np.ndarray, labelings: Sequence[np.ndarray], *, block_bytes: int = 64 * 2**20
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
    block_bytes : int, default 64 MiB
        Memory for one block of distances.

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
    result = np.empty((len(X), len(codes)))
    squares = np.einsum("ij,ij->i", X, X)
    step = max(1, block_bytes // (8 * len(X)))
    for start in range(0, len(X), step):
        rows = slice(start, start + step)
        sums = _distances(X, squares, rows) @ one_hot
        result[rows] = _scores(sums.astype(np.float64), codes, rows)
    return result


def _encode(labels: np.ndarray, n_rows: int) -> np.ndarray:
    names, code = np.unique(np.asarray(labels), return_inverse=True)
    if len(code) != n_rows:
        raise ValueError(f"a labeling has {len(code)} labels for {n_rows} rows; give one label per row")
    if not 2 <= len(names) <= n_rows - 1:
        raise ValueError(f"a labeling has {len(names)} different labels; a silhouette needs 2 to {n_rows - 1}")
    return code


def _distances(X: np.ndarray, squares: np.ndarray, rows: slice) -> np.ndarray:
    squared = X[rows] @ X.T
    squared *= -2
    norms = squares[rows, None] + squares
    squared += norms
    squared[squared < ROUNDING * norms] = 0
    distances = np.sqrt(squared, dtype=np.float32, casting="same_kind")
    own = np.arange(len(distances))
    distances[own, rows.start + own] = 0
    return distances


def _scores(sums: np.ndarray, codes: list[np.ndarray], rows: slice) -> np.ndarray:
    """Return the silhouettes of a block from its rows' summed distances to every segment of every labeling."""
    scores, first = [], 0
    for code in codes:
        sizes = np.bincount(code)
        own = code[rows]
        to_segment = sums[:, first : first + len(sizes)]
        at = np.arange(len(own))
        inside = to_segment[at, own] / np.maximum(sizes[own] - 1, 1)
        means = to_segment / sizes
        means[at, own] = np.inf
        outside = means.min(axis=1)
        larger = np.maximum(inside, outside)
        score = np.divide(outside - inside, larger, out=np.zeros_like(larger), where=larger > 0)
        scores.append(np.where(sizes[own] > 1, score, 0.0))
        first += len(sizes)
    return np.column_stack(scores)
