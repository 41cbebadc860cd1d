"""The main job from the command line: artifacts, pages, exit codes, and continuing a run."""

import contextlib
import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys

import nbformat
import numpy as np
import pandas as pd
import psutil
import pytest
from conftest import QUICK, ROOT, SMALL, clean_environment, segnb
from nbclient.exceptions import CellExecutionError
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score

from segnb.data import load_customers
from segnb.errors import RunError
from segnb.history.snapshots import Past
from segnb.parameters import Parameters
from segnb.paths import STEPS, notebook_path, sha256
from segnb.runs.kernels import fresh_kernels, run_in
from segnb.runs.store import WRITTEN_BY, Workspace, read_manifest, write_manifest

PAGES = ["index.html", *(f"{number:02d}_{step}.html" for number, step in enumerate(STEPS, 1))]


def read(folder, name):
    return json.loads((folder / name).read_text())


@pytest.fixture
def small(tmp_path):
    """An empty project with a small customer table: quick to run."""
    rng = np.random.default_rng(0)
    X = np.r_[rng.normal(0, 1, (40, 3)), rng.normal(6, 1, (30, 3))]
    pd.DataFrame(X, columns=["feature1", "feature2", "feature3"]).to_csv(tmp_path / "customer_data.csv", index=False)
    return tmp_path


def test_run_makes_every_artifact_and_page(published):
    files = {path.name for path in published.iterdir()}
    for step, names in WRITTEN_BY.items():
        assert set(names) <= files, step
    assert set(PAGES) <= files
    assert not list(published.parent.glob(".stage*")), "no stage is left"


def test_manifest_verifies(published):
    manifest = read(published, "run.json")
    assert manifest["state"] == "complete"
    assert {state["state"] for state in manifest["steps"].values()} == {"done"}
    assert set(manifest["files"]) == {path.name for path in published.iterdir()} - {"run.json"}
    for name, about in manifest["files"].items():
        assert sha256(published / name) == about["sha256"]
    assert manifest["inputs"]["data/shop_customers.csv"] == sha256(ROOT / "data" / "shop_customers.csv")


def test_planted_segments_come_back_from_the_run(published, shop):
    assert read(published, "choice.json")["k"] == 5
    found = pd.read_csv(published / "segments.csv").set_index("customer_id")["segment"]
    truth = shop.truth.set_index("customer_id")["segment"].loc[found.index]
    assert adjusted_rand_score(truth, found) >= 0.8


def test_planted_movers_are_seen(published, shop):
    """Customers planted as moving change segment far more often than the others."""
    from segnb.history.snapshots import Past, snapshot_of
    from segnb.iterate import Snapshot
    from segnb.parameters import check_parameters
    from segnb.runs.store import Run

    run = Run("shop", published)
    now = snapshot_of(run)
    before, _ = Past(run, check_parameters({})).earlier()
    assert isinstance(before, Snapshot)
    both = before.customers.index.intersection(now.customers.index)
    changed = before.assign(before.customers.loc[both]) != before.assign(now.customers.loc[both])
    truth = shop.truth.set_index("customer_id").loc[both]
    planted = truth["segment"] != truth["segment_before"]
    assert changed[planted].mean() > 4 * changed[~planted].mean()


def test_labelled_table_is_the_customer_table_with_its_segment(published):
    labelled = pd.read_csv(published / "labelled.csv", index_col=0)
    customers = pd.read_parquet(published / "customers.parquet")
    assert labelled.columns.tolist() == [*customers.columns, "segment"]
    assert labelled.index.tolist() == customers.index.tolist()


@pytest.mark.parametrize("page", PAGES)
def test_pages_load_nothing_from_outside_and_describe_every_figure(published, page):
    html = (published / page).read_text()
    assert html.count("<script") == 1, "the pages' own"
    within = re.sub(r' xlink:href="#[\w-]+"', "", html)  # a dot's shape, drawn once and used again
    assert not re.search(
        r'(src|href)="(?!data:image/png|(\.\./)?index\.html|\d\d_\w+\.html|#(next|sure|part-\d))', within
    )
    assert "Content-Security-Policy" in html
    for tag in re.findall(r"<img [^>]*>", re.sub(r"base64,[^\"]*", "", html)):
        assert re.search(r'alt="[^"]{10,}"', tag)
    drawn = re.findall(r"<figure[^>]*><svg [^>]*>", html)
    assert drawn
    assert all(re.search(r'aria-label="[^"]{10,}"', tag) for tag in drawn)


