"""The temperature at which a sampler has a wanted entropy, or explains targets best."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any, Final, SupportsIndex

import numpy as np
from numpy.typing import ArrayLike, NDArray

from thermoscope.arguments import NO_TARGET, ArgumentError, number_in
from thermoscope.data.dataset import Dataset
from thermoscope.passes import Progress
from thermoscope.reported import Interval, Reported
from thermoscope.samplers.bounds import Bounded
from thermoscope.samplers.compare import Value
from thermoscope.samplers.presets import Given, Preset, preset_of
from thermoscope.samplers.rows import entropy_and_nll
from thermoscope.samplers.sources import KnownRows, ReportedRows, rows_of
from thermoscope.truncation.settings import chain_of

Array = NDArray[np.float64]

__all__ = ["SamplerTemperature", "sampler_temperature"]

# Where the entropy may rise and fall, or a lowest NLL is looked for: it is taken here first.
SCAN: Final = tuple(np.geomspace(0.01, 100, 41).tolist())
STRIDE: Final = SCAN[1] / SCAN[0]
# Where a lowest NLL is looked for if it is not within these: above them, and likewise below.
FURTHER: Final = tuple(np.geomspace(100, 1e12, 41)[1:].tolist())
# Steps in log T after which a root, or a minimum, is found.
ROOT_STEP: Final = 1e-8
MINIMUM_STEP: Final = 1e-4
# Entropies that differ by less, relative to 1 + H, are the same.
SAME: Final = 1e-9
# An entropy that misses the wanted one by more, relative to 1 + H, is told: there is a jump.
JUMP: Final = 1e-4
GOLDEN: Final = (math.sqrt(5) - 1) / 2


@dataclass(frozen=True, eq=False)
class SamplerTemperature:
    """A temperature that gives a sampler what is wanted; see `sampler_temperature`.

    Attributes
    ----------
    temperature : float or Interval
        In [0, inf]. Of rows that are reported in part: between which two it lies.
    settings : dict
        The keywords of `truncate` without the temperature.
    wanted : float or Interval
        The entropy that was asked for, in nats; NaN where it was the lowest NLL.
    entropy : float or Interval
        The mean entropy at the temperature found.
    nll : float or None
        The mean NLL of the targets there, in nats; None where there are none. It is of those that
        can be drawn.
    impossible : int
        How many targets can't be drawn there.
    others : tuple of float
        Other temperatures at which the entropy is the wanted one.
    reason : str
        Why it is not the only or the exact answer, in words; may be empty.
    """

    temperature: Value
    settings: dict[str, Any]
    wanted: Value
    entropy: Value
    nll: float | None = None
    impossible: int = 0
    others: tuple[float, ...] = ()
    reason: str = ""

    @property
    def is_met(self) -> bool:
        """Whether the entropy is the wanted one: it is not where that lies within a jump."""
        if isinstance(self.entropy, Interval) or isinstance(self.wanted, Interval):
            return True
        return not abs(self.entropy - self.wanted) > JUMP * (1 + self.wanted)


def sampler_temperature(
    logits: ArrayLike | Dataset | Reported | Sequence[Reported],
    preset: Given,
    targets: ArrayLike | None = None,
    *,
    entropy: float | None = None,
    like: Given | None = None,
    ignore_index: int | None = NO_TARGET,
    vocabulary: int | None = None,
    axis: SupportsIndex = -1,
    progress: Progress | None = None,
) -> SamplerTemperature:
    """Find one temperature for all rows at which a sampler has a wanted mean entropy.

    Or, with neither `entropy` nor `like`, the one at which the targets have the lowest NLL. The
    other settings of the sampler stay.

    Parameters
    ----------
    logits, targets, ignore_index, vocabulary, axis, progress
        As for `compare_samplers`.
    preset : mapping or str
        The settings of the sampler, as for `compare_samplers`. Its temperature is where the search
        begins.
    entropy : float, optional
        The wanted mean over the rows of the entropy of what is drawn from, in nats.
    like : mapping or str, optional
        The settings of another sampler, whose mean entropy is the wanted one.

    Returns
    -------
    SamplerTemperature
        The temperature, what it gives, and the reason where it is not exact or not the only one.

    Raises
    ------
    TypeError, ValueError
        As for `compare_samplers`. If no temperature gives the entropy: the message has the
        possible range. If there are no targets, or none of them can be drawn.

    See Also
    --------
    temperature_for : one temperature for each row, without truncation.
    fit_temperature : the temperature with the lowest NLL, without truncation.

    Notes
    -----
    With the steps temperature, top_k, top_p and min_p the entropy rises with the temperature: a
    flatter distribution keeps more tokens, and with more tokens it is flatter. So do all engines
    whose temperature is the last step. There the root is bracketed and found by inverse quadratic
    interpolation, with bisection where that is not safe [1]_, to 1e-8 of T. The entropy jumps where
    a token is added; a wanted entropy within a jump has no temperature, and `reason` says so. Each
    row has its own jumps, so over many rows they are small.

    With typical_p, epsilon, eta, top_n_sigma or XTC after the temperature the entropy may also
    fall. Then it is taken at 0, at 41 temperatures from 0.01 to 100 and at inf, and a root is found
    between every two that have the wanted entropy between them. The root nearest to the preset's
    own temperature is given, and the `others` with it.

    The NLL is infinite while a target is dropped. Targets that can't be drawn at any temperature
    are left out and counted in `impossible`. The minimum is looked for at the same 43 temperatures,
    at further ones where the best of them is at an end, and around the best by golden section, to
    1e-4 of T. With truncation after the temperature there may be several; it is one of the lowest.

    References
    ----------
    .. [1] T. R. Chandrupatla, "A new hybrid quadratic/bisection algorithm for finding the zero
       of a nonlinear function without using derivatives", Advances in Engineering Software 28
       (1997), pp. 145-149.

    Examples
    --------
    >>> import thermoscope as ts
    >>> logits = [[2.0, 1.0, 0.1, -1.0], [3.0, 2.5, 0.0, -1.0]]
    >>> found = ts.sampler_temperature(logits, "min_p=0.05,engine=llama.cpp", entropy=0.8)
    >>> round(found.temperature, 4)
    1.25

    The temperature at which vLLM is as uncertain as llama.cpp with its defaults:

    >>> found = ts.sampler_temperature(logits, "engine=vllm,top_k=3", like="llama.cpp")
    >>> round(found.temperature, 4), round(found.entropy, 4)
    (0.7357, 0.694)
    """
    checked = preset_of("preset", preset)
    chain = chain_of(checked.settings)
    if "temperature" not in chain.steps:
        problem = "must have 'temperature' in order, because a temperature is searched for"
        raise ArgumentError("preset", problem)
    rows = rows_of(
        logits,
        targets,
        axis,
        ignore_index=ignore_index,
        vocabulary=vocabulary,
        progress=progress,
    )
    at = _Curve(checked, rows)
    if entropy is not None and like is not None:
        raise ArgumentError("entropy", "must come without like: one of them is wanted")
    if entropy is None and like is None:
        return _lowest_nll(at, chain_rises=_rises(checked))
    if entropy is not None:
        number = number_in("entropy", entropy, "[0, inf)")
        wanted = Interval(number, number)
    elif like is not None:
        other = preset_of("like", like)
        wanted = _Curve(other, rows).entropies([other.temperature])[0]
    if not _rises(checked):
        if isinstance(rows, ReportedRows):
            problem = (
                "must have no step after the temperature but top_k, top_p and min_p where rows are "
                "reported in part: the entropy may rise and fall with the temperature"
            )
            raise ArgumentError("preset", problem)
        return _roots(at, float(wanted.low))
    return _root(at, wanted)


class _Curve:
    """Mean entropy and NLL of a preset over its temperature: each call is a pass over the rows."""

    def __init__(self, preset: Preset, rows: KnownRows | ReportedRows) -> None:
        self.preset, self.rows = preset, rows
        self.number = 0

    def entropies(self, temperatures: Sequence[float]) -> list[Interval]:
        """Return the mean entropy at each temperature."""
        if isinstance(self.rows, KnownRows):
            return [Interval(row[0], row[0]) for row in self.table(temperatures)]
        presets = [self.preset._replace(temperature=t) for t in temperatures]
        self.number += 1
        ends = np.array(
            self.rows.each(
                lambda row: [Bounded(row, preset).entropy() for preset in presets], self.number
            )
        )
        return [Interval(*map(float, each)) for each in ends.mean(axis=0)]

    def table(self, temperatures: Sequence[float]) -> list[list[float]]:
        """Return at each temperature mean entropy, mean finite NLL, and infinite NLLs."""
        presets = [self.preset._replace(temperature=t) for t in temperatures]
        if isinstance(self.rows, KnownRows):
            work = partial(entropy_and_nll, presets=presets, targets=self.rows.targets)
            (table,) = self.rows.passes.run(work)
        else:
            self.number += 1
            each = self.rows.each(
                lambda row: [_decided(row, preset) for preset in presets], self.number
            )
            table = np.sum(each, axis=0)
        with np.errstate(invalid="ignore", divide="ignore"):
            nll = table[:, 1] / (self.targets - table[:, 2])
        means: list[list[float]] = np.stack(
            [table[:, 0] / self.size, nll, table[:, 2]], -1
        ).tolist()
        return means

    @property
    def size(self) -> int:
        """How many rows there are."""
        return self.rows.total if isinstance(self.rows, KnownRows) else len(self.rows.rows)

    @property
    def targets(self) -> int:
        """How many rows have a target."""
        if not isinstance(self.rows, KnownRows):
            return sum(row.drawn >= 0 for row in self.rows.rows)
        if self.rows.targets is None:
            return 0
        return int(np.count_nonzero(self.rows.targets != NO_TARGET))

    def found(
        self, temperature: Value, wanted: Value, entropy: Value, **known: Any
    ) -> SamplerTemperature:
        """Return the result, with the NLL at one temperature."""
        if self.targets and not isinstance(temperature, Interval):
            ((_, nll, impossible),) = self.table([temperature])
            known |= {"nll": nll, "impossible": int(impossible)}
        return SamplerTemperature(temperature, self.preset.settings, wanted, entropy, **known)


def _decided(row: Reported, preset: Preset) -> tuple[float, float, int]:
    """Return the entropy of a reported row, its NLL where that is finite, and whether it is not."""
    sampler = Bounded(row, preset)
    if not sampler.is_decided or (sampler.tail == "kept" and row.tail_size > 0):
        problem = (
            "must be known whole, or the preset must leave out what is not reported, by a top_k of "
            "at most the reported tokens: else the lowest NLL depends on that"
        )
        raise ArgumentError("logits", problem)
    nll = sum(sampler.nll()) / 2
    return (
        sum(sampler.entropy()) / 2,
        nll if math.isfinite(nll) else 0.0,
        int(nll == math.inf),
    )


def _rises(preset: Preset) -> bool:
    """Whether the entropy can't fall while the temperature rises."""
    tempered = grows = False
    for step in chain_of(preset.settings).steps:
        if step == "temperature":
            tempered = True
        elif step == "xtc_probability":
            return False
        elif step in {"top_p", "min_p"}:
            grows |= tempered
        elif step == "top_n_sigma":
            # It looks at logits, not at probabilities, but only at those that are left.
            if grows:
                return False
        elif step != "top_k" and tempered:
            return False
    return True


