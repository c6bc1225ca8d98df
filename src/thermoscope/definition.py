"""The definition: softmax with temperature, and its logarithm.

softmax(z, T)_i = exp(z_i / T) / sum_j exp(z_j / T), for T in [0, inf], both ends included.
"""

from __future__ import annotations

import math
import operator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from thermoscope import kernels
from thermoscope.kernels import array_api, fast_log_softmax, fast_softmax, memory

if TYPE_CHECKING:
    from typing import Any, SupportsIndex, TypeAlias

    from numpy.typing import ArrayLike, NDArray

    # None: all axes. A tuple: several axes, whose lanes count as those of one.
    Axis: TypeAlias = SupportsIndex | tuple[SupportsIndex, ...] | None
    # Of the dtype of the logits, which NumPy's types can't say.
    Result = NDArray[Any]

__all__ = ["log_softmax", "softmax"]


def softmax(
    logits: ArrayLike,
    temperature: ArrayLike = 1.0,
    *,
    axis: Axis = -1,
    where: ArrayLike | None = None,
    out: Result | None = None,
) -> Result:
    """Softmax of logits at a temperature.

    ``exp(logits / temperature)``, divided by its sum along `axis`, without overflow for any
    input. Between T = 0, where the lanes that tie for the maximum share all weight, and T = inf,
    where all lanes share it equally, the temperature says how much the differences count.

    Parameters
    ----------
    logits : array_like, or an array of PyTorch, JAX, CuPy, Dask or another such library
        Real numbers of any shape, in float16, bfloat16, float32 or float64; integers and bools
        count as float64, where the library has it. -inf is a lane without weight.
    temperature : array_like, optional
        A number in [0, inf], or an array of them that broadcasts against `logits` and has size
        1 along `axis`: for logits (B, V), a temperature (B, 1).
    axis : int, tuple of int or None, optional
        The axis whose lanes sum to 1; several axes together; or None for all.
    where : array_like of bool, optional
        A mask that broadcasts against `logits`. Lanes where it is False get exactly 0, whatever
        they hold, and count for nothing.
    out : ndarray, optional
        Where the result goes: of the result's shape and dtype. It may be `logits` itself. For
        NumPy alone.

    Returns
    -------
    ndarray, or an array of the library of the arguments
        Probabilities, of the dtype of `logits` and of the shape to which the arguments
        broadcast. A slice is NaN as a whole if an unmasked lane is NaN or if all of them are
        -inf; if its maximum is +inf, the +inf lanes share the weight; if all lanes are masked,
        it is all 0.

    Raises
    ------
    TypeError
        If `logits` or `temperature` are complex or are no numbers, if `where` is not of bools,
        or if the arrays are of two libraries besides NumPy.
    ValueError
        If `temperature` is negative, NaN or of a shape that does not fit, if `axis` does not
        exist, repeats or is empty, or if `out` does not fit.

    See Also
    --------
    log_softmax : its logarithm, which keeps what softmax rounds to 0 or 1.

    Notes
    -----
    NumPy arrays and numbers go along with an array of another library; the result is of that
    library, on its device. There, float64 and float32 are computed as they are, and narrower
    floats in float32. Derivatives by `logits` and `temperature` follow the formula wherever
    nothing is infinite; masked lanes and lanes of -inf get none and give none, and slices that
    are counted or NaN (T = 0, T = inf, a maximum of +inf) are constant.

    A temperature that can't be looked at (JAX under `jit`, Dask, PyTorch's `vmap`, a device
    other than the CPU, where a look would wait for it) raises no error: where it is negative or
    NaN, so is the slice NaN. JAX counts numbers below the smallest normal one as 0, here too.

    References
    ----------
    .. [1] J. S. Bridle, "Probabilistic interpretation of feedforward classification network
       outputs, with relationships to statistical pattern recognition", 1990.
    .. [2] G. Hinton, O. Vinyals and J. Dean, "Distilling the knowledge in a neural network",
       arXiv:1503.02531, section 2, for the temperature.

    Examples
    --------
    >>> import thermoscope as ts
    >>> ts.softmax([2.0, 1.0, 0.1]).round(3)
    array([0.659, 0.242, 0.099])

    A low temperature sharpens, a high one flattens; both ends are exact:

    >>> ts.softmax([2.0, 1.0, 0.1], 0.5).round(3)
    array([0.864, 0.117, 0.019])
    >>> ts.softmax([2.0, 2.0, 0.1], 0)
    array([0.5, 0.5, 0. ])
    >>> import math
    >>> ts.softmax([2.0, 1.0, 0.5, 0.1], math.inf)
    array([0.25, 0.25, 0.25, 0.25])

    One temperature for each row:

    >>> import numpy as np
    >>> ts.softmax([[1.0, 0.0], [1.0, 0.0]], np.array([[1.0], [0.5]])).round(3)
    array([[0.731, 0.269],
           [0.881, 0.119]])
    """
    if where is None:
        result = fast_softmax(logits, temperature, axis, out)
        if result is not None:
            return result
    return _general("softmax", logits, temperature, axis=axis, where=where, out=out)


