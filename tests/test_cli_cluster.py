"""Commands on a Dask cluster give what they give here, also where a worker dies."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import thermoscope as ts
from thermoscope import cli
from thermoscope.data import writing
from thermoscope.data.dataset import Dataset

dask = pytest.importorskip("dask")


def die_once(mark: Path) -> None:
    """Make one worker exit while it reads a chunk of the second half of a file."""
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


# distributed warns of a worker's death, from any thread.
@pytest.mark.filterwarnings("default")
@pytest.mark.usefixtures("chunked_files")
@pytest.mark.parametrize("dies", [False, True])
@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_gives_the_same_on_a_cluster_as_locally(
    request: pytest.FixtureRequest,
    capfd: pytest.CaptureFixture[str],
    command: str,
    *,
    dies: bool,
) -> None:
    # No other test waits for the worker that takes the place of the one that died.
    client = request.getfixturevalue("own_client" if dies else "client")

    def result(*options: str) -> Any:
        capfd.readouterr()
        assert cli.main([*COMMANDS[command], *options]) == 0
        if command == "softmax":
            return np.concatenate(list(ts.open_logits("out.zarr").blocks()))
        return json.loads(capfd.readouterr().out)

    want = result()
    mark = Path("died").resolve()
    if dies:
        client.run(die_once, mark)
    got = result("--scheduler", client.scheduler.address)
    assert mark.exists() == dies
    if command == "softmax":
        # Small and large arrays have different kernels, which may differ in the last digit.
        np.testing.assert_allclose(got, want, rtol=2 * np.finfo(np.float32).eps)
    else:
        same(got, want)
    assert not list(Path().glob(".*"))


@pytest.mark.usefixtures("chunked_files")
def test_an_error_on_a_worker_is_one_line(
    client: Any,
    weighted: tuple[np.ndarray, ...],
    capfd: pytest.CaptureFixture[str],
) -> None:
    logits = weighted[0].copy()
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
    """Make a worker write a chunk, wait until its store is closed, and write the chunk again."""
    from distributed import Event
    from zarr import Array

    write, close = Array.__setitem__, writing._close
    closing = threading.Event()

    def write_and_wait(self: Any, place: Any, chunk: Any) -> None:
        write(self, place, chunk)
        if not closing.is_set():
            Event("writing").set()
            assert closing.wait(60)
            write(self, place, chunk)

    def close_later(path: Path) -> None:
        closing.set()
        close(path)

    Array.__setitem__ = write_and_wait  # type: ignore[method-assign]
    writing._close = close_later


@pytest.mark.usefixtures("chunked_files")
def test_ctrl_c_leaves_nothing_on_a_cluster(client: Any) -> None:
    from distributed import Event

    # A process that a shell starts in the background ignores SIGINT, and so do its children.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    client.run(write_twice)
    before = sorted(Path().iterdir())
    with started(*COMMANDS["softmax"], "--scheduler", client.scheduler.address) as process:
        assert Event("writing", client).wait(60)
        assert list(Path().glob(".*.tmp/c/*"))
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=60) == (b"", b"")
    assert process.returncode == 130
    # A command that ended without closing the store has left the workers waiting.
    client.run(writing._close, Path("another.zarr"))
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


@pytest.mark.usefixtures("chunked_files")
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
@pytest.mark.usefixtures("chunked_files")
def test_an_address_without_a_scheduler_is_one_line(
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
