"""What the tests of commands share: runs in a process or a terminal, and logits with targets."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from thermoscope import sample

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

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
    pty = pytest.importorskip("pty", reason="there are no pseudo-terminals")
    termios = pytest.importorskip("termios")
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


def write_answer(path: Path) -> None:
    """Write a server's answer of two tokens, with three and with two log-probabilities."""

    def position(**tokens: float) -> dict[str, Any]:
        tops = [{"token": token, "logprob": logprob} for token, logprob in tokens.items()]
        return {**tops[0], "top_logprobs": tops}

    content = [position(a=-0.5, b=-2.0, c=-3.0), position(d=-0.7, e=-0.8)]
    path.write_text(json.dumps({"logprobs": {"content": content}}), encoding="utf-8")


def answer_of(logprobs: NDArray[np.float64], drawn: Sequence[int], count: int) -> str:
    """Return a server's answer of the likeliest tokens of each row, and the drawn ones."""
    rounded = logprobs.astype(np.float32)

    def entry(row: int, token: int) -> dict[str, Any]:
        return {"token": f"t{token}", "logprob": float(rounded[row, token])}

    content = []
    for row, token in enumerate(drawn):
        likeliest = np.argsort(-logprobs[row], kind="stable")[:count]
        tops = [entry(row, int(each)) for each in likeliest]
        content.append({**entry(row, token), "top_logprobs": tops})
    return json.dumps({"logprobs": {"content": content}})


LOGITS = np.random.default_rng(2).normal(0, 3, (300, 4)).astype(np.float32)
TARGETS = np.asarray(sample(LOGITS, 1.5, rng=3))
