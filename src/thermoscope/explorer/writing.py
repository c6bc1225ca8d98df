"""A text that is written with a model, step by step, as the rows of a page that can go on."""

from __future__ import annotations

import json
import math
import operator
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self, TypeAlias

import numpy as np

from thermoscope.arguments import ArgumentError, ArgumentTypeError, seed_of, unicode_text, whole
from thermoscope.connection.draft import SAVED, Draft, answer_to
from thermoscope.connection.model import Note
from thermoscope.connection.source import Source
from thermoscope.data.errors import FileError
from thermoscope.data.formats.responses import OURS
from thermoscope.data.saved import SavedBranch, SavedText, read_text
from thermoscope.explorer import sequence
from thermoscope.explorer.browse import RowSource
from thermoscope.explorer.job import Job
from thermoscope.explorer.page import page_html
from thermoscope.present import joined, printable
from thermoscope.reported import Interval, Reported, Token
from thermoscope.samplers.compare import compare_samplers
from thermoscope.sampling import fresh_seed
from thermoscope.state import checked_settings
from thermoscope.truncation import truncate

if TYPE_CHECKING:
    import os

__all__ = ["Writing"]

PATIENCE: Final = 0.05
"""Seconds that an answer waits for an action, so that a quick one needs no second query."""
END: Final = 200
"""Characters of each text that are told of it."""
LONGEST_NAME: Final = 60
KEPT: Final = 4
"""Outcomes that wait for the page that asked: one that was closed never fetches its own."""
EXACT: Final = 1e-9
"""Of a probability: an interval that is narrower is a number."""

Message: TypeAlias = tuple[object, ...]
"""What the page says in its own language: see `said`."""


def said(name: str, *about: object) -> Message:
    """Return a message: the name of a text of the page, and what it is about.

    The texts are `messages` in web/src/text/en/writing.ts, and in the tables of other languages.
    """
    return (name, *about)


NOTES: Final[Mapping[Note, Message]] = {
    Note.OPEN_KEY: said("openKey"),
    Note.FIRST_ALONE: said("firstAlone"),
}


class _RefusedError(ValueError):
    """Why an action is not done: its arguments are those of `said`."""


@dataclass(frozen=True)
class _Branch:
    """A text, and which other one it left, after how many tokens."""

    draft: Draft
    prompt: str | None
    prefix: str
    origin: str | None = None
    shared: int = 0


@dataclass(frozen=True)
class _Texts:
    """All branches, and which is shown. An action changes none of them: it makes others."""

    branches: Mapping[str, _Branch]
    current: str
    # What `restore` brings back.
    before: _Texts | None = None

    @property
    def branch(self) -> _Branch:
        return self.branches[self.current]

    @property
    def positions(self) -> list[Reported]:
        """The tokens of the current branch, and what is known of the next one."""
        draft = self.branch.draft
        return [*draft.rows, *([] if draft.known_next is None else [draft.known_next])]

    def shared(self, branch: _Branch) -> int:
        """Return how many tokens a branch has in common with the one that it left.

        Both may have been cut or edited since.
        """
        if branch.origin is None:
            return 0
        left = self.branches[branch.origin].draft
        return _common(branch.draft.rows[: branch.shared], left.rows, _same)

    def having(self, name: str, branch: _Branch) -> _Texts:
        """Return the same with a branch, which is then the current one."""
        return _Texts({**self.branches, name: branch}, name)

    def going_on(self, draft: Draft) -> _Texts:
        """Return the same with another text in the current branch."""
        return self.having(self.current, replace(self.branch, draft=draft))

    def after(self, before: _Texts) -> _Texts:
        """Return the same, from which `restore` goes back."""
        return replace(self, before=replace(before, before=None))


@dataclass(frozen=True)
class _Done:
    """What has come of an action."""

    texts: _Texts
    told: tuple[Message, ...] = ()
    # Besides the status.
    found: Mapping[str, object] | None = None


Action: TypeAlias = Callable[[_Texts, Mapping[str, Any]], _Done]


