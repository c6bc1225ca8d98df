"""Arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from thermoscope.explorer.front_end import Spoken
from thermoscope.truncation import engines

__all__ = [
    "CHAIN",
    "LOGITS_FILE",
    "PENALTIES",
    "RULES",
    "AppliedTemperature",
    "AsCsv",
    "AsJson",
    "Columns",
    "FileOrPrompt",
    "LabelsFile",
    "Language",
    "LogitsArgument",
    "NumbersOrFile",
    "Plot",
    "Probabilities",
    "Row",
    "Scheduler",
    "StateLink",
    "TargetColumn",
    "TargetsArgument",
    "Temperature",
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


LOGITS_FILE = (
    "Logits: an array (.npy, .npz, .safetensors, .zarr), a table (.csv, .tsv, .parquet, "
    ".feather, .arrow), .json or .jsonl (lists, {label: logit}, or what a server of a language "
    "model answers, with logprobs), or a log of Inspect (.eval), promptfoo or lm-eval. Without "
    "it, random ones."
)
# A prompt is no path: that would lose a slash of two.
FileOrPrompt = Annotated[
    str | None,
    typer.Argument(
        metavar="FILE | PROMPT",
        help=f"{LOGITS_FILE} With --server, the prompt; with --sample novel, the beginning.",
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


Language = Annotated[
    Spoken,
    typer.Option(
        help="What the page speaks: English, German, Spanish, Chinese or Arabic. With auto it has "
        "the texts of all, 100 KB more, and speaks the one that ?lang= in its address or the "
        "browser asks for.",
    ),
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


AsCsv = Annotated[bool, typer.Option("--csv", help="Print CSV also on a terminal.")]


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


def _penalty(metavar: str, words: str) -> Any:
    return typer.Option(
        metavar=metavar, help=words, rich_help_panel="Penalties", show_default=False
    )


def _list_engines(name: str | None) -> str | None:
    """Print the engines and end the command where they are asked for."""
    if name == "list":
        typer.echo(str(engines()))
        raise typer.Exit
    return name


RULES = {
    "top_k": Annotated[int | None, _truncation("K", "Keep the K likeliest.")],
    "top_p": Annotated[float | None, _truncation("P", "Keep the likeliest that hold P together.")],
    "min_p": Annotated[
        float | None, _truncation("P", "Keep at least P times the top probability.")
    ],
    "typical_p": Annotated[
        float | None, _truncation("P", "Keep those nearest the entropy that hold P.")
    ],
    "epsilon": Annotated[float | None, _truncation("P", "Keep at least P.")],
    "eta": Annotated[
        float | None, _truncation("E", "Keep at least E, or less where all is unlikely.")
    ],
    "top_n_sigma": Annotated[
        float | None, _truncation("N", "Keep within N sigma of the top logit.")
    ],
    "engine": Annotated[
        str | None,
        _truncation(
            "NAME",
            'Truncate in the order and by the edge rules of an engine; "list" shows them.',
            is_eager=True,
            callback=_list_engines,
        ),
    ],
    "order": Annotated[
        str | None,
        _truncation(
            "STEPS",
            "Truncate in this order: the steps that are given, and temperature, with commas "
            "between them. Those before temperature see T = 1.",
        ),
    ],
    "ties": Annotated[
        str | None,
        _truncation(
            "all|k",
            "Of those that tie for the last place of --top-k, keep all, or as many as make K.",
        ),
    ],
}
"""The steps of the page's sampler, which `explore` takes too."""

CHAIN = {
    "min_keep": Annotated[int | None, _truncation("N", "A rule leaves at least N.")],
    "xtc_probability": Annotated[
        float | None,
        _truncation("P", "With this chance drop all above --xtc-threshold but the least likely."),
    ],
    "xtc_threshold": Annotated[float | None, _truncation("P", "A probability, 0.1 by default.")],
    "dynatemp_range": Annotated[
        float | None,
        _truncation("R", "Take a temperature in [T - R, T + R], by the entropy."),
    ],
    "dynatemp_exponent": Annotated[
        float | None, _truncation("E", "The entropy's power; 1 by default.")
    ],
}
PENALTIES = {
    "history": Annotated[
        str | None,
        _penalty("IDS", "The text so far, prompt and output: ids with commas, or a file of ids."),
    ],
    "prompt_tokens": Annotated[
        int | None,
        _penalty("N", "How many of them are the prompt, which not all engines count."),
    ],
    "logit_bias": Annotated[
        list[str] | None,
        _penalty(
            "ID=B", "Add B to the logit of an id, -inf for a ban; may be given several times."
        ),
    ],
    "repetition_penalty": Annotated[
        float | None,
        _penalty("F", "Divide the positive logits of the text by F, multiply the others by it."),
    ],
    "presence_penalty": Annotated[
        float | None, _penalty("B", "Subtract B from the logits of the text.")
    ],
    "frequency_penalty": Annotated[
        float | None, _penalty("B", "Subtract B as often as the text has a token.")
    ],
    "penalty_last_n": Annotated[
        int | None, _penalty("N", "They count the last N tokens; -1 for all.")
    ],
    "dry_multiplier": Annotated[
        float | None,
        _penalty("M", "Subtract M * --dry-base ** (length of a repeat - --dry-allowed-length)."),
    ],
    "dry_base": Annotated[float | None, _penalty("B", "1.75 by default.")],
    "dry_allowed_length": Annotated[
        int | None, _penalty("N", "The shortest repeat that counts; 2 by default.")
    ],
    "dry_last_n": Annotated[int | None, _penalty("N", "DRY sees the last N tokens; -1 for all.")],
    "dry_breakers": Annotated[str | None, _penalty("IDS", "Ids that a repeat does not go across.")],
}
