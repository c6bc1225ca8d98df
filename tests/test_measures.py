"""Cross-entropy, divergence and derivatives: exact arithmetic, edge cases, equivalences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from mpmath import mp, mpf

import thermoscope as ts
from tests.test_definition import INF, NAN

if TYPE_CHECKING:
    from collections.abc import Callable

EPS = 2.0**-52
TEMPERATURES = (0.01, 0.5, 1.0, 1.7358, 100.0, 1e4)


def rows() -> dict[str, np.ndarray]:
    draw = np.random.default_rng(12)
    return {
        "ordinary": draw.normal(0, 3, 12),
        "ties": np.array([2.0, 1.0, 2.0, 0.5, 2.0]),
        "a wide spread": draw.uniform(-500, 500, 12),
        "a large common offset": 1e8 + draw.random(12),
        "near ties": 1.0 + np.arange(8) * EPS,
        "a confident entry": np.array([50.0, 0.1, 0.2, -3.0]),
        "the whole range": np.array([1e308, -1e308, 5e307, 0.0]),
        "one entry": np.array([3.0]),
    }


def exact(logits: Any, temperature: Any) -> list[Any]:
    exp_z = [mp.exp(mpf(z) / mpf(temperature)) for z in logits]
    total = mp.fsum(exp_z)
    return [one / total for one in exp_z]


def doubles(values: Any) -> np.ndarray:
    return np.array([float(value) for value in values])


@pytest.fixture(autouse=True)
def _digits() -> Any:
    with mp.workprec(4000):
        yield


@pytest.mark.parametrize("temperature", TEMPERATURES)
@pytest.mark.parametrize("name", rows())
def test_cross_entropy_agrees_with_exact_arithmetic(name: str, temperature: float) -> None:
    logits = rows()[name]
    p = exact(logits, temperature)
    classes = np.arange(len(logits))
    got = ts.cross_entropy(np.tile(logits, (len(logits), 1)), classes, temperature)
    np.testing.assert_allclose(got, doubles(-mp.log(one) for one in p), rtol=2 * EPS)
    soft = np.random.default_rng(13).dirichlet(np.ones(len(logits)))
    want = -mp.fsum(mpf(w) * mp.log(one) for w, one in zip(soft, p, strict=True))
    if max(-mp.log(one) for one in p) > np.finfo(float).max:
        want = INF  # one of the logarithms overflows, and so does their mean
    got = ts.cross_entropy(logits, soft, temperature)
    np.testing.assert_allclose(got, float(want), rtol=20 * EPS)


@pytest.mark.parametrize("temperature", TEMPERATURES)
@pytest.mark.parametrize("name", rows())
def test_divergence_agrees_with_exact_arithmetic(name: str, temperature: float) -> None:
    logits = rows()[name]
    draw = np.random.default_rng(14)
    for other, other_temperature in (
        (draw.normal(0, 3, len(logits)), None),
        (draw.normal(0, 3, len(logits)), 0.3),
        (logits, 3 * temperature),
        (logits, temperature * (1 + 1e-4)),
    ):
        p = exact(logits, temperature)
        q = exact(other, temperature if other_temperature is None else other_temperature)
        want = float(mp.fsum(a * mp.log(a / b) for a, b in zip(p, q, strict=True)))
        got = ts.kl_divergence(logits, other, temperature, other_temperature)
        # A small divergence is half the mean square of log(p / q), whose terms have errors of an
        # ulp of log p. To sum p log(p / q) alone would leave EPS / want.
        room = 20 * EPS * (20 + 1 / np.sqrt(want)) if want else 0
        np.testing.assert_allclose(got, want, rtol=room, atol=1e-28)


@pytest.mark.parametrize("temperature", TEMPERATURES)
@pytest.mark.parametrize("name", rows())
def test_derivatives_equal_central_differences(name: str, temperature: float) -> None:
    """Central differences of exact softmaxes, so close that they are exact to a double."""
    logits = rows()[name]
    z, t, step = [mpf(v) for v in logits], mpf(temperature), mpf(2) ** -300 * mpf(temperature)

    def slope(up: list[Any], down: list[Any]) -> np.ndarray:
        return doubles((a - b) / (2 * step) for a, b in zip(up, down, strict=True))

    columns = []
    for j in range(len(z)):
        ends = [exact([v + sign * step * (k == j) for k, v in enumerate(z)], t) for sign in (1, -1)]
        columns.append(slope(*ends))
    want = np.array(columns).T
    got = ts.jacobian(logits, temperature)
    np.testing.assert_allclose(got, want, rtol=8 * EPS, atol=5e-324)
    want = slope(exact(z, t + step), exact(z, t - step))
    got = ts.temperature_derivative(logits, temperature)
    # Near the mean, the slope is a difference of two numbers, no more exact than they are.
    p = ts.softmax(logits, temperature)
    with np.errstate(over="ignore"):
        distance = np.abs((logits / 4 - logits.max() / 4) / temperature) * 4
    distance = np.where(p == 0, 0, distance)
    room = p * (distance + (p * distance).sum()) / temperature
    assert (np.abs(got - want) <= 8 * EPS * room + 5e-324).all()


INFS = [[INF, -INF], [-INF, INF]]
ZEROS = np.zeros((2, 2))


@pytest.mark.parametrize(
    ("logits", "temperature", "where", "slopes", "rates"),
    [
        ([2.0, 1.0], 0, None, ZEROS, [0, 0]),
        ([2.0, 2.0], 0, None, INFS, [0, 0]),
        ([2.0, 2.0], 0, [True, False], ZEROS, [0, 0]),
        ([2.0, 1.0], INF, None, ZEROS, [0, 0]),
        ([2.0, -INF], INF, None, ZEROS, [0, 0]),
        ([2.0, -INF], 1, None, ZEROS, [0, 0]),
        ([INF, INF], 1, None, ZEROS, [0, 0]),
        ([INF, INF], 0, None, ZEROS, [0, 0]),
        ([INF, 1.0], 1, [False, True], ZEROS, [0, 0]),
        ([NAN, 1.0], 1, [False, True], ZEROS, [0, 0]),
        ([NAN, 1.0], 1, [False, False], ZEROS, [0, 0]),
        ([-INF, -INF], 1, None, ZEROS + NAN, [NAN, NAN]),
        ([INF, NAN], 1, None, ZEROS + NAN, [NAN, NAN]),
        ([1e308, -1e308], 5e-324, None, ZEROS, [0, 0]),
    ],
)
def test_derivatives_at_the_edges(
    logits: list[float], temperature: float, where: Any, slopes: Any, rates: Any
) -> None:
    np.testing.assert_array_equal(ts.jacobian(logits, temperature, where=where), slopes)
    np.testing.assert_array_equal(
        ts.temperature_derivative(logits, temperature, where=where), rates
    )


@pytest.mark.parametrize(
    ("logits", "targets", "temperature", "where", "want"),
    [
        ([2.0, 1.0], 0, 0, None, 0),
        ([2.0, 1.0], 1, 0, None, INF),
        ([2.0, 2.0], 1, 0, None, np.log(2)),
        ([2.0, 1.0], [1.0, 0.0], 0, None, 0),
        ([2.0, 1.0], [0.5, 0.5], 0, None, INF),
        ([2.0, 1.0], [0.5, 0.5], INF, None, np.log(2)),
        ([2.0, -INF], [1.0, 0.0], 1, None, 0),
        ([2.0, -INF], 1, 1, None, INF),
        ([2.0, 9.0, 2.0], 0, 1, [True, False, True], np.log(2)),
        ([2.0, NAN, 2.0], [0.5, 0.0, 0.5], 1, [True, False, True], np.log(2)),
        ([2.0, 9.0, 2.0], 1, 1, [True, False, True], INF),
        ([NAN, 1.0], 1, 1, None, NAN),
        ([NAN, 1.0], [0.0, 1.0], 1, None, NAN),
        ([-INF, -INF], 1, 1, None, NAN),
        ([1.0, 2.0], [0.0, 0.0], 1, [False, False], 0),
        ([INF, 1.0], 0, 1, None, 0),
    ],
)
def test_cross_entropy_at_the_edges(
    logits: list[float], targets: Any, temperature: float, where: Any, want: float
) -> None:
    got = ts.cross_entropy(logits, targets, temperature, where=where)
    np.testing.assert_array_equal(got, want)
    assert np.isnan(got) or not np.signbit(got)


@pytest.mark.parametrize(
    ("targets", "options", "ignored"),
    [
        ([0, -100, 2], {}, [1]),
        ([0, -100, 2], {"axis": 0}, [1]),
        ([0, 1, 2], {"ignore_index": 2}, [2]),
        ([0, 7, 2], {"ignore_index": 7}, [1]),
        (np.array([0, 1, 2], np.uint8), {}, []),
        ([[0, -100, 2], [-100, -100, 1]], {}, [1, 3, 4]),
    ],
)
def test_cross_entropy_of_a_row_without_a_target_is_nan(
    targets: Any, options: dict[str, Any], ignored: list[int]
) -> None:
    logits = np.arange(9.0).reshape(3, 3) % 4
    got = ts.cross_entropy(logits, targets, **options).ravel()
    np.testing.assert_array_equal(np.flatnonzero(np.isnan(got)), ignored)
    known = np.where(np.isin(np.arange(got.size), ignored), 0, np.ravel(targets))
    want = ts.cross_entropy(logits, known.reshape(np.shape(targets)), **options).ravel()
    np.testing.assert_array_equal(np.delete(got, ignored), np.delete(want, ignored))


@pytest.mark.parametrize(
    ("logits", "other", "temperatures", "where", "want"),
    [
        ([2.0, 1.0], [5.0, 1.0], (0, None), None, 0),
        ([2.0, 1.0], [1.0, 2.0], (0, None), None, INF),
        ([2.0, 1.0], [1.0, 1.0], (0, 1), None, np.log(2)),
        ([2.0, 1.0], [0.0, 7.0], (INF, None), None, 0),
        ([2.0, 1.0], [0.0, -INF], (1, None), None, INF),
        # As rounded to doubles, p is 0 in the second entry; as defined, it is not.
        ([2e3, 1.0], [0.0, -INF], (1, None), None, INF),
        ([2.0, -INF], [0.0, -INF], (1, None), None, 0),
        ([2.0, -INF], [0.0, 0.0], (1, None), None, np.log(2)),
        ([2.0, NAN, 1.0], [0.0, 0.0, INF], (1, None), [True, False, False], 0),
        ([2.0, NAN], [1.0, 0.0], (1, None), None, NAN),
        ([1.0, 2.0], [NAN, 0.0], (1, None), None, NAN),
        ([-INF, -INF], [0.0, 0.0], (1, None), None, NAN),
        ([0.0, 0.0], [-INF, -INF], (1, None), None, NAN),
        ([0.0, NAN], [NAN, 0.0], (1, None), [False, False], 0),
    ],
)
def test_divergence_at_the_edges(
    logits: Any, other: Any, temperatures: Any, where: Any, want: float
) -> None:
    got = ts.kl_divergence(logits, other, *temperatures, where=where)
    np.testing.assert_allclose(got, want, rtol=1e-15)


finite = arrays(np.float64, (2, 5), elements=st.floats(allow_nan=False, allow_infinity=False))
temperatures = st.one_of(st.floats(min_value=0), st.floats(1e-3, 1e3))


@given(finite, temperatures, temperatures)
def test_divergence_is_never_negative(pair: np.ndarray, one: float, two: float) -> None:
    assert ts.kl_divergence(pair[0], pair[1], one, two) >= 0
    assert ts.kl_divergence(pair[0], pair[0], one, one) == 0


@given(arrays(np.float64, (2, 5), elements=st.floats(-30, 30)), st.floats(0.1, 100))
def test_cross_entropy_is_entropy_and_divergence(pair: np.ndarray, temperature: float) -> None:
    p = ts.softmax(pair[0], temperature)
    both = ts.entropy(pair[0], temperature) + ts.kl_divergence(*pair, temperature)
    np.testing.assert_allclose(ts.cross_entropy(pair[1], p, temperature), both, rtol=1e-12)


@given(finite, temperatures)
def test_derivatives_of_finite_logits_are_numbers(pair: np.ndarray, temperature: float) -> None:
    slopes = ts.jacobian(pair, temperature)
    assert not np.isnan(slopes).any()
    np.testing.assert_array_equal(slopes, np.swapaxes(slopes, -1, -2))
    assert not np.isnan(ts.temperature_derivative(pair, temperature)).any()


@pytest.mark.parametrize("temperature", [0, 1e-3, 1.0, 1e4, 1e300, INF])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, ">f8", np.int64])
def test_perplexity_lies_between_1_and_the_number_of_entries(dtype: Any, temperature: Any) -> None:
    """It is the exponential of a rounded logarithm: exp(log(3)) is more than 3."""
    for entries in range(1, 200):
        equal = np.zeros(entries, dtype)
        assert entries * (1 - 1e-3) < ts.perplexity(equal, temperature) <= entries
        assert ts.perplexity(np.arange(entries), temperature) >= 1
    rows = np.zeros((4, 3, 5))
    rows[0] = -INF
    rows[1, :, 2:] = -INF
    mask = np.arange(3)[:, None] < [1, 2, 3, 3, 3]
    value = ts.perplexity(rows, temperature, axis=1, where=mask)
    assert value.shape == (4, 5)
    assert np.isnan(value[0]).all()
    assert np.isnan(value[1, 2:]).all()
    assert (value[2:] <= [1, 2, 3, 3, 3]).all()
    assert (value[2:] >= 1).all()
    assert ts.perplexity([1.0, 2.0], where=[False, False]) == 1
    assert ts.perplexity([INF, 2.0, INF, INF], temperature) <= 4


@given(arrays(np.float64, (3, 6), elements=st.sampled_from([0.0, 1e-9, 1.0, -INF])))
def test_perplexity_counts_no_entry_of_minus_infinity(rows: np.ndarray) -> None:
    for axis, sizes in ((-1, (3,)), (0, (6,)), ((0, 1), ())):
        value = ts.perplexity(rows, 1e4, axis=axis)
        most = np.count_nonzero(rows > -INF, axis=axis)
        assert np.shape(value) == sizes
        assert (np.isnan(value) == (most == 0)).all()
        assert ((value <= most) | (most == 0)).all()
        assert ((value >= 1) | (most == 0)).all()


def test_axes_and_shapes() -> None:
    draw = np.random.default_rng(15)
    logits = draw.normal(size=(4, 3, 5))
    rows = np.moveaxis(logits, 1, -1)
    np.testing.assert_array_equal(ts.jacobian(logits, axis=1), ts.jacobian(rows))
    assert ts.jacobian(logits, axis=1).shape == (4, 5, 3, 3)
    flat = np.moveaxis(logits, 1, 0).reshape(3, 20)
    np.testing.assert_allclose(ts.jacobian(logits, axis=(0, 2)), ts.jacobian(flat), rtol=1e-15)
    assert ts.jacobian(logits, [[[1.0]], [[2.0]], [[3.0]], [[4.0]]]).shape == (4, 3, 5, 5)
    assert ts.temperature_derivative([1.0, 2.0], [[0.5], [1.0], [2.0]]).shape == (3, 2)
    # One distribution beside many, one target for many.
    assert ts.kl_divergence(logits, np.zeros(5)).shape == (4, 3)
    assert ts.cross_entropy(logits, 2).shape == (4, 3)
    assert ts.cross_entropy(logits, [0, 1, 2]).shape == (4, 3)
    assert ts.cross_entropy(logits, np.full(5, 0.2)).shape == (4, 3)
    column = ts.cross_entropy(logits[0], [[0], [1], [2]])
    np.testing.assert_array_equal(column, ts.cross_entropy(logits[0], [0, 1, 2]))
    assert isinstance(ts.cross_entropy([1.0, 2.0], 0), np.float64)
    assert ts.cross_entropy(np.ones((2, 3), np.float32), [0, 1]).dtype == np.float32
    assert ts.jacobian(np.ones(3, np.float16)).dtype == np.float16
    assert ts.kl_divergence([1, 2], [2, 1]).dtype == np.float64


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: ts.cross_entropy([1.0, 2.0], 2), ValueError, r"in \[0, 2\), got 2"),
        (lambda: ts.cross_entropy([1.0, 2.0], -1), ValueError, r"in \[0, 2\), got -1"),
        (
            lambda: ts.cross_entropy([1.0, 2.0], -100, ignore_index=None),
            ValueError,
            r"in \[0, 2\), got -100",
        ),
        (lambda: ts.cross_entropy([1.0, 2.0], "a"), TypeError, "targets must be real numbers"),
        (
            lambda: ts.cross_entropy(np.ones((3, 4)), np.ones((2, 4))),
            ValueError,
            r"targets must broadcast against logits of shape \(3, 4\), got \(2, 4\)",
        ),
        (
            lambda: ts.cross_entropy(np.ones((3, 4)), [0, 1]),
            ValueError,
            r"targets must broadcast against rows of shape \(3,\), got \(2,\)",
        ),
        (lambda: ts.kl_divergence([1.0], [1j]), TypeError, "other must be real numbers"),
        (lambda: ts.kl_divergence([1.0], [1.0], -1), ValueError, "^temperature must be >= 0"),
        (
            lambda: ts.kl_divergence([1.0], [1.0], 1, -1),
            ValueError,
            "other_temperature must be >= 0, got -1",
        ),
        (
            lambda: ts.kl_divergence(np.ones((3, 4)), np.ones((2, 4))),
            ValueError,
            r"other must broadcast against logits of shape \(3, 4\), got \(2, 4\)",
        ),
        (
            lambda: ts.kl_divergence(np.ones((3, 4)), np.ones(4), axis=0),
            ValueError,
            r"axes of other of shape \(4,\)",
        ),
        (
            lambda: ts.kl_divergence(np.ones((3, 4)), np.ones((3, 4)), 1, np.ones(3)),
            ValueError,
            r"other_temperature must have size 1 .* other of shape .* other_temperature\[:, None\]",
        ),
        (lambda: ts.jacobian([1.0], -1), ValueError, "temperature must be >= 0, got -1"),
        (lambda: ts.temperature_derivative([1j]), TypeError, "logits must be real numbers"),
    ],
)
def test_errors_name_the_argument(
    call: Callable[[], object], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        call()
