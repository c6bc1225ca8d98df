# ruff: noqa: RUF001, RUF002 - a true minus
"""Which entries of a row are shown, in which order, and every number and label as text.

The twin of ``web/src/text/format.ts`` and of the order in ``web/src/model/instrument.ts``: a page,
a table in a terminal and a figure show the same entries and round numbers in the same way.
Both are tested with ``tests/vectors/texts.json`` and ``tests/vectors/shown.json``.
"""

from __future__ import annotations

import math
import re
from decimal import (
    ROUND_CEILING,
    ROUND_FLOOR,
    ROUND_HALF_UP,
    Context,
    Decimal,
    localcontext,
)
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from thermoscope.arguments import whole
from thermoscope.definition import log_softmax

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

__all__ = [
    "NOT_REPORTED",
    "Shown",
    "brief",
    "digits",
    "interval",
    "joined",
    "kept",
    "measure",
    "number_text",
    "parse_number",
    "percent",
    "plain",
    "printable",
    "probability_interval",
    "shown",
    "visible",
]

FEW: Final = 50
"""A row of at most this many entries is shown whole, in the order given."""
NOT_REPORTED: Final = "(not reported)"
"""All tokens together of which a server told nothing."""
TOP: Final = 20
"""Of a longer row, this many entries with the highest logits are shown."""


class Shown(NamedTuple):
    """The entries of a row that are shown.

    Attributes
    ----------
    entries : ndarray of int
        Indices into the row, in the order in which they are shown.
    others : int
        How many entries are not shown.
    rest : float
        The probability of all others together.
    percents : list of str
        The probabilities of `entries` as text; then `rest`, if there are others.
    """

    entries: NDArray[np.intp]
    others: int
    rest: float
    percents: list[str]


def shown(
    logits: NDArray[np.float64],
    temperature: float,
    probabilities: NDArray[np.float64],
    *,
    top: int | None = None,
) -> Shown:
    """Return what to show of a row: up to 50 entries as given, else the 20 highest and the rest.

    Ties stay in the order given. NaN comes first: it makes every probability of the row NaN.

    Parameters
    ----------
    logits : ndarray, shape (n,)
    temperature : float
        In [0, inf].
    probabilities : ndarray, shape (n,)
        Their softmax at that temperature.
    top : int, optional
        Show this many of the highest, however many entries there are.

    Examples
    --------
    >>> from thermoscope import softmax
    >>> row = np.array([2.0, -1000.0, 2.0])
    >>> shown(row, 1.0, softmax(row)).percents
    ['50.00 %', '< 1e−321 %', '50.00 %']
    >>> row = np.arange(51.0)
    >>> found = shown(row, 1.0, softmax(row))
    >>> found.entries[:3].tolist(), found.others, found.percents[-1]
    ([50, 49, 48], 31, '2.1e−7 %')
    >>> shown(row, 1.0, softmax(row), top=2).percents
    ['63.21 %', '23.25 %', '13.53 %']
    """
    count = logits.size
    order: NDArray[np.intp] = np.arange(count)
    if top is None and count <= FEW:
        most = count
    else:
        most = TOP if top is None else whole("top", top)
        # Reverse, sort stably, reverse again: descending, with ties as given and NaN first.
        order = (count - 1 - np.argsort(logits[::-1], kind="stable"))[::-1]
    entries, others = order[:most], order[most:]
    rest = math.fsum(probabilities[others].tolist())

    second, highest = np.partition(np.append(logits, -np.inf), -2)[-2:].tolist()

    def exactly_zero(logit: float) -> bool:
        """Whether a probability of 0 is exactly 0, not one below the smallest float64."""
        return temperature == 0 or highest == math.inf or logit == -math.inf

    def text(probability: float, logit: float) -> str:
        return percent(probability, exact=exactly_zero(second if probability == 1 else logit))

    items = entries.tolist()
    percents = [text(float(probabilities[item]), float(logits[item])) for item in items]
    if others.size:
        percents.append(text(rest, float(logits[others[0]])))
    return Shown(entries, others.size, rest, percents)


