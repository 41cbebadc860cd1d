"""The pages of a run, one per step and the summary, and the page of all runs."""

import re
from functools import cache
from itertools import takewhile
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd
from nbconvert import HTMLExporter

from segnb.errors import RunError
from segnb.history import series_of, timeline
from segnb.pages import TEMPLATES, look, render
from segnb.parameters import Parameters, changed_parameters, check_parameters
from segnb.paths import STEPS, notebook_path, outputs_folder, write_whole
from segnb.runs.store import Run, Workspace, read_manifest, run_names, unlike_previous
from segnb.text import as_set, label, paragraph, prose

_WORDS = prose(__file__)
_CONTENTS = "<!--contents-->"
"""Where the list of a page's parts goes."""

_ACTIVE = re.compile(r"(?s)<(script|button)\b.*?</\1>|<a class=.sk-estimator-doc-link.*?</a>|</?a\b[^>]*>")
"""What scikit-learn's diagram of a pipeline has besides the steps: a script, buttons, links that leave the page."""

_HOW_TO_READ = re.compile(r"(\*|<details><summary>)How to read ")

_MORE = 1.2
"""A segment that brings so many times its share of the customers is worth the headline."""

_SHOWN = {"prepare.json", "row_log.csv", "choice.json", "profiles.csv", "cards.json", "learnt.json", "decision.json"}
"""The artifacts that a summary tells of."""


def write_page(notebook: Path, run: str) -> None:
    """Write the HTML page of an executed notebook beside it: prose, results, its code folded, nothing from outside.

    Parameters
    ----------
    notebook : Path
        The executed notebook, in the run's folder.
    run : str
        The run's name.
    """
    document = nbformat.read(notebook, as_version=4)
    document.cells = [cell for at, cell in enumerate(document.cells) if not _reads_nothing(document.cells[: at + 1])]
    document.cells = [cell for at, cell in enumerate(document.cells) if not _heads_nothing(document.cells[at:])]
    for cell in document.cells:
        for output in cell.get("outputs", []):
            if "text/html" in output.get("data", {}):
                output.data["text/html"] = _ACTIVE.sub("", output.data["text/html"])
        if cell.cell_type == "markdown":
            cell.source = re.sub(r"\]\((\d\d_\w+)\.ipynb\)", r"](\1.html)", cell.source)
    pages = [_link(step) | {"here": notebook_path(step).name == notebook.name} for step in STEPS]
    title = next(page["name"] for page in pages if page["here"])
    html, _ = _exporter().from_notebook_node(
        document, resources={"segnb": look() | {"title": title, "run": run, "pages": pages}}
    )
    html = _with_contents(html)
    write_whole(notebook.with_suffix(".html"), lambda path: path.write_text(html, encoding="utf-8"))


def _reads_nothing(cells: list[nbformat.NotebookNode]) -> bool:
    """Return whether the last cell says how to read what the code cells just before it didn't show."""
    *before, last = cells
    if last.cell_type != "markdown" or not _HOW_TO_READ.match(last.source):
        return False
    code = list(takewhile(lambda cell: cell.cell_type == "code", reversed(before)))
    return not _shows_something(code[:1] if last.source.startswith("*How to read it") else code)


def _heads_nothing(cells: list[nbformat.NotebookNode]) -> bool:
    """Return whether the first cell is the heading, and nothing else, of code cells that show nothing."""
    first, *others = cells
    code = list(takewhile(lambda cell: cell.cell_type == "code", others))
    follows = others[len(code)].source if len(code) < len(others) else "## "
    alone = first.cell_type == "markdown" and first.source.startswith("## ") and "\n" not in first.source
    return alone and follows.startswith(("## ", "**What this does not show")) and not _shows_something(code)


def _shows_something(cells: list[nbformat.NotebookNode]) -> bool:
    shown = [output.get("data", {}) for cell in cells for output in cell.outputs]
    return any(data.get("text/html") or "image/svg+xml" in data for data in shown)


