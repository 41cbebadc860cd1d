"""Who moved from which segment to which."""

import numpy as np
import pandas as pd

ENTRANTS, LEAVERS = "entrants", "leavers"


def migration(before: pd.Series, after: pd.Series) -> pd.DataFrame:
    """Return the numbers of customers by segment before and after.

    Parameters
    ----------
    before, after : Series
        Segment of each customer, indexed by customer id, numbered alike on both sides.

    Returns
    -------
    DataFrame of int
        One row per segment before and one for `entrants` (customers not there before), one column per segment
        after and one for `leavers` (customers no longer there).

    >>> migration(pd.Series([1, 2], index=["a", "b"]), pd.Series([1, 1], index=["a", "c"])).to_numpy().tolist()
    [[1, 0, 0], [0, 0, 1], [1, 0, 0]]
    """
    segments = sorted(set(before) | set(after))
    sides = pd.concat([before.rename("before"), after.rename("after")], axis=1, sort=False).astype(object)
    sides = sides.fillna({"before": ENTRANTS, "after": LEAVERS})
    table = pd.crosstab(sides["before"], sides["after"])
    return table.reindex(index=[*segments, ENTRANTS], columns=[*segments, LEAVERS], fill_value=0)


def mobility(table: pd.DataFrame) -> float:
    """Return Shorrocks' mobility of a migration table: 0 if nobody moves, 1 if today says nothing about before.

    (k - trace P)/(k - 1), with P the shares of those who are there both times (Shorrocks, Econometrica 46, 1978).

    >>> mobility(migration(pd.Series([1, 1, 2, 2]), pd.Series([1, 1, 2, 2])))
    0.0
    """
    inner = table.drop(index=ENTRANTS, columns=LEAVERS).to_numpy(dtype=float)
    filled = inner[inner.sum(axis=1) > 0]
    k = len(filled)
    if k < 2:
        return float("nan")
    own = np.diag(inner)[inner.sum(axis=1) > 0] / filled.sum(axis=1)
    return float((k - own.sum()) / (k - 1))


def withhold_small(table: pd.DataFrame, min_cell: int) -> pd.DataFrame:
    """Return the table without the counts from 1 to `min_cell` - 1, which would tell of few people.

    >>> withhold_small(pd.DataFrame({"a": [12, 3, 0]}), 10)["a"].tolist()
    [12.0, nan, 0.0]
    """
    return table.where((table == 0) | (table >= min_cell)).astype(float)


def migration_shares(table: pd.DataFrame) -> pd.DataFrame:
    """Return each row of a migration table as shares of the row, missing for an empty row."""
    totals = table.sum(axis=1)
    return table.div(totals.where(totals > 0), axis=0)
