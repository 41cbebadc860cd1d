"""How strongly each feature made the segments, and how strongly features and categories mark each of them."""

import warnings
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.stats import chi2_contingency, kruskal, rankdata
from scipy.stats.contingency import association

from segnb.tables import as_labels, as_levels, as_table, holm, is_number
from segnb.text import IS, category_of

BOOT_ROWS = 2500
"""A bootstrap sample has this many customers at most."""

Z = 1.959964
"""Standard errors to either side that hold 95 % of a normal distribution."""


def intervals(figure: Callable[[np.ndarray], np.ndarray], n_rows: int, n_boot: int, seed: int) -> np.ndarray:
    """Return a figure of all rows, and the ends of its 95 % interval.

    The figure plus and minus 1.96 standard errors, those from bootstrap samples (Efron and Tibshirani, An
    Introduction to the Bootstrap, 1993). With many rows the samples are smaller than the table, and the standard
    error shrinks by the root of the ratio.

    Parameters
    ----------
    figure : callable
        From positions of rows to an array.
    n_rows : int
    n_boot : int
        Bootstrap samples, at least 2.
    seed : int

    Returns
    -------
    array of shape (3, …)
        The figure, the lower and the upper end; ends are missing where no two samples have the figure.

    >>> values = np.random.default_rng(0).normal(5, size=400)
    >>> intervals(lambda rows: values[rows].mean(), 400, 200, seed=0).round(1)
    array([5. , 4.9, 5.1])
    """
    rng, drawn = np.random.default_rng(seed), min(n_rows, BOOT_ROWS)
    found = np.array([figure(rng.integers(n_rows, size=drawn)) for _ in range(n_boot)], dtype=float)
    found[~np.isfinite(found)] = np.nan
    with warnings.catch_warnings(action="ignore", category=RuntimeWarning):  # where fewer than two have the figure
        variance = np.nanvar(found, axis=0, ddof=1)
    whole = np.asarray(figure(np.arange(n_rows)), dtype=float)
    half = Z * np.sqrt(variance * drawn / n_rows)
    return np.array([whole, whole - half, whole + half])


def _with_ends(*figures: str) -> list[str]:
    """Return the columns of figures with an interval: each figure, its `…_low` and its `…_high`."""
    return [f"{figure}{ending}" for figure in figures for ending in ("", "_low", "_high")]


def _interval_table(found: np.ndarray, columns: Sequence[str], index: pd.MultiIndex) -> pd.DataFrame:
    """Return what `intervals` found of several figures as columns."""
    values = np.moveaxis(found, 1, 0).reshape(len(columns), -1)
    return pd.DataFrame(values.T, index=index, columns=columns).reset_index()


_EFFECTS, _LEVEL_EFFECTS = _with_ends("cohens_d", "cliffs_delta"), _with_ends("cramers_v", "lift")


_ROUNDING = 1e-12
"""A spread below this share of the column's is a rounding error."""


def feature_importance(features: pd.DataFrame | np.ndarray, segments: ArrayLike) -> pd.Series:
    """Return η² per feature: the share of its variance that lies between the segments, 0 to 1, largest first.

    The columns of a category, one for each level, are one feature.

    No p-value: the segments were made from these very columns, so a test would always reject (Chen and Witten,
    J. Mach. Learn. Res. 24(152), 2023).

    Parameters
    ----------
    features : DataFrame or array of shape (n_customers, n_features)
        An array's columns are called x0, x1, ….
    segments : Series or array of shape (n_customers,)
        Segment of each customer, numbers or texts; a Series has the table's index.

    >>> feature_importance(pd.DataFrame({"a": [0.0, 0, 1, 1], "b": [0.0, 1, 0, 1]}), pd.Series([1, 1, 2, 2])).to_dict()
    {'a': 1.0, 'b': 0.0}
    """
    features = as_table(features)
    groups = features.groupby(as_labels(segments, features.index))
    total = features.var(ddof=0) * len(features)
    between = ((groups.mean() - features.mean()) ** 2).mul(groups.size(), axis=0).sum()
    columns = [category_of(name) for name in features]
    total, between = (figure.groupby(columns, sort=False).sum() for figure in (total, between))
    share = (between / total.where(total > 0)).clip(0, 1)
    return share.fillna(0.0).sort_values(ascending=False, kind="stable").rename("eta_squared")


