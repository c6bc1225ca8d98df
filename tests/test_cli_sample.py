"""`thermoscope sample` draws what `sample` draws of what `keep` keeps."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.command_line import LOGITS, in_terminal, run, write_answer
from thermoscope import cli, keep, sample, samples, sampling, softmax, truncate
from thermoscope.truncation.steps import Remaining, remaining

TYPED = ["2", "1", "0.1", "-1"]
ROW = [2.0, 1.0, 0.1, -1.0]
SEEDED = ["--seed", "7"]


@pytest.fixture
def rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """Save rows of more than one block in the current folder, and return them in float64."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sampling, "BLOCK", 256)
    np.save("z.npy", LOGITS)
    Path("labels.json").write_text('["cat", "a\\tb\\nc", "eel", ""]', encoding="utf-8")
    return LOGITS.astype(np.float64)


def whole(text: str) -> list[int]:
    return [int(line) for line in text.splitlines()]


@pytest.mark.parametrize("temperature", ["0", "0.5", "1", "inf"])
def test_draws_are_those_of_python_at_every_call(
    capfd: pytest.CaptureFixture[str], temperature: str
) -> None:
    for _ in range(2):
        assert cli.main(["sample", *TYPED, "-n", "20", *SEEDED, "-T", temperature]) == 0
        expected = sample(ROW, float(temperature), size=20, rng=7)
        out, err = capfd.readouterr()
        assert whole(out) == expected.tolist()
        assert err == ""


def test_one_draw_is_the_default_and_standard_input_is_read() -> None:
    done = run("sample", *SEEDED, text="[2, 1, 0.1, -1]")
    assert (whole(done.stdout), done.stderr) == ([int(sample(ROW, rng=7))], "")


def test_a_seed_that_was_not_given_is_told(capfd: pytest.CaptureFixture[str]) -> None:
    drawn = []
    for _ in range(2):
        assert cli.main(["sample", *TYPED, "-n", "50"]) == 0
        drawn.append(capfd.readouterr())
    (out, err), (other, _) = drawn
    assert out != other
    words, option, seed = err.rpartition("--seed ")
    assert words == "drawn with "
    assert cli.main(["sample", *TYPED, "-n", "50", option.strip(), seed.strip()]) == 0
    assert capfd.readouterr() == (out, "")


@pytest.mark.parametrize(
    ("options", "steps"),
    [
        (["--top-k", "2"], {"top_k": 2}),
        (["--top-p", "0.8", "-T", "5"], {"top_p": 0.8, "temperature": 5.0}),
        (
            ["--top-p", "0.8", "-T", "5", "--order", "top-p,temperature"],
            {"top_p": 0.8, "temperature": 5.0, "order": ["top_p", "temperature"]},
        ),
        (
            ["--min-p", "0.3", "-T", "2", "--engine", "llama.cpp"],
            {"min_p": 0.3, "temperature": 2.0, "engine": "llama.cpp"},
        ),
        (["--epsilon", "0.1", "--top-n-sigma", "1.5"], {"epsilon": 0.1, "top_n_sigma": 1.5}),
        (["--typical-p", "0.6", "--eta", "0.1"], {"typical_p": 0.6, "eta": 0.1}),
    ],
)
def test_what_is_dropped_is_never_drawn(
    capfd: pytest.CaptureFixture[str], options: list[str], steps: dict[str, Any]
) -> None:
    assert cli.main(["sample", *TYPED, "-n", "400", *SEEDED, *options]) == 0
    kept = keep(ROW, **steps)
    expected = sample(ROW, steps.get("temperature", 1.0), size=400, rng=7, where=kept)
    out, err = capfd.readouterr()
    assert whole(out) == expected.tolist()
    assert set(whole(out)) == set(np.flatnonzero(kept).tolist())
    assert err.startswith(f"kept {kept.sum()} of 4, ")


