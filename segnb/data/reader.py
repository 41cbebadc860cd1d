"""Files as tables: text, parquet and workbooks are read, or refused in one line that says what is wrong."""

import codecs
import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import islice, takewhile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
from pandas.api.types import is_float_dtype, is_object_dtype

from segnb.data.contract import MISSING_MARKS, Faults, Reading, known, numbers
from segnb.errors import DataError
from segnb.paths import find_file, sha256
from segnb.tables import Rule

BLOCK = 4 * 2**20
"""Bytes of a text file that are looked at together."""

DELIMITERS = {".csv": ",", ".tsv": "\t", ".txt": ","}
_NAMELESS = re.compile(r"__index_level_\d+__")
"""What parquet calls a pandas index without a name."""


_UNNAMED = re.compile(r"\s*|Unnamed: \d+(_level_\d+)?")


def read_table(
    source: str, id_columns: Sequence[str] = (), reading: Reading | None = None, *, most: int | None = None
) -> pd.DataFrame:
    """Return the table in a file, with ids as text.

    Parameters
    ----------
    source : str
        A csv, tsv or txt file (gzipped or not), parquet or xlsx; see `segnb.paths.find_file`.
    id_columns : sequence of str
        Columns to be read as text, so that `00123` stays `00123` and an id `NA` is not a missing value.
    reading : mapping of str to str, optional
        `delimiter` (" " for any run of blanks), `encoding`, `decimal`, `thousands`, `sheet` (of a workbook, the first
        by default), `ids` ("normalise" takes ids that differ only in blanks or accents for one), and `sha256`, the
        checksum that the file must have.
    most : int, optional
        Look at this many rows from the beginning only.

    Returns
    -------
    DataFrame
        At least one row, unique column names, rows numbered from 0.

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
    kind, normalise = file_kind(path, source), normalises(reading)
    try:
        table = _READERS[kind](path, source, id_columns, reading, most)
        ids = {name: _id_as_text(table[name]) for name in id_columns if name in table}
    except Exception as error:
        raise unreadable(source, kind, error) from None
    if normalise:
        ids = {name: column.str.strip().str.normalize("NFC") for name, column in ids.items()}
    return check_table(table.assign(**ids), source)


def column_names(source: str, reading: Reading | None = None) -> list[str]:
    """Return the names of the columns of a file that `read_table` would read, without reading its rows.

    Parameters
    ----------
    source : str
        See `segnb.paths.find_file`.
    reading : mapping of str to str, optional
        As for `read_table`.

    >>> column_names("data/shop_purchases.parquet")[:3]
    ['order_id', 'customer_id', 'ordered_at']
    """
    path, reading = find_file(source), reading or {}
    kind = file_kind(path, source)
    try:
        if kind == ".parquet":
            return [name for name in pq.read_schema(path).names if not _NAMELESS.fullmatch(name)]
        return (_workbook_header if kind == ".xlsx" else _text_header)(path, source, reading)
    except Exception as error:
        raise unreadable(source, kind, error) from None


def file_kind(path: Path, source: str) -> str:
    """Return the ending that says how a file is read; a `DataError` names those there are."""
    suffixes = path.suffixes[-2:] if path.suffix == ".gz" else path.suffixes[-1:]
    kind = (suffixes[0] if suffixes else "").lower()
    if kind not in _READERS:
        raise DataError(f"{source}: files ending in {path.suffix!r} are not read; allowed are {', '.join(_READERS)}")
    return kind


def is_text(source: str) -> bool:
    """Return whether a source is a text file, by its ending."""
    return Path(source.removesuffix(".gz")).suffix.lower() in DELIMITERS


def unreadable(source: str, kind: str, error: Exception) -> DataError:
    """Return the error that says why a file cannot be read, in one line."""
    if isinstance(error, DataError):
        return error
    if isinstance(error, UnicodeDecodeError):
        remedy = "name the encoding, for instance reading: {encoding: latin-1}"
        return DataError(f"{source}: there are bytes that are not {error.encoding}; {remedy}")
    if "straddling object" in str(error):
        return DataError(f"{source}: a quote is never closed, or a value is longer than {BLOCK:,} bytes; repair that")
    return DataError(f"{source}: cannot be read as {kind}: {' '.join(str(error).split())}")


def check_sha256(path: Path, source: str, expected: str) -> None:
    """Raise a `DataError` if a file's SHA-256 is not the expected one; "" expects nothing."""
    if expected and (found := sha256(path)) != expected.lower():
        raise DataError(f"{source}: SHA-256 is {found}, expected {expected}; this is another copy of the file")


def check_columns(columns: Sequence[str], needed: Mapping[str, str], source: str) -> None:
    """Raise a `DataError` that lists all `needed` columns (parameter name to column name) that are not there."""
    missing = [f"{column!r} ({parameter})" for parameter, column in needed.items() if column not in columns]
    if missing:
        more = f" and {len(columns) - 20} more" if len(columns) > 20 else ""
        raise DataError(
            f"{source}: no column {', '.join(missing)}; its columns are {', '.join(map(str, columns[:20]))}{more}; "
            "name the right one in the parameter in brackets"
        )


