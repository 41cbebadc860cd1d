"""Which figures would tell of too few people, and pictures that show nobody alone."""

import numpy as np


def withheld_cells(counts: np.ndarray, min_cell: int) -> np.ndarray:
    """Return which cells of a table of counts must not be shown.

    Those of 1 to `min_cell` - 1 people; and wherever just one cell of a row or column is withheld, so that the total
    less the others would give it away, the smallest other one that is not 0 as well.

    Parameters
    ----------
    counts : array of shape (n_rows, n_columns)
    min_cell : int

    Returns
    -------
    bool array of the same shape

    >>> withheld_cells(np.array([[40, 3], [20, 50]]), 10).tolist()
    [[True, True], [True, True]]
    >>> withheld_cells(np.array([[40, 0], [20, 50]]), 10).any()
    np.False_
    """
    counts = np.asarray(counts)
    hidden = (counts > 0) & (counts < min_cell)
    while True:
        more = _complements(counts, hidden) | _complements(counts.T, hidden.T).T
        if not (more & ~hidden).any():
            return hidden
        hidden = hidden | more


def _complements(counts: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """Return a further cell for every row that has just one hidden cell and another that is not 0."""
    open_counts = np.where(hidden | (counts == 0), np.inf, counts.astype(float))
    lone = (hidden.sum(axis=1) == 1) & np.isfinite(open_counts).any(axis=1)
    more = np.zeros(counts.shape, dtype=bool)
    more[np.flatnonzero(lone), open_counts[lone].argmin(axis=1)] = True
    return more


def neighbour_means(points: np.ndarray, size: int) -> np.ndarray:
    """Return the means of groups of `size` to 2·`size` - 1 neighbouring points, so that none is shown alone.

    The points are halved at the median of the axis along which they spread more, and the halves again (a simple form
    of microaggregation: Domingo-Ferrer and Mateo-Sanz, IEEE Trans. Knowl. Data Eng. 14, 2002).

    Parameters
    ----------
    points : array of shape (n_points, 2)
    size : int
        Fewer points than that give no mean at all.

    Returns
    -------
    array of shape (n_groups, 2)

    >>> neighbour_means(np.array([[0.0, 0], [2, 0], [10, 0], [12, 0]]), 2).tolist()
    [[1.0, 0.0], [11.0, 0.0]]
    """
    if len(points) < max(size, 1):
        return np.empty((0, 2))
    if size == 1:
        return points
    means, open_groups = [], [points]
    while open_groups:
        group = open_groups.pop()
        if len(group) < 2 * size:
            means.append(group.mean(axis=0))
            continue
        order = group[:, np.ptp(group, axis=0).argmax()].argsort(kind="stable")
        open_groups += [group[order[len(group) // 2 :]], group[order[: len(group) // 2]]]
    return np.array(means)
