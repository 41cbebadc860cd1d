"""A run grows in a stage beside its folder and is published whole, or not at all."""

import contextlib
import os
import shutil
from collections.abc import Container
from pathlib import Path
from typing import Any

from segnb.errors import DataError, RunError
from segnb.paths import outputs_folder
from segnb.runs.manifest import MANIFEST, write_manifest

FAILED = ".failed"
"""What the folder of a failed run's remains is called after the run's name."""


class Stage:
    """The hidden folder in which the runner lets a run grow.

    Parameters
    ----------
    name : str
        The run's name.
    """

    def __init__(self, name: str):
        if name.endswith(FAILED):
            raise DataError(
                f"run={name!r}: names ending in {FAILED} are kept for what failed runs leave; take another name"
            )
        self.name = name
        self.published = outputs_folder() / name
        self.remains = outputs_folder() / f"{name}{FAILED}"
        self.folder = outputs_folder() / f".stage-{os.getpid()}" / name

    def open(self, copy_from: Path | None = None, leave_out: Container[str] = ()) -> Path:
        """Make the stage, empty or as a copy of an earlier run but for some files, and return its folder."""
        shutil.rmtree(self.folder.parent, ignore_errors=True)
        try:
            self.folder.parent.mkdir(parents=True)
            if copy_from:
                shutil.copytree(copy_from, self.folder, ignore=lambda _, names: [n for n in names if n in leave_out])
            else:
                self.folder.mkdir()
        except OSError as error:
            raise DataError(
                f"{outputs_folder()}: cannot be written to ({error.strerror}); run segnb where you may write"
            ) from None
        return self.folder

    def publish(self, manifest: dict[str, Any]) -> Path:
        """Write the manifest last, put the stage in the run's place, and return the run's folder."""
        write_manifest(self.folder, manifest)
        aside = self.folder.parent / "before"
        if self.published.exists():
            os.replace(self.published, aside)
        os.replace(self.folder, self.published)
        shutil.rmtree(self.remains, ignore_errors=True)
        self.discard()
        return self.published

    def keep_remains(self, manifest: dict[str, Any]) -> Path:
        """Keep what a failed run left, beside the run's own folder, and return where."""
        write_manifest(self.folder, manifest)
        shutil.rmtree(self.remains, ignore_errors=True)
        os.replace(self.folder, self.remains)
        self.discard()
        return self.remains

    def discard(self) -> None:
        """Remove the stage, and the outputs folder if that is empty then."""
        aside = self.folder.parent.with_name(f"{self.folder.parent.name}-discarded")
        with contextlib.suppress(OSError):  # moved first: a page that is being written cannot come in between
            os.replace(self.folder.parent, aside)
        shutil.rmtree(aside, ignore_errors=True)
        with contextlib.suppress(OSError):
            outputs_folder().rmdir()

    def earlier(self) -> Path:
        """Return the folder to continue from: what a failed run left if there is anything, else the run itself.

        Raises
        ------
        RunError
            If there is neither.
        """
        for folder in (self.remains, self.published):
            if (folder / MANIFEST).is_file():
                return folder
        raise RunError(f"there is no run {self.name!r} to continue in {outputs_folder()}; leave out --from")
