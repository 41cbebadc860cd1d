"""The three errors of the package, each written for an analyst to act on."""

from segnb.text import visible


class SegnbError(Exception):
    """A fault that the person running segnb can mend, in one line.

    >>> str(SegnbError("column 'a\\nb' is missing"))
    "column 'a b' is missing"
    """

    def __init__(self, words: str):
        super().__init__(visible(" ".join(words.split())))

    def _render_traceback_(self) -> list[str]:
        """Return what Jupyter shows: the line itself, not the frames that led to it."""
        return [f"{type(self).__name__}: {self}"]


class DataError(SegnbError, ValueError):
    """Parameters or data that cannot be used as they are: nothing is run (exit code 2)."""


class RunError(SegnbError):
    """A step or a run folder that is missing, damaged or failed (exit code 1)."""
