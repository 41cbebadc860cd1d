"""Whether a run can serve as the earlier one of another."""

from segnb.errors import DataError, RunError
from segnb.paths import FAILED, outputs_folder
from segnb.runs.manifest import check_file

NEEDED = ("customers.parquet", "prepare.json", "prepare.skops", "segments.parquet", "centres.csv", "model.skops")
"""What a run that is compared with, or started from, must hold."""


def check_earlier(parameter: str, name: str) -> None:
    """Check that a run holds, undamaged, what a comparison needs.

    Parameters
    ----------
    parameter : str
        The parameter that names the run.
    name : str

    Raises
    ------
    DataError
        If there is no such run, the folder is none of a run that came to step 3, or a file in it was changed.
    """
    folder, said = outputs_folder() / name, f"{parameter}={name!r}"
    if not folder.is_dir():
        known = sorted(path.name for path in outputs_folder().glob("[!.]*") if path.is_dir())
        runs = f"the runs there are {', '.join(known)}" if known else "there are no runs yet"
        raise DataError(f"{said}: there is no such run in {outputs_folder()}; {runs}")
    if name.endswith(FAILED):
        raise DataError(f"{said}: {folder} is what a failed run left; name a run that came to its end")
    missing = [file for file in NEEDED if not (folder / file).is_file()]
    if missing:
        raise DataError(
            f"{said}: {folder} holds no run that came to step 3, cluster: {', '.join(missing)} is not there; "
            "name another run, or make that one again"
        )
    for file in NEEDED:
        try:
            check_file(folder / file)
        except RunError as error:
            raise DataError(f"{said}: {folder / file}: {error}; make that run again, or name another") from None
