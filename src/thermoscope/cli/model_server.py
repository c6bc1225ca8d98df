"""A text from a model on a server, as ``thermoscope explore --server`` shows it."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, NamedTuple

import typer

from thermoscope.arguments import unicode_text
from thermoscope.data.atomic import check_place
from thermoscope.data.errors import FileError, naming
from thermoscope.present import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from thermoscope.connection.draft import Draft
    from thermoscope.connection.source import Source
    from thermoscope.explorer.writing import Writing

__all__ = [
    "Asking",
    "Chat",
    "Model",
    "Save",
    "SavedFile",
    "Seed",
    "ServerAddress",
    "Timeout",
    "Tokens",
    "check_unused",
    "connected",
    "going_on",
    "prompt_of",
    "told",
    "told_of_saved",
    "until_the_first",
    "writing",
]

ServerAddress = Annotated[
    str | None,
    typer.Option(
        "--server",
        metavar="URL",
        help="Ask a model's server (llama.cpp, vLLM, SGLang, Ollama, TGI, or like OpenAI's) for "
        "the distribution of each token; the argument is then the prompt. A key is taken from "
        "THERMOSCOPE_API_KEY.",
        show_default=False,
    ),
]
Model = Annotated[
    str | None,
    typer.Option(
        metavar="NAME", help="The model, where the server has several.", show_default=False
    ),
]
Chat = Annotated[
    bool, typer.Option("--chat", help="The prompt is a message, put into the model's template.")
]
Tokens = Annotated[
    int | None,
    typer.Option(
        "--tokens",
        "-n",
        metavar="N",
        min=0,
        help="Write at most N tokens before the page opens, where more can be written. "
        "[default: 0 with --server, 20 with --sample novel]",
        show_default=False,
    ),
]
Seed = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        min=0,
        help="The seed: the same one writes the same text. Without it, a new one is taken "
        "and told.",
        show_default=False,
    ),
]
Save = Annotated[
    Path | None,
    typer.Option(
        metavar="OUT",
        help="Write the text with its distributions to a .json file, for every command.",
        show_default=False,
    ),
]
SavedFile = Annotated[
    Path | None,
    typer.Option(
        "--text",
        metavar="FILE",
        help="With --server: go on with a text that the page has saved, with all of its branches, "
        "its seeds and its sampler, in place of a prompt.",
        show_default=False,
    ),
]
Timeout = Annotated[
    float, typer.Option(metavar="S", min=0.1, help="Seconds that the server may be silent.")
]


class Asking(NamedTuple):
    """What is asked of a server."""

    url: str
    prompt: str
    model: str | None
    chat: bool
    tokens: int
    seed: int | None
    save: Path | None
    timeout: float
    vocabulary: int | None


def check_unused(**options: Any) -> None:
    """Raise an error for an option that says what a server is asked, where there is none."""
    for name, value in options.items():
        if value is not None and value is not False:
            raise ValueError(f"--{name} must come with --server")


def _check_save(asking: Asking) -> None:
    """Raise what is wrong with the file, before there is a text that could be lost."""
    save = asking.save
    if save is None:
        return
    if save.suffix.lower() != ".json":
        raise ValueError(f"--save must be a .json file, got {save}")
    if not asking.tokens:
        raise ValueError("--save must come with --tokens: the page saves what is written there")
    check_place(save)


def _save(draft: Draft, path: Path, *, stopped: bool) -> None:
    """Save a text, and tell of it where it is not whole; one that can't be saved is on the page."""
    try:
        if len(draft):
            draft.save(path)
    except FileError as error:
        told(f"{error}: save the text on the page")
        return
    if stopped:
        told_of_saved(path, written=len(draft) > 0)


@contextmanager
def writing(asking: Asking, temperature: float, settings: dict[str, Any]) -> Iterator[Writing]:
    """Have a text begun, which is shown as it comes, and give it to the page that goes on with it.

    Ctrl-C and a server that fails end the beginning: what has been written stays.
    """
    # TLS and what it needs take a tenth of the start of every command.
    from thermoscope.connection.client import ServerError
    from thermoscope.connection.draft import Draft
    from thermoscope.explorer.writing import Writing

    _check_save(asking)
    prompt = prompt_of(asking.prompt)
    with ExitStack() as open_ones:
        with until_the_first("token", asking.save):
            source = open_ones.enter_context(
                connected(asking.url, asking.model, asking.vocabulary, asking.timeout)
            )
            chat = [{"role": "user", "content": prompt}]
            start = source.from_chat(chat) if asking.chat else prompt
            draft = Draft(source, start, temperature, seed=asking.seed, **settings)
            draft.next()
        stopped = False
        try:
            told(f"{source.about}; drawn with --seed {draft.seed}")
            for token in draft.write(asking.tokens):
                typer.echo(printable(token.text), nl=False, err=True)
        except (KeyboardInterrupt, ServerError) as error:
            stopped = True
            typer.echo(err=True)
            told(f"stopped after {len(draft)} tokens" + (f": {error}" if f"{error}" else ""))
        else:
            if asking.tokens:
                typer.echo(err=True)
        if asking.save is not None:
            _save(draft, asking.save, stopped=stopped)
        yield Writing(draft, None if asking.chat else prompt, prompt)


@contextmanager
def going_on(url: str, path: Path, model: str | None, timeout: float) -> Iterator[Writing]:
    """Open a text that was saved, and give it to the page that goes on with it."""
    from thermoscope.explorer.writing import Writing

    with ExitStack() as open_ones:
        with until_the_first("token", None):
            source = open_ones.enter_context(connected(url, model, None, timeout))
            text = Writing.opened(source, path)
        told(" ".join(OPENED[str(name)](*about) for name, *about in text.told))
        yield text


OPENED: Final[Mapping[str, Callable[..., str]]] = {
    "opened": lambda file, branches: (
        f"{file} is open, with {branches} {'branch' if branches == 1 else 'branches'}."
    ),
    "unread": lambda setting: f"{setting} could not be read back.",
    "otherModel": lambda wrote, model: (
        f"{wrote} has written it, and {model} goes on: their tokens may differ."
    ),
}
"""The words of what is told of a text that is opened; the page has its own."""


def prompt_of(given: str) -> str:
    """Return a prompt as it was typed, or what standard input has for "-"."""
    if given != "-":
        return unicode_text("prompt", given)
    with naming("standard input"), open(0, encoding="utf-8-sig", closefd=False) as standard_input:
        return standard_input.read()


@contextmanager
def until_the_first(what: str, save: Path | None) -> Iterator[None]:
    """Say that there is nothing to keep, where Ctrl-C comes before the first of what is asked."""
    try:
        yield
    except KeyboardInterrupt:
        typer.echo(err=True)
        told(f"stopped before the first {what}")
        if save is not None:
            told_of_saved(save, written=False)
        raise


def told_of_saved(path: Path, *, written: bool) -> None:
    """Tell what a file has of something that was stopped."""
    told(f"{path} has what came until then" if written else f"{path} is not written")


@contextmanager
def connected(
    url: str, model: str | None, vocabulary: int | None, timeout: float
) -> Iterator[Source]:
    """Connect to a server, tell what is not safe about it, and close the connection at the end."""
    from thermoscope.connection.source import connect

    source = connect(url, model=model, vocabulary=vocabulary, timeout=timeout, tell=told)
    with source:
        for note in source.notes:
            told(f"warning: {note}")
        yield source


def told(line: str) -> None:
    """Tell something about a server on standard error."""
    typer.echo(f"thermoscope: {printable(line)}", err=True)
