"""What goes out by the door tells of nobody: what is withheld can neither be recomputed nor be told to be small."""

import numpy as np
import pandas as pd
import pytest
from conftest import door_of
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from segnb.disclosure import OTHER_LEVELS, Door, door, use_door, withheld_cells
from segnb.interpret import category_effects, describe_by_rules, effects, profiles, segment_sizes
from segnb.iterate import match_segments, migration, value_moved
from segnb.notebook import Table

TEN = 10


def could_be(counts, hidden, cell):
    """Return how small and how large a hidden cell could be, given all that is shown and the totals."""
    places = np.argwhere(hidden)
    totals = np.zeros((sum(counts.shape), len(places)))
    for number, (i, j) in enumerate(places):
        totals[[i, len(counts) + j], number] = 1
    own = (places == cell).all(axis=1).astype(float)
    known = totals @ counts[hidden]
    least, most = (linprog(sign * own, A_eq=totals, b_eq=known) for sign in (1, -1))
    assert least.success
    assert most.success
    return least.fun, -most.fun


def assert_tells_nothing(counts, hidden):
    assert not (hidden & ~np.isfinite(counts)).any()
    assert hidden[(counts > 0) & (counts < TEN)].all()
    for i, j in np.argwhere(hidden & (counts < TEN) & (counts > 0)):
        least, most = could_be(counts, hidden, (i, j))
        total = min(counts[i].sum(), counts[:, j].sum())
        assert most >= min(counts[i, j] + 1, total) - 1e-6, "it could have been larger"
        assert most - least > 1e-6 or counts[i, j] == total, "it does not follow from the others"


tables = st.tuples(st.integers(2, 5), st.integers(2, 5)).flatmap(
    lambda shape: st.lists(
        st.lists(st.one_of(st.just(0), st.integers(0, 14), st.integers(0, 60)), min_size=shape[1], max_size=shape[1]),
        min_size=shape[0],
        max_size=shape[0],
    )
)


@settings(max_examples=150, deadline=None)
@given(tables)
def test_withheld_cells_cannot_be_recomputed(rows):
    counts = np.array(rows)
    assert_tells_nothing(counts, withheld_cells(counts, TEN))


@settings(max_examples=80, deadline=None)
@given(tables)
def test_no_small_cell_is_withheld_alone_in_its_row_or_column(rows):
    """Whoever sees one row with its total cannot tell what its withheld cells are."""
    counts = np.array(rows)
    hidden = withheld_cells(counts, TEN)
    for table, mask in ((counts, hidden), (counts.T, hidden.T)):
        for row, cells in zip(table, mask):
            if ((row > 0) & (row < TEN)).any() and (row > 0).sum() > 1:
                assert cells.sum() > 1


def test_two_withheld_cells_of_34_need_not_both_be_few():
    counts = np.array([[31, 3, 60], [40, 50, 70]])
    hidden = withheld_cells(counts, TEN)
    assert hidden.tolist() == [[True, True, False], [True, True, False]]
    assert_tells_nothing(counts, hidden)
    segments = pd.Series(np.repeat([1, 1, 1, 2, 2, 2], counts.ravel()))
    levels = pd.DataFrame({"level": np.repeat([*"abcabc"], counts.ravel())})
    with door_of(Door(TEN, segments.value_counts())):
        page = Table(profiles(levels, segments, []))._repr_html_()
    assert "withheld" in page
    assert "few<" not in page, "34 customers are not twice few"


def test_cells_around_a_known_one_are_hidden_up_to_the_zeros():
    counts = np.array([[0, 36, 24, 35], [38, 0, 2, 0]])
    assert withheld_cells(counts, TEN).all(), "else 38, alone in its column, would give 2 away"


def test_large_tables_of_small_cells_take_a_moment_only():
    counts = np.random.default_rng(0).poisson(9, (8, 800))
    hidden = withheld_cells(counts, TEN)
    assert hidden[counts < TEN].sum() == (counts[counts < TEN] > 0).sum()


