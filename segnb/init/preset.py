"""A first look at a person's files, and a commented preset to start from."""

import codecs
import csv
import re
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import yaml
from jinja2 import Template

from segnb.data import load_customers, open_log, read_customers
from segnb.data.contract import SIGNS
from segnb.data.purchases import by_month
from segnb.data.reader import DELIMITERS, file_kind, read_source, readable, sheet_names
from segnb.errors import DataError
from segnb.init import guesses
from segnb.init.guesses import Guess
from segnb.parameters import PARAMETERS, TAKEN, check_parameters
from segnb.paths import EMBEDDED, find_file, is_file
from segnb.prepare.clean import MOST_MISSING
from segnb.tables import is_number
from segnb.text import some

MOST_ROWS = 100_000
"""Of a large table so many rows are looked at."""

_FEW_LEVELS = 12

_MONEY = set(guesses.NAMES["amount"]) - {"total", "value", "paid", "net", "netto", "brutto"}
"""Words that mean money even where nothing else does."""

_PRICE = re.compile(rf"-?\s?{SIGNS}?\s?-?\d[\d.,' ]*\s?{SIGNS}?")
"""An amount with a sign of its currency before or after it."""

YEAR, LOOKBACK = PARAMETERS["window_days"].default, PARAMETERS["lookback_days"].default
DECIDE = "DECIDE:"
_MADE_TWICE = "also made from the purchase log; rename it"
_NUMBERED = Guess("", "no id seen: rows are numbered")


@dataclass(frozen=True)
class _Preview:
    """The first rows of a table, how it is written, whether there are more, and the export that it is."""

    source: str
    is_text: bool
    reading: dict[str, str]
    rows: pd.DataFrame
    more: bool
    export: dict[str, Any]

    def extent(self, unit: str) -> str:
        """Return how much was looked at."""
        return f"guessed from {len(self.rows):,} {unit}, there are more" if self.more else f"{len(self.rows):,} {unit}"

    def other_sheets(self) -> list[str]:
        """Return a note on the sheets of a workbook that are not read."""
        sheets = sheet_names(self.source) if self.source.lower().endswith(".xlsx") else []
        named = ", ".join(sheets[1:])
        return [f"{DECIDE} only the sheet {sheets[0]} is read; {named} with reading: {{sheet: …}}"] if named else []


_NO_TABLE = _Preview("", False, {}, pd.DataFrame(), False, {})


def new_preset(table: str, log: str = "", engine: str = EMBEDDED) -> tuple[str, str, pd.DataFrame]:
    """Return the name of a run, the text of a preset for it, guessed from the tables, and the log by month.

    Of a large table only the beginning is looked at. The tables are then read as a run reads them, so that the preset
    names what a run would stop at.

    Parameters
    ----------
    table : str
        One row per customer; a purchase log if given alone. A file, or a table of the engine.
    log : str, optional
        One row per order line.
    engine : str
        Address of the engine.

    Raises
    ------
    DataError
        If a table cannot be read, or a log has no customer, date or amount.

    >>> run, text, months = new_preset("data/shop_customers.csv")
    >>> text.splitlines()[2]
    'customers: data/shop_customers.csv  # 2,006 rows'
    """
    check_parameters({"engine": engine})
    first = _preview(table, engine)
    customers, purchases = first, _NO_TABLE
    if log:
        purchases = _preview(log, engine)
    elif first.export or guesses.is_log(first.rows, first.more):
        customers, purchases = _NO_TABLE, first
    run, seen = _run_name(table, engine), _look_at(customers, purchases, engine, first.other_sheets())
    template = Path(__file__).with_name("preset.yaml.j2").read_text(encoding="utf-8")
    preset = Template(template, trim_blocks=True, keep_trailing_newline=True)
    text = preset.render(yaml=_yaml, words=lambda words: " ".join(words.split()), run=run, engine=engine, **seen)
    return run, text, seen.get("months", pd.DataFrame())


