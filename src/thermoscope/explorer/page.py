"""The explorer as one self-contained HTML page, which works from a file and without a network."""

from __future__ import annotations

import base64
import hashlib
import html
import json
from enum import Enum
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Final, NamedTuple, TypedDict, Unpack

from thermoscope.data import samples
from thermoscope.data.atomic import write_whole

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from thermoscope.explorer.activity import Activity
    from thermoscope.explorer.browse import RowSource
    from thermoscope.explorer.live import Measured
    from thermoscope.state import State

__all__ = [
    "Beginning",
    "Kind",
    "Page",
    "content_security_policy",
    "page_html",
    "page_of",
    "write_page",
]

# For the page around the instrument.
_SHELL_STYLE: Final = (
    "html{color-scheme:light dark;"
    "background:light-dark(#fff,#15181c);color:light-dark(#1b1f24,#e6e9ed)}"
    "body{margin:0;font-family:system-ui,sans-serif}"
    "noscript{display:block;padding:1rem}"
)


class Kind(Enum):
    """What a page can do besides showing one distribution, by its script and its style sheets."""

    DISTRIBUTION = ("page.js", "style.css")
    ROWS = ("page-rows.js", "style.css")
    WRITING = ("page-writing.js", "style.css", "writing.css")
    MODEL = ("page-model.js", "style.css", "writing.css")
    ACTIVITY = ("page-activity.js", "style.css", "activity.css")

    @property
    def script(self) -> str:
        """The text of its script."""
        return _static(self.value[0])

    @property
    def style(self) -> str:
        """The text of its style sheet."""
        return _SHELL_STYLE + "".join(map(_static, self.value[1:]))


class Options(TypedDict, total=False):
    """What `page_of` takes besides a state and its rows."""

    hide: Sequence[str]
    lock: Sequence[str]
    reliability: Measured | None
    beginning: Beginning | None
    activity: Activity | None


class Page(NamedTuple):
    """A page, and the policy that it has in itself and that a server sends with it."""

    html: str
    policy: str


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
    offline: bool = False,
    **options: Unpack[Options],
) -> str:
    """Return an interactive HTML page that shows `state`; the arguments are those of `page_of`.

    Examples
    --------
    >>> from thermoscope.state import State
    >>> page = page_html(State.of([2.0, 1.0, 0.1], ["cat", "dog", "</script>"]))
    >>> page.startswith("<!doctype html>"), page.count("</script>")  # the state, the program
    (True, 2)
    """
    return page_of(state, rows, offline=offline, **options).html


def page_of(
    state: State,
    rows: RowSource | None = None,
    *,
    hide: Sequence[str] = (),
    lock: Sequence[str] = (),
    reliability: Measured | None = None,
    beginning: Beginning | None = None,
    activity: Activity | None = None,
    offline: bool = False,
) -> Page:
    """Return an interactive HTML page that shows `state`.

    Everything is inline, and the page's content security policy forbids all requests. If `state`
    is one of several `rows`, the page requests the others from the server that it came from. With
    `offline` it requests none: of a text, whose positions the rows are, it has all, and it has the
    `reliability` of rows in itself. With a `beginning` it has a language model in itself, which
    goes on with that text: of `state` it takes the settings alone. With an `activity` it sets the
    tasks; if that has none, it is the page where they are made.
    """
    # In a script element, only "<" could end the element or open a comment.
    served = rows is not None and not offline
    known: dict[str, object] | None = None
    if rows is not None and (served or rows.is_sequence):
        known = rows.about() if served else rows.embedded()
    if beginning is not None:
        known = beginning.to_json()
    if activity is not None:
        hide, lock = hide or activity.hide, lock or activity.lock
    content = {
        **state.to_json(),
        **({} if known is None else {"rows": known}),
        **({"hide": list(hide)} if hide else {}),
        **({"lock": list(lock)} if lock else {}),
        **({} if reliability is None else {"reliability": reliability.to_json()}),
        **({"activity": activity.packed()} if activity is not None and activity.written else {}),
    }
    written = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    written = written.replace("<", "\\u003c")
    kind = Kind.DISTRIBUTION
    if activity is not None:
        kind = Kind.ACTIVITY
    elif beginning is not None:
        kind = Kind.MODEL
    elif known is not None and "writing" in known:
        kind = Kind.WRITING
    elif known is not None or reliability is not None or state.tail is not None:
        kind = Kind.ROWS
    policy = content_security_policy(kind, served=served)
    # In an element of its own, so that the page reads no JSON of its size.
    model = "" if beginning is None else base64.b64encode(samples.novel()).decode("ascii")
    data = f'\n<script type="application/gzip">{model}</script>' if model else ""
    title = "Softmax with temperature"
    if state.source is not None:
        title = f"{state.source} · {title}"
    text = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{html.escape(policy)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{html.escape(title)}</title>
<link rel="icon" href="data:,">
<style>{kind.style}</style>
</head>
<body>
<main></main>
<noscript>This page needs JavaScript. All of its code is in the page.</noscript>
<script type="application/json">{written}</script>{data}
<script>{kind.script}</script>
</body>
</html>
"""
    return Page(text, policy)


def content_security_policy(kind: Kind = Kind.DISTRIBUTION, *, served: bool = False) -> str:
    """Return the content security policy: a page may use its own script and style only.

    One that is `served` with its rows may also send requests to the server that it came from.

    Examples
    --------
    >>> content_security_policy().split("; ")[0]
    "default-src 'none'"
    """
    return "; ".join(
        [
            "default-src 'none'",
            f"script-src {_source_hash(kind.script)}",
            f"style-src {_source_hash(kind.style)}",
            # The empty icon: without one, browsers request /favicon.ico.
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
            *(["connect-src 'self'"] if served else []),
        ]
    )


def write_page(
    path: str | os.PathLike[str],
    state: State,
    rows: RowSource | None = None,
    **options: Unpack[Options],
) -> None:
    """Write the page of `state` to `path`, whole or not at all; with `rows`, also of their text.

    The arguments are those of `page_of`.

    Raises
    ------
    OSError
        If the file can't be written.
    """
    write_whole(path, page_html(state, rows, offline=True, **options).encode())


@cache
def _static(name: str) -> str:
    """Return a file of the built front end."""
    return (files("thermoscope.explorer") / "static" / name).read_text(encoding="utf-8")


def _source_hash(text: str) -> str:
    """Return the hash by which a policy allows an inline script or style."""
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
    return f"'sha256-{digest}'"
