"""Figures of step 5: who moved, what drifted, and how it compares with chance."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from segnb.plots.style import ACCENT, MUTED, WARNING, called, new_axes, pickable, stream, styled, wrapped
from segnb.text import ENTRANTS, LEAVERS, counted, label, listed, percent, segment_colours

_CAUSES = {"behaviour": "behaviour: customers act differently", "model": "model: the centres lie elsewhere"}
"""What the causes of a change mean."""


_NOW = "now, cut as before"
"""So that nobody moves because the fit did."""

_PREDICTED = {"buyers": "who ordered", "spend": "how much was spent"}


@styled
def alluvial(counts: pd.DataFrame, names: Mapping[int, str] | None = None, ax: Axes | None = None) -> Axes:
    """Return the migration table as streams from the segments before, on the left, to those of now, on the right.

    Parameters
    ----------
    counts : DataFrame
        Segments before and entrants by segments after and leavers; missing counts are left out.
    names : mapping of int to str, optional
        The segments' names, written on both sides.

    >>> from segnb.iterate import migration
    >>> moves = migration(pd.Series([1, 1, 2, 2]), pd.Series([1, 2, 2, 2]))
    >>> alluvial(moves, {1: "Regulars", 2: "Others"}).get_title(loc="left")
    'The largest move: 1 customer from Regulars to Others'
    """
    ax = new_axes(ax, 9.3, 5.2)
    known, names = counts.fillna(0), names or {}
    colours = segment_colours([name for name in {*counts.index, *counts.columns} if not isinstance(name, str)])
    gap = known.to_numpy().sum() / 40
    left = _blocks(ax, known.sum(axis=1), 0, colours, gap, names)
    right = _blocks(ax, known.sum(axis=0), 1, colours, gap, names)
    for before, row in known[::-1].iterrows():
        for after, size in row[row > 0][::-1].items():
            drawn = stream(ax, (0, 1), left[before], right[after], size, colours.get(before, MUTED))
            pickable(drawn, [side for side in (before, after) if side in colours])
            left[before] += size
            right[after] += size
    ax.set(xlim=(-0.75, 1.75), xticks=[0, 1], xticklabels=["before", _NOW], yticks=[])
    ax.grid(visible=False)
    ax.spines[["left", "bottom"]].set_visible(False)
    ax.set_title(_largest_move(known.drop(index=ENTRANTS, columns=LEAVERS), names))
    return ax


def _largest_move(counts: pd.DataFrame, names: Mapping[int, str]) -> str:
    moved = counts.mask(np.eye(len(counts), dtype=bool), 0).stack()
    if not moved.max():
        return "Nobody who was here before is seen to move"
    before, after = (names.get(segment, f"segment {segment}") for segment in moved.idxmax())
    customers = counted(int(moved.max()), "customer")
    return f"The largest move: {customers} from {before} to {after}"


def _blocks(ax: Axes, sizes: pd.Series, x: float, colours: dict, gap: float, names: Mapping[int, str]) -> dict:
    """Draw one side's segments from the top down, and return where each begins."""
    starts, top, when = {}, 0.0, _NOW if x else "before"
    for name, size in sizes.items():
        top -= size
        starts[name] = top
        if size:
            block = ax.bar(x, size, 0.04, bottom=top, color=colours.get(name, MUTED))
            side = {"ha": "left", "x": x + 0.04} if x else {"ha": "right", "x": x - 0.04}
            words = wrapped(called(name, names))
            text = ax.text(y=top + size / 2, s=words, va="center", fontsize=9, **side)
            if name in colours:
                pickable([*block, text], name, f"{size:,.0f} customers {when}")
            top -= gap
    return starts


