"""The same customer table from every engine, and one readable line where an engine does not do its part."""

import shutil
import subprocess
import sys
from pathlib import Path

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import ROOT, clv_summary, open_purchases, segnb
from engines import PASSWORD, every_engine, free_port

from segnb.data import load_customers
from segnb.data.engines import connect
from segnb.errors import DataError, RunError
from segnb.parameters import check_parameters, read_preset

SHOP = ROOT / "data" / "shop_purchases.parquet"


@every_engine
def test_shop_is_the_same_on_every_engine(engine, source):
    table = load_customers(check_parameters({"engine": engine}))
    assert table.as_of == source.as_of
    assert table.categories == source.categories
    assert [rule.affected for rule in table.rules] == [rule.affected for rule in source.rules]
    assert table.table.index.equals(source.table.index)
    for name in source.behaviours:
        np.testing.assert_allclose(table.table[name], source.table[name], rtol=1e-9, atol=1e-12, err_msg=name)
    for name in ("recency_days", "orders", "tenure_days", "categories"):
        assert (table.table[name] == source.table[name]).all(), name


@every_engine
def test_life_time_summary_is_the_same_on_every_engine(engine, source):
    columns = {"order": "order_id", "date": "ordered_at", "amount": "amount"}
    own, theirs = (
        clv_summary(open_purchases(str(SHOP), columns, "customer_id", engine=each), source.as_of)
        for each in ("duckdb://", engine)
    )
    pd.testing.assert_frame_equal(own, theirs, rtol=1e-9, check_dtype=False)


@every_engine
def test_days_are_counted_in_the_declared_zone_or_refused(engine, tmp_path):
    times = np.array(["2026-03-08 04:30", "2026-03-08 05:30", "2026-07-01 03:59:59"], dtype="datetime64[us]")
    pd.DataFrame({"c": ["a", "b", "d"], "t": times, "m": 1.0}).to_parquet(tmp_path / "log.parquet")
    given = {"columns": {"date": "t", "amount": "m"}, "customer_id": "c", "reading": {"zone": "America/New_York"}}
    if engine.startswith("polars"):
        with pytest.raises(DataError, match=r"zone='America/New_York' is not understood on polars://"):
            open_purchases(str(tmp_path / "log.parquet"), engine=engine, **given)
        return
    lines = open_purchases(str(tmp_path / "log.parquet"), engine=engine, **given).lines
    days = lines.order_by("customer_id").day.to_pyarrow().to_pylist()
    assert [str(day) for day in days] == ["2026-03-07", "2026-03-08", "2026-06-30"]


