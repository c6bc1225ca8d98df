"""Which of several samplers a server has, decided by the tokens that it draws.

Each draw multiplies the likelihood of each sampler by the probability that it gives to the token.
Under the expected sampler, the mean likelihood ratio of the others to it ever exceeds A with a
probability of at most 1 / A (Ville's inequality), however the draws were chosen and whenever they
end [1]_. So each race may stop as soon as it is decided, and the alarms of all races together are
false with at most the sum of their 1 / A.

.. [1] A. Ramdas, P. Grunwald, V. Vovk and G. Shafer, "Game-theoretic statistics and safe anytime-
   valid inference", arXiv:2210.01948, section 2.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from thermoscope.diagnosis.sampler import Sampler

Array = NDArray[np.float64]

__all__ = ["ALARM", "BESIDE", "CLEARED", "HIDDEN", "Draw", "Experiment", "Race"]

BESIDE: Final = -1
"""A drawn token that is not reported. The others count as if it had not been drawn."""
HIDDEN: Final = -2
"""A drawn token that the server does not tell."""
ALARM: Final = math.log(2500.0)
"""The log likelihood ratio at which the expected sampler is refused: 12 races err in 0.5 %."""
CLEARED: Final = math.log(100.0)
"""The one at which another sampler is ruled out: a fault is missed in 1 %."""
NEAR: Final = math.log(20.0)
"""One that is ahead by less is no better."""
STRAY: Final = 1e-3
"""The chance of a draw that no sampler explains: a rounded edge, a request that went astray."""
LEAST_INFORMATION: Final = 0.02
"""In nats for each draw. Two samplers that differ less can't be told apart in few draws."""

SMALL: Final = 1 << 16
"""Numbers of a table that is kept; larger ones are made again for what is drawn from."""


class Experiment(NamedTuple):
    """Something to draw from: a prompt by its number, and the settings that are sent."""

    prompt: int
    settings: Mapping[str, float]


class Draw(NamedTuple):
    """A token that was drawn: its place among those reported, `BESIDE` them, or `HIDDEN`."""

    experiment: Experiment
    token: int


