"""Logits from a model that is in memory."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from thermoscope.data.dataset import Dataset

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["asking", "from_transformers", "name_of", "texts_of"]


def from_transformers(model: Any, tokenizer: Any, prompt: str) -> Dataset:
    """Return the logits that a causal language model gives for the token after a prompt.

    Parameters
    ----------
    model : transformers.PreTrainedModel
        A model with a language-modelling head, in PyTorch. It is asked once, without dropout and
        without gradients, and left as it was.
    tokenizer : transformers.PreTrainedTokenizerBase
        Its tokenizer.
    prompt : str
        Text of at least one token.

    Returns
    -------
    Dataset
        Float32 values, each labelled with the text of its token: those of the model's last
        position, before any temperature. Entries that the model has beyond the tokens of the
        tokenizer are labelled by their number.

    Raises
    ------
    ValueError
        If the prompt has no tokens.

    Examples
    --------
    >>> from transformers import AutoModelForCausalLM, AutoTokenizer  # doctest: +SKIP
    >>> model = AutoModelForCausalLM.from_pretrained("gpt2")  # doctest: +SKIP
    >>> tokenizer = AutoTokenizer.from_pretrained("gpt2")  # doctest: +SKIP
    >>> logits = from_transformers(model, tokenizer, "The cat sat on the")  # doctest: +SKIP
    """
    tokens = tokenizer(prompt, return_tensors="pt").to(model.device)
    if tokens["input_ids"].shape[-1] == 0:
        raise ValueError(f"prompt must have at least one token, got {prompt!r}")
    with asking(model):
        values = model(**tokens).logits[0, -1].float().cpu().numpy()
    return Dataset.of(values, texts_of(tokenizer, len(values)), source=name_of(model))


@contextmanager
def asking(model: Any) -> Iterator[None]:
    """Ask a model without dropout and without gradients, and leave it as it was."""
    # A model of PyTorch has loaded it.
    torch = sys.modules["torch"]
    training = [module for module in model.modules() if module.training]
    model.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        for module in training:
            module.training = True


def texts_of(tokenizer: Any, size: int) -> list[str]:
    """Return the text of each entry of a model, or its number where the tokenizer has none."""
    known = min(len(tokenizer), size)
    labels = [tokenizer.decode([token]) for token in range(known)]
    return labels + [f"token {token}" for token in range(known, size)]


def name_of(model: Any) -> str:
    """Return the name of a model, or that of its class."""
    return getattr(getattr(model, "config", None), "name_or_path", "") or type(model).__name__
