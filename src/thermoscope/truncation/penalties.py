"""What changes logits by the text so far: repetition, presence and frequency penalties, and DRY."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, NamedTuple, SupportsIndex

import numpy as np
from numpy.typing import NDArray

from thermoscope.arguments import ArgumentError, ArgumentTypeError, number_in, whole

Array = NDArray[np.float64]
Ids = NDArray[np.int64]

__all__ = ["CHANGES", "CHECKS", "Change", "Penalties", "change_of"]

CHANGES: Final = (
    "logit_bias",
    "repetition_penalty",
    "presence_penalty",
    "frequency_penalty",
    "dry_multiplier",
)
"""The steps that change logits."""
LARGEST: Final = 88.7228391
"""The logarithm of the largest float32: a penalty of DRY grows no further in llama.cpp."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Penalties:
    """The steps of a sampler that change logits, and the text that they count.

    Pass it to `truncate`, `keep` or `sample`. Each penalty that is given is a step.

    Parameters
    ----------
    history : sequence of int, optional
        The ids of the text so far, the prompt and then the output: indices along the axis of the
        logits. The last one is the token before this position. All rows of a call follow it. It
        may be empty, and only `logit_bias` needs none.
    prompt_tokens : int, optional
        How many of them, from the first one, are the prompt. It matters to engines that count the
        output alone: vLLM for `presence_penalty` and `frequency_penalty`, SGLang for all three.
        The server of mlx-lm counts both, its ``generate`` the output and the last token before it.
    logit_bias : mapping of int to float, optional
        What is added to the logits of these ids; -inf bans one.
    repetition_penalty : float, optional
        Divide the logits of the tokens in the text by this number, > 0, and multiply negative ones
        by it. 1 changes nothing. The paper [1]_ divides all; every engine has the other rule, as a
        negative logit would rise.
    presence_penalty : float, optional
        Subtract this from the logits of the tokens in the text [2]_.
    frequency_penalty : float, optional
        Subtract this from the logit of a token as often as the text has it [2]_.
    penalty_last_n : int, optional
        The three penalties count the last n tokens of the text alone; -1 for all, 0 for none. The
        default is the engine's, and -1 without one.
    dry_multiplier : float, optional
        Subtract ``dry_multiplier * dry_base ** (n - dry_allowed_length)`` from the logit of a token
        that would repeat a sequence [3]_: n is the length of the longest end of the text that also
        stands earlier in it, right before that token. A shorter n than `dry_allowed_length` counts
        as no repeat.
    dry_base : float, optional
        At least 1; the default is 1.75.
    dry_allowed_length : int, optional
        The default is 2.
    dry_last_n : int, optional
        DRY looks at the last n tokens of the text alone; -1, the default, for all, 0 for none.
    dry_breakers : sequence of int, optional
        Ids of tokens that no repeated sequence goes across, and whose logits DRY leaves alone.
        llama.cpp takes strings, and every token that holds one of them is such a token; its
        defaults are a line feed, a colon, a quotation mark and an asterisk.

    Raises
    ------
    ArgumentError
        If a value is wrong, or a part of DRY or `penalty_last_n` is given without its penalty.

    See Also
    --------
    truncate : the probabilities after all steps.

    References
    ----------
    .. [1] N. S. Keskar, B. McCann, L. R. Varshney, C. Xiong and R. Socher, "CTRL: a conditional
       transformer language model for controllable generation", arXiv:1909.05858, section 4.1.
    .. [2] The reference of OpenAI's API, https://platform.openai.com/docs/api-reference/chat.
    .. [3] P. E. Weidmann, "DRY: a modern repetition penalty that reliably prevents looping",
       https://github.com/oobabooga/text-generation-webui/pull/5677 (2024).

    Examples
    --------
    >>> import thermoscope as ts
    >>> penalties = ts.Penalties(history=[0, 2, 2], frequency_penalty=0.5)
    >>> ts.truncate([2.0, 1.0, 0.1], penalties=penalties).round(3)
    array([0.589, 0.357, 0.053])

    vLLM counts the output alone:

    >>> penalties = ts.Penalties(history=[0, 2, 2], prompt_tokens=2, frequency_penalty=0.5)
    >>> ts.truncate([2.0, 1.0, 0.1], penalties=penalties, engine="vllm").round(3)
    array([0.686, 0.252, 0.062])

    The text ends with 0 1, after which it had a 2:

    >>> penalties = ts.Penalties(history=[0, 1, 2, 0, 1], dry_multiplier=0.8)
    >>> ts.truncate([0.0, 0.0, 0.0], penalties=penalties).round(3)
    array([0.408, 0.408, 0.183])
    """

    history: Sequence[SupportsIndex] | NDArray[np.integer[Any]] | None = None
    prompt_tokens: int = 0
    logit_bias: Mapping[int, float] | None = None
    repetition_penalty: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    penalty_last_n: int | None = None
    dry_multiplier: float | None = None
    dry_base: float | None = None
    dry_allowed_length: int | None = None
    dry_last_n: int | None = None
    dry_breakers: Sequence[SupportsIndex] | None = None

    def __post_init__(self) -> None:
        """Check what no engine changes, and bring it into one form."""
        for name, check in CHECKS.items():
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, check(name, value))
        for name, companions in NEEDS.items():
            given = (getattr(self, companion) is not None for companion in companions)
            if getattr(self, name) is not None and not any(given):
                raise ArgumentError(name, f"must come with {' or '.join(companions)}")
        size = 0 if self.history is None else len(self.history)
        if self.prompt_tokens > size:
            problem = f"must be at most {size}, the tokens of history, got {self.prompt_tokens}"
            raise ArgumentError("prompt_tokens", problem)

    def given(self) -> dict[str, Any]:
        """Return the penalties that are given, and their details, by name."""
        values = {name: getattr(self, name) for name in (*CHANGES, *DETAILS)}
        return {name: value for name, value in values.items() if value is not None}


