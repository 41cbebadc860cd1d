"""Glimpse at a person's files and write a commented preset to start from."""

from datetime import date
from pathlib import Path

import pandas as pd

from segnb.data import Purchases, customer_expression, open_purchases, read_customers
from segnb.data.text_files import is_text
from segnb.errors import DataError
from segnb.init.guesses import Guess, also_written, dates_in, guess_id, guess_log, is_log, pieces, tells_purchases
from segnb.init.preview import Glimpse, glimpse
from segnb.parameters import PARAMETERS, Line, check_parameters, comment
from segnb.paths import EMBEDDED, LATEST, is_file
from segnb.prepare.clean import MOST_MISSING

MOST_ROWS = 100_000
"""Of a large table so many rows are looked at."""

CODES = {"zip", "plz", "postal", "postcode", "phone"}
"""Words in the names of columns whose numbers are none."""

LOOKBACK = PARAMETERS["lookback_days"].default
DECIDE = "DECIDE:"


def new_preset(table: str, log: str = "", engine: str = EMBEDDED) -> tuple[str, str]:
    """Return the name of a run and the text of a preset for it, guessed from the tables.

    Of a large table only the beginning is looked at. The tables are then read as a run reads them, so that the preset
    names what a run would stop at.

    Parameters
    ----------
    table : str
        One row per customer; or, alone, a purchase log. A file, or a table of the engine.
    log : str, optional
        One row per order line.
    engine : str
        Address of the engine.

    Raises
    ------
    DataError
        If a table cannot be read, or a log has no customer, date or amount.
    """
    check_parameters({"engine": engine})
    customers = glimpse(table, engine, MOST_ROWS)
    if not log and (is_log(customers.rows, customers.more) or _comes_again(customers)):
        return _of_log(customers, None)
    if not log:
        return _of_table(customers)
    purchases = glimpse(log, engine, MOST_ROWS)
    text = [look for look in (customers, purchases) if is_file(look.source, engine) and is_text(look.source)]
    if len(text) == 2 and customers.reading != purchases.reading:
        written = f"{customers.reading}, {purchases.reading}"
        raise DataError(f"{table} and {log} are written differently ({written}); save both alike")
    return _of_log(purchases, customers)


def _comes_again(look: Glimpse) -> bool:
    """Return whether customers come again in a table although no column is one id per row."""
    return not guess_id(look.rows, unique=True) and bool(guess_id(look.rows, unique=False, more=look.more))


def _of_table(customers: Glimpse) -> tuple[str, str]:
    found = guess_id(customers.rows, unique=True)
    features, descriptors, left = _columns(customers.rows.drop(columns=[found.column] if found else []))
    if not features:
        names = ", ".join(customers.rows)
        raise DataError(f"{customers.source}: no numeric column to make segments from; the columns are {names}")
    customer_id = found or Guess("", "no id seen: rows are numbered")
    lines = [
        Line("customers", customers.source, customers.extent("rows")),
        Line("purchases", "", "no purchase log"),
        Line("customer_id", customer_id.column, customer_id.reason),
        *_reading_lines(customers.reading),
        Line("features", features, f"{DECIDE} which of these should make the segments"),
        Line("descriptors", descriptors, "these describe the segments and do not make them"),
    ]
    return _whole(customers, lines, _stops_at(customers, customer_id.column) + left)


def _of_log(log: Glimpse, customers: Glimpse | None) -> tuple[str, str]:
    customer_id = _shared_id(log, customers)
    roles = guess_log(log.rows, customer_id.column)
    if not tells_purchases(roles):
        names = ", ".join(log.rows)
        raise DataError(f"{log.source}: no column of dates, or none of amounts, is seen; the columns are {names}")
    dates = log.rows[roles["date"].column]
    written = "" if pd.api.types.is_datetime64_any_dtype(dates) else dates_in(dates)
    reading = log.reading | (customers.reading if customers else {})
    written = "" if written == "ISO" else written
    reading |= {"dates": written} if written else {}
    columns = {role: guess.column for role, guess in roles.items()}
    try:
        opened = open_purchases(log.source, columns, customer_id.column, reading=reading, engine=log.engine)
        lines, first, last, notes = f"{opened.counts['lines']:,} lines", opened.first_day, opened.last_day, []
    except DataError as error:
        opened, notes = None, [f"{DECIDE} a run stops at {error}"]
        lines, (first, last) = log.extent("lines"), _ends(dates, written)
    notes += _stops_at(customers, customer_id.column, log.source) if customers else []
    notes += _made_twice(opened, customers, customer_id.column) if opened and customers else []
    either = also_written(dates, written)
    notes += [f"{DECIDE} the dates are read as {written}; they may be {either} as well"] if either else []
    roles["date"] = Guess(columns["date"], roles["date"].reason if not opened else f"from {first} to {last}")
    known = customers.rows.drop(columns=customer_id.column) if customers else pd.DataFrame()
    features, descriptors, left = _columns(known)
    return _whole(
        customers or log,
        [
            Line("customers", *((customers.source, customers.extent("rows")) if customers else ("", "no table"))),
            Line("purchases", log.source, lines),
            Line("customer_id", customer_id.column, customer_id.reason),
            Line(
                "purchase_columns",
                None,
                f"{DECIDE} are these the right ones?",
                entries={role: (guess.column, guess.reason) for role, guess in roles.items()},
            ),
            *_reading_lines(reading),
            Line("window_days", *_window((last - first).days)),
            Line("returns", "net", f"{DECIDE} net: returns reduce the spend; exclude: they are left out"),
            Line("features", [], "empty: recency, orders, spend and what else the log gives"),
            Line("descriptors", features + descriptors, "these describe the segments and do not make them"),
        ],
        notes + left,
    )


