"""What drifted, how often to fit again, and what to do next."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.stats import chi2, chi2_contingency, wasserstein_distance

from segnb.iterate.changes import Changes, mobility
from segnb.tables import as_levels, as_table, holm
from segnb.text import IS, Finding, figure, label, percent, prose, sentences

BINS = 10
SMALL = 500
"""Below this many rows on either side the p-value comes from permutations."""

_N_PERMUTATIONS = 999


def drift(
    previous: ArrayLike, current: ArrayLike, columns: list[str] | None = None, *, level: float = 0.05, seed: int = 0
) -> pd.DataFrame:
    """Return how far each column has shifted between two tables.

    Parameters
    ----------
    previous, current : DataFrame or array of shape (n_customers, n_columns)
        Customers in original units; an array's columns are called x0, x1, ….
    columns : list of str, default all
        Columns of both, numbers or categories.
    level : float, default 0.05
        Chance of a false alarm over all columns together, 0 to 1.
    seed : int, default 0
        For the permutations of small tables.

    Returns
    -------
    DataFrame
        `column`, `before` and `after` (means), `psi` (population stability index), `p` and `p_holm` (corrected
        for the number of columns; Holm 1979), `effect` (Wasserstein distance in standard deviations of before)
        and `drifted`; of no columns, an empty table. A category's row is called after the level whose share changed
        most, `before` and `after` are its shares, p is that of a χ² test, and `effect` is Cohen's w.

    Notes
    -----
    Without drift, PSI / (1/n + 1/m) follows a χ² distribution with one degree of freedom less than bins
    (Yurdakul and Naranjo, J. Risk Model Validation 14, 2020), so the cut-off shrinks with the sample; fixed ones
    of 0.1 and 0.25 do not.

    >>> table = pd.DataFrame({"a": np.arange(1000.0)})
    >>> drift(table, table + 300, ["a"])["drifted"].tolist()
    [True]
    """
    previous, current = as_table(previous), as_table(current)
    columns = list(previous) if columns is None else columns
    if not columns:
        return pd.DataFrame()
    table = pd.DataFrame([_any_drift(name, previous[name], current[name], seed) for name in columns])
    table.insert(5, "p_holm", holm(table["p"].to_numpy()))
    table["drifted"] = table["p_holm"] < level
    return table.sort_values("effect", ascending=False, ignore_index=True)


def population_stability(previous: np.ndarray, current: np.ndarray) -> tuple[float, int]:
    """Return the population stability index over deciles of `previous`, and the number of bins.

    The sum of (q - p)·ln(q/p) over the bins' shares; half a customer is added to each bin so that empty ones
    count. Tied values share a bin, so there may be fewer than ten.

    >>> population_stability(np.arange(100.0), np.arange(100.0))
    (0.0, 10)
    """
    deciles = np.unique(np.quantile(previous, np.linspace(0, 1, BINS + 1)[1:-1], method="inverted_cdf"))
    edges = deciles[deciles < previous.max()]
    bins = len(edges) + 1
    counts = [np.bincount(np.searchsorted(edges, side), minlength=bins) for side in (previous, current)]
    return _psi(*counts), bins


def _any_drift(name: str, previous: pd.Series, current: pd.Series, seed: int) -> dict[str, object]:
    if pd.api.types.is_numeric_dtype(previous):
        return _column_drift(name, previous, current, seed)
    sides = {side: as_levels(column).value_counts() for side, column in (("old", previous), ("new", current))}
    counts = pd.DataFrame(sides).fillna(0)
    shares = counts / counts.sum()
    p, q = (_smoothed(counts[side].to_numpy()) for side in counts)
    level = (shares["new"] - shares["old"]).abs().idxmax()
    told = {"column": f"{name}{IS}{level}", "before": shares["old"][level], "after": shares["new"][level]}
    chance = chi2_contingency(counts, correction=False).pvalue if len(counts) > 1 else 1.0
    return told | {"psi": _psi(*counts.to_numpy().T), "p": chance, "effect": float(np.sqrt(np.sum((q - p) ** 2 / p)))}


def _column_drift(name: str, previous: pd.Series, current: pd.Series, seed: int) -> dict[str, object]:
    old, new = (side.dropna().to_numpy(dtype=float) for side in (previous, current))
    row = {"column": name, "before": previous.mean(), "after": current.mean()}
    if not len(old) or not len(new):
        return row | {"psi": np.nan, "p": 1.0, "effect": np.nan}
    psi, bins = population_stability(old, new)
    spread = old.std()
    effect = wasserstein_distance(old, new) / spread if spread > 0 else float(old[0] != new.mean())
    return row | {"psi": psi, "p": _p_value(old, new, psi, bins, seed), "effect": effect}


def _p_value(old: np.ndarray, new: np.ndarray, psi: float, bins: int, seed: int) -> float:
    if bins < 2:
        return 1.0 if psi == 0 else 0.0
    if min(len(old), len(new)) >= SMALL:
        return float(chi2.sf(psi / (1 / len(old) + 1 / len(new)), bins - 1))
    rng, both = np.random.default_rng(seed), np.concatenate([old, new])
    drawn = [population_stability(*np.split(rng.permutation(both), [len(old)]))[0] for _ in range(_N_PERMUTATIONS)]
    return float((1 + np.sum(np.array(drawn) >= psi)) / (1 + _N_PERMUTATIONS))


def _smoothed(counts: np.ndarray) -> np.ndarray:
    """Return shares with half a customer added to each bin."""
    return (counts + 0.5) / (counts + 0.5).sum()


def _psi(old: np.ndarray, new: np.ndarray) -> float:
    p, q = _smoothed(old), _smoothed(new)
    return float(np.sum((q - p) * np.log(q / p)))


_MOVED = 0.02
"""How far the customers who moved must exceed the noise floor for scoring everybody again, as a share."""

_BEYOND_NOISE = 0.05
"""How far the model's change must exceed the noise floor to call for a refit, as a share of customers."""

_UNLIKE = 0.05
"""A larger share of customers unlike anyone segmented before calls for a refit; 0.01 is to be expected."""

_WORDS = prose(__file__)

_MEANINGS = {
    "keep": "Nothing needs to be done: no more has changed than chance explains.",
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
    fates = changes.matches["fate"].value_counts()
    most = drifts[drifts["drifted"]][["column", "before", "after"]].head(3) if drifts is not None else pd.DataFrame()
    drifted = [f"{label(name)} ({figure(name, old)} to {figure(name, new)})" for name, old, new in most.to_numpy()]
    fated = [f"{count} {fate}" for fate, count in fates.items()]
    return sentences(_WORDS.reasons(changes=changes, fates=fates, fated=fated, drifts=drifts, drifted=drifted))


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
