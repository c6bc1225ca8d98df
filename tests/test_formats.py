"""Every format against its own library: rows, batches, labels, columns, and damage."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thermoscope import open_logits, read_logits
from thermoscope.data.errors import FileError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

LOGITS = np.random.default_rng(0).normal(size=(90, 4)).astype(np.float32)
LOGITS[7, 2] = -np.inf
LOGITS[8, 0] = np.nan
NAMES = ["cat", "dog, small", 'say "x"', "é"]


def save_npy(path: Path, array: NDArray[Any]) -> None:
    np.save(path, array)


def save_fortran(path: Path, array: NDArray[Any]) -> None:
    np.save(path, np.asfortranarray(array))


def save_npz(path: Path, array: NDArray[Any]) -> None:
    np.savez(path, logits=array, targets=np.array(["a", "b"]))


def save_compressed(path: Path, array: NDArray[Any]) -> None:
    np.savez_compressed(path, logits=array)


def save_safetensors(path: Path, array: NDArray[Any]) -> None:
    from safetensors.numpy import save_file

    save_file({"logits": array, "scale": np.array(2.0)}, path)


def save_zarr(path: Path, array: NDArray[Any]) -> None:
    import zarr

    zarr.create_array(path, shape=array.shape, chunks=(16, 3), dtype=array.dtype)[:] = array


def save_zarr_group(path: Path, array: NDArray[Any]) -> None:
    import zarr

    zarr.create_group(path).create_array("logits", data=array)


def save_dask(path: Path, array: NDArray[Any]) -> None:
    import dask.array

    dask.array.from_array(array, chunks=(20, 4)).to_zarr(str(path))


def lists(array: NDArray[Any], *, fixed: bool) -> object:
    import pyarrow as pa

    kind = pa.list_(pa.from_numpy_dtype(array.dtype), *[array.shape[1]] * fixed)
    names = pa.array([f"id {at}" for at in range(len(array))])
    return pa.table({"name": names, "logits": pa.array(array.tolist(), kind)})


def save_parquet(path: Path, array: NDArray[Any]) -> None:
    import pyarrow.parquet as pq

    pq.write_table(lists(array, fixed=False), path, row_group_size=25)


def save_feather(path: Path, array: NDArray[Any]) -> None:
    from pyarrow import feather

    feather.write_feather(lists(array, fixed=True), path, chunksize=25)


def save_stream(path: Path, array: NDArray[Any]) -> None:
    import pyarrow as pa

    table = lists(array, fixed=False)
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, table.schema) as writer:
        writer.write_table(table, max_chunksize=25)


def save_jsonl(path: Path, array: NDArray[Any]) -> None:
    text = "\n".join(json.dumps(row) for row in array.tolist())
    path.write_text(text.replace("-Infinity", '"-inf"').replace("NaN", '"nan"'))


def save_json(path: Path, array: NDArray[Any]) -> None:
    path.write_text(json.dumps(array.tolist()))


def save_csv(path: Path, array: NDArray[Any]) -> None:
    np.savetxt(path, array, delimiter=",")


FORMATS: list[tuple[str, Callable[[Path, NDArray[Any]], None]]] = [
    ("npy", save_npy),
    ("npy", save_fortran),
    ("npz", save_npz),
    ("npz", save_compressed),
    ("safetensors", save_safetensors),
    ("zarr", save_zarr),
    ("zarr", save_zarr_group),
    ("zarr", save_dask),
    ("parquet", save_parquet),
    ("feather", save_feather),
    ("arrow", save_feather),
    ("arrow", save_stream),
    ("json", save_json),
    ("jsonl", save_jsonl),
    ("csv", save_csv),
]
every_format = pytest.mark.parametrize(
    ("ending", "save"), FORMATS, ids=[save.__name__[5:] for _, save in FORMATS]
)
TEXTS = {"json", "jsonl", "csv"}


@every_format
@pytest.mark.filterwarnings("ignore::zarr.errors.ZarrUserWarning")
def test_rows_and_blocks_equal_the_saved_array(
    tmp_path: Path, ending: str, save: Callable[[Path, NDArray[Any]], None]
) -> None:
    path = tmp_path / f"logits.{ending}"
    save(path, LOGITS)
    file = open_logits(path)
    assert file.shape == LOGITS.shape
    assert file.dtype == (np.float64 if ending in TEXTS else np.float32)
    assert (file.labels, file.source) == (None, path.name)
    for size in (1, 7, 25, 89, 90, 1000, None):
        # The blocks can be read any number of times.
        batches = list(file.blocks(size=size))
        assert [len(batch) for batch in batches[:-1]] == [size or 0] * (len(batches) - 1)
        assert {batch.dtype for batch in batches} == {file.dtype}
        np.testing.assert_array_equal(np.concatenate(batches), LOGITS)
    for row in (0, 7, 8, 24, 25, 50, 89):
        read = file.row(row)
        np.testing.assert_array_equal(read, LOGITS[row])
        assert (read.labels, read.source) == (None, path.name)
        read.values[:] = 0  # a copy: the file stays as it is
    np.testing.assert_array_equal(read_logits(path, row=33).values, LOGITS[33])
    for row in (-1, 90):
        with pytest.raises(FileError, match=f"row must be 0 to 89, got {row}"):
            file.row(row)
    with pytest.raises(FileError, match="90 rows: choose one with --row, 0 to 89"):
        read_logits(path)


@pytest.mark.parametrize(
    ("ending", "save"),
    [
        ("npy", save_npy),
        ("npz", save_npz),
        ("npz", save_compressed),
        ("safetensors", save_safetensors),
        ("zarr", save_zarr_group),
        ("json", save_json),
        ("csv", save_csv),
    ],
)
def test_one_dimension_is_one_row(
    tmp_path: Path, ending: str, save: Callable[[Path, NDArray[Any]], None]
) -> None:
    path = tmp_path / f"logits.{ending}"
    save(path, LOGITS[0])
    file = open_logits(path)
    assert file.shape == (4,)
    (batch,) = file.blocks()
    np.testing.assert_array_equal(batch, LOGITS[:1])
    np.testing.assert_array_equal(read_logits(path).values, LOGITS[0])
    with pytest.raises(FileError, match="row must be left out for a 1-D array, got 0"):
        read_logits(path, row=0)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32", "float64", "int64", "uint8"])
def test_safetensors_of_pytorch(tmp_path: Path, dtype: str) -> None:
    torch = pytest.importorskip("torch")
    from safetensors.torch import save_file

    given = (torch.arange(12).reshape(3, 4) * 1.1).to(getattr(torch, dtype))
    path = tmp_path / "logits.safetensors"
    save_file({"a": given, "b": given + 1}, path)
    file = open_logits(path, columns="b")
    assert file.dtype == ("float32" if dtype == "bfloat16" else dtype)
    assert np.concatenate(list(file.blocks(size=2))).tolist() == (given + 1).tolist()


@pytest.mark.parametrize("ending", ["parquet", "feather"])
def test_a_table_has_a_column_for_each_class(tmp_path: Path, ending: str) -> None:
    import pyarrow as pa
    from pyarrow import feather
    from pyarrow import parquet as pq

    identities = [f"x{at}" for at in range(90)]
    columns = {"id": identities, **dict(zip(NAMES, LOGITS.T, strict=True))}
    # pandas stores the index of a filtered frame under this name.
    columns["__index_level_0__"] = np.arange(90)
    path = tmp_path / f"logits.{ending}"
    {"parquet": pq.write_table, "feather": feather.write_feather}[ending](pa.table(columns), path)
    file = open_logits(path)
    assert file.labels == tuple(NAMES)
    np.testing.assert_array_equal(np.concatenate(list(file.blocks(size=8))), LOGITS)
    some = open_logits(path, columns=["é", "cat"])
    assert some.labels == ("é", "cat")
    np.testing.assert_array_equal(some.row(3).values, LOGITS[3, [3, 0]])
    # A single column is one row; the column of texts beside it holds its labels.
    down = read_logits(path, columns="cat")
    np.testing.assert_array_equal(down.values, LOGITS[:, 0])
    assert down.labels == tuple(identities)


def table(**columns: list[Any]) -> object:
    import pyarrow as pa

    return pa.table(columns)


def parquet(**columns: list[Any]) -> Callable[[Path], None]:
    def save(path: Path) -> None:
        import pyarrow.parquet as pq

        pq.write_table(table(**columns), path)

    return save


def text(data: str | bytes) -> Callable[[Path], None]:
    def save(path: Path) -> None:
        path.write_bytes(data if isinstance(data, bytes) else data.encode())

    return save


def cut(
    save: Callable[[Path, NDArray[Any]], None], kept: float, skipped: int = 0
) -> Callable[[Path], None]:
    """Return a function that saves a file and cuts it short."""

    def damage(path: Path) -> None:
        save(path, LOGITS)
        data = path.read_bytes()
        path.write_bytes(data[skipped : int(len(data) * kept)])

    return damage


def bad_header(path: Path) -> None:
    path.write_bytes((2**40).to_bytes(8, "little") + b"{}")


def outside(path: Path) -> None:
    tensor = {"dtype": "F32", "shape": [9, 4], "data_offsets": [0, 144]}
    header = json.dumps({"x": tensor}).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header)


BAD: list[tuple[str, Callable[[Path], None], str | None, str]] = [
    (
        "cut.parquet",
        cut(save_parquet, 0.6),
        None,
        "not a whole .parquet file: cut short or damaged",
    ),
    ("text.parquet", text("a,b\n1,2\n"), None, "not a whole .parquet file"),
    ("empty.parquet", text(""), None, "the file is empty"),
    ("rows.parquet", parquet(a=[], b=[]), None, "there are no "),
    ("words.parquet", parquet(a=["x"]), None, "there are no numbers in it"),
    (
        "mixed.parquet",
        parquet(id=[1], a=[0.5], b=[0.5]),
        None,
        "whole numbers beside columns of fractions, in 'id': name",
    ),
    (
        "two.parquet",
        parquet(a=[[1.0]], b=[[2.0]]),
        None,
        "choose the logits with columns, of 'a', 'b'$",
    ),
    ("wrong.parquet", parquet(a=[1.0]), "z", "columns must be among 'a', got 'z'"),
    ("text.parquet", parquet(a=[1.0], b=["x"]), "b", "column 'b' must be of numbers, got text"),
    ("null.parquet", parquet(a=[1, 2], b=[3, None]), None, "row 1: column 'b' has no number"),
    ("gap.parquet", parquet(a=[[1.0, 2.0], None]), None, "row 1 must have 2 numbers, .* got 0"),
    ("rag.parquet", parquet(a=[[1.0, 2.0], [3.0]]), None, "row 1 must have 2 numbers, .* got 1"),
    (
        "cut.feather",
        cut(save_feather, 0.6),
        None,
        "not a whole .feather file: cut short or damaged",
    ),
    ("cut.arrow", cut(save_stream, 0.6), None, "not a whole .arrow file: cut short or damaged"),
    ("text.arrow", text("hello"), None, "not a whole .arrow file"),
    ("cut.npz", cut(save_npz, 0.6), None, "not a whole .npz file: cut short or damaged"),
    ("text.npz", text("hello"), None, "not a whole .npz file"),
    ("cut.npy", cut(save_npy, 0.6), None, "not a whole .npy file: cut short or damaged"),
    ("cut.safetensors", cut(save_safetensors, 0.6), None, "not a whole .safetensors file"),
    ("shift.safetensors", cut(save_safetensors, 1, 3), None, "not a whole .safetensors file"),
    ("long.safetensors", bad_header, None, "not a whole .safetensors file"),
    ("outside.safetensors", outside, None, "not a whole .safetensors file"),
    ("text.safetensors", text("hello"), None, "not a whole .safetensors file"),
    ("file.zarr", text("hello"), None, "a .zarr store is a folder"),
    ("ragged.csv", text("a,b,c\n1,2,3\n1,2\n"), None, "line 3: must have 3 columns, got 2"),
    ("long.csv", text("a,b,c\n1,2,3\n1,2,3,4\n"), None, "line 3: must have 3 columns, got 4"),
    ("both.csv", text("x,1,2\ny,3\nz,4,5,6\n"), None, "line 2: must have 3 columns, got 2"),
    (
        "word.csv",
        text('a,b,c\n1,2,3\n"1",x,3\n'),
        None,
        "line 3: column 'b' must be of numbers",
    ),
    ("slip.csv", text("1,2,1.O\n1,2,3\n"), None, "line 1: must be all names or all .* got '1.O'"),
    ("column.csv", text("a,b,c\n1,2,3\n"), "z", "columns must be among 'a', 'b', 'c', got 'z'"),
    ("header.csv", text("a,b,c\n"), None, "there are no numbers in it"),
    ("quote.csv", text('1,2,3\n4,"5,6\n'), None, "line 2: unexpected end of data"),
    ("latin.csv", text(b"caf\xe9,b,c\n1,2,3\n"), None, "not UTF-8 text: byte 3 is 0xe9"),
    (
        "bytes.csv",
        text(b"1,2,3\n4,5,6\n1,2,\xe9\n"),
        None,
        "not UTF-8 text: byte 16 is 0xe9",
    ),
    (
        "ragged.jsonl",
        text("[1, 2]\n[3]\n"),
        None,
        "line 2: must have the entries of the first",
    ),
    (
        "names.jsonl",
        text('{"a": 1}\n{"b": 1}\n'),
        None,
        "line 2: must have the entries of the first",
    ),
    ("word.jsonl", text('[1, 2]\n[3, "x"]\n'), None, 'line 2: item 1 must be a number, got "x"'),
    ("number.jsonl", text('1\n"x"\n'), None, "item 1 must be a number"),
    ("cut.jsonl", text("[1, 2]\n[3, "), None, "not JSON: line 2: "),
    ("blank.jsonl", text("\n\n"), None, "there are no numbers in it"),
    ("ragged.json", text("[[1, 2], [3]]"), None, "row 1 must have 2 numbers, as row 0 has, got 1"),
    ("word.json", text('[[1, 2], [3, "x"]]'), None, 'row 1: item 1 must be a number, got "x"'),
    ("flat.json", text("[[1, 2], 3]"), None, "row 1 must have 2 numbers, as row 0 has, got 3"),
    ("empty.json", text("[[], []]"), None, "there are no numbers in it"),
    ("column.json", text("[1]"), "z", "columns must be left out for a file of one array, got 'z'"),
    (
        "column.npy",
        lambda path: save_npy(path, LOGITS),
        "z",
        "columns must be left out for a file of one array",
    ),
]


@pytest.mark.parametrize(
    ("name", "save", "columns", "words"), BAD, ids=[f"{bad[0]}-{bad[3][:12]}" for bad in BAD]
)
def test_bad_files_get_one_clear_line(
    tmp_path: Path, name: str, save: Callable[[Path], None], columns: str | None, words: str
) -> None:
    path = tmp_path / name
    save(path)
    with pytest.raises(FileError, match=words) as caught:
        for _ in open_logits(path, columns=columns).blocks():
            pass
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        (None, "choose the logits with columns, one of 'a', 'b'$"),
        ("z", "columns must be one of 'a', 'b', 'c', got 'z'"),
        ("c", "logits must have an axis of entries, got one number"),
        (["a", "b"], "columns must be one of 'a', 'b', 'c', got 'a', 'b'"),
    ],
)
def test_an_array_of_several_must_be_chosen(
    tmp_path: Path, columns: str | None, words: str
) -> None:
    import safetensors.numpy
    import zarr

    arrays = {"a": np.zeros((2, 2)), "b": np.ones((2, 2)), "c": np.array(1.0)}
    np.savez(tmp_path / "x.npz", **arrays)
    safetensors.numpy.save_file(arrays, tmp_path / "x.safetensors")
    group = zarr.create_group(tmp_path / "x.zarr")
    for name, array in arrays.items():
        group.create_array(name, data=array)
    for ending in ("npz", "safetensors", "zarr"):
        with pytest.raises(FileError, match=words):
            open_logits(tmp_path / f"x.{ending}", columns=columns)
        assert open_logits(tmp_path / f"x.{ending}", columns="b").row(1).values.tolist() == [1, 1]


@pytest.mark.parametrize("save", [save_npz, save_safetensors, save_parquet, save_feather])
@given(data=st.data())
def test_a_damaged_file_gives_rows_or_one_clear_line(
    tmp_path_factory: pytest.TempPathFactory,
    data: st.DataObject,
    save: Callable[[Path, NDArray[Any]], None],
) -> None:
    path = tmp_path_factory.mktemp("noise") / f"x.{save.__name__[5:]}"
    save(path, LOGITS[:5])
    good = path.read_bytes()
    start = data.draw(st.integers(0, len(good)))
    end = data.draw(st.integers(start, len(good)))
    path.write_bytes(good[:start] + data.draw(st.binary(max_size=30)) + good[end:] or b" ")
    try:
        outcome = f"{path}: {len(list(open_logits(path).blocks()))}"
    except FileError as error:
        outcome = str(error)
    assert outcome.startswith(f"{path}: ")
    assert "\n" not in outcome


@pytest.mark.parametrize(
    ("ending", "module", "extra"),
    [
        ("parquet", "pyarrow.parquet", "files"),
        ("feather", "pyarrow", "files"),
        ("zarr", "zarr", "dask"),
    ],
)
def test_a_missing_library_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str, module: str, extra: str
) -> None:

    path = tmp_path / f"logits.{ending}"
    dict((*FORMATS, ("feather", save_feather)))[ending](path, LOGITS)
    monkeypatch.setitem(sys.modules, module, None)
    package = module.partition(".")[0]
    with pytest.raises(ImportError, match=rf'need {package}: pip install "thermoscope\[{extra}\]"'):
        open_logits(path)
