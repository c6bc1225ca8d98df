"""Prompts that a command asks of a model's server, as rows of distributions."""

from __future__ import annotations

import math
import os
from bisect import bisect_right
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, NamedTuple

import numpy as np
import typer

from thermoscope.cli.input import RowsWithTargets, tell
from thermoscope.cli.model_server import (
    check_unused,
    connected,
    told,
    told_of_saved,
    until_the_first,
)
from thermoscope.cli.output import ending, progress
from thermoscope.data.atomic import check_place
from thermoscope.data.errors import FileError, check_memory, naming
from thermoscope.data.prompts import parse_prompts, read_prompts
from thermoscope.data.saved import save_reported
from thermoscope.data.writing import ENDINGS, write_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from thermoscope.connection.prompts import Asked
    from thermoscope.connection.source import Source
    from thermoscope.data.prompts import Prompts
    from thermoscope.reported import Reported

__all__ = [
    "Answers",
    "Asking",
    "Chat",
    "PromptsFile",
    "SaveRows",
    "Score",
    "ServerOfPrompts",
    "Tokens",
    "Top",
    "answers",
]

PromptsFile = Annotated[
    Path | None,
    typer.Argument(
        metavar="PROMPTS",
        help="With --server: a text with one prompt a line, or JSON Lines whose objects have "
        '"prompt" or "messages"; "-" for standard input.',
        show_default=False,
    ),
]
ServerOfPrompts = Annotated[
    str | None,
    typer.Option(
        "--server",
        metavar="URL",
        help="Ask a model's server (llama.cpp, vLLM, SGLang, Ollama, TGI, or like OpenAI's) for "
        "the distribution after each of PROMPTS, in place of --logits. A key is taken from "
        "THERMOSCOPE_API_KEY.",
        show_default=False,
    ),
]
Chat = Annotated[
    bool, typer.Option("--chat", help="Each prompt is a message, put into the model's template.")
]
Tokens = Annotated[
    int | None,
    typer.Option(
        "--tokens",
        "-n",
        metavar="N",
        min=1,
        help="Go on for N tokens after each prompt, the likeliest each time: the distribution of "
        "each is a row. 1 by default.",
        show_default=False,
    ),
]
Score = Annotated[
    bool,
    typer.Option(
        "--score",
        help="The distribution of every token of each prompt is a row, in place of that after it: "
        "for texts as they are written. The tokens are the targets of the NLL.",
    ),
]
Top = Annotated[
    int | None,
    typer.Option(
        metavar="K",
        min=1,
        help="Ask for the K likeliest tokens; by default for as many as the server reports, for "
        "100 with --score.",
        show_default=False,
    ),
]
SaveRows = Annotated[
    Path | None,
    typer.Option(
        metavar="OUT",
        help="Write the distributions to a file that --logits reads: .json for all that was "
        "reported; where that is the whole vocabulary, also .npy, .parquet and others.",
        show_default=False,
    ),
]

# Of each logit: its rows as they come, their array, and the rounding of each number.
BYTES: Final = 24


class Asking(NamedTuple):
    """What is asked of a server."""

    url: str | None
    prompts: Path | None
    model: str | None
    chat: bool
    tokens: int | None
    score: bool
    top: int | None
    save: Path | None
    timeout: float
    vocabulary: int | None

    def check_unused(self) -> None:
        """Raise an error for what is about a server, where none is asked."""
        if self.prompts is not None:
            raise ValueError(f"--server must come with PROMPTS, got {self.prompts} alone")
        names = ("model", "chat", "tokens", "score", "top", "save")
        check_unused(**{name: getattr(self, name) for name in names})

    def check(self) -> None:
        """Raise what does not fit, before anything is asked."""
        if self.score and self.tokens is not None:
            raise ValueError("--score must come without --tokens")
        if self.top is not None and (self.tokens or 1) > 1:
            raise ValueError("--top must come without --tokens")
        if self.save is not None and ending(self.save) not in {".json", *ENDINGS}:
            known = ", ".join(ENDINGS)
            raise FileError(f"{self.save}: distributions must go to a .json, {known} file")
        if self.save is not None:
            check_place(self.save)


class Answers(NamedTuple):
    """What came of the prompts.

    Attributes
    ----------
    rows : RowsWithTargets
    prompts : list of dict
        Of each prompt that was asked its number, its rows, and its error where it has one.
    stopped : str
        Why the others were not asked; "" if all were.
    code : int
        The exit code that this means.
    """

    rows: RowsWithTargets
    prompts: list[dict[str, Any]]
    stopped: str
    code: int

    def prompt_of(self, row: int) -> int:
        """Return the number of the prompt that a row is of."""
        starts = [each["rows"][0] for each in self.prompts if each["rows"][1]]
        numbers = [each["prompt"] for each in self.prompts if each["rows"][1]]
        return int(numbers[bisect_right(starts, row) - 1])


