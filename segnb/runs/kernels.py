"""Kernels that are started, and have their imports done, before the notebooks that need them begin."""

import ast
import contextlib
import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
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

AHEAD = 2
"""Kernels kept ready: a short notebook is done before the next kernel's imports would be."""


class KernelsAhead:
    """Fresh kernels in the order in which they are needed, a few of them always ready.

    Parameters
    ----------
    warm_ups : iterable of str
        For each kernel the code that it carries out ahead of time, mostly imports.
    env : mapping of str to str
        The kernels' environment.
    folder : str
        Their working folder.
    """

    def __init__(self, warm_ups: Iterable[str], env: Mapping[str, str], folder: str):
        self._waiting = deque(warm_ups)
        self._ready: deque[tuple[AsyncKernelManager, BlockingKernelClient]] = deque()
        self._env, self._folder = dict(env), folder

    def top_up(self) -> None:
        """Start kernels in the background until enough are ready."""
        while self._waiting and len(self._ready) < AHEAD:
            self._ready.append(self._start(self._waiting.popleft()))

    def take(self) -> AsyncKernelManager:
        """Return the next kernel; it is the caller's to end."""
        if not self._ready:
            self._ready.append(self._start(self._waiting.popleft()))
        manager, client = self._ready.popleft()
        client.stop_channels()
        return manager

    def close(self) -> None:
        """End the kernels that nobody took."""
        self._waiting.clear()
        while self._ready:
            stop(self.take())

    def _start(self, warm_up: str) -> tuple[AsyncKernelManager, BlockingKernelClient]:
        manager = AsyncKernelManager(kernel_name="python3")
        try:
            run_sync(manager.start_kernel)(extra_arguments=QUIET, env=self._env, cwd=self._folder)
            client = BlockingKernelClient(connection_file=manager.connection_file)
            client.load_connection_file()
            client.start_channels(iopub=False, stdin=False, hb=False, control=False)
            client.execute(warm_up, silent=True, store_history=False)
        except BaseException:
            stop(manager)
            raise
        return manager, client  # the channel stays open: a closed one drops what the kernel has not fetched yet


def stop(manager: AsyncKernelManager) -> None:
    """End a kernel at once; one that is gone already is no fault."""
    with contextlib.suppress(RuntimeError):
        run_sync(manager.shutdown_kernel)(now=True)


@contextlib.contextmanager
def kernels_ahead(warm_ups: Iterable[str], env: Mapping[str, str], folder: str) -> Iterator[KernelsAhead]:
    """Yield a `KernelsAhead` and leave no kernel behind."""
    kernels = KernelsAhead(warm_ups, env, folder)
    try:
        yield kernels
    finally:
        kernels.close()


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


NOT_IN_REPORTS = {"workshop", "exercise", "solution"}
"""Tags of the cells that are for learners; the runner drops them before anything is executed."""


def load_notebook(step: str) -> nbformat.NotebookNode:
    """Return a step's notebook as it runs for a report: without the cells for learners."""
    notebook = nbformat.read(notebook_path(step), as_version=4)
    notebook.cells = [cell for cell in notebook.cells if not NOT_IN_REPORTS & set(cell.metadata.get("tags", []))]
    return notebook


def declared_parameters(notebook: nbformat.NotebookNode) -> list[str]:
    """Return the names that stand in a notebook's parameters cell, in their order."""
    source = next(cell.source for cell in notebook.cells if "parameters" in cell.metadata.get("tags", []))
    return [line.target.id for line in ast.parse(source).body if isinstance(line, ast.AnnAssign)]


def import_lines(notebook: nbformat.NotebookNode) -> str:
    """Return the import statements of a notebook, to be carried out ahead of time."""
    lines = []
    for cell in notebook.cells:
        if cell.cell_type == "code":
            found = [node for node in ast.parse(cell.source).body if isinstance(node, ast.Import | ast.ImportFrom)]
            lines += [ast.unparse(node) for node in found]
    return "\n".join(lines)


def n_code_cells(notebook: nbformat.NotebookNode) -> int:
    """Return how many cells there are to execute."""
    return sum(cell.cell_type == "code" for cell in notebook.cells)
