"""Many runs: twenty at once on the shop, and a hundred one after the other in one process."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pandas as pd
import pytest
from conftest import ROOT, SMALL, segnb, write_small

from segnb.paths import sha256
from segnb.runs.store import read_manifest

pytestmark = pytest.mark.soak

IN_ONE_PROCESS = """
import gc, os, sys
import psutil
from segnb.parameters import read_values
from segnb.runs.run import Progress, run_workflow

values = read_values(sys.argv[1:])
own, held = psutil.Process(), []
with open(os.devnull, "w") as nobody, Progress(nobody) as progress:
    for number in range(100):
        run_workflow(values | {"run": f"r{number % 3}"}, progress, last="prepare")
        gc.collect()
        held.append(own.memory_info().rss / 2**20)
        assert len(own.children(recursive=True)) == 0, "no kernel is left"
print(held[19], held[99], own.num_fds(), own.num_threads())
"""


def test_twenty_runs_four_at_a_time_all_complete_and_verify(tmp_path, survived):
    def run(number):
        return segnb("run", ROOT / "data" / "shop.yaml", "--run", f"shop{number}", cwd=tmp_path)

    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(run, range(20)))
    assert [each.returncode for each in done] == [0] * 20, [each.stderr for each in done if each.returncode]
    first = pd.read_csv(tmp_path / "outputs" / "shop0" / "segments.csv")
    for number in range(20):
        folder = tmp_path / "outputs" / f"shop{number}"
        files = read_manifest(folder)["files"]
        assert {path.name for path in folder.iterdir()} == {*files, "run.json"}
        assert all(sha256(folder / name) == about["sha256"] for name, about in files.items())
        own = pd.read_csv(folder / "segments.csv")
        pd.testing.assert_frame_equal(own.drop(columns="confidence"), first.drop(columns="confidence"))
        pd.testing.assert_series_equal(own["confidence"], first["confidence"], rtol=0, atol=1e-6)
        survived("runs under load, four at a time")
    assert not (tmp_path / "outputs" / ".stage").exists()


def test_memory_of_a_hundred_runs_in_one_process_does_not_grow(tmp_path, survived):
    write_small(tmp_path)
    given = [word for word in SMALL if word != "-p"]
    done = subprocess.run(
        [sys.executable, "-c", IN_ONE_PROCESS, *given], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    early, late, files, threads = map(float, done.stdout.split())
    assert late < early + 25, f"{early:.0f} MB after 20 runs, {late:.0f} after 100"
    assert files < 100
    assert threads < 50
    survived(f"a hundred runs in one process: {early:.0f} MB after 20, {late:.0f} after 100")
