"""Presets: the settings of a sampler under a name, as keywords or as text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np

from thermoscope.arguments import (
    ArgumentError,
    ArgumentTypeError,
    one_temperature,
    temperature_of_text,
)
from thermoscope.truncation.engines import ENGINES
from thermoscope.truncation.settings import (
    DETAILS,
    KEYWORDS,
    STEPS,
    chain_of,
    check_temperature,
)

__all__ = ["Given", "Preset", "preset_of", "presets_of", "settings_of_text"]

# Settings as they are given: keywords of `truncate` with the temperature among them, or a text.
Given: TypeAlias = Mapping[str, Any] | str

WHOLE: Final = ("top_k", "min_keep")
# Penalties are of the text so far, which a preset for many rows can't name.
OF_TEXT: Final = (*STEPS, *DETAILS, "engine", "order", "ties")


class Preset(NamedTuple):
    """The settings of a sampler under a name.

    Attributes
    ----------
    name : str
    temperature : float
    settings : dict
        The other keywords of `thermoscope.truncate`.
    """

    name: str
    temperature: float
    settings: dict[str, Any]

    def keywords(self) -> dict[str, Any]:
        """Return all keywords of `thermoscope.truncate`, the temperature first."""
        return {"temperature": self.temperature, **self.settings}

    def error(self, error: ArgumentError) -> ArgumentError:
        """Return an error about a keyword as one that names the preset."""
        return _of_preset(self.name, error)


def presets_of(given: Mapping[str, Given]) -> tuple[Preset, ...]:
    """Check presets by name.

    Examples
    --------
    >>> presets_of({"mine": {"top_p": 0.9}, "theirs": "ollama<0.30"})[1].settings
    {'engine': 'ollama<0.30', 'top_k': 40, 'top_p': 0.9, 'min_p': 0.0}
    """
    if not isinstance(given, Mapping):
        problem = f"must be a mapping from names to settings, got {type(given).__name__}"
        raise ArgumentTypeError("presets", problem)
    if not given:
        raise ArgumentError("presets", "must have at least one, got none")
    return tuple(preset_of(name, settings) for name, settings in given.items())


def preset_of(name: str, given: Given) -> Preset:
    """Check the settings of one preset; an error names it."""
    if not isinstance(name, str) or not name:
        raise ArgumentTypeError("presets", f"must have texts as names, got {name!r}")
    try:
        if isinstance(given, str):
            given = settings_of_text(given)
        if not isinstance(given, Mapping):
            raise ArgumentTypeError(
                "settings", f"must be keywords of truncate or a text, got {given!r}"
            )
        settings = {keyword: value for keyword, value in given.items() if value is not None}
        temperature = one_temperature(settings.pop("temperature", 1.0))
        check_temperature(chain_of(settings), np.asarray(temperature))
    except ArgumentError as error:
        raise _of_preset(name, error) from None
    return Preset(name, temperature, settings)


def _of_preset(name: str, error: ArgumentError) -> ArgumentError:
    return type(error)("presets", f"have an error in {name!r}: {error}")


def settings_of_text(text: str) -> dict[str, Any]:
    """Read settings: the name of an engine for its defaults, and KEYWORD=VALUE, with commas.

    Examples
    --------
    >>> settings_of_text("temperature=0.7,top_p=0.9,engine=vllm")
    {'temperature': 0.7, 'top_p': 0.9, 'engine': 'vllm'}
    >>> settings_of_text("mlx-lm,temperature=0.5,top-k=20")
    {'engine': 'mlx-lm', 'temperature': 0.5, 'top_k': 20, 'top_p': 1.0, 'min_p': 0.0}
    >>> settings_of_text("T=5,top_p=0.8,order=top_p+temperature")["order"]
    ['top_p', 'temperature']
    """
    settings: dict[str, Any] = {}
    first, *others = words = [word.strip() for word in text.split(",")]
    if "=" not in first:
        if first not in ENGINES:
            known = ", ".join(ENGINES)
            raise ArgumentError(
                "settings", f"must be KEYWORD=VALUE, or begin with one of {known}, got {first!r}"
            )
        settings = {"engine": first, **ENGINES[first].defaults}
        words = others
    named = set[str]()
    for word in words:
        key, equals, value = (part.strip() for part in word.partition("="))
        keyword = "temperature" if key == "T" else key.replace("-", "_")
        if not equals:
            raise ArgumentError("settings", f"must be KEYWORD=VALUE, got {word!r}")
        if keyword in named:
            raise ArgumentError(keyword, "must be given once, got it twice")
        named.add(keyword)
        settings[keyword] = _value(keyword, value)
    return settings


def _value(keyword: str, text: str) -> Any:
    if keyword == "temperature":
        return temperature_of_text(text)
    if keyword in {"engine", "ties"}:
        return text
    if keyword == "order":
        return [step.strip().replace("-", "_") for step in text.split("+")]
    if keyword not in OF_TEXT:
        problem = f"is no keyword of a preset: they are temperature, {', '.join(OF_TEXT)}"
        if keyword in KEYWORDS:
            problem = "must be left out: it depends on the text so far"
        raise ArgumentTypeError(keyword, problem)
    try:
        return int(text) if keyword in WHOLE else float(text)
    except ValueError:
        kind = "a whole number" if keyword in WHOLE else "a number"
        raise ArgumentError(keyword, f"must be {kind}, got {text!r}") from None