def percent(probability: float, *, exact: bool = True) -> str:  # noqa: PLR0911 - a table
    """Return a probability in percent, short enough for a bar.

    Parameters
    ----------
    probability : float
    exact : bool, default True
        False if a probability of 0 or 1 has been rounded to that.

    Examples
    --------
    >>> percent(0.03125), percent(0.99999), percent(1.2e-9), percent(0.0), percent(0.0, exact=False)
    ('3.13 %', '> 99.99 %', '1.2e−7 %', '0 %', '< 1e−321 %')
    """
    if math.isnan(probability):
        return "NaN"
    if probability == 0:
        return "0 %" if exact else "< 1e−321 %"
    if probability >= 1 and exact:
        return "100 %"
    value = 100 * float(probability)
    if value > 99.99:
        return "> 99.99 %"
    if value >= 1:
        return f"{_rounded(value, '.2f')} %"
    if value >= 0.001:
        return f"{_precision(value, 3)} %"
    return f"{_typographic(_rounded(value, '.1e'))} %"


def digits(value: float, significant: int = 10) -> str:
    """Return a float64 with `significant` digits, or with all of them where fewer would give 1.

    Examples
    --------
    >>> digits(0.25), digits(0.25, 6), digits(1.0), digits(1 - 2**-53), digits(1e-5, 6)
    ('0.2500000000', '0.250000', '1', '0.9999999999999999', '1.00000e-5')
    """
    if not math.isfinite(value) or value == int(value):
        return _shortest(value)
    small = abs(value) < 1e-3
    text = _rounded(value, f".{significant - 1}e") if small else _precision(value, significant)
    return _shortest(value) if float(text) == 1 else text


def plain(value: float, significant: int = 10) -> str:
    """Return a number with at most `significant` digits, or with all where fewer would give inf.

    Examples
    --------
    >>> plain(2.0), plain(-135.9131622314453), plain(1e-9), plain(float("-inf"))
    ('2', '-135.9131622', '1e-9', '-inf')
    """
    if not math.isfinite(value) or value == 0:
        return _shortest(value)
    rounded = float(_precision(value, significant))
    return _shortest(rounded if math.isfinite(rounded) else value)


def brief(value: float) -> str:
    """Return a number for running text, with at most four significant digits.

    Examples
    --------
    >>> brief(0.1 + 0.2), brief(-12345.0), brief(float("inf"))
    ('0.3', '−12350', '∞')
    """
    return _typographic(plain(value, 4))


def interval(low: float, high: float, significant: int = 3) -> str:
    """Return the two numbers that a value lies between, rounded outwards, or one if they agree.

    Examples
    --------
    >>> interval(2.0, 2.0), interval(1.2345, 2.0001), interval(0.5, float("inf"))
    ('2', '1.23 … 2.01', '≥ 0.5')
    >>> interval(1.4999999999999996, 1.5100000000000005)
    '1.5 … 1.51'
    """
    # What float64 rounds off does not show.
    low, high = low + 1e-12 * abs(low), high - (1e-12 * abs(high) if high < math.inf else 0.0)
    low = min(low, high)
    if high == math.inf and low < math.inf:
        return f"≥ {_typographic(_outwards(low, significant, ROUND_FLOOR))}"
    if low == high or high - low <= 1e-9 * abs(high):
        return _typographic(plain((low + high) / 2 if low < high else low, significant))
    ends = _outwards(low, significant, ROUND_FLOOR), _outwards(high, significant, ROUND_CEILING)
    return " … ".join(map(_typographic, ends))


def probability_interval(low: float, high: float, whole: int = 1) -> str:
    """Return the two probabilities that one lies between; what is not 1 is not written as 1.

    `whole` is 100 for percent.

    Examples
    --------
    >>> probability_interval(0.25, 0.25), probability_interval(0.9, 0.99999999)
    ('0.25', '0.9 … <1')
    >>> probability_interval(0.123456, 0.2, 100)
    '12.34 … 20'
    """
    *others, last = interval(whole * low, whole * high, significant=4).split(" ")
    return " ".join([*others, f"<{whole}" if last == f"{whole}" and high < 1 else last])


