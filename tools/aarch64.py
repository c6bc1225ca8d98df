"""Compile a program of C++ for aarch64 and run it under qemu.

``python -m tools.aarch64 SOURCE [SOURCE ...]``, by default tests/native/check.cc, with the options
of the native module and its headers. Exits with the program's status.
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
import tempfile

from hatch_build import KERNELS, PLAIN, REQUIRED

COMPILER = "aarch64-linux-gnu-g++"
EMULATOR = ["qemu-aarch64", "-L", "/usr/aarch64-linux-gnu"]


def main(sources: list[str]) -> int:
    """Compile and run `sources`, or say which program is missing."""
    missing = [program for program in (COMPILER, EMULATOR[0]) if not shutil.which(program)]
    if missing:
        print(f"aarch64: skipped, there is no {' and no '.join(missing)}")  # noqa: T201
        return 0
    print(f"aarch64: {shlex.join(sources)}", flush=True)  # noqa: T201
    with tempfile.TemporaryDirectory() as folder:
        program = f"{folder}/check"
        options = ["-O3", *REQUIRED, *PLAIN[0], f"-I{KERNELS / 'native'}", "-pthread"]
        compiled = subprocess.call([COMPILER, *options, *sources, "-o", program])  # noqa: S603
        return compiled or subprocess.call([*EMULATOR, program])  # noqa: S603


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or ["tests/native/check.cc"]))
