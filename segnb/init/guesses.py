"""What the columns of an unknown table seem to be: a start for a person who knows better."""

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import yaml
from pandas.api.types import is_bool_dtype, is_datetime64_any_dtype, is_float_dtype, is_integer_dtype

from segnb.tables import is_number

NAMES = yaml.safe_load(Path(__file__).with_name("names.yaml").read_text(encoding="utf-8"))
"""What the column of a role is called."""

_OUTCOMES = {"churn", "churned", "responded", "response", "converted", "conversion", "target", "outcome", "renewed"}
_OUTCOMES |= {"cancelled", "canceled", "defaulted", "label", "class"}

_LONGEST = 12
"""No usual scale has more levels."""


@cache
def _read(pattern: str) -> list[Any]:
    """Return what the YAML files beside this module hold that are called so."""
    return [yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(Path(__file__).parent.glob(pattern))]


_ISO = r"\d{4}-\d\d-\d\d([ T]\d\d:\d\d(:\d\d(\.\d+)?)?( ?(Z|[+-]\d\d:?\d\d))?)?"
OFFSET = r"(:\d\d(?:\.\d+)?)\s*(?:Z|[+-]\d\d(?::?\d\d)?)$"
"""How a time ends that says how far it is from UTC."""

_DAYS = (
    *("%Y%m%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y/%m/%d", "%d-%b-%Y", "%d %b %Y"),
    *("%d.%m.%y", "%d/%m/%y", "%m/%d/%y", "%d %B %Y", "%d. %B %Y", "%B %d, %Y", "%b %d, %Y"),
)
_WRITTEN = (*_DAYS, *(f"{day} {time}" for day in _DAYS for time in ("%H:%M", "%H:%M:%S")))
_MOSTLY = 0.95
"""At least this share of a column's texts are dates, or it isn't a column of dates."""


class Guess(NamedTuple):
    """A column for a role, and why."""

    column: str
    reason: str


