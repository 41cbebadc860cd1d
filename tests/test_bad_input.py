"""Bad input as one table: each case ends in one readable line, or goes on and is counted in the row log.

The cells are those of the notebooks, carried out in this process; how errors become exit codes stands in test_run.py.
"""

import gzip
import io
import json
import os
import re
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import SMALL, segnb, write_small

from segnb.data import load_customers
from segnb.errors import DataError, SegnbError
from segnb.history.score import read_new_customers, score_customers
from segnb.notebook import show
from segnb.pages.report import write_page
from segnb.parameters import Parameters, check_parameters, read_preset
from segnb.runs.kernels import declared_parameters, load_notebook
from segnb.runs.store import Workspace
from segnb.tables import safe_csv

ROWS = [f"c{number},{number % 7},{number * number % 11}.5,{'xyz'[number % 3]}" for number in range(30)]
PLAIN = "customer_id,a,b,kind\n" + "\n".join(ROWS) + "\n"
LOG = "customer_id,order_id,ordered_at,amount\n" + "".join(
    f"c{number % 9},o{number},2026-0{1 + number % 6}-15,{number}.5\n" for number in range(60)
)
LOG_COLUMNS = {"order": "order_id", "date": "ordered_at", "amount": "amount"}


@pytest.fixture(autouse=True)
def _no_pictures(monkeypatch):
    monkeypatch.setattr(show, "Picture", lambda drawn, alt="": alt)


def carry_out(step, **given):
    """Carry the cells of a step out, as a report would."""
    notebook, space = load_notebook(step), {"display": lambda *shown: None}
    used = {name: value for name, value in given.items() if name in declared_parameters(notebook)}
    for cell in notebook.cells:
        if cell.cell_type == "code":
            exec(cell.source, space)
            if "parameters" in cell.metadata.get("tags", []):
                space.update(used)


def changed(text, row, new):
    """Return a text with one of its lines replaced; the header is line 1."""
    lines = text.splitlines()
    lines[row - 1] = new
    return "\n".join(lines) + "\n"


def parquet(table):
    buffer = io.BytesIO()
    table.to_parquet(buffer)
    return buffer.getvalue()


def workbook(table):
    buffer = io.BytesIO()
    table.to_excel(buffer, index=False)
    return buffer.getvalue()


TABLE = pd.read_csv(io.StringIO(PLAIN))

