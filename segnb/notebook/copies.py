"""Copies of the notebooks: for the lab, and for a workshop with its data and the pages that are given out."""

import ast
import os
import re
import shutil
from base64 import b64decode
from collections.abc import Iterator, Mapping, Set
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nbformat
import yaml
from nbconvert.filters import markdown2html
from nbformat.v4 import new_code_cell, new_output, new_raw_cell

from segnb.errors import DataError
from segnb.pages import render
from segnb.parameters import check_parameters, read_preset
from segnb.paths import STEPS, find_file, notebook_path, outputs_folder, writable, write_whole
from segnb.runs.kernels import LEARNERS, declared_parameters, fresh_kernels, load_notebook, run_in

TOLD = yaml.safe_load(Path(__file__).with_name("workshop.yaml").read_text(encoding="utf-8"))
"""The workshop's stories, each with its data and the tags of the exercises that do without it, and its quiz."""

_SOLUTION = "solution"
_PART = re.compile(r"# (?P<number>\d) · (?P<title>.+)\n\n\*\*The question\.\*\* (?P<question>.+)")
_HEADING = re.compile(
    r"### Exercise (?P<number>\d) · (?P<level>.+) · (?P<minutes>\d+) minutes, (?P<typing>\d+) of them typing\n\n"
    r"\*\*Predict\.\*\* (?P<predict>.+)",
    re.S,
)


def copy_notebooks(folder: Path, leave_out: Set[str], changed: Mapping[str, Any] | None = None) -> None:
    """Write copies of the five notebooks without the cells with these tags; a copy that is there already is kept.

    Parameters
    ----------
    folder : Path
    leave_out : set of str
    changed : mapping of str to object, optional
        Parameters that have other values in the copies: a cell below that of the parameters says so.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for step in STEPS:
        target, notebook = folder / notebook_path(step).name, load_notebook(step, leave_out)
        if own := {name: changed[name] for name in declared_parameters(notebook) if name in (changed or {})}:
            place = next(at for at, cell in enumerate(notebook.cells, 1) if "parameters" in _tags(cell))
            notebook.cells.insert(place, new_code_cell("\n".join(f"{name} = {own[name]!r}" for name in own)))
        if not target.exists():
            write_whole(target, lambda path, notebook=notebook: nbformat.write(notebook, path))


def write_workshop(folder: Path, story: str = "shop", grader: str = "") -> Path:
    """Write a workshop into a new folder, and return the folder.

    Learners' copies hold the exercises and not their solutions; the others hold both, and are run, so that the guide
    tells what is to be seen. Each copy is a project of its own with its data, so nothing needs the network. `guide` is
    for the teacher, `slides` for the wall, `handout` and `quiz` one page each for all.

    Parameters
    ----------
    folder : Path
    story : {"shop", "kiosk", "survey"}
        Whose customers: with segments, without any, or with columns that are no numbers.
    grader : {"", "otter"}
        Write the exercises in the form of this grader as well.

    Raises
    ------
    DataError
        If the folder is there already and not empty, or cannot be written.
    """
    folder = Path(os.path.abspath(folder))
    if folder.is_symlink() or (folder.exists() and (not folder.is_dir() or any(folder.iterdir()))):
        raise DataError(f"{folder}: already exists; name a new folder, or empty that one")
    beside = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    try:
        with writable(folder, "name a folder where you may write"):
            _write_copies(beside, story)
            _write_pages(beside, story)
            if grader:
                _write_for_otter(beside / grader, beside / "solution")
            os.replace(beside, folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return folder


def _write_copies(folder: Path, story: str) -> None:
    """Write the learners' copy and the solutions with the story's data, and run the solutions."""
    told = TOLD["stories"][story]
    changed = check_parameters(read_preset(f"data/{story}.yaml")).model_dump(exclude_defaults=True)
    for copy, leave_out in (("learner", {_SOLUTION, *told["leave_out"]}), ("solution", set(told["leave_out"]))):
        copy_notebooks(folder / copy / "notebooks", leave_out, changed)
        (folder / copy / "data").mkdir()
        for name in told["data"]:
            shutil.copyfile(find_file(f"data/{name}"), folder / copy / "data" / name)
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SEGNB_")}
    paths = sorted((folder / "solution" / "notebooks").iterdir())
    with fresh_kernels(len(paths), clean, str(paths[0].parent)) as kernels:
        for path, kernel in zip(paths, kernels):
            notebook = nbformat.read(path, as_version=4)
            run_in(kernel, notebook, timeout=None)
            nbformat.write(notebook, path)


def _write_pages(folder: Path, story: str) -> None:
    parts = [part for part in workshop_parts(folder / "solution" / "notebooks") if part.exercises]
    drawn = [(part, each) for part in parts for each in part.exercises if each.png]
    pictures = {f"pictures/{part.number}-{each.number}.png": each.png for part, each in drawn}
    (folder / "pictures").mkdir()
    for name, png in pictures.items():
        (folder / name).write_bytes(b64decode(png))
    given = TOLD | {"parts": parts, "minutes": sum(part.minutes for part in parts), "story": story}
    for name in ("guide", "handout", "quiz", "slides"):
        text = render(f"{name}.md.j2", **given)
        (folder / f"{name}.md").write_text(text, encoding="utf-8")
        page = render("paper.html.j2", title=f"Customer segmentation: {name}", kind=name, body=markdown2html(text))
        for path, png in pictures.items():
            page = page.replace(f'src="{path}"', f'src="data:image/png;base64,{png}"')
        (folder / f"{name}.html").write_text(page, encoding="utf-8")


def workshop_parts(folder: Path | None = None) -> list[SimpleNamespace]:
    """Return the parts of the workshop in their order, read from the notebooks in a folder, by default the project's.

    Each has a number, title, question, what is learnt, minutes and exercises. These have a number, level, minutes,
    minutes of typing, what to predict and to answer and, where the solutions were run, the last picture before the
    answer as base64 and in words, what is to be expected, and the discussion.

    >>> [part.minutes for part in workshop_parts()]
    [25, 30, 20, 30, 15]
    """
    paths = [notebook_path(step) if folder is None else folder / notebook_path(step).name for step in STEPS]
    return [_part(nbformat.read(path, as_version=4)) for path in paths]


def _part(notebook: nbformat.NotebookNode) -> SimpleNamespace:
    learn = next(cell.source for cell in notebook.cells if "workshop" in _tags(cell))
    exercises = [_exercise(cells) for cells in _exercise_cells(notebook)]
    return SimpleNamespace(
        **_PART.match(notebook.cells[0].source).groupdict(),
        learn=re.search(r"\*\*You will learn\*\* (.+?) \d+ minutes", learn, re.S)[1],
        exercises=exercises,
        minutes=sum(each.minutes for each in exercises),
    )


def _exercise_cells(notebook: nbformat.NotebookNode) -> list[list[nbformat.NotebookNode]]:
    """Return for each exercise the cells from its heading on, the notebook's own among them, up to the next one."""
    starts = [at for at, cell in enumerate(notebook.cells) if _HEADING.match(cell.source)]
    return [notebook.cells[start:end] for start, end in zip(starts, [*starts[1:], None])]


