"""Run tests of the native kernels under AddressSanitizer, UBSan and ThreadSanitizer.

``python -m tools.sanitize [PYTEST_ARGUMENT ...]`` builds the module twice in a temporary folder,
by g++, and runs pytest on both at once. An error ends a run with the sanitizer's report.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from hatch_build import KERNELS, MODULE, build_module

# What is compiled in, and the runtimes that Python itself, which is not instrumented, must load
# first: libstdc++ with them, because they look for its exceptions only once. Alignment is checked
# with the threads: beside checks of memory it takes g++ twice as long.
SANITIZERS = {
    "-fsanitize=address,undefined -fno-sanitize=alignment": [
        "libasan.so",
        "libubsan.so",
        "libstdc++.so",
    ],
    "-fsanitize=thread,alignment": ["libtsan.so", "libubsan.so", "libstdc++.so"],
}
# Checks of memory are calls: written out, a single file takes g++ a minute.
FLAGS = (
    "-O1 -g1 -fno-omit-frame-pointer -fno-sanitize-recover=all "
    "--param asan-instrumentation-with-call-threshold=0 "
    # A null pointer is a fault anyway, and these two checks take a third of the time of g++.
    "-fno-sanitize=null,pointer-overflow"
)
OPTIONS = {
    # Python and NumPy keep memory to the end.
    "ASAN_OPTIONS": "detect_leaks=0:abort_on_error=1",
    "UBSAN_OPTIONS": "print_stacktrace=1",
    # A test forks while threads are alive.
    "TSAN_OPTIONS": "halt_on_error=1:die_after_fork=0",
    # Python's own allocator would hide its blocks from AddressSanitizer.
    "PYTHONMALLOC": "malloc",
}
DESELECTED = (
    # Under a limit of memory the sanitizers themselves give up.
    "tests/test_native.py::test_running_out_of_memory_is_an_error_of_the_call",
    # Its own pages find what is touched: a sanitizer sees nothing of them.
    "tests/test_native.py::test_nothing_beyond_an_array_is_touched",
)
# ThreadSanitizer of GCC 12 fails where Linux spreads addresses over more than 28 bits. Some
# containers forbid to ask for fixed ones.
FIXED_ADDRESSES = ["setarch", "-R"]
PRINTED = "printed.txt"


def build(sanitizer: str, folder: Path) -> None:
    """Build the module with a sanitizer's flags."""
    os.environ["CXX"] = "g++"
    os.environ["CXXFLAGS"] = f"{sanitizer} {FLAGS}"
    build_module(KERNELS / "native", folder / MODULE)


def start(sanitizer: str, folder: Path, arguments: list[str]) -> subprocess.Popen[bytes]:
    """Start pytest on the module in a folder; what it prints goes to a file there."""
    runtimes = [runtime(name) for name in SANITIZERS[sanitizer]]
    fixed = FIXED_ADDRESSES if subprocess.call([*FIXED_ADDRESSES, "true"]) == 0 else []  # noqa: S603
    # -s: a sanitizer ends the process, and with it what pytest has captured.
    tests = ["-m", "pytest", "-q", "-x", "-s", "-p", "no:cacheprovider", "-o", "timeout=1800"]
    tests += [f"--deselect={name}" for name in DESELECTED]
    with (folder / PRINTED).open("wb") as printed:
        return subprocess.Popen(  # noqa: S603 - this project's tests
            [*fixed, sys.executable, *tests, *arguments],
            env={
                **{name: value for name, value in os.environ.items() if name != "LD_PRELOAD"},
                **OPTIONS,
                "THERMOSCOPE_NATIVE_FILE": str(folder / MODULE),
                "LD_PRELOAD": ":".join(runtimes),
            },
            stdout=printed,
            stderr=subprocess.STDOUT,
        )


def runtime(name: str) -> str:
    """Return the path of one of g++'s libraries."""
    command = ["g++", f"-print-file-name={name}"]
    return subprocess.check_output(command, text=True).strip()  # noqa: S603 - the compiler


def main(arguments: list[str]) -> int:
    """Run the tests under all sanitizers at once; the first failure counts."""
    if sys.platform != "linux" or not shutil.which("g++"):
        print("sanitizers: skipped, they need Linux and g++")  # noqa: T201
        return 0
    with ExitStack() as stack:
        running = {}
        for sanitizer in SANITIZERS:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            build(sanitizer, folder)
            process = start(sanitizer, folder, arguments)
            stack.callback(process.kill)
            running[sanitizer] = folder, process
        statuses = []
        for sanitizer, (folder, process) in running.items():
            statuses.append(process.wait())
            print(f"sanitizers: {sanitizer}")  # noqa: T201
            print((folder / PRINTED).read_text(errors="replace"), flush=True)  # noqa: T201
        return next(filter(None, statuses), 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or ["tests/test_native.py"]))
