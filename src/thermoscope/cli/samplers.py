"""``thermoscope samplers``: presets of samplers side by side over rows, recorded or asked for."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import tomllib
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, NamedTuple

import typer

from thermoscope import present
from thermoscope.arguments import ArgumentError
from thermoscope.cli.assertions import GRAMMAR, Assertion, assertion_of
from thermoscope.cli.input import Reading, RowsWithTargets
from thermoscope.cli.model_server import Model, Timeout
from thermoscope.cli.options import (
    AppliedTemperature,
    AsJson,
    Columns,
    Plot,
    Probabilities,
    TargetColumn,
    Vocabulary,
)
from thermoscope.cli.output import (
    check_figure,
    ending,
    print_json,
    progress,
    without_warning,
    write_figure,
)
from thermoscope.cli.prompts import (
    Answers,
    Asking,
    Chat,
    PromptsFile,
    SaveRows,
    Score,
    ServerOfPrompts,
    Tokens,
    Top,
    answers,
)
from thermoscope.data.errors import FileError, naming
from thermoscope.present import printable
from thermoscope.reported import Interval
from thermoscope.samplers import compare_samplers, sampler_temperature
from thermoscope.samplers.compare import LIMITS, differing
from thermoscope.samplers.presets import presets_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from thermoscope.samplers import OverRows, SamplerComparison, SamplerTemperature
    from thermoscope.samplers.compare import Value
    from thermoscope.samplers.presets import Given

__all__ = ["samplers"]


def samplers(
    prompts: PromptsFile = None,
    *,
    logits: Annotated[
        Path | None,
        typer.Option(
            "--logits",
            metavar="FILE",
            help="Rows of logits, in a file of any size: .npy, .npz, .safetensors, .zarr, .csv, "
            ".tsv, .parquet, .feather, .arrow, .json or .jsonl; or what a server of a language "
            "model answered, with logprobs, which gives ranges.",
            show_default=False,
        ),
    ] = None,
    server: ServerOfPrompts = None,
    model: Model = None,
    chat: Chat = False,
    tokens: Tokens = None,
    score: Score = False,
    top: Top = None,
    save: SaveRows = None,
    timeout: Timeout = 30.0,
    preset: Annotated[
        list[str] | None,
        typer.Option(
            "--preset",
            metavar="NAME=SETTINGS",
            help="A sampler: KEYWORD=VALUE with commas, of the names of the options of softmax "
            "(T or temperature, top_k, top_p, engine, order=top_p+temperature, ...); or first the "
            "name of an engine, for its defaults. An engine alone is its own NAME. May be given "
            "several times.",
            show_default=False,
        ),
    ] = None,
    presets: Annotated[
        Path | None,
        typer.Option(
            "--presets",
            metavar="FILE",
            help="Presets of a .toml or .json file: a table of settings under each name, or their "
            "text as in --preset.",
            show_default=False,
        ),
    ] = None,
    draws: Annotated[
        int,
        typer.Option(metavar="N", min=1, help="Expect the number of different tokens in N draws."),
    ] = 100,
    targets: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The token that followed in each row, for the NLL: a number counted from 0, in "
            "the same formats, or .txt with one a line. A server's answer has its own.",
            show_default=False,
        ),
    ] = None,
    target_column: TargetColumn = None,
    target_entropy: Annotated[
        float | None,
        typer.Option(
            metavar="H",
            help="Find for each preset the T at which its mean entropy is H nats.",
            show_default=False,
        ),
    ] = None,
    match: Annotated[
        list[str] | None,
        typer.Option(
            metavar="A=B",
            help="Find the T at which preset A has the mean entropy of preset B. May be given "
            "several times.",
            show_default=False,
        ),
    ] = None,
    minimise_nll: Annotated[
        bool,
        typer.Option(
            "--minimise-nll",
            help="Find for each preset the T at which the targets have the lowest NLL.",
        ),
    ] = False,
    asserted: Annotated[
        list[str] | None,
        typer.Option(
            "--assert",
            metavar="TEXT",
            help=f"End with exit code 1, and say by how much, unless this holds: {GRAMMAR}. Of a "
            "range, all of it must hold. May be given several times.",
            show_default=False,
        ),
    ] = None,
    columns: Columns = None,
    applied_temperature: AppliedTemperature = None,
    vocabulary: Vocabulary = None,
    probabilities: Probabilities = False,
    plot: Plot = None,
    as_csv: Annotated[
        bool, typer.Option("--csv", help="Print CSV instead, a value a line.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Compare presets of samplers over rows, exactly: nothing is drawn.

    The rows are recorded, --logits FILE, or asked of a model's server: the
    distribution after each prompt, or with --score those of every token of
    each text. --save keeps them, so that they need not be asked for again.
    Ctrl-C ends the asking and compares what has been answered.

    It prints for each preset how many tokens it keeps and with which mass,
    the effective choices (perplexity), entropy, the chance that two runs
    agree, the expected number of different tokens in N draws and, where the
    rows have targets, their NLL. For each pair it prints the total variation:
    how many of 100 draws would differ. Each row is judged for itself: whether
    a text loops, or how good it is, can't be known from that.

    For example:

    $ thermoscope samplers --logits many.npy --preset vllm --preset llama.cpp
    $ thermoscope samplers --logits many.npy --preset a=T=0.7,top_p=0.9
    $ thermoscope samplers --logits many.npy --presets p.toml --plot out.svg
    $ thermoscope samplers --logits response.json --preset a=top_k=3,T=0.5

    A temperature of vLLM that is as uncertain as llama.cpp with its defaults,
    and a job that fails where two presets are too far apart:

    $ thermoscope samplers --logits many.npy --presets p.toml --match a=b
    $ thermoscope samplers --logits many.npy --presets p.toml --assert 'tv<0.9'

    The rows of a model, and those of texts as they were written, kept for later:

    $ thermoscope samplers prompts.txt --server localhost:8080 --preset vllm
    $ thermoscope samplers texts.txt --server localhost:8080 --score --save rows.json --preset vllm

    Exit codes are 0, 1 where an assertion fails, 2 for an error, also of a
    server that ends the asking, and 130 where Ctrl-C ends it.
    """
    check_figure(plot)
    if as_csv and as_json:
        raise ValueError("--csv must come without --json")
    given = _given(preset or [], presets)
    presets_of(given)
    assertions = [assertion_of(text) for text in asserted or []]
    for assertion in assertions:
        assertion.check(tuple(given))
    searches = list(_searches(given, target_entropy, match or [], minimise_nll=minimise_nll))
    reading = Reading(columns, applied_temperature, probabilities, None, target_column, vocabulary)
    asking = Asking(server, prompts, model, chat, tokens, score, top, save, timeout, vocabulary)
    rows, asked = _opened(asking, logits, targets, reading, minimise_nll=minimise_nll)
    data: dict[str, Any] = {"logits": rows.data, "targets": rows.targets}
    with without_warning(), rows.blamed():
        with progress("samplers", rows.count) as tell:
            result = compare_samplers(
                presets=given, **data, draws=draws, vocabulary=vocabulary, progress=tell
            )
        found = [_searched(search, data, rows.count, vocabulary) for search in searches]
    failures = [assertion.failure(result) for assertion in assertions]
    if plot is not None:
        from thermoscope.figures import plot as draw

        write_figure(plot, draw(result))
    if as_json:
        print_json(_document(result, found, assertions, failures, asked))
    elif as_csv:
        typer.echo(_csv(result, found), nl=False)
    else:
        _print_table(result, found, rows.data.source, asked)
    for failure in failures:
        if failure is not None:
            typer.echo(f"thermoscope: {printable(failure)}", err=True)
    # That the asking came to no end says more than an assertion over a part of the prompts.
    code = asked.code if asked is not None and asked.code else int(any(failures))
    if code:
        raise typer.Exit(code)


