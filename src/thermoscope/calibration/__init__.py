"""Calibration: the temperature that fits targets best, and how far probabilities are right."""

from thermoscope.calibration.curve import CalibrationCurve, Sweep, calibration_curve, sweep
from thermoscope.calibration.evaluate import FitEvaluation, evaluate_fit
from thermoscope.calibration.fit import TemperatureFit, fit_temperature
from thermoscope.calibration.reliability import Reliability, ReliabilityBins, reliability

__all__ = [
    "CalibrationCurve",
    "FitEvaluation",
    "Reliability",
    "ReliabilityBins",
    "Sweep",
    "TemperatureFit",
    "calibration_curve",
    "evaluate_fit",
    "fit_temperature",
    "reliability",
    "sweep",
]
