"""Files as tables: text, parquet and workbooks are read, or refused in one line that says what is wrong."""

import codecs
import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from itertools import takewhile
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from segnb.data.contract import MISSING_MARKS, Faults, Reading, known, numbers
from segnb.data.engines import connect, engine_table, fetch, first_line
from segnb.errors import DataError
from segnb.paths import find_file, is_file, sha256
from segnb.tables import Rule
from segnb.text import some

BLOCK = 4 * 2**20
"""Bytes of a text file that are looked at together."""

DELIMITERS = {".csv": ",", ".tsv": "\t", ".txt": ","}
"""The endings of text files, and what separates their fields."""

Batches = Iterator[pa.RecordBatch]

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
    path, reading = find_file(source), reading or {}
    check_sha256(path, source, reading)
    kind = file_kind(path, source)
    with readable(source, kind):
        table = _KINDS[kind][1](path, source, id_columns, reading, most)
        ids = {name: _id_as_text(table[name], reading) for name in id_columns if name in table}
    return check_table(table.assign(**ids), source)


def read_source(source: str, ids: Sequence[str], reading: Reading, engine: str, most: int | None) -> pd.DataFrame:
    """Return a file, see `read_table`, or a table of the engine with ids as text."""
    if is_file(source, engine):
        return read_table(source, ids, reading, most=most)
    table = engine_table(connect(engine), source, engine)
    texts = {name: table[name].cast("string") for name in ids if name in table.columns}
    return check_table(fetch(table.mutate(**texts).limit(most)), source)


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
    with readable(source, kind):
        return _KINDS[kind][0](path, source, reading)


def file_kind(path: Path, source: str) -> str:
    """Return the ending that says how a file is read; a `DataError` names those there are."""
    suffixes = path.suffixes[-2:] if path.suffix == ".gz" else path.suffixes[-1:]
    kind = (suffixes[0] if suffixes else "").lower()
    if kind not in _KINDS:
        raise DataError(f"{source}: files ending in {path.suffix!r} are not read; allowed are {', '.join(_KINDS)}")
    return kind


@contextmanager
def readable(source: str, kind: str) -> Iterator[None]:
    """Say in one line why a file cannot be read in this context, whatever fails."""
    try:
        yield
    except DataError:
        raise
    except Exception as error:
        why = f"cannot be read as {kind}: {first_line(error)}"
        if isinstance(error, UnicodeDecodeError):
            why = f"bytes that are not {error.encoding}; name the encoding, for instance reading: {{encoding: latin-1}}"
        elif "straddling object" in str(error):
            why = f"a quote is never closed, or a value is longer than {BLOCK:,} bytes; repair that"
        raise DataError(f"{source}: {why}") from None


def check_sha256(path: Path, source: str, reading: Reading) -> None:
    """Raise a `DataError` if a file's SHA-256 is not the one that `reading` names."""
    expected = reading.get("sha256")
    if expected and (found := sha256(path)) != expected.lower():
        raise DataError(f"{source}: SHA-256 is {found}, expected {expected}; this is another copy of the file")


def check_columns(columns: Sequence[str], needed: Mapping[str, str], source: str) -> None:
    """Raise a `DataError` that lists all `needed` columns (parameter name to column name) that are not there."""
    if missing := [f"{column!r} ({parameter})" for parameter, column in needed.items() if column not in columns]:
        there = f"its columns are {some(columns)}; name the right one in the parameter in brackets"
        raise DataError(f"{source}: no column {', '.join(missing)}; {there}")


def check_table(table: pd.DataFrame, source: str) -> pd.DataFrame:
    """Return the table with decimals as floats and mixed types as text, after checking that it can be used."""
    if table.empty:
        raise DataError(f"{source}: no rows; the table needs a header and at least one row")
    if not all(isinstance(name, str) for name in table.columns):
        raise DataError(f"{source}: column names must be text, found {list(table.columns)[:5]}; rename them")
    if nameless := [place for place, name in enumerate(table.columns, 1) if place > 1 and _UNNAMED.fullmatch(name)]:
        remedy = "name each column in the first row, without a title above it and without merged cells"
        raise DataError(f"{source}: column {some(nameless, 5)} has no name; {remedy}")
    plain = {}
    for name in table.columns[table.dtypes == "object"]:
        kinds = set(table[name].dropna().map(type))
        if table[name].map(pd.api.types.is_list_like).any():
            raise DataError(f"{source}: column {name!r} holds lists or records; unfold it into columns of its own")
        if kinds == {Decimal}:
            plain[name] = table[name].astype(float)
        elif len(kinds) > 1:
            plain[name] = table[name].map(str, na_action="ignore")
    return table.assign(**plain)


