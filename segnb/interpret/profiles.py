"""Profiles of the segments in original units."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from segnb.errors import DataError
from segnb.tables import as_labels, as_levels, as_table, is_number

_COLUMNS = ["segment", "column", "role", "level", "mean", "median", "share", "overall", "overall_median", "lift"]


def segment_sizes(customers: pd.DataFrame, segments: ArrayLike, value: str = "") -> pd.DataFrame:
    """Return the size of each segment.

    Parameters
    ----------
    customers : DataFrame
        One row per customer, original units.
    segments : Series or array of shape (n_customers,)
        Segment of each customer, numbers or texts; a Series has the table's index.
    value : str, optional
        The column whose total is shared out, for instance "spend".

    Returns
    -------
    DataFrame
        Index `segment`; `customers`, `share` and with `value` also `value_share`, each share of 1.

    >>> segment_sizes(pd.DataFrame({"spend": [1.0, 1, 2]}), pd.Series([1, 1, 2]), "spend")["value_share"].tolist()
    [0.5, 0.5]
    """
    segments = as_labels(segments, customers.index)
    counts = segments.value_counts().sort_index().rename_axis("segment")
    table = pd.DataFrame({"customers": counts, "share": counts / len(segments)})
    if value:
        total = customers[value].sum()
        table["value_share"] = customers[value].groupby(segments).sum() / (total if total else np.nan)
    return table


def value_column(customers: pd.DataFrame, wanted: str) -> str:
    """Return `wanted`, or "" for the default where a table has no such column.

    Parameters
    ----------
    customers : DataFrame of shape (n_customers, n_columns)
    wanted : str
        The parameter `value`; "" for none.

    Raises
    ------
    DataError
        If a column other than the default is wanted and isn't there or isn't a number.

    >>> value_column(pd.DataFrame({"age": [30]}), "spend")
    ''
    """
    if wanted in customers and pd.api.types.is_numeric_dtype(customers[wanted]):
        return wanted
    if wanted in ("", "spend"):
        return ""
    numeric = ", ".join(customers.select_dtypes("number"))
    raise DataError(f"value={wanted!r} is not a numeric column; those are {numeric}")


def profiles(customers: pd.DataFrame | np.ndarray, segments: ArrayLike, features: Sequence[str] = ()) -> pd.DataFrame:
    """Return what each segment is like, in original units.

    Parameters
    ----------
    customers : DataFrame or array of shape (n_customers, n_columns)
        In original units; every column is profiled, numbers by mean and median, categories by shares. An array's
        columns are called x0, x1, ….
    segments : Series or array of shape (n_customers,)
        Segment of each customer, numbers or texts; a Series has the table's index.
    features : sequence of str, default none
        The columns that made the segments; the others are marked as descriptors.

    Returns
    -------
    DataFrame
        One row per segment, column and level (of a category), features first: `segment`, `column`, `role` (feature or
        descriptor), `level`, `mean`, `median` (of numbers), `share` (of a level), `overall` (mean or share over
        all customers), `overall_median` and `lift` (mean or share over the overall one).

    >>> table = pd.DataFrame({"age": [20.0, 40], "city": ["a", "b"]})
    >>> profiles(table, pd.Series([1, 2]), ["age"])["lift"].round(2).tolist()
    [0.67, 1.33, 2.0, 0.0, 0.0, 2.0]
    """
    customers, features = as_table(customers), set(features)
    segments = as_labels(segments, customers.index)
    names = sorted(customers, key=lambda name: name not in features)
    return pd.concat([_profile(customers[name], segments, name in features) for name in names], ignore_index=True)


def centre_scores(customers: pd.DataFrame, segments: ArrayLike, columns: Sequence[str]) -> pd.DataFrame:
    """Return each segment's mean in standard deviations above the mean of all customers, segments by columns.

    Parameters
    ----------
    customers : DataFrame of shape (n_customers, n_columns)
    segments : Series or array of shape (n_customers,)
        Segment of each customer; a Series has the table's index.
    columns : sequence of str
        Columns with numbers.

    >>> centre_scores(pd.DataFrame({"age": [20.0, 40]}), [1, 2], ["age"])["age"].tolist()
    [-1.0, 1.0]
    """
    values = customers[list(columns)].astype(float)
    spread = values.std(ddof=0).replace(0, np.nan)
    means = values.groupby(as_labels(segments, customers.index)).mean()
    return ((means - values.mean()) / spread).rename_axis("segment")


def _profile(column: pd.Series, segments: pd.Series, is_feature: bool) -> pd.DataFrame:
    counted = is_number(column) or (is_feature and pd.api.types.is_bool_dtype(column))
    table = _numbers(column, segments) if counted else _shares(column, segments)
    own = table["mean" if counted else "share"]
    table["lift"] = own / table["overall"].where(table["overall"] != 0)
    return table.assign(column=column.name, role="feature" if is_feature else "descriptor").reindex(columns=_COLUMNS)


def _numbers(column: pd.Series, segments: pd.Series) -> pd.DataFrame:
    values = column.astype(float)
    table = values.groupby(segments).agg(["mean", "median"]).rename_axis("segment").reset_index()
    return table.assign(level="", overall=values.mean(), overall_median=values.median())


def _shares(column: pd.Series, segments: pd.Series) -> pd.DataFrame:
    counts = pd.crosstab(segments, as_levels(column)).rename_axis(index="segment", columns="level")
    shares = counts.div(counts.sum(axis=1), axis=0)
    table = shares.stack(future_stack=True).rename("share").reset_index()
    return table.assign(overall=table["level"].map(counts.sum() / len(column)))
