"""What several steps share: thresholds, the log of rules, tables and labels of any kind, p-values, safe csv."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow.csv
from numpy.typing import ArrayLike

from segnb.text import IS

COMES_BACK = 0.8
"""Prediction strength and stability from here on: the segments come back on other samples."""

FOUND_AGAIN = 0.75
"""Jaccard index of a segment from here on: models of other samples find it again."""

LIGHTS = {0.0: "unstable", 0.6: "doubtful", FOUND_AGAIN: "stable", 0.85: "highly stable"}
"""What a segment's Jaccard index means from each value on: Hennig, Comput. Stat. Data Anal. 52, 2007."""

LARGEST = 1e15
"""Beyond this a float64 no longer holds the cents and sums of squares lose their meaning."""


class Rule(NamedTuple):
    """What one rule did: of `before` rows (or cells) of `unit`, `affected` were changed, `after` went on."""

    rule: str
    unit: str
    before: int
    affected: int
    after: int
    note: str = ""


def row_log(rules: Iterable[Rule]) -> pd.DataFrame:
    """Return the rules as a table, in the order in which they were applied.

    Parameters
    ----------
    rules : iterable of Rule

    >>> row_log([Rule("without an id", "rows", 10, 2, 8)]).loc[0, "after"]
    np.int64(8)
    """
    return pd.DataFrame(list(rules), columns=list(Rule._fields))


def holm(p: np.ndarray) -> np.ndarray:
    """Return p-values corrected for their number, missing ones left out (Holm, Scand. J. Statist. 6, 1979).

    Parameters
    ----------
    p : array of shape (n_tests,)
        From 0 to 1, or missing.

    >>> holm(np.array([0.01, np.nan, 0.04])).tolist()
    [0.02, nan, 0.04]
    """
    p = np.asarray(p, dtype=float)
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known], kind="stable")]
    result = np.full(len(p), np.nan)
    result[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(order), 0, -1)), 1)
    return result


def as_table(X: pd.DataFrame | np.ndarray) -> pd.DataFrame:
    """Return an array as a table whose columns are called x0, x1, …; a table as it is.

    Parameters
    ----------
    X : DataFrame or array of shape (n_rows, n_columns)

    >>> as_table(np.zeros((2, 2))).columns.tolist()
    ['x0', 'x1']
    """
    return X if isinstance(X, pd.DataFrame) else pd.DataFrame(np.asarray(X)).add_prefix("x")


def as_labels(labels: ArrayLike, index: pd.Index) -> pd.Series:
    """Return labels as a Series with this index: a Series is taken by its index, anything else by position.

    Parameters
    ----------
    labels : array or Series of shape (n_rows,)
    index : Index of length n_rows

    Raises
    ------
    ValueError
        If there are not as many labels as rows, or a row has none.

    >>> as_labels(["gold", "blue"], pd.Index([7, 8])).to_dict()
    {7: 'gold', 8: 'blue'}
    """
    found = labels.reindex(index) if isinstance(labels, pd.Series) else pd.Series(labels, index=index)
    if missing := int(found.isna().sum()):
        raise ValueError(f"{missing} rows have no label; give labels the index of the table, or an array")
    return found


def is_number(column: pd.Series) -> bool:
    """Return whether a column holds numbers; yes and no don't count.

    Parameters
    ----------
    column : Series

    >>> is_number(pd.Series([1, 2])), is_number(pd.Series([True, False]))
    (True, False)
    """
    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)


MISSING = "missing"
"""The level that a missing value of a category is."""


def as_levels(column: pd.Series) -> pd.Series:
    """Return a category's values as text, missing ones as the level "missing".

    Parameters
    ----------
    column : Series

    >>> as_levels(pd.Series(["a", None])).tolist()
    ['a', 'missing']
    """
    return column.astype("object").where(column.notna(), MISSING).astype(str)


def dummies(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table with numbers as float64, and a column of 0 and 1 for each level of each category.

    Parameters
    ----------
    table : DataFrame of shape (n_rows, n_columns)

    >>> dummies(pd.DataFrame({"age": [20, 30], "town": ["here", "there"]})).columns.tolist()
    ['age', 'town\u2009=\u2009here', 'town\u2009=\u2009there']
    """
    numeric = table.select_dtypes(["number", "bool"]).astype("float64")
    levels = table.drop(columns=numeric.columns).apply(as_levels)
    return numeric.join(pd.get_dummies(levels, prefix_sep=IS, dtype=float) if len(levels.columns) else levels)


_DANGEROUS = r"(?:^|[;\t\r\n])\s*[=+\-@\t\r＝＋－＠]"
"""How a text begins, or goes on after what separates cells elsewhere, that a spreadsheet would take for a formula."""

_INSIDE = re.compile(r"(?<=[;\t\r\n])\s*(?=[=+\-@＝＋－＠])")


def safe_csv(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with text that a spreadsheet would run as a formula marked as text.

    Parameters
    ----------
    table : DataFrame
        Its columns, its index and the names of both may come from somewhere else.

    Returns
    -------
    DataFrame
        A new one of the same shape; a text that begins like a formula has an apostrophe before it.

    >>> safe_csv(pd.DataFrame({"name": ["=1+1", "plain"]}))["name"].tolist()
    ["'=1+1", 'plain']
    """
    safe = table.copy(deep=False)
    for name in safe:
        safe[name] = _defused_all(safe[name])
    if not pd.api.types.is_numeric_dtype(safe.index):
        safe.index = pd.Index(_defused_all(safe.index.to_series()), name=safe.index.name)
    return safe.rename(columns=_defused).rename_axis(index=_defused(safe.index.name))


def _defused_all(column: pd.Series) -> pd.Series:
    """Return a column with its dangerous texts marked; looked at closely only where there may be any."""
    if pd.api.types.is_string_dtype(column):
        return column.map(_defused) if column.str.contains(_DANGEROUS, na=False).any() else column
    return column if pd.api.types.is_numeric_dtype(column) else column.map(_defused)


def _defused(value: Any) -> Any:
    if not isinstance(value, str) or not value.strip() or not re.search(_DANGEROUS, value):
        return value
    begun = value.lstrip()
    safe = value[: len(value) - len(begun)] + _INSIDE.sub(lambda blanks: f"{blanks[0]}'", begun)
    return f"'{safe}" if re.match(_DANGEROUS, value) else safe


MANY_ROWS = 100_000
"""Rows from which on a csv is written by pyarrow."""


def write_csv(table: pd.DataFrame, path: Path) -> None:
    """Write a table as csv, its text made safe for spreadsheets; a large one with pyarrow, many times faster."""
    plain = isinstance(table.index, pd.RangeIndex) and table.index.name is None
    safe = safe_csv(table)
    if len(safe) < MANY_ROWS:
        safe.to_csv(path, index=not plain, encoding="utf-8")
        return
    whole = safe if plain else safe.reset_index()
    written = whole.select_dtypes(["bool", "datetime", "datetimetz"])
    whole = whole.assign(**{name: column.astype("str") for name, column in written.items()})  # as pandas writes them
    pyarrow.csv.write_csv(pyarrow.Table.from_pandas(whole, preserve_index=False), path)
