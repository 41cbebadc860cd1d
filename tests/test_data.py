"""Reading tables and purchase logs: faults are named, figures agree with plain pandas and published tables."""

import gzip
from datetime import date

import numpy as np
import pandas as pd
import pytest
from conftest import aggregate_customers, clv_summary, open_purchases
from engines import FILES, skip_unless
from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st

from segnb.data import column_names, load_customers, read_table
from segnb.data.contract import check_contract
from segnb.errors import DataError
from segnb.parameters import Parameters

COLUMNS = {"order": "order", "date": "day", "amount": "amount"}
LOG = pd.DataFrame(
    [
        ("a", "1", "2026-01-01", 10.0, "toys", 0.0),
        ("a", "1", "2026-01-01", 5.0, "books", 1.0),
        ("a", "2", "2026-01-11", 20.0, "toys", 0.0),
        ("a", "R2", "2026-01-15", -20.0, "toys", 0.0),
        ("b", "3", "2026-01-31", 7.0, "books", 0.0),
        (None, "4", "2026-01-31", 9.0, "books", 0.0),
        ("c", "5", "2026-02-05", 8.0, "toys", 0.0),
    ],
    columns=["customer", "order", "day", "amount", "category", "discount"],
)


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "log.parquet"
    LOG.to_parquet(path)
    return str(path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"", "the file is empty"),
        ("a.csv", b"id,x\n", "no rows"),
        ("a.csv", b"id;x\n1;2\n", "only 1 column, with ';' in it"),
        ("a.csv", b"id,x\n1,2,3\n", "row 2 has 3 fields, the header has 2"),
        ("a.csv", b"id,x\n1,2\n2\n", "row 3 has 1 fields"),
        ("a.csv", b"id,x,x\n1,2,3\n", "column 'x' appears more than once"),
        ("a.csv", "id,x\n1,é\n".encode("latin-1"), "name the encoding"),
        ("a.csv", b'id,x\n1,"a\n', "a quote that begins in row 2 is never closed"),
        ("a.parquet", b"no parquet", "cannot be read as .parquet"),
        ("a.csv.gz", b"no gzip", "cannot be read as .csv"),
        ("a.xls", b"x", "files ending in '.xls' are not read"),
    ],
)
def test_faulty_file_is_refused(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_table(str(tmp_path / name))


def test_missing_file_says_where_it_was_looked_for(project):
    with pytest.raises(DataError, match=r"nope.csv: no such file \(looked in"):
        read_table("nope.csv")


def test_ids_stay_text(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("id,x,y\n00123,1,NA\nNA,2,3\n9007199254740993,3,4\n")
    table = read_table(str(path), ["id"])
    assert table["id"].tolist() == ["00123", "NA", "9007199254740993"]
    assert table["y"].isna().tolist() == [True, False, False]


@pytest.mark.parametrize("kind", ["csv", "tsv", "csv.gz", "parquet", "xlsx"])
def test_every_kind_of_file_gives_the_same_table(tmp_path, kind):
    table = pd.DataFrame({"id": ["1", "2"], "x": [1.5, 2.5]})
    path = tmp_path / f"t.{kind}"
    if kind == "parquet":
        table.to_parquet(path)
    elif kind == "xlsx":
        table.to_excel(path, index=False)
    else:
        text = table.to_csv(index=False, sep="\t" if kind == "tsv" else ",").encode()
        path.write_bytes(gzip.compress(text) if kind.endswith("gz") else text)
    pd.testing.assert_frame_equal(read_table(str(path), ["id"]), table, check_dtype=False)


def test_declared_writing_is_followed(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes("id;x\n1;1.234,5\nü;2,5\n".encode("latin-1"))
    reading = {"delimiter": ";", "decimal": ",", "thousands": ".", "encoding": "latin-1"}
    assert read_table(str(path), ["id"], reading)["x"].tolist() == [1234.5, 2.5]


def test_runs_of_blanks_can_separate(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text(" id   x\n 007  1.5\n 008   2\n")
    table = read_table(str(path), ["id"], {"delimiter": " "})
    assert (table["id"].tolist(), table["x"].tolist()) == (["007", "008"], [1.5, 2])


def test_checksum_is_checked(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("id,x\n1,2\n")
    with pytest.raises(DataError, match="this is another copy"):
        read_table(str(path), ["id"], {"sha256": "0" * 64})


def test_behaviour_of_a_small_log(log):
    purchases = open_purchases(log, COLUMNS | {"category": "category", "discount": "discount"}, "customer")
    table = aggregate_customers(purchases, date(2026, 1, 31), categories=["books", "toys"])
    assert table.index.tolist() == ["a", "b"], "c bought after the date"
    a = table.loc["a"]
    assert a["recency_days"] == 20
    assert a["orders"] == 2
    assert a["spend"] == 15, "the return is netted"
    assert a["mean_order_value"] == 7.5
    assert a["days_between_orders"] == 10
    assert a["tenure_days"] == 30
    assert a["share_toys"] == pytest.approx(30 / 35)
    assert a["discount_share"] == pytest.approx(5 / 35)
    assert np.isnan(table.loc["b", "days_between_orders"])


def test_negative_quantity_is_a_return_whatever_the_sign_of_the_amount(tmp_path):
    lines = pd.DataFrame({"customer": "a", "day": ["2026-01-01"] * 2, "amount": [10.0, 4.0], "quantity": [1, -1]})
    lines.to_parquet(tmp_path / "l.parquet")
    columns = {"date": "day", "amount": "amount", "quantity": "quantity"}
    table = aggregate_customers(open_purchases(str(tmp_path / "l.parquet"), columns, "customer"), date(2026, 1, 2))
    assert table.loc["a", "spend"] == 6


def test_line_without_an_order_id_is_an_order_of_its_day(tmp_path):
    LOG.assign(order=[None, None, "2", "R2", None, None, None]).to_parquet(tmp_path / "l.parquet")
    log = open_purchases(str(tmp_path / "l.parquet"), COLUMNS, "customer")
    assert aggregate_customers(log, date(2026, 1, 31))["orders"].tolist() == [2, 1]


def test_times_as_text_are_read_and_shifted(tmp_path):
    (tmp_path / "l.csv").write_text("customer,day,amount\na,2026-01-02 03:00:00,1\n")
    columns = {"date": "day", "amount": "amount"}
    for reading, day in (({}, 2), ({"zone": "America/New_York"}, 1), ({"dates": "%Y-%m-%d %H:%M:%S"}, 2)):
        assert open_purchases(str(tmp_path / "l.csv"), columns, "customer", reading=reading).last_day.day == day


def test_dates_that_stand_for_none_and_missing_amounts_are_left_out_and_counted(tmp_path):
    days = ["2026-01-01", "9999-12-31", "1900-01-01", "2026-01-02", "2026-01-03"]
    log = pd.DataFrame({"c": list("abcde"), "d": np.array(days, dtype="datetime64[us]"), "m": [1, 2, 3, np.nan, 5.0]})
    log.to_parquet(tmp_path / "log.parquet")
    purchases = open_purchases(str(tmp_path / "log.parquet"), {"date": "d", "amount": "m"}, "c")
    assert (purchases.counts["without_date"], purchases.counts["without_amount"]) == (2, 1)
    assert str(purchases.last_day) == "2026-01-03"


@pytest.mark.parametrize("amount", [np.inf, -1e300])
def test_absurd_amounts_are_refused(tmp_path, amount):
    log = pd.DataFrame({"c": ["a", "b"], "d": np.array(["2026-01-01"] * 2, dtype="datetime64[us]"), "m": [1, amount]})
    log.to_parquet(tmp_path / "log.parquet")
    with pytest.raises(DataError, match=r"log.parquet: 1 amounts are infinite or beyond 1e\+15; repair them"):
        open_purchases(str(tmp_path / "log.parquet"), {"date": "d", "amount": "m"}, "c")


def test_categories_that_read_alike_keep_their_own_columns(tmp_path):
    LOG.assign(category=["Toys", "toys", *LOG["category"][2:]]).to_parquet(tmp_path / "l.parquet")
    log = open_purchases(str(tmp_path / "l.parquet"), COLUMNS | {"category": "category"}, "customer")
    table = aggregate_customers(log, date(2026, 1, 31), categories=log.top_categories())
    assert table.filter(like="share_").sum(axis=1).tolist() == pytest.approx([1, 1])


def test_nested_and_mixed_columns(tmp_path):
    pd.DataFrame({"a": [[1], [2]]}).to_parquet(tmp_path / "n.parquet")
    with pytest.raises(DataError, match="'a' holds lists or records"):
        read_table(str(tmp_path / "n.parquet"))
    pd.DataFrame({"a": [1, "x", None]}).to_excel(tmp_path / "m.xlsx", index=False)
    assert read_table(str(tmp_path / "m.xlsx"))["a"].tolist()[:2] == ["1", "x"]


def test_returns_can_be_left_out(log):
    purchases = open_purchases(log, COLUMNS, "customer", returns="exclude")
    assert aggregate_customers(purchases, date(2026, 1, 31)).loc["a", "spend"] == 35


def test_window_limits_what_counts_but_not_tenure(log):
    purchases = open_purchases(log, COLUMNS, "customer")
    table = aggregate_customers(purchases, date(2026, 1, 31), window_days=25)
    assert table.loc["a", ["orders", "tenure_days"]].tolist() == [1, 30]


def test_lines_left_out_are_counted(log):
    counts = open_purchases(log, COLUMNS, "customer").counts
    assert (counts["lines"], counts["without_customer"], counts["not_sales"], counts["customers"]) == (7, 1, 1, 3)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"date": "day"}, "needs date, and amount or both quantity and price"),
        ({"date": "when", "amount": "amount"}, "no column 'when'"),
        ({"date": "day", "amount": "category"}, "'category' has 7 values that aren't numbers"),
        ({"date": "category", "amount": "amount"}, "say how dates are written"),
    ],
)
def test_wrong_purchase_columns_are_named(log, columns, message):
    with pytest.raises(DataError, match=message):
        open_purchases(log, columns, "customer")


def test_days_are_counted_in_the_declared_zone(tmp_path):
    late = pd.DataFrame({"customer": ["a"], "day": [pd.Timestamp("2026-01-02 03:00")], "amount": [1.0]})
    late.to_parquet(tmp_path / "l.parquet")
    columns = {"date": "day", "amount": "amount"}
    for zone, day in (({}, 2), ({"zone": "America/New_York"}, 1)):
        assert open_purchases(str(tmp_path / "l.parquet"), columns, "customer", reading=zone).last_day.day == day


def test_categories_may_come_from_a_product_table(tmp_path):
    LOG.assign(product=LOG["category"].str[:1]).drop(columns="category").to_parquet(tmp_path / "l.parquet")
    pd.DataFrame({"product": ["t", "b"], "kind": ["toys", "books"]}).to_csv(tmp_path / "p.csv", index=False)
    columns = COLUMNS | {"product": "product", "category": "kind"}
    purchases = open_purchases(str(tmp_path / "l.parquet"), columns, "customer", products=str(tmp_path / "p.csv"))
    assert purchases.top_categories() == ["books", "toys"]


@pytest.mark.parametrize("kind", ["duckdb", "polars"])
@settings(max_examples=25, deadline=None)
@drawn(
    rows=st.lists(
        st.tuples(st.sampled_from("abc"), st.integers(1, 6), st.integers(0, 40), st.integers(-500, 5000)),
        min_size=1,
        max_size=40,
    )
)
def test_aggregation_agrees_with_plain_python(tmp_path_factory, kind, rows):
    skip_unless(kind)
    lines = pd.DataFrame(rows, columns=["customer", "order", "day", "cents"])
    lines["day"] = lines.groupby(["customer", "order"])["day"].transform("min")
    lines["order"] = lines["customer"] + lines["order"].astype(str)
    start = pd.Timestamp("2026-01-01")
    written = lines.assign(day=start + pd.to_timedelta(lines["day"], unit="D"), amount=lines["cents"] / 100)
    path = tmp_path_factory.mktemp("log") / "log.parquet"
    written.to_parquet(path)
    given = {"as_of": date(2026, 2, 1), "window_days": 20}
    table = aggregate_customers(open_purchases(str(path), COLUMNS, "customer"), **given)
    second = aggregate_customers(open_purchases(str(path), COLUMNS, "customer", engine=FILES[kind]), **given)
    pd.testing.assert_frame_equal(second, table, rtol=1e-9)
    expected = {}
    for customer in "abc":
        own = [row for row in lines.itertuples() if row.customer == customer and row.day > 31 - 20 and row.day <= 31]
        sales = [row for row in own if row.cents >= 0]
        if sales:
            expected[customer] = (
                31 - max(row.day for row in sales),
                len({row.order for row in sales}),
                sum(row.cents for row in own) / 100,
            )
    assert table.index.tolist() == sorted(expected)
    for customer, figures in expected.items():
        found = table.loc[customer, ["recency_days", "orders", "spend"]].tolist()
        assert found == pytest.approx(figures, abs=0.005)


def write_customers(folder, text):
    path = folder / "customers.csv"
    path.write_text(text)
    return Parameters(customers=str(path), purchases="")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("customer_id,age\n1,2\n,3\n", r"'customer_id' has 1 row without an id \(row 3\), fill the ids"),
        ("customer_id,age\n1,2\n1,3\n", r"2 rows that share their id with a different row \(row 2: '1', row 3: '1'\)"),
        ("customer_id,age\n1,2\n2,1e400\n3,5\n", r"'age' has 1 value beyond 1e\+15 \(row 3: inf\)"),
        (
            "customer_id,age\n1,2\n2,many\n3,5\n4,6\n5,7\n6,8\n",
            r"has 1 text in a column of numbers \(row 3: 'many'\)",
        ),
        (
            'customer_id,paid\n1,"$1,234.50"\n2,$3.00\n',
            r"2 numbers written as text \(row 2: '\$1,234.50'",
        ),
        ("customer_id,paid\n1,1.5 EUR\n2,3 USD\n", "2 numbers written as text"),
        ('customer_id,paid\n1,"1,5"\n2,"2,5"\n', r"say how with reading: \{decimal"),
        ("CustomerID,age\n1,2\n2,2\n", "'CustomerID' looks like the customer's id; say customer_id=CustomerID"),
        ("customer_id,segment\n1,2\n", "'segment' is a name that segnb adds itself"),
    ],
)
def test_faulty_customer_table_is_refused(tmp_path, text, message):
    with pytest.raises(DataError, match=message):
        load_customers(write_customers(tmp_path, text))