TABLES = {
    # case: file, content, parameters, what is said
    "empty": ("t.csv", "", {}, "t.csv: the file is empty; expected a header"),
    "header only": ("t.csv", PLAIN.splitlines()[0] + "\n", {}, "t.csv: no rows"),
    "blank lines only": ("t.csv", "\n\n", {}, "t.csv: "),
    "latin-1": ("t.csv", PLAIN.replace("x", "é").encode("latin-1"), {}, "name the encoding, for instance reading"),
    "utf-16": ("t.csv", PLAIN.encode("utf-16"), {}, "name the encoding"),
    "encoding that is none": ("t.csv", PLAIN, {"reading": {"encoding": "klingon"}}, "t.csv: .*klingon"),
    "wrong delimiter": ("t.csv", PLAIN.replace(",", ";"), {}, "only 1 column, with ';' in it; say reading"),
    "ragged first row": ("t.csv", changed(PLAIN, 2, "c0,1,2.5,x,9"), {}, "row 2 has 5 fields, the header has 4"),
    "ragged row": ("t.csv", changed(PLAIN, 9, "c7,1"), {}, "row 9 has 2 fields"),
    "cut last row": ("t.csv", PLAIN[:-5], {}, "row 31 has 3 fields"),
    "unclosed quote": ("t.csv", changed(PLAIN, 9, 'c7,1,2.5,"x'), {}, "t.csv: .*(quote|string)"),
    "zero byte in a number": ("t.csv", changed(PLAIN, 9, "c7,1,2.5\0,x"), {}, "'b' has 1 text in a column of numbers"),
    "binary": ("t.csv", bytes(range(256)) * 20, {}, "t.csv: "),
    "column twice": ("t.csv", PLAIN.replace("b,kind", "a,kind"), {}, "column 'a' appears more than once"),
    "column called segment": ("t.csv", PLAIN.replace("kind", "segment"), {}, "'segment' is a name that segnb adds"),
    "column called confidence": ("t.csv", PLAIN.replace("kind", "confidence"), {}, "'confidence' is a name that"),
    "cut gzip": ("t.csv.gz", gzip.compress(PLAIN.encode())[:-9], {}, "t.csv.gz: cannot be read as .csv"),
    "no gzip": ("t.csv.gz", PLAIN, {}, "t.csv.gz: cannot be read as .csv"),
    "no parquet": ("t.parquet", PLAIN, {}, "t.parquet: cannot be read as .parquet"),
    "cut parquet": ("t.parquet", parquet(TABLE)[:-40], {}, "t.parquet: cannot be read as .parquet"),
    "nested parquet": ("t.parquet", parquet(TABLE.assign(b=[[1]] * 30)), {}, "'b' holds lists or records"),
    "no workbook": ("t.xlsx", PLAIN, {}, "t.xlsx: cannot be read as .xlsx"),
    "empty workbook": ("t.xlsx", workbook(pd.DataFrame()), {}, "t.xlsx: no rows"),
    "workbook whose header is numbers": ("t.xlsx", workbook(TABLE.set_axis([1, 2, 3, 4], axis=1)), {}, "must be text"),
    "unknown ending": ("t.xls", PLAIN, {}, "files ending in '.xls' are not read; allowed are"),
    "no ending": ("t", PLAIN, {}, "files ending in '' are not read"),
    "another copy": ("t.csv", PLAIN, {"reading": {"sha256": "0" * 64}}, "this is another copy of the file"),
    "id twice": ("t.csv", changed(PLAIN, 9, "c6,1,2.5,x"), {}, r"2 rows that share their id .*\(row 8: 'c6', row 9"),
    "ids missing": ("t.csv", changed(PLAIN, 9, ",1,2.5,x"), {}, r"1 row without an id \(row 9\), fill the ids"),
    "id column that is not there": ("t.csv", PLAIN, {"customer_id": "kunde"}, "no column 'kunde' .customer_id.; its"),
    "id under another name": ("t.csv", PLAIN.replace("customer_id", "CustomerID").replace("\nc", "\n"), {},
                              "'CustomerID' looks like the customer's id; say customer_id=CustomerID"),
    "id in another language": ("t.csv", PLAIN.replace("customer_id", "KundenNr").replace("\nc", "\n"), {},
                               "'KundenNr' looks like the customer's id; say customer_id=KundenNr"),
    "ordered column that is none": ("t.csv", PLAIN, {"ordered": {"size": ["s", "m"]}}, "ordered: no column 'size'"),
    "ordered column of numbers": ("t.csv", PLAIN, {"ordered": {"a": ["1", "2"]}}, "ordered: a holds numbers"),
    "ordered levels that are not there": ("t.csv", PLAIN, {"ordered": {"kind": ["s", "m"]}},
                                          "kind holds none of .* it holds 'x'"),
    "ordered levels of one": ("t.csv", PLAIN, {"ordered": {"kind": ["x"]}}, "kind: give at least two levels, each"),
    "id among the features": ("t.csv", PLAIN, {"features": ["customer_id", "a"]}, "features: no column 'customer_id'"),
    "dollars": ("t.csv", PLAIN.replace(".5,", ".5 $,"), {}, r"30 numbers written as text \(row 2:"),
    "decimal comma": ("t.csv", PLAIN.replace(",", ";").replace(".5", ",5"), {"reading": {"delimiter": ";"}},
                      "say how with reading: {decimal"),
    "two currencies": ("t.csv", changed(PLAIN.replace(".5,", ".5 EUR,"), 9, "c7,1,3 USD,x"), {}, "EUR, USD seen"),
    "infinite": ("t.csv", changed(PLAIN, 9, "c7,inf,2.5,x"), {}, r"'a' has 1 value beyond 1e\+15 \(row 9: inf\)"),
    "1e400": ("t.csv", changed(PLAIN, 9, "c7,1e400,2.5,x"), {}, r"'a' has 1 value beyond 1e\+15"),
    "huge": ("t.csv", changed(PLAIN, 9, "c7,1e300,2.5,x"), {}, r"'a' has 1 value beyond 1e\+15 \(row 9: 1e\+300\)"),
    "text among numbers": ("t.csv", "customer_id,a\n" + "".join(f"c{n},{n if n != 7 else 'many'}\n" for n in range(30)),
                           {}, r"1 text in a column of numbers \(row 9: 'many'\)"),
    "too many texts as a feature": ("t.csv", "customer_id,a,b\n" + "".join(f"c{n},1,t{n % 70}\n" for n in range(99)),
                                    {"features": ["b"]}, "'b' has 70 different texts, at most 60"),
    "durations as a feature": ("t.parquet", parquet(TABLE.assign(b=pd.Timedelta("3D"))), {"features": ["b"]},
                               "'b' is timedelta64.*distance in days"),
    "column that is not there": ("t.csv", PLAIN, {"features": ["a", "z"]}, "features: no column 'z'; the columns are"),
    "descriptor that is not there": ("t.csv", PLAIN, {"descriptors": ["z"]}, "descriptors: no column 'z'"),
    "weight of no column": ("t.csv", PLAIN, {"weights": {"z": 2.0}}, "weights: 'z' is not a clustering column"),
    "feature that is mostly missing": ("t.csv", "customer_id,a,b\n" + "".join(f"c{n},{n % 5},{n if n < 2 else ''}\n"
                                       for n in range(30)), {"features": ["a", "b"]}, r"'b' \(93%\) is mostly missing"),
    "all values the same": ("t.csv", "customer_id,a\n" + "".join(f"c{n},5\n" for n in range(30)), {}, "only one value"),
    "no number at all": ("t.csv", "customer_id,a\n" + "".join(f"c{n},x\n" for n in range(30)), {}, "no numeric column"),
    "log of what is negative": ("t.csv", PLAIN.replace(",3,", ",-3,"), {"transform": "log"}, "values of -1 or less"),
    "95 % zeros, robust": ("t.csv", "customer_id,a,b\n" + "".join(f"c{n},{n % 5},{1000 * (n == 7)}\n"
                           for n in range(30)), {"scale": "robust"}, "the same value in its whole middle half"),
    "one row": ("t.csv", PLAIN.splitlines()[0] + "\n" + ROWS[0], {}, "only one value|customers are left"),
    "nobody left": ("t.csv", "customer_id,a,b\n" + "".join(f"c{n},{n if n % 2 else ''},{'' if n % 2 else n}\n"
                    for n in range(30)), {"missing": "drop"}, "only 0 of 30 customers are left"),
    "ids taken how": ("t.csv", PLAIN, {"reading": {"ids": "lower"}}, "the only choice is 'normalise'"),
}  # fmt: skip


