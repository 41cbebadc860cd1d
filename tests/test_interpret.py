"""Step 4: profiles and effects agree with scipy, small segments stay hidden, names are distinct."""

import re

import numpy as np
import pandas as pd
import pytest
from conftest import door_of
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import bootstrap, chi2_contingency, f_oneway, kruskal, mannwhitneyu
from scipy.stats.contingency import association

from segnb.disclosure import Door, neighbour_means, withheld_cells
from segnb.errors import DataError
from segnb.interpret import (
    cards_markdown,
    category_effects,
    centre_scores,
    describe_by_rules,
    descriptor_tests,
    effects,
    feature_importance,
    make_cards,
    profiles,
    segment_sizes,
    value_column,
)
from segnb.interpret.cards import _draft_names, _word
from segnb.interpret.effects import BOOT_ROWS, intervals


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "spend": np.r_[rng.lognormal(2, 1, 60), rng.lognormal(4, 1, 40)],
            "age": rng.normal(40, 9, 100),
            "city": rng.choice(["a", "b", None], 100),
        }
    )


@pytest.fixture(scope="module")
def segments():
    return pd.Series([1] * 60 + [2] * 40)


@pytest.fixture(scope="module")
def cards(prepared, assigned):
    return cards_of(prepared, assigned)


def cards_of(prepared, assigned, names=None):
    segment = assigned["segment"]
    sizes = segment_sizes(prepared.customers, segment, "spend")
    profile = profiles(prepared.customers, segment, prepared.columns)
    confidence = assigned.groupby("segment")["confidence"].mean()
    return make_cards(sizes, effects(prepared.features, segment), profile, confidence, names)


def test_sizes_and_shares_add_up(table, segments):
    sizes = segment_sizes(table, segments, "spend")
    assert sizes["customers"].tolist() == [60, 40]
    assert sizes[["share", "value_share"]].sum().tolist() == pytest.approx([1, 1])


def test_profile_is_pandas_groupby(table, segments):
    profile = profiles(table, segments, ["spend"]).set_index(["column", "segment", "level"]).sort_index()
    assert profile.loc[("spend", 1, ""), "mean"].item() == pytest.approx(table["spend"][:60].mean())
    assert profile.loc[("spend", 2, ""), "median"].item() == pytest.approx(table["spend"][60:].median())
    assert profile.loc[("age", 1, ""), "lift"].item() == pytest.approx(table["age"][:60].mean() / table["age"].mean())
    assert profile.loc[("city", 1, "missing"), "share"].item() == pytest.approx(table["city"][:60].isna().mean())
    assert set(profile.loc["spend", "role"]) == {"feature"}
    assert set(profile.loc["city", "role"]) == {"descriptor"}


def test_truth_value_as_feature_is_profiled_as_a_number(table, segments):
    profile = profiles(table.assign(member=table["age"] > 40), segments, ["member"])
    assert profile.loc[profile["column"] == "member", "mean"].notna().all()


def test_profile_shares_add_up(table, segments):
    shares = profiles(table, segments, ["spend"]).dropna(subset="share").groupby(["column", "segment"])["share"].sum()
    assert shares.tolist() == pytest.approx([1, 1])


@pytest.mark.parametrize(
    ("sizes", "hidden"), [([50, 30, 20], []), ([50, 30, 4], [2, 3]), ([50, 4, 3], [2, 3]), ([5, 4], [1, 2])]
)
def test_small_segments_and_their_complement_are_withheld(sizes, hidden):
    table = pd.DataFrame({"customers": sizes}, index=range(1, len(sizes) + 1))
    assert Door(10, table["customers"]).hidden == hidden


def test_withheld_segment_has_no_figures(table):
    few = pd.Series([1] * 60 + [2] * 35 + [3] * 5)
    profile = Door(10, few.value_counts()).disclosed(profiles(table, few, ["spend"]))
    assert profile.loc[profile["segment"] != 1, ["mean", "median", "share", "lift"]].isna().all().all()
    assert profile.loc[profile["segment"] == 1, "lift"].notna().all()


