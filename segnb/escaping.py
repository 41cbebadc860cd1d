"""What is somebody's text goes out through here: into HTML, into Markdown, into a CSV that a spreadsheet opens."""

import html
import re
from typing import Any

import pandas as pd

DANGEROUS = r"^\s*[=+\-@\t\r＝＋－＠]"
"""How a text begins that a spreadsheet would take for a formula."""

UNSEEN = re.compile("[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
"""Characters that nobody sees: controls, and those that turn the direction of what follows."""


def visible(value: Any) -> Any:
    """Return a text with its unseen characters shown by their numbers; what is no text stays as it is.

    >>> visible("good\u202etxt.exe")
    'good⟨U+202E⟩txt.exe'
    """
    return UNSEEN.sub(lambda found: f"⟨U+{ord(found[0]):04X}⟩", value) if isinstance(value, str) else value


def escape(text: object) -> str:
    """Return a text as HTML in which nothing of it is markup and nothing unseen.

    >>> escape('<b title="x">')
    '&lt;b title=&quot;x&quot;&gt;'
    """
    return html.escape(visible(str(text)))


def escape_markdown(text: str) -> str:
    """Return a text of which Markdown takes nothing for markup.

    >>> escape_markdown("*big* <b>")
    '\\\\*big\\\\* &lt;b&gt;'
    """
    one_line = " ".join(visible(text).split())
    return re.sub(r"([\\`*_\[\]#|~])", r"\\\1", html.escape(one_line, quote=False))


def safe_csv(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with text that a spreadsheet would run as a formula marked as text.

    >>> safe_csv(pd.DataFrame({"name": ["=1+1", "plain"]}))["name"].tolist()
    ["'=1+1", 'plain']
    """
    safe = table.copy(deep=False)
    for name in safe:
        if not pd.api.types.is_numeric_dtype(safe[name]):
            safe[name] = _defused_all(safe[name])
    if not pd.api.types.is_numeric_dtype(safe.index):
        safe.index = pd.Index(_defused_all(safe.index.to_series()), name=safe.index.name)
    return safe.rename(columns=_defused).rename_axis(index=_defused(safe.index.name))


def _defused_all(column: pd.Series) -> pd.Series:
    """Return a column with its dangerous texts marked; looked at closely only where there may be any."""
    if pd.api.types.is_string_dtype(column) and not column.str.contains(DANGEROUS, regex=True, na=False).any():
        return column
    return column.map(_defused)


def _defused(value: Any) -> Any:
    starts = isinstance(value, str) and re.search(DANGEROUS, value)
    return f"'{value}" if starts and value.strip() else value
