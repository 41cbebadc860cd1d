"""Segment numbers and names that last: carried over from an earlier run, given as a parameter, or kept in a file."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist, pdist
from sklearn.cluster import KMeans
from sklearn.pipeline import Pipeline

from segnb.cluster import fit_segments, number_by_size, reorder
from segnb.data import has_ids
from segnb.errors import DataError, RunError
from segnb.history.snapshots import snapshot_of
from segnb.iterate import match_segments
from segnb.parameters import Parameters, check_parameters
from segnb.paths import outputs_folder
from segnb.prepare import inputs
from segnb.runs.store import Run

_FEW_SHARED = 0.1
"""If the runs share less than this part of the smaller one's customers, centres are matched and not customers."""


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

    Examples
    --------
    >>> Numbering([1, 3], [1, 2, 3], {3: "Regulars"}, "june").sentence()
    'Numbers and names are those of june; a segment that was not there has a new number.'
    """

    numbers: list[int]
    used: list[int]
    names: dict[int, str] = field(default_factory=dict)
    carried_from: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", {int(number): name for number, name in self.names.items()})

    def to_dict(self) -> dict[str, Any]:
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

    Parameters
    ----------
    k : int
        Number of segments.
    note : str, optional
        Why none were carried over.

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
        Fitted again.
    survivors : mapping of int to int
        From a centre's position in the model to the number of the earlier segment that it continues.
    used : sequence of int
        Numbers given before; a segment that continues none gets one above them all.
    names : mapping of int to str
        Names of the earlier segments.
    source : str
        The earlier run.

    >>> model = KMeans(2, n_init=1, random_state=0).fit([[0.0], [0.0], [9.0]])
    >>> carry_numbers(model, {0: 4}, used=[1, 4], names={4: "Regulars"}, source="june")[1].numbers
    [4, 5]
    """
    new = count(max({*used, *survivors.values()}, default=0) + 1)
    given = {position: survivors.get(position) or next(new) for position in range(model.n_clusters)}
    order = sorted(given, key=given.__getitem__)
    numbers = [given[position] for position in order]
    kept = {number: name for number, name in names.items() if number in survivors.values()}
    return reorder(model, order), Numbering(numbers, sorted({*used, *numbers}), kept, source)


def number_segments(
    run: Run, parameters: Parameters, model: KMeans, features: pd.DataFrame
) -> tuple[KMeans, Numbering]:
    """Return the model with its centres in the order of the segments' numbers, and the numbers.

    With `start_from` k-means is fitted again from that run's centres, and keeps its numbers. Another model is
    matched with the run `previous`: a segment in which most of an earlier one's customers go on has its number and
    name. Where the two runs share few customers, centres are matched instead, in the earlier run's scaled space, if
    they lie nearer than half the distance of that run's nearest two. Without either run the largest segment is 1.

    Parameters
    ----------
    run : Run
        With the customers that step 1 wrote.
    parameters : Parameters
        `start_from` and `previous` are used.
    model : KMeans
        Fitted to `features`.
    features : DataFrame of shape (n_customers, n_features)
        The scaled matrix.

    Returns
    -------
    model : KMeans
        A copy; its centres and labels in the order of the numbers.
    numbering : Numbering

    Raises
    ------
    RunError
        If an artifact of the earlier run is missing or damaged.
    """
    model = number_by_size(model)
    if parameters.start_from:
        earlier = Run(parameters.start_from)
        start = _earlier_centres(earlier, run.read("prepare.skops"), run.read("prepare.json")["columns"])
        model = fit_segments(features, model.n_clusters, seed=parameters.seed, start=start)
        survivors = dict(enumerate(numbering_of(earlier).numbers))
    elif parameters.previous:
        earlier = Run(parameters.previous)
        try:
            survivors = _survivors(run, earlier, model, features)
        except RunError as error:
            return model, first_numbering(model.n_clusters, f"Numbers and names begin again: {error}.")
    else:
        return model, first_numbering(model.n_clusters)
    return carry_numbers(model, survivors, numbering_of(earlier).used, _given_names(earlier), earlier.name)


def inherit_k(parameters: Parameters) -> tuple[Parameters, str]:
    """Return the parameters with the k of the run `previous` unless k is given, and that run's name, "" if not used.

    So next month's segments are those of last month as long as nobody asks for another number.

    Parameters
    ----------
    parameters : Parameters
        `previous` and `k` are used.

    Raises
    ------
    RunError
        If the earlier run's numbers are missing or damaged.

    >>> inherit_k(Parameters(k=4))[1]
    ''
    """
    if parameters.k or not parameters.previous:
        return parameters, ""
    earlier = Run(parameters.previous)
    return parameters.model_copy(update={"k": len(numbering_of(earlier).numbers)}), earlier.name


