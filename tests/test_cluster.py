"""Step 3: k-means is scikit-learn's, numbers are canonical, planted segments come back."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import HDBSCAN, AgglomerativeClustering, KMeans
from sklearn.datasets import make_blobs
from sklearn.metrics import adjusted_rand_score, euclidean_distances
from sklearn.mixture import GaussianMixture
from stepmix import StepMix
from test_mixed import LEVELS, NUMBERS, planted
from threadpoolctl import threadpool_limits

from segnb.cluster import (
    assign,
    centres,
    cluster_sentences,
    fit_segments,
    from_labels,
    number_by_size,
    second_opinions,
)
from segnb.errors import DataError
from segnb.history.numbering import carry_numbers
from segnb.prepare import prepare
from segnb.runs.store import Workspace


def test_planted_segments_come_back(shop, assigned):
    truth = shop.truth.set_index("customer_id")["segment"].loc[assigned.index]
    assert adjusted_rand_score(truth, assigned["segment"]) >= 0.8


def test_partition_and_inertia_are_scikit_learns(prepared):
    own = fit_segments(prepared.features, 4, n_init=2, seed=3)
    theirs = KMeans(4, n_init=2, random_state=3).fit(prepared.features)
    assert own.inertia_ == pytest.approx(theirs.inertia_)
    assert adjusted_rand_score(own.labels_, theirs.labels_) == 1


def test_segments_are_numbered_by_size(assigned):
    sizes = assigned["segment"].value_counts().sort_index()
    assert sizes.index.tolist() == [1, 2, 3, 4, 5]
    assert sizes.is_monotonic_decreasing


def test_labels_predictions_and_centres_agree(prepared, model):
    np.testing.assert_array_equal(model.labels_, model.predict(prepared.features))
    means = prepared.features.groupby(model.labels_).mean()
    np.testing.assert_allclose(centres(model, prepared.features), means, atol=1e-2)


def test_shuffled_rows_and_another_seed_leave_the_segments(prepared, assigned):
    shuffled = prepared.features.sample(frac=1, random_state=1)
    again = assign(fit_segments(shuffled, 5, seed=9), shuffled)["segment"].loc[assigned.index]
    clear = assigned["confidence"] > 0.02
    assert (again[clear] == assigned.loc[clear, "segment"]).mean() > 0.995


def test_confidence_is_one_minus_the_shadow_value(prepared, model, assigned):
    distances = np.sort(euclidean_distances(prepared.features, model.cluster_centers_), axis=1)
    shadow = 2 * distances[:, 0] / (distances[:, 0] + distances[:, 1])
    np.testing.assert_allclose(assigned["confidence"], 1 - shadow, atol=1e-9)
    assert assigned["confidence"].between(0, 1).all()


def test_start_keeps_the_earlier_numbers(prepared, model):
    start = centres(model, prepared.features).iloc[::-1]
    again = fit_segments(prepared.features, 5, start=start)
    np.testing.assert_array_equal(again.predict(prepared.features), 4 - model.predict(prepared.features))


@pytest.mark.parametrize(
    ("k", "start", "message"),
    [
        (1, None, "k=1: k-means needs at least 2"),
        (3, None, "k=3 is more than the 2 distinct customers"),
        (2, pd.DataFrame({"b": [0.0, 1]}), "start_from: that run has 2 segments on b"),
    ],
)
def test_impossible_fits_are_refused(k, start, message):
    with pytest.raises(DataError, match=message):
        fit_segments(pd.DataFrame({"a": [0.0, 1, 1, 1]}), k, start=start)


def test_second_opinions_agree_on_separate_groups():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(np.r_[rng.normal(0, 0.3, (80, 2)), rng.normal(9, 0.3, (60, 2))], columns=["a", "b"])
    segments = assign(fit_segments(X, 2), X)["segment"]
    opinions = second_opinions(X, segments)
    assert (opinions["adjusted_rand"] > 0.9).all()
    assert len(cluster_sentences(assign(fit_segments(X, 2), X), opinions)) == 3


def test_latent_classes_are_asked_where_most_columns_are_categories():
    """They are StepMix's on the categories as they were before they became blocks; planted kinds are found."""
    table, kind = planted("categories", 0)
    owns = np.random.default_rng(1).random(len(table)) < np.array([0.1, 0.5, 0.9])[kind]
    table["owner"] = np.where(owns, "yes", "no")
    features = prepare(table, NUMBERS, features=[*LEVELS, "owner", "a"]).features
    agreement = second_opinions(features, pd.Series(kind + 1, features.index)).set_index("algorithm")["adjusted_rand"]
    own = agreement.pop("latent classes")
    assert own > 0.8
    assert own > agreement.max()
    codes = pd.DataFrame({name: table[name].astype("category").cat.codes for name in [*LEVELS, "owner"]})
    kinds = {"codes": {"model": "categorical", "n_columns": 4}, "a": {"model": "gaussian_diag", "n_columns": 1}}
    rows = codes.join((table["a"] - table["a"].mean()) / table["a"].std(ddof=0))
    model = StepMix(3, measurement=kinds, n_init=3, random_state=0, progress_bar=0).fit(rows)
    assert adjusted_rand_score(kind, model.predict(rows)) == pytest.approx(own, abs=0.02)
    others = prepare(table, NUMBERS, features=[*NUMBERS, "p"]).features
    assert "latent classes" not in set(second_opinions(others, pd.Series(kind + 1, others.index))["algorithm"])


