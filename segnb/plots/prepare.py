"""Figures of step 1: the columns before and after, and how they go together."""

import math

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from segnb.plots.style import ACCENT, MUTED, Rank2D, new_axes, styled
from segnb.text import label

MOST = 8
"""At most this many columns are drawn; more would be too small to read."""


@styled
def distributions(before: pd.DataFrame, after: pd.DataFrame) -> Figure:
    """Return histograms of the columns in original units above those of the prepared ones, a pair per column.

    Parameters
    ----------
    before, after : DataFrame
        The same columns before and after cleaning, transforming and scaling; the first eight are drawn.
    """
    names = [name for name in before if name in after][:MOST]
    across = min(4, len(names))
    down = math.ceil(len(names) / across)
    height = 0.4 + 3.2 * down
    figure, axes = plt.subplots(2 * down, across, figsize=(2.7 * across, height), squeeze=False, layout="none")
    figure.subplots_adjust(left=0.02, right=0.98, bottom=0.3 / height, top=1 - 0.65 / height, wspace=0.12, hspace=0.5)
    for ax in axes.ravel():
        ax.set_visible(False)
    for position, name in enumerate(names):
        row, column = divmod(position, across)
        _histogram(before[name], axes[2 * row, column], MUTED, label(name))
        _histogram(after[name], axes[2 * row + 1, column], ACCENT, "")
    figure.suptitle("Each column before (grey, original units) and after (blue, as k-means sees it)", x=0.01, ha="left")
    return figure


@styled
def rank2d(table: pd.DataFrame, when: str, ax: Axes | None = None) -> Axes:
    """Return yellowbrick's Rank2D of a table: Pearson's correlation of every pair of columns.

    Parameters
    ----------
    table : DataFrame
        Numeric columns; a missing value is drawn as the column's median.
    when : str
        What stage of the preparation it is, for the title.
    """
    values = table.astype(float)
    n = table.shape[1]
    ax = new_axes(ax, 3.5 + 0.36 * n, 2.5 + 0.36 * n)
    names = [label(name) for name in table]
    drawn = Rank2D(ax=ax, algorithm="pearson", features=names, colormap="RdBu_r")
    drawn.fit_transform(values.fillna(values.median()).to_numpy())
    drawn.finalize()
    ax.set_title(f"Correlation of each pair of columns, {when}")
    return ax


def _histogram(values: pd.Series, ax: Axes, colour: str, title: str) -> None:
    ax.set_visible(True)
    counts, edges = np.histogram(values.dropna().astype(float), bins=30)
    ax.stairs(counts, edges, fill=True, color=colour, alpha=0.85)
    ax.set(xlabel="", ylabel="", yticks=[])
    ax.set_title(title, fontsize=9)
    ax.tick_params(labelsize=8)
    ax.grid(False)
