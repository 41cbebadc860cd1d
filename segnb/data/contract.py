"""What a customer table must hold to: every fault is told at once, with how often it is there and the first rows."""

import os
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from segnb.data.faults import CURRENCY, fault_words, how_written
from segnb.errors import DataError
from segnb.tables import LARGEST, Rule

NORMALISE = "normalise"


def check_ids_choice(reading: dict[str, str]) -> bool:
    """Return whether ids are to be normalised, as `reading: {ids: normalise}` says.

    Raises
    ------
    DataError
        If it says anything else.
    """
    choice = reading.get("ids", "")
    if choice not in ("", NORMALISE):
        raise DataError(
            f"reading: ids={choice!r}; the only choice is {NORMALISE!r}, leave it out to keep ids as they are"
        )
    return bool(choice)


def normalised(ids: pd.Series) -> pd.Series:
    """Return ids without blanks at their ends and with every accented letter as one character (NFC).

    >>> normalised(pd.Series(["A1 ", "e\u0301"])).tolist()
    ['A1', 'é']
    """
    plain = normal_form(pa.array(ids, pa.string(), from_pandas=True))
    return pd.Series(plain.to_pandas().to_numpy(), ids.index, dtype="str", name=ids.name)


def normal_form(text: pa.Array) -> pa.Array:
    """Return texts as `normalised` does."""
    return pc.utf8_normalize(pc.utf8_trim_whitespace(text), form="NFC")


def alike_rule(ids: pd.Index) -> list[Rule]:
    """Return a line for the row log if ids differ in blanks or in how accents are written only."""
    if not pd.api.types.is_string_dtype(ids):
        return []
    plain = normal_form(pa.array(ids, pa.string(), from_pandas=True)).drop_null()
    times = plain.value_counts().field("counts")
    alike = int(pc.sum(times.filter(pc.greater(times, 1))).as_py() or 0)
    note = f"kept apart; reading: {{ids: {NORMALISE}}} takes them for one"
    rule = Rule("ids that differ in blanks or accents only", "customers", len(ids), alike, len(ids), note)
    return [rule] if alike else []


MOSTLY = 0.8
"""A text column of which at least this share of the values are numbers is one of numbers."""

NUMBER = re.compile(
    r"[-+(]?\s*[^\w\s.,+#-]?\s*(\d{1,3}([.,' \u00a0]\d{3})+|\d+)([.,]\d*)?(e[-+]?\d+)?\s*(%|[^\w\s]|[A-Za-z]{3})?\)?",
    re.IGNORECASE,
)
"""A number as people write it: with a sign, thousands separated, a currency before or after it."""

AMOUNT = re.compile(rf"{CURRENCY.pattern}|%|\d[.,]\d", re.IGNORECASE)
"""What makes a text an amount and no class."""

FEW = 20
"""So few different texts are classes, even if they are numbers."""

FAULTS = {
    # check: what there is once or more often, what to do
    "id is there": ("row without an id", "rows without an id", "fill the ids or remove the rows"),
    "id is unique": ("", "rows that share their id with a different row", "keep one row per customer"),
    "finite": (f"value beyond {LARGEST:g}", f"values beyond {LARGEST:g}", "repair them"),
    "numbers are numbers": (
        "text in a column of numbers",
        "texts in a column of numbers",
        "repair them, or say how numbers are written with reading: {decimal: …, thousands: …}",
    ),
    "numbers are not text": (
        "number written as text",
        "numbers written as text",
        "say how with reading: {decimal: …, thousands: …}, or take signs and units out of them",
    ),
}


