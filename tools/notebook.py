"""Run the lesson and keep its outputs, so that it shows well where nothing runs.

``python -m tools.notebook`` runs ``notebooks/softmax.ipynb`` and writes it back.
"""

from __future__ import annotations

from pathlib import Path

import nbformat
from nbclient import NotebookClient

LESSON = Path(__file__).parents[1] / "notebooks" / "softmax.ipynb"
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


def run(path: Path) -> nbformat.NotebookNode:
    """Return the notebook with the outputs of a fresh run, those that need a kernel left out."""
    notebook: nbformat.NotebookNode = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    notebook.metadata.pop("widgets", None)
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)  # the time of day, new with each run
        if cell.cell_type == "code":
            # ipywidgets offers no picture, only the names of its classes.
            cell.outputs = [
                output for output in cell.outputs if WIDGET_VIEW not in output.get("data", {})
            ]
    notebook.metadata["language_info"] = {"name": "python"}  # the version is the runner's
    return notebook


if __name__ == "__main__":
    nbformat.write(run(LESSON), LESSON)  # type: ignore[no-untyped-call]
