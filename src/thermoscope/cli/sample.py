"""``thermoscope sample``: draws from a softmax, after truncation."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import numpy as np
import typer

from thermoscope import present
from thermoscope.arguments import temperature_of_text
from thermoscope.cli.input import Reading, block_by_block, chosen_rows, only_row, read_words
from thermoscope.cli.options import (
    CHAIN,
    PENALTIES,
    RULES,
    AppliedTemperature,
    Columns,
    LabelsFile,
    NumbersOrFile,
    Probabilities,
    Row,
    TargetColumn,
    Temperature,
)
from thermoscope.cli.output import label_of, print_bars, print_json
from thermoscope.cli.truncation import Truncation, with_options
from thermoscope.data.errors import FileError
from thermoscope.definition import softmax
from thermoscope.sampling import fresh_seed, rows_at_once
from thermoscope.sampling import sample as draw
from thermoscope.truncation import keep

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from thermoscope.data.dataset import Dataset

__all__ = ["sample"]


@with_options(RULES, CHAIN, PENALTIES)
def sample(
    logits: NumbersOrFile = None,
    *,
    draws: Annotated[
        int,
        typer.Option("-n", "--draws", metavar="N", min=1, help="How many draws from each row."),
    ] = 1,
    seed: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=0,
            help="The seed: the same one gives the same draws. Without it, a new one is taken "
            "and told.",
            show_default=False,
        ),
    ] = None,
    labels: LabelsFile = None,
    temperature: Temperature = "1",
    row: Row = None,
    counts: Annotated[
        bool,
        typer.Option(
            "--counts",
            help="Print how often each entry is drawn, and how often it is expected to be: a "
            "table on a terminal; in a pipe, a line of label, tab, draws, tab and expectation for "
            "each entry that may be drawn.",
        ),
    ] = False,
    columns: Columns = None,
    target_column: TargetColumn = None,
    applied_temperature: AppliedTemperature = None,
    probabilities: Probabilities = False,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Print indices, labels and counts as JSON, one document a line for each row.",
        ),
    ] = False,
    truncation: Truncation,
) -> None:
    """Draw entries from the softmax of logits, with replacement, and print their labels.

    It prints one draw a line, and of several rows, one line a row with tabs
    between the draws. Without labels it prints indices, counted from 0.
    What truncation drops is never drawn. Of a server's answer, --top-k must
    leave out the tokens that it does not report.

    For example:

    $ thermoscope sample 2.0 1.0 0.1 -n 10 --seed 7
    $ thermoscope sample logits.npy --labels tokens.json -n 10 -T 0.7 --top-p 0.9
    $ thermoscope sample logits.npy -n 1000 --counts --top-k 40 --engine llama.cpp
    $ thermoscope sample logits.npy -n 1000 --counts --xtc-probability 0.5 --min-p 0.02
    $ thermoscope sample logits.npy --presence-penalty 0.5 --history 5,7,7 --engine vllm
    $ thermoscope sample batch.npy --seed 7 > drawn.txt
    $ echo "2, 1, 0.1" | thermoscope sample -n 5 --json
    """
    number = temperature_of_text(temperature)
    truncation.check(number)
    reading = Reading(columns, applied_temperature, probabilities, labels, target_column)
    data = read_words(logits, row, reading)
    data = (only_row if counts else chosen_rows)(data, row, reading)
    is_one = len(data.shape) == 1
    if seed is None:
        seed = fresh_seed()
        typer.echo(f"drawn with --seed {seed}", err=True)
    rng = np.random.default_rng(seed)

    def drawn(rows: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return the draws from each row, and the probabilities that they have."""
        left = truncation.left(rows, number)
        if is_one:
            truncation.tell(rows, number, left)
        logits, t, mask, _ = left
        entries = draw(logits, t, size=draws, rng=rng, where=mask)
        return np.moveaxis(entries, 0, -1), softmax(logits, t, where=mask)

    if data.is_reported:
        rows = _of_answer(data, truncation, number, size=draws, rng=rng, first=row or 0)
    else:
        blocks = block_by_block(data, drawn, size=rows_at_once(data.entries))
        rows = (each for block in blocks for each in zip(*block, strict=True))
    for at, (entries, p) in enumerate(rows):
        result = _Draws(entries, p, data.labels_of(at))
        if as_json:
            known = {"row": row if is_one else at, "temperature": number, "seed": seed}
            print_json({**known, **result.document()})
        elif not counts:
            typer.echo(("\n" if is_one else "\t").join(result.texts()))
        elif os.isatty(1):
            result.print_table(f"{draws:,} draws   T = {present.plain(number, 12)}   seed = {seed}")
        else:
            result.print_lines()


def _of_answer(
    data: Dataset,
    truncation: Truncation,
    temperature: float,
    *,
    size: int,
    rng: np.random.Generator,
    first: int,
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float64]]]:
    """Draw from each position of a server's answer, where truncation leaves what was reported.

    `first` is the row that the first one is of the file.
    """
    for row in range(data.rows):
        reported = data.reported(row)
        decision = keep(reported, temperature, **truncation.given)
        if decision.tail != "dropped" or decision.undecided.any():
            raise FileError(
                f"{data.path}: row {first + row}: what is drawn depends on tokens that the server "
                f"did not report: leave them out with --top-k of at most {len(reported)}"
            )
        logits, t = reported.logprobs * reported.applied_temperature, decision.temperature
        entries = draw(logits, t, size=size, rng=rng, where=decision.kept)
        yield entries, softmax(logits, t, where=decision.kept)


class _Draws(NamedTuple):
    """The draws from one row."""

    entries: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    labels: Sequence[str] | None

    def texts(self) -> list[str]:
        """Return the label of each draw."""
        names = {item: label_of(self.labels, item) for item in np.unique(self.entries).tolist()}
        return [names[item] for item in self.entries.tolist()]

    def counts(self) -> NDArray[np.int64]:
        """Return how often each entry of the row is drawn."""
        return np.bincount(self.entries, minlength=self.probabilities.size)

    def document(self) -> dict[str, Any]:
        """Return the draws for JSON, and of each entry among them how often, most often first."""
        labels, counts = self.labels, self.counts()
        often = np.argsort(-counts, kind="stable")[: np.count_nonzero(counts)]
        return {
            "indices": self.entries,
            "labels": None if labels is None else [labels[item] for item in self.entries],
            "counts": [
                {
                    "index": item,
                    "label": None if labels is None else labels[item],
                    "count": int(counts[item]),
                    "probability": float(self.probabilities[item]),
                }
                for item in often.tolist()
            ],
        }

    def print_lines(self) -> None:
        """Print the count of each entry that may be drawn, beside what is expected."""
        counts, expected = self.counts(), self.entries.size * self.probabilities
        for item in np.flatnonzero(expected > 0).tolist():
            label = label_of(self.labels, item)
            typer.echo(f"{label}\t{counts[item]}\t{float(expected[item])!r}")

    def print_table(self, footer: str) -> None:
        """Print the counts of the entries that softmax shows, beside what is expected."""
        with np.errstate(divide="ignore"):
            shown = present.shown(np.log(self.probabilities), 1.0, self.probabilities)
        counts = self.counts()[shown.entries]
        expected = self.entries.size * np.append(self.probabilities[shown.entries], shown.rest)
        *each, rest = [present.plain(number, 4) for number in expected.tolist()]
        print_bars(
            self.labels,
            shown,
            {"draws": [f"{count:,}" for count in counts], "expected": each},
            rest=[f"{self.entries.size - counts.sum():,}", rest],
            bars=counts.tolist(),
            footer=footer,
        )
