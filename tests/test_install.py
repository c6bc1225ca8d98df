"""Real installs: with each compiler, without one, from an sdist, editable; 2 ulp in all of them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import mpmath
import numpy as np
import pytest

from hatch_build import unsupported

ROOT = Path(__file__).parent.parent
KERNELS = "thermoscope/kernels"
MODULE = f"{KERNELS}/_native.abi3.so"
REASON = f"{KERNELS}/_native.txt"
# What a build reads.
SOURCES = ("src", "hatch_build.py", "pyproject.toml", "README.md", "LICENSE", ".gitignore")
# Variables that decide what is built or loaded; each is unset unless a test sets it.
DECIDING = {
    *("THERMOSCOPE_NATIVE", "THERMOSCOPE_NATIVE_FILE"),
    *("CXX", "CXXFLAGS", "LDFLAGS", "PYTHONPATH"),
}
# Flags of the user must not cost accuracy.
HARMFUL = "-O1 -ffast-math -march=native"
# For tests of the build alone.
QUICK = "-O0"

native = pytest.mark.skipif(bool(unsupported()), reason=str(unsupported()))


def compiler(name: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(not shutil.which(name), reason=f"there is no {name}")


def run(
    *command: str | Path, cwd: Path, variables: dict[str, str] | None = None, fails: bool = False
) -> str:
    """Run a command and return its output; assert that it fails if `fails`, or else succeeds."""
    kept = {name: value for name, value in os.environ.items() if name not in DECIDING}
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**kept, **(variables or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert (done.returncode != 0) == fails, done.stdout
    return done.stdout


def copy_of_sources(folder: Path) -> Path:
    """Copy what a build reads, with leftovers of other builds that must not get in."""
    for name in SOURCES:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            folder.mkdir(exist_ok=True)
            shutil.copy(source, folder / name)
    (folder / "src" / MODULE).write_text("stale")
    (folder / "src" / REASON).write_text("stale")
    for name in (".venv", "node_modules"):
        (folder / name).mkdir()
        (folder / name / "leftover.py").touch()
    return folder


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    return copy_of_sources(tmp_path / "sources")


def break_sources(sources: Path) -> None:
    for path in (sources / "src" / KERNELS / "native").glob("*.cc"):
        path.write_text("#error this compiler cannot do it\n")


def build(sources: Path, kind: str = "wheel", **variables: str) -> tuple[Path, str]:
    """Build a wheel or an sdist; return its path and what the build said."""
    out = sources.parent / f"{sources.name}-{kind}"
    command = [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", out]
    said = run(*command, cwd=sources, variables=variables)
    (path,) = out.iterdir()
    return path, said


def unpack(wheel: Path) -> Path:
    folder = wheel.parent / "installed"
    zipfile.ZipFile(wheel).extractall(folder)  # noqa: S202 - built here
    return folder


CASES = [
    ("float32", (3, 7), -1, 1.0),
    ("float32", (100, 10), -1, 0.5),
    ("float32", (2, 700), -1, 20.0),
    ("float64", (5, 3, 40), 1, 2.0),
    ("float64", (300, 5), 0, 1.0),
    ("float64", (1, 2000), -1, 0.01),
]


def logits(dtype: str, shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(7).normal(0, 3, shape).astype(dtype)


@pytest.fixture(scope="module")
def exact() -> list[tuple[np.ndarray, np.ndarray]]:
    """Softmax of each case from mpmath, as the sum of two float64."""
    results = []
    with mpmath.workprec(160):
        for dtype, shape, axis, temperature in CASES:
            z = np.moveaxis(logits(dtype, shape), axis, -1)
            high, low = np.empty(z.shape), np.empty(z.shape)
            for row in np.ndindex(z.shape[:-1]):
                exp_z = [mpmath.exp(mpmath.mpf(float(v)) / temperature) for v in z[row]]
                total = mpmath.fsum(exp_z)
                high[row] = [float(e / total) for e in exp_z]
                low[row] = [float(e / total - h) for e, h in zip(exp_z, high[row], strict=True)]
            results.append((np.moveaxis(high, -1, axis), np.moveaxis(low, -1, axis)))
    return results


PROGRAM = """
import json, sys
sys.path[:0] = json.loads(sys.argv[1])
import numpy as np
import thermoscope as ts
assert ts.__file__.startswith(sys.path[0]), ts.__file__
with np.load(sys.argv[2]) as cases:
    results = {
        name: ts.softmax(z, float(name.split()[1]), axis=int(name.split()[2]))
        for name, z in cases.items()
    }
