"""Figures of step 5: who moved, what drifted, and how it compares with chance."""

import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from segnb.plots.style import ACCENT, MUTED, WARNING, new_axes, styled
from segnb.wording import label


@styled
def migration_matrix(counts: pd.DataFrame, shares: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Return the migration table as a heatmap: numbers of customers, coloured by their share of the row.

    Parameters
    ----------
    counts, shares : DataFrame
        Segments before and entrants by segments after and leavers; a missing count is drawn as "few".
    """
    ax = new_axes(ax, max(6.4, 2.6 + 0.85 * counts.shape[1]), 1.8 + 0.55 * len(counts))
    sns.heatmap(
        shares.fillna(0),
        annot=counts.map(lambda n: "few" if pd.isna(n) else f"{n:,.0f}"),
        fmt="",
        cmap="Blues",
        vmin=0,
        vmax=1,
        linewidths=0.5,
        cbar_kws={"label": "share of the row", "format": PercentFormatter(1, decimals=0)},
        ax=ax,
    )
    ax.set(xlabel="segment now", ylabel="segment before")
    ax.tick_params(axis="y", rotation=0)
    ax.set_title("Customers by segment before and now; the diagonal stayed")
    return ax


@styled
def change_bars(shares: pd.Series, threshold: float, ax: Axes | None = None) -> Axes:
    """Return the shares of customers who changed segment, by cause.

    Parameters
    ----------
    shares : Series
        Share of customers by cause.
    threshold : float
        What chance alone reaches in 95 of 100 cases, a dashed line.
    """
    ax = new_axes(ax, 7.5, 0.9 + 0.5 * len(shares))
    ax.barh(range(len(shares)), shares, color=[ACCENT, ACCENT, MUTED][: len(shares)])
    ax.axvline(threshold, color=WARNING, linestyle="--", label="chance, 95 %")
    ax.set_yticks(range(len(shares)), list(shares.index))
    ax.invert_yaxis()
    ax.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    ax.grid(axis="y", visible=False)
    ax.legend()
    ax.set_title("Customers who changed segment, by cause")
    return ax


@styled
def drift_bars(drifts: pd.DataFrame, ax: Axes | None = None, most: int = 15) -> Axes:
    """Return the drift of each feature in standard deviations, coloured where it exceeds chance.

    Parameters
    ----------
    drifts : DataFrame
        As returned by `segnb.iterate.drift`; the `most` largest are drawn.
    """
    shown = drifts.head(most)
    ax = new_axes(ax, 7.5, 0.9 + 0.32 * len(shown))
    ax.barh(range(len(shown)), shown["effect"], color=[WARNING if each else MUTED for each in shown["drifted"]])
    ax.set_yticks(range(len(shown)), [label(name) for name in shown["column"]])
    ax.invert_yaxis()
    ax.grid(axis="y", visible=False)
    ax.set_xlabel("shift in standard deviations (Wasserstein)")
    ax.set_title(f"{int(drifts['drifted'].sum())} of {len(drifts)} features drifted beyond chance (orange)")
    return ax
