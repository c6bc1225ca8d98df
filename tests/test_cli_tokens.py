"""`thermoscope tokens`: the table, CSV, JSON, and what a sampler could have written."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from tests.command_line import in_terminal, run
from tests.test_drawn import INSPECT, entry, position
from thermoscope import cli


@pytest.fixture
def answer(tmp_path: Path) -> str:
    path = tmp_path / "response.json"
    text = [
        position(entry("\ufffd", 0.75, b" \xf0\x9f"), entry("a", 0.125)),
        position(entry("\ufffd", 0.5, b"\x99\x82"), entry("b", 0.25)),
        position(entry("\n", 0.2), entry(" ", 0.5), entry("c", 0.25)),
        {**entry("<|end|>", 0.01), "top_logprobs": [entry("a", 0.5), entry("b", 0.25)]},
    ]
    path.write_text(json.dumps({"logprobs": {"content": text}}), encoding="utf-8")
    return str(path)


def test_a_terminal_gets_a_table(answer: str) -> None:
    lines = in_terminal("tokens", answer, "--top-k", "3").splitlines()
    assert [line.split() for line in lines] == [
        ["row", "token", "surprisal,", "bits", "rank", "entropy,", "bits", "sampler"],
        ["0", "␣🙂", "1", "of", "2", "0.415", "1", "≥", "1.06", "kept"],
        ["1", "␣🙂", "2", "of", "2", "1", "1", "≥", "1.5", "kept"],
        ["2", "\\n", "2.32", "3", "≥", "1.68", "kept"],
        ["3", "<|end|>", "6.64", "3", "…", "26", "≥", "1.56", "undecided"],
        [
            "4",
            "tokens:",
            "10.38",
            "bits",
            "at",
            "T",
            "=",
            "1;",
            "at",
            "these",
            "settings",
            "0",
            "of",
            "these",
            "4",
            "tokens",
            "could",
            "not",
            "have",
            "been",
            "written,",
            "and",
            "1",
            "may",
            "or",
            "may",
            "not",
        ],
    ]


def test_the_table_of_the_docs_is_what_is_printed() -> None:
    root = Path(__file__).parent.parent
    text = (root / "docs" / "sequences.md").read_text(encoding="utf-8")
    command, *lines = text.partition("$ thermoscope tokens ")[2].partition("```")[0].splitlines()
    file, *options = command.split()
    path = root / "tests" / "data" / "sequences" / file
    printed = in_terminal("tokens", str(path), *options, columns=80).splitlines()
    shown = [line for line in lines if line != "…"]
    assert len(shown) > 8
    assert [line for line in shown if line not in map(str.rstrip, printed)] == []


def test_a_long_table_goes_through_a_pager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "long.json"
    text = [position(entry(f"t{at}", 0.5), entry("b", 0.25)) for at in range(100)]
    path.write_text(json.dumps({"logprobs": {"content": text}}), encoding="utf-8")
    monkeypatch.setenv("PAGER", "head -n 3")
    lines = in_terminal("tokens", str(path)).splitlines()
    assert [line.split()[:2] for line in lines] == [["row", "token"], ["0", "t0"], ["1", "t1"]]


def test_a_pipe_gets_csv_and_the_sum_beside_it(answer: str) -> None:
    done = run("tokens", answer, "--top-k", "2", "--nats")
    assert done.returncode == 0
    assert done.stderr == (
        "4 tokens: 7.195 nats at T = 1; at these settings 2 of these 4 tokens could not have been "
        "written\n"
    )
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert [row["text"] for row in rows] == [" 🙂", " 🙂", "\n", "<|end|>"]
    assert [row["sampler"] for row in rows] == ["kept", "kept", "dropped", "dropped"]
    assert [(row["part"], row["parts"]) for row in rows] == [
        *(("1", "2"), ("2", "2")),
        *[("1", "1")] * 2,
    ]
    assert (rows[3]["rank_low"], rows[3]["rank_high"]) == ("3", "26")
    assert rows[0]["entropy_high"] == "inf"


def test_json_has_ranges(answer: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["tokens", answer, "-T", "0.5", "--vocabulary", "1000", "--json"]) == 0
    document = json.loads(capfd.readouterr().out)
    assert (document["temperature"], document["unit"], document["positions"]) == (0.5, "bits", 4)
    assert document["dropped"] is document["undecided"] is None
    low, high = document["tokens"][0]["surprisal"]
    assert 0 < low < high < 0.2
    assert document["tokens"][0]["bytes"] == [32, 0xF0, 0x9F]
    low, high = document["surprisal"]
    sums = [sum(token["surprisal"][end] for token in document["tokens"]) for end in range(2)]
    assert [low, high] == pytest.approx(sums)


@pytest.mark.parametrize("ending", ["csv", "json"])
def test_a_file_gets_what_is_printed(tmp_path: Path, answer: str, ending: str) -> None:
    out = tmp_path / f"tokens.{ending}"
    printed = run("tokens", answer, f"--{ending}").stdout
    done = run("tokens", answer, "-o", str(out))
    assert (done.returncode, done.stdout) == (0, "")
    assert out.read_text(encoding="utf-8") == printed
    assert done.stderr == "4 tokens: 10.38 bits at T = 1\n"


def test_passages_have_headings(tmp_path: Path) -> None:
    path = tmp_path / "vllm.json"
    prompt = [None, {"1": {"logprob": -0.5, "rank": 1, "decoded_token": "2"}}]
    choice = {"message": {}, "logprobs": {"content": [position(entry("4", 0.5))]}}
    answer = {"prompt_logprobs": prompt, "prompt_token_ids": [7, 1], "choices": [choice]}
    path.write_text(json.dumps(answer), encoding="utf-8")
    lines = in_terminal("tokens", str(path)).splitlines()
    assert [line.split()[0] for line in lines] == ["row", "prompt", "0", "answer", "1", "2"]
    rows = list(csv.DictReader(io.StringIO(run("tokens", str(path)).stdout)))
    assert [row["kind"] for row in rows] == ["prompt", "answer"]


def test_standard_input_and_logs_are_read() -> None:
    text = INSPECT.read_text(encoding="utf-8")
    assert run("tokens", "-", text=text).stdout == run("tokens", str(INSPECT)).stdout != ""


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--csv", "--json"], "--csv must come without --json"),
        (["-o", "tokens.txt"], "tokens.txt: tokens must go to a .csv or .json file"),
        (["--top-p", "2"], "--top-p must be"),
        (["--vocabulary", "1"], "vocabulary must be"),
        (["-T", "-1"], "temperature must be >= 0"),
    ],
)
def test_an_error_says_what_to_do(
    answer: str, capfd: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    assert cli.main(["tokens", answer, *arguments]) == 2
    assert words in capfd.readouterr().err


def test_a_file_without_tokens_is_refused(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "logits.json").write_text("[2, 1]")
    assert cli.main(["tokens", str(tmp_path / "logits.json")]) == 2
    assert "no tokens in it: it must be what a server answers" in capfd.readouterr().err


def test_softmax_names_the_tokens_of_an_answer(
    answer: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["softmax", answer]) == 2
    assert (
        capfd.readouterr()
        .err.strip()
        .endswith(
            "the answer has 4 tokens: choose one with --row, 0 to 3 (thermoscope tokens shows them)"
        )
    )
    assert cli.main(["softmax", answer, "--row", "1", "--top", "1"]) == 0
    text, low, high = capfd.readouterr().out.rstrip("\n").split("\t")
    assert (text, float(low), float(high)) == ("\ufffd", pytest.approx(0.5), pytest.approx(0.5))
