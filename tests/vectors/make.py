# ruff: noqa: RUF001 - a true minus
"""Make the vectors that pytest and vitest share, from mpmath alone, without this package.

``python tests/vectors/make.py`` writes softmax.json (whole rows), masks.json (rows with
masked entries, which only Python has), texts.json (numbers and labels as text), joined.json
(tokens as whole characters), shown.json (which entries are shown, in which order), states.json
(the written form of a state), rows.json (what a page asks of its rows, and the answers),
stops.json (the temperatures of its sliders), truncation.json (which entries a sampler keeps),
random.json (random logits by their seed), solve.json (the temperature that gives a wanted
value), reported.json (the intervals of what a server reported), links.json (states as links) and
activities.json (what is an activity, and which part is to blame in what is none). A test runs it
again and compares.

Each case of the first two is {"name", "logits", "temperature", "softmax", "log_softmax",
"entropy"}, and "where" in masks.json; numbers are doubles that round-trip, "inf", "-inf" or
"nan". The logits and the temperature are exact; the results are rounded once, to the nearest
double.
"""

from __future__ import annotations

import base64
import json
import math
import random
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mpmath import mp, mpf

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

# exp(-2000 digits) has to be told from 0 beside 1 for log1p of the confident entry.
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
    p = mpf(1) / len(winners)
    return (
        [float(p) if i in winners else 0.0 for i in range(size)],
        [float(mp.log(p)) if i in winners else -INF for i in range(size)],
        float(-mp.log(p)),
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
        "one dominant entry": [60.0] + [draw.gauss(0, 1) for _ in range(60)],
        "a confident entry": [500.0, 0.1, 0.2],
        "many entries": [draw.gauss(0, 3) for _ in range(2000)],
        "entries of -inf": [1.5, -INF, 0.25, -INF, 1.0],
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
        yield case("one entry unmasked", [-5.0, 1.0, 7.0], temperature, [True, False, False])


# Expected texts, worked out by hand from the rules of each function.
TEXTS: dict[str, list[tuple[list[object], str]]] = {
    "percent": [
        ([0.0], "0 %"),
        ([0.0, False], "< 1e−321 %"),
        ([1.0], "100 %"),
        ([1.0, False], "> 99.99 %"),
        ([NAN], "NaN"),
        ([5e-324], "4.9e−322 %"),
        ([1.2e-9], "1.2e−7 %"),
        ([0.0000123], "0.00123 %"),
        ([0.00984], "0.984 %"),
        ([0.00999999], "1.00 %"),
        ([0.5], "50.00 %"),
        # Halves go up: 1/32 is 3.125 %, 3/32 is 9.375 %, 1/2048 is 0.048828125 %.
        ([1 / 32], "3.13 %"),
        ([3 / 32], "9.38 %"),
        ([1 / 2048], "0.0488 %"),
        ([0.9999], "99.99 %"),
        ([0.99991], "> 99.99 %"),
        ([1 - 2**-53], "> 99.99 %"),
    ],
    "digits": [
        ([0.0], "0"),
        ([1.0], "1"),
        ([3.0, 6], "3"),
        ([0.25], "0.2500000000"),
        ([0.25, 6], "0.250000"),
        ([0.1578424561], "0.1578424561"),
        ([0.00012345678912], "1.234567891e-4"),
        ([0.00012345678912, 6], "1.23457e-4"),
        ([5e-324, 6], "4.94066e-324"),
        ([0.9999996, 6], "0.9999996"),
        ([1 - 2**-53], "0.9999999999999999"),
        ([1.0000000000001], "1.0000000000001"),
        ([0.0009765625, 4], "9.766e-4"),
        ([1234567.5, 6], "1.23457e+6"),
        ([NAN], "NaN"),
        ([INF], "inf"),
    ],
    "plain": [
        ([0.0], "0"),
        ([-0.0], "0"),
        ([2.0], "2"),
        ([-135.9131622314453], "-135.9131622"),
        ([0.1 + 0.2], "0.3"),
        ([1e-6], "0.000001"),
        ([1e-7], "1e-7"),
        ([1e20], "100000000000000000000"),
        ([1e21], "1e+21"),
        ([1234567.5, 6], "1234570"),
        ([2.5, 1], "3"),
        ([-2.5, 1], "-3"),
        ([5e-324], "5e-324"),
        ([1.79769e308, 4], "1.79769e+308"),
        # Rounded up, it would say inf.
        ([1.7976931348623157e308], "1.7976931348623157e+308"),
        ([INF], "inf"),
        ([-INF], "-inf"),
        ([NAN], "NaN"),
    ],
    "step": [
        (["temperature"], "temperature"),
        (["top_k"], "top-k"),
        (["top_p"], "top-p"),
        (["min_p"], "min-p"),
        (["typical_p"], "typical-p"),
        (["epsilon"], "epsilon"),
        (["eta"], "eta"),
        (["top_n_sigma"], "top-nσ"),
    ],
    "brief": [
        ([0.1 + 0.2], "0.3"),
        ([-12345.0], "−12350"),
        ([0.5], "0.5"),
        ([1e-9], "1e−9"),
        ([INF], "∞"),
        ([-INF], "−∞"),
        ([NAN], "NaN"),
    ],
    "measure": [
        ([0.0], "0"),
        ([-0.0], "0"),
        ([1.0], "1.0000"),
        ([4.93331], "4.9333"),
        ([0.03125], "0.031250"),
        # Halves go up.
        ([1.03125], "1.0313"),
        ([1.09375], "1.0938"),
        ([0.0012345], "0.0012345"),
        ([0.00098765], "9.877e−4"),
        ([2.7e-32], "2.700e−32"),
        ([9999.96], "10000"),
        ([12345.25], "12,345.3"),
        ([50257.0], "50,257"),
        ([50257.04], "50,257"),
        ([262143.96], "262,144"),
        ([-1.5], "−1.5000"),
        ([1e9], "1.000e+9"),
        ([INF], "∞"),
        ([NAN], "NaN"),
    ],
    "printable": [
        (["cat"], "cat"),
        ([" cat "], " cat "),
        ([""], ""),
        (["a\nb\r\t"], "a\\nb\\r\\t"),
        (["\x00\x1b]0;\x7f\x85"], "\\x00\\x1b]0;\\x7f\\x85"),
        (["a\u202eb\u2028\u00ad\ufeff"], "a\\u202eb\\u2028\\xad\\ufeff"),
        (["x\U000e0041y"], "x\\U000e0041y"),
        # Joiners and variation selectors hold emoji and scripts together.
        (["\U0001f468\u200d\U0001f469 \u2764\ufe0f"], "\U0001f468\u200d\U0001f469 \u2764\ufe0f"),
        (["שלום 日本語"], "שלום 日本語"),
    ],
}

# By Unicode: control characters, separators of lines and paragraphs, surrogates, and what is
# default ignorable, but for joiners and variation selectors.
INVISIBLE = [
    *((0x00, 0x1F), (0x7F, 0x9F), (0xAD, 0xAD), (0x34F, 0x34F), (0x61C, 0x61C)),
    *((0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F), (0x200B, 0x200B)),
    *((0x200E, 0x200F), (0x2028, 0x202E), (0x2060, 0x206F), (0x3164, 0x3164)),
    *((0xD800, 0xDFFF), (0xFEFF, 0xFEFF), (0xFFA0, 0xFFA0), (0xFFF0, 0xFFF8)),
    *((0x1BCA0, 0x1BCA3), (0x1D173, 0x1D17A), (0xE0000, 0xE0FFF)),
]


def texts() -> Iterator[Case]:
    for function, cases in TEXTS.items():
        for arguments, text in cases:
            written = [number(a) if isinstance(a, float) else a for a in arguments]
            yield {"function": function, "arguments": written, "text": text}
    yield {"function": "invisible", "ranges": INVISIBLE}


# Name, tokens as (text, bytes), pieces as (number of tokens, text).
Tokens = list[tuple[str, bytes | None]]
JOINED: list[tuple[str, Tokens, list[tuple[int, str]]]] = [
    ("whole", [("Hi", b"Hi"), (" é", " é".encode())], [(1, "Hi"), (1, " é")]),
    ("without bytes", [("Hi", None), ("�", None)], [(1, "Hi"), (1, "�")]),
    ("two halves", [("�", b"\xc3"), ("�", b"\xa9")], [(2, "é")]),
    (
        "four quarters, the text before with the first",
        [("�", b"a\xf0"), ("�", b"\x9f"), ("�", b"\x99"), ("�", b"\x82"), ("b", b"b")],
        [(4, "a🙂"), (1, "b")],
    ),
    (
        "each ends in the next",
        [("�", b"\xe2\x82"), ("�", b"\xac\xc3"), ("�", b"\xa9!"), ("x", b"x")],
        [(3, "€é!"), (1, "x")],
    ),
    ("cut by the end", [("�", b"a\xf0\x9f")], [(1, "a\\xf0\\x9f")]),
    ("cut by a letter", [("�", b"\xf0\x9f"), ("a", b"a")], [(1, "\\xf0\\x9f"), (1, "a")]),
    (
        "cut by the start of another",
        [("�", b"\xe2"), ("�", b"\xc3"), ("�", b"\xa9")],
        [(1, "\\xe2"), (2, "é")],
    ),
    (
        "cut by a token without bytes",
        [("�", b"\xe2"), ("</s>", None)],
        [(1, "\\xe2"), (1, "</s>")],
    ),
    ("a second half alone", [("�", b"\xa9"), ("a", b"a")], [(1, "\\xa9"), (1, "a")]),
    (
        "bytes of no character",
        [("�", b"\xff"), ("�", b"\xc0\xafz")],
        [(1, "\\xff"), (1, "\\xc0\\xafz")],
    ),
    ("overlong", [("�", b"\xe0"), ("�", b"\x80\x80")], [(2, "\\xe0\\x80\\x80")]),
    (
        "a mark of byte order stays",
        [("\ufeff", b"\xef\xbb\xbf"), ("a", b"a")],
        [(1, "\ufeff"), (1, "a")],
    ),
    ("empty", [("", None), ("", b""), ("a", b"a")], [(1, ""), (1, ""), (1, "a")]),
    ("no tokens", [], []),
]


def joined() -> Iterator[Case]:
    for name, tokens, pieces in JOINED:
        written = [[text, None if data is None else list(data)] for text, data in tokens]
        yield {"name": name, "tokens": written, "pieces": pieces}


def shown() -> Iterator[Case]:
    """Few entries as given, many by their logits; what is exactly 0 or 1, and what is not."""
    none, all_but = "< 1e−321 %", "> 99.99 %"
    few: list[tuple[str, Row, float, list[str]]] = [
        ("underflow", [2.0, -1000.0, 2.0], 1.0, ["50.00 %", none, "50.00 %"]),
        ("next to certain", [0.0, -1000.0], 1.0, [all_but, none]),
        ("certain at T = 0", [0.0, -1000.0], 0.0, ["100 %", "0 %"]),
        ("nothing beside -inf", [0.0, -INF], 1.0, ["100 %", "0 %"]),
        ("infinities share", [INF, 0.0, INF], 1.0, ["50.00 %", "0 %", "50.00 %"]),
        ("uniform", [1.0, 2.0, -INF], INF, ["50.00 %", "50.00 %", "0 %"]),
        ("a NaN", [1.0, NAN], 1.0, ["NaN", "NaN"]),
        ("one entry", [3.0], 1.0, ["100 %"]),
        ("fifty entries", [0.0] * 50, 1.0, ["2.00 %"] * 50),
    ]
    for name, logits, temperature, percents in few:
        yield {
            "name": name,
            "logits": [number(z) for z in logits],
            "temperature": number(temperature),
            "order": list(range(len(logits))),
            "percents": percents,
            "rest": {},
        }
    mixed = [float(i % 7) for i in range(55)] + [INF, NAN, -0.0, 0.0, -INF, NAN, -1.5]
    many: list[tuple[str, Row, float, str, str, list[str]]] = [
        ("ties", [0.0] * 60, 1.0, "75.00 %", "66.67 %", ["1.67 %"] * 60),
        ("one of many", [-1000.0] * 59 + [0.0], 1.0, none, none, [all_but] + [none] * 59),
        ("one of many, T = 0", [-1.0] * 59 + [0.0], 0.0, "0 %", "0 %", ["100 %"] + ["0 %"] * 59),
        ("NaN first, zeros tie", mixed, 1.0, "NaN", "NaN", ["NaN"] * 62),
        (
            "infinity wins",
            [INF, *map(float, range(59))],
            1.0,
            "0 %",
            "0 %",
            ["100 %"] + ["0 %"] * 59,
        ),
    ]
    for name, logits, temperature, after_15, after_20, percents in many:
        ranks = [(not math.isnan(z), 0.0 if math.isnan(z) else -z) for z in logits]
        yield {
            "name": name,
            "logits": [number(z) for z in logits],
            "temperature": number(temperature),
            "order": sorted(range(len(logits)), key=ranks.__getitem__),
            "percents": percents,
            "rest": {"15": after_15, "20": after_20},
        }


def written_state(logits: Row, **parts: object) -> Case:
    packed = base64.b64encode(struct.pack(f"<{len(logits)}d", *logits)).decode("ascii")
    whole = {"version": 1, "logits": packed, "labels": None, "temperature": 1.0, "source": None}
    return whole | parts


def states() -> Iterator[Case]:
    cases: list[tuple[str, Row, Case]] = [
        ("random logits", [0.25, 0.5, 0.125], {}),
        ("every kind of number", [INF, -INF, NAN, -0.0, 5e-324, 1.7e308], {"temperature": 0.5}),
        ("both ends: 0", [1.0], {"temperature": 0.0, "source": "given"}),
        ("both ends: inf", [1.0], {"temperature": INF, "source": "given"}),
        ("any label", [1.0, 2.0], {"labels": ["</script>", "\u202e\u0000\U0001f600 "]}),
        ("a row", [1.0, 2.0], {"source": "many.npy", "row": 7, "target": 1}),
        ("the logits of a seed", uniform(2**53 - 1, 3), {"seed": 2**53 - 1}),
        (
            "a tail",
            [-0.5, -1.5],
            {
                "tail": {
                    "mass": 0.17,
                    "cap": -1.5,
                    "count": 50255,
                    "temperature": 0.7,
                    "delta": 1e-6,
                }
            },
        ),
        (
            "a tail of an unknown vocabulary",
            [-0.5],
            {"tail": {"mass": 0.39, "cap": -0.5, "count": None, "temperature": 1.0, "delta": 0.0}},
        ),
        ("a sampler", [1.0], {"truncation": {"top_k": 40, "min_p": 0.05, "engine": "vllm"}}),
        ("an order", [1.0], {"truncation": {"top_p": 0.9, "order": ["top_p", "temperature"]}}),
        ("the other scale", [1.0], {"scale": "0-2"}),
    ]
    for name, logits, parts in cases:
        sent = {part: number(v) if isinstance(v, float) else v for part, v in parts.items()}
        state = {"labels": None, "temperature": 1.0, "source": None}
        state |= dict.fromkeys(("row", "target", "seed", "tail"))
        state |= {"truncation": {}, "scale": "full"}
        yield {
            "name": name,
            "state": {"logits": [number(z) for z in logits], **state, **sent},
            "written": written_state(logits, **sent),
        }


# How a sampler truncates, worked out by hand from the sources that engines.py names.
LLAMAS = ("llama.cpp", "ollama")
# Those with the temperature first, or before all that it could change.
FIRST = ("transformers", "vllm", "sglang", "ollama<0.30")
ALL = (*FIRST, "mlx-lm", *LLAMAS)
# A rule without an engine, as its paper has it.
RULE = (None,)
LN2 = math.log(2)
# Probabilities 1/2, 1/4, 1/8, 1/16, 1/16 at T = 1. At T = 2 they are as 2.83 : 2 : 1.41 : 1 : 1,
# which is .343, .243, .172, .121, .121.
HALVES = [4 * LN2, 3 * LN2, 2 * LN2, LN2, LN2]
TIED = [2.0, 1.0, 1.0, 0.0]
EQUAL = [0.0, 0.0, 0.0, 0.0]


def without(*engines: str) -> tuple[str, ...]:
    return tuple(engine for engine in ALL if engine not in engines)


KEPT: list[tuple[tuple[str | None, ...], Row, float, Case, list[int]]] = [
    # Ties stay together.
    (RULE, TIED, 1, {"top_k": 2}, [0, 1, 2]),
    (RULE, EQUAL, 1, {"top_p": 0.25}, [0, 1, 2, 3]),
    (RULE, EQUAL, 1, {"typical_p": 0.25}, [0, 1, 2, 3]),
    (RULE, EQUAL, 1, {"top_n_sigma": 0}, [0, 1, 2, 3]),
    # The ends of the parameters.
    (RULE, HALVES, 1, {"top_p": 0}, [0]),
    (RULE, [0.0, -800.0], 1, {"top_p": 1}, [0, 1]),
    (RULE, [0.0, -800.0], 1, {"min_p": 0}, [0, 1]),
    (RULE, [0.0, -800.0], 1, {"typical_p": 1}, [0, 1]),
    (RULE, HALVES, 1, {"epsilon": 0}, [0, 1, 2, 3, 4]),
    (RULE, HALVES, 1, {"epsilon": 1}, [0]),
    (RULE, HALVES, 1, {"eta": 0}, [0, 1, 2, 3, 4]),
    (RULE, TIED, 1, {"top_n_sigma": 0}, [0]),
    # T = 0: an entry of probability 0 is beyond every sum but 1.
    (RULE, [1.0, 3.0, 3.0], 0, {"top_p": 0.9}, [1, 2]),
    (RULE, [1.0, 3.0, 3.0], 0, {"typical_p": 0.9}, [1, 2]),
    (RULE, [1.0, 3.0, 3.0], 0, {"min_p": 1e-300}, [1, 2]),
    (RULE, [1.0, 3.0, 3.0], 0, {"epsilon": 0.1}, [1, 2]),
    (RULE, [1.0, 3.0, 3.0], 0, {"top_k": 3}, [0, 1, 2]),
    # T = inf: all probabilities are equal, and the order is still that of the logits.
    (RULE, [1.0, 3.0, 2.0, 0.0], INF, {"top_p": 0.5}, [1, 2]),
    (RULE, [1.0, 3.0, 2.0], INF, {"min_p": 1}, [0, 1, 2]),
    (RULE, [1.0, 3.0, 2.0], INF, {"typical_p": 0.1}, [0, 1, 2]),
    # Infinite logits.
    (RULE, [-INF, 1.0, 0.0], 1, {"top_k": 3}, [1, 2]),
    (RULE, [INF, INF, 0.0], 1, {"top_p": 0.9}, [0, 1]),
    (RULE, [INF, 5.0, 0.0], 1, {"top_n_sigma": 3}, [0]),
    (RULE, [INF, INF, 0.0, -INF], 1, {"typical_p": 0.9}, [0, 1]),
    # Differences and squares that overflow.
    (RULE, [1e308, -1e308, -1e308], 1, {"top_n_sigma": 1}, [0]),
    (RULE, [1e308, 0.9e308, -1e308], 1, {"top_n_sigma": 1}, [0, 1]),
    (RULE, [1e-320, 0.0, 0.0], 1, {"top_n_sigma": 1}, [0]),
    (RULE, [1e308, -1e308], 1e308, {"top_p": 0.9}, [0, 1]),
    # No distribution: all entries that are not masked, so that the row stays NaN.
    (RULE, [NAN, 1.0, 2.0], 1, {"top_k": 1}, [0, 1, 2]),
    (RULE, [-INF, -INF], 1, {"top_p": 0.5}, [0, 1]),
    (RULE, [-INF, -INF], 1, {"top_n_sigma": 1}, [0, 1]),
    # top_k. transformers and vLLM drop what is below the k-th value, so what equals it stays; in
    # SGLang what has fewer than k above it.
    (("transformers", "vllm", "sglang"), TIED, 1, {"top_k": 2}, [0, 1, 2]),
    # llama.cpp resizes its sorted candidates to k, ollama's heap has room for k, mlx-lm partitions.
    (("mlx-lm", *LLAMAS, "ollama<0.30"), TIED, 1, {"top_k": 2}, [0, 1]),
    (ALL, TIED, 1, {"top_k": 1}, [0]),
    # k beyond the vocabulary: transformers and llama.cpp take the minimum, vLLM and ollama skip it.
    (ALL, TIED, 1, {"top_k": 9}, [0, 1, 2, 3]),
    # 0 makes no TopKLogitsWarper; the others skip k <= 0, vLLM down to -1.
    (without("sglang"), TIED, 1, {"top_k": 0}, [0, 1, 2, 3]),
    (without("transformers"), TIED, 1, {"top_k": -1}, [0, 1, 2, 3]),
    (("mlx-lm", *LLAMAS, "ollama<0.30"), TIED, 1, {"top_k": -7}, [0, 1, 2, 3]),
    # top_p. Sums .5, .75, .875: the entry that crosses .8 is the third, and it stays.
    (ALL, HALVES, 1, {"top_p": 0.8}, [0, 1, 2]),
    (ALL, HALVES, 1, {"top_p": 0.4}, [0]),
    # Each entry is exactly 1/4. transformers and vLLM drop, from below, while the sum is <= 1 - p;
    # llama.cpp stops at a sum >= p; ollama only at a sum > p, which is one entry on.
    (("transformers", "vllm", "mlx-lm", *LLAMAS), EQUAL, 1, {"top_p": 0.5}, [0, 1]),
    # In SGLang none has a sum above it: all stay.
    (("sglang",), EQUAL, 1, {"top_p": 0.5}, [0, 1, 2, 3]),
    (("ollama<0.30",), EQUAL, 1, {"top_p": 0.5}, [0, 1, 2]),
    (("transformers", "vllm", "mlx-lm", *LLAMAS), EQUAL, 1, {"top_p": 0.51}, [0, 1, 2]),
    # p = 0 leaves the first entry: min_tokens_to_keep, or the first sum is past it.
    (("transformers", *LLAMAS, "ollama<0.30"), HALVES, 1, {"top_p": 0}, [0]),
    # In mlx-lm it is off.
    (("mlx-lm",), HALVES, 1, {"top_p": 0}, [0, 1, 2, 3, 4]),
    (("vllm", "sglang", "mlx-lm"), HALVES, 1, {"top_p": 1e-9}, [0]),
    # p = 1 is off in all of them.
    (ALL, [0.0, -800.0, 0.0], 1, {"top_p": 1}, [0, 1, 2]),
    (ALL, TIED, 1, {"top_p": 1.0}, [0, 1, 2, 3]),
    # Normalised again after top_k: 8 : 4 : 2 is .571, .857, so that .8 is crossed at the second.
    (without("sglang", "mlx-lm"), HALVES, 1, {"top_k": 3, "top_p": 0.8}, [0, 1]),
    # SGLang looks at the whole row for both, mlx-lm has top_p first.
    (("sglang", "mlx-lm"), HALVES, 1, {"top_k": 3, "top_p": 0.8}, [0, 1, 2]),
    (("sglang",), HALVES, 1, {"top_k": 3, "top_p": 0.8, "min_p": 0}, [0, 1, 2]),
    # With a min_p, SGLang normalises again as well.
    (("sglang",), HALVES, 1, {"top_k": 3, "top_p": 0.8, "min_p": 0.01}, [0, 1]),
    # Temperature first: at T = 2 the sums are .343, .586, .757, and .7 needs three entries. Last:
    # the sums are .5, .75, and two will do.
    (FIRST, HALVES, 2, {"top_p": 0.7}, [0, 1, 2]),
    (("mlx-lm", *LLAMAS), HALVES, 2, {"top_p": 0.7}, [0, 1]),
    # min_p: ratios 1, .5, .25, .125 at T = 1, and 1, .71, .5, .35 at T = 2.
    (FIRST, HALVES, 2, {"min_p": 0.3}, [0, 1, 2, 3, 4]),
    (("mlx-lm", *LLAMAS), HALVES, 2, {"min_p": 0.3}, [0, 1]),
    (ALL, TIED, 1, {"min_p": 0}, [0, 1, 2, 3]),
    (ALL, [1.0, 2.0, 2.0], 1, {"min_p": 1}, [1, 2]),
    # vLLM has min_p first: it leaves 8 : 4 : 2, and .8 of that is crossed at the second entry. The
    # others have top_p first: .875 is crossed at the third, and min_p has nothing left to do.
    (("vllm",), HALVES, 1, {"min_p": 0.2, "top_p": 0.8}, [0, 1]),
    (without("vllm"), HALVES, 1, {"min_p": 0.2, "top_p": 0.8}, [0, 1, 2]),
    # typical_p: the entropy is 1.875 ln 2, so that the distances in ln 2 are .875, .125, 1.125,
    # 2.125, 2.125: the second entry is first, then the first.
    (("transformers", *LLAMAS), HALVES, 1, {"typical_p": 0.2}, [1]),
    (("transformers", *LLAMAS), HALVES, 1, {"typical_p": 0.6}, [0, 1]),
    (("transformers", *LLAMAS), HALVES, 1, {"typical_p": 1}, [0, 1, 2, 3, 4]),
    # Normalised again after top_k. 8 : 4 : 2 has the entropy .956 and surprises of .560, 1.253,
    # 1.946: the second is nearest. 8 : 4 has .637, and .405, 1.099: the first is.
    (("transformers", *LLAMAS), HALVES, 1, {"top_k": 3, "typical_p": 0.2}, [1]),
    (("transformers", *LLAMAS), HALVES, 1, {"top_k": 3, "typical_p": 0.6}, [0, 1]),
    (("transformers", *LLAMAS), HALVES, 1, {"top_k": 2, "typical_p": 0.2}, [0]),
    # All are at distance 0: transformers keeps what is not beyond the last, llama.cpp stops where
    # the sum is > .5, at the third.
    (("transformers",), EQUAL, 1, {"typical_p": 0.5}, [0, 1, 2, 3]),
    (LLAMAS, EQUAL, 1, {"typical_p": 0.5}, [0, 1, 2]),
    (LLAMAS, HALVES, 1, {"typical_p": 0}, [1]),
    # transformers has top_p first, and only the first entry is left; llama.cpp has typical_p first.
    (("transformers",), HALVES, 1, {"typical_p": 0.2, "top_p": 0.4}, [0]),
    (LLAMAS, HALVES, 1, {"typical_p": 0.2, "top_p": 0.4}, [1]),
    # epsilon, eta: exp(-1.875 ln 2) = .273; eta = .2 is the lesser of .2 and .447 * .273 = .122.
    (("transformers",), HALVES, 1, {"epsilon": 0.2}, [0, 1]),
    (("transformers",), HALVES, 1, {"epsilon": 0.9}, [0]),
    (("transformers",), HALVES, 1, {"eta": 0.2}, [0, 1, 2]),
    # .9, .06, .04 have the entropy .393, and .05 is the lesser of .05 and .224 * .675 = .151.
    (("transformers",), [math.log(p) for p in (0.9, 0.06, 0.04)], 1, {"eta": 0.05}, [0, 1]),
    # .2 and eight times .1 have the entropy 2.164: the eight are nearer, and .5 is reached among
    # them. Each is then .125, below the cutoff, but none is above another.
    (("transformers",), [LN2, *[0.0] * 8], 1, {"typical_p": 0.5, "epsilon": 0.2}, [*range(1, 9)]),
    # top_n_sigma: the mean is 1.5, sigma sqrt(2.75) = 1.658: 4 - 1.6 sigma = 1.35.
    (("llama.cpp",), [4.0, 2.0, 0.0, 0.0], 1, {"top_n_sigma": 1.6}, [0, 1]),
    (("llama.cpp",), [4.0, 2.0, 0.0, 0.0], 3, {"top_n_sigma": 1.6}, [0, 1]),
    (("llama.cpp",), [4.0, 2.0, 0.0, 0.0], 1, {"top_n_sigma": 1}, [0]),
    # It is first: of the two that top_k leaves, sigma would be 1 and the second out at 2.4.
    (("llama.cpp",), [4.0, 2.0, 0.0, 0.0], 1, {"top_n_sigma": 1.6, "top_k": 2}, [0, 1]),
    # An entry at -inf is no part of mean and sigma, which are 3 and 1: 4 - 1.5 = 2.5.
    (("llama.cpp",), [4.0, 2.0, -INF], 1, {"top_n_sigma": 1.5}, [0]),
    (("llama.cpp",), TIED, 1, {"top_n_sigma": 0}, [0, 1, 2, 3]),
    (("llama.cpp",), TIED, 1, {"top_n_sigma": -1}, [0, 1, 2, 3]),
    # T = 0 is greedy: the first entry of the maximum, as argmax and llama.cpp's loop with >.
    (ALL, [1.0, 3.0, 3.0], 0, {}, [1]),
    (ALL, [1.0, 3.0, 3.0], 0, {"top_k": 3, "top_p": 0.9, "min_p": 0.1}, [1]),
    # transformers does not truncate then (do_sample=False makes no warpers). llama.cpp does, first:
    # only the second entry is left.
    (("transformers",), HALVES, 0, {"typical_p": 0.2}, [0]),
    (LLAMAS, HALVES, 0, {"typical_p": 0.2}, [1]),
    # T = inf: no source has it; the limit, uniform over what is kept.
    (ALL, [3.0, 1.0, 2.0], INF, {"top_k": 2}, [0, 2]),
    # One entry.
    (ALL, [5.0], 1, {"top_k": 1, "top_p": 0.1, "min_p": 0.9}, [0]),
    (("llama.cpp",), [5.0], 0, {"top_n_sigma": 1, "typical_p": 0.5}, [0]),
    (("transformers",), [5.0], 3, {"typical_p": 0.5, "epsilon": 0.5, "eta": 0.5}, [0]),
    # The rule for ties has a name.
    (("vllm",), TIED, 1, {"top_k": 2, "ties": "all"}, [0, 1, 2]),
    (("vllm",), TIED, 1, {"top_k": 2, "ties": "k"}, [0, 1]),
    (RULE, TIED, 1, {"top_k": 2, "ties": "all"}, [0, 1, 2]),
    (RULE, TIED, 1, {"top_k": 2, "ties": "k"}, [0, 1]),
    (("llama.cpp",), TIED, 1, {"top_k": 2, "ties": "k"}, [0, 1]),
    # The order: a step sees the temperature that is set before it.
    (RULE, HALVES, 2, {"top_p": 0.7, "order": ["top_p", "temperature"]}, [0, 1]),
    (RULE, HALVES, 2, {"top_p": 0.7, "order": ["temperature", "top_p"]}, [0, 1, 2]),
    # 8 : 4 : 2 after top_k; in another order than its own SGLang does one step after another.
    (RULE, HALVES, 1, {"top_k": 3, "top_p": 0.8, "order": ["top_p", "top_k"]}, [0, 1, 2]),
    (RULE, HALVES, 1, {"top_k": 3, "top_p": 0.8, "order": ["top_k", "top_p"]}, [0, 1]),
    (("sglang",), HALVES, 1, {"top_k": 3, "top_p": 0.8, "order": ["top_k", "top_p"]}, [0, 1]),
    # Twenty-four of .025 are nearer to the entropy, 3.14, than four of .1: with the first of these
    # they are .7 together. Of that, .143 and nine times .036 reach .45.
    (LLAMAS, [*[0.0] * 24, *[2 * LN2] * 4], 1, {"typical_p": 0.65}, [*range(25)]),
    (LLAMAS, [*[0.0] * 24, *[2 * LN2] * 4], 1, {"typical_p": 0.65, "top_p": 0.45}, [*range(9), 24]),
    (("transformers",), [*[0.0] * 24, *[2 * LN2] * 4], 1, {"typical_p": 0.65}, [*range(28)]),
    # The least temperature, which they have last: the quotients of all but the first are infinite.
    (LLAMAS, [*[0.0] * 24, *[2 * LN2] * 4], 5e-324, {"typical_p": 0.65}, [*range(25)]),
]
# An engine may take a low temperature as another one.
LOWEST = [
    ("vllm", 0.001, 0.01),
    ("vllm", 0.02, 0.02),
    ("ollama<0.30", 1e-9, 1e-7),
    ("sglang", 9e-7, 0.0),
    ("sglang", 1e-6, 1e-6),
    ("mlx-lm", 1e-9, 1e-9),
]


def truncations() -> Iterator[Case]:
    """Which entries are kept, with the probability they had before, and what is made of them."""
    cases = [
        (engine, logits, temperature, settings, kept, temperature)
        for engines, logits, temperature, settings, kept in KEPT
        for engine in engines
    ]
    for engine, temperature, counts_as in LOWEST:
        logits = [z * max(counts_as, 1e-9) for z in (1.0, 0.5, 0.0)]
        kept = [0, 1] if counts_as else [0]
        cases.append((engine, logits, temperature, {"top_k": 2}, kept, counts_as))
    for engine, logits, temperature, settings, kept, counts_as in cases:
        before, _, _ = exact(logits, counts_as, [True] * len(logits))
        after, _, entropy = exact(logits, counts_as, [i in kept for i in range(len(logits))])
        told = ", ".join(f"{name} {value}" for name, value in settings.items())
        yield {
            "name": f"{engine or 'no engine'}, {len(logits)} logits, T = {temperature:g}, {told}",
            "logits": [number(z) for z in logits],
            "temperature": number(temperature),
            "settings": {**({"engine": engine} if engine else {}), **settings},
            "kept": kept,
            "counts_as": number(counts_as),
            "mass": number(math.fsum(before[i] for i in kept)),
            "probabilities": [number(p) for p in after],
            "entropy": number(entropy),
        }


def row_protocol() -> Case:
    """Every question that a page can ask of six rows, two of them without a softmax."""
    logits = [
        [2.0, 1.0, 0.0],
        [0.0, 0.1, 0.2],
        [NAN, 9.0, 1.0],
        [0.0, 9.0, 1.0],
        [5.0, 0.0, 4.0],
        [-INF, -INF, -INF],
    ]
    targets, labels, source = [0, 2, 0, 0, 2, 1], ["cat", "dog", "eel"], "pets"
    answers = [exact(row, 1.0, [True] * 3) for row in logits]
    numbers = range(len(logits))

    def by_entropy(row: int) -> tuple[bool, float]:
        entropy = answers[row][2]
        return math.isnan(entropy), 0.0 if math.isnan(entropy) else -entropy

    def by_mistake(row: int) -> tuple[int, float]:
        probability = answers[row][0]
        if math.isnan(probability[0]):
            return 2, 0.0
        top = max(probability)
        right = probability.index(top) == targets[row]
        return int(right), top if right else -top

    orders = {
        "given": list(numbers),
        "uncertain": sorted(numbers, key=by_entropy),
        "wrong": sorted(numbers, key=by_mistake),
    }
    exchanges: list[Case] = []
    for kind, order in orders.items():
        exchanges.append({"query": {"order": kind}, "answer": {"done": len(order)}})
        for place, row in enumerate(order):
            answer = written_state(logits[row], source=source, row=row, target=targets[row])
            answer |= {"place": place}
            bare = {part: value for part, value in answer.items() if part != "labels"}
            for asked in ({"order": kind, "place": place}, {"order": kind, "row": row}):
                exchanges.append({"query": asked, "answer": bare})
                exchanges.append(
                    {"query": {**asked, "labels": "all"}, "answer": {**answer, "labels": labels}}
                )
    return {
        "logits": [[number(z) for z in row] for row in logits],
        "targets": targets,
        "labels": labels,
        "source": source,
        "about": {"count": len(logits), "orders": list(orders), "reliability": True},
        "orders": orders,
        "exchanges": exchanges,
    }


def slider_stops() -> list[float | str]:
    """The temperatures that the two sliders set: log T by tenths to four digits, and hundredths."""
    full = {0.0, INF} | {float(mp.nstr(mpf(10) ** (mpf(k) / 10), 4)) for k in range(-40, 41)}
    return [number(t) for t in sorted(full | {k / 100 for k in range(201)})]


def uniform(seed: int, count: int) -> Row:
    """Draw from [0, 1) with SplitMix64, as its paper states it, in Python's integers."""
    state, whole, drawn = seed, 2**64, []
    for _ in range(count):
        state = (state + 0x9E3779B97F4A7C15) % whole
        z = state
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % whole
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB % whole
        z ^= z >> 31
        drawn.append((z >> 11) / 2**53)
    return drawn


def random_logits() -> Iterator[Case]:
    """The first logits of seeds, and the last of as many as a page shows."""
    for seed in (0, 1, 7, 1234567, 2**32 - 1, 2**32, 2**53 - 1):
        yield {"seed": seed, "start": 0, "logits": uniform(seed, 8)}
    most = 262_144
    yield {"seed": 20, "start": most - 8, "logits": uniform(20, most)[-8:]}


# Each measure in nats, and from nats.
MEASURES: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "entropy": (lambda value: value, lambda nats: nats),
    "perplexity": (mp.log, mp.exp),
    "top_probability": (lambda value: -mp.log(value), lambda nats: mp.exp(-nats)),
}


