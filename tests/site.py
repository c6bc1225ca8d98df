"""What the tests of the site share: its pages, and what stands in them."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from pathlib import Path

# What loads the address in it; an `a` only leads there.
LOADED = {"src", "srcset", "data", "poster", "action", "xlink:href"}


class Page(HTMLParser):
    """The addresses and the ids of an HTML page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.frames: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        for name, value in attributes:
            if name == "id" and value:
                self.ids.add(value)
            elif name in LOADED or (name == "href" and tag != "a"):
                self.loads.append(value or "")
                if tag == "iframe":
                    self.frames.append(value or "")
            elif name == "href":
                self.links.append(value or "")


def pages(site: Path) -> dict[Path, Page]:
    """Return the pages of Sphinx, without the live ones, whose links are their states."""
    found = sorted(path for path in site.rglob("*.html") if path.parent.name != "live")
    return {path: Page(path) for path in found}


def broken(site: Path) -> list[str]:
    """Return what leads or loads from nowhere, or loads from elsewhere, a line for each."""
    known = pages(site)
    wrong = []
    for path, page in known.items():
        for address in [*page.links, *page.loads]:
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                led = parts.scheme in {"http", "https"} and parts.netloc and address in page.links
                if not led and parts.scheme != "data":
                    wrong.append(f"{path.name}: {address} is of another host")
                continue
            there = (path.parent / unquote(parts.path)).resolve() if parts.path else path.resolve()
            if not there.is_file():
                wrong.append(f"{path.name}: {address} is no file")
            elif there in known and parts.fragment:
                anchor = unquote(parts.fragment)
                if anchor not in known[there].ids:
                    wrong.append(f"{path.name}: {address} has no such anchor")
    return wrong
