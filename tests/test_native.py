"""The native kernel: exact at every size; memory, threads, forks and interrupts around it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest

import thermoscope as ts
from thermoscope import kernels
from thermoscope.kernels import native

if TYPE_CHECKING:
    from numpy.typing import NDArray

PROGRAMS = Path(__file__).parent / "programs"
NATIVE = [one.name for one in kernels.available() if one.runs and one.name != "reference"]
pytestmark = pytest.mark.skipif(not NATIVE, reason=f"there is no native kernel: {native.REASON}")
linux = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")


def exact(
    z: NDArray[Any], temperature: float, axis: int
) -> tuple[NDArray[np.longdouble], NDArray[np.longdouble]]:
    """Return softmax and its logarithm in long doubles, which have 11 bits more than doubles."""
    wide = z.astype(np.longdouble)
    q = (wide - wide.max(axis, keepdims=True)) / np.longdouble(temperature)
    top = q == 0
    exp_z = np.exp(q)
    rest = np.where(top, 0, exp_z).sum(axis, keepdims=True)
    extra = np.count_nonzero(top, axis, keepdims=True) - 1 + rest
    return exp_z / (1 + extra), q - np.log1p(extra)


def worst_ulp(got: NDArray[Any], want: NDArray[np.longdouble]) -> float:
    """Return the largest error in units in the last place, below normal numbers in spacings."""
    info = np.finfo(got.dtype)
    within = abs(want) <= info.max
    # Of each wanted value once: many rows may be held to one.
    spacing = np.spacing(np.where(within, abs(want), 1).astype(info.dtype)).astype(np.longdouble)
    known = np.where(within, want, 0)
    error = abs(np.where(within, got, 0).astype(np.longdouble) - known) / spacing
    return float(error.max(initial=0))


SIZES = [
    *(1, 2, 3, 5, 10, 15, 16, 17, 31, 32, 33, 47, 48, 49, 63, 64, 65, 79, 80, 100, 159, 160),
    *(224, 225, 400, 448, 449, 513),
]
LONG = [2559, 2560, 2561, 5121, 65_535, 65_536, 70_001, 131_072]


@st.composite
def problems(draw: st.DrawFn) -> tuple[NDArray[Any], float, int]:
    """Draw logits that are hard on a softmax, of any size and layout, and a temperature."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    dtype = draw(st.sampled_from(["f4", "f8", ">f4", ">f8"]))
    layout = draw(st.sampled_from(["row", "rows", "columns", "between", "strided"]))
    n = draw(st.sampled_from(SIZES) | st.integers(1, 700))
    if layout == "row":
        n = draw(st.sampled_from(LONG) | st.just(n))
    count = 1 if layout == "row" else draw(st.sampled_from([2, 16, 33, 64, 70]))
    temperature = 10.0 ** draw(st.floats(-4, 4)) if draw(st.booleans()) else 1.0
    z = rng.normal(0, draw(st.sampled_from([1e-6, 0.3, 3.0, 30.0])), (count, n))
    kind = draw(st.sampled_from(["plain", "of T", "dominated", "near ties", "offset", "sorted"]))
    if kind == "of T":
        z *= temperature
    elif kind == "dominated":
        z = (z - rng.uniform(4, 36)) * temperature
        z[:, rng.integers(n)] = 0
    elif kind == "near ties":
        z = 100 + rng.integers(-3, 4, z.shape) * np.spacing(np.dtype(dtype[-2:]).type(100))
    elif kind == "offset":
        z = z * temperature + rng.choice([-1, 1]) * 10.0 ** rng.uniform(0, 5) * temperature
    elif kind == "sorted":
        z.sort()
    axis = -1
    if layout == "columns":
        z, axis = z.T.copy(), 0
    elif layout == "between":
        z, axis = z.reshape(count, n, 1).repeat(17, 2), 1
    z = z.astype(dtype)
    return (z.repeat(2, -1)[..., ::2] if layout == "strided" else z), temperature, axis


# The sanitizers look for errors of memory alone, and take ten times as long.
SANITIZED = "THERMOSCOPE_NATIVE_FILE" in os.environ
EXAMPLES = 50 if SANITIZED else 250


@pytest.mark.parametrize("kernel", NATIVE)
@hypothesis.settings(max_examples=EXAMPLES)
@hypothesis.given(problems())
def test_every_result_is_within_2_ulp(
    kernel: str, problem: tuple[NDArray[Any], float, int]
) -> None:
    z, temperature, axis = problem
    for threads in (1, 2):
        with kernels.use(kernel, threads=threads):
            results = (
                ts.softmax(z, temperature, axis=axis),
                ts.log_softmax(z, temperature, axis=axis),
            )
        for got, want in zip(results, exact(z, temperature, axis), strict=True):
            assert got.dtype == z.dtype
            assert worst_ulp(got, want) <= 2


