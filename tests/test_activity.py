"""Activities: read by the rules of the page, packed, and opened from files and links."""

from __future__ import annotations

import base64
import json
import math
import zlib
from collections import deque
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.test_definition import VECTORS
from thermoscope import ArgumentError, cli
from thermoscope.data.errors import FileError
from thermoscope.explorer.activity import Activity, read_activity

if TYPE_CHECKING:
    from pathlib import Path

CASES = json.loads((VECTORS / "activities.json").read_text(encoding="utf-8"))
RIGHT = [case["written"] for case in CASES if case["error"] is None]
WRONG = [case for case in CASES if case["error"] is not None]
TASK = {"kind": "number", "ask": "How many?", "answer": 2.5}


@pytest.mark.parametrize("written", RIGHT)
def test_what_the_page_takes_is_an_activity(written: Any) -> None:
    activity = Activity.of(written)
    tasks = written["tasks"] if isinstance(written, dict) else written
    assert activity.written["tasks"] == tasks


@pytest.mark.parametrize("case", WRONG, ids=lambda case: str(case["error"]))
def test_what_it_refuses_is_refused_in_the_same_words(case: dict[str, Any]) -> None:
    with pytest.raises(ArgumentError) as caught:
        Activity.of(case["written"])
    assert str(caught.value).split(", got ")[0] == case["error"]


@pytest.mark.parametrize("written", RIGHT)
def test_what_is_packed_is_compressed_and_fit_for_a_link(written: Any) -> None:
    activity = Activity.of(written)
    packed = activity.packed()
    assert packed.isascii()
    assert not set(packed) & set("+/=&#% ")
    raw = base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4))
    assert json.loads(zlib.decompress(raw, -zlib.MAX_WBITS)) == activity.written
    assert Activity.unpacked(packed).written == activity.written


@pytest.mark.parametrize("packed", ["", "x", "====", "AAAA", Activity.of([TASK]).packed()[:-4]])
def test_what_was_cut_is_an_error(packed: str) -> None:
    with pytest.raises(ArgumentError, match="activity must be one that a page has packed"):
        Activity.unpacked(packed)


def test_what_the_page_shows_besides_stands_beside_the_tasks() -> None:
    activity = Activity.of({"tasks": [TASK], "state": "T=2", "hide": "why", "lock": ["items"]})
    assert (activity.state, activity.hide, activity.lock) == ("T=2", ("why",), ("items",))
    with pytest.raises(ArgumentError, match=r"^state must be a link whose parameters"):
        Activity.of({"tasks": [TASK], "state": "T=hot"})
    with pytest.raises(ArgumentError, match=r"^hide must be a list of some of title, items"):
        Activity.of({"tasks": [TASK], "hide": ["everything"]})


def test_what_python_has_is_written_as_json_has_it() -> None:
    reach = {"kind": "reach", "ask": "Heat.", "quantity": "temperature", "least": 2}
    for infinite in (math.inf, np.inf, np.float32(np.inf), 1e400):
        activity = Activity.of([MappingProxyType({**reach, "most": infinite})])
        assert Activity.unpacked(activity.packed()).written["tasks"][0]["most"] == "inf"
    options = {"kind": "choose", "ask": "Which?", "options": ("a", "b"), "answer": range(1, 2)}
    activity = Activity.of(deque([options, {**TASK, "answer": np.int64(3)}]))
    assert activity.written["tasks"][0]["answer"] == [1]
    assert Activity.unpacked(activity.packed()).written == activity.written


@pytest.mark.parametrize(
    "written",
    [
        [{**TASK, "answer": 10**400}],
        [{**TASK, "answer": -math.inf}],
        [{**TASK, "answer": math.nan}],
        {"tasks": [TASK], "hide": [["curves"]]},
        {"tasks": [TASK], "hide": False},
        {"tasks": [TASK], "version": True},
        [{**TASK, "start": "hide=foo"}],
        [{**TASK, "ask": object()}],
        [{**TASK, "ask": b"bytes"}],
        object(),
    ],
)
def test_what_is_odd_is_an_error_of_an_argument(written: Any) -> None:
    with pytest.raises(ArgumentError):
        Activity.of(written)


def test_what_is_very_deep_is_an_error_of_an_argument() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(ArgumentError):
        Activity.of([{**TASK, "ask": deep}])


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"{", "tasks.json: it is no JSON: "),
        (b"\xff", "tasks.json: it is no JSON: "),
        (b"[" * 100_000, "tasks.json: it is no JSON: "),
        (b"[]", "tasks.json: tasks must be a list of 1 to 50 tasks, got []"),
        (b" " * (2**20 + 1), "tasks.json: an activity has at most 1,048,576 bytes"),
    ],
)
def test_a_file_that_has_none_is_one_line(tmp_path: Path, content: bytes, error: str) -> None:
    path = tmp_path / "tasks.json"
    path.write_bytes(content)
    with pytest.raises(FileError) as caught:
        read_activity(path)
    assert error in str(caught.value)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "tasks.json"
    written = {"tasks": [TASK], "state": "logits=2,1&T=0.5", "lock": ["items"]}
    path.write_text(json.dumps(written))
    return path


def content_of(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        path.read_text().split('<script type="application/json">')[1].split("</script>")[0]
    )
    return found


def test_a_page_has_the_tasks_and_no_answer_in_sight(file: Path, tmp_path: Path) -> None:
    out = tmp_path / "page.html"
    assert cli.main(["export", str(out), "--activity", str(file)]) == 0
    content = content_of(out)
    assert content["temperature"] == 0.5
    assert content["lock"] == ["items"]
    assert Activity.unpacked(content["activity"]).written == {"tasks": [TASK]}
    assert "How many?" not in out.read_text()


def test_a_page_shows_what_it_is_given_in_place_of_the_activity_s(
    file: Path, tmp_path: Path
) -> None:
    out = tmp_path / "page.html"
    assert cli.main(["export", str(out), "--activity", str(file), "--state", "n=4&seed=1"]) == 0
    assert content_of(out)["seed"] == 1
    logits = tmp_path / "logits.csv"
    logits.write_text("cat,dog\n1,2\n")
    assert cli.main(["export", str(out), str(logits), "--activity", str(file)]) == 0
    assert content_of(out)["labels"] == ["cat", "dog"]


def test_the_page_where_tasks_are_made_has_none(tmp_path: Path) -> None:
    out = tmp_path / "page.html"
    assert cli.main(["export", str(out), "--activity", "new"]) == 0
    assert "activity" not in content_of(out)


@pytest.mark.parametrize("option", [("--sample", "novel"), ("--targets", "targets.csv")])
def test_tasks_are_about_one_distribution(
    file: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], option: tuple[str, str]
) -> None:
    out = tmp_path / "page.html"
    assert cli.main(["export", str(out), *option, "--activity", str(file)]) == 2
    assert f"--activity must come without {option[0]}" in capfd.readouterr().err
    assert not out.exists()