def _look_at(customers: _Preview, log: _Preview, engine: str, notes: list[str]) -> dict[str, Any]:
    """Return what the preset says of a customer table, a log, or both."""
    if customers.is_text and log.is_text and customers.reading != log.reading:
        written = f"are written differently ({customers.reading}, {log.reading}); save both alike"
        raise DataError(f"{customers.source} and {log.source} {written}")
    own = guesses.guess_id(customers.rows, unique=True) or guesses.guess_row_names(customers.rows) or _NUMBERED
    customer_id = _shared_id(log, customers) if log.source else own
    columns = _columns(customers.rows.drop(columns=customer_id.column, errors="ignore"), not log.source)
    if not log.source and not columns["features"] + columns["descriptors"]:
        there = f"the columns are {some(list(customers.rows))}"
        raise DataError(f"{customers.source}: no column to make segments from; {there}")
    given = {"customers": customers.source, "purchases": log.source, "customer_id": customer_id.column}
    given |= {"reading": customers.reading, "engine": engine}
    stops = _tried(lambda: read_customers(check_parameters(given)))[1] if customers.source else []
    found = columns | {"customers": customers, "log": log, "customer_id": customer_id, "reading": customers.reading}
    found["notes"] = stops + columns["notes"] + notes
    return found | _of_log(log, customers, given, found["notes"]) if log.source else found


def guess_reading(source: str) -> dict[str, str]:
    """Return how a text file seems to be written where that is not plain: `delimiter`, `encoding` and `decimal`.

    Guesses are for a person to look at; `read_table` itself guesses nothing.

    Parameters
    ----------
    source : str
        See `segnb.paths.find_file`.

    Raises
    ------
    DataError
        If there is no such file, or none of the encodings that are tried fits.

    >>> guess_reading("data/shop_customers.csv")
    {}
    """
    path = find_file(source)
    kind = file_kind(path, source)
    if kind not in DELIMITERS:
        return {}
    with readable(source, kind), pa.input_stream(path) as file:  # a zipped one is unzipped
        encoding, text = _decoded(file.read(200_000), source)
    lines = [line for line in text.splitlines() if line][:200] or [""]
    counts = {mark: lines[0].count(mark) for mark in (DELIMITERS[kind], ",", ";", "\t", "|")}
    delimiter = max(counts, key=counts.__getitem__)
    if not counts[delimiter] and len(lines[0].split()) > 1:
        delimiter = " "
    cells = [cell.strip() for row in csv.reader(lines[1:], delimiter=delimiter) for cell in row]
    signs = Counter(sign for cell in cells if _PRICE.fullmatch(cell) for sign in re.findall(SIGNS, cell)[:1])
    sign = max(signs, key=signs.__getitem__, default="")
    found = {"encoding": encoding, "delimiter": delimiter, "currency": sign}
    found |= _written_numbers([cell.replace(sign, "").strip() for cell in cells])
    plain = {"encoding": "utf-8-sig", "delimiter": DELIMITERS[kind], "currency": ""}
    return {name: mark for name, mark in found.items() if mark != plain.get(name)}


