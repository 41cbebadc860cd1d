"""The command line: a command for each thing that segnb does, and errors in a line."""

import json
import re
import sys
import time
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from typer import Argument, Option

from segnb.errors import DataError, SegnbError
from segnb.paths import EMBEDDED, STEPS

Step = StrEnum("Step", {step: step for step in STEPS})
Story = StrEnum("Story", {story: story for story in ("shop", "kiosk", "survey")})
Grader = StrEnum("Grader", {"otter": "otter"})

_PARAMETER = "A parameter; may be given more than once."
_OTHER = "A parameter of step 1, where this table needs another value."
TABLE = "A file, or a table in the engine: one row per customer, or a log if the run was made from one."
_SCORES = "A csv or parquet file or, for a table in an engine, a new table there."

_HELP = "Customer segmentation with k-means: five notebooks, one command."
app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, help=_HELP)


@app.command()
def run(
    preset: Annotated[Path | None, Argument(help="A preset: parameters in a YAML file.")] = None,
    name: Annotated[str | None, Option("--run", help="Name of the run.")] = None,
    parameter: Annotated[list[str] | None, Option("-p", metavar="NAME=VALUE", help=_PARAMETER)] = None,
    first: Annotated[Step | None, Option("--from", help="Begin with this step; keep the run's earlier ones.")] = None,
    last: Annotated[Step | None, Option("--until", help="End with this step.")] = None,
    strict: Annotated[bool, Option("--strict", help="Exit with 3 when the decision is refit or redesign.")] = False,
) -> None:
    """Run the five notebooks and write the report into outputs/RUN."""
    from segnb.runs import warm_up

    warm_up()
    from segnb.parameters import read_preset, read_values
    from segnb.runs.run import Progress, run_workflow
    from segnb.runs.stage import ended_by_signals

    begun = time.monotonic()
    values = (read_preset(str(preset)) if preset else {}) | read_values(parameter or [])
    if name is not None:
        values["run"] = name
    try:
        with Progress(sys.stderr) as progress:
            guard = partial(ended_by_signals, progress.stop)
            folder = run_workflow(values, progress, first=first, last=last, guard=guard)
    except KeyboardInterrupt:
        typer.echo("segnb: interrupted", err=True)
        raise typer.Exit(130) from None
    for sentence in _json(folder / "prepare.json").get("left_out", []):
        typer.echo(sentence)
    choice, decision = _json(folder / "choice.json"), _json(folder / "decision.json").get("decision", "")
    made = f"k = {choice['k']}, {choice['verdict']}" if choice else "k not chosen"
    typer.echo(f"{made}{', ' if decision else ''}{decision} ({time.monotonic() - begun:.1f} s)")
    typer.echo(f"report: {folder / 'index.html'}")
    if strict and decision in ("refit", "redesign"):
        raise typer.Exit(3)


