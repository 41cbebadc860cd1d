"""What the exercises' checks say to right and wrong answers, on the built-in shop."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st
from scipy.stats import f_oneway, kruskal
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score
from threadpoolctl import threadpool_limits

from segnb import choose_k
from segnb.cluster import fit_segments
from segnb.iterate import Snapshot
from segnb.notebook import exercises
from segnb.prepare import prepare


@pytest.fixture(scope="module")
def given(source, prepared, model, assigned):
    """What each check looks at, as the notebooks have it."""
    table, X, segment = prepared.customers, prepared.features, assigned["segment"]
    untamed = prepare(source.table, source.behaviours, transform="none", outliers="keep").features
    silhouettes = pd.Series({2: 0.36, 3: 0.33, 4: 0.354, 5: 0.344, 6: 0.31})
    twin = choose_k.structureless_twin(X)
    with threadpool_limits(1):
        inertia = pd.Series({k: KMeans(k, n_init=10, random_state=0).fit(twin).inertia_ for k in range(2, 11)})
        half = pd.Series(KMeans(5, n_init=10, random_state=2).fit(X.iloc[::2]).predict(X), X.index)
    three = table[prepared.columns[:3]]
    stripes = pd.Series(fit_segments(three, 5).labels_, three.index)
    now = Snapshot(table, prepared.columns, prepared.pipeline, model)
    return {
        "recent": (three,),
        "tail": (untamed, X),
        "pair": (X,),
        "silhouette": (silhouettes,),
        "elbow": (inertia,),
        "twin": (),
        "stripes": (three, stripes),
        "border": (assigned["confidence"],),
        "half": (segment, half, X, table),
        "lift": (table["spend"], segment),
        "names": ([1, 2, 3, 4, 5],),
        "p_value": (table["age"], X, segment),
        "cause": (SimpleNamespace(behaviour=0.10, model=0.06),),
        "scaler": (now.assign(table), exercises.scaler_month(now)),
        "truth": (segment,),
    }


def groups(column, segments):
    return [column[segments == each] for each in sorted(segments.unique())]


def raw_half(segments, features, table):
    """Return how well the segments agree with those of half of the customers in their own units."""
    own = table[features.columns].fillna(table[features.columns].median())
    return adjusted_rand_score(segments, fit_segments(own.iloc[::2], 5).predict(own))


def agreement_with_truth(segments):
    truth = exercises.planted_truth()
    return adjusted_rand_score(truth[segments.index], segments)


NAMES = {1: "frequent, mostly home", 2: "seldom without discount", 3: "long gone", 4: "large orders", 5: "new, books"}

RIGHT = [
    ("recent", lambda three: (three["recency_days"] < 90).sum()),
    ("recent", lambda three: float(len(three[three["recency_days"] < 90]))),
    ("tail", lambda untamed, tamed: untamed.skew().idxmax()),
    ("tail", lambda untamed, tamed: "days_between_orders"),
    ("pair", lambda X: ["spend", "mean_order_value"]),
    ("pair", lambda X: ("mean_order_value", "spend")),
    ("pair", lambda X: {"mean_order_value", "spend"}),
    ("silhouette", lambda line: 2),
    ("silhouette", lambda line: line.idxmax()),
    ("elbow", lambda inertia: 5),
    ("twin", lambda: "no groups"),
    ("twin", lambda: "There are no segments."),
    ("twin", lambda: "None"),
    ("twin", lambda: "nothing to find"),
    ("twin", lambda: "one cloud"),
    ("twin", lambda: "1 segment"),
    ("twin", lambda: "k = 1"),
    ("twin", lambda: "no"),
    ("twin", lambda: "it isn't structured"),
    ("twin", lambda: "without real clusters"),
    ("twin", lambda: "no natural segments"),
    ("twin", lambda: "there aren't any"),
    ("twin", lambda: "Constructed"),
    ("twin", lambda: "reproducible"),
    ("twin", lambda: SimpleNamespace(verdict="constructed")),
    ("stripes", lambda three, clusters: "spend"),
    ("border", lambda confidence: (confidence < 0.1).mean()),
    ("border", lambda confidence: round((confidence < 0.1).mean(), 2)),
    ("half", lambda segment, half, X, table: adjusted_rand_score(segment, half)),
    ("half", lambda segment, half, X, table: 0.96),
    ("lift", lambda spend, segment: spend.groupby(segment).mean().max() / spend.mean()),
    ("names", lambda segments: NAMES),
    ("names", lambda segments: {str(number): name for number, name in NAMES.items()}),
    ("p_value", lambda age, X, segment: kruskal(*groups(age, segment)).pvalue),
    ("p_value", lambda age, X, segment: f_oneway(*groups(age, segment))),
    ("cause", lambda changes: "behaviour"),
    ("cause", lambda changes: "their own behavior"),
    ("cause", lambda changes: "The customers"),
    ("scaler", lambda then, after: (then != after).mean()),
    ("truth", lambda segment: agreement_with_truth(segment)),
]

WRONG = [
    ("recent", "share", lambda three: (three["recency_days"] < 90).mean()),
    ("recent", "share", lambda three: 100 * (three["recency_days"] < 90).mean()),
    ("recent", "table", lambda three: three[three["recency_days"] < 90]),
    ("recent", "table", lambda three: three["recency_days"] < 90),
    ("recent", "edge", lambda three: (three["recency_days"] <= 90).sum()),
    ("recent", "opposite", lambda three: (three["recency_days"] > 90).sum()),
    ("recent", "all", len),
    ("recent", "text", lambda three: str((three["recency_days"] < 90).sum())),
    ("tail", "tamed", lambda untamed, tamed: tamed.skew().idxmax()),
    ("tail", "label", lambda untamed, tamed: "days between orders"),
    ("tail", "label", lambda untamed, tamed: "Days between orders"),
    ("tail", "name", lambda untamed, tamed: untamed.skew().max()),
    ("tail", "name", lambda untamed, tamed: untamed.skew()),
    ("tail", "column", lambda untamed, tamed: "spending"),
    ("tail", "other", lambda untamed, tamed: "orders"),
    ("pair", "two", lambda X: "spend"),
    ("pair", "two", lambda X: ["spend", "spend"]),
    ("pair", "label", lambda X: ["spend", "mean order value"]),
    ("pair", "other", lambda X: ["recency_days", "orders"]),
    ("pair", "name", lambda X: [0, 1]),
    ("silhouette", "height", lambda line: line.max()),
    ("silhouette", "least", lambda line: line.idxmin()),
    ("silhouette", "table", lambda line: line),
    ("silhouette", "other", lambda line: 4),
    ("elbow", "range", lambda inertia: 4),
    ("elbow", "other", lambda inertia: 9),
    ("twin", "words", lambda: 5),
    ("twin", "natural", lambda: "natural"),
    ("twin", "natural", lambda: "no doubt natural"),
    ("twin", "other", lambda: "five segments"),
    ("twin", "other", lambda: "no idea"),
    ("twin", "other", lambda: "not sure"),
    ("twin", "other", lambda: "no, five segments"),
    ("stripes", "label", lambda three, clusters: "recency (days)"),
    ("stripes", "name", lambda three, clusters: 2),
    ("stripes", "other", lambda three, clusters: "orders"),
    ("border", "percent", lambda confidence: 100 * (confidence < 0.1).mean()),
    ("border", "percent", lambda confidence: 17),
    ("border", "count", lambda confidence: (confidence < 0.1).sum()),
    ("border", "opposite", lambda confidence: (confidence >= 0.1).mean()),
    ("border", "mean", lambda confidence: confidence.mean()),
    ("border", "table", lambda confidence: confidence < 0.1),
    ("border", "text", lambda confidence: "17%"),
    ("half", "percent", lambda segment, half, X, table: 96),
    ("half", "equal", lambda segment, half, X, table: (segment == half).mean()),
    ("half", "counted_from_0", lambda segment, half, X, table: (segment == half + 1).mean()),
    ("half", "raw", lambda segment, half, X, table: raw_half(segment, X, table)),
    ("lift", "percent", lambda spend, segment: 100 * spend.groupby(segment).mean().max() / spend.mean()),
    ("lift", "mean", lambda spend, segment: spend.groupby(segment).mean().max()),
    ("lift", "share", lambda spend, segment: (spend.groupby(segment).sum() / spend.sum()).max()),
    ("lift", "median", lambda spend, segment: spend.groupby(segment).median().max() / spend.median()),
    ("lift", "table", lambda spend, segment: spend.groupby(segment).mean() / spend.mean()),
    ("names", "missing", lambda segments: {1: "frequent, mostly home"}),
    ("names", "missing", lambda segments: NAMES | {3: ""}),
    ("names", "alike", lambda segments: NAMES | {5: "long gone"}),
    ("names", "wish", lambda segments: NAMES | {1: "Potential loyalists"}),
    ("names", "empty", lambda segments: NAMES | {1: "Segment 1"}),
    ("names", "empty", lambda segments: {number: "abcde"[number - 1] for number in segments}),
    ("names", "kind", lambda segments: ["large orders", "long gone"]),
    ("p_value", "circular", lambda age, X, segment: f_oneway(*groups(X["spend"], segment)).pvalue),
    ("p_value", "circular", lambda age, X, segment: kruskal(*groups(X["recency_days"], segment)).pvalue),
    ("p_value", "table", lambda age, X, segment: age),
    ("p_value", "other", lambda age, X, segment: 0.05),
    ("cause", "other", lambda changes: "model"),
    ("cause", "one", lambda changes: "behaviour or model"),
    ("scaler", "percent", lambda then, after: 100 * (then != after).mean()),
    ("scaler", "count", lambda then, after: (then != after).sum()),
    ("scaler", "opposite", lambda then, after: (then == after).mean()),
    ("truth", "percent", lambda segment: 100 * agreement_with_truth(segment)),
    ("truth", "text", lambda segment: "good"),
    ("truth", "order", lambda segment: adjusted_rand_score(exercises.planted_truth()[: len(segment)], segment)),
    ("recent", "other", lambda three: 500),
    ("lift", "least", lambda spend, segment: spend.groupby(segment).mean().min() / spend.mean()),
    *((name, "other", lambda *given: 0.6) for name in ("border", "half", "lift", "scaler", "truth")),
]


def said(question, answer, given):
    return repr(getattr(exercises, f"check_{question}")(answer, *given[question]))


@pytest.fixture(autouse=True)
def _first_try():
    exercises.begin({})


@pytest.mark.parametrize(("question", "answer"), RIGHT)
def test_right_answer_passes_however_it_is_put(question, answer, given):
    assert said(question, answer(*given[question]), given) == "✓ Right."


@pytest.mark.parametrize(("question", "mistake", "answer"), WRONG)
def test_wrong_answer_is_asked_about_and_then_shown_the_way(question, mistake, answer, given):
    asks, shows = exercises.HINTS[question].get(mistake) or exercises.HINTS["any"][mistake]
    wrong = answer(*given[question])
    assert [said(question, wrong, given) for _ in range(3)] == [f"Hint: {asks}", f"Hint: {shows}", f"Hint: {shows}"]


def test_table_of_answers_is_long_enough_and_knows_every_mistake():
    assert len(RIGHT) + len(WRONG) >= 60
    tried = {(question, mistake) for question, mistake, _ in WRONG}
    known = {(question, name) for question, hints in exercises.HINTS.items() if question != "any" for name in hints}
    assert known - tried == {("truth", "elsewhere")}, "that one has a test of its own"
    assert set(exercises.HINTS["any"]) <= {mistake for _, mistake in tried}


@pytest.mark.parametrize("constant", [0, 1, "a", 7, True, -1, 0.5, ""])
@pytest.mark.parametrize("question", sorted({question for question, _ in RIGHT}))
def test_constant_never_passes(question, constant, given):
    assert said(question, constant, given).startswith("Hint: ")


@pytest.mark.parametrize("question", sorted({question for question, _ in RIGHT}))
def test_hint_that_asks_is_a_question_and_the_other_differs(question):
    for asks, shows in [*exercises.HINTS[question].values(), *exercises.HINTS["any"].values()]:
        assert "?" in asks
        assert asks != shows


def test_tries_begin_again_after_the_right_answer_and_after_a_reset(given):
    asks, shows = (f"Hint: {text}" for text in exercises.HINTS["cause"]["other"])
    assert said("cause", "model", given) == asks
    assert said("cause", "behaviour", given) == "✓ Right."
    assert [said("cause", "model", given) for _ in range(2)] == [asks, shows]
    exercises.reset({})
    assert said("cause", "model", given) == asks


def test_reset_puts_back_what_was_changed_in_place_too():
    table, k = pd.DataFrame({"a": [1, 2]}), 5
    notebook = {"table": table, "k": k, "settings": {"seed": 0}}
    exercises.begin(notebook)
    notebook["table"].loc[0, "a"] = 99
    notebook["settings"]["seed"] = 7
    notebook |= {"k": "spoilt"}
    exercises.reset(notebook)
    assert notebook["table"]["a"].tolist() == [1, 2]
    assert (notebook["k"], notebook["settings"]) == (5, {"seed": 0})


CHECKS = [name for name in dir(exercises) if name.startswith("check_")]
ANY = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.integers()) | st.just(object())


@drawn(ANY, st.sampled_from(CHECKS), st.lists(ANY, max_size=4))
def test_no_check_ever_raises(answer, name, given_too):
    found = getattr(exercises, name)(answer, *given_too)
    assert repr(found).startswith(("Hint: ", "✓ Right."))


def test_numbers_of_segments_do_not_matter_to_a_check():
    truth = exercises.planted_truth()
    renamed = truth.map({name: number for number, name in enumerate(truth.unique(), 7)})
    assert repr(exercises.check_truth(1.0, renamed)) == "✓ Right."
    assert repr(exercises.check_truth(0.5, renamed)).startswith("Hint: Which measure")
    exercises.begin({})
    assert repr(exercises.check_truth(1.0, pd.Series([1], index=["x"]))).startswith("Hint: Are these customers of")
    assert "built-in shop only" in repr(exercises.check_truth(1.0, pd.Series([1], index=["x"])))


def test_pair_is_right_in_either_order():
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(50, 3)), columns=list("abc"))
    table["d"] = table["b"] + 0.1 * table["c"]
    for pair in (["b", "d"], ("d", "b")):
        assert repr(exercises.check_pair(pair, table)) == "✓ Right."
    assert repr(exercises.check_pair("ab", table)).startswith("Hint: ")
