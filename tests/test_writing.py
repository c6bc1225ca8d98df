"""Rows that are written, read by the library of the format and by this package again."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from hypothesis.extra.numpy import arrays

import thermoscope as ts
from thermoscope.data.errors import FileError
from thermoscope.data.reading import open_logits
from thermoscope.data.writing import ENDINGS, write_dask, write_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

NAMES = ["cat", "dog, small", "é"]


def in_batches(array: NDArray[Any], size: int = 4) -> Iterator[NDArray[Any]]:
    yield from (array[at : at + size] for at in range(0, len(array), size))


@pytest.mark.parametrize("ending", ENDINGS)
@given(data=st.data())
def test_what_is_written_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, ending: str
) -> None:
    dtype = data.draw(st.sampled_from(["float16", "float32", "float64"]))
    shape = (data.draw(st.integers(1, 9)), 3)
    array = data.draw(hnp.arrays(dtype, shape))
    labels = data.draw(st.sampled_from([None, NAMES, ["a", "a", "b"]]))
    folder = tmp_path_factory.mktemp("rows")
    path = folder / f"out{ending}"
    for _ in range(2):  # the second time over the first
        write_rows(path, in_batches(array), shape=shape, dtype=dtype, labels=labels)
        assert list(folder.iterdir()) == [path]
    file = open_logits(path)
    assert file.shape == shape
    assert file.labels == (None if labels is None or ending == ".npy" else tuple(labels))
    read = np.concatenate(list(file.blocks(size=2)))
    np.testing.assert_array_equal(read.astype(dtype), array)


@pytest.fixture
def written(tmp_path: Path, request: pytest.FixtureRequest) -> tuple[Path, NDArray[np.float32]]:
    array = np.random.default_rng(0).random((10, 3)).astype(np.float32)
    path = tmp_path / f"out{request.param}"
    write_rows(path, in_batches(array), shape=(10, 3), dtype=np.float32, labels=NAMES)
    return path, array


@pytest.mark.parametrize("written", ENDINGS, indirect=True)
def test_the_library_of_the_format_reads_the_rows(
    written: tuple[Path, NDArray[np.float32]],
) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq
    import zarr
    from pyarrow import feather
    from safetensors.numpy import load_file

    path, array = written
    if path.suffix == ".npy":
        read = np.load(path)
    elif path.suffix in {".csv", ".tsv"}:
        with path.open(encoding="utf-8", newline="") as file:
            names, *rows = csv.reader(file, delimiter="," if path.suffix == ".csv" else "\t")
        assert names == NAMES
        read = np.array(rows).astype(np.float32)
    elif path.suffix == ".jsonl":
        import json

        objects = [json.loads(line) for line in path.read_text().splitlines()]
        assert [list(each) for each in objects] == [NAMES] * 10
        read = np.array([list(each.values()) for each in objects], np.float32)
    elif path.suffix == ".safetensors":
        read = load_file(path)["rows"]
    elif path.suffix == ".zarr":
        store = zarr.open_array(path, mode="r")
        assert store.attrs["labels"] == NAMES
        read = np.asarray(store[:])
    else:
        table = pq.read_table(path) if path.suffix == ".parquet" else feather.read_table(path)
        assert table.schema == pa.schema([(name, pa.float32()) for name in NAMES])
        read = np.column_stack([table[name].to_numpy() for name in NAMES])
    assert read.dtype == array.dtype
    np.testing.assert_array_equal(read, array)


@pytest.mark.parametrize("ending", [".parquet", ".feather"])
def test_many_classes_are_a_column_of_lists(tmp_path: Path, ending: str) -> None:
    labels = [f"token {at}" for at in range(1001)]
    array = np.random.default_rng(0).random((3, 1001))
    path = tmp_path / f"out{ending}"
    write_rows(path, [array], shape=array.shape, dtype=float, labels=labels)
    file = open_logits(path, columns="probabilities")
    assert file.labels == tuple(labels)
    np.testing.assert_array_equal(file.row(2).values, array[2])


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize("old", [True, False])
def test_a_failed_write_leaves_the_folder_as_it_was(
    tmp_path: Path, ending: str, error: BaseException, *, old: bool
) -> None:
    path = tmp_path / f"out{ending}"
    array = np.ones((9, 3))
    if old:
        write_rows(path, [array], shape=(9, 3), dtype=float)

    def batches() -> Iterator[NDArray[Any]]:
        yield array[:4] * 2
        raise error

    with pytest.raises((FileError, KeyboardInterrupt)) as caught:
        write_rows(path, batches(), shape=(9, 3), dtype=float)
    if isinstance(error, OSError):
        assert str(caught.value) == f"{path}: No space left on device"
    assert list(tmp_path.iterdir()) == [path] * old
    if old:
        assert open_logits(path).row(0).values.tolist() == [1, 1, 1]


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on the size of files")
@pytest.mark.parametrize("ending", ENDINGS)
def test_a_disk_that_fills_up_leaves_no_file(tmp_path: Path, ending: str) -> None:
    # The system itself says no: a file may not grow beyond 1 MB.
    script = """
