"""Step 3: k-means, segment numbers that last, how sure each customer is, and second opinions."""

from segnb.cluster.fit import (
    assign,
    centres,
    cluster_sentences,
    fit_segments,
    from_labels,
    number_by_size,
    reorder,
    scatter_axes,
    second_opinions,
)
