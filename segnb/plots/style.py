"""One look for all figures, and what each of them has in common."""

import textwrap
import warnings
from collections.abc import Callable
from functools import wraps

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path

from segnb.disclosure import door
from segnb.text import visible

INK, MUTED, ACCENT, WARNING = "#222831", "#8a939e", "#0072b2", "#d55e00"
LINE, GRID = "#c9ced6", "#eceff3"

HIGH_LOW = {"center": 0, "vmin": -2, "vmax": 2, "cmap": "RdBu_r"}
"""How heatmaps of standard deviations are coloured: red is high, blue is low."""

_FONTS = "Noto Sans CJK SC,Noto Sans CJK JP,WenQuanYi Zen Hei,Noto Sans Arabic,Noto Sans Devanagari,Noto Emoji,Symbola"
"""For letters that matplotlib's own font lacks; only those that are installed are used."""

_INSTALLED = {font.name for font in font_manager.fontManager.ttflist}

THEME = (
    sns.axes_style("whitegrid")
    | sns.plotting_context("notebook", font_scale=0.9)
    | {
        "text.parse_math": False,
        "font.family": ["sans-serif"],
        "font.sans-serif": ["DejaVu Sans", *(font for font in _FONTS.split(",") if font in _INSTALLED)],
        "axes.edgecolor": LINE,
        "axes.titlelocation": "left",
        "axes.titleweight": "bold",
        "axes.titlesize": 11,
        "axes.labelcolor": INK,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "figure.titlesize": 11,
        "figure.titleweight": "bold",
        "grid.color": GRID,
        "text.color": INK,
        "xtick.color": INK,
        "ytick.color": INK,
        "figure.constrained_layout.use": True,
        "figure.facecolor": "white",
    }
)


def styled(draw: Callable) -> Callable:
    """Let a drawing function work in segnb's look, and let its tables pass the door of `segnb.disclosure`.

    Nobody's settings are changed, and of an empty table nothing is drawn.
    """

    @wraps(draw)
    def wrapper(*args, **kwargs):
        args = [door().disclosed(each) if isinstance(each, pd.DataFrame) else each for each in args]
        if any(isinstance(each, pd.DataFrame | pd.Series) and each.empty for each in args):
            return None
        with mpl.rc_context(THEME), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Glyph .* missing from font")
            drawn = draw(*args, **kwargs)
            if drawn is not None:
                _wrap_titles(drawn.figure)
            return drawn

    return wrapper


def _wrap_titles(figure: Figure) -> None:
    """Let titles break into lines where they would run out of the figure."""
    titles = [figure._suptitle, *(ax._left_title for ax in figure.axes)]
    for title in filter(None, titles):
        title.set_wrap(True)


def new_axes(ax: Axes | None, width: float = 7.5, height: float = 4.2) -> Axes:
    """Return `ax`, or the axes of a new figure of this size in inches."""
    return ax if ax is not None else plt.subplots(figsize=(width, height))[1]


def stream(ax: Axes, across: tuple[float, float], left: float, right: float, size: float, colour: str) -> PathPatch:
    """Draw a band of this size from its lower end on the left to that on the right, and return it."""
    (start, end), middle = across, sum(across) / 2
    lower = [(start, left), (middle, left), (middle, right), (end, right)]
    vertices = [*lower, *((x, y + size) for x, y in reversed(lower)), lower[0]]
    codes = [Path.MOVETO, *[Path.CURVE4] * 3, Path.LINETO, *[Path.CURVE4] * 3, Path.CLOSEPOLY]
    return ax.add_patch(PathPatch(Path(vertices, codes), facecolor=colour, alpha=0.5, linewidth=0))


def wrapped(name: str, width: int = 16, lines: int = 3) -> str:
    """Return a name broken into a few short lines, for a label beside what it names."""
    return textwrap.fill(visible(name), width, max_lines=lines, placeholder="…")
