"""The workshop: complete, offline, predictions before figures, no solutions where they do not belong."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from datetime import datetime

import nbformat
import pandas as pd
import planted_stories
import pytest
from conftest import ROOT, clean_environment, segnb, with_fewer_draws

from segnb.errors import DataError
from segnb.notebook import copies, exercises
from segnb.notebook.copies import workshop_parts, write_workshop
from segnb.paths import STEPS, notebook_path
from segnb.runs.kernels import fresh_kernels, load_notebook, run_in

NOTEBOOKS = [notebook_path(step).name for step in STEPS]
CHECKS = [name for name in dir(exercises) if name.startswith("check_")]


@pytest.fixture(scope="module")
def fewer_draws():
    """Let every copy that is written draw fewer samples than by default, and add up in one order only."""

    def load(step, leave_out):
        notebook = load_notebook(step, leave_out)
        with_fewer_draws(notebook)
        for cell in notebook.cells:
            cell.source = cell.source.replace('engine: str = "duckdb://"', 'engine: str = "duckdb://?threads=1"')
        return notebook

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(copies, "load_notebook", load)
        yield


def run_notebooks(folder, names=NOTEBOOKS):
    """Run a copy's notebooks from top to bottom, and keep what they show."""
    clean = clean_environment()
    with fresh_kernels(len(names), clean, str(folder / "notebooks")) as kernels:
        for name, kernel in zip(names, kernels):
            notebook = nbformat.read(folder / "notebooks" / name, as_version=4)
            run_in(kernel, notebook, timeout=600)
            nbformat.write(notebook, folder / "notebooks" / name)


def written(folder, *arguments):
    """Return the folder of a workshop that the command has written."""
    done = segnb("workshop", folder, *arguments, cwd=folder.parent)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def workshop(tmp_path_factory, fewer_draws):
    """A workshop's folder, and beside it the learners' copy run without a touch."""
    folder = written(tmp_path_factory.mktemp("workshop") / "w", "--grader", "otter")
    shutil.copytree(folder / "learner", folder.parent / "learner")
    run_notebooks(folder.parent / "learner")
    for copy in (folder / "solution", folder.parent / "learner"):
        print(copy.name, {name: round(seconds(read(copy, name)), 1) for name in NOTEBOOKS})
    return folder


@pytest.fixture(scope="module", params=["kiosk", "survey"])
def story(request, tmp_path_factory, fewer_draws):
    """The folder of a workshop with another story."""
    return written(tmp_path_factory.mktemp("story") / request.param, "--story", request.param)


def read(copy, name):
    return nbformat.read(copy / "notebooks" / name, as_version=4)


def seconds(notebook):
    """Return how long the cells of a notebook ran."""
    when = [cell.metadata.execution for cell in notebook.cells if "execution" in cell.metadata]
    ends = [[datetime.fromisoformat(each[f"iopub.status.{what}"]) for what in ("busy", "idle")] for each in when]
    return sum((idle - busy).total_seconds() for busy, idle in ends)


def answers(notebook):
    """Return what the checks said, in the order of the cells, and whatever was said besides by error or stream."""
    said, noise = [], []
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if output.output_type in ("error", "stream"):
                noise.append(output)
            elif {"exercise", "solution"} & set(cell.metadata.get("tags", [])):
                text = output["data"].get("text/plain", "")
                said += [text] if text.startswith(("Not answered", "Hint", "✓")) else []
    return said, noise


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_learners_copy_runs_untouched_and_every_check_gives_a_hint(workshop, name):
    said, noise = answers(read(workshop.parent / "learner", name))
    assert not noise
    assert len(said) == 3
    assert all(each.startswith("Not answered yet") for each in said)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_solutions_are_right(workshop, name):
    said, noise = answers(read(workshop / "solution", name))
    assert not noise
    assert [each.partition(" ")[0] for each in said] == ["Not", "✓"] * 3


def test_what_is_run_by_hand_is_written_apart_from_published_runs(workshop):
    for copy in (workshop.parent / "learner", workshop / "solution"):
        assert (copy / "outputs" / "lab" / "shop" / "segments.csv").is_file()
        assert [path.name for path in (copy / "outputs").iterdir()] == ["lab"]
    assert not (workshop / "learner" / "outputs").exists()


def artifacts(copy):
    """Return the tables that a copy's notebooks wrote."""
    folder = copy / "outputs" / "lab" / "shop"
    tables = {path.name: pd.read_csv(path) for path in folder.glob("*.csv")}
    return tables | {path.name: pd.read_parquet(path) for path in folder.glob("*.parquet")}


def assert_same_artifacts(one, other):
    """Compare two copies' tables."""
    assert len(one) > 15
    assert set(one) == set(other)
    for name, table in one.items():
        pd.testing.assert_frame_equal(table, other[name], rtol=1e-6, atol=1e-9, obj=name)


