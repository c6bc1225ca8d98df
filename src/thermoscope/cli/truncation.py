"""The options of truncation and penalties: what they leave of rows, and how that is told."""

from __future__ import annotations

import functools
import inspect
import re
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import typer

from thermoscope import present
from thermoscope.arguments import ArgumentError
from thermoscope.cli.options import CHAIN, PENALTIES, RULES
from thermoscope.truncation import Penalties, keep
from thermoscope.truncation.steps import Remaining, remaining

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from numpy.typing import NDArray

__all__ = ["Left", "Truncation", "options_named", "with_options"]

ALL = {**RULES, **CHAIN, **PENALTIES}


class Left(NamedTuple):
    """What is left of rows: the softmax of `logits` at `temperature`, with a mask."""

    logits: NDArray[np.float64]
    temperature: NDArray[np.float64] | np.float64
    mask: NDArray[np.bool] | None
    """The kept entries; None where no option is given."""
    used: NDArray[np.float64] | np.float64
    """The temperature that the engine, or the entropy, made of the given one."""

    @classmethod
    def of(cls, found: Remaining) -> Left:
        """Take what Python leaves, in float64."""
        return cls(found.logits.astype(np.float64), found.temperature, found.kept, found.used)


class Truncation:
    """The options of truncation and penalties, each as it was typed; None if it was not."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._options = {name: value for name, value in options.items() if value not in (None, [])}

    @functools.cached_property
    def given(self) -> dict[str, Any]:
        """The arguments of `keep` and `truncate`; none where no option is given."""
        given = dict(self._options)
        if "order" in given:
            given["order"] = [step.strip().replace("-", "_") for step in given["order"].split(",")]
        for name in ("history", "dry_breakers"):
            if name in given:
                given[name] = _ids(name, given[name])
        if "logit_bias" in given:
            given["logit_bias"] = dict(map(_bias, given["logit_bias"]))
        penalties = {name: given.pop(name) for name in PENALTIES if name in given}
        return given | ({"penalties": Penalties(**penalties)} if penalties else {})

    @property
    def options(self) -> dict[str, Any]:
        """The same by the name of its option."""
        return {f"--{name.replace('_', '-')}": value for name, value in self._options.items()}

    def check(self, temperature: float) -> None:
        """Raise an error that names the options, before any work is done, if they do not fit."""
        with options_named():
            penalties = self.given.get("penalties", Penalties())
            text = () if penalties.history is None else penalties.history
            # As many entries as the ids ask for: that the logits have fewer is found later.
            most = max((*text, *(penalties.logit_bias or ())), default=0)
            keep(np.zeros(1 + most), temperature, **self.given)

    def left(self, logits: NDArray[np.float64], temperature: float) -> Left:
        """Return what is left of rows."""
        if not self.given:
            return Left(logits, np.float64(temperature), None, np.float64(temperature))
        return Left.of(_remaining(logits, temperature, self.given))

    def tell(self, logits: NDArray[np.float64], temperature: float, left: Left) -> None:
        """Say on standard error how much of a row is kept, if an option is given."""
        notes = []
        chance = self.given.get("xtc_probability", 0)
        if 0 < chance < 1:
            never, always = (
                _remaining(logits, temperature, {**self.given, "xtc_probability": each})
                for each in (0, 1)
            )
            dropped = np.count_nonzero(never.kept & ~always.kept)
            notes = [f"XTC drops {dropped:,} of them with probability {chance:g}"]
            left = Left.of(never)
        if left.mask is None:
            return
        used = left.used.item()
        if used != temperature and self.given.get("dynatemp_range"):
            notes.insert(0, f"the entropy makes T = {used:.6g} of {temperature:g}")
        elif used != temperature:
            notes.insert(0, f"{self.given['engine']} takes T = {temperature:g} as {used:g}")
        kept = present.kept(left.logits, left.temperature.item(), left.mask)
        typer.echo("; ".join([kept, *notes]), err=True)


def _remaining(logits: NDArray[np.float64], temperature: float, given: dict[str, Any]) -> Remaining:
    with options_named():
        return remaining(logits, temperature, -1, None, given)


def with_options(
    *tables: Mapping[str, Any],
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the options of these tables, and what is typed as its `truncation`.

    Typer makes options of the parameters of a function: this function has them in its signature.
    """
    options = {name: option for table in tables for name, option in table.items()}

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        signature = inspect.signature(command, eval_str=True)
        own = [each for each in signature.parameters.values() if each.name != "truncation"]
        added = [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=option)
            for name, option in options.items()
        ]
        parameters = [*own, *added]

        @functools.wraps(command)
        def run(*arguments: Any, **keywords: Any) -> None:
            typed = {name: keywords.pop(name, None) for name in options}
            command(*arguments, truncation=Truncation(typed), **keywords)

        run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {each.name: each.annotation for each in parameters}
        return run

    return decorate


def _ids(name: str, text: str) -> list[int]:
    """Read ids with commas or spaces between them, from a file where the text is its name."""
    try:
        is_file = re.search(r"[^\d\s,]", text)
        ids = Path(text).read_text(encoding="utf-8").strip().strip("[]") if is_file else text
        return [int(word) for word in re.split(r"[\s,]+", ids) if word]
    except (OSError, ValueError):
        problem = f"must be ids with commas between them, or a file of ids, got {text!r}"
        raise ArgumentError(name, problem) from None


def _bias(text: str) -> tuple[int, float]:
    """Read an id and what is added to its logit."""
    entry, _, bias = text.partition("=")
    try:
        return int(entry), float(bias)
    except ValueError:
        raise ArgumentError("logit_bias", f"must be like 3=-100, got {text!r}") from None


_NAMES = "|".join(("temperature", *ALL))


@contextmanager
def options_named() -> Iterator[None]:
    """Raise errors that name arguments as options."""
    try:
        yield
    except ArgumentError as error:
        option, problem = _in_options(error.argument), _in_options(error.problem)
        raise ArgumentError(option, problem) from error


def _in_options(message: str) -> str:
    """Name arguments as options, and steps, which are in quotes, as ``--order`` takes them."""

    def renamed(found: re.Match[str]) -> str:
        name = found[0].replace("_", "-")
        return name if name.startswith("'") else f"--{name}"

    return re.sub(rf"'\w+'|\b({_NAMES})\b", renamed, message)