def _root(at: _Curve, wanted: Interval) -> SamplerTemperature:
    """Find the temperature where the entropy rises with it."""
    zero, infinite = at.entropies([0.0, math.inf])
    slack = SAME * (1 + wanted.high)
    if wanted.high < zero.low - slack or wanted.low > infinite.high + slack:
        raise _out_of_range(wanted, (zero.low, "0"), (infinite.high, "inf"))
    seen: dict[float, Interval] = {0.0: zero, math.inf: infinite}

    def entropy(t: float) -> Interval:
        if t not in seen:
            seen[t] = at.entropies([t])[0]
        return seen[t]

    start = at.preset.temperature if 0 < at.preset.temperature < math.inf else 1.0
    if not isinstance(at.rows, KnownRows):
        low = min(_crossing(lambda t: entropy(t).high - wanted.low + slack, start))
        high = max(_crossing(lambda t: entropy(t).low - wanted.high - slack, start))
        asked = wanted.low if wanted.low == wanted.high else wanted
        there = Interval(entropy(low).low, entropy(high).high)
        return at.found(Interval(low, high), asked, there)
    value = wanted.low
    if abs(zero.low - infinite.low) <= slack:
        return at.found(start, value, zero.low, reason="every temperature gives this entropy")
    for end in (0.0, math.inf):
        if abs(entropy(end).low - value) <= slack:
            return at.found(end, value, entropy(end).low)
    ends = _crossing(lambda t: entropy(t).low - value, start)
    best = min(ends, key=lambda t: abs(entropy(t).low - value))
    reason = ""
    if abs(entropy(best).low - value) > JUMP * (1 + value):
        below, above = (entropy(t).low for t in sorted(ends))
        reason = (
            f"no temperature gives it: the entropy jumps there from {below:.6g} to {above:.6g}, "
            "as tokens are added"
        )
    return at.found(best, value, entropy(best).low, reason=reason)


