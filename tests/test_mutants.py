"""Damaged files of every format end in rows or in an error of one line, and the process lives."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parent / "programs" / "mutants.py"
FORMATS = (
    *(".npy", ".npz", ".safetensors", ".csv", ".tsv", ".txt", ".json", ".jsonl", ".ndjson"),
    *(".sse", ".parquet", ".feather", ".arrow", ".pt", ".zarr"),
)


@pytest.mark.parametrize("ending", FORMATS)
def test_a_damaged_file_gets_rows_or_one_line(tmp_path: Path, ending: str) -> None:
    if ending == ".pt" and find_spec("torch") is None:
        pytest.skip("only PyTorch reads what torch.save wrote")
    # In another process: a library may abort.
    done = subprocess.run(
        [sys.executable, PROGRAM, ending],
        cwd=tmp_path,
        capture_output=True,
        timeout=300,
        check=False,
    )
    seen = done.stdout.decode()
    assert done.returncode == 0, f"mutant {seen.split()[-1:]}: {done.stderr.decode()[-2000:]}"
    assert seen.split()[-1] == "999"
