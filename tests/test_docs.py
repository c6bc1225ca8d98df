"""The site: all of its links lead somewhere, all that is public is in it, and it loads nothing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

import thermoscope as ts
from tests.site import Page, broken, pages
from thermoscope.explorer.parts import LOCKS, PARTS
from thermoscope.link import parse_link

pytest.importorskip("sphinx")

if TYPE_CHECKING:
    from pathlib import Path

LARGEST = 5_000_000  # bytes of the whole site


def test_every_link_leads_somewhere_and_nothing_loads_from_elsewhere(site: Path) -> None:
    assert len(pages(site)) > 30
    assert sum(len(page.links) for page in pages(site).values()) > 1000
    assert broken(site) == []


def test_what_is_broken_is_found(tmp_path: Path) -> None:
    (tmp_path / "b.html").write_text("<p id=here>", encoding="utf-8")
    links = ["b.html#here", "b.html#there", "c.html", "https://a.test/", "https:b", "#top"]
    text = "".join(f'<a href="{link}"></a>' for link in links)
    loads = '<img src="https://a.test/i.png"><link href="//a.test/s.css"><img src="data:,">'
    (tmp_path / "a.html").write_text(text + loads, encoding="utf-8")
    assert broken(tmp_path) == [
        "a.html: b.html#there has no such anchor",
        "a.html: c.html is no file",
        "a.html: https:b is of another host",
        "a.html: #top has no such anchor",
        "a.html: https://a.test/i.png is of another host",
        "a.html: //a.test/s.css is of another host",
    ]


def test_no_style_loads_from_elsewhere(site: Path) -> None:
    styles = sorted(site.rglob("*.css"))
    assert len(styles) >= 4
    for style in styles:
        text = re.sub(r"/\*.*?\*/", "", style.read_text(encoding="utf-8"), flags=re.DOTALL)
        addresses = re.findall(r"(?:url\(|@import)\s*[\"']?([^\"')]*)", text)
        away = [one for one in addresses if re.match(r"[a-z]+:|//", one) and one[:5] != "data:"]
        assert away == []


def test_every_public_name_is_in_the_reference(site: Path) -> None:
    ids = set[str]().union(*(Page(path).ids for path in (site / "api").glob("*.html")))
    missing = [name for name in ts.__all__ if f"thermoscope.{name}" not in ids]
    # A module is known by the module that it is imported from.
    assert missing == ["samples"]
    assert "module-thermoscope.samples" in ids


def test_every_command_and_every_option_is_in_the_reference(site: Path) -> None:
    from tools.site.commands import commands, program_of

    page = Page(site / "cli.html")
    assert len(commands()) == 12
    for name, command in commands().items():
        program = program_of(name).replace(" ", "-")
        assert program in page.ids
        for option in command.params:
            spelled = [f"{program}-{one.lstrip('-')}" for one in option.opts if one[0] == "-"]
            known = {f"cmdoption-{one}" for one in spelled}
            shared = {f"#{one.replace(program, 'thermoscope-softmax')}" for one in known}
            assert not known or known & page.ids or shared & set(page.links), option.opts


def test_every_live_page_shows_what_its_link_says(site: Path) -> None:
    frames = [(path, frame) for path, page in pages(site).items() for frame in page.frames]
    assert len(frames) > 10
    for path, frame in frames:
        link = parse_link(frame)
        assert link.errors == [], path.name
        assert set(link.frame.get("hide", "why").split(",")) <= set(PARTS)
        assert set(link.frame.get("lock", "items").split(",")) <= set(LOCKS)
        assert "embed" in link.frame


def test_a_frame_of_every_exported_page_is_shown(site: Path) -> None:
    shown = {frame.partition("#")[0] for page in pages(site).values() for frame in page.frames}
    assert {path.name for path in (site / "live").iterdir()} == {
        address.rpartition("/")[2] for address in shown
    }


def test_the_site_is_small(site: Path) -> None:
    assert sum(path.stat().st_size for path in site.rglob("*") if path.is_file()) <= LARGEST
