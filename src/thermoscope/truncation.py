"""Truncation: which lanes a sampler may draw, and in which order an engine decides it.

Seven rules give the kept lanes, as a mask that `softmax` takes as `where`: ``top_p(z, 0.9, t)``
are lanes, ``softmax(z, t, where=top_p(z, 0.9, t))`` their renormalised probabilities. Each rule
looks at the whole vocabulary, normalised in float64. `truncate` chains them as an engine does.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, SupportsIndex

import numpy as np
from numpy.typing import ArrayLike, NDArray

from thermoscope.arguments import check
from thermoscope.definition import log_softmax, softmax
from thermoscope.measures import entropy

Array = NDArray[np.float64]
Lanes = NDArray[np.bool_]
# Of logits and a temperature with the lanes last, the lanes that are left, and a parameter.
Step = Callable[..., Lanes]

__all__ = ["epsilon", "eta", "min_p", "top_k", "top_n_sigma", "top_p", "truncate", "typical_p"]


def top_k(
    logits: ArrayLike,
    k: int,
    temperature: ArrayLike = 1.0,
    *,
    axis: SupportsIndex = -1,
    where: ArrayLike | None = None,
) -> Lanes:
    """Keep the lanes of the k highest logits.

    Lanes that tie for the last place are all kept.

    Parameters
    ----------
    logits : array_like
        Real numbers of any shape; see `softmax`.
    k : int
        How many, at least 1. More than there are lanes keeps them all.
    temperature : array_like, optional
        As for `softmax`. It changes no order, so not the kept lanes either.
    axis : int, optional
        The axis whose lanes are the distribution.
    where : array_like of bool, optional
        A mask that broadcasts against `logits`: lanes where it is False do not exist.

    Returns
    -------
    ndarray of bool
        The kept lanes, of the shape to which the arguments broadcast. Lanes at -inf have no
        weight and are not kept. In a slice whose softmax is NaN all unmasked lanes are kept, so
        that it stays NaN.

    Raises
    ------
    TypeError
        If `k` is not an integer, or another argument is of the wrong kind; see `softmax`.
    ValueError
        If `k` is less than 1, or another argument has the wrong value or shape; see `softmax`.

    References
    ----------
    .. [1] A. Fan, M. Lewis and Y. Dauphin, "Hierarchical neural story generation",
       arXiv:1805.04833, section 5.4.

    Examples
    --------
    >>> import thermoscope as ts
    >>> ts.top_k([3.0, 1.0, 2.0, 1.0], 2)
    array([ True, False,  True, False])
    >>> ts.top_k([3.0, 1.0, 2.0, 1.0], 3)
    array([ True,  True,  True,  True])
    """
    return _kept(
        _top_k, _checked("k", k, "an integer >= 1"), logits, temperature, axis=axis, where=where
    )


def top_p(
    logits: ArrayLike,
    p: float,
    temperature: ArrayLike = 1.0,
    *,
    axis: SupportsIndex = -1,
    where: ArrayLike | None = None,
) -> Lanes:
    """Keep the nucleus: the most probable lanes that hold the mass p together.

    The smallest set of the highest probabilities whose sum is at least `p`: the lane that
    crosses `p` is kept, and so are the lanes that tie with it.

    Parameters
    ----------
    logits : array_like
        Real numbers of any shape; see `softmax`.
    p : float
        The mass, in [0, 1]: 0 keeps the top lane, 1 all.
    temperature : array_like, optional
        A number in [0, inf], or an array of them with size 1 along `axis`.
    axis : int, optional
        The axis whose lanes are the distribution.
    where : array_like of bool, optional
        A mask that broadcasts against `logits`: lanes where it is False do not exist.

    Returns
    -------
    ndarray of bool
        The kept lanes; see `top_k`.

    Raises
    ------
    TypeError
        If `p` is not a number, or another argument is of the wrong kind; see `softmax`.
    ValueError
        If `p` is not in [0, 1], or another argument has the wrong value or shape; see `softmax`.

    References
    ----------
    .. [1] A. Holtzman, J. Buys, L. Du, M. Forbes and Y. Choi, "The curious case of neural text
       degeneration", arXiv:1904.09751, section 3.1.

    Examples
    --------
    >>> import thermoscope as ts
    >>> ts.softmax([2.0, 1.0, 0.1]).round(2)
    array([0.66, 0.24, 0.1 ])
    >>> ts.top_p([2.0, 1.0, 0.1], 0.8)
    array([ True,  True, False])
    >>> ts.top_p([2.0, 1.0, 0.1], 0.8, 0.5)
    array([ True, False, False])
    """
    return _kept(_top_p, _checked("p", p, "in [0, 1]"), logits, temperature, axis=axis, where=where)


def min_p(
    logits: ArrayLike,
    p: float,
    temperature: ArrayLike = 1.0,
    *,
    axis: SupportsIndex = -1,
    where: ArrayLike | None = None,
) -> Lanes:
    """Keep the lanes at least p times as probable as the most probable one.

    Parameters
    ----------
    logits : array_like
        Real numbers of any shape; see `softmax`.
    p : float
        The ratio, in [0, 1]: 0 keeps all lanes, 1 those that tie for the maximum.
    temperature : array_like, optional
        A number in [0, inf], or an array of them with size 1 along `axis`.
    axis : int, optional
        The axis whose lanes are the distribution.
    where : array_like of bool, optional
        A mask that broadcasts against `logits`: lanes where it is False do not exist.

    Returns
    -------
    ndarray of bool
        The kept lanes; see `top_k`.

    Raises
    ------
    TypeError
        If `p` is not a number, or another argument is of the wrong kind; see `softmax`.
    ValueError
        If `p` is not in [0, 1], or another argument has the wrong value or shape; see `softmax`.

    References
    ----------
    .. [1] M. Nguyen, A. Baker, C. Neo, A. Roush, A. Kirsch and R. Shwartz-Ziv, "Turning up the
       heat: min-p sampling for creative and coherent LLM outputs", arXiv:2407.01082, section 3.

    Examples
    --------
    >>> import thermoscope as ts
    >>> ts.min_p([2.0, 1.0, 0.1], 0.2)
    array([ True,  True, False])
    >>> ts.min_p([2.0, 1.0, 0.1], 0.2, 2.0)
    array([ True,  True,  True])
    """
    return _kept(_min_p, _checked("p", p, "in [0, 1]"), logits, temperature, axis=axis, where=where)


def typical_p(
    logits: ArrayLike,
    p: float,
    temperature: ArrayLike = 1.0,
    *,
    axis: SupportsIndex = -1,
    where: ArrayLike | None = None,
) -> Lanes:
    """Keep the locally typical lanes: as surprising as the distribution is on average.

    Lanes are taken by the distance of their surprise, -log of their probability, from the
    entropy, the smallest first, until they hold the mass `p`. The lane that crosses `p` is kept
    and so are the lanes at its distance. The most probable lane may well be too predictable to
    be kept.

    Parameters
    ----------
    logits : array_like
        Real numbers of any shape; see `softmax`.
    p : float
        The mass, in [0, 1]: 0 keeps the most typical lane, 1 all.
    temperature : array_like, optional
        A number in [0, inf], or an array of them with size 1 along `axis`.
    axis : int, optional
        The axis whose lanes are the distribution.
    where : array_like of bool, optional
        A mask that broadcasts against `logits`: lanes where it is False do not exist.

    Returns
    -------
    ndarray of bool
        The kept lanes; see `top_k`.

    Raises
    ------
    TypeError
        If `p` is not a number, or another argument is of the wrong kind; see `softmax`.
    ValueError
        If `p` is not in [0, 1], or another argument has the wrong value or shape; see `softmax`.

    References
    ----------
    .. [1] C. Meister, T. Pimentel, G. Wiher and R. Cotterell, "Locally typical sampling",
       arXiv:2202.00666, section 4.

    Examples
    --------
    >>> import numpy as np
    >>> import thermoscope as ts
    >>> ts.typical_p(np.log([0.5, 0.25, 0.125, 0.125]), 0.2)
    array([False,  True, False, False])
    """
    return _kept(
        _typical_p, _checked("p", p, "in [0, 1]"), logits, temperature, axis=axis, where=where
    )


def epsilon(
    logits: ArrayLike,
    cutoff: float,
    temperature: ArrayLike = 1.0,
    *,
    axis: SupportsIndex = -1,
    where: ArrayLike | None = None,
) -> Lanes:
    """Keep the lanes whose probability is at least a cutoff.

    Lanes that tie for the maximum are kept, whatever their probability.

    Parameters
    ----------
    logits : array_like
        Real numbers of any shape; see `softmax`.
    cutoff : float
        The least probability, in [0, 1].
    temperature : array_like, optional
        A number in [0, inf], or an array of them with size 1 along `axis`.
    axis : int, optional
        The axis whose lanes are the distribution.
    where : array_like of bool, optional
        A mask that broadcasts against `logits`: lanes where it is False do not exist.

    Returns
    -------
    ndarray of bool
        The kept lanes; see `top_k`.

    Raises
    ------
    TypeError
        If `cutoff` is not a number, or another argument is of the wrong kind; see `softmax`.
    ValueError
        If `cutoff` is not in [0, 1], or another argument has the wrong value or shape; see
        `softmax`.

    See Also
    --------
    eta : the cutoff follows the entropy.

    References
    ----------
    .. [1] J. Hewitt, C. D. Manning and P. Liang, "Truncation sampling as language model
       desmoothing", arXiv:2210.15191, section 4.2.

    Examples
    --------
    >>> import thermoscope as ts
    >>> ts.epsilon([2.0, 1.0, 0.1], 0.1)
    array([ True,  True, False])
    """
    cutoff = _checked("cutoff", cutoff, "in [0, 1]")
    return _kept(_epsilon, cutoff, logits, temperature, axis=axis, where=where)


def eta(
    logits: ArrayLike,
    cutoff: float,
    temperature: ArrayLike = 1.0,
    *,
    axis: SupportsIndex = -1,
    where: ArrayLike | None = None,
) -> Lanes:
    """Keep the lanes whose probability is at least a cutoff that falls with the entropy.

    The least probability is ``min(cutoff, sqrt(cutoff) * exp(-entropy))``: a flat distribution
    has many good lanes, each of them improbable. Lanes that tie for the maximum are kept.

    Parameters
    ----------
    logits : array_like
        Real numbers of any shape; see `softmax`.
    cutoff : float
        The least probability where the entropy is low, in [0, 1].
    temperature : array_like, optional
        A number in [0, inf], or an array of them with size 1 along `axis`.
    axis : int, optional
        The axis whose lanes are the distribution.
    where : array_like of bool, optional
        A mask that broadcasts against `logits`: lanes where it is False do not exist.

    Returns
    -------
    ndarray of bool
        The kept lanes; see `top_k`.

    Raises
    ------
    TypeError
        If `cutoff` is not a number, or another argument is of the wrong kind; see `softmax`.
    ValueError
        If `cutoff` is not in [0, 1], or another argument has the wrong value or shape; see
        `softmax`.

    See Also
    --------
    epsilon : the cutoff is what it is.

    References
    ----------
    .. [1] J. Hewitt, C. D. Manning and P. Liang, "Truncation sampling as language model
       desmoothing", arXiv:2210.15191, section 4.3, with alpha = sqrt(epsilon).

    Examples
    --------
    >>> import thermoscope as ts
    >>> ts.eta([2.0, 1.0, 0.1], 0.1)
    array([ True,  True, False])
    >>> ts.eta([2.0, 1.0, 0.1], 0.05)
    array([ True,  True,  True])
    """
    cutoff = _checked("cutoff", cutoff, "in [0, 1]")
    return _kept(_eta, cutoff, logits, temperature, axis=axis, where=where)


def top_n_sigma(
    logits: ArrayLike,
    n: float,
    temperature: ArrayLike = 1.0,
    *,
    axis: SupportsIndex = -1,
    where: ArrayLike | None = None,
) -> Lanes:
    """Keep the lanes whose logit is within n standard deviations of the highest.

    The standard deviation is that of the finite logits, over their number. If lanes are at +inf,
    they are the kept ones.

    Parameters
    ----------
    logits : array_like
        Real numbers of any shape; see `softmax`.
    n : float
        How many standard deviations, finite and at least 0.
    temperature : array_like, optional
        As for `softmax`. It scales logits and standard deviation alike, so it does not change
        the kept lanes.
    axis : int, optional
        The axis whose lanes are the distribution.
    where : array_like of bool, optional
        A mask that broadcasts against `logits`: lanes where it is False do not exist.

    Returns
    -------
    ndarray of bool
        The kept lanes; see `top_k`.

    Raises
    ------
    TypeError
        If `n` is not a number, or another argument is of the wrong kind; see `softmax`.
    ValueError
        If `n` is negative or not finite, or another argument has the wrong value or shape; see
        `softmax`.

    References
    ----------
    .. [1] C. Tang, J. Liu, H. Xu and L. Huang, "Top-n sigma: not all logits are you need",
       arXiv:2411.07641, section 3.

    Examples
    --------
    >>> import thermoscope as ts
    >>> ts.top_n_sigma([5.0, 4.0, 0.0, 0.0, 0.0, 0.0], 1)
    array([ True,  True, False, False, False, False])
    """
    n = _checked("n", n, "finite and >= 0")
    return _kept(_top_n_sigma, n, logits, temperature, axis=axis, where=where)


def truncate(
    logits: ArrayLike,
    temperature: ArrayLike = 1.0,
    *,
    top_k: int | None = None,
    top_p: float | None = None,
    min_p: float | None = None,
    typical_p: float | None = None,
    epsilon: float | None = None,
    eta: float | None = None,
    top_n_sigma: float | None = None,
    axis: SupportsIndex = -1,
    where: ArrayLike | None = None,
    engine: str = "huggingface",
) -> NDArray[Any]:
    """Truncate a distribution in the order and with the edge rules of an engine.

    Parameters
    ----------
    logits : array_like
        Real numbers of any shape; see `softmax`.
    temperature : array_like, optional
        A number in [0, inf], or an array of them with size 1 along `axis`. At 0 all weight is on
        one lane, the first of those that tie for the maximum, as engines then decode greedily.
    top_k : int, optional
        How many lanes; 0 for all.
    top_p : float, optional
        The mass of the nucleus, 1 for all lanes.
    min_p : float, optional
        The least ratio to the highest probability, 0 for all lanes.
    typical_p : float, optional
        The mass of the typical lanes, 1 for all.
    epsilon : float, optional
        The least probability, 0 for all lanes.
    eta : float, optional
        The least probability where the entropy is low, 0 for all lanes.
    top_n_sigma : float, optional
        The distance from the highest logit in standard deviations; 0 or less for all lanes.
    axis : int, optional
        The axis whose lanes sum to 1.
    where : array_like of bool, optional
        A mask that broadcasts against `logits`: lanes where it is False do not exist.
    engine : {"huggingface", "vllm", "llama.cpp", "ollama"}, optional
        Whose rules; see Notes.

    Returns
    -------
    ndarray
        Probabilities, of the dtype of `logits`; exactly 0 in the lanes that are not kept. Slices
        without a distribution are what `softmax` makes of them.

    Raises
    ------
    TypeError
        If an argument is of the wrong kind; see `softmax`.
    ValueError
        If the engine is not known, or does not have an option or a value of it, or another
        argument has the wrong value or shape; see `softmax`.

    See Also
    --------
    softmax : with ``where=top_p(logits, p, temperature)``, a rule by itself.

    Notes
    -----
    Each step sees the lanes that the steps before it left, renormalised.

    ===========  ==================================================  ===========================
    engine       order                                               takes
    ===========  ==================================================  ===========================
    huggingface  temperature, top_k, top_p, min_p, typical_p,        top_k >= 0,
                 epsilon, eta                                        typical_p > 0, epsilon < 1,
                                                                     eta < 1
    vllm         temperature, min_p, top_k, top_p                    top_k >= -1, top_p > 0
    llama.cpp    top_n_sigma, top_k, typical_p, top_p, min_p,        top_k of any sign
                 temperature
    ollama       top_k, temperature, top_p, min_p                    top_k of any sign
    ===========  ==================================================  ===========================

    ===========  =================  =====================  ==================  ================
    engine       ties at the last   top_p ends at the      typical_p ends at   a T above 0 is
                 place of top_k     first lane where       the first where     at least
    ===========  =================  =====================  ==================  ================
    huggingface  all stay           the sum is >= p        the sum is >= p
    vllm         all stay           the sum is >= p                            0.01
    llama.cpp    k stay             the sum is >= p        the sum is > p
    ollama       k stay             the sum is > p                             1e-7
    ===========  =================  =====================  ==================  ================

    - The lane at which a sum ends is kept. Of lanes that tie with it, top_p keeps no more than it
      needs; typical_p neither in llama.cpp, but all of them in huggingface. Which ones of the
      tied lanes stay, the engines leave to a sort that is not stable, or to a heap: here the
      first ones stay.
    - At T = 0 huggingface (there: ``do_sample=False``), vllm and ollama take the first lane of
      the maximum and do not truncate. llama.cpp truncates first, so typical_p may have taken the
      maximum away.
    - In llama.cpp the temperature is last: the steps before it see T = 1, so it has no say in
      which lanes are kept.
    - The engines work in float32; here all is decided in float64. Where a sum comes within
      rounding of p they may keep one lane more or less.

    Sources: huggingface is transformers 5.23.0, ``generation/logits_process.py`` and
    ``_get_logits_processor`` in ``generation/utils.py``. vllm is ``vllm/v1/sample/sampler.py``
    (at 3e342658), ``ops/topk_topp_sampler.py`` beside it (at 01fa3fe7; the PyTorch path),
    ``logits_processor/builtin.py`` (at 0272a72c) and ``vllm/sampling_params.py`` (at db573835).
    llama.cpp is ``src/llama-sampling.cpp`` with the default chain of ``common/common.h`` (at
    ec98e2002; the same in ``src/llama-sampler.cpp`` at 6f7f63ee), with ``min_keep`` at its
    default of 0 and without dynamic temperature. ollama is ``sample/samplers.go`` and
    ``sample/transforms.go`` of v0.24.0. Since v0.30.0 ollama hands GGUF models to llama.cpp's
    server: for those, ask for "llama.cpp". Its runner for MLX models, ``x/mlxrunner/sample``, keeps
    this order, but ends top_p at a sum >= p and takes a top_p of 0 for 1.

    Examples
    --------
    >>> import thermoscope as ts
    >>> ts.truncate([2.0, 1.0, 0.1, -1.0], top_k=3, top_p=0.8).round(3)
    array([0.731, 0.269, 0.   , 0.   ])

    The order matters: with the temperature last, it does not change which lanes are kept.

    >>> ts.truncate([2.0, 1.0, 0.1, -1.0], 5.0, top_p=0.8).round(3)
    array([0.4  , 0.327, 0.273, 0.   ])
    >>> ts.truncate([2.0, 1.0, 0.1, -1.0], 5.0, top_p=0.8, engine="llama.cpp").round(3)
    array([0.55, 0.45, 0.  , 0.  ])
    """
    given = {
        "top_k": top_k,
        "top_p": top_p,
        "min_p": min_p,
        "typical_p": typical_p,
        "epsilon": epsilon,
        "eta": eta,
        "top_n_sigma": top_n_sigma,
    }
    if engine not in _ENGINES:
        known = ", ".join(map(repr, _ENGINES))
        raise ValueError(f"engine must be one of {known}, got {engine!r}")
    rules = _ENGINES[engine]
    values = {}
    for name, value in given.items():
        if value is None:
            continue
        if name not in rules.options:
            takes = ", ".join(rules.options)
            raise ValueError(f"engine {engine!r} has no {name}, it takes {takes}")
        values[name] = _checked(name, value, rules.options[name].takes, f" in engine {engine!r}")
    slices = _slices(logits, temperature, axis, where)
    t = slices.temperature
    t = np.where((t > 0) & (t < rules.lowest), rules.lowest, t)
    seen = np.ones(1) if rules.temperature_last else t
    z, kept = slices.logits, slices.lanes
    places = np.broadcast_to(np.arange(z.shape[-1]), z.shape)
    for name, option in rules.options.items():
        # 0 turns all off but the two masses, of which 1 keeps all.
        if name not in values or (values[name] <= 0 and name not in {"top_p", "typical_p"}):
            continue
        kept = option.step(z, seen, kept, values[name])
        most = np.count_nonzero(kept, axis=-1).max(initial=1)
        if most <= z.shape[-1] // 2:
            # The lanes that are left move up, in their order: the next step reads few.
            order = np.argsort(~kept, axis=-1, kind="stable")[..., :most]
            z = np.take_along_axis(z, order, axis=-1)
            kept = np.take_along_axis(kept, order, axis=-1)
            places = np.take_along_axis(places, order, axis=-1)
    left: Lanes = np.zeros(slices.lanes.shape, np.bool_)
    np.put_along_axis(left, places, kept, axis=-1)
    # With the temperature first, no step at T = 0 takes this lane away.
    top = np.where(left, slices.logits, -np.inf).argmax(axis=-1, keepdims=True)
    left = np.where(t == 0, np.arange(left.shape[-1]) == top, left)
    return np.moveaxis(softmax(slices.given, t, where=slices.restored(left)), -1, slices.axis)


class _Option(NamedTuple):
    step: Step
    takes: str


class _Engine(NamedTuple):
    """An engine's options, in the order in which it applies them."""

    options: dict[str, _Option]
    temperature_last: bool = False
    # The lowest temperature but 0; one between counts as this one.
    lowest: float = 0.0