def test_a_single_row_is_truncated_once(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    truncated: list[list[float]] = []

    def counted(logits: Any, *rest: Any, **steps: Any) -> Remaining:
        truncated.extend(row for row in np.atleast_2d(logits).tolist() if row == ROW)
        return remaining(logits, *rest, **steps)

    monkeypatch.setattr("thermoscope.cli.truncation.remaining", counted)
    assert cli.main(["sample", *TYPED, *SEEDED, "--top-k", "2"]) == 0
    assert truncated == [ROW]
    assert capfd.readouterr().err.startswith("kept 2 of 4, ")


def test_an_engine_draws_at_its_own_temperature(capfd: pytest.CaptureFixture[str]) -> None:
    options = ["-n", "2000", *SEEDED, "-T", "0.001", "--engine", "vllm", "--counts"]
    assert cli.main(["sample", "2", "1.99", *options]) == 0
    out, err = capfd.readouterr()
    lines = [line.split("\t") for line in out.splitlines()]
    expected = 2000 * truncate([2, 1.99], 0.001, engine="vllm")
    assert [float(line[2]) for line in lines] == expected.tolist()
    # At T = 0.001 itself, the second would have 0.1 draws.
    assert abs(int(lines[1][1]) - expected[1]) < 100
    assert err.endswith("; vllm takes T = 0.001 as 0.01\n")
    # Of a tie, an engine takes the first at T = 0.
    assert cli.main(["sample", "1", "1", "-n", "50", *SEEDED, "-T", "0", "--engine", "vllm"]) == 0
    assert set(whole(capfd.readouterr().out)) == {0}


def test_an_infinite_logit_is_not_taken_for_options(capfd: pytest.CaptureFixture[str]) -> None:
    for line in ("2 -inf -1 -n 9 --seed 7", "-n 9 --seed 7 2 -inf -1", "-n9 --seed=7 -- 2 -inf -1"):
        assert cli.main(["sample", *line.split()]) == 0
        assert whole(capfd.readouterr().out) == sample([2, -np.inf, -1], size=9, rng=7).tolist()


def test_labels_are_printed_and_an_odd_one_stays_on_its_line(
    rows: np.ndarray, capfd: pytest.CaptureFixture[str]
) -> None:
    options = ["--labels", "labels.json", "-n", "30", *SEEDED, "-T", "3"]
    assert cli.main(["sample", "z.npy", "--row", "5", *options]) == 0
    names = ["cat", "a\\tb\\nc", "eel", ""]
    drawn = sample(rows[5], 3.0, size=30, rng=7)
    assert capfd.readouterr().out == "".join(f"{names[item]}\n" for item in drawn)


@pytest.mark.parametrize("steps", [{}, {"top_k": 2}])
def test_each_row_of_a_file_is_a_line(
    rows: np.ndarray, capfd: pytest.CaptureFixture[str], steps: dict[str, int]
) -> None:
    options = ["--top-k", "2"] if steps else []
    assert cli.main(["sample", "z.npy", "-n", "3", *SEEDED, *options]) == 0
    out, err = capfd.readouterr()
    expected = sample(rows, size=3, rng=7, where=keep(rows, **steps) if steps else None)
    assert [list(map(int, line.split("\t"))) for line in out.splitlines()] == expected.T.tolist()
    assert err == ""
    assert cli.main(["sample", "z.npy", "--labels", "labels.json", *SEEDED]) == 0
    assert len(capfd.readouterr().out.split("\n")) == len(rows) + 1


def test_json_has_indices_labels_and_counts(
    rows: np.ndarray, capfd: pytest.CaptureFixture[str]
) -> None:
    options = ["-n", "50", *SEEDED, "-T", "3", "--labels", "labels.json", "--json"]
    assert cli.main(["sample", "z.npy", "--row", "5", *options]) == 0
    found = json.loads(capfd.readouterr().out)
    drawn, probabilities = sample(rows[5], 3.0, size=50, rng=7), softmax(rows[5], 3.0)
    labels = ["cat", "a\tb\nc", "eel", ""]
    assert (found["row"], found["temperature"], found["seed"]) == (5, 3.0, 7)
    assert found["indices"] == drawn.tolist()
    assert found["labels"] == [labels[item] for item in drawn]
    often = [item["count"] for item in found["counts"]]
    assert often == sorted(often, reverse=True)
    assert sum(often) == 50
    for item in found["counts"]:
        assert item["count"] == np.count_nonzero(drawn == item["index"]) > 0
        assert item["label"] == labels[item["index"]]
        assert item["probability"] == probabilities[item["index"]]
    assert cli.main(["sample", "z.npy", "-n", "2", *SEEDED, "--json"]) == 0
    documents = list(map(json.loads, capfd.readouterr().out.splitlines()))
    assert [document["row"] for document in documents] == list(range(300))
    expected = sample(rows, size=2, rng=7).T
    assert [document["indices"] for document in documents] == expected.tolist()
    assert documents[0]["labels"] is documents[0]["counts"][0]["label"] is None
    assert cli.main(["sample", "1", "2", "-T", "inf", *SEEDED, "--json"]) == 0
    found = json.loads(capfd.readouterr().out)
    assert (found["row"], found["temperature"]) == (None, "inf")


def test_counts_in_a_pipe_are_of_all_that_may_be_drawn(
    rows: np.ndarray, capfd: pytest.CaptureFixture[str]
) -> None:
    options = ["-n", "5", *SEEDED, "--counts", "--top-k", "3", "--labels", "labels.json"]
    assert cli.main(["sample", "z.npy", "--row", "5", *options]) == 0
    lines = [line.split("\t") for line in capfd.readouterr().out.splitlines()]
    probabilities = truncate(rows[5], top_k=3)
    drawn = sample(rows[5], size=5, rng=7, where=probabilities > 0)
    counts = np.bincount(drawn, minlength=4)
    names = ["cat", "a\\tb\\nc", "eel", ""]
    assert lines == [
        [names[item], str(counts[item]), repr(5 * float(probabilities[item]))]
        for item in np.flatnonzero(probabilities)
    ]
    assert len(lines) == 3


def test_counts_on_a_terminal_are_a_table_with_bars(tmp_path: Path) -> None:
    lines = in_terminal("sample", *TYPED, "-n", "1000", *SEEDED, "--counts").splitlines()
    counts = np.bincount(sample(ROW, size=1000, rng=7))
    expected = [f"{1000 * p:.4g}" for p in softmax(ROW)]
    assert lines[0].split() == ["label", "draws", "expected"]
    found = [line.split()[:3] for line in lines[1:5]]
    assert found == [
        [str(item), str(counts[item]), expected[item].rstrip("0").rstrip(".")] for item in range(4)
    ]
    bars = [sum(line.count(block) for block in "█▉▊▋▌▍▎▏") for line in lines[1:5]]
    assert bars[0] > bars[1] > bars[2] > 0
    assert lines[5] == "1,000 draws   T = 1   seed = 7"
    # Of many, the likeliest, and how often the others are drawn.
    path = tmp_path / "many.npy"
    np.save(path, np.linspace(0, 5, 2000))
    lines = in_terminal("sample", str(path), "-n", "3000", *SEEDED, "--counts").splitlines()
    assert [line.split()[0] for line in lines[1:4]] == ["1999", "1998", "1997"]
    drawn = sample(np.linspace(0, 5, 2000), size=3000, rng=7)
    assert lines[21].split()[:4] == ["other", "1,980", "items", f"{(drawn < 1980).sum():,}"]


def test_rows_of_a_server_s_answer_have_their_own_labels(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "answer.json"
    write_answer(path)
    assert cli.main(["sample", str(path), "-n", "200", "--top-k", "2", *SEEDED]) == 0
    first, second = (set(line.split("\t")) for line in capfd.readouterr().out.splitlines())
    assert (first, second) == ({"a", "b"}, {"d", "e"})


@pytest.mark.parametrize("truncation", [[], ["--top-p", "0.999"], ["--top-k", "50"]])
def test_a_token_that_is_not_reported_is_never_drawn(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], truncation: list[str]
) -> None:
    path = tmp_path / "answer.json"
    write_answer(path)
    assert cli.main(["sample", str(path), *truncation, *SEEDED]) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert "row 0: what is drawn depends on tokens that the server did not report" in err
    assert "--top-k of at most 3" in err


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("2 1 -n 0", "Invalid value for '-n'"),
        ("2 1 -n x", "Invalid value for '-n'"),
        ("2 1 --seed -1", "Invalid value for '--seed': "),
        ("2 1 -T -1", "temperature must be >= 0, got -1.0"),
        ("nan 1 --seed 1", "logits must have an unmasked entry above -inf and no NaN, got a row "),
        ("odd.npy --seed 1", "odd.npy: row 277: logits must have an unmasked entry above -inf "),
        ("odd.npy --seed 1 --row 277", "logits must have an unmasked entry above -inf and no NaN"),
        ("z.npy --counts", "z.npy: the array has 300 rows: choose one with --row, 0 to 299"),
        ("z.npy --row 300", "z.npy: row must be 0 to 299, got 300"),
        ("2 1 --row 0", "--row must come with a file, got 0"),
        ("2 1 --engine x --seed 1", "--engine must be one of 'transformers', "),
        ("2 1 --order top-k --seed 1", "--order names 'top-k' without its parameter: "),
        ("2 1 -o out.npy", "no such option: -o"),
    ],
)
def test_an_error_is_one_line(
    rows: np.ndarray, capfd: pytest.CaptureFixture[str], line: str, words: str
) -> None:
    rows[277, 1] = np.nan
    np.save("odd.npy", rows)
    assert cli.main(["sample", *line.split()]) == 2
    err = capfd.readouterr().err
    assert err.startswith(f"thermoscope: error: {words}")
    assert err.count("\n") == 1


def test_the_engines_are_listed(capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["sample", "--engine", "list"]) == 0
    assert capfd.readouterr().out.startswith("engine        changes of logits, first\n")


def test_a_classifier_s_sample_data_are_drawn_as_their_probabilities(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    logits, _, _ = samples.digits()
    np.save(tmp_path / "z.npy", logits)
    assert cli.main(["sample", str(tmp_path / "z.npy"), "-n", "100", *SEEDED, "-T", "5"]) == 0
    drawn = np.loadtxt(capfd.readouterr().out.splitlines(), dtype=int, delimiter="\t")
    counts = np.bincount(drawn.ravel(), minlength=10)
    probabilities = softmax(logits.astype(np.float64), 5.0)
    deviation = np.sqrt(100 * (probabilities * (1 - probabilities)).sum(axis=0))
    assert (np.abs(counts - 100 * probabilities.sum(axis=0)) < 5 * deviation).all()
