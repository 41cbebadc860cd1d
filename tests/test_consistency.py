"""A page never says one thing twice with two figures: what the cells of all steps say of drawn data sets."""

import ast
import html
import re
from collections import defaultdict

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from segnb import plots
from segnb.iterate import decision
from segnb.notebook import show
from segnb.pages.report import write_index
from segnb.parameters import check_parameters
from segnb.paths import STAGE, STEPS
from segnb.runs.kernels import declared_parameters, load_notebook

QUICK = {"n_init": 1, "n_boot": 2, "n_refs": 1, "k_max": 4}
DRAWS = [*range(6), *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(6, 20))]
"""Six with the tests, twenty with `make soak`: each is a whole run."""


class Page:
    """What stands on the pages of a run: sentences, tables, titles of figures, and what their parts are called."""

    def __init__(self):
        self.texts, self.tables, self.parts = [], [], []

    def show(self, *things):
        for thing in things:
            if isinstance(thing, show.Table):
                self.tables.append(thing)
            elif isinstance(thing, Axes | Figure):
                self.draw(thing.figure)
            elif type(thing).__module__.startswith("segnb"):
                self.texts.append(_plain(thing._repr_html_()))

    def draw(self, figure):
        self.texts.append(show.figure_words(figure))
        self.parts += [artist.get_gid() for artist in figure.findobj(Artist) if artist.get_gid()]
        for ax in figure.axes:
            title = ax.get_title(loc="left")
            self.texts += [f"portrait {title}: {text.get_text()}" for text in ax.texts if ", all " in text.get_text()]

    @property
    def text(self):
        return "\n".join([*self.texts, *self.parts])


def _plain(markup):
    markup = re.sub(r"(?s)<(style|script|svg)\b.*?</\1>", "", markup)
    words = html.unescape(re.sub(r"</?(p|li|h\d|td|th|tr|summary|article|b|a)\b[^>]*>", "\n", markup))
    return re.sub(r"\s*\n\s*", "\n", re.sub(r"<[^>]+>", "", words))


def carry_out(step, page, given):
    """Carry the cells of a step out in this process, and take down what they show."""
    notebook, space = load_notebook(step), {"display": page.show}
    for cell in notebook.cells:
        tags = cell.metadata.get("tags", [])
        if cell.cell_type != "code" or {"exercise", "solution", "lab"} & {*tags}:
            continue
        body = ast.parse(cell.source).body
        last = body.pop() if isinstance(body[-1], ast.Expr) else None
        exec(compile(ast.Module(body, []), step, "exec"), space)
        if last:
            page.show(eval(compile(ast.Expression(last.value), step, "eval"), space))
        if "parameters" in tags:
            space.update({name: value for name, value in given.items() if name in declared_parameters(notebook)})


def draw_table(rng, n):
    """Return customers of a table: groups or none, a category and something that did not make them."""
    centres = rng.normal(scale=rng.choice([0.0, 4.0]), size=(4, 3))
    kind = rng.integers(0, 4, n)
    table = pd.DataFrame(centres[kind] + rng.normal(size=(n, 3)), columns=["visits", "spend", "share_online"])
    table["spend"] = np.exp(table["spend"] / 2).round(2)
    table["share_online"] = (1 / (1 + np.exp(-table["share_online"]))).round(3)
    table["age"], table["region"] = (
        rng.integers(18, 80, n),
        rng.choice(["north", "south", "far"], n, p=[0.6, 0.37, 0.03]),
    )
    table.insert(0, "customer_id", [f"c{number:04}" for number in range(n)])
    return table


def draw_log(rng, n):
    """Return the purchases of customers who come rarely or often, and spend little or much, over two years."""
    often, much = rng.choice([2, 12], n), rng.choice([10.0, 80.0], n)
    orders = rng.poisson(often) + 1
    days = [np.sort(rng.integers(start, 700, size)) for start, size in zip(rng.integers(0, 600, n), orders)]
    lines = pd.DataFrame({"customer_id": np.repeat([f"c{number:04}" for number in range(n)], orders)})
    lines["ordered_at"] = pd.Timestamp("2024-06-01") + pd.to_timedelta(np.concatenate(days), "D")
    lines["amount"] = (np.repeat(much, orders) * rng.lognormal(0, 0.4, len(lines))).round(2)
    lines["order_id"] = [f"o{number}" for number in range(len(lines))]
    return lines


@pytest.fixture(scope="module", params=DRAWS, ids=str)
def page(request, tmp_path_factory):
    """All that the pages of a run on one drawn data set say."""
    return pages_of(request.param, tmp_path_factory.mktemp("drawn"))


def pages_of(seed, project):
    rng = np.random.default_rng(seed)
    n, given = int(rng.integers(80, 240)), {"run": "drawn", "min_cell": int(rng.choice([1, 5, 12]))} | QUICK
    given |= {"k": int(rng.choice([0, 0, 3])), "seed": seed}
    if seed % 3 == 1:
        draw_log(rng, n).to_parquet(project / "log.parquet", index=False)
        columns = {"order": "order_id", "date": "ordered_at", "amount": "amount"}
        given |= {"customers": "", "purchases": "log.parquet", "purchase_columns": columns}
    else:
        draw_table(rng, n).to_csv(project / "table.csv", index=False)
        given |= {"customers": "table.csv", "purchases": "", "features": ["visits", "spend", "share_online"]}
    found, folder = Page(), project / "drawn"
    folder.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project)
        patch.setenv(STAGE, str(folder))
        patch.setattr(plots, "distributions", lambda *tables: None)  # says nothing in figures, and takes its time
        patch.setattr(decision, "_N_PERMUTATIONS", 100)
        for step in STEPS:
            carry_out(step, found, given)
        manifest = {"run": "drawn", "parameters": check_parameters(given).model_dump(), "inputs": {}, "versions": {}}
        write_index(folder, manifest | {"steps": {}, "started": "", "finished": ""})
        found.files = show.Workspace("drawn")
    found.texts.append(_plain((folder / "index.html").read_text(encoding="utf-8")))
    plt.close("all")
    return found


