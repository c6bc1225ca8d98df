"""Truncation of a reported distribution: what is kept and dropped whatever its tail is.

A step knows which tokens are left for sure and which may be. Where both are the same and the tail
is gone, the rules of `rules` decide; else only what every tail decides in the same way is decided.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from thermoscope import kernels
from thermoscope.arguments import ArgumentError, one_temperature
from thermoscope.reported import EPS, Interval, Reported, Weights, log_sum, sums_of_others
from thermoscope.truncation.engines import PAPERS
from thermoscope.truncation.rules import RULES
from thermoscope.truncation.settings import chain_of, check_temperature

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

__all__ = ["Decision", "Fate", "decided", "truncated"]

# Sums that come this close to a cutoff may lie on either side of it.
CLOSE: Final = 1e-12
# The settings that are decided without the logits of the tail.
_KNOWN: Final = {*RULES, "engine", "order", "ties"}


Fate: TypeAlias = Literal["kept", "dropped", "undecided"]


class Decision(NamedTuple):
    """What a sampler does with the tokens of a `Reported` distribution, whatever the tail is.

    Attributes
    ----------
    kept, dropped, undecided : ndarray of bool, shape (K,)
        For each reported token; exactly one of them is True.
    tail : {"kept", "dropped", "undecided"}
        Whether all tokens of the tail are kept, or none; "undecided" also where some are kept.
    temperature : float
        The one that the engine makes of the given one.
    """

    kept: Mask
    dropped: Mask
    undecided: Mask
    tail: Fate
    temperature: float

    def fate(self, at: int) -> Fate:
        """Return what becomes of one reported token."""
        return "kept" if self.kept[at] else "dropped" if self.dropped[at] else "undecided"


class _Left(NamedTuple):
    """The tokens that are left for sure, and those that may be; likewise of the tail."""

    sure: Mask
    maybe: Mask
    tail_sure: bool
    tail_maybe: bool

    @property
    def is_exact(self) -> bool:
        return not self.tail_maybe and bool((self.sure == self.maybe).all())


def decided(reported: Reported, temperature: ArrayLike, settings: Mapping[str, Any]) -> Decision:
    """Apply the steps that keywords of `keep` ask for."""
    chain, given = chain_of(settings), one_temperature(temperature)
    check_temperature(chain, np.asarray(given))
    for name, value in settings.items():
        if value is not None and name not in _KNOWN:
            raise ArgumentError(name, "must be left out: it needs all logits, and some are unknown")
    t = float(chain.engine.effective_temperature(given))
    told = reported.logprobs > -math.inf
    logits = reported.logprobs[told] * reported.applied_temperature
    has_tail = reported.tail_size > 0
    start = left = _Left(
        np.ones(logits.size, np.bool_), np.ones(logits.size, np.bool_), has_tail, has_tail
    )
    seen = 1.0
    for step in chain.steps:
        if step == "temperature":
            seen = t
            continue
        value, edges = chain.values[step], chain.edges.get(step, {})
        among = start if chain.joint else left
        if among.is_exact and (reported.is_exact or step not in _STEPS):
            with kernels.use("reference"):
                rule = RULES[step](logits, np.array([seen]), among.maybe, value, **edges)
            after = _Left(rule, rule, tail_sure=False, tail_maybe=False)
        else:
            after = _STEPS.get(step, _open)(_Row(reported, seen, among), value, **edges)
        left = _Left(
            left.sure & after.sure,
            left.maybe & after.maybe,
            left.tail_sure and after.tail_sure,
            left.tail_maybe and after.tail_maybe,
        )
    if chain.engine is not PAPERS and t == 0:
        left = _first_of_maximum(reported, left)
    kept, maybe = np.zeros((2, told.size), np.bool_)
    kept[told], maybe[told] = left.sure, left.maybe
    # A token without a log-probability is one of the tail.
    kept[~told], maybe[~told] = left.tail_sure, left.tail_maybe
    tail: Fate = "kept" if left.tail_sure else "undecided" if left.tail_maybe else "dropped"
    return Decision(kept, ~maybe, maybe & ~kept, tail, t)


def truncated(reported: Reported, temperature: ArrayLike, settings: Mapping[str, Any]) -> Interval:
    """Return the probabilities after truncation, as an interval."""
    decision = decided(reported, temperature, settings)
    if decision.tail == "kept" and decision.kept.all():
        return reported.softmax(decision.temperature)
    told = reported.logprobs > -math.inf
    left = _Left(
        decision.kept[told],
        ~decision.dropped[told],
        decision.tail == "kept",
        decision.tail != "dropped",
    )
    row = _Row(reported, decision.temperature, left)
    low, high = np.zeros((2, told.size))
    least, most = row.probabilities()
    low[told], high[told] = least, most
    high[~told & ~decision.dropped] = 1.0 if decision.tail != "dropped" else 0.0
    return Interval(low, high)


class _Row:
    """What a step looks at: the weights of the tokens that may be left, and who may be ahead."""

    def __init__(self, reported: Reported, temperature: float, left: _Left) -> None:
        weights = _weights(reported, temperature, left)
        self.reported, self.weights, self.left = reported, weights, left
        # Sums of what is left for sure, and of what may be.
        self.low = np.where(left.sure, weights.low, -math.inf)
        self.high = np.where(left.maybe, weights.high, -math.inf)
        self.tail_low = weights.tail.low if left.tail_sure else -math.inf
        self.tail_high = weights.tail.high if left.tail_maybe else -math.inf

    def probabilities(self) -> tuple[Array, Array]:
        """Return the least and greatest probability of each token among what is left."""
        others_low = np.logaddexp(sums_of_others(self.low), self.tail_low)
        others_high = np.logaddexp(sums_of_others(self.high), self.tail_high)
        # Rounded outwards by what is lost in a weight.
        size = np.abs(np.where(self.weights.high > -math.inf, self.weights.high, 0.0))
        error = np.minimum(EPS * (1 + size), 1.0)
        return _portion(self.low, others_high + error), _portion(self.high, others_low - error)

    def keys(self, *, few: bool) -> tuple[Array, Array]:
        """Return numbers that rank the tokens; of those that tie, the first is ahead if `few`."""
        low, high = self.reported.told
        if few and self.reported.is_exact:
            order = np.argsort(-low, kind="stable")
            low = np.empty(low.size)
            low[order] = -np.arange(low.size)
            high = low
        return low, high

    def below_cap(self) -> Mask:
        """Whether tokens of the tail may be ahead of each token.

        They are not ahead of the likeliest ones, by the server's own numbers. A token that is
        reported because it was drawn may be within rounding of these, and still be none of them.
        """
        cap = self.reported.cap
        if self.reported.is_exact:  # no token of the tail has more than all of them
            cap = min(cap, self.reported.tail + CLOSE)
        logprobs = self.reported.logprobs
        mask: Mask = logprobs[logprobs > -math.inf] < cap
        return mask


def _top_k(row: _Row, k: int, *, few: bool = False) -> _Left:
    low, high = row.keys(few=few)
    left, behind = row.left, row.below_cap()
    maybe_high, sure_low = np.sort(high[left.maybe]), np.sort(low[left.sure])
    most = maybe_high.size - np.searchsorted(maybe_high, low, side="right")
    # A token is not ahead of itself, but where its own numbers are not exact.
    most = np.maximum(most - (high > low), 0) + np.where(behind & left.tail_maybe, k, 0)
    least = sure_low.size - np.searchsorted(sure_low, high, side="right")
    # The K that are reported are the likeliest: what the server left out is behind them.
    full = np.count_nonzero(left.sure & ~behind)
    vocabulary = row.reported.vocabulary or math.inf
    return _Left(most < k, least < k, tail_sure=k >= vocabulary, tail_maybe=bool(full < k))


def _top_p(row: _Row, p: float, *, few: bool = False, beyond: bool = False) -> _Left:
    left = row.left
    if p == 1:
        return left
    low, high = row.keys(few=few)
    behind = row.below_cap()
    # Of each token, the sums of what may be ahead of it, and of what is for sure.
    may_be = _sums(row.high, high, low)
    surely = _sums(row.low, low, high)
    # A token whose numbers are rounded is not ahead of itself.
    is_rounded = high > low
    may_be = np.where(is_rounded, _without(may_be, row.high), may_be)
    may_be = np.where(behind, np.logaddexp(may_be, row.tail_high), may_be)
    rest_low = _sums(row.low, -high, -low, inclusive=True)
    rest_low = np.where(is_rounded, np.logaddexp(rest_low, row.low), rest_low)
    # A tail that is ahead is not behind too.
    rest_low = np.where(behind, rest_low, np.logaddexp(rest_low, row.tail_low))
    rest_high = np.logaddexp(_sums(row.high, -low, -high, inclusive=True), row.tail_high)
    most = _portion(may_be, rest_low) * (1 + CLOSE)
    least = _portion(surely, rest_high) * (1 - CLOSE)
    sure = (most <= p if beyond else most < p) | (most == 0)
    maybe = (least <= p if beyond else least < p) | (least == 0)
    # The tail is gone where the tokens ahead of all of it have p: of those that tie with the cap,
    # a token of the tail may be kept too.
    ahead = left.sure & (~behind if few else row.reported.told.low > row.reported.highest_cap)
    full = float(
        _portion(log_sum(row.low[ahead]), np.logaddexp(log_sum(row.high[~ahead]), row.tail_high))
    )
    gone = full > 0 and (full * (1 - CLOSE) > p if beyond else full * (1 - CLOSE) >= p)
    return _Left(sure, maybe, tail_sure=False, tail_maybe=not gone)


def _min_p(row: _Row, p: float) -> _Left:
    if p == 0:
        return row.left
    cutoff = math.log(p)
    sure = row.low >= _highest_other(row.high) + cutoff + CLOSE
    maybe = row.high >= _highest_other(row.low) + cutoff - CLOSE
    tail_maybe = row.weights.cap >= row.low.max(initial=-math.inf) + cutoff - CLOSE
    return _Left(sure, maybe, tail_sure=False, tail_maybe=bool(tail_maybe))


def _epsilon(row: _Row, cutoff: float) -> _Left:
    if cutoff == 0:
        return row.left
    least, most = row.probabilities()
    low, high = row.reported.told
    # The likeliest is kept, however unlikely it is.
    sure = (least >= cutoff * (1 + CLOSE)) | (
        low >= _highest_other(np.where(row.left.maybe, high, -math.inf))
    )
    maybe = (most >= cutoff * (1 - CLOSE)) | (
        high >= _highest_other(np.where(row.left.sure, low, -math.inf))
    )
    one = float(_portion(row.weights.cap, log_sum(row.low)))
    # So is a token of the tail that ties with it.
    ties = row.reported.highest_cap >= np.where(row.left.sure, low, -math.inf).max()
    tail_maybe = bool(ties) or one >= cutoff * (1 - CLOSE)
    return _Left(sure, maybe, tail_sure=False, tail_maybe=tail_maybe)


def _open(row: _Row, value: float, **_: bool) -> _Left:
    """Decide nothing: typical_p, eta and top_n_sigma depend on every token of the tail."""
    del value
    nothing = np.zeros(row.low.size, np.bool_)
    return _Left(nothing, ~nothing, tail_sure=False, tail_maybe=True)


_STEPS: Final[dict[str, Any]] = {
    "top_k": _top_k,
    "top_p": _top_p,
    "min_p": _min_p,
    "epsilon": _epsilon,
}


def _weights(reported: Reported, temperature: float, left: _Left) -> Weights:
    """Return weights of which those of the tokens that are left are right.

    At T = 0 the highest of these have all of it, also where a step before the temperature has taken
    away the highest of all.
    """
    weights = reported.weights(temperature)
    if temperature > 0:
        return weights
    leads, best, tail_leads = _leading(reported, left)
    ties = tail_leads and reported.highest_cap <= best
    is_sure = (
        (left.sure >= leads).all()
        and (reported.is_exact or np.count_nonzero(leads) == 1)
        and (ties or not tail_leads)
    )
    high = np.where(leads, 0.0, -math.inf)
    low = high if is_sure else np.full(high.size, -math.inf)
    most, cap = -math.inf, -math.inf
    if tail_leads:
        is_best = best >= reported.told.low.max()
        most, cap = weights.tail.high if is_best else math.log(reported.tail_size), 0.0
    return Weights(low, high, Interval(-math.inf, most), cap)


def _leading(reported: Reported, left: _Left) -> tuple[Mask, float, bool]:
    """Return which tokens may be the highest of those that are left, and whether others may be.

    Between them stands the log-probability that the highest one has at least.
    """
    low, high = reported.told
    best = float(np.where(left.sure, low, -math.inf).max(initial=-math.inf))
    return left.maybe & (high >= best), best, left.tail_maybe and reported.highest_cap >= best


def _first_of_maximum(reported: Reported, left: _Left) -> _Left:
    """Keep the token that an engine takes at T = 0, where it is known which one that is."""
    leads, _, tail_leads = _leading(reported, left)
    is_sure = np.count_nonzero(leads) == 1 and not tail_leads
    return _Left(left.sure & leads & is_sure, leads, tail_sure=False, tail_maybe=tail_leads)


def _sums(log_w: Array, keys: Array, of: Array, *, inclusive: bool = False) -> Array:
    """Return the log of the sum of the weights whose key is greater than each of `of`."""
    order = np.argsort(-keys, kind="stable")
    total = np.concatenate([[-math.inf], np.logaddexp.accumulate(log_w[order])])
    side: Any = "right" if inclusive else "left"
    found: Array = total[np.searchsorted(-keys[order], -of, side=side)]
    return found


def _without(total: Array, log_w: Array) -> Array:
    """Return the logs of sums without one of their terms."""
    with np.errstate(divide="ignore", invalid="ignore"):
        rest = total + np.log(-np.expm1(np.minimum(log_w - total, 0.0)))
    rest[~(log_w < total)] = -math.inf
    some: Array = np.where(log_w > -math.inf, rest, total)
    return some


def _highest_other(values: Array) -> Array:
    """Return for each entry the greatest of all others."""
    before = np.maximum.accumulate(np.append(-math.inf, values[:-1]))
    after = np.maximum.accumulate(np.append(-math.inf, values[:0:-1]))[::-1]
    return np.maximum(before, after)


def _portion(log_w: ArrayLike, log_others: ArrayLike) -> Any:
    """Return w / (w + others), 0 where w is 0."""
    w, others = np.broadcast_arrays(np.asarray(log_w, float), np.asarray(log_others, float))
    is_some = w > -math.inf
    odds = np.where(is_some, others, 0.0) - np.where(is_some, w, 0.0)
    return np.where(is_some, np.exp(-np.logaddexp(0.0, odds)), 0.0)
