"""Notebooks executed by hand read what the runner published, write elsewhere, and can't pass for a run."""

import hashlib
import json
import shutil

import nbformat
import pandas as pd
import pytest
from conftest import ROOT, plain_papermill, segnb

from segnb.notebook.copies import copy_notebooks
from segnb.paths import STEPS, notebook_path
from segnb.runs.kernels import LEARNERS


def by_hand(project, step, *given):
    """Let plain papermill run a notebook, as somebody would at a terminal."""
    done = plain_papermill(project, notebook_path(step), project / f"{step}.ipynb", *given)
    assert done.returncode == 0, done.stderr[-2000:]
    return nbformat.read(project / f"{step}.ipynb", as_version=4)


def hashes(folder):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


@pytest.fixture(scope="module")
def tried(published, tmp_path_factory):
    """A published run beside which k = 4 was tried in step 2, and step 3 was run on."""
    project = tmp_path_factory.mktemp("by_hand")
    shutil.copytree(published.parent, project / "outputs")
    before = hashes(project / "outputs" / "shop"), segnb("runs", cwd=project).stdout
    fewer = [word for given in ("k_max 5", "n_boot 2", "n_refs 2", "n_init 1") for word in ("-p", *given.split())]
    by_hand(project, "choose_k", "-p", "k", "4", *fewer)
    return project, before, by_hand(project, "cluster")


def test_trial_changes_no_file_of_the_published_run(tried):
    project, (before, _), _ = tried
    assert hashes(project / "outputs" / "shop") == before
    assert json.loads((project / "outputs" / "shop" / "choice.json").read_text())["k"] == 5
    assert {path.name for path in (project / "outputs").iterdir()} == {"shop", "lab", "latest", "index.html"}


def test_next_step_reads_the_trial_first_and_else_the_published_run(tried):
    project, _, _ = tried
    lab = project / "outputs" / "lab" / "shop"
    assert json.loads((lab / "choice.json").read_text())["k"] == 4
    assert not (lab / "features.parquet").exists(), "read from the published run"
    assert sorted(pd.read_parquet(lab / "segments.parquet")["segment"].unique()) == [1, 2, 3, 4]


def test_trial_is_seen_by_no_reader_of_runs(tried):
    project, (_, runs), _ = tried
    assert segnb("runs", cwd=project).stdout == runs
    for name in ("lab", "lab/shop"):
        refused = segnb("run", "--run", "next", "-p", f"previous={name}", cwd=project)
        assert refused.returncode == 2
        assert "previous=" in refused.stderr
    assert segnb("score", "lab", "data/shop_purchases.parquet", cwd=project).returncode in (1, 2)
    assert segnb("run", "--run", "lab", cwd=project).returncode == 2


def test_in_the_lab_a_dot_is_a_customer(tried):
    figures = [
        output["data"].get("text/plain", "")
        for cell in tried[2].cells
        for output in cell.get("outputs", [])
        if output.output_type != "stream"
    ]
    assert any("a dot is a customer" in words for words in figures)
    assert any("Five clusters of three columns" in words for words in figures), "the example that everybody knows"


def test_lab_copies_hold_nothing_for_learners_and_a_changed_one_is_kept(project):
    copy_notebooks(project / "outputs" / "lab", LEARNERS)
    copies = {step: project / "outputs" / "lab" / notebook_path(step).name for step in STEPS}
    for step, path in copies.items():
        cells, whole = (nbformat.read(each, as_version=4).cells for each in (path, ROOT / "notebooks" / path.name))
        assert not any(LEARNERS & set(cell.metadata.get("tags", [])) for cell in cells)
        assert len(cells) == sum(not LEARNERS & set(cell.metadata.get("tags", [])) for cell in whole)
        assert nbformat.read(notebook_path(step), as_version=4).cells == whole
    copies["prepare"].write_text("mine")
    copy_notebooks(project / "outputs" / "lab", LEARNERS)
    assert copies["prepare"].read_text() == "mine"
