"""Python's search for cycles of objects, paused while a tree of many objects is built."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["without_collection"]


@contextmanager
def without_collection() -> Iterator[None]:
    """Build many objects without a search for cycles among them.

    The search starts again with every few thousand new objects. It takes as long as reading a
    position of 151,936 tokens, and finds nothing: what JSON holds has no cycles. Nor is it made up
    for at the end: new objects count as old ones, which are searched seldom.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            # What the program has frozen must stay so.
            if not gc.get_freeze_count():
                gc.freeze()
                gc.unfreeze()
            gc.enable()
