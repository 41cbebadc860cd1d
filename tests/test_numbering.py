"""Numbers carried over between runs without a customer in common, and what happens when that cannot be."""

import numpy as np
import pandas as pd
import pytest
from conftest import MIDDLES, customers, made

from segnb.errors import DataError
from segnb.history.numbering import names_file, numbering_of, persons_names


def number_at(run, middle):
    table = run.read("centres.csv")
    return int(table.loc[np.linalg.norm(table[["a", "b"]] - middle, axis=1).argmin(), "segment"])


def test_centres_are_matched_where_no_customer_is_shared(project):
    one, first = made("one", customers("x", [60, 40, 20]))
    assert (first.numbers, first.sentence()) == ([1, 2, 3], "Segment 1 is the largest.")
    two, second = made("two", customers("yy", [20, 30, 50]), previous="one")
    assert second.carried_from == "one"
    assert [number_at(two, middle) for middle in MIDDLES] == [number_at(one, middle) for middle in MIDDLES]


def test_segment_far_from_all_earlier_ones_gets_a_new_number(project):
    made("one", customers("x", [60, 40, 20]))
    elsewhere = MIDDLES.copy()
    elsewhere[2] = [60, 60]
    two, second = made("two", customers("yy", [60, 40, 20], elsewhere), previous="one")
    assert second.numbers == [1, 2, 4]
    assert number_at(two, elsewhere[2]) == 4
    assert second.used == [1, 2, 3, 4]


def test_run_of_other_columns_begins_again_and_says_so(project):
    made("one", customers("x", [60, 40, 20], columns="ac"))
    _, second = made("two", customers("yy", [60, 40, 20]), previous="one")
    assert second.numbers == [1, 2, 3]
    assert "begin again: one was made from columns that the other customers do not have: c" in second.sentence()


@pytest.mark.parametrize("kept", [True, False])
def test_numbers_of_a_run_that_kept_none_are_those_of_its_centres(project, kept):
    run, numbering = made("one", customers("x", [60, 40, 20]))
    if not kept:
        (run.folder / "numbering.json").unlink()
    assert numbering_of(run).numbers == numbering.numbers


def test_numbers_and_names_follow_the_customers_and_are_never_given_again(project):
    """Of three groups one goes and another comes; then the first one is there again, as a segment of its own."""
    parts = {
        name: customers(f"{name}-", [40], np.array([middle])) for name, middle in zip("abcd", [*MIDDLES, [40, 40]])
    }

    def numbers(run):
        segments = run.read("segments.parquet")["segment"]
        return {name: set(segments[segments.index.str.startswith(name)]) for name in "abcd"}

    one, _ = made("one", pd.concat([parts["a"], parts["b"], parts["c"]]))
    first = numbers(one)
    (b,) = first["b"]
    one.write("cards.json", [{"segment": b, "name": "Faithful", "drafted": False}])
    two, second = made("two", pd.concat([parts["b"], parts["c"], parts["d"]]), previous="one")
    assert numbers(two) == {"a": set(), "b": first["b"], "c": first["c"], "d": {4}}
    assert second.names == {b: "Faithful"}
    three, third = made("three", pd.concat([parts["a"], parts["b"], parts["c"]]), previous="two")
    assert numbers(three)["a"] == {5}, "the number that the group once had is not given again"
    assert third.used == [1, 2, 3, 4, 5]
    _, fourth = made("again", pd.concat([parts["a"], parts["b"], parts["c"]]), start_from="three")
    assert fourth.numbers == third.numbers, "a start from a run's centres keeps its numbers"


def test_names_of_a_person_win_in_the_order_of_their_nearness(project):
    run, numbering = made("one", customers("x", [60, 40, 20]))
    run.write("numbering.json", numbering.to_dict() | {"names": {1: "carried", 2: "carried", 3: "carried"}})
    assert persons_names(run, {})[0] == {1: "carried", 2: "carried", 3: "carried"}
    names_file("one").write_text("2: kept\n3: kept\n")
    assert persons_names(run, {3: "given"})[0] == {1: "carried", 2: "kept", 3: "given"}


def test_name_of_a_segment_that_is_gone_is_left_out_with_a_note(project):
    run, numbering = made("one", customers("x", [60, 40, 20]))
    run.write("numbering.json", numbering.to_dict() | {"numbers": [1, 2, 4], "used": [1, 2, 3, 4]})
    names, notes = persons_names(run, {3: "Faithful", 4: "New", 7: "nobody's"})
    assert names == {4: "New", 7: "nobody's"}, "a number that was never given is refused by the cards"
    assert notes == ["Segment 3, Faithful, is no longer there, so its name is not used."]


@pytest.mark.parametrize("text", ["[Kept]", "one: Kept", "1: [a", "1: 7"])
def test_names_file_that_is_none_is_refused_with_a_remedy(project, text):
    run, _ = made("one", customers("x", [60, 40, 20]))
    names_file("one").write_text(text)
    with pytest.raises(DataError, match=r"one.names.yaml: .* write a line per segment, for instance 1: Regulars"):
        persons_names(run, {})
