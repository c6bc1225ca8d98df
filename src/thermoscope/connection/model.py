"""A language model as a source of distributions: on a server, or in this process."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple, TypeAlias

from thermoscope.connection.client import ServerError

if TYPE_CHECKING:
    from threading import Thread

    from thermoscope.reported import Token

__all__ = ["Chat", "Model", "Note", "Prompt", "Settings"]


class Chat(NamedTuple):
    """A chat for a server that does not tell the template of its model.

    Only the first token after the chat has a distribution: the server takes no text that goes on.

    Attributes
    ----------
    messages : tuple of Mapping
        Each with "role" and "content".
    """

    messages: tuple[Mapping[str, str], ...]


Prompt: TypeAlias = str | Sequence[int] | Chat
"""A text, the numbers of its tokens, or a chat."""

Settings: TypeAlias = Mapping[str, float | int]
"""Of a sampler, by the keywords of `truncate`, and "temperature" and "seed"."""

ENOUGH: Final = 1000
"""Log-probabilities that are asked for where a server would send all, but can't say how many."""


class Note(StrEnum):
    """What is not safe about a model and its server, in words."""

    OPEN_KEY = "the key goes over http, which others on the network can read: use https"
    FIRST_ALONE = (
        "this server does not tell the template of its chats: only the first token of an answer "
        "has a distribution, and no text can go on after it"
    )


class Model(ABC):
    """What is known of one model, and how it is asked.

    Attributes
    ----------
    kind : str
        What serves the model.
    version : str or None
        Of what serves it.
    model : str
        The name of the model.
    vocabulary : int or None
        How many tokens the model has, where that is told.
    most : int or None
        The most log-probabilities that are reported; None where it is not known.
    enough : int
        How many to ask for where nothing else is known.
    to_report_more : str
        The option with which a server reports more, if it has one.
    takes_ids : bool
        Whether a prompt may be the numbers of tokens: half characters need that.
    ends : frozenset of int
        The tokens that end a text, where they are told.
    by_text : bool
        Whether tokens of the same text are reported as one, so that one may be missing.
    """

    kind: ClassVar[str]
    takes_ids: ClassVar[bool] = False
    by_text: ClassVar[bool] = False
    to_report_more: ClassVar[str] = ""
    enough: ClassVar[int] = ENOUGH
    model: str
    most: int | None = None
    version: str | None = None
    vocabulary: int | None = None
    ends: frozenset[int] = frozenset()

    @abstractmethod
    def complete(self, prompt: Prompt, top: int, settings: Settings | None = None) -> Any:
        """Return what is answered to a prompt: one token, and `top` log-probabilities.

        Parameters
        ----------
        prompt : str, sequence of int or Chat
        top : int
            How many log-probabilities to ask for.
        settings : Mapping, optional
            Of the sampler; by default the distribution is the model's own.

        Returns
        -------
        Position, or a value of JSON that has one
        """

    @abstractmethod
    def wrong(self, problem: str) -> ServerError:
        """Return the error that this model does what it should not."""

    def tokenize(self, text: str) -> list[Token] | None:
        """Return the tokens of a text, with those that the model wants before it."""
        del text
        return None

    def score(self, ids: Sequence[int], top: int) -> Iterator[Any]:
        """Iterate over answers which together report every token of a text but the first."""
        del ids, top
        raise ServerError(f"{self.kind} does not report the tokens of a prompt, only of its answer")

    def from_chat(self, messages: Sequence[Mapping[str, str]]) -> Prompt:
        """Return the prompt that the model's template makes of a chat."""
        return Chat(tuple(messages))

    def wanted(self, top: int | None) -> int:
        """Return how many log-probabilities to ask for, where `top` is what the caller wants."""
        limits = [each for each in (top, self.most, self.vocabulary) if each is not None]
        return min(limits) if limits else self.enough

    @property
    def notes(self) -> tuple[Note, ...]:
        """What is not safe."""
        return ()

    def break_off(self, thread: Thread) -> None:
        """Let a thread ask nothing any more, and what it waits for end, where that can be done."""
        del thread

    @abstractmethod
    def close(self) -> None:
        """Give back what is held: connections, or what was computed of a prompt."""
