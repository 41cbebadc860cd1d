"""Carry a notebook out with papermill in a kernel that is ready."""

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import papermill
from nbformat import NotebookNode
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import Engine, papermill_engines

from segnb.errors import DataError, RunError
from segnb.runs.kernels import stop


class WarmEngine(Engine):
    """papermill's own engine, but for the kernel: it comes ready and is ended at once when the notebook is done."""

    @classmethod
    def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, **kwargs: Any) -> NotebookNode:
        """Execute the notebook in the kernel given as `kernel`, calling `on_cell` after each cell."""
        client = PapermillNotebookClient(
            nb_man,
            km=kwargs["kernel"],
            kernel_name=kernel_name,
            startup_timeout=120,
            shutdown_kernel="immediate",
            on_cell_complete=lambda cell, cell_index: kwargs["on_cell"](),
        )
        return client.execute(cleanup_kc=True)


papermill_engines.register("segnb", WarmEngine)
logging.getLogger("papermill").setLevel(logging.ERROR)
logging.getLogger("asyncio").setLevel(logging.CRITICAL)  # it would report the kernel's end a second time


def execute(
    notebook: NotebookNode,
    output: Path,
    parameters: Mapping[str, Any],
    kernel: Any,
    on_cell: Callable[[], None] = lambda: None,
) -> NotebookNode:
    """Return the notebook carried out by papermill, and write it to `output`.

    Parameters
    ----------
    notebook : NotebookNode
    output : Path
        The executed notebook, partial if a cell fails.
    parameters : mapping of str to object
        Values for the parameters cell.
    kernel : AsyncKernelManager
        As `KernelAhead.take` returns it; it is ended in any case.
    on_cell : callable
        Called after each cell.

    Raises
    ------
    DataError
        If a cell found parameters or data that cannot be used.
    RunError
        If a cell failed otherwise, or the kernel died.
    """
    try:
        return papermill.execute_notebook(
            notebook,
            output,
            dict(parameters),
            engine_name="segnb",
            kernel_name="python3",
            progress_bar=False,
            kernel=kernel,
            on_cell=on_cell,
        )
    except papermill.PapermillExecutionError as error:
        raise _readable(error, output.stem) from None
    except RuntimeError as error:  # nbclient's, or jupyter_client's if it died before its first cell
        if "died" not in str(error):
            raise
        raise RunError(f"{output.stem}: the kernel died, which mostly means that memory ran out") from None
    finally:
        stop(kernel)


def _readable(error: papermill.PapermillExecutionError, name: str) -> DataError | RunError:
    """Return a failed cell's error as one line."""
    words = " ".join(str(error.evalue).split())
    if error.ename == "DataError":
        return DataError(f"{name}: {words}")
    return RunError(
        f"{name}, cell {error.exec_count}: {'' if error.ename == 'RunError' else f'{error.ename}: '}{words}"
    )
