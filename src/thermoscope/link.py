"""A state as a link, ``n=5&seed=7&T=0.5``: the twin of ``web/src/model/link.ts``.

``docs/page.md`` has all parameters, and ``tests/vectors/links.json`` holds both to it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import parse_qsl, quote

from thermoscope.arguments import ArgumentError, ArgumentTypeError, writable
from thermoscope.present import number_text, parse_number, printable
from thermoscope.sampling import random_logits
from thermoscope.state import SCALES, State
from thermoscope.truncation.engines import ENGINES, PAPERS
from thermoscope.truncation.rules import RULES
from thermoscope.truncation.settings import settings_of, steps_of, value_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["LONGEST", "Link", "parse_link", "state_of_link", "write_link"]

LONGEST: Final = 2000
"""In characters. Longer links are cut by programs that send or store them."""
MOST: Final = 262_144
"""As many items as the page offers."""
FEW: Final = 5
"""As many as in the lesson."""
GIVEN: Final = "given"
"""The source of logits that a link gives."""

STEPS: Final = {"T": "temperature", **{rule: rule for rule in RULES}}
"""Each step of the sampler by its parameter."""
FRAME: Final[tuple[str, ...]] = ("hide", "lock", "embed", "edit", "activity")
"""How the page is shown, and its tasks."""
FLAGS: Final = ("embed", "edit")
"""Those that have no value."""


class Link(NamedTuple):
    """What a link says.

    Attributes
    ----------
    parts : dict
        The parts of the state that the link determines, as arguments of `State.of`: all of them if
        it gives or draws logits.
    frame : dict
        How the page is shown: "hide", "lock" and "embed", and "activity" and "edit" of a page with
        tasks, as texts. The page knows which names they may have.
    errors : list of ArgumentError
        What is not used.
    """

    parts: dict[str, Any]
    frame: dict[str, str]
    errors: list[ArgumentError]


def state_of_link(text: str) -> State:
    """Return the state that a link describes: with five new random logits if it names none.

    Raises
    ------
    ArgumentError
        If a part of the link is unknown or bad.

    Examples
    --------
    >>> state = state_of_link("https://example.org/lesson.html#logits=2,1,0.1&T=0.5")
    >>> state.logits, state.temperature
    (array([2. , 1. , 0.1]), 0.5)
    >>> state_of_link("#n=5&T=hot")
    Traceback (most recent call last):
        ...
    thermoscope.arguments.ArgumentError: state must be a link without errors: T must be a number \
