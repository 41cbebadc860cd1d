"""Look at a person's files and write a commented preset to start from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import yaml

from segnb.data.guesses import Guess, dates_in, guess_id, guess_log, guess_reading, is_log
from segnb.data.tables import read_table
from segnb.errors import DataError
from segnb.parameters import PARAMETERS

LOOKBACK = PARAMETERS["lookback_days"].default
DECIDE = "DECIDE:"


@dataclass
class Line:
    """One parameter of a preset: its value and a comment that says why."""

    name: str
    value: object
    comment: str = ""
    entries: Mapping[str, Guess] = field(default_factory=dict)

    def text(self) -> str:
        """Return the line as YAML; a mapping stands on lines of its own, each with its reason."""
        if not self.entries:
            return f"{self.name}: {_yaml(self.value)}{_comment(self.comment)}"
        inside = [f"  {role}: {_yaml(guess.column)}{_comment(guess.reason)}" for role, guess in self.entries.items()]
        return "\n".join([f"{self.name}:{_comment(self.comment)}", *inside])


def new_preset(table: str, log: str = "") -> tuple[str, str]:
    """Return the name of a run and the text of a preset for it, guessed from the files.

    Parameters
    ----------
    table : str
        One row per customer; or, alone, a purchase log.
    log : str, optional
        One row per order line.

    Raises
    ------
    DataError
        If a file cannot be read, or a log without a customer, a date or an amount.
    """
    reading = guess_reading(table)
    customers = read_table(table, reading=reading)
    if not log and is_log(customers):
        return _of_log(table, customers, reading)
    if not log:
        return _of_table(table, customers, reading)
    log_reading = guess_reading(log)
    if reading and log_reading and reading != log_reading:
        raise DataError(f"{table} and {log} are written differently ({reading}, {log_reading}); save both alike")
    return _of_log(log, read_table(log, reading=log_reading), reading | log_reading, table, customers)


def _of_table(source: str, table: pd.DataFrame, reading: dict[str, str]) -> tuple[str, str]:
    found = guess_id(table, unique=True)
    features, descriptors, left = _columns(table.drop(columns=[found.column] if found else []))
    if not features:
        raise DataError(f"{source}: no numeric column to make segments from; the columns are {', '.join(table)}")
    lines = [
        Line("customers", source, f"{len(table):,} rows"),
        Line("purchases", "", "no purchase log"),
        Line("customer_id", found.column if found else "", found.reason if found else "no id seen: rows are numbered"),
        *_reading_lines(reading),
        Line("features", features, f"{DECIDE} which of these should make the segments"),
        Line("descriptors", descriptors, "these describe the segments and do not make them"),
    ]
    return _whole(source, lines, left)


def _of_log(
    source: str, log: pd.DataFrame, reading: dict[str, str], table: str = "", customers: pd.DataFrame | None = None
) -> tuple[str, str]:
    there = list(customers) if customers is not None else []
    found = guess_id(log, there, unique=False)
    if found is None:
        swapped = f"; are {table} and {source} swapped?" if table else ""
        raise DataError(f"{source}: no column looks like the customer's id{swapped}; the columns are {', '.join(log)}")
    if customers is not None and found.column not in customers:
        raise DataError(
            f"{table}: no column {found.column!r}, the customer's id in {source}; give it the same name in both"
        )
    roles = guess_log(log, found.column)
    if "date" not in roles or not ("amount" in roles or {"quantity", "price"} <= set(roles)):
        raise DataError(f"{source}: no column of dates, or none of amounts, is seen; the columns are {', '.join(log)}")
    dates = log[roles["date"].column]
    written = "" if pd.api.types.is_datetime64_any_dtype(dates) else dates_in(dates)
    if written not in ("", "ISO"):
        reading = reading | {"dates": written}
    _, descriptors, left = _columns(customers.drop(columns=found.column)) if customers is not None else ([], [], [])
    numeric = [] if customers is None else [name for name in customers.select_dtypes("number") if name != found.column]
    window, why = _window(dates, written)
    lines = [
        Line("customers", table, f"{len(customers):,} rows" if customers is not None else "no customer table"),
        Line("purchases", source, f"{len(log):,} lines"),
        Line("customer_id", found.column, found.reason),
        Line("purchase_columns", None, f"{DECIDE} are these the right ones?", entries=roles),
        *_reading_lines(reading),
        Line("window_days", window, why),
        Line("returns", "net", f"{DECIDE} net: returns reduce the spend; exclude: they are left out"),
        Line("features", [], "empty: recency, orders, spend and what else the log gives"),
        Line("descriptors", [*numeric, *descriptors], "these describe the segments and do not make them"),
    ]
    return _whole(table or source, lines, left)


def _columns(table: pd.DataFrame) -> tuple[list[str], list[str], list[str]]:
    """Return the columns to make segments from, those to describe them by, and sentences on those left out."""
    features, descriptors, left = [], [], []
    for name, column in table.items():
        is_number = pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
        if column.nunique() < 2:
            left.append(f"{name}: has one value only")
        elif is_number and pd.api.types.is_integer_dtype(column) and column.is_unique and len(column) > 20:
            left.append(f"{name}: a different whole number in every row, which looks like an id")
        elif is_number:
            features.append(name)
        elif column.nunique() > max(50, len(column) / 2):
            left.append(f"{name}: {column.nunique():,} different texts, too many to describe anybody by")
        else:
            descriptors.append(name)
    return features, descriptors, left


def _window(dates: pd.Series, written: str) -> tuple[int, str]:
    """Return a window that the log fills at the end and a quarter earlier too, and why."""
    plain = written in ("", "ISO")
    days = pd.to_datetime(dates if plain else dates.astype(str), format=None if plain else written, errors="coerce")
    days = days.dropna()
    span = (days.max() - days.min()).days
    if span >= PARAMETERS["window_days"].default + LOOKBACK:
        return PARAMETERS["window_days"].default, "a year; the log also fills it as of a quarter earlier"
    if span >= 2 * LOOKBACK:
        return (span - LOOKBACK) // 10 * 10, f"the log covers {span} days: it fills such a window a quarter earlier too"
    return 0, f"the log covers {span} days only: all of it counts"


def _reading_lines(reading: dict[str, str]) -> list[Line]:
    entries = {name: Guess(value, "as seen in the file") for name, value in reading.items()}
    return [Line("reading", None, "", entries)] if entries else []


def _whole(source: str, lines: list[Line], left: list[str]) -> tuple[str, str]:
    name = "".join(each if each.isalnum() and each.isascii() else "_" for each in Path(source).name.split(".")[0])
    run = name.strip("_")[:40] or "mine"
    head = f"# Guessed by segnb init; {DECIDE.rstrip(':')} marks what is yours to say. The rest keeps its defaults."
    notes = [f"# left out: {each}" for each in left]
    return run, "\n".join([head, Line("run", run).text(), *(line.text() for line in lines), *notes]) + "\n"


def _yaml(value: object) -> str:
    return (
        yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10_000).removesuffix("\n...\n").strip()
    )


def _comment(words: str) -> str:
    return f"  # {' '.join(words.split())}" if words else ""
