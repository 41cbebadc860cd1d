"""Segment numbers and names that last: carried over from an earlier run, given as a parameter, or kept in a file."""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import pandas as pd
import yaml
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist, pdist
from sklearn.cluster import KMeans

from segnb.cluster import Numbering, carry_numbers, first_numbering, fit_segments, number_by_size, start_centres
from segnb.data import has_ids
from segnb.errors import DataError, RunError
from segnb.history.snapshots import snapshot_of
from segnb.iterate import match_segments
from segnb.parameters import Parameters, check_parameters
from segnb.paths import outputs_folder
from segnb.runs.store import Run

_FEW_SHARED = 0.1
"""Below this share of the smaller run's customers in both runs, centres are matched and not customers."""


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
        start = start_centres(
            earlier.read("centres.csv"), run.read("prepare.skops"), run.read("prepare.json")["columns"]
        )
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


def _survivors(run: Run, earlier: Run, model: KMeans, features: pd.DataFrame) -> dict[int, int]:
    """Return which of the model's segments go on which earlier ones, by customers or, if few are shared, by centres."""
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
    """Return a run's numbers; those of a run that did not keep any are the ones in its table of centres.

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


def _given_names(run: Run) -> dict[int, str]:
    """Return the names that a person gave to a run's segments; none if it did not come to its cards."""
    with suppress(RunError):
        return {card["segment"]: card["name"] for card in run.read("cards.json") if not card["drafted"]}
    return {}


def names_file(run: str) -> Path:
    """Return where a run's names are kept, beside its folder, so that making the run again keeps them."""
    return outputs_folder() / f"{run}.names.yaml"


def persons_names(run: Run, given: Mapping[int, str]) -> tuple[dict[int, str], list[str]]:
    """Return the names that a person gave to segments, and notes.

    Those carried over from an earlier run, those of the file beside the run, and `given`, the later of these winning.
    A name for a segment that was there in an earlier run and is no more is left out with a note.

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