def test_pages_show_no_code_and_no_learners_cells(published):
    for page in PAGES[1:]:
        html = (published / page).read_text()
        assert "import " not in re.sub(r"<details class=.code.*?</details>", "", html, flags=re.DOTALL)
        assert "Exercise" not in html
        assert "You will learn" not in html


def test_summary_holds_the_result(published):
    html = (published / "index.html").read_text()
    for card in read(published, "cards.json"):
        assert card["name"] in html
        assert f"{card['customers']:,}" in html
    assert "in 5 segments" in html
    assert "Quite sure" in html
    assert "<b>Natural</b> means" in html
    assert read(published, "decision.json")["reasons"][1] in html.replace("&#39;", "'")


@pytest.mark.parametrize("step", STEPS)
def test_executed_notebooks_have_no_warning_in_their_output(published, good, step):
    for folder in (published, good / "outputs" / "r"):
        notebook = nbformat.read(folder / notebook_path(step).name, as_version=4)
        for cell in notebook.cells:
            for output in cell.get("outputs", []):
                assert output.output_type != "stream", output.text


def test_no_customer_id_is_on_any_page(published, shop):
    for page in PAGES:
        text = re.sub(r"base64,[^\"]*", "", (published / page).read_text())
        assert not set(re.findall(r"\bC\d{5}\b", text)) & set(shop.truth["customer_id"])


def test_same_run_again_gives_the_same_segments(published, tmp_path):
    fewer = ["-p", "k=5", "-p", "k_min=5", "-p", "k_max=5", "-p", "n_boot=2", "-p", "n_refs=2"]
    done = segnb("run", ROOT / "data" / "shop.yaml", *fewer, "--until", "cluster", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    one, again = (pd.read_parquet(folder / "segments.parquet") for folder in (published, tmp_path / "outputs" / "shop"))
    pd.testing.assert_frame_equal(one, again)


def test_classic_example(tmp_path):
    X = pd.DataFrame(np.random.default_rng(3).normal(size=(300, 3)), columns=["feature1", "feature2", "feature3"])
    X.to_csv(tmp_path / "customer_data.csv", index=False)
    choices = [
        "k=5",
        "seed=0",
        "transform=none",
        "scale=none",
        "outliers=keep",
        "n_init=1",
        "n_boot=2",
        "n_refs=2",
        "k_max=6",
    ]
    given = [part for choice in [*choices, "x_axis=feature1", "y_axis=feature2"] for part in ("-p", choice)]
    done = segnb(
        "run", "-p", "customers=customer_data.csv", "-p", "purchases=", "--run", "classic", *given, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "outputs" / "classic"
    labelled = pd.read_csv(folder / "labelled.csv")
    assert labelled["row"].tolist() == list(range(1, 301))
    np.testing.assert_allclose(labelled[list(X)], X)
    theirs = KMeans(n_clusters=5, random_state=0).fit(X)
    assert adjusted_rand_score(theirs.labels_, labelled["segment"]) == 1
    assert "Feature2 against feature1, by segment" in (folder / "03_cluster.html").read_text()
    assert read(folder, "decision.json")["decision"] == "keep"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-p", "outlier=keep"], "outlier: no such parameter; did you mean 'outliers'?"),
        (["-p", "scale=big"], "scale='big'"),
        (["-p", "customers=nope.csv"], "nope.csv: no such file"),
        (["nope.yaml"], "nope.yaml: no such file"),
        (["-p", "previous=nix"], "previous='nix': there is no such run"),
        (["--run", "../x"], "run='../x'"),
        (["--run", "x.failed"], "names ending in .failed"),
        (["--from", "interpret", "--until", "prepare"], "comes after --until"),
        (["-p", "features=[nix]"], "features: no column 'nix'; the columns are"),
        (["-p", "k=71"], "k=71 is not less than the 70 customers"),
        (["-p", "customers=empty.csv"], "empty.csv: no rows"),
        (["-p", "customer_id=kunde"], "no column 'kunde' (customer_id)"),
        (["-p", "names={7: x}"], "names: there is no segment 7"),
        (["-p", "x_axis=nix"], "x_axis='nix' is not a numeric column; use one of feature1, feature2, feature3"),
    ],
)
def test_wrong_parameters_and_data_exit_with_2_and_write_nothing(small, arguments, message):
    (small / "empty.csv").write_text("a,b\n")
    done = segnb("run", *SMALL, *arguments, cwd=small)
    assert done.returncode == 2
    assert message in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert not (small / "outputs").exists()


