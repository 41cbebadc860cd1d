"""Short rules that say in original units who is in a segment, if such rules exist."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.tree import DecisionTreeClassifier

from segnb.text import is_share, label, number, percent

LEAST_FIDELITY = 0.8
"""Below this cross-validated balanced accuracy no rule is shown."""

LEAST_COVERAGE = 0.05
"""A rule for a smaller share of its segment is left out."""

ROWS = 20_000
"""The tree is grown and judged on this many customers at most; its rules are counted on all."""

DEPTH = 4
"""A rule has this many conditions at most."""


@dataclass(frozen=True)
class Rules:
    """What a shallow tree can say about the segments.

    Attributes
    ----------
    table : DataFrame
        `segment`, `rule`, `precision` (share of the customers under the rule who are in the segment), `coverage`
        (share of the segment's customers under the rule, at least `LEAST_COVERAGE`), `customers`; empty below
        `LEAST_FIDELITY`.
    fidelity : float
        Cross-validated balanced accuracy of the tree, 0 to 1; NaN if a segment is too small to tell.
    """

    table: pd.DataFrame
    fidelity: float

    def sentence(self) -> str:
        """Return what the rules are worth, in words."""
        if np.isnan(self.fidelity):
            return "A segment has a single customer, so whether short rules describe the segments cannot be told."
        if self.table.empty:
            return f"No short rule describes the segments: {self._share()} right, fewer than {LEAST_FIDELITY:.0%}."
        return f"Short rules describe the segments: {self._share()} right."

    def _share(self) -> str:
        return f"on customers it has not seen, a tree of depth {DEPTH} gets {percent(self.fidelity)} of each segment"


def describe_by_rules(customers: pd.DataFrame, segments: pd.Series, *, min_cell: int = 10, seed: int = 0) -> Rules:
    """Return rules for the segments from a surrogate tree of depth 4, the best rule per segment first.

    Parameters
    ----------
    customers : DataFrame of shape (n_customers, n_features)
        The clustering columns in original units; missing values are filled with the median.
    segments : Series
        Segment of each customer, same index.
    min_cell : int, default 10
        Rules that tell of fewer customers are left out.

    >>> table = pd.DataFrame({"orders": [1.0, 2, 3, 8, 9, 10] * 5})
    >>> describe_by_rules(table, pd.Series([1, 1, 1, 2, 2, 2] * 5)).table["rule"].tolist()
    ['orders ≤ 5', 'orders ≥ 6']
    """
    values = customers.astype(float).fillna(customers.median())
    some = values if len(values) <= ROWS else values.sample(ROWS, random_state=seed)
    of_some = segments.loc[some.index]
    least = max(5, min_cell, len(some) // 200)
    tree = DecisionTreeClassifier(max_depth=DEPTH, min_samples_leaf=least, class_weight="balanced", random_state=seed)
    folds = min(5, int(of_some.value_counts().min()))
    empty = pd.DataFrame(columns=["segment", "rule", "precision", "coverage", "customers"])
    if folds < 2:
        return Rules(empty, float("nan"))
    splits = StratifiedKFold(folds, shuffle=True, random_state=seed)
    fidelity = float(cross_val_score(tree, some, of_some, cv=splits, scoring="balanced_accuracy").mean())
    if fidelity < LEAST_FIDELITY:
        return Rules(empty, fidelity)
    found = _leaves(tree.fit(some, of_some), values, segments)
    told = (found["precision"] * found["customers"] >= min_cell) & (found["coverage"] >= LEAST_COVERAGE)
    return Rules(found[told].reset_index(drop=True), fidelity)


def _leaves(tree: DecisionTreeClassifier, values: pd.DataFrame, segments: pd.Series) -> pd.DataFrame:
    leaf = pd.Series(
        tree.apply(values.to_numpy() if not hasattr(tree, "feature_names_in_") else values), index=segments.index
    )
    winners = pd.crosstab(leaf, segments).idxmax(axis=1).to_dict()
    counts = pd.crosstab(leaf.map(_merged(tree, winners)), segments)
    rows = []
    for node, row in counts.iterrows():
        segment = row.idxmax()
        rows.append(
            {
                "segment": segment,
                "rule": _words(_path(tree, node), values),
                "precision": row[segment] / row.sum(),
                "coverage": row[segment] / counts[segment].sum(),
                "customers": int(row.sum()),
            }
        )
    table = pd.DataFrame(rows).sort_values(["segment", "coverage"], ascending=[True, False], kind="stable")
    return table.reset_index(drop=True)


def _merged(tree: DecisionTreeClassifier, winners: Mapping[int, int]) -> dict[int, int]:
    """Return for each leaf the highest node below which all leaves have the same segment for winner."""
    inner, found = tree.tree_, {}

    def visit(node: int) -> list[int]:
        children = [child for child in (inner.children_left[node], inner.children_right[node]) if child >= 0]
        leaves = [leaf for child in children for leaf in visit(child)] or [node]
        if len({winners[leaf] for leaf in leaves if leaf in winners}) == 1:
            found.update(dict.fromkeys(leaves, node))
        return leaves

    visit(0)
    return found


def _path(tree: DecisionTreeClassifier, leaf: int) -> list[tuple[int, str, float]]:
    """Return the conditions from the root to a leaf: feature, direction, threshold."""
    inner = tree.tree_
    steps, node = [], leaf
    while node != 0:
        parent = int(np.flatnonzero((inner.children_left == node) | (inner.children_right == node))[0])
        sign = "≤" if inner.children_left[parent] == node else ">"
        steps.append((int(inner.feature[parent]), sign, float(inner.threshold[parent])))
        node = parent
    return steps[::-1]


def _words(path: list[tuple[int, str, float]], values: pd.DataFrame) -> str:
    """Return the conditions in words, the tightest of each feature and direction only."""
    tightest: dict[tuple[int, str], float] = {}
    for feature, sign, threshold in path:
        tighter = min if sign == "≤" else max
        tightest[feature, sign] = tighter(threshold, tightest.get((feature, sign), threshold))
    if not path:
        return "everybody"
    return " and ".join(
        f"{label(values.columns[feature])} {_condition(values.iloc[:, feature], sign, threshold)}"
        for (feature, sign), threshold in tightest.items()
    )


def _condition(values: pd.Series, sign: str, threshold: float) -> str:
    """Return a condition as a person would write it, true of just the same values.

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
