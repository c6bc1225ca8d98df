from __future__ import annotations

import base64
import html
import json
import math
import re
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import comm
import ipywidgets
import nbformat
import numpy as np
import pandas as pd
import pytest
from comm.base_comm import BaseComm
from nbclient import NotebookClient
from nbconvert import HTMLExporter, LatexExporter
from traitlets import TraitError

from tests.model_server import Handler, scripted
from thermoscope.arguments import ArgumentError
from thermoscope.data.reading import open_logits, read_logits
from thermoscope.definition import softmax
from thermoscope.explorer import widget
from thermoscope.explorer.activity import Activity
from thermoscope.explorer.browse import RowError, RowSource
from thermoscope.explorer.front_end import Kind, Spoken
from thermoscope.explorer.page import page_html
from thermoscope.explorer.parts import LOCKS, PARTS
from thermoscope.explorer.widget import Explorer, explore
from thermoscope.sampling import random_logits
from thermoscope.state import State
from thermoscope.truncation import truncate

VIEW = "application/vnd.jupyter.widget-view+json"
LARGEST_PICTURE = 60_000


class Browser(BaseComm):
    """The other end of a comm: it keeps what the kernel sends."""

    sent: list[dict[str, Any]]

    def publish_msg(
        self, msg_type: str, data: Any = None, _metadata: Any = None, buffers: Any = None, **_: Any
    ) -> None:
        self.sent = [
            *getattr(self, "sent", []),
            {"type": msg_type, **(data or {}), "buffers": buffers or []},
        ]

    def news(self) -> list[dict[str, Any]]:
        """Return what came since the last time."""
        news, self.sent = self.sent, []
        return news


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[Browser]:
    """Give each comm a browser at its other end, and list them as they open."""
    browsers: list[Browser] = []

    def create_comm(**arguments: Any) -> Browser:
        browsers.append(browser := Browser(**arguments))
        return browser

    monkeypatch.setattr(comm, "create_comm", create_comm)
    return browsers


def named(model_id: str, opened: list[Browser]) -> Browser:
    (browser,) = (browser for browser in opened if browser.comm_id == model_id)
    return browser


def viewed(explorer: Explorer, opened: list[Browser]) -> Browser:
    browser = named(explorer.model_id, opened)
    browser.news()
    return browser


def from_browser(explorer: Explorer, **state: Any) -> None:
    """Deliver an update as the browser's message would."""
    buffers = [memoryview(state.pop("logits"))] if "logits" in state else []
    data = {"method": "update", "state": state, "buffer_paths": [["logits"]] * len(buffers)}
    explorer._handle_msg({"content": {"data": data}, "buffers": buffers})


def heard(explorer: Explorer) -> list[tuple[str, Any]]:
    log: list[tuple[str, Any]] = []

    def note(change: Any) -> None:
        new = change.new.tolist() if change.name == "logits" else change.new
        log.append((change.name, new))
        assert explorer.labels is None or len(explorer.labels) == explorer.logits.size

    explorer.observe(note, ["logits", "labels", "temperature", "source"])
    return log


class TestLogits:
    @pytest.mark.parametrize(
        "logits",
        [
            [1, -2, 3],
            (1.0, -2.0, 3.0),
            np.array([1, -2, 3], np.int8),
            np.array([1, -2, 3], np.float16)[::1],
            np.array([1, 0, -2, 0, 3, 0], ">f4")[::2],
            pd.Series([1, -2, 3]),
        ],
    )
    def test_are_taken_from_any_row_of_numbers(self, logits: Any) -> None:
        explorer = explore(logits)
        assert explorer.logits.tolist() == [1.0, -2.0, 3.0]
        assert explorer.logits.dtype == np.float64
        assert explorer.labels is None
        explorer.logits = [0.0]
        explorer.logits = logits
        assert explorer.logits.tolist() == [1.0, -2.0, 3.0]

    def test_are_taken_from_torch(self) -> None:
        torch = pytest.importorskip("torch", reason="PyTorch is not installed")
        tensor = torch.tensor([1.0, -2.0, 3.0], dtype=torch.bfloat16, requires_grad=True)
        assert explore(tensor).logits.tolist() == [1.0, -2.0, 3.0]

    def test_are_taken_from_jax(self) -> None:
        jax = pytest.importorskip("jax", reason="JAX is not installed")
        array = jax.numpy.array([1.0, -2.0, 3.0], dtype="bfloat16")
        assert explore(array).logits.tolist() == [1.0, -2.0, 3.0]

    def test_by_default_are_five_random_ones_as_in_the_lesson(self) -> None:
        explorer = explore()
        assert explorer.logits.shape == (5,)
        assert ((explorer.logits >= 0) & (explorer.logits < 1)).all()
        assert (explorer.source, explorer.labels, explorer.temperature) == (None, None, 1.0)
        assert not np.array_equal(explorer.logits, explore().logits)

    def test_are_our_own_and_read_only(self) -> None:
        given = np.array([1.0, 2.0])
        explorer = explore(given)
        given[0] = 9
        assert explorer.logits.tolist() == [1.0, 2.0]
        with pytest.raises(ValueError, match="read-only"):
            explorer.logits[0] = 9

    @pytest.mark.parametrize("logits", [[1.0, math.nan, math.inf], [0.5]])
    def test_that_are_equal_are_no_change(self, logits: list[float]) -> None:
        explorer = explore(logits)
        log = heard(explorer)
        explorer.logits = np.array(logits)
        assert log == []
        explorer.logits = [*logits[:-1], 7.0]
        assert [name for name, _ in log] == ["logits"]

    def test_of_a_series_bring_its_index_and_name(self) -> None:
        series = pd.Series([1.0, 2.0], index=["cat", "dog"], name="animals")
        explorer = explore(series)
        assert (explorer.labels, explorer.source) == (("cat", "dog"), "animals")
        explorer.logits = pd.Series([1.0, 2.0], index=["eel", "fox"])
        assert (explorer.labels, explorer.source) == (("eel", "fox"), "animals")
        explorer.logits = pd.Series([3.0, 4.0], index=[10, 20])
        assert (explorer.labels, explorer.source) == (("10", "20"), "given")
        assert explore(series, ["a", "b"]).labels == ("a", "b")

    def test_of_the_same_number_keep_the_labels_and_of_another_drop_them(self) -> None:
        explorer = explore([1.0, 2.0], ["a", "b"])
        log = heard(explorer)
        explorer.logits = [3.0, 4.0]
        assert explorer.labels == ("a", "b")
        explorer.logits = [5.0]
        assert log == [("logits", [3.0, 4.0]), ("logits", [5.0]), ("labels", None)]

    def test_that_are_assigned_are_no_longer_random(self) -> None:
        explorer = explore()
        explorer.logits = [1.0, 2.0]
        assert (explorer.source, explorer.seed) == ("given", None)


