"""`connect`: a small random model of transformers in this process, made without a download."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import thermoscope as ts
from thermoscope.connection.client import ServerError
from thermoscope.connection.model import Chat
from thermoscope.drawn import drawn_tokens

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from thermoscope.connection.source import Source

torch = pytest.importorskip("torch", reason="needs PyTorch")
transformers = pytest.importorskip("transformers", reason="needs transformers")
tokenizers = pytest.importorskip("tokenizers", reason="needs tokenizers")

PIECES = ["?", "Ġcat", "Ġsat", "âĤ", "ðŁ", "<|end|>"]
# Two entries more than there are tokens, as models have whose size was rounded up.
VOCABULARY = len(PIECES) + 2
LONGEST = 16
TEMPLATE = "{% for each in messages %} cat{% endfor %}{% if add_generation_prompt %} sat{% endif %}"


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    known = {piece: at for at, piece in enumerate(PIECES)}
    inner = tokenizers.Tokenizer(tokenizers.models.WordLevel(known, unk_token="?"))  # noqa: S106
    split = tokenizers.pre_tokenizers.Split(" ", "merged_with_next")
    level = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    inner.pre_tokenizer = tokenizers.pre_tokenizers.Sequence([split, level])
    inner.decoder = tokenizers.decoders.ByteLevel()
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=inner,
        unk_token="?",  # noqa: S106 - a token of text
        chat_template=TEMPLATE,
    )


def gpt2() -> Any:
    torch.manual_seed(0)
    size = {"vocab_size": VOCABULARY, "n_positions": LONGEST, "n_embd": 8, "n_layer": 2}
    config = transformers.GPT2Config(**size, n_head=2, bos_token_id=0, eos_token_id=5)
    return transformers.GPT2LMHeadModel(config)


def llama() -> Any:
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=8,
        intermediate_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=LONGEST,
    )
    return transformers.LlamaForCausalLM(config)


@pytest.fixture(scope="module", params=[gpt2, llama])
def model(request: pytest.FixtureRequest) -> Any:
    return request.param()


@pytest.fixture
def source(model: Any, tokenizer: Any) -> Source:
    return ts.connect(model=model, tokenizer=tokenizer)


@pytest.fixture
def fed(model: Any, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return how many tokens the model is given, call by call."""
    counts: list[int] = []
    forward = type(model).forward

    def counted(self: Any, input_ids: Any, *rest: Any, **more: Any) -> Any:
        counts.append(input_ids.shape[1])
        return forward(self, input_ids, *rest, **more)

    monkeypatch.setattr(type(model), "forward", counted)
    return counts


def truth(model: Any, ids: list[int]) -> NDArray[np.float64]:
    """Return the log-probabilities after the last of some tokens, computed from the first on."""
    was_training = model.training
    model.eval()
    with torch.no_grad():
        row = model(torch.tensor([ids])).logits[0, -1].double().numpy()
    model.train(was_training)
    return np.asarray(ts.log_softmax(row))


def test_the_next_token_has_the_whole_distribution_of_the_model(source: Source, model: Any) -> None:
    reported = source.next(" cat sat")
    assert reported.vocabulary == len(reported) == VOCABULARY
    assert reported.is_exact
    assert reported.processed is False
    np.testing.assert_allclose(reported.logprobs, truth(model, [1, 2]), rtol=0, atol=1e-6)
    assert source.about == (
        f"transformers {transformers.__version__} · {type(model).__name__} · all 8 tokens"
    )
    assert source.notes == ()
    assert source.server.ends == {model.generation_config.eos_token_id}


def test_tokens_have_their_texts_and_bytes(source: Source) -> None:
    tokens = source.next([1]).tokens
    assert tokens is not None
    assert [token.id for token in tokens] == [*range(VOCABULARY)]
    assert [token.text for token in tokens] == [
        *("?", " cat", " sat", "\ufffd", "\ufffd", "<|end|>", "token 6", "token 7")
    ]
    assert tokens[3].bytes == b"\xe2\x82"
    assert tokens[4].bytes == b"\xf0\x9f"
    assert tokens[6].bytes is None
    assert [token.id for token in source.tokenize(" cat sat")] == [1, 2]


