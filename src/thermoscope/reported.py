"""`Reported`: one distribution of which a server reported some tokens, and what it can tell.

The other tokens, the tail, are known by their sum m alone, and each is at most as likely as the
least of the K likeliest, the cap c. At another temperature a probability p counts as p ** a,
with a = T0 / T. So much of the tail may be spread evenly or heaped up to the cap, and every
probability and measure has an interval: the values that some tail within these bounds gives it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from copy import copy
from typing import Any, Final, NamedTuple, SupportsIndex

import numpy as np
from numpy.typing import ArrayLike, NDArray

from thermoscope.arguments import (
    ArgumentError,
    Incomplete,
    applied_temperature_of,
    log_base,
    number_in,
    one_measure,
    one_row,
    one_temperature,
    real,
    whole,
)

__all__ = ["Interval", "Reported", "Token", "float32_error"]

Array = NDArray[np.float64]

# Relative error of a probability as computed here, for each unit of |log w|, and of -log p.
EPS: Final = 2.0**-50
# Relative error of m / c, where it is counted in whole tokens.
COUNTING: Final = 2.0**-40
# Log-probabilities as float32 has them: of themselves, and of the sum of a softmax.
FLOAT32: Final = 2.0**-23
FLOAT32_SUM: Final = 2.0**-21
# Sums of probabilities that are further above 1 are an error.
SUM_TOLERANCE: Final = 1e-2
# Beyond this T0 / T, no two doubles that differ are within reach of each other: T counts as 0.
STEEPEST: Final = 1e300
# More tokens in one than this have no fraction of a token left.
NO_FRACTION: Final = 52 * math.log(2)


class Interval(NamedTuple):
    """The least and the greatest value: two numbers, or two arrays of them.

    Examples
    --------
    >>> import thermoscope as ts
    >>> low, high = ts.perplexity(ts.Reported([-0.5, -1.5], vocabulary=1000), 0.7)
    >>> round(low, 2), round(high, 2)
    (1.78, 2.25)
    """

    low: Any
    high: Any


class Weights(NamedTuple):
    """Weights of tokens at a temperature, in logarithms relative to the likeliest.

    Attributes
    ----------
    low, high : ndarray of float64
    tail : Interval
        The sum of the weights of the tail.
    cap : float
        The most that one token of the tail may have.
    """

    low: Array
    high: Array
    tail: Interval
    cap: float


class Token(NamedTuple):
    """A token as the server names it.

    Attributes
    ----------
    text : str
        "token 123" where the server told the number alone.
    id : int or None
        Its number in the vocabulary.
    bytes : bytes or None
        Tokens that are a part of a character have the same text, and other bytes.
    """

    text: str
    id: int | None
    bytes: bytes | None


class Reported(Incomplete):
    """The log-probabilities of some tokens of one position, as a server reports them.

    `softmax`, `entropy`, `perplexity`, `keep`, `truncate`, `temperature_for`, `sweep` and `plot`
    take it in place of logits and give intervals. With exact numbers the intervals are the
    tightest: at both ends is the value for some tail. Where `delta` is more than 0 they are wider.

    Parameters
    ----------
    logprobs : array_like, shape (K,)
        Log-probabilities in nats, in any order. -inf is a token whose probability was not told:
        it belongs to the tail. If they are `processed`, it was dropped and has 0.
    vocabulary : int, optional
        How many tokens there are. Without it intervals are one-sided: the tail may be spread over
        any number of tokens.
    applied_temperature : float, optional
        The temperature T0 at which the server computed the log-probabilities.
    drawn : int, optional
        Which of the tokens was drawn; -1 where it is not known. Servers report it also where it is
        not one of the likeliest, so as the least likely one it is no bound for the tail.
    tokens : sequence of Token, optional
        Text, id and bytes of each.
    processed : bool, optional
        Whether the log-probabilities are those after penalties and truncation, which can't be
        undone; None where it is not known.
    delta : float or array_like, shape (K,), optional
        How far each log-probability may be from the true one. The default is 0, or for float32
        and narrower arrays what these round.
    cap : float, optional
        The logarithm of the highest probability that a token of the tail may have, where it is
        known better: by default that of the least likely reported token but for `drawn`.

    Attributes
    ----------
    logprobs, delta : ndarray of float64, shape (K,)
    tail : float
        The logarithm of the probability of all other tokens together.
    cap : float
    vocabulary : int or None
    applied_temperature : float
    drawn : int
    tokens : tuple of Token, or None
    processed : bool or None

    Raises
    ------
    ArgumentError
        If the probabilities sum to more than 1, or `vocabulary` has no room for the tail.

    Examples
    --------
    >>> import numpy as np
    >>> import thermoscope as ts
    >>> reported = ts.Reported(np.log([0.5, 0.2, 0.1]), vocabulary=1000)
    >>> low, high = ts.softmax(reported, 0.5)
    >>> low.round(3), high.round(3)
    (array([0.781, 0.125, 0.031]), array([0.833, 0.133, 0.033]))
    >>> low, high = ts.entropy(reported, 2)
    >>> round(low, 3), round(high, 3)
    (1.55, 6.664)

    At the temperature of the server, the probabilities are those that it reported:

    >>> ts.softmax(reported, 1).high.round(3)
    array([0.5, 0.2, 0.1])
    """

    def __init__(
        self,
        logprobs: ArrayLike,
        *,
        vocabulary: SupportsIndex | None = None,
        applied_temperature: float = 1.0,
        drawn: SupportsIndex = -1,
        tokens: Sequence[Token] | None = None,
        processed: bool | None = None,
        delta: ArrayLike | None = None,
        cap: float | None = None,
    ) -> None:
        given = real("logprobs", logprobs)
        self.logprobs = one_row("logprobs", logprobs)
        if not (self.logprobs <= 0).all():
            wrong = self.logprobs[~(self.logprobs <= 0)][0]
            raise ArgumentError("logprobs", f"must be <= 0, got {wrong}")
        size = self.logprobs.size
        told = self.logprobs > -math.inf
        if not told.any():
            raise ArgumentError("logprobs", "must have a token above -inf, got none")
        self.applied_temperature = applied_temperature_of(applied_temperature) or 1.0
        self.drawn = whole("drawn", drawn, -1)
        if self.drawn >= size:
            raise ArgumentError("drawn", f"must be -1 to {size - 1}, got {self.drawn}")
        self.tokens = None if tokens is None else tuple(tokens)
        if self.tokens is not None and len(self.tokens) != size:
            raise ArgumentError("tokens", f"must be {size}, got {len(self.tokens)}")
        self.processed = processed
        if delta is None:
            narrow = given.dtype.kind == "f" and given.dtype.itemsize < self.logprobs.itemsize
            delta = float32_error(np.where(told, self.logprobs, 0.0)) if narrow else 0.0
        self.delta = np.array(np.broadcast_to(real("delta", delta).astype(np.float64), size))
        if not ((self.delta >= 0) & (self.delta < math.inf)).all():
            raise ArgumentError("delta", f"must be finite and >= 0, got {delta}")
        self.delta.flags.writeable = False
        self.vocabulary = None if vocabulary is None else whole("vocabulary", vocabulary)
        if self.vocabulary is not None and self.vocabulary < size:
            raise ArgumentError(
                "vocabulary",
                f"must be at least the {size} tokens that are reported, got {self.vocabulary}",
            )
        self._told = told
        others = np.flatnonzero(told & (np.arange(size) != self.drawn))
        # A drawn token alone says nothing about the others.
        least = others[np.argmin(self.logprobs[others])] if others.size else None
        highest = self.cap = 0.0 if least is None else float(self.logprobs[least])
        if least is not None:
            highest = min(self.cap + float(self.delta[least]), 0.0)
        if cap is not None:
            self.cap = number_in("cap", cap, "[-inf, 0]")
            # One of the tokens, rounded as that one.
            same = self.delta[self.logprobs == self.cap]
            highest = min(self.cap + float(same.max(initial=0.0)), 0.0)
        low, high = self.logprobs - self.delta, np.minimum(self.logprobs + self.delta, 0.0)
        # What a sampler has dropped is no token of the tail.
        dropped = int(np.count_nonzero(~told)) if processed else 0
        left = None if self.vocabulary is None else self.vocabulary - dropped
        self._known = _known(self.logprobs[told], low[told], high[told], highest, left)
        self.tail = min(_log(self._known.left), self._known.mass.high)

    def __repr__(self) -> str:
        of = "an unknown number" if self.vocabulary is None else f"{self.vocabulary:,}"
        return (
            f"<Reported: {self.logprobs.size} of {of} tokens, {_exp(self.tail):.3g} not reported, "
            f"at T = {self.applied_temperature:g}>"
        )

    def __len__(self) -> int:
        return self.logprobs.size

    @property
    def is_exact(self) -> bool:
        """Whether no number is rounded."""
        return not self.delta.any()

    @property
    def tail_size(self) -> float:
        """How many tokens the tail has; inf where it is not known."""
        return self._known.size_of_tail

    @property
    def highest_cap(self) -> float:
        """The cap, as high as its rounding allows."""
        return self._known.cap

    @property
    def told(self) -> Interval:
        """The log-probabilities above -inf, as an interval."""
        return Interval(self._known.low, self._known.high)

    def drawing(self, at: int, tokens: tuple[Token, ...] | None = None) -> Reported:
        """Return the same distribution, with one of its tokens as the one drawn.

        `tokens` are equal ones, which several distributions share.
        """
        found = copy(self)
        found.drawn = at
        found.tokens = self.tokens if tokens is None else tokens
        return found

    def shortened(self, count: int) -> Reported:
        """Return the same with the likeliest tokens and the drawn one; the others are the tail.

        Parameters
        ----------
        count : int
            How many of the likeliest tokens to keep.

        Examples
        --------
        >>> Reported(np.log([0.5, 0.2, 0.2, 0.1]), vocabulary=4, drawn=3).shortened(1)
        <Reported: 2 of 4 tokens, 0.4 not reported, at T = 1>
        """
        if len(self) <= count + 1:
            return self
        # Of all those that are as likely as the last one, the first ones.
        least = np.partition(self.logprobs, -count)[-count]
        likely = np.flatnonzero(self.logprobs >= least)
        likeliest = likely[np.argsort(-self.logprobs[likely], kind="stable")[:count]]
        kept = np.union1d(likeliest, [self.drawn] if self.drawn >= 0 else [])
        kept = kept[self._told[kept.astype(np.intp)]].astype(np.intp)
        tokens = self.tokens
        return Reported(
            self.logprobs[kept],
            vocabulary=self.vocabulary,
            applied_temperature=self.applied_temperature,
            drawn=int(np.searchsorted(kept, self.drawn)) if self.drawn in kept else -1,
            tokens=None if tokens is None else [tokens[at] for at in kept.tolist()],
            processed=self.processed,
            delta=self.delta[kept],
        )

    def weights(self, temperature: ArrayLike) -> Weights:
        """Return the weights of all tokens above -inf, and of the tail."""
        return self._at(temperature).weights()

    def log_softmax(self, temperature: ArrayLike = 1.0) -> Interval:
        """Return the log-probability of each reported token at a temperature, as an interval."""
        low = np.full(self.logprobs.size, -math.inf)
        high = low.copy()
        at = self._at(temperature)
        low[self._told], high[self._told] = at.log_softmax()
        if not self.processed:
            high[~self._told] = at.any_other()
        return Interval(low, high)

    def softmax(self, temperature: ArrayLike = 1.0) -> Interval:
        """Return the probability of each reported token at a temperature, as an interval."""
        low, high = self.log_softmax(temperature)
        return Interval(np.exp(low), np.exp(high))

    def not_reported(self, temperature: ArrayLike = 1.0) -> Interval:
        """Return the probability of all tokens of the tail together, as an interval.

        Examples
        --------
        >>> reported = Reported(np.log([0.5, 0.2, 0.1]), vocabulary=1000)
        >>> [round(end, 3) for end in reported.not_reported(0.5)]
        [0.0, 0.063]
        """
        return self._at(temperature).tail()

    def any_other(self, temperature: ArrayLike = 1.0) -> float:
        """Return the highest probability that one token of the tail may have.

        Examples
        --------
        >>> round(Reported(np.log([0.5, 0.2, 0.1]), vocabulary=1000).any_other(0.5), 3)
        0.032
        """
        return _exp(self._at(temperature).any_other())

    def entropy(self, temperature: ArrayLike = 1.0, *, base: float | None = None) -> Interval:
        """Return the entropy at a temperature, in nats unless `base` is given, as an interval."""
        unit = log_base(base)
        low, high = self._at(temperature).entropy()
        return Interval(low / unit, high / unit)

    def perplexity(self, temperature: ArrayLike = 1.0) -> Interval:
        """Return the number of effective choices at a temperature, as an interval."""
        return perplexity_of(self.entropy(temperature))

    def surprisal(self, temperature: ArrayLike = 1.0, *, base: float | None = None) -> Interval:
        """Return -log p of the drawn token, in nats unless `base` is given, as an interval.

        Raises
        ------
        ArgumentError
            If it is not known which token was drawn.

        Examples
        --------
        >>> reported = Reported(np.log([0.5, 0.2, 0.1]), vocabulary=1000, drawn=1)
        >>> [round(end, 3) for end in reported.surprisal(0.5)]
        [2.015, 2.079]
        """
        if self.drawn < 0:
            raise ArgumentError("drawn", f"must be the drawn token, got {self.drawn}")
        unit = log_base(base)
        low, high = (float(ends[self.drawn]) for ends in self.log_softmax(temperature))
        return Interval(0.0 - high / unit, 0.0 - low / unit)

    def top_probability(self, temperature: ArrayLike = 1.0) -> Interval:
        """Return the probability of the likeliest token at a temperature, as an interval."""
        at = self._at(temperature)
        low, high = (max(ends.tolist()) for ends in at.log_softmax())
        if self._known.cap > self._known.high.max():
            high = max(high, at.any_other())
        return Interval(_exp(low), _exp(high))

    def kept_mass(self, kept: ArrayLike, temperature: ArrayLike = 1.0) -> Interval:
        """Return the probability of some of the reported tokens together, as an interval.

        Parameters
        ----------
        kept : array_like of bool, shape (K,)
            Which tokens.
        temperature : float, optional
            In [0, inf].

        Examples
        --------
        >>> reported = Reported(np.log([0.5, 0.2, 0.1]), vocabulary=1000)
        >>> [round(end, 3) for end in reported.kept_mass([True, True, False], 0.5)]
        [0.906, 0.967]
        """
        mask = np.asarray(kept)
        if mask.shape != self.logprobs.shape or mask.dtype != np.bool_:
            problem = f"must be {self.logprobs.size} bools, got {mask.dtype} of shape {mask.shape}"
            raise ArgumentError("kept", problem)
        low, high = self._at(temperature).portion_of(mask[self._told])
        is_known = self.processed or not (mask & ~self._told).any()
        return Interval(low, high if is_known else 1.0)

    def temperature_for(
        self,
        *,
        entropy: ArrayLike | None = None,
        perplexity: ArrayLike | None = None,
        top_probability: ArrayLike | None = None,
        base: float | None = None,
    ) -> Interval:
        """Return the temperatures at which a measure may have a wanted value, as an interval.

        Exactly one of the measures is given; `base` is that of the entropy.

        Raises
        ------
        ArgumentError
            If no temperature gives the value, whatever the tail is.

        Examples
        --------
        >>> reported = Reported(np.log([0.5, 0.2, 0.1]), vocabulary=1000)
        >>> [round(end, 3) for end in reported.temperature_for(entropy=1.0)]
        [0.617, 0.749]
        """
        name, wanted = one_measure(
            entropy=entropy, perplexity=perplexity, top_probability=top_probability
        )
        value = number_in(name, wanted, "(-inf, inf)")
        nats = value * log_base(base) if name == "entropy" else _log(value)
        if name == "top_probability":
            nats = -nats

        def ends(temperature: float) -> Interval:
            """Return the measure in nats, which rises with the temperature."""
            if name == "top_probability":
                low, high = self.top_probability(temperature)
                return Interval(-_log(high), -_log(low))
            return self.entropy(temperature)

        at_zero, at_infinity = ends(0.0), ends(math.inf)
        slack = 4 * EPS * (1 + abs(nats))
        if not at_zero.low - slack <= nats <= at_infinity.high + slack:
            of_nats = _from_nats(name, log_base(base))
            problem = (
                f"must be between {of_nats(at_zero.low):.6g} at T = 0 and "
                f"{of_nats(at_infinity.high):.6g} at T = inf, got {value:g}"
            )
            raise ArgumentError(name, problem)
        return Interval(
            _first(lambda t: ends(t).high >= nats - slack),
            _first(lambda t: ends(t).low > nats + slack),
        )

    def logprobs_needed(self, temperature: ArrayLike = 1.0, *, within: float = 0.1) -> int:
        """Estimate how many log-probabilities to ask for, to know the entropy well enough.

        Which tokens follow is not known, so this is a guess: that the probability falls as a power
        of the rank from the last one that is reported, with the mass of the tail.

        Parameters
        ----------
        temperature : float, optional
            In [0, inf].
        within : float, optional
            How far the entropy may be from the middle of its interval, in nats.

        Returns
        -------
        int
            The number of the reported tokens where these are enough.

        Raises
        ------
        ArgumentError
            If the vocabulary is not known.

        Examples
        --------
        >>> reported = Reported(np.log([0.5, 0.2, 0.1]), vocabulary=1000)
        >>> reported.logprobs_needed()
        12
        """
        if self.vocabulary is None:
            raise ArgumentError("vocabulary", "must be given, to guess what the other tokens have")
        width = number_in("within", within, "(0, inf)")
        # A token that was reported because it was drawn may be one of those that would follow.
        likely = self._known.logprobs[self._known.logprobs >= self.cap]
        likely = likely if likely.size else self._known.logprobs
        falling = _continued(np.sort(likely)[::-1], self.vocabulary)

        def is_enough(count: int) -> bool:
            known = Reported(
                falling[:count],
                vocabulary=self.vocabulary,
                applied_temperature=self.applied_temperature,
            )
            low, high = known.entropy(temperature)
            return bool(high - low <= 2 * width)

        few, many = likely.size, falling.size
        if is_enough(few):
            return few
        while many - few > 1:
            middle = (few + many) // 2
            few, many = (few, middle) if is_enough(middle) else (middle, many)
        return many

    def _at(self, temperature: ArrayLike) -> _Scaled:
        t = one_temperature(temperature)
        a = 0.0 if t == math.inf else math.inf if t == 0 else self.applied_temperature / t
        return _Scaled(self._known, math.inf if a > STEEPEST else a)


class _Known(NamedTuple):
    """What is known at the temperature of the server: the tokens that are told, and the tail."""

    logprobs: Array
    low: Array
    high: Array
    size_of_tail: float
    mass: Interval
    cap: float
    # What the probabilities lack to 1.
    left: float


def _known(logprobs: Array, low: Array, high: Array, cap: float, vocabulary: int | None) -> _Known:
    """Find how many tokens the tail has, and the least and the most that they sum to."""
    count = math.inf if vocabulary is None else float(vocabulary - logprobs.size)
    left = missing(logprobs)
    # What float64 rounds off.
    error = 2.0**-51 * math.fsum((-logprobs * np.exp(logprobs)).tolist())
    least, most = missing(high) - error, missing(low) + error
    if most < -SUM_TOLERANCE:
        raise ArgumentError("logprobs", f"must sum to at most 1, got {1 - left:.6g}")
    if count == 0 and least <= SUM_TOLERANCE:
        most = 0.0
    room = math.log(count) + cap if count else -math.inf
    if least > _exp(room) * (1 + 1e-6) and _log(most) > room:
        problem = (
            f"must be more: {left:.3g} of the probability is not reported, and each other token "
            f"has at most {_exp(cap):.3g}, got {vocabulary:,}"
        )
        raise ArgumentError("vocabulary", problem)
    # In logarithms: a tail of one token at the cap is exactly that.
    largest = min(_log(most), room)
    mass = Interval(min(_log(least), largest), largest)
    return _Known(logprobs, low, high, count, mass, cap, left)


def _continued(likely: Array, vocabulary: int) -> Array:
    """Return the log-probabilities of all tokens, falling, the tail as a power of the rank."""
    count, mass = likely.size, _log(missing(likely))
    if count == vocabulary or mass == -math.inf:
        return likely
    log_rank = np.log(np.arange(count + 1, vocabulary + 1) / count)
    cap = min(float(likely[-1]), mass)

    def is_little(slope: float) -> bool:
        return bool(log_sum(cap - slope * log_rank) <= mass)

    tail = cap - _bisect(is_little, 0.0, 1e3) * log_rank
    # No more than is left, whatever is rounded.
    return np.concatenate([likely, tail + min(mass - log_sum(tail), 0.0) - EPS])


class _Group(NamedTuple):
    """Tokens with weights w, in logarithms relative to that of the likeliest reported one.

    The mean of log w within the group is `log_sum` - `entropy`.
    """

    log_sum: float
    entropy: float


_NONE: Final = _Group(-math.inf, 0.0)


class _Scaled:
    """A reported distribution at a = T0 / T, with weights w = (p / p_top) ** a."""

    def __init__(self, known: _Known, a: float) -> None:
        top = float(known.logprobs.max())
        self.a, self.known = a, known
        self.log_p, self.low_p, self.high_p = (
            each - top for each in (known.logprobs, known.low, known.high)
        )
        self.count = known.size_of_tail
        self.mass = Interval(known.mass.low - top, known.mass.high - top)
        # That of a token. None of the tail has more than all of them, which may be a rounding less.
        self.cap_of_token = known.cap - top
        self.cap = min(self.cap_of_token, self.mass.high)
        self.is_exact = bool((known.low == known.high).all())
        # A drawn token below the cap may be less likely than tokens of the tail.
        self.has_extra = bool(known.cap > known.high.min())
        self.at_zero = a == math.inf
        if not self.at_zero:
            self.log_w, self.low, self.high = a * self.log_p, a * self.low_p, a * self.high_p

    def log_softmax(self) -> tuple[Array, Array]:
        """Return the least and greatest log-probabilities of the tokens that are reported."""
        if self.at_zero:
            return self._log_softmax_at_zero()
        if self.a == 1:
            return self.known.low, self.known.high
        least, most = self._tail_sums()
        # Of each token, how much all others have beside it; and what is lost in computing it.
        error = np.minimum(EPS * (1 + np.abs(self.log_w)), 1.0)
        beside_low = np.logaddexp(sums_of_others(self.high), most) - self.low + error
        beside_high = np.logaddexp(sums_of_others(self.low), least) - self.high - error
        low, high = -np.logaddexp(0.0, beside_low), -np.logaddexp(0.0, beside_high)
        return low * (1 + EPS), high * (1 - EPS)

    def _log_softmax_at_zero(self) -> tuple[Array, Array]:
        leads, ties, is_sure = self._leaders()
        count = int(np.count_nonzero(leads))
        low = -math.log(count + ties) if is_sure else -math.inf
        high = -math.log(count) if is_sure else 0.0
        return np.where(leads, low, -math.inf), np.where(leads, high, -math.inf)

    def weights(self) -> Weights:
        """Return all weights."""
        if not self.at_zero:
            return Weights(self.low, self.high, self._tail_sums(), self.a * self.cap)
        leads, ties, is_sure = self._leaders()
        high = np.where(leads, 0.0, -math.inf)
        low = high if is_sure else np.full(high.size, -math.inf)
        return Weights(low, high, Interval(-math.inf, _log(ties)), 0.0 if ties else -math.inf)

    def _leaders(self) -> tuple[NDArray[np.bool_], float, bool]:
        """Return the tokens that may lead, how many of the tail may, and whether all of them tie.

        Where they do not tie for sure, each may be the only one.
        """
        best = float(self.low_p.max())
        leads = self.high_p >= best
        ties = 0.0
        if self.mass.high > -math.inf and self.cap_of_token >= best:
            ties = min(math.floor(_exp(self.mass.high - best) * (1 + COUNTING)), self.count)
        ahead = ties > 0 and self.cap > float(self.high_p.max())
        is_sure = not ahead and (self.is_exact or np.count_nonzero(leads) == 1)
        return leads, ties, is_sure

    def _tail_sums(self) -> Interval:
        """Return the least and greatest log of the tail's sum of weights."""
        least, most = self.mass
        if self.a > 1:
            low, high = _spread(self.a, least, self.count), _heaped(self.a, most, self.cap, 1)
        else:
            low, high = _heaped(self.a, least, self.cap, -1), _spread(self.a, most, self.count)
        return Interval(low.log_sum, high.log_sum)

    def tail(self) -> Interval:
        """Return the least and greatest probability of the tail."""
        if self.at_zero:
            leads, ties, is_sure = self._leaders()
            if ties and not is_sure:
                return Interval(0.0, 1.0)
            return Interval(0.0, ties / (ties + int(np.count_nonzero(leads))))
        least, most = self._tail_sums()
        return Interval(
            _portion(least, log_sum(self.high), -1), _portion(most, log_sum(self.low), 1)
        )

    def portion_of(self, kept: NDArray[np.bool_]) -> tuple[float, float]:
        """Return the least and greatest probability of some tokens together."""
        if self.at_zero:
            leads, ties, is_sure = self._leaders()
            count, among = np.count_nonzero(leads), np.count_nonzero(leads & kept)
            if is_sure or among in {0, count}:
                most = among / count
                sure = ties == 0 or is_sure
                return (among / (count + ties) if sure else 0.0), most
            return 0.0, 1.0
        least, most = self._tail_sums()
        others_low = np.logaddexp(log_sum(self.low[~kept]), least)
        others_high = np.logaddexp(log_sum(self.high[~kept]), most)
        return (
            _portion(log_sum(self.low[kept]), others_high, -1),
            _portion(log_sum(self.high[kept]), others_low, 1),
        )

    def any_other(self) -> float:
        """Return the log of the highest probability that one token of the tail may have."""
        if self.mass.high == -math.inf:
            return -math.inf
        if self.at_zero:
            leads, ties, is_sure = self._leaders()
            if not ties:
                return -math.inf
            return -math.log(np.count_nonzero(leads) + 1) if is_sure else 0.0
        # The others of the tail have the least weight that what is left allows.
        rest = _log(_exp(self.mass.low) * (1 - EPS) - _exp(self.cap))
        if self.a > 1:
            group = _spread(self.a, rest, self.count - 1)
        else:
            group = _heaped(self.a, rest, self.cap, -1)
        log_w = self.a * self.cap
        error = min(EPS * (1 + abs(log_w)), 1.0)
        others = np.logaddexp(log_sum(self.low), group.log_sum)
        return -float(np.logaddexp(0.0, others - log_w - error)) * (1 - EPS)

    def entropy(self) -> Interval:
        """Return the least and greatest entropy, in nats."""
        if self.at_zero:
            leads, ties, is_sure = self._leaders()
            count = int(np.count_nonzero(leads))
            return Interval(math.log(count) if is_sure else 0.0, math.log(count + ties))
        sums = Interval(log_sum(self.low), log_sum(self.high))
        least, most = self._entropy_of_reported()
        if self.a > 1:
            low = self._least_when_sharper(_Group(sums.high, least))
            high = self._most_when_sharper(_Group(sums.low, most))
        else:
            low, high = self._when_flatter(sums, least, most)
        slack = self._slack(sums, most)
        low, high = low - slack, high + slack
        low, high = low - EPS * (1 + abs(low)), high + EPS * (1 + abs(high))
        # No more than all tokens alike, and no less than 0.
        return Interval(max(low, 0.0), min(high, math.log(self.log_p.size + self.count)))

    def _entropy_of_reported(self) -> Interval:
        """Return the least and greatest entropy of the reported tokens among themselves."""
        log_r = self.log_w - log_sum(self.log_w)
        r = np.exp(log_r)
        value = -math.fsum((r * np.where(r > 0, log_r, 0.0)).tolist())
        if self.is_exact:
            return Interval(value, value)
        # The slope of the entropy by log w is r (mean - log w), within these bounds.
        low = -np.logaddexp(0.0, sums_of_others(self.high) - self.low)
        high = -np.logaddexp(0.0, sums_of_others(self.low) - self.high)
        r_high = np.exp(high)
        at_low, at_high = (
            -np.exp(end) * np.where(end > -math.inf, end, 0.0) for end in (low, high)
        )
        each = np.where((low < -1) & (high > -1), math.exp(-1), np.maximum(at_low, at_high))
        most = min(math.log(r.size), float(each.sum()))
        moved = (self.high - self.low) / 2
        with np.errstate(over="ignore", invalid="ignore"):
            slope = np.where(r_high > 0, r_high * np.maximum(-low, most), 0.0)
            error = float(np.where(slope > 0, slope * moved, 0.0).sum())
        return Interval(max(value - error, 0.0), min(value + error, math.log(r.size)))

    def _slack(self, sums: Interval, most: float) -> float:
        """Return what the rounding of `sums` may add where tokens of the tail are as likely.

        The entropy is log-concave in the odds of two groups, with a curvature of at most 1/4.
        """
        if self.mass.high == -math.inf:
            return 0.0
        above = self.a * self.cap + most - sums.low
        if not above > 0:
            return 0.0
        moved = sums.high - sums.low + self.a * (self.mass.high - self.mass.low)
        return float(min(above * above / 8, above * moved / 4))

    def _when_flatter(self, sums: Interval, least: float, most: float) -> tuple[float, float]:
        """Return the bounds for a <= 1: the tail heaped up is the least, spread evenly the most."""
        a, cap = self.a, self.cap
        heaped = _heaped(a, self.mass.low, cap, -1)
        spread = _spread(a, self.mass.high, self.count)
        # Where reported tokens may be less likely than the tail, any sum may have any entropy.
        is_mixed = self.has_extra and a * cap + most > sums.low
        other = spread if is_mixed else heaped
        low = min(
            _entropy(_Group(sums.high, least), heaped),
            _entropy(_Group(sums.low, least), _Group(other.log_sum, heaped.entropy)),
        )
        # The sum of the tail at which the entropy is highest, if that is within reach.
        best = sums.low - most + spread.entropy
        high = _entropy(_Group(sums.low, most), _Group(min(spread.log_sum, best), spread.entropy))
        return low, high

    def _most_when_sharper(self, reported: _Group) -> float:
        """Return the highest entropy for a > 1: some tokens of the tail alike, the others 0."""
        a, mass = self.a, self.mass.high
        if mass == -math.inf:
            return reported.entropy
        mean = reported.log_sum - reported.entropy

        # By the log-probability of these tokens, which falls as there are more of them.
        def enough(log_p: float) -> bool:
            distance = mean - a * log_p
            if distance <= 0:
                return False
            others = _alike(a, mass, log_p).log_sum - reported.log_sum
            log_rest = -float(np.logaddexp(0.0, others))
            return math.log(a - 1) + math.log(distance) + log_rest >= 0

        least = mass - _log(self.count)
        if least == -math.inf:
            least = self.cap - 1
            while not enough(least):
                least -= self.cap - least
        # Upside down, as the condition holds below.
        best = -_bisect(lambda minus: enough(-minus), -self.cap, max(-self.cap, -least))
        return _entropy(reported, _alike(a, mass, best))

    def _least_when_sharper(self, reported: _Group) -> float:
        """Return the least entropy for a > 1: some tokens at the cap, the others spread evenly."""
        a, mass, count = self.a, self.mass.low, self.count
        if mass == -math.inf:
            return reported.entropy
        cap = min(self.cap, mass)
        most = min(_exp(mass - cap - EPS * (1 + abs(mass))), 1e300)

        def rises(capped: float) -> bool:
            group = _capped(a, most, cap, count, capped)
            total = float(np.logaddexp(reported.log_sum, group.log_sum))
            above = total - _entropy(reported, group) - a * cap
            t = (most - capped) / (count - capped) if count > capped else 1.0
            before = t ** (a - 1) if t > 0 else 0.0
            if before == 0:
                return bool(1 + above > 0)
            step = 1 - t * before - a * before * (1 - t)
            log_t = min(math.log(t), 0.0)
            bend = a * t * before * log_t + (1 - t) * a * before * (a * log_t + 1)
            return bool(step * (1 + above) + bend >= 0)

        best = _bisect(rises, 0.0, most)
        return _entropy(reported, _capped(a, most, cap, count, best))


