"""What is shown: tables escape, figures close, carry words, change no settings and use one colour per segment."""

import re
from xml.etree import ElementTree

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from conftest import door_of
from matplotlib.figure import Figure
from sklearn.decomposition import PCA

from segnb import notebook as show
from segnb import plots
from segnb.choose_k import decide, evidence, line_density, segment_flows
from segnb.cluster import fit_segments
from segnb.disclosure import Door, use_door
from segnb.interpret import centre_scores, segment_sizes
from segnb.iterate import drift, migration
from segnb.parameters import Parameters
from segnb.plots.style import page_figure
from segnb.text import segment_colours


@pytest.fixture(scope="module")
def table(prepared):
    return evidence(prepared.features, k_max=4, n_init=1, n_boot=2, n_refs=2)


def draw_all(prepared, assigned, model, table):
    """Yield every figure on the shop."""
    segment, features, customers = assigned["segment"], prepared.features, prepared.customers
    scores = centre_scores(customers, segment, prepared.columns)
    moves = migration(segment, segment)
    choice = decide(table)
    yield plots.distributions(customers[prepared.columns], features)
    yield plots.evidence_overview(table, choice.favourites, choice.k)
    labelings = {k: fit_segments(features, k, n_init=1).labels_ for k in (4, 5, 6)}
    yield plots.clustergram(segment_flows(features, labelings, 5), 5)
    yield plots.valley(line_density(features, labelings[5] + 1, *choice.nearest), choice)
    yield plots.scatter(customers, segment, "orders", "spend")
    yield plots.segment_map(PCA(2).fit(features), features, segment, {1: "one"})
    yield plots.portraits(customers, segment, scores, {1: "one"})
    yield plots.sizes(segment_sizes(customers, segment, "spend"), {1: "one"})
    yield plots.centre_heatmap(scores)
    yield plots.alluvial(moves)
    gain = {"outcome": ["buyers", "spend"], "compared_with": "quintiles", "verdict": ["better", "no better"]}
    yield plots.predictive_gain(pd.DataFrame(gain | {"gain": [0.2, 0.0], "low": [0.1, -0.1], "high": [0.3, 0.1]}))
    causes = pd.DataFrame({"chance": [0.01, 0.01], "excess": [0.1, 0.05]}, index=["behaviour", "model"])
    yield plots.change_bars(causes, 0.02)
    yield plots.drift_bars(drift(customers, customers, prepared.columns))


def test_every_figure_draws_without_a_warning_and_changes_no_setting(prepared, assigned, model, table):
    plt.close("all")  # examples in docstrings leave theirs open
    settings = dict(mpl.rcParams)
    pictures = [show.Picture(drawn) for drawn in draw_all(prepared, assigned, model, table)]
    assert len(pictures) == sum(callable(each) for each in vars(plots).values())
    assert dict(mpl.rcParams) == settings
    assert not plt.get_fignums(), "figures are closed"
    assert all(len(picture.alt) > 20 for picture in pictures)


def test_clustergram_draws_every_flow_of_a_hundredth_of_the_customers(prepared):
    labelings = {k: fit_segments(prepared.features, k, n_init=1).labels_ for k in (2, 3, 4)}
    flows = segment_flows(prepared.features, labelings, 3)
    ax = plots.clustergram(flows, 3)
    wide = flows[flows["customers"] >= len(prepared.features) / 100]
    assert len(wide) < len(flows)
    streams = [patch for patch in ax.patches if isinstance(patch, mpl.patches.PathPatch)]
    assert len(streams) == len(wide)
    blocks = [bar for bar in ax.patches if isinstance(bar, mpl.patches.Rectangle) and bar.get_width() < 0.2]
    assert sum(bar.get_height() for bar in blocks) == 3 * len(prepared.features), "each k holds every customer"


def test_bars_of_change_are_chance_and_what_exceeds_it():
    causes = pd.DataFrame({"chance": [0.01, np.nan], "excess": [0.1, np.nan]}, index=["model", "behaviour"])
    ax = plots.change_bars(causes, 0.02)
    assert [bar.get_width() for bar in ax.patches] == pytest.approx([0.01, 0.1])
    assert "10% by model" in ax.get_title(loc="left")


