"""Panels for JupyterLab: a slider or a choice redraws a figure at once; a report leaves them out."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cached_property, lru_cache
from itertools import count
from typing import Any

import ipywidgets
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score

from segnb import plots
from segnb.iterate import match_segments
from segnb.notebook.show import Picture
from segnb.plots.style import fixed_axes
from segnb.text import label, listed, number, percent

_MOST_SLIDERS = 6
_SOON = 0.05
_WHOLE_WORDS = {"description_width": "initial"}


class Panel:
    """Controls above a figure that follows them; on a narrow window they stand one below the other.

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
        return self._with()

    def _with(self, **other: object) -> Picture:
        return self._picture(**{name: control.value for name, control in self.controls.items()} | other)

    @cached_property
    def widget(self) -> ipywidgets.VBox:
        """The controls, the figure and the sentence, one below the other."""
        first = self.picture
        image = ipywidgets.Image(value=first.png, format="png", width=first.width, layout={"max_width": "100%"})
        image.layout.object_fit, sentence = "contain", ipywidgets.HTML(value=first.alt)

        def follow(change: Mapping[str, Any]) -> None:
            image.value, sentence.value = self.picture.png, self.picture.alt
            self._draw_ahead(change["owner"])

        for control in self.controls.values():
            control.observe(follow, names="value")
        self._draw_ahead(next(iter(self.controls.values())))
        row = ipywidgets.HBox(list(self.controls.values()), layout={"flex_flow": "row wrap"})
        return ipywidgets.VBox([row, image, sentence])

    def _draw_ahead(self, moved: Any) -> None:
        """Draw what the next step of a slider will ask for, one figure each time the kernel has nothing to do."""
        options = list(getattr(moved, "options", ()))
        name = next(name for name, control in self.controls.items() if control is moved)
        with suppress(RuntimeError, ValueError):  # nothing runs on by itself here; it is no slider with options
            loop, at = asyncio.get_running_loop(), options.index(moved.value)
            for value in options[max(at - 1, 0) : at + 2]:
                loop.call_later(_SOON, lambda value=value: self._with(**{name: value}).png)

    def __repr__(self) -> str:
        return f"Panel: {self.picture.alt}"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> tuple[dict, dict]:
        data, metadata = self.picture._repr_mimebundle_()
        return data | self.widget._repr_mimebundle_(), metadata


