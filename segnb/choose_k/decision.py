"""From the evidence to a number of segments, with the reasons and an honest verdict."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from segnb.errors import DataError
from segnb.tables import COMES_BACK, FOUND_AGAIN
from segnb.text import Finding, listed, percent

_DIP_LEVEL = 0.01

_OPINIONS = ("silhouette", "Calinski–Harabasz", "prediction strength")
"""Where customers have structure, the middle one of these figures' favourites is the k."""

_VERDICTS = {
    "natural": "the customers fall into groups, and other samples of them give the same groups",
    "reproducible": "there is no clear gap between groups, yet other samples of customers give the same segments",
    "constructed": "the cuts are a convenience: other samples of customers would be cut elsewhere",
}
"""What the verdicts mean, after Dolnicar, Grün and Leisch, Market Segmentation Analysis, 2018."""


@dataclass(frozen=True, repr=False)
class Choice(Finding):
    """The number of segments and why.

    Attributes
    ----------
    k : int
    verdict : {"natural", "reproducible", "constructed"}
    structure : bool
        Whether gap or the dip test finds more than one group.
    reasons : list of str
        Sentences with the figures that decided.
    disagreement : list of str
        Sentences on the figures that would have chosen otherwise.
    favourites : dict of str to int
        Each figure's favourite k.
    overridden : bool
        Whether a person set k.
    """

    k: int
    verdict: str
    structure: bool
    reasons: list[str]
    disagreement: list[str]
    favourites: dict[str, int]
    overridden: bool

    def sentence(self) -> str:
        """Return the choice and the verdict's meaning in one sentence."""
        return f"{self.k} segments, {self.verdict}: {_VERDICTS[self.verdict]}."

    def to_dict(self) -> dict[str, Any]:
        """Return the choice as plain types, ready for JSON."""
        return super().to_dict() | {"meaning": _VERDICTS[self.verdict]}


def decide(evidence: pd.DataFrame, *, min_share: float = 0.03, k: int = 0) -> Choice:
    """Return the number of segments that the evidence supports.

    Structure is there if gap (1-SE rule) names more than one segment or the dip test rejects a single mode. Then k
    is the middle one of three opinions of different kinds: the largest silhouette, the largest Calinski–Harabasz
    index, and the largest k with a prediction strength of at least 0.8 (without one, the k with the highest). Without
    structure it is the most reproducible k. No k counts that leaves a segment below `min_share`, unless all do.
    `tests/benchmarks` has the trial on planted sets that this rule won.

    Parameters
    ----------
    evidence : DataFrame
        As returned by `evidence`.
    min_share : float, default 0.03
        Smallest share of the customers that a segment may have.
    k : int, default 0
        A person's choice, which overrides; 0 for none.

    Raises
    ------
    DataError
        If `k` is not among the tried ones.
    """
    table = evidence.set_index("k")
    tried = table.drop(index=1)
    if k and k not in tried.index:
        raise DataError(f"k={k} was not tried (k = {tried.index.min()} to {tried.index.max()}); widen k_min and k_max")
    structure, sentence = _structure(table)
    suggested, why = _suggest(tried, structure, min_share)
    chosen = k or suggested
    by_hand = [f"k = {k} was set by hand; the evidence alone suggests k = {suggested}."] if k else []
    verdict, comes_back = _verdict(tried.loc[chosen], structure)
    favourites = favourite_ks(table)
    other = [f"By itself, {name} would choose k = {each}." for name, each in favourites.items() if each != chosen]
    disagreement = other or [f"All figures favour k = {chosen}."]
    reasons = [sentence, *by_hand, why, f"With k = {chosen}, {comes_back}"]
    return Choice(int(chosen), verdict, structure, reasons, disagreement, favourites, bool(k))


def favourite_ks(table: pd.DataFrame) -> dict[str, int]:
    """Return the k that each figure alone would choose; `table` is indexed by k."""
    return {
        "silhouette": int(table["silhouette"].idxmax()),
        "Calinski–Harabasz": int(table["calinski_harabasz"].idxmax()),
        "Davies–Bouldin": int(table["davies_bouldin"].idxmin()),
        "gap": int(table["gap_k"].iloc[0]),
        "prediction strength": _largest_coming_back(table["prediction_strength"]),
        "stability": int(table["stability"].idxmax()),
    }


def _largest_coming_back(strength: pd.Series) -> int:
    """Return the largest k with enough prediction strength or, without one, the k with the most."""
    enough = strength.index[strength >= COMES_BACK]
    return int(enough.max() if len(enough) else strength.idxmax())


def _structure(table: pd.DataFrame) -> tuple[bool, str]:
    """Return whether there is more than one group, and what says so in a sentence."""
    gap_k, dip = int(table["gap_k"].iloc[0]), table["dip_p"].iloc[0]
    by_gap, by_dip = gap_k > 1, dip < _DIP_LEVEL
    names = f"names {gap_k} segments" if by_gap else "names a single group"
    modes = "rejects" if by_dip else "does not reject"
    p = "< 0.001" if dip < 0.001 else f"= {dip:.3f}"
    sentence = f"The gap statistic {names}, and the dip test {modes} a single mode (p {p})."
    return bool(by_gap or by_dip), sentence


