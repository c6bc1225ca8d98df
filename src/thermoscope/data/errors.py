"""Errors of files, each in one line that names the file and says what to do."""

from __future__ import annotations

import json
import os
import sys
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thermoscope.arguments import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["FileError", "check_memory", "intact", "listed", "naming", "not_utf8", "optional"]


class FileError(OSError, ValueError):
    """A file cannot be read or written; the message names it and says why, in one line.

    It is an OSError and a ValueError, because a caller need not know whether the system or the
    content of the file is at fault.
    """


@contextmanager
def naming(source: str | os.PathLike[str]) -> Iterator[None]:
    """Raise what goes wrong with a file as one `FileError` that names it."""
    try:
        yield
    except (FileError, ArgumentError):  # of another file, or of the caller
        raise
    except UnicodeDecodeError as error:
        raise FileError(f"{source}: {not_utf8(error)}") from error
    except json.JSONDecodeError as error:
        raise FileError(f"{source}: not JSON: line {error.lineno}: {error.msg}") from error
    except RecursionError as error:
        raise FileError(f"{source}: nested too deeply") from error
    except MemoryError as error:
        raise FileError(f"{source}: larger than memory") from error
    except OSError as error:
        raise FileError(f"{source}: {error.strerror or error}") from error
    except ValueError as error:
        raise FileError(f"{source}: {error}") from error


def not_utf8(error: UnicodeDecodeError, start: int = 0) -> str:
    """Return what is wrong with bytes that begin at a byte of a file, and what to do."""
    at, byte = start + error.start, error.object[error.start]
    return f"not UTF-8 text: byte {at} is {byte:#04x}: convert it to UTF-8"


@contextmanager
def intact(ending: str) -> Iterator[None]:
    """Raise any error of a format's library as one ValueError: the file is cut short or damaged."""
    try:
        yield
    except (ImportError, MemoryError):
        raise
    except OSError as error:
        # Errors of the system have a number; those that PyArrow raises for a file have none.
        if error.errno is not None:
            raise
        raise ValueError(f"not a whole {ending} file: cut short or damaged") from error
    except Exception as error:
        raise ValueError(f"not a whole {ending} file: cut short or damaged") from error


def optional(module: str, extra: str, what: str) -> Any:
    """Import a module that an extra installs; the ImportError says how to install it."""
    try:
        return import_module(module)
    except ImportError as error:
        name = module.partition(".")[0]
        raise ImportError(f'{what} need {name}: pip install "thermoscope[{extra}]"') from error


def check_memory(needed: int) -> None:
    """Raise an error if `needed` bytes are more than this machine, or container, has."""
    limits = [sys.maxsize]
    with suppress(AttributeError, OSError, ValueError):  # AttributeError: not POSIX
        limits.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    with suppress(OSError, ValueError):  # ValueError: the limit is "max"
        limits.append(int(Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii")))
    if needed > min(limits):
        needs, has = needed / 2**30, min(limits) / 2**30
        raise ValueError(f"larger than memory: needs about {needs:,.0f} GiB of {has:,.0f} GiB")


def listed(names: Iterable[object]) -> str:
    """Return names for one line of a message."""
    names = list(names)
    text = ", ".join(map(repr, names[:10]))
    return f"{text} and {len(names) - 10:,} more" if len(names) > 10 else text