class Writing(RowSource):
    """A text that a model and a sampler write, for a page: its positions are the rows.

    The last row is the distribution of the next token, from which nothing has been drawn. Where
    another token is taken at an earlier position, the text that was there stays as another branch.

    Parameters
    ----------
    draft : Draft
        The first branch. The model is asked for its next token.
    prompt : str, optional
        What the prompt was, where it is a text that `start` and `edit` can change.
    prefix : str, optional
        What is shown of it; by default the prompt.

    Raises
    ------
    ServerError
        If the text is empty, and the model's server fails.

    Examples
    --------
    >>> import thermoscope as ts
    >>> source = ts.connect("http://localhost:8080")  # doctest: +SKIP
    >>> writing = Writing(ts.Draft(source, "1 + 1 ="), "1 + 1 =")  # doctest: +SKIP
    >>> writing.act({"do": "step", "temperature": 0})["count"]  # doctest: +SKIP
    2
    """

    def __init__(self, draft: Draft, prompt: str | None = None, prefix: str = "") -> None:
        self._error: Message | None = None
        self._stopped = False
        try:
            draft.next()
        except (OSError, ValueError) as error:
            if not len(draft):
                raise
            self._error = _why(error)
        self._texts = _Texts({"1": _Branch(draft, prompt, prefix or prompt or "")}, "1")
        # The first position that each change touched: one for each version.
        self._changes: list[int] = []
        self._told: tuple[Message, ...] = ()
        self._job: Job[_Done] | None = None
        # Of the action that began last, and what has come of those before by their numbers.
        self._number = 0
        self._outcomes: dict[int, Mapping[str, object]] = {}
        # Of what an answer is made of: all of it is of one version of the text.
        self._lock = threading.RLock()
        # Each position as the text of the page has it, with its likeliest tokens.
        self._short: list[tuple[Reported, Reported]] = []
        self._positions = self._texts.positions
        super().__init__(answer_to(self._texts.branch.prefix, self._positions, draft.name))
        self.orders = ("given",)
        last = self._positions[-1]
        self._vocabulary = last.tokens if len(last) == last.vocabulary else None
        self._labels = None if self._vocabulary is None else self._data.labels_of(self.count - 1)

    @classmethod
    def opened(cls, source: Source, path: str | os.PathLike[str]) -> Self:
        """Return a text that was saved, with all of its branches, to go on with.

        Parameters
        ----------
        source : Source
            The model that goes on.
        path : path_like
            What "save" gave, or `Draft.save` has written.

        Raises
        ------
        FileError
            If the file can't be read, or is of a model with another vocabulary.
        """
        saved = read_text(path)
        file, model = Path(path).name, Path(source.server.model).name
        now = source.vocabulary
        if saved.vocabulary is not None and now is not None and saved.vocabulary != now:
            problem = f"its model has {saved.vocabulary:,} tokens, and {model} has {now:,}"
            raise FileError(f"{path}: {problem}: connect to the model that has written it")
        try:
            checked_settings(saved.temperature, saved.settings)
            branches = {each.name: _branch_of(source, each, saved) for each in saved.branches}
        except ArgumentError as error:
            raise FileError(f"{path}: {error}") from error
        current = branches[saved.current]
        writing = cls(current.draft, current.prompt, current.prefix)
        writing._texts = _Texts(branches, saved.current)
        told = [
            said("opened", file, len(branches)),
            *(said("unread", each) for each in saved.unread),
        ]
        if (wrote := Path(saved.model).name) != model:
            told.append(said("otherModel", wrote, model))
        writing._told = tuple(told)
        return writing

    def stop(self) -> None:
        """End what is under way, and let no answer wait from now on."""
        with self._lock:
            self._stopped = True
            self._cancel()

    @property
    def told(self) -> tuple[Message, ...]:
        """What the last action did, or what was found where a text was opened."""
        return self._told

    @property
    def sampler(self) -> dict[str, Any]:
        """The temperature and the truncation by which the current branch was drawn last."""
        draft = self._texts.branch.draft
        return {"temperature": draft.temperature, "truncation": draft.settings}

    def about(self) -> dict[str, object]:
        """Return what the front end must know before it asks for a row."""
        with self._lock:
            return {**super().about(), "writing": self.status()}

    def answer(self, query: Mapping[str, object]) -> dict[str, object]:
        """Answer a query of the front end, see `RowSource.answer`."""
        if "write" in query:
            return self.act(query["write"])
        with self._lock:
            return super().answer(query)

    def embedded(self) -> dict[str, object]:
        """Return the text for a page that has no server: it can't go on there."""
        positions = [row.shortened(SAVED) for row in self._positions]
        prompt = self._texts.branch.prefix
        return RowSource(answer_to(prompt, positions, self.source)).embedded()

    def status(self, version: object = None) -> dict[str, object]:
        """Return what the page shows of the text; `WritingStatus` in web/src/model/rows.ts.

        Parameters
        ----------
        version : int, optional
            The one that the page knows: "changed" is the first position that is another one now.
            The default is the present one.
        """
        with self._lock:
            texts = self._texts
            branch = texts.branch
            draft = branch.draft
            source = draft.source
            return {
                "version": len(self._changes),
                "changed": self._changed_since(version),
                "count": self.count,
                "branch": texts.current,
                "branches": [_told_of(name, texts) for name in texts.branches],
                "prompt": branch.prompt,
                "prefix": branch.prefix,
                "about": _about(source),
                "notes": [NOTES[note] for note in source.notes],
                "seed": draft.seed,
                "ended": draft.ended,
                "canRestore": texts.before is not None,
                "busy": self._job is not None,
                "told": self._told,
                "error": self._error,
            }

    def _changed_since(self, version: object) -> int:
        """Return the first position that has changed since a version, `count` if none has."""
        now = len(self._changes)
        if version is None:
            return self.count
        known = version if type(version) is int and 0 <= version <= now else 0
        return min(self._changes[known:], default=self.count)

    def act(self, action: object, patience: float = PATIENCE) -> dict[str, object]:
        """Do something to the text, one thing at a time, in a background thread.

        Parameters
        ----------
        action : mapping
            ``{"do": name}`` with its arguments: `Action` in web/src/model/rows.ts lists them. With
            the "version" that the page knows, nothing is done to a text that has changed since.
        patience : float
            Seconds to wait. After that the status is "busy", and ``{"do": "status"}`` asks again,
            with the number of the action as "action".

        Returns
        -------
        dict
            The `status`, with what has come of the action besides, which is told once and to the
            page that asked. Why it did not work is its "error"; the text is as before.
        """
        if not isinstance(action, Mapping):
            raise ArgumentTypeError("write", "must be an action")
        name, number = action.get("do"), action.get("action")
        version = action.get("version", len(self._changes))
        if name == "cancel":
            self._cancel()
        elif name != "status":
            number, refused = self._begin(str(name), action)
            if refused is not None:
                # Only the page that asked hears of it: another one may wait for its own action.
                return {**self.status(version), "busy": False, "error": refused}
        job = self._job
        if job is not None and job.wait(0 if self._stopped else patience):
            self._end(job)
        with self._lock:
            status = self.status(version)
            outcome = self._outcomes.pop(number, None) if type(number) is int else None
            if outcome is not None:
                return {**status, "busy": False, **outcome}
            return {**status, "action": self._number} if status["busy"] else status

    def _begin(self, name: str, action: Mapping[str, Any]) -> tuple[int, Message | None]:
        """Start an action and return its number, or why it is refused."""
        with self._lock:
            if self._job is not None and self._job.ended:
                # The page that asked for it may be closed.
                self._end(self._job)
            now = len(self._changes)
            if self._job is not None:
                return 0, said("busy")
            if action.get("version", now) != now:
                return 0, said("changed")
            if name not in ACTIONS:
                return 0, said("noAction", name[:40])
            self._told, self._error = (), None
            self._number += 1
            does, texts = ACTIONS[name], self._texts
            self._job = Job(lambda _: does(texts, action))
            return self._number, None

    def _cancel(self) -> None:
        """End what is under way: nothing of it reaches the text."""
        with self._lock:
            if self._job is not None:
                self._job.drop()
                # A model that is slow has no more to do for it.
                self._texts.branch.draft.source.server.break_off(self._job.thread)
                self._job, self._told = None, (said("cancelled"),)
                self._keep_outcome({"cancelled": True})

    def _keep_outcome(self, found: Mapping[str, object]) -> None:
        """Keep what has come of the action for the page that asked for it."""
        outcomes = self._outcomes
        told: dict[str, object] = {"told": self._told, "error": self._error}
        outcomes[self._number] = {**told, "made": len(self._changes), **found}
        while len(outcomes) > KEPT:
            del outcomes[min(outcomes)]

    def _end(self, job: Job[_Done]) -> None:
        """Take over what a job has found."""
        with self._lock:
            if self._job is not job:
                return
            self._job = None
            try:
                done = job.result()
                after = done.texts.positions
                data = answer_to(done.texts.branch.prefix, after, self.source)
            except Exception as error:  # noqa: BLE001 - the page tells it, the text is kept
                self._error = _why(error)
                self._keep_outcome({})
                return
            self._told = done.told
            if done.texts is not self._texts:
                self._changes.append(_common(self._positions, after, operator.is_))
                self._texts = done.texts
                self._positions, self._data = after, data
                self.count, self._size = data.shape
            self._keep_outcome(done.found or {})

    def _shared_labels(self, row: int) -> tuple[str, ...] | None:
        # Positions of a whole vocabulary share its tokens.
        return self._labels if self._data.tokens[row] is self._vocabulary else None

    def _chunk(self, name: str, start: int) -> dict[str, object]:
        if name != "sequence":
            return super()._chunk(name, start)
        positions = self._positions
        short = self._short
        for at, row in enumerate(positions):
            if at >= len(short) or short[at][0] is not row:
                short[at : at + 1] = [(row, row.shortened(sequence.MOST - 1))]
        data = answer_to("", [each for _, each in short[: len(positions)]], "")
        found = sequence.chunk(data, start)
        stop = start + sequence.CHUNK
        return {**found, "drawn": [_item(row) for row in positions[start:stop]]}