def test_importance_follows_from_the_f_value(table, segments):
    eta = feature_importance(table[["spend", "age"]], segments)["age"]
    f = f_oneway(table["age"][:60], table["age"][60:]).statistic
    assert eta == pytest.approx(f / (f + len(table) - 2))


def test_cliffs_delta_follows_from_mann_whitney(table, segments):
    found = effects(table[["spend"]].round(0), segments).set_index("segment")["cliffs_delta"]
    rounded = table["spend"].round(0)
    u = mannwhitneyu(rounded[:60], rounded[60:]).statistic
    assert found[1] == pytest.approx(2 * u / (60 * 40) - 1)
    assert found[2] == pytest.approx(-found[1])


def test_cohens_d_by_hand(table, segments):
    one, two = table["age"][:60], table["age"][60:]
    pooled = np.sqrt((59 * one.var() + 39 * two.var()) / 98)
    assert effects(table[["age"]], segments).loc[0, "cohens_d"] == pytest.approx((one.mean() - two.mean()) / pooled)


def test_centre_scores_are_standardised_means(table, segments):
    z = (table["age"] - table["age"].mean()) / table["age"].std(ddof=0)
    assert centre_scores(table, segments, ["age"]).loc[2, "age"] == pytest.approx(z[60:].mean())


def test_rules_find_planted_thresholds():
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"orders": rng.integers(0, 20, 400).astype(float), "spend": rng.uniform(0, 100, 400)})
    planted = pd.Series(np.where(table["orders"] > 9, 1, np.where(table["spend"] > 50, 2, 3)))
    rules = describe_by_rules(table, planted)
    assert rules.fidelity > 0.95
    assert rules.table["rule"].tolist() == ["orders ≥ 10", "orders ≤ 9 and spend > 50", "orders ≤ 9 and spend ≤ 50"]
    assert (rules.table["precision"] > 0.95).all()
    assert "Short rules describe the segments" in rules.sentence()


def test_rules_as_written_hold_for_the_customers_they_count():
    """Each rule is read back from its words and applied; shares stand in percent, whole numbers in whole numbers."""
    rng = np.random.default_rng(1)
    table = pd.DataFrame(
        {
            "orders": rng.integers(0, 20, 600).astype(float),
            "spend": rng.lognormal(8, 1, 600),
            "discount_share": rng.uniform(size=600),
        }
    )
    high = table["spend"] > table["spend"].median() * 1.00031
    segments = pd.Series(np.where(high, 1, np.where(table["discount_share"] > 0.28179, 2, 3)))
    names = {"orders": "orders", "spend": "spend", "discount share": "discount_share"}
    for row in describe_by_rules(table, segments).table.itertuples():
        under = pd.Series(True, index=table.index)
        for condition in row.rule.split(" and "):
            name, sign, value = re.fullmatch(r"(.+) ([≤≥>]) ([\d.,]+)%?", condition).groups()
            bound = float(value.replace(",", "")) / (100 if condition.endswith("%") else 1)
            values = table[names[name]]
            under &= values <= bound if sign == "≤" else values >= bound if sign == "≥" else values > bound
        assert under.sum() == row.customers
        assert (segments[under] == row.segment).mean() == pytest.approx(row.precision)
        assert (under & (segments == row.segment)).sum() / (segments == row.segment).sum() == pytest.approx(
            row.coverage
        )


@pytest.mark.parametrize("min_cell", [1, 10, 60])
def test_no_rule_tells_of_few_customers(min_cell):
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"a": rng.normal(size=300), "b": rng.normal(size=300)})
    segments = pd.Series(np.where(table["a"] > 1.2, 1, np.where(table["b"] > 0, 2, 3)))
    rules = Door(min_cell, segments.value_counts()).disclosed(describe_by_rules(table, segments).table)
    assert (rules["precision"] * rules["customers"] >= min_cell).all()


