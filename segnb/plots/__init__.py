"""Figures from the steps' tables; the only part that imports matplotlib, seaborn and yellowbrick."""

from segnb.plots.choose_k import (
    clustergram,
    coming_back,
    elbow,
    evidence_overview,
    gap,
    segment_stability,
    silhouette,
)
from segnb.plots.cluster import intercluster_distance, pca_view, scatter
from segnb.plots.explore import one_k, one_segment
from segnb.plots.interpret import boxes, centre_heatmap, mosaic, sizes, snake
from segnb.plots.iterate import alluvial, change_bars, drift_bars, migration_matrix, replay_curves, timeline
from segnb.plots.prepare import distributions, rank2d

__all__ = [
    "alluvial",
    "boxes",
    "centre_heatmap",
    "change_bars",
    "clustergram",
    "coming_back",
    "distributions",
    "drift_bars",
    "elbow",
    "evidence_overview",
    "gap",
    "intercluster_distance",
    "migration_matrix",
    "mosaic",
    "one_k",
    "one_segment",
    "pca_view",
    "rank2d",
    "replay_curves",
    "scatter",
    "segment_stability",
    "silhouette",
    "sizes",
    "snake",
    "timeline",
]
