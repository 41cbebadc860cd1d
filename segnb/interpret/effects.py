"""How strongly each feature made the segments, and how strongly it marks each of them."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from scipy.stats import chi2_contingency, kruskal, rankdata
from scipy.stats.contingency import association

from segnb.tables import holm

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
    known = np.isfinite(found).sum(axis=0)
    centred = found - np.where(known, np.nansum(found, axis=0) / np.maximum(known, 1), np.nan)
    variance = np.where(known > 1, np.nansum(centred**2, axis=0) / np.maximum(known - 1, 1), np.nan)
    whole = np.asarray(figure(np.arange(n_rows)), dtype=float)
    half = Z * np.sqrt(variance * drawn / n_rows)
    return np.array([whole, whole - half, whole + half])


def interval_table(found: np.ndarray, figures: Sequence[str], index: pd.MultiIndex) -> pd.DataFrame:
    """Return what `intervals` found of several figures as columns: each figure, its `…_low` and its `…_high`.

    Parameters
    ----------
    found : array of shape (3, n_figures, …)
    figures : sequence of str
        Names of the figures.
    index : MultiIndex
        What the rest of the array's axes stand for, row by row.

    >>> index = pd.MultiIndex.from_product([[1, 2]], names=["segment"])
    >>> interval_table(np.arange(6.0).reshape(3, 1, 2), ["d"], index).to_numpy().tolist()
    [[1.0, 0.0, 2.0, 4.0], [2.0, 1.0, 3.0, 5.0]]
    """
    names = [f"{figure}{ending}" for figure in figures for ending in ("", "_low", "_high")]
    columns = np.moveaxis(found, 1, 0).reshape(len(names), -1)
    return pd.DataFrame(columns.T, index=index, columns=names).reset_index()


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
        see `segnb.interpret.effects.intervals`.

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


FIGURES = ("cramers_v", "lift")


def descriptor_tests(descriptors: pd.DataFrame, segments: pd.Series) -> pd.DataFrame:
    """Return whether each descriptor differs between the segments beyond chance.

    Only for columns that had no part in making the segments: for the others a test would always reject.

    Parameters
    ----------
    descriptors : DataFrame of shape (n_customers, n_descriptors)
    segments : Series
        Segment of each customer, same index.

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
    columns = ["descriptor", "test", "customers", "effect", "p"]
    table = pd.DataFrame([_test(descriptors[name], segments) for name in descriptors], columns=columns)
    table["p_holm"] = holm(table["p"].to_numpy(dtype=float))
    return table.sort_values("effect", ascending=False, kind="stable", ignore_index=True)


def category_effects(
    descriptors: pd.DataFrame, segments: pd.Series, *, n_boot: int = 100, seed: int = 0
) -> pd.DataFrame:
    """Return how strongly each level of a category marks each segment.

    Parameters
    ----------
    descriptors : DataFrame of shape (n_customers, n_descriptors)
        Numbers are left out.
    segments : Series
        Segment of each customer, same index.
    n_boot : int, default 100
        Bootstrap samples for the intervals, at least 2.
    seed : int, default 0

    Returns
    -------
    DataFrame
        `segment`, `descriptor`, `level`, `cramers_v` (of the segment against all others and the level against all
        others, 0 to 1: the size of their correlation) and `lift` (share of the level in the segment over its share
        in all), each with `…_low` and `…_high`, its 95 % bootstrap interval.

    >>> cities = pd.DataFrame({"city": ["a", "a", "b", "b"] * 9})
    >>> category_effects(cities, pd.Series([1, 1, 2, 2] * 9))["lift"].tolist()
    [2.0, 0.0, 0.0, 2.0]
    """
    parts = [_level_effects(descriptors[name], segments, n_boot, seed) for name in _categories(descriptors)]
    ends = [f"{name}{ending}" for name in FIGURES for ending in ("", "_low", "_high")]
    empty = pd.DataFrame(columns=["segment", "descriptor", "level", *ends])
    return pd.concat(parts, ignore_index=True) if parts else empty


def as_levels(column: pd.Series) -> pd.Series:
    """Return a category's values as text, missing ones as the level "missing"."""
    return column.astype("object").where(column.notna(), "missing").astype(str)


def _is_number(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)


def _categories(descriptors: pd.DataFrame) -> Sequence[str]:
    return [name for name in descriptors if not _is_number(descriptors[name])]


def _test(column: pd.Series, segments: pd.Series) -> tuple[object, ...]:
    if _is_number(column):
        known = column.notna()
        groups = [values.to_numpy(dtype=float) for _, values in column[known].groupby(segments[known])]
        if len(groups) < 2 or column.nunique() < 2:
            return column.name, "Kruskal–Wallis", int(known.sum()), np.nan, np.nan
        statistic, p = kruskal(*groups)
        return column.name, "Kruskal–Wallis", int(known.sum()), statistic / (known.sum() - 1), p
    counts = pd.crosstab(segments, as_levels(column)).to_numpy()
    if min(counts.shape) < 2:
        return column.name, "χ²", len(column), np.nan, np.nan
    p = chi2_contingency(counts, correction=False).pvalue
    return column.name, "χ²", len(column), association(counts, method="cramer"), p


def _level_effects(column: pd.Series, segments: pd.Series, n_boot: int, seed: int) -> pd.DataFrame:
    levels, level_of = np.unique(as_levels(column), return_inverse=True)
    names, segment_of = np.unique(segments, return_inverse=True)

    def figures(rows: np.ndarray) -> np.ndarray:
        counts = np.zeros((len(names), len(levels)))
        np.add.at(counts, (segment_of[rows], level_of[rows]), 1)
        return _correlation_and_lift(counts)

    found = intervals(figures, len(column), n_boot, seed)
    index = pd.MultiIndex.from_product([names, levels], names=["segment", "level"])
    table = interval_table(found, FIGURES, index)
    table.insert(1, "descriptor", column.name)
    bounded = table[["cramers_v_low", "cramers_v_high"]].clip(0, 1).assign(lift_low=table["lift_low"].clip(0))
    return table.assign(**bounded)


def _correlation_and_lift(counts: np.ndarray) -> np.ndarray:
    """Return for each segment and level the size of their correlation, and the lift; missing where one is empty."""
    n, of_segment, of_level = counts.sum(), counts.sum(axis=1, keepdims=True), counts.sum(axis=0, keepdims=True)
    expected = of_segment * of_level
    spread = np.sqrt(expected * (n - of_segment) * (n - of_level))
    nothing = np.full(counts.shape, np.nan)
    correlation = np.divide(np.abs(n * counts - expected), spread, out=nothing.copy(), where=spread > 0)
    return np.array([correlation, np.divide(n * counts, expected, out=nothing, where=expected > 0)])
