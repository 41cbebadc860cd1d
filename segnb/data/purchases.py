"""The purchase log: open it under segnb's own column names and count what is left out."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import ibis
import pandas as pd
from ibis import _

from segnb.data.engines import connect, fetch, first_line, kept
from segnb.data.order_lines import (
    LEFT_OUT,
    RETURN,
    USED,
    check_whole,
    open_source,
    reason_is,
    reasons_in_words,
    standard_lines,
    text_id,
)
from segnb.errors import DataError
from segnb.parameters import Parameters
from segnb.tables import LARGEST

_MOST_CATEGORIES = 8
"""At most this many categories, those with the highest spend, get a share column."""

_LIKE_MISSING = ["null", "none", "nan", "na", "n/a", "#n/a", "unknown", "unbekannt", "guest", "-", "0"]
"""Ids, in small letters, that may stand for nobody in particular."""

_MOST_GUESTS = 0.5
"""With a larger share of lines without a customer, the column of the customer must be another one."""

_FEW_LINES = 5_000_000
"""Up to so many lines are kept once they have been read; at about 100 bytes each."""

_STRAY = 0.01
"""At most this share of the lines, long after all others, is taken for wrong dates."""

_DATED = re.compile(r"(?i)date|time|month|day")
"""What an engine says of a value that isn't a date."""


@dataclass(frozen=True)
class Purchases:
    """An opened purchase log under segnb's own column names.

    Attributes
    ----------
    lines : ibis.Table
        One row per order line of a known customer with a known date: `customer_id` and `order_id` (whole numbers or
        text; a line may have no order), `day` (date), `amount` (float), and where the log has them `product`,
        `category`, `discount`.
    customers : ibis.Table
        One row per customer: `customer_id` and `first_ever`, the day of the first purchase, missing with returns only.
    counts : dict of str to int
        What was read and what was left out, in lines, and the number of customers.
    first_day, last_day : date
        Of the lines.
    kept_by : list of str
        Columns by whose values lines were kept.
    every : ibis.Table
        One row per line that was read, with `reason`: that it is used, or why it was left out; see `reason_is`.

    Examples
    --------
    >>> open_log(Parameters()).top_categories()
    ['books', 'garden', 'home', 'kitchen', 'toys']
    """

    lines: ibis.Table
    customers: ibis.Table
    counts: dict[str, int]
    first_day: date
    last_day: date
    kept_by: list[str]
    every: ibis.Table

    @cached_property
    def lines_by_day(self) -> pd.DataFrame:
        """Return `day` and the number of `lines` on it, the earliest first."""
        return fetch(self.lines.group_by("day").agg(lines=_.count()), order_by="day")

    def top_categories(self) -> list[str]:
        """Return the categories with the highest spend, at most `_MOST_CATEGORIES`, or [] without categories."""
        if "category" not in self.lines.columns:
            return []
        spend = self.lines.filter(_.amount > 0, _.category.notnull()).group_by("category").agg(spend=_.amount.sum())
        top = spend.order_by(ibis.desc("spend"), "category").limit(_MOST_CATEGORIES)
        return sorted(fetch(top)["category"])

    def reconciliation(self) -> pd.DataFrame:
        """Return by month what was read, used and left out, to hold against the shop's own figures.

        Returns
        -------
        DataFrame
            One row per month ("" for lines without a date) and reason: `month` (2026-05), `reason` ("used", or why
            lines were left out), `lines`, `orders`, `customers` and `sum` (of the amounts).
        """
        month = (_.day.year() * 100 + _.day.month()).cast("string").fill_null("")
        every = self.every.mutate(month=month)
        by_order = every.group_by("month", "reason", "customer_id", "order_id").agg(lines=_.count(), sum=_.amount.sum())
        customers = _.customer_id.nunique(where=_.customer_id.notnull())  # Polars would count a missing one too
        by_month = by_order.view().group_by("month", "reason")
        sums = by_month.agg(lines=_.lines.sum(), orders=_.count(), customers=customers, sum=_["sum"].sum())
        table = fetch(sums)
        table = table.assign(reason=reasons_in_words(table["reason"])).sort_values(
            ["month", "reason"], ignore_index=True
        )
        counts = table[["lines", "orders", "customers"]].astype(int)
        return table.assign(**counts, month=table["month"].str.replace(r"(\d{4})(\d\d)", r"\1-\2", regex=True))


