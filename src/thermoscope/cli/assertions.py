"""Assertions about a comparison of samplers, for a job that must fail: tv<0.05, mass(a).p95>0.9."""

from __future__ import annotations

import operator
import re
from typing import TYPE_CHECKING, Final, NamedTuple

from thermoscope.reported import Interval
from thermoscope.samplers.compare import OverRows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from thermoscope.samplers import SamplerComparison
    from thermoscope.samplers.compare import Value

__all__ = ["GRAMMAR", "Assertion", "assertion_of"]

# The measures, each with the statistic that is meant where none is named.
MEASURES: Final = {
    "tv": "mean",
    "kept": "median",
    "mass": "median",
    "choices": "median",
    "entropy": "mean",
    "agreement": "mean",
    "distinct": "mean",
    "nll": "mean",
}
STATISTICS: Final = ("mean", "median", "p95", "max")
RELATIONS: Final[dict[str, Callable[[float, float], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
GRAMMAR: Final = (
    "MEASURE<NUMBER, or with <=, > or >=. The measures are tv (the total variation of each pair), "
    "kept, mass, choices, entropy, agreement, distinct, nll and impossible (how many targets can't "
    "be drawn). After one may stand which presets are meant, and .mean, .median, .p95 or .max: "
    "tv(a,b).max<0.3. Without it, kept, mass and choices are the median, the others the mean"
)
_FORM: Final = re.compile(r"(\w+)(?:\(([^()]*)\))?(?:\.(\w+))?\s*(<=|>=|<|>)\s*(\S+)")


class Assertion(NamedTuple):
    """What must hold of a comparison.

    Attributes
    ----------
    text : str
        As it was given.
    measure, statistic : str
    names : tuple of str
        The presets that are meant: two for tv, one for the others; none for all.
    relation : str
    bound : float
    """

    text: str
    measure: str
    statistic: str
    names: tuple[str, ...]
    relation: str
    bound: float

    def check(self, known: tuple[str, ...]) -> None:
        """Raise an error where a preset is named that is not known."""
        for name in self.names:
            if name not in known:
                raise ValueError(
                    f"--assert {self.text}: there is no preset {name!r}: they are "
                    f"{', '.join(known)}"
                )
        if self.measure == "tv" and len(known) < 2:
            raise ValueError(f"--assert {self.text}: tv is of pairs, and there is one preset")

    def failure(self, comparison: SamplerComparison) -> str | None:
        """Return in one line which presets fail, and by how much; None where it holds."""
        failed = []
        for who, value in self._values(comparison):
            if value is None:
                return f"{self.text} failed: {who} has no targets"
            low, high = value if isinstance(value, Interval) else (value, value)
            worst = high if self.relation.startswith("<") else low
            if not RELATIONS[self.relation](worst, self.bound):
                has = "have" if self.measure == "tv" else "has"
                may = has if low == high else "may have"
                way = "above" if self.relation.startswith("<") else "below"
                distance = abs(worst - self.bound)
                failed.append((distance, f"{who} {may} {worst:.6g}, {distance:.6g} {way} it"))
        if not failed:
            return None
        _, words = max(failed)
        others = len(failed) - 1
        what = "pair" if self.measure == "tv" else "preset"
        also = f"; {others} other {what}{'s' if others > 1 else ''} failed too" if others else ""
        return f"{self.text} failed: {words}{also}"

    def _values(self, comparison: SamplerComparison) -> Iterator[tuple[str, Value | None]]:
        """Yield who is meant, and the value."""
        if self.measure == "tv":
            for pair, variation in comparison.total_variation.items():
                if not self.names or set(pair) == set(self.names):
                    yield " and ".join(pair), getattr(variation, self.statistic)
            return
        for name, preset in comparison.presets.items():
            if self.names and name not in self.names:
                continue
            found = getattr(preset, self.measure)
            if isinstance(found, OverRows):
                found = getattr(found, self.statistic)
            elif self.measure == "impossible" and preset.nll is None:
                found = None
            yield name, found


def assertion_of(text: str) -> Assertion:
    """Read an assertion.

    Examples
    --------
    >>> assertion_of("tv<0.05")[1:]
    ('tv', 'mean', (), '<', 0.05)
    >>> assertion_of("tv(a, b).max <= 0.3")[1:]
    ('tv', 'max', ('a', 'b'), '<=', 0.3)
    """
    found = _FORM.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"--assert must be {GRAMMAR}; got {text!r}")
    measure, names, statistic, relation, bound = found.groups()
    if measure not in {*MEASURES, "impossible"}:
        known = ", ".join((*MEASURES, "impossible"))
        raise ValueError(f"--assert {text}: the measures are {known}, got {measure!r}")
    if statistic is not None and (measure == "impossible" or statistic not in STATISTICS):
        known = "none" if measure == "impossible" else ", ".join(STATISTICS)
        raise ValueError(f"--assert {text}: of {measure} there is {known}, got {statistic!r}")
    meant = () if names is None else tuple(name.strip() for name in names.split(","))
    wanted = 2 if measure == "tv" else 1
    if names is not None and len(set(meant)) != wanted:
        many = "two presets" if wanted == 2 else "one preset"
        raise ValueError(f"--assert {text}: {measure} must be of {many}, got {names!r}")
    try:
        number = float(bound)
    except ValueError:
        raise ValueError(f"--assert {text}: {bound!r} is no number") from None
    return Assertion(text, measure, statistic or MEASURES.get(measure, ""), meant, relation, number)
