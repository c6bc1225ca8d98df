"""Logits, labels and targets from files and texts."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thermoscope.arguments import (
    NO_TARGET,
    ArgumentError,
    applied_temperature_of,
    are_distributions,
    labels_of,
)
from thermoscope.data.content import Table, Text, held
from thermoscope.data.dataset import Dataset
from thermoscope.data.errors import naming
from thermoscope.data.formats.json_text import kind, load
from thermoscope.data.formats.lines import split_lines
from thermoscope.data.formats.lm_eval import Samples
from thermoscope.data.formats.responses import Responses
from thermoscope.data.opening import Content, check_file, open_content, open_text
from thermoscope.data.roles import Found, logits_of, targets_of

__all__ = [
    "classes_of",
    "open_logits",
    "parse_logits",
    "read_labels",
    "read_logits",
    "read_targets",
]


def open_logits(
    path: str | os.PathLike[str],
    *,
    columns: str | Sequence[str] | None = None,
    target_column: str | None = None,
    labels: Sequence[str] | None = None,
    probabilities: bool = False,
    applied_temperature: float | None = None,
    vocabulary: int | None = None,
) -> Dataset:
    r"""Open a file of rows of logits, which need not fit into memory.

    Parameters
    ----------
    path : path_like
        One of these; the same content means the same in each:

        - .npy, .npz, .safetensors (bfloat16 as float32), .zarr, or .pt where PyTorch is installed:
          an array of shape (K,), (N, K) or (B, T, K), never unpickled;
        - .parquet, .feather, .arrow, .csv, .tsv: a table with a column for each class, with a
          column of lists, or with one column of numbers, which is one row written downwards (a
          column of texts beside it holds its labels);
        - .json, .jsonl, .ndjson: rows as lists or as objects ``{label: logit}``, or objects of
          arrays; the strings "inf", "-inf" and "nan" are numbers too;
        - .json, .jsonl, .ndjson, .sse, .txt: what a server of a language model answers when asked
          for log-probabilities, streamed or not, with one row for each token;
        - .eval, .json, .jsonl: a log of Inspect or promptfoo that has log-probabilities, or what
          lm-eval writes with ``--log_samples``, with one row of choices for each question;
        - .txt: numbers between spaces, commas, semicolons or tabs.
    columns : str or sequence of str, optional
        What the logits are: the name of an array, of a column of lists, or the columns of classes
        in the order wanted. By default the only ones that can be meant; `Dataset.notes` says
        what was decided.
    target_column : str, optional
        The column, or array, of the same file that holds the targets. It is no class.
    labels : sequence of str, optional
        One for each entry, in place of those in the file.
    probabilities : bool, optional
        Whether the file holds probabilities: their logarithms are the logits then.
    applied_temperature : float, optional
        The temperature T0 by which the logits, or log-probabilities, in the file were divided:
        they are multiplied by it, so that the softmax at T is that of the model.
    vocabulary : int, optional
        How many tokens the model of a server has; see `Dataset.reported`.

    Returns
    -------
    Dataset
        Its `row` reads one row and its `blocks` go over all of them, as often as wanted.

    Raises
    ------
    FileError
        If the file cannot be opened, does not hold rows of logits, or more than one of its
        columns or arrays could be meant.
    ImportError
        If what reads the format is missing: ``pip install "thermoscope[files]"`` for .parquet,
        .feather and .arrow, ``"thermoscope[dask]"`` for .zarr.
    ValueError
        If `applied_temperature` is not a finite number above 0.

    Examples
    --------
    >>> import tempfile
    >>> import thermoscope as ts
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "pets.csv")
    ...     _ = path.write_text("cat,dog,fox\n2.0,1.0,0.1\n0.5,3.0,0.2\n")
    ...     pets = ts.open_logits(path)
    ...     print(pets, pets.labels)
    ...     print(ts.softmax(pets, 0.5).round(3))
    <Dataset 'pets.csv': shape (2, 3), float64> ('cat', 'dog', 'fox')
    [[0.864 0.117 0.019]
     [0.007 0.99  0.004]]
    """
    applied_temperature = applied_temperature_of(applied_temperature)
    options = {
        "columns": columns,
        "target_column": target_column,
        "labels": labels,
        "probabilities": probabilities,
        "applied_temperature": applied_temperature,
        "vocabulary": vocabulary,
    }
    with naming(path):
        return _dataset(
            open_content(Path(path)),
            path,
            reopened=partial(open_logits, Path(path).absolute(), **options),  # type: ignore[arg-type]
            **options,  # type: ignore[arg-type]
        )


def read_logits(
    path: str | os.PathLike[str],
    *,
    row: int | None = None,
    columns: str | Sequence[str] | None = None,
    probabilities: bool = False,
    applied_temperature: float | None = None,
    vocabulary: int | None = None,
) -> Dataset:
    r"""Read one row of logits from a file.

    Parameters
    ----------
    path : path_like
        See `open_logits` for the formats.
    row : int, optional
        Which row to read of several, counted from 0; no others are.
    columns, probabilities, applied_temperature, vocabulary
        As for `open_logits`.

    Returns
    -------
    Dataset
        One row, of shape (K,), in memory.

    Raises
    ------
    FileError
        As for `open_logits`; if there are several rows and `row` is not one of them, or the row
        needs more memory than there is.
    ImportError
        As for `open_logits`.
    ValueError
        As for `open_logits`.

    Notes
    -----
    If a server reports only some of the tokens, the row has no logits of the others, and functions
    of logits refuse it: `Dataset.reported` has what is known of it, and gives intervals. OpenAI and
    vLLM report -9999 for a token whose probability they don't give. That is -inf here, and such a
    token is one of those that are not reported.

    Examples
    --------
    >>> import tempfile
    >>> import thermoscope as ts
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "pets.csv")
    ...     _ = path.write_text('pet,logit\ncat,2.0\n"dog, small",1.0\n')
    ...     pets = read_logits(path)
    >>> pets, pets.labels
    (<Dataset 'pets.csv': shape (2,), float64>, ('cat', 'dog, small'))
    >>> ts.softmax(pets).round(3)
    array([0.731, 0.269])
    """
    file = open_logits(
        path,
        columns=columns,
        probabilities=probabilities,
        applied_temperature=applied_temperature,
        vocabulary=vocabulary,
    )
    return file.only(row)


def parse_logits(
    text: str | bytes,
    source: str = "standard input",
    *,
    columns: str | Sequence[str] | None = None,
    target_column: str | None = None,
    labels: Sequence[str] | None = None,
    probabilities: bool = False,
    applied_temperature: float | None = None,
    vocabulary: int | None = None,
) -> Dataset:
    r"""Return the logits in a text: a table, JSON, or what a server answers.

    Parameters
    ----------
    text : str or bytes
        As `open_logits` reads it from a file; bytes are UTF-8.
    source : str, optional
        Where the text came from, for `Dataset.source` and for errors.
    columns, target_column, labels, probabilities, applied_temperature, vocabulary
        As for `open_logits`.

    Returns
    -------
    Dataset
        All rows.

    Raises
    ------
    FileError
        If the text holds anything else.

    Examples
    --------
    >>> parse_logits("2, 1.5, -inf").values
    array([[ 2. ,  1.5, -inf]])
    """
    applied_temperature = applied_temperature_of(applied_temperature)
    data = text.encode() if isinstance(text, str) else text
    with naming(source):
        return _dataset(
            open_text(Text.of_bytes(data)),
            source,
            columns=columns,
            target_column=target_column,
            labels=labels,
            probabilities=probabilities,
            applied_temperature=applied_temperature,
            vocabulary=vocabulary,
        )


def read_labels(path: str | os.PathLike[str]) -> list[str]:
    r"""Read labels from a .json list of strings, or from a text file of one label a line.

    Nothing but the end of the line is stripped: a leading space is part of a token.

    Raises
    ------
    FileError
        If the file cannot be opened or holds anything else.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "tokens.txt")
    ...     _ = path.write_text(" cat\n dog\n")
    ...     read_labels(path)
    [' cat', ' dog']
    """
    path = Path(path)
    with naming(path):
        check_file(path)
        text = Text.of_file(path).decoded()
        if path.suffix.lower() != ".json":
            return split_lines(text)
        labels = load(text)
        if not isinstance(labels, list):
            raise ValueError(  # noqa: TRY004 - what is wrong is the file
                f"labels must be a list of strings, got {kind(labels)}"
            )
        if not labels:
            raise ValueError("there are no labels in it")
        for index, label in enumerate(labels):
            if not isinstance(label, str):
                raise ValueError(  # noqa: TRY004 - likewise
                    f"item {index} must be a string, got {kind(label)}"
                )
        return labels


def read_targets(
    path: str | os.PathLike[str],
    *,
    labels: Sequence[str] | None = None,
    target_column: str | None = None,
    shape: tuple[int, ...] | None = None,
) -> NDArray[Any]:
    r"""Read the targets of rows of logits.

    Parameters
    ----------
    path : path_like
        Classes as whole numbers counted from 0, or as names, of shape (N,), (N, 1) or (B, T); -100
        is no target. Or the probability of each class, (N, K), one-hot or soft. In the formats
        of `open_logits`; a .txt has one class a line.
    labels : sequence of str, optional
        The names of the classes, in the order of the entries. A word which is a name counts as
        such even if it looks like a number.
    target_column : str, optional
        The column, or array, that holds the targets, where there are several.
    shape : tuple of int, optional
        The shape (N, K) of the logits. It tells probabilities, of the same shape, from classes of
        shape (B, T); without it, rows of numbers that sum to 1 are probabilities.

    Returns
    -------
    ndarray, shape (N,) of int64, or (N, K) of floats
        Classes, or probabilities.

    Raises
    ------
    FileError
        If the file cannot be opened or holds anything else; the message names the row, counted
        from 0.
    ImportError
        As for `open_logits`.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "targets.txt")
    ...     _ = path.write_text("cat\ndog\ncat\n")
    ...     read_targets(path, labels=["cat", "dog"])
    array([0, 1, 0])
    """
    path = Path(path)
    with naming(path):
        if path.suffix.lower() == ".txt":
            check_file(path)
            return classes_of(split_lines(Text.of_file(path).decoded()), labels, shape)
        content = open_content(path)
        if isinstance(content, Samples):
            return content.targets
        if isinstance(content, Responses):
            raise ValueError(  # noqa: TRY004 - what is wrong is the file
                "targets must be classes or probabilities, got a server's answer"
            )
        if (
            isinstance(content, Table)
            and target_column is None
            and content.named
            and len(content.names) == 1
            and content.names[0] in (labels or ())
        ):
            # A single column has no header where its first word is a class.
            return classes_of([content.names[0], *content.words(0)], labels, shape)
        return classes_of(targets_of(content, target_column), labels, shape)


def classes_of(
    found: NDArray[Any] | Sequence[str],
    labels: Sequence[str] | None,
    shape: tuple[int, ...] | None = None,
) -> NDArray[Any]:
    """Return targets as `read_targets` does, from the numbers or texts of a file."""
    if not isinstance(found, np.ndarray) or found.dtype.kind in "UO":
        return _classes_of_words([str(word) for word in np.ravel(found)], labels)
    if found.ndim == 2 and found.shape[1] > 1:
        right = are_distributions(found)
        if found.shape == shape or (shape is None and right.all()) or found.dtype.kind == "f":
            if not right.all():
                row = int(np.argmin(right))
                raise ValueError(
                    f"row {row}: probabilities of targets must be >= 0 and sum to 1, "
                    f"got a sum of {found[row].sum():g}"
                )
            return found
    numbers = found.reshape(-1)
    with np.errstate(invalid="ignore"):
        classes = numbers.astype(np.int64)
    wrong = (classes != numbers) | ((classes < 0) & (classes != NO_TARGET))
    if wrong.any():
        row = int(np.argmax(wrong))
        raise ValueError(
            f"row {row}: a class must be a whole number >= 0, got {numbers[row].item()!r}"
        )
    return classes


def _dataset(
    content: Content,
    path: str | os.PathLike[str],
    *,
    columns: str | Sequence[str] | None,
    target_column: str | None,
    labels: Sequence[str] | None,
    probabilities: bool,
    applied_temperature: float | None,
    vocabulary: int | None,
    reopened: Callable[[], Dataset] | None = None,
) -> Dataset:
    # A name need not be UTF-8, but what shows it must be.
    source = os.fsencode(Path(path).name).decode("utf-8", "replace")
    known: dict[str, Any] = {}
    if isinstance(content, (Responses, Samples)):
        whose = "a server's answer" if isinstance(content, Responses) else "samples of lm-eval"
        given = {"columns": columns, "target_column": target_column, "labels": labels}
        for name, value in given.items():
            if value is not None:
                problem = f"must be left out for {whose}, got {value!r}"
                raise ArgumentError(name, problem)
        read: Any = _of_responses if isinstance(content, Responses) else _of_samples
        found, known = read(content)
    else:
        found = logits_of(content, columns, target_column)
    if vocabulary is not None and not isinstance(content, Responses):
        problem = f"must be left out where no server left out tokens, got {vocabulary!r}"
        raise ArgumentError("vocabulary", problem)
    if vocabulary is None and isinstance(content, Responses):
        vocabulary = content.vocabulary
    array = found.logits
    labels = labels_of(labels, array.shape[-1], f"each logit of {source}")
    names = array.labels if labels is None else labels
    targets = None
    if found.targets is not None:
        targets = classes_of(found.targets, names, (array.rows, array.shape[-1]))
        rows = array.shape[0] if len(array.shape) == 1 else array.rows
        if len(targets) != rows:
            raise ValueError(
                f"targets must be {rows:,}, one for each row of logits, got {len(targets):,}"
            )
    return Dataset(
        array,
        source=source,
        path=path,
        labels=labels,
        targets=targets,
        notes=found.notes,
        probabilities=probabilities,
        applied_temperature=applied_temperature,
        vocabulary=vocabulary,
        reopened=reopened,
        **known,
    )


def _of_responses(responses: Responses) -> tuple[Found, dict[str, Any]]:
    """Return the rows of a server's answer: what is missing at the end of one is -inf."""
    positions = responses.positions
    # A position that cannot be read may have no token.
    widest = max(1, *(len(position.tokens) for position in positions))
    array = np.full((len(positions), widest), -np.inf)
    for row, position in zip(array, positions, strict=True):
        row[: len(position.logprobs)] = position.logprobs
    known = {
        "tokens": [position.tokens for position in positions],
        "tails": np.array([-np.inf if p.rest is None else p.rest for p in positions]),
        "deltas": [position.deltas for position in positions],
        "caps": [position.cap for position in positions],
        "drawn": np.array([position.drawn for position in positions], np.int64),
        "unreadable": [position.error for position in positions],
        "passages": responses.passages,
    }
    labels = tuple(token.text for token in positions[0].tokens) if len(positions) == 1 else None
    return Found(held(array, labels), notes=responses.notes), known


def _of_samples(samples: Samples) -> tuple[Found, dict[str, Any]]:
    """Return the rows of lm-eval's choices: the labels of all rows where they are the same."""
    first, *others = samples.labels
    is_same = all(labels == first for labels in others)
    known = {
        "row_labels": None if is_same else samples.labels,
        "unreadable": samples.errors,
    }
    array = held(samples.logits, first if is_same else None)
    return Found(array, samples.targets, samples.notes), known


def _classes_of_words(words: list[str], labels: Sequence[str] | None) -> NDArray[np.int64]:
    places = {label: place for place, label in enumerate(labels or ())}
    classes = []
    for row, word in enumerate(words):
        if word in places:
            classes.append(places[word])
        elif re.fullmatch(rf"\s*(\d+|{NO_TARGET})(\.0*)?\s*", word):
            classes.append(int(float(word)))
        else:
            takes = "a whole number >= 0" if labels is None else "one of the labels"
            raise ValueError(f"row {row}: a class must be {takes}, got {word!r}")
    return np.array(classes, np.int64)
