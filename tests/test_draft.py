"""`Draft`: a text that is written here from a model's distributions, on llama.cpp's own server."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import thermoscope as ts
from tests.model_server import llama_cpp, needs_llama_cpp
from tests.test_explorer_writing import Words
from thermoscope.connection.client import ServerError
from thermoscope.connection.source import Source
from thermoscope.diagnosis import Visit
from thermoscope.drawn import drawn_tokens

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = needs_llama_cpp

TOKENS, END = 2048, 2
# After token 4 the text ends; after 5 comes half a character.
ENDS, HALF, FIRST_BYTE = 4, 5, 3


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    rows = np.random.default_rng(2).normal(0, 3, (8, TOKENS))
    rows[ENDS, END] = 40
    rows[HALF, FIRST_BYTE + 0xE2] = 40
    with llama_cpp(tmp_path_factory.mktemp("draft"), rows, "bytes") as address:
        yield address


@pytest.fixture
def source(address: str) -> Iterator[Source]:
    with ts.connect(address) as source:
        yield source


def ids(draft: Any) -> list[int]:
    return [token.id for token in draft.tokens]


def test_each_token_is_drawn_from_what_truncate_leaves(
    source: Source,
) -> None:
    settings: dict[str, Any] = {"top_k": 20, "engine": "llama.cpp"}
    draft = ts.Draft(source, [1], 0.8, seed=7, **settings)
    for position in range(5):
        row = source.next([1, *ids(draft)])
        rng = np.random.default_rng((7, position))
        p = np.asarray(ts.truncate(row.logprobs, 0.8, **settings))
        (kept,) = np.nonzero(p)
        assert draft.step().id == kept[ts.sample(np.log(p[kept]), rng=rng)]


def test_the_same_seed_writes_the_same_text_and_another_one_another(source: Source) -> None:
    first, again, other = (ts.Draft(source, [1], 1.5, seed=seed) for seed in (3, 3, 4))
    texts = [[token.id for token in draft.write(6)] for draft in (first, again, other)]
    assert texts[0] == texts[1] != texts[2]
    assert first.text == "".join(token.text for token in first.tokens)


def test_a_text_that_is_cut_back_goes_on_as_before(source: Source) -> None:
    draft = ts.Draft(source, [1], 1.5, seed=3)
    before = [token.id for token in draft.write(6)]
    draft.cut(2)
    assert ids(draft) == before[:2]
    assert [token.id for token in draft.write(4)] == before[2:]


def test_a_branch_goes_on_by_itself(source: Source) -> None:
    draft = ts.Draft(source, [1], 1.5, seed=3)
    before = [token.id for token in draft.write(4)]
    other = draft.branch(1)
    taken = other.take(5)
    assert taken.id == 5
    other.step()
    assert ids(draft) == before
    assert ids(other)[:2] == [before[0], 5]
    assert len(other) == 3


def test_a_token_is_taken_by_its_text(source: Source) -> None:
    draft = ts.Draft(source, [1])
    assert draft.take(" 1000").id == 1000
    with pytest.raises(ts.ArgumentError, match="must be one that is reported here, got 'dog'"):
        draft.take("dog")
    assert len(draft) == 1


def test_of_tokens_with_one_text_the_likeliest_is_taken() -> None:
    model = Words(size=24)
    model.table[:, [0, 8, 16]] = -np.inf, 1, 2
    model.table[:, [1, 9, 17]] = -np.inf
    model.table = ts.log_softmax(model.table)
    draft = ts.Draft(Source(model), "a")
    # There are 8 words: each is the text of three tokens.
    assert draft.take(" a").id == 16
    assert draft.take(8).id == 8
    for token in (" b", 0, 9):
        with pytest.raises(ts.ArgumentError, match=f"{token!r} has no probability"):
            draft.take(token)
    assert ids(draft) == [16, 8]


def test_half_a_character_of_python_is_no_prompt() -> None:
    """As where the command line is not UTF-8: the model would be asked for another text."""
    source = Source(Words())
    half = "a\udcff"
    for argument, ask in {
        "prompt": [
            lambda: ts.Draft(source, half),
            lambda: source.next(half),
            lambda: ts.distributions(source, [half]),
        ],
        "text": [lambda: source.tokenize(half), lambda: source.score(half)],
        "messages": [lambda: source.from_chat([{"role": "user", "content": half}])],
        "prompts": [lambda: Visit(source, prompts=[half])],
    }.items():
        for each in ask:
            with pytest.raises(ts.ArgumentError, match=r"got '\\udcff' after 'a'") as caught:
                each()
            assert caught.value.argument == argument


def test_no_token_without_a_number_is_left_out_of_the_text() -> None:
    """Of a server that does not tell all of them: the model would be asked for another text."""
    model = Words()
    model.known = (model.known[0], *(token._replace(id=None) for token in model.known[1:]))
    draft = ts.Draft(Source(model), "a")
    draft.take(" a")
    with pytest.raises(ServerError, match="does not tell the number of the token ' b'"):
        draft.take(" b")
    assert ids(draft) == [0]
    draft.take(0)
    assert model.asked[-1] == [0, 0]
    with pytest.raises(ServerError, match="does not tell the number of the token ' b'"):
        ts.Draft(Source(model), "a b")


def test_a_text_ends_where_the_model_ends_it(source: Source) -> None:
    draft = ts.Draft(source, [ENDS], 0.5, seed=1)
    assert source.server.ends == {END}
    assert [token.id for token in draft.write(10)] == [END]


def test_penalties_count_the_text_so_far(source: Source) -> None:
    """With a bias for two tokens, and a penalty on what was written, they take turns."""
    penalties = ts.Penalties(history=[], logit_bias={1000: 90, 1001: 80}, frequency_penalty=20)
    draft = ts.Draft(source, [1], 0, penalties=penalties, engine="llama.cpp")
    assert [token.id for token in draft.write(4)] == [1000, 1001, 1000, 1001]


def test_half_a_character_is_written(source: Source) -> None:
    draft = ts.Draft(source, [HALF], 0)
    (token,) = draft.write(1)
    assert token.bytes == b"\xe2"


def test_what_the_sampler_may_draw_must_be_reported(source: Source) -> None:
    """A sampler that drops all that is not reported draws exactly; any other one refuses."""
    settings: dict[str, Any] = {"top_k": 4, "seed": 5}
    whole = [ts.Draft(source, [row], 0.7, **settings).step() for row in range(4)]
    source.server.most = 6
    assert [ts.Draft(source, [row], 0.7, **settings).step() for row in range(4)] == whole
    free = ts.Draft(source, [1], 0.7, seed=5)
    with pytest.raises(ServerError, match="what the sampler keeps is not known"):
        free.step()
    assert len(free) == 0


@pytest.mark.parametrize(
    ("settings", "decided"),
    [
        ({"top_k": 20}, 40),
        ({"top_k": 20, "engine": "llama.cpp"}, 40),
        # T comes before top_p: what the others have at it is not known exactly.
        ({"top_p": 0.5, "engine": "transformers"}, 20),
        # In one row a token that is not reported may be kept by min_p.
        ({"min_p": 0.2, "order": ["min_p", "typical_p", "temperature"]}, 39),
        # It depends on every token: nothing is decided before the others are gone.
        ({}, 0),
        ({"top_k": 20, "order": ["typical_p", "top_k", "temperature"]}, 0),
    ],
)
def test_typical_p_of_the_likeliest_20_keeps_and_draws_as_of_all(
    settings: dict[str, Any], decided: int
) -> None:
    settings = {**settings, "typical_p": 0.6}
    of_all, of_20 = Source(Words(size=200)), Source(Words(size=200, most=20))
    number = 0
    for row in range(40):
        every, reported = of_all.next([row]), of_20.next([row])
        assert reported.tokens is not None
        assert len(reported) == 20
        truth = np.asarray(ts.keep(every.logprobs, 0.8, **settings))
        known: Any = ts.keep(reported, 0.8, **settings)
        of_known = truth[[token.id for token in reported.tokens]]
        assert of_known[known.kept].all()
        assert not of_known[known.dropped].any()
        draft = ts.Draft(of_20, [row], 0.8, seed=row, **settings)
        if known.tail == "dropped" and not known.undecided.any():
            number += 1
            assert of_known.sum() == truth.sum()
            assert draft.step() == ts.Draft(of_all, [row], 0.8, seed=row, **settings).step()
        else:
            with pytest.raises(ServerError, match="what the sampler keeps is not known"):
                draft.step()
    assert number == decided


@pytest.mark.parametrize(
    ("settings", "argument"),
    [
        ({"top_p": 2}, "top_p"),
        ({"engine": "other"}, "engine"),
        ({"temperature": -1}, "temperature"),
    ],
)
def test_a_wrong_setting_is_refused_before_anything_is_asked(
    source: Source, settings: dict[str, Any], argument: str
) -> None:
    with pytest.raises(ts.ArgumentError) as caught:
        ts.Draft(source, [1], **settings)
    assert caught.value.argument == argument


def test_a_text_is_saved_and_read_again(source: Source, tmp_path: Path) -> None:
    draft = ts.Draft(source, "a", 1.5, seed=3)
    draft.take(FIRST_BYTE + 0xE2)
    list(draft.write(5))
    path = tmp_path / "text.json"
    draft.save(path)
    read, held = ts.open_logits(path), draft.dataset()
    assert read.vocabulary == TOKENS
    assert [each.token for each in drawn_tokens(read)][1:] == [
        each.token for each in drawn_tokens(held)
    ][1:]
    for row in range(len(draft)):
        truth = ts.softmax(draft.rows[row].logprobs, 0.7)
        reported = read.reported(row)
        assert reported.tokens is not None
        low, high = ts.softmax(reported, 0.7)
        of_file = truth[[token.id for token in reported.tokens]]
        assert (low <= of_file * (1 + 1e-12)).all()
        assert (of_file * (1 - 1e-12) <= high).all()
    known = json.loads(path.read_text(encoding="utf-8"))["thermoscope"]
    assert (known["seed"], known["temperature"]) == (3, 1.5)
    assert [data.passages[0].prompt for data in (read, held)] == ["a", "a"]


def test_the_data_set_is_a_text_for_the_page(source: Source) -> None:
    from thermoscope.explorer.browse import RowSource

    draft = ts.Draft(source, [1], seed=3)
    list(draft.write(3))
    rows = RowSource(draft.dataset())
    assert rows.is_sequence
    assert rows.count == 3
    state = rows.state(1)
    assert len(state.logits) == TOKENS
    assert state.tail is None


def test_a_server_that_goes_away_leaves_the_text(source: Source) -> None:
    draft = ts.Draft(source, [1], seed=3)
    list(draft.write(2))
    source.server.client.url = "http://127.0.0.1:9"
    with pytest.raises(ServerError, match="no server answers"):
        draft.step()
    assert len(draft) == 2


def test_a_saved_text_is_no_surer_than_what_the_model_gave(source: Source, tmp_path: Path) -> None:
    draft = ts.Draft(source, [1], 1.5, seed=3)
    list(draft.write(3))
    draft.save(tmp_path / "text.json")
    data = ts.open_logits(tmp_path / "text.json")
    for at, row in enumerate(draft.rows):
        kept, short = data.reported(at), row.shortened(1000)
        assert len(kept) in (1000, 1001)
        assert kept.delta.tolist() == short.delta.tolist() != [0.0] * len(short)
        assert kept.cap == short.cap
        low, high = kept.entropy(0.7)
        assert low <= float(ts.entropy(row.logprobs, 0.7)) <= high
