"""A data set gives its rows in blocks, with a temperature undone or a logarithm taken."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import thermoscope as ts
from thermoscope import open_logits, read_logits
from thermoscope.data.errors import FileError


def test_probabilities_and_an_applied_temperature_give_logits(tmp_path: Path) -> None:
    probabilities = np.array([[0.5, 0.5, 0], [1, 0, 0]], np.float16)
    np.save(tmp_path / "p.npy", probabilities)
    file = open_logits(tmp_path / "p.npy", probabilities=True, applied_temperature=2)
    assert file.dtype == np.float32
    expected = [[2 * np.log(np.float32(0.5))] * 2 + [-np.inf], [0, -np.inf, -np.inf]]
    assert [batch.tolist() for batch in file.blocks()] == [expected]
    assert file.row(0).values.tolist() == expected[0]
    np.save(tmp_path / "z.npy", np.array([[1, -2], [3, 4]]))
    assert read_logits(tmp_path / "z.npy", row=1, applied_temperature=0.5).values.tolist() == [
        1.5,
        2,
    ]
    with pytest.raises(FileError, match=r"z\.npy: row 0: probabilities must be >= 0"):
        list(open_logits(tmp_path / "z.npy", probabilities=True).blocks())


def test_blocks_hold_32_mib(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((70, 1 << 17)))
    sizes = [batch.nbytes for batch in open_logits(tmp_path / "a.npy").blocks()]
    assert sizes == [1 << 25, 1 << 25, 6 << 20]
    with pytest.raises(ValueError, match="size must be >= 1, got 0"):
        next(open_logits(tmp_path / "a.npy").blocks(size=0))


ENDINGS = (".npy", ".safetensors", ".zarr", ".parquet")


@pytest.mark.usefixtures("chunked_files")
@pytest.mark.parametrize("ending", ENDINGS)
def test_to_dask_gives_chunks_of_whole_rows(weighted: tuple[np.ndarray, ...], ending: str) -> None:
    file = ts.open_logits(f"logits{ending}", applied_temperature=2)
    rows = file.to_dask()
    # A store gives its own chunks, of 100 rows.
    assert rows.chunks == ((100,) * 30 if ending == ".zarr" else (150,) * 20, (8,))
    assert rows.dtype == np.float32
    np.testing.assert_array_equal(rows.compute(scheduler="sync"), 2 * weighted[0])
    assert file.to_dask(1700).chunks == ((1700, 1300), (8,))
    with pytest.raises(ValueError, match="size must be >= 1, got 0"):
        file.to_dask(0)


@pytest.mark.usefixtures("chunked_files")
def test_a_damaged_file_is_named_by_the_worker() -> None:
    rows = ts.open_logits("logits.npy").to_dask()
    Path("logits.npy").write_bytes(Path("logits.npy").read_bytes()[:-5])
    with pytest.raises(OSError, match=r"logits\.npy: not a whole \.npy file"):
        rows.compute(scheduler="sync")
