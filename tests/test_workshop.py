"""The workshop: complete, offline, without solutions where they do not belong, and with checks that only ever hint."""

import ast
import json
import os
import time

import nbformat
import numpy as np
import pandas as pd
import pytest
from conftest import segnb, with_fewer_draws
from hypothesis import given
from hypothesis import strategies as st
from nbclient import NotebookClient

from segnb.errors import DataError
from segnb.notebook import exercises
from segnb.notebook.copies import workshop_parts, write_workshop
from segnb.paths import STEPS, notebook_path
from segnb.runs.kernels import fresh_kernels

NOTEBOOKS = [notebook_path(step).name for step in STEPS]


@pytest.fixture(scope="module")
def workshop(tmp_path_factory):
    """A workshop's folder, both copies carried out from top to bottom, each with the seconds of every notebook."""
    folder = tmp_path_factory.mktemp("workshop") / "w"
    done = segnb("workshop", folder, cwd=folder.parent)
    assert done.returncode == 0, done.stderr
    seconds, clean = {}, {name: value for name, value in os.environ.items() if not name.startswith("SEGNB_")}
    for copy in ("learner", "solution"):
        with fresh_kernels(len(NOTEBOOKS), clean, str(folder / copy / "notebooks")) as kernels:
            for name, kernel in zip(NOTEBOOKS, kernels):
                begun = time.monotonic()
                notebook = nbformat.read(folder / copy / "notebooks" / name, as_version=4)
                with_fewer_draws(notebook)
                NotebookClient(notebook, km=kernel, timeout=300).execute(cleanup_kc=True)
                nbformat.write(notebook, folder / f"{copy}-{name}")
                seconds[copy, name] = time.monotonic() - begun
    print({key: round(value, 1) for key, value in seconds.items()})
    return folder


def answers(folder, copy, name):
    """Return what the checks said, in the order of the cells, and whether anything else was said."""
    said, noise = [], []
    for cell in nbformat.read(folder / f"{copy}-{name}", as_version=4).cells:
        for output in cell.get("outputs", []):
            if output.output_type in ("error", "stream"):
                noise.append(output)
            elif {"exercise", "solution"} & set(cell.metadata.get("tags", [])):
                text = output["data"].get("text/plain", "")
                said += [text] if text.startswith(("Not answered", "Hint", "✓")) else []
    return said, noise


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_learners_copy_runs_untouched_and_every_check_gives_a_hint(workshop, name):
    said, noise = answers(workshop, "learner", name)
    assert not noise
    assert len(said) >= 2
    assert all(each.startswith("Not answered yet") for each in said)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_solutions_are_right(workshop, name):
    said, noise = answers(workshop, "solution", name)
    assert not noise
    assert len(said) >= 4, "two or three exercises, each asked and solved"
    assert [each for each in said if not each.startswith("Not answered yet")] == ["✓ Right."] * (len(said) // 2)


def test_what_is_run_by_hand_is_written_apart_from_published_runs(workshop):
    for copy in ("learner", "solution"):
        assert (workshop / copy / "outputs" / "lab" / "shop" / "segments.csv").is_file()
        assert [path.name for path in (workshop / copy / "outputs").iterdir()] == ["lab"]


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_learners_copy_holds_no_solution_not_even_in_its_metadata(workshop, name):
    text = (workshop / "learner" / "notebooks" / name).read_text()
    whole = nbformat.read(notebook_path(STEPS[NOTEBOOKS.index(name)]), as_version=4)
    assert "solution" not in text
    assert "**Discussion.**" not in text
    for cell in whole.cells:
        if "solution" in cell.metadata.get("tags", []):
            for line in cell.source.splitlines():
                words = line.strip()
                assert len(words) < 25 or words.startswith(("exercises.check", "import")) or words not in text, words
    assert all(not cell.get("outputs") for cell in json.loads(text)["cells"])


def test_two_hours_in_five_parts_with_two_or_three_exercises_each():
    parts = workshop_parts()
    assert len(parts) == 5
    assert sum(part.minutes for part in parts) == 120
    assert all(2 <= len(part.exercises) <= 3 for part in parts)


def test_guide_and_handout_are_there(workshop, browser):
    guide, handout = (workshop / f"{name}.md" for name in ("guide", "handout"))
    assert "Usual misreadings" in guide.read_text()
    assert "Questions for discussion" in guide.read_text()
    assert "When time is short" in guide.read_text()
    for part in workshop_parts():
        assert part.question in guide.read_text()
        assert part.question in handout.read_text()
    page = browser.new_page()
    page.goto((workshop / "handout.html").as_uri())
    page.emulate_media(media="print")
    pdf = page.pdf(format="A4", margin={"top": "12mm", "bottom": "12mm"}, scale=0.8)
    page.close()
    assert pdf.count(b"/Type /Page\n") + pdf.count(b"/Type /Page ") in (0, 1), "one page"
    assert len(pdf) > 1000


def test_folder_that_is_there_is_not_touched(tmp_path):
    (tmp_path / "w").mkdir()
    (tmp_path / "w" / "mine.txt").write_text("mine")
    with pytest.raises(DataError, match="is there already; name a new folder"):
        write_workshop(tmp_path / "w")
    assert [path.name for path in (tmp_path / "w").iterdir()] == ["mine.txt"]


def test_workshop_that_could_not_be_written_leaves_nothing_and_can_be_written_again(tmp_path, monkeypatch):
    def full(*names):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("segnb.notebook.copies.shutil.copyfile", full)
        with pytest.raises(DataError, match="w: cannot be written .No space left on device"):
            write_workshop(tmp_path / "w")
    assert not list(tmp_path.iterdir())
    assert (write_workshop(tmp_path / "w") / "guide.md").is_file()


CHECKS = [name for name in dir(exercises) if name.startswith("check_")]
ANY = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.integers()) | st.just(object())


