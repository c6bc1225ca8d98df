"""What the commands read: files or standard input, as a user of Python would open them."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

import numpy as np
import typer

from thermoscope.arguments import (
    NO_TARGET,
    ArgumentError,
    are_distributions,
    labels_of,
)
from thermoscope.cli.cluster import cluster
from thermoscope.data.dataset import Dataset
from thermoscope.data.errors import FileError, naming, optional
from thermoscope.data.reading import (
    open_logits,
    parse_logits,
    read_labels,
    read_targets,
)
from thermoscope.explorer.browse import reported_parts
from thermoscope.link import state_of_link
from thermoscope.present import printable
from thermoscope.state import State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from numpy.typing import NDArray

Result = TypeVar("Result")

__all__ = [
    "Reading",
    "RowsWithTargets",
    "alone",
    "block_by_block",
    "check_targets",
    "chosen_rows",
    "is_number",
    "linked",
    "only_row",
    "read_one",
    "read_words",
    "state_of",
    "tell",
]

HEAD: Final = 1000
"""Rows that are checked for probabilities before a long piece of work."""


class Reading(NamedTuple):
    """How logits are to be read."""

    columns: list[str] | None = None
    applied_temperature: float | None = None
    probabilities: bool = False
    labels: Path | None = None
    target_column: str | None = None
    vocabulary: int | None = None

    def open(self, file: str | Path, *, targets_inside: bool = True) -> Dataset:
        """Open a file, or standard input for "-", and tell what was decided.

        The target column is one of the file unless the targets are in another.
        """
        known: dict[str, Any] = {
            "labels": None if self.labels is None else read_labels(self.labels),
            "columns": self.columns or None,
            "target_column": self.target_column if targets_inside else None,
            "probabilities": self.probabilities,
            "applied_temperature": self.applied_temperature,
            "vocabulary": self.vocabulary,
        }
        with self._blamed():
            dataset = (
                parse_logits(_standard_input(), **known)
                if str(file) == "-"
                else open_logits(file, **known)
            )
        tell(dataset.source, dataset.notes)
        return dataset

    def labelled(self, dataset: Dataset) -> Dataset:
        """Return a data set in memory with the labels of ``--labels``, if it was given."""
        if self.labels is not None:
            with self._blamed():
                owner = f"each logit of {dataset.source}"
                dataset.labels = labels_of(read_labels(self.labels), dataset.entries, owner)
        return dataset

    @contextmanager
    def _blamed(self) -> Iterator[None]:
        """Name the file of the labels in an error about them."""
        try:
            yield
        except ArgumentError as error:
            if error.argument != "labels" or self.labels is None:
                raise
            raise FileError(f"{self.labels}: {error}") from error

    def check_unused(self, row: int | None) -> None:
        """Raise an error for an option that says how a file is read, where there is none."""
        for name, value in [
            ("--row", row),
            ("--columns", self.columns),
            ("--target-column", self.target_column),
            ("--applied-temperature", self.applied_temperature),
            ("--vocabulary", self.vocabulary),
            ("--probabilities", self.probabilities or None),
        ]:
            if value is not None:
                raise ValueError(f"{name} must come with a file, got {value}")

    def warn(self, dataset: Dataset, *, rows: NDArray[Any] | None = None) -> None:
        """Warn if the first rows look like probabilities, and say what to do about it."""
        if dataset.is_reported:
            return
        # The only entry there is has probability 1, whatever it holds.
        if self.probabilities or dataset.entries == 1 or (len(dataset.shape) == 1 and rows is None):
            return
        head = next(dataset.blocks(0, min(dataset.rows, HEAD))) if rows is None else rows
        if are_distributions(head).all():
            typer.echo(
                f"thermoscope: warning: {printable(dataset.source)}: what was read is >= 0 and "
                "sums to 1 in each row, as probabilities do and logits hardly ever: if it is, add "
                "--probabilities",
                err=True,
            )


def read_one(file: Path | None, row: int | None, reading: Reading) -> Dataset | None:
    """Return one row of a file, None without a file."""
    if file is not None:
        return only_row(reading.open(file), row, reading)
    reading.check_unused(row)
    return None


def only_row(dataset: Dataset, row: int | None, reading: Reading) -> Dataset:
    """Return the only row, or the one chosen of several, and warn of probabilities."""
    logits = dataset.only(row)
    if not logits.is_reported:
        reading.warn(dataset, rows=logits.values[None])
    return logits


def chosen_rows(dataset: Dataset, row: int | None, reading: Reading) -> Dataset:
    """Return all rows where none is chosen of several, else that one, and warn of probabilities."""
    if row is not None or dataset.rows == 1:
        return only_row(dataset, row, reading)
    reading.warn(dataset)
    return dataset


def block_by_block(
    dataset: Dataset,
    function: Callable[[NDArray[np.float64]], Result],
    *,
    size: int | None = None,
) -> Iterator[Result]:
    """Iterate over the results of a function of rows; an error of it names the row of the file."""
    start = 0
    for given in dataset.blocks(size=size):
        block = given.astype(np.float64, copy=False)
        try:
            result = function(block)
        except ArgumentError as error:
            if error.row is None:
                raise
            with _naming_row(dataset, start + error.row):
                # Alone, it is not said to be a row of the block.
                function(block[error.row])
            raise
        yield result
        start += len(block)


@contextmanager
def _naming_row(dataset: Dataset, row: int) -> Iterator[None]:
    """Name the row in an error, unless it is the only one."""
    try:
        yield
    except ArgumentError as error:
        if len(dataset.shape) == 1:
            raise
        raise FileError(f"{dataset.path}: row {row}: {error}") from error


def state_of(
    logits: Dataset | None,
    labels: Path | None,
    temperature: float,
    truncation: Mapping[str, Any] | None = None,
) -> State:
    """Return the state of an explorer of logits, of random ones where there are none."""
    settings: dict[str, Any] = {"temperature": temperature, "truncation": truncation}
    if logits is None:
        names = None if labels is None else read_labels(labels)
        return State.random(5 if names is None else len(names), names, **settings)
    values, known, tail = reported_parts(logits, logits.labels)
    return State.of(values, known, source=logits.source, tail=tail, **settings)


def alone(option: str, **others: Any) -> None:
    """Raise an error for what an option must come without."""
    for name, value in others.items():
        if value is not None:
            raise ValueError(f"{option} must come without {name}, got {value}")


def linked(link: str, temperature: str, row: int | None, reading: Reading, **others: Any) -> State:
    """Return the state of a link, which comes without a file and what is about it."""
    state = state_of_link(link)
    reading.check_unused(row)
    settings = {"--labels": reading.labels, "-T": None if temperature == "1" else temperature}
    for name, value in {**settings, **others}.items():
        if value is not None:
            raise ValueError(f"--state must come without {name}, got {value}")
    return state


@dataclass(frozen=True)
class RowsWithTargets:
    """Rows of logits, with what is known of each from the same file or from others."""

    paths: dict[str, Path]
    data: Dataset
    targets: NDArray[Any] | None
    weights: NDArray[Any] | None
    is_binary: bool = False

    @classmethod
    def open(
        cls,
        logits: Path,
        targets: Path | None,
        weights: Path | None = None,
        *,
        reading: Reading,
    ) -> RowsWithTargets:
        """Open the files, and check that they are of the same rows."""
        same = targets is None or (str(targets) != "-" and _same_file(logits, targets))
        if targets is not None and same and reading.target_column is None:
            raise FileError(
                f"{targets}: the targets are in the file of the logits: name their column with "
                "--target-column"
            )
        data = reading.open(logits, targets_inside=same)
        classes = data.targets
        if targets is not None and not same:
            shape = (data.rows, data.entries)
            classes = read_targets(
                targets,
                labels=data.labels,
                target_column=reading.target_column,
                shape=shape,
            )
        is_binary = False
        if classes is not None:
            # One logit for each target is that of the second of two classes.
            downwards = len(data.shape) == 1 and data.entries == len(classes) > 1
            is_binary = data.entries == 1 or downwards
            if is_binary:
                tell(data.source, ("one logit a row: of class 1, against 0 for class 0",))
                data = data.binary()
            _check_count(targets or logits, "targets", len(classes), data)
            without = int(np.count_nonzero(classes == NO_TARGET)) if classes.ndim == 1 else 0
            if without:
                rows = "1 row" if without == 1 else f"{without:,} rows"
                name = data.source if targets is None else targets.name
                tell(name, (f"{rows} without a target ({NO_TARGET}): left out",))
            if classes.ndim == 2 and classes.shape[1] != data.entries:
                raise FileError(
                    f"{targets}: probabilities must be {data.entries:,} in each row, one for each "
                    f"logit of {data.source}, got {classes.shape[1]:,}"
                )
        counts = None
        if weights is not None:
            counts = open_logits(weights).values.reshape(-1)
            _check_count(weights, "weights", len(counts), data)
        reading.warn(data)
        paths = {
            "logits": logits,
            "targets": targets or logits,
            "sample_weight": weights or logits,
        }
        return cls(paths, data, classes, counts, is_binary)

    @property
    def count(self) -> int:
        """How many rows there are."""
        return self.data.rows

    def batches(self) -> Iterator[tuple[Any, ...]]:
        """Iterate over batches of rows, each with its targets and, where there are, weights."""
        start = 0
        for logits in self.data.blocks():
            some = slice(start, start + len(logits))
            targets = None if self.targets is None else self.targets[some]
            weights = () if self.weights is None else (self.weights[some],)
            yield (logits, targets, *weights)
            start = some.stop

    @contextmanager
    def given(self, scheduler: str | None) -> Iterator[dict[str, Any]]:
        """Give the rows as the functions of `thermoscope.calibration` take them."""
        with self.blamed():
            if scheduler is None:
                yield {"logits": self.batches}
                return
            with cluster(scheduler) as client:
                logits = self.data.to_dask()
                place = partial(_placed, client, logits.chunks[0])
                yield {
                    "logits": logits,
                    "targets": place(self.targets),
                    "sample_weight": place(self.weights),
                }

    @contextmanager
    def blamed(self) -> Iterator[None]:
        """Name the file in an error that names an argument."""
        try:
            yield
        except ArgumentError as error:
            path = self.paths.get(error.argument)
            if path is None:
                raise
            raise FileError(f"{path}: {error}") from error


def check_targets(rows: RowsWithTargets) -> None:
    """Raise an error where a command that needs targets and all logits has none of these."""
    if rows.data.is_reported:
        raise FileError(
            f"{rows.data.path}: a server left out tokens of its rows, and calibration needs the "
            "logits of all classes: thermoscope softmax, sweep and tokens give ranges"
        )
    if rows.targets is None:
        raise ValueError("targets must be given: a file TARGETS, or a column with --target-column")


def tell(source: str, notes: tuple[str, ...]) -> None:
    """Say in one line on standard error what was decided."""
    if notes:
        typer.echo(f"thermoscope: {printable(source)}: {printable('; '.join(notes))}", err=True)


def read_words(words: list[str] | None, row: int | None, reading: Reading) -> Dataset:
    """Return the numbers that were typed as one row, or what a file or standard input holds."""
    words = words or ["-"]
    # Negative numbers look like options, so that Typer leaves unknown options to us.
    for word in words:
        if word.startswith("-") and word != "-":
            raise ValueError(f"no such option: {word}")
    if len(words) == 1 and not is_number(words[0]):
        return reading.open(words[0])
    reading.check_unused(row)
    return reading.labelled(_parse_numbers(words))


def is_number(word: str) -> bool:
    """Whether a word is a number as Python writes it."""
    try:
        float(word)
    except ValueError:
        return False
    return True


def _parse_numbers(words: list[str]) -> Dataset:
    """Return the numbers that were typed as one row."""
    values = []
    for at, word in enumerate(" ".join(words).replace(",", " ").split()):
        try:
            values.append(float(word))
        except ValueError:
            raise FileError(f"the arguments: item {at} must be a number, got {word!r}") from None
    if not values:
        raise FileError("the arguments: there are no numbers in it")
    return Dataset.of(values, source="the arguments")


def _standard_input() -> bytes:
    if os.isatty(0):
        typer.echo("Logits, then Ctrl-D:", err=True)
    with open(0, "rb", closefd=False) as standard_input:
        return standard_input.read()


def _same_file(one: Path, other: Path) -> bool:
    with naming(one):
        return one.exists() and other.exists() and one.samefile(other)


def _check_count(path: Path, what: str, count: int, data: Dataset) -> None:
    if count != data.rows:
        raise FileError(
            f"{path}: {what} must be {data.rows:,}, one for each row of {data.source}, "
            f"got {count:,}"
        )


def _placed(client: Any, sizes: tuple[int, ...], values: NDArray[Any] | None) -> Any:
    """Send what is known of rows to a cluster, once for all passes."""
    if values is None:
        return None
    array = optional("dask.array", "dask", "Dask arrays")
    config = optional("dask.config", "dask", "Dask arrays")
    if values.dtype.kind == "i" and values.min() >= 0:
        values = values.astype(np.min_scalar_type(values.max()))
    # What a pass would send each time is large to Dask, and it says so; this is the remedy.
    with config.set({"distributed.admin.large-graph-warning-threshold": "1 TB"}):
        return client.persist(array.from_array(values, chunks=(sizes, *values.shape[1:])))