def drawn(n, seed):
    rng = np.random.default_rng(seed)
    segments = pd.Series(rng.choice([1, 2, 3, 4], n, p=[0.5, 0.3, 0.16, 0.04]))
    towns = pd.Series(rng.choice(list("abcdefg"), n, p=[0.4, 0.3, 0.1, 0.1, 0.05, 0.03, 0.02]))
    table = pd.DataFrame({"spend": rng.gamma(2, 50, n), "town": towns.where(rng.random(n) > 0.02), "age": segments * 9})
    return table, segments


@settings(max_examples=20, deadline=None)
@given(st.integers(30, 400), st.integers(0, 2**31))
def test_profiles_that_went_out_tell_of_nobody(n, seed):
    table, segments = drawn(n, seed)
    out = Door(TEN, segments.value_counts())
    told = out.disclosed(profiles(table, segments, ["spend"]))
    pd.testing.assert_frame_equal(out.disclosed(told), told)
    assert told.loc[told["segment"].isin(out.hidden), ["mean", "median", "share", "lift"]].isna().all(axis=None)
    town = told[told["column"] == "town"]
    names = town["level"].unique()
    level = table["town"].fillna("missing")
    counts = pd.crosstab(segments, level.where(level.isin(names), OTHER_LEVELS))
    assert set(counts) == set(names)
    assert counts.sum().min() >= TEN, "no level of few"
    shares = town.pivot(index="segment", columns="level", values="share")
    assert_tells_nothing(counts.to_numpy(), shares.isna().to_numpy())
    overall = town.drop_duplicates("level").set_index("level")["overall"]
    pd.testing.assert_series_equal(overall, counts.sum().loc[overall.index] / n, check_names=False)


@settings(max_examples=10, deadline=None)
@given(st.integers(30, 400), st.integers(0, 2**31))
def test_effects_of_levels_go_out_where_the_profile_shows_the_level(n, seed):
    table, segments = drawn(n, seed)
    out = Door(TEN, segments.value_counts())
    found = category_effects(table[["town"]], segments, n_boot=2)
    told = out.disclosed(found)
    seen = out.disclosed(profiles(table[["town"]], segments)).dropna(subset="share")
    seen = seen[seen["level"] != OTHER_LEVELS]
    assert set(zip(told["segment"], told["level"])) == set(zip(seen["segment"], seen["level"]))
    assert "customers" not in told
    pd.testing.assert_frame_equal(out.disclosed(told), told)


