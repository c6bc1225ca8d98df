"""The kernels: which one computes, in which layouts and on which threads they agree."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import hypothesis
import hypothesis.extra.numpy
import hypothesis.strategies as st
import mpmath
import numba
import numpy as np
import pytest

import thermoscope as ts
from thermoscope import definition, kernels
from thermoscope.kernels import few, fused, scalar, simd, team

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

INF, NAN = float("inf"), float("nan")

# A slice of each kind that the fused kernel declines, and ordinary ones between them.
ROWS = np.array(
    [
        [0.5, 0.25, -1.0, 3.0, 2.0],
        [NAN, 0.0, 1.0, 2.0, 3.0],
        [INF, 0.0, INF, 2.0, 3.0],
        [0.0, -INF, 1.0, -INF, 2.0],
        [-INF, -INF, -INF, -INF, -INF],
        [1e38, -1e38, 0.0, 1e38, 3.0],
        [7.0, 7.0, 7.0, 7.0, 7.0],
    ]
)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, ">f4", np.int64])
@pytest.mark.parametrize("lanes", [1, 5, 47, 48, 1000])
def test_the_kernels_agree_in_every_layout(dtype: type | str, lanes: int) -> None:
    rng = np.random.default_rng(lanes)
    rows = rng.normal(0, 20, (90, lanes))
    if np.dtype(dtype).kind == "f":
        odd = np.resize(ROWS[:, : min(5, lanes)], (90, min(5, lanes)))
        rows[::7, : odd.shape[1]] = odd[::7]
    with np.errstate(all="ignore"):
        rows = rows.astype(dtype)
    mask = rng.random(rows.shape) < 0.8
    scalars = [0.7, 0.0, INF, 1e-200]
    temperatures = [*scalars, rng.choice([0.0, 0.3, 1.0, INF], (90, 1))]
    layouts = {
        "rows": (rows, -1),
        "columns": (np.ascontiguousarray(rows.T), 0),
        "fortran": (np.asfortranarray(rows), -1),
        "between": (np.ascontiguousarray(rows.reshape(3, 30, lanes).swapaxes(1, 2)), 1),
        "backwards": (rows[::-1], -1),
    }
    for (name, (z, axis)), t, where in itertools.product(
        layouts.items(), temperatures, (False, True)
    ):
        if isinstance(t, np.ndarray) and name != "rows":
            continue
        m = mask if name == "rows" and where else None
        for function in (ts.softmax, ts.log_softmax):
            with kernels.use("numpy"):
                want = function(z, t, axis=axis, where=m)
            for threads in (1, 2):
                with kernels.use("fused", threads=threads):
                    got = function(z, t, axis=axis, where=m)
                assert got.dtype == want.dtype
                close = 4 * np.finfo(want.dtype).eps
                tiny = np.finfo(want.dtype).smallest_subnormal
                np.testing.assert_allclose(got, want, rtol=close, atol=2 * tiny, err_msg=name)


@pytest.mark.parametrize("shape", [(1, 1_100_000), (3, 90_000), (30_000, 7), (2, 40, 3000)])
def test_threads_and_results_in_place_change_no_digit(shape: tuple[int, ...]) -> None:
    z = np.random.default_rng(0).normal(0, 3, shape).astype(np.float32)
    for axis in range(-1, len(shape) - 1):
        for function in (ts.softmax, ts.log_softmax):
            with kernels.use("fused", threads=2):
                want = function(z, 0.5, axis=axis)
                place = z.copy()
                assert function(place, 0.5, axis=axis, out=place) is place
            np.testing.assert_array_equal(place, want)
            with kernels.use("fused", threads=1):
                got = function(z, 0.5, axis=axis)
            # In parts, a row is added up in another order.
            np.testing.assert_allclose(got, want, rtol=2e-7)
            if shape[0] > 1:
                np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("lanes", [fused.BLOCK, fused.BLOCK + 1, 3 * fused.BLOCK + 7, 70_003])
def test_rows_of_several_blocks_agree_wherever_their_maxima_stand(dtype: type, lanes: int) -> None:
    rng = np.random.default_rng(lanes)
    block = np.arange(lanes) // fused.BLOCK
    octaves = np.array([0, 0.5, 0.99, 1, 1.01, 2, 40]) * fused.ROOM
    rows = {
        **{f"each block {n} octaves above the last": block * n * np.log(2) for n in octaves},
        **{
            f"one {n} octaves above": (np.arange(lanes) == lanes - 2) * n
            for n in (3, 30, 1e4, 1e30)
        },
        "falling": -3.0 * block,
        "far above": np.full(lanes, 2e4),
        "far below": np.full(lanes, -3e4),
        "farther and farther": 9e3 * block,
        "first block without weight": np.where(block > 0, 0.0, -INF),
        "an infinite one": np.where(np.arange(lanes) == lanes - 1, INF, 0),
        "NaN": np.where(np.arange(lanes) == lanes // 2, NAN, 0),
        "nothing has weight": np.full(lanes, -INF),
    }
    z = (np.stack([*rows.values()]) + rng.normal(0, 1, (len(rows), lanes))).astype(dtype)
    with kernels.use("numpy"):
        want = ts.softmax(z)
    for threads in (1, 2):
        with kernels.use("fused", threads=threads):
            place = z.copy()
            ts.softmax(place, out=place)
            single = np.stack([ts.softmax(row, out=row) for row in z.copy()])
            got = ts.softmax(z)
        np.testing.assert_array_equal(place, got)
        for name, *row in zip(rows, want, got, single, strict=True):
            for other in row[1:]:
                np.testing.assert_allclose(
                    other,
                    row[0],
                    rtol=4 * np.finfo(dtype).eps,
                    atol=2 * np.finfo(dtype).smallest_subnormal,
                    err_msg=name,
                )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("lanes", [2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 47, 48, 50, 79, 80, 159, 160])
def test_short_rows_agree_and_nothing_beside_them_changes(dtype: type, lanes: int) -> None:
    """Whole vectors of whole tiles are read and written, also of what begins and ends anywhere."""
    rng = np.random.default_rng(lanes)
    before, after = 5, 40
    # As many as fill tiles or not, and so many that two threads share them.
    for count in (*range(64, 70), 95, 1200 // lanes, 70_000 // lanes):
        z = rng.normal(0, 5, (count, lanes)).astype(dtype)
        z[::13, -1] = np.resize([NAN, INF, -INF, 2e4], z[::13].shape[0])
        for t in (0.7, rng.choice([0.3, 1.0, 30.0, INF], (count, 1))):
            with kernels.use("numpy"):
                want = ts.softmax(z, t)
            for threads, source in itertools.product((1, 2), ("other", "itself")):
                memory = np.full(before + z.size + after, 0.5, dtype)
                out = memory[before : before + z.size].reshape(z.shape)
                if source == "itself":
                    out[:] = z
                with kernels.use("fused", threads=threads):
                    ts.softmax(out if source == "itself" else z, t, out=out)
                assert (memory[:before] == 0.5).all()
                assert (memory[before + z.size :] == 0.5).all()
                np.testing.assert_allclose(
                    out,
                    want,
                    rtol=4 * np.finfo(dtype).eps,
                    atol=2 * np.finfo(dtype).smallest_subnormal,
                )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("odd", [(), (7,), (0, 88, 89)])
def test_long_columns_agree_too(dtype: type, odd: tuple[int, ...]) -> None:
    """They are worked in the result itself, but where one of them is not ordinary."""
    z = np.random.default_rng(0).normal(0, 5, (2, 9000, 90)).astype(dtype)
    for column in odd:
        z[1, 1234, column] = [NAN, INF][column % 2]
    for function in (ts.softmax, ts.log_softmax):
        with kernels.use("numpy"):
            want = function(z, 0.7, axis=1)
        for threads in (1, 2):
            with kernels.use("fused", threads=threads):
                got, place = function(z, 0.7, axis=1), z.copy()
                function(place, 0.7, axis=1, out=place)
            np.testing.assert_allclose(got, want, rtol=4 * np.finfo(dtype).eps)
            np.testing.assert_array_equal(place, got)


def exact(row: np.ndarray, temperature: float) -> tuple[list[Any], list[Any]]:
    """Return softmax and its logarithm in 60 digits."""
    with mpmath.workdps(400):
        z = [mpmath.mpf(float(logit)) for logit in row]
        shifted = [(logit - max(z)) / mpmath.mpf(temperature) for logit in z]
        weights = [mpmath.exp(q) for q in shifted]
        total = mpmath.fsum(weights)
        return [w / total for w in weights], [q - mpmath.log(total) for q in shifted]


def adversarial(dtype: type) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(5)
    near = np.full(40, 100.0) + rng.integers(-3, 4, 40) * np.spacing(dtype(100.0))
    return {
        "wide": rng.normal(0, 100, 60),
        "offset": 12345.678 + rng.normal(0, 3, 60),
        "near ties": near,
        # At T = 1 some of the maxima are beyond where the fused kernel subtracts them.
        "far": fused.FAR * np.log(2) + rng.normal(0, 3, 60),
        "one dominant lane": np.append(rng.normal(-30, 1, 59), 0.0),
        "tiny spread": rng.normal(0, 1e-6, 60),
        "few": rng.normal(0, 3, 3),
    }


@pytest.mark.parametrize("kernel", ["numpy", "fused"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", list(adversarial(np.float64)))
def test_exact_arithmetic_agrees_to_2_ulp(name: str, dtype: type, kernel: str) -> None:
    row = adversarial(dtype)[name].astype(dtype)
    info = np.finfo(dtype)
    for temperature in (1e-4, 0.037, 1 / 3, 1.0, 7.3, 1e4):
        wants = exact(row, temperature)
        # Beside themselves as a row, as one of many short ones and as a column.
        for z, axis in (
            (row[None, :], -1),
            (np.tile(row, (70, 1)), -1),
            (np.tile(row[:, None], (1, 70)), 0),
        ):
            with kernels.use(kernel):
                results = (
                    ts.softmax(z, temperature, axis=axis),
                    ts.log_softmax(z, temperature, axis=axis),
                )
            for got, want in zip(results, wants, strict=True):
                got_row = got.take(0, axis=1 + axis if axis else 1)
                for number, true in zip(got_row.tolist(), want, strict=True):
                    ulp = max(
                        float(np.spacing(dtype(abs(float(true))))), float(info.smallest_subnormal)
                    )
                    normal = abs(true) >= float(info.tiny)
                    assert abs(mpmath.mpf(number) - true) <= (2 if normal else 1) * ulp
            assert abs(results[0].sum(axis, dtype=np.float64) - 1).max() <= (
                1e-7 if dtype == np.float32 else 1e-15
            )


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("name", list(adversarial(np.float64)))
def test_the_scalar_kernel_agrees_with_exact_arithmetic_to_2_ulp(name: str, dtype: type) -> None:
    with np.errstate(over="ignore"):
        row = adversarial(dtype)[name].astype(dtype)
    info, wide = np.finfo(dtype), dtype is np.float64
    for temperature in (1e-4, 0.037, 1 / 3, 1.0, 7.3, 1e4):
        truths = exact(row, temperature)
        for function, compute, truth in zip(
            (ts.softmax, ts.log_softmax), (scalar.softmax, scalar.log_softmax), truths, strict=True
        ):
            got = function(row, temperature)
            with np.errstate(over="ignore"):
                shares = np.array(compute(row.tolist(), temperature, wide=wide)).astype(dtype)
            np.testing.assert_array_equal(got, shares)
            out = row.copy()
            assert function(out, temperature, out=out) is out
            np.testing.assert_array_equal(out, got)
            for number, true in zip(got.tolist(), truth, strict=True):
                if abs(true) > float(info.max):
                    assert number == -INF
                    continue
                ulp = max(np.spacing(dtype(abs(float(true)))), info.smallest_subnormal)
                most = 2 if wide and abs(true) >= float(info.tiny) else 0.501
                assert abs(mpmath.mpf(number) - true) <= most * float(ulp)


@pytest.mark.parametrize(
    ("logits", "temperature"),
    [
        ([1.0, NAN, 2.0], 1.0),
        ([NAN, 1.0], 0.5),
        ([INF, 1.0], 1.0),
        ([-INF, -INF], 1.0),
        ([1e308, -1e308], 1e308),
        ([1.0, 2.0], 0.0),
        ([1.0, 2.0], INF),
        ([1e-320, 0.0], 1e-320),
        ([1.0, -INF, 2.0], 0.3),
        ([1.0, -1e300, 2.0], 1.0),
    ],
)
def test_what_the_scalar_kernel_declines_is_as_it_should_be(
    logits: list[float], temperature: float
) -> None:
    got = ts.softmax(np.array(logits), temperature)
    with kernels.use("numpy"):
        np.testing.assert_array_equal(got, ts.softmax(np.array(logits), temperature))


@pytest.mark.parametrize("kernel", ["numpy", "fused"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sums_of_many_lanes_are_exact_enough(dtype: type, kernel: str) -> None:
    """Lanes of one weight are where roundings of a sum all go one way."""
    for lanes, difference in itertools.product((1000, 1 << 20), (0.0, 7.0, 9.7, 19.3)):
        row = np.full(lanes, -difference, dtype)
        row[lanes // 3] = 0
        top, rest = exact(np.array([0, -difference], dtype), 1.0)[0]
        with mpmath.workdps(50):
            ratio = rest / top
            total = 1 + (lanes - 1) * ratio
            wants = 1 / total, ratio / total
        for threads in (1, 2):
            with kernels.use(kernel, threads=threads):
                p = ts.softmax(row)
            for lane, want in ((lanes // 3, wants[0]), (0, wants[1]), (lanes - 1, wants[1])):
                assert abs(mpmath.mpf(float(p[lane])) - want) <= 2 * float(np.spacing(dtype(want)))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("lanes", [5, 75])
def test_nan_is_found_wherever_it_stands(dtype: type, lanes: int) -> None:
    """The fused kernel's maximum overlooks it; what it leaves behind must not pass for a number."""
    rows = np.tile(np.arange(lanes, dtype=dtype), (3 * lanes, 1))
    for place in range(lanes):
        rows[3 * place + 1, place] = NAN
        rows[3 * place + 2, [place, place - 1]] = NAN, INF
    with kernels.use("fused"):
        for function in (ts.softmax, ts.log_softmax):
            got, column, own = function(rows), function(rows.T.copy(), axis=0), rows.copy()
            function(own, out=own)
            for result in (got, column.T, own):
                assert np.isnan(result[1::3]).all()
                assert np.isnan(result[2::3]).all()
                np.testing.assert_allclose(result[::3], function(rows[:1]).repeat(lanes, 0), 1e-6)


