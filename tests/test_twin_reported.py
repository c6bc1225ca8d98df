"""The front end's intervals of reported distributions, run in Node, are those of `Reported`."""

from __future__ import annotations

import json
import math
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import thermoscope as ts

if TYPE_CHECKING:
    from numpy.typing import NDArray

ROOT = Path(__file__).parents[1]
ESBUILD = ROOT / "node_modules/.bin/esbuild"
PROGRAM = """
import { readFileSync, writeFileSync } from "node:fs";
import { run } from "./reported.mjs";
writeFileSync("answers.json", JSON.stringify(run(JSON.parse(readFileSync("cases.json", "utf8")))));
"""
TEMPERATURES = [0.0, 0.05, 0.3, 0.7, 0.98, 1.0, 1.02, 1.3, 2.0, 30.0, math.inf]
CASES = 300


def reported(draw: np.random.Generator) -> ts.Reported:
    """Draw what a server may report: of a peaked or a flat row, with a drawn token, or without."""
    size = int(draw.integers(2, 8))
    count = size + int(draw.integers(1, 40))
    row = np.sort(draw.gumbel(size=count) * draw.choice([0.3, 1.0, 3.0]))[::-1]
    if draw.random() < 0.2:
        row[1] = row[0]
    log_p = ts.log_softmax(row)
    drawn = int(draw.integers(size, count)) if draw.random() < 0.3 else 0
    told = log_p[: size if drawn == 0 else size + 1].copy()
    if drawn:
        told[-1] = log_p[drawn]
    return ts.Reported(
        told,
        vocabulary=count if draw.random() < 0.8 else None,
        applied_temperature=float(draw.choice([1.0, 0.7, 1.5])),
        drawn=len(told) - 1 if drawn else 0,
    )


def case(one: ts.Reported) -> dict[str, Any]:
    told = one.logprobs
    tail = {
        "mass": math.exp(one.tail),
        "cap": one.cap,
        "count": None if one.vocabulary is None else one.vocabulary - told.size,
        "temperature": one.applied_temperature,
        "delta": float(one.delta.max()),
    }
    temperatures = ["inf" if math.isinf(each) else each for each in TEMPERATURES]
    logits = (told * one.applied_temperature).tolist()
    return {"logits": logits, "tail": tail, "temperatures": temperatures}


def intervals(one: ts.Reported, temperature: float) -> NDArray[np.float64]:
    entropy, tail = one.entropy(temperature), one.not_reported(temperature)
    probabilities = np.stack(one.softmax(temperature), axis=1).ravel()
    return np.array([*entropy, *tail, *probabilities])


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[ts.Reported, float, Any]]:
    folder = tmp_path_factory.mktemp("reported")
    draw = np.random.default_rng(5)
    cases = [reported(draw) for _ in range(CASES)]
    (folder / "cases.json").write_text(json.dumps(list(map(case, cases))), encoding="utf-8")
    (folder / "program.mjs").write_text(PROGRAM, encoding="utf-8")
    source = ROOT / "web/tests/reported.node.ts"
    bundle = [ESBUILD, source, "--bundle", "--format=esm", f"--outfile={folder}/reported.mjs"]
    subprocess.run([*bundle, "--define:ROWS=true", "--log-level=warning"], check=True)
    subprocess.run(["node", "program.mjs"], cwd=folder, check=True)
    found = json.loads((folder / "answers.json").read_text(encoding="utf-8"))
    pairs = [(one, temperature) for one in cases for temperature in TEMPERATURES]
    return [(*pair, np.array(answer)) for pair, answer in zip(pairs, found, strict=True)]


def test_both_give_the_same_intervals(answers: list[tuple[ts.Reported, float, Any]]) -> None:
    for one, temperature, answer in answers:
        expected = intervals(one, temperature)
        expected[np.isinf(expected)] = -1
        # Beside a drawn token below the cap, each has another lower bound of the entropy.
        first = 1 if one.drawn and temperature > one.applied_temperature else 0
        about = f"{one.logprobs.tolist()}, {one!r}, drawn {one.drawn}, T = {temperature}"
        assert answer[0] >= 0.98 * expected[0], about
        np.testing.assert_allclose(
            answer[first:], expected[first:], rtol=1e-6, atol=1e-9, err_msg=about
        )
