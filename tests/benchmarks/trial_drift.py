"""The trial of the drift test: how often it sounds a false alarm (`make trial`)."""

import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd

from segnb.iterate import drift

DRAWS, SIZES = 1000, (100, 500, 5000)
COLUMNS = ["normal", "correlated", "skewed", "counts"]
PAGE = Path(__file__).parent / "drift.md"

HEAD = """# How often is drift announced where there is none?

{draws:,} pairs of tables of n customers each from the same source, four columns: normal, one correlated with it,
skewed, and counts with many ties. Share of the pairs in which at least one column is called drifted. The promise of
`segnb.iterate.drift` is 0.05 over all columns together; the fixed cut-offs in common use, 0.1 and 0.25 of the
population stability index, are shown beside it.

| n | segnb | PSI above 0.1 | PSI above 0.25 |
| ---: | ---: | ---: | ---: |
"""


def main() -> None:
    """Measure, and write the page."""
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        halves = [(n, half) for n in SIZES for half in range(2)]
        found = pd.DataFrame([row for rows in pool.map(alarms, *zip(*halves)) for row in rows])
    shares = found.groupby("n")[["segnb", "above_10", "above_25"]].mean()
    lines = [f"| {n:,} | {row.segnb:.3f} | {row.above_10:.3f} | {row.above_25:.3f} |" for n, row in shares.iterrows()]
    PAGE.write_text(HEAD.format(draws=DRAWS) + "\n".join(lines) + "\n", encoding="utf-8")
    print(PAGE.read_text(encoding="utf-8"), f"({os.cpu_count()} cores)")


def alarms(n: int, half: int) -> list[dict[str, float]]:
    """Return for half of the pairs whether each rule sounds the alarm."""
    rows = []
    for number in range(half, DRAWS, 2):
        rng = np.random.default_rng([n, number])
        normal = rng.normal(size=2 * n)
        columns = [normal, normal + rng.normal(size=2 * n), rng.gamma(1, size=2 * n), rng.poisson(1, 2 * n)]
        table = pd.DataFrame(np.column_stack(columns), columns=COLUMNS)
        found = drift(table[:n], table[n:], COLUMNS)
        psi = found["psi"].max()
        rows.append({"n": n, "segnb": found["drifted"].any(), "above_10": psi > 0.1, "above_25": psi > 0.25})
    return rows


if __name__ == "__main__":
    main()