def _roots(at: _Curve, wanted: float) -> SamplerTemperature:
    """Find all temperatures that a scan tells apart, where the entropy may rise and fall."""
    scan = [0.0, *SCAN, math.inf]
    found = [interval.low for interval in at.entropies(scan)]
    slack = SAME * (1 + wanted)
    if wanted < min(found) - slack or wanted > max(found) + slack:
        low, high = ((edge, f"{scan[found.index(edge)]:.6g}") for edge in (min(found), max(found)))
        raise _out_of_range(Interval(wanted, wanted), low, high, " of all that were tried")
    seen: dict[float, float] = dict(zip(scan, found, strict=True))

    def entropy(t: float) -> float:
        if t not in seen:
            seen[t] = float(at.entropies([t])[0].low)
        return seen[t]

    roots = [t for t, value in zip(scan, found, strict=True) if abs(value - wanted) <= slack]
    jumps = []
    for (t, value), (after, next_value) in pairwise(zip(scan, found, strict=True)):
        if (value - wanted) * (next_value - wanted) < 0 and not {t, after} & set(roots):
            ends = _between(
                lambda t: entropy(t) - wanted, t or after / 1e3, min(after, t * 1e3 or after)
            )
            best = min(ends, key=lambda t: abs(entropy(t) - wanted))
            roots.append(best)
            if abs(entropy(best) - wanted) > JUMP * (1 + wanted):
                jumps.append(best)
    own = at.preset.temperature if 0 < at.preset.temperature < math.inf else 1.0
    nearest = sorted(roots, key=lambda t: abs(math.log(t / own)) if 0 < t < math.inf else math.inf)
    best, others = nearest[0], tuple(sorted(nearest[1:]))
    reasons = []
    if best in jumps:
        reasons.append("no temperature gives it: the entropy jumps there")
    if others:
        listed = ", ".join(f"{t:.6g}" for t in others)
        reasons.append(f"the entropy rises and falls with the temperature: {listed} gives it too")
    return at.found(best, wanted, entropy(best), others=others, reason="; ".join(reasons))