def test_all_faults_of_a_table_are_told_at_once(tmp_path):
    rows = [f"{number},{number},{number}.5 EUR,x" for number in range(20)]
    rows += [",1,2 EUR,y", "3,inf,4 EUR,y", *(f"5,{n},1 EUR,y" for n in range(7))]
    parameters = write_customers(tmp_path, "customer_id,age,paid,town\n" + "\n".join(rows) + "\n")
    with pytest.raises(DataError) as caught:
        load_customers(parameters)
    words = str(caught.value)
    assert "column 'customer_id' has 1 row without an id (row 22)" in words
    assert "has 10 rows that share their id with a different row (row 5: '3', row 7: '5', row 23: '3'" in words
    assert "column 'age' has 1 value beyond 1e+15 (row 23: inf)" in words
    assert "column 'paid' has 29 numbers written as text (row 2: '0.5 EUR'" in words
    assert "town" not in words
    assert "\n" not in words


@pytest.mark.parametrize(
    "column",
    [["a1", "b2"], ["12 rue X", "4 rue Y"], ["true", "false"], ["2026-01-01", "2026-02-01"], ["AB 12", "CD 3"]],
)
def test_text_that_is_text_is_left_alone(column):
    check_contract(pd.DataFrame({"word": column}), "t.csv")


