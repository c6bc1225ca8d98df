"""Passes: arrays, batches and data sets of the same rows give the same results."""

from __future__ import annotations

import itertools
import math
import tempfile
import tracemalloc
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import thermoscope as ts
from thermoscope import kernels
from thermoscope.passes import ProbabilitiesWarning, local, rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

INF, NAN = math.inf, math.nan


def drawn(
    seed: int, n: int = 200, classes: int = 5, temperature: float = 1.7
) -> tuple[np.ndarray, np.ndarray]:
    """Return logits, and targets drawn from their softmax at a temperature."""
    draw = np.random.default_rng(seed)
    logits = draw.normal(0, 2, (n, classes))
    return logits, ts.sample(logits, temperature, rng=draw)


def one_shot(batches: list[Any]) -> Iterator[Any]:
    yield from batches


class Data:
    """The smallest data set: rows in blocks of 13."""

    def __init__(self, rows: np.ndarray) -> None:
        self.rows, self.shape, self.dtype = rows, rows.shape, rows.dtype

    def blocks(self, start: int, stop: int) -> Iterator[np.ndarray]:
        for first in range(start, stop, 13):
            yield self.rows[first : min(first + 13, stop)]


CASES = Path(__file__).parent / "data" / "cases"


def case(name: str) -> np.ndarray:
    return np.load(CASES / f"{name}.npy")


Z = [[0.0, 1.0, 2.0], [2.0, 1.0, 0.0]]


def test_arrays_batches_and_iterators_of_the_same_rows_give_the_same_fit(tmp_path: Path) -> None:
    torch, jnp = pytest.importorskip("torch"), pytest.importorskip("jax.numpy")
    logits, targets = drawn(10)
    logits = logits.astype(np.float32)
    want = ts.fit_temperature(logits, targets).temperature
    np.save(tmp_path / "logits.npy", logits)
    cuts = [0, 7, 90, 90, 200]
    batches = [(logits[a:b], targets[a:b]) for a, b in itertools.pairwise(cuts)]
    weighted = [(z, y, np.ones(len(y))) for z, y in batches]
    cases: list[tuple[Any, ...]] = [
        (np.load(tmp_path / "logits.npy", mmap_mode="r"), targets),
        (logits.tolist(), targets.tolist()),
        (logits.astype(">f8"), targets.astype(np.uint8)),
        (torch.tensor(logits, requires_grad=True), torch.tensor(targets)),
        (jnp.asarray(logits), jnp.asarray(targets)),
        (logits, targets.astype(float)),
        (batches,),
        (weighted,),
        (lambda: one_shot(batches),),
        (one_shot(batches),),
        (one_shot(weighted),),
        ([(torch.tensor(z), torch.tensor(y)) for z, y in batches],),
        (one_shot([(torch.tensor(z), torch.tensor(y)) for z, y in batches]),),
    ]
    for case in cases:
        assert ts.fit_temperature(*case).temperature == pytest.approx(want, rel=1e-12)
    for axis, shape in ((0, (2, 0, 1)), (1, (0, 2, 1)), (-1, (0, 1, 2))):
        cube = logits.reshape(20, 10, 5).transpose(shape)
        fit = ts.fit_temperature(cube, targets.reshape(20, 10), axis=axis)
        assert fit.temperature == pytest.approx(want, rel=1e-12)
        soft = np.eye(5)[targets].reshape(20, 10, 5).transpose(shape)
        fit = ts.fit_temperature(cube, soft, axis=axis)
        assert fit.temperature == pytest.approx(want, rel=1e-12)


