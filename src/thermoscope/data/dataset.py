"""`Dataset`: rows of logits in memory or in a file, as every function and command takes them."""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from operator import attrgetter
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from thermoscope.arguments import ArgumentError, refuse_incomplete, whole
from thermoscope.data.content import BYTES_PER_LOGIT, Array, held, rebatched
from thermoscope.data.errors import check_memory, naming, optional
from thermoscope.data.formats.responses import Passage, Token
from thermoscope.reported import Reported

__all__ = ["Dataset"]

BLOCK: Final = 1 << 25
"""Bytes of rows in a block, which has at least one row."""


class Dataset:
    """Rows of logits with what is known of them; `open_logits` and `read_logits` return it.

    It is an array to NumPy: ``softmax(dataset)`` reads all rows. Functions that pass over rows
    (`fit_temperature`, `reliability`, `sweep`, `explore`) read them block by block.

    Attributes
    ----------
    shape : tuple of int
        (K,) for one row, else (N, K).
    dtype : dtype
        Of the numbers as they are given.
    labels : tuple of str or None
        One for each entry, where they are known and the same in every row.
    targets : ndarray or None
        The true class of each row, (N,), or the probability of each class, (N, K), where the file
        was opened with `target_column`; -100 is no target.
    tokens : sequence of tuple of Token, or None
        Of each row, where a server reported tokens: text, id and bytes.
    applied_temperature : float
        The temperature by which the numbers of the file were divided; 1 where it was not named.
    drawn : ndarray of int64, shape (N,)
        Which entry of each row was drawn; -1 where it is unknown.
    passages : tuple of Passage
        Which rows are the prompt and which the answer, where a server reported tokens.
    vocabulary : int or None
        How many tokens the model of a server has, where that was given.
    applied_temperature : float
        What the numbers of the file were made with, and have been multiplied by.
    source : str
        The name of the file, without its folder.
    path : str or path_like
        The name as it was given, for errors.
    notes : tuple of str
        What was decided about the roles of columns and arrays, in words.

    Examples
    --------
    >>> import thermoscope as ts
    >>> pets = ts.Dataset.of([[2.0, 1.0], [0.5, 3.0]], ["cat", "dog"])
    >>> pets.row(1).labels, ts.softmax(pets).round(3).tolist()
    (('cat', 'dog'), [[0.731, 0.269], [0.076, 0.924]])
    """

    def __init__(
        self,
        array: Array,
        *,
        source: str = "given",
        path: str | os.PathLike[str] | None = None,
        labels: Sequence[str] | None = None,
        targets: NDArray[Any] | None = None,
        tokens: Sequence[tuple[Token, ...]] | None = None,
        row_labels: Sequence[tuple[str, ...]] | None = None,
        drawn: NDArray[np.int64] | None = None,
        unreadable: Sequence[str | None] | None = None,
        passages: Sequence[Passage] = (),
        tails: NDArray[np.float64] | None = None,
        deltas: Sequence[Sequence[float] | NDArray[np.float64]] | None = None,
        caps: Sequence[float | None] | None = None,
        vocabulary: int | None = None,
        notes: Sequence[str] = (),
        probabilities: bool = False,
        applied_temperature: float | None = None,
        reopened: Callable[[], Dataset] | None = None,
    ) -> None:
        self.shape: tuple[int, ...] = (
            array.shape if len(array.shape) < 2 else (array.rows, array.shape[-1])
        )
        self.labels = array.labels if labels is None else tuple(labels)
        self.source = source
        self.path = source if path is None else path
        self.targets = targets
        self.tokens = tokens
        self.passages = tuple(passages)
        self.vocabulary = vocabulary
        self.applied_temperature = 1.0 if applied_temperature is None else applied_temperature
        self.notes = tuple(notes)
        self.drawn: NDArray[np.int64] = (
            np.broadcast_to(np.int64(-1), (self.rows,)) if drawn is None else drawn
        )
        self._array = array
        self._row_labels = row_labels
        self._unreadable = unreadable
        self._tails = tails
        self._deltas = deltas
        self._caps = caps
        self._probabilities = probabilities
        self._factor = applied_temperature
        self.applied_temperature = 1.0 if applied_temperature is None else applied_temperature
        self._reopened = reopened
        as_it_is = not probabilities and applied_temperature is None
        kept: Any = array.dtype
        self.dtype: np.dtype[Any] = kept if as_it_is else np.result_type(kept, np.float32)

    @classmethod
    def of(cls, values: Any, labels: Sequence[str] | None = None, **known: Any) -> Dataset:
        """Return numbers that are in memory as a data set.

        Examples
        --------
        >>> Dataset.of([[2.0, 1.0], [0.5, 3.0]], ["cat", "dog"])
        <Dataset 'given': shape (2, 2), float64>
        """
        refuse_incomplete("values", values)
        return cls(held(np.asarray(values)), labels=labels, **known)

    @classmethod
    def of_reported(
        cls,
        rows: Sequence[Reported],
        *,
        source: str = "given",
        passages: Sequence[Passage] = (),
    ) -> Dataset:
        """Return reported distributions of one vocabulary, as positions of a text.

        They stay where they are: reading some rows copies these alone.

        Examples
        --------
        >>> token = Token("a", 0, None)
        >>> Dataset.of_reported([Reported([-0.5], tokens=[token], drawn=0, vocabulary=9)])
        <Dataset 'given': shape (1, 1), float64>
        """
        # A row without others has no more tokens than it reports.
        sizes = {each.vocabulary for each in rows if each.tail > -np.inf}
        sizes = sizes or {each.vocabulary for each in rows}
        vocabulary = sizes.pop() if len(sizes) == 1 else None
        widest = max(map(len, rows))

        def read(start: int, stop: int, _: int) -> Iterator[NDArray[np.float64]]:
            array = np.full((stop - start, widest), -np.inf)
            for to, row in zip(array, rows[start:stop], strict=True):
                to[: len(row)] = row.logprobs
            yield array

        tokens = [row.tokens or () for row in rows]
        return cls(
            Array(
                (len(rows), widest),
                np.dtype(np.float64),
                read,
                _texts(tokens[0]) if len(rows) == 1 else None,
            ),
            source=source,
            tokens=tokens,
            drawn=np.array([row.drawn for row in rows], np.int64),
            passages=passages,
            tails=np.array([row.tail for row in rows]),
            deltas=[row.delta for row in rows],
            caps=[row.cap for row in rows],
            vocabulary=rows[0].vocabulary if vocabulary is None else vocabulary,
            applied_temperature=rows[0].applied_temperature,
        )

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return 1 if len(self.shape) == 1 else self.shape[0]

    @property
    def entries(self) -> int:
        """How many entries a row has."""
        return self.shape[-1]

    @property
    def values(self) -> NDArray[Any]:
        """All numbers, read into memory."""
        return np.asarray(self)

    def __len__(self) -> int:
        return self.shape[0]

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.source!r}: shape {self.shape}, {self.dtype}>"

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:  # noqa: FBT001
        if copy is False:
            raise ArgumentError("copy", "must not be False: the rows of a data set are read")
        check_memory(self.rows * self.entries * self.dtype.itemsize)
        return np.concatenate(list(self.blocks())).reshape(self.shape).astype(dtype or self.dtype)

    def __reduce__(self) -> tuple[Any, ...]:
        # A file is pickled by its path and opened again where it is unpickled.
        if self._reopened is None:
            return super().__reduce__()  # type: ignore[return-value]
        return self._reopened, ()

    def labels_of(self, row: int) -> tuple[str, ...] | None:
        """Return the labels of one row, where each row has its own or all have the same."""
        if self._row_labels is not None:
            return self._row_labels[row]
        return self.labels if self.tokens is None else _texts(self.tokens[row])

    def problem(self, row: int) -> str | None:
        """Return why a row of a server's answer can't be read; None if it can be."""
        return None if self._unreadable is None else self._unreadable[row]

    def binary(self) -> Dataset:
        """Return logits of one class against another, (N,) or (N, 1), as rows (0, z) of two.

        Examples
        --------
        >>> Dataset.of([2.0, -1.0]).binary().values
        array([[ 0.,  2.],
               [ 0., -1.]])
        """
        if self.entries > 1 and len(self.shape) > 1:
            raise ArgumentError(
                "logits", f"must be (N,) or (N, 1) to be binary, got shape {self.shape}"
            )
        downwards = self.values.reshape(-1, 1)
        return Dataset(
            held(np.concatenate([np.zeros_like(downwards), downwards], axis=1)),
            source=self.source,
            path=self.path,
            targets=self.targets,
            notes=self.notes,
        )

    def row(self, index: int) -> Dataset:
        """Read one row.

        Parameters
        ----------
        index : int
            Counted from 0.

        Returns
        -------
        Dataset
            Of shape (K,), in memory, with the labels of the row.

        Raises
        ------
        FileError
            If there is no such row, or it cannot be read.
        """
        with naming(self.path):
            if not 0 <= index < self.rows:
                raise ValueError(f"row must be 0 to {self.rows - 1}, got {index}")
            check_memory(self.entries * BYTES_PER_LOGIT)
            if self._tails is not None:
                return self._position(index, self._tails)
            (row,) = next(rebatched(self._pieces(index, index + 1, 1), 1))
        labels = self.labels_of(index)
        # A copy: a change of it must not reach the array, and a view would keep the whole block.
        values = np.array(row[: len(labels)] if self._row_labels and labels else row, subok=False)
        targets = self.targets
        found = Dataset(
            held(values, labels),
            source=self.source,
            path=self.path,
            targets=None if targets is None else targets[index : index + 1],
            tokens=None if self.tokens is None else [self.tokens[index]],
            drawn=self.drawn[index : index + 1],
            notes=self.notes,
        )
        found.applied_temperature = self.applied_temperature
        return found

    def _position(self, row: int, tails: NDArray[np.float64]) -> Dataset:
        """Return what a server reported for one row."""
        if (reason := self.problem(row)) is not None:
            raise ValueError(f"row {row}: {reason}")
        (values,) = next(iter(self._array.read(row, row + 1, 1)))
        labels = self.labels_of(row) or ()
        return Dataset(
            held(np.array(values[: len(labels)]), labels),
            source=self.source,
            path=self.path,
            tokens=None if self.tokens is None else [self.tokens[row]],
            drawn=self.drawn[row : row + 1],
            tails=tails[row : row + 1],
            deltas=None if self._deltas is None else [self._deltas[row]],
            caps=None if self._caps is None else [self._caps[row]],
            passages=[self._passage(row)._replace(start=0)] if self.passages else (),
            vocabulary=self.vocabulary,
            notes=self.notes,
            applied_temperature=self._factor,
        )

    def _passage(self, row: int) -> Passage:
        """Return the passage that a row belongs to."""
        return self.passages[bisect_right(self.passages, row, key=lambda each: each.start) - 1]

    @property
    def is_reported(self) -> bool:
        """Whether a server left out tokens of a row, so that its functions give intervals.

        Examples
        --------
        >>> Dataset.of([[0.0]]).is_reported
        False
        """
        return self._tails is not None and bool((self._tails > -np.inf).any())

    def reported(self, row: int = 0, *, vocabulary: int | None = None) -> Reported:
        """Return what a server reported for one row: some tokens, and what the others have.

        A row is whole, without others, where its tokens have the numbers from 0 on, or where what
        is missing to a sum of 1 is rounding and less than any of them has.

        Parameters
        ----------
        row : int, optional
            Counted from 0.
        vocabulary : int, optional
            How many tokens the model has; by default that of the data set. Without it, intervals
            are one-sided.

        Raises
        ------
        ArgumentError
            If no server reported the rows, or the vocabulary has no room for the tokens that are
            not reported.
        FileError
            If there is no such row, or it cannot be read.

        Examples
        --------
        >>> from thermoscope.data.reading import parse_logits
        >>> answer = '{"logprobs": [{"token": "a", "logprob": -1}]}'
        >>> parse_logits(answer).reported(0, vocabulary=1000)
        <Reported: 1 of 1,000 tokens, 0.632 not reported, at T = 1>
        """
        if self._tails is None or self.tokens is None:
            raise ArgumentError("data", "must be what a server answered, token by token")
        found = self.row(row)
        tokens = self.tokens[row]
        vocabulary = self.vocabulary if vocabulary is None else vocabulary
        if vocabulary is None and self._tails[row] == -np.inf:
            vocabulary = len(tokens)
        (values,) = next(iter(found._array.read(0, 1, 1)))  # noqa: SLF001 - of this class
        return Reported(
            values,
            vocabulary=vocabulary,
            applied_temperature=self.applied_temperature,
            drawn=self.drawn[row],
            tokens=tokens,
            processed=self._passage(row).processed if self.passages else None,
            delta=None if self._deltas is None else self._deltas[row],
            cap=None if self._caps is None else self._caps[row],
        )

    def positions(self, start: int, stop: int) -> tuple[NDArray[np.float64], ...]:
        """Return what a server reported for some rows, at its own temperature.

        Parameters
        ----------
        start, stop : int
            The rows wanted.

        Returns
        -------
        logprobs : ndarray, shape (stop - start, K)
            Of the tokens of each row, then -inf up to the longest row. A row that can't be read is
            -inf throughout.
        tails : ndarray, shape (stop - start,)
            The logarithm of the probability of all other tokens.
        deltas : ndarray, shape (stop - start,)
            How far a log-probability may be from the true one, by the digits that were sent.

        Raises
        ------
        ArgumentError
            If no server reported the rows.
        """
        if self._tails is None:
            raise ArgumentError("data", "must be what a server answered, token by token")
        pieces = self._array.read(start, stop, max(stop - start, 1))
        logprobs = np.concatenate([np.asarray(piece, np.float64) for piece in pieces])
        logprobs[[self.problem(row) is not None for row in range(start, stop)]] = -np.inf
        deltas = [0.0] * (stop - start)
        if self._deltas is not None:
            deltas = [float(np.max(each, initial=0.0)) for each in self._deltas[start:stop]]
        return logprobs, np.array(self._tails[start:stop], np.float64), np.array(deltas)

    def only(self, row: int | None = None) -> Dataset:
        """Read the only row, or the one chosen of several.

        Parameters
        ----------
        row : int, optional
            Counted from 0; needed where there are several, and left out for one row of shape (K,).

        Returns
        -------
        Dataset
            As `row` returns.

        Raises
        ------
        FileError
            If `row` is missing, or out of place, or the row cannot be read.
        """
        with naming(self.path):
            if len(self.shape) == 1 and row is not None:
                raise ValueError(f"row must be left out for a 1-D array, got {row}")
            if row is None and self.rows > 1:
                which = f"choose one with --row, 0 to {self.rows - 1}"
                if self.tokens is None:
                    raise ValueError(f"the array has {self.rows} rows: {which}")
                raise ValueError(
                    f"the answer has {self.rows} tokens: {which} (thermoscope tokens shows them)"
                )
        return self.row(row or 0)

    def blocks(
        self, start: int = 0, stop: int | None = None, *, size: int | None = None
    ) -> Iterator[NDArray[Any]]:
        """Iterate over rows, some at a time; each call starts at `start` again.

        Parameters
        ----------
        start, stop : int, optional
            The rows wanted, by default all.
        size : int, optional
            How many rows to give at a time; by default as many as fit into 32 MiB.

        Yields
        ------
        ndarray, shape (size, K)
            The last one may be shorter. It may be read-only.

        Raises
        ------
        FileError
            If the file is damaged; the message names the row, or the line.
        """
        stop = self.rows if stop is None else stop
        if not 0 <= start <= stop <= self.rows:
            raise ArgumentError(
                "start", f"and stop must be 0 to {self.rows}, got {start} and {stop}"
            )
        if size is None:
            size = max(BLOCK // (self.entries * self.dtype.itemsize), 1)
        size = whole("size", size)
        with naming(self.path):
            yield from rebatched(self._pieces(start, stop, size), size)

    def to_dask(self, size: int | None = None) -> Any:
        """Return all rows as a Dask array, whose chunks are read where they are computed.

        Workers of a cluster open the file by its absolute path, so all must see it there. One
        whose rows can be read from anywhere (.npy, .safetensors, .zarr, the groups of .parquet)
        is read once; a text is read from its start for each chunk.

        Parameters
        ----------
        size : int, optional
            How many rows a chunk has; by default as many as fit into Dask's ``array.chunk-size``,
            which is 128 MiB, and whole chunks of a Zarr store.

        Returns
        -------
        dask.array.Array, shape (N, K)
            A row is never cut.

        Raises
        ------
        ImportError
            If Dask is missing: ``pip install "thermoscope[dask]"``.
        """
        array = optional("dask.array", "dask", "Dask arrays")
        count, entries = self.rows, self.entries
        if size is None:
            from dask import config  # noqa: PLC0415 - as above
            from dask.utils import parse_bytes  # noqa: PLC0415 - as above

            most = parse_bytes(config.get("array.chunk-size")) // (entries * self.dtype.itemsize)
            size = max(most // self._array.step, 1) * self._array.step
        size = whole("size", size)
        full, rest = divmod(count, size)
        # A graph by blocks: Dask makes one task of it and of what is done with the chunk.
        starts = array.from_array(np.arange(0, count, size), chunks=1)
        return starts.map_blocks(
            self._chunk,
            size,
            chunks=((size,) * full + ((rest,) if rest else ()), (entries,)),
            new_axis=1,
            dtype=self.dtype,
            meta=np.empty((0, 0), self.dtype),
        )

    def _pieces(self, start: int, stop: int, size: int) -> Iterator[NDArray[Any]]:
        self._check_rows(start, stop)
        for piece in self._array.read(start, stop, size):
            values = piece
            if self._probabilities:
                negative = (piece < 0).any(axis=1)
                if negative.any():
                    row = start + int(np.argmax(negative))
                    raise ValueError(f"row {row}: probabilities must be >= 0")
                with np.errstate(divide="ignore"):
                    values = np.log(piece, dtype=self.dtype)
            if self._factor is not None:
                values = np.multiply(values, self._factor, dtype=self.dtype)
            yield values
            start += len(piece)

    def _check_rows(self, start: int, stop: int) -> None:
        """Raise an error for a row that has no logits of all entries."""
        for row in range(start, stop if self._unreadable is not None else start):
            if (reason := self.problem(row)) is not None:
                raise ValueError(f"row {row}: {reason}")
        if self._tails is None or not (part := self._tails[start:stop] > -np.inf).any():
            return
        row = start + int(np.argmax(part))
        raise ValueError(
            f"row {row}: {np.exp(self._tails[row]):.3g} of the probability is of tokens that the "
            f"server did not report, so there are no logits of all: sweep takes these data, "
            f"softmax and others take reported({row}) of them, and give intervals (thermoscope "
            f"softmax --row {row})"
        )

    def _chunk(self, starts: NDArray[np.int64], size: int) -> NDArray[Any]:
        """Return a chunk of `to_dask`; a task."""
        start = int(starts[0])
        stop = min(start + size, self.rows)
        with naming(self.path):
            return next(rebatched(self._pieces(start, stop, stop - start), stop - start))


def _texts(tokens: Sequence[Token]) -> tuple[str, ...]:
    return tuple(map(attrgetter("text"), tokens))
