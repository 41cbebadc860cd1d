"""A purchase log brought into shape batch by batch, never in memory as a whole; all its faults are told at once."""

import re
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from segnb.data.contract import check_ids_choice, normal_form
from segnb.data.faults import LogFaults
from segnb.data.tables import column_names, file_kind, read_table, unreadable
from segnb.data.text_files import DELIMITERS, MISSING_MARKS, check_fields, ends_with
from segnb.errors import DataError
from segnb.tables import LARGEST

BLOCK = 4 * 2**20
"""Bytes of a text file that are looked at together."""

ZONED = r":\d\d(\.\d+)?\s*(Z|[+-]\d\d(:?\d\d)?)$"
"""How a time ends that says how far it is from UTC."""


def shape_log(path: Path, source: str, kinds: Mapping[str, str], reading: Mapping[str, str], target: Path) -> Path:
    """Return a parquet file with the columns of a purchase log, its numbers numbers and its dates dates.

    That is the file itself if it is so already, otherwise `target`, written batch by batch.

    Parameters
    ----------
    path : Path
        A text file, parquet or xlsx, in which the columns are.
    source : str
        What the person calls it.
    kinds : mapping of str to {"text", "number", "date"}
        The columns, and what is in them.
    reading : mapping of str to str
        How the file is written, see `segnb.data.tables.read_table`; `dates` is the format of dates written as text
        (ISO 8601 by default), and with `zone` times may say how far from UTC they are.
    target : Path

    Raises
    ------
    DataError
        If rows are ragged, numbers are none or beyond reason, or more than one in a thousand dates cannot be read:
        all faults are listed with their number and their first rows.
    """
    kind, normalise = file_kind(path, source), check_ids_choice(reading)
    if kind == ".parquet" and _in_shape(pq.read_schema(path), source, kinds) and not normalise:
        return path
    faults, writer = LogFaults(), None
    for batch in _batches(path, source, kind, kinds, reading, faults):
        try:
            shaped = pa.table({name: _shaped(batch.column(name), name, kinds[name], reading, faults) for name in kinds})
        except pa.ArrowException as error:
            raise unreadable(source, kind, error) from None
        writer = writer or pq.ParquetWriter(target, shaped.schema)
        writer.write_table(shaped)
        faults.rows += len(batch)
    faults.check(source)
    if writer is None:
        raise DataError(f"{source}: no rows; a purchase log needs at least one order line")
    writer.close()
    return target


def _in_shape(schema: pa.Schema, source: str, kinds: Mapping[str, str]) -> bool:
    nested = [name for name in kinds if pa.types.is_nested(schema.field(name).type)]
    if nested:
        raise DataError(
            f"{source}: column {', '.join(map(repr, nested))} holds lists or records; unfold it into columns"
        )
    return all(kind == "text" or _fits(schema.field(name).type, kind) for name, kind in kinds.items())


def _fits(found: pa.DataType, kind: str) -> bool:
    numeric = pa.types.is_integer(found) or pa.types.is_floating(found) or pa.types.is_decimal(found)
    return numeric if kind == "number" else pa.types.is_timestamp(found) or pa.types.is_date(found)


def _batches(
    path: Path, source: str, kind: str, kinds: Mapping[str, str], reading: Mapping[str, str], faults: LogFaults
) -> Iterator[pa.RecordBatch]:
    names = list(kinds)
    try:
        if kind == ".parquet":
            yield from pq.ParquetFile(path).iter_batches(columns=names)
        elif kind == ".xlsx":
            table = read_table(source, [name for name in kinds if kinds[name] == "text"], reading)
            yield from pa.Table.from_pandas(table[names], preserve_index=False).to_batches()
        elif reading.get("delimiter") == " ":
            yield from _blank_batches(path, source, names, reading)
        else:
            yield from _text_batches(path, source, kind, names, reading, faults)
    except (pa.ArrowException, UnicodeDecodeError, OSError, EOFError, zlib.error, pd.errors.ParserError) as error:
        raise unreadable(source, kind, error) from None


