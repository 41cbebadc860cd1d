"""Who moved from which segment to which."""

import numpy as np
import pandas as pd

from segnb.withholding import withheld_cells
from segnb.wording import ENTRANTS, LEAVERS


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
    """Return the table without the counts that would tell of fewer than `min_cell` people, see `withheld_cells`.

    >>> withhold_small(pd.DataFrame({"a": [12, 3, 0], "b": [90, 30, 20]}), 10).to_numpy().tolist()
    [[nan, nan], [nan, nan], [0.0, nan]]
    """
    return table.astype(float).mask(withheld_cells(table.to_numpy(), min_cell))


def value_moved(
    before: pd.Series, after: pd.Series, value_before: pd.Series, value_after: pd.Series, *, min_cell: int = 10
) -> pd.DataFrame:
    """Return what the customers of each move were worth before and are worth now.

    Parameters
    ----------
    before, after : Series
        Segment of each customer, indexed by customer id, numbered alike on both sides.
    value_before, value_after : Series
        For instance each customer's spend, same indices.
    min_cell : int, default 10
        Moves that would tell of fewer customers, see `withheld_cells`, have no figures.

    Returns
    -------
    DataFrame
        One row per move that happened: `before`, `after` (segments, "entrants" or "leavers"), `customers`,
        `value_before` and `value_after` (sums; 0 for those who were or are not there), and `change`.

    >>> one, two = pd.Series([1, 1], index=["a", "b"]), pd.Series([1, 2], index=["a", "b"])
    >>> value_moved(one, two, one * 10.0, two * 30.0, min_cell=1)["change"].tolist()
    [20.0, 50.0]
    """
    counts = migration(before, after)
    hidden = counts.mask(withheld_cells(counts.to_numpy(), min_cell)).isna().stack()
    sides = pd.concat({"before": before, "after": after, "then": value_before, "now": value_after}, axis=1, sort=False)
    sides = sides.astype({"before": object, "after": object}).fillna({"before": ENTRANTS, "after": LEAVERS})
    groups = sides.groupby(["before", "after"], sort=False)
    table = groups.agg(customers=("before", "size"), value_before=("then", "sum"), value_after=("now", "sum"))
    table = table.assign(change=table["value_after"] - table["value_before"]).astype(float)
    moves = hidden.index[hidden.index.isin(table.index)]
    table = table.loc[moves].where(~hidden[moves], axis=0)
    return table.rename_axis(["before", "after"]).reset_index()


def migration_shares(table: pd.DataFrame) -> pd.DataFrame:
    """Return each row of a migration table as shares of the row, missing for an empty row."""
    totals = table.sum(axis=1)
    return table.div(totals.where(totals > 0), axis=0)
