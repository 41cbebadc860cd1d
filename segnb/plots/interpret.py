"""Figures of step 4: what the segments are like."""

import math
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from segnb.plots.style import INK, MUTED, new_axes, styled
from segnb.text import label, segment_colours, shortened

BOX = [0.05, 0.25, 0.5, 0.75, 0.95]
"""The quantiles that a box plot shows."""


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
    ax.set_yticks(list(places), [shortened(f"{segment}  {names.get(segment, '')}", 34) for segment in table.index])
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
        annot=table.map(lambda score: f"{score:.1f}".replace("-0.0", "0.0")) if annotated else False,
        fmt="",
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
    """Return box plots of the columns, in original units: all customers in grey, then each segment.

    Whiskers reach from the 5 % to the 95 % quantile. No single customer is drawn.
    """
    figure, panels = _panels(len(columns), 3, 3.4, 2.8)
    for ax, name in zip(panels, columns):
        _boxes(customers[name].astype(float), segments, ax)
        ax.set(xlabel="segment", ylabel=label(name))
    figure.suptitle("The leading features by segment, beside all customers (grey)", x=0.01, ha="left")
    return figure


@styled
def mosaic(profiles: pd.DataFrame, sizes: pd.Series, columns: Sequence[str]) -> Figure:
    """Return mosaic plots of categories by segment: as wide as the segment, as high as the level's share of it.

    Colours are Pearson residuals, the distance from what the level's share of all customers would give: pale beyond 2,
    strong beyond 4, white where chance could do it (Friendly, J. Am. Stat. Assoc. 89, 1994).

    Parameters
    ----------
    profiles : DataFrame
        As returned by `segnb.interpret.profiles`; shares that are withheld are drawn together, in grey.
    sizes : Series
        Number of customers of each segment to draw.
    columns : sequence of str
        Columns with categories.
    """
    figure, panels = _panels(len(columns), 2, 5, 3.2)
    for ax, name in zip(panels, columns):
        _mosaic(profiles[profiles["column"] == name], sizes, ax)
        ax.set_title(label(name), fontsize=10)
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
    quantiles = values.groupby(segments.to_numpy()).quantile(BOX).unstack()
    quantiles.loc["all"] = values.quantile(BOX)
    rows = [("all", MUTED), *colours.items()]
    stats = [_box(str(name), quantiles.loc[name]) for name, _ in rows]
    drawn = ax.bxp(stats, showfliers=False, patch_artist=True, widths=0.7, medianprops={"color": INK})
    for box, (_, colour) in zip(drawn["boxes"], rows):
        box.set(facecolor=colour, linewidth=0.8)
    ax.axhline(values.median(), color=MUTED, linestyle="--", linewidth=1)
    ax.grid(axis="x", visible=False)


def _box(name: str, quantiles: pd.Series) -> dict[str, object]:
    names = ["whislo", "q1", "med", "q3", "whishi"]
    return {"label": name, "fliers": [], **dict(zip(names, quantiles))}


def _mosaic(rows: pd.DataFrame, sizes: pd.Series, ax: Axes) -> None:
    rows = rows[rows["segment"].isin(sizes.index)]
    shares = rows.pivot(index="level", columns="segment", values="share")
    overall = rows.drop_duplicates("level").set_index("level")["overall"]
    left, gap = 0.0, sizes.sum() / 80
    for segment, size in sizes.items():
        floor = 0.0
        for level in overall.index:
            share = shares.at[level, segment]
            if share > 0:
                residual = (share - overall[level]) * math.sqrt(size / overall[level])
                ax.bar(left, share, size, bottom=floor, color=_shade(residual), edgecolor=MUTED, align="edge")
                if left == 0 and share >= 0.05:
                    ax.text(-gap, floor + share / 2, shortened(str(level), 14), ha="right", va="center", fontsize=8)
                floor += share
        if floor < 0.9995:
            ax.bar(left, 1 - floor, size, bottom=floor, color=MUTED, edgecolor=MUTED, alpha=0.4, align="edge")
        ax.text(left + size / 2, -0.02, str(segment), ha="center", va="top", fontsize=9)
        left += size + gap
    ax.set(xlim=(0, left - gap), ylim=(0, 1), xticks=[], yticks=[])
    ax.set_xlabel("segment", labelpad=14)
    ax.spines[["left", "bottom"]].set_visible(False)


def _shade(residual: float) -> str:
    """Return the colour of a Pearson residual."""
    for bound, colour in zip((-4, -2, 2, 4), ("#4393c3", "#d1e5f0", "#ffffff", "#fddbc7")):
        if residual < bound:
            return colour
    return "#d6604d"
