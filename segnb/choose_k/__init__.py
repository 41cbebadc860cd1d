"""Step 2: the evidence on the number of segments, and the decision taken from it."""

from segnb.choose_k.decision import Choice, about_columns, decide, limits, summary
from segnb.choose_k.evidence import evidence, evidence_rows
from segnb.choose_k.labelings import segment_flows, segment_origins, silhouettes
from segnb.choose_k.resampling import segment_stability
from segnb.choose_k.separation import line_density, structureless_twin, valleys
