"""The planted shop: what stands in data/ is what planted_shop.py plants, and it is what data/README.md says."""

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT
from planted_shop import CATEGORIES, END, MOVES, plant_shop

from segnb.choose_k import decide, evidence, structureless_twin

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


def test_twin_keeps_every_column_and_their_correlations_but_no_segments(prepared):
    twin = structureless_twin(prepared.features)
    np.testing.assert_array_equal(np.sort(twin, axis=0), np.sort(prepared.features, axis=0))
    np.testing.assert_allclose(twin.corr("spearman"), prepared.features.corr("spearman"), atol=0.15)
    choice = decide(evidence(twin, n_boot=10, n_refs=5))
    assert (choice.structure, choice.separated) == (False, False)


def test_twin_of_any_table_keeps_atoms_missing_values_and_levels():
    table = pd.DataFrame({"orders": [1.0, 1, 1, np.nan, 9], "town": ["x", "y", None, "x", "x"], "same": 2})
    twin = structureless_twin(table, seed=3)
    for name in table:
        pd.testing.assert_series_equal(twin[name].value_counts().sort_index(), table[name].value_counts().sort_index())
        assert twin[name].isna().sum() == table[name].isna().sum()
    pd.testing.assert_index_equal(twin.index, table.index)


@pytest.mark.parametrize(
    "column", ["order_id", "customer_id", "ordered_at", "category", "quantity", "amount", "discount"]
)
def test_readme_explains_every_column(column):
    assert f"`{column}`" in (DATA / "README.md").read_text()
