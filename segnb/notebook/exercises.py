"""Checks of learners' answers: they know the usual mistakes, ask first, and show the way on the next try.

No check raises: an answer that cannot be looked at gets a hint as well. Where several answers are right, all of them
pass; the segments' numbers never matter. What is said stands in hints.yaml.
"""

import re
import warnings
from collections import Counter
from collections.abc import Callable, Iterable
from copy import copy
from functools import wraps
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from scipy.stats import f_oneway, kruskal
from sklearn.base import clone
from sklearn.metrics import adjusted_rand_score
from yellowbrick.utils.kneed import KneeLocator

from segnb.cluster import fit_segments
from segnb.iterate import Changes, Snapshot
from segnb.notebook.show import Text
from segnb.paths import find_file
from segnb.text import label

HINTS = yaml.safe_load(Path(__file__).with_name("hints.yaml").read_text(encoding="utf-8"))
"""For each check, and for `any`, two hints to a mistake: the first asks, the second shows the way."""

_tries: Counter[str] = Counter()
_found: dict[str, Any] = {}

_WISHES = ("loyal", "potential", "premium", "best", "vip", "valuable", "champion")
"""Words that say what we hope for, and not what customers do."""

_NUMBERED = re.compile(r"(segment|cluster|group|name)?\W*\w{0,2}", re.I)
"""A name that says nothing."""

_NOTHING = re.compile(
    r"^no\W*$|\bnone\b|\bnothing\b"
    r"|(\b(no|not|without)|n't)\b(?! doubt)( \w+){0,2} (natural|any|group|segment|cluster|struct)"
    r"|unstructured|constructed|reproducible|\b(1|one|single)( \w+)? (segment|cluster|group|cloud)|\bk ?= ?1\b",
    re.I,
)
"""Wordings for a table without groups."""


def begin(namespace: dict[str, Any]) -> None:
    """Remember what a notebook holds, tables as copies, so that `reset` can put it back; tries count from here."""
    _tries.clear()
    _found.clear()
    kept = (pd.DataFrame, pd.Series, np.ndarray, dict, list)
    names = {name: value for name, value in namespace.items() if not name.startswith("_")}
    _found.update({name: copy(value) if isinstance(value, kept) else value for name, value in names.items()})


def reset(namespace: dict[str, Any]) -> None:
    """Put back what the notebook held when the exercise began.

    >>> notebook = {"k": 5}
    >>> begin(notebook)
    >>> notebook["k"] = "spoilt"
    >>> reset(notebook)
    >>> notebook
    {'k': 5}
    """
    namespace.update(_found)
    _tries.clear()


def _check(judge: Callable[..., str]) -> Callable[..., Text]:
    """Turn a function that names the mistake, "" if the answer is right, into a check."""
    question = judge.__name__.removeprefix("check_")

    @wraps(judge)
    def check(answer: Any, *given: Any) -> Text:
        if answer is ...:
            return Text("Not answered yet: put your answer in place of the three dots, then run the cell again.")
        try:
            mistake = judge(answer, *given)
        except Exception:
            mistake = "kind"
        if not mistake:
            _tries.pop(question, None)
            return Text("✓ Right.")
        asks, shows = HINTS[question].get(mistake) or HINTS["any"].get(mistake) or HINTS[question]["other"]
        _tries[question] += 1
        return Text(f"Hint: {asks if _tries[question] == 1 else shows}")

    return check


def _kind(answer: Any) -> str:
    """Return "" for a number, or else what it is instead."""
    if isinstance(answer, (pd.DataFrame, pd.Series, np.ndarray, list, tuple, dict)):
        return "table"
    return "text" if isinstance(answer, (str, bool)) else ""


def _figure(answer: Any, right: float, near: float = 0.005, **mistakes: float) -> str:
    """Return "" for the right figure, or else the name of the mistake that leads to the one given."""
    if kind := _kind(answer):
        return kind
    known = {"": right, "percent": 100 * right, **mistakes}
    gaps = {name: abs(float(answer) - figure) for name, figure in known.items()}
    reach = {name: near * (100 if name == "percent" else max(1, abs(figure))) for name, figure in known.items()}
    return next((name for name in known if gaps[name] <= reach[name]), "other")


