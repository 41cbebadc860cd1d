"""The three errors of the package, each written for an analyst to act on."""


class SegnbError(Exception):
    """Something the person running segnb can put right."""


class DataError(SegnbError, ValueError):
    """Parameters or data that cannot be used as they are: nothing is run (exit code 2)."""


class RunError(SegnbError):
    """A step or a run folder that is missing, damaged or failed (exit code 1)."""
