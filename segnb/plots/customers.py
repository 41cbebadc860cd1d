"""Figures of the customers: their columns before and after, and where the segments lie."""

import math

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.decomposition import PCA

from segnb.disclosure import door
from segnb.plots.style import ACCENT, INK, MUTED, new_axes, styled
from segnb.text import label, segment_colours, shortened

MOST = 8
"""At most this many columns are drawn; more would be too small to read."""

_MOST_DOTS = 20_000
"""A scatter plot draws about this many dots at most."""


@styled
def distributions(before: pd.DataFrame, after: pd.DataFrame) -> Figure:
    """Return histograms of the columns in original units above those of the prepared ones, a pair per column.

    Parameters
    ----------
    before, after : DataFrame of shape (n_customers, n_columns)
        The same columns before and after cleaning, transforming and scaling; the first eight are drawn.

    >>> customers = pd.DataFrame({"orders": [1.0, 2, 8, 9], "spend": [5.0, 9, 70, 80]})
    >>> segments = pd.Series([1, 1, 2, 2])
    >>> len(distributions(customers, customers).axes)
    4
    """
    names = [name for name in before if name in after][:MOST]
    if not names:
        return None
    across = min(4, len(names))
    down = math.ceil(len(names) / across)
    height = 0.4 + 3.2 * down
    figure, axes = plt.subplots(2 * down, across, figsize=(2.7 * across, height), squeeze=False, layout="none")
    figure.subplots_adjust(left=0.02, right=0.98, bottom=0.3 / height, top=1 - 0.65 / height, wspace=0.12, hspace=0.5)
    pairs = [*zip(axes[::2].flat, axes[1::2].flat)]
    for name, (above, below) in zip(names, pairs):
        _histogram(before[name], above, MUTED, shortened(label(name), 30))
        _histogram(after[name], below, ACCENT, "")
    for ax in np.ravel(pairs[len(names) :]):
        ax.set_visible(False)
    figure.suptitle("Each column before (grey, original units) and after (blue, as k-means sees it)", x=0.01, ha="left")
    return figure


def _histogram(values: pd.Series, ax: Axes, colour: str, title: str) -> None:
    counts, edges = np.histogram(values.dropna().astype(float), bins=30)
    ax.stairs(counts, edges, fill=True, color=colour, alpha=0.85)
    ax.set(xlabel="", ylabel="", yticks=[])
    ax.set_title(title, fontsize=9)
    ax.tick_params(labelsize=8)
    ax.grid(False)


@styled
def scatter(customers: pd.DataFrame, segments: pd.Series, x: str, y: str, ax: Axes | None = None) -> Axes:
    """Return the customers in the plane of two columns, in original units, coloured by segment.

    Parameters
    ----------
    customers : DataFrame of shape (n_customers, n_columns)
    segments : Series of shape (n_customers,)
        Segment of each customer, same index.
    x, y : str
        Columns across and up, without which nothing is drawn. In a report a dot is the mean of neighbours in a
        segment, otherwise a customer.

    >>> customers = pd.DataFrame({"orders": [1.0, 2, 8, 9], "spend": [5.0, 9, 70, 80]})
    >>> segments = pd.Series([1, 1, 2, 2])
    >>> scatter(customers, segments, "orders", "spend").get_xlabel()
    'orders'
    """
    if not x:
        return None
    ax = new_axes(ax, 7.5, 5)
    dot = _dots(customers[[x, y]].to_numpy(dtype=float), segments, ax)
    ax.set(xlabel=label(x), ylabel=label(y))
    ax.set_title(f"{label(y)[:1].upper()}{label(y)[1:]} against {label(x)}, by segment; {dot}")
    return ax


@styled
def pca_view(pca: PCA, features: pd.DataFrame, segments: pd.Series, ax: Axes | None = None) -> Axes:
    """Return the customers on their two main directions, with an arrow for each of the six leading features.

    Parameters
    ----------
    pca : PCA
        Fitted to `features`; a single component is drawn flat.
    features : DataFrame of shape (n_customers, n_features)
        The scaled matrix.
    segments : Series of shape (n_customers,)
        Segment of each customer, same index.

    >>> customers = pd.DataFrame({"orders": [1.0, 2, 8, 9], "spend": [5.0, 9, 70, 80]})
    >>> segments = pd.Series([1, 1, 2, 2])
    >>> pca_view(PCA(2).fit(customers), customers, segments).get_xlabel()
    'first direction (100% of the variance)'
    """
    ax = new_axes(ax, 7.5, 5.5)
    flat = 0, 2 - pca.n_components_
    points, arrows = (np.pad(each, [(0, 0), flat]) for each in (pca.transform(features), pca.components_.T))
    shares = np.pad(pca.explained_variance_ratio_, flat)
    dot = _dots(points, segments, ax)
    lengths = np.hypot(*arrows.T)
    leading = lengths.argsort()[::-1][:6]
    reach = 0.85 * np.abs(points).max(axis=0).min() / max(lengths.max(), 1e-9)
    ax.update_datalim(1.15 * reach * arrows[leading])
    ax.autoscale_view()
    for name, tip in zip(features.columns[leading], reach * arrows[leading]):
        _arrow(ax, label(name), tip)
    ax.set(xlabel=f"first direction ({shares[0]:.0%} of the variance)", ylabel=f"second direction ({shares[1]:.0%})")
    ax.set_title(f"The segments on the two main directions, {sum(shares):.0%} of the variance; {dot}")
    return ax


def _arrow(ax: Axes, words: str, tip: np.ndarray) -> None:
    box = {"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none", "alpha": 0.8}
    ax.annotate("", xy=tip, xytext=(0, 0), arrowprops={"arrowstyle": "->", "color": INK})
    ax.annotate(words, xy=1.08 * tip, ha="center", va="center", fontsize=8, bbox=box)


def _dots(points: np.ndarray, segments: pd.Series, ax: Axes) -> str:
    """Draw the segments' customers, missing values left out, and return what a dot is."""
    size = max(door().min_cell, -(-len(points) // _MOST_DOTS))
    known = ~np.isnan(points).any(axis=1)
    for segment, colour in segment_colours(segments).items():
        own = door().points(points[known & (segments == segment).to_numpy()], size)
        ax.scatter(*own.T, s=16 if size == 1 else 30, color=colour, alpha=0.65, linewidth=0, label=str(segment))
    ax.legend(title="segment", loc="upper left", bbox_to_anchor=(1, 1), frameon=False, fontsize=9)
    return "a dot is a customer" if size == 1 else f"a dot: {size} neighbours or more"