def effects(features: ArrayLike, segments: ArrayLike, *, n_boot: int = 100, seed: int = 0) -> pd.DataFrame:
    """Return how far each segment lies from all other customers, per feature.

    Parameters
    ----------
    features : DataFrame or array of shape (n_customers, n_features)
        The transformed and scaled matrix; an array's columns are called x0, x1, ….
    segments : Series or array of shape (n_customers,)
        Segment of each customer, numbers or texts; a Series has the table's index.
    n_boot : int, default 100
        Bootstrap samples for the intervals, at least 2.
    seed : int, default 0

    Returns
    -------
    DataFrame
        `segment`, `feature`, `cohens_d` (difference of the means over the pooled standard deviation; Cohen 1988)
        and `cliffs_delta` (share of pairs in which the segment's customer has the higher value minus the share
        in which the other has, -1 to 1; Cliff 1993), each with `…_low` and `…_high`, its 95 % bootstrap interval,
        see `segnb.interpret.effects.intervals`.

    >>> effects(pd.DataFrame({"a": [1.0, 2, 3, 4]}), pd.Series([1, 1, 2, 2])).loc[0, "cliffs_delta"]
    np.float64(-1.0)
    """
    features = as_table(features)
    if features.empty:
        return pd.DataFrame(columns=["segment", "feature", *_EFFECTS])
    values = features.to_numpy(dtype=float)
    names, codes = np.unique(as_labels(segments, features.index), return_inverse=True)
    found = intervals(lambda rows: _effects(values[rows], codes[rows], len(names)), len(values), n_boot, seed)
    index = pd.MultiIndex.from_product([names, features.columns], names=["segment", "feature"])
    table = _interval_table(found, _EFFECTS, index)
    return table.assign(**table[["cliffs_delta_low", "cliffs_delta_high"]].clip(-1, 1))


def _effects(values: np.ndarray, codes: np.ndarray, k: int) -> np.ndarray:
    """Return Cohen's d and Cliff's δ, shape (2, k, n_features); missing for a segment that is not there."""
    sizes, ranks = np.bincount(codes, minlength=k), rankdata(values, axis=0)
    columns = [_of_column(column, of_ranks, codes, sizes) for column, of_ranks in zip(values.T, ranks.T)]
    found = np.stack(columns, axis=2)
    found[:, (sizes == 0) | (sizes == len(codes))] = np.nan
    return found


