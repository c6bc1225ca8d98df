from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pytest
import uvicorn

from tests.model_server import Handler, Scripted, scripted
from thermoscope.explorer import server
from thermoscope.explorer.browse import RowSource
from thermoscope.explorer.front_end import Kind, Spoken
from thermoscope.explorer.page import Page, page_of
from thermoscope.state import State

if TYPE_CHECKING:
    from collections.abc import Iterator

ADDRESS = re.compile(
    r"The explorer is at http://127\.0\.0\.1:(\d+)/([A-Za-z0-9_-]{43})/ \(Ctrl-C ends it\)\n"
)


class Explorer(NamedTuple):
    process: subprocess.Popen[str]
    port: int
    token: str

    def ask(self, method: str, path: str, host: str | None) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.putrequest(method, path, skip_host=True)
            if host is not None:
                connection.putheader("Host", host)
            connection.endheaders()
            response = connection.getresponse()
            headers = {name.lower(): value for name, value in response.getheaders()}
            return response.status, headers, response.read()
        finally:
            connection.close()

    def end(self, number: int) -> tuple[int, str, str]:
        """Send a signal; return the exit code and what else was printed."""
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=60)
        return self.process.returncode, out, err


@contextmanager
def explorer(*arguments: str, **environment: str) -> Iterator[Explorer]:
    with subprocess.Popen(
        [sys.executable, "-m", "thermoscope", "explore", *arguments],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            match = ADDRESS.fullmatch(process.stdout.readline())
            assert match, process.communicate(timeout=60)
            yield Explorer(process, int(match[1]), match[2])
        finally:
            process.kill()


@pytest.fixture(scope="module")
def pets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("server") / "pets.csv"
    path.write_text("cat,2\n</script>,1\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def running(pets: Path) -> Iterator[Explorer]:
    with explorer(str(pets), "-T", "0.5", "--no-open") as served:
        yield served
        # Only the address was printed, whatever the tests asked for.
        assert served.end(signal.SIGINT) == (0, "", "")


@pytest.mark.parametrize("host", ["127.0.0.1:{port}", "localhost:{port}", "LocalHost:{port}"])
def test_the_page_is_that_of_the_state(running: Explorer, host: str) -> None:
    status, headers, body = running.ask("GET", f"/{running.token}/", host.format(port=running.port))
    state = State.of([2, 1], ["cat", "</script>"], temperature=0.5, source="pets.csv")
    assert status == 200
    expected = page_of(state, language="auto")
    assert body == expected.html.encode()
    del headers["date"]
    assert headers == {
        "cache-control": "no-store",
        "content-length": str(len(body)),
        "content-security-policy": expected.policy,
        "content-type": "text/html; charset=utf-8",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
    }


def test_head_gets_the_headers_alone(running: Explorer) -> None:
    host = f"127.0.0.1:{running.port}"
    _, expected, _ = running.ask("GET", f"/{running.token}/", host)
    status, headers, body = running.ask("HEAD", f"/{running.token}/", host)
    del headers["date"], expected["date"]
    assert (status, headers, body) == (200, expected, b"")


@pytest.mark.parametrize(
    ("method", "path", "host", "status"),
    [
        ("GET", "/", "127.0.0.1:{port}", 404),
        ("GET", "/{token}", "127.0.0.1:{port}", 404),
        ("GET", "/{token}/../", "127.0.0.1:{port}", 404),
        ("GET", "/{token}/pets.csv", "127.0.0.1:{port}", 404),
        ("GET", "/{token}x/", "127.0.0.1:{port}", 404),
        ("GET", "/{swapped}/", "127.0.0.1:{port}", 404),
        ("GET", "/%ff%2f{token}/", "127.0.0.1:{port}", 404),
        ("GET", "/favicon.ico", "127.0.0.1:{port}", 404),
        ("POST", "/", "127.0.0.1:{port}", 404),
        ("POST", "/{token}/", "127.0.0.1:{port}", 405),
        ("PUT", "/{token}/", "127.0.0.1:{port}", 405),
        ("DELETE", "/{token}/", "127.0.0.1:{port}", 405),
        ("OPTIONS", "/{token}/", "127.0.0.1:{port}", 405),
        ("GET", "/{token}/", "evil.example:{port}", 421),
        ("GET", "/{token}/", "127.0.0.1.evil.example:{port}", 421),
        ("GET", "/{token}/", "127.0.0.1", 421),
        ("GET", "/{token}/", "127.0.0.1:1", 421),
        ("GET", "/{token}/", "0.0.0.0:{port}", 421),
        ("GET", "/{token}/", "", 421),
        ("GET", "/{token}/", None, 400),
    ],
)
def test_nothing_else_gets_the_page(
    running: Explorer, method: str, path: str, host: str | None, status: int
) -> None:
    names = {"port": running.port, "token": running.token, "swapped": running.token.swapcase()}
    answer, headers, body = running.ask(
        method, path.format(**names), None if host is None else host.format(**names)
    )
    assert answer == status
    assert b"<" not in body
    if status != 400:  # h11 itself answers an invalid request
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["content-type"].startswith("text/plain")


@pytest.fixture(scope="module")
def stepping(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Explorer]:
    path = tmp_path_factory.mktemp("server") / "many.npy"
    np.save(path, np.arange(12.0).reshape(4, 3))
    with explorer(str(path), "--row", "2", "--no-open") as served:
        yield served
        assert served.end(signal.SIGINT) == (0, "", "")


def ask_rows(served: Explorer, query: str, method: str = "GET") -> tuple[int, dict[str, str], str]:
    path = f"/{served.token}/rows?{query}"
    status, headers, body = served.ask(method, path, f"127.0.0.1:{served.port}")
    return status, headers, body.decode()


ROWS = RowSource(np.arange(12.0).reshape(4, 3), source="many.npy")


def test_a_page_of_many_rows_may_ask_for_them_and_for_nothing_else(stepping: Explorer) -> None:
    _, headers, body = stepping.ask("GET", f"/{stepping.token}/", f"127.0.0.1:{stepping.port}")
    expected = page_of(ROWS.state(2), ROWS, language="auto")
    assert expected.policy.endswith("; connect-src 'self'")
    assert Kind.ROWS.script("page", Spoken.auto) in expected.html
    assert headers["content-security-policy"] == expected.policy
    assert body == expected.html.encode()


def test_a_row_is_sent_with_the_headers_of_the_page(stepping: Explorer) -> None:
    status, headers, body = ask_rows(stepping, "order=given&place=3")
    state = State.of([9.0, 10.0, 11.0], source="many.npy", row=3)
    assert status == 200
    assert json.loads(body) == {**state.to_json(), "place": 3}
    del headers["date"], headers["content-length"]
    assert headers == {
        "cache-control": "no-store",
        "content-security-policy": page_of(state, ROWS, language="auto").policy,
        "content-type": "application/json",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
    }


def test_an_order_is_computed_while_the_page_asks_again(stepping: Explorer) -> None:
    done = -1
    while done < 4:
        status, _, body = ask_rows(stepping, "order=uncertain")
        assert status == 200
        assert json.loads(body)["done"] >= done
        done = json.loads(body)["done"]
    # Each row has the same entropy: they stay in order.
    assert json.loads(ask_rows(stepping, "order=uncertain&row=3")[2])["place"] == 3


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("place=4", "place must be 0 to 3, got 4"),
        ("place=-1", "place must be 0 to 3, got -1"),
        ("place=%3Cb%3E", "place must be 0 to 3, got <b>"),
        ("row=1e9", "row must be 0 to 3, got 1e9"),
        ("order=wrong", "order must be given or uncertain, got wrong"),
    ],
)
def test_an_invalid_query_gets_plain_text(stepping: Explorer, query: str, text: str) -> None:
    status, headers, body = ask_rows(stepping, query)
    assert (status, body) == (400, text)
    assert headers["content-type"].startswith("text/plain")
    assert headers["x-content-type-options"] == "nosniff"


