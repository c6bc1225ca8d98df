"""softmax and log_softmax: edge cases, exact arithmetic, properties, arguments."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

import thermoscope as ts
from thermoscope import kernels
from thermoscope.kernels import reference

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import ArrayLike

VECTORS = Path(__file__).parent / "vectors"
INF, NAN = math.inf, math.nan


@pytest.fixture(
    params=[one.name for one in kernels.available() if one.runs], autouse=True, scope="module"
)
def kernel(request: pytest.FixtureRequest) -> Iterator[str]:
    """Run each test with each kernel, whatever the size of its arrays."""
    with kernels.use(request.param):
        yield request.param


def vectors(name: str) -> list[Any]:
    cases = json.loads((VECTORS / name).read_text(encoding="utf-8"))
    return [pytest.param(case, id=case["name"]) for case in cases]


def doubles(written: list[Any]) -> np.ndarray:
    return np.array([float(number) for number in written])


def ulps(got: np.ndarray, want: np.ndarray) -> np.ndarray:
    """Count the doubles between two arrays of one sign; 0 where both are NaN."""
    distance = np.abs(np.abs(got).view(np.int64) - np.abs(want).view(np.int64))
    return np.where((got == want) | (np.isnan(got) & np.isnan(want)), 0, distance)


@pytest.mark.parametrize("case", vectors("softmax.json") + vectors("masks.json"))
def test_results_are_within_2_ulp_of_exact_arithmetic(case: dict[str, Any]) -> None:
    logits, temperature = doubles(case["logits"]), float(case["temperature"])
    where = case.get("where")
    for name in ("softmax", "log_softmax"):
        want = doubles(case[name])
        got = getattr(ts, name)(logits, temperature, where=where)
        assert ulps(got, want).max() <= 2
        assert np.array_equal(got == 0, want == 0)
    entropy = float(case["entropy"])
    assert float(ts.entropy(logits, temperature, where=where)) == pytest.approx(
        entropy, rel=1e-12, abs=0, nan_ok=True
    )
    assert float(ts.perplexity(logits, temperature, where=where)) == pytest.approx(
        math.exp(entropy), rel=1e-12, abs=0, nan_ok=True
    )


TABLE = [
    # The rules in their order: a mask before a NaN, a NaN before +inf, +inf before T.
    ([NAN, 1.0, 2.0], 0, [False, True, True], [0, 0, 1]),
    ([NAN, INF, 2.0], 0, None, [NAN, NAN, NAN]),
    ([NAN, INF, 2.0], INF, [True, True, False], [NAN, NAN, 0]),
    ([INF, INF, 2.0], INF, None, [0.5, 0.5, 0]),
    ([INF, INF, 2.0], 0, [True, False, True], [1, 0, 0]),
    ([-INF, -INF], 0, None, [NAN, NAN]),
    ([-INF, -INF], INF, None, [NAN, NAN]),
    ([-INF, 7.0], 1, [True, False], [NAN, 0]),
    ([1.0, 2.0], 1, [False, False], [0, 0]),
    ([2.0, 2.0, 1.0], 0, None, [0.5, 0.5, 0]),
    ([2.0, -INF, 1.0], INF, None, [0.5, 0, 0.5]),
    ([0.0, -0.0], 0, None, [0.5, 0.5]),
    ([1e308, -1e308], 5e-324, None, [1, 0]),
    ([3], 0.1, None, [1]),
]


@pytest.mark.parametrize(("logits", "temperature", "where", "want"), TABLE)
def test_edge_cases_follow_the_table(
    logits: list[float], temperature: float, where: list[bool] | None, want: list[float]
) -> None:
    for dtype in (np.float16, np.float32, np.float64):
        fits = np.abs(logits) <= np.finfo(dtype).max
        if np.all(fits | ~np.isfinite(logits)):
            row = np.array(logits, dtype)
            got = ts.softmax(row, temperature, where=where)
            assert got.dtype == dtype
            np.testing.assert_array_equal(got, np.array(want, dtype))
            with np.errstate(divide="ignore"):
                logarithm = np.log(np.array(want, dtype))
            np.testing.assert_array_equal(ts.log_softmax(row, temperature, where=where), logarithm)


@pytest.mark.parametrize("shape", [(1, 7), (5, 40), (3, 4, 5), (2, 3, 20000), (70000, 3), (40001,)])
def test_a_row_of_a_large_array_is_what_it_is_alone(shape: tuple[int, ...]) -> None:
    """On every axis and in every layout."""
    rng = np.random.default_rng(1)
    logits = rng.normal(0, 10, shape)
    mask = rng.random(shape) < 0.7
    for axis in range(logits.ndim):
        single = [1 if k == axis else n for k, n in enumerate(shape)]
        temperature = rng.choice([0.0, 0.3, 1.0, 50.0, INF], single)
        picks = [tuple(rng.integers(0, n) for n in single) for _ in range(5)]
        for array in (logits, np.asfortranarray(logits), logits[::-1]):
            for function in (ts.softmax, ts.log_softmax):
                got = function(array, temperature, axis=axis, where=mask)
                for pick in picks:
                    along = tuple(slice(None) if k == axis else i for k, i in enumerate(pick))
                    alone = function(array[along], temperature[pick], where=mask[along])
                    # Blocks of other sizes are summed in another order.
                    np.testing.assert_allclose(got[along], alone, rtol=5e-16, atol=0)
            entropies = ts.entropy(array, temperature, axis=axis, where=mask)
            for pick in picks:
                along = tuple(slice(None) if k == axis else i for k, i in enumerate(pick))
                alone = ts.entropy(array[along], temperature[pick], where=mask[along])
                assert entropies[tuple(np.delete(pick, axis))] == pytest.approx(alone, rel=1e-14)


def test_no_temporary_grows_with_the_input() -> None:
    tracemalloc = pytest.importorskip("tracemalloc")
    for shape, axis in (((4000, 1000), -1), ((1000, 4000), 0), ((1, 4_000_000), -1)):
        logits = np.zeros(shape)
        out = np.empty(shape)
        for function in (ts.softmax, ts.log_softmax):
            function(logits, axis=axis, out=out)  # what only a first call allocates
        tracemalloc.start()
        ts.softmax(logits, axis=axis, out=out)
        ts.log_softmax(logits, axis=axis, out=out)
        ts.entropy(logits, axis=axis)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 64 * 8 * reference.BLOCK < logits.nbytes / 3


finite = st.floats(allow_nan=False, allow_infinity=False)
rows = arrays(np.float64, array_shapes(min_dims=1, max_dims=2, max_side=8), elements=finite)
temperatures = st.one_of(st.floats(min_value=0), st.floats(1e-4, 1e4))


@given(rows, temperatures)
def test_finite_logits_give_probabilities(logits: np.ndarray, temperature: float) -> None:
    p = ts.softmax(logits, temperature)
    assert np.all((p >= 0) & (p <= 1))
    np.testing.assert_allclose(p.sum(-1), 1, rtol=1e-15)
    assert not np.isnan(ts.log_softmax(logits, temperature)).any()
    entropy = ts.entropy(logits, temperature)
    assert np.all((entropy >= 0) & (entropy <= np.log(logits.shape[-1]) * (1 + 1e-15)))


@given(rows, temperatures)
def test_the_higher_logit_is_never_less_likely(logits: np.ndarray, temperature: float) -> None:
    order = np.argsort(logits, axis=-1)
    p = np.take_along_axis(ts.softmax(logits, temperature), order, -1)
    assert np.all(np.diff(p, axis=-1) >= 0)


@given(
    arrays(np.float64, 6, elements=st.floats(-700, 700)),
    st.floats(1e-3, 1e3),
    st.integers(-20, 20),
    st.permutations(range(6)),
)
def test_scaled_permuted_and_shifted_logits_give_equal_results(
    kernel: str, logits: np.ndarray, temperature: float, exponent: int, permutation: list[int]
) -> None:
    p = ts.softmax(logits, temperature)
    # Powers of two scale both without rounding: not a bit may differ.
    np.testing.assert_array_equal(
        ts.softmax(logits * 2.0**exponent, temperature * 2.0**exponent), p
    )
    np.testing.assert_allclose(ts.softmax(logits[permutation], temperature), p[permutation], 1e-15)
    # A shift without rounding changes nothing either, except in the native kernel, which does not
    # subtract a maximum near 0: there both results may be off by 2 ulp.
    shifted, whole = ts.softmax(np.round(logits) + 12345, 2.0), ts.softmax(np.round(logits), 2.0)
    np.testing.assert_array_max_ulp(shifted, whole, 0 if kernel == "reference" else 2)
    np.testing.assert_allclose(np.exp(ts.log_softmax(logits, temperature)), p, rtol=1e-11)


@given(arrays(np.float64, 5, elements=st.floats(-50, 50)), st.floats(0.1, 10), st.floats(1, 10))
def test_entropy_rises_with_temperature(logits: np.ndarray, low: float, factor: float) -> None:
    assert ts.entropy(logits, low) <= ts.entropy(logits, low * factor) * (1 + 1e-14)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_narrow_floats_are_rounded_once(dtype: type, kernel: str) -> None:
    # The native kernel computes float32 in float32 throughout.
    most = 2 if dtype == np.float32 and kernel != "reference" else 0.52
    logits = (np.random.default_rng(2).normal(size=(50, 300)) * 8).astype(dtype)
    for function in (ts.softmax, ts.log_softmax, ts.entropy, ts.perplexity):
        for temperature in (0.1, 1 / 3, 1.0, 7.0):
            got = function(logits, temperature)
            want = function(logits.astype(np.float64), temperature)
            assert got.dtype == dtype
            error = np.abs(got.astype(np.float64) - want) / np.spacing(np.abs(got))
            assert error.max() < most


@pytest.mark.parametrize("logits", [[3, 1, 2], [True, False, True], np.array([3, 1], np.uint8)])
def test_integers_and_bools_give_float64(logits: ArrayLike) -> None:
    got = ts.softmax(logits, 0.5)
    assert got.dtype == np.float64
    np.testing.assert_array_equal(got, ts.softmax(np.asarray(logits, np.float64), 0.5))
    assert ts.entropy(logits).dtype == np.float64


def test_bfloat16_is_rounded_once() -> None:
    bfloat16 = pytest.importorskip("ml_dtypes", reason="ml_dtypes is not installed").bfloat16
    logits = np.array([3.0, 1.0, 2.0], bfloat16)
    got = ts.softmax(logits, 0.5)
    assert got.dtype == bfloat16
    want = ts.softmax([3.0, 1.0, 2.0], 0.5).astype(bfloat16)
    assert got.tolist() == want.tolist()


def test_one_temperature_for_each_row() -> None:
    logits = np.random.default_rng(3).normal(size=(4, 3, 5))
    each = np.array([[[0.0], [0.5], [2.0]]])
    got = ts.softmax(logits, each)
    for k, temperature in enumerate((0.0, 0.5, 2.0)):
        np.testing.assert_allclose(got[:, k], ts.softmax(logits[:, k], temperature), 5e-16)
    # One row at many temperatures is a table.
    assert ts.softmax([1.0, 2.0], [[0.0], [1.0], [INF]]).shape == (3, 2)
    # Along axis 0 a plain array has one temperature for each column.
    columns = ts.softmax(np.eye(2), [0.0, INF], axis=0)
    np.testing.assert_array_equal(columns, [[1, 0.5], [0, 0.5]])


def test_input_is_never_changed_and_may_be_read_only() -> None:
    logits = np.array([[1.0, NAN, 3.0], [INF, 2.0, -INF]])
    mask = np.array([True, False, True])
    before = logits.copy()
    for array in (logits, mask):
        array.flags.writeable = False
    for function in (ts.softmax, ts.log_softmax, ts.entropy, ts.perplexity):
        function(logits, 0.5, where=mask)
    np.testing.assert_array_equal(logits, before)


def test_out_takes_the_result_also_over_the_logits() -> None:
    logits = np.random.default_rng(4).normal(size=(300, 200))
    want = ts.softmax(logits, 0.7)
    out = np.empty_like(logits)
    assert ts.softmax(logits, 0.7, out=out) is out
    np.testing.assert_array_equal(out, want)
    place = logits.copy()
    ts.softmax(place, 0.7, out=place)
    np.testing.assert_array_equal(place, want)
    # The result overlaps logits that are still to be read.
    line = np.arange(100_001.0)
    want = ts.softmax(line[:-1], 1e4)
    np.testing.assert_array_equal(ts.softmax(line[:-1], 1e4, out=line[1:]), want)


def test_an_empty_batch_gives_an_empty_result() -> None:
    assert ts.softmax(np.empty((0, 5))).shape == (0, 5)
    assert ts.entropy(np.empty((0, 5))).shape == (0,)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: ts.softmax([1.0], -0.5), ValueError, r"temperature must be >= 0, got -0\.5"),
        (lambda: ts.softmax([1.0], NAN), ValueError, "temperature must be >= 0, got nan"),
        (lambda: ts.softmax([1.0], "hot"), TypeError, "temperature must be real numbers, got <U3"),
        (lambda: ts.softmax([1.0], 1j), TypeError, "temperature must be real .* got complex128"),
        (lambda: ts.softmax([1j]), TypeError, "logits must be real numbers, got complex128"),
        (lambda: ts.softmax(["a"]), TypeError, "logits must be real numbers, got <U1"),
        (lambda: ts.softmax([None, 1]), TypeError, "logits must be real numbers, got NoneType"),
        (lambda: ts.softmax([[1], [1, 2]]), ValueError, "logits must be an array: "),
        (lambda: ts.softmax(np.ones(2, "G")), TypeError, "logits must be real numbers"),
        (lambda: ts.softmax([]), ValueError, r"at least one entry along axis -1, got shape \(0,\)"),
        (lambda: ts.softmax(np.ones(4), axis=10**30), ValueError, "axis must be .* got 10{30}$"),
        (lambda: ts.log_softmax(np.ones(4), axis=-(2**63) - 1), ValueError, "axis must be one of"),
        (lambda: ts.softmax(1.0), ValueError, r"axis must be one of .* shape \(\), got -1"),
        (lambda: ts.softmax([1.0], axis=1), ValueError, r"axes of logits of shape \(1,\), got 1"),
        (lambda: ts.softmax([1.0], axis=0.5), TypeError, "axis must be an integer, .* got 0.5"),
        (lambda: ts.softmax([1.0], axis=-1.0), TypeError, "axis must be an integer, .* got -1.0"),
        (lambda: ts.softmax(np.ones((99, 99)), axis=1.0), TypeError, "axis must be .* got 1.0"),
        (
            lambda: ts.softmax(np.ones((3, 4)), np.ones(3)),
            ValueError,
            r"size 1 along axis -1 .*\(3, 4\), got shape \(3,\): use temperature\[:, None\]",
        ),
        (
            lambda: ts.softmax(np.ones((3, 3)), np.ones(3)),
            ValueError,
            r"use temperature\[:, None\]",
        ),
        (
            lambda: ts.softmax(np.ones((3, 4)), np.ones((2, 1))),
            ValueError,
            r"must broadcast against logits of shape \(3, 4\), got \(2, 1\)",
        ),
        (lambda: ts.softmax([1.0], where=[1]), TypeError, "where must be an array of bool"),
        (lambda: ts.softmax([1.0], where=[True] * 2, out=[1]), TypeError, "out must be a NumPy"),
        (lambda: ts.softmax([1.0], out=np.ones(2)), ValueError, r"out must have shape \(1,\)"),
        (
            lambda: ts.softmax([1.0], out=np.ones(1, np.float32)),
            ValueError,
            "out must have .* float64, got .* float32",
        ),
        (lambda: ts.softmax([1.0], out=np.broadcast_to(1.0, 1)), ValueError, "read-only"),
        (lambda: ts.entropy([1.0], base=1), ValueError, "base must be .* got 1"),
        (lambda: ts.entropy([1.0], base=-2), ValueError, "base must be .* got -2"),
        (lambda: ts.random_logits(0), ValueError, "n must be >= 1, got 0"),
    ],
)
def test_errors_name_the_argument(
    call: Callable[[], object], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        call()


def test_softmax_equals_the_plain_formula_of_the_lesson() -> None:
    logits = ts.random_logits(5, seed=7)
    temperature = 0.25
    lesson = np.exp(logits / temperature) / np.sum(np.exp(logits / temperature))
    np.testing.assert_allclose(ts.softmax(logits, temperature), lesson, rtol=1e-14)


def test_entropy_in_bases() -> None:
    logits = [[0.0] * 8, [5.0] + [0.0] * 7]
    np.testing.assert_allclose(ts.entropy(logits, base=2), ts.entropy(logits) / np.log(2), 1e-15)
    np.testing.assert_allclose(ts.perplexity(logits), 2 ** ts.entropy(logits, base=2), 1e-14)
