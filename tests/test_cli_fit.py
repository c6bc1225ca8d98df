"""`thermoscope fit` says what Python finds, and what to do with it."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.command_line import LOGITS, TARGETS
from thermoscope import cli, definition, evaluate_fit, fit_temperature
from thermoscope.data.reading import open_logits
from thermoscope.data.writing import write_rows


@pytest.mark.usefixtures("saved_rows")
def test_fit_says_what_it_found_and_what_to_do_with_it(capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["fit", "z.npy", "y.npy"]) == 0
    out, err = capfd.readouterr()
    found = fit_temperature(LOGITS, TARGETS)
    low, high = found.interval
    apply = f"thermoscope softmax z.npy -T {found.temperature:.6g} -o probabilities.npy"
    assert [re.split("  +", line) for line in out.splitlines()] == [
        ["temperature", f"{found.temperature:.6g}"],
        ["standard error", f"{found.standard_error:.6g}"],
        ["95 % interval", f"{low:.6g} to {high:.6g}"],
        ["NLL at T = 1", f"{found.nll_before:.6f} nats"],
        ["NLL now", f"{found.nll:.6f} nats"],
        ["rows", f"300, read {found.iterations} times"],
        [""],
        [f"To apply it: thermoscope softmax z.npy -T {found.temperature:.6g} -o probabilities.npy"],
    ]
    assert err == ""
    # The command that it suggests works.
    assert cli.main(shlex.split(apply)[1:]) == 0
    assert open_logits("probabilities.npy").shape == LOGITS.shape


@pytest.mark.usefixtures("saved_rows")
def test_fit_as_json_has_weights_probabilities_and_words(
    capfd: pytest.CaptureFixture[str],
) -> None:
    write_rows(
        "p.csv",
        [definition.softmax(LOGITS.astype(float))],
        shape=LOGITS.shape,
        dtype=float,
        labels=["a", "b", "c", "d"],
    )
    Path("y.txt").write_text("\n".join("abcd"[target] for target in TARGETS), encoding="utf-8")
    options = ["--json", "--weights", "w.npy", "--probabilities"]
    assert cli.main(["fit", "p.csv", "y.txt", *options]) == 0
    found = json.loads(capfd.readouterr().out)
    want = asdict(fit_temperature(LOGITS, TARGETS, sample_weight=np.arange(300) % 3))
    assert found.keys() == want.keys()
    assert found["temperature"] == pytest.approx(want["temperature"], rel=1e-9)
    assert found["interval"] == pytest.approx(want["interval"], rel=1e-9)
    assert (found["n"], found["limit"]) == (200, None)


@pytest.mark.usefixtures("saved_rows")
@pytest.mark.parametrize(
    ("targets", "temperature", "reason"),
    [
        (LOGITS.argmax(axis=1), "0", "every target is at its row's largest logit"),
        (LOGITS.argmin(axis=1), "inf", "no larger than all logits in the mean"),
    ],
)
def test_fit_says_why_the_optimum_lies_at_an_end(
    capfd: pytest.CaptureFixture[str], targets: np.ndarray, temperature: str, reason: str
) -> None:
    np.save("y.npy", targets)
    assert cli.main(["fit", "z.npy", "y.npy", "--plot", "end.svg"]) == 0
    out = capfd.readouterr().out
    assert out.startswith(f"temperature     {temperature}\nbecause ")
    assert "Judged in 2 folds" in out
    assert reason in out
    assert f" -T {temperature} -o " in out
    assert cli.main(["fit", "z.npy", "y.npy", "--json"]) == 0
    assert json.loads(capfd.readouterr().out)["standard_error"] == "nan"


@pytest.mark.usefixtures("saved_rows")
@pytest.mark.parametrize(
    ("options", "same"),
    [
        (["--holdout", "0.4", "--seed", "3"], {"holdout": 0.4, "rng": 3}),
        (["--folds", "3"], {"folds": 3}),
    ],
)
def test_fit_judges_by_rows_that_were_held_out(
    capfd: pytest.CaptureFixture[str], options: list[str], same: dict[str, Any]
) -> None:
    want = evaluate_fit(LOGITS, TARGETS, **same)
    assert cli.main(["fit", "z.npy", "y.npy", *options, "--json"]) == 0
    document = json.loads(capfd.readouterr().out)
    found = document["held_out"]
    assert document["temperature"] == pytest.approx(want.fit.temperature, rel=1e-12)
    assert document["n"] == want.fit.n
    assert found["before"]["n"] == found["after"]["n"] == want.after.n
    assert found["after"]["nll"] == pytest.approx(want.after.nll, rel=1e-12)
    assert found["before"]["p_value"] == want.before.p_value
    assert found["fold_temperatures"] == pytest.approx(list(want.fold_temperatures), rel=1e-12)
    assert found["seed"] == same.get("rng", 0)
    assert cli.main(["fit", "z.npy", "y.npy", *options]) == 0
    lines = capfd.readouterr().out.splitlines()
    (start,) = [at for at, line in enumerate(lines) if line.startswith("Judged ")]
    assert f"{want.after.n:,} rows" in lines[start]
    shown = [re.split("  +", line) for line in lines[start + 1 : start + 7]]
    assert shown[0] == ["", "T = 1", "now"]
    assert shown[1] == ["NLL", f"{want.before.nll:.6f}", f"{want.after.nll:.6f}"]
    assert shown[5][:2] == ["ECE now", f"{want.after.ece:.6f}"]
    assert shown[5][2].startswith(f"if calibrated {want.after.ece_if_calibrated:.4f}, up to ")


@pytest.mark.usefixtures("saved_rows")
def test_the_figure_of_a_fit_is_of_rows_that_were_held_out(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from thermoscope import figures

    drawn: list[Any] = []
    original = figures.plot
    monkeypatch.setattr(figures, "plot", lambda it: drawn.append(it) or original(it))
    assert cli.main(["fit", "z.npy", "y.npy", "--plot", "a.svg"]) == 0
    assert cli.main(["fit", "z.npy", "y.npy", "--holdout", "0.5", "--plot", "b.svg"]) == 0
    folds, half = drawn
    assert (len(folds.fold_temperatures), folds.after.n, folds.curve.n) == (2, 300, 300)
    assert folds.fit.temperature == pytest.approx(fit_temperature(LOGITS, TARGETS).temperature)
    assert half.after.n == half.curve.n == 300 - half.fit.n
    assert "Judged in 2 folds (seed 0)" in capfd.readouterr().out
    assert b"held out" in Path("a.svg").read_bytes()


@pytest.mark.usefixtures("saved_rows")
def test_fit_of_nearly_separable_data_says_that_they_do_not_determine_t(
    capfd: pytest.CaptureFixture[str],
) -> None:
    logits = np.tile(np.float32([8, 0]), (201, 1))
    logits[200, 1] = np.nextafter(np.float32(8), np.float32(9))
    np.save("z.npy", logits)
    np.save("y.npy", np.zeros(201, int))
    assert cli.main(["fit", "z.npy", "y.npy"]) == 0
    out = capfd.readouterr().out
    assert "95 % interval   0 to inf\n" in out
    assert "but             the data do not determine T: only 1 of 201 targets is below" in out
    assert cli.main(["fit", "z.npy", "y.npy", "--json"]) == 0
    assert json.loads(capfd.readouterr().out)["interval"] == [0.0, "inf"]