def _spread(a: float, log_mass: float, count: float) -> _Group:
    """Return a tail that is spread evenly over its tokens."""
    if log_mass == -math.inf or count == 0:
        return _NONE
    if count == math.inf:
        if a == 1:
            return _Group(log_mass, math.inf)
        return _NONE if a > 1 else _Group(math.inf, math.inf)
    log_count = math.log(count)
    # Where it is the least, it is rounded down: a large a would show what is lost.
    error = EPS * (1 + abs(log_mass) + log_count) if a > 1 else 0.0
    return _Group(log_count + a * (log_mass - log_count - error), log_count)


def _alike(a: float, log_mass: float, log_p: float) -> _Group:
    """Return tokens that share a mass equally, each with p."""
    return _Group(log_mass - log_p + a * log_p, log_mass - log_p)


def _heaped(a: float, log_mass: float, log_cap: float, way: int) -> _Group:
    """Return a tail with as many tokens at the cap as there can be, and one with what is left.

    The sum is rounded down where `way` is -1, up where it is 1.
    """
    if log_mass == -math.inf:
        return _NONE
    if log_mass - log_cap > NO_FRACTION:
        return _Group(log_mass - log_cap + a * log_cap, log_mass - log_cap)
    tokens = _exp(log_mass - log_cap)
    # At a steep a, or at one near 0, a rounding would be a token less or more.
    whole_tokens = math.floor(tokens * (1 + way * COUNTING))
    if whole_tokens == 0:
        return _Group(a * log_mass, 0.0)
    part = max(tokens * (1 + way * EPS) - whole_tokens, 0.0)
    last = part**a if part else 0.0
    total = whole_tokens + last
    bend = last * a * math.log(part) / total if last else 0.0
    return _Group(a * log_cap + math.log(total), math.log(total) - bend)


