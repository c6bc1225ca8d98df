"""Truncation: which entries a sampler may draw, by seven rules and in the order of an engine."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, SupportsIndex

import numpy as np
from numpy.typing import ArrayLike, NDArray

from thermoscope import kernels
from thermoscope.arguments import ArgumentError, ArgumentTypeError, check, number_in, whole
from thermoscope.definition import softmax
from thermoscope.truncation.engines import ENGINES, PAPERS, Engine, Ties, engines
from thermoscope.truncation.rules import RULES

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

__all__ = ["engines", "keep", "truncate"]


def keep(
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
    engine: str | None = None,
    order: Sequence[str] | None = None,
    ties: Ties | None = None,
    axis: SupportsIndex = -1,
    where: ArrayLike | None = None,
) -> Mask:
    """Tell which entries a sampler keeps, as a mask that `softmax` takes as `where`.

    Each rule that is given is a step. A step sees the entries that the steps before it kept,
    renormalised in float64.

    Parameters
    ----------
    logits : array_like
        Real numbers of any shape; see `softmax`.
    temperature : array_like, optional
        A number in [0, inf], or an array of them with size 1 along `axis`.
    top_k : int, optional
        Keep the k highest logits [1]_, k >= 1.
    top_p : float, optional
        Keep the nucleus [2]_: the fewest of the most probable entries whose probabilities sum to
        at least p, in [0, 1]. 0 keeps the top entry, 1 all.
    min_p : float, optional
        Keep entries at least p times as probable as the most probable one [3]_, p in [0, 1].
    typical_p : float, optional
        Keep the locally typical entries [4]_: those whose surprisal is nearest to the entropy,
        the nearest first, until they sum to at least p, in [0, 1]. The most probable entry may be
        too predictable to be kept.
    epsilon : float, optional
        Keep probabilities of at least this cutoff [5]_, in [0, 1].
    eta : float, optional
        Keep probabilities of at least ``min(eta, sqrt(eta) * exp(-entropy))`` [5]_, in [0, 1]:
        the flatter a row is, the lower is the cutoff.
    top_n_sigma : float, optional
        Keep logits within n standard deviations of the highest [6]_, n >= 0 and finite. The
        standard deviation is that of the finite logits, over their number.
    engine : str, optional
        Whose order and edge rules: "transformers", "vllm", "sglang", "mlx-lm", "llama.cpp",
        "ollama" (of 0.30 and later, where it runs llama.cpp) or "ollama<0.30"; `engines` shows
        them. Without an engine the temperature is first, then come the steps in the order of
        these parameters, with the edge rules of Notes.
    order : sequence of str, optional
        The steps in the order in which they are done, each by the name of its parameter, with
        "temperature" among them: steps before it see T = 1. The edge rules stay those of the
        engine, but that SGLang's are one after another then. The temperature may be left out
        where it is 1.
    ties : {"all", "k"}, optional
        Of the entries that tie for the last place of `top_k`, keep all or as many as make k. The
        default is what the engine does, and "all" without one. vLLM does either: "all" in its
        PyTorch code, the default here, and "k" in its Triton kernel for GPUs.
    axis : int, optional
        The axis of the rows.
    where : array_like of bool, optional
        A mask that broadcasts against `logits`: entries where it is False do not exist.

    Returns
    -------
    ndarray of bool
        The kept entries, of the shape to which the arguments broadcast. Entries at -inf are not
        kept. In a row whose softmax is NaN all unmasked entries are kept, so that it stays NaN.

    Raises
    ------
    ArgumentError
        If an argument has a wrong value, shape or type; if the engine is not known, or does not
        have a step or a value of it; if `order` names a step that has no parameter, or not a step
        that has one.

    See Also
    --------
    truncate : the probabilities of the kept entries.
    engines : the orders, edge rules and defaults of the engines.

    Notes
    -----
    Without an engine, entries that tie for the last place of a rule are all kept. So are those
    that tie for the maximum, whatever `epsilon` and `eta` say.

    The reference kernel always decides, so the same entries are kept with and without the native
    kernel, whose probabilities may differ from its own in the last bit.

    What all engines share:

    - The entry at which a sum ends is kept.
    - Which of the tied entries stay where only some do, the engines leave to a sort that is not
      stable, or to a heap: here the first ones stay.
    - At T = 0 they take the first entry of the maximum. Steps before the temperature see T = 1,
      so typical_p of llama.cpp may have taken the maximum away.
    - They work in float32; here all is decided in float64. Where a sum comes within rounding of p
      they may keep one entry more or less, and typical_p may take one of two entries that are as
      far from the entropy for the other.

    typical_p of llama.cpp fails after top_n_sigma, unless top_k has taken away what top_n_sigma
    drops: the entropy is NaN in llama.cpp, and its sort decides what is kept. Here typical_p sees
    the entries that are left.

    References
    ----------
    .. [1] A. Fan, M. Lewis and Y. Dauphin, "Hierarchical neural story generation",
       arXiv:1805.04833, section 5.4.
    .. [2] A. Holtzman, J. Buys, L. Du, M. Forbes and Y. Choi, "The curious case of neural text
       degeneration", arXiv:1904.09751, section 3.1.
    .. [3] M. Nguyen, A. Baker, C. Neo, A. Roush, A. Kirsch and R. Shwartz-Ziv, "Turning up the
       heat: min-p sampling for creative and coherent LLM outputs", arXiv:2407.01082, section 3.
    .. [4] C. Meister, T. Pimentel, G. Wiher and R. Cotterell, "Locally typical sampling",
       arXiv:2202.00666, section 4.
    .. [5] J. Hewitt, C. D. Manning and P. Liang, "Truncation sampling as language model
       desmoothing", arXiv:2210.15191, sections 4.2 and 4.3, with alpha = sqrt(epsilon).
    .. [6] C. Tang, J. Liu, H. Xu and L. Huang, "Top-n sigma: not all logits are you need",
       arXiv:2411.07641, section 3.

    Examples
    --------
    >>> import thermoscope as ts
    >>> logits = [2.0, 1.0, 0.1, -1.0]
    >>> ts.softmax(logits).round(2)
    array([0.64, 0.23, 0.1 , 0.03])
    >>> ts.keep(logits, top_p=0.8)
    array([ True,  True, False, False])
    >>> ts.keep(logits, 0.5, top_p=0.8)
    array([ True, False, False, False])
    >>> ts.keep(logits, top_k=3, min_p=0.2)
    array([ True,  True, False, False])
    >>> ts.keep([3.0, 1.0, 2.0, 1.0], top_k=3)
    array([ True,  True,  True,  True])
    >>> ts.keep([3.0, 1.0, 2.0, 1.0], top_k=3, engine="llama.cpp")
    array([ True,  True,  True, False])

    The temperature makes a row flatter for the steps after it only.

    >>> ts.keep(logits, 5.0, top_p=0.8, order=["temperature", "top_p"])
    array([ True,  True,  True, False])
    >>> ts.keep(logits, 5.0, top_p=0.8, order=["top_p", "temperature"])
    array([ True,  True, False, False])
    """
    values = (top_k, top_p, min_p, typical_p, epsilon, eta, top_n_sigma)
    rows = _rows(logits, temperature, axis, where)
    kept, _ = _applied(rows, _chain(values, engine, order, ties))
    return np.moveaxis(kept, -1, rows.axis)


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
    engine: str | None = None,
    order: Sequence[str] | None = None,
    ties: Ties | None = None,
    axis: SupportsIndex = -1,
    where: ArrayLike | None = None,
) -> NDArray[Any]:
    """Compute the probabilities from which a sampler draws after truncation.

    They are the softmax of the entries that `keep` keeps, at the temperature that the engine makes
    of the given one. The parameters are those of `keep`.

    Returns
    -------
    ndarray
        Probabilities, of the dtype of `logits`; exactly 0 in the entries that are not kept. Rows
        without a distribution are what `softmax` makes of them.

    Raises
    ------
    ArgumentError
        As `keep`.

    See Also
    --------
    keep : the mask, and what the parameters mean.

    Examples
    --------
    >>> import thermoscope as ts
    >>> ts.truncate([2.0, 1.0, 0.1, -1.0], top_k=3, top_p=0.8).round(3)
    array([0.731, 0.269, 0.   , 0.   ])

    The order matters: with the temperature last, it does not change which entries are kept.

    >>> ts.truncate([2.0, 1.0, 0.1, -1.0], 5.0, top_p=0.8).round(3)
    array([0.4  , 0.327, 0.273, 0.   ])
    >>> ts.truncate([2.0, 1.0, 0.1, -1.0], 5.0, top_p=0.8, engine="llama.cpp").round(3)
    array([0.55, 0.45, 0.  , 0.  ])
    """
    values = (top_k, top_p, min_p, typical_p, epsilon, eta, top_n_sigma)
    rows = _rows(logits, temperature, axis, where)
    kept, t = _applied(rows, _chain(values, engine, order, ties))
    return np.moveaxis(softmax(rows.given, t, where=kept), -1, rows.axis)


def settings_of(settings: Mapping[str, Any] | None) -> dict[str, Any]:
    """Check keywords of `keep` and `truncate`, and return those that say something.

    They are types of JSON. An order that is the engine's own is left out, as SGLang's is joint
    only there.

    Raises
    ------
    ArgumentError
        Of "truncation", if a keyword is none of truncation, or the settings do not fit each other.

    Examples
    --------
    >>> settings_of({"top_k": 40, "engine": None, "order": ["temperature", "top_k"]})
    {'top_k': 40}
    """
    if not isinstance(settings, Mapping | None):
        problem = f"must be a mapping of keywords of truncate, got {settings!r}"
        raise ArgumentTypeError("truncation", problem)
    given = {name: value for name, value in (settings or {}).items() if value is not None}
    known = (*RULES, "engine", "order", "ties")
    for name in given:
        if name not in known:
            raise ArgumentError("truncation", f"must have keys of {', '.join(known)}, got {name!r}")
    engine, order, ties = (given.get(name) for name in ("engine", "order", "ties"))
    try:
        chain = _chain(tuple(given.get(name) for name in RULES), engine, order, ties)
    except ArgumentError as error:
        raise type(error)("truncation", f"is wrong: {error}") from None
    result = dict(chain.values)
    if order is not None:
        if "temperature" not in order:
            raise ArgumentError("truncation", f"must have 'temperature' in order, got {order!r}")
        own = [step for step in chain.engine.order if step in order]
        if list(order) != own:
            result["order"] = list(order)
    return result | {name: given[name] for name in ("engine", "ties") if name in given}


def steps_of(settings: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the steps of settings in their order, "temperature" among them.

    Examples
    --------
    >>> steps_of({"top_p": 0.9, "top_k": 40, "engine": "llama.cpp"})
    ('top_k', 'top_p', 'temperature')
    """
    engine = ENGINES.get(settings.get("engine", ""), PAPERS)
    order = settings.get("order", engine.order)
    return tuple(step for step in order if step == "temperature" or step in settings)


