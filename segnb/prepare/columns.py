"""Which columns make the segments and which describe them, and whether they can."""

from collections.abc import Sequence

import pandas as pd

from segnb.errors import DataError
from segnb.prepare.pipeline import numbers
from segnb.row_log import Rule
from segnb.thresholds import LARGEST

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
