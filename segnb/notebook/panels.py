"""Panels for JupyterLab: a slider or a choice redraws a figure at once; a report leaves them out."""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, lru_cache
from typing import Any

import ipywidgets
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from segnb import plots
from segnb.notebook.show import Picture
from segnb.text import label, listed, number, percent


class Panel:
    """Controls above a figure that follows them.

    Parameters
    ----------
    controls : mapping of str to ipywidgets.Widget
        By the name under which `draw` takes their values.
    draw : callable
        Returns the figure for the controls' values.
    words : callable
        Returns the sentence for them, which stands below and is the figure's text for those who can't see it.
    """

    def __init__(self, controls: Mapping[str, Any], draw: Callable[..., Figure], words: Callable[..., str]):
        self.controls = dict(controls)
        self._picture = lru_cache(maxsize=64)(lambda **chosen: Picture(draw(**chosen), words(**chosen)))

    @property
    def picture(self) -> Picture:
        """The figure for the present values."""
        return self._picture(**{name: control.value for name, control in self.controls.items()})

    @cached_property
    def widget(self) -> ipywidgets.VBox:
        """The controls, the figure and the sentence, one below the other."""
        first = self.picture
        image = ipywidgets.Image(value=first.png, format="png", width=first.width)
        sentence = ipywidgets.Label(value=first.alt)

        def follow(_change: object) -> None:
            image.value, sentence.value = self.picture.png, self.picture.alt

        for control in self.controls.values():
            control.observe(follow, names="value")
        return ipywidgets.VBox([ipywidgets.HBox(list(self.controls.values())), image, sentence])

    def __repr__(self) -> str:
        return f"Panel: {self.picture.alt}"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> tuple[dict, dict]:
        data, metadata = self.picture._repr_mimebundle_()
        return data | self.widget._repr_mimebundle_(), metadata


def explore_k(evidence: pd.DataFrame, rows: pd.DataFrame, labelings: Mapping[int, np.ndarray], k: int) -> Panel:
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

    >>> X = pd.DataFrame({"a": [0.0, 1, 8, 9], "b": [1.0, 0, 9, 8]})
    >>> table = pd.DataFrame({"k": [2], "prediction_strength": [1.0], "silhouette": [0.9]})
    >>> explore_k(table, X, {2: np.array([0, 0, 1, 1])}, 2)
    Panel: k = 2: the segments hold 50% and 50% of the customers; prediction strength 1, silhouette 0.9.
    """
    spread = rows.groupby(labelings[k]).mean().var().sort_values(ascending=False, kind="stable").index
    controls = {
        "k": _control(ipywidgets.SelectionSlider, "segments k", sorted(labelings), k),
        "x": _control(ipywidgets.Dropdown, "across", _labelled(rows), spread[0]),
        "y": _control(ipywidgets.Dropdown, "up", _labelled(rows), spread[min(1, len(spread) - 1)]),
    }
    figures = evidence.set_index("k")

    def segments(k: int) -> pd.Series:
        return pd.Series(labelings[k] + 1, index=rows.index)

    def draw(k: int, x: str, y: str) -> Figure:
        return plots.one_k(evidence, rows, segments(k), x, y)

    def words(k: int, x: str, y: str) -> str:
        shares = [percent(share) for share in segments(k).value_counts(normalize=True).sort_index()]
        at = figures.loc[k]
        return (
            f"k = {k}: the segments hold {listed(shares)} of the customers; prediction strength "
            f"{number(at['prediction_strength'], 2)}, silhouette {number(at['silhouette'], 2)}."
        )

    return Panel(controls, draw, words)


def _labelled(table: pd.DataFrame) -> list[tuple[str, str]]:
    return [(label(name), name) for name in table]


def _control(kind: type, words: str, options: Sequence, value: object) -> Any:
    style = {"description_width": "initial"}
    return kind(options=options, value=value, description=words, style=style)
