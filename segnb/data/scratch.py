"""Room for what a process needs for a while only: logs brought into shape, and what DuckDB spills."""

import os
import tempfile
from functools import cache
from pathlib import Path

SCRATCH = "SEGNB_SCRATCH"
"""Environment variable: the folder of the run that is being made, which is removed with all that is in it."""


@cache
def scratch_folder() -> Path:
    """Return a folder of this process's own, gone with the run that is being made, else with this process.

    A kernel is ended at once and could not clean up; the runner does it.
    """
    given = os.environ.get(SCRATCH)
    return Path(tempfile.mkdtemp(dir=given) if given else _own().name)


@cache
def _own() -> tempfile.TemporaryDirectory:
    return tempfile.TemporaryDirectory(prefix="segnb-")
