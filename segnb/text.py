"""Words, numbers and colours for people: what pages, figures, artifacts and messages have in common."""

import colorsys
import html
import math
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import jinja2

_UNSEEN = re.compile(
    "[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]"
)
"""Characters that nobody sees: controls, and those that turn the direction of what follows."""


def visible(value: Any) -> Any:
    """Return a text with its unseen characters shown by their numbers; anything else stays as it is.

    Parameters
    ----------
    value : object
        Of a table from somewhere else, for instance.

    >>> visible("good\u202etxt.exe")
    'good⟨U+202E⟩txt.exe'
    """
    return _UNSEEN.sub(lambda found: f"⟨U+{ord(found[0]):04X}⟩", value) if isinstance(value, str) else value


def escape(text: object) -> str:
    """Return a text as HTML in which nothing of it is markup and nothing unseen.

    Parameters
    ----------
    text : object

    >>> escape('<b title="x">')
    '&lt;b title=&quot;x&quot;&gt;'
    """
    return html.escape(visible(str(text)))


def escape_markdown(text: str) -> str:
    """Return a text in which Markdown finds no markup.

    Parameters
    ----------
    text : str

    >>> escape_markdown("*big* <b>")
    '\\\\*big\\\\* &lt;b&gt;'
    """
    one_line = html.escape(" ".join(visible(text).split()), quote=False)
    return re.sub(r"([\\`*_\[\]#|~])", r"\\\1", one_line).replace("://", "&#58;//")  # or it would be made a link


ENTRANTS, LEAVERS = "entrants", "leavers"
"""Customers who were not there before, and those who no longer are."""


def number(value: float, digits: int = 3) -> str:
    """Return a number with `digits` significant digits at least, thousands separated, no exponent below a trillion.

    Parameters
    ----------
    value : float
        A missing one becomes a dash.
    digits : int, default 3

    >>> number(12345.678), number(0.012345), number(5.5), number(7.0)
    ('12,346', '0.0123', '5.5', '7')
    """
    if value is None or math.isnan(value):
        return "–"
    if math.isinf(value) or abs(value) >= 1e12:
        return f"{value:.3g}"
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value)))) if value else 0
    text = f"{value:,.{min(decimals, 6)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def percent(share: float) -> str:
    """Return a share in percent, with a decimal below ten.

    Parameters
    ----------
    share : float
        1 for all; a missing one becomes a dash.

    >>> percent(0.314), percent(0.0314)
    ('31%', '3.1%')
    """
    if share is None or math.isnan(share):
        return "–"
    return f"{share:.0%}" if abs(share) >= 0.0995 or share == 0 else f"{share:.1%}"


IS = "\u2009=\u2009"
"""What stands between a category and its level in the name of a column: `plan = yearly`, the blanks thin ones."""


def category_of(column: object) -> str:
    """Return the category of a column of one of its levels; of any other column its name.

    Parameters
    ----------
    column : object
        Its name.

    >>> category_of(f"plan{IS}yearly"), category_of("a=b")
    ('plan', 'a=b')
    """
    return str(column).partition(IS)[0]


def label(column: str) -> str:
    """Return a column's name as words on one line, days at its end in brackets.

    Parameters
    ----------
    column : str

    >>> label("days_between_orders"), label("recency_days"), label("share_toys"), label(f"plan{IS}yearly")
    ('days between orders', 'recency (days)', 'share of toys', 'plan: yearly')
    """
    name, _, level = str(column).partition(IS)
    words = re.sub(r"^share_(?!of_)", "share of ", name).replace("_", " ") + (f": {level}" if level else "")
    words = " ".join(words.split())
    return f"{words.removesuffix(' days')} (days)" if words.endswith(" days") else words


def listed(items: list[str]) -> str:
    """Return the items as a list in a sentence.

    Parameters
    ----------
    items : list of str

    >>> listed(["a", "b", "c"])
    'a, b and c'
    """
    return items[0] if len(items) == 1 else ", ".join(items[:-1]) + " and " + items[-1] if items else "none"


