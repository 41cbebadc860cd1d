"""One lock per run's name, held by whoever makes the run and freed by the kernel when that process ends."""

import fcntl
import os
from pathlib import Path

from segnb.errors import RunError


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
