"""Profiles of the segments in original units."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from segnb.disclosure import withheld_cells
from segnb.errors import DataError
from segnb.interpret.effects import as_levels

OTHER_LEVELS = "other levels"
"""What rare levels of a category are taken together as."""


def segment_sizes(customers: pd.DataFrame, segments: pd.Series, value: str = "") -> pd.DataFrame:
    """Return the size of each segment.

    Parameters
    ----------
    customers : DataFrame
        One row per customer, original units.
    segments : Series
        Segment of each customer, same index.
    value : str, optional
        The column whose total is shared out, for instance "spend".

    Returns
    -------
    DataFrame
        Index `segment`; `customers`, `share` and with `value` also `value_share`, each share of 1.

    >>> segment_sizes(pd.DataFrame({"spend": [1.0, 1, 2]}), pd.Series([1, 1, 2]), "spend")["value_share"].tolist()
    [0.5, 0.5]
    """
    counts = segments.value_counts().sort_index().rename_axis("segment")
    table = pd.DataFrame({"customers": counts, "share": counts / len(segments)})
    if value:
        total = customers[value].sum()
        table["value_share"] = customers[value].groupby(segments).sum() / (total if total else np.nan)
    return table


def value_column(customers: pd.DataFrame, wanted: str) -> str:
    """Return `wanted`, or "" for the default where a table has no such column.

    Raises
    ------
    DataError
        If a column other than the default is wanted and is not there or is no number.

    >>> value_column(pd.DataFrame({"age": [30]}), "spend")
    ''
    """
    if wanted in customers and pd.api.types.is_numeric_dtype(customers[wanted]):
        return wanted
    if wanted in ("", "spend"):
        return ""
    numeric = ", ".join(customers.select_dtypes("number"))
    raise DataError(f"value={wanted!r} is no numeric column; those are {numeric}")


def withheld_segments(sizes: pd.DataFrame, min_cell: int) -> list[int]:
    """Return the segments whose figures must not be shown, because they or their complement are too small.

    If just one segment has fewer than `min_cell` customers, the totals less the others would give it away, so
    the next smallest is withheld as well.

    >>> withheld_segments(pd.DataFrame({"customers": [90, 20, 4]}, index=[1, 2, 3]), 10)
    [2, 3]
    """
    ordered = sizes["customers"].sort_values(kind="stable")
    small = int((ordered < min_cell).sum())
    return sorted(int(segment) for segment in ordered.index[: 2 if small == 1 else small])


def profiles(
    customers: pd.DataFrame, segments: pd.Series, features: Sequence[str], *, min_cell: int = 10
) -> pd.DataFrame:
    """Return what each segment is like, in original units.

    Parameters
    ----------
    customers : DataFrame
        One row per customer; every column is profiled, numbers by mean and median, categories by shares.
    segments : Series
        Segment of each customer, same index.
    features : sequence of str
        The columns that made the segments; the others are marked as descriptors.
    min_cell : int, default 10
        Figures of segments that `withheld_segments` names are missing, and so are shares of levels that would tell of
        fewer customers; levels of fewer customers are taken together.

    Returns
    -------
    DataFrame
        One row per segment, column and level (of a category): `segment`, `column`, `role` (feature or
        descriptor), `level`, `mean`, `median` (of numbers), `share` (of a level), `overall` (mean or share over
        all customers), `overall_median` and `lift` (mean or share over the overall one).

    >>> table = pd.DataFrame({"age": [20.0, 40], "city": ["a", "b"]})
    >>> profiles(table, pd.Series([1, 2]), ["age"], min_cell=1)["lift"].round(2).tolist()
    [0.67, 1.33, 2.0, 0.0, 0.0, 2.0]
    """
    parts = [_profile(customers[name], segments, name in set(features), min_cell) for name in customers]
    table = pd.concat(parts, ignore_index=True).sort_values(["role", "column"], kind="stable", key=_roles_first)
    hidden = withheld_segments(segment_sizes(customers, segments), min_cell)
    table.loc[table["segment"].isin(hidden), ["mean", "median", "share", "lift"]] = np.nan
    return table.reset_index(drop=True)


def centre_scores(customers: pd.DataFrame, segments: pd.Series, columns: Sequence[str]) -> pd.DataFrame:
    """Return each segment's mean in standard deviations above the mean of all customers, segments by columns."""
    values = customers[list(columns)].astype(float)
    spread = values.std(ddof=0).replace(0, np.nan)
    return ((values.groupby(segments).mean() - values.mean()) / spread).rename_axis("segment")


def _roles_first(column: pd.Series) -> pd.Series:
    return column.map({"feature": 0, "descriptor": 1}) if column.name == "role" else pd.Series(0, index=column.index)


def _profile(column: pd.Series, segments: pd.Series, is_feature: bool, min_cell: int) -> pd.DataFrame:
    is_number = is_feature or (pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column))
    table = _numbers(column, segments) if is_number else _shares(column, segments, min_cell)
    table["lift"] = table["mean"].fillna(table["share"]) / table["overall"].where(table["overall"] != 0)
    return table.assign(column=column.name, role="feature" if is_feature else "descriptor")[
        ["segment", "column", "role", "level", "mean", "median", "share", "overall", "overall_median", "lift"]
    ]


def _numbers(column: pd.Series, segments: pd.Series) -> pd.DataFrame:
    values = column.astype(float)
    table = values.groupby(segments).agg(["mean", "median"]).rename_axis("segment").reset_index()
    return table.assign(level="", share=np.nan, overall=values.mean(), overall_median=values.median())


def _shares(column: pd.Series, segments: pd.Series, min_cell: int) -> pd.DataFrame:
    levels = _large_levels(as_levels(column), min_cell)
    counts = pd.crosstab(segments, levels).rename_axis(index="segment", columns="level")
    shares = counts.div(counts.sum(axis=1), axis=0).mask(withheld_cells(counts.to_numpy(), min_cell))
    table = shares.stack(future_stack=True).rename("share").reset_index()
    overall = table["level"].map(levels.value_counts(normalize=True))
    return table.assign(mean=np.nan, median=np.nan, overall=overall, overall_median=np.nan)


def _large_levels(levels: pd.Series, min_cell: int) -> pd.Series:
    """Return the levels with those of fewer than `min_cell` customers taken together, if need be with a larger one."""
    counts = levels.value_counts().sort_values(kind="stable")
    small = counts.index[counts < min_cell]
    if len(small) and counts[small].sum() < min_cell:
        small = counts.index[: len(small) + 1]
    return levels.where(~levels.isin(small), OTHER_LEVELS) if len(small) else levels
