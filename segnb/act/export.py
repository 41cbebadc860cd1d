"""A run's segments for other tools: files in each target's format, and queries to take along."""

import hashlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from segnb.act.campaign import arms_of, plan_folder, read_plan
from segnb.act.experiment import LEFT_ALONE
from segnb.data import read_customers
from segnb.errors import DataError
from segnb.history.numbering import names_of, numbered_alike
from segnb.history.score import settings_of
from segnb.history.score_in_engine import segment_sql
from segnb.history.snapshots import snapshot_of
from segnb.paths import new_folder
from segnb.runs.store import Run
from segnb.tables import safe_csv
from segnb.text import listed

TARGETS: dict[str, dict[str, Any]] = yaml.safe_load(Path(__file__).with_name("targets.yaml").read_text("utf-8"))
"""How each target wants its files."""

_MAIL = re.compile(r"[^@\s,;\"'<>]+@[^@\s,;\"'<>]+\.[^@\s,;\"'<>]+")
_PHONE = re.compile(r"\+[1-9]\d{6,14}")
"""A number in the form of E.164, with the country's code."""


def for_target(customers: pd.DataFrame, target: str) -> tuple[dict[str, pd.DataFrame], int]:
    """Return the tables that a target takes, and how many customers it could not be given.

    Parameters
    ----------
    customers : DataFrame
        One row per customer: `id`, `segment`, `slug`, `name`, `confidence`, `arm`, `previous`, `since`, and `email` or
        `phone` where the target knows customers by them.
    target : str
        One of `TARGETS`.

    Returns
    -------
    tables : dict of str to DataFrame
        By what their files are called after: the target, or target and segment.
    without : int
        Customers who have no id that the target knows, or one that another has as well.

    Raises
    ------
    DataError
        If a column that the target needs is not there, or nobody has anything in it.

    >>> people = pd.DataFrame({"id": ["a"], "email": " Ann@Example.com ", "segment": 1, "name": "new"})
    >>> people = people.assign(slug="segment-1", confidence=0.5, arm="", previous="", since="")
    >>> tables, without = for_target(people, "google")
    >>> tables["google-segment-1"]["Email"].str[:12].tolist(), without
    (['71d4f55f72fa'], 0)
    """
    wanted = TARGETS[target]
    ids = {kind: header for kind, header in wanted["ids"].items() if kind in customers}
    if not ids:
        needed = " or ".join(f"--{kind} COLUMN" for kind in wanted["ids"])
        raise DataError(f"{target}: finds customers by {' or '.join(wanted['ids'])}; name that column with {needed}")
    known = customers.assign(**{kind: _normal(customers[kind], kind) for kind in ids})
    known = known[(known[list(ids)] != "").any(axis=1)]
    for kind in ids:
        known = known[(known[kind] == "") | ~known[kind].duplicated()]
    if known.empty:
        raise DataError(f"{target}: nobody has a valid {' or '.join(ids)}; name another column")
    without = len(customers) - len(known)
    called = pd.Series(target, index=known.index)
    if wanted.get("apart"):
        known = known[known["arm"] != LEFT_ALONE]
        called = f"{target}-" + known["slug"]
    if wanted.get("hashed"):
        hashes = known[list(ids)].map(lambda text: text and hashlib.sha256(text.encode()).hexdigest())
        known = known.assign(**hashes)
    headers = ids | wanted["fields"]
    fit = _fit(known, wanted)[list(headers)].rename(columns=headers)
    return {name: part for name, part in fit.groupby(called)}, without


def _normal(values: pd.Series, kind: str) -> pd.Series:
    """Return ids in their normal form; what is no e-mail or phone number is empty."""
    text = values.astype("str").where(values.notna(), "").str.strip()
    if kind == "email":
        text = text.str.lower()
        return text.where(text.str.fullmatch(_MAIL), "")
    if kind == "phone":
        text = text.str.replace(r"[\s().\-/]", "", regex=True).str.replace(r"^00", "+", regex=True)
        return text.where(text.str.fullmatch(_PHONE), "")
    return text


def _fit(table: pd.DataFrame, wanted: Mapping[str, Any]) -> pd.DataFrame:
    """Return a table with segment and arm as tags that holds no formula and, where wanted, no commas in names."""
    safe = safe_csv(table)
    phones = {"phone": table["phone"]} if "phone" in table else {}
    names = safe["name"].str.replace(",", "") if wanted.get("plain") else safe["name"]
    arms = (", segnb-" + table["arm"].str.replace(" ", "-")).where(table["arm"] != "", "")
    return safe.assign(name=names, tags="segnb-" + table["slug"] + arms, **phones)


