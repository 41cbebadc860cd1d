"""Where things are: the project folder, the notebooks, the data sources and the runs."""

import importlib.util
import os
from pathlib import Path

from segnb.addresses import EMBEDDED
from segnb.errors import DataError

FILE_KINDS = (".csv", ".tsv", ".txt", ".parquet", ".xlsx", ".gz")
"""Endings of the files that are read."""

FAILED = ".failed"
"""What the folder of a failed run's remains is called after the run's name."""

LATEST = "latest"
"""What stands for the run that was published last wherever an earlier run is named, and the file with its name."""

STAGE = "SEGNB_STAGE"
"""Environment variable, in the runner's kernels only: the folder in which a run grows before it is published."""

STAGES = ".stage"
"""The folder among the runs in which they grow, each in a folder of its name, beside its lock."""

STEPS = ("prepare", "choose_k", "cluster", "interpret", "iterate")

_PACKAGE = Path(__file__).parent
_SHARE = _PACKAGE / "share" if (_PACKAGE / "share").is_dir() else _PACKAGE.parent


def notebook_path(step: str) -> Path:
    """Return the path of the notebook that carries out `step`.

    Inside a checkout this is the checkout's own notebook, otherwise the one in the installed package.

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
    for folder in (here, *here.parents):
        if (folder / "notebooks" / "01_prepare.ipynb").is_file():
            return folder
    return here


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
            raise DataError(
                f"{source}: cannot be looked for ({error.strerror}); check the path and its rights"
            ) from None
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

    >>> is_file("orders.parquet", "postgres://host/shop"), is_file("sales.orders", "postgres://host/shop")
    (True, False)
    """
    return engine == EMBEDDED or source.startswith("package:") or Path(source).suffix.lower() in FILE_KINDS
