"""What is made from the committed notebooks: copies without parts of them, and the table of all parameters."""

import ast
import sys
from collections.abc import Set
from pathlib import Path

import nbformat

from segnb.paths import STEPS, notebook_path, outputs_folder, project_folder, write_whole
from segnb.runs.kernels import LEARNERS, load_notebook, parameters_cell

HEAD = """# The notebooks

One per step, without outputs; `../README.md` says how they are run. Cells tagged `workshop`, `exercise` and
`solution` are for learners, those tagged `lab` for whoever works in them by hand; a report has neither.
`papermill --help-notebook 01_prepare.ipynb` lists one notebook's parameters.

## All parameters

Made from the notebooks' parameter cells by `make parameters`.

| parameter | default | steps | meaning |
|---|---|---|---|
"""


def copy_notebooks(folder: Path, leave_out: Set[str]) -> None:
    """Write copies of the five notebooks without the cells with these tags; a copy that is there already is kept."""
    folder.mkdir(parents=True, exist_ok=True)
    for step in STEPS:
        target, notebook = folder / notebook_path(step).name, load_notebook(step, leave_out)
        if not target.exists():
            write_whole(target, lambda path, notebook=notebook: nbformat.write(notebook, path))


def parameter_table() -> str:
    """Return the text of notebooks/README.md."""
    found: dict[str, tuple[str, str, list[int]]] = {}
    for number, step in enumerate(STEPS, 1):
        source = parameters_cell(load_notebook(step))
        for line in ast.parse(source).body:
            meaning = source.splitlines()[line.end_lineno - 1][line.end_col_offset :].partition("#")[2].strip()
            found.setdefault(line.target.id, (ast.unparse(line.value), meaning, []))[2].append(number)
    rows = [
        f"| `{name}` | `{default}` | {', '.join(map(str, steps))} | {meaning.replace('|', '&#124;')} |"
        for name, (default, meaning, steps) in found.items()
    ]
    return HEAD + "\n".join(rows) + "\n"


def main(what: str) -> None:
    """Write `parameters`, notebooks/README.md, or for the `lab` copies of the notebooks into outputs/lab."""
    if what == "lab":
        copy_notebooks(outputs_folder() / "lab", LEARNERS)
    else:
        write_whole(project_folder() / "notebooks" / "README.md", lambda path: path.write_text(parameter_table()))


if __name__ == "__main__":
    main(sys.argv[1])
