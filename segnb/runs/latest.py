"""The pointer to the run that was published last: one small file, replaced in one step."""

from segnb.errors import DataError
from segnb.files import write_whole
from segnb.parameters import RUN_NAME
from segnb.paths import LATEST, outputs_folder


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
