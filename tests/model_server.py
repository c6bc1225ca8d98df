"""Servers of models for tests: llama.cpp's own, and one that answers what a test tells it to."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import threading
import urllib.request
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

MISSING = [name for name in ("gguf", "xllamacpp") if importlib.util.find_spec(name) is None]
needs_llama_cpp = pytest.mark.skipif(bool(MISSING), reason=f"needs {' and '.join(MISSING)}")

PROGRAM = Path(__file__).parent / "programs" / "llama_cpp.py"


@contextmanager
def llama_cpp(folder: Path, logits: NDArray[np.floating[Any]], *arguments: str) -> Iterator[str]:
    """Start llama.cpp's server on a model with these rows of logits, and yield its address."""
    path = folder / "logits.npy"
    np.save(path, logits.astype(np.float32))
    with serve(path, *arguments) as address:
        yield address


@contextmanager
def serve(path: Path, *arguments: str) -> Iterator[str]:
    """Start llama.cpp's server on a file of logits or a .gguf file, and yield its address."""
    with subprocess.Popen(
        [sys.executable, PROGRAM, path, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            # The address is printed by a server that answers.
            address = process.stdout.readline().strip()
            with urllib.request.urlopen(f"{address}/health", timeout=60) as response:  # noqa: S310
                assert json.load(response) == {"status": "ok"}
            yield address
            process.communicate(timeout=60)
            assert process.returncode == 0
        finally:
            process.kill()


class Handler(BaseHTTPRequestHandler):
    """Hands each request to the function of its server."""

    server: Scripted

    def do_GET(self) -> None:
        """Answer a request without content."""
        self._answer(None)

    def do_POST(self) -> None:
        """Answer a request with JSON."""
        self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

    def _answer(self, body: Any) -> None:
        self.server.requests.append((self.path, body, dict(self.headers)))
        self.server.script(self, body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def send(self, value: object, status: int = 200, **headers: str) -> None:
        """Send a JSON value, or bytes as they are."""
        content = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(status)
        for name, text in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name.replace("_", "-"), text)
        self.end_headers()
        self.wfile.write(content)


class Scripted(ThreadingHTTPServer):
    """A server that answers by a function, and notes what it was asked."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, script: Callable[[Handler, Any], None]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.script = script
        self.requests: list[tuple[str, Any, dict[str, str]]] = []
        self.stopped = threading.Event()

    def handle_error(self, *_: object) -> None:
        """Say nothing of a client that has left."""

    @property
    def url(self) -> str:
        """The address."""
        return f"http://127.0.0.1:{self.server_port}"


@contextmanager
def scripted(script: Callable[[Handler, Any], None]) -> Iterator[Scripted]:
    """Start a server that answers by a function."""
    with Scripted(script) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.stopped.set()
            server.shutdown()
            thread.join()