@pytest.mark.parametrize("case", TABLES)
def test_bad_customer_table_ends_in_a_line(project, case):
    name, content, given, message = TABLES[case]
    (project / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DataError, match=message) as caught:
        carry_out("prepare", run="r", customers=name, purchases="", **given)
    assert "\n" not in str(caught.value)
    assert not (project / "outputs").exists(), "nothing is written"


GO_ON = {
    # case: file, content, parameters, rule that counts it, how often
    "byte order mark": ("t.csv", "\ufeff" + PLAIN, {}, "exact duplicate rows dropped", 0),
    "no last line break": ("t.csv", PLAIN[:-1], {}, "no line break at the end: the last row may be cut short", 1),
    "exact duplicates": ("t.csv", PLAIN + ROWS[3] + "\n", {}, "exact duplicate rows dropped", 1),
    "no id": ("t.csv", PLAIN.replace("customer_id", "code").replace("c", "k"), {}, "row number taken as id", 0),
    "ids with blanks": ("t.csv", PLAIN + "c7 ,1,1.5,x\n", {}, "ids that differ in blanks or accents only", 2),
    "ids in two normal forms": ("t.csv", PLAIN + "e\u0301,1,1.5,x\né,2,1.5,x\n", {},
                                "ids that differ in blanks or accents only", 2),
    "missing values": ("t.csv", changed(PLAIN, 9, "c7,,2.5,x"), {}, "missing values filled", 1),
    "missing values, rows dropped": ("t.csv", changed(PLAIN, 9, "c7,,2.5,x"), {"missing": "drop"},
                                     "rows with a missing value dropped", 1),
    "classes that are nearly all numbers": ("t.csv", changed(PLAIN, 9, "c7,9+,2.5,x"), {},
                                            "numbers with a few texts, taken as categories", 1),
    "one value only": ("t.csv", "customer_id,a,b\n" + "".join(f"c{n},{n % 5},5\n" for n in range(30)), {},
                       "constant columns not used", 1),
    "all missing": ("t.csv", "customer_id,a,b\n" + "".join(f"c{n},{n % 5},\n" for n in range(30)), {},
                    "mostly missing columns not used", 1),
    "yes and no": ("t.parquet", parquet(TABLE.assign(b=TABLE["a"] > 3)), {"features": ["a", "b"]},
                   "constant columns not used", 0),
    "integers that no float holds": ("t.csv", PLAIN.replace("c7,", "9007199254740993,"), {},
                                     "exact duplicate rows dropped", 0),
    "leading zeros": ("t.csv", PLAIN.replace("c7,", "007,"), {}, "exact duplicate rows dropped", 0),
    "an id NA": ("t.csv", PLAIN.replace("c7,", "NA,"), {}, "exact duplicate rows dropped", 0),
    "markup, controls and formulas": ("t.csv", PLAIN.replace("x", "=1+1<script>\u202e"), {},
                                      "exact duplicate rows dropped", 0),
    "a text of its own in every row": ("t.csv", re.sub("[xyz]\n", lambda found: f"{found.start()}t\n", PLAIN), {},
                                       "exact duplicate rows dropped", 0),
}  # fmt: skip