def _id_as_text(ids: pd.Series, reading: Reading) -> pd.Series:
    """Return ids as text; whole numbers lose no digit, missing ids stay missing."""
    whole = ids.astype("Int64") if ids.dtype.kind == "f" else ids
    text = whole.astype("string").astype("str")
    return text.str.strip().str.normalize("NFC") if reading.get("ids") else text


class _TextFile:
    """A text file, gzipped or not, and how it is written; it remembers the last character that was read."""

    def __init__(self, path: Path, reading: Reading) -> None:
        self.delimiter = reading.get("delimiter") or DELIMITERS[file_kind(path, path.name)]
        self.decode = codecs.getincrementaldecoder(reading.get("encoding") or "utf-8-sig")().decode
        self.path, self.rest, self.last, self.ending = path, "", "", "\n"

    def stream(self) -> pa.NativeFile:
        """Return the file as a stream of UTF-8."""
        return pa.TransformInputStream(pa.input_stream(str(self.path)), self._decoded)

    def _decoded(self, block: pa.Buffer) -> bytes:
        """Return a block as UTF-8, runs of blanks as one where they separate fields; the last line is ended."""
        text = self.decode(bytes(block), not len(block))
        self.last = text.rstrip("\r\n")[-1:] or self.last
        if not len(block):
            text, self.ending = text + self.ending, ""
        if self.delimiter == " ":
            whole, end, self.rest = (self.rest + text).rpartition("\n")
            text = "\n".join(" ".join(line.split()) for line in whole.split("\n")) + end
        return text.encode()


def _text_header(path: Path, source: str, reading: Reading) -> list[str]:
    """Return a text file's header; a `DataError` says that it is missing, undivided, or names a column twice."""
    file = _TextFile(path, reading)
    with io.TextIOWrapper(file.stream(), "utf-8", newline="") as lines:
        header = next(filter(None, csv.reader(lines, delimiter=file.delimiter)), [])
    if not header:
        raise DataError(f"{source}: the file is empty; expected a header and at least one row")
    if header[0].startswith("sep="):
        raise DataError(f"{source}: the first line begins with 'sep=', which only Excel understands; remove that line")
    seen = next((mark for mark in (";", "\t", "|", ",") if mark != file.delimiter and mark in header[0]), None)
    if len(header) == 1 and seen:
        remedy = f"say reading: {{delimiter: '{seen}'}}, or let segnb init look at the file"
        raise DataError(f"{source}: only 1 column, with {seen!r} in it; {remedy}")
    _check_twice(header, source)
    return header


def _check_twice(header: Sequence[object], source: str) -> None:
    if twice := sorted({str(name) for name in header if header.count(name) > 1}):
        raise DataError(f"{source}: column {', '.join(map(repr, twice))} appears more than once; rename or remove one")


def row_batches(source: str, kinds: Mapping[str, str], reading: Reading, faults: Faults) -> Batches:
    """Yield columns of a file batch by batch, those of a text file as they are written; `faults` counts their rows."""
    path, names = find_file(source), list(kinds)
    kind = file_kind(path, source)
    if kind == ".parquet":
        batches = pq.ParquetFile(path).iter_batches(columns=names)
    elif kind == ".xlsx":
        table = read_table(source, [name for name in kinds if kinds[name] == "text"], reading)
        batches = pa.Table.from_pandas(table[names], preserve_index=False).to_batches()
    else:
        batches = _text_batches(path, source, names, reading, faults)
    for batch in batches:
        yield batch
        faults.rows += len(batch)


