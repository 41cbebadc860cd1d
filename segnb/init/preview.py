"""The beginning of a table, wherever it lives: enough to guess what its columns are."""

import csv
import gzip
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from segnb.data.engines import connect, engine_table, fetch
from segnb.data.tables import check_table, file_kind, read_table, unreadable
from segnb.data.text_files import DELIMITERS
from segnb.data.workbooks import sheet_names
from segnb.errors import DataError
from segnb.paths import EMBEDDED, find_file, is_file


def guess_reading(source: str) -> dict[str, str]:
    """Return how a text file seems to be written where that is not plain: `delimiter`, `encoding` and `decimal`.

    Guesses are for a person to look at; `read_table` itself guesses nothing.

    Raises
    ------
    DataError
        If there is no such file, or it is in no encoding that is tried.

    >>> guess_reading("data/shop_customers.csv")
    {}
    """
    path = find_file(source)
    kind = file_kind(path, source)
    if kind in (".parquet", ".xlsx"):
        return {}
    opener = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rb") as file:
            start = file.read(200_000)
    except (OSError, EOFError, zlib.error) as error:
        raise unreadable(source, kind, error) from None
    encoding, text = _decoded(start, source)
    lines = [line for line in text.splitlines() if line][:200]
    counts = {mark: lines[0].count(mark) for mark in (DELIMITERS[kind], ",", ";", "\t", "|")} if lines else {",": 0}
    delimiter = max(counts, key=counts.__getitem__)
    blanks = not counts[delimiter] and len(lines[0].split()) > 1 if lines else False
    found = {"encoding": encoding} if encoding != "utf-8" else {}
    if blanks or delimiter != DELIMITERS[kind]:
        found["delimiter"] = " " if blanks else delimiter
    return found | _written_numbers([cell for row in csv.reader(lines[1:], delimiter=delimiter) for cell in row])


def _written_numbers(cells: Sequence[str]) -> dict[str, str]:
    """Return the marks for decimals and thousands, as far as they are not plain.

    >>> _written_numbers(["2.373,53", "12,50"]), _written_numbers(["1,234.50"]), _written_numbers(["1.5", "7"])
    ({'decimal': ',', 'thousands': '.'}, {'thousands': ','}, {})
    """

    def share(thousands: str, decimal: str) -> tuple[int, int]:
        grouped = [re.fullmatch(rf"-?\d{{1,3}}({thousands}\d{{3}})+({decimal}\d+)?", cell) for cell in cells]
        plain = [re.fullmatch(rf"-?\d+{decimal}\d+", cell) for cell in cells]
        return sum(map(bool, grouped)), sum(map(bool, plain))

    (dots, commas), (groups, points) = share(r"\.", ","), share(",", r"\.")
    if dots + commas > groups + points:
        return {"decimal": ","} | ({"thousands": "."} if dots else {})
    return {"thousands": ","} if groups and not commas else {}


def _decoded(start: bytes, source: str) -> tuple[str, str]:
    """Return the encoding of the beginning of a file, and its text."""
    for encoding in ("utf-16",) if start[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8", "cp1252"):
        try:
            text = start.decode(encoding, errors="strict")
            return encoding, text.lstrip("\ufeff")
        except UnicodeDecodeError as error:
            if error.start > len(start) - 4:  # a character cut in two
                return encoding, start[: error.start].decode(encoding).lstrip("\ufeff")
    raise DataError(f"{source}: neither utf-8, utf-16 nor cp1252; name the encoding with reading: {{encoding: …}}")


@dataclass(frozen=True)
class Glimpse:
    """The first rows of a table, how it is written, and whether there are more rows."""

    source: str
    engine: str
    reading: dict[str, str]
    rows: pd.DataFrame
    more: bool

    def other_sheets(self) -> list[str]:
        """Return a sentence on the sheets of a workbook that are not read."""
        sheets = sheet_names(self.source) if self.source.lower().endswith(".xlsx") else []
        named = ", ".join(sheets[1:])
        return [f"only the sheet {sheets[0]} is read; {named} with reading: {{sheet: …}}"] if sheets[1:] else []

    def extent(self, unit: str) -> str:
        """Return how much was looked at."""
        return f"guessed from {len(self.rows):,} {unit}, there are more" if self.more else f"{len(self.rows):,} {unit}"


def glimpse(source: str, engine: str = EMBEDDED, most: int = 100_000) -> Glimpse:
    """Return the first rows of a table, whether there are more, and how it seems to be written.

    Parameters
    ----------
    source : str
        A file, or a table of the engine, whose first rows are any.
    engine : str
        Address of the engine.
    most : int
        How many rows to return at most.

    Raises
    ------
    DataError
        As `read_table`, or if the engine has no such table.

    >>> glimpse("data/shop_customers.csv", most=3).rows.shape, glimpse("data/shop_customers.csv").more
    ((3, 6), False)
    """
    reading: dict[str, str] = {}
    if is_file(source, engine):
        reading = guess_reading(source)
        rows = read_table(source, reading=reading, most=most + 1)
    else:
        rows = check_table(fetch(engine_table(connect(engine), source, engine).limit(most + 1)), source)
    return Glimpse(source, engine, reading, rows.head(most), len(rows) > most)