def explore_k(evidence: pd.DataFrame, rows: pd.DataFrame, labelings: Mapping[int, np.ndarray], k: int) -> Panel:
    """Return a panel with a slider for k and two features to look along; a segment keeps its colour as k changes.

    Parameters
    ----------
    evidence : DataFrame
        As returned by `segnb.choose_k.evidence`.
    rows : DataFrame of shape (n_customers, n_features)
        The scaled matrix, or a sample of it.
    labelings : mapping of int to array of shape (n_customers,)
        For each k the segment of each row, from 0.
    k : int
        Where the slider begins; the segments of every other k are numbered after those of this one.

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
    figures, chosen = evidence.set_index("k"), labelings[k] + 1

    @lru_cache(maxsize=64)
    def segments(k: int) -> pd.Series:
        return pd.Series(numbered_after(chosen, labelings[k]), index=rows.index)

    def draw(k: int, x: str, y: str) -> Figure:
        return _drawn(rows, segments(k), x, y)

    def words(k: int, x: str, y: str) -> str:
        return (
            f"k = {k}: the segments hold {_shares(segments(k))} of the customers; prediction strength "
            f"{number(figures.loc[k, 'prediction_strength'], 2)}, silhouette {number(figures.loc[k, 'silhouette'], 2)}."
        )

    return Panel(controls, draw, words)


def weigh_columns(rows: pd.DataFrame, segments: pd.Series, seed: int = 0) -> Panel:
    """Return a panel with a slider for the weight of each leading column, and what becomes of the segments.

    Parameters
    ----------
    rows : DataFrame of shape (n_customers, n_features)
        The scaled matrix; a weight w multiplies its column by the root of w, as the parameter `weights` does.
    segments : Series of shape (n_customers,)
        The segments as they are, same index.
    seed : int, default 0

    >>> X = pd.DataFrame({"a": [0.0, 1, 8, 9], "b": [1.0, 0, 9, 8]})
    >>> weigh_columns(X, pd.Series([1, 1, 2, 2]))
    Panel: All columns weigh the same. Adjusted Rand index with the segments before: 1. They hold 50% and 50%.
    """
    middles = rows.groupby(segments.to_numpy()).mean()
    leading = list(middles.var().sort_values(ascending=False, kind="stable").index[:_MOST_SLIDERS])
    reach = {"min": 0.0, "max": 4.0, "step": 0.5, "value": 1.0, "style": _WHOLE_WORDS}
    controls = {name: ipywidgets.FloatSlider(description=label(name), **reach) for name in leading}

    @lru_cache(maxsize=64)
    def cut(weights: tuple[float, ...]) -> pd.Series:
        factors = pd.Series(1.0, rows.columns)
        factors[leading] = np.sqrt(weights)
        model = KMeans(len(middles), init=(middles * factors).to_numpy(), n_init=1, random_state=seed)
        labels = model.fit_predict((rows * factors).to_numpy())
        return pd.Series(numbered_after(segments.to_numpy(), labels), index=rows.index)

    def draw(**weights: float) -> Figure:
        own = cut(tuple(weights.values()))
        return _drawn(rows, own, leading[0], leading[min(1, len(leading) - 1)])

    def words(**weights: float) -> str:
        own, unlike = cut(tuple(weights.values())), [f"{label(n)} {number(w)}" for n, w in weights.items() if w != 1]
        told = f"Weights: {listed(unlike)}, the others 1." if unlike else "All columns weigh the same."
        same = number(adjusted_rand_score(segments, own), 2)
        return f"{told} Adjusted Rand index with the segments before: {same}. They hold {_shares(own)}."

    return Panel(controls, draw, words)


def numbered_after(chosen: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return labels with the numbers of the segments that they match, see `match_segments`; new ones come after.

    Parameters
    ----------
    chosen, labels : array of int, shape (n_customers,)
        The first from 1.

    >>> numbered_after(np.array([1, 1, 2, 2, 2]), np.array([7, 7, 0, 0, 5])).tolist()
    [1, 1, 2, 2, 3]
    """
    matches = match_segments(labels, chosen).dropna(subset="previous").set_index("previous")["current"]
    new = count(chosen.max() + 1)
    numbers = {old: next(new) if number is pd.NA else number for old, number in matches.items()}
    return pd.Series(labels).map(numbers).to_numpy()


def _drawn(rows: pd.DataFrame, segments: pd.Series, x: str, y: str) -> Figure:
    """Return the rows along two columns, with what marks each segment, drawn without what takes its time."""
    return plots.scatter(rows, segments, x, y, _marks(rows, segments), fixed_axes(), hover=False)


def _marks(rows: pd.DataFrame, segments: pd.Series) -> dict[int, str]:
    """Return what marks each segment most, in two words."""
    middles = rows.groupby(segments).mean() - rows.mean()
    leading = middles.abs().idxmax(axis=1)
    return {n: ("high " if middles.loc[n, name] > 0 else "low ") + label(name) for n, name in leading.items()}


def _shares(segments: pd.Series) -> str:
    return listed([percent(share) for share in segments.value_counts(normalize=True).sort_index()])


def _labelled(table: pd.DataFrame) -> list[tuple[str, str]]:
    return [(label(name), name) for name in table]


def _control(kind: type, words: str, options: Sequence, value: object) -> Any:
    return kind(options=options, value=value, description=words, style=_WHOLE_WORDS)
