"""What all figures share: the canvas, colours, fonts."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from thermoscope.present import printable

try:
    import matplotlib as mpl
    from matplotlib.colors import to_rgba
    from matplotlib.figure import Figure
    from matplotlib.font_manager import FontProperties, findfont, fontManager, get_font
except ImportError as error:
    raise ImportError('figures need matplotlib: pip install "thermoscope[plot]"') from error

if TYPE_CHECKING:
    from collections.abc import Iterable
    from contextlib import AbstractContextManager

__all__ = ["PLAIN", "Canvas", "Figure", "Ink", "drawable", "with_own_font"]

# Labels are plain text, "%" too, whatever the user's matplotlib settings are.
PLAIN: Final[dict[str, Any]] = {"usetex": False, "parse_math": False}
LONGEST_LABEL: Final = 28
# It comes with matplotlib and has every character that the figures write themselves.
OWN_FONT: Final = "DejaVu Sans"
# Fonts for characters that the user's font lacks, in the order in which they are tried.
FALLBACKS: Final = (
    OWN_FONT,
    *("Noto Sans", "Noto Sans CJK JP", "Noto Sans CJK SC", "Noto Sans JP", "Noto Sans SC"),
    *("Source Han Sans", "IPAexGothic", "WenQuanYi Zen Hei", "Droid Sans Fallback"),
    *("Hiragino Sans", "PingFang SC", "Apple SD Gothic Neo", "Arial Unicode MS"),
    *("Yu Gothic", "Meiryo", "Microsoft YaHei", "SimHei", "Malgun Gothic", "Nirmala UI"),
    *("Noto Sans Thai", "Noto Sans Armenian", "Noto Sans Georgian", "Noto Sans Ethiopic"),
    *("Segoe UI Symbol", "Noto Sans Symbols2", "Noto Emoji", "Unifont"),
)


class Canvas(Figure):
    """A figure that notebooks show although pyplot, which would keep it alive, does not know it."""

    def _repr_png_(self) -> bytes:
        with io.BytesIO() as file:
            self.savefig(file, format="png")
            return file.getvalue()


class Ink(NamedTuple):
    """Colours that are visible on the background of the user's style sheet."""

    blue: str
    green: str
    # Vermilion, which colour-blind people can tell from blue and green; hatched, for print.
    gap: str
    line: str
    alpha: float

    @classmethod
    def now(cls) -> Ink:
        """Return the colours for the current style sheet."""
        backgrounds = (mpl.rcParams["axes.facecolor"], mpl.rcParams["figure.facecolor"], "white")
        red, green, blue, _ = next(found for each in backgrounds if (found := to_rgba(each))[3])
        if 0.2126 * red + 0.7152 * green + 0.0722 * blue < 0.4:
            return cls("#6ea8fe", "#5fd068", "#ff8a4c", "0.75", 0.65)
        return cls("blue", "green", "#d55e00", "0.35", 0.4)


def with_own_font() -> AbstractContextManager[None]:
    """Add to the user's fonts, as a fallback, the one that comes with matplotlib."""
    return mpl.rc_context({"font.family": [*mpl.rcParams["font.family"], OWN_FONT]})


def drawable(labels: Iterable[str]) -> tuple[list[str], list[str]]:
    """Return labels that can be drawn, and the fonts for them.

    Long labels are cut. Characters that are invisible or in no installed font become escapes.
    """
    # Cut first: a label may be megabytes long.
    cut = [label[: LONGEST_LABEL + 1] for label in labels]
    wanted = {
        ord(character) for label in cut for character in label if printable(character) == character
    }
    families = FontProperties().get_family()
    known: set[int] = set()
    for family in families:
        known.update(get_font(findfont(FontProperties(family=[family]))).get_charmap())
    installed = {font.name for font in fontManager.ttflist}
    for family in FALLBACKS:
        if wanted <= known:
            break
        if family in installed:
            found = get_font(findfont(FontProperties(family=[family]))).get_charmap().keys()
            if (wanted - known) & found:
                families = [*families, family]
                known |= found

    def written(character: str) -> str:
        if printable(character) == character and ord(character) in known:
            return character
        return character.encode("unicode_escape").decode()

    texts = ["".join(map(written, label)) for label in cut]
    short = [
        text if len(text) <= LONGEST_LABEL else text[: LONGEST_LABEL - 1] + "…" for text in texts
    ]
    return short, families
