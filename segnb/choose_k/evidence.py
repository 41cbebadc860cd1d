"""All figures for all k in one table, each computed once."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from sklearn.cluster import KMeans
from sklearn.metrics import calinski_harabasz_score, davies_bouldin_score, pairwise_distances_argmin_min

from segnb.choose_k import resampling
from segnb.choose_k.frame import Frame, blocks, check_distinct, check_matrix, make_frame
from segnb.choose_k.modality import dip_p
from segnb.choose_k.resampling import bar, quick_small_fits
from segnb.choose_k.silhouette import silhouettes
from segnb.errors import DataError


def evidence(
    X: pd.DataFrame | np.ndarray,
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

    No figure depends on the order of the rows or columns, nor on a shift or a common scale of the columns; but for
    the inertia, which grows with the square of the scale.

    Parameters
    ----------
    X : array of shape (n_rows, n_features)
        The scaled matrix, no missing values.
    k_min, k_max : int
        Numbers of segments to try, 2 ≤ k_min ≤ k_max < n_rows.
    n_init : int
        Restarts of k-means, at least 1.
    n_boot, n_refs : int
        Bootstrap samples per k, at least 2, and reference sets of the gap statistic, at least 1.
    sample_rows : int
        On more rows than this a seeded sample of them is used.
    seed : int

    Returns
    -------
    DataFrame
        `k`; of the rows used: `rows` (how many), `inertia`, `smallest_share`, `silhouette` (mean),
        `below_zero_share` (of the silhouettes), `calinski_harabasz`, `davies_bouldin`, `gap`, `gap_se`,
        `prediction_strength`, `prediction_strength_se`, `stability`, `least_jaccard` (of the segments),
        `seed_agreement`; for the whole table `gap_k` (the k that gap's 1-SE rule chooses from 1 to k_max) and
        `dip_p`; and with every row at the nearest of the same centres: `all_rows` (how many), `all_rows_inertia`,
        `all_rows_smallest_share`, `all_rows_largest_share`.

    Raises
    ------
    DataError
        If the values of k do not fit the rows, or `X` has missing or infinite values, words or too many columns.

    >>> X = pd.DataFrame(np.random.default_rng(0).normal(size=(60, 2)) + np.repeat([[0], [9]], 30, axis=0))
    >>> table = evidence(X, k_max=3, n_boot=2, n_refs=5)
    >>> table.loc[table["silhouette"].idxmax(), "k"]
    np.int64(2)
    """
    _check_budget(n_init=(n_init, 1), n_boot=(n_boot, 2), n_refs=(n_refs, 1))
    check_matrix(X, sample_rows, k_min, k_max)
    X = np.asarray(X)
    frame = make_frame(X, sample_rows, seed)
    check_distinct(X[frame.positions], k_max)
    shown = [1, *range(k_min, k_max + 1)]
    with quick_small_fits():
        ks = bar(range(1, k_max + 1), desc="k-means for each k")
        models = {k: resampling.fit_kmeans(frame.rows, k, seed, n_init) for k in ks}
        parts = [
            _geometry(frame.rows, {k: models[k] for k in shown}),
            _gap(frame.rows, models, n_refs, seed).loc[shown],
            _resampled(frame.rows, {k: models[k] for k in shown}, n_init, n_boot, seed),
        ]
    table = pd.concat(parts, axis=1).assign(dip_p=dip_p(X, frame, seed))
    return table.join(_all_rows(X, frame, {k: models[k] for k in shown})).reset_index()


def _geometry(X: np.ndarray, models: Mapping[int, KMeans]) -> pd.DataFrame:
    """Return the figures that only need the labels of one fit per k; k = 1 has no others to compare with."""
    labels = [model.labels_ for k, model in models.items() if k > 1]
    scores = silhouettes(X, labels)
    return pd.DataFrame(
        {
            "rows": len(X),
            "inertia": [model.inertia_ for model in models.values()],
            "smallest_share": [np.bincount(model.labels_).min() / len(X) for model in models.values()],
            "silhouette": [np.nan, *scores.mean(axis=0)],
            "below_zero_share": [np.nan, *(scores < 0).mean(axis=0)],
            "calinski_harabasz": [np.nan, *(calinski_harabasz_score(X, label) for label in labels)],
            "davies_bouldin": [np.nan, *(davies_bouldin_score(X, label) for label in labels)],
        },
        index=pd.Index(models, name="k"),
    )


def _gap(X: np.ndarray, models: Mapping[int, KMeans], n_refs: int, seed: int) -> pd.DataFrame:
    logs = [resampling.log_inertia(model) for model in models.values()]
    gap, error = resampling.gap_statistic(logs, X, list(models), n_refs, seed)
    figures = {"gap": gap, "gap_se": error, "gap_k": resampling.gap_choice(gap, error)}
    return pd.DataFrame(figures, index=pd.Index(models, name="k"))


def _resampled(X: np.ndarray, models: Mapping[int, KMeans], n_init: int, n_boot: int, seed: int) -> pd.DataFrame:
    """Return how well the segments come back; a single one always does, and nothing is said of the others' figures."""

    def figures(k: int) -> dict[str, float]:
        if k == 1:
            return {"prediction_strength": 1.0, "prediction_strength_se": 0.0}
        strength, error = resampling.prediction_strength(X, k, seed)
        judged, labelings = resampling.bootstrap_labels(X, k, n_boot, seed)
        return {
            "prediction_strength": strength,
            "prediction_strength_se": error,
            "stability": resampling.stability(labelings),
            "least_jaccard": resampling.segment_jaccards(models[k].labels_[judged], labelings, k).min(),
            "seed_agreement": resampling.seed_agreement(X, k, n_init, seed),
        }

    return pd.DataFrame(
        [figures(k) for k in bar(models, desc="resamples for each k")], index=pd.Index(models, name="k")
    )


def _all_rows(X: np.ndarray, frame: Frame, models: Mapping[int, KMeans]) -> pd.DataFrame:
    """Return inertia and sizes with each row of the whole matrix at the nearest of the sample's centres."""
    centres = {k: frame.turned_back(model.cluster_centers_) for k, model in models.items()}
    inertia = dict.fromkeys(models, 0.0)
    sizes = {k: np.zeros(k, dtype=np.int64) for k in models}
    for block in blocks(X):
        rows = block - frame.centre
        for k in models:
            nearest, squared = pairwise_distances_argmin_min(rows, centres[k], metric="sqeuclidean")
            inertia[k] += squared.sum()
            sizes[k] += np.bincount(nearest, minlength=k)
    shares = {k: counts / len(X) for k, counts in sizes.items()}
    return pd.DataFrame(
        {
            "all_rows": len(X),
            "all_rows_inertia": inertia.values(),
            "all_rows_smallest_share": [share.min() for share in shares.values()],
            "all_rows_largest_share": [share.max() for share in shares.values()],
        },
        index=pd.Index(models, name="k"),
    )


def _check_budget(**least: tuple[int, int]) -> None:
    for name, (value, allowed) in least.items():
        if value < allowed:
            raise DataError(f"{name}={value}: needs at least {allowed}")
