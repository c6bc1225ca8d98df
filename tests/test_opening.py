"""What can't be opened, and is named: what is no ordinary file, missing or not permitted."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.test_npy import GOOD
from thermoscope.data.errors import FileError
from thermoscope.data.reading import open_logits, read_labels, read_logits

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize("read", [read_logits, read_labels])
def test_a_missing_file_and_a_folder_are_named(
    tmp_path: Path, read: Callable[[Path], object]
) -> None:
    with pytest.raises(FileError, match=r"none\.csv: No such file or directory"):
        read(tmp_path / "none.csv")
    (tmp_path / "folder.npy").mkdir()
    with pytest.raises(FileError, match=r"folder\.npy: this is a folder"):
        read(tmp_path / "folder.npy")


@pytest.mark.parametrize("name", ["secret.npy", "secret.csv", "secret.json"])
def test_no_permission_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(GOOD)
    # root may open every file, so the system's refusal is simulated.
    real_open = Path.open

    def refuse(self: Path, *arguments: str, **options: str) -> object:
        if self == path:
            raise PermissionError(13, "Permission denied", str(path))
        return real_open(self, *arguments, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(FileError, match=f"{name}: Permission denied"):
        read_logits(path)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has neither")
@pytest.mark.parametrize("ending", ["csv", "npy", "json", "parquet"])
def test_a_pipe_and_a_device_are_refused_at_once(tmp_path: Path, ending: str) -> None:
    (tmp_path / f"zero.{ending}").symlink_to("/dev/zero")
    os.mkfifo(tmp_path / f"pipe.{ending}")
    for name in ("zero", "pipe"):
        with pytest.raises(FileError, match="not an ordinary file: read a pipe from standard"):
            open_logits(tmp_path / f"{name}.{ending}")
