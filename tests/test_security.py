"""Nothing leaked: hostile text stays text, pages run no script, ids and secrets stay where they belong."""

import ast
import csv
import json
import re
import zipfile

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT, Made, segnb
from hypothesis import given
from hypothesis import strategies as st
from nbconvert.filters import markdown2html

from segnb.errors import RunError
from segnb.runs.store import Run, write_manifest
from segnb.tables import safe_csv
from segnb.text import escape, escape_markdown, visible

PAYLOADS = [
    "<script>window.pwned=1</script>",
    '"><img src=x onerror=window.pwned=1>',
    "</td></table><svg onload=window.pwned=1>",
    "</style><script>window.pwned=1</script>",
    "</title><body onload=window.pwned=1>",
    "' onmouseover='window.pwned=1' x='",
    "<iframe srcdoc='<script>parent.pwned=1</script>'>",
    "[click](javascript:window.pwned=1)",
    "<a href=javascript:window.pwned=1>click</a>",
    "{{ 7 * 7 }}{% raw %}",
    "${window.pwned=1}",
    "<!-- --><script>window.pwned=1//",
    "]]><script>window.pwned=1</script>",
    "&lt;script&gt;window.pwned=1&lt;/script&gt;",
    '=HYPERLINK("http://x.example","y")',
    "+1+cmd|' /C calc'!A0",
    "-2+3",
    "@SUM(1,1)",
    "\t=1+1",
    "＝1+1",
    "a\u202egnp.exe",
    "a|b\\*c*_d_",
    "$x^{2$ \\frac",
    "%s %(x)s {0}",
]
MARK = "QZX7SECRET"
FORMULA = re.compile(r"[\s]*[=+\-@＝＋－＠]")


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """The folder of a run in which every field that a person or a customer can fill is hostile."""
    folder, rng = tmp_path_factory.mktemp("hostile"), np.random.default_rng(0)
    n = 240
    centres = np.repeat([[0.0, 0, 0], [6, 0, 3], [0, 6, 9]], n // 3, axis=0)
    table = pd.DataFrame(centres + rng.normal(size=(n, 3)), columns=PAYLOADS[:3])
    for place, name in enumerate(PAYLOADS[3:8]):
        table[name] = [PAYLOADS[(row + place) % (4 + place)] for row in range(n)]
    table["levels"] = [PAYLOADS[row % 12 + 12] for row in range(n)]
    table["numbers =1+1"] = rng.normal(size=n)
    table.insert(0, "id <b>", [f"{PAYLOADS[row % len(PAYLOADS)]}{MARK}{row}" for row in range(n)])
    source = "'\"><img src=x onerror=window.pwned=1>.parquet".replace("/", "")
    table.to_parquet(folder / source, index=False)
    given = {
        "customers": source,
        "purchases": "",
        "customer_id": "id <b>",
        "features": PAYLOADS[:3],
        "names": {1: PAYLOADS[0], 2: PAYLOADS[14], 3: PAYLOADS[1] * 8},
        "value": PAYLOADS[0],
        "k": 3,
        "n_boot": 2,
        "n_refs": 2,
        "n_init": 1,
        "k_max": 4,
        "weights": {PAYLOADS[1]: 2.0},
    }
    (folder / "hostile.yaml").write_text(json.dumps({"run": "hostile"} | given))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATABASE_PASSWORD", f"env-{MARK}")
        done = segnb("run", "hostile.yaml", cwd=folder)
        assert done.returncode == 0, done.stderr
        again = segnb("run", "hostile.yaml", "--run", "later", "-p", "previous=hostile", cwd=folder)
        assert again.returncode == 0, again.stderr
    assert MARK not in done.stdout + done.stderr + again.stdout + again.stderr
    return folder / "outputs" / "later"


def test_no_script_runs_even_without_the_policy(hostile, browser):
    context = browser.new_context(bypass_csp=True)
    page, asked = context.new_page(), []
    page.on("request", lambda request: asked.append(request.url))
    page.on("dialog", lambda dialog: asked.append(f"dialog {dialog.message}"))
    pages = sorted(hostile.glob("*.html"))
    assert len(pages) == 6
    for path in pages:
        page.goto(path.as_uri())
        assert page.evaluate("window.pwned") is None, path.name
        assert page.evaluate("document.querySelectorAll('img[src=x], svg[onload], iframe, [onmouseover]').length") == 0
        assert "<script>window.pwned=1</script>" in page.inner_text("body") or path.name.startswith(("02", "index"))
        assert page.evaluate("[...document.querySelectorAll('a')].every(a => a.protocol == 'file:')")
    context.close()
    assert all(re.fullmatch(r"file:///.*\.html|data:image/.*", url) for url in asked), asked


def test_policy_forbids_the_network_and_scripts(hostile, browser):
    page = browser.new_page()
    for path in hostile.glob("*.html"):
        page.goto(path.as_uri())
        policy = page.get_attribute("meta[http-equiv=Content-Security-Policy]", "content")
        assert policy.startswith("default-src 'none'; img-src data:;")
        script = "document.body.appendChild(Object.assign(document.createElement('script'), {text: 'window.late = 1'}))"
        page.evaluate(script)
        assert page.evaluate("window.late") is None, "a script that comes in later is not run either"
    page.close()


def test_no_cell_is_a_formula(hostile):
    tables = sorted(hostile.glob("*.csv"))
    assert len(tables) > 12
    for path in tables:
        with open(path, newline="", encoding="utf-8") as file:
            for row in csv.reader(file):
                for cell in row:
                    if FORMULA.match(cell):
                        float(cell)  # a negative number is none


def test_markdown_of_the_cards_is_text(hostile):
    text = (hostile / "cards.md").read_text()
    html = markdown2html(text).replace('<a class="anchor-link"', "")
    assert not re.search(r"<(script|img|svg|iframe|a|body)\b", html)
    assert "window.pwned" in html, "it is there as text"


OWN = {"segments.csv", "labelled.csv", "customers.parquet", "features.parquet", "segments.parquet"}
"""The files that are about single customers."""


def test_ids_and_secrets_are_in_no_page_notebook_manifest_or_model(hostile):
    searched = 0
    for path in hostile.iterdir():
        contents = [path.read_bytes()]
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as parts:
                contents += [parts.read(name) for name in parts.namelist()]
        if path.name not in OWN:
            searched += 1
            assert not any(MARK.encode() in content for content in contents), path.name
    assert searched > 20
    assert MARK in (hostile / "segments.csv").read_text()


def test_unseen_characters_are_shown():
    assert visible("a\u202eb\x07") == "a⟨U+202E⟩b⟨U+0007⟩"
    assert visible(5) == 5


@given(st.text())
def test_escaped_text_is_never_markup(text):
    escaped = escape(text)
    assert not set("<>\"'") & set(escaped)
    assert not re.search(r"<\w", markdown2html(f"x {escape_markdown(text)}").replace("<p>", "").replace("<br", ""))


@given(st.lists(st.text(), min_size=1, max_size=5))
def test_safe_table_has_no_cell_that_is_a_formula(texts):
    safe = safe_csv(pd.DataFrame({"name": texts}, index=pd.Index(texts, name=texts[0])))
    cells = [*safe["name"], *safe.index, *safe.columns, safe.index.name]
    assert not any(re.match(r"\s*[=+\-@\t\r＝＋－＠]", cell) and cell.strip() for cell in cells)


READERS = {"pickle", "joblib", "dill", "cloudpickle", "shelve", "marshal"}


@pytest.mark.parametrize("path", sorted((ROOT / "segnb").rglob("*.py")), ids=lambda path: path.name)
def test_nothing_reads_a_pickle(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            assert not {alias.name.split(".")[0] for alias in node.names} & READERS
        elif isinstance(node, ast.ImportFrom):
            assert (node.module or "").split(".")[0] not in READERS
        elif isinstance(node, ast.Attribute):
            assert node.attr not in ("read_pickle", "to_pickle", "loads_pickle")
        elif isinstance(node, ast.keyword):
            assert node.arg != "allow_pickle"


def test_name_that_is_code_is_refused_and_not_run(tmp_path):
    name = f"a=1; import pathlib; pathlib.Path({str(tmp_path / 'ran')!r}).touch()  #"
    done = segnb("run", "-p", f"{name}=1", cwd=tmp_path)
    assert done.returncode == 2
    (tmp_path / "p.yaml").write_text(json.dumps({name: 1}))
    preset = segnb("run", "p.yaml", cwd=tmp_path)
    assert preset.returncode == 2
    assert len(preset.stderr.splitlines()) == 1
    assert not (tmp_path / "ran").exists()


def test_model_that_would_run_code_is_refused(project):
    import pickle

    run = Run("r")
    run.folder.mkdir(parents=True)

    class Evil:
        def __reduce__(self):
            return print, ("ran",)

    (run.folder / "model.skops").write_bytes(pickle.dumps(Evil()))
    write_manifest(run.folder, {"run": "r", "parameters": {}})
    with pytest.raises(RunError, match="model.skops: cannot be read"):
        run.read("model.skops")


def test_model_of_another_scikit_learn_is_refused(project, prepared):
    run = Made("r")
    run.write("prepare.skops", prepared.pipeline)
    run.vouch(versions={"scikit-learn": "0.24.1"})
    with pytest.raises(RunError, match="it was made with scikit-learn 0.24.1, and this is"):
        Run("r").read("prepare.skops")
