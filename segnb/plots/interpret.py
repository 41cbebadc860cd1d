"""Figures of step 4: what the segments are like."""

import math
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from segnb.colours import segment_colours
from segnb.plots.style import INK, MUTED, new_axes, styled
from segnb.wording import label


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
    """
    ax = new_axes(ax, 8, 0.8 + 0.62 * len(table))
    colours = segment_colours(table.index)
    places = range(len(table))
    both = "value_share" in table
    ax.barh(
        [p - 0.2 * both for p in places], table["share"], 0.38 if both else 0.7, color=[colours[s] for s in table.index]
    )
    if both:
        ax.barh(
            [p + 0.2 for p in places], table["value_share"], 0.38, color=[colours[s] for s in table.index], alpha=0.45
        )
    ax.set_yticks(list(places), [_short(f"{segment}  {names.get(segment, '')}", 34) for segment in table.index])
    ax.invert_yaxis()
    ax.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    ax.grid(axis="y", visible=False)
    ax.set_title("Share of the customers (full colour)" + (f" and of the {label(value)} (pale)" if both else ""))
    return ax


@styled
def centre_heatmap(scores: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Return a heatmap of the segments' means in standard deviations, features by segments.

    Parameters
    ----------
    scores : DataFrame
        Segments by features, as returned by `segnb.interpret.centre_scores`.
    """
    ax = new_axes(ax, max(6.4, 3.4 + 0.85 * len(scores)), 1.4 + 0.32 * scores.shape[1])
    table = scores.rename(columns=label).T
    annotated = table.shape[0] * table.shape[1] <= 400
    sns.heatmap(
        table,
        center=0,
        vmin=-2,
        vmax=2,
        cmap="RdBu_r",
        annot=annotated,
        fmt=".1f",
        annot_kws={"size": 8},
        linewidths=0.5,
        cbar_kws={"label": "standard deviations from the mean"},
        ax=ax,
    )
    ax.set(xlabel="segment", ylabel="")
    ax.tick_params(axis="y", rotation=0)
    ax.set_title("What is high (red) and low (blue) in each segment")
    return ax


@styled
def snake(scores: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Return the snake plot: one line per segment over the features, in standard deviations from the mean."""
    ax = new_axes(ax, max(7.5, 2 + 0.6 * scores.shape[1]), 4.6)
    colours = segment_colours(scores.index)
    for segment, row in scores.iterrows():
        ax.plot(range(scores.shape[1]), row, marker="o", markersize=4, color=colours[segment], label=str(segment))
    ax.axhline(0, color=MUTED, linewidth=1)
    ax.set_xticks(range(scores.shape[1]), [label(name) for name in scores], rotation=40, ha="right")
    ax.set_ylabel("standard deviations from the mean")
    ax.legend(title="segment", ncols=2, fontsize=9)
    ax.set_title("Snake plot: where the lines part, the segments differ")
    return ax


@styled
def boxes(customers: pd.DataFrame, segments: pd.Series, columns: Sequence[str]) -> Figure:
    """Return box plots of the columns by segment, in original units, whiskers from the 5 % to the 95 % quantile.

    No single customer is drawn.
    """
    across = min(3, len(columns))
    down = math.ceil(len(columns) / across)
    figure, axes = plt.subplots(down, across, figsize=(3.6 * across, 2.9 * down), squeeze=False)
    for ax, name in zip(axes.ravel(), columns):
        _boxes(customers[name].astype(float), segments, ax)
        ax.set(xlabel="segment", ylabel=label(name))
    for ax in axes.ravel()[len(columns) :]:
        ax.set_visible(False)
    figure.suptitle("The leading features by segment; dashed: median of all customers", x=0.01, ha="left")
    return figure


@styled
def descriptor_shares(profiles: pd.DataFrame, columns: Sequence[str]) -> Figure:
    """Return stacked bars of each category's share by segment, one panel per column.

    Parameters
    ----------
    profiles : DataFrame
        As returned by `segnb.interpret.profiles`.
    columns : sequence of str
        Columns with categories.
    """
    across = min(3, len(columns))
    down = math.ceil(len(columns) / across)
    figure, axes = plt.subplots(down, across, figsize=(3.8 * across, 3 * down), squeeze=False)
    for ax, name in zip(axes.ravel(), columns):
        _stacked(profiles[profiles["column"] == name], name, ax)
    for ax in axes.ravel()[len(columns) :]:
        ax.set_visible(False)
    figure.suptitle("Who is in the segments: columns that did not make them", x=0.01, ha="left")
    return figure


def _boxes(values: pd.Series, segments: pd.Series, ax: Axes) -> None:
    colours = segment_colours(segments)
    groups = [values[(segments == segment).to_numpy()].dropna() for segment in colours]
    drawn = ax.boxplot(
        groups,
        tick_labels=list(colours),
        whis=(5, 95),
        showfliers=False,
        patch_artist=True,
        widths=0.7,
        medianprops={"color": INK},
    )
    for box, colour in zip(drawn["boxes"], colours.values()):
        box.set(facecolor=colour, linewidth=0.8)
    ax.axhline(values.median(), color=MUTED, linestyle="--", linewidth=1)
    ax.grid(axis="x", visible=False)


def _stacked(rows: pd.DataFrame, name: str, ax: Axes) -> None:
    shares = rows.pivot(index="segment", columns="level", values="share").fillna(0)
    frequent = shares.mean().sort_values(ascending=False).index[:6]
    shown = shares[sorted(frequent)].assign(
        **({"others": 1 - shares[frequent].sum(axis=1)} if shares.shape[1] > 6 else {})
    )
    shown = shown.rename(columns=lambda level: _short(str(level), 16))
    shown.plot.bar(stacked=True, width=0.8, color=sns.color_palette("crest", shown.shape[1]), ax=ax, rot=0)
    ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    ax.set(xlabel="", ylim=(0, 1))
    ax.set_title(label(name), fontsize=10)
    ax.grid(axis="x", visible=False)
    ax.legend(fontsize=7, loc="upper center", bbox_to_anchor=(0.5, -0.1), ncols=3, frameon=False)


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