def nats_at(logits: Row, log_temperature: mpf, measure: str) -> tuple[mpf, mpf]:
    """A measure in nats, and its derivative by log T, of finite logits or -inf."""
    top = max(logits)
    quotient = [(mpf(z) - mpf(top)) * mp.exp(-log_temperature) for z in logits if z > -INF]
    exp_z = [mp.exp(q) for q in quotient]
    # Without one maximum, which has exp_z 1: the logarithm of nearly 1 keeps its digits.
    others = [e for q, e in zip(quotient, exp_z, strict=True) if q]
    log_total = mp.log1p(mp.fsum(others) + (ties(logits) - 1))
    total = mp.fsum(exp_z)
    mean = mp.fsum(e * q for e, q in zip(exp_z, quotient, strict=True)) / total
    if measure == "top_probability":
        return log_total, -mean
    square = mp.fsum(e * q * q for e, q in zip(exp_z, quotient, strict=True)) / total
    return log_total - mean, square - mean * mean


def ties(logits: Row) -> int:
    return logits.count(max(logits))


def ends(logits: Row, measure: str) -> Row:
    """The values at T = 0 and at T = inf: those of equal entries."""
    if any(map(math.isnan, logits)) or max(logits) == -INF:
        return [NAN, NAN]
    last = ties(logits) if max(logits) == INF else len(logits) - logits.count(-INF)
    return [float(MEASURES[measure][1](mp.log(count))) for count in (ties(logits), last)]


