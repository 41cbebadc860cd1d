"""Carry the five notebooks out, one after the other, and publish what they made."""

import os
import platform
import time
from collections.abc import Callable, Container, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

from nbformat import NotebookNode

from segnb.data.scratch import SCRATCH
from segnb.errors import DataError, RunError, SegnbError
from segnb.files import why
from segnb.parameters import Parameters, check_parameters
from segnb.paths import STAGE, STEPS, notebook_path, project_folder
from segnb.runs.inputs import as_kernels_find_them, check_sources, check_unchanged, inputs_of
from segnb.runs.interrupts import undisturbed
from segnb.runs.job import Job, Progress
from segnb.runs.kernels import kernels_ahead
from segnb.runs.latest import resolved
from segnb.runs.manifest import MANIFEST, check_file, read_manifest
from segnb.runs.notebooks import declared_parameters, import_lines, load_notebook
from segnb.runs.stage import Stage
from segnb.runs.written import WRITTEN_BY

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
        as `segnb.runs.interrupts.ended_by_signals` does.

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
        from segnb.runs.steps import carry_out_steps

        carry_out_steps(job, folder, notebooks, kernels, progress)


def _warm_up(notebook: NotebookNode) -> str:
    """Return what a kernel does ahead of its notebook: its imports, and that of what reads and writes models."""
    return f"{import_lines(notebook)}\nimport skops.io as _skops"


def _finish(job: Job, folder: Path) -> None:
    from segnb.runs.report import write_index

    job.manifest["finished"] = time.strftime("%Y-%m-%dT%H:%M:%S%z")
    write_index(folder, job.manifest)


def _list_it() -> None:
    """Write the page of all runs anew; the run is published whether or not there is room for that page."""
    from segnb.runs.all_runs import write_all_runs

    with suppress(OSError, SegnbError):
        write_all_runs()


def _shown(path: Path) -> str:
    """Return a path as the person at the command line would write it."""
    with suppress(ValueError):
        return str(path.relative_to(Path.cwd()))
    return str(path)
