"""Nothing lost: whatever breaks a run, earlier runs stay as they were and the same command finishes the job."""

import os
import resource
import shutil
import signal
import subprocess
import sys
import time

import pandas as pd
import psutil
import pytest
from conftest import ROOT, SMALL, segnb

from segnb.errors import DataError, RunError
from segnb.paths import STEPS, notebook_path, sha256
from segnb.runs.run import run_workflow
from segnb.runs.stage import Stage
from segnb.runs.store import WRITTEN_BY, Run, read_manifest

MIDDLE = {
    "prepare": "features.parquet",
    "choose_k": "evidence.csv",
    "cluster": "segments.parquet",
    "interpret": "cards.json",
    "iterate": "decision.json",
}
"""A file of each step that appears in its middle."""

FAULTS = os.pathsep.join([str(ROOT / "tests" / "faults"), str(ROOT)])

soak = pytest.mark.soak


@pytest.fixture
def project(begun):
    return begun


def hashes(run):
    return {path.name: sha256(path) for path in sorted(run.iterdir())}


def labels(run):
    return pd.read_parquet(run / "segments.parquet")["segment"]


def command_for(step):
    """Return a command that carries the step out, of the whole run `r` or, for the first step, of a new one."""
    if step == "prepare":
        return ["run", "--run", "new", *SMALL, "--until", "cluster"]
    return ["run", "--run", "r", "--from", step, "--until", max(step, "cluster", key=STEPS.index)]


def kernels_of(project):
    found = psutil.process_iter(["environ"])
    return [each for each in found if (each.info["environ"] or {}).get("SEGNB_PROJECT") == str(project)]


def faulty(fault):
    return {"FAULT": fault, "PYTHONPATH": FAULTS}


def assert_unharmed(project, before, command, good, survived, fault):
    """The earlier run is as it was, nobody is left behind, the same command finishes, and the labels are the same."""
    assert hashes(project / "outputs" / "r") == before
    _, alive = psutil.wait_procs(kernels_of(project), timeout=20)
    assert not alive, "no kernel is left behind"
    again = segnb(*command, cwd=project)
    assert again.returncode == 0, again.stderr
    made = project / "outputs" / command[2]
    pd.testing.assert_series_equal(labels(made), labels(good / "outputs" / "r"))
    assert read_manifest(made)["state"] == "complete"
    assert not list((project / "outputs").glob(".stage*")), "what was killed is cleaned away"
    survived(fault)


def kill_at_the_start(project, command):
    with subprocess.Popen([sys.executable, "-m", "segnb", *command], cwd=project, stderr=subprocess.DEVNULL) as going:
        while going.poll() is None and not kernels_of(project):
            time.sleep(0.1)
        going.kill()
    assert going.returncode == -signal.SIGKILL


KILLS = [
    pytest.param(step, point, marks=[] if point == STEPS.index(step) % 3 else soak)
    for step in STEPS
    for point in range(3)
]


@pytest.mark.parametrize(("step", "point"), KILLS)
def test_killed_run_harms_nothing(project, good, survived, step, point):
    command, run = command_for(step), project / "outputs" / "r"
    before = hashes(run)
    if point == 0:
        kill_at_the_start(project, command)
    else:
        fault = f"cut:{MIDDLE[step]}" if point == 1 else "kill:run.json"
        done = segnb(*command, cwd=project, env=faulty(fault))
        assert done.returncode == -signal.SIGKILL, done.stderr
    assert_unharmed(project, before, command, good, survived, f"kill -9 in {step}")


@pytest.mark.parametrize("name", [pytest.param("index.html", marks=soak), "run.json"])
def test_file_cut_while_the_run_is_finished_is_never_published(project, good, survived, name):
    before = hashes(project / "outputs" / "r")
    done = segnb(*command_for("iterate"), cwd=project, env=faulty(f"cut:{name}"))
    assert done.returncode == -signal.SIGKILL
    assert_unharmed(project, before, command_for("iterate"), good, survived, f"kill -9 while {name} is written")


@soak
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("step", STEPS)
def test_signal_in_every_step_publishes_nothing(project, good, survived, step, number):
    command, before = command_for(step), hashes(project / "outputs" / "r")
    heed = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)}
    with subprocess.Popen(
        [sys.executable, "-m", "segnb", *command], cwd=project, stderr=subprocess.PIPE, text=True, **heed
    ) as going:
        while not kernels_of(project):
            time.sleep(0.01)
        time.sleep(1)
        going.send_signal(number)
        _, said = going.communicate(timeout=60)
    assert going.returncode == 128 + number
    assert said.splitlines()[-1] == "segnb: interrupted; nothing was published"
    assert_unharmed(project, before, command, good, survived, f"{number.name} in {step}")


