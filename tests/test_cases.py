"""Files as people have them, each with the right answer, from Python and from the command line.

tests/data/cases/ has the files; what each stands for is said beside it here.
"""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pytest

import thermoscope as ts
from thermoscope import cli
from thermoscope.data.errors import FileError
from thermoscope.data.reading import open_logits, parse_logits, read_targets

if TYPE_CHECKING:
    from collections.abc import Sequence

CASES = Path(__file__).parent / "data" / "cases"
CLASSES = ("cat", "dog", "eel")
REST = "not reported"


class Fit(NamedTuple):
    """What ``fit`` is told, and what it finds."""

    arguments: str
    temperature: float
    nll: float
    rows: int  # with a target
    told: str  # on standard error


FITS = [
    # A column whose role is named is never a class.
    Fit(
        "label_column.csv --target-column label", 1.020401, 0.465991, 8, "3 classes: cat, dog, eel"
    ),
    Fit(
        "label_column.csv label_column.csv --target-column label",
        *(1.020401, 0.465991, 8),
        "column 'label' holds the targets",
    ),
    # pandas writes its index as a first column without a name,
    Fit("pandas_index.csv targets.txt", 1.020401, 0.465991, 8, "first column is an index"),
    # and 0, 1, 2 where columns have no names.
    Fit("numeric_header.csv targets.txt", 1.020401, 0.465991, 8, "the first line counts"),
    Fit("savetxt_header.csv targets.txt", 1.020401, 0.465991, 8, ""),
    Fit("logits.npy targets_column.npy", 1.020401, 0.465991, 8, ""),
    # -100 is no target.
    Fit("logits.npy targets_ignore.npy", 1.169222, 0.584384, 6, "2 rows without a target"),
    Fit(
        "logits.npy targets_ignore.npy --weights weights.npy",
        *(1.169222, 0.584384, 6),
        "2 rows without a target",
    ),
    Fit("token_logits.npy token_targets.npy", 1.084296, 0.517876, 14, "16 rows of 3"),
    Fit(
        "trainer_predictions.npz --columns predictions --target-column label_ids",
        *(1.084296, 0.517876, 14),
        "array 'label_ids' holds the targets",
    ),
    # One logit a row stands for two classes.
    Fit("binary.npy binary_targets.npy", 0.619927, 0.296585, 8, "one logit a row"),
]


def paths(arguments: str) -> list[str]:
    """Return the words of a command, with the files of the cases as paths."""
    return [str(CASES / word) if (CASES / word).is_file() else word for word in arguments.split()]


every_fit = pytest.mark.parametrize("fit", FITS, ids=[fit.arguments for fit in FITS])


@every_fit
def test_fit_on_the_command_line(capfd: pytest.CaptureFixture[str], fit: Fit) -> None:
    assert cli.main(["fit", *paths(fit.arguments), "--json"]) == 0
    out, err = capfd.readouterr()
    found = json.loads(out)
    assert (round(found["temperature"], 6), round(found["nll"], 6)) == fit[1:3]
    assert found["n"] == fit.rows
    assert fit.told in err
    # The other commands that take targets count the same rows.
    for command in (["reliability"], ["sweep", "--steps", "3"]):
        weightless = fit.arguments.partition(" --weights")[0]
        assert cli.main([*command[:1], *paths(weightless), *command[1:], "--json"]) == 0
        assert json.loads(capfd.readouterr().out)["n"] == fit.rows


@every_fit
def test_fit_in_python(fit: Fit) -> None:
    words = paths(fit.arguments)
    options = dict(pairwise(words))
    files = [word for word in words if Path(word).is_file() and options.get("--weights") != word]
    data = open_logits(
        files[0], columns=options.get("--columns"), target_column=options.get("--target-column")
    )
    targets = data.targets
    if targets is None:
        targets = read_targets(files[1], labels=data.labels, shape=data.shape)
    weights = options.get("--weights")
    found = ts.fit_temperature(
        data, targets, sample_weight=None if weights is None else np.load(weights)
    )
    assert (round(found.temperature, 6), round(found.nll, 6), found.n) == fit[1:4]