def test_an_unreadable_file_is_an_error_and_the_server_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "many.npy"
    np.save(path, np.zeros((4, 3)))
    whole = path.read_bytes()
    with explorer(str(path), "--no-open") as served:
        path.write_bytes(whole[:-1])
        status, _, body = ask_rows(served, "place=3")
        assert status == 500
        assert body.startswith(f"{path}: ")
        path.write_bytes(whole)
        assert ask_rows(served, "place=3")[0] == 200


@pytest.mark.parametrize("error", [KeyError, RuntimeError, OSError, ZeroDivisionError])
def test_an_error_of_the_rows_is_sent_as_plain_text(error: type[Exception]) -> None:
    import asyncio

    import httpx2

    class Broken:
        shape = (2, 3)

        def __getitem__(self, _: object) -> None:
            raise error(3)

    rows = RowSource(Broken(), source="pets")
    application = server.application(State.of([1.0]), rows, port=80, token="t")  # noqa: S106

    async def ask() -> tuple[httpx2.Response, httpx2.Response]:
        transport = httpx2.ASGITransport(application)
        async with httpx2.AsyncClient(
            transport=transport, base_url="http://localhost:80"
        ) as client:
            headers = {"Host": "localhost:80"}
            found = await client.get("/t/rows?place=1", headers=headers)
            return found, await client.get("/t/", headers=headers)

    found, page = asyncio.run(ask())
    assert (found.status_code, found.text) == (
        500,
        f"pets: cannot read row 1: {error.__name__}: 3",
    )
    assert found.headers["content-type"].startswith("text/plain")
    assert page.status_code == 200