@pytest.mark.parametrize("min_cell", [1, 10])
def test_no_dot_is_a_single_customer(prepared, assigned, min_cell):
    with door_of(Door(min_cell)):
        ax = plots.scatter(prepared.customers, assigned["segment"], "orders", "spend")
    drawn = np.vstack([dots.get_offsets() for dots in ax.collections])
    customers = prepared.customers[["orders", "spend"]].to_numpy()
    alone = (drawn[:, None] == customers[None]).all(axis=2).any(axis=1)
    assert alone.all() == alone.any() == (min_cell == 1)
    assert len(drawn) <= len(customers) / min_cell


def test_figures_draw_into_given_axes():
    _, ax = plt.subplots()
    assert plots.clustergram(segment_flows(np.eye(3), {2: np.array([0, 0, 1]), 3: np.arange(3)}, 2), 2, ax=ax) is ax


def test_picture_carries_its_words_and_width():
    _, ax = plt.subplots(figsize=(5, 2))
    ax.set_title("what to see")
    data, about = show.Picture(ax)._repr_mimebundle_()
    assert about["image/png"] == {"alt": "what to see", "width": 480}
    assert "image/png" in data


PICKED = ("clustergram", "segment_map", "portraits", "sizes", "alluvial")


def test_page_figures_are_light_readable_on_a_phone_and_let_segments_be_picked(prepared, assigned, model, table):
    """Sizes are in the units of the drawing, 72 to the inch; a page shows 96 pixels to the inch."""
    use_door(lambda: Door(10, assigned["segment"].value_counts(), page=True))
    for drawn in draw_all(prepared, assigned, model, table):
        words = show.figure_words(drawn if isinstance(drawn, Figure) else drawn.figure)
        wide, narrow = page_figure(drawn if isinstance(drawn, Figure) else drawn.figure, words)
        plt.close("all")
        assert 'width="350"' in narrow
        assert len(wide) + len(narrow) < 150_000
        for svg in (wide, narrow):
            sizes = [float(size) * 96 / 72 for size in re.findall(r"font-size: ([\d.]+)px", svg)]
            assert min(sizes) >= 11, words
            assert not re.search(r"\d\.\d{3}", re.sub(r'style="[^"]*"|<text.*?</text>|aria-label="[^"]*"', "", svg))


@pytest.mark.parametrize("name", PICKED)
def test_each_segment_is_told_once_and_reached_by_the_keyboard(prepared, assigned, name):
    segment, features, customers = assigned["segment"], prepared.features, prepared.customers
    names = {number: f"<b>{number}</b>" for number in range(1, 6)}
    labelings = {k: fit_segments(features, k, n_init=1).labels_ for k in (4, 5)}
    drawn = {
        "clustergram": lambda: plots.clustergram(segment_flows(features, labelings, 5), 5),
        "segment_map": lambda: plots.segment_map(PCA(2).fit(features), features, segment, names),
        "portraits": lambda: plots.portraits(
            customers, segment, centre_scores(customers, segment, prepared.columns), names
        ),
        "sizes": lambda: plots.sizes(segment_sizes(customers, segment, "spend"), names),
        "alluvial": lambda: plots.alluvial(migration(segment, segment), names),
    }[name]()
    for svg in page_figure(drawn if isinstance(drawn, Figure) else drawn.figure, "<i>words</i>"):
        root = ElementTree.fromstring(svg)
        told = [part for part in root.iter() if part.get("tabindex") == "0"]
        assert {part.get("data-segment") for part in told} == set("12345")
        assert all(part[0].text == part.get("aria-label") for part in told)
        assert "<b>" not in svg
        assert root.get("role") == "group"
    plt.close("all")


def test_figure_that_is_shown_twice_looks_the_same():
    points = pd.DataFrame({"a": [0.0, 1, 2], "b": [1.0, 0, 2]}, index=["Ann", "Bo", "Cy"])
    with door_of(Door(1, {1: 2, 2: 1})):
        ax = plots.scatter(points, pd.Series([1, 1, 2], points.index), "a", "b")
    one, two = (show.Picture(ax)._repr_mimebundle_()[0] for _ in range(2))
    assert "Ann: " in one["text/html"]
    assert one == two


