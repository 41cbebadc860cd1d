"""The purchase log: open it under segnb's own column names and count what is left out."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property

import ibis
import pandas as pd
from ibis import _

from segnb.data.contract import Reading
from segnb.data.engines import connect, fetch, first_line, kept
from segnb.data.order_lines import check_whole, open_source, standard_lines, text_id
from segnb.data.reader import check_sha256
from segnb.errors import DataError
from segnb.paths import EMBEDDED, find_file, is_file
from segnb.tables import LARGEST

_MOST_CATEGORIES = 8
"""At most this many categories, those with the highest spend, get a share column."""

_MONEY = ("amount", "quantity", "price", "total", "refunded", "discount")

_LIKE_MISSING = ["null", "none", "nan", "na", "n/a", "#n/a", "unknown", "unbekannt", "guest", "-", "0"]
"""Ids, in small letters, that may stand for nobody in particular."""

_MOST_GUESTS = 0.5
"""With a larger share of lines without a customer, the column of the customer must be another one."""

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
    product_categories : ibis.Table or None
        The category of each product, where that stands in a table of its own.
    kept_by : list of str
        Columns by whose values lines were kept.
    every : ibis.Table or None
        One row per line that was read: `customer_id`, `order_id`, `day`, `amount` and `reason`, "used" or why not.

    Examples
    --------
    >>> columns = {"date": "ordered_at", "amount": "amount", "category": "category"}
    >>> open_purchases("data/shop_purchases.parquet", columns, "customer_id").top_categories()
    ['books', 'garden', 'home', 'kitchen', 'toys']
    """

    lines: ibis.Table
    customers: ibis.Table
    counts: dict[str, int]
    first_day: date
    last_day: date
    product_categories: ibis.Table | None = None
    kept_by: list[str] = field(default_factory=list)
    every: ibis.Table | None = None

    @cached_property
    def lines_by_day(self) -> pd.DataFrame:
        """Return `day` and the number of `lines` on it, the earliest first."""
        return fetch(self.lines.group_by("day").agg(lines=_.count()), order_by="day")

    def with_category(self) -> ibis.Table:
        """Return the lines with their `category`, if it is known anywhere."""
        if self.product_categories is None:
            return self.lines
        return self.lines.left_join(self.product_categories, "product").drop("product_right")

    def top_categories(self) -> list[str]:
        """Return the categories with the highest spend, at most `_MOST_CATEGORIES`, or [] without categories."""
        lines = self.with_category()
        if "category" not in lines.columns:
            return []
        spend = lines.filter(_.amount > 0, _.category.notnull()).group_by("category").agg(spend=_.amount.sum())
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
        by_customer = (
            by_order.view()
            .group_by("month", "reason", "customer_id")
            .agg(lines=_.lines.sum(), sum=_["sum"].sum(), orders=_.count())
        )
        by_month = (
            by_customer.view()
            .group_by("month", "reason")
            .agg(
                lines=_.lines.sum(),
                orders=_.orders.sum(),
                customers=_.customer_id.count(),
                sum=_["sum"].sum(),
            )
        )
        table = fetch(by_month).sort_values(["month", "reason"], ignore_index=True)
        counts = table[["lines", "orders", "customers"]].astype(int)
        return table.assign(**counts, month=table["month"].str.replace(r"(\d{4})(\d\d)", r"\1-\2", regex=True))


