"""Faults on demand in every Python that has this folder on its path: FAULT=cut:segments.parquet.

cut: when that file is about to appear, half of it is cut off and the run is killed.
kill: when that file has appeared, the run is killed.
full: that file finds no space on the disk.
CLOCK: seconds by which the clock is wrong.
"""

import multiprocessing
import os
import signal
import time


def _kill_the_run():
    asked_for_by = multiprocessing.parent_process()  # of a kernel
    os.kill(asked_for_by.pid if asked_for_by else os.getpid(), signal.SIGKILL)


def _inject(what, where):
    replace = os.replace

    def faulty(source, target, **given):
        hit = os.path.basename(target) == where
        if hit and what == "full":
            raise OSError(28, "No space left on device", str(target))
        if hit and what == "cut":
            os.truncate(source, os.path.getsize(source) // 2)
            _kill_the_run()
            os._exit(9)
        done = replace(source, target, **given)
        if hit and what == "kill":
            _kill_the_run()
        return done

    os.replace = faulty


if os.environ.get("FAULT"):
    _inject(*os.environ["FAULT"].split(":"))
if os.environ.get("CLOCK"):
    _now, _apart = time.time, float(os.environ["CLOCK"])
    time.time = lambda: _now() + _apart