def test_table_without_an_id_gets_its_row_numbers(tmp_path):
    source = load_customers(write_customers(tmp_path, "a,b\n3,x\n1,y\n3,x\n"))
    assert source.table.index.tolist() == [1, 2, 3]
    assert source.behaviours == ["a"]


def test_word_that_merely_ends_in_id_is_a_behaviour(tmp_path):
    assert load_customers(write_customers(tmp_path, "paid,b\n3,1\n1,2\n")).behaviours == ["paid", "b"]


def test_named_id_that_is_missing_is_an_error(tmp_path):
    parameters = write_customers(tmp_path, "a,b\n3,x\n").model_copy(update={"customer_id": "kunde"})
    with pytest.raises(DataError, match="no column 'kunde'"):
        load_customers(parameters)


def test_log_and_table_are_joined_on_the_id(log, tmp_path):
    parameters = write_customers(tmp_path, "customer,age\nb,30\nb,30\nz,40\n")
    columns = {"order": "order", "date": "day", "amount": "amount"}
    update = {"purchases": log, "customer_id": "customer", "purchase_columns": columns, "as_of": "2026-01-31"}
    source = load_customers(parameters.model_copy(update=update))
    assert source.table["age"].tolist()[1:] == [30]
    assert source.table["age"].isna().tolist() == [True, False]
    done = {rule.rule: rule.affected for rule in source.rules}
    assert done["exact duplicate rows dropped"] == 1
    assert done["in the customer table only, left out"] == 1
    assert done["buyers not in the customer table"] == 1
    assert done["after 2026-01-31 left out"] == 1


