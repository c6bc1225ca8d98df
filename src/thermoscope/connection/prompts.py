"""`distributions`: what a model gives after each of many prompts, or for every token of texts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from thermoscope.arguments import ArgumentError, whole
from thermoscope.connection.client import ServerError
from thermoscope.connection.draft import Draft
from thermoscope.connection.model import Chat, Prompt
from thermoscope.connection.source import Source
from thermoscope.data.dataset import Dataset
from thermoscope.data.formats.responses import Passage
from thermoscope.data.prompts import Given
from thermoscope.reported import Reported

__all__ = ["Asked", "ask_each", "distributions"]

REFUSED: Final = {400, 413, 422}
"""What a server answers to a prompt that it can't take, as one that is too long."""

OF_PROMPT: Final = {"prompt", "text", "messages"}


class Asked(NamedTuple):
    """What came of one prompt.

    Attributes
    ----------
    number : int
        Counted from 1.
    rows : list of Reported
    error : ArgumentError, ServerError or None
        Why this prompt has no rows; it names the number.
    """

    number: int
    rows: list[Reported]
    error: ArgumentError | ServerError | None = None


def distributions(
    source: Source,
    prompts: Sequence[Given],
    *,
    chat: bool = False,
    score: bool = False,
    tokens: int = 1,
    top: int | None = None,
    progress: Callable[[int, int, int], object] | None = None,
) -> Dataset:
    """Ask a model for the distribution after each prompt, as rows for `compare_samplers`.

    Parameters
    ----------
    source : Source
        From `connect`.
    prompts : sequence of str, or of sequence of mapping
        Texts, or chats whose messages have "role" and "content".
    chat : bool, optional
        Whether a text is the message of a user, to be put into the model's template.
    score : bool, optional
        Whether the rows are the distributions of every token of each text, with the token that the
        text has as the drawn one, and not that of the token after it.
    tokens : int, optional
        How many tokens each text goes on, the likeliest each time, with a row for each of them. The
        model may end the text before.
    top : int, optional
        How many of the likeliest tokens to ask for; see `Source.next` and `Source.score`.
    progress : callable, optional
        Called as ``progress(done, prompts, 1)`` with each prompt that is answered.

    Returns
    -------
    Dataset
        A row for each distribution, prompt by prompt.

    Raises
    ------
    ArgumentError, ServerError
        If there are no prompts, or one of them fails: the message has its number, from 1 on.

    Examples
    --------
    >>> import thermoscope as ts
    >>> source = ts.connect("http://localhost:8080")  # doctest: +SKIP
    >>> rows = ts.distributions(source, ["The capital of France is", "2 + 2 ="])  # doctest: +SKIP
    >>> print(ts.compare_samplers(rows, {"a": "vllm", "b": "llama.cpp"}))  # doctest: +SKIP
    a and b: 12 of 100 draws would differ
    """
    rows: list[Reported] = []
    asked = ask_each(source, prompts, chat=chat, score=score, tokens=tokens, top=top)
    for each in asked:
        if each.error is not None:
            raise each.error
        rows += each.rows
        if progress is not None:
            progress(each.number, len(prompts), 1)
    return dataset_of(rows, source, score=score)


def dataset_of(rows: Sequence[Reported], source: Source, *, score: bool) -> Dataset:
    """Return distributions of a model as rows."""
    passages = (Passage(0, "prompt" if score else "answer", processed=False),)
    return Dataset.of_reported(rows, source=source.server.model, passages=passages)


def ask_each(
    source: Source,
    prompts: Sequence[Given],
    *,
    chat: bool = False,
    score: bool = False,
    tokens: int = 1,
    top: int | None = None,
) -> Iterator[Asked]:
    """Iterate over prompts, and what came of each; see `distributions`.

    A prompt that can't be taken has an error in place of rows, and the next one is asked. What the
    server fails at otherwise is raised.

    Raises
    ------
    ArgumentError
        If the arguments don't fit one another.
    ServerError
        If the server fails; the message has the number of the prompt.
    """
    _check(prompts, score=score, tokens=tokens, top=top)
    for number, given in enumerate(prompts, 1):
        try:
            start = _start(source, given, chat=chat)
            rows = _rows(source, start, score=score, tokens=tokens, top=top)
        except ArgumentError as error:
            if error.argument not in OF_PROMPT:
                raise
            problem = str(error).removeprefix(f"{error.argument} ")
            yield Asked(number, [], ArgumentError("prompt", f"{number} {problem}"))
        except ServerError as error:
            named = ServerError(f"prompt {number}: {error}", error.status)
            if error.status not in REFUSED:
                raise named from error
            yield Asked(number, [], named)
        else:
            yield Asked(number, rows)


def _check(prompts: Sequence[Given], *, score: bool, tokens: int, top: int | None) -> None:
    """Raise what does not fit before anything is asked."""
    if isinstance(prompts, str) or not len(prompts):
        problem = "must be a sequence of texts or chats with at least one of them"
        raise ArgumentError("prompts", f"{problem}, got {prompts!r}")
    tokens = whole("tokens", tokens, 1)
    if top is not None:
        whole("top", top, 1)
    if score and tokens > 1:
        raise ArgumentError("tokens", f"must be left out with score, got {tokens}")
    if tokens > 1 and top is not None:
        raise ArgumentError("top", f"must be left out where a text goes on, got {top}")


def _start(source: Source, given: Any, *, chat: bool) -> Prompt:
    """Return what the server is asked for: a text stays as it is, a chat takes its template."""
    if isinstance(given, str):
        return source.from_chat([{"role": "user", "content": given}]) if chat else given
    return source.from_chat([*given])


def _rows(
    source: Source, start: Prompt, *, score: bool, tokens: int, top: int | None
) -> list[Reported]:
    if score:
        if isinstance(start, Chat):
            kind = source.server.kind
            raise ServerError(f"{kind} does not tell the template of a chat, so it has no tokens")
        data = source.score(start, top=top)
        return [data.reported(row) for row in range(data.rows)]
    if tokens == 1:
        return [source.next(start, top=top)]
    draft = Draft(source, start, 0.0)
    for _ in draft.write(tokens):
        pass
    # The likeliest token is no target that a text has.
    return [row.drawing(-1) for row in draft.rows]
