"""The engine that holds or reads the tables: DuckDB in this process, or any other that ibis reaches by its address."""

import atexit
import os
import sys
import tempfile
import warnings
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import duckdb
import ibis
import ibis.expr.datatypes as dt
import pandas as pd

from segnb.errors import DataError, RunError
from segnb.paths import EMBEDDED, SCRATCH, shown
from segnb.text import some


@cache
def scratch_folder() -> Path:
    """Return a folder of this process's own, gone with the run that is being made, else with this process.

    A kernel is ended at once and could not clean up; the runner does it.
    """
    folder = tempfile.TemporaryDirectory(prefix="segnb-", dir=os.environ.get(SCRATCH), ignore_cleanup_errors=True)
    atexit.register(folder.cleanup)
    return Path(folder.name)


_EXTRAS = {"postgres": "postgres", "postgresql": "postgres", "pyspark": "spark", "polars": "polars"}
"""The extra of segnb that brings what an engine needs."""


_OWN_SCHEMAS = ("information_schema", "pg_catalog", "pg_toast")
"""Schemas in which an engine keeps what it knows of itself."""


def connect(address: str = EMBEDDED, *, writable: bool = False) -> ibis.BaseBackend:
    """Return a connection to an engine, its session in UTC.

    Parameters
    ----------
    address : str
        As ibis understands it: `duckdb://`, `duckdb:///path/shop.duckdb`, `duckdb://?memory_limit=500MB`,
        `postgres://user@host/database`, `pyspark://`, `polars://`, or that of another backend of ibis. A password comes
        from where the engine's own tools look for it, for PostgreSQL the variable PGPASSWORD or the file ~/.pgpass.
    writable : bool, default False
        Whether a table is to be made in a DuckDB file, which nobody else can have open then.

    Raises
    ------
    DataError
        If the engine is unknown, cannot be reached, or refuses.

    >>> connect("duckdb://?threads=1").name
    'duckdb'
    """
    kind = urlsplit(address).scheme
    try:
        return _connect_duckdb(address, writable) if kind == "duckdb" else _CONNECTORS.get(kind, ibis.connect)(address)
    except ImportError as error:
        extra = f"pip install 'segnb[{_EXTRAS[kind]}]' brings it" if kind in _EXTRAS else "install what ibis asks for"
        package = error.name or getattr(error.__cause__, "name", None) or kind  # ibis names it in the cause
        raise DataError(f"engine {shown(address)}: the Python package {package} is not there; {extra}") from None
    except Exception as error:
        remedy = "check the address and that it is running; passwords come from the environment or the usual files"
        raise DataError(f"engine {shown(address)}: no connection ({first_line(error)}); {remedy}") from None


def engine_table(engine: ibis.BaseBackend, name: str, address: str) -> ibis.Table:
    """Return a table of an engine; `schema.table` names one of another schema.

    Raises
    ------
    DataError
        If there is no such table, or this user may not read it.
    """
    schema, _, table = name.rpartition(".")
    try:
        found = engine.table(table, database=schema or None)
        found.limit(0).to_pyarrow()
        return found
    except Exception as error:
        why, remedy = first_line(error), _tables_there(engine, schema)
        raise DataError(f"{name}: cannot be read from {shown(address)} ({why}); {remedy}") from None


def check_numbers(table: ibis.Table, source: str, columns: Iterable[str], *, booleans: bool = False) -> None:
    """Raise a `DataError` that lists all `columns` of an engine's table that hold no numbers, nor yes and no."""
    allowed = (dt.Numeric, dt.Boolean) if booleans else dt.Numeric
    types = {name: table[name].type() for name in columns}
    if wrong := [f"{name!r} is {kind}" for name, kind in types.items() if not isinstance(kind, allowed)]:
        raise DataError(f"{source}: column {', '.join(wrong)}, not a number; give a view in which it is one")


def kept(table: ibis.Table) -> ibis.Table:
    """Return a table that is asked for more than once; inside this process it is computed now, and once."""
    return table.cache() if table.get_backend().name == "duckdb" else table.view()


