"""The command line: `segnb run`, `init`, `score`, `runs` and `workshop`."""

import re
import sys
import time
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from segnb.errors import DataError, SegnbError
from segnb.paths import EMBEDDED, STEPS

if TYPE_CHECKING:
    from segnb.runs.store import Run

Step = StrEnum("Step", {step: step for step in STEPS})

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Customer segmentation with k-means: five notebooks, one command.",
)


@app.command()
def run(
    preset: Annotated[
        Path | None, typer.Argument(help="A preset: parameters in a YAML file.", show_default=False)
    ] = None,
    name: Annotated[str | None, typer.Option("--run", help="Name of the run.", show_default=False)] = None,
    parameter: Annotated[
        list[str] | None,
        typer.Option("-p", metavar="NAME=VALUE", help="A parameter; may be given more than once.", show_default=False),
    ] = None,
    first: Annotated[
        Step | None, typer.Option("--from", help="Begin with this step and keep the run's earlier ones.")
    ] = None,
    last: Annotated[Step | None, typer.Option("--until", help="End with this step.")] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with 3 when the decision is refit or redesign.")
    ] = False,
) -> None:
    """Carry out the five notebooks and write the report into outputs/RUN."""
    from segnb.parameters import read_preset, read_values
    from segnb.runs.progress import make_progress
    from segnb.runs.run import run_workflow
    from segnb.runs.stage import ended_by_signals

    begun = time.monotonic()
    values = (read_preset(str(preset)) if preset else {}) | read_values(parameter or [])
    if name is not None:
        values["run"] = name
    try:
        with make_progress(sys.stderr) as progress:
            guard = partial(ended_by_signals, progress.stop)
            folder = run_workflow(values, progress, first=first, last=last, guard=guard)
    except KeyboardInterrupt:
        typer.echo("segnb: interrupted", err=True)
        raise typer.Exit(130) from None
    typer.echo(f"{_summary(folder)} ({time.monotonic() - begun:.1f} s)")
    typer.echo(f"report: {folder / 'index.html'}")
    if strict and _decision(folder) in ("refit", "redesign"):
        raise typer.Exit(3)


@app.command()
def init(
    table: Annotated[str, typer.Argument(help="One row per customer; or, alone, a purchase log.", show_default=False)],
    log: Annotated[str, typer.Argument(help="A purchase log, one row per order line.", show_default=False)] = "",
    engine: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Where the tables live, if not in files.", show_default=False)
    ] = EMBEDDED,
    out: Annotated[
        Path | None, typer.Option("-o", metavar="OUT", help="The preset to write.", show_default="RUN.yaml")
    ] = None,
) -> None:
    """Look at the tables and write a commented preset to start from."""
    from segnb.init.preset import new_preset
    from segnb.paths import why, write_whole

    run, text = new_preset(table, log, engine)
    path = out or Path(f"{run}.yaml")
    if path.exists():
        raise DataError(f"{path}: is there already; name another file with -o")
    try:
        write_whole(path, lambda beside: beside.write_text(text, encoding="utf-8"))
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({why(error)}); name a file where you may write") from None
    typer.echo(f"{text}\npreset: {path}; look through it, then: segnb run {path}")


@app.command()
def score(
    name: Annotated[str, typer.Argument(metavar="RUN", help="The run whose segments to give.", show_default=False)],
    table: Annotated[
        str,
        typer.Argument(
            help="A file, or a table of the engine: one row per customer, or a log if the run was made from one.",
            show_default=False,
        ),
    ],
    out: Annotated[
        str | None,
        typer.Option(
            "-o",
            metavar="OUT",
            help="A csv or parquet file or, for a table of an engine, a new table there.",
            show_default="RUN.scores.csv",
        ),
    ] = None,
    parameter: Annotated[
        list[str] | None,
        typer.Option(
            "-p", metavar="NAME=VALUE", help="A parameter of step 1, if the table needs another.", show_default=False
        ),
    ] = None,
) -> None:
    """Give the customers of a table the segments of a run."""
    from segnb.history.score import read_new_customers, score_customers, settings_of, write_scores
    from segnb.parameters import read_values
    from segnb.paths import is_file, outputs_folder
    from segnb.runs.store import Run

    made, given = Run(name), read_values(parameter or [])
    if not is_file(table, settings_of(made, given).engine):
        _score_in_engine(made, table, out, given)
        return
    path = Path(out) if out else outputs_folder() / f"{name}.scores.csv"
    scores = score_customers(made, read_new_customers(made, table, given))
    write_scores(scores, path)
    for line in (*scores.notes, scores.sentence()):
        typer.echo(line)
    typer.echo(f"scores: {path}")


def _score_in_engine(made: "Run", table: str, out: str | None, given: dict) -> None:
    from segnb.history.score_in_engine import save_in_engine, scores_in_engine, scores_sentence

    target = out or re.sub(r"\W", "_", f"{made.name}_scores")
    typer.echo(scores_sentence(save_in_engine(scores_in_engine(made, table, given), target)))
    typer.echo(f"scores: table {target}")


@app.command()
def workshop(
    folder: Annotated[Path, typer.Argument(help="A new folder.", show_default=False)],
) -> None:
    """Write a workshop of two hours: learners' copies, solutions, data, a guide and a handout."""
    from segnb.notebook.workshop import write_workshop

    made = write_workshop(folder)
    typer.echo(f"workshop: {made}; begin with {made / 'guide.html'}, learners with {made / 'learner' / 'notebooks'}")


@app.command()
def runs() -> None:
    """List all runs with their date, customers, k, verdict, silhouette, decision and sizes, here and on a page."""
    from segnb.history.series import timeline, timeline_text
    from segnb.pages.all_runs import run_names, write_all_runs
    from segnb.paths import outputs_folder, why
    from segnb.runs.store import Run

    names = run_names()
    if not names:
        typer.echo(f"no runs yet in {outputs_folder()}; make one with: segnb run")
        return
    typer.echo(timeline_text(timeline([Run(name) for name in names])))
    try:
        write_all_runs()
    except OSError as error:
        raise DataError(f"{outputs_folder()}: cannot be written to ({why(error)}), so there is no page of it") from None
    typer.echo(f"as a page: {outputs_folder() / 'index.html'}")


def main() -> None:
    """Run the command line; an error that a person can put right is one line, not a traceback."""
    try:
        app()
    except SegnbError as error:
        typer.echo(f"segnb: {error}", err=True)
        raise SystemExit(2 if isinstance(error, DataError) else 1) from None


def _summary(folder: Path) -> str:
    choice, decision = _json(folder, "choice.json"), _decision(folder)
    made = f"k = {choice['k']}, {choice['verdict']}" if choice else "k not chosen"
    return f"{made}, {decision}" if decision else made


def _decision(folder: Path) -> str:
    return _json(folder, "decision.json").get("decision", "")


def _json(folder: Path, name: str) -> dict:
    import json

    path = folder / name
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