class _Slices(NamedTuple):
    """Checked arguments with the lanes on the last axis."""

    given: NDArray[np.generic]
    # In float64, and -inf where there is no lane: never NaN.
    logits: Array
    temperature: Array
    # The lanes to choose from: not masked, not at -inf.
    lanes: Lanes
    mask: Lanes
    # The slices that have a distribution; of the others all that is not masked is kept.
    regular: Lanes
    axis: int

    def restored(self, kept: Lanes) -> Lanes:
        return np.where(self.regular, kept, self.mask)


def _slices(
    logits: ArrayLike, temperature: ArrayLike, axis: SupportsIndex, where: ArrayLike | None
) -> _Slices:
    arguments = check(logits, temperature, axis, where)
    given = np.moveaxis(arguments.logits, arguments.axis, -1)
    z = given.astype(np.float64)
    mask = np.ones(z.shape, np.bool_)
    if arguments.where is not None:
        mask = np.moveaxis(arguments.where, arguments.axis, -1)
    lanes = mask & (z > -np.inf)
    some = np.count_nonzero(lanes, axis=-1, keepdims=True) > 0
    # Of a NaN and a number, the maximum is NaN.
    regular = some & ~np.isnan(np.max(z, axis=-1, keepdims=True, where=mask, initial=-np.inf))
    return _Slices(
        given,
        np.where(lanes, z, -np.inf),
        np.moveaxis(arguments.temperature, arguments.axis, -1),
        lanes,
        mask,
        regular,
        arguments.axis,
    )


