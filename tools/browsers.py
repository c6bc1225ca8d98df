"""Find, install and launch the browsers that tests, benchmarks and screenshots drive.

``python -m tools.browsers`` prints what would be driven, and installs what is missing: Chromium as
Playwright's own build or the distribution's package, Firefox and WebKit as the distribution's
packages. Everything needs Chromium; without one of the others, its tests are skipped. Tests drive
a Chromium without windows where there is one.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from playwright.sync_api import sync_playwright
from selenium import webdriver

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Playwright

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
FIREFOX_NAMES = ("firefox-esr", "firefox")

# A browser under test connects to the page only: no look-ups, no updates, no sync.
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def find() -> str | None:
    """Return the path of a Chromium: $CHROMIUM, a system one, else Playwright's own."""
    found = os.environ.get("CHROMIUM") or _system(CHROMIUM_NAMES)
    if found:
        return found
    with sync_playwright() as playwright:
        own = playwright.chromium.executable_path
    return own if Path(own).exists() else None


def find_shell() -> str | None:
    """Return the path of a Chromium without windows, which opens a page in half the time.

    Where there is none, it is that which `find` finds.
    """
    return os.environ.get("CHROMIUM") or _system(("chromium-headless-shell",)) or find()


def find_firefox() -> str | None:
    """Return the path of a Firefox: $FIREFOX, else a system one."""
    return os.environ.get("FIREFOX") or _system(FIREFOX_NAMES)


class WebKit(NamedTuple):
    """The programs that drive WebKit."""

    browser: str
    driver: str
    display: str


def find_webkit() -> WebKit | None:
    """Return WebKitGTK's own small browser, its driver, and a display without a screen."""
    driver, display = shutil.which("WebKitWebDriver"), shutil.which("Xvfb")
    places = ("lib*/webkit2gtk-4.*", "lib/*/webkit2gtk-4.*", "libexec/webkit2gtk-4.*")
    browsers = sorted(str(path) for at in places for path in Path("/usr").glob(f"{at}/MiniBrowser"))
    if driver is None or display is None or not browsers:
        return None
    return WebKit(browsers[-1], driver, display)


def install() -> str:
    """Install a Chromium, by Playwright or else by apt, and return its path."""
    _run(sys.executable, "-m", "playwright", "install", "chromium")
    found = find()
    if found is None:
        _apt("chromium")
        found = find()
    if found is None:
        raise SystemExit(
            "no Chromium could be found or installed: install one, or name it in $CHROMIUM"
        )
    return found


def _system(names: tuple[str, ...]) -> str | None:
    for name in names:
        path = shutil.which(name)
        # Ubuntu's packages of browsers may be stubs which only say to install a snap.
        if path and _run(path, "--version", quiet=True):
            return path
    return None


def _apt(*packages: str) -> None:
    apt = ["apt-get"] if os.geteuid() == 0 else ["sudo", "-n", "apt-get"]
    if _run(*apt, "update", "-q"):
        _run(*apt, "install", "-qy", "--no-install-recommends", *packages)


def _run(*command: str, quiet: bool = False) -> bool:
    if not quiet:
        print("+", " ".join(command), file=sys.stderr)  # noqa: T201
    output = subprocess.DEVNULL if quiet else None
    try:
        done = subprocess.run(command, stdout=output, stderr=output, check=False)  # noqa: S603
    except FileNotFoundError:
        return False
    return done.returncode == 0


def launch(
    playwright: Playwright, *arguments: str, headless: bool = True, path: str | None = None
) -> Browser:
    """Launch a Chromium, by default that which `find` finds, quiet, with more `arguments`."""
    path = path or find()
    if path is None:
        raise SystemExit("no Chromium: run `python -m tools.browsers` to install one")
    return playwright.chromium.launch(
        executable_path=path, headless=headless, args=[*QUIET, *arguments]
    )


@contextmanager
def webkit(found: WebKit) -> Iterator[webdriver.WebKitGTK]:
    """Run WebKit on a display without a screen."""
    with _display(found.display) as display, tempfile.TemporaryDirectory() as home:
        options = webdriver.WebKitGTKOptions()
        options.binary_location = found.browser
        options.add_argument("--automation")
        service = webdriver.WebKitGTKService(
            found.driver,
            # Its sandbox and its message bus need more rights than a container gives.
            env={
                **os.environ,
                "DISPLAY": display,
                "GDK_BACKEND": "x11",
                "HOME": home,
                "WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS": "1",
            },
        )
        driver = webdriver.WebKitGTK(options, service)
        try:
            yield driver
        finally:
            driver.quit()


@contextmanager
def _display(path: str) -> Iterator[str]:
    """Run Xvfb, and yield the display that it has chosen."""
    readable, writable = os.pipe()
    screen = ("-screen", "0", "1600x1200x24", "-nolisten", "tcp")
    with subprocess.Popen(  # noqa: S603
        [path, "-displayfd", str(writable), *screen],
        pass_fds=[writable],
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            os.close(writable)
            with os.fdopen(readable) as answer:
                yield f":{answer.readline().strip()}"
        finally:
            process.terminate()


if __name__ == "__main__":
    print(find() or install())  # noqa: T201
    if find_shell() == _system(CHROMIUM_NAMES):
        # Debian's; without it tests take longer.
        _apt("chromium-headless-shell")
    if not find_firefox():
        _apt("firefox-esr")
    if not find_webkit():
        _apt("webkit2gtk-driver", "xvfb")
    print(find_firefox() or "no Firefox: its tests are skipped")  # noqa: T201
    print(find_webkit() or "no WebKit: its tests are skipped")  # noqa: T201
