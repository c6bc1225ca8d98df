"""`thermoscope sweep` prints the means that Python finds."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from tests.command_line import LOGITS, TARGETS, in_terminal
from thermoscope import calibration_curve, cli, definition, measures


@pytest.mark.usefixtures("saved_rows")
def test_sweep_is_the_mean_of_the_measures(capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["sweep", "z.npy", "y.npy", "--from", "0.1", "--to", "10", "--steps", "3"]) == 0
    out = capfd.readouterr().out
    names, *lines = csv.reader(out.splitlines())
    assert names == ["temperature", "entropy", "perplexity", "top_probability", "nll", "ece"]
    curve = calibration_curve(LOGITS, TARGETS, [0.1, 1, 10])
    for at, line in enumerate(lines):
        t = [0.1, 1, 10][at]
        assert list(map(float, line)) == pytest.approx(
            [
                t,
                measures.entropy(LOGITS.astype(float), t).mean(),
                measures.perplexity(LOGITS.astype(float), t).mean(),
                definition.softmax(LOGITS.astype(float), t).max(axis=1).mean(),
                curve.nll[at],
                curve.ece[at],
            ],
            rel=1e-12,
        )
    # The file equals what is printed; one row gives the measures of that row.
    assert cli.main(["sweep", "z.npy", "y.npy", "--steps", "3", "-o", "out.csv"]) == 0
    assert cli.main(["sweep", "z.npy", "y.npy", "--steps", "3"]) == 0
    assert capfd.readouterr().out == Path("out.csv").read_text(encoding="utf-8")
    assert cli.main(["sweep", "z.npy", "--row", "7", "--json", "--steps", "3"]) == 0
    found = json.loads(capfd.readouterr().out)
    assert found["entropy"][1] == pytest.approx(measures.entropy(LOGITS[7].astype(float)))
    assert (found["n"], "nll" in found) == (1, False)
    assert "best_temperature" not in found
    assert cli.main(["sweep", "z.npy", "y.npy", "--json"]) == 0
    found = json.loads(capfd.readouterr().out)
    assert found["best_temperature"] == found["temperature"][int(np.argmin(found["nll"]))]


def test_a_terminal_gets_a_table_of_temperatures_and_the_progress(saved_rows: Path) -> None:
    text = in_terminal("sweep", str(saved_rows / "z.npy"), "--steps", "3", columns=120)
    assert "sweep" in text
    assert "100%" in text
    lines = [line.split() for line in text.splitlines()]
    header = ["temperature", "entropy", "perplexity", "top", "probability"]
    assert header in [line[-5:] for line in lines]
    assert lines[-1] == ["means", "over", "300", "rows"]
    lines = in_terminal(
        "sweep", str(saved_rows / "z.npy"), str(saved_rows / "y.npy"), columns=120
    ).splitlines()
    best = calibration_curve(LOGITS, TARGETS, np.geomspace(0.01, 100, 41))
    words = f"lowest NLL {best.nll.min():.6g} at T = {best.temperatures[best.best()]:.6g}, of these"
    assert lines[-1].startswith(words)
    assert "fit, pass 2" in in_terminal("fit", str(saved_rows / "z.npy"), str(saved_rows / "y.npy"))