def _made_twice(log: Purchases, customers: Glimpse, customer_id: str) -> list[str]:
    """Return what a run would stop at where a column of the customer table is also made from the log."""
    made = customer_expression(log, log.last_day).columns
    both = [name for name in customers.rows if name in made and name != customer_id]
    return [f"{DECIDE} a run stops at {name}: also made from the purchase log; rename it" for name in both]


def _stops_at(customers: Glimpse, customer_id: str, log: str = "") -> list[str]:
    """Return what a run would stop at when it reads the customer table."""
    given = {"customers": customers.source, "customer_id": customer_id, "purchases": log, "engine": customers.engine}
    try:
        read_customers(check_parameters(given | {"reading": customers.reading}))
        return []
    except DataError as error:
        return [f"{DECIDE} a run stops at {error}"]


def _shared_id(log: Glimpse, customers: Glimpse | None) -> Guess:
    """Return the column of the customer in a log, which a customer table must have too."""
    found = guess_id(log.rows, list(customers.rows) if customers else [], unique=False, more=log.more)
    if found is None:
        swapped = f"; are {customers.source} and {log.source} swapped?" if customers else ""
        names = ", ".join(log.rows)
        raise DataError(f"{log.source}: no column looks like the customer's id{swapped}; the columns are {names}")
    if customers and found.column not in customers.rows:
        raise DataError(
            f"{customers.source}: no column {found.column!r}, the customer's id in {log.source}; "
            "give it the same name in both"
        )
    return found


def _columns(table: pd.DataFrame) -> tuple[list[str], list[str], list[str]]:
    """Return the columns to make segments from, those to describe them by, and sentences on those left out."""
    features, descriptors, left = [], [], []
    for name, column in table.items():
        is_number = pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
        if column.nunique() < 2:
            left.append(f"left out: {name}: has one value only")
        elif column.isna().mean() > MOST_MISSING:
            left.append(f"left out: {name}: mostly missing")
        elif is_number and set(pieces(name)) & CODES:
            left.append(f"left out: {name}: a code and no amount")
        elif is_number and _numbers_rows(column):
            left.append(f"left out: {name}: a different whole number in every row, which looks like an id")
        elif is_number:
            features.append(name)
        elif column.nunique() > max(50, len(column) / 2):
            left.append(f"left out: {name}: {column.nunique():,} different texts, too many to describe anybody by")
        else:
            descriptors.append(name)
    return features, descriptors, left


def _numbers_rows(column: pd.Series) -> bool:
    """Return whether whole numbers are all different and, by their name or since few are left out, count the rows."""
    if not pd.api.types.is_integer_dtype(column) or not column.is_unique or len(column) <= 20:
        return False
    called = pieces(column.name)[-1:] in (["id"], ["no"], ["key"], ["number"], ["code"])
    return called or int(column.max()) - int(column.min()) < 2 * len(column)


def _ends(dates: pd.Series, written: str) -> tuple[date, date]:
    """Return the first and the last of the dates that can be read, today for none."""
    days = pd.to_datetime(dates.astype(str) if written else dates, format=written or None, errors="coerce")
    days = days.dropna()
    return (days.min().date(), days.max().date()) if len(days) else (date.today(), date.today())


def _window(span: int) -> tuple[int, str]:
    """Return a window that a log of so many days fills at the end and a quarter earlier too, and why."""
    if span >= PARAMETERS["window_days"].default + LOOKBACK:
        return PARAMETERS["window_days"].default, "a year; the log also fills it as of a quarter earlier"
    if span >= 2 * LOOKBACK:
        return (span - LOOKBACK) // 10 * 10, f"the log covers {span} days: it fills such a window a quarter earlier too"
    return 0, f"the log covers {span} days only: all of it counts"


def _reading_lines(reading: dict[str, str]) -> list[Line]:
    entries = {name: (value, "as seen in the file") for name, value in reading.items()}
    return [Line("reading", None, "", entries)] if entries else []


def _whole(first: Glimpse, lines: list[Line], notes: list[str]) -> tuple[str, str]:
    """Return the name of a run, made from the first table's, and the whole preset."""
    called = Path(first.source).name.split(".")[0] if is_file(first.source, first.engine) else first.source
    name = "".join(each if each.isalnum() and each.isascii() else "_" for each in called)
    run = name.strip("_")[:40] or "mine"
    run = f"{run}_run" if run == LATEST else run
    head = f"# Guessed by segnb init; {DECIDE.rstrip(':')} marks what is yours to say. The rest keeps its defaults."
    where = [Line("engine", first.engine, "where the tables live")] if first.engine != EMBEDDED else []
    notes = notes + [f"{DECIDE} {words}" for words in first.other_sheets()]
    body = [line.text() for line in (Line("run", run), *where, *lines)]
    return run, "\n".join([head, *body, *(comment(note).strip() for note in notes)]) + "\n"