>= 0 or inf, got 'hot'
    """
    if not isinstance(text, str):
        raise ArgumentTypeError("state", f"must be a link or a State, got {text!r}")
    link = parse_link(text)
    if link.errors:
        problems = "; ".join(map(str, link.errors))
        raise ArgumentError("state", f"must be a link without errors: {problems}")
    if "logits" not in link.parts:
        return State.random(FEW, **link.parts)
    return State.of(**link.parts)


def parse_link(text: str) -> Link:
    """Read a link: a whole address, or only what is after "#" in it.

    A parameter that is unknown or bad is an error, and the others are still used.

    Examples
    --------
    >>> parse_link("lesson.html#T=inf&top_p=0.9").parts
    {'temperature': inf, 'truncation': {'top_p': 0.9}}
    """
    return _Reader(text).link()


class _Reader:
    """Takes the parameters out of a link. What is left at the end is not used."""

    def __init__(self, text: str) -> None:
        self.given: dict[str, str] = {}
        self.errors: list[ArgumentError] = []
        query = writable(text[text.find("#") + 1 :]).removeprefix("?")
        for name, value in parse_qsl(query, keep_blank_values=True):
            if name in self.given:
                self.ignore(name, value)
            else:
                self.given[name] = value

    def ignore(self, name: str, text: str) -> None:
        self.errors.append(ArgumentError(printable(name), f"has no use here, got {text!r}"))

    def refuse(self, name: str, right: str, text: str) -> None:
        self.errors.append(ArgumentError(name, f"must be {right}, got {text!r}"))

    def link(self) -> Link:
        settings = self.sampler()
        scale = self.one_of("scale", SCALES)
        items = self.items()
        frame = {
            name: self.given.pop(name)
            for name in FRAME
            if name in self.given and (self.given[name] == "") == (name in FLAGS)
        }
        for name, text in self.given.items():
            self.ignore(name, text)
        if items:
            settings = {"temperature": 1.0, "truncation": {}, "scale": "full"} | settings
        return Link(items | settings | ({"scale": scale} if scale else {}), frame, self.errors)

    def number(self, name: str, right: str, is_right: Callable[[float], bool]) -> float | None:
        text = self.given.pop(name, None)
        if text is None:
            return None
        value = _number(text)
        if value is None or not is_right(value):
            self.refuse(name, right, text)
            return None
        return value

    def whole(self, name: str, least: int, most: int = 2**53 - 1) -> int | None:
        def is_right(value: float) -> bool:
            return value.is_integer() and least <= value <= most

        value = self.number(name, f"a whole number from {least:,} to {most:,}", is_right)
        return None if value is None else int(value)

    def one_of(self, name: str, texts: tuple[str, ...]) -> str | None:
        text = self.given.pop(name, None)
        if text is None or text in texts:
            return text
        self.refuse(name, " or ".join(map(repr, texts)), text)
        return None

    def sampler(self) -> dict[str, Any]:
        """Read the temperature, and the truncation, which is the link's if it has any step."""
        names = [name for name in self.given if name in STEPS]
        if not names and "engine" not in self.given:
            return {}
        engine = self.one_of("engine", tuple(ENGINES))
        taken_by = PAPERS if engine is None else ENGINES[engine]
        ties = self.one_of("ties", taken_by.ties)
        values: dict[str, float] = {}
        for name in names:
            if name == "T":
                value = self.number(name, "a number >= 0 or inf", lambda value: value >= 0)
            else:
                value = self.rule(name, engine)
            if value is not None:
                # Adding 0 turns -0 into 0.
                values[STEPS[name]] = value + 0
        steps = list(values)
        if "temperature" not in values:
            # Where the engine has it: before the first step that comes after it there.
            place = taken_by.order.index
            later = [at for at, step in enumerate(steps) if place(step) > place("temperature")]
            steps.insert(later[0] if later else len(steps), "temperature")
        temperature = values.pop("temperature", None)
        given = {**values, "engine": engine, "ties": ties, "order": steps}
        known = {} if temperature is None else {"temperature": temperature}
        return {**known, "truncation": settings_of(given)}

    def rule(self, name: str, engine: str | None) -> float | None:
        """Read the parameter of a rule, as far as the engine takes it."""
        text = self.given.pop(name)
        value = _number(text)
        if engine is not None and name not in ENGINES[engine].order:
            self.refuse(name, f"left out with engine {engine!r}", text)
        elif value is None:
            self.refuse(name, "a number", text)
        else:
            try:
                number = int(value) if value.is_integer() else value
                return value_of(name, number, PAPERS if engine is None else ENGINES[engine])
            except ArgumentError as error:
                self.errors.append(error)
        return None

    def items(self) -> dict[str, Any]:
        """Read or draw the logits, with all that is about them."""
        is_drawn = not self.given.keys().isdisjoint(("n", "seed", "labels"))
        text = self.given.pop("logits", None)
        if text is None and not is_drawn:
            return {}
        listed = self.given.pop("labels", None)
        labels = None if listed is None else _split(listed)
        seed = None
        if text is None:
            seed = self.whole("seed", 0) or 0
            count = self.whole("n", 1, MOST) or (FEW if labels is None else len(labels))
            logits = random_logits(count, seed=seed).tolist()
        else:
            logits = []
            for at, word in enumerate(text.split(",")):
                number = _number(word)
                if number is None:
                    self.refuse(f"logits[{at}]", "a number, inf, -inf or nan", word)
                    return {}
                logits.append(number)
        if labels is not None and len(labels) != len(logits):
            self.refuse("labels", f"{len(logits):,}, one for each logit", listed or "")
            labels = None
        return {
            "logits": logits,
            "labels": labels,
            "source": self.given.pop("source", GIVEN if seed is None else None),
            "target": self.whole("target", 0, len(logits) - 1),
            "seed": seed,
        }


def write_link(state: State, frame: Mapping[str, str] | None = None) -> str | None:
    """Write a link without its "#", or None if it would have more than 2,000 characters.

    There is none either of a state with a tail.

    Examples
    --------
    >>> write_link(State.of([2.0, 1.0, 0.1], ["cat", "dog", "eel"], truncation={"top_p": 0.9}))
    'logits=2,1,0.1&labels=cat,dog,eel&T=1&top_p=0.9'
    """
    if state.tail is not None:
        return None
    # Each item takes at least a comma, and there may be very many.
    if (state.seed is None or state.labels is not None) and state.logits.size > LONGEST:
        return None
    parts: list[str] = []

    def add(name: str, value: str | float | None) -> None:
        if value == "":
            parts.append(name)
        elif value is not None:
            parts.append(f"{name}={_encoded(str(value))}")

    if state.seed is None:
        add("logits", ",".join(map(number_text, state.logits.tolist())))
    else:
        add("n", state.logits.size)
        add("seed", state.seed)
    if state.labels is not None:
        add("labels", ",".join(re.sub(r"([\\,])", r"\\\1", label) for label in state.labels))
    add("source", None if state.source == GIVEN else state.source)
    add("target", state.target)
    truncation = state.truncation
    given = {"temperature": state.temperature, **truncation}
    for step in steps_of(truncation):
        add("T" if step == "temperature" else step, number_text(given[step]))
    add("engine", truncation.get("engine"))
    add("ties", truncation.get("ties"))
    add("scale", None if state.scale == "full" else state.scale)
    for name in FRAME:
        add(name, (frame or {}).get(name))
    link = "&".join(parts)
    return link if len(link) <= LONGEST else None


def _number(text: str) -> float | None:
    """Return the number of a text. "+" means a space in a link: 1e+21 arrives as "1e 21"."""
    return parse_number(text.replace(" ", ""))


def _split(text: str) -> list[str]:
    """Split a list. A backslash escapes a comma within an item, and another backslash."""
    # Half of a surrogate pair is what no text of a link contains.
    return re.sub(r"\\(.)|,", lambda found: found[1] or "\ud800", text, flags=re.DOTALL).split(
        "\ud800"
    )


def _encoded(text: str) -> str:
    """Percent-encode, except for what is easier to read as it is."""
    return quote(text, safe="!~*'()").replace("%20", "+").replace("%2C", ",")
