"""What tools write and the repository holds is what they would write now."""

from __future__ import annotations

from tools import polynomials


def test_the_constants_of_the_kernels_are_those_of_the_tool() -> None:
    assert polynomials.TARGET.read_text() == polynomials.header()
