"""A segmentation at one point in time: the customers, and the model that was fitted to them."""

from copy import copy
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype
from sklearn import config_context
from sklearn.cluster import KMeans
from sklearn.pipeline import Pipeline

from segnb.errors import RunError
from segnb.tables import as_levels

_FARTHEST = 0.99
"""A customer further from the centres than this share of a snapshot's own is unlike anyone in it."""

_FARTHEST_ROWS = 100_000
"""How far that is, is measured on this many of its customers at most."""


def unclipped(pipeline: Pipeline) -> Pipeline:
    """Return a fitted pipeline without the step called clip, which pulls outlying values in, if there is one.

    Parameters
    ----------
    pipeline : Pipeline
        One of `segnb.prepare`, or any other.

    >>> list(unclipped(Pipeline([("clip", "passthrough"), ("scale", "passthrough")])).named_steps)
    ['scale']
    """
    if "columns" in pipeline.named_steps:
        columns = copy(pipeline["columns"])
        columns.transformers_ = [
            (name, unclipped(part) if isinstance(part, Pipeline) else part, of)
            for name, part, of in columns.transformers_
        ]
        return Pipeline([("columns", columns), *pipeline.steps[1:]])
    return Pipeline([step for step in pipeline.steps if step[0] != "clip"])


@dataclass(frozen=True)
class Snapshot:
    """Customers as of a date with the pipeline and the k-means model fitted to them.

    Attributes
    ----------
    customers : DataFrame
        One row per customer, original units.
    columns : list of str
        The clustering columns.
    pipeline : Pipeline
        Fitted, from those columns to the scaled matrix. A step named "clip" is one that pulls outlying values in.
    model : KMeans
        Fitted to that matrix, its centres in the order of the segments' numbers.
    numbers : list of int, default 1, 2, …
        Those numbers.
    label : str, default "this snapshot"
        What messages call it, for instance a run's name or a date.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> customers = pd.DataFrame({"spend": [1.0, 2, 80, 90]}, index=list("abcd"))
    >>> pipeline = make_pipeline(StandardScaler()).fit(customers)
    >>> model = KMeans(2, init=[[-1.0], [1.0]]).fit(pipeline.transform(customers))
    >>> Snapshot(customers, ["spend"], pipeline, model).assign(customers).to_dict()
    {'a': 1, 'b': 1, 'c': 2, 'd': 2}
    """

    customers: pd.DataFrame
    columns: list[str]
    pipeline: Pipeline
    model: KMeans
    numbers: list[int] = field(default_factory=list)
    label: str = "this snapshot"

    def __post_init__(self) -> None:
        if not self.numbers:
            object.__setattr__(self, "numbers", list(range(1, len(getattr(self.model, "cluster_centers_", ())) + 1)))

    def features(self, customers: pd.DataFrame, *, clipped: bool = True) -> pd.DataFrame:
        """Return customers, of this or another date, as this snapshot's scaled matrix.

        Parameters
        ----------
        customers : DataFrame
            One row per customer, original units; columns are taken by name, others are left out.
        clipped : bool, default True
            Whether outlying values are pulled in.

        Returns
        -------
        DataFrame
            Same index; missing where a logarithm has no value.

        Raises
        ------
        RunError
            If clustering columns are missing, or are not numbers though they were; all of these are listed.
        """
        if missing := [name for name in self.columns if name not in customers]:
            raise RunError(
                f"{self.label} was made from columns that the other customers do not have: {', '.join(missing)}; "
                "compare with a run made from the same columns"
            )
        numbers = [name for name in self.columns if is_numeric_dtype(self.customers[name])]
        if wrong := [name for name in numbers if not is_numeric_dtype(customers[name])]:
            raise RunError(f"{self.label} was made from {', '.join(wrong)} as numbers; here they are not")
        values = customers[self.columns].astype(dict.fromkeys(numbers, "float64"))
        values = values.assign(**{name: as_levels(values[name]) for name in self.columns if name not in numbers})
        pipeline = self.pipeline if clipped else unclipped(self.pipeline)
        with np.errstate(divide="ignore", invalid="ignore"), config_context(assume_finite=True):
            scaled = np.asarray(pipeline.transform(values))  # a logarithm may have no value
        names = getattr(self.model, "feature_names_in_", None)
        return pd.DataFrame(np.where(np.isfinite(scaled), scaled, np.nan), index=customers.index, columns=names)

    def assign(self, customers: pd.DataFrame) -> pd.Series:
        """Return the segment that this snapshot's model gives to each customer.

        Parameters
        ----------
        customers : DataFrame
            As for `features`.
        """
        return self.segments(self.features(customers))

    def segments(self, features: pd.DataFrame) -> pd.Series:
        """Return the segment of each row of this snapshot's scaled matrix."""
        labels = self.model.predict(features)
        return pd.Series(np.asarray(self.numbers)[labels], index=features.index, name="segment")

    def distances(self, features: pd.DataFrame) -> pd.Series:
        """Return each row's distance to the nearest centre, endless where a logarithm has no value."""
        known = features.notna().all(axis=1).to_numpy()
        found = np.full(len(features), np.inf)
        if known.any():
            found[known] = self.model.transform(features if known.all() else features[known]).min(axis=1)
        return pd.Series(found, index=features.index)

    @cached_property
    def own(self) -> tuple[pd.Series, float]:
        """The segments of this snapshot's own customers, and their mean distance to the nearest centre."""
        features = self.features(self.customers)
        return self.segments(features), float(self.distances(features).mean())

    def unlike(self, customers: pd.DataFrame) -> pd.Series:
        """Return which customers are unlike anyone here: further from the centres than 99 % of this snapshot's own.

        Outlying values count as they are and are not pulled in to this snapshot's bounds, else nobody would be far.

        Parameters
        ----------
        customers : DataFrame
            As for `features`.
        """
        return (self.reach(customers) > self.farthest).rename("unlike")

    @cached_property
    def farthest(self) -> float:
        """The distance from the nearest centre that 99 % of this snapshot's customers do not exceed."""
        some = self.customers.sample(min(len(self.customers), _FARTHEST_ROWS), random_state=0)
        return float(self.reach(some).quantile(_FARTHEST))

    def reach(self, customers: pd.DataFrame) -> pd.Series:
        """Return distances to the nearest centre without pulling outlying values in.

        Parameters
        ----------
        customers : DataFrame
            As for `features`.
        """
        return self.distances(self.features(customers, clipped=False))


NOTHING_BEFORE = Snapshot(pd.DataFrame(), [], Pipeline([("nothing", "passthrough")]), KMeans(), label="")
"""A snapshot of nobody, where there is nothing to compare with: its tables are empty, its figures draw nothing."""
