"""Build hook: compiles the native kernels into the wheel, or leaves the wheel pure Python.

``THERMOSCOPE_NATIVE`` is unset (compile if possible), 0 (do not compile) or 1 (compile or fail).
``CXX``, ``CXXFLAGS`` and ``LDFLAGS`` mean what they mean elsewhere.
"""

from __future__ import annotations

import os
import platform
import shlex
import shutil
import subprocess
import sys
import sysconfig
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hatchling.builders.config import BuilderConfig
from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from packaging.version import Version

KERNELS = Path("src/thermoscope/kernels")
MODULE = "_native.abi3.so"
# In place of the module: one line that says why there is none, for `thermoscope.kernels`.
REASON = "_native.txt"

# level.cc is compiled once for each instruction level of the processor, with these options.
# The order of instructions is that for a processor which has the level: for v4, compilers assume
# one without, and softmax of rows of 100 to 400 float32 entries takes 4 to 11 % longer.
X86_64 = [
    ["-DLEVEL=v3", "-march=x86-64-v3"],
    ["-DLEVEL=v4", "-march=x86-64-v4", "-mtune=icelake-server"],
]
PLAIN = [["-DLEVEL=plain"]]
LEVELS = {"x86_64": X86_64, "amd64": X86_64, "aarch64": PLAIN, "arm64": PLAIN}
# They follow CXXFLAGS, because results are wrong where error-free transforms are "simplified" or
# contracted to fused multiply-adds.
REQUIRED = [
    *("-std=c++17", "-fPIC", "-fvisibility=hidden"),
    *("-fno-fast-math", "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math"),
]
# The oldest to build with: the headers of 2.0.0 don't compile for the stable ABI.
OLDEST_NUMPY = "2.0.1"


class NativeError(Exception):
    """Why the native module cannot be built, in one line; notes hold the compiler's output."""


class NativeBuildHook(BuildHookInterface[BuilderConfig]):
    """Adds the native module, if it can be built, and the note about it."""

    def dependencies(self) -> list[str]:
        """Return what a build needs besides hatchling: NumPy's headers, where it compiles."""
        try:
            compiles = os.environ.get("THERMOSCOPE_NATIVE") != "0" and not unsupported()
            return [f"numpy>={OLDEST_NUMPY}"] if compiles and find_compiler() else []
        except (NativeError, ValueError):
            return []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the module: beside its sources for an editable install, else for the wheel only."""
        asked = os.environ.get("THERMOSCOPE_NATIVE", "")
        if asked not in {"", "0", "1"}:
            raise ValueError(
                "THERMOSCOPE_NATIVE must be 0 (no native kernels), 1 (fail without them) or unset "
                f"(build them if possible), got {asked!r}"
            )
        kernels = Path(self.root, KERNELS)
        self.folder = TemporaryDirectory(prefix="thermoscope-")
        target = kernels if version == "editable" else Path(self.folder.name)
        # What an earlier editable install left would outlive its sources.
        for name in (MODULE, REASON):
            (target / name).unlink(missing_ok=True)
        try:
            if asked == "0":
                raise NativeError("built with THERMOSCOPE_NATIVE=0")  # noqa: TRY301
            build_module(kernels / "native", target / MODULE)
        except (NativeError, OSError, ValueError) as error:
            if asked == "1":
                raise
            if asked != "0":
                self.app.display_warning(
                    f"thermoscope is built without native kernels and computes with NumPy: {error}"
                )
            (target / REASON).write_text(f"{error}\n", encoding="utf-8")
        if version != "editable":
            self._include(target, build_data)

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove what is in the wheel now."""
        del version, build_data, artifact_path
        self.folder.cleanup()

    def _include(self, folder: Path, build_data: dict[str, Any]) -> None:
        """Put the files of `folder` into the wheel, whose tag follows from them."""
        package = KERNELS.relative_to("src").as_posix()
        for file in folder.iterdir():
            build_data["force_include"][str(file)] = f"{package}/{file.name}"
        if (folder / MODULE).exists():
            build_data["pure_python"] = False
            build_data["tag"] = f"cp311-abi3-{platform_tag()}"


