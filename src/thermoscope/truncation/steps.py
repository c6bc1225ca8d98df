"""The steps of a sampler, applied to rows of logits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, SupportsIndex, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from thermoscope import kernels
from thermoscope.arguments import check
from thermoscope.definition import softmax
from thermoscope.truncation.engines import PAPERS
from thermoscope.truncation.penalties import CHANGES, change_of
from thermoscope.truncation.rules import RULES, dynamic_temperature, first, xtc
from thermoscope.truncation.settings import Chain, chain_of, check_temperature

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Counts: TypeAlias = NDArray[np.intp]

__all__ = ["Remaining", "remaining"]


class Remaining(NamedTuple):
    """What a sampler draws from, with the entries of a row on the last axis.

    It is the softmax of `logits` at `temperature`, with `kept` as the mask.
    """

    logits: NDArray[np.generic]
    temperature: Array
    kept: Mask
    # The temperature that was made of the given one; XTC's mixture is at T = 1, whatever it was.
    used: Array
    # Where the entries of a row were, and the type of their probabilities.
    axis: int
    dtype: np.dtype[Any]


def remaining(
    logits: ArrayLike,
    temperature: ArrayLike,
    axis: SupportsIndex,
    where: ArrayLike | None,
    settings: Mapping[str, Any],
) -> Remaining:
    """Apply the steps that keywords of `keep` and `truncate` ask for."""
    rows, chain = _rows(logits, temperature, axis, where), chain_of(settings)
    check_temperature(chain, rows.temperature)
    chance = chain.values.get("xtc_probability", 0)
    if "xtc_probability" not in chain.steps or chance == 1:
        return _applied(rows, chain, chain.steps)
    # A draw after a throw of XTC's coin is a draw from the mixture of the two outcomes.
    without = _applied(rows, chain, tuple(s for s in chain.steps if s != "xtc_probability"))
    dropped = _applied(rows, chain, chain.steps)
    first, second = (
        softmax(np.asarray(left.logits, np.float64), left.temperature, where=left.kept)
        for left in (without, dropped)
    )
    with np.errstate(divide="ignore"):
        mixture = np.log((1 - chance) * first + chance * second)
    return without._replace(
        logits=mixture, temperature=np.ones(1), kept=without.kept | dropped.kept
    )


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


def _applied(rows: _Rows, chain: Chain, steps: Sequence[str]) -> Remaining:
    """Do the steps, with XTC as one that always drops."""
    engine, n = chain.engine, rows.logits.shape[-1]
    t = engine.effective_temperature(rows.temperature)
    seen, used = np.ones(1), t
    z, left = rows.logits, rows.entries
    full, changed = z, False
    places = np.broadcast_to(np.arange(n), z.shape)
    few = engine is not PAPERS
    count = _count(rows.mask if engine.lists_dropped else left)
    # Kernels may differ in the last bit of a probability, and the same entries must be kept.
    with kernels.use("reference"):
        for at, step in enumerate(steps):
            if step == "temperature":
                if spread := chain.details.get("dynatemp_range", 0):
                    exponent = chain.details["dynatemp_exponent"]
                    t = dynamic_temperature(
                        z, t, left, count=count, spread=spread, exponent=exponent
                    )
                seen = used = t
                if not any(later in CHANGES for later in steps[at:]):
                    continue
                # They change the quotients: from here on, the temperature is 1.
                z, left = _divided(z, t, left, few=few)
                full, changed = _put(full, places, z), True
                t = seen = np.ones(1)
            elif step in CHANGES:
                change = change_of(
                    step,
                    chain.values[step],
                    chain.penalties,
                    n,
                    chain.details,
                    output_only=step in engine.output_only,
                )
                z = change.apply(z, places)
                left = left & (z > -np.inf)
                count = count if engine.lists_dropped else _count(left)
                full, changed = _put(full, places, z), True
            else:
                among = rows.entries if chain.joint else left
                before = _count(left)
                kept = _kept(step, z, seen, among, chain=chain, count=count)
                if step == "xtc_probability" and engine.greedy:
                    kept = kept | (t == 0)
                left = left & kept
                count = _candidates(step, chain, count, before, _count(left))
                most = np.count_nonzero(left, axis=-1).max(initial=1)
                if most <= z.shape[-1] // 2 and not chain.joint:
                    # The entries that are left move up, in their order: the next step reads fewer.
                    order = np.argsort(~left, axis=-1, kind="stable")[..., :most]
                    z = np.take_along_axis(z, order, axis=-1)
                    left = np.take_along_axis(left, order, axis=-1)
                    places = np.take_along_axis(places, order, axis=-1)
    kept = np.zeros(rows.entries.shape, np.bool_)
    np.put_along_axis(kept, places, left, axis=-1)
    if few:
        # With the temperature first, no step at T = 0 takes this entry away.
        top = np.where(kept, full, -np.inf).argmax(axis=-1, keepdims=True)
        kept = np.where(t == 0, np.arange(n) == top, kept)
    regular = rows.regular & kept.any(axis=-1, keepdims=True)
    kept = np.where(regular, kept, rows.mask)
    logits = np.where(rows.regular, full, rows.given) if changed else rows.given
    native = rows.given.dtype.newbyteorder("=")
    dtype = np.dtype(np.float64) if native.kind in "iub" else native
    return Remaining(logits, t, kept, used, rows.axis, dtype)


def _count(mask: Mask) -> Counts:
    return np.asarray(np.count_nonzero(mask, axis=-1, keepdims=True))


def _candidates(step: str, chain: Chain, count: Counts, before: Counts, after: Counts) -> Counts:
    """Return how many entries an engine has for candidates after a rule."""
    value = chain.values[step]
    if not chain.engine.lists_dropped:
        return after
    if step == "top_k":
        return np.asarray(np.minimum(count, value))
    if step == "xtc_probability":
        return np.asarray(count - before + after)
    idle = step == "top_n_sigma" or value == {"min_p": 0}.get(step, 1)
    return count if idle else after


def _kept(step: str, z: Array, t: Array, left: Mask, *, chain: Chain, count: Counts) -> Mask:
    """Apply a rule to the entries that are left."""
    engine, value, edges = chain.engine, chain.values[step], chain.edges.get(step, {})
    least = chain.details.get("min_keep", 0)
    if step == "xtc_probability":
        return xtc(z, t, left, chain.details["xtc_threshold"], most=count - least, **edges)
    kept = RULES[step](z, t, left, value, **edges)
    if least > 1 and step in engine.min_keep:
        few = engine is not PAPERS and step not in {"top_k", "epsilon", "eta"}
        more = first(z, t, left, least, typical=step == "typical_p", few=few)
        kept = np.where(_count(kept) < least, kept | more, kept)
    return kept


def _divided(z: Array, t: Array, left: Mask, *, few: bool) -> tuple[Array, Mask]:
    """Divide logits by the temperature; at T = 0 the maximum is left, or the first of few."""
    with np.errstate(over="ignore"):
        quotients = np.where(np.isinf(z), z, z / np.where(t > 0, t, 1))
    top = np.where(left, z, -np.inf)
    greatest = left & (top == top.max(axis=-1, keepdims=True, initial=-np.inf))
    if few:
        greatest &= np.cumsum(greatest, axis=-1) <= 1
    return quotients, np.where(t == 0, greatest, left)


def _put(full: Array, places: NDArray[np.intp], z: Array) -> Array:
    """Put the logits of some entries back into their rows."""
    result = full.copy()
    np.put_along_axis(result, places, z, axis=-1)
    return result
