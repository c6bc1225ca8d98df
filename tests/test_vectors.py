"""The vectors that Python and TypeScript share: their script makes them, by mpmath."""

from __future__ import annotations

import importlib.util

from tests.test_definition import VECTORS


def test_the_vectors_are_what_their_script_makes() -> None:
    spec = importlib.util.spec_from_file_location("make", VECTORS / "make.py")
    assert spec is not None
    assert spec.loader is not None
    make = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(make)
    for name, text in make.files().items():
        assert (VECTORS / name).read_text(encoding="utf-8") == text, f"run make.py: {name} is old"
