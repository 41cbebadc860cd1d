"""The scikit-learn pipeline of step 1: impute, clip, transform, scale, encode, weigh, and the way back."""

from typing import Any

import numpy as np
import pandas as pd
from sklearn import preprocessing
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted, validate_data

from segnb.tables import as_levels
from segnb.text import IS, category_of


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
    """Pull values beyond a column's bounds in to the bounds, which it learns when fitting.

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
        if self.method == "none":
            return np.full(X.shape[1], -np.inf), np.full(X.shape[1], np.inf)
        if self.method == "winsorise":
            return np.nanquantile(X, self.q, axis=0), np.nanquantile(X, 1 - self.q, axis=0)
        centre = np.nanmedian(X, axis=0)
        width = self.c * 1.4826 * np.nanmedian(np.abs(X - centre), axis=0)
        width[width == 0] = np.inf
        return centre - width, centre + width


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


class LevelBlocks(TransformerMixin, BaseEstimator):
    """Turn each category into a block of columns, one per level, whose variances add up to 1, as a number's does.

    A category of two levels becomes one column. Levels of few customers are taken together as "other", and so is a
    level that was never seen; "missing" is a level like any other. A share of the rows or 1 of a level comes out of
    `inverse_transform`, so that the mean of a segment is its share of the level.

    Parameters
    ----------
    min_share : float, default 0.02
        A level of a smaller share of the rows is few.

    Attributes
    ----------
    levels_ : dict of str to list of str
        Of each column those that have a column of their own; of two, only what a yes-or-no column is about, or the
        second.
    pooled_ : dict of str to list of str
        Of each column the levels that are taken together.

    Examples
    --------
    >>> X = pd.DataFrame({"plan": ["month", "year", "year", "two years"]})
    >>> blocks = LevelBlocks().fit(X)
    >>> len(blocks.get_feature_names_out()), blocks.transform(X).var(axis=0).sum().round(6)
    (3, np.float64(1.0))
    """

    def __init__(self, min_share: float = 0.02):
        self.min_share = min_share

    def fit(self, X: pd.DataFrame, y: Any = None) -> "LevelBlocks":
        """Learn the levels of each column, and the spread of its block."""
        self.feature_names_in_, self.n_features_in_ = np.array(X.columns, dtype=object), X.shape[1]
        self.levels_, self.pooled_ = {}, {}
        for name, column in X.items():
            shares = column.value_counts(normalize=True)
            rare = sorted(shares.index[shares < self.min_share])
            self.pooled_[name] = rare if len(rare) > 1 else []
            levels = sorted(set(shares.index) - set(self.pooled_[name])) + [OTHER] * bool(self.pooled_[name])
            yes = [level for level in levels if level.lower() in _YES]
            self.levels_[name] = [*yes, levels[1]][:1] if len(levels) == 2 else levels
        plain = self._dummies(X)
        self.means_ = plain.mean(axis=0)
        widths = [len(levels) for levels in self.levels_.values()]
        blocks = np.split(plain.var(axis=0), np.cumsum(widths)[:-1])
        self.scales_ = np.repeat([np.sqrt(block.sum()) for block in blocks], widths)
        return self

    def transform(self, X: pd.DataFrame) -> np.ndarray:
        """Return the blocks, centred, shape (n_rows, n_levels)."""
        return (self._dummies(X) - self.means_) / self.scales_

    def inverse_transform(self, X: Any) -> np.ndarray:
        """Return shares of the levels, 0 to 1 for rows and for means of rows."""
        return np.asarray(X, dtype=float) * self.scales_ + self.means_

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return the names of the columns, each of category and level."""
        names = [f"{name}{IS}{level}" for name, levels in self.levels_.items() for level in levels]
        return np.array(names, dtype=object)

    def _dummies(self, X: pd.DataFrame) -> np.ndarray:
        check_is_fitted(self, "levels_")
        parts = []
        for name, levels in self.levels_.items():
            column = X[name]
            if OTHER in levels:
                column = column.where(column.isin(levels), OTHER)
            parts += [(column == level).to_numpy(dtype=float) for level in levels]
        return np.column_stack(parts)


OTHER = "other"
"""What rare levels, and levels never seen, are taken together as."""

_YES = {"yes", "y", "true", "1", "ja", "j", "oui", "o", "si", "sí", "sim", "on", "x"}
"""Levels that a column of yes and no is about."""


