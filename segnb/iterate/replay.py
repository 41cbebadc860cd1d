"""How long a segmentation holds: the log replayed month by month, and an interval for fitting again from it."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from sklearn.metrics import adjusted_rand_score

from segnb.iterate.changes import decompose
from segnb.iterate.decision import calls_for_refit
from segnb.iterate.drift import drift
from segnb.iterate.snapshot import Snapshot
from segnb.wording import percent


def replay(snapshots: Sequence[Snapshot], ages: Sequence[int], *, n_refits: int = 10, seed: int = 0) -> pd.DataFrame:
    """Return how well the first snapshot's model does on each later one, beside a model fitted there.

    Parameters
    ----------
    snapshots : sequence of Snapshot
        The first, and later ones, each with a model of its own fitted to its own customers.
    ages : sequence of int
        Days from the first snapshot to each.
    n_refits : int, default 10
        Bootstrap refits for the noise floor.
    seed : int, default 0

    Returns
    -------
    DataFrame
        One row per later snapshot: `age` (days), `agreement` (adjusted Rand index of the old model and the refit on
        that snapshot's customers), `moved` (customers in another segment by the refit, segments matched), `noise` and
        `noise_high` (what refits on bootstrap samples move: mean and 95 % quantile), `unlike` (customers further from
        the old centres than 99 % were at first), `drift` (largest effect of a feature's drift, in standard deviations)
        and `holds` (neither `moved` exceeds `noise_high` by 5 % of the customers, nor are more than 5 % unlike).
    """
    first = snapshots[0]
    rows = []
    for age, later in zip(ages[1:], snapshots[1:]):
        changes = decompose(first, later, n_refits=n_refits, seed=seed)
        drifts = drift(first.customers, later.customers, first.columns, seed=seed)
        rows.append(
            {
                "age": age,
                "agreement": adjusted_rand_score(first.assign(later.customers), later.assign(later.customers)),
                "moved": changes.model,
                "noise": changes.noise,
                "noise_high": changes.noise_high,
                "unlike": changes.unlike,
                "drift": drifts["effect"].max(),
                "holds": not calls_for_refit(changes),
            }
        )
    return pd.DataFrame(rows)


def refit_interval(replayed: pd.DataFrame) -> tuple[int, bool]:
    """Return after how many days to fit again, and whether the segmentation ceased to hold within the replay.

    The last age up to which it held all the time; the first age where it did not hold at once.

    >>> refit_interval(pd.DataFrame({"age": [30, 60, 90], "holds": [True, False, True]}))
    (30, True)
    >>> refit_interval(pd.DataFrame({"age": [30, 60, 90], "holds": [True, True, True]}))
    (90, False)
    """
    broken = np.flatnonzero(~replayed["holds"].to_numpy(dtype=bool))
    if not len(broken):
        return int(replayed["age"].iloc[-1]), False
    return int(replayed["age"].iloc[max(broken[0] - 1, 0)]), True


def replay_sentence(replayed: pd.DataFrame) -> str:
    """Return how often to fit again, and why, in words.

    >>> print(replay_sentence(pd.DataFrame({"age": [30], "holds": [True], "moved": [0.1], "noise_high": [0.08]})))
    Replayed over 30 days, the first model held all the time: a refit moves 10% of the customers at the end, chance \
alone up to 8.0%. Fitting again is not needed more often than every 30 days.
    """
    days, broke = refit_interval(replayed)
    last = replayed.iloc[-1]
    if not broke:
        return (
            f"Replayed over {int(last['age'])} days, the first model held all the time: a refit moves "
            f"{percent(last['moved'])} of the customers at the end, chance alone up to {percent(last['noise_high'])}. "
            f"Fitting again is not needed more often than every {days} days."
        )
    first = replayed[~replayed["holds"]].iloc[0]
    return (
        f"After {int(first['age'])} days the first model no longer held: a refit moves {percent(first['moved'])} of "
        f"the customers, chance alone up to {percent(first['noise_high'])}, and {percent(first['unlike'])} are unlike "
        f"anyone before. Fit again every {days} days."
    )
