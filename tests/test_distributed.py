"""Dask arrays: the same numbers whatever the chunks and the workers, also where one dies."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import thermoscope as ts
from thermoscope import cli
from thermoscope.data import writing
from thermoscope.data.dataset import Dataset
from thermoscope.data.writing import write_dask, write_rows
from thermoscope.passes import ProbabilitiesWarning, on_dask

dask = pytest.importorskip("dask")
da = pytest.importorskip("dask.array")

if TYPE_CHECKING:
    from collections.abc import Iterator

SCORES = ("ece", "mce", "classwise_ece", "brier", "nll", "accuracy")


@pytest.fixture(scope="module")
def data() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    draw = np.random.default_rng(1)
    logits = draw.normal(0, 3, (3000, 8)).astype(np.float32)
    targets = ts.sample(logits, 1.4, rng=draw)
    weights = draw.integers(0, 3, len(logits)).astype(float)
    return logits, targets, weights


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


def test_targets_of_every_kind_and_none(data: tuple[np.ndarray, ...]) -> None:
    logits, targets, weights = data
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


def test_the_unit_of_weights_does_not_matter(data: tuple[np.ndarray, ...]) -> None:
    logits, targets, weights = data
    lazy = da.from_array(logits, chunks=(700, 8))
    want = ts.fit_temperature(logits, targets, sample_weight=weights)
    huge = da.from_array(weights * 8e307, chunks=500)
    got = ts.fit_temperature(lazy, targets, sample_weight=huge)
    assert got.temperature == pytest.approx(want.temperature, rel=1e-12)


def test_errors_name_the_row_of_the_whole(data: tuple[np.ndarray, ...]) -> None:
    logits, targets, _ = data
    lazy = da.from_array(np.where(np.arange(3000)[:, None] == 2500, np.nan, logits), chunks=(70, 8))
    with pytest.raises(ValueError, match="logits must be finite or -inf, got nan in row 2500"):
        ts.fit_temperature(lazy, targets)
    unknown = lazy[lazy[:, 0] > 0]
    with pytest.raises(ValueError, match="chunks of known sizes, which compute_chunk_sizes"):
        ts.fit_temperature(unknown, targets)


def assert_progress_is_told(data: tuple[np.ndarray, ...]) -> None:
    logits, targets, _ = data
    told: list[tuple[int, int | None, int]] = []
    fit = ts.fit_temperature(
        da.from_array(logits, chunks=(500, 8)), targets, progress=lambda *at: told.append(at)
    )
    assert told == [
        (done, 3000, number)
        for number in range(1, fit.iterations + 1)
        for done in range(500, 3001, 500)
    ]


def test_progress_is_told_after_each_block(data: tuple[np.ndarray, ...]) -> None:
    assert_progress_is_told(data)


@pytest.mark.usefixtures("client")
def test_and_on_a_cluster(data: tuple[np.ndarray, ...]) -> None:
    assert_progress_is_told(data)


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
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:0"
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


ENDINGS = (".npy", ".safetensors", ".zarr", ".parquet")


@pytest.fixture
def files(
    data: tuple[np.ndarray, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Write the data to the current folder, and make it many chunks of each file."""
    logits, targets, weights = data
    monkeypatch.chdir(tmp_path)
    for ending in ENDINGS:
        batches = (logits[at : at + 100] for at in range(0, len(logits), 100))
        write_rows(f"logits{ending}", batches, shape=logits.shape, dtype=np.float32)
    np.save("targets.npy", targets)
    np.save("weights.npy", weights)
    with dask.config.set({"array.chunk-size": 150 * 8 * 4}):
        yield


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize("ending", ENDINGS)
def test_a_file_comes_to_dask_in_chunks(data: tuple[np.ndarray, ...], ending: str) -> None:
    file = ts.open_logits(f"logits{ending}", applied_temperature=2)
    rows = file.to_dask()
    # Of a store whole chunks, which are of 100 rows.
    assert rows.chunks == ((100,) * 30 if ending == ".zarr" else (150,) * 20, (8,))
    assert rows.dtype == np.float32
    np.testing.assert_array_equal(rows.compute(scheduler="sync"), 2 * data[0])
    assert file.to_dask(1700).chunks == ((1700, 1300), (8,))
    with pytest.raises(ValueError, match="size must be >= 1, got 0"):
        file.to_dask(0)


