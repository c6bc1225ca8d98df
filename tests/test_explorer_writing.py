"""`Writing`: a text that a model writes for a page, branch by branch."""

from __future__ import annotations

import ast
import inspect
import json
import math
import re
import shutil
import subprocess
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import thermoscope as ts
from tests.model_server import llama_cpp, needs_llama_cpp
from thermoscope.arguments import ArgumentError
from thermoscope.calibration.fit import REASONS
from thermoscope.connection import draft as drafts
from thermoscope.connection.client import ServerError
from thermoscope.connection.model import Model, Note
from thermoscope.connection.source import Source
from thermoscope.data.errors import FileError
from thermoscope.data.formats.responses import Position, Token
from thermoscope.explorer import browse, sequence
from thermoscope.explorer import writing as writing_module
from thermoscope.explorer.browse import RowSource
from thermoscope.explorer.writing import ACTIONS, NOTES, Message, Writing, said

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WORDS = [" a", " b", " c", " d", " e", "</script>", "\u202e", "\x00"]
END = 4


class Words(Model):
    """A model of a few words, whose next one depends on the one before."""

    kind, version, model = "words", None, "folder/words.gguf"
    takes_ids = True
    ends = frozenset([END])

    def __init__(self, most: int | None = None, size: int = len(WORDS)) -> None:
        self.vocabulary = size
        self.most = most
        self.table = ts.log_softmax(np.random.default_rng(1).normal(0, 2, (size, size)))
        self.asked: list[list[int]] = []
        self.goes_on = threading.Event()
        self.goes_on.set()
        self.error = ""
        self.known = tuple(Token(WORDS[at % len(WORDS)], at, None) for at in range(size))

    def complete(self, prompt: Any, top: int, settings: Any = None) -> Position:
        del settings
        assert self.goes_on.wait(60)
        if self.error:
            raise ServerError(self.error)
        self.asked.append([*prompt])
        values = self.table[prompt[-1]]
        order = np.sort(np.argsort(-values)[:top])
        rest = None
        if top < len(values):
            rest = math.log(1 - np.exp(values[order]).sum())
        kept = values[order]
        tokens = tuple(self.known[at] for at in order)
        return Position(tokens, tuple(kept.tolist()), rest, -1, None, (0.0,) * len(kept), None)

    def tokenize(self, text: str) -> list[Token]:
        return [self.known[WORDS.index(f" {word}")] for word in text.split()]

    def wrong(self, problem: str) -> ServerError:
        return ServerError(f"words {problem}")

    def close(self) -> None:
        pass


def written(model: Words | None = None, *, seed: int = 3, prompt: str = "a") -> Writing:
    source = Source(model or Words())
    return Writing(ts.Draft(source, prompt, seed=seed), prompt)


def model_of(writing: Writing) -> Words:
    found: Any = writing._texts.branch.draft.source.server
    return found


def do(writing: Writing, name: str, /, **arguments: Any) -> Any:
    status = writing.act({"do": name, **arguments}, patience=60)
    assert status["error"] is None, status["error"]
    assert not status["busy"]
    return status


def step(writing: Writing, times: int = 1, **arguments: Any) -> Any:
    for _ in range(times):
        status = do(writing, "step", temperature=1.0, **arguments)
    return status


def text(writing: Writing) -> str:
    status = writing.status()
    return next(each["text"] for each in status["branches"] if each["name"] == status["branch"])


def test_the_last_row_is_the_next_token_of_which_nothing_is_drawn() -> None:
    writing = written()
    about = writing.about()
    assert (about["count"], about["orders"]) == (1, ["given"])
    assert about["writing"] == writing.status()
    chunk = writing.answer({"sequence": 0})
    assert (chunk["drawn"], chunk["places"], chunk["texts"]) == ([-1], [-1], [""])
    first = writing.state(0)
    assert first.logits.tolist() == model_of(writing).table[0].tolist()
    assert first.tail is None
    step(writing, 2)
    chunk = writing.answer({"sequence": 0})
    assert writing.count == 3
    assert chunk["drawn"][2] == -1
    assert "".join(chunk["texts"]) == text(writing)


def test_it_draws_as_a_draft_does_and_asks_for_each_position_once() -> None:
    writing = written()
    settings: Any = {"top_p": 0.9, "engine": "llama.cpp"}
    for _ in range(5):
        status = do(writing, "step", temperature=1.5, truncation=settings)
    draft = ts.Draft(Source(Words()), "a", 1.5, seed=3, **settings)
    assert [token.text for token in draft.write(5)]
    assert text(writing) == draft.text
    assert len(model_of(writing).asked) == 6
    assert status["seed"] == 3
    for _ in range(30):
        ended = do(writing, "step", temperature="inf")["ended"]
        assert ended == text(writing).endswith(WORDS[END])


