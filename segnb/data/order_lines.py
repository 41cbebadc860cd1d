"""An order line in segnb's own terms: ids, a day, an amount, and whether it is a sale."""

from collections.abc import Mapping
from datetime import date

import ibis

from segnb.data.engines import fetch, local_clock
from segnb.errors import DataError

SPAN = date(1901, 1, 1), date(2099, 12, 31)
"""A date before or after stands for none, as 9999-12-31 does."""


def standard_lines(
    log: ibis.Table, columns: Mapping[str, str], customer_id: str, reading: Mapping[str, str], engine: str
) -> ibis.Table:
    """Return the lines of a purchase log under segnb's own column names, what is not known in them missing.

    Parameters
    ----------
    log : ibis.Table
    columns : mapping of str to str
        What the columns mean, see `segnb.data.open_purchases`.
    customer_id : str
    reading : mapping of str to str
        `dates` and `zone` are used.
    engine : str
        The backend's address.

    Returns
    -------
    ibis.Table
        `customer_id`, `order_id`, `day`, `amount`, `is_sale`, and where the log has them `product`, `category`,
        `discount`.
    """
    column = {meaning: log[name] for meaning, name in columns.items()}
    for meaning in {"amount", "quantity", "price"} & set(column):
        column[meaning] = column[meaning].cast("float64")  # whole numbers would overflow
    amount = column["amount"] if "amount" in column else column["quantity"] * column["price"]
    amount = _known(amount)
    if "quantity" in column:
        amount = (column["quantity"] < 0).ifelse(-amount.abs(), amount)
    customer = _id(log[customer_id])
    day = _day(column["date"], reading, engine)
    day = day.between(*(ibis.literal(end) for end in SPAN)).ifelse(day, ibis.null("date"))
    sale = (amount > 0) & (column["quantity"] > 0).fill_null(True) if "quantity" in column else amount > 0
    order = _id(column["order"]) if "order" in column else day
    texts = {name: text_id(column[name]) for name in ("product", "category") if name in column}
    money = {"discount": _known(column["discount"].cast("float64")).abs()} if "discount" in column else {}
    return log.select(customer_id=customer, order_id=order, day=day, amount=amount, is_sale=sale, **texts, **money)


def _known(column: ibis.Column) -> ibis.Column:
    """Return a column of floats, missing where it holds none."""
    return column.isnan().ifelse(ibis.null("float64"), column)


def _id(column: ibis.Column) -> ibis.Column:
    """Return an id as a whole number where it is one, which is counted faster, else as text."""
    kind = column.type()
    if kind.is_floating():
        column = _known(column.cast("float64"))
    return column.cast("int64") if kind.is_floating() or kind.is_integer() else column.cast("string").nullif("")


def text_id(column: ibis.Column) -> ibis.Column:
    """Return an id as text."""
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


def check_whole(log: ibis.Table, ids: list[str], source: str) -> None:
    """Refuse ids with fractions, of which two would become one."""
    for name in (name for name in ids if log[name].type().is_floating()):
        broken = fetch(log.agg(count=log.count(where=_known(log[name].cast("float64")) % 1 != 0)))["count"][0]
        if broken:
            raise DataError(f"{source}: column {name!r} holds {broken:,} numbers with fractions, which are no ids")
