"""Step 3: k-means, segment numbers that last, how sure each customer is, and second opinions."""

from segnb.cluster.fit import (
    Numbering,
    assign,
    carry_numbers,
    centres,
    first_numbering,
    fit_segments,
    from_labels,
    number_by_size,
    start_centres,
)
from segnb.cluster.other_algorithms import cluster_sentences, scatter_axes, second_opinions
