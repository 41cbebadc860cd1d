"""How time and memory of the whole workflow grow with the number of customers, from ten thousand to ten million.

The largest takes some minutes and several GB: `python bench_growth.py 10000 100000` measures only what is named.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import psutil

SIZES = [10_000, 100_000, 1_000_000, 10_000_000]
N_COLUMNS, K = 8, 6


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


def main() -> None:
    """Measure and print."""
    for n_customers in [int(size) for size in sys.argv[1:]] or SIZES:
        with tempfile.TemporaryDirectory() as folder:
            found = measured(Path(folder), n_customers)
        print(f"{n_customers:12,} customers " + ", ".join(f"{name} {value:,.0f}" for name, value in found.items()))


if __name__ == "__main__":
    main()
