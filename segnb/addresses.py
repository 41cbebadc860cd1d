"""Addresses of engines: no secret is taken in one, and none is shown."""

import re
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit

EMBEDDED = "duckdb://"
"""DuckDB inside this process, without tables of its own: it reads files."""

SECRET = re.compile(r"(?i)pass|pwd|secret|token|key|credential")
"""A part of an address with such a name holds a secret."""


def holds_secret(address: str) -> bool:
    """Return whether an address has a password, or a parameter that is called like one.

    >>> holds_secret("postgres://ann:s3cret@host/shop"), holds_secret("postgres://ann@host/shop?sslmode=require")
    (True, False)
    """
    parts = _split(address)
    return bool(parts.password) or any(SECRET.search(name) for name, _ in parse_qsl(parts.query))


def shown(address: str) -> str:
    """Return an address without its secrets.

    >>> shown("postgres://ann:s3cret@host:5432/shop?token=abc&sslmode=require")
    'postgres://ann@host:5432/shop?sslmode=require'
    >>> shown("polars://")
    'polars://'
    """
    parts = _split(address)
    user, at, host = parts.netloc.rpartition("@")
    query = urlencode([(name, value) for name, value in parse_qsl(parts.query) if not SECRET.search(name)])
    return f"{parts.scheme}://{user.partition(':')[0]}{at}{host}{parts.path}{'?' if query else ''}{query}"


def _split(address: str) -> SplitResult:
    """Return the parts of an address; one that is none has a kind and nothing else that could be shown."""
    try:
        return urlsplit(address)
    except ValueError:
        return urlsplit(address.partition("://")[0] + "://")
