"""A data set gives its rows in blocks, with a temperature undone or a logarithm taken."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from thermoscope import open_logits, read_logits
from thermoscope.data.errors import FileError


def test_what_is_applied_to_the_numbers(tmp_path: Path) -> None:
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


def test_batches_hold_32_mib(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((70, 1 << 17)))
    sizes = [batch.nbytes for batch in open_logits(tmp_path / "a.npy").blocks()]
    assert sizes == [1 << 25, 1 << 25, 6 << 20]
    with pytest.raises(ValueError, match="size must be >= 1, got 0"):
        next(open_logits(tmp_path / "a.npy").blocks(size=0))
