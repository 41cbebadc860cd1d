"""Step 3: k-means is scikit-learn's, numbers are canonical, planted segments come back."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score, euclidean_distances
from threadpoolctl import threadpool_limits

from segnb.cluster import (
    assign,
    carry_numbers,
    centres,
    cluster_sentences,
    fit_segments,
    project,
    second_opinions,
    separating_features,
    start_centres,
)
from segnb.errors import DataError
from segnb.prepare import original_units, prepare


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


def test_start_centres_find_their_place_in_the_scaled_space(prepared, model):
    middle = original_units(prepared.pipeline, centres(model, prepared.features))
    there = start_centres(middle, prepared.pipeline, prepared.columns)
    np.testing.assert_allclose(there, model.cluster_centers_, atol=1e-6)


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


def test_start_centres_list_missing_columns(prepared):
    with pytest.raises(DataError, match="no column recency_days"):
        start_centres(pd.DataFrame({"orders": [1.0]}), prepared.pipeline, ["recency_days", "orders"])


def test_second_opinions_agree_on_separate_groups():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(np.r_[rng.normal(0, 0.3, (80, 2)), rng.normal(9, 0.3, (60, 2))], columns=["a", "b"])
    segments = assign(fit_segments(X, 2), X)["segment"]
    opinions = second_opinions(X, segments)
    assert (opinions["adjusted_rand"] > 0.9).all()
    assert len(cluster_sentences(assign(fit_segments(X, 2), X), opinions)) == 3


def test_separating_feature_comes_first():
    table = pd.DataFrame({"noise": [1.0, 2, 1, 2], "signal": [0.0, 0.1, 9, 9.1]})
    assert separating_features(table, pd.Series([1, 1, 2, 2]))[0] == "signal"


def test_projection_of_a_single_feature_is_flat():
    view = project(pd.DataFrame({"a": [0.0, 1, 2]}))
    assert view.points["second"].eq(0).all()
    assert view.shares == (1.0, 0.0)


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