def _json(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


@app.command()
def init(
    table: Annotated[str, Argument(help="One row per customer; a purchase log if given alone.")],
    log: Annotated[str, Argument(help="A purchase log, one row per order line.", show_default=False)] = "",
    engine: Annotated[str, Option(metavar="ADDRESS", help="Where the tables live, if not in files.")] = EMBEDDED,
    out: Annotated[Path | None, Option("-o", metavar="OUT", help="The preset's file.", show_default="RUN.yaml")] = None,
) -> None:
    """Look at the tables and write a commented preset to start from."""
    from segnb.init.preset import new_preset
    from segnb.paths import writable, write_whole

    try:
        run, text, months = new_preset(table, log, engine)
    except SegnbError:
        raise
    except Exception as error:  # whatever a stranger's file does, it ends in a line
        words = f"{type(error).__name__}: {error}"
        raise DataError(f"{table}: init cannot make sense of it ({words}); write a preset by hand") from None
    path = out or Path(f"{run}.yaml")
    if path.exists():
        raise DataError(f"{path}: already exists; name another file with -o")
    with writable(path, "name a file where you may write"):
        write_whole(path, lambda beside: beside.write_text(text, encoding="utf-8"))
    typer.echo(text)
    if len(months):
        told = months.to_string(na_rep="–", float_format=lambda value: f"{value:,.2f}".removesuffix(".00"))
        typer.echo(f"The log by month, to check against the shop's own figures:\n{told}")
    typer.echo(f"preset: {path}; look through it, then: segnb run {path}")


@app.command()
def score(
    name: Annotated[str, Argument(metavar="RUN", help="The run whose segments to use.")],
    table: Annotated[str, Argument(help=TABLE)],
    out: Annotated[str | None, Option("-o", metavar="OUT", help=_SCORES, show_default="RUN.scores.csv")] = None,
    parameter: Annotated[list[str] | None, Option("-p", metavar="NAME=VALUE", help=_OTHER)] = None,
) -> None:
    """Give each customer in a table their segment from a run."""
    from segnb.history.score import read_new_customers, score_customers, settings_of, write_scores
    from segnb.parameters import read_values
    from segnb.paths import find_file, is_file, outputs_folder
    from segnb.runs.store import MANIFEST, Run

    made, given = Run(name), read_values(parameter or [])
    if not is_file(table, settings_of(made, given).engine):
        from segnb.history.score_in_engine import save_in_engine, scores_in_engine, scores_sentence

        target = out or re.sub(r"\W", "_", f"{made.name}_scores")
        typer.echo(scores_sentence(save_in_engine(scores_in_engine(made, table, given), target)))
        typer.echo(f"scores: table {target}")
        return
    path = Path(out) if out else outputs_folder() / f"{name}.scores.csv"
    if path.resolve() == find_file(table).resolve() or any(
        (each / MANIFEST).exists() for each in path.resolve().parents
    ):
        raise DataError(f"{path}: is the table itself or lies in a run, which is never overwritten; name another file")
    scores = score_customers(made, read_new_customers(made, table, given))
    write_scores(scores, path)
    typer.echo("\n".join([*scores.notes, scores.sentence(), f"scores: {path}"]))


@app.command()
def plan(
    name: Annotated[str, Argument(metavar="RUN", help="The run whose actions to test.")],
    start: Annotated[str, Option(help="The first day of the test.", show_default="today")] = "",
    left_alone: Annotated[float, Option(help="Who is left alone: a share, or how many of each segment.")] = 0.5,
    exclude: Annotated[list[str] | None, Option(metavar="COLUMN[=VALUE]", help="Customers to leave out.")] = None,
    salt: Annotated[str, Option(help="A different word draws different customers.", show_default="RUN")] = "",
    worth: Annotated[float, Option(help="The largest effect to hope for, as a share of the figure.")] = 0.3,
) -> None:
    """Plan a test of each segment's action: who is left alone, what it can detect, when to read it."""
    from segnb.act.campaign import make_plan
    from segnb.runs.store import Run

    terms = {"start": start, "left_alone": left_alone, "exclude": exclude or [], "salt": salt, "worth": worth}
    folder, tests = make_plan(Run(name), terms)
    for test in tests.itertuples():
        sizes = f"{test.treated:,} treated, {test.left_alone:,} left alone"
        typer.echo(f"{test.segment} {test.name}: {test.verdict} ({sizes})")
    typer.echo(f"plan: {folder / 'index.html'}; who is left alone: {folder / 'arms.csv'}")


@app.command()
def learn(
    name: Annotated[str, Argument(metavar="RUN", help="The run that was planned.")],
    results: Annotated[str, Argument(help="A log that covers the test, or a table of each customer's figures.")],
    force: Annotated[bool, Option("--force", help="Read it before the planned day, and mark the result.")] = False,
) -> None:
    """Read a planned test back: what the actions changed, and which card was wrong."""
    from segnb.act import lessons
    from segnb.act.campaign import learn as read_test
    from segnb.runs.store import Run

    folder, learnt = read_test(Run(name), results, force)
    words, sentence = lessons([learnt])
    for segment, said in words.items():
        typer.echo(f"{segment}: {said}")
    typer.echo(f"{sentence}\npage: {folder / 'index.html'}")


@app.command()
def export(
    name: Annotated[str, Argument(metavar="RUN", help="The run whose segments to export.")],
    target: Annotated[str, Option("--to", help="klaviyo, braze, customerio, hubspot, shopify, google, csv, or sql.")],
    email: Annotated[str, Option(metavar="COLUMN", help="The customer table's column with e-mail addresses.")] = "",
    phone: Annotated[str, Option(metavar="COLUMN", help="Its column with phone numbers, +49…")] = "",
    yes: Annotated[bool, Option("--yes", help="Write personal data.")] = False,
    out: Annotated[Path | None, Option("-o", metavar="FOLDER", help="A new folder.", show_default="RUN-TARGET")] = None,
) -> None:
    """Write the segments as files for another tool; nothing is sent anywhere."""
    from segnb.act.export import write_export
    from segnb.paths import outputs_folder
    from segnb.runs.store import Run

    run = Run(name)
    folder = out or outputs_folder() / f"{run.name}-{target}"
    files, without = write_export(run, target, {"email": email, "phone": phone}, folder, personal=yes)
    if without:
        typer.echo(f"{without:,} customers are left out: {target} could not identify them, or tell two of them apart")
    typer.echo("\n".join(str(file) for file in files))


@app.command()
def workshop(
    folder: Annotated[Path, Argument(help="A new folder.")],
    story: Annotated[Story, Option(help="Customers with segments, without any, or with mixed columns.")] = "shop",
    grader: Annotated[Grader | None, Option(help="Write the exercises in the form of this grader, too.")] = None,
) -> None:
    """Write a two-hour workshop: copies for learners, solutions, guide, slides, handout and quiz."""
    from segnb.notebook.copies import write_workshop

    made = write_workshop(folder, story, grader or "")
    typer.echo(f"workshop: {made}; begin with {made / 'guide.html'}, learners with {made / 'learner' / 'notebooks'}")


@app.command()
def runs() -> None:
    """List all runs with their date, customers, k, verdict, silhouette, decision and sizes, here and on a page."""
    from segnb.history import timeline, timeline_text
    from segnb.pages.report import write_all_runs
    from segnb.paths import outputs_folder, writable
    from segnb.runs.store import Run, run_names

    names = run_names()
    if not names:
        typer.echo(f"no runs yet in {outputs_folder()}; make one with: segnb run")
        return
    typer.echo(timeline_text(timeline([Run(name) for name in names])))
    with writable(outputs_folder(), "so there is no page of it"):
        write_all_runs()
    typer.echo(f"as a page: {outputs_folder() / 'index.html'}")


def main() -> None:
    """Run the command line; an error that a person can mend is one line, not a traceback."""
    try:
        app()
    except SegnbError as error:
        typer.echo(f"segnb: {error}", err=True)
        raise SystemExit(2 if isinstance(error, DataError) else 1) from None
