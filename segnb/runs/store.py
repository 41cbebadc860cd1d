"""A run's folder: artifacts that appear whole or not at all, a manifest that vouches for them, and a workspace."""

import hashlib
import json
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from copy import copy
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from segnb.disclosure import door
from segnb.errors import DataError, RunError, SegnbError
from segnb.parameters import PARAMETERS, RUN_NAME, Parameters, check_parameters
from segnb.paths import FAILED, LAB, LATEST, STAGE, STEPS, outputs_folder, sha256, sync, write_whole
from segnb.tables import write_csv
from segnb.text import as_set

WRITTEN_BY: dict[str, list[str]] = yaml.safe_load((Path(__file__).parent / "artifacts.yaml").read_text("utf-8"))
"""The artifacts of each step."""

_STEP_OF = {name: step for step, names in WRITTEN_BY.items() for name in names}

MANIFEST = "run.json"


def point_to_latest(run: str) -> None:
    """Let `latest` stand for a run."""
    write_whole(outputs_folder() / LATEST, lambda path: path.write_text(f"{run}\n", encoding="utf-8"))


def resolved(run: str) -> str:
    """Return a run's name; for `latest` the name of the run published last.

    Raises
    ------
    DataError
        If none was published yet.
    """
    if run != LATEST:
        return run
    name = ""
    with suppress(OSError, UnicodeDecodeError):
        name = (outputs_folder() / LATEST).read_text(encoding="utf-8").strip()
    if not name:
        raise DataError(f"{LATEST}: no run has been published yet in {outputs_folder()}; name a run")
    return name


def run_names() -> list[str]:
    """Return the names of all published runs, sorted; neither workspaces nor what failed runs left are among them."""
    names = {path.parent.name for path in outputs_folder().glob(f"*/{MANIFEST}") if not path.parent.is_symlink()}
    return sorted(name for name in names - {LAB} if RUN_NAME.fullmatch(name) and not name.endswith(FAILED))


