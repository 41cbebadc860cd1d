"""Columns that are no numbers: they cluster in blocks, and every later step treats them."""

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from conftest import segnb
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2_contingency
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder

from segnb.choose_k import decide, evidence
from segnb.choose_k.resampling import make_frame, reference_draw
from segnb.cluster import assign, centres, fit_segments
from segnb.data import dates_as_days
from segnb.data.contract import ranked
from segnb.errors import DataError
from segnb.interpret import category_effects, describe_by_rules, feature_importance, profiles
from segnb.interpret.effects import level_marks
from segnb.iterate import Snapshot, drift
from segnb.prepare import level_blocks, original_units, prepare
from segnb.prepare.pipeline import LevelBlocks
from segnb.tables import as_levels
from segnb.text import IS, category_of

NUMBERS, LEVELS = ["a", "b", "c"], ["p", "q", "r"]


def planted(where, seed, n=900, k=3):
    """Customers of three kinds that differ in the numbers, in both, in the categories, or not at all."""
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, k, n)
    apart = rng.normal(size=(k, 3)) * 0 + 4 * np.eye(3)
    seen = kind if where in ("numbers", "both") else rng.integers(0, 1, n)
    table = pd.DataFrame(apart[seen] * (where in ("numbers", "both")) + rng.normal(size=(n, 3)), columns=NUMBERS)
    for place, name in enumerate(LEVELS):
        levels = np.array([f"{name}{level}" for level in range(3 + place)])
        told = rng.random(n) < (0.8 if where in ("both", "categories") else 0.0)
        table[name] = np.where(told, levels[kind], rng.choice(levels, n))
    return table, kind


@pytest.mark.parametrize(("where", "least"), [("numbers", 0.80), ("both", 0.90)])
def test_planted_kinds_come_back(where, least):
    found = []
    for seed in range(20):
        table, kind = planted(where, seed)
        X = prepare(table, NUMBERS, features=[*NUMBERS, *LEVELS]).features
        found.append(adjusted_rand_score(kind, KMeans(3, n_init=10, random_state=0).fit(X).labels_))
    print(f"{where}: mean adjusted Rand index {np.mean(found):.2f}, least {min(found):.2f}")
    assert np.mean(found) >= least


def test_levels_alone_are_never_called_natural_without_groups():
    for seed in range(5):
        table, _ = planted("none", seed, n=400)
        X = prepare(table, NUMBERS, features=[*NUMBERS, *LEVELS]).features
        assert decide(evidence(X, k_max=6, n_boot=10, n_refs=3)).verdict != "natural"


@given(st.lists(st.sampled_from(["a", "b", "c", "d", None]), min_size=4, max_size=60))
def test_block_has_variance_one_and_comes_back_as_shares(values):
    column = as_levels(pd.Series(values, name="x")).to_frame()
    if column["x"].nunique() < 2:
        return
    blocks = LevelBlocks(min_share=0).fit(column)
    X = blocks.transform(column)
    assert X.var(axis=0).sum() == pytest.approx(1)
    theirs = OneHotEncoder(sparse_output=False).fit(column)
    names = [f"x{IS}{level}" for level in theirs.categories_[0]]
    shares = pd.DataFrame(theirs.transform(column), columns=names)[list(blocks.get_feature_names_out())]
    np.testing.assert_allclose(blocks.inverse_transform(X), shares, atol=1e-9)


def test_rare_and_unseen_levels_are_one_and_missing_is_a_level():
    column = pd.Series(["a"] * 60 + ["b"] * 37 + ["c", "d", "e"] + [None] * 20, name="x")
    blocks = LevelBlocks().fit(as_levels(column).to_frame())
    assert blocks.levels_["x"] == ["a", "b", "missing", "other"]
    assert blocks.pooled_["x"] == ["c", "d", "e"]
    unseen = blocks.transform(pd.DataFrame({"x": ["never seen"]}))
    np.testing.assert_array_equal(unseen, blocks.transform(pd.DataFrame({"x": ["c"]})))


