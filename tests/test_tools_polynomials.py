"""The committed constants of the kernels are those that the tool computes."""

from __future__ import annotations

from tools import polynomials


def test_the_constants_of_the_kernels_are_those_of_the_tool() -> None:
    assert polynomials.TARGET.read_text() == polynomials.header()