@cache
def _exporter() -> HTMLExporter:
    given = {"template_name": "step", "extra_template_basedirs": [str(TEMPLATES)], "exclude_anchor_links": True}
    return HTMLExporter(**given)


def _link(step: str) -> dict[str, Any]:
    page = notebook_path(step).with_suffix(".html").name
    return {"href": page, "name": f"{page[1]} · {label(step).capitalize()}"}


def _with_contents(html: str) -> str:
    """Return a page whose headings have names, with the list of them in its place."""
    parts: list[str] = []

    def named(found: re.Match) -> str:
        parts.append(found[1])
        return f'<h2 id="part-{len(parts)}">{found[1]}</h2>'

    html = re.sub(r"<h2>(.+?)</h2>", named, html)
    items = "".join(f'<li><a href="#part-{number}">{words}</a></li>' for number, words in enumerate(parts, 1))
    return html.replace(_CONTENTS, f"<ol>{items}</ol>", 1)


def write_index(folder: Path, manifest: dict[str, Any]) -> None:
    """Write `index.html`, the run on one page, from the artifacts that are there.

    Parameters
    ----------
    folder : Path
        The run's folder, while the run grows.
    manifest : dict
        What will stand in `run.json`.
    """
    run, parameters = Workspace(manifest["run"], folder), check_parameters(manifest["parameters"])
    found = {name: run.read(name) for name in run.artifacts() if name in _SHOWN}
    cards, made, decision = found.get("cards.json", []), found.get("prepare.json", {}), found.get("decision.json")
    links = [_link(step) for step in STEPS]
    html = render(
        "summary.html.j2",
        run=run.name,
        pages=[link for link in links if (folder / link["href"]).is_file()],
        choice=found.get("choice.json"),
        cards=cards,
        learnt=found.get("learnt.json", {}),
        value=parameters.value,
        decision=decision,
        story={
            "headline": _headline(cards),
            "segments": {card["segment"]: _of_segment(card, found.get("profiles.csv")) for card in cards},
            "changed": paragraph(_WORDS.changed(decision)),
            "data": _data(made.get("reconciliation", [])),
        },
        pictures=_pictures(folder),
        notes=made.get("notes", []),
        rules=found["row_log.csv"].fillna("").to_dict("records") if "row_log.csv" in found else [],
        manifest=manifest,
        changed={name: repr(value) for name, value in changed_parameters(parameters).items()},
        differs=_differs(parameters),
    )
    write_whole(folder / "index.html", lambda path: path.write_text(html, encoding="utf-8"))


_ABOUT_DATA = {"customers", "purchases", "products", "customer_id", "purchase_columns", "reading", "engine"}
"""The parameters that say where the data are and how they are read."""


def _differs(parameters: Parameters) -> str:
    """Return in one line what was set otherwise than the defaults, and than in the run before."""
    changed = {name: value for name, value in changed_parameters(parameters).items() if name not in ("run", "previous")}
    data = [name for name in changed if name in _ABOUT_DATA]
    others = as_set({name: value for name, value in changed.items() if name not in data})
    return paragraph(_WORDS.differs(data, others, unlike_previous(parameters)))


def _headline(cards: list[dict[str, Any]]) -> str:
    """Return the one sentence to remember: who brings more than their share, or else who is most of the customers."""
    worth = [card for card in cards if (card["value_share"] or 0) > _MORE * card["share"]]
    best = max(worth, key=lambda card: card["value_share"] / card["share"], default=None)
    largest = max(cards, key=lambda card: card["customers"], default=None)
    return paragraph(_WORDS.headline(cards, best, largest))


def _of_segment(card: dict[str, Any], profiles: pd.DataFrame | None) -> str:
    """Return how many customers a segment has and what they are worth, in words."""
    own = pd.Series(dtype=float)
    if card["value_share"] is not None:
        own = profiles.loc[(profiles["segment"] == card["segment"]) & (profiles["column"] == card["value"]), "mean"]
    return paragraph(_WORDS.of_segment(card, own.mean()))


