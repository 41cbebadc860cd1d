"""Segment cards: a draft name, what marks the segment, and a suggested action with the figure that tests it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from segnb.disclosure import door
from segnb.errors import DataError
from segnb.interpret.effects import level_marks
from segnb.text import IS, category_of, figure, label, listed, prose

_WORTH_A_NAME = 0.5
"""An effect below this Cohen's d names nothing: half a standard deviation, Cohen's medium effect."""

_WORDS = prose(__file__)

VOCABULARY = yaml.safe_load(Path(__file__).with_name("vocabulary.yaml").read_text(encoding="utf-8"))
"""Words for high and low values of the features, and what to try with the segments that they mark."""

_WITHHELD = "Figures are withheld: they, or what follows from them, would tell of too few customers."
"""What a card says in place of marks where there are too few customers."""

Mark = tuple[str, float]
"""A feature and Cohen's d of a segment in it."""


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
    figure : str
        That figure: "buyers" (share with an order), "orders", "spend" (per customer) or "answer"; "" if withheld.
    days : int
        In how many days it can be read.
    value : str
        The column that `value_share` is a share of.
    jaccard : float
        How well models of other samples find the segment again, 0 to 1 (NaN if it was not looked at).
    light : str
        What that means: "unstable", "doubtful", "stable" or "highly stable", or "".
    learnt : str
        What a test of the action in an earlier run of the series has shown, or "".

    Examples
    --------
    >>> sizes = pd.DataFrame({"customers": [60, 40], "share": [0.6, 0.4]}, index=[1, 2])
    >>> effects = pd.DataFrame({"segment": [1, 2], "feature": "orders", "cohens_d": [-0.9, 0.9]})
    >>> profiles = pd.DataFrame({"segment": [1, 2], "column": "orders", "mean": [2.0, 9.0], "median": [2.0, 8.0]})
    >>> profiles = profiles.assign(overall=4.8, overall_median=3.0)
    >>> cards = make_cards(sizes, effects, profiles, pd.Series({1: 0.4, 2: 0.5}))
    >>> cards[1].name, cards[1].marks
    ('frequent', ['frequent: orders 8 (median; all customers 3)'])
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
    figure: str = ""
    days: int = 0
    value: str = "spend"
    jaccard: float = float("nan")
    light: str = ""
    learnt: str = ""

    def __repr__(self) -> str:
        return _WORDS.plain(self).strip()

    def _repr_html_(self) -> str:
        return _WORDS.html(self).strip()

    def markdown(self) -> str:
        """Return the card as Markdown, ready to paste; nothing in it is taken for markup."""
        return _WORDS.markdown(self)

    def to_dict(self) -> dict:
        """Return the card as plain types, ready for JSON; what is missing is None."""
        return {name: None if value != value else value for name, value in asdict(self).items()}


def make_cards(
    sizes: pd.DataFrame,
    effects: pd.DataFrame,
    profiles: pd.DataFrame,
    confidence: pd.Series,
    names: Mapping[int, str] | None = None,
    value: str = "spend",
    stability: pd.DataFrame | None = None,
    levels: pd.DataFrame | None = None,
    learnt: Mapping[int, str] | None = None,
) -> list[Card]:
    """Return one card per segment, in the order of their numbers; segments that the door hides show their size only.

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
    value : str
        The column that the value shares are of.
    stability : DataFrame, optional
        `jaccard` and `light` of each segment, indexed by segment.
    levels : DataFrame, optional
        As returned by `category_effects` for the categories among the features.
    learnt : mapping of int to str, optional
        What tests have shown of the segments' actions, in words.

    Raises
    ------
    DataError
        If `names` names a segment that does not exist.

    >>> sizes = pd.DataFrame({"customers": [60, 40], "share": [0.6, 0.4]}, index=[1, 2])
    >>> effects = pd.DataFrame({"segment": [1, 2], "feature": "orders", "cohens_d": [-0.9, 0.9]})
    >>> profiles = pd.DataFrame({"segment": [1, 2], "column": "orders", "mean": [2.0, 9.0], "median": [2.0, 8.0]})
    >>> profiles = profiles.assign(overall=4.8, overall_median=3.0)
    >>> cards = make_cards(sizes, effects, profiles, pd.Series({1: 0.4, 2: 0.5}))
    >>> [card.name for card in cards]
    ['infrequent', 'frequent']
    """
    names, hidden = dict(names or {}), door().hidden
    if unknown := [str(segment) for segment in names if segment not in sizes.index]:
        known = listed([str(segment) for segment in sizes.index])
        raise DataError(f"names: there is no segment {', '.join(unknown)}; the segments are {known}")
    if levels is not None and len(levels):
        effects = pd.concat([effects, level_marks(door().disclosed(levels))], ignore_index=True)
    found_again = pd.DataFrame(columns=["jaccard", "light"]) if stability is None else stability[["jaccard", "light"]]
    seen = sizes.reindex(columns=["customers", "share", "value_share"]).assign(confidence=confidence).join(found_again)
    seen.loc[seen.index.isin(hidden), ["value_share", "confidence"]] = np.nan
    marks = {segment: _strongest(effects, segment) for segment in sizes.index if segment not in hidden}
    drafts = _draft_names(marks)
    shops = any(feature in VOCABULARY["words"] or feature.startswith("share_") for feature in effects["feature"])
    return [
        Card(
            segment=int(segment),
            name=names.get(segment) or drafts.get(segment, f"segment {segment}"),
            drafted=segment not in names,
            marks=_marks(marks[segment], profiles, segment) if segment in marks else [_WITHHELD],
            learnt=(learnt or {}).get(segment, "") if segment in marks else "",
            value=value,
            **_action(marks.get(segment, []), shops),
            **figures,
        )
        for segment, figures in zip(seen.index, seen.fillna({"light": ""}).to_dict("records"))
    ]


