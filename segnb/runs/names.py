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


def persons_names(run: Run, given: Mapping[int, str]) -> tuple[dict[int, str], list[str]]:
    """Return the names that a person gave to segments, and notes.

    Those carried over from an earlier run, those of the file beside the run, and `given`, the later of these winning.
    A name for a segment that was there in an earlier run and is no more is left out with a note.

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
    numbering = numbering_of(run)
    names = numbering.names | _kept_names(names_file(run.name)) | dict(given)
    gone = {number: name for number, name in names.items() if number in set(numbering.used) - set(numbering.numbers)}
    notes = [f"Segment {number}, {name}, is no longer there, so its name is not used." for number, name in gone.items()]
    return {number: name for number, name in names.items() if number not in gone}, notes


def names_of(run: Run) -> dict[int, str]:
    """Return what a run's segments are called: on its cards, else by a person, else by their number."""
    if "cards.json" in run.artifacts():
        return {card["segment"]: card["name"] for card in run.read("cards.json")}
    numbering = numbering_of(run)
    return {number: numbering.names.get(number, f"segment {number}") for number in numbering.numbers}


def _kept_names(path: Path) -> dict[int, str]:
    if not path.is_file():
        return {}
    try:
        return check_parameters({"names": yaml.safe_load(path.read_text(encoding="utf-8")) or {}}).names
    except (OSError, ValueError, yaml.YAMLError) as error:
        words = " ".join(str(error).split())
        raise DataError(f"{path}: {words}; write a line per segment, for instance 1: Regulars") from None
