"""The definition: softmax with temperature, and its logarithm.

softmax(z, T)_i = exp(z_i / T) / sum_j exp(z_j / T), for T in [0, inf], both ends included.
"""

from __future__ import annotations

from typing import overload

import numpy as np
from numpy.typing import ArrayLike

from thermoscope import arguments, kernels
from thermoscope.arguments import Axis, Result
from thermoscope.kernels import array_api, fast_log_softmax, fast_softmax, memory
from thermoscope.reported import Interval, Reported

__all__ = ["log_softmax", "softmax"]


@overload
def softmax(
    logits: ArrayLike,
    temperature: ArrayLike = 1.0,
    *,
    axis: Axis = -1,
    where: ArrayLike | None = None,
    out: Result | None = None,
) -> Result: ...
@overload
def softmax(logits: Reported, temperature: float = 1.0) -> Interval: ...
def softmax(
    logits: ArrayLike | Reported,
    temperature: ArrayLike = 1.0,
    *,
    axis: Axis = -1,
    where: ArrayLike | None = None,
    out: Result | None = None,
) -> Result | Interval:
    """Softmax of logits at a temperature.

    ``exp(logits / temperature)``, divided by its sum along `axis`, without overflow for any
    input. The entries along `axis` that sum to 1 together are a row. At T = 0 the entries that
    tie for the maximum of their row share equally, at T = inf all entries do; in between, the
    temperature says how much the differences count.

    Parameters
    ----------
    logits : array_like, an array of PyTorch, JAX, CuPy, Dask or another such library, or Reported
        Real numbers of any shape, in float16, bfloat16, float32 or float64; integers and bools
        count as float64. -inf is an entry of probability 0. A `Reported` distribution takes one
        temperature.
    temperature : array_like, optional
        A number in [0, inf], or an array of them that broadcasts against `logits` and has size
        1 along `axis`: for logits (B, V), a temperature (B, 1). Any kind of real number: it is
        rounded to float64, and counts as inf beyond that.
    axis : int, tuple of int or None, optional
        The axis of the rows; several axes whose entries are one row; or None for all axes.
    where : array_like of bool, optional
        A mask that broadcasts against `logits`. Entries where it is False get exactly 0, whatever
        they hold, and count for nothing.
    out : ndarray, optional
        The array for the result, of its shape and dtype. It may be `logits` itself. For NumPy
        only.

    Returns
    -------
    ndarray, or an array of the library of the arguments
        Probabilities, of the dtype of `logits` and of the shape to which the arguments
        broadcast. A row is NaN as a whole if an unmasked entry is NaN or if all of them are
        -inf; if its maximum is +inf, the +inf entries share equally; if every entry is masked,
        it is all 0. Of a `Reported` distribution, an `Interval` of the least and the greatest
        probabilities.

    Raises
    ------
    TypeError
        If `logits` or `temperature` are complex or not numbers, if an array is masked or a
        matrix, if `where` is not of bools, or if the arrays are of two libraries besides NumPy.
    ValueError
        If `temperature` is negative, NaN or of a shape that does not fit, if `axis` does not
        exist, repeats or is empty, or if `out` does not fit.

    See Also
    --------
    log_softmax : its logarithm, which keeps what softmax rounds to 0 or 1.
    ArgumentError : what is raised; it has the name of the argument.

    Notes
    -----
    NumPy arrays and numbers can be mixed with arrays of one other library; the result is of that
    library, on its device. There, float64 and float32 are computed as they are, and narrower
    floats in float32, as is everything on a device without float64. Derivatives by `logits` and
    `temperature` follow the formula wherever nothing is infinite. Masked entries and entries of
    -inf have derivative 0, and rows that are counted or NaN (T = 0, T = inf, a maximum of +inf)
    are constant. Second derivatives of `log_softmax` are NaN or infinite where T squared is below
    the smallest number of the dtype (T < 1e-19 in float32, 1e-154 in float64).

    A temperature whose values can't be read (JAX under ``jit``, Dask, PyTorch's ``vmap`` and
    ``torch.compile``, a device other than the CPU, which would have to be waited for) raises no
    error: where it is negative or NaN, the row is NaN. JAX counts numbers below the smallest
    normal one as 0, here too. ``torch.compile(fullgraph=True)`` traces `softmax`,
    `log_softmax` and the measures.

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


@overload
def log_softmax(
    logits: ArrayLike,
    temperature: ArrayLike = 1.0,
    *,
    axis: Axis = -1,
    where: ArrayLike | None = None,
    out: Result | None = None,
) -> Result: ...
@overload
def log_softmax(logits: Reported, temperature: float = 1.0) -> Interval: ...
def log_softmax(
    logits: ArrayLike | Reported,
    temperature: ArrayLike = 1.0,
    *,
    axis: Axis = -1,
    where: ArrayLike | None = None,
    out: Result | None = None,
) -> Result | Interval:
    """Logarithm of the softmax of logits at a temperature, in nats.

    More than the logarithm of `softmax`: an entry whose probability rounds to 0 keeps its
    logarithm, and an entry whose probability rounds to 1 keeps how much it lacks.

    Parameters
    ----------
    logits, temperature, axis, where, out
        As for `softmax`.

    Returns
    -------
    ndarray, or an array of the library of the arguments
        Log-probabilities, of the dtype and shape of `softmax`: -inf where that is exactly 0 by
        definition (masked entries too), NaN where it is NaN.

    Raises
    ------
    TypeError, ValueError
        As for `softmax`.

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


