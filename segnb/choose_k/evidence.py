"""All figures for all k in one table, each computed once."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from diptest import diptest
from scipy.spatial.distance import pdist
from sklearn.cluster import KMeans
from sklearn.metrics import calinski_harabasz_score, davies_bouldin_score, pairwise_distances_argmin_min

from segnb.choose_k import resampling
from segnb.choose_k.resampling import bar, quick_small_fits
from segnb.choose_k.silhouette import silhouettes
from segnb.errors import DataError

MOST_COLUMNS = 2000
"""Beyond this the distances of customers hardly differ, and the principal axes alone take minutes."""

BLOCK_ROWS = 2**16
"""Rows of a large matrix that are looked at together."""

FLAT = 1e-13
"""An axis with less than this share of the widest one's sum of squares is none."""

ROUNDED = 9
"""Digits to which coordinates are the same when rows are put in order."""


@dataclass(frozen=True)
class Frame:
    """Rows in the axes of the matrix's principal components.

    Turning the axes changes no distance, and so no figure; but along these axes the rows have the same order however
    the matrix's rows or columns were ordered, shifted or scaled together, and so is every random draw the same.

    Attributes
    ----------
    rows : array of shape (n_rows, n_axes)
        float64, in the order along the axes; a seeded sample where the matrix has more rows than wished for.
    positions : array of shape (n_rows,)
        Where the rows stand in the matrix.
    centre : array of shape (n_columns,)
    axes : array of shape (n_columns, n_axes)
        One axis a column, widest first; axes in which all rows are the same are left out.
    """

    rows: np.ndarray
    positions: np.ndarray
    centre: np.ndarray
    axes: np.ndarray

    def turned_back(self, points: np.ndarray) -> np.ndarray:
        """Return points of the frame, for instance centres, relative to `centre` in the matrix's own axes."""
        return points @ self.axes.T


def make_frame(X: pd.DataFrame | np.ndarray, most_rows: int, seed: int) -> Frame:
    """Return the rows of `X`, or a seeded sample of `most_rows` of them, in its principal axes.

    >>> make_frame(np.array([[3.0, 0], [0, 0], [1, 0]]), 10, seed=0).rows[:, 0].round(2)
    array([-1.33, -0.33,  1.67])
    """
    X = np.asarray(X)
    centre = sum(block.sum(axis=0, dtype=float) for block in blocks(X)) / len(X)
    spread = sum(block.T @ block for block in (block - centre for block in blocks(X)))
    axes = _axes(spread)
    some = _some(X, centre, axes[:, 0], most_rows, seed)
    rows = (X[some] - centre) @ axes
    signs = np.where((rows**3).sum(axis=0) < 0, -1.0, 1.0)
    rows *= signs
    coarse = (rows / (np.abs(rows).max() or 1)).round(ROUNDED)
    order = np.lexsort(coarse.T[::-1])
    return Frame(rows[order], some[order], centre, axes * signs)


def evidence_rows(X: pd.DataFrame, sample_rows: int = 20_000, seed: int = 0) -> pd.DataFrame:
    """Return the rows of `X` that `evidence` looks at with the same arguments, in the order of `X`.

    >>> len(evidence_rows(pd.DataFrame({"a": [3.0, 0, 1, 7]}), sample_rows=3))
    3
    """
    return X if len(X) <= sample_rows else X.iloc[np.sort(make_frame(X, sample_rows, seed).positions)]


def _axes(spread: np.ndarray) -> np.ndarray:
    """Return the principal axes of which the rows differ, the widest first; a constant column adds none."""
    widths, axes = np.linalg.eigh(spread)
    some = np.flatnonzero(widths > FLAT * widths[-1])[::-1]
    return axes[:, some if len(some) else [-1]]


def _some(X: np.ndarray, centre: np.ndarray, axis: np.ndarray, most_rows: int, seed: int) -> np.ndarray:
    """Return the positions of all rows, or of a sample that is drawn along an axis and not along their order."""
    if len(X) <= most_rows:
        return np.arange(len(X))
    along = np.concatenate([(block - centre) @ axis for block in blocks(X)])
    order = np.argsort(along if (along**3).sum() >= 0 else -along, kind="stable")
    return order[np.random.default_rng(seed).choice(len(X), most_rows, replace=False)]


