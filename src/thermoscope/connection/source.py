"""`connect`: a model on a server or in this process, as a source of distributions."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self, overload

import numpy as np

from thermoscope.arguments import ArgumentError, unicode_text, whole
from thermoscope.connection.client import Client, Limits, ServerError
from thermoscope.connection.in_process import Transformers
from thermoscope.connection.model import Chat, Model, Note, Prompt
from thermoscope.connection.servers import server_at
from thermoscope.data.dataset import Dataset
from thermoscope.data.formats.responses import Passage, Position, responses_of
from thermoscope.present import percent, printable
from thermoscope.reported import Reported

if TYPE_CHECKING:
    from thermoscope.reported import Token

__all__ = ["Source", "connect"]

LONGEST_IN_LINE: Final = 200

MODERATE: Final = 100
"""Log-probabilities of each token of a text, where the caller does not say how many."""

LOGGER: Final = logging.getLogger("thermoscope")


@overload
def connect(
    url: str,
    *,
    model: str | None = None,
    vocabulary: int | None = None,
    timeout: float = 30.0,
    tell: Callable[[str], object] | None = None,
) -> Source: ...
@overload
def connect(*, model: Any, tokenizer: Any) -> Source: ...
def connect(
    url: str | None = None,
    *,
    model: Any = None,
    tokenizer: Any = None,
    vocabulary: int | None = None,
    timeout: float = 30.0,
    tell: Callable[[str], object] | None = None,
) -> Source:
    """Connect to the server of a language model, or to a model in this process.

    Servers that are known: llama.cpp, vLLM, SGLang, Ollama, Text Generation Inference, and others
    with the routes of OpenAI. The server is asked for distributions alone; what is drawn from them
    is drawn here, by `truncate` and `sample`.

    Nothing but this server is reached: no redirect is followed, and no proxy is used. A key is
    taken from the environment, from ``THERMOSCOPE_API_KEY``, and sent to the server alone.

    A model of transformers in this process takes the place of a server: it is asked without dropout
    and gradients, and left as it was. What it has computed of a prompt is kept for the next one.

    Parameters
    ----------
    url : str
        The address of the server, as http://localhost:8080; a last /v1 may be left out.
    model : str or transformers.PreTrainedModel, optional
        Its name on the server. It must be given where there are several. Without `url`, a model
        with a language-modelling head.
    tokenizer : transformers.PreTrainedTokenizerBase, optional
        Of a model in this process.
    vocabulary : int, optional
        How many tokens the model has, for servers that do not tell. Without it the intervals of
        what is not reported are one-sided.
    timeout : float, optional
        Seconds that the server may be silent. A whole answer may take ten times as long.
    tell : callable, optional
        Takes a line when a request has to wait, because the server is busy. By default it is a
        warning of the logger "thermoscope".

    Returns
    -------
    Source
        Its `next` is the distribution after a prompt, its `score` those of a whole text.

    Raises
    ------
    ArgumentError
        If `url` is no address, or the server has several models and none is named, or neither a
        server nor a model with its tokenizer is given.
    ServerError
        If there is no such server. It is an OSError and a ValueError.
    ImportError
        If httpx2 or orjson is not installed: both come with the extra ``models``.

    Examples
    --------
    >>> import thermoscope as ts
    >>> source = ts.connect("http://localhost:8080")  # doctest: +SKIP
    >>> source.about  # doctest: +SKIP
    'llama.cpp b6500 · qwen3.gguf · all 151,936 tokens'
    >>> reported = source.next("The capital of France is")  # doctest: +SKIP
    >>> ts.entropy(reported, 0.7)  # doctest: +SKIP
    Interval(low=1.3862, high=1.3862)

    In this process:

    >>> from transformers import AutoModelForCausalLM, AutoTokenizer  # doctest: +SKIP
    >>> model = AutoModelForCausalLM.from_pretrained("gpt2")  # doctest: +SKIP
    >>> tokenizer = AutoTokenizer.from_pretrained("gpt2")  # doctest: +SKIP
    >>> source = ts.connect(model=model, tokenizer=tokenizer)  # doctest: +SKIP
    """
    if url is None:
        if model is None or isinstance(model, str):
            raise ArgumentError("url", "must be given, or a model and its tokenizer in its place")
        if tokenizer is None:
            raise ArgumentError("tokenizer", "must be given with a model in this process")
        return Source(Transformers(model, tokenizer))
    if tokenizer is not None or not (model is None or isinstance(model, str)):
        problem = "must be the name of a model on the server: leave out url for one in this process"
        raise ArgumentError("model", problem)
    if not timeout > 0:
        raise ArgumentError("timeout", f"must be > 0, got {timeout}")
    limits = Limits(silence=timeout, seconds=10 * timeout)
    client = Client(url, limits=limits, tell=tell or LOGGER.warning)
    try:
        return Source(server_at(client, model), vocabulary)
    except BaseException:
        client.close()
        raise


class Reach(NamedTuple):
    """How much of a distribution a source reports.

    Attributes
    ----------
    tokens : int
        All of them, or the likeliest that are reported.
    left_out : float
        The probability at T = 1 of those that are not.
    needed : int or None
        How many log-probabilities to ask for to know the entropy to 0.1 nat; None if the size of
        the vocabulary is not known.
    option : str
        With it a server reports more; "" if there is none.
    is_whole : bool
        Whether all tokens are reported.
    """

    tokens: int
    left_out: float = 0.0
    needed: int | None = None
    option: str = ""
    is_whole: bool = True


class Source:
    """A language model: `connect` makes one. As a context manager it closes its connections.

    Attributes
    ----------
    server : Model
        A server, or the model in this process.
    vocabulary : int or None
        How many tokens the model has.
    notes : tuple of Note
        What is not safe, in words.
    """

    def __init__(self, server: Model, vocabulary: int | None = None) -> None:
        self.server = server
        told = server.vocabulary
        if vocabulary is not None:
            vocabulary = whole("vocabulary", vocabulary, 1)
            if told is not None and vocabulary != told:
                problem = f"must be {told}, which {server.kind} tells, got {vocabulary}"
                raise ArgumentError("vocabulary", problem)
        self.vocabulary = told if vocabulary is None else vocabulary
        self._last: Reported | None = None
        self._tokens: tuple[Token, ...] = ()
        self._chats = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Source: {self.about}>"

    def close(self) -> None:
        """End all connections."""
        self.server.close()

    @property
    def about(self) -> str:
        """What the server is and what it reports, in one line.

        How many tokens it reports, and what they leave out, is known after the first distribution.
        """
        parts, reach = list(self.names), self.reach
        if reach is None:
            return " · ".join(parts)
        if reach.is_whole:
            return " · ".join([*parts, f"all {reach.tokens:,} tokens"])
        parts.append(f"the likeliest {reach.tokens:,}")
        parts.append(f"{percent(reach.left_out)} not reported")
        if reach.needed is None:
            parts.append("the size of its vocabulary is not known")
        else:
            parts.append(f"ask for {reach.needed:,} to know the entropy to 0.1 nat")
        if reach.option:
            parts.append(f"start it with {reach.option}")
        return " · ".join(parts)

    @property
    def names(self) -> tuple[str, str]:
        """The server with its version, and the model."""
        server = self.server
        kind = f"{server.kind} {server.version}" if server.version else server.kind
        return _in_line(kind), _in_line(server.model)

    @property
    def reach(self) -> Reach | None:
        """How much of a distribution is reported; None before the first one."""
        last = self._last
        if last is None:
            return None
        if last.vocabulary == len(last):
            return Reach(len(last))
        likeliest = int(np.count_nonzero(last.logprobs >= last.cap)) or len(last)
        needed = None if last.vocabulary is None else last.logprobs_needed()
        left_out = last.not_reported(1.0).high
        option = self.server.to_report_more
        return Reach(likeliest, left_out, needed, option, is_whole=False)

    @property
    def notes(self) -> tuple[Note, ...]:
        """What is not safe."""
        return (*self.server.notes, *([Note.FIRST_ALONE] if self._chats else []))

    def next(self, prompt: Prompt, *, top: int | None = None) -> Reported:
        """Return the distribution of the token after a prompt, as the model gives it.

        Parameters
        ----------
        prompt : str, sequence of int or Chat
            A text, the numbers of its tokens where the server takes them, or what `from_chat` has
            made.
        top : int, optional
            How many of the likeliest tokens to ask for; by default as many as the server reports.

        Returns
        -------
        Reported
            At T = 1, before any sampler. No token is drawn.

        Raises
        ------
        ArgumentError
            If the prompt is empty, no Unicode text, or numbers of tokens that the server does not
            take.
        ServerError
            If the server fails, or its answer is not one distribution.
        """
        if isinstance(prompt, str):
            unicode_text("prompt", prompt)
        if not len(prompt):
            raise ArgumentError("prompt", "must have at least one token, got none")
        if top is not None:
            top = whole("top", top, 1)
        server = self.server
        wanted = server.wanted(top)
        self._last = self.reported(self.read(server.complete(prompt, wanted), prompt, wanted))
        return self._last

    def read(self, answer: Any, prompt: Prompt, wanted: int) -> Position:
        """Return what an answer of the server reports of its one token.

        Parameters
        ----------
        answer : object
        prompt : str, sequence of int or Chat
        wanted : int
            How many log-probabilities were asked for.

        Raises
        ------
        ServerError
            If it is not one distribution.
        """
        (position,) = self._read(answer, "answer")
        # A server that has refused that many has sent the most that it allows.
        wanted = min(wanted, self.server.most or wanted)
        by_text = self.server.by_text and not isinstance(prompt, Chat)
        return position._replace(cap=_cap(position, wanted, by_text=by_text))

    def tokenize(self, text: str) -> tuple[Token, ...]:
        """Return the tokens of a text, with those that the model wants before it.

        Raises
        ------
        ArgumentError
            If it is no Unicode text.
        ServerError
            If the server does not tell them.
        """
        unicode_text("text", text)
        tokens = self.server.tokenize(text)
        if tokens is None:
            raise ServerError(f"{self.server.kind} does not tell the tokens of a text")
        if not tokens and text:
            raise self.server.wrong("names no tokens of a text")
        return tuple(tokens)

    def numbers(self, tokens: Sequence[Token]) -> list[int]:
        """Return the numbers of tokens, by which the server is asked how they go on.

        Raises
        ------
        ServerError
            If the server does not tell one of them: without it the text would be another one.
        """
        found = []
        for token in tokens:
            if token.id is None:
                raise self.server.wrong(f"does not tell the number of the token {token.text!r}")
            found.append(token.id)
        return found

    def from_chat(self, messages: Sequence[Mapping[str, str]]) -> Prompt:
        """Return the prompt that the model's template makes of a chat, for `next`.

        Parameters
        ----------
        messages : sequence of mapping
            Each with "role" and "content".

        Returns
        -------
        str, list of int or Chat
            A `Chat` where the server does not tell its template: `next` takes it, for the first
            token of the answer alone, and `notes` says so.

        Raises
        ------
        ArgumentError
            If there are no messages, or one has what is no Unicode text.
        """
        if not messages:
            raise ArgumentError("messages", "must have at least one message, got none")
        for message in messages:
            for value in message.values():
                unicode_text("messages", value)
        prompt = self.server.from_chat(messages)
        self._chats = isinstance(prompt, Chat)
        return prompt

    def score(self, text: str | Sequence[int], *, top: int | None = None) -> Dataset:
        """Return what the model makes of a given text: a distribution for each token.

        The first token has none, unless the model wants another one before each text.

        Parameters
        ----------
        text : str or sequence of int
            A text, or the numbers of its tokens.
        top : int, optional
            How many of the likeliest tokens to ask for at each position; 100 by default.

        Returns
        -------
        Dataset
            A reported distribution for each position, with the token of the text as the one drawn;
            as `open_logits` reads it from a server's answer.

        Raises
        ------
        ArgumentError
            If the text has fewer than two tokens, or is no Unicode text.
        ServerError
            If the server does not report the tokens of a prompt.
        """
        top = MODERATE if top is None else whole("top", top, 1)
        ids = self.numbers(self.tokenize(text)) if isinstance(text, str) else [*text]
        if len(ids) < 2:
            raise ArgumentError("text", "must have at least two tokens")
        answers = self.server.score(ids, self.server.wanted(top))
        rows = [
            self.reported(each._replace(cap=_cap(each)))
            for answer in answers
            for each in self._read(answer, "prompt")
        ]
        if len(rows) != len(ids) - 1:
            raise self.server.wrong(f"reports {len(rows)} of {len(ids) - 1} tokens")
        placed = [self._placed(*each) for each in zip(rows, ids[1:], strict=True)]
        passages = (Passage(0, "prompt", processed=False),)
        return Dataset.of_reported(placed, source=self.server.model, passages=passages)

    def _read(self, answer: Any, kind: str) -> list[Position]:
        """Return the positions of an answer: of the answer itself, or of its prompt."""
        if isinstance(answer, Position):
            return [answer]
        notes: list[str] = []
        try:
            found = responses_of([("the answer", answer)], notes, self._tokens)
        except ValueError as error:
            raise self.server.wrong(f"answered without a distribution: {error}") from error
        positions = [] if found is None else found.positions
        if kind == "answer" and len(positions) != 1:
            raise self.server.wrong(f"was asked for one token, and reports {len(positions)}")
        for position in positions:
            if position.error is not None:
                raise self.server.wrong(f"reports what can't be read: {position.error}")
        return positions

    def reported(self, position: Position) -> Reported:
        """Return what is reported at one position, as a distribution of the model's vocabulary.

        Raises
        ------
        ServerError
            If it has a token twice, or one that is none of the vocabulary.
        """
        vocabulary = self.vocabulary
        if position.rest is None and vocabulary is None:
            vocabulary = len(position.tokens)
        tokens: Sequence[Token] = position.tokens
        logprobs, deltas = np.array(position.logprobs), np.array(position.deltas)
        if tokens is not self._tokens:
            given = [number for number in map(attrgetter("id"), tokens) if number is not None]
            numbers = np.array(given, np.int64)
            most = numbers.max(initial=0)
            if vocabulary is not None and most >= vocabulary:
                raise self.server.wrong(f"reports token {most} of a vocabulary of {vocabulary}")
            order = np.argsort(numbers)
            if not np.diff(numbers[order]).all():
                raise self.server.wrong("reports a token twice")
            if len(numbers) == len(tokens) == vocabulary:
                # A whole vocabulary stands in the order of its numbers, as a model's logits do.
                logprobs, deltas = logprobs[order], deltas[order]
                tokens = list(map(tokens.__getitem__, order.tolist()))
        try:
            found = Reported(
                logprobs,
                vocabulary=vocabulary,
                tokens=tokens,
                processed=False,
                delta=deltas,
                cap=position.cap,
            )
        except ArgumentError as error:
            raise self.server.wrong(f"reports no distribution: {error}") from error
        # All rows share the tokens of a whole vocabulary, which take far more memory.
        if found.tokens == self._tokens:
            return found.drawing(found.drawn, self._tokens)
        if len(found) == vocabulary:
            self._tokens = found.tokens or ()
        return found

    def _placed(self, row: Reported, number: int) -> Reported:
        """Return a row with the token of the text as the one drawn."""
        for at, token in enumerate(row.tokens or ()):
            if token.id == number:
                return row.drawing(at)
        raise self.server.wrong(f"does not report token {number}, which the text has")


def _in_line(words: str) -> str:
    """Return words of a server as they stand in a line."""
    text = printable(" ".join(words.split()))
    return text if len(text) <= LONGEST_IN_LINE else f"{text[:LONGEST_IN_LINE]}…"


def _cap(position: Position, wanted: int | None = None, *, by_text: bool = False) -> float:
    """Return the logarithm of the most that a token has which is not reported.

    Parameters
    ----------
    position : Position
    wanted : int, optional
        How many of the likeliest tokens were asked for.
    by_text : bool, optional
        Whether tokens of the same text are reported as one.
    """
    values = position.logprobs
    cap = position.cap
    if cap is None:
        # The token that was drawn is sent beside the likeliest where it is none of them.
        is_beside = by_text or len(values) != wanted
        cap = min(
            (
                each
                for at, each in enumerate(values)
                if each > -math.inf and not (is_beside and at == position.drawn)
            ),
            default=0.0,
        )
    # Of tokens with the same text, the one that is missing may be likelier than all others.
    is_missing = by_text and wanted is not None and sum(each >= cap for each in values) < wanted
    return 0.0 if is_missing else cap