@every_engine
def test_text_files_go_to_every_engine(engine, tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("c;d;m;p\n007;01.02.2026;1,5;x\n007;03.02.2026;2,5;y\n8;03.02.2026;1;x\n")
    (tmp_path / "products.csv").write_text("p;k\nx;toys\nx;books\ny;garden\n")
    purchases = open_purchases(
        str(path),
        {"date": "d", "amount": "m", "product": "p", "category": "k"},
        "c",
        products=str(tmp_path / "products.csv"),
        reading={"delimiter": ";", "decimal": ",", "dates": "%d.%m.%Y"},
        engine=engine,
    )
    assert purchases.counts["customers"] == 2
    assert str(purchases.last_day) == "2026-02-03"
    assert purchases.top_categories() == ["books", "garden"], "a product under two categories counts for the first"
    assert sorted(set(purchases.lines.customer_id.to_pyarrow().to_pylist())) == ["007", "8"]


@pytest.fixture(scope="module")
def warehouse(postgres):
    """A PostgreSQL with the shop's tables in a schema of their own, its money in decimals."""
    backend = connect(postgres)
    backend.create_database("sales")
    backend.create_table("lines", pq.read_table(SHOP), database="sales")
    backend.create_table(
        "people", pd.read_csv(ROOT / "data" / "shop_customers.csv").drop_duplicates(), database="sales"
    )
    for table, column in (("lines", "amount"), ("people", "income")):
        backend.raw_sql(f"ALTER TABLE sales.{table} ALTER COLUMN {column} TYPE numeric(14, 2)").close()
    return postgres


def test_tables_of_a_warehouse_are_read_by_their_names(warehouse, source):
    given = {"engine": warehouse, "purchases": "sales.lines", "customers": "sales.people"}
    table = load_customers(check_parameters(given)).table
    pd.testing.assert_frame_equal(table, source.table, check_dtype=False, rtol=1e-9)


def test_preset_of_a_warehouse_gives_the_same_customer_table(warehouse, source, tmp_path):
    done = segnb("init", "sales.people", "sales.lines", "--engine", warehouse, "-o", "mine.yaml", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "purchases: sales.lines  # 42,958 lines" in done.stdout
    guessed = check_parameters(read_preset(str(tmp_path / "mine.yaml")))
    assert (guessed.run, guessed.engine) == ("sales_people", warehouse)
    table = load_customers(guessed).table[list(source.table)]
    pd.testing.assert_frame_equal(table, source.table, check_dtype=False, rtol=1e-9)


def test_tables_of_a_duckdb_file_are_read_by_their_names(tmp_path, source):
    backend = ibis.duckdb.connect(tmp_path / "shop.duckdb")
    backend.create_table("lines", pq.read_table(SHOP))
    backend.disconnect()
    given = {"engine": f"duckdb:///{tmp_path / 'shop.duckdb'}", "purchases": "lines"}
    table = load_customers(check_parameters(given)).table
    pd.testing.assert_frame_equal(table, source.table)


def test_duckdb_file_is_read_beside_others_and_never_made(tmp_path):
    path = tmp_path / "shop.duckdb"
    backend = ibis.duckdb.connect(path)
    backend.create_table("people", pa.table({"customer_id": ["a"]}))
    backend.disconnect()
    hold = "import duckdb, sys; c = duckdb.connect(sys.argv[1], read_only=True); print(flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", hold, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        other.stdout.readline()
        assert connect(f"duckdb:///{path}").table("people").columns == ("customer_id",)
        other.communicate("\n")
    with pytest.raises(DataError, match=r"there is no file .*shpo.duckdb"):
        connect(f"duckdb:///{tmp_path / 'shpo.duckdb'}")
    assert [each.name for each in tmp_path.iterdir()] == ["shop.duckdb"]


def test_duckdb_draws_no_progress_across_a_page():
    """A process without a file of its own, as a kernel is, has it on by default."""
    asked = "connect().raw_sql(\"SELECT current_setting('enable_progress_bar')\").fetchone()[0]"
    code = f"from segnb.data.engines import connect; print({asked})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_every_process_spills_into_a_folder_of_its_own(tmp_path):
    ask = "from segnb.data.engines import connect; "
    ask += "print(connect().raw_sql(\"SELECT current_setting('temp_directory')\").fetchone()[0])"
    going = [subprocess.Popen([sys.executable, "-c", ask], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    folders = [Path(each.communicate()[0].strip()) for each in going]
    assert folders[0] != folders[1]
    assert not any(folder.parent.exists() for folder in folders), "each goes with its process"


def test_run_leaves_no_copy_of_the_log_behind(tmp_path):
    (tmp_path / "tmp").mkdir()
    pd.read_parquet(SHOP).to_csv(tmp_path / "log.csv", index=False)
    given = ["-p", "customers=", "-p", "purchases=log.csv", "--until", "prepare"]
    done = segnb("run", *given, "--run", "r", cwd=tmp_path, env={"TMPDIR": str(tmp_path / "tmp")})
    assert done.returncode == 0, done.stderr
    left = [each for each in tmp_path.rglob("*") if each.suffix == ".parquet" or each.name.startswith("segnb-")]
    assert {each.parent.name for each in left} == {"r"}, "only the run's own artifacts"


def test_run_on_a_warehouse_tells_no_secret(warehouse, tmp_path):
    given = ["-p", f"engine={warehouse}", "-p", "purchases=sales.lines", "-p", "customers=sales.people"]
    done = segnb("run", *given, "--run", "r", "--until", "prepare", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    written = [path for path in (tmp_path / "outputs" / "r").iterdir() if path.is_file()]
    assert len(written) > 5
    for path in written:
        assert PASSWORD.encode() not in path.read_bytes(), path.name
    assert PASSWORD not in done.stdout + done.stderr
    assert f"a table of {warehouse}" in (tmp_path / "outputs" / "r" / "run.json").read_text()


@pytest.mark.parametrize(
    "address",
    [
        "postgres://ann:hunter2@127.0.0.1/shop",
        "postgres://ann@127.0.0.1/shop?password=hunter2",
        "x://y?api_key=hunter2",
    ],
)
def test_secret_in_an_address_is_refused_and_not_repeated(tmp_path, address):
    done = segnb("run", "-p", f"engine={address}", cwd=tmp_path)
    assert done.returncode == 2
    assert "it holds a secret; put that in the environment" in done.stderr
    assert "hunter2" not in done.stdout + done.stderr
    assert len(done.stderr.splitlines()) == 1


def refused(given):
    with pytest.raises(DataError) as caught:
        load_customers(check_parameters({"customers": ""} | given))
    words = str(caught.value)
    assert "\n" not in words
    assert PASSWORD not in words
    return words


def test_engine_that_is_not_there_is_named():
    assert "engine what://x: no connection" in refused({"engine": "what://x", "purchases": "lines"})
    port = free_port()
    words = refused({"engine": f"postgres://ann@127.0.0.1:{port}/shop", "purchases": "lines"})
    assert "no connection" in words or "psycopg is not there; pip install 'segnb[postgres]'" in words


def test_wrong_password_is_told(postgres, monkeypatch):
    monkeypatch.setenv("PGPASSWORD", "wrong")
    words = refused({"engine": postgres, "purchases": "lines"})
    assert "password authentication failed" in words


def test_missing_table_names_those_that_are_there(warehouse):
    words = refused({"engine": warehouse, "purchases": "sales.orders"})
    assert "sales.orders: cannot be read from postgres://segnb@" in words
    assert "the tables there are lines, people" in words


def test_table_that_may_not_be_read_is_told(warehouse, monkeypatch):
    backend = connect(warehouse)
    backend.raw_sql(f"CREATE ROLE guest LOGIN PASSWORD '{PASSWORD}'").close()
    backend.raw_sql("GRANT USAGE ON SCHEMA sales TO guest").close()
    backend.con.commit()
    words = refused({"engine": warehouse.replace("segnb@", "guest@"), "purchases": "sales.lines"})
    assert "permission denied for table lines" in words


def test_connection_that_is_lost_in_the_middle_ends_in_one_line(warehouse):
    purchases = open_purchases(
        "sales.lines", {"date": "ordered_at", "amount": "amount"}, "customer_id", engine=warehouse
    )
    other = connect(warehouse)
    own = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND usename = 'segnb'"
    other.raw_sql(own).close()
    with pytest.raises(RunError, match="the engine stopped answering .*; run the same command again"):
        clv_summary(purchases, purchases.last_day)


@pytest.mark.parametrize("by_ibis", [True, False])
def test_missing_driver_names_the_extra(monkeypatch, by_ibis):
    def gone(address):
        missing = ModuleNotFoundError("No module named 'psycopg'", name="psycopg")
        if by_ibis:
            raise ImportError("Failed to import the postgres backend") from missing
        raise missing

    monkeypatch.setattr("segnb.data.engines._CONNECTORS", {"postgres": gone})
    with pytest.raises(DataError, match=r"psycopg is not there; pip install 'segnb\[postgres\]' brings it"):
        connect("postgres://host/shop")


def test_log_larger_than_the_memory_limit_gives_the_same_figures(tmp_path):
    rng = np.random.default_rng(0)
    n, limit = 3_200_000, 80
    log = pd.DataFrame(
        {
            "c": rng.integers(0, 200_000, n),
            "o": rng.integers(0, 600_000, n).astype(str),
            "d": pd.Timestamp("2026-01-01") + pd.to_timedelta(rng.integers(0, 365, n), unit="D"),
            "m": rng.integers(1, 9000, n) / 100,
        }
    ).astype({"d": "datetime64[us]"})
    log.to_parquet(tmp_path / "log.parquet")
    columns = {"order": "o", "date": "d", "amount": "m"}
    tables = []
    little = f"duckdb://?memory_limit={limit}MB&threads=2"
    assert log.memory_usage(deep=True).sum() > 1.4 * limit * 1e6
    for address in ("duckdb://", little):
        given = {"customers": "", "purchases": str(tmp_path / "log.parquet"), "customer_id": "c"}
        given |= {"engine": address, "purchase_columns": columns}
        tables.append(load_customers(check_parameters(given)).table)
    pd.testing.assert_frame_equal(*tables, rtol=1e-9)


@pytest.mark.soak
def test_two_processes_that_spill_at_once_keep_out_of_each_others_way():
    sort = "from segnb.data.engines import connect; c = connect('duckdb://?memory_limit=120MB&threads=1'); "
    sort += "rows = 'select i, hash(i) h, hash(i + 1) g from range(4000000) t(i)'; "
    sort += "print(c.raw_sql(f'select count(*) from (from ({rows}) order by h, g limit 3900000)').fetchone()[0])"
    for _ in range(5):
        both = [subprocess.Popen([sys.executable, "-c", sort], stdout=subprocess.PIPE, text=True) for _ in range(2)]
        assert [each.communicate()[0].strip() for each in both] == ["3900000", "3900000"]


def test_log_in_a_duckdb_file_is_scored_there(published, tmp_path):
    address = f"duckdb:///{tmp_path / 'shop.duckdb'}"
    backend = ibis.duckdb.connect(tmp_path / "shop.duckdb")
    backend.create_table("lines", pq.read_table(SHOP))
    backend.disconnect()
    shutil.copytree(published, tmp_path / "outputs" / "shop")
    done = segnb("score", "shop", "lines", "-p", f"engine={address}", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    scores = connect(address).table("shop_scores").to_pandas().set_index("customer_id")["segment"]
    own = pd.read_parquet(published / "segments.parquet")["segment"]
    assert (scores.loc[own.index] == own).all()
    refused = segnb("score", "shop", "lines", "-p", f"engine={address}", "-o", "scores.csv", cwd=tmp_path)
    assert refused.returncode == 2
    assert "becomes a table there" in refused.stderr
