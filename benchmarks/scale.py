"""What fit, reliability and softmax move and cost on a Dask cluster, predicted and measured.

``python -m benchmarks.scale`` starts a cluster of two processes with a thread each, writes random
logits to a folder that is gone afterwards (``--folder`` says where), runs the commands on them as
a user would, and prints what the workers' own counters say beside what `cost` predicts: bytes
read (``rchar`` of Linux), written, and sent by workers. Then it prints what `cost` predicts of
sizes that don't fit here, at the speed that was measured. ``docs/scale.md`` says what it means.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import math
import shutil
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.machine import positive
from thermoscope import cli

SHAPES = ((100_000, 1_000), (4_000, 262_144))
PLANNED = ((10**6, 10**3), (10**8, 32_000), (10**9, 262_144))
COMMANDS = ("fit", "reliability", "softmax")
CHUNK = 128 << 20
BINS = 15
PASSES = 8  # what the fits here take, and in general from 5 to 10
# Of a logit at one temperature: its distance, an exponential (as 20), and four sums.
FLOPS = 30
ENVELOPE = 1000  # bytes of pickle and protocol around the sums of a chunk
WORKERS = 2


@dataclass(frozen=True)
class Cost:
    """Of a command, over all of its passes."""

    tasks: float  # which read a chunk
    read: float  # bytes of logits
    written: float  # bytes, before compression
    sent: float  # bytes, at most: if all sums, and all targets in each pass, change the worker
    known: float  # bytes of targets, sent once
    flops: float


def cost(
    command: str, rows: int, classes: int, *, itemsize: int = 4, chunk: int = CHUNK, passes: int = 1
) -> Cost:
    """Predict what a command moves and computes."""
    size = rows * classes * itemsize
    each = max(chunk // (classes * itemsize), 1)
    chunks = -(-rows // each)
    # Each sum is two float64; a chunk's sums then go up a tree, of 16 to 1. Of the bins of each
    # class but the lowest, only those travel, with their places, that hold something: no more
    # than the bins less one of a row.
    bins = min(2 * (BINS - 1) * min(each, rows), BINS * classes)
    # Four counts are taken in every pass, and of a reliability five sums in 4 cells of each bin.
    reliability = 8 + (4 + 5 * 4) * BINS + classes + bins
    doubles = {"fit": 10, "reliability": reliability, "softmax": 0}[command]
    envelope = ENVELOPE if doubles else 0
    # The first pass of a fit is of two temperatures.
    temperatures = passes + (command == "fit")
    known = 0 if command == "softmax" else rows * np.min_scalar_type(classes - 1).itemsize
    sums = 2 * 8 * temperatures * doubles + passes * envelope
    return Cost(
        tasks=passes * chunks,
        read=passes * size,
        written=size if command == "softmax" else 0,
        sent=chunks * (16 / 15) * sums + passes * known,
        known=known,
        # A reliability takes probabilities, and likelihoods.
        flops=(2 if command == "reliability" else temperatures) * rows * classes * FLOPS,
    )


def counters(dask_worker: Any) -> dict[str, int]:
    """Return what a worker has read, written and sent since it was started."""
    text = Path("/proc/self/io").read_text(encoding="ascii")
    lines = dict(line.split(": ") for line in text.splitlines())
    return {
        "read": int(lines["rchar"]),
        "written": int(lines["wchar"]),
        "sent": dask_worker.transfer_outgoing_bytes_total,
    }


def write(folder: Path, rows: int, classes: int) -> tuple[Path, Path]:
    """Write logits, and targets drawn at T = 1.5 from them, by the Gumbel-max trick."""
    files = folder / "logits.npy", folder / "targets.npy"
    array = np.lib.format.open_memmap(files[0], "w+", np.float32, (rows, classes))
    targets = np.empty(rows, np.int64)
    draw = np.random.default_rng(0)
    step = max((1 << 24) // classes, 1)
    for at in range(0, rows, step):
        some = slice(at, min(at + step, rows))
        array[some] = draw.normal(0, 4, (some.stop - at, classes))
        targets[some] = np.argmax(array[some] / 1.5 + draw.gumbel(size=array[some].shape), axis=1)
    array.flush()
    np.save(files[1], targets)
    return files


def measure(client: Any, command: str, logits: Path, targets: Path) -> dict[str, float]:
    """Run a command, and return its seconds, its passes and what the workers' counters say."""
    words = [command, str(logits), "--scheduler", client.scheduler.address]
    out = logits.with_name("out.zarr")
    words += ["-o", str(out)] if command == "softmax" else [str(targets), "--json"]
    before = client.run(counters)
    start = perf_counter()
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        code = cli.main(words)
    seconds = perf_counter() - start
    if code:
        raise SystemExit(code)
    after = client.run(counters)
    shutil.rmtree(out, ignore_errors=True)
    found = {
        name: float(sum(after[worker][name] - before[worker][name] for worker in after))
        for name in ("read", "written", "sent")
    }
    passes = json.loads(printed.getvalue())["iterations"] if command == "fit" else 1
    return {"seconds": seconds, "passes": passes, **found}


