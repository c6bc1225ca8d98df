"""Prompts from a text: one a line, or objects of JSON with "prompt" or "messages"."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from thermoscope.data.errors import listed, naming
from thermoscope.data.formats.lines import split_lines

if TYPE_CHECKING:
    import os

__all__ = ["Given", "Messages", "Prompts", "parse_prompts", "read_prompts"]

Messages: TypeAlias = tuple[Mapping[str, str], ...]
"""A chat: each with "role" and "content"."""

Given: TypeAlias = str | Messages
"""A text, or a chat."""

OF_LINE: Final = '"prompt" (a text) or "messages" (a list of {"role": ..., "content": ...})'


class Prompts(NamedTuple):
    """Prompts, and what was decided about their roles.

    Attributes
    ----------
    items : tuple of str or tuple of Mapping
        Texts and chats, in their order.
    notes : tuple of str
        What was decided, in words.
    """

    items: tuple[Given, ...]
    notes: tuple[str, ...]


def read_prompts(path: str | os.PathLike[str]) -> Prompts:
    """Read the prompts of a file; see `parse_prompts`.

    Raises
    ------
    FileError
        If the file can't be read, or has no prompts.
    """
    with naming(path):
        return parse_prompts(Path(path).read_bytes())


def parse_prompts(text: str | bytes) -> Prompts:
    r"""Read prompts: the content decides, so that a file and standard input give the same.

    Where every line is an object of JSON, its "prompt" or its "messages" is the prompt. Otherwise
    each line is a prompt as it stands. Empty lines are none.

    Parameters
    ----------
    text : str or bytes
        Bytes are UTF-8.

    Raises
    ------
    ValueError
        If there are no prompts, or an object has none or both of the two.

    Examples
    --------
    >>> parse_prompts("The capital of\n\n2 + 2 =\n")
    Prompts(items=('The capital of', '2 + 2 ='), notes=('2 prompts, one a line',))
    >>> found = parse_prompts('{"id": 7, "prompt": "Two\\nlines"}')
    >>> found.items, found.notes
    (('Two\nlines',), ('1 prompt, "prompt" of each line', "'id' is left out"))
    """
    if isinstance(text, bytes):
        text = text.decode("utf-8-sig")
    lines = [(at, line) for at, line in enumerate(split_lines(text), 1) if line.strip()]
    if not lines:
        raise ValueError("there are no prompts in it")
    if all(line.lstrip().startswith("{") for _, line in lines):
        values = [_object(line) for _, line in lines]
        if any(value is not None for value in values):
            return _of_objects([(at, each) for (at, _), each in zip(lines, values, strict=True)])
    return Prompts(tuple(line for _, line in lines), (f"{_count(len(lines))}, one a line",))


def _of_objects(objects: list[tuple[int, dict[str, Any] | None]]) -> Prompts:
    items: list[Given] = []
    roles: dict[str, None] = {}
    others: dict[str, None] = {}
    for line, value in objects:
        if value is None:
            raise ValueError(f"line {line}: not JSON")
        role, item = _prompt(line, value)
        items.append(item)
        roles[f'"{role}"'] = None
        others |= dict.fromkeys(name for name in value if name != role)
    notes = [f"{_count(len(items))}, {' or '.join(roles)} of each line"]
    if others:
        notes.append(f"{listed(others)} {'is' if len(others) == 1 else 'are'} left out")
    return Prompts(tuple(items), tuple(notes))


def _object(line: str) -> dict[str, Any] | None:
    """Return an object of JSON, None for what is none."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _prompt(line: int, value: dict[str, Any]) -> tuple[str, Given]:
    """Return which field of an object is the prompt, and what it holds."""
    found = [name for name in ("prompt", "messages") if name in value]
    if len(found) != 1:
        got = "both" if found else listed(value)
        raise ValueError(f"line {line}: must have {OF_LINE}, got {got or 'an empty object'}")
    (role,) = found
    given = value[role]
    if role == "prompt":
        if not isinstance(given, str) or not given:
            raise ValueError(f'line {line}: "prompt" must be a text that is not empty')
        return role, given
    if not isinstance(given, list) or not given or not all(map(_is_message, given)):
        raise ValueError(f"line {line}: must have {OF_LINE}: a message is something else")
    return role, tuple(given)


def _is_message(value: object) -> bool:
    return isinstance(value, dict) and all(
        isinstance(value.get(name), str) for name in ("role", "content")
    )


def _count(count: int) -> str:
    return "1 prompt" if count == 1 else f"{count:,} prompts"
