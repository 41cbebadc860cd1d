"""Step 2: the evidence on the number of segments, and the decision taken from it."""

from segnb.choose_k.decision import Choice, decide
from segnb.choose_k.evidence import evidence
from segnb.choose_k.flows import segment_flows, segment_origins
from segnb.choose_k.frame import evidence_rows
from segnb.choose_k.segment_stability import segment_stability
from segnb.choose_k.silhouette import silhouettes
from segnb.choose_k.summary import limits, summary

__all__ = [
    "Choice",
    "decide",
    "evidence",
    "evidence_rows",
    "limits",
    "segment_flows",
    "segment_origins",
    "segment_stability",
    "silhouettes",
    "summary",
]
