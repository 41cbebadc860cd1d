"""Scoring: customers that the run has not seen get its segments, and what cannot be read is refused in one line."""

import shutil

import duckdb
import numpy as np
import pandas as pd
import pytest
from conftest import ROOT, customers, made, segnb

from segnb.errors import DataError
from segnb.history.numbering import names_file, names_of
from segnb.history.score import Scores, read_new_customers, score_customers, takes_log, write_scores
from segnb.history.score_in_engine import scores_in_engine
from segnb.parameters import Parameters
from segnb.prepare import prepare
from segnb.runs.store import Run

SAME = customers("x", [60, 40, 20])


@pytest.fixture(scope="module")
def shop_run(published):
    return Run("shop", published)


@pytest.fixture
def run(project):
    return made("one", SAME)[0]


def test_own_customers_get_their_own_segments_whatever_the_order_of_rows_and_columns(shop_run):
    own = shop_run.read("customers.parquet")
    shuffled = own.sample(frac=1, random_state=0)[own.columns[::-1]]
    scored = score_customers(shop_run, shuffled).table.loc[own.index]
    theirs = pd.read_csv(shop_run.folder / "segments.csv", index_col=0)
    assert (scored["segment"] == theirs["segment"]).all()
    assert (scored["name"] == theirs["name"]).all()
    np.testing.assert_allclose(scored["confidence"], theirs["confidence"])
    assert scored["unlike"].mean() == pytest.approx(0.01, abs=0.001)


def test_log_is_aggregated_as_the_runs_own_was(shop_run):
    from_log = read_new_customers(shop_run, "data/shop_purchases.parquet")
    scored = score_customers(shop_run, from_log).table
    assert (scored["segment"] == shop_run.read("segments.parquet")["segment"]).all()
    earlier = read_new_customers(shop_run, "data/shop_purchases.parquet", {"as_of": "2026-01-01"})
    assert earlier["tenure_days"].max() < from_log["tenure_days"].max()
    assert list(earlier.columns) == list(from_log.columns), "the run's categories, not those of the new log"


def test_customers_unlike_anyone_are_told(run):
    far = pd.DataFrame({"a": [0.0, 1e6, 0.0], "b": [0.0, 0.0, -70.0]}, index=pd.Index(["p", "q", "r"], name="id"))
    assert score_customers(run, far).table["unlike"].tolist() == [False, True, True]


@pytest.mark.parametrize("outliers", ["winsorise", "clip", "keep"])
def test_value_that_is_pulled_in_still_makes_a_customer_unlike(project, outliers):
    from segnb.cluster import fit_segments
    from segnb.iterate import Snapshot

    ready = prepare(SAME, list(SAME), outliers=outliers)
    snapshot = Snapshot(SAME, ready.columns, ready.pipeline, fit_segments(ready.features, 3))
    assert snapshot.unlike(SAME).mean() == pytest.approx(0.01, abs=0.01)
    assert snapshot.unlike(SAME.iloc[:1] * 0 + 500).all()


def test_missing_columns_are_all_listed(run):
    with pytest.raises(DataError, match="no column 'a', 'b', from which one was made; the columns here are c"):
        score_customers(run, pd.DataFrame({"c": [1.0]}))


@pytest.mark.parametrize(
    ("values", "words"),
    [(["x", "y"], "column 'b' is str, not a number"), ([1.0, np.inf], "column 'b' has 1 infinite values")],
)
def test_values_that_cannot_be_scored_are_refused(run, values, words):
    with pytest.raises(DataError, match=words):
        score_customers(run, pd.DataFrame({"a": [1.0, 2.0], "b": values}))


def test_missing_values_are_filled_as_in_the_run_and_counted(run):
    scores = score_customers(run, SAME.assign(b=SAME["b"].where(SAME["b"] > 5)))
    assert scores.table["segment"].notna().all()
    assert scores.notes == [f"b: {int((SAME['b'] <= 5).sum())} missing values filled as in the run."]


def test_where_the_run_drops_customers_with_missing_values_they_have_no_segment(run):
    made_of = run.read("prepare.json")
    run.write("prepare.json", made_of | {"settings": made_of["settings"] | {"missing": "drop"}})
    scores = score_customers(run, SAME.assign(b=SAME["b"].where(SAME.index != "x3")))
    assert scores.table["segment"].isna().sum() == 1
    assert scores.table.loc["x3", ["name", "confidence"]].isna().all()
    assert scores.notes == ["Without a segment because of a missing value, as in the run: 1."]


def test_levels_never_seen_and_strange_columns_are_counted(run):
    run.write("customers.parquet", SAME.assign(city=["a", "b"] * 60, member=[True, False] * 60))
    new = SAME.assign(city=["a"] * 100 + ["new"] * 20, member=True, colour="red")
    assert score_customers(run, new).notes == [
        "city: 20 customers have a value that the run has not seen, such as 'new'.",
        "Columns that the run does not know are left out: colour.",
    ]


def test_many_customers_get_what_few_do(run):
    many = pd.concat([SAME] * 2000)
    scored = score_customers(run, many).table
    one = score_customers(run, SAME).table
    assert len(scored) == len(many)
    assert (scored["segment"].to_numpy().reshape(-1, len(SAME)) == one["segment"].to_numpy()).all()


