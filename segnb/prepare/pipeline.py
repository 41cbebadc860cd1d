"""The scikit-learn pipeline of step 1: impute, clip, transform, scale, weigh, and the way back."""

import numpy as np
import pandas as pd
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MinMaxScaler,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)

from segnb.transformers import Clipper, SkewTamer, Weigher


def build_pipeline(
    *, missing: str, outliers: str, transform: str, scale: str, weights: dict[str, float] | None = None, seed: int = 0
) -> Pipeline:
    """Return the unfitted pipeline: impute, clip, transform, scale, weigh; see `prepare` for the choices.

    >>> list(build_pipeline(missing="median", outliers="keep", transform="log", scale="none").named_steps)
    ['impute', 'clip', 'transform', 'scale', 'weigh']
    """
    imputer = SimpleImputer(
        strategy="most_frequent" if missing == "most_frequent" else "median", add_indicator=missing == "indicator"
    )
    transforms = {
        "none": "passthrough",
        "log": FunctionTransformer(
            np.log1p, inverse_func=np.expm1, feature_names_out="one-to-one", check_inverse=False
        ),
        "yeo-johnson": PowerTransformer(standardize=False),
        "quantile": QuantileTransformer(output_distribution="normal", random_state=seed),
        "auto": SkewTamer(),
    }
    scalers = {"none": "passthrough", "standard": StandardScaler(), "robust": RobustScaler(), "minmax": MinMaxScaler()}
    steps = [
        ("impute", imputer),
        ("clip", Clipper(outliers if outliers in ("winsorise", "clip") else "none")),
        ("transform", transforms[transform]),
        ("scale", scalers[scale]),
        ("weigh", Weigher(weights)),
    ]
    return Pipeline(steps).set_output(transform="pandas")


def original_units(pipeline: Pipeline, points: pd.DataFrame) -> pd.DataFrame:
    """Return points of the feature space in original units, by going back through the pipeline.

    Parameters
    ----------
    pipeline : Pipeline
        As fitted by `prepare`.
    points : DataFrame, shape (n_points, n_features)
        For instance centres.

    >>> from segnb.prepare import prepare
    >>> made = prepare(pd.DataFrame({"a": [1.0, 2, 3]}), ["a"], outliers="keep")
    >>> original_units(made.pipeline, made.features)["a"].round(6).tolist()
    [1.0, 2.0, 3.0]
    """
    values = np.asarray(points, dtype=float)
    for _, step in reversed(pipeline.steps[1:]):
        if step != "passthrough":
            values = np.asarray(step.inverse_transform(pd.DataFrame(values, columns=step.get_feature_names_out())))
    return pd.DataFrame(values, index=points.index, columns=points.columns)


def numbers(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table's columns as float64, true as 1 and false as 0."""
    return table.astype("float64")
