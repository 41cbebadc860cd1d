"""Figures of step 2: the evidence on the number of segments."""

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from segnb.choose_k import Choice
from segnb.disclosure import door
from segnb.plots.style import ACCENT, INK, MUTED, WARNING, new_axes, pickable, stream, styled
from segnb.tables import COMES_BACK
from segnb.text import percent, segment_colours


@styled
def clustergram(flows: pd.DataFrame, k: int, ax: Axes | None = None) -> Axes:
    """Return the segments of every k as blocks, and streams of customers from each to those of the next k.

    Every customer has the colour of their segment at the chosen k, wherever they go.

    Parameters
    ----------
    flows : DataFrame
        As returned by `segnb.choose_k.segment_flows`; streams of less than a hundredth of the customers are left out.
    k : int
        The chosen number of segments.

    >>> import numpy as np
    >>> from segnb.choose_k import segment_flows
    >>> flows = segment_flows([[0.0], [1.0], [5.0]], {2: np.array([0, 0, 1]), 3: np.array([0, 1, 2])}, 2)
    >>> clustergram(flows, 2).get_xlabel()
    'segments k'
    """
    ax = new_axes(ax, 9, 5)
    colours, total = segment_colours(range(1, k + 1)), flows.loc[flows["k"] == flows["k"].min(), "customers"].sum()
    blocks = _blocks(flows, gap=total / 25)
    starts = blocks.set_index(["k", "segment"])["bottom"]
    left, right = starts.to_dict(), starts.to_dict()
    for flow in flows.sort_values(["height", "next_height", "lineage"]).itertuples():
        here, there = (flow.k, flow.segment), (flow.next_k, flow.next_segment)
        if flow.customers >= max(total / 100, door().min_cell):
            across, colour = (flow.k + 0.06, flow.next_k - 0.06), colours[flow.lineage]
            pickable(stream(ax, across, left[here], right[there], flow.customers, colour), flow.lineage)
        left[here] += flow.customers
        right[there] += flow.customers
    ax.bar(blocks["k"], blocks["customers"], 0.12, blocks["bottom"], color=INK)
    chosen = blocks[blocks["k"] == k]
    for row in chosen.itertuples():
        words = f"{percent(row.customers / total)} of the customers at k = {k}"
        pickable(ax.bar(k, row.customers, 0.3, row.bottom, color=colours[row.segment]), row.segment, words)
        ax.text(k, row.bottom + row.customers / 2, str(row.segment), ha="center", va="center", color="white")
    ax.set(xlabel="segments k", yticks=[], xticks=blocks["k"].unique())
    ax.grid(visible=False)
    ax.spines[["left", "bottom"]].set_visible(False)
    ax.set_title(f"Where the {k} segments come from with fewer, and fall apart with more")
    return ax


def _blocks(flows: pd.DataFrame, gap: float) -> pd.DataFrame:
    """Return `k`, `segment`, `customers` and the `bottom` of every segment's block, stacked by height."""
    keys = ["k", "segment", "height"]
    last = flows.loc[flows["next_k"] == flows["next_k"].max(), ["next_k", "next_segment", "next_height", "customers"]]
    ends = pd.concat([flows[[*keys, "customers"]], last.set_axis([*keys, "customers"], axis=1)])
    blocks = ends.groupby(keys)["customers"].sum().reset_index().sort_values(["k", "height"])
    stacked = blocks.groupby("k")["customers"]
    bottom = stacked.cumsum() - blocks["customers"] + gap * stacked.cumcount()
    middle = (stacked.transform("sum") + gap * (stacked.transform("size") - 1)) / 2
    return blocks.assign(bottom=bottom - middle)