@pytest.mark.parametrize("name", ["spend", "a rather long name of a feature"])
@pytest.mark.parametrize("n", [1, 2, 4])
def test_figures_of_few_columns_have_room_for_their_titles(n, name):
    """matplotlib would warn, and a page would show that, where a title leaves no room for the axes."""
    columns = [f"{name} {number}" for number in range(n)]
    scores = pd.DataFrame([[1.0] * n, [-1.0] * n], index=pd.Index([1, 2], name="segment"), columns=columns)
    drifts = pd.DataFrame({"column": columns, "effect": 0.1, "drifted": True})
    gains = pd.DataFrame({"outcome": "spend", "compared_with": "quintiles", "gain": [0.1] * n})
    gains = gains.assign(low=0.0, high=0.2, verdict="no better")
    customers = pd.DataFrame(np.arange(10.0 * n).reshape(10, n), columns=columns)
    segments = pd.Series([1, 2] * 5)
    drawn = [plots.centre_heatmap(scores), plots.drift_bars(drifts), plots.predictive_gain(gains)]
    drawn += [plots.portraits(customers, segments, scores, {1: name}), plots.distributions(customers, customers)]
    for each in drawn:
        wide, narrow = page_figure(each if isinstance(each, Figure) else each.figure, "words")
        assert wide.count("<text") > 2
        assert narrow.count("<text") > 2


def test_figure_of_ten_times_the_customers_weighs_the_same():
    def weight(size):
        points = pd.DataFrame(np.random.default_rng(0).normal(size=(size, 2)), columns=["a", "b"])
        segments = pd.Series(np.where(points["a"] > 0, 1, 2))
        with door_of(Door(1, segments.value_counts(), page=True)):
            return len("".join(page_figure(plots.scatter(points, segments, "a", "b").figure, "dots")))

    assert weight(200_000) < 1.2 * weight(20_000)


def test_table_puts_segments_side_by_side():
    long = {"column": np.repeat(["spend", "share_toys"], 2), "segment": [1, 2, 1, 2], "median": [1.0, 2.0, 0.25, 0.5]}
    long = pd.DataFrame(long | {"overall_median": [1.5, 1.5, 0.4, 0.4]})
    cells = show.Table(long, across="median").cells
    assert list(cells) == ["column", "overall_median", "segment 1", "segment 2"]
    assert cells.to_numpy().tolist() == [["spend", "1.5", "1", "2"], ["share of toys", "40%", "25%", "50%"]]


def test_dots_tell_who_they_are_in_a_notebook_and_nowhere_else(monkeypatch):
    customers = pd.DataFrame(
        {"orders": [1.0, 2, 8], "spend": [5.0, 9, 70], "kind": ["<b>x", "y", "z"]}, index=["Ann", "Bo", "Cy"]
    )
    segments = pd.Series([1, 1, 2], customers.index)
    data, _ = show.Picture(plots.scatter(customers, segments, "orders", "spend"))._repr_mimebundle_()
    titles = re.findall("<title>(.*?)</title>", data["text/html"])
    assert "Ann: orders 1, spend 5, kind &lt;b&gt;x" in titles
    assert "Cy: orders 8, spend 70, kind z" in titles
    many = pd.DataFrame(np.random.default_rng(0).normal(size=(2001, 2)), columns=["a", "b"])
    data, _ = show.Picture(plots.scatter(many, pd.Series(1, many.index), "a", "b"))._repr_mimebundle_()
    assert set(data) == {"image/png", "text/plain"}
    monkeypatch.setenv("SEGNB_STAGE", "stage")
    data, about = show.Picture(plots.scatter(customers, segments, "orders", "spend"))._repr_mimebundle_()
    assert "Ann" not in data["image/svg+xml"] + about["image/svg+xml"]["narrow"]


@pytest.mark.parametrize("n_segments", [2, 15])
def test_each_segment_has_a_colour_of_its_own(n_segments):
    colours = segment_colours(range(1, n_segments + 1))
    assert len(set(colours.values())) == n_segments
    assert segment_colours([3])[3] == colours[3] if n_segments > 2 else True


def test_table_escapes_every_part():
    bad = "<b>&"
    html = show.Table(pd.DataFrame({bad: [bad]}, index=pd.Index([bad], name=bad)), caption=bad)._repr_html_()
    assert "<b>" not in html
    assert html.count("&lt;b&gt;&amp;") == 5


def test_table_reads_like_a_person_writes():
    table = show.Table(pd.DataFrame({"share": [0.123], "n": [12345], "p": [1e-9], "x": [np.nan], "yes": [True]}))
    assert table.cells.iloc[0].tolist() == ["12%", "12,345", "< 0.001", "–", "yes"]


def test_long_table_is_cut_and_says_so():
    assert "2 of 5 rows" in show.Table(pd.DataFrame({"a": range(5)}), rows=2)._repr_html_()


