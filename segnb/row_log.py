"""The row log: one line for each rule that data went through, whether or not it caught anything."""

from collections.abc import Iterable
from typing import NamedTuple

import pandas as pd


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
