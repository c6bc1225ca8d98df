"""Make the vectors that pytest and vitest share, from mpmath alone: nothing here is ours.

``python tests/vectors/make.py`` writes softmax.json (whole rows) and masks.json (rows with
masked lanes, which only Python has). A test runs it again and compares.

Each case is {"name", "logits", "temperature", "softmax", "log_softmax", "entropy"}, and "where"
in masks.json; numbers are doubles that round-trip, "inf", "-inf" or "nan". The logits and the
temperature are exact; the results are rounded once, to the nearest double.
"""

from __future__ import annotations

import json
import math
import random
from pathlib import Path
from typing import TYPE_CHECKING

from mpmath import mp, mpf

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# exp(-2000 digits) has to be told from 0 beside 1 for log1p of the confident lane.
mp.prec = 4000

TEMPERATURES = (0.01, 0.1, 0.5, 1.0, 1.7358, 3.0, 100.0, 1e4)
INF, NAN = math.inf, math.nan

Row = list[float]
Answer = tuple[Row, Row, float]
Case = dict[str, object]


def exact(logits: Row, temperature: float, where: list[bool]) -> Answer:
    """The definition, rule by rule in the order of its table."""
    size = len(logits)
    open_ = [i for i in range(size) if where[i]]
    if not open_:
        return [0.0] * size, [-INF] * size, 0.0
    if any(math.isnan(logits[i]) for i in open_):
        return undefined(where)
    top = max(logits[i] for i in open_)
    if top == -INF:
        return undefined(where)
    if top == INF or temperature == 0:
        return shared({i for i in open_ if logits[i] == top}, size)
    finite = [i for i in open_ if logits[i] > -INF]
    if temperature == INF:
        return shared(set(finite), size)
    quotient = {i: (mpf(logits[i]) - mpf(top)) / mpf(temperature) for i in finite}
    weight = {i: mp.exp(quotient[i]) for i in finite}
    total = mp.fsum(weight.values())
    log_total = mp.log(total)
    probability = [0.0] * size
    log_probability = [-INF] * size
    for i in finite:
        probability[i] = float(weight[i] / total)
        log_probability[i] = float(quotient[i] - log_total)
    entropy = log_total - mp.fsum(weight[i] * quotient[i] for i in finite) / total
    return probability, log_probability, float(entropy)


def undefined(where: list[bool]) -> Answer:
    return [NAN if w else 0.0 for w in where], [NAN if w else -INF for w in where], NAN


def shared(winners: set[int], size: int) -> Answer:
    share = mpf(1) / len(winners)
    return (
        [float(share) if i in winners else 0.0 for i in range(size)],
        [float(mp.log(share)) if i in winners else -INF for i in range(size)],
        float(-mp.log(share)),
    )


def number(value: float) -> float | str:
    if math.isnan(value):
        return "nan"
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    return value


def case(name: str, logits: Row, temperature: float, where: list[bool] | None = None) -> Case:
    probability, log_probability, entropy = exact(
        logits, temperature, where or [True] * len(logits)
    )
    made = {
        "name": f"{name}, T = {temperature:g}",
        "logits": [number(z) for z in logits],
        "temperature": number(temperature),
        "softmax": [number(p) for p in probability],
        "log_softmax": [number(p) for p in log_probability],
        "entropy": number(entropy),
    }
    return made | ({"where": where} if where else {})