def test_a_target_column_goes_with_the_data() -> None:
    data = open_logits(CASES / "label_column.csv", target_column="label")
    assert data.targets is not None
    assert data.labels == CLASSES
    assert data.targets.tolist() == [0, 1, 2, 1, 1, 2, 0, 1]
    assert round(ts.fit_temperature(data).temperature, 6) == 1.020401


@pytest.mark.parametrize("ending", ["parquet", "feather", "arrow"])
@pytest.mark.parametrize(
    ("name", "target_column", "labels"),
    [("label_column", "label", CLASSES), ("pandas_index", None, CLASSES)],
)
def test_the_same_table_in_other_formats(
    tmp_path: Path, ending: str, name: str, target_column: str | None, labels: tuple[str, ...]
) -> None:
    import pandas as pd

    frame = pd.read_csv(CASES / f"{name}.csv", index_col=0 if name == "pandas_index" else None)
    if ending == "parquet":
        frame.to_parquet(tmp_path / "x.parquet", index=True)
    else:
        frame.reset_index(names="").to_feather(tmp_path / f"x.{ending}") if (
            name == "pandas_index"
        ) else frame.to_feather(tmp_path / f"x.{ending}")
    data = open_logits(tmp_path / f"x.{ending}", target_column=target_column)
    assert data.labels == labels
    np.testing.assert_array_equal(data.values, np.load(CASES / "logits.npy"))


# Tables and pipelines: (file, rows, labels).
ROWS: list[tuple[str, list[list[float]], tuple[str, ...] | None]] = [
    # Two classes are two columns, not labels and logits.
    ("two_classes.csv", [[-3, 3], [0.6, -0.6], [-0.2, 0.2]], ("negative", "positive")),
    ("german_excel.csv", [[0.5, 1.2, 3.3], [1.5, 2.2, 0.3]], None),
    (
        "pipeline_scores.json",
        [[0.7, 0.2, 0.1], [0.3, 0.2, 0.5]],
        ("joy", "anger", "fear"),
    ),
]


@pytest.mark.parametrize(("name", "rows", "labels"), ROWS)
def test_tables_and_pipelines_give_their_rows(
    name: str, rows: list[list[float]], labels: tuple[str, ...] | None
) -> None:
    data = open_logits(CASES / name)
    assert np.asarray(data).tolist() == rows
    assert data.labels == labels


def test_two_classes_on_the_command_line(capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["softmax", str(CASES / "two_classes.csv"), "--row", "0"]) == 0
    assert [round(float(line), 6) for line in capfd.readouterr().out.split()] == [
        0.002473,
        0.997527,
    ]


def test_scores_of_a_pipeline_are_probabilities(capfd: pytest.CaptureFixture[str]) -> None:
    path = str(CASES / "pipeline_scores.json")
    assert cli.main(["softmax", path, "--row", "1", "--probabilities", "--json"]) == 0
    found = json.loads(capfd.readouterr().out)
    assert found["labels"] == ["joy", "anger", "fear"]
    assert np.allclose(found["probabilities"], [0.3, 0.2, 0.5])
    assert cli.main(["softmax", path, "--row", "1"]) == 0
    assert "add --probabilities" in capfd.readouterr().err


# Responses: (file, rows), each row a map from tokens to probabilities at T = 1.
BA = {"B": 0.75, "A": 0.2, REST: 0.05}
RESPONSES: list[tuple[str, list[dict[str, float]]]] = [
    ("responses_stream.sse", [{"Par": 0.6, "Ly": 0.3, REST: 0.1}]),
    ("null_logprob_chat.json", [{"B": 0.75, "A": 0.25, "#": 0}]),
    ("u2028_stream.sse", [{"\u2028": 0.75, "\x85": 0.2, REST: 0.05}]),
    ("comment_first.sse", [BA]),
    ("usage_chunk.sse", [BA]),
    ("one_failed_of_two.jsonl", [BA]),
    ("batch_output.jsonl", [BA, BA]),
    ("tgi.json", [{" It": 0.5, " He": 0.25, REST: 0.25}, {" is": 0.9, REST: 0.1}]),
    ("gemini.json", [{"Hi": 0.7, "Hey": 0.2, REST: 0.1}]),
    ("reasoning_content.json", [{"Hm": 0.5, REST: 0.5}, {"B": 0.6, REST: 0.4}]),
    (
        "content_only.json",
        [{" Paris": 0.7, " the": 0.15, " a": 0.05, REST: 0.1}, {"!": 0.6, ".": 0.3, REST: 0.1}],
    ),
]
ENDINGS = ("json", "jsonl", "ndjson", "sse", "txt")