def _known_runs() -> str:
    """Return which runs there are, in words for a message."""
    names = run_names()
    return f"the runs there are {', '.join(names)}" if names else "there are no runs yet"


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return a run's manifest: its name, parameters, inputs, versions, steps, and the SHA-256 of its files.

    Raises
    ------
    RunError
        If there is none, it cannot be read, or it was changed after it was written.
    """
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(f"{path}: cannot be read ({error}); make the run again") from None
    if not isinstance(manifest, dict) or "seal" not in manifest:
        raise RunError(f"{path}: this is not the manifest of a run; make the run again")
    if manifest.pop("seal") != _seal(manifest):
        raise RunError(f"{path}: was changed or damaged after it was written; make the run again")
    return manifest


def unlike_previous(parameters: Parameters, names: Iterable[str] = PARAMETERS) -> str:
    """Return in a few words which parameters the run named in `previous` had otherwise; "" if none.

    Parameters
    ----------
    parameters : Parameters
    names : iterable of str
        Those to look at.

    >>> unlike_previous(Parameters(k=4))
    ''
    """
    if not parameters.previous:
        return ""
    recorded, looked_at = read_manifest(Run(parameters.previous).folder)["parameters"], set(names) - {"run", "previous"}
    was = {name: value for name, value in recorded.items() if name in looked_at and value != getattr(parameters, name)}
    return f"unlike {parameters.previous}: {as_set(was, 'was')}" if was else ""


def write_manifest(folder: Path, manifest: dict[str, Any]) -> None:
    """Write the manifest with the size and SHA-256 of every file of the run, after all of them are on the disk."""
    files = sorted(path for path in folder.iterdir() if path.is_file() and path.name != MANIFEST)
    for path in files:
        sync(path)
    about = {path.name: {"bytes": path.stat().st_size, "sha256": sha256(path)} for path in files}
    plain = json.loads(json.dumps(manifest | {"files": about}))  # as it will be read back: keys are text
    write_whole(folder / MANIFEST, lambda path: write_json(plain | {"seal": _seal(plain)}, path))
    sync(folder)


def _seal(manifest: dict[str, Any]) -> str:
    """Return the SHA-256 of a manifest, whatever its layout, to tell whether it was changed."""
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()


def check_file(path: Path) -> dict[str, Any]:
    """Check a file of a run against the manifest beside it, and return the manifest.

    Raises
    ------
    RunError
        If there is no manifest, or the file is not the one that it lists.
    """
    if not (path.parent / MANIFEST).is_file():
        raise RunError(f"{MANIFEST} is not beside it, so the run may be incomplete")
    manifest = read_manifest(path.parent)
    listed = manifest["files"].get(path.name)
    if not listed:
        raise RunError(f"{MANIFEST} does not list it, so it is not part of the run")
    if not path.is_file():
        raise RunError(f"it is missing, though {MANIFEST} lists it")
    if sha256(path) != listed["sha256"]:
        raise RunError(f"it is not the file that {MANIFEST} lists, so it was changed or damaged afterwards")
    return manifest


_GOES_OUT = {
    *("sizes.csv", "profiles.csv", "effects.csv", "category_effects.csv", "rules.csv"),
    *("plan.csv", "matches.csv", "migration.csv", "value_moved.csv", "outcomes.csv"),
}
"""Tables on segments that others read: figures on fewer than `min_cell` customers are withheld."""

NEEDED = ("customers.parquet", "prepare.json", "prepare.skops", "segments.parquet", "centres.csv", "model.skops")
"""What a run that is compared with, or started from, must hold."""


def check_earlier(parameter: str, name: str) -> None:
    """Check that a published run holds, undamaged, what a comparison needs.

    Parameters
    ----------
    parameter : str
        The parameter that names the run.
    name : str

    Raises
    ------
    DataError
        If there is no such run, it didn't come to step 3, or a file in it was changed.
    """
    folder, said = outputs_folder() / name, f"{parameter}={name!r}"
    if not folder.is_dir():
        raise DataError(f"{said}: there is no such run in {outputs_folder()}; {_known_runs()}")
    if name.endswith(FAILED):
        raise DataError(f"{said}: {folder} is what a failed run left; name a run that finished")
    if missing := [file for file in NEEDED if not (folder / file).is_file()]:
        raise DataError(
            f"{said}: {folder} holds no run that got to step 3, cluster: {', '.join(missing)} is not there; "
            "name another run, or make that one again"
        )
    for file in NEEDED:
        try:
            check_file(folder / file)
        except RunError as error:
            raise DataError(f"{said}: {folder / file}: {error}; make that run again, or name another") from None


class Run:
    """The artifacts of a published run, each read only if it is the one that the run's manifest lists.

    Parameters
    ----------
    name : str
        The run's name, or `latest` for the run published last; its folder is `outputs/<name>`.
    folder : Path, optional
        The folder itself, where it is already known.

    Raises
    ------
    DataError
        If the name isn't a run's name, or the folder is a link.
    """

    def __init__(self, name: str, folder: Path | None = None):
        self.name = check_parameters({"run": resolved(name)}).run
        self.folder = folder or outputs_folder() / self.name
        if self.folder.is_symlink():
            raise DataError(f"{self.folder}: is a link, not a run's folder; move it away, or name another run")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r}, {len(self.artifacts())} artifacts)"

    def artifacts(self) -> list[str]:
        """Return the names of the artifacts that are there, in the order of the steps."""
        return [name for names in WRITTEN_BY.values() for name in names if self._path(name).is_file()]

    def read(self, name: str) -> Any:
        """Return an artifact: a DataFrame for parquet and csv, plain types for json, an estimator for skops.

        Raises
        ------
        RunError
            If it is not there (the message says which step makes it), is not what the run's manifest says, or cannot
            be read.
        """
        path = self._path(name)
        if not path.is_file():
            raise RunError(self._missing(name))
        try:
            self._check(path)
            return _READERS[path.suffix](path)
        except Exception as error:
            words = " ".join(str(error).split())
            raise RunError(f"{path}: cannot be read ({words}); make it again with: {self._remedy(name)}") from None

    def read_or(self, name: str, instead: Any) -> Any:
        """Return an artifact, or something else if it is missing or cannot be read."""
        with suppress(SegnbError):
            return self.read(name)
        return instead

    def _path(self, name: str) -> Path:
        return self.folder / name

    def _check(self, path: Path) -> None:
        """Check a file against the manifest, and a model for the scikit-learn that it was made with."""
        here = version("scikit-learn")
        made_with = check_file(path).get("versions", {}).get("scikit-learn", here)
        if path.suffix == ".skops" and made_with.split(".")[:2] != here.split(".")[:2]:
            raise RunError(f"it was made with scikit-learn {made_with}, and this is {here}")

    def _missing(self, name: str) -> str:
        if self.folder.is_dir() or self._path(name).parent.is_dir():
            step = _STEP_OF.get(name, STEPS[-1])
            return f"{self.name}/{name} is not there yet; step {step} makes it: {self._remedy(name)}"
        nowhere = f"there is no run {self.name!r} in {outputs_folder()}; {_known_runs()}"
        return f"{nowhere}; make it with: {self._remedy(name)}"

    def _remedy(self, name: str) -> str:
        """Return the command that makes an artifact, with the run's own parameters where it has any."""
        step, states = _STEP_OF.get(name, STEPS[-1]), {}
        with suppress(RunError):
            states = read_manifest(self._path(name).parent).get("steps", {})
        if not states:
            preset = "" if self.name == PARAMETERS["run"].default else "PRESET.yaml "
            return f"segnb run {preset}--run {self.name} --until {step}"
        first = next(each for each in STEPS if each == step or states.get(each, {}).get("state") != "done")
        return f"segnb run --run {self.name} --from {first}"


