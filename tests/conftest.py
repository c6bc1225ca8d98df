"""What all tests share. None asserts a time: Hypothesis would fail an example that takes 0.2 s."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import settings

import thermoscope as ts

if TYPE_CHECKING:
    from collections.abc import Iterator

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

# Programs that tests run in processes of their own; they hold no doctests.
collect_ignore = ["programs"]

# The files that take longest, those first: workers that begin with them end at the same time.
# Where this is out of date, tests only take longer.
SLOWEST = (
    "test_array_api.py",
    "browser/test_jupyterlab.py",
    "browser/test_everyone.py",
    "test_install.py",
    "browser/test_writing.py",
    "test_cli_cluster.py",
    "browser/test_instrument.py",
    "browser/test_docs.py",
    "test_kernels.py",
    "browser/test_benchmarks.py",
    "browser/test_strip.py",
    "browser/test_activity.py",
    "browser/test_share.py",
    "test_doctor.py",
    "test_truncation.py",
    "browser/test_hold.py",
    "browser/test_rows.py",
    "browser/test_reliability.py",
    "test_tools_tables.py",
    "browser/test_element.py",
    "test_mutants.py",
    "browser/test_sampler.py",
)


def pytest_configure() -> None:
    """Let Ctrl-C end what runs: a process that a shell starts in the background ignores it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Move the tests of the slowest files to the front, each file's in its own order."""
    places = {Path(__file__).parent / name: place for place, name in enumerate(SLOWEST)}
    items.sort(key=lambda item: places.get(item.path, len(places)))


@pytest.fixture(scope="module")
def digits() -> tuple[np.ndarray, np.ndarray]:
    """Return logits and targets of a real classifier, which come with the package."""
    return ts.samples.digits()[:2]


@pytest.fixture(scope="session")
def next_token(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with logits like those of GPT-2's next token, made up, and their tokens.

    0.npy, 1.npy and 2.npy are float32 of 50,257 tokens: a bulk far below a few that lead. Of the
    first, the three likeliest tokens are " visualize", " create" and " see".
    """
    folder = tmp_path_factory.mktemp("next_token")
    draw = np.random.default_rng(0)
    tokens = [f" token{at}" if at % 2 else f"tok{at}" for at in range(50_257)]
    for at in range(3):
        logits = draw.normal(-100, 4, 50_257).astype(np.float32)
        leading = draw.choice(50_257, 40, replace=False)
        logits[leading] = np.sort(draw.exponential(3, 40))[::-1].astype(np.float32) - 85
        if at == 0:
            for place, token in zip(leading, (" visualize", " create", " see"), strict=False):
                tokens[place] = token
        np.save(folder / f"{at}.npy", logits)
    (folder / "tokens.json").write_text(json.dumps(tokens), encoding="utf-8")
    return folder


@pytest.fixture
def saved_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Save logits of more than one block, targets and weights in the current folder."""
    from tests.command_line import LOGITS, TARGETS

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("thermoscope.data.dataset.BLOCK", 1000)
    np.save("z.npy", LOGITS)
    np.save("y.npy", TARGETS)
    np.save("w.npy", np.arange(300) % 3)
    return tmp_path


@pytest.fixture(scope="session")
def weighted() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return logits, targets and weights of 3000 rows."""
    draw = np.random.default_rng(1)
    logits = draw.normal(0, 3, (3000, 8)).astype(np.float32)
    targets = ts.sample(logits, 1.4, rng=draw)
    weights = draw.integers(0, 3, len(logits)).astype(float)
    return logits, targets, weights


@pytest.fixture
def chunked_files(
    weighted: tuple[np.ndarray, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Write these rows to the current folder, in every format of which Dask makes many chunks."""
    dask = pytest.importorskip("dask")
    from thermoscope.data.writing import write_rows

    logits, targets, weights = weighted
    monkeypatch.chdir(tmp_path)
    for ending in (".npy", ".safetensors", ".zarr", ".parquet"):
        batches = (logits[at : at + 100] for at in range(0, len(logits), 100))
        write_rows(f"logits{ending}", batches, shape=logits.shape, dtype=np.float32)
    np.save("targets.npy", targets)
    np.save("weights.npy", weights)
    with dask.config.set({"array.chunk-size": 150 * 8 * 4}):
        yield


@contextmanager
def cluster(folder: Path, connect: str) -> Iterator[Any]:
    """Start a cluster of two workers, which Dask then uses until it ends.

    `connect` is for how long a connection is tried.
    """
    dask, distributed = pytest.importorskip("dask"), pytest.importorskip("distributed")
    with (
        dask.config.set(
            {"temporary-directory": str(folder), "distributed.comm.timeouts.connect": connect}
        ),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:0"
        ) as workers,
        distributed.Client(workers) as found,
    ):
        found.wait_for_workers(2)
        yield found


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Start a cluster for all tests of a module."""
    with cluster(tmp_path_factory.mktemp("workers"), "60s") as found:
        yield found


@pytest.fixture
def own_client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Start a cluster for one test, in which workers may die: the other one tries to reach them."""
    with cluster(tmp_path_factory.mktemp("workers"), "5s") as found:
        yield found


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the site as `make docs` does, once for all processes, and return its folder."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" not in os.environ or sys.platform == "win32":
        return _built(folder / "site")
    import fcntl

    # The folders of the processes lie side by side.
    with (folder.parent / "site.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return _built(folder.parent / "site")


def _built(site: Path) -> Path:
    if not site.exists():
        begun = site.with_name("site.begun")
        done = subprocess.run(
            [sys.executable, "-m", "tools.site", str(begun)],
            cwd=Path(__file__).parents[1],
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        begun.rename(site)
    return site
