"""Plant the workshop's other stories: a kiosk without any segments, and a survey with three: `make shop`."""

from pathlib import Path

import numpy as np
import pandas as pd

END = pd.Timestamp("2026-06-30")

READERS = pd.DataFrame(
    {
        "commuters": [0.40, 34, 16, 1.2, 2.0, [0.05, 0.80, 0.15], [0.75, 0.15, 0.10], [0.1, 0.2, 0.7]],
        "collectors": [0.35, 58, 5, 7.0, 12.0, [0.90, 0.05, 0.05], [0.10, 0.20, 0.70], [0.1, 0.6, 0.3]],
        "browsers": [0.25, 41, 1, 0.6, 1.0, [0.05, 0.15, 0.80], [0.20, 0.70, 0.10], [0.8, 0.15, 0.05]],
    },
    index=["share", "age", "visits", "hours", "years", "format", "reason", "reads"],
).T
"""Three kinds of readers: means of numbers, and the chances of each level."""

LEVELS = {
    "format": ["print", "app", "web"],
    "reason": ["news", "leisure", "collecting"],
    "reads": ["rarely", "sometimes", "often"],
}


def plant_kiosk(n_customers: int = 700, seed: int = 7) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return customers, and order lines of one cloud: rates from a gamma distribution, amounts lognormal.

    Nothing depends on anything else, so whoever finds natural segments here is wrong.
    """
    rng = np.random.default_rng(seed)
    ids = np.array([f"K{number:04d}" for number in range(1, n_customers + 1)])
    n_orders = 1 + rng.poisson(rng.gamma(1.6, 3.0, n_customers))
    who = np.repeat(np.arange(n_customers), n_orders)
    purse = rng.lognormal(2.6, 0.4, n_customers)
    days = rng.uniform(0, 480, len(who))
    lines = pd.DataFrame(
        {
            "order_id": [f"O{number:05d}" for number in range(len(who))],
            "customer_id": ids[who],
            "ordered_at": (END - pd.to_timedelta(days, unit="D")).floor("min").astype("datetime64[us]"),
            "amount": (purse[who] * rng.lognormal(0, 0.5, len(who))).round(2),
        }
    )
    customers = pd.DataFrame({"customer_id": ids, "age": rng.integers(18, 80, n_customers)})
    customers["region"] = rng.choice(["city", "coast", "hills"], n_customers)
    return customers, lines.sort_values("ordered_at", ignore_index=True)


def plant_survey(n_readers: int = 500, seed: int = 11) -> pd.DataFrame:
    """Return the answers of readers of three kinds, in numbers, ordered levels and categories."""
    rng = np.random.default_rng(seed)
    kinds = rng.choice(READERS.index, n_readers, p=READERS["share"].astype(float))
    of = READERS.loc[kinds]
    table = pd.DataFrame({"reader_id": [f"R{number:04d}" for number in range(1, n_readers + 1)]})
    table["visits_a_month"] = 1 + rng.poisson(of["visits"].astype(float))
    for name in ("hours", "years"):
        table[f"{name}_reading"] = (of[name].astype(float) * rng.lognormal(0, 0.35, n_readers)).round(1).to_numpy()
    for name, levels in LEVELS.items():
        table[name] = [rng.choice(levels, p=chances) for chances in of[name]]
    table["age"] = np.clip(rng.normal(of["age"].astype(float), 11), 16, 90).round().astype(int)
    return table.assign(region=rng.choice(["north", "south", "west"], n_readers))


def write_stories(folder: Path) -> None:
    """Write `kiosk_customers.csv`, `kiosk_purchases.parquet` and `survey.csv` into `folder`."""
    customers, lines = plant_kiosk()
    customers.to_csv(folder / "kiosk_customers.csv", index=False)
    lines.to_parquet(folder / "kiosk_purchases.parquet", index=False)
    plant_survey().to_csv(folder / "survey.csv", index=False)


if __name__ == "__main__":
    write_stories(Path(__file__).parent.parent / "data")
