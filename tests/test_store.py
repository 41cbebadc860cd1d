"""A run's folder: artifacts whole or not at all, readable words when one is missing, nothing unsafe in or out."""

import csv
import os

import numpy as np
import pandas as pd
import pytest
from conftest import Made
from sklearn.cluster import KMeans
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from segnb.cluster import fit_segments
from segnb.errors import DataError, RunError
from segnb.paths import sha256, write_whole
from segnb.runs.store import Run, Workspace, run_names
from segnb.tables import safe_csv, write_csv


@pytest.fixture
def run(project):
    return Made("r")


def test_artifacts_come_back_as_they_were_written(run):
    table = pd.DataFrame({"a": [1.5, 2.5]}, index=pd.Index(["x", "y"], name="id"))
    run.write("customers.parquet", table)
    run.write("choice.json", {"k": np.int64(3), "name": "Sparfüchse"})
    run.write("centres.csv", table)
    pd.testing.assert_frame_equal(run.read("customers.parquet"), table)
    assert run.read("choice.json") == {"k": 3, "name": "Sparfüchse"}
    pd.testing.assert_frame_equal(run.read("centres.csv").set_index("id"), table, check_index_type=False)
    assert run.artifacts() == ["customers.parquet", "choice.json", "centres.csv"]


def test_pipeline_and_model_come_back_without_training_labels(run, prepared):
    model = fit_segments(prepared.features, 5)
    run.write("prepare.skops", prepared.pipeline)
    run.write("model.skops", model)
    features = run.read("prepare.skops").transform(prepared.customers[prepared.columns].astype(float))
    pd.testing.assert_frame_equal(features, prepared.features)
    again = run.read("model.skops")
    assert not hasattr(again, "labels_")
    np.testing.assert_array_equal(again.predict(features), model.labels_)
    assert hasattr(model, "labels_"), "the model in hand keeps its labels"


class Foreign(KMeans):
    """A type that is none of ours."""


def test_model_of_a_foreign_type_is_refused(run):
    import skops.io

    run.folder.mkdir(parents=True)
    skops.io.dump(Foreign(2), run.folder / "model.skops")
    run.vouch()
    for reader in (Run("r"), Workspace("r"), run):
        with pytest.raises(RunError, match="model.skops: cannot be read .*Foreign"):
            reader.read("model.skops")


class Halver(StandardScaler):
    """A transformer of a person's own."""


def test_model_that_would_not_be_read_back_is_refused_before_a_file_is_replaced(run, prepared):
    run.write("prepare.skops", prepared.pipeline)
    before = sha256(run.folder / "prepare.skops")
    with pytest.raises(RunError, match=r"Pipeline: holds .*\.Halver, which would not be read back.*scikit-learn's own"):
        run.write("prepare.skops", make_pipeline(Halver()))
    assert sha256(run.folder / "prepare.skops") == before
    assert [path.name for path in run.folder.iterdir() if path.name.endswith(".part")] == []
    run.read("prepare.skops")


def test_missing_artifact_names_the_step_and_the_command(run):
    run.write("choice.json", {})
    with pytest.raises(
        RunError, match=r"r/features.parquet is not there yet; step prepare makes it: segnb run PRESET.yaml --run r"
    ):
        run.read("features.parquet")


def test_missing_run_names_those_that_exist(project):
    Made("other").write("choice.json", {})
    Workspace("mine").write("choice.json", {})
    with pytest.raises(RunError, match="there is no run 'nix' .* the runs there are other; make it with"):
        Run("nix").read("choice.json")


@pytest.mark.parametrize(
    ("name", "content"), [("choice.json", b"{"), ("segments.parquet", b"x"), ("model.skops", b"x")]
)
def test_damaged_artifact_is_named(run, name, content):
    run.folder.mkdir(parents=True)
    (run.folder / name).write_bytes(content)
    run.vouch()
    with pytest.raises(RunError, match=f"{name}: cannot be read .*make it again with"):
        Run("r").read(name)