def log_softmax(
    logits: ArrayLike,
    temperature: ArrayLike = 1.0,
    *,
    axis: Axis = -1,
    where: ArrayLike | None = None,
    out: Result | None = None,
) -> Result:
    """Logarithm of the softmax of logits at a temperature, in nats.

    More than the logarithm of `softmax`: a lane whose probability rounds to 0 keeps its
    logarithm, and a lane whose probability rounds to 1 keeps how much it lacks.

    Parameters
    ----------
    logits : array_like, or an array of PyTorch, JAX, CuPy, Dask or another such library
        Real numbers of any shape, in float16, bfloat16, float32 or float64; integers and bools
        count as float64, where the library has it. -inf is a lane without weight.
    temperature : array_like, optional
        A number in [0, inf], or an array of them that broadcasts against `logits` and has size
        1 along `axis`: for logits (B, V), a temperature (B, 1).
    axis : int, tuple of int or None, optional
        The axis whose lanes sum to 1 in probability; several axes together; or None for all.
    where : array_like of bool, optional
        A mask that broadcasts against `logits`. Lanes where it is False get -inf, whatever they
        hold, and count for nothing.
    out : ndarray, optional
        Where the result goes: of the result's shape and dtype. It may be `logits` itself. For
        NumPy alone.

    Returns
    -------
    ndarray, or an array of the library of the arguments
        Log-probabilities, of the dtype of `logits` and of the shape to which the arguments
        broadcast; -inf where `softmax` is exactly 0 by definition, NaN where it is NaN.

    Raises
    ------
    TypeError
        If `logits` or `temperature` are complex or are no numbers, if `where` is not of bools,
        or if the arrays are of two libraries besides NumPy.
    ValueError
        If `temperature` is negative, NaN or of a shape that does not fit, if `axis` does not
        exist, repeats or is empty, or if `out` does not fit.

    See Also
    --------
    softmax : the probabilities themselves, and the rules for the edges.

    Examples
    --------
    >>> import thermoscope as ts
    >>> ts.log_softmax([1000.0, 0.0])
    array([    0., -1000.])
    >>> ts.log_softmax([50.0, 0.0])[0]
    np.float64(-1.9287498479639178e-22)
    """
    if where is None:
        result = fast_log_softmax(logits, temperature, axis, out)
        if result is not None:
            return result
    return _general("log_softmax", logits, temperature, axis=axis, where=where, out=out)


class Arguments(NamedTuple):
    """Arguments that were checked and broadcast against each other.

    Several axes have become one, the last. `shape` and `axes` are what they were before.
    """

    logits: NDArray[np.generic]
    temperature: NDArray[np.float64]
    where: NDArray[np.bool_] | None
    axis: int
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    axes: tuple[int, ...]