def answers(asking: Asking) -> Answers:
    """Ask a server for the distributions of prompts, and keep them if that is wanted.

    Ctrl-C and a server that fails end the asking: what has been answered stays.
    """
    # TLS and what it needs take a tenth of the start of every command.
    from thermoscope.connection.client import ServerError
    from thermoscope.connection.prompts import dataset_of

    if asking.url is None or asking.prompts is None:
        raise ValueError("--server must come with PROMPTS: a file, or - for standard input")
    asking.check()
    prompts = _read(asking.prompts)
    found: list[Reported] = []
    asked: list[dict[str, Any]] = []
    first: Exception | None = None
    stopped, code = "", 0
    with (
        until_the_first("answer", asking.save),
        connected(asking.url, asking.model, asking.vocabulary, asking.timeout) as source,
        progress("prompts", len(prompts.items), "prompts") as show,
    ):
        try:
            for each in _each(asking, source, prompts):
                asked.append(_prompt(each.number, len(found), each.rows, each.error))
                found += each.rows
                first = first or each.error
                show(each.number, None, 1)
        except (KeyboardInterrupt, ServerError) as error:
            if not found:
                raise
            stopped = str(error) or "ended by Ctrl-C"
            code = 2 if isinstance(error, ServerError) else 130
        if first is not None and not found:
            raise first
        data = dataset_of(found, source, score=asking.score)
    if stopped:
        told(f"stopped after {len(asked):,} of {len(prompts.items):,} prompts: {stopped}")
    if asking.save is not None:
        _save(asking.save, found, source)
        if stopped:
            told_of_saved(asking.save, written=True)
    answered = sum(1 for each in asked if "error" not in each)
    of = "1 prompt" if answered == 1 else f"{answered:,} prompts"
    data.source = f"{of} to {Path(source.server.model).name}"
    return Answers(RowsWithTargets({}, data, None, None), asked, stopped, code)


def _each(asking: Asking, source: Source, prompts: Prompts) -> Iterator[Asked]:
    """Iterate over what came of each prompt; tell the server, and why a prompt has no rows."""
    from thermoscope.connection.prompts import ask_each

    is_first = True
    for each in ask_each(
        source,
        prompts.items,
        chat=asking.chat,
        score=asking.score,
        tokens=asking.tokens or 1,
        top=asking.top,
    ):
        if each.error is not None:
            told(f"{each.error}: left out")
        elif is_first:
            is_first = False
            told(source.about)
            check_memory(BYTES * len(each.rows) * len(each.rows[0]) * len(prompts.items))
            _check_room(asking.save, each.rows[0])
        yield each


def _read(path: Path) -> Prompts:
    """Read the prompts, and tell what was decided about them."""
    if str(path) != "-":
        prompts = read_prompts(path)
        tell(path.name, prompts.notes)
        return prompts
    if os.isatty(0):
        typer.echo("Prompts, one a line, then Ctrl-D:", err=True)
    source = "standard input"
    with naming(source), open(0, "rb", closefd=False) as standard_input:
        prompts = parse_prompts(standard_input.read())
    tell(source, prompts.notes)
    return prompts


def _prompt(
    number: int, start: int, rows: list[Reported], error: Exception | None
) -> dict[str, Any]:
    known: dict[str, Any] = {"prompt": number, "rows": [start, len(rows)]}
    return known if error is None else {**known, "error": str(error)}


def _check_room(path: Path | None, row: Reported) -> None:
    """Raise an error if a file has no room for a distribution that is not whole."""
    if path is not None and ending(path) != ".json" and row.tail > -math.inf:
        raise FileError(
            f"{path}: the server does not report the whole vocabulary, which .json alone has room "
            "for: give another name to --save"
        )


def _save(path: Path, rows: list[Reported], source: Source) -> None:
    """Write distributions: to .json all that is known of them, to others their numbers alone."""
    if ending(path) == ".json":
        save_reported(path, rows, model=source.server.model)
        return
    size = len(rows[0])
    for row in rows:
        _check_room(path, row)
    batches = (row.logprobs[np.newaxis] for row in rows)
    write_rows(path, batches, shape=(len(rows), size), dtype=np.float64)
    if any(row.drawn >= 0 for row in rows):
        tell(path.name, ("the tokens of the texts, for the NLL, are kept in .json alone",))
