"""`Draft`: a text that is written here, token by token, from the distributions of a model.

The server gives distributions alone. What is drawn from them is drawn by `truncate` and `sample`,
with a seed, so that a sampler does the same on any server, and again tomorrow.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from thermoscope.arguments import ArgumentError, one_temperature, seed_of, whole
from thermoscope.connection.client import ServerError
from thermoscope.connection.model import Chat, Prompt
from thermoscope.connection.source import Source
from thermoscope.data.atomic import write_whole
from thermoscope.data.dataset import Dataset
from thermoscope.data.formats.responses import OURS, Passage
from thermoscope.definition import softmax
from thermoscope.present import joined, percent
from thermoscope.reported import Reported, Token
from thermoscope.sampling import fresh_seed, sample
from thermoscope.truncation import Penalties, keep, truncate

__all__ = ["Draft"]

SAVED: Final = 1000
"""Tokens of each position that a file has; the others are a sum."""


class Draft:
    """A text that is written token by token, with the distribution of each.

    Parameters
    ----------
    source : Source
        From `connect`.
    prompt : str or sequence of int
        What the text goes on from.
    temperature : float, optional
        In [0, inf].
    seed : int, optional
        Each position draws by its own part of it, so that a text that was cut back goes on as
        before. The default is a new one.
    **settings
        The keywords of `truncate`. Penalties count the text so far, in place of the `history` that
        they are given.

    Attributes
    ----------
    source : Source
    temperature : float
    seed : int
    settings : dict
    rows : list of Reported
        What the model gave for each position, with the token that was taken as the drawn one.

    Raises
    ------
    ArgumentError
        If a setting is wrong, or penalties are given and the server does not tell numbers of
        tokens.

    Examples
    --------
    >>> import thermoscope as ts
    >>> source = ts.connect("http://localhost:8080")  # doctest: +SKIP
    >>> draft = ts.Draft(source, "The capital of France is", top_p=0.9, seed=1)  # doctest: +SKIP
    >>> for token in draft.write(3):  # doctest: +SKIP
    ...     print(token.text, end="")
     Paris. The
    >>> other = draft.branch(1)  # doctest: +SKIP
    >>> other.take(" and"), other.text  # doctest: +SKIP
    (Token(text=' and', id=323, bytes=b' and'), ' Paris and')
    """

    def __init__(
        self,
        source: Source,
        prompt: Prompt,
        temperature: float = 1.0,
        *,
        seed: int | None = None,
        **settings: Any,
    ) -> None:
        self.source = source
        self.temperature = one_temperature(temperature)
        self.seed = fresh_seed() if seed is None else seed_of(seed)
        self.settings = settings
        self.rows: list[Reported] = []
        self._vocabulary: tuple[Token, ...] = ()
        self._prompt = prompt
        self._check()
        if source.server.takes_ids and isinstance(prompt, str):
            self._prompt = [token.id for token in source.tokenize(prompt) if token.id is not None]

    def _check(self) -> None:
        """Raise what is wrong with the settings before anything is asked."""
        checked, penalties = dict(self.settings), self.settings.get("penalties")
        most = 0
        if isinstance(penalties, Penalties):
            if not self.source.server.takes_ids:
                problem = f"must be left out: {self.source.server.kind} takes no numbers of tokens"
                raise ArgumentError("penalties", problem)
            checked["penalties"] = replace(penalties, history=(), prompt_tokens=0)
            most = max((*(penalties.logit_bias or ()), *(penalties.dry_breakers or ())), default=0)
        keep(np.zeros(1 + int(most)), self.temperature, **checked)

    def __len__(self) -> int:
        return len(self.rows)

    def __repr__(self) -> str:
        return f"<Draft of {len(self)} tokens at T = {self.temperature:g}, seed {self.seed}>"

    @property
    def tokens(self) -> tuple[Token, ...]:
        """The tokens that were taken."""
        return tuple(_drawn(row) for row in self.rows)

    @property
    def text(self) -> str:
        """What was written, with the characters whole that two tokens share."""
        return "".join(
            text for _, text in joined((token.text, token.bytes) for token in self.tokens)
        )

    def next(self) -> Reported:
        """Return the distribution of the token after the text."""
        return self.source.next(self._so_far())

    def step(self) -> Token:
        """Draw the next token, append it and return it.

        Raises
        ------
        ServerError
            If the server fails, or does not report all tokens that the sampler may draw. The text
            so far stays.
        """
        row = self.next()
        chain = {**self.settings}
        if penalties := chain.get("penalties"):
            ids = self._so_far()
            prompt = len(ids) - len(self)
            chain["penalties"] = replace(penalties, history=ids, prompt_tokens=prompt)
        rng = np.random.default_rng((self.seed, len(self)))
        return self._append(row, _draw(row, self.temperature, chain, rng))

    def write(self, count: int) -> Iterator[Token]:
        """Draw tokens up to the end of the text, which the model may draw before `count`.

        Yields
        ------
        Token
        """
        for _ in range(whole("count", count, 0)):
            token = self.step()
            yield token
            if token.id is not None and token.id in self.source.server.ends:
                return

    def take(self, token: int | str) -> Token:
        """Append a given token, whether the sampler could have drawn it or not.

        Parameters
        ----------
        token : int or str
            Its number or its text.

        Raises
        ------
        ArgumentError
            If the server does not report such a token for this position.
        """
        row = self.next()
        for at, known in enumerate(row.tokens or ()):
            if token in ((known.text,) if isinstance(token, str) else (known.id,)):
                return self._append(row, at)
        raise ArgumentError("token", f"must be one that is reported here, got {token!r}")

    def cut(self, length: int) -> None:
        """Forget the tokens from a position on."""
        del self.rows[self._position(length) :]

    def branch(self, length: int | None = None) -> Draft:
        """Return another draft with the same beginning, which goes on by itself.

        Parameters
        ----------
        length : int, optional
            How many tokens they share; all of them by default.
        """
        kept = len(self) if length is None else self._position(length)
        other = Draft(self.source, self._prompt, self.temperature, seed=self.seed, **self.settings)
        other.rows, other._vocabulary = self.rows[:kept], self._vocabulary
        return other

    def dataset(self) -> Dataset:
        """Return the text as `open_logits` reads it from a server's answer: `explore` shows it.

        Raises
        ------
        ArgumentError
            If nothing has been written.
        """
        if not self.rows:
            raise ArgumentError("draft", "must have at least one token")
        name = Path(self.source.server.model).name
        return Dataset.of_reported(
            self.rows, source=name, passages=(Passage(0, "answer", processed=False),)
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the text and its distributions to a .json file that every command reads.

        Of each position the file has the 1,000 likeliest tokens and the one that was drawn.
        """
        content = [_record(row) for row in self.rows]
        document = {
            "model": self.source.server.model,
            "choices": [{"message": {"content": self.text}, "logprobs": {"content": content}}],
            OURS: {
                "vocabulary": self.source.vocabulary,
                "prompt": _written(self._prompt),
                "temperature": self.temperature,
                "seed": self.seed,
                "settings": {name: repr(value) for name, value in self.settings.items()},
            },
        }
        write_whole(os.fspath(path), json.dumps(document, ensure_ascii=False).encode())

    def _so_far(self) -> Any:
        """Return the prompt and the text after it, as numbers where the server takes them."""
        if isinstance(self._prompt, Chat):
            if self.rows:
                raise ServerError(
                    f"{self.source.server.kind} does not tell the template of a chat, and gives "
                    "the first token of the answer alone"
                )
            return self._prompt
        if isinstance(self._prompt, str):
            data = b"".join(token.bytes or token.text.encode() for token in self.tokens)
            try:
                return self._prompt + data.decode()
            except UnicodeDecodeError as error:
                raise ServerError(
                    f"{self.source.server.kind} takes texts alone, and this one ends within a "
                    "character: cut it back, or take another token"
                ) from error
        return [*self._prompt, *(token.id for token in self.tokens if token.id is not None)]

    def _append(self, row: Reported, drawn: int) -> Token:
        # All positions share the tokens of a whole vocabulary.
        if row.tokens == self._vocabulary:
            tokens = self._vocabulary
        else:
            tokens = row.tokens or ()
            self._vocabulary = tokens if len(row) == row.vocabulary else self._vocabulary
        self.rows.append(row.drawing(drawn, tokens))
        return _drawn(self.rows[-1])

    def _position(self, length: int) -> int:
        length = whole("length", length, 0)
        if length > len(self):
            raise ArgumentError("length", f"must be at most {len(self)}, got {length}")
        return length