@pytest.mark.usefixtures("files")
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
    # Apart, the rows could be sent from one worker to another.
    assert not [name for name in names if "_chunk" in name]


@pytest.mark.usefixtures("files")
def test_a_damaged_file_is_named_by_the_worker() -> None:
    rows = ts.open_logits("logits.npy").to_dask()
    Path("logits.npy").write_bytes(Path("logits.npy").read_bytes()[:-5])
    with pytest.raises(OSError, match=r"logits\.npy: not a whole \.npy file"):
        rows.compute(scheduler="sync")


def test_rows_of_dask_become_a_store_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "out.zarr"
    rows = da.random.default_rng(0).random((10, 3), chunks=(4, 3))
    write_dask(path, rows, labels=["a", "b", "c"])
    kept = np.concatenate(list(ts.open_logits(path).blocks()))
    np.testing.assert_array_equal(kept, rows.compute())
    assert ts.open_logits(path).labels == ("a", "b", "c")

    def fail(block: np.ndarray, block_info: dict[Any, Any]) -> np.ndarray:
        if block_info[0]["chunk-location"] == (2, 0):
            raise OSError(28, "No space left on device")
        return -block

    with pytest.raises(ValueError, match=r"out\.zarr: No space left on device"):
        write_dask(path, rows.map_blocks(fail, dtype=float))
    assert list(tmp_path.iterdir()) == [path]
    np.testing.assert_array_equal(np.concatenate(list(ts.open_logits(path).blocks())), kept)
    with pytest.raises(ValueError, match="labels must be 3, one for each entry, got 1"):
        write_dask(path, rows, labels=["a"])
    with pytest.raises(OSError, match=r"out\.npy: the rows of a Dask array must go to a \.zarr"):
        write_dask(tmp_path / "out.npy", rows)


def die_once(mark: Path) -> None:
    """Make a worker end, once in all, while it reads a chunk of the second half of a file."""
    read = Dataset._chunk

    def chunk(self: Dataset, starts: np.ndarray, size: int) -> np.ndarray:
        if starts[0] >= 1500:
            try:
                mark.touch(exist_ok=False)
            except FileExistsError:
                pass
            else:
                os._exit(1)
        return read(self, starts, size)

    Dataset._chunk = chunk  # type: ignore[method-assign]


ONE = ["targets.npy", "--weights", "weights.npy", "--json"]
COMMANDS = {
    "fit": ["fit", "logits.npy", *ONE],
    "reliability": ["reliability", "logits.npy", *ONE, "--strategy", "mass", "--bootstrap", "9"],
    "softmax": ["softmax", "logits.zarr", "-T", "1.4", "-o", "out.zarr"],
}


# A death is worth a warning to distributed, from whichever thread sees it first.
@pytest.mark.filterwarnings("default")
@pytest.mark.usefixtures("files")
@pytest.mark.parametrize("dies", [False, True])
@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_on_a_cluster_gives_what_it_gives_here(
    client: Any,
    capfd: pytest.CaptureFixture[str],
    command: str,
    *,
    dies: bool,
) -> None:
    def result(*options: str) -> Any:
        capfd.readouterr()
        assert cli.main([*COMMANDS[command], *options]) == 0
        if command == "softmax":
            return np.concatenate(list(ts.open_logits("out.zarr").blocks()))
        return json.loads(capfd.readouterr().out)

    want = result()
    mark = Path("died").resolve()
    client.wait_for_workers(2)
    if dies:
        client.run(die_once, mark)
    got = result("--scheduler", client.scheduler.address)
    assert mark.exists() == dies
    if command == "softmax":
        # Arrays of few and of many numbers have kernels that differ in the last place.
        np.testing.assert_allclose(got, want, rtol=2 * np.finfo(np.float32).eps)
    else:
        same(got, want)
    assert not list(Path().glob(".*"))


def same(got: Any, want: Any) -> None:
    if isinstance(want, dict):
        assert got.keys() == want.keys()
        for name, value in want.items():
            same(got[name], value)
    elif isinstance(want, list):
        for one, other in zip(got, want, strict=True):
            same(one, other)
    else:
        assert got == (pytest.approx(want, rel=1e-11) if isinstance(want, float) else want)


