"""Carry the five notebooks out, one after the other, and publish what they made."""

import os
import platform
import time
from collections.abc import Callable, Container, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field
from importlib.metadata import version
from os.path import isfile
from pathlib import Path
from typing import Any, Protocol

from nbformat import NotebookNode

from segnb.data.engines import SCRATCH
from segnb.errors import DataError, RunError, SegnbError
from segnb.pages.report import write_page
from segnb.parameters import Parameters, check_parameters
from segnb.paths import (
    FAILED,
    STAGE,
    STEPS,
    find_file,
    is_file,
    notebook_path,
    outputs_folder,
    project_folder,
    sha256,
    shown,
    why,
)
from segnb.runs.kernels import (
    KernelsAhead,
    declared_parameters,
    execute,
    import_lines,
    kernels_ahead,
    load_notebook,
    n_code_cells,
)
from segnb.runs.stage import Stage, undisturbed
from segnb.runs.store import MANIFEST, WRITTEN_BY, check_file, read_manifest, resolved


class Progress(Protocol):
    """What the runner tells whoever watches."""

    def start(self, step: str, n_cells: int) -> None:
        """Say that a step begins."""

    def advance(self) -> None:
        """Say that a cell is done."""

    def finish(self, step: str, seconds: float) -> None:
        """Say that a step is done."""


@dataclass
class Job:
    """One run on its way.

    Attributes
    ----------
    parameters : Parameters
    steps : list of str
        The steps to carry out.
    manifest : dict
        What will stand in `run.json`.
    """

    parameters: Parameters
    steps: list[str]
    manifest: dict[str, Any] = field(default_factory=dict)


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


def carry_out_steps(
    job: Job, folder: Path, notebooks: Mapping[str, NotebookNode], kernels: KernelsAhead, progress: Progress
) -> None:
    """Execute the notebooks one after the other into `folder` and write their pages.

    Raises
    ------
    DataError
        If a cell found parameters or data that cannot be used.
    RunError
        If a cell failed otherwise, or a kernel died.
    """
    with ThreadPoolExecutor(1) as writer:
        pages = []
        for step, notebook in notebooks.items():
            begun = time.monotonic()
            output = folder / notebook_path(step).name
            _execute_step(job, step, notebook, output, kernels, progress)
            seconds = time.monotonic() - begun
            job.manifest["steps"][step] = {"state": "done", "seconds": round(seconds, 2)}
            pages.append(writer.submit(write_page, output, job.parameters.run))
            progress.finish(step, seconds)
        for page in pages:
            page.result()


def _execute_step(
    job: Job, step: str, notebook: NotebookNode, output: Path, kernels: KernelsAhead, progress: Progress
) -> None:
    def on_cell() -> None:
        kernels.top_up()
        progress.advance()

    kernel = kernels.take()
    values = {name: getattr(job.parameters, name) for name in declared_parameters(notebook)}
    progress.start(step, n_code_cells(notebook))
    job.manifest["steps"][step] = {"state": "begun"}
    execute(notebook, output, values, kernel, on_cell)


VERSIONED = ("segnb", "pandas", "numpy", "scikit-learn", "matplotlib", "seaborn", "yellowbrick", "papermill", "duckdb")


def run_workflow(
    values: Mapping[str, Any],
    progress: Progress,
    *,
    first: str | None = None,
    last: str | None = None,
    guard: Callable[[Callable[[], None]], AbstractContextManager] = nullcontext,
) -> Path:
    """Return the folder of the published run.

    Parameters
    ----------
    values : mapping of str to object
        Parameters that differ from their defaults or, with `first`, from those of the run that is continued.
    progress : Progress
    first, last : str, optional
        Steps to begin and end with; with `first` the run's earlier steps are taken as they are.
    guard : callable
        Makes the context in which the steps are carried out from what removes an unfinished run,
        as `segnb.runs.stage.ended_by_signals` does.

    Raises
    ------
    DataError
        If parameters or data cannot be used: nothing is published, nothing is kept.
    RunError
        If a step fails: what there is, with the partial notebook, is kept beside the run's folder.
    """
    values = dict(values) | {name: resolved(values[name]) for name in ("previous", "start_from") if name in values}
    named = {name: values[name] for name in values if name == "run"}
    with Stage(check_parameters(named if first else values).run) as stage:
        job, copy_from = _plan(stage, values, first, last)
        folder = stage.open(copy_from, _made_from(job.steps[0]))
        try:
            with guard(stage.discard):
                _carry_out(job, folder, stage.scratch, progress)
                _finish(job, folder)
        except (RunError, OSError) as error:
            words = str(error) if isinstance(error, RunError) else f"cannot go on ({why(error)})"
            remains = stage.keep_remains(job.manifest | {"state": "failed", "error": words})
            raise RunError(f"{words} (kept: {_shown(remains)})" if remains else words) from None
        with undisturbed():
            published = stage.publish(job.manifest | {"state": "complete"})
        _list_it()
        return published


