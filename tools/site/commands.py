"""The directive `commands`: the reference of the command line, from the commands themselves."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import typer
from sphinx.util.docutils import SphinxDirective

from thermoscope.cli import app

if TYPE_CHECKING:
    from collections.abc import Iterator

    from docutils import nodes

__all__ = ["Commands", "commands", "program_of"]

Record = tuple[str, str]
"""How an option is spelled, and what it means."""

EXAMPLE: Final = re.compile(r"^\$ ", re.MULTILINE)
FULL: Final = "softmax"
"""The command with all options of truncation: others that have the same ones link to its."""


def commands() -> dict[str, Any]:
    """Return all commands by their names, in the order of the help; the program itself is ""."""
    # Typer has its own copy of click, whose classes have no stable name.
    program: Any = typer.main.get_command(app)
    return {"": program, **program.commands}


def program_of(name: str) -> str:
    """Return the words that call a command."""
    return f"thermoscope {name}".strip()


class Commands(SphinxDirective):
    """Describe every command: what it does, its arguments, its options, its examples."""

    def run(self) -> list[nodes.Node]:
        """Return a section for each command."""
        lines = [line for name, command in commands().items() for line in _section(name, command)]
        return self.parse_text_to_nodes("\n".join(lines), allow_section_headings=True)


def _section(name: str, command: Any) -> Iterator[str]:
    """Yield the lines of one command, as reStructuredText."""
    program = program_of(name)
    context = typer.Context(command, info_name=program)
    about, _, examples = command.help.partition("For example")
    yield from [program, "-" * len(program), ""]
    yield from [_plain(about), ""]
    yield from _code(" ".join([program, *command.collect_usage_pieces(context)]))
    yield from [f".. program:: {program}", ""]
    for parameter in command.params:
        if parameter.param_type_name == "argument":
            words = "required" if parameter.required else "optional"
            yield from [f"``{parameter.metavar}`` ({words})", f"   {_plain(parameter.help)}", ""]
    known = {} if name == FULL else _options(commands()[FULL])
    for panel, records in _options(command).items():
        yield from _panel(panel, records, known.get(panel, []))
    if examples:
        yield from [".. rubric:: Examples", ""]
        # A line of prose may stand between them.
        for paragraph in examples.partition(":" if name else ", ")[2].strip().split("\n\n"):
            if EXAMPLE.match(paragraph):
                yield from _code(EXAMPLE.sub("", paragraph))
            else:
                yield from [_plain(paragraph[0].upper() + paragraph[1:]), ""]


def _panel(panel: str | None, records: list[Record], known: list[Record]) -> Iterator[str]:
    if panel is not None:
        yield from [f".. rubric:: {panel}", ""]
    again = [record for record in records if panel is not None and record in known]
    for spelled, meaning in records:
        if (spelled, meaning) not in again:
            yield from [f".. option:: {spelled}", "", f"   {_plain(meaning)}", ""]
    if again:
        full = program_of(FULL)
        names = [spelled.split()[0] for spelled, _ in again]
        links = ", ".join(f":option:`{name} <{full} {name}>`" for name in names)
        yield from [f"As of ``{full}``: {links}.", ""]


def _options(command: Any) -> dict[str | None, list[Record]]:
    """Return the options of each panel of the help."""
    context = typer.Context(command)
    panels: dict[str | None, list[Record]] = {None: []}
    for parameter in command.params:
        if parameter.param_type_name == "option" and not parameter.hidden:
            record = parameter.get_help_record(context)
            panels.setdefault(parameter.rich_help_panel, []).append(record)
    return panels


def _code(text: str) -> Iterator[str]:
    yield from [".. code-block:: sh", "", *(f"   {line}" for line in text.splitlines()), ""]


def _plain(text: str) -> str:
    """Return a text of the help as reStructuredText: nothing in it is markup."""
    return re.sub(r"([\\*`_|<>\[\]])", r"\\\1", text)
