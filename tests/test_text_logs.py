"""Purchase logs whose dates and numbers are text: read batch by batch, all faults told at once."""

import gzip

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from conftest import open_purchases
from hypothesis import given, settings
from hypothesis import strategies as st

from segnb.data import reader
from segnb.data.order_lines import shape_log
from segnb.errors import DataError

COLUMNS = {"order": "order", "date": "day", "amount": "amount"}
HEADER = "customer,order,day,amount\n"
PLAIN = HEADER + "007,1,2026-01-01,1.5\n007,2,2026-01-03,2.5\nNA,3,2026-01-03,1\n"


def opened(path, content, columns=COLUMNS, **reading):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return open_purchases(str(path), columns, "customer", reading=reading)


def lines_of(purchases):
    return purchases.lines.to_pyarrow().to_pandas().sort_values(["customer_id", "day"]).reset_index(drop=True)


@pytest.fixture
def small_batches(monkeypatch):
    """Blocks of a few lines, so that a small file is many batches."""
    monkeypatch.setattr(reader, "BLOCK", 200)


@pytest.mark.parametrize(
    ("name", "content", "reading"),
    [
        ("a.csv", PLAIN, {}),
        ("a.csv", "\ufeff" + PLAIN, {}),
        ("a.csv", PLAIN.replace("\n", "\r\n"), {}),
        ("a.csv", PLAIN.replace("1\n", "1"), {}),
        ("a.csv.gz", gzip.compress(PLAIN.encode(), mtime=0), {}),
        ("a.tsv", PLAIN.replace(",", "\t"), {}),
        ("a.txt", PLAIN.replace(",", "  "), {"delimiter": " "}),
        ("a.csv", PLAIN.replace(",", ";").replace(".", ","), {"delimiter": ";", "decimal": ","}),
        ("a.csv", PLAIN.encode("utf-16"), {"encoding": "utf-16"}),
        ("a.csv", PLAIN.replace("customer", "ä").replace("ä", "customer").encode("latin-1"), {"encoding": "latin-1"}),
        ("a.csv", PLAIN.replace("2026-01-0", "0").replace(",01,", ",01/01/26,").replace(",03,", ",03/01/26,"),
         {"dates": "%d/%m/%y"}),
    ],
)  # fmt: skip
def test_every_way_of_writing_gives_the_same_lines(tmp_path, name, content, reading):
    lines = lines_of(opened(tmp_path / name, content, **reading))
    assert lines["customer_id"].tolist() == ["007", "007", "NA"]
    assert lines["day"].astype(str).tolist() == ["2026-01-01", "2026-01-03", "2026-01-03"]
    assert lines["amount"].tolist() == [1.5, 2.5, 1.0]


def test_workbook_and_parquet_of_text_are_read_too(tmp_path):
    table = pd.DataFrame(
        {"customer": ["007", "8"], "order": ["1", "2"], "day": pd.to_datetime(["2026-01-01", "2026-01-02"])}
    )
    table.assign(amount=[1.5, 2]).to_excel(tmp_path / "a.xlsx", index=False)
    table.assign(amount=["1.5", " 2 "], day=["2026-01-01", "2026-01-02"]).to_parquet(tmp_path / "a.parquet")
    for name in ("a.xlsx", "a.parquet"):
        lines = lines_of(open_purchases(str(tmp_path / name), COLUMNS, "customer"))
        assert lines["customer_id"].tolist() == ["007", "8"]
        assert lines["amount"].tolist() == [1.5, 2]
        assert lines["day"].astype(str).tolist() == ["2026-01-01", "2026-01-02"]


def test_parquet_in_shape_is_not_written_again(tmp_path):
    path = tmp_path / "a.parquet"
    pd.DataFrame({"c": [1, 2], "d": pd.to_datetime(["2026-01-01"] * 2), "m": [1.0, 2.0]}).to_parquet(path)
    kinds = {"c": "text", "d": "date", "m": "number"}
    assert shape_log(str(path), kinds, {}, tmp_path / "b.parquet") == path