def break_notebook(project, step, source):
    """Give the project notebooks of its own, one of them with a cell that fails."""
    shutil.copytree(ROOT / "notebooks", project / "notebooks")
    path = next((project / "notebooks").glob(f"*_{step}.ipynb"))
    notebook = nbformat.read(path, as_version=4)
    notebook.cells.insert(4, nbformat.v4.new_code_cell(source))
    nbformat.write(notebook, path)


def test_failing_cell_exits_with_1_and_keeps_the_partial_notebook(begun):
    small = begun
    before = {path.name: sha256(path) for path in (small / "outputs" / "r").iterdir()}
    break_notebook(small, "cluster", "1 / 0")
    done = segnb("run", "--run", "r", "--from", "cluster", cwd=small)
    assert done.returncode == 1
    assert re.search(
        r"03_cluster, cell \d: ZeroDivisionError: division by zero \(kept: outputs/r.failed\)", done.stderr
    )
    remains = small / "outputs" / "r.failed"
    assert "ZeroDivisionError" in (remains / "03_cluster.ipynb").read_text()
    assert not (remains / "index.html").exists()
    assert read(remains, "run.json")["state"] == "failed"
    assert {path.name: sha256(path) for path in (small / "outputs" / "r").iterdir()} == before
    shutil.rmtree(small / "notebooks")
    again = segnb("run", "--run", "r", "--from", "cluster", cwd=small)
    assert again.returncode == 0, again.stderr
    assert not remains.exists()
    assert read(small / "outputs" / "r", "run.json")["state"] == "complete"


def test_dead_kernel_exits_with_1(small):
    break_notebook(small, "prepare", "import os; os._exit(9)")
    done = segnb("run", *SMALL, "--run", "r", cwd=small)
    assert done.returncode == 1
    assert "the kernel died" in done.stderr
    assert "Traceback" not in done.stderr


def test_kernels_are_spoken_to_through_files(tmp_path):
    """A port that was free may be another program's before the kernel takes it: two runs at once met there."""
    code = "import psutil; len(psutil.Process().net_connections('inet'))"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    with fresh_kernels(1, os.environ, str(tmp_path)) as [kernel]:
        run_in(kernel, notebook)
        sockets = kernel.ip
    ports = int(notebook.cells[0].outputs[0].data["text/plain"])
    assert ports <= 1, "only ipykernel's own, for processes forked by the kernel, whose number the system gives"
    assert not os.path.exists(os.path.dirname(sockets))


def test_nobody_is_waited_for_who_would_answer_a_notebook(tmp_path):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("input('who?')")])
    refused = pytest.raises(CellExecutionError, match="StdinNotImplementedError")
    with fresh_kernels(1, os.environ, str(tmp_path)) as [kernel], refused:
        run_in(kernel, notebook, timeout=60)


def test_kernels_start_where_names_are_too_long_for_that(tmp_path, monkeypatch):
    deep = tmp_path / ("x" * 100)
    deep.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(deep))
    with fresh_kernels(1, os.environ, str(tmp_path)) as [kernel]:
        assert kernel.transport == "tcp"


def test_kernel_that_dies_before_it_is_ready_is_told_in_one_line(tmp_path):
    told = pytest.raises(RunError, match="a kernel did not get ready .*died.*, which usually means that memory ran out")
    with told, fresh_kernels(2, os.environ, str(tmp_path / "nowhere")):
        pass


def belongs(process, project):
    return (process.info["environ"] or {}).get("SEGNB_PROJECT") == str(project)


