"""A run on its way, and whom it tells how far it is."""

from dataclasses import dataclass, field
from typing import Any, Protocol

from segnb.parameters import Parameters


class Progress(Protocol):
    """What the runner tells whoever watches."""

    def start(self, step: str, n_cells: int) -> None:
        """Say that a step begins."""

    def advance(self) -> None:
        """Say that a cell is done."""

    def finish(self, step: str, seconds: float) -> None:
        """Say that a step is done."""


@dataclass
class Job:
    """One run on its way.

    Attributes
    ----------
    parameters : Parameters
    steps : list of str
        The steps to carry out.
    manifest : dict
        What will stand in `run.json`.
    """

    parameters: Parameters
    steps: list[str]
    manifest: dict[str, Any] = field(default_factory=dict)
