"""Which columns and arrays are the logits: the same content means the same in every format."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from thermoscope.data.errors import FileError
from thermoscope.data.reading import open_logits, parse_logits

if TYPE_CHECKING:
    from collections.abc import Callable


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
