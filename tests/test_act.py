"""From a segment to an action and back: what segments predict, tests of actions, files for other tools."""

import csv
import hashlib
import io
import json
import shutil
from datetime import date, timedelta

import duckdb
import numpy as np
import pandas as pd
import pytest
import sqlglot
from campaigns import campaign, past_of, plan_of, simulate
from conftest import ROOT, made, segnb
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import NormalIndPower
from statsmodels.stats.proportion import proportion_confint
from statsmodels.stats.weightstats import CompareMeans, DescrStatsW

from segnb.act import (
    assign_arms,
    export,
    lessons,
    outcome_rates,
    plan_tests,
    predictive_gain,
    predictive_sentence,
    read_back,
)
from segnb.act.campaign import learn, learnt_before, make_plan, plan_folder, read_plan
from segnb.act.experiment import LEFT_ALONE, TREATED, check_results
from segnb.act.export import TARGETS, customers_to_export, for_target, pieces, write_export
from segnb.act.outcomes import _gain
from segnb.disclosure import Door
from segnb.errors import DataError
from segnb.history.numbering import names_of
from segnb.history.score_in_engine import DIALECTS, segment_sql
from segnb.history.snapshots import Past, snapshot_of
from segnb.parameters import Parameters
from segnb.runs.store import Run, read_manifest, write_manifest

RNG = np.random.default_rng(5)
DUCKDB = duckdb.connect()


def random_outcomes(n=300):
    segments = RNG.integers(1, 4, n)
    return segments, pd.DataFrame({"buyers": RNG.random(n) < segments / 5, "spend": RNG.gamma(1, 10 * segments)})


# What segments predict


def test_rates_and_intervals_are_those_of_statsmodels():
    segments, outcomes = random_outcomes()
    rates = outcome_rates(outcomes, segments)
    p = []
    for row in rates.itertuples():
        own, others = (outcomes.loc[(segments == row.segment) == inside, row.outcome] * 1.0 for inside in (True, False))
        share = row.outcome == "buyers"
        low, high = (
            proportion_confint(own.sum(), len(own), method="wilson") if share else DescrStatsW(own).tconfint_mean()
        )
        assert (row.rate, row.low, row.high) == pytest.approx((own.mean(), low, high))
        p.append(CompareMeans(DescrStatsW(own), DescrStatsW(others)).ttest_ind(usevar="unequal")[1])
    assert rates["p_holm"].to_numpy() == pytest.approx(multipletests(p, method="holm")[1])


def test_levels_of_an_outcome_are_shares_and_who_is_missing_is_left_out():
    table = pd.DataFrame({"answer": ["yes", "no", "yes", "yes"], "score": [1.0, np.nan, 3.0, 5.0]})
    rates = outcome_rates(table, [1, 1, 2, 2]).set_index(["outcome", "segment"])
    assert rates.loc[("answer\u2009=\u2009yes", 2), "rate"] == 1
    assert rates.loc[("score", 1), "customers"] == 1
    assert np.isnan(rates.loc[("score", 1), "rate"])


def customers_followed(n=1500, carries="segments", seed=1):
    """Return customers whose next period follows from their segment, from what they did before, or from nothing."""
    rng = np.random.default_rng(seed)
    before = pd.DataFrame(
        rng.gamma(1, [30, 3, 40], (n, 3)), columns=["recency_before", "orders_before", "spend_before"]
    )
    segments = rng.integers(1, 5, n)
    quintile = np.ceil(before["orders_before"].rank(pct=True) * 5)
    signal = {"segments": segments / 5, "quintiles": quintile / 6, "nothing": np.full(n, 0.4)}[carries]
    return before.assign(segment=segments, buyers=(rng.random(n) < signal) * 1.0, spend=rng.gamma(1, 100 * signal))


@pytest.mark.parametrize(
    ("carries", "nothing", "quintiles"), [("segments", "better", "better"), ("quintiles", "no better", "worse")]
)
def test_segments_predict_what_was_planted_and_no_more(carries, nothing, quintiles):
    gains = predictive_gain(customers_followed(carries=carries))
    assert gains["verdict"].tolist() == [nothing, quintiles] * 2
    assert f"{quintiles} than quintiles" in predictive_sentence(gains, 90)


