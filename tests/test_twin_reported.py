"""The front end's intervals of reported distributions, run in Node, are those of `Reported`."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pytest

import thermoscope as ts
from tests.node import in_node

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

PROGRAM = """
import { readFileSync, writeFileSync } from "node:fs";
import { run } from "./reported.mjs";
writeFileSync("answers.json", JSON.stringify(run(JSON.parse(readFileSync("cases.json", "utf8")))));
"""
TEMPERATURES = [0.0, 0.05, 0.3, 0.7, 0.98, 1.0, 1.02, 1.3, 2.0, 30.0, math.inf]
CASES = 300


class Case(NamedTuple):
    """What a server reports, all log-probabilities, and which of them it reports."""

    reported: ts.Reported
    log_p: NDArray[np.float64]
    places: list[int]


def reported(draw: np.random.Generator, *, rounded: bool = False) -> Case:
    """Draw what a server may report: of a peaked or a flat row, with a drawn token, or without.

    Return also all log-probabilities.
    """
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
    delta = draw.choice([1e-7, 1e-5, 2e-3], size=len(told)) if rounded else np.zeros(len(told))
    found = ts.Reported(
        np.minimum(told + delta * draw.uniform(-1, 1, len(told)), 0.0),
        vocabulary=count if draw.random() < 0.8 else None,
        applied_temperature=float(draw.choice([1.0, 0.7, 1.5])),
        drawn=len(told) - 1 if drawn else 0,
        delta=delta,
    )
    places = [*range(size), drawn] if drawn else list(range(size))
    return Case(found, log_p, places)


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


Answers = list[tuple[ts.Reported, float, "NDArray[np.float64]"]]


@pytest.fixture(scope="module")
def answered(tmp_path_factory: pytest.TempPathFactory) -> Callable[[list[ts.Reported]], Answers]:
    """Return what the front end answers, at each temperature."""
    folder = tmp_path_factory.mktemp("reported")
    run = in_node("reported", folder, PROGRAM)

    def answers(cases: list[ts.Reported]) -> Answers:
        (folder / "cases.json").write_text(json.dumps(list(map(case, cases))), encoding="utf-8")
        run()
        found = json.loads((folder / "answers.json").read_text(encoding="utf-8"))
        pairs = [(one, temperature) for one in cases for temperature in TEMPERATURES]
        return [(*pair, np.array(answer)) for pair, answer in zip(pairs, found, strict=True)]

    return answers


def test_both_give_the_same_intervals(
    answered: Callable[[list[ts.Reported]], Answers],
) -> None:
    draw = np.random.default_rng(5)
    for one, temperature, answer in answered([reported(draw).reported for _ in range(CASES)]):
        expected = intervals(one, temperature)
        expected[np.isinf(expected)] = -1
        # Beside a drawn token below the cap, each has another lower bound of the entropy.
        first = 1 if one.drawn and temperature > one.applied_temperature else 0
        about = f"{one.logprobs.tolist()}, {one!r}, drawn {one.drawn}, T = {temperature}"
        assert answer[0] >= 0.98 * expected[0], about
        np.testing.assert_allclose(
            answer[first:], expected[first:], rtol=1e-6, atol=1e-9, err_msg=about
        )


def test_one_delta_for_all_tokens_only_widens(
    answered: Callable[[list[ts.Reported]], Answers],
) -> None:
    draw = np.random.default_rng(6)
    cases = [reported(draw, rounded=True) for _ in range(CASES)]
    assert all(len({*one.reported.delta}) > 1 for one in cases if len(one.places) > 7)
    answers = answered([one.reported for one in cases])
    for at, (one, temperature, answer) in enumerate(answers):
        _, log_p, places = cases[at // len(TEMPERATURES)]
        if temperature == 0 and not np.all(np.diff(log_p)):
            continue  # whether tokens tie is lost where they are rounded
        logits = log_p * one.applied_temperature
        p = ts.softmax(logits, temperature)
        truth = [ts.entropy(logits, temperature), np.delete(p, places).sum(), *p[places]]
        low, high = np.where(answer < 0, np.inf, answer).reshape(-1, 2).T
        about = (
            f"{one.logprobs.tolist()}, {one.delta}, {one!r}, drawn {one.drawn}, T = {temperature}"
        )
        np.testing.assert_array_less(low * (1 - 1e-12), np.add(truth, 1e-12), err_msg=about)
        np.testing.assert_array_less(truth, high * (1 + 1e-12) + 1e-12, err_msg=about)


def tied(draw: np.random.Generator) -> Case:
    """Draw a row whose likeliest tokens tie, some of them in the tail, maybe with one far below."""
    count = int(draw.integers(2, 60))
    row = np.full(count, draw.normal())
    if has_last := draw.random() < 0.5:
        row = np.append(row, row[0] - draw.exponential(3) - 0.01)
    log_p = ts.log_softmax(row)
    places = list(range(int(draw.integers(1, count))))
    drawn = -1
    if has_last and draw.random() < 0.5:
        drawn = len(places)
        places.append(count)
    found = ts.Reported(
        log_p[places],
        vocabulary=row.size if draw.random() < 0.8 else None,
        applied_temperature=float(draw.choice([1.0, 0.7, 1.5])),
        drawn=drawn,
    )
    return Case(found, log_p, places)


def test_a_rounding_hides_no_token_that_ties_with_the_likeliest(
    answered: Callable[[list[ts.Reported]], Answers],
) -> None:
    draw = np.random.default_rng(7)
    cases = [tied(draw) for _ in range(CASES)]
    answers = answered([one.reported for one in cases])
    for at, (one, temperature, answer) in enumerate(answers):
        _, log_p, places = cases[at // len(TEMPERATURES)]
        # Of the log-probabilities at T0: a product with it might part what ties.
        p = ts.softmax(log_p, temperature / one.applied_temperature)
        truth = np.array(
            [
                ts.entropy(log_p, temperature / one.applied_temperature),
                np.delete(p, places).sum(),
                *p[places],
            ]
        )
        about = f"{one.logprobs.tolist()}, {one!r}, drawn {one.drawn}, T = {temperature}"
        for found in (intervals(one, temperature), np.where(answer < 0, np.inf, answer)):
            low, high = found.reshape(-1, 2).T
            np.testing.assert_array_less(low * (1 - 1e-12), truth + 1e-12, err_msg=about)
            np.testing.assert_array_less(truth, high * (1 + 1e-12) + 1e-12, err_msg=about)