class TestAnInvalidValue:
    @pytest.mark.parametrize(
        ("name", "value", "message"),
        [
            ("temperature", -0.5, "temperature must be >= 0, got -0.5"),
            ("temperature", math.nan, "temperature must be >= 0, got nan"),
            ("temperature", "hot", "temperature must be real numbers, got <U3"),
            ("temperature", None, "temperature must be real numbers, got NoneType"),
            ("logits", [], "logits must hold at least one number, got none"),
            ("logits", [[1.0]], "logits must be one row, got shape"),
            ("logits", [1j], "logits must be real numbers, got complex128"),
            ("logits", None, "logits must be real numbers, got NoneType"),
            ("labels", ["a"], "labels must be 2, one for each logit, got 1"),
            ("labels", "ab", "labels must be a sequence of strings, got str"),
            ("labels", 5, "labels must be a sequence of strings, got int"),
            ("target", 2, "target must be 0 to 1, got 2"),
            ("target", -1, "target must be 0 to 1, got -1"),
        ],
    )
    def test_is_an_error_and_changes_nothing(
        self, opened: list[Browser], name: str, value: Any, message: str
    ) -> None:
        explorer = explore([1.0, 2.0], ["a", "b"])
        browser = viewed(explorer, opened)
        log = heard(explorer)
        with pytest.raises(TraitError, match=re.escape(message)):
            setattr(explorer, name, value)
        assert explorer.logits.tolist() == [1.0, 2.0]
        assert (explorer.labels, explorer.temperature) == (("a", "b"), 1.0)
        assert (log, browser.news()) == ([], [])

    @pytest.mark.parametrize(
        ("arguments", "error", "message"),
        [
            ({"logits": [1.0], "temperature": -1}, ValueError, "temperature must be >= 0"),
            ({"logits": ["a"]}, TypeError, "logits must be real numbers"),
            ({"logits": [1.0], "labels": ["a", "b"]}, ValueError, "labels must be 1, one for"),
            ({"logits": [1.0], "labels": "a"}, TypeError, "labels must be a sequence of strings"),
        ],
    )
    def test_makes_no_explorer(
        self, arguments: dict[str, Any], error: type[Exception], message: str
    ) -> None:
        with pytest.raises(error, match=message):
            explore(**arguments)

    def test_within_a_held_block_undoes_the_whole_block(self, opened: list[Browser]) -> None:
        explorer = explore([1.0, 2.0], ["a", "b"])
        browser = viewed(explorer, opened)
        log = heard(explorer)

        def change() -> None:
            with explorer.hold_trait_notifications():
                explorer.source = "elsewhere"
                explorer.temperature = 2
                explorer.logits = [1.0, 2.0, 3.0]
                explorer.labels = ["only one"]

        with pytest.raises(TraitError, match="labels must be 3, one for each logit, got 1"):
            change()
        assert explorer.logits.tolist() == [1.0, 2.0]
        assert (explorer.labels, explorer.temperature) == (("a", "b"), 1.0)
        assert explorer.source == "given"
        assert (log, browser.news()) == ([], [])

    def test_is_never_left_behind_by_another_error(self, opened: list[Browser]) -> None:
        explorer = explore([1.0, 2.0], ["a", "b"])
        viewed(explorer, opened)
        heard(explorer)  # asserts in each notification that the labels fit

        def change() -> None:
            with explorer.hold_trait_notifications():
                explorer.labels = ["a", "b", "c"]
                raise KeyError("of the user")

        with pytest.raises(KeyError, match="of the user"):
            change()
        assert explorer.labels is None


