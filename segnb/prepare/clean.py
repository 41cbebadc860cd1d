"""Step 1: choose the columns, clean the rows, make the scaled matrix, and say what was done."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from segnb.errors import DataError
from segnb.prepare.pipeline import Clipper, build_pipeline, inputs, level_blocks, number_steps, skewness
from segnb.tables import LARGEST, MISSING, Rule
from segnb.text import prose
from segnb.text import sentences as lines

MOST_MISSING = 0.9
"""A column that is missing in a larger share of the rows cannot make segments."""

MOST_LEVELS = 60
"""A category of more levels cannot make segments."""

_FLOAT32_ROWS = 1_000_000
"""Above this many rows the feature matrix is float32."""

_WORDS = prose(__file__)
_ALIKE = 0.5
"""Columns with a smaller correlation, whatever its sign, don't say the same."""

_MOSTLY_ONE = 0.9
"""A column with a larger share of one value tells few customers apart."""


_Names = Sequence[str]
"""Of columns."""

ROLES = {"features", "descriptors", "outcomes", "exclude"}
PREPARING = ROLES | {"missing", "outliers", "transform", "scale", "weights", "seed"}
"""The parameters that `prepare` takes, by the names of its arguments."""


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
        The columns that describe segments but do not make them, outcomes among them.
    rules : list of Rule
        Lines of the row log.

    Examples
    --------
    >>> prepare(pd.DataFrame({"spend": [1.0, 2, 3], "age": [20, 30, 40]}), ["spend"]).descriptors
    ['age']
    """

    customers: pd.DataFrame
    features: pd.DataFrame
    pipeline: Pipeline
    columns: list[str]
    descriptors: list[str]
    rules: list[Rule]


def prepare(
    table: pd.DataFrame,
    behaviours: _Names,
    *,
    features: _Names = (),
    descriptors: _Names = (),
    outcomes: _Names = (),
    exclude: _Names = (),
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
        Columns to cluster on, and to describe segments by (empty: all others). Columns of text and categories become
        blocks of their levels, see `LevelBlocks`; they cluster only where they are named.
    outcomes, exclude : sequence of str
        Columns that describe segments and never make them, and columns that do neither.
    missing : {"median", "most_frequent", "drop", "indicator"}
        Fill with the column's median or most frequent value, drop the row, or fill with the median and add a
        column that says so.
    outliers : {"keep", "winsorise", "clip", "drop"}
        Leave, pull in to the 1 % and 99 % quantiles, pull in to median ± 5 MAD, or drop rows beyond those.
    transform : {"none", "log", "yeo-johnson", "quantile", "auto"}
        auto is Yeo-Johnson where the absolute skewness exceeds 1.
    scale : {"none", "standard", "robust", "minmax"}
        Leave, mean 0 and standard deviation 1, median 0 and middle half 1 wide, or from 0 to 1.
    weights : dict of str to float, optional
        Importance of a column: its factor in the squared distance.
    seed : int, default 0
        For the rows that the quantile transform looks at in a large table.

    Raises
    ------
    DataError
        If a column is missing, holds infinite or absurd values or too many levels, or nothing is left.

    >>> table = pd.DataFrame({"spend": [1.0, 2, 3, 4], "age": [20, 30, 40, 50]})
    >>> prepare(table, ["spend"], outliers="keep").features["spend"].round(2).tolist()
    [-1.34, -0.45, 0.45, 1.34]
    """
    _check_names(table, exclude, "exclude")
    _check_names(table, outcomes, "outcomes")
    _check_apart(outcomes, features, "outcomes", "features")
    _check_apart(exclude, [*features, *descriptors, *outcomes], "exclude", "features, descriptors or outcomes")
    table = table.drop(columns=list(exclude))
    usable = [name for name in behaviours if name not in {*outcomes, *exclude}]
    columns, rules = _choose_features(table, features, usable)
    descriptors = _choose_descriptors(table, columns, descriptors, outcomes)
    weights = weights or {}
    _check_weights(weights, columns)
    customers, dropped = _drop_rows(table, columns, missing, outliers)
    values = inputs(customers[columns])
    _check_values(values.select_dtypes("number"), transform, scale)
    pipeline = build_pipeline(values, missing, outliers, transform, scale, weights, seed)
    matrix = pipeline.fit_transform(values).set_axis(customers.index)
    rules = [*rules, *dropped, *_changed_cells(pipeline, values)]
    matrix = matrix.astype("float32") if len(matrix) > _FLOAT32_ROWS else matrix
    return Prepared(customers, matrix, pipeline, columns, descriptors, rules)