def blocks(X: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the rows of a matrix block by block, as float64."""
    for start in range(0, len(X), BLOCK_ROWS):
        yield np.asarray(X[start : start + BLOCK_ROWS], dtype=float)


def check_matrix(X: pd.DataFrame | np.ndarray, most_rows: int, k_min: int, k_max: int) -> None:
    """Check before anything is fitted that every k can be tried on `X`.

    Raises
    ------
    DataError
        Naming the value and the remedy.
    """
    if isinstance(X, pd.DataFrame) and len(X.columns) > len(X.select_dtypes(["number", "bool"]).columns):
        words = sorted(set(map(str, X)) - set(map(str, X.select_dtypes(["number", "bool"]))))
        raise DataError(f"the feature matrix has columns that are no numbers: {', '.join(words)}; encode or drop them")
    values = np.asarray(X)
    if values.ndim != 2 or not values.size:
        raise DataError(f"the feature matrix has shape {values.shape}; needs rows and columns")
    if values.shape[1] > MOST_COLUMNS:
        raise DataError(
            f"the feature matrix has {values.shape[1]:,} columns, at most {MOST_COLUMNS:,} make sense for distances; "
            "choose features, or reduce them to principal components first"
        )
    if not all(np.isfinite(block).all() for block in blocks(values)):
        raise DataError("the feature matrix has missing or infinite values; fill or drop them in step 1 (missing=…)")
    if not 2 <= k_min <= k_max:
        raise DataError(f"k_min={k_min} and k_max={k_max}: needs 2 ≤ k_min ≤ k_max")
    if k_max >= min(len(values), most_rows):
        raise DataError(
            f"k={k_max} is not less than the {min(len(values), most_rows)} customers that the evidence may use; "
            "lower k and k_max, keep more rows or raise sample_rows"
        )


def check_distinct(rows: np.ndarray, k_max: int) -> None:
    """Check that there are as many different rows as segments.

    Raises
    ------
    DataError
    """
    distinct = len(np.unique(rows, axis=0))
    if distinct < k_max:
        raise DataError(f"k={k_max} is more than the {distinct} distinct customers; lower k and k_max")


DIP_ROWS = 300
"""Rows whose pairwise distances the dip test looks at."""


def dip_p(X: np.ndarray, frame: Frame, seed: int = 0) -> float:
    """Return the p-value against a single mode: the smaller of two dip tests, doubled; 1 below four rows.

    Hartigan's dip on the first principal component and on the pairwise distances of some rows: Hartigan and
    Hartigan, Ann. Statist. 13, 1985; Adolfsson, Ackerman and Brownstein, Pattern Recognition 88, 2019. Every value
    that many rows share would be a mode of its own, so rounded values and counts are spread first, see `untie`.

    Parameters
    ----------
    X : array of shape (n_rows, n_columns)
        The matrix that the frame was made of.
    frame : Frame
    seed : int

    >>> from segnb.choose_k.evidence import make_frame
    >>> X = np.repeat([[0.0], [9.0]], 50, axis=0) + np.random.default_rng(0).normal(size=(100, 1))
    >>> bool(dip_p(X, make_frame(X, 100, seed=0)) < 0.01)
    True
    """
    if len(frame.rows) < 4:
        return 1.0
    rng = np.random.default_rng(seed)
    columns = np.argsort(-np.abs(frame.axes[:, 0]), kind="stable")
    rows = untie(X[frame.positions][:, columns] - frame.centre[columns], rng)
    first = rows @ frame.axes[columns, 0]
    some = rows if len(rows) <= DIP_ROWS else rows[rng.choice(len(rows), DIP_ROWS, replace=False)]
    return float(min(1.0, 2 * min(diptest(first)[1], diptest(pdist(some))[1])))


def untie(X: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the matrix with shared values spread evenly, each as far as half way to the next value.

    Only columns with half as many values as rows or fewer are changed: those that were rounded or counted.

    >>> spread = untie(np.repeat([[1.0], [2.0]], 500, axis=0), np.random.default_rng(0))
    >>> spread.min().round(1), spread.max().round(1), len(np.unique(spread))
    (np.float64(0.5), np.float64(2.5), 1000)
    """
    spread = X.astype(float)
    for column in range(X.shape[1]):
        values, place = np.unique(X[:, column], return_inverse=True)
        if 2 <= len(values) <= len(X) / 2:
            half = np.diff(values) / 2
            low, high = values - np.r_[half[0], half], values + np.r_[half, half[-1]]
            spread[:, column] = rng.uniform(low[place], high[place])
    return spread


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
