"""What a table must hold to: how numbers are read, every fault told at once with its first rows, which rows count."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from itertools import islice
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import yaml
from pandas.api.types import is_bool_dtype, is_datetime64_any_dtype, is_numeric_dtype, is_string_dtype

from segnb.errors import DataError
from segnb.init.guesses import dates_in, guess_id
from segnb.tables import LARGEST, Rule, is_number

Reading = Mapping[str, str]
"""How a file is written: the parameter `reading`, see `segnb.data.read_table`."""

MISSING_MARKS = ["", "NA", "N/A", "n/a", "#N/A", "NaN", "nan", "NULL", "null", "None"]
"""What counts as a missing value in a text file; in an id column only an empty cell does."""

_TOLD = 5
"""So many rows of each fault are named."""

_FEW_DATES = 0.001
"""Up to this share of dates that cannot be read, such lines are left out and counted like those without a date."""

_CODES = "USD|EUR|GBP|CHF|JPY|CNY|INR|SEK|NOK|DKK|PLN|CZK|AUD|CAD|BRL|MXN"
SIGNS = "[$€£¥₹₩₺₽]"
CURRENCY = re.compile(rf"{SIGNS}|\b(?:{_CODES})\b", re.IGNORECASE)
"""What tells an amount's currency."""

_FAULTS = yaml.safe_load(Path(__file__).with_name("faults.yaml").read_text(encoding="utf-8"))
"""By kind: what there is once, what there is more often, and what to do."""


@dataclass
class Faults:
    """What is wrong with a table: by column and kind how often, and the first rows; all of it is told at once.

    Attributes
    ----------
    rows : int
        Rows that are done.
    skipped : list of int
        The numbers of rows with more or fewer fields than the header.

    >>> faults = Faults()
    >>> faults.note("age", "large", [1], [1e300])
    >>> faults.check("t.csv")
    Traceback (most recent call last):
    segnb.errors.DataError: t.csv: column 'age' has 1 value beyond 1e+15 (row 3: 1e+300), repair them
    """

    rows: int = 0
    skipped: list[int] = field(default_factory=list)
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    first: dict[tuple[str, str], list[str]] = field(default_factory=lambda: defaultdict(list))
    currencies: dict[tuple[str, str], set[str]] = field(default_factory=lambda: defaultdict(set))

    def note(self, column: str, kind: str, places: Sequence[int], values: Sequence[Any]) -> None:
        """Take down a kind of fault: its places, counted after the rows that are done, and the values there."""
        if len(places):
            told = (f"row {self._row(place)}{_shown(value)}" for place, value in zip(places, values))
            self._add((column, kind), len(places), told)
            if "number" in kind:
                self.currencies[column, kind].update(map(str.upper, CURRENCY.findall(" ".join(map(str, values)))))

    def skip(self, row: Any) -> str:
        """Take down a row with more or fewer fields than the header, and go on."""
        self.skipped.append(row.number)
        told = f"row {row.number} has {row.actual_columns} fields, the header has {row.expected_columns}"
        self._add(("", "ragged"), 1, [told])
        return "skip"

    def check(self, source: str) -> None:
        """Raise a `DataError` with all faults that are too many to go on with."""
        many = [key for key, count in self.counts.items() if key[1] != "no date" or count > _FEW_DATES * self.rows]
        if many:
            raise DataError(f"{source}: {'; '.join(self._fault(*key) for key in many)}")

    def _add(self, key: tuple[str, str], count: int, told: Iterable[str]) -> None:
        self.counts[key] += count
        self.first[key] += islice(told, _TOLD - len(self.first[key]))

    def _row(self, place: int) -> int:
        """Return the row in the file, the header being row 1, of a place in the batch that comes next."""
        row = self.rows + place + 2
        for number in self.skipped:
            row += number <= row
        return row

    def _fault(self, column: str, kind: str) -> str:
        """Return a column's fault, or that of whole rows, in words."""
        count, first, currencies = (each[column, kind] for each in (self.counts, self.first, self.currencies))
        one, many, remedy = _FAULTS[kind]
        if len(currencies) > 1:
            remedy = f"bring them to one currency ({', '.join(sorted(currencies))} seen)"
        rows = ", ".join(first + ["…"] * (count > len(first)))
        holder = f"column {column!r} has " if column else ""
        return f"{holder}{count:,} {one if count == 1 else many} ({rows}), {remedy}"


