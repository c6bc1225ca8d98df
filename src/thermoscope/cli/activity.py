"""The option ``--activity``: a page that sets tasks, or where tasks are made."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from thermoscope.cli.input import alone
from thermoscope.data import samples
from thermoscope.explorer.front_end import Spoken

if TYPE_CHECKING:
    from thermoscope.explorer.activity import Activity

__all__ = ["ActivityFile", "activity_of", "one_distribution"]

NEW = "new"
"""In place of a file: tasks that are still to be made."""
SAMPLES = {"lesson": samples.lesson, "questions": samples.questions}
"""Those that come with the package."""

ActivityFile = Annotated[
    str | None,
    typer.Option(
        "--activity",
        metavar="FILE | new | lesson | questions",
        help="A page that sets tasks, from JSON as docs/activities.md has it. With new it is the "
        "page where a teacher makes tasks and gives them out; lesson and questions come with the "
        "package: see docs/teaching.md.",
        show_default=False,
    ),
]


def activity_of(option: str | None, language: Spoken, **others: Any) -> Activity | None:
    """Return the activity that the option names; it comes without `others`.

    One of the package is in English where the page may speak any language.
    """
    if option is None:
        return None
    alone("--activity", **others)
    from thermoscope.explorer.activity import Activity, read_activity

    if option == NEW:
        return Activity({})
    if option in SAMPLES:
        return Activity.of(SAMPLES[option](Spoken.en if language is Spoken.auto else language))
    return read_activity(Path(option))


def one_distribution(*others: object) -> None:
    """Raise an error where tasks would be about anything but one distribution."""
    if any(other is not None for other in others):
        raise ValueError("--activity must come with one row of logits: name one by --row")
