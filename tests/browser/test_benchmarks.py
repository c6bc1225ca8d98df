"""The benchmarks run, and their figures are consistent; no test asserts a speed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.frames import Drag, Spread, summary

ROOT = Path(__file__).parent.parent.parent


def run(*arguments: str) -> str:
    return subprocess.run(
        [sys.executable, "-m", *arguments], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout


@pytest.mark.browser
def test_a_drag_is_measured(tmp_path: Path) -> None:
    out = tmp_path / "frames.json"
    few = "--sizes 10 --tokens 300 --rows 300 --events 40 --repeats 1 --no-original --json"
    table = run("benchmarks.frames", *few.split(), str(out))
    assert "thermoscope" in table
    drags = json.loads(out.read_text())["drags"]
    sizes = [[drag["items"] for drag in rounds] for rounds in drags]
    assert sizes == [[0], [10], [10], [10], [300]]
    for drag in (drag for rounds in drags for drag in rounds):
        assert drag["events"] > 10
        for name in ("work", "on_core", "to_paint", "frames"):
            assert 0 < drag[name]["median"] <= drag[name]["p95"]
        # No screen here is faster than its clock, and no picture older than its event.
        assert 0 < drag["rate"] < 61
        assert drag["on_core"]["median"] <= drag["work"]["median"]
        assert drag["frames"]["median"] < drag["to_paint"]["median"] / (1000 / 60)


def test_drags_of_one_page_are_summed_up_by_their_medians() -> None:
    drags = [
        Drag("page", 10, events, Spread(work, 2 * work), None, Spread(9, 9), Spread(0.5, 1), rate)
        for events, work, rate in ((40, 3.0, 59.0), (41, 1.0, 60.0), (42, 7.0, 40.0))
    ]
    assert summary(drags) == Drag(
        "page", 10, 123, Spread(3, 6), None, Spread(9, 9), Spread(0.5, 1), 59
    )


@pytest.mark.browser
def test_positions_of_servers_are_measured(tmp_path: Path) -> None:
    out = tmp_path / "connection.json"
    few = "--tokens 300 --repeats 1 --steps 2 --json"
    assert "longest" in run("benchmarks.connection", *few.split(), str(out))
    report = json.loads(out.read_text())
    assert report.pop("tokens") == 300
    assert [*report] == ["llama.cpp", "vLLM"]
    for each in report.values():
        assert 0 < each["json"] < each["next"]
        # A page is asked and answers in between.
        assert all(0 < screen < 60 for screen in each["screen"])
        assert len(each["screen"]) == 2


@pytest.mark.browser
def test_an_opening_and_moves_are_measured(tmp_path: Path) -> None:
    out = tmp_path / "opening.json"
    few = "--sizes 10 60 --tokens 300 --rows 300 --repeats 1 --moves 8 --json"
    assert "usable" in run("benchmarks.opening", *few.split(), str(out))
    report = json.loads(out.read_text())
    assert [one["items"] for one in report["openings"]] == [10, 60]
    assert all(0 < one["usable"] <= one["curves"] for one in report["openings"])
    pages = ["60 logits", "300 tokens", "reliability of 300 rows"]
    found = [(each["what"], each["moves"]) for each in report["memory"]]
    assert found == [(page, moves) for page in pages for moves in (0, 2, 4, 6, 8)]
    assert all(each["heap_mb"] > 0 and each["nodes"] > 0 for each in report["memory"])