def test_text_is_escaped():
    assert "<i>" not in show.Text("<i>x</i>", bullets=True)._repr_html_()


def test_settings_mark_what_was_changed():
    cells = show.settings(Parameters(k=4), ["k", "seed"]).cells
    assert dict(zip(cells["parameter"], cells["changed"])) == {"k": "changed", "seed": ""}


@pytest.mark.parametrize("k_min", [3, 4])
def test_gap_is_drawn_where_its_own_k_was_not_tried(k_min):
    centres = np.repeat([[0.0, 0.0], [9.0, 0.0], [0.0, 9.0]], 30, axis=0)
    points = pd.DataFrame(centres + np.random.default_rng(0).normal(size=(90, 2)), columns=["a", "b"])
    tried = evidence(points, k_min, 5, n_init=1, n_boot=2, n_refs=5)
    assert tried["gap_k"].iloc[0] == 3
    choice = decide(tried)
    plots.evidence_overview(tried, choice.favourites, choice.k)


def test_folded_table_opens_at_its_caption_and_escapes_it():
    table = show.Table(pd.DataFrame({"a": [1]}), "<b>", folded=True)._repr_html_()
    assert table.startswith("<details><summary>&lt;b&gt;</summary>")
    assert "<caption>" not in table


def test_sides_of_the_map_name_what_grows_along_them():
    rng = np.random.default_rng(0)
    wide, narrow = rng.normal(size=(2, 300))
    features = pd.DataFrame({"spend": 3 * wide, "recency_days": -3 * wide, "orders": narrow})
    pca = PCA(2).fit(features)
    ax = plots.segment_map(pca, features, pd.Series(np.where(wide > 0, 1, 2)), {1: "Rich", 2: "Poor"})
    grows, falls = sorted(
        ["spend", "recency (days)"], key=lambda name: (pca.components_[0, 0] > 0) != (name == "spend")
    )
    assert ax.get_xlabel() == f"more {grows} →\n← more {falls}"
    assert ax.get_ylabel().strip("← →").startswith("more orders")
    spots = {text.get_text(): text.xy for text in ax.texts}
    right = max(spots, key=lambda words: spots[words][0])
    assert right == ("1 · Rich" if grows == "spend" else "2 · Poor")


def test_portraits_tell_medians_along_the_columns_that_differ_most():
    rng = np.random.default_rng(0)
    customers = pd.DataFrame({"same": rng.normal(size=90), "orders": np.repeat([2.0, 9], 45), "spend": np.arange(90.0)})
    segments = pd.Series(np.repeat([1, 2], 45))
    scores = centre_scores(customers, segments, list(customers))
    first, second = plots.portraits(customers, segments, scores, {1: "Few", 2: "Many"}, most=2).axes
    assert [text.get_text() for text in first.texts] == ["orders 2, all 5.5", "spend 22, all 44.5"]
    assert second.get_title(loc="left") == "2 · Many"
    with door_of(Door(50, segments.value_counts())):
        assert plots.portraits(customers, segments, scores, {}) is None


@pytest.mark.parametrize("columns", [1, 2])
def test_main_directions_are_drawn_of_few_columns_too(columns):
    rng = np.random.default_rng(0)
    features = pd.DataFrame(rng.normal(size=(30, columns)), columns=list("ab")[:columns])
    ax = plots.segment_map(PCA(min(2, columns)).fit(features), features, pd.Series([1, 2] * 15))
    assert bool(ax.get_ylabel()) == (columns == 2)


def test_nothing_is_drawn_and_shown_of_nothing():
    nothing = pd.DataFrame()
    assert plots.drift_bars(nothing) is plots.alluvial(nothing) is None
    assert plots.portraits(nothing, pd.Series(dtype=int), nothing, {}) is None
    assert show.Table(nothing, "a caption")._repr_html_() == show.Text("")._repr_html_() == ""


def test_table_says_what_it_withholds():
    table = pd.DataFrame(
        {"customers": [90, 20, 4], "value_share": [0.5, 0.3, 0.2]}, pd.Index([1, 2, 3], name="segment")
    )
    assert "withheld" not in show.Table(table)._repr_html_()
    with door_of(Door(10, table["customers"])):
        html = show.Table(table)._repr_html_()
    assert "fewer than 10 customers is withheld" in html
    assert "50%" in html
    assert "30%" not in html