import resource, sys
import numpy as np
from thermoscope.data.writing import write_rows
resource.setrlimit(resource.RLIMIT_FSIZE, (700_000,) * 2)
batches = (np.random.default_rng(seed).random((1000, 100)) for seed in range(9))
write_rows(sys.argv[1], batches, shape=(9000, 100), dtype=float)
"""
    path = tmp_path / f"out{ending}"
    done = subprocess.run(
        [sys.executable, "-c", script, str(path)],
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert f"FileError: {path}: " in done.stderr
    assert "large" in done.stderr.splitlines()[-1]
    assert list(tmp_path.iterdir()) == []


def test_an_error_of_the_file_that_is_read_names_that_file(tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text("[1, 2]\n[3, 4]\n[5, null]\n")
    file = open_logits(tmp_path / "in.jsonl")
    words = r"^\S*in\.jsonl: line 3: item 1 must be a number, got null$"
    with pytest.raises(FileError, match=words):
        write_rows(tmp_path / "out.npy", file.blocks(size=1), shape=file.shape, dtype=float)
    assert [path.name for path in tmp_path.iterdir()] == ["in.jsonl"]


@pytest.mark.parametrize(
    ("shape", "labels", "words"),
    [
        ((3, 2), None, "batches must have 3 rows in all, got 4"),
        ((5, 2), None, "batches must have 5 rows in all, got 4"),
        ((4, 3), None, r"batches must have 3 entries, got shape \(4, 2\)"),
        ((4, 2), ["a"], "labels must be 2, one for each entry, got 1"),
    ],
)
@pytest.mark.parametrize("ending", ENDINGS)
def test_rows_of_the_wrong_shape_are_refused(
    tmp_path: Path, ending: str, shape: tuple[int, int], labels: list[str] | None, words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        write_rows(
            tmp_path / f"x{ending}", [np.ones((4, 2))], shape=shape, dtype=float, labels=labels
        )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("x.txt", r"rows must go to a \.npy, .* or \.zarr file"),
        ("none/x.npy", "there is no folder .*/none$"),
        ("folder.zarr", "only a Zarr store can be written over"),
        ("folder.npy", "only an ordinary file can be written over"),
    ],
)
def test_a_path_that_cannot_be_written_is_named(tmp_path: Path, name: str, words: str) -> None:
    for folder in ("folder.zarr", "folder.npy"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "thesis.txt").write_text("whole")
    with pytest.raises(FileError, match=words):
        write_rows(tmp_path / name, [np.ones((1, 2))], shape=(1, 2), dtype=float)
    assert sorted(path.name for path in tmp_path.rglob("*.txt")) == ["thesis.txt"] * 2


@pytest.mark.parametrize(
    ("ending", "module", "extra"),
    [
        ("parquet", "pyarrow.parquet", "files"),
        ("feather", "pyarrow.ipc", "files"),
        ("zarr", "zarr", "dask"),
    ],
)
def test_a_missing_library_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str, module: str, extra: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=rf'pip install "thermoscope\[{extra}\]"'):
        write_rows(tmp_path / f"x.{ending}", [np.ones((1, 2))], shape=(1, 2), dtype=float)
    assert list(tmp_path.iterdir()) == []


NUMBERS = np.arange(12.0).reshape(6, 2)
HARD = (
    *("7", "0", "1", "2", "3.5", "-1e5", "nan", "inf", "1,000.5", "1.O", "NA", "-"),
    *("", " ", "\r", "\n", "a\r\nb", "a,b", "a;b", "a\tb", '"', '"a"', "'", "#x", "# a"),
    *("__index_level_0__", "Unnamed: 0", "label", "target", "choices", "logprobs", "\ufeffa"),
    *("\u2028", "\x85", "\x00", "é", "語", "😀", "\u202e", "[", "{", "data: x"),
)
LABELS = st.one_of(st.sampled_from(HARD), st.text(st.characters(exclude_categories=["Cs"])))
TYPES = st.sampled_from([np.float16, np.float32, np.float64])


@st.composite
def tables(draw: st.DrawFn) -> tuple[NDArray[np.floating], list[str] | None]:
    """Draw rows of at least two classes, and labels for them or none."""
    rows, classes = draw(st.integers(1, 7)), draw(st.integers(2, 5))
    dtype = draw(TYPES)
    elements = st.floats(width=np.finfo(dtype).bits, allow_nan=True)
    whole = st.integers(0, 3).map(float)
    array = draw(arrays(dtype, (rows, classes), elements=st.one_of(elements, whole)))
    names = st.lists(LABELS, min_size=classes, max_size=classes)
    return array, draw(st.one_of(st.none(), names))


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.filterwarnings("ignore::zarr.errors.ZarrUserWarning")
@example(table=(NUMBERS, ["0", "1"]))
@example(table=(NUMBERS, ["1", "0"]))
@example(table=(NUMBERS, ["7", "8"]))
@example(table=(NUMBERS, ["", "a"]))
@example(table=(NUMBERS, ["a", ""]))
@example(table=(NUMBERS, ["label", "logit"]))
@example(table=(NUMBERS, ["__index_level_0__", "a"]))
@example(table=(NUMBERS, ["same", "same"]))
@example(table=(NUMBERS + 0.5, ["a\nb", "c,d"]))
@example(table=(NUMBERS, None))
@given(table=tables())
def test_hard_labels_are_read_back(
    tmp_path_factory: pytest.TempPathFactory,
    ending: str,
    table: tuple[NDArray[np.floating], list[str] | None],
) -> None:
    array, labels = table
    path = tmp_path_factory.mktemp("round") / f"x{ending}"
    write_rows(path, [array[:2], array[2:]], shape=array.shape, dtype=array.dtype, labels=labels)
    read = open_logits(path)
    assert read.shape == array.shape
    np.testing.assert_array_equal(np.asarray(read, array.dtype), array)
    wanted = None if labels is None or ending == ".npy" else tuple(labels)
    assert read.labels == wanted
    assert not any("targets" in note or "no logits" in note for note in read.notes)


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_lone_surrogate_is_refused_by_every_format(tmp_path: Path, ending: str) -> None:
    with pytest.raises(ValueError, match=r"labels must be text without .* got 'a\\udce9'"):
        write_rows(
            tmp_path / f"x{ending}", [NUMBERS], shape=(6, 2), dtype=float, labels=["a\udce9", "b"]
        )
    assert list(tmp_path.iterdir()) == []


def failing(block: np.ndarray, block_info: dict[Any, Any]) -> np.ndarray:
    """Return the negative block, but for the third, which has no room on the disk."""
    if block_info[0]["chunk-location"] == (2, 0):
        raise OSError(28, "No space left on device")
    return -block


# Threads go on after an error of one of them, and must not write to what is removed. That is a
# race: without a lock, one run in seven leaves a folder behind.
@pytest.mark.parametrize(
    ("scheduler", "runs"), [("threads", 100), ("processes", 1), ("distributed", 5)]
)
def test_rows_of_dask_become_a_store_whole_or_not_at_all(
    tmp_path: Path, request: pytest.FixtureRequest, scheduler: str, runs: int
) -> None:
    dask, da = pytest.importorskip("dask"), pytest.importorskip("dask.array")
    if scheduler == "distributed":
        request.getfixturevalue("client")
    path = tmp_path / "out.zarr"
    rows = da.random.default_rng(0).random((10, 3), chunks=(4, 3))
    with dask.config.set(scheduler=scheduler):
        write_dask(path, rows, labels=["a", "b", "c"])
        kept = np.concatenate(list(ts.open_logits(path).blocks()))
        np.testing.assert_array_equal(kept, rows.compute())
        assert ts.open_logits(path).labels == ("a", "b", "c")
        for _ in range(runs):
            with pytest.raises(ValueError, match=r"out\.zarr: No space left on device"):
                write_dask(path, rows.map_blocks(failing, dtype=float))
            assert list(tmp_path.iterdir()) == [path]
    np.testing.assert_array_equal(np.concatenate(list(ts.open_logits(path).blocks())), kept)


def test_rows_of_dask_that_no_store_can_hold_are_refused(tmp_path: Path) -> None:
    da = pytest.importorskip("dask.array")
    path, rows = tmp_path / "out.zarr", da.ones((10, 3), chunks=(4, 3))
    with pytest.raises(ValueError, match="labels must be 3, one for each entry, got 1"):
        write_dask(path, rows, labels=["a"])
    with pytest.raises(OSError, match=r"out\.npy: the rows of a Dask array must go to a \.zarr"):
        write_dask(tmp_path / "out.npy", rows)
    assert list(tmp_path.iterdir()) == []