def _branch_of(source: Source, saved: SavedBranch, text: SavedText) -> _Branch:
    """Return a branch that goes on from what was saved of it."""
    prompt: Any = saved.prompt
    if not isinstance(prompt, str) and not isinstance(prompt[0], int):
        prompt = source.from_chat(prompt)
    draft = Draft(source, prompt, text.temperature, seed=saved.seed, **text.settings)
    draft.rows, draft.typed = saved.rows, saved.typed
    return _Branch(draft, saved.typed, saved.prefix, saved.origin, saved.shared)


def _item(row: Reported) -> int:
    """Return which entry of its row a page shows as drawn; -1 if none is."""
    if row.drawn < 0 or row.tail == -np.inf:
        return row.drawn
    # A log-probability of -inf is one that is not told, and not shown.
    return int(np.count_nonzero(row.logprobs[: row.drawn] > -np.inf))


def _entry(row: Reported, item: Any) -> int:
    """Return the entry of a row that a page shows as this item."""
    shown = np.arange(len(row)) if row.tail == -np.inf else np.flatnonzero(row.logprobs > -np.inf)
    at = whole("item", item, 0)
    if at >= len(shown):
        raise ArgumentError("item", f"must be 0 to {len(shown) - 1}, got {at}")
    return int(shown[at])


