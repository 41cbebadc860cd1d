"""What is somebody's text goes out through here, into HTML or Markdown, and nothing of it is markup."""

import html
import re
from typing import Any

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
    one_line = html.escape(" ".join(visible(text).split()), quote=False)
    return re.sub(r"([\\`*_\[\]#|~])", r"\\\1", one_line).replace("://", "&#58;//")  # or it would be made a link