CLAIMS = {
    # what is said of: where a page says it
    "customers": [
        r"([\d,]+) customers in \d+ segments",
        r"([\d,]+) customers go on with",
        r"customers then, ([\d,]+) now",
        r"([\d,]+) customers are in \d+ segments",
    ],
    "k": [
        r"[\d,]+ customers in (\d+) segments",
        r"(\d+) segments, (?:natural|reproducible|constructed)",
        r"at k = (\d+)$",
    ],
    "nearer to another segment": [r"([\d.]+%) of the customers lie nearer to"],
    "moved": [r"([\d.]+%) of the customers changed segment by", r"([\d.]+%) of the customers there both times changed"],
    "moved beyond chance": [
        r"changed segment by what they did, ([\d.]+%) beyond",
        r"beyond chance: ([\d.]+%) by behaviour",
    ],
    "refit beyond chance": [r"of the customers, ([\d.]+%) beyond chance: refits", r"([\d.]+%) by model"],
    "decision": [r"^Next:\n(\w+)$", r"^(keep|rescore|refit|redesign): ", r"^(\w+), compared with"],
}
OF_SEGMENTS = {
    "customers": [r"^(\d+) · .*\n([\d,]+) customers", r"^segment (\d+): .*?([\d,]+) customers$"],
    "share": [r"^(\d+) · .*\n[\d,]+ customers, ([\d.]+%)", r"^segment (\d+): ([\d.]+%) of the customers$"],
    "worth": [r"^(\d+) · .*\n[\d,]+ customers.*?([\d.]+%) of the spend", r"^segment (\d+): ([\d.]+%) of the spend$"],
}


def collect(page):
    """Return by what is spoken of all the values that the pages give for it."""
    found = defaultdict(list)
    for about, patterns in CLAIMS.items():
        for pattern in patterns:
            found[about] += [value.replace(",", "").lower() for value in re.findall(pattern, page.text, re.MULTILINE)]
    for about, patterns in OF_SEGMENTS.items():
        for pattern in patterns:
            for segment, value in re.findall(pattern, page.text, re.MULTILINE):
                found[f"{about} of segment {segment}"].append(value.replace(",", ""))
    for column, value, everybody in re.findall(
        r"([\w ()]+) ([\d.,]+%?) \(median; all customers ([\d.,]+%?)\)", page.text
    ):
        found[f"median of {column.strip()} of all"].append(everybody)
        found[f"medians of {column.strip()}"].append(value)
    for k, depth in re.findall(r"^With (\d+) segments each pair .* with ([\d.]+%) as many", page.text, re.MULTILINE):
        found["shallowest valley"] += [depth] * (k in found["k"])
    found["shallowest valley"] += re.findall(r"^A valley even between .*: ([\d.]+%) as many", page.text, re.MULTILINE)
    return found


def test_no_figure_stands_twice_with_two_values(page):
    found = collect(page)
    assert {
        about: set(values) for about, values in found.items() if not about.startswith("medians") and len({*values}) > 1
    } == {}
    twice = [about for about, values in found.items() if len(values) > 1]
    assert {"customers", "k", "nearer to another segment", "decision"} <= {*twice}
    segments = page.files.read("segments.parquet")["segment"]
    assert found["customers"][0] == str(len(segments))
    assert found["k"][0] == str(segments.nunique())
    sizes = segments.value_counts()
    assert {
        int(about.split()[-1]): int(values[0])
        for about, values in found.items()
        if about[:20] == "customers of segment"
    } == dict(sizes)


def test_portraits_cards_and_tables_give_the_same_medians(page):
    table = next((each.cells for each in page.tables if each.caption.startswith("Median of each segment")), None)
    cells = {} if table is None else table.set_index(table.columns[0])
    told = re.findall(r"portrait (\d+) .*: (.+?) ([\d.,]+%?), all ([\d.,]+%?)", page.text)
    told += [
        (segment, column, value, everybody)
        for segment, marks in re.findall(r"^(\d+) · .*\n((?:.*\n){1,9}?)Try", page.text, re.MULTILINE)
        for column, value, everybody in re.findall(
            r": ([\w ()]+?) ([\d.,]+%?) \(median; all customers ([\d.,]+%?)\)", marks
        )
    ]
    assert told
    for segment, column, value, everybody in told:
        assert cells.loc[column, f"segment {segment}"] == value
        assert cells.loc[column, "overall_median"] == everybody


def test_stays_and_moves_add_to_the_customers(page):
    counts = re.search(r": ([\d,]+) customers then, ([\d,]+) now", page.text)
    if counts is None:
        return
    moves = page.files.read("migration.csv")
    then, now = (int(each.replace(",", "")) for each in counts.groups())
    table = moves.set_index(moves.columns[0])
    known = table.drop(columns="leavers").sum().sum(), table.drop(index="entrants").sum().sum()
    assert known[0] <= now
    assert known[1] <= then
    if not table.isna().any(axis=None):
        assert known == (now, then)
        inner = table.drop(index="entrants", columns="leavers").to_numpy()
        moved = 1 - np.trace(inner) / inner.sum()
        said = re.search(r"([\d.]+)% of the customers there both times changed", page.text)
        assert float(said[1]) == pytest.approx(100 * moved, abs=0.5 if moved > 0.0995 else 0.05)