def test_exercises_leave_the_notebooks_as_they_found_them(workshop):
    assert_same_artifacts(artifacts(workshop / "solution"), artifacts(workshop.parent / "learner"))


@pytest.mark.parametrize("name", [NOTEBOOKS[0], NOTEBOOKS[2]])
def test_reset_repairs_whatever_a_learner_breaks(workshop, tmp_path, name):
    shutil.copytree(workshop.parent / "learner", tmp_path / "learner")
    notebook = read(tmp_path / "learner", name)
    spoil = (
        "for name in [name for name in globals() if name[0] != '_' and name != 'exercises']:\n    globals()[name] = 7"
    )
    for cell in notebook.cells:
        if "exercises.check_" in cell.source:
            cell.source = spoil
    nbformat.write(notebook, tmp_path / "learner" / "notebooks" / name)
    run_notebooks(tmp_path / "learner", [name])
    assert_same_artifacts(artifacts(tmp_path / "learner"), artifacts(workshop.parent / "learner"))


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


TAGS = {"parameters", "workshop", "exercise", "lab", "log", "shop"}


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_learners_copy_hides_nothing_in_metadata(workshop, name):
    notebook = read(workshop / "learner", name)
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    for cell in notebook.cells:
        assert set(cell.metadata) <= {"tags"}
        assert {tag for tag in cell.metadata.get("tags", []) if not tag.startswith("summary-")} <= TAGS


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_prediction_stands_before_the_figure_that_answers_it(workshop, name):
    for cells in copies._exercise_cells(read(workshop.parent / "learner", name)):
        assert cells[1].source.startswith("predicted = ...  # ")
        assert "before you look" in cells[1].source
        trial = next(at for at, cell in enumerate(cells) if copies._is_trial(cell))
        assert copies._shown(cells[2:trial], "image/png"), "a figure between guess and answer"
        assert not copies._shown(cells[:2], "image/png")
        assert cells[-1].source != cells[1].source


def test_two_hours_in_five_parts_with_two_or_three_exercises_each():
    parts = workshop_parts()
    assert len(parts) == 5
    assert sum(part.minutes for part in parts) == 120
    assert all(2 <= len(part.exercises) <= 3 for part in parts)


def test_each_part_has_three_levels_and_says_its_minutes():
    for part in workshop_parts():
        assert [each.level for each in part.exercises] == ["first steps", "standard", "stretch"]
        told = next(
            cell
            for cell in load_notebook(STEPS[int(part.number) - 1], set()).cells
            if "workshop" in cell.metadata.get("tags", [])
        )
        assert told.source.endswith(f" {part.minutes} minutes.")


def test_at_most_a_third_of_the_time_is_spent_typing():
    every = [each for part in workshop_parts() for each in part.exercises]
    assert 0 < sum(each.typing for each in every) <= sum(each.minutes for each in every) / 3
    assert all(0 < each.typing < each.minutes for each in every)


def test_guide_has_the_figures_of_the_copies_and_their_pictures(workshop):
    guide, page = ((workshop / f"guide.{kind}").read_text() for kind in ("md", "html"))
    run = workshop / "solution" / "outputs" / "lab" / "shop"
    border = pd.read_csv(run / "segments.csv")["confidence"] < 0.1
    three = pd.read_parquet(run / "customers.parquet")
    assert f"{border.mean():.3f}: {border.sum():,} of {len(border):,} customers" in guide
    assert f"{(three['recency_days'] < 90).sum():,} of {len(three):,} customers" in guide
    assert guide.count("**Expected.** ") == len(re.findall(r"\*\*Expected\.\*\* \S", guide)) == 15
    assert guide.count("](pictures/") == page.count('src="data:image/png;base64,') == 15
    assert len(list((workshop / "pictures").iterdir())) == 15
    assert "Hint" not in guide


def test_guide_and_handout_are_there(workshop):
    guide, handout = (workshop / f"{name}.md" for name in ("guide", "handout"))
    assert "Usual misreadings" in guide.read_text()
    assert "Questions for discussion" in guide.read_text()
    assert "When time is short" in guide.read_text()
    for part in workshop_parts():
        assert part.question in guide.read_text()
        assert part.question in handout.read_text()


def test_quiz_has_five_questions_before_and_after_and_only_the_guide_their_answers(workshop):
    quiz, guide = ((workshop / f"{name}.md").read_text() for name in ("quiz", "guide"))
    assert len(copies.TOLD["quiz"]) == 5
    assert quiz.count("| before | after |") == 5
    for each in copies.TOLD["quiz"]:
        assert each["question"] in quiz
        assert each["why"] in guide
        assert each["why"] not in quiz
        assert each["right"] in "abcd"[: len(each["options"])]


