"""Figures of customers and of their segments: steps 1, 3 and 4."""

import math
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from sklearn.decomposition import PCA

from segnb.disclosure import door
from segnb.plots.style import ACCENT, HIGH_LOW, INK, MUTED, WARNING, new_axes, styled
from segnb.text import label, percent, segment_colours, shortened

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


_BOX = {"whislo": 0.05, "q1": 0.25, "med": 0.5, "q3": 0.75, "whishi": 0.95}
"""The quantiles that a box plot shows."""

BINS = 20
"""Bars of a histogram."""

_SHADES = np.array(["#4393c3", "#d1e5f0", "#ffffff", "#fddbc7", "#d6604d"])
"""Colours of Pearson residuals: below -4, below -2, what chance could do, from 2 on, from 4 on."""


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
    ['1  Regulars', '2  ']
    """
    ax = new_axes(ax, 8, 0.8 + 0.62 * len(table))
    colours, places = list(segment_colours(table.index).values()), np.arange(len(table))
    both = "value_share" in table
    ax.barh(places - 0.2 * both, table["share"], 0.38 if both else 0.7, color=colours)
    if both:
        ax.barh(places + 0.2, table["value_share"], 0.38, color=colours, alpha=0.45)
    ax.set_yticks(places, [shortened(f"{segment}  {names.get(segment, '')}", 34) for segment in table.index])
    ax.invert_yaxis()
    ax.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    ax.grid(axis="y", visible=False)
    ax.set_title("Share of the customers" + (f" (full colour) and of the {label(value)} (pale)" if both else ""))
    return ax


@styled
def centre_heatmap(scores: pd.DataFrame, ax: Axes | None = None) -> Axes | None:
    """Return a heatmap of the segments' means in standard deviations, features by segments.

    Parameters
    ----------
    scores : DataFrame
        Segments by features, as returned by `segnb.interpret.centre_scores`.

    >>> scores = pd.DataFrame({"orders": [-0.5, 0.5]}, index=pd.Index([1, 2], name="segment"))
    >>> centre_heatmap(scores).get_title(loc="left")
    'What is high (red) and low (blue) in each segment'
    """
    table = scores.dropna(how="all").rename(columns=label).T
    if table.empty:
        return None
    ax = new_axes(ax, max(6.4, 3.4 + 0.85 * table.shape[1]), 1.4 + 0.32 * table.shape[0])
    words = table.map("{:z.1f}".format) if table.size <= 400 else False
    sns.heatmap(table, annot=words, fmt="", annot_kws={"size": 8}, linewidths=0.5, ax=ax, **HIGH_LOW)
    ax.set(xlabel="segment; figures in standard deviations from the mean", ylabel="")
    ax.tick_params(axis="y", rotation=0)
    ax.set_title("What is high (red) and low (blue) in each segment")
    return ax


@styled
def boxes(customers: pd.DataFrame, segments: pd.Series, columns: Sequence[str]) -> Figure | None:
    """Return box plots of the columns, in original units: all customers in grey, then each segment.

    Whiskers reach from the 5 % to the 95 % quantile. No single customer is drawn.

    Parameters
    ----------
    customers : DataFrame of shape (n_customers, n_columns)
        In original units.
    segments : Series of shape (n_customers,)
        Segment of each customer, same index.
    columns : sequence of str
        Columns with numbers, a panel each.

    >>> customers = pd.DataFrame({"orders": [1.0, 2, 8, 9], "spend": [5.0, 9, 70, 80]})
    >>> segments = pd.Series([1, 1, 2, 2])
    >>> [ax.get_ylabel() for ax in boxes(customers, segments, ["orders", "spend"]).axes]
    ['orders', 'spend']
    """
    shown = door().members(segments)
    if not shown.any() or not len(columns):
        return None
    figure, panels = _panels(len(columns), 3, 3.4, 2.8)
    for ax, name in zip(panels, columns):
        _boxes(customers.loc[shown, name].astype(float), segments[shown], ax)
        ax.set(xlabel="segment", ylabel=label(name))
    figure.suptitle("The leading features by segment, beside all customers (grey)", x=0.01, ha="left")
    return figure


@styled
def mosaic(profiles: pd.DataFrame, sizes: pd.Series, columns: Sequence[str]) -> Figure | None:
    """Return mosaic plots of categories by segment: as wide as the segment, as high as the level's share of it.

    Colours are Pearson residuals, the distance from what the level's share of all customers would give: pale beyond 2,
    strong beyond 4, white where chance could do it (Friendly, J. Am. Stat. Assoc. 89, 1994).

    Parameters
    ----------
    profiles : DataFrame
        As returned by `segnb.interpret.profiles`; shares that are withheld are drawn together, in grey.
    sizes : Series
        Number of customers of each segment.
    columns : sequence of str
        Columns with categories.

    >>> from segnb.interpret import profiles
    >>> table = pd.DataFrame({"town": ["here", "here", "there", "there"]})
    >>> shares = profiles(table, pd.Series([1, 1, 2, 2]))
    >>> mosaic(shares, pd.Series({1: 2, 2: 2}), ["town"]).axes[0].get_title(loc="left")
    'town'
    """
    sizes = sizes[door().members(sizes.index.to_series())]
    if sizes.empty or not len(columns):
        return None
    figure, panels = _panels(len(columns), 2, 5, 3.2)
    for ax, name in zip(panels, columns):
        _mosaic(profiles[profiles["column"] == name], sizes, ax)
        ax.set_title(shortened(label(name), 50), fontsize=10)
    title = "Who is in the segments: red, more than among all customers; blue, fewer; white, no more than chance"
    figure.suptitle(title, x=0.01, ha="left")
    return figure


def _panels(number: int, most: int, width: float, height: float) -> tuple[Figure, list[Axes]]:
    """Return a figure of as many panels, at most `most` side by side, each of this size in inches."""
    across = min(most, number)
    down = math.ceil(number / across)
    figure, axes = plt.subplots(down, across, figsize=(width * max(across, 2), height * down), squeeze=False)
    for ax in axes.ravel()[number:]:
        ax.set_visible(False)
    return figure, list(axes.ravel()[:number])


def _boxes(values: pd.Series, segments: pd.Series, ax: Axes) -> None:
    colours = segment_colours(segments)
    quantiles = values.groupby(segments.to_numpy()).quantile(list(_BOX.values())).unstack()
    quantiles.loc["all"] = values.quantile(list(_BOX.values()))
    quantiles.columns = list(_BOX)
    rows = [("all", MUTED), *colours.items()]
    stats = [{"label": str(name), "fliers": [], **quantiles.loc[name]} for name, _ in rows]
    drawn = ax.bxp(stats, showfliers=False, patch_artist=True, widths=0.7, medianprops={"color": INK})
    for box, (_, colour) in zip(drawn["boxes"], rows):
        box.set(facecolor=colour, linewidth=0.8)
    ax.axhline(values.median(), color=MUTED, linestyle="--", linewidth=1)
    ax.grid(axis="x", visible=False)


def _mosaic(rows: pd.DataFrame, sizes: pd.Series, ax: Axes) -> None:
    rows = rows[rows["segment"].isin(sizes.index)]
    overall = rows.drop_duplicates("level").set_index("level")["overall"]
    shares = rows.pivot(index="level", columns="segment", values="share").loc[overall.index]
    left, gap = 0.0, sizes.sum() / 80
    for segment, size in sizes.items():
        own = shares[segment][shares[segment] > 0]
        residuals = (own - overall[own.index]) * np.sqrt(size / overall[own.index])
        shades = _SHADES[np.searchsorted((-4, -2, 2, 4), residuals, side="right")]
        ax.bar(left, own, size, bottom=own.cumsum() - own, color=shades, edgecolor=MUTED, align="edge")
        withheld = 1 - own.sum()
        if withheld > 0.0005:
            ax.bar(left, withheld, size, bottom=own.sum(), color=MUTED, edgecolor=MUTED, alpha=0.4, align="edge")
        ax.text(left + size / 2, -0.02, str(segment), ha="center", va="top", fontsize=9)
        left += size + gap
    first = shares[sizes.index[0]].dropna()
    for level, top in first.cumsum()[first >= 0.05].items():
        ax.text(-gap, top - first[level] / 2, shortened(str(level), 14), ha="right", va="center", fontsize=8)
    ax.set(xlim=(0, left - gap), ylim=(0, 1), xticks=[], yticks=[])
    ax.set_xlabel("segment", labelpad=14)
    ax.spines[["left", "bottom"]].set_visible(False)


@styled
def one_segment(customers: pd.DataFrame, scores: pd.Series, member: pd.Series, column: str) -> Figure:
    """Return one segment: how far each of its means lies from all customers', and one column beside all customers.

    Parameters
    ----------
    customers : DataFrame of shape (n_customers, n_columns)
        In original units.
    scores : Series of shape (n_features,)
        The segment's row of `segnb.interpret.centre_scores`, named by its number.
    member : Series of bool, shape (n_customers,)
        Who is in the segment, same index as `customers`.
    column : str
        The column to look at closely; in a report bars of few members are left out.

    >>> customers = pd.DataFrame({"orders": [1.0, 2, 8, 9], "spend": [5.0, 9, 70, 80]})
    >>> segments = pd.Series([1, 1, 2, 2])
    >>> drawn = one_segment(customers, pd.Series({"orders": 0.9}, name=2), segments == 2, "orders")
    >>> drawn.axes[0].get_title(loc="left")
    'What marks segment 2'
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 0.6 + 0.32 * max(len(scores), 9)))
    ordered = scores.sort_values(key=abs)
    left.barh([label(name) for name in ordered.index], ordered, color=np.where(ordered > 0, WARNING, ACCENT))
    left.axvline(0, color=MUTED, linewidth=1)
    left.set(xlabel="standard deviations from the mean of all", title=f"What marks segment {scores.name}")
    values = customers[column].dropna().astype(float)
    low, high = values.quantile([0.01, 0.99])
    edges = np.linspace(low, high if high > low else low + 1, BINS + 1)
    own, everybody = (np.histogram(each, edges)[0] for each in (values[member.loc[values.index]], values))
    right.stairs(everybody / max(everybody.sum(), 1), edges, fill=True, color=MUTED, alpha=0.4, label="all customers")
    seen = np.where(own >= door().min_cell, own, 0) / max(own.sum(), 1)
    right.stairs(seen, edges, color=WARNING, linewidth=2, label=f"segment {scores.name}")
    right.yaxis.set_major_formatter(lambda share, _: percent(share))
    right.set(xlabel=label(column), title="Where its customers lie")
    right.legend(fontsize=8)
    return figure
