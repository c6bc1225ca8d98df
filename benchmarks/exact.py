"""softmax and log_softmax exact enough to judge kernels: two-part long doubles, held to mpmath.

The 80 bits of x86's long double have 11 more bits of mantissa than a double. That alone is not
enough: the exponential turns an absolute error of its argument into a relative one, so the argument
(z - max z) / T is carried as the unevaluated sum of two long doubles, by error-free transforms.
What is left is off by a hundredth of a double's ulp at most, which `check` holds against mpmath.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mpmath
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]
    Long = NDArray[np.longdouble]

__all__ = ["Exact", "check", "exact", "precise"]

MANTISSA = np.finfo(np.longdouble).nmant + 1
# Veltkamp's splitter: products of the halves are exact.
SPLITTER = np.longdouble(2) ** ((MANTISSA + 1) // 2) + 1
DIGITS = 50


def precise() -> bool:
    """Whether long doubles have more bits than doubles here; on Windows and Apple's ARM not."""
    return MANTISSA >= 64


def _two_sum(a: Long, b: Long) -> tuple[Long, Long]:
    """Return the rounded sum and its error, exactly (Knuth 1969); 6 operations."""
    total = a + b
    of_b = total - a
    return total, (a - (total - of_b)) + (b - of_b)


def _split(a: Long) -> tuple[Long, Long]:
    """Return two halves that sum to `a` exactly (Veltkamp 1968); `a` times 2^33 must be finite."""
    scaled = SPLITTER * a
    high = scaled - (scaled - a)
    return high, a - high


def _two_product(a: Long, b: Long) -> tuple[Long, Long]:
    """Return the rounded product and its error, exactly (Dekker 1971); 17 operations."""
    product = a * b
    (a_high, a_low), (b_high, b_low) = _split(a), _split(b)
    return product, a_low * b_low - (
        ((product - a_high * b_high) - a_low * b_high) - a_high * b_low
    )


def _quotient(high: Long, low: Long, divisor: Long) -> tuple[Long, Long]:
    """Return (high + low) / divisor as a sum of two, good to about twice the bits of one."""
    quotient = high / divisor
    product, error = _two_product(quotient, divisor)
    return quotient, ((high - product) - error + low) / divisor


def exact(rows: Array, temperature: float) -> tuple[Long, Long]:
    """Return softmax and log_softmax along the last axis as long doubles.

    Logits must be finite, in float32 or float64, and the temperature finite and positive.
    """
    z, t = rows.astype(np.longdouble), np.asarray(temperature, np.longdouble)
    top = z.max(-1, keepdims=True)
    scaled, error = _quotient(*_two_sum(z, -top), t)
    exp_z = np.exp(scaled) * (1 + error)
    others = np.where(z == top, 0, exp_z)
    ties = np.count_nonzero(z == top, axis=-1, keepdims=True)
    # Where one entry dominates, the log keeps what it lacks.
    rest = others.sum(-1, keepdims=True) + (ties - 1)
    return exp_z / (1 + rest), scaled + (error - np.log1p(rest))


def check(rows: Array, temperature: float) -> float:
    """Return how far `exact` is off mpmath on one row, in ulp of a double."""
    values, where, counts = np.unique(rows, return_inverse=True, return_counts=True)
    columns: list[tuple[np.longdouble, np.longdouble]] = []
    with mpmath.workdps(DIGITS):
        t, top = mpmath.mpf(temperature), mpmath.mpf(float(values[-1]))
        scaled = [(mpmath.mpf(value) - top) / t for value in values.astype(float).tolist()]
        pairs = list(zip(map(mpmath.exp, scaled), counts.tolist(), strict=True))
        rest = mpmath.fsum(exp_z * count for exp_z, count in pairs[:-1]) + (pairs[-1][1] - 1)
        log_total = mpmath.log1p(rest)
        for x, (exp_z, _) in zip(scaled, pairs, strict=True):
            columns.append((_to_long(exp_z / (1 + rest)), _to_long(x - log_total)))
    worst = 0.0
    for got, column in zip(exact(rows, temperature), zip(*columns, strict=True), strict=True):
        want = np.array(column)[where]
        spacing = np.spacing(np.abs(want).astype(np.float64))
        worst = max(worst, float((np.abs(got - want) / spacing).max()))
    return worst


def _to_long(number: mpmath.mpf) -> np.longdouble:
    """Round to a long double, by two doubles of the mantissa, neither of which underflows."""
    mantissa, exponent = mpmath.frexp(number)
    high = float(mantissa)
    both = np.longdouble(high) + np.longdouble(float(mantissa - high))
    return np.longdouble(np.ldexp(both, int(exponent)))


class Exact:
    """Exact results prepared to judge those of one dtype, in doubles, which is much quicker."""

    def __init__(self, want: Long, dtype: np.dtype[Any]) -> None:
        rounded = want.astype(dtype)
        spacing = np.spacing(np.abs(rounded))
        self._rounded, self._spacing = rounded.astype(np.float64), spacing.astype(np.float64)
        self._residual = ((want - rounded) / spacing.astype(np.longdouble)).astype(np.float64)
        self.normal = np.abs(rounded) >= np.finfo(dtype).tiny

    def errors(self, got: Array) -> NDArray[np.float64]:
        """Return errors in units in the last place; below the normal numbers that is one spacing.

        got - rounded is exact where the two are near. What is not a number is off by infinity.
        """
        errors: NDArray[np.float64] = np.abs((got - self._rounded) / self._spacing - self._residual)
        errors[np.isnan(errors)] = np.inf
        return errors
