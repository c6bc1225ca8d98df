"""Questions to a server: counted, each with a seed of its own, and the answers in one form."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from thermoscope.arguments import ArgumentError
from thermoscope.connection.client import ServerError
from thermoscope.connection.model import Prompt
from thermoscope.connection.servers import Server
from thermoscope.connection.source import Source
from thermoscope.data.formats.responses import Position, Token
from thermoscope.data.formats.servers import as_dict, as_list
from thermoscope.diagnosis.race import BESIDE, HIDDEN, Experiment
from thermoscope.diagnosis.sampler import as_sent
from thermoscope.reported import Reported

Array = NDArray[np.float64]

__all__ = ["NEGLIGIBLE", "PROMPTS", "Examination", "Reference", "Spent", "Unknown"]

PROMPTS: Final = (
    "My favourite colour is",
    "She opened the door and saw a",
    "The name of my best friend is",
    "The weather tomorrow will be",
    "One of the largest cities in the world is",
    "The capital of France is",
)
"""Texts after which several tokens are likely, and one where one is."""

SEEDS: Final = 2**31
"""All servers take seeds below this one."""
TRIES: Final = 4
"""Of half a character llama.cpp reports nothing: then another token is drawn."""
NEGLIGIBLE: Final = 0.01
"""A check of sums asks only where the tokens that are not reported have less than this together."""


class Spent(Exception):  # noqa: N818 - no error: the budget is used up
    """All requests have been made."""


class Unknown(Exception):  # noqa: N818 - no error: a result
    """Why a check can't know anything, in words."""


@dataclass(frozen=True, eq=False)
class Reference:
    """The model's own distribution after a prompt, as the server reports it at T = 1.

    Attributes
    ----------
    prompt : str or sequence of int
    reported : Reported
    """

    prompt: Prompt
    reported: Reported

    @property
    def tokens(self) -> tuple[Token, ...]:
        """The tokens that are reported."""
        return self.reported.tokens or ()

    @property
    def logprobs(self) -> Array:
        """Their log-probabilities."""
        return self.reported.logprobs

    @cached_property
    def rest(self) -> float:
        """The probability of all others."""
        return float(self.reported.not_reported(1.0).high)

    @cached_property
    def likeliest(self) -> int:
        """How many tokens are known to be the likeliest: all others have less."""
        if self.rest == 0:
            return len(self.logprobs)
        return int(np.count_nonzero(self.logprobs >= self.reported.cap))

    @cached_property
    def _places(self) -> tuple[dict[int, int], dict[bytes, int], dict[str, int]]:
        ids: dict[int, int] = {}
        data: dict[bytes, int] = {}
        texts: dict[str, int] = {}
        for at, token in enumerate(self.tokens):
            if token.id is not None:
                ids[token.id] = at
            if token.bytes:
                data[token.bytes] = BESIDE if token.bytes in data else at
            texts[token.text] = BESIDE if token.text in texts else at
        return ids, data, texts

    def place(self, token: Token) -> int:
        """Return which of the tokens another report's token is, or `BESIDE`."""
        ids, data, texts = self._places
        if ids and token.id is not None:
            return ids.get(token.id, BESIDE)
        if token.bytes and token.bytes in data:
            return data[token.bytes]
        return texts.get(token.text, BESIDE)

    def unreported(self, temperature: float) -> float:
        """Return the most that all tokens which are not reported have at a temperature."""
        return float(self.reported.not_reported(temperature).high)


