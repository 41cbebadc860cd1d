"""Plant the built-in shop, whose true segments are known: `make shop` writes its files into data/."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

END = pd.Timestamp("2026-06-30")
"""Last day of the shop's purchase log, which covers the two years up to it."""

CATEGORIES = ("home", "garden", "kitchen", "toys", "books")

_SEGMENTS = pd.DataFrame(yaml.safe_load(Path(__file__).with_name("planted_shop.yaml").read_text(encoding="utf-8"))).T
"""How the customers of each planted segment behave, and who they are; the units stand in planted_shop.yaml."""

MOVES = {"regulars": ("lapsing", 0.05), "bargain hunters": ("regulars", 0.08), "newcomers": ("big baskets", 0.05)}
"""What moves in the last 90 days: from a segment, to another, and which share of it."""


@dataclass(frozen=True)
class Shop:
    """The planted shop's three tables.

    Attributes
    ----------
    customers : DataFrame
        One row per customer: `customer_id`, `age` (years), `income` (thousand euros a year), `household`,
        `region`, `newsletter`; a few incomes are missing and a few rows stand twice, as in life.
    purchases : DataFrame
        One row per order line: `order_id`, `customer_id`, `ordered_at`, `product_id`, `category`, `quantity`,
        `amount` (euros paid, negative for a return), `discount` (euros taken off).
    truth : DataFrame
        `customer_id`, `segment` now and `segment_before`, 90 days before the end.
    """

    customers: pd.DataFrame
    purchases: pd.DataFrame
    truth: pd.DataFrame

    def write(self, folder: Path) -> None:
        """Write `shop_customers.csv`, `shop_purchases.parquet` and `shop_truth.csv` into `folder`."""
        self.customers.to_csv(folder / "shop_customers.csv", index=False)
        lines = self.purchases.astype({"ordered_at": "datetime64[us]"})  # Spark reads no nanoseconds
        lines.to_parquet(folder / "shop_purchases.parquet", index=False)
        self.truth.to_csv(folder / "shop_truth.csv", index=False)


def plant_shop(n_customers: int = 2000, seed: int = 2026) -> Shop:
    """Return a shop with five true segments that overlap a little and demographics that partly follow them.

    In the last 90 days some customers move from one segment to another (`MOVES`).

    Parameters
    ----------
    n_customers : int, default 2000
        Customers, about twenty order lines each.
    seed : int, default 2026
        The same seed gives the same shop.

    >>> shop = plant_shop(200)
    >>> shop.truth["segment"].nunique()
    5
    """
    rng = np.random.default_rng(seed)
    truth = _draw_truth(n_customers, rng)
    return Shop(_draw_customers(truth, rng), _draw_purchases(truth, rng), truth)


def _draw_truth(n_customers: int, rng: np.random.Generator) -> pd.DataFrame:
    before = rng.choice(_SEGMENTS.index, size=n_customers, p=_SEGMENTS["share"].astype(float))
    luck = rng.random(n_customers)
    now = [MOVES[name][0] if name in MOVES and draw < MOVES[name][1] else name for name, draw in zip(before, luck)]
    ids = [f"C{number:05d}" for number in rng.permutation(np.arange(1, n_customers + 1))]
    truth = pd.DataFrame({"customer_id": ids, "segment": now, "segment_before": before})
    return truth.sort_values("customer_id", ignore_index=True)


