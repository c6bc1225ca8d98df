"""``thermoscope explore``: a page that this machine serves to itself."""

from __future__ import annotations

import errno
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from thermoscope.arguments import temperature_of_text
from thermoscope.cli.activity import ActivityFile, activity_of, one_distribution
from thermoscope.cli.input import Reading, RowsWithTargets, alone, linked, read_one, state_of
from thermoscope.cli.model_server import (
    Asking,
    Chat,
    Model,
    Save,
    SavedFile,
    Seed,
    ServerAddress,
    Timeout,
    Tokens,
    check_unused,
    going_on,
    writing,
)
from thermoscope.cli.novel import begun
from thermoscope.cli.options import (
    RULES,
    AppliedTemperature,
    Columns,
    FileOrPrompt,
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
from thermoscope.data import samples
from thermoscope.data.dataset import Dataset
from thermoscope.data.errors import FileError
from thermoscope.explorer.browse import RowSource
from thermoscope.explorer.front_end import Spoken
from thermoscope.state import State

if TYPE_CHECKING:
    from thermoscope.explorer.activity import Activity
    from thermoscope.explorer.page import Beginning

__all__ = ["explore"]


class Sample(StrEnum):
    """What `explore` can show that comes with the package."""

    digits = "digits"
    novel = "novel"


@with_options(RULES)
def explore(
    file: FileOrPrompt = None,
    *,
    labels: LabelsFile = None,
    temperature: Temperature = "1",
    row: Row = None,
    targets: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The true class of each row, as a number or a label: it is marked, and the rows "
            "which are wrong can be had first.",
            show_default=False,
        ),
    ] = None,
    target_column: TargetColumn = None,
    sample: Annotated[
        Sample | None,
        typer.Option(
            help="In place of a file: digits, logits of a classifier of the package; or "
            "novel, a page that has a small language model of Moby-Dick in itself and writes with "
            "it. The argument is then the beginning.",
            show_default=False,
        ),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            metavar="P",
            help="The port to listen on. Without it, a free one.",
            show_default=False,
        ),
    ] = None,
    columns: Columns = None,
    applied_temperature: AppliedTemperature = None,
    vocabulary: Vocabulary = None,
    probabilities: Probabilities = False,
    link: StateLink = None,
    server: ServerAddress = None,
    model: Model = None,
    chat: Chat = False,
    tokens: Tokens = None,
    seed: Seed = None,
    save: Save = None,
    text: SavedFile = None,
    timeout: Timeout = 30.0,
    activity: ActivityFile = None,
    language: Language = Spoken.auto,
    no_open: Annotated[bool, typer.Option("--no-open", help="Open no browser.")] = False,
    truncation: Truncation,
) -> None:
    """Explore logits on a page which this machine serves to itself; Ctrl-C ends it.

    Of many rows one is shown at a time, and the page goes from row to row.
    The options of truncation are the steps of the page's sampler, where they
    can be changed.

    With --server the page writes a text with a model, step by step: the server
    gives the distribution of each token, and the page's sampler draws from it
    here. Any token can be taken in place of the drawn one, and a text has
    branches. --tokens writes some tokens before the page opens; Ctrl-C ends
    that. --text goes on with a text that the page has saved.

    With --sample novel the page does the same without a server: a small
    language model of a novel is in the page itself.

    For example:

    $ thermoscope explore
    $ thermoscope explore logits.npy --labels tokens.json -T 0.7
    $ thermoscope explore many.parquet --targets targets.csv --row 3
    $ thermoscope explore response.json --applied-temperature 0.7 --vocabulary 151936
    $ thermoscope explore logits.npy -T 0.7 --top-k 40 --top-p 0.95 --engine llama.cpp
    $ thermoscope explore --server http://localhost:8080 "The capital of France is" --top-p 0.9
    $ thermoscope explore --server http://localhost:8080 "Hi" --chat -n 40 --save text.json
    $ thermoscope explore --server http://localhost:8080 --text text.json
    $ thermoscope explore --sample digits
    $ thermoscope explore --sample novel
    $ thermoscope explore --sample novel "The whale" -T 0.8 --top-p 0.95 -n 40 --seed 7
    $ thermoscope explore --activity new
    $ thermoscope explore --activity lesson
    $ thermoscope explore --activity lesson --language de
    $ thermoscope explore --state "logits=2,1,0.1&labels=cat,dog,eel&top_p=0.9"
    """
    number = temperature_of_text(temperature)
    truncation.check(number)
    reading = Reading(
        columns, applied_temperature, probabilities, labels, target_column, vocabulary
    )
    path = None if file is None else Path(file)
    others: dict[str, Any] = {"--sample": sample, "--targets": targets}
    tasks = activity_of(activity, language, **others, **{"--server": server})
    if tasks is not None and link is None and file is None:
        link = tasks.state
    if server is not None:
        reading._replace(vocabulary=None).check_unused(row)
        alone("--server", **others, **{"--labels": labels, "--state": link})
        if text is not None:
            others = {
                "a prompt": file,
                "-T": None if temperature == "1" else temperature,
                "--chat": chat or None,
                "--tokens": tokens or None,
                "--seed": seed,
                "--save": save,
                "--vocabulary": vocabulary,
                **truncation.options,
            }
            alone("--text", **others)
            opened = going_on(server, text, model, timeout)
        elif file:
            asking = Asking(server, file, model, chat, tokens or 0, seed, save, timeout, vocabulary)
            opened = writing(asking, number, truncation.given)
        else:
            empty = "the prompt is empty: type a text"
            missing = "--server must come with a prompt, or with --text"
            raise ValueError(missing if file is None else empty)
        with opened as written:
            state = written.state(written.count - 1, **written.sampler)
            _serve(state, written, port, language=language, no_open=no_open)
        return
    if sample is Sample.novel:
        check_unused(model=model, chat=chat, save=save, text=text)
        reading.check_unused(row)
        del others["--sample"]
        alone("--sample novel", **others, **{"--labels": labels, "--state": link})
        state, beginning = begun(file, number, truncation.given, seed, tokens)
        _serve(state, None, port, beginning, language=language, no_open=no_open)
        return
    check_unused(model=model, chat=chat, seed=seed, save=save, text=text)
    if path is not None and file != "-":
        _check_there(path)
    rows = _rows(path, sample, targets, reading) if link is None else None
    if link is not None:
        others |= {"a file": file, **truncation.options}
        state = linked(link, temperature, row, reading, **others)
    elif rows is None:
        state = state_of(read_one(path, row, reading), labels, number, truncation.given)
    else:
        state = rows.state(row or 0, number, truncation=truncation.given)
    if tasks is not None:
        one_distribution(rows, state.tail)
    _serve(state, rows, port, activity=tasks, language=language, no_open=no_open)


