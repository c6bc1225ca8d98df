"""Dask arrays: the same numbers whatever the chunks and the workers, also where one dies."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import thermoscope as ts
from thermoscope.passes import ProbabilitiesWarning, on_dask

dask = pytest.importorskip("dask")
da = pytest.importorskip("dask.array")
SCORES = ("ece", "mce", "classwise_ece", "brier", "nll", "accuracy")


def assert_same(a: Any, b: Any) -> None:
    if isinstance(a, tuple):
        for one, other in zip(a, b, strict=True):
            assert_same(one, other)
        return
    for name in (*SCORES, "temperature", "nll_before", "n", "iterations"):
        if hasattr(a, name):
            np.testing.assert_allclose(getattr(a, name), getattr(b, name), rtol=1e-12)


def everything(logits: Any, targets: Any, weights: Any) -> tuple[Any, ...]:
    return (
        ts.fit_temperature(logits, targets, sample_weight=weights),
        ts.reliability(logits, targets, 1.4, sample_weight=weights, bootstrap=20, rng=3),
        ts.reliability(logits, targets, strategy="mass", sample_weight=weights),
        ts.calibration_curve(logits, targets, [1.0, 1.5], sample_weight=weights),
    )


@pytest.mark.parametrize("chunks", [(3000, 8), (700, 8), (55, 3)])
def test_chunk_sizes_do_not_change_the_results(
    weighted: tuple[np.ndarray, ...], chunks: tuple[int, int]
) -> None:
    logits, targets, weights = weighted
    want = everything(*weighted)
    lazy = da.from_array(logits, chunks=chunks)
    assert_same(everything(lazy, targets, weights), want)
    apart = da.from_array(targets, chunks=411), da.from_array(weights, chunks=1000)
    got = everything(lazy, *apart)
    assert_same(got, want)
    for name, interval in want[1].intervals.items():
        assert got[1].intervals[name] == pytest.approx(interval, rel=1e-12)


def test_any_axis_and_soft_targets(weighted: tuple[np.ndarray, ...]) -> None:
    logits, targets, _ = weighted
    want = ts.fit_temperature(logits, targets)
    cube = da.from_array(logits.reshape(60, 50, 8).transpose(2, 0, 1), chunks=(3, 7, 50))
    assert_same(ts.fit_temperature(cube, targets.reshape(60, 50), axis=0), want)
    soft = np.eye(8)[targets]
    lazy = da.from_array(logits, chunks=(400, 8))
    assert_same(ts.fit_temperature(lazy, soft), want)
    assert_same(ts.fit_temperature(lazy, da.from_array(soft, chunks=(77, 3))), want)
    assert_same(ts.fit_temperature(logits, da.from_array(targets, chunks=77)), want)


def test_targets_of_every_kind_and_none(weighted: tuple[np.ndarray, ...]) -> None:
    logits, targets, weights = weighted
    lazy = da.from_array(logits, chunks=(700, 8))
    some = np.where(np.arange(3000) % 5 == 0, -100, targets)
    want = ts.fit_temperature(logits, some)
    for given_as in (some, some[:, None], da.from_array(some[:, None], chunks=(411, 1))):
        got = ts.fit_temperature(lazy, given_as)
        assert_same(got, want)
        assert got.n_ignored == want.n_ignored == 600
    binary, two = logits[:, 0], targets % 2
    want = ts.fit_temperature(binary, two)
    assert_same(ts.fit_temperature(da.from_array(binary, chunks=500), two), want)
    assert_same(ts.fit_temperature(da.from_array(binary[:, None], chunks=(500, 1)), two), want)
    swept = ts.sweep(lazy)
    assert swept.curve is None
    np.testing.assert_allclose(swept.entropy, ts.sweep(logits).entropy, rtol=1e-12)
    held, same = (
        ts.evaluate_fit(each, targets, folds=2, sample_weight=weights) for each in (lazy, logits)
    )
    assert held.fold_temperatures == pytest.approx(same.fold_temperatures, rel=1e-12)
    assert_same(held.after, same.after)
    assert held.after.p_value == same.after.p_value
    with pytest.warns(ProbabilitiesWarning):
        ts.fit_temperature(da.from_array(ts.softmax(logits), chunks=(700, 8)), targets)


def test_scaled_weights_give_the_same_temperature(weighted: tuple[np.ndarray, ...]) -> None:
    logits, targets, weights = weighted
    lazy = da.from_array(logits, chunks=(700, 8))
    want = ts.fit_temperature(logits, targets, sample_weight=weights)
    huge = da.from_array(weights * 8e307, chunks=500)
    got = ts.fit_temperature(lazy, targets, sample_weight=huge)
    assert got.temperature == pytest.approx(want.temperature, rel=1e-12)


def test_errors_name_the_row_of_the_whole_array(weighted: tuple[np.ndarray, ...]) -> None:
    logits, targets, _ = weighted
    lazy = da.from_array(np.where(np.arange(3000)[:, None] == 2500, np.nan, logits), chunks=(70, 8))
    with pytest.raises(ValueError, match="logits must be finite or -inf, got nan in row 2500"):
        ts.fit_temperature(lazy, targets)
    unknown = lazy[lazy[:, 0] > 0]
    with pytest.raises(ValueError, match="chunks of known sizes, which compute_chunk_sizes"):
        ts.fit_temperature(unknown, targets)


def assert_progress_is_told(weighted: tuple[np.ndarray, ...]) -> None:
    logits, targets, _ = weighted
    told: list[tuple[int, int | None, int]] = []
    fit = ts.fit_temperature(
        da.from_array(logits, chunks=(500, 8)), targets, progress=lambda *at: told.append(at)
    )
    assert told == [
        (done, 3000, number)
        for number in range(1, fit.iterations + 1)
        for done in range(500, 3001, 500)
    ]


def test_progress_is_told_after_each_block(weighted: tuple[np.ndarray, ...]) -> None:
    assert_progress_is_told(weighted)


@pytest.mark.usefixtures("client")
def test_progress_is_told_on_a_cluster(weighted: tuple[np.ndarray, ...]) -> None:
    assert_progress_is_told(weighted)


def dying(block: np.ndarray, mark: Path, scheduler: int) -> np.ndarray:
    """Return the block; the first call kills its worker instead."""
    try:
        mark.touch(exist_ok=False)
    except FileExistsError:
        return block
    # To exit the process of the tests would end them all.
    assert os.getpid() != scheduler
    os._exit(1)


# distributed warns of a worker's death, from any thread.
@pytest.mark.filterwarnings("default")
@pytest.mark.usefixtures("client")
def test_a_worker_that_dies_changes_no_result(
    weighted: tuple[np.ndarray, ...],
    tmp_path: Path,
) -> None:
    logits, targets, weights = weighted
    lazy = da.from_array(logits, chunks=(150, 8))
    mark = tmp_path / "died"
    last = lazy.blocks[11].map_blocks(
        partial(dying, mark=mark, scheduler=os.getpid()), dtype=lazy.dtype, meta=lazy._meta
    )
    mixed = da.concatenate([lazy[: 11 * 150], last, lazy[12 * 150 :]])
    got = ts.fit_temperature(mixed, targets, sample_weight=weights)
    assert mark.exists()
    assert_same(got, ts.fit_temperature(logits, targets, sample_weight=weights))
    assert_same(
        ts.reliability(mixed, targets, strategy="mass", sample_weight=weights),
        ts.reliability(logits, targets, strategy="mass", sample_weight=weights),
    )


@pytest.mark.usefixtures("chunked_files")
def test_reading_a_chunk_and_working_on_it_are_one_task(monkeypatch: pytest.MonkeyPatch) -> None:
    names: list[str] = []

    def computed(whole: Any, *rest: Any) -> Any:
        names.extend(str(key) for key in dict(whole.__dask_graph__()))
        return original(whole, *rest)

    original = on_dask.computed
    monkeypatch.setattr(on_dask, "computed", computed)
    file = ts.open_logits("logits.npy")
    ts.reliability(file.to_dask(), np.load("targets.npy"))
    assert sum("worked" in name for name in names) == 20
    # As separate tasks, rows could be sent from one worker to another.
    assert not [name for name in names if "_chunk" in name]
