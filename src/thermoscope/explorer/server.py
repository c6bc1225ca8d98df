"""The explorer as a local page: on 127.0.0.1, at an address that is hard to guess."""

from __future__ import annotations

import errno
import json
import secrets
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Final

import uvicorn
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response

from thermoscope.arguments import ArgumentError
from thermoscope.explorer.page import Beginning, page_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.types import ASGIApp, Receive, Scope, Send

    from thermoscope.explorer.activity import Activity
    from thermoscope.explorer.browse import RowSource
    from thermoscope.state import State

__all__ = ["application", "serve"]

HOST: Final = "127.0.0.1"
MOST_BYTES: Final = 1 << 20
"""Of a request that changes the text."""
PATIENCE: Final = 10.0
"""Seconds that an answer waits for the model."""


def serve(
    state: State,
    rows: RowSource | None = None,
    *,
    beginning: Beginning | None = None,
    activity: Activity | None = None,
    language: str = "auto",
    port: int | None = None,
    open_browser: bool = True,
) -> None:
    """Serve the page of `state` on 127.0.0.1 and print its address; return on Ctrl-C or SIGTERM.

    Call it in the main thread: only that one can handle signals.

    Parameters
    ----------
    state : State
        What the page shows first. Changes that the user makes stay in the page.
    rows : RowSource, optional
        The rows to step through, if `state` is one of several. The page requests the others, and
        has the text of a `Writing` go on.
    beginning : Beginning, optional
        The page has a language model in itself, which goes on with this text.
    activity : Activity, optional
        The tasks that the page sets; without any, it is the page where they are made.
    language : str, default "auto"
        As for `page_of`.
    port : int, optional
        The port to listen on. The default, and 0, is a free one.
    open_browser : bool, default True
        Open the page, if this machine has a browser.

    Raises
    ------
    OSError
        If `port` is in use, or this user must not listen on it.
    ValueError
        If `port` is not in 0 to 65535.
    """
    with _listen(port) as listener:
        port = listener.getsockname()[1]
        token = secrets.token_urlsafe(32)
        url = f"http://{HOST}:{port}/{token}/"
        server = _Server(
            uvicorn.Config(
                application(state, rows, beginning, activity, language, port=port, token=token),
                access_log=False,
                # Seconds that open connections get to finish after Ctrl-C.
                timeout_graceful_shutdown=1,
                http="h11",
                lifespan="off",
                log_config=None,
                log_level="critical",
                loop="asyncio",
                proxy_headers=False,
                server_header=False,
                ws="none",
            ),
            rows,
        )

        def stop(*_: object) -> None:
            server.should_exit = True

        # These handle signals that come before uvicorn has its handlers, or that it raises again.
        before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            print(f"The explorer is at {url} (Ctrl-C ends it)", flush=True)  # noqa: T201
            if open_browser:
                _open(url)
            server.run(sockets=[listener])
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


class _Server(uvicorn.Server):
    """A server that ends what its answers wait for before it waits for them."""

    def __init__(self, config: uvicorn.Config, rows: RowSource | None) -> None:
        super().__init__(config)
        self._rows = rows

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End all answers and connections."""
        if self._rows is not None:
            self._rows.stop()
        await super().shutdown(sockets)


def application(
    state: State,
    rows: RowSource | None = None,
    beginning: Beginning | None = None,
    activity: Activity | None = None,
    language: str = "auto",
    *,
    port: int,
    token: str,
) -> ASGIApp:
    """Return the ASGI application: the page of `state`, and answers to queries for `rows`."""
    page = page_of(state, rows, beginning=beginning, activity=activity, language=language)
    body = page.html.encode()
    page_path, rows_path, write_path = (
        f"/{token}/{name}".encode() for name in ("", "rows", "write")
    )
    # Against DNS rebinding: a site can point its name at 127.0.0.1, but the Host stays that name.
    hosts = {f"{name}:{port}" for name in (HOST, "localhost")}
    writing = rows is not None and "writing" in rows.about()
    headers = {
        "Cache-Control": "no-store",
        "Content-Security-Policy": page.policy,
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
    }

    def methods(path: bytes) -> str | None:
        """Return what may be asked at a path; None where there is nothing."""
        # Each is compared in the same time, whatever the token.
        is_page, is_rows, is_write = (
            secrets.compare_digest(path, known) for known in (page_path, rows_path, write_path)
        )
        if is_write and writing:
            return "POST"
        return "GET, HEAD" if is_page or (is_rows and rows is not None) else None

    async def answer(request: Request) -> Response:
        if request.headers.get("host", "").lower() not in hosts:
            return PlainTextResponse("Misdirected request", 421, headers)
        path = request.scope["path"].encode()
        allowed = methods(path)
        if allowed is None:
            return PlainTextResponse("Not found", 404, headers)
        if request.method not in allowed.split(", "):
            return PlainTextResponse("Method not allowed", 405, {**headers, "Allow": allowed})
        if rows is not None and path == write_path:
            return await _act(rows, request, headers)
        if rows is not None and path == rows_path:
            return await _found(partial(rows.answer, request.query_params), headers)
        return HTMLResponse(body, headers=headers)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        response = await answer(Request(scope, receive))
        await response(scope, receive, send)

    return app


async def _act(rows: RowSource, request: Request, headers: Mapping[str, str]) -> Response:
    """Answer a request that changes the text: only the page itself may send it."""
    # A page of another site can send a form, but neither this type nor this origin.
    host = request.headers["host"].lower()
    if request.headers.get("origin", f"http://{host}").lower() != f"http://{host}":
        return PlainTextResponse("Only the page itself may ask for this", 403, headers)
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        return PlainTextResponse("The content must be application/json", 415, headers)
    content = bytearray()
    async for part in request.stream():
        content += part
        if len(content) > MOST_BYTES:
            return PlainTextResponse(f"More than {MOST_BYTES:,} bytes", 413, headers)
    try:
        action = json.loads(content)
    except (RecursionError, ValueError):
        return PlainTextResponse("The content must be JSON", 400, headers)
    return await _found(partial(rows.act, action, PATIENCE), headers)


async def _found(find: Callable[[], dict[str, object]], headers: Mapping[str, str]) -> Response:
    try:
        # In a thread: it may take long, and other requests must not wait.
        found = await run_in_threadpool(find)
        return JSONResponse(found, headers=headers)
    except OSError as error:
        return PlainTextResponse(str(error), 500, headers)
    except (TypeError, ValueError) as error:
        return PlainTextResponse(str(error), 400, headers)


def _listen(port: int | None) -> socket.socket:
    if not 0 <= (port or 0) <= 65535:
        raise ArgumentError("port", f"must be 0 to 65535, got {port}")
    try:
        listener = socket.create_server((HOST, port or 0))
    except OSError as error:
        reason = error.strerror
        if error.errno == errno.EADDRINUSE:
            reason = "it is in use; choose another, or none to get a free one"
        raise OSError(f"cannot listen on port {port}: {reason}") from error
    # Connections inherit this option; asyncio sets it only on sockets that it made itself.
    # Without it the body of a response waits 40 ms for the browser to acknowledge the headers.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _open(url: str) -> None:
    """Open `url` in a browser, if there is one.

    This takes a process in a new session. A text browser would otherwise block the server, and
    Ctrl-C, which goes to the whole process group, would end the browser too.
    """
    quiet = subprocess.DEVNULL
    with suppress(OSError):
        subprocess.Popen(  # noqa: S603 - our own interpreter, and no shell
            [sys.executable, "-I", "-m", "webbrowser", url],
            stdin=quiet,
            stdout=quiet,
            stderr=quiet,
            start_new_session=True,
        )
