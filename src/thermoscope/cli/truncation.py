"""Truncation as the commands are told it: what is kept of rows, and in which words."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import typer

from thermoscope import present
from thermoscope.arguments import ArgumentError
from thermoscope.definition import log_softmax
from thermoscope.truncation import engines, keep

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Truncation"]


class Truncation(NamedTuple):
    """What was said about truncation: None for an option that was left out."""

    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None
    typical_p: float | None = None
    epsilon: float | None = None
    eta: float | None = None
    top_n_sigma: float | None = None
    engine: str | None = None
    order: str | None = None

    @property
    def given(self) -> dict[str, Any]:
        """The arguments of `keep` and `truncate`; none where nothing is truncated."""
        words = {name: value for name, value in self._asdict().items() if value is not None}
        if self.order is not None:
            words["order"] = [step.strip().replace("-", "_") for step in self.order.split(",")]
        return words

    def check(self, temperature: float) -> None:
        """Raise an error that names the options, before any work is done, if they do not fit."""
        try:
            keep([0.0], temperature, **self.given)
        except ArgumentError as error:
            words = _in_options(error.argument), _in_options(error.problem)
            raise ArgumentError(*words) from error

    def kept(
        self, logits: NDArray[np.float64], temperature: float
    ) -> tuple[NDArray[np.bool] | None, float]:
        """Return the entries to draw from, None for all, and the temperature to draw them at."""
        if not self.given:
            return None, temperature
        mask = keep(logits, temperature, **self.given)
        if self.engine is not None:
            temperature = float(engines()[self.engine].effective_temperature(temperature))
        return mask, temperature

    def tell(
        self,
        logits: NDArray[np.float64],
        temperature: float,
        kept: NDArray[np.bool] | None,
        used: float,
    ) -> None:
        """Say on standard error how much of a row is kept, if it is truncated.

        `kept` and `used` are what `kept` returns for these logits and this temperature.
        """
        if kept is None:
            return
        chances = log_softmax(logits, used)
        # All is kept only where what was dropped has no probability, not one that rounds to 0.
        mass = present.percent(
            float(np.exp(chances[kept]).sum()), exact=bool(np.isneginf(chances[~kept]).all())
        )
        note = f"kept {int(kept.sum()):,} of {kept.size:,}, {mass}"
        if used != temperature:
            note += f"; {self.engine} takes T = {temperature:g} as {used:g}"
        typer.echo(note, err=True)


_NAMES = "|".join(("temperature", *Truncation._fields))


def _in_options(message: str) -> str:
    """Name arguments as options, and steps, which are in quotes, as ``--order`` takes them."""

    def renamed(found: re.Match[str]) -> str:
        name = found[0].replace("_", "-")
        return name if name.startswith("'") else f"--{name}"

    return re.sub(rf"'\w+'|\b({_NAMES})\b", renamed, message)
