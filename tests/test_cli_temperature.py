"""`thermoscope temperature` gives what `temperature_for` gives, of one row and of many."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.command_line import LOGITS, in_terminal, run, write_answer
from thermoscope import Reported, cli, entropy, perplexity, softmax, temperature_for
from thermoscope.data import dataset

TYPED = ["2", "1", "0.1"]
ROW = [2.0, 1.0, 0.1]


@pytest.fixture
def rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """Save rows of more than one block in the current folder, and return them in float64."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(dataset, "BLOCK", 1000)
    np.save("z.npy", LOGITS)
    return LOGITS.astype(np.float64)


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        (["--entropy", "0.5"], {"entropy": 0.5}),
        (["--entropy", "1.5", "--bits"], {"entropy": 1.5, "base": 2}),
        (["--perplexity", "2"], {"perplexity": 2}),
        (["--top-probability", "0.9"], {"top_probability": 0.9}),
        (["--top-probability", "1"], {"top_probability": 1}),
        (["--perplexity", "3"], {"perplexity": 3}),
    ],
)
def test_the_temperature_of_typed_logits_is_that_of_python(
    capfd: pytest.CaptureFixture[str], options: list[str], wanted: dict[str, float]
) -> None:
    expected = float(temperature_for(ROW, **wanted))
    assert cli.main(["temperature", *TYPED, *options]) == 0
    assert capfd.readouterr().out == f"{expected!r}\n"
    assert cli.main(["temperature", *TYPED, *options, "--json"]) == 0
    found = json.loads(capfd.readouterr().out)
    top = float(softmax(ROW, expected).max())
    assert found == {
        "temperature": "inf" if expected == np.inf else expected,
        "entropy": float(entropy(ROW, expected, base=wanted.get("base"))),
        "perplexity": float(perplexity(ROW, expected)),
        "top_probability": top,
        "unit": "bits" if "base" in wanted else "nats",
    }


def test_what_it_gives_is_told(capfd: pytest.CaptureFixture[str]) -> None:
    said = {
        "--top-probability 0.9": "entropy 0.35989 nats, perplexity 1.43317, top probability 0.9000",
        "--entropy 1.5 --bits": "entropy 1.5 bits, perplexity 2.82843, top probability 0.484419\n",
        "--entropy 0": "entropy 0 nats, perplexity 1, top probability 1\n",
    }
    for options, words in said.items():
        assert cli.main(["temperature", *TYPED, *options.split()]) == 0
        err = capfd.readouterr().err
        assert err.startswith(words)
        assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("logits", "options", "found"),
    [
        (["-1", "-inf", "3"], "--perplexity 2", "inf"),
        (["1", "1", "1"], "--perplexity 3", "1.0"),
        (["3", "1"], "--entropy 0", "0.0"),
        (["nan", "1"], "--entropy 0.1", "nan"),
        (["-inf", "-inf"], "--entropy 0.1", "nan"),
    ],
)
def test_the_ends_and_what_has_none(
    capfd: pytest.CaptureFixture[str], logits: list[str], options: str, found: str
) -> None:
    assert cli.main(["temperature", *logits, *options.split()]) == 0
    assert capfd.readouterr().out == f"{found}\n"


def test_standard_input_is_read() -> None:
    done = run("temperature", "--perplexity", "2", text="2, 1, 0.1")
    assert done.stdout == f"{float(temperature_for(ROW, perplexity=2))!r}\n"
    assert done.returncode == 0


def test_many_rows_are_one_number_a_line(
    rows: np.ndarray, capfd: pytest.CaptureFixture[str]
) -> None:
    expected = temperature_for(rows, perplexity=1.5)
    assert cli.main(["temperature", "z.npy", "--perplexity", "1.5"]) == 0
    out, err = capfd.readouterr()
    assert [float(line) for line in out.splitlines()] == expected.tolist()
    low, middle, high = (f"{number(expected):.6g}" for number in (np.min, np.median, np.max))
    assert err == f"300 rows: T from {low} to {high}, median {middle}\n"
    assert cli.main(["temperature", "z.npy", "--perplexity", "1.5", "--row", "277"]) == 0
    assert capfd.readouterr().out == f"{float(expected[277])!r}\n"
    assert cli.main(["temperature", "z.npy", "--perplexity", "1.5", "--json"]) == 0
    documents = list(map(json.loads, capfd.readouterr().out.splitlines()))
    assert [found["temperature"] for found in documents] == expected.tolist()
    assert documents[277]["top_probability"] == softmax(rows[277], expected[277]).max()


