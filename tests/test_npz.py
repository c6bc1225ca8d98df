""".npz files: members with comments and extra fields, damaged, or with a false length."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tests.test_formats import LOGITS
from thermoscope import open_logits
from thermoscope.data.errors import FileError


def test_npz_and_npy_are_never_unpickled(tmp_path: Path) -> None:
    path = tmp_path / "logits.npz"
    np.savez(path, logits=np.zeros((2, 2)), bomb=np.array([{}], dtype=object))
    assert open_logits(path).shape == (2, 2)
    with pytest.raises(FileError, match="must be real numbers, got pickled Python objects"):
        open_logits(path, columns="bomb")


def test_a_zip_comment_and_extra_fields_do_not_shift_what_is_read(tmp_path: Path) -> None:
    np.save(tmp_path / "logits.npy", LOGITS)
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        info = zipfile.ZipInfo("logits.npy")
        info.extra = b"\x99\x99\x04\x00abcd"
        archive.writestr(info, (tmp_path / "logits.npy").read_bytes())
        archive.comment = b"made by hand"
    np.testing.assert_array_equal(open_logits(tmp_path / "x.npz").row(89).values, LOGITS[89])


def test_a_stored_member_is_compared_with_its_crc(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    np.savez(path, logits=LOGITS)
    data = bytearray(path.read_bytes())
    data[data.index(LOGITS[3].tobytes())] ^= 1
    path.write_bytes(data)
    with pytest.raises(FileError, match=r"x\.npz: not a whole \.npz file"):
        open_logits(path).row(0)


def test_a_member_shorter_than_its_header_says_is_refused(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        buffer, {"descr": "<f8", "fortran_order": False, "shape": (1 << 40, 4)}
    )
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("logits.npy", buffer.getvalue() + bytes(64))
    with pytest.raises(FileError, match=r"x\.npz: not a whole \.npz file"):
        open_logits(tmp_path / "x.npz")
