"""The search for cycles, paused while many objects are built."""

from __future__ import annotations

import gc

from thermoscope.data.collection import without_collection


def test_new_objects_are_not_searched_afterwards() -> None:
    starts: list[str] = []
    gc.callbacks.append(lambda phase, _: starts.append(phase))
    try:
        with without_collection():
            built = [[] for _ in range(100 * gc.get_threshold()[0])]  # type: ignore[var-annotated]
            before = gc.get_count()[0]
    finally:
        gc.callbacks.pop()
    assert len(built) < before
    assert starts == []
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0
    assert gc.get_count()[0] < gc.get_threshold()[0]


def test_what_was_off_or_frozen_stays_so() -> None:
    gc.disable()
    gc.freeze()
    try:
        with without_collection():
            pass
        assert not gc.isenabled()
        gc.enable()
        with without_collection():
            pass
        assert gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()
        gc.enable()
