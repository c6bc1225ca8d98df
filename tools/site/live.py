"""Live pages within the site, made by the package's own exporter.

A comment ``<!-- live: PAGE#LINK | TITLE -->`` in a text becomes a frame with the exported page PAGE
at this link; who reads the same text elsewhere does not see it. PAGE is one of `PAGES`, or left out
for "page". Without ``hide`` in the link the frame has the temperature and the two figures alone; an
activity says itself what it hides, and ``activity#lesson`` is the one of the package. A third part,
``| HEIGHT``, is the height in pixels until the page tells its own.
"""

from __future__ import annotations

import html
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from docutils import nodes
from sphinx.errors import ExtensionError
from sphinx.transforms import SphinxTransform

from thermoscope.cli import main
from thermoscope.data import samples
from thermoscope.explorer.activity import Activity

if TYPE_CHECKING:
    from sphinx.application import Sphinx

__all__ = ["PAGES", "LiveFrames", "write_pages"]

PAGES: Final[dict[str, list[str]]] = {
    "page": ["--state", "n=5&seed=7"],
    "digits": ["digits.npy", "--targets", "targets.npy", "--labels", "names.txt", "--row", "258"],
    "activity": ["--activity", "new", "--state", "n=5&seed=7"],
    "novel": ["--sample", "novel", "The whale", "--seed", "7"],
}
"""The exported pages: what `thermoscope export` is given after the name of the file."""

SHOWN_LESS: Final = (
    "items,history,share,help,edit,search,curves,readings,sampler,"
    "why,draws,compare,engines,lesson,values"
)
MARK: Final = re.compile(
    r"<!-- live: (?P<page>\w*)#(?P<link>\S+) \| (?P<title>[^|]+?)(?: \| (?P<height>\d+))? -->\n?"
)
HEIGHT: Final = "350"


class LiveFrames(SphinxTransform):
    """Put the frames where the comments are."""

    default_priority = 400

    def apply(self) -> None:
        """Replace the comments of one document."""
        root = "../" * self.env.docname.count("/")
        for node in list(self.document.findall(nodes.raw)):
            if not (text := node.astext()).startswith("<!-- live:"):
                continue
            found = MARK.fullmatch(text)
            if found is None or (found["page"] or "page") not in PAGES:
                raise ExtensionError(f"{self.env.docname}: not a live page: {text}")
            node.replace_self(nodes.raw("", _frame(root, **found.groupdict()), format="html"))


def _frame(root: str, page: str, link: str, title: str, height: str | None) -> str:
    """Return a frame, with a link to what it shows as a page of its own."""
    hidden = "" if "hide=" in link or page == "activity" else f"&hide={SHOWN_LESS}"
    link = _lesson() if link == "lesson" else link
    address = f"{root}live/{page or 'page'}.html#{link}"
    source = html.escape(f"{address}{hidden}&embed")
    title = html.escape(title)
    return (
        f'<div class="live"><iframe src="{source}" title="{title}" loading="lazy"'
        f' style="height: {height or HEIGHT}px"></iframe>'
        f'<p><a href="{html.escape(address)}">{title}: as a page</a></p></div>'
    )


def _lesson() -> str:
    """Return the link to the lesson, as a page of tasks."""
    lesson = Activity.of(samples.lesson())
    frame = {"hide": ",".join(lesson.hide), "activity": lesson.packed()}
    return "&".join([str(lesson.state), *(f"{name}={text}" for name, text in frame.items())])


def write_pages(app: Sphinx, error: Exception | None) -> None:
    """Export the live pages into the site."""
    if error is not None:
        return
    folder = app.outdir / "live"
    folder.mkdir(exist_ok=True)
    logits, targets, names = samples.digits()
    with tempfile.TemporaryDirectory() as scratch:
        np.save(Path(scratch, "digits.npy"), logits)
        np.save(Path(scratch, "targets.npy"), targets)
        Path(scratch, "names.txt").write_text("\n".join(names), encoding="utf-8")
        for page, words in PAGES.items():
            path = str(folder / f"{page}.html")
            known = {str(file.name): str(file) for file in Path(scratch).iterdir()}
            if main(["export", path, *(known.get(word, word) for word in words)]) != 0:
                raise ExtensionError(f"{page}.html could not be exported")
