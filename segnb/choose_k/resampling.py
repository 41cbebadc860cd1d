"""Figures that need samples and many small fits: gap, prediction strength, stability and seed agreement."""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import combinations, pairwise

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn import config_context
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score
from sklearn.metrics.cluster import contingency_matrix
from threadpoolctl import threadpool_limits
from tqdm.auto import tqdm

from segnb.choose_k.labelings import encode
from segnb.choose_k.separation import valley_table
from segnb.tables import LIGHTS

_N_SPLITS = 10
"""Random halvings that prediction strength is averaged over."""

_STARTS = 3
"""Restarts of k-means on halves and resamples: with one, what differs is often the start and not the customers."""

_OWN_FITS = 5
"""Seeds that the rows' own log W is averaged over, so that it has as many starts as each reference has."""

N_SEEDS, SEED_ROWS = 10, 300
"""Seeds whose results are compared with each other, and the most rows that they are fitted to."""

_RESAMPLE_ROWS = 2500
"""A bootstrap sample and the rows it is judged on have this many rows at most."""

_BLOCK_ROWS = 2**16
"""A large matrix is looked at in blocks of this many rows."""

_FLAT = 1e-13
"""An axis with less than this share of the widest one's sum of squares is left out."""

_ROUNDED = 10
"""Digits of coordinates: what differs beyond them came from the order of rows and columns, and would decide ties."""

bar = partial(tqdm, leave=False, delay=0.5)
"""A progress bar for loops that last, gone when they are done."""


@dataclass(frozen=True)
class Frame:
    """Rows in the axes of the matrix's principal components.

    Turning the axes changes no distance, and so no figure; but along these axes the rows have the same order however
    the matrix's rows or columns were ordered, shifted or scaled together, and so is every random draw the same.

    Attributes
    ----------
    rows : array of shape (n_rows, n_axes)
        float64, in the order along the axes; a seeded sample where the matrix has more rows than asked for.
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


def make_frame(X: ArrayLike, most_rows: int, seed: int) -> Frame:
    """Return the rows of `X`, or a seeded sample of `most_rows` of them, in its principal axes.

    >>> make_frame(np.array([[3.0, 0], [0, 0], [1, 0]]), 10, seed=0).rows[:, 0].round(2)
    array([-1.33, -0.33,  1.67])
    """
    X = values_of(X)
    centre = sum(block.sum(axis=0, dtype=float) for block in blocks(X)) / len(X)
    spread = sum(block.T @ block for block in (block - centre for block in blocks(X)))
    widths, axes = np.linalg.eigh(spread)
    axes = axes[:, widths >= _FLAT * widths[-1]][:, ::-1]
    positions = _drawn_along(X, centre, axes[:, 0], most_rows, seed)
    rows = (X[positions] - centre) @ axes
    signs = np.where((rows**3).sum(axis=0) < 0, -1.0, 1.0)
    rows *= signs
    largest = float(f"{np.abs(rows).max() or 1:.{_ROUNDED}g}")
    coarse = (rows / largest).round(_ROUNDED)
    order = np.lexsort(coarse.T[::-1])
    return Frame(coarse[order] * largest, positions[order], centre, axes * signs)


def _drawn_along(X: np.ndarray, centre: np.ndarray, axis: np.ndarray, most_rows: int, seed: int) -> np.ndarray:
    """Return the positions of all rows, or of a sample that is drawn along an axis and not along their order."""
    if len(X) <= most_rows:
        return np.arange(len(X))
    along = np.concatenate([(block - centre) @ axis for block in blocks(X)])
    order = np.argsort(along if (along**3).sum() >= 0 else -along, kind="stable")
    return order[np.random.default_rng(seed).choice(len(X), most_rows, replace=False)]


def values_of(X: ArrayLike) -> np.ndarray:
    """Return a matrix's values, not copied where they are numbers of one type."""
    values = np.asarray(X)
    return values.astype(float) if values.dtype == object else values


