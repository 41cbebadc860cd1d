"""The manifest of a run: what it was made from, and every file with its size and SHA-256."""

import json
from pathlib import Path
from typing import Any

from segnb.errors import RunError
from segnb.files import sha256, write_whole

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
    if not isinstance(manifest, dict) or not {"run", "parameters", "files"} <= set(manifest):
        raise RunError(f"{folder / MANIFEST}: this is not the manifest of a run; make the run again")
    return manifest


def write_manifest(folder: Path, manifest: dict[str, Any]) -> None:
    """Write the manifest with the size and SHA-256 of every file of the run."""
    files = sorted(path for path in folder.iterdir() if path.is_file() and path.name != MANIFEST)
    _write(folder, manifest | {"files": {path.name: _about(path) for path in files}})


def check_file(path: Path) -> None:
    """Check a file of a run against the manifest beside it, if there is one that lists it.

    Raises
    ------
    RunError
        If the file is not the one that the manifest lists.
    """
    if not (path.parent / MANIFEST).is_file():
        return
    listed = read_manifest(path.parent).get("files", {}).get(path.name)
    if listed and (path.stat().st_size != listed["bytes"] or sha256(path) != listed["sha256"]):
        raise RunError(f"it is not the file that {MANIFEST} lists, so it was changed or damaged afterwards")


def amend_manifest(folder: Path, name: str) -> None:
    """Bring a file that was written by hand, from a notebook in JupyterLab say, into the run's manifest, if any."""
    if (folder / MANIFEST).is_file():
        manifest = read_manifest(folder)
        edited = sorted({*manifest.get("edited", []), name})
        files = manifest.get("files", {}) | {name: _about(folder / name)}
        _write(folder, manifest | {"edited": edited, "files": files})


def _about(path: Path) -> dict[str, Any]:
    return {"bytes": path.stat().st_size, "sha256": sha256(path)}


def _write(folder: Path, manifest: dict[str, Any]) -> None:
    text = json.dumps(manifest, indent=2, ensure_ascii=False, default=str) + "\n"
    write_whole(folder / MANIFEST, lambda path: path.write_text(text, encoding="utf-8"))
