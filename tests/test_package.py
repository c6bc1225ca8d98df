"""The package as a whole: what it loads, names, documents, imports, commits and ships."""

from __future__ import annotations

import ast
import inspect
import json
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from numpydoc.validate import validate

import thermoscope

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "thermoscope"

HEAVY = {
    *(
        "anywidget",
        "array_api_compat",
        "ipywidgets",
        "jax",
        "matplotlib",
        "pandas",
        "pyarrow",
        "rich",
        "safetensors",
        "scipy",
        "sklearn",
        "zarr",
    ),
    *("dask", "starlette", "torch", "typer", "uvicorn"),
}


def loaded_by(statement: str) -> set[str]:
    """Return the top-level modules which a statement loads in a fresh interpreter."""
    script = f"{statement}; import sys; print(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True, cwd=ROOT
    )
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "statement",
    ["import thermoscope", "import thermoscope as ts; ts.softmax([1, 2]); ts.jacobian([1])"],
)
def test_the_import_loads_numpy_and_nothing_heavier(statement: str) -> None:
    loaded = loaded_by(statement)
    assert "numpy" in loaded
    assert not HEAVY & loaded
    # Of the standard library, what takes milliseconds; some versions of NumPy load it themselves.
    slow = {"dataclasses", "hmac", "json"}
    assert not slow & (loaded - loaded_by("import numpy"))


@pytest.mark.parametrize(
    ("statement", "heavy"),
    [
        ("import thermoscope.cli", "typer"),
        ("from thermoscope import plot", "matplotlib"),
        ("from thermoscope import Explorer", "anywidget"),
        ("from thermoscope import TemperatureScaler", "sklearn"),
        ("import thermoscope.explorer.server", "starlette"),
        (
            "import array_api_strict, thermoscope; thermoscope.softmax(array_api_strict.ones(2))",
            "array_api_compat",
        ),
    ],
)
def test_a_heavy_import_is_found(statement: str, heavy: str) -> None:
    assert heavy in HEAVY & loaded_by(statement)


def test_the_public_names() -> None:
    assert thermoscope.__all__ == [
        "ArgumentError",
        "Dataset",
        "Draft",
        "Explorer",
        "Interval",
        "Penalties",
        "Reported",
        "TemperatureScaler",
        "calibration_curve",
        "compare_samplers",
        "connect",
        "cross_entropy",
        "distributions",
        "doctor",
        "engines",
        "entropy",
        "evaluate_fit",
        "explore",
        "fit_temperature",
        "from_transformers",
        "jacobian",
        "keep",
        "kl_divergence",
        "log_softmax",
        "open_logits",
        "perplexity",
        "plot",
        "random_logits",
        "read_logits",
        "reliability",
        "sample",
        "sampler_temperature",
        "samples",
        "softmax",
        "sweep",
        "temperature_derivative",
        "temperature_for",
        "truncate",
    ]
    assert thermoscope.__all__ == sorted(thermoscope.__all__)
    assert set(thermoscope.__all__) <= set(dir(thermoscope))
    others = [name for name in thermoscope.__all__ if not callable(getattr(thermoscope, name))]
    assert others == ["samples"]


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="'thermoscope' has no attribute 'sofmax'"):
        _ = thermoscope.sofmax


NOT_CHECKED = {
    "ES01": "one line is often enough",
    "GL01": "the summary starts on the line of the quotes, as pydocstyle's D212 has it",
    "GL08": "ruff's D1 rules find what has no docstring",
    "PR01": "an obvious parameter needs no words; ruff's D417 finds the forgotten ones",
    "PR03": "what several functions share stands in one line, `As for softmax`",
    "PR04": "mypy holds the types; `As for explore` needs none",
    "SA01": "a See Also section only where it helps",
    "SA03": "a See Also entry is a phrase after a colon",
    "RT02": "a return value may have a name",
    "EX01": "examples where they teach: `test_every_public_object_has_an_example`",
}


def documented() -> list[str]:
    explorer = thermoscope.Explorer
    own = [
        f"thermoscope.Explorer.{name}"
        for name, member in vars(explorer).items()
        if (inspect.isfunction(member) or isinstance(member, property))
        # anywidget documents the methods that are inherited from it.
        and not (name.startswith("_") or any(hasattr(base, name) for base in explorer.__bases__))
    ]
    assert "thermoscope.Explorer.to_html" in own
    return [*(f"thermoscope.{name}" for name in thermoscope.__all__), *own]


# numpydoc looks at every member of a class, also at those that ipywidgets would rather hide.
@pytest.mark.filterwarnings("ignore:Widget[.]:DeprecationWarning")
@pytest.mark.parametrize("name", documented())
def test_docstrings_follow_numpydoc(name: str) -> None:
    errors = validate(name)["errors"]
    assert [(code, text) for code, text in errors if code not in NOT_CHECKED] == []


@pytest.mark.parametrize("name", thermoscope.__all__)
def test_every_public_object_has_an_example(name: str) -> None:
    assert ">>> " in inspect.getdoc(getattr(thermoscope, name))


def test_the_versions_agree() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    for name in ("package.json", "package-lock.json", "web/package/package.json"):
        assert json.loads((ROOT / name).read_text())["version"] == version, name
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest
    assert newest[1] == version


