"""The beginning of a table, wherever it lives: enough to guess what its columns are."""

from collections.abc import Mapping

import pandas as pd

from segnb.addresses import EMBEDDED
from segnb.data.engines import connect, engine_table, fetch
from segnb.data.tables import check_table, read_table
from segnb.paths import is_file


def glimpse(
    source: str, reading: Mapping[str, str] | None = None, engine: str = EMBEDDED, most: int = 100_000
) -> tuple[pd.DataFrame, bool]:
    """Return the first rows of a table, and whether there are more.

    Parameters
    ----------
    source : str
        A file, or a table of the engine, whose first rows are any.
    reading : mapping of str to str, optional
        How a file is written, see `read_table`.
    engine : str
        Address of the engine.
    most : int
        How many rows to return at most.

    Raises
    ------
    DataError
        As `read_table`, or if the engine has no such table.

    >>> glimpse("data/shop_customers.csv", most=3)[0].shape, glimpse("data/shop_customers.csv")[1]
    ((3, 6), False)
    """
    if is_file(source, engine):
        rows = read_table(source, reading=reading, most=most + 1)
    else:
        rows = check_table(fetch(engine_table(connect(engine), source, engine).limit(most + 1)), source)
    return rows.head(most), len(rows) > most
