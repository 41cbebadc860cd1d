"""A person's names for the segments: given as a parameter, or kept in a file beside the run."""

from collections.abc import Mapping
from pathlib import Path

import yaml

from segnb.errors import DataError
from segnb.parameters import check_parameters
from segnb.paths import outputs_folder
from segnb.runs.numbering import numbering_of
from segnb.runs.store import Run


def names_file(run: str) -> Path:
    """Return where a run's names are kept, beside its folder, so that making the run again keeps them."""
    return outputs_folder() / f"{run}.names.yaml"


def persons_names(run: Run, given: Mapping[int, str]) -> dict[int, str]:
    """Return the names that a person gave to segments.

    Those carried over from an earlier run, those of the file beside the run, and `given`, the later of these winning.

    Parameters
    ----------
    run : Run
        Its file is `outputs/<run>.names.yaml`, lines such as `1: Regulars`.
    given : mapping of int to str
        The parameter `names`.

    Raises
    ------
    DataError
        If the file is no mapping of segment numbers to names.
    """
    path, carried = names_file(run.name), numbering_of(run).names
    if not path.is_file():
        return carried | dict(given)
    try:
        kept = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        return carried | check_parameters({"names": kept}).names | dict(given)
    except (OSError, ValueError, yaml.YAMLError) as error:
        words = " ".join(str(error).split())
        raise DataError(f"{path}: {words}; write a line per segment, for instance 1: Regulars") from None
