"""What may be shown on a page or written to an artifact: figures on too few customers are withheld."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_flow

from segnb.text import ENTRANTS, IS, LEAVERS, category_of

OTHER_LEVELS = "other levels"
"""What rare levels of a category are taken together as."""

_HARMLESS = {"k", "segment", "name", "customers", "share", "jaccard", "light"}
"""Columns on segments that say nothing of their customers but how many they are."""


@dataclass(frozen=True)
class Door:
    """The way out for tables, figures' inputs and cards; it withholds figures on too few customers.

    Attributes
    ----------
    min_cell : int, default 1
        Figures on fewer customers are withheld, and so are those from which they would follow. With 1, as in the lab,
        everything goes out as it is.
    sizes : mapping of int to int, default empty
        Number of customers of each segment of the run; a Series will do.
    page : bool, default False
        Whether it leads onto a page, where figures must stay light, or stays in a notebook.

    Examples
    --------
    >>> sizes = pd.DataFrame({"customers": [90, 20, 4], "value_share": [0.5, 0.3, 0.2]}, index=[1, 2, 3])
    >>> Door(10, sizes["customers"]).disclosed(sizes.rename_axis("segment"))["value_share"].tolist()
    [0.5, nan, nan]
    """

    min_cell: int = 1
    sizes: Mapping[int, int] = field(default_factory=dict)
    page: bool = False

    @property
    def counts(self) -> pd.Series:
        """The sizes as a Series, by segment."""
        return pd.Series(self.sizes, dtype=float).sort_index()

    @property
    def hidden(self) -> list[int]:
        """The segments whose figures must not be shown, because they or their complement are too small.

        If just one segment has fewer than `min_cell` customers, the totals less the others would give it away, so
        the next smallest is withheld as well.

        >>> Door(10, {1: 90, 2: 20, 3: 4}).hidden
        [2, 3]
        """
        ordered = self.counts.sort_values(kind="stable")
        small = int((ordered < self.min_cell).sum())
        return sorted(ordered.index[: 2 if small == 1 else small].tolist())

    def members(self, segments: pd.Series) -> pd.Series:
        """Return which rows belong to a segment whose figures may be shown.

        >>> Door(10, {1: 90, 2: 4, 3: 5}).members(pd.Series([1, 2, 1])).tolist()
        [True, False, True]
        """
        return ~segments.isin(self.hidden)

    def points(self, points: np.ndarray, size: int = 1) -> np.ndarray:
        """Return points for a figure: means of at least `min_cell` (and `size`) neighbours, see `neighbour_means`."""
        return neighbour_means(points, max(self.min_cell, size))

    def disclosed(self, table: pd.DataFrame) -> pd.DataFrame:
        """Return a table that is safe to show; its columns tell what it is about. A second time changes nothing.

        Parameters
        ----------
        table : DataFrame
            Whole, as one of the functions below returned it; columns may be left out. Any other table is returned as
            it is, for instance one with a row per customer.

        Returns
        -------
        DataFrame
            Without the figures on hidden segments, and further

            - `profiles`: levels of fewer than `min_cell` customers are taken together as "other levels", and shares
              of too few are missing, see `withheld_cells`;
            - `category_effects`: rows on such shares are left out, and so is `customers`;
            - `describe_by_rules`: rules on fewer than `min_cell` members of their segment are left out;
            - `outcome_rates`: rates in too few customers, and shares of too few of them, are missing;
            - `match_segments`: figures of pairs that share fewer than `min_cell` customers are missing;
            - `migration`, `value_moved`: figures on moves of too few are missing, see `withheld_cells`.

        >>> shared = pd.DataFrame({"previous": [1, 2], "current": [1, 2], "shared": [90, 4], "jaccard": [0.9, 0.1]})
        >>> Door(10).disclosed(shared.assign(overlap=1.0))["shared"].tolist()
        [90.0, nan]
        """
        if self.min_cell <= 1:
            return table
        if ENTRANTS in table.index and LEAVERS in table:
            return _safe_migration(table, self)
        make_safe = next((each for needed, each in _SAFE.items() if needed <= set(table)), _safe_segments)
        return make_safe(table, self)


_current: Callable[[], Door] = Door


def door() -> Door:
    """Return the door that tables and figures go out by; open until `use_door` sets another one."""
    return _current()


def use_door(current: Callable[[], Door]) -> None:
    """Set the door for all that goes out from here on.

    Parameters
    ----------
    current : callable
        Returns the door of the moment: the sizes of segments are known only when there are some.
    """
    global _current
    _current = current


def _safe_segments(table: pd.DataFrame, door: Door) -> pd.DataFrame:
    """Return a table with a row per segment without hidden figures; any other as it is."""
    segments = table["segment"] if "segment" in table else table.index.to_series()
    if table.index.name == "segment" and any(IS in str(name) for name in table):
        table = _safe_levels(table, door)
    if segments.name != "segment" or not segments.is_unique or door.members(segments).all():
        return table
    figures = table[table.columns.difference(_HARMLESS)]
    return table.assign(**figures.mask(~door.members(segments), axis=0))


def _safe_levels(table: pd.DataFrame, door: Door) -> pd.DataFrame:
    """Return a table of segments without the shares of a category's levels that too few customers have."""
    safe, names = table.copy(), pd.Series(table.columns, dtype=str)
    for _, block in names[names.str.contains(IS, regex=False)].groupby(names.map(category_of)):
        shares = table[list(block)]
        shares = shares if len(block) > 1 else shares.assign(others=1 - shares)
        counts = shares.mul(door.counts.reindex(shares.index), axis=0).round()
        hidden = withheld_cells(counts.to_numpy(), door.min_cell)[:, : len(block)]
        safe[list(block)] = table[list(block)].mask(hidden)
    return safe


