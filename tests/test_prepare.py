"""Step 1: cleaning is counted, the pipeline is scikit-learn's, and the way back leads to the original units."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import skew
from sklearn.preprocessing import PowerTransformer, StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from segnb.errors import DataError
from segnb.prepare import original_units, prepare
from segnb.prepare.pipeline import Clipper, SkewTamer, Weigher, skewness

PLAIN = {"missing": "median", "outliers": "keep", "transform": "none", "scale": "none"}


@parametrize_with_checks([Clipper(), Clipper("clip"), Weigher()])
def test_transformers_keep_scikit_learns_rules(estimator, check):
    check(estimator)


def test_skewness_is_scipys():
    values = np.random.default_rng(0).lognormal(size=(200, 3))
    np.testing.assert_allclose(skewness(values), skew(values))


def test_auto_is_yeo_johnson_for_skewed_columns_only():
    rng = np.random.default_rng(0)
    X = np.c_[rng.lognormal(size=500), rng.normal(size=500)]
    tamed = SkewTamer().fit_transform(X)
    np.testing.assert_allclose(tamed[:, 0], PowerTransformer(standardize=False).fit_transform(X)[:, 0])
    np.testing.assert_allclose(tamed[:, 1], X[:, 1])


def test_winsorising_pulls_in_to_the_quantiles():
    X = np.arange(1001.0)[:, None]
    clipped = Clipper("winsorise", q=0.01).fit_transform(X)
    assert (clipped.min(), clipped.max()) == (10, 990)


def test_column_of_mostly_one_value_is_not_flattened():
    X = np.r_[np.zeros(95), np.arange(1, 6)][:, None]
    np.testing.assert_array_equal(Clipper("clip").fit_transform(X), X)


def test_nothing_chosen_leaves_the_matrix_as_it_is():
    table = pd.DataFrame(np.random.default_rng(0).normal(size=(50, 3)), columns=list("abc"))
    np.testing.assert_array_equal(prepare(table, list("abc"), **PLAIN).features, table)


def test_standard_scale_is_scikit_learns():
    table = pd.DataFrame({"a": [1.0, 2, 4, 8], "b": [3.0, 1, 2, 0]})
    made = prepare(table, ["a", "b"], **PLAIN | {"scale": "standard"})
    np.testing.assert_allclose(made.features, StandardScaler().fit_transform(table))


def test_quantile_transform_is_normal_and_warns_of_nothing():
    table = pd.DataFrame({"a": np.random.default_rng(0).lognormal(size=60)})
    made = prepare(table, ["a"], **PLAIN | {"transform": "quantile"})
    assert abs(skew(made.features["a"])) < 0.1


def test_weight_multiplies_the_squared_distance():
    table = pd.DataFrame({"a": [0.0, 1], "b": [0.0, 1]})
    made = prepare(table, ["a", "b"], **PLAIN, weights={"a": 4.0})
    assert ((made.features.iloc[0] - made.features.iloc[1]) ** 2).tolist() == [4, 1]


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 2**31),
    st.floats(-3, 3),
    st.sampled_from(["none", "log", "yeo-johnson", "auto"]),
    st.sampled_from(["none", "standard", "robust", "minmax"]),
)
def test_original_units_undoes_the_pipeline(seed, magnitude, transform, scale):
    rng = np.random.default_rng(seed)
    table = pd.DataFrame({"a": rng.lognormal(size=40), "b": rng.gamma(2, size=40)}) * 10**magnitude
    made = prepare(table, ["a", "b"], **PLAIN | {"transform": transform, "scale": scale}, weights={"b": 3.0})
    np.testing.assert_allclose(original_units(made.pipeline, made.features), table, rtol=1e-5)


@pytest.mark.parametrize(("missing", "rows", "columns"), [("median", 4, 1), ("drop", 3, 1), ("indicator", 4, 2)])
def test_missing_values_are_handled_and_counted(missing, rows, columns):
    table = pd.DataFrame({"a": [1.0, 2, None, 4]})
    made = prepare(table, ["a"], **PLAIN | {"missing": missing})
    assert made.features.shape == (rows, columns)
    assert made.features.notna().all().all()
    assert any(rule.affected == 1 for rule in made.rules if "missing" in rule.rule)


def test_outlying_rows_are_dropped_and_counted():
    table = pd.DataFrame({"a": [*np.linspace(0, 1, 50), 99.0]})
    made = prepare(table, ["a"], **PLAIN | {"outliers": "drop"})
    assert len(made.customers) == 50
    assert [rule.affected for rule in made.rules if rule.rule == "outlying rows dropped"] == [1]


def test_constant_and_empty_columns_are_left_out_and_counted():
    table = pd.DataFrame({"a": [1.0, 2, 3], "same": 5.0, "empty": np.nan})
    made = prepare(table, ["a", "same", "empty"], **PLAIN)
    assert made.columns == ["a"]
    left_out = {rule.rule: (rule.affected, rule.note) for rule in made.rules if "not used" in rule.rule}
    assert left_out == {"mostly missing columns not used": (1, "empty"), "constant columns not used": (1, "same")}


def test_truth_values_become_numbers():
    table = pd.DataFrame({"a": [1.0, 2, 3], "member": [True, False, True]})
    assert prepare(table, ["a", "member"], **PLAIN).features["member"].tolist() == [1, 0, 1]


@pytest.mark.parametrize(
    ("table", "choices", "message"),
    [
        ({"a": [f"t{n}" for n in range(70)]}, {}, "'a' has 70 different texts, at most 60 can make segments"),
        ({"a": [1.0, np.inf]}, {}, "'a' has 1 infinite values or values beyond 1e.15"),
        ({"a": [1.0, 1e16]}, {}, "beyond 1e.15"),
        ({"a": [1.0, 1.0]}, {}, "each has only one value"),
        ({"a": [1.0, -5.0]}, {"transform": "log"}, "transform='log': column 'a' has 1 values"),
        ({"a": [1.0, None]}, {"missing": "drop"}, "each has only one value|only 1 of 2 customers"),
        ({"a": [1.0, 2.0, None]}, {"features": ["b"]}, "features: no column 'b'; the columns are a"),
        ({"a": [1.0, 2.0]}, {"descriptors": ["z"]}, "descriptors: no column 'z'"),
        ({"a": [1.0, 2.0]}, {"weights": {"z": 2.0}}, "weights: 'z' is not a clustering column"),
    ],
)
def test_unusable_columns_are_named(table, choices, message):
    with pytest.raises(DataError, match=message):
        prepare(pd.DataFrame(table), ["a"], **PLAIN | choices)


def test_no_numeric_column_is_an_error():
    with pytest.raises(DataError, match="no numeric column"):
        prepare(pd.DataFrame({"a": ["x"]}), [])


def test_arguments_are_not_changed(source):
    before = source.table.copy()
    prepare(source.table, source.behaviours)
    pd.testing.assert_frame_equal(source.table, before)


def test_new_customers_get_the_same_treatment(prepared):
    few = prepared.customers.head(7)[prepared.columns].astype(float)
    pd.testing.assert_frame_equal(prepared.pipeline.transform(few), prepared.features.head(7))
