"""Rows to step through: one is brought at a time, from an array or a file of any size."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

import numpy as np

from thermoscope.arguments import (
    NO_TARGET,
    ArgumentError,
    classes_of,
    labels_of,
    one_row,
    one_temperature,
    refuse_subclasses,
    writable,
)
from thermoscope.data.dataset import Dataset
from thermoscope.data.errors import FileError
from thermoscope.definition import softmax
from thermoscope.kernels import array_api
from thermoscope.measures import entropy
from thermoscope.state import State

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

__all__ = ["Order", "RowError", "RowSource", "has_rows"]

BATCH: Final = 1 << 20
"""So many logits are looked at together: few enough to stay in memory, and to let others work."""

# Gives the numbers of the rows in order, and tells meanwhile how many it has looked at.
Work: TypeAlias = Callable[[Callable[[int], None]], "NDArray[Any]"]


def has_rows(logits: Any) -> bool:
    """Return whether `logits` are rows of logits, and not one row; none of them is read.

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
    except (TypeError, ValueError):  # lists of several lengths, which are for others to refuse
        return False


class RowError(OSError):
    """Rows cannot be read; the message says where, which and why, in one line.

    The error of the data itself, of whatever type, is its ``__cause__``.
    """


class RowSource:
    """Rows of logits, which are read when they are asked for.

    Parameters
    ----------
    data : array_like, shape (N, n), or Dataset
        Rows of logits: an array of any library, a memory map, a Dask or Zarr array, of which one
        row is brought at a time; a DataFrame, whose columns give the labels; or an open file.
    labels : sequence of str, optional
        One for each entry, the same in all rows; by default those of `data`, if it has any.
    targets : array_like, shape (N,) or (N, n), optional
        The true classes, counted from 0, -100 where there is none; or soft targets, of which the
        largest counts.
    source : str, optional
        Where the rows came from.

    Attributes
    ----------
    count : int
        How many rows there are.
    source : str
    orders : tuple of str
        In which order rows can be stepped through: "given"; "uncertain", the highest entropy at
        T = 1 first; and, where there are targets, "wrong", mistakes first, the surest at the top.
        Rows whose softmax is NaN come last.

    Raises
    ------
    TypeError
        If `targets` are no whole numbers.
    ValueError
        If `data` is not 2-D or is empty, or `labels` or `targets` do not fit it.

    Examples
    --------
    >>> import numpy as np
    >>> rows = RowSource(np.array([[2.0, 1.0], [0.5, 3.0]]), ["cat", "dog"], targets=[0, 0])
    >>> rows.state(1)
    State(logits=array([0.5, 3. ]), labels=('cat', 'dog'), temperature=1.0, source='given', \
row=1, target=0)
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
        named = getattr(data, "columns", None)
        if named is not None and hasattr(data, "to_numpy"):
            if labels is None and list(named) != list(range(len(named))):
                labels = tuple(map(str, named))
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
        self.orders = ("given", "uncertain") if targets is None else ("given", "uncertain", "wrong")
        self._orders: dict[str, Order] = {}

    def state(self, row: int, temperature: float = 1.0) -> State:
        """Read one row and return the state of an explorer that shows it.

        Raises
        ------
        FileError
            If it is a file and cannot be read.
        RowError
            If the data raise anything else, or give no row of logits.
        ValueError
            If there is no such row, or `temperature` is negative or NaN.
        """
        labels, value = self._labels, one_temperature(temperature)
        if isinstance(self._data, Dataset):
            with self._told(f"row {row}"):
                found = self._data.row(row)
                if labels is None or len(labels) != found.entries:
                    own = found.labels if labels is None else labels
                    labels = labels_of(own, found.entries)
                logits = one_row("logits", found)
        elif 0 <= row < self.count:
            with self._told(f"row {row}"):
                logits = one_row("logits", self._data[row])
                if logits.size != self._size:
                    raise ArgumentError("logits", f"must be {self._size}, got {logits.size}")
        else:
            raise ArgumentError("row", f"must be 0 to {self.count - 1}, got {row}")
        target = None if self._targets is None else int(self._targets[row])
        target = None if target == NO_TARGET else target
        # The labels which all rows share may be many: they are not looked through for each.
        return State(logits, labels, value, self.source, row, target)

    def order(self, kind: str) -> Order:
        """Return one of the orders, for which the rows are looked through from now on.

        Raises
        ------
        ValueError
            If there is no such order.
        """
        if kind not in self.orders[1:]:
            raise ArgumentError("order", f"must be {' or '.join(self.orders)}, got {kind}")
        if kind not in self._orders:
            self._orders[kind] = Order(self._sorting(kind))
        return self._orders[kind]

    def about(self) -> dict[str, object]:
        """Return what the front end is to know of the rows before it asks for any."""
        return {"count": self.count, "orders": list(self.orders)}

    def answer(self, query: Mapping[str, object]) -> dict[str, object]:
        """Answer what the front end asks: ``web/src/model/cursor.ts`` is the other end.

        Parameters
        ----------
        query : mapping
            ``{"order": kind}`` asks how far an order is, and begins it;
            ``{"order": kind, "place": p}`` for the row at a place in an order that is done; and
            ``{"order": kind, "row": r}`` for a row, and for its place there.

        Returns
        -------
        dict
            ``{"done": rows}``, all of them where the order is there; or the written form of the
            state of the row, and its place. Labels which all rows share are left out, unless the
            query has "labels" too.

        Raises
        ------
        FileError
            If it is a file and cannot be read.
        RowError
            If the data raise anything else, or give no row of logits.
        ValueError
            If the query is none of these, or there is no such row.
        """
        kind = str(query.get("order", "given"))
        name = next((name for name in ("place", "row") if name in query), None)
        number = None if name is None else _number(name, query[name], self.count)
        done, numbers = self.count, None
        if kind != "given":
            order = self.order(kind)
            if order.failed:
                del self._orders[kind]  # asked for again, it begins anew
            if order.ended:
                numbers = order.result()
            else:
                # To sort what has been looked at takes its time too.
                done = min(order.done, self.count - 1)
        if number is None:
            return {"done": done}
        row = place = number
        if kind != "given":
            if numbers is None:
                problem = f"{kind} is not there yet: {done} of {self.count} rows"
                raise ArgumentError("order", problem)
            if name == "place":
                row = int(numbers[place])
            else:
                place = int(np.flatnonzero(numbers == row)[0])
        written = self.state(row).to_json()
        if self._labels is not None and "labels" not in query:
            del written["labels"]
        return {**written, "place": place}

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        """Put whatever the data raise into words: whoever asked is a page."""
        try:
            yield
        except FileError:
            raise
        except ArgumentError as error:
            raise RowError(f"{self.source}: cannot read {what}: {error}") from error
        except Exception as error:
            reason = " ".join("".join(traceback.format_exception_only(error)).split())
            raise RowError(f"{self.source}: cannot read {what}: {reason}") from error

    def _sorting(self, kind: str) -> Work:
        sort = self._by_entropy if kind == "uncertain" else self._by_mistake

        def work(tell: Callable[[int], None]) -> NDArray[Any]:
            with self._told(f"all rows, for the order {kind}"):
                return sort(tell)

        return work

    def _batches(self) -> Iterator[NDArray[Any]]:
        size = max(1, BATCH // self._size)
        if isinstance(self._data, Dataset):
            yield from self._data.blocks(size=size)
            return
        # A chunk of a Dask array is computed whole, and so but once.
        chunks = getattr(self._data, "chunks", None)
        if hasattr(self._data, "dask") and chunks is not None:
            edges = np.concatenate([[0], np.cumsum(chunks[0])])
        else:
            edges = np.append(np.arange(0, self.count, size), self.count)
        for start, stop in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
            block = array_api.to_numpy(self._data[start:stop])
            yield from (block[at : at + size] for at in range(0, len(block), size))

    def _by_entropy(self, tell: Callable[[int], None]) -> NDArray[Any]:
        key = np.empty(self.count, np.float32)
        at = 0
        for batch in self._batches():
            key[at : at + len(batch)] = -entropy(_floats(batch))
            at += len(batch)
            tell(at)
        return _argsort(key)

    def _by_mistake(self, tell: Callable[[int], None]) -> NDArray[Any]:
        # The probability of all entries but the highest tells even mistakes apart that all round
        # to 100 %.
        targets = cast("NDArray[np.int64]", self._targets)
        doubt = np.empty(self.count, np.float32)
        group = np.empty(self.count, np.int8)
        at = 0
        for batch in self._batches():
            some = slice(at, at + len(batch))
            logits = _floats(batch)
            top = logits.argmax(axis=1)
            probabilities = softmax(logits)
            # A row of NaN is neither wrong nor right.
            undefined = np.isnan(probabilities[:, 0])
            # Nor is one without a target.
            undefined |= targets[some] == NO_TARGET
            group[some] = np.where(undefined, 2, top == targets[some])
            probabilities[np.arange(len(probabilities)), top] = 0
            doubt[some] = probabilities.sum(axis=1)
            at += len(batch)
            tell(at)
        return _argsort(np.where(group == 1, -doubt, doubt), group)


class Order:
    """The numbers of the rows in some order, which a thread of its own finds out.

    Parameters
    ----------
    work : callable
        ``work(tell)`` returns the numbers of the rows in order, and calls ``tell(done)`` now and
        then with the number of rows that it has looked at.
    """

    def __init__(self, work: Work) -> None:
        self.done = 0
        self._future: Future[NDArray[Any]] = Future()
        # A daemon: whoever ends the program need not wait for it.
        threading.Thread(target=self._run, args=[work], daemon=True).start()

    @property
    def ended(self) -> bool:
        """Whether the order is there, or will never be."""
        return self._future.done()

    @property
    def failed(self) -> bool:
        """Whether it will never be: `result` then raises why."""
        return self.ended and self._future.exception() is not None

    def result(self) -> NDArray[Any]:
        """Wait for the order and return it.

        Raises
        ------
        Exception
            Whatever went wrong.
        """
        return self._future.result()

    def _tell(self, done: int) -> None:
        self.done = done

    def _run(self, work: Work) -> None:
        try:
            self._future.set_result(work(self._tell))
        except BaseException as error:  # noqa: BLE001 - it is raised where somebody asks
            self._future.set_exception(error)


def _argsort(key: NDArray[Any], first_by: NDArray[np.int8] | None = None) -> NDArray[Any]:
    """Return a stable order, in four bytes a row where they do; NaN comes last."""
    order = np.argsort(key, kind="stable") if first_by is None else np.lexsort((key, first_by))
    return order.astype(np.uint32) if key.size < 1 << 32 else order


def _floats(batch: NDArray[Any]) -> NDArray[Any]:
    dtype = np.float64 if batch.dtype.kind in "biu" else batch.dtype.newbyteorder("=")
    return batch.astype(dtype, copy=False)


def _number(name: str, value: object, count: int) -> int:
    text = str(value)
    if not (text.isascii() and text.isdecimal() and len(text) <= 19 and int(text) < count):
        raise ArgumentError(name, f"must be 0 to {count - 1}, got {text[:40]}")
    return int(text)


def _classes(targets: Any, count: int, size: int) -> NDArray[np.int64]:
    array = array_api.to_numpy(targets)
    if array.shape == (count, size) and array.ndim == 2:
        array = array.argmax(axis=1)
    if array.shape != (count,):
        raise ArgumentError(
            "targets", f"must be {count}, one for each row, got shape {array.shape}"
        )
    nothing = array == NO_TARGET
    known = classes_of(np.where(nothing, np.zeros(1, array.dtype), array), size, np.arange(count))
    return np.where(nothing, NO_TARGET, known)