def test_no_rule_is_shown_where_none_describes_the_segments():
    rng = np.random.default_rng(0)
    rules = describe_by_rules(pd.DataFrame({"a": rng.normal(size=200)}), pd.Series(rng.integers(1, 4, 200)))
    assert rules.table.empty
    assert "No short rule" in rules.sentence()


def test_rules_of_a_segment_of_one_are_left_open():
    rules = describe_by_rules(pd.DataFrame({"a": [1.0, 2, 3]}), pd.Series([1, 1, 2]))
    assert rules.table.empty


def test_names_are_distinct_and_say_what_marks_the_planted_segments(cards, shop, assigned):
    truth = shop.truth.set_index("customer_id")["segment"].loc[assigned.index]
    majority = truth.groupby(assigned["segment"]).agg(lambda names: names.mode()[0])
    by_truth = {majority[card.segment]: card.name for card in cards}
    expected = {
        "regulars": "frequent",
        "bargain hunters": "discount seekers",
        "lapsing": "not seen lately",
        "big baskets": "large orders",
        "newcomers": "newer",
    }
    for truth_name, said in expected.items():
        assert said in by_truth[truth_name]
    assert len({card.name for card in cards}) == 5


def test_persons_names_win(prepared, assigned):
    named = cards_of(prepared, assigned, {2: "Sparfüchse"})
    assert (named[1].name, named[1].drafted) == ("Sparfüchse", False)
    assert named[0].drafted


def test_name_for_a_segment_that_does_not_exist_is_refused(prepared, assigned):
    with pytest.raises(DataError, match="there is no segment 9; the segments are 1, 2, 3, 4 and 5"):
        cards_of(prepared, assigned, {9: "x"})


def test_withheld_card_shows_no_figures(prepared, assigned):
    sizes = assigned["segment"].value_counts()
    with door_of(Door(sizes.min() + 1, sizes)):
        card = cards_of(prepared, assigned)[4]
    assert card.marks[0].startswith("Figures are withheld")
    assert card.name == "segment 5"
    assert card.to_dict()["value_share"] is None


def test_every_mark_points_the_way_its_word_says(cards):
    for card in cards:
        assert card.marks
        assert card.action
        assert card.disproof


def test_alike_names_are_told_apart():
    marks = {1: [("orders", 2.0)], 2: [("orders", 1.0)], 3: []}
    assert list(_draft_names(marks).values()) == ["frequent", "frequent (2)", "near average"]


def test_words_of_unknown_columns_are_high_and_low():
    assert _word("loyalty_points", -1) == "low loyalty points"


def test_card_is_escaped(prepared, assigned):
    card = cards_of(prepared, assigned, {1: "<script>alert(1)</script>"})[0]
    assert "<script>" not in card._repr_html_()
    assert "<script>" in repr(card)


def test_value_column_that_is_not_there_is_refused():
    with pytest.raises(DataError, match="value='umsatz' is not a numeric column; use one of age"):
        value_column(pd.DataFrame({"age": [1.0]}), "umsatz")


def test_interval_is_as_wide_as_scipys():
    values = np.random.default_rng(0).gamma(2, size=300)
    _, low, high = intervals(lambda rows: values[rows].mean(), 300, 400, seed=0)
    theirs = bootstrap((values,), np.mean, method="percentile", rng=np.random.default_rng(1)).confidence_interval
    assert (low, high) == pytest.approx((theirs.low, theirs.high), abs=0.03)


def test_interval_narrows_with_more_rows_than_a_sample_has():
    values = np.random.default_rng(0).normal(size=16 * BOOT_ROWS)
    _, low, high = intervals(lambda rows: values[rows].mean(), len(values), 200, seed=0)
    assert high - low == pytest.approx(2 * 1.96 / np.sqrt(len(values)), rel=0.2)