def _text_batches(path: Path, source: str, columns: Sequence[str], reading: Reading, faults: Faults) -> Batches:
    """Yield columns of a text file as they are written; rows that don't fit the header are noted."""
    file = _TextFile(path, reading)
    last = _text_header(path, source, reading)[-1]
    columns = list(dict.fromkeys([*columns, last]))
    read = pyarrow.csv.ReadOptions(use_threads=False, block_size=BLOCK)
    parse = pyarrow.csv.ParseOptions(delimiter=file.delimiter, newlines_in_values=True, invalid_row_handler=faults.skip)
    convert = pyarrow.csv.ConvertOptions(column_types=dict.fromkeys(columns, pa.string()), include_columns=columns)
    with pyarrow.csv.open_csv(file.stream(), read, parse, convert) as batches:
        end = ""
        for batch in batches:
            yield batch
            end = batch.column(last)[-1].as_py() if len(batch) else end
    if "\n" in end and file.last != '"':
        row = faults.rows + len(faults.skipped) + 1
        raise DataError(f"{source}: a quote that begins in row {row} is never closed; repair that row")


def _read_text(path: Path, source: str, ids: Sequence[str], reading: Reading, most: int | None) -> pd.DataFrame:
    names, faults = _text_header(path, source, reading), Faults()
    batches = row_batches(source, dict.fromkeys(names, "text"), reading, faults)
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


def _parquet_header(path: Path, source: str, reading: Reading) -> list[str]:
    return [name for name in pq.read_schema(path).names if not _NAMELESS.fullmatch(name)]


def _first_rows(file: pq.ParquetFile, most: int) -> Batches:
    """Yield the first rows without reading more than the pages that hold them."""
    for batch in file.iter_batches(batch_size=most):
        yield batch.slice(0, most)
        most -= len(batch)
        if most <= 0:
            return


def _read_parquet(path: Path, source: str, ids: Sequence[str], reading: Reading, most: int | None) -> pd.DataFrame:
    file = pq.ParquetFile(path)
    table = file.read() if most is None else pa.Table.from_batches(_first_rows(file, most), file.schema_arrow)
    named = table.select(_parquet_header(path, source, reading))
    return named.to_pandas(ignore_metadata=True)  # a pandas index becomes the column that it was


def _workbook_header(path: Path, source: str, reading: Reading) -> list[str]:
    return list(_read_workbook(path, source, (), reading, 0))


def _read_workbook(path: Path, source: str, ids: Sequence[str], reading: Reading, most: int | None) -> pd.DataFrame:
    """Return a sheet of a workbook, with the same marks for missing values as in a text file."""
    sheet = reading.get("sheet") or 0
    with pd.ExcelFile(path) as book:
        if sheet and sheet not in book.sheet_names:
            raise DataError(f"{source}: no sheet {sheet!r}; the sheets are {some(book.sheet_names)}")
        first = pd.read_excel(book, sheet, header=None, nrows=1, dtype=object)
        names = [name for row in first.to_numpy() for name in row]
        _check_twice([name for name in names if not pd.isna(name)], source)  # pandas would call a second x `x.1`
        marks = {name: [""] if name in ids else MISSING_MARKS for name in names}
        given = {"dtype": dict.fromkeys(ids, str), "keep_default_na": False, "na_values": marks}
        return pd.read_excel(book, sheet, nrows=most, **given)


def sheet_names(source: str) -> list[str]:
    """Return the names of the sheets of a workbook, in their order."""
    with pd.ExcelFile(find_file(source)) as book:
        return [str(name) for name in book.sheet_names]


_KINDS = {
    **dict.fromkeys(DELIMITERS, (_text_header, _read_text)),
    ".parquet": (_parquet_header, _read_parquet),
    ".xlsx": (_workbook_header, _read_workbook),
}
"""How the names of a file's columns are read, and its rows."""


def cut_rule(source: str, unit: str, rows: int) -> list[Rule]:
    """Return a line for the row log if a text file does not end with a line break, as one that was cut short."""
    path = find_file(source)
    if path.suffix.lower() not in DELIMITERS:
        return []
    with open(path, "rb") as file:
        file.seek(-min(4, path.stat().st_size), 2)
        whole = file.read().rstrip(b"\0").endswith((b"\n", b"\r"))
    rule = Rule("no line break at the end: the last row may be cut short", unit, rows, 1, rows, "kept")
    return [] if whole else [rule]
