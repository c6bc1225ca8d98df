"""Every rule for an argument, once, with its error.

Each function checks a value and returns it in the form that the package computes with. An error
carries the argument and, where one row is wrong, the row: no caller has to parse its text.
"""

from __future__ import annotations

import math
import numbers
import operator
import sys
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple, SupportsIndex, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from thermoscope.kernels import array_api

__all__ = [
    "NO_TARGET",
    "ArgumentError",
    "ArgumentTypeError",
    "Arguments",
    "ArrayArguments",
    "Axis",
    "Incomplete",
    "Result",
    "TargetShapes",
    "applied_temperature_of",
    "are_distributions",
    "broadcasts",
    "check",
    "check_any",
    "classes_of",
    "destination",
    "generator",
    "labels_of",
    "log_base",
    "look_like_probabilities",
    "number_in",
    "one_measure",
    "one_row",
    "one_temperature",
    "plain",
    "real",
    "real_any",
    "refuse_for_reported",
    "refuse_incomplete",
    "refuse_rows",
    "refuse_subclasses",
    "seed_of",
    "size_of",
    "soft_targets",
    "target_shapes",
    "temperature_of_text",
    "temperatures_of",
    "unicode_text",
    "weights_of",
    "whole",
    "writable",
]

NO_TARGET: Final = -100
"""The target of a row without one, as in PyTorch and transformers."""
SUM_TOLERANCE: Final = 1e-2
"""Probabilities sum to 1, give or take what a column of bfloat16 or of three digits rounds off."""

# None: all axes. A tuple: several axes, whose entries are one row.
Axis: TypeAlias = SupportsIndex | tuple[SupportsIndex, ...] | None
# Of the dtype of the logits, which NumPy's types can't say.
Result: TypeAlias = NDArray[Any]

WIDEST = np.dtype(np.float64).itemsize


class ArgumentError(ValueError):
    """An argument has a wrong value.

    A wrong type gives an `ArgumentError` that is a TypeError too.

    Parameters
    ----------
    argument : str
        The name of the argument.
    problem : str
        What it takes and what it got: the message without the name in front.
    row : int, optional
        The row that is to blame, counted from 0 in C order.

    Attributes
    ----------
    argument : str
    problem : str
    row : int or None

    Examples
    --------
    >>> import thermoscope as ts
    >>> try:
    ...     ts.softmax([2.0, 1.0, 0.1], -0.5)
    ... except ts.ArgumentError as error:
    ...     print(error, error.argument, error.row, sep="; ")
    temperature must be >= 0, got -0.5; temperature; None
    """

    def __init__(self, argument: str, problem: str, row: int | None = None) -> None:
        # All of them are the `args` from which pickle makes the error again in another process.
        super().__init__(argument, problem, row)
        self.argument = argument
        self.problem = problem
        self.row = row

    def __str__(self) -> str:
        return f"{self.argument} {self.problem}"


class ArgumentTypeError(ArgumentError, TypeError):
    """An argument is of a wrong type; see `ArgumentError`."""


class Incomplete:
    """What is known of a row in part, so that it is no array: see `thermoscope.Reported`."""


class Arguments(NamedTuple):
    """NumPy's arguments of the definition, checked and broadcast against each other.

    Several axes have become one, the last. `shape` and `axes` are what they were before.
    """

    logits: NDArray[np.generic]
    temperature: NDArray[np.float64]
    where: NDArray[np.bool_] | None
    axis: int
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    axes: tuple[int, ...]


class ArrayArguments(NamedTuple):
    """Checked arguments of any library: its functions, its arrays, the dtype of the result."""

    xp: Any
    logits: Any
    temperature: Any
    where: Any
    axes: tuple[int, ...]
    dtype: Any