def rows() -> Iterator[Case]:
    draw = random.Random(20)  # noqa: S311
    huge, tiny = 1.7976931348623157e308, 5e-324
    ordinary = {
        "the lesson's range": [draw.random() for _ in range(5)],
        "two items": [0.3, 0.7],
        "one item": [-3.25],
        "normal draws": [draw.gauss(0, 5) for _ in range(40)],
        "a wide spread": [draw.uniform(-1000, 1000) for _ in range(40)],
        "a large common offset": [1e8 + draw.random() for _ in range(20)],
        "a large offset of mixed signs": [draw.choice((-1, 1)) * 1e5 + i / 7 for i in range(20)],
        "near ties": [1.0 + i * 2.220446049250313e-16 for i in range(12)],
        "ties": [2.0, 1.0, 2.0, 0.5, 2.0],
        "one dominant lane": [60.0] + [draw.gauss(0, 1) for _ in range(60)],
        "a confident lane": [500.0, 0.1, 0.2],
        "many lanes": [draw.gauss(0, 3) for _ in range(2000)],
        "lanes without weight": [1.5, -INF, 0.25, -INF, 1.0],
    }
    for name, logits in ordinary.items():
        for temperature in (0.0, *TEMPERATURES, INF):
            # The long row is there for its sum; a few temperatures show it.
            if len(logits) < 100 or temperature in (0.1, 1.0, 100.0):
                yield case(name, logits, temperature)
    # Found by attack: definition.ts was off by 3 to 4 doubles here.
    yield case("five entries", [1.81, 2.92, 1.59, -0.604, 2.35], 0.12)
    offset = [91181.841, 91190.2095, 91182.8913, 91190.981]
    offset += [91190.1803, 91187.1076, 91184.0894, 91186.7728]
    yield case("eight entries with an offset", offset, 1.3)
    dominated = [13.0, 8.906, 0.7339, 8.946, 3.931, 10.23, 9.162, 2.057]
    yield case("one entry far above seven", dominated, 0.65)
    yield case("two values", [1.96] * 34 + [0.848] * 8, 0.18)
    yield case("evenly spaced entries", [round(-0.0026 * i, 4) for i in range(128)], 0.59)
    # z - max rounds in the same way for 800 entries, which exp multiplies by z / T = 5.8.
    yield case("differences that round alike", [2.0**53] + [-0.91] * 800, 1.54e15)
    for temperature in (0.0, tiny, 1e-300, 0.01, 1.0, 1e4, 1e300, huge, INF):
        yield case("plus infinity wins", [1.0, INF, 0.0, INF], temperature)
        yield case("all minus infinity", [-INF, -INF], temperature)
        yield case("a NaN", [1.0, NAN, 2.0], temperature)
        yield case("a NaN beside plus infinity", [INF, NAN, 2.0], temperature)
        yield case("both infinities", [INF, -INF, 0.0], temperature)
        yield case("the whole range of doubles", [huge, -huge, 0.0, huge / 2], temperature)
        yield case("the largest doubles", [huge, huge, -huge], temperature)
        yield case("the smallest doubles", [tiny, 0.0, -tiny, 3 * tiny], temperature)
        yield case("zeros of both signs", [0.0, -0.0], temperature)
        yield case("integers", [3.0, 1.0, 2.0], temperature)


def masks() -> Iterator[Case]:
    for temperature in (0.0, 0.5, 1.0, INF):
        yield case("a masked maximum", [9.0, 1.0, 2.0], temperature, [False, True, True])
        yield case("a masked NaN", [NAN, 1.0, 2.0], temperature, [False, True, True])
        yield case("masked infinities", [INF, 1.0, -INF], temperature, [False, True, False])
        yield case("all masked", [INF, NAN, 2.0], temperature, [False, False, False])
        yield case("an unmasked NaN", [NAN, 1.0, 2.0], temperature, [True, True, False])
        yield case("only -inf unmasked", [-INF, 1.0, -INF], temperature, [True, False, True])
        yield case("one lane unmasked", [-5.0, 1.0, 7.0], temperature, [True, False, False])


def render(cases: Iterable[Case]) -> str:
    return "[\n" + ",\n".join(json.dumps(made, allow_nan=False) for made in cases) + "\n]\n"


def files() -> dict[str, str]:
    return {"softmax.json": render(rows()), "masks.json": render(masks())}


if __name__ == "__main__":
    for name, text in files().items():
        Path(__file__).with_name(name).write_text(text, encoding="utf-8")