class Workspace(Run):
    """What a notebook reads and writes: the run that grows, or a folder apart when it is executed by hand.

    In the runner's kernels that is the stage of the run that is being made. Elsewhere, in JupyterLab or under plain
    papermill, it is `outputs/lab/<name>`; what isn't there is read from the published run, which nothing here can
    change.

    Parameters
    ----------
    name : str
        The run's name.
    folder : Path, optional
        The folder itself, where it is already known; nothing is read from elsewhere then.

    Attributes
    ----------
    folder : Path
        Where artifacts are written.

    Raises
    ------
    DataError
        If the name isn't a run's name, or the published run's folder is a link.
    """

    def __init__(self, name: str, folder: Path | None = None):
        super().__init__(name)
        stage = Path(os.environ.get(STAGE, ""))
        own = folder or (stage if stage.name == name else None)
        self._else = self.folder if own is None else own
        self.folder = own or outputs_folder() / LAB / self.name

    def write(self, name: str, value: Any) -> None:
        """Write an artifact beside its name, then rename it, so that it is there whole or not at all.

        Parameters
        ----------
        name : str
            Its ending says how: parquet and csv take a DataFrame, json plain types, skops an estimator, md text.
            Tables on segments go through the door of `segnb.disclosure`.
        value : object
            A table without columns is nothing to write.

        Raises
        ------
        RunError
            If an estimator holds a type that would not be read back; the earlier file stays.
        """
        if isinstance(value, pd.DataFrame) and not len(value.columns):
            return
        safe = door().disclosed(value) if name in _GOES_OUT else value
        self.folder.mkdir(parents=True, exist_ok=True)
        write_whole(self.folder / name, lambda path: _WRITERS[Path(name).suffix](safe, path))

    def sizes(self) -> pd.Series:
        """Return the number of customers of each segment; none where step 3 hasn't given any yet."""
        path = self._path("segments.parquet")
        return _sizes(path, path.stat().st_mtime_ns) if path.is_file() else pd.Series(dtype=int)

    def _path(self, name: str) -> Path:
        own = self.folder / name
        return own if own.is_file() else self._else / name

    def _check(self, path: Path) -> None:
        if path.parent != self.folder:
            super()._check(path)


@lru_cache(maxsize=4)
def _sizes(path: Path, written: int) -> pd.Series:
    return pd.read_parquet(path, columns=["segment"])["segment"].value_counts().sort_index()


def write_json(value: Any, path: Path) -> None:
    """Write plain types, and what can be told as text, as JSON."""
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False, default=_plain) + "\n", encoding="utf-8")


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else str(value)


_OWN = ("Clipper", "LevelBlocks", "SkewTamer", "Weigher")
_TRUSTED = ["numpy.dtype", *(f"segnb.prepare.pipeline.{name}" for name in _OWN)]
"""The types that a saved model may hold besides those that skops knows to be harmless."""


def _write_skops(estimator: Any, path: Path) -> None:
    """Write an estimator without its training labels: they are most of the file, and people's segments."""
    import skops.io

    if hasattr(estimator, "labels_"):
        estimator = copy(estimator)
        del estimator.labels_
    skops.io.dump(estimator, path)
    if foreign := sorted(set(skops.io.get_untrusted_types(file=path)) - set(_TRUSTED)):
        words = "which would not be read back, so nothing was written; build it from scikit-learn's own classes"
        raise RunError(f"{type(estimator).__name__}: holds {', '.join(foreign)}, {words}")


def _read_skops(path: Path) -> Any:
    import skops.io

    return skops.io.load(path, trusted=_TRUSTED)


_WRITERS: dict[str, Callable[[Any, Path], None]] = {
    ".parquet": lambda table, path: table.to_parquet(path),
    ".csv": write_csv,
    ".json": write_json,
    ".skops": _write_skops,
    ".md": lambda text, path: path.write_text(text, encoding="utf-8"),
}
_READERS: dict[str, Callable[[Path], Any]] = {
    ".parquet": pd.read_parquet,
    ".csv": pd.read_csv,
    ".json": lambda path: json.loads(path.read_text(encoding="utf-8")),
    ".skops": _read_skops,
}
