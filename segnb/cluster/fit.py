"""Fit k-means or take labels from elsewhere, number the segments, and say how sure each customer is."""

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import asdict, dataclass, field
from itertools import count
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.cluster import KMeans
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from segnb.errors import DataError

SMALL = 20_000
"""Below this many customers threads only get in each other's way."""


def fit_segments(
    features: pd.DataFrame, k: int, *, n_init: int = 10, seed: int = 0, start: pd.DataFrame | None = None
) -> KMeans:
    """Return k-means fitted to the scaled matrix, its largest segment first.

    With `start` the order of those centres is kept instead.

    Parameters
    ----------
    features : DataFrame of shape (n_customers, n_features)
    k : int
        Number of segments, 2 ≤ k < n_customers.
    n_init : int, default 10
        Restarts, the one with the least inertia is kept.
    seed : int, default 0
    start : DataFrame of shape (k, n_features), optional
        Centres to start from, for instance an earlier run's, in the same scaled space.

    Raises
    ------
    DataError
        If there are fewer distinct customers than segments, or `start` has other columns or another k.

    >>> features = pd.DataFrame({"a": [0.0, 9, 10, 11]})
    >>> fit_segments(features, 2).labels_
    array([1, 0, 0, 0], dtype=int32)
    """
    _check_k(features, k)
    if start is not None:
        _check_start(features, k, start)
        init = start.to_numpy(features.to_numpy().dtype)
        return KMeans(k, init=init, n_init=1, random_state=seed).fit(features)
    with threadpool_limits(1 if len(features) < SMALL else None):
        return number_by_size(KMeans(k, n_init=n_init, random_state=seed).fit(features))


def from_labels(X: pd.DataFrame | np.ndarray, labels: ArrayLike) -> KMeans:
    """Return labels from anywhere as a k-means model whose centres are the means of the rows with each label.

    So another algorithm, or a column of your own, can take k-means' place: the model predicts (the nearest centre),
    is saved, and keeps segment numbers from run to run like any other. Label 0 is the largest segment.

    Parameters
    ----------
    X : array of shape (n_customers, n_features)
        The scaled matrix, no missing values.
    labels : array of shape (n_customers,)
        Numbers or words of any kind, row by row, at least two different ones. Customers with -1, with which
        scikit-learn's HDBSCAN, DBSCAN and OPTICS mark noise, join the nearest of the other centres, which they do not
        move.

    Returns
    -------
    KMeans
        `labels_` are the given ones, coded from 0; its `n_iter_` is 0, because k-means has not moved the centres.
        `assign(model, X, fitted=True)` keeps these labels where another centre is nearer.

    Raises
    ------
    DataError
        If there are not as many labels as customers, labels are missing, or all are the same.

    >>> X = pd.DataFrame({"a": [0.0, 1, 5, 6, 7]})
    >>> model = from_labels(X, ["old", "old", "new", "new", "new"])
    >>> model.labels_, model.cluster_centers_.ravel()
    (array([1, 1, 0, 0, 0], dtype=int32), array([6. , 0.5]))
    """
    given = pd.Series(np.asarray(labels))
    _check_labels(given, len(X))
    known = given.where(given != -1).to_numpy()
    means = pd.DataFrame(X).groupby(known, sort=False).mean()
    model = KMeans(len(means), init=means.to_numpy(), n_init=1).fit(means)
    model.cluster_centers_, model.n_iter_ = means.to_numpy(model.cluster_centers_.dtype), 0
    codes = pd.factorize(known)[0]
    model.labels_ = np.where(codes < 0, model.predict(X), codes).astype(model.labels_.dtype)
    model.inertia_ = float(((np.asarray(X) - model.cluster_centers_[model.labels_]) ** 2).sum())
    return number_by_size(model)


def number_by_size(model: KMeans) -> KMeans:
    """Return the fitted model with its largest segment first, so that a rerun never renumbers.

    Segments of the same size go by the first coordinate of their centres.

    Parameters
    ----------
    model : KMeans
        Fitted, with its `labels_`; it stays as it is.

    >>> number_by_size(KMeans(2, n_init=1, random_state=1).fit([[0.0], [9.0], [10.0], [11.0]])).labels_
    array([1, 0, 0, 0], dtype=int32)
    """
    sizes = np.bincount(model.labels_, minlength=model.n_clusters)
    return _reorder(model, np.lexsort((model.cluster_centers_[:, 0], -sizes)))