def _kept(
    step: Step,
    value: float,
    logits: ArrayLike,
    temperature: ArrayLike,
    *,
    axis: SupportsIndex,
    where: ArrayLike | None,
) -> Lanes:
    slices = _slices(logits, temperature, axis, where)
    kept = step(slices.logits, slices.temperature, slices.lanes, value)
    return np.moveaxis(slices.restored(kept), -1, slices.axis)


_TAKES: dict[str, Callable[[float], bool]] = {
    "an integer": lambda _: True,
    "an integer >= -1": lambda value: value >= -1,
    "an integer >= 0": lambda value: value >= 0,
    "an integer >= 1": lambda value: value >= 1,
    "finite": math.isfinite,
    "finite and >= 0": lambda value: 0 <= value < math.inf,
    "in [0, 1)": lambda value: 0 <= value < 1,
    "in [0, 1]": lambda value: 0 <= value <= 1,
    "in (0, 1]": lambda value: 0 < value <= 1,
}


def _checked(name: str, value: float, takes: str, of: str = "") -> Any:  # noqa: ANN401 - int or float
    integer = takes.startswith("an integer")
    if not isinstance(value, numbers.Integral if integer else numbers.Real):
        kind = "an integer" if integer else "a number"
        raise TypeError(f"{name} must be {kind}, got {value!r}")
    if not _TAKES[takes](value):
        raise ValueError(f"{name} must be {takes}{of}, got {value}")
    return int(value) if integer else float(value)


