"""Speed and memory of steps 4 and 5 on a million customers, beside one k-means fit on the same rows."""

import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.cluster import KMeans

from segnb import interpret, iterate
from segnb.cluster import assign, fit_segments
from segnb.history.score import score_customers
from segnb.parameters import Parameters
from segnb.prepare import prepare
from segnb.runs.store import Workspace

N_CUSTOMERS, N_COLUMNS, K = 1_000_000, 12, 8


def main() -> None:
    """Measure and print."""
    table = customers(seed=0)
    made = prepare(table, list(table), outliers="keep", transform="none")
    X = made.features.to_numpy()
    fit, _ = measure(lambda: KMeans(K, n_init=10, random_state=0).fit(X))
    model = fit_segments(made.features, K, n_init=1)
    segment = assign(model, made.features)["segment"]
    now = iterate.Snapshot(table, made.columns, made.pipeline, model)
    later = iterate.Snapshot(customers(seed=1), made.columns, made.pipeline, model)
    print(f"{N_CUSTOMERS:,} customers × {N_COLUMNS} columns; one KMeans({K}, n_init=10): {fit:.1f} s")
    for name, work in (
        ("interpret", lambda: interpret_all(table, made.features, segment)),
        ("iterate", lambda: iterate_all(now, later)),
    ):
        seconds, peak = measure(work)
        ratio = peak / table.memory_usage(index=True).sum()
        print(f"{name:10}{seconds:7.1f} s, {seconds / fit:5.2f} times (goal 3); peak {ratio:4.1f} tables (goal 4)")
    print(f"scoring: {N_CUSTOMERS / scoring_seconds(table):,.0f} customers a second (goal 1,000,000)")


def scoring_seconds(table: pd.DataFrame) -> float:
    """Return the seconds that `score_customers` takes beyond opening the run: all of `segnb score` but the files."""
    with tempfile.TemporaryDirectory() as folder:
        run, prepared = Workspace("bench", Path(folder)), prepare(table, list(table))
        model = fit_segments(prepared.features, K, n_init=1)
        run.write("customers.parquet", table)
        settings = {"settings": Parameters().model_dump(), "columns": prepared.columns}
        run.write("prepare.json", settings)
        run.write("prepare.skops", prepared.pipeline)
        run.write("model.skops", model)
        run.write("centres.csv", pd.DataFrame({"segment": range(1, K + 1)}))
        opening = min(measure(lambda: score_customers(run, table.head(1)))[0] for _ in range(3))
        return min(measure(lambda: score_customers(run, table))[0] for _ in range(3)) - opening


def customers(seed: int) -> pd.DataFrame:
    """Return customers of eight segments, with ids."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(0).normal(scale=3, size=(K, N_COLUMNS))
    X = rng.normal(size=(N_CUSTOMERS, N_COLUMNS)) + centres[np.arange(N_CUSTOMERS) % K]
    return pd.DataFrame(X, columns=[f"feature{number}" for number in range(N_COLUMNS)])


def interpret_all(table: pd.DataFrame, features: pd.DataFrame, segment: pd.Series) -> None:
    """Do what step 4 does, drawing aside."""
    sizes = interpret.segment_sizes(table, segment, "feature0")
    interpret.centre_scores(table, segment, list(table))
    interpret.feature_importance(features, segment)
    profile = interpret.profiles(table, segment, list(table))
    marked = interpret.effects(features, segment)
    interpret.describe_by_rules(table, segment)
    interpret.make_cards(sizes, marked, profile, pd.Series(0.5, index=sizes.index))


def iterate_all(before: iterate.Snapshot, after: iterate.Snapshot) -> None:
    """Do what step 5 does, drawing aside."""
    changes = iterate.decompose(before, after)
    iterate.migration(changes.before, changes.after)
    iterate.decide(changes, iterate.drift(before.customers, after.customers, before.columns))


def measure(work: Callable[[], object]) -> tuple[float, int]:
    """Return the seconds of a piece of work and, from a second time, the peak of what it allocates."""
    begun = time.perf_counter()
    work()
    seconds = time.perf_counter() - begun
    tracemalloc.start()
    work()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return seconds, peak


if __name__ == "__main__":
    main()
