"""Figures of step 3: the segments in the plane of two features, on the main directions, and among each other."""

from copy import copy

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from sklearn.cluster import KMeans
from sklearn.manifold import MDS

from segnb.disclosure import neighbour_means
from segnb.plots.style import INK, InterclusterDistance, new_axes, styled
from segnb.text import label, segment_colours

MOST_DOTS = 5000
"""A scatter plot draws about this many dots at most."""

LARGEST_AREA = 25_000
"""Area of the largest segment's circle, in square points."""


@styled
def scatter(
    customers: pd.DataFrame, segments: pd.Series, x: str, y: str, min_cell: int = 10, ax: Axes | None = None
) -> Axes:
    """Return the customers in the plane of two columns, in original units, coloured by segment.

    Parameters
    ----------
    customers : DataFrame
    segments : Series
        Segment of each customer, same index.
    x, y : str
        Columns across and up.
    min_cell : int, default 10
        A dot is the mean of at least this many neighbours in a segment, see `segnb.disclosure.neighbour_means`; with 1
        a dot is a customer.
    """
    ax = new_axes(ax, 7.5, 5)
    dot = _dots(customers[[x, y]].to_numpy(dtype=float), segments, min_cell, ax)
    ax.set(xlabel=label(x), ylabel=label(y))
    ax.set_title(f"{label(y)[:1].upper()}{label(y)[1:]} against {label(x)}, by segment; {dot}")
    return ax


@styled
def pca_view(
    points: pd.DataFrame,
    directions: pd.DataFrame,
    shares: tuple[float, float],
    segments: pd.Series,
    min_cell: int = 10,
    ax: Axes | None = None,
) -> Axes:
    """Return the customers on their two main directions, with an arrow for each leading feature.

    Parameters
    ----------
    points, directions, shares
        As in `segnb.cluster.Projection`.
    segments : Series
        Segment of each customer, same index as `points`.
    min_cell : int, default 10
        As for `scatter`.
    """
    ax = new_axes(ax, 7.5, 5.5)
    dot = _dots(points.to_numpy(dtype=float), segments, min_cell, ax)
    reach = 0.85 * points.abs().max().min() / max(np.hypot(*directions.to_numpy().T).max(), 1e-9)
    longest = directions.iloc[np.hypot(*directions.to_numpy().T).argsort()[::-1][:6]]
    ax.update_datalim(1.15 * reach * longest.to_numpy())
    ax.autoscale_view()
    for name, (across, up) in longest.iterrows():
        ax.annotate("", xy=(reach * across, reach * up), xytext=(0, 0), arrowprops={"arrowstyle": "->", "color": INK})
        ax.annotate(
            label(name),
            xy=(1.08 * reach * across, 1.08 * reach * up),
            ha="center",
            va="center",
            fontsize=8,
            bbox={"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none", "alpha": 0.8},
        )
    ax.set(xlabel=f"first direction ({shares[0]:.0%} of the variance)", ylabel=f"second direction ({shares[1]:.0%})")
    ax.set_title(f"The segments on the two main directions, {sum(shares):.0%} of the variance; {dot}")
    return ax


@styled
def intercluster_distance(model: KMeans, features: pd.DataFrame, segments: pd.Series, ax: Axes | None = None) -> Axes:
    """Return yellowbrick's map of the distances between the centres, with areas by the segments' sizes."""
    ax = new_axes(ax, 6, 5.5)
    drawn = InterclusterDistance(_nameless(model), ax=ax, force_model=True, legend=False, is_fitted=True)
    drawn._transformer = MDS(2, n_init=4, init="random", random_state=0)
    drawn.fit(features.to_numpy())
    drawn.finalize()
    colours = segment_colours(segments)
    for text, segment in zip([t for t in ax.texts if t.get_text().isdigit()], colours):
        text.set_text(str(segment))
    sizes = segments.value_counts().reindex(list(colours))
    ax.collections[0].set(facecolor=[colours[segment] for segment in colours], alpha=0.6)
    ax.collections[0].set_sizes(LARGEST_AREA * sizes / sizes.max())  # yellowbrick's would stretch the differences
    ax.margins(0.35)
    ax.set(xlabel="", ylabel="", xticks=[], yticks=[])
    ax.set_title("How far the centres lie apart; area = size of the segment")
    return ax


def _nameless(model: KMeans) -> KMeans:
    """Return the model as one that was fitted to an array, which is what yellowbrick shows it."""
    bare = copy(model)
    if hasattr(bare, "feature_names_in_"):
        del bare.feature_names_in_
    return bare


def _dots(points: np.ndarray, segments: pd.Series, min_cell: int, ax: Axes) -> str:
    """Draw the segments' customers, missing values left out, and return what a dot is."""
    size = max(min_cell, len(points) // MOST_DOTS)
    known = ~np.isnan(points).any(axis=1)
    for segment, colour in segment_colours(segments).items():
        own = neighbour_means(points[known & (segments == segment).to_numpy()], size)
        ax.scatter(*own.T, s=16 if size == 1 else 30, color=colour, alpha=0.65, linewidth=0, label=str(segment))
    ax.legend(title="segment", loc="upper left", bbox_to_anchor=(1, 1), frameon=False, fontsize=9)
    return "a dot is a customer" if size == 1 else f"a dot: {size} neighbours or more"