@styled
def evidence_overview(evidence: pd.DataFrame, favourites: dict[str, int], k: int) -> Figure:
    """Return small multiples of the figures over k, each figure's favourite marked.

    Parameters
    ----------
    evidence : DataFrame
    favourites : dict of str to int
        Each figure's favourite k, `Choice.favourites`.
    k : int
        The chosen number of segments, a dashed line.

    >>> import numpy as np
    >>> from segnb.choose_k import decide, evidence
    >>> X = np.repeat([[0.0, 0], [9, 0]], 30, axis=0) + np.random.default_rng(0).normal(size=(60, 2))
    >>> table = evidence(X, k_max=3, n_boot=5, n_refs=3)
    >>> len(evidence_overview(table, decide(table).favourites, 2).axes)
    6
    """
    evidence = evidence.assign(valley_depth=evidence["valley_depth"].clip(upper=2))
    figure, axes = plt.subplots(2, 3, figsize=(9.3, 5), sharex=True, layout="none")
    figure.subplots_adjust(left=0.07, right=0.99, bottom=0.1, top=0.86, wspace=0.26, hspace=0.2)
    panels = [
        ("valley_depth", "shallowest valley (low is deep)", 0.65),
        ("silhouette", "silhouette", None),
        ("calinski_harabasz", "Calinski–Harabasz", None),
        ("gap", "gap", None),
        ("prediction_strength", "prediction strength", COMES_BACK),
        ("stability", "stability", COMES_BACK),
    ]
    for ax, (column, name, threshold) in zip(axes.ravel(), panels):
        _panel(ax, evidence, column, favourites.get(name), threshold)
        ax.axvline(k, color=MUTED, linestyle="--", linewidth=1)
        ax.set_title(name, fontsize=10)
    for ax in axes[-1]:
        ax.set_xticks(evidence["k"])
    figure.supxlabel("segments k", y=0, fontsize=10)
    figure.suptitle(f"The figures over k; each one's favourite (●), and the chosen k = {k} dashed", x=0.01, ha="left")
    return figure


def _panel(ax: Axes, evidence: pd.DataFrame, column: str, favourite: int | None, threshold: float | None) -> None:
    errors = evidence["gap_se"] if column == "gap" else None
    ax.errorbar(evidence["k"], evidence[column], yerr=errors, color=ACCENT, marker=".", linewidth=1.5, capsize=3)
    if threshold:
        ax.axhline(threshold, color=WARNING, linestyle=":", linewidth=1.5)
    at = evidence[evidence["k"] == favourite]
    ax.plot(at["k"], at[column], "o", color=INK, markersize=8)


@styled
def valley(line: pd.DataFrame, choice: Choice, ax: Axes | None = None) -> Axes:
    """Return how densely customers lie between the two segments that are hardest to tell apart: a valley, or none.

    Parameters
    ----------
    line : DataFrame
        As returned by `segnb.choose_k.line_density` for the two segments, `choice.nearest`.
    choice : Choice
        As returned by `segnb.choose_k.decide`.

    >>> import numpy as np
    >>> from segnb.choose_k import decide, evidence
    >>> X = np.repeat([[0.0, 0], [9, 0]], 30, axis=0) + np.random.default_rng(0).normal(size=(60, 2))
    >>> table = evidence(X, k_max=3, n_boot=5, n_refs=3)
    >>> from segnb.choose_k import line_density
    >>> valley(line_density(X, np.repeat([1, 2], 30), 1, 2), decide(table)).get_title(loc="left")[:32]
    'A valley even between segments 1'
    """
    ax = new_axes(ax, 7.5, 3.2)
    colours, top = segment_colours(choice.nearest), line["density"].max()
    ax.fill_between(line["along"], line["density"], color="#eceff3")
    ax.plot(line["along"], line["density"], color=INK, linewidth=2)
    for place, number in enumerate(choice.nearest):
        ax.axvline(place, color=colours[number], linewidth=2)
        ax.annotate(f" centre of\n segment {number}", (place, 1.08 * top), fontsize=9)
    one, other = choice.nearest
    found = f"A valley even between segments {one}" if choice.separated else f"No clear valley between segments {one}"
    ax.set_title(f"{found} and {other}: {percent(choice.depth)} as many customers in the middle")
    ax.set(xlabel="the way from one centre to the other", ylabel="customers", yticks=[])
    ax.set_xticks([0, 0.5, 1], ["0", "½", "1"])
    ax.set_ylim(0, 1.3 * top)
    return ax