def test_nobody_to_score_is_no_error(run):
    assert score_customers(run, SAME.iloc[:0]).table.empty


def test_names_are_those_of_the_cards_else_those_that_came_with_the_numbers(run):
    assert names_of(run)[2] == "segment 2"
    run.write("cards.json", [{"segment": number, "name": f"name {number}", "drafted": True} for number in (1, 2, 3)])
    assert set(score_customers(run, SAME).table["name"]) == {"name 1", "name 2", "name 3"}
    assert not names_file("one").exists()


@pytest.fixture
def scores():
    table = pd.DataFrame({"segment": [1], "name": ["=1+1"], "confidence": [0.5], "unlike": [False]}, index=["a"])
    return Scores(table.rename_axis("id"), [])


def test_scores_are_written_safely(scores, tmp_path):
    write_scores(scores, tmp_path / "s.csv")
    assert (tmp_path / "s.csv").read_text() == "id,segment,name,confidence,unlike\na,1,'=1+1,0.5,False\n"
    write_scores(scores, tmp_path / "s.parquet")
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "s.parquet"), scores.table)


@pytest.mark.parametrize(
    ("name", "words"),
    [("s.xls", "'.xls' are not written; allowed are .csv, .parquet"), ("no/s.csv", "cannot be written")],
)
def test_files_that_cannot_be_written_are_refused(scores, tmp_path, name, words):
    with pytest.raises(DataError, match=words):
        write_scores(scores, tmp_path / name)


def test_command_scores_a_table_and_says_what_it_counted(published, tmp_path):
    shutil.copytree(published, tmp_path / "outputs" / "shop")
    done = segnb("score", "shop", tmp_path / "outputs" / "shop" / "labelled.csv", "-o", "s.csv", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Columns that the run does not know are left out: segment." in done.stdout
    assert "1,963 customers: 535 in 1" in done.stdout
    assert pd.read_csv(tmp_path / "s.csv").columns.tolist() == [
        "customer_id",
        "segment",
        "name",
        "confidence",
        "unlike",
    ]
    short = segnb("score", "shop", ROOT / "data" / "shop_customers.csv", cwd=tmp_path)
    assert short.returncode == 2
    assert "no column 'recency_days', 'orders', 'spend'" in short.stderr
    assert len(short.stderr.splitlines()) == 1
    nobody = segnb("score", "nix", ROOT / "data" / "shop_customers.csv", cwd=tmp_path)
    assert nobody.returncode == 1
    assert "there is no run 'nix'" in nobody.stderr


def test_value_without_a_logarithm_gets_no_segment_and_is_counted(project):
    positive = SAME - SAME.min() + 1
    run = made("one", positive)[0]
    run.write("prepare.skops", prepare(positive, list(positive), transform="log", outliers="keep").pipeline)
    new = positive.iloc[:3].copy()
    new.iloc[0, 0] = -50.0
    scored = score_customers(run, new)
    assert scored.table["segment"].isna().tolist() == [True, False, False]
    assert scored.table["unlike"].iloc[0]
    assert "Without a segment because of a value that has no logarithm: 1." in scored.notes


def test_log_of_new_customers_is_scored_without_the_runs_customer_table(shop_run, tmp_path):
    log = pd.read_parquet(ROOT / "data" / "shop_purchases.parquet")
    log["customer_id"] = "new-" + log["customer_id"]
    log.to_parquet(tmp_path / "new.parquet")
    scored = score_customers(shop_run, read_new_customers(shop_run, str(tmp_path / "new.parquet"))).table
    own = shop_run.read("segments.parquet")["segment"]
    assert (scored["segment"].to_numpy() == own.to_numpy()).all()
    assert scored.index.str.startswith("new-").all()


def test_log_with_its_products_elsewhere_is_known_as_one():
    columns = {"date": "day", "amount": "paid", "product": "sku", "category": "department"}
    settings = Parameters(purchases="log.csv", purchase_columns=columns, products="products.csv")
    there = ["customer_id", "day", "paid", "sku"]
    assert takes_log(there, settings, ["spend"])
    assert not takes_log(there, settings.model_copy(update={"products": ""}), ["spend"])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"a": "('x' || a)"}, "column 'a' is string, not a number"),
        ({"b": "'inf'::double"}, "column 'b' has 120 values that are infinite"),
        ({"id": "'same'"}, "119 rows without an id of their own in 'id'"),
    ],
)
def test_table_of_an_engine_is_refused_as_a_file_is(project, change, words):
    run = made("one", SAME)[0]
    with duckdb.connect("t.duckdb") as engine:
        own = SAME.rename_axis("id").reset_index()  # noqa: F841 (DuckDB finds it by its name)
        new = ", ".join(f"{value} AS {name}" for name, value in change.items())
        engine.sql(f"CREATE TABLE t AS SELECT * REPLACE ({new}) FROM own")
    with pytest.raises(DataError, match=words):
        scores_in_engine(run, "t", {"engine": f"duckdb:///{project / 't.duckdb'}", "customer_id": "id"})
