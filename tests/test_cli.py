from __future__ import annotations

import csv
import json
import os
import pty
import re
import shlex
import signal
import subprocess
import sys
import termios
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from thermoscope import (
    calibration_curve,
    cli,
    definition,
    engines,
    evaluate_fit,
    fit_temperature,
    measures,
    reliability,
    sample,
    samples,
    truncate,
)
from thermoscope.data import dataset
from thermoscope.data.dataset import Dataset
from thermoscope.data.reading import open_logits, read_logits
from thermoscope.data.writing import ENDINGS, write_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

RUN = [sys.executable, "-m", "thermoscope"]


def run(
    *arguments: str, text: str = "", environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*RUN, *arguments],
        input=text,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def in_terminal(*arguments: str, columns: int = 80) -> str:
    """Return what a terminal of `columns` is sent, colours left out."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, columns))
    environment = {**os.environ, "TERM": "xterm", "NO_COLOR": "1"}
    # Rich takes a width from here before it asks the terminal.
    environment.pop("COLUMNS", None)
    with subprocess.Popen(
        [*RUN, *arguments], stdin=theirs, stdout=theirs, stderr=theirs, env=environment
    ) as process:
        os.close(theirs)
        sent = b""
        while chunk := read_some(ours):
            sent += chunk
    os.close(ours)
    assert process.returncode == 0
    return re.sub("\x1b\\[[0-9;]*m", "", sent.decode()).replace("\r\n", "\n")


def read_some(terminal: int) -> bytes:
    try:
        return os.read(terminal, 1 << 16)
    except OSError:  # EIO is how Linux says that the other end has closed
        return b""


def numbers(text: str) -> list[float]:
    return [float(line) for line in text.splitlines()]


@pytest.mark.parametrize(
    ("arguments", "logits", "temperature"),
    [
        ("2.0 1.0 0.1", [2, 1, 0.1], 1),
        ("2.0 1.0 0.1 -T 0.5", [2, 1, 0.1], 0.5),
        ("-T 0.5 2.0 1.0 0.1", [2, 1, 0.1], 0.5),
        ("-- -1 2", [-1, 2], 1),
        ("-1 2 --temperature 0.5", [-1, 2], 0.5),
        ("-1e2 -.5 -inf", [-100, -0.5, -np.inf], 1),
        ("3 3 1 -T 0", [3, 3, 1], 0),
        ("3 -inf 1 -T inf", [3, -np.inf, 1], np.inf),
        ("inf 1", [np.inf, 1], 1),
        ("1e308 -1e308 -T 1e-300", [1e308, -1e308], 1e-300),
        ("-5", [-5], 1),
    ],
)
def test_softmax_prints_each_probability_in_full(
    capfd: pytest.CaptureFixture[str], arguments: str, logits: list[float], temperature: float
) -> None:
    assert cli.main(["softmax", *arguments.split()]) == 0
    out, err = capfd.readouterr()
    assert numbers(out) == definition.softmax(np.array(logits, float), temperature).tolist()
    assert err == ""


def test_softmax_of_nothing_finite_is_nan(capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["softmax", "nan", "1"]) == 0
    assert capfd.readouterr().out == "nan\nnan\n"


@pytest.mark.parametrize("arguments", [[], ["-"]])
@pytest.mark.parametrize("text", ["2 1 0.1", "2,1, 0.1\n", "[2, 1, 0.1]", '{"a":2,"b":1,"c":0.1}'])
def test_softmax_reads_standard_input(arguments: list[str], text: str) -> None:
    done = run("softmax", *arguments, text=text)
    assert numbers(done.stdout) == definition.softmax([2, 1, 0.1]).tolist()
    assert (done.returncode, done.stderr) == (0, "")


def test_softmax_of_a_file_is_that_of_float64(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    logits = np.array([[0, 0], [0.1, 0.7]], dtype=np.float32)
    np.save(tmp_path / "logits.npy", logits)
    assert cli.main(["softmax", str(tmp_path / "logits.npy"), "--row", "1"]) == 0
    expected = definition.softmax(logits[1].astype(np.float64))
    assert numbers(capfd.readouterr().out) == expected.tolist()


@pytest.mark.parametrize("ending", ["npy", "csv", "json"])
@pytest.mark.parametrize("named", [False, True])
def test_softmax_writes_a_file_in_place_of_the_output(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], ending: str, *, named: bool
) -> None:
    out, labels = tmp_path / f"out.{ending}", tmp_path / "labels.txt"
    labels.write_text(' cat\n"x", y\n', encoding="utf-8")
    options = ["--labels", str(labels)] if named else []
    assert cli.main(["softmax", "2", "1", "-o", str(out), *options]) == 0
    assert capfd.readouterr() == ("", "")
    expected = definition.softmax([2.0, 1.0]).tolist()
    if ending == "json":
        document = json.loads(out.read_bytes())
        assert document["probabilities"] == expected
        assert document["labels"] == ([" cat", '"x", y'] if named else None)
    else:
        found = read_logits(out)
        assert found.values.tolist() == expected
        assert found.labels == ((" cat", '"x", y') if named and ending == "csv" else None)


def refuse_constant(name: str) -> None:
    pytest.fail(f"{name} is not JSON")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (
            ["2", "-inf", "-T", "inf"],
            {
                "temperature": "inf",
                "labels": None,
                "logits": [2.0, "-inf"],
                "probabilities": [1.0, 0.0],
                "entropy": 0.0,
                "perplexity": 1.0,
            },
        ),
        (
            ["nan", "1"],
            {
                "temperature": 1.0,
                "labels": None,
                "logits": ["nan", 1.0],
                "probabilities": ["nan", "nan"],
                "entropy": "nan",
                "perplexity": "nan",
            },
        ),
        (
            ["2", "1"],
            {
                "temperature": 1.0,
                "labels": None,
                "logits": [2.0, 1.0],
                "probabilities": definition.softmax([2.0, 1.0]).tolist(),
                "entropy": float(measures.entropy([2.0, 1.0])),
                "perplexity": float(measures.perplexity([2.0, 1.0])),
            },
        ),
    ],
)
def test_json_is_json(
    capfd: pytest.CaptureFixture[str], arguments: list[str], expected: dict[str, object]
) -> None:
    assert cli.main(["softmax", "--json", *arguments]) == 0
    assert json.loads(capfd.readouterr().out, parse_constant=refuse_constant) == expected


def test_a_terminal_gets_a_table_with_bars() -> None:
    lines = in_terminal("softmax", "2", "1", "-inf", "-T", "0.5").splitlines()
    assert [line.split()[:3] for line in lines[:4]] == [
        ["label", "logit", "probability"],
        ["0", "2", "0.880797"],
        ["1", "1", "0.119203"],
        ["2", "-inf", "0"],
    ]
    bars = [sum(line.count(block) for block in "█▉▊▋▌▍▎▏") for line in lines[1:4]]
    assert bars[0] > 5 * bars[1] > bars[2] == 0
    assert lines[4] == "T = 0.5   entropy = 0.365334 nats   perplexity = 1.441"


def test_a_terminal_gets_the_top_of_many_and_an_honest_last_row(tmp_path: Path) -> None:
    logits = np.linspace(0, 5, 2000)
    np.save(tmp_path / "many.npy", logits)
    lines = in_terminal("softmax", str(tmp_path / "many.npy")).splitlines()
    labels = [int(line.split()[0]) for line in lines[1:21]]
    assert labels == list(range(1999, 1979, -1))
    rest = definition.softmax(logits)[:1980].sum()
    assert lines[21].split() == ["other", "1,980", "items", f"{rest:#.6g}"]


def test_fifty_items_keep_their_order_and_all_are_there() -> None:
    lines = in_terminal("softmax", *map(str, range(50))).splitlines()
    assert [line.split()[0] for line in lines[1:51]] == [str(item) for item in range(50)]


def test_a_label_does_nothing_to_a_terminal(tmp_path: Path) -> None:
    labels = ["\x1b]0;owned\x07", "[bold]x[/bold]", "a\nb\rc", "\u202eabc", "x" * 10_000, ""]
    (tmp_path / "labels.json").write_text(json.dumps(labels), encoding="utf-8")
    text = in_terminal("softmax", *"123456", "--labels", str(tmp_path / "labels.json"))
    assert "\x1b]" not in text
    first = [line.split()[0] for line in text.splitlines()[1:6]]
    assert first[:4] == ["\\x1b]0;owned\\x07", "[bold]x[/bold]", "a\\nb\\rc", "\\u202eabc"]
    assert re.fullmatch("x+…", first[4])
    assert len(text.splitlines()) == 8


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
    ("explore none.json", "none.json: No such file or directory"),
    ("softmix", "No such command 'softmix'."),
    ("--temperature", "No such option: --temperature"),
]


@pytest.mark.parametrize(("line", "words"), ERRORS, ids=[line for line, _ in ERRORS])
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
def test_a_reader_who_has_had_enough_is_no_error(tmp_path: Path, count: int) -> None:
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


MANY = np.random.default_rng(0).normal(size=(300, 3)).astype(np.float32)


@pytest.fixture
def many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a Parquet file of more than one batch, in a folder that is the current one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(dataset, "BLOCK", 1000)
    write_rows(
        "many.parquet", [MANY], shape=MANY.shape, dtype=np.float32, labels=["cat", "dog", "fox"]
    )
    return Path("many.parquet")


@pytest.mark.parametrize("ending", ENDINGS)
def test_softmax_of_all_rows_keeps_type_and_labels(
    many: Path, capfd: pytest.CaptureFixture[str], ending: str
) -> None:
    assert cli.main(["softmax", str(many), "-T", "1.7", "-o", f"out{ending}"]) == 0
    assert capfd.readouterr() == ("", "")
    out = open_logits(f"out{ending}")
    assert out.labels == (None if ending == ".npy" else ("cat", "dog", "fox"))
    # Row by row, for each batch here is of so few numbers that they are computed one by one, too.
    expected = np.array([definition.softmax(row, 1.7) for row in MANY])
    assert expected.dtype == np.float32
    read = np.concatenate(list(out.blocks()))
    assert read.dtype == (np.float64 if ending in {".csv", ".tsv", ".jsonl"} else np.float32)
    np.testing.assert_array_equal(read.astype(np.float32), expected)


def test_softmax_of_all_rows_takes_the_options_of_one(many: Path) -> None:
    Path("labels.txt").write_text("a\nb\n", encoding="utf-8")
    options = ["--columns", "fox", "--columns", "cat", "--labels", "labels.txt"]
    applied = ["--applied-temperature", "0.5", "-T", "2", "-o", "out.feather"]
    assert cli.main(["softmax", str(many), *options, *applied]) == 0
    out = open_logits("out.feather")
    assert out.labels == ("a", "b")
    expected = np.array([definition.softmax(row, 2) for row in MANY[:, [2, 0]] * np.float32(0.5)])
    np.testing.assert_array_equal(np.concatenate(list(out.blocks())), expected)


def test_integers_give_float64(many: Path) -> None:
    np.save("whole.npy", np.arange(6).reshape(2, 3))
    assert cli.main(["softmax", "whole.npy", "-o", "out.npy"]) == 0
    np.testing.assert_array_equal(
        np.load("out.npy"), definition.softmax(np.arange(6.0).reshape(2, 3))
    )
    assert many.exists()


def test_probabilities_are_warned_of_and_their_logarithm_taken(
    many: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["softmax", str(many), "-o", "p.npy"]) == 0
    for arguments in (["p.npy", "-o", "out.npy"], ["p.npy", "--row", "3"]):
        assert cli.main(["softmax", *arguments]) == 0
        err = capfd.readouterr().err
        assert err.startswith("thermoscope: warning: p.npy: what was read is >= 0 and sums to 1")
        assert "--probabilities" in err
        assert err.count("\n") == 1
        assert cli.main(["softmax", *arguments, "--probabilities"]) == 0
        assert capfd.readouterr().err == ""
    np.testing.assert_allclose(np.load("out.npy"), definition.softmax(MANY), rtol=1e-5)


def test_a_response_of_a_server_from_a_pipe(many: Path) -> None:
    tops = [{"token": "a", "logprob": -0.5}, {"token": "b", "logprob": -2.0}]
    response = {"logprobs": [{**tops[0], "top_logprobs": tops}] * 2}
    done = run(
        "softmax", "--row", "1", "--json", "--applied-temperature", "0.5", text=json.dumps(response)
    )
    document = json.loads(done.stdout)
    assert document["labels"] == ["a", "b", "not reported"]
    assert document["logits"][:2] == [-0.25, -1.0]
    done = run("softmax", text=json.dumps(response))
    words = "standard input: the array has 2 rows: choose one with --row, 0 to 1"
    assert done.stderr == f"thermoscope: error: {words}\n"
    assert many.exists()


def test_a_terminal_sees_how_far_it_is(many: Path) -> None:
    assert "100%" in in_terminal(
        "softmax", str(many.resolve()), "-o", str(many.with_name("out.npy").resolve())
    )


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("softmax many.parquet", "many.parquet: the array has 300 rows: choose one with --row"),
        ("softmax many.parquet -o out.json", "out.json: many rows must go to a .npy, .csv, "),
        ("softmax many.parquet --columns x", "many.parquet: columns must be among 'cat', "),
        ("softmax many.parquet -o none/out.npy", "none/out.npy: there is no folder "),
        ("softmax bad.jsonl -o out.npy", "bad.jsonl: line 2: item 0 must be a number, got null"),
        ("softmax many.parquet --probabilities -o out.npy", "many.parquet: row "),
        ("softmax many.parquet --applied-temperature 0", "applied_temperature must be a finite"),
        ("softmax many.parquet --labels two.txt -o out.npy", "two.txt: labels must be 3, one for"),
        ("softmax 1 2 --probabilities", "--probabilities must come with a file, got True"),
        ("softmax 1 2 --columns x", "--columns must come with a file, got ['x']"),
        ("explore --applied-temperature 2", "--applied-temperature must come with a file, got 2"),
        ("export out.html many.parquet", "many.parquet: the array has 300 rows: choose one"),
    ],
)
def test_what_goes_wrong_with_many_rows_is_one_line(
    many: Path, capfd: pytest.CaptureFixture[str], line: str, words: str
) -> None:
    Path("bad.jsonl").write_text("[1, 2]\n[null, 2]\n", encoding="utf-8")
    Path("two.txt").write_text("a\nb\n", encoding="utf-8")
    before = sorted(Path().iterdir())
    assert many in before
    assert cli.main(line.split()) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith(f"thermoscope: error: {words}")
    assert err.count("\n") == 1
    assert sorted(Path().iterdir()) == before


def test_a_missing_library_is_one_line(
    many: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    assert cli.main(["softmax", str(many), "-o", "out.npy"]) == 2
    line = '.parquet files need pyarrow: pip install "thermoscope[files]"'
    assert capfd.readouterr().err == f"thermoscope: error: {line}\n"


def test_ctrl_c_half_way_leaves_nothing(
    many: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    calls = []

    def interrupted(logits: Any, temperature: float) -> Any:
        calls.append(len(logits))
        if len(calls) == 3:
            raise KeyboardInterrupt
        return definition.softmax(logits, temperature)

    monkeypatch.setattr("thermoscope.cli.softmax.softmax", interrupted)
    assert cli.main(["softmax", str(many), "-o", "out.npy"]) == 130
    assert capfd.readouterr() == ("", "")
    assert list(Path().iterdir()) == [many]


def test_closed_streams_are_no_traceback() -> None:
    command = f'"{sys.executable}" -m thermoscope softmax >&- <&-'
    done = subprocess.run(["sh", "-c", command], stderr=subprocess.PIPE, timeout=60, check=False)
    assert done.returncode == 2
    assert done.stderr == b"thermoscope: error: Bad file descriptor\n"


def test_ctrl_c_ends_without_a_traceback() -> None:
    # What a shell starts in the background ignores SIGINT, and children would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
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
    def exhausted(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("thermoscope.cli.softmax.softmax", exhausted)
    assert cli.main(["softmax", "1"]) == 2
    assert capfd.readouterr().err == "thermoscope: error: out of memory\n"


def test_a_mistake_of_ours_is_not_dressed_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(*_: object) -> None:
        raise KeyError("ours")

    monkeypatch.setattr("thermoscope.cli.softmax.softmax", wrong)
    with pytest.raises(KeyError, match="ours"):
        cli.main(["softmax", "1"])


def test_an_export_is_the_page_of_the_file(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    from thermoscope.explorer.page import page_html
    from thermoscope.state import State

    (tmp_path / "pets.csv").write_text("cat,2\n</script>,1\n", encoding="utf-8")
    out = tmp_path / "page.html"
    out.write_text("old", encoding="utf-8")
    assert cli.main(["export", str(out), str(tmp_path / "pets.csv"), "-T", "inf"]) == 0
    state = State.of([2, 1], ["cat", "</script>"], temperature=np.inf, source="pets.csv")
    assert out.read_text(encoding="utf-8") == page_html(state)
    assert capfd.readouterr() == (f"Wrote {out}\n", "")


@pytest.mark.parametrize(("options", "count"), [([], 5), (["--labels", "labels.txt"], 3)])
def test_without_a_file_logits_are_random(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], count: int
) -> None:
    from thermoscope.explorer import server

    monkeypatch.chdir(tmp_path)
    Path("labels.txt").write_text("a\nb\nc\n", encoding="utf-8")
    states: list[Any] = []
    monkeypatch.setattr(server, "serve", lambda state, **_: states.append(state))
    assert cli.main(["explore", *options]) == 0
    assert cli.main(["explore", *options]) == 0
    assert [state.logits.size for state in states] == [count, count]
    assert states[0].logits.tolist() != states[1].logits.tolist()
    assert states[0].source is None
    assert states[0].labels == (("a", "b", "c") if options else None)


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Return what would be served: the state and the rows of each explorer."""
    from thermoscope.explorer import server

    found: list[Any] = []
    monkeypatch.setattr(server, "serve", lambda state, rows, **_: found.append((state, rows)))
    return found