def _capped(a: float, tokens: float, log_cap: float, count: float, capped: float) -> _Group:
    """Return a tail of mass `tokens` * cap, `capped` tokens of it at the cap, for a > 1."""
    left, others = tokens - capped, count - capped
    at_cap = _log(capped)
    if left <= 0 or others <= 0 or others == math.inf:
        return _Group(a * log_cap + at_cap, at_cap) if capped else _NONE
    log_t = min(math.log(left / others), 0.0)
    rest = math.log(others) + a * log_t
    total = float(np.logaddexp(at_cap, rest))
    portion = _exp(rest - total)
    return _Group(a * log_cap + total, total - (portion * a * log_t if portion else 0.0))


def _entropy(one: _Group, other: _Group) -> float:
    """Return the entropy of two groups of tokens together."""
    if other.log_sum == -math.inf:
        return one.entropy
    if other.log_sum == math.inf:
        return other.entropy
    odds = other.log_sum - one.log_sum
    total = 0.0
    for sign, group in ((odds, one), (-odds, other)):
        surprisal = float(np.logaddexp(0.0, sign))
        portion = _exp(-surprisal)
        total += portion * (group.entropy + surprisal) if portion else 0.0
    return total


def perplexity_of(entropy: Interval) -> Interval:
    """Return the perplexity that an entropy in nats means; inf beyond the range of doubles."""
    return Interval(*map(_exp, entropy))


