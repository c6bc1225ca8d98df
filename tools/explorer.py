"""A ``thermoscope explore`` of its own, as a user would start it, for tests in a browser."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

# A page cannot take this back: it is there before any script of the page's own.
WATCH = """
window.violations = [];
addEventListener("securitypolicyviolation", (event) => {
  window.violations.push(`${event.violatedDirective} ${event.blockedURI}`);
});
"""


class Served(NamedTuple):
    """Where an explorer is, and the number of its process."""

    url: str
    process: int

    def memory(self) -> int:
        """Return how many bytes the server holds."""
        status = Path(f"/proc/{self.process}/status").read_text(encoding="ascii")
        match = re.search(r"^VmRSS:\s+(\d+) kB$", status, re.MULTILINE)
        if match is None:
            raise RuntimeError(f"process {self.process} holds no memory any more")
        return 1024 * int(match[1])


@contextmanager
def explorer(*arguments: str | Path) -> Iterator[Served]:
    """Run ``thermoscope explore``, yield where it is, and end it as Ctrl-C does."""
    with served("-m", "thermoscope", "explore", "--no-open", *arguments) as found:
        yield found


@contextmanager
def served(*arguments: str | Path) -> Iterator[Served]:
    """Run a Python program that serves an explorer, as `explorer` does."""
    with subprocess.Popen(  # noqa: S603 - our own
        [sys.executable, *map(str, arguments)],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            line = "" if process.stdout is None else process.stdout.readline()
            match = re.search(r"http://\S+", line)
            if match is None:
                raise RuntimeError(f"no address in what the explorer printed: {line!r}")
            yield Served(match[0], process.pid)
            process.send_signal(signal.SIGINT)
            if process.wait(timeout=60):
                raise RuntimeError(f"the explorer ended with exit code {process.returncode}")
        finally:
            process.kill()