@pytest.mark.parametrize("spelling", [("yes", "no"), ("Y", "N"), ("ja", "nein"), ("true", "false"), ("oui", "non")])
def test_yes_and_no_are_one_column_about_yes(spelling):
    table = pd.DataFrame({"x": list(spelling) * 10, "a": np.arange(20.0)})
    assert list(prepare(table, ["a"], features=["a", "x"]).features) == ["a", f"x{IS}{spelling[0]}"]


def test_a_weight_counts_for_the_whole_block():
    table, _ = planted("both", 0)
    plain, heavy = (prepare(table, NUMBERS, features=["a", "r"], weights=given).features for given in ({}, {"r": 4.0}))
    assert heavy.filter(like=f"r{IS}").var(ddof=0).sum() == pytest.approx(
        4 * plain.filter(like=f"r{IS}").var(ddof=0).sum()
    )
    assert plain.filter(like=f"r{IS}").var(ddof=0).sum() == pytest.approx(1)


def test_centres_are_shares_of_the_levels():
    table, _ = planted("both", 0)
    made = prepare(table, NUMBERS, features=[*NUMBERS, *LEVELS], outliers="keep", transform="none")
    model = fit_segments(made.features, 3)
    middle = original_units(made.pipeline, centres(model, made.features))
    by_hand = table.groupby(model.labels_ + 1)
    np.testing.assert_allclose(middle["a"], by_hand["a"].mean())
    level = level_blocks(made.pipeline).levels_["r"][1]
    np.testing.assert_allclose(middle[f"r{IS}{level}"], by_hand["r"].apply(lambda column: (column == level).mean()))


def test_what_marks_a_segment_names_the_level():
    table, kind = planted("both", 0)
    marks = level_marks(category_effects(table[LEVELS], kind)).set_index(["segment", "feature"])["cohens_d"]
    assert marks[1, f"p{IS}p1"] > 1 > 0 > marks[1, f"p{IS}p2"]
    phi = np.corrcoef(kind == 1, table["p"] == "p1")[0, 1]
    assert marks[1, f"p{IS}p1"] == pytest.approx(2 * phi / np.sqrt(1 - phi**2))
    rules = describe_by_rules(table[LEVELS], kind)
    assert not len(rules.table) or rules.table["rule"].str.contains(r"[pqr] is (?:not )?[pqr]\d").all()
    easy = table.assign(p=np.array(["x", "y", "z"])[kind])
    whole = describe_by_rules(easy, kind).table
    assert {"p is x", "p is z"} <= set(whole["rule"])
    assert whole["rule"].str.fullmatch(r"p is (not )?[xyz]( and p is not [xyz])?").all()
    assert (whole[["precision", "coverage"]] == 1).all(axis=None)
    shares = profiles(table, kind, [*NUMBERS, *LEVELS]).query("role == 'feature' and column == 'p'")
    assert shares.groupby("segment")["share"].sum().round(9).eq(1).all()
    X = prepare(table, NUMBERS, features=[*NUMBERS, *LEVELS]).features
    assert sorted(feature_importance(X, kind).index) == sorted([*NUMBERS, *LEVELS])


def test_levels_drift_where_shares_change_and_not_by_chance():
    alarms = 0
    for seed in range(40):
        table, _ = planted("none", seed, n=800)
        alarms += drift(table[:400], table[400:], LEVELS)["drifted"].any()
    assert alarms <= 6, "the promise is five in a hundred"
    moved = table[400:].assign(p="p0")
    found = drift(table[:400], moved, LEVELS).iloc[0]
    assert found["drifted"]
    assert found["column"] == f"p{IS}p0"
    assert found["after"] == 1


def test_dates_count_as_days_before_the_snapshot(tmp_path):
    table = pd.DataFrame(
        {"since": pd.to_datetime(["2026-01-01", None, "2026-01-31"]), "text": ["1.2.2026", "3.2.2026", None]}
    )
    found, day, rules = dates_as_days(table, "2026-03-02")
    assert str(day) == "2026-03-02"
    np.testing.assert_array_equal(found["since"], [60, np.nan, 30])
    assert found["text"].tolist()[:2] == [29, 27]
    assert "since, text" in rules[0].note