def _ids(name: str, ids: Any) -> Ids:
    """Check ids of tokens."""
    array = np.asarray(ids)
    if array.size == 0 and array.ndim == 1:
        return np.zeros(0, np.int64)
    if array.dtype.kind not in "iu" or array.ndim != 1:
        raise ArgumentTypeError(name, f"must be a sequence of whole numbers, got {ids!r}")
    if array.min() < 0:
        raise ArgumentError(name, f"must have ids >= 0, got {array.min()}")
    return array.astype(np.int64)


def _bias(name: str, bias: Any) -> dict[int, float]:
    """Check what is added to logits."""
    if not isinstance(bias, Mapping):
        raise ArgumentTypeError(name, f"must be a mapping of ids to numbers, got {bias!r}")
    result = {}
    for entry, value in bias.items():
        try:
            result[whole(name, entry, 0)] = number_in(name, value, "[-inf, inf)")
        except ArgumentError as error:
            raise type(error)(name, f"{error.problem}, in {entry!r}: {value!r}") from None
    return result


CHECKS: Final[dict[str, Callable[[str, Any], Any]]] = {
    "history": _ids,
    "prompt_tokens": partial(whole, least=0),
    "logit_bias": _bias,
    "repetition_penalty": partial(number_in, interval="[0, inf)"),
    "presence_penalty": partial(number_in, interval="(-inf, inf)"),
    "frequency_penalty": partial(number_in, interval="(-inf, inf)"),
    "penalty_last_n": partial(whole, least=-1),
    "dry_multiplier": partial(number_in, interval="[0, inf)"),
    "dry_base": partial(number_in, interval="[1, inf)"),
    "dry_allowed_length": partial(whole, least=0),
    "dry_last_n": partial(whole, least=-1),
    "dry_breakers": _ids,
}
DETAILS: Final = (
    "penalty_last_n",
    "dry_base",
    "dry_allowed_length",
    "dry_last_n",
    "dry_breakers",
)
NEEDS: Final = {
    **dict.fromkeys(CHANGES[1:], ("history",)),
    **dict.fromkeys(DETAILS, ("dry_multiplier",)),
    "penalty_last_n": CHANGES[1:4],
}