def test_rows_are_guarded_like_the_page(stepping: Explorer, running: Explorer) -> None:
    host = f"127.0.0.1:{stepping.port}"
    path = f"/{stepping.token}/rows?place=1"
    assert stepping.ask("GET", path, "evil.example")[0] == 421
    assert stepping.ask("GET", "/rows?place=1", host)[0] == 404
    assert stepping.ask("GET", f"/{stepping.token.swapcase()}/rows?place=1", host)[0] == 404
    assert stepping.ask("GET", f"/{stepping.token}/rows/?place=1", host)[0] == 404
    assert ask_rows(stepping, "place=1", "POST")[0] == 405
    assert ask_rows(stepping, "place=1", "HEAD")[::2] == (200, "")
    # A server of one row has no such path.
    assert ask_rows(running, "place=0")[0] == 404


def test_a_query_is_not_part_of_the_path(running: Explorer) -> None:
    host = f"127.0.0.1:{running.port}"
    assert running.ask("GET", f"/{running.token}/?{'x' * 1000}", host)[0] == 200
    assert running.ask("GET", f"/?/{running.token}/", host)[0] == 404


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux answers on all of 127.0.0.0/8")
def test_only_127_0_0_1_is_listened_on(running: Explorer) -> None:
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", running.port), timeout=30)


def test_a_request_that_is_not_http_gets_400(running: Explorer) -> None:
    with socket.create_connection(("127.0.0.1", running.port), timeout=30) as noise:
        noise.sendall(b"\x16\x03\x01\x00\r\n\r\n")
        assert noise.recv(1 << 16).startswith(b"HTTP/1.1 400 ")
    assert running.ask("GET", f"/{running.token}/", f"127.0.0.1:{running.port}")[0] == 200