class TestSync:
    def test_the_comm_opens_with_the_first_view_and_carries_the_state(
        self, opened: list[Browser]
    ) -> None:
        explorer = explore([1.0, 2.0], ["a", "b"], temperature=math.inf)
        assert opened == []
        data, _ = explorer._repr_mimebundle_()
        (opening,) = named(data[VIEW]["model_id"], opened).news()
        assert opening["state"]["temperature"] == "inf"
        assert opening["state"]["labels"] == ("a", "b")
        assert opening["buffer_paths"] == [["logits"]]
        assert bytes(opening["buffers"][0]) == np.array([1.0, 2.0], "<f8").tobytes()
        assert "export" in opening["state"]["_esm"]
        before = len(opened)
        explorer._repr_mimebundle_()
        assert len(opened) == before

    @pytest.mark.parametrize("order", [("logits", "labels"), ("labels", "logits")])
    def test_what_is_set_together_is_told_together(
        self, opened: list[Browser], order: tuple[str, str]
    ) -> None:
        explorer = explore([1.0, 2.0], ["a", "b"])
        browser = viewed(explorer, opened)
        log = heard(explorer)
        values = {"logits": [3.0, 4.0, 5.0], "labels": ["x", "y", "z"]}
        with explorer.hold_trait_notifications():
            for name in order:
                setattr(explorer, name, values[name])
        assert explorer.labels == ("x", "y", "z")
        assert sorted(name for name, _ in log) == ["labels", "logits"]
        (message,) = browser.news()
        assert message["state"] == {"labels": ("x", "y", "z")}
        assert message["buffer_paths"] == [["logits"]]

    def test_labels_which_no_longer_fit_leave_with_the_logits(self, opened: list[Browser]) -> None:
        explorer = explore([1.0, 2.0], ["a", "b"])
        browser = viewed(explorer, opened)
        explorer.logits = [1.0]
        (message,) = browser.news()
        assert message["state"] == {"labels": None}
        assert message["buffer_paths"] == [["logits"]]

    def test_a_change_from_the_browser_arrives_and_is_not_sent_back(
        self, opened: list[Browser]
    ) -> None:
        explorer = explore([1.0, 2.0], ["a", "b"])
        browser = viewed(explorer, opened)
        log = heard(explorer)
        from_browser(explorer, temperature=0.25)
        from_browser(explorer, temperature="inf")
        row = np.array([0.1, 0.2, 0.3], "<f8").tobytes()
        from_browser(explorer, labels=None, source=None, logits=row)
        assert log[:2] == [("temperature", 0.25), ("temperature", math.inf)]
        assert sorted(log[2:]) == [("labels", None), ("logits", [0.1, 0.2, 0.3]), ("source", None)]
        # An echo tells other browsers; an update would start a ping-pong with this one.
        assert {message["method"] for message in browser.news()} == {"echo_update"}
        assert not explorer.logits.flags.writeable

    @pytest.mark.parametrize(
        "change",
        [
            {"temperature": -1},
            {"temperature": None},
            {"temperature": "hot"},
            {"temperature": {}},
            {"labels": ["a"]},
            {"labels": 3},
            {"source": 3},
            {"truncation": {"top_p": 2}},
            {"truncation": {"heat": 1}},
            {"truncation": {"top_k": 1, "order": ["top_k"]}},
            {"truncation": 3},
            {"scale": "0-3"},
            {"logits": b"1234567"},
            {"logits": b""},
            {"logits": np.zeros(3).tobytes()},  # and the labels stay two
        ],
    )
    def test_an_invalid_change_from_the_browser_is_refused_and_reverted(
        self, opened: list[Browser], change: dict[str, Any], caplog: pytest.LogCaptureFixture
    ) -> None:
        explorer = explore([1.0, 2.0], ["a", "b"])
        browser = viewed(explorer, opened)
        log = heard(explorer)
        from_browser(explorer, **change)
        assert log == []
        (message,) = browser.news()
        assert message["method"] == "update"
        assert message["state"] == {
            "labels": ("a", "b"),
            "temperature": 1.0,
            "source": "given",
            "row": None,
            "target": None,
            "seed": None,
            "truncation": {},
            "scale": "full",
            "tail": None,
        }
        assert bytes(message["buffers"][0]) == np.array([1.0, 2.0], "<f8").tobytes()
        assert "refused" in caplog.text

    def test_the_sampler_arrives_from_the_browser(self, opened: list[Browser]) -> None:
        explorer = explore([2.0, 1.0, 0.1], temperature=0.5)
        viewed(explorer, opened)
        truncation = {"top_k": 2, "order": ["top_k", "temperature"]}
        from_browser(explorer, truncation=truncation, scale="0-2")
        assert (explorer.truncation, explorer.scale) == (truncation, "0-2")
        assert explorer.kept.tolist() == [True, True, False]
        expected = truncate([2.0, 1.0, 0.1], 0.5, top_k=2)
        assert explorer.probabilities.tolist() == expected.tolist()
        assert str(explorer.summary()).splitlines()[-1] == "kept 2 of 3, 98.07 %"
        explorer.truncation = {}
        assert explorer.summary().kept == 3
        assert explorer.probabilities.tolist() == softmax([2.0, 1.0, 0.1], 0.5).tolist()

    def test_an_error_of_an_observer_is_not_taken_for_a_bad_change(
        self, opened: list[Browser]
    ) -> None:
        explorer = explore([1.0, 2.0])
        viewed(explorer, opened)

        def fail(_change: object) -> None:
            raise ValueError("of the observer")

        explorer.observe(fail, "temperature")
        with pytest.raises(ValueError, match="of the observer"):
            explorer.set_state({"temperature": 2.0})

    def test_links_hold_two_explorers_together(self) -> None:
        one, other = explore([1.0, 2.0], ["a", "b"]), explore([3.0, 4.0, 5.0])
        links = [ipywidgets.link((one, name), (other, name)) for name in ("temperature", "logits")]
        assert other.logits.tolist() == [1.0, 2.0]
        other.temperature = 3
        other.logits = [7.0, 8.0, 9.0]
        assert one.temperature == 3.0
        assert one.logits.tolist() == [7.0, 8.0, 9.0]
        assert one.labels is None
        for link in links:
            link.unlink()

    def test_links_to_a_slider_and_stands_in_a_box(self, opened: list[Browser]) -> None:
        explorer, slider = explore([1.0, 2.0]), ipywidgets.FloatSlider(max=10)
        ipywidgets.link((explorer, "temperature"), (slider, "value"))
        slider.value = 2.5
        assert explorer.temperature == 2.5
        box = ipywidgets.HBox([explorer, slider])
        assert explorer.model_id in str(box.get_state("children"))
        assert explorer.model_id in {browser.comm_id for browser in opened}
        ipywidgets.jslink((explorer, "temperature"), (slider, "value"))

    def test_close_closes_and_can_be_repeated(self, opened: list[Browser]) -> None:
        explorer = explore()
        browser = viewed(explorer, opened)
        explorer.close()
        explorer.close()
        assert explorer.comm is None
        assert [message["type"] for message in browser.news()] == ["comm_close"]


ROWS = np.array([[2.0, 1.0, 0.0], [0.0, 0.1, 0.2], [0.0, 9.0, 1.0]])


def asked(explorer: Explorer, browser: Browser, query: dict[str, Any]) -> Any:
    """Deliver a question as a view's message would, and return what it is told."""
    data = {"method": "custom", "content": {"id": 7, "ask": query}}
    explorer._handle_msg({"content": {"data": data}, "buffers": []})
    (message,) = browser.news()
    assert (message["method"], message["content"].pop("id")) == ("custom", 7)
    return message["content"]


