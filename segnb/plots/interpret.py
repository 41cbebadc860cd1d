"""Figures of step 4: what the segments are like."""

import math
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from segnb.disclosure import door
from segnb.plots.style import ACCENT, HIGH_LOW, INK, MUTED, WARNING, new_axes, styled
from segnb.text import label, percent, segment_colours, shortened

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
    ax.set_title("Share of the customers (full colour)" + (f" and of the {label(value)} (pale)" if both else ""))
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
