"""Figures from the steps' tables; yellowbrick's stand in the notebooks themselves."""

from segnb.plots.choose_k import clustergram, evidence_overview, valley
from segnb.plots.iterate import alluvial, change_bars, drift_bars, predictive_gain
from segnb.plots.segments import centre_heatmap, distributions, portraits, scatter, segment_map, sizes
