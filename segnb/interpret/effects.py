"""How strongly each feature made the segments, and how strongly it marks each of them."""

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from segnb.interpret.bootstrap import intervals


def feature_importance(features: pd.DataFrame, segments: pd.Series) -> pd.Series:
    """Return η² per feature: the share of its variance that lies between the segments, 0 to 1, largest first.

    No p-value: the segments were made from these very columns, so a test would always reject (Chen and Witten,
    J. Mach. Learn. Res. 24(152), 2023).

    >>> feature_importance(pd.DataFrame({"a": [0.0, 0, 1, 1], "b": [0.0, 1, 0, 1]}), pd.Series([1, 1, 2, 2])).to_dict()
    {'a': 1.0, 'b': 0.0}
    """
    centred = features - features.mean()
    total = (centred**2).sum()
    means = centred.groupby(segments.to_numpy()).transform("mean")
    share = (means**2).sum() / total.where(total > 0)
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
    columns = {}
    for name, figures in zip(("cohens_d", "cliffs_delta"), np.moveaxis(found, 1, 0)):
        columns |= {name + ending: part.ravel() for ending, part in zip(("", "_low", "_high"), figures)}
    table = pd.DataFrame(columns, index=index).reset_index()
    delta = ["cliffs_delta_low", "cliffs_delta_high"]
    return table.assign(**table[delta].clip(-1, 1))


def _effects(values: np.ndarray, labels: np.ndarray, names: np.ndarray) -> np.ndarray:
    """Return Cohen's d and Cliff's δ, shape (2, n_segments, n_features); missing for a segment that is not there."""
    ranks = rankdata(values, axis=0)
    found = np.full((2, len(names), values.shape[1]), np.nan)
    for place, name in enumerate(names):
        inside = labels == name
        if 0 < inside.sum() < len(labels):
            found[0, place] = _cohens_d(values[inside], values[~inside])
            found[1, place] = _cliffs_delta(ranks[inside], (~inside).sum())
    return found


def _cohens_d(inside: np.ndarray, outside: np.ndarray) -> np.ndarray:
    n, m = len(inside), len(outside)
    pooled = np.sqrt((n * inside.var(axis=0) + m * outside.var(axis=0)) / max(n + m - 2, 1))
    difference = inside.mean(axis=0) - outside.mean(axis=0)
    apart = np.where(difference == 0, 0.0, np.copysign(np.inf, difference))
    return np.divide(difference, pooled, out=apart, where=pooled > 0)


def _cliffs_delta(ranks: np.ndarray, n_outside: int) -> np.ndarray:
    n = len(ranks)
    u = ranks.sum(axis=0) - n * (n + 1) / 2
    return 2 * u / (n * n_outside) - 1
