"""Make the constants of the native kernels: ``python -m tools.polynomials`` writes `constants.h`.

Three kinds, for each format and for as many steps of an octave as a level has a table for:

- the powers 2 ** (k / steps), as what their bits add to those of a power of two, and how much
  rounding left of each, relative to it;
- polynomials with 2 ** f = 1 + f * (c1 + c2 * f + ...) for f of at most half a step;
- one polynomial with atanh(t) = t + t ** 3 * (c0 + c1 * t ** 2 + ...), for logarithms.

Polynomials are least squares at Chebyshev's points, which come close to the best. Coefficients are
rounded to the format one after the other, and those that follow are fitted again to what the
rounding left. ``--check`` compares with the file instead.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import mpmath
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

TARGET = Path(__file__).parent.parent / "src/thermoscope/kernels/native/constants.h"
# Of each format, the steps of an octave and the degree.
EXP2: list[tuple[type[np.float32 | np.float64], int, int]] = [
    (np.float32, 16, 3),
    (np.float32, 8, 4),
    (np.float64, 8, 7),
    (np.float64, 4, 8),
]
# log1p(r) = 2 atanh(r / (2 + r)), for 1 + r from sqrt(1/2) to sqrt(2).
ATANH_LARGEST, ATANH_TERMS = (mpmath.sqrt(2) - 1) / (mpmath.sqrt(2) + 1), 8
POINTS = 120
HEAD = """\
// Made by `python -m tools.polynomials`, which says what these are: don't edit.
#pragma once
#include <cstdint>

namespace thermoscope {

template <class T, int steps> struct Exp2Constants;
"""


def fit(
    function: Callable[[mpmath.mpf], mpmath.mpf],
    basis: Callable[[mpmath.mpf, int], mpmath.mpf],
    terms: int,
    largest: mpmath.mpf,
    dtype: type[np.float32 | np.float64],
) -> tuple[list[float], mpmath.mpf]:
    """Return coefficients of a sum of terms for a function, and the largest error left."""
    points = [largest * mpmath.cos(mpmath.pi * (k + 0.5) / POINTS) for k in range(POINTS)]
    known: list[float] = []

    def rest(x: mpmath.mpf) -> mpmath.mpf:
        return function(x) - sum(c * basis(x, k) for k, c in enumerate(known))

    while len(known) < terms:
        rows = [[basis(x, k) for k in range(len(known), terms)] for x in points]
        solution, _ = mpmath.qr_solve(mpmath.matrix(rows), mpmath.matrix([rest(x) for x in points]))
        known.append(dtype(float(solution[0])).item())
    grid = [largest * k / 500 for k in range(-500, 501)]
    return known, max(abs(rest(x)) for x in grid)


def exp2_constants(dtype: type[np.float32 | np.float64], steps: int, degree: int) -> str:
    """Return the C++ of the table and the polynomial of 2 ** f."""
    # Both relative to 2 ** f, so that all errors are relative.
    half = mpmath.mpf(1) / 2 / steps
    coefficients, error = fit(
        lambda f: 1 - 1 / 2**f, lambda f, k: f ** (k + 1) / 2**f, degree, half, dtype
    )
    wide = dtype is np.float64
    digits, integer = (52, np.int64) if wide else (23, np.int32)
    bits, residuals = [], []
    for k in range(steps):
        exact = mpmath.power(2, mpmath.mpf(k) / steps)
        rounded = dtype(float(exact))
        linear = np.array(1.0, dtype).view(integer).item() + k * (1 << digits) // steps
        bits.append(np.array(rounded).view(integer).item() - linear)
        residuals.append(dtype(float(exact / rounded.item() - 1)).item())
    name, size = ("double", 64) if wide else ("float", 32)
    return f"""
template <> struct Exp2Constants<{name}, {steps}> {{
  static constexpr std::int{size}_t kTableBits[] = {{{listed(bits)}}};
  static constexpr {name} kTableResiduals[] = {{{listed(literals(residuals, dtype))}}};
  // Relative error below 2^{mpmath.nstr(mpmath.log(error, 2), 4)}.
  static constexpr {name} kPolynomial[] = {{{listed(literals(coefficients, dtype))}}};
}};
"""


def atanh_constants() -> str:
    """Return the C++ of the polynomial of atanh."""
    largest = ATANH_LARGEST

    def curve(t: mpmath.mpf) -> mpmath.mpf:
        return mpmath.atanh(t) / t - 1 if t else mpmath.mpf(0)

    coefficients, error = fit(
        curve, lambda t, k: t ** (2 * k + 2), ATANH_TERMS, mpmath.mpf(largest), np.float64
    )
    return f"""
// Relative error of atanh below 2^{mpmath.nstr(mpmath.log(error, 2), 4)}.
constexpr double kAtanhPolynomial[] = {{{listed(literals(coefficients, np.float64))}}};
"""


def literals(numbers: list[float], dtype: type[np.float32 | np.float64]) -> list[str]:
    """Return hexadecimal literals of C++, which are exact."""
    wide = dtype is np.float64
    return [one.hex() if wide else one.hex().replace("0000000p", "p") + "f" for one in numbers]


def listed(items: Sequence[object]) -> str:
    """Write items after one another, in lines of at most 120 characters."""
    lines = [""]
    for item in items:
        if len(lines[-1]) + len(str(item)) > 110:
            lines.append("")
        lines[-1] += f"{item}, "
    return ("\n      " + "\n      ".join(one.rstrip() for one in lines)).removesuffix(",")


def header() -> str:
    """Return the whole header."""
    with mpmath.workdps(60):
        parts = [exp2_constants(*which) for which in EXP2]
        return HEAD + "".join(parts) + atanh_constants() + "\n}  // namespace thermoscope\n"


def main() -> None:
    """Write the header, or compare it with what is there."""
    made = header()
    if sys.argv[1:] != ["--check"]:
        TARGET.write_text(made)
    elif TARGET.read_text() != made:
        sys.exit(f"{TARGET.name} differs from what python -m tools.polynomials makes")


if __name__ == "__main__":
    main()