def _decoded(start: bytes, source: str) -> tuple[str, str]:
    """Return the encoding of the beginning of a file, and its text; a character may be cut in two at the end."""
    for encoding in ("utf-16",) if start[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8-sig", "cp1252"):
        with suppress(UnicodeDecodeError):
            return encoding, codecs.getincrementaldecoder(encoding)().decode(start)
    raise DataError(f"{source}: neither utf-8, utf-16 nor cp1252; name the encoding with reading: {{encoding: …}}")


def _written_numbers(cells: Sequence[str]) -> dict[str, str]:
    """Return the marks for decimals and thousands, as far as they are not plain.

    >>> _written_numbers(["2.373,53", "12,50"]), _written_numbers(["1,234.50"]), _written_numbers(["1.5", "7"])
    ({'decimal': ',', 'thousands': '.'}, {'thousands': ','}, {})
    """

    def count(thousands: str, decimal: str) -> tuple[int, int]:
        grouped = [re.fullmatch(rf"-?\d{{1,3}}({thousands}\d{{3}})+({decimal}\d+)?", cell) for cell in cells]
        plain = [re.fullmatch(rf"-?\d+{decimal}\d+", cell) for cell in cells]
        return sum(map(bool, grouped)), sum(map(bool, plain))

    (dots, commas), (groups, points) = count(r"\.", ","), count(",", r"\.")
    if dots + commas > groups + points:
        return {"decimal": ","} | ({"thousands": "."} if dots else {})
    return {"thousands": ","} if groups and not commas else {}


def _preview(source: str, engine: str) -> _Preview:
    """Return the first rows of a file, or any of a table of the engine."""
    is_text, reading = False, {}
    if is_file(source, engine):
        is_text, reading = file_kind(find_file(source), source) in DELIMITERS, guess_reading(source)
    rows = read_source(source, (), reading, engine, MOST_ROWS + 1)
    export = guesses.known_export(list(rows)) or {}
    return _Preview(source, is_text, reading, rows.head(MOST_ROWS), len(rows) > MOST_ROWS, export)


def _run_name(source: str, engine: str) -> str:
    called = Path(source).name.split(".")[0] if is_file(source, engine) else source
    name = re.sub("[^A-Za-z0-9]", "_", called).strip("_")[:40] or "mine"
    return f"{name}_run" if name in TAKEN else name


def _of_log(log: _Preview, customers: _Preview, given: dict[str, Any], notes: list[str]) -> dict[str, Any]:
    """Return what the preset says of a log, an export that is known or any other."""
    known = log.export.get("purchase_columns", {})
    roles = {role: Guess(column, f"of {log.export['name']}") for role, column in known.items()}
    roles = roles or guesses.guess_log(log.rows, given["customer_id"])
    if not roles:
        there = f"the columns are {some(list(log.rows))}"
        raise DataError(f"{log.source}: found no column of dates, or none of amounts; {there}")
    columns = {role: guess.column for role, guess in roles.items()}
    dates = log.rows[columns["date"]]
    reading = customers.reading | log.export.get("reading", {}) | log.reading
    written, questions = _dates_written(dates, reading)
    notes = [*questions, *log.export.get("notes", []), *notes]
    found = {"reading": reading | written, "only": log.export.get("only", {})}
    asked = given | found | {"customers": "", "purchase_columns": columns}
    found["roles"] = roles
    whole, stops = _tried(lambda: open_log(check_parameters(asked)))
    if not whole:
        days = pd.to_datetime(dates.astype(str), format=written.get("dates", "ISO8601"), errors="coerce", utc=True)
        window = _window((days.max().normalize() - days.min().normalize()).days)
        return found | {"lines": log.extent("lines"), "window": window, "notes": stops + notes}
    roles["date"] = Guess(columns["date"], f"from {whole.first_day} to {whole.last_day}")
    window = _window((whole.last_day - whole.first_day).days)
    asked["window_days"] = window[0]
    source, stops = _tried(lambda: load_customers(check_parameters(asked), log=whole))
    made = source.table if source else pd.DataFrame()
    usable = [name for name in made if made[name].nunique() > 1 and made[name].isna().mean() <= MOST_MISSING]
    stops += [f"{DECIDE} a run stops at {name}: {_MADE_TWICE}" for name in customers.rows if name in made]
    found |= {"lines": f"{whole.counts['lines']:,} lines", "window": window, "made": usable}
    return found | {"notes": stops + notes, "months": by_month(whole.reconciliation())}


def _dates_written(dates: pd.Series, reading: dict[str, str]) -> tuple[dict[str, str], list[str]]:
    """Return how dates are written where that isn't plain, and what only a person can decide."""
    written, questions = guesses.dates_in(dates), []
    found = {} if written in ("ISO8601", "") else {"dates": written}
    if either := guesses.also_written(dates, written):
        questions.append(f"{DECIDE} the dates are read as {written}; they may be {either} as well")
    if guesses.has_offsets(dates) and "zone" not in reading:
        found["zone"] = "written"
        remedy = "for the days of one place say reading: {zone: …}"
        questions.append(f"{DECIDE} times count as they are written; {remedy}")
    return found, questions


def _shared_id(log: _Preview, customers: _Preview) -> Guess:
    """Return the column of the customer in a log, which a customer table must have too."""
    if log.export and not customers.source:
        return Guess(log.export["customer_id"], f"of {log.export['name']}")
    found = guesses.guess_id(log.rows, list(customers.rows), unique=False, more=log.more)
    if found is None:
        swapped = f"; are {customers.source} and {log.source} swapped?" if customers.source else ""
        there = f"the columns are {some(list(log.rows))}"
        raise DataError(f"{log.source}: no column looks like the customer's id{swapped}; {there}")
    if customers.source and found.column not in customers.rows:
        lacks = f"no column {found.column!r}, the customer's id in {log.source}"
        raise DataError(f"{customers.source}: {lacks}; give it the same name in both")
    return found


def _tried(read: Callable[[], Any]) -> tuple[Any, list[str]]:
    """Return what a run reads, or a note on what it would stop at."""
    try:
        return read(), []
    except DataError as error:
        return None, [f"{DECIDE} a run stops at {error}"]


def _columns(table: pd.DataFrame, alone: bool) -> dict[str, Any]:
    """Return the columns by what they are good for, the value among them, and notes on what else they could do.

    Categories become features themselves where a table comes `alone`, without a log, and has no numbers.
    """
    left = {name: why for name in table if (why := _why_left_out(table[name]))}
    kept = table.drop(columns=list(left))
    outcomes = [name for name in kept if guesses.is_outcome(kept[name])]
    others = kept.drop(columns=outcomes)
    scales = {name: guesses.guess_order(others[name]) for name in others if not is_number(others[name])}
    ordered = {name: levels for name, levels in scales.items() if levels}
    features = [name for name in others if is_number(others[name]) or name in ordered]
    descriptors = [name for name in others if name not in features]
    money = [name for name in features if set(guesses.NAMES["amount"]) & set(guesses.pieces(name))]
    value = min(money, key=lambda name: not _MONEY & set(guesses.pieces(name)), default="")
    few = [name for name in descriptors if others[name].nunique() <= _FEW_LEVELS]
    others_too = [name for name in few if not guesses.dates_in(others[name]) and (features or not alone)]
    notes = [f"categories can make segments too: add {', '.join(others_too)} to features"] if others_too else []
    notes += [f"left out: {name}: {why}" for name, why in left.items()]
    found = {"features": features, "descriptors": descriptors, "outcomes": outcomes, "exclude": list(left)}
    return found | {"ordered": ordered, "value": value, "notes": notes}


def _why_left_out(column: pd.Series) -> str:
    """Return why a column cannot serve, "" if it can."""
    different = column.nunique()
    if different < 2:
        return "has one value only"
    if column.isna().mean() > MOST_MISSING:
        return "mostly missing"
    if not is_number(column):
        many = different > max(50, len(column) / 2) and not guesses.dates_in(column)
        return f"{different:,} different texts, too many to describe anybody by" if many else ""
    if guesses.is_code(column.name):
        return "a code and no amount"
    return "a different whole number in every row, which looks like an id" if guesses.names_rows(column) else ""


def _window(span: int) -> tuple[int, str]:
    """Return a window that a log of so many days fills at the end and a quarter earlier too, and why."""
    if span >= YEAR + LOOKBACK:
        return YEAR, "a year; the log also fills it as of a quarter earlier"
    if span >= 2 * LOOKBACK:
        return (span - LOOKBACK) // 10 * 10, f"the log covers {span} days: it fills such a window a quarter earlier too"
    return 0, f"the log covers {span} days only: all of it counts"


def _yaml(value: object) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10_000)
    return text.removesuffix("\n...\n").strip()
