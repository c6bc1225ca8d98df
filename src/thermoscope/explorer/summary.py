"""What an explorer shows, in numbers, with the digits of the page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from thermoscope.arguments import ArgumentError
from thermoscope.definition import softmax
from thermoscope.measures import entropy, perplexity
from thermoscope.present import brief, kept, measure, shown, step
from thermoscope.state import State
from thermoscope.truncation import engines, keep
from thermoscope.truncation.settings import steps_of

if TYPE_CHECKING:
    from thermoscope.state import Tail

__all__ = ["Summary", "whole_only"]


def whole_only(tail: Tail | None, what: str) -> None:
    """Raise an error for what needs the logits of all tokens, where a server reported some.

    Examples
    --------
    >>> from thermoscope.state import Tail
    >>> whole_only(Tail(0.25, -1.5), "kept")
    Traceback (most recent call last):
        ...
    thermoscope.arguments.ArgumentError: logits must be of all tokens for kept, got a server's, \
which leaves some out
    """
    if tail is not None:
        problem = f"must be of all tokens for {what}, got a server's, which leaves some out"
        raise ArgumentError("logits", problem)


@dataclass(frozen=True, eq=False)
class Summary:
    """What an explorer shows, in numbers; `str` gives them with the digits of the page.

    Attributes
    ----------
    temperature : float
    entropy : float
        Of the softmax, before truncation, in nats.
    perplexity : float
        The number of equal choices that are as uncertain.
    top_probability : float
        The highest probability before truncation.
    items : int
        How many items there are.
    kept : int
        How many of them the sampler keeps: all, where it has no steps.
    mass : float
        The probability that these have together before truncation.
    engine : str or None
        Whose order and edge rules the sampler has; None for those of the papers.
    effective_temperature : float
        What the engine makes of the temperature.
    """

    temperature: float
    entropy: float
    perplexity: float
    top_probability: float
    items: int
    kept: int
    mass: float
    engine: str | None
    effective_temperature: float
    _text: str

    @classmethod
    def of(cls, state: State) -> Summary:
        """Return the summary of a state.

        Examples
        --------
        >>> summary = Summary.of(State.of([2.0, 1.0, 0.1], temperature=0.5))
        >>> round(summary.entropy, 3), summary.kept
        (0.454, 3)
        >>> print(summary)
        T = 0.5
        entropy 0.45367 nats
        effective choices 1.5741 of 3
        top probability 86.38 %
        """
        whole_only(state.tail, "a summary")
        logits, temperature, settings = state.logits, state.temperature, state.truncation
        probabilities = softmax(logits, temperature)
        mask = keep(logits, temperature, **settings)
        engine = settings.get("engine")
        used = temperature
        if engine is not None:
            used = float(engines()[engine].effective_temperature(temperature))
        nats, choices = float(entropy(logits, temperature)), float(perplexity(logits, temperature))
        lines = [
            f"T = {brief(temperature)}",
            f"entropy {measure(nats)} nats",
            f"effective choices {measure(choices)} of {logits.size:,}",
            f"top probability {shown(logits, temperature, probabilities, top=1).percents[0]}",
        ]
        if settings:
            steps = ", ".join(_step(name, settings.get(name)) for name in steps_of(settings))
            lines.append(steps if engine is None else f"{engine}: {steps}")
            line = kept(logits, used, mask)
            if used != temperature:
                line += f"; {engine} takes T = {brief(temperature)} as {brief(used)}"
            lines.append(line)
        return cls(
            temperature=temperature,
            entropy=nats,
            perplexity=choices,
            top_probability=float(probabilities.max()),
            items=logits.size,
            kept=int(np.count_nonzero(mask)),
            mass=float(softmax(logits, used)[mask].sum()),
            engine=engine,
            effective_temperature=used,
            _text="\n".join(lines),
        )

    def __str__(self) -> str:
        return self._text


def _step(name: str, value: float | None) -> str:
    return step(name) if value is None else f"{step(name)} {brief(value)}"
