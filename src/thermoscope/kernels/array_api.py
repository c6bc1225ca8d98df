"""The definition on the arrays of other libraries, in the array API standard alone.

One graph of standard operations serves PyTorch, JAX, CuPy, Dask and every other library that
follows the standard. It has no branch on a value, so it can be traced and stay lazy, and every
value in it is finite, so it can be differentiated. One comparison with a threshold for each row
separates the live entries from the others. The others are masked, -inf, so far below the maximum
that the quotient overflows, or below the maximum in a row whose maxima have all the probability.
They hold 0 from there on, so that nothing overflows and no 0 * inf arises in a gradient.

The functions take arguments that `thermoscope.arguments` has checked: logits in the dtype of the
computation, a temperature that broadcasts against them, a mask or None, and the axes of the rows,
counted from the last.
"""

from __future__ import annotations

import math
import sys
from contextlib import AbstractContextManager, nullcontext
from types import NoneType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    # There is no type for arrays of any library that follows the array API standard.
    Array = Any
    Namespace = Any

__all__ = [
    "astype",
    "entries_last",
    "entropy",
    "foreign",
    "log_softmax",
    "namespace",
    "narrowed",
    "quiet",
    "quotients",
    "softmax",
    "some",
    "temperature_like",
    "to_numpy",
    "widest",
]

# exp(-VANISHING) is 0 in every float.
VANISHING: Final = 746.0

_OWN = frozenset({NoneType, bool, float, int, list, np.float64, np.ndarray, str, tuple})


def foreign(*values: object) -> bool:
    """Whether any of the values is an array of a library other than NumPy."""
    # The types nearly always decide, and quickly: calls on a few numbers must stay fast.
    return not _OWN.issuperset(map(type, values)) and any(map(_is_foreign, values))


def to_numpy(array: Any) -> NDArray[Any]:
    """Return an array of any library and device as NumPy's; PyTorch's bfloat16 becomes float32."""
    if hasattr(array, "detach"):  # a PyTorch tensor may carry a gradient or live on a GPU
        array = array.detach().cpu()
        if str(array.dtype) == "torch.bfloat16":
            array = array.float()
    return np.asarray(array.get() if type(array).__module__.startswith("cupy") else array)


def _is_foreign(value: object) -> bool:
    if type(value) in _OWN or isinstance(value, (np.ndarray, np.generic)):
        return False
    from array_api_compat import is_array_api_obj  # noqa: PLC0415 - NumPy's users never need it

    return bool(is_array_api_obj(value))


def namespace(*values: object) -> tuple[Namespace, dict[str, Any]]:
    """Return the standard's functions for the library of the values, and the device to create on.

    NumPy's arrays and plain numbers can be mixed with any library. The device comes as keywords
    for functions that create arrays.
    """
    others = [value for value in values if _is_foreign(value)]
    if not others:
        return np, {}
    import array_api_compat as compat  # noqa: PLC0415 - NumPy's users never need it

    try:
        xp = compat.array_namespace(*others)
    except TypeError:
        kinds = sorted({f"{type(value).__module__}.{type(value).__name__}" for value in others})
        raise TypeError(
            f"the arrays must be of one library, besides NumPy's, got {' and '.join(kinds)}"
        ) from None
    # JAX and Dask choose the device, and a tracer has none.
    placed = not (compat.is_jax_array(others[0]) or compat.is_dask_array(others[0]))
    return xp, {"device": compat.device(others[0])} if placed else {}


def visible(array: Array) -> bool:
    """Whether an array's values can be read without computing them or waiting for a device."""
    if isinstance(array, (np.ndarray, np.generic)):
        return True
    import array_api_compat as compat  # noqa: PLC0415 - as above

    if compat.is_torch_array(array):
        torch = sys.modules["torch"]
        return array.device.type == "cpu" and not torch.compiler.is_compiling()
    return not compat.is_dask_array(array)


def some(condition: Array) -> bool:
    """Whether a condition holds anywhere; False where its values can't be read."""
    try:
        return visible(condition) and bool(namespace(condition)[0].any(condition))
    except (TypeError, RuntimeError):
        # A tracer of JAX and a batch of PyTorch's vmap raise these.
        return False