def check(
    logits: ArrayLike, temperature: ArrayLike, axis: Axis, where: ArrayLike | None
) -> Arguments:
    """Check the arguments that all functions of the definition share, and broadcast them.

    The temperature has the dimensions of the logits and size 1 along `axis`.
    """
    z = real("logits", logits)
    t = real("temperature", temperature).astype(np.float64)
    mask = None if where is None else _mask(where)
    axes = _axes(z.shape, axis)
    if t.ndim or not t.item() >= 0:
        bad = t[~(t >= 0)]
        if bad.size:
            raise ValueError(f"temperature must be >= 0, got {bad[0]}")
    shape, single = _fit(z.shape, t.shape, None if mask is None else mask.shape, axis, axes)
    dtype = np.dtype(np.float64) if z.dtype.kind in "iub" else z.dtype
    if z.shape != shape:
        z = np.broadcast_to(z, shape)
    if t.ndim == 0:
        # As broadcast_to gives it, in a tenth of the time: small arrays feel that.
        t = np.ndarray(single, np.float64, t, 0, (0,) * len(single))
    else:
        t = np.broadcast_to(t, single)
    mask = None if mask is None else np.broadcast_to(mask, shape)
    if len(axes) == 1:
        return Arguments(z, t, mask, axes[0], dtype, shape, axes)
    z, t = array_api.lanes_last(np, z, axes), array_api.lanes_last(np, t, axes)
    mask = None if mask is None else array_api.lanes_last(np, mask, axes)
    return Arguments(z, t, mask, -1, dtype, shape, axes)


class Checked(NamedTuple):
    """Checked arguments of any library: its functions, its arrays, the dtype of the result."""

    xp: Any
    logits: Any
    temperature: Any
    where: Any
    axes: tuple[int, ...]
    dtype: Any


def check_any(
    logits: ArrayLike,
    temperature: ArrayLike,
    axis: Axis,
    where: ArrayLike | None,
    *others: ArrayLike,
    names: tuple[str, str] = ("logits", "temperature"),
) -> Checked:
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
            floats = xp.__array_namespace_info__().dtypes(kind="real floating")
            z = xp.astype(z, floats.get("float64", floats["float32"]))
        dtype = z.dtype
        if xp.finfo(dtype).bits < 32:
            z = xp.astype(z, xp.float32)
    t: Any
    if isinstance(temperature, (int, float, np.generic)):
        t = float(real(names[1], temperature))
        bad, shape = None if t >= 0 else t, ()
    else:
        t = real_any(xp, place, names[1], temperature)
        wrong = ~(t >= 0)
        bad, shape = float(t[wrong][0]) if array_api.some(wrong) else None, tuple(t.shape)
        t = array_api.astype(xp, t, z.dtype)
    mask: Any = None
    if where is not None:
        mask = where if array_api.foreign(where) else _brought(xp, place, _mask(where))
        if not xp.isdtype(mask.dtype, "bool"):
            raise TypeError(f"where must be an array of bool, got {mask.dtype}")
    axes = _axes(tuple(z.shape), axis, names[0])
    if bad is not None:
        raise ValueError(f"{names[1]} must be >= 0, got {bad}")
    _fit(
        tuple(z.shape), shape, None if mask is None else tuple(mask.shape), axis, axes, names=names
    )
    return Checked(xp, z, t, mask, axes, dtype)


def real_any(xp: Any, place: dict[str, Any], name: str, value: Any) -> Any:  # noqa: ANN401
    """Return a value as an array of real numbers of a library."""
    if not array_api.foreign(value):
        return _brought(xp, place, real(name, value))
    if not xp.isdtype(value.dtype, ("bool", "integral", "real floating")):
        raise TypeError(f"{name} must be real numbers, got {value.dtype}")
    return value


def _brought(xp: Any, place: dict[str, Any], array: NDArray[Any]) -> Any:  # noqa: ANN401
    # A copy: PyTorch warns of an array that is read-only.
    return array if xp is np else xp.asarray(np.array(array), **place)


def _axes(shape: tuple[int, ...], axis: Axis, name: str = "logits") -> tuple[int, ...]:
    """Return the axes of logits of a shape, counted from the last: shapes broadcast from there."""
    dimensions = len(shape)
    several = range(dimensions) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    axes: list[int] = []
    for one in several:
        try:
            index = operator.index(one)
        except TypeError:
            raise TypeError(
                f"axis must be an integer, a tuple of them or None, got {axis!r}"
            ) from None
        if not -dimensions <= index < dimensions:
            raise ValueError(f"axis must be one of the axes of {name} of shape {shape}, got {axis}")
        index = index if index < 0 else index - dimensions
        if index in axes:
            raise ValueError(f"axis must name each axis once, got {axis}")
        if shape[index] == 0:
            raise ValueError(f"{name} must have at least one lane along axis {axis}, got {shape}")
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
            raise ValueError(
                f"{names[1]} must have size 1 along axis {axis} of {names[0]} of shape {z}, "
                f"got shape {t}{hint}"
            )
    try:
        shape = np.broadcast_shapes(z, t, mask or ()) if t or mask else z
    except ValueError:
        shapes = f"{names[1]} {t}" + ("" if mask is None else f" and where {mask}")
        raise ValueError(
            f"{names[1]} and where must broadcast against {names[0]} of shape {z}, got {shapes}"
        ) from None
    single = list(shape)
    for index in axes:
        single[index] = 1
    return shape, tuple(single)


