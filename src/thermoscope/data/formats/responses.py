"""What servers of language models answer, as rows of tokens and their log-probabilities.

A server reports some tokens of each position: most often the few likeliest and the one that was
drawn. The probability of all others is known only as a sum, `Position.rest`; it is never spread
over the tokens that were reported.

`thermoscope.data.formats.servers` has the formats. Here a text is cut into documents, the parts of
streams are put together, and what was reported for a position is put into one form.
"""

from __future__ import annotations

import json
import math
import re
import struct
from decimal import Decimal
from itertools import repeat
from operator import attrgetter, contains, itemgetter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from thermoscope.arguments import writable
from thermoscope.data.collection import without_collection
from thermoscope.data.errors import not_utf8
from thermoscope.data.formats.logs import NUMBERS, NUMBERS_ALONE, Answer, Log, log_of
from thermoscope.data.formats.servers import (
    ASK,
    FORMATS,
    KEY,
    KINDS,
    PROMPT,
    PROMPT_ALONE,
    ROUNDING,
    VALUES,
    Entry,
    Part,
    as_dict,
    as_list,
    error_of,
    is_answer,
    is_entry,
    is_last,
    is_whole,
    name_of,
    prompt_of,
)
from thermoscope.reported import Token, float32_error, missing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = [
    "NOT_REPORTED",
    "OURS",
    "Passage",
    "Position",
    "Responses",
    "Token",
    "looks_like_response",
    "parse_responses",
    "prompt_shown",
    "responses_of",
]

NOT_REPORTED: Final = "not reported"
OURS: Final = "thermoscope"
"""In a document that was saved here: what a server's answer has no room for."""
PROCESSED: Final = (
    "the server reports probabilities after its own penalties, temperature and truncation: a token "
    "that it dropped has 0 at every temperature; --applied-temperature names its temperature"
)

# With this number OpenAI says that a token was not among the likeliest, and vLLM that it is -inf.
VERY_UNLIKELY: Final = -9999.0
# A server that reports a token twice may have rounded its log-probability twice.
SAME: Final = 1e-4
# What float32 may leave of a sum of few probabilities, for each of them …
FLOAT32: Final = 2.0**-22
# … and of all those of a vocabulary.
FLOAT32_SUM: Final = 1e-5
# llama.cpp adds up all tokens one by one in float32, the likeliest first: of those behind, each is
# lost, or rounded up, where the sum has no digit for it. In trials with 2,048 to 262,144
# tokens that was 1e-6 to 6e-4 of the sum. It is no more than all of them have.
IN_ORDER: Final = 2.0**-9
# float32 needs no more digits than this.
FEW_DIGITS: Final = 9
BY_HAND: Final = 2
MOST_FLOAT32: Final = 3e38
_FLOAT32: Final = struct.Struct("f")
# Damaged places after which a text is refused: the time for each grows with what follows it.
MOST_DAMAGE: Final = 1000
MOST_NOTES: Final = 20
# So vLLM begins the text of a token if it was asked for its number.
NUMBERED: Final = "token_id:"
# So the completions of OpenAI write a part of a character, and so do vocabularies of SentencePiece.
BYTES: Final = re.compile(r"bytes:(?:\\x[0-9a-f]{2})+")
BYTE: Final = re.compile(r"<0x[0-9A-F]{2}>")
WITH_BYTES: Final = ("bytes:", "<0x")
# What has the text of a token, and what has its number.
OF_TEXT: Final = ("token", "text", "tok_str", "decoded_token", "content")
OF_NUMBER: Final = ("id", "token_id", "tokenId")
# Longer numbers are not those of tokens, and may not fit into 64 bits.
DIGITS: Final = 18
MOST_ID: Final = 10**DIGITS
# What stands for a number or bytes begins with one of these.
CODED: Final = (NUMBERED, *WITH_BYTES)

LF: Final = "\n"
BLANK: Final = " \t\r\n\ufeff"
# A field of server-sent events (WHATWG HTML, "Server-sent events"), or a comment.
FIELD: Final = re.compile(r"(data|event|id|retry|):")
NEXT: Final = re.compile(r"[\r\n]+(?=[{\[]|(?:data|event|id|retry|):)")
LINE: Final = re.compile(r"[^\r\n]*")
JSON: Final = json.JSONDecoder()


