"""How strongly each feature made the segments, and how strongly it marks each of them."""

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from segnb.interpret.bootstrap import interval_table, intervals

NOTHING = 1e-12
"""Spread below this share of the column's is a rounding error."""


def feature_importance(features: pd.DataFrame, segments: pd.Series) -> pd.Series:
    """Return η² per feature: the share of its variance that lies between the segments, 0 to 1, largest first.

    No p-value: the segments were made from these very columns, so a test would always reject (Chen and Witten,
    J. Mach. Learn. Res. 24(152), 2023).

    >>> feature_importance(pd.DataFrame({"a": [0.0, 0, 1, 1], "b": [0.0, 1, 0, 1]}), pd.Series([1, 1, 2, 2])).to_dict()
    {'a': 1.0, 'b': 0.0}
    """
    groups = features.groupby(segments.to_numpy())
    total = features.var(ddof=0) * len(features)
    between = ((groups.mean() - features.mean()) ** 2).mul(groups.size(), axis=0).sum()
    share = (between / total.where(total > 0)).clip(0, 1)
    return share.fillna(0.0).sort_values(ascending=False, kind="stable").rename("eta_squared")


def effects(features: pd.DataFrame, segments: pd.Series, *, n_boot: int = 100, seed: int = 0) -> pd.DataFrame:
    """Return how far each segment lies from all other customers, per feature.

    Parameters
    ----------
    features : DataFrame of shape (n_customers, n_features)
        The transformed and scaled matrix.
    segments : Series
        Segment of each customer, same order.
    n_boot : int, default 100
        Bootstrap samples for the intervals, at least 2.
    seed : int, default 0

    Returns
    -------
    DataFrame
        `segment`, `feature`, `cohens_d` (difference of the means over the pooled standard deviation; Cohen 1988)
        and `cliffs_delta` (share of pairs in which the segment's customer has the higher value minus the share
        in which the other has, -1 to 1; Cliff 1993), each with `…_low` and `…_high`, its 95 % bootstrap interval,
        see `segnb.interpret.bootstrap.intervals`.

    >>> effects(pd.DataFrame({"a": [1.0, 2, 3, 4]}), pd.Series([1, 1, 2, 2])).loc[0, "cliffs_delta"]
    np.float64(-1.0)
    """
    values, labels = features.to_numpy(dtype=float), segments.to_numpy()
    names = np.unique(labels)
    found = intervals(lambda rows: _effects(values[rows], labels[rows], names), len(values), n_boot, seed)
    index = pd.MultiIndex.from_product([names, features.columns], names=["segment", "feature"])
    table = interval_table(found, ["cohens_d", "cliffs_delta"], index)
    delta = ["cliffs_delta_low", "cliffs_delta_high"]
    return table.assign(**table[delta].clip(-1, 1))


def _effects(values: np.ndarray, labels: np.ndarray, names: np.ndarray) -> np.ndarray:
    """Return Cohen's d and Cliff's δ, shape (2, n_segments, n_features); missing for a segment that is not there."""
    code = np.searchsorted(names, labels)
    sizes = np.bincount(code, minlength=len(names))
    columns = [_of_column(values[:, column], code, sizes) for column in range(values.shape[1])]
    found = np.stack(columns, axis=2)
    found[:, (sizes == 0) | (sizes == len(labels))] = np.nan
    return found


def _of_column(column: np.ndarray, code: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Return Cohen's d and Cliff's δ of each segment in one column, shape (2, n_segments)."""
    centred, others = column - column.mean(), len(column) - sizes
    sums, squares = (np.bincount(code, weights=of, minlength=len(sizes)) for of in (centred, centred**2))
    inside, outside = (
        _mean_and_spread(*each) for each in ((sums, squares, sizes), (-sums, squares.sum() - squares, others))
    )
    ranks = np.bincount(code, weights=rankdata(column), minlength=len(sizes))
    u = ranks - sizes * (sizes + 1) / 2
    delta = 2 * u / np.maximum(sizes * others, 1) - 1
    spread = inside[1] + outside[1]
    spread[spread < NOTHING * squares.sum()] = 0
    pooled = np.sqrt(spread / max(len(column) - 2, 1))
    difference = inside[0] - outside[0]
    apart = np.where(np.abs(difference) <= NOTHING * np.abs(centred).max(), 0.0, np.copysign(np.inf, difference))
    return np.array([np.divide(difference, pooled, out=apart, where=pooled > 0), delta])


def _mean_and_spread(sums: np.ndarray, squares: np.ndarray, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return means, and sums of squared distances from them."""
    means = sums / np.maximum(sizes, 1)
    return means, squares - sizes * means**2