def test_log_that_shares_no_customer_is_an_error(log, tmp_path):
    columns = {"order": "order", "date": "day", "amount": "amount"}
    update = {"purchases": log, "customer_id": "customer", "purchase_columns": columns}
    with pytest.raises(DataError, match="share no customer id") as caught:
        load_customers(write_customers(tmp_path, "customer,age\nSECRET-Z,40\n").model_copy(update=update))
    assert "SECRET-Z" not in str(caught.value), "it may come to stand on a page"


def test_few_lines_years_after_all_others_do_not_say_what_the_day_is(tmp_path):
    columns = {"order": "order", "date": "day", "amount": "amount"}
    lines = pd.concat([LOG] * 50, ignore_index=True).astype({"day": "datetime64[us]"})
    lines.loc[0, "day"] = pd.Timestamp("2062-01-01")
    lines.to_parquet(tmp_path / "log.parquet")
    given = Parameters(
        customers="", purchases=str(tmp_path / "log.parquet"), customer_id="customer", purchase_columns=columns
    )
    with pytest.raises(DataError, match=r"1 order lines from 2062-01-01 on lie more than 365 days after all others"):
        load_customers(given)
    found = {
        rule.rule: rule.affected for rule in load_customers(given.model_copy(update={"as_of": "2026-02-06"})).rules
    }
    assert found["after 2026-02-06 left out"] == 1


