"""What the columns of an unknown table seem to be: a start for a person who knows better."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

NAMES = {
    # role: what such a column is called, in pieces of its name
    "customer": (
        "customer",
        "client",
        "household",
        "user",
        "member",
        "account",
        "buyer",
        "kunde",
        "person",
        "shopper",
        "email",
    ),
    "order": ("order", "invoice", "basket", "receipt", "transaction", "ticket", "cart", "bestell", "rechnung"),
    "date": ("date", "day", "time", "timestamp", "datum", "ordered", "at"),
    "amount": ("amount", "sales", "revenue", "total", "value", "paid", "net", "spend", "umsatz", "betrag"),
    "quantity": ("quantity", "qty", "units", "pieces", "count", "menge", "anzahl"),
    "price": ("price", "preis"),
    "product": ("product", "sku", "stock", "item", "article", "artikel"),
    "category": ("category", "department", "kategorie", "warengruppe"),
    "discount": ("discount", "disc", "rabatt", "reduction"),
}
LOG_ROLES = ("order", "date", "amount", "quantity", "price", "product", "category", "discount")
ISO = r"\d{4}-\d\d-\d\d([ T]\d\d:\d\d(:\d\d(\.\d+)?)?( ?(Z|[+-]\d\d:?\d\d))?)?"
DAYS = ("%Y%m%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y/%m/%d", "%d-%b-%Y", "%d %b %Y")
WRITTEN = (*DAYS, *(f"{day} {time}" for day in DAYS for time in ("%H:%M", "%H:%M:%S")))
MOSTLY = 0.95
"""At least this share of a column's texts are dates, or it is no column of dates."""


@dataclass(frozen=True)
class Guess:
    """A column for a role, and why."""

    column: str
    reason: str