@pytest.mark.parametrize("case", GO_ON)
def test_odd_customer_table_goes_on_and_is_counted(project, case):
    name, content, given, rule, affected = GO_ON[case]
    (project / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    carry_out("prepare", run="r", customers=name, purchases="", **given)
    log = Workspace("r").read("row_log.csv").set_index("rule")["affected"]
    assert log.loc[[rule]].sum() == affected, log


def test_ids_are_kept_to_the_letter(project):
    (project / "t.csv").write_text(PLAIN.replace("c7,", "007,").replace("c8,", "NA,").replace("c9,", f"{2**53 + 1},"))
    carry_out("prepare", run="r", customers="t.csv", purchases="")
    assert {"007", "NA", "9007199254740993"} <= set(Workspace("r").read("customers.parquet").index)


def test_ids_that_look_alike_are_one_where_a_person_says_so(project):
    (project / "t.csv").write_text(PLAIN.replace("c7,", "c7 ,") + "e\u0301,1,1.5,x\n")
    carry_out("prepare", run="r", customers="t.csv", purchases="", reading={"ids": "normalise"})
    assert {"c7", "é"} <= set(Workspace("r").read("customers.parquet").index)
    (project / "l.csv").write_text(LOG.replace("c3,", "c3 ,", 1))
    for reading, customers in (({}, 10), ({"ids": "normalise"}, 9)):
        given = {"customers": "", "purchases": "l.csv", "purchase_columns": LOG_COLUMNS, "reading": reading}
        carry_out("prepare", run="r", **given)
        assert len(Workspace("r").read("customers.parquet")) == customers


LOGS = {
    # case: file, content, parameters, what is said
    "header only": ("l.csv", LOG.splitlines()[0] + "\n", {}, "l.csv: no rows"),
    "dollars": ("l.csv", LOG.replace(",7.5", ',"$1,234.50"'), {}, r"1 value that isn't a number \(row 9: '\$1,234.50'"),
    "two currencies": ("l.csv", LOG.replace(",7.5", ",7 EUR").replace(",8.5", ",8 USD"), {}, "EUR, USD seen"),
    "a column of currencies": ("l.csv", LOG.replace("amount", "amount,currency").replace(".5\n", ".5,EUR\n", 9).replace(
        ".5\n", ".5,USD\n"), {}, r"'currency' holds 2 currencies \(EUR, USD\), which cannot be added up"),
    "dates in two ways": ("l.csv", LOG.replace("2026-02-15", "15/02/2026"), {}, r"10 values that aren't dates \(row 3"),
    "day and month swapped": ("l.csv", LOG.replace("2026-02-15", "31/12/2025").replace("2026-0", "0").replace(
        "-15", "/01/2026"), {"reading": {"dates": "%m/%d/%Y"}}, "10 values that aren't dates .*'31/12/2025'"),
    "words for dates": ("l.csv", LOG.replace("2026", "soon"), {}, "60 values that aren't dates"),
    "some times with a zone": ("l.csv", LOG.replace("2026-02-15", "2026-02-15T10:00+01:00"), {},
                               "10 times with a time zone .*, say which zone's days count"),
    "a date years after all others": ("l.csv", LOG + LOG.partition("\n")[2] * 3 + "c1,o99,2071-01-01,5\n", {},
                                      "1 order lines from 2071-01-01 on lie more than 365 days after all others"),
    "only dates that stand for none": ("l.csv", LOG.replace("2026", "9999"), {}, "none of the 60 lines has a customer"),
    "infinite amount": ("l.csv", LOG.replace(",7.5", ",inf"), {}, r"1 value beyond 1e\+15 \(row 9: 'inf'\)"),
    "absurd amount": ("l.csv", LOG.replace(",7.5", ",7e300"), {}, r"1 value beyond 1e\+15"),
    "absurd amount in parquet": ("l.parquet", parquet(pd.read_csv(io.StringIO(LOG)).assign(amount=1e300)), {},
                                 "60 amounts are infinite or beyond"),
    "nested parquet": ("l.parquet", parquet(pd.read_csv(io.StringIO(LOG)).assign(amount=[[1]] * 60)), {},
                       "'amount' holds lists or records"),
    "no amount at all": ("l.csv", LOG, {"purchase_columns": {"date": "ordered_at"}}, "needs date, and amount or both"),
    "columns that are not there": ("l.csv", LOG, {"purchase_columns": LOG_COLUMNS | {"product": "sku", "price": "p"}},
                                   "no column 'sku' .purchase_columns product., 'p' .purchase_columns price."),
    "customers mostly missing": ("l.csv", re.sub("c[1-5],", ",", LOG), {}, "35 of 60 lines have no customer; name"),
    "as_of before the log": ("l.csv", LOG, {"as_of": "2020-01-01"}, "no customer has an order in the 365 days up to"),
    "zone that is none": ("l.csv", LOG, {"reading": {"zone": "Mars/Olympus"}}, "Mars/Olympus"),
    "returns only": ("l.csv", LOG.replace("-15,", "-15,-"), {}, "no customer has an order"),
}  # fmt: skip


@pytest.mark.parametrize("case", LOGS)
def test_bad_log_ends_in_a_line(project, case):
    name, content, given, message = LOGS[case]
    (project / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(SegnbError, match=message) as caught:
        carry_out("prepare", run="r", **{"customers": "", "purchases": name, "purchase_columns": LOG_COLUMNS} | given)
    assert "\n" not in str(caught.value)
    assert not (project / "outputs").exists()


LOGS_GO_ON = {
    "guests": (LOG.replace("c3,", ",", 1), "without customer left out", 1),
    "dates that stand for none": (LOG.replace("2026-03-15", "9999-12-31", 2), "without date left out", 2),
    "missing amounts": (LOG.replace(",7.5", ","), "without amount left out", 1),
    "returns": (LOG.replace(",7.5", ",-7.5"), "returns and free lines", 1),
    "lines after the day": (LOG, "after 2026-05-20 left out", 10),
}


@pytest.mark.parametrize("case", LOGS_GO_ON)
def test_odd_log_goes_on_and_is_counted(project, case):
    content, rule, affected = LOGS_GO_ON[case]
    (project / "l.csv").write_text(content)
    as_of = "2026-05-20" if "after" in rule else ""
    carry_out("prepare", run="r", customers="", purchases="l.csv", purchase_columns=LOG_COLUMNS, as_of=as_of)
    assert Workspace("r").read("row_log.csv").set_index("rule")["affected"].loc[rule] == affected


def test_sums_of_whole_numbers_do_not_wrap(project):
    huge = pd.DataFrame({"c": ["a"] * 4 + ["b"], "d": pd.to_datetime(["2026-01-01"] * 5), "q": 2**40, "p": 200})
    huge.to_parquet(project / "l.parquet")
    columns = {"date": "d", "quantity": "q", "price": "p"}
    given = {"customers": "", "purchases": "l.parquet", "customer_id": "c", "purchase_columns": columns}
    carry_out("prepare", run="r", **given)
    assert Workspace("r").read("customers.parquet")["spend"].tolist() == [4 * 2.0**40 * 200, 2.0**40 * 200]


def test_column_of_decimals_is_one_of_numbers(project):
    decimals = [None, *(Decimal(number) / 4 for number in range(1, 30))]
    TABLE.assign(b=decimals).to_parquet(project / "t.parquet")
    carry_out("prepare", run="r", customers="t.parquet", purchases="", missing="drop")
    assert "b" in Workspace("r").read("prepare.json")["columns"]
    assert Workspace("r").read("customers.parquet")["b"].dropna().sort_values().tolist() == [
        number / 4 for number in range(1, 30)
    ]


SIZES = {
    "fewer customers than segments": (5, 5, {"k": 9, "k_max": 3}, "k=9 is not less than the 5 customers"),
    "fewer different customers than segments": (
        40,
        3,
        {"k": 5, "k_max": 3},
        "k=5 is more than the 3 distinct cust",
    ),
    "as many segments as customers": (6, 6, {"k": 6, "k_max": 3}, "k=6 is not less than the 6 customers"),
    "a range beyond the customers": (6, 6, {"k_min": 7, "k_max": 9}, "k=9 is not less than the 6 customers"),
}


@pytest.mark.parametrize("case", SIZES)
def test_too_few_customers_are_told_before_anything_is_fitted(project, case):
    rows, distinct, given, message = SIZES[case]
    lines = "".join(f"c{n},{n % distinct},{(n % distinct) ** 2}\n" for n in range(rows))
    (project / "t.csv").write_text("customer_id,a,b\n" + lines)
    given = {"n_boot": 2, "n_refs": 2, "n_init": 1} | given
    carry_out("prepare", run="r", customers="t.csv", purchases="", transform="none", outliers="keep")
    with pytest.raises(SegnbError, match=message):
        carry_out("choose_k", run="r", **given)


def test_ten_thousand_columns_are_refused(project):
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(30, 2500)), columns=[f"x{j}" for j in range(2500)])
    run = Workspace("r")
    run.write("features.parquet", table)
    with pytest.raises(SegnbError, match="2,?500 .*2,?000"):
        carry_out("choose_k", run="r", n_boot=2, n_refs=2)