@pytest.mark.parametrize(("end", "cut"), [("1\n", False), ("1", True)])
def test_missing_last_line_break_is_told(tmp_path, end, cut):
    rules = load_customers(write_customers(tmp_path, f"customer_id,age\n1,2\n2,{end}")).rules
    assert any("may be cut short" in rule.rule for rule in rules) == cut


def test_short_log_says_that_its_window_is_not_full(log):
    columns = {"order": "order", "date": "day", "amount": "amount"}
    parameters = Parameters(customers="", purchases=log, customer_id="customer", purchase_columns=columns)
    assert "begins after the window" in load_customers(parameters).notes()[-1]
    assert "window" not in "".join(load_customers(parameters.model_copy(update={"window_days": 20})).notes())


def test_clv_summary_of_a_small_log(log):
    table = clv_summary(open_purchases(log, COLUMNS, "customer"), date(2026, 1, 31))
    assert table.loc["a"].tolist() == pytest.approx([1, 10 / 7, 30 / 7, 20.0])
    assert table.loc["b"].tolist() == [0, 0, 0, 0]


def test_line_of_unknown_quantity_is_a_sale_and_every_line_is_counted(tmp_path):
    log = pd.DataFrame({"c": ["a", "a", "b"], "d": pd.to_datetime(["2026-01-01"] * 3), "m": [5.0, 7.0, -1.0]})
    log.assign(q=[None, 1.0, 1.0]).to_parquet(tmp_path / "l.parquet")
    columns = {"date": "d", "amount": "m", "quantity": "q"}
    found = open_purchases(str(tmp_path / "l.parquet"), columns, "c", returns="exclude")
    assert found.lines.count().execute() == 2
    assert (found.counts["lines"], found.counts["not_sales"]) == (3, 1)


def test_ids_that_are_floats_are_whole_or_refused(tmp_path):
    log = pd.DataFrame({"c": [1.0, 2.0, np.nan], "d": pd.to_datetime(["2026-01-01"] * 3), "m": [5.0, 7.0, 1.0]})
    path, columns = tmp_path / "l.parquet", {"date": "d", "amount": "m", "discount": "x"}
    log.assign(x=[np.nan, 1.0, 0.0]).to_parquet(path)
    found = open_purchases(str(path), columns, "c")
    assert (found.counts["customers"], found.counts["without_customer"]) == (2, 1)
    assert sorted(found.lines.discount.execute().fillna(-1)) == [-1, 1]
    log.assign(c=[1.2, 1.4, 2.0], x=0.0).to_parquet(path)
    with pytest.raises(DataError, match="column 'c' holds 2 numbers with fractions, which can't be ids"):
        open_purchases(str(path), columns, "c")


