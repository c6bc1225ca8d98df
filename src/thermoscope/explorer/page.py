"""The explorer as one self-contained HTML page, which works from a file and without a network."""

from __future__ import annotations

import base64
import hashlib
import html
import json
from typing import TYPE_CHECKING, Final, NamedTuple, TypedDict, Unpack

from thermoscope.data import samples
from thermoscope.data.atomic import write_whole
from thermoscope.explorer.front_end import LANGUAGES, Kind, Spoken, language_of

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from thermoscope.explorer.activity import Activity
    from thermoscope.explorer.browse import RowSource
    from thermoscope.explorer.live import Measured
    from thermoscope.state import State

__all__ = [
    "Beginning",
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


class Options(TypedDict, total=False):
    """What `page_of` takes besides a state and its rows."""

    hide: Sequence[str]
    lock: Sequence[str]
    reliability: Measured | None
    beginning: Beginning | None
    activity: Activity | None
    language: str


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
    language: str = "en",
    offline: bool = False,
) -> Page:
    """Return an interactive HTML page that shows `state`.

    Everything is inline, and the page's content security policy forbids all requests. If `state`
    is one of several `rows`, the page requests the others from the server that it came from. With
    `offline` it requests none: of a text, whose positions the rows are, it has all, and it has the
    `reliability` of rows in itself. With a `beginning` it has a language model in itself, which
    goes on with that text: of `state` it takes the settings alone. With an `activity` it sets the
    tasks; if that has none, it is the page where they are made. It speaks a `language` of
    `Spoken`: with "auto" that which its reader's browser asks for.
    """
    spoken = language_of(language)
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
    script, style = kind.script("page", spoken), _SHELL_STYLE + kind.style
    policy = content_security_policy(script, style, served=served)
    # In an element of its own, so that the page reads no JSON of its size.
    model = "" if beginning is None else base64.b64encode(samples.novel()).decode("ascii")
    data = f'\n<script type="application/gzip">{model}</script>' if model else ""
    # What a page says before its script runs; of several languages the script takes one.
    is_open = spoken is Spoken.auto
    words = LANGUAGES["en" if is_open else spoken]
    title = words.title if state.source is None else f"{state.source} · {words.title}"
    root = "" if is_open else f' lang="{words.tag}" dir="{words.direction}"'
    text = f"""<!doctype html>
<html{root}>
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{html.escape(policy)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{html.escape(title)}</title>
<link rel="icon" href="data:,">
<style>{style}</style>
</head>
<body>
<main></main>
<noscript>{words.script_needed}</noscript>
<script type="application/json">{written}</script>{data}
<script>{script}</script>
</body>
</html>
"""
    return Page(text, policy)


def content_security_policy(script: str, style: str, *, served: bool = False) -> str:
    """Return the content security policy: a page may use its own script and style only.

    One that is `served` with its rows may also send requests to the server that it came from.

    Examples
    --------
    >>> content_security_policy("alert(1)", "").split("; ")[0]
    "default-src 'none'"
    """
    return "; ".join(
        [
            "default-src 'none'",
            f"script-src {_source_hash(script)}",
            f"style-src {_source_hash(style)}",
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


def _source_hash(text: str) -> str:
    """Return the hash by which a policy allows an inline script or style."""
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
    return f"'sha256-{digest}'"
