"""What a notebook shows: tables, pictures and computed sentences, escaped, in words too, and fit to leave the house."""

import os
import warnings
from base64 import b64encode
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd
from IPython.core.getipython import get_ipython
from IPython.display import display
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from segnb.disclosure import Door, door, use_door
from segnb.parameters import PARAMETERS, Parameters, changed_parameters, notebook_parameters
from segnb.paths import STAGE
from segnb.plots.style import DPI, THEME, page_figure, png_figure, told_figure
from segnb.runs.store import Workspace, unlike_previous
from segnb.text import as_set, escape, is_share, label, number, percent, probability, prose

_PROBABILITIES = ("p", "p_holm", "valley_p")
_IN_UNITS = ("mean", "median", "overall", "overall_median")
_WORDS = prose(__file__)
NAMES = ("column", "feature", "descriptor")


class Table:
    """A DataFrame as a person reads it: numbers with sensible digits, shares in percent, nothing unescaped.

    Figures on too few customers are left out, see `segnb.disclosure`.

    Parameters
    ----------
    table : DataFrame of shape (n_rows, n_columns)
        Columns whose name ends in "share" hold shares from 0 to 1, those called p hold p-values.
    caption : str, optional
        Stands above the table.
    order : str, optional
        A column whose largest values, whatever their sign, come first; rows without one are left out.
    rows : int, optional
        Show this many rows and say how many there are.
    folded : bool, default False
        Open at a click on the caption.
    across : str, optional
        The column whose figures stand side by side, a column of the shown table for each segment.

    >>> print(Table(pd.DataFrame({"share": [0.25]})))
      share
    0   25%
    >>> long = pd.DataFrame({"column": ["orders"] * 2, "segment": [1, 2], "mean": [4.0, 7.5]})
    >>> print(Table(long, across="mean").cells.to_string(index=False))
    column segment 1 segment 2
    orders         4       7.5
    """

    def __init__(
        self,
        table: pd.DataFrame,
        caption: str = "",
        *,
        order: str = "",
        rows: int | None = None,
        folded: bool = False,
        across: str = "",
    ):
        whole = door().disclosed(table)
        if order in whole:
            whole = whole.dropna(subset=order).sort_values(order, key=abs, ascending=False, ignore_index=True)
        shown = whole.head(rows) if rows else whole
        self.cells = _cells(shown, across)
        numbers = {name for name in shown if pd.api.types.is_numeric_dtype(shown[name])}
        self.sides = ["right" if name in numbers or name not in shown else "left" for name in self.cells]
        self.caption, self.folded = caption, folded
        self.indexed = not (isinstance(self.cells.index, pd.RangeIndex) and self.cells.index.name is None)
        self.notes = [f"{len(shown):,} of {len(whole):,} rows"] if len(shown) < len(whole) else []
        if len(whole) < len(table) or whole.isna().sum().sum() > table.isna().sum().sum():
            self.notes.append(f"What would tell of fewer than {door().min_cell} customers is withheld (–).")

    def __repr__(self) -> str:
        return self.cells.to_string()

    def _repr_html_(self) -> str:
        return "" if self.cells.empty else _WORDS.table(self).strip()


class Text:
    """Computed sentences as paragraphs or, with `bullets`, as a list; empty ones are left out.

    Parameters
    ----------
    *sentences : str
    bullets : bool, default False

    >>> Text("Two segments.", "", bullets=True)
    - Two segments.
    """

    def __init__(self, *sentences: str, bullets: bool = False):
        self.sentences = [sentence for sentence in sentences if sentence]
        self.bullets = bullets

    def __repr__(self) -> str:
        return "\n".join(f"- {each}" if self.bullets else each for each in self.sentences)

    def _repr_html_(self) -> str:
        if self.bullets:
            return "<ul>" + "".join(f"<li>{escape(each)}</li>" for each in self.sentences) + "</ul>"
        return "".join(f"<p>{escape(each)}</p>" for each in self.sentences)


class Picture:
    """A figure with words for those who can't see it: in a notebook a picture, on a page SVG that readers explore.

    In a notebook the dots of few customers tell a pointer who they are; a front end without HTML shows the picture.

    The figure is closed. Without `alt` the words are its titles.

    Parameters
    ----------
    drawn : Axes or Figure
    alt : str, optional

    >>> figure, ax = plt.subplots()
    >>> _ = ax.set_title("Two hills")
    >>> Picture(ax)
    Figure: Two hills
    """

    def __init__(self, drawn: Axes | Figure, alt: str = ""):
        self._figure = drawn if isinstance(drawn, Figure) else drawn.figure
        self.alt = alt or figure_words(self._figure)
        self.width = round(self._figure.get_figwidth() * DPI)
        plt.close(self._figure)

    @cached_property
    def png(self) -> bytes:
        """The figure as a notebook shows it, twice as many dots across as it is wide."""
        return png_figure(self._figure)

    def __repr__(self) -> str:
        return f"Figure: {self.alt}"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> tuple[dict, dict]:
        return self._bundle

    @cached_property
    def _bundle(self) -> tuple[dict, dict]:
        if STAGE in os.environ:
            wide, narrow = page_figure(self._figure, self.alt)
            data, about = {"image/svg+xml": wide}, {"image/svg+xml": {"narrow": narrow}}
        else:
            data = {"image/png": b64encode(self.png).decode("ascii")}
            if told := told_figure(self._figure, self.alt):
                data["text/html"] = told
            about = {"image/png": {"alt": self.alt, "width": self.width}}
        return data | {"text/plain": repr(self)}, about


