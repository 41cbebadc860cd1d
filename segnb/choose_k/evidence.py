"""All figures for all k in one table, each computed once."""

from collections.abc import Mapping, Sequence
from copy import copy

import numpy as np
import pandas as pd
from sklearn.cluster import KMeans
from sklearn.metrics import calinski_harabasz_score, davies_bouldin_score, pairwise_distances_argmin_min

from segnb.choose_k import resampling
from segnb.choose_k.labelings import silhouettes
from segnb.choose_k.resampling import Frame, bar, blocks, make_frame
from segnb.choose_k.separation import likelihoods, spread_ties, valley_table
from segnb.errors import DataError
from segnb.tables import as_table
from segnb.text import category_of

_MOST_COLUMNS = 2000
"""Beyond this the distances of customers hardly differ, and the principal axes alone take minutes."""


def evidence(
    X: pd.DataFrame | np.ndarray,
    k_min: int = 2,
    k_max: int = 10,
    *,
    n_init: int = 10,
    n_boot: int = 50,
    n_refs: int = 10,
    sample_rows: int = 20000,
    seed: int = 0,
    fits: Mapping[int, KMeans] | None = None,
) -> pd.DataFrame:
    """Return every figure for every k, one row per k; at k = 1 only those that mean something there.

    No figure depends on the order of the rows or columns, nor on a shift or a common scale of the columns, except
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
    fits : mapping of int to KMeans, optional
        By k a model fitted to `evidence_rows` with the same arguments: the figures are then those of these models, and
        others are fitted only where one is missing.

    Returns
    -------
    DataFrame
        `k`; of the rows used: `rows` (how many), `inertia`, `smallest_share`, `silhouette` (mean),
        `below_zero_share` (of the silhouettes), `calinski_harabasz`, `davies_bouldin`; `valley_depth` and `valley_p`
        of the shallowest valley between two segments, `valley_segment` and `valley_other` (which, numbered from the
        largest on; see `valleys`), `valley_reference` (mean depth in references without groups); `gap`, `gap_se` and
        `gap_k` (what its 1-SE rule chooses from 1 to k_max, missing where no k keeps the rule); `classification`,
        `bic_spherical`, `bic_tied`, `bic_diag` (the least value names a k); `prediction_strength`,
        `prediction_strength_se`, `stability`, `least_jaccard` (of the segments), `seed_agreement`; and with every row
        at the nearest of the same centres: `all_rows` (how many), `all_rows_inertia`, `all_rows_smallest_share`,
        `all_rows_largest_share`.

    Raises
    ------
    DataError
        If the values of k do not fit the rows, or `X` has missing or infinite values, words or too many columns.

    >>> X = pd.DataFrame(np.random.default_rng(0).normal(size=(60, 2)) + np.repeat([[0], [9]], 30, axis=0))
    >>> table = evidence(X, k_max=3, n_boot=2, n_refs=5)
    >>> table.loc[table["silhouette"].idxmax(), "k"]
    np.int64(2)
    """
    for name, value, least in (("n_init", n_init, 1), ("n_boot", n_boot, 2), ("n_refs", n_refs, 1)):
        if value < least:
            raise DataError(f"{name}={value}: needs at least {least}")
    matrix = _checked_matrix(X)
    _check_range(min(len(matrix), sample_rows), k_min, k_max)
    frame = make_frame(matrix, sample_rows, seed)
    rows = matrix[frame.positions]
    _check_distinct(rows, k_max)
    draw = resampling.reference_draw(rows, frame, [category_of(name) for name in as_table(X)])
    with resampling.quick_small_fits():
        ks = bar(range(1, k_max + 1), desc="k-means for each k")
        given = {k: _in_frame(model, frame) for k, model in (fits or {}).items()}
        models = {k: given.get(k) or KMeans(k, n_init=n_init, random_state=seed).fit(frame.rows) for k in ks}
        shown = {k: models[k] for k in [1, *range(k_min, k_max + 1)]}
        parts = [
            _geometry(frame.rows, shown),
            _valleys(rows, shown, seed),
            resampling.references(frame.rows, models, n_refs, seed, draw).loc[list(shown)],
            likelihoods(frame.rows, shown, seed),
            _resampled(frame.rows, shown, n_init, n_boot, seed),
        ]
    table = pd.concat(parts, axis=1)
    return table.join(_all_rows(matrix, frame, shown)).reset_index(names="k")


def _in_frame(model: KMeans, frame: Frame) -> KMeans:
    """Return a model that was fitted to the rows in their own order and axes as one of the frame's rows."""
    framed, ranks = copy(model), frame.positions.argsort().argsort()
    framed.cluster_centers_ = (model.cluster_centers_ - frame.centre) @ frame.axes
    framed.labels_ = model.labels_[ranks]
    return framed


def evidence_rows(X: pd.DataFrame, sample_rows: int = 20_000, seed: int = 0, tried: Sequence[int] = ()) -> pd.DataFrame:
    """Return the rows of `X` that `evidence` looks at with the same arguments, in the order of `X`.

    Parameters
    ----------
    X : DataFrame of shape (n_rows, n_features)
        The scaled matrix.
    sample_rows : int, default 20000
        On more rows than this a seeded sample of them is returned.
    seed : int, default 0
    tried : sequence of int, optional
        The numbers of segments that are to be tried on them, ascending.

    Raises
    ------
    DataError
        As `evidence`, if `tried` doesn't fit the rows.

    >>> len(evidence_rows(pd.DataFrame({"a": [3.0, 0, 1, 7]}), sample_rows=3))
    3
    """
    if len(tried):
        _checked_matrix(X)
        _check_range(min(len(X), sample_rows), tried[0], tried[-1])
    rows = X if len(X) <= sample_rows else X.iloc[np.sort(make_frame(X, sample_rows, seed).positions)]
    _check_distinct(rows, max(tried, default=0))
    return rows


