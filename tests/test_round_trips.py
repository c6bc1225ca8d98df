"""What `write_rows` wrote, `open_logits` reads back: any labels and values, in every format."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from thermoscope.data.reading import open_logits
from thermoscope.data.writing import ENDINGS, write_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

HARD = (
    *("7", "0", "1", "2", "3.5", "-1e5", "nan", "inf", "1,000.5", "1.O", "NA", "-"),
    *("", " ", "\r", "\n", "a\r\nb", "a,b", "a;b", "a\tb", '"', '"a"', "'", "#x", "# a"),
    *("__index_level_0__", "Unnamed: 0", "label", "target", "choices", "logprobs", "\ufeffa"),
    *("\u2028", "\x85", "\x00", "é", "語", "😀", "\u202e", "[", "{", "data: x"),
)
LABELS = st.one_of(st.sampled_from(HARD), st.text(st.characters(exclude_categories=["Cs"])))
TYPES = st.sampled_from([np.float16, np.float32, np.float64])


@st.composite
def tables(draw: st.DrawFn) -> tuple[NDArray[np.floating], list[str] | None]:
    """Draw rows of at least two classes, and labels for them or none."""
    rows, classes = draw(st.integers(1, 7)), draw(st.integers(2, 5))
    dtype = draw(TYPES)
    elements = st.floats(width=np.finfo(dtype).bits, allow_nan=True)
    whole = st.integers(0, 3).map(float)
    array = draw(arrays(dtype, (rows, classes), elements=st.one_of(elements, whole)))
    names = st.lists(LABELS, min_size=classes, max_size=classes)
    return array, draw(st.one_of(st.none(), names))


NUMBERS = np.arange(12.0).reshape(6, 2)


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.filterwarnings("ignore::zarr.errors.ZarrUserWarning")
@example(table=(NUMBERS, ["0", "1"]))
@example(table=(NUMBERS, ["1", "0"]))
@example(table=(NUMBERS, ["7", "8"]))
@example(table=(NUMBERS, ["", "a"]))
@example(table=(NUMBERS, ["a", ""]))
@example(table=(NUMBERS, ["label", "logit"]))
@example(table=(NUMBERS, ["__index_level_0__", "a"]))
@example(table=(NUMBERS, ["same", "same"]))
@example(table=(NUMBERS + 0.5, ["a\nb", "c,d"]))
@example(table=(NUMBERS, None))
@given(table=tables())
def test_what_is_written_is_read_back(
    tmp_path_factory: pytest.TempPathFactory,
    ending: str,
    table: tuple[NDArray[np.floating], list[str] | None],
) -> None:
    array, labels = table
    path = tmp_path_factory.mktemp("round") / f"x{ending}"
    write_rows(path, [array[:2], array[2:]], shape=array.shape, dtype=array.dtype, labels=labels)
    read = open_logits(path)
    assert read.shape == array.shape
    np.testing.assert_array_equal(read.values.astype(array.dtype), array)
    wanted = None if labels is None or ending == ".npy" else tuple(labels)
    assert read.labels == wanted
    assert not any("targets" in note or "no logits" in note for note in read.notes)
