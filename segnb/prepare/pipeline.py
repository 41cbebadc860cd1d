"""The scikit-learn pipeline of step 1: impute, clip, transform, scale, weigh, and the way back."""

from typing import Any

import numpy as np
import pandas as pd
from sklearn import preprocessing
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted, validate_data


class _ColumnwiseTransformer(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """What the transformers here share: numeric columns in, the same columns out, missing values let through."""

    def _check(self, X: Any, reset: bool = False) -> np.ndarray:
        if not reset:
            check_is_fitted(self)
        return validate_data(self, X, reset=reset, dtype="numeric", ensure_all_finite="allow-nan").astype(float)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


class Clipper(_ColumnwiseTransformer):
    """Pull values beyond a column's bounds in to the bounds, which are learned when fitting.

    Parameters
    ----------
    method : {"winsorise", "clip", "none"}
        Bounds at the quantiles `q` and 1 - `q`; at median ± `c` · MAD, the median absolute deviation scaled to a
        standard deviation; or none at all. A column with at most two values, or that would keep only one, stays as
        it is.
    q : float, default 0.01
        Share of the values beyond each bound, 0 to 0.5.
    c : float, default 5
        Width in scaled median absolute deviations.

    >>> Clipper("clip", c=3).fit_transform([[1.0], [2.0], [3.0], [100.0]]).max().round(2)
    np.float64(6.95)
    """

    def __init__(self, method: str = "winsorise", q: float = 0.01, c: float = 5.0):
        self.method = method
        self.q = q
        self.c = c

    def fit(self, X: Any, y: Any = None) -> "Clipper":
        """Learn the bounds of each column of `X`, shape (n_rows, n_features)."""
        X = self._check(X, reset=True)
        self.lower_, self.upper_ = self._bounds(X)
        few = pd.DataFrame(X).nunique().to_numpy() <= 2
        few |= self.lower_ == self.upper_  # all that differs lies beyond
        self.lower_[few], self.upper_[few] = -np.inf, np.inf
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Return `X` with values beyond the bounds put on them."""
        return np.clip(self._check(X), self.lower_, self.upper_)

    def inverse_transform(self, X: Any) -> np.ndarray:
        """Return `X` itself: a clipped value stays clipped."""
        return np.asarray(X, dtype=float)

    def beyond(self, X: Any) -> np.ndarray:
        """Return which values of `X` lie beyond the bounds, bool of the shape of `X`."""
        X = self._check(X)
        return (self.lower_ > X) | (self.upper_ < X)

    def _bounds(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if self.method == "winsorise":
            return np.nanquantile(X, self.q, axis=0), np.nanquantile(X, 1 - self.q, axis=0)
        if self.method == "clip":
            centre = np.nanmedian(X, axis=0)
            width = self.c * 1.4826 * np.nanmedian(np.abs(X - centre), axis=0)
            width[width == 0] = np.inf
            return centre - width, centre + width
        return np.full(X.shape[1], -np.inf), np.full(X.shape[1], np.inf)


class SkewTamer(preprocessing.PowerTransformer):
    """Yeo-Johnson for the columns whose skewness exceeds `threshold`; the others stay as they are.

    A Yeo-Johnson transform with λ = 1 is the identity (Yeo and Johnson, Biometrika 87, 2000), so that is what
    the other columns get.

    Parameters
    ----------
    threshold : float, default 1
        Largest absolute skewness that is left alone.

    >>> import numpy as np
    >>> X = np.c_[np.arange(5.0), [1, 1, 1, 1, 100]]
    >>> SkewTamer().fit(X).lambdas_[0]
    np.float64(1.0)
    """

    def __init__(self, threshold: float = 1.0):
        super().__init__(method="yeo-johnson", standardize=False)
        self.threshold = threshold

    def fit(self, X: Any, y: Any = None) -> "SkewTamer":
        """Learn each column's λ."""
        super().fit(X, y)
        values = np.asarray(X, dtype=float)
        self.lambdas_ = np.where(np.abs(skewness(values)) > self.threshold, self.lambdas_, 1.0)
        return self

    def fit_transform(self, X: Any, y: Any = None) -> np.ndarray:
        """Learn each column's λ and return `X` transformed."""
        return self.fit(X, y).transform(X)


class Weigher(_ColumnwiseTransformer):
    """Multiply each column by the square root of its weight, so that the weight multiplies its squared distance.

    Parameters
    ----------
    weights : dict of str to float, optional
        Weight of a column by name; 1 for the others.
    """

    def __init__(self, weights: dict[str, float] | None = None):
        self.weights = weights

    def fit(self, X: Any, y: Any = None) -> "Weigher":
        """Look up the weight of each column of `X`."""
        self._check(X, reset=True)
        names = getattr(self, "feature_names_in_", range(self.n_features_in_))
        self.factors_ = np.sqrt([float((self.weights or {}).get(name, 1)) for name in names])
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Return the columns multiplied by their factors."""
        return self._check(X) * self.factors_

    def inverse_transform(self, X: Any) -> np.ndarray:
        """Return the columns divided by their factors."""
        return np.asarray(X, dtype=float) / self.factors_


def skewness(values: np.ndarray) -> np.ndarray:
    """Return each column's skewness g1, missing values left out, 0 for a constant column.

    >>> skewness(np.array([[0.0], [0.0], [3.0]])).round(3)
    array([0.707])
    """
    centred = values - np.nanmean(values, axis=0)
    spread = np.nanmean(centred**2, axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(spread > 0, np.nanmean(centred**3, axis=0) / spread**1.5, 0.0)


def build_pipeline(
    n_rows: int, missing: str, outliers: str, transform: str, scale: str, weights: dict[str, float] | None, seed: int
) -> Pipeline:
    """Return the unfitted pipeline for `n_rows` customers: impute, clip, transform, scale, weigh; see `prepare`.

    >>> list(build_pipeline(9, "median", "keep", "log", "none", None, seed=0).named_steps)
    ['impute', 'clip', 'transform', 'scale', 'weigh']
    """
    strategy = "most_frequent" if missing == "most_frequent" else "median"
    log = {"func": np.log1p, "inverse_func": np.expm1, "feature_names_out": "one-to-one", "check_inverse": False}
    normal = {"n_quantiles": min(1000, n_rows), "output_distribution": "normal", "random_state": seed}
    transforms = {
        "none": "passthrough",
        "log": preprocessing.FunctionTransformer(**log),
        "yeo-johnson": preprocessing.PowerTransformer(standardize=False),
        "quantile": preprocessing.QuantileTransformer(**normal),
        "auto": SkewTamer(),
    }
    scalers = {
        "none": "passthrough",
        "standard": preprocessing.StandardScaler(),
        "robust": preprocessing.RobustScaler(),
        "minmax": preprocessing.MinMaxScaler(),
    }
    steps = [
        ("impute", SimpleImputer(strategy=strategy, add_indicator=missing == "indicator")),
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
    """Return the table's columns as float64, true as 1 and false as 0.

    Parameters
    ----------
    table : DataFrame of shape (n_customers, n_columns)

    >>> numbers(pd.DataFrame({"yes": [True, False]}))["yes"].tolist()
    [1.0, 0.0]
    """
    return table.astype("float64")