def softmax(
    xp: Namespace,
    logits: Array,
    temperature: Array | float,
    where: Array | None,
    axes: tuple[int, ...],
) -> Array:
    """Return softmax(logits / temperature) along `axes`."""
    rows = _rows(xp, logits, temperature, where, axes, vanishing=False)
    total = xp.sum(rows.exp_z, axis=axes, keepdims=True)
    value = rows.exp_z / xp.where(rows.defined, total, math.nan)
    return value if where is None else xp.where(where, value, 0.0)


def log_softmax(
    xp: Namespace,
    logits: Array,
    temperature: Array | float,
    where: Array | None,
    axes: tuple[int, ...],
) -> Array:
    """Return log(softmax(logits / temperature)) along `axes`."""
    rows = _rows(xp, logits, temperature, where, axes)
    value = rows.quotient - _log_total(xp, rows, axes)
    nothing = xp.full_like(rows.maximum, -math.inf)
    value = xp.where(rows.live, value, xp.where(rows.defined, nothing, math.nan))
    return value if where is None else xp.where(where, value, -math.inf)


def entropy(
    xp: Namespace,
    logits: Array,
    temperature: Array | float,
    where: Array | None,
    axes: tuple[int, ...],
) -> Array:
    """Return the entropy in nats along `axes`, which stay with size 1."""
    rows = _rows(xp, logits, temperature, where, axes, vanishing=False)
    total = xp.sum(rows.exp_z, axis=axes, keepdims=True)
    moment = xp.sum(rows.exp_z * rows.quotient, axis=axes, keepdims=True)
    # log total - sum of p (z - max) / T: no term is negative, so nothing cancels.
    value = _log_total(xp, rows, axes) - moment / xp.where(rows.defined, total, math.nan)
    if where is None:
        return value
    where = xp.broadcast_to(where, rows.live.shape)
    return xp.where(xp.any(where, axis=axes, keepdims=True), value, 0.0)


def quotients(
    xp: Namespace,
    logits: Array,
    temperature: Array | float,
    where: Array | None,
    axes: tuple[int, ...],
) -> Array:
    """Return (z - max z) / T along `axes`, 0 for entries and rows without a finite one."""
    return _rows(xp, logits, temperature, where, axes).quotient


def temperature_like(xp: Namespace, temperature: Array | float, logits: Array) -> Array:
    """Return a temperature as an array of the dtype, library and device of the logits."""
    if not isinstance(temperature, float):
        return temperature
    limits = xp.finfo(logits.dtype)
    if temperature > float(limits.max):
        temperature = math.inf
    # XLA flushes subnormal numbers to 0 in computations, but not in constants that it folds: a
    # mix of both gives 0 / 0.
    elif temperature < float(limits.smallest_normal) and _is_jax(logits):
        temperature = 0.0
    return xp.asarray(temperature, dtype=logits.dtype, **namespace(logits)[1])


def astype(xp: Namespace, array: Array, dtype: Any) -> Array:
    """Return the array in a dtype; NumPy before 2.1 lacks the standard's function."""
    return array.astype(dtype) if xp is np else xp.astype(array, dtype)


def quiet(xp: Namespace) -> AbstractContextManager[object]:
    """Return a context without warnings of overflows and NaNs, which only NumPy gives."""
    return np.errstate(all="ignore") if xp is np else nullcontext()


def widest(xp: Namespace, place: dict[str, Any]) -> Any:
    """Return the widest float of a device, float64 or float32; `place` is from `namespace`."""
    floats = xp.__array_namespace_info__().dtypes(kind="real floating", **place)
    return floats.get("float64", floats["float32"])


def narrowed(xp: Namespace, values: Array, dtype: Any) -> Array:
    """Round values to a dtype, without a warning where they are beyond its range."""
    if values.dtype == dtype:
        return values
    if xp is np:
        with np.errstate(over="ignore"):
            return values.astype(dtype)
    largest = float(xp.finfo(dtype).max)
    values = xp.where(values < -largest, -math.inf, values)
    return xp.astype(xp.where(values > largest, math.inf, values), dtype)


def entries_last(xp: Namespace, array: Array, axes: tuple[int, ...]) -> Array:
    """Move `axes` to the end and make one axis of them."""
    kept = array.ndim - len(axes)
    moved = xp.moveaxis(array, axes, tuple(range(kept, array.ndim)))
    return xp.reshape(moved, (*moved.shape[:kept], math.prod(moved.shape[kept:])))


