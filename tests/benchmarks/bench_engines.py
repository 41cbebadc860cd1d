"""The customer table from a purchase log: DuckDB beside pandas, with little memory, and how it grows; scoring there.

`python bench_engines.py --large` adds 200 million lines, which takes 5 GB of disk and some minutes.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from segnb.cluster import assign, fit_segments
from segnb.data import load_customers
from segnb.data.engines import connect, fetch
from segnb.history.score_in_engine import score_expression
from segnb.iterate import Snapshot
from segnb.parameters import check_parameters
from segnb.prepare import prepare

COLUMNS = {"order": "order_id", "date": "day", "amount": "amount", "category": "category", "discount": "discount"}
AS_OF, WINDOW = pd.Timestamp("2026-07-01"), 365
CHUNK = 2_000_000
LITTLE = "duckdb://?memory_limit=500MB"


def write_log(path: Path, n_lines: int, ids: str = "text") -> None:
    """Write a purchase log of two years, twenty lines a customer and three an order; ids as in the shop, or numbers."""
    n_customers, rng, writer = n_lines // 20, np.random.default_rng(0), None
    for begin in range(0, n_lines, CHUNK):
        n = min(CHUNK, n_lines - begin)
        order = rng.integers(0, n_lines // 3, n)
        day = np.datetime64("2026-06-30") - (order * 31 % 730).astype("timedelta64[D]")
        table = pa.table(
            {
                "customer_id": as_ids("C", order * 7919 % n_customers, ids),
                "order_id": as_ids("O", order, ids),
                "day": day.astype("datetime64[us]"),
                "amount": np.round(rng.gamma(2, 12, n), 2),
                "category": pa.array(np.array(["home", "garden", "toys", "books"])[rng.integers(0, 4, n)]),
                "discount": np.where(rng.random(n) < 0.2, 1.5, 0.0),
            }
        )
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table)
    writer.close()


def as_ids(letter: str, numbers: np.ndarray, ids: str) -> pa.Array:
    """Return whole numbers as ids such as C0000042, or as they are."""
    if ids != "text":
        return pa.array(numbers)
    return pc.binary_join_element_wise(letter, pc.utf8_lpad(pc.cast(pa.array(numbers), pa.string()), 9, "0"), "")


def by_segnb(path: str, engine: str) -> pd.DataFrame:
    """Return the customer table as step 1 makes it."""
    given = {"customers": "", "purchases": path, "purchase_columns": COLUMNS, "engine": engine}
    return load_customers(check_parameters(given | {"as_of": str(AS_OF.date()), "window_days": WINDOW})).table


def by_pandas(path: str) -> pd.DataFrame:
    """Return the same columns the way one would write them in pandas, what the row log counts included."""
    lines = pd.read_parquet(path)
    lines["day"] = lines["day"].dt.normalize()
    left_out = lines[["customer_id", "day", "amount"]].isna().sum()
    counts = [len(lines), lines["customer_id"].nunique(), (lines["amount"] <= 0).sum(), np.isinf(lines["amount"]).sum()]
    assert not left_out.any()
    assert not counts[-1]
    top = sorted(lines.groupby("category")["amount"].sum().nlargest(8).index)
    first = lines.groupby("customer_id")["day"].min()
    window = lines[(lines["day"] <= AS_OF) & (lines["day"] > AS_OF - pd.Timedelta(days=WINDOW))]
    groups = window.groupby("customer_id")
    table = groups.agg(
        last=("day", "max"), first=("day", "min"), orders=("order_id", "nunique"), spend=("amount", "sum")
    )
    table["categories"] = groups["category"].nunique()
    table["discount_share"] = window[window["discount"] > 0].groupby("customer_id")["amount"].sum() / table["spend"]
    shares = window.pivot_table(index="customer_id", columns="category", values="amount", aggfunc="sum")[top]
    table = table.join(shares.div(table["spend"], axis=0).add_prefix("share_").fillna(0))
    table["recency_days"] = (AS_OF - table["last"]).dt.days
    table["mean_order_value"] = table["spend"] / table["orders"]
    table["days_between_orders"] = (table["last"] - table["first"]).dt.days / (table["orders"] - 1).where(
        table["orders"] > 1
    )
    table["tenure_days"] = (AS_OF - first).dt.days
    return table.fillna({"discount_share": 0.0}).drop(columns=["last", "first"])


def child(what: str, path: str) -> None:
    """Do one of the two, and print how long it took without its imports, and what came out."""
    connect()
    begun = time.perf_counter()
    table = by_pandas(path) if what == "pandas" else by_segnb(path, what)
    seconds = time.perf_counter() - begun
    print(json.dumps({"seconds": seconds, "customers": len(table), "spend": float(table["spend"].sum())}))


def measured(what: str, path: Path) -> dict[str, float]:
    """Return what a process of its own reports, and the most memory it held, in MB."""
    command = [sys.executable, __file__, "--child", what, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        said = process.stdout.read()
        _, _, usage = os.wait4(process.pid, 0)
        process.returncode = 0
    return json.loads(said.splitlines()[-1]) | {"peak": usage.ru_maxrss / 1024}


def compare(path: Path, ids: str) -> None:
    """Print DuckDB beside pandas, and with 500 MB, on 20 million lines; each the best of two."""
    write_log(path, 20_000_000, ids)
    ways = {"pandas": "pandas", "DuckDB": "duckdb://", "DuckDB, 500 MB": LITTLE}
    found = {}
    for name, way in ways.items():
        found[name] = min((measured(way, path) for _ in range(2)), key=lambda each: each["seconds"])
    own, theirs, small = (found[name] for name in ("DuckDB", "pandas", "DuckDB, 500 MB"))
    assert own["customers"] == theirs["customers"] == small["customers"]
    assert abs(own["spend"] / theirs["spend"] - 1) < 1e-9
    print(f"20,000,000 lines, ids are {ids}; {own['customers']:,} customers with an order in the window")
    for name, each in found.items():
        print(f"  {name:16}{each['seconds']:6.1f} s, peak {each['peak']:7,.0f} MB")
    print(f"  {theirs['seconds'] / own['seconds']:.1f} times faster than pandas (goal 3), ", end="")
    print(f"{own['peak'] / theirs['peak']:.2f} of its memory (goal 0.5), ", end="")
    print(f"{small['seconds'] / own['seconds']:.1f} times the time with 500 MB (goal 2)", flush=True)


def as_csv(path: Path) -> None:
    """Print how long the same log takes as csv, and how much memory, with 500 MB for DuckDB."""
    csv, writer = path.with_suffix(".csv"), None
    for batch in pq.ParquetFile(path).iter_batches():
        writer = writer or pa.csv.CSVWriter(csv, batch.schema)
        writer.write_batch(batch)
    writer.close()
    found = measured(LITTLE, csv)
    size = csv.stat().st_size / 1e6
    print(f"  as a csv file of {size:,.0f} MB, DuckDB, 500 MB: {found['seconds']:.1f} s, peak {found['peak']:,.0f} MB")


def growth(folder: Path, sizes: list[int]) -> None:
    """Print how time and memory grow with the log."""
    for millions in sizes:
        path = folder / f"{millions}.parquet"
        write_log(path, millions * 1_000_000)
        found = measured("duckdb://?memory_limit=4GB", path)
        print(f"  {millions:4} million lines {found['seconds']:7.1f} s, peak {found['peak']:7,.0f} MB")
        path.unlink()


def scoring() -> None:
    """Print how long DuckDB takes to score a million customers, and in how many rows scikit-learn disagrees."""
    rng, k = np.random.default_rng(0), 8
    X = rng.normal(size=(1_000_000, 8)) + rng.normal(scale=3, size=(k, 8))[np.arange(1_000_000) % k]
    table = pd.DataFrame(X, columns=[f"feature{j}" for j in range(8)])
    table.index = pd.Index([f"c{number}" for number in range(len(table))], name="customer_id")
    ready = prepare(table, list(table))
    model = fit_segments(ready.features, k, n_init=1)
    snapshot, backend = Snapshot(table, ready.columns, ready.pipeline, model), connect()
    there = backend.create_table("customers", pa.Table.from_pandas(table.reset_index(), preserve_index=False))
    names = {number: f"segment {number}" for number in snapshot.numbers}
    scores = score_expression(there, "customer_id", snapshot, names)
    seconds = []
    for _ in range(3):
        begun = time.perf_counter()
        backend.create_table("scores", scores, overwrite=True)
        seconds.append(time.perf_counter() - begun)
    found = fetch(backend.table("scores")).set_index("customer_id").loc[table.index]
    expected = assign(model, snapshot.features(table), snapshot.numbers)
    print(f"scoring 1,000,000 customers in DuckDB: {min(seconds):.2f} s (goal 2), ", end="")
    print(f"{int((found['segment'] != expected['segment']).sum())} rows other than scikit-learn's (goal 0)")


def main() -> None:
    """Measure and print."""
    if "--child" in sys.argv:
        child(*sys.argv[2:])
        return
    with tempfile.TemporaryDirectory() as folder:
        for ids in ("numbers", "text"):
            compare(Path(folder) / "20.parquet", ids)
        as_csv(Path(folder) / "20.parquet")
        (Path(folder) / "20.parquet").unlink()
        growth(Path(folder), [2, 20, 200] if "--large" in sys.argv else [2, 20])
    scoring()


if __name__ == "__main__":
    main()
