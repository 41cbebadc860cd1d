"""End the process at once when a signal says so, and leave nothing behind."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psutil

INTERRUPTED = "segnb: interrupted; nothing was published"

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Let SIGINT and SIGTERM wait until what is done in this context, which is short, is done."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def ended_by_signals(*clean_ups: Callable[[], None]) -> Iterator[None]:
    """Let SIGINT and SIGTERM end this process without a way back: children killed, `clean_ups` called, one line.

    An exception out of nowhere, as `KeyboardInterrupt` is, leaves imports, sockets and event loops half done, and
    whoever unwinds through them may wait for ever. For a command of its own, not within somebody's kernel.

    Parameters
    ----------
    *clean_ups : callable
        Called in this order; they remove what an unfinished run has written and must not raise.
    """

    def end(number: int, frame: object) -> None:
        for each in SIGNALS:
            signal.signal(each, signal.SIG_IGN)
        children = psutil.Process().children(recursive=True)
        for child in children:
            child.kill()
        psutil.wait_procs(children, timeout=5)
        for clean_up in clean_ups:
            clean_up()
        os.write(2, f"{INTERRUPTED}\n".encode())
        os._exit(128 + number)

    before = [signal.signal(number, end) for number in SIGNALS]
    try:
        yield
    finally:
        for number, handler in zip(SIGNALS, before):
            signal.signal(number, handler)
