"""What is shown: tables escape, figures close, carry words, change no settings and use one colour per segment."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from conftest import door_of
from sklearn.decomposition import PCA

from segnb import notebook as show
from segnb import plots
from segnb.choose_k import decide, evidence, line_density, segment_flows, segment_stability
from segnb.cluster import fit_segments
from segnb.disclosure import Door
from segnb.interpret import centre_scores, profiles, segment_sizes
from segnb.iterate import drift, migration
from segnb.parameters import Parameters
from segnb.text import segment_colours


@pytest.fixture(scope="module")
def table(prepared):
    return evidence(prepared.features, k_max=4, n_init=1, n_boot=2, n_refs=2)


def draw_all(prepared, assigned, model, table):
    """Yield every figure on the shop."""
    segment, features, customers = assigned["segment"], prepared.features, prepared.customers
    scores = centre_scores(customers, segment, prepared.columns)
    profile = profiles(customers, segment, prepared.columns)
    moves = migration(segment, segment)
    choice = decide(table)
    yield plots.distributions(customers[prepared.columns], features)
    yield plots.evidence_overview(table, choice.favourites, choice.k)
    labelings = {k: fit_segments(features, k, n_init=1).labels_ for k in (4, 5, 6)}
    yield plots.clustergram(segment_flows(features, labelings, 5), 5)
    yield plots.valley(line_density(features, labelings[5] + 1, *choice.nearest), choice)
    yield plots.segment_stability(segment_stability(features, labelings, n_boot=2), 5)
    yield plots.one_k(table, features, pd.Series(labelings[5] + 1, index=features.index), "orders", "spend")
    yield plots.one_segment(customers, scores.loc[1], segment == 1, "orders")
    yield plots.scatter(customers, segment, "orders", "spend")
    yield plots.pca_view(PCA(2).fit(features), features, segment)
    yield plots.sizes(segment_sizes(customers, segment, "spend"), {1: "one"})
    yield plots.centre_heatmap(scores)
    yield plots.boxes(customers, segment, prepared.columns[:4])
    yield plots.mosaic(profile, assigned["segment"].value_counts().sort_index(), ["household", "region"])
    yield plots.alluvial(moves)
    ages = {
        "age": [30, 60],
        "moved": [0.1, 0.2],
        "unlike": [0.01, 0.02],
        "noise_high": [0.1, 0.1],
        "holds": [True, False],
    }
    yield plots.replay_curves(pd.DataFrame(ages))
    gain = {"outcome": ["buyers", "spend"], "compared_with": "quintiles", "verdict": ["better", "no better"]}
    yield plots.predictive_gain(pd.DataFrame(gain | {"gain": [0.2, 0.0], "low": [0.1, -0.1], "high": [0.3, 0.1]}))
    causes = pd.DataFrame({"chance": [0.01, 0.01], "excess": [0.1, 0.05]}, index=["behaviour", "model"])
    yield plots.change_bars(causes, 0.02)
    series = {"run": ["may", "june"], "k": [2, 2], "silhouette": [0.3, 0.31], "decision": ["keep", "refit"]}
    yield plots.timeline(pd.DataFrame(series | {"segment_1": [0.6, 0.7], "segment_2": [0.4, np.nan], "segment_3": 0.3}))
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
    assert len(ax.lines) == len(wide) + 1, "and the line of the chosen k"


def test_mosaic_tiles_are_as_large_as_their_customers():
    table = pd.DataFrame({"city": ["a"] * 60 + ["b"] * 20 + ["a"] * 5 + ["b"] * 35})
    segments = pd.Series([1] * 80 + [2] * 40)
    profile = profiles(table, segments, [])
    ax = plots.mosaic(profile, segments.value_counts().sort_index(), ["city"]).axes[0]
    areas = sorted(bar.get_width() * bar.get_height() for bar in ax.patches)
    assert areas == pytest.approx([5, 20, 35, 60])
    expected = np.outer([80, 40], [65, 55]) / 120
    residuals = (np.array([[60, 20], [5, 35]]) - expected) / np.sqrt(expected)
    colours = [mpl.colors.to_hex(bar.get_facecolor()) for bar in ax.patches]
    assert colours == ["#fddbc7" if 2 <= r < 4 else "#d1e5f0" if -4 <= r < -2 else "" for r in residuals.ravel()]


def test_mosaic_draws_what_is_withheld_in_one_grey_tile():
    table = pd.DataFrame({"city": ["a"] * 60 + ["b"] * 20 + ["a"] * 35 + ["b"] * 5})
    segments = pd.Series([1] * 80 + [2] * 40)
    profile, sizes = profiles(table, segments, []), segments.value_counts().sort_index()
    with door_of(Door(10, sizes)):
        ax = plots.mosaic(profile, sizes, ["city"]).axes[0]
    assert sum(bar.get_height() for bar in ax.patches) == pytest.approx(2)
    assert len(ax.patches) == 2, "both shares of both segments are withheld"


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


def test_every_arrow_of_the_main_directions_is_labelled_within_the_figure(prepared, assigned):
    ax = plots.pca_view(PCA(2).fit(prepared.features), prepared.features, assigned["segment"])
    names = [text for text in ax.texts if text.get_text()]
    assert len(names) == 6
    (left, right), (low, high) = ax.get_xlim(), ax.get_ylim()
    assert all(left < x < right and low < y < high for x, y in (text.xy for text in names))
    plt.close(ax.figure)


def test_means_of_few_customers_are_withheld_in_the_panel():
    rows = pd.DataFrame({"a": [0.0] * 12 + [9.0], "b": [1.0] * 12 + [-7.0]})
    segments = pd.Series([1] * 12 + [2])
    evidence = pd.DataFrame({"k": [2], "prediction_strength": [1.0], "silhouette": [0.9]})
    with door_of(Door(10)):
        figure = plots.one_k(evidence, rows, segments, "a", "b")
    drawn = figure.axes[1].collections[0].get_array()
    assert np.ma.count(drawn) == 2, "the column of the single customer is empty"


@pytest.mark.parametrize("columns", [1, 2])
def test_main_directions_are_drawn_of_few_columns_too(columns):
    rng = np.random.default_rng(0)
    features = pd.DataFrame(rng.normal(size=(30, columns)), columns=list("ab")[:columns])
    ax = plots.pca_view(PCA(min(2, columns)).fit(features), features, pd.Series([1, 2] * 15))
    assert len([text for text in ax.texts if text.get_text()]) == columns


def test_nothing_is_drawn_and_shown_of_nothing():
    nothing = pd.DataFrame()
    assert plots.drift_bars(nothing) is plots.replay_curves(nothing) is plots.alluvial(nothing) is None
    assert plots.mosaic(pd.DataFrame({"column": ["a"]}), pd.Series([3], index=[1]), []) is None
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