def _text_batches(
    path: Path, source: str, kind: str, names: list[str], reading: Mapping[str, str], faults: LogFaults
) -> Iterator[pa.RecordBatch]:
    last = column_names(str(path), reading)[-1]
    columns = list(dict.fromkeys([*names, last]))
    with pyarrow.csv.open_csv(
        str(path),
        pyarrow.csv.ReadOptions(use_threads=False, block_size=BLOCK, encoding=reading.get("encoding") or "utf8"),
        pyarrow.csv.ParseOptions(
            delimiter=reading.get("delimiter") or DELIMITERS[kind],
            newlines_in_values=True,
            invalid_row_handler=faults.skip,
        ),
        pyarrow.csv.ConvertOptions(column_types=dict.fromkeys(columns, pa.string()), include_columns=columns),
    ) as batches:
        end = ""
        for batch in batches:
            yield batch
            end = batch.column(last)[-1].as_py() if len(batch) else end
    if "\n" in end and not ends_with(path, '"', reading.get("encoding")):
        row = faults.rows + len(faults.skipped) + 1
        raise DataError(f"{source}: a quote that begins in row {row} is never closed; repair that row")


def _blank_batches(path: Path, source: str, names: list[str], reading: Mapping[str, str]) -> Iterator[pa.RecordBatch]:
    encoding = reading.get("encoding") or "utf-8-sig"
    check_fields(path, source, " ", encoding)
    options = {"sep": r"\s+", "dtype": str, "keep_default_na": False, "index_col": False}
    for chunk in pd.read_csv(path, usecols=names, encoding=encoding, chunksize=500_000, **options):
        yield pa.RecordBatch.from_pandas(chunk, preserve_index=False)


def _shaped(column: pa.Array, name: str, kind: str, reading: Mapping[str, str], faults: LogFaults) -> pa.Array:
    if kind == "text" and reading.get("ids") and not pa.types.is_integer(column.type):
        return normal_form(column.cast(pa.string()))
    if kind == "text":
        return column
    if _fits(column.type, kind):
        return column
    text = pc.utf8_trim_whitespace(column.cast(pa.string()))
    text = pc.if_else(pc.is_in(text, pa.array(MISSING_MARKS)), None, text)
    return (_numbers if kind == "number" else _moments)(text, name, reading, faults)


def _numbers(text: pa.Array, name: str, reading: Mapping[str, str], faults: LogFaults) -> pa.Array:
    decimal, thousands = reading.get("decimal") or ".", reading.get("thousands")
    plain = pc.replace_substring(text, thousands, "") if thousands else text
    if decimal != ".":
        plain = pc.if_else(pc.match_substring(plain, "."), "no number", pc.replace_substring(plain, decimal, "."))
    try:
        found = plain.cast(pa.float64())
    except pa.ArrowInvalid:
        found = pa.array(pd.to_numeric(plain.to_pandas(), errors="coerce"), pa.float64(), from_pandas=True)
    faults.note(name, "number", pc.and_(pc.is_valid(text), pc.is_null(found)), text)
    faults.note(name, "large", pc.fill_null(pc.greater(pc.abs(found), LARGEST), False), text)
    return found


def _moments(text: pa.Array, name: str, reading: Mapping[str, str], faults: LogFaults) -> pa.Array:
    """Return dates and times, those that say how far from UTC they are as times of UTC."""
    written = reading.get("dates") or "ISO8601"
    if not reading.get("zone"):
        told = pc.is_valid(text) if re.search("%[zZ]", written) else pc.match_substring_regex(text, ZONED)
        faults.note(name, "zone", pc.fill_null(told, False), text)
    try:
        days = pd.to_datetime(text.to_pandas(), format=written, errors="coerce", utc=True).dt.tz_localize(None)
    except ValueError as error:
        raise DataError(
            f"reading: dates={written!r} is no way to write dates ({error}); for instance %d.%m.%Y"
        ) from None
    found = pa.array(days.astype("datetime64[us]"), pa.timestamp("us"), from_pandas=True)
    faults.note(name, "date", pc.and_(pc.is_valid(text), pc.is_null(found)), text)
    return found