def _lowest_nll(at: _Curve, *, chain_rises: bool) -> SamplerTemperature:
    """Find the temperature at which the targets have the lowest NLL."""
    if not at.targets:
        raise ArgumentError("targets", "must be given where neither entropy nor like is")
    scan = [0.0, *SCAN, math.inf]
    table = dict(zip(scan, at.table(scan), strict=True))
    best = _best(table)
    if best <= SCAN[0] or best >= SCAN[-1]:
        # It lies beyond what is looked at first.
        further = FURTHER if best >= SCAN[-1] else [1 / t for t in FURTHER]
        table |= dict(zip(further, at.table(further), strict=True))
        best = _best(table)
    fewest = min(impossible for *_, impossible in table.values())
    if fewest == at.targets or (fewest and not chain_rises):
        problem = (
            f"must be such that the preset can draw all of them at some temperature, got "
            f"{int(fewest):,} of {at.targets:,} that it drops at every one"
        )
        raise ArgumentError("targets", problem)
    reason = ""
    if fewest:
        left_out = "1 target" if fewest == 1 else f"{int(fewest):,} targets"
        reason = f"{left_out} of {at.targets:,} can't be drawn at any temperature: left out"
    row = table[best]
    if 0 < best < math.inf:
        below = max(t for t in table if t < best) or best / STRIDE
        above = min(*(t for t in table if t > best), best * STRIDE)
        best, row = _minimum(
            lambda t: at.table([t])[0],
            lambda row: row[1] if row[2] == fewest else math.inf,
            (below, above),
            (best, row),
        )
    return SamplerTemperature(
        best,
        at.preset.settings,
        math.nan,
        row[0],
        nll=row[1],
        impossible=int(row[2]),
        reason=reason,
    )


