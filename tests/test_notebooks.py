"""The notebooks as files and as teaching material: shape, and every copy runs from top to bottom."""

import ast
import os

import nbformat
import pytest
from conftest import ROOT, plain_papermill
from parameter_table import parameter_table

from segnb.parameters import PARAMETERS
from segnb.paths import STEPS

NOTEBOOKS = {step: ROOT / "notebooks" / f"{number:02d}_{step}.ipynb" for number, step in enumerate(STEPS, 1)}


def cells_of(step, kind="code"):
    return [cell for cell in nbformat.read(NOTEBOOKS[step], as_version=4).cells if cell.cell_type == kind]


def tags_of(cell):
    return set(cell.metadata.get("tags", []))


@pytest.mark.parametrize("step", STEPS)
def test_notebook_is_committed_without_outputs(step):
    for cell in cells_of(step):
        assert not cell.outputs
        assert cell.execution_count is None


@pytest.mark.parametrize("step", STEPS)
def test_notebook_keeps_its_shape(step):
    code = cells_of(step)
    assert not tags_of(code[0]), "the first code cell holds the imports"
    assert all(isinstance(node, ast.Import | ast.ImportFrom) for node in ast.parse(code[0].source).body)
    assert tags_of(code[1]) == {"parameters"}
    for cell in code:
        if not tags_of(cell) & {"parameters", "exercise", "solution"}:
            assert cell.source.count("\n") < 10, cell.source
        if cell is not code[0] and not tags_of(cell) & {"solution", "workshop"}:
            assert "import " not in cell.source, "all imports stand in one cell, those for exercises in another"
    assert sum("workshop" in tags_of(cell) for cell in code) <= 1
    text = "\n".join(cell.source for cell in cells_of(step, "markdown"))
    assert "**The question.**" in text
    assert "**What this does not show.**" in text
    assert text.count("*How to read it.*") >= 2
    assert "$" not in text, "no TeX"


def test_table_of_parameters_is_that_of_the_cells():
    assert (ROOT / "notebooks" / "README.md").read_text() == parameter_table(), "make parameters"
    assert all(f"| `{name}` |" in parameter_table() for name in PARAMETERS)


@pytest.mark.parametrize("step", STEPS)
def test_parameters_are_never_overwritten(step):
    for cell in cells_of(step)[2:]:
        if not tags_of(cell) & {"exercise", "solution"}:
            for node in ast.walk(ast.parse(cell.source)):
                if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                    assert node.id not in PARAMETERS, f"{node.id} is a parameter: running the cell twice would differ"


@pytest.mark.parametrize("step", STEPS)
def test_each_exercise_has_a_guess_a_question_an_answer_a_discussion_and_a_reset(step):
    cells = nbformat.read(NOTEBOOKS[step], as_version=4).cells
    tagged = [
        ("solution" in tags_of(cell), cell.cell_type) for cell in cells if tags_of(cell) & {"exercise", "solution"}
    ]
    task, guess, solved, discussed, reset = (0, "markdown"), (0, "code"), (1, "code"), (1, "markdown"), (0, "code")
    assert len(tagged) == 3 * 8
    for first in (0, 8, 16):
        assert tagged[first : first + 2] == [task, guess]
        assert sorted(tagged[first + 2 : first + 4]) == [(0, "code"), (0, "markdown")], (
            "what it begins with, the question"
        )
        assert tagged[first + 4 : first + 8] == [(0, "code"), solved, discussed, reset]


@pytest.fixture(scope="module")
def classroom(tmp_path_factory):
    """A project that has nothing but the notebooks."""
    folder = tmp_path_factory.mktemp("classroom")
    (folder / "notebooks").mkdir()
    for path in NOTEBOOKS.values():
        (folder / "notebooks" / path.name).write_text(path.read_text())
    return folder


@pytest.mark.parametrize("folder", [".", "notebooks"])
def test_plain_papermill_works_from_the_project_and_from_its_notebooks(classroom, tmp_path, folder):
    name = f"plain{len(folder)}"
    source = os.path.relpath(classroom / "notebooks" / NOTEBOOKS["prepare"].name, classroom / folder)
    done = plain_papermill(classroom / folder, source, tmp_path / "out.ipynb", "-p", "run", name)
    assert done.returncode == 0, done.stderr
    assert "Passed unknown parameter" not in done.stderr
    assert "Unable to parse" not in done.stderr
    assert (classroom / "outputs" / "lab" / name / "features.parquet").is_file()


def test_plain_papermill_out_of_order_says_which_step_is_missing(classroom, tmp_path):
    source = f"notebooks/{NOTEBOOKS['cluster'].name}"
    done = plain_papermill(classroom, source, tmp_path / "out.ipynb", "-p", "run", "plainx")
    assert done.returncode == 1
    assert "make it with: segnb run PRESET.yaml --run plainx --until prepare" in done.stderr
