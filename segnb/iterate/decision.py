"""What to do next, with the reasons: keep, rescore, refit or redesign."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from segnb.iterate.changes import Changes, decompose, mobility
from segnb.iterate.drift import drift
from segnb.iterate.snapshot import Snapshot
from segnb.text import Finding, figure, label, listed, number, percent

_MOVED = 0.02
"""How far the customers who moved must exceed the noise floor for scoring everybody again, as a share."""

_BEYOND_NOISE = 0.05
"""How far the model's change must exceed the noise floor to call for a refit, as a share of customers."""

_UNLIKE = 0.05
"""A larger share of customers unlike anyone segmented before calls for a refit; 0.01 is to be expected."""

_MEANINGS = {
    "keep": "Nothing needs to be done: customers and segments are where they were.",
    "rescore": "Give every customer the segment of today with the model at hand; the segments themselves still hold.",
    "refit": "Fit the same number of segments again; the old centres no longer describe the customers.",
    "redesign": "Choose the segments again: those of then and now are not the same.",
}


@dataclass(frozen=True, repr=False)
class Decision(Finding):
    """What to do next.

    Attributes
    ----------
    decision : {"keep", "rescore", "refit", "redesign"}
    meaning : str
        The decision in a sentence.
    reasons : list of str
        Sentences with the figures that decided.
    compared_with : str
        The earlier segmentation, or "" if there was none.
    figures : dict of str to float
        What decided, for a program to read: shares of customers, and the number of features that drifted.

    Examples
    --------
    >>> decide(None).sentence()
    'keep: This run is the one that later runs are compared with.'
    """

    decision: str
    meaning: str
    reasons: list[str]
    compared_with: str
    figures: dict[str, float | None] = field(default_factory=dict)

    def sentence(self) -> str:
        """Return the decision and its meaning in one sentence."""
        return f"{self.decision}: {self.meaning}"


def decide(
    changes: Changes | None, drifts: pd.DataFrame | None = None, compared_with: str = "", why_not: str = ""
) -> Decision:
    """Return what to do next.

    redesign if a segment did not survive or is new; refit if the model's change exceeds the 95 % quantile of the noise
    by 5 % of the customers, or more than 5 % of the customers are unlike anyone before; rescore if the customers who
    moved exceed the mean noise by 2 %; keep otherwise.

    Parameters
    ----------
    changes : Changes or None
        None, or empty, if there is nothing to compare with.
    drifts : DataFrame, optional
        As returned by `drift`; named among the reasons.
    compared_with : str
        What to call the earlier segmentation.
    why_not : str
        Why there is nothing to compare with, if so.

    >>> decide(None).decision
    'keep'
    """
    if changes is None or changes.matches.empty:
        return Decision("keep", "This run is the one that later runs are compared with.", [why_not], "")
    decision = _rank(changes)
    return Decision(decision, _MEANINGS[decision], _reasons(changes, drifts), compared_with, _figures(changes, drifts))


def _calls_for_refit(changes: Changes) -> bool:
    """Return whether the model's change exceeds the noise floor by 5 % of the customers, or more are unlike anyone."""
    return changes.model > changes.noise_high + _BEYOND_NOISE or changes.unlike > _UNLIKE


def _rank(changes: Changes) -> str:
    if (changes.matches["fate"] != "survived").any():
        return "redesign"
    if _calls_for_refit(changes):
        return "refit"
    return "rescore" if changes.behaviour_excess >= _MOVED else "keep"


def _reasons(changes: Changes, drifts: pd.DataFrame | None) -> list[str]:
    reasons = [
        _fates_words(changes.matches["fate"].value_counts()),
        _behaviour_words(changes),
        f"Fitting the model again moves {percent(changes.model)} of the customers, {percent(changes.model_excess)} "
        f"beyond chance: refits on resamples move {percent(changes.noise)} on average and up to "
        f"{percent(changes.noise_high)}.",
        f"{percent(changes.unlike)} of the customers are unlike anyone segmented before (1% is to be expected), and "
        f"the mean distance to a centre is {number(changes.fit_ratio)} times the earlier one.",
    ]
    return reasons if drifts is None else [*reasons, _drift_words(drifts)]


def _fates_words(fates: pd.Series) -> str:
    if list(fates.index) == ["survived"]:
        return f"All {fates.iloc[0]} segments survived."
    return "Of the segments then and now, " + listed([f"{count} {fate}" for fate, count in fates.items()]) + "."


def _behaviour_words(changes: Changes) -> str:
    if np.isnan(changes.behaviour):
        return "No customer was there both times, so nobody can be seen to move."
    moved, beyond = percent(changes.behaviour), percent(changes.behaviour_excess)
    return f"{moved} of the customers there both times changed segment by what they did, {beyond} beyond chance."


def _drift_words(drifts: pd.DataFrame) -> str:
    drifted = drifts[drifts["drifted"]]
    most = drifted[["column", "before", "after"]].head(3).itertuples(index=False)
    names = [f"{label(name)} ({figure(name, before)} to {figure(name, after)})" for name, before, after in most]
    return f"{len(drifted)} of {len(drifts)} features drifted" + (f", most of all {listed(names)}." if names else ".")


