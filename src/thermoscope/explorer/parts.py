"""The parts of the explorer that can be hidden or locked, the twin of web/src/model/frame.ts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from thermoscope.arguments import ArgumentError, ArgumentTypeError

__all__ = ["LOCKS", "NOTES", "PARTS", "names_of"]

PARTS: Final = (
    "title",
    "items",
    "history",
    "share",
    "help",
    "rows",
    "temperature",
    "sentence",
    "text",
    "search",
    "logits",
    "edit",
    "softmax",
    "curves",
    "reliability",
    "readings",
    "sampler",
    "why",
    "draws",
    "compare",
    "lesson",
    "engines",
    "values",
)
"""The parts that can be hidden."""
LOCKS: Final = ("items", "logits", "sampler", "temperature")
"""What can be locked, so that the user can't change it."""
NOTES: Final = ("why", "lesson")
"""The parts that explain."""


def names_of(argument: str, value: object, known: tuple[str, ...]) -> tuple[str, ...]:
    """Return some of the known names, given as a text with commas between them or one by one.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        If there is another name, or `value` is neither.

    Examples
    --------
    >>> names_of("hide", "why,lesson,why", PARTS)
    ('why', 'lesson')
    """
    if isinstance(value, str):
        value = value.split(",") if value else ()
    if not isinstance(value, Iterable):
        raise ArgumentTypeError(argument, f"must be names, got {value!r}")
    names = tuple(dict.fromkeys(value))
    for name in names:
        if name not in known:
            raise ArgumentError(argument, f"must be among {', '.join(known)}, got {name!r}")
    return names
