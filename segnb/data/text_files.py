"""How a text file is divided into rows and fields, and what would be misread if it were not looked at first."""

import csv
import gzip
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TextIO

from segnb.errors import DataError
from segnb.paths import find_file
from segnb.tables import Rule

DELIMITERS = {".csv": ",", ".tsv": "\t", ".txt": ","}
MISSING_MARKS = ["", "NA", "N/A", "n/a", "#N/A", "NaN", "nan", "NULL", "null", "None"]
"""What counts as a missing value in a text file; in an id column only an empty cell does."""


def is_text(source: str) -> bool:
    """Return whether a source is a text file, by its ending."""
    return Path(source.removesuffix(".gz")).suffix.lower() in DELIMITERS


def check_fields(path: Path, source: str, delimiter: str, encoding: str, most: int | None = None) -> list[str]:
    """Return the header after checking that every row has as many fields: pandas would shift or cut silently."""
    with opened(path, encoding) as lines:
        rows = rows_of(lines, delimiter)
        header = next(rows, [])
        check_header(header, source, delimiter)
        for number, row in enumerate(islice(rows, most), 2):
            if row and len(row) != len(header):
                first = "; what is above the header must go" if number == 2 and len(header) < 3 < len(row) else ""
                raise DataError(
                    f"{source}: row {number} has {len(row)} fields, the header has {len(header)}; "
                    f"repair the row, or name the delimiter with reading: {{delimiter: …}}{first}"
                )
    return header


def opened(path: Path, encoding: str) -> TextIO:
    """Return a text file, gzipped or not, opened for reading."""
    return (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding=encoding, newline="")


def rows_of(lines: TextIO, delimiter: str) -> Iterator[list[str]]:
    """Return the rows of a text file, each as its fields; " " stands for any run of blanks."""
    return (line.split() for line in lines) if delimiter == " " else csv.reader(lines, delimiter=delimiter)


def check_header(header: list[str], source: str, delimiter: str) -> None:
    """Raise a `DataError` if a text file's header is missing, undivided, or names a column twice."""
    if not header:
        raise DataError(f"{source}: the file is empty; expected a header and at least one row")
    if header[0].startswith("sep="):
        raise DataError(f"{source}: the first line begins with 'sep=', which is for Excel alone; remove that line")
    seen = next((mark for mark in (";", "\t", "|", ",") if mark != delimiter and mark in header[0]), None)
    if len(header) == 1 and seen:
        remedy = f"say reading: {{delimiter: '{seen}'}}, or let segnb init look at the file"
        raise DataError(f"{source}: 1 column, and {seen!r} seen in it; {remedy}")
    check_twice(header, source)


def check_twice(header: list[str], source: str) -> None:
    """Raise a `DataError` if a header names a column twice: one of the two would be called something else."""
    twice = sorted({str(name) for name in header if header.count(name) > 1})
    if twice:
        raise DataError(f"{source}: column {', '.join(map(repr, twice))} stands more than once; rename or remove one")


def ends_with(path: Path, mark: str, encoding: str | None = None) -> bool:
    """Return whether a text file ends with a mark, line breaks aside."""
    end = ""
    with opened(path, encoding or "utf-8-sig") as file:
        while block := file.read(2**20):
            end = block.rstrip("\r\n")[-len(mark) :] or end
    return end == mark


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