class Change(NamedTuple):
    """How a step changes the logits of all n entries of a row."""

    # What positive logits are divided by and the others multiplied; None for 1.
    factor: Array | None
    subtracted: Array | None

    def apply(self, z: Array, entries: Ids) -> Array:
        """Change the logits of some entries."""
        if self.factor is not None:
            factor = self.factor[entries]
            z = np.where(z > 0, z / factor, z * factor)
        if self.subtracted is not None:
            less = self.subtracted[entries]
            # Of +inf and a ban, the ban stays.
            z = np.where(less == np.inf, -np.inf, z - np.where(less == np.inf, 0, less))
        return z


def change_of(
    step: str,
    value: Any,
    penalties: Penalties,
    n: int,
    details: Mapping[str, Any],
    *,
    output_only: bool,
) -> Change:
    """Return how a step changes rows of n logits, by the part of the text that it counts."""
    if step == "logit_bias":
        subtracted = np.zeros(n)
        for entry, bias in value.items():
            if entry >= n:
                raise ArgumentError(step, f"must have ids in [0, {n - 1}], got {entry}")
            subtracted[entry] = -bias
        return Change(None, subtracted)
    text = np.asarray(penalties.history)
    if text.size and text.max() >= n:
        problem = f"must be ids of entries, in [0, {n - 1}], got {text.max()}"
        raise ArgumentError("history", problem)
    if output_only:
        text = text[penalties.prompt_tokens :]
    last_n = details.get("dry_last_n" if step == "dry_multiplier" else "penalty_last_n", -1)
    if last_n >= 0:
        text = text[max(text.size - last_n, 0) :]
    if step == "dry_multiplier":
        return Change(None, value * _dry(text, n, details))
    counts = np.bincount(text, minlength=n)
    if step == "repetition_penalty":
        return Change(np.where(counts > 0, value, 1.0), None)
    return Change(None, value * (counts if step == "frequency_penalty" else counts > 0))


def _dry(text: Ids, n: int, details: Mapping[str, Any]) -> Array:
    """Return what DRY subtracts for a multiplier of 1."""
    base, allowed = details["dry_base"], details["dry_allowed_length"]
    breakers = np.asarray(details["dry_breakers"], np.int64)
    result = np.zeros(n)
    broken = np.flatnonzero(np.isin(text, breakers))
    most = text.size - 1 - int(broken[-1]) if broken.size else text.size
    if text.size <= allowed or most < allowed:
        return result
    # Backwards, a sequence that ends the text is one that starts it, and the token that followed
    # a repeat stands before it.
    backwards = text[::-1]
    lengths = np.minimum(_repeats(backwards.tolist()), most)
    longest = np.full(n, -1)
    np.maximum.at(longest, backwards[:-1], lengths[1:])
    repeated = np.flatnonzero(longest >= allowed)
    exponent = longest[repeated] - allowed
    if base > 1:
        exponent = np.minimum(exponent, math.floor(LARGEST / math.log(base)))
    result[repeated] = base ** exponent.astype(np.float64)
    result[breakers[breakers < n]] = 0
    return result


def _repeats(text: Sequence[int]) -> list[int]:
    """Return how many tokens from each place on are those at the start: the Z algorithm."""
    size = len(text)
    lengths = [0] * size
    start = end = 0
    for place in range(1, size):
        length = max(0, min(lengths[place - start], end - place))
        while place + length < size and text[length] == text[place + length]:
            length += 1
        lengths[place] = length
        if place + length > end:
            start, end = place, place + length
    return lengths
