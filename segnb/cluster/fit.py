"""Fit k-means, number the segments so that a rerun keeps the numbers, and say how sure each customer is."""

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import asdict, dataclass, field

import numpy as np
import pandas as pd
from sklearn.cluster import KMeans
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from segnb.errors import DataError

SMALL = 20_000
"""Below this many customers threads only get in each other's way."""


def fit_segments(
    features: pd.DataFrame, k: int, *, n_init: int = 10, seed: int = 0, start: pd.DataFrame | None = None
) -> KMeans:
    """Return k-means fitted to the scaled matrix, its segments in canonical order.

    Label 0 is the largest segment (ties by the first centre coordinate), so a rerun never renumbers. With
    `start` the order of those centres is kept instead.

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
        return KMeans(k, init=np.asarray(start, dtype=features.to_numpy().dtype), n_init=1, random_state=seed).fit(
            features
        )
    with threadpool_limits(1 if len(features) < SMALL else None):
        return _canonical(KMeans(k, n_init=n_init, random_state=seed).fit(features))


def assign(model: KMeans, features: pd.DataFrame, numbers: Sequence[int] | None = None) -> pd.DataFrame:
    """Return each customer's segment and how clearly the customer belongs there.

    Parameters
    ----------
    model : KMeans
    features : DataFrame of shape (n_customers, n_features)
    numbers : sequence of int, optional
        The segments' numbers in the order of the centres; 1, 2, … by default.

    Returns
    -------
    DataFrame
        Index of `features`; `segment`, and `confidence` from 0 (on the border of two segments) to 1 (at the
        centre): 1 minus the shadow value 2·d1/(d1 + d2) of Leisch, Statistics and Computing 20, 2010, with d1
        and d2 the distances to the nearest and the second nearest centre.

    >>> features = pd.DataFrame({"a": [0.0, 5, 10, 10]})
    >>> assign(fit_segments(features.iloc[[0, 2, 3]], 2), features)["confidence"].tolist()
    [1.0, 0.0, 1.0, 1.0]
    """
    distances = model.transform(features)
    nearest, second = np.partition(distances, 1, axis=1)[:, :2].T
    both = nearest + second
    shadow = np.divide(2 * nearest, both, out=np.ones_like(both), where=both > 0)
    segment = np.asarray(numbers or range(1, model.n_clusters + 1))[model.predict(features)]
    return pd.DataFrame({"segment": segment, "confidence": 1 - shadow}, index=features.index)


def centres(model: KMeans, features: pd.DataFrame, numbers: Sequence[int] | None = None) -> pd.DataFrame:
    """Return the centres in the scaled space, one row per segment, indexed by `numbers`, or from 1."""
    index = pd.Index(numbers or range(1, model.n_clusters + 1), name="segment")
    return pd.DataFrame(model.cluster_centers_, index=index, columns=features.columns)


def start_centres(centres: pd.DataFrame, pipeline: Pipeline, columns: list[str]) -> pd.DataFrame:
    """Return an earlier run's centres, given in original units, in the scaled space of this run.

    Raises
    ------
    DataError
        If the centres lack a clustering column of this run; all that are missing are listed.
    """
    missing = [name for name in columns if name not in centres]
    if missing:
        raise DataError(
            f"start_from: that run has no column {', '.join(missing)}; start from a run with the same columns"
        )
    return pipeline.transform(centres[columns].astype(float))


def reorder(model: KMeans, order: Sequence[int]) -> KMeans:
    """Return the model with its centres, and the labels that name them, in another order."""
    ordered = copy(model)
    ordered.cluster_centers_ = model.cluster_centers_[np.asarray(order)]
    ordered.labels_ = np.argsort(order).astype(model.labels_.dtype)[model.labels_]
    return ordered


def _canonical(model: KMeans) -> KMeans:
    sizes = np.bincount(model.labels_, minlength=model.n_clusters)
    return reorder(model, np.lexsort((model.cluster_centers_[:, 0], -sizes)))


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
    """

    numbers: list[int]
    used: list[int]
    names: dict[int, str] = field(default_factory=dict)
    carried_from: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", {int(number): name for number, name in self.names.items()})

    def to_dict(self) -> dict:
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
        Fitted anew.
    survivors : mapping of int to int
        From a centre's position in the model to the number of the earlier segment that it continues.
    used : sequence of int
        Numbers given before; a segment that continues none gets one above them all.
    names : mapping of int to str
        Names of the earlier segments.
    source : str
        The earlier run.
    """
    taken, given = {*used, *survivors.values()}, dict(survivors)
    for position in range(model.n_clusters):
        if position not in given:
            given[position] = max(taken, default=0) + 1
            taken.add(given[position])
    order = sorted(given, key=given.__getitem__)
    numbers = [given[position] for position in order]
    kept = {number: name for number, name in names.items() if number in numbers and number in survivors.values()}
    return reorder(model, order), Numbering(numbers, sorted(taken), kept, source)
