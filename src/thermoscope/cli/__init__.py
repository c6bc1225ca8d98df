"""The command line, ``thermoscope``: one module for each command."""

from __future__ import annotations

import io
import os
import signal
import sys
import threading
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from thermoscope.cli.doctor import doctor
from thermoscope.cli.explore import explore
from thermoscope.cli.export import export
from thermoscope.cli.fit import fit
from thermoscope.cli.input import is_number
from thermoscope.cli.reliability import reliability
from thermoscope.cli.sample import sample
from thermoscope.cli.samplers import samplers
from thermoscope.cli.softmax import compute
from thermoscope.cli.sweep import sweep
from thermoscope.cli.temperature import temperature
from thermoscope.cli.tokens import tokens
from thermoscope.present import printable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

__all__ = ["app", "main"]

app = typer.Typer(
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


@app.callback(invoke_without_command=True)
def thermoscope(
    context: typer.Context,
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version and the kernels, and exit.", is_eager=True
        ),
    ] = False,
) -> None:
    """See and compute what temperature does to a softmax.

    For example, five random logits on a page, a page in a file, and the numbers here:

    $ thermoscope explore
    $ thermoscope export lesson.html
    $ thermoscope softmax 2.0 1.0 0.1 -T 0.5

    The temperature at which the likeliest has 90 %, and ten draws:

    $ thermoscope temperature 2.0 1.0 0.1 --top-probability 0.9
    $ thermoscope sample 2.0 1.0 0.1 -n 10 --seed 7

    A text that a server answered, token by token:

    $ thermoscope tokens response.json -T 0.7 --top-p 0.9

    How many of 100 draws would differ between two samplers:

    $ thermoscope samplers --logits rows.npy --preset vllm --preset llama.cpp

    And the temperature that a model needs, from its logits and the true classes:

    $ thermoscope fit logits.npy targets.npy

    What a server of a language model really does with T and its samplers:

    $ thermoscope doctor http://localhost:8080
    """
    if version:
        from importlib.metadata import version as version_of

        from thermoscope import kernels

        typer.echo(f"thermoscope {version_of('thermoscope')}")
        for name, runs, detail in kernels.available():
            typer.echo(f"  kernel {name}: {detail}" if runs else f"  no kernel {name}: {detail}")
    elif context.invoked_subcommand is None:
        typer.echo(context.get_help())


class _NumbersCommand(TyperCommand):
    """A command with negative numbers among its arguments, which look like options."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        # After a space, -inf is no longer the options -i and -n with the value "f".
        words = [f" {word}" if word.startswith("-") and is_number(word) else word for word in args]
        return super().parse_args(ctx, words)


_NUMBERS: dict[str, Any] = {
    "cls": _NumbersCommand,
    "context_settings": {"ignore_unknown_options": True},
}

for command in (explore, export):
    app.command()(command)
app.command("softmax", **_NUMBERS)(compute)
app.command(**_NUMBERS)(temperature)
app.command(**_NUMBERS)(sample)
app.command()(tokens)
app.command()(samplers)
for judge in (fit, reliability, sweep, doctor):
    app.command()(judge)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code: 0, 2 for an error, 130 for Ctrl-C.

    `doctor` returns 1 where it has found something wrong.

    SIGTERM and SIGHUP end it as Ctrl-C does, with 128 + their number: nothing half written stays.
    """
    _end_on_signals()
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A terminal may lack a character of a label, which is no reason to fail.
        sys.stdout.reconfigure(errors="replace")
    try:
        code = _command().main(arguments, prog_name="thermoscope", standalone_mode=False)
        # A full disk raises an error here, where it can still be reported.
        print(end="", flush=True)  # noqa: T201
    except (KeyboardInterrupt, typer.Abort):
        return 130
    except BrokenPipeError:  # the reader has closed the pipe, as `head` does
        _discard_output()
        return 1
    except Exception as error:
        message = _message(error)
        if message is None:
            raise
        typer.echo(f"thermoscope: error: {printable(message)}", err=True)
        return 2
    return int(code or 0)


@cache
def _command() -> Any:
    # Typer would make all commands anew for each call, which takes longer than most of them.
    return typer.main.get_command(app)


def _message(error: Exception) -> str | None:
    """Return the message of an expected error in one line, None for an unexpected error."""
    # The class of usage errors moves between versions of Typer; its method stays.
    if hasattr(error, "format_message"):
        return " ".join(error.format_message().split())
    if isinstance(error, MemoryError):
        return "out of memory"
    if isinstance(error, (ImportError, TypeError, ValueError)):
        return str(error)
    if isinstance(error, OSError):
        _discard_output()
        name = "" if error.filename is None else f"{error.filename}: "
        return f"{name}{error.strerror or error}"
    return None


def _end_on_signals() -> None:
    if threading.current_thread() is threading.main_thread():
        for name in ("SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)  # Windows has no SIGHUP
            if number is not None and signal.getsignal(number) == signal.SIG_DFL:
                signal.signal(number, _exit)


def _exit(number: int, _: FrameType | None) -> None:
    raise SystemExit(128 + number)


def _discard_output() -> None:
    """Discard what could not be written: else Python tries again at exit, and complains."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