class Position(NamedTuple):
    """What a server reported for one position.

    Attributes
    ----------
    tokens : tuple of Token
        In the order of the server; the token that was drawn is the last if it was not among those
        reported.
    logprobs : tuple of float
        Their log-probabilities in nats.
    rest : float or None
        The logarithm of the probability of all tokens that are not reported; None where all are.
    drawn : int
        Which of the tokens was drawn, or stands in the prompt; -1 where it is not known.
    error : str or None
        Why this position can't be read. It then has the tokens that can be shown, no `logprobs`.
    deltas : tuple of float
        How far each log-probability may be from the one that was computed: rounded to float32,
        or to the digits that were sent.
    cap : float or None
        The logarithm of the most that a token which is not reported can have; None where the
        least likely one was reported because it was drawn, and is no bound.
    """

    tokens: tuple[Token, ...]
    logprobs: tuple[float, ...]
    rest: float | None
    drawn: int
    error: str | None
    deltas: tuple[float, ...] = ()
    cap: float | None = None

    @property
    def labels(self) -> tuple[str, ...]:
        """The text of each token, then "not reported" if there is a rest."""
        texts = tuple(token.text for token in self.tokens)
        return texts if self.rest is None else (*texts, NOT_REPORTED)


class Passage(NamedTuple):
    """Positions that follow one another in a text, up to where the next passage starts.

    Attributes
    ----------
    start : int
        The first position.
    kind : {"prompt", "reasoning", "answer", "refusal"}
    processed : bool or None
        Whether the probabilities are those after penalties, temperature and truncation of the
        server; None where its answer does not tell.
    prompt : str
        What it goes on from, where that is known and its tokens are no positions.
    """

    start: int
    kind: str
    processed: bool | None = None
    prompt: str = ""


class Responses(NamedTuple):
    """What a text of responses holds.

    Attributes
    ----------
    positions : list of Position
        Response by response, and choice by choice; the prompt comes first.
    notes : tuple of str
        What was decided or could not be read, in a line each.
    passages : tuple of Passage
        What the positions are: the prompt and the answer of each choice.
    vocabulary : int or None
        How many tokens the model has, where a file of `thermoscope.Draft` tells it.
    """

    positions: list[Position]
    notes: tuple[str, ...]
    passages: tuple[Passage, ...]
    vocabulary: int | None = None


def looks_like_response(head: str) -> bool:
    r"""Whether a text that begins like this may be what a server answered.

    Examples
    --------
    >>> looks_like_response('{"id": "x", "choices": []}'), looks_like_response('{"cat": 2.5}')
    (True, False)
    >>> looks_like_response(": a comment\n\ndata: {}")
    True
    """
    head = head.lstrip(BLANK)
    if FIELD.match(head):
        return True
    return head.startswith(("{", "[")) and KEY.search(head) is not None


def parse_responses(text: str | bytes) -> Responses | None:
    r"""Read the responses of servers, or return None where a text holds none.

    The text is one JSON value, several one after another, or server-sent events. Chunks of a stream
    are put together.

    Parameters
    ----------
    text : str or bytes
        Of any file: its name does not matter. Bytes are UTF-8.

    Returns
    -------
    Responses or None
        Of at least one position.

    Raises
    ------
    ValueError
        If there are responses, and none has log-probabilities in a format that is known.

    Examples
    --------
    >>> probs = '[{"tok_str": "B", "prob": 0.5}, {"tok_str": "C", "prob": 0.25}]'
    >>> found = parse_responses(f'{{"completion_probabilities": [{{"probs": {probs}}}]}}')
    >>> (position,) = found.positions
    >>> position.labels
    ('B', 'C', 'not reported')
    >>> [round(logprob, 3) for logprob in (*position.logprobs, position.rest)]
    [-0.693, -1.386, -1.386]
    """
    notes: list[str] = []
    text = _decoded(text)
    found = responses_of(_documents(text, notes), notes)
    if found is None and notes and KEY.search(text):
        raise ValueError(notes[0])
    return found


