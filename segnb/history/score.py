"""Give a run's segments to customers that it has not seen."""

import os
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype
from sklearn import config_context
from threadpoolctl import threadpool_limits

from segnb.cluster import assign
from segnb.data import column_names, dates_as_days, load_customers, read_customers
from segnb.errors import DataError
from segnb.history.numbering import names_of
from segnb.history.snapshots import snapshot_of
from segnb.iterate import Snapshot
from segnb.parameters import Parameters, check_parameters
from segnb.paths import writable, write_whole
from segnb.prepare import check_columns_used
from segnb.runs.store import Run
from segnb.tables import write_csv
from segnb.text import listed, percent

_BLOCK = 125_000
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
        return sizes_sentence(self.table["segment"].value_counts(), len(self.table), self.table["unlike"].sum())


def sizes_sentence(sizes: pd.Series, customers: int, unlike: int) -> str:
    """Return how many customers came into which segment, in words.

    >>> sizes_sentence(pd.Series({2: 40, 1: 60}), 100, 3)
    '100 customers: 60 in 1 and 40 in 2; 3.0% unlike anyone before'
    """
    into = listed([f"{size:,} in {segment:.0f}" for segment, size in sizes.sort_index().items()])
    return f"{customers:,} customers: {into}; {percent(unlike / max(customers, 1))} unlike anyone before"


def read_new_customers(run: Run, source: str, given: Mapping[str, Any] | None = None) -> pd.DataFrame:
    """Return the customers in a file, read with the settings that the run was made with.

    Parameters
    ----------
    run : Run
        Steps 1 to 3 must be done.
    source : str
        One row per customer with the run's columns or, for a run that was made from a purchase log, a log: it is
        aggregated as the run's own was, as of the day after its last purchase.
    given : mapping of str to object, optional
        Parameters of step 1 that differ from the run's, for instance `as_of` or `reading`.

    Returns
    -------
    DataFrame
        One row per customer, indexed by id, original units.

    Raises
    ------
    DataError
        If the file cannot be read with these settings.
    """
    settings, made = settings_of(run, given), run.read("prepare.json")
    if takes_log(column_names(source, settings.reading), settings, made["columns"]):
        needed = {} if set(made["columns"]) - set(made.get("behaviours", ())) else {"customers": ""}
        new = settings.model_copy(update={"purchases": source} | needed)
        return load_customers(new, categories=made["categories"]).table
    table = read_customers(settings.model_copy(update={"customers": source, "purchases": ""}))[0]
    return dates_as_days(table, settings.as_of or made["as_of"] or "")[0]


def settings_of(run: Run, given: Mapping[str, Any] | None = None) -> Parameters:
    """Return the settings a run was made with, for another table: without its date and its file's checksum."""
    recorded = run.read("prepare.json")["settings"]
    reading = {name: value for name, value in recorded["reading"].items() if name != "sha256"}
    return check_parameters(recorded | {"as_of": "", "reading": reading} | dict(given or {}))


def takes_log(there: Iterable[str], settings: Parameters, columns: Iterable[str]) -> bool:
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
        Steps 1 to 3 must be done; the names are those of step 4 if that is done.
    customers : DataFrame
        One row per customer, original units; columns are taken by name, others are left out.

    Raises
    ------
    DataError
        If columns are missing (all are listed), are not numbers, or hold infinite or absurd values.
    TypeError
        If `customers` isn't a DataFrame: columns without names could be in any order.
    """
    if not isinstance(customers, pd.DataFrame):
        raise TypeError(f"customers: a DataFrame whose columns have the run's names, not {type(customers).__name__}")
    snapshot = snapshot_of(run)
    check_there(snapshot.label, snapshot.columns, customers.columns)
    raw = customers[snapshot.columns]
    _check_kinds(raw, snapshot.customers)
    check_columns_used(raw.select_dtypes(["number", "bool"]), "score")
    drops = run.read("prepare.json")["settings"]["missing"] == "drop"
    dropped = (raw.isna().any(axis=1) & drops).to_numpy()
    table = _score_blocks(snapshot, raw, dropped)
    notes = _notes(customers, snapshot.customers, snapshot.columns, int(dropped.sum()))
    if beyond := int((table["segment"].isna() & ~dropped).sum()):
        notes.append(f"Without a segment because of a value that has no logarithm: {beyond:,}.")
    table.insert(1, "name", table["segment"].map(names_of(run)))
    return Scores(table.astype({"segment": "Int64"}), notes)


def _check_kinds(customers: pd.DataFrame, known: pd.DataFrame) -> None:
    """Refuse a column of texts where the run's holds numbers."""
    for name, column in customers.items():
        if is_numeric_dtype(known[name]) and not is_numeric_dtype(column):
            raise DataError(f"score: column {name!r} is {column.dtype}, not a number as in the run; repair it")


