"""Tables of text and numbers between separators."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.test_formats import LOGITS, NAMES
from thermoscope.data.errors import FileError
from thermoscope.data.formats import delimited, lines
from thermoscope.data.reading import open_logits, parse_logits, read_logits

floats = st.floats(allow_nan=False)
texts = st.text(st.characters(exclude_categories=["Cs"]))


@pytest.mark.parametrize(
    ("text", "values", "labels"),
    [
        ("1\n2.5\n-inf\n", [1, 2.5, -np.inf], None),
        ("1\r\n2\r\n", [1, 2], None),
        ("logit\n1\n2", [1, 2], None),
        ("\n1\n\n2\n\n", [1, 2], None),
        ("a,1\nb,2\n", [1, 2], ("a", "b")),
        ("token,logit\n cat,1\n,2\n cat,inf\n", [1, 2, np.inf], (" cat", "", " cat")),
        ('"a,b",1\n"c\nd",2\n"say ""x""",3\n', [1, 2, 3], ("a,b", "c\nd", 'say "x"')),
        ("\ufeffé,1\n", [1], ("é",)),
        ("</script>,1\n", [1], ("</script>",)),
    ],
)
def test_csv_gives_values_and_labels(
    tmp_path: Path, text: str, values: list[float], labels: tuple[str, ...] | None
) -> None:
    (tmp_path / "logits.csv").write_bytes(text.encode())
    read = read_logits(tmp_path / "logits.csv")
    assert read.values.tolist() == values
    assert read.values.dtype == np.float64
    assert read.labels == labels


odd = st.sampled_from(["", "1", "0", "2.5", "1,5", "1_000", "nan", "-", "label", "#", "inf", " x"])


@given(st.lists(st.tuples(odd | texts, floats), min_size=1), st.integers(1, 3))
def test_labels_in_quotes_beside_numbers_are_labels(
    tmp_path_factory: pytest.TempPathFactory, pairs: list[tuple[str, float]], columns: int
) -> None:
    """The page writes tables like these, whose labels may be numbers."""
    path = tmp_path_factory.mktemp("csv") / "saved.csv"
    lines = [",".join(["label", "logit", "probability", "after_truncation"][: 1 + columns])]
    for label, number in pairs:
        quoted = label.replace('"', '""')
        lines.append(f'"{quoted}"' + f",{number!r}" * columns)
    path.write_bytes("\r\n".join([*lines, ""]).encode())
    read = read_logits(path, columns="logit")
    assert read.labels == tuple(label for label, _ in pairs)
    np.testing.assert_array_equal(read.values, [number for _, number in pairs])


def test_quotes_that_numbers_need_do_not_make_them_texts(tmp_path: Path) -> None:
    # So pandas writes decimal commas between commas.
    path = tmp_path / "decimal.csv"
    path.write_text('a,b\n"1,5",2\n"2,5",1\n')
    with pytest.raises(FileError, match=r"column 'a' must be of numbers, got '1,5': write 1.5"):
        read_logits(path)


@given(st.lists(st.tuples(texts, floats), min_size=1))
def test_csv_round_trip(
    tmp_path_factory: pytest.TempPathFactory, pairs: list[tuple[str, float]]
) -> None:
    import csv

    path = tmp_path_factory.mktemp("csv") / "logits.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        # The header says that the first column holds labels, which may all be numbers.
        csv.writer(file).writerows([("label", "logit"), *pairs])
    read = read_logits(path)
    assert read.values.tolist() == [value for _, value in pairs]
    assert read.labels == tuple(label for label, _ in pairs)


@given(st.lists(floats, min_size=1), st.sampled_from([" ", ",", ", ", "\n", "\t", ";"]))
def test_numbers_in_text_round_trip(values: list[float], between: str) -> None:
    assert parse_logits(between.join(map(repr, values))).values.ravel().tolist() == values


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("0,5 1,2 3,3", [[0.5, 1.2, 3.3]]),
        ("0,5 1,2\n3 4,5\n", [[0.5, 1.2], [3, 4.5]]),
        ("0,5, 1,2", [[0, 5, 1, 2]]),
        ("0,5;1,2", [[0.5, 1.2]]),
        ("0,5\n1,2\n", [[0, 5], [1, 2]]),
    ],
)
def test_a_comma_is_a_decimal_comma_where_something_else_separates(
    text: str, values: list[list[float]]
) -> None:
    assert parse_logits(text).values.tolist() == values


@pytest.mark.parametrize("ending", ["csv", "tsv"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("block", [64, 1000, 1 << 20])
def test_a_table_with_quotes_and_blank_lines_is_read_in_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str, newline: str, block: int
) -> None:
    import csv

    monkeypatch.setattr(lines, "TEXT_BLOCK", block)
    path = tmp_path / f"logits.{ending}"
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(
            file, delimiter="\t" if ending == "tsv" else ",", lineterminator=newline
        )
        writer.writerow(["note", *NAMES])
        for at, row in enumerate(LOGITS.tolist()):
            # Newlines in quotes do not end a row, and blank lines are skipped.
            writer.writerow([f'a "quoted"{newline}{newline}text {at}', *row])
            file.write(newline * (at % 3))
    opened = open_logits(path)
    assert (opened.shape, opened.labels) == ((90, 4), tuple(NAMES))
    np.testing.assert_array_equal(
        np.concatenate(list(opened.blocks(size=11))).astype(np.float32), LOGITS
    )
    for row in (0, 8, 44, 89):
        np.testing.assert_array_equal(opened.row(row).values.astype(np.float32), LOGITS[row])
    assert open_logits(path, columns=["é", "cat"]).row(1).values.tolist() == [
        float(LOGITS[1, 3]),
        float(LOGITS[1, 0]),
    ]


@given(st.lists(st.lists(st.floats(), min_size=3, max_size=3), min_size=1, max_size=20), st.data())
def test_csv_and_jsonl_give_back_every_number(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[float]], data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("rows")
    (folder / "a.csv").write_text("\n".join(",".join(map(repr, row)) for row in rows))
    (folder / "a.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    at = data.draw(st.integers(0, len(rows) - 1))
    for name in ("a.csv", "a.jsonl"):
        file = open_logits(folder / name)
        np.testing.assert_array_equal(np.concatenate(list(file.blocks(size=3))), np.array(rows))
        np.testing.assert_array_equal(file.row(at).values, np.array(rows[at]))


def test_a_row_of_a_large_text_is_found_without_reading_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "TEXT_BLOCK", 256)
    np.savetxt(tmp_path / "a.csv", np.arange(3000.0).reshape(-1, 3), delimiter=",")
    file = open_logits(tmp_path / "a.csv")
    parsed: list[int] = []
    table = delimited._block

    def counted(data: bytes, *rest: Any, **options: Any) -> object:
        parsed.append(len(data))
        return table(data, *rest, **options)

    monkeypatch.setattr(delimited, "_block", counted)
    assert file.row(777).values.tolist() == [2331, 2332, 2333]
    assert len(parsed) == 1
    assert parsed[0] < 2 * 256
