"""Live reliability: what a page is answered, in the background, for data of any kind."""

from __future__ import annotations

import base64
import json
import math
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import thermoscope as ts
from tests.test_browse import as_dask, as_file, as_jax, as_memory_map, as_torch
from tests.test_passes import drawn
from thermoscope.explorer import live as module
from thermoscope.explorer.browse import RowError, RowSource
from thermoscope.explorer.live import BINS, slider_stops
from thermoscope.kernels import array_api

LOGITS = np.array([[2.0, 1.0, 0.0], [0.0, 0.125, 0.25], [0.0, 9.0, 1.0], [5.0, 0.0, 4.0]])
TARGETS = [0, 2, 0, 2]


def numbers(text: object) -> np.ndarray:
    return np.frombuffer(base64.b64decode(str(text)), "<f8")


def asked(rows: RowSource, wanted: str) -> dict[str, Any]:
    """Return what a page finds by asking until it is there."""
    answer: dict[str, Any] = {"done": 0}
    while "found" not in answer:
        answer = rows.answer({"reliability": wanted})
        # As the server and the kernel send it.
        json.dumps(answer, allow_nan=False)
        assert "found" in answer or 0 <= answer["done"] < rows.count
    return answer["found"]


def check(found: dict[str, Any], at: int, want: ts.Reliability) -> None:
    """Check a row of the written form: NLL, ECE, ECE if calibrated, and five numbers a bin."""
    values = numbers(found["values"]).reshape(-1, 4 + 5 * BINS)[at]
    expected = np.concatenate(
        [
            [want.nll, want.ece, want.ece_if_calibrated, want.ece_if_calibrated_upper],
            want.bins.count,
            want.bins.confidence,
            want.bins.accuracy,
            *want.bins.if_calibrated.T,
        ]
    )
    np.testing.assert_allclose(values, expected, rtol=1e-12, atol=1e-15)


def test_a_page_has_the_reliability_at_every_stop_and_at_the_fit(
    digits: tuple[np.ndarray, np.ndarray],
) -> None:
    logits, targets = digits
    found = asked(RowSource(logits, targets=targets), "stops")
    temperatures = numbers(found["temperatures"])
    fit = ts.fit_temperature(logits, targets)
    assert numbers(found["fit"]).tolist() == [fit.temperature, *fit.interval]
    assert set(temperatures) == {*slider_stops(), fit.temperature}
    assert (np.diff(temperatures) > 0).all()
    assert found["n"] == 1597
    for at in [*range(0, len(temperatures), 40), len(temperatures) - 1]:
        check(found, at, ts.reliability(logits, targets, temperatures[at]))


@pytest.mark.parametrize("temperature", ["0", "0.123456", "2.0", "inf"])
def test_a_page_has_it_at_any_temperature(
    digits: tuple[np.ndarray, np.ndarray], temperature: str
) -> None:
    found = asked(RowSource(digits[0], targets=digits[1]), temperature)
    assert numbers(found["temperatures"]).tolist() == [float(temperature)]
    check(found, 0, ts.reliability(*digits, float(temperature)))


@pytest.mark.parametrize(
    "make",
    [lambda _: LOGITS.astype(">f4"), as_file, as_memory_map, as_dask, as_torch, as_jax],
)
def test_rows_of_any_array_type_have_it(make: Any, tmp_path: Path) -> None:
    data = make(tmp_path)
    want = ts.reliability(array_api.to_numpy(data), TARGETS, 0.7)
    check(asked(RowSource(data, targets=TARGETS), "0.7"), 0, want)


def test_soft_targets_are_taken_as_they_are_and_rows_without_one_left_out() -> None:
    soft = ts.softmax(LOGITS, 3.0)
    check(asked(RowSource(LOGITS, targets=soft), "0.7"), 0, ts.reliability(LOGITS, soft, 0.7))
    some = [0, -100, 0, 2]
    check(asked(RowSource(LOGITS, targets=some), "0.7"), 0, ts.reliability(LOGITS, some, 0.7))


def test_without_targets_there_is_none() -> None:
    for targets in (None, [-100] * 4):
        rows = RowSource(LOGITS, targets=targets)
        assert rows.reliability is None
        assert "reliability" not in rows.about()
        with pytest.raises(ValueError, match="reliability must be asked of rows with targets"):
            rows.answer({"reliability": "1"})


