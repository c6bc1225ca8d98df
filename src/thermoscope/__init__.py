"""The instrument for softmax temperature: see it, compute it, put it in a lesson."""

from importlib import import_module
from typing import TYPE_CHECKING

from thermoscope.definition import log_softmax, softmax
from thermoscope.measures import entropy, perplexity
from thermoscope.sampling import random_logits
from thermoscope.truncation import (
    epsilon,
    eta,
    min_p,
    top_k,
    top_n_sigma,
    top_p,
    truncate,
    typical_p,
)

if TYPE_CHECKING:
    from thermoscope.explorer.widget import Explorer, explore
    from thermoscope.figures import plot

__all__ = [
    "Explorer",
    "entropy",
    "epsilon",
    "eta",
    "explore",
    "log_softmax",
    "min_p",
    "perplexity",
    "plot",
    "random_logits",
    "softmax",
    "top_k",
    "top_n_sigma",
    "top_p",
    "truncate",
    "typical_p",
]

# What needs more than NumPy loads on first use.
_LAZY = {
    "Explorer": "thermoscope.explorer.widget",
    "explore": "thermoscope.explorer.widget",
    "plot": "thermoscope.figures",
}


def __getattr__(name: str) -> object:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_LAZY[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
