"""Checks of learners' answers: each tests a property that must be true, and gives a hint where it isn't.

No check raises: an answer that cannot be looked at gets a hint as well. Where several answers are right, all of them
pass; the segments' numbers never matter.
"""

from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import f_oneway
from sklearn.base import clone
from sklearn.metrics import adjusted_rand_score

from segnb.cluster import fit_segments
from segnb.iterate import Changes, Snapshot
from segnb.notebook.show import Text
from segnb.paths import find_file

_WISHES = ("loyal", "potential", "premium", "best", "vip", "valuable", "champion")
"""Words that say what we hope for, and not what customers do."""


def _check(judge: Callable[..., str]) -> Callable[..., Text]:
    """Turn a function that returns a hint, or "" if the answer is right, into a check."""

    @wraps(judge)
    def check(answer: Any, *given: Any) -> Text:
        if answer is ...:
            return Text("Not answered yet: put your answer in place of the three dots, then run the cell again.")
        try:
            hint = judge(answer, *given)
        except Exception:
            hint = f"an answer of type {type(answer).__name__} cannot be looked at here; read the task's last sentence."
        return Text(f"Hint: {hint}" if hint else "✓ Right.")

    return check


def _near(answer: Any, right: float, hint: str, within: float = 0.005) -> str:
    return "" if abs(float(answer) - right) <= within * max(1, abs(right)) else hint


@_check
def check_skewness(answer: pd.Series, features: pd.DataFrame) -> str:
    """Check the skewness of each feature; any order, any usual formula."""
    found, right = pd.Series(answer).astype(float), features.astype(float).skew()
    if missing := set(right.index) - set(found.index):
        return f"{len(missing)} features have no figure; pandas' skew() gives one to each."
    return "" if np.allclose(found[right.index], right, atol=0.05) else "is it the features' skewness, and not another?"


@_check
def check_recent(answer: int, customers: pd.DataFrame) -> str:
    """Check how many customers ordered within the last 90 days."""
    right = int((customers["recency_days"] < 90).sum())
    return _near(answer, right, "recency_days is the time since the last order; count those below 90.", 0)


@_check
def check_pair(answer: Iterable[str], features: pd.DataFrame) -> str:
    """Check the two features that say most nearly the same; either order."""
    strength = features.astype(float).corr().abs().to_numpy(copy=True)
    np.fill_diagonal(strength, 0)
    right = {features.columns[place] for place in np.unravel_index(strength.argmax(), strength.shape)}
    return "" if set(answer) == right else "look for the darkest cell off the diagonal of the correlations."


@_check
def check_largest_silhouette(answer: int, evidence: pd.DataFrame) -> str:
    """Check the k with the largest silhouette."""
    right = evidence.set_index("k")["silhouette"].idxmax()
    return "" if int(answer) == right else "the maximum counts, not a knee; k = 1 has no silhouette."


@_check
def check_elbow(answer: int, evidence: pd.DataFrame) -> str:
    """Check the k at which an elbow is seen; people and knee finders differ, so any k inside the range is one."""
    inside = evidence["k"].min() < int(answer) < evidence["k"].max()
    return "" if inside else "where does the line bend? Name a k between the smallest and the largest."


@_check
def check_twin(answer: Any) -> str:
    """Check what is said of customers without any groups: one segment, or any verdict but "natural"."""
    word = str(getattr(answer, "verdict", answer)).strip().lower()
    hint = "the twin was drawn from one cloud; which verdict, or which k, says that there is nothing to find?"
    return "" if word in ("1", "none", "constructed", "reproducible") else hint


@_check
def check_agreement(answer: float, segments: pd.Series, features: pd.DataFrame, k: int, seed: int) -> str:
    """Check the agreement with a fit from another seed; how segments are numbered does not matter."""
    other = fit_segments(features, k, seed=seed + 1).labels_
    hint = "adjusted_rand_score of the segments here and the labels of the other fit; it is at most 1."
    return _near(answer, adjusted_rand_score(segments, other), hint, 0.05)


@_check
def check_border(answer: float, confidence: pd.Series) -> str:
    """Check the share of customers on the border."""
    hint = "a confidence below 0.1 is the border; the mean of true and false is a share."
    return _near(answer, float((confidence < 0.1).mean()), hint)


@_check
def check_names(answer: dict, segments: Iterable[int]) -> str:
    """Check names: one for each segment, no two alike, and none that is a wish."""
    names = {int(number): str(name).strip() for number, name in dict(answer).items()}
    if missing := set(segments) - set(names):
        return f"segment {min(missing)} has no name yet."
    if len(set(names.values())) < len(names) or not all(names.values()):
        return "two segments that are called alike will be mixed up."
    wishes = [name for name in names.values() if any(wish in name.lower() for wish in _WISHES)]
    return f"{wishes[0]!r} says what we hope for; what do these customers do?" if wishes else ""


@_check
def check_p_value(answer: float, feature: pd.Series, segments: pd.Series) -> str:
    """Check the p-value of an analysis of variance on a feature that made the segments."""
    right = f_oneway(*(feature[segments == each] for each in sorted(segments.unique()))).pvalue
    found = float(getattr(answer, "pvalue", answer))
    return "" if found <= max(10 * right, 1e-10) else "f_oneway takes one list of values per segment."


@_check
def check_cause(answer: str, changes: Changes) -> str:
    """Check which moved more customers, what they did or the fit."""
    right = "behaviour" if changes.behaviour >= changes.model else "model"
    return "" if str(answer).strip().lower() == right else "which of the two coloured bars is the longer one?"


def scaler_month(now: Snapshot) -> pd.Series:
    """Return segments in a month in which nobody did anything and only the pipeline was fitted again.

    It is fitted to the half of the customers who came last, the centres stay: what a scheduled job does that fits its
    scaler again every month.
    """
    recent = now.customers.sort_values(now.customers.columns[0], kind="stable").head(len(now.customers) // 2)
    pipeline = clone(now.pipeline).fit(recent[now.columns].astype("float64"))
    other = Snapshot(now.customers, now.columns, pipeline, now.model, now.numbers)
    return other.assign(now.customers)


@_check
def check_scaler(answer: float, now: Snapshot) -> str:
    """Check the share of customers who changed segment in the scaler's month."""
    right = float((scaler_month(now) != now.assign(now.customers)).mean())
    return _near(answer, right, "compare scaler_month(now) with now.assign(now.customers), customer by customer.")


def planted_truth() -> pd.Series:
    """Return the planted segment of each customer of the built-in shop, which nobody knows in life."""
    return pd.read_csv(find_file("data/shop_truth.csv"), index_col="customer_id")["segment"]


@_check
def check_truth(answer: float, segments: pd.Series) -> str:
    """Check the agreement of the segments with the planted truth."""
    truth = planted_truth()
    both = segments.index.intersection(truth.index)
    if both.empty:
        return "the truth is known of the built-in shop only."
    hint = "bring both into the same order of customers first; adjusted_rand_score does not mind how they are called."
    return _near(answer, adjusted_rand_score(truth[both], segments[both]), hint)
