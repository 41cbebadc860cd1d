"""How an unknown text file seems to be written: a start for a person who knows better."""

import csv
import gzip
import re
import zlib
from collections.abc import Sequence

from segnb.data.tables import file_kind, unreadable
from segnb.data.text_files import DELIMITERS
from segnb.errors import DataError
from segnb.paths import find_file


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