@pytest.mark.parametrize("name", ["README.md", "CHANGELOG.md", "CONTRIBUTING.md"])
def test_local_links_lead_to_files(name: str) -> None:
    links = re.findall(r"\]\(([^)#]+)", (ROOT / name).read_text())
    local = [link for link in links if not link.startswith("https://")]
    assert [link for link in local if not (ROOT / link).exists()] == []
    assert links or name == "CONTRIBUTING.md"


def test_the_lock_file_names_no_registry() -> None:
    packages = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    assert len(packages) > 1
    assert not [name for name, package in packages.items() if "resolved" in package]
    assert "omit-lockfile-registry-resolved=true" in (ROOT / ".npmrc").read_text().splitlines()


def test_the_constraints_pin_versions_only() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", pin) for pin in pins)
    assert pins == sorted(pins, key=str.lower)


# Written in pieces, so that this file does not name them itself.
PLACES = [
    *("/" + folder + "/" for folder in ("root", "work", "home", "Users")),
    *("registry" + host for host in (".npmjs", ".yarnpkg")),
    *("/" + folder + "/" for folder in ("opt/pypi", "opt/wheels")),
    "files.python" + "hosted",
]


def named_places(text: str) -> list[str]:
    return [place for place in PLACES if place in text]


def test_nothing_committed_names_a_machine_or_a_registry() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode != 0:
        pytest.skip("not a git checkout: nothing says which files are committed")
    found = {}
    for name in filter(None, listed.stdout.split("\0")):
        path = ROOT / name
        if path.is_file() and (places := named_places(path.read_text(errors="ignore"))):
            found[name] = places
    assert found == {}


def test_a_named_machine_or_registry_is_found() -> None:
    assert named_places("see /" + "root/notes, on https://registry" + ".npmjs.org/x") == [
        PLACES[0],
        PLACES[4],
    ]


# Each room may import from the ones after it, and from itself.
ROOMS = (
    ("cli", "__main__"),
    ("diagnosis",),
    ("explorer", "figures", "calibration", "samplers", "sklearn", "drawn"),
    ("connection",),
    ("data", "state", "link", "present"),
    ("passes", "truncation", "sampling", "solve", "measures"),
    ("definition",),
    ("reported",),
    ("arguments",),
    ("kernels",),
)


def imported(path: Path, package: str, tree: ast.AST) -> set[str]:
    """Return the modules of this package that a file imports at any level, as full names."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            module = node.module or ""
            names |= {f"{module}.{alias.name}" for alias in node.names}
    return {name for name in names if name.startswith(package + ".")}


def level(room: str) -> int | None:
    return next((at for at, rooms in enumerate(ROOMS) if room in rooms), None)


def against_the_way(room: str, source: str) -> list[str]:
    names = imported(Path(room), "thermoscope", ast.parse(source))
    here = level(room)
    return sorted(
        name
        for name in names
        if (there := level(name.split(".")[1])) is not None and (here is None or there < here)
    )


def modules() -> dict[str, str]:
    return {
        path.relative_to(SOURCE).as_posix(): path.read_text()
        for path in sorted(SOURCE.rglob("*.py"))
        if path != SOURCE / "__init__.py"
    }


@pytest.mark.parametrize("name", modules())
def test_imports_point_one_way(name: str) -> None:
    room = name.removesuffix(".py").split("/")[0]
    assert level(room) is not None, f"{name} has no place in ROOMS"
    assert against_the_way(room, modules()[name]) == []


@pytest.mark.parametrize(
    ("room", "source"),
    [
        ("kernels", "from thermoscope.definition import softmax"),
        ("definition", "import thermoscope.measures"),
        ("files", "def later():\n    from thermoscope.explorer import page"),
    ],
)
def test_an_import_the_wrong_way_is_found(room: str, source: str) -> None:
    assert len(against_the_way(room, source)) == 1


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    # No Node, no compiler: hatchling itself is all that a build may find.
    subprocess.run(
        command, cwd=ROOT, check=True, capture_output=True, env={**os.environ, "PATH": ""}
    )
    (path,) = folder.glob("*.whl")
    return path


def test_the_wheel_holds_the_front_end_and_the_types(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    static = {
        f"thermoscope/explorer/static/{name}"
        for name in ("page.js", "widget.js", "style.css", "texts/en-base.js", "texts/ar-model.js")
    }
    samples = {
        f"thermoscope/data/samples/{name}"
        for name in ("digits.npz", "novel.model.gz", "lesson-ar.json")
    }
    assert static | samples | {"thermoscope/py.typed"} <= names
    assert {path.relative_to(SOURCE.parent).as_posix() for path in SOURCE.rglob("*.py")} <= names
    assert not [name for name in names if name.endswith((".ts", ".tsx")) or "tests/" in name]


def test_the_installed_wheel_needs_no_node(wheel: Path, tmp_path: Path) -> None:
    installed = tmp_path / "installed"
    zipfile.ZipFile(wheel).extractall(installed)
    others = next(path for path in sys.path if path.endswith("site-packages"))
    out = tmp_path / "page.html"
    script = f"""
import sys
sys.path[:0] = [{str(installed)!r}, {others!r}]
import thermoscope
from thermoscope.cli import main
assert thermoscope.__file__.startswith({str(installed)!r}), thermoscope.__file__
raise SystemExit(main(["export", {str(out)!r}]))
"""
    # -S: without the editable install, which would be this checkout.
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", script],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": ""},
    )
    assert done.returncode == 0, done.stderr
    assert out.read_text().lower().startswith("<!doctype html>")
