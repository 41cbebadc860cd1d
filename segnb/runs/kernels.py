"""Notebooks, executed by papermill in kernels that have done their imports before they are needed."""

import ast
import logging
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Set
from contextlib import suppress
from pathlib import Path
from typing import Any

import nbformat
import papermill
from jupyter_client import AsyncKernelManager, BlockingKernelClient
from jupyter_core.utils import run_sync
from nbformat import NotebookNode
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import Engine, papermill_engines

from segnb.errors import DataError, RunError
from segnb.paths import notebook_path

QUIET = ["--log-level=50"]
"""The kernel's own log would only repeat what the runner says."""

_AHEAD = 2
"""Kernels kept ready: a short notebook is done before the next kernel's imports would be."""


class KernelsAhead:
    """Fresh kernels that execute notebooks one after the other, a few of them always ready.

    Parameters
    ----------
    warm_ups : iterable of str
        For each notebook, in their order, the code that its kernel runs ahead of time, mostly imports.
    env : mapping of str to str
        The kernels' environment.
    folder : str
        Their working folder.
    """

    def __init__(self, warm_ups: Iterable[str], env: Mapping[str, str], folder: str):
        self._waiting = deque(warm_ups)
        self._ready: deque[tuple[AsyncKernelManager, BlockingKernelClient]] = deque()
        self._env, self._folder = dict(env), folder

    def execute(
        self, notebook: NotebookNode, output: Path, values: dict[str, Any], on_cell: Callable[[], None] = lambda: None
    ) -> None:
        """Let papermill execute the next notebook and write it to `output`; its kernel is ended in any case.

        Parameters
        ----------
        notebook : NotebookNode
        output : Path
            The executed notebook, partial if a cell fails.
        values : dict of str to object
            For the parameters cell.
        on_cell : callable, optional
            Called after each cell.

        Raises
        ------
        DataError
            If a cell found parameters or data that cannot be used.
        RunError
            If a cell failed otherwise, or the kernel died.
        """

        def after_cell(cell: NotebookNode, cell_index: int) -> None:
            self._top_up()
            on_cell()

        kernel = self._take()
        engine = {"engine_name": "segnb", "kernel_name": "python3", "km": kernel, "on_cell_complete": after_cell}
        try:
            papermill.execute_notebook(notebook, output, values, progress_bar=False, **engine)
        except papermill.PapermillExecutionError as error:
            raise _readable(error, output.stem) from None
        except RuntimeError as error:  # nbclient's, or jupyter_client's if it died before its first cell
            if "died" not in str(error):
                raise
            raise RunError(f"{output.stem}: the kernel died, which mostly means that memory ran out") from None
        finally:
            _stop(kernel)

    def close(self) -> None:
        """End the kernels that no notebook needed."""
        self._waiting.clear()
        while self._ready:
            _stop(self._take())

    def _take(self) -> AsyncKernelManager:
        self._top_up()
        manager, client = self._ready.popleft()
        client.stop_channels()
        return manager

    def _top_up(self) -> None:
        """Start kernels in the background until enough are ready."""
        while self._waiting and len(self._ready) < _AHEAD:
            self._ready.append(self._start(self._waiting.popleft()))

    def _start(self, warm_up: str) -> tuple[AsyncKernelManager, BlockingKernelClient]:
        manager = AsyncKernelManager(kernel_name="python3")
        try:
            run_sync(manager.start_kernel)(extra_arguments=QUIET, env=self._env, cwd=self._folder)
            client = BlockingKernelClient(connection_file=manager.connection_file)
            client.load_connection_file()
            client.start_channels(iopub=False, stdin=False, hb=False, control=False)
            client.execute(warm_up, silent=True, store_history=False)
        except BaseException:
            _stop(manager)
            raise
        return manager, client  # the channel stays open: a closed one drops what the kernel has not fetched yet


def _stop(manager: AsyncKernelManager) -> None:
    """End a kernel at once; that it is gone already is not an error."""
    with suppress(RuntimeError):
        run_sync(manager.shutdown_kernel)(now=True)


class _WarmEngine(Engine):
    """papermill's own engine, but with a kernel that is running already and is ended at once afterwards."""

    @classmethod
    def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, **given: Any) -> NotebookNode:
        """Execute the notebook in the kernel `km`."""
        own = {name: given[name] for name in ("km", "on_cell_complete")} | {"kernel_name": kernel_name}
        client = PapermillNotebookClient(nb_man, startup_timeout=120, shutdown_kernel="immediate", **own)
        return client.execute(cleanup_kc=True)


papermill_engines.register("segnb", _WarmEngine)
logging.getLogger("papermill").setLevel(logging.ERROR)
logging.getLogger("asyncio").setLevel(logging.CRITICAL)  # it would report the kernel's end a second time


def _readable(error: papermill.PapermillExecutionError, name: str) -> DataError | RunError:
    """Return a failed cell's error as one line."""
    words = " ".join(str(error.evalue).split())
    if error.ename == "DataError":
        return DataError(f"{name}: {words}")
    kind = "" if error.ename == "RunError" else f"{error.ename}: "
    return RunError(f"{name}, cell {error.exec_count}: {kind}{words}")


LEARNERS = frozenset({"workshop", "exercise", "solution"})
"""Tags of the cells that are for learners."""


def load_notebook(step: str, leave_out: Set[str] = LEARNERS | {"lab"}) -> NotebookNode:
    """Return a step's notebook without the cells with some tags, by default as it runs for a report."""
    notebook = nbformat.read(notebook_path(step), as_version=4)
    notebook.cells = [cell for cell in notebook.cells if not leave_out & set(cell.metadata.get("tags", []))]
    return notebook


def parameters_cell(notebook: NotebookNode) -> str:
    """Return the source of a notebook's parameters cell."""
    return next(cell.source for cell in notebook.cells if "parameters" in cell.metadata.get("tags", []))


def declared_parameters(notebook: NotebookNode) -> list[str]:
    """Return the names that stand in a notebook's parameters cell, in their order."""
    lines = ast.parse(parameters_cell(notebook)).body
    return [line.target.id for line in lines if isinstance(line, ast.AnnAssign)]


def import_lines(notebook: NotebookNode) -> str:
    """Return the import statements of a notebook, to be run ahead of time."""
    code = [ast.parse(cell.source).body for cell in notebook.cells if cell.cell_type == "code"]
    return "\n".join(
        ast.unparse(node) for cell in code for node in cell if isinstance(node, ast.Import | ast.ImportFrom)
    )
