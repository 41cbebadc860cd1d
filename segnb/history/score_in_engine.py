"""Give a run's segments to the customers of an engine's table inside the engine, or as a query to take along."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any

import ibis
import numpy as np
import pandas as pd
import sqlglot
from ibis import _
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, PowerTransformer, RobustScaler, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from segnb.data import customer_expression, open_log, snapshot_day
from segnb.data.contract import level_ranks
from segnb.data.engines import check_numbers, connect, engine_table, fetch, first_line
from segnb.errors import DataError
from segnb.history.numbering import names_of
from segnb.history.score import check_there, settings_of, sizes_sentence, takes_log
from segnb.history.snapshots import snapshot_of
from segnb.interpret import describe_by_rules
from segnb.iterate import Snapshot, unclipped
from segnb.paths import is_file
from segnb.prepare.pipeline import OTHER, Clipper, LevelBlocks, Weigher, level_blocks, number_steps
from segnb.runs.store import Run
from segnb.tables import LARGEST, MISSING, is_number
from segnb.text import IS, percent

_Column = ibis.expr.types.NumericValue


def feature_table(table: ibis.Table, customer_id: str, columns: Sequence[str], **pipelines: Pipeline) -> ibis.Table:
    """Return the id and the features that pipelines make of a table's columns, each step a subquery of its own.

    Parameters
    ----------
    table : ibis.Table
        One row per customer, original units; NULL and NaN are missing.
    customer_id : str
        The column with the customer's id.
    columns : sequence of str
        The columns that the pipelines were fitted to.
    **pipelines : Pipeline
        As fitted by `segnb.prepare.prepare`; the features of `near` are called near_0, near_1, …, flags of missing
        values last.

    Raises
    ------
    DataError
        If a step has no expression (the quantile transform).
    """
    spaces = {kind: _steps(table, pipeline, columns) for kind, pipeline in pipelines.items()}
    begun = {f"{kind}_{place}": each for kind, (own, _) in spaces.items() for place, each in enumerate(own)}
    features = _apart(table.select(customer_id, **begun))
    for kind, (_own, steps) in spaces.items():
        for apply, step, count in steps:
            names = [f"{kind}_{place}" for place in range(count)]
            changed = {name: apply(step, place, features[name]) for place, name in enumerate(names)}
            features = _apart(features.mutate(**changed))
    return features


def _steps(
    table: ibis.Table, pipeline: Pipeline, columns: Sequence[str]
) -> tuple[list[_Column], list[tuple[Callable, Any, int]]]:
    """Return the features before a pipeline's steps, numbers first, and each step with how many of them it changes."""
    blocks = level_blocks(pipeline)
    numeric = [name for name in columns if not blocks or name not in blocks.levels_]
    (_name, imputer), *steps = number_steps(pipeline).steps if numeric else [("none", None)]
    values = _imputed(table, imputer, numeric) if numeric else []
    features = values + (_levels(table, blocks) if blocks else [])
    parts = [(_expression_of(step), step, len(values)) for _name, step in steps if step != "passthrough"]
    return features, [*parts, (_STEPS[Weigher], pipeline["weigh"], len(features))]


def _levels(table: ibis.Table, blocks: LevelBlocks) -> list[_Column]:
    """Return the columns of the levels of categories, each centred and scaled."""
    found = []
    for name, levels in blocks.levels_.items():
        text = table[name].cast("string").fill_null(MISSING)
        text = text.isin(levels).ifelse(text, OTHER) if OTHER in levels else text
        found += [_flag(text == level) for level in levels]
    return [(each - float(mean)) / float(scale) for each, mean, scale in zip(found, blocks.means_, blocks.scales_)]


def _imputed(table: ibis.Table, imputer: Any, columns: Sequence[str]) -> list[_Column]:
    """Return the columns with missing values filled, then the columns that say where they were."""
    values = [_known(table[name]) for name in columns]
    filled = [value.coalesce(float(fill)) for value, fill in zip(values, imputer.statistics_)]
    flagged = imputer.indicator_.features_ if imputer.add_indicator else []
    return filled + [_flag(values[place].isnull()) for place in flagged]