def _position(value: Any, last: int) -> int:
    """Return the position of an action, which is not after the last one."""
    number = whole("position", value, 0)
    if number > last:
        raise _RefusedError("position", last, number)
    return number


def _named(value: object, texts: _Texts, name: str = "name") -> str:
    """Return the name of a branch that is there."""
    if not isinstance(value, str) or value not in texts.branches:
        raise ArgumentError(name, f"must be that of a branch, got {value!r:.60}")
    return value


def _unused(texts: _Texts) -> str:
    """Return the next name, a number."""
    number = len(texts.branches) + 1
    while str(number) in texts.branches:
        number += 1
    return str(number)


def _sampler(of: Mapping[str, Any]) -> dict[str, Any]:
    """Return the temperature and the steps of an action, as keywords of `truncate`."""
    temperature = of.get("temperature", 1.0)
    checked = checked_settings(
        math.inf if temperature == "inf" else temperature, of.get("truncation")
    )
    return {"temperature": checked["temperature"], **checked["truncation"]}


def _why(error: BaseException) -> Message:
    """Return what the page says of an error: an unexpected one in its own words, in one line."""
    if isinstance(error, _RefusedError):
        return said(*error.args)
    words = str(error)
    if not isinstance(error, (OSError, TypeError, ValueError)) or not words:
        words = "".join(traceback.format_exception_only(error))
    return said("words", " ".join(words.split()))


