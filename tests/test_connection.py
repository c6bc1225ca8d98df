"""Requests to a server of a model: what each fault of a server says, and what never leaves."""

from __future__ import annotations

import json
import logging
import ssl
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import thermoscope as ts
from tests.model_server import Handler, scripted
from thermoscope.connection.client import KEY, Client, Limits, ServerError

if TYPE_CHECKING:
    from collections.abc import Callable

SECRET = "sk-secret-0123456789"  # noqa: S105 - of nothing
CERTIFICATE = Path(__file__).parent / "data" / "self_signed.pem"


def answer(**response: Any) -> Callable[[Handler, Any], None]:
    """Answer everything alike."""
    return lambda handler, _: handler.send(**response)


def redirect(handler: Handler, _: Any) -> None:
    handler.send({}, 307, Location="http://elsewhere.example/v1")


def half(handler: Handler, _: Any) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"choices": [')


def silent(handler: Handler, _: Any) -> None:
    handler.server.stopped.wait()


def endless(handler: Handler, _: Any) -> None:
    handler.send_response(200)
    handler.end_headers()
    while not handler.server.stopped.is_set():
        handler.wfile.write(b" " * 65536)


def dripping(handler: Handler, _: Any) -> None:
    handler.send_response(200)
    handler.end_headers()
    while not handler.server.stopped.wait(0.02):
        handler.wfile.write(b" ")
        handler.wfile.flush()


def packed(handler: Handler, _: Any) -> None:
    handler.send(b"\x1f\x8b", 200, Content_Encoding="gzip")


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        (answer(value={"error": {"message": "no\nkey"}}, status=401), "asks for a key: set the"),
        (answer(value={}, status=403), f"{KEY} (403)"),
        (answer(value={"error": {"message": "no such model"}}, status=404), "no such model"),
        (answer(value={"detail": "out of memory"}, status=500), "failed (500: out of memory)"),
        (answer(value=b"<html>", status=200), "not JSON: '<html>'"),
        (answer(value=b"[" * 100_000, status=200), "not JSON"),
        (redirect, "redirects to http://elsewhere.example/v1, which is not followed"),
        (half, "ended in the middle of its answer"),
        (endless, "sends more than 1 MiB: ask for fewer"),
        (packed, "packed data, which was not asked for"),
    ],
)
def test_each_fault_of_a_server_is_one_line_that_says_what_to_do(
    script: Callable[[Handler, Any], None], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    says_what_to_do(script, expected, Limits(size=1 << 20), monkeypatch)


@pytest.mark.parametrize(
    ("script", "limits", "expected"),
    [
        (silent, Limits(silence=0.4), "has sent nothing for 0 s"),
        (dripping, Limits(seconds=0.8), "has not come to an end after 1 s"),
    ],
)
def test_so_is_a_server_that_takes_its_time(
    script: Callable[[Handler, Any], None],
    limits: Limits,
    expected: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    says_what_to_do(script, expected, limits, monkeypatch)


def says_what_to_do(
    script: Callable[[Handler, Any], None],
    expected: str,
    limits: Limits,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(KEY, raising=False)
    with (
        scripted(script) as server,
        Client(server.url, limits=limits) as client,
        pytest.raises(ServerError) as caught,
    ):
        client.post("/v1/completions", {})
    message = str(caught.value)
    assert expected in message
    assert "\n" not in message
    assert server.url in message
    assert isinstance(caught.value, OSError)
    assert isinstance(caught.value, ValueError)


def test_a_server_that_is_not_there_says_so() -> None:
    with scripted(silent) as server:
        url = server.url
    with pytest.raises(ServerError, match="is the address right, and the server"):
        ts.connect(url)


def test_a_certificate_that_is_not_trusted_says_so() -> None:
    with scripted(answer(value={})) as server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(CERTIFICATE)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        with (
            Client(server.url.replace("http:", "https:")) as client,
            pytest.raises(ServerError, match=r"certificate of https://.* is not trusted"),
        ):
            client.get("/v1/models")


def test_a_server_without_tls_says_so() -> None:
    with (
        scripted(answer(value={})) as server,
        Client(server.url.replace("http:", "https:")) as client,
        pytest.raises(ServerError, match="does not speak TLS"),
    ):
        client.get("/v1/models")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("ftp://x", "got 'ftp://x'"),
        ("http://", "got 'http://'"),
        ("http://x:port", "got 'http://x:port'"),
        ("http://x/?a=b", "must end with the path"),
    ],
)
def test_what_is_no_address_says_so(url: str, expected: str) -> None:
    with pytest.raises(ts.ArgumentError) as caught:
        ts.connect(url)
    assert caught.value.argument == "url"
    assert expected in str(caught.value)


def test_a_password_in_an_address_is_refused_and_not_repeated() -> None:
    with pytest.raises(ts.ArgumentError) as caught:
        ts.connect(f"http://me:{SECRET}@localhost")
    assert SECRET not in str(caught.value)


def test_a_key_goes_to_the_server_and_into_no_text(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither where the server repeats it, nor where the libraries log."""
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv(KEY, SECRET)
    words = {"error": {"message": f"Incorrect API key provided: {SECRET}"}}
    with scripted(answer(value=words, status=401)) as server, Client(server.url) as client:
        with pytest.raises(ServerError) as caught:
            client.get("/v1/models")
        ((_, _, headers),) = server.requests
        texts = [str(caught.value), repr(caught.value), repr(client)]
    assert headers["Authorization"] == f"Bearer {SECRET}"
    assert "provided: [key]" in texts[0]
    assert SECRET not in "".join(texts) + caplog.text


def test_a_key_with_a_line_break_is_refused_and_not_repeated(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(KEY, "sk-secret\nX-Other: 1")
    with pytest.raises(ts.ArgumentError) as caught:
        ts.connect("http://localhost:1")
    assert "sk-secret" not in str(caught.value)


def test_no_proxy_and_no_password_file_is_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password other\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    monkeypatch.delenv(KEY, raising=False)
    with scripted(answer(value={"data": []})) as server, Client(server.url) as client:
        assert client.get("/v1/models") == {"data": []}
        ((_, _, headers),) = server.requests
    assert "Authorization" not in headers


@pytest.mark.parametrize("begun", [False, True])
@pytest.mark.parametrize("reused", [False, True])
def test_what_a_thread_waits_for_is_broken_off_and_the_server_sees_it(
    *, begun: bool, reused: bool
) -> None:
    asked, left = threading.Event(), threading.Event()

    def script(handler: Handler, _: Any) -> None:
        handler.protocol_version, handler.close_connection = "HTTP/1.1", False
        if handler.path != "/silent":
            handler.send({})
            return
        if begun:
            handler.send_response(200)
            handler.end_headers()
        asked.set()
        # It ends where the client closes the connection.
        if handler.rfile.read(1) == b"":
            left.set()

    errors: list[str] = []

    def ask() -> None:
        for _ in range(2):
            try:
                client.get("/silent")
            except ServerError as error:
                errors.append(str(error))

    with scripted(script) as server, Client(server.url) as client:
        if reused:
            client.get("/")
        thread = threading.Thread(target=ask)
        thread.start()
        assert asked.wait(20)
        client.break_off(thread)
        thread.join(20)
        assert left.wait(20)
        assert errors == [f"what was asked of {server.url} is broken off"] * 2
        # It asked once, and others still can.
        assert client.get("/") == {}
        assert [path for path, *_ in server.requests] == ["/"] * reused + ["/silent", "/"]


def test_a_thread_that_waits_for_a_busy_server_is_broken_off() -> None:
    script = answer(value={}, status=429, Retry_After="60")
    waits = threading.Event()
    errors: list[BaseException] = []

    def ask() -> None:
        try:
            client.get("/v1/models")
        except ServerError as error:
            errors.append(error)

    with scripted(script) as server:
        client = Client(server.url, tell=lambda _: waits.set())
        with client:
            thread = threading.Thread(target=ask)
            thread.start()
            assert waits.wait(20)
            client.break_off(thread)
            thread.join(20)
    assert "is broken off" in str(errors[0])
    assert len(server.requests) == 1


NUMBERS = st.integers(-(1 << 63), (1 << 64) - 1) | st.floats()
# Halves of surrogate pairs among them.
TEXTS = st.text(st.characters())


@given(
    value=st.recursive(
        NUMBERS | TEXTS | st.none() | st.booleans(),
        lambda some: st.lists(some) | st.dictionaries(TEXTS, some),
    ),
    ascii_alone=st.booleans(),
)
@example(value=[float("nan"), float("inf"), -0.0, 5e-324, 1e16], ascii_alone=True)
@example(value={"half": "\ud83d", "emoji": "\U0001f321", "same": 1}, ascii_alone=True)
def test_an_answer_has_the_values_that_python_reads(*, value: object, ascii_alone: bool) -> None:
    text = json.dumps(value, ensure_ascii=ascii_alone).encode(errors="replace")
    with Client("localhost") as client:
        assert repr(client._parsed(text, "/")) == repr(json.loads(text))


@pytest.mark.parametrize("text", [b"1e400", b"-0", b"1E5", b' {"a": 1, "a": 2} ', b"\xef\xbb\xbf1"])
def test_so_have_numbers_and_objects_as_others_write_them(text: bytes) -> None:
    with Client("localhost") as client:
        assert repr(client._parsed(text, "/")) == repr(json.loads(text))


def test_no_cookie_comes_back() -> None:
    script = answer(value={}, status=200, Set_Cookie="name=value; Path=/")
    with scripted(script) as server, Client(server.url) as client:
        client.get("/a")
        client.get("/b")
    assert "Cookie" not in server.requests[1][2]


@pytest.fixture
def waited(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return the seconds for which the client would have waited."""
    seconds: list[float] = []
    monkeypatch.setattr(Client, "_pause", lambda _, waited: seconds.append(waited))
    return seconds


def test_a_busy_server_is_asked_again_and_that_is_told(waited: list[float]) -> None:
    lines: list[str] = []

    def busy_once(handler: Handler, _: Any) -> None:
        if len(handler.server.requests) == 1:
            handler.send({"error": {"message": "Loading model"}}, 503, Retry_After="0")
        else:
            handler.send({"ready": True})

    with scripted(busy_once) as server:
        client = Client(server.url, tell=lines.append)
        with client:
            assert client.get("/v1/models") == {"ready": True}
    assert waited == [2]
    assert lines == [f"{server.url} is busy (503: Loading model): asking again in 2 s"]


def test_a_server_that_stays_busy_is_not_asked_for_ever(waited: list[float]) -> None:
    with (
        scripted(answer(value={}, status=429)) as server,
        Client(server.url) as client,
        pytest.raises(ServerError, match="is busy"),
    ):
        client.get("/v1/models")
    assert waited == [2, 4, 8, 16, 32, 60, 60, 60]


def test_a_server_that_wants_an_hour_is_not_waited_for(waited: list[float]) -> None:
    script = answer(value={}, status=429, Retry_After="3600")
    with (
        scripted(script) as server,
        Client(server.url) as client,
        pytest.raises(ServerError, match="is busy"),
    ):
        client.get("/v1/models")
    assert waited == []
