"""p-values of several tests at once."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pandas as pd

COMES_BACK = 0.8
"""Prediction strength and stability from here on: the segments come back on other samples."""

FOUND_AGAIN = 0.75
"""Jaccard index of a segment from here on: models of other samples find it again."""

LIGHTS = {0.0: "unstable", 0.6: "doubtful", FOUND_AGAIN: "stable", 0.85: "highly stable"}
"""What a segment's Jaccard index means from each value on: Hennig, Comput. Stat. Data Anal. 52, 2007."""

LARGEST = 1e15
"""Beyond this a float64 no longer holds the cents and sums of squares lose their meaning."""


class Rule(NamedTuple):
    """What one rule did: of `before` rows (or cells) of `unit`, `affected` were changed, `after` went on."""

    rule: str
    unit: str
    before: int
    affected: int
    after: int
    note: str = ""


def row_log(rules: Iterable[Rule]) -> pd.DataFrame:
    """Return the rules as a table, in the order in which they were applied.

    >>> row_log([Rule("without an id", "rows", 10, 2, 8)]).loc[0, "after"]
    np.int64(8)
    """
    return pd.DataFrame(list(rules), columns=list(Rule._fields))


def holm(p: np.ndarray) -> np.ndarray:
    """Return p-values corrected for their number, missing ones left out (Holm, Scand. J. Statist. 6, 1979).

    >>> holm(np.array([0.01, np.nan, 0.04])).tolist()
    [0.02, nan, 0.04]
    """
    p = np.asarray(p, dtype=float)
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known], kind="stable")]
    result = np.full(len(p), np.nan)
    result[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(order), 0, -1)), 1)
    return result