def _flag(true: ibis.Value) -> _Column:
    """Return 1 or 0 as floats: PostgreSQL casts no booleans, and Spark would take 1.0 for a decimal."""
    return true.ifelse(*(ibis.literal(digit).cast("float64") for digit in "10"))


def _known(column: ibis.Column) -> ibis.Column:
    """Return a column as numbers, NaN as NULL; texts as they are."""
    if column.type().is_string():
        return column
    value = column.cast("float64")
    return value.isnan().ifelse(ibis.null("float64"), value) if column.type().is_floating() else value


def _clip(step: Clipper, place: int, value: _Column) -> _Column:
    low, high = float(step.lower_[place]), float(step.upper_[place])
    value = (value < low).ifelse(low, value) if np.isfinite(low) else value
    return (value > high).ifelse(high, value) if np.isfinite(high) else value


def _yeo_johnson(step: PowerTransformer, place: int, value: _Column) -> _Column:
    """Yeo and Johnson, Biometrika 87, 2000; powers within a rounding error of 0, or of 2, count as that."""
    power, nearest = float(step.lambdas_[place]), float(np.spacing(1.0))
    if power == 1:
        return value
    zero = ibis.literal(0.0)
    above, below = ibis.greatest(value, zero) + 1, ibis.greatest(-value, zero) + 1
    positive = above.ln() if abs(power) < nearest else (above**power - 1) / power
    negative = -below.ln() if abs(power - 2) < nearest else -(below ** (2 - power) - 1) / (2 - power)
    return (value >= 0).ifelse(positive, negative)


_STEPS: dict[type, Callable[[Any, int, _Column], _Column]] = {
    Clipper: _clip,
    FunctionTransformer: lambda step, place, value: (value > -1).ifelse((value + 1).ln(), ibis.null("float64")),
    PowerTransformer: _yeo_johnson,
    StandardScaler: lambda step, place, value: (value - float(step.mean_[place])) / float(step.scale_[place]),
    RobustScaler: lambda step, place, value: (value - float(step.center_[place])) / float(step.scale_[place]),
    MinMaxScaler: lambda step, place, value: value * float(step.scale_[place]) + float(step.min_[place]),
    Weigher: lambda step, place, value: value * float(step.factors_[place]),
}


def _expression_of(step: Any) -> Callable[[Any, int, _Column], _Column]:
    for kind, apply in _STEPS.items():
        if isinstance(step, kind):
            return apply
    raise DataError(
        f"transform: an engine cannot compute {type(step).__name__}; score a file, or make the run with "
        "transform='auto', 'yeo-johnson', 'log' or 'none'"
    )


_FAR = 1e300
"""Further than any distance."""


def score_expression(
    table: ibis.Table, customer_id: str, snapshot: Snapshot, names: Mapping[int, str], *, drop_missing: bool = False
) -> ibis.Table:
    """Return the segment of every customer of a table, as `segnb.history.score.score_customers` gives it.

    Parameters
    ----------
    table : ibis.Table
        One row per customer, original units.
    customer_id : str
        The column with the customer's id.
    snapshot : Snapshot
        Of the run.
    names : mapping of int to str
        Of its segments, by number.
    drop_missing : bool, default False
        Leave out customers with a missing value in a clustering column.

    Returns
    -------
    ibis.Table
        The id, `segment`, `name` and `confidence`, missing where a logarithm has no value, and `unlike`.

    Raises
    ------
    DataError
        If a step of the pipeline has no expression.
    """
    columns, centres = snapshot.columns, snapshot.model.cluster_centers_
    kept = table.filter([_known(table[name]).notnull() for name in columns]) if drop_missing else table
    features = feature_table(kept, customer_id, columns, near=snapshot.pipeline, plain=unclipped(snapshot.pipeline))
    reach = _least([_squared_distance(features, "plain", centre) for centre in centres])
    placed = placed_nearest(features, centres, customer_id, reach.name("reach"))
    others = [(placed.place == j).ifelse(_FAR, placed[f"d{j}"]) for j in range(len(centres))]
    roots = {"one": placed.least.sqrt(), "two": _least(others).sqrt(), "reach": placed.reach.sqrt()}
    apart = _apart(placed.select(customer_id, "place", **roots))
    both = apart.one + apart.two
    return apart.select(
        customer_id,
        segment=apart.place.cases(*enumerate(snapshot.numbers)),
        name=apart.place.cases(*((j, names[number]) for j, number in enumerate(snapshot.numbers))),
        confidence=1 - (both == 0).ifelse(1.0, 2 * apart.one / both.nullif(0.0)),
        unlike=(apart.reach > snapshot.farthest).fill_null(True),
    )


