"""One figure for one number of segments, and one for one segment: what the panels of the notebooks show."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from segnb.plots.cluster import scatter
from segnb.plots.style import ACCENT, MUTED, WARNING, styled
from segnb.tables import COMES_BACK
from segnb.text import label, percent, segment_colours

BINS = 20
"""Bars of a histogram."""


@styled
def one_k(
    evidence: pd.DataFrame, rows: pd.DataFrame, segments: pd.Series, x: str, y: str, min_cell: int = 10
) -> Figure:
    """Return the segments of one k: scattered on two features, their means, their sizes, and the evidence of every k.

    Parameters
    ----------
    evidence : DataFrame
        As returned by `segnb.choose_k.evidence`.
    rows : DataFrame of shape (n_customers, n_features)
        The scaled matrix.
    segments : Series
        Segment of each row, 1 to k.
    x, y : str
        Features across and up.
    min_cell : int, default 10
        As in `segnb.plots.scatter`; the means of smaller segments are left out.
    """
    k = int(segments.max())
    figure, axes = plt.subplots(2, 2, figsize=(11, 7), width_ratios=[1.3, 1], height_ratios=[1.5, 1])
    scatter(rows, segments, x, y, min_cell, ax=axes[0, 0])
    axes[0, 0].set_title(f"{k} segments, in standard deviations")
    axes[0, 0].get_legend().remove()  # the bars beneath have the same colours
    means = rows.groupby(segments).mean().where(segments.value_counts() >= min_cell).rename(columns=label).T
    sns.heatmap(means, center=0, vmin=-2, vmax=2, cmap="RdBu_r", ax=axes[0, 1], cbar=False)
    axes[0, 1].set(xlabel="segment", ylabel="", title="What is high (red) and low (blue)")
    shares = segments.value_counts(normalize=True).sort_index()
    colours = segment_colours(shares.index)
    axes[1, 0].bar(shares.index.astype(str), shares, color=[colours[segment] for segment in shares.index])
    axes[1, 0].yaxis.set_major_formatter(lambda share, _: percent(share))
    axes[1, 0].set(xlabel="segment", title="Share of the customers")
    _evidence_line(axes[1, 1], evidence, k)
    return figure


def _evidence_line(ax: Axes, evidence: pd.DataFrame, k: int) -> None:
    for column, colour in (("prediction_strength", ACCENT), ("silhouette", MUTED)):
        ax.plot(evidence["k"], evidence[column], marker=".", color=colour, label=label(column))
    ax.axhline(COMES_BACK, color=WARNING, linestyle=":", linewidth=1.5)
    ax.axvline(k, color=WARNING, linewidth=2)
    ax.set(xlabel="segments k", xticks=evidence["k"], ylim=(0, 1.05), title=f"The evidence at k = {k}")
    ax.legend(fontsize=8)


@styled
def one_segment(
    customers: pd.DataFrame, scores: pd.Series, member: pd.Series, column: str, min_cell: int = 10
) -> Figure:
    """Return one segment: how far each of its means lies from all customers', and one column beside all customers.

    Parameters
    ----------
    customers : DataFrame
        In original units.
    scores : Series
        The segment's row of `segnb.interpret.centre_scores`, named by its number.
    member : Series of bool
        Who is in the segment, same index as `customers`.
    column : str
        The column to look at closely.
    min_cell : int, default 10
        Bars that stand for fewer members are left out.
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
    seen = np.where(own >= min_cell, own, 0) / max(own.sum(), 1)
    right.stairs(seen, edges, color=WARNING, linewidth=2, label=f"segment {scores.name}")
    right.yaxis.set_major_formatter(lambda share, _: percent(share))
    right.set(xlabel=label(column), title="Where its customers lie")
    right.legend(fontsize=8)
    return figure