class _Chain(NamedTuple):
    """The steps that are to be done, in their order, with the values of their parameters."""

    engine: Engine
    steps: tuple[str, ...]
    values: dict[str, Any]
    edges: dict[str, Mapping[str, bool]]
    # Whether each step looks at the whole row.
    joint: bool


def _chain(
    given: tuple[float | None, ...],
    name: str | None,
    order: Sequence[str] | None,
    ties: Ties | None,
) -> _Chain:
    """Check the parameters, which are in the order of RULES, against what the engine takes."""
    if name is not None and not (isinstance(name, str) and name in ENGINES):
        known = ", ".join(map(repr, ENGINES))
        raise ArgumentError("engine", f"must be one of {known}, got {name!r}")
    engine = PAPERS if name is None else ENGINES[name]
    suffix = "" if name is None else f", in engine {name!r}"
    ties = engine.ties[0] if ties is None else ties
    if ties not in engine.ties:
        known = " or ".join(map(repr, engine.ties))
        raise ArgumentError("ties", f"must be {known}, got {ties!r}{suffix}")
    values = {}
    for step, value in zip(RULES, given, strict=True):
        if value is None:
            continue
        if step not in engine.order:
            takes = ", ".join(other for other in engine.order if other in RULES)
            raise ArgumentError(step, f"is no step of engine {name!r}, which takes {takes}")
        try:
            values[step] = value_of(step, value, engine)
        except ArgumentError as error:
            raise type(error)(step, f"{error.problem}{suffix}") from None
    off = {step for step in values if values[step] <= engine.off.get(step, -math.inf)}
    steps = engine.order if order is None else _ordered(order, engine, values)
    done = {"temperature", *values} - off
    edges = {**engine.edges, "top_k": {"few": ties == "k"}}
    joint = engine.joint and order is None and not values.get("min_p")
    return _Chain(engine, tuple(step for step in steps if step in done), values, edges, joint)


