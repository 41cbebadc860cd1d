"""Step 2: figures equal scikit-learn's, and the decision finds planted segments and none where there are none."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from sklearn.cluster import KMeans
from sklearn.datasets import make_blobs
from sklearn.metrics import calinski_harabasz_score, davies_bouldin_score, silhouette_samples

from segnb.choose_k import decide, evidence, silhouettes
from segnb.choose_k.resampling import prediction_strength
from segnb.errors import DataError
from segnb.samples import structureless_twin

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
    for row in blob_evidence[blob_evidence["k"] > 1].itertuples():
        model = KMeans(row.k, n_init=3, random_state=0).fit(blobs)
        assert row.inertia == pytest.approx(model.inertia_)
        assert row.silhouette == pytest.approx(silhouette_samples(blobs, model.labels_).mean(), abs=1e-6)
        assert row.calinski_harabasz == pytest.approx(calinski_harabasz_score(blobs, model.labels_))
        assert row.davies_bouldin == pytest.approx(davies_bouldin_score(blobs, model.labels_))
        assert row.smallest_share == pytest.approx(np.bincount(model.labels_).min() / len(blobs))


def test_evidence_has_no_gaps_but_for_one_segment(blob_evidence):
    assert blob_evidence["k"].tolist() == [1, 2, 3, 4, 5]
    assert blob_evidence.iloc[1:].notna().all().all()


def test_separate_groups_are_found(blob_evidence):
    choice = decide(blob_evidence)
    assert (choice.k, choice.verdict) == (3, "natural")
    assert set(choice.favourites.values()) == {3}


def test_person_overrides_and_the_reasons_say_so(blob_evidence):
    choice = decide(blob_evidence, k=4)
    assert choice.overridden
    assert choice.k == 4
    assert any("set by hand; the evidence alone suggests k = 3" in reason for reason in choice.reasons)


def test_k_that_was_not_tried_is_refused(blob_evidence):
    with pytest.raises(DataError, match="k=9 was not tried"):
        decide(blob_evidence, k=9)


def test_smallest_share_limits_k(blob_evidence):
    small = blob_evidence.assign(smallest_share=[1, 0.3, 0.02, 0.02, 0.02], prediction_strength=[1, 0.9, 0.9, 0.3, 0.3])
    assert decide(small).k == 2
    assert decide(small, min_share=0.4).reasons[1].startswith("Every k leaves a segment below 40%")


def test_shop_is_natural_and_its_twin_constructed(prepared):
    assert (lambda choice: (choice.k, choice.verdict))(decide(evidence(prepared.features))) == (5, "natural")
    twin = structureless_twin(prepared.features)
    choice = decide(evidence(twin))
    assert (choice.structure, choice.verdict) == (False, "constructed")


@pytest.mark.parametrize("k_min", [2, 3, 4])
def test_structureless_rows_have_no_structure_whatever_k_min(k_min):
    cloud = pd.DataFrame(np.random.default_rng(0).normal(size=(300, 3)))
    choice = decide(evidence(cloud, k_min, 5, **QUICK))
    assert not choice.structure
    assert choice.k >= k_min


def test_prediction_strength_of_one_tight_and_one_cut_group():
    rng = np.random.default_rng(0)
    X = np.r_[rng.normal(size=(100, 2)), rng.normal(20, 1, size=(100, 2))]
    assert prediction_strength(X, 2, seed=0) == pytest.approx(1)
    assert prediction_strength(X, 3, seed=0) < 0.8


@pytest.mark.parametrize("n_rows", [3, 4, 7, 12])
def test_few_customers_are_enough_for_a_stated_verdict(n_rows):
    X = pd.DataFrame(np.random.default_rng(0).normal(size=(n_rows, 2)))
    table = evidence(X, k_max=n_rows - 1, **QUICK)
    assert table.iloc[1:].notna().all().all()
    assert 2 <= decide(table).k < n_rows


def test_tied_values_are_no_fault():
    X = pd.DataFrame(np.random.default_rng(0).integers(0, 3, (60, 2)).astype(float))
    assert evidence(X, k_max=8, **QUICK).iloc[1:].notna().all().all()


def test_sample_is_used_and_said(blobs):
    table = evidence(blobs, k_max=3, sample_rows=100, **QUICK)
    assert set(table["rows"]) == {100}


@pytest.mark.parametrize(
    ("X", "ks", "message"),
    [
        ([[1.0], [np.nan], [2.0]], (2, 2), "missing or infinite"),
        ([[1.0], [np.inf], [2.0]], (2, 2), "missing or infinite"),
        ([[1.0], [2.0]], (2, 2), "k=2 is not less than the 2 customers"),
        ([[1.0]] * 9, (2, 3), "k=3 is more than the 1 distinct customers"),
        ([[1.0], [2.0], [3.0], [4.0]], (3, 2), "needs 2 ≤ k_min ≤ k_max"),
    ],
)
def test_impossible_evidence_is_refused(X, ks, message):
    with pytest.raises(DataError, match=message):
        evidence(pd.DataFrame(X), *ks, **QUICK)
