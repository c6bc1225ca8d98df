"""Make the tables of docs/numerics.md: ``python -m tools.tables`` writes, ``--check`` compares.

A table stands in the page between ``<!-- table: NAME -->`` and ``<!-- end -->``, and is made from
the results that the benchmarks write by ``--json`` to benchmarks/results. No figure is copied by
hand.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "numerics.md"
RESULTS = ROOT / "benchmarks" / "results"
WIDTH = 120  # of a line of prose
HEADINGS = {
    "python": "Python",
    "numpy": "NumPy",
    "scipy": "SciPy",
    "torch": "PyTorch",
    "jax": "JAX",
    "onnxruntime": "ONNX Runtime",
}
MARKED = re.compile(r"(<!-- table: ([a-z_]+) -->\n).*?(<!-- end -->)", re.DOTALL)
LARGE = 1e6  # errors from this many ulp on are written with an exponent
SMALL = 10  # arrays of up to this many entries are timed per call, not per entry

Results = dict[str, Any]


def markdown(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a table."""
    header = list(header)
    text = [
        "|" + "".join(f" {cell} |" if cell else " |" for cell in line) for line in [header, *rows]
    ]
    text.insert(1, "|" + "---|" * len(header))
    return "\n".join(text) + "\n"


def paragraph(text: str) -> str:
    """Return prose in lines."""
    return textwrap.fill(text, WIDTH, break_long_words=False, break_on_hyphens=False) + "\n"


def conditions(about: dict[str, Any], counted: str = "") -> str:
    """Return on what, with what and when the results were measured."""
    versions = (f"{HEADINGS[name]} {number}" for name, number in about["versions"].items())
    machine = f"{about['processor']}, {about['cores']} cores, kernel {about['kernel']}"
    return paragraph(
        "; ".join(filter(None, [machine, ", ".join(versions), counted, about["date"]]))
    )


def throughput(function: str) -> Callable[[Results], str]:
    """Return what makes the tables of a function, one for each number of threads."""

    def make(results: Results) -> str:
        rows = [row for row in results["rows"] if row["function"] == function]
        least = min(rows, key=lambda row: row["first"])
        ahead = sum(row["first"] >= 1 for row in rows)
        parts = [
            conditions(results["about"], f"middle half of {results['about']['repeats']} turns"),
            paragraph(
                f"First in {ahead} of {len(rows)} cells. The closest is {least['dtype']} "
                f"{shape(least)}, {least['result']}, on {threads(least)}: "
                f"{HEADINGS[least['best_peer']]} takes {least['first']:.2f} times as long."
            ),
        ]
        for count in dict.fromkeys(row["threads"] for row in rows):
            group = [row for row in rows if row["threads"] == count]
            parts += [f"{threads(group[0])}:\n", _throughput(group)]
        return "\n".join(parts)

    return make


def _throughput(rows: list[dict[str, Any]]) -> str:
    seen = dict.fromkeys(name for row in rows for name in row["seconds"])
    levels = [name for name in seen if name not in {"thermoscope", "copy", *HEADINGS}]
    names = ["thermoscope", *levels, *(name for name in HEADINGS if name in seen), "copy"]
    headings = (HEADINGS.get(name, name) for name in names)
    body = [
        [
            *(row["dtype"], shape(row), row["result"]),
            *(speed(row, row["seconds"].get(name)) for name in names),
            *(f"{row[ratio]:.2f}" for ratio in ("first", "of_copy")),
        ]
        for row in rows
    ]
    return markdown(
        ["", "shape", "result", *headings, "ours to the best peer", "to the copy"], body
    )


def shape(row: dict[str, Any]) -> str:
    """Return the shape as NumPy writes it."""
    return str(tuple(row["shape"]))


def threads(row: dict[str, Any]) -> str:
    """Return the number of threads with its noun."""
    return "1 thread" if row["threads"] == 1 else f"{row['threads']} threads"


def speed(row: dict[str, Any], seconds: float | None) -> str:
    """Return 10^9 entries per second, or microseconds per call for a small array."""
    if seconds is None:
        return "-"
    size = math.prod(row["shape"])
    return f"{1e6 * seconds:.2f} us" if size <= SMALL else f"{size / seconds / 1e9:.3f}"


