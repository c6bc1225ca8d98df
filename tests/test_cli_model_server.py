"""`thermoscope explore --server`: a text that a real llama.cpp server's model writes."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import thermoscope as ts
from tests.model_server import Handler, llama_cpp, needs_llama_cpp, scripted
from thermoscope import cli
from thermoscope.data.errors import FileError

if TYPE_CHECKING:
    from collections.abc import Iterator

TOKENS = 2048


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    rows = np.random.default_rng(2).normal(0, 3, (8, TOKENS))
    with llama_cpp(tmp_path_factory.mktemp("cli"), rows, "bytes") as address:
        yield address


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Return what would be served: the state and the rows of each explorer."""
    from thermoscope.explorer import server

    found: list[Any] = []
    monkeypatch.setattr(server, "serve", lambda state, rows, **_: found.append((state, rows)))
    return found


@needs_llama_cpp
def test_a_text_is_written_saved_and_shown(
    address: str, served: list[Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "text.json"
    options = ["-n", "4", "--seed", "3", "-T", "1.5", "--top-k", "50", "--save", str(path)]
    assert cli.main(["explore", "--server", address, "a", *options]) == 0
    ((state, rows),) = served
    assert (rows.count, rows.is_sequence, state.row) == (5, True, 4)
    assert (state.temperature, state.truncation) == (1.5, {"top_k": 50})
    assert len(state.logits) == TOKENS
    with ts.connect(address) as source:
        draft = ts.Draft(source, "a", 1.5, seed=3, top_k=50)
        text = "".join(token.text for token in draft.write(4))
    told = capsys.readouterr().err
    assert text in told
    assert "all 2,048 tokens; drawn with --seed 3" in told
    assert cli.main(["tokens", str(path), "--csv"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 5


@needs_llama_cpp
def test_a_chat_is_put_into_the_models_template(address: str, served: list[Any]) -> None:
    assert cli.main(["explore", "--server", address, "a", "--chat", "-n", "1"]) == 0
    assert served[0][1].count == 2
    assert served[0][1].status()["prompt"] is None


@needs_llama_cpp
def test_a_saved_text_is_opened_with_its_branches_and_its_sampler(
    address: str, served: list[Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--seed", "3", "-T", "1.5", "--top-k", "50", "-n", "3"]
    assert cli.main(["explore", "--server", address, "a", *options]) == 0
    page = served[0][1]
    with ts.connect(address) as source:
        # The connection of the command is closed.
        page._texts.branch.draft.source.server.client = source.server.client
        page.act({"do": "take", "position": 1, "item": 7}, 60)
        found = page.act({"do": "save"}, 60)
    path = tmp_path / str(found["name"])
    path.write_text(found["json"], encoding="utf-8")
    capsys.readouterr()
    assert cli.main(["explore", "--server", address, "--text", str(path)]) == 0
    assert "text.json is open, with 2 branches." in capsys.readouterr().err
    _, (state, opened) = served
    assert (state.row, state.temperature, state.truncation) == (2, 1.5, {"top_k": 50})
    for name in ("branch", "branches", "prompt", "seed", "count"):
        assert opened.status()[name] == page.status()[name], name
    explorer = ts.explore(server=address, prompt=path)
    assert (explorer.temperature, explorer.truncation) == (1.5, {"top_k": 50})
    rows: Any = explorer.rows
    assert rows.status()["branches"] == page.status()["branches"]
    rows._texts.branch.draft.source.close()
    with pytest.raises(ts.ArgumentError, match="prompt must come without temperature"):
        ts.explore(server=address, prompt=path, temperature=0.5)


@needs_llama_cpp
def test_ctrl_c_shows_what_has_been_written(
    address: str,
    served: list[Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    step = ts.Draft.step

    def interrupted(draft: ts.Draft) -> Any:
        if len(draft) == 2:
            raise KeyboardInterrupt
        return step(draft)

    monkeypatch.setattr(ts.Draft, "step", interrupted)
    assert cli.main(["explore", "--server", address, "a", "-n", "9"]) == 0
    assert [each["length"] for each in served[0][1].status()["branches"]] == [2]
    assert "stopped after 2 tokens\n" in capsys.readouterr().err


@needs_llama_cpp
def test_ctrl_c_before_the_first_token_saves_nothing(
    address: str,
    served: list[Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "text.json"

    def interrupted(_: ts.Draft) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(ts.Draft, "step", interrupted)
    assert cli.main(["explore", "--server", address, "a", "-n", "9", "--save", str(path)]) == 0
    assert [each["length"] for each in served[0][1].status()["branches"]] == [0]
    err = capsys.readouterr().err
    assert err.endswith(f"stopped after 0 tokens\nthermoscope: {path} is not written\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("route", ["/v1/models", "/v1/completions"])
@pytest.mark.parametrize("command", ["explore", "samplers"])
def test_ctrl_c_ends_the_wait_for_a_silent_server_and_says_that_nothing_is_saved(
    command: str,
    route: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("prompts.txt").write_text("a\n", encoding="utf-8")
    before = [*tmp_path.iterdir()]

    def script(handler: Handler, _: Any) -> None:
        if handler.path == route:
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
            handler.rfile.read(1)
        elif handler.path == "/v1/models":
            handler.send({"data": [{"id": "m", "owned_by": "someone"}]})
        else:
            handler.send({}, 404)

    more = ["a", "-n", "9"] if command == "explore" else ["prompts.txt", "--preset", "vllm"]
    with scripted(script) as server:
        assert cli.main([command, "--server", server.url, *more, "--save", "out.json"]) == 130
    out, err = capsys.readouterr()
    what = "token" if command == "explore" else "answer"
    assert out == ""
    assert err.endswith(
        f"thermoscope: stopped before the first {what}\nthermoscope: out.json is not written\n"
    )
    assert [*tmp_path.iterdir()] == before


def test_a_server_that_fails_after_some_tokens_shows_these(
    served: list[Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    entry = {"token": " b", "logprob": -0.1, "top_logprobs": [{"token": " b", "logprob": -0.1}]}

    def script(handler: Handler, body: Any) -> None:
        if handler.path == "/v1/models":
            handler.send({"data": [{"id": "m", "owned_by": "someone"}]})
        elif handler.path != "/v1/completions":
            handler.send({}, 404)
        elif body["prompt"] == "a b b":
            handler.send({"error": {"message": "out of memory"}}, 500)
        else:
            handler.send({"choices": [{"logprobs": {"content": [entry]}}]})

    with scripted(script) as server:
        path = tmp_path / "text.json"
        options = ["--top-k", "1", "-n", "9", "--save", str(path)]
        assert cli.main(["explore", "--server", server.url, "a", *options]) == 0
        # The page tells it too, and shows the text.
        assert "out of memory" in str(served[0][1].status()["error"])
    assert served[0][1].count == 2
    err = capsys.readouterr().err
    assert "stopped after 2 tokens: http://" in err
    assert f"{path} has what came until then" in err
    assert ts.open_logits(path).rows == 2


@needs_llama_cpp
def test_a_text_that_cannot_be_saved_is_on_the_page(
    address: str,
    served: list[Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise FileError(f"{path}: No space left on device")

    path = tmp_path / "text.json"
    monkeypatch.setattr(ts.Draft, "save", fail)
    assert cli.main(["explore", "--server", address, "a", "-n", "3", "--save", str(path)]) == 0
    assert served[0][1].count == 4
    assert f"{path}: No space left on device" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--server", "http://127.0.0.1:9"], "--server must come with a prompt"),
        (["--server", "http://127.0.0.1:9", "a"], "no server answers at http://127.0.0.1:9"),
        (["--server", "http://127.0.0.1:9", "a", "--row", "1"], "--row must come with a file"),
        (["--server", "http://127.0.0.1:9", "a", "--sample", "digits"], "without --sample"),
        (["--server", "http://127.0.0.1:9", "a", "--save", "a.txt"], "must be a .json file"),
        (["--server", "http://127.0.0.1:9", "a", "--save", "a.json"], "must come with --tokens"),
        (["--server", "http://127.0.0.1:9", "a", "-n", "9", "--save", "no/a.json"], "no folder"),
        (["--server", "http://127.0.0.1:9", ""], "the prompt is empty: type a text"),
        (["--server", "http://127.0.0.1:9", "a\udcff"], r"got '\udcff' after 'a': convert it to"),
        (["--server", "http://127.0.0.1:9/\udcff", "a"], "url must be Unicode text"),
        (["--server", "http://127.0.0.1:9", "--text", "a.json"], "no server answers"),
        (["--server", "http://127.0.0.1:9", "a", "--text", "a.json"], "must come without a prompt"),
        (["--server", "http://127.0.0.1:9", "--text", "a.json", "-T", "2"], "must come without -T"),
        (["--server", "http://127.0.0.1:9", "--text", "a.json", "--seed", "2"], "without --seed"),
        (["--server", "http://127.0.0.1:9", "--text", "a.json", "--top-k", "2"], "without --top-k"),
        (["--text", "a.json"], "--text must come with --server"),
        (["--chat"], "--chat must come with --server"),
        (["--seed", "1"], "--seed must come with --server"),
    ],
)
def test_what_does_not_fit_says_so(
    options: list[str], expected: str, served: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["explore", *options]) == 2
    assert expected in capsys.readouterr().err
    assert served == []
