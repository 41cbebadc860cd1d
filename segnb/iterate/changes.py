"""Customers who moved, a model that moved, and the noise both are measured against: three things kept apart."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits

from segnb.disclosure import withheld_cells
from segnb.errors import DataError
from segnb.iterate.snapshot import Snapshot
from segnb.text import ENTRANTS, LEAVERS

OVERLAP = 0.5
"""A segment goes on in another if at least this share of its customers is found there."""


def match_segments(previous: pd.Series, current: pd.Series, known: Iterable[int] = ()) -> pd.DataFrame:
    """Return what became of each segment.

    Segments are paired one to one so that the sum of the Jaccard indices of their shared customers is largest
    (Kuhn, Naval Research Logistics 2, 1955); fates after MONIC (Spiliopoulou et al., KDD 2006).

    Parameters
    ----------
    previous, current : Series
        Segment of each customer, indexed by customer id; only customers in both count.
    known : iterable of int
        Previous segments; those without a customer here have vanished.

    Returns
    -------
    DataFrame
        `previous` and `current` (segment numbers, missing where there is none), `shared` (customers in both),
        `jaccard` (0 to 1), `overlap` (shared, as a share of the previous segment's) and `fate`: survived, split,
        merged, vanished or emerged.

    Raises
    ------
    DataError
        If no customer is in both.

    >>> before = pd.Series([1, 1, 1, 2, 2], index=list("abcde"))
    >>> match_segments(before, before.map({1: 2, 2: 1}))[["previous", "current", "fate"]].to_numpy().tolist()
    [[1, 2, 'survived'], [2, 1, 'survived']]
    """
    both = previous.index.intersection(current.index)
    if both.empty:
        raise DataError("the two segmentations share no customer; compare runs on the same customer ids")
    table = pd.crosstab(previous.loc[both].to_numpy(), current.loc[both].to_numpy())
    union = table.sum(axis=1).to_numpy()[:, None] + table.sum().to_numpy() - table.to_numpy()
    jaccard = pd.DataFrame(table.to_numpy() / union, index=table.index, columns=table.columns)
    pairs = {
        table.index[i]: table.columns[j]
        for i, j in zip(*linear_sum_assignment(-jaccard.to_numpy()))
        if jaccard.iloc[i, j] > 0
    }
    rows = [_old_row(segment, pairs.get(segment), table, jaccard) for segment in table.index]
    rows += [_lone_row("previous", segment, "vanished") for segment in sorted(set(known) - set(table.index))]
    rows += [_lone_row("current", segment, "emerged") for segment in table.columns if segment not in pairs.values()]
    return pd.DataFrame(rows).astype({"previous": "Int64", "current": "Int64"})


def withhold_matches(matches: pd.DataFrame, min_cell: int) -> pd.DataFrame:
    """Return the matches without the figures of pairs that share fewer than `min_cell` customers."""
    figures = matches[["shared", "jaccard", "overlap"]].astype(float)
    return matches.assign(**figures.mask(matches["shared"].between(1, min_cell - 1), axis=0))


def _old_row(segment: int, partner: int | None, table: pd.DataFrame, jaccard: pd.DataFrame) -> dict[str, object]:
    shares = table.loc[segment] / table.loc[segment].sum()
    shared = int(table.loc[segment, partner]) if partner is not None else 0
    return {
        "previous": segment,
        "current": pd.NA if partner is None else partner,
        "shared": shared,
        "jaccard": 0.0 if partner is None else float(jaccard.loc[segment, partner]),
        "overlap": 0.0 if partner is None else float(shares[partner]),
        "fate": _fate(shares, partner),
    }


def _fate(shares: pd.Series, partner: int | None) -> str:
    if partner is not None and shares[partner] >= OVERLAP:
        return "survived"
    if partner is None and shares.max() >= OVERLAP:
        return "merged"
    large = np.sort(shares.to_numpy())[::-1]
    if len(large) > 1 and large[1] >= OVERLAP / 2 and large[:2].sum() >= OVERLAP:
        return "split"
    return "vanished"


def _lone_row(side: str, segment: int, fate: str) -> dict[str, object]:
    nothing = {"previous": pd.NA, "current": pd.NA, "shared": 0, "jaccard": 0.0, "overlap": 0.0, "fate": fate}
    return nothing | {side: segment}


def migration(before: pd.Series, after: pd.Series) -> pd.DataFrame:
    """Return the numbers of customers by segment before and after.

    Parameters
    ----------
    before, after : Series
        Segment of each customer, indexed by customer id, numbered alike on both sides.

    Returns
    -------
    DataFrame of int
        One row per segment before and one for `entrants` (customers not there before), one column per segment
        after and one for `leavers` (customers no longer there).

    >>> migration(pd.Series([1, 2], index=["a", "b"]), pd.Series([1, 1], index=["a", "c"])).to_numpy().tolist()
    [[1, 0, 0], [0, 0, 1], [1, 0, 0]]
    """
    segments = sorted(set(before) | set(after))
    sides = pd.concat([before.rename("before"), after.rename("after")], axis=1, sort=False).astype(object)
    sides = sides.fillna({"before": ENTRANTS, "after": LEAVERS})
    table = pd.crosstab(sides["before"], sides["after"])
    return table.reindex(index=[*segments, ENTRANTS], columns=[*segments, LEAVERS], fill_value=0)


def mobility(table: pd.DataFrame) -> float:
    """Return Shorrocks' mobility of a migration table: 0 if nobody moves, 1 if today says nothing about before.

    (k - trace P)/(k - 1), with P the shares of those who are there both times (Shorrocks, Econometrica 46, 1978).

    >>> mobility(migration(pd.Series([1, 1, 2, 2]), pd.Series([1, 1, 2, 2])))
    0.0
    """
    inner = table.drop(index=ENTRANTS, columns=LEAVERS).to_numpy(dtype=float)
    filled = inner[inner.sum(axis=1) > 0]
    k = len(filled)
    if k < 2:
        return float("nan")
    own = np.diag(inner)[inner.sum(axis=1) > 0] / filled.sum(axis=1)
    return float((k - own.sum()) / (k - 1))


def withhold_small(table: pd.DataFrame, min_cell: int) -> pd.DataFrame:
    """Return the table without the counts that would tell of fewer than `min_cell` people, see `withheld_cells`.

    >>> withhold_small(pd.DataFrame({"a": [12, 3, 0], "b": [90, 30, 20]}), 10).to_numpy().tolist()
    [[nan, nan], [nan, nan], [0.0, nan]]
    """
    return table.astype(float).mask(withheld_cells(table.to_numpy(), min_cell))


def value_moved(
    before: pd.Series, after: pd.Series, value_before: pd.Series, value_after: pd.Series, *, min_cell: int = 10
) -> pd.DataFrame:
    """Return what the customers of each move were worth before and are worth now.

    Parameters
    ----------
    before, after : Series
        Segment of each customer, indexed by customer id, numbered alike on both sides.
    value_before, value_after : Series
        For instance each customer's spend, same indices.
    min_cell : int, default 10
        Moves that would tell of fewer customers, see `withheld_cells`, have no figures.

    Returns
    -------
    DataFrame
        One row per move that happened: `before`, `after` (segments, "entrants" or "leavers"), `customers`,
        `value_before` and `value_after` (sums; 0 for those who were or are not there), and `change`.

    >>> one, two = pd.Series([1, 1], index=["a", "b"]), pd.Series([1, 2], index=["a", "b"])
    >>> value_moved(one, two, one * 10.0, two * 30.0, min_cell=1)["change"].tolist()
    [20.0, 50.0]
    """
    counts = migration(before, after)
    hidden = counts.mask(withheld_cells(counts.to_numpy(), min_cell)).isna().stack()
    sides = pd.concat({"before": before, "after": after, "then": value_before, "now": value_after}, axis=1, sort=False)
    sides = sides.astype({"before": object, "after": object}).fillna({"before": ENTRANTS, "after": LEAVERS})
    groups = sides.groupby(["before", "after"], sort=False)
    table = groups.agg(customers=("before", "size"), value_before=("then", "sum"), value_after=("now", "sum"))
    table = table.assign(change=table["value_after"] - table["value_before"]).astype(float)
    moves = hidden.index[hidden.index.isin(table.index)]
    table = table.loc[moves].where(~hidden[moves], axis=0)
    return table.rename_axis(["before", "after"]).reset_index()


def migration_shares(table: pd.DataFrame) -> pd.DataFrame:
    """Return each row of a migration table as shares of the row, missing for an empty row."""
    totals = table.sum(axis=1)
    return table.div(totals.where(totals > 0), axis=0)


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