def check(
    logits: ArrayLike, temperature: ArrayLike, axis: Axis, where: ArrayLike | None
) -> Arguments:
    """Check the arguments that all functions of the definition share, and broadcast them.

    The temperature has the dimensions of the logits and size 1 along `axis`.
    """
    z = real("logits", logits)
    t = _temperature("temperature", temperature)
    mask = None if where is None else _mask(where)
    axes = _axes(z.shape, axis)
    t_shape = () if isinstance(t, float) else t.shape
    shape, single = _fit(z.shape, t_shape, None if mask is None else mask.shape, axis, axes)
    dtype = np.dtype(np.float64) if z.dtype.kind in "iub" else z.dtype
    if z.shape != shape:
        z = np.broadcast_to(z, shape)
    if isinstance(t, float):
        # As broadcast_to gives it, in a tenth of the time: small arrays feel that.
        t = np.ndarray(single, np.float64, np.array(t), 0, (0,) * len(single))
    else:
        t = np.broadcast_to(t, single)
    mask = None if mask is None else np.broadcast_to(mask, shape)
    if len(axes) == 1:
        return Arguments(z, t, mask, axes[0], dtype, shape, axes)
    z, t = array_api.entries_last(np, z, axes), array_api.entries_last(np, t, axes)
    mask = None if mask is None else array_api.entries_last(np, mask, axes)
    return Arguments(z, t, mask, -1, dtype, shape, axes)


def check_any(
    logits: ArrayLike,
    temperature: ArrayLike,
    axis: Axis,
    where: ArrayLike | None,
    *others: ArrayLike,
    names: tuple[str, str] = ("logits", "temperature"),
) -> ArrayArguments:
    """Check arguments of any library, of which `others` may be too, and bring them to that one.

    The logits come in the precision in which it is computed. A temperature that is a number stays
    one; otherwise nothing is broadcast, so that a lazy array stays as small as it is.
    """
    xp, place = array_api.namespace(logits, temperature, where, *others)
    z = real_any(xp, place, names[0], logits)
    if xp is np:
        dtype: Any = np.dtype(np.float64) if z.dtype.kind in "iub" else z.dtype
        z = z.astype(np.float64)
    else:
        if not xp.isdtype(z.dtype, "real floating"):
            z = xp.astype(z, array_api.widest(xp, place))
        dtype = z.dtype
        if xp.finfo(dtype).bits < 32:
            z = xp.astype(z, xp.float32)
    t: Any
    if array_api.foreign(temperature):
        t = real_any(xp, place, names[1], temperature)
        # The standard compares no bools.
        t = xp.astype(t, z.dtype) if xp.isdtype(t.dtype, "bool") else t
        wrong = ~(t >= 0)
        if array_api.some(wrong):
            raise ArgumentError(names[1], f"must be >= 0, got {float(t[wrong][0])}")
        t = xp.astype(t, z.dtype)
    else:
        t = _temperature(names[1], temperature)
        if not isinstance(t, float):
            t = array_api.astype(xp, _brought(xp, place, t), z.dtype)
    mask: Any = None
    if where is not None:
        mask = where if array_api.foreign(where) else _brought(xp, place, _mask(where))
        if not xp.isdtype(mask.dtype, "bool"):
            raise ArgumentTypeError("where", f"must be an array of bool, got {mask.dtype}")
    axes = _axes(tuple(z.shape), axis, names[0])
    shapes = (() if isinstance(t, float) else tuple(t.shape), None if mask is None else mask.shape)
    _fit(tuple(z.shape), *shapes, axis, axes, names=names)
    return ArrayArguments(xp, z, t, mask, axes, dtype)


def plain(name: str, value: Any) -> NDArray[Any]:
    """Return a value as NumPy's array, unless it is a masked array or a matrix."""
    if isinstance(value, np.ndarray):
        if type(value) is np.ndarray:
            return value
        refuse_subclasses(name, value)
    elif isinstance(value, (list, tuple)) and value and isinstance(value[0], np.ndarray):
        for item in value:
            refuse_subclasses(name, item)
    else:
        refuse_incomplete(name, value)
    try:
        return array_api.to_numpy(value)
    except ValueError as error:
        # The error of a file says all.
        if isinstance(error, OSError):
            raise
        raise ArgumentError(name, f"must be an array: {error}") from error


