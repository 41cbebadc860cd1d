"""An experiment for each segment's action: who is left alone, what can be seen, and what was learnt."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from tea_tasting import Mean, SampleRatio

from segnb.errors import DataError
from segnb.tables import holm
from segnb.text import counted, listed, prose

TREATED, LEFT_ALONE = "treated", "left alone"

LEVEL, POWER = 0.05, 0.8

_COVARIATES = {"buyers": "orders_before", "orders": "orders_before", "spend": "spend_before"}
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
    if left_alone >= (smallest := segments.value_counts().min()):
        raise DataError(f"left_alone={left_alone:.0f}: the smallest segment has {smallest} customers; leave fewer")
    hashes = [hashlib.sha256(f"{salt}:{customer}".encode()).hexdigest() for customer in segments.index]
    places = pd.Series([int(each[:8], 16) for each in hashes], index=segments.index, dtype="int64")
    if left_alone < 1:
        alone = places < round(left_alone * 16**8)
    else:
        alone = places.groupby(segments).rank(method="first") <= left_alone
    return alone.map({True: LEFT_ALONE, False: TREATED}).rename("arm")


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
        By days, what customers of the segments did in so many days: see `segnb.history.snapshots.Past.followed`.
        Without it a share is taken to be one half, where its spread is largest, and no figure has a baseline.
    worth : float, default 0.3
        The largest effect, as a share of the baseline, that anyone would hope for.

    Returns
    -------
    DataFrame
        One row per segment: what its card says, and `baseline` (the figure as it was, missing where nothing tells it),
        `spread` (its standard deviation after what came before), `treated` and `left_alone` (customers),
        `smallest_effect` (in the figure's unit; missing if no share could rise so far) and `relative_effect` (of the
        baseline), `enough` (customers of both arms that would see the effect hoped for), `weeks` until it can be read,
        and `verdict`.

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
    assumed = past.empty and figure in SHARES
    if assumed:
        past = pd.DataFrame({figure: [0.0, 1.0] * 500})
    if past.empty or past[figure].nunique() < 2:
        return {"verdict": "no baseline: nothing tells how this figure varies"}
    before = varying(past, figure)
    test = partial(Mean, figure, before, alpha=level, power=POWER, ratio=treated / alone, use_t=False)
    baseline = float(past[figure].mean())
    hoped = min(worth * baseline, 1 - baseline) if figure in SHARES else worth * baseline
    seen = test(n_obs=treated + alone).solve_power(past, "effect_size")[0]
    enough = test(effect_size=hoped).solve_power(past, "n_obs")[0].n_obs
    possible = figure not in SHARES or seen.effect_size <= 1 - baseline
    left_over = 1 - past[figure].corr(past[before]) ** 2 if before else 1
    return {
        "baseline": None if assumed else baseline,
        "spread": past[figure].std() * left_over**0.5,
        "smallest_effect": seen.effect_size if possible else None,
        "relative_effect": seen.rel_effect_size if possible and not assumed else None,
        "enough": enough,
        "verdict": f"too small to test: {enough:,} would do" if seen.effect_size > hoped else "can be tested",
    }


def varying(table: pd.DataFrame, figure: str) -> str | None:
    """Return the column of what customers did before, by which a figure's spread is narrowed, if it varies at all."""
    before = _COVARIATES.get(figure)
    return before if before in table and table[before].nunique() > 1 else None


_MISMATCH = 0.001
"""Below this p-value the arms are not split as planned (Fabijan et al., KDD 2019), so that nothing can be learnt."""

_WORDS = prose(__file__)

VERDICTS: dict[str, dict[str, str]] = _WORDS.verdicts
"""What a test says of a segment's `card`, and of how many `actions` that is said."""

_FOUND = {
    **{"treatment": "treated", "control": "left_alone", "effect_size": "difference"},
    **{"effect_size_ci_lower": "low", "effect_size_ci_upper": "high", "pvalue": "p"},
}
"""What tea-tasting calls the figures of `read_back`."""