def pieces(name: str) -> list[str]:
    """Return the words in a column's name.

    >>> pieces("CustomerID"), pieces("unit_price")
    (['customer', 'id'], ['unit', 'price'])
    """
    return re.findall(r"[a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower())


def guess_id(table: pd.DataFrame, other: Sequence[str] = (), *, unique: bool, more: bool = False) -> Guess | None:
    """Return the column with the customer's id, if one seems to be.

    Parameters
    ----------
    table : DataFrame
    other : sequence of str
        The columns of the other table; a name that both have comes first.
    unique : bool
        Whether the id names a row, as in a customer table; in a log it comes again.
    more : bool, default False
        Whether these are the first rows of more, among which customers come again less often.
    """
    scores = {name: _id_score(table[name], name, other, unique, more) for name in table}
    best = max(scores, key=scores.__getitem__, default=None)
    if best is None or scores[best] < 2:
        return None
    shared = ", in both tables" if best in other else ""
    return Guess(best, f"{table[best].nunique():,} different values in {len(table):,} rows{shared}")


def guess_log(table: pd.DataFrame, customer_id: str = "") -> dict[str, Guess]:
    """Return the columns of a purchase log by role; a role that none seems to have is left out."""
    free = [name for name in table if name != customer_id]
    found: dict[str, Guess] = {}
    for role in LOG_ROLES:
        fitting = [name for name in free if _fits(role, table[name])]
        named = [name for name in fitting if _called(role, name)]
        ranked = sorted(named, key=lambda name: _rank(role, table[name], name))
        if ranked:
            found[role] = Guess(ranked[0], _why(role, table[ranked[0]], ranked))
        elif role == "date" and len(fitting) == 1:
            found[role] = Guess(fitting[0], "the only column of dates")
        if role in found:
            free.remove(found[role].column)
    if "amount" in found and {"quantity", "price"} <= set(found):
        found.pop("price")
    return found


def is_log(table: pd.DataFrame, more: bool = False) -> bool:
    """Return whether a table seems to be a purchase log: customers who come again, dates, and amounts.

    With `more`, the table is the beginning of a longer one.

    >>> is_log(pd.DataFrame({"customer": ["a", "a", "b"], "day": ["2026-01-01"] * 3, "amount": [1.0, 2.0, 3.0]}))
    True
    """
    customer = guess_id(table, unique=False, more=more)
    found = guess_log(table, customer.column if customer else "")
    return customer is not None and tells_purchases(found)


def tells_purchases(roles: Mapping[str, Guess]) -> bool:
    """Return whether there is a date, and an amount or what makes one."""
    return "date" in roles and ("amount" in roles or {"quantity", "price"} <= set(roles))


def dates_in(column: pd.Series) -> str:
    """Return how at least 95 % of the dates in a column of text are written, "" if there is no such way.

    >>> [dates_in(pd.Series(text)) for text in (["31.12.2025", "01.02.2026"], ["2026-01-01"], ["x"])]
    ['%d.%m.%Y', 'ISO', '']
    """
    text = column.dropna().astype(str).head(2000)
    if text.empty or text.str.contains(r"\d").mean() < MOSTLY:
        return ""
    if text.str.fullmatch(ISO).mean() >= MOSTLY:
        return "ISO"
    shares = {each: _share(text, each) for each in WRITTEN}
    likeliest = max(shares, key=shares.__getitem__)
    return likeliest if shares[likeliest] >= MOSTLY else ""


def also_written(column: pd.Series, written: str) -> str:
    """Return the way of writing dates that fits as well as `written`, month and day exchanged, or "".

    >>> also_written(pd.Series(["03/04/2026", "05/06/2026"]), "%d/%m/%Y")
    '%m/%d/%Y'
    """
    other = written.translate(str.maketrans("dm", "md"))
    text = column.dropna().astype(str).head(2000)
    return other if other != written and other in WRITTEN and _share(text, other) >= _share(text, written) else ""


def _share(text: pd.Series, written: str) -> float:
    return float(pd.to_datetime(text, format=written, errors="coerce").notna().mean())


def _called(role: str, name: str) -> bool:
    words = pieces(name)
    return any(
        word == each or (len(each) > 3 and (word.startswith(each) or word.endswith(each)))
        for each in NAMES[role]
        for word in words
    )


def _id_score(column: pd.Series, name: str, other: Sequence[str], unique: bool, more: bool) -> float:
    if pd.api.types.is_float_dtype(column) and not (column.dropna() % 1 == 0).all():
        return 0
    if pd.api.types.is_bool_dtype(column) or pd.api.types.is_datetime64_any_dtype(column):
        return 0
    known = column.dropna()
    distinct = known.nunique() / max(len(known), 1)
    alike = distinct > 0.95 if unique else distinct < (0.999 if more else 0.7)
    called = 2 * _called("customer", name) + (pieces(name)[-1:] in (["id"], ["no"], ["key"], ["number"]))
    called += unique and name.lower() == "id"
    return called * alike + 0.5 * (name in other and alike)


def _fits(role: str, column: pd.Series) -> bool:
    is_number = pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
    if role == "date":
        return pd.api.types.is_datetime64_any_dtype(column) or bool(dates_in(column))
    if role in ("amount", "price", "discount"):
        return is_number and not (role != "discount" and column.nunique() < 2)
    if role == "quantity":
        return is_number and (column.dropna() % 1 == 0).mean() > 0.9
    if role == "category":
        return not is_number and column.nunique() <= 200
    return not (pd.api.types.is_float_dtype(column) or pd.api.types.is_datetime64_any_dtype(column) or dates_in(column))


def _rank(role: str, column: pd.Series, name: str) -> tuple:
    """Return what puts the likeliest column of a role first: an id for orders and products, the role's first words."""
    words = pieces(name)
    is_id = any(word in ("id", "no", "code", "number") for word in words)
    first = next((place for place, each in enumerate(NAMES[role]) if any(w.startswith(each) for w in words)), 99)
    wants_id = role in ("order", "product")
    return (is_id != wants_id, not pd.api.types.is_datetime64_any_dtype(column) and role == "date", first, len(name))


def _why(role: str, column: pd.Series, ranked: Sequence[str]) -> str:
    others = f"; {', '.join(ranked[1:4])} would fit too" if len(ranked) > 1 else ""
    if role in ("order", "product", "category"):
        return f"{column.nunique():,} different values{others}"
    if role == "date":
        return f"from {_day(column.min())} to {_day(column.max())}{others}"
    return f"median {column.median():g}{others}"


def _day(value: object) -> str:
    return str(value)[:10]
