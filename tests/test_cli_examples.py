"""The examples in the help of commands that take numbers run as they stand there."""

from __future__ import annotations

import inspect
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.command_line import LOGITS, run, write_answer
from thermoscope import cli
from thermoscope.cli.sample import sample
from thermoscope.cli.samplers import samplers
from thermoscope.cli.softmax import compute
from thermoscope.cli.sweep import sweep
from thermoscope.cli.temperature import temperature
from thermoscope.cli.tokens import tokens
from thermoscope.data.writing import write_rows

COMMANDS = {
    "softmax": compute,
    "temperature": temperature,
    "sample": sample,
    "tokens": tokens,
    "sweep": sweep,
    "samplers": samplers,
}


def examples(command: str) -> list[str]:
    """Return the examples, but for those that need a cluster or a model's server."""
    lines = map(str.strip, (inspect.getdoc(COMMANDS[command]) or "").splitlines())
    found = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
    return [line for line in found if "--scheduler" not in line and "--server" not in line]


@pytest.mark.parametrize("line", [line for command in COMMANDS for line in examples(command)])
def test_an_example_of_the_help_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], line: str
) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("logits.npy", LOGITS.ravel()[:100])
    Path("tokens.json").write_text(str([f"t{at}" for at in range(100)]).replace("'", '"'))
    rows = LOGITS.reshape(12, 100)
    np.save("batch.npy", rows)
    np.save("targets.npy", np.arange(12))
    np.save("many.npy", rows)
    Path("p.toml").write_text('b = "llama.cpp"\n[a]\ntop_p = 0.9\n', encoding="utf-8")
    write_rows("many.parquet", [rows], shape=rows.shape, dtype=np.float32)
    write_answer(tmp_path / "response.json")
    before = set(tmp_path.iterdir())
    if set(line) & set("|<>"):  # a shell is needed
        command = line.replace("thermoscope", f'"{sys.executable}" -m thermoscope')
        done = subprocess.run(
            ["sh", "-c", command], capture_output=True, text=True, timeout=60, check=False
        )
        code, out, err = done.returncode, done.stdout, done.stderr
    else:
        code = cli.main(shlex.split(line)[1:])
        out, err = capfd.readouterr()
    assert code == 0, err
    assert out or set(tmp_path.iterdir()) > before


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_teaches_with_them(command: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert len(examples(command)) >= 4
    assert cli.main([command, "--help"]) == 0
    assert capfd.readouterr().out.count(f"$ thermoscope {command} ") >= 3


def test_the_commands_stand_in_the_order_of_a_lesson(capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--help"]) == 0
    _, _, panel = capfd.readouterr().out.partition(" Commands ")
    names = [line.split()[1] for line in panel.splitlines() if line[:2] == "│ " and line[2] != " "]
    judges = ["fit", "reliability", "sweep"]
    assert names == [
        "explore",
        "export",
        "softmax",
        "temperature",
        "sample",
        "tokens",
        "samplers",
        *judges,
        "doctor",
    ]


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("thermoscope s", ["softmax", "sample", "samplers", "sweep"]),
        ("thermoscope t", ["temperature", "tokens"]),
        ("thermoscope sample --top", ["--top-k", "--top-p", "--top-n-sigma"]),
        ("thermoscope temperature --top", ["--top-probability"]),
    ],
)
def test_a_shell_completes_them(typed: str, completed: list[str]) -> None:
    words = {"COMP_WORDS": typed, "COMP_CWORD": str(len(typed.split()) - 1)}
    done = run(environment={"_THERMOSCOPE_COMPLETE": "complete_bash", **words})
    assert done.stdout.split() == completed
