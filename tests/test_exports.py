"""Exports of five vendors, written as their pages describe them: init knows each, and the sums meet to the cent."""

import ibis
import numpy as np
import pandas as pd
import pytest
import yaml
from conftest import segnb
from engines import every_engine
from vendor_exports import (
    draw_orders,
    truth,
    write_paypal,
    write_shopify,
    write_square,
    write_stripe,
    write_woocommerce,
)

from segnb.data import load_customers, open_log
from segnb.init.preset import new_preset
from segnb.parameters import check_parameters

ORDERS = draw_orders()
WRITERS = {
    "shopify": write_shopify,
    "woocommerce": write_woocommerce,
    "stripe": write_stripe,
    "square": write_square,
    "paypal": write_paypal,
}


def preset_of(path, **given):
    return check_parameters(yaml.safe_load(new_preset(str(path))[1]) | {"window_days": 0} | given)


def expected(vendor):
    if vendor == "stripe":
        return truth(ORDERS, lambda order: order.at.tz_convert("UTC"))
    if vendor == "paypal":  # what was refunded has no customer there
        for order in (kept := draw_orders()):
            order.refunded = 0
        return truth(kept)
    return truth(ORDERS)


@pytest.mark.parametrize("vendor", WRITERS)
def test_sums_of_a_known_export_meet_to_the_cent(tmp_path, vendor):
    path = WRITERS[vendor](tmp_path / "export.csv", ORDERS)
    parameters, known = preset_of(path), expected(vendor)
    source = load_customers(parameters)
    assert len(source.table) == known["customers"]
    used = source.reconciliation.query("reason == 'used'").set_index("month")
    np.testing.assert_array_equal((used["sum"] * 100).round().astype(int), known["net"])
    assert np.allclose(used["sum"] * 100, known["net"], atol=1e-6), "nothing is hidden by the rounding"
    np.testing.assert_array_equal(used["orders"], known["orders"])
    assert source.table["spend"].sum() * 100 == pytest.approx(known["net"].sum(), abs=1e-6)
    assert source.table["orders"].sum() == known["orders"].sum()


@pytest.mark.parametrize("vendor", WRITERS)
def test_every_line_of_an_export_is_accounted_for(tmp_path, vendor):
    path = WRITERS[vendor](tmp_path / "export.csv", ORDERS)
    source, lines = load_customers(preset_of(path)), len(pd.read_csv(path))
    assert source.reconciliation["lines"].sum() == lines
    guests = sum(not order.customer for order in ORDERS if order.status in ("paid", "partially_refunded"))
    left = source.reconciliation.query("reason == 'without a customer'")
    assert left["orders"].sum() == guests


def test_lines_within_an_order_are_filled_down_and_its_total_counts_once(tmp_path):
    path = write_shopify(tmp_path / "export.csv", ORDERS)
    log = open_log(preset_of(path))
    lines = log.lines.to_pyarrow().to_pandas()
    counted = [order for order in ORDERS if order.counts]
    assert len(lines) == sum(len(order.items) for order in counted), "not one line is lost"
    assert lines["day"].notna().all()
    one = max(counted, key=lambda order: len(order.items))
    own = lines[lines["order_id"] == f"#{one.number}"]
    np.testing.assert_allclose(own["amount"], (one.total - one.refunded) / 100 / len(one.items))


def test_days_are_those_of_the_shops_own_clock(tmp_path):
    """At half past midnight it is still the day before in UTC."""
    late = [order for order in ORDERS if order.at.tz_convert("UTC").date() != order.at.date() and order.counts]
    assert late, "there are such orders"
    log = open_log(preset_of(write_shopify(tmp_path / "export.csv", ORDERS)))
    days = log.lines.to_pyarrow().to_pandas().groupby("order_id")["day"].first()
    for order in late:
        assert days[f"#{order.number}"] == order.at.date()


def test_small_blocks_fill_down_as_large_ones_do(tmp_path, monkeypatch):
    parameters = preset_of(write_shopify(tmp_path / "export.csv", ORDERS))
    whole = load_customers(parameters).table
    monkeypatch.setattr("segnb.data.reader.BLOCK", 4000)
    pd.testing.assert_frame_equal(load_customers(parameters).table, whole)