def test_a_text_is_sent_in_chunks_and_saved_whole(opened: list[Browser], tmp_path: Path) -> None:
    path = Path(__file__).parent / "data" / "sequences" / "chat.json"
    explorer = explore(open_logits(path), row=5)
    browser = viewed(explorer, opened)
    assert explorer._rows["sequence"] == {
        "temperature": 1.0,
        "vocabulary": None,
        "passages": [[0, "answer", ""]],
        "processed": False,
    }
    chunk = asked(explorer, browser, {"sequence": 0})["answer"]
    assert (len(chunk["texts"]), chunk["texts"][5]) == (18, " Paris")
    explorer.to_html(tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    written = page.split('<script type="application/json">')[1].split("</script>")[0]
    content = json.loads(written)
    assert content["row"] == 5
    assert content["rows"]["chunks"] == [chunk]
    assert len(content["rows"]["rows"]) == 18


class TestPage:
    def test_is_written_for_a_view_that_asks(self, opened: list[Browser]) -> None:
        explorer = explore([1.0, 2.0], ["a", "b"], temperature=0.5)
        browser = viewed(explorer, opened)
        data = {"method": "custom", "content": {"id": 7, "page": True}}
        explorer._handle_msg({"content": {"data": data}, "buffers": []})
        (message,) = browser.news()
        assert message["content"] == {"id": 7, "answer": page_html(explorer._state())}


class TestState:
    def test_is_a_link_in_any_form(self) -> None:
        link = "n=5&seed=7&T=0.5&top_p=0.9&engine=vllm&scale=0-2"
        for state in (link, f"#{link}", f"https://example.org/lesson.html#{link}"):
            explorer = explore(state=state)
            assert explorer.logits.tolist() == random_logits(5, seed=7).tolist()
            assert (explorer.seed, explorer.temperature, explorer.scale) == (7, 0.5, "0-2")
            assert explorer.truncation == {"top_p": 0.9, "engine": "vllm"}
            assert explorer.to_link() == link

    def test_hides_and_locks_what_the_link_does(self) -> None:
        link = "n=5&seed=7&T=0.5&hide=why,lesson&lock=logits"
        explorer = explore(state=link)
        assert (explorer.hide, explorer.lock) == (("why", "lesson"), ("logits",))
        assert explorer.to_link() == link
        other = explore(state=link, hide="values")
        assert (other.hide, other.lock) == (("values",), ("logits",))
        with pytest.raises(ValueError, match="hide must be"):
            explore(state="n=5&hide=nothing")

    def test_may_be_a_state(self) -> None:
        state = State.of([1.0, 2.0], ["a", "b"], source="pets.csv", target=1, temperature=2)
        explorer = explore(state=state)
        assert explorer._state().to_json() == state.to_json()
        assert explorer.to_link() == "logits=1,2&labels=a,b&source=pets.csv&target=1&T=2"

    @pytest.mark.parametrize(
        ("others", "name"),
        [
            ({"logits": [1.0]}, "logits"),
            ({"labels": ["a"]}, "labels"),
            ({"targets": [0]}, "targets"),
            ({"row": 0}, "row"),
            ({"temperature": 0.0}, "temperature"),
            ({"truncation": {"top_k": 1}}, "truncation"),
            ({"scale": "0-2"}, "scale"),
        ],
    )
    def test_comes_without_what_it_has(self, others: dict[str, Any], name: str) -> None:
        with pytest.raises(ValueError, match=f"state must come without {name}, which it has"):
            explore(state="n=5", **others)

    def test_of_many_logits_has_no_link(self) -> None:
        with pytest.raises(ValueError, match="at most 2,000 characters: use to_html instead"):
            explore(np.arange(5000.0)).to_link()


class TestSeed:
    def test_is_that_of_the_random_logits(self) -> None:
        explorer = explore()
        assert explorer.logits.tolist() == random_logits(5, seed=explorer.seed).tolist()
        assert explore([1.0, 2.0]).seed is None
        assert page_html(explorer._state()).count(f'"seed":{explorer.seed}') == 1

    def test_that_is_assigned_draws_as_many_logits(self) -> None:
        explorer = explore([1.0, 2.0, 3.0], ["a", "b", "c"], temperature=0.5)
        log = heard(explorer)
        explorer.seed = np.int64(7)
        want = random_logits(3, seed=7).tolist()
        assert sorted(log) == [("logits", want), ("source", None)]
        assert (explorer.seed, explorer.labels, explorer.temperature) == (7, ("a", "b", "c"), 0.5)
        explorer.row = None
        explorer.seed = None
        assert explorer.logits.tolist() == want

    def test_leaves_the_rows(self) -> None:
        explorer = explore(ROWS, targets=[0, 1, 2])
        explorer.seed = 7
        assert (explorer.row, explorer.target) == (None, None)
        explorer.row = 1
        assert (explorer.seed, explorer.logits.tolist()) == (None, ROWS[1].tolist())

    @pytest.mark.parametrize(
        ("seed", "message"),
        [
            (-1, "seed must be >= 0, got -1"),
            (2**53, "seed must be < 2\\*\\*53, got 9007199254740992"),
            (1.5, "seed must be a whole number, got 1.5"),
        ],
    )
    def test_that_is_none_changes_nothing(
        self, opened: list[Browser], seed: Any, message: str
    ) -> None:
        explorer = explore([1.0, 2.0])
        browser = viewed(explorer, opened)
        with pytest.raises(TraitError, match=message):
            explorer.seed = seed
        from_browser(explorer, seed=seed, logits=random_logits(2, seed=7).tobytes())
        assert (explorer.seed, explorer.logits.tolist()) == (None, [1.0, 2.0])
        (message,) = browser.news()
        assert message["state"]["seed"] is None

    def test_of_the_browser_comes_with_its_logits(self, opened: list[Browser]) -> None:
        explorer = explore([1.0, 2.0], ["a", "b"])
        browser = viewed(explorer, opened)
        drawn = random_logits(3, seed=7)
        from_browser(explorer, seed=7, labels=None, source=None, logits=drawn.tobytes())
        assert (explorer.seed, explorer.logits.tolist()) == (7, drawn.tolist())
        assert {message["method"] for message in browser.news()} == {"echo_update"}
        # A slider that is linked to it sends the seed alone.
        from_browser(explorer, seed=8)
        assert explorer.logits.tolist() == random_logits(3, seed=8).tolist()
        assert [["logits"]] in [message.get("buffer_paths") for message in browser.news()]


class TestRows:
    def test_begin_with_the_first_or_the_one_chosen(self) -> None:
        explorer = explore(ROWS, ["a", "b", "c"], targets=[0, 1, 2], temperature=0.5)
        assert (explorer.row, explorer.target, explorer.temperature) == (0, 0, 0.5)
        assert explorer.logits.tolist() == ROWS[0].tolist()
        assert repr(explorer) == "Explorer(row 0 of 3: 3 logits, temperature=0.5)"
        assert explore(ROWS, row=2).logits.tolist() == ROWS[2].tolist()
        assert explore(ROWS.tolist(), row=2).row == 2

    def test_are_brought_by_their_number_and_told_together(self, opened: list[Browser]) -> None:
        explorer = explore(ROWS, ["a", "b", "c"], targets=[0, 1, 2], temperature=0.5)
        browser = viewed(explorer, opened)
        log = heard(explorer)
        explorer.observe(lambda change: log.append((change.name, change.new)), ["row", "target"])
        explorer.row = np.int64(1)
        assert sorted(log) == [("logits", ROWS[1].tolist()), ("row", 1), ("target", 1)]
        assert (explorer.labels, explorer.temperature) == (("a", "b", "c"), 0.5)
        (message,) = browser.news()
        assert message["state"] == {"row": 1, "target": 1}
        assert message["buffer_paths"] == [["logits"]]
        assert explorer.probabilities.tolist() == softmax(ROWS[1], 0.5).tolist()

    @pytest.mark.parametrize(
        ("row", "message"),
        [
            (3, "row must be 0 to 2, got 3"),
            (-1, "row must be 0 to 2, got -1"),
            (1.5, "row must be a whole number, got 1.5"),
            ("1", "row must be a whole number, got '1'"),
        ],
    )
    def test_out_of_range_are_an_error(self, row: Any, message: str) -> None:
        explorer = explore(ROWS)
        with pytest.raises(TraitError, match=message):
            explorer.row = row
        assert (explorer.row, explorer.logits.tolist()) == (0, ROWS[0].tolist())

    def test_link_to_a_slider(self) -> None:
        explorer, slider = explore(ROWS), ipywidgets.IntSlider(max=2)
        ipywidgets.link((explorer, "row"), (slider, "value"))
        slider.value = 2
        assert explorer.logits.tolist() == ROWS[2].tolist()
        explorer.row = 1
        assert slider.value == 1

    def test_are_left_by_other_logits(self) -> None:
        explorer = explore(ROWS, targets=[0, 1, 2])
        explorer.logits = [1.0, 2.0]
        assert (explorer.row, explorer.target) == (None, None)
        explorer.row = 0
        assert explorer.logits.tolist() == ROWS[0].tolist()
        assert explorer.target == 0

    def test_are_answered_to_the_browser(self, opened: list[Browser]) -> None:
        explorer = explore(ROWS, ["a", "b", "c"])
        browser = named(explorer.model_id, opened)
        (opening,) = browser.news()
        assert opening["state"]["_rows"] == {"count": 3, "orders": ["given", "uncertain"]}
        answer = asked(explorer, browser, {"order": "given", "place": 2})
        assert answer == {"answer": RowSource(ROWS, list("abc")).answer({"place": 2})}
        assert explorer.row == 0  # until the browser shows it
        assert asked(explorer, browser, {"order": "given", "place": 3}) == {
            "error": "place must be 0 to 2, got 3"
        }

    @pytest.mark.parametrize("error", [KeyError, RuntimeError, OSError, ZeroDivisionError])
    def test_that_cannot_be_read_are_told_in_words(
        self, opened: list[Browser], error: type[Exception]
    ) -> None:
        class Broken:
            shape = (2, 3)

            def __getitem__(self, index: Any) -> Any:
                if index == 0:
                    return ROWS[0]
                raise error(3)

        explorer = explore(Broken())
        browser = viewed(explorer, opened)
        words = f"given: cannot read row 1: {error.__name__}: 3"
        assert asked(explorer, browser, {"place": 1}) == {"error": words}
        # A linked slider in the browser asks for the row by its number alone.
        from_browser(explorer, row=1)
        assert explorer.row == 0
        assert browser.news()[-1]["state"]["row"] == 0
        with pytest.raises(RowError, match=re.escape(words)):
            explorer.row = 1
        assert asked(explorer, browser, {"place": 0})["answer"]["row"] == 0

    def test_shown_by_the_browser_arrive_and_are_not_sent_back(self, opened: list[Browser]) -> None:
        explorer = explore(ROWS, targets=[0, 1, 2])
        browser = viewed(explorer, opened)
        from_browser(explorer, row=2, target=2, logits=ROWS[2].tobytes())
        assert (explorer.row, explorer.target) == (2, 2)
        assert explorer.logits.tolist() == ROWS[2].tolist()
        assert {message["method"] for message in browser.news()} == {"echo_update"}

    def test_asked_for_by_a_slider_in_the_browser_are_brought(self, opened: list[Browser]) -> None:
        explorer = explore(ROWS)
        browser = viewed(explorer, opened)
        from_browser(explorer, row=1)
        assert explorer.logits.tolist() == ROWS[1].tolist()
        assert [["logits"]] in [message.get("buffer_paths") for message in browser.news()]

    @pytest.mark.parametrize("change", [{"row": 3}, {"row": "x"}, {"target": 3}, {"target": "x"}])
    def test_out_of_range_from_the_browser_are_refused(
        self, opened: list[Browser], change: Any
    ) -> None:
        explorer = explore(ROWS)
        browser = viewed(explorer, opened)
        from_browser(explorer, **change)
        assert (explorer.row, explorer.target) == (0, None)
        (message,) = browser.news()
        assert (message["state"]["row"], message["state"]["target"]) == (0, None)

    def test_in_a_file_or_picture_are_the_one_shown(self, tmp_path: Path) -> None:
        explorer = explore(ROWS, targets=[0, 1, 2])
        explorer.row = 1
        explorer.to_html(tmp_path / "row.html")
        state = State.of(ROWS[1], source="given", row=1, target=1)
        assert explorer.rows is not None
        written = (tmp_path / "row.html").read_text(encoding="utf-8")
        assert written == page_html(state, reliability=explorer.rows.measured())
        data, metadata = explorer._repr_mimebundle_()
        assert png_of(data).startswith(b"\x89PNG")
        assert "row 1 of 3" in metadata["image/png"]["alt"]

    def test_of_a_file_and_a_memory_map(self, tmp_path: Path) -> None:
        np.save(tmp_path / "rows.npy", ROWS)
        for rows in (
            open_logits(tmp_path / "rows.npy"),
            np.load(tmp_path / "rows.npy", mmap_mode="r"),
        ):
            explorer = explore(rows, row=2)
            assert explorer.logits.tolist() == ROWS[2].tolist()

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"targets": [1]}, "targets must come with rows of logits"),
            ({"row": 0}, "row must come with rows of logits"),
        ],
    )
    def test_are_none_for_a_single_row(self, arguments: dict[str, Any], message: str) -> None:
        with pytest.raises(ValueError, match=message):
            explore([1.0, 2.0], **arguments)
        explorer = explore([1.0, 2.0])
        assert (explorer.row, explorer.target, explorer.rows) == (None, None, None)
        assert explorer._rows is None
        with pytest.raises(TraitError, match="row must be None where there is one row"):
            explorer.row = 0


