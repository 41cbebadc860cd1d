"""Figures of customers and of their segments: steps 1, 3 and 4."""

import math
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter
from sklearn.decomposition import PCA

from segnb.disclosure import door
from segnb.plots.style import ACCENT, HIGH_LOW, INK, MUTED, called, new_axes, pickable, styled, wrapped
from segnb.text import figure, label, listed, number, percent, segment_colours, shortened

MOST = 8
"""At most this many columns are drawn; more would be too small to read."""

_MOST_TOLD = 2_000
"""Of more customers than this a dot tells nothing of its own, so that the figure stays quick."""

_LONG_TAIL = 2
"""A column of positive numbers that is more skewed is drawn on a logarithmic axis."""

_MOST_DOTS, _MOST_MEANS = 20_000, 500
"""A scatter plot draws about this many dots at most, in a notebook and on a page."""


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
    drawn = plt.figure(figsize=(9.3 * across / 4, height), layout="none")
    drawn.subplots_adjust(left=0.02, right=0.98, bottom=0.3 / height, top=1 - 0.65 / height, wspace=0.12, hspace=0.5)
    grid = drawn.add_gridspec(2 * down, across)
    for place, name in enumerate(names):
        row, column = divmod(place, across)
        above, below = (drawn.add_subplot(grid[2 * row + side, column]) for side in (0, 1))
        _histogram(before[name], above, MUTED, shortened(label(name), 30))
        _histogram(after[name], below, ACCENT, "")
    drawn.suptitle("Each column before (grey, original units) and after (blue, as k-means sees it)", x=0.01, ha="left")
    return drawn


def _histogram(values: pd.Series, ax: Axes, colour: str, title: str) -> None:
    counts, edges = np.histogram(values.dropna().astype(float), bins=30)
    ax.stairs(counts, edges, fill=True, color=colour, alpha=0.85)
    ax.set(xlabel="", ylabel="", yticks=[])
    ax.set_title(title, fontsize=9)
    ax.tick_params(labelsize=9)
    ax.grid(False)


@styled
def scatter(
    customers: pd.DataFrame,
    segments: pd.Series,
    x: str,
    y: str,
    names: Mapping[int, str] | None = None,
    ax: Axes | None = None,
    hover: bool = True,
) -> Axes:
    """Return the customers in the plane of two columns, in original units, coloured by segment.

    Parameters
    ----------
    customers : DataFrame of shape (n_customers, n_columns)
    segments : Series of shape (n_customers,)
        Segment of each customer, same index.
    x, y : str
        Columns across and up, without which nothing is drawn. In a report a dot is the mean of neighbours in a
        segment, otherwise a customer.
    names : mapping of int to str, optional
        The segments' names.
    hover : bool, default True
        In a notebook, let the dots of few customers tell a pointer who they are; it takes its time.

    >>> customers = pd.DataFrame({"orders": [1.0, 2, 8, 9], "spend": [5.0, 9, 70, 80]})
    >>> segments = pd.Series([1, 1, 2, 2])
    >>> scatter(customers, segments, "orders", "spend").get_xlabel()
    'orders'
    """
    if not x:
        return None
    ax = new_axes(ax, 7.5, 5)
    told = _told(customers) if hover and len(customers) <= _MOST_TOLD and not door().page else None
    dot = _dots(customers[[x, y]].to_numpy(dtype=float), segments, ax, told=told)
    dots, numbers = ax.get_legend_handles_labels()
    words, across = [wrapped(called(int(each), names), 22, 2) for each in numbers], 2 if names else 8
    ax.figure.legend(dots, words, title="segment", loc="outside lower center", ncols=across, frameon=False, fontsize=9)
    ax.set(xlabel=label(x), ylabel=label(y), xscale=_scale(customers[x]), yscale=_scale(customers[y]))
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _place: number(value)))
        axis.set_minor_formatter(NullFormatter())
    ax.set_title(f"{label(y)[:1].upper()}{label(y)[1:]} against {label(x)}, by segment; {dot}")
    return ax


def _scale(column: pd.Series) -> str:
    values = column.astype(float)
    return "log" if values.min() > 0 and values.skew() > _LONG_TAIL else "linear"


