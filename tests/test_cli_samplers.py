"""`thermoscope samplers`: table, JSON, CSV, figure, temperatures, and assertions."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import thermoscope as ts
from tests.command_line import LOGITS, TARGETS, in_terminal, run
from tests.test_drawn import entry, position
from thermoscope import cli
from thermoscope.cli.assertions import assertion_of

PRESETS = {"a": "T=0.7,top_p=0.9,engine=vllm", "llama.cpp": "llama.cpp"}
TWO = ["--logits", "z.npy", "--preset", "a=T=0.7,top_p=0.9,engine=vllm", "--preset", "llama.cpp"]


def samplers(capfd: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> tuple[str, str]:
    assert cli.main(["samplers", *arguments]) == code
    return capfd.readouterr()


def document(capfd: pytest.CaptureFixture[str], *arguments: str) -> Any:
    return json.loads(samplers(capfd, *arguments, "--json")[0])


@pytest.fixture
def answer(tmp_path: Path) -> str:
    path = tmp_path / "response.json"
    text = [
        position(entry("a", 0.5), entry("b", 0.3)),
        position(entry("b", 0.22), entry("c", 0.7), entry("e", 0.05)),
        {"token": "d", "logprob": None, "top_logprobs": []},
    ]
    path.write_text(json.dumps({"logprobs": {"content": text}}), encoding="utf-8")
    return str(path)


@pytest.mark.usefixtures("saved_rows")
def test_the_numbers_are_those_of_python(capfd: pytest.CaptureFixture[str]) -> None:
    found = document(capfd, *TWO, "--targets", "y.npy", "--draws", "20")
    expected = ts.compare_samplers(LOGITS, PRESETS, TARGETS, draws=20)
    assert (found["rows"], found["skipped"], found["draws"]) == (300, 0, 20)
    for name, measures in expected.presets.items():
        told = found["presets"][name]
        assert told["settings"] == measures.settings
        for measure in ("kept", "mass", "choices"):
            over = getattr(measures, measure)
            assert told[measure] == {"median": over.median, "p95": over.p95}
        for measure in ("entropy", "agreement", "distinct"):
            assert told[measure]["mean"] == getattr(measures, measure).mean
        assert told["nll"]["mean"] in (measures.nll.mean, str(measures.nll.mean))
        assert (told["targets"], told["impossible"]) == (300, measures.impossible)
    (pair,) = found["total_variation"]
    apart = expected.total_variation["a", "llama.cpp"]
    assert pair == {
        "presets": ["a", "llama.cpp"],
        "mean": apart.mean,
        "p95": apart.p95,
        "max": apart.max,
        "row_of_max": apart.row_of_max,
    }
    assert found["temperatures"] == found["assertions"] == []
    assert "loops" in found["unknown"]


@pytest.mark.usefixtures("saved_rows")
def test_the_table_has_a_column_for_each_preset(capfd: pytest.CaptureFixture[str]) -> None:
    out, err = samplers(capfd, *TWO, "--targets", "y.npy")
    assert err == ""
    table, _, below = out.partition("\n\n")
    lines = [line.rsplit(maxsplit=2) for line in table.splitlines()]
    assert lines[0] == ["a", "llama.cpp"]
    expected = ts.compare_samplers(LOGITS, PRESETS, TARGETS)
    cells = {words.strip(): (one, other) for words, one, other in lines[1:10]}
    assert cells["kept tokens, median"] == ("1", "2")
    means = (each.entropy.mean for each in expected.presets.values())
    assert cells["entropy, mean in nats"] == tuple(f"{mean:.4g}" for mean in means)
    counts = (each.impossible for each in expected.presets.values())
    words = "   ".join(table.splitlines()[-1].split("  ")).split()
    assert words[:5] == ["targets", "it", "could", "not", "draw"]
    assert words[5::3] == [str(count) for count in counts]
    sentence, last = below.splitlines()
    assert sentence.startswith(f"a and llama.cpp: {ts_words(expected)} (total variation 0.")
    assert last.startswith("300 rows of z.npy. Each row is judged for itself")
    assert last.endswith("Whether a text loops, or how good it is, can't be known from that.")


def ts_words(found: Any) -> str:
    return str(found).partition(": ")[2]


def test_a_terminal_gets_the_table_and_the_progress(saved_rows: Path) -> None:
    path = str(saved_rows / "z.npy")
    arguments = ["--logits", path, "--preset", "a=top_k=2", "--target-entropy", "0.5"]
    text = in_terminal("samplers", *arguments)
    assert "samplers" in text
    assert "T of a, pass 2" in text
    assert "100%" in text
    assert "kept tokens, median" in text


@pytest.mark.usefixtures("saved_rows")
def test_csv_has_a_value_a_line(capfd: pytest.CaptureFixture[str]) -> None:
    arguments = [*TWO, "--target-entropy", "0.3"]
    out, _ = samplers(capfd, *arguments, "--csv")
    names, *lines = csv.reader(out.splitlines())
    assert names == ["preset", "other", "measure", "statistic", "low", "high"]
    found = document(capfd, *arguments)
    values = {tuple(line[:4]): tuple(map(float, line[4:])) for line in lines}
    kept = found["presets"]["a"]["kept"]["p95"]
    assert values["a", "", "kept", "p95"] == (kept, kept)
    apart = found["total_variation"][0]["max"]
    assert values["a", "llama.cpp", "tv", "max"] == (apart, apart)
    t = found["temperatures"][0]["temperature"]
    assert values["a", "", "temperature", "a mean entropy of 0.3 nats"] == (t, t)
    assert not [key for key in values if key[2] == "nll"]


def test_an_answer_gives_ranges(answer: str, capfd: pytest.CaptureFixture[str]) -> None:
    arguments = ["--logits", answer, "--preset", "a=top_k=1", "--preset", "b=top_p=0.9"]
    found = document(capfd, *arguments, "--vocabulary", "50")
    assert (found["rows"], found["skipped"]) == (2, 1)
    assert found["presets"]["a"]["kept"] == {"median": [1, 1], "p95": [1, 1]}
    assert found["presets"]["b"]["kept"]["p95"] == [2, 50]
    assert (found["presets"]["a"]["undecided"], found["presets"]["b"]["undecided"]) == (0, 1)
    assert found["presets"]["a"]["impossible"] == [1, 1]
    low, high = found["total_variation"][0]["mean"]
    assert 0.2 < low < high < 0.6
    out, err = samplers(capfd, *arguments)
    assert err.startswith("thermoscope: response.json: row 2 can't be read")
    assert "≥ 2" in out
    assert "b: in 1 of 2 rows it depends on tokens that the server did not report" in out
    assert "2 rows of response.json, 1 that can't be read left out." in out
    assert "1 of 2" in out
    assert "of 100 draws would differ" in out
    lines = list(csv.reader(samplers(capfd, *arguments, "--csv")[0].splitlines()))
    (kept,) = [line for line in lines if line[:4] == ["b", "", "kept", "p95"]]
    assert kept[4:] == ["2.0", "inf"]


def test_the_table_of_the_docs_is_what_is_printed(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = Path(__file__).parent.parent
    page = (root / "docs" / "samplers.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```\n\$ thermoscope samplers (.+?)\n(.+?)```", page, re.DOTALL)
    monkeypatch.chdir(root / "tests" / "data" / "sequences")
    out, _ = samplers(capfd, *block[0].split())
    assert out == block[1]


def test_a_range_of_temperatures_is_told(answer: str, capfd: pytest.CaptureFixture[str]) -> None:
    arguments = ["--logits", answer, "--preset", "a=T=1", "--vocabulary", "50"]
    (found,) = document(capfd, *arguments, "--target-entropy", "0.5")["temperatures"]
    low, high = found["temperature"]
    assert 0.2 < low < high < 1
    out, _ = samplers(capfd, *arguments, "--target-entropy", "0.5", "--minimise-nll")
    assert f"a: T = {low:.2g}"[:10] in out
    assert "… " in out
    assert "a: no T gives the lowest NLL: logits must be known whole" in out


@pytest.mark.usefixtures("saved_rows")
def test_the_temperatures_are_those_of_python(capfd: pytest.CaptureFixture[str]) -> None:
    arguments = [
        *TWO,
        *("--targets", "y.npy", "--target-entropy", "0.8", "--match", "a=llama.cpp"),
        "--minimise-nll",
    ]
    found = document(capfd, *arguments)["temperatures"]
    wanted = [each["for"] for each in found]
    nats = "a mean entropy of 0.8 nats"
    assert wanted == [nats, nats, "the mean entropy of llama.cpp", *["the lowest NLL"] * 2]
    assert [each["preset"] for each in found] == ["a", "llama.cpp", "a", "a", "llama.cpp"]
    like = ts.sampler_temperature(LOGITS, PRESETS["a"], TARGETS, like="llama.cpp")
    # Blocks of the file round the sums in another order.
    assert found[2]["temperature"] == pytest.approx(like.temperature, rel=1e-9)
    assert found[2]["nll"] == pytest.approx(like.nll, rel=1e-9)
    lowest = ts.sampler_temperature(LOGITS, PRESETS["llama.cpp"], TARGETS)
    numbers = {name: found[4].pop(name) for name in ("temperature", "entropy", "nll")}
    assert numbers == pytest.approx({name: getattr(lowest, name) for name in numbers}, rel=1e-4)
    assert found[4] == {
        "preset": "llama.cpp",
        "for": "the lowest NLL",
        "wanted": "nan",
        "impossible": lowest.impossible,
        "others": [],
        "reason": lowest.reason,
    }
    out, _ = samplers(capfd, *arguments)
    assert f"llama.cpp: T = {numbers['temperature']:.6g} gives the lowest NLL (entropy " in out
    assert f"without {lowest.impossible} targets that it can't draw)" in out
    # What no temperature gives is told with the possible range, beside all else.
    out, _ = samplers(capfd, *TWO, "--target-entropy", "7")
    assert "a: no T gives a mean entropy of 7 nats: entropy must be between 0 nats, which" in out
    none = document(capfd, *TWO, "--target-entropy", "7")["temperatures"][0]
    assert none["temperature"] is None
    assert "between 0 nats" in none["reason"]


@pytest.mark.usefixtures("saved_rows")
def test_presets_come_from_a_file(capfd: pytest.CaptureFixture[str]) -> None:
    Path("p.toml").write_text(
        '"llama.cpp" = "llama.cpp"\n[a]\nT = 1\n'.replace("T = 1\n", "temperature = 0.7\n")
        + 'top_p = 0.9\nengine = "vllm"\n',
        encoding="utf-8",
    )
    Path("p.json").write_text(json.dumps(PRESETS), encoding="utf-8")
    one, other = (
        document(capfd, "--logits", "z.npy", "--presets", name) for name in ("p.toml", "p.json")
    )
    assert one["presets"] == other["presets"]
    assert one["presets"] == document(capfd, *TWO)["presets"]
    more = document(capfd, "--logits", "z.npy", "--presets", "p.toml", "--preset", "ollama<0.30")
    assert list(more["presets"]) == ["llama.cpp", "a", "ollama<0.30"]


@pytest.mark.usefixtures("saved_rows")
def test_a_target_column_is_no_token(capfd: pytest.CaptureFixture[str]) -> None:
    rows = np.column_stack([LOGITS[:20], TARGETS[:20]])
    np.savetxt("t.csv", rows, delimiter=",", header="a,b,c,d,y", comments="", fmt="%.6g")
    arguments = ["--logits", "t.csv", "--target-column", "y", "--preset", "a=T=1"]
    found = document(capfd, *arguments)["presets"]["a"]
    assert found["kept"]["median"] == 4
    assert found["targets"] == 20


@pytest.mark.usefixtures("saved_rows")
@pytest.mark.parametrize(
    ("assertion", "failure"),
    [
        ("tv<0.9", None),
        ("tv(llama.cpp, a).max <= 1", None),
        ("mass.median>0.5", None),
        ("kept<=4", None),
        ("entropy(a)<1e3", None),
        ("impossible<=300", None),
        ("tv<0.01", "tv<0.01 failed: a and llama.cpp have {tv:.6g}, {tv_above:.6g} above it"),
        (
            "kept(a).max<4",
            "kept(a).max<4 failed: a has 4, 0 above it",
        ),
        ("nll<9", "failed: {worst} has inf, inf above it; 1 other preset failed too"),
        (
            "mass(a)>0.999999",
            "mass(a)>0.999999 failed: a has {mass:.6g}, {mass_below:.6g} below it",
        ),
    ],
)
def test_an_assertion_that_fails_is_one_line_and_exit_code_1(
    capfd: pytest.CaptureFixture[str], assertion: str, failure: str | None
) -> None:
    arguments = [*TWO, "--targets", "y.npy", "--assert", assertion]
    found = ts.compare_samplers(LOGITS, PRESETS, TARGETS)
    out, err = samplers(capfd, *arguments, code=0 if failure is None else 1)
    assert "kept tokens, median" in out
    tv, mass = found.total_variation["a", "llama.cpp"].mean, found.presets["a"].mass.median
    if failure is None:
        assert err == ""
        return
    known = {"tv": tv, "tv_above": tv - 0.01, "mass": mass, "mass_below": 0.999999 - mass}
    assert err.count("\n") == 1
    assert err.startswith("thermoscope: ")
    assert failure.format(worst="llama.cpp", **known) in err
    # JSON has it too, with the same exit code.
    out, _ = samplers(capfd, *arguments, "--json", code=1)
    (told,) = json.loads(out)["assertions"]
    assert (told["assertion"], told["holds"]) == (assertion, False)
    assert told["failure"] in err


def test_of_a_range_all_must_hold(answer: str, capfd: pytest.CaptureFixture[str]) -> None:
    arguments = ["--logits", answer, "--vocabulary", "50", "--preset", "a=top_k=1"]
    arguments += ["--preset", "b=top_p=0.9"]
    low, high = document(capfd, *arguments)["total_variation"][0]["mean"]
    middle = (low + high) / 2
    for relation in "<>":
        _, err = samplers(capfd, *arguments, "--assert", f"tv{relation}{middle}", code=1)
        assert "a and b may have" in err
    samplers(capfd, *arguments, "--assert", f"tv<{high + 0.01}", "--assert", f"tv>{low - 0.01}")


def test_an_assertion_of_targets_that_are_not_there_fails(
    saved_rows: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert saved_rows.exists()
    _, err = samplers(capfd, *TWO, "--assert", "nll<5", code=1)
    assert err == "thermoscope: nll<5 failed: a has no targets\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("tv", "--assert must be MEASURE<NUMBER"),
        ("tv=1", "--assert must be MEASURE<NUMBER"),
        ("tv<x", "--assert tv<x: 'x' is no number"),
        (
            "quality>1",
            "the measures are tv, kept, mass, choices, entropy, agreement, distinct, nll,",
        ),
        ("kept.mode<3", "of kept there is mean, median, p95, max, got 'mode'"),
        ("impossible.max<3", "of impossible there is none, got 'max'"),
        ("tv(a)<1", "tv must be of two presets, got 'a'"),
        ("tv(a,a)<1", "tv must be of two presets"),
        ("kept(a,b)<1", "kept must be of one preset, got 'a,b'"),
    ],
)
def test_a_wrong_assertion_says_what_it_must_be(text: str, words: str) -> None:
    with pytest.raises(ValueError, match="--assert") as found:
        assertion_of(text)
    assert words in str(found.value)


ERRORS = [
    ("--preset vllm", "--logits FILE must be given, or PROMPTS with --server URL"),
    ("--logits z.npy", "--preset must be given, once or more: --preset a=temperature=0.7,top_p"),
    ("--logits none.npy --preset vllm", "none.npy: No such file or directory"),
    ("--logits z.npy --preset vlm", "presets have an error in 'vlm': settings must be"),
    ("--logits z.npy --preset a=top_p=2", "presets have an error in 'a': top_p must be in [0, 1]"),
    ("--logits z.npy --preset top_p=0.9,top_k=2", "presets have an error in 'top_p': settings"),
    (
        "--logits z.npy --preset vllm,T=1",
        "--preset must be NAME=SETTINGS, or an engine, got 'vllm,",
    ),
    ("--logits z.npy --preset vllm --preset vllm", "--preset vllm must be given once"),
    ("--logits z.npy --preset vllm --match vllm", "--match must be A=B, of the presets vllm, got"),
    ("--logits z.npy --preset vllm --match vllm=vllm", "--match must be A=B, of the presets vllm"),
    ("--logits z.npy --preset vllm --minimise-nll", "--minimise-nll must come with --targets"),
    ("--logits z.npy --preset vllm --assert tv<1", "--assert tv<1: tv is of pairs, and there is"),
    ("--logits z.npy --preset vllm --assert kept(a)<1", "there is no preset 'a': they are vllm"),
    ("--logits z.npy --preset vllm --csv --json", "--csv must come without --json"),
    ("--logits z.npy --preset vllm --plot a.gif", "a.gif: must be a .svg, .png or .pdf file"),
    ("--logits z.npy --presets w.npy", "w.npy: presets must be in a .toml or .json file"),
    ("--logits z.npy --presets odd.json", "odd.json: must be a table of settings, or their text"),
    ("--logits z.npy --presets odd.toml", "odd.toml: "),
    ("--logits z.npy --presets none.toml", "none.toml: No such file or directory"),
    ("--logits nan.npy --preset vllm", "nan.npy: logits must be finite or -inf, got nan in row 1"),
    ("--logits z.npy --targets far.txt --preset vllm", "far.txt: targets must be in [0, 4), got 9"),
    ("--logits z.npy --preset vllm --draws 0", "Invalid value for '--draws': "),
]


@pytest.mark.usefixtures("saved_rows")
@pytest.mark.parametrize(("line", "words"), ERRORS, ids=[line for line, _ in ERRORS])
def test_an_error_is_one_line_and_exit_code_2(
    capfd: pytest.CaptureFixture[str], line: str, words: str
) -> None:
    np.save("nan.npy", [[0.0, 1.0], [np.nan, 0.0]])
    Path("far.txt").write_text("9\n" * 300, encoding="utf-8")
    Path("odd.json").write_text("[1]", encoding="utf-8")
    Path("odd.toml").write_text("a = \n", encoding="utf-8")
    out, err = samplers(capfd, *line.split(), code=2)
    assert out == ""
    assert words in err
    assert err.startswith("thermoscope: error: ")
    assert err.count("\n") == 1


def test_rows_come_from_standard_input() -> None:
    done = run(
        "samplers",
        "--logits",
        "-",
        "--preset",
        "a=top_k=2",
        "--json",
        text="[[1, 2, 3], [3, 2, 2]]",
    )
    assert done.returncode == 0
    assert json.loads(done.stdout)["presets"]["a"]["kept"] == {"median": 2.5, "p95": 3}


def test_the_exit_code_of_an_assertion_reaches_the_shell(saved_rows: Path) -> None:
    path = str(saved_rows / "z.npy")
    done = run("samplers", "--logits", path, "--preset", "vllm", "--assert", "kept<2")
    assert (done.returncode, done.stderr) == (
        1,
        "thermoscope: kept<2 failed: vllm has 4, 2 above it\n",
    )


@pytest.mark.usefixtures("saved_rows")
@pytest.mark.parametrize(
    ("ending", "magic"), [("svg", b"<?xml"), ("png", b"\x89PNG"), ("pdf", b"%PDF")]
)
def test_a_figure_goes_to_a_file(
    capfd: pytest.CaptureFixture[str], ending: str, magic: bytes
) -> None:
    samplers(capfd, *TWO, "--plot", f"out.{ending}")
    assert Path(f"out.{ending}").read_bytes().startswith(magic)
