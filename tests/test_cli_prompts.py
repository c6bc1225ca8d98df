"""`thermoscope samplers PROMPTS --server`: rows that a real llama.cpp server is asked for."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import thermoscope as ts
from tests.command_line import run
from tests.model_server import Handler, llama_cpp, needs_llama_cpp, scripted
from tests.test_cli_samplers import document, samplers
from thermoscope import cli
from thermoscope.connection import prompts as asking
from thermoscope.data.prompts import parse_prompts

if TYPE_CHECKING:
    from collections.abc import Iterator

TOKENS = 2048
PRESETS = {"a": "vllm,T=0.7,top_p=0.9", "llama.cpp": "llama.cpp"}
TWO = ["--preset", "a=vllm,T=0.7,top_p=0.9", "--preset", "llama.cpp"]
PROMPTS = ["1 2", "3", "7 + 8 ="]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    rows = np.random.default_rng(2).normal(0, 3, (64, TOKENS))
    with llama_cpp(tmp_path_factory.mktemp("prompts"), rows, "bytes") as address:
        yield address


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("prompts.txt").write_text("\n".join(PROMPTS) + "\n\n", encoding="utf-8")


@needs_llama_cpp
@pytest.mark.parametrize("file", ["rows.json", "rows.npy"])
def test_a_prompt_is_a_row_and_can_be_kept(
    address: str, capfd: pytest.CaptureFixture[str], file: str
) -> None:
    assert (
        cli.main(["samplers", "prompts.txt", "--server", address, *TWO, "--json", "--save", file])
        == 0
    )
    out, err = capfd.readouterr()
    found = json.loads(out)
    assert "prompts.txt: 3 prompts, one a line" in err
    assert "all 2,048 tokens" in err
    assert found["prompts"] == [{"prompt": at + 1, "rows": [at, 1]} for at in range(3)]
    assert (found["rows"], found["stopped"]) == (3, None)
    with ts.connect(address) as source:
        rows = np.array([source.next(prompt).logprobs for prompt in PROMPTS])
        data = ts.distributions(source, PROMPTS)
    expected = ts.compare_samplers(rows, PRESETS)
    for each in (expected, ts.compare_samplers(data, PRESETS)):
        over = each.total_variation["a", "llama.cpp"]
        assert found["total_variation"][0]["mean"] == pytest.approx(over.mean, rel=1e-12)
        for name, measures in each.presets.items():
            assert found["presets"][name]["kept"]["median"] == measures.kept.median
    again = document(capfd, "--logits", file, *TWO)
    assert again["presets"] == found["presets"]
    assert again["total_variation"] == found["total_variation"]


@needs_llama_cpp
def test_every_token_of_a_text_is_a_row_with_a_target(
    address: str, capfd: pytest.CaptureFixture[str]
) -> None:
    options = ["prompts.txt", "--server", address, "--score", *TWO, "--save", "rows.json"]
    found = document(capfd, *options, "--minimise-nll", "--top", "2048")
    with ts.connect(address) as source:
        lengths = [source.score(prompt).rows for prompt in PROMPTS]
        rows = ts.distributions(source, PROMPTS, score=True, top=2048)
    assert found["rows"] == sum(lengths) == rows.rows
    assert [each["rows"][1] for each in found["prompts"]] == lengths
    nll = ts.compare_samplers(rows, {"a": "T=1"}).presets["a"].nll
    again = document(capfd, "--logits", "rows.json", "--preset", "a=T=1")
    assert again["presets"]["a"]["nll"]["mean"] == pytest.approx(nll.mean, rel=1e-12)
    assert len(found["temperatures"]) == 2


@needs_llama_cpp
def test_what_is_kept_of_a_part_of_the_tokens_gives_the_same_ranges(
    address: str, capfd: pytest.CaptureFixture[str]
) -> None:
    options = ["prompts.txt", "--server", address, "--top", "20", *TWO, "--save", "rows.json"]
    found = document(capfd, *options)
    again = document(capfd, "--logits", "rows.json", *TWO)
    low, high = found["presets"]["llama.cpp"]["entropy"]["mean"]
    assert low < high
    assert again["presets"] == found["presets"]
    samplers(capfd, *options[:-1], "rows.npy", code=2)
    assert not Path("rows.npy").exists()


@needs_llama_cpp
def test_a_text_goes_on_and_a_chat_takes_its_template(
    address: str, capfd: pytest.CaptureFixture[str]
) -> None:
    found = document(capfd, "prompts.txt", "--server", address, *TWO, "--tokens", "3", "--chat")
    assert found["rows"] == 9
    assert "targets" not in found["presets"]["a"]
    message = {"role": "user", "content": "a"}
    with ts.connect(address) as source:
        told = source.next(source.from_chat([message])).logprobs
        for given, chat in ((["a"], True), ([[message]], False)):
            rows = ts.distributions(source, given, chat=chat, tokens=2)
            assert rows.reported(0).logprobs.tolist() == told.tolist()
            assert rows.rows == 2


def test_prompts_come_from_standard_input() -> None:
    arguments = ["samplers", "-", "--preset", "vllm", "--json", "--server"]
    with scripted(answering) as server:
        done = run(*arguments, server.url, text='{"prompt": "a"}\n')
        assert json.loads(done.stdout)["rows"] == 1
        assert 'standard input: 1 prompt, "prompt" of each line' in done.stderr
        done = run(*arguments, server.url, text="\n")
    assert done.stderr == "thermoscope: error: standard input: there are no prompts in it\n"


@needs_llama_cpp
def test_a_table_says_which_prompt_a_row_is_of(
    address: str, capfd: pytest.CaptureFixture[str]
) -> None:
    printed, _ = samplers(capfd, "prompts.txt", "--server", address, *TWO, "--tokens", "2")
    # The name of the model is a path: a line may end anywhere.
    out = " ".join(printed.split())
    row = int(out.partition("in row ")[2].partition(",")[0])
    assert f"in row {row}, of prompt {row // 2 + 1})" in out
    assert "6 rows of 3 prompts to " in out


@needs_llama_cpp
def test_ctrl_c_compares_what_has_been_answered(
    address: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    ask = asking.ask_each

    def interrupted(*arguments: Any, **options: Any) -> Iterator[Any]:
        answers = ask(*arguments, **options)
        yield next(answers)
        yield next(answers)
        raise KeyboardInterrupt

    monkeypatch.setattr(asking, "ask_each", interrupted)
    arguments = ["prompts.txt", "--server", address, *TWO, "--save", "rows.json"]
    out, err = samplers(capfd, *arguments, code=130)
    assert "stopped after 2 of 3 prompts: ended by Ctrl-C" in err
    assert "rows.json has what came until then" in err
    assert "2 rows of 2 prompts to " in out
    assert ts.open_logits("rows.json").rows == 2


def answering(handler: Handler, body: Any) -> None:
    """Answer as a server of OpenAI's kind, which reports two tokens, and fails at some prompts."""
    tops = [{"token": " b", "logprob": -0.5}, {"token": " c", "logprob": -1.5}]
    entry = {**tops[0], "top_logprobs": tops}
    if handler.path == "/v1/models":
        handler.send({"data": [{"id": "m", "owned_by": "someone"}]})
    elif handler.path != "/v1/completions":
        handler.send({}, 404)
    elif body["prompt"] == "long":
        handler.send({"error": {"message": "too many tokens"}}, 400)
    elif body["prompt"] == "end":
        handler.send({"error": {"message": "out of memory"}}, 500)
    else:
        handler.send({"choices": [{"logprobs": {"content": [entry]}}]})


