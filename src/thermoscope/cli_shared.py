"""What the commands share: options, how files are opened, progress, a cluster, texts."""

from __future__ import annotations

import logging
import math
import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import numpy as np
import typer

from thermoscope.data.errors import optional

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


__all__ = [
    "AppliedTemperature",
    "Columns",
    "LabelsFile",
    "Probabilities",
    "Row",
    "Scheduler",
    "TargetColumn",
    "Temperature",
    "cluster",
    "ending",
    "progress",
    "strict",
]

ANSWER: Final = 5
"""So many seconds a scheduler has to answer, and to have a worker."""

LabelsFile = Annotated[
    Path | None,
    typer.Option(
        "--labels",
        metavar="FILE",
        help="Labels: a .json list, or a text with one label a line.",
        show_default=False,
    ),
]
Temperature = Annotated[
    str,
    typer.Option("--temperature", "-T", metavar="T", help='A number >= 0, or "inf".'),
]
Row = Annotated[
    int | None,
    typer.Option(
        metavar="N", help="The row of a file of several, counted from 0.", show_default=False
    ),
]
Columns = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME",
        help="What to read in the file: the array, the column of lists, or each class; may be "
        "given several times.",
        show_default=False,
    ),
]
TargetColumn = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="The column, or array, that holds the targets, in TARGETS or, without it, in the "
        "file of the logits. It is no class.",
        show_default=False,
    ),
]
AppliedTemperature = Annotated[
    float | None,
    typer.Option(
        metavar="T0",
        help="Undo a temperature by which the logits, or what the logprobs come from, were "
        "divided.",
        show_default=False,
    ),
]
Probabilities = Annotated[
    bool,
    typer.Option("--probabilities", help="The file holds probabilities: take their logarithm."),
]
Scheduler = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS",
        help="Work on the Dask cluster whose scheduler is at this address, tcp://host:8786 for "
        "example. Its workers read the logits, by the same path: best of all .npy or .zarr on a "
        "file system that all see. Without it, the threads of this machine work.",
        show_default=False,
    ),
]


@contextmanager
def progress(what: str, rows: int) -> Iterator[Callable[[int, int | None, int], None]]:
    """Give a function that shows how far each pass over rows is, if a terminal is there to see."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[speed]}"),
        TimeRemainingColumn(),
    )
    shown = os.isatty(2)
    with Progress(*columns, console=Console(stderr=True), disable=not shown, transient=True) as bar:
        task = bar.add_task(what, total=rows, speed="")
        current = 1

        def tell(done: int, _: int | None, number: int) -> None:
            nonlocal current
            if number != current:
                bar.reset(task, description=f"{what}, pass {number}")
                current = number
            speed = bar.tasks[0].speed
            bar.update(task, completed=done, speed=f"{speed:,.0f} rows/s" if speed else "")

        yield tell


@contextmanager
def cluster(address: str) -> Iterator[Any]:
    """Give a client of the Dask cluster at an address, on which Dask then computes."""
    distributed = optional("distributed", "dask", "Dask clusters")
    from concurrent.futures import CancelledError

    from distributed.comm import CommClosedError, get_address_host_port

    try:
        get_address_host_port(address, strict=True)
        client = distributed.Client(address, timeout=ANSWER)
    except ValueError as error:
        raise ValueError(
            f"--scheduler must be an address such as tcp://host:8786, got {address!r}"
        ) from error
    except OSError as error:
        raise ValueError(
            f"--scheduler: no Dask scheduler answers at {address} within {ANSWER} s"
        ) from error
    with client:
        try:
            client.wait_for_workers(1, timeout=ANSWER)
        except TimeoutError as error:
            raise ValueError(
                f"--scheduler: the cluster at {address} has no worker, nor got one in {ANSWER} s"
            ) from error
        # What distributed gives up after Ctrl-C, asyncio would complain of, then or at the end.
        logging.getLogger("asyncio").addFilter(_is_no_exit)
        # What the client finds wrong is an exception here.
        logging.getLogger("distributed.client").setLevel(logging.CRITICAL)
        try:
            yield client
        except distributed.KilledWorker as error:
            raise ValueError(
                f"--scheduler: {error.allowed_failures + 1} workers of {address} died at the same "
                "work, for want of memory perhaps"
            ) from error
        except (CancelledError, CommClosedError) as error:
            raise ValueError(f"--scheduler: the scheduler at {address} is gone") from error


def _is_no_exit(record: logging.LogRecord) -> bool:
    return "AllExit" not in record.getMessage()


def ending(path: Path) -> str:
    """Return what says the format of a file."""
    return path.suffix.lower()


def strict(value: Any) -> Any:  # noqa: ANN401 - JSON
    """Return `value` as JSON has it, with strings for the numbers which JSON lacks."""
    if isinstance(value, np.ndarray):
        return strict(value.tolist())
    if isinstance(value, dict):
        return {name: strict(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [strict(item) for item in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
