"""Kernels that are started, and have their imports done, before the notebooks that need them begin."""

import contextlib
from collections import deque
from collections.abc import Iterable, Iterator, Mapping

from jupyter_client import AsyncKernelManager, BlockingKernelClient
from jupyter_core.utils import run_sync

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