def open_purchases(
    source: str,
    columns: Mapping[str, str],
    customer_id: str,
    *,
    products: str = "",
    returns: str = "net",
    only: Mapping[str, Sequence[str]] | None = None,
    reading: Reading | None = None,
    engine: str = EMBEDDED,
) -> Purchases:
    """Return the purchase log, lazily: neither parquet nor a table of an engine is ever held in memory as a whole.

    Parameters
    ----------
    source : str
        One row per order line: a file, or a table of the engine.
    columns : mapping of str to str
        What the columns mean: `date` is needed, and `amount` (money), `quantity` and `price`, or `order` and `total`
        (of the whole order, on each of its lines); `order` (without it a customer's lines of one day are one order),
        `refunded` (money given back of the amount or total), `product`, `category` and `discount` (money) are used
        where given.
    customer_id : str
        The column of the customer's id; lines without one are left out and counted.
    products : str, optional
        A product table joined on the product column; it then brings the `category` column.
    returns : {"net", "exclude"}
        Whether lines without a positive quantity and amount reduce the spend or are left out.
    only : mapping of str to sequence of str, optional
        Values to keep lines by, per column, for instance `{"Status": ["paid"]}`, "" for none; the other lines are
        counted and left out. Columns that the log doesn't have are passed over.
    reading : mapping of str to str, optional
        As for `read_table`; `dates` is the format of dates written as text (%Y-%m-%d by default), `zone`
        the time zone whose days count when the log's times are UTC, or "written"; `fill` the column of the order where
        customer, date, total and what is kept by stand on an order's first line only.
    engine : str
        Address of the engine that aggregates the log, see `segnb.data.engines.connect`.

    Raises
    ------
    DataError
        If a file or column is missing, or a date or an amount cannot be read.

    >>> columns = {"order": "order_id", "date": "ordered_at", "amount": "amount"}
    >>> open_purchases("data/shop_purchases.parquet", columns, "customer_id").counts["customers"]
    2000
    """
    reading = dict(reading or {})
    pinned = reading.pop("sha256", "")
    if is_file(source, engine):
        check_sha256(find_file(source), source, pinned)
    backend = connect(engine)
    inside = dict(columns)
    if products:
        inside.pop("category", None)
    needed, kinds = _needed(inside, customer_id), _kinds(inside, customer_id)
    filled = [customer_id, *(inside[role] for role in ("date", "total", "refunded") if role in inside)]
    log = open_source(backend, source, needed, kinds, reading, engine, only=only, filled=filled)
    check_whole(log, [customer_id, *(inside[role] for role in ("order", "product") if role in inside)], source)
    lines = standard_lines(log, inside, customer_id, reading, engine, only)
    category = _product_categories(backend, products, columns, reading, engine) if products else None
    kept_by = [name for name in only or {} if name in log.columns]
    chosen = lines.filter(_.kept) if kept_by else lines
    sales = chosen.filter(_.is_sale) if returns == "exclude" else chosen
    customers, counts, first, last = _count_lines(lines, source, returns == "exclude")
    missing = {"customer_id": "without_customer", "day": "without_date", "amount": "without_amount"}
    holes = [sales[name].notnull() for name, count in missing.items() if counts[count]]  # looking costs a column each
    known = (sales.filter(holes) if holes else sales).drop("is_sale", "kept")
    ends = date.fromisoformat(first), date.fromisoformat(last)
    return Purchases(known, customers, counts, *ends, category, kept_by, _reasoned(lines, returns))


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

    >>> columns = {"order": "order_id", "date": "ordered_at", "amount": "amount"}
    >>> repeats(open_purchases("data/shop_purchases.parquet", columns, "customer_id"))
    (6122, 1)
    """
    some = purchases.customers.order_by("customer_id").limit(300)
    lines = purchases.lines.semi_join(some, "customer_id")
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


def _reasoned(lines: ibis.Table, returns: str) -> ibis.Table:
    """Return every line with why it is left out, the first reason that holds, or "used"."""
    reasons = [
        (~lines.kept, "not kept by its value"),
        (lines.customer_id.isnull(), "without a customer"),
        (lines.day.isnull(), "without a date"),
        (lines.amount.isnull(), "without an amount"),
    ]
    if returns == "exclude":
        reasons.append((~lines.is_sale, "returns and free lines"))
    return lines.select("customer_id", "order_id", "day", "amount", reason=ibis.cases(*reasons, else_="used"))


def _product_categories(
    backend: ibis.BaseBackend, products: str, columns: Mapping[str, str], reading: Reading, engine: str
) -> ibis.Table:
    """Return the category of each product, the first by name where a product stands under two."""
    names = {meaning: columns.get(meaning, "") for meaning in ("product", "category")}
    needed = {f"purchase_columns {meaning}": name for meaning, name in names.items()}
    table = open_source(backend, products, needed, dict.fromkeys(names.values(), "text"), reading, engine)
    category = table.select(product=text_id(table[names["product"]]), category=text_id(table[names["category"]]))
    return category.group_by("product").agg(category=_.category.min())


def _needed(columns: Mapping[str, str], customer_id: str) -> dict[str, str]:
    """Return the columns that the log must have, after checking that date and amount are among them."""
    amounts = ({"amount"}, {"quantity", "price"}, {"order", "total"})
    if "date" not in columns or not any(each <= set(columns) for each in amounts):
        raise DataError(
            f"purchase_columns={dict(columns)!r}: needs date, and amount or both quantity and price, or both order "
            "and total; for instance {date: ordered_at, amount: amount}"
        )
    return {"customer_id": customer_id, **{f"purchase_columns {meaning}": name for meaning, name in columns.items()}}


def _kinds(columns: Mapping[str, str], customer_id: str) -> dict[str, str]:
    """Return what is in the columns: text, a number or a date."""
    kinds = {"date": "date"} | dict.fromkeys(_MONEY, "number")
    return {customer_id: "text"} | {name: kinds.get(meaning, "text") for meaning, name in columns.items()}


def _count_lines(lines: ibis.Table, source: str, sales_only: bool) -> tuple[ibis.Table, dict[str, int], str, str]:
    """Return the customers; the number of lines, for each fault with it and none before; the first and the last day."""
    dated, priced = lines.kept & lines.day.notnull(), lines.amount.notnull()
    whole = dated & priced
    counted = whole & lines.is_sale if sales_only else whole
    by_customer = lines.group_by("customer_id").agg(
        lines=lines.count(),
        not_kept=lines.count(where=~lines.kept),
        without_date=lines.count(where=lines.kept & lines.day.isnull()),
        without_amount=lines.count(where=dated & ~priced),
        not_sales=lines.count(where=whole & ~lines.is_sale),
        whole=lines.count(where=whole),
        absurd=lines.count(where=lines.kept & (lines.amount.abs() > LARGEST)),
        first=lines.day.min(where=counted),
        last=lines.day.max(where=counted),
        first_ever=lines.day.min(where=lines.kept & (lines.is_sale if sales_only else lines.amount >= 0)),
    )
    try:
        by_customer = kept(by_customer)
        known = by_customer.customer_id.notnull()
        faults = ("without_date", "without_amount", "not_sales")
        found = fetch(
            by_customer.agg(
                lines=_.lines.sum(),
                not_kept=_.not_kept.sum(),
                without_customer=(_.lines - _.not_kept).sum(where=~known),
                **{name: by_customer[name].sum(where=known) for name in faults},
                customers=by_customer.count(where=known & (_.whole > 0)),
                like_missing=_.lines.sum(where=_.customer_id.cast("string").lower().isin(_LIKE_MISSING)),
                absurd=_.absurd.sum(),
                first=_["first"].min(where=known).cast("string"),
                last=_["last"].max(where=known).cast("string"),
            )
        )
    except Exception as error:
        words = first_line(error)
        hint = "; say how dates are written with reading: {dates: …}" if _DATED.search(words) else ""
        raise DataError(f"{source}: {words}{hint}") from None
    first, last = found.pop("first")[0], found.pop("last")[0]
    counts = {name: int(count) for name, count in found.fillna(0).iloc[0].items()}
    _check_counts(counts, source)
    if not isinstance(last, str):
        raise DataError(f"{source}: none of the {counts['lines']:,} lines has a customer, a date and an amount")
    return by_customer.filter(known).select("customer_id", "first_ever"), counts, first, last


def _check_counts(counts: dict[str, int], source: str) -> None:
    if counts["absurd"]:
        raise DataError(f"{source}: {counts['absurd']} amounts are infinite or beyond {LARGEST:g}; repair them")
    if counts["without_customer"] > _MOST_GUESTS * counts["lines"]:
        raise DataError(
            f"{source}: {counts['without_customer']:,} of {counts['lines']:,} lines have no customer; name the right "
            "column in customer_id, or take those lines out if that is how it is"
        )
    if not counts["lines"]:
        raise DataError(f"{source}: no rows; a purchase log needs at least one order line")
