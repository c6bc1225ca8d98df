"""How a server may turn logits and the settings it was sent into probabilities."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from thermoscope.truncation import engines, truncate

Array = NDArray[np.float64]
Settings = Mapping[str, float]

__all__ = ["ENGINE_OF", "OFF", "STEPS", "Sampler", "as_sent"]

STEPS: Final = ("top_k", "top_p", "min_p", "typical_p", "top_n_sigma")
"""The steps of truncation that a request may ask for."""

ENGINE_OF: Final = {
    "llama.cpp": "llama.cpp",
    "vLLM": "vllm",
    "SGLang": "sglang",
    "Ollama": "ollama",
}
"""The engine behind each kind of server, where its order and defaults are documented."""

GREEDY: Final = 1e-6
"""A temperature of at most this is 0."""

OFF: Final[Mapping[str, Callable[[float], bool]]] = {
    "top_k": lambda k: k < 1,
    "top_p": lambda p: p >= 1,
    "min_p": lambda p: p <= 0,
    "typical_p": lambda p: p >= 1,
    "top_n_sigma": lambda n: n <= 0,
}
"""Whether a value of a step does nothing."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Sampler:
    """A way in which a server may draw: what it should do, or a fault.

    Attributes
    ----------
    engine : str or None
        For the edge rules, and the order where `order` is None.
    order : tuple of str or None
        The steps in another order than the engine's.
    temperature : callable
        The temperature that is applied, from the one that was sent.
    ignored : frozenset of str
        Steps that do nothing.
    more : int
        How many tokens top-k keeps beyond those it was told.
    short : bool
        Whether top-p drops the token at which its sum ends.
    defaults : Mapping
        What stands for a setting that was not sent.
    """

    engine: str | None
    order: tuple[str, ...] | None = None
    temperature: Callable[[float], float] = float
    ignored: frozenset[str] = frozenset()
    more: int = 0
    short: bool = False
    defaults: Settings

    def changed(self, **changes: Any) -> Sampler:
        """Return the sampler with some attributes changed."""
        return replace(self, **changes)

    def probabilities(self, logits: Array, settings: Settings) -> Array:
        """Return the probabilities from which a token is drawn, row by row.

        Examples
        --------
        >>> sampler = Sampler(engine=None, defaults={"temperature": 1.0})
        >>> sampler.probabilities(np.array([2.0, 1.0, 0.0]), {"top_k": 2}).round(3)
        array([0.731, 0.269, 0.   ])
        >>> sampler.changed(more=1).probabilities(np.array([2.0, 1.0, 0.0]), {"top_k": 2}).round(3)
        array([0.665, 0.245, 0.09 ])
        """
        given = {**self.defaults, **settings}
        temperature = self.temperature(given["temperature"])
        if "top_k" in given and not OFF["top_k"](given["top_k"]):
            given["top_k"] += self.more
        steps: dict[str, Any] = {
            step: given[step]
            for step in STEPS
            if step in given and step not in self.ignored and not OFF[step](given[step])
        }
        if temperature <= GREEDY:
            # Where several lead, any of them may be the first.
            return truncate(logits, 0.0)
        order = None
        if self.order is not None:
            order = [step for step in self.order if step == "temperature" or step in steps]
        result = truncate(logits, temperature, engine=self.engine, order=order, **steps)
        if self.short and "top_p" in steps:
            # Of those that tie for the last place, one.
            last = np.where(result > 0, result, np.inf).argmin(axis=-1)[..., None]
            several = np.count_nonzero(result, axis=-1, keepdims=True) > 1
            kept = np.where(several, 0.0, np.take_along_axis(result, last, axis=-1))
            np.put_along_axis(result, last, kept, axis=-1)
            result /= result.sum(axis=-1, keepdims=True)
        return result

    def temperature_first(self, step: str) -> bool:
        """Whether a step sees the logits divided by the temperature."""
        order = self.steps
        return order.index("temperature") < order.index(step)

    def sees_all(self, step: str) -> bool:
        """Whether top-p sees the tokens that another step drops."""
        if self.order is None and self.engine is not None and engines()[self.engine].joint:
            return step == "top_k"
        return self.steps.index("top_p") < self.steps.index(step)

    @property
    def steps(self) -> tuple[str, ...]:
        """The steps in their order, "temperature" among them."""
        if self.order is not None:
            return self.order
        known = ("temperature", *STEPS)
        found = () if self.engine is None else engines()[self.engine].order
        return tuple(step for step in found if step in known) or known

    def moved(self, step: str, *, before: bool, other: str) -> Sampler:
        """Return the sampler with a step just before or just after another one."""
        order = [each for each in self.steps if each != step]
        order.insert(order.index(other) + (not before), step)
        return self.changed(order=tuple(order))


def as_sent(kind: str, off: Settings) -> Sampler:
    """Return what a kind of server should do, by its documents.

    Parameters
    ----------
    kind : str
    off : Mapping
        The settings by which nothing is truncated: they stand for the defaults where no engine is
        known.
    """
    engine = ENGINE_OF.get(kind)
    defaults = {"temperature": 1.0, **off} if engine is None else engines()[engine].defaults
    return Sampler(engine=engine, defaults=defaults)
