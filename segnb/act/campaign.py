"""A run's test on the disk: the plan, in a folder beside the run, and what was learnt from it."""

import json
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pandas as pd

from segnb.act.experiment import VERDICTS, assign_arms, check_results, plan_tests, read_back
from segnb.data import Purchases, column_names, open_log, read_customers
from segnb.disclosure import Door
from segnb.errors import DataError
from segnb.history.numbering import numbered_alike
from segnb.history.score import settings_of, takes_log
from segnb.history.snapshots import BEFORE, Past, did
from segnb.interpret.cards import VOCABULARY
from segnb.pages import render
from segnb.parameters import Parameters, check_parameters
from segnb.paths import new_folder, outputs_folder, writable, write_whole
from segnb.runs.store import Run, read_manifest, write_json
from segnb.tables import write_csv

_YES = ("1", "1.0", "true", "yes", "y", "x")


def plan_folder(run: Run) -> Path:
    """Return where a run's plan and what was learnt from it stand: beside the run's folder."""
    return outputs_folder() / f"{run.name}.plan"


def arms_of(run: Run, terms: Mapping[str, Any]) -> pd.DataFrame:
    """Return `segment` and `arm` of each customer who takes part.

    Parameters
    ----------
    run : Run
    terms : mapping
        Of a plan: `exclude`, a list of columns of the run's customers that say yes for whom to leave out, or
        `COLUMN=VALUE`, and `left_alone` and `salt` (see `assign_arms`).

    Raises
    ------
    DataError
        If there is no such column, nobody is left, or `left_alone` cannot be met.
    """
    segments, customers = run.read("segments.parquet")["segment"], run.read("customers.parquet")
    for condition in terms["exclude"]:
        column, _is, value = condition.partition("=")
        if column not in customers:
            raise DataError(f"exclude: no column {column!r}; the columns are {', '.join(map(str, customers))}")
        text = customers[column].astype(str).str.strip().str.lower()
        segments = segments[~text.isin([value.strip().lower()] if value else _YES).reindex(segments.index)]
    if segments.empty:
        raise DataError(f"exclude: {', '.join(terms['exclude'])} leaves nobody; exclude fewer")
    return pd.DataFrame({"segment": segments, "arm": assign_arms(segments, terms["left_alone"], terms["salt"])})


def make_plan(run: Run, terms: Mapping[str, Any]) -> tuple[Path, pd.DataFrame]:
    """Write the plan of a test for each segment's action into a new folder, and return both.

    Parameters
    ----------
    run : Run
        Step 4 must be done.
    terms : mapping
        `start` (the first day, 2026-07-01; today if empty), `left_alone` and `salt` (see `assign_arms`; the run's
        name if empty), `exclude` (see `arms_of`) and `worth` (see `plan_tests`).

    Returns
    -------
    folder : Path
        With `plan.csv`, `arms.csv`, `plan.json` and `index.html`.
    plan : DataFrame
        As returned by `plan_tests`.

    Raises
    ------
    DataError
        If there is a plan already, or the terms cannot be met.
    """
    folder = plan_folder(run)
    if folder.exists():
        raise DataError(f"{folder}: already exists, and a test that has begun keeps its plan; move the folder away")
    start = _day(terms["start"])
    terms = {**terms, "start": str(start), "salt": terms["salt"] or run.name}
    arms = arms_of(run, terms)
    settings = check_parameters(read_manifest(run.folder)["parameters"])
    hidden = Door(settings.min_cell, arms["segment"].value_counts()).hidden
    cards = [card for card in run.read("cards.json") if card["segment"] not in hidden]
    if not cards:
        raise DataError(f"{run.name}: no segment has {settings.min_cell} customers to test an action on; exclude fewer")
    past, _notes = Past(run, settings).followed(card["days"] for card in cards)
    plan = plan_tests(cards, arms, past, terms["worth"])
    plan = plan.assign(read_on=[str(start + timedelta(days=days)) for days in plan["days"]])
    known = {"run": run.name, "segments": _fingerprint(run), **terms, "tests": _records(plan)}
    with new_folder(folder) as made:
        write_csv(plan, made / "plan.csv")
        write_csv(arms, made / "arms.csv")
        write_json(known, made / "plan.json")
        _write_page(made, known)
    return folder, plan


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text) if text else date.today()
    except ValueError:
        raise DataError(f"start={text!r}: isn't a date; write it as 2026-07-01") from None


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a table as plain types, ready for JSON; what is missing is None."""
    return json.loads(table.to_json(orient="records"))


def _fingerprint(run: Run) -> str:
    """Return what tells a run's segments from those of another of its name."""
    return read_manifest(run.folder)["files"]["segments.parquet"]["sha256"]