def float32_error(logprobs: Any) -> Any:
    """Return how far log-probabilities that were computed in float32 may be from the true ones.

    Examples
    --------
    >>> float32_error(-12.0) == 2**-21 + 12 * 2**-23
    True
    """
    return FLOAT32 * abs(logprobs) + FLOAT32_SUM


def sums_of_others(log_w: Array) -> Array:
    """Return for each entry the log of the sum of all others."""
    top = int(np.argmax(log_w))
    most = log_w[top]
    if most == -math.inf:
        return log_w.copy()
    w = np.exp(log_w - most)
    left = math.fsum(w.tolist()) - w
    # The difference keeps its digits where the largest is among the others. For the largest itself
    # they are summed.
    left[top] = 1.0
    result: Array = most + np.log(left)
    result[top] = log_sum(np.delete(log_w, top))
    return result


def missing(logprobs: Array) -> float:
    """Return what probabilities lack to 1."""
    # The largest is taken off 1 first, by expm1: it may be so near to 1 that 1 - p is rounded.
    at = int(np.argmax(logprobs))
    others = np.exp(np.delete(logprobs, at))
    return math.fsum([-math.expm1(logprobs[at]), *(-others).tolist()])


def log_sum(log_w: Array) -> float:
    """Return the log of a sum, whose terms are given as logs."""
    most = float(log_w.max(initial=-math.inf))
    if most == -math.inf:
        return most
    return most + math.log(math.fsum(np.exp(log_w - most).tolist()))


