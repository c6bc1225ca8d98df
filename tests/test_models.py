from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from thermoscope.data.models import from_transformers


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    tokenizers = pytest.importorskip("tokenizers", reason="needs tokenizers")
    transformers = pytest.importorskip("transformers", reason="needs transformers")
    vocabulary = {"?": 0, " cat": 1, " sat": 2, " mat": 3}
    inner = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocabulary, unk_token="?"))  # noqa: S106 - a token of text
    inner.pre_tokenizer = tokenizers.pre_tokenizers.Split(" ", "merged_with_next")
    return transformers.PreTrainedTokenizerFast(tokenizer_object=inner, unk_token="?")  # noqa: S106 - likewise


@pytest.fixture(scope="module")
def model() -> Any:
    torch = pytest.importorskip("torch", reason="needs PyTorch")
    transformers = pytest.importorskip("transformers", reason="needs transformers")
    torch.manual_seed(0)
    # Two entries more than there are tokens, as models have whose size was rounded up.
    config = transformers.GPT2Config(
        vocab_size=6, n_positions=8, n_embd=8, n_layer=1, n_head=2, bos_token_id=0, eos_token_id=0
    )
    return transformers.GPT2LMHeadModel(config)


@pytest.mark.parametrize("training", [True, False])
def test_logits_of_the_last_position(model: Any, tokenizer: Any, *, training: bool) -> None:
    import torch

    model.train(training)
    logits = from_transformers(model, tokenizer, " cat sat")
    assert model.training is training
    assert logits.labels == ("?", " cat", " sat", " mat", "token 4", "token 5")
    assert logits.source == "GPT2LMHeadModel"
    assert logits.dtype == np.float32
    model.eval()
    with torch.no_grad():
        expected = model(torch.tensor([[1, 2]])).logits[0, 1]
    # Dropout would have drawn other numbers.
    np.testing.assert_array_equal(logits.values, expected.numpy())


def test_bfloat16_gives_float32(model: Any, tokenizer: Any) -> None:
    import copy

    import torch

    half = copy.deepcopy(model).to(torch.bfloat16)
    assert from_transformers(half, tokenizer, " cat").values.dtype == np.float32


def test_an_empty_prompt_is_an_error(model: Any, tokenizer: Any) -> None:
    with pytest.raises(ValueError, match="prompt must have at least one token, got ''"):
        from_transformers(model, tokenizer, "")