def responses_of(
    documents: Iterable[tuple[str, Any]], notes: list[str], known: tuple[Token, ...] = ()
) -> Responses | None:
    """Put the answers in JSON values together, each with the place where it stands.

    Parameters
    ----------
    documents : iterable of (str, object)
        Objects and lists.
    notes : list of str
        What is told of the documents already, and where more is added.
    known : tuple of Token, optional
        The tokens of the model in the order of their numbers. A position of all of them has them in
        this order; where number and text are the same, the bytes are not read again.

    Returns
    -------
    Responses or None
        None where no document is an answer.
    """
    answers = _Answers(notes)
    for where, value in documents:
        for place, document in _unwrapped(where, value, answers):
            answers.add(place, document)
    if not answers.known:
        return None
    positions: list[Position] = []
    passages: list[Passage] = []
    for kind, entries, processed, prompt in answers.passages():
        passages.append(Passage(len(positions), kind, processed, prompt))
        with without_collection():
            positions += [_position(*entry, known) for entry in entries]
    if len(answers.bounds) == len(positions):
        positions = list(map(_bounded, positions, answers.bounds))
    if not positions:
        raise ValueError(answers.error or f"{answers.without}: {answers.ask}")
    if any(passage.processed for passage in passages):
        notes.append(PROCESSED)
    errors = [(row, position.error) for row, position in enumerate(positions) if position.error]
    notes += [f"row {row} can't be read: {error}" for row, error in errors]
    if len(notes) > MOST_NOTES:
        notes[MOST_NOTES:] = [f"and {len(notes) - MOST_NOTES} more such notes"]
    return Responses(positions, tuple(notes), tuple(passages), answers.vocabulary)


def prompt_shown(ours: Mapping[str, Any]) -> str:
    """Return what is shown of a prompt in a text that was saved: numbers of tokens are not."""
    prompt = ours.get("prefix") or ours.get("typed") or ours.get("prompt")
    if isinstance(prompt, list):
        contents = (as_dict(each).get("content") for each in prompt)
        prompt = "\n\n".join(each for each in contents if isinstance(each, str))
    return prompt if isinstance(prompt, str) else ""


def _decoded(text: str | bytes) -> str:
    if isinstance(text, str):
        return text
    try:
        return text.decode()
    except UnicodeDecodeError as error:
        raise ValueError(not_utf8(error)) from error


def _documents(text: str, notes: list[str]) -> Iterator[tuple[str, Any]]:
    """Iterate over the objects and lists of a text of JSON, and the lines they begin on.

    What is neither is skipped, up to the next line that begins with one or with a field.
    """
    at, line, counted, damage = 0, 1, 0, 0
    while (at := _skip(text, at, BLANK)) < len(text):
        if field := FIELD.match(text, at):
            at = _skip(text, field.end(), " \t")
            rest = LINE.match(text, at)
            if rest and (field[1] != "data" or rest[0].strip() in {"", "[DONE]"}):
                at = rest.end()
                continue
        line += text.count(LF, counted, at)
        counted = at
        if text[at] not in "{[":
            notes.append(f"not JSON: line {line}: Expecting an object or a list")
            at = _next(text, at)
            continue
        try:
            value, at = JSON.raw_decode(text, at)
        except (ValueError, RecursionError) as error:
            # Of a number of too many digits, and of lists in lists, nothing more is told.
            reason = getattr(error, "msg", "too long or nested too deeply")
            end = getattr(error, "pos", at)
            while end > at and text[end - 1] in BLANK:
                end -= 1
            notes.append(f"not JSON: line {line + text.count(LF, at, end)}: {reason}")
            damage += 1
            if damage > MOST_DAMAGE:
                raise ValueError(f"{notes[0]}, and {damage - 1} more") from error
            at = _next(text, at)
        else:
            yield f"line {line}", value


def _next(text: str, at: int) -> int:
    found = NEXT.search(text, at)
    return found.end() if found else len(text)