def test_a_prompt_that_fails_is_named(capfd: pytest.CaptureFixture[str]) -> None:
    Path("p.jsonl").write_text('{"prompt": "a"}\n{"prompt": "long"}\n{"prompt": "b"}\n')
    arguments = ["p.jsonl", *TWO, "--vocabulary", "50", "--save", "rows.json"]
    with scripted(answering) as server:
        out, err = samplers(capfd, *arguments, "--server", server.url, "--json")
        assert 'p.jsonl: 3 prompts, "prompt" of each line' in err
        assert "prompt 2: " in err
        assert "too many tokens): left out" in err
        found = json.loads(out)
        assert found["rows"] == 2
        assert found["prompts"][1]["rows"] == [1, 0]
        assert "too many tokens" in found["prompts"][1]["error"]
        # A token that is missing, because another has its text, may be likelier than all others.
        assert document(capfd, "--logits", "rows.json", *TWO)["presets"] == found["presets"]
        Path("prompts.txt").write_text("a\nend\nb\n")
        out, err = samplers(capfd, "prompts.txt", *TWO, "--server", server.url, code=2)
        assert "stopped after 1 of 3 prompts: prompt 2: " in err
        assert "1 row of 1 prompt to m" in out
        with (
            ts.connect(server.url) as source,
            pytest.raises(OSError, match=r"prompt 2: .*too many"),
        ):
            ts.distributions(source, ["a", "long"])
        for text in ("end", "long"):
            Path("prompts.txt").write_text(text)
            _, err = samplers(capfd, "prompts.txt", *TWO, "--server", server.url, code=2)
            assert "thermoscope: error: prompt 1: " in err


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("--server http://127.0.0.1:9", "--server must come with PROMPTS"),
        ("prompts.txt", "--server must come with PROMPTS, got prompts.txt alone"),
        ("prompts.txt --server http://127.0.0.1:9", "no server answers at http://127.0.0.1:9"),
        ("prompts.txt --server http://127.0.0.1:9 --logits z.npy", "must come without --logits"),
        ("prompts.txt --server http://127.0.0.1:9 --columns a", "--columns must come with a file"),
        (
            "prompts.txt --server http://127.0.0.1:9 --score -n 2",
            "--score must come without --tokens",
        ),
        ("prompts.txt --server http://127.0.0.1:9 --save a.txt", "must go to a .json, .npy"),
        ("prompts.txt --server http://127.0.0.1:9 --save no/a.npy", "there is no folder"),
        ("prompts.txt --server http://127.0.0.1:9 --minimise-nll", "must come with --score"),
        ("none.txt --server http://127.0.0.1:9", "none.txt: No such file"),
        ("--logits z.npy --chat", "--chat must come with --server"),
    ],
)
def test_what_does_not_fit_says_so(
    options: str, expected: str, capfd: pytest.CaptureFixture[str]
) -> None:
    _, err = samplers(capfd, *options.split(), "--preset", "vllm", code=2)
    assert expected in err.splitlines()[-1]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "there are no prompts in it"),
        ('{"prompt": "a"}\n{"prompt": ""}', 'line 2: "prompt" must be a text that is not empty'),
        ('{"prompt": "a"}\n\n{"prompt"', "line 3: not JSON"),
        ('{"text": "a"}', 'must have "prompt" (a text) or "messages"'),
        ('{"prompt": "a", "messages": []}', "got both"),
        ('{"messages": [{"role": "user"}]}', "a message is something else"),
    ],
)
def test_wrong_prompts_say_what_they_must_be(text: str, expected: str) -> None:
    with pytest.raises(ValueError, match=r"line|prompts") as found:
        parse_prompts(text)
    assert expected in str(found.value)


def test_the_content_decides_what_is_a_prompt() -> None:
    assert parse_prompts(b"\xef\xbb\xbf{ a }\r\n b\xc2\x85c\n").items == ("{ a }", " b\x85c")
    message = {"role": "user", "content": "a"}
    lines = json.dumps({"messages": [message], "id": 1}) + "\n" + json.dumps({"prompt": "b"})
    items, notes = parse_prompts(lines)
    assert items == ((message,), "b")
    assert notes == ('2 prompts, "messages" or "prompt" of each line', "'id' is left out")


@needs_llama_cpp
def test_the_code_of_the_documentation_runs(
    address: str, capfd: pytest.CaptureFixture[str]
) -> None:
    text = (Path(__file__).parent.parent / "docs" / "samplers.md").read_text(encoding="utf-8")
    text = text.replace("http://localhost:8080", address)
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    exec(code, {})  # noqa: S102 - of this repository
    assert "of 100 draws would differ" in capfd.readouterr().out
    (commands,) = [
        each for each in re.findall(r"```sh\n(.*?)```", text, re.DOTALL) if "--server" in each
    ]
    for line in commands.splitlines():
        assert cli.main(line.split()[1:]) == 0
