from __future__ import annotations

import base64
import hashlib
import json
import re
import struct
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

import thermoscope.explorer
from thermoscope.explorer.browse import RowSource
from thermoscope.explorer.front_end import Kind, Spoken
from thermoscope.explorer.page import content_security_policy, page_html, write_page
from thermoscope.state import State

KB = 1000
STATIC = Path(thermoscope.explorer.__file__).parent / "static"
HOSTILE = [
    "</script><script>alert(1)</script>",
    "<!-- <script>",
    "<img src=x onerror=alert(1)>",
    '"\\\u2028\x00',
    "&lt;",
    "",
]


class Page(HTMLParser):
    """What a browser would find in a page: its elements, and the text of each script and style."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.elements and self.elements[-1][0] in {"script", "style", "title"} and data.strip():
            self.texts.append((self.elements[-1][0], data))

    def text(self, tag: str, which: int = 0) -> str:
        return [text for name, text in self.texts if name == tag][which]


def hashed(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


@pytest.mark.parametrize(
    ("name", "most"),
    [
        *[("page.js", 180), ("widget.js", 180), ("page-rows.js", 210), ("widget-rows.js", 210)],
        *[("page-writing.js", 225), ("widget-writing.js", 225), ("page-model.js", 240)],
        *[("page-activity.js", 230), ("widget-activity.js", 200)],
    ],
)
def test_a_bundle_is_small_and_safe_in_a_script_element(name: str, most: int) -> None:
    bundle = (STATIC / name).read_text(encoding="utf-8")
    assert len(bundle.encode()) <= most * KB
    assert not re.search(r"</script|<!--", bundle, re.IGNORECASE)
    # The names of namespaces: of SVG and MathML, and of a package of SCORM.
    names = r"www\.w3\.org/|www\.imsproject\.org/xsd/|www\.adlnet\.org/xsd/"
    assert not re.search(rf"https?://(?!{names})", bundle)


def test_a_page_of_ten_logits_is_small() -> None:
    page = page_html(State.of(np.linspace(0, 1, 10), [f"item {i}" for i in range(10)]))
    assert len(page.encode()) <= 200 * KB


@pytest.mark.parametrize(
    ("name", "rules"),
    [("style.css", 50), ("rows.css", 30), ("writing.css", 10), ("activity.css", 9)],
)
def test_the_style_stays_under_the_root_class(name: str, rules: int) -> None:
    style = (STATIC / name).read_text(encoding="utf-8")
    assert style.startswith(".thermoscope{")
    # All rules are nested in that one: it is closed where the style sheet ends.
    depth = 0
    for at, character in enumerate(style):
        depth += {"{": 1, "}": -1}.get(character, 0)
        assert depth > 0 or at < len(".thermoscope") or at == len(style) - 1
    assert depth == 0
    assert style.count("{") > rules


def test_the_policy_allows_only_the_page_s_own_scripts_and_styles() -> None:
    page = Page(page_html(State.of([1.0, 2.0])))
    policies = [
        attributes["content"]
        for tag, attributes in page.elements
        if attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    script = page.text("script", 1)
    style = page.text("style")
    policy = content_security_policy(script, style)
    assert policies == [policy]
    directives = dict(directive.split(" ", 1) for directive in policy.split("; "))
    assert style.endswith((STATIC / "style.css").read_text(encoding="utf-8"))
    assert directives == {
        "default-src": "'none'",
        "script-src": f"'sha256-{hashed(script)}'",
        "style-src": f"'sha256-{hashed(style)}'",
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    names = ("texts/en-base.js", "page.js")
    assert script == "".join((STATIC / name).read_text(encoding="utf-8") for name in names)


def test_a_page_makes_no_requests() -> None:
    page = Page(page_html(State.of([1.0])))
    links = [
        value
        for _, attributes in page.elements
        for name, value in attributes.items()
        if name in {"src", "href", "srcset", "action"}
    ]
    assert links == ["data:,"]
    assert ("html", {"lang": "en", "dir": "ltr"}) in page.elements
    assert any(attributes.get("name") == "viewport" for _, attributes in page.elements)


def test_any_state_is_read_back_from_the_page() -> None:
    logits = [0.1, -np.inf, np.inf, np.nan, 5e-324, 1e308]
    state = State.of(logits, HOSTILE, temperature=np.inf, source="<b>.npy")
    page = Page(page_html(state))
    written = json.loads(page.text("script"))
    assert written["labels"] == HOSTILE
    assert written["temperature"] == "inf"
    found = struct.unpack("<6d", base64.b64decode(written["logits"]))
    np.testing.assert_array_equal(found, logits)
    assert page.text("title").startswith("<b>.npy")
    assert [tag for tag, _ in page.elements].count("script") == 2
    assert not {"img", "b"} & {tag for tag, _ in page.elements}


def test_lone_surrogates_are_replaced(tmp_path: Path) -> None:
    state = State.of([1.0], ["\ud800"], source="caf\udce9.npy")
    assert (state.labels, state.source) == (("?",), "caf?.npy")
    write_page(tmp_path / "page.html", state)
    rows = RowSource(np.zeros((2, 3)), source="caf\udce9.npy")
    assert rows.answer({"place": "1"})["source"] == "caf?.npy"


def test_a_page_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    state = State.of([1.0, 2.0], ["é", "猫"])
    path = tmp_path / "page.html"
    write_page(path, state)
    assert path.read_text(encoding="utf-8") == page_html(state)
    with pytest.raises(OSError, match="missing"):
        write_page(tmp_path / "missing" / "page.html", state)
    assert list(tmp_path.iterdir()) == [path]


def test_only_a_page_of_rows_has_their_script_and_their_reliability() -> None:
    logits, targets = np.random.default_rng(0).normal(0, 2, (50, 3)), np.arange(50) % 3
    rows = RowSource(logits, targets=targets)
    state, measured = rows.state(3), rows.measured()
    assert measured is not None
    page = Page(page_html(state, reliability=measured))
    assert json.loads(page.text("script"))["reliability"] == measured.to_json()
    script = page.text("script", 1)
    assert script == Kind.ROWS.script("page", Spoken.en)
    (policy,) = [
        attributes["content"]
        for _, attributes in page.elements
        if attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    # It has no server.
    assert policy == content_security_policy(script, page.text("style"))
    assert "connect-src" not in str(policy)
    plain = Page(page_html(state))
    assert "reliability" not in json.loads(plain.text("script"))
    assert len(plain.text("script", 1)) < len(script)
