"""Step 3: k-means, segment numbers that last, how sure each customer is, and second opinions."""

from collections.abc import Sequence
from copy import copy
from importlib.util import find_spec

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.cluster import HDBSCAN, AgglomerativeClustering, KMeans
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import GaussianMixture
from threadpoolctl import threadpool_limits

from segnb.errors import DataError
from segnb.text import IS, category_of, percent

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
        scikit-learn's HDBSCAN, DBSCAN and OPTICS mark noise, join the nearest of the other centres without moving
        it.

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
    return reorder(model, np.lexsort((model.cluster_centers_[:, 0], -sizes)))


def reorder(model: KMeans, order: Sequence[int]) -> KMeans:
    """Return the model with its centres, and the labels that name them, in another order.

    Parameters
    ----------
    model : KMeans
        Fitted; it stays as it is.
    order : sequence of int
        The centres' positions, each once.

    >>> reorder(KMeans(2, init=[[0.0], [9.0]], n_init=1).fit([[0.0], [9.0]]), [1, 0]).labels_.tolist()
    [1, 0]
    """
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
        kept (a model read from a run no longer has them); otherwise, and for k-means always, the nearest centre
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
        raise DataError("labels: fewer than 2 different ones; give at least 2")


_NEAR_BORDER = 0.05
"""Below this confidence a customer is practically as near to a second segment."""

_OPINION_ROWS = 5000
"""The other algorithms see this many customers at most: Ward needs all pairwise distances."""


def second_opinions(features: pd.DataFrame, segments: pd.Series, *, seed: int = 0) -> pd.DataFrame:
    """Return how far other algorithms agree with the segments.

    Where most columns are categories and the extra `latent` is installed, latent classes are among them (StepMix:
    categorical and normal columns, independent within a class).

    Parameters
    ----------
    features : DataFrame of shape (n_customers, n_features)
    segments : Series
        The segment of each customer, same index.
    seed : int, default 0
        For the Gaussian mixture, and for the sample of a large table.

    Returns
    -------
    DataFrame
        `algorithm`, `segments` (found), `adjusted_rand` (1 = the same segments, 0 = as by chance) and
        `unassigned` (share of customers that the algorithm leaves out).

    >>> X = pd.DataFrame({"a": np.r_[np.zeros(20), np.ones(20)] + np.arange(40) / 1000})
    >>> second_opinions(X, pd.Series(np.repeat([1, 2], 20)))["adjusted_rand"].tolist()
    [1.0, 1.0, 1.0]
    """
    rows = features if len(features) <= _OPINION_ROWS else features.sample(_OPINION_ROWS, random_state=seed)
    k, own = segments.nunique(), segments.loc[rows.index]
    algorithms = {
        "Gaussian mixture": GaussianMixture(k, n_init=3, reg_covar=1e-4, random_state=seed),
        "Ward": AgglomerativeClustering(k),
        "HDBSCAN": HDBSCAN(min_cluster_size=min(max(5, len(rows) // 50), len(rows)), copy=True),
    }
    found = {name: algorithm.fit_predict(rows) for name, algorithm in algorithms.items()}
    levels = [name for name in rows if IS in name]
    numbers = rows.drop(columns=levels)
    categories = _codes(rows[levels])
    if categories.shape[1] > numbers.shape[1] and find_spec("stepmix"):
        found["latent classes"] = _latent_classes(categories, numbers, k, seed)
    table = pd.DataFrame({"algorithm": list(found), "segments": [len(set(each) - {-1}) for each in found.values()]})
    agreed = [adjusted_rand_score(own, each) for each in found.values()]
    return table.assign(adjusted_rand=agreed, unassigned=[(each == -1).mean() for each in found.values()])


def _codes(levels: pd.DataFrame) -> pd.DataFrame:
    """Return each category as whole numbers, from the centred columns of its levels."""
    blocks = levels.T.groupby(category_of, sort=False)
    codes = {name: block.to_numpy().argmax(axis=0) if len(block) > 1 else block.iloc[0] > 0 for name, block in blocks}
    return pd.DataFrame(codes, index=levels.index).astype(int)


def _latent_classes(categories: pd.DataFrame, numbers: pd.DataFrame, k: int, seed: int) -> np.ndarray:
    """Return each customer's latent class; within a class all columns are independent, numbers normal."""
    from stepmix import StepMix  # an extra

    kinds = {"categories": {"model": "categorical", "n_columns": categories.shape[1]}}
    if numbers.shape[1]:
        kinds["numbers"] = {"model": "gaussian_diag", "n_columns": numbers.shape[1]}
    rows = categories.join(numbers)
    return StepMix(k, measurement=kinds, n_init=3, random_state=seed, progress_bar=0).fit(rows).predict(rows)


def cluster_sentences(assigned: pd.DataFrame, opinions: pd.DataFrame) -> list[str]:
    """Return sizes, borders and second opinions in sentences computed from the result.

    Parameters
    ----------
    assigned : DataFrame
        As returned by `assign`.
    opinions : DataFrame
        As returned by `second_opinions`.

    >>> assigned = pd.DataFrame({"segment": [1, 1, 2, 2], "confidence": [0.9, 0.8, 0.01, 0.7]})
    >>> opinions = pd.DataFrame({"algorithm": ["Ward"], "adjusted_rand": [0.9]})
    >>> cluster_sentences(assigned, opinions)[1]
    '25% of the customers lie near a border (confidence below 0.05).'
    """
    shares = assigned["segment"].value_counts(normalize=True)
    border = float((assigned["confidence"] < _NEAR_BORDER).mean())
    closest = opinions.loc[opinions["adjusted_rand"].idxmax()]
    return [
        f"{len(assigned):,} customers are in {len(shares)} segments; the largest has {percent(shares.max())} of them, "
        f"the smallest {percent(shares.min())}.",
        f"{percent(border)} of the customers lie near a border (confidence below {_NEAR_BORDER}).",
        f"The other algorithm that agrees most is {closest['algorithm']}, with an adjusted Rand index of "
        f"{closest['adjusted_rand']:.2f}.",
    ]


_FEW_VALUES = 10
"""A column of fewer different values is drawn as stripes, so that others come first."""


def scatter_axes(customers: pd.DataFrame, leading: list[str], x: str = "", y: str = "") -> tuple[str, str]:
    """Return the columns to draw across and up: those asked for, or else the first of `leading`; "" without numbers.

    Columns of fewer than ten different values come last.

    Parameters
    ----------
    customers : DataFrame
        In original units.
    leading : list of str
        Columns in order of importance, those that separate the segments most first.
    x, y : str
        The columns asked for; "" for none.

    Raises
    ------
    DataError
        If a column that was asked for is not there or is not a number.

    >>> scatter_axes(pd.DataFrame({"a": [1.0], "b": [2.0]}), ["b", "a"], y="b")
    ('a', 'b')
    """
    numeric = list(customers.select_dtypes(["number", "bool"]))
    for parameter, wanted in (("x_axis", x), ("y_axis", y)):
        if wanted and wanted not in numeric:
            raise DataError(f"{parameter}={wanted!r} is not a numeric column; use one of {', '.join(numeric)}")
    if not numeric:
        return "", ""
    others = [name for name in leading if name in numeric and name not in (x, y)]
    free = iter(sorted(others, key=lambda name: customers[name].nunique() < _FEW_VALUES))
    across = x or next(free, y or numeric[0])
    return across, y or next(free, across)
