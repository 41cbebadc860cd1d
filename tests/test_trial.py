"""The trial of the decision on k: its table is that of the stored evidence, and the decision keeps its promise."""

import sys

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT

BENCHMARKS = ROOT / "tests" / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))

from planted_sets import SEGMENTED, STRUCTURELESS, planted_sets  # noqa: E402
from trial_choose_k import BUDGET, FIGURES, SEED, TABLE, answers, report  # noqa: E402

from segnb.choose_k import evidence  # noqa: E402


@pytest.fixture(scope="module")
def stored():
    return pd.read_parquet(FIGURES)


@pytest.fixture(scope="module")
def found(stored):
    return answers(stored)


def test_table_is_that_of_the_stored_evidence(found):
    assert TABLE.read_text(encoding="utf-8") == report(found)


def test_decision_keeps_its_promise(found):
    right = (found["**decision**"] == found["true_k"]).groupby(found["kind"]).mean()
    assert len(found) >= 700
    assert set(found["true_k"]) == set(range(1, 9))
    least = {"far": 0.97, "mid": 0.97, "near": 0.85, "unequal sizes": 0.85, "noise columns": 0.85, "counts": 0.95}
    assert (right[list(least)] >= pd.Series(least)).all()
    structureless = found[found["kind"].isin(STRUCTURELESS)]
    natural = (structureless["verdict"] == "natural").groupby(structureless["kind"]).mean()
    assert natural.mean() <= 0.01
    assert natural.max() <= 0.02
    assert structureless["structure"].mean() <= 0.01


def test_decision_beats_every_single_figure(found):
    rules = [name for name in found if name not in {"kind", "number", "structure", "verdict", "true_k"}]
    right = found[rules].eq(found["true_k"], axis=0).groupby(found["kind"]).mean()
    balanced = (right.loc[list(SEGMENTED)].mean() + right.loc[list(STRUCTURELESS)].mean()) / 2
    assert balanced.idxmax() == "**decision**"


@pytest.mark.parametrize("kind", ["far", "counts", "Gaussian", "one in six figures"])
def test_stored_evidence_is_what_the_code_computes(stored, kind):
    planted = next(each for each in planted_sets(1, SEED) if each.kind == kind)
    table = evidence(pd.DataFrame(planted.X), **BUDGET)
    kept = stored[(stored["kind"] == kind) & (stored["number"] == 0)]
    columns = ["inertia", "silhouette", "valley_depth", "prediction_strength", "stability"]
    rows = table["k"] <= planted.true_k + 1
    np.testing.assert_allclose(table.loc[rows, columns], kept[columns].to_numpy()[rows], rtol=0.02, atol=0.02)