def _safe_rows(table: pd.DataFrame, door: Door, shown: pd.Series | bool = True) -> pd.DataFrame:
    """Return the rows that may be shown, counted from 0 again if they were counted."""
    rows = table[door.members(table["segment"]) & shown]
    return rows.reset_index(drop=True) if isinstance(table.index, pd.RangeIndex) else rows


def _safe_rules(table: pd.DataFrame, door: Door) -> pd.DataFrame:
    return _safe_rows(table, door, table["precision"] * table["customers"] >= door.min_cell)


def _safe_profiles(table: pd.DataFrame, door: Door) -> pd.DataFrame:
    parts = [_safe_shares(part, door) for _, part in table.groupby("column", sort=False)]
    safe = pd.concat([table.head(0), *parts], ignore_index=True)
    figures = safe.columns.intersection(["mean", "median", "share", "lift"])
    safe.loc[~door.members(safe["segment"]), figures] = np.nan
    return safe


def _safe_shares(part: pd.DataFrame, door: Door) -> pd.DataFrame:
    """Return shares of a category's levels that are safe to show; numbers, and what is safe already, as they are."""
    if "share" not in part or part["share"].isna().any():
        return part
    shares = part.pivot(index="segment", columns="level", values="share")
    counts = _folded(shares.mul(door.counts[shares.index], axis=0).round(), door.min_cell)
    shown = counts.div(counts.sum(axis=1), axis=0).mask(withheld_cells(counts.to_numpy(), door.min_cell))
    safe = shown.stack(future_stack=True).rename("share").reset_index()
    safe = safe.assign(column=part["column"].iloc[0], role="descriptor")
    safe["overall"] = safe["level"].map(counts.sum() / counts.to_numpy().sum())
    return safe.assign(lift=safe["share"] / safe["overall"]).reindex(columns=part.columns)


def _safe_category_effects(table: pd.DataFrame, door: Door) -> pd.DataFrame:
    shown = pd.Series(True, index=table.index)
    for _, part in table.groupby("descriptor", sort=False) if "customers" in table else ():
        counts = _folded(part.pivot(index="segment", columns="level", values="customers"), door.min_cell)
        told = counts.mask(withheld_cells(counts.to_numpy(), door.min_cell)).stack()
        shown[part.index] = pd.MultiIndex.from_frame(part[["segment", "level"]]).isin(told.dropna().index)
    return _safe_rows(table, door, shown).drop(columns="customers", errors="ignore")


def _folded(counts: pd.DataFrame, min_cell: int) -> pd.DataFrame:
    """Return counts by segment and level, levels of too few taken together, if need be with a larger one."""
    totals = counts.sum()[::-1].sort_values(kind="stable")
    rare = totals.index[totals < min_cell]
    if len(rare) and totals[rare].sum() < min_cell:
        rare = totals.index[: len(rare) + 1]
    return counts.T.groupby(lambda level: OTHER_LEVELS if level in rare else level).sum().T


def _safe_months(table: pd.DataFrame, door: Door) -> pd.DataFrame:
    return table.astype(float).mask(table["customers"].between(1, door.min_cell - 1), axis=0)