class Weigher(_ColumnwiseTransformer):
    """Multiply each column by the square root of its weight, so that the weight multiplies its squared distance.

    Parameters
    ----------
    weights : dict of str to float, optional
        Weight of a column by name; 1 for the others. That of a category counts for its block.
    """

    def __init__(self, weights: dict[str, float] | None = None):
        self.weights = weights

    def fit(self, X: Any, y: Any = None) -> "Weigher":
        """Look up the weight of each column of `X`."""
        self._check(X, reset=True)
        names = getattr(self, "feature_names_in_", range(self.n_features_in_))
        weights = self.weights or {}
        own = [weights.get(name, weights.get(category_of(name), 1)) for name in names]
        self.factors_ = np.sqrt(np.array(own, dtype=float))
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
    values: pd.DataFrame, missing: str, outliers: str, transform: str, scale: str, weights: dict[str, float], seed: int
) -> Pipeline:
    """Return the unfitted pipeline for these customers: impute, clip, transform, scale, weigh; see `prepare`.

    With categories among the columns, what is done to numbers and what to levels stands side by side before `weigh`.

    >>> list(build_pipeline(pd.DataFrame({"a": [1.0]}), "median", "keep", "log", "none", {}, seed=0).named_steps)
    ['impute', 'clip', 'transform', 'scale', 'weigh']
    """
    strategy = "most_frequent" if missing == "most_frequent" else "median"
    log = {"func": np.log1p, "inverse_func": np.expm1, "feature_names_out": "one-to-one", "check_inverse": False}
    normal = {"n_quantiles": min(1000, len(values)), "output_distribution": "normal", "random_state": seed}
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
    ]
    numeric = list(values.select_dtypes("number"))
    if levels := [name for name in values if name not in numeric]:
        parts = [("numbers", Pipeline(steps), numeric), ("levels", LevelBlocks(), levels)]
        steps = [("columns", ColumnTransformer(parts, verbose_feature_names_out=False))]
    return Pipeline([*steps, ("weigh", Weigher(weights))]).set_output(transform="pandas")


def number_steps(pipeline: Pipeline) -> Pipeline:
    """Return the fitted steps that numbers go through, without the weights; none where all columns are categories."""
    if "columns" not in pipeline.named_steps:
        return pipeline[:-1] if pipeline.steps[-1][0] == "weigh" else pipeline
    return pipeline["columns"].named_transformers_["numbers"]


def level_blocks(pipeline: Pipeline) -> LevelBlocks | None:
    """Return the fitted part that categories go through, None without categories.

    Parameters
    ----------
    pipeline : Pipeline
        As fitted by `prepare`.

    >>> from segnb.prepare import prepare
    >>> made = prepare(pd.DataFrame({"a": [1, 2, 3], "plan": ["a", "b", "a"]}), ["a"], features=["a", "plan"])
    >>> level_blocks(made.pipeline).levels_
    {'plan': ['b']}
    """
    return pipeline["columns"].named_transformers_["levels"] if "columns" in pipeline.named_steps else None


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
    weigh, blocks = pipeline.steps[-1][1], level_blocks(pipeline)
    values = pd.DataFrame(weigh.inverse_transform(points), index=points.index, columns=points.columns)
    names = list(blocks.get_feature_names_out()) if blocks else []
    numeric = values.drop(columns=names)
    for _, step in reversed(number_steps(pipeline).steps[1:] if len(numeric.columns) else []):
        if step != "passthrough":
            numeric = numeric.set_axis(step.get_feature_names_out(), axis=1)
            numeric = numeric.assign(**dict(zip(numeric, np.asarray(step.inverse_transform(numeric)).T)))
    shares = blocks.inverse_transform(values[names]) if blocks else np.empty((len(values), 0))
    return numeric.join(pd.DataFrame(shares, index=points.index, columns=names))[list(points.columns)]


def inputs(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table's columns as a pipeline takes them: numbers as float64, true as 1, categories as text.

    Parameters
    ----------
    table : DataFrame of shape (n_customers, n_columns)

    >>> inputs(pd.DataFrame({"yes": [True, False], "town": ["here", None]})).to_dict("list")
    {'yes': [1.0, 0.0], 'town': ['here', 'missing']}
    """
    numeric = {name: pd.api.types.is_numeric_dtype(column) for name, column in table.items()}
    found = {name: table[name].astype("float64") if kind else as_levels(table[name]) for name, kind in numeric.items()}
    return table.assign(**found)
