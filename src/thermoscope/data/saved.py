"""What servers reported, in a file that every command reads as a server's answer."""

from __future__ import annotations

import json
import math
from ast import literal_eval
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from thermoscope.arguments import ArgumentError
from thermoscope.data.atomic import replacing
from thermoscope.data.errors import naming
from thermoscope.data.formats.responses import OURS, Position, prompt_shown, responses_of
from thermoscope.reported import Reported

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Sequence

__all__ = ["SavedBranch", "SavedText", "bound_of", "read_text", "record_of", "save_reported"]

Messages: TypeAlias = list[dict[str, str]]


class SavedBranch(NamedTuple):
    """A text that was written, and which other one it left.

    Attributes
    ----------
    name : str
    origin : str or None
        The name of the branch that it left: one that stands before it.
    shared : int
        How many tokens they have in common.
    prompt : str, list of int or list of dict
        As the model was asked: a text, the numbers of its tokens, or the messages of a chat.
    typed : str or None
        The prompt as a text that can be edited.
    prefix : str
        What is shown of the prompt.
    seed : int
    rows : list of Reported
        All tokens, each the drawn one of its row.
    """

    name: str
    origin: str | None
    shared: int
    prompt: str | list[int] | Messages
    typed: str | None
    prefix: str
    seed: int
    rows: list[Reported]


class SavedText(NamedTuple):
    """A text with its branches, as `thermoscope.Draft` and the page of a text write it.

    Attributes
    ----------
    model : str
        The name of the model.
    vocabulary : int or None
    temperature : float
        Of the tokens that were drawn last.
    settings : dict
        Of their sampler, by the keywords of `truncate`.
    current : str
        The name of the branch that was shown.
    branches : tuple of SavedBranch
    unread : tuple of str
        The settings that could not be read back.
    """

    model: str
    vocabulary: int | None
    temperature: float
    settings: dict[str, Any]
    current: str
    branches: tuple[SavedBranch, ...]
    unread: tuple[str, ...]


def read_text(path: str | os.PathLike[str]) -> SavedText:
    """Read a text with all of its branches; `open_logits` reads the one that was shown.

    Raises
    ------
    FileError
        If the file can't be read, or no text was saved in it.
    """
    with naming(path):
        document = json.loads(Path(path).read_bytes())
        try:
            return _text_of(document)
        except ArgumentError as error:
            raise ValueError(str(error)) from error


def _text_of(document: Any) -> SavedText:
    ours = document.get(OURS) if isinstance(document, dict) else None
    if not isinstance(ours, dict) or "settings" not in ours:
        raise ValueError("no text was saved in it, as the page of a text and Draft.save do")
    vocabulary = _field(ours, "vocabulary", int, None)
    branches: dict[str, SavedBranch] = {}
    for each in _parts(document, ours):
        branch = _branch_of(each, branches, vocabulary)
        if branch.name in branches:
            raise ValueError(f"there are two branches {branch.name!r}")
        branches[branch.name] = branch
    current = _field(ours, "branch", str) if "branches" in ours else next(iter(branches))
    if current not in branches:
        raise ValueError(f'"branch" must be that of a branch, got {current!r}')
    settings, unread = {}, []
    for name, value in _field(ours, "settings", dict).items():
        try:
            settings[name] = literal_eval(value)
        except (TypeError, ValueError, SyntaxError, MemoryError, RecursionError):
            unread.append(name)
    infinite = ours.get("temperature") == "inf"
    temperature = math.inf if infinite else float(_field(ours, "temperature", float, int))
    model = _field(document, "model", str)
    return SavedText(
        model, vocabulary, temperature, settings, current, tuple(branches.values()), tuple(unread)
    )


def _parts(document: dict[str, Any], ours: dict[str, Any]) -> list[Any]:
    """Return the branches of a document; a `Draft` alone has one, whose tokens are the answer."""
    if "branches" in ours:
        found: list[Any] = _field(ours, "branches", list)
        if not found:
            raise ValueError('"branches" must have at least one')
        return found
    try:
        (choice,) = document["choices"]
        content = choice["logprobs"]["content"]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError('"choices" must have one text with its log-probabilities') from error
    return [{**ours, "name": "1", "content": content}]


def _branch_of(of: Any, others: Mapping[str, SavedBranch], vocabulary: int | None) -> SavedBranch:
    if not isinstance(of, dict):
        raise ValueError("a branch must be an object")  # noqa: TRY004 - what is wrong is the file
    name = _field(of, "name", str)
    origin, shared = _field(of, "from", str, None), _field(of, "shared", int, None) or 0
    before = [] if origin is None else others[origin].rows if origin in others else None
    if before is None or not 0 <= shared <= len(before):
        raise ValueError(f"branch {name!r} must share tokens with one that stands before it")
    prompt = _field(of, "prompt", str, list)
    typed = _field(of, "typed", str, None)
    if typed is None and isinstance(prompt, str):
        typed = prompt
    if not _is_prompt(prompt):
        raise ValueError(f"branch {name!r} must have a prompt")
    return SavedBranch(
        name,
        origin,
        shared,
        prompt,
        typed,
        prompt_shown(of),
        _field(of, "seed", int),
        [*before[:shared], *_rows(name, of, vocabulary)],
    )


def _rows(name: str, of: dict[str, Any], vocabulary: int | None) -> list[Reported]:
    """Return the tokens of a branch that it does not share."""
    content = _field(of, "content", list)
    if not content:
        return []
    # What is read of a server's answer is read of this one too.
    answer = {
        "choices": [{"logprobs": {"content": content}}],
        OURS: {"vocabulary": vocabulary, "bounds": of.get("bounds")},
    }
    found = responses_of([(f"branch {name!r}", answer)], [])
    positions = [] if found is None else found.positions
    if len(positions) != len(content):
        raise ValueError(f"branch {name!r} must have a token at each position")
    return [
        _row(f"token {at} of branch {name!r}", position, vocabulary)
        for at, position in enumerate(positions, 1)
    ]


def _row(where: str, position: Position, vocabulary: int | None) -> Reported:
    if position.error is not None or position.drawn < 0:
        raise ValueError(f"{where}: {position.error or 'it is not known which one it is'}")
    if vocabulary is None and position.rest is None:
        vocabulary = len(position.tokens)
    return Reported(
        position.logprobs,
        vocabulary=vocabulary,
        drawn=position.drawn,
        tokens=position.tokens,
        processed=False,
        delta=position.deltas,
        cap=position.cap,
    )


def _field(of: Mapping[str, Any], name: str, *kinds: type | None) -> Any:
    """Return a field of one of some types; None among them is for one that is not there."""
    value = of.get(name)
    if type(value) in kinds or (value is None and None in kinds):
        return value
    known = " or ".join(kind.__name__ for kind in kinds if kind is not None)
    raise ValueError(f'"{name}" must be of type {known}, got {value!r:.60}')


def _is_prompt(value: str | list[Any]) -> bool:
    if isinstance(value, str):
        return value != ""
    return bool(value) and (
        all(type(each) is int and each >= 0 for each in value)
        or all(isinstance(each, dict) and _is_message(each) for each in value)
    )


def _is_message(value: dict[Any, Any]) -> bool:
    return all(isinstance(value.get(name), str) for name in ("role", "content"))


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
