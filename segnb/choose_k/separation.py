"""Are there groups at all: the valley between every two segments, and the k on which likelihoods agree."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.stats import binom, entropy, gaussian_kde, norm
from sklearn.cluster import KMeans
from sklearn.mixture import GaussianMixture

from segnb.choose_k.labelings import encode

_HALF = 0.15
"""Half the width of a window on the line from one centre, at 0, to the other, at 1."""

_PLACES = (0.4, 0.5, 0.6)
"""Where between the centres a valley is looked for."""

_GRID = np.linspace(-0.5, 1.5, 121)
"""Places along the line at which the density is drawn."""

_MIXTURE_ROWS = 2500
"""Gaussian mixtures are fitted to this many rows at most."""

MIXTURES = ("spherical", "tied", "diag")
"""The shapes of groups that mixtures are fitted with; free ones would fit skewed segments in several parts."""


def valleys(X: pd.DataFrame | np.ndarray, labels: ArrayLike, *, seed: int = 0) -> pd.DataFrame:
    """Return for every two segments whether fewer customers lie between their centres than around them.

    Parameters
    ----------
    X : array of shape (n_rows, n_features)
        The scaled matrix, no missing values. Columns of two values are left out, since nothing can lie between them;
        values that many rows share, as counts and rounded ones, are spread over the range that they stand for.
    labels : array of shape (n_rows,)
        Labels of any kind, at least two different ones.
    seed : int, default 0
        For the spreading.

    Returns
    -------
    DataFrame
        One row per pair, the shallowest valley first: `segment` and `other` (their labels), `around` and
        `around_other` (rows near each centre), `between` (rows in as wide a window in the middle), `depth` (between
        as a share of the smaller of the two: 0 is a gap, 1 or more no valley) and `p`, from 0 to 1, the chance
        of so few between if there were as many as around. If no column is left there is no valley, and p is 1.

    Raises
    ------
    DataError
        If there are not as many labels as rows, labels are missing, or there are fewer than two different ones.

    Notes
    -----
    t is the place of a row on the line through the two centres, 0 at one and 1 at the other. Rows of both segments
    are counted in windows of width 0.3 at t = 0 and 1 and at 0.4, 0.5 and 0.6; the emptiest of these three counts. p is
    that of a sign test against the nearer count of the two, times three for the three places. Nothing is assumed to
    be normal. Groups nearer than about three standard deviations have no valley.

    >>> X = np.repeat([[0.0, 0], [9, 0]], 30, axis=0) + np.random.default_rng(0).normal(size=(60, 2))
    >>> valleys(X, np.repeat(["old", "new"], 30))[["segment", "other", "between", "depth"]]
      segment other  between  depth
    0     new   old        0    0.0
    """
    names, codes = encode(labels, len(X))
    table = valley_table(spread_ties(X, seed), codes)
    return table.assign(segment=names[table["segment"]], other=names[table["other"]])


def valley_table(rows: np.ndarray, codes: np.ndarray) -> pd.DataFrame:
    """Return `valleys` of rows without shared values, labels being whole numbers from 0."""
    along = _along(rows, codes)
    members = np.eye(along.shape[1])[codes].T

    def count(place: float) -> np.ndarray:
        """Return for segments i and j how many rows of i lie at a place on the way from i to j."""
        return members @ (np.abs(along - place) <= _HALF)

    near = count(0.0) + count(1.0).T
    middle = np.stack([count(place) + count(1 - place).T for place in _PLACES])
    there = np.flatnonzero(members.any(axis=1))
    one, other = (there[side] for side in np.triu_indices(len(there), 1))
    around, around_other, between = near[one, other], near[other, one], middle[:, one, other]
    chances = [binom.cdf(between, between + count, 0.5) for count in (around, around_other)]
    figures = {
        "segment": one,
        "other": other,
        "around": around.astype(int),
        "around_other": around_other.astype(int),
        "between": between.min(axis=0).astype(int),
        "depth": between.min(axis=0) / np.maximum(np.minimum(around, around_other), 1),
        "p": np.minimum(len(_PLACES) * np.maximum(*chances).min(axis=0), 1.0),
    }
    return pd.DataFrame(figures).sort_values(["depth", "p"], ascending=False, kind="stable", ignore_index=True)


def _along(rows: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Return how far each row is on the way from its own centre, at 0, to each of the others, at 1."""
    sizes = np.bincount(codes)
    sums = [np.bincount(codes, column) for column in rows.T]
    centres = np.transpose(sums) / np.maximum(sizes, 1)[:, None]
    lengths = ((centres[:, None] - centres) ** 2).sum(axis=2)
    toward = (rows - centres[codes]) @ centres.T
    toward -= np.take_along_axis(toward, codes[:, None], axis=1)
    return np.divide(toward, lengths[codes], out=np.full_like(toward, 0.5), where=lengths[codes] > 0)


