"""Serve four rows of which only the first can be read: ``python broken_rows.py ERROR``."""

from __future__ import annotations

import builtins
import sys

from thermoscope.explorer.browse import RowSource
from thermoscope.explorer.server import serve


class Broken:
    """Rows that raise an error of the builtin class `name`."""

    shape = (4, 3)

    def __init__(self, name: str) -> None:
        self.error: type[Exception] = getattr(builtins, name)

    def __getitem__(self, index: object) -> list[float]:
        if index == 0:
            return [2.0, 1.0, 0.1]
        raise self.error("chunk 3")


if __name__ == "__main__":
    rows = RowSource(Broken(sys.argv[1]), source="pets")
    serve(rows.state(0), rows, open_browser=False)