def _ordered(order: Sequence[str], engine: Engine, values: Mapping[str, float]) -> tuple[str, ...]:
    """Check an order against the steps that an engine has and the parameters that are given."""
    if isinstance(order, str) or not isinstance(order, Sequence):
        raise ArgumentTypeError("order", f"must be a sequence of names of steps, got {order!r}")
    for step in order:
        if step not in engine.order:
            known = ", ".join(map(repr, engine.order))
            raise ArgumentError("order", f"must be of {known}, got {step!r}")
        if step != "temperature" and step not in values:
            problem = f"names {step!r} without its parameter: give {step}=..., or leave it out"
            raise ArgumentError("order", problem)
        if list(order).count(step) > 1:
            raise ArgumentError("order", f"must name each step once, got {step!r} twice")
    for step in values:
        if step not in order:
            raise ArgumentError(step, f"is given, but order lacks it: add {step!r} to {order!r}")
    return tuple(order)


def value_of(step: str, value: Any, engine: Engine) -> float:
    """Check the parameter of a rule against what an engine takes."""
    if step == "top_k":
        k = whole(step, value, engine.least_k)
        if engine.off.get(step, 0) < k < 1:
            raise ArgumentError(step, f"must be >= 1, or {engine.least_k} for all, got {k}")
        return k
    return number_in(step, value, engine.limits.get(step, "[0, 1]"))


