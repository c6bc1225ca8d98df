"""`thermoscope export`: a page in a file."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path

import numpy as np
import pytest

from tests.command_line import run
from thermoscope import cli, samples
from thermoscope.data.reading import open_logits


def test_an_export_is_the_page_of_the_file(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    from thermoscope.explorer.page import page_html
    from thermoscope.state import State

    (tmp_path / "pets.csv").write_text("cat,2\n</script>,1\n", encoding="utf-8")
    out = tmp_path / "page.html"
    out.write_text("old", encoding="utf-8")
    assert cli.main(["export", str(out), str(tmp_path / "pets.csv"), "-T", "inf"]) == 0
    state = State.of([2, 1], ["cat", "</script>"], temperature=np.inf, source="pets.csv")
    assert out.read_text(encoding="utf-8") == page_html(state)
    assert capfd.readouterr() == (f"Wrote {out}\n", "")


def test_an_export_of_a_link(tmp_path: Path) -> None:
    from thermoscope.explorer.page import page_html
    from thermoscope.state import State

    out = tmp_path / "page.html"
    assert cli.main(["export", str(out), "--state", "logits=2,1&labels=cat,dog&T=0.5"]) == 0
    state = State.of([2, 1], ["cat", "dog"], temperature=0.5, source="given")
    assert out.read_text(encoding="utf-8") == page_html(state)


def test_an_export_of_rows_with_targets_has_their_reliability(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    from thermoscope.explorer.browse import RowSource
    from thermoscope.explorer.page import page_html

    logits, targets = np.random.default_rng(0).normal(0, 2, (50, 3)), np.arange(50) % 3
    np.save(tmp_path / "logits.npy", logits)
    np.save(tmp_path / "targets.npy", targets)
    out = tmp_path / "page.html"
    command = ["export", str(out), str(tmp_path / "logits.npy"), "--targets"]
    assert cli.main([*command, str(tmp_path / "targets.npy"), "--row", "3", "-T", "2"]) == 0
    rows = RowSource(logits, targets=targets, source="logits.npy")
    assert out.read_text(encoding="utf-8") == page_html(
        rows.state(3, 2.0), reliability=rows.measured()
    )
    assert capfd.readouterr() == (f"Wrote {out}\n", "")
    np.save(tmp_path / "none.npy", np.full(50, -100))
    assert cli.main([*command, str(tmp_path / "none.npy")]) == 2
    assert "none.npy: targets must have a class for some row, got none" in capfd.readouterr().err
    assert cli.main(["export", str(out), "--targets", str(tmp_path / "targets.npy")]) == 2
    assert "--targets must come with a file" in capfd.readouterr().err


def test_targets_in_the_file_need_no_other(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    from thermoscope.explorer.browse import RowSource
    from thermoscope.explorer.page import page_html

    log = Path(__file__).parent / "data" / "logs" / "lm_eval_letters.jsonl"
    assert cli.main(["export", str(tmp_path / "a.html"), str(log), "--row", "1"]) == 0
    data = open_logits(log)
    rows = RowSource(data, targets=data.targets)
    assert (tmp_path / "a.html").read_text(encoding="utf-8") == page_html(
        rows.state(1), reliability=rows.measured()
    )
    # What was decided about the file is told once.
    assert capfd.readouterr().err.count("samples of lm-eval") == 1


def test_standard_input_is_read_once(tmp_path: Path) -> None:
    done = run("export", str(tmp_path / "a.html"), "-", text="2 1 0.1")
    assert done.returncode == 0, done.stderr


def test_an_export_of_the_novel_has_the_model_in_itself(tmp_path: Path) -> None:
    out = tmp_path / "page.html"
    options = [
        "--sample",
        "novel",
        "It was a clear day",
        "--seed",
        "7",
        "-T",
        "0.8",
        "--top-k",
        "9",
    ]
    assert cli.main(["export", str(out), *options]) == 0
    page = out.read_text(encoding="utf-8")
    assert len(page.encode()) < 1_500_000
    assert "connect-src" not in page[: page.index("<style>")]
    (written,) = re.findall(r'<script type="application/json">(.*?)</script>', page)
    content = json.loads(written)
    assert (content["temperature"], content["truncation"]) == (0.8, {"top_k": 9})
    text = content["rows"]["model"]
    assert (text["branches"][0]["prompt"], text["branches"][0]["seed"]) == ("It was a clear day", 7)
    (model,) = re.findall(r'<script type="application/gzip">(.*?)</script>', page)
    assert base64.b64decode(model) == samples.novel()


def test_an_export_has_the_steps_of_the_sampler(tmp_path: Path) -> None:
    from thermoscope.explorer.page import page_html
    from thermoscope.state import State

    (tmp_path / "two.csv").write_text("cat,2\ndog,1\n", encoding="utf-8")
    out = tmp_path / "page.html"
    assert cli.main(["export", str(out), str(tmp_path / "two.csv"), "--top-k", "1"]) == 0
    state = State.of([2, 1], ["cat", "dog"], source="two.csv", truncation={"top_k": 1})
    assert out.read_text(encoding="utf-8") == page_html(state)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--seed", "7"], "--seed must come with --sample novel, got 7"),
        (["--tokens", "7"], "--tokens must come with --sample novel, got 7"),
        (["--sample", "novel", "--state", "T=2"], "--sample must come without --state, got T=2"),
        (["--sample", "novel", ""], "the beginning must be a text, got an empty one"),
    ],
)
def test_options_that_do_not_fit_the_novel_are_refused(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], options: list[str], message: str
) -> None:
    assert cli.main(["export", str(tmp_path / "page.html"), *options]) == 2
    assert message in capfd.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_page_and_its_tasks_in_a_language(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "page.html"
    assert cli.main(["export", str(out), "--activity", "lesson", "--language", "zh"]) == 0
    page = out.read_text(encoding="utf-8")
    assert '<html lang="zh-Hans" dir="ltr">' in page
    assert "thermoscopeTexts.en" not in page
    assert cli.main(["export", str(out), "--language", "auto"]) == 0
    page = out.read_text(encoding="utf-8")
    assert "<html>" in page
    assert all(f"thermoscopeTexts.{name}=" in page for name in ("en", "de", "es", "zh", "ar"))
    capsys.readouterr()
    assert cli.main(["export", str(out), "--language", "fr"]) == 2
    assert "auto" in capsys.readouterr().err