def _about(source: Source) -> list[Message]:
    """Return what `Source.about` says."""
    names, reach = [said("words", name) for name in source.names], source.reach
    if reach is None:
        return names
    if reach.is_whole:
        return [*names, said("allTokens", reach.tokens)]
    unknown = reach.needed is None
    return [
        *names,
        said("likeliest", reach.tokens),
        said("notReported", {"percent": reach.left_out}),
        said("anyVocabulary") if unknown else said("needed", reach.needed),
        *([said("startedWith", reach.option)] if reach.option else []),
    ]


def _common(
    one: Sequence[Any], other: Sequence[Any], same: Callable[[Any, Any], bool] = operator.eq
) -> int:
    """Return how many items two sequences have in common at their beginning."""
    return sum(1 for _ in takewhile(lambda pair: same(*pair), zip(one, other, strict=False)))


def _same(one: Reported, other: Reported) -> bool:
    """Whether the same token stands at two positions with the same tokens before them."""
    return one is other or _token(one) == _token(other)


def _token(row: Reported) -> Token:
    return (row.tokens or ())[row.drawn]


def _told_of(name: str, texts: _Texts) -> dict[str, object]:
    branch = texts.branches[name]
    draft = branch.draft
    # The end of a long text is that of its last tokens.
    end = "".join(text for _, text in joined(token[::2] for token in draft.tokens[-END:]))
    return {
        "name": name,
        "length": len(draft),
        "from": branch.origin,
        "shared": texts.shared(branch),
        "text": end[-END:],
    }


def _step(texts: _Texts, action: Mapping[str, Any]) -> _Done:
    draft = texts.branch.draft.branch()
    draft.draw_by(**_sampler(action))
    draft.step()
    draft.next()
    return _Done(texts.going_on(draft))


def _take(texts: _Texts, action: Mapping[str, Any]) -> _Done:
    branch, positions = texts.branch, texts.positions
    length = len(branch.draft)
    position = _position(action.get("position"), len(positions) - 1)
    entry = _entry(positions[position], action.get("item"))
    draft = branch.draft.branch(position)
    taken = draft.append(entry)
    draft.next()
    if position == length:
        return _Done(texts.going_on(draft))
    name = _unused(texts)
    made = replace(branch, draft=draft, origin=texts.current, shared=position)
    return _Done(texts.having(name, made), (said("taken", name, taken.text, texts.current),))


def _cut(texts: _Texts, action: Mapping[str, Any]) -> _Done:
    length = len(texts.branch.draft)
    position = _position(action.get("position"), length)
    if position == length:
        # What was cut before can still be restored.
        raise _RefusedError("nothingToCut")
    draft = texts.branch.draft.branch(position)
    draft.next()
    return _Done(texts.going_on(draft).after(texts), (said("cut", length - position),))


def _restore(texts: _Texts, _action: Mapping[str, Any]) -> _Done:
    if texts.before is None:
        raise _RefusedError("nothingToRestore")
    return _Done(texts.before, (said("restored"),))


def _new_branch(texts: _Texts, action: Mapping[str, Any]) -> _Done:
    branch = texts.branch
    position = _position(action.get("position"), len(branch.draft))
    draft = branch.draft.branch(position)
    draft.next()
    name = _new_name(action["name"], texts) if action.get("name") else _unused(texts)
    made = replace(branch, draft=draft, origin=texts.current, shared=position)
    return _Done(texts.having(name, made), (said("branched", name, position, texts.current),))


def _new_name(value: object, texts: _Texts) -> str:
    if not isinstance(value, str):
        raise ArgumentTypeError("name", "must be a text")
    name = unicode_text("name", value).strip()
    if not 0 < len(name) <= LONGEST_NAME:
        raise _RefusedError("name", LONGEST_NAME)
    if name in texts.branches:
        raise _RefusedError("known", name)
    return name


def _select(texts: _Texts, action: Mapping[str, Any]) -> _Done:
    name = _named(action.get("name"), texts)
    return _Done(texts.having(name, _going_on(texts.branches[name])), (said("branch", name),))


def _going_on(branch: _Branch) -> _Branch:
    """Return a branch whose next token is known."""
    draft = branch.draft.branch()
    draft.next()
    return replace(branch, draft=draft)


