"""The positions of a text, token by token: what was drawn, and how likely that was."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from thermoscope.arguments import ArgumentError
from thermoscope.data.errors import FileError
from thermoscope.data.formats.responses import Passage
from thermoscope.present import joined, visible
from thermoscope.reported import Interval, Reported
from thermoscope.truncation import keep

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from thermoscope.data.dataset import Dataset
    from thermoscope.reported import Token
    from thermoscope.truncation.intervals import Fate

__all__ = ["DrawnToken", "Total", "drawn_tokens", "rank_of", "total_of"]

ROUNDING: Final = 1e-12
"""What float64 may add to a quotient of two probabilities."""


class DrawnToken(NamedTuple):
    """The token that was drawn at a position of a text, and how likely it was.

    Attributes
    ----------
    position : int
        Counted from 0.
    passage : int
        Of the text, counted from 0: the prompt, or what a model made of it.
    kind : str
        Of the passage: "prompt", "reasoning", "answer" or "refusal".
    token : Token or None
        None where it is not known which token was drawn.
    text : str
        Of the token, or of the characters that it is a part of.
    part, parts : int
        Of the tokens that make up `text`, which one this is, from 1, and how many there are.
    surprisal : Interval or None
        -log p of the drawn token.
    rank : Interval or None
        Its place among all tokens, by probability, from 1.
    entropy : Interval or None
    fate : {"kept", "dropped", "undecided"} or None
        Whether a sampler could have drawn it; undecided where what was reported can't tell.
    error : str or None
        Why the position can't be read.
    """

    position: int
    passage: int
    kind: str
    token: Token | None
    text: str
    part: int
    parts: int
    surprisal: Interval | None = None
    rank: Interval | None = None
    entropy: Interval | None = None
    fate: Fate | None = None
    error: str | None = None

    @property
    def name(self) -> str:
        """The text on one line, and of a part of a character which part it is."""
        if self.token is None:
            return "(unknown)"
        text = visible(self.text)
        return text if self.parts == 1 else f"{text} {self.part} of {self.parts}"


class Total(NamedTuple):
    """What is known of all tokens of a text together.

    Attributes
    ----------
    positions, drawn : int
        How many there are, and of how many it is known which token was drawn.
    surprisal : Interval
        The sum over these.
    dropped, undecided : int
        How many of these the sampler could not have drawn, and of how many that can't be told.
    """

    positions: int
    drawn: int
    surprisal: Interval
    dropped: int
    undecided: int


def drawn_tokens(
    data: Dataset,
    temperature: float = 1.0,
    *,
    vocabulary: int | None = None,
    base: float | None = None,
    **truncation: Any,
) -> Iterator[DrawnToken]:
    """Iterate over the positions of a text that a server reported.

    Parameters
    ----------
    data : Dataset
        What a server answered, as `thermoscope.open_logits` reads it.
    temperature : float, optional
        In [0, inf]: that at which the tokens are judged.
    vocabulary : int, optional
        How many tokens the model has.
    base : float, optional
        Of the logarithm in surprisal and entropy; e if left out.
    **truncation
        As for `thermoscope.keep`; without any, `DrawnToken.fate` is None.

    Yields
    ------
    DrawnToken

    Raises
    ------
    ArgumentError
        If the rows of `data` are no positions of a text.

    Examples
    --------
    >>> import json
    >>> from thermoscope.data.reading import parse_logits
    >>> logprobs = {" Paris": -0.5, " Lyon": -2.5, " Nice": -3.5}
    >>> top = [{"token": text, "logprob": logprob} for text, logprob in logprobs.items()]
    >>> data = parse_logits(json.dumps({"logprobs": [{**top[1], "top_logprobs": top}]}))
    >>> (token,) = drawn_tokens(data)
    >>> token.text, [round(end, 9) for end in token.surprisal], token.rank
    (' Lyon', [2.5, 2.5], Interval(low=2, high=2))
    """
    if data.tokens is None:
        raise ArgumentError("data", "must be what a server answered, token by token")
    drawn = [
        None if at < 0 else tokens[at]
        for tokens, at in zip(data.tokens, data.drawn.tolist(), strict=True)
    ]
    passages = data.passages or (Passage(0, "answer"),)
    ends = [passage.start for passage in passages[1:]] + [len(drawn)]
    for number, (passage, end) in enumerate(zip(passages, ends, strict=True)):
        position = passage.start
        texts = (
            ("", None) if token is None else (token.text, token.bytes)
            for token in drawn[position:end]
        )
        for parts, text in joined(texts):
            for part in range(1, parts + 1):
                known = DrawnToken(
                    position, number, passage.kind, drawn[position], text, part, parts
                )
                try:
                    row = data.reported(position, vocabulary=vocabulary)
                except (ArgumentError, FileError) as error:
                    yield known._replace(error=str(error))
                else:
                    yield _measured(known, row, temperature, base, truncation)
                position += 1


def _measured(
    known: DrawnToken,
    row: Reported,
    temperature: float,
    base: float | None,
    truncation: dict[str, Any],
) -> DrawnToken:
    known = known._replace(entropy=row.entropy(temperature, base=base))
    if known.token is None:
        return known
    fate = keep(row, temperature, **truncation).fate(row.drawn) if truncation else None
    surprisal = row.surprisal(temperature, base=base)
    return known._replace(surprisal=surprisal, rank=rank_of(row), fate=fate)


def rank_of(row: Reported) -> Interval:
    """Return the place of the drawn token among all, by probability, from 1.

    Examples
    --------
    >>> import numpy as np
    >>> rank_of(Reported(np.log([0.5, 0.2, 0.1]), drawn=1))
    Interval(low=2, high=2)

    A drawn token that is not one of the likeliest may stand behind some of the tail:

    >>> rank_of(Reported(np.log([0.5, 0.2, 0.01]), drawn=2))
    Interval(low=3, high=31)
    """
    at = row.applied_temperature
    low, high = row.logprobs - row.delta, row.logprobs + row.delta
    others = np.delete(np.arange(low.size), row.drawn)
    told = int(np.count_nonzero(row.logprobs[others] > -math.inf))
    in_tail = math.inf if row.vocabulary is None else row.vocabulary - 1 - told
    if row.logprobs[row.drawn] == -math.inf:  # it is a token of the tail itself
        with np.errstate(divide="ignore"):
            ahead = int(np.count_nonzero(low[others] > np.log(row.any_other(at))))
        return Interval(ahead + 1, told + 1 + in_tail)
    ahead = int(np.count_nonzero(low[others] > high[row.drawn]))
    may_be_ahead = int(np.count_nonzero(high[others] > low[row.drawn]))
    least = math.exp(low[row.drawn])
    if row.any_other(at) <= least:
        in_tail = 0
    elif least > 0:
        # Each is likelier than the drawn one, and they have the tail's probability together.
        most = row.not_reported(at).high / least
        in_tail = min(in_tail, math.ceil(most * (1 - ROUNDING)) - 1)
    return Interval(ahead + 1, may_be_ahead + 1 + in_tail)


def total_of(tokens: Iterable[DrawnToken]) -> Total:
    """Return what is known of all tokens of a text together.

    Examples
    --------
    >>> half = Interval(0.5, 0.5)
    >>> unsure = DrawnToken(0, 0, "answer", None, "a", 1, 1, half, fate="undecided")
    >>> total_of([unsure, unsure])
    Total(positions=2, drawn=2, surprisal=Interval(low=1.0, high=1.0), dropped=0, undecided=2)
    """
    all_tokens = list(tokens)
    surprisals = [token.surprisal for token in all_tokens if token.surprisal is not None]
    low, high = (math.fsum(each[end] for each in surprisals) for end in range(2))
    fates = [token.fate for token in all_tokens]
    return Total(
        positions=len(all_tokens),
        drawn=len(surprisals),
        surprisal=Interval(low, high),
        dropped=fates.count("dropped"),
        undecided=fates.count("undecided"),
    )
