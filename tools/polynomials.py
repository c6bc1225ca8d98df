"""Make the polynomials of the fused kernel: ``python -m tools.polynomials`` prints them.

2 ** f = 1 + f * (c1 + c2 * f + ...) for f from -1/2 to 1/2, or as much of a step where there are
steps, with small relative errors: least squares at Chebyshev's points, which come close to the
best. Coefficients are rounded to the format one after the other, and those that follow are fitted
again to what the rounding left.
"""

from __future__ import annotations

import mpmath
import numpy as np

# Of each format, the steps of an exponent and the degree.
DEGREES: list[tuple[type[np.float32 | np.float64], int, int]] = [
    (np.float32, 1, 6),
    (np.float32, 16, 3),
    (np.float64, 1, 11),
]
POINTS = 120


def fit(known: list[mpmath.mpf], degree: int, steps: int) -> mpmath.mpf:
    """Return the next coefficient of a polynomial, of which the ones before are known."""
    points = [mpmath.cos(mpmath.pi * (k + 0.5) / POINTS) / 2 / steps for k in range(POINTS)]
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
        for dtype, steps, degree in DEGREES:
            coefficients = [mpmath.mpf(1)]
            while len(coefficients) <= degree:
                exact = float(fit(coefficients, degree, steps))
                coefficients.append(mpmath.mpf(dtype(exact).item()))
            grid = [mpmath.mpf(k) / 1000 / steps for k in range(-500, 501)]
            worst = max(abs(error(coefficients, f)) for f in grid)
            off = f"off by 2 ** {float(mpmath.log(worst, 2)):.1f}"
            print(f"{dtype.__name__}, steps of 1/{steps}: {off}")  # noqa: T201
            for coefficient in coefficients[1:]:
                print(f"    {float(coefficient)!r},")  # noqa: T201


if __name__ == "__main__":
    main()