def _top_k(z: Array, _: Array, kept: Lanes, k: int, *, whole: bool = True) -> Lanes:
    place = z.shape[-1] - k
    if place <= 0:
        return kept
    rank = np.where(kept, z, -np.inf)
    last = np.partition(rank, place, axis=-1)[..., place, None]
    return kept & _down_to(rank, last, k, whole=whole)


def _top_p(
    z: Array, t: Array, kept: Lanes, p: float, *, whole: bool = True, beyond: bool = False
) -> Lanes:
    if p == 1:
        return kept
    rank = np.where(kept, z, -np.inf)
    falling = np.sort(rank, axis=-1)[..., ::-1]
    count = _until(softmax(falling, t), p, beyond=beyond)
    last = np.take_along_axis(falling, count - 1, axis=-1)
    return kept & _down_to(rank, last, count, whole=whole)


def _typical_p(
    z: Array, t: Array, kept: Lanes, p: float, *, whole: bool = True, beyond: bool = False
) -> Lanes:
    if p == 1:
        return kept
    surprise = -log_softmax(z, t, where=kept)
    rank = -np.abs(surprise - entropy(z, t, where=kept)[..., None])
    order = np.argsort(-rank, axis=-1, kind="stable")
    weights = np.take_along_axis(softmax(z, t, where=kept), order, axis=-1)
    count = _until(weights, p, beyond=beyond)
    last = np.take_along_axis(rank, np.take_along_axis(order, count - 1, axis=-1), axis=-1)
    return kept & _down_to(rank, last, count, whole=whole)


