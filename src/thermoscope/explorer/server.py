"""One explorer as a local page: read-only, for this machine, for whoever has the address."""

from __future__ import annotations

import errno
import secrets
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import uvicorn
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response

from thermoscope.arguments import ArgumentError
from thermoscope.explorer.page import content_security_policy, page_html

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import ASGIApp, Receive, Scope, Send

    from thermoscope.explorer.browse import RowSource
    from thermoscope.state import State

__all__ = ["application", "serve"]

HOST: Final = "127.0.0.1"


def serve(
    state: State,
    rows: RowSource | None = None,
    *,
    port: int | None = None,
    open_browser: bool = True,
) -> None:
    """Show `state` on a page of 127.0.0.1, print its address, and return on Ctrl-C or SIGTERM.

    Call it in the main thread, which alone hears signals.

    Parameters
    ----------
    state : State
        What the page shows first; what the user then changes stays in the page.
    rows : RowSource, optional
        The rows of which `state` is one; the page asks for the others as its user goes to them.
    port : int, optional
        The port to listen on; a free one if left out, or 0.
    open_browser : bool, optional
        Whether to open the page, where this machine has a browser.

    Raises
    ------
    OSError
        If `port` is in use, or is not for this user to take.
    ValueError
        If `port` is no port.
    """
    with _listen(port) as listener:
        port = listener.getsockname()[1]
        token = secrets.token_urlsafe(32)
        url = f"http://{HOST}:{port}/{token}/"
        server = uvicorn.Server(
            uvicorn.Config(
                application(state, rows, port=port, token=token),
                access_log=False,
                # No reader is owed more than this: Ctrl-C ends the server all the same.
                timeout_graceful_shutdown=1,
                http="h11",
                lifespan="off",
                log_config=None,
                log_level="critical",
                loop="asyncio",
                proxy_headers=False,
                server_header=False,
                ws="none",
            )
        )

        def end(*_: object) -> None:
            server.should_exit = True

        # uvicorn has handlers of its own while it runs, and passes each signal on at its end.
        before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            print(f"The explorer is at {url} (Ctrl-C ends it)", flush=True)  # noqa: T201
            if open_browser:
                _open(url)
            server.run(sockets=[listener])
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def application(state: State, rows: RowSource | None = None, *, port: int, token: str) -> ASGIApp:
    """Return the application that answers with the page of `state` and with `rows`, no more."""
    body = page_html(state, rows).encode()
    page, more = (f"/{token}/{name}".encode() for name in ("", "rows"))
    # A page elsewhere can point a name of its own at 127.0.0.1; its Host gives that away.
    hosts = {f"{name}:{port}" for name in (HOST, "localhost")}
    headers = {
        "Cache-Control": "no-store",
        "Content-Security-Policy": content_security_policy(rows=rows is not None),
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
    }

    async def answer(request: Request) -> Response:
        if request.headers.get("host", "").lower() not in hosts:
            return PlainTextResponse("Misdirected request", 421, headers)
        path = request.scope["path"].encode()
        asks_for_more = rows is not None and secrets.compare_digest(path, more)
        if not (asks_for_more or secrets.compare_digest(path, page)):
            return PlainTextResponse("Not found", 404, headers)
        if request.method not in {"GET", "HEAD"}:
            return PlainTextResponse("Method not allowed", 405, {**headers, "Allow": "GET, HEAD"})
        if rows is not None and asks_for_more:
            return await _answer(rows, request.query_params, headers)
        return HTMLResponse(body, headers=headers)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        response = await answer(Request(scope))
        await response(scope, receive, send)

    return app


async def _answer(
    rows: RowSource, query: Mapping[str, str], headers: Mapping[str, str]
) -> Response:
    try:
        # A file may take its time, for which neither the page nor another row is to wait.
        found = await run_in_threadpool(rows.answer, query)
    except OSError as error:
        return PlainTextResponse(str(error), 500, headers)
    except (TypeError, ValueError) as error:
        return PlainTextResponse(str(error), 400, headers)
    return JSONResponse(found, headers=headers)


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
    # Each connection has this from its listener; asyncio sees to it only for sockets of its own.
    # Without it the body of an answer waits 40 ms for the browser to acknowledge the head.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _open(url: str) -> None:
    """Open `url` where there is a browser.

    A process of its own does it: a browser in the terminal would wait for its user here, and
    Ctrl-C, which reaches all of this group, is not for the browser.
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