def test_small_arrays_never_wait_for_numba() -> None:
    code = (
        "import sys, numpy as np, thermoscope as ts\n"
        "from thermoscope.kernels import FUSED_FROM, SCALAR_TO\n"
        "assert FUSED_FROM == SCALAR_TO + 1\n"  # what is between takes NumPy 20 times as long
        "for shape in (10, (50, 10), SCALAR_TO):\n"
        "    ts.softmax(np.zeros(shape)); ts.log_softmax(np.zeros(shape, 'f4'))\n"
        "assert 'numba' not in sys.modules\n"
        "ts.softmax(np.zeros(FUSED_FROM))\n"
        "assert 'numba' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_numba_the_numpy_kernel_computes_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "_has_numba", lambda: False)
    assert kernels.choose(10**9).__name__ == "thermoscope.kernels.numpy"
    with pytest.raises(ImportError, match=r"needs numba: pip install 'thermoscope\[fast\]'"):
        kernels.use("fused").__enter__()


def test_the_rule_and_its_exceptions() -> None:
    assert kernels.choose(10).__name__ == "thermoscope.kernels.numpy"
    assert kernels.choose(kernels.FUSED_FROM).__name__ == "thermoscope.kernels.fused"
    with kernels.use("fused", threads=3):
        assert kernels.choose(10).__name__ == "thermoscope.kernels.fused"
        assert kernels.thread_count() == 3
        with kernels.use("numpy"):
            assert kernels.choose(10**9).__name__ == "thermoscope.kernels.numpy"
            assert kernels.thread_count() == 3
    assert kernels.choose(10).__name__ == "thermoscope.kernels.numpy"
    with pytest.raises(ValueError, match="kernel must be 'numpy' or 'fused', got 'gpu'"):
        kernels.use("gpu").__enter__()
    with pytest.raises(ValueError, match="threads must be >= 1, got 0"):
        kernels.use(threads=0).__enter__()


@pytest.mark.parametrize(("asked", "count"), [("3", 3), ("0", None), ("many", None), ("", None)])
def test_threads_follow_the_environment(
    monkeypatch: pytest.MonkeyPatch, asked: str, count: int | None
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", asked)
    kernels._default_threads.cache_clear()
    try:
        assert kernels.thread_count() == (count or len(os.sched_getaffinity(0)))
    finally:
        kernels._default_threads.cache_clear()


def test_many_callers_at_once() -> None:
    z = np.random.default_rng(0).normal(0, 3, (3000, 200))
    want = ts.softmax(z)
    with ThreadPoolExecutor(4) as pool:
        for got in pool.map(ts.softmax, [z] * 12):
            np.testing.assert_array_equal(got, want)


def test_a_forked_child_has_threads_of_its_own() -> None:
    # In a process of its own: JAX, which other tests load, warns of every fork.
    code = (
        "import os, sys, numpy as np, thermoscope as ts\n"
        "z = np.random.default_rng(0).normal(0, 3, (6000, 200))\n"
        "want = ts.softmax(z)\n"
        "child = os.fork()\n"
        "if child == 0: os._exit(0 if np.array_equal(ts.softmax(z), want) else 1)\n"
        "sys.exit(os.waitpid(child, 0)[1] != 0)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_a_list_and_an_array_give_the_same_digits() -> None:
    row = [2.0, 1.0, 0.1, -3.0]
    want = ts.softmax(np.array(row), 0.7)
    for logits, temperature, axis in (
        (row, 0.7, -1),
        (tuple(row), np.float64(0.7), 0),
        (np.array(row), 0.7, None),
    ):
        np.testing.assert_array_equal(ts.softmax(logits, temperature, axis=axis), want)
    np.testing.assert_array_equal(ts.softmax([2, 1, 0], 2), ts.softmax(np.array([2.0, 1, 0]), 2.0))


@hypothesis.given(
    st.sampled_from([np.float32, np.float64]).flatmap(
        lambda dtype: hypothesis.extra.numpy.arrays(
            dtype,
            st.integers(1, kernels.SCALAR_TO),
            elements=st.floats(-1e3, 1e3, width=32) | st.floats(width=32),
        )
    ),
    st.floats(1e-4, 1e4) | st.floats(0),
)
@hypothesis.example(
    # Of whose total another bit would be a tie, but for lanes far below it.
    np.array(
        [
            *(-8.247690977811914, 6.947403058575851, 15.483465801512908, -9.348632526515486),
            *(0.4509314144382464, -15.761907312474307, -4.120698584147193, 15.543325239143059),
            -4.3082300882451925,
        ]
    ),
    0.031260374613589686,
)
def test_compiled_or_not_the_scalar_kernel_gives_the_same_digits(
    row: NDArray[Any], temperature: float
) -> None:
    for log, compute in ((False, scalar.softmax), (True, scalar.log_softmax)):
        shares = compute(row.tolist(), temperature, wide=row.itemsize == 8)
        out = np.full_like(row, 7)
        assert few.ROWS[row.dtype][0](row, temperature, log, out) == (shares is not None)
        want = np.full_like(row, 7)
        if shares is not None:
            with np.errstate(over="ignore"):
                want = np.array(shares).astype(row.dtype)
        assert out.tobytes() == want.tobytes()


def in_any_way(rows: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """Yield the same logits as they may lie in memory."""
    yield rows
    yield np.asfortranarray(rows)
    yield rows[::-1, ::-1].copy()[::-1, ::-1]
    yield np.repeat(rows, 3, axis=-1)[:, ::3]
    odd = np.zeros(rows.nbytes + 1, np.uint8)[1:].view(rows.dtype).reshape(rows.shape)
    odd[...] = rows
    yield odd
    frozen = rows.copy()
    frozen.flags.writeable = False
    yield frozen


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_few_logits_are_compiled_as_they_lie(
    dtype: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = np.random.default_rng(0).normal(0, 3, (7, 11)).astype(dtype)
    rows[1, 2] = -1000
    ts.softmax(np.zeros(kernels.FUSED_FROM))  # which loads numba
    for function in (ts.softmax, ts.log_softmax):
        want = np.array([function(row.tolist(), 0.7) for row in rows.astype(np.float64)])
        with monkeypatch.context() as context:
            context.setattr(definition, "_along", None)  # what is slower
            got = [function(logits, 0.7) for logits in in_any_way(rows)]
            vectors = [function(logits[4], 0.7) for logits in in_any_way(rows)]
        for result, vector in zip(got, vectors, strict=True):
            assert result.flags.c_contiguous
            np.testing.assert_allclose(result, want, rtol=3 * np.finfo(dtype).eps)
            np.testing.assert_array_equal(result, got[0])
            np.testing.assert_array_equal(vector, got[0][4])


@pytest.mark.parametrize("kernel", [None, "numpy", "fused"])
@pytest.mark.parametrize("shape", [(9,), (5, 9), (2, 3, 9), (150,), (60, 50)])
def test_a_result_may_overlap_the_logits(shape: tuple[int, ...], kernel: str | None) -> None:
    size = np.prod(shape)
    for shift, dtype in itertools.product((-3, 0, 3), (np.float32, np.float64)):
        both = np.random.default_rng(0).normal(0, 3, size + 3).astype(dtype)
        logits = both[max(-shift, 0) :][:size].reshape(shape)
        out = both[max(shift, 0) :][:size].reshape(shape)
        with kernels.use(kernel):
            want = ts.softmax(logits, 0.7)
            assert ts.softmax(logits, 0.7, out=out) is out
        np.testing.assert_array_equal(out, want)


@pytest.mark.parametrize("kernel", ["numpy", "fused"])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_a_lane_alone_has_exactly_all_of_the_weight(kernel: str, dtype: type) -> None:
    logits = np.random.default_rng(0).normal(0, 30, (5000, 1)).astype(dtype)
    with kernels.use(kernel):
        for row, axis in ((logits, -1), (logits.T, 0), (logits[:, None], 2)):
            for temperature in (0.1, 1, np.full([1] * row.ndim, 0.7)):
                assert (ts.softmax(row, temperature, axis=axis) == 1).all()
                assert (ts.log_softmax(row, temperature, axis=axis) == 0).all()


@pytest.mark.skipif(not simd.ROOMY, reason="without AVX-512 all other tests go this way")
def test_without_avx512_it_is_as_accurate() -> None:
    code = (
        "import numpy as np, thermoscope as ts\n"
        "from thermoscope.kernels import simd, use\n"
        "assert not simd.ROOMY\n"
        "rng = np.random.default_rng(0)\n"
        "for shape in ((200, 1000), (3, 9000), (2000, 10), (1, 70_000)):\n"
        "    for scale in (0.01, 1, 10, 60):\n"
        "        z = rng.normal(0, scale, shape).astype('f4')\n"
        "        with use('numpy'):\n"
        "            want = ts.softmax(z.astype(float))\n"
        "        for got in (ts.softmax(z), ts.softmax(z.T.copy(), axis=0).T):\n"
        "            spacing = np.spacing(np.maximum(want, 2.0**-126).astype('f4'))\n"
        "            worst = abs((got - want) / spacing).max()\n"
        "            assert worst <= 2, (shape, scale, worst)\n"
    )
    features = {"NUMBA_CPU_NAME": "x86-64-v3", "NUMBA_CPU_FEATURES": "+avx,+avx2,+fma"}
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, **features})


def test_the_scalar_kernel_is_compiled_once_numba_is_loaded() -> None:
    code = (
        "import numpy as np, thermoscope as ts\n"
        "from thermoscope import kernels\n"
        "row, rows = np.linspace(-3, 30, 77), np.linspace(-3, 30, 504).reshape(2, 36, 7)\n"
        "odd, single = rows.copy(), rows.astype('f4')\n"
        "odd[1, 3, 2] = np.inf\n"
        "def results():\n"
        "    for logits in (row, row[::-1], rows, single, rows.swapaxes(0, 1), rows * 1e5, odd):\n"
        "        for function in (ts.softmax, ts.log_softmax):\n"
        "            wide = np.zeros((*logits.shape, 2), logits.dtype)\n"
        "            function(logits, 0.7, out=wide[..., 0])\n"
        "            own = logits.copy()\n"
        "            function(own, 0.7, out=own)\n"
        "            yield from (function(logits, 0.7), wide[..., 0], own)\n"
        "before = list(results())\n"
        "assert not kernels.FEW\n"
        "ts.softmax(np.zeros((100, 100)))\n"
        "assert kernels.FEW\n"
        "for then, now in zip(before, results(), strict=True):\n"
        "    np.testing.assert_array_equal(then, now)\n"
        "for new, wide, own in zip(before[::3], before[1::3], before[2::3], strict=True):\n"
        "    np.testing.assert_array_equal(new, wide)\n"
        "    np.testing.assert_array_equal(new, own)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(600, 10), (3, 40, 90), (70_000,), (2, 3000)])
def test_a_number_and_an_array_as_temperature_give_the_same_digits(
    dtype: type, shape: tuple[int, ...]
) -> None:
    logits = np.random.default_rng(0).normal(0, 5, shape).astype(dtype)
    logits.reshape(-1, shape[-1])[0, 2] = INF
    for function, temperature in itertools.product((ts.softmax, ts.log_softmax), (0, 0.3, 1, INF)):
        # Which is no number: then everything is checked.
        want = function(logits, np.array(temperature, float))
        frozen = logits.copy()
        frozen.flags.writeable = False
        np.testing.assert_array_equal(function(frozen, temperature, axis=len(shape) - 1), want)
        out = np.empty_like(logits)
        assert function(logits, np.float64(temperature), out=out) is out
        np.testing.assert_array_equal(out, want)
        both = np.concatenate([logits.reshape(-1), np.zeros(shape[-1], dtype)])
        function(
            both[: -shape[-1]].reshape(shape), temperature, out=both[shape[-1] :].reshape(shape)
        )
        np.testing.assert_array_equal(both[shape[-1] :].reshape(shape), want)
        out = logits.copy()
        function(out, temperature, out=out)
        np.testing.assert_array_equal(out, want)


def test_an_error_in_a_thread_is_an_error_of_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise MemoryError("no room")

    monkeypatch.setattr(fused, "_piece", fail)
    with kernels.use("fused", threads=2), pytest.raises(MemoryError, match="no room"):
        ts.softmax(np.zeros((3000, 400))[:, ::2])


def test_an_error_in_compiled_code_is_an_error_of_the_call() -> None:
    @numba.njit
    def fail(number: int, counts: NDArray[np.int64], parts: int) -> None:
        while team.take(counts, number, parts) < parts:
            if counts.sum() > 3:
                raise ValueError

    @numba.njit
    def call(desk: NDArray[np.int64], helpers: int, parts: int) -> None:
        team.together(desk, helpers, *team.written(fail, (team.counts(0), parts)))

    for helpers in (0, 1):
        call(team.desk, team.call(helpers), 3)
        with pytest.raises(MemoryError, match="no room for the scratch arrays"):
            call(team.desk, team.call(helpers), 5)


def test_memory_that_was_freed_is_not_used() -> None:
    """With glibc, whoever reads such memory gets a fault, or 0xa5 where it is of a few bytes."""
    code = (
        "import numpy as np, thermoscope as ts\n"
        "from thermoscope import kernels\n"
        "for shape, axis in (\n"
        "    ((50_000, 10), -1), ((200, 3000), -1), ((5, 200, 700), 1),\n"
        "    ((300, 5000), 0), ((70_000,), -1),\n"
        "):\n"
        "    logits = np.random.default_rng(0).normal(0, 3, shape)\n"
        "    for function in (ts.softmax, ts.log_softmax):\n"
        "        with kernels.use('numpy'):\n"
        "            want = function(logits, 0.7, axis=axis)\n"
        "        for threads in (1, 3):\n"
        "            with kernels.use('fused', threads=threads):\n"
        "                got, own = function(logits, 0.7, axis=axis), logits.copy()\n"
        "                function(own, 0.7, axis=axis, out=own)\n"
        "            np.testing.assert_allclose(got, want, 1e-12)\n"
        "            np.testing.assert_allclose(own, want, 1e-12)\n"
        "from thermoscope.kernels import fused\n"
        "rows = np.random.default_rng(0).normal(0, 3, (3000, 50))\n"
        "for lanes in (50, 10):\n"
        "    both = (kind.moments(rows[:, :lanes], 0.7) for kind in (fused, kernels.numpy))\n"
        "    np.testing.assert_allclose(*both, 1e-9)\n"
    )
    tunables = ("mmap_threshold=16384", "mmap_max=60000", "tcache_count=0")
    environment = {
        **os.environ,
        "GLIBC_TUNABLES": ":".join(f"glibc.malloc.{tunable}" for tunable in tunables),
        "MALLOC_PERTURB_": "165",
    }
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)


def test_callers_on_several_threads_do_not_disturb_each_other() -> None:
    rng = np.random.default_rng(0)
    arrays = [rng.normal(0, 3, shape).astype(np.float32) for shape in ((300, 1000), (1, 300_000))]
    with kernels.use("fused", threads=1):
        wants = [ts.softmax(z) for z in arrays]

    def compute(index: int) -> None:
        with kernels.use("fused", threads=2):
            for _ in range(50):
                result = ts.softmax(arrays[index % 2])
                np.testing.assert_array_max_ulp(result, wants[index % 2], maxulp=1)

    with ThreadPoolExecutor(4) as pool:
        for future in [pool.submit(compute, index) for index in range(4)]:
            future.result()


@pytest.mark.parametrize("lock", [False, True])
def test_a_helper_takes_part(*, lock: bool) -> None:
    """Also where the caller keeps the interpreter's lock: one that never rests all but does."""
    if lock and not team.HAS_READ:
        pytest.skip("here helpers wake in Python")

    @numba.njit(nogil=True)
    def note(number: int, counts: NDArray[np.int64], parts: NDArray[np.int64]) -> None:
        part = team.take(counts, number, len(parts))
        looks = 0
        while team._read(counts, 0) < len(parts) and looks < 1_000_000:
            looks = team._breathe(looks)
        if part < len(parts):
            parts[part] = 1

    @numba.njit(nogil=not lock)
    def call(desk: NDArray[np.int64], helpers: int, parts: NDArray[np.int64]) -> None:
        team.together(desk, helpers, *team.written(note, (team.counts(0), parts)))

    call(team.desk, 0, np.zeros(1, np.int64))  # compiles
    # Each thread does one part, so that two are done by two. A helper may come late, not always.
    helped = 0
    for _ in range(20):
        time.sleep(0.01)
        parts = np.zeros(2, np.int64)
        call(team.desk, team.call(1), parts)
        helped += parts.all()
    assert helped > 5


@pytest.mark.parametrize("parts", [0, 1, 2, 7, 100])
def test_parts_are_taken_once_and_first_by_whose_they_are(parts: int) -> None:
    counts = team.counts(2)
    order = [0, 2, 2, 1, *[0] * parts, 1, 2]
    taken = [(number, team.take(counts, number, parts)) for number in order]
    done = [part for _, part in taken if part < parts]
    assert sorted(done) == list(range(parts))
    if parts >= 7:
        assert [part for _, part in taken[:4]] == [
            0,
            parts * 2 // 3,
            parts * 2 // 3 + 1,
            parts // 3,
        ]


@pytest.mark.skipif(not team.HAS_CORES, reason="this system says nothing about its cores")
def test_a_helper_leaves_the_core_of_its_caller() -> None:
    @numba.njit
    def move(desk: NDArray[np.int64]) -> tuple[int, int]:
        desk[team.HERE] = team._core()
        team._step_aside(desk)
        return desk[team.HERE], team._core()

    allowed = os.sched_getaffinity(0)
    desk = np.zeros_like(team.desk)
    moves = [move(desk) for _ in range(20)]
    if len(allowed) > 1:  # and hardly ever has the system moved it back in the meantime
        assert sum(before != after for before, after in moves) > 10
    assert os.sched_getaffinity(0) == allowed
    os.sched_setaffinity(0, {min(allowed)})
    try:
        assert move(desk) == (min(allowed), min(allowed))
        assert os.sched_getaffinity(0) == {min(allowed)}
    finally:
        os.sched_setaffinity(0, allowed)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("temperature", [1e-5, 0.01, 1.0, 30.0, 1e6, INF, 5e-324, 1e308])
def test_the_moments_of_both_kernels_agree(dtype: type, temperature: float) -> None:
    rng = np.random.default_rng(0)
    for shape in ((9, 1), (30, 10), (30, 48), (20, 1000), (4, 5000)):
        z = rng.normal(0, 3, shape).astype(dtype)
        z[rng.random(shape) < 0.1] = -INF
        z[0, -1], z[1, 0], z[2] = NAN, INF, -INF
        want = kernels._module("numpy").moments(z, temperature)
        for one, other in zip(fused.moments(z[:, ::-1], temperature), want, strict=True):
            # float32 is weighed as it is, and 2 ** -160 is 0 there; of the variance there is what
            # is left of a difference of squares.
            tolerance = (1e-6, 2.0**-150) if dtype is np.float32 else (1e-11, 0.0)
            np.testing.assert_allclose(one, other, *tolerance)


@pytest.mark.parametrize(
    ("dtype", "lanes", "error"),
    # What is short is weighed in doubles.
    [(np.float32, 60, 1e-5), (np.float64, 60, 1e-13), (np.float32, 10, 1e-13)],
)
def test_the_moments_are_those_of_exact_arithmetic(dtype: type, lanes: int, error: float) -> None:
    z = np.random.default_rng(1).normal(0, 4, (3, lanes)).astype(dtype)
    z[1, 7] = 50.0
    for temperature in (0.05, 0.7, 2.0, 1e4):
        got = fused.moments(z, temperature)
        for row, one in zip(z, zip(*got, strict=True), strict=True):
            with mpmath.workdps(50):
                below = [mpmath.mpf(float(lane)) - float(row.max()) for lane in row]
                weights = [mpmath.exp(lane / temperature) for lane in below]
                total = mpmath.fsum(weights)
                mean = mpmath.fdot(weights, below) / total
                variance = (
                    mpmath.fsum(
                        weight * (lane - mean) ** 2
                        for weight, lane in zip(weights, below, strict=True)
                    )
                    / total
                )
                rest = mpmath.fsum(weights) - 1
            want = [float(mpmath.log1p(rest)), float(mean), float(variance)]
            np.testing.assert_allclose(one, want, rtol=error)
