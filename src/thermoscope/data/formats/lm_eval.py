"""The samples that lm-eval writes with ``--log_samples``: rows of choices, with their targets.

A task with choices asks a model for the log-probability of each choice after the same question, as
a whole text (``docs/interface.md`` and ``docs/model_guide.md`` of the EleutherAI LM Evaluation
Harness). These are the logits of one row; the choice that the task calls right is its target. The
file has no log-probability of single tokens.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from thermoscope.arguments import NO_TARGET

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["ASK", "Samples", "is_sample", "samples_of"]

KEYS: Final = {"doc_id", "arguments", "resps"}
ASK: Final = (
    "lm-eval logs log-probabilities for tasks with choices (output_type: multiple_choice), "
    "not for texts that are generated or scored alone"
)


class Samples(NamedTuple):
    """What a file of samples holds.

    Attributes
    ----------
    logits : ndarray, shape (N, K)
        The log-probability of each choice; -inf where a question has fewer.
    labels : list of tuple of str
        The choices of each row.
    targets : ndarray of int64, shape (N,)
        The right choice of each row; -100 where the file does not name one.
    errors : list of str or None
        Why a row can't be read.
    notes : tuple of str
        What was decided, in a line each.
    """

    logits: NDArray[np.float64]
    labels: list[tuple[str, ...]]
    targets: NDArray[np.int64]
    errors: list[str | None]
    notes: tuple[str, ...]


class _Sample(NamedTuple):
    """One question: its choices, their log-probabilities, and what the task says of it."""

    labels: tuple[str, ...]
    logits: list[float]
    target: str
    is_right: float | None
    """1 where lm-eval found that the likeliest choice is the right one, else 0."""


def is_sample(record: object) -> bool:
    """Whether an object, as pairs, is a sample of lm-eval.

    Examples
    --------
    >>> is_sample((("doc_id", 0), ("arguments", ()), ("resps", [])))
    True
    """
    return isinstance(record, tuple) and dict(record).keys() >= KEYS


def samples_of(records: Sequence[tuple[str, object]]) -> Samples:
    """Return the rows of choices in records, each with the place where it stands.

    Examples
    --------
    >>> arguments = tuple((f"gen_args_{at}", (("arg_0", "2 + 2 ="), ("arg_1", f" {at + 4}")))
    ...                   for at in range(2))
    >>> resps = [[["-0.5", "True"]], [["-2.0", "False"]]]
    >>> record = (("doc_id", 0), ("target", "0"), ("arguments", arguments), ("resps", resps))
    >>> samples = samples_of([("line 1", record)])
    >>> samples.labels, samples.logits.tolist(), samples.targets.tolist()
    ([(' 4', ' 5')], [[-0.5, -2.0]], [0])
    """
    for where, record in records:
        if not is_sample(record):
            raise ValueError(f"{where}: must be a sample of lm-eval, as the first is")
    objects = [_plain(record) for _, record in records]
    # A task may filter its answers in several ways, and logs each sample once for each.
    filters = list(dict.fromkeys(str(each.get("filter")) for each in objects))
    samples = [_sample(each) for each in objects if str(each.get("filter")) == filters[0]]
    if not any(len(sample.logits) > 1 for sample in samples):
        raise ValueError(ASK)
    width = max(len(sample.logits) for sample in samples)
    logits = np.full((len(samples), width), -np.inf)
    errors: list[str | None] = []
    for row, sample in zip(logits, samples, strict=True):
        row[: len(sample.logits)] = sample.logits
        unreadable = len(sample.logits) < 2 or bool(np.isnan(sample.logits).any())
        errors.append(
            "a sample must have a log-probability for each choice" if unreadable else None
        )
    targets = _targets(samples)
    fewest = min(len(sample.logits) for sample in samples)
    choices = f"{width}" if fewest == width else f"{fewest} to {width}"
    rows = f"samples of lm-eval: {len(samples):,} rows of {choices} choices"
    notes = [f"{rows}, the log-probabilities of whole texts; targets are in the file"]
    without = int(np.count_nonzero(targets == NO_TARGET))
    if without:
        notes.append(f"{'1 row has' if without == 1 else f'{without:,} rows have'} no target")
    if len(filters) > 1:
        notes.append(f"of {len(filters)} filters, {filters[0]!r} is read")
    return Samples(logits, [sample.labels for sample in samples], targets, errors, tuple(notes))


def _plain(value: Any) -> Any:
    """Return a value with an object in place of each tuple of pairs."""
    if isinstance(value, tuple):
        return {name: _plain(each) for name, each in value}
    return [_plain(each) for each in value] if isinstance(value, list) else value


def _sample(record: dict[str, Any]) -> _Sample:
    arguments = record["arguments"]
    given = list(arguments.values()) if isinstance(arguments, dict) else arguments
    # Without an odd one the others would get each other's answers: it costs the whole row.
    is_right = isinstance(given, list) and all(
        each and isinstance(each, (dict, list)) for each in given
    )
    asked = [
        tuple(each.values()) if isinstance(each, dict) else tuple(each)
        for each in (given if is_right else [])
    ]
    answers = record["resps"] if isinstance(record["resps"], list) else []
    pairs = list(zip(asked, map(_logprob, answers), strict=False))
    # Mutual information also asks for each choice after no question at all.
    if any(question and question[0] for question, _ in pairs):
        pairs = [(question, value) for question, value in pairs if question and question[0]]
    if any(value is None for _, value in pairs):
        pairs = []
    texts = [str(question[-1]) for question, _ in pairs]
    if len(set(texts)) < len(texts):  # the choice stands in the question, not after it
        texts = [str(question[0]) for question, _ in pairs]
    right = record.get("acc")
    return _Sample(
        tuple(texts),
        [value for _, value in pairs if value is not None],
        str(record.get("target")),
        float(right) if isinstance(right, (int, float)) else None,
    )


def _logprob(answer: Any) -> float | None:
    """Return the log-probability of a choice: [[log-probability, whether it is greedy]]."""
    while isinstance(answer, list) and len(answer) == 1:
        answer = answer[0]
    if not isinstance(answer, list) or len(answer) != 2:
        return None
    if str(answer[1]).lower() not in {"true", "false"}:
        return None
    try:
        return float(answer[0])
    except (TypeError, ValueError):
        return np.nan


def _targets(samples: list[_Sample]) -> NDArray[np.int64]:
    """Return the right choices: numbers or texts, whichever agree with lm-eval's own accuracy.

    A target is logged as text, so that a choice "1" and the choice number 1 look the same.
    """

    def by_number(sample: _Sample) -> int:
        number = int(sample.target) if sample.target.isdecimal() else -1
        return number if 0 <= number < len(sample.logits) else NO_TARGET

    def by_text(sample: _Sample) -> int:
        texts = [text.strip() for text in sample.labels]
        wanted = sample.target.strip()
        return texts.index(wanted) if texts.count(wanted) == 1 else NO_TARGET

    def agreeing(targets: list[int]) -> tuple[int, int]:
        agreed = 0
        for target, sample in zip(targets, samples, strict=True):
            if target != NO_TARGET and sample.is_right is not None:
                agreed += (np.argmax(sample.logits) == target) == (sample.is_right == 1)
        return agreed, len(targets) - targets.count(NO_TARGET)

    readings = [[read(sample) for sample in samples] for read in (by_number, by_text)]
    return np.array(max(readings, key=agreeing), np.int64)