PARAMETERS = {
    "misspelt": ({"outlier": "keep"}, "outlier: no such parameter; did you mean 'outliers'"),
    "hostile name": ({"a=1; import os; os.system('x')  #": 1}, "no such parameter"),
    "k=1": ({"k": 1}, "k=1 puts everybody in one segment"),
    "k below nothing": ({"k": -1}, "k=-1"),
    "k as text": ({"k": "five"}, "k='five'"),
    "k as a fraction": ({"k": 2.5}, "k=2.5"),
    "too many k": ({"k_max": 1000}, "k_max=1000"),
    "range upside down": ({"k_min": 9, "k_max": 3}, "k_min=9 is more than k_max=3"),
    "no such way": ({"scale": "big"}, "scale='big'"),
    "no date": ({"as_of": "31.12.2025"}, "a date is written year-month-day"),
    "half a character": ({"customers": "a\ud83c.csv"}, "customers: holds half a character"),
    "half a character in a list": ({"features": ["\udf89"]}, "features: holds half a character"),
    "no tables": ({"customers": "", "purchases": ""}, "both empty"),
    "run that is a path": ({"run": "../x"}, "a run's name begins with"),
    "run from the root": ({"run": "/abs"}, "a run's name begins with"),
    "run with a line break": ({"run": "a\n"}, "a run's name begins with"),
    "run that is an option": ({"run": "-rf"}, "a run's name begins with"),
    "run of 400 letters": ({"run": "x" * 400}, "at most 64"),
    "run of nothing": ({"run": ""}, "a run's name begins with"),
    "run in another script": ({"run": "лето"}, "a run's name begins with"),
    "the run itself": ({"run": "a", "previous": "a"}, "is this run itself"),
    "nan as a weight": ({"weights": {"a": float("nan")}}, "weights"),
    "weight of nothing": ({"weights": {"a": 0.0}}, "weights"),
    "names of no number": ({"names": {"first": "x"}}, "segments are numbered"),
    "secret in an address": ({"engine": "postgres://a:b@c/d"}, "it holds a secret"),
    "reading that is none": ({"reading": {"separator": ";"}}, "reading"),
}