def test_another_token_at_an_earlier_place_is_another_branch() -> None:
    writing = written()
    step(writing, 3)
    before = text(writing)
    asked = len(model_of(writing).asked)
    status = do(writing, "take", position=1, item=2)
    assert (status["branch"], status["count"], status["changed"]) == ("2", 3, 1)
    assert status["branches"][1] | {"text": ""} == {
        "name": "2",
        "length": 2,
        "from": "1",
        "shared": 1,
        "text": "",
    }
    assert text(writing) == before[:2] + " c"
    assert status["told"] == (said("taken", "2", " c", "1"),)
    assert len(model_of(writing).asked) == asked + 1
    # At the end, the branch that is there goes on.
    assert do(writing, "take", position=2, item=1)["branch"] == "2"
    assert do(writing, "select", name="1")["changed"] == 1
    assert text(writing) == before
    assert len(model_of(writing).asked) == asked + 2


def test_what_is_cut_comes_back_and_is_not_asked_for_again() -> None:
    writing = written()
    step(writing, 4)
    before, version = text(writing), writing.status()["version"]
    asked = len(model_of(writing).asked)
    status = do(writing, "cut", position=1)
    assert (status["count"], status["changed"], status["version"]) == (2, 1, version + 1)
    assert (status["told"], status["canRestore"]) == ((said("cut", 3),), True)
    # The seed of each position writes the same.
    assert step(writing, 3)["canRestore"] is False
    assert text(writing) == before
    do(writing, "cut", position=0)
    status = do(writing, "restore")
    assert (text(writing), status["canRestore"]) == (before, False)
    assert len(model_of(writing).asked) == asked + 3
    assert writing.act({"do": "restore"}, 60)["error"] == said("nothingToRestore")


def test_branches_have_names_and_can_be_deleted() -> None:
    writing = written()
    step(writing, 3)
    do(writing, "branch", position=2)
    status = do(writing, "rename", name="2", to="  the other ")
    assert (status["branch"], status["changed"]) == ("the other", status["count"])
    do(writing, "branch", position=1, name="third")
    status = do(writing, "delete", name="the other")
    assert [each["name"] for each in status["branches"]] == ["1", "third"]
    assert status["branches"][1]["from"] is None
    assert len(do(writing, "restore")["branches"]) == 3
    do(writing, "delete", name="third")
    assert do(writing, "delete", name="the other")["branch"] == "1"
    assert writing.act({"do": "delete", "name": "1"}, 60)["error"] == said("only")


def test_prompt_text_and_seed_can_be_others() -> None:
    writing = written()
    step(writing, 2)
    before = text(writing)
    status = do(writing, "edit", text=before + " b c")
    assert (text(writing), status["changed"]) == (before + " b c", 2)
    assert do(writing, "edit", text="")["count"] == 1
    assert text(writing) == ""
    do(writing, "restore")
    assert text(writing) == before + " b c"
    status = do(writing, "start", prompt="b d")
    assert (status["prompt"], status["prefix"], status["count"]) == ("b d", "b d", 1)
    assert model_of(writing).asked[-1] == [1, 3]
    assert do(writing, "reseed", seed=12)["seed"] == 12
    assert do(writing, "reseed", seed=None)["seed"] != 12
    assert [each["text"] for each in writing.status()["branches"]] == [before + " b c", ""]


def test_a_word_that_is_not_kept_of_a_position_is_asked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drafts, "SAVED", 2)
    monkeypatch.setattr(writing_module, "SAVED", 2)
    writing = written(Words(size=8))
    step(writing, 3, truncation={"top_k": 1})
    path = tmp_path / "text.json"
    path.write_text(str(do(writing, "save")["json"]), encoding="utf-8")
    opened = Writing.opened(Source(Words(size=8)), path)
    unlikely = int(model_of(opened).table[0].argmin())
    assert WORDS[unlikely] not in (opened.state(0).labels or ())
    words = "".join(WORDS[at] for at in (unlikely % 5, 1))
    do(opened, "edit", text=words)
    assert text(opened) == words
    assert [0] in model_of(opened).asked


def test_a_word_that_the_server_does_not_report_is_named() -> None:
    writing = written(Words(most=2))
    row = model_of(writing).table[0]
    word = WORDS[int(row[:4].argmin())]
    status = writing.act({"do": "edit", "text": word}, 60)
    assert status["error"] == said("unknownToken", word, 1)
    assert status["count"] == 1