def _mask(where: ArrayLike) -> NDArray[np.bool_]:
    mask = np.asarray(where)
    if mask.dtype != np.bool_:
        raise TypeError(f"where must be an array of bool, got {mask.dtype}")
    return mask


def real(name: str, value: ArrayLike) -> NDArray[np.generic]:
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ValueError(f"{name} must be an array: {error}") from error
    if array.dtype.kind not in "biuf" and array.dtype.name != "bfloat16":
        raise TypeError(f"{name} must be real numbers, got {array.dtype}")
    if array.dtype.itemsize > np.dtype(np.float64).itemsize:
        raise TypeError(f"{name} must be of at most float64, got {array.dtype}")
    return array


def _general(
    function: str,
    logits: ArrayLike,
    temperature: ArrayLike,
    *,
    axis: Axis,
    where: ArrayLike | None,
    out: Result | None,
) -> Result:
    if array_api.foreign(logits, temperature, where):
        if out is not None:
            raise TypeError("out must be None where an argument is of another library than NumPy")
        xp, z, t, mask, axes, dtype = check_any(logits, temperature, axis, where)
        result: Result = narrowed(xp, getattr(array_api, function)(xp, z, t, mask, axes), dtype)
        return result
    z, t, mask, index, dtype, shape, axes = check(logits, temperature, axis, where)
    given = out is not None
    out = _destination(out, shape, dtype)
    if given and len(axes) == 1:
        # Each block is read before it is written, so only an exact overlap is safe.
        if z is not out and np.may_share_memory(out, z) and not _same_place(out, z):
            z = z.copy()
        t = _apart(t, out)
        mask = None if mask is None else _apart(mask, out)
    compute = getattr(kernels.choose(), function)
    if len(axes) == 1:
        compute(z, t, mask, index, out)
        return out
    flat = np.empty(z.shape, dtype)
    compute(z, t, mask, index, flat)
    lanes = tuple(shape[k] for k in axes)
    np.moveaxis(out, axes, range(-len(axes), 0))[...] = flat.reshape((*z.shape[:-1], *lanes))
    # Of a plain number NumPy's functions give a scalar.
    return out if shape or given else out[()]


def _destination(out: Result | None, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Result:
    """Return the checked array that the caller gave, a new one if none."""
    if out is None:
        return memory.empty(shape, dtype)
    if not isinstance(out, np.ndarray):
        raise TypeError(f"out must be a NumPy array, got {type(out).__name__}")
    if out.shape != shape or out.dtype != dtype:
        raise ValueError(
            f"out must have shape {shape} and dtype {dtype}, got {out.shape} and {out.dtype}"
        )
    if not out.flags.writeable:
        raise ValueError("out must be writeable, got a read-only array")
    return out


def _apart(argument: NDArray[Any], out: NDArray[Any]) -> NDArray[Any]:
    """Return an argument that writing to `out` leaves as it is."""
    return argument.copy() if np.may_share_memory(out, argument) else argument


def narrowed(xp: Any, values: Any, dtype: Any) -> Any:  # noqa: ANN401 - arrays of any library
    """Round values to a dtype, without a warning where they are beyond its range."""
    if values.dtype == dtype:
        return values
    if xp is np:
        with np.errstate(over="ignore"):
            return values.astype(dtype)
    largest = float(xp.finfo(dtype).max)
    values = xp.where(values < -largest, -math.inf, values)
    return xp.astype(xp.where(values > largest, math.inf, values), dtype)


def _same_place(a: NDArray[np.generic], b: NDArray[np.generic]) -> bool:
    return a.__array_interface__["data"] == b.__array_interface__["data"] and a.strides == b.strides