def test_ordered_levels_are_ranks():
    """Against scikit-learn's own encoder; blanks and capitals do not count, and what is no level is missing."""
    sizes = ["small", "medium", "large"]
    table = pd.DataFrame({"size": np.random.default_rng(0).choice(sizes, 50), "a": 1.0})
    found, rules = ranked(table, {"size": sizes}, "t.csv")
    expected = OrdinalEncoder(categories=[sizes]).fit_transform(table[["size"]])[:, 0] + 1
    np.testing.assert_array_equal(found["size"], expected)
    odd = ranked(pd.DataFrame({"size": [" Large", "huge", None]}), {"size": sizes}, "t.csv")
    np.testing.assert_array_equal(odd[0]["size"], [3, np.nan, np.nan])
    assert "1 are none of the levels" in odd[1][0].note
    assert rules[0].note == "size"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A whole run on mixed columns with an outcome, and the table of customers it was made from."""
    folder, rng = tmp_path_factory.mktemp("mixed"), np.random.default_rng(0)
    table, kind = planted("both", 1, n=300)
    days = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 700, 300), "D")
    table = table.assign(churned=rng.random(300) < np.array([0.1, 0.3, 0.6])[kind], since=days)
    table.loc[::9, "q"] = None
    table["plan"] = pd.Series(np.array(["Basic", "Plus", "Premium"])[kind]).where(rng.random(300) < 0.9, "Plus")
    table.insert(0, "respondent", [f"u{number}" for number in range(300)])
    table.to_csv(folder / "survey.csv", index=False)
    given = [
        "n_boot=5",
        "n_refs=2",
        "k_max=4",
        "customers=survey.csv",
        "purchases=",
        "customer_id=respondent",
        "value=",
    ]
    given += [
        "features=[a, b, p, q, r, plan, since]",
        "ordered={plan: [basic, plus, premium]}",
        "outcomes=[churned]",
        "exclude=[c]",
    ]
    done = segnb("run", "--run", "survey", *(part for each in given for part in ("-p", each)), cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder, table, kind


def test_whole_run_on_mixed_columns(run):
    folder, _, kind = run
    made = folder / "outputs" / "survey"
    found = pd.read_csv(made / "segments.csv")
    truth = pd.Series(kind, [f"u{number}" for number in range(300)])[found["respondent"]]
    assert adjusted_rand_score(truth, found["segment"]) > 0.85
    text = (made / "cards.md").read_text()
    assert "p: p" in text, "a level marks a segment"
    assert "Wrong if:** the share that answers, stays or upgrades" in text, "nothing of a shop is said of a survey"
    rates = pd.read_csv(made / "outcomes.csv")
    assert rates["outcome"].str.contains("churned").all(), "and what came of each segment stands in step 5"
    assert rates["segment"].nunique() == found["segment"].nunique()
    tests = pd.read_csv(made / "descriptor_tests.csv")
    assert tests["descriptor"].tolist() == ["churned"], "an outcome is compared between the segments"


def test_scores_of_mixed_columns_are_those_of_the_run(run):
    folder, table, _ = run
    table.drop(columns="churned").to_csv(folder / "new.csv", index=False)
    done = segnb("score", "survey", "new.csv", "-o", "scores.csv", cwd=folder)
    assert done.returncode == 0, done.stderr
    ours = pd.read_csv(folder / "scores.csv").set_index("respondent")["segment"]
    own = pd.read_csv(folder / "outputs" / "survey" / "segments.csv").set_index("respondent")["segment"]
    pd.testing.assert_series_equal(ours.loc[own.index], own, check_dtype=False)


def test_dates_and_ordered_levels_are_scored_alike_in_an_engine(run):
    folder, table, _ = run
    new = table.drop(columns="churned").assign(plan=table["plan"].replace("Plus", " PLUS "))
    new.loc[::8, "plan"] = "unheard of"
    new.to_csv(folder / "odd.csv", index=False)
    ibis.duckdb.connect(folder / "t.duckdb").create_table("t", pa.Table.from_pandas(new, preserve_index=False))
    address = f"engine=duckdb:///{folder / 't.duckdb'}"
    for source, options, target in (("odd.csv", [], "odd_scores.csv"), ("t", ["-p", address], "scored")):
        done = segnb("score", "survey", source, "-o", target, *options, cwd=folder)
        assert done.returncode == 0, done.stderr
    found = ibis.duckdb.connect(folder / "t.duckdb").table("scored").execute().set_index("respondent")["segment"]
    ours = pd.read_csv(folder / "odd_scores.csv").set_index("respondent")["segment"]
    pd.testing.assert_series_equal(found.loc[ours.index], ours, check_dtype=False)


def test_snapshot_takes_categories_and_says_who_is_unlike():
    table, _ = planted("both", 0)
    made = prepare(table, NUMBERS, features=[*NUMBERS, *LEVELS])
    model = fit_segments(made.features, 3)
    snapshot = Snapshot(made.customers, made.columns, made.pipeline, model)
    assert snapshot.assign(table).tolist() == assign(model, made.features)["segment"].tolist()
    far = table.head(3).assign(a=99.0)
    assert snapshot.unlike(far).all()
    assert not snapshot.unlike(table).mean() > 0.011


def test_roles_are_kept_apart():
    table = pd.DataFrame({"a": np.arange(9.0), "b": np.arange(9.0) ** 2, "won": [0, 1, 1] * 3})
    made = prepare(table, list(table), outcomes=["won"], exclude=["b"])
    assert (made.columns, made.descriptors) == (["a"], ["won"])
    assert "b" not in made.customers
    for roles in ({"features": ["a", "won"]}, {"exclude": ["won"]}, {"exclude": ["nix"]}):
        with pytest.raises(DataError, match="won.*is in|no column 'nix'"):
            prepare(table, list(table), outcomes=["won"], **roles)


def test_equals_sign_in_a_name_is_no_level():
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"a=1": rng.normal(size=60), "a=2": rng.normal(size=60) * 9, "b": np.repeat([0.0, 9], 30)})
    made = prepare(table, list(table), weights={"a=1": 4.0})
    assert list(made.features) == list(table)
    assert made.features["a=1"].std(ddof=0) == pytest.approx(2)
    assert sorted(feature_importance(made.features, np.repeat([1, 2], 30)).index) == sorted(table)
    assert describe_by_rules(table, np.repeat([1, 2], 30)).table["rule"].tolist() == ["b ≤ 4", "b ≥ 5"]


def test_feature_that_makes_a_segment_by_itself_is_told(tmp_path):
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(200, 2)) / 9, columns=["a", "b"]).assign(churned=np.arange(200) % 4 == 0)
    table.to_csv(tmp_path / "t.csv", index=False)
    given = ["k=2", "n_boot=2", "n_refs=2", "k_max=3", "customers=t.csv", "purchases=", "features=[a, b, churned]"]
    given += ["weights={churned: 9}"]
    done = segnb("run", "--until", "choose_k", *(part for each in given for part in ("-p", each)), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "churned alone makes a segment" in (tmp_path / "outputs" / "shop" / "index.html").read_text()


def test_references_permute_levels_and_keep_their_blocks():
    table, _ = planted("categories", 0, n=300)
    X = prepare(table, NUMBERS, features=[*NUMBERS, *LEVELS]).features
    frame = make_frame(X, 1000, 0)
    drawn = reference_draw(X.to_numpy()[frame.positions], frame, [category_of(name) for name in X])(
        np.random.default_rng(0)
    )
    back = pd.DataFrame(drawn @ frame.axes.T + frame.centre, columns=X.columns)
    for name in LEVELS:
        own = X.filter(like=f"{name}{IS}").round(6)
        found = back[own.columns].round(6)
        assert sorted(map(tuple, found.to_numpy())) == sorted(map(tuple, own.to_numpy())), "each level as often"
    together = pd.crosstab(*(back.filter(like=f"{name}{IS}").to_numpy().argmax(axis=1) for name in ("p", "q")))
    assert chi2_contingency(together).pvalue > 0.001, "what went together does so no longer"
    shuffled = X[X.columns[::-1]]
    one, other = (evidence(each, k_max=4, n_boot=2, n_refs=3).set_index("k")["gap"] for each in (X, shuffled))
    np.testing.assert_allclose(one, other, atol=1e-9)
