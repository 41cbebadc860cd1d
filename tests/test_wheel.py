"""Installed without a clone: the wheel carries notebooks, presets and the shop, and runs in an empty folder."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

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


@pytest.mark.soak
def test_room_without_network_installs_from_the_folder_of_wheels(tmp_path):
    subprocess.run(["git", "clone", "--quiet", ROOT, tmp_path / "clone"], check=True)
    own = f"VENV={Path(sys.prefix)}"  # its environment is there already, so nothing is installed into it
    subprocess.run(["make", "-o", f"{sys.prefix}/ready", own, "wheels"], cwd=tmp_path / "clone", check=True)
    shutil.move(tmp_path / "clone" / "outputs" / "wheels", tmp_path / "wheels")
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "room"], check=True)
    python, offline = tmp_path / "room" / "bin" / "python", {"PIP_CONFIG_FILE": os.devnull, "PATH": os.environ["PATH"]}
    install = [python, "-m", "pip", "install", "--quiet", "--no-index", "--find-links", tmp_path / "wheels", "segnb"]
    subprocess.run(install, cwd=tmp_path, env=offline, check=True)
    run = [python, "-m", "segnb", "run", "data/shop.yaml", "--until", "prepare"]
    subprocess.run(run, cwd=tmp_path / "room", env=offline, check=True)
    assert (tmp_path / "room" / "outputs" / "shop" / "index.html").is_file()