def _shown(value: Any) -> str:
    if pd.isna(value):
        return ""
    return f": {value:g}" if isinstance(value, float) else f": {str(value)[:40]!r}"


def known(text: pa.Array) -> pa.Array:
    """Return texts, missing where they stand for a missing value."""
    return pc.if_else(pc.is_in(pc.utf8_trim_whitespace(text), pa.array(MISSING_MARKS)), None, text)


def numbers(text: pa.Array, reading: Reading) -> pa.Array:
    """Return texts as numbers, missing where they aren't numbers in the way that `reading` says.

    Parameters
    ----------
    text : Array
    reading : mapping of str to str
        `decimal`, `thousands`, and `currency`, a sign or word that stands with each amount.

    >>> numbers(pa.array(["1.234,5", "12.50", "7"]), {"decimal": ",", "thousands": "."}).to_pylist()
    [1234.5, None, 7.0]
    """
    decimal, thousands = reading.get("decimal") or ".", reading.get("thousands") or ""
    sign = reading.get("currency")
    text = pc.utf8_trim_whitespace(pc.replace_substring(text, sign, "") if sign else text)
    if decimal == "." and not thousands:
        with suppress(pa.ArrowInvalid):
            return text.cast(pa.float64())
    group, point = re.escape(thousands), re.escape(decimal)
    whole = rf"(\d{{1,3}}({group}\d{{3}})+|\d+)" if thousands else r"\d+"
    number = rf"(?i)^[-+]?(({whole}({point}\d*)?|{point}\d+)(e[-+]?\d+)?|inf(inity)?)$"
    found = pc.if_else(pc.match_substring_regex(text, number), text, None)
    found = pc.replace_substring(found, thousands, "") if thousands else found
    return pc.replace_substring(found, decimal, ".").cast(pa.float64())


_MOSTLY = 0.8
"""A text column with at least this share of numbers is a column of numbers."""

_UNIT = rf"(?:[^\w\s.,+#-]|{_CODES}|kr|zł|Kč|Fr|Rs)"
_DIGITS = r"(\d{1,3}([.,'’ \u00a0\u202f\u2009]\d{3})+|\d+)([.,]\d*)?(e[-+]?\d+)?"
_NUMBER = re.compile(rf"(?i)[-+(]?\s*{_UNIT}?\s*[-+]?{_DIGITS}\s*(%|{_UNIT}|[A-Z]{{3}})?\)?")
"""A number as people write it: with a sign, thousands separated, a currency before or after it."""

_AMOUNT = re.compile(rf"(?i){CURRENCY.pattern}|%|\d[.,]\d")
"""What makes a text an amount and not a class."""

_FEW = 20
"""So few different texts are classes, even if they are numbers."""


def check_contract(table: pd.DataFrame, source: str, id_column: str = "") -> list[Rule]:
    """Check a customer table against the contract, and return lines for the row log on what it lets through.

    An id in every row and in one row only; no infinite or absurd number; no column of numbers that was read as text
    because of how some of them are written. A few classes may be numbers; columns of such text count as categories.

    Parameters
    ----------
    table : DataFrame
        As read from `source`, rows numbered from 0.
    source : str
    id_column : str, optional

    Raises
    ------
    DataError
        If it does not hold; all faults are listed with their number and their first rows, the header being row 1.

    >>> check_contract(pd.DataFrame({"spend": [1.0, 1e300]}), "t.csv")
    Traceback (most recent call last):
    segnb.errors.DataError: t.csv: column 'spend' has 1 value beyond 1e+15 (row 3: 1e+300), repair them
    """
    faults, there = Faults(), table.shape[1] - (id_column in table)
    classes: dict[str, list[str]] = {"numbers with a few texts": [], "numbers written as text": []}
    for name, column in table.items():
        for kind, wrong in _faults_of_ids(column) if name == id_column else _faults_of(column):
            if kind in classes:
                classes[kind].append(name)
            else:
                faults.note(name, kind, wrong.index, wrong)
    faults.check(source)
    return [
        Rule(f"{kind}, taken as categories", "columns", there, len(found), there, ", ".join(found))
        for kind, found in classes.items()
        if found
    ]