def _portion(log_w: float, log_others: float, way: int) -> float:
    """Return w / (w + others), rounded down where `way` is -1, up where it is 1."""
    if log_w == -math.inf:
        return 0.0
    error = min(EPS * (1 + abs(log_w)), 1.0)
    surprisal = float(np.logaddexp(0.0, log_others - log_w - way * error))
    return _exp(-surprisal * (1 - way * EPS))


def _bisect(is_beyond: Callable[[float], bool], low: float, high: float) -> float:
    """Return where a condition begins to hold: `low` if it holds there, `high` if nowhere."""
    if is_beyond(low):
        return low
    if not is_beyond(high):
        return high
    while low < (middle := (low + high) / 2) < high:
        low, high = (low, middle) if is_beyond(middle) else (middle, high)
    return high


def _first(is_reached: Callable[[float], bool]) -> float:
    """Return the temperature from which on a condition holds: inf if it holds nowhere below."""
    if is_reached(0.0):
        return 0.0
    # The bits of doubles, read as integers, have their order: 63 halvings reach two neighbours.
    low, high = 0, int(np.float64(math.inf).view(np.int64))
    while high - low > 1:
        middle = (low + high) // 2
        reached = is_reached(float(np.int64(middle).view(np.float64)))
        low, high = (low, middle) if reached else (middle, high)
    return float(np.int64(high).view(np.float64))


def _from_nats(name: str, unit: float) -> Callable[[float], float]:
    if name == "entropy":
        return lambda nats: nats / unit
    return _exp if name == "perplexity" else lambda nats: _exp(-nats)


def _exp(x: float) -> float:
    return math.exp(x) if x < 709 else math.inf


def _log(x: float) -> float:
    return math.log(x) if x > 0 else -math.inf
