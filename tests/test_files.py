from __future__ import annotations

import json
import os
import pickle
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thermoscope.data import reading as files
from thermoscope.data.atomic import write_whole
from thermoscope.data.errors import FileError
from thermoscope.data.reading import parse_logits, read_labels, read_logits

if TYPE_CHECKING:
    from collections.abc import Callable

REAL_TYPES = ["?", "i1", "u8", "<i4", ">i4", "f2", "<f4", ">f4", "f8"]


def npy(array: object, **options: bool) -> bytes:
    """Return the bytes of a .npy file."""
    from io import BytesIO

    buffer = BytesIO()
    np.save(buffer, np.asarray(array), **options)
    return buffer.getvalue()


@pytest.mark.parametrize("dtype", REAL_TYPES)
def test_npy_keeps_its_dtype(tmp_path: Path, dtype: str) -> None:
    given = np.array([1, 0, 1, 1], dtype=dtype)
    (tmp_path / "logits.npy").write_bytes(npy(given))
    read = read_logits(tmp_path / "logits.npy")
    assert read.dtype == given.dtype
    assert read.values.tolist() == given.tolist()
    assert (read.labels, read.source) == (None, "logits.npy")


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("row", [0, 1, 2])
def test_npy_gives_the_row_asked_for(tmp_path: Path, order: str, row: int) -> None:
    matrix = np.array(np.arange(12.0).reshape(3, 4), order=order)  # type: ignore[call-overload]
    (tmp_path / "matrix.npy").write_bytes(npy(matrix))
    assert read_logits(tmp_path / "matrix.npy", row=row).values.tolist() == matrix[row].tolist()


def test_npy_of_a_single_row_needs_no_row(tmp_path: Path) -> None:
    (tmp_path / "one.npy").write_bytes(npy([[3.0, 4.0]]))
    assert read_logits(tmp_path / "one.npy").values.tolist() == [3.0, 4.0]


