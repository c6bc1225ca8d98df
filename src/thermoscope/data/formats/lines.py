"""Where the rows of a text stand, so that a row is read without those before it."""

from __future__ import annotations

import bisect
from itertools import pairwise
from typing import TYPE_CHECKING, BinaryIO, Final

import numpy as np

from thermoscope.data.content import BYTES_PER_TEXT_BYTE
from thermoscope.data.errors import check_memory

if TYPE_CHECKING:
    from collections.abc import Iterator

    from thermoscope.data.content import Text

__all__ = ["Lines", "read_line", "split_lines"]

TEXT_BLOCK: Final = 1 << 20
"""Bytes that are read at a time."""
LONGEST_LINE: Final = 1 << 26
"""A longer line is read only where the whole text would fit into memory."""


def read_line(file: BinaryIO, text: Text) -> bytes:
    """Read one line of a text, or what is left of it."""
    line = file.readline(LONGEST_LINE)
    if len(line) == LONGEST_LINE:
        check_memory(text.size * BYTES_PER_TEXT_BYTE)
        line += file.readline()
    return line


def split_lines(text: str) -> list[str]:
    """Return the lines of a text without their ends.

    str.splitlines would also split at characters that are tokens of their own (U+2028, U+0085).
    """
    return [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")]


class Lines:
    """An index of the lines of a text.

    Attributes
    ----------
    count : int
        How many rows there are; blank lines are none.
    blocks : list of (row, byte, line)
        The first row of each block of about `TEXT_BLOCK` bytes, and where it stands.
    """

    def __init__(self, text: Text, start: int, line: int, *, quotes: bool) -> None:
        self.text = text
        self.count = 0
        self.blocks = [(0, start, line)]
        with text.open() as file:
            file.seek(start)
            # Of the line that the last piece left unfinished.
            content, last, in_quotes, at = 0, 0, False, start
            while data := file.read(TEXT_BLOCK):
                piece = np.frombuffer(data, np.uint8)
                is_end = piece == ord("\n")
                if (quotes and b'"' in data) or in_quotes:
                    inside = np.logical_xor.accumulate(piece == ord('"')) ^ in_quotes
                    in_quotes = bool(inside[-1])
                    lines_in_quotes = int(np.count_nonzero(is_end & inside))
                    is_end &= ~inside
                else:
                    lines_in_quotes = 0
                ends = np.flatnonzero(is_end)
                if ends.size:
                    # An empty line does not count; "\r\n" is one end of a line.
                    starts = np.concatenate([[-1], ends[:-1]]) + 1
                    length = ends - starts - (piece[np.maximum(ends - 1, 0)] == ord("\r"))
                    length[0] += content - (ends[0] == 0 and last == ord("\r"))
                    self.count += int(np.count_nonzero(length > 0))
                    line += ends.size
                    self.blocks.append((self.count, at + int(ends[-1]) + 1, line))
                    content = 0
                    rest = piece.size - int(ends[-1]) - 1
                else:
                    rest = piece.size
                content += rest
                line += lines_in_quotes
                at += piece.size
                last = data[-1]
                if content > LONGEST_LINE:
                    check_memory(text.size * BYTES_PER_TEXT_BYTE)
            if content > (last == ord("\r")):
                self.count += 1
            self.blocks.append((self.count, at, line))

    def read(self, start: int, stop: int) -> Iterator[tuple[int, int, int, bytes]]:
        """Iterate over blocks which hold some rows: the first, how many, its line, the text."""
        at = bisect.bisect_right(self.blocks, start, key=lambda block: block[0]) - 1
        with self.text.open() as file:
            for (row, first, line), (end, last, _) in pairwise(self.blocks[at:]):
                if row >= stop:
                    return
                file.seek(first)
                if end > row:
                    yield row, end - row, line, file.read(last - first)
