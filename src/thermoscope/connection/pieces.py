"""Tokens as vocabularies write them, and the bytes that they stand for.

Vocabularies of bytes write each byte as a character, with a letter for those that can't be seen:
GPT-2's ``encoder.py``, ``bytes_to_unicode``. Those of SentencePiece write a space as "▁", and a
byte that is no character as "<0xE2>".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["bytes_of", "is_byte_level", "is_sentencepiece"]

SEEN: Final = (*range(33, 127), *range(161, 173), *range(174, 256))
"""Bytes that are written as the character with the same number; the others follow from 256 on."""
HIDDEN: Final = (byte for byte in range(256) if byte not in SEEN)
BYTES: Final = {
    **{chr(byte): byte for byte in SEEN},
    **{chr(256 + place): byte for place, byte in enumerate(HIDDEN)},
}
SPACE, SPACE_OF_SENTENCEPIECE = "Ġ", "▁"
BYTE: Final = re.compile(r"<0x([0-9A-F]{2})>")


def is_byte_level(pieces: Iterable[str]) -> bool:
    """Whether tokens that have a space among them are of a vocabulary of bytes."""
    return any(SPACE in piece for piece in pieces)


def is_sentencepiece(pieces: Iterable[str]) -> bool:
    """Whether tokens that have a space among them are of a vocabulary of SentencePiece."""
    return any(SPACE_OF_SENTENCEPIECE in piece for piece in pieces)


def bytes_of(piece: str, *, byte_level: bool) -> bytes:
    r"""Return the bytes of a token.

    Parameters
    ----------
    piece : str
        As the vocabulary has it.
    byte_level : bool
        Whether it is a vocabulary of bytes.

    Examples
    --------
    >>> bytes_of("ĠcafÃ", byte_level=True)
    b' caf\xc3'
    >>> bytes_of("▁cat", byte_level=False), bytes_of("<0xC3>", byte_level=False)
    (b' cat', b'\xc3')
    """
    if byte_level:
        # What was added to the vocabulary later is text.
        found = [BYTES[character] for character in piece if character in BYTES]
        is_text = len(found) < len(piece)
        return piece.encode(errors="surrogatepass") if is_text else bytes(found)
    if byte := BYTE.fullmatch(piece):
        return bytes.fromhex(byte[1])
    return piece.replace(SPACE_OF_SENTENCEPIECE, " ").encode(errors="surrogatepass")