def build_module(sources: Path, module: Path) -> None:
    """Compile `sources` and link them into `module`."""
    if reason := unsupported():
        raise NativeError(reason)
    compiler = find_compiler()
    flags = shlex.split(os.environ.get("CXXFLAGS", ""))
    python = [sysconfig.get_path(name) for name in ("include", "platinclude")]
    include = [f"-I{folder}" for folder in (*python, numpy_headers())]
    link = ["-shared"]
    if sys.platform == "darwin":
        # Whatever Python itself is built for: a universal one too.
        flags += ["-arch", architecture(), f"-mmacosx-version-min={macos_version()}"]
        link = ["-bundle", "-undefined", "dynamic_lookup"]
    jobs = [
        *(("level.cc", level) for level in LEVELS[architecture()]),
        ("module.cc", include),
        ("threads.cc", []),
    ]
    with TemporaryDirectory(prefix="thermoscope-") as folder:

        def compile_one(number: int) -> str:
            name, own = jobs[number]
            result = f"{folder}/{number}.o"
            command = [*compiler, "-O3", *flags, *REQUIRED, *own, "-c", name, "-o", result]
            run(command, sources)
            return result

        with ThreadPoolExecutor(len(jobs)) as pool:
            objects = list(pool.map(compile_one, range(len(jobs))))
        last = [
            "-pthread",
            *shlex.split(os.environ.get("LDFLAGS", "")),
            "-o",
            str(module.resolve()),
        ]
        # -fno-fast-math: else the linker adds code that flushes subnormals in the whole process.
        run([*compiler, *link, *flags, "-fno-fast-math", *objects, *last], sources)


def unsupported() -> str | None:
    """Return why there is no module for this Python and processor, None if there is one."""
    if sys.implementation.name != "cpython":
        return f"{platform.python_implementation()} has no stable ABI of CPython's"
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        return "free-threaded Python has no stable ABI"
    if os.name != "posix":
        return f"there are no native kernels for {platform.system()}"
    if sys.maxsize < 2**32:
        return "there are no native kernels for 32-bit Python"
    if architecture() not in LEVELS:
        return f"there are no native kernels for {architecture()} processors"
    return None


def find_compiler() -> list[str]:
    """Return the command of the C++ compiler: CXX, else the first that is installed."""
    asked = shlex.split(os.environ.get("CXX", ""))
    for command in [asked] if asked else [["c++"], ["g++"], ["clang++"]]:
        if shutil.which(command[0]):
            return command
    if asked:
        raise NativeError(f"there is no C++ compiler {asked[0]}, which CXX names")
    raise NativeError("there is no C++ compiler (c++, g++ or clang++), and CXX names none")


def numpy_headers() -> str:
    """Return the folder of NumPy's headers: what is built with them works with NumPy 2.0 too."""
    try:
        import numpy as np  # noqa: PLC0415 - a pure wheel is built without it
    except ImportError as error:
        raise NativeError("the build has no NumPy, whose headers it needs") from error
    if Version(np.__version__) < Version(OLDEST_NUMPY):
        raise NativeError(f"the build needs NumPy {OLDEST_NUMPY} or newer, got {np.__version__}")
    return np.get_include()


def run(command: list[str], folder: Path) -> None:
    """Run a compiler in `folder`, where its messages name files shortly."""
    done = subprocess.run(  # noqa: S603 - the compiler
        command,
        cwd=folder,
        env={**os.environ, "LC_ALL": "C"},
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    if done.returncode:
        lines = done.stderr.splitlines() or [f"exit status {done.returncode}"]
        # collect2 only says that the linker failed, after the linker's own line.
        errors = [line for line in lines if "error:" in line and "collect2:" not in line]
        line = (errors or lines)[0]
        error = NativeError(f"{command[0]} failed: {line.strip()}")
        error.add_note(done.stderr)
        raise error
    sys.stderr.write(done.stderr)


def architecture() -> str:
    """Return the processor to build for: on macOS ARCHFLAGS may name another than this one."""
    flags = shlex.split(os.environ.get("ARCHFLAGS", "")) if sys.platform == "darwin" else []
    named = {flag for flag in flags if flag != "-arch"}
    return "+".join(sorted(named)) or platform.machine().lower()


def macos_version() -> str:
    """Return the oldest macOS that the module is for."""
    return os.environ.get("MACOSX_DEPLOYMENT_TARGET", "11.0")


def platform_tag() -> str:
    """Return the wheel's platform."""
    name = sysconfig.get_platform()
    if sys.platform == "darwin":
        major, minor = [*macos_version().split("."), "0"][:2]
        # Wheels know no minor versions of macOS from 11 on.
        name = f"macosx_{major}_{minor if int(major) < 11 else 0}_{architecture()}"
    return name.replace("-", "_").replace(".", "_")
