"""Figures of step 2: the evidence on the number of segments."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.cluster import KMeans

from segnb.plots.style import ACCENT, INK, MUTED, WARNING, KElbowVisualizer, SilhouetteVisualizer, new_axes, styled
from segnb.tables import COMES_BACK, LIGHTS
from segnb.text import segment_colours


@styled
def elbow(evidence: pd.DataFrame, k: int, ax: Axes | None = None) -> Axes:
    """Return yellowbrick's elbow picture of the inertia, with the chosen k marked.

    The elbow is for the eye: it appears in data without any structure too.

    Parameters
    ----------
    evidence : DataFrame
        As returned by `segnb.choose_k.evidence`.
    k : int
        The chosen number of segments.
    """
    ax = new_axes(ax)
    tried = evidence[evidence["k"] > 1]
    drawn = KElbowVisualizer(KMeans(), k=(2, 3), ax=ax, timings=False, locate_elbow=False, force_model=True)
    drawn.k_values_, drawn.k_scores_ = tried["k"].tolist(), tried["inertia"].tolist()
    drawn.elbow_value_ = drawn.elbow_score_ = None
    drawn.draw()
    drawn.finalize()
    _mark_chosen(ax, k)
    ax.set(xlabel="segments k", ylabel="inertia (squared distance to the centres)", xticks=tried["k"])
    ax.set_title(f"Inertia falls with every k; chosen by the other figures: k = {k}")
    ax.legend()
    return ax


@styled
def silhouette(scores: np.ndarray, labels: np.ndarray, ax: Axes | None = None) -> Axes:
    """Return yellowbrick's silhouette picture of one labeling.

    Parameters
    ----------
    scores : array of shape (n_rows,)
        Silhouette of each row.
    labels : array of shape (n_rows,)
        Its segment, counted from 0.
    """
    ax = new_axes(ax, 7.5, 5)
    k = int(labels.max()) + 1
    colours = [segment_colours(range(1, k + 1))[segment] for segment in range(1, k + 1)]
    drawn = SilhouetteVisualizer(KMeans(k), ax=ax, colors=colours, force_model=True)
    drawn.n_samples_, drawn.n_clusters_ = len(labels), k
    drawn.silhouette_samples_, drawn.silhouette_score_ = scores, float(scores.mean())
    drawn.draw(labels)
    drawn.finalize()
    ax.set_yticklabels(range(1, k + 1))
    ax.set(xlabel="silhouette of each customer", ylabel="segment")
    below = float((scores < 0).mean())
    ax.set_title(f"With k = {k} the mean silhouette is {scores.mean():.2f}; {below:.0%} of the customers lie below 0")
    return ax


@styled
def gap(evidence: pd.DataFrame, k: int, ax: Axes | None = None) -> Axes:
    """Return the gap statistic over k with its standard errors, and the k that its 1-SE rule names.

    Parameters
    ----------
    evidence : DataFrame
    k : int
        The chosen number of segments, a dashed line.
    """
    ax = new_axes(ax)
    named = int(evidence["gap_k"].iloc[0])
    ax.errorbar(evidence["k"], evidence["gap"], yerr=evidence["gap_se"], color=ACCENT, marker=".", capsize=4)
    at = evidence.loc[evidence["k"] == named, "gap"]  # none, if only larger k were tried
    ax.plot([named] * len(at), at, "o", color=INK, markersize=9, label="named by the rule")
    _mark_chosen(ax, k)
    ax.set(xlabel="segments k", ylabel="gap, ± one standard error", xticks=evidence["k"])
    said = "a single group: no structure" if named == 1 else f"{named} segments"
    ax.set_title(f"By its rule of one standard error, gap names {said}")
    ax.legend()
    return ax


@styled
def coming_back(evidence: pd.DataFrame, k: int, ax: Axes | None = None) -> Axes:
    """Return how well the segments come back on other samples, over k, with the threshold.

    Parameters
    ----------
    evidence : DataFrame
    k : int
        The chosen number of segments, a dashed line.
    """
    ax = new_axes(ax)
    tried = evidence[evidence["k"] > 1]
    error = tried["prediction_strength_se"]
    ax.errorbar(
        tried["k"],
        tried["prediction_strength"],
        yerr=error,
        color=ACCENT,
        marker="o",
        capsize=4,
        label="prediction strength",
    )
    ax.plot(tried["k"], tried["stability"], color=INK, marker="s", label="stability")
    ax.plot(tried["k"], tried["least_jaccard"], color=MUTED, marker="^", linestyle=":", label="least segment's Jaccard")
    ax.axhline(COMES_BACK, color=WARNING, linestyle=":", linewidth=1.5)
    _mark_chosen(ax, k)
    ax.set(xlabel="segments k", ylabel="from 0 to 1", ylim=(0, 1.03), xticks=tried["k"])
    strong = tried.loc[(tried["prediction_strength"] >= COMES_BACK) & (tried["stability"] >= COMES_BACK), "k"]
    named = ", ".join(map(str, strong)) if len(strong) else "none"
    ax.set_title(f"Prediction strength and stability both reach {COMES_BACK} for k: {named}")
    ax.legend()
    return ax


@styled
def clustergram(flows: pd.DataFrame, k: int, ax: Axes | None = None) -> Axes:
    """Return the segments' flow across k: a dot per segment, a line per flow, as wide as it has customers.

    Parameters
    ----------
    flows : DataFrame
        As returned by `segnb.choose_k.segment_flows`; those of less than a hundredth of the customers are left out.
    k : int
        The chosen number of segments; a flow has the colour of that segment to which most of it belongs.
    """
    ax = new_axes(ax, 9, 5)
    colours = segment_colours(range(1, k + 1))
    total = flows.loc[flows["k"] == flows["k"].min(), "customers"].sum()
    for flow in flows[flows["customers"] >= total / 100].itertuples():
        ends = [flow.k, flow.next_k], [flow.height, flow.next_height]
        width = 0.6 + 24 * flow.customers / total
        ax.plot(*ends, color=colours[flow.mostly], linewidth=width, alpha=0.55, solid_capstyle="butt")
    for dot in _dots(flows).itertuples():
        size = 30 + 700 * dot.customers / total
        ax.scatter(dot.k, dot.height, s=size, color="white", edgecolor=INK, linewidth=1, zorder=3)
        if dot.k == k:
            ax.annotate(str(dot.segment), (k, dot.height), ha="center", va="center", fontsize=8, zorder=4)
    ax.axvline(k, color=WARNING, linestyle="--", linewidth=1.5, zorder=0)
    ax.set(
        xlabel="segments k",
        ylabel="mean of the first principal component",
        xticks=sorted({*flows["k"], *flows["next_k"]}),
    )
    ax.set_title(f"Where segments come from as k grows; colours and numbers of the {k} chosen")
    return ax


def _dots(flows: pd.DataFrame) -> pd.DataFrame:
    """Return `k`, `segment`, `height` and `customers` of every segment."""
    keys = ["k", "segment", "height"]
    last = flows.loc[flows["next_k"] == flows["next_k"].max(), ["next_k", "next_segment", "next_height", "customers"]]
    ends = pd.concat([flows[[*keys, "customers"]], last.set_axis([*keys, "customers"], axis=1)])
    return ends.groupby(keys)["customers"].sum().reset_index()


def _mark_chosen(ax: Axes, k: int) -> None:
    ax.axvline(k, color=WARNING, linestyle="--", linewidth=1.5, label=f"chosen: k = {k}")


@styled
def segment_stability(stability: pd.DataFrame, k: int, ax: Axes | None = None) -> Axes:
    """Return each segment's Jaccard index for the chosen k and its neighbours, over the bands of its traffic light.

    Parameters
    ----------
    stability : DataFrame
        As returned by `segnb.choose_k.segments`.
    k : int
        The chosen number of segments.
    """
    ax = new_axes(ax, 7.5, 3.6)
    colours = segment_colours(range(1, k + 1))
    for place, (number, group) in enumerate(stability.groupby("k")):
        across = place + np.linspace(-0.3, 0.3, len(group)) if len(group) > 1 else [place]
        filled = [colours[segment] if number == k else MUTED for segment in group["segment"]]
        ax.scatter(across, group["jaccard"], s=60 + 500 * group["share"], color=filled, edgecolor="white", zorder=3)
        for x, row in zip(across, group.itertuples()):
            ax.annotate(str(row.segment), (x, row.jaccard), ha="center", va="center", fontsize=8, zorder=4)
    for least, name in list(LIGHTS.items())[1:]:
        ax.axhline(least, color=MUTED, linestyle=":", linewidth=1)
        ax.annotate(
            name, (1, least), xycoords=("axes fraction", "data"), ha="right", va="bottom", fontsize=8, color=MUTED
        )
    ks = list(stability["k"].unique())
    ax.set(xlabel="segments k", ylabel="Jaccard index", xticks=range(len(ks)), xticklabels=ks)
    ax.set_ylim(min(0.5, stability["jaccard"].min() - 0.05), 1.03)
    lights = stability.loc[stability["k"] == k, "light"].value_counts()
    ax.set_title(f"Of the {k} segments: " + ", ".join(f"{count} {light}" for light, count in lights.items()))
    return ax


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
    """
    figure, axes = plt.subplots(2, 3, figsize=(11, 5.6), sharex=True)
    panels = [
        ("silhouette", "silhouette", None),
        ("calinski_harabasz", "Calinski–Harabasz", None),
        ("davies_bouldin", "Davies–Bouldin", None),
        ("gap", "gap", None),
        ("prediction_strength", "prediction strength", COMES_BACK),
        ("stability", "stability", COMES_BACK),
    ]
    for ax, (column, name, threshold) in zip(axes.ravel(), panels):
        _panel(ax, evidence, column, name, favourites[name], threshold, k)
    for ax in axes[-1]:
        ax.set(xlabel="segments k", xticks=evidence["k"])
    named = ", ".join(f"{name} {choice}" for name, choice in favourites.items())
    figure.suptitle(f"Each figure's favourite (●): {named}; chosen: {k}", x=0.01, ha="left")
    return figure


def _panel(
    ax: Axes, evidence: pd.DataFrame, column: str, name: str, favourite: int, threshold: float | None, k: int
) -> None:
    errors = evidence["gap_se"] if column == "gap" else None
    ax.errorbar(evidence["k"], evidence[column], yerr=errors, color=ACCENT, marker=".", linewidth=1.5, capsize=3)
    ax.axvline(k, color=MUTED, linestyle="--", linewidth=1)
    if threshold:
        ax.axhline(threshold, color=WARNING, linestyle=":", linewidth=1.5)
    at = evidence.loc[evidence["k"] == favourite, column]
    ax.plot([favourite] * len(at), at, "o", color=INK, markersize=8)
    better = " (lower is better)" if column == "davies_bouldin" else ""
    ax.set_title(f"{name}{better}", fontsize=10)
