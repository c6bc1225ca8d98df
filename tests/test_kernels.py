"""The kernels: which one computes, how exact each is, that all agree in all layouts."""

from __future__ import annotations

import itertools
import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import mpmath
import numpy as np
import pytest

import thermoscope as ts
from thermoscope import definition, kernels
from thermoscope.kernels import native, reference

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

INF, NAN = float("inf"), float("nan")
KERNELS = [kernel.name for kernel in kernels.available() if kernel.runs]
NATIVE = [name for name in KERNELS if name != "reference"]
# Constants of rows.h and exp2.h: entries of a block; octaves by which a block may exceed the blocks
# before it; octaves from which the maximum is subtracted first.
BLOCK, HEADROOM, FAR = 2560, 4, 16384

# Rows of each kind that the native kernel leaves to the reference, and finite ones between them.
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


@pytest.mark.parametrize("kernel", NATIVE)
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, ">f4", np.int64])
@pytest.mark.parametrize("entries", [1, 5, 47, 48, 1000])
def test_the_kernels_agree_in_every_layout(kernel: str, dtype: type | str, entries: int) -> None:
    rng = np.random.default_rng(entries)
    rows = rng.normal(0, 20, (90, entries))
    if np.dtype(dtype).kind == "f":
        odd = np.resize(ROWS[:, : min(5, entries)], (90, min(5, entries)))
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
        "between": (np.ascontiguousarray(rows.reshape(3, 30, entries).swapaxes(1, 2)), 1),
        "backwards": (rows[::-1], -1),
    }
    for (name, (z, axis)), t, where in itertools.product(
        layouts.items(), temperatures, (False, True)
    ):
        if isinstance(t, np.ndarray) and name != "rows":
            continue
        m = mask if name == "rows" and where else None
        for function in (ts.softmax, ts.log_softmax):
            with kernels.use("reference"):
                want = function(z, t, axis=axis, where=m)
            for threads in (1, 2):
                with kernels.use(kernel, threads=threads):
                    got = function(z, t, axis=axis, where=m)
                assert got.dtype == want.dtype
                close = 4 * np.finfo(want.dtype).eps
                tiny = np.finfo(want.dtype).smallest_subnormal
                np.testing.assert_allclose(got, want, rtol=close, atol=2 * tiny, err_msg=name)


@pytest.mark.parametrize("kernel", NATIVE)
@pytest.mark.parametrize("shape", [(1, 1_100_000), (3, 90_000), (30_000, 7), (2, 40, 3000)])
def test_threads_and_results_in_place_change_no_digit(kernel: str, shape: tuple[int, ...]) -> None:
    z = np.random.default_rng(0).normal(0, 3, shape).astype(np.float32)
    for axis in range(-1, len(shape) - 1):
        for function in (ts.softmax, ts.log_softmax):
            with kernels.use(kernel, threads=2):
                want = function(z, 0.5, axis=axis)
                place = z.copy()
                assert function(place, 0.5, axis=axis, out=place) is place
            np.testing.assert_array_equal(place, want)
            with kernels.use(kernel, threads=1):
                got = function(z, 0.5, axis=axis)
            # Threads sum the parts of a row in another order.
            np.testing.assert_allclose(got, want, rtol=2e-7)
            if shape[0] > 1:
                np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("kernel", NATIVE)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("entries", [BLOCK, BLOCK + 1, 3 * BLOCK + 7, 70_003])