def _data(reconciliation: list[dict[str, Any]]) -> str:
    """Return what was made of a purchase log and what of it was left out, with the sums; "" without one."""
    if not reconciliation:
        return ""
    table = pd.DataFrame(reconciliation)
    sums = table.groupby(table["reason"] == "used")[["lines", "sum"]].sum().reindex([True, False], fill_value=0)
    return paragraph(_WORDS.data(*sums.to_dict("records")))


def _pictures(folder: Path) -> dict[str, tuple[str, str]]:
    """Return the figures of the notebooks' cells with a tag `summary-NAME`, by that name: wide, and for a phone."""
    cells = [cell for path in sorted(folder.glob("*.ipynb")) for cell in nbformat.read(path, as_version=4).cells]
    tagged = [(tag, cell) for cell in cells for tag in cell.metadata.get("tags", []) if tag.startswith("summary-")]
    found = {}
    for tag, cell in tagged:
        for output in cell.get("outputs", []):
            if "image/svg+xml" in output.get("data", {}):
                narrow = output.metadata["image/svg+xml"]["narrow"]
                found.setdefault(tag.removeprefix("summary-"), (output.data["image/svg+xml"], narrow))
    return found


def write_all_runs() -> None:
    """Write `index.html` into the outputs folder: the story of each series of runs, and a line for every run."""
    runs = [Run(name) for name in run_names()]
    rows = {run.name: _row(run, line) for run, (_, line) in zip(runs, timeline(runs).iterrows())}
    tips = rows.keys() - {row["previous"] for row in rows.values()}
    chains = [series_of(Run(name), rows[name]["previous"])[0] for name in sorted(tips)]
    series = [[rows[run.name] for run in chain if run.name in rows] for chain in chains]
    told = [{"rows": known, "story": _story(known)} for known in series if len(known) > 1]
    latest = sorted(rows.values(), key=lambda row: row["finished"], reverse=True)
    html = render("all_runs.html.j2", runs=latest, series=told)
    write_whole(outputs_folder() / "index.html", lambda path: path.write_text(html, encoding="utf-8"))


def _row(run: Run, line: pd.Series) -> dict[str, Any]:
    sizes = line.filter(like="segment_").dropna()
    shares = {int(name.removeprefix("segment_")): float(share) for name, share in sizes.items()}
    known = line.astype(object).where(line.notna(), None).to_dict()
    finished, previous = _recorded(run)
    cards = run.read_or("cards.json", [])
    worth = {card["segment"]: card["value_share"] for card in cards if card["value_share"]}
    return known | {
        "page": f"{run.name}/index.html" if (run.folder / "index.html").is_file() else "",
        "plan": f"{run.name}.plan/index.html" if (outputs_folder() / f"{run.name}.plan/index.html").is_file() else "",
        "finished": finished,
        "previous": previous,
        "shares": shares,
        "worth": worth,
        "value": cards[0]["value"] if worth else "",
        "names": {card["segment"]: card["name"] for card in cards},
        "learnt": run.read_or("learnt.json", {}).get("sentence", ""),
    }


def _recorded(run: Run) -> tuple[str, str]:
    """Return when a run was made, and the run that it goes on from."""
    try:
        manifest = read_manifest(run.folder)
    except RunError:
        return "damaged", ""
    return str(manifest.get("finished", ""))[:16].replace("T", " "), manifest["parameters"].get("previous", "")


def _story(rows: list[dict[str, Any]]) -> str:
    """Return in words what became of the customers and segments from the first run of a series to the last."""
    first, last = rows[0], rows[-1]
    changes = {each: last["shares"][each] - share for each, share in first["shares"].items() if each in last["shares"]}
    most = max(changes, key=lambda segment: abs(changes[segment]), default=None)
    return paragraph(_WORDS.story(first, last, len(rows), most))