def _column(answer: Any, right: str, columns: Iterable[str], **mistakes: str) -> str:
    """Return "" for the right column's name, or else the name of the mistake."""
    if not isinstance(answer, str):
        return "name"
    if answer in [right, *columns]:
        return "" if answer == right else next((name for name, each in mistakes.items() if each == answer), "other")
    written = re.sub(r"\W+", " ", answer.lower()).strip()
    labels = {re.sub(r"\W+", " ", text).strip() for each in columns for text in (label(each), each.replace("_", " "))}
    return "label" if written in labels else "column"


@_check
def check_recent(answer: int, customers: pd.DataFrame) -> str:
    """Check how many customers ordered within the last 90 days."""
    days = customers["recency_days"]
    if kind := _kind(answer):
        return kind
    if 0 < answer < 1 or abs(answer - 100 * (days < 90).mean()) < 1:
        return "share"
    if answer in ((days > 90).sum(), (days >= 90).sum()):
        return "opposite"
    return _figure(answer, (days < 90).sum(), 0, edge=(days <= 90).sum(), all=len(days))


@_check
def check_tail(answer: str, untamed: pd.DataFrame, tamed: pd.DataFrame) -> str:
    """Check which column has the longest tail, as its skewness says, before anything is tamed."""
    return _column(answer, untamed.skew().idxmax(), untamed, tamed=tamed.skew().idxmax())


@_check
def check_pair(answer: Iterable[str], features: pd.DataFrame) -> str:
    """Check the two features that say most nearly the same; either order."""
    names = [answer] if isinstance(answer, str) else list(answer)
    strength = features.astype(float).corr().abs().to_numpy(copy=True)
    np.fill_diagonal(strength, 0)
    right = {features.columns[place] for place in np.unravel_index(strength.argmax(), strength.shape)}
    if len(set(names)) != 2:
        return "two"
    wrong = [_column(name, name if name in right else "", features) for name in names]
    return next(filter(None, wrong), "")


@_check
def check_silhouette(answer: int, silhouettes: pd.Series) -> str:
    """Check the k with the largest silhouette; `silhouettes` has k as its index."""
    return _figure(answer, silhouettes.idxmax(), 0, height=round(silhouettes.max(), 2), least=silhouettes.idxmin())


def _elbow(inertia: pd.Series) -> int | None:
    """Return the k that yellowbrick's knee finder names, None where it finds none."""
    curve = {"curve_nature": "convex", "curve_direction": "decreasing"}
    with warnings.catch_warnings(action="ignore"):
        return KneeLocator([*inertia.index], inertia.to_numpy(), **curve).knee


@_check
def check_elbow(answer: int, inertia: pd.Series) -> str:
    """Check the k that a knee finder names as the elbow of an inertia curve, whose index is k."""
    right, others = _elbow(inertia), {_elbow(inertia.loc[:last]) for last in inertia.index[4:-1]}
    if right is None or answer is None:
        return "" if right is answer else "other"
    mistake = _figure(answer, right, 0)
    return "range" if mistake == "other" and answer in others else mistake


@_check
def check_twin(answer: Any) -> str:
    """Check what is said of customers without any groups, in words or as a verdict."""
    said = getattr(answer, "verdict", answer)
    if not isinstance(said, str):
        return "words"
    return "" if _NOTHING.search(said) else "natural" if "natural" in said.lower() else "other"


@_check
def check_stripes(answer: str, customers: pd.DataFrame, clusters: pd.Series) -> str:
    """Check which column the clusters of unscaled customers follow: the one that they explain best."""
    between = customers.groupby(clusters).transform("mean").var() / customers.var()
    return _column(answer, between.idxmax(), customers)


@_check
def check_border(answer: float, confidence: pd.Series) -> str:
    """Check the share of customers on the border."""
    border = confidence < 0.1
    return _figure(answer, border.mean(), count=border.sum(), opposite=1 - border.mean(), mean=confidence.mean())