def placed_nearest(features: ibis.Table, centres: np.ndarray, *kept: str | ibis.Value) -> ibis.Table:
    """Return squared distances to centres, d0, d1, …, the `least` of them and its `place`, the first of equal ones.

    Parameters
    ----------
    features : ibis.Table
        Features near_0, near_1, … of `feature_table`.
    centres : array of shape (n_segments, n_features)
    *kept : str or ibis column
        What else to keep, such as the id.
    """
    squares = {f"d{j}": _squared_distance(features, "near", centre) for j, centre in enumerate(centres)}
    squared = _apart(features.select(*kept, **squares))
    nearest = _apart(squared.mutate(least=_least([squared[name] for name in squares])))
    place = ibis.cases(*((nearest[name] == nearest.least, j) for j, name in enumerate(squares)))
    return _apart(nearest.mutate(place=place))


def _apart(table: ibis.Table) -> ibis.Table:
    """Return a table that stays a subquery of its own: merged into one, the expressions would double at every step.

    PostgreSQL merges subqueries unless they have a limit.
    """
    return table.limit(2**62) if table.get_backend().name == "postgres" else table.view()


def _squared_distance(features: ibis.Table, kind: str, centre: np.ndarray) -> _Column:
    """Return the squared distance to a centre."""
    apart = [features[f"{kind}_{place}"] - float(value) for place, value in enumerate(centre)]
    squares = [each * each for each in apart]
    return sum(squares[1:], squares[0])


def _least(values: list[_Column]) -> _Column:
    """Return the least of the values; engines want at least two for that."""
    return ibis.least(*values) if len(values) > 1 else values[0]


DIALECTS = ("duckdb", "postgres", "bigquery", "snowflake", "spark")


def segment_sql(snapshot: Snapshot, customer_id: str, names: Mapping[int, str], seed: int = 0) -> dict[str, str]:
    """Return queries that give the customers of a table the segments of a run.

    The first computes the run's own features and the nearest centre, so that nobody's segment differs. The second,
    there if a tree of four questions gets at least 80 % of each segment right, is short and for people.

    Parameters
    ----------
    snapshot : Snapshot
        Of the run.
    customer_id : str
        The column with the customer's id.
    names : mapping of int to str
        Of the segments, for the comments.
    seed : int
        The run's own, for the tree.

    Returns
    -------
    dict of str to str
        For each of `DIALECTS` two SELECT statements, or one, from a table `customers` with the columns of the run's
        labelled.csv.

    Raises
    ------
    DataError
        If a step of the pipeline has no expression (the quantile transform).
    """
    kinds = {name: "int64" if is_number(snapshot.customers[name]) else "string" for name in snapshot.columns}
    engine = connect()
    engine.create_table("customers", schema=ibis.schema({customer_id: "string"} | kinds))
    table = engine.table("customers")
    features = feature_table(table, customer_id, snapshot.columns, near=snapshot.pipeline)
    placed = placed_nearest(features, snapshot.model.cluster_centers_, customer_id)
    called = [f"-- {number}: {' '.join(names[number].split())}" for number in snapshot.numbers]
    head = "\n".join(["-- The run's own segments: the nearest centre, exactly.", *called])
    queries = {head: placed.select(customer_id, segment=placed.place.cases(*enumerate(snapshot.numbers)))}
    rules = describe_by_rules(snapshot.customers[snapshot.columns], snapshot.own[0], seed=seed)
    if rules.tree:
        medians = snapshot.customers[snapshot.columns].median(numeric_only=True)
        words = f"-- A short way: {percent(rules.fidelity)} of each segment right on customers it has not seen."
        queries[words] = table.select(customer_id, segment=_branch(rules.tree, table, medians, 0))
    plain = {words: str(ibis.to_sql(query)) for words, query in queries.items()}
    return {dialect: "\n\n".join(_in_dialect(plain, dialect)) + "\n" for dialect in DIALECTS}