def wanted(name: str, logits: Row, measure: str, value: float, temperature: float | None) -> Case:
    return {
        "name": f"{name}, {measure} = {value!r}",
        "logits": [number(z) for z in logits],
        "measure": measure,
        "value": number(value),
        "temperature": None if temperature is None else number(temperature),
        "ends": [number(end) for end in ends(logits, measure)],
    }


def solved(name: str, logits: Row, measure: str, value: float) -> Case:
    """A case whose temperature lies between the ends, by bisection and then Newton's method."""
    with mp.workprec(400):
        goal = MEASURES[measure][0](mpf(value))
        below, above = mpf(-745), mpf(710)
        for _ in range(40):
            middle = (below + above) / 2
            low = nats_at(logits, middle, measure)[0] < goal
            below, above = (middle, above) if low else (below, middle)
        root = (below + above) / 2
        for _ in range(3):
            nats, slope = nats_at(logits, root, measure)
            root -= (nats - goal) / slope
        temperature = float(mp.exp(root))
    made = wanted(name, logits, measure, value, temperature)
    # How much T changes, relatively, for a relative change of the measure in nats.
    return made | {"condition": float(f"{float(nats / slope):.3g}")}


def solve() -> Iterator[Case]:
    yield from between_the_ends()
    plain, tied = [2.0, 1.0, 0.1, -3.0], [1.5, -1.0, 1.5, 0.0, -7.0]
    for measure in MEASURES:
        for logits in (plain, tied):
            for value, temperature in zip(ends(logits, measure), (0.0, INF), strict=True):
                yield wanted("an end", logits, measure, value, temperature)
        for logits in ([4.0], [7.0] * 3, [INF, 2.0, INF], [2.0, -INF]):
            yield wanted("any temperature", logits, measure, ends(logits, measure)[0], 1.0)
        for logits in ([NAN, 1.0], [-INF, -INF]):
            yield wanted("no softmax", logits, measure, 0.5, NAN)
    for logits, measure, value in (
        (plain, "entropy", 1.4),
        (plain, "entropy", -0.1),
        (plain, "entropy", INF),
        (plain, "perplexity", 4.1),
        (plain, "perplexity", 0.5),
        (plain, "perplexity", -2.0),
        (plain, "top_probability", 0.24),
        (plain, "top_probability", 1.5),
        (plain, "top_probability", 0.0),
        (plain, "top_probability", -1.0),
        (tied, "entropy", 0.5),
        (tied, "top_probability", 0.6),
        ([1.5, -INF, 0.25], "perplexity", 2.5),
        ([3.0], "perplexity", 2.0),
        ([INF, INF, 0.0], "perplexity", 2.5),
    ):
        yield wanted("impossible", logits, measure, value, None)


