"""Make the polynomials of the fused kernel: ``python -m tools.polynomials`` prints them.

2 ** f = 1 + f * (c1 + c2 * f + ...) for f from -1/2 to 1/2, with small relative errors: least
squares at Chebyshev's points, which come close to the best. Coefficients are rounded to the format
one after the other, and those that follow are fitted again to what the rounding left.
"""

from __future__ import annotations

import mpmath
import numpy as np

DEGREES: dict[type[np.float32 | np.float64], int] = {np.float32: 6, np.float64: 11}
POINTS = 120


def fit(known: list[mpmath.mpf], degree: int) -> mpmath.mpf:
    """Return the next coefficient of a polynomial, of which the ones before are known."""
    points = [mpmath.cos(mpmath.pi * (k + 0.5) / POINTS) / 2 for k in range(POINTS)]
    powers = range(len(known), degree + 1)
    rows = [[f**power / 2**f for power in powers] for f in points]
    rest = [-error(known, f) for f in points]
    solution, _ = mpmath.qr_solve(mpmath.matrix(rows), mpmath.matrix(rest))
    return solution[0]


def error(coefficients: list[mpmath.mpf], f: mpmath.mpf) -> mpmath.mpf:
    """Return the relative error of a polynomial for 2 ** f."""
    return mpmath.polyval(coefficients[::-1], f) / 2**f - 1


def main() -> None:
    """Print the coefficients for each format, and how far off the polynomial is."""
    with mpmath.workdps(40):
        for dtype, degree in DEGREES.items():
            coefficients = [mpmath.mpf(1)]
            while len(coefficients) <= degree:
                exact = float(fit(coefficients, degree))
                coefficients.append(mpmath.mpf(dtype(exact).item()))
            grid = [mpmath.mpf(k) / 1000 for k in range(-500, 501)]
            worst = max(abs(error(coefficients, f)) for f in grid)
            print(f"{dtype.__name__}: off by 2 ** {float(mpmath.log(worst, 2)):.1f}")  # noqa: T201
            for coefficient in coefficients[1:]:
                print(f"    {float(coefficient)!r},")  # noqa: T201


if __name__ == "__main__":
    main()