def reported(data: ts.Dataset, row: int) -> list[tuple[str, float]]:
    found = data.reported(row)
    assert found.tokens is not None
    assert data.labels_of(row) == tuple(token.text for token in found.tokens)
    # The interval at the server's temperature has the number that was reported.
    low, high = ts.softmax(found)
    assert ((low <= np.exp(found.logprobs)) & (np.exp(found.logprobs) <= high)).all()
    tokens = [token.text for token in found.tokens]
    probabilities = np.exp(found.logprobs).round(9).tolist()
    tail = [] if found.tail == -np.inf else [(REST, round(float(np.exp(found.tail)), 9))]
    return [*zip(tokens, probabilities, strict=True), *tail]


@pytest.mark.parametrize("ending", [*ENDINGS, "standard input"])
@pytest.mark.parametrize(("name", "rows"), RESPONSES)
def test_a_response_is_read_under_any_file_ending(
    tmp_path: Path, name: str, rows: list[dict[str, float]], ending: str
) -> None:
    content = (CASES / name).read_bytes()
    if ending == "standard input":
        data = parse_logits(content)
    else:
        (tmp_path / f"x.{ending}").write_bytes(content)
        data = open_logits(tmp_path / f"x.{ending}")
    assert data.rows == len(rows)
    for row, expected in enumerate(rows):
        assert reported(data, row) == list(expected.items())


@pytest.mark.parametrize(("name", "rows"), RESPONSES)
def test_responses_on_the_command_line(
    capfd: pytest.CaptureFixture[str],
    name: str,
    rows: list[dict[str, float]],
) -> None:
    row = len(rows) - 1
    assert cli.main(["softmax", str(CASES / name), "--row", str(row), "--json"]) == 0
    found = json.loads(capfd.readouterr().out)
    expected = dict(rows[row])
    rest = expected.pop(REST, None)
    assert found["labels"] == list(expected)
    if rest is None:
        assert np.allclose(found["probabilities"], list(expected.values()), atol=1e-9)
        return
    ends = np.array([*found["probabilities"], found["not_reported"]])
    assert (np.abs(ends - np.array([*expected.values(), rest])[:, None]) < 1e-5).all()


def test_tokens_of_one_text_are_told_apart() -> None:
    data = open_logits(CASES / "same_text_completions.json")
    assert sorted(reported(data, 0)) == sorted(
        [("yes", 0.7), ("no", 0.2), ("maybe", 0.05), ("yes", 0.02), (REST, 0.03)]
    )
    assert reported(data, 0)[data.drawn[0]] == ("yes", 0.7)


def test_the_error_of_a_server_is_told(capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["softmax", str(CASES / "one_failed_of_two.jsonl")]) == 0
    err = capfd.readouterr().err
    assert "line 2" in err
    assert "boom" in err


def test_an_unreadable_row_leaves_the_others_readable(capfd: pytest.CaptureFixture[str]) -> None:
    path = CASES / "first_logprob_positive.json"
    data = open_logits(path)
    assert [reported(data, row)[0][1] for row in (1, 2)] == [0.960789439, 0.600495579]
    with pytest.raises(FileError, match=r"row 0: .* must be <= 0, got 0.703125"):
        data.row(0)
    with pytest.raises(FileError, match=r"row 0: "):
        list(data.blocks())
    assert cli.main(["softmax", str(path), "--row", "1"]) == 0
    assert cli.main(["softmax", str(path), "--row", "0"]) == 2
    assert "row 0: " in capfd.readouterr().err


@pytest.mark.parametrize("temperature", [0, 0.5, 1, 2, np.inf])
def test_a_whole_distribution_has_no_tail(temperature: float) -> None:
    data = open_logits(CASES / "all_reported.json")
    found = data.row(0)
    assert found.labels == tuple(f"t{at}" for at in range(7))
    assert ts.softmax(found, temperature).sum() == pytest.approx(1)