def between_the_ends() -> Iterator[Case]:
    draw = random.Random(21)  # noqa: S311
    plain = [2.0, 1.0, 0.1, -3.0]
    rows = {
        "a few entries": plain,
        "an offset": [z + 1e6 for z in (2.0, 1.0, 0.25, -3.0)],
        "ties": [1.5, -1.0, 1.5, 0.0, -7.0],
        "near ties": [1.0, 1 - 2.0**-53, 0.5],
        "entries of -inf": [1.5, -INF, 0.25, -INF, 1.0],
        "two entries": [0.3, 0.1],
        "two scales": [0.0, -1e-200, -1e200],
        "every scale": [0.0, -5e-324, -1e-300, -1e-150, -1.0, -1e150, -1e300],
        "huge entries": [2e300, 1e300, 1e299, -3e300],
        "wider than the largest double": [1.7e308, 1e308, -1.7e308],
        "normal draws": [draw.gauss(0, 3) for _ in range(100)],
    }
    for name, logits in rows.items():
        low, high = mp.log(ties(logits)), mp.log(len(logits) - logits.count(-INF))
        for measure, (_, from_nats) in MEASURES.items():
            for place in ("1e-9", "0.001", "0.1", "0.5", "0.9", "0.999999"):
                value = float(from_nats(low + mpf(place) * (high - low)))
                made = solved(name, logits, measure, value)
                # A subnormal temperature has too few digits to compare.
                if isinstance(made["temperature"], float) and made["temperature"] > 1e-300:
                    yield made
    yield solved("next to certain", plain, "top_probability", 1 - 2.0**-53)
    yield solved("next to certain", plain, "entropy", 1e-300)
    yield solved("next to certain", plain, "perplexity", 1 + 2.0**-52)


