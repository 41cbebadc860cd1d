"""The manifest of a run: what it was made from, and every file with its size and SHA-256."""

import hashlib
import json
from pathlib import Path
from typing import Any

from segnb.errors import RunError
from segnb.files import sha256, sync_file, sync_folder, write_whole

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