def test_two_branches_are_compared_from_where_they_part() -> None:
    writing = written()
    do(writing, "take", position=0, item=1)
    do(writing, "take", position=1, item=2)
    do(writing, "take", position=1, item=6)
    sampler = {"temperature": 0.5, "truncation": {"top_k": 3}}
    found = do(writing, "compare", **{"with": "1"}, **sampler)["comparison"]
    row = model_of(writing).table[1]
    p = ts.truncate(row, 0.5, top_k=3)
    assert found["shared"] == 1
    assert found["next"] == pytest.approx(np.exp(row[[6, 2]]))
    for one, token in zip(found["branches"], (6, 2), strict=True):
        assert one["text"] == {2: " c", 6: "\\u202e"}[token]
        assert one["surprisal"] == pytest.approx(-row[token])
        assert one["sampled"] == ("-inf" if p[token] == 0 else pytest.approx(math.log(p[token])))
    do(writing, "start", prompt="c")
    assert writing.act({"do": "compare", "with": "1"}, 60)["error"] == said("otherPrompt")


def test_two_settings_are_compared_on_the_text() -> None:
    writing = written()
    step(writing, 3)
    a, b = ({"temperature": t, "truncation": {"top_k": k}} for t, k in ((1.0, 5), (0.3, 2)))
    found = do(writing, "settings", a=a, b=b)["settings"]
    model = model_of(writing)
    rows = model.table[[ids[-1] for ids in model.asked]]
    apart = abs(ts.truncate(rows, 1.0, top_k=5) - ts.truncate(rows, 0.3, top_k=2)).sum(axis=1) / 2
    assert found["positions"] == 4
    assert found["each"] == pytest.approx(apart)
    assert found["tv"] == pytest.approx([apart.mean()] * 2)
    assert found["worst"]["position"] == apart.argmax()
    assert found["worst"]["tv"] == pytest.approx([apart.max()] * 2)


def test_files_have_all_branches_and_ask_for_nothing(tmp_path: Path) -> None:
    writing = written(seed=1)
    assert writing.act({"do": "save"}, 60)["error"] == said("noText")
    step(writing, 3)
    do(writing, "take", position=1, item=5)
    found = do(writing, "save")
    path = tmp_path / str(found["name"])
    path.write_text(str(found["json"]), encoding="utf-8")
    data = ts.open_logits(path)
    assert [data.tokens[row][data.drawn[row]].text for row in range(2)][1] == "</script>"
    kept = json.loads(str(found["json"]))["thermoscope"]
    assert (kept["branch"], [each["name"] for each in kept["branches"]]) == ("2", ["1", "2"])
    assert [len(each["content"]) for each in kept["branches"]] == [3, 1]
    assert kept["branches"][1]["shared"] == 1

    page = str(do(writing, "page", temperature=0.5, truncation={"top_k": 3})["html"])
    content = re.search(r'<script type="application/json">(.*?)</script>', page, re.DOTALL)
    assert content is not None
    state = json.loads(content[1])
    assert (state["temperature"], state["truncation"]) == (0.5, {"top_k": 3})
    assert (state["rows"]["count"], "writing" in state["rows"]) == (2, False)
    assert state["rows"]["sequence"]["passages"] == [[0, "answer", "a"]]
    policy = re.search('Content-Security-Policy" content="([^"]*)"', page)
    assert policy is not None
    assert "connect-src" not in policy[1]
    assert page.count("</script>") == 2


@pytest.mark.parametrize("change", ["cut of the origin", "edit of the origin", "cut of the branch"])
def test_a_file_has_every_token_of_a_branch_whose_origin_has_changed(change: str) -> None:
    writing = written()
    step(writing, 5)
    do(writing, "take", position=3, item=0)
    if change == "cut of the origin":
        do(writing, "select", name="1")
        do(writing, "cut", position=1)
    elif change == "edit of the origin":
        do(writing, "select", name="1")
        do(writing, "edit", text=" d d d d")
    else:
        do(writing, "cut", position=2)
    saved = json.loads(do(writing, "save")["json"])["thermoscope"]["branches"]
    drafts_now = {name: each.draft for name, each in writing._texts.branches.items()}
    assert [each["name"] for each in saved] == [*drafts_now] == ["1", "2"]
    words: dict[str, list[str]] = {}
    for each in saved:
        beginning = words[each["from"]][: each["shared"]] if each["from"] else []
        assert len(beginning) == each["shared"]
        words[each["name"]] = [*beginning, *(token["token"] for token in each["content"])]
        assert words[each["name"]] == [token.text for token in drafts_now[each["name"]].tokens]
    told = writing.status()["branches"]
    assert [each["shared"] for each in told] == [each["shared"] for each in saved]  # type: ignore[attr-defined]


def saved(writing: Writing, folder: Path) -> Path:
    path = folder / "text.json"
    path.write_text(do(writing, "save")["json"], encoding="utf-8")
    return path


def test_a_text_of_an_infinite_temperature_is_saved_as_json(tmp_path: Path) -> None:
    writing = written()
    do(writing, "step", temperature="inf")
    path = saved(writing, tmp_path)
    # Python's json writes and reads a word that JSON does not have.
    assert "Infinity" not in path.read_text(encoding="utf-8")
    assert Writing.opened(Source(Words()), path).sampler["temperature"] == math.inf


