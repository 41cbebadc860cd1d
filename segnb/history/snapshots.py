"""Snapshots to compare: of a run, and of the same purchase log as of an earlier date."""

from segnb.cluster import fit_segments
from segnb.data import Purchases, has_ids, load_customers, open_log
from segnb.errors import DataError, RunError
from segnb.iterate import Snapshot
from segnb.parameters import Parameters, check_parameters
from segnb.prepare import prepare
from segnb.runs.store import Run

MONTH = 30
"""Days between two snapshots of a replay."""

PREPARING = {"missing", "outliers", "transform", "scale", "weights", "seed"}


def snapshot_of(run: Run) -> Snapshot:
    """Return what a run segmented, with its pipeline and model.

    Raises
    ------
    RunError
        If an artifact is missing or damaged.
    """
    return Snapshot(
        run.name,
        run.read("customers.parquet"),
        run.read("prepare.json")["columns"],
        run.read("prepare.skops"),
        run.read("model.skops"),
        run.read("centres.csv")["segment"].astype(int).tolist(),
    )


def earlier_snapshot(run: Run, parameters: Parameters) -> tuple[Snapshot | None, list[str]]:
    """Return the snapshot to compare with, and notes on it; None, and why, where there is nothing to compare with.

    That is the run `previous`, or the run's own purchase log as of `lookback_days` earlier, prepared with the
    same settings and cut into as many segments.

    Parameters
    ----------
    run : Run
        Of which steps 1 to 3 are done.
    parameters : Parameters
        `previous`, `lookback_days`, `n_init` and `seed` are used.
    """
    if parameters.previous:
        return _if_comparable(run, snapshot_of(Run(parameters.previous)))
    first_step = _first_step(run)
    if not first_step.purchases:
        return None, ["There is neither an earlier run (previous) nor a purchase log to compare with."]
    try:
        log = open_log(first_step)
        found, full_window = _as_of(run, first_step, log, parameters.lookback_days, parameters)
    except DataError as error:
        return None, [
            f"The purchase log as of {parameters.lookback_days} days earlier cannot be compared with: {error}"
        ]
    if not full_window:
        days = f"{first_step.window_days} days, {parameters.lookback_days} days earlier"
        return None, [f"The purchase log does not fill a window of {days}; lower window_days or lookback_days."]
    return found, []


def replayed_snapshots(run: Run, parameters: Parameters) -> tuple[list[Snapshot], list[int], list[str]]:
    """Return snapshots of the run's purchase log, a month apart, the earliest first, their ages in days, and notes.

    As many months back as `replay_months` says and the log fills with a whole window; none, and why, where there is no
    log or fewer than two months.

    Parameters
    ----------
    run : Run
        Of which steps 1 to 3 are done.
    parameters : Parameters
        `replay_months`, `n_init` and `seed` are used.
    """
    first_step = _first_step(run)
    if not first_step.purchases or not parameters.replay_months:
        return [], [], ["Without a purchase log, or with replay_months = 0, there is nothing to replay."]
    snapshots, ages, log = [snapshot_of(run)], [0], open_log(first_step)
    for months in range(1, parameters.replay_months + 1):
        days = months * MONTH
        try:
            found, full_window = _as_of(run, first_step, log, days, parameters)
        except DataError:
            break
        if not full_window:
            break
        snapshots.insert(0, found)
        ages.append(days)
    if len(snapshots) < 3:
        return [], [], ["The purchase log is too short to be replayed; lower window_days to see further back."]
    return snapshots, ages, []


def _first_step(run: Run) -> Parameters:
    """Return the settings of a run's first step, as of its own day: the log may have grown since."""
    made = run.read("prepare.json")
    return check_parameters(made["settings"] | {"as_of": made["as_of"] or ""})


def _as_of(
    run: Run, first_step: Parameters, log: Purchases, days: int, parameters: Parameters
) -> tuple[Snapshot, bool]:
    """Return the run's log as of some days earlier, prepared and cut alike, and whether it fills the window."""
    made = run.read("prepare.json")
    source = load_customers(first_step, days_earlier=days, categories=made["categories"], log=log)
    prepared = prepare(source.table, made["columns"], **first_step.model_dump(include=PREPARING))
    k = len(run.read("centres.csv"))
    model = fit_segments(prepared.features, k, n_init=parameters.n_init, seed=parameters.seed)
    label = f"the same log as of {source.as_of}"
    return Snapshot(label, prepared.customers, prepared.columns, prepared.pipeline, model), source.full_window


def _if_comparable(run: Run, previous: Snapshot) -> tuple[Snapshot | None, list[str]]:
    """Return the earlier run's snapshot, unless nobody in it can be found again or its columns are not there now."""
    customers = run.read("customers.parquet")
    if not (has_ids(customers) and has_ids(previous.customers)):
        return None, ["Without a customer id (customer_id) nobody can be found again in another run."]
    try:
        previous.features(customers.head(1))
    except RunError as error:
        return None, [f"The two runs cannot be compared: {error}."]
    return previous, []