@pytest.fixture
def three_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("many.csv").write_text(THREE, encoding="utf-8")
    Path("few.txt").write_text("0\n", encoding="utf-8")
    Path("high.txt").write_text("0\n1\n3\n", encoding="utf-8")


THREE = "cat,dog,eel\n1.5,2.5,0\n3.5,4.5,0\n5.5,6.5,0\n"


@pytest.mark.parametrize(("options", "row"), [([], 0), (["--row", "2"], 2)])
def test_all_rows_of_a_file_are_explored(
    tmp_path: Path, served: list[Any], options: list[str], row: int
) -> None:
    path = tmp_path / "many.csv"
    path.write_text(THREE, encoding="utf-8")
    (tmp_path / "targets.txt").write_text("dog\ncat\n1\n", encoding="utf-8")
    targets = ["--targets", str(tmp_path / "targets.txt")]
    assert cli.main(["explore", str(path), *options, *targets, "-T", "2"]) == 0
    ((state, rows),) = served
    assert (state.row, state.target, state.temperature) == (row, [1, 0, 1][row], 2.0)
    assert (state.labels, state.source) == (("cat", "dog", "eel"), "many.csv")
    assert state.logits.tolist() == [[1.5, 2.5, 0], [3.5, 4.5, 0], [5.5, 6.5, 0]][row]
    assert (rows.count, rows.orders) == (3, ("given", "uncertain", "wrong"))