def accuracy(results: Results) -> str:
    """Return the worst errors of each kernel."""
    header = ["kernel", "function", "", "worst, ulp", "where", "below normal numbers, spacings"]
    rows = (
        [
            *(row["kernel"], f"`{row['function']}`", row["dtype"]),
            *(f"{row['ulp']:.2f}", row["where"], f"{row['spacings']:.2f}"),
        ]
        for row in results["kernels"]
    )
    return conditions(results["about"]) + "\n" + markdown(header, rows)


def peers(results: Results) -> str:
    """Return the worst errors of the peers."""
    names = list(results["peers"][0]["ulp"])
    header = ["function", "", "T", *(HEADINGS[name] for name in names)]
    rows = (
        [
            *(f"`{row['function']}`", row["dtype"], row["temperature"]),
            *(f"{ulp:,.2f}" if ulp < LARGE else f"{ulp:.1e}" for ulp in row["ulp"].values()),
        ]
        for row in results["peers"]
    )
    return markdown(header, rows)


def cold(results: Results) -> str:
    """Return what a new process pays."""
    calls = ("first_call", "first_calls", "later_calls")
    libraries = markdown(
        ["", "import, ms", "first softmax of 1000 x 1000 float32, ms"],
        (
            (
                HEADINGS.get(name := row["library"], name),
                *(f"{1e3 * row[what]:.1f}" for what in ("import", "first")),
            )
            for row in results["libraries"]
        ),
    )
    ten = markdown(
        ["ten numbers", "first call, us", "the 100 calls after it, us per call", "later, us"],
        ((row["result"], *(f"{1e6 * row[when]:.2f}" for when in calls)) for row in results["ten"]),
    )
    processes = markdown(
        ["process, from its start to its end", "s"],
        ((f"`{row['process']}`", f"{row['seconds']:.2f}") for row in results["processes"]),
    )
    ratio = results["ratios"][0]["ratio"]
    said = f"`import thermoscope` takes {ratio:.2f} times as long as `import numpy`."
    counted = f"medians of {results['about']['repeats']} processes"
    head = conditions(results["about"], counted)
    return "\n".join([head, libraries, paragraph(said), ten, processes])


# Of each table, the file of results and what makes it.
TABLES: dict[str, tuple[str, Callable[[Results], str]]] = {
    "accuracy": ("accuracy", accuracy),
    "peers": ("accuracy", peers),
    "softmax": ("softmax", throughput("softmax")),
    "log_softmax": ("softmax", throughput("log_softmax")),
    "cold": ("cold", cold),
}


def fill(page: str, folder: Path) -> str:
    """Return the page with all tables as the results in `folder` have them.

    Raises
    ------
    ValueError
        If the page has not exactly one place for each table.
    """
    found = [name for _, name, _ in MARKED.findall(page)]
    if sorted(found) != sorted(TABLES):
        raise ValueError(
            f"the page must have a place for each of {', '.join(sorted(TABLES))}, "
            f"<!-- table: NAME --> to <!-- end -->; it has {', '.join(sorted(found)) or 'none'}"
        )

    def table(match: re.Match[str]) -> str:
        file, make = TABLES[match[2]]
        results = json.loads((folder / f"{file}.json").read_text(encoding="utf-8"))
        return f"{match[1]}\n{make(results)}\n{match[3]}"

    return MARKED.sub(table, page)


def main(arguments: list[str] | None = None) -> None:
    """Write the tables, or compare."""
    parser = argparse.ArgumentParser(prog="python -m tools.tables", description=__doc__)
    parser.add_argument("--check", action="store_true", help="fail where the page differs")
    options = parser.parse_args(arguments)
    page = PAGE.read_text(encoding="utf-8")
    filled = fill(page, RESULTS)
    if not options.check:
        PAGE.write_text(filled, encoding="utf-8")
    elif filled != page:
        sys.exit(f"{PAGE.name} differs from the results: run `python -m tools.tables`")


if __name__ == "__main__":
    main()
