"""Step 1: clean the rows, and turn the chosen columns into the scaled matrix that k-means sees."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
from sklearn.pipeline import Pipeline

from segnb.errors import DataError
from segnb.prepare.columns import check_weights, choose_descriptors, choose_features
from segnb.prepare.pipeline import build_pipeline, numbers
from segnb.row_log import Rule
from segnb.transformers import Clipper

FLOAT32_ROWS = 1_000_000
"""Above this many rows the feature matrix is float32."""


@dataclass(frozen=True)
class Prepared:
    """What step 1 makes of a customer table.

    Attributes
    ----------
    customers : DataFrame
        The rows that are kept, in original units.
    features : DataFrame
        The scaled matrix, same index as `customers`, no missing values.
    pipeline : Pipeline
        The fitted impute, clip, transform, scale and weigh steps; it turns new customers into features.
    columns : list of str
        The columns of `customers` that the pipeline reads.
    descriptors : list of str
        The columns that describe segments but do not make them.
    rules : list of Rule
        Lines of the row log.
    """

    customers: pd.DataFrame
    features: pd.DataFrame
    pipeline: Pipeline
    columns: list[str]
    descriptors: list[str]
    rules: list[Rule]


def prepare(
    table: pd.DataFrame,
    behaviours: Sequence[str],
    *,
    features: Sequence[str] = (),
    descriptors: Sequence[str] = (),
    missing: str = "median",
    outliers: str = "winsorise",
    transform: str = "auto",
    scale: str = "standard",
    weights: dict[str, float] | None = None,
    seed: int = 0,
) -> Prepared:
    """Return the cleaned customers and the scaled matrix made of them.

    Parameters
    ----------
    table : DataFrame
        One row per customer, index the customer id.
    behaviours : sequence of str
        The columns to use where `features` is empty.
    features, descriptors : sequence of str
        Columns to cluster on, and to describe segments by (empty: all others).
    missing : {"median", "most_frequent", "drop", "indicator"}
        Fill with the column's median or most frequent value, drop the row, or fill with the median and add a
        column that says so.
    outliers : {"keep", "winsorise", "clip", "drop"}
        Leave, pull in to the 1 % and 99 % quantiles, pull in to median ± 5 MAD, or drop rows beyond those.
    transform : {"none", "log", "yeo-johnson", "quantile", "auto"}
        auto is Yeo-Johnson where the absolute skewness exceeds 1.
    scale : {"none", "standard", "robust", "minmax"}
    weights : dict of str to float, optional
        Importance of a column: its factor in the squared distance.
    seed : int, default 0
        For the rows that the quantile transform looks at in a large table.

    Raises
    ------
    DataError
        If a column is missing, is not a number, holds infinite or absurd values, or nothing is left.

    >>> table = pd.DataFrame({"spend": [1.0, 2, 3, 4], "age": [20, 30, 40, 50]})
    >>> prepare(table, ["spend"], outliers="keep").features["spend"].round(2).tolist()
    [-1.34, -0.45, 0.45, 1.34]
    """
    columns, rules = choose_features(table, features, behaviours)
    descriptors = choose_descriptors(table, columns, descriptors)
    check_weights(weights or {}, columns)
    customers, dropped = _drop_rows(table, columns, missing, outliers)
    if scale == "robust":
        _check_spread(customers[columns])
    if transform == "log":
        _check_positive(customers[columns])
    pipeline = build_pipeline(
        missing=missing, outliers=outliers, transform=transform, scale=scale, weights=weights, seed=seed
    )
    if transform == "quantile":
        pipeline.set_params(transform__n_quantiles=min(1000, len(customers)))
    matrix = pipeline.fit_transform(numbers(customers[columns])).set_axis(customers.index)
    rules = [*rules, *dropped, *_changed_cells(pipeline, customers[columns])]
    matrix = matrix.astype("float32") if len(matrix) > FLOAT32_ROWS else matrix
    return Prepared(customers, matrix, pipeline, columns, descriptors, rules)


def _check_positive(table: pd.DataFrame) -> None:
    for name, column in table.items():
        if (column <= -1).any():
            raise DataError(
                f"transform='log': column {name!r} has {int((column <= -1).sum())} values of -1 or less; "
                "use transform='yeo-johnson' or 'auto'"
            )


def _check_spread(table: pd.DataFrame) -> None:
    for name, column in numbers(table).items():
        if column.quantile(0.25) == column.quantile(0.75):
            raise DataError(
                f"scale='robust': column {name!r} has one value in its whole middle half, so that it has no width to "
                "scale by; use scale='standard' or 'minmax', or leave the column out of features"
            )


def _drop_rows(table: pd.DataFrame, columns: list[str], missing: str, outliers: str) -> tuple[pd.DataFrame, list[Rule]]:
    """Return the rows that are kept under the rules that drop rows, and what those did."""
    values = numbers(table[columns])
    keep = pd.Series(True, index=table.index)
    rules = []
    if missing == "drop":
        keep = values.notna().all(axis=1)
        rules.append(
            Rule("rows with a missing value dropped", "customers", len(table), int((~keep).sum()), int(keep.sum()))
        )
    if outliers == "drop" and keep.any():
        beyond = Clipper("clip").fit(values[keep]).beyond(values[keep]).any(axis=1)
        before = int(keep.sum())
        keep[keep[keep].index[beyond]] = False
        note = "beyond median ± 5 MAD in some column"
        rules.append(Rule("outlying rows dropped", "customers", before, int(beyond.sum()), int(keep.sum()), note))
    if keep.sum() < 2:
        raise DataError(
            f"only {int(keep.sum())} of {len(table)} customers are left; use other rules for missing and outliers"
        )
    return table[keep], rules


def _changed_cells(pipeline: Pipeline, table: pd.DataFrame) -> list[Rule]:
    """Return a rule per column for the cells that were filled and those that were pulled in."""
    values = numbers(table)
    imputed = pipeline.named_steps["impute"].transform(values)
    beyond = pipeline.named_steps["clip"].beyond(imputed)
    rules = []
    for name, column in values.items():
        filled = int(column.isna().sum())
        if filled:
            rules.append(Rule("missing values filled", "cells", len(column), filled, len(column), name))
    for position, name in enumerate(imputed.columns):
        pulled = int(beyond[:, position].sum())
        if pulled:
            rules.append(Rule("outlying values pulled in", "cells", len(values), pulled, len(values), name))
    return rules
