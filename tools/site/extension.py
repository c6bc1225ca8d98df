"""The Sphinx extension of docs/conf.py: live pages, commands, links between texts, formulas."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.transforms.post_transforms import SphinxPostTransform

from tools.site.commands import Commands
from tools.site.live import LiveFrames, write_pages
from tools.site.reference import Objects, skipped

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment
    from sphinx.writers.html5 import HTML5Translator

__all__ = ["setup"]

# The texts are also read in the repository, where some pages are files under another name.
ELSEWHERE: Final = {"](../README.md#": "](start.md#", "](decisions/)": "](decisions.md)"}
NAMED_BY_FILE: Final = re.compile(r"\[(?:docs/)?[\w-]+\.md\]\(")
FILE_AS_CODE: Final = re.compile(r"`docs/([\w-]+\.md)`")
DECISION: Final = re.compile(r"`docs/decisions/(\d{4})-[\w-]+\.md`")
ALL_DECISIONS: Final = "<!-- decisions -->\n"
# Files of the theme that no page needs: source maps, which are as large as the rest of the site,
# icons of brands, and the library for icons of one's own. The icons that are used are in a font.
NEEDLESS: Final = (
    "*.map",
    "fa-brands-*.woff2",
    "fa-regular-*.woff2",
    "fontawesome.js",
    "*.LICENSE.txt",
    "webpack-macros.html",
)
# Of a figure, where no text lies between two tags.
BLANKS: Final = re.compile(r">\s+<")
# White space and words count here.
KEPT: Final = re.compile(r"(<(?:pre|script|style)\b.*?</(?:pre|script|style)>)", re.DOTALL)
ICONS: Final = re.compile(r"<script[^>]*fontawesome\.js[^>]*></script>")
ICON: Final = re.compile(r"\bfa-[\w-]+")
# Of the theme's style: there are 2,000 icons.
RULE: Final = re.compile(r'(?:\.fa-[\w-]+,?)+\{--fa:"[^"]*"\}')
BETTER: Final = [
    (re.compile(r"\s*\n\s*"), "\n"),
    # Each word of a literal text is in one of its own.
    (re.compile(r'<span class="pre">([^<]*)</span>'), r"\1"),
    # What axe-core finds in pages of docutils and of the theme.
    (re.compile(r'<th class="([^"]*)"><p></p></th>'), r'<td class="\1"></td>'),
    (re.compile(r' role="(?:doc-[a-z]+|list)"'), ""),
    (re.compile(r'<summary>(?=<span class="toctree-toggle")'), '<summary aria-label="Its pages">'),
]
# Where the server of an example is.
NOWHERE: Final = re.compile(r"(?:tcp|https?)://(?:localhost|127\.|10\.|host\b)")


class Examples(SphinxPostTransform):
    """Let examples be as they are read: no link to a server in them, no empty line at their end."""

    default_priority = 100

    def run(self, **_: object) -> None:
        """Mend the examples of one document."""
        for node in list(self.document.findall(nodes.reference)):
            if NOWHERE.match(node.get("refuri", "")):
                node.replace_self(node.children)
        # A doctest in Markdown needs one.
        for block in self.document.findall(nodes.literal_block):
            block.rawsource = text = block.astext().rstrip()
            block.children = [nodes.Text(text)]


def setup(app: Sphinx) -> dict[str, bool]:
    """Tell Sphinx what is here."""
    app.add_directive("commands", Commands)
    app.add_directive("objects", Objects)
    app.connect("autodoc-skip-member", skipped)
    app.add_transform(LiveFrames)
    app.add_post_transform(Examples)
    app.add_html_math_renderer("mathml", (_inline_math, None), (_displayed_math, None))
    app.connect("source-read", _relink)
    app.connect("include-read", lambda app, _, name, text: _relink(app, name, text))
    app.connect("missing-reference", _unlinked)
    app.connect("build-finished", write_pages)
    app.connect("build-finished", _finish)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _relink(app: Sphinx, _: str, text: list[str]) -> None:
    """Let links lead to pages of the site, and call them by the titles of the pages."""
    written = text[0]
    if ALL_DECISIONS in written:
        written = written.replace(ALL_DECISIONS, _decisions(app.srcdir / "decisions"))
    for there, here in ELSEWHERE.items():
        written = written.replace(there, here)
    written = NAMED_BY_FILE.sub("[](", written)
    written = FILE_AS_CODE.sub(r"[](\1)", written)
    text[0] = DECISION.sub(r"[](#decision-\1)", written)


def _decisions(folder: Path) -> str:
    """Return all decisions as sections of one page, the last one first."""
    return "\n".join(
        f"(decision-{path.name[:4]})=\n#{path.read_text(encoding='utf-8')}".replace("](../", "](")
        for path in sorted(folder.glob("0*.md"), reverse=True)
    )


def _unlinked(
    _: Sphinx, __: BuildEnvironment, reference: Any, content: nodes.Element
) -> nodes.Element | None:
    """Let `single backticks` that name no object of the reference be code: an argument, say."""
    return content if reference["reftype"] == "obj" else None


def _inline_math(self: HTML5Translator, node: nodes.math) -> None:
    self.body.append(tex2mathml(node.astext(), as_block=False))
    raise nodes.SkipNode


def _displayed_math(self: HTML5Translator, node: nodes.math_block) -> None:
    self.body.append(tex2mathml(node.astext(), as_block=True))
    raise nodes.SkipNode


def _finish(app: Sphinx, _: Exception | None) -> None:
    """Delete what no page needs, a third of the site, and mend what the theme leaves open."""
    static = Path(app.outdir, "_static")
    for name in NEEDLESS:
        for path in static.rglob(name):
            path.unlink()
    for path in Path(app.outdir, "_images").glob("*.svg"):
        path.write_text(BLANKS.sub("><", path.read_text(encoding="utf-8")), encoding="utf-8")
    # What names the icons that are used.
    used = [path.read_text(encoding="utf-8") for path in static.rglob("pydata*.js")]
    for path in Path(app.outdir).rglob("*.html"):
        if path.parent.name == "live":
            continue
        parts = KEPT.split(ICONS.sub("", path.read_text(encoding="utf-8")))
        for pattern, better in BETTER:
            # Every second part is one to keep.
            parts[::2] = [pattern.sub(better, part) for part in parts[::2]]
        used.append("".join(parts))
        path.write_text(used[-1], encoding="utf-8", newline="\n")
    icons = {name for text in used for name in ICON.findall(text)}
    for path in static.rglob("pydata*.css"):
        style = path.read_text(encoding="utf-8")
        style = RULE.sub(lambda rule: rule[0] if icons & {*ICON.findall(rule[0])} else "", style)
        path.write_text(style, encoding="utf-8", newline="\n")