np.savez(sys.argv[3], **results)
print(json.dumps([list(kernel) for kernel in ts.kernels.available()]))
"""


def check(
    package: Path, exact: list[tuple[np.ndarray, np.ndarray]], folder: Path
) -> list[tuple[str, bool, str]]:
    """Compute with the package that is found in `package`; return its kernels.

    Nothing of the checkout is on the path: -I and -S leave the editable install out.
    """
    cases, results = folder / "cases.npz", folder / "results.npz"
    np.savez(
        cases,
        **{
            f"{number} {temperature} {axis}": logits(dtype, shape)
            for number, (dtype, shape, axis, temperature) in enumerate(CASES)
        },
    )
    others = sysconfig.get_path("purelib")
    path = json.dumps([str(package), others])
    said = run(sys.executable, "-I", "-S", "-c", PROGRAM, path, cases, results, cwd=folder)
    with np.load(results) as computed:
        for name, result in computed.items():
            high, low = exact[int(name.split()[0])]
            spacing = np.spacing(high.astype(result.dtype)).astype(np.float64)
            assert (abs(result.astype(np.float64) - high - low) <= 2 * spacing).all(), name
    return [(name, runs, detail) for name, runs, detail in json.loads(said)]


def assert_native(wheel: Path, exact: list[tuple[np.ndarray, np.ndarray]]) -> None:
    assert wheel.name.partition("-cp311-abi3-")[2].startswith(("linux_", "macosx_"))
    names = zipfile.ZipFile(wheel).namelist()
    assert MODULE in names
    assert REASON not in names
    assert not [name for name in names if name.endswith((".cc", ".h"))]
    package = unpack(wheel)
    assert (package / MODULE).read_bytes() != b"stale"
    first, *_, last = check(package, exact, wheel.parent)
    assert last[:2] == ("reference", True)
    # On an old processor the module is there but does not run.
    assert first[0].startswith("native-") or (first[0] == "native" and "processor" in first[2])


def assert_pure(wheel: Path, reason: str, exact: list[tuple[np.ndarray, np.ndarray]]) -> None:
    assert wheel.name.endswith("-py3-none-any.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert MODULE not in names
    assert names.count(REASON) == 1
    (name, runs, detail), last = check(unpack(wheel), exact, wheel.parent)
    assert (name, runs) == ("native", False)
    assert reason in detail
    assert last[:2] == ("reference", True)


@native
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=compiler(name)) for name in ("g++", "clang++")]
)
def test_a_compiler_builds_the_native_module(
    name: str, sources: Path, exact: list[tuple[np.ndarray, np.ndarray]]
) -> None:
    # With =1, a failure shows the compiler's error.
    wheel, _ = build(sources, CXX=name, CXXFLAGS=HARMFUL, THERMOSCOPE_NATIVE="1")
    assert_native(wheel, exact)
    # The build leaves the module in the checkout alone: it belongs to an editable install.
    assert (sources / "src" / MODULE).read_text() == "stale"


@native
@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        ({"CXX": "/nonexistent"}, "there is no C++ compiler /nonexistent, which CXX names"),
        ({"CXX": "'g++"}, "No closing quotation"),
        ({"CXX": sys.executable}, "failed: "),
        ({"PATH": ""}, "there is no C++ compiler (c++, g++ or clang++)"),
        ({"THERMOSCOPE_NATIVE": "0"}, "built with THERMOSCOPE_NATIVE=0"),
    ],
)
def test_without_a_compiler_the_wheel_is_pure_and_says_why(
    variables: dict[str, str],
    reason: str,
    sources: Path,
    exact: list[tuple[np.ndarray, np.ndarray]],
) -> None:
    wheel, said = build(sources, **variables)
    assert (reason in said) == ("THERMOSCOPE_NATIVE" not in variables)
    assert_pure(wheel, reason, exact)


@native
@compiler("c++")
@pytest.mark.parametrize(
    ("numpy", "reason"),
    [
        ("raise ImportError", "the build has no NumPy, whose headers it needs"),
        ("__version__ = '1.26.4'", "the build needs NumPy 2.0.1 or newer, got 1.26.4"),
    ],
)
def test_a_build_without_a_numpy_that_serves_gives_a_pure_wheel(
    numpy: str,
    reason: str,
    sources: Path,
    tmp_path: Path,
    exact: list[tuple[np.ndarray, np.ndarray]],
) -> None:
    (tmp_path / "numpy.py").write_text(numpy)
    wheel, said = build(sources, PYTHONPATH=str(tmp_path))
    assert "without native kernels" in said
    assert_pure(wheel, reason, exact)


@native
@compiler("c++")
@pytest.mark.parametrize(
    ("variables", "needed"),
    [
        ({}, ["numpy>=2.0.1"]),
        ({"THERMOSCOPE_NATIVE": "1"}, ["numpy>=2.0.1"]),
        ({"THERMOSCOPE_NATIVE": "0"}, []),
        ({"CXX": "/nonexistent"}, []),
        ({"CXX": "'g++"}, []),
    ],
)
def test_only_a_build_that_compiles_needs_numpy(
    variables: dict[str, str], needed: list[str], sources: Path
) -> None:
    asked = "from hatchling.build import *; print(get_requires_for_build_wheel())"
    assert run(sys.executable, "-c", asked, cwd=sources, variables=variables) == f"{needed}\n"


@native
@compiler("c++")
def test_a_source_that_does_not_compile_gives_a_pure_wheel(
    sources: Path, exact: list[tuple[np.ndarray, np.ndarray]]
) -> None:
    break_sources(sources)
    wheel, said = build(sources)
    assert "without native kernels" in said
    assert_pure(wheel, "this compiler cannot do it", exact)


@native
@compiler("c++")
def test_required_kernels_that_do_not_compile_fail_the_build(sources: Path) -> None:
    break_sources(sources)
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", "out"]
    said = run(*command, cwd=sources, variables={"THERMOSCOPE_NATIVE": "1"}, fails=True)
    assert ".cc:1:2: error: " in said
    assert "this compiler cannot do it" in said
    assert not [*sources.glob("out/*.whl")]


def test_an_invalid_value_of_thermoscope_native_is_an_error(sources: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", "out"]
    said = run(*command, cwd=sources, variables={"THERMOSCOPE_NATIVE": "yes"}, fails=True)
    assert "must be 0 (no native kernels), 1 (fail without them) or unset" in said
    assert "got 'yes'" in said


@native
@compiler("c++")
def test_the_sdist_builds(
    sources: Path, tmp_path: Path, exact: list[tuple[np.ndarray, np.ndarray]]
) -> None:
    sdist, _ = build(sources, "sdist")
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    (unpacked,) = tmp_path.glob("thermoscope-*")
    names = {path.relative_to(unpacked).as_posix() for path in unpacked.rglob("*")}
    assert {"hatch_build.py", f"src/{KERNELS}/native/module.cc"} <= names
    left = {".venv", "node_modules", f"src/{MODULE}", f"src/{REASON}"}
    assert not left & names
    wheel, _ = build(unpacked, CXXFLAGS=QUICK, THERMOSCOPE_NATIVE="1")
    assert_native(wheel, exact)


def test_the_sdist_of_this_checkout_holds_all_that_is_committed(tmp_path: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode != 0:
        pytest.skip("not a git checkout: nothing says which files are committed")
    run(sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", tmp_path, cwd=ROOT)
    (sdist,) = tmp_path.iterdir()
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    committed = {
        name
        for name in listed.stdout.split("\0")
        if name and (ROOT / name).is_file() and not name.startswith((".ci/", ".github/"))
    }
    assert committed <= names
    ignored = ("node_modules/", ".venv/", ".git/", f"src/{KERNELS}/_native")
    assert not [name for name in names if name.startswith(ignored)]


@native
@compiler("c++")
def test_an_editable_install_replaces_the_module(
    sources: Path, tmp_path: Path, exact: list[tuple[np.ndarray, np.ndarray]]
) -> None:
    package = sources / "src"

    def install(**variables: str) -> list[tuple[str, bool, str]]:
        run(
            *(sys.executable, "-m", "pip", "install", "--no-deps", "--no-build-isolation"),
            *("--ignore-installed", "--no-warn-script-location", "--disable-pip-version-check"),
            *("--prefix", tmp_path / "prefix", "-e", sources),
            cwd=tmp_path,
            variables=variables,
        )
        (link,) = (tmp_path / "prefix").rglob("*.pth")
        assert link.read_text().strip() == str(package)
        return check(package, exact, tmp_path)

    kernels = install(CXXFLAGS=QUICK, THERMOSCOPE_NATIVE="1")
    assert kernels[0][0].startswith("native")
    assert not (sources / "src" / REASON).exists()
    # The second install removes the module of the first.
    kernels = install(THERMOSCOPE_NATIVE="0")
    assert kernels[0] == ("native", False, "built with THERMOSCOPE_NATIVE=0")
    assert not (sources / "src" / MODULE).exists()