@pytest.mark.usefixtures("files")
def test_an_error_on_a_worker_is_one_line(
    client: Any,
    data: tuple[np.ndarray, ...],
    capfd: pytest.CaptureFixture[str],
) -> None:
    logits = data[0].copy()
    logits[2500, 3] = np.nan
    np.save("logits.npy", logits)
    scheduler = ["--scheduler", client.scheduler.address]
    assert cli.main(["fit", "logits.npy", "targets.npy", *scheduler]) == 2
    err = capfd.readouterr().err
    words = "logits.npy: logits must be finite or -inf, got nan in row 2500"
    assert f"thermoscope: error: {words}\n" in err


def started(*arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "thermoscope", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "DASK_ARRAY__CHUNK_SIZE": str(dask.config.get("array.chunk-size"))},
    )


def write_twice() -> None:
    """Make a worker write a chunk, wait until it is asked if it is writing, and write it again."""
    from distributed import Event
    from zarr import Array

    write, is_writing = Array.__setitem__, writing._writing
    asked = threading.Event()

    def write_and_wait(self: Any, place: Any, chunk: Any) -> None:
        write(self, place, chunk)
        if not asked.is_set():
            Event("writing").set()
            assert asked.wait(60)
            write(self, place, chunk)

    def answer(dask_worker: Any) -> bool:
        asked.set()
        return is_writing(dask_worker)

    Array.__setitem__ = write_and_wait  # type: ignore[method-assign]
    writing._writing = answer


@pytest.mark.usefixtures("files")
def test_ctrl_c_leaves_nothing_on_a_cluster(client: Any) -> None:
    from distributed import Event

    # What a shell starts in the background ignores SIGINT, and children would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    client.wait_for_workers(2)
    client.run(write_twice)
    before = sorted(Path().iterdir())
    with started(*COMMANDS["softmax"], "--scheduler", client.scheduler.address) as process:
        assert Event("writing", client).wait(60)
        assert list(Path().glob(".*.tmp/c/*"))
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=60) == (b"", b"")
    assert process.returncode == 130
    # A command that ended without asking has left the workers waiting.
    client.run(writing._writing)
    # A worker has one thread, which runs this after its chunk is written.
    for worker in client.scheduler_info()["workers"]:
        client.submit(os.getpid, workers=[worker], pure=False).result(60)
    assert sorted(Path().iterdir()) == before


def hold() -> None:
    """Make a worker read its first chunk for ever."""
    from distributed import Event

    def chunk(*_: object) -> None:
        Event("reading").set()
        Event("never").wait()

    Dataset._chunk = chunk  # type: ignore[assignment]


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize("command", ["fit", "softmax"])
def test_a_scheduler_that_dies_is_one_line(command: str) -> None:
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:0"
        ) as cluster,
        distributed.Client(cluster, set_as_default=False) as found,
    ):
        found.run(hold)
        before = sorted(Path().iterdir())
        process = started(*COMMANDS[command], "--scheduler", cluster.scheduler_address)
        assert distributed.Event("reading", found).wait(60)
    with process:
        out, err = process.communicate(timeout=60)
    words = f"--scheduler: the scheduler at {cluster.scheduler_address} is gone"
    assert (process.returncode, out, err.decode()) == (2, b"", f"thermoscope: error: {words}\n")
    assert sorted(Path().iterdir()) == before


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("tcp://127.0.0.1:9", "no Dask scheduler answers at tcp://127.0.0.1:9 within 1 s"),
        ("nonsense", "must be an address such as tcp://host:8786, got 'nonsense'"),
    ],
)
@pytest.mark.usefixtures("files")
def test_nobody_at_the_address_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], address: str, words: str
) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr("thermoscope.cli.cluster.ANSWER", 1)
    before = sorted(Path().iterdir())
    for command in COMMANDS.values():
        assert cli.main([*command, "--scheduler", address]) == 2
        err = capfd.readouterr().err
        assert err.startswith("thermoscope: error: --scheduler")
        assert err.endswith(f"{words}\n")
        assert err.count("\n") == 1
    assert sorted(Path().iterdir()) == before
