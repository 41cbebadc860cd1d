"""What the segments are like in original units: their sizes, profiles, and short rules that say who is in them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.tree import DecisionTreeClassifier

from segnb.errors import DataError
from segnb.tables import as_labels, as_levels, as_table, dummies, is_number
from segnb.text import IS, category_of, is_share, label, number, prose

_COLUMNS = ["segment", "column", "role", "level", "mean", "median", "share", "overall", "overall_median", "lift"]


def segment_sizes(customers: pd.DataFrame, segments: ArrayLike, value: str = "") -> pd.DataFrame:
    """Return the size of each segment.

    Parameters
    ----------
    customers : DataFrame
        One row per customer, original units.
    segments : Series or array of shape (n_customers,)
        Segment of each customer, numbers or texts; a Series has the table's index.
    value : str, optional
        The column whose total is shared out, for instance "spend".

    Returns
    -------
    DataFrame
        Index `segment`; `customers`, `share` and with `value` also `value_share`, each share of 1.

    >>> segment_sizes(pd.DataFrame({"spend": [1.0, 1, 2]}), pd.Series([1, 1, 2]), "spend")["value_share"].tolist()
    [0.5, 0.5]
    """
    segments = as_labels(segments, customers.index)
    counts = segments.value_counts().sort_index().rename_axis("segment")
    table = pd.DataFrame({"customers": counts, "share": counts / len(segments)})
    if value:
        total = customers[value].sum()
        table["value_share"] = customers[value].groupby(segments).sum() / (total if total else np.nan)
    return table


def value_column(customers: pd.DataFrame, wanted: str) -> str:
    """Return `wanted`, or "" for the default where a table has no such column.

    Parameters
    ----------
    customers : DataFrame of shape (n_customers, n_columns)
    wanted : str
        The parameter `value`; "" for none.

    Raises
    ------
    DataError
        If a column other than the default is wanted and isn't there or isn't a number.

    >>> value_column(pd.DataFrame({"age": [30]}), "spend")
    ''
    """
    if wanted in customers and pd.api.types.is_numeric_dtype(customers[wanted]):
        return wanted
    if wanted in ("", "spend"):
        return ""
    numeric = ", ".join(customers.select_dtypes("number"))
    raise DataError(f"value={wanted!r} is not a numeric column; use one of {numeric}")


def profiles(customers: pd.DataFrame | np.ndarray, segments: ArrayLike, features: Sequence[str] = ()) -> pd.DataFrame:
    """Return what each segment is like, in original units.

    Parameters
    ----------
    customers : DataFrame or array of shape (n_customers, n_columns)
        In original units; every column is profiled, numbers by mean and median, categories by shares. An array's
        columns are called x0, x1, ….
    segments : Series or array of shape (n_customers,)
        Segment of each customer, numbers or texts; a Series has the table's index.
    features : sequence of str, default none
        The columns that made the segments; the others are marked as descriptors.

    Returns
    -------
    DataFrame
        One row per segment, column and level (of a category), features first: `segment`, `column`, `role` (feature or
        descriptor), `level`, `mean`, `median` (of numbers), `share` (of a level), `overall` (mean or share over
        all customers), `overall_median` and `lift` (mean or share over the overall one).

    >>> table = pd.DataFrame({"age": [20.0, 40], "city": ["a", "b"]})
    >>> profiles(table, pd.Series([1, 2]), ["age"])["lift"].round(2).tolist()
    [0.67, 1.33, 2.0, 0.0, 0.0, 2.0]
    """
    customers, features = as_table(customers), set(features)
    segments = as_labels(segments, customers.index)
    names = sorted(customers, key=lambda name: name not in features)
    return pd.concat([_profile(customers[name], segments, name in features) for name in names], ignore_index=True)


def centre_scores(customers: pd.DataFrame, segments: ArrayLike, columns: Sequence[str]) -> pd.DataFrame:
    """Return each segment's mean in standard deviations above the mean of all customers, segments by columns.

    Parameters
    ----------
    customers : DataFrame of shape (n_customers, n_columns)
    segments : Series or array of shape (n_customers,)
        Segment of each customer; a Series has the table's index.
    columns : sequence of str
        Columns with numbers.

    >>> centre_scores(pd.DataFrame({"age": [20.0, 40]}), [1, 2], ["age"])["age"].tolist()
    [-1.0, 1.0]
    """
    values = customers[list(columns)].astype(float)
    spread = values.std(ddof=0).replace(0, np.nan)
    means = values.groupby(as_labels(segments, customers.index)).mean()
    return ((means - values.mean()) / spread).rename_axis("segment")


def _profile(column: pd.Series, segments: pd.Series, is_feature: bool) -> pd.DataFrame:
    counted = is_number(column) or (is_feature and pd.api.types.is_bool_dtype(column))
    table = _numbers(column, segments) if counted else _shares(column, segments)
    own = table["mean" if counted else "share"]
    table["lift"] = own / table["overall"].where(table["overall"] != 0)
    return table.assign(column=column.name, role="feature" if is_feature else "descriptor").reindex(columns=_COLUMNS)


def _numbers(column: pd.Series, segments: pd.Series) -> pd.DataFrame:
    values = column.astype(float)
    table = values.groupby(segments).agg(["mean", "median"]).rename_axis("segment").reset_index()
    return table.assign(level="", overall=values.mean(), overall_median=values.median())


def _shares(column: pd.Series, segments: pd.Series) -> pd.DataFrame:
    counts = pd.crosstab(segments, as_levels(column)).rename_axis(index="segment", columns="level")
    shares = counts.div(counts.sum(axis=1), axis=0)
    table = shares.stack(future_stack=True).rename("share").reset_index()
    return table.assign(overall=table["level"].map(counts.sum() / len(column)))


_WORDS = prose(__file__)

_LEAST_FIDELITY = 0.8
"""Below this cross-validated balanced accuracy no rule is shown."""

_LEAST_LEAF = 10
"""A leaf of the tree has at least this many customers: what a few have in common is chance."""

_LEAST_COVERAGE = 0.05
"""A rule for a smaller share of its segment is left out."""

ROWS = 20_000
"""The tree is grown and judged on this many customers at most; its rules are counted on all."""

_DEPTH = 4
"""A rule has this many conditions at most."""

COLUMNS = ["segment", "rule", "precision", "coverage", "customers"]

_Condition = tuple[str, str, float]
"""Name of a feature, direction (≤ or >) and threshold."""

_Region = tuple[list[int], list[_Condition]]
"""Leaves of the tree, and the conditions that lead to them."""


@dataclass(frozen=True)
class Rules:
    """What a shallow tree can say about the segments.

    Attributes
    ----------
    table : DataFrame
        `segment`, `rule`, `precision` (share of the customers under the rule who are in the segment), `coverage`
        (share of the segment's customers under the rule, at least `_LEAST_COVERAGE`), `customers`; empty below
        `_LEAST_FIDELITY`.
    fidelity : float
        Cross-validated balanced accuracy of the tree, 0 to 1; NaN if a segment is too small to tell.
    tree : DecisionTreeClassifier or None
        The tree itself, on the columns of `segnb.tables.dummies`; None below `_LEAST_FIDELITY`.

    Examples
    --------
    >>> describe_by_rules(pd.DataFrame({"orders": [1.0, 2, 3, 8, 9, 10] * 5}), [1, 1, 1, 2, 2, 2] * 5).fidelity
    1.0
    """

    table: pd.DataFrame
    fidelity: float
    tree: DecisionTreeClassifier | None = None

    def sentence(self) -> str:
        """Return what the rules are worth, in words."""
        return _WORDS.rules(self.fidelity, _LEAST_FIDELITY, _DEPTH, not self.table.empty).strip()


def describe_by_rules(customers: pd.DataFrame | np.ndarray, segments: ArrayLike, *, seed: int = 0) -> Rules:
    """Return rules for the segments from a surrogate tree of depth 4, the best rule per segment first.

    Parameters
    ----------
    customers : DataFrame or array of shape (n_customers, n_features)
        The clustering columns in original units; missing numbers are filled with the median, a missing category is a
        level. An array's columns are called x0, x1, ….
    segments : Series or array of shape (n_customers,)
        Segment of each customer, numbers or texts; a Series has the table's index.
    seed : int, default 0
        For the folds, and the sample of large tables.

    >>> table = pd.DataFrame({"orders": [1.0, 2, 3, 8, 9, 10] * 5})
    >>> describe_by_rules(table, pd.Series([1, 1, 1, 2, 2, 2] * 5)).table["rule"].tolist()
    ['orders ≤ 5', 'orders ≥ 6']
    """
    values = dummies(as_table(customers)).rename(columns=str)
    values, segments = values.fillna(values.median()), as_labels(segments, values.index)
    some = values if len(values) <= ROWS else values.sample(ROWS, random_state=seed)
    of_some = segments.loc[some.index]
    least, folds = max(_LEAST_LEAF, len(some) // 200), min(5, int(of_some.value_counts().min()))
    tree = DecisionTreeClassifier(max_depth=_DEPTH, min_samples_leaf=least, class_weight="balanced", random_state=seed)
    found, fidelity = pd.DataFrame(columns=COLUMNS), float("nan")
    if folds >= 2:
        splits = StratifiedKFold(folds, shuffle=True, random_state=seed)
        fidelity = float(cross_val_score(tree, some, of_some, cv=splits, scoring="balanced_accuracy").mean())
    if fidelity >= _LEAST_FIDELITY:
        found = _rules(tree.fit(some, of_some), values, segments)
    told = found[found["coverage"] >= _LEAST_COVERAGE].reset_index(drop=True)
    return Rules(told, fidelity, tree if fidelity >= _LEAST_FIDELITY else None)


def _rules(tree: DecisionTreeClassifier, values: pd.DataFrame, segments: pd.Series) -> pd.DataFrame:
    leaves = pd.Series(tree.apply(values), index=segments.index)
    regions = _regions(tree, list(values), pd.crosstab(leaves, segments).idxmax(axis=1).to_dict())
    region_of = {leaf: number for number, (inside, _) in enumerate(regions) for leaf in inside}
    counts = pd.crosstab(leaves.map(region_of), segments)
    best, most, customers = counts.idxmax(axis=1), counts.max(axis=1), counts.sum(axis=1)
    rules = [_words(regions[number][1], values) for number in counts.index]
    found = [best, rules, most / customers, most / best.map(counts.sum()), customers]
    table = pd.DataFrame(dict(zip(COLUMNS, found)))
    return table.sort_values(["segment", "coverage"], ascending=[True, False], kind="stable", ignore_index=True)


def _regions(tree: DecisionTreeClassifier, names: list[str], winners: Mapping[int, object]) -> list[_Region]:
    """Return the largest parts of the tree in whose leaves the same segment is the most frequent."""
    inner = tree.tree_

    def visit(node: int, path: list[_Condition]) -> list[_Region]:
        if inner.children_left[node] < 0:
            return [([node], path)]
        feature, threshold = names[inner.feature[node]], float(inner.threshold[node])
        parts = visit(inner.children_left[node], [*path, (feature, "≤", threshold)])
        parts += visit(inner.children_right[node], [*path, (feature, ">", threshold)])
        leaves = [leaf for inside, _ in parts for leaf in inside]
        return [(leaves, path)] if len({winners[leaf] for leaf in leaves}) == 1 else parts

    return visit(0, [])


def _words(path: list[_Condition], values: pd.DataFrame) -> str:
    """Return the conditions in words, the tightest of each feature and direction only."""
    tightest = {(feature, sign): threshold for feature, sign, threshold in path}  # the deeper, the tighter
    levels = {category_of(feature) for feature, sign in tightest if sign == ">" and IS in feature}
    conditions = [
        _of_level(feature, sign) or f"{label(feature)} {_condition(values[feature], sign, threshold)}"
        for (feature, sign), threshold in tightest.items()
        if sign == ">" or category_of(feature) not in levels  # which level it is says which it is not
    ]
    return " and ".join(conditions) or "everybody"


def _of_level(column: str, sign: str) -> str:
    """Return a condition on a level of a category, "" for a column of numbers."""
    name, _, level = column.partition(IS)
    return level and f"{label(name)} is {'not ' if sign == '≤' else ''}{level}"


def _condition(values: pd.Series, sign: str, threshold: float) -> str:
    """Return a condition as a person would write it, true for exactly the same values.

    Whole numbers get the last one inside; others the threshold with as few digits as keep every value on its side,
    shares in percent.

    >>> _condition(pd.Series([1.0, 2.0, 7.0]), ">", 4.5), _condition(pd.Series([0.5, 0.9]), "≤", 0.7000001)
    ('≥ 5', '≤ 0.7')
    """
    if (values % 1 == 0).all():
        return f"≤ {number(math.floor(threshold))}" if sign == "≤" else f"≥ {number(math.floor(threshold) + 1)}"
    below = values <= threshold
    for digits in range(2, 17):
        rounded = float(f"{threshold:.{digits}g}")
        if ((values <= rounded) == below).all():
            break
    share = is_share(values.name) and 0 <= rounded <= 1
    return f"{sign} {number(100 * rounded, digits)}%" if share else f"{sign} {number(rounded, digits)}"