def _draw_customers(truth: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    n = len(truth)
    typical = _SEGMENTS.loc[truth["segment_before"], ["age", "income", "family", "city", "newsletter"]]
    age, income, family, city, newsletter = typical.to_numpy(dtype=float).T
    table = pd.DataFrame(
        {
            "customer_id": truth["customer_id"],
            "age": np.clip(rng.normal(age, 11), 18, 90).round().astype(int),
            "income": np.where(rng.random(n) < 0.04, np.nan, (income * rng.lognormal(0, 0.3, n)).round(1)),
            "household": np.where(rng.random(n) < family, "family", rng.choice(["single", "couple"], n)),
            "region": np.where(rng.random(n) < city, "city", rng.choice(["coast", "hills", "plain"], n)),
            "newsletter": np.where(rng.random(n) < newsletter, "yes", "no"),
        }
    )
    return pd.concat([table, table.sample(6, random_state=rng)], ignore_index=True)


def _draw_purchases(truth: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    customers = pd.concat([_draw_orders(row, rng) for row in truth.itertuples()], ignore_index=True)
    customers = customers.sort_values(["ordered_at", "customer_id"], ignore_index=True)
    first_line = customers.groupby(["customer_id", "ordered_at"], sort=False).ngroup()
    customers.insert(0, "order_id", [f"O{number:06d}" for number in first_line + 1])
    guests = rng.random(len(customers)) < 0.01
    customers.loc[guests, "customer_id"] = None
    return pd.concat([customers, _draw_returns(customers, rng)], ignore_index=True)


def _draw_orders(customer: tuple, rng: np.random.Generator) -> pd.DataFrame:
    """Return one customer's order lines: the old habits, then for those who moved the new ones."""
    before, now = _SEGMENTS.loc[customer.segment_before], _SEGMENTS.loc[customer.segment]
    joined, silent = rng.integers(*before["joined"]), rng.integers(before["silent"][0], before["silent"][1] + 1)
    if customer.segment == customer.segment_before:
        return _draw_lines(customer.customer_id, before, joined, silent, rng)
    older = _draw_lines(customer.customer_id, before, max(joined, 91), 90, rng)
    newer = _draw_lines(customer.customer_id, now, 90, 90 if customer.segment == "lapsing" else 0, rng)
    return pd.concat([older, newer], ignore_index=True)


def _draw_lines(customer_id: str, habit: pd.Series, start: int, stop: int, rng: np.random.Generator) -> pd.DataFrame:
    """Return lines between `start` and `stop` days before `END`; the first order is on the first day."""
    pace, purse = rng.lognormal(0, 0.22), rng.lognormal(0, 0.18)
    n_orders = (start > stop) + rng.poisson(habit["orders_a_month"] * pace * (start - stop) / 30)
    days = np.sort(rng.uniform(stop, start, n_orders))[::-1]
    times = END - pd.to_timedelta(days, unit="D") + pd.Timedelta("23h")
    n_lines = 1 + rng.poisson(habit["lines"] - 1, n_orders)
    taste = rng.dirichlet(np.array(habit["taste"], dtype=float) * 2)
    thrift = rng.beta(habit["discounted"] * 14, (1 - habit["discounted"]) * 14)
    total = int(n_lines.sum())
    quantity = 1 + rng.binomial(3, 0.15, total)
    price = habit["price"] * purse * rng.lognormal(0, 0.45, total) * quantity
    discount = np.where(rng.random(total) < thrift, price * rng.choice([0.1, 0.2, 0.3], total), 0).round(2)
    category = rng.choice(CATEGORIES, total, p=taste)
    return pd.DataFrame(
        {
            "customer_id": customer_id,
            "ordered_at": np.repeat(times.floor("min"), n_lines),
            "product_id": [f"{name}-{number:02d}" for name, number in zip(category, rng.integers(1, 41, total))],
            "category": category,
            "quantity": quantity,
            "amount": np.maximum(price - discount, 0.5).round(2),
            "discount": discount,
        }
    )


def _draw_returns(lines: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Return 1.5 % of the lines as returns a week later, with negative quantity and amount."""
    back = lines[lines["ordered_at"] < END - pd.Timedelta("8D")].sample(frac=0.015, random_state=rng)
    return back.assign(
        order_id="R" + back["order_id"].str[1:],
        ordered_at=back["ordered_at"] + pd.Timedelta("7D"),
        quantity=-back["quantity"],
        amount=-back["amount"],
        discount=0.0,
    )


if __name__ == "__main__":
    plant_shop().write(Path(__file__).parent.parent / "data")