class Race:
    """Samplers, and how well each explains what was drawn.

    Parameters
    ----------
    samplers : Mapping
        By their names in words.
    expected : str
        The one that the server should have.
    references : ndarray, shape (prompts, tokens)
        The model's log-probabilities after each prompt.
    experiments : sequence of Experiment
    required : iterable of str
        The samplers that must be ruled out; the others only may be found.
    reported : int, optional
        How many tokens of a row are reported, and come first; all by default. Of the others it is
        known alone that each is less likely. What is drawn counts as drawn among those reported.
    """

    def __init__(
        self,
        samplers: Mapping[str, Sampler],
        expected: str,
        references: Array,
        experiments: Sequence[Experiment],
        required: Iterable[str] = (),
        *,
        reported: int | None = None,
    ) -> None:
        self.names = list(samplers)
        self.samplers = list(samplers.values())
        self.expected = self.names.index(expected)
        self.references, self.experiments = references, list(experiments)
        self.reported = references.shape[1] if reported is None else reported
        self.scores = np.zeros(len(self.names))
        self.draws: list[Draw] = []
        self._known: dict[int, Array] = {}
        self.information = np.zeros((len(self.experiments), len(self.names), len(self.names)))
        self._tell_apart()
        self.required = [self.names.index(name) for name in required]
        # What no experiment can tell apart is not waited for.
        told = self.information.max(axis=0, initial=0.0)[self.expected]
        self.alike = [at for at in self.required if told[at] < LEAST_INFORMATION]

    def _logs(self, at: int) -> Array:
        """Return the log-probabilities of an experiment's tokens under each sampler."""
        if at not in self._known:
            prompt, settings = self.experiments[at]
            self._known[at] = self._logs_after([prompt], settings)[0][0]
        return self._known[at]

    def _logs_after(
        self, prompts: Sequence[int], settings: Mapping[str, float]
    ) -> tuple[Array, Array]:
        """Return them for several prompts, of shape (prompts, samplers, tokens).

        With them comes the chance of each sampler to draw a token that is reported.
        """
        logits = self.references[prompts]
        p = np.stack(
            [each.probabilities(logits, settings)[:, : self.reported] for each in self.samplers],
            axis=1,
        )
        seen = p.sum(-1) if self.reported < logits.shape[1] else np.ones(p.shape[:-1])
        p /= seen[..., None]
        model = np.exp(logits[:, : self.reported])
        told = model > 0
        stray = (model / model.sum(-1, keepdims=True) + told / told.sum(-1, keepdims=True)) / 2
        with np.errstate(divide="ignore"):  # where the row of another prompt is longer
            logs: Array = np.log((1 - STRAY) * p + STRAY * stray[:, None])
        return logs, seen

    def _tell_apart(self) -> None:
        """Find what a draw tells of each pair of samplers, in nats, whichever of both it has."""
        groups: dict[int, list[int]] = {}
        for at, (_, settings) in enumerate(self.experiments):
            groups.setdefault(id(settings), []).append(at)
        for group in groups.values():
            prompts = [self.experiments[at].prompt for at in group]
            found = self._logs_after(prompts, self.experiments[group[0]].settings)
            for at, table, seen in zip(group, *found, strict=True):
                if table.size <= SMALL:
                    self._known[at] = table
                p = np.exp(table)
                cross = p @ np.where(p > 0, table, 0.0).T
                toward = np.diag(cross)[:, None] - cross
                self.information[at] = (toward + toward.T) / 2 * np.minimum.outer(seen, seen)

    @property
    def untold(self) -> bool:
        """Whether no experiment tells any of the samplers from the expected one."""
        return not self.experiments or len(self.alike) == len(self.required) > 0

    @property
    def leader(self) -> int:
        """The sampler that explains the draws best; of several, the expected one."""
        best = int(np.argmax(self.scores))
        return self.expected if self.scores[self.expected] >= self.scores[best] else best

    @property
    def alarm(self) -> float:
        """The log of the mean likelihood ratio of the others to the expected sampler."""
        others = np.delete(self.scores, self.expected) - self.scores[self.expected]
        return float(np.logaddexp.reduce(others) - math.log(len(others)))

    @property
    def is_wrong(self) -> bool:
        """Whether the expected sampler is refused."""
        return self.alarm >= ALARM

    def ruled_out(self, margin: float = CLEARED) -> list[int]:
        """Return the samplers that explain the draws far worse than the leader."""
        return np.flatnonzero(self.scores[self.leader] - self.scores >= margin).tolist()

    @property
    def is_ok(self) -> bool:
        """Whether all that must be are ruled out, and the expected sampler is not behind.

        Of samplers that are nearly the expected one, another may be ahead by chance.
        """
        behind = self.scores.max() - self.scores[self.expected]
        out = self.scores[self.expected] - self.scores >= CLEARED
        return bool(behind < NEAR and all(out[at] or at in self.alike for at in self.required))

    def choose(self, group: Sequence[int] | None = None) -> int:
        """Return the experiment that tells most of the two samplers that are hardest to tell.

        A choice by what was drawn before leaves the bound on false alarms as it is.
        """
        leader, out = self.leader, {*self.ruled_out(), *self.alike}
        among = {*self.required, self.expected} - {leader} - out
        rivals = sorted(among or {*range(len(self.names))} - {leader})
        group = [*range(len(self.experiments))] if group is None else group
        behind = self.scores[leader] - self.scores[rivals]
        nearest = [at for at, gap in zip(rivals, behind, strict=True) if gap <= behind.min() + 1]
        told = self.information[group, leader]
        # Where none of them can be told from the leader, others may be.
        value = told[:, nearest].min(axis=1) + 1e-3 * told.mean(axis=1)
        return group[int(np.argmax(value))]

    def add(self, at: int, token: int) -> None:
        """Count a draw."""
        self.draws.append(Draw(self.experiments[at], token))
        if token >= 0:
            self.scores += self._logs(at)[:, token]

    def run(
        self,
        draw: Callable[[Experiment], int],
        most: int,
        *,
        least: int = 0,
        groups: Sequence[Sequence[int]] | None = None,
    ) -> None:
        """Draw until the race is decided, or `most` times.

        Parameters
        ----------
        draw : callable
        most, least : int
            How many draws.
        groups : sequence of sequences of int, optional
            Groups of experiments that take turns.
        """
        for number in range(most):
            if number >= least and (self.is_ok or self.is_named):
                return
            group = None if groups is None else groups[number % len(groups)]
            at = self.choose(group)
            self.add(at, draw(self.experiments[at]))

    @property
    def is_named(self) -> bool:
        """Whether the expected sampler is refused, and one of the others is clearly the best."""
        return self.is_wrong and len(self.ruled_out(NEAR)) == len(self.names) - 1
