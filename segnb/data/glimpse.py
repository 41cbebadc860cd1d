"""The beginning of a table, wherever it lives: enough to guess what its columns are."""

from dataclasses import dataclass

import pandas as pd

from segnb.addresses import EMBEDDED
from segnb.data.engines import connect, engine_table, fetch
from segnb.data.tables import check_table, read_table
from segnb.data.workbooks import sheet_names
from segnb.data.writing import guess_reading
from segnb.paths import is_file


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
