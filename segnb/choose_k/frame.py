"""The rows that the evidence is computed on, in a frame that no order of rows or columns changes."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from segnb.errors import DataError

MOST_COLUMNS = 2000
"""Beyond this the distances of customers hardly differ, and the principal axes alone take minutes."""

BLOCK_ROWS = 2**16
"""Rows of a large matrix that are looked at together."""

FLAT = 1e-13
"""An axis with less than this share of the widest one's sum of squares is none."""

ROUNDED = 9
"""Digits to which coordinates are the same when rows are put in order."""


@dataclass(frozen=True)
class Frame:
    """Rows in the axes of the matrix's principal components.

    Turning the axes changes no distance, and so no figure; but along these axes the rows have the same order however
    the matrix's rows or columns were ordered, shifted or scaled together, and so is every random draw the same.

    Attributes
    ----------
    rows : array of shape (n_rows, n_axes)
        float64, in the order along the axes; a seeded sample where the matrix has more rows than wished for.
    positions : array of shape (n_rows,)
        Where the rows stand in the matrix.
    centre : array of shape (n_columns,)
    axes : array of shape (n_columns, n_axes)
        One axis a column, widest first; axes in which all rows are the same are left out.
    """

    rows: np.ndarray
    positions: np.ndarray
    centre: np.ndarray
    axes: np.ndarray

    def turned_back(self, points: np.ndarray) -> np.ndarray:
        """Return points of the frame, for instance centres, relative to `centre` in the matrix's own axes."""
        return points @ self.axes.T


def make_frame(X: pd.DataFrame | np.ndarray, most_rows: int, seed: int) -> Frame:
    """Return the rows of `X`, or a seeded sample of `most_rows` of them, in its principal axes.

    >>> make_frame(np.array([[3.0, 0], [0, 0], [1, 0]]), 10, seed=0).rows[:, 0].round(2)
    array([-1.33, -0.33,  1.67])
    """
    X = np.asarray(X)
    centre = sum(block.sum(axis=0, dtype=float) for block in blocks(X)) / len(X)
    spread = sum(block.T @ block for block in (block - centre for block in blocks(X)))
    axes = _axes(spread)
    some = _some(X, centre, axes[:, 0], most_rows, seed)
    rows = (X[some] - centre) @ axes
    signs = np.where((rows**3).sum(axis=0) < 0, -1.0, 1.0)
    rows *= signs
    coarse = (rows / (np.abs(rows).max() or 1)).round(ROUNDED)
    order = np.lexsort(coarse.T[::-1])
    return Frame(rows[order], some[order], centre, axes * signs)


def evidence_rows(X: pd.DataFrame, sample_rows: int = 20_000, seed: int = 0) -> pd.DataFrame:
    """Return the rows of `X` that `evidence` looks at with the same arguments, in the order of `X`.

    >>> len(evidence_rows(pd.DataFrame({"a": [3.0, 0, 1, 7]}), sample_rows=3))
    3
    """
    return X if len(X) <= sample_rows else X.iloc[np.sort(make_frame(X, sample_rows, seed).positions)]


def _axes(spread: np.ndarray) -> np.ndarray:
    """Return the principal axes of which the rows differ, the widest first; a constant column adds none."""
    widths, axes = np.linalg.eigh(spread)
    some = np.flatnonzero(widths > FLAT * widths[-1])[::-1]
    return axes[:, some if len(some) else [-1]]


def _some(X: np.ndarray, centre: np.ndarray, axis: np.ndarray, most_rows: int, seed: int) -> np.ndarray:
    """Return the positions of all rows, or of a sample that is drawn along an axis and not along their order."""
    if len(X) <= most_rows:
        return np.arange(len(X))
    along = np.concatenate([(block - centre) @ axis for block in blocks(X)])
    order = np.argsort(along if (along**3).sum() >= 0 else -along, kind="stable")
    return order[np.random.default_rng(seed).choice(len(X), most_rows, replace=False)]


def blocks(X: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the rows of a matrix block by block, as float64."""
    for start in range(0, len(X), BLOCK_ROWS):
        yield np.asarray(X[start : start + BLOCK_ROWS], dtype=float)


def check_matrix(X: pd.DataFrame | np.ndarray, most_rows: int, k_min: int, k_max: int) -> None:
    """Check before anything is fitted that every k can be tried on `X`.

    Raises
    ------
    DataError
        Naming the value and the remedy.
    """
    if isinstance(X, pd.DataFrame) and len(X.columns) > len(X.select_dtypes(["number", "bool"]).columns):
        words = sorted(set(map(str, X)) - set(map(str, X.select_dtypes(["number", "bool"]))))
        raise DataError(f"the feature matrix has columns that are no numbers: {', '.join(words)}; encode or drop them")
    values = np.asarray(X)
    if values.ndim != 2 or not values.size:
        raise DataError(f"the feature matrix has shape {values.shape}; needs rows and columns")
    if values.shape[1] > MOST_COLUMNS:
        raise DataError(
            f"the feature matrix has {values.shape[1]:,} columns, at most {MOST_COLUMNS:,} make sense for distances; "
            "choose features, or reduce them to principal components first"
        )
    if not all(np.isfinite(block).all() for block in blocks(values)):
        raise DataError("the feature matrix has missing or infinite values; fill or drop them in step 1 (missing=…)")
    if not 2 <= k_min <= k_max:
        raise DataError(f"k_min={k_min} and k_max={k_max}: needs 2 ≤ k_min ≤ k_max")
    if k_max >= min(len(values), most_rows):
        raise DataError(
            f"k={k_max} is not less than the {min(len(values), most_rows)} customers that the evidence may use; "
            "lower k and k_max, keep more rows or raise sample_rows"
        )


def check_distinct(rows: np.ndarray, k_max: int) -> None:
    """Check that there are as many different rows as segments.

    Raises
    ------
    DataError
    """
    distinct = len(np.unique(rows, axis=0))
    if distinct < k_max:
        raise DataError(f"k={k_max} is more than the {distinct} distinct customers; lower k and k_max")