def number_text(value: float) -> str:
    """Return the shortest text that gives back the same float64.

    Examples
    --------
    >>> number_text(2.0), number_text(-0.0), number_text(1e21), number_text(float("-inf"))
    ('2', '-0', '1e21', '-inf')
    """
    if value == 0:
        return "-0" if math.copysign(1, value) < 0 else "0"
    return _shortest(value).replace("+", "").lower()


_NUMBER: Final = re.compile(
    r"[+-]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?|inf|infinity|∞|nan)",
    re.ASCII | re.IGNORECASE,
)
# What JavaScript trims.
_SPACES: Final = (
    "\t\n\v\f\r \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000\ufeff"
)


def parse_number(text: str) -> float | None:
    """Return the number that a text stands for, None if it is none.

    Examples
    --------
    >>> parse_number(" .5 "), parse_number("-∞"), parse_number("1_000")
    (0.5, -inf, None)
    """
    typed = text.strip(_SPACES)
    return float(typed.replace("∞", "inf")) if _NUMBER.fullmatch(typed) else None


def step(name: str) -> str:
    """Return what a step of a sampler is called in a text, by its keyword.

    Examples
    --------
    >>> step("top_k"), step("top_n_sigma"), step("eta")
    ('top-k', 'top-nσ', 'eta')
    """
    return "top-nσ" if name == "top_n_sigma" else name.replace("_", "-")


def measure(value: float) -> str:
    """Return a measure, such as an entropy or a number of choices, with five significant digits.

    Examples
    --------
    >>> measure(0.69314718), measure(37.7778), measure(50257.0), measure(2.7e-32)
    ('0.69315', '37.778', '50,257', '2.700e−32')
    """
    size = abs(value)
    if not 0 < size < math.inf:
        return _typographic(_shortest(value))
    if size < 1e-3 or size >= 1e9:
        return _typographic(_rounded(value, ".3e"))
    if size >= 1e4:
        return _typographic(_rounded(value, ",.1f").removesuffix(".0"))
    return _typographic(_precision(value, 5))


def kept(logits: NDArray[np.float64], temperature: float, mask: NDArray[np.bool]) -> str:
    """Return how many entries of a row a sampler keeps, and the probability that they have.

    Parameters
    ----------
    logits : ndarray, shape (n,)
    temperature : float
        What the sampler's engine makes of the given one.
    mask : ndarray of bool, shape (n,)
        The kept entries.

    Examples
    --------
    >>> row = np.array([2.0, 1.0, -1000.0])
    >>> kept(row, 1.0, np.array([True, False, False]))
    'kept 1 of 3, 73.11 %'
    >>> kept(row, 1.0, np.array([True, True, False]))
    'kept 2 of 3, > 99.99 %'
    """
    log_p = log_softmax(logits, temperature)
    mass = float(np.exp(log_p[mask]).sum())
    # 1 and 0 are exact where what is dropped or kept has no probability, not one that rounds to 0.
    is_all, is_none = (bool(np.isneginf(log_p[part]).all()) for part in (~mask, mask))
    text = percent(1.0 if is_all and mass > 0 else mass, exact=is_all or is_none)
    return f"kept {np.count_nonzero(mask):,} of {mask.size:,}, {text}"


def _shortest(value: float) -> str:
    """Return the fewest digits that identify the float64, as JavaScript and JSON write them."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    number = Decimal(repr(float(value) + 0.0)).normalize()
    return format(number, "f" if 1e-6 <= abs(value) < 1e21 or value == 0 else "e")


def _precision(value: float, significant: int) -> str:
    """Return a number with exactly `significant` digits."""
    rounded = Context(prec=significant, rounding=ROUND_HALF_UP).create_decimal(
        Decimal(float(value))
    )
    exponent = rounded.adjusted()
    fixed = -6 <= exponent < significant
    return format(rounded, f".{significant - 1 - exponent}f" if fixed else f".{significant - 1}e")


def _outwards(value: float, significant: int, rounding: str) -> str:
    """Return a number with at most `significant` digits, rounded down or up.

    What float64 added to a number with fewer than 12 digits does not count.
    """
    if not math.isfinite(value):
        return _shortest(value)
    exact = Context(12).create_decimal(Decimal(float(value)))
    return _shortest(float(Context(significant, rounding).create_decimal(exact)))


def _rounded(value: float, form: str) -> str:
    """Format the exact value with ties away from 0, as in JavaScript; Python's go to even."""
    with localcontext(rounding=ROUND_HALF_UP):
        return format(Decimal(float(value)), form)