@styled
def predictive_gain(gains: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Return how much better the segments predicted the next period than other ways, with intervals.

    Parameters
    ----------
    gains : DataFrame
        As returned by `segnb.act.predictive_gain`.

    >>> row = {"outcome": "spend", "compared_with": "one mean", "verdict": "better"}
    >>> predictive_gain(pd.DataFrame([row | {"gain": 0.2, "low": 0.1, "high": 0.3}])).get_title(loc="left")
    'Segments predicted better in 1 of 1 comparisons'
    """
    ax = new_axes(ax, 7.5, 1.2 + 0.5 * len(gains))
    places = np.arange(len(gains))[::-1]
    ends = np.abs(gains[["low", "high"]].sub(gains["gain"], axis=0)).T
    ax.errorbar(gains["gain"], places, xerr=ends, fmt="o", color=ACCENT, capsize=4)
    ax.axvline(0, color=MUTED, linewidth=1)
    names = [f"{_PREDICTED[row.outcome]} against {row.compared_with}" for row in gains.itertuples()]
    ax.set_yticks(places, names)
    ax.set(xlabel="share of the error saved; below zero, added", ylim=(-0.6, len(gains) - 0.4))
    ax.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    better = int((gains["verdict"] == "better").sum())
    ax.set_title(f"Segments predicted better in {better} of {len(gains)} comparisons")
    return ax


@styled
def change_bars(causes: pd.DataFrame, noise_high: float, ax: Axes | None = None) -> Axes:
    """Return the shares of customers who changed segment, by cause: grey what chance does, in colour what exceeds it.

    Parameters
    ----------
    causes : DataFrame
        `chance` and `excess` by cause, as returned by `segnb.iterate.Changes.causes`.
    noise_high : float
        What chance alone reaches in 95 of 100 cases, a dashed line.

    >>> causes = pd.DataFrame({"chance": [0.02], "excess": [0.05]}, index=["behaviour"])
    >>> change_bars(causes, 0.03).get_title(loc="left")
    'Moved beyond chance: 5.0% by behaviour'
    """
    known = causes.dropna()
    if known.empty:
        return None
    ax = new_axes(ax, 7.5, 1.3 + 0.55 * len(known))
    causes = [_CAUSES[name] for name in known.index]
    ax.barh(causes, known["chance"], color=MUTED, alpha=0.6, label="chance, mean")
    ax.barh(causes, known["excess"], left=known["chance"], color=ACCENT, label="beyond chance")
    ax.axvline(noise_high, color=WARNING, linestyle="--", label="chance, 95 %")
    ax.invert_yaxis()
    ax.xaxis.set_major_formatter(PercentFormatter(1))
    ax.grid(axis="y", visible=False)
    below = {"loc": "outside lower center", "ncols": 3, "columnspacing": 1, "handlelength": 1, "frameon": False}
    ax.figure.legend(*ax.get_legend_handles_labels(), fontsize=9, **below)
    beyond = [f"{percent(excess)} by {name}" for name, excess in known["excess"].items()]
    ax.set_title(f"Moved beyond chance: {listed(beyond)}")
    return ax


@styled
def drift_bars(drifts: pd.DataFrame, ax: Axes | None = None, most: int = 15) -> Axes:
    """Return the drift of each feature in standard deviations, coloured where it exceeds chance.

    Parameters
    ----------
    drifts : DataFrame
        As returned by `segnb.iterate.drift`; the `most` largest are drawn.

    >>> drifts = pd.DataFrame({"column": ["orders"], "effect": [0.4], "drifted": [True]})
    >>> drift_bars(drifts).get_title(loc="left")
    '1 of 1 features drifted beyond chance (orange)'
    """
    shown = drifts.head(most)
    ax = new_axes(ax, 7.5, 1.3 + 0.32 * len(shown))
    ax.barh(shown["column"].map(label), shown["effect"], color=np.where(shown["drifted"], WARNING, MUTED))
    ax.invert_yaxis()
    ax.grid(axis="y", visible=False)
    ax.set_xlabel("shift in standard deviations (Wasserstein)")
    ax.set_title(f"{int(drifts['drifted'].sum())} of {len(drifts)} features drifted beyond chance (orange)")
    return ax
