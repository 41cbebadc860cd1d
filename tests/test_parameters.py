"""Parameters: the notebooks declare what the model allows, and mistakes are named with their remedy."""

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segnb.errors import DataError
from segnb.parameters import (
    PARAMETERS,
    Parameters,
    changed_parameters,
    check_parameters,
    notebook_parameters,
    read_preset,
    read_values,
)
from segnb.paths import STEPS
from segnb.runs.kernels import declared_parameters, load_notebook


def parameter_lines(step):
    notebook = load_notebook(step)
    source = next(cell.source for cell in notebook.cells if "parameters" in cell.metadata.get("tags", []))
    return zip(ast.parse(source).body, source.splitlines(), strict=True)


@pytest.mark.parametrize("step", STEPS)
def test_parameters_cell_says_what_the_model_says(step):
    for node, line in parameter_lines(step):
        name, help_text = node.target.id, line.split("  # ", 1)[1]
        assert ast.literal_eval(node.value) == PARAMETERS[name].default, name
        assert type(ast.literal_eval(node.value)).__name__ == node.annotation.id, name
        assert help_text == PARAMETERS[name].description, name


def test_every_parameter_is_used_by_a_notebook():
    declared = {name for step in STEPS for name in declared_parameters(load_notebook(step))}
    assert declared == set(PARAMETERS)


@pytest.mark.parametrize("step", STEPS)
def test_papermill_reads_every_parameter(step):
    import papermill

    from segnb.paths import notebook_path

    inferred = papermill.inspect_notebook(str(notebook_path(step)))
    assert list(inferred) == declared_parameters(load_notebook(step))
    for name, found in inferred.items():
        assert found["help"] == PARAMETERS[name].description


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"outlier": "keep"}, "outlier: no such parameter; did you mean 'outliers'"),
        ({"a=1; import os": 1}, "no such parameter"),
        ({"outliers": "trim"}, "outliers='trim': .*'winsorise'"),
        ({"k": 1}, "k=1 puts everybody in one segment"),
        ({"k": "5"}, "k='5': input should be a valid integer"),
        ({"k": True}, "k=True"),
        ({"k_min": 5, "k_max": 3}, "k_min=5 is more than k_max=3"),
        ({"run": "../x"}, "run='../x': a run's name"),
        ({"run": "a\n"}, "a run's name"),
        ({"run": "-rf"}, "a run's name"),
        ({"run": "x" * 65}, "a run's name"),
        ({"run": ""}, "a run's name"),
        ({"run": "index.html"}, "run='index.html': this is the page of all runs"),
        ({"run": "latest"}, "run='latest': latest stands for the run that was published last; take another name"),
        ({"run": "lab"}, "run='lab': lab is the folder for notebooks run by hand; take another name"),
        ({"previous": "lab"}, "previous='lab': lab is the folder"),
        ({"previous": "/etc"}, "previous='/etc'"),
        ({"as_of": "31.12.2025"}, "as_of='31.12.2025': a date is written year-month-day"),
        ({"names": {"one": "x"}}, "segments are numbered"),
        ({"weights": {"a": -1.0}}, "weights"),
        ({"purchase_columns": {"datum": "x"}}, "purchase_columns"),
        ({"customers": "", "purchases": ""}, "at least one table"),
        ({"run": "may", "previous": "may"}, "previous='may' is this run itself"),
        ({"seed": 2**31}, "seed=2147483648"),
        ({"min_share": 0.5}, "min_share=0.5"),
    ],
)
def test_wrong_parameters_are_named(values, message):
    with pytest.raises(DataError, match=message):
        check_parameters(values)


def test_all_faults_are_listed_at_once():
    with pytest.raises(DataError, match="seed=.*outliers="):
        check_parameters({"outliers": "x", "seed": -1})


def test_names_may_be_numbered_by_text_or_number():
    assert check_parameters({"names": {"1": "a", 2: "b"}}).names == {1: "a", 2: "b"}


def test_notebook_parameters_ignores_everything_else():
    assert notebook_parameters({"k": 4, "table": object()}).k == 4


def test_changed_parameters_lists_what_differs():
    assert changed_parameters(Parameters(k=3, outliers="winsorise")) == {"k": 3}


def test_values_are_read_by_the_parameters_type():
    given_values = ["run=007", "k=5", "features=[a, b]", "weights={a: 2.5}", "as_of=2026-01-01", "customers="]
    values = read_values(given_values)
    assert values["run"] == "007"
    assert values["as_of"] == "2026-01-01"
    assert check_parameters(values).weights == {"a": 2.5}


@pytest.mark.parametrize("pair", ["k", "k=[", "outlier=keep"])
def test_unreadable_value_is_an_error(pair):
    with pytest.raises(DataError, match="-p|no such parameter"):
        read_values([pair])


@pytest.mark.parametrize("text", ["- a\n- b\n", "a: [", ""])
def test_preset_without_parameters_is_an_error(tmp_path, text):
    path = tmp_path / "preset.yaml"
    path.write_text(text)
    with pytest.raises(DataError, match="preset.yaml"):
        read_preset(str(path))


@pytest.mark.parametrize("name", ["shop", "complete_journey", "cdnow", "online_retail"])
def test_presets_are_valid(name):
    assert check_parameters(read_preset(f"data/{name}.yaml")).run == name


@given(st.dictionaries(st.text(), st.none() | st.integers() | st.text() | st.lists(st.integers()), max_size=3))
def test_only_our_own_error_comes_out(values):
    try:
        check_parameters(values)
    except DataError as error:
        assert str(error)
