"""One look for all figures: in a notebook, and on a page as SVG, wide and for a phone, with segments to pick."""

import io
import re
import textwrap
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from xml.etree import ElementTree

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib import font_manager
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.collections import PathCollection, QuadMesh
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec
from matplotlib.patches import PathPatch
from matplotlib.path import Path as Outline

from segnb.disclosure import door
from segnb.text import visible

DPI = 96
"""Pixels of a page to an inch of a figure."""

HIGH_LOW = {"center": 0, "vmin": -2, "vmax": 2, "cmap": "RdBu_r"}
"""How heatmaps of standard deviations are coloured: red is high, blue is low."""

_FONTS = "Noto Sans CJK SC,Noto Sans CJK JP,WenQuanYi Zen Hei,Noto Sans Arabic,Noto Sans Devanagari,Noto Emoji,Symbola"
"""For letters that matplotlib's own font lacks; only those that are installed are used."""

_INSTALLED = {font.name for font in font_manager.fontManager.ttflist}

THEME = (
    sns.axes_style("whitegrid")
    | sns.plotting_context("notebook", font_scale=0.9)
    | mpl.rc_params_from_file(Path(__file__).with_name("segnb.mplstyle"), use_default_template=False)
    | {"font.family": ["DejaVu Sans", *(font for font in _FONTS.split(",") if font in _INSTALLED)]}
)

INK, LINE, GRID = THEME["text.color"], THEME["axes.edgecolor"], THEME["grid.color"]
MUTED, ACCENT, WARNING = "#8a939e", "#0072b2", "#d55e00"


@contextmanager
def _unknown_letters() -> Iterator[None]:
    """Say nothing of letters that no font has: they are drawn as boxes, and the words beside a figure say them."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        yield


def _shows_nobody(given: object) -> bool:
    """Whether a table is empty, or segments are nobody's whose figures may be shown."""
    if isinstance(given, pd.Series):
        return not door().members(given).any()
    return isinstance(given, pd.DataFrame) and given.empty


def styled(draw: Callable) -> Callable:
    """Let a drawing function work in segnb's look, and let its tables pass the door of `segnb.disclosure`.

    Nobody's settings are changed, and of an empty table nothing is drawn.
    """

    @wraps(draw)
    def wrapper(*args, **kwargs):
        args = [door().disclosed(each) if isinstance(each, pd.DataFrame) else each for each in args]
        if any(_shows_nobody(each) for each in args):
            return None
        with mpl.rc_context(THEME), _unknown_letters():
            return draw(*args, **kwargs)

    return wrapper


def new_axes(ax: Axes | None, width: float = 7.5, height: float = 4.2) -> Axes:
    """Return `ax`, or the axes of a new figure of this size in inches."""
    return ax if ax is not None else plt.subplots(figsize=(width, height))[1]


def fixed_axes() -> Axes:
    """Return axes with room for a title above and a legend below; to find the least room takes as long as to draw."""
    with mpl.rc_context(THEME):
        figure, ax = plt.subplots(figsize=(7.5, 6.2), layout="none")
    figure.subplots_adjust(0.1, 0.4, 0.97, 0.93)
    return ax


def stream(ax: Axes, across: tuple[float, float], left: float, right: float, size: float, colour: str) -> PathPatch:
    """Draw a band of this size from its lower end on the left to that on the right, and return it."""
    (start, end), middle = across, sum(across) / 2
    lower = [(start, left), (middle, left), (middle, right), (end, right)]
    vertices = [*lower, *((x, y + size) for x, y in reversed(lower)), lower[0]]
    codes = [Outline.MOVETO, *[Outline.CURVE4] * 3, Outline.LINETO, *[Outline.CURVE4] * 3, Outline.CLOSEPOLY]
    return ax.add_patch(PathPatch(Outline(vertices, codes), facecolor=colour, alpha=0.5, linewidth=0))


def called(segment: int | str, names: Mapping[int, str] | None) -> str:
    """Return a segment's number and, if it has one, its name."""
    return f"{segment} · {names[segment]}" if names and names.get(segment) else str(segment)


def wrapped(name: str, width: int = 16, lines: int = 3) -> str:
    """Return a name broken into a few short lines, for a label beside what it names."""
    return textwrap.fill(visible(name), width, max_lines=lines, placeholder="…")


PHONE = 3.65
"""Width in inches of what is drawn for a phone, 350 pixels."""

_LOW = 1.4
"""Axes lower than this, in inches, stand side by side on a phone."""

_HEAD, _BETWEEN = 1.15, 0.5
"""Room in inches above and between axes that stand one below the other on a phone."""

_LONG_NAME, _LONG_LINE = 18, 30

_MOST_CELLS = 300
"""A heatmap of more cells is a picture within the figure."""

