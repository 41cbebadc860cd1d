"""Files that are there whole or not at all, and their checksums."""

import ctypes
import errno
import hashlib
import os
from collections.abc import Callable
from pathlib import Path


def write_whole(path: Path, write: Callable[[Path], None]) -> None:
    """Let `write` fill a file beside `path`, bring it to the disk, and rename it to `path`."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        write(beside)
        sync_file(beside)
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def why(error: OSError) -> str:
    """Return in a few words what the system said."""
    return error.strerror or " ".join(str(error).split()) or type(error).__name__


def exchange(one: Path, other: Path) -> bool:
    """Let two folders swap their names in one step; False where the system cannot do that."""
    swap = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    here, exchanging = -100, 2  # AT_FDCWD and RENAME_EXCHANGE
    if swap is None:
        return False
    if swap(here, os.fsencode(one), here, os.fsencode(other), exchanging) == 0:
        return True
    number = ctypes.get_errno()
    if number in (errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP):
        return False
    raise OSError(number, os.strerror(number), str(one))


def sync_file(path: Path) -> None:
    """Bring a file to the disk."""
    with open(path, "rb") as file:
        os.fsync(file.fileno())


def sync_folder(path: Path) -> None:
    """Bring a folder's list of names to the disk."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def sha256(path: Path) -> str:
    """Return a file's SHA-256 in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
