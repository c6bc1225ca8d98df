"""Samplers side by side over recorded rows, and the temperature that gives one what is wanted."""

from thermoscope.samplers.compare import (
    OverRows,
    PresetMeasures,
    SamplerComparison,
    compare_samplers,
)
from thermoscope.samplers.target import SamplerTemperature, sampler_temperature

__all__ = [
    "OverRows",
    "PresetMeasures",
    "SamplerComparison",
    "SamplerTemperature",
    "compare_samplers",
    "sampler_temperature",
]