def _check_there(path: Path) -> None:
    """Raise FileError if there is no such file: a prompt may be meant."""
    try:
        path.stat()
    except OSError as error:
        if error.errno in {errno.ENOENT, errno.ENAMETOOLONG}:
            hint = "a prompt must come with --server or --sample novel"
            raise FileError(f"{path}: {error.strerror}; {hint}") from None


def _serve(
    state: State,
    rows: RowSource | None,
    port: int | None,
    beginning: Beginning | None = None,
    activity: Activity | None = None,
    *,
    language: Spoken,
    no_open: bool,
) -> None:
    from thermoscope.explorer.server import serve

    serve(
        state,
        rows=rows,
        beginning=beginning,
        activity=activity,
        language=language,
        port=port,
        open_browser=not no_open,
    )


def _rows(
    file: Path | None,
    sample: Sample | None,
    targets: Path | None,
    reading: Reading,
) -> RowSource | None:
    """Return the rows to step through, None where there is but one without a target."""
    if sample is not None:
        for name, value in [("a file", file), ("--targets", targets)]:
            if value is not None:
                raise ValueError(f"--sample must come without {name}, got {value}")
        found = samples.digits()
        digits = reading.labelled(Dataset.of(found.logits, found.names, source=sample.value))
        return RowSource(digits, targets=found.targets)
    if file is None:
        if targets is not None:
            raise ValueError(f"--targets must come with a file, got {targets}")
        return None
    rows = RowsWithTargets.open(file, targets, reading=reading)
    if rows.data.rows == 1 and rows.targets is None:
        return None
    with rows.blamed():
        return RowSource(rows.data, targets=rows.targets)
