"""Step 2: figures equal scikit-learn's, and the decision finds planted segments and none where there are none."""

import sys
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist, pdist
from scipy.stats import binomtest, entropy, norm
from sklearn.cluster import KMeans
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine, make_blobs
from sklearn.metrics import (
    adjusted_rand_score,
    calinski_harabasz_score,
    davies_bouldin_score,
    homogeneity_score,
    jaccard_score,
    silhouette_samples,
    silhouette_score,
)
from sklearn.mixture import GaussianMixture
from sklearn.preprocessing import scale

from segnb.choose_k import (
    decide,
    evidence,
    evidence_rows,
    limits,
    line_density,
    segment_flows,
    segment_origins,
    segment_stability,
    silhouettes,
    summary,
    valleys,
)
from segnb.choose_k.resampling import bar, make_frame, prediction_strength, references, uniform_draw
from segnb.choose_k.separation import likelihoods
from segnb.errors import DataError

QUICK = {"n_init": 3, "n_boot": 4, "n_refs": 5}


@pytest.fixture(scope="module")
def blobs():
    X, _ = make_blobs([60, 50, 40], centers=[[0, 0], [8, 0], [0, 9]], random_state=0)
    return pd.DataFrame(X, columns=["a", "b"])


@pytest.fixture(scope="module")
def blob_evidence(blobs):
    return evidence(blobs, k_max=5, **QUICK)


@settings(max_examples=40, deadline=None)
@given(st.integers(4, 60), st.integers(1, 5), st.sampled_from([0.0, 1e4]), st.booleans(), st.integers(0, 2**31))
def test_silhouettes_equal_scikit_learns(n_rows, n_columns, offset, single, seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, n_columns)).round(1) + offset
    X = X.astype("float32") if single else X
    labelings = [rng.permutation(np.arange(n_rows) % k) for k in range(2, min(6, n_rows))]
    found = silhouettes(X, labelings, block_bytes=n_rows * 8 * 7)
    exact = cdist(X.astype(float), X.astype(float))
    for labels, scores in zip(labelings, found.T):
        np.testing.assert_allclose(scores, silhouette_samples(exact, labels, metric="precomputed"), atol=1e-6)


def test_customer_alone_in_a_segment_has_silhouette_0():
    X = np.array([[0.0], [0.1], [9.0]])
    assert silhouettes(X, [np.array([0, 0, 1])])[2, 0] == 0


@pytest.mark.parametrize("labels", [[0, 0, 0], [0, 1, 2], [0, 1]])
def test_labelings_without_a_silhouette_are_refused(labels):
    with pytest.raises(ValueError, match="labeling has"):
        silhouettes(np.zeros((3, 1)), [np.array(labels)])


def test_evidence_equals_scikit_learn(blobs, blob_evidence):
    rows = make_frame(blobs, 1000, seed=0).rows
    np.testing.assert_allclose(sorted(pdist(rows)), sorted(pdist(blobs)), atol=1e-12)
    for row in blob_evidence[blob_evidence["k"] > 1].itertuples():
        model = KMeans(row.k, n_init=3, random_state=0).fit(rows)
        assert row.inertia == pytest.approx(model.inertia_)
        assert row.all_rows_inertia == pytest.approx(model.inertia_)
        assert row.silhouette == pytest.approx(silhouette_samples(rows, model.labels_).mean(), abs=1e-6)
        assert row.calinski_harabasz == pytest.approx(calinski_harabasz_score(rows, model.labels_))
        assert row.davies_bouldin == pytest.approx(davies_bouldin_score(rows, model.labels_))
        assert row.smallest_share == pytest.approx(np.bincount(model.labels_).min() / len(blobs))


def test_evidence_has_no_gaps_but_for_one_segment(blob_evidence):
    assert blob_evidence["k"].tolist() == [1, 2, 3, 4, 5]
    assert blob_evidence.iloc[1:].notna().all().all()


def test_separate_groups_are_found(blob_evidence):
    choice = decide(blob_evidence)
    assert (choice.k, choice.verdict) == (3, "natural")
    assert set(choice.favourites.values()) == {3}
    assert choice.separated
    assert choice.depth == 0


