"""Whatever is put in, only errors of our own come out."""

import gzip
import json

from conftest import open_purchases
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from segnb.data import read_table
from segnb.errors import SegnbError
from segnb.init.preset import guess_reading
from segnb.parameters import PARAMETERS, Parameters, check_parameters, read_preset, read_values
from segnb.runs.store import WRITTEN_BY, Run, Workspace, check_file, read_manifest, write_manifest

fuzzed = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])

CELL = st.sampled_from(
    ["1", "-2.5", "1,5", "$3", "x", "", "NA", "2026-01-01", '"', '"a\nb"', "\ufeff", "é", "\0", "'", " "]
)
TEXTS = st.lists(st.lists(CELL, min_size=1, max_size=5), max_size=8).map(
    lambda rows: "\n".join(",".join(row) for row in rows).encode()
)
BYTES = st.one_of(
    st.binary(max_size=300), TEXTS, TEXTS.map(gzip.compress), TEXTS.map(lambda text: b"PAR1" + text + b"PAR1")
)
READING = st.fixed_dictionaries(
    {},
    optional={
        "delimiter": st.sampled_from([",", ";", " ", "\t", "||", "", "\n", '"']),
        "encoding": st.sampled_from(["utf-8", "latin-1", "utf-16", "cp1252", "nix", "\0"]),
        "decimal": st.sampled_from([".", ",", "", "x", ".."]),
        "thousands": st.sampled_from([",", ".", "", " ", "0"]),
        "dates": st.sampled_from(["%d.%m.%Y", "%", "", "%Q", "ISO8601"]),
        "zone": st.sampled_from(["UTC", "Europe/Berlin", "Mars", ""]),
        "ids": st.sampled_from(["normalise", "", "x"]),
    },
)
KINDS = st.sampled_from(["csv", "tsv", "txt", "csv.gz", "parquet", "xlsx"])


def only_ours(call, *arguments, **given):
    """Call and pass over the errors that a person can put right; each is one line."""
    try:
        return call(*arguments, **given)
    except SegnbError as error:
        assert "\n" not in str(error)
        assert str(error).strip()


@fuzzed
@given(BYTES, KINDS, READING)
def test_any_file_is_a_table_or_a_readable_line(tmp_path, content, kind, reading):
    path = tmp_path / f"t.{kind}"
    path.write_bytes(content)
    only_ours(read_table, str(path), ["customer_id"], reading)
    only_ours(guess_reading, str(path))


@fuzzed
@given(TEXTS, KINDS, READING)
def test_any_log_is_opened_or_a_readable_line(tmp_path, content, kind, reading):
    path = tmp_path / f"l.{kind}"
    path.write_bytes(b"c,d,m,o,p\n" + content)
    columns = {"date": "d", "amount": "m", "order": "o", "product": "p"}
    only_ours(open_purchases, str(path), columns, "c", reading=reading)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9) | st.integers(), inner, max_size=3),
    max_leaves=5,
)
NAMES = st.sampled_from(list(PARAMETERS)) | st.text(max_size=20)


@fuzzed
@given(st.dictionaries(NAMES, VALUES, max_size=6))
def test_any_parameters_are_checked_or_a_readable_line(values):
    checked = only_ours(check_parameters, values)
    assert checked is None or isinstance(checked, Parameters)


@fuzzed
@given(st.text(max_size=80) | st.dictionaries(NAMES, VALUES, max_size=4).map(lambda values: json.dumps(values)))
def test_any_preset_is_read_or_a_readable_line(tmp_path, text):
    (tmp_path / "p.yaml").write_bytes(text.encode("utf-8", errors="replace"))
    only_ours(read_preset, str(tmp_path / "p.yaml"))


@fuzzed
@given(st.lists(st.tuples(NAMES, st.text(max_size=20)).map("=".join) | st.text(max_size=10), max_size=4))
def test_any_words_on_the_command_line_are_read_or_a_readable_line(pairs):
    only_ours(read_values, pairs)


@fuzzed
@given(st.binary(max_size=80) | VALUES.map(lambda value: json.dumps(value).encode()))
def test_any_manifest_is_read_or_a_readable_line(tmp_path, content):
    (tmp_path / "run.json").write_bytes(content)
    (tmp_path / "a.csv").write_bytes(b"a\n1\n")
    only_ours(read_manifest, tmp_path)
    only_ours(check_file, tmp_path / "a.csv")


@fuzzed
@given(st.sampled_from([name for names in WRITTEN_BY.values() for name in names if not name.endswith(".md")]), BYTES)
def test_any_artifact_is_read_or_a_readable_line(project, name, content):
    run = Run("r")
    run.folder.mkdir(parents=True, exist_ok=True)
    (run.folder / name).write_bytes(content)
    write_manifest(run.folder, {"run": "r", "parameters": {}})
    only_ours(run.read, name)
    only_ours(Workspace("r", run.folder).read, name)
