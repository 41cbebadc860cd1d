"""The table of all parameters in notebooks/README.md, made from the notebooks' own cells: `make parameters`."""

import ast

from segnb.paths import STEPS, project_folder
from segnb.runs.kernels import load_notebook, parameters_cell

HEAD = """# The notebooks

One per step, without outputs; `../README.md` says how they are run. Cells tagged `workshop`, `exercise` and
`solution` are for learners, those tagged `lab` for anyone working in them by hand; a report has neither.
An exercise tagged `log` needs a purchase log, one tagged `shop` the built-in shop.
`papermill --help-notebook 01_prepare.ipynb` lists one notebook's parameters.

## All parameters

Made from the notebooks' parameter cells by `make parameters`.

| parameter | default | steps | meaning |
|---|---|---|---|
"""


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


if __name__ == "__main__":
    (project_folder() / "notebooks" / "README.md").write_text(parameter_table())
