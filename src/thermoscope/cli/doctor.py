"""``thermoscope doctor``: what a server of a language model really does."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from thermoscope.cli.model_server import Model
from thermoscope.cli.options import Vocabulary
from thermoscope.cli.output import print_json
from thermoscope.present import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from thermoscope.diagnosis import Diagnosis

__all__ = ["doctor"]

COLOURS = {"ok": "green", "wrong": "bold red", "not known": "yellow"}


def doctor(
    url: Annotated[
        str,
        typer.Argument(metavar="URL", help="The address of the server, as http://localhost:8080."),
    ],
    *,
    model: Model = None,
    requests: Annotated[
        int,
        typer.Option(metavar="N", min=1, help="Ask for at most N tokens, one in each request."),
    ] = 400,
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="Of the seeds that are sent.")] = 0,
    vocabulary: Vocabulary = None,
    timeout: Annotated[
        float, typer.Option(metavar="S", help="Seconds that the server may be silent.")
    ] = 30.0,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON instead, with the numbers behind it.")
    ] = False,
) -> int:
    """Find out what a server of a language model really does.

    Which log-probabilities it reports, raw or processed; at which temperature it draws; which steps
    of truncation it does and in which order; its defaults; whether T = 0 is greedy and a seed
    repeats. The key of the server is taken from THERMOSCOPE_API_KEY.

    The exit code is 0 if nothing is wrong, 1 if something is, 2 if nothing can be known, and 130
    for Ctrl-C, which prints what is known so far.

    For example:

    $ thermoscope doctor http://localhost:8080
    $ thermoscope doctor localhost:11434 --model llama3.2 --requests 200
    $ thermoscope doctor localhost:8000 --json > diagnosis.json
    """
    from thermoscope.connection.source import connect
    from thermoscope.diagnosis import Visit

    with (
        connect(url, model=model, vocabulary=vocabulary, timeout=timeout, tell=_tell) as source,
        _progress(requests) as progress,
    ):
        visit = Visit(source, requests=requests, seed=seed, progress=progress)
        stopped = ""
        try:
            visit.run()
        except KeyboardInterrupt:
            stopped = "ended by Ctrl-C"
    diagnosis = visit.diagnosis(stopped)
    if as_json:
        print_json(diagnosis.to_dict())
    else:
        _print(diagnosis)
    if stopped:
        return 130
    if diagnosis.of("wrong"):
        return 1
    return 0 if diagnosis.of("ok") else 2


def _tell(line: str) -> None:
    typer.echo(printable(line), err=True)


@contextmanager
def _progress(requests: int) -> Iterator[Callable[[int, str], None]]:
    """Give a function that shows how many requests were made, if a terminal is there to see."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not os.isatty(2), transient=True) as bar:
        task = bar.add_task("model", total=requests)
        yield lambda done, check: bar.update(task, completed=done, description=check)


def _print(diagnosis: Diagnosis) -> None:
    """Print a table for a terminal, or lines into a pipe."""
    if not os.isatty(1):
        for line in str(diagnosis).splitlines():
            typer.echo(printable(line))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for finding in diagnosis.findings:
        words = Text(printable(finding.text))
        if finding.meaning:
            words.append(f"\n{printable(finding.meaning)}", style="dim")
        colour = COLOURS[finding.result]
        table.add_row(Text(finding.result, style=colour), Text(finding.check, style="bold"), words)
    console = Console(highlight=False)
    console.print(Text(printable(diagnosis.server), style="bold"))
    for note in diagnosis.notes:
        console.print(Text(printable(note), style="yellow"))
    console.print(table)
    console.print(Text(printable(diagnosis.verdict)))