def _reorder(model: KMeans, order: Sequence[int]) -> KMeans:
    """Return the model with its centres, and the labels that name them, in another order."""
    ordered = copy(model)
    ordered.cluster_centers_ = model.cluster_centers_[np.asarray(order)]
    ordered.labels_ = np.argsort(order).astype(model.labels_.dtype)[model.labels_]
    return ordered


def assign(
    model: KMeans, features: pd.DataFrame, numbers: Sequence[int] | None = None, *, fitted: bool = False
) -> pd.DataFrame:
    """Return each customer's segment and how clearly the customer belongs there.

    Parameters
    ----------
    model : KMeans
    features : DataFrame of shape (n_customers, n_features)
    numbers : sequence of int, optional
        The segments' numbers in the order of the centres; 1, 2, … by default.
    fitted : bool, default False
        Whether `features` are the rows that the model was fitted to. Then the labels that `from_labels` was given are
        kept (a model read from a run has them no more); otherwise, and for k-means in any case, the nearest centre
        counts.

    Returns
    -------
    DataFrame
        Index of `features`; `segment`, and `confidence` from 0 (on the border of two segments, or nearer to another
        centre) to 1 (at the centre): 1 minus the shadow value 2·d1/(d1 + d2) of Leisch, Statistics and Computing 20,
        2010, with d1 and d2 the distances to the nearest and the second nearest centre.

    >>> features = pd.DataFrame({"a": [0.0, 5, 10, 10]})
    >>> assign(fit_segments(features.iloc[[0, 2, 3]], 2), features)["confidence"].tolist()
    [1.0, 0.0, 1.0, 1.0]
    """
    distances = model.transform(features)
    nearest, second = np.partition(distances, 1, axis=1)[:, :2].T
    both = nearest + second
    shadow = np.divide(2 * nearest, both, out=np.ones_like(both), where=both > 0)
    predicted = model.predict(features)
    labels = model.labels_ if fitted and model.n_iter_ == 0 else predicted
    confidence = np.where(labels == predicted, 1 - shadow, 0.0)
    segment = np.asarray(numbers or range(1, model.n_clusters + 1))[labels]
    return pd.DataFrame({"segment": segment, "confidence": confidence}, index=features.index)


def centres(model: KMeans, features: pd.DataFrame, numbers: Sequence[int] | None = None) -> pd.DataFrame:
    """Return the centres in the scaled space, one row per segment, indexed by `numbers`, or from 1.

    Parameters
    ----------
    model : KMeans
    features : DataFrame
        Its columns are those of the centres.
    numbers : sequence of int, optional
        The segments' numbers in the order of the centres.

    >>> features = pd.DataFrame({"a": [0.0, 9, 10, 11]})
    >>> centres(fit_segments(features, 2), features)["a"].tolist()
    [10.0, 0.0]
    """
    index = pd.Index(numbers or range(1, model.n_clusters + 1), name="segment")
    return pd.DataFrame(model.cluster_centers_, index=index, columns=features.columns)


def start_centres(centres: pd.DataFrame, pipeline: Pipeline, columns: list[str]) -> pd.DataFrame:
    """Return an earlier run's centres, given in original units, in the scaled space of this run.

    Parameters
    ----------
    centres : DataFrame
        One row per segment, original units.
    pipeline : Pipeline
        This run's, as fitted by step 1.
    columns : list of str
        The clustering columns that the pipeline reads.

    Raises
    ------
    DataError
        If the centres lack a clustering column of this run; all that are missing are listed.

    >>> from sklearn.preprocessing import StandardScaler
    >>> scaler = StandardScaler().set_output(transform="pandas").fit(pd.DataFrame({"a": [0.0, 2]}))
    >>> start_centres(pd.DataFrame({"a": [1.0, 2]}), scaler, ["a"])["a"].tolist()
    [0.0, 1.0]
    """
    missing = [name for name in columns if name not in centres]
    if missing:
        raise DataError(
            f"start_from: that run has no column {', '.join(missing)}; start from a run with the same columns"
        )
    return pipeline.transform(centres[columns].astype(float))


