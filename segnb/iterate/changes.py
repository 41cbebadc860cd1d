"""Customers who moved, a model that moved, and the noise both are measured against: three things kept apart."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits

from segnb.iterate.matching import match_segments
from segnb.iterate.snapshot import Snapshot

N_REFITS = 20
"""Bootstrap refits that the noise floor is measured on."""

NOISE_ROWS = 20_000
"""Customers that they are fitted to at most; with fewer customers than there are the floor is rather too high."""


@dataclass(frozen=True)
class Changes:
    """What changed between two snapshots, each as a share of customers in another segment.

    Attributes
    ----------
    before, after : Series
        The old model's segments of the old and of the new customers, in today's numbers; an old segment that
        has no counterpart today is numbered after them.
    behaviour : float
        Customers in both snapshots whom the old model puts elsewhere now: they changed; NaN if nobody is in both.
    model : float
        New customers whom the new model, its segments matched, puts elsewhere than the old one: the model changed.
    noise : float
        The same between the new model and refits on bootstrap samples, on average: what chance alone does.
    noise_high : float
        The 95 % quantile of that noise.
    fit_ratio : float
        Mean distance to the nearest old centre, new customers over old; above 1 the old model fits worse.
    unlike : float
        New customers further from the old centres than 99 % of the old ones were, outlying values not pulled in.
    matches : DataFrame
        Old segments matched to new ones on the new customers, as returned by `match_segments`.
    """

    before: pd.Series
    after: pd.Series
    behaviour: float
    model: float
    noise: float
    noise_high: float
    fit_ratio: float
    unlike: float
    matches: pd.DataFrame

    @property
    def behaviour_excess(self) -> float:
        """How far `behaviour` exceeds the mean noise; 0 if it does not."""
        return _excess(self.behaviour, self.noise)

    @property
    def model_excess(self) -> float:
        """How far `model` exceeds the mean noise; 0 if it does not."""
        return _excess(self.model, self.noise)

    def causes(self) -> pd.DataFrame:
        """Return `share`, `chance` and `excess` (share beyond chance) of the two causes, behaviour and model."""
        rows = {"behaviour": (self.behaviour, self.behaviour_excess), "model": (self.model, self.model_excess)}
        table = pd.DataFrame.from_dict(rows, orient="index", columns=["share", "excess"])
        return table.assign(chance=table["share"] - table["excess"])[["share", "chance", "excess"]]


def _excess(share: float, noise: float) -> float:
    return share if np.isnan(share) else max(share - noise, 0.0)


def decompose(previous: Snapshot, current: Snapshot, *, n_refits: int = N_REFITS, seed: int = 0) -> Changes:
    """Return what changed: behaviour, model and noise floor, never mixed.

    Behaviour is the old model on old and on new data; model is the old and the new model on the same new data;
    noise is the new model against refits of itself on bootstrap samples of the new data.

    Parameters
    ----------
    previous, current : Snapshot
    n_refits : int, default 20
        Bootstrap refits for the noise floor.
    seed : int, default 0
    """
    before, after = previous.assign(previous.customers), previous.assign(current.customers)
    new = current.assign(current.customers)
    matches = match_segments(after, new, known=previous.numbers)
    today = _todays_numbers(matches)
    both = before.index.intersection(after.index)
    noise = _noise(current, n_refits, seed)
    old_distances, new_distances = previous.distances(previous.customers), previous.distances(current.customers)
    return Changes(
        before=before.map(today),
        after=after.map(today),
        behaviour=float((before.loc[both] != after.loc[both]).mean()) if len(both) else float("nan"),
        model=share_moved(after, new),
        noise=float(np.mean(noise)),
        noise_high=float(np.quantile(noise, 0.95)),
        fit_ratio=float(new_distances.mean() / old_distances.mean()) if old_distances.mean() > 0 else float("nan"),
        unlike=float(previous.unlike(current.customers).mean()),
        matches=matches,
    )


def share_moved(one: pd.Series, other: pd.Series) -> float:
    """Return the share of customers in another segment after the segments of both sides are matched.

    >>> share_moved(pd.Series([1, 1, 2, 2]), pd.Series([2, 2, 1, 2]))
    0.25
    """
    matched = match_segments(one, other).dropna(subset=["previous", "current"])
    renamed = one.map(dict(zip(matched["previous"].astype(int), matched["current"].astype(int))))
    return float((renamed != other).mean())


def _todays_numbers(matches: pd.DataFrame) -> dict[int, int]:
    """Return the number of today for each old segment; one without a counterpart keeps its own if that is free."""
    old = matches.dropna(subset="previous").set_index("previous")["current"]
    numbers = {int(segment): int(counterpart) for segment, counterpart in old.dropna().items()}
    taken = {*numbers.values(), *matches["current"].dropna().astype(int)}
    for segment in old.index[old.isna()].astype(int):
        numbers[segment] = segment if segment not in taken else max(taken) + 1
        taken.add(numbers[segment])
    return numbers


def _noise(current: Snapshot, n_refits: int, seed: int) -> list[float]:
    features = current.features(current.customers)
    if len(features) > NOISE_ROWS:
        features = features.sample(NOISE_ROWS, random_state=seed)
    own = pd.Series(current.model.predict(features) + 1, index=features.index)
    k = len(current.model.cluster_centers_)
    moved = []
    with threadpool_limits(1):
        for number in range(n_refits):
            rows = np.random.default_rng([seed, number]).integers(len(features), size=len(features))
            refit = KMeans(k, n_init=3, random_state=seed + number).fit(features.iloc[rows])
            moved.append(share_moved(own, pd.Series(refit.predict(features) + 1, index=features.index)))
    return moved