def line_density(X: pd.DataFrame | np.ndarray, labels: ArrayLike, segment: object, other: object) -> pd.DataFrame:
    """Return how densely the customers of two segments lie along the line through their centres.

    Parameters
    ----------
    X : array of shape (n_rows, n_features)
        The scaled matrix, no missing values.
    labels : array of shape (n_rows,)
        Labels of any kind.
    segment, other : label
        The two segments, for instance the first pair of `valleys`.

    Returns
    -------
    DataFrame
        `along` (0 at the centre of `segment`, 1 at that of `other`), and the `density` of both together, smoothed over
        a tenth of the way; its area is 1. The table is empty where all columns have two values, as those of
        categories do: nothing can lie between them.

    Raises
    ------
    DataError
        If there are no rows with one of the labels, or `valleys` would refuse them.

    >>> X = np.repeat([[0.0], [9.0]], 30, axis=0) + np.random.default_rng(0).normal(size=(60, 1))
    >>> line = line_density(X, np.repeat(["old", "new"], 30), "old", "new").set_index("along")["density"]
    >>> line.loc[0.45:0.55].max() < 0.1 * line.max()
    np.True_
    """
    of = np.asarray(labels)
    both = (of == segment) | (of == other)
    encode(of[both], int(both.sum()))
    rows = spread_ties(X)[both]
    is_other = of[both] == other
    along = _along(rows, is_other.astype(int))
    places = np.where(is_other, 1 - along[:, 0], along[:, 1])
    if not places.std():
        return pd.DataFrame(columns=["along", "density"])
    density = gaussian_kde(places, bw_method=0.1 / max(places.std(ddof=1), 0.1))(_GRID)
    return pd.DataFrame({"along": _GRID.round(4), "density": density})


def spread_ties(X: pd.DataFrame | np.ndarray, seed: int = 0) -> np.ndarray:
    """Return the columns of more than two values, with shared values spread evenly, half way to the next value.

    Only columns with half as many values as rows or fewer are spread: those that were rounded or counted. Otherwise
    every value that many rows share would be a group of its own.

    >>> spread = spread_ties(np.repeat([[1.0, 0.0], [2.0, 0.0], [3.0, 1.0]], 500, axis=0))
    >>> spread.min().round(1), spread.max().round(1), spread.shape, len(np.unique(spread))
    (np.float64(0.5), np.float64(3.5), (1500, 1), 1500)
    """
    X, rng = np.asarray(X, dtype=float), np.random.default_rng(seed)
    spread = []
    for column in X.T:
        values, place = np.unique(column, return_inverse=True)
        if 2 < len(values) <= len(X) / 2:
            half = np.diff(values) / 2
            low, high = values - np.r_[half[0], half], values + np.r_[half, half[-1]]
            column = rng.uniform(low[place], high[place])
        if len(values) > 2:
            spread.append(column)
    return np.column_stack(spread) if spread else np.zeros((len(X), 1))