def _opened(
    asking: Asking,
    logits: Path | None,
    targets: Path | None,
    reading: Reading,
    *,
    minimise_nll: bool,
) -> tuple[RowsWithTargets, Answers | None]:
    """Return rows that a server is asked for, and what came of that, or those of a file."""
    if asking.url is not None:
        for name, path in {"--logits": logits, "--targets": targets}.items():
            if path is not None:
                raise ValueError(f"--server must come without {name}, got {path}")
        reading._replace(vocabulary=None).check_unused(None)
        if minimise_nll and not asking.score:
            raise ValueError("--minimise-nll must come with --score: a prompt alone has no target")
        asked = answers(asking)
        return asked.rows, asked
    asking.check_unused()
    if logits is None:
        raise ValueError("--logits FILE must be given, or PROMPTS with --server URL")
    rows = RowsWithTargets.open(logits, targets, reading=reading)
    if minimise_nll and rows.targets is None and not (rows.data.drawn >= 0).any():
        raise ValueError("--minimise-nll must come with --targets or --target-column")
    return rows, None


# Columns of a table that goes into a pipe, at most.
WIDE: Final = 1000


class _Search(NamedTuple):
    """A temperature that is asked for: of which preset, in which words, and how it is found."""

    name: str
    words: str
    find: Callable[..., SamplerTemperature]


