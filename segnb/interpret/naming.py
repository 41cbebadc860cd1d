"""Words for what marks a segment, the draft names made of them, and the actions that go with them."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from segnb.wording import label

WORTH_A_NAME = 0.5
"""An effect below this Cohen's d names nothing: half a standard deviation, Cohen's medium effect."""

VOCABULARY = {
    # column: what it is about, word where it is high, word where it is low
    "recency_days": ("activity", "not seen lately", "seen lately"),
    "orders": ("activity", "frequent", "infrequent"),
    "days_between_orders": ("activity", "long gaps", "short gaps"),
    "spend": ("value", "high spend", "low spend"),
    "mean_order_value": ("value", "large orders", "small orders"),
    "tenure_days": ("tenure", "long-standing", "newer"),
    "discount_share": ("discount", "discount seekers", "full price"),
    "categories": ("variety", "many categories", "few categories"),
    "products": ("variety", "many products", "few products"),
}

ACTIONS = {
    # draft word: what to do, and the figure that would prove it wrong
    "not seen lately": (
        "Win back: one reminder with one clear reason to return, sent once.",
        "Share with an order in the next 60 days, no higher than among customers left without the reminder.",
    ),
    "newer": (
        "Welcome: help with the first orders and lead to the next one while the shop is fresh in mind.",
        "Share with another order within 45 days, no higher than among newcomers left alone.",
    ),
    "discount seekers": (
        "Spend discounts with care: try smaller ones, or bundles in their place.",
        "Margin per customer, no better than among those who keep the usual discounts.",
    ),
    "large orders": (
        "Personal service and early access around the occasions on which they buy; no small vouchers.",
        "Large orders per customer in the next 180 days, no more than in a group served as before.",
    ),
    "high spend": (
        "Keep them: thanks and service before discounts, and ask what they miss.",
        "Share that stays in this segment over the next quarter, no higher than in a group treated as before.",
    ),
    "frequent": (
        "Reward the habit, for instance with free delivery or a club, and suggest what goes with it.",
        "Orders per customer over the next quarter, no more than in a group without the reward.",
    ),
    "small orders": (
        "Raise the basket: a threshold for free delivery a little above their usual order.",
        "Mean order value over the next quarter, no higher than in a group without the threshold.",
    ),
    "infrequent": (
        "Give a reason to come back sooner: reminders timed by their own rhythm.",
        "Orders per customer over the next half year, no more than in a group without reminders.",
    ),
}

DEFAULT_ACTION = (
    "Test one offer that fits what marks this segment before spending on it.",
    "Response to the offer, no higher than in another segment that gets the same one.",
)


def word(feature: str, effect: float) -> str:
    """Return the word for a high or low value of a feature.

    >>> word("orders", 1.2), word("share_toys", 0.8), word("feature1", -0.9)
    ('frequent', 'mostly toys', 'low feature1')
    """
    if feature in VOCABULARY:
        return VOCABULARY[feature][1 if effect > 0 else 2]
    if feature.startswith("share_"):
        return f"{'mostly' if effect > 0 else 'little'} {label(feature.removeprefix('share_'))}"
    return f"{'high' if effect > 0 else 'low'} {label(feature)}"


def _theme(feature: str) -> str:
    if feature in VOCABULARY:
        return VOCABULARY[feature][0]
    return "category" if feature.startswith("share_") else feature


def strongest(effects: pd.DataFrame, segment: int) -> list[tuple[str, float]]:
    """Return the features that mark a segment, strongest first, one per theme."""
    own = effects[effects["segment"] == segment].set_index("feature")["cohens_d"]
    own = own[own.abs() >= WORTH_A_NAME].sort_values(key=np.abs, ascending=False, kind="stable")
    chosen: dict[str, tuple[str, float]] = {}
    for feature, effect in own.items():
        chosen.setdefault(_theme(feature), (feature, float(effect)))
    return list(chosen.values())


def draft_names(strongest: Mapping[int, list[tuple[str, float]]]) -> dict[int, str]:
    """Return a name for each segment from its two strongest effects, from more where two names would be alike."""
    names: dict[int, str] = {}
    taken: set[frozenset[str]] = set()
    for segment, marks in strongest.items():
        words = [word(*mark) for mark in marks] or ["near average"]
        counts = range(min(2, len(words)), len(words) + 1)
        count = next((count for count in counts if frozenset(words[:count]) not in taken), 0)
        names[segment] = ", ".join(words[: count or 2]) + ("" if count else f" ({segment})")
        taken.add(frozenset(words[: count or 2]))
    return names


def suggest_action(strongest: list[tuple[str, float]]) -> tuple[str, str]:
    """Return what to try for a segment with these marks, and the figure that would prove it wrong."""
    words = [word(*mark) for mark in strongest]
    for found in words:
        if found in ACTIONS:
            return ACTIONS[found]
    leading = next((each for each in words if each.startswith("mostly ")), "")
    if leading:
        category = leading.removeprefix("mostly ")
        return (
            f"Lead with {category} in what they see first.",
            f"Click and order rates on {category}, no higher than with the usual selection.",
        )
    return DEFAULT_ACTION