def test_intervals_of_effects_hold_the_planted_ones():
    rng, missed = np.random.default_rng(0), 0
    segments = pd.Series([1] * 150 + [2] * 150)
    for _ in range(60):
        values = pd.DataFrame({"a": np.r_[rng.normal(0.5, 1, 150), rng.normal(0, 1, 150)]})
        row = effects(values, segments, n_boot=50).iloc[0]
        missed += not row["cohens_d_low"] <= 0.5 <= row["cohens_d_high"]
        assert row["cliffs_delta_low"] <= row["cliffs_delta"] <= row["cliffs_delta_high"]
    assert missed <= 9, "about three of sixty"


def test_descriptor_tests_are_scipys(table, segments):
    found = descriptor_tests(table[["age", "city"]], segments).set_index("descriptor")
    counts = pd.crosstab(segments, table["city"].fillna("missing")).to_numpy()
    assert found.loc["age", "p"] == pytest.approx(kruskal(table["age"][:60], table["age"][60:]).pvalue)
    assert found.loc["city", "p"] == pytest.approx(chi2_contingency(counts).pvalue)
    assert found.loc["city", "effect"] == pytest.approx(association(counts, method="cramer"))
    assert (found["p_holm"] >= found["p"]).all()


def test_descriptors_without_anything_to_tell_have_no_p(segments):
    constant = pd.DataFrame({"one": 1.0, "same": "x", "none": np.nan}, index=segments.index)
    assert descriptor_tests(constant, segments)[["effect", "p", "p_holm"]].isna().all(axis=None)
    assert descriptor_tests(constant[[]], segments).empty


def test_null_descriptors_seldom_differ():
    rng, alarms = np.random.default_rng(0), 0
    segments = pd.Series(rng.integers(1, 4, 200))
    for _ in range(100):
        null = pd.DataFrame({name: rng.normal(size=200) for name in "abc"}).assign(city=rng.choice(list("xyz"), 200))
        alarms += (descriptor_tests(null, segments)["p_holm"] < 0.05).any()
    assert alarms <= 11, "about five of a hundred"


def test_levels_that_mark_a_segment_are_found(table, segments):
    city = pd.DataFrame({"city": np.where(segments == 1, "a", "b"), "age": table["age"]})
    city.loc[:5, "city"] = "b"
    found = category_effects(city, segments).set_index(["segment", "level"])
    counts = pd.crosstab(segments, city["city"]).to_numpy()
    assert set(found["descriptor"]) == {"city"}, "numbers are left out"
    assert found["cramers_v"].tolist() == pytest.approx([association(counts, method="cramer")] * 4)
    assert found.loc[(1, "a"), "lift"] == pytest.approx(54 / 60 / 0.54)
    assert (found["lift_low"] <= found["lift"]).all()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.integers(0, 40), min_size=3, max_size=3), min_size=2, max_size=5))
def test_no_withheld_cell_follows_from_the_others(rows):
    counts = np.array(rows)
    hidden = withheld_cells(counts, 10)
    assert hidden[(counts > 0) & (counts < 10)].all()
    for table, mask in ((counts, hidden), (counts.T, hidden.T)):
        for row, cells in zip(table, mask):
            if cells.sum() == 1:
                assert not row[~cells].any(), "only where the others are 0 is a cell alone"


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 300), st.integers(1, 20), st.integers(0, 2**31))
def test_means_of_neighbours_are_of_enough_and_of_everybody(n, size, seed):
    points = np.random.default_rng(seed).integers(0, 9, (n, 2)).astype(float)
    means = neighbour_means(points, size)
    assert n // (2 * size) <= len(means) <= n // size
    if len(means) and n % size == 0 and size * len(means) == n:
        np.testing.assert_allclose(means.mean(axis=0), points.mean(axis=0))
    assert ((means >= 0) & (means < 9)).all()


def test_rare_levels_are_taken_together_and_small_cells_withheld():
    segments = pd.Series([1] * 60 + [2] * 60)
    towns = pd.DataFrame({"town": ["a"] * 55 + ["b"] * 2 + ["c"] * 3 + ["a"] * 40 + ["d"] * 20})
    profile = Door(10, segments.value_counts()).disclosed(profiles(towns, segments, []))
    assert set(profile["level"]) == {"a", "other levels"}
    assert profile["share"].isna().any()


