"""Copies of the notebooks: for the lab, and for a workshop with its data, a guide for the teacher and a handout."""

import os
import re
import shutil
from collections.abc import Set
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbconvert.filters import markdown2html

from segnb.errors import DataError
from segnb.pages import render
from segnb.paths import STEPS, find_file, notebook_path, outputs_folder, writable, write_whole
from segnb.runs.kernels import LEARNERS, load_notebook

DATA = ("shop_customers.csv", "shop_purchases.parquet", "shop_truth.csv")
_SOLUTION = "solution"


def copy_notebooks(folder: Path, leave_out: Set[str]) -> None:
    """Write copies of the five notebooks without the cells with these tags; a copy that is there already is kept."""
    folder.mkdir(parents=True, exist_ok=True)
    for step in STEPS:
        target, notebook = folder / notebook_path(step).name, load_notebook(step, leave_out)
        if not target.exists():
            write_whole(target, lambda path, notebook=notebook: nbformat.write(notebook, path))


@dataclass(frozen=True)
class Part:
    """One step of the workshop, as its notebook tells it."""

    number: int
    title: str
    question: str
    learn: str
    minutes: int
    exercises: list[tuple[str, str]]


def write_workshop(folder: Path) -> Path:
    """Write a workshop into a new folder, and return the folder.

    Learners' copies hold the exercises and not their solutions; the others hold both. Each copy is a project of its
    own, with the built-in shop, so nothing needs the network. `guide` is for the teacher, `handout` one page for all.

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
            _write_all(beside)
            os.replace(beside, folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return folder


def _write_all(folder: Path) -> None:
    for copy, leave_out in (("learner", {_SOLUTION}), ("solution", set())):
        _write_copy(folder / copy, leave_out)
    parts = workshop_parts()
    for name in ("guide", "handout"):
        text = render(f"{name}.md.j2", parts=parts, minutes=sum(part.minutes for part in parts))
        (folder / f"{name}.md").write_text(text, encoding="utf-8")
        page = render("paper.html.j2", title=f"Customer segmentation: {name}", body=markdown2html(text))
        (folder / f"{name}.html").write_text(page, encoding="utf-8")


def workshop_parts() -> list[Part]:
    """Return the parts of the workshop in their order, read from the notebooks.

    >>> [part.minutes for part in workshop_parts()]
    [25, 30, 20, 30, 15]
    """
    return [_part(number, nbformat.read(notebook_path(step), as_version=4)) for number, step in enumerate(STEPS, 1)]


def _part(number: int, notebook: nbformat.NotebookNode) -> Part:
    first = notebook.cells[0].source
    learn = next(cell.source for cell in notebook.cells if "workshop" in _tags(cell))
    tasks = [cell.source for cell in notebook.cells if "exercise" in _tags(cell) and cell.cell_type == "markdown"]
    answers = [cell.source for cell in notebook.cells if _SOLUTION in _tags(cell) and cell.cell_type == "markdown"]
    return Part(
        number,
        re.search(r"^# \d · (.+)$", first, re.M)[1],
        re.search(r"\*\*The question\.\*\* (.+)$", first, re.M)[1],
        re.search(r"\*\*You will learn\*\* (.+?) \d+ minutes", learn, re.S)[1],
        int(re.search(r"(\d+) minutes", learn)[1]),
        [(re.sub(r"^### .+\n+", "", task), answer) for task, answer in zip(tasks, answers)],
    )


def _write_copy(folder: Path, leave_out: set[str]) -> None:
    copy_notebooks(folder / "notebooks", leave_out)
    (folder / "data").mkdir()
    for name in DATA:
        shutil.copyfile(find_file(f"data/{name}"), folder / "data" / name)


def _tags(cell: nbformat.NotebookNode) -> set[str]:
    return set(cell.metadata.get("tags", []))


if __name__ == "__main__":
    copy_notebooks(outputs_folder() / "lab", LEARNERS)