def _suggest(tried: pd.DataFrame, structure: bool, min_share: float) -> tuple[int, str]:
    """Return the k that the evidence supports, and why in a sentence."""
    large, note = tried[tried["all_rows_smallest_share"] >= min_share], ""
    if large.empty:
        large, note = tried, f"Every k leaves a segment below {min_share:.0%}; sizes are therefore not considered. "
    strength = large["prediction_strength"]
    if not structure:
        k = int((strength + large["stability"]).idxmax())
        return k, f"{note}Without structure any k is a convenience; k = {k} is the most reproducible one."
    favourites = favourite_ks(large)
    opinions = {name: favourites[name] for name in _OPINIONS}
    k = sorted(opinions.values())[1]
    said = listed([f"{name} {opinion}" for name, opinion in opinions.items()])
    return k, f"{note}k = {k} is the middle one of three opinions: {said}."


def _verdict(row: pd.Series, structure: bool) -> tuple[str, str]:
    """Return the verdict on one k, and its figures as the end of a sentence."""
    strength, stability = row["prediction_strength"], row["stability"]
    said = (
        f"other samples of customers give the same segments with a prediction strength of {strength:.2f} and a "
        f"stability of {stability:.2f}; the smallest segment has {row['smallest_share']:.1%} of the customers."
    )
    if min(strength, stability) < COMES_BACK:
        return "constructed", said
    return "natural" if structure else "reproducible", said


_ADVICE = {
    "natural": "The customers fall into groups that can be told apart, and {k} segments describe them. Another sample "
    "of customers would give the same segments, so plans can be built on them.",
    "reproducible": "The customers do not fall into clearly separate groups, yet another sample of them would be cut "
    "into the same {k} segments. They serve as a common language; expect many customers near the borders.",
    "constructed": "It cannot be shown that the customers fall into {k} groups: another sample would be cut "
    "elsewhere. The segments are a convenience for planning, not a discovery about the customers.",
}

_FEW_DRAWS = 20
"""With fewer pairs of resamples the verdict may hang on a single one."""


def summary(evidence: pd.DataFrame, choice: Choice, stability: pd.DataFrame) -> str:
    """Return the choice of k as a paragraph for people who decide, not for statisticians.

    Parameters
    ----------
    evidence : DataFrame
        As returned by `evidence`.
    choice : Choice
    stability : DataFrame
        As returned by `segment_stability` for the chosen k, or for several k with it among them.
    """
    row = evidence.set_index("k").loc[choice.k]
    if "k" in stability:
        stability = stability[stability["k"] == choice.k]
    weak = [str(segment) for segment in stability.loc[stability["jaccard"] < FOUND_AGAIN, "segment"]]
    smallest = int(row["all_rows"] * row["all_rows_smallest_share"] + 0.5)
    sentences = [
        _ADVICE[choice.verdict].format(k=choice.k),
        f"The smallest segment has {smallest:,} of the {int(row['all_rows']):,} customers "
        f"({percent(row['all_rows_smallest_share'])}), the largest {percent(row['all_rows_largest_share'])}.",
        _weak(weak, choice.verdict),
    ]
    if choice.overridden:
        sentences.append("This number of segments was set by hand.")
    return " ".join(sentences)


def _weak(segments: list[str], verdict: str) -> str:
    if not segments and verdict == "constructed":
        return "Most customers of each single segment are found together again, but the borders between them move."
    if not segments:
        return "Each single segment is found again with other customers."
    named = f"Segment {segments[0]}" if len(segments) == 1 else f"Segments {listed(segments)}"
    return f"{named} would look different with other customers: handle with care."


def limits(evidence: pd.DataFrame, choice: Choice, columns: int, n_boot: int = _FEW_DRAWS) -> str:
    """Return a paragraph on what the figures do not say about this choice.

    Parameters
    ----------
    evidence : DataFrame
    choice : Choice
    columns : int
        Number of columns that the segments are made from.
    n_boot : int, default 20
        Pairs of resamples that the stability was computed from.
    """
    row, tried = evidence.set_index("k").loc[choice.k], evidence.loc[evidence["k"] > 1, "k"]
    sentences = [
        f"All of this is said of {columns} column{'s' if columns > 1 else ''} and of groups as k-means makes them, "
        "round and of similar width; other columns, or groups of other shapes, are another question.",
        f"{percent(row['below_zero_share'])} of the customers lie nearer to a neighbouring segment than to their own.",
    ]
    if row["rows"] < row["all_rows"]:
        sentences.append(
            f"The figures were computed on a random {int(row['rows']):,} of the {int(row['all_rows']):,} customers; "
            "segments much rarer than the smallest share can be missed."
        )
    if n_boot < _FEW_DRAWS:
        sentences.append(f"Only {n_boot} pairs of samples were drawn, so that one more may change the verdict.")
    if choice.k == tried.max():
        sentences.append(f"k = {choice.k} is the largest that was tried; a wider range may support more segments.")
    other = sorted({*choice.favourites.values()} - {choice.k})
    if other:
        sentences.append(f"Single figures would have chosen {listed([str(each) for each in other])}.")
    sentences.append("Whether the segments pay is not in any of these figures: only acting on them will tell.")
    return " ".join(sentences)
