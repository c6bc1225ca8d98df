"""A model of transformers in this process, asked as those on servers are."""

from __future__ import annotations

import inspect
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from thermoscope.arguments import ArgumentError
from thermoscope.connection.client import ServerError
from thermoscope.connection.model import Chat, Model, Prompt, Settings
from thermoscope.connection.pieces import bytes_of, is_byte_level, is_sentencepiece
from thermoscope.data.formats.responses import Position
from thermoscope.data.models import asking, name_of, texts_of
from thermoscope.definition import log_softmax
from thermoscope.reported import Token

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Transformers"]

BLOCK: Final = 32
"""Positions of a text that are computed together: 20 MB of logits for 151,936 tokens."""


class Transformers(Model):
    """A causal language model with its tokenizer.

    What it has computed of a prompt is kept, so that the next one is cheap if it goes on from
    there.

    Parameters
    ----------
    model : transformers.PreTrainedModel
        It stays on its device and in its mode.
    tokenizer : transformers.PreTrainedTokenizerBase
    """

    kind = "transformers"
    takes_ids = True

    def __init__(self, model: Any, tokenizer: Any) -> None:
        self.model = name_of(model)
        head = getattr(model, "get_output_embeddings", lambda: None)()
        if head is None:
            raise ArgumentError(
                "model", f"must have a language-modelling head: {self.model} has none"
            )
        self.vocabulary = self._size = int(head.weight.shape[0])
        self.version = getattr(sys.modules.get("transformers"), "__version__", None)
        ends = getattr(model.generation_config, "eos_token_id", None)
        self.ends = frozenset([ends] if isinstance(ends, int) else ends or ())
        self._model, self._tokenizer = model, tokenizer
        self._keeps_one = "logits_to_keep" in inspect.signature(model.forward).parameters
        self._ids: list[int] = []
        self._cache: Any = None
        self._last: NDArray[np.float32] | None = None

    def complete(self, prompt: Prompt, top: int, settings: Settings | None = None) -> Position:
        """Return the distribution of the token after a prompt."""
        for name in settings or {}:
            raise ArgumentError(name, "is no setting here: truncate and sample draw the tokens")
        return self._position(self._after(self._given(prompt)), top)

    def tokenize(self, text: str) -> list[Token]:
        """Return the tokens of a text, with those that the tokenizer adds."""
        return [self._tokens[number] for number in self._tokenizer(text)["input_ids"]]

    def score(self, ids: Sequence[int], top: int) -> Iterator[Position]:
        """Iterate over the distributions of every token of a text but the first."""
        ids = self._given(ids)
        self.close()
        for start in range(0, len(ids) - 1, BLOCK):
            stop = min(start + BLOCK, len(ids) - 1)
            rows = self._run(ids, start, stop, every=True)
            for row, drawn in zip(rows, ids[start + 1 : stop + 1], strict=True):
                yield self._position(row, top, drawn)
        self.close()

    def from_chat(self, messages: Sequence[Mapping[str, str]]) -> list[int]:
        """Return the tokens that the tokenizer's template makes of a chat."""
        try:
            return list(
                self._tokenizer.apply_chat_template(
                    [*messages], add_generation_prompt=True, tokenize=True, return_dict=False
                )
            )
        # A template has errors of its own, of many kinds.
        except Exception as error:
            raise self.wrong(f"has no chat template for this: {error}") from error

    def wrong(self, problem: str) -> ServerError:
        """Return the error that this model does what it should not."""
        return ServerError(f"{self.model} {' '.join(problem.split())[:300]}")

    def close(self) -> None:
        """Forget what was computed of the last prompt."""
        self._ids, self._cache, self._last = [], None, None

    @cached_property
    def _tokens(self) -> tuple[Token, ...]:
        """All entries of the model's logits."""
        texts = texts_of(self._tokenizer, self._size)
        known = min(len(self._tokenizer), self._size)
        pieces = self._tokenizer.convert_ids_to_tokens(list(range(known)))
        byte_level = is_byte_level(filter(None, pieces))
        if not byte_level and not is_sentencepiece(filter(None, pieces)):
            pieces = []  # of another form, whose bytes are those of the text
        tokens = []
        for number, text in enumerate(texts):
            piece = pieces[number] if number < len(pieces) else None
            data = None if piece is None else bytes_of(piece, byte_level=byte_level)
            tokens.append(
                Token(data.decode(errors="replace") if data else text, number, data or None)
            )
        return tuple(tokens)

    def _given(self, prompt: Prompt) -> list[int]:
        """Return the tokens of a prompt."""
        if isinstance(prompt, Chat):
            raise ArgumentError("prompt", "must be a text: make it of a chat by from_chat")
        text = isinstance(prompt, str)
        ids = [int(each) for each in (self._tokenizer(prompt)["input_ids"] if text else prompt)]
        if not ids:
            raise ArgumentError("prompt", "must have at least one token, got none")
        size = int(self._model.get_input_embeddings().weight.shape[0])
        wrong = [each for each in ids if not 0 <= each < size]
        if wrong:
            raise ArgumentError("prompt", f"must be of tokens 0 to {size - 1}, got {wrong[0]}")
        config = self._model.config.get_text_config()
        most = getattr(config, "max_position_embeddings", None)
        if most is not None and len(ids) > most:
            raise ArgumentError("prompt", f"must have at most {most} tokens, got {len(ids)}")
        return ids

    def _after(self, ids: list[int]) -> NDArray[np.float32]:
        """Return the logits after a prompt, from where it leaves the last one."""
        if self._last is not None and ids == self._ids:
            return self._last
        pairs = zip(self._ids, ids, strict=False)
        common = next((at for at, (old, new) in enumerate(pairs) if old != new), None)
        common = min(len(self._ids), len(ids) - 1) if common is None else common
        if self._cache is None or not self._cut(common):
            self._cache, common = None, 0
        self._last = self._run(ids, common, len(ids))[-1]
        return self._last

    def _cut(self, length: int) -> bool:
        """Have the cache end after `length` tokens; whether it can."""
        held = self._cache.get_seq_length()
        if length == held:
            return True
        if length == 0 or length > held or not getattr(self._cache, "is_croppable", False):
            return False
        self._cache.crop(length - held)
        return bool(self._cache.get_seq_length() == length)

    def _run(
        self, ids: list[int], start: int, stop: int, *, every: bool = False
    ) -> NDArray[np.float32]:
        """Return logits after tokens, those before `start` being in the cache."""
        torch = sys.modules["torch"]
        tokens = torch.tensor([ids[start:stop]], device=self._model.device)
        more = {"logits_to_keep": 1} if self._keeps_one and not every else {}
        cache, self._cache = self._cache, None
        try:
            with asking(self._model):
                output = self._model(tokens, past_key_values=cache, use_cache=True, **more)
                logits: NDArray[np.float32] = output.logits[0].float().cpu().numpy()
        except (RuntimeError, ValueError, IndexError, TypeError) as error:
            self.close()
            raise self.wrong(f"failed: {error}") from error
        self._cache = getattr(output, "past_key_values", None)
        self._ids = ids[:stop]
        return logits

    def _position(self, logits: NDArray[np.float32], top: int, drawn: int = -1) -> Position:
        """Return the `top` likeliest tokens, and the one that a text has."""
        values = np.asarray(log_softmax(logits.astype(np.float64)))
        if not np.isfinite(values.max()):
            raise self.wrong("gives no distribution: its logits are not finite numbers")
        size = len(values)
        if top >= size:
            zeros = (0.0,) * size
            return Position(self._tokens, tuple(values.tolist()), None, drawn, None, zeros)
        likeliest = np.argpartition(-values, top)[:top]
        cap = float(values[likeliest].min())
        kept = likeliest if drawn < 0 or drawn in likeliest else np.append(likeliest, drawn)
        others = np.delete(values, kept)
        rest = float(np.logaddexp.reduce(others)) if len(others) else -math.inf
        return Position(
            tuple(self._tokens[each] for each in kept.tolist()),
            tuple(values[kept].tolist()),
            rest if rest > -math.inf else None,
            int(np.flatnonzero(kept == drawn)[0]) if drawn >= 0 else -1,
            None,
            (0.0,) * len(kept),
            cap,
        )
