"""Drive a Firefox with Selenium by Marionette, the protocol that Firefox itself speaks.

Selenium speaks HTTP, and a program that no registry has, geckodriver, translates. The commands and
their parameters are the same, so a table of names is all that is needed here.
"""

from __future__ import annotations

import json
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from selenium.common.exceptions import WebDriverException
from selenium.webdriver import FirefoxOptions, Remote
from selenium.webdriver.remote.client_config import ClientConfig
from selenium.webdriver.remote.command import Command
from selenium.webdriver.remote.remote_connection import RemoteConnection

if TYPE_CHECKING:
    from collections.abc import Iterator

NAMES = {
    Command.NEW_SESSION: "WebDriver:NewSession",
    Command.QUIT: "WebDriver:DeleteSession",
    Command.GET: "WebDriver:Navigate",
    Command.GET_CURRENT_URL: "WebDriver:GetCurrentURL",
    Command.FIND_ELEMENT: "WebDriver:FindElement",
    Command.FIND_ELEMENTS: "WebDriver:FindElements",
    Command.W3C_GET_ACTIVE_ELEMENT: "WebDriver:GetActiveElement",
    Command.CLICK_ELEMENT: "WebDriver:ElementClick",
    Command.SEND_KEYS_TO_ELEMENT: "WebDriver:ElementSendKeys",
    Command.GET_ELEMENT_TEXT: "WebDriver:GetElementText",
    Command.GET_ELEMENT_RECT: "WebDriver:GetElementRect",
    Command.W3C_ACTIONS: "WebDriver:PerformActions",
    Command.W3C_EXECUTE_SCRIPT: "WebDriver:ExecuteScript",
    Command.SET_WINDOW_RECT: "WebDriver:SetWindowRect",
    Command.SCREENSHOT: "WebDriver:TakeScreenshot",
}

PREFERENCES = {
    "marionette.port": 0,
    # No look-ups, no updates and no first-run pages.
    "app.normandy.enabled": False,
    "app.update.disabledForTesting": True,
    "browser.shell.checkDefaultBrowser": False,
    "browser.startup.homepage_override.mstone": "ignore",
    "browser.startup.page": 0,
    "datareporting.policy.dataSubmissionEnabled": False,
    "extensions.update.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "services.settings.server": "data:,",
    "toolkit.telemetry.reportingpolicy.firstRun": False,
}
PATIENCE = 60.0


class Marionette(RemoteConnection):
    """A connection of Selenium that sends its commands to a Firefox on this machine."""

    def __init__(self, port: int) -> None:
        super().__init__(client_config=ClientConfig(f"http://127.0.0.1:{port}"))
        self._socket = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self._stream = self._socket.makefile("rb")
        self._sent = 0
        self._read()  # the greeting

    def execute(self, command: str, params: dict[str, Any]) -> dict[str, Any]:
        """Send a command, and return its answer as Selenium takes it."""
        own = {name: value for name, value in params.items() if name != "sessionId"}
        self._sent += 1
        message = json.dumps([0, self._sent, NAMES[command], own]).encode()
        self._socket.sendall(b"%d:%b" % (len(message), message))
        _, _, error, result = self._read()
        if error is not None:
            raise WebDriverException(f"{error['error']}: {error['message']}")
        # An answer of one value comes in a dictionary.
        return result if isinstance(result, dict) and "value" in result else {"value": result}

    def close(self) -> None:
        """End the connection."""
        self._stream.close()
        self._socket.close()

    def _read(self) -> Any:
        length = b""
        while (byte := self._stream.read(1)) != b":":
            if byte == b"":
                raise ConnectionError("Firefox has ended the connection")
            length += byte
        return json.loads(self._stream.read(int(length)))


@contextmanager
def firefox(path: str) -> Iterator[Remote]:
    """Run the Firefox at `path` without a window, with a profile of its own."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        profile = Path(folder)
        lines = [f"user_pref({json.dumps(k)}, {json.dumps(v)});" for k, v in PREFERENCES.items()]
        (profile / "user.js").write_text("\n".join(lines), encoding="utf-8")
        process = subprocess.Popen(  # noqa: S603
            [path, "--headless", "--marionette", "--no-remote", "--profile", folder],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            connection = Marionette(_port(process, profile / "MarionetteActivePort"))
            driver = Remote(connection, options=FirefoxOptions())
            yield driver
            driver.quit()
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _port(process: subprocess.Popen[bytes], path: Path) -> int:
    """Return the port that Firefox has written into its profile, as soon as it is there."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if process.poll() is not None:
            raise RuntimeError(f"Firefox ended with exit code {process.returncode}")
        text = path.read_text(encoding="ascii") if path.exists() else ""
        if text:
            return int(text)
        time.sleep(0.1)
    raise TimeoutError(f"Firefox did not listen within {PATIENCE:.0f} s")
