"""The planted shop: what stands in data/ is what samples.py plants, and it is what data/README.md says."""

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT

from segnb.samples import CATEGORIES, END, MOVES, plant_shop, structureless_twin

DATA = ROOT / "data"


def test_files_are_what_the_module_plants(shop):
    written = pd.read_csv(DATA / "shop_customers.csv")
    pd.testing.assert_frame_equal(written, shop.customers, check_dtype=False)
    pd.testing.assert_frame_equal(pd.read_csv(DATA / "shop_truth.csv"), shop.truth, check_dtype=False)
    lines = pd.read_parquet(DATA / "shop_purchases.parquet")
    pd.testing.assert_frame_equal(lines, shop.purchases, check_dtype=False)


def test_shop_has_the_promised_size(shop):
    assert len(shop.truth) == 2000
    assert 38_000 < len(shop.purchases) < 46_000
    span = shop.purchases["ordered_at"].max() - shop.purchases["ordered_at"].min()
    assert 700 <= span.days <= 731
    assert shop.purchases["ordered_at"].max() < END + pd.Timedelta("1D")
    assert set(shop.purchases["category"]) == set(CATEGORIES)


def test_five_segments_some_of_whose_customers_moved(shop):
    assert shop.truth["segment"].nunique() == 5
    moved = shop.truth[shop.truth["segment"] != shop.truth["segment_before"]]
    assert set(moved["segment_before"]) == set(MOVES)
    assert 0.02 < len(moved) / len(shop.truth) < 0.06


def test_demographics_partly_follow_the_segments(shop):
    known = shop.customers.drop_duplicates().set_index("customer_id").join(shop.truth.set_index("customer_id"))
    means = known.groupby("segment")["age"].mean()
    spread = known.groupby("segment")["age"].std().mean()
    assert 0.5 < (means.max() - means.min()) / spread < 4


def test_same_seed_plants_the_same_shop_and_another_does_not():
    one, again, other = plant_shop(100, seed=1), plant_shop(100, seed=1), plant_shop(100, seed=2)
    pd.testing.assert_frame_equal(one.purchases, again.purchases)
    assert len(one.purchases) != len(other.purchases)


def test_twin_keeps_means_and_covariances(prepared):
    twin = structureless_twin(prepared.features)
    np.testing.assert_allclose(twin.mean(), prepared.features.mean(), atol=0.1)
    np.testing.assert_allclose(twin.cov(), prepared.features.cov(), atol=0.15)


@pytest.mark.parametrize(
    "column", ["order_id", "customer_id", "ordered_at", "category", "quantity", "amount", "discount"]
)
def test_readme_explains_every_column(column):
    assert f"`{column}`" in (DATA / "README.md").read_text()
