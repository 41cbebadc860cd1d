"""Give customers that a run has not seen the run's segments."""

import os
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from sklearn import config_context
from threadpoolctl import threadpool_limits

from segnb.cluster import assign
from segnb.data import column_names, load_customers, read_customers
from segnb.errors import DataError
from segnb.history.numbering import names_of
from segnb.history.snapshots import snapshot_of
from segnb.iterate import Snapshot
from segnb.parameters import Parameters, check_parameters
from segnb.paths import why, write_whole
from segnb.prepare import check_numeric, numbers
from segnb.runs.store import Run, write_csv
from segnb.text import listed, percent

BLOCK = 125_000
"""Customers that a thread scores at a time."""


@dataclass(frozen=True)
class Scores:
    """Customers with the segments that a run gives them.

    Attributes
    ----------
    table : DataFrame
        Indexed by customer id: `segment` (missing where the run's rules drop the customer), `name`, `confidence`
        (0 on the border of two segments to 1 at the centre) and `unlike`, true for customers further from every
        centre than 99 % of the run's own.
    notes : list of str
        What was counted on the way.
    """

    table: pd.DataFrame
    notes: list[str]

    def sentence(self) -> str:
        """Return how many customers came into which segment, in words."""
        sizes = self.table["segment"].value_counts().sort_index()
        into = listed([f"{size:,} in {segment}" for segment, size in sizes.items()])
        return f"{len(self.table):,} customers: {into}; {percent(self.table['unlike'].mean())} unlike anyone before"


def read_new_customers(run: Run, source: str, given: Mapping[str, Any] | None = None) -> pd.DataFrame:
    """Return the customers in a file, read with the settings that the run was made with.

    Parameters
    ----------
    run : Run
        Of which steps 1 to 3 are done.
    source : str
        One row per customer with the run's columns or, for a run that was made from a purchase log, a log: it is
        aggregated as the run's own was, as of the day after its last purchase.
    given : mapping of str to object, optional
        Parameters of step 1 that differ from the run's, for instance `as_of` or `reading`.

    Raises
    ------
    DataError
        If the file cannot be read with these settings.
    """
    settings, made = settings_of(run, given), run.read("prepare.json")
    if is_log(column_names(source, settings.reading), settings, made["columns"]):
        needed = {} if set(made["columns"]) - set(made.get("behaviours", ())) else {"customers": ""}
        new = settings.model_copy(update={"purchases": source} | needed)
        return load_customers(new, categories=made["categories"]).table
    return read_customers(settings.model_copy(update={"customers": source, "purchases": ""}))[0]


def settings_of(run: Run, given: Mapping[str, Any] | None = None) -> Parameters:
    """Return the settings a run was made with, for another table: without its date and its file's checksum."""
    recorded = run.read("prepare.json")["settings"]
    reading = {name: value for name, value in recorded["reading"].items() if name != "sha256"}
    return check_parameters(recorded | {"as_of": "", "reading": reading} | dict(given or {}))


def is_log(there: Iterable[str], settings: Parameters, columns: Iterable[str]) -> bool:
    """Return whether a table with these columns is a purchase log as the run's own was, and not the run's columns."""
    elsewhere = {"category"} if settings.products else set()
    names = {name for meaning, name in settings.purchase_columns.items() if meaning not in elsewhere}
    of_a_log = {settings.customer_id, *names}
    return bool(settings.purchases) and of_a_log <= set(there) and not set(columns) <= set(there)


