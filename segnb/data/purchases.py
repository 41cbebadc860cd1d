"""The purchase log: open it under segnb's own column names and count what is left out."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

import ibis
import pyarrow.parquet as pq
from ibis import _

from segnb.addresses import EMBEDDED
from segnb.data.engines import connect, engine_table, fetch, first_line, local_clock
from segnb.data.tables import check_columns, check_sha256, read_table
from segnb.errors import DataError
from segnb.paths import find_file, is_file
from segnb.thresholds import LARGEST

MOST_CATEGORIES = 8
"""At most this many categories, those with the highest spend, get a share column."""

SPAN = date(1901, 1, 1), date(2099, 12, 31)
"""A date before or after stands for none, as 9999-12-31 does."""

READ_NO_FILES = ("postgres",)
"""Engines that get a file as a table for the session."""


@dataclass(frozen=True)
class Purchases:
    """An opened purchase log under segnb's own column names.

    Attributes
    ----------
    lines : ibis.Table
        One row per order line of a known customer with a known date: `customer_id` and `order_id` (whole numbers or
        text; a line may have no order), `day` (date), `amount` (float), and where the log has them `product`,
        `category`, `discount`.
    counts : dict of str to int
        What was read and what was left out, in lines, and the number of customers.
    first_day, last_day : date
        Of the lines.
    product_categories : ibis.Table or None
        The category of each product, where that stands in a table of its own.
    """

    lines: ibis.Table
    counts: dict[str, int]
    first_day: date
    last_day: date
    product_categories: ibis.Table | None = None

    def with_category(self) -> ibis.Table:
        """Return the lines with their `category`, if it is known anywhere."""
        if self.product_categories is None:
            return self.lines
        return self.lines.left_join(self.product_categories, "product").drop("product_right")

    def top_categories(self) -> list[str]:
        """Return the categories with the highest spend, at most `MOST_CATEGORIES`, or [] without categories."""
        lines = self.with_category()
        if "category" not in lines.columns:
            return []
        spend = lines.filter(_.amount > 0, _.category.notnull()).group_by("category").agg(spend=_.amount.sum())
        top = spend.order_by(ibis.desc("spend"), "category").limit(MOST_CATEGORIES)
        return sorted(fetch(top)["category"])


def open_purchases(
    source: str,
    columns: Mapping[str, str],
    customer_id: str,
    *,
    products: str = "",
    returns: str = "net",
    reading: Mapping[str, str] | None = None,
    engine: str = EMBEDDED,
) -> Purchases:
    """Return the purchase log, lazily: neither parquet nor a table of an engine is ever held in memory as a whole.

    Parameters
    ----------
    source : str
        One row per order line: a file, or a table of the engine.
    columns : mapping of str to str
        What the columns mean: `date` and either `amount` (money) or `quantity` and `price` are needed; `order`
        (without it a customer's lines of one day are one order), `product`, `category` and `discount` (money)
        are used where given.
    customer_id : str
        The column of the customer's id; lines without one are left out and counted.
    products : str, optional
        A product table joined on the product column; it then brings the `category` column.
    returns : {"net", "exclude"}
        Whether lines without a positive quantity and amount reduce the spend or are left out.
    reading : mapping of str to str, optional
        As for `read_table`; `dates` is the format of dates written as text (%Y-%m-%d by default), `zone`
        the time zone whose days count when the log's times are UTC.
    engine : str
        Address of the engine that aggregates the log, see `segnb.data.engines.connect`.

    Raises
    ------
    DataError
        If a file or column is missing, or a date or an amount cannot be read.
    """
    reading = dict(reading or {})
    pinned = reading.pop("sha256", "")
    if is_file(source, engine):
        check_sha256(find_file(source), source, pinned)
    backend = connect(engine)
    texts = [customer_id, *(columns[meaning] for meaning in ("order", "product") if meaning in columns)]
    log = _open_table(backend, source, texts, reading, engine)
    inside = dict(columns)
    if products:
        inside.pop("category", None)
    check_columns(log.columns, _needed(inside, customer_id), source)
    lines = _standard_lines(log, inside, customer_id, reading, source, engine)
    category = _product_categories(backend, products, columns, reading, engine) if products else None
    sales = lines.filter(_.is_sale) if returns == "exclude" else lines
    known = sales.filter(_.customer_id.notnull(), _.day.notnull(), _.amount.notnull()).drop("is_sale")
    counts, first, last = _count_lines(lines, source, returns == "exclude")
    if not last:
        raise DataError(f"{source}: none of the {counts['lines']} lines has a customer, a date and an amount")
    return Purchases(known, counts, date.fromisoformat(first), date.fromisoformat(last), category)


def _product_categories(
    backend: ibis.BaseBackend, products: str, columns: Mapping[str, str], reading: Mapping[str, str], engine: str
) -> ibis.Table:
    """Return the category of each product, the first by name where a product stands under two."""
    names = {meaning: columns.get(meaning, "") for meaning in ("product", "category")}
    table = _open_table(backend, products, [names["product"]], reading, engine)
    check_columns(table.columns, {f"purchase_columns {meaning}": name for meaning, name in names.items()}, products)
    category = table.select(product=_text_id(table[names["product"]]), category=_text_id(table[names["category"]]))
    return category.group_by("product").agg(category=_.category.min())


def _open_table(
    backend: ibis.BaseBackend, source: str, texts: list[str], reading: Mapping[str, str], engine: str
) -> ibis.Table:
    """Return a table of the engine, or a file as one: parquet stays on disk, the rest is read and checked first."""
    if not is_file(source, engine):
        return engine_table(backend, source, engine)
    path = find_file(source)
    if path.suffix.lower() != ".parquet":
        path = Path(_scratch().name) / f"{ibis.util.gen_name('segnb')}.parquet"
        read_table(source, texts, reading).to_parquet(path, index=False)
    try:
        if backend.name in READ_NO_FILES:
            return backend.create_table(ibis.util.gen_name("segnb"), pq.read_table(path), temp=True)
        return backend.read_parquet(path)
    except Exception as error:
        raise DataError(f"{source}: cannot be read as parquet: {first_line(error)}") from None


@cache
def _scratch() -> tempfile.TemporaryDirectory:
    """Return the folder, gone with this process, of text files as parquet, which every engine reads."""
    return tempfile.TemporaryDirectory(prefix="segnb-")


def _needed(columns: Mapping[str, str], customer_id: str) -> dict[str, str]:
    """Return the columns that the log must have, after checking that date and amount are among them."""
    if "date" not in columns or not ("amount" in columns or {"quantity", "price"} <= set(columns)):
        raise DataError(
            f"purchase_columns={dict(columns)!r}: needs date, and amount or both quantity and price; "
            "for instance {date: ordered_at, amount: amount}"
        )
    return {"customer_id": customer_id, **{f"purchase_columns {meaning}": name for meaning, name in columns.items()}}


def _standard_lines(
    log: ibis.Table, columns: Mapping[str, str], customer_id: str, reading: Mapping[str, str], source: str, engine: str
) -> ibis.Table:
    column = {meaning: log[name] for meaning, name in columns.items()}
    for meaning in {"amount", "quantity", "price", "discount"} & set(column):
        if not column[meaning].type().is_numeric():
            raise DataError(
                f"{source}: column {columns[meaning]!r} ({meaning}) is {column[meaning].type()}, not a number; "
                "say how numbers are written with reading: {decimal: …, thousands: …}"
            )
    amount = column["amount"] if "amount" in column else column["quantity"] * column["price"]
    amount = amount.cast("float64")
    amount = amount.isnan().ifelse(ibis.null("float64"), amount)
    if "quantity" in column:
        amount = (column["quantity"] < 0).ifelse(-amount.abs(), amount)
    customer = _id(log[customer_id])
    day = _day(column["date"], reading, engine)
    day = day.between(*(ibis.literal(end) for end in SPAN)).ifelse(day, ibis.null("date"))
    sale = (amount > 0) & (column["quantity"] > 0) if "quantity" in column else amount > 0
    order = _id(column["order"]) if "order" in column else day
    texts = {name: _text_id(column[name]) for name in ("product", "category") if name in column}
    money = {"discount": column["discount"].cast("float64").abs()} if "discount" in column else {}
    return log.select(customer_id=customer, order_id=order, day=day, amount=amount, is_sale=sale, **texts, **money)


def _id(column: ibis.Column) -> ibis.Column:
    """Return an id as a whole number where it is one, which is counted faster, else as text."""
    kind = column.type()
    return column.cast("int64") if kind.is_floating() or kind.is_integer() else column.cast("string").nullif("")


def _text_id(column: ibis.Column) -> ibis.Column:
    return _id(column).cast("string")


def _day(column: ibis.Column, reading: Mapping[str, str], engine: str) -> ibis.Column:
    """Return the day of each line, as counted where `zone` is if the log's times are moments of UTC."""
    kind = column.type()
    if kind.is_date():
        return column
    if not kind.is_timestamp():
        text = column.cast("string").nullif("")
        column = text.as_timestamp(reading["dates"]) if reading.get("dates") else text.cast("timestamp")
    return (local_clock(column, reading["zone"], engine) if reading.get("zone") else column).date()


def _count_lines(lines: ibis.Table, source: str, sales_only: bool) -> tuple[dict[str, int], str, str]:
    """Return the number of lines, and for each fault of those with it and none before; the first and the last day."""
    customer, dated, priced = (lines[name].notnull() for name in ("customer_id", "day", "amount"))
    counted = customer & dated & priced & lines.is_sale if sales_only else customer & dated & priced
    counts = lines.agg(
        lines=lines.count(),
        without_customer=lines.count(where=~customer),
        without_date=lines.count(where=customer & ~dated),
        without_amount=lines.count(where=customer & dated & ~priced),
        not_sales=lines.count(where=customer & dated & priced & ~lines.is_sale),
        customers=lines.customer_id.nunique(where=customer & dated & priced),
        absurd=lines.count(where=lines.amount.abs() > LARGEST),
        first=lines.day.min(where=counted).cast("string"),
        last=lines.day.max(where=counted).cast("string"),
    )
    try:
        found = counts.to_pyarrow().to_pylist()[0]
    except Exception as error:
        raise DataError(
            f"{source}: {first_line(error)}; say how dates are written with reading: {{dates: …}}"
        ) from None
    if found["absurd"]:
        raise DataError(f"{source}: {found['absurd']} amounts are infinite or beyond {LARGEST:g}; repair them")
    if not found["lines"]:
        raise DataError(f"{source}: no rows; a purchase log needs at least one order line")
    first, last = found.pop("first"), found.pop("last")
    return found, first, last