Ends = tuple[Any, Any]


def entropy_of(weights: list[tuple[Any, Any, Any]]) -> Any:
    """The entropy of tokens: how many, the weight of each, and its logarithm."""
    total = mp.fsum(count * w for count, w, _ in weights)
    return mp.log(total) - mp.fsum(count * w * log for count, w, log in weights) / total


def extreme(function: Callable[[Any], Any], low: Any, high: Any) -> Any:
    """The greatest value of a function that first rises, then falls."""
    for _ in range(220):
        left, right = (2 * low + high) / 3, (low + 2 * high) / 3
        low, high = (left, high) if function(left) < function(right) else (low, right)
    return max(function(low), function(high))


def tails(row: Row, vocabulary: int | None, a: Any) -> tuple[Ends, Ends]:
    """The least and greatest sum of the tail's weights, and the least and greatest entropy."""
    reported = [(1, mp.exp(a * z), a * z) for z in row]
    mass = 1 - mp.fsum(mp.exp(mpf(z)) for z in row)
    count = mp.inf if vocabulary is None else vocabulary - len(row)
    if count == 0:
        return (mpf(0), mpf(0)), (entropy_of(reported), entropy_of(reported))
    cap = min(mp.exp(mpf(min(row))), mass)
    full = mp.floor(mass / cap)
    part = mass - full * cap
    heaped = [(full, cap**a, a * mp.log(cap)), *([(1, part**a, a * mp.log(part))] if part else [])]

    def alike(n: Any) -> list[tuple[Any, Any, Any]]:
        return [(n, (mass / n) ** a, a * mp.log(mass / n))]

    def capped(n: Any) -> list[tuple[Any, Any, Any]]:
        at_cap = (n, cap**a, a * mp.log(cap))
        left = mass - n * cap
        if count == mp.inf or left <= 0:
            return [at_cap]
        each = left / (count - n)
        return [at_cap, (count - n, each**a, a * mp.log(each))]

    def both(tail: list[tuple[Any, Any, Any]]) -> Any:
        return entropy_of([*reported, *tail])

    heaped_sum = mp.fsum(n * w for n, w, _ in heaped)
    if a > 1:
        spread_sum = mpf(0) if count == mp.inf else count * (mass / count) ** a
        most = mp.log(mpf(10) ** 9 if count == mp.inf else count)
        high = extreme(lambda log: both(alike(mp.exp(log))), mp.log(mass / cap), most)
        low = -extreme(lambda n: -both(capped(n)), mpf(0), mass / cap)
        return (spread_sum, heaped_sum), (low, high)
    if count == mp.inf:
        spread_sum = mass if a == 1 else mp.inf
        return (heaped_sum, spread_sum), (both(heaped), mp.inf)
    spread_sum = mp.fsum(n * w for n, w, _ in alike(count))
    return (heaped_sum, spread_sum), (both(heaped), both(alike(count)))