def blocks(X: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the rows of a matrix block by block, as float64."""
    for start in range(0, len(X), _BLOCK_ROWS):
        yield np.asarray(X[start : start + _BLOCK_ROWS], dtype=float)


@contextmanager
def quick_small_fits() -> Iterator[None]:
    """Make many small fits fast: one thread each, checked once and not each time, no warning of ties."""
    unchecked = config_context(assume_finite=True, skip_parameter_validation=True)
    quiet = warnings.catch_warnings(action="ignore", category=ConvergenceWarning)
    with threadpool_limits(1), unchecked, quiet:
        yield


Draw = Callable[[np.random.Generator], np.ndarray]


def reference_draw(rows: np.ndarray, frame: Frame, groups: Sequence[object]) -> Draw:
    """Return a function that draws as many rows as the frame has, in its axes, but without groups.

    Numbers are drawn uniformly in the box along their principal axes. Columns of two values keep them and are
    permuted, those of one group (a category) together: k-means finds something in any levels, and would not in a
    uniform draw.

    Parameters
    ----------
    rows : array of shape (n_rows, n_columns)
        Those of the matrix that are in the frame, in the frame's order.
    frame : Frame
    groups : sequence of length n_columns
        What each column belongs to.
    """
    rows = rows.astype(float)
    two = [place for place, column in enumerate(rows.T) if len(np.unique(column)) == 2]
    if not two:
        return uniform_draw(frame.rows)
    others = [place for place in range(rows.shape[1]) if place not in two]
    numbers = make_frame(rows[:, others], len(rows), 0) if others else None
    found = pd.Series(two).groupby([groups[place] for place in two], sort=False).agg(list)
    blocks = sorted(found, key=lambda block: sorted((rows[:, each] > rows[:, each].mean()).tobytes() for each in block))

    def draw(rng: np.random.Generator) -> np.ndarray:
        drawn = rows.copy()
        if numbers is not None:
            drawn[:, others] = uniform_draw(numbers.rows)(rng) @ numbers.axes.T + numbers.centre
        for block in blocks:
            drawn[:, block] = rows[rng.permutation(len(rows))][:, block]
        return (drawn - frame.centre) @ frame.axes

    return draw


def uniform_draw(rows: np.ndarray) -> Draw:
    """Return a function that draws as many rows uniformly in the box around these."""
    low, high = rows.min(axis=0), rows.max(axis=0)
    return lambda rng: rng.uniform(low, high, size=rows.shape)


def references(X: np.ndarray, models: Mapping[int, KMeans], n_refs: int, seed: int, draw: Draw) -> pd.DataFrame:
    """Return what rows without groups look like, one row per k: `gap`, `gap_se`, `gap_k` and `valley_reference`.

    `n_refs` reference sets come from `draw`, see `reference_draw`. Gap is the mean of their log W minus the log W of
    `X`, each from the better of two starts, and `gap_k` the choice of the 1-SE rule, missing where no k keeps it:
    Tibshirani, Walther and Hastie, J. R. Stat. Soc. B 63, 2001. `valley_reference` is the mean depth of their
    shallowest valley: with many columns or segments k-means finds some valley in any cloud.
    """

    def fits(rows: np.ndarray, number: int) -> list[KMeans]:
        return [KMeans(k, n_init=2, random_state=seed + number).fit(rows) for k in models]

    logs, depths = [], []
    for number in bar(range(n_refs), desc="gap references"):
        drawn = draw(np.random.default_rng([seed, number]))
        found = fits(drawn, number)
        logs.append([_log_inertia(model) for model in found])
        depths.append([valley_table(drawn, model.labels_)["depth"].max() for model in found])
    own = np.mean([[_log_inertia(model) for model in fits(X, number)] for number in range(_OWN_FITS)], axis=0)
    gap, error = np.mean(logs, axis=0) - own, np.std(logs, axis=0) * np.sqrt(1 + 1 / n_refs)
    table = pd.DataFrame({"gap": gap, "gap_se": error}, index=list(models))
    return table.assign(gap_k=_gap_choice(gap, error), valley_reference=np.mean(depths, axis=0))


def _log_inertia(model: KMeans) -> float:
    """Return the logarithm of the inertia; if it is 0, that of the smallest positive number."""
    return float(np.log(max(model.inertia_, np.finfo(float).tiny)))


def _gap_choice(gap: np.ndarray, error: np.ndarray) -> float:
    """Return the smallest k with gap(k) ≥ gap(k+1) - s(k+1), missing without one; both figures are for k = 1, 2, …

    >>> _gap_choice(np.array([0.1, 0.5, 0.52, 0.4]), np.full(4, 0.05)), _gap_choice(np.arange(3.0), np.zeros(3))
    (2.0, nan)
    """
    enough = np.flatnonzero(gap[:-1] >= gap[1:] - error[1:])
    return float(enough[0] + 1) if len(enough) else np.nan


def prediction_strength(X: np.ndarray, k: int, seed: int) -> tuple[float, float]:
    """Return how well one half of the rows predicts the segments of the other half, 0 to 1, and its standard error.

    The least share, over the test half's segments, of pairs that the training half's centres keep together,
    averaged over random halvings: Tibshirani and Walther, J. Comput. Graph. Stat. 14, 2005.
    """
    strengths = [_split_strength(X, k, seed + number) for number in range(_N_SPLITS)]
    return float(np.mean(strengths)), float(np.std(strengths, ddof=1) / np.sqrt(_N_SPLITS))


def _split_strength(X: np.ndarray, k: int, seed: int) -> float:
    """Return the prediction strength of one halving, the mean of either half predicted by the other."""
    order = np.random.default_rng(seed).permutation(len(X))[: 2 * _RESAMPLE_ROWS]
    halves = X[order[::2]], X[order[1::2]]
    if len(halves[1]) < k:
        return 0.0
    models = [KMeans(k, n_init=_STARTS, random_state=seed).fit(half) for half in halves]
    foreign = [models[1].predict(halves[0]), models[0].predict(halves[1])]
    return float(np.mean([_kept_together(model.labels_, other) for model, other in zip(models, foreign)]))


def _kept_together(own: np.ndarray, foreign: np.ndarray) -> float:
    """Return the least share, over the segments of one labeling, of pairs that another one keeps together."""
    common = contingency_matrix(own, foreign)
    sizes = common.sum(axis=1)
    return ((common * (common - 1)).sum(axis=1) / np.maximum(sizes * (sizes - 1), 1)).min()


def bootstrap(X: np.ndarray, k: int, n_boot: int, seed: int) -> list[tuple[np.ndarray, KMeans]]:
    """Return `n_boot` times the positions of the rows in a bootstrap sample, each counted once, and a model of them."""

    def resample(number: int) -> tuple[np.ndarray, KMeans]:
        draw = np.random.default_rng([seed, number])
        rows = np.unique(draw.integers(len(X), size=min(len(X), _RESAMPLE_ROWS)))
        return rows, KMeans(min(k, len(rows)), n_init=_STARTS, random_state=seed + number).fit(X[rows])

    return [resample(number) for number in range(n_boot)]


def stability(X: np.ndarray, models: Sequence[KMeans], seed: int) -> float:
    """Return the mean adjusted Rand index of bootstrap models that all label the same rows.

    Each is paired with the next, the last with the first: Dolnicar and Leisch, Marketing Letters 21, 2010.
    """
    judged = X[_some(len(X), _RESAMPLE_ROWS, seed)]
    labelings = [model.predict(judged) for model in models]
    return float(np.mean([adjusted_rand_score(*pair) for pair in pairwise([*labelings, labelings[0]])]))


def seed_agreement(X: np.ndarray, k: int, n_init: int, seed: int) -> float:
    """Return the mean adjusted Rand index between fits that differ in nothing but the seed."""
    rows = X[_some(len(X), SEED_ROWS, seed)]
    models = (KMeans(k, n_init=n_init, random_state=seed + number).fit(rows) for number in range(N_SEEDS))
    labels = [pd.factorize(model.labels_)[0] for model in models]  # equal where the segments are
    pairs = combinations(labels, 2)
    return float(np.mean([1.0 if (one == other).all() else adjusted_rand_score(one, other) for one, other in pairs]))


def segment_jaccards(labels: np.ndarray, samples: Sequence[tuple[np.ndarray, KMeans]], k: int) -> np.ndarray:
    """Return for each segment 0 to k - 1 how well models of bootstrap samples find it again, 0 to 1.

    The Jaccard index, on the sample's rows, with the most similar segment of each model, averaged over the samples;
    0 for a segment without rows: Hennig, Computational Statistics & Data Analysis 52, 2007.
    """
    return np.mean([_jaccards(labels[rows], model.labels_, k) for rows, model in samples], axis=0)


def _jaccards(labels: np.ndarray, other: np.ndarray, k: int) -> np.ndarray:
    """Return each segment's Jaccard index with the most similar segment of another labeling of the same rows.

    >>> _jaccards(np.array([0, 0, 1, 1]), np.array([5, 5, 5, 6]), 2).round(2)
    array([0.67, 0.5 ])
    """
    common = contingency_matrix(labels, other)
    union = common.sum(axis=1, keepdims=True) + common.sum(axis=0) - common
    found = np.zeros(k)
    found[np.unique(labels)] = (common / union).max(axis=1)
    return found


def segment_stability(
    X: ArrayLike,
    labels: ArrayLike | Mapping[int, ArrayLike],
    *,
    n_boot: int = 50,
    sample_rows: int = 20000,
    seed: int = 0,
) -> pd.DataFrame:
    """Return how well bootstrap models find each segment again, with a traffic light.

    The models are k-means with as many segments as there are labels, wherever the labels come from.

    Parameters
    ----------
    X : array of shape (n_rows, n_features)
        The scaled matrix.
    labels : array of shape (n_rows,), or mapping of int to such arrays
        The segments of the rows, row by row: numbers or words of any kind. Or by k the labels 0 to k - 1 that k-means
        gives, to look at several k at once: their segments are then counted from 1.
    n_boot : int, default 50
        Bootstrap samples per k.
    sample_rows : int, default 20000
        At most this many rows are drawn from and judged.
    seed : int, default 0

    Returns
    -------
    DataFrame
        One row per segment: `k` (of a mapping), `segment` (its label), `customers`, `share`, `jaccard` (0 to 1, the
        mean Jaccard index with the most similar segment of each bootstrap model, 0 for a segment without rows:
        Hennig, Computational Statistics & Data Analysis 52, 2007) and `light` ("unstable" below 0.6, "doubtful",
        "stable" from 0.75, "highly stable" from 0.85).

    Raises
    ------
    DataError
        If there are not as many labels as rows, labels are missing, or there are fewer than two different ones.

    >>> X = np.repeat([[0.0], [9.0]], 20, axis=0) + np.random.default_rng(0).normal(size=(40, 1))
    >>> segment_stability(X, np.repeat(["old", "new"], 20), n_boot=5)[["segment", "share", "jaccard", "light"]]
      segment  share  jaccard          light
    0     new    0.5      1.0  highly stable
    1     old    0.5      1.0  highly stable
    """
    frame = make_frame(X, sample_rows, seed)

    def found_again(codes: np.ndarray, names: Sequence) -> dict[str, Sequence]:
        samples = bootstrap(frame.rows, len(names), n_boot, seed)
        jaccards = segment_jaccards(codes[frame.positions], samples, len(names))
        sizes = np.bincount(codes, minlength=len(names))
        lights = [LIGHTS[max(least for least in LIGHTS if jaccard >= least)] for jaccard in jaccards]
        figures = {"segment": names, "customers": sizes, "share": sizes / len(codes), "jaccard": jaccards}
        return figures | {"light": lights}

    with quick_small_fits():
        if not isinstance(labels, Mapping):
            names, codes = encode(labels, len(X))
            return pd.DataFrame(found_again(codes, names))
        by_k = bar(labels.items(), desc="segments' stability")
        tables = [pd.DataFrame({"k": k} | found_again(np.asarray(each), range(1, k + 1))) for k, each in by_k]
    return pd.concat(tables, ignore_index=True)


def _some(n_rows: int, most: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.arange(n_rows) if n_rows <= most else np.sort(rng.choice(n_rows, most, replace=False))