def heed_interrupts():
    """A job in the background is started deaf to SIGINT, and so would be all that it starts."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted_run_leaves_nothing(small, number, code):
    command = [sys.executable, "-m", "segnb", "run", *SMALL, "--run", "r"]
    with subprocess.Popen(command, cwd=small, stderr=subprocess.PIPE, text=True, preexec_fn=heed_interrupts) as going:
        try:
            assert "prepare done" in going.stderr.readline()
            assert any(belongs(process, small) for process in psutil.process_iter(["environ"])), "kernels are seen"
            going.send_signal(number)
            _, said = going.communicate(timeout=60)
        finally:
            going.kill()
    assert going.returncode == code
    assert said.splitlines()[-1] == "segnb: interrupted; nothing was published"
    assert not (small / "outputs").exists()
    left = [process for process in psutil.process_iter(["environ"]) if belongs(process, small)]
    _, alive = psutil.wait_procs(left, timeout=10)
    assert not alive, "no kernel is left behind"


def test_run_can_end_early_and_be_continued(small):
    done = segnb("run", *SMALL, "--run", "r", "--until", "choose_k", cwd=small)
    assert done.returncode == 0, done.stderr
    folder = small / "outputs" / "r"
    assert not (folder / "model.skops").exists()
    assert "01_prepare.html" in (folder / "index.html").read_text()
    more = segnb("run", "--run", "r", "--from", "cluster", "-p", "names={1: Regulars}", cwd=small)
    assert more.returncode == 0, more.stderr
    assert read(folder, "cards.json")[0]["name"] == "Regulars"
    assert read(folder, "run.json")["parameters"]["n_boot"] == 2, "the first part's parameters are kept"
    short = segnb("run", "--run", "r", "--from", "choose_k", "--until", "choose_k", "-p", "k=3", cwd=small)
    assert short.returncode == 0, short.stderr
    assert not (folder / "cards.json").exists(), "nothing is left that an earlier k made"
    assert "3 segments" in (folder / "index.html").read_text()
    idle = segnb("run", "--run", "r", "--from", "cluster", "-p", "outliers=keep", cwd=small)
    assert idle.returncode == 2
    assert "outliers: used only by earlier steps" in idle.stderr
    early = segnb("run", "--run", "nix", "--from", "cluster", cwd=small)
    assert early.returncode == 1
    assert "there is no run 'nix' to continue" in early.stderr
    listed = segnb("runs", cwd=small).stdout.splitlines()
    assert listed[0].split() == ["run", "as_of", "customers", "k", "verdict", "silhouette", "decision", "sizes"]
    assert listed[1].split()[:3] == ["r", "–", "3"]


def test_compared_with_an_earlier_run(begun):
    small, features = begun, ["feature1", "feature2", "feature3"]
    table = pd.read_csv(small / "customer_data.csv")
    table.loc[:2, features] += 6
    table.to_csv(small / "customer_data.csv", index=False)
    done = segnb("run", *SMALL, "--run", "two", "-p", "previous=r", "--strict", cwd=small)
    assert done.returncode == 0, done.stderr
    decision = read(small / "outputs" / "two", "decision.json")
    assert decision["decision"] == "rescore"
    assert decision["compared_with"] == "r"
    few = table.assign(feature1=table["feature1"] * 40)
    few.to_csv(small / "customer_data.csv", index=False)
    strict = segnb("run", *SMALL, "--run", "three", "-p", "previous=r", "--strict", cwd=small)
    assert read(small / "outputs" / "three", "decision.json")["decision"] in ("refit", "redesign")
    assert strict.returncode == 3


@pytest.mark.parametrize(
    ("text", "given"),
    [
        ("spend\n" + "\n".join(str(number % 17) for number in range(60)), []),
        ("a,b\n" + "\n".join(f"{number % 7},{number % 5}" for number in range(14)), ["-p", "k_max=3"]),
        ("spend,b\n" + "\n".join(f"{number % 7},{number % 5}" for number in range(12)), ["-p", "k_max=3"]),
    ],
    ids=["one column", "everybody withheld", "everybody and what they are worth withheld"],
)
def test_small_and_narrow_tables_run_to_the_report(small, text, given):
    (small / "customer_data.csv").write_text(text + "\n")
    done = segnb("run", *SMALL, *given, cwd=small)
    assert done.returncode == 0, done.stderr
    for page in PAGES[1:]:
        html = (small / "outputs" / "shop" / page).read_text()
        assert not re.search(r"</h2>\s*(</div>\s*)*(<div[^>]*>\s*)*<h2", html), "a heading stands above something"


def test_log_that_does_not_fill_the_earlier_window_is_not_compared(small, shop):
    recent = shop.purchases[shop.purchases["ordered_at"] >= "2025-09-01"]
    some = recent["customer_id"].isin(recent["customer_id"].unique()[:200])
    recent[some].to_parquet(small / "short.parquet")
    done = segnb("run", "-p", "purchases=short.parquet", "-p", "customers=", *QUICK, "--strict", cwd=small)
    assert done.returncode == 0, done.stderr
    decision = read(small / "outputs" / "shop", "decision.json")
    assert decision["decision"] == "keep"
    assert "does not fill a window of 365 days" in decision["reasons"][0]


def test_page_explains_what_it_shows_and_nothing_else(good, published):
    explained = "The diagonal stayed."
    assert explained in (published / "05_iterate.html").read_text()
    assert "Who moved" in (good / "outputs" / "r" / "05_iterate.html").read_text()
    assert explained not in (good / "outputs" / "r" / "05_iterate.html").read_text(), "there is no earlier run"


def test_start_from_keeps_the_numbers(begun):
    done = segnb("run", *SMALL, "--run", "two", "-p", "start_from=r", "--until", "cluster", cwd=begun)
    assert done.returncode == 0, done.stderr
    one, two = (pd.read_parquet(begun / "outputs" / name / "segments.parquet") for name in ("r", "two"))
    assert one["segment"].equals(two["segment"])


def test_read_only_outputs_are_refused_before_anything_runs(small):
    if os.getuid() == 0:
        (small / "outputs").write_text("a file where the folder should be")
    else:
        (small / "outputs").mkdir(mode=0o500)
    done = segnb("run", *SMALL, cwd=small)
    assert done.returncode == 2
    assert "cannot be written (" in done.stderr


def test_help_imports_nothing_heavy():
    code = (
        "import sys; sys.argv = ['segnb', '--help']\nfrom segnb.cli import main\ntry: main()\nexcept SystemExit: pass\n"
    )
    code += "print(sorted({'pandas', 'sklearn', 'matplotlib', 'papermill', 'nbformat', 'ibis'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def on_a_terminal(command, cwd, env):
    """Return the exit code of a command on a terminal of its own, and all that it put there."""
    clean = clean_environment()
    mine, theirs = pty.openpty()
    with subprocess.Popen(command, cwd=cwd, env=clean | env, stdout=theirs, stderr=theirs, stdin=theirs) as going:
        os.close(theirs)
        said = b""
        with contextlib.suppress(OSError):  # the other side is gone
            while block := os.read(mine, 4096):
                said += block
    os.close(mine)
    return going.returncode, said.decode()


def test_terminal_without_colour_is_no_trouble(small):
    command = [sys.executable, "-m", "segnb", "run", *SMALL, "--run", "r", "--until", "prepare"]
    code, said = on_a_terminal(command, small, {"TERM": "dumb"})
    assert code == 0, said
    assert "report:" in said
    assert "\x1b[3" not in said, "no colour"


A_STEP = """
import sys
from segnb.runs.run import Progress
with Progress(sys.stderr) as progress, progress.step("prepare", 9) as on_cell:
    for _ in range(9): on_cell()
