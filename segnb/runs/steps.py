"""Carry the steps of a job out; while one works, the next kernels start and the pages of the last are written."""

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from nbformat import NotebookNode

from segnb.paths import notebook_path
from segnb.runs.engine import execute
from segnb.runs.job import Job, Progress
from segnb.runs.kernels import KernelsAhead
from segnb.runs.notebooks import declared_parameters, n_code_cells
from segnb.runs.report import write_page


def carry_out_steps(
    job: Job, folder: Path, notebooks: Mapping[str, NotebookNode], kernels: KernelsAhead, progress: Progress
) -> None:
    """Execute the notebooks one after the other into `folder` and write their pages.

    Raises
    ------
    DataError
        If a cell found parameters or data that cannot be used.
    RunError
        If a cell failed otherwise, or a kernel died.
    """
    with ThreadPoolExecutor(1) as writer:
        pages = []
        for step, notebook in notebooks.items():
            begun = time.monotonic()
            output = folder / notebook_path(step).name
            _execute_step(job, step, notebook, output, kernels, progress)
            seconds = time.monotonic() - begun
            job.manifest["steps"][step] = {"state": "done", "seconds": round(seconds, 2)}
            pages.append(writer.submit(write_page, output, job.parameters.run))
            progress.finish(step, seconds)
        for page in pages:
            page.result()


def _execute_step(
    job: Job, step: str, notebook: NotebookNode, output: Path, kernels: KernelsAhead, progress: Progress
) -> None:
    def on_cell() -> None:
        kernels.top_up()
        progress.advance()

    kernel = kernels.take()
    values = {name: getattr(job.parameters, name) for name in declared_parameters(notebook)}
    progress.start(step, n_code_cells(notebook))
    job.manifest["steps"][step] = {"state": "begun"}
    execute(notebook, output, values, kernel, on_cell)
