"""Passes by Dask, on whatever scheduler it is set to use: rows stay where they are read."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from thermoscope.kernels import array_api
from thermoscope.passes.rows import Rows
from thermoscope.passes.sums import Sums

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from thermoscope.passes.rows import Selection, Work

__all__ = ["DaskRows", "computed", "in_each_process", "is_dask"]

# Blocks whose sums one task of Dask adds.
FAN_IN: Final = 16


def is_dask(array: Any) -> bool:
    """Whether an array is one of Dask."""
    if not array_api.foreign(array):
        return False
    from array_api_compat import is_dask_array  # noqa: PLC0415 - NumPy's users never need it

    return bool(is_dask_array(array))


class DaskRows:
    """Rows of Dask arrays, in chunks of whole rows."""

    def __init__(self, rows: Rows) -> None:
        import dask.array as da  # noqa: PLC0415 - who has a Dask array has Dask

        def flat(values: Any, kept: int) -> Any:
            values = da.asarray(values)
            return values.reshape((-1, *values.shape[values.ndim - kept :]))

        logits = flat(rows.logits, 1)
        logits = logits.rechunk({1: -1})
        self.sizes: tuple[int, ...] = logits.chunks[0]
        self.total: int | None = int(logits.shape[0])
        self.spent = False
        starts = np.cumsum((0, *self.sizes[:-1]))
        arrays = {"logits": logits, "starts": da.from_array(starts, chunks=1)}
        if rows.targets is not None:
            targets = flat(rows.targets, rows.soft)
            arrays["targets"] = targets.rechunk(
                {0: self.sizes, **({1: -1} if targets.ndim > 1 else {})}
            )
        if rows.weights is not None:
            arrays["weights"] = flat(rows.weights, 0).rechunk({0: self.sizes})
        self._arrays = arrays

    def sums(self, work: Work, selection: Selection, tell: Callable[[int], object]) -> Sums:
        """Return the sums of what `work` gives, and tell how many rows are done."""
        import dask.array as da  # noqa: PLC0415 - likewise
        from dask import delayed  # noqa: PLC0415 - likewise

        # Blockwise, as `map_blocks` is: then Dask makes one task of reading a block and working on
        # it, and rows are never sent from the worker that read them to another.
        blocks = da.blockwise(
            partial(_worked, work, selection, tuple(self._arrays)),
            "ij",
            *(part for array in self._arrays.values() for part in (array, "ij"[: array.ndim])),
            concatenate=True,
            dtype=object,
            meta=np.empty((0, 0), object),
            align_arrays=False,
        )
        added = delayed(_all_added)
        of_blocks = parts = blocks.to_delayed().ravel().tolist()
        while len(parts) > 1:
            parts = [added(parts[at : at + FAN_IN]) for at in range(0, len(parts), FAN_IN)]
        done = 0

        def tell_of(index: int) -> None:
            nonlocal done
            done += self.sizes[index]
            tell(done)

        sums: Sums = computed(parts[0], of_blocks, tell_of)
        return sums


def _worked(work: Work, selection: Selection, names: tuple[str, ...], *arrays: Any) -> Sums:
    """Return the sums of one block of a Dask array; a task."""
    given = dict(zip(names, arrays, strict=True))
    rows = Rows(
        given["logits"], given.get("targets"), given.get("weights"), int(given["starts"][0])
    )
    sums = Sums()
    for piece in rows.pieces():
        sums.add(piece.worked(work, selection))
    return sums


def _all_added(parts: list[Sums]) -> Sums:
    """Return the sums of several blocks; a task."""
    sums = Sums()
    for part in parts:
        sums.add(*part.thinned())
    return sums


def computed(whole: Any, parts: Sequence[Any], tell: Callable[[int], object]) -> Any:
    """Return a delayed value of Dask, and tell the number of each part of it that is there."""
    from dask import callbacks, compute  # noqa: PLC0415 - who has a delayed value has Dask

    numbers = {part.key: number for number, part in enumerate(parts)}

    def tell_of(key: Any, *_: object) -> None:
        if key in numbers:
            tell(numbers.pop(key))

    client = _client()
    if client is None:
        with callbacks.Callback(posttask=tell_of):
            return compute(whole)[0]
    from distributed import as_completed  # noqa: PLC0415 - it is there

    futures = client.compute([whole, *parts])
    try:
        for step in as_completed(futures[1:]):
            tell_of(step.key)
        return futures[0].result()
    finally:
        # After an error, or Ctrl-C, the cluster must not compute the rest.
        for future in futures:
            future.release()


def in_each_process(call: Callable[[], object]) -> None:
    """Call a function in this process and in each worker of the cluster that Dask uses, if any.

    A worker, or a cluster, that has ended is no error.
    """
    call()
    client = _client()
    if client is not None:
        from asyncio import to_thread  # noqa: PLC0415 - Dask's users alone need it

        # In a thread, so that the worker still answers the scheduler.
        with suppress(Exception):
            client.run(to_thread, call, on_error="ignore")


def _client() -> Any:
    """Return the client of the cluster that Dask uses, or None where it computes on its own."""
    from dask import base  # noqa: PLC0415 - who needs a client has Dask

    found: Any = getattr(base.get_scheduler(), "__self__", None)
    return found if type(found).__module__.partition(".")[0] == "distributed" else None
