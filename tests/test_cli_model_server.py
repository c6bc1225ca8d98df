"""`thermoscope explore --server`: a text that a real llama.cpp server's model writes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import thermoscope as ts
from tests.model_server import Handler, llama_cpp, needs_llama_cpp, scripted
from thermoscope import cli

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

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


def test_a_server_that_fails_after_some_tokens_shows_these(
    served: list[Any], capsys: pytest.CaptureFixture[str]
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
        assert cli.main(["explore", "--server", server.url, "a", "--top-k", "1", "-n", "9"]) == 0
        # The page tells it too, and shows the text.
        assert "out of memory" in served[0][1].status()["error"]
    assert served[0][1].count == 2
    assert "stopped after 2 tokens: http://" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--server", "http://127.0.0.1:9"], "--server must come with a prompt"),
        (["--server", "http://127.0.0.1:9", "a"], "no server answers at http://127.0.0.1:9"),
        (["--server", "http://127.0.0.1:9", "a", "--row", "1"], "--row must come with a file"),
        (["--server", "http://127.0.0.1:9", "a", "--sample", "digits"], "without --sample"),
        (["--server", "http://127.0.0.1:9", "a", "--save", "a.txt"], "must be a .json file"),
        (["--server", "http://127.0.0.1:9", "a", "--save", "a.json"], "must come with --tokens"),
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
