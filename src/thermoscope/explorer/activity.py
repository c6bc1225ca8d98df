"""An activity: tasks about what the page shows. The twin of ``web/src/model/activity.ts``.

``docs/activities.md`` has the parts of each task, and ``tests/vectors/activities.json`` holds both
twins to the same rules.
"""

from __future__ import annotations

import base64
import json
import math
import sys
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from thermoscope.arguments import ArgumentError
from thermoscope.data.errors import FileError
from thermoscope.explorer.parts import LOCKS, PARTS
from thermoscope.link import parse_link

if TYPE_CHECKING:
    import os

__all__ = ["Activity", "read_activity"]

VERSION: Final = 1
MOST_TASKS: Final = 50
LONGEST_TEXT: Final = 2000
OPTIONS: Final = (2, 10)
MOST_POINTS: Final = 100
LARGEST: Final = 2**53 - 1
"""The largest whole number of JavaScript."""
MOST_BYTES: Final = 1 << 20
"""Of a file."""

KINDS: Final = ("choose", "number", "predict", "reach")
MODES: Final = ("practice", "test")
DRAWINGS: Final = ("bars", "curve")
QUANTITIES: Final = (
    "temperature",
    "entropy",
    "choices",
    "top",
    "probability",
    "ties",
    "items",
    "kept",
)
COMMON: Final = ("kind", "ask", "points", "hint", "right", "wrong", "start", "hide", "lock")


@dataclass(frozen=True, eq=False)
class Activity:
    """Tasks, and what the page shows while they are done.

    Attributes
    ----------
    written : dict
        What the page reads: "tasks", and "title", "intro" and "mode" where they are given. Empty
        where the tasks are still to be made.
    state : str or None
        A link: what the page shows when it begins; None where nothing is said.
    hide, lock : tuple of str
        The parts that are not shown, and what can't be changed.
    """

    written: dict[str, Any]
    state: str | None = None
    hide: tuple[str, ...] = ()
    lock: tuple[str, ...] = ()

    @classmethod
    def of(cls, tasks: object) -> Activity:
        """Return the activity of a list of tasks, or of a mapping that has "tasks" and more.

        Raises
        ------
        ArgumentError
            If it is no activity: the argument is the part that is to blame.

        Examples
        --------
        >>> task = {"kind": "number", "ask": "What is softmax([0, 0])[0]?", "answer": 0.5}
        >>> Activity.of([task]).written["tasks"][0]["answer"]
        0.5
        >>> Activity.of([{"kind": "number", "ask": "How hot?", "answer": "very"}])
        Traceback (most recent call last):
            ...
        thermoscope.arguments.ArgumentError: tasks[0].answer must be a finite number, got "very"
        """
        written = _plain(tasks)
        fields = _Fields("", {"tasks": written} if isinstance(written, list) else written)
        state = fields.link("state") or None
        hide = tuple(fields.some_of("hide", PARTS))
        lock = tuple(fields.some_of("lock", LOCKS))
        beside = {"state", "hide", "lock"}
        about = {name: part for name, part in fields.written.items() if name not in beside}
        _check(about)
        return cls(about, state, hide, lock)

    @classmethod
    def unpacked(cls, packed: str) -> Activity:
        """Return the activity that a link or a page has, as `packed` wrote it.

        Raises
        ------
        ArgumentError
            If it was cut or changed.
        """
        try:
            raw = base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4))
            # No more than this: a few characters may stand for very many.
            text = zlib.decompressobj(-zlib.MAX_WBITS).decompress(raw, MOST_BYTES)
            written = json.loads(text)
        except (ValueError, zlib.error, RecursionError) as error:
            raise ArgumentError(
                "activity", f"must be one that a page has packed, got {packed[:20]!r}: {error}"
            ) from error
        return cls.of(written)

    def packed(self) -> str:
        """Return the tasks as the page takes them: compressed, so that no answer is in sight.

        Examples
        --------
        >>> task = {"kind": "number", "ask": "What is softmax([0, 0])[0]?", "answer": 0.5}
        >>> "answer" in Activity.of([task]).packed()
        False
        """
        text = json.dumps(self.written, ensure_ascii=False, separators=(",", ":"))
        # A link may have half of a surrogate pair, which no file has.
        deflate = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
        packed = deflate.compress(text.encode("utf-8", "replace")) + deflate.flush()
        return base64.urlsafe_b64encode(packed).decode("ascii").rstrip("=")


