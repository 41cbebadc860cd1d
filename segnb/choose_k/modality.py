"""Is there more than one mode?"""

import numpy as np
from diptest import diptest
from scipy.spatial.distance import pdist

from segnb.choose_k.frame import Frame

DIP_ROWS = 300
"""Rows whose pairwise distances the dip test looks at."""


def dip_p(X: np.ndarray, frame: Frame, seed: int = 0) -> float:
    """Return the p-value against a single mode: the smaller of two dip tests, doubled; 1 below four rows.

    Hartigan's dip on the first principal component and on the pairwise distances of some rows: Hartigan and
    Hartigan, Ann. Statist. 13, 1985; Adolfsson, Ackerman and Brownstein, Pattern Recognition 88, 2019. Every value
    that many rows share would be a mode of its own, so rounded values and counts are spread first, see `untie`.

    Parameters
    ----------
    X : array of shape (n_rows, n_columns)
        The matrix that the frame was made of.
    frame : Frame
    seed : int

    >>> from segnb.choose_k.frame import make_frame
    >>> X = np.repeat([[0.0], [9.0]], 50, axis=0) + np.random.default_rng(0).normal(size=(100, 1))
    >>> bool(dip_p(X, make_frame(X, 100, seed=0)) < 0.01)
    True
    """
    if len(frame.rows) < 4:
        return 1.0
    rng = np.random.default_rng(seed)
    columns = np.argsort(-np.abs(frame.axes[:, 0]), kind="stable")
    rows = untie(X[frame.positions][:, columns] - frame.centre[columns], rng)
    first = rows @ frame.axes[columns, 0]
    some = rows if len(rows) <= DIP_ROWS else rows[rng.choice(len(rows), DIP_ROWS, replace=False)]
    return float(min(1.0, 2 * min(diptest(first)[1], diptest(pdist(some))[1])))


def untie(X: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the matrix with shared values spread evenly, each as far as half way to the next value.

    Only columns with half as many values as rows or fewer are changed: those that were rounded or counted.

    >>> spread = untie(np.repeat([[1.0], [2.0]], 500, axis=0), np.random.default_rng(0))
    >>> spread.min().round(1), spread.max().round(1), len(np.unique(spread))
    (np.float64(0.5), np.float64(2.5), 1000)
    """
    spread = X.astype(float)
    for column in range(X.shape[1]):
        values, place = np.unique(X[:, column], return_inverse=True)
        if 2 <= len(values) <= len(X) / 2:
            half = np.diff(values) / 2
            low, high = values - np.r_[half[0], half], values + np.r_[half, half[-1]]
            spread[:, column] = rng.uniform(low[place], high[place])
    return spread
