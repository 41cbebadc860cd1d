"""Installed without a clone: the wheel carries notebooks, presets and the shop, and runs in an empty folder."""

import subprocess
import sys
import zipfile

import pytest
from conftest import ROOT, segnb


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    wheel = next(folder.glob("*.whl"))
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def test_wheel_carries_what_a_run_needs(installed):
    share = installed / "segnb" / "share"
    for name in ("notebooks/01_prepare.ipynb", "data/shop.yaml", "data/cdnow.yaml", "data/shop_purchases.parquet"):
        assert (share / name).is_file()
    for name in ("pages/templates/summary.html.j2", "init/preset.yaml.j2", "init/names.yaml"):
        assert (installed / "segnb" / name).is_file()


def test_run_in_an_empty_folder_writes_outputs_there(installed, tmp_path):
    done = segnb("run", "data/shop.yaml", "--until", "choose_k", cwd=tmp_path, env={"PYTHONPATH": str(installed)})
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "outputs" / "shop" / "index.html").is_file()
    assert [path.name for path in tmp_path.iterdir()] == ["outputs"]
