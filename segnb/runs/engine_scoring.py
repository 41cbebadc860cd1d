"""Give the customers of an engine's table a run's segments without taking them out of the engine."""

from collections.abc import Mapping, Sequence
from typing import Any

import ibis
from ibis import _

from segnb.data import customer_expression, open_log, snapshot_day
from segnb.data.engines import check_numbers, connect, engine_table, fetch, first_line
from segnb.errors import DataError
from segnb.expressions import score_expression
from segnb.paths import is_file
from segnb.runs.names import names_of
from segnb.runs.scoring import check_there, is_log, settings_of
from segnb.runs.snapshots import snapshot_of
from segnb.runs.store import Run
from segnb.thresholds import LARGEST
from segnb.wording import listed, percent


def scores_in_engine(run: Run, source: str, given: Mapping[str, Any] | None = None) -> ibis.Table:
    """Return the segments of the customers of an engine's table, as an expression; see `score_expression`.

    Parameters
    ----------
    run : Run
        Of which steps 1 to 3 are done.
    source : str
        A table of the engine: one row per customer, or a purchase log if the run was made from one.
    given : mapping of str to object, optional
        Parameters of step 1 that differ from the run's, for instance `engine`.

    Raises
    ------
    DataError
        If the engine cannot be reached, the table or columns are missing (all are listed), columns are no numbers or
        hold infinite or absurd values, or an id stands in more than one row.
    """
    settings, made, snapshot = settings_of(run, given), run.read("prepare.json"), snapshot_of(run)
    id_column = settings.customer_id
    table = engine_table(connect(settings.engine, writable=True), source, settings.engine)
    from_log = is_log(table.columns, settings, snapshot.columns)
    if from_log:
        log = open_log(settings.model_copy(update={"purchases": source}))
        table = customer_expression(log, snapshot_day(settings, log), settings.window_days, made["categories"])
    if id_column not in table.columns:
        table = table.rename({id_column: "customer_id"}) if "customer_id" in table.columns else table
    check_there(run.name, [id_column, *snapshot.columns], table.columns)
    if not from_log:
        _check_values(table, source, id_column, snapshot.columns)
    return score_expression(
        table,
        id_column,
        snapshot.columns,
        snapshot.pipeline,
        snapshot.model.cluster_centers_,
        snapshot.numbers,
        names_of(run),
        snapshot.farthest,
        drop_missing=made["settings"]["missing"] == "drop",
    )


def save_in_engine(scores: ibis.Table, name: str) -> ibis.Table:
    """Create a table with the scores in their engine, and return it; `schema.table` names one of another schema.

    Raises
    ------
    DataError
        If the table exists already, or may not be created.
    """
    if is_file(name, "an engine's"):
        raise DataError(f"{name}: what is scored in an engine becomes a table there; name one, and not a file")
    schema, _dot, table = name.rpartition(".")
    try:
        return scores.get_backend().create_table(table, scores, database=schema or None)
    except Exception as error:
        raise DataError(f"{name}: cannot be created ({first_line(error)}); name a new table where you may") from None


def scores_sentence(scores: ibis.Table) -> str:
    """Return how many customers came into which segment, in words."""
    counts = fetch(scores.group_by("segment").agg(customers=_.count(), unlike=_.count(where=_.unlike)))
    counts, total = counts.sort_values("segment"), int(counts["customers"].sum())
    into = listed([f"{row.customers:,} in {row.segment:.0f}" for row in counts.dropna().itertuples()])
    return f"{total:,} customers: {into}; {percent(counts['unlike'].sum() / max(total, 1))} unlike anyone before"


def _check_values(table: ibis.Table, source: str, id_column: str, columns: Sequence[str]) -> None:
    """Refuse what `score_customers` refuses, and ids that would get more than one segment."""
    check_numbers(table, source, columns, booleans=True)
    beyond = {name: table.count(where=table[name].cast("float64").abs() > LARGEST) for name in columns}
    found = fetch(table.agg(customers=table.count(), ids=table[id_column].nunique(), **beyond)).iloc[0]
    absurd = [f"{name!r} has {found[name]:,} values" for name in columns if found[name]]
    if absurd:
        raise DataError(f"{source}: column {', '.join(absurd)} that are infinite or beyond {LARGEST:g}; repair them")
    if twice := int(found["customers"] - found["ids"]):
        raise DataError(f"{source}: {twice:,} rows without an id of their own in {id_column!r}; keep one per customer")