def structureless_twin(table: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Return rows that have each column's values and the columns' rank correlations, but no segments.

    Numbers are drawn from one Gaussian and take each column's own values in its order, so that counts, rounded values
    and one value that many customers share stay what they are; other columns are shuffled. Which values go together
    beyond their correlation is lost. A column whose values lie in two heaps keeps them.

    Parameters
    ----------
    table : DataFrame of shape (n_rows, n_columns)
        For instance a run's scaled feature matrix, or its customers.
    seed : int, default 0

    Returns
    -------
    DataFrame
        Shape, columns and index as those of `table`; as many values are missing in each column.

    >>> twin = structureless_twin(pd.DataFrame({"a": [0.0, 1, 1, 3], "town": list("xxyz")}))
    >>> sorted(twin["a"]), sorted(twin["town"])
    ([0.0, 1.0, 1.0, 3.0], ['x', 'x', 'y', 'z'])
    """
    rng = np.random.default_rng(seed)
    numbers = table.select_dtypes("number")
    scores = norm.ppf((numbers.rank() - 0.5) / numbers.count())
    together = pd.DataFrame(scores).corr().fillna(0).to_numpy(copy=True)
    np.fill_diagonal(together, 1)
    drawn = rng.multivariate_normal(np.zeros(len(together)), together, len(table), check_valid="ignore")
    twin = table.apply(lambda column: rng.permutation(column))
    for name, draws in zip(numbers, drawn.T):
        known = twin[name].notna()
        twin.loc[known, name] = np.sort(twin.loc[known, name])[draws[known].argsort().argsort()]
    return twin


def likelihoods(rows: np.ndarray, models: Mapping[int, KMeans], seed: int) -> pd.DataFrame:
    """Return four figures per k, each smallest at the number of groups that it speaks for; none looks for valleys.

    `classification` is n·d·ln(W/(n·d)) + 2·n·H + (k·d + k)·ln n, with the inertia W and the entropy H of the segments'
    shares: twice the negative likelihood of round groups of one width, each row in its own, and BIC's penalty (Symons,
    Biometrics 37, 1981). `bic_spherical`, `bic_tied` and `bic_diag` are those of Gaussian mixtures that start at the
    segments. The rows are brought to a mean variance of 1 first, so that a common scale changes nothing.
    """
    scale = np.sqrt(rows.var(axis=0).mean()) or 1.0
    some = rows[np.random.default_rng(seed).permutation(len(rows))[:_MIXTURE_ROWS]] / scale

    def figures(model: KMeans) -> dict[str, float]:
        shares = np.bincount(model.labels_, minlength=model.n_clusters) / len(rows)
        centres = model.cluster_centers_ / scale
        within = max(model.inertia_ / scale**2 / rows.size, np.finfo(float).eps)
        mixtures = {f"bic_{shape}": _bic(some, centres, shares, within, shape) for shape in MIXTURES}
        own = rows.size * np.log(within) + 2 * len(rows) * entropy(shares)
        return {"classification": own + (centres.size + len(centres)) * np.log(len(rows))} | mixtures

    return pd.DataFrame([figures(model) for model in models.values()], index=list(models))


def _bic(rows: np.ndarray, centres: np.ndarray, shares: np.ndarray, within: float, shape: str) -> float:
    """Return the BIC of a Gaussian mixture that begins with segments of one variance, `within`, in every direction."""
    k, d = centres.shape
    widths = {"spherical": np.ones(k), "tied": np.eye(d), "diag": np.ones((k, d))}
    begin = {"weights_init": shares, "means_init": centres, "precisions_init": widths[shape] / within}
    options = {"reg_covar": 1e-4, "max_iter": 50, "init_params": "random", "random_state": 0}
    return float(GaussianMixture(k, covariance_type=shape, **begin, **options).fit(rows).bic(rows))