def _earlier_centres(earlier: Run, pipeline: Pipeline, columns: list[str]) -> pd.DataFrame:
    """Return the centres of an earlier run's segments in the scaled space of a pipeline."""
    customers, segments = earlier.read("customers.parquet"), earlier.read("segments.parquet")["segment"]
    if missing := [name for name in columns if name not in customers]:
        raise DataError(
            f"start_from: that run has no column {', '.join(missing)}; start from a run with the same columns"
        )
    return pipeline.transform(inputs(customers[columns])).groupby(segments).mean()


def _survivors(run: Run, earlier: Run, model: KMeans, features: pd.DataFrame) -> dict[int, int]:
    """Return which segments continue which earlier ones: by customers or, if few are shared, by centres."""
    now = pd.Series(model.labels_, index=features.index)
    before = earlier.read("segments.parquet")["segment"]
    known = has_ids(features) and has_ids(before)
    shared = before.index.intersection(now.index) if known else before.index[:0]
    if len(shared) >= _FEW_SHARED * min(len(before), len(now)):
        matches = match_segments(before, now).query("fate == 'survived'")
        return dict(zip(matches["current"].astype(int), matches["previous"].astype(int)))
    previous = snapshot_of(earlier)
    old = previous.model.cluster_centers_
    new = previous.features(run.read("customers.parquet")).groupby(now).mean()
    apart = cdist(new, old)
    reach = pdist(old).min() / 2
    pairs = zip(*linear_sum_assignment(apart))
    return {int(new.index[i]): previous.numbers[j] for i, j in pairs if apart[i, j] < reach}


def numbering_of(run: Run) -> Numbering:
    """Return a run's numbers; for a run that kept none, those in its table of centres.

    Raises
    ------
    RunError
        If the run has no table of centres either.
    """
    try:
        return Numbering(**run.read("numbering.json"))
    except (RunError, TypeError):
        numbers = run.read("centres.csv")["segment"].astype(int).tolist()
        return Numbering(numbers, sorted(set(numbers)))


def numbered_alike(run: Run) -> list[Run]:
    """Return the earlier runs that are still there whose segment numbers a run carries, the latest first."""
    found, name = [], numbering_of(run).carried_from
    while name and name not in {run.name, *(each.name for each in found)} and "centres.csv" in Run(name).artifacts():
        found.append(Run(name))
        name = numbering_of(found[-1]).carried_from
    return found


def _given_names(run: Run) -> dict[int, str]:
    """Return the names that a person gave to a run's segments; none if it did not get to its cards."""
    with suppress(RunError):
        return {card["segment"]: card["name"] for card in run.read("cards.json") if not card["drafted"]}
    return {}


def names_file(run: str) -> Path:
    """Return where a run's names are kept, beside its folder, so that making the run again keeps them."""
    return outputs_folder() / f"{run}.names.yaml"


def persons_names(run: Run, given: Mapping[int, str]) -> tuple[dict[int, str], list[str]]:
    """Return the names that a person gave to segments, and notes.

    Those carried over from an earlier run, those of the file beside the run, and `given`, the later of these winning.
    A name for a segment that an earlier run had and this one does not is left out with a note.

    Parameters
    ----------
    run : Run
        Its file is `outputs/<run>.names.yaml`, lines such as `1: Regulars`.
    given : mapping of int to str
        The parameter `names`.

    Returns
    -------
    names : dict of int to str
        By segment number.
    notes : list of str
        A sentence for each name that is left out.

    Raises
    ------
    DataError
        If the file isn't a mapping of segment numbers to names.
    """
    numbering = numbering_of(run)
    names = numbering.names | _kept_names(names_file(run.name)) | dict(given)
    gone = sorted(set(names) & (set(numbering.used) - set(numbering.numbers)))
    notes = [f"Segment {number}, {names[number]}, is no longer there, so its name is not used." for number in gone]
    return {number: name for number, name in names.items() if number not in gone}, notes


def names_of(run: Run) -> dict[int, str]:
    """Return what a run's segments are called, by number: on its cards, else by a person, else by their number."""
    if "cards.json" in run.artifacts():
        return {card["segment"]: card["name"] for card in run.read("cards.json")}
    numbering = numbering_of(run)
    return {number: numbering.names.get(number, f"segment {number}") for number in numbering.numbers}


def _kept_names(path: Path) -> dict[int, str]:
    if not path.is_file():
        return {}
    try:
        return check_parameters({"names": yaml.safe_load(path.read_text(encoding="utf-8")) or {}}).names
    except (OSError, ValueError, yaml.YAMLError) as error:
        words = " ".join(str(error).split())
        raise DataError(f"{path}: {words}; write a line per segment, for instance 1: Regulars") from None