@pytest.mark.parametrize(
    ("content", "reading", "message"),
    [
        (b"", {}, "the file is empty"),
        (HEADER, {}, "no rows; a purchase log needs at least one order line"),
        (PLAIN.replace(",", ";"), {}, "only 1 column, with ';' in it; say reading: {delimiter: ';'}"),
        (PLAIN + "8,4,2026-01-05\n", {}, r"1 row with more or fewer fields .* \(row 5 has 3 fields, .* 4\)"),
        (HEADER + "7,1,2026-01-01,1,9\n" + PLAIN[len(HEADER) :], {}, r"\(row 2 has 5 fields, .* has 4\), repair them"),
        (PLAIN + "8,4,2026-01-05,20", {"decimal": ","}, r"has 2 values that aren't numbers \(row 2: '1.5', row 3"),
        (PLAIN + '8,4,2026-01-05,"$1,234.50"\n', {}, r"1 value that isn't a number \(row 5: '\$1,234.50'\), say how"),
        (PLAIN + "8,4,2026-01-05,5 EUR\n8,5,2026-01-05,$5\n", {}, r"bring them to one currency \(\$, EUR seen\)"),
        (PLAIN + "8,4,31/12/2025,5\n", {}, r"'day' has 1 value that isn't a date \(row 5: '31/12/2025'\), say how"),
        (PLAIN + "8,4,2026-01-05T10:00:00+02:00,5\n", {}, r"'day' has 1 time with a time zone \(row 5"),
        (PLAIN + "8,4,2026-01-05,1e400\n", {}, r"'amount' has 1 value beyond 1e\+15 \(row 5: '1e400'\)"),
        (PLAIN.replace("007", "é").encode("latin-1"), {}, "name the encoding, for instance"),
        (PLAIN.replace("customer", "é").encode("latin-1"), {}, "name the encoding, for instance"),
        (HEADER.replace("order", "day") + "7,1,2,3\n", {}, "column 'day' appears more than once"),
        (PLAIN + '8,4,2026-01-05,"5\n9,4,2026-01-05,5\n', {}, "a quote that begins in row 5 is never closed"),
        (PLAIN + '"8,4,2026-01-05,5\n9,4,2026-01-05,5\n', {}, "row 5"),
        (PLAIN.replace("customer", "client"), {}, "no column 'customer'"),
    ],
)  # fmt: skip
def test_faulty_log_is_refused(tmp_path, content, reading, message):
    with pytest.raises(DataError, match=message) as caught:
        opened(tmp_path / "a.csv", content, **reading)
    assert str(tmp_path / "a.csv") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_quote_that_is_never_closed_in_a_column_nobody_asked_for_swallows_nothing(tmp_path):
    text = 'customer,order,day,amount,note\n7,1,2026-01-01,1,x\n8,2,2026-01-01,1,"y\n9,3,2026-01-01,1,z\n'
    with pytest.raises(DataError, match="a quote that begins in row 3 is never closed; repair that row"):
        opened(tmp_path / "a.csv", text)
    assert opened(tmp_path / "a.csv", text.replace(",z\n", ',z"\n')).counts["lines"] == 2


def test_cut_gzip_is_refused(tmp_path):
    with pytest.raises(DataError, match="a.csv.gz: cannot be read as .csv"):
        opened(tmp_path / "a.csv.gz", gzip.compress(PLAIN.encode() * 50)[:-20])


def test_all_faults_of_a_log_are_told_at_once_with_their_rows(tmp_path, small_batches):
    rows = [f"{number},{number},2026-01-01,1.5" for number in range(60)]
    rows[10] = "10,10,2026-01-01"
    rows[20] = "20,20,yesterday,free"
    rows[40] = "40,40,2026-01-01,2 EUR"
    with pytest.raises(DataError) as caught:
        opened(tmp_path / "a.csv", HEADER + "\n".join(rows) + "\n")
    words = str(caught.value)
    assert "1 row with more or fewer fields than the header (row 12 has 3 fields, the header has 4)" in words
    assert "column 'day' has 1 value that isn't a date (row 22: 'yesterday')" in words
    assert "column 'amount' has 2 values that aren't numbers (row 22: 'free', row 42: '2 EUR')" in words


def test_few_dates_that_cannot_be_read_are_left_out_and_counted(tmp_path, small_batches):
    rows = [f"{number},{number},2026-01-01,1.5" for number in range(2000)]
    rows[7] = "7,7,31/12/2025,1.5"
    purchases = opened(tmp_path / "a.csv", HEADER + "\n".join(rows) + "\n")
    assert (purchases.counts["lines"], purchases.counts["without_date"]) == (2000, 1)


def test_times_that_say_their_zone_are_counted_where_zone_is(tmp_path):
    text = HEADER + "7,1,2026-01-05T01:00:00+02:00,5\n7,2,2026-01-05T01:00:00Z,5\n"
    lines = lines_of(opened(tmp_path / "a.csv", text, zone="Europe/Berlin"))
    assert lines["day"].astype(str).tolist() == ["2026-01-05", "2026-01-05"]
    lines = lines_of(opened(tmp_path / "a.csv", text, zone="UTC"))
    assert lines["day"].astype(str).tolist() == ["2026-01-04", "2026-01-05"]


@pytest.mark.parametrize(
    ("text", "written"),
    [("2026-01-05 00:30:00+02", ""), ("2026-01-05T00:30Z", ""), ("05.01.2026 00:30:00+0200", "%d.%m.%Y %H:%M:%S%z")],
)
def test_times_that_say_their_zone_are_refused_however_they_say_it(tmp_path, text, written):
    reading = {"dates": written} if written else {}
    with pytest.raises(DataError, match="has 1 time with a time zone"):
        opened(tmp_path / "a.csv", f"{HEADER}7,1,{text},5\n", **reading)


