"""Earlier runs that are none, are broken, or are another thing: each has a stated behaviour and a readable line."""

import shutil

import numpy as np
import pandas as pd
import pytest
from conftest import MIDDLES, Made, customers, made, segnb

from segnb.errors import DataError, RunError
from segnb.history import series_of, timeline
from segnb.history.snapshots import Past, snapshot_of
from segnb.iterate import decide, decompose, drift, match_segments
from segnb.parameters import Parameters
from segnb.runs.store import NEEDED, Run, Workspace, check_earlier


def published(name, table, previous="", **given):
    """Return a run as `made` makes it, its manifest naming the run before it."""
    run, _ = made(name, table, previous=previous, **given)
    run.vouch(parameters={"previous": previous})
    return run


def compared(run, previous):
    """Return the decision of a run beside an earlier one, as the notebook comes to it."""
    before, notes = Past(run, Parameters(run=run.name, previous=previous)).earlier()
    now = snapshot_of(run)
    changes = decompose(before, now, n_refits=3)
    drifts = drift(before.customers, now.customers, [name for name in before.columns if name in now.customers])
    return decide(changes, drifts, before.label, why_not=" ".join(notes))


SAME = customers("x", [60, 40, 20])
CASES = {
    # later run's customers and number of segments: decision, words
    "the same": (SAME, 3, "keep", "All 3 segments survived."),
    "other columns": (SAME.rename(columns={"b": "c"}), 3, "keep", "made from columns that the other customers do not"),
    "text for numbers": (SAME.assign(b=[f"t{n}" for n in range(120)]), 3, "keep", "made from b as numbers"),
    "more columns": (SAME.assign(c=np.arange(120.0)), 3, "keep", "All 3 segments survived."),
    "another k": (SAME, 2, "redesign", "merged"),
    "no shared customer": (customers("yy", [60, 40, 20]), 3, "keep", "No customer was there both times"),
    "an empty segment": (SAME.iloc[:100], 2, "redesign", "vanished"),
    "row numbers": (SAME.reset_index(drop=True).rename_axis("row"), 3, "keep", "Without a customer id"),
}


@pytest.mark.parametrize("case", CASES)
def test_other_runs_are_compared_or_not_with_a_word_on_it(project, case):
    table, k, decision, words = CASES[case]
    published("one", SAME)
    run, _ = made("two", table, k=k, columns=list(table.select_dtypes("number")))
    found = compared(run, "one")
    assert found.decision == decision
    assert any(words in reason for reason in found.reasons), found.reasons
    assert not any("nan" in reason for reason in found.reasons)


