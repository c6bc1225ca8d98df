"""`thermoscope softmax` of a server's answer: tokens by name, probabilities as ranges."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from tests.command_line import in_terminal, run
from tests.test_drawn import entry, position
from thermoscope import cli, entropy, perplexity, softmax, truncate
from thermoscope.data.reading import open_logits


@pytest.fixture
def answer(tmp_path: Path) -> str:
    path = tmp_path / "response.json"
    content = [
        position(entry(" b", 0.25), entry("a", 0.5), entry("\n", 0.125)),
        position(entry("whole", 1.0)),
    ]
    path.write_text(json.dumps({"logprobs": {"content": content}}), encoding="utf-8")
    return str(path)


def test_json_has_the_ranges_of_python(answer: str, capfd: pytest.CaptureFixture[str]) -> None:
    options = ["--row", "0", "-T", "0.5", "--vocabulary", "1000"]
    assert cli.main(["softmax", answer, *options, "--json"]) == 0
    document = json.loads(capfd.readouterr().out)
    row = open_logits(answer).reported(0, vocabulary=1000)
    low, high = softmax(row, 0.5)
    assert document["labels"] == ["a", " b", "\n"]
    assert document["indices"] == [1, 0, 2]
    assert document["probabilities"] == [[low[at], high[at]] for at in (1, 0, 2)]
    assert document["not_reported"] == list(row.not_reported(0.5))
    assert document["entropy"] == list(entropy(row, 0.5))
    assert document["perplexity"] == list(perplexity(row, 0.5))
    assert "sampler" not in document


def test_a_sampler_keeps_drops_or_is_not_decided(
    answer: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["softmax", answer, "--row", "0", "--top-k", "2", "--json"]) == 0
    document = json.loads(capfd.readouterr().out)
    row = open_logits(answer).reported(0)
    low, high = truncate(row, top_k=2)
    assert document["sampler"] == ["kept", "kept", "dropped"]
    assert document["probabilities"] == [[low[at], high[at]] for at in (1, 0, 2)]
    assert document["not_reported"] == [0, 0]
    assert "entropy" not in document


def test_a_terminal_gets_a_table(answer: str) -> None:
    lines = in_terminal(
        "softmax", answer, "--row", "0", "-T", "0.5", "--vocabulary", "1000"
    ).splitlines()
    head, *tokens, rest, footer = [line.split() for line in lines]
    assert head == ["token", "probability"]
    assert [token[:4] for token in tokens] == [
        ["a", "0.7272", "…", "0.7619"],
        ["␣b", "0.1818", "…", "0.1905"],
        ["\\n", "0.04545", "…", "0.04762"],
    ]
    assert tokens[0][4].startswith("█")
    assert rest == ["(not", "reported)", "0.00004776", "…", "0.04546"]
    assert footer[:2] == ["T", "="]
    assert "entropy" in footer


def test_the_likeliest_are_shown_and_the_others_counted(answer: str) -> None:
    lines = in_terminal("softmax", answer, "--row", "0", "--top", "1").splitlines()
    assert [line.split()[0] for line in lines] == ["token", "a", "(not", "and", "T"]
    assert lines[3].rstrip() == "and 2 more tokens that are reported"


def test_a_pipe_gets_a_line_for_each_token(answer: str) -> None:
    lines = run("softmax", answer, "--row", "0", "--top", "2").stdout.splitlines()
    texts = [line.split("\t")[0] for line in lines]
    ends = [[float(end) for end in line.split("\t")[1:]] for line in lines]
    assert texts == ["a", " b"]
    assert ends == [pytest.approx([0.5, 0.5]), pytest.approx([0.25, 0.25])]


def test_a_csv_file_gets_the_ranges(answer: str, tmp_path: Path) -> None:
    out = tmp_path / "p.csv"
    assert run("softmax", answer, "--row", "0", "-o", str(out)).stdout == ""
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["label"] for row in rows] == ["a", " b", "\n"]
    assert float(rows[0]["low"]) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--row", "0", "-o", "p.npy"], "are ranges, of one row: they must go to a .csv or .json"),
        (["--row", "2"], "row must be 0 to 1, got 2"),
        (["--row", "0", "--vocabulary", "2"], "vocabulary must be at least the 3 tokens"),
        ([], "the answer has 2 tokens: choose one with --row, 0 to 1"),
    ],
)
def test_an_error_says_what_to_do(
    answer: str, capfd: pytest.CaptureFixture[str], options: list[str], words: str
) -> None:
    assert cli.main(["softmax", answer, *options]) == 2
    assert words in capfd.readouterr().err


def test_a_vocabulary_is_of_an_answer(capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["softmax", "2", "1", "--vocabulary", "7"]) == 2
    assert "--vocabulary must come with a server's answer" in capfd.readouterr().err
