"""Engines for the tests: what is installed here, and a PostgreSQL server of the tests' own."""

import contextlib
import getpass
import importlib.util
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

import pytest

PASSWORD = "s3cret-of-the-tests"
FILES = {
    "duckdb": "duckdb://",
    "duckdb, 500 MB": "duckdb://?memory_limit=500MB",
    "polars": "polars://",
    "spark": "pyspark://",
}
KINDS = [*FILES, "postgres"]
EXTRA = {"polars", "spark", "postgres"}
every_engine = pytest.mark.parametrize("engine", KINDS, indirect=True)


def postgres_bin():
    """Return the folder of PostgreSQL's programs, or None."""
    found = shutil.which("initdb")
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return Path(found).parent if found else debian[-1].parent if debian else None


def why_not(kind):
    """Return what is missing for an engine here, or ""."""
    if kind == "polars" and not importlib.util.find_spec("polars"):
        return "polars is not installed: pip install 'segnb[polars]'"
    if kind == "spark" and not (importlib.util.find_spec("pyspark") and shutil.which("java")):
        return "Spark is not installed: pip install 'segnb[spark]' and Java 17"
    if kind == "postgres" and not (importlib.util.find_spec("psycopg") and postgres_bin()):
        return "PostgreSQL is not installed: pip install 'segnb[postgres]' and Debian's package postgresql"
    return ""


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@contextlib.contextmanager
def postgres_server():
    """Start a server on loopback in a folder of its own and yield its address; PGPASSWORD holds the password."""
    programs, root = postgres_bin(), os.getuid() == 0
    folder = Path(tempfile.mkdtemp(prefix="segnb-pg-"))
    user = "postgres" if root else getpass.getuser()
    (folder / "password").write_text(PASSWORD)
    if root:
        account = pwd.getpwnam(user)
        for path in (folder, folder / "password"):
            os.chown(path, account.pw_uid, account.pw_gid)

    def run(*command):
        asking = {"user": user, "group": user, "extra_groups": []} if root else {}
        subprocess.run(command, check=True, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **asking)

    port, data = free_port(), folder / "data"
    run(programs / "initdb", "-D", data, "-U", "segnb", f"--pwfile={folder / 'password'}", "-A", "scram-sha-256", "-N")
    options = f"-p {port} -c listen_addresses=127.0.0.1 -k {folder} -F"
    run(programs / "pg_ctl", "-D", data, "-w", "-o", options, "-l", folder / "log", "start")
    os.environ["PGPASSWORD"] = PASSWORD
    try:
        yield f"postgres://segnb@127.0.0.1:{port}/postgres"
    finally:
        del os.environ["PGPASSWORD"]
        run(programs / "pg_ctl", "-D", data, "-m", "immediate", "stop")
        shutil.rmtree(folder)


def skip_unless(kind):
    if reason := why_not(kind):
        pytest.skip(reason)
