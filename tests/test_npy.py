""".npy files: every dtype and layout, one row of many, and damage."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thermoscope.data.errors import FileError
from thermoscope.data.reading import open_logits, read_logits

REAL_TYPES = ["?", "i1", "u8", "<i4", ">i4", "f2", "<f4", ">f4", "f8"]


def npy(array: object, **options: bool) -> bytes:
    """Return the bytes of a .npy file."""
    from io import BytesIO

    buffer = BytesIO()
    np.save(buffer, np.asarray(array), **options)
    return buffer.getvalue()


def sparse_npy(path: Path, shape: tuple[int, ...]) -> None:
    """Write a .npy of float64 zeros which takes no room on the disk."""
    with path.open("wb") as file:
        np.lib.format.write_array_header_2_0(
            file, {"descr": "<f8", "fortran_order": False, "shape": shape}
        )
        file.truncate(file.tell() + 8 * int(np.prod(shape)))


GOOD = npy(np.arange(20.0))


@pytest.mark.parametrize("dtype", REAL_TYPES)
def test_npy_keeps_its_dtype(tmp_path: Path, dtype: str) -> None:
    given = np.array([1, 0, 1, 1], dtype=dtype)
    (tmp_path / "logits.npy").write_bytes(npy(given))
    read = read_logits(tmp_path / "logits.npy")
    assert read.dtype == given.dtype
    assert read.values.tolist() == given.tolist()
    assert (read.labels, read.source) == (None, "logits.npy")


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("row", [0, 1, 2])
def test_npy_gives_the_row_asked_for(tmp_path: Path, order: str, row: int) -> None:
    matrix = np.array(np.arange(12.0).reshape(3, 4), order=order)  # type: ignore[call-overload]
    (tmp_path / "matrix.npy").write_bytes(npy(matrix))
    assert read_logits(tmp_path / "matrix.npy", row=row).values.tolist() == matrix[row].tolist()


def test_npy_of_a_single_row_needs_no_row(tmp_path: Path) -> None:
    (tmp_path / "one.npy").write_bytes(npy([[3.0, 4.0]]))
    assert read_logits(tmp_path / "one.npy").values.tolist() == [3.0, 4.0]


def test_one_row_of_a_matrix_larger_than_memory_is_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.npy"
    sparse_npy(path, (2**34, 16))
    assert read_logits(path, row=2**34 - 1).values.tolist() == [0.0] * 16


def test_values_outlive_the_file(tmp_path: Path) -> None:
    path = tmp_path / "logits.npy"
    path.write_bytes(npy(np.arange(10_000.0)))
    values = read_logits(path).values
    os.truncate(path, 0)
    assert values[-1] == 9999.0


@pytest.mark.parametrize("shape", [(2**38,), (3, 2**36)])
def test_a_row_larger_than_memory_is_refused_before_it_is_read(
    tmp_path: Path, shape: tuple[int, ...]
) -> None:
    path = tmp_path / "huge.npy"
    sparse_npy(path, shape)
    with pytest.raises(FileError, match=r"larger than memory: needs about [\d,]+ GiB of"):
        read_logits(path, row=None if len(shape) == 1 else 1)


@given(st.binary(max_size=200), st.integers(0, len(GOOD)), st.integers(0, len(GOOD)))
def test_a_damaged_npy_gives_a_row_or_one_clear_line(
    tmp_path_factory: pytest.TempPathFactory, noise: bytes, start: int, end: int
) -> None:
    path = tmp_path_factory.mktemp("noise") / "logits.npy"
    path.write_bytes(GOOD[:start] + noise + GOOD[end:] or b" ")
    try:
        outcome = f"{path}: {read_logits(path).values.ndim}-D"
    except FileError as error:
        outcome = str(error)
    assert outcome.startswith(f"{path}: ")
    assert "\n" not in outcome


def test_a_file_cut_short_after_it_was_opened_is_an_error_not_a_crash(tmp_path: Path) -> None:
    path = tmp_path / "logits.npy"
    np.save(path, np.zeros((1000, 100)))
    file = open_logits(path)
    with path.open("r+b") as opened:
        opened.truncate(1000)
    with pytest.raises(FileError, match=r"not a whole \.npy file: cut short"):
        list(file.blocks())