@settings(max_examples=20, deadline=None)
@given(st.integers(20, 300), st.floats(0, 0.5), st.integers(0, 2**31))
def test_moves_and_what_they_are_worth_withhold_the_same(n, moving, seed):
    rng = np.random.default_rng(seed)
    before = pd.Series(rng.choice([1, 2, 5], n, p=[0.6, 0.3, 0.1]), index=range(n))
    after = before.where(rng.random(n) > moving, rng.choice([1, 2, 5, 6], n)).set_axis(range(n // 12, n + n // 12))
    moves, worth = migration(before, after), value_moved(before, after, before * 10.0, after * 10.0)
    told, told_worth = Door(TEN).disclosed(moves), Door(TEN).disclosed(worth)
    hidden = told.isna().to_numpy()
    assert_tells_nothing(moves.to_numpy(), hidden)
    assert not hidden[-1, -1], "that nobody both comes and leaves is known"
    of_moves = told.stack(future_stack=True)[moves.stack(future_stack=True) > 0].to_numpy()
    np.testing.assert_array_equal(told_worth["customers"].to_numpy(), of_moves)
    assert (
        told_worth.loc[told_worth["customers"].isna(), ["value_before", "value_after", "change"]].isna().all(axis=None)
    )
    pd.testing.assert_frame_equal(Door(TEN).disclosed(told), told)
    pd.testing.assert_frame_equal(Door(TEN).disclosed(told_worth), told_worth)


@pytest.fixture
def three():
    """Three segments, the third of few customers, so that the second is hidden with it."""
    table, _ = drawn(130, 0)
    segments = pd.Series([1] * 90 + [2] * 36 + [3] * 4)
    return table, segments, Door(TEN, segments.value_counts())


def test_sizes_go_out_without_what_few_are_worth(three):
    table, segments, out = three
    told = out.disclosed(segment_sizes(table, segments, "spend"))
    assert told["customers"].tolist() == [90, 36, 4]
    assert told["share"].notna().all()
    assert told["value_share"].isna().tolist() == [False, True, True]


def test_figures_by_segment_go_out_without_those_of_few(three):
    table, segments, out = three
    centres = table[["spend", "age"]].groupby(segments).mean().rename_axis("segment")
    for told in (out.disclosed(centres), out.disclosed(centres.reset_index())):
        assert told[["spend", "age"]].notna().all(axis=1).tolist() == [True, False, False]
    stable = pd.DataFrame({"segment": [1, 2, 3], "customers": 9, "share": 0.3, "jaccard": 0.9, "light": "stable"})
    pd.testing.assert_frame_equal(out.disclosed(stable), stable)


def test_effects_and_rules_of_few_stay_inside(three):
    table, segments, out = three
    assert set(out.disclosed(effects(table[["spend"]], segments, n_boot=2))["segment"]) == {1}
    rules = pd.DataFrame({"segment": [1, 1, 2], "rule": list("abc"), "precision": 0.9, "coverage": 0.5})
    told = out.disclosed(rules.assign(customers=[40, 10, 40]))
    assert told["rule"].tolist() == ["a"], "nine members, and a hidden segment"


def test_pairs_that_share_few_customers_go_out_without_figures():
    before = pd.Series([1] * 50 + [2] * 7)
    told = Door(TEN).disclosed(match_segments(before, before.replace({1: 4})))
    assert told[["shared", "jaccard", "overlap"]].notna().all(axis=1).tolist() == [True, False]
    assert told["fate"].tolist() == ["survived", "survived"]


def test_profiles_cut_by_column_go_out_alike(three):
    table, segments, out = three
    whole = profiles(table, segments, ["spend"])
    told = out.disclosed(whole)
    shares = ["segment", "column", "level", "share", "overall", "lift"]
    for rows, columns in (("feature", ["segment", "column", "mean", "median", "lift"]), ("descriptor", shares)):
        cut = out.disclosed(whole.loc[whole["role"] == rows, columns])
        pd.testing.assert_frame_equal(cut, told.loc[told["role"] == rows, columns].reset_index(drop=True))


def test_open_door_and_other_tables_change_nothing(three):
    table, segments, out = three
    customers = table.assign(segment=segments)
    assert out.disclosed(customers) is customers
    assert out.disclosed(table) is table
    for found in (profiles(table, segments), segment_sizes(table, segments, "spend")):
        assert Door(1, out.sizes).disclosed(found) is found


def test_nothing_is_assigned_into_what_goes_out(three):
    table, segments, out = three
    for found in (profiles(table, segments, ["spend"]), segment_sizes(table, segments, "spend")):
        before = found.copy()
        out.disclosed(found)
        pd.testing.assert_frame_equal(found, before)


def test_points_and_members_keep_to_the_door(three):
    _, segments, out = three
    assert len(out.points(np.random.default_rng(0).normal(size=(95, 2)))) == 8
    assert len(Door().points(np.zeros((95, 2)))) == 95
    assert len(Door().points(np.zeros((96, 2)), size=3)) == 32
    assert out.members(segments).sum() == 90


def test_door_is_open_until_one_is_set_and_after_a_block_even_if_it_fails():
    assert door() == Door()
    with pytest.raises(ValueError, match="inside 10"), door_of(Door(TEN)):
        raise ValueError(f"inside {door().min_cell}")
    assert door() == Door()
    use_door(lambda: Door(3))
    assert door().min_cell == 3
    use_door(Door)


def test_rules_of_a_whole_table_go_out(three):
    table, segments, out = three
    found = describe_by_rules(table[["age"]], segments).table
    assert set(out.disclosed(found)["segment"]) <= {1}
