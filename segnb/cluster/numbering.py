"""Numbers that segments keep from run to run."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

from sklearn.cluster import KMeans

from segnb.cluster.fit import reorder


@dataclass(frozen=True)
class Numbering:
    """The segments' numbers, and where they come from.

    Attributes
    ----------
    numbers : list of int
        In the order of the model's centres, ascending.
    used : list of int
        Every number that this line of runs has ever given; none of them is given again to another segment.
    names : dict of int to str
        A person's names that come with the numbers.
    carried_from : str
        The run that numbers and names were carried over from, or "".
    note : str
        Why none were carried over although an earlier run was named, or "".
    """

    numbers: list[int]
    used: list[int]
    names: dict[int, str] = field(default_factory=dict)
    carried_from: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", {int(number): name for number, name in self.names.items()})

    def to_dict(self) -> dict:
        """Return the numbering as plain types, ready for JSON."""
        return asdict(self)

    def sentence(self) -> str:
        """Return where the numbers come from, in words."""
        if self.note:
            return self.note
        if not self.carried_from:
            return "Segment 1 is the largest."
        return f"Numbers and names are those of {self.carried_from}; a segment that was not there has a new number."


def first_numbering(k: int, note: str = "") -> Numbering:
    """Return the numbers 1 to k.

    >>> first_numbering(3).numbers
    [1, 2, 3]
    """
    return Numbering(list(range(1, k + 1)), list(range(1, k + 1)), note=note)


def carry_numbers(
    model: KMeans, survivors: Mapping[int, int], used: Sequence[int], names: Mapping[int, str], source: str
) -> tuple[KMeans, Numbering]:
    """Return the model with its centres in the order of their numbers, and the numbers.

    Parameters
    ----------
    model : KMeans
        Fitted anew.
    survivors : mapping of int to int
        From a centre's position in the model to the number of the earlier segment that it continues.
    used : sequence of int
        Numbers given before; a segment that continues none gets one above them all.
    names : mapping of int to str
        Names of the earlier segments.
    source : str
        The earlier run.
    """
    taken, given = {*used, *survivors.values()}, dict(survivors)
    for position in range(model.n_clusters):
        if position not in given:
            given[position] = max(taken, default=0) + 1
            taken.add(given[position])
    order = sorted(given, key=given.__getitem__)
    numbers = [given[position] for position in order]
    kept = {number: name for number, name in names.items() if number in numbers and number in survivors.values()}
    return reorder(model, order), Numbering(numbers, sorted(taken), kept, source)
