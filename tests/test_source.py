"""`connect`: a model on llama.cpp's own server, whose next-token logits are ours to choose."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

import thermoscope as ts
from tests.model_server import llama_cpp, needs_llama_cpp
from thermoscope.connection.client import ServerError
from thermoscope.connection.source import Source
from thermoscope.drawn import drawn_tokens

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

pytestmark = needs_llama_cpp

TOKENS = 2048
END, FIRST_BYTE = 2, 3
HALF, ENDS, TIES = 3, 4, 5


def logits() -> NDArray[np.float32]:
    """Return rows after which half a character or the end of the text is likeliest, and ties."""
    rows = np.random.default_rng(1).normal(0, 3, (8, TOKENS)).astype(np.float32)
    rows[HALF, FIRST_BYTE + 0xE2] = 30
    rows[ENDS, END] = 30
    rows[TIES] = np.round(rows[TIES])
    return rows


LOGITS = logits()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with llama_cpp(tmp_path_factory.mktemp("source"), LOGITS, "bytes") as address:
        yield address


@pytest.fixture
def source(address: str) -> Iterator[Source]:
    with ts.connect(address) as source:
        yield source


def by_id(reported: ts.Reported) -> NDArray[np.float64]:
    assert reported.tokens is not None
    result = np.full(TOKENS, np.nan)
    result[[token.id for token in reported.tokens]] = reported.logprobs
    return result


@pytest.mark.parametrize("row", range(len(LOGITS)))
def test_the_next_token_has_the_distribution_of_the_model(source: Source, row: int) -> None:
    reported = source.next([row])
    truth = np.asarray(ts.softmax(LOGITS[row].astype(np.float64)))
    assert reported.vocabulary == len(reported) == TOKENS
    assert reported.processed is False
    assert reported.drawn == -1
    low, high = ts.softmax(reported)
    ids = [token.id for token in reported.tokens or ()]
    assert (low <= truth[ids]).all()
    assert (truth[ids] <= high).all()
    np.testing.assert_allclose(by_id(reported), np.log(truth), rtol=0, atol=1e-5)


@pytest.mark.parametrize("temperature", [0.3, 1.0, 2.0])
@pytest.mark.parametrize("row", [0, HALF, ENDS, TIES])
def test_what_is_not_asked_for_is_in_the_interval(
    source: Source, row: int, temperature: float
) -> None:
    reported = source.next([row], top=20)
    truth = LOGITS[row].astype(np.float64)
    low, high = ts.entropy(reported, temperature)
    entropy = float(ts.entropy(truth, temperature))
    assert low * (1 - 1e-15) <= entropy <= high * (1 + 1e-15)
    p = np.asarray(ts.softmax(truth, temperature))
    low, high = ts.softmax(reported, temperature)
    order = [token.id for token in reported.tokens or ()]
    assert (low <= p[order] * (1 + 1e-12)).all()
    assert (p[order] * (1 - 1e-12) <= high).all()


def test_the_source_says_what_it_is(address: str) -> None:
    with ts.connect(f"{address}/v1/") as source:
        kind, model = source.about.split(" · ")
        assert kind.startswith("llama.cpp b")
        assert model.endswith("logits.gguf")
        source.next([0])
        assert source.about.endswith(" · all 2,048 tokens")
        reported = source.next([0], top=5)
        left = reported.not_reported(1).high
        assert f" · the likeliest 5 · {100 * left:.2f} % not reported · ask for " in source.about
        assert source.notes == ()


def test_a_text_has_tokens_of_bytes(source: Source) -> None:
    tokens = source.tokenize("é 7")
    assert [token.id for token in tokens][:1] == [1]
    pieces = b"".join(token.bytes or b"" for token in tokens[1:]).decode()
    assert pieces == "▁é▁7"


def test_a_text_is_scored_token_by_token(source: Source) -> None:
    """Each token but the first has the probability that the model gives it after the others."""
    text = "ab"
    tokens = source.tokenize(text)
    data = source.score(text, top=10)
    drawn = list(drawn_tokens(data))
    assert [each.token.id for each in drawn if each.token] == [token.id for token in tokens[1:]]
    assert {each.kind for each in drawn} == {"prompt"}
    ids = [token.id for token in tokens if token.id is not None]
    for at, each in enumerate(drawn):
        whole = by_id(source.next(ids[: at + 1]))
        assert each.surprisal is not None
        assert each.surprisal.low - 1e-5 <= -whole[ids[at + 1]] <= each.surprisal.high + 1e-5
        assert each.entropy is not None
        entropy = float(ts.entropy(whole))
        assert each.entropy.low - 1e-4 <= entropy <= each.entropy.high + 1e-4


def test_a_chat_is_a_prompt_by_the_template_of_the_model(source: Source) -> None:
    prompt = source.from_chat([{"role": "user", "content": "12"}])
    assert isinstance(prompt, str)
    assert "12" in prompt
    assert len(source.next(prompt)) == TOKENS


@pytest.mark.parametrize("prompt", ["", []])
def test_an_empty_prompt_says_so(source: Source, prompt: str | list[int]) -> None:
    with pytest.raises(ts.ArgumentError, match="must have at least one token"):
        source.next(prompt)


def test_what_the_server_refuses_is_told_in_its_words(source: Source) -> None:
    with pytest.raises(ServerError, match=r"refuses the request \(400: .*invalid tokens"):
        source.next([TOKENS])


def test_another_model_or_vocabulary_than_the_servers_is_refused(address: str) -> None:
    with pytest.raises(ts.ArgumentError, match=r"must be one of .*logits.gguf', got 'other'"):
        ts.connect(address, model="other")
    with pytest.raises(ts.ArgumentError, match=r"must be 2048, which llama.cpp tells, got 5"):
        ts.connect(address, vocabulary=5)