def test_a_row_without_a_softmax_is_nan_among_the_others(
    rows: np.ndarray, capfd: pytest.CaptureFixture[str]
) -> None:
    rows[3, 1], rows[5] = np.nan, -np.inf
    np.save("odd.npy", rows[:7])
    assert cli.main(["temperature", "odd.npy", "--entropy", "0.5"]) == 0
    out, err = capfd.readouterr()
    assert [at for at, line in enumerate(out.splitlines()) if line == "nan"] == [3, 5]
    assert err.startswith("7 rows: T from ")
    assert "nan" not in err.lower()
    np.save("odd.npy", np.full((2, 3), np.nan))
    assert cli.main(["temperature", "odd.npy", "--entropy", "0.5"]) == 0
    assert capfd.readouterr() == ("nan\nnan\n", "2 rows without a softmax\n")


def test_the_options_of_a_file_are_those_of_softmax(
    rows: np.ndarray, capfd: pytest.CaptureFixture[str]
) -> None:
    np.save("p.npy", softmax(rows))
    options = ["--row", "7", "--entropy", "0.5"]
    assert cli.main(["temperature", "p.npy", *options, "--probabilities"]) == 0
    out, err = capfd.readouterr()
    assert float(out) == pytest.approx(temperature_for(rows[7], entropy=0.5))
    assert err.count("\n") == 1
    assert cli.main(["temperature", "z.npy", *options, "--applied-temperature", "2"]) == 0
    assert float(capfd.readouterr().out) == pytest.approx(2 * float(out))
    assert cli.main(["temperature", "p.npy", "--entropy", "0.5"]) == 0
    warning = "thermoscope: warning: p.npy: what was read is >= 0 and sums to 1"
    assert capfd.readouterr().err.startswith(warning)


def test_a_terminal_sees_how_far_it_is(rows: np.ndarray) -> None:
    assert len(rows) == 300
    text = in_terminal("temperature", "z.npy", "--entropy", "0.5")
    assert "100%" in text
    assert "300 rows: T from " in text


NATS = "must be between 0.0 at T = 0 and 1.0986122886681098 at T = inf, got 5.0"
BITS = "must be between 0.0 at T = 0 and 1.58496250072115"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("2 1 0.1", "exactly one of --entropy, --perplexity and --top-probability must be given, "),
        ("2 1 --entropy 0.1 --top-probability 0.9", "exactly one of --entropy, --perplexity and "),
        ("2 1 0.1 --entropy 5", f"entropy {NATS}"),
        ("2 1 0.1 --entropy 5 --bits", f"entropy {BITS}"),
        ("2 1 0.1 --perplexity 0.5", "perplexity must be between 1 at T = 0 and 3 at T = inf, got"),
        ("2 2 0.1 --top-probability 0.9", "top_probability must be between 0.5 at T = 0 and 0.333"),
        ("2 1 0.1 --perplexity nan", "perplexity must be a number, got nan"),
        ("2 1 0.1 --perplexity x", "Invalid value for '--perplexity': "),
        ("2 1 0.1 --perplexity 2 --row 0", "--row must come with a file, got 0"),
        ("2 1 0.1 --perplexity 2 --top 3", "no such option: --top"),
        (
            "odd.npy --perplexity 3",
            "odd.npy: row 277: perplexity must be between 1 at T = 0 and 2 ",
        ),
        ("odd.npy --perplexity 3 --row 277", "perplexity must be between 1 at T = 0 and 2 at T = "),
        ("odd.npy --perplexity 3 --row 300", "odd.npy: row must be 0 to 299, got 300"),
        ("none.npy --perplexity 3", "none.npy: No such file or directory"),
    ],
)
def test_an_error_is_one_line_with_the_possible_range(
    rows: np.ndarray, capfd: pytest.CaptureFixture[str], line: str, words: str
) -> None:
    rows[277, :2] = -np.inf
    np.save("odd.npy", rows)
    assert cli.main(["temperature", *line.split()]) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith(f"thermoscope: error: {words}")
    assert err.count("\n") == 1


def test_rows_of_a_server_s_answer_have_their_own_entries(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "answer.json"
    write_answer(path)
    assert cli.main(["temperature", str(path), "--entropy", "0.5"]) == 0
    both = capfd.readouterr().out.splitlines()
    alone = []
    for row in "01":
        assert cli.main(["temperature", str(path), "--entropy", "0.5", "--row", row]) == 0
        alone += capfd.readouterr().out.splitlines()
    assert len(both) == 2
    assert both == alone


def test_a_server_s_answer_has_two_temperatures(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "answer.json"
    tops = [{"token": "a", "logprob": -0.5}, {"token": "b", "logprob": -1.5}]
    path.write_text(json.dumps({"logprobs": [{**tops[0], "top_logprobs": tops}]}))
    wanted = ["--entropy", "0.5", "--vocabulary", "100"]
    assert cli.main(["temperature", str(path), *wanted]) == 0
    low, high = map(float, capfd.readouterr().out.split("\t"))
    reported = Reported([-0.5, -1.5], vocabulary=100)
    assert [low, high] == pytest.approx(list(temperature_for(reported, entropy=0.5)))
    assert 0 < low < high
    assert cli.main(["temperature", str(path), *wanted, "--json"]) == 0
    assert json.loads(capfd.readouterr().out) == {"temperature": [low, high]}