def read_activity(path: str | os.PathLike[str]) -> Activity:
    """Read an activity from a JSON file, as the page gives it out.

    Raises
    ------
    FileError
        If it is not one; the message says which part must be what.
    OSError
        If the file can't be read.
    """
    with Path(path).open("rb") as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise FileError(f"{path}: an activity has at most {MOST_BYTES:,} bytes")
    try:
        written = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise FileError(f"{path}: it is no JSON: {error}") from error
    try:
        return Activity.of(written)
    except ArgumentError as error:
        raise FileError(f"{path}: {error}") from error


def _check(written: Mapping[str, Any]) -> None:
    """Raise an error if `written` is no activity."""
    fields = _Fields("", written)
    fields.only(("version", "title", "intro", "mode", "tasks"))
    if not _is_whole(fields.get("version", VERSION), VERSION, VERSION):
        raise fields.error("version", str(VERSION))
    tasks = fields.get("tasks")
    if not _is_list(tasks) or not 1 <= len(tasks) <= MOST_TASKS:
        raise fields.error("tasks", f"a list of 1 to {MOST_TASKS} tasks")
    fields.text("title", least=0)
    fields.text("intro", least=0)
    fields.one_of("mode", MODES, "practice")
    for at, task in enumerate(tasks):
        _check_task(_Fields(f"tasks[{at}]", task))


def _check_task(fields: _Fields) -> None:
    kind = fields.one_of("kind", KINDS)
    fields.text("ask")
    fields.whole("points", 0, MOST_POINTS, 1)
    for name in ("hint", "right", "wrong"):
        fields.text(name, least=0)
    fields.link("start")
    fields.some_of("hide", PARTS)
    fields.some_of("lock", LOCKS)
    if kind == "choose":
        fields.only((*COMMON, "options", "answer"))
        options = fields.texts("options", *OPTIONS)
        fields.places("answer", len(options))
    elif kind == "number":
        fields.only((*COMMON, "answer", "tolerance", "unit"))
        fields.number("answer", -math.inf)
        fields.number("tolerance", 0, fallback=0)
        fields.text("unit", least=0)
    elif kind == "predict":
        of = fields.one_of("of", DRAWINGS, "bars")
        fields.only((*COMMON, "of", "at" if of == "bars" else "item", "within"))
        if of == "bars":
            fields.number("at", 0)
        else:
            fields.whole("item", 0, LARGEST, 0)
        fields.number("within", 0, 1, fallback=0.1)
    else:
        quantity = fields.one_of("quantity", QUANTITIES)
        item = ("item",) if quantity == "probability" else ()
        fields.only((*COMMON, "quantity", "least", "most", *item))
        least = fields.number("least", 0, fallback=0)
        if item:
            fields.whole("item", 0, LARGEST)
        fields.number("most", least, fallback=math.inf)


