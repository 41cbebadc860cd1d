"""Notebooks, executed by papermill in kernels that are forked from one process with the imports done."""

import ast
import asyncio
import logging
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import nbformat
import papermill
from jupyter_client import AsyncKernelClient, AsyncKernelManager
from jupyter_client.provisioning import LocalProvisioner
from jupyter_core.utils import run_sync
from nbclient import NotebookClient
from nbformat import NotebookNode
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import Engine, papermill_engines

from segnb.errors import DataError, RunError
from segnb.paths import notebook_path
from segnb.runs import PROCESSES, be_kernel, warm_up

_NO_MEMORY = "which usually means that memory ran out"


@contextmanager
def fresh_kernels(number: int, env: Mapping[str, str], folder: str) -> Iterator[list[AsyncKernelClient]]:
    """Yield clients of kernels, all of them started at once and ready, and end those that are left.

    Parameters
    ----------
    number : int
    env : mapping of str to str
        The kernels' environment.
    folder : str
        Their working folder.

    Raises
    ------
    RunError
        If a kernel does not get ready.
    """
    warm_up()
    with TemporaryDirectory(prefix="segnb-", ignore_cleanup_errors=True) as sockets:
        managers = [AsyncKernelManager(kernel_name="python3", **_meeting_place(sockets, n)) for n in range(number)]
        clients: list[AsyncKernelClient] = []
        try:
            for manager in managers:
                manager.provisioner = _Forked(parent=manager, kernel_spec=manager.kernel_spec)
                run_sync(manager.start_kernel)(env=dict(env), cwd=folder)
                clients.append(manager.client())
            run_sync(_all_ready)(clients)
            yield clients
        finally:
            for client in clients:
                client.stop_channels()
            for manager in managers:
                with suppress(RuntimeError):  # it has ended
                    run_sync(manager.shutdown_kernel)(now=True)


async def _all_ready(clients: Sequence[AsyncKernelClient]) -> None:
    for client in clients:
        client.start_channels(stdin=False)  # nobody would answer
    try:
        await asyncio.gather(*(client.wait_for_ready(timeout=120) for client in clients))
    except RuntimeError as error:
        raise RunError(f"a kernel did not get ready ({error}), {_NO_MEMORY}") from None


def _meeting_place(folder: str, number: int) -> dict[str, str]:
    """Return where a kernel is spoken to: files, since a free port may be another's before the kernel takes it."""
    too_long = len(folder) > 90  # the name of such a file holds 107 characters
    return {} if too_long or sys.platform == "win32" else {"transport": "ipc", "ip": f"{folder}/{number}"}


def run_in(
    kernel: AsyncKernelClient, notebook: Any, runner: type[NotebookClient] = NotebookClient, **given: Any
) -> None:
    """Let a client of nbclient run a notebook in a kernel, and end the kernel.

    Parameters
    ----------
    kernel : AsyncKernelClient
        Of a kernel that is ready.
    notebook : NotebookNode
        Gets the outputs; papermill's client wants its own manager of a notebook instead.
    runner : type of NotebookClient
    **given : object
        Options of the client.
    """
    client = runner(notebook, km=kernel.parent, **given)
    client.kc = kernel
    client.execute(cleanup_kc=True)


def execute(
    kernel: AsyncKernelClient,
    notebook: NotebookNode,
    output: Path,
    values: dict[str, Any],
    on_cell: Callable[[], None],
) -> None:
    """Let papermill execute a notebook in a kernel, end the kernel, and write the notebook to `output`.

    Parameters
    ----------
    kernel : AsyncKernelClient
        Of a kernel that is ready.
    notebook : NotebookNode
    output : Path
        The executed notebook, partial if a cell fails.
    values : dict of str to object
        For the parameters cell.
    on_cell : callable
        Called after each cell.

    Raises
    ------
    DataError
        If a cell found parameters or data that cannot be used.
    RunError
        If a cell failed otherwise, or the kernel died.
    """
    client = {"kernel": kernel, "shutdown_kernel": "immediate"}
    client["on_cell_complete"] = lambda cell, cell_index: on_cell()
    try:
        papermill.execute_notebook(
            notebook, output, values, "segnb", kernel_name="python3", progress_bar=False, client=client
        )
    except papermill.PapermillExecutionError as error:
        raise _readable(error, output.stem) from None
    except RuntimeError as error:
        if "died" not in str(error):
            raise
        raise RunError(f"{output.stem}: the kernel died, {_NO_MEMORY}") from None


class _Forked(LocalProvisioner):
    """Starts a kernel as a process of `multiprocessing` and not as a command."""

    async def launch_kernel(self, cmd: list[str], **given: Any) -> dict[str, Any]:
        """Start the kernel that the manager's connection file describes."""
        arguments = self.parent.connection_file, given["env"], given["cwd"]
        process = PROCESSES.Process(target=be_kernel, args=arguments, daemon=True)
        process.start()
        self.process, self.pid = _Child(process), process.pid
        self.pgid = self.pid  # it makes a group of its own
        return self.connection_info


class _Child:
    """A process of `multiprocessing` as jupyter_client looks at processes."""

    stdin = stdout = stderr = None

    def __init__(self, process: Any):
        self.process = process

    def poll(self) -> int | None:
        """Return the exit code, None while it is running."""
        return self.process.exitcode

    def wait(self) -> int:
        """Return the exit code when it has ended."""
        self.process.join()
        return self.process.exitcode

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        with suppress(ProcessLookupError):
            os.kill(self.process.pid, number)


class _ForkedEngine(Engine):
    """papermill's own engine, but with a kernel that is running already, and a notebook that is written once."""

    @classmethod
    def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, client: dict[str, Any], **given: Any):
        """Execute the notebook by a client with these options, the manager of the kernel among them."""
        path, nb_man.output_path = nb_man.output_path, None  # or it would be written twice for each cell
        try:
            run_in(client.pop("kernel"), nb_man, PapermillNotebookClient, kernel_name=kernel_name, **client)
        finally:
            nb_man.output_path = path


papermill_engines.register("segnb", _ForkedEngine)
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