def _write_page(folder: Path, plan: Mapping[str, Any], learnt: Mapping[str, Any] | None = None) -> None:
    html = render("plan.html.j2", plan=plan, learnt=learnt, verdicts=VERDICTS, figures=VOCABULARY["figures"])
    write_whole(folder / "index.html", lambda beside: beside.write_text(html, encoding="utf-8"))


def read_plan(run: Run) -> dict[str, Any]:
    """Return the plan of a run.

    Raises
    ------
    DataError
        If there is none, or it was made for another run or for other segments.
    """
    path = plan_folder(run) / "plan.json"
    known = _read(path, f"make a plan with: segnb plan {run.name}")
    if known.get("run") != run.name:
        raise DataError(f"{path}: is the plan of run {known.get('run')}; name that run instead")
    if known.get("segments") != _fingerprint(run):
        raise DataError(f"{path}: was made for segments of {run.name} that have since changed; plan again")
    return known


def _read(path: Path, remedy: str) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise DataError(f"{path}: cannot be read ({error}); {remedy}") from None


def learn(run: Run, results: str, force: bool = False) -> tuple[Path, dict[str, Any]]:
    """Read a planned test back from a log or a table, write what was learnt beside the plan, and return both.

    Parameters
    ----------
    run : Run
        With a plan.
    results : str
        A file: a purchase log as the run's own, until the day on which the last test is to be read, or one row per
        customer with the plan's figures.
    force : bool, default False
        Read it back before that day; what was learnt is then marked.

    Raises
    ------
    DataError
        If it is too early, or the results are not those of the plan, see `segnb.act.experiment.check_results`.
    """
    known, settings = read_plan(run), settings_of(run)
    arms, plan = arms_of(run, known), pd.DataFrame(known["tests"]).astype({"smallest_effect": float})
    is_log = takes_log(column_names(results, settings.reading), settings, run.read("prepare.json")["columns"])
    log = open_log(settings.model_copy(update={"purchases": results})) if is_log else None
    last = log.last_day if log else date.today()
    early = _is_early(results, known, last, force)
    told = _by_log(settings, log, known["start"], plan, arms) if log else _by_table(settings, results, plan, arms)
    before = run.read("customers.parquet").reindex(columns=BEFORE).rename(columns=BEFORE)
    found = _records(read_back(plan, arms, told.join(before)))
    learnt = {"run": run.name, "forced": early, "read": str(last), "segments": found}
    folder = plan_folder(run)
    with writable(folder, "see who may write there"):
        write_whole(folder / "learnt.json", lambda beside: write_json(learnt, beside))
        _write_page(folder, known, learnt)
    return folder, learnt


def _is_early(results: str, known: Mapping[str, Any], last: date, force: bool) -> bool:
    """Return whether results end before a plan's last test is to be read, unless that, or its beginning, forbids it."""
    if str(last) < known["start"]:
        raise DataError(f"{results}: ends on {last}, before the plan begins on {known['start']}; give later results")
    read_on = max(each["read_on"] for each in known["tests"])
    early = str(last + timedelta(days=1)) < read_on
    if early and not force:
        raise DataError(
            f"{results}: ends on {last}, and the plan is to be read on {read_on}; a test that is stopped when it looks "
            "good claims success too often: wait, or use --force, and the result is marked"
        )
    return early


def _by_log(settings: Parameters, log: Purchases, start: str, plan: pd.DataFrame, arms: pd.DataFrame) -> pd.DataFrame:
    """Return what a log tells of the customers of each segment in the days that its test takes."""
    before = date.fromisoformat(start) - timedelta(days=1)
    in_tests = {days: arms["segment"].isin(tested) for days, tested in plan.groupby("days")["segment"]}
    return pd.concat([did(settings, log, before, int(days), arms.index[own]) for days, own in in_tests.items()])


def _by_table(settings: Parameters, results: str, plan: pd.DataFrame, arms: pd.DataFrame) -> pd.DataFrame:
    """Return what a table with a row per customer tells, checked."""
    given = {"customers": results, "purchases": "", "only": {}, "ordered": {}}
    told = read_customers(settings.model_copy(update=given))[0]
    check_results(told, plan, arms)
    return told


def learnt_before(run: Run) -> list[dict[str, Any]]:
    """Return what was learnt from the tests of earlier runs whose segment numbers a run carries, the earliest first.

    Raises
    ------
    DataError
        If what was learnt cannot be read.
    """
    paths = [plan_folder(earlier) / "learnt.json" for earlier in reversed(numbered_alike(run))]
    return [_read(path, "read the test back again with: segnb learn") for path in paths if path.exists()]