"""


@pytest.mark.parametrize("env", [{"NO_COLOR": "1", "COLUMNS": "20"}, {"COLUMNS": "9"}])
def test_progress_on_a_narrow_terminal_is_no_trouble(small, env):
    code, said = on_a_terminal([sys.executable, "-c", A_STEP], small, {"TERM": "xterm"} | env)
    assert code == 0, said
    assert "1 prepa" in said


def test_progress_is_plain_lines_when_nobody_watches(small):
    done = segnb("run", *SMALL, "--until", "prepare", cwd=small)
    assert re.fullmatch(r"1/5 prepare done in \d+\.\d s\n", done.stderr)


def test_file_beside_the_caller_is_the_one_that_is_read_and_recorded(small):
    (small / "notebooks").mkdir()
    (small / "notebooks" / "01_prepare.ipynb").write_bytes((ROOT / "notebooks" / "01_prepare.ipynb").read_bytes())
    (small / "sub").mkdir()
    table = pd.read_csv(small / "customer_data.csv")
    table.head(50).to_csv(small / "sub" / "customer_data.csv", index=False)
    done = segnb("run", *SMALL, "--run", "r", "--until", "prepare", cwd=small / "sub")
    assert done.returncode == 0, done.stderr
    made = small / "outputs" / "r"
    assert len(pd.read_parquet(made / "customers.parquet")) == 50
    digest = sha256(small / "sub" / "customer_data.csv")
    assert read_manifest(made)["inputs"] == {"sub/customer_data.csv": digest}


def test_continued_run_records_what_its_first_step_read(begun):
    small = begun
    inputs = read_manifest(small / "outputs" / "r")["inputs"]
    pd.read_csv(small / "customer_data.csv").head(40).to_csv(small / "customer_data.csv", index=False)
    done = segnb("run", "--run", "r", "--from", "cluster", "--until", "cluster", "-p", "n_init=2", cwd=small)
    assert done.returncode == 0, done.stderr
    assert read_manifest(small / "outputs" / "r")["inputs"] == inputs


def test_values_are_checked_beside_those_of_the_run_that_is_continued(small):
    assert segnb("run", *SMALL, "-p", "k_max=12", "--run", "r", "--until", "prepare", cwd=small).returncode == 0
    done = segnb("run", "--run", "r", "--from", "choose_k", "--until", "choose_k", "-p", "k_min=11", cwd=small)
    assert done.returncode == 0, done.stderr


def test_remains_of_a_failed_attempt_do_not_stand_in_for_the_good_run(begun):
    small = begun
    remains = small / "outputs" / "r.failed"
    shutil.copytree(small / "outputs" / "r", remains)
    write_manifest(remains, read_manifest(remains) | {"state": "failed", "steps": {}})
    assert "r.failed" not in segnb("runs", cwd=small).stdout
    refused = segnb("run", *SMALL, "--run", "s", "-p", "previous=r.failed", cwd=small)
    assert refused.returncode == 2
    assert "is what a failed run left" in refused.stderr
    done = segnb("run", "--run", "r", "--from", "interpret", "--until", "interpret", cwd=small)
    assert done.returncode == 0, done.stderr


def test_look_back_starts_from_the_runs_own_day(project, shop):
    shop.purchases.to_parquet(project / "log.parquet")
    parameters = Parameters(run="r", customers="", purchases="log.parquet", n_init=1)
    run, source = Workspace("r"), load_customers(parameters)
    made = {"as_of": source.as_of, "columns": ["orders", "spend"], "categories": source.categories}
    run.write("prepare.json", made | {"settings": parameters.model_dump()})
    run.write("centres.csv", pd.DataFrame({"segment": [1, 2, 3]}))
    before = Past(run, parameters).earlier()[0].label
    last = shop.purchases["ordered_at"].max()
    later = shop.purchases.tail(500).assign(ordered_at=last + pd.Timedelta(days=60))
    pd.concat([shop.purchases, later]).to_parquet(project / "log.parquet")
    assert Past(run, parameters).earlier()[0].label == before


def test_no_page_tells_the_values_of_a_segment_of_few(small):
    table = pd.read_csv(small / "customer_data.csv")
    table.loc[len(table)] = [987.654, 765.432, 654.321]
    table.to_csv(small / "customer_data.csv", index=False)
    given = ["-p", "k=3", "-p", "min_share=0", "-p", "outliers=keep", "-p", "transform=none", "-p", "value=feature1"]
    done = segnb("run", *SMALL, *given, "--run", "r", cwd=small)
    assert done.returncode == 0, done.stderr
    made = small / "outputs" / "r"
    assert pd.read_csv(made / "sizes.csv")["customers"].min() == 1
    written = [path for path in made.iterdir() if path.suffix in (".html", ".ipynb", ".md")]
    assert len(written) >= 12
    for path in written:
        assert not re.search(r"987\.65|765\.43|654\.32|\b988\b|\b765\b|\b654\b", text_of(path)), path.name


def text_of(path):
    """Return what stands in a page or notebook, pictures and the places of what is drawn aside."""
    text = re.sub(r"[A-Za-z0-9+/=]{200,}", "", path.read_text(encoding="utf-8"))
    return re.sub(r'\b(d|x|y|id|points|transform|viewBox|width|height|style|clip-path|href)=\\?"[^"]*"', "", text)
