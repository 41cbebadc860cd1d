"""Run the five notebooks, one after the other, and publish what they made."""

import os
import platform
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import partial
from importlib.metadata import version
from os.path import isfile
from pathlib import Path
from typing import Any, TextIO

import rich.progress
from rich.console import Console

from segnb.errors import DataError, RunError, SegnbError
from segnb.pages.report import write_all_runs, write_index, write_page
from segnb.parameters import PARAMETERS, Parameters, check_parameters
from segnb.paths import SCRATCH, STAGE, STEPS, find_file, is_file, notebook_path, project_folder, sha256, shown, why
from segnb.runs.kernels import AsyncKernelClient, declared_parameters, execute, fresh_kernels, load_notebook
from segnb.runs.stage import Stage, open_steps
from segnb.runs.store import MANIFEST, WRITTEN_BY, check_earlier, check_file, read_manifest, resolved

_VERSIONED = ("segnb", "pandas", "numpy", "scikit-learn", "matplotlib", "seaborn", "yellowbrick", "papermill", "duckdb")


class Progress(rich.progress.Progress):
    """What the command line shows while a run is made: a bar per step on a terminal, a line per step elsewhere."""

    def __init__(self, stream: TextIO):
        columns = rich.progress.TextColumn("{task.description:<12}"), rich.progress.BarColumn()
        console = Console(file=stream)
        super().__init__(*columns, rich.progress.TimeElapsedColumn(), console=console, disable=not stream.isatty())

    @contextmanager
    def step(self, name: str, n_cells: int) -> Iterator[Callable[[], None]]:
        """Show a step from its beginning to its end, and yield what moves its bar on by a cell."""
        number, begun = STEPS.index(name) + 1, time.monotonic()
        task = self.add_task(f"{number} {name}", total=n_cells)
        yield partial(self.advance, task)
        self.update(task, completed=n_cells)
        if self.disable:
            words = f"{number}/{len(STEPS)} {name} done in {time.monotonic() - begun:.1f} s"
            print(words, file=self.console.file, flush=True)


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
    guard : callable, default nullcontext
        Makes the context in which the run is made and published from what removes an unfinished run, as
        `segnb.runs.stage.ended_by_signals` does.

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
        steps = _steps(first, last)
        earlier = stage.earlier(STEPS[: STEPS.index(first)]) if first else None
        if earlier:
            manifest = _continued(earlier, values, steps)
        else:
            _check_no_less(stage.published, steps)
            manifest = _begun(values)
        folder = stage.open(earlier, _made_from(steps[0]))
        with guard(stage.discard):
            try:
                _run_steps(steps, manifest, stage, progress)
                if not earlier:
                    _check_unchanged(manifest)
                manifest["finished"] = _now()
                write_index(folder, manifest)
            except (RunError, OSError) as error:
                words = str(error) if isinstance(error, RunError) else f"cannot go on ({why(error)})"
                remains = stage.keep_remains(manifest | {"state": "failed", "error": words})
                raise RunError(f"{words} (kept: {_shown(remains)})" if remains else words) from None
            published = stage.publish(manifest | {"state": "complete"})
        stage.settle()
    with suppress(OSError, SegnbError):  # published it is, whether or not there is room for that page
        write_all_runs()
    return published


def _check_unchanged(manifest: Mapping[str, Any]) -> None:
    """Refuse to publish what was made from files that changed while it was made."""
    if changed := _changed(check_parameters(manifest["parameters"]), manifest["inputs"]):
        raise RunError(f"{', '.join(changed)}: changed while the run was under way; run the same command again")


def _steps(first: str | None, last: str | None) -> tuple[str, ...]:
    start, stop = STEPS.index(first or STEPS[0]), STEPS.index(last or STEPS[-1])
    if start > stop:
        raise DataError(f"--from {first} comes after --until {last}; the steps are {', '.join(STEPS)}")
    return STEPS[start : stop + 1]


def _check_no_less(published: Path, steps: Sequence[str]) -> None:
    """Refuse to replace a whole run by the beginning of one."""
    done: list[str] = []
    with suppress(RunError):
        done = list(read_manifest(published).get("steps", {}))
    if len(done) > len(steps):
        raise DataError(
            f"{_shown(published)} holds a run that got to step {done[-1]}, and --until {steps[-1]} would cut "
            "it short; give this run another name, leave out --until, or begin with --from"
        )