@pytest.mark.parametrize("most", [None, 3])
def test_a_saved_text_goes_on_with_all_of_its_branches(tmp_path: Path, most: int | None) -> None:
    writing = written(Words(most))
    sampler = {"temperature": 0.7, "truncation": {"top_k": 2, "order": ["top_k", "temperature"]}}
    for _ in range(4):
        do(writing, "step", **sampler)
    do(writing, "take", position=2, item=0)
    do(writing, "step", **sampler)
    do(writing, "rename", name="2", to="other")
    do(writing, "branch", position=1)
    do(writing, "reseed", seed=9)
    do(writing, "step", **sampler)
    do(writing, "start", prompt="b c")
    do(writing, "select", name="other")
    path = saved(writing, tmp_path)
    opened = Writing.opened(Source(Words(most)), path)
    before, after = writing.status(), opened.status()
    assert after["told"] == (said("opened", "text.json", 4),)
    for name in ("branch", "branches", "prompt", "prefix", "seed", "count"):
        assert after[name] == before[name], name
    assert len(after["branches"]) == 4  # type: ignore[arg-type]
    assert opened.sampler == sampler
    for one, two in zip(
        writing._texts.branches.values(), opened._texts.branches.values(), strict=True
    ):
        assert (one.draft.prompt, one.draft.seed) == (two.draft.prompt, two.draft.seed)
        for row, again in zip(one.draft.rows, two.draft.rows, strict=True):
            assert row.tokens == again.tokens
            assert row.logprobs.tolist() == again.logprobs.tolist()
            assert row.delta.tolist() == again.delta.tolist()
            assert (row.drawn, row.tail, row.vocabulary) == (again.drawn, again.tail, len(WORDS))
            assert row.tail == -np.inf or row.cap == again.cap
    # It goes on with the same tokens, and can be saved again.
    assert do(writing, "save")["json"] == do(opened, "save")["json"]
    for each in ("3", "other"):
        texts = set()
        for page in (writing, opened):
            do(page, "select", name=each)
            do(page, "step", **sampler)
            texts.add(text(page))
        assert len(texts) == 1
    if most is None:
        assert do(opened, "edit", text=" c d")["count"] == 3


