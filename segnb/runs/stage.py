"""A run grows in a stage beside its folder and is published whole, or not at all."""

import contextlib
import fcntl
import os
import shutil
import signal
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import psutil

from segnb.errors import DataError, RunError
from segnb.paths import FAILED, STAGES, exchange, outputs_folder, sync_folder, why
from segnb.runs.store import MANIFEST, WRITTEN_BY, point_to_latest, read_manifest, write_manifest


class Lock:
    """An exclusive lock on a file, which is there only while somebody holds it.

    Parameters
    ----------
    path : Path
        In a folder that exists.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     held, other = Lock(Path(folder) / "shop.lock"), Lock(Path(folder) / "shop.lock")
    ...     (held.take(), other.take(), held.free(), other.take(), other.free())
    (True, False, None, True, None)
    """

    def __init__(self, path: Path):
        self.path = path
        self._file = -1

    def take(self) -> bool:
        """Return whether the lock is ours now; does not wait."""
        while self._file < 0:
            file = os.open(self.path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                still_there = os.stat(self.path).st_ino == os.fstat(file).st_ino
            except BlockingIOError:
                os.close(file)
                return False
            except FileNotFoundError:
                still_there = False
            if still_there:
                self._file = file
            else:  # whoever held it removed it in between
                os.close(file)
        return True

    def free(self) -> None:
        """Give the lock back, if it is ours."""
        if self._file >= 0:
            self.path.unlink(missing_ok=True)
            os.close(self._file)
            self._file = -1


def take_or_refuse(lock: Lock, run: str) -> None:
    """Take a run's lock.

    Raises
    ------
    RunError
        If another process makes that run.
    """
    if not lock.take():
        raise RunError(f"run={run!r}: another process is making this run; wait for it, or give this run another name")


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


LOCK, GONE = "~lock", "~gone"
"""What a run's lock, and a stage that is being removed, are called after its name; no run's name has a tilde."""

SCRATCH = "~scratch"
"""The folder, beside the run's own, of what is needed only while it is made."""


class Stage:
    """The hidden folder in which the runner lets a run grow; as a context it is locked and leaves nothing behind.

    Parameters
    ----------
    name : str
        The run's name.

    Raises
    ------
    DataError
        On entering, if nothing can be written, or what has the run's name is something else.
    RunError
        On entering, if another process makes a run of this name.
    """

    def __init__(self, name: str):
        if name.endswith(FAILED):
            raise DataError(
                f"run={name!r}: names ending in {FAILED} are kept for what failed runs leave; take another name"
            )
        self.name = name
        self.published = outputs_folder() / name
        self.remains = outputs_folder() / f"{name}{FAILED}"
        self._stages = outputs_folder() / STAGES
        self._place = self._stages / name
        self._aside = self._place / "before"
        self.folder = self._place / str(os.getpid()) / name  # a killed run's kernel may write on in its own
        self.scratch = self.folder.with_name(SCRATCH)
        self._lock = self._lock_of(name)

    def __enter__(self) -> "Stage":
        try:
            self._take_lock()
        except OSError as error:
            raise DataError(
                f"{outputs_folder()}: cannot be written to ({why(error)}); run segnb where you may write"
            ) from None
        try:
            self._restore()
            self._check_published()
            self._sweep()
        except BaseException:
            self.discard()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.discard()

    def open(self, copy_from: Path | None = None, leave_out: Container[str] = ()) -> Path:
        """Make the folder, empty or as a copy of an earlier run but for some files, and return it."""
        try:
            self.scratch.mkdir(parents=True)
            if copy_from:
                shutil.copytree(copy_from, self.folder, ignore=lambda _, names: [n for n in names if n in leave_out])
            else:
                self.folder.mkdir()
        except OSError as error:
            raise RunError(f"{outputs_folder()}: cannot be written to ({why(error)}); make room there") from None
        return self.folder

    def publish(self, manifest: dict[str, Any]) -> Path:
        """Write the manifest last, put the folder in the run's place in one step, and return the run's folder."""
        try:
            write_manifest(self.folder, manifest)
            if not self.published.exists():
                os.replace(self.folder, self.published)
            elif not exchange(self.folder, self.published):
                os.replace(self.published, self._aside)
                os.replace(self.folder, self.published)
        except OSError as error:
            raise RunError(f"{self.published}: cannot be published ({why(error)}); make room there") from None
        with contextlib.suppress(OSError):  # it is published, come what may
            sync_folder(self.published.parent)
            if (self.published / "model.skops").is_file():
                point_to_latest(self.name)
        shutil.rmtree(self.remains, ignore_errors=True)
        return self.published

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
        """Remove the stage, free the lock, and remove the outputs folder if that is empty then."""
        with contextlib.suppress(OSError):
            self._restore()
        gone = self._stages / f"{self.name}{GONE}"
        with contextlib.suppress(OSError):  # moved first: a page that is being written cannot come in between
            os.replace(self._place, gone)
        shutil.rmtree(gone, ignore_errors=True)
        self._lock.free()
        with contextlib.suppress(OSError):
            self._stages.rmdir()
            outputs_folder().rmdir()

    def earlier(self, needed: Sequence[str]) -> Path:
        """Return the folder to continue from: what a failed run left if it did the needed steps, else the run itself.

        Raises
        ------
        RunError
            If there is neither.
        """
        there = [folder for folder in (self.remains, self.published) if (folder / MANIFEST).is_file()]
        for folder in there:
            done = read_manifest(folder).get("steps", {})
            if folder == there[-1] or all(done.get(step, {}).get("state") == "done" for step in needed):
                return folder
        if self.published.is_dir():
            raise RunError(
                f"{self.published / MANIFEST}: is not there, so the run cannot be continued; leave out --from"
            )
        raise RunError(f"there is no run {self.name!r} to continue in {outputs_folder()}; leave out --from")

    def _take_lock(self) -> None:
        while True:
            self._stages.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(FileNotFoundError):  # whoever left last has just removed the folder
                return take_or_refuse(self._lock, self.name)

    def _restore(self) -> None:
        """Put the earlier run back if a process was ended between moving it aside and moving the new one in."""
        if self._aside.is_dir() and not self.published.exists():
            os.replace(self._aside, self.published)

    def _check_published(self) -> None:
        """Refuse to replace what is no run."""
        for path in (self.published, self.remains):
            if path.is_symlink() or (path.exists() and not path.is_dir()):
                raise DataError(f"{path}: is no folder of a run; move it away, or give this run another name")
        own = {name for names in WRITTEN_BY.values() for name in names} | {MANIFEST}
        there = {path.name for path in self.published.iterdir()} if self.published.is_dir() else set()
        if there and not there & own:
            raise DataError(f"{self.published}: holds no run; move it away, or give this run another name")

    def _sweep(self) -> None:
        """Remove what runs that were killed have left in their stages, as far as it is ours."""
        for place in self._stages.iterdir():
            if place == self._place or place.name.endswith(GONE):
                shutil.rmtree(place, ignore_errors=True)
            elif place.is_dir() and not (place / "before").exists():
                lock = self._lock_of(place.name)
                with contextlib.suppress(OSError):
                    if lock.take():
                        shutil.rmtree(place, ignore_errors=True)
                        lock.free()

    def _lock_of(self, name: str) -> Lock:
        return Lock(self._stages / f"{name}{LOCK}")
