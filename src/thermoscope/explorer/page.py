"""The explorer as one self-contained HTML page, which works from a file and without a network."""

from __future__ import annotations

import base64
import hashlib
import html
import json
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Final, NamedTuple

from thermoscope.data import samples
from thermoscope.data.atomic import write_whole

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from thermoscope.explorer.browse import RowSource
    from thermoscope.explorer.live import Measured
    from thermoscope.state import State

__all__ = ["Beginning", "content_security_policy", "page_html", "script_of", "write_page"]

# For the page around the instrument.
_SHELL_STYLE: Final = (
    "html{color-scheme:light dark;"
    "background:light-dark(#fff,#15181c);color:light-dark(#1b1f24,#e6e9ed)}"
    "body{margin:0;font-family:system-ui,sans-serif}"
    "noscript{display:block;padding:1rem}"
)


class Beginning(NamedTuple):
    """A text with which the language model in a page begins, see `samples.novel`.

    Attributes
    ----------
    prompt : str
        What it goes on from.
    seed : int
        The page draws by it: the same seed and sampler give the same text.
    tokens : int
        How many are drawn before the page is shown.
    """

    prompt: str
    seed: int
    tokens: int = 0

    def to_json(self) -> dict[str, object]:
        """Return what the page opens: `WrittenTexts` in ``web/src/hosts/model.ts``."""
        one = {"name": "1", "prompt": self.prompt, "seed": self.seed, "tokens": []}
        branches = [{**one, "from": None, "shared": 0}]
        return {"model": {"branches": branches, "branch": "1", "draw": self.tokens}}


def page_html(
    state: State,
    rows: RowSource | None = None,
    *,
    hide: Sequence[str] = (),
    lock: Sequence[str] = (),
    reliability: Measured | None = None,
    beginning: Beginning | None = None,
    offline: bool = False,
) -> str:
    """Return an interactive HTML page that shows `state`.

    Everything is inline, and the page's content security policy forbids all requests. If `state`
    is one of several `rows`, the page requests the others from the server that it came from. With
    `offline` it requests none: of a text, whose positions the rows are, it has all, and it has the
    `reliability` of rows in itself. With a `beginning` it has a language model in itself, which
    goes on with that text: of `state` it takes the settings alone.

    Examples
    --------
    >>> from thermoscope.state import State
    >>> page = page_html(State.of([2.0, 1.0, 0.1], ["cat", "dog", "</script>"]))
    >>> page.startswith("<!doctype html>"), page.count("</script>")  # the state, the program
    (True, 2)
    """
    # In a script element, only "<" could end the element or open a comment.
    served = rows is not None and not offline
    known: dict[str, object] | None = None
    if rows is not None and (served or rows.is_sequence):
        known = rows.about() if served else rows.embedded()
    if beginning is not None:
        known = beginning.to_json()
    content = {
        **state.to_json(),
        **({} if known is None else {"rows": known}),
        **({"hide": list(hide)} if hide else {}),
        **({"lock": list(lock)} if lock else {}),
        **({} if reliability is None else {"reliability": reliability.to_json()}),
    }
    written = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    written = written.replace("<", "\\u003c")
    writing = known is not None and "writing" in known
    has_rows = known is not None or reliability is not None or state.tail is not None
    script = script_of(rows=has_rows, writing=writing, model=beginning is not None)
    writes = writing or beginning is not None
    policy = content_security_policy(script, rows=served, writing=writes)
    # In an element of its own, so that the page reads no JSON of its size.
    model = "" if beginning is None else base64.b64encode(samples.novel()).decode("ascii")
    data = f'\n<script type="application/gzip">{model}</script>' if model else ""
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
<style>{_style(writing=writes)}</style>
</head>
<body>
<main></main>
<noscript>This page needs JavaScript. All of its code is in the page.</noscript>
<script type="application/json">{written}</script>{data}
<script>{script}</script>
</body>
</html>
"""


def content_security_policy(
    script: str | None = None, *, rows: bool = False, writing: bool = False
) -> str:
    """Return the content security policy: the page may use its own script and style only.

    With `rows` it may also send requests to the server that it came from. The script is by default
    the one of such a page; the style is that of a page that writes a text if it is `writing`.

    Examples
    --------
    >>> content_security_policy().split("; ")[0]
    "default-src 'none'"
    """
    script = script_of(rows=rows, writing=writing) if script is None else script
    return "; ".join(
        [
            "default-src 'none'",
            f"script-src {_source_hash(script)}",
            f"style-src {_source_hash(_style(writing=writing))}",
            # The empty icon: without one, browsers request /favicon.ico.
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
            *(["connect-src 'self'"] if rows else []),
        ]
    )


def write_page(
    path: str | os.PathLike[str],
    state: State,
    rows: RowSource | None = None,
    *,
    hide: Sequence[str] = (),
    lock: Sequence[str] = (),
    reliability: Measured | None = None,
    beginning: Beginning | None = None,
) -> None:
    """Write the page of `state` to `path`, whole or not at all; with `rows`, also of their text.

    With a `beginning` it has a language model in itself, see `page_html`.

    Raises
    ------
    OSError
        If the file can't be written.
    """
    page = page_html(
        state,
        rows,
        hide=hide,
        lock=lock,
        reliability=reliability,
        beginning=beginning,
        offline=True,
    )
    write_whole(path, page.encode())


def script_of(*, rows: bool, writing: bool = False, model: bool = False) -> str:
    """Return the script of a page; that of one whole distribution is smaller."""
    if model:
        return _static("page-model.js")
    return _static("page-writing.js" if writing else "page-rows.js" if rows else "page.js")


def _style(*, writing: bool = False) -> str:
    return _SHELL_STYLE + _static("style.css") + (_static("writing.css") if writing else "")


@cache
def _static(name: str) -> str:
    """Return a file of the built front end."""
    return (files("thermoscope.explorer") / "static" / name).read_text(encoding="utf-8")


def _source_hash(text: str) -> str:
    """Return the hash by which a policy allows an inline script or style."""
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
    return f"'sha256-{digest}'"
