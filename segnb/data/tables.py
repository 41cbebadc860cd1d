"""Read a table from a file and refuse, in one readable line, what would be misread silently."""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from segnb.data.contract import check_ids_choice, normalised
from segnb.data.text_files import DELIMITERS, MISSING_MARKS, check_fields, check_header, opened, rows_of
from segnb.data.workbooks import read_workbook, workbook_header
from segnb.errors import DataError
from segnb.paths import find_file, sha256

NAMELESS = re.compile(r"__index_level_\d+__")
"""What parquet calls a pandas index without a name."""

RESERVED = ("segment", "confidence")
"""Columns that segnb adds itself, so that a table may not bring them along."""


def read_table(
    source: str,
    id_columns: Sequence[str] = (),
    reading: Mapping[str, str] | None = None,
    *,
    most: int | None = None,
) -> pd.DataFrame:
    """Return the table in a file, with ids as text.

    Parameters
    ----------
    source : str
        A csv, tsv or txt file (gzipped or not), parquet or xlsx; see `segnb.paths.find_file`.
    id_columns : sequence of str
        Columns to be read as text, so that `00123` stays `00123` and an id `NA` is no missing value.
    reading : mapping of str to str, optional
        `delimiter` (" " for any run of blanks), `encoding`, `decimal`, `thousands`, `sheet` (of a workbook, the first
        by default), `ids` ("normalise" takes ids that differ in blanks or accents only for one), and `sha256`, the
        checksum that the file must have.
    most : int, optional
        Look at this many rows from the beginning only.

    Returns
    -------
    DataFrame
        At least one row, unique column names.

    Raises
    ------
    DataError
        If the file is missing, empty, damaged, or is not written the way `reading` says.

    >>> read_table("data/shop_customers.csv", ["customer_id"]).columns[0]
    'customer_id'
    """
    reading = dict(reading or {})
    path = find_file(source)
    check_sha256(path, source, reading.get("sha256", ""))
    kind = file_kind(path, source)
    try:
        normalise = check_ids_choice(reading)
        table = _READERS[kind](path, source, id_columns, reading, most)
        if normalise:
            there = [name for name in id_columns if name in table]
            table = table.assign(**{name: normalised(table[name]) for name in there})
    except DataError:
        raise
    except Exception as error:
        raise unreadable(source, kind, error) from None
    return check_table(table, source)


def unreadable(source: str, kind: str, error: Exception) -> DataError:
    """Return the error that says why a file cannot be read, in one line."""
    if isinstance(error, UnicodeDecodeError) or "UTF8" in str(error):
        where = f"byte {error.start} is" if isinstance(error, UnicodeDecodeError) else "there are bytes that are"
        encoding = error.encoding if isinstance(error, UnicodeDecodeError) else "utf-8"
        return DataError(
            f"{source}: {where} not {encoding}; name the encoding, for instance reading: {{encoding: latin-1}}"
        )
    return DataError(f"{source}: cannot be read as {kind}: {' '.join(str(error).split())}")


def column_names(source: str, reading: Mapping[str, str] | None = None) -> list[str]:
    """Return the names of the columns of a file that `read_table` would read, without reading its rows.

    >>> column_names("data/shop_purchases.parquet")[:3]
    ['order_id', 'customer_id', 'ordered_at']
    """
    path, reading = find_file(source), reading or {}
    kind = file_kind(path, source)
    try:
        if kind == ".parquet":
            return [name for name in pq.read_schema(path).names if not NAMELESS.fullmatch(name)]
        if kind == ".xlsx":
            return workbook_header(path, source, reading)
        with opened(path, reading.get("encoding") or "utf-8-sig") as lines:
            delimiter = reading.get("delimiter") or DELIMITERS[kind]
            header = next(rows_of(lines, delimiter), [])
    except Exception as error:
        raise unreadable(source, kind, error) from None
    check_header(header, source, delimiter)
    return header


def check_columns(columns: pd.Index | list[str], needed: Mapping[str, str], source: str) -> None:
    """Raise a `DataError` that lists all `needed` columns (parameter name to column name) that are not there."""
    missing = [f"{column!r} ({parameter})" for parameter, column in needed.items() if column not in columns]
    if missing:
        raise DataError(
            f"{source}: no column {', '.join(missing)}; its columns are {_listed(columns)}; "
            "name the right one in the parameter in brackets"
        )


