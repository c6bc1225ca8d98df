"""What the tests of commands share: runs in a process or a terminal, and logits with targets."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import termios

import numpy as np

from thermoscope import sample

RUN = [sys.executable, "-m", "thermoscope"]


def run(
    *arguments: str, text: str = "", environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*RUN, *arguments],
        input=text,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def in_terminal(*arguments: str, columns: int = 80) -> str:
    """Return what a terminal of `columns` is sent, colours left out."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, columns))
    environment = {**os.environ, "TERM": "xterm", "NO_COLOR": "1"}
    # Rich takes a width from here before it asks the terminal.
    environment.pop("COLUMNS", None)
    with subprocess.Popen(
        [*RUN, *arguments], stdin=theirs, stdout=theirs, stderr=theirs, env=environment
    ) as process:
        os.close(theirs)
        sent = b""
        while chunk := read_some(ours):
            sent += chunk
    os.close(ours)
    assert process.returncode == 0
    return re.sub("\x1b\\[[0-9;]*m", "", sent.decode()).replace("\r\n", "\n")


def read_some(terminal: int) -> bytes:
    try:
        return os.read(terminal, 1 << 16)
    except OSError:  # EIO is how Linux says that the other end has closed
        return b""


LOGITS = np.random.default_rng(2).normal(0, 3, (300, 4)).astype(np.float32)
TARGETS = np.asarray(sample(LOGITS, 1.5, rng=3))
