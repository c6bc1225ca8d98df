"""``thermoscope export``: the page as one file."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from thermoscope.arguments import temperature_of_text
from thermoscope.cli.activity import ActivityFile, activity_of, one_distribution
from thermoscope.cli.input import (
    Reading,
    RowsWithTargets,
    alone,
    linked,
    only_row,
    read_one,
    state_of,
)
from thermoscope.cli.model_server import Seed
from thermoscope.cli.novel import begun
from thermoscope.cli.options import (
    LOGITS_FILE,
    RULES,
    AppliedTemperature,
    Columns,
    LabelsFile,
    Language,
    Probabilities,
    Row,
    StateLink,
    TargetColumn,
    Temperature,
    Vocabulary,
)
from thermoscope.cli.truncation import Truncation, with_options
from thermoscope.data.dataset import Dataset
from thermoscope.data.errors import FileError
from thermoscope.explorer.browse import RowSource
from thermoscope.explorer.front_end import Spoken
from thermoscope.present import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from thermoscope.explorer.live import Measured
    from thermoscope.explorer.page import Beginning
    from thermoscope.state import State

__all__ = ["export"]


class Sample(StrEnum):
    """What `export` can write that comes with the package."""

    novel = "novel"


@with_options(RULES)
def export(
    out: Annotated[
        Path, typer.Argument(metavar="OUT.html", help="The page to write, or to write over.")
    ],
    file: Annotated[
        str | None,
        typer.Argument(
            metavar="FILE | BEGINNING",
            help=f"{LOGITS_FILE} With --sample novel, the beginning of the text.",
            show_default=False,
        ),
    ] = None,
    *,
    labels: LabelsFile = None,
    temperature: Temperature = "1",
    row: Row = None,
    columns: Columns = None,
    targets: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The true class of each row, as a number or a label: the page has the reliability "
            "of all rows, and one row, by default the first.",
            show_default=False,
        ),
    ] = None,
    target_column: TargetColumn = None,
    applied_temperature: AppliedTemperature = None,
    vocabulary: Vocabulary = None,
    probabilities: Probabilities = False,
    link: StateLink = None,
    sample: Annotated[
        Sample | None,
        typer.Option(
            help="A page that has a small language model of Moby-Dick in itself, and writes with "
            "it.",
            show_default=False,
        ),
    ] = None,
    tokens: Annotated[
        int | None,
        typer.Option(
            "--tokens",
            "-n",
            metavar="N",
            min=0,
            help="With --sample novel: how many tokens are written when the page opens. "
            "[default: 20]",
            show_default=False,
        ),
    ] = None,
    seed: Seed = None,
    activity: ActivityFile = None,
    language: Language = Spoken.en,
    truncation: Truncation,
) -> None:
    """Write the explorer as one HTML file, which opens in a browser with no network.

    The options of truncation are the steps of the page's sampler.

    For example:

    $ thermoscope export lesson.html
    $ thermoscope export lesson.html --state "n=5&seed=7&T=0.5"
    $ thermoscope export next-token.html logits.npy --labels tokens.json -T 0.7
    $ thermoscope export classifier.html logits.npy --targets targets.npy
    $ thermoscope export text.html response.json
    $ thermoscope export novel.html --sample novel "The whale" -T 0.8 --seed 7
    $ thermoscope export make.html --activity new
    $ thermoscope export lesson.html --activity lesson
    $ thermoscope export leccion.html --activity lesson --language es
    """
    # The two files in the wrong order would cost the user the logits.
    if out.suffix.lower() not in {".html", ".htm"}:
        raise FileError(f"{out}: the page must go to a .html file")
    number = temperature_of_text(temperature)
    truncation.check(number)
    reading = Reading(
        columns, applied_temperature, probabilities, labels, target_column, vocabulary
    )
    path = None if file is None else Path(file)
    tasks = activity_of(activity, language, **{"--sample": sample, "--targets": targets})
    if tasks is not None and link is None and file is None:
        link = tasks.state
    beginning: Beginning | None = None
    rows: RowSource | None = None
    reliability: Measured | None = None
    if sample is not None:
        reading.check_unused(row)
        alone("--sample", **{"--targets": targets, "--labels": labels, "--state": link})
        state, beginning = begun(file, number, truncation.given, seed, tokens)
    else:
        for name, value in [("--tokens", tokens), ("--seed", seed)]:
            if value is not None:
                raise ValueError(f"{name} must come with --sample novel, got {value}")
        if link is not None:
            others = {"a file": file, "--targets": targets, **truncation.options}
            state = linked(link, temperature, row, reading, **others)
        else:
            settings = {"temperature": number, "truncation": truncation.given}
            state, rows, reliability = _shown(path, targets, row, reading, settings)
    from thermoscope.explorer.page import write_page

    if tasks is not None:
        one_distribution(rows, reliability, state.tail)
    write_page(
        out,
        state,
        rows,
        reliability=reliability,
        beginning=beginning,
        activity=tasks,
        language=language,
    )
    typer.echo(f"Wrote {printable(str(out))}")


def _shown(
    file: Path | None,
    targets: Path | None,
    row: int | None,
    reading: Reading,
    settings: Mapping[str, Any],
) -> tuple[State, RowSource | None, Measured | None]:
    """Return what the page has of a file: a row, a text or the reliability of rows."""
    if file is None:
        if targets is not None:
            raise ValueError(f"--targets must come with a file, got {targets}")
        one = read_one(file, row, reading)
        return state_of(one, reading.labels, **settings), None, None
    labelled = RowsWithTargets.open(file, targets, reading=reading)
    data = labelled.data
    if labelled.targets is not None:
        with labelled.blamed():
            source = RowSource(data, targets=labelled.targets)
        state = source.state(row or 0, **settings)
        if source.reliability is None:
            raise FileError(f"{targets or file}: targets must have a class for some row, got none")
        return state, None, source.reliability.stops()
    if (rows := _text_of(data)) is not None:
        return rows.state(row or 0, **settings), rows, None
    # Of many rows, there has been a warning if they look like probabilities.
    one = data.only(row) if data.rows > 1 else only_row(data, row, reading)
    return state_of(one, reading.labels, **settings), None, None


def _text_of(data: Dataset) -> RowSource | None:
    """Return the positions of a text that a server reported, None where there is but one."""
    return None if data.tokens is None or data.rows == 1 else RowSource(data)
