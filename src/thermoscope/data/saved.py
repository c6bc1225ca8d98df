"""What servers reported, in a file that every command reads as a server's answer."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from thermoscope.data.atomic import replacing
from thermoscope.data.formats.responses import OURS

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Sequence

    from thermoscope.reported import Reported

__all__ = ["bound_of", "record_of", "save_reported"]


def save_reported(path: str | os.PathLike[str], rows: Sequence[Reported], *, model: str) -> None:
    r"""Write distributions as one answer in the form of OpenAI's chats: nothing of them is lost.

    How sure the numbers are stands beside them: how far each may be from the true one, and the most
    that a token has which is not reported.

    Parameters
    ----------
    path : path_like
    rows : sequence of Reported
        Of one vocabulary.
    model : str
        Its name.

    Raises
    ------
    FileError
        If the file can't be written; one that was there before stays as it was.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import thermoscope as ts
    >>> from thermoscope.reported import Token
    >>> row = ts.Reported([-0.5], tokens=[Token("a", 3, None)], vocabulary=9, cap=-1.5)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_reported(Path(folder, "rows.json"), [row], model="m")
    ...     found = ts.open_logits(Path(folder, "rows.json")).reported(0)
    >>> found.logprobs, found.tokens[0], found.vocabulary, found.cap
    (array([-0.5]), Token(text='a', id=3, bytes=None), 9, -1.5)
    """
    # Of a whole vocabulary there may be 262,144 tokens: one position at a time is made a text.
    with replacing(path) as temporary, temporary.open("x", encoding="utf-8") as file:
        file.writelines(_pieces(rows, model))


def _pieces(rows: Sequence[Reported], model: str) -> Iterator[str]:
    yield f'{{"model": {json.dumps(model)}, "choices": [{{"logprobs": {{"content": ['
    for at, row in enumerate(rows):
        yield (",\n" if at else "\n") + json.dumps(record_of(row))
    ours = {
        "vocabulary": next((row.vocabulary for row in rows if row.tail > -math.inf), None),
        "bounds": [bound_of(row) for row in rows],
    }
    yield f'\n]}}}}], "{OURS}": {json.dumps(ours)}}}\n'


def record_of(row: Reported) -> dict[str, Any]:
    """Return a position as servers of chats write it."""
    entries = [_entry(row, at) for at in range(len(row))]
    drawn = entries[row.drawn] if row.drawn >= 0 else {}
    return {**drawn, "top_logprobs": entries}


def _entry(row: Reported, at: int) -> dict[str, Any]:
    text, number, data = (row.tokens or ())[at]
    logprob = float(row.logprobs[at])
    # JSON has no -inf.
    entry: dict[str, Any] = {"token": text, "logprob": logprob if logprob > -math.inf else None}
    if number is not None:
        entry["token_id"] = number
    if data is not None:
        entry["bytes"] = [*data]
    return entry


def bound_of(row: Reported) -> dict[str, Any] | None:
    """Return how sure a position is, None where every token is reported."""
    if row.tail == -math.inf:
        return None
    return {"cap": row.cap, "deltas": row.delta.tolist()}