@styled
def segment_map(
    pca: PCA,
    features: pd.DataFrame,
    segments: pd.Series,
    names: Mapping[int, str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Return the segments as bubbles, as large as they have customers, on the two directions that differ most.

    The axes say in words which columns grow along them.

    Parameters
    ----------
    pca : PCA
        Fitted to `features`; a single component is drawn flat.
    features : DataFrame of shape (n_customers, n_features)
        The scaled matrix.
    segments : Series of shape (n_customers,)
        Segment of each customer, same index.
    names : mapping of int to str, optional
        The segments' names.

    >>> customers = pd.DataFrame({"orders": [1.0, 2, 8, 9], "spend": [5.0, 9, 70, 80]})
    >>> segments = pd.Series([1, 1, 2, 2])
    >>> segment_map(PCA(2).fit(customers), customers, segments).get_xlabel()
    'more spend →'
    """
    points, shares = pca.transform(features)[:, :2], pca.explained_variance_ratio_[:2]
    flat = points.shape[1] == 1
    points = np.column_stack([points, np.zeros(len(points))]) if flat else points
    ax, names = new_axes(ax, 9, 5.4), names or {}
    dot = _dots(points, segments, ax, 0.3)
    shown = door().members(segments)
    middles = pd.DataFrame(points, segments.index)[shown].groupby(segments[shown]).agg(["mean", "size"])
    for segment, colour in segment_colours(middles.index).items():
        x, size, y, _ = middles.loc[segment]
        area, words = 6000 * size / len(points), wrapped(called(segment, names), 18)
        bubble = ax.scatter(x, y, s=area, color=colour, edgecolor="white", alpha=0.85, zorder=3)
        side, va = (1, "bottom") if _nearest_is_lower(middles, segment) else (-1, "top")
        place = {"xytext": (0, side * math.sqrt(area) / 2), "textcoords": "offset points", "ha": "center", "va": va}
        text = ax.annotate(words, (x, y), fontsize=9, zorder=4, **place)
        pickable([bubble, text], segment, f"{names.get(segment, '')} {size:,.0f} customers".strip())
    ax.set(xlabel=_direction(pca, 0, features.columns), xticks=[], yticks=[])
    ax.set_ylabel("" if flat else _direction(pca, 1, features.columns))
    ax.set_title(f"What lies apart differs; the map shows {percent(sum(shares))} of all differences ({dot})")
    return ax


def _nearest_is_lower(middles: pd.DataFrame, segment: int) -> bool:
    """Return whether the bubble nearest to a segment's lies lower, so that there is room above for a name."""
    places = middles.xs("mean", axis=1, level=1)
    apart = places.drop(index=segment) - places.loc[segment]
    return bool(len(apart) and apart.loc[(apart**2).sum(axis=1).idxmin(), 1] < 0)


def _direction(pca: PCA, axis: int, columns: Sequence[str]) -> str:
    """Return in words what grows along a principal axis: the two leading columns of either end."""
    loadings = pd.Series(pca.components_[axis], columns)
    strong = loadings[loadings.abs() >= 0.5 * loadings.abs().max()]
    up, down = strong[strong > 0].nlargest(2).index, strong[strong < 0].nsmallest(2).index
    words = [f"more {listed([shortened(label(name), 20) for name in up])} →"] * bool(len(up))
    words += [f"← more {listed([shortened(label(name), 20) for name in down])}"] * bool(len(down))
    return "\n".join(words)


def _told(customers: pd.DataFrame) -> np.ndarray:
    """Return what a pointer is told of each customer: the id, and the first columns."""
    shown = customers.iloc[:, :MOST]
    rows = [
        [f"{label(name)} {_value(name, value)}" for name, value in zip(shown, row)] for row in shown.to_numpy(object)
    ]
    return np.array([f"{index}: {', '.join(row)}" for index, row in zip(customers.index, rows)], dtype=object)


def _value(name: str, value: object) -> str:
    return figure(name, value) if isinstance(value, float | int) else str(value)


def _dots(
    points: np.ndarray, segments: pd.Series, ax: Axes, alpha: float = 0.65, told: np.ndarray | None = None
) -> str:
    """Draw the segments' customers, missing values left out, and return what a dot is."""
    size = max(door().min_cell, -(-len(points) // (_MOST_MEANS if door().page else _MOST_DOTS)))
    known = ~np.isnan(points).any(axis=1)
    for segment, colour in segment_colours(segments).items():
        member = known & (segments == segment).to_numpy()
        own = door().points(points[member], size)
        dots = ax.scatter(*own.T, s=16 if size == 1 else 30, color=colour, alpha=alpha, linewidth=0, label=str(segment))
        dots.set_urls(told[member].tolist() if told is not None and size == 1 else None)
        pickable(dots, segment)
    return "a dot is a customer" if size == 1 else f"a dot: {size} neighbours or more"


_BOX = [0.05, 0.25, 0.5, 0.75, 0.95]
"""The quantiles of a portrait; the outer ones set its scale."""


@styled
def sizes(table: pd.DataFrame, names: Mapping[int, str], value: str = "spend", ax: Axes | None = None) -> Axes:
    """Return bars of each segment's share of the customers and, where known, of the value.

    Parameters
    ----------
    table : DataFrame
        As returned by `segnb.interpret.segment_sizes`.
    names : mapping of int to str
        The segments' names.
    value : str
        What the value shares are of.

    >>> table = pd.DataFrame({"share": [0.6, 0.4]}, index=[1, 2])
    >>> [tick.get_text() for tick in sizes(table, {1: "Regulars"}).get_yticklabels()]
    ['1 · Regulars', '2']
    """
    ax, both = new_axes(ax, 8, 0.9 + 0.7 * len(table)), "value_share" in table.dropna(axis=1, how="all")
    shares = {"share": "of the customers"} | ({"value_share": f"of the {label(value)}"} if both else {})
    for place, (segment, colour) in enumerate(segment_colours(table.index).items()):
        for row, (column, words) in enumerate(shares.items()):
            share = table.loc[segment, column]
            bar = ax.barh(place + 0.37 * row, share, 0.34 if both else 0.6, color=colour, alpha=1 - 0.5 * row)
            text = ax.text(share, place + 0.37 * row, f" {percent(share)}", va="center", fontsize=9)
            pickable([*bar, text], segment, f"{percent(share)} {words}")
    ax.set_yticks(np.arange(len(table)) + 0.18 * both, [wrapped(called(n, names), 20) for n in table.index])
    ax.invert_yaxis()
    ax.set(xticks=[], xlim=(0, 1.15 * table[list(shares)].max(axis=None)))
    ax.grid(visible=False)
    ax.set_title(_best_share(table, value) if both else "Share of the customers in each segment")
    return ax


def _best_share(table: pd.DataFrame, value: str) -> str:
    """Return which segment brings the most for its size."""
    best = table.loc[(table["value_share"] / table["share"]).idxmax()]
    brings = f"{percent(best['value_share'])} of the {label(value)} (pale)"
    return f"Segment {best.name}: {brings} from {percent(best['share'])} of the customers (full colour)"


@styled
def centre_heatmap(scores: pd.DataFrame, ax: Axes | None = None) -> Axes | None:
    """Return a heatmap of the segments' means in standard deviations, features by segments.

    Parameters
    ----------
    scores : DataFrame
        Segments by features, as returned by `segnb.interpret.centre_scores`.

    >>> scores = pd.DataFrame({"orders": [-0.5, 0.5]}, index=pd.Index([1, 2], name="segment"))
    >>> centre_heatmap(scores).get_title(loc="left")
    'What is high (red) and low (blue) in each segment, in standard deviations'
    """
    table = scores.dropna(how="all").rename(columns=label).T
    if table.empty:
        return None
    ax = new_axes(ax, max(6.4, 3.4 + 0.85 * table.shape[1]), 1.4 + 0.32 * table.shape[0])
    few = table.size <= 400
    words = table.map("{:z.1f}".format) if few else False
    layout = ax.figure.get_layout_engine()
    ax.figure.set_layout_engine("none")  # seaborn draws the figure before its labels lie flat
    sns.heatmap(table, annot=words, fmt="", annot_kws={"size": 9}, linewidths=0.5, cbar=not few, ax=ax, **HIGH_LOW)
    ax.figure.set_layout_engine(layout or "none")
    ax.set(xlabel="segment", ylabel="")
    ax.tick_params(axis="y", rotation=0)
    ax.set_title("What is high (red) and low (blue) in each segment, in standard deviations")
    return ax


@styled
def portraits(
    customers: pd.DataFrame, segments: pd.Series, scores: pd.DataFrame, names: Mapping[int, str], most: int = 5
) -> Figure:
    """Return each segment beside all customers, in original units, along the columns in which it differs most.

    A bar holds the middle half of the customers, its notch is their median. No single customer is drawn.

    Parameters
    ----------
    customers : DataFrame of shape (n_customers, n_columns)
        In original units.
    segments : Series of shape (n_customers,)
        Segment of each customer, same index.
    scores : DataFrame of shape (k, n_features)
        As returned by `segnb.interpret.centre_scores`: the larger, the more the segment differs.
    names : mapping of int to str
        The segments' names.
    most : int, default 5
        Columns of each segment.

    >>> customers = pd.DataFrame({"orders": [1.0, 2, 8, 9], "spend": [5.0, 9, 70, 80]})
    >>> scores = pd.DataFrame({"orders": [-1.0, 1], "spend": [-0.9, 0.9]}, index=pd.Index([1, 2], name="segment"))
    >>> drawn = portraits(customers, pd.Series([1, 1, 2, 2]), scores, {1: "Rare", 2: "Frequent"})
    >>> [text.get_text() for text in drawn.axes[1].texts]
    ['orders 8.5, all 5', 'spend 75, all 39.5']
    """
    scores = scores.dropna(how="all")
    if not scores.size:
        return None
    most = min(most, scores.shape[1])
    across = min(3, len(scores))
    down = math.ceil(len(scores) / across)
    high = 0.46 * most
    size = (3.1 * max(across, 2), 0.6 + (0.45 + high) * down)
    drawn, axes = plt.subplots(down, across, figsize=size, squeeze=False, layout="none")
    drawn.subplots_adjust(0.01, 0.02, 0.99, 1 - 0.95 / size[1], wspace=0.06, hspace=0.45 / high)
    colours = segment_colours(scores.index)
    for ax, (segment, row) in zip(axes.flat, scores.iterrows()):
        leading = row.abs().nlargest(most).index
        _portrait(ax, customers[leading].astype(float), segments == segment, segment, colours[segment])
        ax.set_title(wrapped(called(segment, names), 32, 2), fontsize=10, color=INK)
    for ax in axes.ravel()[len(scores) :]:
        ax.set_visible(False)
    title = "What marks each segment: its middle half (colour) beside all customers' (grey), notches are medians"
    drawn.suptitle(title, x=0.01, ha="left")
    return drawn


def _portrait(ax: Axes, customers: pd.DataFrame, member: pd.Series, segment: int, colour: str) -> None:
    for place, name in enumerate(customers):
        sides = {"all": customers[name].quantile(_BOX), "own": customers.loc[member, name].quantile(_BOX)}
        low = min(side.iloc[0] for side in sides.values())
        reach = max(side.iloc[-1] for side in sides.values()) - low or 1
        own, everybody = (figure(name, sides[side][0.5]) for side in ("own", "all"))
        words = f"{shortened(label(name), 24)} {own}, all {everybody}"
        for y, shade, side in ((0.32, MUTED, sides["all"]), (0.1, colour, sides["own"])):
            _, lower, middle, upper, _ = (side - low) / reach
            bar = ax.barh(-place - y, max(upper - lower, 0.015), 0.16, lower, color=shade, alpha=0.75)
            notch = ax.plot([middle, middle], [-place - y - 0.11, -place - y + 0.11], color=INK, linewidth=1.6)
            if shade == colour:
                pickable([*bar, *notch], segment, words if place == 0 else "")
        ax.text(0, -place + 0.08, words, fontsize=9, va="bottom")
    ax.set(xlim=(-0.02, 1.02), ylim=(-customers.shape[1] + 0.45, 0.5), xticks=[], yticks=[])
    ax.grid(visible=False)
    ax.spines[["left", "bottom"]].set_visible(False)