@pytest.mark.parametrize("kernel", NATIVE)
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_rows_that_no_cache_holds_are_within_2_ulp(kernel: str, dtype: str) -> None:
    count = (1 << 24) // (1000 * np.dtype(dtype).itemsize) + 20
    rng = np.random.default_rng(1)
    z = rng.normal(0, rng.uniform(0.1, 9, (count, 1)), (count, 1000)).astype(dtype)
    z[5::11, 7] += 40
    z[3::7] += 1e4
    temperatures = 10.0 ** rng.uniform(-1, 1, (count, 1))
    some = np.r_[:20, 20:count:97, count - 20 : count]
    for temperature in (0.7, temperatures):
        own = temperature if isinstance(temperature, float) else temperature[some]
        with kernels.use(kernel):
            results = ts.softmax(z, temperature), ts.log_softmax(z, temperature)
        for got, want in zip(results, exact(z[some], own, -1), strict=True):
            assert worst_ulp(got[some], want) <= 2


@pytest.mark.parametrize("kernel", NATIVE)
@pytest.mark.parametrize(
    ("logits", "temperature"),
    [
        # One entry dominates: the others' small terms are not lost in a total that begins with 1.
        *((np.append(np.full(n - 1, -23.5), 0.0), 1.0) for n in (1000, 10_000, 100_000)),
        (np.append(np.random.default_rng(0).uniform(-24, -23, 99_999), 0.0), 1.0),
        (np.append(np.random.default_rng(1).normal(-20, 1, 1_000_000), 0.0), 1.0),
        # Found in earlier kernels.
        (np.array([6.238322911237634, 0.6931467592460915]), 1.0),
        (np.array([0.0, -1e156]), 1e-122),
        (ts.samples.digits()[0][:200].ravel(), 0.5),
    ],
)
def test_log_softmax_beside_a_dominant_entry_is_within_2_ulp(
    kernel: str, logits: NDArray[Any], temperature: float
) -> None:
    if SANITIZED:
        # Still worked in several chunks by each thread.
        logits = logits[-600_000:]
    for dtype in (np.float32, np.float64) if abs(logits).max() < 1e30 else (np.float64,):
        row = logits.astype(dtype)
        want = exact(row, temperature, -1)[1]
        # More than fill a register; of the longest row 3, for comparing them takes seconds.
        copies = 70 if row.size <= 1000 else 17 if row.size <= 100_000 else 3
        if SANITIZED and row.size >= 100_000:
            copies = 600_000 // row.size  # as above
        several = np.tile(row, (copies, 1))
        with kernels.use(kernel, threads=2):
            assert worst_ulp(ts.log_softmax(row, temperature), want) <= 2
            assert worst_ulp(ts.log_softmax(several, temperature), want) <= 2
            columns = ts.log_softmax(several.T.copy(), temperature, axis=0)
        assert worst_ulp(columns[:, copies // 2], want) <= 2


@pytest.mark.parametrize("kernel", NATIVE)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("temperature", [1e-20, 1e-4, 0.3, 7.0, 1e20])
@pytest.mark.parametrize(
    ("shape", "axis"), [((40, 5), 1), ((40, 100), 1), ((3, 400), 1), ((5, 40), 0)]
)
def test_log_softmax_of_the_lowest_logits_is_within_2_ulp(
    kernel: str, dtype: type, temperature: float, shape: tuple[int, ...], axis: int
) -> None:
    z = np.random.default_rng(0).normal(0, 3 * temperature, shape).astype(dtype)
    z.flat[::7], z.flat[3::11] = -np.inf, np.finfo(dtype).min
    with kernels.use(kernel):
        got = ts.log_softmax(z, temperature, axis=axis)
    _, want = exact(z, temperature, axis)
    beyond = want < -np.finfo(dtype).max
    assert np.all(got[beyond] == -np.inf)
    assert worst_ulp(got, want) <= 2


@pytest.mark.parametrize("kernel", NATIVE)
def test_another_byte_order_is_computed_in_its_own_precision(kernel: str) -> None:
    z = np.array([1e39, 1.1e39, *[0.0] * 600])
    many = 1e5 + np.random.default_rng(0).normal(0, 1, (3, 700))
    with kernels.use(kernel):
        for function in (ts.softmax, ts.log_softmax):
            assert function(z.astype(">f8"), 1e38)[1] == function(z, 1e38)[1]
            np.testing.assert_array_equal(function(many.astype(">f8")), function(many))
            mask = many > 0
            np.testing.assert_array_equal(
                function(many.astype(">f8"), where=mask), function(many, where=mask)
            )


@pytest.mark.parametrize("kernel", NATIVE)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rows_sum_to_1(kernel: str, dtype: type) -> None:
    rng = np.random.default_rng(3)
    most = 2 * np.finfo(dtype).eps  # each probability is off by 2 ulp at most
    rows = 200 if SANITIZED else 2000
    for n in (2, 3, 10, 100, 3000):
        scales = rng.choice([0.1, 1, 5, 20], (rows, 1)).astype(dtype)
        z = rng.normal(0, 1, (rows, n)).astype(dtype) * scales
        with kernels.use(kernel):
            assert abs(ts.softmax(z).sum(1, dtype=np.longdouble) - 1).max() <= most


def run(program: str, *arguments: str, **environment: str) -> None:
    """Run a program of tests/programs in a process of its own."""
    command = [sys.executable, PROGRAMS / f"{program}.py", *arguments]
    subprocess.run(command, check=True, timeout=240, env={**os.environ, **environment})


@linux
@pytest.mark.parametrize("kernel", NATIVE)
def test_nothing_beyond_an_array_is_touched(kernel: str) -> None:
    run("guard_pages", kernel)


@pytest.mark.parametrize("kernel", NATIVE)
def test_memory_that_was_freed_is_not_used(kernel: str) -> None:
    """glibc unmaps large blocks when they are freed, and fills small ones with 0xa5."""
    tunables = ("mmap_threshold=16384", "mmap_max=60000", "tcache_count=0")
    run(
        "freed_memory",
        kernel,
        GLIBC_TUNABLES=":".join(f"glibc.malloc.{tunable}" for tunable in tunables),
        MALLOC_PERTURB_="165",
    )


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_starts_new_workers() -> None:
    run("forked")


@linux
def test_workers_park() -> None:
    run("parked")


@linux
def test_running_out_of_memory_is_an_error_of_the_call() -> None:
    run("no_memory")


def test_nothing_is_written_after_a_thread_could_not_start(monkeypatch: Any) -> None:
    begun, waited, ended = threading.Event(), threading.Event(), []

    def task() -> None:
        begun.set()
        ended.append(waited.wait(5))

    class Pool:
        """A thread at work, and no second one."""

        def submit(self, work: Any) -> Any:
            if begun.is_set():
                raise RuntimeError("can't start new thread")
            self.thread = threading.Thread(target=work)
            self.thread.start()
            assert begun.wait(60)
            return self

        def result(self) -> None:
            waited.set()
            self.thread.join()

    monkeypatch.setattr(native, "_pool", Pool)
    with pytest.raises(RuntimeError, match="can't start"):
        native._run([task] * 100, 3)
    # The task that was at work has ended, and no other began.
    assert ended == [True]


def test_an_array_that_numpy_warns_of_is_written_with_its_warning() -> None:
    out, _ = np.broadcast_arrays(np.zeros(20), np.zeros((1, 1)))
    with pytest.warns(DeprecationWarning, match="writing to an array"):
        ts.softmax(np.zeros((1, 20)), out=out)


def test_a_process_ends_while_its_threads_compute() -> None:
    run("ended")


def test_an_interrupt_is_raised_after_the_call() -> None:
    run("interrupted")


def test_a_numpy_of_another_abi_leaves_the_reference_kernel() -> None:
    program = """
import numpy._core._multiarray_umath as numpy
numpy._ARRAY_API = None
import thermoscope as ts
native, reference = ts.kernels.available()
print(native.runs, native.detail, reference.runs, ts.softmax([0.0, 0.0]).tolist())
"""
    said = subprocess.check_output([sys.executable, "-c", program], text=True)
    assert said == "False _ARRAY_API is not PyCapsule object True [0.5, 0.5]\n"


def test_the_module_checks_its_arguments() -> None:
    module = native.MODULE
    assert module is not None
    z, out, read_only = np.zeros((3, 4)), np.zeros((3, 4)), np.zeros((3, 4))
    read_only.flags.writeable = False
    module.compute(*(z, 1.0, out, 1, 1, False, 0))
    for wrong in (
        (z, 1.0, out, 1, 1, False),
        (z, 1.0, out.astype("f4"), 1, 1, False, 0),
        (z, 1.0, out[:2], 1, 1, False, 0),
        (z, 1.0, out, 2, 1, False, 0),
        (z, 1.0, out, -1, 1, False, 0),
        (z, 1.0, out, 1, 0, False, 0),
        (z, 1.0, out, 1, 1, False, 9),
        (z, np.ones(2), out, 1, 1, False, 0),
        (z, np.ones(3, "f4"), out, 1, 1, False, 0),
        (z[:, ::2], 1.0, out[:, ::2], 1, 1, False, 0),
        (z.astype(">f8"), 1.0, out.astype(">f8"), 1, 1, False, 0),
        (z.astype(int), 1.0, out.astype(int), 1, 1, False, 0),
        (z[:0], 1.0, out[:0], 1, 1, False, 0),
        ([1.0], 1.0, out, 1, 1, False, 0),
        (z, "1", out, 1, 1, False, 0),
        (z, 1.0, b"", 1, 1, False, 0),
        (z, 1.0, read_only, 1, 1, False, 0),
    ):
        with pytest.raises((TypeError, ValueError)):
            module.compute(*wrong)
    with pytest.raises((TypeError, ValueError)):
        module.moments(z, 1.0, np.zeros((2, 3)), 0)
