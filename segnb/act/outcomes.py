"""Do segments predict what customers do next, and how does an outcome differ between them?"""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats
from sklearn.base import BaseEstimator
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from segnb.tables import as_labels, dummies, holm
from segnb.text import paragraph, prose

_WORDS = prose(__file__)

_FOLDS = 10

_TRIFLE = 0.01
"""A difference below this share of the error is none worth a word, however sure it is."""


def outcome_rates(outcomes: pd.DataFrame, segments: ArrayLike) -> pd.DataFrame:
    """Return what an outcome came to in each segment, with intervals, and whether that differs from all others.

    Parameters
    ----------
    outcomes : DataFrame
        One row per customer. Numbers are averaged; columns of 0 and 1, and each level of a category, become shares.
    segments : array or Series of shape (n_customers,)
        Segment of each customer; a Series is matched by its index.

    Returns
    -------
    DataFrame
        One row per outcome and segment: `outcome`, `segment`, `customers`, `rate` (a share, 0 to 1, or a mean),
        `low` and `high` (95 % interval: Wilson's for shares, Student's for means) and `p_holm` (Welch's t-test of the
        segment against all others, corrected for the number of rows; Holm 1979).

    >>> outcomes = pd.DataFrame({"churned": [1, 1, 1, 0, 0, 0, 0, 0]})
    >>> rates = outcome_rates(outcomes, [1, 1, 1, 1, 2, 2, 2, 2])
    >>> rates[["segment", "rate", "low", "high"]].round(2).to_numpy().tolist()
    [[1.0, 0.75, 0.3, 0.95], [2.0, 0.0, 0.0, 0.49]]
    """
    coded = dummies(outcomes)
    labels = as_labels(segments, coded.index)
    rows = [_rate(coded[name].dropna(), labels, segment) for name in coded for segment in sorted(labels.unique())]
    columns = ["outcome", "segment", "customers", "rate", "low", "high", "p"]
    table = pd.DataFrame(rows, columns=columns)
    return table.assign(p_holm=holm(table["p"].to_numpy(dtype=float))).drop(columns="p")


def _rate(outcome: pd.Series, labels: pd.Series, segment: object) -> tuple[object, ...]:
    own, others = (outcome[(labels[outcome.index] == segment) == inside].to_numpy() for inside in (True, False))
    if len(own) < 2 or len(others) < 2:
        return outcome.name, segment, len(own), np.nan, np.nan, np.nan, np.nan
    welch = stats.ttest_ind_from_stats(*_summary(own), *_summary(others), equal_var=False).pvalue
    p = welch if np.ptp(own) + np.ptp(others) else float(own[0] == others[0])
    return outcome.name, segment, len(own), own.mean(), *_interval(own, bool(outcome.isin([0, 1]).all())), p


def _summary(values: np.ndarray) -> tuple[float, float, int]:
    return values.mean(), values.std(ddof=1), len(values)


def _interval(values: np.ndarray, share: bool) -> tuple[float, float]:
    if share:
        return tuple(stats.binomtest(int(values.sum()), len(values)).proportion_ci(method="wilson"))
    if not (error := stats.sem(values)):
        return values.mean(), values.mean()
    low, high = stats.t.interval(0.95, len(values) - 1, values.mean(), error)
    return (low if values.min() < 0 else max(low, 0.0)), high


def predictive_gain(followed: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Return how much better segments predict the next period than no segments, and than quintiles.

    What a customer does next is predicted by the mean of those alike among the customers of nine other tenths, and the
    errors are squared: those of one figure for all, of a mean per segment, and of the sum of a term for each quintile
    of recency, frequency and monetary value (Hughes, Strategic Database Marketing, 1994).

    Parameters
    ----------
    followed : DataFrame
        As returned by `segnb.history.snapshots.Past.followed`: segments of a day, what customers had done by then,
        and what they did since.
    seed : int
        For the tenths.

    Returns
    -------
    DataFrame
        `outcome` ("buyers", "spend"), `compared_with` ("one mean", "quintiles"), `gain` (by which share the segments'
        error is smaller; negative where it is larger), its 95 % interval `low` to `high` (delta method) and `verdict`:
        "better", "no better" or "worse". Empty for an empty table.

    >>> count = np.arange(60)
    >>> before = {"recency_before": count % 7, "orders_before": count % 5, "spend_before": count % 3}
    >>> since = {"segment": count % 2, "buyers": count % 2, "spend": 10.0 * (count % 2)}
    >>> predictive_gain(pd.DataFrame(before | since))["gain"].iloc[0] > 0.9
    np.True_
    """
    if followed.empty:
        return pd.DataFrame(columns=["outcome", "compared_with", "gain", "low", "high", "verdict"])
    known = followed[["recency_before", "orders_before", "spend_before"]]
    quintiles = known.rank(pct=True).mul(5).apply(np.ceil)
    kinds = {
        "segments": (_mean_per_level(), followed[["segment"]]),
        "one mean": (DummyRegressor(), followed[["segment"]]),
        "quintiles": (_mean_per_level(), quintiles),
    }
    folds = KFold(min(_FOLDS, len(followed)), shuffle=True, random_state=seed)
    rows = []
    for outcome in ("buyers", "spend"):
        truth = followed[outcome].to_numpy(dtype=float)
        errors = {
            kind: (truth - cross_val_predict(model, table, truth, cv=folds)) ** 2
            for kind, (model, table) in kinds.items()
        }
        own = errors.pop("segments")
        rows += [(outcome, kind, *_gain(own, other)) for kind, other in errors.items()]
    gains = pd.DataFrame(rows, columns=["outcome", "compared_with", "gain", "low", "high"])
    sure = (gains["low"] * gains["high"] > 0) & (gains["gain"].abs() >= _TRIFLE)
    return gains.assign(verdict=np.select([sure & (gains["gain"] > 0), sure], ["better", "worse"], "no better"))


def _mean_per_level() -> BaseEstimator:
    """Return a model whose forecast is a term per level, drawn together as far as that predicts better."""
    return make_pipeline(OneHotEncoder(handle_unknown="ignore", sparse_output=False), RidgeCV(np.logspace(0, 4, 9)))


def _gain(own: np.ndarray, other: np.ndarray) -> tuple[float, float, float]:
    """Return by which share the mean of errors is smaller than that of others, and the interval of this ratio."""
    if not other.any():
        return 0.0, 0.0, 0.0
    ratio = own.mean() / other.mean()
    reach = stats.norm.ppf(0.975) * (own - ratio * other).std(ddof=1) / np.sqrt(len(own)) / other.mean()
    return 1 - ratio, 1 - ratio - reach, 1 - ratio + reach


def predictive_sentence(gains: pd.DataFrame, days: int) -> str:
    """Return what the segments predicted, in words; "" for an empty table.

    Parameters
    ----------
    gains : DataFrame
        As returned by `predictive_gain`.
    days : int
        How long customers were followed.

    >>> row = {"outcome": "buyers", "compared_with": "one mean", "gain": 0.2, "verdict": "better"}
    >>> predictive_sentence(pd.DataFrame([row]), 90)
    'Segments from 90 days ago predicted who would order better than one mean for everybody (20% less error).'
    """
    return paragraph(_WORDS.predicted(gains.to_dict("records"), days))