def _best(table: Mapping[float, list[float]]) -> float:
    """Return the temperature that drops the fewest targets, and of these has the lowest NLL."""
    fewest = min(impossible for *_, impossible in table.values())
    losses = {t: nll for t, (_, nll, impossible) in table.items() if impossible == fewest}
    lowest = min(losses.values())
    # An end is the limit of what comes near to it, and as good within rounding.
    ends = [t for t in (0.0, math.inf) if losses.get(t, math.inf) <= lowest * (1 + SAME)]
    return ends[0] if ends else min(losses, key=lambda t: losses[t])


def _minimum(
    at: Callable[[float], list[float]],
    loss: Callable[[list[float]], float],
    ends: tuple[float, float],
    best: tuple[float, list[float]],
) -> tuple[float, list[float]]:
    """Find the lowest loss between two temperatures by golden section in log T."""
    a, b = map(math.log, ends)
    points = [b - GOLDEN * (b - a), a + GOLDEN * (b - a)]
    rows = [at(math.exp(x)) for x in points]
    while b - a > MINIMUM_STEP:
        for x, row in zip(points, rows, strict=True):
            if loss(row) < loss(best[1]):
                best = math.exp(x), row
        # An infinite loss is on the left: targets are dropped at low temperatures.
        if loss(rows[0]) < loss(rows[1]):
            b, points[1], rows[1] = points[1], points[0], rows[0]
            points[0] = b - GOLDEN * (b - a)
            rows[0] = at(math.exp(points[0]))
        else:
            a, points[0], rows[0] = points[0], points[1], rows[1]
            points[1] = a + GOLDEN * (b - a)
            rows[1] = at(math.exp(points[1]))
    return best


def _crossing(miss: Callable[[float], float], start: float) -> tuple[float, float]:
    """Return two neighbouring temperatures between which a rising function crosses 0.

    They are both 0, or both inf, where it is above or below 0 everywhere.
    """
    if miss(0.0) >= 0:
        return 0.0, 0.0
    if miss(math.inf) <= 0:
        return math.inf, math.inf
    low = high = start
    reach = 2.0
    while miss(low) > 0 and low > 0:
        low, reach = low / reach, reach * reach
    reach = 2.0
    while miss(high) < 0 and high < math.inf:
        high, reach = high * reach, reach * reach
    if low == 0 or high == math.inf:
        return low, high
    return _between(miss, low, high)


def _between(miss: Callable[[float], float], low: float, high: float) -> tuple[float, float]:
    """Return two neighbouring temperatures, within `ROOT_STEP`, on both sides of a root.

    The method is Chandrupatla's, in log T.
    """
    a, b = math.log(low), math.log(high)
    miss_a, miss_b = miss(low), miss(high)
    if miss_a == 0 or miss_b == 0:
        return (low, low) if miss_a == 0 else (high, high)
    step = 0.5
    while abs(b - a) > ROOT_STEP:
        x = a + step * (b - a)
        miss_x = miss(math.exp(x))
        if miss_x == 0:
            return math.exp(x), math.exp(x)
        # Now a is the newest point, b the one on the other side of the root, c the one before.
        if (miss_x > 0) == (miss_a > 0):
            c, miss_c = a, miss_a
        else:
            c, b, miss_c, miss_b = b, a, miss_b, miss_a
        a, miss_a = x, miss_x
        step = 0.5
        if all(map(math.isfinite, (miss_a, miss_b, miss_c))) and c != b and miss_c != miss_b:
            xi, phi = (a - b) / (c - b), (miss_a - miss_b) / (miss_c - miss_b)
            if phi**2 < xi and (1 - phi) ** 2 < 1 - xi and miss_c != miss_a:
                to_b = miss_a / (miss_b - miss_a) * miss_c / (miss_b - miss_c)
                to_c = miss_a / (miss_c - miss_a) * miss_b / (miss_c - miss_b)
                step = to_b + to_c * (c - a) / (b - a)
        # No nearer to an end than a step that counts.
        least = min(ROOT_STEP / abs(b - a) / 2, 0.5)
        step = min(max(step, least), 1 - least)
    return math.exp(a), math.exp(b)


def _out_of_range(
    wanted: Interval, low: tuple[float, str], high: tuple[float, str], tried: str = ""
) -> ArgumentError:
    got = f"{wanted.low:.6g}" + ("" if wanted.low == wanted.high else f" to {wanted.high:.6g}")
    return ArgumentError(
        "entropy",
        f"must be between {low[0]:.6g} nats, which the preset has at T = {low[1]}, and "
        f"{high[0]:.6g} at T = {high[1]}{tried}, got {got}",
    )
