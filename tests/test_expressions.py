"""Scoring in an engine agrees with scikit-learn on every row."""

import shutil

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import segnb
from engines import every_engine
from hypothesis import given, settings
from hypothesis import strategies as st
from test_mixed import LEVELS, NUMBERS, planted

from segnb.cluster import assign, fit_segments
from segnb.data import dates_as_days, load_customers
from segnb.data.contract import ranked
from segnb.data.engines import connect, fetch
from segnb.errors import DataError
from segnb.history.score_in_engine import DIALECTS, as_numbers, feature_table, score_expression, segment_sql
from segnb.iterate import Snapshot
from segnb.parameters import check_parameters
from segnb.prepare import inputs, prepare
from segnb.runs.store import Run


@pytest.fixture
def into_engine(engine, tmp_path):
    """A function that puts a DataFrame into an engine."""
    backend = connect(engine)

    def put(table):
        data = pa.Table.from_pandas(table.reset_index(), preserve_index=False)
        if engine.startswith("postgres"):
            return backend.create_table(ibis.util.gen_name("t"), data, temp=True)
        path = tmp_path / f"{ibis.util.gen_name('t')}.parquet"
        pq.write_table(data, path)
        return backend.read_parquet(path)

    return put


def expression(table, snapshot, **given):
    names = {number: f"name {number}" for number in snapshot.numbers}
    return score_expression(table, "customer_id", snapshot, names, **given)


@pytest.fixture(scope="module")
def snapshot(prepared, model):
    return Snapshot(prepared.customers, prepared.columns, prepared.pipeline, model, [1, 2, 4, 5, 7])


@every_engine
def test_scores_are_the_same_in_every_engine(into_engine, snapshot):
    customers = snapshot.customers
    table = into_engine(customers[snapshot.columns])
    scores = expression(table, snapshot)
    found = fetch(scores).set_index("customer_id").loc[customers.index]
    expected = assign(snapshot.model, snapshot.features(customers), snapshot.numbers)
    assert (found["segment"] == expected["segment"]).all()
    np.testing.assert_allclose(found["confidence"], expected["confidence"], atol=1e-9)
    assert (found["unlike"] == snapshot.unlike(customers)).all()
    assert (found["name"] == "name " + expected["segment"].astype(str)).all()


@settings(max_examples=40, deadline=None)
@given(
    transform=st.sampled_from(["none", "log", "yeo-johnson", "auto"]),
    scale=st.sampled_from(["none", "standard", "robust", "minmax"]),
    outliers=st.sampled_from(["keep", "winsorise", "clip", "drop"]),
    missing=st.sampled_from(["median", "most_frequent", "drop", "indicator"]),
    seed=st.integers(0, 2**31),
)
def test_features_are_scikit_learns_whatever_the_settings(transform, scale, outliers, missing, seed):
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "spend": rng.lognormal(2, 1.5, 60),
            "visits": rng.poisson(3, 60).astype(float),
            "change": rng.normal(0, 1, 60) if transform != "log" else rng.uniform(0, 1, 60),
        },
        index=pd.Index([f"c{n}" for n in range(60)], name="customer_id"),
    )
    table.iloc[rng.integers(60, size=8), rng.integers(3, size=8)] = np.nan
    made = prepare(
        table, list(table), transform=transform, scale=scale, outliers=outliers, missing=missing, weights={"spend": 2.0}
    )
    new = table if missing != "drop" else table.dropna()
    theirs = made.pipeline.transform(inputs(new)).to_numpy()
    there = connect().create_table("t", pa.Table.from_pandas(new.reset_index(), preserve_index=False), temp=True)
    features = feature_table(there, "customer_id", list(table), f=made.pipeline)
    own = fetch(features).set_index("customer_id").loc[new.index]
    np.testing.assert_allclose(own, theirs, rtol=1e-7, atol=1e-9)


