"""A segmentation at one point in time: the customers, and the model that was fitted to them."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd
from sklearn import config_context
from sklearn.cluster import KMeans
from sklearn.pipeline import Pipeline

from segnb.errors import RunError

FARTHEST = 0.99
"""A customer further from the centres than this share of a snapshot's own is unlike anyone in it."""

FARTHEST_ROWS = 100_000
"""How far that is, this many of its customers tell at most."""


@dataclass(frozen=True)
class Snapshot:
    """Customers as of a date with the pipeline and the k-means model fitted to them.

    Attributes
    ----------
    label : str
        What to call it, for instance a run's name or a date.
    customers : DataFrame
        One row per customer, original units.
    columns : list of str
        The clustering columns.
    pipeline : Pipeline
        From those columns to the scaled matrix.
    model : KMeans
        Its centres in the order of the segments' numbers.
    numbers : list of int
        Those numbers; by default 1, 2, ….
    """

    label: str
    customers: pd.DataFrame
    columns: list[str]
    pipeline: Pipeline
    model: KMeans
    numbers: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        if not self.numbers:
            object.__setattr__(self, "numbers", list(range(1, len(self.model.cluster_centers_) + 1)))

    def features(self, customers: pd.DataFrame) -> pd.DataFrame:
        """Return customers, of this or another date, as this snapshot's scaled matrix.

        Raises
        ------
        RunError
            If a clustering column is missing; all that are missing are listed.
        """
        return self._scaled(customers, self.pipeline)

    def assign(self, customers: pd.DataFrame) -> pd.Series:
        """Return the segment that this snapshot's model gives to each customer."""
        labels = self.model.predict(self.features(customers))
        return pd.Series(np.asarray(self.numbers)[labels], index=customers.index, name="segment")

    def distances(self, customers: pd.DataFrame) -> pd.Series:
        """Return each customer's distance to the nearest centre, in this snapshot's scaled space."""
        return self._to_nearest(self.features(customers))

    def unlike(self, customers: pd.DataFrame) -> pd.Series:
        """Return which customers are unlike anyone here: further from the centres than 99 % of this snapshot's own.

        Outlying values count as they are and are not pulled in to this snapshot's bounds, else nobody would be far.
        """
        return (self.reach(customers) > self.farthest).rename("unlike")

    @cached_property
    def farthest(self) -> float:
        """The distance from the nearest centre that 99 % of this snapshot's customers do not exceed."""
        some = self.customers
        some = some if len(some) <= FARTHEST_ROWS else some.sample(FARTHEST_ROWS, random_state=0)
        return float(self.reach(some).quantile(FARTHEST))

    def reach(self, customers: pd.DataFrame) -> pd.Series:
        """Return distances to the nearest centre without pulling outlying values in."""
        plain = Pipeline([step for step in self.pipeline.steps if step[0] != "clip"])
        return self._to_nearest(self._scaled(customers, plain))

    def _scaled(self, customers: pd.DataFrame, pipeline: Pipeline) -> pd.DataFrame:
        missing = [name for name in self.columns if name not in customers]
        if missing:
            raise RunError(
                f"{self.label} was made from columns that the other customers do not have: {', '.join(missing)}; "
                "compare with a run made from the same columns"
            )
        wrong = [name for name in self.columns if not pd.api.types.is_numeric_dtype(customers[name])]
        if wrong:
            raise RunError(
                f"{self.label} was made from {', '.join(wrong)} as numbers, which the other customers have not"
            )
        values = customers[self.columns].astype("float64")
        with np.errstate(divide="ignore", invalid="ignore"), config_context(assume_finite=True):
            scaled = pipeline.transform(values).set_axis(customers.index)  # a logarithm may have no value
        return scaled.where(np.isfinite(scaled))

    def _to_nearest(self, features: pd.DataFrame) -> pd.Series:
        """Return distances to the nearest centre, endless where a logarithm has no value."""
        known = features.notna().all(axis=1).to_numpy()
        found = np.full(len(features), np.inf)
        if known.any():
            found[known] = self.model.transform(features if known.all() else features[known]).min(axis=1)
        return pd.Series(found, index=features.index)
