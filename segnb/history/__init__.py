"""What runs have to do with each other: numbers, names, scoring a new table, and here the series that they make."""

from typing import Any

import pandas as pd

from segnb.errors import RunError
from segnb.runs.store import Run, read_manifest
from segnb.text import number, percent


def series_of(run: Run, previous: str) -> tuple[list[Run], list[str]]:
    """Return a run with those before it, the earliest first, and notes on where the series breaks off.

    Parameters
    ----------
    run : Run
    previous : str
        The run that it is compared with; that one's manifest names the one before it, and so on.
    """
    found = [run]
    while previous and previous not in {each.name for each in found}:
        earlier = Run(previous)
        try:
            recorded = read_manifest(earlier.folder)["parameters"]
        except RunError:
            gone = f"The series begins with {found[0].name}; the run before it, {previous}, is not there any more."
            return found, [gone]
        found.insert(0, earlier)
        previous = recorded.get("previous", "")
    return found, []


def timeline(runs: list[Run], decision: str = "") -> pd.DataFrame:
    """Return a row per run with what its artifacts say; what a missing artifact would say is missing.

    Parameters
    ----------
    runs : list of Run
    decision : str, default ""
        That of the last run, where it is not written yet.

    Returns
    -------
    DataFrame
        `run`, `as_of`, `customers`, `k`, `verdict`, `silhouette` (of all segments, -1 to 1), `decision`, and a column
        `segment_N` per segment with its share of the customers, 0 to 1.
    """
    rows = [_row(run) for run in runs]
    shares = {name for row in rows for name in row if name.startswith("segment_")}
    shares = sorted(shares, key=lambda name: int(name.removeprefix("segment_")))
    columns = ["run", "as_of", "customers", "k", "verdict", "silhouette", "decision", *shares]
    table = pd.DataFrame(rows, columns=columns).astype({"customers": "Int64", "k": "Int64", "silhouette": "float64"})
    if decision:
        table.loc[table.index[-1], "decision"] = decision
    return table


def timeline_text(table: pd.DataFrame) -> str:
    """Return the timeline as lines for a terminal, the sizes in one column.

    >>> print(timeline_text(pd.DataFrame({"run": ["june"], "k": [2], "silhouette": [0.31], "segment_1": [0.6]})))
     run  k  silhouette sizes
    june  2        0.31   60%
    """
    sizes = table.filter(regex=r"^segment_\d+$")
    words = [" ".join(percent(share) for share in row if not pd.isna(share)) for row in sizes.to_numpy(dtype=float)]
    shown = table.drop(columns=sizes.columns).assign(sizes=words)
    shown = shown.astype(dict.fromkeys(shown.select_dtypes("number"), "float64"))
    return shown.to_string(index=False, na_rep="–", float_format=lambda value: number(value, 2))


def _row(run: Run) -> dict[str, Any]:
    choice, made, decision = (run.read_or(name, {}) for name in ("choice.json", "prepare.json", "decision.json"))
    evidence = run.read_or("evidence.csv", pd.DataFrame(columns=["k", "silhouette"]))
    segments = run.read_or("segments.parquet", pd.DataFrame(columns=["segment"]))["segment"]
    known = {
        "run": run.name,
        "as_of": made.get("as_of") or "",
        "customers": len(segments) or None,
        "k": choice.get("k"),
        "verdict": choice.get("verdict", ""),
        "silhouette": evidence.set_index("k")["silhouette"].get(choice.get("k")),
        "decision": decision.get("decision", ""),
    }
    sizes = segments.value_counts(normalize=True).sort_index()
    return known | {f"segment_{segment}": share for segment, share in sizes.items()}