def check_columns_used(table: pd.DataFrame, parameter: str = "features") -> None:
    """Check that columns of numbers are of a size that can be used, and that the others are categories of few levels.

    Parameters
    ----------
    table : DataFrame
    parameter : str, default "features"
        What the message begins with.

    Raises
    ------
    DataError
        Naming the first column that holds infinite or absurd values, times, or too many different texts.

    >>> check_columns_used(pd.DataFrame({"spend": [1.0, 1e300]}))
    Traceback (most recent call last):
    segnb.errors.DataError: features: column 'spend' has 1 infinite values or values beyond 1e+15; repair them
    """
    for name, column in table.items():
        if pd.api.types.is_datetime64_any_dtype(column) or pd.api.types.is_timedelta64_dtype(column):
            raise DataError(f"{parameter}: column {name!r} is {column.dtype}; give its distance in days as a number")
        numeric = pd.api.types.is_numeric_dtype(column)
        if not numeric and column.nunique() > MOST_LEVELS:
            many = f"{column.nunique():,} different texts, at most {MOST_LEVELS} can make segments"
            raise DataError(f"{parameter}: column {name!r} has {many}; group them, or list it in descriptors instead")
        if absurd := numeric and int((column.astype(float).abs() > LARGEST).sum()):
            many = f"{absurd} infinite values or values beyond {LARGEST:g}"
            raise DataError(f"{parameter}: column {name!r} has {many}; repair them")


def _choose_features(table: pd.DataFrame, wanted: _Names, behaviours: _Names) -> tuple[list[str], list[Rule]]:
    """Return the columns to cluster on, those wanted or else the usable behaviours, and the rules that chose them."""
    named = list(wanted or behaviours)
    _check_names(table, named, "features")
    missing = table[named].isna().mean()
    columns = [name for name in named if missing[name] <= MOST_MISSING]
    mostly_missing = [name for name in named if name not in columns]
    if wanted and mostly_missing:
        shares = ", ".join(f"{name!r} ({missing[name]:.0%})" for name in mostly_missing)
        remedy = "list it in descriptors, or keep the rows that have it"
        raise DataError(f"features: column {shares} is mostly missing, so most of it would be made up; {remedy}")
    if not columns:
        raise DataError("no numeric column to cluster on; name some in features, categories among them")
    check_columns_used(table[columns])
    usable = [name for name in columns if table[name].nunique() > 1]
    if not usable:
        raise DataError(f"features {', '.join(columns)}: each has only one value; k-means needs columns that differ")
    constant = [name for name in columns if name not in usable]
    rules = [_left_out("mostly missing", named, mostly_missing)] if mostly_missing else []
    return usable, [*rules, _left_out("constant", columns, constant)]


def _left_out(why: str, names: list[str], out: list[str]) -> Rule:
    return Rule(f"{why} columns not used", "columns", len(names), len(out), len(names) - len(out), ", ".join(out))


def _choose_descriptors(table: pd.DataFrame, columns: list[str], wanted: _Names, outcomes: _Names) -> list[str]:
    """Return the columns to describe segments by: those wanted or, without any, all that do not make them."""
    _check_names(table, wanted, "descriptors")
    _check_apart(wanted, columns, "descriptors", "features")
    others = list(wanted) or [name for name in table if name not in columns]
    return list(dict.fromkeys([*others, *outcomes]))


def _check_apart(wanted: _Names, others: _Names, parameter: str, other: str) -> None:
    """Refuse a column that is named in two roles: what makes segments must differ between them."""
    if both := [repr(name) for name in wanted if name in others]:
        raise DataError(f"{parameter}: {', '.join(both)} is in {other} too; take it out of one of them")


def _check_names(table: pd.DataFrame, wanted: _Names, parameter: str) -> None:
    if twice := sorted({name for name in wanted if list(wanted).count(name) > 1}):
        raise DataError(f"{parameter}: {', '.join(map(repr, twice))} is listed more than once; name it once")
    if missing := [name for name in wanted if name not in table]:
        known = ", ".join(map(str, table.columns))
        raise DataError(f"{parameter}: no column {', '.join(map(repr, missing))}; the columns are {known}")


def _check_weights(weights: dict[str, float], columns: list[str]) -> None:
    if unknown := ", ".join(repr(name) for name in weights if name not in columns):
        raise DataError(f"weights: {unknown} is not a clustering column; use one of {', '.join(columns)}")


def _drop_rows(table: pd.DataFrame, columns: list[str], missing: str, outliers: str) -> tuple[pd.DataFrame, list[Rule]]:
    """Return the rows that the rules keep, and what these did."""
    kept, rules = table.copy(deep=False), []
    if missing == "drop":
        kept = kept[kept[columns].notna().all(axis=1)]
        dropped = len(table) - len(kept)
        rules.append(Rule("rows with a missing value dropped", "customers", len(table), dropped, len(kept)))
    if outliers == "drop" and len(kept):
        values, before = inputs(kept[columns]).select_dtypes("number"), len(kept)
        kept = kept[~Clipper("clip").fit(values).beyond(values).any(axis=1)]
        note = "beyond median ± 5 MAD in some column"
        rules.append(Rule("outlying rows dropped", "customers", before, before - len(kept), len(kept), note))
    if len(kept) < 2:
        raise DataError(f"only {len(kept)} of {len(table)} customers are left; change missing or outliers")
    return kept, rules