class Examination:
    """A server under examination.

    Parameters
    ----------
    source : Source
    requests : int
        The most tokens that may be asked for.
    prompts : sequence of prompts
    seed : int
        Of the seeds that are sent.
    tell : callable
        Takes the number of requests so far.
    """

    def __init__(
        self,
        source: Source,
        *,
        requests: int,
        prompts: Sequence[Prompt] = PROMPTS,
        seed: int = 0,
        tell: Callable[[int], object] | None = None,
    ) -> None:
        if not isinstance(source.server, Server):
            raise ArgumentError("source", "must be a model on a server")
        self.source, self.server = source, source.server
        self.budget, self.count = requests, 0
        self.prompts = tuple(prompts)
        self.off = dict(self.server.OFF)
        self.takes = frozenset(self.server.names)
        self.sampler = as_sent(self.server.kind, self.off)
        self.documented = self.sampler.engine is not None
        self.references: list[Reference] = []
        # The steps of truncation that are known to be done, or not.
        self.confirmed: set[str] = set()
        # The log-probabilities of the last report, as they were sent.
        self.sent: list[float] = []
        # Why the draws can't be held against what is reported.
        self.unfit = ""
        self._tell = tell
        self._random = np.random.default_rng(seed)

    def new_seed(self) -> int:
        """Return a seed that no other request has."""
        return int(self._random.integers(1, SEEDS))

    def ask(
        self, prompt: Prompt, settings: Mapping[str, float], *, top: int, seed: int | None = None
    ) -> Any:
        """Have one token drawn, with these settings and a seed, and return the answer.

        Raises
        ------
        Spent
            If there is no request left.
        """
        if self.count >= self.budget:
            raise Spent
        sent = dict(settings)
        if "seed" in self.takes:
            sent["seed"] = self.new_seed() if seed is None else seed
        self.count += 1
        if self._tell is not None:
            self._tell(self.count)
        return self.server.complete(prompt, top, sent)

    def report(
        self, prompt: Prompt, settings: Mapping[str, float] | None = None, *, top: int | None = None
    ) -> Position:
        """Return what is reported after a prompt; without settings at T = 1, nothing truncated."""
        sent = self.off if settings is None else {**self.off, **settings}
        for _ in range(TRIES):
            wanted = self.server.wanted(top)
            answer = self.ask(prompt, sent, top=wanted)
            try:
                position = self.source.read(answer, prompt, wanted)
            except ServerError:
                if not _numbers(answer):
                    raise
            else:
                self.sent = _sent(answer)
                return position
        raise Unknown("half characters are drawn, of which the server reports nothing")

    def reference(
        self, prompt: Prompt, settings: Mapping[str, float] | None = None, *, top: int | None = None
    ) -> Reference:
        """Return what is reported after a prompt as a distribution."""
        return Reference(prompt, self.source.reported(self.report(prompt, settings, top=top)))

    def drawn(
        self, prompt: Prompt, settings: Mapping[str, float], *, seed: int | None = None
    ) -> Token | None:
        """Return the token that is drawn; None where the server does not tell it."""
        answer = self.ask(prompt, settings, top=1, seed=seed)
        try:
            position = self.source.read(answer, prompt, 1)
        except ServerError:
            numbers = _numbers(answer)
            return Token("", numbers[0], None) if len(numbers) == 1 else None
        return position.tokens[position.drawn] if position.drawn >= 0 else None

    def draw(self, experiment: Experiment) -> int:
        """Return which token of a reference is drawn, `BESIDE` or `HIDDEN`."""
        reference = self.references[experiment.prompt]
        token = self.drawn(reference.prompt, experiment.settings)
        return HIDDEN if token is None else reference.place(token)

    @property
    def beside(self) -> dict[str, float]:
        """A top-k by which only reported tokens are drawn; nothing where nearly all are reported.

        It keeps those that are reported, so that it harms nothing where the server ignores it.
        """
        least = min(each.likeliest for each in self.references)
        is_part = any(each.rest > NEGLIGIBLE for each in self.references)
        return {"top_k": least} if is_part and least and "top_k" in self.takes else {}

    @property
    def drops_first(self) -> bool:
        """Whether a top-k is known to drop tokens before top-p and typical_p see the others."""
        known = self.documented and "top_k" in self.confirmed - self.sampler.ignored
        return known and not self.sampler.sees_all("top_k")

    def experiments(
        self, *settings: Mapping[str, float], sums: bool = False, whole: bool = False
    ) -> list[Experiment]:
        """Return an experiment for each prompt and each of these settings.

        Parameters
        ----------
        *settings : Mapping
            What is sent beside all that is off.
        sums : bool
            Whether what is not reported must be negligible at their temperature …
        whole : bool
            … or all tokens must be reported.
        """
        most = 0.0 if whole else NEGLIGIBLE if sums else 1.0
        found = []
        for each in settings:
            sent = {**self.off, **each}
            t = max(1.0, each.get("temperature", 1.0))
            found += [
                Experiment(prompt, sent)
                for prompt, reference in enumerate(self.references)
                if reference.unreported(t) <= most
            ]
        return found

    @cached_property
    def logprobs(self) -> Array:
        """The log-probabilities of all references in rows, the shorter ones filled with -inf."""
        longest = max(len(reference.logprobs) for reference in self.references)
        rows = np.full((len(self.references), longest), -np.inf)
        for row, reference in zip(rows, self.references, strict=True):
            row[: len(reference.logprobs)] = reference.logprobs
        return rows

    @cached_property
    def with_others(self) -> Array:
        """The rows of `logprobs` with tokens for what is not reported, behind those that are.

        Each has as much as the cap allows. So sums over the likeliest tokens are exact at T = 1,
        and at every T where a top-k before them drops all others.
        """
        counts = [
            math.ceil(each.rest / math.exp(each.reported.cap)) if each.rest > NEGLIGIBLE else 0
            for each in self.references
        ]
        rows = np.full((len(self.references), self.logprobs.shape[1] + max(counts)), -np.inf)
        rows[:, : self.logprobs.shape[1]] = self.logprobs
        for row, count, reference in zip(rows, counts, self.references, strict=True):
            if count:
                row[len(row) - count :] = math.log(reference.rest / count)
        return rows


def _numbers(answer: Any) -> list[int]:
    """Return the numbers of tokens that llama.cpp tells beside the log-probabilities."""
    return [each for each in as_list(as_dict(answer).get("tokens")) if isinstance(each, int)]


def _sent(answer: Any) -> list[float]:
    """Return the log-probabilities of an answer, as they were sent.

    Those that were read may have been corrected. There may be 262,144 of them, each in an object.
    """
    found, ahead = list[float](), [(answer, False)]
    while ahead:
        value, inside = ahead.pop()
        pairs = value.items() if isinstance(value, dict) else (("", each) for each in value)
        for key, each in pairs:
            if type(each) is float:
                if (inside or "prob" in key) and -math.inf < each < 0:
                    found.append(each)
            elif isinstance(each, (dict, list)) and key != "bytes":
                ahead.append((each, inside or "prob" in key))
    return found
