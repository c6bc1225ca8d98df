"""The front end's truncation, run in Node, decides as `keep` and `truncate` do."""

from __future__ import annotations

import functools
import json
import math
import os
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import thermoscope as ts
from tests.node import in_node
from thermoscope.truncation.engines import ENGINES, PAPERS, Engine
from thermoscope.truncation.rules import RULES

INF, NAN = math.inf, math.nan
CASES = 1000

PROGRAM = """
import { readFileSync, writeFileSync } from "node:fs";
import { ENGINES, PAPERS, run } from "./truncation.mjs";
const { sizes, cases } = JSON.parse(readFileSync("cases.json", "utf8"));
const numbers = new Float64Array(Uint8Array.from(readFileSync("rows.bin")).buffer);
let end = 0;
const rows = sizes.map((size) => numbers.slice(end, (end += size)));
writeFileSync("answers.bin", run(rows, cases));
writeFileSync("engines.json", JSON.stringify({ ...ENGINES, papers: PAPERS }));
"""


def rows(next_token: Path) -> list[np.ndarray]:
    """Return rows of all sizes, with ties and infinities.

    The environment variable THERMOSCOPE_ROWS may name a folder with more of them, each a .npy file.
    """
    draw = np.random.default_rng(1)
    normal = [draw.normal(0, 3, size) for size in (1, 2, 10, 10, 1000, 1000, 50_257)]
    tied = [np.round(row * 2) / 2 for row in normal]
    half = [row.astype(np.float16) for row in normal]
    special = [
        [INF, 1.0, INF, -INF],
        [1.0, -INF, 3.0, 2.0, -INF],
        [NAN, 1.0],
        [-INF, -INF],
        [0.0, -0.0, -1.0],
        [1e308, -1e308, 0.9e308],
        [1e-320, 0.0, 0.0],
        [0.0] * 100,
    ]
    files = sorted(next_token.glob("*.npy"))
    if more := os.environ.get("THERMOSCOPE_ROWS"):
        files += sorted(Path(more).glob("*.npy"))
    tokens = [np.load(file) for file in files]
    return [np.asarray(row, np.float64) for row in (*normal, *tied, *half, *special, *tokens)]


def settings(draw: np.random.Generator) -> tuple[float, dict[str, Any]]:
    """Draw a temperature, and keywords of `truncate`."""
    name = draw.choice(["", *ENGINES], p=[0.3, *[0.1] * len(ENGINES)])
    engine = ENGINES[name] if name else PAPERS
    u = draw.random()
    values: dict[str, list[float]] = {
        "top_k": [max(engine.least_k, -7), 1, 2, 5, 40, 50, 999, 10**6],
        "top_p": [0, 0.5, 0.9, 0.95, 0.999, 1, *[u] * 5],
        "min_p": [0, 0.05, 1e-4, 1, *[u] * 3],
        "typical_p": [0.2, 0.95, 1, *[u] * 3],
        "epsilon": [0, 3e-4, 0.5, *[u / 10] * 2],
        "eta": [0, 2e-3, 0.5, *[u / 10] * 2],
        "top_n_sigma": [0, 1, *[4 * u] * 2],
    }
    values["top_p"] = values["top_p"][engine.limits.get("top_p") == "(0, 1]" :]
    steps = [step for step in engine.order if step in RULES and draw.random() < 0.45]
    options: dict[str, Any] = {step: draw.choice(values[step]).item() for step in steps}
    if name:
        options["engine"] = str(name)
    if draw.random() < 0.5:
        options["order"] = draw.permutation(["temperature", *steps]).tolist()
    if draw.random() < 0.5:
        options["ties"] = str(draw.choice(engine.ties))
    ends = [0.0, 1e-9, 1.0, INF]
    t = draw.choice([*ends, *10 ** draw.uniform(-1, 1, 4), *10 ** draw.uniform(-4, 4, 2)])
    return float(t), options


@dataclass
class Run:
    """Rows with their settings, and what Node made of them."""

    cases: list[tuple[np.ndarray, float, dict[str, Any]]]
    answers: np.ndarray
    engines: dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def run(next_token: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("node")
    run_node = in_node("truncation", folder, PROGRAM)

    draw = np.random.default_rng(19)
    given = rows(next_token)
    sizes = [row.size for row in given]
    short = [at for at, size in enumerate(sizes) if size < 5000]
    long = [at for at, size in enumerate(sizes) if size > 5000]
    numbers = [int(draw.choice(short if draw.random() < 0.85 else long)) for _ in range(CASES)]
    cases = [(at, *settings(draw)) for at in numbers]
    written = [
        {"row": at, "temperature": "inf" if t == INF else t, "settings": options}
        for at, t, options in cases
    ]
    np.concatenate(given).tofile(folder / "rows.bin")
    told = json.dumps({"sizes": sizes, "cases": written})
    (folder / "cases.json").write_text(told, encoding="utf-8")
    run_node()
    return Run(
        [(given[at], t, options) for at, t, options in cases],
        np.fromfile(folder / "answers.bin"),
        json.loads((folder / "engines.json").read_text(encoding="utf-8")),
    )


def test_the_engines_are_the_same(run: Run) -> None:
    def told(engine: Engine) -> dict[str, Any]:
        """Return what the page has of an engine: truncation by the seven rules."""
        fields = json.loads(json.dumps(asdict(engine)))
        others = ("details", "output_only", "min_keep", "bias_limit", "lists_dropped", "greedy")
        for name in ("source", *others):
            del fields[name]
        steps = ("temperature", *RULES)
        fields["order"] = [step for step in fields["order"] if step in steps]
        for name in ("limits", "off", "edges"):
            fields[name] = {step: v for step, v in fields[name].items() if step in steps}
        return {re.sub("_(.)", lambda m: m[1].upper(), name): v for name, v in fields.items()}

    want = {name: told(engine) for name, engine in (*ENGINES.items(), ("papers", PAPERS))}
    assert run.engines == want
    assert list(run.engines) == list(want)


def test_a_thousand_random_settings(run: Run) -> None:
    answers, before = run.answers, np.empty(0)
    for row, t, options in run.cases:
        count = int(answers[0])
        mass, entropy, variation = answers[1:4]
        items, probabilities = answers[4 : 4 + 2 * count].reshape(2, count)
        items, answers = items.astype(int), answers[4 + 2 * count :]

        said = f"{row.size} entries from {row[:3]}, T = {t}, {options}"
        kept, want = ts.keep(row, t, **options), ts.truncate(row, t, **options)
        assert np.array_equal(np.sort(items), np.flatnonzero(kept)), said
        close = functools.partial(np.testing.assert_allclose, rtol=1e-12, err_msg=said)
        close(probabilities, want[items], atol=1e-300)
        engine = ENGINES.get(options.get("engine", ""), PAPERS)
        counts_as = 0.0 if t < engine.greedy_below else max(t, engine.least_temperature) if t else t
        close(mass, ts.softmax(row, counts_as)[kept].sum(), atol=1e-300)
        close(entropy, ts.entropy(row, counts_as, where=kept), atol=1e-14)
        same = before.size == row.size
        close(variation, np.abs(want - before).sum() / 2 if same else NAN, atol=1e-13)
        before = want
    assert answers.size == 0