@pytest.mark.parametrize("case", PARAMETERS)
def test_bad_parameters_end_in_a_line(case):
    given, message = PARAMETERS[case]
    with pytest.raises(DataError, match=message) as caught:
        check_parameters(given)
    assert "\n" not in str(caught.value)


@pytest.fixture(scope="module")
def scored(tmp_path_factory):
    """The folder of a project with a small run `r`, of which steps 1 to 3 are done."""
    folder = write_small(tmp_path_factory.mktemp("scored"))
    done = segnb("run", *SMALL, "--run", "r", "--until", "cluster", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder


SCORING = {
    "columns missing": ("customer_id,feature2\nz,1\n", "no column 'feature1', 'feature3', from which r was made"),
    "text for numbers": ("customer_id,feature1,feature2,feature3\nz,a,b,c\ny,a,b,c\n", "'feature1' is str, not a num"),
    "infinite": ("customer_id,feature1,feature2,feature3\nz,inf,1,1\n", "'feature1' has 1 value beyond"),
    "empty": ("", "the file is empty"),
    "id twice": ("customer_id,feature1,feature2,feature3\nz,1,1,1\nz,1,2,1\n", "share their id with a different row"),
}


@pytest.mark.parametrize("case", SCORING)
def test_bad_table_to_score_ends_in_a_line(scored, tmp_path, monkeypatch, case):
    content, message = SCORING[case]
    monkeypatch.chdir(scored)
    (tmp_path / "new.csv").write_text(content)
    with pytest.raises(DataError, match=message):
        score_customers(Workspace("r"), read_new_customers(Workspace("r"), str(tmp_path / "new.csv")))


def test_columns_are_scored_by_their_names_and_arrays_refused(scored, monkeypatch):
    monkeypatch.chdir(scored)
    table = pd.read_csv("customer_data.csv").set_index("customer_id")
    own = score_customers(Workspace("r"), table).table
    mixed = score_customers(Workspace("r"), table[["feature3", "feature1", "feature2"]].assign(more=1))
    pd.testing.assert_frame_equal(mixed.table, own)
    assert any("more" in note for note in mixed.notes)
    with pytest.raises(TypeError, match="a DataFrame whose columns have the run's names, not ndarray"):
        score_customers(Workspace("r"), table.to_numpy())
    far = score_customers(Workspace("r"), table.head(2) * 1e6)
    assert far.table["unlike"].all()


NAMED = {
    # row of the list of bad inputs: file, content, what the row log says of it
    "codes are no behaviour (59)": (
        "t.csv",
        "customer_id,visits,zip,mobile\n" + "".join(f"c{n},{n % 7},{10000 + n},{n}\n" for n in range(60)),
        "codes that are no amounts",
    ),
    "a total at the end (56)": ("t.csv", PLAIN + "Total,99,80.5,\n", "rows that look like a total"),
    "unknown among numbers (55)": (
        "t.csv",
        "customer_id,a,b\n" + "".join(f"c{n},{n},{'unknown' if n % 6 == 0 else n % 5}\n" for n in range(60)),
        "numbers with a few texts, taken as categories",
    ),
}


@pytest.mark.parametrize("case", NAMED)
def test_odd_table_is_told_at_the_head_or_in_the_row_log(project, case):
    name, content, rule = NAMED[case]
    (project / name).write_text(content)
    source = load_customers(Parameters(customers=name, purchases=""))
    assert rule in [each.rule for each in source.rules]
    assert "zip" not in source.behaviours
    assert not {"zip", "mobile"} & set(source.behaviours)
    if "(55)" not in case:
        assert any(rule in note.lower() for note in source.notes()), "it stands on the first screen"


def log_of(**columns):
    base = {"customer": [f"c{n % 12}" for n in range(120)], "day": ["2026-01-01", "2026-02-01", "2026-03-01"] * 40}
    return pd.DataFrame(base | {"amount": [10.0 + n % 9 for n in range(120)]} | columns)


def opened(project, log, **given):
    log.to_csv(project / "log.csv", index=False)
    columns = {"date": "day", "amount": "amount"}
    return load_customers(
        Parameters(customers="", purchases="log.csv", customer_id="customer", purchase_columns=columns, **given)
    )


def test_currencies_are_seen_by_their_values_whatever_the_column_is_called(project):
    """Row 57."""
    log = log_of(**{"Währung": ["EUR", "USD", "EUR"] * 40})
    with pytest.raises(DataError, match="'Währung' holds 2 currencies .EUR, USD., which cannot be added up"):
        opened(project, log)
    assert len(opened(project, log.assign(**{"Währung": "EUR"})).table) == 12


def test_line_dated_months_ahead_is_told_with_the_remedy(project):
    """Row 52."""
    log = log_of(day=[*(["2026-01-01", "2026-02-01", "2026-03-01"] * 40)[:-1], "2026-07-15"])
    notes = opened(project, log).notes()
    assert any("long after all others: 1 order lines" in note and "say as_of" in note for note in notes)
    assert not any("long after" in note for note in opened(project, log, as_of="2026-03-02").notes())


def test_ids_that_look_like_none_are_told(project):
    """Row 56: one giant customer called NULL."""
    notes = opened(project, log_of(customer=["NULL" if n % 3 else f"c{n}" for n in range(120)])).notes()
    assert any("Customer ids that look like none: 80 order lines" in note for note in notes)


def test_log_put_together_with_itself_is_told(project):
    """Row 56: the spend doubled. Two of the same on one order are nothing to tell."""
    log = log_of(amount=range(1, 121))
    told = [opened(project, table).notes() for table in (pd.concat([log, log]), pd.concat([log, log.head(30)]))]
    assert any("that repeat another to the letter: 120 order lines, of 240" in note for note in told[0])
    assert not any("repeat another" in note for note in told[1])


def test_column_without_a_name_is_refused(project):
    """Row 58: a title row or merged cells of a workbook."""
    table = pd.DataFrame([["Customers of June", None, None], ["id", "a", "b"], ["c1", 1, 2]])
    table.to_excel(project / "t.xlsx", header=False, index=False)
    with pytest.raises(DataError, match="column 2, 3 has no name; name each column in the first row"):
        load_customers(Parameters(customers="t.xlsx", purchases=""))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("run: a\nrun: b\n", "run is given more than once"),
        ("a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n", "aliases .*are not read"),
    ],
)
def test_preset_that_would_be_misread_is_refused_at_once(project, text, words):
    """Row 60."""
    (project / "p.yaml").write_text(text)
    with pytest.raises(DataError, match=words):
        read_preset("p.yaml")
    (project / "folder.yaml").mkdir()
    with pytest.raises(DataError, match="no such file"):
        read_preset("folder.yaml")
    with pytest.raises(DataError, match="window_days=900000"):
        check_parameters({"window_days": 900_000})


