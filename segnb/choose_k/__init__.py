"""Step 2: the evidence on the number of segments, and the decision taken from it."""

from segnb.choose_k.decision import Choice, decide, limits, summary
from segnb.choose_k.evidence import evidence, evidence_rows
from segnb.choose_k.segments import segment_flows, segment_origins, segment_stability
from segnb.choose_k.silhouette import silhouettes

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
