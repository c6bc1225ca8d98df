"""``thermoscope export``: the page as one file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from thermoscope.arguments import temperature_of_text
from thermoscope.cli.input import Reading, RowsWithTargets, linked, only_row, read_one, state_of
from thermoscope.cli.options import (
    AppliedTemperature,
    Columns,
    LabelsFile,
    OptionalFile,
    Probabilities,
    Row,
    StateLink,
    TargetColumn,
    Temperature,
    Vocabulary,
)
from thermoscope.data.dataset import Dataset
from thermoscope.data.errors import FileError
from thermoscope.explorer.browse import RowSource
from thermoscope.present import printable

__all__ = ["export"]


def export(
    out: Annotated[
        Path, typer.Argument(metavar="OUT.html", help="The page to write, or to write over.")
    ],
    file: OptionalFile = None,
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
) -> None:
    """Write the explorer as one HTML file, which opens in a browser with no network.

    For example:

    $ thermoscope export lesson.html
    $ thermoscope export lesson.html --state "n=5&seed=7&T=0.5"
    $ thermoscope export next-token.html logits.npy --labels tokens.json -T 0.7
    $ thermoscope export classifier.html logits.npy --targets targets.npy
    $ thermoscope export text.html response.json
    """
    # The two files in the wrong order would cost the user the logits.
    if out.suffix.lower() not in {".html", ".htm"}:
        raise FileError(f"{out}: the page must go to a .html file")
    number = temperature_of_text(temperature)
    reading = Reading(
        columns, applied_temperature, probabilities, labels, target_column, vocabulary
    )
    rows: RowSource | None = None
    reliability = None
    if link is not None:
        state = linked(link, temperature, row, reading, **{"a file": file, "--targets": targets})
    elif file is None:
        if targets is not None:
            raise ValueError(f"--targets must come with a file, got {targets}")
        state = state_of(read_one(file, row, reading), labels, number)
    else:
        labelled = RowsWithTargets.open(file, targets, reading=reading)
        data = labelled.data
        if labelled.targets is not None:
            with labelled.blamed():
                source = RowSource(data, targets=labelled.targets)
            state = source.state(row or 0, number)
            if source.reliability is None:
                raise FileError(
                    f"{targets or file}: targets must have a class for some row, got none"
                )
            reliability = source.reliability.stops()
        elif (rows := _text_of(data)) is not None:
            state = rows.state(row or 0, number)
        else:
            # Of many rows, there has been a warning if they look like probabilities.
            one = data.only(row) if data.rows > 1 else only_row(data, row, reading)
            state = state_of(one, labels, number)
    from thermoscope.explorer.page import write_page

    write_page(out, state, rows, reliability=reliability)
    typer.echo(f"Wrote {printable(str(out))}")


def _text_of(data: Dataset) -> RowSource | None:
    """Return the positions of a text that a server reported, None where there is but one."""
    return None if data.tokens is None or data.rows == 1 else RowSource(data)