def _until(weights: Array, p: float, *, beyond: bool) -> NDArray[np.intp]:
    """Count the lanes up to the one at which the sum reaches p, or is beyond it."""
    total = np.cumsum(weights[..., :-1], axis=-1)
    before = total <= p if beyond else total < p
    return 1 + np.count_nonzero(before, axis=-1, keepdims=True)


def _down_to(rank: Array, last: Array, count: int | NDArray[np.intp], *, whole: bool) -> Lanes:
    """Keep the lanes above `last` and those that tie with it: all, or up to a count of lanes."""
    if whole:
        return rank >= last
    above, tied = rank > last, rank == last
    room = count - np.count_nonzero(above, axis=-1, keepdims=True)
    result: Lanes = above | (tied & (np.cumsum(tied, axis=-1) <= room))
    return result


def _min_p(z: Array, t: Array, kept: Lanes, p: float) -> Lanes:
    weights: Array = softmax(z, t, where=kept)
    likely: Lanes = weights >= p * weights.max(axis=-1, keepdims=True)
    return kept & likely


def _epsilon(z: Array, t: Array, kept: Lanes, cutoff: float | Array) -> Lanes:
    weights: Array = softmax(z, t, where=kept)
    top: Array = z.max(axis=-1, keepdims=True, where=kept, initial=-np.inf)
    likely: Lanes = (weights >= cutoff) | (z == top)
    return kept & likely