def _faults_of_ids(ids: pd.Series) -> Iterator[tuple[str, pd.Series]]:
    yield "no id", ids[ids.isna()]
    yield "shared id", ids[ids.notna() & ids.duplicated(keep=False)]


def _faults_of(column: pd.Series) -> Iterator[tuple[str, pd.Series]]:
    """Yield what is wrong with a column, and where: numbers beyond reason, or texts that are mostly numbers."""
    if is_number(column):
        yield "large", column[(column.astype(float).abs() > LARGEST).fillna(False)]
    elif not (is_bool_dtype(column) or is_datetime64_any_dtype(column)):
        text = column.dropna().astype(str).str.strip()
        plain = pc.is_valid(numbers(pa.array(text, pa.string()), {})).to_pandas().set_axis(text.index)
        written = text.str.fullmatch(_NUMBER)
        many = plain.sum() >= _MOSTLY * len(text) > 0
        if many and plain.all():
            yield "numbers written as text", text
        elif written.mean() >= _MOSTLY and not _is_classes(text, plain):
            yield ("text as number", text[~plain]) if many else ("number as text", text[written])
        elif many:
            yield "numbers with a few texts", text


def _is_classes(text: pd.Series, plain: pd.Series) -> bool:
    """Return whether texts are a few classes such as 1, 2 and 3+, and not amounts in some writing."""
    return text.nunique() <= min(_FEW, len(text) / 2) and not text[~plain].str.contains(_AMOUNT).any()


def normal_form(text: pa.Array) -> pa.Array:
    """Return texts without blanks at their ends and with every accented letter as one character (NFC)."""
    return pc.utf8_normalize(pc.utf8_trim_whitespace(text), form="NFC")


def check_no_id(table: pd.DataFrame, source: str) -> None:
    """Refuse a column of distinct whole numbers that is called an id: k-means would take it for a behaviour."""
    guess = guess_id(table, unique=True)
    for name in table.select_dtypes("integer"):
        called_id = re.fullmatch(r"(?i:(.*[_ .-])?id|customerid|userid|clientid|unnamed: 0)|.*[a-z]ID", name)
        if table[name].is_unique and (called_id or (guess and guess.column == name)):
            raise DataError(f"{source}: {name!r} looks like the customer's id; say customer_id={name}, or rename it")


def alike_rule(ids: pd.Index) -> list[Rule]:
    """Return a line for the row log if ids differ in blanks or in how accents are written only."""
    texts = normal_form(pa.array(ids, pa.string(), from_pandas=True)).drop_null().to_pandas()
    alike = int(texts.duplicated(keep=False).sum())
    note = "kept apart; reading: {ids: normalise} takes them for one"
    rule = Rule("ids that differ in blanks or accents only", "customers", len(ids), alike, len(ids), note)
    return [rule] if alike else []


KEPT = "with another value than those to keep left out"
TOTALS = "rows that look like a total"


def total_rule(table: pd.DataFrame) -> list[Rule]:
    """Return a line for the row log if the last row is called a total in one of its cells."""
    last = table.iloc[-1].astype(str).str.strip().str.fullmatch(r"(?i)(grand |sub)?total|sum(me)?|gesamt")
    n = len(table)
    return [Rule(TOTALS, "customers", n, 1, n, "kept; remove it from the table")] if last.any() else []


