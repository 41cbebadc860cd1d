"""The notebooks as files: what they declare, import, and what a report leaves out."""

import ast

import nbformat

from segnb.paths import notebook_path

NOT_IN_REPORTS = {"workshop", "exercise", "solution"}
"""Tags of the cells that are for learners; the runner drops them before anything is executed."""


def load_notebook(step: str) -> nbformat.NotebookNode:
    """Return a step's notebook as it runs for a report: without the cells for learners."""
    notebook = nbformat.read(notebook_path(step), as_version=4)
    notebook.cells = [cell for cell in notebook.cells if not NOT_IN_REPORTS & set(cell.metadata.get("tags", []))]
    return notebook


def declared_parameters(notebook: nbformat.NotebookNode) -> list[str]:
    """Return the names that stand in a notebook's parameters cell, in their order."""
    source = next(cell.source for cell in notebook.cells if "parameters" in cell.metadata.get("tags", []))
    return [line.target.id for line in ast.parse(source).body if isinstance(line, ast.AnnAssign)]


def import_lines(notebook: nbformat.NotebookNode) -> str:
    """Return the import statements of a notebook, to be carried out ahead of time."""
    lines = []
    for cell in notebook.cells:
        if cell.cell_type == "code":
            found = [node for node in ast.parse(cell.source).body if isinstance(node, ast.Import | ast.ImportFrom)]
            lines += [ast.unparse(node) for node in found]
    return "\n".join(lines)


def n_code_cells(notebook: nbformat.NotebookNode) -> int:
    """Return how many cells there are to execute."""
    return sum(cell.cell_type == "code" for cell in notebook.cells)