def test_the_sample_is_explored_with_its_targets(served: list[Any]) -> None:
    assert cli.main(["explore", "--sample", "digits", "--row", "5"]) == 0
    ((state, rows),) = served
    logits, targets, names = samples.digits()
    assert state.logits.tolist() == logits[5].tolist()
    assert (state.target, state.labels) == (targets[5], tuple(names))
    assert (rows.count, rows.source) == (1597, "digits")


def test_one_row_has_no_others(tmp_path: Path, served: list[Any]) -> None:
    (tmp_path / "one.csv").write_text("cat,2\ndog,1\n", encoding="utf-8")
    assert cli.main(["explore", str(tmp_path / "one.csv")]) == 0
    ((state, rows),) = served
    assert (rows, state.row, state.target) == (None, None, None)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("many.csv --row 3", "many.csv: row must be 0 to 2, got 3"),
        ("many.csv --targets few.txt", "few.txt: targets must be 3, one for each row"),
        ("many.csv --targets high.txt", "high.txt: targets must be in [0, 3), got 3"),
        ("many.csv --labels few.txt", "labels must be 3, one for each logit of many.csv, got 1"),
        ("--targets few.txt", "--targets must come with a file, got few.txt"),
        ("many.csv --sample digits", "--sample must come without a file, got many.csv"),
        ("--sample digits --targets few.txt", "--sample must come without --targets, got few.txt"),
        ("--sample cats", "Invalid value for '--sample': "),
    ],
)
@pytest.mark.usefixtures("three_rows")
def test_rows_that_do_not_fit_are_refused(
    capfd: pytest.CaptureFixture[str], served: list[Any], options: str, message: str
) -> None:
    assert cli.main(["explore", *options.split()]) == 2
    out, err = capfd.readouterr()
    assert message in err
    assert err.count("\n") == 1
    assert (out, served) == ("", [])


