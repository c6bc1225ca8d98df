"""What presets do to a row that a server reported in part: bounds, whatever the other tokens have.

All rules but typical_p keep the likeliest tokens, up to one that the rule finds. With one token
more, less likely than those before it, the distribution is flatter: it is majorised by the one
before, so that its entropy and its number of different tokens are at least as high, and its chance
of agreement is at most as high [1]_. So the tokens that are kept for sure give one bound, and
those that may be kept the other.

References
----------
.. [1] A. W. Marshall, I. Olkin and B. C. Arnold, "Inequalities: theory of majorization and its
   applications", 2nd edition, Springer 2011, chapter 3.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from itertools import combinations
from typing import Final

import numpy as np
from numpy.typing import NDArray

from thermoscope.arguments import ArgumentError
from thermoscope.reported import Interval, Reported, log_sum
from thermoscope.samplers.presets import Preset
from thermoscope.samplers.rows import distinct
from thermoscope.truncation import keep, truncate
from thermoscope.truncation.settings import chain_of

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

# What float64 may add to a quotient of two probabilities.
ROUNDING: Final = 1e-12

__all__ = ["Bounded", "bounds_of", "total_variation"]


def bounds_of(
    row: Reported, presets: Sequence[Preset], draws: int
) -> tuple[list[Interval], list[bool]]:
    """Return the columns of one row as intervals, and of each preset whether it is decided."""
    each = [Bounded(row, preset) for preset in presets]
    columns = [interval for sampler in each for interval in sampler.measures(draws)]
    columns += [total_variation(one, other) for one, other in combinations(each, 2)]
    return columns, [sampler.is_decided for sampler in each]


class Bounded:
    """What a preset may draw from at one position."""

    def __init__(self, row: Reported, preset: Preset) -> None:
        self.row, self.preset = row, preset
        self.told = row.logprobs > -math.inf
        try:
            decision = keep(row, preset.temperature, **preset.settings)
        except ArgumentError as error:
            raise preset.error(error) from None
        self.temperature, self.tail = decision.temperature, decision.tail
        self.sure, self.maybe = decision.kept & self.told, ~decision.dropped & self.told
        self._chain = chain_of(preset.settings)

    @cached_property
    def probabilities(self) -> Interval:
        """The probability of each reported token to be drawn."""
        return truncate(self.row, self.preset.temperature, **self.preset.settings)

    @property
    def is_decided(self) -> bool:
        """Whether it is known of every token, reported or not, whether it is kept."""
        return self.tail != "undecided" and bool((self.sure == self.maybe).all())

    @property
    def is_whole(self) -> bool:
        """Whether all tokens are kept."""
        return self.tail == "kept" and bool((self.sure == self.told).all())

    def measures(self, draws: int) -> list[Interval]:
        """Return `MEASURES`."""
        return [
            self.kept(),
            self.mass(),
            self.entropy(),
            self.agreement(),
            self.distinct(draws),
            self.nll(),
        ]

    def kept(self) -> Interval:
        """Return how many tokens can be drawn."""
        size = self.row.tail_size
        if self.temperature == 0:
            low, high = (np.count_nonzero(ends[self.told] > 0) for ends in self.probabilities)
            ties = self.tail != "dropped" and self.row.any_other(0) > 0
            return Interval(max(float(low), 1.0), float(high) + (size if ties else 0.0))
        low, high = np.count_nonzero(self.sure), np.count_nonzero(self.maybe)
        most = float(high) + (size if self.tail != "dropped" else 0.0)
        if "top_k" in self._chain.steps and self._chain.edges["top_k"]["few"]:
            most = min(most, float(self._chain.values["top_k"]))
        return Interval(max(low + (self._least_tail if self.tail == "kept" else 0.0), 1.0), most)

    def mass(self) -> Interval:
        """Return what the kept tokens have of the probability before truncation."""
        if self.is_whole:
            return Interval(1.0, 1.0)
        t = self.temperature
        low = self.row.kept_mass(self.sure, t).low
        if self.tail == "dropped":
            return Interval(low, self.row.kept_mass(self.maybe, t).high)
        return Interval(low, 1.0 - self.row.kept_mass(self.told & ~self.maybe, t).low)

    def entropy(self) -> Interval:
        """Return the entropy of a draw, in nats."""
        sharp, flat = self._ends
        low = 0.0 if sharp is None else sharp.entropy(self.temperature).low
        if flat is None:
            return Interval(low, math.log(self.kept().high))
        return Interval(low, flat.entropy(self.temperature).high)

    def agreement(self) -> Interval:
        """Return the chance that two draws are the same token."""
        sharp, flat = self._ends
        high = 1.0 if sharp is None else _agreement(sharp, self.temperature).high
        low = 1 / self.kept().high if flat is None else _agreement(flat, self.temperature).low
        return Interval(low, high)

    def distinct(self, draws: int) -> Interval:
        """Return the expected number of different tokens in some draws."""
        sharp, flat = self._ends
        low = 1.0 if sharp is None else _distinct(sharp, self.temperature, draws).low
        if flat is None:
            return Interval(low, min(float(draws), self.kept().high))
        return Interval(low, _distinct(flat, self.temperature, draws).high)

    def nll(self) -> Interval:
        """Return -log p of the token that the text has, NaN where that is not known."""
        if self.row.drawn < 0:
            return Interval(math.nan, math.nan)
        with np.errstate(divide="ignore"):
            high, low = (0.0 - np.log(ends[self.row.drawn]) for ends in self.probabilities)
        return Interval(float(low), float(high))

    @property
    def _least_tail(self) -> float:
        """How many tokens the tail has at least."""
        if self.row.tail_size < math.inf:
            return self.row.tail_size
        cap = self.row.highest_cap
        tokens = math.exp(self.row.tail - cap) if cap > -math.inf else 0.0
        return float(math.ceil(tokens * (1 - ROUNDING)))

    @cached_property
    def _ends(self) -> tuple[Reported | None, Reported | None]:
        """The least and the most tokens that may be kept, as distributions of their own.

        None where nothing is known.
        """
        if self.is_whole:
            return self.row, self.row
        if "typical_p" in self._chain.steps and not self.is_decided:
            return None, None
        sure = self.sure
        if self.tail != "dropped":
            # A drawn token may be less likely than tokens of the tail, which then are before it.
            sure = sure & (self.row.logprobs - self.row.delta >= self.row.highest_cap)
        flat = self.row if self.tail != "dropped" else _among(self.row, self.maybe)
        return _among(self.row, sure) if sure.any() else None, flat


def total_variation(one: Bounded, other: Bounded) -> Interval:
    """Return the total variation of what two presets draw from at a position.

    With u = p - q it is the sum of all u > 0. That of the reported tokens is at most all; it is
    all where the first preset keeps no other token. What p and q have in common is 1 less it.
    """
    if _are_same(one, other):
        return Interval(0.0, 0.0)
    (p_low, p_high), (q_low, q_high) = (
        Interval(*(ends[one.told] for ends in each.probabilities)) for each in (one, other)
    )
    low = max(_excess(p_low, q_high), _excess(q_low, p_high))
    high = 1.0 - float(np.minimum(p_low, q_low).sum())
    if one.tail == "dropped":
        high = min(high, _excess(p_high, q_low))
    if other.tail == "dropped":
        high = min(high, _excess(q_high, p_low))
    return Interval(min(low, 1.0), min(max(low, high), 1.0))


def _are_same(one: Bounded, other: Bounded) -> bool:
    """Whether two presets draw from the same distribution, whatever the tail is."""
    if one.preset.keywords() == other.preset.keywords():
        return True
    if not (one.is_decided and other.is_decided and (one.sure == other.sure).all()):
        return False
    is_one_token = one.tail == "dropped" and np.count_nonzero(one.sure) == 1
    return one.tail == other.tail and (one.temperature == other.temperature or is_one_token)


def _excess(p: Array, q: Array) -> float:
    return float(np.maximum(p - q, 0.0).sum())


def _among(row: Reported, kept: Mask) -> Reported:
    """Return the distribution of some of the reported tokens among themselves."""
    logprobs = row.logprobs[kept]
    # The sum of what is kept is rounded as its terms are; so is which tokens are the likeliest.
    delta = 2 * float(row.delta[row.logprobs > -math.inf].max())
    return Reported(
        np.minimum(logprobs - log_sum(logprobs), 0.0),
        vocabulary=logprobs.size,
        applied_temperature=row.applied_temperature,
        delta=delta,
    )


def _agreement(row: Reported, temperature: float) -> Interval:
    low, high = (np.square(ends).sum() for ends in row.softmax(temperature))
    tail = row.not_reported(temperature)
    high += tail.high * min(row.any_other(temperature), tail.high)
    return Interval(min(float(low + tail.low**2 / max(row.tail_size, 1.0)), 1.0), min(high, 1.0))


def _distinct(row: Reported, temperature: float, draws: int) -> Interval:
    low, high = (float(distinct(ends, draws).sum()) for ends in row.softmax(temperature))
    tail, one = row.not_reported(temperature), row.any_other(temperature)
    # The chance is concave in p: it is the least where the tail is heaped up, as steep as at the
    # heap, and the most where it is spread evenly.
    if tail.low > 0:
        low += tail.low / one * float(distinct(np.array(one), draws))
    if tail.high > 0:
        size = row.tail_size
        spread = draws * tail.high
        if size < math.inf:
            spread = size * float(distinct(np.array(tail.high / size), draws))
        high += spread
    return Interval(min(low, float(draws)), min(high, float(draws)))
