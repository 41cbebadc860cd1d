"""A fitted pipeline of step 1 as ibis expressions: impute, clip, transform, scale, weigh."""

from collections.abc import Callable, Sequence
from typing import Any

import ibis
import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, PowerTransformer, RobustScaler, StandardScaler

from segnb.errors import DataError
from segnb.transformers import Clipper, Weigher

Column = ibis.expr.types.NumericValue
Step = Callable[[Any, int, Column], Column]


def feature_columns(
    table: ibis.Table, pipeline: Pipeline, columns: Sequence[str], *, pulled_in: bool = True
) -> list[Column]:
    """Return the features that a pipeline makes of a table's columns, as expressions in their order.

    Parameters
    ----------
    table : ibis.Table
        One row per customer, original units; NULL and NaN are missing.
    pipeline : Pipeline
        As fitted by `segnb.prepare.prepare`.
    columns : sequence of str
        The columns that it was fitted to.
    pulled_in : bool, default True
        Whether values beyond the bounds of outliers are pulled in to them.

    Raises
    ------
    DataError
        If a step has no expression (the quantile transform).
    """
    features = _imputed(table, pipeline.named_steps["impute"], columns)
    for name, step in pipeline.steps[1:]:
        if step != "passthrough" and (pulled_in or name != "clip"):
            apply = _expression_of(step)
            features = [apply(step, place, feature) for place, feature in enumerate(features)]
    return features


def _imputed(table: ibis.Table, imputer: Any, columns: Sequence[str]) -> list[Column]:
    """Return the columns with missing values filled, then the columns that say where they were."""
    values = [known(table[name]) for name in columns]
    filled = [value.coalesce(float(fill)) for value, fill in zip(values, imputer.statistics_)]
    flagged = imputer.indicator_.features_ if imputer.add_indicator else []
    return filled + [values[place].isnull().cast("float64") for place in flagged]


def known(column: ibis.Column) -> Column:
    """Return a column as numbers, NaN as NULL."""
    value = column.cast("float64")
    return value.isnan().ifelse(ibis.null("float64"), value) if column.type().is_floating() else value


def _expression_of(step: Any) -> Step:
    for kind, apply in _STEPS.items():
        if isinstance(step, kind):
            return apply
    raise DataError(
        f"transform: {type(step).__name__} cannot be carried out by an engine; score a file, or make the run with "
        "transform='auto', 'yeo-johnson', 'log' or 'none'"
    )


def _clip(step: Clipper, place: int, value: Column) -> Column:
    low, high = float(step.lower_[place]), float(step.upper_[place])
    value = (value < low).ifelse(low, value) if np.isfinite(low) else value
    return (value > high).ifelse(high, value) if np.isfinite(high) else value


def _yeo_johnson(step: PowerTransformer, place: int, value: Column) -> Column:
    """Yeo and Johnson, Biometrika 87, 2000."""
    power = float(step.lambdas_[place])
    if power == 1:
        return value
    zero = ibis.literal(0.0)
    above, below = ibis.greatest(value, zero) + 1, ibis.greatest(-value, zero) + 1
    positive = above.ln() if abs(power) < EPSILON else (above**power - 1) / power
    negative = -below.ln() if abs(power - 2) < EPSILON else -(below ** (2 - power) - 1) / (2 - power)
    return (value >= 0).ifelse(positive, negative)


EPSILON = float(np.spacing(1.0))
"""Powers nearer to 0, or to 2, count as that."""


_STEPS: dict[type, Step] = {
    Clipper: _clip,
    FunctionTransformer: lambda step, place, value: (value > -1).ifelse((value + 1).ln(), ibis.null("float64")),
    PowerTransformer: _yeo_johnson,
    StandardScaler: lambda step, place, value: (value - float(step.mean_[place])) / float(step.scale_[place]),
    RobustScaler: lambda step, place, value: (value - float(step.center_[place])) / float(step.scale_[place]),
    MinMaxScaler: lambda step, place, value: value * float(step.scale_[place]) + float(step.min_[place]),
    Weigher: lambda step, place, value: value * float(step.factors_[place]),
}