def cards_markdown(cards: list[Card]) -> str:
    """Return all cards as one Markdown text, ready to paste into a document.

    Parameters
    ----------
    cards : list of Card
        As returned by `make_cards`.

    >>> sizes = pd.DataFrame({"customers": [60, 40], "share": [0.6, 0.4]}, index=[1, 2])
    >>> effects = pd.DataFrame({"segment": [1, 2], "feature": "orders", "cohens_d": [-0.9, 0.9]})
    >>> profiles = pd.DataFrame({"segment": [1, 2], "column": "orders", "mean": [2.0, 9.0], "median": [2.0, 8.0]})
    >>> profiles = profiles.assign(overall=4.8, overall_median=3.0)
    >>> cards = make_cards(sizes, effects, profiles, pd.Series({1: 0.4, 2: 0.5}))
    >>> cards_markdown(cards).splitlines()[0]
    '### 1 · infrequent (draft name)'
    """
    return "\n".join(card.markdown() for card in cards)


def _word(feature: str, effect: float) -> str:
    """Return the word for a high or low value of a feature.

    >>> _word("orders", 1.2), _word("share_toys", 0.8), _word("feature1", -0.9), _word(f"plan{IS}yearly", 0.7)
    ('frequent', 'more toys', 'low feature1', 'plan: yearly')
    """
    if feature in VOCABULARY["words"]:
        return VOCABULARY["words"][feature]["high" if effect > 0 else "low"]
    if IS in feature:
        return label(feature) if effect > 0 else f"seldom {label(feature)}"
    if feature.startswith("share_"):
        return f"{'more' if effect > 0 else 'less'} {label(feature.removeprefix('share_'))}"
    return f"{'high' if effect > 0 else 'low'} {label(feature)}"


def _theme(feature: str) -> str:
    plain = "category" if feature.startswith("share_") else category_of(feature)
    return VOCABULARY["words"].get(feature, {"theme": plain})["theme"]


def _strongest(effects: pd.DataFrame, segment: int) -> list[Mark]:
    """Return the features that mark a segment, strongest first, one per theme."""
    own = effects[(effects["segment"] == segment) & (effects["cohens_d"].abs() >= _WORTH_A_NAME)]
    own = own.assign(size=own["cohens_d"].abs()).sort_values(["size", "cohens_d"], ascending=False, kind="stable")
    own = own[~own["feature"].map(_theme).duplicated()]
    return list(zip(own["feature"], own["cohens_d"]))


def _draft_names(marks: Mapping[int, list[Mark]]) -> dict[int, str]:
    """Return a name for each segment from its two strongest effects, from more where two names would be alike."""
    names: dict[int, str] = {}
    taken: set[frozenset[str]] = set()
    for segment, strongest in marks.items():
        words = [_word(*mark) for mark in strongest] or ["near average"]
        counts = range(min(2, len(words)), len(words) + 1)
        count = next((count for count in counts if frozenset(words[:count]) not in taken), 0)
        names[segment] = ", ".join(words[: count or 2]) + ("" if count else f" ({segment})")
        taken.add(frozenset(words[: count or 2]))
    return names


def _action(strongest: list[Mark], shops: bool) -> dict[str, Any]:
    """Return what to try for a segment with these marks, and the figure that would prove it wrong."""
    words = [_word(*mark) for mark in strongest]
    known = [VOCABULARY["actions"][word] for word in words if word in VOCABULARY["actions"]]
    leading = [word.removeprefix("more ") for word in words if word.startswith("more ")]
    plain = VOCABULARY["otherwise" if shops else "elsewhere" if strongest else "unmarked"]
    chosen = [*known, VOCABULARY["category"] if leading else plain][0]
    action = chosen["try"].format(category="".join(leading[:1]), mark="".join(words[:1]))
    figure = f"{VOCABULARY['figures'][chosen['figure']]} in the next {chosen['days']} days"
    disproof = f"{figure} is no higher than among {chosen['beside']}."
    return {"action": action, "disproof": disproof, "figure": chosen["figure"], "days": chosen["days"]}


def _marks(strongest: list[Mark], profiles: pd.DataFrame, segment: int) -> list[str]:
    """Return up to four marks, each with the segment's figure and that of all customers."""
    own = profiles[profiles["segment"] == segment]
    levels = own["level"].fillna("").astype(str) if "level" in own else pd.Series("", index=own.index)
    own = own.set_index(own["column"].where(levels == "", own["column"] + IS + levels))
    marks = [_mark(feature, effect, own.loc[feature]) for feature, effect in strongest if feature in own.index]
    return [mark for mark in marks if mark][:4] or ["Close to the average customer in every feature."]


def _mark(feature: str, effect: float, row: pd.Series) -> str:
    """Return a mark with medians or, where those are the same, means; nothing if neither shows the effect.

    The effect is measured on the transformed scale, where a long tail weighs less than in a mean.
    """
    kinds = [("median", "overall_median", "median"), ("mean", "overall", "mean")]
    for here, everywhere, kind in [("share", "overall", "share")] if IS in feature else kinds:
        if (row[here] - row[everywhere]) * effect > 0:
            values = f"{figure(feature, row[here])} ({kind}; all customers {figure(feature, row[everywhere])})"
            word = _word(feature, effect)
            return f"{label(feature)} {values}" if label(feature) in word else f"{word}: {label(feature)} {values}"
    return ""