def _exercise(cells: list[nbformat.NotebookNode]) -> SimpleNamespace:
    head = _HEADING.match(cells[0].source).groupdict()
    trial = next(at for at, cell in enumerate(cells) if _is_trial(cell))
    picture = next(reversed(_shown(cells[:trial], "image/png")), None)
    told = [shown.data["text/plain"] for shown in _shown(cells[trial + 1 : trial + 2], "text/plain")]
    return SimpleNamespace(
        **head | {"minutes": int(head["minutes"]), "typing": int(head["typing"])},
        answer=_paragraph(cells, "**Answer.** "),
        discussion=_paragraph(cells, "**Discussion.** "),
        expected=[text for text in told if not text.startswith(("✓", "Figure"))],
        png=picture and picture.data["image/png"],
        alt=picture and picture.metadata["image/png"]["alt"],
    )


def _paragraph(cells: list[nbformat.NotebookNode], first: str) -> str:
    """Return what follows these words at the beginning of a cell."""
    return "".join(cell.source.removeprefix(first) for cell in cells if cell.source.startswith(first))


def _shown(cells: list[nbformat.NotebookNode], kind: str) -> list[nbformat.NotebookNode]:
    """Return what code cells show of a kind."""
    shown = [output for cell in cells for output in cell.get("outputs", [])]
    return [output for output in shown if kind in output.get("data", {})]


def _is_trial(cell: nbformat.NotebookNode) -> bool:
    """Return whether a cell asks for an answer and checks it."""
    return cell.cell_type == "code" and "exercise" in _tags(cell) and "exercises.check_" in cell.source


def _write_for_otter(folder: Path, solution: Path) -> None:
    """Write the exercises as assignments of otter-grader, beside what each of them reads."""
    shutil.copytree(solution / "data", folder / "data")
    shutil.copytree(solution / "outputs", folder / "outputs")
    files = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    for path in sorted((solution / "notebooks").iterdir()):
        notebook = nbformat.read(path, as_version=4)
        config = {"name": path.stem, "export_cell": False, "files": files, "tests": {"files": True}}
        settings = new_raw_cell("# ASSIGNMENT CONFIG\n" + yaml.safe_dump(config))
        notebook.cells = [settings, *_otter_cells(notebook, path.stem[:2])]
        nbformat.write(notebook, folder / path.name)


def _otter_cells(notebook: nbformat.NotebookNode, part: str) -> Iterator[nbformat.NotebookNode]:
    """Yield a notebook's cells, an attempt and its solution as one question of otter-grader."""
    trials: list[str] = []
    for cell in notebook.cells:
        if _is_trial(cell):
            trials.append(cell.source)
        elif _SOLUTION not in _tags(cell):
            yield cell
        elif cell.cell_type == "code":
            yield from _otter_question(f"exercise_{part}_{len(trials)}", trials[-1], cell.source)


def _otter_question(name: str, trial: str, solution: str) -> Iterator[nbformat.NotebookNode]:
    """Yield the cells of a question; a solution's last statement shows and checks it, which is left to otter."""
    prompt, check = trial.split("\n", 1)
    lines = solution.splitlines()[: ast.parse(solution).body[-1].lineno - 1]
    code = ["# BEGIN SOLUTION NO PROMPT", *lines, "# END SOLUTION", '""" # BEGIN PROMPT', prompt, '""" # END PROMPT']
    right = new_output("execute_result", {"text/plain": "✓ Right."}, execution_count=1)
    yield new_raw_cell(f"# BEGIN QUESTION\nname: {name}\npoints: 1")
    yield from (new_raw_cell("# BEGIN SOLUTION"), new_code_cell("\n".join(code)), new_raw_cell("# END SOLUTION"))
    yield from (new_raw_cell("# BEGIN TESTS"), new_code_cell(check, outputs=[right]), new_raw_cell("# END TESTS"))
    yield new_raw_cell("# END QUESTION")


def _tags(cell: nbformat.NotebookNode) -> set[str]:
    return set(cell.metadata.get("tags", []))


if __name__ == "__main__":
    copy_notebooks(outputs_folder() / "lab", LEARNERS)
