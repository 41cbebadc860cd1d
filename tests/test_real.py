"""Real data: the presets run to the report, and figures agree with published ones."""

import json
from datetime import date

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT, SHARED, clv_summary, open_purchases, segnb
from engines import every_engine

from segnb.data import load_customers
from segnb.data.engines import fetch
from segnb.parameters import check_parameters, read_preset
from segnb.paths import find_file

pytestmark = pytest.mark.real
ONLINE_RETAIL = SHARED / "data" / "online_retail.parquet"
needs_online_retail = pytest.mark.skipif(
    not ONLINE_RETAIL.is_file(), reason="needs ../shared/data/online_retail.parquet"
)


FEWER = [
    part for given in ("n_init=2", "n_boot=5", "n_refs=5", "k_max=6", "sample_rows=3000") for part in ("-p", given)
]
"""Fewer draws and fits than by default: what is read and made of the data is the same."""


def finished(folder, *arguments):
    done = segnb("run", *arguments, cwd=folder)
    assert done.returncode == 0, done.stderr
    run = folder / "outputs" / (folder / "outputs" / "latest").read_text().strip()
    manifest = json.loads((run / "run.json").read_text())
    seconds = sum(step["seconds"] for step in manifest["steps"].values())
    sizes = [card["customers"] for card in json.loads((run / "cards.json").read_text())]
    print(f"{run.name}: {done.stdout.splitlines()[0]}; sizes {sizes}; steps {seconds:.0f} s")
    assert manifest["state"] == "complete"
    assert (run / "index.html").stat().st_size < 3_000_000
    return run


@pytest.mark.parametrize("name", ["complete_journey", "cdnow"])
def test_preset_runs_to_the_report(tmp_path, name):
    run = finished(tmp_path, ROOT / "data" / f"{name}.yaml", *FEWER)
    assert 2 <= json.loads((run / "choice.json").read_text())["k"] <= 10


@needs_online_retail
def test_online_retail_runs_to_the_report(tmp_path):
    retail = ROOT / "data" / "online_retail.yaml"
    finished(tmp_path, retail, *FEWER, "-p", f"purchases={ONLINE_RETAIL}")


@every_engine
def test_cdnow_sample_agrees_with_the_published_summary(engine, tmp_path):
    """2,357 customers: frequency exactly, times within 0.005 weeks, spend to the cent (Fader and Hardie)."""
    names = ["master_id", "customer_id", "date", "cds", "dollars"]
    sample = pd.read_csv(
        find_file("package:lifetimes/datasets/CDNOW_sample.txt"), sep=r"\s+", header=None, names=names, dtype=str
    )
    sample.assign(dollars=sample["dollars"].astype(float)).to_parquet(tmp_path / "sample.parquet")
    columns = {"date": "date", "amount": "dollars"}
    log = open_purchases(
        str(tmp_path / "sample.parquet"), columns, "customer_id", reading={"dates": "%Y%m%d"}, engine=engine
    )
    found = clv_summary(log, date(1997, 9, 30))
    published = pd.read_csv(find_file("package:lifetimes/datasets/cdnow_customers_summary_with_transactions.csv"))
    assert len(found) == len(published) == 2357
    assert found.index.astype(int).tolist() == published["ID"].tolist()
    assert found["frequency"].tolist() == published["x"].tolist()
    np.testing.assert_allclose(found["recency"], published["t_x"], atol=0.005)
    np.testing.assert_allclose(found["T"], published["T"], atol=0.005)
    np.testing.assert_allclose(found["monetary_value"], published["zbar"], atol=0.0051)


@needs_online_retail
@every_engine
def test_online_retail_cleans_to_the_known_sums(engine):
    preset = check_parameters(read_preset("data/online_retail.yaml") | {"purchases": str(ONLINE_RETAIL)})
    log = open_purchases(
        preset.purchases,
        preset.purchase_columns,
        preset.customer_id,
        returns="exclude",
        reading=preset.reading,
        engine=engine,
    )
    lines = log.lines
    known = lines.agg(
        n=lines.count(),
        customers=lines.customer_id.nunique(),
        orders=lines.order_id.nunique(),
        sales=lines.amount.sum(),
    )
    found = fetch(known).iloc[0]
    assert (found["n"], found["customers"], found["orders"]) == (397_884, 4_338, 18_532)
    assert found["sales"] == pytest.approx(8_911_407.904, abs=0.001)
    assert (log.counts["lines"], log.counts["without_customer"]) == (541_909, 135_080)


def test_complete_journey_counts_days_where_the_stores_are():
    source = load_customers(check_parameters(read_preset("data/complete_journey.yaml") | {"window_days": 0}))
    assert len(source.table) == 2469
    assert source.table["age"].notna().sum() == 801
    first = source.table["tenure_days"].max()
    assert first == (date(2017, 12, 31) - date(2017, 1, 1)).days, "no purchase falls outside of 2017"