def real(name: str, value: ArrayLike) -> NDArray[np.generic]:
    """Return an array of real numbers of at most float64.

    Numbers that NumPy holds as objects (integers of more than 64 bits, Fraction, Decimal) count as
    float64, and as infinite beyond its range.
    """
    array = _numbers(name, value)
    if array.dtype.itemsize > WIDEST:
        raise ArgumentTypeError(name, f"must be real numbers of at most float64, got {array.dtype}")
    return array


def real_any(xp: Any, place: dict[str, Any], name: str, value: Any) -> Any:
    """Return a value as an array of real numbers of a library."""
    if not array_api.foreign(value):
        return _brought(xp, place, real(name, value))
    if not xp.isdtype(value.dtype, ("bool", "integral", "real floating")):
        raise ArgumentTypeError(name, f"must be real numbers, got {value.dtype}")
    return value


def one_measure(**measures: Any) -> tuple[str, Any]:
    """Return the name and the value of the only measure that is given."""
    given = {name: value for name, value in measures.items() if value is not None}
    if len(given) != 1:
        raise TypeError(
            "exactly one of entropy, perplexity and top_probability must be given, "
            f"got {' and '.join(given) or 'none'}"
        )
    ((name, value),) = given.items()
    return name, value


def one_row(name: str, value: Any) -> NDArray[np.float64]:
    """Return real numbers of any array library as one row of float64 of our own, read-only."""
    array = real(name, value)
    if array.ndim != 1:
        raise ArgumentError(name, f"must be one row, got shape {array.shape}")
    if array.size == 0:
        raise ArgumentError(name, "must hold at least one number, got none")
    row = array.astype(np.float64)
    row.flags.writeable = False
    return row


def one_temperature(value: Any) -> float:
    """Return a temperature that is one number as a float in [0, inf]; see `_temperature`."""
    t = _temperature("temperature", value)
    if not isinstance(t, float):
        raise ArgumentTypeError("temperature", f"must be one number, got shape {t.shape}")
    return t


def refuse_for_reported(axis: Any = -1, **others: Any) -> None:
    """Refuse arguments that a distribution of one position, a `Reported`, can't take."""
    if axis not in {-1, 0}:
        raise ArgumentError("axis", f"must be -1 or 0 for a Reported, got {axis}")
    for name, value in others.items():
        if value is not None:
            raise ArgumentError(name, f"must be left out for a Reported, got {value!r:.60}")


def temperatures_of(value: ArrayLike) -> NDArray[np.float64]:
    """Return the temperatures of a sweep: a row of finite numbers > 0."""
    t = real("temperatures", value).astype(np.float64)
    if t.ndim != 1 or not t.size:
        raise ArgumentError("temperatures", f"must be a row of numbers, got shape {t.shape}")
    wrong = t[~((t > 0) & (t < math.inf))]
    if wrong.size:
        raise ArgumentError("temperatures", f"must be finite and > 0, got {wrong[0]}")
    return t


def applied_temperature_of(value: float | None) -> float | None:
    """Return the temperature by which logits were divided already, or None where it is unknown."""
    if value is None:
        return None
    t = real("applied_temperature", value)
    if t.ndim or not 0 < t.item() < math.inf:
        problem = f"must be a finite number > 0, got {value}"
        raise ArgumentError("applied_temperature", problem)
    return float(t)


def temperature_of_text(text: str) -> float:
    """Return the temperature that a text writes as a Python number: 0.5, 1e-3, inf."""
    try:
        number = float(text)
    except ValueError:
        raise ArgumentTypeError("temperature", f"must be a number >= 0, got {text!r}") from None
    return one_temperature(number)