class _Found(NamedTuple):
    """What a search found, or why there is no such temperature."""

    name: str
    words: str
    result: SamplerTemperature | None
    reason: str

    def __str__(self) -> str:
        if self.result is None:
            return f"{self.name}: no T gives {self.words}: {self.reason}"
        found = self.result
        verb = "gives" if found.is_met else "is nearest to"
        details = []
        if not isinstance(found.entropy, Interval):
            details.append(f"entropy {_number(found.entropy)} nats")
        if found.nll is not None:
            details.append(f"NLL {_number(found.nll)}")
            if found.impossible:
                details[-1] += f" without {found.impossible:,} targets that it can't draw"
        t = _temperature(found.temperature)
        more = f" ({', '.join(details)})" if details else ""
        reason = f"; {self.reason}" if self.reason else ""
        return f"{self.name}: T = {t} {verb} {self.words}{more}{reason}"


def _searched(search: _Search, data: dict[str, Any], rows: int, vocabulary: int | None) -> _Found:
    with progress(f"T of {search.name}", rows) as tell:
        try:
            found = search.find(**data, vocabulary=vocabulary, progress=tell)
        except ArgumentError as error:
            # The rows are checked already: no temperature gives what is wanted.
            return _Found(search.name, search.words, None, str(error))
    return _Found(search.name, search.words, found, found.reason)


def _given(texts: list[str], file: Path | None) -> dict[str, Given]:
    """Return the settings of all presets by name, as they were typed or stand in a file."""
    given: dict[str, Given] = {}
    if file is not None:
        given |= _read(file)
    for text in texts:
        name, equals, settings = text.partition("=")
        name = name.strip()
        if "," in name or not name:
            raise ValueError(f"--preset must be NAME=SETTINGS, or an engine, got {text!r}")
        if not equals:
            settings = name  # an engine, with its defaults
        if name in given:
            raise ValueError(f"--preset {name} must be given once: a name is of one preset")
        given[name] = settings
    if not given:
        raise ValueError(
            "--preset must be given, once or more: --preset a=temperature=0.7,top_p=0.9"
        )
    return given


def _read(file: Path) -> dict[str, Given]:
    if ending(file) not in {".toml", ".json"}:
        raise FileError(f"{file}: presets must be in a .toml or .json file")
    with naming(file):
        text = file.read_text(encoding="utf-8")
        found = tomllib.loads(text) if ending(file) == ".toml" else json.loads(text)
        if not isinstance(found, dict) or not all(
            isinstance(settings, (dict, str)) for settings in found.values()
        ):
            raise ValueError("must be a table of settings, or their text, under the name of each")
    return found


