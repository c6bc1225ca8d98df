"""What a measurement was made on: date, processor, kernel and versions, for the JSON of results."""

from __future__ import annotations

import argparse
import json
import os
import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thermoscope import kernels

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["about", "best_kernel", "kernel_names", "positive", "processor", "write"]

LIBRARIES = ("numpy", "scipy", "torch", "jax", "onnxruntime")


def processor() -> str:
    """Return the processor's model name, with the family and model numbers that tell it apart.

    Virtual machines often say no more than "AMD EPYC"; the numbers are those of CPUID.
    """
    info = Path("/proc/cpuinfo")
    if not info.exists():
        return platform.processor() or platform.machine()
    first = info.read_text(encoding="utf-8").split("\n\n", 1)[0]
    fields = dict(
        line.replace("\t", "").split(": ", 1) for line in first.splitlines() if ": " in line
    )
    name = fields.get("model name")
    if name is None:
        return platform.machine()
    return f"{name} (family {fields.get('cpu family', '?')}, model {fields.get('model', '?')})"


def kernel_names() -> list[str]:
    """Return the kernels and levels that run on this processor, the best first."""
    return [kernel.name for kernel in kernels.available() if kernel.runs]


def best_kernel() -> str:
    """Return the kernel that a call takes when none is asked for."""
    return kernel_names()[0]


def positive(text: str) -> int:
    """Return the number of an option that counts something: without one there is no measurement."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be 1 or more, got {number}")
    return number


def about(**more: object) -> dict[str, Any]:
    """Return the date, the processor and the versions of all libraries installed, and `more`."""
    versions = {"python": platform.python_version()}
    for library in LIBRARIES:
        try:
            versions[library] = version(library)
        except PackageNotFoundError:
            continue
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "processor": processor(),
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "kernel": best_kernel(),
        "versions": versions,
        **more,
    }


def write(path: Path, about: dict[str, Any], **tables: Iterable[dict[str, Any]]) -> None:
    """Write results as JSON with one line per row of a table, so that a diff can be read."""
    parts = [f'"about": {json.dumps(about)}']
    for name, rows in tables.items():
        lines = ",\n".join(json.dumps(row) for row in rows)
        parts.append(f'"{name}": [\n{lines}\n]')
    path.write_text("{\n" + ",\n".join(parts) + "\n}\n", encoding="utf-8")
