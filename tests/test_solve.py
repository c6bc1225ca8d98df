"""Temperatures that give a wanted entropy, perplexity or top probability."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import mpmath
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import thermoscope as ts
from tests.test_definition import doubles, vectors
from thermoscope import solve

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike

EPS = 2.0**-52
INF, NAN = math.inf, math.nan
LOGITS = np.array([2.0, 1.0, 0.1, -3.0])
MEASURES: dict[str, Callable[..., Any]] = {
    "entropy": ts.entropy,
    "perplexity": ts.perplexity,
    "top_probability": lambda z, t: ts.softmax(z, t).max(axis=-1),
}
# Each measure from nats in float64, and to nats in mpmath.
FROM_NATS: dict[str, Callable[[Any], Any]] = {
    "entropy": lambda nats: nats,
    "perplexity": np.exp,
    "top_probability": lambda nats: np.exp(-nats),
}
TO_NATS: dict[str, Callable[[Any], Any]] = {
    "entropy": lambda value: value,
    "perplexity": mpmath.log,
    "top_probability": lambda value: -mpmath.log(value),
}
names = pytest.mark.parametrize("name", list(MEASURES))


def exact(logits: np.ndarray, temperature: float, name: str) -> tuple[Any, Any]:
    """Return a measure in nats and its derivative by log T, both with many digits."""
    top = mpmath.mpf(float(logits.max()))
    quotients = [(mpmath.mpf(float(z)) - top) / mpmath.mpf(temperature) for z in logits]
    exp_z = [mpmath.exp(quotient) for quotient in quotients]
    total = sum(exp_z)
    mean = sum(e * q for e, q in zip(exp_z, quotients, strict=True)) / total
    if name == "top_probability":
        return mpmath.log(total), -mean
    variance = sum(e * (q - mean) ** 2 for e, q in zip(exp_z, quotients, strict=True)) / total
    return mpmath.log(total) - mean, variance


ROWS = {
    "plain": LOGITS,
    "offset": LOGITS + 1e6,
    "tied": np.array([1.5, 1.5, 0.0, -1.0, -7.0]),
    "nearly tied": np.array([1.0, 1 - EPS / 2, 0.5]),
    "two": np.array([0.3, 0.1]),
    "two scales": np.array([0.0, -1e-200, -1e200]),
    "every scale": -np.array([0.0, 5e-324, 1e-300, 1e-150, 1.0, 1e150, 1e300]),
    "tiny": LOGITS * 1e-300,
    "subnormal": LOGITS * 1e-318,
    "huge": LOGITS * 1e300,
    "wider than the largest double": np.array([1.7e308, 1e308, -1.7e308]),
    "long": np.random.default_rng(1).normal(0, 3, 3000),
}
# Fractions of the way from the value at T = 0 to that at T = inf.
PLACES = [1e-300, 1e-100, 1e-15, 1e-3, 0.1, 0.5, 0.9, 1 - 1e-6, 1 - 1e-12]
LARGEST, SMALLEST = float(np.finfo(np.float64).max), 5e-324


@names
@pytest.mark.parametrize("row", ROWS)
def test_the_temperature_gives_the_wanted_value_in_exact_arithmetic(name: str, row: str) -> None:
    logits = ROWS[row]
    low, high = (float(end) for end in np.log([np.sum(logits == logits.max()), logits.size]))
    solved = 0
    for place in PLACES:
        value = float(FROM_NATS[name](low + place * (high - low)))
        temperature = float(ts.temperature_for(logits, **{name: value}))
        # An entropy of 1e-300 is what the logarithm of 1 + 1e-300 is.
        with mpmath.workdps(350 if place < 1e-20 else 60):
            want = TO_NATS[name](mpmath.mpf(value))
            if temperature in (0, SMALLEST):
                # The value rounds to that end, or the temperature is below the smallest float64.
                end = low + 4 * EPS * (1 + low) * (low > 0)
                assert want <= end or want < exact(logits, SMALLEST, name)[0]
            elif temperature in (LARGEST, INF):
                assert want > exact(logits, LARGEST, name)[0]
            else:
                got, slope = exact(logits, temperature, name)
                step = max(EPS, float(np.spacing(temperature)) / temperature)
                assert abs(got - want) <= 2 * (EPS * got + step * slope)
                solved += 1
    assert solved >= 3


@pytest.mark.parametrize("case", vectors("solve.json"))
def test_the_temperature_is_that_of_exact_arithmetic(case: dict[str, Any]) -> None:
    logits, name, value = doubles(case["logits"]), case["measure"], float(case["value"])
    for temperature, end in zip((0.0, INF), doubles(case["ends"]), strict=True):
        at_end = float(MEASURES[name](logits, temperature))
        assert at_end == pytest.approx(end, rel=1e-15, abs=0, nan_ok=True)
    if case["temperature"] is None:
        with pytest.raises(ts.ArgumentError, match=f"{name} must be between"):
            ts.temperature_for(logits, **{name: value})
        return
    got, want = float(ts.temperature_for(logits, **{name: value})), float(case["temperature"])
    if case.get("condition", 0) <= 1000:
        assert got == pytest.approx(want, rel=1e-12, abs=0, nan_ok=True)
    else:
        assert float(MEASURES[name](logits, got)) == pytest.approx(value, rel=1e-12, abs=0)


def test_a_temperature_off_by_4_ulp_is_beyond_the_bound() -> None:
    temperature = float(ts.temperature_for(LOGITS, entropy=0.8))
    for wrong in (temperature * (1 - 4 * EPS), temperature * (1 + 4 * EPS)):
        with mpmath.workdps(60):
            got, slope = exact(LOGITS, wrong, "entropy")
            assert abs(got - mpmath.mpf(0.8)) > 2 * EPS * slope


@pytest.mark.parametrize("p", [1 - 2.0**-53, 0.999, 0.75, 0.51, 0.5000001])
@pytest.mark.parametrize("gap", [1e-300, 0.37, 1.0, 1e300])
def test_two_entries_have_a_closed_form(p: float, gap: float) -> None:
    with mpmath.workdps(40):
        want = gap / mpmath.log(mpmath.mpf(p) / (1 - mpmath.mpf(p)))
        # How much T changes for a relative change of p.
        condition = 1 + want / gap / (1 - p) if p < 0.99 else 1
        got = ts.temperature_for([gap, 0.0], top_probability=p)
        assert abs(float(got) / want - 1) <= 2 * EPS * condition


@names
@given(
    logits=arrays(
        np.float64, st.integers(2, 8), elements=st.floats(allow_nan=False, allow_infinity=False)
    ),
    temperature=st.one_of(st.floats(1e-4, 1e4), st.floats(min_value=0)),
)
def test_solving_for_the_value_of_a_temperature_gives_that_value(
    name: str, logits: np.ndarray, temperature: float
) -> None:
    value = MEASURES[name](logits, temperature)
    assume(logits.min() < logits.max())
    found = float(ts.temperature_for(logits, **{name: value}))
    assert found >= 0
    # The neighbouring temperatures give values on both sides.
    with np.errstate(over="ignore"):
        around = np.nextafter(found, [[0.0], [INF]])
    around = MEASURES[name](logits, around)
    below, above = np.sort(around)
    # A value within rounding of an end gives that end.
    allowed = 8 * EPS * (value + (name != "top_probability") * np.log(logits.size))
    assert below - allowed <= value <= above + allowed


@names
@given(
    # Whole numbers, which scale without rounding.
    logits=arrays(np.float64, 5, elements=st.integers(-100_000, 100_000).map(float)),
    part=st.floats(0.01, 0.99),
    exponent=st.integers(-900, 900),
)
def test_temperature_scales_with_the_logits(
    name: str, logits: np.ndarray, part: float, exponent: int
) -> None:
    assume(logits.min() < logits.max())
    low, high = np.log([np.sum(logits == logits.max()), logits.size])
    value = FROM_NATS[name](low + part * (high - low))
    found = ts.temperature_for(logits, **{name: value})
    scaled = ts.temperature_for(logits * 2.0**exponent, **{name: value})
    # Both are exact within two roundings of the value and the temperature.
    with mpmath.workdps(60):
        nats, slope = exact(logits, float(found), name)
    assert abs(float(scaled) / (float(found) * 2.0**exponent) - 1) <= 4 * EPS * (1 + nats / slope)


@names
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("entries", [2, 3, 7, 10, 1000])
@pytest.mark.parametrize("ties", [1, 3])
def test_the_value_at_0_or_infinity_gives_that_end(
    name: str, dtype: type, entries: int, ties: int
) -> None:
    logits = np.zeros(entries + ties, dtype)
    logits[:ties] = 2
    for temperature in (0.0, INF):
        value = MEASURES[name](logits, temperature)
        assert value.dtype == dtype
        assert ts.temperature_for(logits, **{name: value}) == temperature


def test_an_end_of_0_nats_is_exact() -> None:
    for value in (
        {"top_probability": 1 - 2.0**-53},
        {"perplexity": 1 + EPS},
        {"entropy": 5e-324},
        {"entropy": 3.86e-309},
        {"entropy": 1e-300},
    ):
        assert ts.temperature_for(LOGITS, **value) > 0
    assert ts.temperature_for(LOGITS, top_probability=1.0) == 0
    assert ts.temperature_for(LOGITS, perplexity=1) == 0
    assert ts.temperature_for(LOGITS, entropy=0) == 0


def test_a_temperature_beyond_float64_is_the_nearest_one() -> None:
    assert ts.temperature_for([5e-324, 0.0], top_probability=0.9999) == 0
    assert ts.temperature_for([5e-324, 0.0], top_probability=0.75) == SMALLEST
    assert ts.temperature_for([1e308, -1e308], top_probability=0.501) == INF
    assert ts.temperature_for([1e308, -1e308], top_probability=0.75) == LARGEST
    assert ts.temperature_for([1e308, -1e308], top_probability=0.8) == pytest.approx(
        1e308 / math.log(2), rel=4 * EPS
    )


@pytest.mark.parametrize(
    ("logits", "wanted", "words"),
    [
        ([3, 1, 0], {"perplexity": 3.5}, r"perplexity must be between 1 at T = 0 and 3 at T = inf"),
        ([3, 1, 0], {"perplexity": 0.5}, r"inf, got 0\.5"),
        ([3, 3, 0], {"perplexity": 1.5}, r"between 2 at T = 0 and 3 at T = inf, got 1\.5"),
        ([3, 3, 0], {"entropy": 0.5}, r"between 0\.693147\d* at T = 0 and 1\.0986\d* at T = inf"),
        ([3, 3, 0], {"top_probability": 0.6}, r"between 0\.5 at T = 0 and 0\.333\d* at T = inf"),
        ([3, 1, 0], {"top_probability": 0.0}, r"top_probability must .*, got 0\.0"),
        ([3, 1, 0], {"top_probability": -1.0}, r"top_probability must .*, got -1\.0"),
        ([3, 1, 0], {"top_probability": 1.5}, r"top_probability must .*, got 1\.5"),
        ([3, 1, 0], {"entropy": INF}, r"entropy must be between 0\.0 .* got inf"),
        ([3, 1, -INF], {"perplexity": 2.5}, "between 1 at T = 0 and 2 at T = inf"),
        ([3], {"perplexity": 2}, "between 1 at T = 0 and 1 at T = inf"),
        ([INF, INF, 0], {"perplexity": 2.5}, "between 2 at T = 0 and 2 at T = inf"),
        ([[3, 1], [3, 3]], {"perplexity": 1.5}, r"at T = inf for row \(1,\), got 1\.5"),
    ],
)
def test_an_unreachable_value_is_an_error_with_the_range(
    logits: ArrayLike, wanted: dict[str, float], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        ts.temperature_for(logits, **wanted)


@names
@pytest.mark.parametrize("logits", [[4.0], [7.0, 7.0, 7.0], [INF, INF, 2.0], [2.0, -INF]])
def test_a_value_that_every_temperature_gives_has_temperature_1(
    name: str, logits: list[float]
) -> None:
    value = MEASURES[name](logits, 3.0)
    assert ts.temperature_for(logits, **{name: value}) == 1


@pytest.mark.parametrize(
    ("logits", "where"),
    [([NAN, 1.0], None), ([-INF, -INF], None), ([1.0, 2.0], [False, False])],
)
def test_a_row_without_a_softmax_gives_nan(logits: list[float], where: list[bool] | None) -> None:
    assert np.isnan(ts.temperature_for(logits, entropy=0.5, where=where))
    # It is no error either: the other rows have their temperature.
    both = [[True, True] if where is None else where, [True, True]]
    found = ts.temperature_for([logits, [1.0, 0.0]], perplexity=1.5, where=both)
    np.testing.assert_array_equal(np.isnan(found), [True, False])


def test_rows_axes_and_wanted_values_broadcast() -> None:
    rows = np.stack([LOGITS, 4 * LOGITS, LOGITS[::-1]])
    one = ts.temperature_for(LOGITS, entropy=0.8)
    assert isinstance(one, np.float64)
    found = ts.temperature_for(rows, entropy=0.8)
    np.testing.assert_allclose(found, [one, 4 * one, one], rtol=1e-15)
    np.testing.assert_array_equal(ts.temperature_for(rows.T, entropy=0.8, axis=0), found)
    np.testing.assert_array_equal(
        ts.temperature_for(rows[:, :, None], entropy=0.8, axis=1), found[:, None]
    )
    each = ts.temperature_for(rows, perplexity=[1.5, 2.0, 3.0])
    np.testing.assert_allclose(ts.perplexity(rows, each[:, None]), [1.5, 2.0, 3.0], rtol=1e-14)
    # One row and many wanted values, or both.
    table = ts.temperature_for(rows, perplexity=[[1.5], [3.0]])
    assert table.shape == (2, 3)
    np.testing.assert_allclose([table[0, 0], table[1, 2]], each[[0, 2]], rtol=1e-15)
    assert ts.temperature_for(LOGITS, entropy=np.full((2, 5), 0.8)).shape == (2, 5)
    assert ts.temperature_for(np.empty((0, 5)), entropy=1).shape == (0,)


def test_block_sizes_do_not_change_the_results(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(2)
    logits = rng.normal(0, 3, (40, 6)) * 10 ** rng.uniform(-5, 5, (40, 1))
    mask = rng.random((40, 6)) < 0.9
    mask[:, :2] = True
    monkeypatch.setattr(solve, "BLOCK", 20)
    got = ts.temperature_for(logits, perplexity=1.7, where=mask)
    alone = [
        ts.temperature_for(row[entries], perplexity=1.7)
        for row, entries in zip(logits, mask, strict=True)
    ]
    np.testing.assert_allclose(got, alone, rtol=1e-14)


def test_float32_logits_and_integers_are_solved_in_float64() -> None:
    narrow = LOGITS.astype(np.float32)
    found = ts.temperature_for(narrow, entropy=0.8)
    assert found.dtype == np.float64
    assert found == ts.temperature_for(narrow.astype(np.float64), entropy=0.8)
    assert ts.temperature_for([3, 1], entropy=0.5) == ts.temperature_for([3.0, 1.0], entropy=0.5)


@pytest.mark.parametrize("jump", [1e-300, 0.7, 3.0, 1e300])
def test_a_jump_of_the_measure_is_found_by_bisection(
    monkeypatch: pytest.MonkeyPatch, jump: float
) -> None:
    """Interpolation does not find a jump."""
    calls = 0

    def entropy(_: np.ndarray, temperature: np.ndarray) -> np.ndarray:
        nonlocal calls
        calls += 1
        return np.where(temperature[:, 0] < jump, 1e-9, 0.6931)

    monkeypatch.setattr(solve.measures, "entropy", entropy)
    found = ts.temperature_for([1.0, 0.0], entropy=0.5)
    assert np.nextafter(jump, 0) <= found <= jump
    assert calls <= solve.PATIENCE + 64


@names
@pytest.mark.parametrize(("patience", "fewest", "most"), [(solve.PATIENCE, 10, 30), (0, 55, 63)])
def test_few_steps_suffice_and_bisection_alone_ends(
    monkeypatch: pytest.MonkeyPatch, name: str, patience: int, fewest: int, most: int
) -> None:
    calls = 0

    def counted(function: Callable[..., np.ndarray]) -> Callable[..., np.ndarray]:
        def count(logits: np.ndarray, temperature: np.ndarray) -> np.ndarray:
            nonlocal calls
            calls += 1
            return function(logits, temperature)

        return count

    logits = np.random.default_rng(3).normal(0, 2, (500, 10))
    wanted = {name: FROM_NATS[name](np.linspace(1e-3, math.log(10) - 1e-3, 500))}
    want = ts.temperature_for(logits, **wanted)
    monkeypatch.setattr(solve, "PATIENCE", patience)
    monkeypatch.setattr(solve.measures, "entropy", counted(ts.entropy))
    monkeypatch.setattr(solve, "log_softmax", counted(ts.log_softmax))
    np.testing.assert_allclose(ts.temperature_for(logits, **wanted), want, rtol=1e-12)
    assert fewest <= calls <= most


def test_input_is_never_changed_and_may_be_read_only() -> None:
    logits, mask = np.stack([LOGITS, -LOGITS]), np.array([True, True, False, True])
    for array in (logits, mask):
        array.flags.writeable = False
    before = logits.copy()
    ts.temperature_for(logits, entropy=0.5, where=mask)
    np.testing.assert_array_equal(logits, before)


@pytest.mark.parametrize(
    ("wanted", "error", "words"),
    [
        ({}, TypeError, "exactly one of entropy, perplexity and top_probability .* got none"),
        ({"entropy": 0.5, "perplexity": 2}, TypeError, "got entropy and perplexity"),
        ({"entropy": "high"}, TypeError, "entropy must be real numbers, got <U4"),
        ({"perplexity": 2j}, TypeError, "perplexity must be real numbers, got complex128"),
        ({"entropy": [[1], [1, 2]]}, ValueError, "entropy must be an array: "),
        ({"entropy": NAN}, ValueError, "entropy must be a number, got nan"),
        (
            {"top_probability": [0.4, 0.5, 0.6]},
            ValueError,
            r"top_probability must broadcast against rows of shape \(2,\), got \(3,\)",
        ),
        ({"entropy": 1, "axis": 2}, ValueError, "axis must be one of"),
        ({"entropy": 1, "where": 1}, TypeError, "where must be an array of bool"),
    ],
)
def test_errors_name_the_argument(
    wanted: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        ts.temperature_for([LOGITS, LOGITS], **wanted)
