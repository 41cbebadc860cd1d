"""What the tests share: the planted shop, its prepared matrix, a published run, and closed figures."""

import fcntl
import io
import os
import shutil
import subprocess
import sys
import traceback
import warnings
from collections import Counter
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

import ibis
import matplotlib
import numpy as np
import pandas as pd
import pytest

matplotlib.use("agg")
import matplotlib.pyplot as plt
from engines import EXTRA, FILES, postgres_server, skip_unless
from hypothesis import settings
from ibis import _
from planted_shop import plant_shop

from segnb.cli import main
from segnb.cluster import assign, centres, fit_segments
from segnb.data import load_customers, open_log
from segnb.data.behaviour import customer_expression, fetch_customers
from segnb.data.engines import fetch
from segnb.disclosure import Door, use_door
from segnb.history.numbering import number_segments
from segnb.parameters import Parameters, check_parameters
from segnb.paths import outputs_folder
from segnb.prepare import original_units, prepare
from segnb.runs.store import MANIFEST, Workspace, read_manifest, write_manifest

settings.register_profile("ci", derandomize=True, deadline=None)
settings.register_profile("soak", max_examples=3000)
if os.environ.get("CI"):
    settings.load_profile("ci")

ROOT = Path(__file__).parent.parent
SHARED = ROOT.parent / "shared"

MIDDLES = np.array([[0.0, 0.0], [20.0, 0.0], [0.0, 20.0]])


def open_purchases(source, columns, customer_id, **given):
    """Return a purchase log, opened as a run without a customer table opens it."""
    named = {"customers": "", "purchases": source, "purchase_columns": columns, "customer_id": customer_id}
    return open_log(check_parameters(named | given))


@contextmanager
def door_of(new):
    """Set the door for the length of a `with` block."""
    use_door(lambda: new)
    try:
        yield new
    finally:
        use_door(Door)


def aggregate_customers(purchases, as_of, window_days=0, categories=()):
    """Return one row per customer with an order in the window, ordered by id."""
    return fetch_customers(customer_expression(purchases, as_of, window_days, categories))


def clv_summary(purchases, as_of):
    """Return the summary that customer-lifetime-value models expect, one row per customer; days count once.

    After Fader and Hardie's notes on the CDNOW data: `frequency` (repeat purchase days), `recency` (weeks from the
    first to the last purchase), `T` (weeks from the first purchase to `as_of`), `monetary_value` (mean of these days).
    """
    days = (
        purchases.lines.filter(_.day <= as_of, _.amount >= 0).group_by("customer_id", "day").agg(spent=_.amount.sum())
    )
    first = days.group_by("customer_id").agg(first=_.day.min(), last=_.day.max(), n_days=_.count())
    joined = days.join(first, "customer_id")
    repeat = joined.filter(joined.day > joined.first).group_by("customer_id").agg(monetary_value=_.spent.mean())
    table = first.left_join(repeat, "customer_id").select(
        "customer_id",
        frequency=first.n_days - 1,
        recency=first.last.delta(first.first, unit="day") / 7,
        T=ibis.literal(as_of).delta(first.first, unit="day") / 7,
        monetary_value=repeat.monetary_value.fill_null(0.0),
    )
    return fetch(table).astype({"customer_id": "str"}).set_index("customer_id").sort_index()


@pytest.fixture(autouse=True)
def _as_it_was():
    """Close what a test drew, and open the door that a notebook's start has set."""
    yield
    plt.close("all")
    use_door(Door)


@pytest.fixture(scope="session")
def shop():
    return plant_shop()


@pytest.fixture(scope="session")
def source():
    return load_customers(Parameters())


@pytest.fixture(scope="session")
def prepared(source):
    return prepare(source.table, source.behaviours)


@pytest.fixture(scope="session")
def model(prepared):
    return fit_segments(prepared.features, 5)


@pytest.fixture(scope="session")
def assigned(prepared, model):
    return assign(model, prepared.features)