def open_log(parameters: Parameters) -> Purchases:
    """Return the purchase log, lazily: a long one, or one in an engine elsewhere, is never held in memory as a whole.

    DuckDB keeps up to five million lines as they are after reading, since each figure is made of them again.

    Parameters
    ----------
    parameters : Parameters
        `purchases`, one row per order line: a file, or a table of the engine. `purchase_columns`: `date` is needed, and
        `amount` (money), `quantity` and `price`, or `order` and `total` (of the whole order, on each of its lines);
        `order` (without it a customer's lines of one day are one order), `refunded` (money given back of the amount or
        total), `product`, `category` and `discount` (money) are used where given. `customer_id`: lines without one are
        left out and counted. `products`, a table joined on the product column, then brings the `category` column.
        `returns`: whether lines without a positive quantity and amount reduce the spend or are left out. `only`: the
        other lines are counted and left out, columns that the log doesn't have are passed over. `reading`: as for
        `read_table`; `dates` is the format of dates written as text (%Y-%m-%d by default), `zone` the time zone whose
        days count when the log's times are UTC, or "written"; `fill` the column of the order where customer, date,
        total and what is kept by stand on an order's first line only. `engine` aggregates the log.

    Raises
    ------
    DataError
        If a file or column is missing, or a date or an amount cannot be read.

    >>> open_log(Parameters()).counts["customers"]
    2000
    """
    source, columns = parameters.purchases, parameters.purchase_columns
    inside = {role: name for role, name in columns.items() if role != "category" or not parameters.products}
    _check_roles(inside)
    parameters = parameters.model_copy(update={"purchase_columns": inside})
    backend = connect(parameters.engine)
    roles = {"customer_id": parameters.customer_id} | inside
    log = open_source(source, roles, parameters, backend)
    check_whole(log, [roles[role] for role in ("customer_id", "order", "product") if role in roles], source)
    with _answered(source):
        every = _kept_if_few(standard_lines(log, parameters))
    customers, counts, first, last = _count_lines(every, source)
    lines = every.filter(reason_is(USED)).drop("is_sale", "reason")
    if parameters.products:
        lines = lines.left_join(_product_categories(columns, parameters, backend), "product").drop("product_right")
    kept_by = [name for name in parameters.only if name in log.columns]
    return Purchases(lines, customers, counts, date.fromisoformat(first), date.fromisoformat(last), kept_by, every)


def by_month(reconciliation: pd.DataFrame) -> pd.DataFrame:
    """Return what was used of a log by month, with all months in the last row, and by reason the sum left out.

    >>> rows = {"month": ["2026-05"] * 2, "reason": ["used", "without a customer"], "orders": [3, 1]}
    >>> by_month(pd.DataFrame(rows | {"customers": [2, 0], "sum": [70.0, 9.0]})).loc["2026-05"].tolist()
    [3.0, 2.0, 70.0, 9.0]
    """
    if reconciliation.empty:
        return pd.DataFrame()
    table = reconciliation.set_index("month")
    used = table.loc[table["reason"] == "used", ["orders", "customers", "sum"]]
    others = table[table["reason"] != "used"].pivot(columns="reason", values="sum")
    whole = used.join(others.add_prefix("left out, "), how="outer")
    return pd.concat([whole, whole.drop(columns="customers").sum().to_frame("all").T]).rename_axis("month")


def repeats(purchases: Purchases) -> tuple[int, int]:
    """Return how many lines the first 300 customers have, and how many of these repeat another to the letter.

    >>> repeats(open_log(Parameters()))
    (6122, 0)
    """
    some = purchases.customers.order_by("customer_id").limit(300)
    last = fetch(some.agg(last=_.customer_id.max()))["last"].tolist()[0]
    lines = purchases.lines.filter(_.customer_id <= last)
    alike = lines.group_by(lines.columns).agg(copies=lines.count())
    found = fetch(alike.agg(lines=_.copies.sum(), different=_.count())).fillna(0).astype(int).iloc[0]
    return int(found["lines"]), int(found["lines"] - found["different"])