def pages(browser, path, size, **given):
    """Return how many pages a file prints on, as the dialog would have it."""
    page = browser.new_page()
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(path.as_uri())
    pdf = page.pdf(format=size, **given)
    page.close()
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    return len(re.findall(rb"/Type\s*/Page\b(?!s)", pdf))


@pytest.mark.parametrize("size", ["A4", "Letter"])
@pytest.mark.parametrize("name", ["handout", "quiz"])
def test_handout_and_quiz_print_on_one_page(workshop, browser, name, size):
    margin = dict.fromkeys(("top", "bottom", "left", "right"), "10mm")
    assert pages(browser, workshop / f"{name}.html", size, margin=margin) == 1
    assert pages(browser, workshop / "guide.html", size, margin=margin) > 3, "pages are counted"


@pytest.mark.parametrize("size", ["A4", "Letter"])
def test_slides_print_one_figure_and_one_question_a_page(workshop, browser, size):
    assert pages(browser, workshop / "slides.html", size, landscape=True) == 16
    page = browser.new_page()
    page.goto((workshop / "slides.html").as_uri())
    for slide in page.query_selector_all("section")[1:]:
        assert len(slide.query_selector_all("img[alt]")) == 1
        assert not slide.query_selector("img").is_visible(), "first the question"
        slide.query_selector("summary").click()
        assert slide.query_selector("img").is_visible()
    page.close()


def test_kiosk_has_no_segments_and_the_survey_three(story):
    name = story.name
    choice = json.loads((story / "solution" / "outputs" / "lab" / name / "choice.json").read_text())
    if name == "kiosk":
        assert choice["verdict"] != "natural"
    else:
        assert (choice["k"], choice["verdict"]) == (3, "natural")


def test_other_stories_have_exercises_with_right_solutions(story):
    found = [answers(read(story / "solution", name)) for name in NOTEBOOKS]
    assert not [noise for _, noise in found if noise]
    said = [each.partition(" ")[0] for said, _ in found for each in said]
    assert said == ["Not", "✓"] * (14 if story.name == "kiosk" else 11)
    assert copies.TOLD["stories"][story.name]["about"] in (story / "guide.md").read_text()
    assert "shop" not in os.listdir(story / "learner" / "data")
    assert f"run = '{story.name}'" in (story / "learner" / "notebooks" / NOTEBOOKS[0]).read_text()


def test_stories_can_be_planted_again(tmp_path):
    planted_stories.write_stories(tmp_path)
    for path in tmp_path.iterdir():
        if path.suffix == ".csv":
            assert path.read_text() == (ROOT / "data" / path.name).read_text()
        else:
            pd.testing.assert_frame_equal(pd.read_parquet(path), pd.read_parquet(ROOT / "data" / path.name))


def otter(*arguments, cwd):
    command = [sys.executable, "-m", "otter", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=600, check=False)


GRADED = [NOTEBOOKS[0], *(pytest.param(name, marks=pytest.mark.soak) for name in NOTEBOOKS[1:])]


@pytest.mark.parametrize("name", GRADED)
def test_grader_gives_full_marks_to_the_solutions_and_none_to_an_empty_copy(workshop, tmp_path, name):
    done = otter("assign", "-v", workshop / "otter" / name, tmp_path / "dist", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "All autograder tests passed" in done.stderr, "it has run the solutions"
    student = tmp_path / "dist" / "student" / name
    assert "BEGIN SOLUTION" not in student.read_text()
    assert student.read_text().count("grader.check(") == 3
    zipped = next((tmp_path / "dist" / "autograder").glob("*autograder*.zip"))
    done = otter("run", "-a", zipped, "-o", tmp_path, student, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    tests = json.loads((tmp_path / "results.json").read_text())["tests"]
    graded = {each["name"]: each["score"] for each in tests if each.get("max_score")}
    assert list(graded.values()) == [0, 0, 0]


def test_folder_that_is_there_is_not_touched(tmp_path):
    (tmp_path / "w").mkdir()
    (tmp_path / "w" / "mine.txt").write_text("mine")
    with pytest.raises(DataError, match="already exists; name a new folder"):
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
    monkeypatch.setattr(copies, "run_in", lambda kernel, notebook, **given: None)  # other tests run the solutions
    assert (write_workshop(tmp_path / "w") / "guide.md").is_file()


def test_exercise_cells_define_an_answer_and_check_it():
    for step in STEPS:
        for cell in nbformat.read(notebook_path(step), as_version=4).cells:
            if "exercise" in cell.metadata.get("tags", []) and "exercises.check_" in cell.source:
                first, second = ast.parse(cell.source).body
                assert first.value.value is ...
                assert second.value.func.attr in CHECKS
                assert second.value.args[0].id == first.targets[0].id