def _searches(
    given: dict[str, Given], entropy: float | None, matches: list[str], *, minimise_nll: bool
) -> Iterator[_Search]:
    """Yield the temperatures that are asked for."""
    if entropy is not None:
        for name, settings in given.items():
            words = f"a mean entropy of {present.plain(entropy, 6)} nats"
            find = partial(sampler_temperature, preset=settings, entropy=entropy)
            yield _Search(name, words, find)
    for text in matches:
        pair = _pair(text, given)
        if pair is None:
            known = ", ".join(given)
            raise ValueError(f"--match must be A=B, of the presets {known}, got {text!r}")
        one, other = pair
        like = partial(sampler_temperature, preset=given[one], like=given[other])
        yield _Search(one, f"the mean entropy of {other}", like)
    if minimise_nll:
        for name, settings in given.items():
            find = partial(sampler_temperature, preset=settings)
            yield _Search(name, "the lowest NLL", find)


def _pair(text: str, given: dict[str, Given]) -> tuple[str, str] | None:
    one, _, other = text.partition("=")
    pair = one.strip(), other.strip()
    return pair if pair[0] in given and pair[1] in given and pair[0] != pair[1] else None


def _known(value: Value | int | None) -> Value | int | list[float] | None:
    """Return a range as a list, as JSON has it."""
    return list(value) if isinstance(value, Interval) else value


# The measures of a preset, with the statistics that are told of each.
TOLD: Final = {
    "kept": ("median", "p95"),
    "mass": ("median", "p95"),
    "choices": ("median", "p95"),
    "entropy": ("mean",),
    "agreement": ("mean",),
    "distinct": ("mean",),
    "nll": ("mean",),
}


def _document(
    result: SamplerComparison,
    found: list[_Found],
    assertions: list[Assertion],
    failures: list[str | None],
    asked: Answers | None,
) -> dict[str, Any]:
    presets: dict[str, dict[str, Any]] = {}
    for name, measures in result.presets.items():
        known = presets[name] = {"settings": measures.settings}
        for measure, statistics in TOLD.items():
            over: OverRows | None = getattr(measures, measure)
            if over is not None:
                known[measure] = {each: _known(getattr(over, each)) for each in statistics}
        known["undecided"] = measures.undecided
        if measures.nll is not None:
            known["targets"] = len(measures.nll)
            known["impossible"] = _known(measures.impossible)
    prompts = {} if asked is None else {"prompts": asked.prompts, "stopped": asked.stopped or None}
    return {
        "rows": result.n,
        "skipped": result.skipped,
        **prompts,
        "draws": result.draws,
        "presets": presets,
        "total_variation": [
            {
                "presets": list(pair),
                **{each: _known(getattr(over, each)) for each in ("mean", "p95", "max")},
                "row_of_max": over.row_of_max,
            }
            for pair, over in result.total_variation.items()
        ],
        "temperatures": [_temperature_document(each) for each in found],
        "assertions": [
            {"assertion": assertion.text, "holds": failure is None, "failure": failure}
            for assertion, failure in zip(assertions, failures, strict=True)
        ],
        "unknown": LIMITS,
    }


def _temperature_document(found: _Found) -> dict[str, Any]:
    known: dict[str, Any] = {"preset": found.name, "for": found.words, "temperature": None}
    if found.result is not None:
        result = asdict(found.result)
        del result["settings"]
        known |= {name: _known(value) for name, value in result.items()}
    return known | {"reason": found.reason}


