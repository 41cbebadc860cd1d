"""Panels for JupyterLab: a slider or a choice redraws a figure at once; in a report its still picture stands there."""

import os
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from segnb import plots
from segnb.notebook.show import Picture
from segnb.paths import STAGE
from segnb.text import label, number, percent


class Panel:
    """Controls above a figure that follows them.

    Parameters
    ----------
    controls : mapping of str to ipywidgets.Widget
        By the name under which `draw` takes their values.
    draw : callable
        Returns the figure for the controls' values.
    words : callable
        Returns the sentence for them, which stands beneath and is the figure's text for those who cannot see it.
    """

    def __init__(self, controls: Mapping[str, Any], draw: Callable[..., Figure], words: Callable[..., str]):
        self.controls = dict(controls)
        self.words = words
        self._picture = lru_cache(maxsize=64)(lambda **chosen: Picture(draw(**chosen), words(**chosen)))
        self._widget = None

    @property
    def picture(self) -> Picture:
        """The figure for the present values."""
        return self._picture(**{name: control.value for name, control in self.controls.items()})

    @property
    def widget(self):
        """The controls, the figure and the sentence, one beneath the other."""
        if self._widget is None:
            import ipywidgets

            first = self.picture
            image = ipywidgets.Image(value=first.png, format="png", width=first.width)
            sentence = ipywidgets.Label(value=first.alt)

            def follow(_change: object) -> None:
                image.value, sentence.value = self.picture.png, self.picture.alt

            for control in self.controls.values():
                control.observe(follow, names="value")
            self._widget = ipywidgets.VBox([ipywidgets.HBox(list(self.controls.values())), image, sentence])
        return self._widget

    def __repr__(self) -> str:
        return f"Panel: {self.picture.alt}"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> tuple[dict, dict]:
        data, metadata = self.picture._repr_mimebundle_()
        return (data if STAGE in os.environ else data | self.widget._repr_mimebundle_()), metadata


def explore_k(
    evidence: pd.DataFrame, rows: pd.DataFrame, labelings: Mapping[int, np.ndarray], k: int, min_cell: int = 10
) -> Panel:
    """Return a panel with a slider for k and two features to look along.

    Parameters
    ----------
    evidence : DataFrame
        As returned by `segnb.choose_k.evidence`.
    rows : DataFrame of shape (n_customers, n_features)
        The scaled matrix, or a sample of it.
    labelings : mapping of int to array of shape (n_customers,)
        For each k the segment of each row, from 0.
    k : int
        Where the slider begins.
    min_cell : int, default 10
        A dot is the mean of at least this many neighbours.

    >>> X = pd.DataFrame({"a": [0.0, 1, 8, 9], "b": [1.0, 0, 9, 8]})
    >>> table = pd.DataFrame({"k": [2], "prediction_strength": [1.0], "silhouette": [0.9]})
    >>> explore_k(table, X, {2: np.array([0, 0, 1, 1])}, 2, min_cell=1)
    Panel: k = 2: the segments hold 50% and 50% of the customers; prediction strength 1, silhouette 0.9.
    """
    import ipywidgets

    spread = rows.groupby(labelings[k]).mean().var().sort_values(ascending=False, kind="stable").index
    names = [(label(name), name) for name in rows]
    wide = {"style": {"description_width": "initial"}}
    controls = {
        "k": ipywidgets.SelectionSlider(options=sorted(labelings), value=k, description="segments k", **wide),
        "x": ipywidgets.Dropdown(options=names, value=spread[0], description="across", **wide),
        "y": ipywidgets.Dropdown(options=names, value=spread[min(1, len(spread) - 1)], description="up", **wide),
    }
    figures = evidence.set_index("k")

    def segments(k: int) -> pd.Series:
        return pd.Series(labelings[k] + 1, index=rows.index)

    def draw(k: int, x: str, y: str) -> Figure:
        return plots.one_k(evidence, rows, segments(k), x, y, min_cell)

    def words(k: int, x: str, y: str) -> str:
        shares = [percent(share) for share in segments(k).value_counts(normalize=True).sort_index()]
        held, at = f"{', '.join(shares[:-1])} and {shares[-1]}", figures.loc[k]
        return (
            f"k = {k}: the segments hold {held} of the customers; prediction strength "
            f"{number(at['prediction_strength'], 2)}, silhouette {number(at['silhouette'], 2)}."
        )

    return Panel(controls, draw, words)


def look_into(
    customers: pd.DataFrame, scores: pd.DataFrame, segments: pd.Series, names: Mapping[int, str], min_cell: int = 10
) -> Panel:
    """Return a panel that looks into one segment, and closely at one column of it.

    Parameters
    ----------
    customers : DataFrame
        In original units.
    scores : DataFrame
        Segments by features, as returned by `segnb.interpret.centre_scores`; the segments that may be looked into.
    segments : Series
        Segment of each customer, same index.
    names : mapping of int to str
        What the segments are called.
    min_cell : int, default 10
        Bars of fewer members are left out.
    """
    import ipywidgets

    called = [(f"{segment} · {names.get(segment, '')}", segment) for segment in scores.index]
    strongest = scores.iloc[0].abs().idxmax()
    wide = {"style": {"description_width": "initial"}}
    controls = {
        "segment": ipywidgets.Dropdown(options=called, description="segment", **wide),
        "column": ipywidgets.Dropdown(
            options=[(label(name), name) for name in scores], value=strongest, description="closely", **wide
        ),
    }

    def draw(segment: int, column: str) -> Figure:
        return plots.one_segment(customers, scores.loc[segment], segments == segment, column, min_cell)

    def words(segment: int, column: str) -> str:
        own, all_of_them = customers.loc[segments == segment, column].median(), customers[column].median()
        return (
            f"Segment {segment}, {int((segments == segment).sum()):,} customers: the median of {label(column)} is "
            f"{number(own)}, that of all customers {number(all_of_them)}."
        )

    return Panel(controls, draw, words)
