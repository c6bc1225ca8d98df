"""Rows to step through, read one at a time from arrays and files of any size; their orders."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

import numpy as np

from thermoscope.arguments import (
    NO_TARGET,
    ArgumentError,
    classes_of,
    labels_of,
    one_row,
    refuse_subclasses,
    writable,
)
from thermoscope.data.dataset import Dataset
from thermoscope.data.errors import FileError
from thermoscope.definition import softmax
from thermoscope.explorer import sequence
from thermoscope.explorer.job import Job, Progress
from thermoscope.explorer.live import LiveReliability, Measured
from thermoscope.kernels import array_api
from thermoscope.measures import entropy
from thermoscope.state import State, Tail, checked_settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

__all__ = ["RowError", "RowSource", "has_rows", "reported_parts"]

BATCH: Final = 1 << 20
"""Logits per batch: few enough for memory, and for other threads to get their turn in between."""

# Returns the row numbers in order.
Sort: TypeAlias = Callable[[Progress], "NDArray[Any]"]


def has_rows(logits: Any) -> bool:
    """Whether `logits` are rows of logits, not a single row; reads none of them.

    Examples
    --------
    >>> has_rows([[2.0, 1.0], [0.5, 3.0]]), has_rows([2.0, 1.0])
    (True, False)
    """
    shape = getattr(logits, "shape", None)
    if shape is not None:
        return len(shape) == 2
    try:
        return np.ndim(logits) == 2
    except (TypeError, ValueError):  # ragged lists: refused where one row is checked
        return False


def reported_parts(
    row: Dataset, labels: tuple[str, ...] | None
) -> tuple[NDArray[np.float64], tuple[str, ...] | None, Tail | None]:
    """Return the logits of one row, its labels and what is known of the tokens it leaves out.

    Examples
    --------
    >>> from thermoscope.data.reading import parse_logits
    >>> row = parse_logits('{"logprobs": [{"token": " Paris", "logprob": -0.5}]}').row(0)
    >>> logits, labels, tail = reported_parts(row, row.labels)
    >>> labels, round(tail.mass, 3)
    ((' Paris',), 0.393)
    """
    if not row.is_reported:
        return one_row("logits", row), labels, None
    reported = row.reported()
    # A log-probability of -inf is one that the server does not give: it is in the tail.
    told = np.flatnonzero(reported.logprobs > -np.inf)
    tail = Tail(
        mass=float(np.exp(reported.tail)),
        cap=reported.cap,
        count=None if reported.vocabulary is None else reported.vocabulary - len(told),
        temperature=reported.applied_temperature,
        delta=float(reported.delta.max()),
    )
    names = None if labels is None else tuple(labels[at] for at in told)
    return reported.logprobs[told] * reported.applied_temperature, names, tail


class RowError(OSError):
    """The data cannot be read; the message names them, the row and the reason, in one line.

    The error that the data raised is its ``__cause__``.
    """


class RowSource:
    """Rows of logits that are read on demand.

    Parameters
    ----------
    data : array_like, shape (N, n), or Dataset
        Rows of logits: an array of any library, a memory map, a Dask or Zarr array; a DataFrame,
        whose columns give the labels; or an open file. Rows are read one at a time.
    labels : sequence of str, optional
        One for each entry, the same in all rows; by default those of `data`, if it has any.
    targets : array_like, shape (N,) or (N, n), optional
        The true classes, counted from 0, with -100 for no target; or soft targets, where the class
        with the highest probability counts as the true one. By default those of `data`.
    source : str, optional
        The name of the data, for the user; by default that of `data`.

    Attributes
    ----------
    count : int
        The number of rows.
    source : str
    orders : tuple of str
        The orders in which rows can be stepped through: "given"; "uncertain", highest entropy at
        T = 1 first; and, if there are targets, "wrong": mistakes first, most confident first, then
        correct rows, least confident first. Rows whose softmax is NaN come last, and in "wrong"
        also rows without a target.
    reliability : LiveReliability or None
        The reliability of all rows at any temperature, if there are targets.
    is_sequence : bool
        Whether the rows are the positions of a text, as a server reports them.

    Raises
    ------
    TypeError
        If `targets` are not numbers.
    ValueError
        If `data` is not 2-D or is empty, or `labels` or `targets` do not fit it.

    Examples
    --------
    >>> import numpy as np
    >>> rows = RowSource(np.array([[2.0, 1.0], [0.5, 3.0]]), ["cat", "dog"], targets=[0, 0])
    >>> rows.state(1)
    State(logits=array([0.5, 3. ]), labels=('cat', 'dog'), temperature=1.0, source='given', \
row=1, target=0, seed=None, tail=None, truncation={}, scale='full')
    >>> rows.order("wrong").result().tolist()
    [1, 0]
    """

    def __init__(
        self,
        data: Any,
        labels: Sequence[str] | None = None,
        *,
        targets: Any = None,
        source: str | None = None,
    ) -> None:
        columns = getattr(data, "columns", None)
        if columns is not None and hasattr(data, "to_numpy"):
            if labels is None and list(columns) != list(range(len(columns))):
                labels = tuple(map(str, columns))
            data = data.to_numpy()
        refuse_subclasses("logits", data)
        if not hasattr(data, "shape"):
            data = np.asarray(data)
        shape = tuple(data.shape)
        if len(shape) != 2:
            raise ArgumentError("logits", f"must be rows of logits, got shape {shape}")
        if 0 in shape:
            raise ArgumentError("logits", f"must hold at least one number, got shape {shape}")
        self.count, self._size = map(int, shape)
        self._data = data
        if isinstance(data, Dataset):
            labels = data.labels if labels is None else labels
            targets = data.targets if targets is None else targets
        self._labels = labels_of(labels, self._size)
        self._targets = None if targets is None else _classes(targets, self.count, self._size)
        given = data.source if isinstance(data, Dataset) else "given"
        self.source = writable(source or given)
        self.orders: tuple[str, ...]
        self.orders = ("given", "uncertain") if targets is None else ("given", "uncertain", "wrong")
        self.reliability: LiveReliability | None = None
        if self._size > 1 and self._targets is not None and (self._targets != NO_TARGET).any():
            kept = array_api.to_numpy(targets)
            self.reliability = LiveReliability(_AllRows(self), kept, self._naming)
        self._orders: dict[str, Job[NDArray[Any]]] = {}
        self.is_sequence = sequence.has_sequence(data)

    def state(self, row: int, temperature: float = 1.0, **settings: Any) -> State:
        """Read one row and return the state of an explorer that shows it.

        Settings are the truncation and the scale, as for `State.of`.

        Raises
        ------
        FileError
            If the data are a file that cannot be read.
        RowError
            If the data raise any other error, or do not give a row of logits.
        ValueError
            If there is no such row, or a setting is wrong.
        """
        labels, checked = self._shared_labels(row), checked_settings(temperature, **settings)
        tail = None
        if isinstance(self._data, Dataset):
            with self._naming(f"row {row}"):
                found = self._data.row(row)
                if labels is None or len(labels) != found.entries:
                    labels = labels_of(found.labels if labels is None else labels, found.entries)
                logits, labels, tail = reported_parts(found, labels)
        elif 0 <= row < self.count:
            with self._naming(f"row {row}"):
                logits = one_row("logits", self._data[row])
                if logits.size != self._size:
                    raise ArgumentError("logits", f"must be {self._size}, got {logits.size}")
        else:
            raise ArgumentError("row", f"must be 0 to {self.count - 1}, got {row}")
        target = None if self._targets is None else int(self._targets[row])
        target = None if target == NO_TARGET else target
        # Not `State.of`: it would check all of the shared labels again for each row.
        return State(
            logits, labels, source=self.source, row=row, target=target, tail=tail, **checked
        )

    def _shared_labels(self, _row: int) -> tuple[str, ...] | None:
        """Return the labels of a row if all rows have them."""
        return self._labels

    def order(self, kind: str) -> Job[NDArray[Any]]:
        """Return one of the orders; the first call starts a thread that reads all rows for it.

        Where there is a `reliability`, "bin:7:0.5" is the order of the rows whose confidence at
        T = 0.5 is in bin 7, as they are given.

        Raises
        ------
        ValueError
            If there is no such order.
        """
        if kind not in self._orders:
            if self.reliability is not None and kind.startswith("bin:"):
                work = self.reliability.rows_of(kind)
                for other in [name for name in self._orders if name.startswith("bin:")]:
                    del self._orders[other]
            elif kind in self.orders[1:]:
                work = self._sort(kind)
            else:
                raise ArgumentError("order", f"must be {' or '.join(self.orders)}, got {kind}")
            self._orders[kind] = Job(work)
        return self._orders[kind]

    def stop(self) -> None:
        """End what an answer waits for: the page is closed."""

    def about(self) -> dict[str, object]:
        """Return what the front end must know before it asks for a row."""
        about: dict[str, object] = {"count": self.count, "orders": list(self.orders)}
        if self.is_sequence:
            about["sequence"] = sequence.about(self._data)
        return about if self.reliability is None else {**about, "reliability": True}

    def embedded(self) -> dict[str, object]:
        """Return all rows, for a page that has no server, as `answer` gives them one by one.

        A row that can't be read is ``{"error": words}``.
        """
        starts = range(0, self.count, sequence.CHUNK)
        rows = [row for start in starts for row in self._written(start)]
        chunks = [sequence.chunk(self._data, start) for start in starts]
        return {**self.about(), "orders": ["given"], "rows": rows, "chunks": chunks}

    def _written(self, start: int) -> list[dict[str, object]]:
        """Return the rows of a chunk in their written form."""
        written: list[dict[str, object]] = []
        for row in range(start, min(start + sequence.CHUNK, self.count)):
            try:
                written.append({**self.state(row).to_json(), "place": row})
            except OSError as error:
                written.append({"error": str(error)})
        return written

    def measured(self) -> Measured | None:
        """Wait for the reliability that a page without a server has in itself.

        Returns
        -------
        Measured or None
            None where there are no targets, or where the rows have no reliability: a NaN, say.
        """
        try:
            return None if self.reliability is None else self.reliability.stops()
        except (OSError, ValueError):
            return None

    def answer(self, query: Mapping[str, object]) -> dict[str, object]:
        """Answer a query of the front end; ``web/src/model/rows.ts`` is its side of the protocol.

        Parameters
        ----------
        query : mapping
            ``{"order": kind}`` starts an order and asks for its progress;
            ``{"order": kind, "place": p}`` asks for the row at a place in a complete order;
            ``{"order": kind, "row": r}`` asks for a row and its place in a complete order;
            ``{"reliability": "stops"}`` or ``{"reliability": T}`` asks for the reliability, see
            `LiveReliability.answer`.
            ``{"write": action}`` does something to a text that a model writes, see `Writing.act`.
            ``{"sequence": s}`` asks for a chunk of the text from position s on, and
            ``{"rows": s}`` for all of its rows, where the rows are positions of a text.

        Returns
        -------
        dict
            ``{"done": rows}``, the number of rows read so far: `count` once the order is complete,
            and then also ``"size"``, how many rows it has, for a bin.
            Or the written form of the state of the row, and its place; labels that all rows share
            are left out unless the query has "labels". Or a chunk as `sequence.chunk` returns it,
            or ``{"rows": list}``.

        Raises
        ------
        FileError
            If the data are a file that cannot be read.
        RowError
            If the data raise any other error, or do not give a row of logits.
        ValueError
            If the query is none of these, there is no such row, or the order is not complete.
        """
        if "write" in query:
            return self.act(query["write"])
        if "reliability" in query:
            if self.reliability is None:
                raise ArgumentError("reliability", "must be asked of rows with targets")
            return self.reliability.answer(str(query["reliability"]))
        for kind in ("sequence", "rows"):
            if kind in query:
                return self._chunk(kind, _number(kind, query[kind], self.count))
        return self._row_or_progress(query)

    def act(self, action: object, patience: float = 0.0) -> dict[str, object]:
        """Do something to a text that a model writes: these rows are none."""
        del action, patience
        raise ArgumentError("write", "must be left out: no model writes these rows")

    def _row_or_progress(self, query: Mapping[str, object]) -> dict[str, object]:
        kind = str(query.get("order", "given"))
        done, numbers = (self.count, None) if kind == "given" else self._found(kind)
        name = next((name for name in ("place", "row") if name in query), None)
        if name is None:
            size = {} if numbers is None or len(numbers) == done else {"size": len(numbers)}
            return {"done": done, **size}
        row = place = _number(name, query[name], self.count)
        if kind != "given":
            if numbers is None:
                problem = f"{kind} is not complete yet: {done} of {self.count} rows read"
                raise ArgumentError("order", problem)
            if name == "place":
                row = int(numbers[_number(name, place, len(numbers))])
            else:
                place = _place(row, kind, numbers)
        written = self.state(row).to_json()
        if self._shared_labels(row) is not None and "labels" not in query:
            del written["labels"]
        return {**written, "place": place}

    def _found(self, kind: str) -> tuple[int, NDArray[Any] | None]:
        """Return how many rows were read for an order, and the order if it is complete."""
        order = self.order(kind)
        if order.failed:
            del self._orders[kind]  # the next query starts it again
        if order.ended:
            return self.count, order.result()
        # All rows may be read but not sorted yet.
        return min(order.done, self.count - 1), None

    def _chunk(self, name: str, start: int) -> dict[str, object]:
        if not self.is_sequence:
            raise ArgumentError(name, "must be left out: the rows are not positions of a text")
        if name == "rows":
            return {"rows": self._written(start)}
        with self._naming(f"positions from {start}"):
            return sequence.chunk(self._data, start)

    @contextmanager
    def _naming(self, what: str) -> Iterator[None]:
        """Raise any error of the data as a `RowError`, whose message a page can show."""
        try:
            yield
        except FileError:
            raise
        except ArgumentError as error:
            raise RowError(f"{self.source}: cannot read {what}: {error}") from error
        except Exception as error:
            reason = " ".join("".join(traceback.format_exception_only(error)).split())
            raise RowError(f"{self.source}: cannot read {what}: {reason}") from error

    def _sort(self, kind: str) -> Sort:
        """Return the function that finds an order."""
        by_kind = self._by_entropy if kind == "uncertain" else self._by_mistake

        def sort(progress: Progress) -> NDArray[Any]:
            with self._naming(f"all rows, for the order {kind}"):
                return by_kind(progress)

        return sort

    def _batches(self) -> Iterator[NDArray[Any]]:
        """Iterate over all rows, a batch at a time."""
        size = max(1, BATCH // self._size)
        if isinstance(self._data, Dataset):
            yield from self._data.blocks(size=size)
            return
        # Dask computes whole chunks: each is read once and cut afterwards.
        chunks = getattr(self._data, "chunks", None)
        if hasattr(self._data, "dask") and chunks is not None:
            edges = np.concatenate([[0], np.cumsum(chunks[0])])
        else:
            edges = np.append(np.arange(0, self.count, size), self.count)
        for start, stop in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
            block = array_api.to_numpy(self._data[start:stop])
            yield from (block[at : at + size] for at in range(0, len(block), size))

    def _by_entropy(self, progress: Progress) -> NDArray[Any]:
        key = np.empty(self.count, np.float32)
        if isinstance(self._data, Dataset) and self._data.is_reported:
            # What the entropy is at least; at most it may be anything.
            for row in range(self.count):
                known = self._data.problem(row) is None
                key[row] = -self._data.reported(row).entropy().low if known else np.nan
                progress(row + 1)
            return _argsort(key)
        at = 0
        for batch in self._batches():
            key[at : at + len(batch)] = -entropy(_floats(batch))
            at += len(batch)
            progress(at)
        return _argsort(key)

    def _by_mistake(self, progress: Progress) -> NDArray[Any]:
        targets = cast("NDArray[np.int64]", self._targets)
        # The probability of all entries but the top one: it differs between rows whose top
        # probabilities all round to 1.
        rest = np.empty(self.count, np.float32)
        # 0 for mistakes, 1 for correct rows, 2 for rows that are neither.
        group = np.empty(self.count, np.int8)
        at = 0
        for batch in self._batches():
            rows = slice(at, at + len(batch))
            logits = _floats(batch)
            top = logits.argmax(axis=1)
            probabilities = softmax(logits)
            neither = np.isnan(probabilities[:, 0]) | (targets[rows] == NO_TARGET)
            group[rows] = np.where(neither, 2, top == targets[rows])
            probabilities[np.arange(len(probabilities)), top] = 0
            rest[rows] = probabilities.sum(axis=1)
            at += len(batch)
            progress(at)
        return _argsort(np.where(group == 1, -rest, rest), group)


class _AllRows:
    """All rows of a source, as `passes` takes them."""

    def __init__(self, source: RowSource) -> None:
        self.shape = (source.count, source._size)  # noqa: SLF001 - of this module
        self.dtype = np.dtype(np.float64)
        self._source = source

    def blocks(self, _start: int = 0, _stop: int | None = None) -> Iterator[NDArray[Any]]:
        """Iterate over all rows, which is what every pass asks for."""
        return self._source._batches()  # noqa: SLF001 - of this module


def _argsort(key: NDArray[Any], group: NDArray[np.int8] | None = None) -> NDArray[Any]:
    """Return the stable ascending order of `key`, NaN last, within groups if there are any."""
    order = np.argsort(key, kind="stable") if group is None else np.lexsort((key, group))
    # Half the memory, for as long as the order is kept.
    return order.astype(np.uint32) if key.size < 1 << 32 else order


def _floats(batch: NDArray[Any]) -> NDArray[Any]:
    """Return logits as floats in native byte order."""
    dtype = np.float64 if batch.dtype.kind in "biu" else batch.dtype.newbyteorder("=")
    return batch.astype(dtype, copy=False)


def _place(row: int, kind: str, numbers: NDArray[Any]) -> int:
    """Return the place of a row in an order, which may hold only some of the rows."""
    places = np.flatnonzero(numbers == row)
    if not places.size:
        raise ArgumentError("row", f"must be of the order {kind}, got {row}")
    return int(places[0])


def _number(name: str, value: object, count: int) -> int:
    """Return a number of a query, which a server gets as text."""
    text = str(value)
    if not (text.isascii() and text.isdecimal() and len(text) <= 19 and int(text) < count):
        raise ArgumentError(name, f"must be 0 to {count - 1}, got {text[:40]}")
    return int(text)


def _classes(targets: Any, count: int, size: int) -> NDArray[np.int64]:
    """Return the true class of each row, `NO_TARGET` where there is none."""
    array = array_api.to_numpy(targets)
    if array.shape == (count, size):
        array = array.argmax(axis=1)
    if array.shape != (count,):
        raise ArgumentError(
            "targets", f"must be {count}, one for each row, got shape {array.shape}"
        )
    missing = array == NO_TARGET
    known = classes_of(np.where(missing, np.zeros(1, array.dtype), array), size, np.arange(count))
    return np.where(missing, NO_TARGET, known)
