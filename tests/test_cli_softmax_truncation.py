"""`thermoscope softmax` with steps in any order, and with the most probable entries alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.command_line import in_terminal, run
from thermoscope import Penalties, cli, engines, entropy, softmax, truncate

TYPED = "2 1 0.1 -1"
LOGITS = [2.0, 1.0, 0.1, -1.0]


def numbers(text: str) -> list[float]:
    return [float(line) for line in text.splitlines()]


@pytest.mark.parametrize(
    ("order", "steps", "names"),
    [
        ("temperature,top_p", {"top_p": 0.8}, ["temperature", "top_p"]),
        ("top-p, temperature", {"top_p": 0.8}, ["top_p", "temperature"]),
        ("top-k,temperature,min_p", {"top_k": 3, "min_p": 0.9}, ["top_k", "temperature", "min_p"]),
        ("temperature", {}, ["temperature"]),
    ],
)
@pytest.mark.parametrize("engine", [None, "llama.cpp"])
def test_the_order_is_that_of_python(
    capfd: pytest.CaptureFixture[str],
    order: str,
    steps: dict[str, Any],
    names: list[str],
    engine: str | None,
) -> None:
    given = [f"--{name.replace('_', '-')}={value}" for name, value in steps.items()]
    given += [] if engine is None else ["--engine", engine]
    assert cli.main(["softmax", *TYPED.split(), "-T", "5", "--order", order, *given]) == 0
    expected = truncate(LOGITS, 5.0, **steps, order=names, engine=engine)
    assert numbers(capfd.readouterr().out) == expected.tolist()


def test_and_the_order_matters(capfd: pytest.CaptureFixture[str]) -> None:
    found = []
    for order in ("temperature,top-p", "top-p,temperature"):
        options = ["-T", "5", "--top-p", "0.8", "--order", order]
        assert cli.main(["softmax", *TYPED.split(), *options]) == 0
        found.append(capfd.readouterr())
    (all_but_one, said), (two, _) = found
    assert numbers(all_but_one).count(0) == 1
    assert numbers(two).count(0) == 2
    assert said.startswith("kept 3 of 4, ")


@pytest.mark.parametrize("ties", ["all", "k"])
def test_the_ties_are_those_of_python(capfd: pytest.CaptureFixture[str], ties: Any) -> None:
    assert cli.main(["softmax", "2", "1", "1", "--top-k", "2", "--ties", ties]) == 0
    assert numbers(capfd.readouterr().out) == truncate([2, 1, 1], top_k=2, ties=ties).tolist()


def test_all_rows_of_a_file_are_truncated_in_the_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = np.random.default_rng(0).normal(size=(7, 5))
    np.save("z.npy", rows)
    options = ["--top-k", "4", "--min-p", "0.3", "--order", "top-k,min-p,temperature"]
    assert cli.main(["softmax", "z.npy", "-T", "3", *options, "-o", "p.npy"]) == 0
    order = ["top_k", "min_p", "temperature"]
    np.testing.assert_array_equal(
        np.load("p.npy"), truncate(rows, 3.0, top_k=4, min_p=0.3, order=order)
    )


def test_an_engine_s_least_temperature_is_told_and_measured(
    capfd: pytest.CaptureFixture[str],
) -> None:
    options = ["-T", "0.001", "--engine", "vllm", "--json"]
    assert cli.main(["softmax", "2", "1.99", "0", *options]) == 0
    out, err = capfd.readouterr()
    found = json.loads(out)
    assert found["probabilities"] == truncate([2, 1.99, 0], 0.001, engine="vllm").tolist()
    assert found["entropy"] == pytest.approx(float(entropy([2, 1.99, 0], 0.01)))
    assert err == "kept 3 of 3, 100 %; vllm takes T = 0.001 as 0.01\n"
    assert engines()["vllm"].effective_temperature(0.001) == 0.01


def test_what_is_dropped_is_never_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    for logits, words in [(["0", "-60"], "> 99.99 %"), (["0", "-inf"], "100 %")]:
        assert cli.main(["softmax", *logits, "--top-k", "1"]) == 0
        assert capfd.readouterr().err == f"kept 1 of 2, {words}\n"


def test_a_row_without_a_softmax_is_kept_and_stays_nan(capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["softmax", "nan", "1", "--top-k", "1"]) == 0
    assert capfd.readouterr() == ("nan\nnan\n", "kept 2 of 2, NaN\n")


@pytest.fixture
def many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """Save a row of 300 entries with labels in the current folder, and return it."""
    monkeypatch.chdir(tmp_path)
    logits = np.random.default_rng(0).normal(0, 3, 300)
    np.save("z.npy", logits)
    labels = [f"token {at}" for at in range(300)]
    labels[int(logits.argmax())] = "a\tb"
    Path("labels.json").write_text(json.dumps(labels), encoding="utf-8")
    return logits


def test_the_top_of_a_row_in_a_pipe(many: np.ndarray, capfd: pytest.CaptureFixture[str]) -> None:
    order, probabilities = np.argsort(-many), softmax(many)
    assert cli.main(["softmax", "z.npy", "--top", "3"]) == 0
    out, err = capfd.readouterr()
    lines = [f"{at}\t{float(probabilities[at])!r}" for at in order[:3]]
    assert (out.splitlines(), err) == (lines, "")
    # A label is one field of one line, whatever is in it.
    assert cli.main(["softmax", "z.npy", "--labels", "labels.json", "--top", "2"]) == 0
    first, second = (line.split("\t") for line in capfd.readouterr().out.splitlines())
    assert first == ["a\\tb", repr(float(probabilities[order[0]]))]
    assert second[0] == f"token {order[1]}"
    # Of fewer than that, all are there.
    assert cli.main(["softmax", *"13", "--top", "20"]) == 0
    assert [line.split("\t")[0] for line in capfd.readouterr().out.splitlines()] == ["1", "0"]


def test_the_top_of_a_row_in_json_says_what_is_left_out(
    many: np.ndarray, capfd: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["softmax", "z.npy", "--labels", "labels.json", "--top", "4", "--json"]) == 0
    found = json.loads(capfd.readouterr().out)
    order, probabilities = np.argsort(-many), softmax(many)
    assert found["indices"] == order[:4].tolist()
    assert found["labels"][1:] == [f"token {at}" for at in order[1:4]]
    assert found["logits"] == many[order[:4]].tolist()
    assert found["probabilities"] == probabilities[order[:4]].tolist()
    assert (found["others"], found["rest"]) == (296, pytest.approx(probabilities[order[4:]].sum()))
    assert found["entropy"] == float(entropy(many))


def test_the_top_of_a_row_on_a_terminal(many: np.ndarray) -> None:
    lines = in_terminal("softmax", "z.npy", "--top", "3").splitlines()
    order = np.argsort(-many)
    assert [line.split()[0] for line in lines[1:4]] == [str(at) for at in order[:3]]
    rest = softmax(many)[order[3:]].sum()
    assert lines[4].split() == ["other", "297", "items", f"{rest:#.6g}"]
    lines = in_terminal("softmax", "1", "3", "2", "--top", "2").splitlines()
    assert [line.split()[:2] for line in lines[1:4]] == [["1", "3"], ["2", "2"], ["other", "1"]]
    assert lines[3].split()[2] == "item"


def test_what_was_dropped_is_not_on_top(capfd: pytest.CaptureFixture[str]) -> None:
    # The likeliest is too predictable to be typical.
    logits = [1.4, 0.5, 0.4, 0.3, 0.2, 0.1]
    assert cli.main(["softmax", *map(str, logits), "--typical-p", "0.3", "--top", "2"]) == 0
    found = truncate(logits, typical_p=0.3)
    order = np.argsort(-found)[:2]
    assert found[0] == 0
    assert capfd.readouterr().out.splitlines() == [f"{at}\t{float(found[at])!r}" for at in order]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            "--order top-k,temperature",
            "--order names 'top-k' without its parameter: give --top-k=",
        ),
        (
            "--order temperature --top-k 2",
            "--top-k is given, but --order lacks it: add 'top-k'",
        ),
        ("--order top-k --top-k 2 -T 2", "--temperature is not 1, but --order lacks it: "),
        ("--order top-q,temperature", "--order must be of 'logit-bias', 'repetition-penalty', "),
        ("--order temperature,temperature", "--order must name each step once, got 'temperature' "),
        ("--top 0", "Invalid value for '--top': "),
        ("--top 2 -o p.npy", "--top must come without -o, which writes all probabilities"),
        (
            "--engine vllm --typical-p 0.5",
            "--typical-p is no step of --engine 'vllm', ",
        ),
    ],
)
def test_what_does_not_fit_together_is_one_line(
    capfd: pytest.CaptureFixture[str], options: str, words: str
) -> None:
    assert cli.main(["softmax", *TYPED.split(), *options.split()]) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith(f"thermoscope: error: {words}")
    assert err.count("\n") == 1


def test_a_shell_completes_the_options() -> None:
    words = {"COMP_WORDS": "thermoscope softmax --to", "COMP_CWORD": "2"}
    done = run(environment={"_THERMOSCOPE_COMPLETE": "complete_bash", **words})
    assert done.stdout.split() == ["--top", "--top-k", "--top-p", "--top-n-sigma"]


TEXT = ["--history", "0,2,2", "--prompt-tokens", "1"]
DRY = """--dry-multiplier 0.5 --dry-base 2 --dry-allowed-length 1 --dry-last-n 3
--dry-breakers 1,3"""
OTHERS = """--presence-penalty 1 --xtc-probability 0.25 --xtc-threshold 0.2 --min-keep 2
--dynatemp-range 0.5 --dynatemp-exponent 2"""


@pytest.mark.parametrize(
    ("options", "penalties", "settings"),
    [
        ("--repetition-penalty 1.3", {"repetition_penalty": 1.3}, {}),
        (
            "--presence-penalty 0.5 --frequency-penalty=-0.25 --engine vllm",
            {"presence_penalty": 0.5, "frequency_penalty": -0.25},
            {"engine": "vllm"},
        ),
        (
            "--frequency-penalty 1 --penalty-last-n 1 --logit-bias 0=-inf --logit-bias 1=0.5",
            {"frequency_penalty": 1, "penalty_last_n": 1, "logit_bias": {0: -np.inf, 1: 0.5}},
            {},
        ),
        (
            DRY,
            {
                "dry_multiplier": 0.5,
                "dry_base": 2,
                "dry_allowed_length": 1,
                "dry_last_n": 3,
                "dry_breakers": [1, 3],
            },
            {},
        ),
        (
            OTHERS,
            {"presence_penalty": 1},
            {
                "xtc_probability": 0.25,
                "xtc_threshold": 0.2,
                "min_keep": 2,
                "dynatemp_range": 0.5,
                "dynatemp_exponent": 2,
            },
        ),
        (
            "--presence-penalty 1 --order temperature,presence-penalty",
            {"presence_penalty": 1},
            {"order": ["temperature", "presence_penalty"]},
        ),
    ],
)
def test_penalties_are_those_of_python(
    capfd: pytest.CaptureFixture[str],
    options: str,
    penalties: dict[str, Any],
    settings: dict[str, Any],
) -> None:
    given = [*TYPED.split(), "-T", "0.7", *TEXT, *options.split()]
    text = Penalties(history=[0, 2, 2], prompt_tokens=1, **penalties)
    expected = truncate(LOGITS, 0.7, **settings, penalties=text)
    assert cli.main(["softmax", *given]) == 0
    np.testing.assert_allclose(numbers(capfd.readouterr().out), expected, rtol=1e-14)
    assert cli.main(["softmax", *given, "--json"]) == 0
    document = json.loads(capfd.readouterr().out)
    with np.errstate(divide="ignore"):
        assert document["entropy"] == pytest.approx(float(entropy(np.log(expected))))
    assert document["logits"] == LOGITS
    assert cli.main(["sample", *given, "-n", "100", "--counts", "--seed", "3"]) == 0
    lines = [line.split("\t") for line in capfd.readouterr().out.splitlines()]
    may = np.flatnonzero(expected)
    assert [int(line[0]) for line in lines] == may.tolist()
    np.testing.assert_allclose([float(line[2]) for line in lines], 100 * expected[may], rtol=1e-14)


@pytest.mark.parametrize("text", ["[0, 2, 2]", "0 2\n2\n", "0,2,2"])
def test_the_text_may_be_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], text: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("ids.json").write_text(text, encoding="utf-8")
    options = ["--frequency-penalty", "0.5", "--history", "ids.json"]
    assert cli.main(["softmax", *TYPED.split(), *options]) == 0
    penalties = Penalties(history=[0, 2, 2], frequency_penalty=0.5)
    assert numbers(capfd.readouterr().out) == truncate(LOGITS, penalties=penalties).tolist()


def test_all_rows_of_a_file_follow_one_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = np.random.default_rng(0).normal(size=(7, 5)).astype(np.float32)
    np.save("z.npy", rows)
    options = ["--repetition-penalty", "1.5", "--history", "1,4", "--xtc-probability", "0.5"]
    assert cli.main(["softmax", "z.npy", *options, "-o", "p.npy"]) == 0
    text = Penalties(history=[1, 4], repetition_penalty=1.5)
    np.testing.assert_array_equal(
        np.load("p.npy"), truncate(rows, penalties=text, xtc_probability=0.5)
    )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            ["--xtc-probability", "0.25"],
            "kept 4 of 4, 100 %; XTC drops 1 of them with probability ",
        ),
        (["--xtc-probability", "1"], "kept 3 of 4, 36."),
        (["--dynatemp-range", "0.5"], "kept 4 of 4, 100 %; the entropy makes T = 1.1"),
        # What is kept is a part of what the penalties make of the logits.
        (["--logit-bias", "0=-inf", "--top-k", "3"], "kept 3 of 4, 100 %"),
    ],
)
def test_what_is_left_is_told(
    capfd: pytest.CaptureFixture[str], options: list[str], said: str
) -> None:
    assert cli.main(["softmax", *TYPED.split(), *options]) == 0
    assert capfd.readouterr().err.startswith(said)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--repetition-penalty", "2"], "--repetition-penalty must come with --history"),
        (["--history", "1,b"], "--history must be ids with commas between them, or a file"),
        (
            ["--history", "9", "--presence-penalty", "1"],
            "--history must be ids of entries, in [0, 3], got 9",
        ),
        (["--logit-bias", "5"], "--logit-bias must be like 3=-100, got '5'"),
        (["--logit-bias", "5=1"], "--logit-bias must have ids in [0, 3], got 5"),
        (["--dry-base", "2"], "--dry-base must come with --dry-multiplier"),
        (["--xtc-threshold", "0.2"], "--xtc-threshold must come with --xtc-probability"),
        (
            ["--engine", "vllm", "--min-keep", "2"],
            "--min-keep is not known to --engine 'vllm'; of these keywords it has none",
        ),
    ],
)
def test_errors_of_penalties_name_the_options(
    capfd: pytest.CaptureFixture[str], options: list[str], words: str
) -> None:
    for command in ("softmax", "sample"):
        assert cli.main([command, *TYPED.split(), *options]) != 0
        assert capfd.readouterr().err.splitlines()[-1].startswith(f"thermoscope: error: {words}")


@pytest.mark.parametrize(
    ("options", "name"),
    [
        (["--xtc-probability", "0.5"], "--xtc-probability"),
        (["--min-keep", "2"], "--min-keep"),
        (["--logit-bias", "0=1"], "penalties"),
    ],
)
def test_a_server_s_answer_has_too_few_logits_for_them(
    capfd: pytest.CaptureFixture[str], options: list[str], name: str
) -> None:
    answer = str(Path(__file__).parent / "data/sequences/chat.json")
    assert cli.main(["softmax", answer, "--row", "1", *options]) == 2
    words = f"thermoscope: error: {name} must be left out: it needs all logits"
    assert capfd.readouterr().err.startswith(words)


def test_explore_has_the_steps_of_the_page_alone(capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["explore", "--help"]) == 0
    text = capfd.readouterr().out
    assert "--top-n-sigma" in text
    assert "--repetition-penalty" not in text
    assert cli.main(["explore", "--repetition-penalty", "2"]) != 0