def _rename(texts: _Texts, action: Mapping[str, Any]) -> _Done:
    name, to = _named(action.get("name"), texts), action.get("to")
    if name == to:
        return _Done(texts)
    to = _new_name(to, texts)
    branches = {
        to if each == name else each: replace(
            branch, origin=to if branch.origin == name else branch.origin
        )
        for each, branch in texts.branches.items()
    }
    current = to if texts.current == name else texts.current
    return _Done(_Texts(branches, current), (said("renamed", name, to),))


def _delete(texts: _Texts, action: Mapping[str, Any]) -> _Done:
    name = _named(action.get("name"), texts)
    gone = texts.branches[name]
    branches = {
        each: replace(branch, origin=None, shared=0) if branch.origin == name else branch
        for each, branch in texts.branches.items()
        if each != name
    }
    if not branches:
        raise _RefusedError("only")
    current = texts.current
    if current == name:
        current = gone.origin if gone.origin in branches else next(iter(branches))
        branches[current] = _going_on(branches[current])
    return _Done(_Texts(branches, current).after(texts), (said("deleted", name),))


def _start(texts: _Texts, action: Mapping[str, Any]) -> _Done:
    prompt = action.get("prompt")
    if not isinstance(prompt, str) or not prompt:
        raise _RefusedError("empty")
    prompt = unicode_text("prompt", prompt)
    old = texts.branch.draft
    draft = Draft(old.source, prompt, old.temperature, seed=old.seed, **old.settings)
    draft.next()
    name = _unused(texts)
    return _Done(texts.having(name, _Branch(draft, prompt, prompt)), (said("started", name),))


def _edit(texts: _Texts, action: Mapping[str, Any]) -> _Done:
    branch, text = texts.branch, action.get("text")
    source = branch.draft.source
    if not isinstance(text, str):
        raise ArgumentError("text", "must be a text")
    if branch.prompt is None or not source.server.takes_ids:
        raise _RefusedError("fixedText")
    start = source.numbers(source.tokenize(branch.prompt))
    tokens = source.tokenize(branch.prompt + text)
    wanted = source.numbers(tokens)
    if wanted[: len(start)] != start:
        raise _RefusedError("joins")
    tokens, wanted = tokens[len(start) :], wanted[len(start) :]
    same = _common([token.id for token in branch.draft.tokens], wanted)
    draft = branch.draft.branch(same)
    for at in range(same, len(wanted)):
        try:
            draft.take(wanted[at])
        except ArgumentError as error:
            raise _RefusedError("unknownToken", tokens[at].text, at + 1) from error
    draft.next()
    return _Done(texts.going_on(draft).after(texts), (said("edited", len(draft)),))


def _reseed(texts: _Texts, action: Mapping[str, Any]) -> _Done:
    seed = action.get("seed")
    draft = texts.branch.draft.branch()
    draft.seed = fresh_seed() if seed is None else seed_of(seed)
    return _Done(texts.going_on(draft), (said("seed", draft.seed),))


def _compare(texts: _Texts, action: Mapping[str, Any]) -> _Done:
    other = _named(action.get("with"), texts, "with")
    if other == texts.current:
        raise ArgumentError("with", "must be another branch than the one that is shown")
    sampler = _sampler(action)
    branches = [(name, texts.branches[name]) for name in (texts.current, other)]
    one, two = (branch.draft for _, branch in branches)
    if one.prompt != two.prompt:
        raise _RefusedError("otherPrompt")
    shared = _common(one.tokens, two.tokens)
    comparison = {
        "shared": shared,
        "branches": [
            {
                "name": name,
                "length": len(branch.draft),
                **_from(branch.draft.rows[shared:], sampler),
                # A cell of a table has it in one line.
                "text": printable(branch.draft.text_from(shared)),
            }
            for name, branch in branches
        ],
        "next": [
            float(np.exp(_logprob(draft.rows[shared]))) if len(draft) > shared else None
            for draft in (one, two)
        ],
    }
    return _Done(texts, found={"comparison": comparison})


def _logprob(row: Reported) -> float:
    return float(row.logprobs[row.drawn])


def _from(rows: list[Reported], sampler: Mapping[str, Any]) -> dict[str, object]:
    """Return what the tokens of rows have, as the model gives them and as a sampler draws them.

    "sampled" is the logarithm of the chance to draw them all: "-inf" where it is 0, None where it
    is not known.
    """
    chances = [_chance(row, sampler) for row in rows]
    known = [chance for chance in chances if chance is not None]
    sampled: object = None
    if 0 in known:
        sampled = "-inf"
    elif len(known) == len(chances):
        sampled = math.fsum(map(math.log, known))
    return {
        "surprisal": -math.fsum(map(_logprob, rows)) / len(rows) if rows else None,
        "sampled": sampled,
    }