def test_the_likeliest_alone_leave_a_tail(source: Source, model: Any) -> None:
    reported = source.next([1, 2], top=3)
    expected = np.sort(truth(model, [1, 2]))[::-1]
    np.testing.assert_allclose(np.sort(reported.logprobs)[::-1], expected[:3], atol=1e-6)
    assert reported.vocabulary == VOCABULARY
    low, high = ts.entropy(reported, 0.5)
    assert low - 1e-6 <= float(ts.entropy(expected, 0.5)) <= high + 1e-6


def test_a_prompt_that_goes_on_is_computed_from_there(
    source: Source, model: Any, fed: list[int]
) -> None:
    """Whether it goes on, is the same again, is cut back, or is another one."""
    prompts = [[1, 2, 3], [1, 2, 3, 4], [1, 2, 3, 4], [1, 2, 5], [1, 2], [4, 2], [4, 2, 1, 1]]
    for ids in prompts:
        reported = source.next(ids)
        given = len(fed)
        np.testing.assert_allclose(reported.logprobs, truth(model, ids), rtol=0, atol=1e-6)
        del fed[given:]
    # One new token after a step, none for the same prompt, and all of one that begins differently.
    assert fed == [3, 1, 1, 1, 2, 2]


def test_a_draft_is_written_by_the_model(source: Source, model: Any) -> None:
    """Greedily, so that each token is the likeliest after those before it."""
    draft = ts.Draft(source, " cat sat", 0, seed=1)
    ids = [1, 2]
    for token in draft.write(5):
        assert token.id == int(np.argmax(truth(model, ids)))
        ids.append(token.id)
    assert [token.id for token in draft.branch(2).tokens] == ids[2:4]


def test_a_notebook_shows_the_text_that_the_model_writes(model: Any, tokenizer: Any) -> None:
    explorer = ts.explore(model=model, tokenizer=tokenizer, prompt=" cat sat")
    rows = explorer.rows
    assert rows is not None
    ids = [1, 2]
    for length in range(1, 4):
        status = rows.act({"do": "step", "temperature": 0}, 60)
        assert (status["error"], status["count"]) == (None, length + 1)
        ids.append(int(np.argmax(truth(model, ids))))
        assert status["branches"][0]["length"] == length  # type: ignore[index]
    assert [
        row[at].id for row, at in zip(rows._data.tokens, rows._data.drawn[:-1], strict=False)
    ] == ids[2:]
    np.testing.assert_allclose(
        ts.softmax(rows.state(3).logits), np.exp(truth(model, ids)), rtol=1e-5
    )


@pytest.mark.parametrize("training", [True, False])
def test_the_model_is_left_as_it_was(model: Any, tokenizer: Any, *, training: bool) -> None:
    model.train(training)
    part = next(model.children())
    part.eval()
    modes = [module.training for module in model.modules()]
    with ts.connect(model=model, tokenizer=tokenizer) as source:
        first = source.next([1, 2])
        source.score(" cat sat cat")
    # Dropout would have drawn other numbers.
    np.testing.assert_allclose(first.logprobs, truth(model, [1, 2]), rtol=0, atol=1e-6)
    model.train(training)
    part.eval()
    assert [module.training for module in model.modules()] == modes
    assert all(each.grad is None for each in model.parameters())
    assert {each.device.type for each in model.parameters()} == {"cpu"}