def test_the_file_of_a_draft_goes_on_too(tmp_path: Path) -> None:
    penalties = ts.Penalties(history=[], frequency_penalty=1.0)
    draft = ts.Draft(Source(Words()), "a b", 0.5, seed=4, top_p=0.9, penalties=penalties)
    list(draft.write(3))
    draft.save(tmp_path / "text.json")
    model = Words()
    model.model = "other.gguf"
    opened = Writing.opened(Source(model), tmp_path / "text.json")
    assert (text(opened), opened.status()["prompt"]) == (draft.text, "a b")
    assert opened.sampler == {"temperature": 0.5, "truncation": {"top_p": 0.9}}
    assert opened.status()["told"] == (
        said("opened", "text.json", 1),
        said("unread", "penalties"),
        said("otherModel", "words.gguf", "other.gguf"),
    )
    with pytest.raises(OSError, match=r"its model has 8 tokens, and words\.gguf has 9: "):
        Writing.opened(Source(Words(size=9)), tmp_path / "text.json")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda ours: ours.clear(), "no text was saved in it"),
        (lambda ours: ours.update(branch="9"), '"branch" must be that of a branch'),
        (lambda ours: ours.update(branches=[]), '"branches" must have at least one'),
        (lambda ours: ours.update(temperature="hot"), '"temperature" must be of type float or int'),
        (lambda ours: ours.update(temperature=-1), "temperature must be >= 0, got -1"),
        (lambda ours: ours.update(settings={"top_p": "2"}), "top_p must be"),
        (lambda ours: ours.update(settings={"file": "'x'"}), "must have keys of"),
        (lambda ours: ours["branches"].reverse(), "one that stands before it"),
        (lambda ours: ours["branches"][1].update(name="1"), "there are two branches '1'"),
        (lambda ours: ours["branches"][1].update(shared=9), "one that stands before it"),
        (lambda ours: ours["branches"][0].update(prompt=[]), "must have a prompt"),
        (lambda ours: ours["branches"][0].update(prompt=["x"]), "must have a prompt"),
        (lambda ours: ours["branches"][0].update(seed=-1), "seed must be"),
        (lambda ours: ours["branches"][0]["content"][0].clear(), "branch '1'"),
    ],
)
def test_a_file_that_is_no_saved_text_is_refused_in_one_line(
    tmp_path: Path, change: Callable[[Any], object], problem: str
) -> None:
    writing = written()
    step(writing, 3)
    do(writing, "take", position=1, item=5)
    path = saved(writing, tmp_path)
    document = json.loads(path.read_bytes())
    change(document["thermoscope"])
    path.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(FileError) as caught:
        Writing.opened(Source(Words()), path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert problem in message
    assert "\n" not in message


def test_a_cut_of_nothing_leaves_what_can_be_restored() -> None:
    writing = written()
    before = step(writing, 4)["count"]
    do(writing, "cut", position=2)
    refused = writing.act({"do": "cut", "position": 2}, 60)
    assert refused["error"] == said("nothingToCut")
    assert do(writing, "restore")["count"] == before


@pytest.mark.parametrize(
    "action",
    [
        {"do": "start", "prompt": "x\ud800"},
        {"do": "edit", "text": "x\ud800"},
        {"do": "rename", "name": "1", "to": "x\ud800"},
    ],
)
def test_half_a_surrogate_pair_is_refused(action: dict[str, object]) -> None:
    writing = written()
    before = writing.status()
    status = writing.act(action, 60)
    assert status["error"][0] == "words"  # type: ignore[index]
    assert "must be Unicode text, got '\\ud800' after" in status["error"][1]  # type: ignore[index]
    kept = {name: status[name] for name in before} | {"error": None}
    assert kept == before
    assert json.dumps(status, ensure_ascii=False).encode()


def test_a_server_that_fails_is_told_and_the_text_is_kept() -> None:
    writing = written()
    step(writing, 2)
    before = writing.status()
    model = model_of(writing)
    model.error = "the server has\nno memory"
    status = writing.act({"do": "step", "temperature": 1}, 60)
    made = {"made": before["version"]}
    error = said("words", "the server has no memory")
    assert status == before | {"error": error, "told": ()} | made
    # What is known is still there.
    assert do(writing, "cut", position=1)["count"] == 2
    model.error = ""
    step(writing)
    assert text(writing) == before["branches"][0]["text"]
    model.error = "gone"
    with pytest.raises(ServerError, match="gone"):
        written(model)


def test_one_action_at_a_time_and_what_is_cancelled_is_dropped() -> None:
    writing = written()
    model = model_of(writing)
    model.goes_on.clear()
    status = writing.act({"do": "step", "temperature": 1}, 0.01)
    assert status["busy"]
    assert writing.act({"do": "cut", "position": 0}, 0.01)["error"] == said("busy")
    late = writing._job
    assert late is not None
    status = writing.act({"do": "cancel"})
    assert (status["busy"], status["count"]) == (False, 1)
    model.goes_on.set()
    late.result()
    assert writing.act({"do": "status"})["count"] == 1
    # The answer that comes late has been found by another query, and once.
    assert step(writing)["count"] == 2
    model.goes_on.clear()
    assert writing.act({"do": "step", "temperature": 1}, 0.01)["busy"]
    model.goes_on.set()
    assert writing.act({"do": "status"}, 60)["count"] == 3


def test_what_is_cancelled_is_awaited_no_longer() -> None:
    writing = written()
    model_of(writing).goes_on.clear()
    assert writing.act({"do": "step", "temperature": 1}, 0)["busy"]
    job = writing._job
    assert job is not None
    waiting = threading.Thread(target=job.wait, args=[50])
    waiting.start()
    writing.act({"do": "cancel"})
    waiting.join(20)
    assert not waiting.is_alive()
    assert not job.ended
    model_of(writing).goes_on.set()


def test_a_refusal_is_told_to_the_page_that_asked_alone() -> None:
    writing = written()
    before = step(writing)["told"]
    for refused in ({"do": "erase"}, {"do": "cut", "position": 0, "version": 0}):
        assert writing.act(refused)["error"]
        assert (writing.status()["error"], writing.status()["told"]) == (None, before)
    model_of(writing).goes_on.clear()
    assert writing.act({"do": "step", "temperature": 1}, 0)["busy"]
    other = writing.act({"do": "cut", "position": 0}, 60)
    # It waits for nothing: nothing of its own is under way.
    assert (other["error"], other["busy"]) == (said("busy"), False)
    model_of(writing).goes_on.set()
    status = writing.act({"do": "status"}, 60)
    assert (status["error"], status["count"]) == (None, 3)


def slow(writing: Writing, name: str, /, **arguments: Any) -> tuple[int, threading.Event]:
    """Begin an action that does not end before an event, and return its number."""
    goes_on = threading.Event()
    real = ACTIONS[name]

    def waiting(texts: Any, action: Any) -> Any:
        assert goes_on.wait(60)
        return real(texts, action)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writing_module, "ACTIONS", {**ACTIONS, name: waiting})
        status: Any = writing.act({"do": name, **arguments}, 0)
    assert status["busy"]
    return status["action"], goes_on