def labels_of(
    value: Any, size: int | None = None, owner: str = "each logit"
) -> tuple[str, ...] | None:
    """Return one string for each of `size` entries, or None for labels that are the index.

    Where `size` is None, any number of labels will do.
    """
    if value is None:
        return None
    if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
        raise ArgumentTypeError(
            "labels", f"must be a sequence of strings, got {type(value).__name__}"
        )
    texts = tuple(map(writable, value))
    if size not in (None, len(texts)):
        raise ArgumentError("labels", f"must be {size:,}, one for {owner}, got {len(texts):,}")
    return texts


def unicode_text(name: str, text: str) -> str:
    r"""Return a text that UTF-8 can hold, as a model reads it.

    Half of a surrogate pair is no character. Python has one for each byte of the command line that
    is not UTF-8.

    Examples
    --------
    >>> unicode_text("prompt", "café")
    'café'
    >>> try:
    ...     unicode_text("prompt", "caf\udce9")
    ... except ArgumentError as error:
    ...     print(error.problem)
    must be Unicode text, got '\udce9' after 'caf': convert it to UTF-8, or leave that out
    """
    try:
        text.encode()
    except UnicodeEncodeError as error:
        before = text[max(0, error.start - 20) : error.start]
        place = f" after {before!r}" if before else ""
        problem = f"must be Unicode text, got {text[error.start]!r}{place}"
        problem += ": convert it to UTF-8, or leave that out"
        raise ArgumentError(name, problem) from error
    return text


def writable(text: object) -> str:
    r"""Return `text` with "?" for each lone surrogate, which UTF-8 cannot hold.

    A label may have one, and so may the name of a file; pages and kernels take UTF-8 only.

    Examples
    --------
    >>> writable("caf\udce9.npy")
    'caf?.npy'
    """
    return str(text).encode("utf-8", "replace").decode("utf-8")


def whole(name: str, value: SupportsIndex, least: int = 1) -> int:
    """Return a whole number that is at least `least`."""
    try:
        number = operator.index(value)
    except TypeError:
        raise ArgumentTypeError(name, f"must be a whole number, got {value!r}") from None
    if number < least:
        raise ArgumentError(name, f"must be >= {least}, got {number}")
    return number


def number_in(name: str, value: ArrayLike, interval: str) -> float:
    """Return one real number that lies in an interval, which is written as in "(0, 1]".

    Examples
    --------
    >>> number_in("top_p", 0.5, "(0, 1]")
    0.5
    """
    array = real(name, value)
    if array.ndim:
        raise ArgumentTypeError(name, f"must be one number, got shape {array.shape}")
    number = array.item()
    low, high = map(float, interval[1:-1].split(","))
    above = number >= low if interval[0] == "[" else number > low
    below = number <= high if interval[-1] == "]" else number < high
    if not (above and below):
        raise ArgumentError(name, f"must be in {interval}, got {number}")
    return float(number)


def size_of(size: SupportsIndex | Sequence[SupportsIndex] | None) -> tuple[int, ...]:
    """Return a size as the shape that it means, as NumPy's generators take it."""
    if size is None:
        return ()
    try:
        shape = tuple(operator.index(n) for n in (size if isinstance(size, Sequence) else (size,)))
    except TypeError:
        problem = f"must be an integer or a tuple of integers, got {size!r}"
        raise ArgumentTypeError("size", problem) from None
    if any(n < 0 for n in shape):
        raise ArgumentError("size", f"must be >= 0, got {size}")
    return shape


def generator(rng: int | np.random.Generator | None) -> np.random.Generator:
    """Return the generator that an `rng` means: that of a seed, or itself."""
    try:
        return np.random.default_rng(rng)
    except (TypeError, ValueError) as error:
        kind = ArgumentTypeError if isinstance(error, TypeError) else ArgumentError
        problem = f"must be a seed >= 0 or a numpy.random.Generator, got {rng!r}"
        raise kind("rng", problem) from None


def seed_of(seed: SupportsIndex) -> int:
    """Return a seed for random logits, which is a whole number in JavaScript too."""
    number = whole("seed", seed, 0)
    if number >= 2**53:
        raise ArgumentError("seed", f"must be < 2**53, got {number}")
    return number


