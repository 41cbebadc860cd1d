"""How time and memory of the whole workflow grow with the number of customers, from ten thousand to ten million.

The largest takes some minutes and several GB: `python bench_growth.py 10000 100000` measures only what is named.
Without names the table and the figure of growth.md are made again.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import psutil

SIZES = [10_000, 100_000, 1_000_000, 10_000_000]
N_COLUMNS, K = 8, 6
HERE = Path(__file__).parent


def write_customers(path: Path, n_customers: int) -> None:
    """Write customers of six segments, eight columns each, and an id."""
    rng = np.random.default_rng(0)
    centres = rng.normal(scale=3, size=(K, N_COLUMNS))
    X = rng.normal(size=(n_customers, N_COLUMNS)) + centres[np.arange(n_customers) % K]
    table = pd.DataFrame(np.exp(X / 3), columns=[f"feature{j}" for j in range(N_COLUMNS)])
    table.insert(0, "customer_id", [f"c{number}" for number in range(n_customers)])
    table.to_parquet(path, index=False)


def measured(folder: Path, n_customers: int) -> dict[str, float]:
    """Return the seconds of each step, and the most memory that the run's processes held together, in MB."""
    write_customers(folder / "customers.parquet", n_customers)
    command = [sys.executable, "-m", "segnb", "run", "-p", "customers=customers.parquet", "-p", "purchases="]
    begun, peak = time.monotonic(), 0
    with subprocess.Popen([*command, "--run", "r"], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:
        root = psutil.Process(run.pid)
        while run.poll() is None:
            peak = max(peak, held(root))
            time.sleep(0.2)
        if run.returncode:
            raise SystemExit(run.stderr.read().decode())
    steps = json.loads((folder / "outputs" / "r" / "run.json").read_text())["steps"]
    seconds = {step: state["seconds"] for step, state in steps.items()}
    return seconds | {"whole": time.monotonic() - begun, "MB": peak / 2**20}


def held(root: psutil.Process) -> int:
    """Return what a process and its children hold in memory."""
    total = 0
    for process in (root, *root.children(recursive=True)):
        try:
            total += process.memory_info().rss
        except psutil.Error:
            continue
    return total


def draw(table: pd.DataFrame) -> None:
    """Draw seconds and memory against customers, beside what growth in proportion would be, into growth.svg."""
    figure, panels = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    for panel, name, unit in zip(panels, ("whole", "MB"), ("seconds, the whole run", "MB at most, all processes")):
        panel.loglog(table.index, table[name], marker="o")
        end = table[name].iloc[-1]
        panel.loglog(
            table.index, end * table.index / table.index[-1], linestyle=":", color="grey", label="in proportion"
        )
        panel.set(xlabel="customers", ylabel=unit)
        panel.legend()
    more, longer = (table.index[-1] / table.index[-2], table["whole"].iloc[-1] / table["whole"].iloc[-2])
    figure.suptitle(f"The last {more:.0f} times as many customers take {longer:.1f} times as long")
    figure.savefig(HERE / "growth.svg", metadata={"Date": None})


def write(table: pd.DataFrame) -> None:
    """Write growth.md and its figure."""
    head = " | ".join(("customers", *table.columns))
    rows = [
        f"| {n:,} | " + " | ".join(f"{value:,.0f}" for value in row) + " |"
        for n, row in zip(table.index, table.to_numpy())
    ]
    text = [
        "# Growth",
        "",
        f"`segnb run` on customers × {N_COLUMNS} columns, two cores: the seconds of each step and of the whole run,",
        "and the most memory that all its processes held together. Made by `bench_growth.py`.",
        "",
        f"| {head} |",
        "|---" * (len(table.columns) + 1) + "|",
        *rows,
        "",
        "![Seconds and memory against the number of customers, both axes logarithmic](growth.svg)",
    ]
    (HERE / "growth.md").write_text("\n".join(text) + "\n", encoding="utf-8")
    draw(table)


def main() -> None:
    """Measure and print; the whole series is written down."""
    rows = {}
    for n_customers in [int(size) for size in sys.argv[1:]] or SIZES:
        with tempfile.TemporaryDirectory() as folder:
            rows[n_customers] = found = measured(Path(folder), n_customers)
        print(f"{n_customers:12,} customers " + ", ".join(f"{name} {value:,.0f}" for name, value in found.items()))
    if list(rows) == SIZES:
        write(pd.DataFrame.from_dict(rows, orient="index"))


if __name__ == "__main__":
    main()