@_check
def check_half(
    answer: float, segments: pd.Series, half: pd.Series, features: pd.DataFrame, customers: pd.DataFrame
) -> str:
    """Check the agreement of the segments with those of a fit to half of the customers, and not by their numbers."""
    raw = customers[[name for name in features if name in customers]]
    model = fit_segments(raw.fillna(raw.median()).iloc[::2], segments.nunique())
    by_number = {"equal": (segments == half).mean(), "counted_from_0": (segments == half + 1).mean()}
    unscaled = adjusted_rand_score(segments, model.predict(raw.fillna(raw.median())))
    return _figure(answer, adjusted_rand_score(segments, half), **by_number, raw=unscaled)


@_check
def check_lift(answer: float, amounts: pd.Series, segments: pd.Series) -> str:
    """Check the largest lift of a column: the highest mean of a segment over the mean of all customers."""
    means, every = amounts.groupby(segments).mean(), amounts.mean()
    top = means.idxmax()
    share = amounts[segments == top].sum() / amounts.sum()
    median = amounts.groupby(segments).median().max() / amounts.median()
    others = {"mean": means[top], "share": share, "median": median, "least": means.min() / every}
    return _figure(answer, means[top] / every, **others)


@_check
def check_names(answer: dict, segments: Iterable[int]) -> str:
    """Check names: one for each segment, no two alike, none that is a wish or says nothing."""
    names = {int(number): str(name).strip() for number, name in dict(answer).items()}
    given = [names.get(number, "") for number in segments]
    if not all(given):
        return "missing"
    if len(set(given)) < len(given):
        return "alike"
    if any(wish in name.lower() for wish in _WISHES for name in given):
        return "wish"
    return "empty" if any(_NUMBERED.fullmatch(name) for name in given) else ""


def _log_p(column: pd.Series, segments: pd.Series) -> list[float]:
    """Return the logarithms of the p-values of both usual tests, to base 10."""
    groups = [column[segments == each].dropna() for each in sorted(segments.unique())]
    return [np.log10(max(test(*groups).pvalue, 1e-300)) for test in (kruskal, f_oneway)]


@_check
def check_p_value(answer: float, descriptor: pd.Series, features: pd.DataFrame, segments: pd.Series) -> str:
    """Check the p-value of a column that had no part in making the segments; of either usual test."""
    found = getattr(answer, "pvalue", answer)
    if kind := _kind(found):
        return kind
    found = np.log10(max(float(found), 1e-300))
    if found > -300 and np.isclose(found, _log_p(descriptor, segments), rtol=0.02).any():
        return ""
    circular = np.concatenate([_log_p(features[name], segments) for name in features])
    return "circular" if np.isclose(found, [-300, *circular], rtol=0.01).any() else "other"


@_check
def check_cause(answer: str, changes: Changes) -> str:
    """Check which moved more customers, what they did or the fit."""
    said = str(answer).strip().lower()
    causes = {"behaviour": re.search(r"behavio|customers|people|they did", said), "model": re.search("model|fit", said)}
    named = [cause for cause, found in causes.items() if found]
    right = "behaviour" if changes.behaviour >= changes.model else "model"
    return "one" if len(named) != 1 else "" if named == [right] else "other"


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
def check_scaler(answer: float, evening: pd.Series, morning: pd.Series) -> str:
    """Check the share of customers who changed segment in the scaler's month."""
    moved = evening != morning
    return _figure(answer, moved.mean(), count=moved.sum(), opposite=1 - moved.mean())


def planted_truth() -> pd.Series:
    """Return the planted segment of each customer of the built-in shop, which nobody knows in life."""
    return pd.read_csv(find_file("data/shop_truth.csv"), index_col="customer_id")["segment"]


@_check
def check_truth(answer: float, segments: pd.Series) -> str:
    """Check the agreement of the segments with the planted truth."""
    truth = planted_truth()
    both = segments.index.intersection(truth.index)
    if both.empty:
        return "elsewhere"
    unsorted = adjusted_rand_score(truth.to_numpy()[: len(both)], segments[both])
    return _figure(answer, adjusted_rand_score(truth[both], segments[both]), order=unsorted)