def test_input_that_changes_while_a_run_is_under_way_publishes_nothing(tmp_path, monkeypatch):
    """Row 49."""
    write_small(tmp_path)
    table = tmp_path / "customer_data.csv"

    def and_then_changed(*given):
        write_page(*given)
        table.write_text(table.read_text() + "c99,9,9,9\n")

    monkeypatch.setattr("segnb.runs.run.write_page", and_then_changed)
    done = segnb("run", *SMALL, "--run", "r", "--until", "prepare", cwd=tmp_path)
    assert done.returncode == 1
    assert "customer_data.csv: changed while the run was under way" in done.stderr
    assert not (tmp_path / "outputs" / "r").exists()


def test_score_overwrites_neither_its_input_nor_anything_in_a_run(scored, tmp_path):
    """Row 50."""
    (tmp_path / "outputs").symlink_to(scored / "outputs")
    (tmp_path / "new.csv").write_bytes((scored / "customer_data.csv").read_bytes())
    before = (tmp_path / "new.csv").read_bytes()
    for target in ("new.csv", "outputs/r/labelled.csv"):
        done = segnb("score", "r", "new.csv", "-o", target, cwd=tmp_path)
        assert done.returncode == 2
        assert "which is never overwritten" in done.stderr
    assert (tmp_path / "new.csv").read_bytes() == before


