"""Inspect's .eval files: Zstandard and Deflate, the order of samples, damage."""

from __future__ import annotations

import json
import math
import zipfile
from pathlib import Path

import pytest

from thermoscope.data.errors import FileError
from thermoscope.data.formats import eval_file
from thermoscope.data.reading import open_logits

ZSTANDARD = Path(__file__).parent / "data" / "logs" / "inspect.eval"


def sample(probability: float) -> str:
    token = {"token": "a", "logprob": math.log(probability)}
    choice = {"message": {}, "logprobs": {"content": [token]}}
    return json.dumps({"id": 1, "epoch": 1, "input": "", "output": {"choices": [choice]}})


def write(path: Path, **samples: str) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("header.json", "{}")
        for name, text in samples.items():
            file.writestr(f"samples/{name}.json", text)
    return path


def first(path: Path) -> list[float]:
    """Return the probability of the first token of each position."""
    data = open_logits(path)
    return [round(math.exp(data.reported(row).logprobs[0]), 6) for row in range(data.rows)]


def test_samples_are_in_the_order_of_epochs_and_numbers(tmp_path: Path) -> None:
    names = {"b_epoch_1": 0.25, "10_epoch_1": 0.125, "1_epoch_2": 0.0625, "9_epoch_1": 0.5}
    samples = {name: sample(probability) for name, probability in names.items()}
    path = write(tmp_path / "log.eval", **samples)
    assert first(path) == [0.5, 0.125, 0.25, 0.0625]


def test_a_large_sample_has_a_folder(tmp_path: Path) -> None:
    samples = {"1_epoch_1/sample": sample(0.5), "1_epoch_1/events/0": "[]"}
    assert first(write(tmp_path / "log.eval", **samples)) == [0.5]


def test_a_damaged_sample_costs_itself(tmp_path: Path) -> None:
    path = write(tmp_path / "log.eval", **{"1_epoch_1": "{", "2_epoch_1": sample(0.5)})
    assert first(path) == [0.5]
    assert open_logits(path).notes == (
        "samples/1_epoch_1.json can't be read: cut short or damaged",
    )


def test_a_changed_byte_of_zstandard_is_found(tmp_path: Path) -> None:
    data = bytearray(ZSTANDARD.read_bytes())
    with zipfile.ZipFile(ZSTANDARD) as file:
        info = file.getinfo("samples/1_epoch_1.json")
    data[info.header_offset + 400] ^= 0xFF
    (tmp_path / "log.eval").write_bytes(data)
    found = open_logits(tmp_path / "log.eval")
    assert found.rows == 1
    assert "1_epoch_1.json can't be read" in found.notes[0]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"no zip", "not a whole .eval file: cut short or damaged"),
        (ZSTANDARD.read_bytes()[:5000], "not a whole .eval file: cut short or damaged"),
        (None, "not a log of Inspect: there are no samples in it"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, data: bytes | None, words: str) -> None:
    path = tmp_path / "log.eval"
    if data is None:
        write(path)
    else:
        path.write_bytes(data)
    with pytest.raises(FileError, match=words):
        open_logits(path)


def test_zstandard_without_what_reads_it_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(module: str, extra: str, what: str) -> None:
        raise ImportError(f"{what} need {module}: {extra}")

    monkeypatch.setattr(eval_file, "optional", missing)
    with pytest.raises(ImportError, match=r"\.eval files need pyarrow: files"):
        open_logits(ZSTANDARD)