@pytest.mark.parametrize(
    "command",
    [[], ["explore"], ["export"], ["softmax"], ["fit"], ["reliability"], ["sweep"]],
)
def test_help_teaches_with_examples(capfd: pytest.CaptureFixture[str], command: list[str]) -> None:
    assert cli.main([*command, "--help"]) == 0
    out, err = capfd.readouterr()
    examples = [line.strip() for line in out.splitlines() if line.strip().startswith("$ ")]
    assert len(examples) >= 2
    assert all("thermoscope" in line for line in examples)
    assert err == ""


def test_no_command_gets_help(capfd: pytest.CaptureFixture[str]) -> None:
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


def test_the_command_line_starts_without_server_or_table() -> None:
    code = (
        "import sys, thermoscope.cli as c; c.main(['softmax', '1']); "
        "print(sorted({'starlette', 'uvicorn', 'anywidget', 'matplotlib'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "1.0\n[]\n"


LOGITS = np.random.default_rng(2).normal(0, 3, (300, 4)).astype(np.float32)
TARGETS = np.asarray(sample(LOGITS, 1.5, rng=3))


@pytest.fixture
def rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Save logits of more than one batch, and targets, in a folder that is the current one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(dataset, "BLOCK", 1000)
    np.save("z.npy", LOGITS)
    np.save("y.npy", TARGETS)
    np.save("w.npy", np.arange(300) % 3)
    return tmp_path


@pytest.mark.usefixtures("rows")
def test_fit_says_what_it_found_and_what_to_do_with_it(capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["fit", "z.npy", "y.npy"]) == 0
    out, err = capfd.readouterr()
    found = fit_temperature(LOGITS, TARGETS)
    low, high = found.interval
    apply = f"thermoscope softmax z.npy -T {found.temperature:.6g} -o probabilities.npy"
    assert [re.split("  +", line) for line in out.splitlines()] == [
        ["temperature", f"{found.temperature:.6g}"],
        ["standard error", f"{found.standard_error:.6g}"],
        ["95 % interval", f"{low:.6g} to {high:.6g}"],
        ["NLL at T = 1", f"{found.nll_before:.6f} nats"],
        ["NLL now", f"{found.nll:.6f} nats"],
        ["rows", f"300, read {found.iterations} times"],
        [""],
        [f"To apply it: thermoscope softmax z.npy -T {found.temperature:.6g} -o probabilities.npy"],
    ]
    assert err == ""
    # What it says to do can be done.
    assert cli.main(shlex.split(apply)[1:]) == 0
    assert open_logits("probabilities.npy").shape == LOGITS.shape


@pytest.mark.usefixtures("rows")
def test_fit_as_json_has_weights_probabilities_and_words(
    capfd: pytest.CaptureFixture[str],
) -> None:
    write_rows(
        "p.csv",
        [definition.softmax(LOGITS.astype(float))],
        shape=LOGITS.shape,
        dtype=float,
        labels=["a", "b", "c", "d"],
    )
    Path("y.txt").write_text("\n".join("abcd"[target] for target in TARGETS), encoding="utf-8")
    options = ["--json", "--weights", "w.npy", "--probabilities"]
    assert cli.main(["fit", "p.csv", "y.txt", *options]) == 0
    found = json.loads(capfd.readouterr().out)
    want = asdict(fit_temperature(LOGITS, TARGETS, sample_weight=np.arange(300) % 3))
    assert found.keys() == want.keys()
    assert found["temperature"] == pytest.approx(want["temperature"], rel=1e-9)
    assert found["interval"] == pytest.approx(want["interval"], rel=1e-9)
    assert (found["n"], found["limit"]) == (200, None)


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize(
    ("targets", "temperature", "reason"),
    [
        (LOGITS.argmax(axis=1), "0", "every target is at its row's largest logit"),
        (LOGITS.argmin(axis=1), "inf", "no larger than all logits in the mean"),
    ],
)
def test_fit_says_why_the_optimum_lies_at_an_end(
    capfd: pytest.CaptureFixture[str], targets: np.ndarray, temperature: str, reason: str
) -> None:
    np.save("y.npy", targets)
    assert cli.main(["fit", "z.npy", "y.npy", "--plot", "end.svg"]) == 0
    out = capfd.readouterr().out
    assert out.startswith(f"temperature     {temperature}\nbecause ")
    assert "Judged in 2 folds" in out
    assert reason in out
    assert f" -T {temperature} -o " in out
    assert cli.main(["fit", "z.npy", "y.npy", "--json"]) == 0
    assert json.loads(capfd.readouterr().out)["standard_error"] == "nan"


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize(
    ("options", "same"),
    [
        (["--holdout", "0.4", "--seed", "3"], {"holdout": 0.4, "rng": 3}),
        (["--folds", "3"], {"folds": 3}),
    ],
)
def test_fit_judges_by_rows_that_were_held_out(
    capfd: pytest.CaptureFixture[str], options: list[str], same: dict[str, Any]
) -> None:
    want = evaluate_fit(LOGITS, TARGETS, **same)
    assert cli.main(["fit", "z.npy", "y.npy", *options, "--json"]) == 0
    document = json.loads(capfd.readouterr().out)
    found = document["held_out"]
    assert document["temperature"] == pytest.approx(want.fit.temperature, rel=1e-12)
    assert document["n"] == want.fit.n
    assert found["before"]["n"] == found["after"]["n"] == want.after.n
    assert found["after"]["nll"] == pytest.approx(want.after.nll, rel=1e-12)
    assert found["before"]["p_value"] == want.before.p_value
    assert found["fold_temperatures"] == pytest.approx(list(want.fold_temperatures), rel=1e-12)
    assert found["seed"] == same.get("rng", 0)
    assert cli.main(["fit", "z.npy", "y.npy", *options]) == 0
    lines = capfd.readouterr().out.splitlines()
    (start,) = [at for at, line in enumerate(lines) if line.startswith("Judged ")]
    assert f"{want.after.n:,} rows" in lines[start]
    shown = [re.split("  +", line) for line in lines[start + 1 : start + 7]]
    assert shown[0] == ["", "T = 1", "now"]
    assert shown[1] == ["NLL", f"{want.before.nll:.6f}", f"{want.after.nll:.6f}"]
    assert shown[5][:2] == ["ECE now", f"{want.after.ece:.6f}"]
    assert shown[5][2].startswith(f"if calibrated {want.after.ece_if_calibrated:.4f}, up to ")


@pytest.mark.usefixtures("rows")
def test_the_figure_of_a_fit_is_of_rows_that_were_held_out(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from thermoscope import figures

    drawn: list[Any] = []
    original = figures.plot
    monkeypatch.setattr(figures, "plot", lambda it: drawn.append(it) or original(it))
    assert cli.main(["fit", "z.npy", "y.npy", "--plot", "a.svg"]) == 0
    assert cli.main(["fit", "z.npy", "y.npy", "--holdout", "0.5", "--plot", "b.svg"]) == 0
    folds, half = drawn
    assert (len(folds.fold_temperatures), folds.after.n, folds.curve.n) == (2, 300, 300)
    assert folds.fit.temperature == pytest.approx(fit_temperature(LOGITS, TARGETS).temperature)
    assert half.after.n == half.curve.n == 300 - half.fit.n
    assert "Judged in 2 folds (seed 0)" in capfd.readouterr().out
    assert b"held out" in Path("a.svg").read_bytes()


@pytest.mark.usefixtures("rows")
def test_fit_near_separable_data_says_that_it_knows_nothing(
    capfd: pytest.CaptureFixture[str],
) -> None:
    logits = np.tile(np.float32([8, 0]), (201, 1))
    logits[200, 1] = np.nextafter(np.float32(8), np.float32(9))
    np.save("z.npy", logits)
    np.save("y.npy", np.zeros(201, int))
    assert cli.main(["fit", "z.npy", "y.npy"]) == 0
    out = capfd.readouterr().out
    assert "95 % interval   0 to inf\n" in out
    assert "but             the data do not determine T: only 1 of 201 targets is below" in out
    assert cli.main(["fit", "z.npy", "y.npy", "--json"]) == 0
    assert json.loads(capfd.readouterr().out)["interval"] == [0.0, "inf"]


@pytest.mark.usefixtures("rows")
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


@pytest.mark.usefixtures("rows")
def test_reliability_is_that_of_python(capfd: pytest.CaptureFixture[str]) -> None:
    options = ["-T", "1.5", "--strategy", "mass", "--bins", "7", "--bootstrap", "20", "--seed", "4"]
    assert cli.main(["reliability", "z.npy", "y.npy", "--json", *options]) == 0
    found = json.loads(capfd.readouterr().out)
    want = reliability(LOGITS, TARGETS, 1.5, bins=7, strategy="mass", bootstrap=20, rng=4)
    assert found["ece"] == pytest.approx(want.ece, rel=1e-12)
    assert found["intervals"]["nll"] == pytest.approx(want.intervals["nll"], rel=1e-9)
    assert found["bins"]["count"] == want.bins.count.tolist()
    assert found["p_value"] == want.p_value
    assert found["mce_rows"] == want.mce_rows
    assert set(found["intervals"]) == {"nll", "brier", "accuracy"}
    assert cli.main(["reliability", "z.npy", "y.npy", *options]) == 0
    lines = capfd.readouterr().out.splitlines()
    assert [line.split()[2] for line in lines[1:8]] == [str(n) for n in want.bins.count]
    shown = dict(re.split("  +", line)[:2] for line in lines[9:])
    assert list(shown) == ["ECE", "MCE", "classwise ECE", "Brier", "NLL", "accuracy", "rows"]
    assert shown["ECE"] == f"{want.ece:.6f}"
    assert shown["rows"] == "300 at T = 1.5"
    text = "\n".join(lines)
    beside = f"if calibrated {want.ece_if_calibrated:.4f}, up to {want.ece_if_calibrated_upper:.4f}"
    assert f"{beside}; p = {want.p_value:.2g}" in text
    assert f"in a bin of {want.mce_rows} rows" in text


@pytest.mark.usefixtures("rows")
def test_an_empty_bin_has_a_row_and_no_gap(capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["reliability", "z.npy", "y.npy", "--bins", "20"]) == 0
    lines = capfd.readouterr().out.splitlines()
    assert lines[1].split() == ["0", "0.05", "0"]
    assert re.fullmatch(
        r" *0\.95 +1 +\d+ +0\.\d{4} +0\.\d{4} +[+-]0\.\d{4} [ █▉▊▋▌▍▎▏]+", lines[20]
    )


@pytest.mark.usefixtures("rows")
def test_sweep_is_the_mean_of_the_measures(capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["sweep", "z.npy", "y.npy", "--from", "0.1", "--to", "10", "--steps", "3"]) == 0
    out = capfd.readouterr().out
    names, *lines = csv.reader(out.splitlines())
    assert names == ["temperature", "entropy", "perplexity", "top_probability", "nll", "ece"]
    curve = calibration_curve(LOGITS, TARGETS, [0.1, 1, 10])
    for at, line in enumerate(lines):
        t = [0.1, 1, 10][at]
        assert list(map(float, line)) == pytest.approx(
            [
                t,
                measures.entropy(LOGITS.astype(float), t).mean(),
                measures.perplexity(LOGITS.astype(float), t).mean(),
                definition.softmax(LOGITS.astype(float), t).max(axis=1).mean(),
                curve.nll[at],
                curve.ece[at],
            ],
            rel=1e-12,
        )
    # A file is as what is printed, and one row as that row.
    assert cli.main(["sweep", "z.npy", "y.npy", "--steps", "3", "-o", "out.csv"]) == 0
    assert cli.main(["sweep", "z.npy", "y.npy", "--steps", "3"]) == 0
    assert capfd.readouterr().out == Path("out.csv").read_text(encoding="utf-8")
    assert cli.main(["sweep", "z.npy", "--row", "7", "--json", "--steps", "3"]) == 0
    found = json.loads(capfd.readouterr().out)
    assert found["entropy"][1] == pytest.approx(measures.entropy(LOGITS[7].astype(float)))
    assert (found["n"], "nll" in found) == (1, False)
    assert "best_temperature" not in found
    assert cli.main(["sweep", "z.npy", "y.npy", "--json"]) == 0
    found = json.loads(capfd.readouterr().out)
    assert found["best_temperature"] == found["temperature"][int(np.argmin(found["nll"]))]


def test_a_terminal_gets_a_table_of_temperatures_and_the_progress(rows: Path) -> None:
    text = in_terminal("sweep", str(rows / "z.npy"), "--steps", "3", columns=120)
    assert "sweep" in text
    assert "100%" in text
    lines = [line.split() for line in text.splitlines()]
    header = ["temperature", "entropy", "perplexity", "top", "probability"]
    assert header in [line[-5:] for line in lines]
    assert lines[-1] == ["means", "over", "300", "rows"]
    lines = in_terminal("sweep", str(rows / "z.npy"), str(rows / "y.npy"), columns=120).splitlines()
    best = calibration_curve(LOGITS, TARGETS, np.geomspace(0.01, 100, 41))
    words = f"lowest NLL {best.nll.min():.6g} at T = {best.temperatures[best.best()]:.6g}, of these"
    assert lines[-1].startswith(words)
    assert "fit, pass 2" in in_terminal("fit", str(rows / "z.npy"), str(rows / "y.npy"))


BAD = [
    ("fit z.npy", "targets must be given: a file TARGETS, or a column with --target-column"),
    ("fit z.npy none.npy", "none.npy: No such file or directory"),
    ("fit z.npy five.npy", "five.npy: targets must be in [0, 4), got 5 in row 299"),
    ("fit z.npy below.npy", "below.npy: row 1: a class must be a whole number >= 0, got -1"),
    ("fit z.npy half.npy", "half.npy: row 1: a class must be a whole number >= 0, got 0.5"),
    ("fit z.npy short.npy", "short.npy: targets must be 300, one for each row of z.npy, got 299"),
    ("fit z.npy words.txt", "words.txt: row 0: a class must be a whole number >= 0, got 'cat'"),
    (
        "fit z.npy soft.npy",
        "soft.npy: probabilities must be 4 in each row, one for each logit of z.npy",
    ),
    ("fit words.csv y.npy", "words.csv: "),
    ("fit nan.npy y.npy", "nan.npy: logits must be finite or -inf, got nan in row 277"),
    ("fit inf.npy y.npy", "inf.npy: logits must be finite or -inf, got inf in row 277"),
    (
        "fit empty.npy y.npy",
        "empty.npy: logits must have an entry above -inf in each row, ",
    ),
    (
        "fit lacking.npy y.npy",
        "y.npy: targets must be classes with a logit above -inf, got -inf in",
    ),
    ("fit flat.npy y.npy", "flat.npy: logits must have a row whose entries differ, got none"),
    ("fit cut.npy y.npy", "cut.npy: not a whole .npy file: cut short or damaged"),
    ("fit cut.parquet y.npy", "cut.parquet: not a whole .parquet file: cut short or damaged"),
    ("fit z.npy cut.parquet", "cut.parquet: not a whole .parquet file: cut short or damaged"),
    (
        "fit plain.json y.npy",
        "plain.json: the answer has no log-probabilities in a known format: ask",
    ),
    ("fit z.npy y.npy --probabilities", "z.npy: row "),
    ("fit z.npy y.npy --weights short.npy", "short.npy: weights must be 300, one for each row of"),
    ("fit z.npy y.npy --weights minus.npy", "minus.npy: sample_weight must be finite and >= 0, "),
    ("fit z.npy y.npy --plot out.txt", "out.txt: must be a .svg, .png or .pdf file"),
    ("fit z.npy y.npy --plot none/out.svg", "none/out.svg: there is no folder "),
    ("fit z.npy y.npy --holdout 1", "holdout must be > 0 and < 1, got 1.0"),
    ("fit z.npy y.npy --folds 1", "folds must be >= 2, got 1"),
    ("fit z.npy y.npy --folds 2 --holdout 0.5", "--holdout must come without --folds, got 0.5 and"),
    ("fit z.npy y.npy --labels words.txt", "words.txt: labels must be 4, one for each logit of "),
    ("reliability nan.npy y.npy", "nan.npy: logits must be finite or -inf, got nan in row 277"),
    ("reliability z.npy five.npy", "five.npy: targets must be in [0, 4), got 5 in row 299"),
    ("reliability z.npy y.npy -T -1", "temperature must be >= 0, got -1.0"),
    ("reliability z.npy y.npy --bins 0", "bins must be >= 1, got 0"),
    ("reliability z.npy y.npy --bootstrap 0", "bootstrap must be >= 1, got 0"),
    ("reliability z.npy y.npy --strategy x", "Invalid value for '--strategy': "),
    ("sweep nan.npy", "nan.npy: logits must be finite or -inf, got nan in row 277"),
    ("sweep z.npy short.npy", "short.npy: targets must be 300, one for each row of z.npy, got 299"),
    ("sweep z.npy --row 300", "z.npy: row must be 0 to 299, got 300"),
    ("sweep z.npy y.npy --row 3", "--row must come without targets, for they are of all rows"),
    ("sweep z.npy --from 0", "--from and --to must be 0 < from <= to < inf, got 0.0 and 100"),
    ("sweep z.npy --from 2 --to 1", "--from and --to must be 0 < from <= to < inf, got 2.0 and 1"),
    ("sweep z.npy --steps 0", "--steps must be >= 1, got 0"),
    ("sweep z.npy -o out.txt", "out.txt: must be a .csv, .svg, .png or .pdf file"),
    (
        "sweep z.npy --target-column x",
        "z.npy: target_column must be left out for a file of one array, got 'x'",
    ),
    ("softmax 1 2 --scheduler tcp://x:1", "--scheduler must come with a file, all of its rows, "),
    ("softmax z.npy -o out.npy --scheduler x", "out.npy: with --scheduler, probabilities must go"),
]


@pytest.mark.parametrize("ending", [".csv", ".jsonl"])
def test_the_words_of_a_target_column_may_be_the_labels_that_are_given(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], ending: str
) -> None:
    rows = [(2.0, 1.0, "dog"), (0.5, 3.0, "dog"), (0.2, 0.1, "cat"), (1.5, 1.0, "cat")]
    texts = {
        ".csv": "\n".join(["z0,z1,pet", *(f"{a},{b},{pet}" for a, b, pet in rows)]),
        ".jsonl": "\n".join(json.dumps({"z0": a, "z1": b, "pet": pet}) for a, b, pet in rows),
    }
    path = tmp_path / f"pets{ending}"
    path.write_text(texts[ending], encoding="utf-8")
    (tmp_path / "names.txt").write_text("cat\ndog\n", encoding="utf-8")
    names = ["--labels", str(tmp_path / "names.txt"), "--json"]
    assert cli.main(["fit", str(path), "--target-column", "pet", *names]) == 0
    fit = fit_temperature([row[:2] for row in rows], [1, 1, 0, 0])
    assert json.loads(capfd.readouterr().out)["temperature"] == fit.temperature
    assert cli.main(["fit", str(path), "--target-column", "pet"]) == 2
    assert "row 0: a class must be one of the labels, got 'dog'" in capfd.readouterr().err


@pytest.mark.parametrize(("line", "words"), BAD, ids=[line for line, _ in BAD])
def test_bad_input_is_one_line_that_names_file_and_row(
    rows: Path, capfd: pytest.CaptureFixture[str], line: str, words: str
) -> None:
    def changed(name: str, value: float, *where: int, of: np.ndarray = LOGITS) -> None:
        array = of.astype(float) if value % 1 else of.copy()
        array[where] = value
        np.save(name, array)

    changed("nan.npy", np.nan, 277, 1)
    changed("inf.npy", np.inf, 277, 1)
    changed("empty.npy", -np.inf, 277)
    changed("lacking.npy", -np.inf, 277, int(TARGETS[277]))
    changed("five.npy", 5, 299, of=TARGETS)
    changed("below.npy", -1, 1, of=TARGETS)
    changed("half.npy", 0.5, 1, of=TARGETS)
    np.save("flat.npy", np.zeros((300, 4)))
    np.save("short.npy", TARGETS[:-1])
    np.save("soft.npy", np.full((300, 2), 0.5))
    np.save("minus.npy", np.linspace(1, -1, 300))
    Path("words.txt").write_text("cat\n" * 300, encoding="utf-8")
    Path("words.csv").write_text("cat,dog\n" * 300, encoding="utf-8")
    Path("plain.json").write_text('{"choices": [{"text": "no logprobs"}]}', encoding="utf-8")
    write_rows("cut.parquet", [LOGITS], shape=LOGITS.shape, dtype=np.float32)
    for name, source in (("cut.npy", "z.npy"), ("cut.parquet", "cut.parquet")):
        Path(name).write_bytes(Path(source).read_bytes()[:-9])
    before = sorted(rows.iterdir())
    assert cli.main(line.split()) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith(f"thermoscope: error: {words}")
    assert err.count("\n") == 1
    assert sorted(rows.iterdir()) == before


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize("arguments", ["fit p.npy y.npy", "reliability p.npy y.npy", "sweep p.npy"])
def test_what_looks_like_probabilities_is_warned_of(
    capfd: pytest.CaptureFixture[str], arguments: str
) -> None:
    np.save("p.npy", definition.softmax(LOGITS))
    assert cli.main(arguments.split()) == 0
    err = capfd.readouterr().err
    assert err.startswith("thermoscope: warning: p.npy: what was read is >= 0 and sums to 1")
    assert err.count("\n") == 1
    assert cli.main([*arguments.split(), "--probabilities"]) == 0
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("command", ["fit", "reliability", "sweep"])
def test_ctrl_c_in_a_pass_leaves_nothing(
    rows: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], command: str
) -> None:
    read = Dataset.blocks

    def interrupted(self: Dataset, *some: int) -> Iterator[np.ndarray]:
        for at, batch in enumerate(read(self, *some)):
            if at == 2:
                raise KeyboardInterrupt
            yield batch

    monkeypatch.setattr(Dataset, "blocks", interrupted)
    before = sorted(rows.iterdir())
    out = ["-o", "out.svg"] if command == "sweep" else ["--plot", "out.svg"]
    assert cli.main([command, "z.npy", "y.npy", *out]) == 130
    assert capfd.readouterr() == ("", "")
    assert sorted(rows.iterdir()) == before


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a full disk at hand")
@pytest.mark.parametrize("command", ["fit", "reliability", "sweep"])
def test_a_full_disk_is_one_line_of_these_too(rows: Path, command: str) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*RUN, command, "z.npy", "y.npy"],
            cwd=rows,
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