def test_what_an_action_finds_is_told_once_and_to_the_page_that_asked() -> None:
    writing = written()
    step(writing, 2)
    assert "json" in do(writing, "save")
    assert "json" not in writing.status()
    assert "json" not in writing.act({"do": "status"})

    # Another page looks while the file is written, and begins something else when it is.
    number, goes_on = slow(writing, "save")
    goes_on.set()
    assert "json" not in writing.act({"do": "status"}, 60)
    assert do(writing, "reseed", seed=9)["seed"] == 9
    model_of(writing).goes_on.clear()
    assert writing.act({"do": "step", "temperature": 1}, 0)["busy"]
    found = writing.act({"do": "status", "action": number}, 0)
    assert (found["busy"], found["told"]) == (False, (said("allBranches"),))
    assert json.loads(str(found["json"]))["choices"]
    # Of the change since it is told what it made: the version before.
    assert (found["made"], found["version"]) == (2, 3)
    model_of(writing).goes_on.set()
    again = writing.act({"do": "status", "action": number}, 60)
    assert "json" not in again


def test_what_is_never_fetched_is_not_kept_for_ever() -> None:
    writing = written()
    for _ in range(20):
        _, goes_on = slow(writing, "save")
        goes_on.set()
        writing.act({"do": "status"}, 60)
    assert len(writing._outcomes) == writing_module.KEPT


def test_what_another_page_cancels_is_told_to_the_page_that_asked() -> None:
    writing = written()
    number, goes_on = slow(writing, "step", temperature=1)
    assert "cancelled" not in writing.act({"do": "cancel"})
    goes_on.set()
    found = writing.act({"do": "status", "action": number})
    assert (found["cancelled"], found["error"], found["count"]) == (True, None, 1)
    assert found["told"] == (said("cancelled"),)


def test_what_has_ended_is_taken_over_by_the_next_action_whoever_asks() -> None:
    writing = written()
    _, goes_on = slow(writing, "step", temperature=1)
    job = writing._job
    assert job is not None
    goes_on.set()
    assert job.wait(60)
    # The page that began it was closed.
    assert do(writing, "step", temperature=1)["count"] == 3


def test_a_page_hears_from_which_position_on_all_changes_since_its_version_are() -> None:
    writing = written()
    step(writing, 5)
    known = writing.status()["version"]
    do(writing, "cut", position=3)
    step(writing, 4)
    assert writing.act({"do": "status", "version": known})["changed"] == 3
    assert writing.act({"do": "status", "version": known + 1})["changed"] == 3
    assert writing.act({"do": "status", "version": known + 3})["changed"] == 5
    status = writing.status()
    assert status["changed"] == status["count"] == 8
    for unknown in (-1, 99, "5", None, True):
        assert writing.act({"do": "status", "version": unknown})["changed"] in (0, 8)
    assert writing.act({"do": "status", "version": 99})["changed"] == 0


def test_files_have_what_is_shown_of_the_prompt_of_their_branch(tmp_path: Path) -> None:
    # A chat, of which the page shows what was typed, and not what the template made of it.
    writing = Writing(ts.Draft(Source(Words()), "a b", seed=3), None, "as it was typed")
    step(writing)

    def prompts() -> list[str]:
        found = do(writing, "page", temperature=1.0)["html"]
        assert "a b" not in found.split("<script>")[0]
        path = saved(writing, tmp_path)
        rows = (RowSource(ts.open_logits(path)), Writing.opened(Source(Words()), path), writing)
        abouts: list[Any] = [source.about()["sequence"] for source in rows]
        abouts.append(writing.embedded()["sequence"])
        written = re.search(r'"passages":\[\[0,"answer","(.*?)"\]\]', found)
        assert written is not None
        return [written[1], *(about["passages"][0][2] for about in abouts)]

    assert prompts() == ["as it was typed"] * 5
    do(writing, "start", prompt="c d")
    step(writing)
    assert prompts() == ["c d"] * 5
    do(writing, "select", name="1")
    assert prompts() == ["as it was typed"] * 5


@pytest.mark.parametrize("name", ["save", "page"])
def test_a_file_has_the_text_of_a_branch_that_has_one(name: str, tmp_path: Path) -> None:
    writing = written()
    step(writing, 2)
    do(writing, "branch", position=1)
    step(writing, 2)
    do(writing, "branch", position=0)
    found = do(writing, name, temperature=1)
    assert found["told"][-1] == said("textOf", "3", "2")
    if name == "save":
        (tmp_path / "text.json").write_text(found["json"], encoding="utf-8")
        assert ts.open_logits(tmp_path / "text.json").shape[0] == 3
        # What goes on with it shows what was shown.
        again = Writing.opened(Source(model_of(writing)), tmp_path / "text.json").status()
        assert (again["branch"], again["count"]) == ("3", 1)
        assert len(again["branches"]) == 3  # type: ignore[arg-type]
    else:
        assert '"count":3' in found["html"]
        assert '"passages":[[0,"answer","a"]]' in found["html"]
    # A prompt of its own left no branch.
    do(writing, "start", prompt="c")
    assert do(writing, name, temperature=1)["told"][-1] == said("textOf", "4", "1")
    do(writing, "select", name="2")
    told = do(writing, name, temperature=1)["told"]
    assert told == ((said("allBranches"),) if name == "save" else ())


