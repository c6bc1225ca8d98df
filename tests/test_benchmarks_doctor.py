"""The simulation behind `doctor`, and what the docs say of it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from benchmarks import doctor
from tests.simulated_server import FAULTS, FAULTS_OF_VLLM

ROOT = Path(__file__).parent.parent


def test_the_docs_say_what_was_simulated() -> None:
    document = json.loads((ROOT / "benchmarks" / "results" / "doctor.json").read_text())
    assert document["options"]["runs"] >= 100
    results = document["results"]
    assert [*results] == [doctor.NONE, *FAULTS]
    page = (ROOT / "docs" / "doctor.md").read_text(encoding="utf-8")
    table = page.partition("<!-- table: doctor -->\n")[2].partition("<!-- end -->")[0]
    assert table == doctor.table(results)


def test_the_docs_say_what_was_simulated_of_servers_that_report_few() -> None:
    document = json.loads((ROOT / "benchmarks" / "results" / "doctor_few.json").read_text())
    results = document["results"]
    assert [*results] == [doctor.NONE, *FAULTS_OF_VLLM]
    page = (ROOT / "docs" / "doctor.md").read_text(encoding="utf-8")
    table = page.partition("<!-- table: doctor, few -->\n")[2].partition("<!-- end -->")[0]
    assert table == doctor.table(results)
    assert f"{document['options']['runs']} for each row" in page
    assert results[doctor.NONE]["alarms"] <= 0.01
    assert min(results[fault]["found"] for fault in FAULTS_OF_VLLM) >= 0.95
    assert max(result["most requests"] for result in results.values()) <= 400


def test_the_simulation_keeps_what_is_promised() -> None:
    results = json.loads((ROOT / "benchmarks" / "results" / "doctor.json").read_text())["results"]
    assert results[doctor.NONE]["alarms"] <= 0.01
    assert min(results[fault]["found"] for fault in FAULTS) >= 0.95
    assert max(result["most requests"] for result in results.values()) <= 400


def test_the_simulation_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(doctor, "FAULTS", {"positions off by one": "positions"})
    out = tmp_path / "out.json"
    monkeypatch.setattr(sys, "argv", ["doctor", "--runs", "2", "--jobs", "1", "--json", str(out)])
    doctor.main()
    results = json.loads(out.read_text())["results"]
    assert [*results] == [doctor.NONE, "positions off by one"]
    assert results["positions off by one"]["found"] == 1
    assert results[doctor.NONE]["alarms"] == 0
    assert "at most 400 requests: kept" in capsys.readouterr().out
