"""`thermoscope softmax`: numbers, files, tables in a terminal, many rows, truncation."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.command_line import in_terminal, run
from tests.test_writing import LABELS
from thermoscope import cli, definition, engines, measures, truncate
from thermoscope.data import dataset
from thermoscope.data.reading import open_logits, read_logits
from thermoscope.data.writing import ENDINGS, write_rows


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


def test_softmax_of_a_nan_is_nan(capfd: pytest.CaptureFixture[str]) -> None:
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
def test_json_output_is_strict_json(
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


def test_a_terminal_gets_the_top_20_of_many_and_the_rest_as_one_row(tmp_path: Path) -> None:
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


def test_control_characters_of_labels_are_escaped_in_a_terminal(tmp_path: Path) -> None:
    labels = ["\x1b]0;owned\x07", "[bold]x[/bold]", "a\nb\rc", "\u202eabc", "x" * 10_000, ""]
    (tmp_path / "labels.json").write_text(json.dumps(labels), encoding="utf-8")
    text = in_terminal("softmax", *"123456", "--labels", str(tmp_path / "labels.json"))
    assert "\x1b]" not in text
    first = [line.split()[0] for line in text.splitlines()[1:6]]
    assert first[:4] == ["\\x1b]0;owned\\x07", "[bold]x[/bold]", "a\\nb\\rc", "\\u202eabc"]
    assert re.fullmatch("x+…", first[4])
    assert len(text.splitlines()) == 8


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


MANY = np.random.default_rng(0).normal(size=(300, 3)).astype(np.float32)


@pytest.fixture
def many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write a Parquet file of more than one block to the current folder."""
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
    # Row by row: the blocks here are so small that they are computed row by row, too.
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
    assert document["labels"] == ["a", "b"]
    assert document["logits"] == [-0.25, -1.0]
    done = run("softmax", text=json.dumps(response))
    words = "standard input: the answer has 2 tokens: choose one with --row, 0 to 1"
    assert done.stderr == f"thermoscope: error: {words} (thermoscope tokens shows them)\n"
    assert many.exists()


def test_a_terminal_shows_the_progress(many: Path) -> None:
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
def test_an_error_with_many_rows_is_one_line(
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


@st.composite
def one_row(draw: st.DrawFn) -> tuple[list[float], list[str] | None]:
    """Draw a row of at least two logits, and labels for them or none."""
    logits = draw(st.lists(st.floats(-700, 700), min_size=2, max_size=5))
    names = st.lists(LABELS, min_size=len(logits), max_size=len(logits))
    return logits, draw(st.one_of(st.none(), names))


@pytest.mark.parametrize("ending", sorted({*ENDINGS, ".json"}))
@pytest.mark.filterwarnings("ignore::zarr.errors.ZarrUserWarning")
@example(row=([2.0, 1.0], ["7", "\r"]))
@example(row=([2.0, 1.0], ["7", "nan"]))
@example(row=([2.0, 1.0], ["7", "a\x00"]))
@given(row=one_row())
def test_the_row_that_softmax_writes_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, ending: str, row: tuple[list[float], list[str] | None]
) -> None:
    logits, labels = row
    folder = tmp_path_factory.mktemp("one")
    (folder / "in.json").write_text(json.dumps(logits), encoding="utf-8")
    options = []
    if labels is not None:
        (folder / "labels.json").write_text(json.dumps(labels), encoding="utf-8")
        options = ["--labels", str(folder / "labels.json")]
    path = folder / f"out{ending}"
    assert cli.main(["softmax", str(folder / "in.json"), "-o", str(path), *options]) == 0
    read = open_logits(path, columns="probabilities" if ending == ".json" else None)
    np.testing.assert_array_equal(np.ravel(read), definition.softmax(logits))
    # JSON has no NaN and no infinities: all of a list may be such numbers.
    numbers = ending == ".json" and labels is not None and {*labels} <= {"nan", "inf", "-inf"}
    if not numbers:
        assert read.labels == (None if labels is None or ending == ".npy" else tuple(labels))