def damage(run, how):
    folder = run.folder
    if how == "foreign":
        shutil.rmtree(folder)
        folder.mkdir()
        (folder / "holiday.jpg").write_bytes(b"x")
    elif how == "file":
        shutil.rmtree(folder)
        folder.write_text("no folder")
    elif how == "early":
        (folder / "model.skops").unlink()
    elif how == "flipped":
        content = bytearray((folder / "model.skops").read_bytes())
        content[len(content) // 2] ^= 1
        (folder / "model.skops").write_bytes(content)
    elif how == "cut":
        (folder / "segments.parquet").write_bytes((folder / "segments.parquet").read_bytes()[:-20])
    elif how == "manifest":
        (folder / "run.json").write_text("{")
    elif how == "strange":
        (folder / "run.json").write_text('{"name": "another program"}')


DAMAGES = {
    "foreign": "holds no run that got to step 3, cluster: customers.parquet, prepare.json",
    "file": "there is no such run",
    "early": "holds no run that got to step 3, cluster: model.skops is not there",
    "flipped": "model.skops: it is not the file that run.json lists, so it was changed or damaged afterwards",
    "cut": "segments.parquet: it is not the file",
    "manifest": "run.json: cannot be read",
    "strange": "run.json: this is not the manifest of a run",
}


@pytest.mark.parametrize("parameter", ["previous", "start_from"])
@pytest.mark.parametrize("how", DAMAGES)
def test_broken_and_foreign_runs_are_refused_before_anything_runs(project, how, parameter):
    damage(published("one", SAME), how)
    with pytest.raises(DataError, match="one.*" + DAMAGES[how].replace(".", r"\.")):
        check_earlier(parameter, "one")


def test_refusal_is_one_line_and_exit_2(project):
    damage(published("one", SAME), "flipped")
    SAME.to_csv("t.csv")
    done = segnb("run", "-p", "customers=t.csv", "-p", "purchases=", "-p", "previous=one", "--run", "two", cwd=project)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "model.skops: it is not the file" in done.stderr
    assert not (project / "outputs" / "two").exists()


def test_runs_that_are_there_are_named_where_one_is_not(project):
    published("one", SAME)
    with pytest.raises(DataError, match="previous='nix': there is no such run in .*; the runs there are one"):
        check_earlier("previous", "nix")


def test_whole_run_is_accepted_and_what_was_written_by_hand_is_not(project):
    run = published("one", SAME)
    check_earlier("previous", "one")
    assert set(NEEDED) <= set(run.artifacts())
    by_hand = Workspace("two")
    for name in NEEDED:
        by_hand.write(name, run.read(name))
    with pytest.raises(DataError, match="previous='two': there is no such run in .*; the runs there are one$"):
        check_earlier("previous", "two")


def test_changed_artifact_is_not_read_but_one_written_by_hand_is_from_its_own_place(project):
    run = published("one", SAME)
    by_hand, centres = Workspace("one"), run.read("centres.csv")
    by_hand.write("centres.csv", centres.assign(a=0.0))
    assert by_hand.read("centres.csv")["a"].tolist() == [0, 0, 0], "a notebook in JupyterLab may write again"
    pd.testing.assert_frame_equal(Run("one").read("centres.csv"), centres)
    (run.folder / "centres.csv").write_text("segment,a,b\n1,2,3\n")
    with pytest.raises(RunError, match=r"centres.csv: cannot be read \(it is not the file that run.json lists"):
        Run("one").read("centres.csv")


def test_series_goes_back_as_far_as_the_runs_are_there(project):
    for name, previous in (("may", "april"), ("june", "may"), ("july", "june")):
        run = published(name, SAME, previous=previous if previous != "april" else "")
        run.vouch(parameters={"previous": previous})
        run.write("choice.json", {"k": 3, "verdict": "natural"})
        run.write("evidence.csv", pd.DataFrame({"k": [2, 3], "silhouette": [0.1, 0.7]}))
        run.write("decision.json", {"decision": "keep"})
    runs, notes = series_of(Run("july"), "june")
    assert [each.name for each in runs] == ["may", "june", "july"]
    assert notes == ["The series begins with may; the run before it, april, is not there any more."]
    line = timeline(runs, "refit")
    assert line["decision"].tolist() == ["keep", "keep", "refit"]
    assert line["silhouette"].tolist() == [0.7] * 3
    assert line[["segment_1", "segment_2", "segment_3"]].to_numpy().tolist() == [[0.5, 40 / 120, 20 / 120]] * 3


def test_series_of_runs_that_name_each_other_ends(project):
    run = published("one", SAME)
    published("two", SAME, previous="one")
    run.vouch(parameters={"previous": "two"})
    runs, _ = series_of(Run("two"), "one")
    assert [each.name for each in runs] == ["one", "two"]


def test_timeline_of_a_run_that_has_only_begun_is_mostly_missing(project):
    run = Made("one")
    run.write("prepare.json", {"as_of": "2026-05-01"})
    line = timeline([run])
    assert line.loc[0, ["run", "as_of", "decision"]].tolist() == ["one", "2026-05-01", ""]
    assert line[["customers", "k", "silhouette"]].isna().all(axis=None)


def test_segments_far_apart_in_both_runs_keep_their_middles():
    """What `match_segments` pairs is what lies in the same place."""
    truth = pd.Series(np.repeat([1, 2, 3], [60, 40, 20]), index=SAME.index)
    nearest = ((SAME.to_numpy()[:, None] - MIDDLES) ** 2).sum(axis=2).argmin(axis=1) + 1
    matches = match_segments(truth, pd.Series(nearest, index=SAME.index))
    assert matches["previous"].tolist() == matches["current"].tolist() == [1, 2, 3]