def test_workspace_is_read_first_then_the_published_run_which_it_never_changes(run):
    run.write("choice.json", {"k": 5})
    run.write("prepare.json", {"columns": ["a"]})
    before = {path.name: sha256(path) for path in run.folder.iterdir()}
    mine = Workspace("r")
    assert mine.read("choice.json") == {"k": 5}
    mine.write("choice.json", {"k": 4})
    assert mine.folder == run.folder.parent / "lab" / "r"
    assert mine.read("choice.json") == Workspace("r").read("choice.json") == {"k": 4}
    assert Run("r").read("choice.json") == {"k": 5}
    assert mine.artifacts() == ["prepare.json", "choice.json"]
    assert [path.name for path in mine.folder.iterdir()] == ["choice.json"]
    assert {path.name: sha256(path) for path in run.folder.iterdir()} == before
    (run.folder / "prepare.json").write_text("{}")
    with pytest.raises(RunError, match=r"prepare.json: cannot be read \(it is not the file that run.json lists"):
        mine.read("prepare.json")


def test_workspace_passes_for_no_run(project):
    for name in ("r", "run.json"):
        Workspace(name).write("choice.json", {"k": 4})
    assert run_names() == []
    with pytest.raises(RunError, match="there is no run 'r' in .*there are no runs yet"):
        Run("r").read("choice.json")


def test_workspace_in_the_runner_is_the_stage_and_reads_nothing_else(run, project, monkeypatch):
    run.write("choice.json", {"k": 5})
    Workspace("r").write("choice.json", {"k": 4})
    stage = project / "outputs" / ".stage" / "r" / "1" / "r"
    monkeypatch.setenv("SEGNB_STAGE", os.fspath(stage))
    inside = Workspace("r")
    assert inside.folder == stage
    with pytest.raises(RunError, match="there is no run 'r'|is not there yet"):
        inside.read("choice.json")
    inside.write("choice.json", {"k": 3})
    assert inside.read("choice.json") == {"k": 3}
    assert Workspace("other").folder == project / "outputs" / "lab" / "other"
    assert Run("r").read("choice.json") == {"k": 5}, "an earlier run is read where it was published"


@pytest.mark.parametrize("name", ["../x", "/abs", "a\n", "-rf", "x" * 65, "", ".hidden"])
def test_names_that_are_paths_are_refused(name):
    with pytest.raises(DataError, match="a run's name"):
        Run(name)


def test_failed_write_leaves_the_earlier_file(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("good")

    def fail(beside):
        beside.write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_whole(path, fail)
    assert path.read_text() == "good"
    assert [each.name for each in tmp_path.iterdir()] == ["a.txt"]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-x", "@cmd", "\t=1", "  =1", "＝1"])
def test_text_that_a_spreadsheet_would_run_is_defused(text):
    table = pd.DataFrame({text: [text]}, index=pd.Index([text], name="id"))
    safe = safe_csv(table)
    assert [safe.columns[0], safe.iloc[0, 0], safe.index[0]] == [f"'{text}"] * 3


def test_numbers_are_left_alone():
    assert safe_csv(pd.DataFrame({"a": [-1.5]}))["a"].tolist() == [-1.5]


def test_large_table_is_written_as_a_small_one_is(tmp_path, monkeypatch):
    table = pd.DataFrame({"yes": [True, False], "day": pd.to_datetime(["2026-01-02", "2026-01-03"]), "n": [1.5, 2.0]})
    table = table.assign(at=pd.to_datetime(["2026-01-02 10:30", "2026-01-03 00:00"]), word=["a,b", None])
    for name, large in (("small.csv", 10), ("large.csv", 1)):
        monkeypatch.setattr("segnb.tables.MANY_ROWS", large)
        write_csv(table, tmp_path / name)
    small, large = (list(csv.reader((tmp_path / name).read_text().splitlines())) for name in ("small.csv", "large.csv"))
    assert [cell for row in small for cell in row if cell != "2.0"] == [c for row in large for c in row if c != "2"]
