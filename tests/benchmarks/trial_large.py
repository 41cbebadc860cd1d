"""The trial of the decision on k on large tables: does it err more as rows and columns grow? (`make trial`)"""

import os
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd
from planted_sets import SEGMENTED, STRUCTURELESS
from tqdm import tqdm

from segnb.choose_k import decide, evidence

ROWS, COLUMNS, DRAWS, SEED = (5_000, 20_000, 100_000), (8, 30), 2, 2028
KINDS = ("mid", "near", "correlated", "uniform", "one in six figures")
PAGE = Path(__file__).parent / "large.md"

HEAD = """# Does the rule err more on large tables?

{draws} sets for each line, of the kinds of [choose_k.md](choose_k.md), with five segments or none, not used to choose
the rule: how often the decision names the true number (1 where there are no segments), and how often it says
*natural*. A population of buyers has six columns whatever is asked for.

| kind | rows | columns | right k | natural |
| --- | ---: | ---: | ---: | ---: |
"""


def main() -> None:
    """Measure, and write the page."""
    os.environ["TQDM_DISABLE"] = "1"
    cases = list(product(KINDS, ROWS, COLUMNS, range(DRAWS)))
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        found = list(tqdm(pool.map(decided, *zip(*cases)), total=len(cases), disable=False))
    table = pd.DataFrame(found).groupby(["kind", "rows", "columns"], sort=False)[["right", "natural"]].mean()
    cells = ([*map(str, key), f"{right:.2f}", f"{natural:.2f}"] for key, right, natural in table.itertuples())
    rows = [f"| {' | '.join(row)} |\n" for row in cells]
    PAGE.write_text(HEAD.format(draws=DRAWS) + "".join(rows), encoding="utf-8")


def decided(kind: str, n_rows: int, n_columns: int, number: int) -> dict[str, object]:
    """Return whether the decision is right on one set, and whether it says natural."""
    rng = np.random.default_rng([SEED, n_rows, n_columns, number, KINDS.index(kind)])
    true_k = 1 if kind in STRUCTURELESS else 5
    X = (SEGMENTED | STRUCTURELESS)[kind](rng, true_k, n_rows, n_columns)
    choice = decide(evidence((X - X.mean(axis=0)) / X.std(axis=0), n_boot=20))
    named = choice.k if choice.structure else 1
    about = {"kind": kind, "rows": f"{n_rows:,}", "columns": n_columns}
    return about | {"right": named == true_k, "natural": choice.verdict == "natural"}


if __name__ == "__main__":
    main()