@pytest.mark.parametrize("query", [{"place": 2}, {"sequence": 0}, {"rows": 0}])
def test_no_action_ends_in_the_middle_of_an_answer(
    monkeypatch: pytest.MonkeyPatch, query: dict[str, object]
) -> None:
    writing = written()
    step(writing, 2)
    free: list[bool] = []

    def tried(row: int) -> int:
        # What an action has found is taken over under this lock, in the thread of another query.
        other = threading.Thread(target=lambda: free.append(writing._lock.acquire(blocking=False)))
        other.start()
        other.join()
        return row

    for name in ("_number", "_shared_labels"):
        owner: Any = browse if name == "_number" else writing
        real = getattr(owner, name)
        monkeypatch.setattr(owner, name, lambda *of, real=real: (tried(0), real(*of))[1])
    writing.answer(query)
    assert free
    assert not any(free)


def test_a_text_that_began_without_a_next_token_shows_it_once_it_is_known() -> None:
    model = Words()
    draft = ts.Draft(Source(model), "a", seed=3)
    draft.step()
    model.error = "down"
    writing = Writing(draft, "a")
    assert (writing.count, writing.status()["error"]) == (1, said("words", "down"))
    model.error = ""
    do(writing, "rename", name="1", to="one")
    # A page that reads from "changed" on reads the position that is new.
    status = do(writing, "select", name="one")
    assert (status["count"], status["changed"], writing.count) == (2, 1, 2)


def test_a_page_that_has_missed_a_change_does_nothing() -> None:
    writing = written()
    version = writing.status()["version"]
    step(writing, 2)
    status = writing.act({"do": "cut", "position": 0, "version": version}, 60)
    assert status["error"] == said("changed")
    assert status["count"] == 3
    # What is there now can always be asked for.
    assert writing.act({"do": "status", "version": version})["count"] == 3


@pytest.mark.parametrize(
    ("action", "error"),
    [
        ({"do": "erase"}, said("noAction", "erase")),
        ({}, said("noAction", "None")),
        ({"do": "take", "position": 9, "item": 0}, said("position", 1, 9)),
        ({"do": "take", "position": 0, "item": 99}, "item must be 0 to 7, got 99"),
        ({"do": "take", "position": "0", "item": 0}, "position must be a whole number"),
        ({"do": "cut"}, "position must be a whole number"),
        ({"do": "step", "temperature": -1}, "temperature must be"),
        ({"do": "step", "temperature": [1]}, "temperature must be"),
        ({"do": "step", "truncation": {"top_k": -1}}, "truncation is wrong"),
        ({"do": "step", "truncation": {"url": "http://x"}}, "truncation must have keys of"),
        ({"do": "select", "name": "9"}, "name must be that of a branch, got '9'"),
        ({"do": "rename", "name": "1", "to": ""}, said("name", 60)),
        ({"do": "rename", "name": "1", "to": 2}, "name must be a text"),
        ({"do": "branch", "position": 0, "name": "1"}, said("known", "1")),
        ({"do": "branch", "position": 0, "name": "n" * 61}, said("name", 60)),
        ({"do": "start", "prompt": ""}, said("empty")),
        ({"do": "start", "prompt": ["http://x"]}, said("empty")),
        ({"do": "edit", "text": None}, "text must be a text"),
        ({"do": "reseed", "seed": -1}, "seed must be"),
        ({"do": "compare", "with": "1"}, "must be another branch"),
        ({"do": "settings", "a": {}, "b": 1}, "b must be a temperature and truncation"),
    ],
)
def test_a_wrong_action_is_told_in_a_line_and_changes_nothing(
    action: Any, error: str | Message
) -> None:
    writing = written()
    step(writing)
    before = writing.status()
    status = writing.act(action, 60)
    if isinstance(error, tuple):
        assert status["error"] == error
    else:
        name, words = status["error"]  # type: ignore[misc]
        assert name == "words"
        assert error in words
        assert "\n" not in words
    assert status | {"error": None, "made": 1} == before | {"made": 1}


def test_other_rows_are_not_written() -> None:
    with pytest.raises(ArgumentError, match="no model writes these rows"):
        ts.explore([[1.0, 2.0], [2.0, 1.0]]).rows.answer({"write": {"do": "step"}})
    with pytest.raises(TypeError, match="must be an action"):
        written().act("step")


