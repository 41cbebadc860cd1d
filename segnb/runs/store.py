"""A run's folder: artifacts that appear whole or not at all, and a readable word when one is missing."""

import hashlib
import json
import os
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.csv

from segnb.errors import DataError, RunError
from segnb.parameters import PARAMETERS, RUN_NAME
from segnb.paths import LATEST, STAGE, STAGES, STEPS, outputs_folder, sha256, sync_file, sync_folder, write_whole
from segnb.text import safe_csv

WRITTEN_BY = {
    "prepare": ("customers.parquet", "features.parquet", "prepare.skops", "prepare.json", "row_log.csv"),
    "choose_k": ("evidence.csv", "choice.json"),
    "cluster": (
        "segments.parquet",
        "labelled.csv",
        "centres.csv",
        "model.skops",
        "agreement.csv",
        "stability.csv",
        "numbering.json",
    ),
    "interpret": (
        "sizes.csv",
        "profiles.csv",
        "effects.csv",
        "category_effects.csv",
        "descriptor_tests.csv",
        "rules.csv",
        "cards.json",
        "cards.md",
        "segments.csv",
    ),
    "iterate": (
        "matches.csv",
        "migration.csv",
        "value_moved.csv",
        "drift.csv",
        "replay.csv",
        "decision.json",
        "timeline.csv",
    ),
}
"""The artifacts of each step."""


def point_to_latest(run: str) -> None:
    """Let `latest` stand for a run."""
    write_whole(outputs_folder() / LATEST, lambda path: path.write_text(f"{run}\n", encoding="utf-8"))


def resolved(run: str) -> str:
    """Return a run's name, that of the run published last for `latest`.

    Raises
    ------
    DataError
        If none was published yet.
    """
    if run != LATEST:
        return run
    try:
        name = (outputs_folder() / LATEST).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        name = ""
    if not RUN_NAME.fullmatch(name):
        raise DataError(f"{LATEST}: no run was published yet in {outputs_folder()}; name a run")
    return name


MANIFEST = "run.json"


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return a run's manifest.

    Raises
    ------
    RunError
        If there is none or it cannot be read.
    """
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(f"{folder / MANIFEST}: cannot be read ({error}); make the run again") from None
    if isinstance(manifest, dict) and "seal" in manifest and manifest.pop("seal") != _seal(manifest):
        raise RunError(f"{folder / MANIFEST}: was changed or damaged after it was written; make the run again")
    if not isinstance(manifest, dict) or not all(
        isinstance(manifest.get(name), kind) for name, kind in (("run", str), ("parameters", dict), ("files", dict))
    ):
        raise RunError(f"{folder / MANIFEST}: this is not the manifest of a run; make the run again")
    return manifest


def write_manifest(folder: Path, manifest: dict[str, Any]) -> None:
    """Write the manifest with the size and SHA-256 of every file of the run, after all of them are on the disk."""
    files = sorted(path for path in folder.iterdir() if path.is_file() and path.name != MANIFEST)
    for path in files:
        sync_file(path)
    _write(folder, manifest | {"files": {path.name: _about(path) for path in files}})
    sync_folder(folder)


def check_file(path: Path) -> None:
    """Check a file of a run against the manifest beside it.

    Raises
    ------
    RunError
        If there is no manifest, or the file is not the one that it lists.
    """
    if not (path.parent / MANIFEST).is_file():
        raise RunError(f"{MANIFEST} is not beside it, so nobody knows whether the run is whole")
    listed = read_manifest(path.parent)["files"].get(path.name)
    if not listed:
        raise RunError(f"{MANIFEST} does not list it, so it is no part of the run")
    if not path.is_file():
        raise RunError(f"it is gone, though {MANIFEST} lists it")
    if path.stat().st_size != listed["bytes"] or sha256(path) != listed["sha256"]:
        raise RunError(f"it is not the file that {MANIFEST} lists, so it was changed or damaged afterwards")


def amend_manifest(folder: Path, name: str) -> None:
    """Bring a file that was written by hand, from a notebook in JupyterLab say, into the run's manifest.

    A run that is made by hand from the beginning has a manifest from its first file on.
    """
    by_hand = {"run": folder.name, "state": "by hand", "parameters": {}, "steps": {}, "files": {}}
    manifest = read_manifest(folder) if (folder / MANIFEST).exists() else by_hand
    edited = sorted({*manifest.get("edited", []), name})
    files = manifest["files"] | {name: _about(folder / name)}
    _write(folder, manifest | {"edited": edited, "files": files})


def _about(path: Path) -> dict[str, Any]:
    return {"bytes": path.stat().st_size, "sha256": sha256(path)}


def _seal(manifest: dict[str, Any]) -> str:
    """Return the SHA-256 of a manifest as it is read back, whatever its layout."""
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()


def _write(folder: Path, manifest: dict[str, Any]) -> None:
    plain = json.loads(json.dumps(manifest, default=str))
    text = json.dumps(plain | {"seal": _seal(plain)}, indent=2, ensure_ascii=False) + "\n"
    write_whole(folder / MANIFEST, lambda path: path.write_text(text, encoding="utf-8"))


TRUSTED = [
    "numpy.dtype",
    "segnb.prepare.pipeline.Clipper",
    "segnb.prepare.pipeline.SkewTamer",
    "segnb.prepare.pipeline.Weigher",
]
"""The types that a saved model may hold besides those that skops knows to be harmless."""

LARGE = 100_000
"""Rows from which on a csv is written by pyarrow."""


class Run:
    """The artifacts of one run.

    Parameters
    ----------
    name : str
        The run's name; its folder is `outputs/<name>`, or the runner's stage while the runner makes it.
    folder : Path, optional
        The folder itself, where it is already known.

    Raises
    ------
    DataError
        If the name is no run name.
    """

    def __init__(self, name: str, folder: Path | None = None):
        if not RUN_NAME.fullmatch(name):
            raise DataError(
                f"run={name!r}: a run's name begins with a letter or digit, then letters, digits, . _ -, at most 64"
            )
        stage = Path(os.environ[STAGE]) if os.environ.get(STAGE) else None
        self.name = resolved(name)
        self.folder = folder or (stage if stage and stage.name == name else outputs_folder() / self.name)
        self._grows = outputs_folder() / STAGES in self.folder.parents
        if self.folder.is_symlink():
            raise DataError(f"{self.folder}: is a link and no folder of a run; move it away, or name another run")

    def __repr__(self) -> str:
        return f"Run({self.name!r}, {len(self.artifacts())} artifacts)"

    def artifacts(self) -> list[str]:
        """Return the names of the artifacts that are there, in the order of the steps."""
        return [name for names in WRITTEN_BY.values() for name in names if (self.folder / name).is_file()]

    def write(self, name: str, value: Any) -> None:
        """Write an artifact beside its name, then rename it, so that it is there whole or not at all.

        Parameters
        ----------
        name : str
            Its ending says how: parquet and csv take a DataFrame, json plain types, skops an estimator, md text.
        value : object
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        write_whole(self.folder / name, lambda path: _WRITERS[Path(name).suffix](value, path))
        if not self._grows:
            amend_manifest(self.folder, name)

    def read(self, name: str) -> Any:
        """Return an artifact.

        Raises
        ------
        RunError
            If it is not there (the message says which step makes it), is not what the run's manifest says, or cannot
            be read.
        """
        path = self.folder / name
        if not path.is_file():
            raise RunError(self._missing(name))
        try:
            if not self._grows:
                check_file(path)
                _check_version(path)
            return _READERS[path.suffix](path)
        except Exception as error:
            words = " ".join(str(error).split())
            raise RunError(f"{path}: cannot be read ({words}); make it again with: {self._remedy(name)}") from None

    def _missing(self, name: str) -> str:
        if self.folder.is_dir():
            step = _step_of(name)
            return f"{self.name}/{name} is not there yet; step {step} makes it: {self._remedy(name)}"
        known = sorted(path.name for path in outputs_folder().glob("[!.]*") if path.is_dir())
        runs = f"the runs are {', '.join(known)}" if known else "there are no runs yet"
        return f"there is no run {self.name!r} in {outputs_folder()}; {runs}; make it with: {self._remedy(name)}"

    def _remedy(self, name: str) -> str:
        """Return the command that makes an artifact, with the run's own parameters where it has any."""
        step = _step_of(name)
        try:
            manifest = read_manifest(self.folder)
        except RunError:
            manifest = {"parameters": {}}
        done = [each for each, state in manifest.get("steps", {}).items() if state.get("state") == "done"]
        if not manifest["parameters"] or not done:
            preset = "" if self.name == PARAMETERS["run"].default else "PRESET.yaml "
            return f"segnb run {preset}--run {self.name} --until {step}"
        first = next((each for each in STEPS if each not in done or each == step), step)
        again = f"segnb run PRESET.yaml --run {self.name}"
        return again if first == STEPS[0] else f"segnb run --run {self.name} --from {first}"


