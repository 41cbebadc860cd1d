"""What the command line shows while a run is made: a bar on a terminal, plain lines elsewhere."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from segnb.paths import STEPS


class Lines:
    """A line when a step is done, for logs and schedulers."""

    def __init__(self, stream: TextIO):
        self._stream = stream

    def start(self, step: str, n_cells: int) -> None:
        """Say nothing yet."""

    def advance(self) -> None:
        """Say nothing yet."""

    def finish(self, step: str, seconds: float) -> None:
        """Say that a step is done."""
        print(f"{STEPS.index(step) + 1}/{len(STEPS)} {step} done in {seconds:.1f} s", file=self._stream, flush=True)

    def stop(self) -> None:
        """Say nothing: lines need no end."""


class Bar:
    """A bar per step that moves with every cell."""

    def __init__(self, bars):
        self._bars = bars
        self._task = None

    def start(self, step: str, n_cells: int) -> None:
        """Begin the bar of a step."""
        self._task = self._bars.add_task(f"{STEPS.index(step) + 1} {step}", total=n_cells)

    def advance(self) -> None:
        """Move the bar on by a cell."""
        self._bars.advance(self._task)

    def finish(self, step: str, seconds: float) -> None:
        """Fill the bar."""
        self._bars.update(self._task, completed=self._bars.tasks[self._task].total)

    def stop(self) -> None:
        """Give the terminal its cursor back."""
        self._bars.stop()


@contextmanager
def make_progress(stream: TextIO) -> Iterator[Lines | Bar]:
    """Yield what suits the stream: bars on a terminal, lines elsewhere."""
    if not stream.isatty():
        yield Lines(stream)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = TextColumn("{task.description:<12}"), BarColumn(), TimeElapsedColumn()
    with Progress(*columns, console=Console(file=stream)) as bars:
        yield Bar(bars)