@given(ANY, st.sampled_from(CHECKS), st.lists(ANY, max_size=4))
def test_no_check_ever_raises(answer, name, given_too):
    found = getattr(exercises, name)(answer, *given_too)
    assert repr(found).startswith(("Hint: ", "✓ Right."))


def test_one_segment_or_none_is_right_for_the_twin_and_natural_is_not():
    for right in (1, "constructed", "Reproducible", "none"):
        assert repr(exercises.check_twin(right)) == "✓ Right."
    for wrong in ("natural", 5, 2.5):
        assert repr(exercises.check_twin(wrong)).startswith("Hint: ")


def test_numbers_of_segments_do_not_matter_to_a_check():
    truth = exercises.planted_truth()
    renamed = truth.map({name: number for number, name in enumerate(truth.unique(), 7)})
    assert repr(exercises.check_truth(1.0, renamed)) == "✓ Right."
    assert repr(exercises.check_truth(0.5, renamed)).startswith("Hint: bring both")
    assert "built-in shop only" in repr(exercises.check_truth(1.0, pd.Series([1], index=["x"])))


def test_pair_is_right_in_either_order():
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(50, 3)), columns=list("abc"))
    table["d"] = table["b"] + 0.1 * table["c"]
    for pair in (["b", "d"], ("d", "b")):
        assert repr(exercises.check_pair(pair, table)) == "✓ Right."
    assert repr(exercises.check_pair("ab", table)).startswith("Hint: ")


def test_exercise_cells_define_an_answer_and_check_it():
    for step in STEPS:
        for cell in nbformat.read(notebook_path(step), as_version=4).cells:
            if "exercise" in cell.metadata.get("tags", []) and cell.cell_type == "code":
                first, second = ast.parse(cell.source).body
                assert first.value.value is ...
                assert second.value.func.attr in CHECKS
                assert second.value.args[0].id == first.targets[0].id
