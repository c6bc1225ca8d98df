"""Dask arrays: the same numbers whatever the chunks and the workers, also where one dies."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import thermoscope as ts

dask = pytest.importorskip("dask")
da = pytest.importorskip("dask.array")

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SCORES = ("ece", "mce", "classwise_ece", "brier", "nll", "accuracy")


@pytest.fixture(scope="module")
def data() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    draw = np.random.default_rng(1)
    logits = draw.normal(0, 3, (3000, 8)).astype(np.float32)
    targets = ts.sample(logits, 1.4, rng=draw)
    weights = draw.integers(0, 3, len(logits)).astype(float)
    return logits, targets, weights


def assert_same(a: Any, b: Any) -> None:  # noqa: ANN401 - one of three kinds of results
    if isinstance(a, tuple):
        for one, other in zip(a, b, strict=True):
            assert_same(one, other)
        return
    for name in (*SCORES, "temperature", "nll_before", "n", "iterations"):
        if hasattr(a, name):
            np.testing.assert_allclose(getattr(a, name), getattr(b, name), rtol=1e-12)


def everything(logits: Any, targets: Any, weights: Any) -> tuple[Any, ...]:  # noqa: ANN401
    return (
        ts.fit_temperature(logits, targets, sample_weight=weights),
        ts.reliability(logits, targets, 1.4, sample_weight=weights, bootstrap=20, rng=3),
        ts.reliability(logits, targets, strategy="mass", sample_weight=weights),
        ts.calibration_curve(logits, targets, [1.0, 1.5], sample_weight=weights),
    )


@pytest.mark.parametrize("chunks", [(3000, 8), (700, 8), (55, 3)])
def test_chunks_do_not_show(data: tuple[np.ndarray, ...], chunks: tuple[int, int]) -> None:
    logits, targets, weights = data
    want = everything(*data)
    lazy = da.from_array(logits, chunks=chunks)
    assert_same(everything(lazy, targets, weights), want)
    apart = da.from_array(targets, chunks=411), da.from_array(weights, chunks=1000)
    got = everything(lazy, *apart)
    assert_same(got, want)
    for name, interval in want[1].intervals.items():
        assert got[1].intervals[name] == pytest.approx(interval, rel=1e-12)


def test_any_axis_and_soft_targets(data: tuple[np.ndarray, ...]) -> None:
    logits, targets, _ = data
    want = ts.fit_temperature(logits, targets)
    cube = da.from_array(logits.reshape(60, 50, 8).transpose(2, 0, 1), chunks=(3, 7, 50))
    assert_same(ts.fit_temperature(cube, targets.reshape(60, 50), axis=0), want)
    soft = np.eye(8)[targets]
    lazy = da.from_array(logits, chunks=(400, 8))
    assert_same(ts.fit_temperature(lazy, soft), want)
    assert_same(ts.fit_temperature(lazy, da.from_array(soft, chunks=(77, 3))), want)
    assert_same(ts.fit_temperature(logits, da.from_array(targets, chunks=77)), want)


def test_errors_name_the_row_of_the_whole(data: tuple[np.ndarray, ...]) -> None:
    logits, targets, _ = data
    lazy = da.from_array(np.where(np.arange(3000)[:, None] == 2500, np.nan, logits), chunks=(70, 8))
    with pytest.raises(ValueError, match="logits must be finite or -inf, got nan in row 2500"):
        ts.fit_temperature(lazy, targets)
    unknown = lazy[lazy[:, 0] > 0]
    with pytest.raises(ValueError, match="chunks of known sizes, which compute_chunk_sizes"):
        ts.fit_temperature(unknown, targets)


def test_progress_is_told_after_each_pass(data: tuple[np.ndarray, ...]) -> None:
    logits, targets, _ = data
    told: list[tuple[int, int | None, int]] = []
    fit = ts.fit_temperature(
        da.from_array(logits, chunks=(500, 8)), targets, progress=lambda *at: told.append(at)
    )
    assert told == [(3000, 3000, number) for number in range(1, fit.iterations + 1)]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    distributed = pytest.importorskip("distributed")
    with (
        dask.config.set(
            {
                "temporary-directory": str(tmp_path_factory.mktemp("workers")),
                "distributed.comm.timeouts.connect": "60s",
            }
        ),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as found,
    ):
        yield found


def dying(block: np.ndarray, mark: Path, scheduler: int) -> np.ndarray:
    """Give the block, but the first time kill the worker that holds it, in the midst of a pass."""
    try:
        mark.touch(exist_ok=False)
    except FileExistsError:
        return block
    # Never this process: where no worker took the task, the test would end the tests.
    assert os.getpid() != scheduler
    os._exit(1)


# A death is worth a warning to distributed, from whichever thread sees it first.
@pytest.mark.filterwarnings("default")
@pytest.mark.usefixtures("client")
def test_a_worker_that_dies_in_the_midst_changes_nothing(
    data: tuple[np.ndarray, ...],
    tmp_path: Path,
) -> None:
    logits, targets, weights = data
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
