"""Intervals that say how far a figure would vary with other customers."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

BOOT_ROWS = 2500
"""A bootstrap sample has this many customers at most."""

Z = 1.959964
"""Standard errors to either side that hold 95 % of a normal distribution."""


def intervals(figure: Callable[[np.ndarray], np.ndarray], n_rows: int, n_boot: int, seed: int) -> np.ndarray:
    """Return a figure of all rows, and the ends of its 95 % interval.

    The figure plus and minus 1.96 standard errors, those from bootstrap samples (Efron and Tibshirani, An
    Introduction to the Bootstrap, 1993). With many rows the samples are smaller than the table, and the standard
    error shrinks by the root of the ratio.

    Parameters
    ----------
    figure : callable
        From positions of rows to an array.
    n_rows : int
    n_boot : int
        Bootstrap samples, at least 2.
    seed : int

    Returns
    -------
    array of shape (3, …)
        The figure, the lower and the upper end; ends are missing where no two samples have the figure.

    >>> values = np.random.default_rng(0).normal(5, size=400)
    >>> intervals(lambda rows: values[rows].mean(), 400, 200, seed=0).round(1)
    array([5. , 4.9, 5.1])
    """
    rng, drawn = np.random.default_rng(seed), min(n_rows, BOOT_ROWS)
    found = np.array([figure(rng.integers(n_rows, size=drawn)) for _ in range(n_boot)], dtype=float)
    found[~np.isfinite(found)] = np.nan
    known = np.isfinite(found).sum(axis=0)
    centred = found - np.where(known, np.nansum(found, axis=0) / np.maximum(known, 1), np.nan)
    variance = np.where(known > 1, np.nansum(centred**2, axis=0) / np.maximum(known - 1, 1), np.nan)
    whole = np.asarray(figure(np.arange(n_rows)), dtype=float)
    half = Z * np.sqrt(variance * drawn / n_rows)
    return np.array([whole, whole - half, whole + half])


def interval_table(found: np.ndarray, figures: Sequence[str], index: pd.MultiIndex) -> pd.DataFrame:
    """Return what `intervals` found of several figures as columns: each figure, its `…_low` and its `…_high`.

    Parameters
    ----------
    found : array of shape (3, n_figures, …)
    figures : sequence of str
        Names of the figures.
    index : MultiIndex
        What the rest of the array's axes stand for, row by row.

    >>> index = pd.MultiIndex.from_product([[1, 2]], names=["segment"])
    >>> interval_table(np.arange(6.0).reshape(3, 1, 2), ["d"], index).to_numpy().tolist()
    [[1.0, 0.0, 2.0, 4.0], [2.0, 1.0, 3.0, 5.0]]
    """
    names = [f"{figure}{ending}" for figure in figures for ending in ("", "_low", "_high")]
    columns = np.moveaxis(found, 1, 0).reshape(len(names), -1)
    return pd.DataFrame(columns.T, index=index, columns=names).reset_index()