def check_table(table: pd.DataFrame, source: str) -> pd.DataFrame:
    """Return the table with decimals as floats and mixed types as text, after checking that it can be used."""
    if table.empty:
        raise DataError(f"{source}: no rows; the table needs a header and at least one row")
    if not all(isinstance(name, str) for name in table.columns):
        raise DataError(f"{source}: column names must be text, found {list(table.columns)[:5]}; rename them")
    if nameless := [place for place, name in enumerate(table.columns, 1) if place > 1 and _UNNAMED.fullmatch(name)]:
        raise DataError(
            f"{source}: column {', '.join(map(str, nameless[:5]))} has no name; name each column in the first row, "
            "without a title above it and without merged cells"
        )
    plain = {}
    for name in table.columns[table.dtypes.map(is_object_dtype)]:
        kinds = set(table[name].dropna().map(type))
        if kinds & {list, dict, np.ndarray}:
            raise DataError(f"{source}: column {name!r} holds lists or records; unfold it into columns of its own")
        if kinds == {Decimal}:
            plain[name] = table[name].astype(float)
        elif len(kinds) > 1:
            plain[name] = table[name].map(str, na_action="ignore")
    return table.assign(**plain)


def normalises(reading: Reading) -> bool:
    """Return whether ids are to be normalised, as `reading: {ids: normalise}` says; a `DataError` refuses all else."""
    choice = reading.get("ids", "")
    if choice not in ("", "normalise"):
        raise DataError(
            f"reading: ids={choice!r}; the only choice is 'normalise', leave it out to keep ids as they are"
        )
    return bool(choice)


def _id_as_text(ids: pd.Series) -> pd.Series:
    """Return ids as text; whole numbers lose no digit, missing ids stay missing."""
    whole = ids.astype("Int64") if is_float_dtype(ids) else ids
    return whole.astype("string").astype("str")


class _Decoder:
    """Turns the blocks of a text file into UTF-8, the last line ended, and remembers the last character."""

    def __init__(self, encoding: str, squeezes: bool) -> None:
        self.decode = codecs.getincrementaldecoder(encoding)().decode
        self.squeezes, self.rest, self.last, self.ending = squeezes, "", "", "\n"

    def __call__(self, block: pa.Buffer) -> bytes:
        text = self.decode(bytes(block), not len(block))
        self.last = text.rstrip("\r\n")[-1:] or self.last
        if not len(block):
            text, self.ending = text + self.ending, ""
        if self.squeezes:
            whole, end, self.rest = (self.rest + text).rpartition("\n")
            text = "\n".join(" ".join(line.split()) for line in whole.split("\n")) + end
        return text.encode()


def _decoded(path: Path, reading: Reading) -> tuple[pa.NativeFile, _Decoder, str]:
    """Return a text file, gzipped or not, as UTF-8, what decodes it, and the delimiter of its fields."""
    delimiter = reading.get("delimiter") or DELIMITERS[file_kind(path, path.name)]
    decoder = _Decoder(reading.get("encoding") or "utf-8-sig", delimiter == " ")
    return pa.TransformInputStream(pa.input_stream(str(path)), decoder), decoder, delimiter


def _text_header(path: Path, source: str, reading: Reading) -> list[str]:
    """Return a text file's header; a `DataError` says that it is missing, undivided, or names a column twice."""
    stream, _, delimiter = _decoded(path, reading)
    with io.TextIOWrapper(stream, "utf-8", newline="") as lines:
        header = next(filter(None, csv.reader(lines, delimiter=delimiter)), [])
    if not header:
        raise DataError(f"{source}: the file is empty; expected a header and at least one row")
    if header[0].startswith("sep="):
        raise DataError(f"{source}: the first line begins with 'sep=', which is for Excel alone; remove that line")
    seen = next((mark for mark in (";", "\t", "|", ",") if mark != delimiter and mark in header[0]), None)
    if len(header) == 1 and seen:
        remedy = f"say reading: {{delimiter: '{seen}'}}, or let segnb init look at the file"
        raise DataError(f"{source}: 1 column, and {seen!r} seen in it; {remedy}")
    _check_twice(header, source)
    return header


def _check_twice(header: Sequence[Any], source: str) -> None:
    twice = sorted({str(name) for name in header if header.count(name) > 1})
    if twice:
        raise DataError(f"{source}: column {', '.join(map(repr, twice))} stands more than once; rename or remove one")


