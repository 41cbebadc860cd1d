"""A test for each segment's action: who is left alone, what can be seen, and when it can be read."""

import hashlib
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

import pandas as pd
from tea_tasting import Mean

from segnb.errors import DataError

TREATED, LEFT_ALONE = "treated", "left alone"

LEVEL, POWER = 0.05, 0.8

BEFORE = {"buyers": "orders_before", "orders": "orders_before", "spend": "spend_before"}
"""What customers did before, by which a figure's spread is narrowed."""

SHARES = ("buyers", "answer")
"""Figures of 0 and 1."""

_COLUMNS = [
    *("segment", "name", "action", "disproof", "figure", "days", "baseline", "spread", "treated", "left_alone"),
    *("smallest_effect", "relative_effect", "enough", "weeks", "verdict"),
]


def assign_arms(segments: pd.Series, left_alone: float = 0.5, salt: str = "") -> pd.Series:
    """Return who is treated and who is left alone, by a hash that nobody chooses and everybody can repeat.

    A customer's place is the SHA-256 of `salt:id`, the first eight digits of it; those with the lowest places are left
    alone. With a share that depends on nothing but id and salt, so that a customer who comes later is assigned alike.

    Parameters
    ----------
    segments : Series
        Segment of each customer, indexed by id.
    left_alone : float or int
        A share between 0 and 1, or how many customers of each segment, at least 1.
    salt : str
        What makes this test's assignment another than that of the next one.

    Returns
    -------
    Series of str
        "treated" or "left alone", same index.

    Raises
    ------
    DataError
        If `left_alone` is neither, or a segment has no more customers than that.

    >>> assign_arms(pd.Series([1, 1, 1, 1], index=["a", "b", "c", "d"]), left_alone=1, salt="june").tolist()
    ['left alone', 'treated', 'treated', 'treated']
    """
    if not (0 < left_alone < 1 or (left_alone >= 1 and left_alone == int(left_alone))):
        raise DataError(f"left_alone={left_alone!r}: give a share between 0 and 1, or a whole number of customers")
    places = pd.Series([place_of(customer, salt) for customer in segments.index], index=segments.index, dtype=str)
    if left_alone < 1:
        alone = places < f"{min(round(left_alone * 16**8), 16**8 - 1):08x}"
    else:
        smallest = segments.value_counts().min()
        if left_alone >= smallest:
            raise DataError(f"left_alone={left_alone:.0f}: the smallest segment has {smallest} customers; leave fewer")
        alone = places.groupby(segments).rank(method="first") <= left_alone
    return alone.map({True: LEFT_ALONE, False: TREATED}).rename("arm")


def place_of(customer: object, salt: str) -> str:
    """Return a customer's place among all, eight hexadecimal digits.

    >>> place_of("C1", "june")
    'f702871c'
    """
    return hashlib.sha256(f"{salt}:{customer}".encode()).hexdigest()[:8]


def plan_tests(
    cards: Iterable[Mapping[str, Any]], arms: pd.DataFrame, followed: Mapping[int, pd.DataFrame], worth: float = 0.3
) -> pd.DataFrame:
    """Return for each segment what a test of its action could see, and when.

    The smallest effect is the one that is seen with a chance of 80 % at the level 0.05 divided by the number of
    segments (the strictest step of Holm's correction), by a test of means after what customers had done before was
    taken off (CUPED: Deng et al., WSDM 2013); the normal distribution stands for Student's.

    Parameters
    ----------
    cards : iterable of dict
        Of the segments: `segment`, `name`, `action`, `disproof`, `figure` and `days`.
    arms : DataFrame
        `segment` and `arm` of each customer who takes part, see `assign_arms`.
    followed : mapping of int to DataFrame
        By days, what customers of the segments did in so many days, as `segnb.history.snapshots.followed` returns it.
        Without it a share is taken to be one half, where its spread is largest, and other figures have no baseline.
    worth : float, default 0.3
        The largest effect, as a share of the baseline, that anyone would hope for.

    Returns
    -------
    DataFrame
        One row per segment: what its card says, and `baseline` (the figure as it was), `spread`
        (its standard deviation after what came before), `treated` and `left_alone` (customers), `smallest_effect` (in
        the figure's unit) and `relative_effect` (of the baseline), `enough` (customers of both arms that would see the
        effect hoped for), `weeks` until it can be read, and `verdict`.

    >>> cards = [{"segment": 1, "name": "frequent", "action": "Thank them.", "figure": "answer", "days": 30}]
    >>> arms = pd.DataFrame({"segment": 1, "arm": ["treated", "left alone"] * 200})
    >>> plan_tests(cards, arms, {})["smallest_effect"].round(2).tolist()
    [0.14]
    """
    cards = list(cards)
    counts = arms.groupby("segment")["arm"].value_counts()
    rows = []
    for card in cards:
        treated, alone = (int(counts.get((card["segment"], arm), 0)) for arm in (TREATED, LEFT_ALONE))
        past = followed.get(card["days"], pd.DataFrame(columns=["segment"]))
        past = past[past["segment"] == card["segment"]]
        seen = _what_is_seen(past, card["figure"], treated, alone, LEVEL / len(cards), worth)
        rows.append({**card, "treated": treated, "left_alone": alone, "weeks": -(-card["days"] // 7), **seen})
    table = pd.DataFrame(rows).reindex(columns=_COLUMNS)
    return table.assign(enough=table["enough"].astype("Int64"))


def _what_is_seen(
    past: pd.DataFrame, figure: str, treated: int, alone: int, level: float, worth: float
) -> dict[str, Any]:
    """Return the baseline of a figure, the smallest effect on it that a test would see, and whether that is any use."""
    if min(treated, alone) < 2:
        return {"verdict": "nobody to compare with"}
    if past.empty and figure in SHARES:
        past = pd.DataFrame({figure: [0.0, 1.0] * 500})
    if past.empty or past[figure].nunique() < 2:
        return {"verdict": "no baseline: nothing tells how this figure varies"}
    before = varying(past, figure)
    test = partial(Mean, figure, before, alpha=level, power=POWER, ratio=treated / alone, use_t=False)
    baseline = float(past[figure].mean())
    hoped = min(worth * baseline, 1 - baseline) if figure in SHARES else worth * baseline
    smallest = test(n_obs=treated + alone).solve_power(past, "effect_size")[0].effect_size
    enough = test(effect_size=hoped).solve_power(past, "n_obs")[0].n_obs
    left_over = 1 - past[figure].corr(past[before]) ** 2 if before else 1
    return {
        "baseline": baseline,
        "spread": past[figure].std() * left_over**0.5,
        "smallest_effect": smallest,
        "relative_effect": smallest / baseline,
        "enough": enough,
        "verdict": f"too small to test: {enough:,} customers would be enough" if smallest > hoped else "can be tested",
    }


def varying(table: pd.DataFrame, figure: str) -> str | None:
    """Return the column of what customers did before, by which a figure's spread is narrowed, if it varies at all."""
    before = BEFORE.get(figure)
    return before if before in table and table[before].nunique() > 1 else None
