"""What a run reads: where kernels find it, whether it is there, and what it was."""

from collections.abc import Mapping
from os.path import isfile
from pathlib import Path
from typing import Any

from segnb.addresses import shown
from segnb.errors import DataError
from segnb.files import sha256, why
from segnb.parameters import Parameters
from segnb.paths import STEPS, find_file, is_file, project_folder
from segnb.runs.earlier import check_earlier


def as_kernels_find_them(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters with files of the current folder as kernels, which stand in the project folder, find them.

    A file of the same name there would be read in their place.
    """
    here, project = Path.cwd(), project_folder()
    sources = {name: str(values[name]) for name in ("customers", "purchases", "products") if values.get(name)}
    own = {name: here / source for name, source in sources.items() if here != project and isfile(here / source)}
    seen = {name: path.relative_to(project) if path.is_relative_to(project) else path for name, path in own.items()}
    return dict(values) | {name: str(path) for name, path in seen.items()}


def check_sources(parameters: Parameters) -> None:
    """Check before anything runs that the files and the runs that the parameters name are there."""
    for source in _files(parameters):
        find_file(source)
    for name in ("start_from", "previous"):
        if run := getattr(parameters, name):
            check_earlier(name, run)


def inputs_of(parameters: Parameters) -> dict[str, str]:
    """Return the SHA-256 of every file that is read, and the address of every table."""
    sources = (parameters.customers, parameters.purchases, parameters.products)
    tables = {source: f"a table of {shown(parameters.engine)}" for source in sources if source}
    try:
        return tables | {source: sha256(find_file(source)) for source in _files(parameters)}
    except OSError as error:
        raise DataError(f"{error.filename}: cannot be read ({why(error)}); check its rights") from None


def check_unchanged(then: Mapping[str, str], now: Mapping[str, str]) -> None:
    """Refuse to look back in a log that is not the one that the run was made from."""
    changed = [name for name, digest in now.items() if then.get(name, digest) != digest]
    if changed:
        raise DataError(f"{', '.join(changed)}: changed since step {STEPS[0]} read it; begin with --from {STEPS[0]}")


def _files(parameters: Parameters) -> list[str]:
    """Return the sources that are files, and not tables of an engine."""
    sources = (parameters.customers, parameters.purchases, parameters.products)
    return [source for source in sources if source and is_file(source, parameters.engine)]