def distance(a: float, b: float) -> float:
    """Return how far apart numbers are on a logarithmic scale."""
    return abs(math.log(a / b))


def scaled(count: float) -> str:
    """Write a number of bytes with a prefix of the SI."""
    power = min(max(int(np.log10(max(count, 1)) // 3), 0), 5)
    return f"{count / 1000**power:.3g} {' kMGTP'[power].strip()}B"


def main() -> None:
    """Measure, predict, and print."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.scale",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--folder", type=Path, help="where the logits go for the time")
    usual = " and ".join(f"{rows:,} x {classes:,}" for rows, classes in SHAPES)
    parser.add_argument(
        "--shape",
        type=positive,
        nargs=2,
        action="append",
        metavar=("ROWS", "CLASSES"),
        help=f"measure this; may be given more than once (default {usual})",
    )
    options = parser.parse_args()
    from dask import config  # noqa: PLC0415 - `cost` needs no Dask
    from distributed import Client, LocalCluster  # noqa: PLC0415 - likewise

    measured = Table("command", "rows x classes", "s", "passes", "read", "predicted", box=None)
    for name in ("written", "predicted", "sent", "at most", "targets", "M logits/s/core"):
        measured.add_column(name, justify="right")
    speed: dict[tuple[str, int], float] = {}
    with (
        tempfile.TemporaryDirectory(dir=options.folder) as folder,
        config.set({"temporary-directory": folder}),
        LocalCluster(
            n_workers=WORKERS, threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:0"
        ) as cluster,
        Client(cluster) as client,
    ):
        small = write(Path(folder), 64, 1000)
        for command in COMMANDS:  # what workers import and compile is no cost of a pass
            measure(client, command, *small)
        for rows, classes in options.shape or SHAPES:
            files = write(Path(folder), rows, classes)
            for command in COMMANDS:
                got = measure(client, command, *files)
                passes = int(got["passes"])
                want = cost(command, rows, classes, passes=passes)
                speed[command, classes] = passes * rows * classes / got["seconds"] / WORKERS
                measured.add_row(
                    command,
                    f"{rows:,} x {classes:,}",
                    f"{got['seconds']:.1f}",
                    str(passes),
                    *(scaled(value) for value in (got["read"], want.read)),
                    *(scaled(value) for value in (got["written"], want.written)),
                    *(scaled(value) for value in (got["sent"], want.sent, want.known)),
                    f"{speed[command, classes] / 1e6:.0f}",
                )
    console = Console(width=150)
    console.print(measured)

    planned = Table("command", "rows x classes", "chunk", "tasks", "read", "written", box=None)
    for name in ("sent at most", "targets", "flops", "core hours"):
        planned.add_column(name, justify="right")
    for rows, classes in PLANNED:
        for command in COMMANDS:
            chunk = CHUNK if rows * classes < 10**12 else 1 << 30
            passes = PASSES if command == "fit" else 1
            want = cost(command, rows, classes, chunk=chunk, passes=passes)
            near = min((k for c, k in speed if c == command), key=partial(distance, classes))
            planned.add_row(
                command,
                f"{rows:,} x {classes:,}",
                scaled(chunk),
                f"{want.tasks:,.0f}",
                *(scaled(value) for value in (want.read, want.written, want.sent, want.known)),
                f"{want.flops:.2g}",
                f"{passes * rows * classes / speed[command, near] / 3600:,.2g}",
            )
    console.print()
    console.print(planned)


if __name__ == "__main__":
    main()