def test_person_overrides_and_the_reasons_say_so(blob_evidence):
    choice = decide(blob_evidence, k=4)
    assert choice.overridden
    assert choice.k == 4
    assert any("set by hand; the evidence alone suggests k = 3" in reason for reason in choice.reasons)


def test_k_that_was_not_tried_is_refused(blob_evidence):
    with pytest.raises(DataError, match="k=9 was not tried"):
        decide(blob_evidence, k=9)


def test_smallest_share_limits_k_and_the_reasons_say_so(blob_evidence):
    small = blob_evidence.assign(all_rows_smallest_share=[1, 0.3, 0.01, 0.01, 0.01])
    choice = decide(small)
    assert choice.k == 2
    assert any("k = 3 has valleys too, but leaves a segment below 2%" in reason for reason in choice.reasons)
    flat = small.assign(valley_depth=1.0)
    assert any(
        "though some segment is too small at every k" in reason for reason in decide(flat, min_share=0.4).reasons
    )


def test_shop_is_natural(published):
    choice = decide(pd.read_csv(published / "evidence.csv"))
    assert (choice.k, choice.verdict, choice.separated) == (5, "natural", True)


@pytest.mark.parametrize("k_min", [2, 3, 4])
def test_structureless_rows_have_no_structure_whatever_k_min(k_min):
    cloud = pd.DataFrame(np.random.default_rng(0).normal(size=(300, 3)))
    choice = decide(evidence(cloud, k_min, 5, **QUICK))
    assert not choice.structure
    assert choice.k >= k_min


def test_prediction_strength_of_one_tight_and_one_cut_group():
    rng = np.random.default_rng(0)
    X = np.r_[rng.normal(size=(100, 2)), rng.normal(20, 1, size=(100, 2))]
    assert prediction_strength(X, 2, seed=0)[0] == pytest.approx(1)
    assert prediction_strength(X, 3, seed=0)[0] < 0.8


@pytest.mark.parametrize("n_rows", [3, 4, 7, 12])
def test_few_customers_are_enough_for_a_stated_verdict(n_rows):
    X = pd.DataFrame(np.random.default_rng(0).normal(size=(n_rows, 2)))
    table = evidence(X, k_max=n_rows - 1, **QUICK)
    assert table.iloc[1:].notna().all().all()
    assert 2 <= decide(table).k < n_rows


def test_tied_values_are_no_fault():
    X = pd.DataFrame(np.random.default_rng(0).integers(0, 3, (60, 2)).astype(float))
    assert evidence(X, k_max=8, **QUICK).iloc[1:].notna().all().all()


@pytest.fixture(scope="module")
def many():
    X, _ = make_blobs([3000, 2000, 1000], centers=[[0, 0], [8, 0], [0, 9]], random_state=1)
    return X.astype("float32")


def test_sample_is_used_and_said_and_all_rows_are_counted(many):
    table = evidence(many, k_max=4, sample_rows=500, **QUICK).set_index("k")
    assert set(table["rows"]) == {500}
    assert set(table["all_rows"]) == {6000}
    assert table.loc[3, "all_rows_smallest_share"] == pytest.approx(1000 / 6000, abs=0.002)
    assert table.loc[3, "all_rows_largest_share"] == pytest.approx(3000 / 6000, abs=0.002)
    best = KMeans(3, n_init=3, random_state=0).fit(many).inertia_
    assert best <= table.loc[3, "all_rows_inertia"] * (1 + 1e-6) <= 1.01 * best
    total = ((many - many.mean(axis=0, dtype=float)) ** 2).sum()
    assert table.loc[1, "all_rows_inertia"] == pytest.approx(total, rel=0.02)


def changed(X, how, rng):
    """Return the matrix changed as said, and by how much its inertia grows."""
    if how == "rows":
        return X[rng.permutation(len(X))], 1
    if how == "columns":
        return X[:, rng.permutation(X.shape[1])], 1
    return (X + 1000, 1) if how == "shift" else (X * 32, 32**2)