class _Rows(NamedTuple):
    """The entries of rows, and the values that the entries of a row have in common."""

    quotient: Array  # (z - max z) / T, 0 for entries that are not live or share equally
    live: Array  # which entries have a probability above 0
    exp_z: Array  # exp(quotient), 0 for entries that are not live
    maximum: Array  # for each row
    defined: Array  # which rows are not NaN by definition


def _rows(
    xp: Namespace,
    logits: Array,
    temperature: Array | float,
    where: Array | None,
    axes: tuple[int, ...],
    *,
    vanishing: bool = True,
) -> _Rows:
    """Return the entries of rows; those whose exp rounds to 0 are live only if `vanishing`."""
    largest, eps = float(xp.finfo(logits.dtype).max), float(xp.finfo(logits.dtype).eps)
    # A plain number needs no derivative.
    fixed = isinstance(temperature, float)
    t = temperature_like(xp, temperature, logits)
    z = logits if where is None else xp.where(where, logits, -math.inf)
    if not fixed or temperature > 1:
        # At T > 1 a difference may overflow although its quotient does not. Scaling by a power of
        # two prevents that without rounding. At T <= 1 the quotient overflows too, and small
        # logits must keep their bits.
        shrink = xp.where(t > 1, xp.full_like(t, 2.0**-10), 1.0)
        z, t = z * shrink, t * shrink
    # The result does not depend on the maximum, so neither does its derivative.
    maximum = xp.max(_constant(z), axis=axes, keepdims=True)
    defined = (maximum > -math.inf) & (t >= 0)
    ties = (maximum == math.inf) | (t == 0)
    uniform = t == math.inf
    computed = defined & ~ties & ~uniform
    top = xp.where(computed, maximum, 0.0)
    t = xp.where(computed, t, 1.0)
    divisor = _constant(t)
    # Entries have a finite quotient where z >= top - reach; none of these terms may overflow.
    reach = xp.where(divisor < 1, divisor, 1.0) * (largest * (1 - 2 * eps))
    reach = xp.where(divisor < 1, reach, largest)
    if not vanishing:
        # Their derivatives are 0 times a quotient divided by T, once or twice, which may overflow.
        near = xp.where(computed, divisor * VANISHING, largest)
        reach = xp.minimum(reach, near)
    threshold = xp.maximum(top, reach - largest) - reach
    # Rounding may give -inf, which would make entries of -inf live.
    threshold = xp.where(threshold > -largest, threshold, -largest)
    threshold = xp.where(ties, maximum, threshold)
    live = z >= xp.where(defined, threshold, math.nan)
    quotient = (xp.where(live & computed, z, top) - top) / divisor
    if not fixed:
        # t / divisor is 1. Its derivative by T gives -quotient / T, which is finite. That of z / T
        # would be -z / T**2, where either factor may overflow, and 0 * inf is NaN.
        quotient = quotient / (t / divisor)
    exp_z = xp.where(live, xp.exp(quotient), 0.0)
    return _Rows(quotient, live, exp_z, maximum, defined)


def _log_total(xp: Namespace, rows: _Rows, axes: tuple[int, ...]) -> Array:
    """Return the logarithm of the sum of exp_z.

    exp_z is 1 at the maximum. Those entries are counted, not summed: the sum of the others may be
    far below 1, and log1p takes it unrounded.
    """
    top = xp.astype(rows.live & (rows.quotient == 0), rows.exp_z.dtype)
    count = xp.sum(top, axis=axes, keepdims=True)
    rest = xp.sum(rows.exp_z - top, axis=axes, keepdims=True)
    value = xp.log1p(xp.where(rows.defined, count - 1 + rest, 0.0))
    return xp.where(rows.defined, value, math.nan)


def _constant(array: Array) -> Array:
    """Return the array as a constant for automatic differentiation."""
    if _is_jax(array):
        return sys.modules["jax"].lax.stop_gradient(array)
    return array.detach() if hasattr(array, "detach") else array


def _is_jax(array: Array) -> bool:
    return type(array).__module__.partition(".")[0] in {"jax", "jaxlib"}