@pytest.mark.parametrize("text", ["z;=1+1", "z\t=1+1", "z\n=1+1", "a; @SUM(1)", "a;b;-2+3"])
def test_formula_after_another_separator_is_marked(text):
    """Row 61: a spreadsheet that separates by semicolons, tabs or lines would run it."""
    safe = safe_csv(pd.DataFrame({"x": [text]}))["x"][0]
    assert not any(part.strip().startswith(("=", "+", "-", "@")) for part in re.split("[;\t\n]", safe))
    assert safe.replace("'", "") == text


def test_number_of_cases():
    tables = (TABLES, GO_ON, LOGS, LOGS_GO_ON, SIZES, PARAMETERS, SCORING)
    assert sum(map(len, tables)) >= 60


TWICE = ["-p", "customers=t.csv", "-p", "purchases=", "-p"]

LINES = {
    "a day that is none": (["run", "day.yaml"], "day.yaml: isn't valid YAML: day is out of range for month"),
    "a day that is none, in a list": (["run", "-p", "features=[2026-02-30]"], "the value isn't valid YAML"),
    "an address that is none": (["run", "-p", "engine=postgres://[x"], "this isn't an address: Invalid IPv6 URL"),
    "an address that is none, for init": (["init", "t", "--engine", "postgres://[x"], "this isn't an address"),
    "a name too long for a file": (["run", "-p", f"customers={'x' * 300}.csv", "-p", "purchases="], "too long"),
    "a home of nobody": (["run", "-p", "customers=~nobody-here/x.csv", "-p", "purchases="], "no such file"),
    "a name that is empty": (["run", "-p", "names={1: ''}"], "segment 1 has an empty name"),
    "a workshop in this folder": (["workshop", "."], "already exists"),
    "a feature twice": (["run", *TWICE, "features=[a, a]"], "features: 'a' is listed more than once"),
    "a feature that describes": (
        ["run", *TWICE, "descriptors=[a]", "-p", "features=[a, b]"],
        "descriptors: 'a' is in features too",
    ),
}


@pytest.mark.parametrize("case", LINES)
def test_every_refusal_is_one_readable_line(tmp_path, case):
    arguments, words = LINES[case]
    (tmp_path / "day.yaml").write_text("as_of: 2026-02-30\n")
    TABLE.to_csv(tmp_path / "t.csv", index=False)
    done = segnb(*arguments, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    lines = [line for line in done.stderr.splitlines() if "/5 " not in line]
    assert len(lines) == 1
    assert words in lines[0]
    assert not (tmp_path / "outputs").exists()


ALL_REFUSED = """
import json, sys
from conftest import segnb
for arguments in map(json.loads, sys.argv[1:]):
    done = segnb(*arguments, cwd=".")
    assert done.returncode == 2, done
    assert len(done.stderr.splitlines()) == 1, done
    assert "Permission denied" in done.stderr, done
"""


def test_closed_file_and_folder_are_told(tmp_path):
    like_anybody = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.getuid() == 0 else []
    (tmp_path / "closed").mkdir()
    for path in (tmp_path / "t.csv", tmp_path / "closed" / "t.csv"):
        TABLE.to_csv(path, index=False)
    (tmp_path / "t.csv").chmod(0)
    (tmp_path / "closed").chmod(0)
    sources = ("t.csv", "closed/t.csv")
    asked = [["init", source] for source in sources]
    asked += [["run", "-p", f"customers={source}", "-p", "purchases="] for source in sources]
    command = [*like_anybody, sys.executable, "-c", ALL_REFUSED, *map(json.dumps, asked)]
    env = os.environ | {"PYTHONPATH": str(Path(__file__).parent)}
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr
    (tmp_path / "closed").chmod(0o755)


def test_rare_values_are_kept_and_durations_are_no_numbers(project):
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"spend": rng.normal(size=900), "rare": [1.0 + n for n in range(5)] + [0.0] * 895})
    table.assign(since=pd.to_timedelta(range(900), unit="D")).to_parquet(project / "t.parquet")
    carry_out("prepare", run="r", customers="t.parquet", purchases="")
    assert Workspace("r").read("prepare.json")["columns"] == ["spend", "rare"]
    assert Workspace("r").read("features.parquet")["rare"].nunique() > 1
