"""The simulation behind the intervals of calibration, and what the docs say of it."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import coverage

ROOT = Path(__file__).parent.parent
NAMES = {
    "ECE, percentiles of the bootstrap": "ece, percentile",
    "ECE, basic interval": "ece, basic",
    "MCE, percentiles of the bootstrap": "mce, percentile",
    "MCE, basic interval": "mce, basic",
    "NLL, as given": "nll",
    "Brier score, as given": "brier",
    "accuracy, as given": "accuracy",
    "p-value of the ECE at most 5 %": "p <= 5 %",
}


def test_the_docs_say_what_was_simulated() -> None:
    document = json.loads((ROOT / "benchmarks" / "results" / "coverage.json").read_text())
    assert (document["options"]["rows"], document["options"]["sets"]) == (1000, 1000)
    page = (ROOT / "docs" / "calibration.md").read_text(encoding="utf-8")
    for words, name in NAMES.items():
        (line,) = (line for line in page.splitlines() if line.startswith(f"| {words} |"))
        shown = [float(text) for text in re.findall(r"([\d.]+) %", line.removeprefix(f"| {words}"))]
        rates = [100 * result[name] for result in document["results"].values()]
        assert shown == pytest.approx(rates, abs=0.05)
        good = all(93 <= rate <= 97 for rate in rates)
        assert line.endswith(
            {True: "| yes |", False: "| no |"}[good] if "p-" not in words else "| |"
        )


def test_scores_with_intervals_are_covered_and_the_ece_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(coverage, "POPULATION", 5000)
    out = tmp_path / "out.json"
    options = ["--rows", "200", "--sets", "12", "--draws", "60", "--json", str(out)]
    monkeypatch.setattr(sys, "argv", ["coverage", *options])
    coverage.main()
    document = json.loads(out.read_text())
    assert list(document["results"]) == ["1.0", "1.1", "1.7"]
    assert "ECE <= 95 % value" in capsys.readouterr().out
    calibrated, _, wrong = document["results"].values()
    assert calibrated["ece, percentile"] == 0
    assert min(calibrated[name] for name in coverage.GIVEN) >= 0.6
    assert wrong["p <= 5 %"] > calibrated["p <= 5 %"]


def test_the_simulation_computes_the_ece_and_mce_of_the_library() -> None:
    rng = np.random.default_rng(0)
    logits, targets = coverage.data(500, 4, 1.5, rng)
    found = coverage.ts.reliability(logits, targets)
    gap = np.nan_to_num(found.bins.confidence - found.bins.accuracy) * found.bins.weight
    errors = coverage.errors(found.bins.weight, gap)
    assert (errors["ece"], errors["mce"]) == pytest.approx((found.ece, found.mce), rel=1e-10)
    low, high = coverage.bootstrapped(logits, targets, 400, rng)["ece, percentile"]
    assert low < found.ece * 1.5
    assert high > found.ece
