"""Exports as vendors' pages describe them, drawn from a shop whose customers, orders and sums per month are known."""

import csv
from dataclasses import dataclass

import numpy as np
import pandas as pd

STATUSES = {"paid": 0.8, "partially_refunded": 0.08, "refunded": 0.05, "pending": 0.04, "cancelled": 0.03}


@dataclass
class Order:
    """One order as it happened, money in cents."""

    number: int
    customer: str
    at: pd.Timestamp
    items: list[tuple[str, int, int]]
    refunded: int
    status: str

    @property
    def total(self):
        return sum(quantity * price for _, quantity, price in self.items)

    @property
    def counts(self):
        """Whether it is a sale of a known customer."""
        return bool(self.customer) and self.status in ("paid", "partially_refunded")


def draw_orders(n=400, seed=0, zone="Europe/Berlin"):
    """Return orders over fourteen months, in the shop's own clock: guests, refunds, cancelled ones, summer time."""
    rng, start = np.random.default_rng(seed), pd.Timestamp("2025-01-01 00:05", tz=zone)
    orders = []
    for number in range(n):
        at = (start + pd.Timedelta(minutes=int(rng.integers(0, 425 * 1440)))).floor("min")
        items = [
            (f"item {int(rng.integers(30)):02d}", int(rng.integers(1, 4)), int(rng.integers(199, 9999)))
            for _ in range(int(rng.integers(1, 5)))
        ]
        status = rng.choice(list(STATUSES), p=list(STATUSES.values()))
        customer = "" if rng.random() < 0.06 else f"c{int(rng.integers(120)):03d}@example.com"
        order = Order(number + 1001, customer, at, items, 0, str(status))
        part = {"partially_refunded": 0.4, "refunded": 1.0}.get(order.status, 0.0)
        order.refunded = int(order.total * part)
        orders.append(order)
    return sorted(orders, key=lambda order: order.at)


def truth(orders, day=lambda order: order.at):
    """Return customers, and by month the orders and the net sum in cents, of what counts."""
    counted = [order for order in orders if order.counts]
    months = pd.Series([f"{day(order):%Y-%m}" for order in counted])
    net = pd.Series([order.total - order.refunded for order in counted])
    return {
        "customers": len({order.customer for order in counted}),
        "orders": months.value_counts().sort_index(),
        "net": net.groupby(months).sum(),
    }


def _money(cents):
    return f"{cents / 100:.2f}"


def _write(path, header, rows):
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
    return path


def write_shopify(path, orders):
    """A row per line item; what is about the order stands on its first row only, times with the shop's offset."""
    header = ["Name", "Email", "Financial Status", "Paid at", "Currency", "Subtotal", "Shipping", "Taxes", "Total"]
    header += ["Created at", "Lineitem quantity", "Lineitem name", "Lineitem price", "Cancelled at", "Refunded Amount"]
    header += ["Vendor", "Lineitem sku"]
    rows = []
    for order in orders:
        for place, (name, quantity, price) in enumerate(order.items):
            at = order.at.strftime("%Y-%m-%d %H:%M:%S %z")
            cancelled = at if order.status == "cancelled" else ""
            status = "paid" if order.status == "cancelled" else order.status
            paid, subtotal, total = at if status == "paid" else "", _money(order.total), _money(order.total + 490)
            own = [order.customer, status, paid, "EUR", subtotal, "4.90", "0.00", total, at]
            first = place == 0
            row = [f"#{order.number}", *(own if first else [""] * len(own))]
            row += [quantity, name, _money(price), cancelled if first else "", _money(order.refunded) if first else ""]
            rows.append([*row, "House" if place % 2 else "Home", ""])
    return _write(path, header, rows)


def write_woocommerce(path, orders):
    """A row per item, the order's total on each of them."""
    header = ["order_id", "order_number", "date", "status", "order_total", "refunded_total", "billing_email"]
    header += ["item_name", "item_quantity", "item_total"]
    statuses = {"paid": "completed", "partially_refunded": "processing"}
    rows = [
        [order.number, order.number, order.at.strftime("%Y-%m-%d %H:%M:%S"), statuses.get(order.status, order.status),
         _money(order.total), _money(order.refunded), order.customer, name, quantity, _money(quantity * price)]
        for order in orders
        for name, quantity, price in order.items
    ]  # fmt: skip
    return _write(path, header, rows)


def write_stripe(path, orders):
    """A row per payment, times in UTC; one that was refunded in part is still Paid."""
    header = ["id", "Created date (UTC)", "Amount", "Amount Refunded", "Currency", "Status", "Customer ID"]
    statuses = {"paid": "Paid", "partially_refunded": "Paid", "refunded": "Refunded"}
    rows = [
        [f"ch_{order.number}", order.at.tz_convert("UTC").strftime("%Y-%m-%d %H:%M"), _money(order.total),
         _money(order.refunded), "eur", statuses.get(order.status, "Failed"), order.customer[:4]]
        for order in orders
    ]  # fmt: skip
    return _write(path, header, rows)


def write_square(path, orders):
    """A row per item, amounts with a sign; a refund is a row of its own, here on the day of the order."""
    header = ["Date", "Time", "Category", "Item", "Qty", "Gross Sales", "Discounts", "Net Sales", "Tax"]
    header += ["Transaction ID", "Event Type", "Customer ID"]

    def row(order, name, quantity, cents, kind):
        amount = f"{'-' if cents < 0 else ''}${abs(cents) / 100:,.2f}"
        at = order.at.strftime("%Y-%m-%d"), order.at.strftime("%H:%M:%S")
        return [
            *at,
            "Goods",
            name,
            quantity,
            amount,
            "$0.00",
            amount,
            "$0.00",
            f"SQ{order.number}",
            kind,
            order.customer[:4],
        ]

    rows = []
    for order in orders:
        if order.status in ("paid", "partially_refunded"):
            rows += [row(order, name, quantity, quantity * price, "Payment") for name, quantity, price in order.items]
            if order.refunded:
                rows.append(row(order, "refund", -1, -order.refunded, "Refund"))
    return _write(path, header, rows)


def write_paypal(path, orders):
    """A row per transaction with thousands separated; what goes out has other types."""
    header = ["Date", "Time", "TimeZone", "Name", "Type", "Status", "Currency", "Gross", "Fee", "Net"]
    header += ["From Email Address", "To Email Address", "Transaction ID"]
    rows = []
    for order in orders:
        at = order.at.strftime("%m/%d/%Y"), order.at.strftime("%H:%M:%S"), "Europe/Berlin"
        status = "Completed" if order.status in ("paid", "partially_refunded") else "Pending"
        gross = f"{order.total / 100:,.2f}"
        rows.append(
            [*at, "", "Express Checkout Payment", status, "EUR", gross, "0", gross, order.customer, "me", order.number]
        )
        if order.number % 9 == 0:
            rows.append(
                [
                    *at,
                    "",
                    "General Withdrawal",
                    "Completed",
                    "EUR",
                    "-500.00",
                    "0",
                    "-500.00",
                    "",
                    "",
                    f"w{order.number}",
                ]
            )
    return _write(path, header, rows)