def _of_column(column: np.ndarray, ranks: np.ndarray, codes: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Return Cohen's d and Cliff's δ of each segment in one column, shape (2, n_segments)."""
    centred, others = column - column.mean(), len(column) - sizes
    of_ranks, sums, squares = (np.bincount(codes, each, len(sizes)) for each in (ranks, centred, centred**2))
    here, spread_here = _mean_and_spread(sums, squares, sizes)
    elsewhere, spread_elsewhere = _mean_and_spread(-sums, squares.sum() - squares, others)
    delta = 2 * (of_ranks - sizes * (sizes + 1) / 2) / np.maximum(sizes * others, 1) - 1
    spread = spread_here + spread_elsewhere
    spread[spread < _ROUNDING * squares.sum()] = 0
    pooled, difference = np.sqrt(spread / max(len(column) - 2, 1)), here - elsewhere
    apart = np.where(np.abs(difference) <= _ROUNDING * np.abs(centred).max(), 0.0, np.copysign(np.inf, difference))
    return np.array([np.divide(difference, pooled, out=apart, where=pooled > 0), delta])


def _mean_and_spread(sums: np.ndarray, squares: np.ndarray, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return means, and sums of squared distances from them."""
    means = sums / np.maximum(sizes, 1)
    return means, squares - sizes * means**2


def descriptor_tests(descriptors: pd.DataFrame, segments: ArrayLike) -> pd.DataFrame:
    """Return whether each descriptor differs between the segments beyond chance.

    Only for columns that had no part in making the segments: for the others a test would always reject.

    Parameters
    ----------
    descriptors : DataFrame of shape (n_customers, n_descriptors)
    segments : Series or array of shape (n_customers,)
        Segment of each customer, numbers or texts; a Series has the table's index.

    Returns
    -------
    DataFrame
        One row per descriptor, the strongest first: `descriptor`, `test` ("Kruskal–Wallis" for numbers, "χ²" for
        categories, missing values as a level of their own), `customers` (with a value), `effect` (ε² = H/(n - 1) for
        numbers, Cramér's V for categories, 0 to 1), `p` and `p_holm`, corrected for the number of descriptors. A
        descriptor with one value only, or in one segment only, has neither effect nor p.

    >>> table = pd.DataFrame({"age": [20.0, 21, 22, 60, 61, 62] * 5})
    >>> descriptor_tests(table, pd.Series([1, 1, 1, 2, 2, 2] * 5)).loc[0, "p"] < 0.001
    np.True_
    """
    segments, columns = as_labels(segments, descriptors.index), ["descriptor", "test", "customers", "effect", "p"]
    table = pd.DataFrame([_test(descriptors[name], segments) for name in descriptors], columns=columns)
    table["p_holm"] = holm(table["p"].to_numpy(dtype=float))
    return table.sort_values("effect", ascending=False, kind="stable", ignore_index=True)


def category_effects(
    descriptors: pd.DataFrame, segments: ArrayLike, *, n_boot: int = 100, seed: int = 0
) -> pd.DataFrame:
    """Return how strongly each level of a category marks each segment.

    Parameters
    ----------
    descriptors : DataFrame of shape (n_customers, n_descriptors)
        Numbers are left out.
    segments : Series or array of shape (n_customers,)
        Segment of each customer, numbers or texts; a Series has the table's index.
    n_boot : int, default 100
        Bootstrap samples for the intervals, at least 2.
    seed : int, default 0

    Returns
    -------
    DataFrame
        `segment`, `descriptor`, `level`, `customers` (of the segment with the level), `cramers_v` (of the segment
        against all others and the level against all others, 0 to 1: the size of their correlation) and `lift` (share
        of the level in the segment over its share in all), these two each with `…_low` and `…_high`, its 95 %
        bootstrap interval.

    >>> cities = pd.DataFrame({"city": ["a", "a", "b", "b"] * 9})
    >>> category_effects(cities, pd.Series([1, 1, 2, 2] * 9))["lift"].tolist()
    [2.0, 0.0, 0.0, 2.0]
    """
    segments = as_labels(segments, descriptors.index)
    categories = [name for name in descriptors if not is_number(descriptors[name])]
    if not categories:
        return pd.DataFrame(columns=["segment", "descriptor", "level", "customers", *_LEVEL_EFFECTS])
    parts = [_level_effects(descriptors[name], segments, n_boot, seed) for name in categories]
    return pd.concat(parts, ignore_index=True)


def level_marks(levels: pd.DataFrame) -> pd.DataFrame:
    """Return how strongly levels of categories mark segments, as `effects` does of numbers.

    Parameters
    ----------
    levels : DataFrame
        As returned by `category_effects`.

    Returns
    -------
    DataFrame
        `segment`, `feature` (category and level) and `cohens_d`: that of the correlation φ of segment and level,
        2φ/√(1 - φ²) (Cohen 1988), negative where the level is rarer than among all.

    >>> cities = pd.DataFrame({"city": ["a", "a", "b", "b"] * 9})
    >>> level_marks(category_effects(cities, [1, 1, 1, 2] * 9))["cohens_d"].round(2).tolist()
    [1.41, -1.41, -1.41, 1.41]
    """
    phi = levels["cramers_v"].astype(float).clip(upper=0.9999)
    size = 2 * phi / np.sqrt(1 - phi**2) * np.where(levels["lift"].astype(float) < 1, -1, 1)
    names = levels["descriptor"].astype(str) + IS + levels["level"].astype(str)
    return pd.DataFrame({"segment": levels["segment"], "feature": names, "cohens_d": size})


def few_levels(descriptors: pd.DataFrame, most: int = 12) -> list[str]:
    """Return the names of the categories that have at most `most` levels.

    Parameters
    ----------
    descriptors : DataFrame of shape (n_customers, n_descriptors)
    most : int, default 12

    >>> few_levels(pd.DataFrame({"age": [20.0, 30], "city": ["a", "b"]}))
    ['city']
    """
    return [name for name in descriptors if not is_number(descriptors[name]) and descriptors[name].nunique() <= most]


def _test(column: pd.Series, segments: pd.Series) -> tuple[object, ...]:
    known = column.notna()
    if is_number(column):
        groups = [values.to_numpy(dtype=float) for _, values in column[known].groupby(segments[known])]
        statistic, p = kruskal(*groups) if len(groups) > 1 and column.nunique() > 1 else (np.nan, np.nan)
        return column.name, "Kruskal–Wallis", int(known.sum()), statistic / max(known.sum() - 1, 1), p
    counts = pd.crosstab(segments, as_levels(column)).to_numpy()
    told = min(counts.shape) > 1
    p = chi2_contingency(counts, correction=False).pvalue if told else np.nan
    return column.name, "χ²", len(column), association(counts, method="cramer") if told else np.nan, p


def _level_effects(column: pd.Series, segments: pd.Series, n_boot: int, seed: int) -> pd.DataFrame:
    levels, level_of = np.unique(as_levels(column), return_inverse=True)
    names, segment_of = np.unique(segments, return_inverse=True)
    shape = len(names), len(levels)
    cells = np.ravel_multi_index((segment_of, level_of), shape)

    def counts(rows: np.ndarray) -> np.ndarray:
        return np.bincount(cells[rows], minlength=np.prod(shape)).reshape(shape).astype(float)

    found = intervals(lambda rows: _correlation_and_lift(counts(rows)), len(column), n_boot, seed)
    index = pd.MultiIndex.from_product([names, [column.name], levels], names=["segment", "descriptor", "level"])
    table = _interval_table(found, _LEVEL_EFFECTS, index)
    table.insert(3, "customers", counts(np.arange(len(column))).ravel().astype(int))
    ends = table[["cramers_v_low", "cramers_v_high"]].clip(0, 1)
    return table.assign(**ends, lift_low=table["lift_low"].clip(0))


def _correlation_and_lift(counts: np.ndarray) -> np.ndarray:
    """Return for each segment and level the size of their correlation, and the lift; missing where one is empty."""
    n, of_segment, of_level = counts.sum(), counts.sum(axis=1, keepdims=True), counts.sum(axis=0, keepdims=True)
    expected = of_segment * of_level
    spread = np.sqrt(expected * (n - of_segment) * (n - of_level))
    with np.errstate(invalid="ignore"):
        return np.array([np.abs(n * counts - expected) / spread, n * counts / expected])
