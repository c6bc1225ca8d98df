"""Logits from a model that is in memory."""

from __future__ import annotations

import sys
from typing import Any

from thermoscope.data.dataset import Dataset

__all__ = ["from_transformers"]


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
    # A model of PyTorch has loaded it.
    torch = sys.modules["torch"]
    was_training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            values = model(**tokens).logits[0, -1].float().cpu().numpy()
    finally:
        model.train(was_training)
    known = min(len(tokenizer), len(values))
    labels = [tokenizer.decode([token]) for token in range(known)]
    labels += [f"token {token}" for token in range(known, len(values))]
    source = getattr(getattr(model, "config", None), "name_or_path", "") or type(model).__name__
    return Dataset.of(values, labels, source=source)
