"""HTTP to one server of a language model, and to nothing else.

The address is the caller's and the server is not trusted: it may be down, slow, wrong or hostile.
No redirect is followed, no proxy and no password file is used, an answer has a limit in bytes, in
time and in silence. Whatever goes wrong is one `ServerError` that says what to do. The key comes
from the environment and stands in no text: not in an error, and not where the server repeats it.
"""

from __future__ import annotations

import json
import os
import socket
import ssl
from contextlib import contextmanager, suppress
from importlib.metadata import version
from threading import Condition, Thread, current_thread
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self
from urllib.parse import urlsplit
from weakref import WeakSet

from thermoscope.arguments import ArgumentError, unicode_text
from thermoscope.data.collection import without_collection
from thermoscope.data.errors import optional
from thermoscope.data.formats.servers import error_of
from thermoscope.present import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = ["KEY", "Client", "Limits", "ServerError"]

KEY: Final = "THERMOSCOPE_API_KEY"
"""The environment variable with the key of the server."""

LOCAL: Final = ("localhost", "127.0.0.1", "::1")
BUSY: Final = {429, 503}
"""Too many requests; a model that is still being loaded."""
FIRST_WAIT, LONGEST_WAIT, MOST_WAITS = 2.0, 60.0, 8
LONGEST_WORDS: Final = 300
CONNECTED: Final = {"connection.connect_tcp.complete", "connection.start_tls.complete"}
"""Events of httpx2 whose value is the stream of a new connection."""


