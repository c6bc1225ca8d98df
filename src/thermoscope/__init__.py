"""The instrument for softmax temperature: see it, compute it, put it in a lesson."""

from importlib import import_module
from typing import TYPE_CHECKING

from thermoscope.arguments import ArgumentError
from thermoscope.data import samples
from thermoscope.definition import log_softmax, softmax
from thermoscope.measures import (
    cross_entropy,
    entropy,
    jacobian,
    kl_divergence,
    perplexity,
    temperature_derivative,
)
from thermoscope.reported import Interval, Reported
from thermoscope.solve import temperature_for

if TYPE_CHECKING:
    from thermoscope.calibration import (
        calibration_curve,
        evaluate_fit,
        fit_temperature,
        sweep,
    )
    from thermoscope.calibration.reliability import reliability
    from thermoscope.connection.draft import Draft
    from thermoscope.connection.prompts import distributions
    from thermoscope.connection.source import connect
    from thermoscope.data.dataset import Dataset
    from thermoscope.data.models import from_transformers
    from thermoscope.data.reading import open_logits, read_logits
    from thermoscope.diagnosis import doctor
    from thermoscope.explorer.widget import Explorer, explore
    from thermoscope.figures import plot
    from thermoscope.samplers import compare_samplers, sampler_temperature
    from thermoscope.sampling import random_logits, sample
    from thermoscope.sklearn import TemperatureScaler
    from thermoscope.truncation import Penalties, keep, truncate
    from thermoscope.truncation.engines import engines

__all__ = [
    "ArgumentError",
    "Dataset",
    "Draft",
    "Explorer",
    "Interval",
    "Penalties",
    "Reported",
    "TemperatureScaler",
    "calibration_curve",
    "compare_samplers",
    "connect",
    "cross_entropy",
    "distributions",
    "doctor",
    "engines",
    "entropy",
    "evaluate_fit",
    "explore",
    "fit_temperature",
    "from_transformers",
    "jacobian",
    "keep",
    "kl_divergence",
    "log_softmax",
    "open_logits",
    "perplexity",
    "plot",
    "random_logits",
    "read_logits",
    "reliability",
    "sample",
    "sampler_temperature",
    "samples",
    "softmax",
    "sweep",
    "temperature_derivative",
    "temperature_for",
    "truncate",
]

# What needs more than NumPy, or milliseconds, loads on first use.
_LAZY = {
    "Dataset": "thermoscope.data.dataset",
    "Draft": "thermoscope.connection.draft",
    "Explorer": "thermoscope.explorer.widget",
    "Penalties": "thermoscope.truncation",
    "TemperatureScaler": "thermoscope.sklearn",
    "calibration_curve": "thermoscope.calibration",
    "compare_samplers": "thermoscope.samplers",
    "connect": "thermoscope.connection.source",
    "distributions": "thermoscope.connection.prompts",
    "doctor": "thermoscope.diagnosis",
    "engines": "thermoscope.truncation",
    "evaluate_fit": "thermoscope.calibration",
    "explore": "thermoscope.explorer.widget",
    "fit_temperature": "thermoscope.calibration",
    "from_transformers": "thermoscope.data.models",
    "keep": "thermoscope.truncation",
    "open_logits": "thermoscope.data.reading",
    "plot": "thermoscope.figures",
    "random_logits": "thermoscope.sampling",
    "read_logits": "thermoscope.data.reading",
    "reliability": "thermoscope.calibration",
    "sample": "thermoscope.sampling",
    "sampler_temperature": "thermoscope.samplers",
    "sweep": "thermoscope.calibration",
    "truncate": "thermoscope.truncation",
}


def __getattr__(name: str) -> object:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_LAZY[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