def log_base(base: float | None) -> float:
    """Return the logarithm of the base of an entropy; that of e, for nats, where it is None."""
    if base is None:
        return 1.0
    if not (base > 0 and base != 1 and math.isfinite(base)):
        raise ArgumentError("base", f"must be a finite number > 0 other than 1, got {base}")
    return math.log(base)


def destination(out: Result, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Result:
    """Return the array for a result, of its shape and dtype."""
    if not isinstance(out, np.ndarray):
        raise ArgumentTypeError("out", f"must be a NumPy array, got {type(out).__name__}")
    refuse_subclasses("out", out)
    if out.shape != shape or out.dtype != dtype:
        raise ArgumentError(
            "out", f"must have shape {shape} and dtype {dtype}, got {out.shape} and {out.dtype}"
        )
    if not out.flags.writeable:
        raise ArgumentError("out", "must be writeable, got a read-only array")
    return out


def broadcasts(
    name: str, shape: tuple[int, ...], against: str, other: tuple[int, ...]
) -> tuple[int, ...]:
    """Return the shape to which an argument broadcasts against another."""
    try:
        return np.broadcast_shapes(shape, other)
    except ValueError:
        problem = f"must broadcast against {against} of shape {tuple(other)}, got {tuple(shape)}"
        raise ArgumentError(name, problem) from None


def _temperature(name: str, value: ArrayLike) -> float | NDArray[np.float64]:
    """Return a temperature, or an array of them, in float64 and in [0, inf].

    Any real number will do: a bool, an integer of any size, a float of any width, a Fraction, a
    Decimal, an array without dimensions of any library. It is rounded to float64, beyond whose
    range it counts as 0 or inf. Text is not a number: a command line parses it with
    `temperature_of_text`.
    """
    t: float | NDArray[np.float64]
    if isinstance(value, (float, int)):  # quick, and PyTorch's compiler can trace it
        t = _rounded(value)
    else:
        given = _numbers(name, value)
        if given.dtype.itemsize > WIDEST:
            with np.errstate(over="ignore"):
                given = given.astype(np.float64)
        array = np.asarray(given, np.float64)
        t = array if array.ndim else array.item()
    if isinstance(t, float):
        if not t >= 0:
            raise ArgumentError(name, f"must be >= 0, got {t}")
    elif (wrong := t[~(t >= 0)]).size:
        raise ArgumentError(name, f"must be >= 0, got {wrong[0]}")
    return t


def _numbers(name: str, value: ArrayLike) -> NDArray[np.generic]:
    """Return an array of real numbers of any width."""
    try:
        array = plain(name, value)
    except OverflowError:  # an integer beyond the range of float64 among floats
        array = np.asarray(value, object)
    kind = array.dtype.kind
    if kind == "O":
        return _numbers_of_objects(name, array)
    if kind not in "fiub" and array.dtype.name != "bfloat16":
        raise ArgumentTypeError(name, f"must be real numbers, got {array.dtype}")
    return array


def _numbers_of_objects(name: str, array: NDArray[np.object_]) -> NDArray[np.float64]:
    values = np.empty(array.shape)
    for place, item in np.ndenumerate(array):
        # Decimal is a Number, but neither a Real nor a Complex one.
        taken = numbers.Real if isinstance(item, numbers.Complex) else numbers.Number
        if not isinstance(item, taken):
            raise ArgumentTypeError(name, f"must be real numbers, got {type(item).__name__}")
        values[place] = _rounded(item)
    return values


def _rounded(number: Any) -> float:
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


def refuse_incomplete(name: str, value: object) -> None:
    """Raise an error for what is known of a row in part."""
    if isinstance(value, Incomplete):
        raise ArgumentTypeError(
            name,
            "must have all entries, got a Reported, of which only softmax, log_softmax, entropy, "
            "perplexity, keep, truncate, temperature_for, sweep, compare_samplers, "
            "sampler_temperature and plot can give intervals",
        )


def refuse_subclasses(name: str, array: object) -> None:
    """Raise an error for a masked array and a matrix, which mean more than their numbers."""
    masked = sys.modules.get("numpy.ma")  # not loaded, there is no masked array
    if masked and isinstance(array, masked.MaskedArray):
        remedy = "use a.data and where=~a.mask" if name == "logits" else "use a.filled(value)"
        raise ArgumentTypeError(name, f"must be a plain array, got a masked array a: {remedy}")
    if isinstance(array, np.matrix):
        raise ArgumentTypeError(name, "must be a plain array, got a matrix m: use np.asarray(m)")


def _mask(where: ArrayLike) -> NDArray[np.bool_]:
    mask = plain("where", where)
    if mask.dtype != np.bool_:
        raise ArgumentTypeError("where", f"must be an array of bool, got {mask.dtype}")
    return mask


def _brought(xp: Any, place: dict[str, Any], array: NDArray[Any]) -> Any:
    """Bring NumPy's array to a library, narrowed where its device has no float64."""
    if xp is np:
        return array
    dtype = array_api.widest(xp, place) if array.dtype == np.float64 else None
    # A copy: PyTorch warns of an array that is read-only.
    return xp.asarray(np.array(array), dtype=dtype, **place)


def _axes(shape: tuple[int, ...], axis: Axis, name: str = "logits") -> tuple[int, ...]:
    """Return the axes of logits of a shape, counted from the last: shapes broadcast from there."""
    dimensions = len(shape)
    several = range(dimensions) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    axes: list[int] = []
    for one in several:
        try:
            index = operator.index(one)
        except TypeError:
            problem = f"must be an integer, a tuple of them or None, got {axis!r}"
            raise ArgumentTypeError("axis", problem) from None
        if not -dimensions <= index < dimensions:
            problem = f"must be one of the axes of {name} of shape {shape}, got {axis}"
            raise ArgumentError("axis", problem)
        index = index if index < 0 else index - dimensions
        if index in axes:
            raise ArgumentError("axis", f"must name each axis once, got {axis}")
        if shape[index] == 0:
            problem = f"must have at least one entry along axis {axis}, got shape {shape}"
            raise ArgumentError(name, problem)
        axes.append(index)
    return tuple(axes)


def _fit(
    z: tuple[int, ...],
    t: tuple[int, ...],
    mask: tuple[int, ...] | None,
    axis: Axis,
    axes: tuple[int, ...],
    *,
    names: tuple[str, str] = ("logits", "temperature"),
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the shape to which logits, temperature and mask broadcast, whole and reduced."""
    for index in axes:
        if -index <= len(t) and t[index] != 1:
            hint = f": use {names[1]}[:, None]" if len(t) == 1 and axes == (-1,) else ""
            raise ArgumentError(
                names[1],
                f"must have size 1 along axis {axis} of {names[0]} of shape {z}, "
                f"got shape {t}{hint}",
            )
    shape = broadcasts(names[1], t, names[0], z) if t else z
    if mask:
        shape = broadcasts("where", mask, names[0] if shape == z else " and ".join(names), shape)
    single = list(shape)
    for index in axes:
        single[index] = 1
    return shape, tuple(single)


class TargetShapes(NamedTuple):
    """How logits, targets and weights fit together, the classes being on the last axis."""

    binary: bool  # one logit for each row, that of class 1 beside 0 for class 0
    soft: bool  # targets are probabilities
    column: bool  # targets have a last axis of size 1, which holds classes
    weight_column: bool  # likewise the weights


def target_shapes(
    logits: tuple[int, ...], targets: tuple[int, ...] | None, weight: tuple[int, ...] | None
) -> TargetShapes:
    """Check that targets and weights are of the shape of logits (..., K), or (N,) for binary ones.

    Raises
    ------
    ValueError
        If they are not. The error says so if logits and targets seem to be swapped.
    """
    binary = targets is not None and (
        logits[-1] == 1 or (len(logits) == 1 and targets in {logits, (*logits, 1)})
    )
    rows = logits if binary and logits[-1:] != (1,) else logits[:-1]
    soft = not binary and targets == logits
    column = not soft and targets == (*rows, 1)
    if targets is not None and not soft and not column and targets != rows:
        swapped = len(targets) > 1 and logits in {targets[:-1], (*targets[:-1], 1)}
        raise ArgumentError(
            "targets",
            f"must be classes of shape {rows} or probabilities in the shape "
            f"of logits, {logits}, got shape {targets}"
            + (": are logits and targets swapped?" if swapped else ""),
        )
    if weight is not None and weight not in {rows, (*rows, 1)}:
        raise ArgumentError(
            "sample_weight", f"must have shape {rows}, one for each row of logits, got {weight}"
        )
    return TargetShapes(binary, soft, column, weight is not None and weight != rows)


def weights_of(values: NDArray[Any], numbers: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return weights as float64; each must be finite and >= 0."""
    found = real("sample_weight", values).astype(np.float64)
    wrong = ~((found >= 0) & (found < np.inf))
    refuse_rows("sample_weight", "must be finite and >= 0", found, wrong, numbers)
    return found


def classes_of(targets: NDArray[Any], count: int, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return classes as int64; each must be a whole number in [0, count)."""
    if targets.dtype.kind not in "iuf":
        raise ArgumentTypeError("targets", f"must be classes, whole numbers, got {targets.dtype}")
    if targets.dtype.kind == "f":
        refuse_rows(
            "targets", "must be whole numbers", targets, targets != np.floor(targets), numbers
        )
    outside = ~((targets >= 0) & (targets < count))
    refuse_rows("targets", f"must be in [0, {count})", targets, outside, numbers)
    return targets.astype(np.int64)


def soft_targets(
    targets: NDArray[Any], numbers: NDArray[np.int64], logits: NDArray[Any]
) -> NDArray[np.float64]:
    """Return rows of probabilities as float64; each row must sum to 1, but for its rounding."""
    soft = real("targets", targets).astype(np.float64)
    low, total = soft.min(axis=1), soft.sum(axis=1)
    negative, other = ~(low >= 0), ~(abs(total - 1) <= SUM_TOLERANCE)
    remedy = ""
    if (wrong := negative | other).any() and are_distributions(logits[wrong][:1]).all():
        remedy = ": are logits and targets swapped?"
    refuse_rows("targets", "must be >= 0", low, negative, numbers, remedy=remedy)
    refuse_rows("targets", "must sum to 1 in each row", total, other, numbers, remedy=remedy)
    soft /= total[:, None]
    return soft


def refuse_rows(
    argument: str,
    problem: str,
    values: NDArray[Any],
    wrong: NDArray[np.bool_],
    numbers: NDArray[np.int64],
    *,
    remedy: str = "",
) -> None:
    """Raise an error that names the first row in which a value is wrong."""
    if wrong.any():
        at = int(np.argmax(wrong))
        row = int(numbers[at])
        raise ArgumentError(argument, f"{problem}, got {values[at]} in row {row}{remedy}", row)


def look_like_probabilities(logits: NDArray[Any]) -> bool:
    """Whether rows are >= 0 and sum to 1, as probabilities do and logits hardly ever.

    One-hot rows don't count: they are as likely the logits of an example.
    """
    inside = ((logits > 0) & (logits < 1)).any()
    return bool(logits.shape[1] > 1 and inside and are_distributions(logits).all())


def are_distributions(rows: NDArray[Any]) -> NDArray[np.bool]:
    """Whether each row is >= 0 and sums to 1, give or take what a narrow type rounds off."""
    with np.errstate(invalid="ignore"):
        total = rows.sum(axis=1, dtype=np.float64)
        # A NaN makes both False.
        found: NDArray[np.bool] = (rows >= 0).all(axis=1) & (np.abs(total - 1) <= SUM_TOLERANCE)
    return found