@pytest.fixture
def project(tmp_path, monkeypatch):
    """An empty folder that paths and runs are anchored to."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SEGNB_PROJECT", raising=False)
    monkeypatch.delenv("SEGNB_STAGE", raising=False)
    return tmp_path


def clean_environment():
    """Return the environment without what another run may have left in it."""
    return {name: value for name, value in os.environ.items() if not name.startswith("SEGNB_")}


def plain_papermill(cwd, source, output, *given):
    """Return the finished command `papermill …`, as somebody would run a notebook at a terminal."""
    command = [sys.executable, "-m", "papermill", str(source), str(output), *given]
    return subprocess.run(command, cwd=cwd, env=clean_environment(), capture_output=True, text=True, check=False)


def segnb(*arguments, cwd, env=None, apart=False, **given):
    """Return the finished command `segnb …`, in this process unless it wants one or an environment of its own."""
    if not (env or given or apart):
        return in_this_process([*map(str, arguments)], cwd)
    command = [sys.executable, "-m", "segnb", *map(str, arguments)]
    own = clean_environment() | (env or {})
    return subprocess.run(command, cwd=cwd, env=own, capture_output=True, text=True, timeout=600, check=False, **given)


def in_this_process(arguments, cwd):
    """Return the command as if a process of its own had finished; its imports are done, and kernels forked at once."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err), warnings.catch_warnings():
        for name in [name for name in os.environ if name.startswith("SEGNB_")]:
            patch.delenv(name)
        patch.chdir(cwd)
        patch.setattr(sys, "argv", ["segnb", *arguments])
        warnings.simplefilter("ignore")
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
        except Exception:
            traceback.print_exc()
            code = 1
    return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())


QUICK = ["-p", "n_boot=2", "-p", "n_refs=2", "-p", "n_init=1", "-p", "k_max=4"]
"""What makes any run quick."""

SMALL = ["-p", "customers=customer_data.csv", "-p", "purchases=", *QUICK]
"""A run on the table of `write_small`."""


FEWER_DRAWS = {
    "n_boot: int = 50": "n_boot: int = 5",
    "n_refs: int = 10": "n_refs: int = 3",
    "n_init: int = 10": "n_init: int = 3",
}


def with_fewer_draws(notebook):
    """Let a notebook draw fewer samples than by default; its cells are the same otherwise."""
    for cell in notebook.cells:
        if "parameters" in cell.metadata.get("tags", []):
            for usual, fewer in FEWER_DRAWS.items():
                cell.source = cell.source.replace(usual, fewer)


def write_small(folder):
    """Write a small table of customers with two kinds of them, and return the folder."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame(np.r_[rng.normal(0, 1, (40, 3)), rng.normal(6, 1, (30, 3))])
    table.columns = ["feature1", "feature2", "feature3"]
    table.insert(0, "customer_id", [f"c{number:02d}" for number in range(len(table))])
    table.to_csv(folder / "customer_data.csv", index=False)
    return folder


def made_once(tmp_path_factory, name, *arguments, fill=lambda folder: folder, **given):
    """Return a folder in which a command was carried out, the same one for all workers."""
    base = tmp_path_factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    with open(base / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the others wait
        folder = base / name
        if not folder.exists():
            folder.mkdir()
            done = segnb(*arguments, cwd=fill(folder), **given)
            assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="session")
def good(tmp_path_factory):
    """A project with a whole run `r` on the small table; for tests that change nothing in it."""
    return made_once(tmp_path_factory, "good", "run", *SMALL, "--run", "r", fill=write_small)


@pytest.fixture
def begun(good, tmp_path):
    """A copy of that project, to go on from or to break."""
    folder = tmp_path / "project"
    shutil.copytree(good, folder)
    return folder


@pytest.fixture
def survived(record_property):
    """Take down a fault that harmed nothing, for the table at the end."""
    return lambda fault: record_property("survived", fault)


LONG = ("test_workshop", "test_run", "test_real", "test_faults", "test_lab", "test_pages", "test_act")
"""The files that take longest: they are begun first, so that no worker has one of them left at the end."""


def pytest_collection_modifyitems(items):
    """Put long files first; mark what needs an engine that an extra brings, so that such tests can be run alone."""
    items.sort(key=lambda item: LONG.index(item.path.stem) if item.path.stem in LONG else len(LONG))
    for item in items:
        given = item.callspec.params.values() if hasattr(item, "callspec") else ()
        kinds = {each for each in given if isinstance(each, str)}
        if kinds & EXTRA or "postgres" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.engines)


def pytest_terminal_summary(terminalreporter):
    """Print the faults that the tests tried, once all of them are known to have harmed nothing."""
    passed = [report for report in terminalreporter.stats.get("passed", []) if report.when == "call"]
    faults = Counter(fault for report in passed for name, fault in report.user_properties if name == "survived")
    if faults:
        terminalreporter.section("faults survived, with nothing lost")
        for fault, times in sorted(faults.items()):
            terminalreporter.line(f"{times:5}  {fault}")
        terminalreporter.line(f"{faults.total():5}  in all")


@pytest.fixture(scope="session")
def browser():
    """A headless chromium that asks nobody outside."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("chromium is not installed: Debian's package chromium")
    from playwright.sync_api import sync_playwright

    quiet = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=path, args=[*quiet, "--disable-component-update", "--disable-sync"]
        )
        yield started
        started.close()


