"""Mixed columns: k-means on blocks of variance 1 beside k-prototypes, agreement and time, measured in one run."""

import sys
import time
from pathlib import Path

import numpy as np
from kmodes.kprototypes import KPrototypes
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score

sys.path.insert(0, str(Path(__file__).parent.parent))
from test_mixed import LEVELS, NUMBERS, planted

from segnb.choose_k import decide, evidence
from segnb.prepare import prepare

DRAWS, LARGE = 20, 100_000


def ours(table):
    """Return the labels that k-means gives to the prepared columns."""
    X = prepare(table, NUMBERS, features=list(table)).features
    return KMeans(3, n_init=10, random_state=0).fit(X).labels_


def theirs(table, n_init=3):
    """Return the labels that k-prototypes gives to scaled numbers and the categories."""
    numbers = table.select_dtypes("number")
    scaled = table.assign(**((numbers - numbers.mean()) / numbers.std()))
    places = [place for place, name in enumerate(table) if name not in numbers]
    return KPrototypes(3, n_init=n_init, random_state=0).fit_predict(scaled.to_numpy(), categorical=places)


def timed(work, *given):
    """Return what a function returns, and its seconds."""
    begun = time.perf_counter()
    return work(*given), time.perf_counter() - begun


def main() -> None:
    """Print the agreement with planted kinds, how often groups are seen where there are none, and the times."""
    print(f"{'structure in':14}{'k-means on blocks':>20}{'k-prototypes':>16}{'times as fast':>16}")
    for where in ("numbers", "both", "categories"):
        rows = []
        for seed in range(DRAWS):
            table, kind = planted(where, seed)
            (own, own_time), (other, other_time) = timed(ours, table), timed(theirs, table)
            rows.append([adjusted_rand_score(kind, own), adjusted_rand_score(kind, other), other_time / own_time])
        own, other, ratio = np.mean(rows, axis=0)
        print(f"{where:14}{own:20.2f}{other:16.2f}{ratio:16.1f}")
    verdicts = []
    for where in ("none", "categories"):
        for seed in range(DRAWS):
            X = prepare(planted(where, seed)[0], NUMBERS, features=[*NUMBERS, *LEVELS]).features
            verdicts.append(decide(evidence(X, k_max=6, n_boot=20, n_refs=5)).verdict)
        print(f"structure in {where}: natural in {verdicts.count('natural')} of {DRAWS}")
        verdicts.clear()
    table, _ = planted("both", 0, n=LARGE)
    more = {f"{name}{copy}": table[name].to_numpy() for copy in (1,) for name in table}
    wide = table.assign(**more)
    _, own_time = timed(ours, wide)
    _, other_time = timed(theirs, wide.head(LARGE // 10), 1)
    print(
        f"{LARGE:,} × {wide.shape[1]}, ten starts: {own_time:.1f} s; k-prototypes, one start on a tenth of the rows: "
        f"{other_time:.1f} s: in proportion {other_time * 10 / own_time:.0f} times as long for one start (goal: 10)"
    )


if __name__ == "__main__":
    main()