def test_the_progress_is_told_while_it_is_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    logits, targets = drawn(5)
    go_on = threading.Event()
    real = module.reliability_table

    def stopping(judge: Any, source: Any, temperatures: Any, tell: Any) -> Any:
        told = iter([True])

        def tell_and_stop(rows: int) -> None:
            for _ in range(len(temperatures)):
                tell(rows)
            if next(told, False):
                go_on.wait()

        return real(judge, source, temperatures, tell_and_stop)

    monkeypatch.setattr(module, "reliability_table", stopping)
    rows = RowSource(logits, targets=targets)
    answer: dict[str, Any] = {"done": 0}
    while answer["done"] == 0:
        answer = rows.answer({"reliability": "1"})
    assert answer == {"done": rows.count // 2}
    go_on.set()
    check(asked(rows, "1"), 0, ts.reliability(logits, targets))


def test_data_that_have_none_are_told_in_words() -> None:
    rows = RowSource([[math.nan, 0.0], [1.0, 0.0]], targets=[0, 0], source="pets")
    for wanted in ("1", "stops", "1"):
        with pytest.raises(RowError, match="pets: cannot read all rows, for their reliability: "):
            asked(rows, wanted)
    # All temperatures are alike, but there is a diagram.
    alike = asked(RowSource([[1.0, 1.0]] * 3, targets=[0, 0, 1]), "stops")
    assert "fit" not in alike
    name, words = alike["reason"]
    assert name == "words"
    assert words.startswith("logits must have a row whose entries differ")
    limit = asked(RowSource([[1.0, 0.0], [0.0, 3.0]], targets=[0, 1]), "stops")
    assert numbers(limit["fit"])[0] == 0
    assert limit["reason"] == ["highest"]


@pytest.mark.parametrize("wanted", ["", "hot", "-1", "nan"])
def test_an_invalid_temperature_is_refused(wanted: str) -> None:
    with pytest.raises(ValueError, match="temperature must be"):
        RowSource(LOGITS, targets=TARGETS).answer({"reliability": wanted})


def test_a_bin_is_an_order_of_its_rows() -> None:
    logits, targets = drawn(6, n=300)
    rows = RowSource(logits, targets=targets)
    bins = ts.reliability(logits, targets, 0.7).bins
    confidence = ts.softmax(logits, 0.7).max(axis=1)
    for number in (14, int(np.argmax(bins.count))):
        kind = f"bin:{number}:0.7"
        order = rows.order(kind).result()
        low, high = bins.edges[number : number + 2]
        assert order.tolist() == np.flatnonzero((confidence > low) & (confidence <= high)).tolist()
        assert rows.answer({"order": kind}) == {"done": 300, "size": bins.count[number]}
        assert rows.answer({"order": kind, "place": "1"})["row"] == order[1]
        assert rows.answer({"order": kind, "row": str(order[1])})["place"] == 1
        with pytest.raises(ValueError, match=f"place must be 0 to {len(order) - 1}, got "):
            rows.answer({"order": kind, "place": str(len(order))})
        other = next(row for row in range(300) if row not in order)
        with pytest.raises(ValueError, match=f"row must be of the order {kind}, got {other}"):
            rows.answer({"order": kind, "row": str(other)})


@pytest.mark.parametrize("kind", ["bin:15:1", "bin:-1:1", "bin:1", "bin:1:hot", "bin:1:"])
def test_an_invalid_bin_is_refused(kind: str) -> None:
    with pytest.raises(ValueError, match=r"(order must be bin:B:T|temperature must be)"):
        RowSource(LOGITS, targets=TARGETS).answer({"order": kind})
    with pytest.raises(ValueError, match="order must be given or uncertain, got bin"):
        RowSource(LOGITS).answer({"order": kind})


def test_only_the_last_jobs_are_kept() -> None:
    rows = RowSource(LOGITS, targets=TARGETS)
    for wanted in ["stops", *map(str, range(1, 20))]:
        asked(rows, wanted)
    live = rows.reliability
    assert live is not None
    assert "stops" in live._jobs
    assert len(live._jobs) <= module.KEPT + 1


def test_the_stops_are_those_of_the_sliders() -> None:
    path = Path(__file__).parent / "vectors" / "stops.json"
    stops = [float(stop) for stop in json.loads(path.read_text(encoding="utf-8"))]
    assert slider_stops().tolist() == stops