def test_segments_that_carry_nothing_are_called_no_better():
    for seed in range(8):
        gains = predictive_gain(customers_followed(carries="nothing", seed=seed))
        assert set(gains["verdict"]) == {"no better"}
        assert gains["gain"].abs().max() < 0.03


def test_interval_of_a_gain_is_the_bootstraps():
    own, other = RNG.gamma(2, 1, 800), RNG.gamma(2, 1.2, 800)
    ratio = lambda a, b, axis: 1 - a.mean(axis) / b.mean(axis)  # noqa: E731
    found = stats.bootstrap((own, other), ratio, paired=True, vectorized=True, n_resamples=4000, rng=3)
    low, high = found.confidence_interval
    assert _gain(own, other) == pytest.approx((1 - own.mean() / other.mean(), low, high), abs=0.015)


@pytest.fixture(scope="module")
def shop_run(published):
    return Run("shop", published)


def test_customers_are_followed_as_the_log_tells(shop_run, shop):
    tables, notes = Past(shop_run, Parameters()).followed([60, 90])
    log = shop.purchases
    begin = date(2026, 7, 1) - timedelta(days=90)
    day = pd.to_datetime(log["ordered_at"]).dt.date
    for days, table in tables.items():
        inside = log[(day > begin) & (day <= begin + timedelta(days=days))]
        spent = inside.groupby("customer_id")["amount"].sum().reindex(table.index).fillna(0)
        bought = (
            inside[inside["amount"] >= 0].groupby("customer_id")["order_id"].nunique().reindex(table.index).fillna(0)
        )
        assert table["orders"].tolist() == bought.tolist()
        assert table["spend"].where(table["orders"] > 0).dropna().tolist() == pytest.approx(spent[bought > 0].tolist())
    assert notes == []
    both = table.index.intersection(shop_run.read("segments.parquet").index)
    same = table["segment"][both] == shop_run.read("segments.parquet")["segment"][both]
    assert same.mean() > 0.6, "segments of then carry the numbers of now"


def test_log_that_is_too_short_says_so(shop_run):
    tables, notes = Past(shop_run, Parameters()).followed([5000])
    assert tables[5000].empty
    assert "too short" in notes[0]
    assert predictive_gain(tables[5000]).empty
    assert predictive_sentence(predictive_gain(tables[5000]), 90) == ""


def test_outcomes_of_few_customers_do_not_go_out():
    rates = pd.DataFrame({"outcome": "spend", "segment": [1, 2, 3], "customers": [50, 40, 4], "rate": [1.0, 2, 3]})
    shown = Door(10).disclosed(rates.assign(low=0.0, high=9.0, p_holm=1.0))
    assert shown["rate"].isna().tolist() == [False, True, True]


# Who is treated


@pytest.mark.parametrize("left_alone", [0.5, 0.2])
def test_arms_are_balanced_whatever_the_salt(left_alone):
    segments = pd.Series(np.repeat([1, 2, 3], [400, 1200, 2400]), index=[f"C{number}" for number in range(4000)])
    p = []
    for salt in range(20):
        counts = pd.crosstab(segments, assign_arms(segments, left_alone, str(salt)))
        expected = counts.sum(axis=1).to_numpy()[:, None] * [left_alone, 1 - left_alone]
        p += list(stats.chisquare(counts[[LEFT_ALONE, TREATED]].to_numpy(), expected, axis=1).pvalue)
    assert min(p) > 0.001
    assert stats.kstest(p, "uniform").pvalue > 0.001


@given(
    st.lists(st.text(min_size=1).filter(lambda text: "\0" not in text and text.isprintable()), min_size=1, unique=True)
)
def test_arms_are_the_same_in_duckdb(ids):
    arms = assign_arms(pd.Series(1, index=ids), 0.3, "june")
    DUCKDB.register("people", pd.DataFrame({"id": ids}))
    least = f"{round(0.3 * 16**8):08x}"
    found = DUCKDB.sql(f"select id, substr(sha256('june:' || id), 1, 8) < '{least}' as alone from people").df()
    assert (found.set_index("id")["alone"][ids] == (arms == LEFT_ALONE)).all()


