"""A run's segments as SQL to take along: the nearest centre, exact, and a short tree where it is good enough."""

import ibis
import numpy as np
import pandas as pd
import sqlglot
from sklearn.tree import DecisionTreeClassifier

from segnb.history.score_in_engine import feature_table
from segnb.interpret import describe_by_rules
from segnb.iterate import Snapshot
from segnb.tables import MISSING, is_number
from segnb.text import IS, percent

DIALECTS = ("duckdb", "postgres", "bigquery", "snowflake", "spark")


def segment_sql(snapshot: Snapshot, customer_id: str, dialect: str, names: dict[int, str], seed: int = 0) -> str:
    """Return queries that give the customers of a table the segments of a run.

    The first computes the run's own features and the nearest centre, so that nobody's segment differs. The second,
    there if a tree of four questions gets at least 80 % of each segment right, is short and for people.

    Parameters
    ----------
    snapshot : Snapshot
        Of the run.
    customer_id : str
        The column with the customer's id.
    dialect : {"duckdb", "postgres", "bigquery", "snowflake", "spark"}
    names : dict of int to str
        Of the segments, for the comments.
    seed : int
        The run's own, for the tree.

    Returns
    -------
    str
        Two SELECT statements, or one, from a table `customers` with the columns of the run's labelled.csv.

    Raises
    ------
    DataError
        If a step of the pipeline has no expression (the quantile transform).
    """
    kinds = {name: "int64" if is_number(snapshot.customers[name]) else "string" for name in snapshot.columns}
    table = ibis.table({customer_id: "string"} | kinds, name="customers")
    called = [f"-- {number}: {' '.join(names[number].split())}" for number in snapshot.numbers]
    exact = _in_dialect(_nearest(table, customer_id, snapshot), dialect)
    rules = describe_by_rules(snapshot.customers[snapshot.columns], snapshot.own[0], seed=seed)
    parts = ["-- The run's own segments: the nearest centre, exactly.", *called, f"{exact};"]
    if rules.tree:
        medians = snapshot.customers[snapshot.columns].median(numeric_only=True)
        short = table.select(customer_id, segment=_branch(rules.tree, table, medians, 0))
        parts += ["", f"-- A short way: {percent(rules.fidelity)} of each segment right on customers it has not seen."]
        parts.append(f"{_in_dialect(short, dialect)};")
    return "\n".join(parts) + "\n"


def _in_dialect(query: ibis.Table, dialect: str) -> str:
    return sqlglot.transpile(str(ibis.to_sql(query, dialect="duckdb")), read="duckdb", write=dialect, pretty=True)[0]


def _nearest(table: ibis.Table, customer_id: str, snapshot: Snapshot) -> ibis.Table:
    """Return the number of the nearest centre; the first of two that are as near."""
    features = feature_table(table, customer_id, snapshot.pipeline, snapshot.columns)
    squares = {
        f"d{number}": sum((features[f"f{place}"] - float(value)) ** 2 for place, value in enumerate(centre))
        for number, centre in zip(snapshot.numbers, snapshot.model.cluster_centers_)
    }
    apart = features.select(customer_id, **squares).view()
    least = ibis.least(*(apart[name] for name in squares))
    nearest = ibis.cases(*((apart[name] == least, int(name[1:])) for name in squares))
    return apart.select(customer_id, segment=nearest)


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