def _general(
    function: str,
    logits: ArrayLike | Reported,
    temperature: ArrayLike,
    *,
    axis: Axis,
    where: ArrayLike | None,
    out: Result | None,
) -> Result | Interval:
    """Compute a function of the kernels on any arguments."""
    if isinstance(logits, Reported):
        arguments.refuse_for_reported(axis=axis, where=where, out=out)
        return (
            logits.softmax(temperature)
            if function == "softmax"
            else logits.log_softmax(temperature)
        )
    if array_api.foreign(logits, temperature, where):
        if out is not None:
            problem = "must be None where an argument is of another library than NumPy"
            raise arguments.ArgumentTypeError("out", problem)
        xp, z, t, mask, axes, dtype = arguments.check_any(logits, temperature, axis, where)
        value = getattr(array_api, function)(xp, z, t, mask, axes)
        result: Result = array_api.narrowed(xp, value, dtype)
        return result
    z, t, mask, index, dtype, shape, axes = arguments.check(logits, temperature, axis, where)
    compute = getattr(kernels.choose(), function)
    if out is not None:
        arguments.destination(out, shape, dtype)
    if len(axes) != 1:
        flat = np.empty(z.shape, dtype)
        compute(z, t, mask, index, flat)
        value = flat.reshape((*z.shape[:-1], *(shape[k] for k in axes)))
        value = np.moveaxis(value, range(-len(axes), 0), axes)
        if out is None:
            # Of a plain number NumPy's functions give a scalar.
            return np.ascontiguousarray(value) if shape else value[()]
        out[...] = value
        return out
    if out is None:
        out = memory.empty(shape, dtype)
    else:
        # Each block is read before it is written, so only an exact overlap is safe.
        if not _same_place(z, out):
            z = _apart(z, out)
        t = _apart(t, out)
        mask = None if mask is None else _apart(mask, out)
    compute(z, t, mask, index, out)
    return out


def _same_place(a: Result, b: Result) -> bool:
    place, other = a.__array_interface__["data"], b.__array_interface__["data"]
    return a is b or (place == other and a.strides == b.strides)


def _apart(argument: Result, out: Result) -> Result:
    """Return an argument that writing to `out` leaves as it is."""
    return argument.copy() if np.may_share_memory(out, argument) else argument
