"""What a spreadsheet opens goes out through here, and nothing of it is a formula."""

import re
from typing import Any

import pandas as pd

DANGEROUS = r"^\s*[=+\-@\t\r＝＋－＠]"
"""How a text begins that a spreadsheet would take for a formula."""


def safe_csv(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with text that a spreadsheet would run as a formula marked as text.

    >>> safe_csv(pd.DataFrame({"name": ["=1+1", "plain"]}))["name"].tolist()
    ["'=1+1", 'plain']
    """
    safe = table.copy(deep=False)
    for name in safe:
        if not pd.api.types.is_numeric_dtype(safe[name]):
            safe[name] = _defused_all(safe[name])
    if not pd.api.types.is_numeric_dtype(safe.index):
        safe.index = pd.Index(_defused_all(safe.index.to_series()), name=safe.index.name)
    return safe.rename(columns=_defused).rename_axis(index=_defused(safe.index.name))


def _defused_all(column: pd.Series) -> pd.Series:
    """Return a column with its dangerous texts marked; looked at closely only where there may be any."""
    if pd.api.types.is_string_dtype(column) and not column.str.contains(DANGEROUS, regex=True, na=False).any():
        return column
    return column.map(_defused)


def _defused(value: Any) -> Any:
    starts = isinstance(value, str) and re.search(DANGEROUS, value)
    return f"'{value}" if starts and value.strip() else value
