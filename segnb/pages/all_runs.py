"""All runs on one page: k, verdict, decision, sizes, and the way to each."""

import pandas as pd

from segnb.errors import RunError
from segnb.history.series import timeline
from segnb.pages.page import render
from segnb.parameters import RUN_NAME
from segnb.paths import FAILED, outputs_folder, write_whole
from segnb.runs.store import MANIFEST, Run, read_manifest
from segnb.text import percent, segment_colours


def run_names() -> list[str]:
    """Return the names of all runs in the outputs folder, what failed runs left aside."""
    folders = (path.parent for path in outputs_folder().glob(f"[!.]*/{MANIFEST}") if not path.parent.is_symlink())
    names = (folder.name for folder in folders if not folder.name.endswith(FAILED))
    return sorted(name for name in names if RUN_NAME.fullmatch(name))


def write_all_runs() -> None:
    """Write `index.html` into the outputs folder."""
    runs = [Run(name) for name in run_names()]
    rows = [_row(run, line) for run, (_, line) in zip(runs, timeline(runs).iterrows())] if runs else []
    html = render("all_runs.html.j2", runs=sorted(rows, key=lambda row: row["finished"], reverse=True))
    write_whole(outputs_folder() / "index.html", lambda path: path.write_text(html, encoding="utf-8"))


def _row(run: Run, line: pd.Series) -> dict[str, object]:
    shares = {int(name.removeprefix("segment_")): float(share) for name, share in line.items() if _is_size(name, share)}
    colours, begin, parts = segment_colours(shares), 0.0, []
    for segment, share in shares.items():
        parts.append({"x": round(160 * begin, 2), "width": round(160 * share, 2), "colour": colours[segment]})
        begin += share
    known = {name: None if pd.isna(line[name]) else line[name] for name in ("customers", "k", "silhouette")}
    return known | {
        "name": run.name,
        "page": f"{run.name}/index.html" if (run.folder / "index.html").is_file() else "",
        "finished": _finished(run),
        "as_of": line["as_of"],
        "verdict": line["verdict"],
        "decision": line["decision"],
        "parts": parts,
        "words": ", ".join(f"segment {segment} {percent(share)}" for segment, share in shares.items()),
    }


def _is_size(name: str, share: object) -> bool:
    return name.startswith("segment_") and not pd.isna(share)


def _finished(run: Run) -> str:
    try:
        return str(read_manifest(run.folder).get("finished", ""))[:16].replace("T", " ")
    except RunError:
        return "damaged"
