"""Snapshots to compare: what a run segmented, and its log as of an earlier date."""

from collections.abc import Iterable
from datetime import date, timedelta
from functools import cached_property

import pandas as pd

from segnb.cluster import fit_segments
from segnb.data import Purchases, has_ids, load_customers, open_log
from segnb.errors import DataError, RunError
from segnb.iterate import NOTHING_BEFORE, Snapshot, match_segments
from segnb.parameters import Parameters, check_parameters
from segnb.prepare import PREPARING, ROLES, prepare
from segnb.runs.store import Run

_PREPARING = PREPARING - ROLES


def snapshot_of(run: Run) -> Snapshot:
    """Return what a run segmented, with its pipeline, model and segment numbers.

    Parameters
    ----------
    run : Run
        Steps 1 to 3 must be done.

    Raises
    ------
    RunError
        If an artifact is missing or damaged.
    """
    customers, columns = run.read("customers.parquet"), run.read("prepare.json")["columns"]
    numbers = run.read("centres.csv")["segment"].astype(int).tolist()
    return Snapshot(customers, columns, run.read("prepare.skops"), run.read("model.skops"), numbers, run.name)


BEFORE = {"recency_days": "recency_before", "orders": "orders_before", "spend": "spend_before"}
"""What customers did up to the day from which they are followed, and what that is called beside what they did since."""


class Past:
    """What a run is compared with: an earlier run, or its own purchase log as it stood on earlier days.

    The log is opened once, and the snapshot of each day is made once, whatever asks for them.

    Parameters
    ----------
    run : Run
        Steps 1 to 3 must be done.
    parameters : Parameters
        `previous`, `lookback_days`, `n_init` and `seed` are used.

    Raises
    ------
    RunError
        If an artifact is missing or damaged.
    """

    def __init__(self, run: Run, parameters: Parameters):
        self._run, self._parameters, self._made = run, parameters, run.read("prepare.json")
        as_of = {"as_of": self._made["as_of"] or ""}  # the run's own day: the log may have grown since
        self._settings = check_parameters(self._made["settings"] | as_of)
        self._snapshots: dict[int, Snapshot] = {}

    @cached_property
    def _log(self) -> Purchases:
        return open_log(self._settings)

    def earlier(self) -> tuple[Snapshot, list[str]]:
        """Return the snapshot to compare with, and notes on it; a snapshot of nobody, and why, if there is none.

        That is the run `previous`, or the run's own purchase log as of `lookback_days` earlier, prepared with the
        same settings and cut into as many segments.
        """
        if self._parameters.previous:
            return _if_comparable(self._run, snapshot_of(Run(self._parameters.previous)))
        if not self._settings.purchases:
            return NOTHING_BEFORE, ["There is neither an earlier run (previous) nor a purchase log to compare with."]
        days = self._parameters.lookback_days
        try:
            return self._log_as_of(days), []
        except DataError as error:
            return NOTHING_BEFORE, [f"The purchase log as of {days} days earlier cannot be compared with: {error}."]

    def followed(self, days: Iterable[int]) -> tuple[dict[int, pd.DataFrame], list[str]]:
        """Return the customers of the log some days ago and what they did in the days after that, and notes.

        The segments are fitted to the log as it stood then, so that nothing they are held against has made them.

        Parameters
        ----------
        days : iterable of int
            For how many days to follow them, at least 1; the longest says how long ago that is.

        Returns
        -------
        followed : dict of int to DataFrame
            By days, one row per customer of that time: `segment` (numbered as the run's own), `recency_before`,
            `orders_before` and `spend_before` (as it was then), and in the days after `buyers` (1 with an order,
            else 0), `orders` and `spend`. Without rows where there is no log, or it does not fill the window.
        notes : list of str
            Why there are no rows.
        """
        days = sorted(set(days))
        nobody = dict.fromkeys(days, pd.DataFrame(columns=["segment", *BEFORE.values(), "buyers", "orders", "spend"]))
        if not self._settings.purchases:
            return nobody, ["Without a purchase log nobody can be followed."]
        try:
            then = self._log_as_of(days[-1])
        except DataError as error:
            return nobody, [f"The purchase log is too short to follow customers for {days[-1]} days: {error}."]
        now = snapshot_of(self._run).assign(then.customers)
        matches = match_segments(then.own[0], now).dropna(subset=["previous", "current"])
        segments = then.own[0].map(dict(zip(matches["previous"], matches["current"].astype(int))))
        known = then.customers[list(BEFORE)].rename(columns=BEFORE).assign(segment=segments)
        begin = date.fromisoformat(self._settings.as_of) - timedelta(days=days[-1])
        return {each: known.join(did(self._settings, self._log, begin, each, known.index)) for each in days}, []

    def _log_as_of(self, days: int) -> Snapshot:
        """Return the run's log as of some days earlier, prepared and cut alike."""
        if days not in self._snapshots:
            self._snapshots[days] = self._cut_as_of(days)
        return self._snapshots[days]

    def _cut_as_of(self, days: int) -> Snapshot:
        settings, made, cut = self._settings, self._made, self._parameters
        source = load_customers(settings, days_earlier=days, categories=made["categories"], log=self._log)
        if not source.full_window:
            words = f"it does not fill a window of {settings.window_days} days by then"
            raise DataError(f"{words}; lower window_days, or look less far back")
        ready = prepare(source.table, made["columns"], **settings.model_dump(include=_PREPARING))
        k = len(self._run.read("centres.csv"))
        model = fit_segments(ready.features, k, n_init=cut.n_init, seed=cut.seed)
        label = f"the same log as of {source.as_of}"
        return Snapshot(ready.customers, ready.columns, ready.pipeline, model, label=label)


def did(settings: Parameters, log: Purchases, after: date, days: int, customers: pd.Index) -> pd.DataFrame:
    """Return whether customers ordered in the days after a date, how often, and for how much.

    Parameters
    ----------
    settings : Parameters
        Those of step 1.
    log : Purchases
    after : date
        The last day that does not count.
    days : int
    customers : Index
        Their ids.

    Returns
    -------
    DataFrame
        `orders`, `spend` and `buyers` (1 with an order, else 0), indexed by `customers`.
    """
    window = {"as_of": str(after + timedelta(days=days)), "window_days": days, "customers": ""}
    table = load_customers(settings.model_copy(update=window), log=log, categories=[]).table
    known = table.reindex(customers)[["orders", "spend"]].fillna(0.0)
    return known.assign(buyers=(known["orders"] > 0).astype(float))


def _if_comparable(run: Run, previous: Snapshot) -> tuple[Snapshot, list[str]]:
    """Return the earlier run's snapshot, unless nobody in it can be found again or its columns are not there now."""
    customers = run.read("customers.parquet")
    if not (has_ids(customers) and has_ids(previous.customers)):
        return NOTHING_BEFORE, ["Without a customer id (customer_id) nobody can be found again in another run."]
    try:
        previous.features(customers.head(1))
    except RunError as error:
        return NOTHING_BEFORE, [f"The two runs cannot be compared: {error}."]
    return previous, []