def test_a_name_that_is_not_utf8_still_gives_a_source_that_is(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9.npy")
    path.write_bytes(npy([1.0]))
    assert read_logits(path).source == "caf\ufffd.npy"


def test_one_row_of_a_matrix_larger_than_memory_is_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.npy"
    sparse_npy(path, (2**34, 16))
    assert read_logits(path, row=2**34 - 1).values.tolist() == [0.0] * 16


def test_what_was_read_outlives_the_file(tmp_path: Path) -> None:
    path = tmp_path / "logits.npy"
    path.write_bytes(npy(np.arange(10_000.0)))
    values = read_logits(path).values
    os.truncate(path, 0)
    assert values[-1] == 9999.0


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
def test_csv(
    tmp_path: Path, text: str, values: list[float], labels: tuple[str, ...] | None
) -> None:
    (tmp_path / "logits.csv").write_bytes(text.encode())
    read = read_logits(tmp_path / "logits.csv")
    assert read.values.tolist() == values
    assert read.values.dtype == np.float64
    assert read.labels == labels


@pytest.mark.parametrize(
    ("text", "values", "labels"),
    [
        ("[1, 2.5, -3e2]", [1, 2.5, -300], None),
        ('["inf", "-inf", 0]', [np.inf, -np.inf, 0], None),
        ("[Infinity, -Infinity]", [np.inf, -np.inf], None),
        ('{"cat": 1, "": 2}', [1, 2], ("cat", "")),
        ('{"cat": 1, "cat": 2}', [1, 2], ("cat", "cat")),
        ("\ufeff[1]", [1], None),
    ],
)
def test_json(
    tmp_path: Path, text: str, values: list[float], labels: tuple[str, ...] | None
) -> None:
    (tmp_path / "logits.JSON").write_bytes(text.encode())
    read = read_logits(str(tmp_path / "logits.JSON"))
    assert read.values.tolist() == values
    assert read.labels == labels


@pytest.mark.parametrize("text", ['["nan"]', "[NaN]"])
def test_json_has_two_ways_to_say_nan(text: str) -> None:
    assert np.isnan(parse_logits(text).values).all()


floats = st.floats(allow_nan=False)
texts = st.text(st.characters(exclude_categories=["Cs"]))


@given(st.lists(st.tuples(texts, floats), min_size=1))
def test_json_round_trip(pairs: list[tuple[str, float]]) -> None:
    # An object by hand: a dict would keep the last of two items with one label.
    text = ",".join(f"{json.dumps(label)}:{json.dumps(value)}" for label, value in pairs)
    read = parse_logits(f"{{{text}}}")
    assert read.values.tolist() == [value for _, value in pairs]
    assert read.labels == tuple(label for label, _ in pairs)


@given(st.lists(st.tuples(texts, floats), min_size=1))
def test_csv_round_trip(
    tmp_path_factory: pytest.TempPathFactory, pairs: list[tuple[str, float]]
) -> None:
    import csv

    path = tmp_path_factory.mktemp("csv") / "logits.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        # A header says that the first column is of labels: they may all be numbers.
        csv.writer(file).writerows([("label", "logit"), *pairs])
    read = read_logits(path)
    assert read.values.tolist() == [value for _, value in pairs]
    assert read.labels == tuple(label for label, _ in pairs)


@given(st.lists(floats, min_size=1), st.sampled_from([" ", ",", ", ", "\n", "\t", ";"]))
def test_words_round_trip(values: list[float], between: str) -> None:
    assert parse_logits(between.join(map(repr, values))).values.ravel().tolist() == values


@pytest.mark.parametrize(
    ("name", "data", "labels"),
    [
        ("labels.json", b'["a", " b", "", "a"]', ["a", " b", "", "a"]),
        ("labels.txt", b"a\n b \n\nc", ["a", " b ", "", "c"]),
        ("labels.txt", b"a\r\nb\r\n", ["a", "b"]),
        ("labels", "\ufeffa\u2028b\x0bc\n".encode(), ["a\u2028b\x0bc"]),
        ("labels.txt", b"\n", [""]),
    ],
)
def test_labels(tmp_path: Path, name: str, data: bytes, labels: list[str]) -> None:
    (tmp_path / name).write_bytes(data)
    assert read_labels(tmp_path / name) == labels


def sparse_npy(path: Path, shape: tuple[int, ...]) -> None:
    """Write a .npy of float64 zeros which takes no room on the disk."""
    with path.open("wb") as file:
        np.lib.format.write_array_header_2_0(
            file, {"descr": "<f8", "fortran_order": False, "shape": shape}
        )
        file.truncate(file.tell() + 8 * int(np.prod(shape)))


class Bomb:
    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return pytest.fail, ("a pickle was loaded",)


GOOD = npy(np.arange(20.0))

BAD_LOGITS = [
    ("empty.npy", b"", None, "the file is empty"),
    ("magic.npy", GOOD[:4], None, "not a .npy file: it starts with"),
    ("header.npy", GOOD[:40], None, "not a whole .npy file: cut short or damaged"),
    ("data.npy", GOOD[:-1], None, "not a whole .npy file: cut short or damaged"),
    ("text.npy", b"1\n2\n", None, "not a .npy file: it starts with"),
    ("npz.npy", b"PK\x03\x04....", None, "not a .npy file: it starts with"),
    ("pickle.npy", pickle.dumps(Bomb()), None, "a pickle, which is never loaded"),
    (
        "object.npy",
        npy(np.array([Bomb(), None], dtype=object), allow_pickle=True),
        None,
        "pickled Python objects, which are never loaded",
    ),
    ("cube.npy", npy(np.zeros((2, 2, 2))), None, "4 rows: choose one with --row, 0 to 3"),
    ("point.npy", npy(1.0), None, "must have an axis of entries, got one number"),
    ("none.npy", npy(np.zeros(0)), None, "at least one number"),
    ("words.npy", npy(["a", "b"]), None, "must be real numbers, got texts"),
    ("complex.npy", npy([1j]), None, "must be real numbers, got complex128"),
    ("dates.npy", npy(np.zeros(2, "M8[s]")), None, r"must be real numbers, got datetime64\[s\]"),
    ("fields.npy", npy(np.zeros(2, "f8,i4")), None, "must be real numbers, got"),
    ("rows.npy", npy(np.zeros((3, 2))), None, "3 rows: choose one with --row, 0 to 2"),
    ("rows.npy", npy(np.zeros((3, 2))), 3, "row must be 0 to 2, got 3"),
    ("rows.npy", npy(np.zeros((3, 2))), -1, "row must be 0 to 2, got -1"),
    ("line.npy", GOOD, 0, "row must be left out for a 1-D array, got 0"),
    ("logits.csv", b"1\n", 0, "row must be left out for a 1-D array, got 0"),
    ("logits.xyz", b"1\n", None, r"must be in a \.npy, \.npz, .* or \.sse file"),
    ("logits", b"1\n", None, r"must be in a \.npy, \.npz, .* or \.sse file"),
    ("empty.csv", b"", None, "the file is empty"),
    ("blank.csv", b"\n\n", None, "there are no numbers in it"),
    ("header.csv", b"logit\n", None, "there are no numbers in it"),
    ("latin.csv", b"caf\xe9,1\n", None, "not UTF-8 text: byte 3 is 0xe9"),
    ("word.csv", b"1\nx\n", None, "line 2: column '0' must be of numbers, got 'x'"),
    ("slip.csv", b"a,1.O\nb,2\n", None, "line 1: must be all names or all numbers, got '1.O'"),
    ("gap.csv", b"a,1\nb,\n", None, "line 2: column '1' must be of numbers, got an empty"),
    ("names.csv", b"a,b,c\n", None, "there are no numbers in it"),
    ("ragged.csv", b"a,1\n2\n", None, "line 2: must have 2 columns, got 1"),
    ("quote.csv", b'a,1\n"b,2\n', None, "line 2: unexpected end of data"),
    ("empty.json", b"", None, "the file is empty"),
    ("none.json", b"[]", None, "there are no numbers in it"),
    ("none.json", b"{}", None, "there are no numbers in it"),
    ("cut.json", b"[1,\n2", None, "not JSON: line 2: "),
    ("number.json", b"1", None, "must be a list of numbers, rows of .*, got 1"),
    ("string.json", b'"x"', None, 'got "x"'),
    ("nested.json", b"[1, [2]]", None, "item 1 must be a number, got a list"),
    ("nested.json", b'[{"a": [{}]}]', None, "'a': .*item 0 must be a number, got an object"),
    ("nested.json", b'{"a": {"b": 1}}', None, "'a' must be a number, got an object"),
    ("null.json", b"[null]", None, "item 0 must be a number, got null"),
    ("bool.json", b"[true]", None, "item 0 must be a number, got true"),
    ("text.json", b'["1"]', None, "must be real numbers, got texts"),
    ("long.json", b'["' + b"x" * 999 + b'"]', None, "must be real numbers, got texts"),
    ("vast.json", b"[1" + b"0" * 400 + b"]", None, "item 0 must be a number, got 10{39}…$"),
    ("vast.json", b"[1" + b"0" * 5000 + b"]", None, "Exceeds the limit"),
    ("deep.json", b"[" * 100_000, None, "nested too deeply"),
    ("latin.json", b'{"caf\xe9": 1}', None, "not UTF-8 text: byte 5 is 0xe9"),
]


@pytest.mark.parametrize(
    ("name", "data", "row", "words"),
    BAD_LOGITS,
    ids=[f"{bad[0]}-{bad[3][:20]}" for bad in BAD_LOGITS],
)
def test_bad_logits_get_one_clear_line(
    tmp_path: Path, name: str, data: bytes, row: int | None, words: str
) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(FileError, match=words) as caught:
        read_logits(path, row=row)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("labels.txt", b"", "the file is empty"),
        ("labels.txt", b"a\nb\xff\n", "not UTF-8 text: byte 3 is 0xff"),
        ("labels.json", b'{"a": 1}', "labels must be a list of strings, got an object"),
        ("labels.json", b'["a", 1]', "item 1 must be a string, got 1"),
        ("labels.json", b"[", "not JSON: line 1"),
        ("labels.json", b"[]", "there are no labels in it"),
    ],
)
def test_bad_labels_get_one_clear_line(tmp_path: Path, name: str, data: bytes, words: str) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(FileError, match=words) as caught:
        read_labels(tmp_path / name)
    assert str(caught.value).startswith(f"{tmp_path / name}: ")