def _plan(stage: Stage, values: Mapping[str, Any], first: str | None, last: str | None) -> tuple[Job, Path | None]:
    """Return the job, checked, and the folder of the run that it continues."""
    start, stop = STEPS.index(first or STEPS[0]), STEPS.index(last or STEPS[-1])
    if start > stop:
        raise DataError(f"--from {first} comes after --until {last}; the steps are {', '.join(STEPS)}")
    steps = list(STEPS[start : stop + 1])
    if not first and last:
        _check_no_less(stage, steps)
    copy_from = stage.earlier(STEPS[:start]) if first else None
    recorded: dict[str, Any] = {}
    if not copy_from:
        parameters = check_parameters(as_kernels_find_them(check_parameters(values).model_dump()))
    else:
        recorded = read_manifest(copy_from)
        parameters = check_parameters(_revived(recorded["parameters"]) | as_kernels_find_them(values))
        _check_upstream(parameters, check_parameters(_revived(recorded["parameters"])), steps, first)
        _check_done(recorded, STEPS[:start], copy_from)
        _check_kept(copy_from, recorded["files"], _made_from(first))
    check_sources(parameters)
    kept = {step: state for step, state in recorded.get("steps", {}).items() if step in STEPS[:start]}
    if kept and parameters.purchases and STEPS[-1] in steps:
        check_unchanged(recorded.get("inputs", {}), inputs_of(parameters))
    manifest = {
        "run": parameters.run,
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "parameters": parameters.model_dump(),
        "inputs": recorded.get("inputs", {}) if kept else inputs_of(parameters),
        "versions": {"python": platform.python_version()} | {name: version(name) for name in VERSIONED},
        "steps": kept,
    }
    return Job(parameters, steps, manifest), copy_from


def _check_no_less(stage: Stage, steps: list[str]) -> None:
    """Refuse to replace a whole run by the beginning of one."""
    with suppress(RunError):
        done = read_manifest(stage.published).get("steps", {})
        if len(done) > len(steps):
            raise DataError(
                f"{_shown(stage.published)} holds a run that came to step {list(done)[-1]}, of which --until "
                f"{steps[-1]} would leave less; give this run another name, leave out --until, or begin with --from"
            )


def _made_from(first: str) -> set[str]:
    """Return the names of all files that a step and the steps after it make, and of the summary."""
    steps = STEPS[STEPS.index(first) :]
    notebooks = [notebook_path(step) for step in steps]
    pages = {path.with_suffix(suffix).name for path in notebooks for suffix in (".ipynb", ".html")}
    return pages | {name for step in steps for name in WRITTEN_BY[step]} | {"index.html", MANIFEST}


def _revived(recorded: Mapping[str, Any]) -> dict[str, Any]:
    """Return recorded parameters without those of other versions, whose meaning nobody knows here."""
    return {name: value for name, value in recorded.items() if name in Parameters.model_fields}


def _check_upstream(now: Parameters, recorded: Parameters, steps: list[str], first: str) -> None:
    """Check that no parameter differs which only steps that are not run again would use."""
    used = {name for step in steps for name in declared_parameters(load_notebook(step))}
    idle = [name for name, value in now if value != getattr(recorded, name) and name not in used]
    if idle:
        raise DataError(
            f"{', '.join(idle)}: used by earlier steps only, which --from {first} does not run again; "
            "begin with an earlier step"
        )


def _check_done(recorded: Mapping[str, Any], needed: tuple[str, ...], folder: Path) -> None:
    open_steps = [step for step in needed if recorded.get("steps", {}).get(step, {}).get("state") != "done"]
    if open_steps:
        raise RunError(f"{_shown(folder)}: step {open_steps[0]} is not done there; begin with --from {open_steps[0]}")


def _check_kept(folder: Path, listed: Iterable[str], made_again: Container[str]) -> None:
    """Check that what the steps that are not run again made is still what they made, pages and notebooks too."""
    for name in (name for name in listed if name not in made_again):
        try:
            check_file(folder / name)
        except RunError as error:
            raise RunError(f"{_shown(folder / name)}: {error}; begin with an earlier step") from None


def _carry_out(job: Job, folder: Path, scratch: Path, progress: Progress) -> None:
    """Start the kernels, and while they do their imports, import what executes notebooks and writes pages.

    Both are imported before any thread begins: an import that is interrupted can leave its lock taken for ever, and
    a thread that needs the same module would wait for it.
    """
    env = os.environ | {
        "SEGNB_PROJECT": str(project_folder()),
        STAGE: str(folder),
        SCRATCH: str(scratch),
        "MPLBACKEND": "agg",
        "TQDM_DISABLE": "1",
    }
    notebooks = {step: load_notebook(step) for step in job.steps}
    with kernels_ahead(map(_warm_up, notebooks.values()), env, str(project_folder())) as kernels:
        kernels.top_up()

        carry_out_steps(job, folder, notebooks, kernels, progress)


def _warm_up(notebook: NotebookNode) -> str:
    """Return what a kernel does ahead of its notebook: its imports, and that of what reads and writes models."""
    return f"{import_lines(notebook)}\nimport skops.io as _skops"


def _finish(job: Job, folder: Path) -> None:
    from segnb.pages.report import write_index

    job.manifest["finished"] = time.strftime("%Y-%m-%dT%H:%M:%S%z")
    write_index(folder, job.manifest)


def _list_it() -> None:
    """Write the page of all runs anew; the run is published whether or not there is room for that page."""
    from segnb.pages.all_runs import write_all_runs

    with suppress(OSError, SegnbError):
        write_all_runs()


def _shown(path: Path) -> str:
    """Return a path as the person at the command line would write it."""
    with suppress(ValueError):
        return str(path.relative_to(Path.cwd()))
    return str(path)