def _skip(text: str, at: int, blank: str) -> int:
    while at < len(text) and text[at] in blank:
        at += 1
    return at


def _unwrapped(
    where: str, value: object, answers: _Answers
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Iterate over the objects of a JSON value that may be answers, or parts of them."""
    if isinstance(value, list):
        if any(map(is_entry, value)):
            yield where, {"logprobs": value}
            return
        for item, each in enumerate(value):
            if isinstance(each, (dict, list)):
                yield from _unwrapped(f"{where}, item {item}", each, answers)
    elif isinstance(value, dict):
        log = log_of(value)
        yield from _of_object(where, value, answers) if log is None else answers.of_log(*log)


def _of_object(
    where: str, value: dict[str, Any], answers: _Answers
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Iterate over the answers in an object: the object itself, or what it wraps."""
    logged, batched = value.get("response_json"), value.get("response")
    if isinstance(logged, str):  # the log of llm
        for _, document in _documents(logged, []):
            yield from _unwrapped(where, document, answers)
    elif isinstance(logged, dict):
        yield where, logged
    elif isinstance(batched, dict) and "type" not in value:
        # An error of the batch stands beside the answer.
        body = as_dict(batched.get("body")) or batched
        yield where, {"error": value.get("error"), **body}
    else:
        yield where, value


class _Answers:
    """Puts the parts of answers together, stream by stream.

    Attributes
    ----------
    known : bool
        Whether there is an answer of a server at all.
    error : str or None
        The first error that a server answered with.
    vocabulary : int or None
        As a file of ours tells it.
    bounds : list
        Of each position in files of ours, how sure its numbers are.
    without, ask : str
        What to say where nothing has log-probabilities, and how to ask for them.
    """

    def __init__(self, notes: list[str]) -> None:
        self.notes = notes
        self.known = False
        self.error: str | None = None
        self.vocabulary: int | None = None
        self.bounds: list[Any] = []
        self.without, self.ask = "the answer has no log-probabilities in a known format", ASK
        # An answer has a name, or ends where the next one begins, and these are counted.
        self._answers: dict[object, dict[tuple[int, int], list[Entry]]] = {}
        self._processed: dict[tuple[object, int, int], bool | None] = {}
        self._prompts: dict[object, str] = {}
        self._ended = 0

    def of_log(self, log: Log, answers: list[Answer]) -> list[Answer]:
        """Note that answers stand in the log of a tool, and return them."""
        self.known = True
        self.without, self.ask = f"this log of {log.tool} has no log-probabilities", log.ask
        alone = any(NUMBERS in answer for _, answer in answers)
        if alone and NUMBERS_ALONE not in self.notes:
            self.notes.append(NUMBERS_ALONE)
        return answers

    def add(self, where: str, document: dict[str, Any]) -> None:
        """Add what one document has."""
        ours = as_dict(document.get(OURS))
        size = ours.get("vocabulary")
        self.bounds += as_list(ours.get("bounds"))
        self.vocabulary = size if isinstance(size, int) and size > 0 else self.vocabulary
        parts = self._parts(where, document)
        error = error_of(document)
        if error is not None:
            error = f"the server answered with an error: {error}"
            self.notes.append(f"{where}: {error}")
            self.error = self.error or error
        elif not parts and is_whole(document):
            self.notes.append(f"{where}: the answer has no log-probabilities")
        self.known = self.known or bool(parts or error) or is_answer(document)
        self._ended += document.get("type") == "response.created"
        key = None if is_whole(document) else name_of(document)
        name = self._ended if key is None else key
        answer = self._answers.setdefault(name, {})
        if prompt := prompt_shown(ours) or prompt_of(document):
            self._prompts[name] = writable(prompt)
        if any(part.repeats == "all" for part in parts):
            answer.clear()
        for part in parts:
            before = answer.setdefault((part.choice, part.order), [])
            self._processed[name, part.choice, part.order] = part.processed
            if part.repeats != "part":
                before += part.entries
            elif len(part.entries) >= len(before):
                before[:] = part.entries
        self._ended += is_last(document)

    def _parts(self, where: str, document: dict[str, Any]) -> list[Part]:
        """Return the parts that the first format finds which finds any."""
        for form in FORMATS:
            if parts := [part for part in form.read(document) if part.entries]:
                if form.note:
                    self.notes.append(f"{where}: {form.note}")
                return parts
        return []

    def passages(self) -> list[tuple[str, list[Entry], bool | None, str]]:
        """Return what each `Passage` is made of, with its entries in place of its start."""
        rows, alone = [], []
        for name, answer in self._answers.items():
            orders = {order for (_, order), part in answer.items() if part}
            prompt = "" if PROMPT in orders else self._prompts.get(name, "")
            for (choice, order), part in sorted(answer.items(), key=lambda item: item[0]):
                found = (KINDS[order], part, self._processed[name, choice, order])
                if part and order == PROMPT_ALONE:
                    alone.append((*found, ""))
                elif part:
                    rows.append((*found, prompt))
        if rows and alone:
            count = sum(len(part) for _, part, *_ in alone)
            words = "1 token" if count == 1 else f"{count} tokens"
            verb = "is" if count == 1 else "are"
            self.notes.append(f"{words} of the prompt, reported alone, {verb} left out")
        return rows or alone


def _position(reported: list[Any], drawn: object, known: tuple[Token, ...]) -> Position:
    """Put what was reported for a position, and what was drawn, into one form."""
    found = _of_vocabulary(reported, drawn, known)
    if found is not None:
        return found
    errors: list[str] = []
    tokens, logprobs = _columns(reported) or _records(reported, errors)
    at = -1
    if drawn is not None and (token := _token(drawn, errors)) is not None:
        logprob = _logprob(drawn, errors)
        at = _index(token, logprob, tokens, logprobs)
        if at >= 0:
            text, number, data = tokens[at]
            tokens[at] = Token(text, token.id if number is None else number, data or token.bytes)
        elif logprob is not None:
            at = len(tokens)
            tokens.append(token)
            logprobs.append(logprob)
    values = np.array(logprobs)
    if not errors and not np.any(values > -math.inf):
        errors.append("no token has a log-probability" if tokens else "no token is reported")
    if not errors:
        left = missing(values)
        if left >= -ROUNDING:
            listed = len(tokens) == len(reported)
            sent = reported if listed else [*reported, drawn]
            whole = _is_vocabulary(list(map(attrgetter("id"), tokens)))
            summed = _summed(values, left, at, sent, whole=whole, listed=listed)
            return summed.of(tuple(tokens), at)
        errors.append(f"probabilities must sum to at most 1, got {1 - left:.6g}")
    return Position(tuple(tokens), (), None, at, errors[0])


def _of_vocabulary(reported: list[Any], drawn: object, known: tuple[Token, ...]) -> Position | None:
    """Return a position of all tokens that the model has, in the order of their numbers.

    The tokens are those that are known, and read no more: 262,144 of them lie all over the memory,
    in another order than the server's. None where they are others, or not for `_columns`.
    """
    plain = _plain(reported) if len(reported) == len(known) > 0 else None
    if plain is None or not _is_vocabulary(plain.numbers):
        return None
    order = np.argsort(plain.numbers)
    texts = list(map(plain.texts.__getitem__, order.tolist()))
    numbers, named = (list(map(attrgetter(name), known)) for name in ("id", "text"))
    if numbers != [*range(len(known))] or named != texts:
        return None
    number = at = -1
    if drawn is not None:
        token = _token(drawn, [])
        if token is None or token.id is None or known[token.id : token.id + 1] != (token,):
            return None
        number = token.id
        at = plain.numbers.index(number)
    left = missing(plain.logprobs)
    if left < -ROUNDING:
        return None
    summed = _summed(plain.logprobs, left, at, reported, whole=True, listed=True)
    return summed.ordered(order).of(known, number)


class _Plain(NamedTuple):
    """Records of tokens, column by column: there may be 262,144 of them."""

    texts: list[str]
    numbers: list[int]
    logprobs: Floats


def _plain(records: list[Any]) -> _Plain | None:
    """Return the columns of records; None where one is not plain."""
    try:
        texts, numbers, given = (
            list(map(itemgetter(key), records)) for key in ("token", "id", "logprob")
        )
    except (KeyError, TypeError):
        return None
    if [set(map(type, column)) for column in (texts, numbers, given)] != [{str}, {int}, {float}]:
        return None
    values = np.array(given)
    if not (values <= ROUNDING).all() or min(numbers) < 0 or max(numbers) >= MOST_ID:
        return None
    logprobs = np.where(values <= VERY_UNLIKELY, -math.inf, np.minimum(values, 0.0))
    return _Plain(texts, numbers, logprobs)


def _columns(records: list[Any]) -> tuple[list[Token], list[float]] | None:
    """Return the tokens of records and their log-probabilities.

    None where one is not plain: `_records` reads all.
    """
    plain = _plain(records)
    if plain is None:
        return None
    texts = plain.texts
    if any(map(str.startswith, texts, repeat(CODED))) or _has_surrogates("".join(texts)):
        return None
    data = [_bytes(record.get("bytes")) for record in records]
    tokens = map(Token._make, zip(texts, plain.numbers, data, strict=True))
    return list(tokens), plain.logprobs.tolist()


def _records(records: list[Any], errors: list[str]) -> tuple[list[Token], list[float]]:
    """Return the tokens of records and their log-probabilities, and tell what can't be read."""
    tokens: list[Token] = []
    logprobs: list[float] = []
    for record in records:
        if (token := _token(record, errors)) is not None:
            logprob = _logprob(record, errors)
            if logprob is None:
                errors.append(f"{token.text!r} has no log-probability")
            tokens.append(token)
            logprobs.append(math.nan if logprob is None else logprob)
    return tokens, logprobs


class _Summed(NamedTuple):
    """What is known of the log-probabilities of a position, see `Position`."""

    logprobs: Floats
    rest: float | None
    deltas: Floats
    cap: float | None

    def ordered(self, order: NDArray[np.intp]) -> _Summed:
        """Return the same in another order."""
        return self._replace(logprobs=self.logprobs[order], deltas=self.deltas[order])

    def of(self, tokens: tuple[Token, ...], drawn: int) -> Position:
        """Return the position of these tokens."""
        values, deltas = tuple(self.logprobs.tolist()), tuple(self.deltas.tolist())
        return Position(tokens, values, self.rest, drawn, None, deltas, self.cap)


def _summed(
    logprobs: Floats, left: float, drawn: int, sent: list[Any], *, whole: bool, listed: bool
) -> _Summed:
    """Find what tokens leave of the probability to others, and how sure their numbers are.

    `sent` is what the server sent of each token, `whole` whether they are all that the model has,
    and `listed` whether the drawn one is in the server's list.
    """
    # Both an id and bytes are llama.cpp's way.
    in_order = all(map(contains, sent, repeat("id"))) and all(map(contains, sent, repeat("bytes")))
    if in_order and abs(left) < IN_ORDER and whole:
        # Where all tokens are there, what was rounded off their sum can be undone.
        logprobs = np.minimum(logprobs - math.log1p(-left), 0.0)
        left = 0.0
    # Where the sum is 1 within its rounding, the others may have as much as that hides.
    others = left
    if left > 0:
        exact = (whole and left < FLOAT32_SUM) or _is_rounding(
            left, logprobs, sent if listed else sent[:-1]
        )
    else:
        others += _hidden(logprobs, _deltas(sent, logprobs, 0.0))
        exact = whole or others < math.exp(_least(logprobs))
    rest = None if exact else math.log(others)
    deltas = _deltas(sent, logprobs, min(left, IN_ORDER) if in_order and not exact else 0.0)
    return _Summed(logprobs, rest, deltas, _cap(logprobs, drawn, listed=listed))


def _bounded(position: Position, bound: Any) -> Position:
    """Return a position with the bounds that a file of ours has for it, if they can be those."""
    known = as_dict(bound)
    cap: Any = known.get("cap")
    deltas = as_list(known.get("deltas"))
    if position.error is not None or len(deltas) != len(position.logprobs):
        return position
    if not all(type(each) in {int, float} for each in (cap, *deltas)):
        return position
    if not (cap <= 0 and all(0 <= each < math.inf for each in deltas)):
        return position
    return position._replace(cap=cap, deltas=tuple(deltas))


def _least(logprobs: Floats) -> float:
    """Return the least log-probability of a token that is possible."""
    return float(np.min(logprobs, where=logprobs > -math.inf, initial=math.inf))


def _hidden(logprobs: Floats, deltas: Floats) -> float:
    """Return how much of the probability rounding may have added to the reported tokens."""
    return math.fsum((np.exp(logprobs) * -np.expm1(-deltas)).tolist())


def _is_vocabulary(numbers: list[int] | list[int | None]) -> bool:
    """Whether tokens of these numbers are all that the model has: they count from 0 on."""
    size = len(numbers)
    if size < 2 or None in numbers:
        return False
    counted = np.array(numbers, np.int64)
    return int(counted.max()) == size - 1 and bool(np.bincount(counted).all())


def _is_rounding(left: float, logprobs: Floats, reported: list[Any]) -> bool:
    """Whether what is missing to 1 is what rounding to float32 leaves of all probabilities.

    It is not rounding if less likely tokens could have that much: the tail of a confident position
    grows with the temperature, and must not vanish.
    """
    possible = logprobs[logprobs > -math.inf]
    error = FLOAT32
    if not any("prob" in record for record in reported):
        error *= -math.fsum((np.exp(possible) * possible).tolist())
    return left < min(error, math.exp(_least(possible)))


def _cap(logprobs: Floats, drawn: int, *, listed: bool) -> float | None:
    """Return the least of the K likeliest, where the drawn token is one of them or not the least.

    Servers add the drawn token to the likeliest: OpenAI beside the list, vLLM as the first of it.
    As the last of a list that falls it is one of the likeliest.
    """
    least = _least(logprobs)
    if drawn < 0 or logprobs[drawn] > least:
        return least
    is_last = listed and len(logprobs) > 1 and np.max(logprobs[drawn:]) == least
    return least if is_last else None


def _deltas(records: list[Any], logprobs: Floats, off_sum: float) -> Floats:
    """Return how far each log-probability may be from the one that was computed.

    Numbers with more digits than float32 were computed in float64, others in float32. Where none
    has many digits, they were rounded: to the places of the one with the most, or to as many
    digits. Numbers of one or two places alone are of an example that was written by hand, and
    exact: no server rounds so much. `off_sum` is what else was rounded off the sum.
    """
    is_possible = logprobs > -math.inf
    none = np.zeros(len(logprobs))
    deltas: Floats = np.add(float32_error(logprobs), off_sum, where=is_possible, out=none.copy())
    numbers, texts = [], []
    for record in records:
        is_probability, number = _sent(record)
        text = repr(abs(number))
        if _has_many_digits(text):
            is_float32 = (
                abs(number) < MOST_FLOAT32 and _FLOAT32.unpack(_FLOAT32.pack(number))[0] == number
            )
            return deltas if is_float32 else none
        numbers.append((is_probability, number))
        texts.append(text)
    digits = [Decimal(text).normalize().as_tuple() for text in texts]
    places = max(-int(each.exponent) for each in digits)
    if places <= BY_HAND:
        return none
    figures = max(len(each.digits) for each in digits)
    for at, (is_probability, number) in enumerate(numbers):
        if number:
            size = math.floor(math.log10(abs(number))) + 1
            half = 0.5 * 10.0 ** max(-places, size - figures)
            # Of a probability, what is lost in its logarithm.
            deltas[at] += -math.log1p(-min(half / number, 0.9)) if is_probability else half
    return deltas


def _has_many_digits(text: str) -> bool:
    """Whether a number has more digits than float32 needs, not counting zeros at its start."""
    if len(text) <= FEW_DIGITS:
        return False
    return len(text.partition("e")[0].replace(".", "").lstrip("0")) > FEW_DIGITS


def _sent(record: Any) -> tuple[bool, float]:
    """Return whether a record has a probability, and its number; 0 where that is none."""
    key = next((key for key in VALUES if key in record), VALUES[0])
    try:
        number = float(record.get(key) or 0.0)
    except (TypeError, ValueError, OverflowError):
        number = 0.0
    return key == "prob", number if math.isfinite(number) else 0.0


def _index(token: Token, logprob: float | None, tokens: list[Token], logprobs: list[float]) -> int:
    """Return which of the reported tokens a token is, or -1.

    A token is known by its number, else by its bytes or text and its log-probability together: of
    two tokens with the same text, each has its own.
    """
    same = []
    for at, other in enumerate(tokens):
        if token.id is not None and other.id is not None:
            if token.id == other.id:
                return at
        elif (
            token.bytes == other.bytes if token.bytes and other.bytes else token.text == other.text
        ):
            same.append(at)
    if logprob is None:
        return same[0] if len(same) == 1 else -1
    close = (at for at in same if math.isclose(logprobs[at], logprob, rel_tol=SAME, abs_tol=SAME))
    return next(close, -1)


def _token(record: Any, errors: list[str]) -> Token | None:
    """Return the token that an object names."""
    if not isinstance(record, dict):
        errors.append(f"a token must be an object, got {_short(record)}")
        return None
    text, number = _value(record, OF_TEXT), _value(record, OF_NUMBER)
    if isinstance(text, str) and text.startswith(NUMBERED):
        number, text = text.removeprefix(NUMBERED), None
    number = _number(text if number is None and not isinstance(text, str) else number)
    if not isinstance(text, str):
        if number is None:
            errors.append(f"a token must have a text or an id, got {_short(record)}")
            return None
        text = f"token {number}"
    elif _has_surrogates(text):
        # Half of a surrogate pair is no character.
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    data = _bytes(record.get("bytes"))
    if data is None and text.startswith(WITH_BYTES):
        data = _bytes_in(text)
    return Token(text, number, data)


def _has_surrogates(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _bytes(data: object) -> bytes | None:
    try:
        return bytes(data) if isinstance(data, list) and data else None
    except (TypeError, ValueError):
        return None


def _bytes_in(text: str) -> bytes | None:
    r"""Return the bytes that stand in the text of a token: "bytes:\xf0\x9f", or "<0xF0>"."""
    if BYTES.fullmatch(text):
        return bytes.fromhex(text.removeprefix("bytes:").replace("\\x", ""))
    return bytes.fromhex(text[3:5]) if BYTE.fullmatch(text) else None


def _value(record: dict[str, Any], keys: tuple[str, ...]) -> Any:
    for key in keys:
        value = record.get(key)
        if value is not None:
            return value
    return None


def _number(number: object) -> int | None:
    if isinstance(number, str) and number.isdecimal() and len(number) <= DIGITS:
        return int(number)
    return number if type(number) is int and 0 <= number < MOST_ID else None


def _logprob(record: Any, errors: list[str]) -> float | None:
    """Return the log-probability of a token: NaN if it is none, None if there is none.

    Null stands for -inf, for which JSON has no word.
    """
    for key in VALUES:
        if key in record:
            break
    else:
        return None
    raw = record[key]
    if raw is None:
        return -math.inf
    try:
        value = math.nan if isinstance(raw, bool) else float(raw)
    except OverflowError:
        value = math.inf if raw > 0 else -math.inf
    except (TypeError, ValueError):
        errors.append(f"a {key} must be a number, got {_short(raw)}")
        return math.nan
    if key == "prob":
        if 0 <= value <= 1 + ROUNDING:
            return min(math.log(value), 0.0) if value else -math.inf
        errors.append(f"a probability must be 0 to 1, got {value:.6g}")
    elif value <= ROUNDING:
        return -math.inf if value <= VERY_UNLIKELY else min(value, 0.0)
    else:
        errors.append(f"a logprob must be <= 0, got {value:.6g}")
    return math.nan


def _short(value: object) -> str:
    if isinstance(value, (list, dict)):
        return "a list" if isinstance(value, list) else "an object"
    text = json.dumps(value)
    return text if len(text) <= 40 else f"{text[:40]}…"