def test_init_shows_the_months_and_a_run_tells_what_was_left_out(tmp_path):
    orders = draw_orders(seed=3)
    for order in orders[::3]:
        order.status = "pending"
    write_shopify(tmp_path / "orders.csv", orders)
    looked = segnb("init", "orders.csv", cwd=tmp_path)
    assert looked.returncode == 0, looked.stderr
    assert "of Shopify orders" in looked.stdout
    assert "left out, not kept by its value" in looked.stdout
    given = ["-p", "n_boot=2", "-p", "n_refs=2", "-p", "n_init=1", "-p", "k_max=4", "--until", "prepare"]
    done = segnb("run", "orders.yaml", *given, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "were left out: not kept by its value." in done.stdout
    assert "were left out: not kept by its value." in (tmp_path / "outputs" / "orders" / "index.html").read_text()
    page = (tmp_path / "outputs" / "orders" / "01_prepare.html").read_text()
    assert "The purchase log by month" in page


@pytest.mark.parametrize("write", [write_shopify, write_woocommerce, write_stripe])
def test_preset_of_an_export_runs_as_it_is_written(tmp_path, write):
    write(tmp_path / "mine.csv", ORDERS)
    looked = segnb("init", "mine.csv", cwd=tmp_path)
    assert looked.returncode == 0, looked.stderr
    assert "a run stops at" not in looked.stdout
    done = segnb("run", "mine.yaml", "--until", "prepare", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    names = {order.customer.partition("@")[0] for order in ORDERS if order.customer}
    made = pd.read_parquet(tmp_path / "outputs" / "mine" / "features.parquet")
    assert {name.partition("@")[0] for name in made.index} <= names
    assert len(made) > 0.8 * len(names)


def test_rows_are_kept_by_value_in_tables_and_logs(tmp_path):
    path = write_woocommerce(tmp_path / "orders.csv", ORDERS)
    people = pd.DataFrame({"billing_email": sorted({order.customer for order in ORDERS} - {""})})
    people.assign(staff=[place % 5 == 0 for place in range(len(people))]).to_csv(tmp_path / "people.csv", index=False)
    both = preset_of(path, customers=str(tmp_path / "people.csv"), only={"status": ["completed"], "staff": ["false"]})
    source = load_customers(both)
    rules = {rule.rule: rule for rule in source.rules if "values to keep" in rule.rule or "those to keep" in rule.rule}
    assert rules, "each is a line of the row log"
    counted = {order.customer for order in ORDERS if order.status == "paid" and order.customer}
    assert len(source.table) == len(counted)
    assert source.table["staff"].isna().any(), "staff are buyers whom nothing is known of"
    with pytest.raises(ValueError, match="only: no column 'colour' in any table"):
        load_customers(preset_of(path, only={"colour": ["red"]}))
    with pytest.raises(ValueError, match="none of the|no row|no customer"):
        load_customers(preset_of(path, only={"status": ["nothing"]}))


@every_engine
def test_totals_refunds_and_rows_to_keep_are_the_same_in_every_engine(tmp_path, engine):
    for vendor in ("shopify", "woocommerce"):
        path = WRITERS[vendor](tmp_path / f"{vendor}.csv", ORDERS)
        source, known = load_customers(preset_of(path, engine=engine)), expected(vendor)
        used = source.reconciliation.query("reason == 'used'").set_index("month")
        np.testing.assert_array_equal((used["sum"] * 100).round().astype(int), known["net"])
        np.testing.assert_array_equal(used["orders"], known["orders"])
        assert source.table["spend"].sum() * 100 == pytest.approx(known["net"].sum(), abs=1e-6)


def test_rows_of_a_table_of_an_engine_are_kept_by_value(tmp_path):
    address = f"duckdb:///{tmp_path / 't.duckdb'}"
    people = pd.DataFrame({"customer_id": list("abcd"), "age": [20, 30, 40, 50], "staff": [True, False, False, True]})
    ibis.duckdb.connect(tmp_path / "t.duckdb").create_table("people", people)
    given = {"customers": "people", "purchases": "", "engine": address, "only": {"staff": ["false"]}}
    source = load_customers(check_parameters(given))
    assert list(source.table.index) == ["b", "c"]
    assert [(rule.affected, rule.note) for rule in source.rules if "those to keep" in rule.rule] == [(2, "staff")]