class _Rows(NamedTuple):
    """Checked arguments with the entries of a row on the last axis."""

    given: NDArray[np.generic]
    # In float64, and -inf where there is no entry: never NaN.
    logits: Array
    temperature: Array
    # The entries to choose from: not masked, not at -inf.
    entries: Mask
    mask: Mask
    # The rows that have a distribution; of the others all that is not masked is kept.
    regular: Mask
    axis: int


def _rows(
    logits: ArrayLike, temperature: ArrayLike, axis: SupportsIndex, where: ArrayLike | None
) -> _Rows:
    arguments = check(logits, temperature, axis, where)
    given = np.moveaxis(arguments.logits, arguments.axis, -1)
    z = given.astype(np.float64)
    mask = np.ones(z.shape, np.bool_)
    if arguments.where is not None:
        mask = np.moveaxis(arguments.where, arguments.axis, -1)
    entries = mask & (z > -np.inf)
    some = np.count_nonzero(entries, axis=-1, keepdims=True) > 0
    # Of a NaN and a number, the maximum is NaN.
    regular = some & ~np.isnan(np.max(z, axis=-1, keepdims=True, where=mask, initial=-np.inf))
    t = np.moveaxis(arguments.temperature, arguments.axis, -1)
    return _Rows(given, np.where(entries, z, -np.inf), t, entries, mask, regular, arguments.axis)


def _applied(rows: _Rows, chain: _Chain) -> tuple[Mask, Array]:
    """Return the kept entries, and the temperatures that the engine makes of the given ones."""
    engine = chain.engine
    if "temperature" not in chain.steps and (rows.temperature != 1).any():
        problem = "is not 1, but order lacks it: add 'temperature' to order"
        raise ArgumentError("temperature", problem)
    t = engine.effective_temperature(rows.temperature)
    seen = np.ones(1)
    z, left = rows.logits, rows.entries
    places = np.broadcast_to(np.arange(z.shape[-1]), z.shape)
    # Kernels may differ in the last bit of a probability, and the same entries must be kept.
    with kernels.use("reference"):
        for step in chain.steps:
            if step == "temperature":
                seen = t
                continue
            among = rows.entries if chain.joint else left
            edges = chain.edges.get(step, {})
            left = left & RULES[step](z, seen, among, chain.values[step], **edges)
            most = np.count_nonzero(left, axis=-1).max(initial=1)
            if most <= z.shape[-1] // 2 and not chain.joint:
                # The entries that are left move up, in their order: the next step reads fewer.
                order = np.argsort(~left, axis=-1, kind="stable")[..., :most]
                z = np.take_along_axis(z, order, axis=-1)
                left = np.take_along_axis(left, order, axis=-1)
                places = np.take_along_axis(places, order, axis=-1)
    kept: Mask = np.zeros(rows.entries.shape, np.bool_)
    np.put_along_axis(kept, places, left, axis=-1)
    if engine is not PAPERS:
        # With the temperature first, no step at T = 0 takes this entry away.
        top = np.where(kept, rows.logits, -np.inf).argmax(axis=-1, keepdims=True)
        kept = np.where(t == 0, np.arange(kept.shape[-1]) == top, kept)
    return np.where(rows.regular, kept, rows.mask), t