@pytest.mark.parametrize("read", [read_logits, read_labels])
def test_what_cannot_be_opened_is_named(tmp_path: Path, read: Callable[[Path], object]) -> None:
    with pytest.raises(FileError, match=r"none\.csv: No such file or directory"):
        read(tmp_path / "none.csv")
    (tmp_path / "folder.npy").mkdir()
    with pytest.raises(FileError, match=r"folder\.npy: this is a folder"):
        read(tmp_path / "folder.npy")


@pytest.mark.parametrize("name", ["secret.npy", "secret.csv", "secret.json"])
def test_no_permission_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(GOOD)
    # root, as tests may run, is let in whatever the mode; so the system's answer is given here.
    real_open = Path.open

    def refuse(self: Path, *arguments: str, **options: str) -> object:
        if self == path:
            raise PermissionError(13, "Permission denied", str(path))
        return real_open(self, *arguments, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(FileError, match=f"{name}: Permission denied"):
        read_logits(path)


@pytest.mark.parametrize("shape", [(2**38,), (3, 2**36)])
def test_a_row_larger_than_memory_is_refused_before_it_is_read(
    tmp_path: Path, shape: tuple[int, ...]
) -> None:
    path = tmp_path / "huge.npy"
    sparse_npy(path, shape)
    with pytest.raises(FileError, match=r"larger than memory: needs about [\d,]+ GiB of"):
        read_logits(path, row=None if len(shape) == 1 else 1)


@pytest.mark.parametrize("name", ["huge.csv", "huge.json"])
def test_a_text_larger_than_memory_is_refused_before_it_is_read(tmp_path: Path, name: str) -> None:
    with (tmp_path / name).open("wb") as file:
        file.truncate(2**42)
    for read in (read_logits, read_labels):
        with pytest.raises(FileError, match=f"{name}: larger than memory"):
            read(tmp_path / name)


def test_memory_that_runs_out_on_the_way_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "logits.npy").write_bytes(GOOD)

    def exhausted(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(files.np, "array", exhausted)
    with pytest.raises(FileError, match=r"logits\.npy: larger than memory"):
        read_logits(tmp_path / "logits.npy")


@given(st.binary(max_size=200), st.integers(0, len(GOOD)), st.integers(0, len(GOOD)))
def test_a_damaged_npy_never_gets_more_than_a_clear_line(
    tmp_path_factory: pytest.TempPathFactory, noise: bytes, start: int, end: int
) -> None:
    path = tmp_path_factory.mktemp("noise") / "logits.npy"
    path.write_bytes(GOOD[:start] + noise + GOOD[end:] or b" ")
    try:
        outcome = f"{path}: {read_logits(path).values.ndim}-D"
    except FileError as error:
        outcome = str(error)
    assert outcome.startswith(f"{path}: ")
    assert "\n" not in outcome


def test_an_error_is_one_of_the_system_and_of_the_value(tmp_path: Path) -> None:
    for kind in (OSError, ValueError):
        with pytest.raises(kind, match=r"none\.csv: No such file"):
            read_logits(tmp_path / "none.csv")
        with pytest.raises(kind, match=r"none/page\.html: there is no folder"):
            write_whole(tmp_path / "none" / "page.html", b"data")


@given(st.binary(max_size=200))
def test_any_text_gets_numbers_or_a_clear_line(data: bytes) -> None:
    try:
        outcome = f"noise: {parse_logits(data, 'noise').values.size} numbers"
    except FileError as error:
        outcome = str(error)
    assert outcome.startswith("noise: ")
    assert "\n" not in outcome


def test_a_file_is_written_with_the_mode_that_a_new_file_gets(tmp_path: Path) -> None:
    write_whole(tmp_path / "page.html", b"whole")
    (tmp_path / "other").write_bytes(b"")
    assert (tmp_path / "page.html").read_bytes() == b"whole"
    assert (tmp_path / "page.html").stat().st_mode == (tmp_path / "other").stat().st_mode
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other", "page.html"]


def test_a_file_written_over_keeps_its_mode_and_its_link(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_bytes(b"old")
    target.chmod(0o600)
    link.symlink_to(target)
    write_whole(link, b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize("old", [b"old", None])
def test_what_goes_wrong_leaves_the_folder_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, old: bytes | None
) -> None:
    path = tmp_path / "page.html"
    if old is not None:
        path.write_bytes(old)

    def fail(_: int) -> None:
        raise error

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises((FileError, KeyboardInterrupt)) as caught:
        write_whole(path, b"new")
    if isinstance(error, OSError):
        assert str(caught.value) == f"{path}: No space left on device"
    assert [each.read_bytes() for each in tmp_path.iterdir()] == ([] if old is None else [old])


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("none/page.html", "there is no folder .*/none$"),
        ("folder", "only an ordinary file can be written over"),
        ("pipe", "only an ordinary file can be written over"),
        ("x" * 300, "File name too long"),
    ],
)
def test_where_nothing_can_be_written_is_named(tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(FileError, match=words) as caught:
        write_whole(tmp_path / name, b"data")
    assert str(caught.value).startswith(f"{tmp_path / name}: ")
    assert sorted(tmp_path.iterdir()) == before
