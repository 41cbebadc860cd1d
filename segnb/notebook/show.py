"""What notebooks show: tables, figures and computed sentences, each escaped and with words for those who cannot see."""

import io
import warnings
from base64 import b64encode
from collections.abc import Iterable

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from segnb.parameters import PARAMETERS, Parameters
from segnb.text import escape, is_share, label, number, percent, probability

PROBABILITIES = ("p", "p_holm", "dip_p")
"""Columns of p-values."""

NAMES = ("column", "feature", "descriptor")
"""Columns that hold the names of columns, which are shown as words."""

DPI = 96
"""Dots per inch of a figure at its size on the page; the picture has twice as many."""


class Table:
    """A DataFrame as a person reads it: numbers with sensible digits, shares in percent, nothing unescaped.

    Parameters
    ----------
    table : DataFrame
    caption : str, optional
        Stands above the table.
    percents : iterable of str, optional
        Columns that are shares; by default those whose name ends in "share", and precision and coverage.
    rows : int, optional
        Show this many rows and say how many there are.
    folded : bool, default False
        Open at a click on the caption.

    >>> print(Table(pd.DataFrame({"share": [0.25]})))
      share
    0   25%
    """

    def __init__(
        self,
        table: pd.DataFrame,
        caption: str = "",
        percents: Iterable[str] | None = None,
        rows: int | None = None,
        *,
        folded: bool = False,
    ):
        self.total = len(table)
        shown = table.head(rows) if rows else table
        chosen = set(percents) if percents is not None else {name for name in shown if is_share(name)}
        self.cells = pd.DataFrame(
            {name: [_cell(value, name, name in chosen) for value in shown[name]] for name in shown}, index=shown.index
        )
        self.numeric = [pd.api.types.is_numeric_dtype(shown[name]) for name in shown]
        self.caption = caption
        self.folded = folded

    def __repr__(self) -> str:
        return self.cells.to_string()

    def _repr_html_(self) -> str:
        plain = isinstance(self.cells.index, pd.RangeIndex) and self.cells.index.name is None
        caption = f"<caption>{escape(self.caption)}</caption>" if self.caption and not self.folded else ""
        first = [] if plain else [f'<th scope="col">{escape(label(self.cells.index.name or ""))}</th>']
        head = "".join(
            first + [f'<th scope="col"{self._side(i)}>{escape(label(name))}</th>' for i, name in enumerate(self.cells)]
        )
        rows = "".join(self._row(index, row, plain) for index, row in zip(self.cells.index, self.cells.to_numpy()))
        more = f"<p class='more'>{len(self.cells):,} of {self.total:,} rows</p>" if self.total > len(self.cells) else ""
        table = f'<table class="segnb">{caption}<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'
        whole = f'<div class="scroll">{table}</div>{more}'
        return f"<details><summary>{escape(self.caption)}</summary>{whole}</details>" if self.folded else whole

    def _row(self, index: object, row: Iterable[str], plain: bool) -> str:
        first = "" if plain else f'<th scope="row">{escape(str(index))}</th>'
        return (
            f"<tr>{first}" + "".join(f"<td{self._side(i)}>{escape(cell)}</td>" for i, cell in enumerate(row)) + "</tr>"
        )

    def _side(self, position: int) -> str:
        side = "right" if self.numeric[position] else "left"
        return f' class="{side}" style="text-align:{side}"'


class Text:
    """Computed sentences as paragraphs or, with `bullets`, as a list."""

    def __init__(self, *sentences: str, bullets: bool = False):
        self.sentences = sentences
        self.bullets = bullets

    def __repr__(self) -> str:
        return "\n".join(f"- {each}" if self.bullets else each for each in self.sentences)

    def _repr_html_(self) -> str:
        if self.bullets:
            return "<ul>" + "".join(f"<li>{escape(each)}</li>" for each in self.sentences) + "</ul>"
        return "".join(f"<p>{escape(each)}</p>" for each in self.sentences)


class Picture:
    """A figure as a picture of twice its size on the page, with words for those who cannot see it.

    The figure is closed. Without `alt` the words are its titles.
    """

    def __init__(self, drawn: Axes | Figure, alt: str = ""):
        figure = drawn if isinstance(drawn, Figure) else drawn.figure
        self.alt = alt or figure_words(figure)
        self.width = round(figure.get_figwidth() * DPI)
        buffer = io.BytesIO()
        with warnings.catch_warnings():  # letters that no font here has are drawn as boxes; the words beside say them
            warnings.filterwarnings("ignore", "Glyph .* missing from font")
            figure.savefig(buffer, format="png", dpi=2 * DPI)
        plt.close(figure)
        self.png = buffer.getvalue()

    def __repr__(self) -> str:
        return f"Figure: {self.alt}"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> tuple[dict, dict]:
        data = {"image/png": b64encode(self.png).decode("ascii"), "text/plain": repr(self)}
        return data, {"image/png": {"alt": self.alt, "width": self.width}}


def settings(parameters: Parameters, used: Iterable[str]) -> Table:
    """Return the parameters that a step uses with their values; the caption names those that differ from the defaults.

    >>> settings(Parameters(k=4), ["k", "k_min", "k_max"]).caption
    'Settings of this step: k = 4; 2 at their defaults'
    """
    own = {name: getattr(parameters, name) for name in PARAMETERS if name in set(used)}
    changed = {name: value for name, value in own.items() if value != PARAMETERS[name].default}
    rows = [
        {
            "parameter": name,
            "value": repr(value),
            "changed": "changed" if name in changed else "",
            "meaning": PARAMETERS[name].description,
        }
        for name, value in own.items()
    ]
    told = ", ".join(f"{name} = {value!r}" for name, value in changed.items())
    rest = f"{len(own) - len(changed)} at their defaults" if changed else "all at their defaults"
    return Table(pd.DataFrame(rows), f"Settings of this step: {'; '.join(filter(None, [told, rest]))}", folded=True)


def figure_words(figure: Figure) -> str:
    """Return the titles in a figure as one text."""
    titles = [figure.get_suptitle(), *(axes.get_title() or axes.get_title(loc="left") for axes in figure.axes)]
    return "; ".join(dict.fromkeys(title.replace("\n", " ") for title in titles if title)) or "figure"


def _cell(value: object, column: object, as_percent: bool) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (int, float)) or hasattr(value, "dtype"):
        return (
            "–"
            if pd.isna(value)
            else percent(float(value))
            if as_percent
            else probability(value)
            if column in PROBABILITIES
            else number(float(value))
        )
    if value is None or value is pd.NA or value != value:
        return "–"
    return label(str(value)) if column in NAMES else str(value)