_SVG, _LINK = "{http://www.w3.org/2000/svg}", "{http://www.w3.org/1999/xlink}href"
ElementTree.register_namespace("", _SVG[1:-1])
ElementTree.register_namespace("xlink", _LINK[1:-5])
_LENGTHS = ("d", "x", "y", "viewBox", "points", "transform", "width", "height")
_FONT = re.compile(r"font: (?:(\w+) )?([\d.]+px) [^;]*")
_OWN_COLOURS = {INK: "currentColor", LINE: f"var(--line, {LINE})", GRID: f"var(--line, {GRID})"}
_LONG_NUMBER = re.compile(r"-?\d+\.\d{2,}(?:e-?\d+)?")
_SEGMENTS = re.compile(r"segment ([\d ]+)(:|$)")


def pickable(artists: Artist | Iterable[Artist], segments: int | Iterable[int], words: str = "") -> None:
    """Let a page's reader pick what is drawn of a segment: it is then seen in every figure of the page.

    Parameters
    ----------
    artists : Artist or iterable of Artist
    segments : int or iterable of int
        The number of the segment, or of several.
    words : str, optional
        What a pointer, or a screen reader, is told about it.

    >>> from matplotlib.lines import Line2D
    >>> pickable(line := Line2D([0, 1], [0, 1]), 3, "535 customers")
    >>> line.get_gid()
    'segment 3: 535 customers'
    """
    numbers = " ".join(map(str, np.atleast_1d(segments)))
    for artist in [artists] if isinstance(artists, Artist) else artists:
        artist.set_gid(f"segment {numbers}: {words}" if words else f"segment {numbers}")


def png_figure(figure: Figure) -> bytes:
    """Return a figure as PNG, with two dots for each pixel of a page.

    Parameters
    ----------
    figure : Figure

    >>> png_figure(plt.figure())[1:4]
    b'PNG'
    """
    buffer = io.BytesIO()
    figure.set_dpi(2 * DPI)
    with mpl.rc_context(THEME), _unknown_letters():
        _head(figure)
        FigureCanvasAgg(figure).print_png(buffer)  # `savefig` would draw it twice
    return buffer.getvalue()


def page_figure(figure: Figure, words: str) -> tuple[str, str]:
    """Return a figure as SVG for a wide page and for a phone, of which a page shows one.

    Parameters
    ----------
    figure : Figure
        Is changed: in the end it has the width of a phone, its axes one below the other.
    words : str
        What it shows, for those who can't see it.

    >>> import matplotlib.pyplot as plt
    >>> wide, narrow = page_figure(plt.subplots(1, 2, figsize=(6, 3))[0], "two empty axes")
    >>> 'width="576"' in wide, 'width="350"' in narrow
    (True, True)
    """
    for dots in figure.findobj(PathCollection):
        dots.set_urls(None)  # what is told of a single customer stays in the notebook
    wide = _written(_svg(figure, words))
    _stack(figure)
    return wide, _written(_svg(figure, words))


def told_figure(figure: Figure, words: str) -> str:
    """Return a figure as SVG whose dots tell a pointer what their urls say; "" if they have none.

    Parameters
    ----------
    figure : Figure
    words : str
        What it shows, for those who can't see it.

    >>> import matplotlib.pyplot as plt
    >>> figure, ax = plt.subplots()
    >>> ax.scatter([1, 2], [3, 4]).set_urls(["Ann: 3 orders", "Bo: 4 orders"])
    >>> "<title>Ann: 3 orders</title>" in told_figure(figure, "two dots")
    True
    """
    if not any(url for dots in figure.findobj(PathCollection) for url in dots.get_urls() or ()):
        return ""
    root = _svg(figure, words)
    for link in root.iter(f"{_SVG}a"):
        title = ElementTree.SubElement(link, f"{_SVG}title")
        title.text, link.tag = link.attrib.pop(_LINK), f"{_SVG}g"
    return _written(root)


def _written(root: ElementTree.Element) -> str:
    return ElementTree.tostring(root, encoding="unicode")


def _placed(figure: Figure) -> list[Axes]:
    """Return the axes that are seen, without those of a colour bar."""
    return [ax for ax in figure.axes if ax.get_visible() and ax.get_subplotspec()]


def _head(figure: Figure) -> None:
    """Put the title above the whole figure, where a long one is broken without harm to the axes."""
    axes, title = _placed(figure), figure.get_suptitle()
    if len(axes) == 1 and (own := axes[0].get_title(loc="left")):
        axes[0].set_title("", loc="left")
        title = own
    if title:
        figure.suptitle(title, x=0.01, ha="left", wrap=True)


def _stack(figure: Figure) -> None:
    """Give the figure the width of a phone."""
    axes, height = _placed(figure), figure.get_figheight()
    for ax in axes:
        _break_labels(ax)
    if len({round(ax.get_position().x0, 2) for ax in axes}) > 1:
        height = _pile(figure, axes)
    else:
        height = min(height, PHONE) if any(ax.get_aspect() != "auto" for ax in axes) else height
        figure.set_layout_engine("constrained")
    figure.set_size_inches(PHONE, height)


