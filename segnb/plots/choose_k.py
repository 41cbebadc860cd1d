"""Figures of step 2: the evidence on the number of segments."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.cluster import KMeans

from segnb.colours import segment_colours
from segnb.plots.style import ACCENT, INK, MUTED, WARNING, new_axes, styled
from segnb.plots.yellow import KElbowVisualizer, SilhouetteVisualizer


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
    ax.axvline(k, color=WARNING, linestyle="--", linewidth=1.5, label=f"chosen: k = {k}")
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
        ("prediction_strength", "prediction strength", 0.8),
        ("stability", "stability", 0.8),
    ]
    for ax, (column, name, threshold) in zip(axes.ravel(), panels):
        _panel(ax, evidence, column, name, favourites[name], threshold, k)
    for ax in axes[-1]:
        ax.set(xlabel="segments k", xticks=evidence["k"])
    named = ", ".join(f"{name} {choice}" for name, choice in favourites.items())
    figure.suptitle(f"Each figure's favourite (●): {named}; chosen: {k}", x=0.01, ha="left", fontsize=10)
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
    ax.plot([favourite], at, "o", color=INK, markersize=8)
    better = " (lower is better)" if column == "davies_bouldin" else ""
    ax.set_title(f"{name}{better}", fontsize=10)