def check_results(results: pd.DataFrame, plan: pd.DataFrame, arms: pd.DataFrame) -> None:
    """Check a table of results against the plan.

    Parameters
    ----------
    results : DataFrame
        One row per customer, indexed by id: a column for each figure of the plan and, if the sender has them, `arm` and
        `segment` as they were carried out.
    plan : DataFrame
        As returned by `plan_tests`.
    arms : DataFrame
        `segment` and `arm` of each customer who takes part, indexed by id.

    Raises
    ------
    DataError
        If ids are unknown or stand twice, an arm or a segment is another than planned, an arm is empty, or a figure is
        missing, negative, or neither 0 nor 1 though it is a share.

    >>> arms = pd.DataFrame({"segment": [1, 1], "arm": ["treated", "left alone"]}, index=["a", "b"])
    >>> plan = pd.DataFrame({"segment": [1], "figure": ["orders"]})
    >>> check_results(pd.DataFrame({"orders": [1, -2]}, index=["a", "b"]), plan, arms)
    Traceback (most recent call last):
    segnb.errors.DataError: results: orders is missing, negative or no such figure for 1 customers, such as b; repair it
    """
    figures = plan["figure"].unique()
    if missing := [repr(name) for name in figures if name not in results]:
        raise DataError(f"results: no column {', '.join(missing)}, which the plan needs; give one row per customer")
    ids = results.index
    twice, strangers = ids[ids.duplicated()], ids.difference(arms.index)
    _refuse(twice, "{} appear more than once, perhaps in both arms, such as {}; keep one row per customer")
    _refuse(strangers, "{} are not in the plan, such as {}; take them out, or name the run they belong to")
    for column in results.columns.intersection(["arm", "segment"]):
        others = ids[(results[column] != arms.loc[ids, column]).to_numpy()]
        _refuse(others, f"{{}} differ in {column} from the plan, such as {{}}; use the one in arms.csv")
    for row in plan[["segment", "figure"]].itertuples():
        own = arms[arms["segment"] == row.segment].index.intersection(ids)
        values = pd.to_numeric(results.loc[own, row.figure], errors="coerce")
        fit = values.isin([0, 1]) if row.figure in SHARES else values.ge(0) & np.isfinite(values)
        _refuse(own[~fit], f"{row.figure} is missing, negative or no such figure for {{}}, such as {{}}; repair it")
        if empty := {TREATED, LEFT_ALONE} - set(arms.loc[own, "arm"]):
            raise DataError(f"results: segment {row.segment} has nobody {listed(sorted(empty))}; give both arms")


def _refuse(ids: pd.Index, words: str) -> None:
    """Refuse results in which something is wrong with some customers."""
    if len(ids):
        some = listed([str(each) for each in ids[:3]])
        raise DataError(f"results: {words.format(f'{len(ids):,} customers', some)}")


