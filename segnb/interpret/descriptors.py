"""Columns that did not make the segments: do they differ between them, and how strongly?"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.stats import chi2_contingency, kruskal
from scipy.stats.contingency import association

from segnb.holm import holm
from segnb.interpret.bootstrap import interval_table, intervals

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