def _chance(row: Reported, sampler: Mapping[str, Any]) -> float | None:
    """Return the probability with which a sampler draws the token of a row; None if not known."""
    p = truncate(row.logprobs if len(row) == row.vocabulary else row, **sampler)
    if not isinstance(p, Interval):
        return float(p[row.drawn])
    low, high = (float(end[row.drawn]) for end in p)
    return high if high - low <= EXACT else None


def _settings(texts: _Texts, action: Mapping[str, Any]) -> _Done:
    presets = {}
    for name in ("a", "b"):
        given = action.get(name)
        if not isinstance(given, Mapping):
            raise ArgumentTypeError(name, "must be a temperature and truncation")
        presets[name] = _sampler(given)
    found = compare_samplers(texts.positions, presets).total_variation["a", "b"]
    values = found.values
    low, high = values if isinstance(values, Interval) else (values, values)
    at = int(high.argmax())
    settings = {
        "positions": len(found),
        "tv": [float(low.mean()), float(high.mean())],
        "worst": {"position": int(found.rows[at]), "tv": [float(low[at]), float(high[at])]},
        "each": ((low + high) / 2).tolist(),
    }
    return _Done(texts, found={"settings": settings})


def _with_text(texts: _Texts) -> tuple[str, tuple[Message, ...]]:
    """Return the branch whose text a file has, and what is told if it is not the one shown.

    In place of an empty branch it is the one that it left, or else the first that has a text.
    """
    name: str | None = texts.current
    while name is not None and not len(texts.branches[name].draft):
        name = texts.branches[name].origin
    if name is None:
        name = next((each for each, one in texts.branches.items() if len(one.draft)), None)
    if name is None:
        raise _RefusedError("noText")
    return name, () if name == texts.current else (said("textOf", texts.current, name),)


def _save(texts: _Texts, _action: Mapping[str, Any]) -> _Done:
    having, told = _with_text(texts)
    document = texts.branches[having].draft.document()
    branches = []
    for name, branch in texts.branches.items():
        # What it shares with the branch that it left stands there.
        shared = texts.shared(branch)
        part = branch.draft.document(shared)
        (choice,) = part["choices"]
        branches.append(
            {
                "name": name,
                "from": branch.origin,
                "shared": shared,
                "prompt": part[OURS]["prompt"],
                # What the page shows of it, where the model was asked by numbers of tokens.
                "typed": branch.prompt,
                "prefix": branch.prefix,
                "seed": part[OURS]["seed"],
                "text": choice["message"]["content"],
                "content": choice["logprobs"]["content"],
                "bounds": part[OURS]["bounds"],
            }
        )
    document[OURS] |= {
        "prefix": texts.branches[having].prefix,
        "branch": texts.current,
        "branches": branches,
    }
    written = json.dumps(document, ensure_ascii=False)
    found = {"json": written, "name": "text.json"}
    return _Done(texts, (said("allBranches"), *told), found)


def _page(texts: _Texts, action: Mapping[str, Any]) -> _Done:
    having, told = _with_text(texts)
    draft, prompt = texts.branches[having].draft, texts.branches[having].prefix
    sampler = _sampler(action)
    temperature = sampler.pop("temperature")
    positions = [row.shortened(SAVED) for row in draft.rows]
    rows = RowSource(answer_to(prompt, positions, draft.name))
    state = rows.state(0, temperature, truncation=sampler, scale=action.get("scale", "full"))
    html = page_html(state, rows, offline=True)
    found = {"html": html, "name": "text.html"}
    return _Done(texts, told, found)


ACTIONS: Final[Mapping[str, Action]] = {
    "step": _step,
    "take": _take,
    "cut": _cut,
    "restore": _restore,
    "branch": _new_branch,
    "select": _select,
    "rename": _rename,
    "delete": _delete,
    "start": _start,
    "edit": _edit,
    "reseed": _reseed,
    "compare": _compare,
    "settings": _settings,
    "save": _save,
    "page": _page,
}
