"""A language model of our own making, for pictures: it knows a few sentences about a teapot."""

from __future__ import annotations

import random
import re
from functools import cache, cached_property
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from thermoscope.connection.client import ServerError
from thermoscope.connection.model import Chat, Model
from thermoscope.data.formats.responses import Position
from thermoscope.definition import log_softmax
from thermoscope.reported import Token

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from thermoscope.connection.model import Prompt, Settings

VOCABULARY = 50_257
LIKELY = (
    *(" tea", " hot", " water", " boiling", " green", " black", " cold", " the", " milk"),
    *(" leaves", " a", " coffee", " fresh", " mint", " something", " steam", " rain", " it"),
    *(" holes", " herbs", " warm", " jasmine", " your", " sugar", " old", " whiskey", " soup"),
    *(" ideas", " dust", " tiny", " life", " coins", " flowers", " gin", " light", " storms"),
)
SYLLABLES = [first + second for first in "bcdfghklmnprstv" for second in "aeiou"]
ENDINGS = ("", "n", "r", "s", "ing", "tion")

PROMPT = "The teapot is full of"
SENTENCES = """\
The teapot is full of hot water, and the cup is full of cold milk. The water is hot, the milk is
cold, and the tea is a storm in a cup. A cup of tea is a warm light in the rain. The storm is over,
the rain is cold, and it is the tea that is warm. It is old, it is green, and it is full of life.
"""
UNHEARD = 6.0
"""What is taken off the logit of a word that follows in none of the sentences."""


@cache
def tokens() -> tuple[str, ...]:
    """Return as many different tokens as a vocabulary has, the likely ones first."""
    draw = random.Random(1)  # noqa: S311 - a picture, not a secret
    found = dict.fromkeys(LIKELY)
    while len(found) < VOCABULARY:
        word = "".join(draw.choices(SYLLABLES, k=draw.randint(1, 4))) + draw.choice(ENDINGS)
        found[draw.choice((" ", " ", "")) + draw.choice((word, word.capitalize()))] = None
    return tuple(found)


def logits() -> NDArray[np.float64]:
    """Return a next-token distribution as a language model may give it, the likely tokens first."""
    draw = np.random.default_rng(1)
    found = draw.normal(-4, 2.0, VOCABULARY)
    found[: len(LIKELY)] = 12 - 2.2 * np.log1p(np.arange(len(LIKELY)))
    found[: len(LIKELY)] += draw.normal(0, 0.25, len(LIKELY))
    return found


class Teapot(Model):
    """After each word come those that follow it in the sentences, and far behind all the others."""

    kind, version, model = "teapot", None, "made-up.gguf"
    takes_ids = True
    vocabulary = VOCABULARY

    def __init__(self) -> None:
        self.error = ""
        """What the model fails with, where it is to fail."""
        words = [*dict.fromkeys(_words(SENTENCES)), *tokens()]
        texts = [*dict.fromkeys(words)][:VOCABULARY]
        self._tokens = tuple(Token(text, at, None) for at, text in enumerate(texts))
        self._numbers = {text: at for at, text in enumerate(texts)}

    @cached_property
    def _followers(self) -> dict[int, list[int]]:
        found: dict[int, list[int]] = {}
        for word, after in pairwise(_words(SENTENCES)):
            found.setdefault(self._numbers[word], []).append(self._numbers[after])
        return found

    def complete(self, prompt: Prompt, top: int, settings: Settings | None = None) -> Position:
        """Return the distribution of the next token: all of the vocabulary, whatever `top` is."""
        del top, settings
        if self.error:
            raise ServerError(self.error)
        if isinstance(prompt, Chat):
            raise self.wrong("has no template for a chat")
        last = self._numbers[_words(prompt)[-1]] if isinstance(prompt, str) else prompt[-1]
        draw = np.random.default_rng(last)
        found = draw.normal(-4, 2.0, VOCABULARY)
        numbers = [self._numbers[text] for text in LIKELY]
        found[numbers] = draw.permutation(12 - UNHEARD - 2.2 * np.log1p(np.arange(len(LIKELY))))
        for after in self._followers.get(last, []):
            found[after] = max(12.0, found[after]) + draw.uniform(0, 1)
        logprobs = tuple(log_softmax(found).tolist())
        return Position(self._tokens, logprobs, None, -1, None, (0.0,) * VOCABULARY)

    def tokenize(self, text: str) -> list[Token]:
        """Return the words of a text."""
        return [self._tokens[self._numbers[word]] for word in _words(text)]

    def wrong(self, problem: str) -> ServerError:
        """Return the error that this model does what it should not."""
        return ServerError(f"{self.model} {problem}")

    def close(self) -> None:
        """Hold nothing."""


def _words(text: str) -> list[str]:
    return re.findall(r" ?\w+|[^\w\s]", text.replace("\n", " "))
