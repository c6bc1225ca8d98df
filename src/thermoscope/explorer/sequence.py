"""The positions of a text as the page reads them: what a server reported for each, in chunks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from thermoscope.present import joined
from thermoscope.state import written_numbers

if TYPE_CHECKING:
    from thermoscope.data.dataset import Dataset

__all__ = ["CHUNK", "about", "chunk", "has_sequence"]

CHUNK: Final = 1024
"""Positions per chunk."""
LONGEST: Final = 8
"""More tokens than a character is cut into, of 4 bytes."""
MOST: Final = 256
"""Log-probabilities of a position that are sent; the page's arithmetic takes time for each."""


def has_sequence(data: object) -> bool:
    """Whether the rows of `data` are positions of a text, whose tokens are known."""
    return getattr(data, "tokens", None) is not None


def about(data: Dataset) -> dict[str, object]:
    """Return what the page must know of a sequence before it asks for it.

    Examples
    --------
    >>> from thermoscope.data.formats.responses import Passage
    >>> from thermoscope import Dataset
    >>> about(Dataset.of([[0.0]], tokens=[()], passages=[Passage(0, "answer")]))
    {'temperature': 1.0, 'vocabulary': None, 'passages': [[0, 'answer', '']], 'processed': False}
    """
    return {
        "temperature": data.applied_temperature,
        "vocabulary": data.vocabulary,
        "passages": [[each.start, each.kind, each.prompt] for each in data.passages],
        "processed": any(passage.processed for passage in data.passages),
    }


def chunk(data: Dataset, start: int) -> dict[str, object]:
    """Return a chunk of the positions; ``web/src/model/sequence.ts`` reads it.

    Returns
    -------
    dict
        Lists of `CHUNK` positions, fewer at the end: "sizes", how many log-probabilities each has;
        "drawn", which entry of its row was drawn, and "places", which one that is of the
        log-probabilities, -1 where it is not known; "texts" of the drawn tokens, and "parts", which
        part of its text each is: tokens that only together are a character all have its text.
        As the base64 of little-endian float32: "logprobs", "width" for each position, the likeliest
        first. As that of float64: "rest", the logarithm of the probability of all other tokens;
        "deltas", how far a log-probability may be from the true one: the most that any of the
        position may be, and what float32 rounds here. One number for all of them only widens
        intervals.
    """
    stop = min(start + CHUNK, data.rows)
    padded, rest, deltas = data.positions(start, stop)
    order = np.argsort(-padded, axis=1, kind="stable")
    # A log-probability of -inf is one that the server does not give: it is in the tail.
    told = padded > -np.inf
    sizes = told.sum(axis=1)
    given = np.asarray(data.drawn[start:stop])
    drawn = np.where(given < 0, -1, given)
    is_told = (drawn >= 0) & told[np.arange(len(drawn)), drawn]
    places = np.where(is_told, (order == drawn[:, None]).argmax(axis=1), -1)
    items = np.where(is_told, np.cumsum(told, axis=1)[np.arange(len(drawn)), drawn] - 1, -1)
    items = np.where(rest > -np.inf, items, drawn)
    width = min(MOST, int(sizes.max()))
    for row in np.flatnonzero(sizes > MOST):
        # The drawn token is always sent; the mass of what is not sent belongs to the rest.
        last = max(places[row], MOST - 1)
        others = np.delete(order[row], [*range(MOST - 1), last])
        rest[row] = np.logaddexp.reduce([rest[row], *padded[row, others]])
        order[row, MOST - 1] = order[row, last]
        places[row] = min(places[row], MOST - 1)
    logprobs = np.take_along_axis(padded, order[:, :width], axis=1)
    sent = np.where(logprobs > -np.inf, logprobs, 0.0)
    deltas += np.abs(sent.astype(np.float32) - sent).max(axis=1, initial=0.0)
    return {
        "start": start,
        "width": width,
        "sizes": np.minimum(sizes, MOST).tolist(),
        "drawn": items.tolist(),
        "places": places.tolist(),
        **_texts(data, start, stop),
        "logprobs": written_numbers(logprobs, "<f4"),
        "rest": written_numbers(rest),
        "deltas": written_numbers(deltas),
    }


def _texts(data: Dataset, start: int, stop: int) -> dict[str, object]:
    """Return the texts of the drawn tokens, and which part of its text each token is."""
    tokens: Any = data.tokens
    # A character may begin before the chunk, and end after it.
    first, last = max(0, start - LONGEST), min(data.rows, stop + LONGEST)
    drawn = [
        tokens[row][at][::2] if at >= 0 else ("", None)
        for row, at in zip(range(first, last), data.drawn[first:last].tolist(), strict=True)
    ]
    parts = [(text, part) for count, text in joined(drawn) for part in range(count)]
    texts, places = zip(*parts[start - first : stop - first], strict=True)
    return {"texts": list(texts), "parts": list(places)}
