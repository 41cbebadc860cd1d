"""The layers of the package: who may import whom."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "segnb"
STEPS = {"prepare", "choose_k", "cluster", "interpret", "iterate"}
GROUND = {
    "addresses",
    "colours",
    "errors",
    "escaping",
    "files",
    "spreadsheets",
    "holm",
    "row_log",
    "thresholds",
    "transformers",
} | {
    "withholding",
    "wording",
}
ABOVE_STEPS = {
    "plots",
    "data",
    "expressions",
    "runs",
    "cli",
    "show",
    "panels",
    "exercises",
    "new_preset",
    "presets",
    "parameters",
    "paths",
    "progress",
    "samples",
}


def part_of(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path):
    """Return the parts of segnb, and the other top-level packages, that a file imports anywhere."""
    names = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names += [f"{node.module}.{alias.name}" if node.module == "segnb" else node.module for alias in node.names]
    own = {name.split(".")[1] for name in names if name.startswith("segnb.")}
    return own, {name.split(".")[0] for name in names} - {"segnb"}


FILES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_keep_to_the_layers(path):
    part, (own, others) = part_of(path), imports(path)
    if part in STEPS:
        assert not (own - {part}) & (STEPS | ABOVE_STEPS), "a step imports only itself and the ground"
    if part in GROUND:
        assert own <= GROUND, "the ground imports only itself"
    if part == "plots":
        assert not own & (STEPS | {"data", "runs", "cli"}), "plots imports no step"
    if part == "expressions":
        assert own <= GROUND | {"expressions"}, "expressions import only themselves and the ground"
    if part == "data":
        assert not own & (STEPS | {"plots", "runs", "cli", "show", "panels"}), "data imports no step"
    if part not in {"cli", "__main__"}:
        assert "cli" not in own
    drawing = {"matplotlib", "seaborn", "yellowbrick"}
    if part not in {"plots", "show", "panels"}:
        assert not others & drawing, "only plots draws, and show turns figures into pictures"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_module_says_what_it_is_for_and_stays_small(path):
    lines = path.read_text().splitlines()
    assert lines, "an empty module has no purpose"
    assert lines[0].startswith('"""')
    assert len(lines) <= 250


def test_no_module_reads_pickles():
    for path in FILES:
        assert not imports(path)[1] & {"pickle", "joblib", "dill", "cloudpickle"}, path
