"""The five notebooks on the shop against five that only import the same packages, as ratios measured in one run."""

import io
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from unittest import mock

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

import segnb.runs.run  # noqa: F401
from segnb.paths import STEPS, notebook_path
from segnb.runs import QUIET
from segnb.runs.kernels import load_notebook, papermill
from segnb.runs.run import Progress, run_workflow

ROUNDS = 5
NOTHING = """import segnb.notebook.show

class _Nothing:
    def __getattr__(self, name):
        return lambda *drawn, **how: None

    def _repr_mimebundle_(self, **given):
        return {"text/plain": ""}, {}

plots = panels = _Nothing()
segnb.notebook.show.Picture = lambda *drawn, **how: _Nothing()"""
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


WORKS = {work.__name__: work for work in (whole_run, plain_imports, no_figures)}


def seconds(work: str, project: str) -> float:
    """Return how long a piece of work takes in a process of its own, as at the command line."""
    begun = time.perf_counter()
    env = os.environ | {"SEGNB_PROJECT": project}
    subprocess.run([sys.executable, __file__, work, project], env=env, check=True)
    return time.perf_counter() - begun


def main() -> None:
    """Print the medians and the ratios."""
    with tempfile.TemporaryDirectory() as project:
        rounds = [[seconds(work, project) for work in WORKS] for _ in range(ROUNDS)]
    for work, measured in zip(WORKS, zip(*rounds)):
        print(f"{work:16}{statistics.median(measured):8.1f} s (median of {ROUNDS})")
    ratio = statistics.median(run / imports for run, imports, _ in rounds)
    print(f"whole run / plain imports: {ratio:.2f} (goal 1.4)")
    share = statistics.median(1 - bare / run for run, _, bare in rounds)
    print(f"figures and pages: {share:.0%} of the whole run's time (goal: at most a third)")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        WORKS[sys.argv[1]](Path(sys.argv[2]))
    else:
        main()