def _written(prompt: Prompt) -> Any:
    """Return a prompt as JSON has it."""
    if isinstance(prompt, Chat):
        return [*map(dict, prompt.messages)]
    return prompt if isinstance(prompt, str) else [*prompt]


def _drawn(row: Reported) -> Token:
    return (row.tokens or ())[row.drawn]


def _draw(
    row: Reported, temperature: float, chain: dict[str, Any], rng: np.random.Generator
) -> int:
    """Draw one of the reported tokens as the sampler does.

    The draw does not depend on how many tokens are reported, if the sampler drops the others.
    """
    if len(row) == row.vocabulary:
        p = truncate(row.logprobs, temperature, **chain)
    else:
        decision = keep(row, temperature, **chain)
        if decision.tail != "dropped" or decision.undecided.any():
            left = percent(row.not_reported(temperature).high)
            raise ServerError(
                f"what the sampler keeps is not known: {left} is not reported at "
                f"T = {temperature:g}. Truncate to fewer than {len(row)} tokens, as by top_k, or "
                "ask for more"
            )
        p = softmax(row.logprobs, decision.temperature, where=decision.kept)
    kept = np.flatnonzero(p)
    kept = kept[np.argsort([_number(row, at) for at in kept.tolist()])]
    return int(kept[sample(np.log(p[kept]), rng=rng)])


def _number(row: Reported, at: int) -> int:
    """Return the number of a token, or its place where it has none."""
    number = (row.tokens or ())[at].id
    return at if number is None else number


def _record(row: Reported) -> dict[str, Any]:
    """Return a position as servers of chats write it."""
    order = np.argsort(-row.logprobs, kind="stable")[:SAVED]
    tops = [_entry(row, int(at)) for at in order]
    return {**_entry(row, row.drawn), "top_logprobs": tops}


def _entry(row: Reported, at: int) -> dict[str, Any]:
    text, number, data = (row.tokens or ())[at]
    entry: dict[str, Any] = {"token": text, "logprob": float(row.logprobs[at])}
    if number is not None:
        entry["token_id"] = number
    if data is not None:
        entry["bytes"] = [*data]
    return entry