def _score_blocks(snapshot: Snapshot, customers: pd.DataFrame, dropped: np.ndarray) -> pd.DataFrame:
    """Return what `_score` does, block by block in as many threads as there are cores: scikit-learn scales in one."""
    _ = snapshot.farthest  # computed before there are threads
    places = [slice(begin, begin + _BLOCK) for begin in range(0, max(len(customers), 1), _BLOCK)]
    with threadpool_limits(1), ThreadPoolExecutor(os.cpu_count()) as pool:
        return pd.concat(pool.map(lambda at: _score(snapshot, customers.iloc[at], dropped[at]), places))


def _score(snapshot: Snapshot, customers: pd.DataFrame, dropped: np.ndarray) -> pd.DataFrame:
    """Return segment and confidence, both missing for customers who are dropped or have no logarithm, and unlike."""
    table = pd.DataFrame({"segment": np.nan, "confidence": np.nan, "unlike": False}, index=customers.index)
    if table.empty:
        return table
    with config_context(assume_finite=True):  # infinite values were refused before
        features = snapshot.features(customers)
        known = features.notna().all(axis=1).to_numpy() & ~dropped
        if known.any():
            found = assign(snapshot.model, features[known], snapshot.numbers)
            table.loc[known, found.columns] = found.to_numpy()
        return table.assign(unlike=snapshot.unlike(customers) & ~dropped)


def write_scores(scores: Scores, path: Path) -> None:
    """Write the scores to a csv or parquet file, whole or not at all.

    Raises
    ------
    DataError
        If the file cannot be written, or its name ends otherwise.
    """
    writers = {".csv": write_csv, ".parquet": pd.DataFrame.to_parquet}
    kind = path.suffix.lower()
    if kind not in writers:
        raise DataError(f"{path}: files ending in {path.suffix!r} are not written; allowed are {', '.join(writers)}")
    with writable(path, "name a file where you may write"):
        write_whole(path, lambda beside: writers[kind](scores.table, beside))


def check_there(run: str, columns: Iterable[str], there: Iterable[str]) -> None:
    """Raise a `DataError` that lists all columns that a run was made from and that are not there."""
    missing = [repr(name) for name in columns if name not in set(there)]
    if missing:
        raise DataError(
            f"no column {', '.join(missing)}, from which {run} was made; the columns here are "
            f"{', '.join(map(str, there))}; give a table with those of the run's labelled.csv or, if the run "
            "was made from one, a purchase log"
        )


def _notes(customers: pd.DataFrame, known: pd.DataFrame, columns: list[str], dropped: int) -> list[str]:
    """Return what was counted: values that were filled, levels never seen, columns that the run does not have."""
    notes = [f"Without a segment because of a missing value, as in the run: {dropped:,}."] if dropped else []
    filled = {} if dropped else customers[columns].isna().sum()
    notes += [f"{name}: {count:,} missing values filled as in the run." for name, count in filled.items() if count]
    for name in known.select_dtypes(exclude="number").columns.intersection(customers.columns):
        levels = customers[name].dropna().astype(str)
        new = levels[~levels.isin(known[name].dropna().astype(str))]
        if len(new):
            some = listed([repr(level) for level in sorted(new.unique())[:5]])
            notes.append(f"{name}: {len(new):,} customers have a value that the run has not seen, such as {some}.")
    strange = [str(name) for name in customers if name not in known]
    return notes + ([f"Columns that the run does not know are left out: {', '.join(strange)}."] if strange else [])