def test_classic_example_gives_scikit_learns_partition():
    X = pd.DataFrame(np.random.default_rng(1).normal(size=(200, 3)), columns=["feature1", "feature2", "feature3"])
    choices = {"outliers": "keep", "transform": "none", "scale": "none"}
    made = prepare(X, list(X), **choices)
    own = fit_segments(made.features, 5, n_init=1, seed=0)
    theirs = KMeans(n_clusters=5, random_state=0).fit(X)
    assert adjusted_rand_score(own.labels_, theirs.labels_) == 1


@settings(max_examples=40, deadline=None)
@given(
    st.integers(2, 6),
    st.dictionaries(st.integers(0, 5), st.integers(1, 9), max_size=6),
    st.lists(st.integers(1, 12), max_size=6),
)
def test_carried_numbers_are_kept_and_new_ones_never_used_before(k, survivors, used):
    survivors = {place: number for place, number in survivors.items() if place < k}
    survivors = {place: number for number, place in {number: place for place, number in survivors.items()}.items()}
    X = pd.DataFrame({"a": np.repeat(np.arange(k) * 10.0, 3) + np.tile([0, 0.1, 0.2], k)})
    model = fit_segments(X, k)
    carried, numbering = carry_numbers(model, survivors, used, {1: "one", 99: "gone"}, "earlier")
    before, after = model.predict(X), assign(carried, X, numbering.numbers)["segment"].to_numpy()
    for place in range(k):
        (number,) = set(after[before == place])
        assert number == survivors[place] if place in survivors else number > max([0, *used, *survivors.values()])
    assert numbering.numbers == sorted(set(after))
    assert {*used, *numbering.numbers} <= set(numbering.used)
    assert numbering.names == ({1: "one"} if 1 in survivors.values() else {})
    assert centres(carried, X, numbering.numbers).index.tolist() == numbering.numbers


@pytest.mark.parametrize("change", ["seed", "rows", "threads"])
def test_seed_order_and_threads_move_near_ties_only(prepared, assigned, change):
    features = prepared.features.sample(frac=1, random_state=1) if change == "rows" else prepared.features
    with threadpool_limits(1 if change == "threads" else None):
        model = fit_segments(features, 5, seed=7 if change == "seed" else 0)
    again = assign(model, features).loc[assigned.index]
    clear = assigned["confidence"] > 0.02
    moved = again.loc[clear, "segment"] != assigned.loc[clear, "segment"]
    assert moved.mean() < 0.001
    assert (~clear).mean() < 0.05, "nearly every customer is clear"


@pytest.fixture(scope="module")
def clouds():
    """Two wide clouds and a narrow one between them, so that mixtures and k-means draw other borders."""
    X, _ = make_blobs([60, 90, 50], centers=[[0, 0], [6, 0], [3, 1]], cluster_std=[1.5, 1.5, 0.3], random_state=0)
    return pd.DataFrame(X, columns=["a", "b"], index=range(1000, 1200))


ELSEWHERE = {
    "Gaussian mixture": lambda X: GaussianMixture(3, random_state=0).fit_predict(X),
    "Ward": lambda X: AgglomerativeClustering(3).fit_predict(X),
    "a person's own words": lambda X: pd.cut(X["a"], [-99, 2, 4, 99], labels=["left", "middle", "right"]),
}