def _check_values(values: pd.DataFrame, transform: str, scale: str) -> None:
    """Check that values have a logarithm, and columns a width, where they need one."""
    for name, column in values.items():
        if scale == "robust" and column.quantile(0.25) == column.quantile(0.75):
            remedy = "use scale='standard' or 'minmax', or leave the column out of features"
            raise DataError(f"scale='robust': column {name!r} has the same value in its whole middle half; {remedy}")
        if low := transform == "log" and int((column <= -1).sum()):
            remedy = "use transform='yeo-johnson' or 'auto'"
            raise DataError(f"transform='log': column {name!r} has {low} values of -1 or less; {remedy}")


def _changed_cells(pipeline: Pipeline, values: pd.DataFrame) -> list[Rule]:
    """Return a rule per column for the cells that were filled, pulled in or taken together."""
    numeric, blocks, changed = values.select_dtypes("number"), level_blocks(pipeline), {}
    if len(numeric.columns):
        steps = number_steps(pipeline).named_steps
        imputed = steps["impute"].transform(numeric)
        pulled = steps["clip"].beyond(imputed).sum(axis=0)
        changed["missing values filled"] = numeric.isna().sum()
        changed["outlying values pulled in"] = pd.Series(pulled, index=imputed.columns)
    if blocks:
        rare = {name: values[name].isin(levels).sum() for name, levels in blocks.pooled_.items()}
        changed["values of rare levels taken together"] = pd.Series(rare)
        changed["missing values taken as a level"] = pd.Series({name: (values[name] == MISSING).sum() for name in rare})
    return [
        Rule(rule, "cells", len(values), count, len(values), name)
        for rule, counts in changed.items()
        for name, count in counts[counts > 0].items()
    ]


def overview(table: pd.DataFrame) -> pd.DataFrame:
    """Return a line per column: what kind it is, how much is missing, and where its numbers lie.

    Parameters
    ----------
    table : DataFrame
        One row per customer.

    Returns
    -------
    DataFrame
        Indexed by column: `kind` (number or category), `missing_share`, `distinct` (number of different values) and,
        for numbers, `low_5%`, `median` and `high_95%`: quantiles, because the largest value is one customer's.

    >>> overview(pd.DataFrame({"age": [20.0, None, 40]})).loc["age", "missing_share"].round(2)
    np.float64(0.33)
    """
    numeric = table.select_dtypes("number", exclude="timedelta").astype(float)
    quantiles = numeric.quantile([0.05, 0.5, 0.95]).T.set_axis(["low_5%", "median", "high_95%"], axis=1)
    kinds = ["number" if name in numeric else "category" for name in table]
    lines = pd.DataFrame({"missing_share": table.isna().mean(), "distinct": table.nunique()})
    lines.insert(0, "kind", kinds)
    return lines.join(quantiles).rename_axis("column")


def sentences(prepared: Prepared) -> list[str]:
    """Return what step 1 did, in sentences computed from the result.

    Parameters
    ----------
    prepared : Prepared
        As returned by `prepare`.

    >>> table = pd.DataFrame({"spend": [1.0, 2, 3, 4], "age": [20, 30, 40, 50]})
    >>> sentences(prepare(table, ["spend"]))[0]
    '4 customers go on with 1 clustering column; 1 other column will describe the segments.'
    """
    values, features = inputs(prepared.customers[prepared.columns]), prepared.features
    numeric = values.select_dtypes("number")
    told = {"prepared": prepared, "levels": [name for name in values if name not in numeric]}
    if len(numeric.columns):
        before = pd.Series(skewness(numeric.to_numpy()), index=numeric.columns)
        most = before.abs().idxmax()
        now = skewness(features[[most]].to_numpy(dtype=float))[0]
        told["skewed"] = most, before[most], now
    if values.shape[1] > 1 and features.shape[1] > 1:
        pairs = features.corr().where(np.tri(features.shape[1], k=-1, dtype=bool)).stack()
        closest = pairs.abs().idxmax()
        told["alike"] = [*closest, pairs[closest]] if abs(pairs[closest]) >= _ALIKE else []
    common = values.apply(lambda column: column.value_counts(normalize=True).max())
    return lines(_WORDS.prepared(**told, flat=common[common > _MOSTLY_ONE].to_dict()))