@pytest.mark.parametrize("block", [5, 64, 333, 1 << 18])  # logits, of 8 bytes each
def test_block_sizes_and_threads_do_not_change_the_results(
    monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    logits, targets = drawn(5, n=1000)
    weights = np.random.default_rng(5).random(1000)
    want = ts.fit_temperature(logits, targets, sample_weight=weights)
    scores = ts.reliability(logits, targets, sample_weight=weights, bootstrap=50, rng=2)
    monkeypatch.setattr(rows, "BLOCK", 8 * block)
    monkeypatch.setattr(rows, "CHUNK", 3 * block)
    for threads in (1, 3):
        with kernels.use(threads=threads):
            fit = ts.fit_temperature(logits, targets, sample_weight=weights)
            assert fit.temperature == pytest.approx(want.temperature, rel=1e-13)
            again = ts.reliability(logits, targets, sample_weight=weights, bootstrap=50, rng=2)
        for name in ("ece", "mce", "classwise_ece", "brier", "nll", "accuracy"):
            assert getattr(again, name) == pytest.approx(getattr(scores, name), rel=1e-12)
        for name, interval in again.intervals.items():
            assert interval == pytest.approx(scores.intervals[name], rel=1e-12, abs=1e-15)


@pytest.mark.parametrize("name", ["float16", "bfloat16"])
def test_float16_and_bfloat16_give_the_fit_of_the_same_float64_values(name: str) -> None:
    torch = pytest.importorskip("torch")
    logits, targets = drawn(11)
    narrow = torch.tensor(logits, dtype=getattr(torch, name))
    want = ts.fit_temperature(narrow.double().numpy(), targets).temperature
    assert ts.fit_temperature(narrow, targets).temperature == pytest.approx(want, rel=1e-12)


def test_an_iterator_is_kept_on_disk_only_for_several_passes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    files = []
    make = tempfile.TemporaryFile
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda: files.append(1) or make())
    logits, targets = drawn(12)
    want = ts.reliability(logits, targets)
    batches = [(logits[:50], targets[:50]), (logits[50:], targets[50:])]
    assert ts.reliability(one_shot(batches)).ece == pytest.approx(want.ece, rel=1e-12)
    assert ts.calibration_curve(one_shot(batches), temperatures=[1.0]).n == 200
    assert not files
    ts.fit_temperature(one_shot(batches))
    ts.reliability(one_shot(batches), strategy="mass")
    ts.calibration_curve(one_shot(batches))
    assert len(files) == 3