@pytest.mark.parametrize("kind", ELSEWHERE)
def test_labels_from_elsewhere_take_the_place_of_k_means(kind, clouds, tmp_path):
    labels = pd.Series(np.asarray(ELSEWHERE[kind](clouds)))
    made = from_labels(clouds, labels)
    assert (pd.crosstab(labels, made.labels_) > 0).to_numpy().sum() == 3, "the same segments under other names"
    assert (np.diff(np.bincount(made.labels_)) <= 0).all(), "the largest is first"
    means = clouds.groupby(made.labels_).mean()
    assert made.inertia_ == pytest.approx(((clouds - means.to_numpy()[made.labels_]) ** 2).to_numpy().sum())
    run = Workspace("own", tmp_path)
    run.write("model.skops", made)
    model = run.read("model.skops")
    np.testing.assert_allclose(model.cluster_centers_, means)
    np.testing.assert_array_equal(model.predict(clouds), euclidean_distances(clouds, means).argmin(axis=1))
    np.testing.assert_allclose(model.transform(clouds), euclidean_distances(clouds, means))
    assert model.feature_names_in_.tolist() == ["a", "b"]
    assert (model.n_features_in_, model.n_clusters, model.n_iter_) == (2, 3, 0)


def test_given_labels_are_kept_though_another_centre_is_nearer(clouds):
    model = from_labels(clouds, ELSEWHERE["Gaussian mixture"](clouds))
    own, nearest = assign(model, clouds, [7, 8, 9], fitted=True), assign(model, clouds, [7, 8, 9])
    np.testing.assert_array_equal(own["segment"], model.labels_ + 7)
    moved = own["segment"] != nearest["segment"]
    assert moved.any()
    assert own.loc[moved, "confidence"].eq(0).all()
    pd.testing.assert_frame_equal(own[~moved], nearest[~moved])
    distances = model.transform(clouds)
    to_own = distances[np.arange(len(clouds)), model.labels_]
    distances[np.arange(len(clouds)), model.labels_] = np.inf
    shadow = 2 * to_own / (to_own + distances.min(axis=1))
    np.testing.assert_allclose(own["confidence"], np.maximum(1 - shadow, 0), atol=1e-12)


def test_fitted_rows_of_k_means_are_at_their_nearest_centre(prepared, model, assigned):
    pd.testing.assert_frame_equal(assign(model, prepared.features, fitted=True), assigned, check_exact=True)


def test_own_labels_keep_their_numbers_in_another_order(clouds):
    model = from_labels(clouds, ELSEWHERE["Ward"](clouds))
    carried, numbering = carry_numbers(model, {0: 2, 2: 1}, [1, 2, 3], {}, "earlier")
    assert numbering.numbers == [1, 2, 4]
    before, after = (assign(each, clouds, fitted=True)["segment"] for each in (model, carried))
    assert after.map({1: 3, 2: 1, 3: 2}).tolist() == before.tolist()


def test_noise_joins_the_nearest_centre_and_does_not_move_it():
    X, _ = make_blobs([60, 50, 5], centers=[[0, 0], [9, 0], [4, 9]], random_state=0)
    clouds = pd.DataFrame(X)
    labels = HDBSCAN(min_cluster_size=20, copy=True).fit_predict(clouds)
    noise = labels == -1
    assert 0 < noise.sum() < 20
    model = from_labels(clouds, labels)
    known = clouds[~noise].groupby(model.labels_[~noise]).mean()
    np.testing.assert_allclose(model.cluster_centers_, known)
    np.testing.assert_array_equal(model.labels_[noise], model.predict(clouds)[noise])
    assert adjusted_rand_score(labels[~noise], model.labels_[~noise]) == 1


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
def test_labels_of_a_plain_array_predict_on_arrays_of_its_type(clouds, dtype):
    X = (10 * clouds).to_numpy().astype(dtype)
    model = from_labels(X, np.arange(200) % 2)
    assert set(model.predict(X)) <= {0, 1}
    assert not hasattr(model, "feature_names_in_")


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([1, 2], "labels: 2 for 3 customers; give one for each"),
        (["a", None, "b"], "labels: 1 are missing"),
        ([1.0, np.nan, np.nan], "labels: 2 are missing"),
        (["a", "a", "a"], "fewer than 2 different"),
        ([-1, -1, 0], "fewer than 2 different"),
    ],
)
def test_labels_that_make_no_segments_are_refused(labels, message):
    with pytest.raises(DataError, match=message):
        from_labels(np.arange(3.0)[:, None], labels)


def test_plain_k_means_is_numbered_as_fit_segments_does(prepared):
    with threadpool_limits(1):
        plain = KMeans(4, n_init=2, random_state=3).fit(prepared.features)
    own = fit_segments(prepared.features, 4, n_init=2, seed=3)
    np.testing.assert_array_equal(number_by_size(plain).labels_, own.labels_)
    np.testing.assert_array_equal(number_by_size(plain).cluster_centers_, own.cluster_centers_)
    assert (np.diff(np.bincount(own.labels_)) <= 0).all()