@pytest.mark.parametrize("block", [1, 2, 32])
def test_a_text_is_scored_block_by_block(
    source: Source, model: Any, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("thermoscope.connection.in_process.BLOCK", block)
    ids = [1, 2, 1, 1, 2]
    data = source.score(" cat sat cat cat sat", top=3)
    drawn = list(drawn_tokens(data))
    assert [each.token.id for each in drawn if each.token] == ids[1:]
    for at, each in enumerate(drawn):
        expected = truth(model, ids[: at + 1])
        assert each.surprisal is not None
        assert each.surprisal.high == pytest.approx(-expected[ids[at + 1]], abs=1e-5)
        assert each.entropy is not None
        assert each.entropy.low - 1e-5 <= float(ts.entropy(expected)) <= each.entropy.high + 1e-5


def test_a_chat_is_a_prompt_by_the_template_of_the_tokenizer(source: Source) -> None:
    prompt = source.from_chat([{"role": "user", "content": "?"}])
    assert prompt == [1, 2]
    assert len(source.next(prompt)) == VOCABULARY


def test_a_tokenizer_without_a_template_says_so(model: Any, tokenizer: Any) -> None:
    import copy

    plain = copy.deepcopy(tokenizer)
    plain.chat_template = None
    source = ts.connect(model=model, tokenizer=plain)
    with pytest.raises(ServerError, match="has no chat template for this: ") as caught:
        source.from_chat([{"role": "user", "content": "?"}])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("", "must have at least one token, got none"),
        ([], "must have at least one token, got none"),
        ([VOCABULARY], "must be of tokens 0 to 7, got 8"),
        ([1, -1, 2], "must be of tokens 0 to 7, got -1"),
        ([1] * (LONGEST + 1), "must have at most 16 tokens, got 17"),
        (Chat(({"role": "user"},)), "must be a text: make it of a chat by from_chat"),
    ],
)
def test_what_is_no_prompt_says_so(source: Source, prompt: Any, expected: str) -> None:
    with pytest.raises(ts.ArgumentError, match=expected) as caught:
        source.next(prompt)
    assert caught.value.argument == "prompt"


def test_a_model_that_fails_is_one_line_and_can_be_asked_again(
    source: Source, model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise RuntimeError("out of memory:\n  tried to allocate")

    source.next([1, 2])
    with monkeypatch.context() as patch:
        patch.setattr(type(model), "forward", fails)
        with pytest.raises(ServerError, match=r"failed: out of memory: tried to allocate$"):
            source.next([1, 2, 3])
    reported = source.next([1, 2, 3])
    np.testing.assert_allclose(reported.logprobs, truth(model, [1, 2, 3]), rtol=0, atol=1e-6)


def test_logits_that_are_no_numbers_are_one_line(source: Source, model: Any) -> None:
    head = model.get_output_embeddings().weight
    kept = head.detach().clone()
    try:
        head.data[0, 0] = float("nan")
        with pytest.raises(ServerError, match="its logits are not finite numbers"):
            source.next([1])
    finally:
        head.data.copy_(kept)


def test_a_server_or_a_model_with_its_tokenizer_is_needed(model: Any, tokenizer: Any) -> None:
    connect: Any = ts.connect
    with pytest.raises(ts.ArgumentError, match="url must be given, or a model and its tokenizer"):
        connect()
    with pytest.raises(ts.ArgumentError, match="url must be given, or a model and its tokenizer"):
        connect(model="gpt2", tokenizer=tokenizer)
    with pytest.raises(ts.ArgumentError, match="tokenizer must be given with a model"):
        connect(model=model)
    with pytest.raises(ts.ArgumentError, match="leave out url for one in this process"):
        connect("localhost:1", model=model, tokenizer=tokenizer)


def test_the_code_of_the_docs_runs(
    model: Any, tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (Path(__file__).parent.parent / "docs" / "live.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    (code,) = [block for block in blocks if "from_pretrained" in block]
    for name, made in (("AutoModelForCausalLM", model), ("AutoTokenizer", tokenizer)):
        auto = getattr(transformers, name)
        monkeypatch.setattr(auto, "from_pretrained", lambda _, made=made: made)
    names = {"ts": ts}
    exec(code, names)  # noqa: S102 - of this repository
    assert len(names["source"].next(" cat")) == VOCABULARY  # type: ignore[attr-defined]


def test_a_model_without_a_head_says_so(model: Any, tokenizer: Any) -> None:
    for wrong in (model.base_model, object()):
        with pytest.raises(ts.ArgumentError, match="model must have a language-modelling head"):
            ts.connect(model=wrong, tokenizer=tokenizer)


def test_settings_of_a_sampler_are_refused(source: Source) -> None:
    with pytest.raises(ts.ArgumentError, match="top_k is no setting here"):
        source.server.complete([1], 8, {"top_k": 1})
