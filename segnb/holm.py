"""p-values of several tests at once."""

import numpy as np


def holm(p: np.ndarray) -> np.ndarray:
    """Return p-values corrected for their number, missing ones left out (Holm, Scand. J. Statist. 6, 1979).

    >>> holm(np.array([0.01, np.nan, 0.04])).tolist()
    [0.02, nan, 0.04]
    """
    p = np.asarray(p, dtype=float)
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known], kind="stable")]
    result = np.full(len(p), np.nan)
    result[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(order), 0, -1)), 1)
    return result
