"""Files are written whole or not at all."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from thermoscope.data.atomic import check_place, write_whole
from thermoscope.data.errors import FileError


def test_a_new_file_has_the_usual_mode(tmp_path: Path) -> None:
    write_whole(tmp_path / "page.html", b"whole")
    (tmp_path / "other").write_bytes(b"")
    assert (tmp_path / "page.html").read_bytes() == b"whole"
    assert (tmp_path / "page.html").stat().st_mode == (tmp_path / "other").stat().st_mode
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other", "page.html"]


def test_a_file_written_over_keeps_its_mode_and_its_link(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_bytes(b"old")
    target.chmod(0o600)
    link.symlink_to(target)
    write_whole(link, b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize("old", [b"old", None])
def test_a_failed_write_leaves_the_folder_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, old: bytes | None
) -> None:
    path = tmp_path / "page.html"
    if old is not None:
        path.write_bytes(old)

    def fail(_: int) -> None:
        raise error

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises((FileError, KeyboardInterrupt)) as caught:
        write_whole(path, b"new")
    if isinstance(error, OSError):
        assert str(caught.value) == f"{path}: No space left on device"
    assert [each.read_bytes() for each in tmp_path.iterdir()] == ([] if old is None else [old])


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("none/page.html", "there is no folder .*/none$"),
        ("folder", "only an ordinary file can be written over"),
        ("pipe", "only an ordinary file can be written over"),
        ("x" * 300, "File name too long"),
    ],
)
def test_a_path_that_cannot_be_written_is_named(tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    before = sorted(tmp_path.iterdir())
    for write in (check_place, lambda path: write_whole(path, b"data")):
        with pytest.raises(FileError, match=words) as caught:
            write(tmp_path / name)
        assert str(caught.value).startswith(f"{tmp_path / name}: ")
        assert sorted(tmp_path.iterdir()) == before


def test_a_place_that_can_be_written_is_left_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "there").write_bytes(b"old")
    check_place(tmp_path / "there")
    check_place(tmp_path / "new")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("there", b"old")]
