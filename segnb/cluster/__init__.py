"""Step 3: k-means, segment numbers that last, how sure each customer is, and second opinions."""

from segnb.cluster.fit import Numbering, assign, carry_numbers, centres, first_numbering, fit_segments, start_centres
from segnb.cluster.other_algorithms import cluster_sentences, second_opinions
from segnb.cluster.view import Projection, project, scatter_axes, separating_features

__all__ = [
    "Numbering",
    "Projection",
    "assign",
    "carry_numbers",
    "centres",
    "cluster_sentences",
    "first_numbering",
    "fit_segments",
    "project",
    "scatter_axes",
    "second_opinions",
    "separating_features",
    "start_centres",
]