def test_arm_does_not_depend_on_who_else_is_there_nor_on_their_order():
    segments = pd.Series(1, index=[f"C{number}" for number in range(200)])
    arms = assign_arms(segments, 0.5, "s")
    some = segments.sample(50, random_state=0)
    assert (assign_arms(some, 0.5, "s") == arms[some.index]).all()


def test_number_left_alone_is_met_in_every_segment():
    segments = pd.Series([1] * 50 + [2] * 80, index=[f"C{number}" for number in range(130)])
    arms = assign_arms(segments, 20)
    assert (arms == LEFT_ALONE).groupby(segments).sum().tolist() == [20, 20]


@pytest.mark.parametrize(
    ("left_alone", "words"),
    [(0, "share between 0 and 1"), (1.5, "whole number"), (-0.2, "share"), (60, "smallest segment has 50")],
)
def test_who_is_left_alone_must_be_a_share_or_a_number(left_alone, words):
    with pytest.raises(DataError, match=words):
        assign_arms(pd.Series(1, index=range(50)), left_alone)


# What a test would see


def test_power_is_that_of_statsmodels():
    past, cards, arms = past_of(3, seed=2), plan_of(3), campaign(3, seed=2)[0]
    plan = plan_tests(cards, arms, {90: past})
    for row in plan.itertuples():
        own = past[past["segment"] == row.segment]
        slope = np.polyfit(own["spend_before"], own["spend"], 1)[0]
        left_over = (own["spend"] - slope * own["spend_before"]).std()
        assert row.spread == pytest.approx(left_over, rel=1e-6)
        ratio = row.treated / row.left_alone
        effect = NormalIndPower().solve_power(nobs1=row.left_alone, alpha=0.05 / 3, power=0.8, ratio=ratio)
        assert row.smallest_effect == pytest.approx(effect * left_over, rel=1e-3)
        hoped = 0.3 * row.baseline / left_over
        n = NormalIndPower().solve_power(hoped, alpha=0.05 / 3, power=0.8, ratio=ratio) * (1 + ratio)
        assert row.enough == pytest.approx(n, abs=2)


def test_share_that_cannot_rise_by_what_is_hoped_is_tested_up_to_one():
    past = pd.DataFrame({"segment": 1, "orders_before": 1.0, "buyers": [1.0] * 19 + [0.0]})
    card = {"segment": 1, "name": "n", "action": "a", "disproof": "d", "figure": "buyers", "days": 60}
    arms = pd.DataFrame({"segment": 1, "arm": [TREATED, LEFT_ALONE] * 100})
    plan = plan_tests([card], arms, {60: past}).iloc[0]
    assert plan["verdict"].startswith("too small")
    assert plan["enough"] > 200


@pytest.mark.parametrize(
    ("figure", "arms", "verdict"),
    [
        ("spend", [TREATED, LEFT_ALONE] * 10, "no baseline"),
        ("answer", [TREATED, LEFT_ALONE] * 1000, "can be tested"),
        ("answer", [TREATED] * 20, "nobody to compare"),
    ],
)
def test_segment_without_a_past_or_without_an_arm_says_so(figure, arms, verdict):
    card = {"segment": 1, "name": "n", "action": "a", "disproof": "d", "figure": figure, "days": 60}
    plan = plan_tests([card], pd.DataFrame({"segment": 1, "arm": arms}), {})
    assert plan["verdict"].iloc[0].startswith(verdict)


# What is learnt


def test_difference_is_welchs_after_what_came_before():
    arms, results = campaign(1, effects=[5.0], seed=4)
    row = read_back(pd.DataFrame(plan_of(1)).assign(smallest_effect=1.0), arms, results).iloc[0]
    both = arms.join(results)
    slope = both["spend"].cov(both["spend_before"]) / both["spend_before"].var()
    rest = both["spend"] - slope * (both["spend_before"] - both["spend_before"].mean())
    treated, alone = (DescrStatsW(rest[both["arm"] == arm]) for arm in (TREATED, LEFT_ALONE))
    low, high = CompareMeans(treated, alone).tconfint_diff(usevar="unequal")
    assert (row["difference"], row["low"], row["high"]) == pytest.approx(
        (treated.mean - alone.mean, low, high), rel=2e-3
    )
    plain = CompareMeans(*(DescrStatsW(both["spend"][both["arm"] == arm]) for arm in (TREATED, LEFT_ALONE)))
    assert row["high"] - row["low"] < np.diff(plain.tconfint_diff(usevar="unequal"))[0], "the past narrows it"


