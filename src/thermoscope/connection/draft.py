"""`Draft`: a text that is written here, token by token, from the distributions of a model.

The server gives distributions alone. What is drawn from them is drawn by `truncate` and `sample`,
with a seed, so that a sampler does the same on any server, and again tomorrow.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from thermoscope.arguments import ArgumentError, one_temperature, seed_of, unicode_text, whole
from thermoscope.connection.client import ServerError
from thermoscope.connection.model import Chat, Prompt
from thermoscope.connection.source import Source
from thermoscope.data.atomic import write_whole
from thermoscope.data.dataset import Dataset
from thermoscope.data.formats.responses import OURS, Passage, prompt_shown
from thermoscope.data.saved import bound_of, record_of
from thermoscope.definition import softmax
from thermoscope.present import joined, percent
from thermoscope.reported import Reported, Token
from thermoscope.sampling import fresh_seed, sample
from thermoscope.truncation import Penalties, keep, truncate

__all__ = ["Draft"]

SAVED: Final = 1000
"""Tokens of each position that a file has; the others are a sum."""
MOST_BYTES: Final = 1 << 29
"""Of whole distributions that are kept; of earlier positions `SAVED` tokens are."""
BYTES_PER_ENTRY: Final = 40


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
    typed : str or None
        The prompt as a text, where it was given as one.
    rows : list of Reported
        What the model gave for each position, with the token that was taken as the drawn one. Of
        whole vocabularies the last positions are kept whole, up to 512 MiB; earlier ones have the
        1,000 likeliest tokens.

    Raises
    ------
    ArgumentError
        If a setting is wrong, the prompt is no Unicode text, or penalties are given and the server
        does not tell numbers of tokens.

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
        self.seed = fresh_seed() if seed is None else seed_of(seed)
        self.rows: list[Reported] = []
        self._next: Reported | None = None
        self._prompt = unicode_text("prompt", prompt) if isinstance(prompt, str) else prompt
        self.typed = prompt if isinstance(prompt, str) else None
        self.draw_by(temperature, **settings)
        if source.server.takes_ids and isinstance(prompt, str):
            self._prompt = source.numbers(source.tokenize(prompt))

    def draw_by(self, temperature: float, **settings: Any) -> None:
        """Set the sampler of the tokens that are drawn from now on.

        Raises
        ------
        ArgumentError
            As for a new draft.
        """
        temperature = one_temperature(temperature)
        checked, penalties = dict(settings), settings.get("penalties")
        most = 0
        if isinstance(penalties, Penalties):
            if not self.source.server.takes_ids:
                problem = f"must be left out: {self.source.server.kind} takes no numbers of tokens"
                raise ArgumentError("penalties", problem)
            checked["penalties"] = replace(penalties, history=(), prompt_tokens=0)
            most = max((*(penalties.logit_bias or ()), *(penalties.dry_breakers or ())), default=0)
        keep(np.zeros(1 + int(most)), temperature, **checked)
        self.temperature, self.settings = temperature, settings

    def __len__(self) -> int:
        return len(self.rows)

    def __repr__(self) -> str:
        return f"<Draft of {len(self)} tokens at T = {self.temperature:g}, seed {self.seed}>"

    @property
    def tokens(self) -> tuple[Token, ...]:
        """The tokens that were taken."""
        return tuple(_drawn(row) for row in self.rows)

    @property
    def prompt(self) -> Prompt:
        """What the text goes on from, as the model is asked."""
        return self._prompt

    @property
    def name(self) -> str:
        """The name of the model, without folders."""
        return Path(self.source.server.model).name

    @property
    def text(self) -> str:
        """What was written, with the characters whole that two tokens share."""
        return self.text_from(0)

    def text_from(self, start: int) -> str:
        """Return the text of the tokens from a position on."""
        tokens = self.tokens[start:]
        return "".join(text for _, text in joined((token.text, token.bytes) for token in tokens))

    @property
    def known_next(self) -> Reported | None:
        """The distribution of the token after the text; None where it has not been asked for."""
        return self._next

    @property
    def ended(self) -> bool:
        """Whether the last token is one that ends a text, as far as the model tells."""
        return bool(self.rows) and _drawn(self.rows[-1]).id in self.source.server.ends

    def next(self) -> Reported:
        """Return the distribution of the token after the text, which is asked for once."""
        if self._next is None:
            self._next = self.source.next(self._so_far())
        return self._next

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
        return self.append(_draw(row, self.temperature, chain, rng))

    def write(self, count: int) -> Iterator[Token]:
        """Draw tokens up to the end of the text, which the model may draw before `count`.

        Yields
        ------
        Token
        """
        for _ in range(whole("count", count, 0)):
            yield self.step()
            if self.ended:
                return

    def take(self, token: int | str) -> Token:
        """Append a given token, whether the sampler could have drawn it or not.

        Parameters
        ----------
        token : int or str
            Its number or its text. Of several tokens with one text the likeliest is taken.

        Raises
        ------
        ArgumentError
            If the server does not report such a token for this position, or tells no probability
            for it but 0.
        """
        row = self.next()
        found = _entries(row, token)
        if not found and row.tail > -np.inf:
            # What was saved, or is long ago, has the likeliest tokens alone.
            row = self.source.next(self._so_far())
            found = _entries(row, token)
        if not found:
            raise ArgumentError("token", f"must be one that is reported here, got {token!r}")
        self._next = row
        entry = max(found, key=row.logprobs.__getitem__)
        if row.logprobs[entry] == -np.inf:
            raise ArgumentError("token", f"must be possible here: {token!r} has no probability")
        return self.append(entry)

    def append(self, entry: int) -> Token:
        """Append a token of `next`, by its place there.

        Raises
        ------
        ArgumentError
            If there is no such entry, or its probability is not told.
        ServerError
            If the text goes on by the numbers of its tokens, and this one has none.
        """
        row = self.next()
        entry = whole("entry", entry, 0)
        if entry >= len(row) or row.logprobs[entry] == -np.inf:
            raise ArgumentError("entry", f"must be one that is reported here, got {entry}")
        if not isinstance(self._prompt, (str, Chat)):
            self.source.numbers((row.tokens or ())[entry : entry + 1])
        self.rows.append(row.drawing(entry))
        self._next = None
        self._shorten()
        return _drawn(self.rows[-1])

    def cut(self, length: int) -> None:
        """Forget the tokens from a position on. The distribution of that position stays known."""
        length = self._position(length)
        if length < len(self):
            self._next = self.rows[length].drawing(-1)
        del self.rows[length:]

    def branch(self, length: int | None = None) -> Draft:
        """Return another draft with the same beginning, which goes on by itself.

        Parameters
        ----------
        length : int, optional
            How many tokens they share; all of them by default.
        """
        other = copy(self)
        other.rows = self.rows.copy()
        other.cut(len(self) if length is None else length)
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
        prompt = prompt_shown({"typed": self.typed, "prompt": _written(self._prompt)})
        return answer_to(prompt, self.rows, self.name)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the text and its distributions to a .json file that every command reads.

        `explore` goes on with it, on the page of a model's server.
        Of each position the file has the 1,000 likeliest tokens and the one that was drawn.
        """
        write_whole(os.fspath(path), json.dumps(self.document(), ensure_ascii=False).encode())

    def document(self, start: int = 0) -> dict[str, Any]:
        """Return what `save` writes, of the positions from one on."""
        rows = [row.shortened(SAVED) for row in self.rows[start:]]
        content = [record_of(row) for row in rows]
        return {
            "model": self.source.server.model,
            "choices": [{"message": {"content": self.text}, "logprobs": {"content": content}}],
            OURS: {
                "vocabulary": self.source.vocabulary,
                "bounds": [bound_of(row) for row in rows],
                "prompt": _written(self._prompt),
                "typed": self.typed,
                # JSON has no infinity.
                "temperature": "inf" if self.temperature == np.inf else self.temperature,
                "seed": self.seed,
                "settings": {name: repr(value) for name, value in self.settings.items()},
            },
        }

    def _shorten(self) -> None:
        """Keep the likeliest tokens alone of positions long ago, where all would fill the memory.

        Many at once: what shows the text reads again those that have changed.
        """
        rows = [at for at, row in enumerate(self.rows) if len(row) > SAVED + 1]
        most = max(2, MOST_BYTES // (BYTES_PER_ENTRY * len(self.rows[-1])))
        if len(rows) > most:
            for at in rows[: -most // 2]:
                self.rows[at] = self.rows[at].shortened(SAVED)

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
        return [*self._prompt, *self.source.numbers(self.tokens)]

    def _position(self, length: int) -> int:
        length = whole("length", length, 0)
        if length > len(self):
            raise ArgumentError("length", f"must be at most {len(self)}, got {length}")
        return length


def answer_to(prompt: str, rows: list[Reported], source: str) -> Dataset:
    """Return the positions of a text that is written here."""
    answer = Passage(0, "answer", processed=False, prompt=prompt)
    return Dataset.of_reported(rows, source=source, passages=[answer])


def _written(prompt: Prompt) -> Any:
    """Return a prompt as JSON has it."""
    if isinstance(prompt, Chat):
        return [*map(dict, prompt.messages)]
    return prompt if isinstance(prompt, str) else [*prompt]


def _entries(row: Reported, token: int | str) -> list[int]:
    """Return the entries of a row that are a token, given by its number or its text."""
    return [
        at
        for at, known in enumerate(row.tokens or ())
        if token == (known.text if isinstance(token, str) else known.id)
    ]


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
    if len(row) != row.vocabulary:
        # A whole vocabulary has this order.
        kept = kept[np.argsort([_number(row, at) for at in kept.tolist()])]
    return int(kept[sample(np.log(p[kept]), rng=rng)])


def _number(row: Reported, at: int) -> int:
    """Return the number of a token, or its place where it has none."""
    number = (row.tokens or ())[at].id
    return at if number is None else number