def _csv(result: SamplerComparison, found: list[_Found]) -> str:
    """Return each value on a line, with its low and high end."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerow(
        ["preset", "other", "measure", "statistic", "low", "high"]
    )
    # A name in quotes may hold the end of a line, and is never a number.
    writer = csv.writer(buffer, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)

    def write(preset: str, other: str, measure: str, statistic: str, value: Value | int) -> None:
        ends = value if isinstance(value, Interval) else (value, value)
        writer.writerow([preset, other, measure, statistic, *ends])

    for name, measures in result.presets.items():
        for measure, statistics in TOLD.items():
            over: OverRows | None = getattr(measures, measure)
            for each in statistics if over is not None else ():
                write(name, "", measure, each, getattr(over, each))
        if measures.nll is not None:
            write(name, "", "impossible", "count", measures.impossible)
    for (one, other), variation in result.total_variation.items():
        for each in ("mean", "p95", "max"):
            write(one, other, "tv", each, getattr(variation, each))
    for each_found in found:
        if each_found.result is not None:
            write(
                each_found.name, "", "temperature", each_found.words, each_found.result.temperature
            )
    return buffer.getvalue()


def _number(value: Value | int) -> str:
    """Return a number, or a range, for a table."""
    low, high = value if isinstance(value, Interval) else (value, value)
    if low == high:
        return f"{int(low):,}" if float(low).is_integer() else present.brief(low)
    if float(low).is_integer() and (float(high).is_integer() or high == math.inf):
        return f"≥ {int(low):,}" if high == math.inf else f"{int(low):,} … {int(high):,}"
    return present.interval(low, high)


def _percent(value: Value) -> str:
    """Return a probability for a line of the table that is in percent."""
    if not isinstance(value, Interval):
        return present.percent(value).removesuffix(" %")
    return present.interval(100 * value.low, 100 * value.high)


def _print_table(
    result: SamplerComparison, found: list[_Found], source: str, asked: Answers | None
) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("", no_wrap=True)
    for name in result.presets:
        table.add_column(Text(printable(name)), justify="right", overflow="fold")
    lines: list[tuple[str, str, str, Callable[[Any], str]]] = [
        ("kept tokens, median", "kept", "median", _number),
        ("  95 % of rows up to", "kept", "p95", _number),
        ("kept mass in %, median", "mass", "median", _percent),
        ("  95 % of rows up to", "mass", "p95", _percent),
        ("effective choices, median", "choices", "median", _number),
        ("  95 % of rows up to", "choices", "p95", _number),
        ("entropy, mean in nats", "entropy", "mean", _number),
        ("two runs agree in %, mean", "agreement", "mean", _percent),
        (f"different in {result.draws:,} draws, mean", "distinct", "mean", _number),
        ("NLL of targets, mean in nats", "nll", "mean", _number),
    ]
    for words, measure, statistic, write in lines:
        overs = [getattr(each, measure) for each in result.presets.values()]
        if None not in overs:
            table.add_row(words, *(write(getattr(over, statistic)) for over in overs))
    counts = [(each.impossible, each.nll) for each in result.presets.values()]
    if any(impossible != 0 for impossible, nll in counts if nll is not None):
        texts = (f"{_number(count)} of {len(nll):,}" for count, nll in counts if nll is not None)
        table.add_row("targets it could not draw", *texts)
    # A pipe has no width.
    console = Console(highlight=False, width=None if os.isatty(1) else WIDE)
    console.print(table)
    console.print()
    for line in _lines(result, found, source, asked):
        console.print(Text(line), soft_wrap=True)


def _lines(
    result: SamplerComparison, found: list[_Found], source: str, asked: Answers | None
) -> Iterator[str]:
    """Yield what stands below the table."""
    for (one, other), over in result.total_variation.items():
        row = over.row_of_max
        where = "" if asked is None else f", of prompt {asked.prompt_of(row):,}"
        yield (
            f"{printable(one)} and {printable(other)}: {differing(over.mean)} (total variation "
            f"{_number(over.mean)}; 95 % of rows up to {_number(over.p95)}; most "
            f"{_number(over.max)}, in row {row:,}{where})"
        )
    for each in found:
        yield printable(str(each))
    for name, measures in result.presets.items():
        if measures.undecided:
            yield (
                f"{printable(name)}: in {measures.undecided:,} of {result.n:,} rows it depends on "
                "tokens that the server did not report which ones are kept: ask it for more, or "
                "add a top_k of at most as many"
            )
    rows = "1 row" if result.n == 1 else f"{result.n:,} rows"
    left_out = f", {result.skipped:,} that can't be read left out" if result.skipped else ""
    yield f"{rows} of {printable(source)}{left_out}. {LIMITS}"


def _temperature(value: Value) -> str:
    if isinstance(value, Interval):
        return present.interval(value.low, value.high, significant=4)
    return present.plain(value, 6)
