"""Profile and migration of segments, counted in the engine where the tables live."""

from collections.abc import Sequence

import ibis
import pandas as pd
from ibis import _

from segnb.wording import ENTRANTS, LEAVERS


def profile_expression(table: ibis.Table, scores: ibis.Table, customer_id: str, columns: Sequence[str]) -> ibis.Table:
    """Return the size of every segment and the mean of numeric columns in it, in original units.

    Parameters
    ----------
    table : ibis.Table
        One row per customer.
    scores : ibis.Table
        As returned by `score_expression`.
    customer_id : str
    columns : sequence of str
        Numbers; missing values do not count.

    Returns
    -------
    ibis.Table
        `segment`, `customers`, and a column of means per column.
    """
    joined = table.inner_join(scores.select(customer_id, "segment"), customer_id)
    means = {name: joined[name].cast("float64").mean() for name in columns}
    return joined.group_by("segment").agg(customers=_.count(), **means).order_by("segment")


def migration_expression(before: ibis.Table, after: ibis.Table, customer_id: str) -> ibis.Table:
    """Return the number of customers by segment before and after.

    Parameters
    ----------
    before, after : ibis.Table
        The id and `segment`, numbered alike on both sides.

    Returns
    -------
    ibis.Table
        `before` and `after` (segments as text, "entrants" or "leavers") and `customers`; pairs that nobody is in are
        left out. `migration_table` makes a matrix of it.
    """
    one = before.select(customer_id, before=before.segment.cast("string"))
    other = after.select(customer_id, after=after.segment.cast("string"))
    joined = one.outer_join(other, customer_id)
    sides = joined.select(before=joined.before.coalesce(ENTRANTS), after=joined.after.coalesce(LEAVERS))
    return sides.group_by("before", "after").agg(customers=_.count()).order_by("before", "after")


def migration_table(pairs: pd.DataFrame) -> pd.DataFrame:
    """Return the pairs of `migration_expression` as the matrix that `segnb.iterate.migration` returns.

    >>> pairs = pd.DataFrame({"before": ["1", "entrants"], "after": ["1", "2"], "customers": [3, 1]})
    >>> migration_table(pairs).to_numpy().tolist()
    [[3, 0, 0], [0, 0, 0], [0, 1, 0]]
    """
    segments = sorted({int(name) for name in [*pairs["before"], *pairs["after"]] if name not in (ENTRANTS, LEAVERS)})
    matrix = pairs.pivot(index="before", columns="after", values="customers")
    names = [str(segment) for segment in segments]
    matrix = matrix.reindex(index=[*names, ENTRANTS], columns=[*names, LEAVERS]).fillna(0).astype(int)
    return matrix.set_axis([*segments, ENTRANTS]).set_axis([*segments, LEAVERS], axis=1)