class TestProbabilities:
    @pytest.mark.parametrize("temperature", [0, 1e-4, 0.7, 1, 1e4, math.inf])
    def test_are_the_softmax_that_python_gives(self, temperature: float) -> None:
        logits = [0.3, 1.0, 1.0, -2.0]
        explorer = explore(logits, temperature=temperature)
        assert explorer.probabilities.tolist() == softmax(np.array(logits), temperature).tolist()

    def test_follow_the_traits(self) -> None:
        explorer = explore([1.0, 3.0])
        explorer.temperature = 0
        assert explorer.probabilities.tolist() == [0.0, 1.0]
        explorer.logits = [2.0, 2.0]
        assert explorer.probabilities.tolist() == [0.5, 0.5]


def png_of(data: dict[str, Any]) -> bytes:
    return base64.b64decode(data["image/png"], validate=True)


class TestOutput:
    @pytest.mark.parametrize(
        ("logits", "labels"),
        [
            ([0.3, 0.9, 0.1], None),
            (np.random.default_rng(0).normal(size=50), ["日本語" * 10] * 50),
            (
                np.random.default_rng(0).normal(size=50),
                ["".join(chr(33 + (7 * i * j + j) % 90) for j in range(40)) for i in range(50)],
            ),
            (np.random.default_rng(0).normal(size=60_000), None),
        ],
    )
    def test_holds_a_picture_which_is_small_whatever_the_state(
        self, logits: Any, labels: list[str] | None
    ) -> None:
        data, metadata = explore(logits, labels)._repr_mimebundle_()
        assert png_of(data).startswith(b"\x89PNG")
        assert len(data["image/png"]) < LARGEST_PICTURE
        assert f"{len(logits):,} logits" in metadata["image/png"]["alt"]
        assert data["text/plain"] == f"Explorer({len(logits):,} logits, temperature=1.0)"

    def test_shows_the_present_state(self) -> None:
        explorer = explore([0.3, 0.9, 0.1])
        before = explorer._repr_mimebundle_()[0]["image/png"]
        explorer.temperature = 0.1
        assert explorer._repr_mimebundle_()[0]["image/png"] != before

    def test_needs_no_matplotlib(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "thermoscope.figures", None)
        data, metadata = explore([0.3, 0.9])._repr_mimebundle_()
        assert set(data) == {VIEW, "text/plain"}
        assert "image/png" not in metadata
        embedded, _ = explore([0.3, 0.9], embed=True)._repr_mimebundle_()
        assert "<iframe" in embedded["text/html"]

    def test_embedded_is_the_page_in_a_frame_over_the_picture(self, opened: list[Browser]) -> None:
        explorer = explore([0.3, 0.9], ["</script>", '"><img onerror=alert(1)>'], embed=True)
        data, _ = explorer._repr_mimebundle_()
        assert VIEW not in data
        assert opened == []
        assert png_of(data).startswith(b"\x89PNG")
        page = page_html(State.of([0.3, 0.9], explorer.labels, source="given"))
        (source,) = re.findall(r'<iframe srcdoc="([^"]*)"', data["text/html"])
        assert html.unescape(source) == page
        assert 'sandbox="allow-scripts allow-downloads"' in data["text/html"]
        assert f'<img src="data:image/png;base64,{data["image/png"]}"' in data["text/html"]

    @pytest.mark.parametrize(("attended", "voila"), [(False, False), (False, True), (True, False)])
    def test_is_a_widget_only_where_somebody_is_there(
        self, monkeypatch: pytest.MonkeyPatch, *, attended: bool, voila: bool
    ) -> None:
        request = {"content": {"allow_stdin": attended}}
        shell = SimpleNamespace(get_parent=lambda: request)
        monkeypatch.setattr(widget, "get_ipython", lambda: shell)
        if voila:
            monkeypatch.setenv("VOILA_KERNEL_ID", "some")
        data, _ = explore([0.3, 0.9])._repr_mimebundle_()
        assert (VIEW in data) == (attended or voila)
        assert "image/png" in data

    def test_a_page_of_rows_with_targets_has_their_reliability(self, tmp_path: Path) -> None:
        logits, targets = np.random.default_rng(0).normal(0, 2, (50, 3)), np.arange(50) % 3
        explorer = Explorer(logits, targets=targets, row=3)
        assert explorer.rows is not None
        explorer.to_html(tmp_path / "page.html")
        measured = explorer.rows.measured()
        written = (tmp_path / "page.html").read_text(encoding="utf-8")
        assert written == page_html(explorer.rows.state(3), reliability=measured)
        explorer.hide = "reliability"
        explorer.to_html(tmp_path / "page.html")
        written = (tmp_path / "page.html").read_text(encoding="utf-8")
        assert written == page_html(explorer.rows.state(3), hide=["reliability"])
        # Rows that can't be measured are shown all the same.
        broken = Explorer([[math.nan, 1.0], [2.0, 1.0]], targets=[0, 1], row=1)
        broken.to_html(tmp_path / "page.html")
        assert broken.rows is not None
        written = (tmp_path / "page.html").read_text(encoding="utf-8")
        assert written == page_html(broken.rows.state(1))

    def test_to_html_writes_the_page_of_the_present_state(self, tmp_path: Path) -> None:
        explorer = explore([0.3, 0.9], ["a", "b"])
        explorer.temperature = math.inf
        path = tmp_path / "explorer.html"
        explorer.to_html(path)
        state = State.of([0.3, 0.9], ["a", "b"], temperature=math.inf, source="given")
        assert path.read_text(encoding="utf-8") == page_html(state)