@every_engine
def test_mixed_columns_are_scored_alike_in_every_engine(into_engine):
    """Rare, unseen and missing levels, yes and no, flags of missing numbers, and a weight on a block."""
    table, _ = planted("both", 0, n=2000)
    table["newsletter"] = np.where(np.arange(2000) % 3 == 0, "yes", "no")
    table.loc[::7, "q"], table.loc[::5, "a"], table.loc[:30, "r"] = None, np.nan, [f"rare {n}" for n in range(31)]
    table.index = pd.Index([f"c{n:04d}" for n in range(2000)], name="customer_id")
    features = [*NUMBERS, *LEVELS, "newsletter"]
    made = prepare(table, NUMBERS, features=features, missing="indicator", weights={"q": 2.0})
    snapshot = Snapshot(made.customers, made.columns, made.pipeline, fit_segments(made.features, 4))
    new, _ = planted("both", 9, n=3000)
    new["newsletter"] = np.where(np.arange(3000) % 3 == 0, "yes", "maybe")
    new.loc[::4, "r"], new.loc[::6, "b"], new.loc[::11, "p"] = "never seen", np.nan, None
    new.index = pd.Index([f"n{n:04d}" for n in range(3000)], name="customer_id")
    found = fetch(expression(into_engine(new), snapshot)).set_index("customer_id").loc[new.index]
    expected = assign(snapshot.model, snapshot.features(new), snapshot.numbers)
    assert (found["segment"] == expected["segment"]).all(), "not one row differs"
    np.testing.assert_allclose(found["confidence"], expected["confidence"], atol=1e-9)
    assert (found["unlike"] == snapshot.unlike(new)).all()


@every_engine
def test_dates_and_ordered_levels_are_the_same_numbers_in_every_engine(into_engine):
    sizes = ["small", "medium", "large"]
    days = pd.to_datetime(["2026-01-31", None, "2024-02-29", "2026-03-02"])
    table = pd.DataFrame({"since": days, "size": [" Large", "small", "huge", None]})
    table.index = pd.Index(list("abcd"), name="customer_id")
    found = fetch(as_numbers(into_engine(table), {"size": sizes}, "2026-03-01")).set_index("customer_id").sort_index()
    expected, _ = ranked(dates_as_days(table, "2026-03-01")[0], {"size": sizes}, "t")
    pd.testing.assert_frame_equal(found.astype(float), expected, check_index_type=False)


def test_customers_with_missing_values_can_be_left_out(snapshot):
    customers = snapshot.customers[snapshot.columns].copy()
    customers.iloc[:7, 0] = np.nan
    table = connect().create_table("t", pa.Table.from_pandas(customers.reset_index(), preserve_index=False))
    whole = customers.dropna()
    assert set(fetch(expression(table, snapshot, drop_missing=True))["customer_id"]) == set(whole.index)


def test_nan_is_missing_too(snapshot):
    customers = snapshot.customers[snapshot.columns].copy()
    customers.iloc[:7, 0] = np.nan
    columns = {name: pa.array(column.to_numpy(), from_pandas=False) for name, column in customers.reset_index().items()}
    table = connect().create_table(ibis.util.gen_name("t"), pa.table(columns), temp=True)
    assert fetch(table.agg(nulls=table[snapshot.columns[0]].isnull().sum()))["nulls"][0] == 0
    found = fetch(expression(table, snapshot, drop_missing=True))
    assert set(found["customer_id"]) == set(customers.dropna().index)


@every_engine
@pytest.mark.parametrize("outliers", ["keep", "winsorise"])
def test_value_without_a_logarithm_is_unlike_anyone_in_every_engine(into_engine, outliers):
    rng = np.random.default_rng(0)
    ids = pd.Index([f"c{n:03d}" for n in range(120)], name="customer_id")
    table = pd.DataFrame(rng.lognormal(np.repeat([[1.0], [4.0]], 60, axis=0), 0.3, (120, 2)), ids, ["a", "b"])
    made = prepare(table, ["a", "b"], outliers=outliers, transform="log")
    snapshot = Snapshot(table, ["a", "b"], made.pipeline, fit_segments(made.features, 2), [1, 2])
    new = table.copy()
    new.iloc[3:6, 0] = [-50.0, -1.0, -0.5]
    found = fetch(expression(into_engine(new), snapshot)).set_index("customer_id").loc[ids]
    assert found["unlike"].iloc[3:6].tolist()[:2] == [True, True]
    assert found["segment"].isna().sum() == (2 if outliers == "keep" else 0)
    assert (found["unlike"] == snapshot.unlike(new)).all()
    known = found["segment"].notna()
    expected = assign(snapshot.model, snapshot.features(new)[known], snapshot.numbers)
    assert (found.loc[known, "segment"] == expected["segment"]).all()
    np.testing.assert_allclose(found.loc[known, "confidence"].astype(float), expected["confidence"], atol=1e-9)


