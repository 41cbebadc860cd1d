"""Runs: their folders and artifacts, and the kernels that run the notebooks."""

import multiprocessing
import os
import sys
from collections.abc import Mapping
from multiprocessing import forkserver
from threading import RLock, Thread

from segnb.paths import project_folder

PROCESSES = multiprocessing.get_context("forkserver" if sys.platform == "linux" else "spawn")
"""Where kernels come from: on Linux a server that has imported what they need, so that a kernel is there at once."""

_IMPORTED = (
    *("__main__", "ipykernel.kernelapp", "segnb.runs", "segnb.notebook.exercises", "segnb.notebook.panels"),
    *("segnb.act.campaign", "yellowbrick.cluster", "skops.io"),
)
"""What the notebooks import, and what these import."""

QUIET = ["--log-level=50", "--HistoryManager.hist_file=:memory:"]
"""A kernel's own log would only repeat what the runner says, and nobody looks for its history."""


def warm_up() -> None:
    """Let the server begin with its imports, if it hasn't yet."""
    if PROCESSES.get_start_method() == "forkserver":
        before = dict(os.environ)
        os.environ.update(MPLBACKEND="agg", TQDM_DISABLE="1", SEGNB_PROJECT=str(project_folder()))
        try:
            forkserver.set_forkserver_preload(list(_IMPORTED))
            forkserver.ensure_running()
        finally:
            os.environ.clear()
            os.environ.update(before)


def be_kernel(connection_file: str, env: Mapping[str, str], folder: str) -> None:
    """Be a kernel until the process that asked for it is gone; it is here so that a kernel imports no more of `runs`.

    Parameters
    ----------
    connection_file : str
        Jupyter's, with the ports.
    env : mapping of str to str
    folder : str
        The working folder.
    """
    from ipykernel.kernelapp import IPKernelApp
    from tqdm import tqdm

    def follow() -> None:
        multiprocessing.parent_process().join()
        os._exit(1)

    os.setsid()
    os.environ.clear()
    os.environ.update(env)
    os.chdir(folder)
    sys.modules["debugpy"] = None  # nobody debugs a report, and it would be half of a kernel's start
    tqdm.set_lock(RLock())  # its own, between processes, would be left behind by a kernel that is ended at once
    Thread(target=follow, daemon=True).start()
    IPKernelApp.launch_instance(["-f", connection_file, *QUIET])