# (command, words of its error)
ERRORS: list[tuple[str, str]] = [
    *(
        (f"{command} {{}} targets3.txt".format("empty_cell_line2.csv"), "line 2: column 'dog'")
        for command in ("fit", "reliability", "sweep")
    ),
    ("softmax empty_cell_line2.csv --row 0", "line 2: column 'dog'"),
    (
        "softmax thousands.csv --row 0",
        "line 2: column 'a' must be of numbers, got '1,000.5': write",
    ),
    ("softmax damaged_1.arrow", "damaged"),
    *(
        (f"{command} {name}", "damaged")
        for command in ("softmax", "sweep", "explore")
        for name in ("meta_list.safetensors", "negative_shape.safetensors")
    ),
    ("fit trainer_predictions.npz targets.txt", "'predictions' (2, 8, 3)"),
    ("softmax trainer_predictions.npz", "'label_ids' (2, 8)"),
    ("softmax label_column.csv --row 0", "'label'"),
    ("fit label_column.csv label_column.csv", "--target-column"),
]


@pytest.mark.parametrize(("arguments", "said"), ERRORS)
def test_errors_are_one_line(capfd: pytest.CaptureFixture[str], arguments: str, said: str) -> None:
    assert cli.main(paths(arguments)) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert said in err


@pytest.mark.parametrize("cell", ["", "NA", "1.O"])
@pytest.mark.parametrize("line", [2, 3, 4])
def test_a_cell_without_a_number_is_an_error_not_a_lost_class(
    tmp_path: Path, cell: str, line: int
) -> None:
    lines = ["cat,dog,eel", "2.0,1.0,0.1", "0.5,3.0,0.2", "1.5,2.0,0.2"]
    first, _, last = lines[line - 1].split(",")
    lines[line - 1] = f"{first},{cell},{last}"
    (tmp_path / "x.csv").write_text("\n".join(lines))
    with pytest.raises(FileError, match=rf"x.csv: line {line}: column 'dog' must be of numbers"):
        list(open_logits(tmp_path / "x.csv").blocks())


def test_a_file_of_pytorch_is_never_unpickled(monkeypatch: pytest.MonkeyPatch) -> None:
    path = CASES / "state.pt"
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(FileError, match=r"torch\.load\('state\.pt', weights_only=True\)"):
        open_logits(path)
    monkeypatch.undo()
    pytest.importorskip("torch", reason="PyTorch reads what torch.save wrote")
    data = open_logits(path, columns="logits", target_column="labels")
    assert (data.shape, data.targets is not None) == ((8, 3), True)


def run(arguments: Sequence[str], content: bytes) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "thermoscope", *arguments],
        input=content,
        capture_output=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


@pytest.mark.parametrize(
    "arguments",
    [
        "softmax --row 0",
        "softmax - --row 0",
        "fit - targets.txt --json",
        "reliability - targets.txt --json",
        "sweep - targets.txt",
        "export OUT -",
    ],
)
@pytest.mark.parametrize("name", ["pandas_index.csv", "savetxt_header.csv"])
def test_standard_input_is_read_as_the_file_is(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], arguments: str, name: str
) -> None:
    words = paths(arguments.replace("OUT", str(tmp_path / "a.html")))
    row = ["--row", "0"] if "OUT" in arguments else []
    code, out, err = run([*words, *row], (CASES / name).read_bytes())
    assert (code, err.count("Traceback")) == (0, 0), err
    words = [str(CASES / name) if word == "-" else word for word in words]
    if arguments == "softmax --row 0":
        words = ["softmax", str(CASES / name), "--row", "0"]
    words = [word.replace("a.html", "b.html") for word in words]
    assert cli.main([*words, *row]) == 0
    assert out.replace("a.html", "b.html") == capfd.readouterr().out


def test_rows_of_token_positions_are_an_array() -> None:
    data = open_logits(CASES / "token_logits.npy")
    assert data.shape == (16, 3)
    np.testing.assert_array_equal(ts.softmax(data), ts.softmax(np.asarray(data)))
    assert repr(data).startswith("<Dataset 'token_logits.npy'")