def test_intervals_cover_and_false_discoveries_are_few_and_power_is_as_planned():
    found = simulate(100, seed=77, campaigns=5)
    assert found["coverage"] == pytest.approx(0.95, abs=0.02)
    assert found["false_discoveries"] <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 100)
    assert found["power"] == pytest.approx(0.80, abs=0.05)


def test_without_a_log_no_share_is_told_and_none_rises_beyond_all():
    card = plan_of(1)[0] | {"figure": "answer"}
    for n, there in ((400, True), (10, False)):
        arms = pd.DataFrame({"segment": 1, "arm": [TREATED, LEFT_ALONE] * (n // 2)})
        row = plan_tests([card], arms, {}).iloc[0]
        assert pd.isna(row["baseline"]), "nothing tells what it was"
        assert pd.isna(row["relative_effect"])
        assert pd.notna(row["smallest_effect"]) == there, "from one half a share can't rise by more than one half"


def test_figures_that_are_never_negative_have_no_negative_interval():
    orders = pd.DataFrame({"orders": [0.0] * 20 + [60.0], "balance": [-1.0] * 20 + [60.0]})
    rates = outcome_rates(pd.concat([orders, orders], ignore_index=True), np.repeat([1, 2], 21)).set_index("outcome")
    assert (rates.loc["orders", "low"] == 0).all()
    assert (rates.loc["balance", "low"] < -1).all()


def test_verdicts_say_right_wrong_undecided_and_spoilt():
    arms, results = campaign(4, effects=[20.0, 0.0, 0.0, 20.0], sizes=[400, 4000, 60, 1000], seed=6)
    fourth = arms.index[(arms["segment"] == 4) & (arms["arm"] == LEFT_ALONE)]
    results = results.drop(fourth[:250])
    plan = pd.DataFrame(plan_of(4)).assign(smallest_effect=8.0)
    assert read_back(plan, arms, results)["verdict"].tolist() == ["held", "wrong", "open", "spoilt"]


def test_figure_that_is_the_same_for_everybody_teaches_nothing():
    arms, results = campaign(1, seed=1)
    row = read_back(pd.DataFrame(plan_of(1)).assign(smallest_effect=1.0), arms, results.assign(spend=0.0)).iloc[0]
    assert (row["difference"], row["low"], row["high"], row["p_holm"]) == (0, 0, 0, 1)


BAD_RESULTS = {
    "unknown ids": (lambda t: t.rename(index={t.index[0]: "stranger"}), "not in the plan, such as stranger"),
    "both arms": (lambda t: pd.concat([t, t.head(1)]), "more than once, perhaps in both arms"),
    "other arm": (lambda t: t.assign(arm=TREATED), "differ in arm from the plan"),
    "changed segments": (lambda t: t.assign(segment=2), "differ in segment from the plan"),
    "empty arm": (lambda t: t[t["own_arm"] == TREATED], "has nobody left alone"),
    "negative": (lambda t: t.assign(spend=-1.0), "spend is missing, negative"),
    "missing": (lambda t: t.assign(spend=np.nan), "spend is missing, negative"),
    "words": (lambda t: t.assign(spend="much"), "spend is missing, negative"),
    "no figure": (lambda t: t.drop(columns="spend"), "no column 'spend'"),
}


@pytest.mark.parametrize("fault", BAD_RESULTS)
def test_bad_results_are_refused_in_a_line(fault):
    arms, results = campaign(1, seed=3)
    spoil, words = BAD_RESULTS[fault]
    with pytest.raises(DataError, match=words) as error:
        check_results(spoil(results.assign(own_arm=arms["arm"])), pd.DataFrame(plan_of(1)), arms)
    assert "\n" not in str(error.value)


def test_lessons_of_several_tests_count_the_last_of_each_segment():
    row = {"figure": "orders", "treated": 2.0, "left_alone": 1.5, "difference": 0.5, "low": 0.1, "high": 0.9}
    tests = [
        {"run": "may", "forced": False, "segments": [row | {"segment": 1, "verdict": "open"}]},
        {
            "run": "june",
            "forced": True,
            "segments": [row | {"segment": n, "verdict": v} for n, v in [(1, "held"), (2, "wrong")]],
        },
    ]
    words, sentence = lessons(tests)
    assert sentence == "Of 2 actions tested so far, 1 held and 1 did not hold."
    read = "Tested in june (read before its time): the card was right"
    assert words[1] == f"{read}; 2 with the action, 1.5 without, a difference of 0.1 to 0.9."


# The whole way: plan, campaign, learn, next report


START = "2026-07-01"


@pytest.fixture
def house(published, project):
    """A project with a copy of the published run."""
    shutil.copytree(published, project / "outputs" / "shop")
    return project


def log_after(shop, arms, extra, days=90, seed=0):
    """Return the shop's log with orders after the start: one for a third of all, and more among those treated."""
    rng = np.random.default_rng(seed)
    old = pd.read_parquet("data/shop_purchases.parquet") if shop is None else shop
    chance = 0.33 + extra * (arms["arm"] == TREATED) * arms["segment"].isin([1, 2])
    buys = arms.index[rng.random(len(arms)) < chance]
    first = pd.Timestamp(START)
    new = pd.DataFrame({"customer_id": buys, "order_id": [f"N{n}" for n in range(len(buys))], "amount": 30.0})
    new = new.assign(ordered_at=first + pd.to_timedelta(rng.integers(0, 40, len(buys)), "D"))
    last = new.head(1).assign(ordered_at=first + pd.Timedelta(days=days - 1), order_id="last", customer_id="nobody yet")
    new = pd.concat([new, last])
    new["ordered_at"] = new["ordered_at"].astype(old["ordered_at"].dtype)
    return pd.concat([old, new.assign(quantity=1, category="home", discount=0.0, product_id="P1")[list(old)]])


@pytest.fixture
def planned(house):
    done = segnb("plan", "shop", "--start", START, cwd=house)
    assert done.returncode == 0, done.stderr
    return house


def log_file(folder, extra, days=90):
    arms = pd.read_csv(folder / "outputs" / "shop.plan" / "arms.csv", index_col=0)
    log = log_after(pd.read_parquet(ROOT / "data" / "shop_purchases.parquet"), arms, extra, days)
    log.to_parquet(folder / "after.parquet")
    return folder / "after.parquet"


def test_plan_is_learnt_from_and_the_next_reports_cards_tell(planned):
    page = (planned / "outputs" / "shop.plan" / "index.html").read_text()
    assert "left alone" in page
    assert "What was learnt" not in page
    log_file(planned, extra=0.6)
    done = segnb("learn", "shop", "after.parquet", cwd=planned)
    assert done.returncode == 0, done.stderr
    learnt = json.loads((planned / "outputs" / "shop.plan" / "learnt.json").read_text())
    verdicts = {row["segment"]: row["verdict"] for row in learnt["segments"]}
    assert (verdicts[1], verdicts[2]) == ("held", "held")
    assert "held" not in {verdicts[3], verdicts[4], verdicts[5]}
    assert "What was learnt" in (planned / "outputs" / "shop.plan" / "index.html").read_text()
    quick = [f for name in ("n_boot=2", "n_refs=2", "n_init=2") for f in ("-p", name)]
    given = ["-p", "purchases=after.parquet", "-p", "previous=shop", "-p", f"as_of={date(2026, 9, 28)}"]
    done = segnb("run", "--run", "autumn", *given, *quick, cwd=planned)
    assert done.returncode == 0, done.stderr
    autumn = Run("autumn")
    assert [test["run"] for test in learnt_before(autumn)] == ["shop"]
    cards = {card["segment"]: card["learnt"] for card in autumn.read("cards.json")}
    assert any(words.startswith("Tested in shop: the card was right") for words in cards.values())
    index = (planned / "outputs" / "autumn" / "index.html").read_text()
    assert autumn.read("learnt.json")["sentence"] in index
    told = customers_to_export(autumn, {})
    before = Run("shop").read("segments.parquet")["segment"].reindex(told.index)
    assert told["previous"].dropna().astype(int).tolist() == before.dropna().astype(int).tolist()
    stayed = (told["previous"] == told["segment"]).fillna(False)
    assert set(told["since"][stayed]) == {"2026-07-01"}
    assert set(told["since"][~stayed]) == {"2026-09-28"}


def test_plan_is_the_one_in_the_notebook_and_repeatable(planned):
    run = Run("shop")
    plan, shown = pd.DataFrame(read_plan(run)["tests"]), run.read("plan.csv")
    assert plan[["treated", "left_alone", "verdict"]].equals(shown[["treated", "left_alone", "verdict"]])
    arms = pd.read_csv(plan_folder(run) / "arms.csv", index_col=0)
    again = assign_arms(run.read("segments.parquet")["segment"], 0.5, "shop")
    assert (arms["arm"] == again[arms.index]).all()


def test_test_is_not_read_before_its_day_unless_forced_and_then_marked(planned):
    log_file(planned, extra=0.6, days=50)
    done = segnb("learn", "shop", "after.parquet", cwd=planned)
    assert done.returncode == 2
    assert "is to be read on 2026-09-29" in done.stderr
    assert not (planned / "outputs" / "shop.plan" / "learnt.json").exists()
    assert segnb("learn", "shop", "after.parquet", "--force", cwd=planned).returncode == 0
    assert "before its time" in (planned / "outputs" / "shop.plan" / "index.html").read_text()


def test_results_of_another_plan_or_from_before_it_are_refused_and_nothing_is_written(planned, published):
    folder = planned / "outputs" / "shop.plan"
    with pytest.raises(DataError, match="before the plan begins on 2026-07-01"):
        learn(Run("shop"), str(ROOT / "data" / "shop_purchases.parquet"), force=True)
    known = json.loads((folder / "plan.json").read_text())
    for change, words in [({"run": "other"}, "plan of run other"), ({"segments": "0"}, "that have since changed")]:
        (folder / "plan.json").write_text(json.dumps(known | change))
        with pytest.raises(DataError, match=words):
            learn(Run("shop"), "after.parquet")
    (folder / "plan.json").write_text("{")
    with pytest.raises(DataError, match="cannot be read"):
        read_plan(Run("shop"))
    assert not (folder / "learnt.json").exists()


def test_results_as_a_table_are_read_as_the_plan_asks(planned, monkeypatch):
    arms = pd.read_csv(planned / "outputs" / "shop.plan" / "arms.csv", index_col=0)
    rng = np.random.default_rng(1)
    buyers = (rng.random(len(arms)) < 0.3 + 0.4 * (arms["arm"] == TREATED)) * 1
    table = arms.assign(buyers=buyers, orders=buyers, spend=buyers * 20.0)
    table.to_csv(planned / "results.csv")
    folder, learnt = learn(Run("shop"), "results.csv", force=date.today() < date(2026, 9, 29))
    assert {row["verdict"] for row in learnt["segments"]} == {"held"}
    assert (folder / "learnt.json").exists()


def test_plan_is_not_made_twice_and_its_terms_are_checked(planned):
    for arguments, words in [
        ([], "keeps its plan"),
        (["--exclude", "nowhere"], "no column 'nowhere'"),
        (["--start", "soon"], "isn't a date"),
        (["--left-alone", "500"], "smallest segment"),
    ]:
        if arguments:
            shutil.rmtree(planned / "outputs" / "shop.plan", ignore_errors=True)
        done = segnb("plan", "shop", *arguments, cwd=planned)
        assert done.returncode == 2
        assert words in done.stderr
        assert done.stderr.count("\n") == 1


def test_excluded_customers_take_no_part(house):
    run = Run("shop")
    terms = {"start": START, "left_alone": 0.5, "salt": "", "exclude": ["newsletter=no"], "worth": 0.3}
    folder, _plan = make_plan(run, terms)
    arms = pd.read_csv(folder / "arms.csv", index_col=0)
    customers = run.read("customers.parquet")
    values = customers["newsletter"].astype(str).str.lower()
    assert set(arms.index) == set(customers.index[values != "no"])


def test_segments_of_few_customers_are_not_planned_for(house):
    run = Run("shop")
    sizes = run.read("segments.parquet")["segment"].value_counts()
    terms = {"start": START, "left_alone": 0.5, "salt": "", "exclude": [], "worth": 0.3}
    manifest = read_manifest(run.folder)
    write_manifest(run.folder, manifest | {"parameters": manifest["parameters"] | {"min_cell": int(sizes.min()) + 1}})
    _folder, plan = make_plan(run, terms)
    assert set(plan["segment"]) == set(sizes.index[:-2]), "the smallest, and the next that would give it away"


# Files for other tools


HOSTILE = ['=cmd|"/c calc"!A1', "+1+1", "-2", "@SUM(A1)", 'a "quoted", name', "line\nbreak", "tab\tfirst", "ünï"]


def people(n=40):
    """Return customers whose names and ids are hostile."""
    ids = [HOSTILE[number] if number < len(HOSTILE) else f"C{number}" for number in range(n)]
    table = pd.DataFrame({"id": ids, "segment": np.arange(n) % 3 + 1})
    return table.assign(
        slug="segment-" + table["segment"].astype(str),
        name=[HOSTILE[number % len(HOSTILE)] for number in range(n)],
        confidence=0.5,
        arm=[(TREATED, LEFT_ALONE)[number % 2] for number in range(n)],
        previous=1,
        since="2026-07-01",
        email=[f" Person{number}@Example.com" for number in range(n)],
        phone=[f"0049 (171) 55-{number:05d}" for number in range(n)],
    )


@pytest.mark.parametrize("target", TARGETS)
def test_files_have_the_targets_header_and_hold_no_formula(target):
    tables, without = for_target(people(), target)
    wanted = TARGETS[target]
    headers = [*wanted["ids"].values(), *wanted["fields"].values()]
    assert without == 0
    for table in tables.values():
        for piece in pieces(table, wanted):
            rows = list(csv.reader(io.StringIO(piece.decode())))
            assert rows[0] == headers
            assert len(rows) == len(table) + 1
            cells = [cell for row in rows[1:] for cell in row]
            assert not any(cell.startswith(("=", "@", "\t", "-", "+1+")) for cell in cells)
            slugs = [cell for cell in cells if "segment-" in cell]
            assert all("," not in cell for cell in slugs) or target == "shopify"
    if wanted.get("plain"):
        assert not any("," in cell for table in tables.values() for cell in table.get("segment_name", []))


def test_google_gets_hashes_of_normal_forms_and_those_treated_only():
    tables, _ = for_target(people(), "google")
    assert sorted(tables) == ["google-segment-1", "google-segment-2", "google-segment-3"]
    mails = pd.concat(tables.values())["Email"]
    assert set(mails) == {hashlib.sha256(f"person{n}@example.com".encode()).hexdigest() for n in range(0, 40, 2)}
    phones = pd.concat(tables.values())["Phone"]
    assert hashlib.sha256(b"+4917155" + b"00000").hexdigest() in set(phones)


def test_customers_without_an_address_or_with_anothers_are_counted():
    table = people(10)
    table.loc[:2, "email"] = ["", "no address", " PERSON5@example.com "]
    tables, without = for_target(table.drop(columns="phone"), "hubspot")
    assert without == 3
    assert tables["hubspot"]["Email"].is_unique


@pytest.mark.parametrize(("limits", "most"), [({"rows": 7}, None), ({"bytes": 400}, 400), ({}, None)])
def test_files_are_cut_to_the_targets_size_and_nothing_is_lost(limits, most):
    table = people(50)[["id", "slug"]]
    parts = list(pieces(table, limits))
    read = pd.concat([pd.read_csv(io.BytesIO(part)) for part in parts])
    assert read["id"].tolist() == table["id"].tolist()
    assert all(len(part) <= (most or np.inf) for part in parts)
    assert all(len(pd.read_csv(io.BytesIO(part))) <= limits.get("rows", np.inf) for part in parts)


def test_export_command_writes_nothing_personal_unasked_and_overwrites_nothing(house):
    customers = Run("shop").read("customers.parquet")
    mails = pd.DataFrame({"customer_id": customers.index, "mail": [f"{each}@example.com" for each in customers.index]})
    for arguments, words in [
        (["--to", "klaviyo"], "--email COLUMN"),
        (["--to", "nowhere"], "no such target"),
        (["--to", "hubspot", "--email", "mail"], "no column mail"),
        (["--to", "klaviyo", "--email", "customer_id"], "nobody has a valid email"),
    ]:
        done = segnb("export", "shop", *arguments, cwd=house)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
        assert words in done.stderr
    assert [path.name for path in (house / "outputs").iterdir() if {*".-"} & {*path.name} and path.is_dir()] == []
    done = segnb("export", "shop", "--to", "braze", cwd=house)
    assert done.returncode == 0, done.stderr
    table = pd.read_csv(house / "outputs" / "shop-braze" / "shop.braze.csv", dtype={"external_id": str})
    assert sorted(table["external_id"]) == sorted(mails["customer_id"])
    assert "already exists" in segnb("export", "shop", "--to", "braze", cwd=house).stderr
    done = segnb("export", "shop", "--to", "csv", cwd=house)
    assert done.stdout.split()[-1].endswith("/shop-csv/shop.csv")


def test_personal_data_leave_only_with_yes(house, monkeypatch):
    ids = Run("shop").read("segments.csv")["customer_id"]
    address = pd.DataFrame({"mail": [f"{each}@example.com" for each in ids]}, index=ids.astype(str))
    monkeypatch.setattr(export, "read_customers", lambda settings: (address, []))
    with pytest.raises(DataError, match="1,963 customers with email would be written; add --yes"):
        write_export(Run("shop"), "klaviyo", {"email": "mail", "phone": ""}, house / "new")
    assert not (house / "new").exists()
    files, without = write_export(Run("shop"), "klaviyo", {"email": "mail", "phone": ""}, house / "new", personal=True)
    assert [file.name for file in files] == ["shop.klaviyo.csv"]
    assert (without, len(pd.read_csv(files[0]))) == (0, 1963)


# Rules to take along


def both_queries(snapshot, names, dialect="duckdb"):
    return [part for part in segment_sql(snapshot, "customer_id", names)[dialect].split(";\n") if part.strip()]


def test_sql_gives_everybody_their_own_segment_and_the_short_way_most(shop_run):
    snapshot = snapshot_of(shop_run)
    exact, short = both_queries(snapshot, names_of(shop_run))
    DUCKDB.register("customers", snapshot.customers.reset_index())
    own = shop_run.read("segments.parquet")["segment"]
    found = DUCKDB.sql(exact).df().set_index("customer_id")["segment"]
    assert (found[own.index] == own).all()
    shares = (DUCKDB.sql(short).df().set_index("customer_id")["segment"][own.index] == own).groupby(own).mean()
    assert shares.min() > 0.8


@pytest.mark.parametrize("dialect", DIALECTS)
def test_sql_parses_in_every_dialect(shop_run, dialect):
    text = segment_sql(snapshot_of(shop_run), "customer_id", names_of(shop_run))[dialect]
    assert len(sqlglot.parse(text, read=dialect)) == 2
    assert "% of each segment right" in text


def test_sql_on_mixed_columns_with_missing_values(project):
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"spend": rng.gamma(2, 10, 300), "plan": rng.choice(["yearly", "monthly", None], 300)})
    table.loc[:20, "spend"] = np.nan
    table.index = pd.Index([f"c{n}" for n in range(300)], name="customer_id")
    run, _ = made("mixed", table)
    snapshot = snapshot_of(run)
    DUCKDB.register("customers", table.reset_index())
    exact = both_queries(snapshot, {number: "a\nb" for number in snapshot.numbers})[0]
    found = DUCKDB.sql(exact).df().set_index("customer_id")["segment"]
    own = run.read("segments.parquet")["segment"]
    assert (found[own.index] == own).all()
