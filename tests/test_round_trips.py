"""What is written is read back, and the same content means the same in every format."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from thermoscope import cli, softmax
from thermoscope.data.errors import FileError
from thermoscope.data.reading import open_logits, parse_logits
from thermoscope.data.writing import ENDINGS, write_rows

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

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
    np.testing.assert_array_equal(np.asarray(read, array.dtype), array)
    wanted = None if labels is None or ending == ".npy" else tuple(labels)
    assert read.labels == wanted
    assert not any("targets" in note or "no logits" in note for note in read.notes)


@st.composite
def one_row(draw: st.DrawFn) -> tuple[list[float], list[str] | None]:
    """Draw a row of at least two logits, and labels for them or none."""
    logits = draw(st.lists(st.floats(-700, 700), min_size=2, max_size=5))
    names = st.lists(LABELS, min_size=len(logits), max_size=len(logits))
    return logits, draw(st.one_of(st.none(), names))


@pytest.mark.parametrize("ending", sorted({*ENDINGS, ".json"}))
@pytest.mark.filterwarnings("ignore::zarr.errors.ZarrUserWarning")
@example(row=([2.0, 1.0], ["7", "\r"]))
@example(row=([2.0, 1.0], ["7", "nan"]))
@example(row=([2.0, 1.0], ["7", "a\x00"]))
@given(row=one_row())
def test_the_row_that_softmax_writes_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, ending: str, row: tuple[list[float], list[str] | None]
) -> None:
    logits, labels = row
    folder = tmp_path_factory.mktemp("one")
    (folder / "in.json").write_text(json.dumps(logits), encoding="utf-8")
    options = []
    if labels is not None:
        (folder / "labels.json").write_text(json.dumps(labels), encoding="utf-8")
        options = ["--labels", str(folder / "labels.json")]
    path = folder / f"out{ending}"
    assert cli.main(["softmax", str(folder / "in.json"), "-o", str(path), *options]) == 0
    read = open_logits(path, columns="probabilities" if ending == ".json" else None)
    np.testing.assert_array_equal(np.ravel(read), softmax(logits))
    # JSON has no NaN and no infinities: all of a list may be such numbers.
    numbers = ending == ".json" and labels is not None and {*labels} <= {"nan", "inf", "-inf"}
    if not numbers:
        assert read.labels == (None if labels is None or ending == ".npy" else tuple(labels))


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_lone_surrogate_is_refused_by_every_format(tmp_path: Path, ending: str) -> None:
    with pytest.raises(ValueError, match=r"labels must be text without .* got 'a\\udce9'"):
        write_rows(
            tmp_path / f"x{ending}", [NUMBERS], shape=(6, 2), dtype=float, labels=["a\udce9", "b"]
        )
    assert list(tmp_path.iterdir()) == []


def table() -> pd.DataFrame:
    """Return three classes, a column of texts and one of targets, under an index of pandas."""
    draw = np.random.default_rng(0)
    frame = pd.DataFrame(draw.normal(size=(7, 3)).round(3), columns=["cat", "dog", "eel"])
    frame["text"] = ["a", "b, c", 'say "d"', "e\nf", "g;h", "i", "j"]
    frame["label"] = [0, 2, 1, 1, 0, 2, 2]
    return frame[["label", "cat", "dog", "text", "eel"]]


def of_lines(frame: pd.DataFrame, path: Path) -> None:
    frame.to_json(path, orient="records", lines=True)


SAVED: dict[str, Callable[[pd.DataFrame, Path], None]] = {
    "index.csv": lambda frame, path: frame.to_csv(path),
    "plain.csv": lambda frame, path: frame.to_csv(path, index=False),
    "quoted.csv": lambda frame, path: frame.to_csv(path, index=False, quoting=csv.QUOTE_ALL),
    "excel.csv": lambda frame, path: frame.to_csv(path, sep=";", decimal=","),
    "x.tsv": lambda frame, path: frame.to_csv(path, sep="\t"),
    "x.txt": lambda frame, path: frame.to_csv(path, sep="\t"),
    "index.parquet": lambda frame, path: frame[frame["label"] >= 0].to_parquet(path, index=True),
    "x.feather": lambda frame, path: frame.to_feather(path),
    "x.arrow": lambda frame, path: frame.to_feather(path),
    "records.json": lambda frame, path: frame.to_json(path, orient="records"),
    "split.json": lambda frame, path: frame.to_json(path, orient="split"),
    "x.jsonl": of_lines,
    "x.ndjson": of_lines,
}


@pytest.mark.parametrize("name", SAVED)
def test_the_same_table_means_the_same_in_every_format(tmp_path: Path, name: str) -> None:
    frame = table()
    SAVED[name](frame, tmp_path / name)
    classes = frame[["cat", "dog", "eel"]].to_numpy()
    found = [open_logits(tmp_path / name, target_column="label")]
    if (tmp_path / name).suffix not in {".parquet", ".feather", ".arrow"}:
        data = (tmp_path / name).read_bytes()
        found.append(parse_logits(data, target_column="label"))
    for each in found:
        np.testing.assert_array_equal(each, classes)
        assert each.labels == ("cat", "dog", "eel")
        assert each.targets is not None
        assert each.targets.tolist() == frame["label"].tolist()
        assert "column 'label' holds the targets" in each.notes
        assert "no logits: 'text'" in each.notes
    with pytest.raises(FileError, match="'label'"):
        open_logits(tmp_path / name)


@pytest.mark.parametrize("name", SAVED)
def test_a_cell_without_a_number_is_an_error_in_every_format(tmp_path: Path, name: str) -> None:
    frame = table().drop(columns=["text"])
    frame.loc[3, "dog"] = np.nan
    SAVED[name](frame, tmp_path / name)
    with pytest.raises(FileError, match="'dog'"):
        list(open_logits(tmp_path / name, target_column="label").blocks())
