"""A model of eight words in this process: what transformers and PyTorch do of it, by NumPy."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np

WORDS = ["?", "a", "b", "c", "d", "e", "f", "g"]

torch: Any = ModuleType("torch")
torch.tensor = lambda values, **_: np.asarray(values)
torch.inference_mode = nullcontext


class Logits(np.ndarray[Any, np.dtype[np.float32]]):
    """What a model gives, as PyTorch has it."""

    def float(self) -> Logits:
        return self

    def cpu(self) -> Logits:
        return self

    def numpy(self) -> np.ndarray[Any, np.dtype[np.float32]]:
        return np.asarray(self)


class Tokenizer:
    """Each word is a token, with the space before it."""

    def __len__(self) -> int:
        return len(WORDS)

    def __call__(self, text: str) -> dict[str, list[int]]:
        return {"input_ids": [WORDS.index(word) for word in text.split()]}

    def decode(self, ids: list[int]) -> str:
        return "".join(f" {WORDS[each]}" for each in ids)

    def convert_ids_to_tokens(self, ids: list[int]) -> list[str]:
        return [f"\N{LOWER ONE EIGHTH BLOCK}{WORDS[each]}" for each in ids]


class Tiny:
    """The next word depends on the one before and on the place."""

    training = False
    device = "cpu"
    generation_config = SimpleNamespace(eos_token_id=None)

    def __init__(self) -> None:
        self.table = np.random.default_rng(1).normal(0, 1, (64, 8, 8)).astype(np.float32)
        config = SimpleNamespace(max_position_embeddings=len(self.table))
        self.config = SimpleNamespace(get_text_config=lambda: config)

    def get_input_embeddings(self) -> Any:
        return SimpleNamespace(weight=self.table[0])

    get_output_embeddings = get_input_embeddings

    def modules(self) -> list[Tiny]:
        return [self]

    def eval(self) -> None:
        """It has no dropout."""

    def forward(self, ids: Any, **_: Any) -> Any:
        (row,) = ids
        return SimpleNamespace(logits=self.table[np.arange(len(row)), row][None].view(Logits))

    __call__ = forward


def loaded() -> dict[str, Any]:
    """Return the model and its tokenizer, as keywords of `explore`."""
    sys.modules["torch"] = torch
    return {"model": Tiny(), "tokenizer": Tokenizer()}
