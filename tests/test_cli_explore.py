"""`thermoscope explore`: what would be served."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from thermoscope import cli, random_logits, samples


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
    assert states[0].logits.tolist() == random_logits(count, seed=states[0].seed).tolist()
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


def test_a_novel_is_begun_in_the_page(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from thermoscope.explorer import server

    found: list[Any] = []
    monkeypatch.setattr(server, "serve", lambda state, **known: found.append((state, known)))
    options = ["The whale", "-T", "0.8", "--top-p", "0.9", "--seed", "7", "-n", "3"]
    assert cli.main(["explore", "--sample", "novel", *options]) == 0
    assert cli.main(["explore", "--sample", "novel"]) == 0
    (state, known), (_, other) = found
    assert (state.temperature, state.truncation) == (0.8, {"top_p": 0.9})
    assert (known["rows"], known["beginning"]) == (None, ("The whale", 7, 3))
    assert other["beginning"]._replace(seed=0) == ("Call me Ishmael.", 0, 20)
    assert f"--seed {other['beginning'].seed}" in capfd.readouterr().err


def test_a_file_of_one_row_has_no_row_number(tmp_path: Path, served: list[Any]) -> None:
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
        ("--state T=hot", "state must be a link without errors: T must be a number >= 0 or inf"),
        ("many.csv --state T=2", "--state must come without a file, got many.csv"),
        ("--state T=2 -T 2", "--state must come without -T, got 2"),
        ("--state T=2 --labels few.txt", "--state must come without --labels, got few.txt"),
        ("--state T=2 --sample digits", "--state must come without --sample, got digits"),
        ("--state T=2 --row 1", "--row must come with a file, got 1"),
        ("--sample cats", "Invalid value for '--sample': "),
        ("--sample novel --targets few.txt", "--sample novel must come without --targets, got few"),
        (
            "--sample novel --labels few.txt",
            "--sample novel must come without --labels, got few.txt",
        ),
        ("--sample novel --row 3", "--row must come with a file, got 3"),
        ("--sample novel --save a.json", "--save must come with --server"),
        ("--sample novel --tokens 10001", "--tokens must be at most 10,000 with --sample novel"),
    ],
)
@pytest.mark.usefixtures("three_rows")
def test_options_that_do_not_fit_the_file_are_refused(
    capfd: pytest.CaptureFixture[str], served: list[Any], options: str, message: str
) -> None:
    assert cli.main(["explore", *options.split()]) == 2
    out, err = capfd.readouterr()
    assert message in err
    assert err.count("\n") == 1
    assert (out, served) == ("", [])


def test_the_state_of_a_link_is_explored(served: list[Any]) -> None:
    assert cli.main(["explore", "--state", "https://example.org/#n=3&seed=7&T=inf"]) == 0
    ((state, rows),) = served
    assert state.logits.tolist() == random_logits(3, seed=7).tolist()
    assert (state.temperature, state.seed, rows) == (float("inf"), 7, None)


STEPS = ["--top-k", "2", "--min-p", "0.1", "--order", "min-p,temperature,top-k"]
GIVEN = {"top_k": 2, "min_p": 0.1, "order": ["min_p", "temperature", "top_k"]}


@pytest.mark.parametrize("rows", [1, 3])
def test_the_options_of_truncation_are_the_steps_of_the_sampler(
    tmp_path: Path, served: list[Any], rows: int
) -> None:
    path = tmp_path / "some.csv"
    path.write_text("\n".join(THREE.splitlines()[: rows + 1]), encoding="utf-8")
    assert cli.main(["explore", str(path), "-T", "2", *STEPS]) == 0
    assert cli.main(["explore", "--engine", "llama.cpp", "--top-k", "0"]) == 0
    (first, _), (second, _) = served
    assert (first.temperature, first.truncation) == (2.0, GIVEN)
    assert second.truncation == {"top_k": 0, "engine": "llama.cpp"}


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--top-k", "0"], "--top-k must be >= 1, got 0"),
        (["--epsilon", "0.1", "--engine", "vllm"], "--epsilon is no step of --engine 'vllm'"),
        (["--top-k", "2", "--state", "n=3"], "--state must come without --top-k, got 2"),
    ],
)
def test_options_of_truncation_that_do_not_fit_are_refused(
    served: list[Any], capfd: pytest.CaptureFixture[str], options: list[str], reason: str
) -> None:
    assert cli.main(["explore", *options]) != 0
    assert reason in capfd.readouterr().err
    assert served == []