def test_cards_say_how_sure_they_are_and_paste_as_markdown(prepared, assigned):
    segment = assigned["segment"]
    sizes = segment_sizes(prepared.customers, segment, "spend")
    profile = profiles(prepared.customers, segment, prepared.columns)
    confidence = assigned.groupby("segment")["confidence"].mean()
    lights = pd.DataFrame({"jaccard": 0.9, "light": "highly stable"}, index=sizes.index)
    names = {1: "*<b>Regulars</b>*"}
    made = make_cards(sizes, effects(prepared.features, segment), profile, confidence, names, stability=lights)
    assert "highly stable on other samples (Jaccard 0.90)" in repr(made[0])
    text = cards_markdown(made)
    assert text.count("### ") == 5
    assert r"\*&lt;b&gt;Regulars&lt;/b&gt;\*" in text


@pytest.mark.parametrize(("feature", "figure"), [("satisfaction", "answer"), ("orders", "buyers")])
def test_action_for_a_segment_near_average_speaks_of_orders_only_where_there_are_some(feature, figure):
    sizes = pd.DataFrame({"customers": [50, 30, 20], "share": [0.5, 0.3, 0.2]}, index=[1, 2, 3])
    marks = pd.DataFrame({"segment": [1, 2, 3], "feature": feature, "cohens_d": [0.1, -0.9, 0.9]})
    rows = {"segment": [1, 2, 3], "column": feature, "mean": [5.0, 2.0, 9.0], "median": [5.0, 2.0, 9.0]}
    profile = pd.DataFrame(rows).assign(overall=5.1, overall_median=5.0)
    average = make_cards(sizes, marks, profile, pd.Series({1: 0.4, 2: 0.5, 3: 0.5}))[0]
    assert average.name == "near average"
    assert average.figure == figure
    assert "()" not in average.action


def test_labels_of_any_kind_and_plain_arrays_give_the_same(table, segments):
    numbers = table[["spend", "age"]]
    arrays = numbers.to_numpy()
    texts = segments.map({1: "blue", 2: "gold"})
    for labels in (segments.to_numpy(), segments.tolist(), texts, texts.to_numpy(), segments.sample(frac=1)):
        for found, expected in (
            (effects(arrays, np.asarray(segments), n_boot=3), effects(numbers, segments, n_boot=3)),
            (effects(numbers, labels, n_boot=3), effects(numbers, segments, n_boot=3)),
            (profiles(table, labels), profiles(table, segments)),
            (describe_by_rules(numbers, labels).table, describe_by_rules(numbers, segments).table),
            (segment_sizes(table, labels, "spend"), segment_sizes(table, segments, "spend")),
            (category_effects(table, labels, n_boot=3), category_effects(table, segments, n_boot=3)),
            (descriptor_tests(table, labels), descriptor_tests(table, segments)),
            (centre_scores(table, labels, ["age"]), centre_scores(table, segments, ["age"])),
        ):
            same = [name for name in expected if name not in ("segment", "feature")]
            pd.testing.assert_frame_equal(found[same].reset_index(drop=True), expected[same].reset_index(drop=True))
    assert set(effects(arrays, texts, n_boot=3)["segment"]) == {"blue", "gold"}
    assert set(profiles(arrays, texts)["column"]) == {"x0", "x1"}
    assert feature_importance(arrays, texts).rename({"x0": "spend", "x1": "age"}).to_dict() == pytest.approx(
        feature_importance(numbers, segments).to_dict()
    )


def test_labels_that_do_not_fit_are_refused(table, segments):
    with pytest.raises(ValueError, match="Length of values"):
        effects(table[["age"]], [1, 2])
    with pytest.raises(ValueError, match="40 rows have no label"):
        profiles(table, segments[:60])