def read_back(plan: pd.DataFrame, arms: pd.DataFrame, results: pd.DataFrame) -> pd.DataFrame:
    """Return what the action changed in each segment, treated less left alone, and whether its card was wrong.

    Welch's interval of the difference, after what customers had done before was taken off (CUPED: Deng et al., WSDM
    2013). A card was right if the figure is higher beyond chance, by Holm's correction over the segments. It was wrong
    if the figure is not, though even the smallest effect that the plan could see lies beyond the interval. Else it is
    not decided.

    Parameters
    ----------
    plan : DataFrame
        As returned by `plan_tests`; segments without anybody to compare with are left out.
    arms : DataFrame
        `segment` and `arm` of each customer who takes part, indexed by id.
    results : DataFrame
        One row per customer, indexed by id: the figures, and what customers did before (`orders_before`,
        `spend_before`) where it is known.

    Returns
    -------
    DataFrame
        One row per segment: `segment`, `name`, `figure`, `treated` and `left_alone` (means; of shares 0 to 1),
        `difference` with its 95 % interval `low` to `high`, `p_holm`, `customers`, `mismatch` (p-value of the arms'
        sizes beside the planned ones) and `verdict` ("held", "wrong", "open", or "spoilt" by a mismatch).

    >>> arms = pd.DataFrame({"segment": 1, "arm": ["treated", "left alone"] * 50}, index=range(100))
    >>> plan = pd.DataFrame({"segment": [1], "name": "frequent", "figure": "orders", "smallest_effect": 0.5})
    >>> results = pd.DataFrame({"orders": [3.0, 1, 2, 2] * 25}, index=range(100))
    >>> read_back(plan, arms, results)[["difference", "verdict"]].to_numpy().tolist()
    [[1.0, 'held']]
    """
    both = arms.join(results.drop(columns=["arm", "segment"], errors="ignore"), how="inner")
    planned = pd.crosstab(arms["segment"], arms["arm"]).reindex(columns=[TREATED, LEFT_ALONE], fill_value=0)
    rows = []
    for row in plan[["segment", "name", "figure", "smallest_effect"]].to_dict("records"):
        treated, alone = planned.loc[row["segment"]]
        if min(treated, alone) >= 2:
            rows.append(row | _difference(both[both["segment"] == row["segment"]], row["figure"], treated / alone))
    table = pd.DataFrame(rows).rename(columns=_FOUND).fillna({"low": 0.0, "high": 0.0, "p": 1.0})
    table["p_holm"] = holm(table["p"].to_numpy(dtype=float))
    right = (table["p_holm"] < LEVEL) & (table["difference"] > 0)
    ruled_out = table["high"] < table["smallest_effect"].fillna(-np.inf)
    spoilt = table["mismatch"] < _MISMATCH
    table["verdict"] = np.select([spoilt, right, ruled_out], ["spoilt", "held", "wrong"], "open")
    columns = ["segment", "name", "figure", "treated", "left_alone", "difference", "low", "high", "p_holm"]
    return table[[*columns, "customers", "mismatch", "verdict"]]


def _difference(own: pd.DataFrame, figure: str, ratio: float) -> dict[str, Any]:
    """Return tea-tasting's difference between the arms, and whether these are as large as planned.

    Where the figure is the same for everybody, the interval is missing.
    """
    arms, values = {"control": LEFT_ALONE, "treatment": TREATED, "variant": "arm"}, own.astype({figure: float})
    with np.errstate(invalid="ignore"):
        found = Mean(figure, varying(own, figure)).analyze(values, **arms)
    mismatch = SampleRatio(ratio).analyze(own[["arm"]], **arms).pvalue
    return found._asdict() | {"customers": len(own), "mismatch": mismatch}


def lessons(learnt: Iterable[Mapping[str, Any]]) -> tuple[dict[int, str], str]:
    """Return what was learnt of each segment's action, in words, and a sentence that counts what held and what did not.

    Parameters
    ----------
    learnt : iterable of dict
        What was read back, the earliest first: `run`, `forced` (whether before its time) and `segments`, the rows of
        `read_back`. Of a segment that was tested more than once the last test tells.

    Returns
    -------
    words : dict of int to str
        By segment; empty if nothing was learnt.
    sentence : str
        "" if nothing was learnt.

    >>> row = {"segment": 2, "figure": "buyers", "treated": 0.3, "left_alone": 0.2, "difference": 0.1}
    >>> row |= {"low": 0.02, "high": 0.18, "verdict": "held"}
    >>> words, sentence = lessons([{"run": "june", "forced": False, "segments": [row]}])
    >>> words[2]
    'Tested in june: the card was right; 30% with the action, 20% without, a difference of 2 to 18 points.'
    >>> sentence
    'Of 1 action tested so far, 1 held.'
    """
    found = {row["segment"]: {**test, **row} for test in learnt for row in test["segments"]}
    counts = Counter(row["verdict"] for row in found.values())
    parts = [f"{counts[verdict]} {said['actions']}" for verdict, said in VERDICTS.items() if verdict in counts]
    words = {segment: _WORDS.learnt(row, row["figure"] in SHARES).strip() for segment, row in found.items()}
    return words, f"Of {counted(len(found), 'action')} tested so far, {listed(parts)}." if found else ""