def _typographic(text: str) -> str:
    return text.replace("-", "−", 1).replace("inf", "∞")


# Unicode's control characters, line and paragraph separators, surrogates and default ignorable
# characters, except the joiners and variation selectors that emoji and scripts need. An explicit
# list, so that Python and every browser agree.
_INVISIBLE: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f"
    "\u2028-\u202e\u2060-\u206f\u3164\ud800-\udfff\ufeff\uffa0\ufff0-\ufff8"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)


def printable(text: str) -> str:
    r"""Return `text` on one line, with an escape for each invisible character.

    Among these are the characters that control a terminal or the direction of text.

    Examples
    --------
    >>> print(printable("a\nb\u202ec"))
    a\nb\u202ec
    """
    return _INVISIBLE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


# The characters that `printable` leaves because emoji and scripts need them.
_JOINING: Final = "\u200c\u200d" + "".join(map(chr, range(0xFE00, 0xFE10)))


def visible(text: str) -> str:
    r"""Return `text` on one line as `printable` does, with a mark for each space at an end.

    A joiner or a variation selector at its start, which has nothing to join, has an escape too.

    Examples
    --------
    >>> visible(" Paris"), visible("a b "), visible("\n"), visible("")
    ('␣Paris', 'a b␣', '\\n', '(empty)')
    """
    rest = text.rstrip(" ")
    start = rest.lstrip(" ")
    before, after = len(rest) - len(start), len(text) - len(rest)
    letters = start.lstrip(_JOINING)
    joining = start[: len(start) - len(letters)].encode("unicode_escape").decode()
    return f"{'␣' * before}{joining}{printable(letters)}{'␣' * after}" or "(empty)"


def joined(tokens: Iterable[tuple[str, bytes | None]]) -> list[tuple[int, str]]:
    r"""Return the text of tokens in pieces of whole characters.

    A token may be a part of a character, which has a text only together with the tokens beside it.
    Bytes that are no character have escapes.

    Parameters
    ----------
    tokens : iterable of (str, bytes or None)
        The text of each token, and its bytes where they are known.

    Returns
    -------
    list of (int, str)
        How many tokens each piece has, and its text.

    Examples
    --------
    >>> joined([("Hi", b"Hi"), ("\ufffd", b" \xf0\x9f"), ("\ufffd", b"\x99\x82"), ("</s>", None)])
    [(1, 'Hi'), (2, ' 🙂'), (1, '</s>')]
    """
    pieces: list[tuple[int, str]] = []
    count, data = 0, b""

    def end() -> None:
        nonlocal count, data
        if count:
            pieces.append((count, data.decode(errors="backslashreplace")))
        count, data = 0, b""

    for text, own in tokens:
        if not own or not _continues(own[0]):
            end()  # the character before stays incomplete
        if not own:
            pieces.append((1, text))
            continue
        count, data = count + 1, data + own
        if not _is_incomplete(data):
            end()
    end()
    return pieces


def _continues(byte: int) -> bool:
    """Whether a byte of UTF-8 is one after the first of its character."""
    return byte & 0xC0 == 0x80


def _is_incomplete(data: bytes) -> bool:
    """Whether UTF-8 ends within a character."""
    tail = data[-3:]
    at = max((at for at, byte in enumerate(tail) if not _continues(byte)), default=None)
    if at is None:
        return False
    first = tail[at]
    needed = 1 if not 0xC2 <= first <= 0xF4 else 2 if first < 0xE0 else 3 if first < 0xF0 else 4
    return needed > len(tail) - at
