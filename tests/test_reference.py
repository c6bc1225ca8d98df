"""The functions of the reference kernel against exact arithmetic."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mpmath import mp, mpf

from thermoscope.kernels import reference

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, DTypeLike

INF, NAN = math.inf, math.nan
FINFO: Any = ml_dtypes.finfo
LARGEST = float(np.finfo(np.float64).max)
FUNCTIONS = (reference.softmax, reference.log_softmax)
DTYPES = (np.float16, ml_dtypes.bfloat16, np.float32, np.float64, ">f4", ">f8")


def compute(
    function: Callable[..., None],
    logits: np.ndarray,
    temperature: ArrayLike = 1.0,
    where: np.ndarray | None = None,
    axis: int = -1,
) -> np.ndarray:
    """Call a function of the kernel with arguments broadcast as `definition.check` does it."""
    single = list(logits.shape)
    single[axis] = 1
    dtype = np.dtype(np.float64) if logits.dtype.kind in "biu" else logits.dtype
    out = np.empty(logits.shape, dtype)
    given = np.broadcast_to(np.asarray(temperature, np.float64), single)
    mask = None if where is None else np.broadcast_to(where, logits.shape)
    function(logits, given, mask, axis, out)
    return out


def exact(row: np.ndarray, temperature: float) -> tuple[list[Any], list[Any], Any]:
    """Return softmax, log_softmax and entropy of a row of finite logits, exact beyond a double."""
    # So many bits that neither 1e308 - 5e-324 nor 1 + exp(-745) is rounded.
    with mp.workprec(2300):
        z = [mpf(float(logit)) for logit in row]
        top = max(z)
        q = [(logit - top) / mpf(temperature) for logit in z]
        exp_z = [mp.exp(number) if number > -5000 else mpf(0) for number in q]
        count = sum(number == 0 for number in q)
        rest = mp.fsum(number for number, place in zip(exp_z, q, strict=True) if place != 0)
        total, log_sum = count + rest, mp.log1p(count - 1 + rest)
        p = [number / total for number in exp_z]
        moment = mp.fsum(a * b for a, b in zip(p, q, strict=True) if a != 0)
        return p, [number - log_sum for number in q], log_sum - moment


def errors(got: np.ndarray, want: list[Any]) -> tuple[float, float]:
    """Return the worst error in ulp of normal results and in spacings of subnormal ones."""
    info = FINFO(got.dtype.newbyteorder("="))
    worst = {True: 0.0, False: 0.0}
    with mp.workprec(2300):
        for number, true in zip(got.astype(np.float64).tolist(), want, strict=True):
            size = abs(true)
            if size > mpf(float(info.max)) * (1 + mpf(float(info.eps)) / 4):
                assert number == -INF
                continue
            assert math.isfinite(number)
            normal = size >= float(info.smallest_normal)
            exponent = mp.frexp(size)[1] - 1 if normal else info.minexp
            error = float(abs(mpf(number) - true) / mp.ldexp(1, exponent - info.nmant))
            worst[normal] = max(worst[normal], error)
    return worst[True], worst[False]


def check(logits: np.ndarray, temperature: float, dtype: DTypeLike = np.float64) -> None:
    """Assert 2 ulp, and 1 spacing below the normal numbers. (The largest seen are 0.51 to 0.76.)"""
    with np.errstate(over="ignore"):
        row = np.clip(np.asarray(logits), -LARGEST, LARGEST).astype(dtype)
    if not np.isfinite(row.astype(np.float64)).all():
        return
    for function, want in zip(FUNCTIONS, exact(row, temperature), strict=False):
        got = compute(function, row, temperature)
        normal, subnormal = errors(got, want)
        assert normal <= (2 if got.dtype.itemsize == 8 else 0.5001), function.__name__
        assert subnormal <= 1, function.__name__


KNOWN = {
    "the low part of the sum": ([6.238322911237634, 0.6931467592460915], 1.0),
    "many small ones beside one": ([0.0] + [-36.5] * 3000, 1.0),
    "many different small ones beside one": (np.r_[0.0, np.linspace(-40, -30, 3000)], 0.999),
    "subnormal results of many roundings": (np.r_[0.0, np.full(300, -744.2), -709.1], 1.0),
    "results of many subnormal numbers": (np.linspace(-745, -690, 400), 1.0),
    "subnormal with one that dominates": (np.r_[50.0, np.full(5, -663.1)], 1.0),
    "a scale beyond the largest number": ([0.0, -1e156], 1e-122),
    "quotients to the largest number": ([0.0, -1.7e308, -LARGEST, -1e300, -1.0], 1.0),
    "differences beyond it": ([1e308, -1e308, 5e307, 0.0], 1.7358),
    "differences and T beyond it": ([LARGEST, -LARGEST, LARGEST / 2, 0.0], LARGEST),
    "halves of large quotients": ([0.0, -1e290, -3.7e300], 0.01),
    "tails of quotients that are 1e16 and more": ([0.1, -1e17, -1.2345678901234567e22], 0.3),
    "equal errors of exp in many entries": (np.r_[0.0, [-2.0794415416798357] * 900, -5.3], 1.0),
    "a sum near a step of the table": ([0.0, math.log(2 ** (1 / 8192) - 1)], 1.0),
}


@pytest.mark.parametrize("name", KNOWN)
def test_known_failures(name: str) -> None:
    logits, temperature = KNOWN[name]
    check(np.array(logits), temperature)
    check(np.array(logits), temperature, ">f8")
    check(np.array(logits)[::-1], temperature)


def test_a_log_probability_may_be_as_large_as_a_quotient() -> None:
    got = compute(reference.log_softmax, np.array([0.0, -1e156]), 1e-122)
    np.testing.assert_allclose(got, [0, -1e278], rtol=1e-15)


def rows() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(5)
    return {
        "one": np.array([3.0]),
        "two": np.array([0.3, -0.2]),
        "normal": rng.normal(0, 3, 60),
        "wide": rng.normal(0, 100, 40),
        "offset": 12345.678 + rng.normal(0, 3, 70),
        "near ties": 100 + rng.integers(-3, 4, 65) * 2.0**-46,
        "ties": rng.integers(-4, 1, 65) * 0.7,
        "dominant": np.append(rng.normal(-30, 1, 63), 0.0),
        "hardly different": rng.normal(0, 1e-6, 30),
    }


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", rows())
def test_rows_of_every_kind_agree_with_exact_arithmetic(name: str, dtype: DTypeLike) -> None:
    for temperature in (1e-4, 0.037, 1 / 3, 1.0, 7.3, 1e4):
        check(rows()[name], temperature, dtype)


@pytest.mark.parametrize(
    "temperature", [5e-324, 1e-308, 1e-300, 1e-151, 1e-150, 1e150, 1e151, 1e300, LARGEST]
)
def test_any_positive_temperature(temperature: float) -> None:
    rng = np.random.default_rng(6)
    for row in (
        rng.normal(0, 1, 5) * min(temperature, 1e300),
        rng.normal(0, 1, 5) * min(temperature, 1e300) + min(1e5 * temperature, 1e307),
        np.array([0.0, 5e-324, -5e-324, 1e-310]),
        np.array([1e308, -1e308, 3.0, -7e307, 1.1e308]),
        np.array([-1e308, -LARGEST, -1.01e308]),
    ):
        check(row, temperature)


@st.composite
def rows_and_temperatures(draw: st.DrawFn) -> tuple[np.ndarray, float]:
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    size = draw(st.one_of(st.integers(1, 9), st.integers(1, 150)))
    spread = 10 ** draw(st.floats(-12, 3))
    kind = draw(st.sampled_from(["normal", "uniform", "cauchy", "levels", "ulps", "subnormal"]))
    quotient = {
        "normal": rng.normal(0, spread, size),
        "uniform": rng.uniform(-spread, 0, size),
        "cauchy": rng.standard_cauchy(size) * spread,
        "levels": rng.integers(-5, 1, size) * spread,
        "ulps": rng.integers(-5, 6, size) * 2.0**-52,
        "subnormal": rng.uniform(-750, -700, size),
    }[kind]
    dominant = draw(st.one_of(st.none(), st.floats(0, 50)))
    if dominant is not None:
        quotient[rng.integers(size)] = max(0.0, quotient.max()) + dominant
    offset = draw(st.one_of(st.just(0.0), st.floats(-1e9, 1e9), st.floats(-10, 10)))
    temperature = draw(st.one_of(st.just(1.0), st.floats(-4, 4).map(lambda x: 10.0**x)))
    return quotient * temperature + offset, temperature


@given(rows_and_temperatures(), st.sampled_from(DTYPES))
def test_random_rows_are_within_2_ulp(case: tuple[np.ndarray, float], dtype: DTypeLike) -> None:
    check(case[0], case[1], dtype)


@given(
    st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=6),
    st.floats(min_value=5e-324, allow_infinity=False),
)
def test_any_finite_logits_at_any_temperature(logits: list[float], temperature: float) -> None:
    check(np.array(logits), temperature)


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("dtype", [*DTYPES, np.int16, np.int64, np.bool_])
@pytest.mark.parametrize("entries", [1, 2, 7, 63, 64, 65, 300])
def test_layouts_and_neighbours_change_no_more_than_the_last_digit(
    function: Callable[..., None], dtype: DTypeLike, entries: int
) -> None:
    rng = np.random.default_rng(entries)
    logits = rng.normal(0, 5, (4, entries, 3)).astype(dtype)
    temperature = rng.choice([0.3, 1.0, 20.0, 1e-200, 0.0, INF], (4, 1, 3))
    mask = rng.random(logits.shape) < 0.8
    bytes_ = np.zeros(logits.nbytes + 1, np.uint8)
    unaligned = bytes_[1:].view(logits.dtype).reshape(logits.shape)
    unaligned[:] = logits
    read_only = np.broadcast_to(logits[:, :, :1], logits.shape)
    eps = float(FINFO(logits.dtype.newbyteorder("=")).eps) if logits.dtype.kind in "fV" else 2e-16
    for where in (None, mask):
        for array in (logits, np.asfortranarray(logits), logits[::-1, ::-1], unaligned, read_only):
            got = compute(function, array, temperature, where, 1)
            for i, k in ((0, 0), (3, 2), (2, 1)):
                alone = compute(
                    function,
                    np.array(array[i, :, k]),
                    temperature[i, :, k],
                    None if where is None else where[i, :, k],
                )
                np.testing.assert_allclose(
                    got[i, :, k].astype(float), alone.astype(float), rtol=eps, atol=1e-300
                )


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("shape", [(5, 40), (40, 5), (2, 3, 9000), (70_000, 3), (40_001,)])
def test_the_result_may_overwrite_the_logits(
    function: Callable[..., None], shape: tuple[int, ...]
) -> None:
    rng = np.random.default_rng(7)
    logits = rng.normal(0, 3, shape)
    for axis in range(-1, len(shape) - 1):
        single = list(shape)
        single[axis] = 1
        temperature = rng.choice([0.0, 0.7, INF], single)
        want = compute(function, logits, temperature, None, axis)
        place = logits.copy()
        function(place, temperature, None, axis, place)
        np.testing.assert_array_equal(place, want)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("entries", [1000, reference.BLOCK, reference.BLOCK + 1, 10**6])
@pytest.mark.parametrize("distance", [0.0, 1e-9, 0.7, 9.7, 36.5, 700.0, 744.5])
def test_many_equal_entries_below_one_maximum(distance: float, entries: int, dtype: type) -> None:
    """All roundings of such a sum have the same sign."""
    row: np.ndarray = np.full(entries, -distance, dtype)
    row[entries // 3] = 0
    with mp.workprec(2300):
        low = mp.exp(-mpf(float(dtype(distance))))
        total = 1 + (entries - 1) * low
        wants = (
            [1 / total, low / total],
            [-mp.log1p(total - 1), -mpf(float(dtype(distance))) - mp.log1p(total - 1)],
        )
    for function, want in zip(FUNCTIONS, wants, strict=True):
        for axis in (0, 1):
            got = compute(function, np.expand_dims(row, 1 - axis), 1.0, None, axis).reshape(-1)
            normal, subnormal = errors(got[[entries // 3, 0]], want)
            assert normal <= 1
            assert subnormal <= 1
            assert len(np.unique(got)) <= 2


@pytest.mark.parametrize(
    ("dtype", "bound"), [(np.float16, 2.0**-11), (np.float32, 2.0**-24), (np.float64, 2.0**-53)]
)
def test_rows_sum_to_1(dtype: type, bound: float) -> None:
    """Each probability is off by half an ulp, so their sum by at most bound * sum."""
    rng = np.random.default_rng(8)
    for entries in (2, 3, 10, 100, 1000, 50_000):
        for spread in (0.0, 1e-3, 1.0, 5.0, 50.0):
            logits: np.ndarray = rng.normal(0, spread, (3, entries)).astype(dtype)
            p = compute(reference.softmax, logits, 0.7)
            subnormal = entries * float(np.finfo(dtype).smallest_subnormal) / 2
            for row in p.tolist():
                assert abs(math.fsum([*row, -1.0])) <= 1.02 * bound + subnormal


EDGES = [
    # A mask before a NaN, a NaN before +inf, +inf before T.
    ([NAN, 1.0, 2.0], 0, [False, True, True], [0, 0, 1]),
    ([NAN, INF, 2.0], 0, None, [NAN, NAN, NAN]),
    ([NAN, INF, 2.0], INF, [True, True, False], [NAN, NAN, 0]),
    ([NAN, -INF, 2.0], 1, None, [NAN, NAN, NAN]),
    ([INF, INF, 2.0], INF, None, [0.5, 0.5, 0]),
    ([INF, -INF, INF], 0.3, None, [0.5, 0, 0.5]),
    ([INF, INF, 2.0], 0, [True, False, True], [1, 0, 0]),
    ([-INF, -INF], 0, None, [NAN, NAN]),
    ([-INF, -INF], 1, None, [NAN, NAN]),
    ([-INF, -INF], INF, None, [NAN, NAN]),
    ([-INF, 7.0], 1, [True, False], [NAN, 0]),
    ([1.0, 2.0], 1, [False, False], [0, 0]),
    ([NAN, INF], 1, [False, False], [0, 0]),
    ([2.0, 2.0, 1.0], 0, None, [0.5, 0.5, 0]),
    ([2.0, -INF, 1.0], INF, None, [0.5, 0, 0.5]),
    ([2.0, -INF, 2.0], 1, None, [0.5, 0, 0.5]),
    ([2.0, -INF, 2.0], 1e-300, None, [0.5, 0, 0.5]),
    ([2.0, -INF, INF], 1, [True, True, False], [1, 0, 0]),
    ([1e308, -1e308, -INF], 5e-324, None, [1, 0, 0]),
    ([-1e308, -INF], 1e300, None, [1, 0]),
    ([0.0, -0.0], 0, None, [0.5, 0.5]),
    ([0.0, -0.0], 1, None, [0.5, 0.5]),
    ([-INF, 3.0], 0.1, None, [0, 1]),
    ([3.0], 0.1, None, [1]),
]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("logits", "temperature", "where", "want"), EDGES)
def test_edge_cases_follow_the_table(
    logits: list[float],
    temperature: float,
    where: list[bool] | None,
    want: list[float],
    dtype: DTypeLike,
) -> None:
    with np.errstate(over="ignore"):
        row = np.array(logits).astype(dtype)
    if (np.isinf(row.astype(float)) != np.isinf(logits)).any():
        return  # no number of this dtype
    ordinary = np.full(len(row), 0.5).astype(dtype)
    mask = None if where is None else np.array(where)
    with np.errstate(divide="ignore"):
        wants = np.array(want), np.log(want)
    for function, expected in zip(FUNCTIONS, wants, strict=True):
        got = compute(function, row, temperature, mask).astype(float)
        np.testing.assert_array_equal(got, expected.astype(dtype).astype(float))
        # Among finite rows: neither changes the other.
        both = compute(
            function,
            np.stack([ordinary, row, ordinary]),
            [[1.0], [temperature], [1.0]],
            None if mask is None else np.stack([mask | True, mask, mask | True]),
        ).astype(float)
        np.testing.assert_array_equal(both[1], got)
        plain = compute(function, ordinary).astype(float)
        np.testing.assert_array_equal(both[0], plain)
        np.testing.assert_array_equal(both[2], plain)


@pytest.mark.parametrize("edge", [NAN, INF, -INF, 0.0])
@pytest.mark.parametrize("place", [0, 20_000, 49_999])
def test_edge_values_count_in_any_block_of_a_long_row(edge: float, place: int) -> None:
    row = np.full(50_000, -1.0)
    row[place] = edge
    want = {NAN: NAN, INF: 0.0, -INF: 1 / 49_999, 0.0: None}[edge]
    got = compute(reference.softmax, row)
    if want is not None:
        np.testing.assert_allclose(np.delete(got, place), want, rtol=1e-15)
    assert got[place] == pytest.approx(
        {NAN: NAN, INF: 1.0, -INF: 0.0, 0.0: math.e / (math.e + 49_999)}[edge], nan_ok=True
    )
    got = compute(reference.softmax, row, INF)
    assert got[place - 1] == pytest.approx(
        {NAN: NAN, INF: 0.0, -INF: 1 / 49_999, 0.0: 1 / 50_000}[edge], nan_ok=True
    )


@pytest.mark.parametrize("temperature", [1e-4, 0.037, 1.0, 7.3, 1e4, 1e-300, 1e300])
@pytest.mark.parametrize("name", rows())
def test_entropy_agrees_with_exact_arithmetic(name: str, temperature: float) -> None:
    row = rows()[name]
    for dtype in (np.float32, np.float64, ">f8"):
        logits, out = row.astype(dtype), np.empty(1)
        reference.entropy(logits, np.array([temperature]), None, 0, out)
        want = float(exact(logits, temperature)[2])
        np.testing.assert_allclose(out[0], want, rtol=1e-12, atol=1e-290)


@pytest.mark.parametrize("shape", [(7,), (3, 5), (2, 300, 40), (5, 1, 3000), (3, 0)])
def test_pieces_are_whole_rows_and_cover_all_rows(shape: tuple[int, ...]) -> None:
    logits, temperature = np.zeros(shape), np.zeros((1, *shape[1:]))
    mask, out = np.zeros(shape, bool), np.zeros(shape)
    for piece in reference.split(logits, temperature, mask, out, 1000):
        z, t, m, result = piece
        assert m is not None
        assert z.shape == m.shape == result.shape
        assert t.shape == (1, *z.shape[1:])
        assert len(z) == len(logits)
        assert z.size <= max(1000, len(logits))
        assert not result.any()
        np.copyto(result, 1)
    assert (out == 1).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("temperature", [1e-3, 0.5, 1.0, 30.0, INF])
def test_moments_are_those_of_exact_arithmetic(dtype: type, temperature: float) -> None:
    logits = np.random.default_rng(1).normal(0, 3, (7, 6)).astype(dtype)
    logits[2, 1:4] = -INF
    logits[3] = 4
    found = np.array(reference.moments(logits, temperature))
    for row, got in zip(logits.tolist(), found.T, strict=True):
        with mp.workdps(200):
            distance = [mpf(z) - max(row) for z in row if z > -INF]
            exp_z = [mp.exp(d / temperature) for d in distance]
            total = mp.fsum(exp_z)
            mean = mp.fdot(exp_z, distance) / total
            squares = [(d - mean) ** 2 for d in distance]
            want = mp.log(total), mean, mp.fdot(exp_z, squares) / total
        np.testing.assert_allclose(got, [float(w) for w in want], rtol=1e-12, atol=1e-300)


@pytest.mark.parametrize("temperature", [1.0, INF])
def test_moments_of_a_row_without_a_softmax_are_nan(temperature: float) -> None:
    logits = np.array([[NAN, 1.0], [INF, 1.0], [-INF, -INF], [0.0, 1.0]])
    found = np.isnan(reference.moments(logits, temperature))
    assert found.tolist() == [[True, True, True, False]] * 3