class ServerError(OSError, ValueError):
    """A server of a model can't be used; the message names it and says what to do, in one line.

    It is an OSError and a ValueError, as `FileError` is.

    Attributes
    ----------
    status : int or None
        The HTTP status, where the server answered with one.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class Limits(NamedTuple):
    """What a server may take.

    Attributes
    ----------
    silence : float
        Seconds without a byte. A prompt of many tokens is read before the first one comes.
    seconds : float
        For a whole answer.
    size : int
        Bytes of an answer. 262,144 tokens with their texts are 40 MB.
    """

    silence: float = 30.0
    seconds: float = 300.0
    size: int = 1 << 27


class Client:
    """Requests to one server.

    Parameters
    ----------
    url : str
        The address of the server, with the path below which its routes are, if there is one. A
        last "/v1" may be left out.
    limits : Limits, optional
    tell : callable, optional
        Takes a line when the client has to wait.

    Raises
    ------
    ArgumentError
        If `url` is not an address, or has a password in it.
    ImportError
        If httpx2 or orjson is not installed: both come with the extra ``models``.

    Examples
    --------
    >>> Client("localhost:8080/v1/").url
    'http://localhost:8080'
    """

    def __init__(
        self,
        url: str,
        *,
        limits: Limits = Limits(),  # noqa: B008 - it can't be changed
        tell: Callable[[str], object] | None = None,
    ) -> None:
        self._httpx = optional("httpx2", "models", "requests to a model's server")
        self._orjson = optional("orjson", "models", "requests to a model's server")
        self.url = _address(url)
        self.limits = limits
        self._tell = tell
        self._key = os.environ.get(KEY, "").strip()
        headers = {
            "Accept": "application/json",
            # What is packed may be of any size when it is unpacked.
            "Accept-Encoding": "identity",
            "User-Agent": f"thermoscope/{version('thermoscope')}",
        }
        if self._key:
            if not (self._key.isascii() and self._key.isprintable()):
                raise ArgumentError(KEY, "must be of ASCII characters, in one line")
            headers["Authorization"] = f"Bearer {self._key}"
        self._http = self._httpx.Client(
            headers=headers,
            timeout=self._httpx.Timeout(limits.silence, connect=10.0),
            follow_redirects=False,
            # No proxy, no certificates and no .netrc from elsewhere.
            trust_env=False,
        )
        self._sockets: list[socket.socket] = []
        # Threads whose requests are broken off.
        self._stopped: WeakSet[Thread] = WeakSet()
        # Of these two; waiting threads are woken when it changes.
        self._changed = Condition()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End all connections."""
        self._http.close()

    def break_off(self, thread: Thread) -> None:
        """Let a thread ask nothing any more: what it waits for ends at once, with a `ServerError`.

        The server sees that its client is gone. Connections are shared: what other threads wait
        for at this moment ends too.
        """
        with self._changed:
            self._stopped.add(thread)
            for connection in self._sockets:
                _end(connection)
            self._changed.notify_all()

    def _check_goes_on(self) -> None:
        """Raise an error if what this thread asks is broken off."""
        if current_thread() in self._stopped:
            raise ServerError(f"what was asked of {self.url} is broken off")

    def _heed(self, event: str, info: Mapping[str, Any]) -> None:
        """Keep the socket of a new connection, which `break_off` ends."""
        if event not in CONNECTED:
            return
        connection = info["return_value"].get_extra_info("socket")
        with self._changed:
            # A closed socket has no number: that of a connection which now has TLS, too.
            self._sockets = [each for each in self._sockets if each.fileno() >= 0]
            self._sockets.append(connection)
            if current_thread() in self._stopped:
                _end(connection)

    @property
    def tells_key_to_all(self) -> bool:
        """Whether the key goes over a network that can be listened to."""
        parts = urlsplit(self.url)
        return bool(self._key) and parts.scheme == "http" and parts.hostname not in LOCAL

    def get(self, path: str) -> Any:
        """Return the JSON value of a route."""
        return self._parsed(self._send("GET", path, None), path)

    def find(self, path: str) -> Any:
        """Return the JSON value of a route, or None where the server has no such route."""
        try:
            return self.get(path)
        except ServerError as error:
            if error.status in {404, 405, 501}:
                return None
            raise

    def post(self, path: str, body: object) -> Any:
        """Send a JSON value to a route, and return the JSON value of the answer.

        A server that is busy is asked again after the time that it names.
        """
        return self._parsed(self._send("POST", path, json.dumps(body).encode()), path)

    def _parsed(self, answer: bytes, path: str) -> Any:
        try:
            with without_collection():
                return self._json(answer)
        except (ValueError, RecursionError) as error:
            shown = self.words(answer.decode(errors="replace"), 60)
            raise ServerError(
                f"{self.url}{path} answered with what is not JSON: {shown!r}. Is this the address "
                "of a model's server?"
            ) from error

    def _json(self, answer: bytes) -> Any:
        """Return a JSON value."""
        try:
            return self._orjson.loads(answer)
        except self._orjson.JSONDecodeError:
            # Some servers write NaN, or half of a surrogate pair: Python reads both.
            return json.loads(answer)

    def _send(self, method: str, path: str, body: bytes | None) -> bytes:
        wait = FIRST_WAIT
        for attempt in range(MOST_WAITS + 1):
            status, headers, answer = self._once(method, path, body)
            if status not in BUSY or attempt == MOST_WAITS:
                break
            seconds = _retry_after(headers.get("retry-after")) or wait
            if seconds > LONGEST_WAIT:
                break
            if self._tell is not None:
                busy = f"{self.url} is busy ({status}{self._reason(answer)})"
                self._tell(f"{busy}: asking again in {seconds:.0f} s")
            self._pause(seconds)
            wait = min(2 * wait, LONGEST_WAIT)
        if status == 200:
            return answer
        raise ServerError(self._problem(status, path, headers, answer), status)

    def _pause(self, seconds: float) -> None:
        """Wait, up to a time or until this thread is broken off."""
        with self._changed:
            self._changed.wait_for(lambda: current_thread() in self._stopped, seconds)

    def _once(self, method: str, path: str, body: bytes | None) -> tuple[int, Any, bytes]:
        """Ask once, and return status, headers and content."""
        pieces, size, start = [], 0, monotonic()
        self._check_goes_on()
        with (
            self._naming(path),
            self._http.stream(
                method,
                f"{self.url}{path}",
                content=body,
                headers={} if body is None else {"Content-Type": "application/json"},
                extensions={"trace": self._heed},
            ) as response,
        ):
            # A jar that a server fills has no end.
            self._http.cookies.clear()
            if response.headers.get("content-encoding", "identity") != "identity":
                raise ServerError(f"{self.url}{path} sends packed data, which was not asked for")
            for piece in response.iter_raw():
                pieces.append(piece)
                size += len(piece)
                if size > self.limits.size:
                    most = f"{self.limits.size >> 20:,} MiB"
                    raise ServerError(
                        f"{self.url}{path} sends more than {most}: ask for fewer log-probabilities"
                    )
                if monotonic() - start > self.limits.seconds:
                    raise ServerError(
                        f"{self.url}{path} has not come to an end after "
                        f"{self.limits.seconds:.0f} s: ask for fewer log-probabilities or raise "
                        "the timeout"
                    )
            # Where no length is told, an answer that is broken off looks like one that has ended.
            self._check_goes_on()
            return response.status_code, response.headers, b"".join(pieces)

    @contextmanager
    def _naming(self, path: str) -> Iterator[None]:
        """Raise what goes wrong on the way as a `ServerError`."""
        errors = self._httpx
        try:
            yield
        except (errors.TransportError, errors.StreamError) as error:
            self._check_goes_on()
            raise ServerError(self._failure(path, error)) from error
        except errors.InvalidURL as error:
            raise ArgumentError("url", f"must be an address, got {self.url!r}") from error

    def _failure(self, path: str, error: Exception) -> str:
        """Return what went wrong on the way, and what to do."""
        errors = self._httpx
        if isinstance(error, errors.ConnectTimeout):
            return f"no server answers at {self.url}: is the address right, and the server running?"
        if isinstance(error, errors.TimeoutException):
            return (
                f"{self.url}{path} has sent nothing for {self.limits.silence:.0f} s: is the model "
                "still being loaded, or the prompt long? Raise the timeout to wait longer"
            )
        if isinstance(error, errors.ConnectError):
            return self._unreachable(error)
        return (
            f"{self.url}{path} ended in the middle of its answer ({self.words(str(error))}): does "
            "the server's log say why?"
        )

    def _unreachable(self, error: Exception) -> str:
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, ssl.SSLCertVerificationError):
                return (
                    f"the certificate of {self.url} is not trusted ({cause.verify_message}): "
                    "add its authority to the certificates of this machine"
                )
            if isinstance(cause, ssl.SSLError):
                return f"{self.url} does not speak TLS: does its address begin with http://?"
            cause = cause.__cause__ or cause.__context__
        return (
            f"no server answers at {self.url} ({self.words(str(error))}): is the address right, "
            "and the server running?"
        )

    def _problem(self, status: int, path: str, headers: Any, answer: bytes) -> str:
        """Return what a status other than 200 means, and what to do."""
        where, reason = f"{self.url}{path}", self._reason(answer)
        if 300 <= status < 400:
            target = self.words(headers.get("location", "an address that it does not name"))
            return f"{where} redirects to {target}, which is not followed: give that address"
        if status in {401, 403}:
            does = "does not take the key in" if self._key else "asks for a key: set the variable"
            return f"{self.url} {does} {KEY} ({status}{reason})"
        does, advice = "refuses the request", ""
        if status == 404:
            does, advice = "is not there", ": is the address right, and the model's name?"
        elif status in BUSY:
            does, advice = "is busy", ": try again later"
        elif status >= 500:
            does, advice = "failed", ": does the server's log say why?"
        return f"{where} {does} ({status}{reason}){advice}"

    def _reason(self, answer: bytes) -> str:
        """Return the server's own words about an error, after a colon; "" if there are none."""
        try:
            document = json.loads(answer)
        except (ValueError, RecursionError):
            return ""
        words = error_of(document) if isinstance(document, dict) else None
        return "" if words is None else f": {self.words(words)}"

    def words(self, text: str, most: int = LONGEST_WORDS) -> str:
        """Return words from elsewhere in one line, without the key."""
        if self._key:
            text = text.replace(self._key, "[key]")
        text = printable(" ".join(text.split()))
        return text if len(text) <= most else f"{text[:most]}…"


