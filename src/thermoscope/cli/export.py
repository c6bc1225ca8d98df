"""``thermoscope export``: the page as one file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from thermoscope.arguments import temperature_of_text
from thermoscope.cli.input import Reading, linked, read_one, state_of
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
)
from thermoscope.data.errors import FileError
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
    target_column: TargetColumn = None,
    applied_temperature: AppliedTemperature = None,
    probabilities: Probabilities = False,
    link: StateLink = None,
) -> None:
    """Write the explorer as one HTML file, which opens in a browser with no network.

    For example:

    $ thermoscope export lesson.html
    $ thermoscope export lesson.html --state "n=5&seed=7&T=0.5"
    $ thermoscope export next-token.html logits.npy --labels tokens.json -T 0.7
    """
    # The two files in the wrong order would cost the user the logits.
    if out.suffix.lower() not in {".html", ".htm"}:
        raise FileError(f"{out}: the page must go to a .html file")
    number = temperature_of_text(temperature)
    reading = Reading(columns, applied_temperature, probabilities, labels, target_column)
    if link is not None:
        state = linked(link, temperature, row, reading, **{"a file": file})
    else:
        state = state_of(read_one(file, row, reading), labels, number)
    from thermoscope.explorer.page import write_page

    write_page(out, state)
    typer.echo(f"Wrote {printable(str(out))}")
