"""Faults in a table, in words: how many there are, where the first ones stand, and what to do."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from segnb.errors import DataError
from segnb.tables import LARGEST

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


FEW_DATES = 0.001
"""Up to this share of dates that cannot be read, such lines are left out and counted like those without a date."""

_WORDS = {
    "number": (
        "value that is no number",
        "values that are no numbers",
        "say how with reading: {decimal: …, thousands: …}, or take signs and units out of them",
    ),
    "large": (f"amount beyond {LARGEST:g}", f"amounts beyond {LARGEST:g}", "repair them"),
    "date": (
        "value that is no date",
        "values that are no dates",
        "say how dates are written with reading: {dates: …}, for instance %d.%m.%Y",
    ),
    "zone": (
        "time with a time zone",
        "times with a time zone",
        "say whose days count with reading: {zone: …}, for instance Europe/Berlin",
    ),
}


@dataclass
class LogFaults:
    """What cannot be read of a purchase log: by column and kind how often, and the first rows.

    Attributes
    ----------
    rows : int
        Rows that are done.
    skipped : list of int
        Rows with too few or too many fields.
    """

    rows: int = 0
    skipped: list[int] = field(default_factory=list)
    ragged: list[str] = field(default_factory=list)
    counts: dict[tuple[str, str], int] = field(default_factory=dict)
    first: dict[tuple[str, str], list[tuple[int, object]]] = field(default_factory=dict)

    def note(self, column: str, kind: str, there: pa.Array, text: pa.Array) -> None:
        """Take down the rows of a batch in which `there` is true."""
        count = pc.sum(there).as_py() or 0
        if count:
            key = (column, kind)
            self.counts[key] = self.counts.get(key, 0) + count
            told = self.first.setdefault(key, [])
            for place in pc.indices_nonzero(there)[: TOLD - len(told)].to_pylist():
                told.append((self._row(place), text[place].as_py()))

    def skip(self, row: pa.csv.InvalidRow) -> str:
        """Take down a row with too few or too many fields, and go on."""
        self.skipped.append(row.number)
        if len(self.ragged) < TOLD:
            self.ragged.append(f"row {row.number} has {row.actual_columns}")
        return "skip"

    def _row(self, place: int) -> int:
        """Return the row in the file, the header being row 1, of a place in the batch that comes next."""
        row = self.rows + place + 2
        for number in self.skipped:
            row += number <= row
        return row

    def check(self, source: str) -> None:
        """Raise a `DataError` with all faults that are too many to go on with."""
        told = []
        if self.skipped:
            first = ", ".join(self.ragged) + (", …" if len(self.skipped) > len(self.ragged) else "")
            told.append(
                f"{len(self.skipped):,} rows with more or fewer fields than the header ({first}), "
                "repair them, or name the delimiter with reading: {delimiter: …}"
            )
        for (column, kind), count in self.counts.items():
            if kind != "date" or count > FEW_DATES * self.rows:
                first = self.first[column, kind]
                one, many, remedy = _WORDS[kind]
                remedy = how_written((str(text) for _, text in first), remedy) if kind == "number" else remedy
                told.append(fault_words(column, count, one, many, first, remedy))
        if told:
            raise DataError(f"{source}: {'; '.join(told)}")
