"""What a table holds and what step 1 made of it, in a table and in sentences."""

import numpy as np
import pandas as pd

from segnb.prepare.clean import Prepared
from segnb.prepare.pipeline import numbers, skewness
from segnb.text import label, number, percent

MOSTLY_ONE = 0.9
"""With a larger share of one value a column can tell few customers from the others."""


def overview(table: pd.DataFrame) -> pd.DataFrame:
    """Return a line per column: `kind`, `missing_share`, `distinct`, and quantiles of numbers.

    Quantiles rather than extremes: the largest value is one customer's.

    >>> overview(pd.DataFrame({"age": [20.0, None, 40]})).loc["age", "missing_share"].round(2)
    np.float64(0.33)
    """
    numeric = (
        table.select_dtypes("number", exclude="timedelta")
        .astype(float)
        .quantile([0.05, 0.5, 0.95])
        .T.set_axis(["low_5%", "median", "high_95%"], axis=1)
    )
    kinds = ["number" if name in numeric.index else "category" for name in table]
    lines = pd.DataFrame(
        {"kind": kinds, "missing_share": table.isna().mean(), "distinct": table.nunique()}, index=table.columns
    )
    return lines.join(numeric).rename_axis("column")


def sentences(prepared: Prepared) -> list[str]:
    """Return what step 1 did, in sentences computed from the result."""
    values = numbers(prepared.customers[prepared.columns])
    before = pd.Series(skewness(values.to_numpy()), index=values.columns)
    after = pd.Series(skewness(prepared.features.to_numpy(dtype=float)), index=prepared.features.columns)
    common = values.apply(lambda column: column.value_counts(normalize=True).max())
    flat = common[common > MOSTLY_ONE]
    most = before.abs().idxmax()
    said = [
        f"{len(prepared.customers):,} customers go on with {prepared.features.shape[1]} clustering columns; "
        f"{len(prepared.descriptors)} other columns will describe the segments.",
        f"The most skewed column was {label(most)}: skewness {number(before[most])}, now {number(after[most])}.",
    ]
    if values.shape[1] > 1:
        pairs = prepared.features.corr().where(np.tri(prepared.features.shape[1], k=-1, dtype=bool)).stack()
        one, other = pairs.abs().idxmax()
        both = f"{label(one)} and {label(other)}, correlation {pairs[one, other]:.2f}"
        said.append(f"The two columns that say most nearly the same are {both}.")
    return said + [f"{label(name)} is the same for {percent(share)} of the customers." for name, share in flat.items()]
