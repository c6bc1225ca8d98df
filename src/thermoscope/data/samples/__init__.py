"""Sample data of our own.

>>> import thermoscope as ts
>>> ts.samples.digits().names[:3]
['zero', 'one', 'two']
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from thermoscope.arguments import ArgumentError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Sample", "digits", "lesson", "novel", "questions"]


class Sample(NamedTuple):
    """Logits of a classifier, with what is known of them."""

    logits: NDArray[np.float32]  # (N, K)
    targets: NDArray[np.int64]  # (N,)
    names: list[str]  # (K,)


def digits() -> Sample:
    """Load the logits of a classifier of handwritten digits, which is too sure of itself.

    A network with one hidden layer of 64 was trained on 200 of the 1,797 digits that come with
    scikit-learn, for long after it fitted them without a fault. The logits are those of the other
    1,597, which it had never seen. `tools/digits.py` in the repository makes them.

    Returns
    -------
    logits : ndarray of float32, shape (1597, 10)
        One row for each digit.
    targets : ndarray of int64, shape (1597,)
        The classes, from 0 to 9.
    names : list of str
        The names of the classes.

    References
    ----------
    .. [1] E. Alpaydin and C. Kaynak, "Optical recognition of handwritten digits", UCI Machine
       Learning Repository, 1998, of whose test set scikit-learn's digits are a copy.

    Examples
    --------
    >>> import thermoscope as ts
    >>> logits, targets, names = ts.samples.digits()
    >>> logits.shape, names[targets[0]]
    ((1597, 10), 'nine')
    """
    from importlib.resources import files  # noqa: PLC0415 - import thermoscope is light

    with (
        (files("thermoscope.data.samples") / "digits.npz").open("rb") as file,
        np.load(file) as data,
    ):
        return Sample(data["logits"], data["targets"].astype(np.int64), data["names"].tolist())


def novel() -> bytes:
    """Load the file of a small language model of a novel, Melville's Moby-Dick.

    A transformer of 0.89 million parameters with 1,024 byte-pair tokens, of the architecture of
    Llama. The page of ``thermoscope explore --sample novel`` has it in itself and writes with it.
    `tools/novel` in the repository trains it, and says what the file has.

    Returns
    -------
    bytes
        A gzip stream.

    Examples
    --------
    >>> import thermoscope as ts
    >>> 800_000 < len(ts.samples.novel()) < 900_000
    True
    """
    from importlib.resources import files  # noqa: PLC0415 - import thermoscope is light

    return (files("thermoscope.data.samples") / "novel.model.gz").read_bytes()


def lesson(language: str = "en") -> dict[str, Any]:
    """Load the lesson: an activity of ten tasks on what temperature does to a softmax.

    Parameters
    ----------
    language : {"en", "de", "es", "zh", "ar"}, default "en"

    Returns
    -------
    dict
        As `explore` takes it for `tasks`. `docs/teaching.md` has notes for teachers.

    Examples
    --------
    >>> import thermoscope as ts
    >>> lesson = ts.samples.lesson()
    >>> lesson["title"], len(lesson["tasks"])
    ('What temperature does to a softmax', 10)
    >>> ts.samples.lesson("de")["tasks"][0]["options"][0]
    'Die Wahrscheinlichkeiten ergeben zusammen 1.'
    """
    return _activity("lesson", language)


def questions(language: str = "en") -> dict[str, Any]:
    """Load the six questions that are asked before and after the lesson.

    Parameters
    ----------
    language : {"en", "de", "es", "zh", "ar"}, default "en"

    Returns
    -------
    dict
        As `explore` takes it for `tasks`.

    Examples
    --------
    >>> import thermoscope as ts
    >>> ts.samples.questions()["mode"]
    'test'
    """
    return _activity("questions", language)


def _activity(name: str, language: str) -> dict[str, Any]:
    import json  # noqa: PLC0415 - import thermoscope is light
    from importlib.resources import files  # noqa: PLC0415 - likewise

    folder = files("thermoscope.data.samples")
    start, end = f"{name}-", ".json"
    known = [
        file.name[len(start) : -len(end)]
        for file in folder.iterdir()
        if file.name.startswith(start)
    ]
    if language not in known:
        listed = ", ".join(map(repr, sorted(known)))
        raise ArgumentError("language", f"must be one of {listed}, got {language!r}")
    text = (folder / f"{start}{language}{end}").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found
