"""Step 1: clean the rows, and turn the chosen columns into the scaled matrix that k-means sees."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
from sklearn.pipeline import Pipeline

from segnb.errors import DataError
from segnb.prepare.pipeline import Clipper, build_pipeline, numbers
from segnb.tables import LARGEST, Rule

MOST_MISSING = 0.9
"""A column that is missing in a larger share of the rows is none to make segments from."""


def choose_features(
    table: pd.DataFrame, wanted: Sequence[str], behaviours: Sequence[str]
) -> tuple[list[str], list[Rule]]:
    """Return the columns to cluster on: those a person wants or, without any, the behaviours that can be used.

    Raises
    ------
    DataError
        If a wanted column is not there, mostly missing, no number, infinite or absurd, or none differs.
    """
    _check_once(wanted, "features")
    mostly_missing = [name for name in wanted or behaviours if _missing_share(table, name) > MOST_MISSING]
    if wanted and mostly_missing:
        shares = [f"{name!r} ({_missing_share(table, name):.0%})" for name in mostly_missing]
        raise DataError(
            f"features: column {', '.join(shares)} is mostly missing, so filling it would make it up; list it in "
            "descriptors, or keep the rows that have it"
        )
    columns = [name for name in wanted or behaviours if name not in mostly_missing]
    if not columns:
        raise DataError("no numeric column to cluster on; name some in features")
    _check_present(table, columns, "features")
    check_numeric(table[columns])
    constant = [name for name in columns if table[name].nunique() < 2]
    usable = [name for name in columns if name not in constant]
    if not usable:
        raise DataError(f"features {', '.join(columns)}: each has only one value; k-means needs columns that differ")
    rules = [
        Rule("constant columns not used", "columns", len(columns), len(constant), len(usable), ", ".join(constant))
    ]
    if mostly_missing:
        names, before = ", ".join(mostly_missing), len(columns) + len(mostly_missing)
        rules.insert(
            0, Rule("mostly missing columns not used", "columns", before, len(mostly_missing), len(columns), names)
        )
    return usable, rules


def choose_descriptors(table: pd.DataFrame, columns: list[str], wanted: Sequence[str]) -> list[str]:
    """Return the columns to describe segments by: those wanted or, without any, all that do not make them."""
    _check_present(table, wanted, "descriptors")
    _check_once(wanted, "descriptors")
    both = [name for name in wanted if name in columns]
    if both:
        raise DataError(
            f"descriptors: {', '.join(map(repr, both))} makes the segments, so that they must differ in it; "
            "take it out of descriptors or of features"
        )
    return list(wanted) or [name for name in table if name not in columns]


def check_numeric(table: pd.DataFrame, parameter: str = "features") -> None:
    """Raise a `DataError` that names the first column that is no number or holds infinite or absurd values."""
    for name, column in table.items():
        if not (pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column)):
            raise DataError(
                f"{parameter}: column {name!r} is {column.dtype}, not a number; k-means needs numbers, "
                "so list it in descriptors instead"
            )
        values = numbers(column.to_frame())[name]
        absurd = int((values.abs() > LARGEST).sum())
        if absurd:
            raise DataError(
                f"{parameter}: column {name!r} has {absurd} infinite values or values beyond {LARGEST:g}; repair them"
            )


def check_weights(weights: dict[str, float], columns: list[str]) -> None:
    """Raise a `DataError` that names the weights of columns that make no segments."""
    unknown = [name for name in weights if name not in columns]
    if unknown:
        raise DataError(
            f"weights: {', '.join(map(repr, unknown))} is no clustering column; those are {', '.join(columns)}"
        )


def _check_once(wanted: Sequence[str], parameter: str) -> None:
    twice = sorted({name for name in wanted if list(wanted).count(name) > 1})
    if twice:
        raise DataError(f"{parameter}: {', '.join(map(repr, twice))} stands there more than once; name it once")


def _check_present(table: pd.DataFrame, wanted: Sequence[str], parameter: str) -> None:
    missing = [name for name in wanted if name not in table]
    if missing:
        known = ", ".join(map(str, table.columns))
        raise DataError(f"{parameter}: no column {', '.join(map(repr, missing))}; the columns are {known}")


def _missing_share(table: pd.DataFrame, name: str) -> float:
    return float(table[name].isna().mean()) if name in table else 0.0


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
