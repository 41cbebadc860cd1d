"""The runs of a series, each compared with the one before: what became of k, of the segments and of the decision."""

import pandas as pd

from segnb.errors import SegnbError
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
    found, notes = [run], []
    while previous and previous not in {each.name for each in found}:
        earlier = Run(previous)
        try:
            recorded = read_manifest(earlier.folder)["parameters"]
        except SegnbError:
            notes = [f"The series begins with {found[0].name}; the run before it, {previous}, is not there any more."]
            break
        found.insert(0, earlier)
        previous = recorded.get("previous", "")
    return found, notes


def timeline(runs: list[Run], decision: str = "") -> pd.DataFrame:
    """Return one row per run of what its artifacts tell; what an artifact that is not there would tell is missing.

    Parameters
    ----------
    runs : list of Run
    decision : str
        That of the last run, where it is not written yet.

    Returns
    -------
    DataFrame
        `run`, `as_of`, `customers`, `k`, `verdict`, `silhouette` (of all segments, -1 to 1), `decision`, and a column
        `segment_N` per segment with its share of the customers.
    """
    table = pd.DataFrame([_row(run) for run in runs])
    table = table.astype({"customers": "Int64", "k": "Int64", "silhouette": "float64"})
    if decision:
        table.loc[table.index[-1], "decision"] = decision
    shares = sorted((name for name in table if name.startswith("segment_")), key=lambda name: int(name[8:]))
    return table[["run", "as_of", "customers", "k", "verdict", "silhouette", "decision", *shares]]


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


def _row(run: Run) -> dict[str, object]:
    choice, there = _read(run, "choice.json") or {}, run.artifacts()
    evidence = _read(run, "evidence.csv")
    at_k = evidence.loc[evidence["k"] == choice.get("k"), "silhouette"] if evidence is not None else []
    segments = _read(run, "segments.parquet")
    sizes = segments["segment"].value_counts(normalize=True) if segments is not None else {}
    return {
        "run": run.name,
        "as_of": (_read(run, "prepare.json") or {}).get("as_of") or "",
        "customers": len(segments) if segments is not None else None,
        "k": choice.get("k"),
        "verdict": choice.get("verdict", ""),
        "silhouette": float(at_k.iloc[0]) if len(at_k) else None,
        "decision": (_read(run, "decision.json") or {}).get("decision", "") if "decision.json" in there else "",
        **{f"segment_{number}": float(share) for number, share in sorted(dict(sizes).items())},
    }


def _read(run: Run, name: str):
    """Return an artifact, or None where it is not there or cannot be read."""
    try:
        return run.read(name) if name in run.artifacts() else None
    except SegnbError:
        return None
