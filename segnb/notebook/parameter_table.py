"""The table of all parameters in notebooks/README.md, made from the notebooks' parameter cells: make parameters."""

import ast

from segnb.paths import STEPS, project_folder, write_whole
from segnb.runs.kernels import load_notebook

HEAD = """# The notebooks

One per step, without outputs; `../README.md` says how they are run. Cells tagged `workshop`, `exercise` and
`solution` are for learners and left out of reports. `papermill --help-notebook 01_prepare.ipynb` lists one notebook's
parameters.

## All parameters

Made from the notebooks' parameter cells by `make parameters`.

| parameter | default | steps | meaning |
|---|---|---|---|
"""


def parameter_table() -> str:
    """Return the text of notebooks/README.md."""
    found: dict[str, tuple[str, str, list[int]]] = {}
    for number, step in enumerate(STEPS, 1):
        cell = next(cell for cell in load_notebook(step).cells if "parameters" in cell.metadata.get("tags", []))
        lines = cell.source.splitlines()
        for node in ast.parse(cell.source).body:
            line = lines[node.end_lineno - 1][node.end_col_offset :]
            entry = found.setdefault(node.target.id, (ast.unparse(node.value), line.partition("#")[2].strip(), []))
            entry[2].append(number)
    rows = [
        f"| `{name}` | `{default}` | {', '.join(map(str, steps))} | {meaning.replace('|', '&#124;')} |"
        for name, (default, meaning, steps) in found.items()
    ]
    return HEAD + "\n".join(rows) + "\n"


def main() -> None:
    """Write notebooks/README.md."""
    path = project_folder() / "notebooks" / "README.md"
    write_whole(path, lambda beside: beside.write_text(parameter_table(), encoding="utf-8"))


if __name__ == "__main__":
    main()