def kept_rows(table: pd.DataFrame, only: Mapping[str, Sequence[str]], source: str) -> tuple[pd.DataFrame, list[Rule]]:
    """Return the rows that have one of the values to keep in each column that is named and there."""
    rules = []
    for name in (name for name in only if name in table):
        values = table[name].astype("string").fillna("")
        values = values.str.lower() if is_bool_dtype(table[name]) else values
        rows = table[values.isin(list(only[name])).to_numpy()]
        rules.append(Rule(KEPT, "customers", len(table), len(table) - len(rows), len(rows), name))
        table = rows.reset_index(drop=True)
    if table.empty:
        raise DataError(f"{source}: only={dict(only)!r} keeps no row; name values that are there")
    return table, rules


def ranked(table: pd.DataFrame, ordered: Mapping[str, Sequence[str]], source: str) -> tuple[pd.DataFrame, list[Rule]]:
    """Return a table in which levels that have an order are ranks, 1 for the lowest, and a line for the row log.

    >>> sizes = pd.DataFrame({"size": ["large", "Small ", "huge"]})
    >>> ranked(sizes, {"size": ["small", "medium", "large"]}, "sizes.csv")[0]["size"].tolist()
    [3.0, 1.0, nan]
    """
    ranks = {}
    for name in (name for name in ordered if name in table):
        if is_numeric_dtype(table[name]):
            raise DataError(f"{source}: ordered: {name} holds numbers, which have an order; leave it out of ordered")
        texts = table[name].astype("string").str.strip().str.lower()
        ranks[name] = texts.map(level_ranks(ordered[name])).astype(float)
        if ranks[name].isna().all():
            seen = ", ".join(map(repr, table[name].dropna().unique()[:5]))
            raise DataError(f"{source}: ordered: {name} holds none of {list(ordered[name])!r}; it holds {seen}")
    return _replaced(table, ranks, "levels taken as ranks, 1 the lowest", "are none of the levels and taken as missing")


def _replaced(table: pd.DataFrame, found: dict, rule: str, lost_as: str) -> tuple[pd.DataFrame, list[Rule]]:
    """Return a table with columns of numbers in the place of others, and a line for the row log if there are any."""
    lost, there = sum(int(found[name].isna().sum() - table[name].isna().sum()) for name in found), table.shape[1]
    note = ", ".join(found) + (f"; {lost:,} {lost_as}" if lost else "")
    return table.assign(**found), [Rule(rule, "columns", there, len(found), there, note)] if found else []


def level_ranks(levels: Sequence[str]) -> dict[str, int]:
    """Return the rank of each level, 1 for the first; texts are compared without outer blanks, in small letters."""
    return {each.strip().lower(): rank for rank, each in enumerate(levels, 1)}


def dates_as_days(table: pd.DataFrame, as_of: str = "") -> tuple[pd.DataFrame, date | None, list[Rule]]:
    """Return a table in which columns of dates are days before `as_of`, that day, and a line for the row log.

    Parameters
    ----------
    table : DataFrame
        Dates, or texts that are nearly all dates written alike.
    as_of : str, optional
        Year-month-day; without it the last date in the table. None is returned where there is no date.

    >>> dates_as_days(pd.DataFrame({"since": ["2026-01-01", "2026-01-31"]}))[0]["since"].tolist()
    [30.0, 0.0]
    """
    others = (name for name in table if not is_numeric_dtype(table[name]))
    moments = {name: found for name in others if (found := _moments(table[name])) is not None}
    if not moments:
        return table, date.fromisoformat(as_of) if as_of else None, []
    day = pd.Timestamp(as_of) if as_of else max(found.max() for found in moments.values()).normalize()
    days = {name: (day - found.dt.normalize()).dt.days.astype(float) for name, found in moments.items()}
    table, rules = _replaced(table, days, f"dates taken as days before {day.date()}", "can't be read")
    return table, day.date(), rules


def _moments(column: pd.Series) -> pd.Series | None:
    """Return a column as times without a zone, None if it holds none."""
    if is_datetime64_any_dtype(column):
        return column.dt.tz_localize(None)
    written = dates_in(column) if is_string_dtype(column) else ""
    if not written:
        return None
    return pd.to_datetime(column, format=written, errors="coerce", utc=True).dt.tz_localize(None)
