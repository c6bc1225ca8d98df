"""The built front end: scripts with texts in some languages, and style sheets."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum, StrEnum
from functools import cache
from importlib.resources import files
from typing import Final, NamedTuple

from thermoscope.arguments import ArgumentError

__all__ = ["LANGUAGES", "Kind", "Language", "Spoken", "language_of"]


class Spoken(StrEnum):
    """What a page speaks: a language, or the one of all that its reader's browser asks for."""

    en = "en"
    de = "de"
    es = "es"
    zh = "zh"
    ar = "ar"
    auto = "auto"


class Language(NamedTuple):
    """A language of the page.

    Attributes
    ----------
    tag : str
        As HTML has it.
    direction : {"ltr", "rtl"}
    title : str
        Of a page, behind the source of the logits.
    script_needed : str
        What stands in place of a page where scripts may not run.
    """

    tag: str
    direction: str
    title: str
    script_needed: str


LANGUAGES: Final = {
    "en": Language(
        "en",
        "ltr",
        "Softmax with temperature",
        "This page needs JavaScript. All of its code is in the page.",
    ),
    "de": Language(
        "de",
        "ltr",
        "Softmax mit Temperatur",
        "Diese Seite braucht JavaScript. Ihr ganzer Code steht in der Seite.",
    ),
    "es": Language(
        "es",
        "ltr",
        "Softmax con temperatura",
        "Esta página necesita JavaScript. Todo su código está en la página.",
    ),
    "zh": Language(
        "zh-Hans",
        "ltr",
        "带温度的 softmax",
        "本页面需要 JavaScript。全部代码都在页面之中。",
    ),
    "ar": Language(
        "ar",
        "rtl",
        "دالة softmax مع درجة الحرارة",
        "تحتاج هذه الصفحة إلى JavaScript، وكل شيفرتها في الصفحة نفسها.",
    ),
}
"""By the names of their folders in ``web/src/text``; the first one where no other is asked for."""


def language_of(value: object) -> Spoken:
    """Return what a page is to speak; raise an ArgumentError if it is none of `Spoken`."""
    try:
        return Spoken(value)  # type: ignore[arg-type]
    except ValueError:
        known = ", ".join(map(repr, map(str, Spoken)))
        raise ArgumentError("language", f"must be one of {known}, got {value!r}") from None


class _Parts(NamedTuple):
    """Of what a page or a widget consists besides its texts."""

    suffix: str
    texts: Sequence[str]
    styles: Sequence[str]


class Kind(Enum):
    """What a page or a widget can do besides showing one distribution."""

    DISTRIBUTION = _Parts("", ["base"], ["style.css"])
    ROWS = _Parts("-rows", ["base", "rows"], ["style.css", "rows.css"])
    WRITING = _Parts("-writing", [*ROWS.texts, "writing"], [*ROWS.styles, "writing.css"])
    MODEL = _Parts("-model", [*WRITING.texts, "model"], WRITING.styles)
    ACTIVITY = _Parts("-activity", ["base", "activity"], ["style.css", "activity.css"])

    def script(self, host: str, language: Spoken) -> str:
        """Return the script of a "page" or a "widget", with the texts that it needs before it."""
        names = LANGUAGES if language is Spoken.auto else [language]
        texts = [_static(f"texts/{name}-{part}.js") for name in names for part in self.value.texts]
        return "".join([*texts, _static(f"{host}{self.value.suffix}.js")])

    @property
    def style(self) -> str:
        """The text of its style sheet."""
        return "".join(map(_static, self.value.styles))


@cache
def _static(name: str) -> str:
    """Return a file of the built front end."""
    return (files("thermoscope.explorer") / "static" / name).read_text(encoding="utf-8")