def start(namespace: Mapping[str, Any]) -> tuple[Parameters, Workspace]:
    """Check a notebook's parameters, let what it shows look like the rest, and return parameters and files.

    From here on a DataFrame that ends a cell is shown as a `Table` and a figure as a `Picture`. In a report
    figures on fewer than `min_cell` customers are neither shown nor written; by hand everything is.

    Parameters
    ----------
    namespace : mapping of str to object
        The notebook's `globals()`.

    Returns
    -------
    parameters : Parameters
    files : Workspace
        Where the run's artifacts are read and written: by hand in `outputs/lab/<run>/`.

    Raises
    ------
    DataError
        If a parameter has a value that isn't allowed.

    >>> start({"k": 4})[0].k
    4
    """
    parameters = notebook_parameters(namespace)
    files = Workspace(parameters.run)
    page = STAGE in os.environ
    min_cell = parameters.min_cell if page else 1
    use_door(lambda: Door(min_cell, files.sizes(), page))
    mpl.rcParams.update(THEME)
    warnings.filterwarnings("ignore", "Glyph .* missing from font")  # drawn as boxes; the words beside say them
    if shell := get_ipython():
        bundles = shell.display_formatter.mimebundle_formatter
        for kind in (Axes, Figure):
            bundles.for_type(kind, lambda drawn, **given: Picture(drawn)._repr_mimebundle_())
        shell.display_formatter.formatters["text/html"].for_type(pd.DataFrame, lambda table: Table(table)._repr_html_())
        display(settings(parameters, namespace))
    return parameters, files


def settings(parameters: Parameters, used: Iterable[str]) -> Table:
    """Return the parameters that a step uses; the caption names those that differ from defaults or the previous run.

    Parameters
    ----------
    parameters : Parameters
    used : iterable of str
        Names; those of no parameter are ignored.

    >>> settings(Parameters(k=4), ["k", "k_min", "k_max"]).caption
    'Settings of this step: k = 4; 2 at their defaults'
    """
    own = {name: getattr(parameters, name) for name in PARAMETERS if name in set(used)}
    changed = {name: value for name, value in changed_parameters(parameters).items() if name in own}
    rows = {
        "parameter": list(own),
        "value": [repr(value) for value in own.values()],
        "changed": ["changed" if name in changed else "" for name in own],
        "meaning": [PARAMETERS[name].description for name in own],
    }
    rest = f"{len(own) - len(changed)} at their defaults" if changed else "all at their defaults"
    parts = filter(None, [as_set(changed), rest, unlike_previous(parameters, own)])
    return Table(pd.DataFrame(rows), f"Settings of this step: {'; '.join(parts)}", folded=True)


def figure_words(figure: Figure) -> str:
    """Return the titles in a figure as one text.

    Parameters
    ----------
    figure : Figure

    >>> figure, ax = plt.subplots()
    >>> _ = ax.set_title("Two hills")
    >>> figure_words(figure)
    'Two hills'
    """
    titles = [figure.get_suptitle(), *(axes.get_title() or axes.get_title(loc="left") for axes in figure.axes)]
    return "; ".join(dict.fromkeys(title.replace("\n", " ") for title in titles if title)) or "figure"


def _cells(table: pd.DataFrame, across: str) -> pd.DataFrame:
    """Return a table as texts, the figures called `across` with a column for each segment."""
    shares = {name for name in table if is_share(name) or (name == "overall" and "share" in table)}
    own = table["column"].map(is_share) if "column" in table else pd.Series(False, table.index)
    cells = {
        name: [
            _cell(value, name, name in shares or (name in _IN_UNITS and each)) for value, each in zip(table[name], own)
        ]
        for name in table
    }
    texts = pd.DataFrame(cells, index=table.index)
    if not across or texts.empty:
        return texts
    rows = [name for name in texts if name not in ("segment", across)]
    wide = texts.pivot(index=rows, columns="segment", values=across).add_prefix("segment ").rename_axis(None, axis=1)
    return texts[rows].drop_duplicates().merge(wide.reset_index(), on=rows)


def _cell(value: object, column: object, is_share: bool) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None or pd.isna(value):
        return "–"
    if isinstance(value, (int, float)) or hasattr(value, "dtype"):
        write = percent if is_share else probability if column in _PROBABILITIES else number
        return write(float(value))
    return label(str(value)) if column in NAMES else str(value)