def text_batches(
    path: Path, source: str, columns: Sequence[str], reading: Reading, faults: Faults
) -> Iterator[pa.RecordBatch]:
    """Yield columns of a text file as they are written, batch by batch; rows that don't fit the header are noted."""
    stream, decoder, delimiter = _decoded(path, reading)
    last = _text_header(path, source, reading)[-1]
    columns = list(dict.fromkeys([*columns, last]))
    with pyarrow.csv.open_csv(
        stream,
        pyarrow.csv.ReadOptions(use_threads=False, block_size=BLOCK),
        pyarrow.csv.ParseOptions(delimiter=delimiter, newlines_in_values=True, invalid_row_handler=faults.skip),
        pyarrow.csv.ConvertOptions(column_types=dict.fromkeys(columns, pa.string()), include_columns=columns),
    ) as batches:
        end = ""
        for batch in batches:
            yield batch
            faults.rows += len(batch)
            end = batch.column(last)[-1].as_py() if len(batch) else end
    if "\n" in end and decoder.last != '"':
        row = faults.rows + len(faults.skipped) + 1
        raise DataError(f"{source}: a quote that begins in row {row} is never closed; repair that row")


def _read_text(path: Path, source: str, ids: Sequence[str], reading: Reading, most: int | None) -> pd.DataFrame:
    names, faults = _text_header(path, source, reading), Faults()
    batches = text_batches(path, source, names, reading, faults)
    taken = takewhile(lambda _: most is None or faults.rows < most, batches)
    text = pa.Table.from_batches(taken, pa.schema([(name, pa.string()) for name in names]))
    faults.check(source)
    typed = {name: _id(text[name]) if name in ids else _typed(text[name], reading) for name in names}
    return pa.table(typed).slice(0, most).to_pandas()


def _id(text: pa.Array) -> pa.Array:
    return pc.if_else(pc.equal(text, ""), None, text)


def _typed(text: pa.Array, reading: Reading) -> pa.Array:
    """Return a column of texts as what it holds: numbers, yes and no, or text."""
    text = known(text)
    found = numbers(text, reading)
    if found.null_count == text.null_count:
        whole = pc.all(pc.match_substring_regex(text, r"^\s*[-+]?\d[^.,eE]*$")).as_py() and not text.null_count
        return found.cast(pa.int64()) if whole else found
    truths = pa.array(["True", "TRUE", "true", "False", "FALSE", "false"])
    return text.cast(pa.bool_()) if pc.all(pc.is_in(text.drop_null(), truths)).as_py() else text


def _read_parquet(path: Path, source: str, ids: Sequence[str], reading: Reading, most: int | None) -> pd.DataFrame:
    table = pq.read_table(path) if most is None else _first_rows(path, most)
    table = table.select([name for name in table.column_names if not _NAMELESS.fullmatch(name)])
    return table.to_pandas(ignore_metadata=True)  # a pandas index becomes the column that it was


def _first_rows(path: Path, most: int) -> pa.Table:
    with pq.ParquetFile(path) as file:
        return pa.Table.from_batches(islice(file.iter_batches(most), 1), file.schema_arrow)


def _read_workbook(path: Path, source: str, ids: Sequence[str], reading: Reading, most: int | None) -> pd.DataFrame:
    """Return a sheet of a workbook, with the same marks for missing values as in a text file."""
    names = _workbook_header(path, source, reading)
    missing = {name: [""] if name in ids else MISSING_MARKS for name in names}
    given = {"dtype": dict.fromkeys(ids, str), "keep_default_na": False, "na_values": missing}
    return pd.read_excel(path, _sheet(path, source, reading), nrows=most, **given)


def _workbook_header(path: Path, source: str, reading: Reading) -> list[str]:
    """Return the names of the columns, each allowed once: pandas would call a second x `x.1`."""
    sheet = _sheet(path, source, reading)
    written = pd.read_excel(path, sheet, header=None, nrows=1, dtype=object)
    _check_twice([name for row in written.to_numpy() for name in row if not pd.isna(name)], source)
    return list(pd.read_excel(path, sheet, nrows=0))


def sheet_names(source: str) -> list[str]:
    """Return the names of the sheets of a workbook, in their order."""
    with pd.ExcelFile(find_file(source)) as book:
        return [str(name) for name in book.sheet_names]


def _sheet(path: Path, source: str, reading: Reading) -> str | int:
    """Return which sheet to read, the first unless another is named."""
    wanted = reading.get("sheet")
    if wanted and wanted not in (there := sheet_names(str(path))):
        raise DataError(f"{source}: no sheet {wanted!r}; the sheets are {', '.join(there)}")
    return wanted or 0


_READERS = {**dict.fromkeys(DELIMITERS, _read_text), ".parquet": _read_parquet, ".xlsx": _read_workbook}


def cut_rule(source: str, unit: str, rows: int) -> list[Rule]:
    """Return a line for the row log if a text file does not end with a line break, as one that was cut short."""
    path = find_file(source)
    if path.suffix.lower() not in DELIMITERS:
        return []
    with open(path, "rb") as file:
        file.seek(-min(4, path.stat().st_size), 2)
        end = file.read()
    if end.rstrip(b"\0")[-1:] in (b"\n", b"\r"):
        return []
    return [Rule("no line break at the end: the last row may be cut short", unit, rows, 1, rows, "kept")]