def score_customers(run: Run, customers: pd.DataFrame) -> Scores:
    """Return the segments that a run's own pipeline and model give to customers.

    Parameters
    ----------
    run : Run
        Of which steps 1 to 3 are done; the names are those of step 4 if that is done.
    customers : DataFrame
        One row per customer, original units; columns are taken by name, others are left out.

    Raises
    ------
    DataError
        If columns are missing (all are listed), are no numbers, or hold infinite or absurd values.
    TypeError
        If `customers` is no DataFrame: columns without names could be in any order.
    """
    if not isinstance(customers, pd.DataFrame):
        raise TypeError(f"customers: a DataFrame whose columns have the run's names, not {type(customers).__name__}")
    snapshot, made = snapshot_of(run), run.read("prepare.json")
    check_there(snapshot.label, snapshot.columns, customers.columns)
    check_numeric(customers[snapshot.columns], "score")
    used = customers[snapshot.columns]
    keep = used.notna().all(axis=1) if made["settings"]["missing"] == "drop" else pd.Series(True, index=used.index)
    table = _score(snapshot, used[keep.to_numpy()]).reindex(used.index) if not keep.all() else _score(snapshot, used)
    table.insert(1, "name", table["segment"].map(names_of(run)))
    table = table.astype({"segment": "Int64"}).assign(unlike=table["unlike"].fillna(False).astype(bool))
    notes = _notes(customers, snapshot.customers, snapshot.columns, int((~keep).sum()))
    if beyond := int((table["segment"].isna() & keep.to_numpy()).sum()):
        notes.append(f"Without a segment because of a value of which the run's logarithm is none: {beyond:,}.")
    return Scores(table, notes)


def write_scores(scores: Scores, path: Path) -> None:
    """Write the scores to a csv or parquet file, whole or not at all.

    Raises
    ------
    DataError
        If the file cannot be written, or its name ends otherwise.
    """
    writers: dict[str, Callable[[Path], Any]] = {
        ".csv": lambda beside: write_csv(scores.table, beside),
        ".parquet": lambda beside: scores.table.to_parquet(beside),
    }
    if path.suffix.lower() not in writers:
        raise DataError(f"{path}: files ending in {path.suffix!r} are not written; allowed are {', '.join(writers)}")
    try:
        write_whole(path, writers[path.suffix.lower()])
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({why(error)}); name a file where you may write") from None


def check_there(run: str, columns: Iterable[str], there: Iterable[str]) -> None:
    """Raise a `DataError` that lists all columns that a run was made from and that are not there."""
    missing = [name for name in columns if name not in set(there)]
    if missing:
        raise DataError(
            f"no column {', '.join(map(repr, missing))}, from which {run} was made; the columns here are "
            f"{', '.join(map(str, there))}; give a table with those of the run's labelled.csv"
        )


def _score(snapshot: Snapshot, customers: pd.DataFrame) -> pd.DataFrame:
    """Return segment, confidence and unlike, computed block by block in as many threads as there are cores.

    Segment and confidence are missing where the run's logarithm has no value.
    """
    farthest = snapshot.farthest  # before there are threads

    def score(block: pd.DataFrame) -> pd.DataFrame:
        with config_context(assume_finite=True):  # infinite values were refused before
            features = snapshot.features(block)
            known = features.notna().all(axis=1)  # a logarithm may have no value
            found = assign(snapshot.model, features if known.all() else features[known], snapshot.numbers)
            found = found if known.all() else found.reindex(block.index)
            return found.assign(unlike=snapshot.reach(block) > farthest)

    values = numbers(customers)
    if values.empty:
        return pd.DataFrame({"segment": [], "confidence": [], "unlike": []}, index=values.index)
    blocks = [values.iloc[begin : begin + BLOCK] for begin in range(0, len(values), BLOCK)]
    with threadpool_limits(1), ThreadPoolExecutor(os.cpu_count()) as pool:
        return pd.concat(pool.map(score, blocks))


def _notes(customers: pd.DataFrame, known: pd.DataFrame, columns: list[str], dropped: int) -> list[str]:
    """Return what was counted: values that were filled, levels never seen, columns nobody knows."""
    notes = [f"Without a segment because of a missing value, as in the run: {dropped:,}."] if dropped else []
    filled = {} if dropped else customers[columns].isna().sum()
    notes += [f"{name}: {count:,} missing values filled as in the run." for name, count in filled.items() if count]
    for name in known.select_dtypes(exclude="number"):
        if name in customers:
            there = customers[name].dropna().astype(str)
            new = there[~there.isin(known[name].dropna().astype(str).unique())]
            if len(new):
                levels = listed([repr(level) for level in sorted(new.unique())[:5]])
                notes.append(
                    f"{name}: {len(new):,} customers have a value that the run has not seen, such as {levels}."
                )
    strange = [str(name) for name in customers if name not in known]
    return notes + ([f"Columns that the run does not know are left out: {', '.join(strange)}."] if strange else [])