class _Fields:
    """The named parts of one thing, each checked by its rule. None counts as left out."""

    def __init__(self, path: str, written: object) -> None:
        if not isinstance(written, Mapping):
            raise _error(path or "activity", "an object with named parts", written)
        self.path = path
        self.written = written

    def get(self, name: str, fallback: Any = None) -> Any:
        value = self.written.get(name)
        return fallback if value is None else value

    def error(self, name: str, must: str) -> ArgumentError:
        part = f"{self.path}.{name}" if self.path else name
        return _error(part, must, self.written.get(name))

    def only(self, names: Sequence[str]) -> None:
        """Refuse any other part: a name that is misspelt would be lost in silence."""
        for name in self.written:
            if name not in names:
                raise self.error(name, f"left out, for the parts are {', '.join(names)}")

    def one_of(self, name: str, known: Sequence[str], fallback: str | None = None) -> str:
        value = self.get(name, fallback)
        if not isinstance(value, str) or value not in known:
            raise self.error(name, f"one of {', '.join(known)}")
        return value

    def some_of(self, name: str, known: Sequence[str]) -> list[str]:
        value = self.get(name, [])
        value = value.split(",") if isinstance(value, str) and not self.path else value
        if not _is_list(value) or not all(isinstance(one, str) and one in known for one in value):
            raise self.error(name, f"a list of some of {', '.join(known)}")
        return list(dict.fromkeys(value))

    def text(self, name: str, least: int = 1) -> str:
        value = self.get(name, "" if least == 0 else None)
        if not _is_text(value, least):
            length = f"{least} to {LONGEST_TEXT}" if least else f"up to {LONGEST_TEXT}"
            raise self.error(name, f"a text of {length} characters")
        return str(value)

    def texts(self, name: str, least: int, most: int) -> Sequence[str]:
        value = self.get(name)
        if not (
            _is_list(value)
            and least <= len(value) <= most
            and all(_is_text(one, 1) for one in value)
        ):
            raise self.error(name, f"a list of {least} to {most} texts")
        texts: Sequence[str] = value
        return texts

    def places(self, name: str, count: int) -> None:
        value = self.get(name)
        if not (_is_list(value) and value and all(_is_whole(one, 0, count - 1) for one in value)):
            raise self.error(name, f"a list of places from 0 to {count - 1}")

    def number(
        self, name: str, least: float, most: float = math.inf, *, fallback: float | None = None
    ) -> float:
        """Return a number, which may be written as "inf" where it may be infinite."""
        value = self.get(name, fallback)
        value = math.inf if value == "inf" else value
        if not (
            isinstance(value, (int, float))
            and not isinstance(value, bool)
            and least <= value <= most
            and (abs(value) <= sys.float_info.max or (value == math.inf and least > -math.inf))
        ):
            if least == -math.inf:
                raise self.error(name, "a finite number")
            low = _brief(least)
            raise self.error(
                name,
                f'a number ≥ {low} or "inf"'
                if most == math.inf
                else f"a number from {low} to {_brief(most)}",
            )
        return float(value)

    def whole(self, name: str, least: int, most: int, fallback: int | None = None) -> None:
        if not _is_whole(self.get(name, fallback), least, most):
            must = f"from {least} to {most}" if most < LARGEST else f"≥ {least}"
            raise self.error(name, f"a whole number {must}")

    def link(self, name: str) -> str:
        text = self.text(name, least=0)
        link = parse_link(text)
        known = {"hide": PARTS, "lock": LOCKS}
        wrong = [
            part
            for name, parts in known.items()
            for part in link.frame.get(name, parts[0]).split(",")
            if part not in parts
        ]
        if link.errors or wrong:
            raise self.error(name, "a link whose parameters are all right")
        return text


def _plain(value: object) -> Any:
    """Return what JSON has for a value: lists, objects and numbers, with "inf" for infinity."""
    try:
        return json.loads(json.dumps(value, default=_default), parse_constant=_constant)
    except (TypeError, ValueError, RecursionError) as error:
        raise ArgumentError("activity", f"must be what JSON can hold: {error}") from error


def _default(value: Any) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Iterable):
        return list(value)
    if hasattr(value, "item"):  # a number of NumPy
        return value.item()
    raise TypeError(f"got {type(value).__name__}")


def _constant(name: str) -> str:
    return {"Infinity": "inf", "-Infinity": "-inf"}.get(name, name)


def _is_list(value: object) -> Any:
    return isinstance(value, list)


def _is_text(value: object, least: int) -> bool:
    return isinstance(value, str) and least <= len(value) <= LONGEST_TEXT


def _is_whole(value: object, least: int, most: int) -> bool:
    whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    return whole and not isinstance(value, bool) and least <= value <= most  # type: ignore[operator]


def _brief(number: float) -> str:
    """Return a number as JavaScript writes it."""
    return str(int(number)) if float(number).is_integer() else repr(float(number))


def _error(part: str, must: str, value: object) -> ArgumentError:
    got = "nothing" if value is None else json.dumps(value, ensure_ascii=False)
    return ArgumentError(part, f"must be {must}, got {got[:100]}")
