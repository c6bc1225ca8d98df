"""Arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from thermoscope.truncation import engines

__all__ = [
    "AppliedTemperature",
    "AsJson",
    "Columns",
    "EngineName",
    "Epsilon",
    "Eta",
    "LabelsFile",
    "LogitsArgument",
    "MinP",
    "NumbersOrFile",
    "OptionalFile",
    "Order",
    "Plot",
    "Probabilities",
    "Row",
    "Scheduler",
    "StateLink",
    "TargetColumn",
    "TargetsArgument",
    "Temperature",
    "TieRule",
    "TopK",
    "TopNSigma",
    "TopP",
    "TypicalP",
    "Vocabulary",
    "Weights",
]

NumbersOrFile = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="NUMBERS | FILE | -",
        help='Logits: numbers ("inf" too), or one file as in explore; without them, or '
        'with "-", numbers or JSON from standard input.',
        show_default=False,
    ),
]


OptionalFile = Annotated[
    Path | None,
    typer.Argument(
        metavar="FILE",
        help="Logits: an array (.npy, .npz, .safetensors, .zarr), a table (.csv, .tsv, "
        ".parquet, .feather, .arrow), .json or .jsonl (lists, {label: logit}, or what a server "
        "of a language model answers, with logprobs), or a log of Inspect (.eval), promptfoo or "
        "lm-eval. Without it, random ones.",
        show_default=False,
    ),
]


LogitsArgument = Annotated[
    Path,
    typer.Argument(
        metavar="LOGITS",
        help="Rows of logits, in a file of any size: .npy, .npz, .safetensors, .zarr, .csv, .tsv, "
        ".parquet, .feather, .arrow, .json or .jsonl.",
    ),
]


TargetsArgument = Annotated[
    Path | None,
    typer.Argument(
        metavar="TARGETS",
        help="The true class of each row: a number counted from 0, or a label, or a row of "
        "probabilities that sum to 1. In the same formats, or .txt with one a line. Without it, "
        "--target-column names a column of LOGITS.",
        show_default=False,
    ),
]


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


StateLink = Annotated[
    str | None,
    typer.Option(
        "--state",
        metavar="LINK",
        help="Show what a link describes, in place of a file: the address of a page with what is "
        'after "#" in it, or that alone ("n=5&seed=7&T=0.5").',
        show_default=False,
    ),
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


Vocabulary = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        min=1,
        help="How many tokens the model has whose server answered: it narrows the ranges. Without "
        "it, those that are not reported may be any number.",
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


Weights = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="A weight >= 0 for each row: one of 2 counts as two rows, one of 0 not at all.",
        show_default=False,
    ),
]


AsJson = Annotated[
    bool,
    typer.Option("--json", help='Print JSON instead, with "inf", "-inf" and "nan" as strings.'),
]


Plot = Annotated[
    Path | None,
    typer.Option(
        "--plot",
        metavar="OUT",
        help="Write a figure too: .svg, .png or .pdf.",
        show_default=False,
    ),
]


def _truncation(metavar: str, words: str, **known: Any) -> Any:
    return typer.Option(
        metavar=metavar, help=words, rich_help_panel="Truncation", show_default=False, **known
    )


def _list_engines(name: str | None) -> str | None:
    """Print the engines and end the command where they are asked for."""
    if name == "list":
        typer.echo(str(engines()))
        raise typer.Exit
    return name


TopK = Annotated[int | None, _truncation("K", "Keep the K likeliest.")]
TopP = Annotated[float | None, _truncation("P", "Keep the likeliest that hold P together.")]
MinP = Annotated[float | None, _truncation("P", "Keep at least P times the top probability.")]
TypicalP = Annotated[float | None, _truncation("P", "Keep those nearest the entropy that hold P.")]
Epsilon = Annotated[float | None, _truncation("P", "Keep at least P.")]
Eta = Annotated[float | None, _truncation("E", "Keep at least E, or less where all is unlikely.")]
TopNSigma = Annotated[float | None, _truncation("N", "Keep within N sigma of the top logit.")]
EngineName = Annotated[
    str | None,
    _truncation(
        "NAME",
        'Truncate in the order and by the edge rules of an engine; "list" shows them.',
        is_eager=True,
        callback=_list_engines,
    ),
]
TieRule = Annotated[
    str | None,
    _truncation(
        "all|k",
        "Of those that tie for the last place of --top-k, keep all, or as many as make K.",
    ),
]
Order = Annotated[
    str | None,
    _truncation(
        "STEPS",
        "Truncate in this order: the steps that are given, and temperature, with commas between "
        "them. Those before temperature see T = 1.",
    ),
]
