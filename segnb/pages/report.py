"""The pages of a run: one per step, made from its notebook, and the summary made from the artifacts."""

import re
from pathlib import Path
from typing import Any

import nbformat
from nbconvert import HTMLExporter

from segnb.pages.page import TEMPLATES, look, render
from segnb.parameters import changed_parameters, check_parameters
from segnb.paths import STEPS, notebook_path, write_whole
from segnb.runs.store import Run
from segnb.text import label, segment_colours, shortened

STEP_NAMES = {step: f"{number} · {label(step).capitalize()}" for number, step in enumerate(STEPS, 1)}
PICTURES = {
    "sizes": "interpret",
    "heatmap": "interpret",
    "view": "cluster",
    "changes": "iterate",
    "timeline": "iterate",
}
"""The figures of the summary, by the tag `summary-…` of their cell, and the step whose notebook has them."""

CONTENTS = "<!--contents-->"
"""Where the list of a page's parts goes."""

MOST_BARS = 6


def write_page(notebook: Path, run: str) -> None:
    """Write the HTML page of an executed notebook beside it: prose, results, its code folded, nothing from outside."""
    document = nbformat.read(notebook, as_version=4)
    for cell in document.cells:
        if cell.cell_type == "markdown":
            cell.source = re.sub(r"\]\((\d\d_\w+)\.ipynb\)", r"](\1.html)", cell.source)
    step = notebook.stem[3:]
    exporter = HTMLExporter(template_name="step", extra_template_basedirs=[str(TEMPLATES)])
    exporter.exclude_anchor_links = True
    shared = {"title": STEP_NAMES[step], "run": run, "pages": _pages(notebook.parent, here=step, all_steps=True)}
    html, _ = exporter.from_notebook_node(document, resources={"segnb": look() | shared})
    html = _with_contents(html)
    write_whole(notebook.with_suffix(".html"), lambda path: path.write_text(html, encoding="utf-8"))


def _with_contents(html: str) -> str:
    """Return a page whose headings have names, with the list of them in its place."""
    parts: list[str] = []

    def named(found: re.Match) -> str:
        parts.append(found[1])
        return f'<h2 id="part-{len(parts)}">{found[1]}</h2>'

    html = re.sub(r"<h2>(.+?)</h2>", named, html)
    items = "".join(f'<li><a href="#part-{number}">{words}</a></li>' for number, words in enumerate(parts, 1))
    return html.replace(CONTENTS, f"<ol>{items}</ol>", 1)


def write_index(folder: Path, manifest: dict[str, Any]) -> None:
    """Write `index.html`, the run on one page, from the artifacts that are there."""
    run = Run(manifest["run"], folder)
    parameters = check_parameters(manifest["parameters"])
    choice, cards, decision = (_optional(run, name) for name in ("choice.json", "cards.json", "decision.json"))
    html = render(
        "summary.html.j2",
        run=run.name,
        pages=_pages(folder),
        choice=choice,
        headline=choice and _headline(choice, cards),
        verdict=choice and choice["meaning"],
        cards=cards,
        bars=_bars(_optional(run, "effects.csv"), cards or []),
        has_value=bool(cards) and any(card["value_share"] is not None for card in cards),
        value=parameters.value,
        colours=segment_colours(card["segment"] for card in cards or []),
        decision=decision,
        pictures=_pictures(folder),
        notes=(_optional(run, "prepare.json") or {}).get("notes", []),
        rules=_rules(_optional(run, "row_log.csv")),
        manifest=manifest,
        changed={name: repr(value) for name, value in changed_parameters(parameters).items()},
    )
    write_whole(folder / "index.html", lambda path: path.write_text(html, encoding="utf-8"))


def _headline(choice: dict[str, Any], cards: list[dict[str, Any]] | None) -> str:
    customers = f"{sum(card['customers'] for card in cards):,} customers" if cards else "The customers"
    return f"{customers} in {choice['k']} segments, {choice['verdict']}."


def _optional(run: Run, name: str) -> Any:
    return run.read(name) if (run.folder / name).is_file() else None


def _pages(folder: Path, here: str = "", all_steps: bool = False) -> list[dict[str, Any]]:
    """Return the links to the steps' pages: those that are there, or all of them while the run is being made."""
    names = {step: notebook_path(step).with_suffix(".html").name for step in STEPS}
    there = [step for step in STEPS if all_steps or (folder / names[step]).is_file()]
    return [{"href": names[step], "name": STEP_NAMES[step], "here": step == here} for step in there]


def _bars(effects: Any, cards: list[dict[str, Any]]) -> dict[int, dict[str, Any]]:
    """Return for each segment with figures the bars of its strongest effects, from -1 to 1, and words for them."""
    found = {}
    for card in cards if effects is not None else []:
        own = effects[effects["segment"] == card["segment"]].set_index("feature")["cliffs_delta"].dropna()
        own = own.reindex(own.abs().sort_values(ascending=False, kind="stable").index).head(MOST_BARS)
        bars = [{"label": shortened(label(name), 22), "value": round(float(value), 3)} for name, value in own.items()]
        if bars:
            words = ", ".join(f"{bar['label']} {bar['value']:+.2f}" for bar in bars)
            found[card["segment"]] = {"bars": bars, "words": f"Beside all other customers, from -1 to 1: {words}"}
    return found


def _rules(row_log: Any) -> list[dict[str, Any]]:
    """Return the lines of the row log that caught something."""
    return [] if row_log is None else row_log[row_log["affected"] > 0].fillna("").to_dict("records")


def _pictures(folder: Path) -> dict[str, dict[str, Any]]:
    found = {}
    for name, step in PICTURES.items():
        path = folder / notebook_path(step).name
        if path.is_file() and (picture := _picture(path, f"summary-{name}")):
            found[name] = picture
    return found


def _picture(notebook: Path, tag: str) -> dict[str, Any] | None:
    for cell in nbformat.read(notebook, as_version=4).cells:
        if tag in cell.metadata.get("tags", []):
            for output in cell.outputs:
                if "image/png" in output.get("data", {}):
                    about = output.metadata.get("image/png", {})
                    return {
                        "png": output.data["image/png"],
                        "alt": about.get("alt", tag),
                        "width": about.get("width", ""),
                    }
    return None