def _address(url: str) -> str:
    """Return an address in one form, without what may stand after the server's own path."""
    text = unicode_text("url", url.strip())
    if "://" not in text:
        text = f"http://{text}"
    problem = "must be the address of a server, as http://localhost:8080"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise ArgumentError("url", f"{problem}, got {url!r}") from error
    if parts.username is not None or parts.password is not None:
        raise ArgumentError("url", f"must have no name and no password: set {KEY} instead")
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ArgumentError("url", f"{problem}, got {url!r}")
    if parts.query or parts.fragment:
        raise ArgumentError("url", "must end with the path: a ? or # and what follows is no part")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    path = parts.path.rstrip("/").removesuffix("/v1")
    return f"{parts.scheme}://{host}{'' if port is None else f':{port}'}{path}"


def _end(connection: socket.socket) -> None:
    """End a connection on which another thread may wait: it wakes, and closes the socket itself."""
    with suppress(OSError):  # it has ended already
        # Not the method of a TLS socket, which takes its state from the thread that reads.
        socket.socket.shutdown(connection, socket.SHUT_RDWR)


def _retry_after(value: str | None) -> float | None:
    """Return the seconds of a Retry-After header; a date in it is left aside."""
    return float(value) if value and value.isascii() and value.isdecimal() else None