def interval(row: Row, vocabulary: int | None, t0: float, temperature: float) -> Case:
    """The tightest intervals of exact numbers."""
    top = max(row)
    if temperature == 0:
        ties, mass = row.count(top), 1 - mp.fsum(mp.exp(mpf(z)) for z in row)
        others = 0
        if min(row) == top and (vocabulary is None or vocabulary > len(row)):
            others = int(mp.floor(mass / mp.exp(mpf(top)) * (1 + mpf(2) ** -40)))
        p = [(mpf(z == top) / (ties + others), mpf(z == top) / ties) for z in row]
        sums = (mpf(0), mpf(others) / (ties + others))
        entropy = (mp.log(ties), mp.log(ties + others))
    else:
        a = mpf(t0) / mpf(temperature)
        (least, most), entropy = tails(row, vocabulary, a)
        w = [mp.exp(a * z) for z in row]
        total = mp.fsum(w)
        p = [(each / (total + most), each / (total + least)) for each in w]
        sums = (
            least / (total + least),
            mpf(1) if most == mp.inf else most / (total + most),
        )
    ends = range(2)
    return {
        "softmax": [[number(float(each[end])) for each in p] for end in ends],
        "not_reported": [number(float(sums[end])) for end in ends],
        "top_probability": [number(float(max(each[end] for each in p))) for end in ends],
        "entropy": [number(float(entropy[end])) for end in ends],
    }


def reported() -> Iterator[Case]:
    with mp.workprec(200):
        yield from exact_intervals()
        yield from rounded_intervals()


def exact_intervals() -> Iterator[Case]:
    rows: dict[str, tuple[Row, int | None]] = {
        "a few of many": ([0.4, 0.15, 0.05], 203),
        "a vocabulary that is not known": ([0.4, 0.15, 0.05], None),
        "ties": ([0.125, 0.125, 0.125], 50),
        "the likeliest alone": ([0.75], 1000),
        "all tokens": ([0.5, 0.3, 0.2], 3),
        "all but one": ([0.5, 0.3, 0.15], 4),
        "a tail that is nearly spread": ([0.2, 0.1, 0.0011], 703),
        "next to certain": ([1 - 2.0**-40, 2.0**-44, 2.0**-45], 50257),
        "twenty of a vocabulary": ([0.5 / 1.4**k / 1.75 for k in range(20)], 151936),
    }
    for name, (probabilities, vocabulary) in rows.items():
        # The largest is what the others leave, where they are all.
        row = [float(mp.log(mpf(p))) for p in probabilities]
        for t0 in (1.0, 0.7):
            for temperature in (0.0, 0.3, 0.5, 0.7, 1.0, 1.3, 2.0, 1e4):
                yield {
                    "name": f"{name}, T0 = {t0:g}, T = {temperature:g}",
                    "logprobs": row,
                    "vocabulary": vocabulary,
                    "applied_temperature": t0,
                    "delta": 0,
                    "temperature": temperature,
                    **interval(row, vocabulary, t0, temperature),
                }


def rounded_intervals() -> Iterator[Case]:
    """Whole distributions, cut at few digits: the intervals must have their values."""
    draw = random.Random(22)  # noqa: S311
    for name, size, digits in (("four digits", 60, 4), ("two digits", 12, 2)):
        logits = sorted((draw.gauss(0, 2) for _ in range(size)), reverse=True)
        total = mp.fsum(mp.exp(mpf(z)) for z in logits)
        every = [mpf(z) - mp.log(total) for z in logits]
        row = [round(float(z), digits) for z in every[:5]]
        for temperature in (0.3, 1.0, 2.0):
            w = [mp.exp(z / mpf(temperature)) for z in every]
            p = [each / mp.fsum(w) for each in w]
            yield {
                "name": f"{name}, T = {temperature:g}",
                "logprobs": row,
                "vocabulary": size,
                "applied_temperature": 1.0,
                "delta": 0.5 * 10.0**-digits,
                "temperature": temperature,
                "inside": {
                    "softmax": [float(each) for each in p[:5]],
                    "not_reported": float(mp.fsum(p[5:])),
                    "top_probability": float(max(p)),
                    "entropy": float(-mp.fsum(each * mp.log(each) for each in p)),
                },
            }


