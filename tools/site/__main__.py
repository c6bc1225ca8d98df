"""Build the site, as `make docs` does: ``python -m tools.site [FOLDER]``, dist/docs by default.

Every warning is an error. No request leaves the machine: see docs/conf.py.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from sphinx.cmd.build import main

ROOT = Path(__file__).parents[2]


def build(folder: Path) -> int:
    """Build the site in `folder`, and return the exit code of Sphinx."""
    # A page that is gone must not stay; only what Sphinx wrote is deleted.
    if (folder / ".buildinfo").exists():
        shutil.rmtree(folder)
    # Its cache is no part of the site.
    with tempfile.TemporaryDirectory() as cache:
        strict = ["--nitpicky", "--fail-on-warning", "--keep-going"]
        return main(
            ["-q", *strict, "-E", "-b", "html", "-d", cache, str(ROOT / "docs"), str(folder)]
        )


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "dist" / "docs"
    code = build(target)
    if code == 0:
        print(f"The site is {target / 'index.html'}")  # noqa: T201
    raise SystemExit(code)