def _figures(changes: Changes, drifts: pd.DataFrame | None) -> dict[str, float | None]:
    names = ["behaviour", "behaviour_excess", "model", "model_excess", "noise", "noise_high", "unlike", "fit_ratio"]
    found = {name: float(getattr(changes, name)) for name in names}
    known = {name: None if np.isnan(value) else value for name, value in found.items()}
    return known if drifts is None else known | {"features_drifted": int(drifts["drifted"].sum())}


def mobility_sentence(table: pd.DataFrame) -> str:
    """Return the mobility of a migration table in words, "" for an empty one.

    Parameters
    ----------
    table : DataFrame
        As returned by `migration`.

    >>> from segnb.iterate import migration
    >>> mobility_sentence(migration(pd.Series([1, 1, 2, 2]), pd.Series([1, 2, 2, 2])))
    'Mobility is 50%: 0% if nobody moved, 100% if today says nothing about before.'
    """
    moved = "" if table.empty else percent(mobility(table))
    return moved and f"Mobility is {moved}: 0% if nobody moved, 100% if today says nothing about before."


def replay(snapshots: Sequence[Snapshot], ages: Sequence[int], *, n_refits: int = 10, seed: int = 0) -> pd.DataFrame:
    """Return how well the first snapshot's model does on each later one, compared with a model fitted there.

    Parameters
    ----------
    snapshots : sequence of Snapshot
        The first, and later ones, each with a model of its own fitted to its own customers.
    ages : sequence of int
        Days from the first snapshot to each.
    n_refits : int, default 10
        Bootstrap refits for the noise floor.
    seed : int, default 0

    Returns
    -------
    DataFrame
        One row per later snapshot: `age` (days), `agreement` (adjusted Rand index of the old model and the refit on
        that snapshot's customers), `moved` (customers in another segment by the refit, segments matched), `noise` and
        `noise_high` (what refits on bootstrap samples move: mean and 95 % quantile), `unlike` (customers further from
        the old centres than 99 % were at first), `drift` (largest effect of a feature's drift, in standard deviations)
        and `holds` (neither `moved` exceeds `noise_high` by 5 % of the customers, nor are more than 5 % unlike).

    >>> from sklearn.cluster import KMeans
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> customers = pd.DataFrame({"spend": np.r_[0.0:100, 900:1000]})
    >>> pipeline = make_pipeline(StandardScaler()).fit(customers)
    >>> model = KMeans(2, init=[[-1.0], [1.0]]).fit(pipeline.transform(customers))
    >>> month = Snapshot(customers, ["spend"], pipeline, model)
    >>> replay([month, month], [0, 30])[["age", "moved", "holds"]].to_dict("records")
    [{'age': 30, 'moved': 0.0, 'holds': True}]
    """
    if not snapshots:
        return pd.DataFrame()
    first, rows = snapshots[0], []
    for age, later in zip(ages[1:], snapshots[1:]):
        changes = decompose(first, later, n_refits=n_refits, seed=seed)
        drifts = drift(first.customers, later.customers, first.columns, seed=seed)
        row = {name: getattr(changes, name) for name in ("agreement", "model", "noise", "noise_high", "unlike")}
        holds = not _calls_for_refit(changes)
        rows.append({"age": age} | row | {"drift": drifts["effect"].max(), "holds": holds})
    return pd.DataFrame(rows).rename(columns={"model": "moved"})


def refit_interval(replayed: pd.DataFrame) -> tuple[int, bool]:
    """Return after how many days to fit again, and whether the segmentation stopped holding within the replay.

    The last age up to which it held all the time; the first age where it did not hold at once.

    Parameters
    ----------
    replayed : DataFrame
        As returned by `replay`, at least one row.

    >>> refit_interval(pd.DataFrame({"age": [30, 60, 90], "holds": [True, False, True]}))
    (30, True)
    >>> refit_interval(pd.DataFrame({"age": [30, 60, 90], "holds": [True, True, True]}))
    (90, False)
    """
    holds, ages = replayed["holds"].to_numpy(dtype=bool), replayed["age"]
    kept = len(holds) if holds.all() else holds.argmin()
    return int(ages.iloc[max(kept - 1, 0)]), not holds.all()


def replay_sentence(replayed: pd.DataFrame) -> str:
    """Return how often to fit again, and why, in words; "" where nothing was replayed.

    Parameters
    ----------
    replayed : DataFrame
        As returned by `replay`.

    >>> table = pd.DataFrame({"age": [30], "holds": [True], "moved": [0.1], "noise_high": [0.08]})
    >>> replay_sentence(table)[-58:]
    'Fitting again is not needed more often than every 30 days.'
    """
    if replayed.empty:
        return ""
    days, broke = refit_interval(replayed)
    told = replayed[~replayed["holds"]].iloc[0] if broke else replayed.iloc[-1]
    age, moved, noise = int(told["age"]), percent(told["moved"]), percent(told["noise_high"])
    if broke:
        return (
            f"After {age} days the first model no longer held: a refit moves {moved} of the customers, chance alone up "
            f"to {noise}, and {percent(told['unlike'])} are unlike anyone before. Fit again every {days} days."
        )
    return (
        f"Replayed over {age} days, the first model held all the time: a refit moves {moved} of the customers at the "
        f"end, chance alone up to {noise}. Fitting again is not needed more often than every {days} days."
    )
