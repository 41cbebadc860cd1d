"""Speed and memory of step 2: exact silhouettes of all k, and the whole evidence on growing tables."""

import statistics
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from sklearn.cluster import KMeans
from sklearn.metrics import silhouette_score
from yellowbrick.cluster import KElbowVisualizer

from segnb.choose_k import evidence, silhouettes
from segnb.data import load_customers
from segnb.parameters import Parameters
from segnb.prepare import prepare

ROUNDS = 3
KS = range(2, 13)


def main() -> None:
    """Measure and print one table each."""
    print("exact silhouettes for k = 2…12, seconds (median of rounds), and how many times faster")
    for n_rows in (5_000, 20_000):
        compare_silhouettes(n_rows)
    print("\nevidence with its defaults, seconds, and as a multiple of KMeans(8, n_init=10) on the same 1,000,000 rows")
    print(f"{'rows':>12} {'seconds':>8} {'peak / matrix':>14}")
    for n_rows in (10_000, 100_000, 1_000_000, 10_000_000):
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as alone:
            seconds, peak = alone.submit(measure_evidence, n_rows).result()
        print(f"{n_rows:>12,} {seconds:8.1f} {peak:14.1f}")
    X = blobs(1_000_000)
    fit, whole = seconds_of(lambda: KMeans(8, n_init=10, random_state=0).fit(X)), seconds_of(lambda: evidence(X))
    print(f"at 1,000,000 rows: one KMeans(8, n_init=10) {fit:.1f} s, evidence {whole:.1f} s, ratio {whole / fit:.2f}")
    source = load_customers(Parameters())
    features = prepare(source.table, source.behaviours).features
    print(f"evidence on the shop, {len(features):,} customers: {seconds_of(lambda: evidence(features)):.1f} s")


def compare_silhouettes(n_rows: int) -> None:
    """Print how long all silhouettes take here, one score per k in scikit-learn, and yellowbrick's elbow."""
    X = blobs(n_rows).astype(float)
    labelings = [KMeans(k, n_init=1, random_state=0).fit_predict(X) for k in KS]

    def elbow() -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = KMeans(n_init=1, random_state=0)
            KElbowVisualizer(
                model, k=(KS.start, KS.stop), metric="silhouette", timings=False, locate_elbow=False, force_model=True
            ).fit(X)

    ours = seconds_of(lambda: silhouettes(X, labelings))
    theirs = seconds_of(lambda: [silhouette_score(X, labels) for labels in labelings])
    drawn = seconds_of(elbow, rounds=1)
    print(
        f"{n_rows:>8,} × 8: all at once {ours:.2f}; silhouette_score {theirs:.2f} ({theirs / ours:.0f} times); "
        f"KElbowVisualizer, fits included, {drawn:.2f} ({drawn / ours:.0f} times)"
    )


def measure_evidence(n_rows: int) -> tuple[float, float]:
    """Return seconds of the evidence, and the process's peak memory beyond what it had before the matrix, over it."""
    evidence(blobs(2000), n_boot=2, n_refs=1, k_max=3)
    Path("/proc/self/clear_refs").write_text("5")  # Linux: the peak starts again from here
    before = _status("VmRSS")
    X = blobs(n_rows)
    begun = time.perf_counter()
    evidence(X)
    return time.perf_counter() - begun, (_status("VmHWM") - before) / X.nbytes


def _status(name: str) -> int:
    """Return a figure of this process's memory in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(name))


def blobs(n_rows: int) -> np.ndarray:
    """Return eight segments in eight columns, as float32, made without a larger copy."""
    rng = np.random.default_rng(0)
    centres = rng.normal(scale=4, size=(8, 8)).astype("float32")
    X = rng.standard_normal((n_rows, 8), dtype="float32")
    for number, centre in enumerate(centres):
        X[number::8] += centre
    return X


def seconds_of(what: Callable[[], object], rounds: int = ROUNDS) -> float:
    """Return the median of some rounds."""
    measured = []
    for _ in range(rounds):
        begun = time.perf_counter()
        what()
        measured.append(time.perf_counter() - begun)
    return statistics.median(measured)


if __name__ == "__main__":
    main()