@soak
@pytest.mark.parametrize("name", [name for step in STEPS for name in WRITTEN_BY[step]])
def test_disk_that_is_full_at_any_file_ends_in_one_line(project, good, survived, name):
    step, before = next(step for step in STEPS if name in WRITTEN_BY[step]), hashes(project / "outputs" / "r")
    done = segnb(*command_for(step), cwd=project, env=faulty(f"full:{name}"))
    if name not in before:
        assert done.returncode == 0, "this run does not write it"
        return
    assert done.returncode == 1
    assert "No space left on device" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert_unharmed(project, before, command_for(step), good, survived, "no space for one of the files")


def limit_files():
    resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))


def test_limit_on_the_size_of_files_ends_in_one_line(project, good, survived):
    before, command = hashes(project / "outputs" / "r"), command_for("prepare")
    done = segnb(*command, cwd=project, preexec_fn=limit_files)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("segnb: ")
    assert "File too large" in done.stderr
    assert "Traceback" not in done.stderr
    assert_unharmed(project, before, command, good, survived, "a limit on the size of files")


@pytest.mark.parametrize("room", [100, pytest.param(400, marks=soak), pytest.param(1000, marks=soak)])
def test_small_disk_ends_in_one_line(project, good, survived, room):
    if os.getuid() or shutil.which("mount") is None:
        pytest.skip("a disk of its own is mounted as root only; the limit on file sizes is tried in any case")
    outputs, kept = project / "outputs", project / "kept"
    outputs.rename(kept)
    outputs.mkdir()
    there = sum(-(-path.stat().st_size // 4096) * 4 for path in kept.rglob("*") if path.is_file())
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={there + room + 64}k", "none", outputs], check=True)
    try:
        shutil.copytree(kept, outputs, dirs_exist_ok=True)
        before = hashes(outputs / "r")
        done = segnb(*command_for("prepare"), cwd=project)
        assert done.returncode == 1, done.stderr
        assert "No space left on device" in done.stderr.splitlines()[-1]
        assert "Traceback" not in done.stderr
        assert hashes(outputs / "r") == before
        assert {path.name for path in outputs.iterdir()} <= {"r", "latest", "index.html", "new.failed"}
        subprocess.run(["mount", "-o", "remount,size=64m", outputs], check=True)
        assert_unharmed(project, before, command_for("prepare"), good, survived, "a full disk")
    finally:
        subprocess.run(["umount", outputs], check=True)


def test_read_only_outputs_are_refused_before_data_are_read(project, survived):
    before = hashes(project / "outputs" / "r")
    (project / "outputs").chmod(0o555)
    (project / "customer_data.csv").write_text("never read")
    like_anybody = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.getuid() == 0 else []
    command = [*like_anybody, sys.executable, "-m", "segnb", "run", *SMALL, "--run", "r"]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, timeout=60, check=False)
    (project / "outputs").chmod(0o755)
    assert done.returncode == 2
    assert "cannot be written (Permission denied); run segnb where you may write" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert hashes(project / "outputs" / "r") == before
    survived("outputs that are read-only")


def started(project, name, *until):
    command = [sys.executable, "-m", "segnb", "run", *SMALL, "--run", name, *until]
    return subprocess.Popen(command, cwd=project, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_two_runs_at_once(project, survived):
    going = [started(project, name, "--until", "cluster") for name in ("a", "b")]
    while not (project / "outputs" / ".stage" / "a" / "lock").exists():
        time.sleep(0.01)
    refused = segnb("run", *SMALL, "--run", "a", cwd=project)
    assert refused.returncode == 1
    assert "run='a': another process is making this run; wait for it" in refused.stderr
    for each in going:
        _, said = each.communicate(timeout=300)
        assert each.returncode == 0, said
    for name in ("a", "b"):
        folder = project / "outputs" / name
        assert {file: about["sha256"] for file, about in read_manifest(folder)["files"].items()} == {
            file: digest for file, digest in hashes(folder).items() if file != "run.json"
        }
    assert (project / "outputs" / "latest").read_text().strip() in ("a", "b")
    survived("two runs at once, of one name and of two")


class Nobody:
    """Who watches a run that never begins."""


def corrupt(path, how):
    content = bytearray(path.read_bytes())
    if how == "deleted":
        path.unlink()
    elif how == "cut":
        path.write_bytes(content[:-10])
    else:
        content[len(content) // 2] ^= 1
        path.write_bytes(content)


@pytest.mark.parametrize("how", ["flipped", "cut", "deleted"])
def test_every_damaged_file_is_refused_by_name(project, survived, how, monkeypatch):
    monkeypatch.chdir(project)
    folder = project / "outputs" / "r"
    kept, before = {path.name: path.read_bytes() for path in folder.iterdir()}, hashes(folder)
    for name, content in kept.items():
        if not content:
            continue
        corrupt(folder / name, how)
        own = next((step for step in STEPS if name in (*WRITTEN_BY[step], *pages_of(step))), None)
        later = STEPS[STEPS.index(own) + 1 :] if own else STEPS[1:]
        if later and name != "index.html":
            with pytest.raises(RunError, match=name.replace(".", r"\.")):
                run_workflow({"run": "r"}, Nobody(), first=later[0])
        if own and name in WRITTEN_BY[own] and not name.endswith(".md"):
            with pytest.raises(RunError, match=name.replace(".", r"\.")):
                Run("r").read(name)
        (folder / name).write_bytes(content)
        survived(f"a file {how}")
    assert hashes(folder) == before, "whoever is refused changes nothing"


def pages_of(step):
    path = notebook_path(step)
    return path.name, path.with_suffix(".html").name


def test_manifest_that_is_gone_makes_every_file_unreadable(project, survived, monkeypatch):
    monkeypatch.chdir(project)
    (project / "outputs" / "r" / "run.json").unlink()
    with pytest.raises(RunError, match=r"choice.json: cannot be read \(run.json is not beside it"):
        Run("r").read("choice.json")
    with pytest.raises(DataError, match="run.json is not beside it"):
        run_workflow({"run": "two", "previous": "r"}, Nobody())
    assert segnb("run", *SMALL, "--run", "r", "--until", "prepare", cwd=project).returncode == 0, "it is made again"
    survived("the manifest deleted")


WAYS = {
    "clock a year on, another time zone, one thread, shuffled rows": (
        {"CLOCK": "31536000", "TZ": "Pacific/Kiritimati", "OMP_NUM_THREADS": "1"},
        True,
    ),
    "the night that summer time ended a year ago, two threads": (
        {"TZ": "Europe/Berlin", "OMP_NUM_THREADS": "2"},
        False,
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_segments_depend_on_the_data_only(project, good, survived, way):
    env, shuffled = WAYS[way]
    if "summer" in way:  # from now to that night
        env = env | {"CLOCK": str(pd.Timestamp("2025-10-26 00:59:50", tz="UTC").timestamp() - time.time())}
    if shuffled:
        table = pd.read_csv(project / "customer_data.csv").sample(frac=1, random_state=0)
        table[[*table.columns[:1], *table.columns[:0:-1]]].to_csv(project / "customer_data.csv", index=False)
    done = segnb(
        "run", *SMALL, "--run", "other", "--until", "cluster",
        cwd=project, env=env | {"PYTHONPATH": FAULTS},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    one, other = good / "outputs" / "r", project / "outputs" / "other"
    pd.testing.assert_series_equal(labels(one), labels(other))
    centres = [pd.read_csv(run / "centres.csv").sort_index(axis=1) for run in (one, other)]
    pd.testing.assert_frame_equal(*centres, rtol=1e-9)
    survived(way)


def test_lock_is_freed_when_its_holder_dies(project, monkeypatch):
    monkeypatch.chdir(project)
    code = "from segnb.runs.stage import Stage; import time\nwith Stage('x'): print('in', flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "in\n"
        with pytest.raises(RunError, match="run='x': another process is making this run"), Stage("x"):
            pass
        holder.kill()
    with Stage("x") as stage:
        stage.open()
    assert not (project / "outputs" / ".stage").exists()


def test_run_moved_aside_by_a_killed_process_is_put_back(project, good, survived):
    """Between two renames there is a moment at which the earlier run lies aside."""
    command, before = command_for("cluster"), hashes(project / "outputs" / "r")
    done = segnb(*command, cwd=project, env=faulty("kill:before"))
    assert done.returncode == -signal.SIGKILL
    assert not (project / "outputs" / "r").exists()
    assert hashes(project / "outputs" / ".stage" / "r" / "before") == before
    refused = segnb(*command, "-p", "k=1", cwd=project)
    assert refused.returncode == 2, "whatever comes of it, the next command puts it back"
    assert_unharmed(project, before, command, good, survived, "kill -9 between the two renames")


def test_interrupt_between_the_two_renames_puts_the_earlier_run_back(project, monkeypatch):
    monkeypatch.chdir(project)
    before, replace = hashes(project / "outputs" / "r"), os.replace

    def interrupted(source, target):
        replace(source, target)
        if os.path.basename(target) == "before":
            raise KeyboardInterrupt

    monkeypatch.setattr("segnb.runs.stage.os.replace", interrupted)
    with Stage("r") as stage:
        stage.open()
        with pytest.raises(KeyboardInterrupt):
            stage.publish({"run": "r", "parameters": {}, "steps": {}, "state": "complete"})
    assert hashes(project / "outputs" / "r") == before
    assert not (project / "outputs" / ".stage").exists()


@pytest.mark.parametrize("kind", ["folder", "file", "link", "dangling"])
def test_what_is_no_run_is_never_replaced(project, tmp_path, kind):
    path, other = project / "outputs" / "mine", tmp_path / "elsewhere"
    other.mkdir()
    (other / "thesis.tex").write_text("years of work")
    if kind == "folder":
        shutil.copytree(other, path)
    elif kind == "file":
        path.write_text("years of work")
    else:
        path.symlink_to(other if kind == "link" else tmp_path / "nowhere")
    done = segnb("run", *SMALL, "--run", "mine", cwd=project)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "move it away, or give this run another name" in done.stderr
    assert (other / "thesis.tex").read_text() == "years of work"
    if kind == "link":
        assert segnb("score", "mine", "customer_data.csv", cwd=project).returncode == 2


def test_strange_folders_among_the_runs_are_passed_over(project, tmp_path):
    outputs = project / "outputs"
    shutil.copytree(outputs / "r", outputs / "r copy")
    (outputs / "link").symlink_to(outputs / "r")
    (outputs / "latest").unlink()
    (outputs / "latest").mkdir()
    listed = segnb("runs", cwd=project)
    assert listed.returncode == 0, listed.stderr
    assert "copy" not in listed.stdout
    done = segnb("run", *SMALL, "--run", "next", "--until", "cluster", cwd=project)
    assert done.returncode == 0, done.stderr
    assert read_manifest(outputs / "next")["state"] == "complete"


def test_many_at_once_point_to_the_latest(project):
    code = "from segnb.runs.store import point_to_latest\nfor _ in range(300): point_to_latest('{}')"
    commands = [[sys.executable, "-c", code.format(name)] for name in ("c", "d")]
    going = [subprocess.Popen(command, cwd=project, stderr=subprocess.PIPE, text=True) for command in commands]
    assert [each.communicate()[1] for each in going] == ["", ""]
    assert (project / "outputs" / "latest").read_text() in ("c\n", "d\n")


@pytest.mark.parametrize("name", ["x.lock", "x~"])
def test_no_name_of_a_run_clashes_with_a_lock(project, monkeypatch, name):
    monkeypatch.chdir(project)
    if "~" in name:
        assert segnb("run", *SMALL, "--run", name, cwd=project).returncode == 2
        return
    with Stage("x") as one, Stage(name) as other:
        assert one.open() != other.open()


def test_page_of_all_runs_is_no_name_of_a_run(project):
    done = segnb("run", *SMALL, "--run", "index.html", cwd=project)
    assert done.returncode == 2
    assert "this is the page of all runs" in done.stderr


def test_whole_run_is_not_replaced_by_less(project):
    before = hashes(project / "outputs" / "r")
    done = segnb("run", *SMALL, "--run", "r", "--until", "prepare", cwd=project)
    assert done.returncode == 2
    assert "holds a run that got to step iterate, and --until prepare would cut it short" in done.stderr
    assert hashes(project / "outputs" / "r") == before


def test_latest_stands_for_the_run_published_last(project, monkeypatch):
    monkeypatch.chdir(project)
    assert Run("latest").name == "r"
    refused = segnb("run", *SMALL, "--run", "latest", cwd=project)
    assert refused.returncode == 2
    assert "latest stands for the run that was published last" in refused.stderr
    done = segnb("run", *SMALL, "--run", "next", "-p", "previous=latest", "--until", "prepare", cwd=project)
    assert done.returncode == 0, done.stderr
    assert read_manifest(project / "outputs" / "next")["parameters"]["previous"] == "r"
    assert Run("latest").name == "r", "a run without segments is none to go on from"
    (project / "outputs" / "latest").unlink()
    with pytest.raises(DataError, match="latest: no run has been published yet"):
        Run("latest")