@pytest.fixture(scope="module")
def executed() -> nbformat.NotebookNode:
    cells = [
        "from thermoscope.explorer.widget import explore",
        "explore([1.0, 2.0, 3.0])",
        "explore([1.0, 2.0, 3.0], embed=True)",
        "from thermoscope.figures import plot; plot([1.0, 2.0])",
        "import matplotlib.pyplot as plt; plot([1.0, 2.0])",
    ]
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(source) for source in cells]
    )
    NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    return notebook


class TestNotebook:
    """What ``nbconvert`` and ``jupyter execute`` make of a notebook with explorers in it."""

    def test_executed_with_nobody_there_holds_pictures_and_no_widget(
        self, executed: nbformat.NotebookNode
    ) -> None:
        shown, embedded = (cell.outputs for cell in executed.cells[1:3])
        assert set(shown[0].data) == {"image/png", "text/plain"}
        assert set(embedded[0].data) == {"image/png", "text/html", "text/plain"}
        assert len(str(shown[0])) < LARGEST_PICTURE
        assert "widgets" not in executed.metadata

    def test_a_figure_shows_once_with_and_without_pyplot(
        self, executed: nbformat.NotebookNode
    ) -> None:
        for cell in executed.cells[3:]:
            assert [set(output.data) for output in cell.outputs] == [{"image/png", "text/plain"}]

    def test_as_html_shows_a_picture_and_a_live_page_and_asks_no_cdn_for_a_widget(
        self, executed: nbformat.NotebookNode
    ) -> None:
        body, _ = HTMLExporter().from_notebook_node(executed)
        assert body.count('src="data:image/png') == 4  # one of them beneath the frame
        assert body.count("<iframe") == 1
        assert "html-manager" not in body

    def test_as_latex_shows_every_picture(self, executed: nbformat.NotebookNode) -> None:
        body, resources = LatexExporter().from_notebook_node(executed)
        assert len(resources["outputs"]) == 4
        for name, content in resources["outputs"].items():
            assert content.startswith(b"\x89PNG")
            assert f"{{{name}}}" in body

    def test_saved_by_a_browser_shows_the_picture_where_no_state_was_saved(
        self, opened: list[Browser]
    ) -> None:
        data, metadata = explore([1.0, 2.0])._repr_mimebundle_()
        assert opened
        output = nbformat.v4.new_output("display_data", data=data, metadata=metadata)
        cell = nbformat.v4.new_code_cell("explore([1.0, 2.0])", outputs=[output])
        body, _ = HTMLExporter().from_notebook_node(nbformat.v4.new_notebook(cells=[cell]))
        assert data["image/png"] in body
        assert VIEW not in body