def counted(number: int, noun: str) -> str:
    """Return a number with a noun, in the plural unless there is one.

    Parameters
    ----------
    number : int
    noun : str
        In the singular.

    >>> counted(1, "other column"), counted(2000, "customer")
    ('1 other column', '2,000 customers')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def some(names: Sequence[object], most: int = 20) -> str:
    """Return the first names in a message, and how many more there are.

    Parameters
    ----------
    names : sequence
    most : int, default 20

    >>> some(["a", "b", "c"], 2)
    'a, b and 1 more'
    """
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(map(str, names[:most])) + more


def probability(p: float) -> str:
    """Return a p-value with three decimals, or that it is smaller.

    Parameters
    ----------
    p : float
        From 0 to 1.

    >>> probability(0.04), probability(1e-9)
    ('0.040', '< 0.001')
    """
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


_SHARES = {"precision", "coverage", "unassigned", "buyers", "answer", "gain", "relative_effect"}
"""Columns of shares that are not called so."""

_SHARE = re.compile(r".*share|share_.*|segment_\d+", re.S)
"""What columns of shares are called; in a series of runs `segment_N` is that of a segment."""


def is_share(column: object) -> bool:
    """Return whether a column holds shares from 0 to 1, by its name.

    Parameters
    ----------
    column : object
        Its name.

    >>> is_share("discount_share"), is_share("share_toys"), is_share("spend")
    (True, True, False)
    """
    name = str(column)
    return name in _SHARES or IS in name or bool(_SHARE.fullmatch(name))


def figure(column: str, value: float) -> str:
    """Return a column's value: shares in percent, the rest as a number.

    Parameters
    ----------
    column : str
        Its name.
    value : float

    >>> figure("share_toys", 0.25), figure("orders", 3.5)
    ('25%', '3.5')
    """
    return percent(value) if is_share(column) and 0 <= value <= 1 else number(value)


def shortened(text: str, most: int) -> str:
    """Return a text of at most `most` characters, cut with an ellipsis.

    Parameters
    ----------
    text : str
    most : int
        At least 1.

    >>> shortened("frequent, mostly home", 10)
    'frequent,…'
    """
    return text if len(text) <= most else text[: most - 1] + "…"


def as_set(values: Mapping[str, Any], verb: str = "=") -> str:
    """Return in words what parameters are set to, long values shortened.

    Parameters
    ----------
    values : mapping of str to object
    verb : str, default "="

    >>> as_set({"k": 4, "exclude": ["age"]})
    "k = 4, exclude = ['age']"
    """
    return ", ".join(f"{name} {verb} {shortened(repr(value), 40)}" for name, value in values.items())


_PALETTE = "#0072b2 #e69f00 #009e73 #cc79a7 #56b4e9 #d55e00 #7f6a00 #5d4e9b #8a939e #222831"
"""After Okabe and Ito's palette, which people with any kind of colour vision can tell apart."""


def segment_colours(segments: Iterable[int]) -> dict[int, str]:
    """Return the colour of each segment, the same wherever it is drawn.

    Parameters
    ----------
    segments : iterable of int
        Numbers from 1; beyond ten come evenly spaced hues.

    Returns
    -------
    dict of int to str
        In ascending order, as `#rrggbb`.

    >>> segment_colours([2, 1, 12])
    {1: '#0072b2', 2: '#e69f00', 12: '#2e78c2'}
    """
    return {number: segment_colour(number) for number in sorted({int(segment) for segment in segments})}


def segment_colour(segment: int) -> str:
    """Return the colour of one segment, as `segment_colours` gives it.

    Parameters
    ----------
    segment : int

    >>> segment_colour(1)
    '#0072b2'
    """
    return dict(enumerate(_PALETTE.split(), 1)).get(segment) or _hue(segment)


def _hue(number: int) -> str:
    parts = colorsys.hls_to_rgb((number * 0.381966) % 1, 0.47, 0.62)
    return "#" + "".join(f"{round(255 * part):02x}" for part in parts)


_FILTERS = (percent, number, counted, label, listed, figure, segment_colour, escape, escape_markdown)


def prose(module: str) -> Any:
    """Return the macros of words.j2 beside a module as functions: words stand there, figures are computed here.

    Parameters
    ----------
    module : str
        The module's file. The macros may use the filters `percent`, `number`, `counted`, `label`, `listed`, `figure`,
        `segment_colour`, `escape` and `escape_markdown`.
    """
    language = jinja2.Environment(undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    language.filters |= {each.__name__: each for each in _FILTERS}
    return language.from_string(Path(module).with_name("words.j2").read_text(encoding="utf-8")).module


def sentences(text: str) -> list[str]:
    r"""Return the lines of a text that say something.

    >>> sentences("One. \n\n Two.")
    ['One.', 'Two.']
    """
    return [line.strip() for line in text.split("\n") if line.strip()]


def paragraph(text: str) -> str:
    r"""Return the lines of a text that say something as one.

    >>> paragraph("One. \n\n Two.")
    'One. Two.'
    """
    return " ".join(sentences(text))


class Finding(ABC):
    """What was decided and why; the base of a dataclass (`repr=False`) with `reasons` among its fields.

    Attributes
    ----------
    reasons : list of str
        Sentences with the figures that decided.
    """

    reasons: list[str]

    @abstractmethod
    def sentence(self) -> str:
        """Return what was decided in one sentence."""

    def __repr__(self) -> str:
        return "\n- ".join([self.sentence(), *self.reasons])

    def _repr_html_(self) -> str:
        reasons = "".join(f"<li>{escape(reason)}</li>" for reason in self.reasons)
        return f"<p><b>{escape(self.sentence())}</b></p><ul>{reasons}</ul>"

    def to_dict(self) -> dict[str, Any]:
        """Return what was decided as plain types, ready for JSON."""
        return asdict(self)
