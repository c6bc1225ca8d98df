"""One self-contained page: an explorer that works from a file, with the network off."""

from __future__ import annotations

import base64
import hashlib
import html
import json
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from thermoscope.data.atomic import write_whole

if TYPE_CHECKING:
    import os

    from thermoscope.explorer.browse import RowSource
    from thermoscope.state import State

__all__ = ["content_security_policy", "page_html", "write_page"]

# What surrounds the instrument; the instrument brings its own style.
_SHELL_STYLE: Final = (
    "html{color-scheme:light dark;"
    "background:light-dark(#fff,#15181c);color:light-dark(#1b1f24,#e6e9ed)}"
    "body{margin:0;font-family:system-ui,sans-serif}"
    "noscript{display:block;padding:1rem}"
)


def page_html(state: State, rows: RowSource | None = None) -> str:
    """Return an HTML page that shows `state` and can be played with.

    Everything is inline, and the page's own policy forbids it any request; but where there are
    `rows`, of which `state` is one, it asks whoever served it for the others.

    Examples
    --------
    >>> from thermoscope.state import State
    >>> page = page_html(State.of([2.0, 1.0, 0.1], ["cat", "dog", "</script>"]))
    >>> page.startswith("<!doctype html>"), page.count("</script>")  # of state and program
    (True, 2)
    """
    # In a script element, only "<" could end the element or open a comment.
    content = state.to_json() if rows is None else {**state.to_json(), "rows": rows.about()}
    written = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    written = written.replace("<", "\\u003c")
    policy = content_security_policy(rows=rows is not None)
    title = "Softmax with temperature"
    if state.source is not None:
        title = f"{state.source} · {title}"
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{html.escape(policy)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{html.escape(title)}</title>
<link rel="icon" href="data:,">
<style>{_SHELL_STYLE}</style>
</head>
<body>
<main></main>
<noscript>This page is an instrument: it needs JavaScript, all of which is in the page.</noscript>
<script type="application/json">{written}</script>
<script>{_static("page.js")}</script>
</body>
</html>
"""


def content_security_policy(*, rows: bool = False) -> str:
    """Return the policy that lets a page run its own script and style, and nothing else.

    With `rows` it may ask whoever served it for more, and nobody else.

    Examples
    --------
    >>> content_security_policy().split("; ")[0]
    "default-src 'none'"
    """
    styles = " ".join(_source_hash(text) for text in (_SHELL_STYLE, _static("style.css")))
    return "; ".join(
        [
            "default-src 'none'",
            f"script-src {_source_hash(_static('page.js'))}",
            f"style-src {styles}",
            # The empty icon, which spares the browser asking for one.
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
            *(["connect-src 'self'"] if rows else []),
        ]
    )


def write_page(path: str | os.PathLike[str], state: State) -> None:
    """Write the page of `state` to `path`, whole or not at all.

    Raises
    ------
    OSError
        If the file can't be written.
    """
    write_whole(path, page_html(state).encode())


@cache
def _static(name: str) -> str:
    return (files("thermoscope.explorer") / "static" / name).read_text(encoding="utf-8")


def _source_hash(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
    return f"'sha256-{digest}'"