ITEMS = dict.fromkeys(("labels", "source", "row", "target", "seed"))
PLAIN: Case = {"temperature": 1.0, "truncation": {}, "scale": "full"}


def given(logits: Row, **parts: object) -> Case:
    return {"logits": [number(z) for z in logits], **ITEMS, "source": "given", **PLAIN, **parts}


def drawn(n: int, seed: int, **parts: object) -> Case:
    return {"logits": uniform(seed, n), **ITEMS, "seed": seed, **PLAIN, **parts}


def sampler(temperature: float | None = None, **truncation: object) -> Case:
    known = {} if temperature is None else {"temperature": number(temperature)}
    return {**known, "truncation": truncation}


# What people write, the parts of the state that it determines, and how the page is shown.
READ: list[tuple[str, Case, Case]] = [
    ("", {}, {}),
    ("#", {}, {}),
    ("#n=5&seed=7&T=0.5", drawn(5, 7, temperature=0.5), {}),
    ("n=5&seed=7", drawn(5, 7), {}),
    ("#seed=7", drawn(5, 7), {}),
    ("#n=2", drawn(2, 0), {}),
    ("#?n=2", drawn(2, 0), {}),
    ("#&&n=2&", drawn(2, 0), {}),
    ("#seed=9007199254740991&n=1", drawn(1, 2**53 - 1), {}),
    ("#labels=cat,dog", drawn(2, 0, labels=["cat", "dog"]), {}),
    (
        "#logits=2,1,0.1&labels=cat,dog,eel&top_p=0.9",
        given([2, 1, 0.1], labels=["cat", "dog", "eel"], truncation={"top_p": 0.9}),
        {},
    ),
    ("#T=0.7", sampler(0.7), {}),
    ("#T=inf", sampler(INF), {}),
    ("#T=∞", sampler(INF), {}),
    ("#T=-0", sampler(0.0), {}),
    ("#T=1e+21", sampler(1e21), {}),
    ("#T=%EF%BB%BF%C2%A02%0A", sampler(2.0), {}),
    ("#logits=inf,-inf,nan,+Infinity", given([INF, -INF, NAN, INF]), {}),
    ("#logits=-iNF,NaN", given([-INF, NAN]), {}),
    ("#logits=+2,+-1,.5,1e%2B2, 3,5.", given([2, -1, 0.5, 100, 3, 5]), {}),
    # A program may encode the whole link.
    (
        "#logits=2%2C1&labels=salt%5C%2C%20pepper%2C",
        given([2, 1], labels=["salt, pepper", ""]),
        {},
    ),
    ("#logits=2,1&labels=100%,a%b", given([2, 1], labels=["100%", "a%b"]), {}),
    ("#logits=1&labels", given([1], labels=[""]), {}),
    ("#logits=1&labels=a\\", given([1], labels=["a\\"]), {}),
    ("#logits=1,2&labels=a\\\\,b", given([1, 2], labels=["a\\", "b"]), {}),
    ("#logits=1,2&labels=\\a,%5C%0A", given([1, 2], labels=["a", "\n"]), {}),
    ("#logits=1,2&labels=same,same", given([1, 2], labels=["same", "same"]), {}),
    ("#logits=1&labels=New+York", given([1], labels=["New York"]), {}),
    ("#logits=1&labels=C%2B%2B", given([1], labels=["C++"]), {}),
    ("#logits=1&labels=C#", given([1], labels=["C#"]), {}),
    ("#logits=1,2&labels=😀,猫", given([1, 2], labels=["😀", "猫"]), {}),
    ("#logits=1&labels=%FF%E7%8C", given([1], labels=["\ufffd\ufffd"]), {}),
    ("#logits=1,2&source=pets.csv&target=1", given([1, 2], source="pets.csv", target=1), {}),
    (
        "#top_k=40&top_p=0.95&T=0.7",
        sampler(0.7, top_k=40, top_p=0.95, order=["top_k", "top_p", "temperature"]),
        {},
    ),
    ("#min_p=0.05", sampler(min_p=0.05), {}),
    (
        "#top_p=0.9&top_k=4",
        sampler(top_p=0.9, top_k=4, order=["temperature", "top_p", "top_k"]),
        {},
    ),
    ("#engine=llama.cpp", sampler(engine="llama.cpp"), {}),
    ("#top_k=4&engine=llama.cpp", sampler(top_k=4, engine="llama.cpp"), {}),
    ("#top_k=4&ties=k", sampler(top_k=4, ties="k"), {}),
    # An order that is the engine's own is not another one: SGLang's is joint.
    (
        "#T=1&top_k=4&top_p=0.9&engine=sglang",
        sampler(1.0, top_k=4, top_p=0.9, engine="sglang"),
        {},
    ),
    (
        "#T=2&engine=ollama%3C0.30&top_k=-1",
        sampler(2.0, engine="ollama<0.30", top_k=-1, order=["temperature", "top_k"]),
        {},
    ),
    ("#scale=0-2", {"scale": "0-2"}, {}),
    (
        "#hide=why,values&lock=logits&embed",
        {},
        {"hide": "why,values", "lock": "logits", "embed": ""},
    ),
]

# The same where a part is wrong, with the parameters at fault.
REFUSED: list[tuple[str, Case, Case, list[str]]] = [
    ("#t=0.5&T=2", sampler(2.0), {}, ["t"]),
    ("#T=1&T=2", sampler(1.0), {}, ["T"]),
    ("#T=hot&scale=0-2", {**sampler(), "scale": "0-2"}, {}, ["T"]),
    ("#n=2&T=-1", drawn(2, 0), {}, ["T"]),
    ("#T=nan", sampler(), {}, ["T"]),
    ("#T", sampler(), {}, ["T"]),
    # Nothing that can't be seen gets into the sentence.
    ("#T=%E2%80%AE5", sampler(), {}, ["T"]),
    ("#T=1_0", sampler(), {}, ["T"]),
    ("#T=%D9%A3", sampler(), {}, ["T"]),
    ("#n=0&seed=7", drawn(5, 7), {}, ["n"]),
    ("#n=2.5", drawn(5, 0), {}, ["n"]),
    ("#n=262145", drawn(5, 0), {}, ["n"]),
    ("#n=3&seed=9007199254740992", drawn(3, 0), {}, ["seed"]),
    ("#n=3&labels=a,b&T=2", drawn(3, 0, temperature=2.0), {}, ["labels"]),
    ("#logits=1,x,2&labels=a,b,c&T=2", sampler(2.0), {}, ["logits[1]"]),
    ("#logits=1,,2", {}, {}, ["logits[1]"]),
    ("#logits=1,2&seed=7&n=2", given([1, 2]), {}, ["seed", "n"]),
    ("#target=1", {}, {}, ["target"]),
    ("#logits=1,2&target=2", given([1, 2]), {}, ["target"]),
    ("#top_p=most&top_k=inf&min_p=0.1", sampler(min_p=0.1), {}, ["top_p", "top_k"]),
    (
        "#top_p=2&top_k=1.5&typical_p=0&min_p=0.1&engine=transformers",
        sampler(min_p=0.1, engine="transformers"),
        {},
        ["top_p", "top_k", "typical_p"],
    ),
    ("#top_k=0", sampler(), {}, ["top_k"]),
    ("#eta=0.1&ties=all&engine=llama.cpp", sampler(engine="llama.cpp"), {}, ["ties", "eta"]),
    ("#top_k=4&engine=gpt", sampler(top_k=4), {}, ["engine"]),
    ("#scale=0-3&embed=no", {}, {}, ["scale", "embed"]),
    ("#__proto__=1&toString=2", {}, {}, ["__proto__", "toString"]),
]