def check_contract(table: pd.DataFrame, source: str, id_column: str = "") -> None:
    """Check a customer table against the contract.

    An id in every row and in one row only; no infinite or absurd number; no column of numbers that was read as text
    because of how some of them are written.

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
    with _unmoved():
        import pandera.pandas as pa

    checks = {name: _checks_of(column) for name, column in table.items() if name != id_column}
    if id_column:
        checks[id_column] = {"id is there": _is_there, "id is unique": _is_unique}
    columns = {name: pa.Column(None, _named(pa, found), nullable=True) for name, found in checks.items() if found}
    try:
        with _unmoved():
            pa.DataFrameSchema(columns).validate(table, lazy=True)
    except pa.errors.SchemaErrors as errors:
        faults = errors.failure_cases.groupby(["column", "check"], sort=False)
        told = [_words(column, check, rows) for (column, check), rows in faults]
        raise DataError(f"{source}: {'; '.join(told)}") from None


@contextmanager
def _unmoved() -> Iterator[None]:
    """Keep pandera's look at pyspark, if that is installed, from warning and from setting variables."""
    added = {"SPARK_LOCAL_IP", "PYARROW_IGNORE_TIMEZONE"} - set(os.environ)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "PySpark does not yet fully support", FutureWarning)
        yield
    for name in added:
        os.environ.pop(name, None)


def _named(pa, checks: dict) -> list:
    return [pa.Check(check, name=name, error=name, ignore_na=False) for name, check in checks.items()]


def _is_there(ids: pd.Series) -> pd.Series:
    return ids.notna()


def _is_unique(ids: pd.Series) -> pd.Series:
    return ids.isna() | ~ids.duplicated(keep=False)


def _is_finite(values: pd.Series) -> pd.Series:
    return values.isna() | (values.astype(float).abs() <= LARGEST)


def _checks_of(column: pd.Series) -> dict[str, Callable[[pd.Series], pd.Series]]:
    """Return the checks for a column by its kind."""
    if pd.api.types.is_bool_dtype(column) or pd.api.types.is_datetime64_any_dtype(column):
        return {}
    if pd.api.types.is_numeric_dtype(column):
        return {"finite": _is_finite}
    text = column.dropna().astype(str).str.strip()
    plain, written = _plain(text), text.map(lambda value: bool(NUMBER.fullmatch(value))).astype(bool)
    if text.empty or written.mean() < MOSTLY or plain.all() or _is_classes(text, plain):
        return {}
    if plain.mean() >= MOSTLY:
        return {"numbers are numbers": lambda values: values.isna() | _at(values, text.index[plain])}
    return {"numbers are not text": lambda values: ~_at(values, text.index[written])}


def _plain(text: pd.Series) -> pd.Series:
    return pd.to_numeric(text, errors="coerce").notna()


def _is_classes(text: pd.Series, plain: pd.Series) -> bool:
    """Return whether texts are a few classes such as 1, 2 and 3+, and not amounts in some writing."""
    few = text.nunique() <= min(FEW, len(text) / 2)
    return few and not text[~plain].map(lambda value: bool(AMOUNT.search(value))).any()


def classes_rule(table: pd.DataFrame) -> list[Rule]:
    """Return lines for the row log on columns of text that holds numbers and counts as categories."""
    kinds: dict[str, list[str]] = {"numbers with a few texts": [], "numbers written as text": []}
    for name in table.select_dtypes("str"):
        text = table[name].dropna().str.strip()
        plain = _plain(text)
        if plain.mean() >= MOSTLY:
            kinds["numbers with a few texts" if plain.mean() < 1 else "numbers written as text"].append(name)
    there = table.shape[1]
    return [
        Rule(f"{kind}, taken as categories", "columns", there, len(found), there, ", ".join(found))
        for kind, found in kinds.items()
        if found
    ]


def _at(values: pd.Series, rows: pd.Index) -> pd.Series:
    return pd.Series(values.index.isin(rows), index=values.index)


def _words(column: str, check: str, rows: pd.DataFrame) -> str:
    one, many, remedy = FAULTS[check]
    first = rows.sort_values("index")
    if check.startswith("numbers"):
        remedy = how_written(first["failure_case"].astype(str), remedy)
    places = ((int(row) + 2, value) for row, value in zip(first["index"], first["failure_case"]))
    return fault_words(column, len(rows), one, many, places, remedy)