def test_quantile_transform_has_no_expression(prepared):
    made = prepare(prepared.customers, ["orders", "spend"], transform="quantile")
    table = connect().create_table("t", pa.Table.from_pandas(prepared.customers[["orders", "spend"]]))
    with pytest.raises(DataError, match="an engine cannot compute QuantileTransformer; score a file"):
        feature_table(table, "orders", ["orders", "spend"], f=made.pipeline)


def test_single_feature_and_equal_distances_give_the_first_segment():
    table = pd.DataFrame({"a": [0.0, 5, 10, 10]}, index=pd.Index(list("wxyz"), name="customer_id"))
    made = prepare(table, ["a"], outliers="keep", transform="none", scale="none")
    snapshot = Snapshot(table, ["a"], made.pipeline, fit_segments(table.iloc[[0, 2, 3]], 2))
    there = connect().create_table("t", pa.Table.from_pandas(table.reset_index(), preserve_index=False))
    found = fetch(expression(there, snapshot)).set_index("customer_id").loc[list("wxyz")]
    assert found["segment"].tolist() == [2, 1, 1, 1]
    assert found["confidence"].tolist() == [1, 0, 1, 1]


@every_engine
def test_sample_of_many_customers_is_drawn_by_their_ids(engine, monkeypatch):
    monkeypatch.setattr("segnb.data.customers.MOST_CUSTOMERS", 500)
    first, again, other = (
        load_customers(check_parameters({"engine": engine, "customers": "", "seed": seed})) for seed in (0, 0, 1)
    )
    assert 400 < len(first.table) < 600
    assert first.table.index.equals(again.table.index)
    assert len(first.table.index.intersection(other.table.index)) < 250
    assert "sample drawn by the id" in [rule.rule for rule in first.rules]


def test_command_scores_a_table_of_a_warehouse_where_it_lives(published, postgres, tmp_path):
    shutil.copytree(published, tmp_path / "outputs" / "shop")
    backend, own = connect(postgres), Run("shop", published).read("customers.parquet")
    backend.create_table("log", pq.read_table("data/shop_purchases.parquet"))
    backend.create_table("people", pa.Table.from_pandas(own.reset_index(), preserve_index=False))
    backend.create_table("half", pa.Table.from_pandas(own[["orders"]].reset_index(), preserve_index=False))
    backend.con.commit()
    expected = pd.read_csv(published / "segments.csv", index_col=0)["segment"]
    for table in ("log", "people"):
        given = ["-p", f"engine={postgres}", "-o", f"{table}_scored"]
        done = segnb("score", "shop", table, *given, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert "1,963 customers: 535 in 1, 457 in 2" in done.stdout
        scored = fetch(connect(postgres).table(f"{table}_scored")).set_index("customer_id")
        assert scored["segment"].loc[expected.index].equals(expected.astype(scored["segment"].dtype))
    twice = segnb("score", "shop", "people", *given, cwd=tmp_path)
    assert twice.returncode == 2
    assert "people_scored: cannot be created" in twice.stderr
    short = segnb("score", "shop", "half", "-p", f"engine={postgres}", cwd=tmp_path)
    assert short.returncode == 2
    assert "no column 'recency_days', 'spend'" in short.stderr


@every_engine
def test_sql_to_take_along_gives_everybody_their_own_segment(engine, into_engine, snapshot):
    dialect = {"pyspark": "spark"}.get(kind := engine.partition(":")[0], kind)
    if dialect not in DIALECTS:
        pytest.skip(f"{dialect} is no warehouse")
    table = into_engine(snapshot.customers[snapshot.columns])
    text = segment_sql(snapshot, "customer_id", dict.fromkeys(snapshot.numbers, "name"))[dialect]
    exact, short, _end = text.replace("customers", table.get_name()).split(";\n")
    backend, kinds = table.get_backend(), {"customer_id": "string", "segment": "int64"}
    found, near = (
        fetch(backend.sql(query, schema=kinds)).set_index("customer_id")["segment"] for query in (exact, short)
    )
    own = snapshot.own[0]
    assert (found[own.index] == own).all()
    assert (near[own.index] == own).mean() > 0.8
