"""The plan of the package holds: who may import whom, no circle, few rooms, none of them a hall."""

import ast
import inspect
from graphlib import TopologicalSorter
from importlib import import_module
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "segnb"
STEPS = {"prepare", "choose_k", "cluster", "interpret", "iterate"}
DRAWING = {"matplotlib", "seaborn", "yellowbrick"}
MOST_FILES, MOST_MODULES, MOST_LINES = 12, 65, 400

FILES = {
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}


def imported(name):
    """Return every module that a module of segnb imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(FILES[name].read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            inside = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {each if each in FILES else node.module for each in inside}
    return found - {name}


def folder(name):
    """Return the folder of a module, "" for those at the top; a step may be a single file."""
    first, *others = FILES[name].relative_to(PACKAGE).with_suffix("").parts
    return first if others or first in STEPS else ""


def test_no_module_imports_itself_by_way_of_others():
    TopologicalSorter({name: imported(name) & set(FILES) for name in FILES}).prepare()


@pytest.mark.parametrize("name", FILES)
def test_imports_keep_to_the_layers(name):
    own = {folder(each) for each in imported(name) if each in FILES}
    others = {each.split(".")[0] for each in imported(name) if each not in FILES}
    if folder(name) in STEPS:
        assert own <= {folder(name), ""}, "a step imports itself and the ground only"
    if folder(name) not in {"plots", "notebook"}:
        assert not others & DRAWING, "only plots draws, and notebook turns figures into pictures"
    if name != "segnb.__main__":
        assert "segnb.cli" not in imported(name)
    assert not others & {"pickle", "joblib", "dill", "cloudpickle"}


@pytest.mark.parametrize("name", FILES)
def test_module_says_what_it_is_for_and_stays_small(name):
    lines = FILES[name].read_text().splitlines()
    assert lines, "an empty module has no purpose"
    assert lines[0].startswith('"""')
    assert len(lines) < MOST_LINES


def test_rooms_are_few():
    assert len(FILES) <= MOST_MODULES
    inside = [folder(name) for name in FILES]
    assert {each: inside.count(each) for each in inside if inside.count(each) > MOST_FILES} == {}


ROOMS = [*sorted(STEPS), "act", "data", "notebook", "plots"]
MOST_NAMES = 150


def public(room):
    """Return what a folder offers: the functions and classes that its `__init__` names."""
    named = vars(import_module(f"segnb.{room}")).items()
    return {
        name: each
        for name, each in named
        if callable(each) and f"{getattr(each, '__module__', '')}.".startswith(f"segnb.{room}.") and name[0] != "_"
    }


def test_public_names_are_few():
    assert sum(len(public(room)) for room in ROOMS) <= MOST_NAMES


@pytest.mark.parametrize("room", ROOMS)
def test_public_docstrings_are_whole(room):
    for name, each in public(room).items():
        said = inspect.getdoc(each) or ""
        if inspect.isclass(each):
            assert "Attributes\n---" in said or "Parameters\n---" in said, name
        elif inspect.signature(each).parameters:
            assert "Parameters\n---" in said, name
            assert "Returns\n---" in said or said.startswith(("Return ", "Check ")), name
        assert ">>> " in said, f"{name} has no example"
