"""Customers who moved, a model that moved, and the noise both are measured against: three things kept apart."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.optimize import linear_sum_assignment
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score
from sklearn.metrics.cluster import contingency_matrix
from threadpoolctl import threadpool_limits

from segnb.errors import DataError
from segnb.iterate.snapshot import Snapshot
from segnb.text import ENTRANTS, LEAVERS

_OVERLAP = 0.5
"""A segment survives in another if at least this share of its customers is found there."""

_UNMATCHED = {"previous": pd.NA, "current": pd.NA, "shared": 0, "jaccard": 0.0, "overlap": 0.0}
"""What is said of a segment without a counterpart."""


def match_segments(previous: ArrayLike, current: ArrayLike, known: Iterable = ()) -> pd.DataFrame:
    """Return what became of each segment.

    Segments are paired one to one so that the sum of the Jaccard indices of their shared customers is largest
    (Kuhn, Naval Research Logistics 2, 1955); fates after MONIC (Spiliopoulou et al., KDD 2006).

    Parameters
    ----------
    previous, current : Series or array
        Segment of each customer, numbers or texts; Series are matched by their index, for instance the customer id,
        and only customers in both count.
    known : iterable, default none
        Previous segments; those without a customer here have vanished.

    Returns
    -------
    DataFrame
        `previous` and `current` (segments, missing where there is none), `shared` (customers in both), `jaccard`
        (0 to 1), `overlap` (shared, as a share of the previous segment's) and `fate`: survived, split, merged,
        vanished or emerged.

    Raises
    ------
    DataError
        If no customer is in both.

    >>> before = pd.Series([1, 1, 1, 2, 2], index=list("abcde"))
    >>> match_segments(before, before.map({1: 2, 2: 1}))[["previous", "current", "fate"]].to_numpy().tolist()
    [[1, 2, 'survived'], [2, 1, 'survived']]
    """
    previous = pd.Series(previous)
    current = current if isinstance(current, pd.Series) else pd.Series(current, index=previous.index)
    both = previous.index.intersection(current.index)
    if both.empty:
        raise DataError("the two segmentations share no customer; compare runs on the same customer ids")
    table = pd.crosstab(previous.loc[both].to_numpy(), current.loc[both].to_numpy())
    pairs = {table.index[i]: table.columns[j] for i, j in _paired(table.to_numpy())}
    rows = [_what_became(segment, pairs.get(segment), table) for segment in table.index]
    rows += [_UNMATCHED | {"previous": old, "fate": "vanished"} for old in sorted(set(known) - set(table.index))]
    rows += [_UNMATCHED | {"current": new, "fate": "emerged"} for new in table.columns if new not in pairs.values()]
    matches = pd.DataFrame(rows)
    return matches.assign(**matches[["previous", "current"]].convert_dtypes())


def _paired(counts: np.ndarray) -> list[tuple[int, int]]:
    """Return which rows and columns of a table of shared customers belong together."""
    jaccard = counts / (counts.sum(axis=1, keepdims=True) + counts.sum(axis=0) - counts)
    return [(i, j) for i, j in zip(*linear_sum_assignment(-jaccard)) if jaccard[i, j] > 0]


def _what_became(segment: object, partner: object | None, table: pd.DataFrame) -> dict[str, object]:
    own = table.loc[segment]
    row = _UNMATCHED | {"previous": segment, "fate": _fate(own / own.sum(), partner)}
    if partner is None:
        return row
    shared, union = int(own[partner]), own.sum() + table[partner].sum() - own[partner]
    return row | {"current": partner, "shared": shared, "jaccard": shared / union, "overlap": shared / own.sum()}


def _fate(shares: pd.Series, partner: object | None) -> str:
    if partner is not None and shares[partner] >= _OVERLAP:
        return "survived"
    if partner is None and shares.max() >= _OVERLAP:
        return "merged"
    large = np.sort(shares.to_numpy())[::-1]
    if len(large) > 1 and large[1] >= _OVERLAP / 2 and large[:2].sum() >= _OVERLAP:
        return "split"
    return "vanished"


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
    segments, sides = sorted(set(before) | set(after)), _sides(before=before, after=after)
    table = pd.crosstab(sides["before"], sides["after"])
    if not segments:
        return pd.DataFrame()
    return table.reindex(index=[*segments, ENTRANTS], columns=[*segments, LEAVERS], fill_value=0)


def _sides(**sides: pd.Series) -> pd.DataFrame:
    """Return each customer's side before and after; those missing on one are entrants or leavers."""
    table = pd.concat(sides, axis=1, sort=False).astype({"before": object, "after": object})
    return table.fillna({"before": ENTRANTS, "after": LEAVERS})


def compared_with(previous: Snapshot, current: Snapshot) -> str:
    """Return what is compared with what, in words.

    Parameters
    ----------
    previous, current : Snapshot

    >>> from dataclasses import replace
    >>> from segnb.iterate import NOTHING_BEFORE
    >>> june = replace(NOTHING_BEFORE, customers=pd.DataFrame({"spend": [1.0, 2, 3]}), label="june")
    >>> compared_with(june, june)
    'Compared with june: 3 customers then, 3 now.'
    """
    if previous.customers.empty:
        return "Nothing to compare with."
    return (
        f"Compared with {previous.label}: {len(previous.customers):,} customers then, {len(current.customers):,} now."
    )


def mobility(table: pd.DataFrame) -> float:
    """Return Shorrocks' mobility of a migration table: 0 if nobody moves, 1 if today says nothing about before.

    (k - trace P)/(k - 1), with P the shares of those who are there both times (Shorrocks, Econometrica 46, 1978).

    Parameters
    ----------
    table : DataFrame
        As returned by `migration`.

    >>> mobility(migration(pd.Series([1, 1, 2, 2]), pd.Series([1, 1, 2, 2])))
    0.0
    """
    inner = table.drop(index=ENTRANTS, columns=LEAVERS).to_numpy(dtype=float)
    there = inner.sum(axis=1) > 0
    k, stayed = there.sum(), np.diag(inner)[there] / inner[there].sum(axis=1)
    return float((k - stayed.sum()) / (k - 1)) if k > 1 else float("nan")


def value_moved(
    before: pd.Series, after: pd.Series, value_before: pd.Series | None, value_after: pd.Series | None
) -> pd.DataFrame:
    """Return what the customers of each move were worth before and are worth now.

    Parameters
    ----------
    before, after : Series
        Segment of each customer, indexed by customer id, numbered alike on both sides.
    value_before, value_after : Series
        For instance each customer's spend, same indices; without one of them the table is empty.

    Returns
    -------
    DataFrame
        One row per move that happened: `before`, `after` (segments, "entrants" or "leavers"), `customers`,
        `value_before` and `value_after` (sums; 0 for those who were or are not there), and `change`.

    >>> one, two = pd.Series([1, 1], index=["a", "b"]), pd.Series([1, 2], index=["a", "b"])
    >>> value_moved(one, two, one * 10.0, two * 30.0)["change"].tolist()
    [20.0, 50.0]
    """
    if value_before is None or value_after is None or before.empty:
        return pd.DataFrame()
    moves = migration(before, after).stack()
    sides = _sides(before=before, after=after, then=value_before, now=value_after)
    groups = sides.groupby(["before", "after"], sort=False)
    table = groups.agg(customers=("before", "size"), value_before=("then", "sum"), value_after=("now", "sum"))
    table = table.assign(change=table["value_after"] - table["value_before"]).astype(float)
    return table.loc[moves.index[moves > 0]].rename_axis(["before", "after"]).reset_index()


_N_REFITS = 20
"""Bootstrap refits that the noise floor is measured on."""

_NOISE_ROWS = 20_000
"""They are fitted to this many customers at most; a sample makes the floor too high rather than too low."""


@dataclass(frozen=True)
class Changes:
    """What changed between two snapshots, each as a share of customers in another segment.

    Attributes
    ----------
    before, after : Series
        The old model's segments of the old and of the new customers, in today's numbers; an old segment that
        has no counterpart today is numbered after them.
    behaviour : float
        Customers in both snapshots that the old model puts elsewhere now: they changed; NaN if nobody is in both.
    model : float
        New customers that the new model, its segments matched, puts elsewhere than the old one: the model changed.
    noise : float
        The same between the new model and refits on bootstrap samples, on average: what chance alone does.
    noise_high : float
        The 95 % quantile of that noise.
    fit_ratio : float
        Mean distance to the nearest old centre, new customers over old; above 1 the old model fits worse.
    unlike : float
        New customers further from the old centres than 99 % of the old ones were, outlying values not pulled in.
    agreement : float
        Adjusted Rand index of the old and the new model on the new customers, at most 1.
    matches : DataFrame
        Old segments matched to new ones on the new customers, as returned by `match_segments`.

    Examples
    --------
    >>> nobody = pd.Series(dtype=int)
    >>> found = Changes(nobody, nobody, 0.3, 0.1, 0.05, 0.08, 1.0, 0.0, 0.9, pd.DataFrame())
    >>> found.causes().round(2).to_numpy().tolist()
    [[0.3, 0.05, 0.25], [0.1, 0.05, 0.05]]
    """

    before: pd.Series
    after: pd.Series
    behaviour: float
    model: float
    noise: float
    noise_high: float
    fit_ratio: float
    unlike: float
    agreement: float
    matches: pd.DataFrame

    @property
    def behaviour_excess(self) -> float:
        """How far `behaviour` exceeds the mean noise; 0 if it does not, NaN if that is."""
        return max(self.behaviour - self.noise, 0.0)

    @property
    def model_excess(self) -> float:
        """How far `model` exceeds the mean noise; 0 if it does not."""
        return max(self.model - self.noise, 0.0)

    def causes(self) -> pd.DataFrame:
        """Return `share`, `chance` and `excess` (share beyond chance) of the two causes, behaviour and model."""
        share = pd.Series({"behaviour": self.behaviour, "model": self.model})
        excess = pd.Series({"behaviour": self.behaviour_excess, "model": self.model_excess})
        return pd.DataFrame({"share": share, "chance": share - excess, "excess": excess})


def decompose(previous: Snapshot, current: Snapshot, *, n_refits: int = _N_REFITS, seed: int = 0) -> Changes:
    """Return what changed: behaviour, model and noise floor, never mixed.

    Behaviour is the old model on old and on new data; model is the old and the new model on the same new data;
    noise is the new model against refits of itself on bootstrap samples of the new data.

    Parameters
    ----------
    previous, current : Snapshot
        Of a snapshot of nobody nothing is known: no segments, no matches, figures missing.
    n_refits : int, default 20
        Bootstrap refits for the noise floor.
    seed : int, default 0

    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> customers = pd.DataFrame({"spend": [1.0, 2, 3, 80, 90, 95]}, index=list("abcdef"))
    >>> pipeline = make_pipeline(StandardScaler()).fit(customers)
    >>> model = KMeans(2, init=[[-1.0], [1.0]]).fit(pipeline.transform(customers))
    >>> june = Snapshot(customers, ["spend"], pipeline, model, label="june")
    >>> july = Snapshot(customers.replace(2.0, 99.0), ["spend"], pipeline, model, label="july")
    >>> round(decompose(june, july).behaviour, 2)
    0.17
    """
    if previous.customers.empty:
        nobody = pd.Series(dtype=int)
        return Changes(nobody, nobody, *[float("nan")] * 7, matches=pd.DataFrame())
    features = current.features(current.customers)
    by_old, new = previous.features(current.customers), current.segments(features)
    (before, distance), after = previous.own, previous.segments(by_old)
    matches = match_segments(after, new, known=previous.numbers)
    today, both = _todays_numbers(matches), before.index.intersection(after.index)
    noise = _noise(current.model, features, n_refits, seed)
    return Changes(
        before=before.map(today),
        after=after.map(today),
        behaviour=float((before.loc[both] != after.loc[both]).mean()) if len(both) else float("nan"),
        model=_share_moved(after, new),
        noise=float(np.mean(noise)),
        noise_high=float(np.quantile(noise, 0.95)),
        fit_ratio=float(previous.distances(by_old).mean() / distance) if distance > 0 else float("nan"),
        unlike=float(previous.unlike(current.customers).mean()),
        agreement=float(adjusted_rand_score(after, new)),
        matches=matches,
    )


def _share_moved(one: ArrayLike, other: ArrayLike) -> float:
    """Return the share of customers in another segment after the segments of both sides are matched.

    >>> _share_moved([1, 1, 2, 2], [2, 2, 1, 2])
    0.25
    """
    counts = contingency_matrix(one, other)
    stayed = sum(counts[pair] for pair in _paired(counts))
    return float((counts.sum() - stayed) / counts.sum())


def _todays_numbers(matches: pd.DataFrame) -> dict[int, int]:
    """Return the number of today for each old segment; one without a counterpart keeps its own if that is free."""
    old = matches.dropna(subset="previous").set_index("previous")["current"]
    numbers = {int(segment): int(counterpart) for segment, counterpart in old.dropna().items()}
    taken = {*numbers.values(), *matches["current"].dropna().astype(int)}
    for segment in old.index[old.isna()].astype(int):
        numbers[segment] = segment if segment not in taken else max(taken) + 1
        taken.add(numbers[segment])
    return numbers


def _noise(model: KMeans, features: pd.DataFrame, n_refits: int, seed: int) -> list[float]:
    """Return the share of customers that each refit on a bootstrap sample moves."""
    if len(features) > _NOISE_ROWS:
        features = features.sample(_NOISE_ROWS, random_state=seed)
    own, matrix, moved = model.predict(features), features.to_numpy(), []
    with threadpool_limits(1):
        for number in range(n_refits):
            rows = np.random.default_rng([seed, number]).integers(len(matrix), size=len(matrix))
            refit = KMeans(len(model.cluster_centers_), n_init=3, random_state=seed + number).fit(matrix[rows])
            moved.append(_share_moved(own, refit.predict(matrix)))
    return moved