@settings(max_examples=20, deadline=None)
@given(
    st.sampled_from(["rows", "columns", "shift", "scale"]),
    st.integers(20, 60),
    st.integers(1, 4),
    st.sampled_from([1000, 20]),
    st.integers(0, 2**31),
)
def test_order_shift_and_scale_change_no_figure(how, n_rows, n_columns, sample_rows, seed):
    rng = np.random.default_rng(seed)
    X = rng.gamma(2, size=(n_rows, n_columns))
    quick = {"k_max": 3, "n_init": 1, "n_boot": 2, "n_refs": 2, "sample_rows": sample_rows}
    other, grown = changed(X, how, rng)
    scaled = ["inertia", "all_rows_inertia"]
    before, after = evidence(X, **quick), evidence(other, **quick)
    after[scaled] /= grown
    np.testing.assert_allclose(after, before, rtol=1e-6, atol=1e-6)


@settings(max_examples=25, deadline=None)
@given(st.integers(8, 40), st.integers(2, 4), st.integers(0, 2**31))
def test_relabelling_changes_nothing(n_rows, k, seed):
    rng = np.random.default_rng(seed)
    X, names = rng.normal(size=(n_rows, 2)), rng.permutation(k)
    labels = rng.permutation(np.arange(n_rows) % k)
    np.testing.assert_allclose(silhouettes(X, [labels]), silhouettes(X, [names[labels]]), atol=1e-6)
    found = [segment_origins({k: labels // 2, k + 1: each}) for each in (labels, names[labels])]
    assert sorted(found[0]["entropy"].dropna()) == pytest.approx(sorted(found[1]["entropy"].dropna()))


@settings(max_examples=25, deadline=None)
@given(st.integers(6, 50), st.integers(2, 4), st.integers(0, 2**31))
def test_segment_stability_is_the_jaccard_index_of_scikit_learn(n_rows, k, seed):
    rng = np.random.default_rng(seed)
    X, labels = rng.normal(size=(n_rows, 2)), rng.permutation(np.arange(n_rows) % k)
    frame = make_frame(X, n_rows, seed=0)
    of, scores = labels[frame.positions], []
    for number in range(2):  # each row of the resample counts once, and only these rows
        rows = np.unique(np.random.default_rng([0, number]).integers(n_rows, size=n_rows))
        found = KMeans(min(k, len(rows)), n_init=3, random_state=number).fit_predict(frame.rows[rows])
        scores.append(
            [max(jaccard_score(of[rows] == j, found == i, zero_division=0) for i in set(found)) for j in range(k)]
        )
    np.testing.assert_allclose(segment_stability(X, labels, n_boot=2)["jaccard"], np.mean(scores, axis=0))


@settings(max_examples=25, deadline=None)
@given(st.integers(10, 60), st.integers(0, 2**31))
def test_origins_add_up_to_scikit_learns_homogeneity(n_rows, seed):
    rng = np.random.default_rng(seed)
    before, after = rng.permutation(np.arange(n_rows) % 3), rng.permutation(np.arange(n_rows) % 4)
    origins = segment_origins({3: before, 4: after}).query("k == 4")
    conditional = origins["entropy"] @ np.bincount(after) / n_rows
    whole = entropy(np.bincount(before))
    assert homogeneity_score(before, after) == pytest.approx(1 - conditional / whole)
    np.testing.assert_allclose(origins["slsa"], 1 - origins["entropy"] / np.log(3))


def test_segment_that_is_cut_at_random_is_the_unstable_one():
    rng = np.random.default_rng(0)
    X = np.r_[rng.normal(size=(200, 2)), rng.normal(30, 1, size=(100, 2))]
    labels = np.r_[(X[:200, 0] > 0).astype(int), np.full(100, 2)]
    found = segment_stability(X, {3: labels}, n_boot=20)
    assert (found["jaccard"] >= 0.75).tolist() == [False, False, True]
    assert found["light"].iloc[2] in ("stable", "highly stable")
    assert found["customers"].tolist() == np.bincount(labels).tolist()


@pytest.mark.parametrize("names", [["b", "a", "c"], [7, 2, 40], [False, True, True]])
def test_stability_of_labels_of_any_kind_on_a_plain_table(blobs, names):
    labels = KMeans(3, n_init=3, random_state=0).fit_predict(blobs)
    table = blobs.set_index(np.arange(150)[::-1] * 3)
    own = pd.Series(np.asarray(names)[labels], index=table.index)
    found = segment_stability(table, own, n_boot=5)
    assert found["segment"].tolist() == sorted(set(names))
    assert found.set_index("segment")["customers"].to_dict() == own.value_counts().to_dict()
    pd.testing.assert_frame_equal(segment_stability(table.to_numpy(), own.tolist(), n_boot=5), found)
    if len(set(names)) == 3:
        of_k = segment_stability(blobs, {3: labels}, n_boot=5).set_index("segment")["jaccard"]
        np.testing.assert_allclose(found.set_index("segment")["jaccard"].loc[names], of_k)


@pytest.mark.parametrize(
    ("labels", "message"),
    [([0, 1], "2 labels for 3 rows"), (["a", None, "b"], "1 missing"), ([5, 5, 5], "1 different labels")],
)
def test_stability_of_no_labeling_is_refused(labels, message):
    with pytest.raises(DataError, match=message):
        segment_stability(np.arange(3.0)[:, None], labels)


def test_evidence_of_mixed_number_types_is_that_of_their_values(blobs, blob_evidence):
    mixed = blobs.assign(a=blobs["a"].astype(object), b=blobs["b"].astype("Float64"))
    with pytest.raises(DataError, match="aren.t numbers: a"):
        evidence(mixed, k_max=5, **QUICK)
    pd.testing.assert_frame_equal(evidence(mixed.astype({"a": "Float64"}), k_max=5, **QUICK), blob_evidence)


def test_flows_count_every_customer_at_every_k(blobs):
    labelings = {k: KMeans(k, n_init=3, random_state=0).fit_predict(blobs) for k in (2, 3, 4)}
    flows = segment_flows(blobs, labelings, 3)
    assert flows.groupby("k")["customers"].sum().to_dict() == {2: 150, 3: 150}
    into = flows[flows["next_k"] == 4].groupby("next_segment")["customers"].sum()
    assert into.tolist() == np.bincount(labelings[4]).tolist()


def elongated(rng):
    """Two elongated segments in three dimensions, one above the other: model (e) of the gap statistic's paper."""
    t = np.linspace(-0.5, 0.5, 100)[:, None] + rng.normal(0, 0.1, (2, 100, 3))
    return np.concatenate([t[0], t[1] + 10])


def null(rng):
    """One segment, uniform in ten dimensions: model (a) of the paper."""
    return rng.uniform(size=(200, 10))


@pytest.mark.parametrize(("draw", "k"), [(elongated, 2), (null, 1)])
def test_gap_on_the_papers_simulations(draw, k):
    """The paper's table 1 has gap along the principal axes right in 50 of 50 draws of both models."""
    rng = np.random.default_rng(0)
    named = []
    for _ in range(10):
        rows = make_frame(draw(rng), 1000, seed=0).rows
        models = {each: KMeans(each, n_init=5, random_state=0).fit(rows) for each in range(1, 6)}
        named.append(references(rows, models, 20, 0, uniform_draw(rows))["gap_k"].iloc[0])
    assert named.count(k) >= 9


def _valley_by_hand(rows, labels, one, other):
    """Return depth and p of a pair as the definition reads: row by row, with scipy's sign test."""
    pair = rows[(labels == one) | (labels == other)]
    start, end = rows[labels == one].mean(axis=0), rows[labels == other].mean(axis=0)
    t = (pair - start) @ (end - start) / ((end - start) @ (end - start))
    near, far, *middles = (int((abs(t - place) <= 0.15).sum()) for place in (0, 1, 0.4, 0.5, 0.6))
    chances = [
        max(binomtest(m, m + side, alternative="less").pvalue if m + side else 1 for side in (near, far))
        for m in middles
    ]
    return min(middles) / max(min(near, far), 1), min(1, 3 * min(chances))


@settings(max_examples=30, deadline=None)
@given(st.integers(12, 80), st.integers(1, 4), st.integers(2, 4), st.integers(0, 2**31))
def test_valleys_are_those_of_the_definition(n_rows, n_columns, k, seed):
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(n_rows) % k)
    rows = rng.normal(size=(n_rows, n_columns)) + 2 * labels[:, None]
    found = valleys(rows, labels)
    assert len(found) == k * (k - 1) / 2
    assert found["depth"].is_monotonic_decreasing
    for pair in found.itertuples():
        np.testing.assert_allclose([pair.depth, pair.p], _valley_by_hand(rows, labels, pair.segment, pair.other))


def test_valley_needs_a_between():
    yes_no = np.repeat([[0.0, 1.0], [1.0, 0.0]], 30, axis=0)
    found = valleys(yes_no, np.repeat(["a", "b"], 30))
    assert found.loc[0, "depth"] >= found.loc[0, "p"] == 1
    counts = np.random.default_rng(0).poisson(2, size=(900, 1)).astype(float)
    assert valleys(counts, (counts[:, 0] > 2).astype(int))["depth"].iloc[0] > 0.9


def test_likelihoods_are_scipys_and_scikit_learns(blobs):
    rows = make_frame(blobs / np.sqrt(blobs.var(ddof=0).mean()), 1000, seed=0).rows
    models = {k: KMeans(k, n_init=5, random_state=0).fit(rows) for k in (1, 2, 3)}
    table = likelihoods(rows, models, seed=0)
    for k, model in models.items():
        width = np.sqrt(model.inertia_ / rows.size)
        log_shares = np.log(np.bincount(model.labels_) / len(rows))[model.labels_]
        classified = norm.logpdf(rows, model.cluster_centers_[model.labels_], width).sum() + log_shares.sum()
        penalty = (rows.shape[1] * k + k) * np.log(len(rows))
        constant = rows.size * (1 + np.log(2 * np.pi))
        assert table.loc[k, "classification"] == pytest.approx(-2 * classified + penalty - constant)
        for shape in ("spherical", "tied", "diag"):
            free = GaussianMixture(k, covariance_type=shape, n_init=5, reg_covar=1e-4, random_state=0).fit(rows)
            assert table.loc[k, f"bic_{shape}"] == pytest.approx(free.bic(rows), rel=0.01)


def test_gap_gives_the_rows_as_many_starts_as_the_references():
    rows = make_frame(np.random.default_rng(3).uniform(size=(400, 2)), 400, seed=0).rows
    models = {k: KMeans(k, n_init=10, random_state=0).fit(rows) for k in range(1, 9)}
    table = references(rows, models, 10, 0, uniform_draw(rows))
    assert ((table["gap"] - table["gap"].iloc[0]).abs() < 3 * table["gap_se"]).all()


def test_gap_that_rises_without_end_names_no_k(blob_evidence):
    rising = decide(blob_evidence.assign(gap_k=np.nan))
    assert "gap" not in rising.favourites
    assert not any("gap" in sentence for sentence in [*rising.reasons, *rising.disagreement])


def test_one_segment_is_nobodys_favourite(blob_evidence):
    weak = blob_evidence.assign(prediction_strength=[1.0, 0.5, 0.5, 0.5, 0.5])
    assert "prediction strength" not in decide(weak).favourites
    assert all(k > 1 for k in decide(blob_evidence).favourites.values())


def test_eight_segments_of_unequal_size_are_allowed():
    shares = 0.6 ** np.arange(8) + 0.04
    sizes = np.round(1500 * shares / shares.sum()).astype(int)
    X = np.repeat(8.0 * np.eye(8), sizes, axis=0) + np.random.default_rng(0).normal(size=(sizes.sum(), 8))
    assert decide(evidence(X, n_init=10, n_boot=5, n_refs=3)).k == 8


def test_figures_are_those_of_fpc(prepared):
    """R's fpc 2.2 on these features: clusterboot (B = 50), prediction.strength (M = 50), kmeansCBI with ten runs."""
    found = segment_stability(prepared.features, KMeans(5, n_init=10, random_state=0).fit_predict(prepared.features))
    published = {535: 0.984, 457: 0.969, 344: 0.992, 265: 0.986, 362: 0.984}
    np.testing.assert_allclose(found["jaccard"], found["customers"].map(published), atol=0.02)
    rows = make_frame(prepared.features, 5000, seed=0).rows
    strengths = {2: 0.931, 3: 0.814, 4: 0.831, 5: 0.913, 6: 0.446, 7: 0.381, 8: 0.375, 9: 0.375, 10: 0.355}
    for k, strength in strengths.items():
        mean, error = prediction_strength(rows, k, seed=0)
        assert mean == pytest.approx(strength, abs=max(0.03, 3 * error))


@pytest.mark.parametrize(
    ("load", "k", "verdict", "agreement"),
    [
        (load_iris, 2, "natural", 0.57),
        (load_wine, 3, "natural", 0.90),
        (load_breast_cancer, 2, "reproducible", 0.65),
        (load_digits, 2, "constructed", 0.14),
    ],
)
def test_tables_with_known_classes(load, k, verdict, agreement):
    data, classes = load(return_X_y=True)
    X = scale(data[:, data.std(axis=0) > 0])
    choice = decide(evidence(X, k_max=8, n_boot=10))
    assert (choice.k, choice.verdict) == (k, verdict)
    labels = KMeans(k, n_init=10, random_state=0).fit_predict(X)
    assert adjusted_rand_score(classes, labels) == pytest.approx(agreement, abs=0.01)
    assert any("see them with -p k=3" in reason for reason in choice.reasons) == (load is load_iris)


@pytest.mark.parametrize("n_rows", [12, 49, 50])
def test_verdict_on_few_customers_says_what_they_can_show(n_rows):
    table = evidence(np.random.default_rng(0).normal(size=(n_rows, 2)), k_max=4, **QUICK)
    assert ("too few to tell a gap" in decide(table).sentence()) == (n_rows < 50)


@st.composite
def drawn_evidence(draw):
    """Return a table of evidence with any figures, as no data may have them, and how well segments are found again."""
    ks = np.arange(1, draw(st.integers(3, 8)))
    rng = np.random.default_rng(draw(st.integers(0, 2**31)))
    some = {name: rng.uniform(low, high, len(ks)) for name, (low, high) in DRAWN.items()}
    strong = draw(st.sampled_from([0.0, 0.7]))
    come_back = {name: rng.uniform(strong, 1, len(ks)) for name in ("prediction_strength", "stability")}
    sizes = {"rows": 900, "all_rows": draw(st.sampled_from([40, 900]))}
    pair = {"valley_segment": 1, "valley_other": 2, "gap_k": draw(st.sampled_from([1, 2, np.nan]))}
    table = pd.DataFrame({"k": ks} | some | come_back | sizes | pair)
    table.loc[0, ["valley_depth", "valley_p", "stability", "silhouette"]] = np.nan
    return table, rng.uniform(draw(st.sampled_from([0.3, 0.8])), 1, 9)


DRAWN = {
    **dict.fromkeys(("silhouette", "calinski_harabasz", "davies_bouldin", "valley_p", "below_zero_share"), (0, 1)),
    **dict.fromkeys(("classification", "bic_spherical", "bic_tied", "bic_diag", "inertia"), (-9, 9)),
    **dict.fromkeys(("smallest_share", "all_rows_smallest_share"), (0, 0.1)),
    **{"all_rows_largest_share": (0.3, 0.9), "valley_depth": (0, 1.5), "valley_reference": (0.8, 1.2)},
}


@settings(max_examples=300, deadline=None)
@given(drawn_evidence(), st.booleans())
def test_no_two_sentences_contradict_each_other(drawn, by_hand):
    table, jaccards = drawn
    choice = decide(table, k=2 if by_hand else 0)
    row = table.set_index("k").loc[choice.k]
    lights = pd.DataFrame({"segment": range(1, choice.k + 1), "jaccard": jaccards[: choice.k]})
    said = summary(choice, lights)
    text = " ".join([choice.sentence(), *choice.reasons, *choice.disagreement, said, limits(table, choice, 3)])
    comes_back = min(row["prediction_strength"], row["stability"]) >= 0.8
    assert (choice.verdict != "constructed") == comes_back
    assert (choice.verdict == "natural") == (comes_back and choice.separated)
    assert choice.structure or not choice.separated or row["all_rows_smallest_share"] < 0.02
    assert ("the borders move" in text) != comes_back
    assert ("plans can be built on them" in said) == (choice.verdict == "natural")
    assert ("Each single segment is found again" in said) == (comes_back and (lights["jaccard"] >= 0.75).all())
    assert ("the customers fall into groups" in text) == (choice.verdict == "natural")
    assert ("Without groups" in text) == (not choice.structure)
    assert ("there are groups" in text.lower()) <= choice.structure
    assert ("At no k is there a valley" in text) != ("each pair has a valley between them" in text)
    assert ("agree on k =" in text) != ("do not agree on a k" in text)
    assert not any(f"{name} would choose k = {choice.k}" in text for name in choice.favourites)
    assert all(f"By itself, {name} would" in text for name, k in choice.favourites.items() if k != choice.k)
    assert ("set by hand" in text) == by_hand


def test_shared_values_are_no_groups():
    counts = 1 + np.random.default_rng(0).geometric(0.5, size=(800, 3)) // 2
    table = evidence(counts, k_max=4, **QUICK)
    assert not decide(table).structure


def test_constant_column_changes_nothing(blobs, blob_evidence):
    with_constant = evidence(blobs.assign(constant=3.0), k_max=5, **QUICK)
    np.testing.assert_allclose(with_constant, blob_evidence, rtol=1e-6)


@pytest.mark.parametrize("shape", [(60, 1), (40, 300)])
def test_one_column_and_more_columns_than_rows_get_a_verdict(shape):
    table = evidence(np.random.default_rng(0).normal(size=shape), k_max=4, **QUICK)
    assert table.iloc[1:].notna().all().all()
    assert decide(table).verdict in ("natural", "reproducible", "constructed")


@pytest.mark.parametrize(
    ("X", "options", "message"),
    [
        ([[1.0], [np.nan], [2.0]], {"k_max": 2}, "missing or infinite values; fill or drop them"),
        ([[1.0], [np.inf], [2.0]], {"k_max": 2}, "missing or infinite"),
        ([[1.0], [2.0]], {"k_max": 2}, "k=2 is not less than the 2 customers"),
        (np.arange(50.0)[:, None], {"k_max": 9, "sample_rows": 9}, "k=9 is not less than the 9 .* raise sample_rows"),
        ([[1.0]] * 9, {"k_max": 3}, "k=3 is more than the 1 distinct customers; lower k"),
        ([[1.0], [2.0]] * 9, {"k_max": 3}, "k=3 is more than the 2 distinct customers"),
        ([[1.0], [2.0], [3.0], [4.0]], {"k_min": 3, "k_max": 2}, "k_min=3 and k_max=2: needs 2 ≤ k_min ≤ k_max"),
        ([[1.0], [2.0], [3.0]], {"k_min": 1, "k_max": 2}, "k_min=1"),
        (np.zeros((20, 10_000)), {}, "10,000 columns, at most 2,000 .* choose features"),
        (np.zeros((0, 3)), {}, r"shape \(0, 3\)"),
        (np.zeros(7), {}, r"shape \(7,\)"),
        (pd.DataFrame({"a": [1.0] * 9, "town": ["x"] * 9}), {}, "aren.t numbers: town; encode or drop"),
        (np.arange(50.0)[:, None], {"n_boot": 1}, "n_boot=1: needs at least 2"),
        (np.arange(50.0)[:, None], {"n_refs": 0}, "n_refs=0: needs at least 1"),
        (np.arange(50.0)[:, None], {"n_init": 0}, "n_init=0: needs at least 1"),
    ],
)
def test_impossible_evidence_is_refused(X, options, message):
    with pytest.raises(ValueError, match=message) as refused:
        evidence(X, **({"k_max": 4} | QUICK | options))
    assert isinstance(refused.value, DataError)


@pytest.mark.parametrize("verdict", ["natural", "reproducible", "constructed"])
def test_summary_says_what_was_found(blobs, blob_evidence, verdict):
    labels = KMeans(3, n_init=3, random_state=0).fit_predict(blobs)
    stability = segment_stability(blobs, {3: labels}, n_boot=3)
    choice = replace(decide(blob_evidence, k=3), verdict=verdict)
    text = summary(choice, stability)
    assert "customers (" not in text, "sizes are told by step 4, whose fit may be another"
    found_again = (
        "Most customers of each single segment" if verdict == "constructed" else "Each single segment is found"
    )
    assert found_again in text
    assert "set by hand" in text
    named = "segments 1 and 3." if verdict == "constructed" else "segments 1 and 3 would look different"
    assert named in summary(choice, stability.assign(jaccard=[0.5, 0.9, 0.7]))
    assert "segment 2" in summary(choice, stability.assign(jaccard=[0.9, 0.5, 0.8]))
    assert summary(choice, segment_stability(blobs, labels + 1, n_boot=3)) == text


def test_columns_of_two_values_have_no_line_between_segments():
    levels = pd.get_dummies(pd.Series(list("abc") * 20)).astype(float)
    assert line_density(levels, list("abc") * 20, "a", "b").empty


def test_limits_name_the_sample_the_range_and_the_other_opinions(many):
    table = evidence(many, k_max=4, sample_rows=500, **QUICK)
    text = limits(table, decide(table, k=4), columns=2)
    assert "random 500 of the 6,000 customers" in text
    assert "k = 4 is the largest that was tried" in text
    assert "Some single figures would have chosen another k (3)." in text
    assert "largest that was tried" not in limits(table, decide(table), columns=2)
    assert "Only 3 pairs of samples were drawn" in limits(table, decide(table), columns=2, n_boot=3)
    assert "pairs of samples" not in limits(table, decide(table), columns=2, n_boot=50)


def test_long_loops_show_how_far_they_are(blobs, capsys, monkeypatch):
    for module in ("evidence", "resampling"):
        monkeypatch.setattr(sys.modules[f"segnb.choose_k.{module}"], "bar", partial(bar, delay=0, mininterval=0))
    evidence(blobs, k_max=3, **QUICK)
    shown = capsys.readouterr().err
    assert "gap references: 100%" in shown
    assert "resamples for each k: 100%" in shown


def test_pictures_are_drawn_from_the_rows_of_the_evidence():
    centres = np.repeat([[0.0, 0.0], [3.0, 0.0], [0.0, 4.0]], 300, axis=0)
    X = pd.DataFrame(centres + np.random.default_rng(5).normal(size=(900, 2)), columns=["a", "b"])
    table = evidence(X, k_max=3, n_boot=2, n_refs=2, sample_rows=200, seed=4).set_index("k")
    rows = evidence_rows(X, 200, seed=4)
    assert len(rows) == 200
    model = KMeans(3, n_init=10, random_state=0).fit(rows)
    assert silhouette_score(rows, model.labels_) == pytest.approx(table.loc[3, "silhouette"], abs=1e-6)
    assert evidence_rows(X, 900) is X


def test_evidence_is_that_of_the_fits_that_are_given():
    X = pd.DataFrame(np.random.default_rng(0).normal(size=(400, 3)), columns=list("abc"))
    rows = evidence_rows(X, 300, seed=1)
    fits = {k: KMeans(k, n_init=1, init="random", max_iter=2, random_state=3).fit(rows) for k in (2, 3, 4)}
    table = evidence(X, k_max=4, n_boot=2, n_refs=2, sample_rows=300, seed=1, fits=fits).set_index("k")
    alone = evidence(X, k_max=4, n_boot=2, n_refs=2, sample_rows=300, seed=1).set_index("k")
    assert (table["inertia"][2:] > alone["inertia"][2:] + 1).all()
    for k, model in fits.items():
        row, scores = table.loc[k], silhouette_samples(rows, model.labels_)
        assert row["inertia"] == pytest.approx(model.inertia_)
        assert row["smallest_share"] == np.bincount(model.labels_).min() / 300
        assert row["below_zero_share"] == (scores < 0).mean()
        assert row["davies_bouldin"] == pytest.approx(davies_bouldin_score(rows, model.labels_))
        nearest = np.bincount(model.predict(X)) / 400
        assert [row["all_rows_smallest_share"], row["all_rows_largest_share"]] == [nearest.min(), nearest.max()]
    pd.testing.assert_series_equal(table.loc[1], alone.loc[1])


def test_a_single_k_flows_nowhere():
    assert segment_flows(np.eye(3), {2: np.array([0, 0, 1])}, 2).empty


@pytest.mark.parametrize(
    ("tried", "message"), [(range(2, 9), "k=8 is not less than the 8"), (range(2, 5), "k=4 is more")]
)
def test_rows_for_more_segments_than_they_can_hold_are_refused_before_a_fit(tried, message):
    rows = pd.DataFrame({"a": [0.0, 1, 2, 0, 1, 2, 0, 1]})
    with pytest.raises(DataError, match=message):
        evidence_rows(rows, tried=tried)
