"""From the purchase log to one row per customer: recency, frequency, monetary value and more."""

import re
from collections.abc import Sequence
from datetime import date, timedelta

import ibis
import pandas as pd
from ibis import _

from segnb.data.engines import fetch
from segnb.data.purchases import Purchases


def customer_expression(
    purchases: Purchases, as_of: date, window_days: int = 0, categories: Sequence[str] = ()
) -> ibis.Table:
    """Return one row per customer with at least one order in the window, still in the engine.

    Recency, frequency and monetary value as of a date; lines dated after it never count.

    Parameters
    ----------
    purchases : Purchases
    as_of : date
        The snapshot: the last day that counts.
    window_days : int, default 0
        Days before `as_of` that count; 0 is the whole log. Tenure always looks at the whole log.
    categories : sequence of str
        Categories that get a column `share_…`, each a share of the customer's spend.

    Returns
    -------
    ibis.Table
        `customer_id`; `recency_days` since the last order, `orders` (distinct; a return is none),
        `spend` (sum of the amounts), `mean_order_value`, `days_between_orders` (missing with one order),
        `tenure_days` since the first order, and where the log allows them `products`, `categories`
        (distinct), `discount_share` (of spend, on lines with a discount) and the category shares.

    >>> from datetime import date
    >>> from segnb.data import open_log
    >>> from segnb.parameters import Parameters
    >>> customer_expression(open_log(Parameters()), date(2026, 7, 1), window_days=365).columns[:3]
    ('customer_id', 'recency_days', 'orders')
    """
    past = purchases.lines.filter(_.day <= as_of)
    window = past.filter(_.day > as_of - timedelta(days=window_days)) if window_days else past
    figures = _figures(window, categories)
    day = window.order_id.isnull().ifelse(window.day, ibis.null("date"))  # lines without an order count by their day
    orders = _distinct(window, order_id=window.order_id, day=day)
    counted = [orders.group_by("customer_id").agg(orders=_.count())]
    if "product" in window.columns:
        products = _distinct(window, product=window["product"])
        counted.append(products.group_by("customer_id").agg(products=_["product"].count()))
    for each in counted:
        figures = figures.left_join(each, "customer_id").drop("customer_id_right")
    figures = figures.filter(_.orders > 0).view()
    joined = figures.join(purchases.customers, "customer_id")
    return joined.select(customer_id=_.customer_id.cast("string"), **_behaviours(joined, as_of, categories))


def fetch_customers(customers: ibis.Table) -> pd.DataFrame:
    """Return a table of `customer_expression`, indexed by customer and ordered by it, all numbers float64."""
    table = fetch(customers, order_by="customer_id").astype({"customer_id": "str"})
    return table.set_index("customer_id").astype(float)


def sampled(customers: ibis.Table, at_most: int, most: int, seed: int) -> tuple[ibis.Table, int]:
    """Return a table of customers, and 0; with more than `most` a sample of about so many, and how many there are.

    They are counted only if `at_most`, which is known, leaves it open. Who is in the sample depends on the id and the
    seed only, so that the same customers are drawn again.
    """
    there = int(fetch(customers.agg(there=_.count())).loc[0, "there"]) if at_most > most else 0
    if there <= most:
        return customers, 0
    parts = 1_000_000
    drawn = (customers.customer_id + f":{seed}").hash() % parts
    return customers.filter((drawn + parts) % parts < round(parts * most / there)), there


def _share_column(category: str) -> str:
    """Return the name of a category's share column.

    >>> _share_column("DRUG GM")
    'share_drug_gm'
    """
    return "share_" + re.sub(r"\W+", "_", category.lower()).strip("_")


def _figures(window: ibis.Table, categories: Sequence[str]) -> ibis.Table:
    """Return the sums of each customer, by way of those of each customer and category where there are categories."""
    sale = window.amount >= 0
    days = {"last": window.day.max(where=sale), "first": window.day.min(where=sale)}
    sums = {"spend": window.amount.sum(), "paid": window.amount.sum(where=sale)}
    if "discount" in window.columns:
        sums["discounted"] = window.amount.sum(where=sale & (window.discount > 0))
    if not categories:
        return window.group_by("customer_id").agg(**days, **sums)
    parts = window.group_by("customer_id", "category").agg(**days, **sums).view()
    return parts.group_by("customer_id").agg(
        last=_["last"].max(),
        first=_["first"].min(),
        **{name: _[name].sum() for name in sums},
        categories=_.count(where=_.category.notnull() & _["last"].notnull()),
        **{f"paid_{number}": _.paid.sum(where=_.category == name) for number, name in enumerate(categories)},
    )


def _distinct(window: ibis.Table, **parts: ibis.Column) -> ibis.Table:
    """Return the different values in each customer's sales; an engine can spill such a step to disk."""
    return window.select("customer_id", "amount", **parts).filter(_.amount >= 0).drop("amount").distinct()


def _behaviours(figures: ibis.Table, as_of: date, categories: Sequence[str]) -> dict[str, ibis.Value]:
    today = ibis.literal(as_of)
    gaps = (figures.orders - 1).nullif(0)
    paid = figures.paid.nullif(0)
    behaviours = {
        "recency_days": today.delta(figures["last"], unit="day"),
        "orders": figures.orders,
        "spend": figures.spend,
        "mean_order_value": figures.spend / figures.orders,
        "days_between_orders": figures["last"].delta(figures["first"], unit="day") / gaps,
        "tenure_days": today.delta(figures.first_ever, unit="day"),
    }
    counts = [name for name in ("products", "categories") if name in figures.columns]
    behaviours |= {name: figures[name].coalesce(0) for name in counts}
    if "discounted" in figures.columns:
        behaviours["discount_share"] = figures.discounted.fill_null(0.0) / paid
    for number, category in enumerate(categories):
        name = _share_column(category)
        name = name if name not in behaviours else f"{name}_{number}"
        behaviours[name] = figures[f"paid_{number}"].fill_null(0.0) / paid
    return behaviours