def _check_distinct(rows: np.ndarray | pd.DataFrame, k: int) -> None:
    distinct = len(np.unique(rows, axis=0))
    if distinct < k:
        raise DataError(f"k={k} is more than the {distinct} distinct customers; lower k and k_max")


def _checked_matrix(X: pd.DataFrame | np.ndarray) -> np.ndarray:
    """Return the matrix's values, checked before anything is fitted to them."""
    if isinstance(X, pd.DataFrame):
        words = ", ".join(sorted(map(str, X.select_dtypes(exclude=["number", "bool"]))))
        if words:
            raise DataError(f"the feature matrix has columns that aren't numbers: {words}; encode or drop them")
    values = resampling.values_of(X)
    if values.ndim != 2 or not values.size:
        raise DataError(f"the feature matrix has shape {values.shape}; needs rows and columns")
    if values.shape[1] > _MOST_COLUMNS:
        raise DataError(
            f"the feature matrix has {values.shape[1]:,} columns, at most {_MOST_COLUMNS:,} make sense for distances; "
            "choose features, or reduce them to principal components first"
        )
    if not all(np.isfinite(block).all() for block in blocks(values)):
        raise DataError("the feature matrix has missing or infinite values; fill or drop them in step 1 (missing=…)")
    return values


def _check_range(n_rows: int, k_min: int, k_max: int) -> None:
    if not 2 <= k_min <= k_max:
        raise DataError(f"k_min={k_min} and k_max={k_max}: needs 2 ≤ k_min ≤ k_max")
    if k_max >= n_rows:
        raise DataError(
            f"k={k_max} is not less than the {n_rows} customers that the evidence may use; "
            "lower k and k_max, keep more rows or raise sample_rows"
        )


def _geometry(X: np.ndarray, models: Mapping[int, KMeans]) -> pd.DataFrame:
    """Return the figures that only need the labels of one fit per k; k = 1 has no others to compare with."""
    labels = [model.labels_ for k, model in models.items() if k > 1]
    scores = silhouettes(X, labels)
    figures = {
        "rows": len(X),
        "inertia": [model.inertia_ for model in models.values()],
        "smallest_share": [np.bincount(model.labels_).min() / len(X) for model in models.values()],
        "silhouette": [np.nan, *scores.mean(axis=0)],
        "below_zero_share": [np.nan, *(scores < 0).mean(axis=0)],
        "calinski_harabasz": [np.nan, *(calinski_harabasz_score(X, label) for label in labels)],
        "davies_bouldin": [np.nan, *(davies_bouldin_score(X, label) for label in labels)],
    }
    return pd.DataFrame(figures, index=list(models))


def _resampled(X: np.ndarray, models: Mapping[int, KMeans], n_init: int, n_boot: int, seed: int) -> pd.DataFrame:
    """Return how well the segments come back; a single one always does, and the other figures say nothing of it."""

    def figures(k: int) -> tuple[float, ...]:
        if k == 1:
            return 1.0, 0.0, np.nan, np.nan, np.nan
        samples = resampling.bootstrap(X, k, n_boot, seed)
        stability = resampling.stability(X, [model for _, model in samples], seed)
        jaccards = resampling.segment_jaccards(models[k].labels_, samples, k)
        agreement = resampling.seed_agreement(X, k, n_init, seed)
        return *resampling.prediction_strength(X, k, seed), stability, jaccards.min(), agreement

    names = ["prediction_strength", "prediction_strength_se", "stability", "least_jaccard", "seed_agreement"]
    found = [figures(k) for k in bar(models, desc="resamples for each k")]
    return pd.DataFrame(found, index=list(models), columns=names)


def _valleys(rows: np.ndarray, models: Mapping[int, KMeans], seed: int) -> pd.DataFrame:
    """Return the shallowest valley between two segments of each k; segment 1 is the largest."""
    spread = spread_ties(rows, seed)

    def shallowest(model: KMeans) -> pd.DataFrame:
        sizes = np.bincount(model.labels_, minlength=model.n_clusters)
        numbers = np.argsort(np.argsort(-sizes, kind="stable"))
        return valley_table(spread, numbers[model.labels_]).head(1)

    pairs = {k: shallowest(model) for k, model in models.items() if k > 1}
    found = pd.concat(pairs).droplevel(1).reindex(list(models))
    found[["segment", "other"]] += 1
    return found[["depth", "p", "segment", "other"]].add_prefix("valley_")


def _all_rows(X: np.ndarray, frame: Frame, models: Mapping[int, KMeans]) -> pd.DataFrame:
    """Return inertia and sizes with each row of the whole matrix at the nearest of the sample's centres."""

    def figures(model: KMeans) -> tuple[float, ...]:
        centres = model.cluster_centers_ @ frame.axes.T
        rows = (block - frame.centre for block in blocks(X))
        found = [pairwise_distances_argmin_min(each, centres, metric="sqeuclidean") for each in rows]
        shares = sum(np.bincount(nearest, minlength=len(centres)) for nearest, _ in found) / len(X)
        return len(X), sum(squared.sum() for _, squared in found), shares.min(), shares.max()

    names = ["all_rows", "all_rows_inertia", "all_rows_smallest_share", "all_rows_largest_share"]
    return pd.DataFrame([figures(model) for model in models.values()], index=list(models), columns=names)
