"""`thermoscope sweep` prints the means that Python finds."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest

from tests.command_line import LOGITS, TARGETS, in_terminal
from thermoscope import calibration_curve, cli, definition, measures, open_logits, sweep
from thermoscope.present import interval


@pytest.mark.usefixtures("saved_rows")
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
    # The file equals what is printed; one row gives the measures of that row.
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


def test_a_terminal_gets_a_table_of_temperatures_and_the_progress(saved_rows: Path) -> None:
    text = in_terminal("sweep", str(saved_rows / "z.npy"), "--steps", "3", columns=120)
    assert "sweep" in text
    assert "100%" in text
    lines = [line.split() for line in text.splitlines()]
    header = ["temperature", "entropy", "perplexity", "top", "probability"]
    assert header in [line[-5:] for line in lines]
    assert lines[-1] == ["means", "over", "300", "rows"]
    lines = in_terminal(
        "sweep", str(saved_rows / "z.npy"), str(saved_rows / "y.npy"), columns=120
    ).splitlines()
    best = calibration_curve(LOGITS, TARGETS, np.geomspace(0.01, 100, 41))
    words = f"lowest NLL {best.nll.min():.6g} at T = {best.temperatures[best.best()]:.6g}, of these"
    assert lines[-1].startswith(words)
    assert "fit, pass 2" in in_terminal("fit", str(saved_rows / "z.npy"), str(saved_rows / "y.npy"))


ANSWER = str(Path(__file__).parent / "data" / "sequences" / "chat.json")
SIX = ["--from", "0.3", "--to", "3", "--steps", "6"]


@pytest.mark.parametrize("row", [None, 3])
@pytest.mark.parametrize("vocabulary", [None, 50257])
def test_an_answer_has_the_ranges_of_python(
    row: int | None, vocabulary: int | None, capfd: pytest.CaptureFixture[str]
) -> None:
    options = [*SIX]
    options += [] if row is None else ["--row", str(row)]
    options += [] if vocabulary is None else ["--vocabulary", str(vocabulary)]
    data = open_logits(ANSWER, vocabulary=vocabulary)
    want = sweep(data if row is None else data.reported(row), None, np.geomspace(0.3, 3, 6))
    assert cli.main(["sweep", ANSWER, *options, "--json"]) == 0
    found = json.loads(capfd.readouterr().out)
    assert (found.pop("n"), found.pop("n_drawn")) == ((18, 18) if row is None else (1, 1))
    assert found.pop("temperature") == want.temperatures.tolist()
    assert list(found) == list(want.measures())
    for name, ends in want.measures().items():
        assert [list(map(float, pair)) for pair in found[name]] == np.transpose(ends).tolist()
    assert cli.main(["sweep", ANSWER, *options]) == 0
    names, *lines = csv.reader(capfd.readouterr().out.splitlines())
    assert names == list(want.columns())
    assert names[:3] == ["temperature", "entropy_low", "entropy_high"]
    columns = [column.tolist() for column in want.columns().values()]
    assert [list(map(float, line)) for line in lines] == list(map(list, zip(*columns, strict=True)))


def test_another_applied_temperature_moves_the_ranges(capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["sweep", ANSWER, *SIX, "--applied-temperature", "0.7", "--json"]) == 0
    found = json.loads(capfd.readouterr().out)["top_probability"]
    want = sweep(open_logits(ANSWER, applied_temperature=0.7), None, np.geomspace(0.3, 3, 6))
    assert found == np.transpose(want.top_probability).tolist()
    assert (
        found
        != np.transpose(
            sweep(open_logits(ANSWER), None, want.temperatures).top_probability
        ).tolist()
    )


def test_a_terminal_gets_ranges_and_what_is_not_known() -> None:
    text = in_terminal("sweep", ANSWER, *SIX, columns=120)
    # The progress is taken back before the table.
    _, _, text = text.rpartition("\x1b[2K")
    *table, means, unknown = [line.rstrip() for line in text.splitlines()]
    assert means == "means over 18 rows"
    assert unknown.endswith("the number of tokens is not known: --vocabulary N gives it")
    header, *rows = table[-7:]
    assert header.split() == ["temperature", "entropy", "perplexity", "top", "probability", "nll"]
    # Each column ends where its name does.
    ends = [header.index(name) + len(name) for name in ("temperature", "entropy", "perplexity")]
    assert all(row[end - 1] != " " and row[end] == " " for row in rows for end in ends)
    (low, high) = sweep(open_logits(ANSWER), None, [0.3]).entropy
    assert interval(low[0], high[0]) in rows[0]
    assert rows[-1].count("≥") == 3
    known = in_terminal("sweep", ANSWER, *SIX, "--vocabulary", "50257", columns=120)
    assert "≥" not in known
    assert known.splitlines()[-1].rstrip() == "means over 18 rows"
    # What is cut would look like a range: on a narrow terminal a range takes two lines.
    narrow = in_terminal("sweep", ANSWER, *SIX, "--vocabulary", "50257", columns=60)
    numbers = [set(re.findall(r"[0-9.]+", each.rpartition("2K")[2])) for each in (known, narrow)]
    assert numbers[0] == numbers[1]


def test_rows_that_are_left_out_are_told(tmp_path: Path) -> None:
    good = {"token": "a", "logprob": -0.5, "top_logprobs": [{"token": "a", "logprob": -0.5}]}
    wrong = {**good, "logprob": 3.0, "top_logprobs": []}
    unknown = {"top_logprobs": good["top_logprobs"]}
    path = tmp_path / "odd.json"
    content = [good, wrong, unknown]
    path.write_text(json.dumps({"logprobs": {"content": content}}), encoding="utf-8")
    lines = in_terminal("sweep", str(path), "--vocabulary", "9", columns=120).splitlines()
    assert lines[-3:] == [
        "means over 2 rows",
        "left out: 1 of 3 rows, which can't be read",
        "NLL: the mean over 1 rows whose drawn token is known",
    ]


def test_an_answer_is_drawn_with_bands(tmp_path: Path) -> None:
    out = tmp_path / "bands.svg"
    assert cli.main(["sweep", ANSWER, *SIX, "-o", str(out)]) == 0
    assert "FillBetweenPolyCollection" in out.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ["sweep", ANSWER, "y.npy"],
            "TARGETS must be left out: the targets of a server's answer are",
        ),
        (["sweep", ANSWER, "--row", "18"], "row must be 0 to 17, got 18"),
        (["sweep", ANSWER, "--vocabulary", "5"], "vocabulary must be more"),
        (["sweep", ANSWER, "--csv", "--json"], "--csv must come without --json"),
        (["sweep", "z.npy", "--vocabulary", "5"], "vocabulary must be left out where no server"),
        (["fit", ANSWER], "a server left out tokens of its rows, and calibration needs"),
        (["reliability", ANSWER], "a server left out tokens of its rows, and calibration needs"),
    ],
)
def test_errors_of_an_answer(
    saved_rows: Path, arguments: list[str], words: str, capfd: pytest.CaptureFixture[str]
) -> None:
    np.save(saved_rows / "y.npy", np.zeros(18, int))
    assert cli.main(arguments) == 2
    assert words in capfd.readouterr().err