# Whole states, and how the page is shown.
WRITTEN: list[tuple[str, Case, Case]] = [
    ("n=5&seed=7&T=0.5", drawn(5, 7, temperature=0.5), {}),
    ("n=5&seed=0&T=0", drawn(5, 0, temperature=0.0), {}),
    (
        "logits=2,1,0.1&labels=cat,dog,eel&T=1",
        given([2, 1, 0.1], labels=["cat", "dog", "eel"]),
        {},
    ),
    (
        "logits=inf,-inf,nan,-0,5e-324,1e21,1e-7,123456789012345680000&T=1e-7",
        given(
            [INF, -INF, NAN, -0.0, 5e-324, 1e21, 1e-7, 123456789012345678901.0], temperature=1e-7
        ),
        {},
    ),
    (
        "logits=1,2&labels=salt%5C,+pepper,a%26b%3D%23%25~!*'()%2B&T=1",
        given([1, 2], labels=["salt, pepper", "a&b=#%~!*'()+"]),
        {},
    ),
    ("logits=1&labels&T=1&scale=0-2", given([1], labels=[""], scale="0-2"), {}),
    ("logits=1&labels=%F0%9F%98%80%0A&T=inf", given([1], labels=["😀\n"], temperature="inf"), {}),
    # A link has no other rows.
    ("logits=1&source=a.npy&target=0&T=1", given([1], source="a.npy", row=3, target=0), {}),
    (
        "logits=1&top_k=40&T=1&top_p=0.95&engine=llama.cpp&hide=why&lock=logits,items&embed",
        given(
            [1],
            truncation={
                "top_p": 0.95,
                "top_k": 40,
                "engine": "llama.cpp",
                "order": ["top_k", "temperature", "top_p"],
            },
        ),
        {"hide": "why", "lock": "logits,items", "embed": ""},
    ),
    (
        "logits=1&top_k=40&top_p=0.95&T=1&engine=llama.cpp",
        given([1], truncation={"top_p": 0.95, "top_k": 40, "engine": "llama.cpp"}),
        {},
    ),
]


def links() -> str:
    read = [
        {"name": link, "parts": parts, "frame": frame, "errors": errors}
        for link, parts, frame, errors in [*((*case, []) for case in READ), *REFUSED]
    ]
    written = [{"name": link, "state": state, "frame": frame} for link, state, frame in WRITTEN]
    return json.dumps({"read": read, "written": written}, indent=1, allow_nan=False) + "\n"


CHOOSE = {"kind": "choose", "ask": "Which?", "options": ["a", "b"], "answer": [1]}
NUMBER = {"kind": "number", "ask": "How many?", "answer": 2.5}
BARS = {"kind": "predict", "ask": "Draw.", "at": 0.5}
CURVE = {"kind": "predict", "ask": "Draw.", "of": "curve", "item": 3}
REACH = {"kind": "reach", "ask": "Reach.", "quantity": "ties", "least": 2, "most": 2}


def activities() -> Iterator[dict[str, Any]]:
    rest = {"points": 3, "hint": "h", "right": "r", "wrong": "w", "start": "n=5&seed=7&T=inf"}
    frame = {"hide": ["curves", "why"], "lock": ["temperature"]}

    def accepted(written: object) -> dict[str, Any]:
        return {"written": written, "error": None}

    yield accepted([CHOOSE, NUMBER, BARS, CURVE, REACH])
    yield accepted({"version": 1, "title": "A", "intro": "B", "mode": "test", "tasks": [CHOOSE]})
    for task in (CHOOSE, NUMBER, BARS, CURVE, REACH):
        yield accepted([{**task, **rest, **frame}])
    yield accepted([{**CHOOSE, "answer": [1, 0]}])
    yield accepted([{**NUMBER, "tolerance": "inf", "unit": "bits"}])
    yield accepted([{**NUMBER, "answer": -3, "hint": None, "points": 0}])
    yield accepted([{**BARS, "at": "inf", "within": 1}])
    yield accepted([{**REACH, "quantity": "probability", "item": 2, "least": 0.9, "most": "inf"}])
    yield accepted([{"kind": "reach", "ask": "Heat.", "quantity": "temperature", "least": "inf"}])
    yield accepted([{**CHOOSE, "ask": "\U0001f321" * 2000}])


def no_activities() -> Iterator[dict[str, Any]]:
    def refused(error: str, written: object) -> dict[str, Any]:
        return {"written": written, "error": error}

    an_object = "an object with named parts"
    tasks = "a list of 1 to 50 tasks"
    yield refused(f"activity must be {an_object}", 3)
    yield refused(f"activity must be {an_object}", "tasks")
    yield refused(f"tasks must be {tasks}", {})
    yield refused(f"tasks must be {tasks}", [])
    yield refused(f"tasks must be {tasks}", {"tasks": [NUMBER] * 51})
    for version in (2, True, "1"):
        yield refused("version must be 1", {"version": version, "tasks": [NUMBER]})
    yield refused("mode must be one of practice, test", {"mode": "exam", "tasks": [NUMBER]})
    yield refused("title must be a text of up to 2000 characters", {"title": 1, "tasks": [NUMBER]})
    parts = "left out, for the parts are version, title, intro, mode, tasks"
    yield refused(f"task must be {parts}", {"task": [NUMBER], "tasks": [NUMBER]})
    yield refused(f"tasks[1] must be {an_object}", [NUMBER, None])
    kinds = "one of choose, number, predict, reach"
    yield refused(f"tasks[0].kind must be {kinds}", [{**NUMBER, "kind": "essay"}])
    text = "a text of 1 to 2000 characters"
    yield refused(f"tasks[0].ask must be {text}", [{**NUMBER, "ask": ""}])
    yield refused(f"tasks[0].ask must be {text}", [{**NUMBER, "ask": "\U0001f321" * 2001}])
    points = "a whole number from 0 to 100"
    yield refused(f"tasks[0].points must be {points}", [{**NUMBER, "points": 1.5}])
    yield refused(f"tasks[0].points must be {points}", [{**NUMBER, "points": True}])
    link = "a link whose parameters are all right"
    for start in ("T=hot", "hide=foo", "lock=temperature,foo"):
        yield refused(f"tasks[0].start must be {link}", [{**NUMBER, "start": start}])
    yield refused(
        "tasks[0].lock must be a list of some of items, logits, sampler, temperature",
        [{**NUMBER, "lock": ["everything"]}],
    )
    for options in (["a"], ["a", ""], ["a"] * 11, "ab", [1, 2]):
        yield refused(
            "tasks[0].options must be a list of 2 to 10 texts", [{**CHOOSE, "options": options}]
        )
    for answer in ([], [2], [-1], [0.5], [True], 1, None):
        yield refused(
            "tasks[0].answer must be a list of places from 0 to 1", [{**CHOOSE, "answer": answer}]
        )
    for answer in ("inf", "2", None, True):
        yield refused("tasks[0].answer must be a finite number", [{**NUMBER, "answer": answer}])
    above = 'a number ≥ 0 or "inf"'
    yield refused(f"tasks[0].tolerance must be {above}", [{**NUMBER, "tolerance": -1}])
    yield refused(f"tasks[0].at must be {above}", [{**BARS, "at": None}])
    yield refused("tasks[0].within must be a number from 0 to 1", [{**BARS, "within": 1.5}])
    yield refused("tasks[0].of must be one of bars, curve", [{**BARS, "of": "pie"}])
    common = "kind, ask, points, hint, right, wrong, start, hide, lock"
    yield refused(
        f"tasks[0].at must be left out, for the parts are {common}, of, item, within",
        [{**CURVE, "at": 1}],
    )
    yield refused(
        f"tasks[0].item must be left out, for the parts are {common}, quantity, least, most",
        [{**REACH, "item": 1}],
    )
    yield refused(
        "tasks[0].item must be a whole number ≥ 0", [{**REACH, "quantity": "probability"}]
    )
    yield refused('tasks[0].most must be a number ≥ 2 or "inf"', [{**REACH, "most": 1}])


def render(cases: Iterable[Case]) -> str:
    return "[\n" + ",\n".join(json.dumps(made, allow_nan=False) for made in cases) + "\n]\n"


def files() -> dict[str, str]:
    return {
        "softmax.json": render(rows()),
        "masks.json": render(masks()),
        "texts.json": render(texts()),
        "joined.json": render(joined()),
        "shown.json": render(shown()),
        "states.json": render(states()),
        "random.json": render(random_logits()),
        "truncation.json": render(truncations()),
        "solve.json": render(solve()),
        "reported.json": render(reported()),
        "links.json": links(),
        "activities.json": json.dumps(
            [*activities(), *no_activities()], indent=1, ensure_ascii=False
        )
        + "\n",
        "stops.json": json.dumps(slider_stops()) + "\n",
        "rows.json": json.dumps(row_protocol(), indent=1, allow_nan=False) + "\n",
    }


if __name__ == "__main__":
    for name, text in files().items():
        Path(__file__).with_name(name).write_text(text, encoding="utf-8")