def test_each_run_has_another_token(running: Explorer, pets: Path) -> None:
    with explorer(str(pets), "--no-open") as other:
        assert other.token != running.token
        assert other.port != running.port
        assert other.ask("GET", f"/{running.token}/", f"127.0.0.1:{other.port}")[0] == 404


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_cleanly_and_frees_the_port(pets: Path, number: int) -> None:
    with explorer(str(pets), "--no-open") as first:
        port = first.port
        assert first.ask("GET", f"/{first.token}/", f"127.0.0.1:{port}")[0] == 200
        assert first.end(number) == (0, "", "")
    with explorer(str(pets), "--no-open", "--port", str(port)) as second:
        assert second.port == port


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_between_the_address_and_the_server_ends_it_too(
    monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    run = uvicorn.Server.run

    def run_late(self: uvicorn.Server, sockets: list[socket.socket]) -> None:
        signal.raise_signal(number)
        run(self, sockets)

    monkeypatch.setattr(uvicorn.Server, "run", run_late)
    before = signal.getsignal(number)
    server.serve(State.of([1.0]), open_browser=False)
    assert signal.getsignal(number) is before


def test_stalled_clients_do_not_keep_it_from_ending(tmp_path: Path) -> None:
    np.save(tmp_path / "many.npy", np.zeros(1_000_000))
    with (
        explorer(str(tmp_path / "many.npy"), "--no-open") as served,
        socket.create_connection(("127.0.0.1", served.port), timeout=30) as stalled,
        socket.create_connection(("127.0.0.1", served.port), timeout=30) as half,
        socket.create_connection(("127.0.0.1", served.port), timeout=30),
    ):
        half.sendall(b"GET / HT")
        stalled.sendall(
            f"GET /{served.token}/ HTTP/1.1\r\nHost: 127.0.0.1:{served.port}\r\n\r\n".encode()
        )
        # The answer has begun, and is larger than the buffers of the socket.
        assert stalled.recv(15) == b"HTTP/1.1 200 OK"
        assert served.end(signal.SIGINT) == (0, "", "")


def test_a_port_in_use_is_named(running: Explorer, pets: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "thermoscope", "explore", str(pets), "--port", str(running.port)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"thermoscope: error: cannot listen on port {running.port}: it is in use; "
        "choose another, or none to get a free one\n"
    )


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a connection may not inherit it")
def test_the_body_of_an_answer_does_not_wait_for_its_head_to_be_acknowledged() -> None:
    with server._listen(None) as listener, socket.create_connection(listener.getsockname()):
        connection, _ = listener.accept()
        with connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


@pytest.mark.parametrize("port", [-1, 65536])
def test_an_invalid_port_is_refused(port: int) -> None:
    with pytest.raises(ValueError, match=f"port must be 0 to 65535, got {port}"):
        server.serve(State.of([1.0]), port=port)


def test_the_browser_of_the_user_is_opened(tmp_path: Path, pets: Path) -> None:
    seen, browser = tmp_path / "seen", tmp_path / "browser"
    os.mkfifo(seen)
    browser.write_text(f'#!/bin/sh\necho "$1" > "{seen}"\n', encoding="utf-8")
    browser.chmod(0o755)
    with explorer(str(pets), BROWSER=f"{browser} %s") as served:
        # Opening a FIFO waits for its writer.
        address = seen.read_text(encoding="utf-8")
        assert address == f"http://127.0.0.1:{served.port}/{served.token}/\n"
        assert served.end(signal.SIGINT) == (0, "", "")


def test_without_a_browser_it_serves_at_the_address(pets: Path, tmp_path: Path) -> None:
    nowhere = {"PATH": str(tmp_path), "BROWSER": "", "DISPLAY": "", "WAYLAND_DISPLAY": ""}
    with explorer(str(pets), **nowhere) as served:
        host = f"127.0.0.1:{served.port}"
        assert served.ask("GET", f"/{served.token}/", host)[0] == 200
        assert served.end(signal.SIGINT) == (0, "", "")


@pytest.mark.parametrize("wanted", [True, False])
def test_a_browser_is_opened_only_where_wanted(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], *, wanted: bool
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(server, "_open", opened.append)
    monkeypatch.setattr(uvicorn.Server, "run", lambda *_, **__: None)
    server.serve(State.of([1.0]), open_browser=wanted)
    (address,) = re.findall(r"http://\S+", capfd.readouterr().out)
    assert opened == ([address] if wanted else [])


def test_the_page_is_rendered_once(monkeypatch: pytest.MonkeyPatch) -> None:
    import asyncio

    import httpx2

    rendered: list[State] = []

    def render(state: State, *_: object, **__: object) -> Page:
        rendered.append(state)
        return Page("page", "default-src 'none'")

    monkeypatch.setattr(server, "page_of", render)
    application = server.application(State.of([1.0]), port=80, token="token")  # noqa: S106

    async def ask() -> list[int]:
        transport = httpx2.ASGITransport(application)
        async with httpx2.AsyncClient(
            transport=transport, base_url="http://localhost:80"
        ) as client:
            return [
                (await client.get("/token/", headers={"Host": "localhost:80"})).status_code
                for _ in range(3)
            ]

    assert asyncio.run(ask()) == [200, 200, 200]
    assert len(rendered) == 1


def send_without_end(handler: Handler) -> None:
    handler.send_response(200)
    handler.end_headers()
    # The other end leaves.
    with suppress(OSError):
        while not handler.server.stopped.is_set():
            handler.wfile.write(b" " * (1 << 20))


class TestWriting:
    """The page of a text that a model writes: only the page itself may have it go on."""

    KEY = "a-secret-key"
    asked, left = threading.Event(), threading.Event()

    @pytest.fixture(scope="class")
    @classmethod
    def model(cls) -> Iterator[Scripted]:
        """Return a server of a model, which answers with what it should not where it is told to."""

        def script(handler: Handler, body: Any) -> None:
            prompt = (body or {}).get("prompt", "")
            entries = [
                {"token": word, "logprob": logprob, "top_logprobs": []}
                for word, logprob in (("</script>", -0.5), ("b", -1.0))
            ]
            entries[0]["top_logprobs"] = [dict(each) for each in entries]
            if handler.path == "/v1/models":
                handler.send({"data": [{"id": "</script><b>m", "owned_by": "someone"}]})
            elif handler.path != "/v1/completions":
                handler.send({}, 404)
            elif prompt.endswith("elsewhere"):
                handler.send({}, 302, Location="http://127.0.0.1:9/")
            elif prompt.endswith("key"):
                handler.send({"error": {"message": handler.headers["Authorization"]}}, 500)
            elif prompt.endswith("huge"):
                handler.send(b'{"choices": "' + b"x" * (129 << 20) + b'"}')
            elif prompt.endswith("silent"):
                cls.asked.set()
                if handler.rfile.read(1) == b"":
                    cls.left.set()
            elif prompt.endswith("endless"):
                send_without_end(handler)
            else:
                handler.send({"choices": [{"logprobs": {"content": entries[:1]}}]})

        with scripted(script) as server:
            yield server

    @pytest.fixture(scope="class")
    @classmethod
    def writing(cls, model: Scripted) -> Iterator[Explorer]:
        options = ["--server", model.url, "a", "--no-open", "--top-k", "1"]
        with explorer(*options, THERMOSCOPE_API_KEY=cls.KEY) as running:
            yield running

    def act(self, running: Explorer, action: Any, **headers: str) -> tuple[int, str]:
        content = action if isinstance(action, bytes) else json.dumps(action).encode()
        connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=60)
        known = {"Content-Type": "application/json", "Origin": f"http://127.0.0.1:{running.port}"}
        try:
            path = headers.pop("path", f"/{running.token}/write")
            connection.request(headers.pop("method", "POST"), path, content, known | headers)
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def test_the_page_itself_has_it_go_on(self, writing: Explorer) -> None:
        status, content = self.act(writing, {"do": "step", "truncation": {"top_k": 1}})
        assert status == 200
        answer = json.loads(content)
        assert (answer["error"], answer["count"]) == (None, 2)
        assert answer["branches"][0]["text"] == "</script>"

    @pytest.mark.parametrize(
        ("headers", "expected"),
        [
            ({"Origin": "http://127.0.0.1:1"}, 403),
            ({"Origin": "http://evil.example"}, 403),
            ({"Origin": "null"}, 403),
            ({"Content-Type": "text/plain"}, 415),
            ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
            ({"Host": "evil.example"}, 421),
            ({"path": "/write"}, 404),
            ({"path": "/not-the-token/write"}, 404),
            ({"method": "GET"}, 405),
            ({"method": "PUT"}, 405),
        ],
    )
    def test_nobody_else_does(
        self, writing: Explorer, headers: dict[str, str], expected: int
    ) -> None:
        before = self.act(writing, {"do": "status"})
        status, content = self.act(writing, {"do": "start", "prompt": "evil"}, **headers)
        assert (status, "evil" in content) == (expected, False)
        assert self.act(writing, {"do": "status"}) == before

    @pytest.mark.parametrize(
        ("content", "expected"),
        [
            (b"no JSON", 400),
            (b"[" * 100_000, 400),
            (b"[]", 400),
            (b" " * (1 << 20) + b" ", 413),
        ],
    )
    def test_what_is_no_action_is_refused(
        self, writing: Explorer, content: bytes, expected: int
    ) -> None:
        assert self.act(writing, content)[0] == expected
        assert self.act(writing, {"do": "status"})[0] == 200

    @pytest.mark.parametrize("name", ["server", "url", "model", "base_url"])
    def test_no_action_reaches_another_server(
        self, writing: Explorer, model: Scripted, name: str
    ) -> None:
        with scripted(lambda handler, _: handler.send({})) as other:
            asked = len(model.requests)
            action = {"do": "start", "prompt": f"{name} {other.url}", name: other.url}
            assert self.act(writing, action)[0] == 200
            assert other.requests == []
        assert len(model.requests) == asked + 1

    @pytest.mark.parametrize(
        ("prompt", "words"),
        [
            ("elsewhere", "redirect"),
            ("key", "500"),
            ("huge", "more than 128 MiB"),
            ("endless", "more than 128 MiB"),
        ],
    )
    def test_a_malicious_server_is_told_and_does_no_harm(
        self, writing: Explorer, prompt: str, words: str
    ) -> None:
        before = json.loads(self.act(writing, {"do": "status"})[1])
        action = {"do": "start", "prompt": prompt}
        answer = json.loads(self.act(writing, action)[1])
        while answer["busy"]:
            answer = json.loads(self.act(writing, {"do": "status"})[1])
        name, told = answer["error"]
        assert name == "words"
        assert words in told
        assert "\n" not in told
        assert answer["branches"] == before["branches"]

    def test_the_key_is_in_no_answer_page_or_file(self, writing: Explorer, model: Scripted) -> None:
        assert {headers.get("Authorization") for *_, headers in model.requests} == {
            f"Bearer {self.KEY}"
        }
        self.act(writing, {"do": "step", "truncation": {"top_k": 1}})
        answers = [
            self.act(writing, action)[1]
            for action in (
                {"do": "status"},
                {"do": "save"},
                {"do": "page"},
                {"do": "start", "prompt": "key"},
            )
        ]
        assert '"html"' in answers[2]
        host = f"127.0.0.1:{writing.port}"
        for name in ("", "rows?order=given&place=0", "rows?sequence=0"):
            status, _, body = writing.ask("GET", f"/{writing.token}/{name}", host)
            assert status == 200
            answers.append(body.decode())
        assert all(self.KEY not in answer for answer in answers)
        # Hostile texts end no element.
        assert answers[4].count("</script>") == 2

    def test_the_memory_is_bounded(self, writing: Explorer) -> None:
        lines = Path(f"/proc/{writing.process.pid}/status")
        if not lines.exists():
            pytest.skip("needs /proc")
        peak = next(line for line in lines.read_text().splitlines() if line.startswith("VmHWM"))
        assert int(peak.split()[1]) < 600_000

    @pytest.fixture
    def pending(self, writing: Explorer) -> Iterator[threading.Thread]:
        """Return a thread that waits for the page, which waits for a silent model."""
        self.asked.clear()
        self.left.clear()
        waiting = threading.Thread(
            target=self.act, args=[writing, {"do": "start", "prompt": "silent"}]
        )
        waiting.start()
        assert self.asked.wait(60)
        yield waiting
        waiting.join(60)

    def test_what_is_cancelled_is_asked_of_the_model_no_longer(
        self, writing: Explorer, pending: threading.Thread
    ) -> None:
        answer = json.loads(self.act(writing, {"do": "cancel"})[1])
        assert (answer["busy"], answer["error"]) == (False, None)
        # The model may be silent for 30 s.
        assert self.left.wait(20)
        pending.join(20)
        assert not pending.is_alive()
        assert json.loads(self.act(writing, {"do": "start", "prompt": "a"})[1])["error"] is None

    # Of the class the last: it ends the page.
    def test_a_silent_model_does_not_keep_the_page_from_ending(
        self, writing: Explorer, pending: threading.Thread
    ) -> None:
        assert pending.is_alive()
        writing.process.send_signal(signal.SIGINT)
        # An answer to the page waits for 10 s.
        assert writing.process.wait(8) == 0
        assert self.left.wait(20)
        _, err = writing.process.communicate(timeout=60)
        assert "Traceback" not in err
