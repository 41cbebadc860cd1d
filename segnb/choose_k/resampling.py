"""Figures that need many small fits: gap, prediction strength, stability and seed agreement."""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import combinations, pairwise

import numpy as np
from sklearn import config_context
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score
from sklearn.metrics.cluster import contingency_matrix
from threadpoolctl import threadpool_limits
from tqdm.auto import tqdm

N_SPLITS = 10
"""Random halvings that prediction strength is averaged over."""

N_SEEDS, SEED_ROWS = 10, 1000
"""Seeds whose results are compared with each other, and the rows at most that they are fitted to."""

RESAMPLE_ROWS = 2500
"""A bootstrap sample and the rows it is judged on have this many rows at most."""

bar = partial(tqdm, leave=False, delay=0.5)
"""A progress bar for loops that last, gone when they are done."""


@contextmanager
def quick_small_fits() -> Iterator[None]:
    """Let many small fits go fast: one thread each, and rows that were checked once are not checked each time."""
    with threadpool_limits(1), config_context(assume_finite=True, skip_parameter_validation=True):
        yield


def fit_kmeans(X: np.ndarray, k: int, seed: int, n_init: int = 1) -> KMeans:
    """Return k-means fitted to `X`, shape (n_rows, n_features); ties may leave it fewer segments than k."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return KMeans(k, n_init=n_init, random_state=seed).fit(X)


def log_inertia(model: KMeans) -> float:
    """Return the logarithm of the inertia, that of the least positive number if it is 0."""
    return float(np.log(max(model.inertia_, np.finfo(float).tiny)))


def gap_statistic(
    log_inertias: Sequence[float], X: np.ndarray, ks: Sequence[int], n_refs: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the gap of each k and its standard error.

    The mean of log W over `n_refs` reference sets, drawn uniformly in the box around `X`, whose columns are its
    principal axes, minus `log_inertias`, log W of the data for each of `ks`: Tibshirani, Walther and Hastie, J. R.
    Stat. Soc. B 63, 2001.
    """
    low, high = X.min(axis=0), X.max(axis=0)

    def reference(number: int) -> list[float]:
        drawn = np.random.default_rng([seed, number]).uniform(low, high, size=X.shape)
        return [log_inertia(fit_kmeans(drawn, k, seed + number, n_init=2)) for k in ks]

    logs = np.array([reference(number) for number in bar(range(n_refs), desc="gap references")])
    return logs.mean(axis=0) - log_inertias, logs.std(axis=0) * np.sqrt(1 + 1 / n_refs)


def gap_choice(gap: np.ndarray, error: np.ndarray) -> int:
    """Return the smallest k with gap(k) ≥ gap(k+1) - s(k+1), or the last one; both figures are for k = 1, 2, …

    >>> gap_choice(np.array([0.1, 0.5, 0.52, 0.4]), np.full(4, 0.05))
    2
    """
    enough = np.flatnonzero(gap[:-1] >= gap[1:] - error[1:])
    return int(enough[0] + 1) if len(enough) else len(gap)


def prediction_strength(X: np.ndarray, k: int, seed: int) -> tuple[float, float]:
    """Return how well one half of the rows predicts the segments of the other half, 0 to 1, and its standard error.

    The least share, over the test half's segments, of pairs that the training half's centres keep together,
    averaged over random halvings: Tibshirani and Walther, J. Comput. Graph. Stat. 14, 2005.
    """
    strengths = [_split_strength(X, k, seed + number) for number in range(N_SPLITS)]
    return float(np.mean(strengths)), float(np.std(strengths, ddof=1) / np.sqrt(N_SPLITS))


def bootstrap_labels(X: np.ndarray, k: int, n_boot: int, seed: int) -> tuple[np.ndarray, list[np.ndarray]]:
    """Return positions of rows, and their labels by each of `n_boot` models fitted on bootstrap samples of `X`."""
    judged = _some(len(X), RESAMPLE_ROWS, np.random.default_rng(seed))

    def labels(number: int) -> np.ndarray:
        draw = np.random.default_rng([seed, number])
        rows = draw.integers(len(X), size=min(len(X), RESAMPLE_ROWS))
        return fit_kmeans(X[rows], k, seed + number).predict(X[judged])

    return judged, [labels(number) for number in range(n_boot)]


def stability(labelings: Sequence[np.ndarray]) -> float:
    """Return the mean adjusted Rand index of labelings by bootstrap models.

    Each is paired with the next, the last with the first: Dolnicar and Leisch, Marketing Letters 21, 2010.
    """
    ring = [*labelings, labelings[0]]
    return float(np.mean([adjusted_rand_score(*pair) for pair in pairwise(ring)]))


def segment_jaccards(labels: np.ndarray, labelings: Sequence[np.ndarray], k: int) -> np.ndarray:
    """Return for each segment 0 to k - 1 how well labelings by bootstrap models find it again, 0 to 1.

    The Jaccard index with the most similar segment of each labeling, averaged over the labelings; 0 for a segment
    without rows: Hennig, Computational Statistics & Data Analysis 52, 2007.

    >>> segment_jaccards(np.array([0, 0, 1, 1]), [np.array([5, 5, 6, 6]), np.array([5, 5, 5, 6])], 2).round(2)
    array([0.83, 0.75])
    """
    present, codes = np.unique(labels, return_inverse=True)
    found = np.zeros(k)
    for other in labelings:
        common = contingency_matrix(codes, other)
        union = common.sum(axis=1, keepdims=True) + common.sum(axis=0, keepdims=True) - common
        found[present] += (common / union).max(axis=1)
    return found / len(labelings)


def seed_agreement(X: np.ndarray, k: int, n_init: int, seed: int) -> float:
    """Return the mean adjusted Rand index between fits that differ in nothing but the seed."""
    rows = X[_some(len(X), SEED_ROWS, np.random.default_rng(seed))]
    labels = [fit_kmeans(rows, k, seed + number, n_init).labels_ for number in range(N_SEEDS)]
    return float(np.mean([adjusted_rand_score(*pair) for pair in combinations(labels, 2)]))


def _split_strength(X: np.ndarray, k: int, seed: int) -> float:
    order = np.random.default_rng(seed).permutation(len(X))[: 2 * RESAMPLE_ROWS]
    train, test = X[order[::2]], X[order[1::2]]
    if len(test) < k:
        return 0.0
    own = fit_kmeans(test, k, seed, n_init=3).labels_
    foreign = fit_kmeans(train, k, seed, n_init=3).predict(test)
    together = contingency_matrix(own, foreign)
    sizes = together.sum(axis=1)
    pairs = sizes * (sizes - 1)
    kept = (together * (together - 1)).sum(axis=1)
    return float(np.divide(kept, pairs, out=np.zeros(len(pairs)), where=pairs > 0).min())


def _some(n_rows: int, most: int, rng: np.random.Generator) -> np.ndarray:
    return np.arange(n_rows) if n_rows <= most else np.sort(rng.choice(n_rows, most, replace=False))
