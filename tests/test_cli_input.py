"""What commands read: bad files and arguments are named, with the row, in one line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.command_line import LOGITS, TARGETS
from thermoscope import cli, definition, fit_temperature
from thermoscope.data.writing import write_rows

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
    ("sweep z.npy y.npy --row 3", "--row must come without targets, which are of all rows"),
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


@pytest.mark.parametrize(("line", "words"), BAD, ids=[line for line, _ in BAD])
def test_bad_input_is_one_line_that_names_file_and_row(
    saved_rows: Path, capfd: pytest.CaptureFixture[str], line: str, words: str
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
    before = sorted(saved_rows.iterdir())
    assert cli.main(line.split()) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith(f"thermoscope: error: {words}")
    assert err.count("\n") == 1
    assert sorted(saved_rows.iterdir()) == before


@pytest.mark.parametrize("ending", [".csv", ".jsonl"])
def test_labels_may_name_the_words_of_a_target_column(
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


@pytest.mark.usefixtures("saved_rows")
@pytest.mark.parametrize("arguments", ["fit p.npy y.npy", "reliability p.npy y.npy", "sweep p.npy"])
def test_probabilities_given_as_logits_are_warned_of(
    capfd: pytest.CaptureFixture[str], arguments: str
) -> None:
    np.save("p.npy", definition.softmax(LOGITS))
    assert cli.main(arguments.split()) == 0
    err = capfd.readouterr().err
    assert err.startswith("thermoscope: warning: p.npy: what was read is >= 0 and sums to 1")
    assert err.count("\n") == 1
    assert cli.main([*arguments.split(), "--probabilities"]) == 0
    assert capfd.readouterr().err == ""
