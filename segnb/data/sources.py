"""A table of the engine, or a file as one: what a purchase log is read from."""

from collections.abc import Mapping

import ibis
import pyarrow.parquet as pq

from segnb.data.engines import check_numbers, engine_table, fetch, first_line, scratch_folder
from segnb.data.tables import check_columns, column_names
from segnb.data.text_files import MISSING_MARKS
from segnb.data.text_logs import shape_log
from segnb.errors import DataError
from segnb.init.guesses import pieces
from segnb.paths import find_file, is_file

READ_NO_FILES = ("postgres",)
"""Engines that get a file as a table for the session."""


def open_source(
    backend: ibis.BaseBackend,
    source: str,
    needed: Mapping[str, str],
    kinds: Mapping[str, str],
    reading: Mapping[str, str],
    engine: str,
) -> ibis.Table:
    """Return a table of the engine, or a file as one; parquet whose columns are in shape stays where it is.

    Parameters
    ----------
    backend : BaseBackend
    source : str
    needed : mapping of str to str
        The columns that must be there, by the parameter that names them.
    kinds : mapping of str to {"text", "number", "date"}
        What is in them.
    reading : mapping of str to str
    engine : str
        The backend's address.

    Raises
    ------
    DataError
        If the source or a column is missing, or what is in them cannot be read: see `shape_log`.
    """
    if not is_file(source, engine):
        table = engine_table(backend, source, engine)
        check_columns(table.columns, needed, source)
        check_numbers(table, source, [name for name, kind in kinds.items() if kind == "number"])
        _check_one_currency(table, source, kinds)
        return table
    names = column_names(source, reading)
    check_columns(names, needed, source)
    kinds = {name: "text" for name in names if _tells_currency(name)} | dict(kinds)
    path = shape_log(
        find_file(source), source, kinds, reading, scratch_folder() / f"{ibis.util.gen_name('segnb')}.parquet"
    )
    try:
        if backend.name in READ_NO_FILES:
            table = backend.create_table(ibis.util.gen_name("segnb"), pq.read_table(path), temp=True)
        else:
            table = backend.read_parquet(path)
    except Exception as error:
        raise DataError(f"{source}: cannot be read as parquet: {first_line(error)}") from None
    _check_one_currency(table, source, kinds)
    return table


def _check_one_currency(table: ibis.Table, source: str, kinds: Mapping[str, str]) -> None:
    """Refuse amounts in several currencies, which no sum makes sense of; a table without amounts may name them."""
    if "number" not in kinds.values():
        return
    for name in (name for name in table.columns if _tells_currency(name) and kinds.get(name) in (None, "text")):
        texts = fetch(table.select(name).distinct().limit(20))[name].dropna().astype(str).str.strip()
        found = sorted(set(texts) - set(MISSING_MARKS))
        if len(found) > 1:
            raise DataError(
                f"{source}: column {name!r} tells of {len(found)} currencies ({', '.join(found)}), which cannot "
                "be added up; bring the amounts to one currency and leave that column out"
            )


def _tells_currency(name: str) -> bool:
    """Return whether a column is about the currency itself, and not about a rate or an amount in one."""
    return pieces(name)[-1:] in (["currency"], ["code"]) and "currency" in pieces(name)