@pytest.mark.parametrize(
    ("options", "steps", "said"),
    [
        (["--top-k", "2"], {"top_k": 2}, "kept 2 of 3, 90.14 %\n"),
        (["--top-p", "0.6", "--engine", "vllm"], {"top_p": 0.6, "engine": "vllm"}, "kept 1 of 3, "),
        (["--min-p", "0.3", "--top-k", "3"], {"min_p": 0.3, "top_k": 3}, "kept 2 of 3, "),
    ],
)
def test_softmax_truncates_as_python_does(
    capfd: pytest.CaptureFixture[str], options: list[str], steps: dict[str, Any], said: str
) -> None:
    assert cli.main(["softmax", "2", "1", "0.1", *options, "--json"]) == 0
    out, err = capfd.readouterr()
    found = json.loads(out)
    expected = truncate([2.0, 1.0, 0.1], **steps)
    assert found["probabilities"] == expected.tolist()
    assert found["entropy"] == pytest.approx(-sum(p * np.log(p) for p in expected if p))
    assert err.startswith(said)


def test_all_rows_of_a_file_are_truncated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = np.random.default_rng(0).normal(size=(7, 5))
    np.save("z.npy", rows)
    assert cli.main(["softmax", "z.npy", "--top-k", "2", "-T", "0.7", "-o", "p.npy"]) == 0
    np.testing.assert_array_equal(np.load("p.npy"), truncate(rows, 0.7, top_k=2))
    assert cli.main(["softmax", "--engine", "list"]) == 0
    assert capfd.readouterr().out == f"{engines()}\n"
    assert cli.main(["softmax", "1", "2", "--engine", "x"]) == 2
    assert "engine must be " in capfd.readouterr().err
