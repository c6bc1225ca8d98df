"""The definition: softmax with temperature, and its logarithm.

softmax(z, T)_i = exp(z_i / T) / sum_j exp(z_j / T), for T in [0, inf], both ends included.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from thermoscope.kernels import numpy as kernel

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, SupportsIndex

    from numpy.typing import ArrayLike, NDArray

    # Of the dtype of the logits, which NumPy's types can't say.
    Result = NDArray[Any]

__all__ = ["log_softmax", "softmax"]


def softmax(
    logits: ArrayLike,
    temperature: ArrayLike = 1.0,
    *,
    axis: SupportsIndex = -1,
    where: ArrayLike | None = None,
    out: Result | None = None,
) -> Result:
    """Softmax of logits at a temperature.

    ``exp(logits / temperature)``, divided by its sum along `axis`, without overflow for any
    input. Between T = 0, where the lanes that tie for the maximum share all weight, and T = inf,
    where all lanes share it equally, the temperature says how much the differences count.

    Parameters
    ----------
    logits : array_like
        Real numbers of any shape, in float16, bfloat16, float32 or float64; integers and bools
        count as float64. -inf is a lane without weight.
    temperature : array_like, optional
        A number in [0, inf], or an array of them that broadcasts against `logits` and has size
        1 along `axis`: for logits (B, V), a temperature (B, 1).
    axis : int, optional
        The axis whose lanes sum to 1.
    where : array_like of bool, optional
        A mask that broadcasts against `logits`. Lanes where it is False get exactly 0, whatever
        they hold, and count for nothing.
    out : ndarray, optional
        Where the result goes: of the result's shape and dtype. It may be `logits` itself.

    Returns
    -------
    ndarray
        Probabilities, of the dtype of `logits` and of the shape to which the arguments
        broadcast. A slice is NaN as a whole if an unmasked lane is NaN or if all of them are
        -inf; if its maximum is +inf, the +inf lanes share the weight; if all lanes are masked,
        it is all 0.

    Raises
    ------
    TypeError
        If `logits` or `temperature` are complex or are no numbers, or `where` is not of bools.
    ValueError
        If `temperature` is negative, NaN or of a shape that does not fit, if `axis` does not
        exist or is empty, or if `out` does not fit.

    See Also
    --------
    log_softmax : its logarithm, which keeps what softmax rounds to 0 or 1.

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
    return _along(kernel.softmax, logits, temperature, axis=axis, where=where, out=out)


