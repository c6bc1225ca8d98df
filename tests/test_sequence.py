"""The positions of a text as the page reads them."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from numpy.typing import NDArray

from thermoscope import Dataset, open_logits
from thermoscope.data.formats.responses import Passage, Token
from thermoscope.explorer import sequence
from thermoscope.explorer.browse import RowSource

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

DATA = Path(__file__).parent / "data" / "sequences"


def opened(name: str, **options: Any) -> RowSource:
    return RowSource(open_logits(DATA / f"{name}.json", **options))


def floats(text: object) -> NDArray[np.float32]:
    return np.frombuffer(base64.b64decode(str(text)), "<f4")


def doubles(text: object) -> NDArray[np.float64]:
    return np.frombuffer(base64.b64decode(str(text)), "<f8")


def logprobs_of(chunk: Mapping[str, Any], position: int) -> NDArray[np.float32]:
    start = position * chunk["width"]
    return floats(chunk["logprobs"])[start : start + chunk["sizes"][position]]


@pytest.mark.parametrize(
    ("name", "passages", "text"),
    [
        ("chat", [[0, "answer", ""]], "The capital of France is Paris, not Lyon Nantes\n"),
        (
            "vllm_prompt",
            [[0, "prompt", ""], [8, "answer", ""]],
            " Roses are red,\nViolets are blue.",
        ),
        ("llama_cpp", [[0, "answer", "Say hello"]], " Hello, world!\n"),
    ],
)
def test_a_server_s_answer_is_a_text(name: str, passages: list[Any], text: str) -> None:
    rows = opened(name)
    assert rows.about()["sequence"] == {
        "temperature": 1.0,
        "vocabulary": None,
        "passages": passages,
        "processed": False,
    }
    assert "".join(rows.answer({"sequence": "0"})["texts"]).startswith(text)  # type: ignore[arg-type]


def test_the_vocabulary_is_known_to_every_position() -> None:
    data = open_logits(DATA / "chat.json", vocabulary=50_000)
    rows = RowSource(data)
    about: Any = rows.about()["sequence"]
    assert about["vocabulary"] == 50_000
    tail = rows.state(0).tail
    assert tail is not None
    assert tail.count == 50_000 - len(rows.state(0).logits)


def test_what_the_server_reported_comes_sorted_with_the_rest() -> None:
    rows = opened("chat")
    chunk: Any = rows.answer({"sequence": 0})
    content = json.loads((DATA / "chat.json").read_text())["choices"][0]["logprobs"]["content"]
    for position, entry in enumerate(content):
        logprobs = logprobs_of(chunk, position)
        reported = {each["logprob"] for each in [entry, *entry["top_logprobs"]]}
        assert logprobs.tolist() == sorted(reported, reverse=True)
        assert logprobs[chunk["places"][position]] == np.float32(entry["logprob"])
        left = 1 - np.exp(logprobs.astype(np.float64)).sum()
        np.testing.assert_allclose(doubles(chunk["rest"])[position], np.log(left), rtol=1e-6)
        labels = rows.state(position).labels
        assert labels is not None
        assert labels[chunk["drawn"][position]] == entry["token"]


def test_parts_of_a_character_have_its_text(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = opened("chat")
    chunk: Any = rows.answer({"sequence": 0})
    assert chunk["texts"][13:] == [" ", "☕", "☕", "\ufe0f", "<|im_end|>"]
    assert chunk["parts"] == [*[0] * 15, 1, 0, 0]
    # A chunk may end within it.
    monkeypatch.setattr(sequence, "CHUNK", 15)
    first, second = rows.answer({"sequence": 0}), rows.answer({"sequence": 15})
    assert (first["texts"], second["texts"]) == (chunk["texts"][:15], chunk["texts"][15:])
    assert (first["parts"], second["parts"]) == (chunk["parts"][:15], chunk["parts"][15:])


def test_a_temperature_that_was_applied_changes_no_log_probability() -> None:
    plain, applied = opened("chat"), opened("chat", applied_temperature=0.5)
    about: Any = applied.about()["sequence"]
    assert about["temperature"] == 0.5
    assert applied.answer({"sequence": 0}) == plain.answer({"sequence": 0})


def many(count: int, entries: int = 3) -> Dataset:
    draw = np.random.default_rng(0)
    logprobs = np.log(draw.dirichlet(np.ones(entries + 1), size=count))
    tokens = [tuple(Token(f"t{k}", k, None) for k in range(entries))] * count
    return answered(logprobs, tokens, draw.integers(-1, entries, count))


def answered(
    logprobs: NDArray[np.float64],
    tokens: list[tuple[Token, ...]],
    drawn: NDArray[np.int64],
    **known: Any,
) -> Dataset:
    """Return what a server answered; the last of the log-probabilities are those of the tails."""
    return Dataset.of(
        logprobs[:, :-1],
        tails=logprobs[:, -1],
        tokens=tokens,
        drawn=drawn,
        **known,
    )


def test_chunks_are_parts_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    data = many(10)
    whole: Any = sequence.chunk(data, 0)
    monkeypatch.setattr(sequence, "CHUNK", 4)
    parts: list[Any] = [sequence.chunk(data, start) for start in (0, 4, 8)]
    for name in ("sizes", "drawn", "places", "texts", "parts"):
        assert [each for part in parts for each in part[name]] == whole[name]
    for name in ("logprobs", "rest"):
        np.testing.assert_array_equal(
            np.concatenate([floats(part[name]) for part in parts]), floats(whole[name])
        )
    unknown = [position for position, item in enumerate(whole["drawn"]) if item < 0]
    assert unknown
    assert all(whole["texts"][at] == "" and whole["places"][at] == -1 for at in unknown)


def test_of_a_long_list_the_likeliest_and_the_drawn_one_are_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = many(20, 40)
    whole: Any = sequence.chunk(data, 0)
    monkeypatch.setattr(sequence, "MOST", 8)
    short: Any = sequence.chunk(data, 0)
    for position in range(20):
        some, all_ = (logprobs_of(each, position) for each in (short, whole))
        place = whole["places"][position]
        extra = all_[place] if place > 7 else all_[7]
        assert some.tolist() == [*all_[:7], extra]
        assert short["places"][position] == min(place, 7)
        mass = np.exp(some.astype(np.float64)).sum() + np.exp(doubles(short["rest"])[position])
        assert mass == pytest.approx(1, abs=1e-6)


def test_a_position_that_can_t_be_read_has_a_text_and_no_numbers() -> None:
    tokens = [tuple(Token(f"t{k}", k, None) for k in range(3))] * 3
    reasons = [None, "no token has a log-probability", None]
    logprobs = np.log(np.full((3, 4), 0.25))
    data = answered(logprobs, tokens, np.array([0, 1, 2]), unreadable=reasons)
    rows = RowSource(data)
    chunk: Any = rows.answer({"sequence": 0})
    assert (chunk["sizes"], chunk["places"][1]) == ([3, 0, 3], -1)
    assert chunk["texts"] == ["t0", "t1", "t2"]
    embedded: Any = rows.embedded()
    assert [set(row) for row in embedded["rows"]][1] == {"error"}
    assert embedded["rows"][2] == rows.answer({"row": 2, "labels": "all"})


def test_an_embedded_sequence_has_every_row_as_a_server_gives_it() -> None:
    rows = opened("vllm_prompt")
    embedded: Any = rows.embedded()
    assert (embedded["count"], embedded["orders"]) == (11, ["given"])
    assert embedded["sequence"] == rows.about()["sequence"]
    assert embedded["rows"] == [rows.answer({"place": row}) for row in range(11)]
    assert embedded["rows"] == rows.answer({"rows": "0"})["rows"]
    assert embedded["chunks"] == [rows.answer({"sequence": "0"})]


@pytest.mark.parametrize("name", ["chat", "vllm_prompt", "llama_cpp"])
def test_a_position_is_that_of_its_row(name: str) -> None:
    rows = opened(name)
    chunk: Any = rows.answer({"sequence": 0})
    for position in range(rows.count):
        state, logprobs = rows.state(position), logprobs_of(chunk, position)
        assert state.tail is not None
        assert sorted(state.logits, reverse=True) == logprobs.tolist()
        assert state.logits[chunk["drawn"][position]] == logprobs[chunk["places"][position]]
        rest, delta = doubles(chunk["rest"])[position], doubles(chunk["deltas"])[position]
        assert np.exp(rest) == state.tail.mass
        assert delta == state.tail.delta


@pytest.mark.parametrize("digits", [4, 7, 17])
def test_what_is_sent_is_within_its_delta(tmp_path: Path, digits: int) -> None:
    rng = np.random.default_rng(digits)
    row = np.sort(rng.gumbel(size=(200, 30)) * 3, axis=1)[:, ::-1]
    truth = row - np.log(np.exp(row).sum(axis=1, keepdims=True))
    entries = []
    for logprobs in truth[:, :10]:
        tops = [
            {"token": f"t{k}", "logprob": float(f"{x:.{digits}g}")} for k, x in enumerate(logprobs)
        ]
        entries.append({**tops[0], "top_logprobs": tops})
    answer = {"choices": [{"logprobs": {"content": entries}}]}
    (tmp_path / "answer.json").write_text(json.dumps(answer))
    data = open_logits(tmp_path / "answer.json")
    chunk: Any = RowSource(data).answer({"sequence": 0})
    sent = floats(chunk["logprobs"]).reshape(200, 10).astype(np.float64)
    deltas, rest = doubles(chunk["deltas"]), doubles(chunk["rest"])
    assert (np.abs(sent - truth[:, :10]) <= deltas[:, None]).all()
    # No narrower than what Python has for each token, and hardly wider than for the widest.
    for at in range(200):
        reported = data.reported(at)
        lost = 2.0**-24 * np.abs(reported.logprobs).max()
        assert reported.delta.max() <= deltas[at] <= reported.delta.max() + lost
        if rest[at] == -np.inf:
            continue  # what may be missing is less than any token has
        mass, (least, most) = np.exp(rest[at]), reported.not_reported(1)
        assert least - 1e-14 <= mass <= most + 1e-14
        assert least - 1e-14 <= np.exp(truth[at, 10:]).sum() <= most + 1e-14


def test_a_log_probability_that_was_not_told_is_in_the_tail(tmp_path: Path) -> None:
    tops = [{"token": name, "logprob": value} for name, value in (("a", None), ("b", -1.0))]
    entries = [{"token": "b", "logprob": -1.0, "top_logprobs": tops}]
    entries.append({"token": "a", "logprob": None, "top_logprobs": tops})
    answer = {"choices": [{"logprobs": {"content": entries}}]}
    (tmp_path / "null.json").write_text(json.dumps(answer))
    rows = RowSource(open_logits(tmp_path / "null.json"))
    chunk: Any = rows.answer({"sequence": 0})
    assert (chunk["sizes"], chunk["drawn"], chunk["places"]) == ([1, 1], [0, -1], [0, -1])
    assert chunk["texts"] == ["b", "a"]
    assert rows.state(0).labels == ("b",)


@pytest.mark.parametrize("name", ["sequence", "rows"])
def test_other_rows_are_no_sequence(name: str) -> None:
    rows = RowSource([[1.0, 2.0], [3.0, 4.0]])
    assert not rows.is_sequence
    assert "sequence" not in rows.about()
    with pytest.raises(ValueError, match=f"{name} must be left out: the rows are not positions"):
        rows.answer({name: "0"})
    with pytest.raises(ValueError, match=f"{name} must be 0 to 10, got 11"):
        opened("vllm_prompt").answer({name: "11"})


def test_passages_of_several_choices_follow_one_another(tmp_path: Path) -> None:
    part = {"content": [{"token": "a", "logprob": -0.5, "top_logprobs": []}]}
    reasons = {"reasoning_content": part["content"] * 2, **part}
    choices = [{"index": 1, "logprobs": part}, {"index": 0, "logprobs": reasons}]
    (tmp_path / "two.json").write_text(json.dumps({"choices": choices}))
    data = open_logits(tmp_path / "two.json")
    assert data.passages == (Passage(0, "reasoning"), Passage(2, "answer"), Passage(3, "answer"))