@pytest.mark.parametrize("row", ["B 2026-01-05 1 200 z", "B 2026-01-05 1"])
def test_ragged_rows_between_blanks_are_refused(tmp_path, row):
    text = f"customer day amount note\nA 2026-01-05 1 z\n{row}\n"
    with pytest.raises(DataError, match=r"row 3 has \d fields, the header has 4"):
        opened(tmp_path / "a.txt", text, {"date": "day", "amount": "amount"}, delimiter=" ")


@pytest.mark.parametrize("kind", ["str", "category", "string[pyarrow]", "object"])
def test_ids_of_parquet_are_normalised_whatever_their_type(tmp_path, kind):
    table = pd.DataFrame({"customer": ["A1", "A1 ", "B"], "day": pd.to_datetime(["2026-01-01"] * 3), "amount": 1.0})
    table.astype({"customer": kind}).to_parquet(tmp_path / "a.parquet")
    columns = {"date": "day", "amount": "amount"}
    for reading, customers in (({}, 3), ({"ids": "normalise"}, 2)):
        log = open_purchases(str(tmp_path / "a.parquet"), columns, "customer", reading=reading)
        assert log.counts["customers"] == customers


def test_columns_that_hold_lists_or_bytes_are_named(tmp_path):
    days = pd.to_datetime(["2026-01-01"] * 2)
    pd.DataFrame({"customer": [[1], [2]], "day": days, "amount": 1.0}).to_parquet(tmp_path / "a.parquet")
    pd.DataFrame({"customer": [1, 2], "day": [b"\xff", b"\xfe"], "amount": 1.0}).to_parquet(tmp_path / "b.parquet")
    columns, reading = {"date": "day", "amount": "amount"}, {"ids": "normalise"}
    for name, words in (("a", "'customer' holds lists"), ("b", "cannot be read|not utf-8")):
        with pytest.raises(DataError, match=words):
            open_purchases(str(tmp_path / f"{name}.parquet"), columns, "customer", reading=reading)


@pytest.mark.parametrize(
    ("name", "values"),
    [("currency", ["EUR", ""]), ("currency_rate", ["1.1", "1.2"]), ("Amount in local currency", [1.0, 2.0])],
)
def test_what_tells_of_one_currency_only_is_no_fault(tmp_path, name, values):
    table = pd.DataFrame({"customer": [1, 2], "day": ["2026-01-01"] * 2, "amount": 1.5, name: values})
    table.to_csv(tmp_path / "a.csv", index=False)
    amount = name if name.startswith("Amount") else "amount"
    assert open_purchases(str(tmp_path / "a.csv"), {"date": "day", "amount": amount}, "customer").counts["lines"] == 2


@pytest.mark.parametrize("name", ["a.csv", "a.parquet"])
def test_several_currencies_are_never_added_up(tmp_path, name):
    table = pd.DataFrame(
        {"customer": [1, 2], "order": [1, 2], "day": pd.to_datetime(["2026-01-01"] * 2), "amount": 1.5}
    )
    for currency in (["EUR", "EUR"], ["EUR", "USD"]):
        written = table.assign(Currency=currency)
        written.to_csv(tmp_path / name, index=False) if name == "a.csv" else written.to_parquet(tmp_path / name)
        if len(set(currency)) == 1:
            assert open_purchases(str(tmp_path / name), COLUMNS, "customer").counts["lines"] == 2
        else:
            with pytest.raises(DataError, match=r"column 'Currency' holds 2 currencies \(EUR, USD\)"):
                open_purchases(str(tmp_path / name), COLUMNS, "customer")


NUMBERS = st.one_of(st.integers(-(10**9), 10**9).map(lambda cents: f"{cents / 100:.2f}"), st.just(""))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.text("aé,\"; \n0'", max_size=6), NUMBERS), min_size=1, max_size=40), st.integers(50, 500))
def test_what_pandas_writes_is_read_back_whatever_the_batches(tmp_path_factory, rows, block):
    table = pd.DataFrame(rows, columns=["id", "x"]).assign(day="2026-01-01")
    folder = tmp_path_factory.mktemp("log")
    table.to_csv(folder / "a.csv", index=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reader, "BLOCK", block)
        kinds = {"id": "text", "x": "number", "day": "date"}
        shaped = shape_log(str(folder / "a.csv"), kinds, {}, folder / "b.parquet")
    found = pq.read_table(shaped).to_pandas()
    assert found["id"].tolist() == table["id"].tolist()
    np.testing.assert_array_equal(found["x"], [float(text) if text else np.nan for text in table["x"]])
