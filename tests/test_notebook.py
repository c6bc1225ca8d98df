"""The lesson, as saved and as run."""

from __future__ import annotations

import base64
import re
from typing import Any

import nbformat
import pytest

from tools.notebook import LESSON, run


@pytest.fixture(scope="module")
def saved() -> nbformat.NotebookNode:
    return nbformat.read(LESSON, as_version=4)


@pytest.fixture(scope="module")
def fresh() -> nbformat.NotebookNode:
    """Run the lesson in a kernel to which every warning is an error."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONWARNINGS", "error")
        return run(LESSON)


def outputs(notebook: nbformat.NotebookNode) -> list[tuple[str, Any]]:
    return [
        (cell.source, output)
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
    ]


def said(notebook: nbformat.NotebookNode) -> list[tuple[str, str]]:
    return [
        (source, output.get("text") or output.data["text/plain"])
        for source, output in outputs(notebook)
    ]


def test_the_lesson_runs_without_an_error_or_a_warning(fresh: nbformat.NotebookNode) -> None:
    kinds = {(output.output_type, output.get("name")) for _, output in outputs(fresh)}
    assert kinds == {("execute_result", None), ("stream", "stdout")}


def test_the_saved_outputs_are_those_of_a_fresh_run(
    saved: nbformat.NotebookNode, fresh: nbformat.NotebookNode
) -> None:
    assert said(saved) == said(fresh), "run `python -m tools.notebook`"
    kept = [set(output.get("data", {})) for _, output in outputs(saved)]
    assert kept == [set(output.get("data", {})) for _, output in outputs(fresh)]


def test_the_saved_lesson_shows_pictures_without_widgets(saved: nbformat.NotebookNode) -> None:
    shown = {source: output.get("data", {}) for source, output in outputs(saved)}
    explorers = [source for source in shown if "explore(" in source and "import" not in source]
    plots = [source for source in shown if source.startswith(("plot(", "redraw("))]
    assert len(explorers) == 2
    assert len(plots) == 3
    for source in explorers + plots:
        assert base64.b64decode(shown[source]["image/png"]).startswith(b"\x89PNG")
    assert "widgets" not in saved.metadata
    assert LESSON.stat().st_size < 200_000


def test_each_exercise_has_a_folded_answer_and_a_check(saved: nbformat.NotebookNode) -> None:
    exercises = [cell.source for cell in saved.cells if "<summary>Answer</summary>" in cell.source]
    assert len(exercises) == 6
    checks = re.split(r"^# \d$", saved.cells[-1].source, flags=re.MULTILINE)[1:]
    assert len(checks) == len(exercises)
    for exercise, check in zip(exercises, checks, strict=True):
        assert exercise.count("<details>") == exercise.count("</details>") == 1
        assert "\nassert " in check