def _pile(figure: Figure, axes: list[Axes]) -> float:
    """Put axes one below the other, low ones in pairs, with the room that they had, and return their height."""
    heights = [ax.get_position().height * figure.get_figheight() for ax in axes]
    across = 2 if max(heights) < _LOW else 1
    rows = [max(heights[start : start + across]) for start in range(0, len(axes), across)]
    room, (width, height) = figure.subplotpars, figure.get_size_inches()
    below = room.bottom * height
    total = _HEAD + sum(rows) + _BETWEEN * (len(rows) - 1) + below
    sides = {"left": room.left * width / PHONE, "right": 1 - (1 - room.right) * width / PHONE}
    ends = {"bottom": below / total, "top": 1 - _HEAD / total, "hspace": _BETWEEN * len(rows) / sum(rows)}
    grid = GridSpec(len(rows), across, figure=figure, height_ratios=rows, wspace=0.1, **sides, **ends)
    for place, ax in enumerate(axes):
        ax.set_subplotspec(grid[place])
    figure.set_layout_engine("none")
    return total


def _break_labels(ax: Axes) -> None:
    """Break long names beside an axis into lines, or they would leave no room for what is drawn."""
    names = [text.get_text() for text in ax.get_yticklabels()]
    lines = 2 if ax.get_aspect() == "auto" else 1  # rows of squares are as low as they are narrow
    if max(map(len, names), default=0) > _LONG_NAME:
        ax.set_yticks(ax.get_yticks(), [wrapped(name, _LONG_NAME, lines) for name in names])
    for write, words in ((ax.set_xlabel, ax.get_xlabel()), (ax.set_ylabel, ax.get_ylabel())):
        write("\n".join(wrapped(line, _LONG_LINE) for line in words.split("\n")))


def _svg(figure: Figure, words: str) -> ElementTree.Element:
    for mesh in figure.findobj(QuadMesh):
        mesh.set_rasterized(mesh.get_array().size > _MOST_CELLS or mesh.axes.get_label() == "<colorbar>")
    buffer = io.StringIO()
    salt = f"{words}{figure.get_figwidth()}"  # what a page leaves out must not share names with what it shows
    grounds = [each for each in (figure.patch, *(ax.patch for ax in figure.axes)) if each.get_visible()]
    plt.setp(grounds, visible=False)  # a page has its own
    figure.set_dpi(144)
    with mpl.rc_context(THEME | {"svg.fonttype": "none", "svg.hashsalt": salt}), _unknown_letters():
        _head(figure)
        FigureCanvasSVG(figure).print_svg(buffer, metadata={"Date": None})
    plt.setp(grounds, visible=True)
    root = ElementTree.fromstring(buffer.getvalue())
    root.remove(root.find(f"{_SVG}metadata"))
    width, height = figure.get_size_inches() * DPI
    told = _name_segments(root)
    root.attrib |= {"width": f"{width:.0f}", "height": f"{height:.0f}", "aria-label": words}
    root.set("role", "group" if told else "img")
    used = _used(root)
    for element in root.iter():
        _lighten(element, used)
    for element in root.iter():
        _share_style(element)
    return root


def _name_segments(root: ElementTree.Element) -> set[str]:
    """Mark what belongs to a segment; the first part of each that says something is reached by the keyboard."""
    told: set[str] = set()
    for parent in list(root.iter(f"{_SVG}g")):
        name = parent.get("id", "")
        if not (found := _SEGMENTS.match(name)):
            continue
        parent.set("data-segment", found[1])
        if found[2] and name not in told:
            told.add(name)
            parent.attrib |= {"tabindex": "0", "role": "img", "aria-label": name}
            title = ElementTree.Element(f"{_SVG}title")
            title.text = name
            parent.insert(0, title)
    return told


def _used(root: ElementTree.Element) -> set[str]:
    links = "".join(f"{element.get(_LINK, '')} {element.get('clip-path', '')}\n" for element in root.iter())
    return set(re.findall(r"#([\w.-]+)", links))


def _lighten(element: ElementTree.Element, used: set[str]) -> None:
    """Take out what a reader doesn't see: unused names and decimals; fonts, ink and lines are the page's own."""
    if element.get("id") not in used:
        element.attrib.pop("id", None)
    for name, value in element.attrib.items():
        if name in _LENGTHS:
            element.set(name, _LONG_NUMBER.sub(lambda found: f"{float(found[0]):.1f}", value).replace("\n", ""))
    style = _FONT.sub(lambda found: f"font-size: {found[2]}; font-weight: {found[1] or 400}", element.get("style", ""))
    for colour, own in _OWN_COLOURS.items():
        style = style.replace(colour, own)
    if style:
        element.set("style", style)


def _share_style(element: ElementTree.Element) -> None:
    """Give an element the style that all within it have, so that it stands there once."""
    styles = {child.get("style") for child in element}
    if len(element) > 1 and len(styles) == 1 and None not in styles:
        element.set("style", "; ".join(filter(None, [element.get("style"), *styles])))
        for child in element:
            del child.attrib["style"]
