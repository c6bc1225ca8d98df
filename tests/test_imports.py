"""No files import each other in a circle, in Python and in TypeScript."""

from __future__ import annotations

import ast
import os.path
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

Graph = dict[str, set[str]]


def circles(graph: Graph) -> list[list[str]]:
    """Return the groups of files that can all be reached from one another, each sorted."""

    def reached(start: str) -> set[str]:
        found, ahead = set[str](), [start]
        while ahead:
            for name in graph.get(ahead.pop(), set()) - found:
                found.add(name)
                ahead.append(name)
        return found

    reach = {name: reached(name) for name in graph}
    groups = {
        tuple(sorted(other for other in graph if other in reach[name] and name in reach[other]))
        for name in graph
        if name in reach[name]
    }
    return [list(group) for group in sorted(groups)]


def python_imports(package: Path) -> Graph:
    """Return what each module imports, also within functions and for type checks alone."""
    paths = {
        ".".join(path.relative_to(package.parent).with_suffix("").parts): path
        for path in package.rglob("*.py")
    }
    modules = {name.removesuffix(".__init__"): path for name, path in paths.items()}

    def imports(node: ast.AST) -> set[str]:
        names = set[str]()
        if isinstance(node, ast.Import):
            names = {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            # `from a import b` imports a module of a package, or else a name of a module.
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            names = {name if name in modules else node.module for name in inner}
        for child in ast.iter_child_nodes(node):
            names |= imports(child)
        return names & modules.keys()

    return {
        name: imports(ast.parse(path.read_text(encoding="utf-8"))) for name, path in modules.items()
    }


def typescript_imports(folder: Path) -> Graph:
    """Return what each file imports or exports from another, types too."""
    paths = [path for path in folder.rglob("*.ts*") if not path.name.endswith(".d.ts")]
    names = {path.relative_to(folder).as_posix(): path for path in paths}
    graph: Graph = {}
    for name, path in names.items():
        text = path.read_text(encoding="utf-8")
        found = re.findall(r"""(?:\bfrom|\bimport)\s*\(?\s*["'](\.[^"']*)["']""", text)
        there = [os.path.normpath(Path(name).parent / target) for target in found]
        graph[name] = {
            f"{target}{ending}"
            for target in there
            for ending in (".ts", ".tsx")
            if f"{target}{ending}" in names
        }
    return graph


def test_no_modules_of_the_package_import_in_a_circle() -> None:
    graph = python_imports(ROOT / "src" / "thermoscope")
    assert "thermoscope.definition" in graph["thermoscope.explorer.browse"]
    assert circles(graph) == []


def test_no_files_of_the_front_end_import_in_a_circle() -> None:
    graph = typescript_imports(ROOT / "web" / "src")
    assert {"model/instrument.ts", "text/format.ts"} <= graph["view/sentence.tsx"]
    assert circles(graph) == []


@pytest.mark.parametrize(
    ("sources", "expected"),
    [
        ({"a": "import p.b", "b": "from p import a"}, [["p.a", "p.b"]]),
        ({"a": "from p.b import x", "b": "def later():\n    from p.c import y", "c": "import p.a"},
         [["p.a", "p.b", "p.c"]]),
        ({"a": "from p import x", "__init__": "from p.a import x"}, [["p", "p.a"]]),
        ({"a": "import p.a"}, [["p.a"]]),
        ({"a": "if TYPE_CHECKING:\n    import p.b", "b": "import p.a"}, [["p.a", "p.b"]]),
        ({"a": "import p.b\nimport p.c", "b": "import p.c", "c": "import os"}, []),
    ],
)  # fmt: skip
def test_a_circle_in_python_is_found(
    sources: dict[str, str], expected: list[list[str]], tmp_path: Path
) -> None:
    (tmp_path / "p").mkdir()
    for name, source in sources.items():
        (tmp_path / "p" / f"{name}.py").write_text(source, encoding="utf-8")
    assert circles(python_imports(tmp_path / "p")) == expected


@pytest.mark.parametrize(
    ("sources", "expected"),
    [
        ({"a.ts": 'import { b } from "./v/b";', "v/b.tsx": 'import type { A } from "../a";'},
         [["a.ts", "v/b.tsx"]]),
        ({"a.ts": 'export * from "./b";', "b.ts": 'import "./c";', "c.ts": 'await import("./a");'},
         [["a.ts", "b.ts", "c.ts"]]),
        ({"a.ts": 'import {\n  b,\n} from "./b";', "b.ts": 'import { c } from "preact";'}, []),
    ],
)  # fmt: skip
def test_a_circle_in_typescript_is_found(
    sources: dict[str, str], expected: list[list[str]], tmp_path: Path
) -> None:
    for name, source in sources.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(source, encoding="utf-8")
    assert circles(typescript_imports(tmp_path)) == expected