def _begun(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the manifest of a new run, once what it is made from is there."""
    parameters = check_parameters(_as_kernels_find_them(check_parameters(values).model_dump()))
    _check_earlier_runs(parameters)
    return _manifest(parameters, _inputs_of(parameters), {})


def _continued(folder: Path, values: Mapping[str, Any], steps: Sequence[str]) -> dict[str, Any]:
    """Return the manifest of a run that keeps an earlier one's first steps, once all that they made is checked."""
    recorded, kept = read_manifest(folder), STEPS[: STEPS.index(steps[0])]
    states = {step: state for step, state in recorded.get("steps", {}).items() if step in kept}
    known = {name: value for name, value in recorded["parameters"].items() if name in PARAMETERS}
    parameters = check_parameters(known | _as_kernels_find_them(values))
    _check_upstream(parameters, check_parameters(known), steps)
    if missing := open_steps(states, kept):
        raise RunError(f"{_shown(folder)}: step {missing[0]} is not done there; begin with --from {missing[0]}")
    _check_kept(folder, set(recorded["files"]) - _made_from(steps[0]))
    _check_earlier_runs(parameters)
    inputs = recorded.get("inputs", {}) if kept else _inputs_of(parameters)
    looks_back = kept and parameters.purchases and STEPS[-1] in steps  # in the log that the run was made from
    if looks_back and (changed := _changed(parameters, inputs)):
        raise DataError(f"{', '.join(changed)}: changed since step {STEPS[0]} read it; begin with --from {STEPS[0]}")
    return _manifest(parameters, inputs, states)


def _manifest(parameters: Parameters, inputs: dict[str, str], steps: dict[str, Any]) -> dict[str, Any]:
    return {
        "run": parameters.run,
        "started": _now(),
        "parameters": parameters.model_dump(),
        "inputs": inputs,
        "versions": {"python": platform.python_version()} | {name: version(name) for name in _VERSIONED},
        "steps": steps,
    }


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S%z")


def _as_kernels_find_them(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters with files of the current folder as kernels, which stand in the project folder, find them.

    A file of the same name there would be read in their place.
    """
    here, project = Path.cwd(), project_folder()
    sources = {name: here / str(values[name]) for name in ("customers", "purchases", "products") if values.get(name)}
    own = {name: path for name, path in sources.items() if here != project and isfile(path)}
    seen = {name: path.relative_to(project) if path.is_relative_to(project) else path for name, path in own.items()}
    return dict(values) | {name: str(path) for name, path in seen.items()}


def _check_upstream(now: Parameters, recorded: Parameters, steps: Sequence[str]) -> None:
    """Check that no parameter differs which only steps that are not run again would use."""
    used = {name for step in steps for name in declared_parameters(load_notebook(step))}
    idle = [name for name, value in now if value != getattr(recorded, name) and name not in used]
    if idle:
        raise DataError(
            f"{', '.join(idle)}: used only by earlier steps, which --from {steps[0]} does not run again; "
            "begin with an earlier step"
        )


def _check_kept(folder: Path, names: set[str]) -> None:
    """Check that what the steps that are not run again made is still what they made, pages and notebooks too."""
    for name in sorted(names):
        try:
            check_file(folder / name)
        except RunError as error:
            raise RunError(f"{_shown(folder / name)}: {error}; begin with an earlier step") from None


def _made_from(first: str) -> set[str]:
    """Return the names of all files that a step and the steps after it make, and of the summary."""
    steps = STEPS[STEPS.index(first) :]
    pages = {notebook_path(step).with_suffix(kind).name for step in steps for kind in (".ipynb", ".html")}
    return pages | {name for step in steps for name in WRITTEN_BY[step]} | {"index.html", MANIFEST}


def _check_earlier_runs(parameters: Parameters) -> None:
    """Check before anything runs that the runs that the parameters name are there."""
    for name in ("start_from", "previous"):
        if run := getattr(parameters, name):
            check_earlier(name, run)


def _inputs_of(parameters: Parameters) -> dict[str, str]:
    """Return the SHA-256 of every file that is read, and the address of every table."""
    sources = [source for source in (parameters.customers, parameters.purchases, parameters.products) if source]
    files = [source for source in sources if is_file(source, parameters.engine)]
    tables = dict.fromkeys(sources, f"a table of {shown(parameters.engine)}")
    try:
        return tables | {source: sha256(find_file(source)) for source in files}
    except OSError as error:
        raise DataError(f"{error.filename}: cannot be read ({why(error)}); check its rights") from None


def _changed(parameters: Parameters, inputs: Mapping[str, str]) -> list[str]:
    """Return which inputs are no longer what they were when they were first read."""
    now = _inputs_of(parameters)
    return [name for name in now if inputs.get(name, now[name]) != now[name]]


def _run_steps(steps: Sequence[str], manifest: dict[str, Any], stage: Stage, progress: Progress) -> None:
    """Execute the notebooks one after the other, and write a page of each."""
    project = str(project_folder())
    own = {"SEGNB_PROJECT": project, STAGE: str(stage.folder), SCRATCH: str(stage.scratch)}
    env = os.environ | own | {"MPLBACKEND": "agg", "TQDM_DISABLE": "1"}
    with fresh_kernels(len(steps), env, project) as kernels:
        for step, kernel in zip(steps, kernels):
            output = stage.folder / notebook_path(step).name
            _run_step(step, manifest, kernel, output, progress)
            write_page(output, manifest["run"])


def _run_step(step: str, manifest: dict[str, Any], kernel: AsyncKernelClient, output: Path, progress: Progress) -> None:
    notebook, begun, states = load_notebook(step), time.monotonic(), manifest["steps"]
    values = {name: manifest["parameters"][name] for name in declared_parameters(notebook)}
    states[step] = {"state": "begun"}
    with progress.step(step, sum(cell.cell_type == "code" for cell in notebook.cells)) as on_cell:
        execute(kernel, notebook, output, values, on_cell)
    states[step] = {"state": "done", "seconds": round(time.monotonic() - begun, 2)}


def _shown(path: Path) -> str:
    """Return a path as the person at the command line would write it."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)
