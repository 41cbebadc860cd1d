"""Copies of the notebooks: for the lab, and for a workshop with its data and the pages that are given out."""

import ast
import os
import re
import shutil
from base64 import b64decode
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import yaml
from nbclient import NotebookClient
from nbconvert.filters import markdown2html
from nbformat.v4 import new_code_cell, new_output, new_raw_cell

from segnb.errors import DataError
from segnb.pages import render
from segnb.parameters import check_parameters, read_preset
from segnb.paths import STEPS, find_file, notebook_path, outputs_folder, writable, write_whole
from segnb.runs.kernels import LEARNERS, declared_parameters, fresh_kernels, load_notebook

TOLD = yaml.safe_load(Path(__file__).with_name("workshop.yaml").read_text(encoding="utf-8"))
"""The workshop's stories, each with its data and the tags of the exercises that do without it, and its quiz."""

_SOLUTION = "solution"
_HEADING = re.compile(r"### Exercise (\d) · (.+) · (\d+) minutes, (\d+) of them typing\n\n\*\*Predict\.\*\* (.+)", re.S)


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


@dataclass(frozen=True)
class Exercise:
    """One exercise, as its notebook tells it and, where that has been run, with what came of it."""

    number: int
    level: str
    minutes: int
    typing: int
    predict: str
    answer: str
    discussion: str
    expected: list[str]
    png: str = ""
    alt: str = ""


@dataclass(frozen=True)
class Part:
    """One step of the workshop, as its notebook tells it."""

    number: int
    title: str
    question: str
    learn: str
    exercises: list[Exercise]

    @property
    def minutes(self) -> int:
        """What its exercises take together."""
        return sum(each.minutes for each in self.exercises)


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
        raise DataError(f"{folder}: is there already; name a new folder, or empty that one")
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
            NotebookClient(notebook, km=kernel, timeout=None).execute(cleanup_kc=True)
            nbformat.write(notebook, path)


def _write_pages(folder: Path, story: str) -> None:
    parts = [part for part in workshop_parts(folder / "solution" / "notebooks") if part.exercises]
    pictures = {f"pictures/{part.number}-{each.number}.png": each.png for part in parts for each in part.exercises}
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


def workshop_parts(folder: Path | None = None) -> list[Part]:
    """Return the parts of the workshop in their order, read from the notebooks in a folder, by default the project's.

    >>> [part.minutes for part in workshop_parts()]
    [25, 30, 20, 30, 15]
    """
    names = [notebook_path(step) if folder is None else folder / notebook_path(step).name for step in STEPS]
    return [_part(number, nbformat.read(name, as_version=4)) for number, name in enumerate(names, 1)]


def _part(number: int, notebook: nbformat.NotebookNode) -> Part:
    first = notebook.cells[0].source
    learn = next(cell.source for cell in notebook.cells if "workshop" in _tags(cell))
    return Part(
        number,
        re.search(r"^# \d · (.+)$", first, re.M)[1],
        re.search(r"\*\*The question\.\*\* (.+)$", first, re.M)[1],
        re.search(r"\*\*You will learn\*\* (.+?) \d+ minutes", learn, re.S)[1],
        [_exercise(cells) for cells in _exercise_cells(notebook)],
    )


def _exercise_cells(notebook: nbformat.NotebookNode) -> list[list[nbformat.NotebookNode]]:
    """Return for each exercise the cells from its heading on, the notebook's own among them, up to the next one."""
    starts = [at for at, cell in enumerate(notebook.cells) if _HEADING.match(cell.source)]
    return [notebook.cells[start:end] for start, end in zip(starts, [*starts[1:], None])]


def _exercise(cells: list[nbformat.NotebookNode]) -> Exercise:
    number, level, minutes, typing, predict = _HEADING.match(cells[0].source).groups()
    answer = next(cell.source for cell in cells if cell.source.startswith("**Answer.**"))
    discussion = [cell.source for cell in cells if cell.source.startswith("**Discussion.**")]
    trial = next(at for at, cell in enumerate(cells) if _is_trial(cell))
    drawn = _shown(cells[:trial], "image/png")
    told = [shown.data["text/plain"] for shown in _shown(cells[trial + 1 : trial + 2], "text/plain")]
    pictures = [(each.data["image/png"].strip(), each.metadata["image/png"]["alt"]) for each in drawn]
    expected = [text for text in told if not text.startswith(("✓", "Figure"))]
    texts = (predict, answer.removeprefix("**Answer.** "), "".join(discussion).removeprefix("**Discussion.** "))
    return Exercise(int(number), level, int(minutes), int(typing), *texts, expected, *(pictures or [()])[-1])


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