def test_memory_holds_blocks_and_not_the_file(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    path = tmp_path / "logits.npy"
    np.save(path, draw.standard_normal((800_000, 50), np.float32))
    logits = np.load(path, mmap_mode="r")
    targets = draw.integers(0, 50, len(logits))
    with kernels.use("reference", threads=2):
        tracemalloc.start()
        ts.fit_temperature(logits, targets)
        ts.reliability(logits, targets)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    # Two threads with a few float64 arrays of a block each, whatever the size of the file.
    assert logits.nbytes == 160_000_000
    assert peak < 100_000_000


@pytest.mark.parametrize("mode", ["r", "r+", "c"])
def test_pages_of_a_memory_map_are_dropped_and_changes_are_kept(
    mode: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    z = rng.normal(0, 3, (500, 60))
    targets = ts.sample(z, 1.5, rng=rng)
    np.save(tmp_path / "z.npy", z)
    mapped = np.lib.format.open_memmap(tmp_path / "z.npy", mode)
    if mode != "r":
        mapped[7] += 1.0
    want = ts.fit_temperature(np.array(mapped), targets)
    monkeypatch.setattr("thermoscope.passes.rows.BLOCK", 60 * 20 * 8)
    monkeypatch.setattr("thermoscope.passes.local.MAPPED", 60 * 20)
    given_back = []
    monkeypatch.setattr(
        "thermoscope.passes.local._drop_pages",
        lambda array, drop=local._drop_pages: given_back.append(drop(array)),
    )
    found = ts.fit_temperature(mapped, targets)
    assert found.temperature == pytest.approx(want.temperature, rel=1e-12)
    np.testing.assert_array_equal(mapped[7], z[7] if mode == "r" else z[7] + 1.0)
    assert len(given_back) == 25 * found.iterations


def test_progress_is_told() -> None:
    logits, targets = drawn(13)
    told: list[tuple[int, int | None, int]] = []
    fit = ts.fit_temperature(logits, targets, progress=lambda *where: told.append(where))
    assert told == [(200, 200, number) for number in range(1, fit.iterations + 1)]
    told.clear()
    batches = [(logits[:50], targets[:50]), (logits[50:], targets[50:])]
    ts.fit_temperature(batches, progress=lambda *where: told.append(where))
    assert told[:4] == [(50, None, 1), (200, None, 1), (50, 200, 2), (200, 200, 2)]


def test_batches_that_differ_between_passes_are_an_error() -> None:
    logits, targets = drawn(34)
    sizes = iter([200, 150])
    words = "the same batches in each pass, got 200 rows in the first and 150 in pass 2"
    with pytest.raises(ValueError, match=words):
        ts.fit_temperature(lambda: [(logits[: (n := next(sizes))], targets[:n])])
    once = one_shot([(logits, targets)])
    with pytest.raises(ValueError, match="and 0 in pass 2: a callable must make a new iterator"):
        ts.fit_temperature(lambda: once)
    with pytest.raises(ValueError, match="got none: an iterator that was used before is empty"):
        ts.fit_temperature(once)


def test_a_data_set_is_taken_block_by_block() -> None:
    logits, targets = drawn(35)
    weights = np.random.default_rng(35).random(200)
    data = Data(logits.astype(np.float32))
    for function in (ts.fit_temperature, ts.reliability, ts.calibration_curve, ts.evaluate_fit):
        want = function(data.rows, targets, sample_weight=weights)
        got = function(data, targets, sample_weight=weights)
        for name in ("temperature", "ece", "nll"):
            if hasattr(want, name):
                assert getattr(got, name) == pytest.approx(getattr(want, name), rel=1e-12)
    assert ts.sweep(data).n == 200
    np.testing.assert_allclose(ts.sweep(data).entropy, ts.sweep(data.rows).entropy)
    assert ts.sweep(data, targets).curve is not None
    with pytest.raises(TypeError, match="targets must be given with an array of logits"):
        ts.fit_temperature(data)
    with pytest.raises(ValueError, match="axis must be -1 for a data set, got 0"):
        ts.fit_temperature(data, targets, axis=0)
    data.shape = (201, 5)
    with pytest.raises(ValueError, match=r"logits must have 201 rows, .* got blocks of 200"):
        ts.fit_temperature(data, [*targets, 0])


@pytest.mark.parametrize(
    ("logits", "targets", "want"),
    [
        ("logits", "targets_ignore", (1.169222, 0.584384, 6, 2)),
        ("logits", "targets_column", (1.020401, 0.465991, 8, 0)),
        ("token_logits", "token_targets", (1.084296, 0.517876, 14, 2)),
        ("binary", "binary_targets", (0.619927, 0.296585, 8, 0)),
    ],
)
def test_targets_of_every_shape_give_the_known_results(
    logits: str, targets: str, want: tuple[float, float, int, int]
) -> None:
    temperature, nll, n, ignored = want
    z, y = case(logits), case(targets)
    fit = ts.fit_temperature(z, y)
    assert (round(fit.temperature, 6), round(fit.nll, 6)) == (temperature, nll)
    assert (fit.n, fit.n_ignored) == (n, ignored)
    result = ts.reliability(z, y, fit.temperature)
    assert (result.n, result.n_ignored) == (n, ignored)
    assert result.nll == pytest.approx(fit.nll, rel=1e-12)
    curve = ts.calibration_curve(z, y)
    assert (curve.n, curve.n_ignored) == (n, ignored)
    assert curve.nll[24] == pytest.approx(fit.nll, rel=1e-12)
    swept = ts.sweep(z, y, [fit.temperature])
    assert swept.curve is not None
    assert (swept.n, swept.curve.nll[0]) == (n, pytest.approx(fit.nll, rel=1e-12))
    if ignored:
        assert f"{ignored} without a target left out" in str(fit)
        assert f"{ignored} without a target left out" in str(result)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_rows_of_any_number_of_classes_have_their_maximum(dtype: str) -> None:
    """Few classes and many have their maxima found in two ways."""
    logits, targets = drawn(8, n=300, classes=5)
    fit = ts.fit_temperature(logits.astype(dtype), targets)
    for classes in (rows.TRANSPOSED_CLASSES - 1, rows.TRANSPOSED_CLASSES, 100):
        wider = np.full((300, classes), -INF, dtype)
        wider[:, classes - 5 :] = logits
        found = ts.fit_temperature(wider, targets + classes - 5)
        assert found.temperature == pytest.approx(fit.temperature, rel=1e-8)
        for entry, words in (
            (INF, "must be finite"),
            (NAN, "must be finite"),
            (-INF, "above -inf"),
        ):
            wrong = wider.copy()
            wrong[7] = entry
            with pytest.raises(ts.ArgumentError, match=f"{words}.*row 7"):
                ts.fit_temperature(wrong, targets + classes - 5)


def test_ignored_targets_and_weights_together() -> None:
    fit = ts.fit_temperature(case("logits"), case("targets_ignore"), sample_weight=case("weights"))
    known = case("targets_ignore") != -100
    want = ts.fit_temperature(
        case("logits")[known], case("targets_ignore")[known], sample_weight=case("weights")[known]
    )
    assert fit.temperature == pytest.approx(want.temperature, rel=1e-12)
    assert fit.nll == pytest.approx(want.nll, rel=1e-12)


def test_ignore_index_may_be_another_number() -> None:
    logits, targets = drawn(36)
    some = np.where(np.arange(200) % 3 == 0, -1, targets)
    want = ts.fit_temperature(logits[some >= 0], some[some >= 0])
    # What the rows without a target hold does not matter.
    holes = np.where((some == -1)[:, None], NAN, logits)
    fit = ts.fit_temperature(holes, some, ignore_index=-1)
    assert fit.temperature == pytest.approx(want.temperature, rel=1e-12)
    assert fit.n_ignored == 67
    with pytest.raises(ValueError, match=r"targets must be in \[0, 5\), got -1 in row 0"):
        ts.fit_temperature(logits, some)
    with pytest.raises(ValueError, match=r"targets must be in \[0, 5\), got -100 in row 7"):
        ts.fit_temperature(logits, np.where(np.arange(200) == 7, -100, targets), ignore_index=None)
    with pytest.raises(ValueError, match="targets must have a class for some row, got -100"):
        ts.fit_temperature(logits, np.full(200, -100))


def test_one_logit_a_row_stands_for_two_classes() -> None:
    z, y = case("binary"), case("binary_targets")
    both = np.stack([np.zeros_like(z), z], axis=1)
    want, scores = ts.fit_temperature(both, y), ts.reliability(both, y)
    cases = [
        (z, y),
        (z[:, None], y),
        (z[:, None], y[:, None]),
        (z, y[:, None]),
        (z.tolist(), y.tolist()),
        ([(z[:3], y[:3]), (z[3:], y[3:])],),
        (Data(z[:, None]), y),
    ]
    for given_as in cases:
        assert ts.fit_temperature(*given_as).temperature == pytest.approx(
            want.temperature, rel=1e-12
        )
        assert ts.reliability(*given_as).ece == pytest.approx(scores.ece, rel=1e-12)
        swept = ts.sweep(*given_as)
        assert swept.entropy == pytest.approx(ts.sweep(both, y).entropy, rel=1e-12)
    fit = ts.fit_temperature(z[None], y, axis=0)
    assert fit.temperature == pytest.approx(want.temperature, rel=1e-12)
    weights = np.arange(len(z)) % 2
    fit = ts.fit_temperature(z, y, sample_weight=weights)
    assert fit.n == np.count_nonzero(weights)
    with pytest.raises(ValueError, match=r"targets must be in \[0, 2\), got 2 in row 3"):
        ts.fit_temperature(z, np.where(np.arange(len(z)) == 3, 2, y))


def test_probabilities_are_warned_of_with_the_remedy() -> None:
    logits, targets = drawn(37)
    p = ts.softmax(logits)
    for function in (ts.fit_temperature, ts.reliability, ts.calibration_curve, ts.sweep):
        with pytest.warns(ProbabilitiesWarning, match=r"give their logarithm: np.log\(p\)") as told:
            function(p, targets)
        assert len(told) == 1
        assert told[0].filename == __file__
    with pytest.warns(ProbabilitiesWarning):
        ts.sweep([(p, None)])
    fit = ts.fit_temperature(np.log(p), targets)
    assert fit.temperature == pytest.approx(ts.fit_temperature(logits, targets).temperature)
    # One-hot rows may as well be logits.
    ts.fit_temperature(np.eye(5)[targets], (targets + (np.arange(200) % 9 == 0)) % 5)


def test_swapped_logits_and_targets_are_an_error() -> None:
    logits, targets = drawn(38)
    for function in (ts.fit_temperature, ts.reliability, ts.calibration_curve, ts.evaluate_fit):
        with pytest.raises(ValueError, match=r"got shape \(200, 5\): are logits and targets swap"):
            function(targets, logits)
        with pytest.raises(ValueError, match=r"got shape \(200, 5\): are logits and targets swap"):
            function(targets[:, None], logits)
    with pytest.raises(ValueError, match=r"got -.* in row \d: are logits and targets swapped\?"):
        ts.fit_temperature(ts.softmax(logits), logits)


@pytest.mark.parametrize(
    ("arguments", "options", "error", "words"),
    [
        ((Z, [0, 3]), {}, ValueError, r"targets must be in \[0, 3\), got 3 in row 1"),
        ((Z, [0, -1]), {}, ValueError, r"targets must be in \[0, 3\), got -1 in row 1"),
        ((Z, [0]), {}, ValueError, r"targets must be classes of shape \(2,\) or .*\(1,\)"),
        ((Z, [0, 1, 2]), {}, ValueError, r"targets must be classes of shape .*got shape \(3,\)"),
        ((Z, ["a", "b"]), {}, TypeError, "targets must be classes, whole numbers, got <U1"),
        ((Z, [True, False]), {}, TypeError, "targets must be classes, whole numbers, got bool"),
        ((Z, [0, 0.5]), {}, ValueError, "targets must be whole numbers, got 0.5 in row 1"),
        ((Z, [0, NAN]), {}, ValueError, "targets must be whole numbers, got nan in row 1"),
        ((Z, [[1, 0, 0], [0.5, 0.4, 0]]), {}, ValueError, "sum to 1 in each row, got 0.9 in row 1"),
        (
            (Z, [[1, 0, 0], [1.5, -0.5, 0]]),
            {},
            ValueError,
            "targets must be >= 0, got -0.5 in row 1",
        ),
        ((Z, [[1, 0, 0], [1, NAN, 0]]), {}, ValueError, "targets must be >= 0, got nan in row 1"),
        ((Z, None), {}, ValueError, "logits must have an axis of classes, got one number"),
        ((np.array(Z), None), {}, TypeError, "targets must be given with an array of logits"),
        ((7, None), {}, TypeError, r"logits without targets must be batches of .*got int"),
        (([np.array(Z)], None), {}, TypeError, "a batch must be .*got ndarray as batch 0"),
        (([(Z, [0, 1])], None), {"sample_weight": [1, 1]}, TypeError, "sample_weight must be in"),
        (
            ([(Z, [0, 1]), ([[1.0]], [0])],),
            {},
            ValueError,
            "must have 3 classes in all batches, as in the first, got 1",
        ),
        (([(Z, [0, 1]), (Z, [0, 5])],), {}, ValueError, "got 5 in row 3"),
        (([],), {}, ValueError, "logits must have a row, got none"),
        ((np.empty((0, 3)), []), {}, ValueError, "logits must have a row, got none"),
        ((np.empty((2, 0)), [0, 0]), {}, ValueError, r"logits must have a class along axis -1"),
        ((["a"], [0]), {}, TypeError, "logits must be real numbers"),
        (([[1.0, NAN], [0, 1]], [0, 0]), {}, ValueError, "finite or -inf, got nan in row 0"),
        (([[1.0, 0], [0, INF]], [0, 0]), {}, ValueError, "finite or -inf, got inf in row 1"),
        (([[1.0, 0], [-INF, -INF]], [0, 0]), {}, ValueError, "an entry above -inf .* in row 1"),
        ((Z, [0, 1]), {"axis": 2}, ValueError, r"axis must be one of logits of shape \(2, 3\)"),
        ((Z, [0, 1]), {"sample_weight": [1, -1]}, ValueError, "sample_weight .* got -1.0 in row 1"),
        ((Z, [0, 1]), {"sample_weight": [1, NAN]}, ValueError, "sample_weight .* got nan in row 1"),
        ((Z, [0, 1]), {"sample_weight": [INF, 1]}, ValueError, "sample_weight .* got inf in row 0"),
        ((Z, [0, 1]), {"sample_weight": [0, 0]}, ValueError, "sample_weight must be > 0 for some"),
        ((Z, [0, 1]), {"sample_weight": [1]}, ValueError, r"sample_weight must have shape \(2,\)"),
        ((Z, [0, 1]), {"sample_weight": ["a", "b"]}, TypeError, "sample_weight must be real"),
    ],
)
def test_errors_name_the_argument_and_the_row(
    arguments: tuple[Any, ...], options: dict[str, Any], error: type[Exception], words: str
) -> None:
    functions: list[Callable[..., Any]] = [
        ts.fit_temperature,
        ts.reliability,
        ts.calibration_curve,
    ]
    for function in functions:
        with pytest.raises(error, match=words):
            function(*arguments, **options)
