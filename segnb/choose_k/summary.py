"""The evidence in the words of someone who has to decide with it."""

import pandas as pd

from segnb.choose_k.decision import Choice
from segnb.thresholds import FOUND_AGAIN
from segnb.wording import listed, percent

ADVICE = {
    "natural": "The customers fall into groups that can be told apart, and {k} segments describe them. Another sample "
    "of customers would give the same segments, so plans can be built on them.",
    "reproducible": "The customers do not fall into clearly separate groups, yet another sample of them would be cut "
    "into the same {k} segments. They serve as a common language; expect many customers near the borders.",
    "constructed": "It cannot be shown that the customers fall into {k} groups: another sample would be cut "
    "elsewhere. The segments are a convenience for planning, not a discovery about the customers.",
}

FEW_DRAWS = 20
"""With fewer pairs of resamples the verdict may hang on a single one."""


def summary(evidence: pd.DataFrame, choice: Choice, stability: pd.DataFrame) -> str:
    """Return the choice of k as a paragraph for people who decide, not for statisticians.

    Parameters
    ----------
    evidence : DataFrame
        As returned by `evidence`.
    choice : Choice
    stability : DataFrame
        As returned by `segment_stability`, with the chosen k among its own.
    """
    row = evidence.set_index("k").loc[choice.k]
    segments = stability[stability["k"] == choice.k]
    weak = [str(segment) for segment in segments.loc[segments["jaccard"] < FOUND_AGAIN, "segment"]]
    smallest = int(row["all_rows"] * row["all_rows_smallest_share"] + 0.5)
    sentences = [
        ADVICE[choice.verdict].format(k=choice.k),
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


def limits(evidence: pd.DataFrame, choice: Choice, columns: int, n_boot: int = FEW_DRAWS) -> str:
    """Return a paragraph on what the figures do not say about this choice.

    Parameters
    ----------
    evidence : DataFrame
    choice : Choice
    columns : int
        Number of columns that the segments are made from.
    n_boot : int
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
    if n_boot < FEW_DRAWS:
        sentences.append(f"Only {n_boot} pairs of samples were drawn, so that one more may change the verdict.")
    if choice.k == tried.max():
        sentences.append(f"k = {choice.k} is the largest that was tried; a wider range may support more segments.")
    if choice.disagreement and any(favourite != choice.k for favourite in choice.favourites.values()):
        other = sorted({favourite for favourite in choice.favourites.values()} - {choice.k})
        sentences.append(f"Single figures would have chosen {listed([str(each) for each in other])}.")
    sentences.append("Whether the segments pay is not in any of these figures: only acting on them will tell.")
    return " ".join(sentences)
