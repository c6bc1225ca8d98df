"""SciPy's own tests of its softmax and log_softmax, from the SciPy installed, run on ours."""

from __future__ import annotations

import inspect
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import thermoscope as ts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FILE = "scipy.special.tests.test_logsumexp"


def theirs() -> Any:
    """Return SciPy's module of tests; a SciPy may be installed without its tests."""
    pytest.importorskip("scipy.special")
    return pytest.importorskip(FILE, reason="this SciPy has no tests where they are looked for")


def cases() -> Iterator[Any]:
    """Yield each test, with each row of its own table."""
    module = theirs()
    for group in (module.TestSoftmax, module.TestLogSoftmax):
        for name, test in inspect.getmembers(group, inspect.isfunction):
            if not name.startswith("test_"):
                continue
            rows: list[dict[str, Any]] = [{}]
            for mark in getattr(test, "pytestmark", []):
                if mark.name == "parametrize":
                    names = [part.strip() for part in mark.args[0].split(",")]
                    given = [row if len(names) > 1 else (row,) for row in mark.args[1]]
                    rows = [dict(zip(names, row, strict=True)) for row in given]
            for k, row in enumerate(rows):
                yield pytest.param(getattr(group(), name), row, id=f"{name}-{k}")


# The one difference: SciPy's default is axis=None, all axes, and this package's is -1, because
# logits come in batches of rows. A plain number has no last axis and needs axis=None.
OURS = {name: partial(getattr(ts, name), axis=None) for name in ("softmax", "log_softmax")}


@pytest.mark.parametrize(("test", "row"), list(cases()))
def test_the_tests_of_scipy_pass(
    monkeypatch: pytest.MonkeyPatch, test: Callable[..., None], row: dict[str, Any]
) -> None:
    for name, function in OURS.items():
        monkeypatch.setattr(theirs(), name, function)
    test(**row, **({"xp": np} if "xp" in inspect.signature(test).parameters else {}))


def test_the_tests_of_scipy_can_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(theirs(), "softmax", partial(OURS["softmax"], temperature=1.01))
    with pytest.raises(AssertionError):
        theirs().TestSoftmax().test_softmax_fixtures(np)


def test_the_default_axis_is_the_last() -> None:
    logits = np.arange(6.0).reshape(2, 3)
    for name in OURS:
        function = getattr(ts, name)
        np.testing.assert_array_equal(function(logits), function(logits, axis=1))
        with pytest.raises(ValueError, match=r"one of the axes of logits of shape \(\), got -1"):
            function(1000.0)
