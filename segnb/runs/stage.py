"""A run grows in a stage beside its folder and is published whole, or not at all."""

import fcntl
import os
import shutil
import signal
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

from segnb.errors import DataError, RunError
from segnb.paths import FAILED, STAGES, outputs_folder, sync, writable
from segnb.runs.store import MANIFEST, WRITTEN_BY, point_to_latest, read_manifest, write_manifest

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def ended_by_signals(*clean_ups: Callable[[], None]) -> Iterator[None]:
    """Let SIGINT and SIGTERM end this process at once: kill its children, call `clean_ups`, print one line.

    A `KeyboardInterrupt` out of nowhere leaves imports, sockets and event loops half done, and unwinding through them
    may never end. For a command with a process of its own, not for somebody's kernel.

    Parameters
    ----------
    *clean_ups : callable
        Called in this order; they remove what an unfinished run has written and must not raise.
    """

    def end(number: int, frame: object) -> None:
        for each in _SIGNALS:
            signal.signal(each, signal.SIG_IGN)
        children = psutil.Process().children(recursive=True)
        for child in children:
            child.kill()
        psutil.wait_procs(children, timeout=5)
        for clean_up in clean_ups:
            clean_up()
        os.write(2, b"segnb: interrupted; nothing was published\n")
        os._exit(128 + number)

    before = [signal.signal(number, end) for number in _SIGNALS]
    try:
        yield
    finally:
        for number, handler in zip(_SIGNALS, before):
            signal.signal(number, handler)


def open_steps(states: Mapping[str, Mapping[str, Any]], needed: Iterable[str]) -> list[str]:
    """Return which of the needed steps are not done, by the states in a manifest."""
    return [step for step in needed if states.get(step, {}).get("state") != "done"]


class Stage:
    """The hidden folder in which a run grows; as a context it is locked and leaves nothing behind.

    It is `outputs/.stage/<name>`, with a lock in it, a folder for each process that makes the run (that of a killed
    one is removed by the next), and for a moment the earlier run: between two renames, when it is replaced. The next
    process that makes the run puts that back if it finds it there.

    Parameters
    ----------
    name : str
        The run's name.

    Attributes
    ----------
    folder : Path
        Where the run grows.
    scratch : Path
        For what is needed only while the run is made.
    published, remains : Path
        The folder of the published run, and the one that keeps what a failed run left.

    Raises
    ------
    DataError
        On entering, if nothing can be written, or what has the run's name is something else.
    RunError
        On entering, if another process makes a run of this name.
    """

    def __init__(self, name: str):
        self.name = name
        self.published = outputs_folder() / name
        self.remains = outputs_folder() / f"{name}{FAILED}"
        self._place = outputs_folder() / STAGES / name
        self._aside = self._place / "before"
        self.folder = self._place / str(os.getpid()) / name  # a killed run's kernel may write on in its own
        self.scratch = self.folder.with_name("~scratch")

    def __enter__(self) -> "Stage":
        with writable(outputs_folder(), "run segnb where you may write"):
            self._check_published()
            self._lock = self._locked()
            self._restore()
        for left in self._place.iterdir():
            shutil.rmtree(left, ignore_errors=True)  # the lock is not a folder and stays
        return self

    def __exit__(self, *error: object) -> None:
        self.discard()

    def open(self, copy_from: Path | None = None, leave_out: Iterable[str] = ()) -> Path:
        """Make the folder, empty or as a copy of an earlier run but for some files, and return it."""
        with writable(outputs_folder(), "make room there", RunError):
            self.scratch.mkdir(parents=True)
            if copy_from:
                shutil.copytree(copy_from, self.folder, ignore=shutil.ignore_patterns(*leave_out))
            else:
                self.folder.mkdir()
        return self.folder

    def publish(self, manifest: dict[str, Any]) -> Path:
        """Write the manifest last, put the folder in the run's place, and return the run's folder."""
        with writable(self.published, "make room there", RunError):
            write_manifest(self.folder, manifest)
            if self.published.exists():
                os.replace(self.published, self._aside)
            os.replace(self.folder, self.published)
        return self.published

    def settle(self) -> None:
        """Bring a published run's name to the disk, let `latest` stand for it, and remove what a failed one left."""
        with suppress(OSError):  # it is published, come what may
            sync(self.published.parent)
            if (self.published / "model.skops").is_file():
                point_to_latest(self.name)
        shutil.rmtree(self.remains, ignore_errors=True)

    def keep_remains(self, manifest: dict[str, Any]) -> Path | None:
        """Keep what a failed run left, beside the run's own folder, and return where; None if there is no room."""
        try:
            write_manifest(self.folder, manifest)
            shutil.rmtree(self.remains, ignore_errors=True)
            os.replace(self.folder, self.remains)
        except OSError:
            return None
        return self.remains

    def discard(self) -> None:
        """Remove the stage with its lock, and the outputs folder if that is empty then."""
        gone = self._place.with_name(f"{self.name}~gone")  # no run's name has a tilde
        shutil.rmtree(gone, ignore_errors=True)
        with suppress(OSError):
            self._restore()
            os.replace(self._place, gone)  # moved first: a page that is being written cannot come in between
        shutil.rmtree(gone, ignore_errors=True)
        os.close(self._lock)
        with suppress(OSError):
            self._place.parent.rmdir()
            outputs_folder().rmdir()

    def earlier(self, needed: Sequence[str]) -> Path:
        """Return the folder to continue from: what a failed run left if it did the needed steps, else the run itself.

        Raises
        ------
        RunError
            If there is neither.
        """
        there = [folder for folder in (self.remains, self.published) if (folder / MANIFEST).is_file()]
        if not there:
            manifest = self.published / MANIFEST
            raise RunError(f"{manifest}: is not there, so there is no run {self.name!r} to continue; leave out --from")
        whole = (folder for folder in there if not open_steps(read_manifest(folder).get("steps", {}), needed))
        return next(whole, there[-1])

    def _locked(self) -> int:
        """Return an open file that locks the stage, which whoever finished last may just have removed."""
        while True:
            with suppress(FileNotFoundError):
                self._place.mkdir(parents=True, exist_ok=True)
                path = self._place / "lock"
                lock = os.open(path, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, 0o644)
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    if os.path.samestat(os.fstat(lock), os.stat(path)):
                        return lock
                except BlockingIOError:
                    os.close(lock)
                    words = "another process is making this run; wait for it, or give this run another name"
                    raise RunError(f"run={self.name!r}: {words}") from None
                os.close(lock)

    def _restore(self) -> None:
        """Put the earlier run back if a process was ended between moving it aside and moving the new one in."""
        if self._aside.is_dir() and not self.published.exists():
            os.replace(self._aside, self.published)

    def _check_published(self) -> None:
        """Refuse to replace anything but a run."""
        own = {MANIFEST}.union(*WRITTEN_BY.values())
        for path in (self.published, self.remains):
            is_run = path.is_dir() and (not any(path.iterdir()) or any((path / name).exists() for name in own))
            if path.is_symlink() or (path.exists() and not is_run):
                raise DataError(f"{path}: is not a run's folder; move it away, or give this run another name")
