"""The five notebooks on the shop against five that only import the same packages, as ratios measured in one run."""

import io
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from unittest import mock

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

import segnb.runs.run  # noqa: F401
from segnb.paths import STEPS, notebook_path
from segnb.runs.kernels import QUIET, KernelsAhead, import_lines, load_notebook, papermill
from segnb.runs.run import Progress, run_workflow

ROUNDS = 3
NOTHING = """import segnb.notebook

class _Nothing:
    def __getattr__(self, name):
        return lambda *drawn, **how: None

    def _repr_mimebundle_(self, **given):
        return {"text/plain": ""}, {}

plots = panels = _Nothing()
segnb.notebook.Picture = lambda *drawn, **how: _Nothing()"""
"""What a notebook without figures runs after its imports."""


def whole_run(project: Path) -> None:
    """Carry out the main job on the built-in shop, report included."""
    run_workflow({"run": "bench"}, Progress(io.StringIO()))


def plain_imports(project: Path) -> None:
    """Let papermill run the notebooks' imports only, one after the other in one process."""
    for step in STEPS:
        papermill.execute_notebook(
            only_imports(step),
            project / f"{step}.ipynb",
            kernel_name="python3",
            progress_bar=False,
            extra_arguments=QUIET,
        )


def imports_ahead(project: Path) -> None:
    """Let segnb's runner run the notebooks' imports only, kernels started ahead."""
    warm_ups = [import_lines(load_notebook(step)) for step in STEPS]
    with closing(KernelsAhead(warm_ups, os.environ, str(project))) as kernels:
        for step in STEPS:
            kernels.execute(only_imports(step), project / f"{step}.ipynb", {})


def no_figures(project: Path) -> None:
    """Carry out the main job with everything but its figures and pages."""
    folder = project / "bare"
    (folder / "notebooks").mkdir(parents=True, exist_ok=True)
    for step in STEPS:
        notebook = load_notebook(step)
        notebook.cells.insert(2, new_code_cell(NOTHING))
        nbformat.write(notebook, folder / "notebooks" / notebook_path(step).name)
    before = os.environ["SEGNB_PROJECT"]
    os.environ["SEGNB_PROJECT"] = str(folder)
    with mock.patch("segnb.runs.run.write_page"):
        run_workflow({"run": "bench"}, Progress(io.StringIO()))
    os.environ["SEGNB_PROJECT"] = before


def only_imports(step: str) -> NotebookNode:
    """Return a step's notebook with the cell of its imports and no other."""
    notebook = load_notebook(step)
    notebook.cells = [next(cell for cell in notebook.cells if cell.cell_type == "code")]
    return notebook


def seconds(work: Callable[[Path], None], project: Path) -> float:
    """Return how long a piece of work takes."""
    begun = time.perf_counter()
    work(project)
    return time.perf_counter() - begun


def main() -> None:
    """Print the medians and the ratios."""
    works = (whole_run, plain_imports, imports_ahead, no_figures)
    with tempfile.TemporaryDirectory() as project:
        os.environ["SEGNB_PROJECT"] = project
        rounds = [[seconds(work, Path(project)) for work in works] for _ in range(ROUNDS + 1)][1:]
    for work, measured in zip(works, zip(*rounds)):
        print(f"{work.__name__:16}{statistics.median(measured):8.1f} s (median of {ROUNDS})")
    for name, position in (("plain imports", 1), ("imports ahead", 2)):
        ratio = statistics.median(each[0] / each[position] for each in rounds)
        print(f"whole run / {name}: {ratio:.2f}{' (goal 1.4)' if position == 1 else ''}")
    share = statistics.median(1 - each[3] / each[0] for each in rounds)
    print(f"figures and pages: {share:.0%} of the whole run's time (goal: at most a third)")


if __name__ == "__main__":
    main()
