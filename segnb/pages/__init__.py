"""HTML pages. Here is what all of them share: a style, one script, the policy that lets nothing else run."""

import hashlib
from base64 import b64encode
from functools import cache
from pathlib import Path

import jinja2

from segnb.text import label, percent, segment_colour, visible

TEMPLATES = Path(__file__).parent / "templates"


def look() -> dict[str, str]:
    """Return `css`, `js` and `policy`: no network, only pictures that are in the page, and no script but this one.

    >>> look()["policy"].split("; ")[:2]
    ["default-src 'none'", 'img-src data:']
    """
    css, js = ((TEMPLATES / f"page.{kind}").read_text(encoding="utf-8") for kind in ("css", "js"))
    digest = b64encode(hashlib.sha256(js.encode()).digest()).decode()
    policy = f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    return {"css": css, "js": js, "policy": policy}


def _shown(value: object) -> object:
    """Return a value for a template: text with what is unseen in it shown, what is HTML already as it is."""
    return value if hasattr(value, "__html__") else visible(value)


def render(template: str, **values: object) -> str:
    """Return a page made from a template; all text in HTML is escaped, and what is unseen in it shown.

    Parameters
    ----------
    template : str
        Its name in the folder of templates.
    **values : object
        What the template names, besides `look`.

    >>> "&lt;b&gt;" in render("paper.html.j2", title="<b>", body="")
    True
    """
    return _templates().get_template(template).render(look=look(), **values)


@cache
def _templates() -> jinja2.Environment:
    loader, escaped = jinja2.FileSystemLoader(TEMPLATES), jinja2.select_autoescape(["html.j2"])
    environment = jinja2.Environment(loader=loader, autoescape=escaped, finalize=_shown)
    environment.filters |= {"percent": percent, "label": label, "segment_colour": segment_colour}
    return environment