def _in_dialect(queries: Mapping[str, str], dialect: str) -> Iterator[str]:
    """Yield DuckDB's queries as another dialect writes them, each under its comment."""
    for words, query in queries.items():
        yield f"{words}\n{sqlglot.transpile(query, read='duckdb', write=dialect, pretty=True)[0]};"


def _branch(tree: DecisionTreeClassifier, table: ibis.Table, medians: pd.Series, node: int) -> ibis.Value | int:
    """Return the segment that a tree gives, from one of its nodes down; a question that changes nothing isn't asked."""
    inside = tree.tree_
    if inside.children_left[node] == inside.children_right[node]:
        return int(tree.classes_[np.argmax(inside.value[node])])
    low, high = (_branch(tree, table, medians, each[node]) for each in (inside.children_left, inside.children_right))
    if isinstance(low, int) and isinstance(high, int) and low == high:
        return low
    name, _is, level = tree.feature_names_in_[inside.feature[node]].partition(IS)
    if level:
        return (table[name].fill_null(MISSING) == level).ifelse(high, low)
    value = table[name].cast("float64").coalesce(float(medians[name]))
    return (value <= float(inside.threshold[node])).ifelse(low, high)


def scores_in_engine(run: Run, source: str, given: Mapping[str, Any] | None = None) -> ibis.Table:
    """Return the segments of the customers of an engine's table, as an expression; see `score_expression`.

    Parameters
    ----------
    run : Run
        Steps 1 to 3 must be done.
    source : str
        A table of the engine: one row per customer, or a purchase log if the run was made from one.
    given : mapping of str to object, optional
        Parameters of step 1 that differ from the run's, for instance `engine`.

    Raises
    ------
    DataError
        If the engine cannot be reached, the table or columns are missing (all are listed), columns are not numbers or
        hold infinite or absurd values, or an id has more than one row.
    """
    settings, made, snapshot = settings_of(run, given), run.read("prepare.json"), snapshot_of(run)
    id_column = settings.customer_id
    table = engine_table(connect(settings.engine, writable=True), source, settings.engine)
    from_log = takes_log(table.columns, settings, snapshot.columns)
    if from_log:
        log = open_log(settings.model_copy(update={"purchases": source}))
        table = customer_expression(log, snapshot_day(settings, log), settings.window_days, made["categories"])
    if id_column not in table.columns and "customer_id" in table.columns:
        table = table.rename({id_column: "customer_id"})
    check_there(run.name, [id_column, *snapshot.columns], table.columns)
    if not from_log:
        table = as_numbers(table, settings.ordered, settings.as_of or made["as_of"])
        numeric = snapshot.customers[snapshot.columns].select_dtypes(["number", "bool"])
        _check_values(table, source, id_column, list(numeric))
    drop_missing = made["settings"]["missing"] == "drop"
    return score_expression(table, id_column, snapshot, names_of(run), drop_missing=drop_missing)


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
    sizes = counts.dropna().set_index("segment")["customers"]
    return sizes_sentence(sizes, counts["customers"].sum(), counts["unlike"].sum())


def as_numbers(table: ibis.Table, ordered: Mapping[str, Sequence[str]], as_of: str) -> ibis.Table:
    """Return a table in which dates are days before `as_of` and ordered levels ranks, as tables of files are read."""
    times = [name for name, kind in table.schema().items() if as_of and (kind.is_date() or kind.is_timestamp())]
    made = {name: ibis.literal(date.fromisoformat(as_of)).delta(table[name].cast("date"), unit="day") for name in times}
    texts = {name: table[name] for name in ordered if name in table.columns and table[name].type().is_string()}
    made |= {name: text.strip().lower().cases(*level_ranks(ordered[name]).items()) for name, text in texts.items()}
    return table.mutate(**{name: number.cast("float64") for name, number in made.items()})


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
