"""Each segment for itself: does it come back on other samples?"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from segnb.choose_k.frame import make_frame
from segnb.choose_k.resampling import bar, bootstrap_labels, quick_small_fits, segment_jaccards
from segnb.thresholds import LIGHTS


def segment_stability(
    X: pd.DataFrame | np.ndarray,
    labelings: Mapping[int, np.ndarray],
    *,
    n_boot: int = 50,
    sample_rows: int = 20000,
    seed: int = 0,
) -> pd.DataFrame:
    """Return how well bootstrap models find each segment again, with a traffic light.

    Parameters
    ----------
    X : array of shape (n_rows, n_features)
        The scaled matrix.
    labelings : mapping of int to array of shape (n_rows,)
        By k the segments of the rows, counted from 0.
    n_boot : int, default 50
        Bootstrap samples per k.
    sample_rows : int, default 20000
        At most this many rows are drawn from and judged.
    seed : int, default 0

    Returns
    -------
    DataFrame
        One row per k and segment: `k`, `segment` (counted from 1), `customers`, `share`, `jaccard` (0 to 1, the mean
        Jaccard index with the most similar segment of each bootstrap model, as `segment_jaccards` defines it) and
        `light` ("unstable" below 0.6, "doubtful", "stable" from 0.75, "highly stable" from 0.85).

    >>> X = np.repeat([[0.0], [9.0]], 20, axis=0) + np.random.default_rng(0).normal(size=(40, 1))
    >>> segment_stability(X, {2: np.repeat([0, 1], 20)}, n_boot=5)[["segment", "share", "jaccard", "light"]]
       segment  share  jaccard          light
    0        1    0.5      1.0  highly stable
    1        2    0.5      1.0  highly stable
    """
    frame = make_frame(X, sample_rows, seed)
    rows = []
    with quick_small_fits():
        for k, labels in bar(list(labelings.items()), desc="segments' stability"):
            judged, found = bootstrap_labels(frame.rows, k, n_boot, seed)
            jaccards = segment_jaccards(np.asarray(labels)[frame.positions][judged], found, k)
            sizes = np.bincount(labels, minlength=k)
            rows += [
                {"k": k, "segment": j + 1, "customers": sizes[j], "share": sizes[j] / len(labels), "jaccard": jaccard}
                for j, jaccard in enumerate(jaccards)
            ]
    return pd.DataFrame(rows).assign(light=lambda table: table["jaccard"].map(light))


def light(jaccard: float) -> str:
    """Return what a Jaccard index says of a segment.

    >>> light(0.8)
    'stable'
    """
    return LIGHTS[max(least for least in LIGHTS if jaccard >= least)]
