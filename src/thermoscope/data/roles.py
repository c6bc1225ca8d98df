"""Which part of a file the logits are, the labels, and the targets: the rules, and what is told.

A role that the caller names is never anything else. Other roles follow from these rules, and each
decision that the words of the file do not state becomes a note:

1. A column that the file marks as an index (pandas' metadata, ``__index_level_0__``, a first column
   without a name) is no class.
2. A column of texts is no class. Beside a single column of numbers it holds the labels, and the
   table is one row written downwards.
3. One column of lists is the logits. Of several, the caller chooses.
4. Otherwise the columns of numbers are the classes. Where some hold whole numbers >= 0 only, and
   others fractions, the first may be targets: the caller chooses.
5. Of several arrays, the one of fractions is the logits. Whole numbers beside fractions are never
   logits; where more than one array could be meant, the caller chooses. One array of texts in the
   shape of a single row holds its labels.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from thermoscope.data.content import BYTES_PER_LOGIT, Archive, Array, Table, held
from thermoscope.data.errors import check_memory, listed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    Columns = str | Sequence[str] | None

__all__ = ["Found", "logits_of", "targets_of"]

SHOWN = 6
"""Class names that a note lists."""


class Found(NamedTuple):
    """The logits of a file, its targets where they were asked for, and what was decided."""

    logits: Array
    targets: NDArray[Any] | list[str] | None = None
    notes: tuple[str, ...] = ()


def logits_of(
    content: Array | Archive | Table, columns: Columns = None, target_column: str | None = None
) -> Found:
    """Return the logits of a file, and the targets that `target_column` names."""
    if isinstance(content, Table):
        return _of_table(content, columns, target_column)
    if isinstance(content, Archive):
        return _of_archive(content, columns, target_column)
    for name, value in (("columns", columns), ("target_column", target_column)):
        if value is not None:
            raise ValueError(f"{name} must be left out for a file of one array, got {value!r}")
    return Found(_checked(content), notes=_of_shape(content))


def targets_of(content: Array | Archive | Table, column: str | None) -> NDArray[Any] | list[str]:
    """Return the targets, or the weights, of a file that was given for them: numbers or texts."""
    if isinstance(content, Table):
        places = _columns_of_targets(content, column)
        if len(places) == 1:
            return _column(content, places[0])
        return np.concatenate(list(content.numbers(places, 0, content.rows, content.rows)))
    if isinstance(content, Archive):
        real = [name for name, array in content.arrays.items() if array.is_real]
        whole = [name for name in real if content.arrays[name].is_whole]
        meant = [column] if column is not None else whole if len(whole) == 1 else real
        return _pick(content, meant, column, "targets").all()
    if column is not None:
        raise ValueError(f"target_column must be left out for a file of one array, got {column!r}")
    if not (content.is_real or content.is_text):
        raise ValueError(f"targets must be numbers or texts, got {content.dtype}")
    return content.all()


def _of_table(table: Table, columns: Columns, target_column: str | None) -> Found:
    notes = list(table.notes)
    targets = None
    names, kinds = table.names, table.kinds
    taken: set[int] = set()
    if target_column is not None:
        at = _place(table, target_column, "target_column")
        targets = _column(table, at)
        taken.add(at)
        notes.append(f"column {target_column!r} holds the targets")
    if columns is not None:
        wanted = [columns] if isinstance(columns, str) else list(columns)
        if not wanted:
            raise ValueError(f"columns must be among {listed(names)}, got none")
        chosen = [_place(table, name, "columns") for name in wanted]
        for at in chosen:
            if at in taken:
                raise ValueError(f"columns must leave out the targets, got {names[at]!r}")
            if kinds[at] in {"text", "other"} or (kinds[at] == "list" and len(chosen) > 1):
                raise ValueError(f"column {names[at]!r} must be of numbers, got {kinds[at]}")
    else:
        chosen, told = _classes(table, taken)
        notes += told
    if table.rows == 0:
        raise ValueError("there are no rows in it")
    if len(chosen) == 1 and kinds[chosen[0]] != "list":
        texts = [
            at
            for at, kind in enumerate(kinds)
            if kind == "text" and at not in taken | {*table.index_columns} and at not in chosen
        ]
        check_memory(table.rows * BYTES_PER_LOGIT)
        labels = table.words(texts[0]) if len(texts) == 1 and targets is None else None
        return Found(_checked(held(table.column(chosen[0]), labels)), targets, tuple(notes))
    return Found(_rows(table, chosen), targets, tuple(notes))


def _classes(table: Table, taken: set[int]) -> tuple[list[int], list[str]]:
    """Return which columns are the classes, by the rules at the top, and what was decided."""
    names = table.names
    # What write_rows wrote says itself that every column is a class.
    if table.labels is not None and len(table.labels) == len(names) and not taken:
        return list(range(len(names))), []
    index = sorted(set(table.index_columns) - taken)
    of_kind: dict[str, list[int]] = {}
    for at, kind in enumerate(table.kinds):
        if at not in taken and at not in index:
            of_kind.setdefault(kind, []).append(at)
    lists, floats, whole, texts = (
        of_kind.get(kind, []) for kind in ("list", "float", "integer", "text")
    )
    if len(lists) > 1 or (lists and floats):
        raise ValueError(
            f"choose the logits with columns, of {listed(names[at] for at in lists + floats)}"
        )
    if floats and whole:
        raise ValueError(
            f"whole numbers beside columns of fractions, in {listed(names[at] for at in whole)}: "
            "name the classes with columns, or the targets with target_column"
        )
    chosen = lists or floats or whole
    if not chosen:
        raise ValueError("there are no numbers in it")
    notes = []
    left = [*(whole if lists else []), *(texts if lists or len(chosen) > 1 else [])]
    if left:
        notes.append(f"no logits: {listed(names[at] for at in left)}")
    if index:
        which = ", ".join(
            "first column" if at == 0 and not names[at] else f"column {names[at]!r}" for at in index
        )
        notes.append(f"{which} is an index")
    if len(chosen) > 1 and (notes or taken):
        some = ", ".join(names[at] for at in chosen[:SHOWN])
        more = f" and {len(chosen) - SHOWN:,} more" if len(chosen) > SHOWN else ""
        notes.insert(0, f"{len(chosen):,} classes: {some}{more}")
    return chosen, notes


def _rows(table: Table, chosen: list[int]) -> Array:
    names, kinds = table.names, table.kinds
    head = next(table.numbers(chosen, 0, 1, 1))
    entries = head.shape[1]
    if kinds[chosen[0]] == "list":
        labels = table.labels if table.labels and len(table.labels) == entries else None
    elif not table.named:
        labels = None
    elif table.labels is not None and len(table.labels) == len(names):
        labels = tuple(table.labels[at] for at in chosen)
    else:
        labels = tuple(names[at] for at in chosen)

    def read(start: int, stop: int, size: int) -> Iterator[NDArray[Any]]:
        return table.numbers(chosen, start, stop, size)

    return _checked(Array((table.rows, entries), head.dtype, read, labels, table.step))


def _place(table: Table, name: str, argument: str) -> int:
    if name not in table.names:
        raise ValueError(f"{argument} must be among {listed(table.names)}, got {name!r}")
    return table.names.index(name)


def _column(table: Table, at: int) -> NDArray[Any] | list[str]:
    return table.words(at) if table.kinds[at] == "text" else table.column(at)


def _columns_of_targets(table: Table, column: str | None) -> list[int]:
    if column is not None:
        return [_place(table, column, "target_column")]
    free = [at for at in range(len(table.names)) if at not in table.index_columns]
    if len(free) == 1 or all(table.kinds[at] in {"float", "integer"} for at in free):
        return free
    raise ValueError(f"choose the targets with target_column, of {listed(table.names)}")


def _of_archive(archive: Archive, columns: Columns, target_column: str | None) -> Found:
    arrays = archive.arrays
    names = None
    if columns is not None:
        wanted = [columns] if isinstance(columns, str) else list(columns)
        if len(wanted) != 1 or wanted[0] not in arrays:
            raise ValueError(f"columns must be one of {listed(arrays)}, got {listed(wanted)}")
        names = wanted
    targets, notes = None, []
    if target_column is not None:
        targets = _pick(archive, [target_column], target_column, "targets").all()
        notes.append(f"array {target_column!r} holds the targets")
    if names is None:
        names = [
            name
            for name, array in arrays.items()
            if array.is_real and array.shape and 0 not in array.shape and name != target_column
        ]
        floats = [name for name in names if not arrays[name].is_whole]
        whole = [name for name in names if arrays[name].is_whole]
        if len(floats) == 1 and whole and target_column is None:
            raise ValueError(
                f"array {floats[0]!r} {_shape(arrays[floats[0]])} may be the logits and "
                f"{listed(whole)} {_shape(arrays[whole[0]])} the targets: say so with "
                f"columns={floats[0]!r} and target_column={whole[0]!r}, or columns alone"
            )
        names = floats or whole
    array = _pick(archive, names, None if columns is None else names[0], "logits")
    texts = [name for name, other in arrays.items() if other.is_text and name != target_column]
    if len(texts) == 1 and array.shape == arrays[texts[0]].shape:
        array = array._replace(labels=tuple(arrays[texts[0]].all().tolist()))
        notes.append(f"array {texts[0]!r} holds the labels")
    return Found(_checked(array), targets, (*notes, *_of_shape(array)))


def _pick(archive: Archive, names: Sequence[str], given: str | None, what: str) -> Array:
    """Return the one array that is meant, of those that a file holds."""
    arrays = archive.arrays
    argument = "columns" if what == "logits" else "target_column"
    if given is not None and given not in arrays:
        raise ValueError(f"{argument} must be one of {listed(arrays)}, got {given!r}")
    if not names:
        raise ValueError(f"no array of {what} among {listed(arrays)}" if arrays else "no array")
    if len(names) > 1:
        raise ValueError(f"choose the {what} with {argument}, one of {listed(names)}")
    return arrays[names[0]]


def _checked(array: Array) -> Array:
    """Return an array of logits; raise an error if it holds no row of numbers."""
    if not array.is_real:
        got = "texts" if array.is_text else array.dtype
        raise ValueError(f"logits must be real numbers, got {got}")
    if not array.shape:
        raise ValueError("logits must have an axis of entries, got one number")
    if 0 in array.shape:
        raise ValueError(f"logits must hold at least one number, got shape {array.shape}")
    return array


def _of_shape(array: Array) -> tuple[str, ...]:
    if len(array.shape) <= 2:
        return ()
    return (f"shape {_shape(array)}: {math.prod(array.shape[:-1]):,} rows of {array.shape[-1]:,}",)


def _shape(array: Array) -> str:
    return f"({', '.join(map(str, array.shape))})"
