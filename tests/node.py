"""A part of the front end in Node, for tests of what Python and the page have in common."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["in_node"]

ROOT = Path(__file__).parents[1]
ESBUILD = ROOT / "node_modules/.bin/esbuild"


def in_node(name: str, folder: Path, program: str) -> Callable[..., None]:
    """Return a function that runs a program in a folder, with the arguments that it is given.

    The program imports ``./NAME.mjs``, which is ``web/tests/NAME.node.ts`` with all that it needs.
    Where there is no Node, the test is skipped.
    """
    if shutil.which("node") is None or not ESBUILD.exists():
        pytest.skip("Node or esbuild is not installed")
    source, bundle = ROOT / f"web/tests/{name}.node.ts", folder / f"{name}.mjs"
    options = ["--bundle", "--format=esm", "--define:ROWS=true", "--log-level=error"]
    options.append(f"--inject:{ROOT / 'web/tests/english.ts'}")
    subprocess.run([ESBUILD, source, *options, f"--outfile={bundle}"], check=True)
    (folder / "run.mjs").write_text(program, encoding="utf-8")

    def run(*arguments: str | Path) -> None:
        subprocess.run(["node", "run.mjs", *arguments], cwd=folder, check=True)

    return run
