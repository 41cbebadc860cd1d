"""Faults in a table, in words: how many there are, where the first ones stand, and what to do."""

import re
from collections.abc import Iterable

import pandas as pd

TOLD = 5
"""So many rows of each fault are named."""

CURRENCY = re.compile(
    r"[$€£¥₹₩₺₽]|\b(?:USD|EUR|GBP|CHF|JPY|CNY|INR|SEK|NOK|DKK|PLN|CZK|AUD|CAD|BRL|MXN)\b", re.IGNORECASE
)
"""What tells an amount's currency."""


def fault_words(column: str, count: int, one: str, many: str, rows: Iterable[tuple[int, object]], remedy: str) -> str:
    """Return a column's fault in words.

    Parameters
    ----------
    column : str
    count : int
        How often it is there.
    one, many : str
        What there is, once or more often.
    rows : iterable of (int, object)
        The first rows, the header being row 1, and what stands there.
    remedy : str

    >>> fault_words("age", 1, "text", "texts", [(3, "many")], "repair it")
    "column 'age' has 1 text (row 3: 'many'), repair it"
    """
    first = list(rows)[:TOLD]
    places = [f"row {row}{_shown(value)}" for row, value in first] + (["…"] if count > len(first) else [])
    return f"column {column!r} has {count:,} {one if count == 1 else many} ({', '.join(places)}), {remedy}"


def currencies(texts: Iterable[str]) -> list[str]:
    """Return the currencies that amounts written as text are in.

    >>> currencies(["1.50 EUR", "$3", "4 eur", "7"])
    ['$', 'EUR']
    """
    return sorted({found.upper() for text in texts for found in CURRENCY.findall(text)})


def how_written(texts: Iterable[str], otherwise: str) -> str:
    """Return the remedy for amounts that are no plain numbers: one currency if there are several, else `otherwise`."""
    found = currencies(texts)
    return f"bring them to one currency ({', '.join(found)} seen)" if len(found) > 1 else otherwise


def _shown(value: object) -> str:
    if pd.isna(value):
        return ""
    return f": {value:g}" if isinstance(value, float) else f": {str(value)[:40]!r}"