def log_softmax(
    logits: ArrayLike,
    temperature: ArrayLike = 1.0,
    *,
    axis: SupportsIndex = -1,
    where: ArrayLike | None = None,
    out: Result | None = None,
) -> Result:
    """Logarithm of the softmax of logits at a temperature, in nats.

    More than the logarithm of `softmax`: a lane whose probability rounds to 0 keeps its
    logarithm, and a lane whose probability rounds to 1 keeps how much it lacks.

    Parameters
    ----------
    logits : array_like
        Real numbers of any shape, in float16, bfloat16, float32 or float64; integers and bools
        count as float64. -inf is a lane without weight.
    temperature : array_like, optional
        A number in [0, inf], or an array of them that broadcasts against `logits` and has size
        1 along `axis`: for logits (B, V), a temperature (B, 1).
    axis : int, optional
        The axis whose lanes sum to 1 in probability.
    where : array_like of bool, optional
        A mask that broadcasts against `logits`. Lanes where it is False get -inf, whatever they
        hold, and count for nothing.
    out : ndarray, optional
        Where the result goes: of the result's shape and dtype. It may be `logits` itself.

    Returns
    -------
    ndarray
        Log-probabilities, of the dtype of `logits` and of the shape to which the arguments
        broadcast; -inf where `softmax` is exactly 0 by definition, NaN where it is NaN.

    Raises
    ------
    TypeError
        If `logits` or `temperature` are complex or are no numbers, or `where` is not of bools.
    ValueError
        If `temperature` is negative, NaN or of a shape that does not fit, if `axis` does not
        exist or is empty, or if `out` does not fit.

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
    return _along(kernel.log_softmax, logits, temperature, axis=axis, where=where, out=out)


class Arguments(NamedTuple):
    """Arguments that were checked and broadcast against each other."""

    logits: NDArray[np.generic]
    temperature: NDArray[np.float64]
    where: NDArray[np.bool_] | None
    axis: int
    dtype: np.dtype[Any]


def check(
    logits: ArrayLike, temperature: ArrayLike, axis: SupportsIndex, where: ArrayLike | None
) -> Arguments:
    """Check the arguments that all functions of the definition share, and broadcast them.

    The temperature has the dimensions of the logits and size 1 along `axis`.
    """
    z = real("logits", logits)
    t = real("temperature", temperature).astype(np.float64)
    try:
        index = operator.index(axis)
    except TypeError:
        raise TypeError(f"axis must be an integer, got {axis!r}") from None
    if not -z.ndim <= index < z.ndim:
        raise ValueError(f"axis must be one of the axes of logits of shape {z.shape}, got {index}")
    index = index if index < 0 else index - z.ndim  # shapes broadcast from the right
    if z.shape[index] == 0:
        raise ValueError(f"logits must have at least one lane along axis {axis}, got {z.shape}")
    bad = ~(t >= 0)
    if bad.any():
        raise ValueError(f"temperature must be >= 0, got {t[bad][0]}")
    if -index <= t.ndim and t.shape[index] != 1:
        hint = ": use temperature[:, None]" if t.ndim == 1 and index == -1 else ""
        raise ValueError(
            f"temperature must have size 1 along axis {axis} of logits of shape {z.shape}, "
            f"got shape {t.shape}{hint}"
        )
    mask = None if where is None else np.asarray(where)
    if mask is not None and mask.dtype != np.bool_:
        raise TypeError(f"where must be an array of bool, got {mask.dtype}")
    try:
        shape = np.broadcast_shapes(z.shape, t.shape, () if mask is None else mask.shape)
    except ValueError:
        shapes = f"temperature {t.shape}" + ("" if mask is None else f" and where {mask.shape}")
        raise ValueError(
            f"temperature and where must broadcast against logits of shape {z.shape}, got {shapes}"
        ) from None
    single = list(shape)
    single[index] = 1
    return Arguments(
        np.broadcast_to(z, shape),
        np.broadcast_to(t, single),
        None if mask is None else np.broadcast_to(mask, shape),
        index,
        np.dtype(np.float64) if z.dtype.kind in "iub" else z.dtype,
    )


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


def _along(
    compute: Callable[..., None],
    logits: ArrayLike,
    temperature: ArrayLike,
    *,
    axis: SupportsIndex,
    where: ArrayLike | None,
    out: Result | None,
) -> Result:
    z, t, mask, index, dtype = check(logits, temperature, axis, where)
    if out is None:
        out = np.empty(z.shape, dtype)
    elif not isinstance(out, np.ndarray):
        raise TypeError(f"out must be a NumPy array, got {type(out).__name__}")
    elif out.shape != z.shape or out.dtype != dtype:
        raise ValueError(
            f"out must have shape {z.shape} and dtype {dtype}, got {out.shape} and {out.dtype}"
        )
    elif not out.flags.writeable:
        raise ValueError("out must be writeable, got a read-only array")
    else:
        # Each block is read before it is written, so only an exact overlap is safe.
        if np.may_share_memory(out, z) and not _same_place(out, z):
            z = z.copy()
        if np.may_share_memory(out, t):
            t = t.copy()
        if mask is not None and np.may_share_memory(out, mask):
            mask = mask.copy()
    compute(z, t, mask, index, out)
    return out


def _same_place(a: NDArray[np.generic], b: NDArray[np.generic]) -> bool:
    return a.__array_interface__["data"] == b.__array_interface__["data"] and a.strides == b.strides
