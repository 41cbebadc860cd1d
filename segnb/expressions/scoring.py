"""The nearest centre of every row, as an ibis expression."""

from collections.abc import Mapping, Sequence

import ibis
import numpy as np
from sklearn.pipeline import Pipeline

from segnb.expressions.features import Column, feature_columns, known

FAR = 1e300
"""Further than any distance."""


def score_expression(
    table: ibis.Table,
    customer_id: str,
    columns: Sequence[str],
    pipeline: Pipeline,
    centres: np.ndarray,
    numbers: Sequence[int],
    names: Mapping[int, str],
    farthest: float,
    *,
    drop_missing: bool = False,
) -> ibis.Table:
    """Return the segment of every customer of a table, as `segnb.runs.scoring.score_customers` gives it.

    Parameters
    ----------
    table : ibis.Table
        One row per customer, original units.
    customer_id : str
        The column with the customer's id.
    columns : sequence of str
        The clustering columns.
    pipeline : Pipeline
        As fitted by `segnb.prepare.prepare`.
    centres : array of shape (k, n_features)
        In the scaled space.
    numbers : sequence of int
        The segments' numbers, in the order of the centres.
    names : mapping of int to str
    farthest : float
        Beyond this distance from the nearest centre, values not pulled in, a customer is unlike anyone before.
    drop_missing : bool, default False
        Leave out customers with a missing value in a clustering column.

    Returns
    -------
    ibis.Table
        The id, `segment`, `name` and `confidence`, missing where a logarithm has no value, and `unlike`.
    """
    kept = table.filter([known(table[name]).notnull() for name in columns]) if drop_missing else table
    near, plain = (feature_columns(kept, pipeline, columns, pulled_in=pulled) for pulled in (True, False))
    features = _apart(
        kept.select(
            kept[customer_id],
            **{f"near_{place}": feature for place, feature in enumerate(near)},
            **{f"plain_{place}": feature for place, feature in enumerate(plain)},
        )
    )
    squares = _apart(
        features.select(
            customer_id,
            **{f"d{j}": _square(features, "near", centre) for j, centre in enumerate(centres)},
            reach=_least([_square(features, "plain", centre) for centre in centres]),
        )
    )
    nearest = _apart(squares.mutate(least=_least([squares[f"d{j}"] for j in range(len(centres))])))
    first = ibis.cases(*((nearest[f"d{j}"] == nearest.least, j) for j in range(len(centres))), else_=0)
    placed = _apart(nearest.mutate(place=nearest.least.isnull().ifelse(ibis.null("int64"), first)))
    others = [(placed.place == j).ifelse(FAR, placed[f"d{j}"]) for j in range(len(centres))]
    roots = {"one": placed.least.sqrt(), "two": _least(others).sqrt(), "reach": placed.reach.sqrt()}
    apart = _apart(placed.select(customer_id, "place", **roots))
    both = apart.one + apart.two
    shadow = (both == 0).ifelse(1.0, 2 * apart.one / both.nullif(0.0))
    return apart.select(
        customer_id,
        segment=apart.place.cases(*((j, int(number)) for j, number in enumerate(numbers))),
        name=apart.place.cases(*((j, names[int(number)]) for j, number in enumerate(numbers))),
        confidence=1 - shadow,
        unlike=(apart.reach > float(farthest)).fill_null(True),
    )


def _apart(table: ibis.Table) -> ibis.Table:
    """Return a table that stays a subquery of its own: merged into one, the expressions would double at every step.

    PostgreSQL merges subqueries by itself unless they have a limit.
    """
    return table.limit(2**62) if table.get_backend().name == "postgres" else table.view()


def _square(features: ibis.Table, prefix: str, centre: np.ndarray) -> Column:
    """Return the squared distance to a centre."""
    apart = [features[f"{prefix}_{place}"] - float(value) for place, value in enumerate(centre)]
    squares = [each * each for each in apart]
    return sum(squares[1:], squares[0])


def _least(values: list[Column]) -> Column:
    return ibis.least(*values) if len(values) > 1 else values[0]