def test_workbook_is_read_as_a_text_file_is(tmp_path):
    path = tmp_path / "t.xlsx"
    pd.DataFrame({"k": ["NA", "b", None], "v": ["x", "NA", "y"]}).to_excel(path, index=False)
    table = read_table(str(path), ["k"])
    assert table["k"].tolist()[:2] == ["NA", "b"], "an id NA is no missing value"
    assert table["k"].isna().tolist() == [False, False, True]
    assert table["v"].isna().tolist() == [False, True, False]
    pd.DataFrame([[1, 2]], columns=["x", "x"]).to_excel(path, index=False)
    with pytest.raises(DataError, match="column 'x' appears more than once"):
        read_table(str(path))


def test_index_of_a_parquet_file_is_a_column(tmp_path):
    table = pd.DataFrame({"client": ["a", "b", "c"], "spend": [1.5, 2.5, 3.5]})
    table.set_index("client").to_parquet(tmp_path / "named.parquet")
    table[table["spend"] > 2].to_parquet(tmp_path / "nameless.parquet")
    for name in ("named.parquet", "nameless.parquet"):
        found = read_table(str(tmp_path / name))
        assert sorted(found) == ["client", "spend"] == sorted(column_names(str(tmp_path / name)))
    assert len(read_table(str(tmp_path / "named.parquet"), most=2)) == 2


def test_thousands_are_those_of_numbers_and_not_of_dates(tmp_path):
    (tmp_path / "t.csv").write_text("k;umsatz;seit;n\n1.001;2.373,53;23.11.2021;1.200\n1.002;12,50;01.02.2020;7\n")
    reading = {"delimiter": ";", "decimal": ",", "thousands": "."}
    table = read_table(str(tmp_path / "t.csv"), ["k"], reading)
    assert table["umsatz"].tolist() == [2373.53, 12.5]
    assert table["seit"].tolist() == ["23.11.2021", "01.02.2020"]
    assert table["n"].tolist() == [1200, 7]
    assert table["k"].tolist() == ["1.001", "1.002"]


@pytest.mark.parametrize(
    "values", [["#1001", "#1002"], ["31.12.1980", "01.02.1990"], ["+49 170 7199940", "+49 30 123456"]]
)
def test_order_numbers_dates_and_telephones_are_no_numbers(values):
    check_contract(pd.DataFrame({"a": values * 15 + [f"{values[0]}{n}" for n in range(2)]}), "t.csv")


def test_text_that_holds_numbers_only_is_told(tmp_path):
    table = pd.DataFrame(
        {"customer_id": [f"c{n}" for n in range(30)], "spend": range(30), "zip": [f"{n:05d}" for n in range(30)]}
    )
    table.to_parquet(tmp_path / "t.parquet")
    rules = load_customers(Parameters(customers=str(tmp_path / "t.parquet"), purchases="")).rules
    told = {rule.rule: (rule.affected, rule.note) for rule in rules}
    assert told["numbers written as text, taken as categories"] == (1, "zip")


def test_sheet_of_a_workbook_can_be_named(tmp_path):
    path = tmp_path / "t.xlsx"
    with pd.ExcelWriter(path) as book:
        pd.DataFrame({"note": ["read me"]}).to_excel(book, sheet_name="Cover", index=False)
        pd.DataFrame({"k": ["a", "b"], "spend": [1.5, 2.5]}).to_excel(book, sheet_name="Data", index=False)
    assert list(read_table(str(path))) == ["note"]
    assert read_table(str(path), ["k"], {"sheet": "Data"})["spend"].tolist() == [1.5, 2.5]
    assert column_names(str(path), {"sheet": "Data"}) == ["k", "spend"]
    with pytest.raises(DataError, match="no sheet 'Date'; the sheets are Cover, Data"):
        read_table(str(path), reading={"sheet": "Date"})


@pytest.mark.parametrize(
    ("above", "words"),
    [
        ("sep=;\n", "which only Excel understands; remove that line"),
        ("Report of June\n", "remove any lines above the header"),
    ],
)
def test_lines_above_the_header_are_told(tmp_path, above, words):
    (tmp_path / "t.csv").write_text(f"{above}a;b;c;d\n1;2;3;4\n")
    with pytest.raises(DataError, match=words):
        read_table(str(tmp_path / "t.csv"), reading={"delimiter": ";"})


@pytest.mark.parametrize("most", [1, 10, 25, 60])
def test_first_rows_of_parquet_are_read_across_row_groups(tmp_path, most):
    table = pd.DataFrame({"n": range(50)})
    table.to_parquet(tmp_path / "t.parquet", row_group_size=10, index=False)
    pd.testing.assert_frame_equal(read_table(str(tmp_path / "t.parquet"), most=most), table.head(most))
