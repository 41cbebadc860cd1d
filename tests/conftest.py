"""What the tests share: the planted shop, its prepared matrix, a published run, and closed figures."""

import os
import subprocess
import sys
from pathlib import Path

import matplotlib
import pytest

matplotlib.use("agg")
import matplotlib.pyplot as plt
from hypothesis import settings

from segnb.cluster import assign, fit_segments
from segnb.data import load_customers
from segnb.parameters import Parameters
from segnb.prepare import prepare
from segnb.samples import plant_shop

settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("ci")

ROOT = Path(__file__).parent.parent
SHARED = ROOT.parent / "shared"


@pytest.fixture(autouse=True)
def _closed_figures():
    yield
    plt.close("all")


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


def segnb(*arguments, cwd, env=None):
    """Return the finished command `segnb …`."""
    command = [sys.executable, "-m", "segnb", *map(str, arguments)]
    clean = {key: value for key, value in os.environ.items() if not key.startswith("SEGNB_")}
    return subprocess.run(
        command, cwd=cwd, env=clean | (env or {}), capture_output=True, text=True, timeout=600, check=False
    )


@pytest.fixture(scope="session")
def published(tmp_path_factory):
    """The folder of a whole run on the built-in shop, made in an empty folder."""
    folder = tmp_path_factory.mktemp("published")
    done = segnb("run", ROOT / "data" / "shop.yaml", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "outputs" / "shop"
