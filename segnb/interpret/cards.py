"""Segment cards: a draft name, what marks the segment, and a suggested action with the figure that tests it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from segnb.errors import DataError
from segnb.text import escape, escape_markdown, figure, label, listed, percent, segment_colours

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


WITHHELD = "Figures are withheld: they, or what follows from them, would tell of too few customers."
"""What a card says in place of marks where there are too few customers."""


@dataclass(frozen=True, repr=False)
class Card:
    """One segment on a card.

    Attributes
    ----------
    segment : int
    name : str
        A person's name for it, or a draft from its two strongest effects.
    drafted : bool
        Whether the name is a draft.
    customers : int
    share, value_share : float
        Of all customers, and of the whole spend (NaN without a spend column).
    confidence : float
        Mean confidence of its customers, 0 to 1; NaN for a segment without figures.
    marks : list of str
        What marks it, with figures.
    action, disproof : str
        What to try, and the figure that would prove it wrong.
    value : str
        The column that `value_share` is a share of.
    jaccard : float
        How well models of other samples find the segment again, 0 to 1 (NaN if it was not looked at).
    light : str
        What that means: "unstable", "doubtful", "stable" or "highly stable", or "".
    """

    segment: int
    name: str
    drafted: bool
    customers: int
    share: float
    value_share: float
    confidence: float
    marks: list[str]
    action: str
    disproof: str
    value: str = "spend"
    jaccard: float = float("nan")
    light: str = ""

    def __repr__(self) -> str:
        marks = "".join(f"\n  - {mark}" for mark in self.marks)
        return f"{self._heading()}\n{self._size()}{marks}\n  Try: {self.action}\n  Wrong if: {self.disproof}"

    def _repr_html_(self) -> str:
        marks = "".join(f"<li>{escape(mark)}</li>" for mark in self.marks)
        colour = segment_colours([self.segment])[self.segment]
        return (
            f'<div class="card" style="border-left: 6px solid {colour}; padding-left: 0.8rem">'
            f"<h3>{escape(self._heading())}</h3><p>{escape(self._size())}</p><ul>{marks}</ul>"
            f"<p><b>Try:</b> {escape(self.action)}</p><p><b>Wrong if:</b> {escape(self.disproof)}</p></div>"
        )

    def _heading(self) -> str:
        return f"{self.segment} · {self.name}" + (" (draft name)" if self.drafted else "")

    def _size(self) -> str:
        value = "" if np.isnan(self.value_share) else f", {percent(self.value_share)} of the {label(self.value)}"
        found = f"; {self.light} on other samples (Jaccard {self.jaccard:.2f})" if self.light else ""
        sure = "" if np.isnan(self.confidence) else f"; mean confidence {self.confidence:.2f}"
        return f"{self.customers:,} customers, {percent(self.share)}{value}{sure}{found}"

    def markdown(self) -> str:
        """Return the card as Markdown, ready to paste; nothing in it is taken for markup."""
        marks = "".join(f"- {escape_markdown(mark)}\n" for mark in self.marks)
        return (
            f"### {escape_markdown(self._heading())}\n\n{escape_markdown(self._size())}\n\n{marks}\n"
            f"**Try:** {escape_markdown(self.action)}\n\n**Wrong if:** {escape_markdown(self.disproof)}\n"
        )

    def to_dict(self) -> dict:
        """Return the card as plain types, ready for JSON."""
        return {
            key: None if isinstance(value, float) and np.isnan(value) else value for key, value in asdict(self).items()
        }


def make_cards(
    sizes: pd.DataFrame,
    effects: pd.DataFrame,
    profiles: pd.DataFrame,
    confidence: pd.Series,
    names: Mapping[int, str] | None = None,
    withheld: list[int] | None = None,
    value: str = "spend",
    stability: pd.DataFrame | None = None,
) -> list[Card]:
    """Return one card per segment, in the order of their numbers.

    Parameters
    ----------
    sizes : DataFrame
        As returned by `segment_sizes`.
    effects : DataFrame
        As returned by `effects`.
    profiles : DataFrame
        As returned by `profiles`.
    confidence : Series
        Mean confidence per segment.
    names : mapping of int to str, optional
        A person's names, which win over drafts.
    withheld : list of int, optional
        Segments without figures; their cards show their size only.
    value : str
        The column that the value shares are of.
    stability : DataFrame, optional
        `jaccard` and `light` of each segment, indexed by segment.

    Raises
    ------
    DataError
        If `names` names a segment that does not exist.
    """
    names, hidden = dict(names or {}), set(withheld or ())
    unknown = [segment for segment in names if segment not in sizes.index]
    if unknown:
        raise DataError(
            f"names: there is no segment {', '.join(map(str, unknown))}; "
            f"the segments are {listed([str(segment) for segment in sizes.index])}"
        )
    marking = {segment: strongest(effects, segment) for segment in sizes.index}
    drafts = draft_names({segment: marks for segment, marks in marking.items() if segment not in hidden})
    cards = []
    for segment, size in sizes.iterrows():
        seen = segment not in hidden
        action, disproof = suggest_action(marking[segment]) if seen else DEFAULT_ACTION
        cards.append(
            Card(
                segment=int(segment),
                name=names.get(segment) or drafts.get(segment, f"segment {segment}"),
                drafted=segment not in names,
                customers=int(size["customers"]),
                share=float(size["share"]),
                value_share=float(size.get("value_share", np.nan)) if seen else float("nan"),
                confidence=float(confidence[segment]) if seen else float("nan"),
                marks=_marks(marking[segment], profiles, segment) if seen else [WITHHELD],
                action=action,
                disproof=disproof,
                value=value,
                **(stability.loc[segment, ["jaccard", "light"]] if stability is not None else {}),
            )
        )
    return cards


def cards_markdown(cards: list[Card]) -> str:
    """Return all cards as one Markdown text, ready to paste into a document."""
    return "\n".join(card.markdown() for card in cards)


def _marks(strongest: list[tuple[str, float]], profiles: pd.DataFrame, segment: int) -> list[str]:
    """Return up to four marks, each with the segment's figure and that of all customers."""
    own = profiles[profiles["segment"] == segment].set_index("column")
    marks = [_mark(feature, effect, own.loc[feature]) for feature, effect in strongest if feature in own.index]
    return [mark for mark in marks if mark][:4] or ["Close to the average customer in every feature."]


def _mark(feature: str, effect: float, row: pd.Series) -> str:
    """Return a mark with medians or, where those are the same, means; nothing if neither shows the effect.

    The effect is measured on the transformed scale, where a long tail weighs less than in a mean.
    """
    for here, everywhere, kind in (("median", "overall_median", "median"), ("mean", "overall", "mean")):
        if (row[here] - row[everywhere]) * effect > 0:
            values = f"{figure(feature, row[here])} ({kind}; all customers {figure(feature, row[everywhere])})"
            return f"{word(feature, effect)}: {label(feature)} {values}"
    return ""