def test_rows_of_several_blocks_agree_wherever_the_maximum_is(
    kernel: str, dtype: type, entries: int
) -> None:
    rng = np.random.default_rng(entries)
    block = np.arange(entries) // BLOCK
    octaves = np.array([0, 0.5, 0.99, 1, 1.01, 2, 40]) * HEADROOM
    rows = {
        **{f"each block {n} octaves above the last": block * n * np.log(2) for n in octaves},
        **{
            f"one {n} octaves above": (np.arange(entries) == entries - 2) * n
            for n in (3, 30, 1e4, 1e30)
        },
        "falling": -3.0 * block,
        "far above": np.full(entries, 2e4),
        "far below": np.full(entries, -3e4),
        "farther and farther": 9e3 * block,
        "first block of -inf": np.where(block > 0, 0.0, -INF),
        "an infinite one": np.where(np.arange(entries) == entries - 1, INF, 0),
        "NaN": np.where(np.arange(entries) == entries // 2, NAN, 0),
        "every entry -inf": np.full(entries, -INF),
    }
    z = (np.stack([*rows.values()]) + rng.normal(0, 1, (len(rows), entries))).astype(dtype)
    with kernels.use("reference"):
        want = ts.softmax(z)
    for threads in (1, 2):
        with kernels.use(kernel, threads=threads):
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


@pytest.mark.parametrize("kernel", NATIVE)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "entries", [2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 47, 48, 50, 79, 80, 159, 160]
)
def test_short_rows_agree_and_memory_around_them_is_unchanged(
    kernel: str, dtype: type, entries: int
) -> None:
    """Whole vectors are read and written, wherever the array begins and ends."""
    rng = np.random.default_rng(entries)
    before, after = 5, 40
    # Counts that fill whole tiles or not, and enough rows for two threads.
    for count in (*range(64, 70), 95, 1200 // entries, 70_000 // entries):
        z = rng.normal(0, 5, (count, entries)).astype(dtype)
        z[::13, -1] = np.resize([NAN, INF, -INF, 2e4], z[::13].shape[0])
        for t in (0.7, rng.choice([0.3, 1.0, 30.0, INF], (count, 1))):
            with kernels.use("reference"):
                want = ts.softmax(z, t)
            for threads, source in itertools.product((1, 2), ("other", "itself")):
                memory = np.full(before + z.size + after, 0.5, dtype)
                out = memory[before : before + z.size].reshape(z.shape)
                if source == "itself":
                    out[:] = z
                with kernels.use(kernel, threads=threads):
                    ts.softmax(out if source == "itself" else z, t, out=out)
                assert (memory[:before] == 0.5).all()
                assert (memory[before + z.size :] == 0.5).all()
                np.testing.assert_allclose(
                    out,
                    want,
                    rtol=4 * np.finfo(dtype).eps,
                    atol=2 * np.finfo(dtype).smallest_subnormal,
                )


@pytest.mark.parametrize("kernel", NATIVE)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("odd", [(), (7,), (0, 88, 89)])
def test_long_columns_agree(kernel: str, dtype: type, odd: tuple[int, ...]) -> None:
    """Columns are computed in the result itself unless one has a NaN or an infinity."""
    z = np.random.default_rng(0).normal(0, 5, (2, 9000, 90)).astype(dtype)
    for column in odd:
        z[1, 1234, column] = [NAN, INF][column % 2]
    for function in (ts.softmax, ts.log_softmax):
        with kernels.use("reference"):
            want = function(z, 0.7, axis=1)
        for threads in (1, 2):
            with kernels.use(kernel, threads=threads):
                got, place = function(z, 0.7, axis=1), z.copy()
                function(place, 0.7, axis=1, out=place)
            np.testing.assert_allclose(got, want, rtol=4 * np.finfo(dtype).eps)
            np.testing.assert_array_equal(place, got)


def kernel_moments(name: str, rows: NDArray[Any], temperature: float) -> tuple[NDArray[Any], ...]:
    """Return the moments of a kernel."""
    with kernels.use(name):
        moments: tuple[NDArray[Any], ...] = kernels.choose().moments(rows, temperature)
    return moments


def exact(row: np.ndarray, temperature: float) -> tuple[list[Any], list[Any]]:
    """Return softmax and its logarithm in 60 digits."""
    with mpmath.workdps(400):
        z = [mpmath.mpf(float(logit)) for logit in row]
        shifted = [(logit - max(z)) / mpmath.mpf(temperature) for logit in z]
        exp_z = [mpmath.exp(q) for q in shifted]
        total = mpmath.fsum(exp_z)
        return [e / total for e in exp_z], [q - mpmath.log(total) for q in shifted]


def adversarial(dtype: type) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(5)
    near = np.full(40, 100.0) + rng.integers(-3, 4, 40) * np.spacing(dtype(100.0))
    return {
        "wide": rng.normal(0, 100, 60),
        "offset": 12345.678 + rng.normal(0, 3, 60),
        "near ties": near,
        # At T = 1, some maxima are beyond FAR, from which the native kernel subtracts them.
        "far": FAR * np.log(2) + rng.normal(0, 3, 60),
        "one dominant entry": np.append(rng.normal(-30, 1, 59), 0.0),
        "tiny spread": rng.normal(0, 1e-6, 60),
        "few": rng.normal(0, 3, 3),
    }


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", list(adversarial(np.float64)))
def test_results_are_within_2_ulp_of_exact_arithmetic(name: str, dtype: type, kernel: str) -> None:
    row = adversarial(dtype)[name].astype(dtype)
    info = np.finfo(dtype)
    for temperature in (1e-4, 0.037, 1 / 3, 1.0, 7.3, 1e4):
        wants = exact(row, temperature)
        # As a single row, as many equal rows and as many equal columns.
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


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rows_of_many_equal_entries_are_within_2_ulp(dtype: type, kernel: str) -> None:
    """With equal entries, all roundings of a sum have the same sign."""
    for entries, difference in itertools.product((1000, 1 << 20), (0.0, 7.0, 9.7, 19.3)):
        row = np.full(entries, -difference, dtype)
        row[entries // 3] = 0
        top, rest = exact(np.array([0, -difference], dtype), 1.0)[0]
        with mpmath.workdps(50):
            ratio = rest / top
            total = 1 + (entries - 1) * ratio
            wants = 1 / total, ratio / total
        # The reference kernel has no threads.
        for threads in (1,) if kernel == "reference" else (1, 2):
            with kernels.use(kernel, threads=threads):
                p = ts.softmax(row)
                columns = ts.softmax(np.tile(row[:, None], (1, 17)), axis=0)[:, 4]
            for one, (place, want) in itertools.product(
                (p, columns), ((entries // 3, wants[0]), (0, wants[1]), (entries - 1, wants[1]))
            ):
                assert abs(mpmath.mpf(float(one[place])) - want) <= 2 * float(
                    np.spacing(dtype(want))
                )


@pytest.mark.parametrize("kernel", NATIVE)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("entries", [5, 75])
def test_nan_is_found_wherever_it_is(kernel: str, dtype: type, entries: int) -> None:
    """The native maximum ignores a NaN: the row must not pass for one of numbers."""
    rows = np.tile(np.arange(entries, dtype=dtype), (3 * entries, 1))
    for place in range(entries):
        rows[3 * place + 1, place] = NAN
        rows[3 * place + 2, [place, place - 1]] = NAN, INF
    with kernels.use(kernel):
        for function in (ts.softmax, ts.log_softmax):
            got, column, own = function(rows), function(rows.T.copy(), axis=0), rows.copy()
            function(own, out=own)
            for result in (got, column.T, own):
                assert np.isnan(result[1::3]).all()
                assert np.isnan(result[2::3]).all()
                np.testing.assert_allclose(result[::3], function(rows[:1]).repeat(entries, 0), 1e-6)


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


def test_many_callers_at_once_get_the_same_results() -> None:
    z = np.random.default_rng(0).normal(0, 3, (3000, 200))
    want = ts.softmax(z)
    with ThreadPoolExecutor(4) as pool:
        for got in pool.map(ts.softmax, [z] * 12):
            np.testing.assert_array_equal(got, want)


def test_the_kernels_that_are_available_run() -> None:
    assert KERNELS[-1] == "reference"
    for kernel in kernels.available():
        assert kernel.detail
        if kernel.runs:
            with kernels.use(kernel.name):
                assert ts.softmax([0.0, 0.0]).tolist() == [0.5, 0.5]
        else:
            with pytest.raises(ImportError, match=f"'{kernel.name}' does not run here: .+"):
                kernels.use(kernel.name).__enter__()


def test_use_chooses_the_kernel_and_the_threads() -> None:
    best = reference if native.MODULE is None else native.Native(len(NATIVE) - 1, 3)
    with kernels.use(threads=3):
        assert kernels.choose() == best
        assert kernels.thread_count() == 3
        with kernels.use("reference"):
            assert kernels.choose() is reference
            assert kernels.thread_count() == 3
        assert kernels.choose() == best
    with pytest.raises(
        ValueError, match=r"kernel must be one of 'native', .*'reference', got 'gpu'"
    ):
        kernels.use("gpu").__enter__()
    with pytest.raises(ImportError, match="the kernel 'native-v9' does not run here: "):
        kernels.use("native-v9").__enter__()
    with pytest.raises(ValueError, match="threads must be >= 1, got 0"):
        kernels.use(threads=0).__enter__()


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


def in_every_layout(rows: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """Yield the same logits in several memory layouts."""
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
    yield rows.astype(rows.dtype.newbyteorder())


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(7, 11), (70, 30), (3, 3000), (20_000, 4)])
def test_the_memory_layout_does_not_change_the_results(
    shape: tuple[int, int], dtype: type, kernel: str
) -> None:
    rows = np.random.default_rng(0).normal(0, 3, shape).astype(dtype)
    rows[1, 2] = -1000
    for function in (ts.softmax, ts.log_softmax):
        with kernels.use("reference"):
            want = function(rows, 0.7)
        with kernels.use(kernel):
            for logits in in_every_layout(rows):
                got = function(logits, 0.7)
                assert got.dtype == logits.dtype
                np.testing.assert_allclose(got, want, rtol=3 * np.finfo(dtype).eps)
                np.testing.assert_allclose(
                    function(logits[1], 0.7), want[1], rtol=3e-7 if dtype == np.float32 else 6e-16
                )
        repeated = np.broadcast_to(rows[:1], rows.shape)  # strides of 0
        with kernels.use(kernel):
            np.testing.assert_allclose(
                function(repeated, 0.7), want[[0] * len(rows)], rtol=3 * np.finfo(dtype).eps
            )


def test_the_fast_path_agrees_with_the_general_path_and_leaves_the_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It returns None for all other types, layouts and arguments."""
    rows = np.random.default_rng(0).normal(0, 3, (7, 11))
    with kernels.use():
        want = ts.softmax(rows, 2), ts.softmax(rows, 0.5, axis=0)
    if native.MODULE is None:
        pytest.skip(f"there is no native kernel: {native.REASON}")
    for slow in (
        (rows.astype(">f8"), 2.0, -1, None),
        (rows[:, ::2], 2.0, -1, None),
        (rows, -1.0, -1, None),
        (rows, NAN, -1, None),
        (rows, 10**400, -1, None),
        (rows, "1", -1, None),
        (rows, np.ones((7, 1)), -1, None),
        (rows, 1.0, 2, None),
        (rows, 1.0, -3, None),
        (rows, 1.0, None, None),
        (rows, 1.0, (0, 1), None),
        (rows, 1.0, -1, rows[:, 1:]),
        (rows, 1.0, -1, rows.astype("f4")),
        (rows, 1.0, -1, [0.0]),
        (rows.astype(int), 1.0, -1, None),
        (rows[:0], 1.0, -1, None),
        (rows[:, :0], 1.0, -1, None),
        (np.float64(1), 1.0, -1, None),
        (np.array(1.0), 1.0, -1, None),
        (rows.view(np.matrix), 1.0, -1, None),
        (np.ma.array(rows), 1.0, -1, None),
        (rows[0].tolist(), 1.0, -1, None),
    ):
        assert kernels.fast_softmax(*slow) is None
    both = np.zeros(8)
    assert kernels.fast_softmax(both[:-1], 1.0, -1, both[1:]) is None
    frozen = rows.copy()
    frozen.flags.writeable = False
    assert kernels.fast_softmax(rows, 1.0, -1, frozen) is None
    with kernels.use():
        assert kernels.fast_softmax(rows, 1.0, -1, None) is None
    monkeypatch.setattr(definition, "_general", None)
    out = np.empty_like(rows)
    np.testing.assert_array_equal(ts.softmax(rows, 2), want[0])
    np.testing.assert_array_equal(ts.softmax(frozen, np.float64(2), axis=1), want[0])
    wide = np.repeat(rows, 3, axis=1)
    assert ts.softmax(wide, 0.5, axis=0).shape == wide.shape
    assert ts.softmax(rows, 2, out=out) is out


@pytest.mark.parametrize("kernel", [None, *KERNELS])
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


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_a_single_entry_has_probability_1(kernel: str, dtype: type) -> None:
    logits = np.random.default_rng(0).normal(0, 30, (5000, 1)).astype(dtype)
    with kernels.use(kernel):
        for row, axis in ((logits, -1), (logits.T, 0), (logits[:, None], 2)):
            for temperature in (0.1, 1, np.full([1] * row.ndim, 0.7)):
                assert (ts.softmax(row, temperature, axis=axis) == 1).all()
                assert (ts.log_softmax(row, temperature, axis=axis) == 0).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(600, 10), (3, 40, 90), (70_000,), (2, 3000)])
def test_a_number_and_an_array_as_temperature_give_the_same_digits(
    dtype: type, shape: tuple[int, ...]
) -> None:
    logits = np.random.default_rng(0).normal(0, 5, shape).astype(dtype)
    logits.reshape(-1, shape[-1])[0, 2] = INF
    for function, temperature in itertools.product((ts.softmax, ts.log_softmax), (0, 0.3, 1, INF)):
        # An array as temperature takes the general path.
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


@pytest.mark.parametrize("kernel", NATIVE)
def test_an_error_in_a_thread_is_an_error_of_the_call(
    kernel: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise MemoryError("no room")

    monkeypatch.setattr(native.Native, "_piece", fail)
    with kernels.use(kernel, threads=2), pytest.raises(MemoryError, match="no room"):
        ts.softmax(np.zeros((3000, 400))[:, ::2])


@pytest.mark.parametrize("kernel", NATIVE)
def test_callers_on_several_threads_do_not_disturb_each_other(kernel: str) -> None:
    rng = np.random.default_rng(0)
    arrays = [rng.normal(0, 3, shape).astype(np.float32) for shape in ((300, 1000), (1, 300_000))]
    with kernels.use(kernel, threads=1):
        wants = [ts.softmax(z) for z in arrays]

    def compute(index: int) -> None:
        with kernels.use(kernel, threads=2):
            for _ in range(50):
                result = ts.softmax(arrays[index % 2])
                np.testing.assert_array_max_ulp(result, wants[index % 2], maxulp=1)

    with ThreadPoolExecutor(4) as pool:
        for future in [pool.submit(compute, index) for index in range(4)]:
            future.result()


@pytest.mark.parametrize("kernel", NATIVE)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("temperature", [1e-5, 0.01, 1.0, 30.0, 1e6, INF, 5e-324, 1e308])
def test_the_moments_of_both_kernels_agree(kernel: str, dtype: type, temperature: float) -> None:
    rng = np.random.default_rng(0)
    for shape in ((9, 1), (30, 10), (30, 48), (20, 1000), (4, 5000)):
        z = rng.normal(0, 3, shape).astype(dtype)
        z[rng.random(shape) < 0.1] = -INF
        z[0, -1], z[1, 0], z[2] = NAN, INF, -INF
        want = reference.moments(z, temperature)
        for one, other in zip(kernel_moments(kernel, z[:, ::-1], temperature), want, strict=True):
            # float32 is summed in float32, where 2 ** -160 is 0 and the variance is a difference
            # of squares.
            tolerance = (1e-6, 2.0**-150) if dtype is np.float32 else (1e-11, 0.0)
            np.testing.assert_allclose(one, other, *tolerance)


@pytest.mark.parametrize("kernel", NATIVE)
@pytest.mark.parametrize(
    ("dtype", "entries", "error"),
    # Short rows are summed in float64.
    [(np.float32, 60, 1e-6), (np.float64, 60, 1e-13), (np.float32, 10, 1e-13)],
)
def test_the_moments_are_those_of_exact_arithmetic(
    kernel: str, dtype: type, entries: int, error: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reference, "moments", None)  # finite rows must not need it
    z = np.random.default_rng(1).normal(0, 4, (20, entries)).astype(dtype)
    z[1, 7] = 50.0
    for temperature in (0.05, 0.7, 2.0, 1e4):
        got = kernel_moments(kernel, z, temperature)
        for row, one in zip(z, zip(*got, strict=True), strict=True):
            with mpmath.workdps(120):
                below = [mpmath.mpf(float(logit)) - float(row.max()) for logit in row]
                exp_z = [mpmath.exp(logit / temperature) for logit in below]
                total = mpmath.fsum(exp_z)
                mean = mpmath.fdot(exp_z, below) / total
                variance = (
                    mpmath.fsum(
                        one_exp * (logit - mean) ** 2
                        for one_exp, logit in zip(exp_z, below, strict=True)
                    )
                    / total
                )
                rest = mpmath.fsum(exp_z) - 1
            want = [float(mpmath.log1p(rest)), float(mean), float(variance)]
            np.testing.assert_allclose(one, want, rtol=error, atol=2.0**-150)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("entries", [2, 3, 10, 17, 33, 47, 79, 100, 159, 160, 400])
def test_a_row_alone_and_among_others_has_the_same_digits(
    entries: int, dtype: type, kernel: str
) -> None:
    rows = np.random.default_rng(0).normal(0, 3, (200, entries)).astype(dtype)
    with kernels.use(kernel):
        for function in (ts.softmax, ts.log_softmax):
            together = function(rows, 0.7)
            np.testing.assert_array_equal([function(row, 0.7) for row in rows], together)
            np.testing.assert_array_equal(function(rows[:5], 0.7), together[:5])
