"""All figures for all k in one table, each computed once."""

from collections.abc import Iterable

import numpy as np
import pandas as pd
from diptest import diptest
from scipy.spatial.distance import pdist
from sklearn.cluster import KMeans
from sklearn.metrics import calinski_harabasz_score, davies_bouldin_score
from threadpoolctl import threadpool_limits
from tqdm.auto import tqdm

from segnb.choose_k import resampling
from segnb.choose_k.silhouette import silhouettes
from segnb.errors import DataError

DIP_ROWS = 300
"""Rows whose pairwise distances the dip test looks at."""


def fit_each_k(X: pd.DataFrame, ks: Iterable[int], *, n_init: int = 10, seed: int = 0) -> dict[int, KMeans]:
    """Return k-means fitted to `X` for each k, by k.

    >>> sorted(fit_each_k(pd.DataFrame({"a": [0.0, 1, 8, 9]}), range(1, 4)))
    [1, 2, 3]
    """
    values = np.asarray(X)
    with threadpool_limits(1):
        return {k: resampling.fit_kmeans(values, k, seed, n_init) for k in ks}


def evidence(
    X: pd.DataFrame,
    k_min: int = 2,
    k_max: int = 10,
    *,
    n_init: int = 10,
    n_boot: int = 50,
    n_refs: int = 20,
    sample_rows: int = 20000,
    seed: int = 0,
) -> pd.DataFrame:
    """Return every figure for every k, one row per k, from 1 where a figure has a meaning there.

    Parameters
    ----------
    X : DataFrame of shape (n_rows, n_features)
        The scaled matrix, no missing values.
    k_min, k_max : int
        Numbers of segments to try, 2 ≤ k_min ≤ k_max < n_rows.
    n_init : int
        Restarts of k-means.
    n_boot, n_refs : int
        Bootstrap pairs per k, and reference sets of the gap statistic.
    sample_rows : int
        On more rows than this a seeded sample of them is used.
    seed : int

    Returns
    -------
    DataFrame
        `k`, `rows` (used), `inertia`, `silhouette` (mean), `below_zero_share` (of the silhouettes),
        `calinski_harabasz`, `davies_bouldin`, `gap`, `gap_se`, `prediction_strength`, `stability`,
        `seed_agreement`, `smallest_share`; and for the whole table `gap_k` (the
        k that gap's 1-SE rule chooses from 1 to k_max) and `dip_p`.

    Raises
    ------
    DataError
        If the values of k do not fit the rows, or `X` has missing or infinite values.

    >>> X = pd.DataFrame(np.random.default_rng(0).normal(size=(60, 2)) + np.repeat([[0], [9]], 30, axis=0))
    >>> table = evidence(X, k_max=3, n_boot=2, n_refs=5)
    >>> table.loc[table["silhouette"].idxmax(), "k"]
    np.int64(2)
    """
    rows = sample(X, sample_rows, seed)
    _check(rows, k_min, k_max)
    values = np.asarray(rows, dtype=np.float64)
    tried = range(k_min, k_max + 1)
    models = fit_each_k(rows, range(1, k_max + 1), n_init=n_init, seed=seed)
    with threadpool_limits(1):
        logs = np.log([max(model.inertia_, np.finfo(float).tiny) for model in models.values()])
        gap, gap_se = resampling.gap_statistic(logs, values, list(models), n_refs, seed)
        figures = [_resampled(values, k, n_init, n_boot, seed) for k in tqdm(tried, desc="evidence", leave=False)]
    shown = [k - 1 for k in (1, *tried)]
    table = _geometry(values, {k: models[k] for k in (1, *tried)})
    table = table.assign(gap=gap[shown], gap_se=gap_se[shown], gap_k=resampling.gap_choice(gap, gap_se))
    resampled = pd.DataFrame([{"prediction_strength": 1.0}, *figures])
    return pd.concat([table, resampled], axis=1).assign(dip_p=dip_p(values, seed))


def sample(X: pd.DataFrame, rows: int, seed: int) -> pd.DataFrame:
    """Return `X`, or a seeded sample of it where it has more than `rows` rows."""
    return X if len(X) <= rows else X.sample(rows, random_state=seed)


def dip_p(X: np.ndarray, seed: int = 0) -> float:
    """Return the p-value against a single mode: the smaller of two dip tests, doubled; 1 below four rows.

    Hartigan's dip on the first principal component and on the pairwise distances of some rows: Hartigan and
    Hartigan, Ann. Statist. 13, 1985; Adolfsson, Ackerman and Brownstein, Pattern Recognition 88, 2019.

    >>> bool(dip_p(np.repeat([[0.0], [9.0]], 50, axis=0) + np.random.default_rng(0).normal(size=(100, 1))) < 0.01)
    True
    """
    if len(X) < 4:
        return 1.0
    rng = np.random.default_rng(seed)
    first = (X - X.mean(axis=0)) @ np.linalg.svd(X - X.mean(axis=0), full_matrices=False)[2][0]
    some = X if len(X) <= DIP_ROWS else X[rng.choice(len(X), DIP_ROWS, replace=False)]
    return float(min(1.0, 2 * min(diptest(first)[1], diptest(pdist(some))[1])))


def _geometry(X: np.ndarray, models: dict[int, KMeans]) -> pd.DataFrame:
    """Return the figures that only need the labels of one fit per k; k = 1 has no others to compare with."""
    labels = [model.labels_ for k, model in models.items() if k > 1]
    scores = silhouettes(X, labels)
    return pd.DataFrame(
        {
            "k": list(models),
            "rows": len(X),
            "inertia": [model.inertia_ for model in models.values()],
            "smallest_share": [np.bincount(model.labels_).min() / len(X) for model in models.values()],
            "silhouette": [np.nan, *scores.mean(axis=0)],
            "below_zero_share": [np.nan, *(scores < 0).mean(axis=0)],
            "calinski_harabasz": [np.nan, *(calinski_harabasz_score(X, label) for label in labels)],
            "davies_bouldin": [np.nan, *(davies_bouldin_score(X, label) for label in labels)],
        }
    )


def _resampled(X: np.ndarray, k: int, n_init: int, n_boot: int, seed: int) -> dict[str, float]:
    return {
        "prediction_strength": resampling.prediction_strength(X, k, seed),
        "stability": resampling.stability(X, k, n_boot, seed),
        "seed_agreement": resampling.seed_agreement(X, k, n_init, seed),
    }


def _check(X: pd.DataFrame, k_min: int, k_max: int) -> None:
    if not np.isfinite(np.asarray(X, dtype=float)).all():
        raise DataError("the feature matrix has missing or infinite values; fill or drop them in step 1 (missing=…)")
    if not 2 <= k_min <= k_max:
        raise DataError(f"k_min={k_min} and k_max={k_max}: needs 2 ≤ k_min ≤ k_max")
    if k_max >= len(X):
        raise DataError(f"k={k_max} is not less than the {len(X)} customers; lower k and k_max or keep more rows")
    distinct = len(np.unique(np.asarray(X), axis=0))
    if distinct < k_max:
        raise DataError(f"k={k_max} is more than the {distinct} distinct customers; lower k and k_max")