@pytest.fixture(scope="session")
def published(tmp_path_factory):
    """The folder of a whole run on the built-in shop, made in an empty folder; for tests that change nothing in it."""
    folder = made_once(tmp_path_factory, "published", "run", ROOT / "data" / "shop.yaml", apart=True)
    return folder / "outputs" / "shop"


@pytest.fixture(scope="session")
def postgres():
    """The address of a PostgreSQL server that these tests start and end."""
    skip_unless("postgres")
    with postgres_server() as address:
        yield address


@pytest.fixture
def engine(request):
    """The address of an engine, by its kind: see `every_engine`."""
    skip_unless(request.param)
    return FILES.get(request.param) or request.getfixturevalue("postgres")


def customers(prefix, sizes, middles=MIDDLES, columns="ab"):
    """Return customers around the middles, as many as `sizes` says around each; ids begin with the prefix."""
    rng = np.random.default_rng(len(prefix))
    X = np.repeat(middles, sizes, axis=0) + rng.normal(size=(sum(sizes), 2))
    ids = pd.Index([f"{prefix}{number}" for number in range(len(X))], name="customer_id")
    return pd.DataFrame(X, columns=list(columns), index=ids)


class Made(Workspace):
    """A published run that a test writes to; its manifest follows."""

    def __init__(self, name):
        super().__init__(name, outputs_folder() / name)

    def write(self, name, value):
        super().write(name, value)
        self.vouch()

    def vouch(self, **about):
        """Write a manifest that says what is there."""
        known = read_manifest(self.folder) if (self.folder / MANIFEST).exists() else {}
        write_manifest(self.folder, {"run": self.name, "parameters": {}, "state": "complete"} | known | about)


def made(name, table, k=3, columns=None, **given):
    """Do steps 1 and 3 as the notebooks do, and return the run with its numbering."""
    run, prepared = Made(name), prepare(table, list(columns or table), outliers="keep", transform="none")
    features = prepared.features
    run.write("customers.parquet", prepared.customers)
    settings = Parameters(run=name, customers="t.csv", purchases="", outliers="keep", transform="none").model_dump()
    run.write("prepare.json", {"columns": prepared.columns, "settings": settings, "as_of": None, "categories": []})
    run.write("features.parquet", features)
    run.write("prepare.skops", prepared.pipeline)
    model, numbering = number_segments(run, Parameters(run=name, **given), fit_segments(features, k), features)
    run.write("segments.parquet", assign(model, features, numbering.numbers))
    run.write("centres.csv", original_units(prepared.pipeline, centres(model, features, numbering.numbers)))
    run.write("model.skops", model)
    run.write("numbering.json", numbering.to_dict())
    return run, numbering
