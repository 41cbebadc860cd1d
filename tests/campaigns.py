"""Simulated campaigns: customers with a past, planted effects in some segments and none in others."""

import numpy as np
import pandas as pd

from segnb.act import plan_tests, read_back
from segnb.act.experiment import LEFT_ALONE, TREATED

SIZES = [300, 500, 800, 1200]


def plan_of(k):
    """Return cards of k segments whose figure is the spend."""
    card = {"action": "a", "disproof": "d", "figure": "spend", "days": 90}
    return [{"segment": number, "name": f"s{number}", **card} for number in range(1, k + 1)]


def people(rng, sizes):
    """Return customers with a skewed spend before and a spend after that goes with it."""
    segments = np.repeat(np.arange(1, len(sizes) + 1), sizes)
    usual = rng.gamma(2, 20, len(segments)) * (1 + segments / 4)
    spend = {
        "spend_before": usual * rng.gamma(4, 0.25, len(segments)),
        "spend": usual * rng.gamma(4, 0.25, len(segments)),
    }
    return pd.DataFrame({"segment": segments} | spend, index=[f"c{number}" for number in range(len(segments))])


def past_of(k, seed=0, sizes=SIZES):
    """Return what customers of k segments did in a period without a campaign."""
    return people(np.random.default_rng(seed), sizes[:k])


def campaign(k, effects=None, sizes=None, seed=0):
    """Return the arms of a campaign and its results; `effects` are added to the spend of those treated."""
    rng = np.random.default_rng(seed)
    table = people(rng, (sizes or SIZES)[:k])
    arms = table[["segment"]].assign(arm=np.where(rng.random(len(table)) < 0.5, TREATED, LEFT_ALONE))
    effect = np.asarray(effects or [0.0] * k)[table["segment"] - 1] * (arms["arm"] == TREATED)
    return arms, table.drop(columns="segment").assign(spend=table["spend"] + effect)


def simulate(draws, seed=0, campaigns=1):
    """Return how often intervals cover the truth, a segment without effect is called right, and one with it is found.

    Half of the segments have the smallest effect that the plan says it sees, the others none. So many `campaigns` are
    read back with each plan.
    """
    covered, false, found = [], [], []
    for draw in range(seed, seed + 2 * draws, 2):
        if (draw - seed) // 2 % campaigns == 0:
            arms, _ = campaign(len(SIZES), seed=draw)
            plan = plan_tests(plan_of(len(SIZES)), arms, {90: past_of(len(SIZES), draw)})
            truth = plan["smallest_effect"].where(plan["segment"] % 2 == 1, 0.0)
        arms, results = campaign(len(SIZES), effects=truth.tolist(), seed=draw + 1)
        rows = read_back(plan, arms, results)
        covered += list((rows["low"] <= truth) & (truth <= rows["high"]))
        held = rows["verdict"] == "held"
        false.append(bool(held[truth == 0].any()))
        found += list(held[truth > 0])
    names = ("coverage", "false_discoveries", "power")
    return {name: float(np.mean(each)) for name, each in zip(names, (covered, false, found))}