def test_without_anywidget_the_error_says_what_to_install() -> None:
    program = "import sys; sys.modules['anywidget'] = None; import thermoscope.explorer.widget"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60
    )
    assert 'needs anywidget: pip install "thermoscope[notebook]"' in done.stderr


def test_a_data_set_brings_its_labels_targets_and_name(tmp_path: Path) -> None:
    (tmp_path / "pets.csv").write_text("pet,logit\ncat,2\ndog,1\n")
    one = Explorer(read_logits(tmp_path / "pets.csv"))
    assert (one.labels, one.source) == (("cat", "dog"), "pets.csv")
    (tmp_path / "rows.csv").write_text("cat,dog,label\n2,1,cat\n1,3,cat\n")
    many = Explorer(open_logits(tmp_path / "rows.csv", target_column="label"))
    assert (many.labels, many.target, many.source) == (("cat", "dog"), 0, "rows.csv")
    assert many.rows is not None
    assert many.rows.orders == ("given", "uncertain", "wrong")


class TestParts:
    def test_are_those_of_the_documentation(self) -> None:
        section = (Path(__file__).parent.parent / "docs" / "page.md").read_text()
        section = section.split("\n## Parts\n")[1].split("\n## ")[0]
        assert tuple(re.findall(r"^\| `(\w+)`", section, re.MULTILINE)) == PARTS + LOCKS

    def test_are_hidden_and_locked_by_name(self) -> None:
        explorer = explore([1.0, 2.0], hide="values,why", lock=["temperature"])
        assert (explorer.hide, explorer.lock) == (("values", "why"), ("temperature",))
        explorer.hide = []
        explorer.lock = "items,logits"
        assert (explorer.hide, explorer.lock) == ((), ("items", "logits"))
        # Only the user is kept from a change.
        explorer.logits = [3.0, 4.0, 5.0]
        assert explorer.logits.size == 3

    def test_that_explain_are_notes(self) -> None:
        assert explore(notes=False).hide == ("why", "lesson")
        assert explore(hide=["lesson", "values"], notes=False).hide == ("lesson", "values", "why")
        assert explore().hide == ()

    @pytest.mark.parametrize("name", ["hide", "lock"])
    def test_of_another_name_are_an_error(self, name: str) -> None:
        with pytest.raises(ArgumentError, match=rf"^{name} must be among .*, got 'all'$") as caught:
            Explorer([1.0], **{name: "logits,all"})
        assert caught.value.argument == name
        with pytest.raises(TypeError, match=f"{name} must be names, got 3"):
            Explorer([1.0], **{name: 3})
        explorer = Explorer([1.0], **{name: "logits"})
        with pytest.raises(TraitError, match="got 'all'"):
            setattr(explorer, name, ["all"])
        assert getattr(explorer, name) == ("logits",)

    def test_are_told_to_the_browser(self, opened: list[Browser]) -> None:
        explorer = explore(notes=False)
        browser = viewed(explorer, opened)
        explorer.hide = "values"
        (told,) = browser.news()
        assert told["state"] == {"hide": ("values",)}

    def test_are_in_the_page(self, tmp_path: Path) -> None:
        explorer = explore([1.0], hide="values", lock="logits")
        explorer.to_html(tmp_path / "page.html")
        page = (tmp_path / "page.html").read_text(encoding="utf-8")
        assert '"hide":["values"],"lock":["logits"]}' in page
        assert '"hide"' not in page_html(State.of([1.0])).split("</script>")[0]