def _step_of(artifact: str) -> str:
    return next((step for step, names in WRITTEN_BY.items() if artifact in names), "iterate")


def write_csv(table: pd.DataFrame, path: Path) -> None:
    """Write a table as csv, its text made safe for spreadsheets; a large one with pyarrow, many times faster."""
    plain = isinstance(table.index, pd.RangeIndex) and table.index.name is None
    safe = safe_csv(table)
    if len(safe) < LARGE:
        safe.to_csv(path, index=not plain, encoding="utf-8")
        return
    whole = safe if plain else safe.reset_index()
    written = whole.select_dtypes(["bool", "datetime", "datetimetz"])
    whole = whole.assign(**{name: column.astype("str") for name, column in written.items()})  # as pandas writes them
    pyarrow.csv.write_csv(pyarrow.Table.from_pandas(whole, preserve_index=False), path)


def _write_json(value: Any, path: Path) -> None:
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False, default=_plain) + "\n", encoding="utf-8")


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    return str(value)


def _write_skops(estimator: Any, path: Path) -> None:
    import skops.io

    skops.io.dump(_without_labels(estimator), path)


def _without_labels(estimator: Any) -> Any:
    """Return a k-means model without its training labels: they are most of the file, and people's segments."""
    if not hasattr(estimator, "labels_"):
        return estimator
    from copy import copy

    bare = copy(estimator)
    del bare.labels_
    return bare


def _check_version(path: Path) -> None:
    """Raise a `RunError` if a model was made with another scikit-learn, where it may mean something else."""
    here = version("scikit-learn")
    made_with = read_manifest(path.parent).get("versions", {}).get("scikit-learn", here)
    if path.suffix == ".skops" and made_with.split(".")[:2] != here.split(".")[:2]:
        raise RunError(f"it was made with scikit-learn {made_with}, and this is {here}")


def _read_skops(path: Path) -> Any:
    import skops.io

    return skops.io.load(path, trusted=TRUSTED)


_WRITERS: dict[str, Callable[[Any, Path], None]] = {
    ".parquet": lambda table, path: table.to_parquet(path),
    ".csv": write_csv,
    ".json": _write_json,
    ".skops": _write_skops,
    ".md": lambda text, path: path.write_text(text, encoding="utf-8"),
}
_READERS: dict[str, Callable[[Path], Any]] = {
    ".parquet": pd.read_parquet,
    ".csv": pd.read_csv,
    ".json": lambda path: json.loads(path.read_text(encoding="utf-8")),
    ".skops": _read_skops,
}