def test_a_whole_vocabulary_is_named_once_and_a_part_each_time() -> None:
    writing = written()
    step(writing)
    assert "labels" not in writing.answer({"order": "given", "place": 1})
    asked = writing.answer({"order": "given", "place": 1, "labels": "all"})
    assert asked["labels"] == list(writing.state(0).labels or ())
    part = written(Words(most=3))
    do(part, "take", position=0, item=1)
    row = part.answer({"order": "given", "place": 0})
    assert len(row["labels"]) == 3
    assert part.state(0).tail is not None
    assert part.answer({"sequence": 0})["drawn"] == [1, -1]
    # Which tokens the sampler keeps is not known.
    error = part.act({"do": "step", "temperature": 1.0}, 60)["error"]
    assert "what the sampler keeps is not known" in str(error)


def test_of_positions_long_ago_the_likeliest_tokens_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    size = 400
    monkeypatch.setattr(drafts, "SAVED", 20)
    monkeypatch.setattr(drafts, "MOST_BYTES", 4 * drafts.BYTES_PER_ENTRY * size)
    writing = written(Words(size=size))
    whole = []
    for _ in range(8):
        step(writing)
        whole.append(sum(writing.state(row).tail is None for row in range(writing.count - 1)))
    assert whole == [1, 2, 3, 4, 2, 3, 4, 2]
    first = writing.state(0)
    assert 20 <= len(first.logits) <= 21
    assert first.labels is not None
    assert len(first.labels) == len(first.logits)
    chunk = writing.answer({"sequence": 0})
    assert max(chunk["sizes"]) <= sequence.MOST
    # The page draws the bar of the drawn token by its place in the row.
    for row, (item, word) in enumerate(zip(chunk["drawn"][:-1], chunk["texts"], strict=False)):
        assert (writing.state(row).labels or ())[item] == word


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    rows = np.random.default_rng(2).normal(0, 3, (8, 2048))
    with llama_cpp(tmp_path_factory.mktemp("writing"), rows, "bytes") as address:
        yield address


@needs_llama_cpp
def test_llama_cpp_writes_takes_and_edits(address: str) -> None:
    with ts.connect(address) as source:
        writing = Writing(ts.Draft(source, "a", seed=7), "a")
        step(writing, 3, truncation={"top_k": 9})
        draft = ts.Draft(source, "a", seed=7, top_k=9)
        assert [*draft.write(3)]
        assert text(writing) == draft.text
        do(writing, "take", position=1, item=2047)
        assert do(writing, "edit", text="1+1")["count"] == 4
        assert text(writing) == "1+1"
        assert said("allTokens", 2048) in writing.status()["about"]  # type: ignore[operator]
        do(writing, "start", prompt="b")
        assert step(writing)["prompt"] == "b"


READ = """
const texts = { thermoscopeTexts: {} };
for (const part of ["base", "rows", "writing"]) {
  const file = `src/thermoscope/explorer/static/texts/en-${part}.js`;
  require("vm").runInNewContext(require("fs").readFileSync(file, "utf8"), texts);
}
const { rows, writing } = texts.thermoscopeTexts.en;
const tables = [writing.messages, rows.reliability.reasons];
const sizes = (table) => Object.entries(table).map(([name, text]) => [name, text.length]);
console.log(JSON.stringify(tables.map((table) => Object.fromEntries(sizes(table)))));
"""


@pytest.fixture(scope="module")
def messages() -> list[dict[str, int]]:
    """Return the texts for messages and for reasons, with how many things each is about."""
    if shutil.which("node") is None:
        pytest.skip("Node is not installed")
    command = ["node", "-e", READ]
    root = Path(__file__).parents[1]
    done = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True)
    found: list[dict[str, int]] = json.loads(done.stdout)
    return found


def test_the_page_has_a_text_for_each_message(messages: list[dict[str, int]]) -> None:
    known, _ = messages
    calls = [
        node
        for node in ast.walk(ast.parse(inspect.getsource(writing_module)))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in ("said", "_RefusedError")
        and isinstance(node.args[0], ast.Constant)
    ]
    assert len(calls) > 30
    for call in calls:
        name, *about = call.args
        assert isinstance(name, ast.Constant)
        if name.value != "words":
            assert known[str(name.value)] == len(about), name.value
    assert set(NOTES) == set(Note)


def test_the_page_has_a_text_for_each_reason_of_a_fit(messages: list[dict[str, int]]) -> None:
    _, known = messages
    sizes = {name: len(inspect.signature(words).parameters) for name, words in REASONS.items()}
    assert sizes == known


def test_no_answer_waits_once_the_page_is_closed() -> None:
    writing = written()
    model_of(writing).goes_on.clear()
    assert writing.act({"do": "step", "temperature": 1}, 0)["busy"]
    writing.stop()
    assert not writing.status()["busy"]
    assert writing.act({"do": "step", "temperature": 1}, 60)["busy"]
    model_of(writing).goes_on.set()