# (command, labels, probabilities at T = 1) for files that were only read in Python above.
COMMANDS: list[tuple[str, list[str] | None, list[float]]] = [
    ("german_excel.csv --row 0", None, ts.softmax([0.5, 1.2, 3.3]).tolist()),
    ("two_classes.csv --row 1", ["negative", "positive"], ts.softmax([0.6, -0.6]).tolist()),
    (
        "token_logits.npy --row 15",
        None,
        ts.softmax(np.load(CASES / "token_logits.npy"))[1, 7].tolist(),
    ),
    ("pandas_index.csv --row 2", [*CLASSES], ts.softmax([-1.5, 0.0, 2.5]).tolist()),
    (
        "label_column.csv --target-column label --row 2",
        [*CLASSES],
        ts.softmax([-1.5, 0.0, 2.5]).tolist(),
    ),
]


@pytest.mark.parametrize(("arguments", "labels", "probabilities"), COMMANDS)
def test_a_row_on_the_command_line(
    capfd: pytest.CaptureFixture[str],
    arguments: str,
    labels: list[str] | None,
    probabilities: list[float],
) -> None:
    assert cli.main(["softmax", *paths(arguments), "--json"]) == 0
    found = json.loads(capfd.readouterr().out)
    assert found["labels"] == labels or sorted(found["labels"]) == sorted(labels or [])
    assert sorted(found["probabilities"]) == pytest.approx(sorted(probabilities))


def test_tokens_of_one_text_are_told_apart_on_the_command_line(
    capfd: pytest.CaptureFixture[str],
) -> None:
    assert cli.main(["softmax", *paths("same_text_completions.json"), "--json"]) == 0
    found = json.loads(capfd.readouterr().out)
    assert found["labels"] == ["yes", "no", "maybe", "yes"]
    expected = np.array([0.7, 0.2, 0.05, 0.02])
    assert np.allclose(np.array(found["probabilities"]), expected[:, None], atol=1e-5)
    assert np.allclose(found["not_reported"], 0.03, atol=1e-5)


@pytest.mark.parametrize("function", [ts.softmax, ts.entropy, np.asarray, ts.sample])
def test_what_takes_logits_refuses_a_row_with_a_tail(function: Any) -> None:
    data = open_logits(CASES / "tgi.json")
    words = r"row 0: 0.25 of the probability is of tokens that the server did not report"
    for rows in (data.row(0), data):
        with pytest.raises(ValueError, match=words):
            function(rows)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("fit", "calibration needs the logits of all classes: thermoscope softmax, sweep and"),
        ("reliability", "calibration needs the logits of all classes: thermoscope softmax, sweep"),
        ("sweep", "TARGETS must be left out: the targets of a server's answer are its drawn"),
    ],
)
def test_commands_with_targets_refuse_a_row_with_a_tail(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], command: str, words: str
) -> None:
    targets = tmp_path / "targets.txt"
    targets.write_text("0\n0\n")
    assert cli.main([command, str(CASES / "tgi.json"), str(targets)]) == 2
    assert words in capfd.readouterr().err


def test_a_vocabulary_is_that_of_a_server() -> None:
    data = open_logits(CASES / "tgi.json", vocabulary=1000)
    assert data.reported(0).vocabulary == 1000
    assert data.reported(0, vocabulary=2000).vocabulary == 2000
    assert data.row(1).reported().vocabulary == 1000
    assert open_logits(CASES / "all_reported.json").reported(0).vocabulary == 7
    with pytest.raises(ts.ArgumentError, match="vocabulary must be at least"):
        data.reported(0, vocabulary=1)
    with pytest.raises(ts.ArgumentError, match="vocabulary must be left out where no server"):
        open_logits(CASES / "logits.npy", vocabulary=10)


def test_a_whole_distribution_has_no_tail_on_the_command_line(
    capfd: pytest.CaptureFixture[str],
) -> None:
    for temperature in ("0.5", "1", "2"):
        assert cli.main(["softmax", *paths("all_reported.json"), "-T", temperature, "--json"]) == 0
        assert REST not in json.loads(capfd.readouterr().out)["labels"]


def test_a_file_of_pytorch_on_the_command_line(capfd: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("torch", reason="PyTorch reads what torch.save wrote")
    arguments = "state.pt --columns logits --target-column labels --json"
    assert cli.main(["fit", *paths(arguments)]) == 0
    assert json.loads(capfd.readouterr().out)["n"] == 8


def test_separators_of_thousands_in_python() -> None:
    with pytest.raises(FileError, match=r"line 2: column 'a' .* '1,000.5': write 1000.5"):
        open_logits(CASES / "thousands.csv")
