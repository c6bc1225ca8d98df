"""Byte-level byte-pair encoding, as GPT-2 has it: training, encoding and decoding.

The tokens 0 to 255 are the bytes. Each further token is two earlier ones, put together: merge i
makes token 256 + i. A text is first split into pieces, by the pattern of GPT-2, and no merge
crosses the end of a piece. In a piece the merges are done in their order.

The twin is web/src/math/tokenizer.ts.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections import Counter, defaultdict
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

BYTES = 256
#: Characters with Unicode's property White_Space.
WHITE_SPACE = "\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"

Merge = tuple[int, int]


def _category(initial: str) -> str:
    """Return the characters of a Unicode category, as ranges for a regular expression."""
    ranges: list[list[int]] = []
    for code in range(sys.maxunicode + 1):
        if unicodedata.category(chr(code))[0] == initial:
            if ranges and ranges[-1][1] == code - 1:
                ranges[-1][1] = code
            else:
                ranges.append([code, code])
    return "".join(f"{chr(first)}-{chr(last)}" for first, last in ranges)


@cache
def _pattern() -> re.Pattern[str]:
    letter, number, space = _category("L"), _category("N"), WHITE_SPACE
    return re.compile(
        f"'s|'t|'re|'ve|'m|'ll|'d| ?[{letter}]+| ?[{number}]+| ?[^{space}{letter}{number}]+"
        f"|[{space}]+(?![^{space}])|[{space}]+"
    )


def pieces(text: str) -> list[str]:
    """Split a text into what merges stay within."""
    return _pattern().findall(text)


def train(text: str, size: int) -> list[Merge]:
    """Return the merges that make `size` tokens: each joins the most frequent pair.

    Of pairs that are as frequent, the one with the lower tokens is joined first.
    """
    counts = Counter(pieces(text))
    words = [list(piece.encode()) for piece in counts]
    numbers = list(counts.values())
    pairs: Counter[Merge] = Counter()
    # The words that have a pair, or had it before a merge.
    places: defaultdict[Merge, set[int]] = defaultdict(set)

    def count(at: int, sign: int) -> None:
        for pair in pairwise(words[at]):
            pairs[pair] += sign * numbers[at]
            places[pair].add(at)

    for at in range(len(words)):
        count(at, 1)
    merges: list[Merge] = []
    while len(merges) < size - BYTES:
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        for at in places.pop(best):
            count(at, -1)
            words[at] = _merged(words[at], best, BYTES + len(merges))
            count(at, 1)
        merges.append(best)
    return merges


def _merged(word: Sequence[int], pair: Merge, token: int) -> list[int]:
    """Return a word with a token in place of each pair, from the left."""
    result: list[int] = []
    for part in word:
        if result and (result[-1], part) == pair:
            result[-1] = token
        else:
            result.append(part)
    return result


class Tokenizer:
    """Texts as tokens, and tokens as bytes."""

    def __init__(self, merges: Sequence[Merge]) -> None:
        self.merges = merges
        self._rank = {pair: rank for rank, pair in enumerate(merges)}
        self.bytes = [bytes([byte]) for byte in range(BYTES)]
        for first, second in merges:
            self.bytes.append(self.bytes[first] + self.bytes[second])
        self._known: dict[str, list[int]] = {}

    def encode(self, text: str) -> list[int]:
        """Return the tokens of a text."""
        return [token for piece in pieces(text) for token in self._encode_piece(piece)]

    def _encode_piece(self, piece: str) -> list[int]:
        word = self._known.get(piece)
        if word is None:
            word = list(piece.encode())
            while len(word) > 1:
                pair = min(
                    pairwise(word),
                    key=lambda pair: self._rank.get(pair, len(self.merges)),
                )
                if pair not in self._rank:
                    break
                word = _merged(word, pair, BYTES + self._rank[pair])
            self._known[piece] = word
        return word

    def decode(self, tokens: Iterable[int]) -> str:
        """Return the text of tokens; bytes that are no UTF-8 become U+FFFD."""
        return b"".join(self.bytes[token] for token in tokens).decode(errors="replace")
