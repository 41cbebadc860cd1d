"""Step 2: the evidence on the number of segments, and the decision taken from it."""

from segnb.choose_k.decision import Choice, decide
from segnb.choose_k.evidence import evidence, fit_each_k
from segnb.choose_k.silhouette import silhouettes

__all__ = ["Choice", "decide", "evidence", "fit_each_k", "silhouettes"]
