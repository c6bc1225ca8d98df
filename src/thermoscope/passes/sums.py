"""Compensated sums: what rounding throws away is kept, so that blocks and workers do not show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Array = NDArray[np.float64]

__all__ = ["Parts", "Sparse", "Sums", "gathered"]

# Add this many numbers at a time: they stay in the cache with what is computed of them.
STEP: Final = 1 << 13


class Sparse(NamedTuple):
    """An array of which most numbers are 0."""

    shape: tuple[int, ...]
    places: NDArray[np.int64]  # (m,), in C order; none is there twice
    values: Array  # (m,)

    @property
    def nbytes(self) -> int:
        """How many bytes of memory it takes."""
        return self.places.nbytes + self.values.nbytes


# What work on a block gives; the sums over all blocks are wanted.
Parts: TypeAlias = "tuple[Array | Sparse, ...]"


def gathered(places: NDArray[np.int64], values: Array, shape: tuple[int, ...]) -> Array | Sparse:
    """Return an array of `shape` with the sums of the values at each place, counted in C order."""
    size = int(np.prod(shape))
    if len(places) >= size:
        return np.bincount(places, values, size).astype(np.float64, copy=False).reshape(shape)
    found, at = np.unique(places, return_inverse=True)
    return Sparse(shape, found, np.bincount(at, values, len(found)).astype(np.float64, copy=False))


class Sums:
    """Sums of arrays, each with its rounding error, by Knuth's two-sum."""

    def __init__(self, high: Parts = (), low: Parts = ()) -> None:
        self.high: tuple[Array, ...] = ()
        self.low: tuple[Array, ...] = ()
        self.add(high, low)

    def __reduce__(self) -> tuple[Any, ...]:
        return Sums, self.thinned()

    def __sizeof__(self) -> int:
        # Dask asks, to place its work near its data; of the zeros of an array no page is touched.
        return sum(part.nbytes for parts in self.thinned() for part in parts)

    def thinned(self) -> tuple[Parts, Parts]:
        """Return the sums without zeros, of which a table of classes and bins is nearly full."""
        return tuple(map(_thinned, self.high)), tuple(map(_thinned, self.low))

    def add(self, parts: Parts, low: Parts = ()) -> None:
        """Add arrays, and what is known to be missing from them."""
        if not self.high:
            self.high, self.low = (tuple(np.zeros(part.shape) for part in parts) for _ in range(2))
        with np.errstate(invalid="ignore", over="ignore"):
            for high, rest, part in zip(self.high, self.low, parts, strict=True):
                for at, y in _placed(part):
                    x = high.reshape(-1)[at]
                    total = x + y
                    added = total - x
                    rest.reshape(-1)[at] += (x - (total - added)) + (y - added)
                    high.reshape(-1)[at] = total
            for rest, part in zip(self.low, low, strict=False):
                for at, y in _placed(part):
                    rest.reshape(-1)[at] += y

    def result(self) -> tuple[Array, ...]:
        """Return the sums, rounded."""
        # What is beyond the range of doubles has no remainder that is a number.
        with np.errstate(invalid="ignore"):
            return tuple(
                np.where(np.isfinite(low), high + low, high)
                for high, low in zip(self.high, self.low, strict=True)
            )


def _placed(part: Array | Sparse) -> Iterator[tuple[Any, Array]]:
    """Yield where in a flat array the numbers of a part stand, and the numbers."""
    if isinstance(part, Sparse):
        yield part.places, part.values
        return
    flat = part.reshape(-1)
    for start in range(0, flat.size, STEP):
        some = slice(start, start + STEP)
        yield some, flat[some]


def _thinned(array: Array) -> Array | Sparse:
    places = np.flatnonzero(array)
    if 2 * len(places) > array.size:
        return array
    return Sparse(array.shape, places, array.reshape(-1)[places])