def stray_lines(purchases: Purchases, gap: int) -> tuple[int, date, date] | None:
    """Return how many lines lie more than so many days after all others, if they are few, from when, and after when."""
    days = purchases.lines_by_day
    few = days["lines"][::-1].cumsum()[::-1] <= _STRAY * days["lines"].sum()
    apart = few & (pd.to_datetime(days["day"]).diff() > pd.Timedelta(days=gap))
    at = apart.idxmax()
    return (int(days["lines"][at:].sum()), days["day"][at], days["day"][at - 1]) if apart.any() else None


def _product_categories(columns: Mapping[str, str], parameters: Parameters, backend: ibis.BaseBackend) -> ibis.Table:
    """Return the category of each product, the first by name where a product stands under two."""
    names = {role: columns.get(role, "") for role in ("product", "category")}
    reading = {name: value for name, value in parameters.reading.items() if name not in ("fill", "sha256")}
    table = open_source(parameters.products, names, parameters.model_copy(update={"reading": reading}), backend)
    category = table.select(**{role: text_id(table[name]) for role, name in names.items()})
    return category.group_by("product").agg(category=_.category.min())


def _check_roles(columns: Mapping[str, str]) -> None:
    """Refuse columns without a date, an amount or what makes one."""
    amounts = ({"amount"}, {"quantity", "price"}, {"order", "total"})
    if "date" not in columns or not any(each <= set(columns) for each in amounts):
        needs = "needs date, and amount or both quantity and price, or both order and total"
        example = "for instance {date: ordered_at, amount: amount}"
        raise DataError(f"purchase_columns={dict(columns)!r}: {needs}; {example}")


@contextmanager
def _answered(source: str) -> Iterator[None]:
    """Turn what an engine says of a log that it can't read into a `DataError`."""
    try:
        yield
    except Exception as error:
        words = first_line(error)
        hint = "; say how dates are written with reading: {dates: …}" if _DATED.search(words) else ""
        raise DataError(f"{source}: {words}{hint}") from None


def _kept_if_few(lines: ibis.Table) -> ibis.Table:
    """Return lines that DuckDB keeps, or else reads again for each figure."""
    few = lines.get_backend().name == "duckdb" and fetch(lines.agg(lines=_.count()))["lines"][0] <= _FEW_LINES
    return kept(lines) if few else lines


def _count_lines(lines: ibis.Table, source: str) -> tuple[ibis.Table, dict[str, int], str, str]:
    """Return the customers; the number of lines, for each fault with it and none before; the first and the last day."""
    by_customer = lines.group_by("customer_id", "reason").agg(
        lines=_.count(),
        not_sales=_.count(where=~_.is_sale),
        absurd=_.count(where=_.amount.abs() > LARGEST),
        first=_.day.min(),
        last=_.day.max(),
        first_ever=_.day.min(where=_.amount >= 0),
    )
    whole, used = reason_is(USED, RETURN), reason_is(USED)
    sums = {
        "lines": _.lines.sum(),
        **{name: _.lines.sum(where=reason_is(reason)) for name, reason in LEFT_OUT.items()},
        "not_sales": _.not_sales.sum(where=whole),
        "customers": _.customer_id.nunique(where=whole),
        "like_missing": _.lines.sum(where=_.customer_id.cast("string").lower().isin(_LIKE_MISSING)),
        "absurd": _.absurd.sum(where=~reason_is(LEFT_OUT["not_kept"])),
        "first": _["first"].min(where=used).cast("string"),
        "last": _["last"].max(where=used).cast("string"),
    }
    with _answered(source):
        by_customer = kept(by_customer)
        found = fetch(by_customer.agg(**sums))
    first, last = found.pop("first")[0], found.pop("last")[0]
    counts = {name: int(count) for name, count in found.fillna(0).iloc[0].items()}
    _check_counts(counts, last, source)
    return by_customer.filter(used).select("customer_id", "first_ever"), counts, first, last


def _check_counts(counts: dict[str, int], last: object, source: str) -> None:
    lines, guests = counts["lines"], counts["without_customer"]
    remedy = "name the right column in customer_id, or take those lines out if that is how it is"
    faults = {
        f"{counts['absurd']} amounts are infinite or beyond {LARGEST:g}; repair them": counts["absurd"],
        f"{guests:,} of {lines:,} lines have no customer; {remedy}": guests > _MOST_GUESTS * lines,
        f"none of the {lines:,} lines has a customer, a date and an amount": not isinstance(last, str),
    }
    if told := [words for words, holds in faults.items() if holds]:
        raise DataError(f"{source}: {told[0]}")