@dataclass(frozen=True)
class Numbering:
    """The segments' numbers, and where they come from.

    Attributes
    ----------
    numbers : list of int
        In the order of the model's centres, ascending.
    used : list of int
        Every number that this line of runs has ever given; none of them is given again to another segment.
    names : dict of int to str
        A person's names that come with the numbers.
    carried_from : str
        The run that numbers and names were carried over from, or "".
    note : str
        Why none were carried over although an earlier run was named, or "".

    Examples
    --------
    >>> Numbering([1, 3], [1, 2, 3], {3: "Regulars"}, "june").sentence()
    'Numbers and names are those of june; a segment that was not there has a new number.'
    """

    numbers: list[int]
    used: list[int]
    names: dict[int, str] = field(default_factory=dict)
    carried_from: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", {int(number): name for number, name in self.names.items()})

    def to_dict(self) -> dict[str, Any]:
        """Return the numbering as plain types, ready for JSON."""
        return asdict(self)

    def sentence(self) -> str:
        """Return where the numbers come from, in words."""
        if self.note:
            return self.note
        if not self.carried_from:
            return "Segment 1 is the largest."
        return f"Numbers and names are those of {self.carried_from}; a segment that was not there has a new number."


def first_numbering(k: int, note: str = "") -> Numbering:
    """Return the numbers 1 to k.

    Parameters
    ----------
    k : int
        Number of segments.
    note : str, optional
        Why none were carried over.

    >>> first_numbering(3).numbers
    [1, 2, 3]
    """
    return Numbering(list(range(1, k + 1)), list(range(1, k + 1)), note=note)


def carry_numbers(
    model: KMeans, survivors: Mapping[int, int], used: Sequence[int], names: Mapping[int, str], source: str
) -> tuple[KMeans, Numbering]:
    """Return the model with its centres in the order of their numbers, and the numbers.

    Parameters
    ----------
    model : KMeans
        Fitted again.
    survivors : mapping of int to int
        From a centre's position in the model to the number of the earlier segment that it continues.
    used : sequence of int
        Numbers given before; a segment that continues none gets one above them all.
    names : mapping of int to str
        Names of the earlier segments.
    source : str
        The earlier run.

    >>> model = KMeans(2, n_init=1, random_state=0).fit([[0.0], [0.0], [9.0]])
    >>> carry_numbers(model, {0: 4}, used=[1, 4], names={4: "Regulars"}, source="june")[1].numbers
    [4, 5]
    """
    new = count(max({*used, *survivors.values()}, default=0) + 1)
    given = {position: survivors.get(position) or next(new) for position in range(model.n_clusters)}
    order = sorted(given, key=given.__getitem__)
    numbers = [given[position] for position in order]
    kept = {number: name for number, name in names.items() if number in survivors.values()}
    return _reorder(model, order), Numbering(numbers, sorted({*used, *numbers}), kept, source)


def _check_k(features: pd.DataFrame, k: int) -> None:
    if k < 2:
        raise DataError(f"k={k}: k-means needs at least 2 segments")
    distinct = len(features.drop_duplicates())
    if distinct < k:
        raise DataError(
            f"k={k} is more than the {distinct} distinct customers left after cleaning; lower k or keep more rows"
        )


def _check_start(features: pd.DataFrame, k: int, start: pd.DataFrame) -> None:
    if list(start.columns) != list(features.columns) or len(start) != k:
        raise DataError(
            f"start_from: that run has {len(start)} segments on {', '.join(start.columns)}; this one has k={k} on "
            f"{', '.join(features.columns)}; start from a run with the same columns and k, or from none"
        )


def _check_labels(labels: pd.Series, n_customers: int) -> None:
    if len(labels) != n_customers:
        raise DataError(f"labels: {len(labels)} for {n_customers} customers; give one for each, in the same order")
    if labels.isna().any():
        raise DataError(f"labels: {labels.isna().sum()} are missing; fill them, for instance with a word of their own")
    if labels[labels != -1].nunique() < 2:
        raise DataError("labels: there are fewer than 2 different ones; segments must differ")