class TestText:
    """A text that a model on a server writes."""

    def test_goes_on_when_the_browser_asks(self, opened: list[Browser]) -> None:
        waits = threading.Event()
        waits.set()

        def script(handler: Handler, _: Any) -> None:
            if handler.path == "/v1/models":
                handler.send({"data": [{"id": "m", "owned_by": "someone"}]})
            elif handler.path == "/v1/completions":
                assert waits.wait(60)
                tops = [{"token": " a", "logprob": -0.5}, {"token": " b", "logprob": -1.0}]
                entry = {**tops[0], "top_logprobs": tops}
                handler.send({"choices": [{"logprobs": {"content": [entry]}}]})
            else:
                handler.send({}, 404)

        def act(**action: Any) -> Any:
            data = {"method": "custom", "content": {"id": 7, "ask": {"write": action}}}
            explorer._handle_msg({"content": {"data": data}, "buffers": []})
            *updates, message = browser.news()
            # What all views hear comes before the answer to the one that asked.
            heard.extend(update["state"]["_rows"]["writing"] for update in updates)
            return message["content"]["answer"]

        with scripted(script) as server:
            explorer = explore(server=server.url, prompt="x", truncation={"top_k": 1})
            browser = named(explorer.model_id, opened)
            (opening,) = browser.news()
            heard: list[Any] = []
            assert opening["state"]["_rows"]["writing"]["prompt"] == "x"
            assert explorer.row == 0
            waits.clear()
            # The kernel goes on while the model is silent.
            status = act(do="step", truncation={"top_k": 1})
            assert (status["busy"], status["count"]) == (True, 1)
            waits.set()
            while status["busy"]:
                status = act(do="status", action=status["action"])
            assert (status["error"], status["count"]) == (None, 2)
            assert status["branches"][0]["text"] == " a"
            # That it is under way, and what has come of it, once each.
            assert [(each["busy"], each["version"]) for each in heard] == [(True, 0), (False, 1)]
            assert "json" in act(do="save")
            assert "json" not in json.dumps(heard)
            assert explorer._rows == explorer.rows.about()
            act(do="status")
            assert heard[-1]["told"] == (("allBranches",),)
            assert len(heard) == 3
            page = explorer._page()
        assert server.url not in page

    @pytest.mark.parametrize(
        ("arguments", "expected"),
        [
            ({"prompt": "x", "logits": [1.0, 2.0]}, "prompt must come without logits"),
            ({"server": "http://localhost:1"}, "prompt must be a text"),
            ({"server": "http://localhost:1", "prompt": "x", "tokenizer": 1}, "tokenizer must be"),
            ({"prompt": "x"}, "url must be given, or a model"),
            ({"server": "file:///etc/passwd", "prompt": "x"}, "url must be"),
        ],
    )
    def test_without_a_model_is_an_error(self, arguments: Any, expected: str) -> None:
        with pytest.raises((TypeError, ValueError), match=expected):
            explore(**arguments)


TASK = {"kind": "number", "ask": "How many?", "answer": 2}


def test_tasks_are_shown_and_what_came_of_them_arrives() -> None:
    explorer = explore([2.0, 1.0], tasks=[TASK])
    assert explorer.tasks == {"tasks": [TASK]}
    assert "How many?" not in explorer._esm
    assert explorer._esm == Kind.ACTIVITY.script("widget", Spoken.en)
    assert explorer._css == Kind.ACTIVITY.style
    assert explorer.progress is None
    told: list[object] = []
    explorer.observe(lambda change: told.append(change.new), "progress")
    progress = {"score": 1, "possible": 1, "done": True, "kept": {"at": 0, "trials": []}}
    explorer.set_state({"progress": progress})
    assert explorer.progress == progress
    assert told == [progress]
    explorer.tasks = [{**TASK, "answer": 3}]
    assert explorer.tasks["tasks"][0]["answer"] == 3
    assert explorer.progress is None
    with pytest.raises(TraitError, match=r"tasks\[0\]\.answer must be a finite number"):
        explorer.tasks = [{**TASK, "answer": "many"}]


def test_tasks_bring_what_the_page_shows_and_can_come_by_a_link() -> None:
    written = {"tasks": [TASK], "state": "logits=3,1&T=0.5", "hide": ["why"], "lock": ["items"]}
    explorer = explore(tasks=written)
    assert explorer.logits.tolist() == [3.0, 1.0]
    assert (explorer.temperature, explorer.hide, explorer.lock) == (0.5, ("why",), ("items",))
    assert explore([1.0, 2.0], tasks=written, hide="values").hide == ("values",)
    packed = Activity.of([TASK]).packed()
    linked = explore(state=f"make.html#logits=3,1&edit&activity={packed}")
    assert linked.tasks == {"tasks": [TASK]}
    assert packed in linked._page()


def test_tasks_are_about_one_whole_row() -> None:
    with pytest.raises(ArgumentError, match="tasks must come with one whole row of logits"):
        explore(np.zeros((2, 3)), tasks=[TASK])
    with pytest.raises(ArgumentError, match=r"tasks must be a list of 1 to 50 tasks, got \[\]"):
        explore([1.0], tasks=[])


def test_it_speaks_a_language_and_so_does_its_page(tmp_path: Path) -> None:
    explorer = explore([2.0, 1.0], language="ar")
    assert explorer._esm == Kind.DISTRIBUTION.script("widget", Spoken.ar)
    explorer.to_html(tmp_path / "page.html")
    assert '<html lang="ar" dir="rtl">' in (tmp_path / "page.html").read_text(encoding="utf-8")
    assert explore([2.0, 1.0])._esm == Kind.DISTRIBUTION.script("widget", Spoken.en)
    with pytest.raises(ArgumentError, match=r"^language must be one of 'en', .* 'auto', got 'fr'$"):
        explore([2.0, 1.0], language="fr")