def pieces(table: pd.DataFrame, wanted: Mapping[str, Any]) -> Iterator[bytes]:
    """Return a table as csv in UTF-8, in as many pieces as the target's largest file asks for, each with the header.

    Parameters
    ----------
    table : DataFrame
    wanted : mapping
        `bytes` and `rows`: the most that a file may have; without them there is one piece.

    >>> [piece.count(b"\\n") for piece in pieces(pd.DataFrame({"id": range(5)}), {"rows": 2})]
    [3, 2, 3]
    """
    whole = table.to_csv(index=False).encode()
    fits = len(table) <= wanted.get("rows", np.inf) and len(whole) <= wanted.get("bytes", np.inf)
    if fits or len(table) < 2:
        yield whole
    else:
        half = -(-len(table) // 2)
        yield from pieces(table[:half], wanted)
        yield from pieces(table[half:], wanted)


def customers_to_export(run: Run, contacts: Mapping[str, str]) -> pd.DataFrame:
    """Return the customers of a run as other tools are told of them.

    Parameters
    ----------
    run : Run
        Step 4 must be done.
    contacts : mapping of str to str
        The columns of the customer table, or of its id, with `email` and `phone`; empty for none.

    Returns
    -------
    DataFrame
        `id`, `segment`, `slug` (which no new name changes), `name`, `confidence`, `arm` (of the run's plan), `previous`
        (segment in the run before), `since` (the date from which on the customer has been in this segment, as far as
        the series tells), `email` and `phone` where they are given.

    Raises
    ------
    DataError
        If a column is not there.
    """
    now, runs = run.read("segments.parquet").round({"confidence": 3}), [run, *numbered_alike(run)]
    past = [each.read("segments.parquet")["segment"].rename(each.read("prepare.json")["as_of"] or "") for each in runs]
    past = pd.concat(past, axis=1).reindex(now.index)
    stayed = past.eq(past.iloc[:, 0], axis=0).astype(int).cumprod(axis=1)
    arms = arms_of(run, read_plan(run))["arm"] if plan_folder(run).exists() else pd.Series(dtype=str)
    return now.assign(
        id=now.index.astype(str),
        name=now["segment"].map(names_of(run)),
        slug="segment-" + now["segment"].astype(str),
        arm=arms.reindex(now.index).fillna(""),
        previous=past.iloc[:, 1].astype("Int64") if len(runs) > 1 else "",
        since=stayed.iloc[:, ::-1].idxmax(axis=1),
        **_contacts(run, contacts, now.index),
    )


def _contacts(run: Run, contacts: Mapping[str, str], ids: pd.Index) -> dict[str, pd.Series]:
    settings = settings_of(run)
    if not any(contacts.values()):
        return {}
    table = read_customers(settings)[0] if settings.customers else pd.DataFrame(index=ids)
    table = table.assign(**{settings.customer_id: table.index})
    if unknown := [column for column in contacts.values() if column and column not in table]:
        raise DataError(f"no column {', '.join(unknown)}; the customer table has {', '.join(map(str, table))}")
    return {kind: table[column].reindex(ids) for kind, column in contacts.items() if column}


def write_export(
    run: Run, target: str, contacts: Mapping[str, str], folder: Path, personal: bool = False
) -> tuple[list[Path], int]:
    """Write the files that a target takes into a new folder; return them, and how many customers are not in them.

    Parameters
    ----------
    run : Run
        Step 4 must be done.
    target : str
        One of `TARGETS`, or "sql" for queries in the dialects of `DIALECTS`.
    contacts : mapping of str to str
        See `customers_to_export`.
    folder : Path
    personal : bool, default False
        Whether e-mail addresses, phone numbers, or ids that are such, may be written.

    Raises
    ------
    DataError
        If the folder is there already, a column that the target needs is not, or personal data would be written.
    """
    if target not in {*TARGETS, "sql"}:
        raise DataError(f"{target}: no such target; allowed are {', '.join(TARGETS)} and sql")
    files, without = (_sql_files(run), 0) if target == "sql" else _files(run, target, contacts, personal)
    with new_folder(folder) as beside:
        for name, content in files.items():
            (beside / name).write_bytes(content)
    return [folder / name for name in files], without


def _files(run: Run, target: str, contacts: Mapping[str, str], personal: bool) -> tuple[dict[str, bytes], int]:
    """Return files by their names, and how many customers are not in them."""
    customers = customers_to_export(run, contacts)
    tables, without = for_target(customers, target)
    _check_personal(customers, target, personal)
    files = {}
    for called, table in tables.items():
        parts = list(pieces(table, TARGETS[target]))
        ends = [f"-{number}" for number in range(1, len(parts) + 1)] if len(parts) > 1 else [""]
        names = [f"{run.name}.{called}{end}".removesuffix(".csv") + ".csv" for end in ends]
        files |= dict(zip(names, parts))
    return files, without


def _check_personal(customers: pd.DataFrame, target: str, personal: bool) -> None:
    """Refuse to write what tells who somebody is, unless that was asked for."""
    ids = TARGETS[target]["ids"]
    named = [kind for kind in ("email", "phone") if kind in ids and kind in customers]
    if "id" in ids and customers["id"].str.fullmatch(_MAIL).any():
        named.append("ids that are e-mail addresses")
    if named and not personal:
        what = f"{len(customers):,} customers with {listed(named)}"
        raise DataError(f"{target}: {what} would be written; add --yes to allow it")


def _sql_files(run: Run) -> dict[str, bytes]:
    settings = settings_of(run)
    queries = segment_sql(snapshot_of(run), settings.customer_id, names_of(run), settings.seed)
    return {f"{run.name}.{dialect}.sql": query.encode() for dialect, query in queries.items()}