def _listed(columns: pd.Index | list[str], most: int = 20) -> str:
    names = [str(column) for column in columns]
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def file_kind(path: Path, source: str) -> str:
    """Return the ending that says how a file is read; a `DataError` names those there are."""
    suffixes = path.suffixes[-2:] if path.suffix == ".gz" else path.suffixes[-1:]
    kind = (suffixes[0] if suffixes else "").lower()
    if kind not in _READERS:
        raise DataError(f"{source}: files ending in {path.suffix!r} are not read; allowed are {', '.join(_READERS)}")
    return kind


def check_sha256(path: Path, source: str, expected: str) -> None:
    """Raise a `DataError` if a file's SHA-256 is not the expected one; "" expects nothing."""
    if expected and (found := sha256(path)) != expected.lower():
        raise DataError(f"{source}: SHA-256 is {found}, expected {expected}; this is another copy of the file")


def _read_text(
    path: Path, source: str, id_columns: Sequence[str], reading: Mapping[str, str], most: int | None
) -> pd.DataFrame:
    delimiter = reading.get("delimiter") or DELIMITERS[file_kind(path, source)]
    encoding = reading.get("encoding") or "utf-8-sig"
    header = check_fields(path, source, delimiter, encoding, most)
    table = pd.read_csv(
        path,
        sep=r"\s+" if delimiter == " " else delimiter,
        encoding=encoding,
        decimal=reading.get("decimal") or ".",
        index_col=False,
        dtype=dict.fromkeys(id_columns, str),
        keep_default_na=False,
        na_values={name: [""] if name in id_columns else MISSING_MARKS for name in header},
        low_memory=False,
        nrows=most,
    )
    thousands = reading.get("thousands")
    return _ungrouped(table, id_columns, thousands, reading.get("decimal") or ".") if thousands else table


def _ungrouped(table: pd.DataFrame, id_columns: Sequence[str], thousands: str, decimal: str) -> pd.DataFrame:
    """Return the table with numbers whose thousands are set apart; pandas would take 31.12.2025 for one too."""
    group, point = re.escape(thousands), re.escape(decimal)
    number = rf"\s*[-+]?(\d{{1,3}}({group}\d{{3}})+|\d+)({point}\d*)?\s*"
    found = {}
    for name in table.select_dtypes("str").columns.difference(id_columns):
        text = table[name]
        if text.notna().any() and text.dropna().str.fullmatch(number).all():
            plain = text.str.replace(thousands, "", regex=False).str.replace(decimal, ".", regex=False)
            found[name] = pd.to_numeric(plain)
    return table.assign(**found)


def _read_parquet(
    path: Path, source: str, id_columns: Sequence[str], reading: Mapping[str, str], most: int | None
) -> pd.DataFrame:
    table = pq.read_table(path) if most is None else _first_rows(path, most)
    table = table.select([name for name in table.column_names if not NAMELESS.fullmatch(name)])
    table = table.to_pandas(ignore_metadata=True)  # a pandas index becomes the column that it was
    for name in id_columns:
        table = ids_as_text(table, name)
    return table


def _first_rows(path: Path, most: int) -> pa.Table:
    with pq.ParquetFile(path) as file:
        return pa.Table.from_batches(islice(file.iter_batches(most), 1), file.schema_arrow)


def ids_as_text(table: pd.DataFrame, id_column: str) -> pd.DataFrame:
    """Return `table` with its id column as text; whole numbers lose no digit, missing ids stay missing."""
    if id_column not in table:
        return table
    ids = table[id_column]
    if pd.api.types.is_float_dtype(ids):
        ids = ids.astype("Int64")
    return table.assign(**{id_column: ids.astype("string").astype("str")})


def check_table(table: pd.DataFrame, source: str) -> pd.DataFrame:
    """Return the table with decimals as floats and mixed types as text, after checking that it can be used."""
    if table.empty:
        raise DataError(f"{source}: no rows; the table needs a header and at least one row")
    if not all(isinstance(name, str) for name in table.columns):
        raise DataError(f"{source}: column names must be text, found {list(table.columns)[:5]}; rename them")
    plain = {}
    for name in table.columns[table.dtypes.map(pd.api.types.is_object_dtype)]:
        column = table[name]
        known = column.dropna()
        if known.map(lambda value: isinstance(value, list | dict | np.ndarray)).any():
            raise DataError(f"{source}: column {name!r} holds lists or records; unfold it into columns of its own")
        kinds = set(known.map(type))
        if kinds == {Decimal}:
            plain[name] = column.astype(float)
        elif len(kinds) > 1:
            plain[name] = column.map(str, na_action="ignore")
    return table.assign(**plain)


_READERS = {
    ".csv": _read_text,
    ".tsv": _read_text,
    ".txt": _read_text,
    ".parquet": _read_parquet,
    ".xlsx": read_workbook,
}
