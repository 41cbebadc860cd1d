"""Synthetic sets whose number of segments is known: what the decision on k is tried on."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

MOST = 8
"""True k runs from 1 to this."""


@dataclass(frozen=True)
class PlantedSet:
    """Rows with a known number of segments.

    Attributes
    ----------
    kind : str
        What makes the set hard.
    number : int
        Which of its kind.
    true_k : int
        1 where there are no segments.
    X : array of shape (n_rows, n_columns)
        Standardised.
    """

    kind: str
    number: int
    true_k: int
    X: np.ndarray


def _centres(rng: np.random.Generator, k: int, d: int, apart: float) -> np.ndarray:
    """Return k points of which the nearest two lie `apart` from each other."""
    points = rng.uniform(-1, 1, (k, d))
    if k == 1:
        return points
    for _ in range(200):  # of many draws the one whose nearest pair is widest apart: no two segments on one spot
        other = rng.uniform(-1, 1, (k, d))
        points = max(points, other, key=_nearest)
    return points * apart / _nearest(points)


def _nearest(points: np.ndarray) -> float:
    gaps = np.linalg.norm(points[:, None] - points[None], axis=2)
    return gaps[np.triu_indices(len(points), 1)].min()


def _members(rng: np.random.Generator, k: int, n: int, least: float = 0.06) -> np.ndarray:
    shares = least + (1 - k * least) * rng.dirichlet(np.full(k, 4.0))
    return np.sort(rng.choice(k, size=n, p=shares))


def _blobs(apart: float, spread: tuple[float, float] = (0.75, 1.25)) -> Callable:
    """Return a maker of round segments of unequal size and spread."""

    def make(rng, k, n, d):
        of = _members(rng, k, n)
        return _centres(rng, k, d, apart)[of] + rng.normal(size=(n, d)) * rng.uniform(*spread, k)[of, None]

    return make


def _unequal(rng, k, n, d):
    shares = 0.6 ** np.arange(k) + 0.04
    of = np.sort(rng.choice(k, size=n, p=shares / shares.sum()))
    return _centres(rng, k, d, 6.0)[of] + rng.normal(size=(n, d))


def _elliptical(rng, k, n, d):
    of = _members(rng, k, n)
    turns = np.linalg.qr(rng.normal(size=(k, d, d)))[0]
    widths = rng.uniform(0.4, 1.6, (k, 1, d))
    shapes = turns * widths
    return _centres(rng, k, d, 6.5)[of] + np.einsum("nij,nj->ni", shapes[of], rng.normal(size=(n, d)))


def _heavy(rng, k, n, d):
    return _centres(rng, k, d, 7.0)[_members(rng, k, n)] + rng.standard_t(3, size=(n, d)) / np.sqrt(3)


def _skewed(rng, k, n, d):
    return _centres(rng, k, d, 6.5)[_members(rng, k, n)] + rng.gamma(1.0, 1.0, size=(n, d))


def _noise_columns(rng, k, n, d):
    return np.c_[_blobs(6.5)(rng, k, n, d), rng.normal(size=(n, max(1, d // 2))) * 3]


def _rounded(rng, k, n, d):
    return _blobs(6.5)(rng, k, n, d).round()


def _counts(rng, k, n, d):
    """Return counts from one up, segments apart on the square-root scale, where a count's spread is constant."""
    middles = _centres(rng, k, d, 3.0)
    rates = (middles - middles.min(axis=0)) ** 2 + 0.3
    return np.sqrt(1 + rng.poisson(rates[_members(rng, k, n)]))


def _one(draw: Callable) -> Callable:
    return lambda rng, k, n, d: draw(rng, n, d)


def _correlated(rng, n, d):
    return rng.normal(size=(n, d)) @ rng.normal(size=(d, d)) + 0.3 * rng.normal(size=(n, d))


SEGMENTED: dict[str, Callable] = {
    "far": _blobs(6.5),
    "mid": _blobs(4.5),
    "near": _blobs(3.2),
    "unequal sizes": _unequal,
    "elliptical": _elliptical,
    "heavy-tailed segments": _heavy,
    "skewed segments": _skewed,
    "noise columns": _noise_columns,
    "rounded": _rounded,
    "counts": _counts,
}

STRUCTURELESS: dict[str, Callable] = {
    "Gaussian": _one(lambda rng, n, d: rng.normal(size=(n, d))),
    "correlated": _one(_correlated),
    "uniform": _one(lambda rng, n, d: rng.uniform(size=(n, d))),
    "heavy tails": _one(lambda rng, n, d: rng.standard_t(3, size=(n, d))),
    "skewed": _one(lambda rng, n, d: rng.gamma(1.0, 1.0, size=(n, d))),
    "rounded Gaussian": _one(lambda rng, n, d: rng.normal(size=(n, d)).round()),
    "order counts": _one(lambda rng, n, d: 1 + rng.geometric(rng.uniform(0.3, 0.6, d), size=(n, d)) // 2),
    "order counts, log": _one(lambda rng, n, d: np.log1p(rng.geometric(rng.uniform(0.2, 0.6, d), size=(n, d)))),
}


def planted_sets(per_kind: int, seed: int) -> Iterator[PlantedSet]:
    """Yield `per_kind` sets of every kind, of 400 to 1,500 rows and 2 to 8 columns; k goes round from 2 to 8.

    >>> {each.true_k for each in planted_sets(7, seed=0)} == set(range(1, 9))
    True
    """
    for kind, make in (SEGMENTED | STRUCTURELESS).items():
        for number in range(per_kind):
            rng = np.random.default_rng([seed, sum(map(ord, kind)), number])
            true_k = 1 if kind in STRUCTURELESS else 2 + number % (MOST - 1)
            X = make(rng, true_k, int(rng.integers(400, 1501)), int(rng.integers(2, 9)))
            spread = X.std(axis=0)
            X = X[:, spread > 0]
            yield PlantedSet(kind, number, true_k, (X - X.mean(axis=0)) / X.std(axis=0))
