"""Which segment of today is which segment of before."""

from collections.abc import Iterable

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment

from segnb.errors import DataError

OVERLAP = 0.5
"""A segment goes on in another if at least this share of its customers is found there."""


def match_segments(previous: pd.Series, current: pd.Series, known: Iterable[int] = ()) -> pd.DataFrame:
    """Return what became of each segment.

    Segments are paired one to one so that the sum of the Jaccard indices of their shared customers is largest
    (Kuhn, Naval Research Logistics 2, 1955); fates after MONIC (Spiliopoulou et al., KDD 2006).

    Parameters
    ----------
    previous, current : Series
        Segment of each customer, indexed by customer id; only customers in both count.
    known : iterable of int
        Previous segments; those without a customer here have vanished.

    Returns
    -------
    DataFrame
        `previous` and `current` (segment numbers, missing where there is none), `shared` (customers in both),
        `jaccard` (0 to 1), `overlap` (shared, as a share of the previous segment's) and `fate`: survived, split,
        merged, vanished or emerged.

    Raises
    ------
    DataError
        If no customer is in both.

    >>> before = pd.Series([1, 1, 1, 2, 2], index=list("abcde"))
    >>> match_segments(before, before.map({1: 2, 2: 1}))[["previous", "current", "fate"]].to_numpy().tolist()
    [[1, 2, 'survived'], [2, 1, 'survived']]
    """
    both = previous.index.intersection(current.index)
    if both.empty:
        raise DataError("the two segmentations share no customer; compare runs on the same customer ids")
    table = pd.crosstab(previous.loc[both].to_numpy(), current.loc[both].to_numpy())
    union = table.sum(axis=1).to_numpy()[:, None] + table.sum().to_numpy() - table.to_numpy()
    jaccard = pd.DataFrame(table.to_numpy() / union, index=table.index, columns=table.columns)
    pairs = {
        table.index[i]: table.columns[j]
        for i, j in zip(*linear_sum_assignment(-jaccard.to_numpy()))
        if jaccard.iloc[i, j] > 0
    }
    rows = [_old_row(segment, pairs.get(segment), table, jaccard) for segment in table.index]
    rows += [_lone_row("previous", segment, "vanished") for segment in sorted(set(known) - set(table.index))]
    rows += [_lone_row("current", segment, "emerged") for segment in table.columns if segment not in pairs.values()]
    return pd.DataFrame(rows).astype({"previous": "Int64", "current": "Int64"})


def withhold_matches(matches: pd.DataFrame, min_cell: int) -> pd.DataFrame:
    """Return the matches without the figures of pairs that share fewer than `min_cell` customers."""
    figures = matches[["shared", "jaccard", "overlap"]].astype(float)
    return matches.assign(**figures.mask(matches["shared"].between(1, min_cell - 1), axis=0))


def _old_row(segment: int, partner: int | None, table: pd.DataFrame, jaccard: pd.DataFrame) -> dict[str, object]:
    shares = table.loc[segment] / table.loc[segment].sum()
    shared = int(table.loc[segment, partner]) if partner is not None else 0
    return {
        "previous": segment,
        "current": pd.NA if partner is None else partner,
        "shared": shared,
        "jaccard": 0.0 if partner is None else float(jaccard.loc[segment, partner]),
        "overlap": 0.0 if partner is None else float(shares[partner]),
        "fate": _fate(shares, partner),
    }


def _fate(shares: pd.Series, partner: int | None) -> str:
    if partner is not None and shares[partner] >= OVERLAP:
        return "survived"
    if partner is None and shares.max() >= OVERLAP:
        return "merged"
    large = np.sort(shares.to_numpy())[::-1]
    if len(large) > 1 and large[1] >= OVERLAP / 2 and large[:2].sum() >= OVERLAP:
        return "split"
    return "vanished"


def _lone_row(side: str, segment: int, fate: str) -> dict[str, object]:
    nothing = {"previous": pd.NA, "current": pd.NA, "shared": 0, "jaccard": 0.0, "overlap": 0.0, "fate": fate}
    return nothing | {side: segment}
