"""Synthetic sets whose number of segments is known: what the decision on k is tried on."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from segnb.prepare import prepare

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


def _eight_unequal(rng, k, n, d):
    return _unequal(rng, MOST, n, d)


def _figures(
    rng: np.random.Generator, rates: np.ndarray, amounts: np.ndarray, lasts: np.ndarray, wide: bool
) -> np.ndarray:
    """Return what step 1 makes, with its defaults, of a year of orders: recency, orders, spend, and more if `wide`.

    Orders come at random at each customer's yearly rate, from a first one on a random day until the customer drops
    out after `lasts` days; amounts are lognormal about each customer's own.
    """
    first = rng.uniform(0, 365, len(rates))
    active = np.minimum(365 - first, lasts)
    more = rng.poisson(rates * active / 365)
    last = first + np.where(more > 0, active * rng.beta(np.maximum(more, 1), 1), 0)
    spend = [rng.lognormal(amount, 0.5, count).sum() for amount, count in zip(amounts, 1 + more)]
    table = pd.DataFrame({"recency_days": np.floor(365 - last), "orders": 1.0 + more, "spend": np.round(spend, 2)})
    if wide:
        table["mean_order_value"] = table["spend"] / table["orders"]
        table["days_between_orders"] = np.where(more > 0, np.floor(last - first) / np.maximum(more, 1), np.nan)
        table["tenure_days"] = np.floor(365 - first)
    return prepare(table, list(table)).features.to_numpy()


def _population(wide: bool, drops_out: bool) -> Callable:
    """Return a maker of buyers without groups: rates gamma-distributed, amounts lognormal and a little tied to them."""

    def draw(rng, n, d):
        mean, shape = np.exp(rng.uniform(np.log(0.3), np.log(6))), rng.uniform(0.5, 2)
        rates = rng.gamma(shape, mean / shape, n)
        amounts = 3.4 + rng.uniform(0.2, 0.6) * rng.normal(size=n) + rng.uniform(0, 0.3) * np.log(rates + 0.1)
        lasts = rng.exponential(rng.uniform(60, 300), n) if drops_out else np.full(n, np.inf)
        return _figures(rng, rates, amounts, lasts, wide)

    return _one(draw)


def _buyers(rng, k, n, d):
    """Return what step 1 makes of buyers of a few kinds, apart in how often and for how much they buy."""
    kinds = np.array([(rate, amount) for rate in (4, 20, 90) for amount in (2.2, 3.7, 5.2)])
    rate, amount = kinds[rng.permutation(len(kinds))[:k][_members(rng, k, n, 0.08)]].T
    orders = np.maximum(rng.poisson(rate * rng.lognormal(0, 0.12, n)), 1)
    amounts = amount + 0.12 * rng.normal(size=n)
    spend = np.array([rng.lognormal(each, 0.4, count).sum() for each, count in zip(amounts, orders)])
    table = pd.DataFrame({"orders": orders.astype(float), "spend": spend, "mean_order_value": spend / orders})
    return prepare(table, list(table)).features.to_numpy()


def _block(levels: np.ndarray) -> np.ndarray:
    """Return a category one-hot, its columns together of variance 1."""
    hot = (levels[:, None] == np.unique(levels)).astype(float)
    return (hot - hot.mean(axis=0)) / np.sqrt(hot.var(axis=0).sum())


def _mixed(rng, k, n, d):
    """Return segments apart in numbers, with a category for every three columns that partly follows them."""
    of = _members(rng, k, n)
    numbers = _centres(rng, k, d + 2, 6.0)[of] + rng.normal(size=(n, d + 2))
    shares = rng.dirichlet(np.full(4, 0.8), (d // 3 + 1, k))
    levels = [np.array([rng.choice(4, p=own[segment]) for segment in of]) for own in shares]
    return np.hstack([(numbers - numbers.mean(axis=0)) / numbers.std(axis=0), *map(_block, levels)])


def _mixed_without(rng, n, d):
    numbers = _correlated(rng, n, d)
    levels = [rng.choice(4, n, p=rng.dirichlet(np.full(4, 2.0))) for _ in range(d // 3 + 1)]
    return np.hstack([(numbers - numbers.mean(axis=0)) / numbers.std(axis=0), *map(_block, levels)])


def _likert(rng, n, d):
    """Return answers from 1 to 5 that share an opinion more or less."""
    return np.clip(np.round(3 + rng.uniform(0, 1) * rng.normal(size=(n, 1)) + rng.normal(size=(n, d))), 1, 5)


def _binary(rng, n, d):
    return (rng.uniform(size=(n, d + 2)) < rng.uniform(0.15, 0.85, d + 2)).astype(float)


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
    "eight unequal": _eight_unequal,
    "buyers": _buyers,
    "mixed columns": _mixed,
    "many columns": _blobs(6.0),
    "large": _blobs(4.5),
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
    "one population of buyers": _population(wide=False, drops_out=False),
    "one that drops out": _population(wide=False, drops_out=True),
    "one in six figures": _population(wide=True, drops_out=False),
    "six figures, drops out": _population(wide=True, drops_out=True),
    "yes and no": _one(_binary),
    "Likert": _one(_likert),
    "mixed, none": _one(_mixed_without),
    "many columns, none": _one(_correlated),
    "large uniform": _one(lambda rng, n, d: rng.uniform(size=(n, d))),
}

_LARGE, _WIDE = ("large", "large uniform"), ("many columns", "many columns, none")
_PLAIN = ("mixed columns", "mixed, none")
"""Kinds whose columns have their scale already."""


def planted_sets(per_kind: int, seed: int) -> Iterator[PlantedSet]:
    """Yield `per_kind` sets of every kind; k goes round from 2 to 8.

    Of 300 to 1,500 rows and 2 to 8 columns, the large ones of 5,000 to 20,000 rows, the wide ones of 9 to 30 columns.

    >>> {each.true_k for each in planted_sets(7, seed=0)} == set(range(1, 9))
    True
    """
    for kind in SEGMENTED | STRUCTURELESS:
        for number in range(per_kind):
            yield planted_set(kind, number, seed)


def planted_set(kind: str, number: int, seed: int) -> PlantedSet:
    """Return one set."""
    rng = np.random.default_rng([seed, sum(map(ord, kind)), number])
    true_k = 1 if kind in STRUCTURELESS else MOST if kind == "eight unequal" else 2 + number % (MOST - 1)
    n_rows = rng.integers(5000, 20_001) if kind in _LARGE else rng.integers(300, 1501)
    n_columns = rng.integers(9, 31) if kind in _WIDE else rng.integers(2, 9)
    X = (SEGMENTED | STRUCTURELESS)[kind](rng, true_k, int(n_rows), int(n_columns))
    X = X[:, X.std(axis=0) > 0]
    return PlantedSet(kind, number, true_k, X if kind in _PLAIN else (X - X.mean(axis=0)) / X.std(axis=0))
