"""Which figures would tell of too few people."""

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