def _eta(z: Array, t: Array, kept: Lanes, cutoff: float) -> Lanes:
    nats = entropy(z, t, where=kept)[..., None]
    return _epsilon(z, t, kept, np.minimum(cutoff, math.sqrt(cutoff) * np.exp(-nats)))


def _top_n_sigma(z: Array, _: Array, kept: Lanes, n: float) -> Lanes:
    infinite = kept & (z == np.inf)
    finite = kept & ~infinite
    size = np.abs(z).max(axis=-1, keepdims=True, where=finite, initial=0.0)
    # By a power of two nothing is rounded, and the sum of squares can't overflow.
    scaled = np.ldexp(np.where(finite, z, 0.0), -np.frexp(size)[1])
    count = np.maximum(np.count_nonzero(finite, axis=-1, keepdims=True), 1)
    mean = scaled.sum(axis=-1, keepdims=True) / count
    square = np.where(finite, (scaled - mean) ** 2, 0.0)
    sigma = np.sqrt(square.sum(axis=-1, keepdims=True) / count)
    top: Array = scaled.max(axis=-1, keepdims=True, where=finite, initial=-np.inf)
    near: Lanes = finite & (scaled >= top - n * sigma)
    return np.where(z.max(axis=-1, keepdims=True) == np.inf, infinite, near)


