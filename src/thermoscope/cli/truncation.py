"""The options of truncation: what they keep of rows, and how that is told."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

import typer

from thermoscope import present
from thermoscope.arguments import ArgumentError
from thermoscope.truncation import engines, keep

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Kept", "Truncation"]


class Kept(NamedTuple):
    """What is kept of rows."""

    mask: NDArray[np.bool] | None
    """The kept entries; None where nothing is truncated."""
    temperature: float
    """The temperature to draw them at, which an engine may raise or lower."""


class Truncation(NamedTuple):
    """The options of truncation; None for one that is not given."""

    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None
    typical_p: float | None = None
    epsilon: float | None = None
    eta: float | None = None
    top_n_sigma: float | None = None
    engine: str | None = None
    order: str | None = None
    ties: str | None = None

    @property
    def given(self) -> dict[str, Any]:
        """The arguments of `keep` and `truncate`; none where nothing is truncated."""
        given = {name: value for name, value in self._asdict().items() if value is not None}
        if self.order is not None:
            given["order"] = [step.strip().replace("-", "_") for step in self.order.split(",")]
        return given

    @property
    def options(self) -> dict[str, Any]:
        """The same by the name of its option."""
        return {f"--{name.replace('_', '-')}": value for name, value in self._asdict().items()}

    def check(self, temperature: float) -> None:
        """Raise an error that names the options, before any work is done, if they do not fit."""
        try:
            keep([0.0], temperature, **self.given)
        except ArgumentError as error:
            option, problem = _in_options(error.argument), _in_options(error.problem)
            raise ArgumentError(option, problem) from error

    def kept(self, logits: NDArray[np.float64], temperature: float) -> Kept:
        """Return what is kept of rows."""
        if not self.given:
            return Kept(None, temperature)
        mask = keep(logits, temperature, **self.given)
        if self.engine is not None:
            temperature = float(engines()[self.engine].effective_temperature(temperature))
        return Kept(mask, temperature)

    def tell(self, logits: NDArray[np.float64], temperature: float, kept: Kept) -> None:
        """Say on standard error how much of a row is kept, if it is truncated."""
        if kept.mask is None:
            return
        note = present.kept(logits, kept.temperature, kept.mask)
        if kept.temperature != temperature:
            note += f"; {self.engine} takes T = {temperature:g} as {kept.temperature:g}"
        typer.echo(note, err=True)


_NAMES = "|".join(("temperature", *Truncation._fields))


def _in_options(message: str) -> str:
    """Name arguments as options, and steps, which are in quotes, as ``--order`` takes them."""

    def renamed(found: re.Match[str]) -> str:
        name = found[0].replace("_", "-")
        return name if name.startswith("'") else f"--{name}"

    return re.sub(rf"'\w+'|\b({_NAMES})\b", renamed, message)
