"""All runs on one page: k, verdict, decision, sizes, and the way to each."""

from contextlib import suppress
from itertools import accumulate
from typing import Any

import pandas as pd

from segnb.errors import RunError
from segnb.history.snapshots import timeline
from segnb.pages import render
from segnb.paths import outputs_folder, write_whole
from segnb.runs.store import Run, read_manifest, run_names
from segnb.text import percent, segment_colours


def write_all_runs() -> None:
    """Write `index.html` into the outputs folder: a line for every published run, the latest first."""
    runs = [Run(name) for name in run_names()]
    rows = [_row(run, line) for run, (_, line) in zip(runs, timeline(runs).iterrows())]
    html = render("all_runs.html.j2", runs=sorted(rows, key=lambda row: row["finished"], reverse=True))
    write_whole(outputs_folder() / "index.html", lambda path: path.write_text(html, encoding="utf-8"))


def _row(run: Run, line: pd.Series) -> dict[str, Any]:
    sizes = line.filter(like="segment_").dropna()
    shares = {int(name.removeprefix("segment_")): float(share) for name, share in sizes.items()}
    known = line.astype(object).where(line.notna(), None).to_dict()
    return known | {
        "page": f"{run.name}/index.html" if (run.folder / "index.html").is_file() else "",
        "finished": _finished(run),
        "parts": _parts(shares),
        "words": ", ".join(f"segment {segment} {percent(share)}" for segment, share in shares.items()),
    }


def _parts(shares: dict[int, float]) -> list[dict[str, Any]]:
    """Return the parts of a bar, 160 wide."""
    colours, ends = segment_colours(shares), accumulate(shares.values())
    return [
        {"x": round(160 * (end - share), 2), "width": round(160 * share, 2), "colour": colours[segment]}
        for (segment, share), end in zip(shares.items(), ends)
    ]


def _finished(run: Run) -> str:
    with suppress(RunError):
        return str(read_manifest(run.folder).get("finished", ""))[:16].replace("T", " ")
    return "damaged"
