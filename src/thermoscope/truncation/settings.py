"""The settings of `keep` and `truncate`: checked against an engine, and as a state holds them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from thermoscope.arguments import ArgumentError, ArgumentTypeError, number_in, whole
from thermoscope.truncation.engines import ENGINES, PAPERS, Engine
from thermoscope.truncation.rules import RULES

__all__ = ["Chain", "chain_of", "settings_of", "steps_of", "value_of"]


class Chain(NamedTuple):
    """The steps that are to be done, in their order, with the values of their parameters."""

    engine: Engine
    steps: tuple[str, ...]
    values: dict[str, Any]
    edges: dict[str, Mapping[str, bool]]
    # Whether each step looks at the whole row.
    joint: bool


def chain_of(settings: Mapping[str, Any]) -> Chain:
    """Check keywords of `keep` and `truncate`, None for one that is not given."""
    name, order, ties = (settings.get(keyword) for keyword in ("engine", "order", "ties"))
    if name is not None and not (isinstance(name, str) and name in ENGINES):
        known = ", ".join(map(repr, ENGINES))
        raise ArgumentError("engine", f"must be one of {known}, got {name!r}")
    engine = PAPERS if name is None else ENGINES[name]
    suffix = "" if name is None else f", in engine {name!r}"
    ties = engine.ties[0] if ties is None else ties
    if ties not in engine.ties:
        known = " or ".join(map(repr, engine.ties))
        raise ArgumentError("ties", f"must be {known}, got {ties!r}{suffix}")
    values = {}
    for step in RULES:
        value = settings.get(step)
        if value is None:
            continue
        if step not in engine.order:
            takes = ", ".join(other for other in engine.order if other in RULES)
            raise ArgumentError(step, f"is no step of engine {name!r}, which takes {takes}")
        try:
            values[step] = value_of(step, value, engine)
        except ArgumentError as error:
            raise type(error)(step, f"{error.problem}{suffix}") from None
    off = {step for step in values if values[step] <= engine.off.get(step, -math.inf)}
    steps = engine.order if order is None else _ordered(order, engine, values)
    done = {"temperature", *values} - off
    edges = {**engine.edges, "top_k": {"few": ties == "k"}}
    joint = engine.joint and order is None and not values.get("min_p")
    return Chain(engine, tuple(step for step in steps if step in done), values, edges, joint)


def _ordered(order: Sequence[str], engine: Engine, values: Mapping[str, float]) -> tuple[str, ...]:
    """Check an order against the steps that an engine has and the parameters that are given."""
    if isinstance(order, str) or not isinstance(order, Sequence):
        raise ArgumentTypeError("order", f"must be a sequence of names of steps, got {order!r}")
    for step in order:
        if step not in engine.order:
            known = ", ".join(map(repr, engine.order))
            raise ArgumentError("order", f"must be of {known}, got {step!r}")
        if step != "temperature" and step not in values:
            problem = f"names {step!r} without its parameter: give {step}=..., or leave it out"
            raise ArgumentError("order", problem)
        if list(order).count(step) > 1:
            raise ArgumentError("order", f"must name each step once, got {step!r} twice")
    for step in values:
        if step not in order:
            raise ArgumentError(step, f"is given, but order lacks it: add {step!r} to {order!r}")
    return tuple(order)


def value_of(step: str, value: Any, engine: Engine) -> float:
    """Check the parameter of a rule against what an engine takes."""
    if step == "top_k":
        k = whole(step, value, engine.least_k)
        if engine.off.get(step, 0) < k < 1:
            raise ArgumentError(step, f"must be >= 1, or {engine.least_k} for all, got {k}")
        return k
    return number_in(step, value, engine.limits.get(step, "[0, 1]"))


def settings_of(settings: Mapping[str, Any] | None) -> dict[str, Any]:
    """Check keywords of `keep` and `truncate`, and return those that say something.

    They are types of JSON. An order that is the engine's own is left out, as SGLang's is joint
    only there.

    Raises
    ------
    ArgumentError
        Of "truncation", if a keyword is none of truncation, or the settings do not fit each other.

    Examples
    --------
    >>> settings_of({"top_k": 40, "engine": None, "order": ["temperature", "top_k"]})
    {'top_k': 40}
    """
    if not isinstance(settings, Mapping | None):
        problem = f"must be a mapping of keywords of truncate, got {settings!r}"
        raise ArgumentTypeError("truncation", problem)
    given = {name: value for name, value in (settings or {}).items() if value is not None}
    known = (*RULES, "engine", "order", "ties")
    for name in given:
        if name not in known:
            raise ArgumentError("truncation", f"must have keys of {', '.join(known)}, got {name!r}")
    try:
        chain = chain_of(given)
    except ArgumentError as error:
        raise type(error)("truncation", f"is wrong: {error}") from None
    result = dict(chain.values)
    order = given.get("order")
    if order is not None:
        if "temperature" not in order:
            raise ArgumentError("truncation", f"must have 'temperature' in order, got {order!r}")
        own = [step for step in chain.engine.order if step in order]
        if list(order) != own:
            result["order"] = list(order)
    return result | {name: given[name] for name in ("engine", "ties") if name in given}


def steps_of(settings: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the steps of settings in their order, "temperature" among them.

    Examples
    --------
    >>> steps_of({"top_p": 0.9, "top_k": 40, "engine": "llama.cpp"})
    ('top_k', 'top_p', 'temperature')
    """
    engine = ENGINES.get(settings.get("engine", ""), PAPERS)
    order = settings.get("order", engine.order)
    return tuple(step for step in order if step == "temperature" or step in settings)