def pieces(name: str) -> list[str]:
    """Return the words in a column's name.

    >>> pieces("CustomerID"), pieces("unit_price")
    (['customer', 'id'], ['unit', 'price'])
    """
    return re.findall(r"[^\W\d_]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower())


def is_code(name: str) -> bool:
    """Return whether a column of numbers holds codes and no amounts, by its name.

    >>> is_code("zip_code"), is_code("visits")
    (True, False)
    """
    return bool(set(pieces(name)) & {"zip", "plz", "postal", "postcode", "phone", "telephone", "mobile", "fax"})


def names_rows(column: pd.Series) -> bool:
    """Return whether a column seems to name the rows: all different, codes or whole numbers with few left out.

    >>> names_rows(pd.Series(range(1001, 1031))), names_rows(pd.Series([f"AC-{n:04d}" for n in range(30)]))
    (True, True)
    """
    if len(column) <= 20 or column.isna().any() or not column.is_unique:
        return False
    if is_integer_dtype(column):
        called = pieces(str(column.name or ""))[-1:] in (["id"], ["no"], ["key"], ["number"], ["code"])
        return called or int(column.max()) - int(column.min()) < 2 * len(column)
    return not is_number(column) and bool(column.astype(str).str.fullmatch(_FORM).mean() >= _MOSTLY)


def is_outcome(column: pd.Series) -> bool:
    """Return whether a column tells, by its name and its few values, what came of a customer.

    >>> is_outcome(pd.Series(["yes", "no"], name="churned")), is_outcome(pd.Series([1.5, 2.5, 3.5], name="target"))
    (True, False)
    """
    few = column.nunique() <= 2 or (not is_float_dtype(column) and column.nunique() <= 5)
    return few and bool(_OUTCOMES & set(pieces(column.name)))


def guess_order(column: pd.Series) -> list[str]:
    """Return the levels of a usual scale, from low to high, on which a column's texts lie; [] if there is none.

    >>> guess_order(pd.Series(["Agree", "neutral", "disagree"]))
    ['strongly disagree', 'disagree', 'neutral', 'agree', 'strongly agree']
    >>> guess_order(pd.Series(["north", "south", "west"]))
    []
    """
    seen = set(column.dropna().astype(str).str.strip().str.lower().unique()[:_LONGEST])
    (scales,) = _read("scales.yaml")
    return next((scale for scale in scales if len(seen) > 2 and seen <= set(scale)), [])


def known_export(names: Sequence[str]) -> dict[str, Any] | None:
    """Return what is known of an export with these columns, or None; `init/exports` holds a file for each kind.

    >>> known_export(["id", "Created (UTC)", "Amount", "Amount Refunded", "Currency", "Status", "Customer ID"])["name"]
    'Stripe payments'
    """
    for export in _read("exports/*.yaml"):
        if all(_there(column, names) for column in export["columns"]):
            roles = {role: _there(column, names) for role, column in export["purchase_columns"].items()}
            return export | {"purchase_columns": {role: column for role, column in roles.items() if column}}
    return None


def _there(column: str | list[str], names: Sequence[str]) -> str:
    """Return a column's name, the first of several that is there, or ""."""
    return next((each for each in ([column] if isinstance(column, str) else column) if each in names), "")


def guess_id(table: pd.DataFrame, other: Sequence[str] = (), *, unique: bool, more: bool = False) -> Guess | None:
    """Return the column with the customer's id, or None if no column seems to be one.

    Parameters
    ----------
    table : DataFrame
    other : sequence of str
        The columns of the other table; a name that both have comes first.
    unique : bool
        Whether the id names a row, as in a customer table; in a log it comes again.
    more : bool, default False
        Whether these are the first rows of more, among which customers come again less often.

    >>> guess_id(pd.DataFrame({"client": ["a", "b"], "age": [30, 40]}), unique=True)
    Guess(column='client', reason='2 different values in 2 rows')
    """
    scores = {name: _id_score(table[name], name, other, unique, more) for name in table}
    best = max(scores, key=scores.__getitem__, default=None)
    if best is None or scores[best] < 2:
        order, customer = ("", "") if unique else _by_form(table)
        return Guess(customer, f"every {order} has one of {table[customer].nunique():,}") if order else None
    shared = ", in both tables" if best in other else ""
    return Guess(best, f"{table[best].nunique():,} different values in {len(table):,} rows{shared}")


def guess_row_names(table: pd.DataFrame) -> Guess | None:
    """Return the first column that names the rows whatever it is called, see `names_rows`; None without one.

    >>> guess_row_names(pd.DataFrame({"respondent": range(1001, 1031)}))
    Guess(column='respondent', reason='a different value in every row')
    """
    found = [name for name in table if names_rows(table[name])]
    return Guess(found[0], "a different value in every row") if found else None


def guess_log(table: pd.DataFrame, customer_id: str = "") -> dict[str, Guess]:
    """Return the columns of a purchase log by role; {} without a date, or an amount or what makes one.

    Parameters
    ----------
    table : DataFrame
        One row per order line.
    customer_id : str
        The column of the customer, which has no other role.

    >>> list(guess_log(pd.DataFrame({"day": ["2026-01-01"] * 2, "net": [1.5, 2.5]})))
    ['date', 'amount']
    """
    free = [name for name in table if name != customer_id]
    found: dict[str, Guess] = {}
    for role in list(NAMES)[1:]:
        fitting = [name for name in free if _fits(role, table[name])]
        named = [name for name in fitting if _called(role, name)]
        ranked = sorted(named, key=lambda name: _rank(role, table[name], name))
        if not named and role == "date" and len(fitting) == 1:
            ranked = fitting
        if not named and role == "order" and customer_id:
            order, customer = _by_form(table)
            ranked = [order] if customer == customer_id else []
        if ranked:
            found[role] = Guess(ranked[0], _why(role, table[ranked[0]], ranked))
            free.remove(ranked[0])
    if {"amount", "quantity", "price"} <= set(found):
        found.pop("price")
    tells = "date" in found and ("amount" in found or {"quantity", "price"} <= set(found))
    return found if tells else {}


_FORM = r"#?[A-Za-z]{0,5}[-_ ]?\d{2,}"
"""How numbers of orders, customers and rows are written."""


def _by_form(table: pd.DataFrame) -> tuple[str, str]:
    """Return the columns of the order and of its customer by their values, "" for both if none are like that.

    Numbered as `#1001` is, an order has several lines and on all of them the same customer and the same day.
    """
    days = [name for name in table if dates_in(table[name])]
    texts = {name: table[name].dropna().astype(str) for name in table if not is_float_dtype(table[name])}
    coded = [name for name in texts if name not in days and texts[name].str.fullmatch(_FORM).mean() >= _MOSTLY]
    different = table[coded].nunique()
    for order in different.sort_values(ascending=False).index if days else ():
        others = [name for name in coded if 20 < different[name] < different[order]]
        lines = table.groupby(order)
        if others and len(table) > 1.2 * different[order] and lines[days].nunique().mean().min() < 1.01:
            one = [name for name in others if lines[name].nunique().mean() < 1.01]
            if one:
                return order, max(one, key=different.__getitem__)
    return "", ""


def is_log(table: pd.DataFrame, more: bool = False) -> bool:
    """Return whether a table seems to be a purchase log.

    That is one in which customers come again, with dates and amounts, or without a column that names each row.

    Parameters
    ----------
    table : DataFrame
    more : bool, default False
        Whether these are the first rows of more.

    >>> is_log(pd.DataFrame({"customer": ["a", "a", "b"], "day": ["2026-01-01"] * 3, "amount": [1.0, 2.0, 3.0]}))
    True
    """
    customer = guess_id(table, unique=False, more=more)
    if customer is None:
        return False
    return bool(guess_log(table, customer.column)) or guess_id(table, unique=True) is None


def dates_in(column: pd.Series) -> str:
    """Return how at least 95 % of the dates in a column are written, "" if there is no such way.

    >>> [dates_in(pd.Series(text)) for text in (["31.12.2025", "01.02.2026"], ["2026-01-01"], ["x"])]
    ['%d.%m.%Y', 'ISO8601', '']
    """
    text = _first_texts(column)
    if text.empty or text.str.contains(r"\d").mean() < _MOSTLY:
        return ""
    if text.str.fullmatch(_ISO).mean() >= _MOSTLY:
        return "ISO8601"
    shares = {each: _share(text, each) for each in _WRITTEN}
    likeliest = max(shares, key=shares.__getitem__)
    return likeliest if shares[likeliest] >= _MOSTLY else ""


def has_offsets(column: pd.Series) -> bool:
    """Return whether a column holds times that say how far from UTC they are.

    >>> has_offsets(pd.Series(["2026-03-01 10:00:00 +0100", "2026-04-01 10:00:00 +0200"]))
    True
    """
    return any(re.search(OFFSET, text) for text in _first_texts(column))


def also_written(column: pd.Series, written: str) -> str:
    """Return the way of writing dates that fits as well as `written`, month and day exchanged, or "".

    >>> also_written(pd.Series(["03/04/2026", "05/06/2026"]), "%d/%m/%Y")
    '%m/%d/%Y'
    """
    other = written.translate(str.maketrans("dm", "md"))
    text = _first_texts(column)
    return other if other != written and other in _WRITTEN and _share(text, other) >= _share(text, written) else ""


def _first_texts(column: pd.Series) -> pd.Series:
    return column.dropna().head(2000).astype(str)


def _share(text: pd.Series, written: str) -> float:
    return float(pd.to_datetime(text, format=written, errors="coerce").notna().mean())


def _called(role: str, name: str) -> bool:
    """Return whether a word of a column's name is one of the role's, or begins or ends with a longer one."""
    parts = tuple(each for each in NAMES[role] if len(each) > 3)
    return any(word in NAMES[role] or word.startswith(parts) or word.endswith(parts) for word in pieces(name))


def _id_score(column: pd.Series, name: str, other: Sequence[str], unique: bool, more: bool) -> float:
    known = column.dropna()
    broken = is_float_dtype(known) and not (known % 1 == 0).all()
    if broken or is_bool_dtype(column) or is_datetime64_any_dtype(column):
        return 0
    distinct = known.nunique() / max(len(known), 1)
    alike = distinct > 0.95 if unique else distinct < (0.999 if more else 0.7)
    called = 2 * _called("customer", name) + (pieces(name)[-1:] in (["id"], ["no"], ["key"], ["number"]))
    called += unique and name.lower() == "id"
    return called * alike + 0.5 * (name in other and alike)


def _fits(role: str, column: pd.Series) -> bool:
    """Return whether a column's values can have a role."""
    if role == "date":
        return bool(dates_in(column))
    if role in ("amount", "price"):
        return is_number(column) and column.nunique() > 1
    if role == "discount":
        return is_number(column)
    if role == "quantity":
        return is_number(column) and (column.dropna() % 1 == 0).mean() > 0.9
    if role == "category":
        return not is_number(column) and column.nunique() <= 200
    return not (is_float_dtype(column) or is_datetime64_any_dtype(column) or dates_in(column))


def _rank(role: str, column: pd.Series, name: str) -> tuple:
    """Return what puts the likeliest column of a role first: an id for orders and products, the role's first words."""
    words = pieces(name)
    is_id = any(word in ("id", "no", "code", "number") for word in words)
    first = next((place for place, each in enumerate(NAMES[role]) if any(w.startswith(each) for w in words)), 99)
    wants_id = role in ("order", "product")
    return is_id != wants_id, role == "date" and not is_datetime64_any_dtype(column), first, len(name)


def _why(role: str, column: pd.Series, ranked: Sequence[str]) -> str:
    others = f"; {', '.join(ranked[1:4])} would fit too" if len(ranked) > 1 else ""
    if role in ("order", "product", "category"):
        return f"{column.nunique():,} different values{others}"
    if role == "date":
        return f"from {str(column.min())[:10]} to {str(column.max())[:10]}{others}"
    return f"median {column.median():g}{others}"
