"""The settings of `keep` and `truncate`: checked against an engine, and as a state holds them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple, TypedDict

import numpy as np
from numpy.typing import NDArray

from thermoscope.arguments import ArgumentError, ArgumentTypeError, number_in, whole
from thermoscope.truncation.engines import ENGINES, PAPERS, Engine, Ties
from thermoscope.truncation.penalties import CHECKS, Penalties
from thermoscope.truncation.rules import RULES

__all__ = [
    "KEYWORDS",
    "Chain",
    "ReportedSettings",
    "Settings",
    "chain_of",
    "check_temperature",
    "settings_of",
    "steps_of",
    "value_of",
]


class ReportedSettings(TypedDict, total=False):
    """The keywords of `keep` and `truncate` for a distribution that is reported in part."""

    top_k: int | None
    top_p: float | None
    min_p: float | None
    typical_p: float | None
    epsilon: float | None
    eta: float | None
    top_n_sigma: float | None
    engine: str | None
    order: Sequence[str] | None
    ties: Ties | None


class Settings(ReportedSettings, total=False):
    """All of their keywords except those of `softmax`."""

    xtc_probability: float | None
    xtc_threshold: float | None
    min_keep: int | None
    dynatemp_range: float | None
    dynatemp_exponent: float | None
    penalties: Penalties | None


class Chain(NamedTuple):
    """Steps in their order, and their settings."""

    engine: Engine
    steps: tuple[str, ...]
    values: dict[str, Any]
    # The other keywords, each with the engine's default where it is not given.
    details: dict[str, Any]
    penalties: Penalties
    edges: dict[str, Mapping[str, bool]]
    # Whether each step looks at the whole row.
    joint: bool


def chain_of(settings: Mapping[str, Any]) -> Chain:
    """Check keywords of `keep` and `truncate`, None for one that is not given."""
    for keyword in settings:
        if keyword not in KEYWORDS:
            raise ArgumentTypeError(keyword, f"is no keyword: they are {', '.join(KEYWORDS)}")
    name, order, ties = (settings.get(keyword) for keyword in ("engine", "order", "ties"))
    if name is not None and not (isinstance(name, str) and name in ENGINES):
        known = ", ".join(map(repr, ENGINES))
        raise ArgumentError("engine", f"must be one of {known}, got {name!r}")
    engine = PAPERS if name is None else ENGINES[name]
    ties = engine.ties[0] if ties is None else ties
    if ties not in engine.ties:
        known = " or ".join(map(repr, engine.ties))
        raise ArgumentError("ties", f"must be {known}, got {ties!r}{_in(name)}")
    penalties = settings.get("penalties")
    if not isinstance(penalties, Penalties | None):
        raise ArgumentTypeError("penalties", f"must be thermoscope.Penalties, got {penalties!r}")
    penalties = penalties or Penalties()
    given = penalties.given() | {
        keyword: settings[keyword]
        for keyword in (*STEPS, *DETAILS)
        if settings.get(keyword) is not None
    }
    checked = {keyword: _checked(keyword, value, engine, name) for keyword, value in given.items()}
    for keyword, step in NEEDS.items():
        if keyword in given and step not in given:
            raise ArgumentError(keyword, f"must come with {step}")
    values = {step: value for step, value in checked.items() if step in PAPERS.order}
    details = {**engine.details, **{k: v for k, v in checked.items() if k not in PAPERS.order}}
    off = {"xtc_probability": 0, **engine.off}
    idle = {step for step in off if step in values and values[step] <= off[step]}
    steps = engine.order if order is None else _ordered(order, engine, values)
    steps = tuple(step for step in steps if step in {"temperature", *values} - idle)
    edges = {**engine.edges, "top_k": {"few": ties == "k"}}
    joint = engine.joint and order is None and not values.get("min_p")
    return Chain(engine, steps, values, details, penalties, edges, joint)


STEPS: Final = (*RULES, "xtc_probability")
# How a step, or the temperature, is done.
DETAILS: Final = ("xtc_threshold", "min_keep", "dynatemp_range", "dynatemp_exponent")
KEYWORDS: Final = (*STEPS, *DETAILS, "penalties", "engine", "order", "ties")
NEEDS: Final = {"xtc_threshold": "xtc_probability", "dynatemp_exponent": "dynatemp_range"}


def _in(name: str | None) -> str:
    return "" if name is None else f", in engine {name!r}"


def _checked(keyword: str, value: Any, engine: Engine, name: str | None) -> Any:
    """Check a value, and whether the engine has its step or its detail."""
    if keyword in PAPERS.order and keyword not in engine.order:
        takes = ", ".join(step for step in engine.order if step != "temperature")
        raise ArgumentError(keyword, f"is no step of engine {name!r}, which takes {takes}")
    if keyword in PAPERS.details and keyword not in engine.details:
        has = ", ".join(engine.details) or "none"
        problem = f"is not known to engine {name!r}; of these keywords it has {has}"
        raise ArgumentError(keyword, problem)
    if keyword == "logit_bias":
        limit = engine.bias_limit
        return {entry: min(max(bias, -limit), limit) for entry, bias in value.items()}
    if keyword in CHECKS and keyword not in engine.limits:
        # Penalties has checked it.
        return value
    try:
        return value_of(keyword, value, engine)
    except ArgumentError as error:
        raise type(error)(keyword, f"{error.problem}{_in(name)}") from None


def check_temperature(chain: Chain, temperature: NDArray[np.float64]) -> None:
    """Raise an error for a temperature that no step applies."""
    if "temperature" not in chain.steps and (temperature != 1).any():
        problem = "is not 1, but order lacks it: add 'temperature' to order"
        raise ArgumentError("temperature", problem)


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


def value_of(keyword: str, value: Any, engine: Engine) -> float:
    """Check a number against what an engine takes: the parameter of a rule, or another one."""
    if keyword == "top_k":
        k = whole(keyword, value, engine.least_k)
        if engine.off.get(keyword, 0) < k < 1:
            raise ArgumentError(keyword, f"must be >= 1, or {engine.least_k} for all, got {k}")
        return k
    if keyword == "min_keep":
        return whole(keyword, value, 0)
    return number_in(keyword, value, engine.limits.get(keyword, "[0, 1]"))


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
            problem = f"must have keys of {', '.join(known)}, got {name!r}"
            if name in KEYWORDS:
                problem += ", which the page does not have: it is of keep, truncate and sample"
            raise ArgumentError("truncation", problem)
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
