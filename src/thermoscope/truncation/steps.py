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
    never = _applied(rows, chain, tuple(s for s in chain.steps if s != "xtc_probability"))
    always = _applied(rows, chain, chain.steps)
    p, q = (
        softmax(left.logits.astype(np.float64), left.temperature, where=left.kept)
        for left in (never, always)
    )
    with np.errstate(divide="ignore"):
        mixture = np.log((1 - chance) * p + chance * q)
    return never._replace(logits=mixture, temperature=np.ones(1), kept=never.kept | always.kept)


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
    work = _Work(rows, chain)
    # Kernels may differ in the last bit of a probability, and the same entries must be kept.
    with kernels.use("reference"):
        for at, step in enumerate(steps):
            if step == "temperature":
                work.temper(before_changes=any(later in CHANGES for later in steps[at:]))
            elif step in CHANGES:
                work.change(step)
            else:
                work.drop(step)
    return work.result()


class _Work:
    """Rows on their way through the steps."""

    def __init__(self, rows: _Rows, chain: Chain) -> None:
        self.rows, self.chain, self.engine = rows, chain, chain.engine
        # An engine takes one entry where several tie.
        self.few = self.engine is not PAPERS
        # Logits and masks of the entries that are looked at, and where these are in their rows.
        self.z, self.left = rows.logits, rows.entries
        self.places = np.broadcast_to(np.arange(self.z.shape[-1]), self.z.shape)
        # The logits of all entries; None while they are the given ones.
        self.changed: Array | None = None
        # The temperature that rules see, the one of the softmax in the end, and what was used.
        self.seen = np.ones(1)
        self.t = self.used = self.engine.effective_temperature(rows.temperature)
        self.count = _count(rows.mask if self.engine.lists_dropped else rows.entries)

    def temper(self, *, before_changes: bool) -> None:
        """Let the rules after this see the temperature."""
        details = self.chain.details
        if spread := details.get("dynatemp_range", 0):
            self.t = self.used = dynamic_temperature(
                self.z,
                self.t,
                self.left,
                count=self.count,
                spread=spread,
                exponent=details["dynatemp_exponent"],
            )
        self.seen = self.t
        if before_changes:
            # They change the quotients: from here on, the temperature is 1.
            self.z, self.left = _divided(self.z, self.t, self.left, few=self.few)
            self.t = self.seen = np.ones(1)
            self._put()

    def change(self, step: str) -> None:
        """Change logits."""
        change = change_of(
            step,
            self.chain.values[step],
            self.chain.penalties,
            self.rows.logits.shape[-1],
            self.chain.details,
            output_only=step in self.engine.output_only,
        )
        self.z = change.apply(self.z, self.places)
        self.left = self.left & (self.z > -np.inf)
        if not self.engine.lists_dropped:
            self.count = _count(self.left)
        self._put()

    def drop(self, step: str) -> None:
        """Drop entries."""
        joint = self.chain.joint
        before = _count(self.left)
        self.left = self.left & self._kept(step, self.rows.entries if joint else self.left)
        self.count = self._candidates(step, before)
        most = _count(self.left).max(initial=1)
        if most <= self.z.shape[-1] // 2 and not joint:
            # The entries that are left move up, in their order: the next step reads fewer.
            order = np.argsort(~self.left, axis=-1, kind="stable")[..., :most]
            self.z = np.take_along_axis(self.z, order, axis=-1)
            self.left = np.take_along_axis(self.left, order, axis=-1)
            self.places = np.take_along_axis(self.places, order, axis=-1)

    def result(self) -> Remaining:
        """Return what the steps have left."""
        rows, t = self.rows, self.t
        logits = rows.logits if self.changed is None else self.changed
        kept: Mask = np.zeros(rows.entries.shape, np.bool_)
        np.put_along_axis(kept, self.places, self.left, axis=-1)
        if self.few:
            # With the temperature first, no step at T = 0 takes this entry away.
            top = np.where(kept, logits, -np.inf).argmax(axis=-1, keepdims=True)
            kept = np.where(t == 0, np.arange(kept.shape[-1]) == top, kept)
        regular = rows.regular & kept.any(axis=-1, keepdims=True)
        given = rows.given
        dtype = given.dtype.newbyteorder("=") if given.dtype.kind not in "iub" else np.float64
        return Remaining(
            given if self.changed is None else np.where(rows.regular, self.changed, given),
            t,
            np.where(regular, kept, rows.mask),
            self.used,
            rows.axis,
            np.dtype(dtype),
        )

    def _put(self) -> None:
        """Put changed logits back into their rows."""
        self.changed = (self.rows.logits if self.changed is None else self.changed).copy()
        np.put_along_axis(self.changed, self.places, self.z, axis=-1)

    def _kept(self, step: str, left: Mask) -> Mask:
        """Return which entries a rule keeps."""
        z, t, details = self.z, self.seen, self.chain.details
        edges = self.chain.edges.get(step, {})
        least = details.get("min_keep", 0)
        if step == "xtc_probability":
            kept = xtc(z, t, left, details["xtc_threshold"], most=self.count - least, **edges)
            return kept | (self.t == 0) if self.engine.greedy else kept
        kept = RULES[step](z, t, left, self.chain.values[step], **edges)
        if least > 1 and step in self.engine.min_keep:
            few = self.few and step not in {"top_k", "epsilon", "eta"}
            more = first(z, t, left, least, typical=step == "typical_p", few=few)
            kept = np.where(_count(kept) < least, kept | more, kept)
        return kept

    def _candidates(self, step: str, before: Counts) -> Counts:
        """Return how many entries the engine counts as left after a rule."""
        after, value = _count(self.left), self.chain.values[step]
        if not self.engine.lists_dropped:
            return after
        if step == "top_k":
            return np.asarray(np.minimum(self.count, value))
        if step == "xtc_probability":
            return np.asarray(self.count - before + after)
        idle = step == "top_n_sigma" or value == {"min_p": 0}.get(step, 1)
        return self.count if idle else after


def _count(mask: Mask) -> Counts:
    return np.asarray(np.count_nonzero(mask, axis=-1, keepdims=True))


def _divided(z: Array, t: Array, left: Mask, *, few: bool) -> tuple[Array, Mask]:
    """Divide logits by the temperature; at T = 0 the maximum is left, or the first of few."""
    with np.errstate(over="ignore"):
        quotients = np.where(np.isinf(z), z, z / np.where(t > 0, t, 1))
    top = np.where(left, z, -np.inf)
    greatest = left & (top == top.max(axis=-1, keepdims=True, initial=-np.inf))
    if few:
        greatest &= np.cumsum(greatest, axis=-1) <= 1
    return quotients, np.where(t == 0, greatest, left)
