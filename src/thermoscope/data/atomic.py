"""Files and stores that are written whole or not at all."""

from __future__ import annotations

import os
import secrets
import shutil
import stat
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from thermoscope.data.errors import naming

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["check_place", "replacing", "write_whole"]


def write_whole(path: str | os.PathLike[str], data: bytes) -> None:
    """Write a file whole or not at all: no reader sees half of it, and a full disk leaves none.

    Raises
    ------
    FileError
        If the file cannot be written; a file that was there before stays as it was.
    """
    with replacing(path) as temporary, temporary.open("xb") as file:
        file.write(data)


def check_place(path: str | os.PathLike[str]) -> None:
    """Raise what writing a file would raise, before there is something to write.

    Raises
    ------
    FileError
        If there is no such folder, nothing can be written in it, or something else is at `path`.
    """
    with naming(path):
        target, _ = _target(path)
        temporary = _beside(target)
        temporary.touch()
        temporary.unlink()


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give the name of a file, or folder, to write, which takes the place of `path` at the end.

    Whatever goes wrong before, Ctrl-C too, leaves the folder as it was.
    """
    with naming(path):
        target, mode = _target(path)
        is_store = _is_store(target)
        temporary = _beside(target)
        try:
            yield temporary
            if is_store:
                _replace_folder(temporary, target)
                return
            with temporary.open("r+b") as file:
                os.fsync(file.fileno())
            if mode is not None:
                temporary.chmod(stat.S_IMODE(mode))
            temporary.replace(target)
        except BaseException:
            if is_store:
                shutil.rmtree(temporary, ignore_errors=True)
            else:
                temporary.unlink(missing_ok=True)
            raise


def _target(path: str | os.PathLike[str]) -> tuple[Path, int | None]:
    """Return the path at the end of a link, and the mode of what is there; None if nothing is."""
    # A link stays one: the file at its end is the one to replace.
    target = Path(os.path.realpath(path))
    if not target.parent.is_dir():
        raise ValueError(f"there is no folder {target.parent}")
    mode = None
    with suppress(FileNotFoundError):
        mode = target.stat().st_mode
    if _is_store(target) and mode is not None:
        if not any((target / name).is_file() for name in ("zarr.json", ".zarray", ".zgroup")):
            raise ValueError("only a Zarr store can be written over")
    elif mode is not None and not stat.S_ISREG(mode):
        raise ValueError("only an ordinary file can be written over")
    return target, mode


def _is_store(target: Path) -> bool:
    return target.suffix.lower() == ".zarr"


def _beside(target: Path) -> Path:
    """Return the name of what is written before it takes the place of `target`."""
    return target.with_name(f".{secrets.token_hex(8)}.tmp")


def _replace_folder(new: Path, target: Path) -> None:
    # A folder cannot take the place of one that is not empty: the old one goes aside for a moment.
    old = new.with_suffix(".old")
    with suppress(FileNotFoundError):
        target.replace(old)
    try:
        new.replace(target)
    except BaseException:
        old.replace(target)
        raise
    shutil.rmtree(old, ignore_errors=True)
