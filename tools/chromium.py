"""Find, install and launch the Chromium that tests, benchmarks and screenshots drive.

``python -m tools.chromium`` prints the one that would be driven, and installs one where there
is none: first Playwright's own build, then the distribution's package.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from playwright.sync_api import sync_playwright

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Playwright

SYSTEM_NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")

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
    chosen = os.environ.get("CHROMIUM")
    if chosen:
        return chosen
    for name in SYSTEM_NAMES:
        path = shutil.which(name)
        # Ubuntu's /usr/bin/chromium-browser may be a stub which only says to install a snap.
        if path and _run(path, "--version", output=subprocess.DEVNULL):
            return path
    with sync_playwright() as playwright:
        own = playwright.chromium.executable_path
    return own if Path(own).exists() else None


def install() -> str:
    """Install a Chromium, by Playwright or else by apt, and return its path."""
    apt = ["apt-get"] if os.geteuid() == 0 else ["sudo", "-n", "apt-get"]
    for commands in (
        [[sys.executable, "-m", "playwright", "install", "chromium"]],
        [[*apt, "update"], [*apt, "install", "-y", "--no-install-recommends", "chromium"]],
    ):
        for command in commands:
            print("+", " ".join(command), file=sys.stderr)  # noqa: T201
            if not _run(*command):
                break
        found = find()
        if found:
            return found
    raise SystemExit(
        "no Chromium could be found or installed: install one, or name it in $CHROMIUM"
    )


def _run(*command: str, output: int | None = None) -> bool:
    try:
        done = subprocess.run(command, stdout=output, stderr=output, check=False)  # noqa: S603
    except FileNotFoundError:
        return False
    return done.returncode == 0


def launch(playwright: Playwright, *arguments: str, headless: bool = True) -> Browser:
    """Launch the Chromium that `find` finds, quiet, with more `arguments`."""
    path = find()
    if path is None:
        raise SystemExit("no Chromium: run `python -m tools.chromium` to install one")
    return playwright.chromium.launch(
        executable_path=path, headless=headless, args=[*QUIET, *arguments]
    )


if __name__ == "__main__":
    print(find() or install())  # noqa: T201
