"""The command line as a whole: errors in one line, exit codes, signals, pipes, help."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.command_line import RUN, run
from thermoscope import cli
from thermoscope.data.dataset import Dataset

if TYPE_CHECKING:
    from collections.abc import Iterator

LONG = 256 * "o"
ERRORS = [
    ("softmax 1 2 -T -1", "temperature must be >= 0, got -1.0"),
    ("softmax 1 2 -T nan", "temperature must be >= 0, got nan"),
    ("softmax 1 2 -T abc", "temperature must be a number >= 0, got 'abc'"),
    ("softmax 1 2 -T", "Option '-T' requires an argument."),
    ("softmax 1 x", "the arguments: item 1 must be a number, got 'x'"),
    ("softmax 1 - 2", "the arguments: item 1 must be a number, got '-'"),
    ("softmax none.npy", "none.npy: No such file or directory"),
    ("softmax", "standard input: there are no numbers in it"),
    ("softmax 1 2 --temprature 3", "no such option: --temprature"),
    ("softmax 1 2 -x", "no such option: -x"),
    ("softmax 1 2 --row 0", "--row must come with a file, got 0"),
    ("softmax rows.npy", "rows.npy: the array has 3 rows: choose one with --row, 0 to 2"),
    ("softmax rows.npy --row 3", "rows.npy: row must be 0 to 2, got 3"),
    ("softmax rows.npy --row x", "Invalid value for '--row': "),
    ("softmax 1 2 --labels three.txt", "three.txt: labels must be 2, one for each logit of "),
    ("softmax 1 2 -o out.txt", "out.txt: probabilities must go to a .arrow, .csv, "),
    ("softmax 1 2 -o none/out.npy", "none/out.npy: there is no folder "),
    ("softmax odd\x1b[31m.npy", "odd\\x1b[31m.npy: No such file or directory"),
    ("export", "Missing argument 'OUT.html'."),
    ("export rows.npy out.html", "rows.npy: the page must go to a .html file"),
    ("export out.html none.npy", "none.npy: No such file or directory"),
    ("export out.html rows.npy", "rows.npy: the array has 3 rows"),
    ("export out.html -T -1", "temperature must be >= 0, got -1.0"),
    ("export out.html --labels none.txt", "none.txt: No such file or directory"),
    ("export none/out.html", "none/out.html: there is no folder "),
    ("explore --row 0", "--row must come with a file, got 0"),
    ("explore --no-open --port 65536", "port must be 0 to 65535, got 65536"),
    ("explore --port x", "Invalid value for '--port': "),
    (
        "explore Hello",
        "Hello: No such file or directory; a prompt must come with --server or --sample novel",
    ),
    (
        f"explore {LONG}",
        f"{LONG}: File name too long; a prompt must come with --server or --sample",
    ),
    ("softmix", "No such command 'softmix'."),
    ("--temperature", "No such option: --temperature"),
]


@pytest.mark.parametrize(("line", "words"), ERRORS, ids=[line[:60] for line, _ in ERRORS])
def test_an_error_is_one_line_and_exit_code_2(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    line: str,
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("rows.npy", np.zeros((3, 2)))
    Path("three.txt").write_text("a\nb\nc\n", encoding="utf-8")
    before = sorted(tmp_path.iterdir())
    assert cli.main(line.split()) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith(f"thermoscope: error: {words}")
    assert err.count("\n") == 1
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    "program", [RUN, [str(Path(sys.executable).with_name("thermoscope"))]], ids=["-m", "script"]
)
def test_exit_codes_reach_the_shell(program: list[str]) -> None:
    good = subprocess.run([*program, "--version"], capture_output=True, check=False, timeout=60)
    assert (good.returncode, good.stderr) == (0, b"")
    kernels = rb"(  (no )?kernel \S+: .+\n)+"
    assert re.fullmatch(rb"thermoscope \d+\.\d+\.\d+\n" + kernels, good.stdout)
    bad = subprocess.run([*program, "nothing"], capture_output=True, check=False, timeout=60)
    assert (bad.returncode, bad.stdout) == (2, b"")
    assert bad.stderr == b"thermoscope: error: No such command 'nothing'.\n"


@pytest.mark.parametrize("count", [3, 100_000])
def test_a_closed_pipe_ends_the_output_quietly(tmp_path: Path, count: int) -> None:
    np.save(tmp_path / "logits.npy", np.zeros(count))
    ours, theirs = os.pipe()
    os.close(ours)
    with os.fdopen(theirs, "wb") as closed:
        done = subprocess.run(
            [*RUN, "softmax", str(tmp_path / "logits.npy")],
            stdout=closed,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
        )
    assert (done.returncode, done.stderr) == (1, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a full disk at hand")
@pytest.mark.parametrize("count", [3, 100_000])
def test_a_full_disk_is_one_line(tmp_path: Path, count: int) -> None:
    np.save(tmp_path / "logits.npy", np.zeros(count))
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*RUN, "softmax", str(tmp_path / "logits.npy")],
            stdout=full,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
        )
    assert done.stderr == b"thermoscope: error: No space left on device\n"
    assert done.returncode == 2


def test_closed_streams_give_one_line() -> None:
    command = f'"{sys.executable}" -m thermoscope softmax >&- <&-'
    done = subprocess.run(["sh", "-c", command], stderr=subprocess.PIPE, timeout=60, check=False)
    assert done.returncode == 2
    assert done.stderr == b"thermoscope: error: Bad file descriptor\n"


def test_ctrl_c_ends_without_a_traceback() -> None:
    # A process that a shell starts in the background ignores SIGINT, and so do its children.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    pty = pytest.importorskip("pty", reason="there are no pseudo-terminals")
    ours, theirs = pty.openpty()
    with subprocess.Popen([*RUN, "softmax"], stdin=theirs, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == b"Logits, then Ctrl-D:\n"
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    os.close(ours)
    os.close(theirs)
    assert (process.returncode, err) == (130, b"")


def test_out_of_memory_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def exhausted(*_: object, **_named: object) -> None:
        raise MemoryError

    monkeypatch.setattr("thermoscope.cli.softmax.softmax", exhausted)
    assert cli.main(["softmax", "1"]) == 2
    assert capfd.readouterr().err == "thermoscope: error: out of memory\n"


def test_an_unexpected_exception_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(*_: object, **_named: object) -> None:
        raise KeyError("ours")

    monkeypatch.setattr("thermoscope.cli.softmax.softmax", wrong)
    with pytest.raises(KeyError, match="ours"):
        cli.main(["softmax", "1"])


@pytest.mark.parametrize(
    "command",
    [[], ["explore"], ["export"], ["softmax"], ["fit"], ["reliability"], ["sweep"], ["samplers"]],
)
def test_help_teaches_with_examples(capfd: pytest.CaptureFixture[str], command: list[str]) -> None:
    assert cli.main([*command, "--help"]) == 0
    out, err = capfd.readouterr()
    examples = [line.strip() for line in out.splitlines() if line.strip().startswith("$ ")]
    assert len(examples) >= 2
    assert all("thermoscope" in line for line in examples)
    assert err == ""


def test_without_a_command_the_help_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.main([]) == 0
    assert "Usage: thermoscope" in capfd.readouterr().out


def test_a_shell_completes_the_commands() -> None:
    done = run(
        environment={
            "_THERMOSCOPE_COMPLETE": "complete_bash",
            "COMP_WORDS": "thermoscope ex",
            "COMP_CWORD": "1",
        }
    )
    assert done.stdout.split() == ["explore", "export"]
    assert (done.returncode, done.stderr) == (0, "")


def test_softmax_loads_no_server_widget_or_figures() -> None:
    code = (
        "import sys, thermoscope.cli as c; c.main(['softmax', '1']); "
        "print(sorted({'starlette', 'uvicorn', 'anywidget', 'matplotlib'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "1.0\n[]\n"


@pytest.mark.usefixtures("saved_rows")
@pytest.mark.parametrize(
    "arguments",
    [
        "fit z.npy y.npy --plot",
        "reliability z.npy y.npy -T 1.5 --plot",
        "sweep z.npy y.npy --steps 5 -o",
        "sweep z.npy --row 3 --steps 5 --from 0.5 --to 2 -o",
    ],
)
@pytest.mark.parametrize(
    ("ending", "magic"), [("svg", b"<?xml"), ("png", b"\x89PNG"), ("pdf", b"%PDF")]
)
def test_figures_go_to_files(arguments: str, ending: str, magic: bytes) -> None:
    assert cli.main([*arguments.split(), f"out.{ending}"]) == 0
    assert Path(f"out.{ending}").read_bytes().startswith(magic)


@pytest.mark.parametrize("command", ["fit", "reliability", "sweep"])
def test_ctrl_c_in_a_pass_leaves_nothing(
    saved_rows: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    command: str,
) -> None:
    read = Dataset.blocks

    def interrupted(self: Dataset, *some: int) -> Iterator[np.ndarray]:
        for at, batch in enumerate(read(self, *some)):
            if at == 2:
                raise KeyboardInterrupt
            yield batch

    monkeypatch.setattr(Dataset, "blocks", interrupted)
    before = sorted(saved_rows.iterdir())
    out = ["-o", "out.svg"] if command == "sweep" else ["--plot", "out.svg"]
    assert cli.main([command, "z.npy", "y.npy", *out]) == 130
    assert capfd.readouterr() == ("", "")
    assert sorted(saved_rows.iterdir()) == before


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a full disk at hand")
@pytest.mark.parametrize("command", ["fit", "reliability", "sweep"])
def test_a_full_disk_is_one_line_of_fit_reliability_and_sweep(
    saved_rows: Path, command: str
) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*RUN, command, "z.npy", "y.npy"],
            cwd=saved_rows,
            stdout=full,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
        )
    assert done.stderr == b"thermoscope: error: No space left on device\n"
    assert done.returncode == 2


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_signal_in_mid_write_leaves_nothing(tmp_path: Path, name: str) -> None:
    program = Path(__file__).parent / "programs" / "terminated.py"
    done = subprocess.run(
        [sys.executable, program, name], cwd=tmp_path, capture_output=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (128 + getattr(signal, name), b"", b"")
    assert [path.name for path in tmp_path.iterdir()] == ["z.npy"]