def _safe_outcomes(table: pd.DataFrame, door: Door) -> pd.DataFrame:
    parts = [_safe_rates(part, door) for _, part in table.groupby("outcome", sort=False)]
    return pd.concat(parts) if parts else table


def _safe_rates(part: pd.DataFrame, door: Door) -> pd.DataFrame:
    """Return what an outcome came to in each segment, without rates of or in too few customers."""
    hidden = part["segment"].isin(Door(door.min_cell, part.set_index("segment")["customers"]).hidden).to_numpy()
    if IS in part["outcome"].iloc[0]:
        there = (part["rate"] * part["customers"]).round()
        hidden = hidden | withheld_cells(np.c_[there, part["customers"] - there], door.min_cell).any(axis=1)
    figures = ["rate", "low", "high", "p_holm"]
    return part.assign(**part[figures].mask(pd.Series(hidden, index=part.index), axis=0))


def _safe_matches(table: pd.DataFrame, door: Door) -> pd.DataFrame:
    figures = table[table.columns.intersection(["shared", "jaccard", "overlap"])].astype(float)
    return table.assign(**figures.mask(table["shared"].between(1, door.min_cell - 1), axis=0))


def _safe_migration(table: pd.DataFrame, door: Door) -> pd.DataFrame:
    return table.astype(float).mask(_withheld_moves(table, door.min_cell))


def _safe_moves(table: pd.DataFrame, door: Door) -> pd.DataFrame:
    counts = table.pivot(index="before", columns="after", values="customers").fillna(0)
    rows, columns = (sorted(side, key=lambda name: (isinstance(name, str), name)) for side in counts.axes)
    hidden = _withheld_moves(counts.loc[rows, columns], door.min_cell)
    hidden = hidden[pd.Index(rows).get_indexer(table["before"]), pd.Index(columns).get_indexer(table["after"])]
    figures = table.drop(columns=["before", "after"])
    return table.assign(**figures.mask(pd.Series(hidden, index=table.index), axis=0))


def _withheld_moves(counts: pd.DataFrame, min_cell: int) -> np.ndarray:
    """Return which moves are withheld; that nobody both comes and leaves is known and hides nothing."""
    nobody = np.outer(counts.index == ENTRANTS, counts.columns == LEAVERS)
    return withheld_cells(counts.astype(float).mask(nobody).to_numpy(), min_cell)


_SAFE = {
    frozenset({"segment", "column"}): _safe_profiles,
    frozenset({"segment", "descriptor", "level"}): _safe_category_effects,
    frozenset({"segment", "feature"}): _safe_rows,
    frozenset({"segment", "rule", "precision", "customers"}): _safe_rules,
    frozenset({"outcome", "segment", "rate"}): _safe_outcomes,
    frozenset({"previous", "current", "shared"}): _safe_matches,
    frozenset({"before", "after", "customers"}): _safe_moves,
    frozenset({"orders", "customers", "sum"}): _safe_months,
}


def withheld_cells(counts: np.ndarray, min_cell: int) -> np.ndarray:
    """Return which cells of a table of counts must not be shown, where its totals are known.

    Those of 1 to `min_cell` - 1 people; wherever just one cell of a row or column is withheld, so that the total less
    the others would give it away, the smallest other one that is not 0 as well; and further ones, at last even zeros,
    until each small cell could be larger than it is, so that nothing gives it away. How large it could be is a maximum
    flow through the withheld cells (network flows in cell suppression: Fischetti and Salazar, J. Am. Stat. Assoc. 95,
    2000). A small cell that is all of its row or column is known with the total. What is withheld need not be few, so
    that pages must not call it that.

    Parameters
    ----------
    counts : array of shape (n_rows, n_columns)
        Missing cells are taken to be known.
    min_cell : int
        Fewer people are too few, at least 1.

    Returns
    -------
    bool array of the same shape
        A table of one row or column has its own total for the only one.

    >>> withheld_cells(np.array([[40, 3], [20, 50]]), 10).tolist()
    [[True, True], [True, True]]
    >>> withheld_cells(np.array([[40, 0], [20, 50]]), 10).any()
    np.False_
    """
    counts = np.asarray(counts, dtype=float)
    hidden = small = (counts > 0) & (counts < min_cell)
    while True:
        more = _complements(counts, hidden) | _complements(counts.T, hidden.T).T
        if not more.any() and min(counts.shape) > 1:
            more = _protection(counts, hidden, small, min_cell)
        if not more.any():
            return hidden
        hidden = hidden | more


