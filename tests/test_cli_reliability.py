"""`thermoscope reliability` prints what Python finds."""

from __future__ import annotations

import json
import re

import pytest

from tests.command_line import LOGITS, TARGETS
from thermoscope import cli, reliability


@pytest.mark.usefixtures("saved_rows")
def test_reliability_is_that_of_python(capfd: pytest.CaptureFixture[str]) -> None:
    options = ["-T", "1.5", "--strategy", "mass", "--bins", "7", "--bootstrap", "20", "--seed", "4"]
    assert cli.main(["reliability", "z.npy", "y.npy", "--json", *options]) == 0
    found = json.loads(capfd.readouterr().out)
    want = reliability(LOGITS, TARGETS, 1.5, bins=7, strategy="mass", bootstrap=20, rng=4)
    assert found["ece"] == pytest.approx(want.ece, rel=1e-12)
    assert found["intervals"]["nll"] == pytest.approx(want.intervals["nll"], rel=1e-9)
    assert found["bins"]["count"] == want.bins.count.tolist()
    assert found["p_value"] == want.p_value
    assert found["mce_rows"] == want.mce_rows
    assert set(found["intervals"]) == {"nll", "brier", "accuracy"}
    assert cli.main(["reliability", "z.npy", "y.npy", *options]) == 0
    lines = capfd.readouterr().out.splitlines()
    assert [line.split()[2] for line in lines[1:8]] == [str(n) for n in want.bins.count]
    shown = dict(re.split("  +", line)[:2] for line in lines[9:])
    assert list(shown) == ["ECE", "MCE", "classwise ECE", "Brier", "NLL", "accuracy", "rows"]
    assert shown["ECE"] == f"{want.ece:.6f}"
    assert shown["rows"] == "300 at T = 1.5"
    text = "\n".join(lines)
    beside = f"if calibrated {want.ece_if_calibrated:.4f}, up to {want.ece_if_calibrated_upper:.4f}"
    assert f"{beside}; p = {want.p_value:.2g}" in text
    assert f"in a bin of {want.mce_rows} rows" in text


@pytest.mark.usefixtures("saved_rows")
def test_an_empty_bin_has_a_row_and_no_gap(capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["reliability", "z.npy", "y.npy", "--bins", "20"]) == 0
    lines = capfd.readouterr().out.splitlines()
    assert lines[1].split() == ["0", "0.05", "0"]
    assert re.fullmatch(
        r" *0\.95 +1 +\d+ +0\.\d{4} +0\.\d{4} +[+-]0\.\d{4} [ █▉▊▋▌▍▎▏]+", lines[20]
    )