def fetch(table: ibis.Table, order_by: str = "") -> pd.DataFrame:
    """Return a table of an engine as a DataFrame, its rows in the order of a column.

    Raises
    ------
    RunError
        If the engine breaks off.
    """
    try:
        found = table.to_pyarrow()
        return (found.sort_by(order_by) if order_by else found).to_pandas()
    except Exception as error:
        raise RunError(f"the engine stopped answering ({first_line(error)}); run the same command again") from None


def local_clock(column: ibis.Column, zone: str, address: str) -> ibis.Column:
    """Return what a clock in `zone` shows at a moment of UTC.

    Raises
    ------
    DataError
        If segnb does not know how the engine tells the time elsewhere.
    """
    kind = urlsplit(address).scheme
    if kind not in _CLOCKS:
        remedy = f"only on {', '.join(_CLOCKS)}; keep local dates in the table"
        raise DataError(f"reading: zone={zone!r} is not understood on {shown(address)}, {remedy}")
    if kind == "pyspark":
        return _from_utc(column.cast(_CLOCK), zone)
    return _local_time(zone, column.cast(_MOMENT))  # the session is in UTC


def first_line(error: Exception) -> str:
    """Return the first line of an error's message that says something."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:300] if lines else type(error).__name__


def _tables_there(engine: ibis.BaseBackend, schema: str) -> str:
    try:
        names = sorted(engine.list_tables(database=schema or None))
        others = [each for each in engine.list_databases() if not names and each not in _OWN_SCHEMAS]
        names = names or sorted(f"{each}.{name}" for each in others for name in engine.list_tables(database=each))
    except Exception:
        return "check its name and that you may read it"
    return f"the tables there are {some(names)}" if names else "there are no tables there"


def _connect_duckdb(address: str, writable: bool) -> ibis.BaseBackend:
    """Return DuckDB, a file of it as it is; what it spills lies in a folder of this process's own."""
    parts = urlsplit(address)
    file, given = parts.netloc + parts.path, dict(parse_qsl(parts.query))
    if file and not Path(file).is_file():
        raise FileNotFoundError(f"there is no file {file}")
    spill = {"temp_directory": str(scratch_folder() / "spill")}
    try:
        engine = ibis.duckdb.connect(file or ":memory:", read_only=bool(file) and not writable, **(spill | given))
    except duckdb.ConnectionException:  # this process has it open for writing already
        engine = ibis.duckdb.connect(file, **(spill | given))
    engine.raw_sql("SET TimeZone = 'UTC'; SET enable_progress_bar = false")  # it would be drawn across the run's own
    return engine


def _connect_postgres(address: str) -> ibis.BaseBackend:
    engine = ibis.connect(address)
    engine.raw_sql("SET TIME ZONE 'UTC'").close()
    atexit.register(engine.disconnect)
    return engine


def _connect_spark(address: str) -> ibis.BaseBackend:
    """Return Spark: the session that is there, that of SPARK_REMOTE, or a local one that logs nothing."""
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas", FutureWarning)
    from pyspark.sql import SparkSession

    given = dict(parse_qsl(urlsplit(address).query))
    quiet = {"spark.ui.enabled": "false", "spark.ui.showConsoleProgress": "false", "spark.log.level": "ERROR"}
    if not {"SPARK_REMOTE", "SPARK_CONF_DIR", "PYSPARK_GATEWAY_PORT"} & set(os.environ) and "spark.master" not in given:
        os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
        quiet |= {"spark.master": "local[*]", "spark.sql.shuffle.partitions": "8"}
    session = SparkSession.builder.appName("segnb").config(map=quiet | given)
    return ibis.pyspark.connect(session.getOrCreate())


_CONNECTORS = {"postgres": _connect_postgres, "postgresql": _connect_postgres, "pyspark": _connect_spark}

_CLOCK, _MOMENT = dt.Timestamp(), dt.Timestamp(timezone="UTC")


@ibis.udf.scalar.builtin(name="timezone", signature=((dt.string, _MOMENT), _CLOCK))
def _local_time(zone, moment):
    """Return what a clock in `zone` shows at a moment."""


@ibis.udf.scalar.builtin(name="from_utc_timestamp", signature=((_CLOCK, dt.string), _CLOCK))
def _from_utc(time, zone):
    """Return what a clock in `zone` shows when one of UTC shows `time`."""


_CLOCKS = ("duckdb", "postgres", "postgresql", "pyspark")
