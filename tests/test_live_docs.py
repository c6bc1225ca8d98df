"""The code of docs/live.md runs as it stands there, on a real llama.cpp server.

Ollama is one that answers as its source does.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.model_server import llama_cpp, needs_llama_cpp, scripted
from tests.test_connection_servers import models, ollama, replay
from thermoscope import cli

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = needs_llama_cpp

TEXT = (Path(__file__).parent.parent / "docs" / "live.md").read_text(encoding="utf-8")
ADDRESS, OLLAMA = "http://localhost:8080", "http://localhost:11434"
MODEL = "qwen3:0.6b"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    rows = np.random.default_rng(2).normal(0, 3, (8, 2048))
    with llama_cpp(tmp_path_factory.mktemp("live"), rows, "bytes") as address:
        yield address


def test_the_code_runs(
    address: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    # Those of a model in this process are run by test_in_process.
    code = "\n".join(block for block in blocks if "from_pretrained" not in block)
    assert ADDRESS in code
    exec(code.replace(ADDRESS, address), {})  # noqa: S102 - of this repository
    assert "all 2,048 tokens" in capsys.readouterr().out
    assert (tmp_path / "text.json").exists()


def test_the_commands_run(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them, and a page is opened by none."""
    from thermoscope.explorer import server

    shown = []
    monkeypatch.setattr(server, "serve", lambda _, rows, **__: shown.append(rows.count))
    monkeypatch.chdir(tmp_path)
    routes = {**ollama(), "/v1/models": models(("llama3:latest", "library"), (MODEL, "library"))}
    blocks = re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL)
    lines = [line.split("  #")[0] for block in blocks for line in block.splitlines()]
    commands = [line for line in lines if line.startswith("thermoscope")]
    with scripted(replay(routes)) as other:
        for line in commands:
            words = [word.strip('"') for word in re.findall(r'"[^"]*"|\S+', line)]
            at = {ADDRESS: address, OLLAMA: other.url}
            assert cli.main([at.get(word, word) for word in words[1:]]) == 0
    assert [body["model"] for path, body, _ in other.requests if path == "/api/generate"] == [MODEL]
    assert shown == [1, 41, 40, 41, 1]
    assert (tmp_path / "text.html").exists()
