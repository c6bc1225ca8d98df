"""The tables of the docs are those of the results, and the benchmarks write such results."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tools import tables

ROOT = Path(__file__).parent.parent
PAGE = "# Numerics\n\nBefore.\n" + "".join(
    f"\n<!-- table: {name} -->\nstale\n<!-- end -->\n\nAfter {name}.\n" for name in tables.TABLES
)
ABOUT = {
    "date": "2026-11-27",
    "processor": "An Engine",
    "cores": 2,
    "kernel": "native-v4",
    "versions": {"python": "3.11.2", "numpy": "2.4.6"},
    "repeats": 30,
}


def cell(**changes: object) -> dict[str, object]:
    """Return a row of softmax.json."""
    return {
        "threads": 1,
        "function": "softmax",
        "dtype": "float32",
        "shape": [1000, 10],
        "axis": -1,
        "result": "new",
        "seconds": {"thermoscope": 1e-5, "numpy": 8e-5, "native-v3": 2e-5},
        "best_peer": "numpy",
        "first": 8.0,
        "of_copy": 0.125,
        **changes,
    }


RESULTS = {
    "softmax": {
        "rows": [
            cell(),
            cell(shape=[10], result="given", seconds={"thermoscope": 4e-7, "copy": 3e-7}),
            cell(threads=2, first=0.97, best_peer="onnxruntime"),
            cell(function="log_softmax", threads=2),
        ]
    },
    "accuracy": {
        "kernels": [
            {
                "kernel": "native-v3",
                "function": "softmax",
                "dtype": "float32",
                "ulp": 1.336,
                "where": "wide, one row of 47, T = 7",
                "spacings": 0.504,
                "where_spacings": "-",
            }
        ],
        "peers": [
            {
                "function": "softmax",
                "dtype": "float64",
                "temperature": "all",
                "ulp": {"numpy": 225492.534, "jax": 9.01e15},
            }
        ],
    },
    "cold": {
        "libraries": [{"library": "torch", "import": 1.7, "first": 0.0142}],
        "ten": [{"result": "new", "first_call": 4e-5, "first_calls": 6e-7, "later_calls": 5.5e-7}],
        "processes": [{"process": "thermoscope softmax row.npy", "seconds": 0.523}],
        "ratios": [{"import": "thermoscope", "of": "numpy", "ratio": 1.1}],
    },
}


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A page with old tables, and results for it."""
    path = tmp_path / "page.md"
    path.write_text(PAGE)
    for name, results in RESULTS.items():
        (tmp_path / f"{name}.json").write_text(json.dumps({"about": ABOUT, **results}))
    monkeypatch.setattr(tables, "PAGE", path)
    monkeypatch.setattr(tables, "RESULTS", tmp_path)
    return path


def test_the_tables_of_the_docs_are_those_of_the_results() -> None:
    tables.main(["--check"])


def test_figures_come_from_the_results_and_other_text_stays(page: Path) -> None:
    tables.main([])
    text = page.read_text()
    for expected in (
        "An Engine, 2 cores, kernel native-v4; Python 3.11.2, NumPy 2.4.6; middle half of 30 turns",
        "First in 2 of 3 cells. The closest is float32 (1000, 10), new, on 2 threads: ONNX Runtime",
        "| | shape | result | thermoscope | native-v3 | NumPy | copy | ours to the best peer |",
        "| float32 | (1000, 10) | new | 1.000 | 0.500 | 0.125 | - | 8.00 | 0.12 |",
        "| float32 | (10,) | given | 0.40 us | - | - | 0.30 us | 8.00 | 0.12 |",
        "| native-v3 | `softmax` | float32 | 1.34 | wide, one row of 47, T = 7 | 0.50 |",
        "| `softmax` | float64 | all | 225,492.53 | 9.0e+15 |",
        "| PyTorch | 1700.0 | 14.2 |",
        "| new | 40.00 | 0.60 | 0.55 |",
        "`import thermoscope` takes 1.10 times as long as `import numpy`.",
        "| `thermoscope softmax row.npy` | 0.52 |",
    ):
        assert expected in text.replace("\n", " ")
    assert text.count("2 threads:\n") == 2
    assert "stale" not in text
    for kept in ("Before.", *(f"After {name}." for name in tables.TABLES)):
        assert kept in text


def test_the_check_fails_where_a_figure_differs(page: Path) -> None:
    with pytest.raises(SystemExit, match="differs from the results"):
        tables.main(["--check"])
    tables.main([])
    tables.main(["--check"])
    page.write_text(page.read_text().replace("1.34", "1.33"))
    with pytest.raises(SystemExit):
        tables.main(["--check"])


@pytest.mark.parametrize(
    "broken",
    [
        PAGE.replace("table: cold", "table: gold"),
        PAGE.replace("<!-- end -->", "", 1),
        PAGE + "<!-- table: cold -->\n<!-- end -->\n",
        "",
    ],
)
def test_a_page_without_a_place_for_each_table_is_an_error(page: Path, broken: str) -> None:
    page.write_text(broken)
    with pytest.raises(ValueError, match="must have a place for each of accuracy, cold"):
        tables.main([])
    assert page.read_text() == broken


def test_the_benchmarks_write_what_the_tables_are_made_from(page: Path) -> None:
    for name, options in {
        # Two turns: in two processes, whose turns are joined.
        "softmax": ["--repeats", "2", "--match", "float32 (1000, 10)"],
        "accuracy": ["--sizes", "10"],
        "cold": ["--repeats", "1"],
    }.items():
        command = [sys.executable, "-m", f"benchmarks.{name}", *options]
        command += ["--json", str(page.parent / f"{name}.json")]
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    tables.main([])
    tables.main(["--check"])
    text = page.read_text()
    assert text.count("| float32 | (1000, 10) | given |") == 4
    assert "First in " in text
    assert "| reference | `log_softmax` | float64 |" in text
    assert "| `thermoscope softmax row.npy` |" in text


@pytest.mark.parametrize(
    ("name", "option"),
    [
        ("accuracy", "--sizes"),
        ("cold", "--repeats"),
        ("coverage", "--sets"),
        ("doctor", "--runs"),
        ("fit", "--repeats"),
        ("scale", "--shape"),
        ("softmax", "--repeats"),
    ],
)
def test_a_benchmark_of_nothing_is_a_mistake(
    name: str, option: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [name, option, "0", "0"])
    with pytest.raises(SystemExit, match="2"):
        importlib.import_module(f"benchmarks.{name}").main()
    assert f"argument {option}: must be 1 or more, got 0" in capsys.readouterr().err