_ENGINES = {
    "huggingface": _Engine(
        {
            "top_k": _Option(_top_k, "an integer >= 0"),
            "top_p": _Option(partial(_top_p, whole=False), "in [0, 1]"),
            "min_p": _Option(_min_p, "in [0, 1]"),
            "typical_p": _Option(_typical_p, "in (0, 1]"),
            "epsilon": _Option(_epsilon, "in [0, 1)"),
            "eta": _Option(_eta, "in [0, 1)"),
        }
    ),
    "vllm": _Engine(
        {
            "min_p": _Option(_min_p, "in [0, 1]"),
            "top_k": _Option(_top_k, "an integer >= -1"),
            "top_p": _Option(partial(_top_p, whole=False), "in (0, 1]"),
        },
        lowest=0.01,
    ),
    "llama.cpp": _Engine(
        {
            "top_n_sigma": _Option(_top_n_sigma, "finite"),
            "top_k": _Option(partial(_top_k, whole=False), "an integer"),
            "typical_p": _Option(partial(_typical_p, whole=False, beyond=True), "in [0, 1]"),
            "top_p": _Option(partial(_top_p, whole=False), "in [0, 1]"),
            "min_p": _Option(_min_p, "in [0, 1]"),
        },
        temperature_last=True,
    ),
    "ollama": _Engine(
        {
            "top_k": _Option(partial(_top_k, whole=False), "an integer"),
            "top_p": _Option(partial(_top_p, whole=False, beyond=True), "in [0, 1]"),
            "min_p": _Option(_min_p, "in [0, 1]"),
        },
        lowest=1e-7,
    ),
}