def _complements(counts: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """Return a further cell for every row that has just one hidden cell and another that is not 0."""
    open_counts = np.where(~hidden & (counts > 0), counts.astype(float), np.inf)
    lone = (hidden.sum(axis=1) == 1) & np.isfinite(open_counts).any(axis=1)
    more = np.zeros(counts.shape, dtype=bool)
    more[np.flatnonzero(lone), open_counts[lone].argmin(axis=1)] = True
    return more


def _protection(counts: np.ndarray, hidden: np.ndarray, small: np.ndarray, min_cell: int) -> np.ndarray:
    """Return a further cell for the first small one that could not be larger than it is, though its totals allow it."""
    goals = np.minimum(np.minimum(np.nansum(counts, axis=1)[:, None], np.nansum(counts, axis=0)), counts + 1)
    for cell in map(tuple, np.argwhere(small & (_at_least(counts, hidden) < goals))):
        if _at_most(counts, hidden, cell, min_cell) < goals[cell]:
            return _further_cell(counts, hidden, cell, goals[cell])
    return np.zeros(counts.shape, dtype=bool)


def _at_least(counts: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """Return a size that each hidden cell could have: its row exchanges a like part with each other row."""
    if len(counts) > counts.shape[1]:
        return _at_least(counts.T, hidden.T).T
    held, others = np.where(hidden, counts, 0), 1 - np.eye(len(counts))
    parts = ((held @ hidden.T)[:, :, None] - held[:, None]) * hidden / (len(counts) - 1)
    return held + np.einsum("ip,ipj->ij", others, np.minimum(parts, held))


def _at_most(counts: np.ndarray, hidden: np.ndarray, cell: tuple[int, int], enough: int) -> int:
    """Return how large a hidden cell could be in a table with the same totals; `enough` or more is not told apart."""
    rows, columns = np.nonzero(hidden)
    columns = columns + len(counts)
    flows = np.r_[np.minimum(counts[hidden], enough), np.full(len(rows), enough)].astype(np.int32)
    graph = csr_array((flows, (np.r_[rows, columns], np.r_[columns, rows])), shape=(sum(counts.shape),) * 2)
    return maximum_flow(graph, cell[0], cell[1] + len(counts)).flow_value


def _further_cell(counts: np.ndarray, hidden: np.ndarray, cell: tuple[int, int], goal: int) -> np.ndarray:
    """Return the smallest open cell of the row or column that is short, else of both, else of all; zeros come last."""
    held = np.where(hidden, counts, 0)
    row, column = np.arange(len(counts))[:, None] == cell[0], np.arange(counts.shape[1]) == cell[1]
    short = row & (held[cell[0]].sum() < goal) | column & (held[:, cell[1]].sum() < goal)
    idle = hidden | np.isnan(counts) | ~counts.any(axis=0) | ~counts.any(axis=1)[:, None]
    cost = np.where(counts > 0, counts, np.nanmax(counts) + 1)
    best = np.lexsort((cost.ravel(), np.select([idle, short, row | column], [3, 0, 1], 2).ravel()))[0]
    return (np.arange(counts.size) == best).reshape(counts.shape) & ~idle


def neighbour_means(points: np.ndarray, size: int) -> np.ndarray:
    """Return the means of groups of `size` to 2·`size` - 1 neighbouring points, so that none is shown alone.

    The points are halved at the median of the axis along which they spread more, and the halves again (a simple form
    of microaggregation: Domingo-Ferrer and Mateo-Sanz, IEEE Trans. Knowl. Data Eng. 14, 2002).

    Parameters
    ----------
    points : array of shape (n_points, 2)
    size : int
        Fewer points than that give no mean at all.

    Returns
    -------
    array of shape (n_groups, 2)

    >>> neighbour_means(np.array([[0.0, 0], [2, 0], [10, 0], [12, 0]]), 2).tolist()
    [[1.0, 0.0], [11.0, 0.0]]
    """
    if len(points) < max(size, 1):
        return np.empty((0, 2))
    if size == 1:
        return points
    if len(points) < 2 * size:
        return points.mean(axis=0, keepdims=True)
    order = points[:, np.ptp(points, axis=0).argmax()].argsort(kind="stable")
    return np.vstack([neighbour_means(half, size) for half in np.split(points[order], [len(points) // 2])])
