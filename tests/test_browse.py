from __future__ import annotations

import base64
import json
import math
import re
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from thermoscope import entropy, open_logits, softmax
from thermoscope.arguments import ArgumentError
from thermoscope.data.errors import FileError
from thermoscope.explorer import browse as module
from thermoscope.explorer.browse import RowError, RowSource, has_rows
from thermoscope.state import State, Tail

if TYPE_CHECKING:
    from collections.abc import Mapping

LOGITS = np.array([[2.0, 1.0, 0.0], [0.0, 0.1, 0.2], [0.0, 9.0, 1.0], [5.0, 0.0, 4.0]])
TARGETS = [0, 2, 0, 2]


def logits_of(answer: Mapping[str, Any]) -> list[float]:
    return np.frombuffer(base64.b64decode(answer["logits"]), "<f8").tolist()


def stepped(rows: RowSource, kind: str) -> list[int]:
    """Return the rows by their places in an order, as the front end asks for them."""
    if kind != "given":
        rows.order(kind).result()
    return [rows.answer({"order": kind, "place": place})["row"] for place in range(rows.count)]


def as_file(folder: Path) -> Any:
    np.save(folder / "logits.npy", LOGITS)
    return open_logits(folder / "logits.npy")


def as_memory_map(folder: Path) -> Any:
    np.save(folder / "logits.npy", LOGITS)
    return np.load(folder / "logits.npy", mmap_mode="r")


def as_dask(_: Path) -> Any:
    dask = pytest.importorskip("dask.array", reason="Dask is not installed")
    return dask.from_array(LOGITS, chunks=(3, 2))


def as_torch(_: Path) -> Any:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    return torch.tensor(LOGITS, requires_grad=True)


def as_jax(_: Path) -> Any:
    jax = pytest.importorskip("jax", reason="JAX is not installed")
    return jax.numpy.array(LOGITS, dtype="float32")


@pytest.mark.parametrize(
    "make",
    [
        lambda _: LOGITS,
        lambda _: LOGITS.tolist(),
        lambda _: LOGITS.astype(">f4"),
        lambda _: np.asfortranarray(LOGITS),
        lambda _: pd.DataFrame(LOGITS),
        as_file,
        as_memory_map,
        as_dask,
        as_torch,
        as_jax,
    ],
)
def test_rows_of_any_array_type_are_the_same(make: Any, tmp_path: Path) -> None:
    data = make(tmp_path)
    assert has_rows(data)
    rows = RowSource(data, ["a", "b", "c"], targets=TARGETS)
    assert rows.about() == {
        "count": 4,
        "orders": ["given", "uncertain", "wrong"],
        "reliability": True,
    }
    for row, logits in enumerate(LOGITS):
        state = rows.state(row, 0.5)
        np.testing.assert_allclose(state.logits, logits, rtol=1e-6)
        assert (state.row, state.target) == (row, TARGETS[row])
        assert (state.labels, state.temperature) == (("a", "b", "c"), 0.5)
    assert stepped(rows, "given") == [0, 1, 2, 3]
    assert stepped(rows, "uncertain") == [1, 0, 3, 2]
    # 2 and 3 are wrong, 2 the surer one; of the others 1 is the less sure one.
    assert stepped(rows, "wrong") == [2, 3, 1, 0]


@given(
    arrays(np.float64, st.tuples(st.integers(1, 20), st.just(4)), elements=st.floats(-40, 40)),
    st.randoms(use_true_random=False),
)
def test_orders_are_those_of_a_plain_sort(logits: Any, random: Any) -> None:
    targets = [random.randrange(4) for _ in logits]
    rows = RowSource(logits, targets=targets)
    uncertain = [entropy(row) for row in logits[stepped(rows, "uncertain")]]
    assert uncertain == pytest.approx(sorted(uncertain, reverse=True), abs=1e-6)
    order = stepped(rows, "wrong")
    assert sorted(order) == list(range(len(logits)))
    right = [logits[row].argmax() == targets[row] for row in order]
    assert right == sorted(right)
    mistakes = [softmax(logits[row]).max() for row in order if logits[row].argmax() != targets[row]]
    assert mistakes == pytest.approx(sorted(mistakes, reverse=True), abs=1e-6)


def test_mistakes_that_all_round_to_certainty_are_ordered() -> None:
    logits = np.array([[30.0, 0.0], [60.0, 0.0], [45.0, 0.0]], np.float32)
    assert stepped(RowSource(logits, targets=[1, 1, 1]), "wrong") == [1, 2, 0]


NOWHERE = [[math.nan, 0.0], [-math.inf, -math.inf], [5.0, 0.0], [0.0, math.nan], [0.0, 0.5]]


@pytest.mark.parametrize("target", [0, 1])
def test_rows_without_a_softmax_come_last_in_every_order(target: int) -> None:
    rows = RowSource(np.array(NOWHERE), targets=[target] * 5)
    assert stepped(rows, "uncertain") == [4, 2, 0, 1, 3]
    assert stepped(rows, "wrong") == ([4, 2] if target == 0 else [2, 4]) + [0, 1, 3]


def test_a_single_class_of_nan_is_neither_right_nor_wrong() -> None:
    logits = np.array([[math.nan], [1.0], [-math.inf], [2.0]])
    assert stepped(RowSource(logits, targets=[0] * 4), "wrong") == [1, 3, 0, 2]


def test_the_batch_size_does_not_change_an_order(monkeypatch: pytest.MonkeyPatch) -> None:
    logits = np.random.default_rng(0).normal(size=(101, 7))
    targets = np.arange(101) % 7
    whole = [stepped(RowSource(logits, targets=targets), kind) for kind in ("uncertain", "wrong")]
    monkeypatch.setattr(module, "BATCH", 7 * 10)
    parts = [stepped(RowSource(logits, targets=targets), kind) for kind in ("uncertain", "wrong")]
    assert parts == whole


def test_opening_reads_nothing_and_a_row_reads_itself_alone() -> None:
    class Watched:
        shape = (1_000_000_000, 3)
        asked: list[Any] = []  # noqa: RUF012 - one instance

        def __getitem__(self, index: Any) -> Any:
            self.asked.append(index)
            return LOGITS[0]

    rows = RowSource(Watched())
    assert Watched.asked == []
    assert rows.state(999_999_999).logits.tolist() == LOGITS[0].tolist()
    assert Watched.asked == [999_999_999]


def test_labels_that_all_rows_share_are_sent_only_on_request(tmp_path: Path) -> None:
    rows = RowSource(pd.DataFrame(LOGITS, columns=["a", "b", "c"]))
    assert "labels" not in rows.answer({"place": "1"})
    assert rows.answer({"place": "1", "labels": "all"})["labels"] == ["a", "b", "c"]
    assert RowSource(LOGITS).answer({"place": "1"})["labels"] is None
    path = tmp_path / "logits.jsonl"
    path.write_text('{"cat": 2.0, "dog": 1.0}\n{"cat": 0.5, "dog": 3.0}\n', encoding="utf-8")
    assert RowSource(open_logits(path)).state(1).labels == ("cat", "dog")


def test_each_token_of_a_response_has_its_labels_and_tail(tmp_path: Path) -> None:
    path = tmp_path / "response.json"
    probs = [
        '{"probs": [{"tok_str": "B", "prob": 0.5}, {"tok_str": "C", "prob": 0.25}]}',
        '{"probs": [{"tok_str": "D", "prob": 0.75}]}',
    ]
    path.write_text(f'{{"completion_probabilities": [{", ".join(probs)}]}}', encoding="utf-8")
    rows = RowSource(open_logits(path))
    answers = [rows.answer({"order": "given", "place": str(place)}) for place in range(2)]
    assert [answer["labels"] for answer in answers] == [["B", "C"], ["D"]]
    assert np.exp(logits_of(answers[0])) == pytest.approx([0.5, 0.25])
    for answer, cap in zip(answers, [0.25, 0.75], strict=True):
        tail = answer["tail"]
        assert isinstance(tail, dict)
        assert tail.pop("delta") < 1e-6
        assert tail == {
            "mass": pytest.approx(0.25),
            "cap": pytest.approx(np.log(cap)),
            "count": None,
            "temperature": 1.0,
        }


def test_a_tail_knows_the_temperature_of_the_server_and_the_drawn_token(tmp_path: Path) -> None:
    path = tmp_path / "response.json"
    logprobs = {"a": -0.5, "b": -2.0, "unlikely": -9.0, "never": -9999.0}
    top = [{"token": token, "logprob": value} for token, value in logprobs.items()]
    position = {"token": "unlikely", "logprob": -9.0, "top_logprobs": [*top[:2], top[3]]}
    answer = {"choices": [{"logprobs": {"content": [position]}}]}
    path.write_text(json.dumps(answer), encoding="utf-8")
    dataset = open_logits(path, applied_temperature=0.5)
    state = RowSource(dataset).state(0)
    assert state.labels == ("a", "b", "unlikely")
    assert state.logits.tolist() == [-0.25, -1.0, -4.5]
    assert state.tail is not None
    # The drawn token is reported though it is none of the likeliest.
    assert state.tail.cap == -2.0
    assert state.tail.temperature == 0.5
    assert state.tail.mass == pytest.approx(1 - np.exp([-0.5, -2.0, -9.0]).sum())


def test_a_state_checks_its_tail() -> None:
    for part, value in [("mass", 1.5), ("cap", -np.inf), ("temperature", 0.0), ("delta", np.nan)]:
        with pytest.raises(ArgumentError, match=f"tail.{part} must be"):
            State.of([-1.0], tail=Tail(**{"mass": 0.6, "cap": -1.0, part: value}))


def test_a_row_has_its_place_in_each_order() -> None:
    rows = RowSource(LOGITS, targets=TARGETS)
    rows.order("wrong").result()
    found = rows.answer({"order": "wrong", "row": "1"})
    assert (found["row"], found["place"], found["target"]) == (1, 2, 2)
    assert logits_of(found) == LOGITS[1].tolist()
    assert rows.answer({"order": "given", "row": "1"})["place"] == 1


def test_an_order_tells_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    go, at = threading.Event(), threading.Event()

    def slowly(logits: Any) -> Any:
        at.set()
        assert go.wait(60)
        return entropy(logits)

    monkeypatch.setattr(module, "entropy", slowly)
    rows = RowSource(LOGITS)
    assert rows.answer({"order": "uncertain"})["done"] < 4
    assert at.wait(60)
    message = "order uncertain is not complete yet: 0 of 4 rows read"
    with pytest.raises(ArgumentError, match=message) as early:
        rows.answer({"order": "uncertain", "place": "0"})
    assert early.value.argument == "order"
    # Meanwhile the rows can be read in the given order.
    assert rows.answer({"order": "given", "place": "2"})["row"] == 2
    go.set()
    rows.order("uncertain").result()
    assert rows.answer({"order": "uncertain"}) == {"done": 4}


def test_an_order_that_fails_says_why_and_can_be_tried_again(tmp_path: Path) -> None:
    rows = RowSource(as_file(tmp_path))
    whole = (tmp_path / "logits.npy").read_bytes()
    (tmp_path / "logits.npy").write_bytes(whole[:-1])
    with pytest.raises(FileError, match=r"logits\.npy"):
        rows.order("uncertain").result()
    with pytest.raises(FileError, match=r"logits\.npy"):
        rows.answer({"order": "uncertain"})
    (tmp_path / "logits.npy").write_bytes(whole)
    assert stepped(rows, "uncertain") == [1, 0, 3, 2]


def test_every_query_of_the_page_has_the_answer_of_the_vectors() -> None:
    path = Path(__file__).parent / "vectors" / "rows.json"
    protocol = json.loads(path.read_text(encoding="utf-8"))
    logits = np.array([[float(logit) for logit in row] for row in protocol["logits"]])
    rows = RowSource(
        logits, protocol["labels"], targets=protocol["targets"], source=protocol["source"]
    )
    assert rows.about() == protocol["about"]
    for kind, order in protocol["orders"].items():
        assert stepped(rows, kind) == order
    for exchange in protocol["exchanges"]:
        assert rows.answer(exchange["query"]) == exchange["answer"]
        # A page sends numbers as text.
        texts = {name: str(value) for name, value in exchange["query"].items()}
        assert rows.answer(texts) == exchange["answer"]


class Wordless(Exception):  # noqa: N818
    def __str__(self) -> str:
        raise KeyError("not even this")


class Broken:
    """Rows, of which all but the first raise an error."""

    shape = (4, 3)

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def __getitem__(self, index: Any) -> Any:
        if index == 0:
            return LOGITS[0]
        raise self.error


ERRORS = [
    (KeyError("chunk 3"), "KeyError: 'chunk 3'"),
    (RuntimeError("two\nlines"), "RuntimeError: two lines"),
    (OSError(5, "Input/output error"), "OSError: [Errno 5] Input/output error"),
    (OSError(), "OSError"),
    (ZeroDivisionError("division by zero"), "ZeroDivisionError: division by zero"),
    (MemoryError(), "MemoryError"),
    (Wordless(), "Wordless: <exception str() failed>"),
]


@pytest.mark.parametrize(("error", "words"), ERRORS)
def test_an_error_of_the_data_is_told_in_one_line(error: Exception, words: str) -> None:
    rows = RowSource(Broken(error), source="pets")
    with pytest.raises(RowError) as told:
        rows.answer({"place": "1"})
    # The name of the class may come with its module.
    assert re.fullmatch(rf"pets: cannot read row 1: (\S+\.)?{re.escape(words)}", str(told.value))
    assert told.value.__cause__ is error
    with pytest.raises(RowError):
        rows.order("uncertain").result()
    with pytest.raises(RowError, match="pets: cannot read all rows, for the order uncertain: "):
        rows.answer({"order": "uncertain"})
    assert rows.answer({"place": "0"})["row"] == 0


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("text", "logits must be"),
        ([1.0, 2.0], "row 1: logits must be 3, got 2"),
        ([[1.0, 2.0, 3.0]], "row 1: logits must be one row, got shape (1, 3)"),
        (None, "row 1: logits must be real numbers, got NoneType"),
    ],
)
def test_the_data_must_give_one_row_of_numbers(given: Any, words: str) -> None:
    class Odd:
        shape = (2, 3)

        def __getitem__(self, _: Any) -> Any:
            return given

    with pytest.raises(RowError, match=re.escape(words)):
        RowSource(Odd()).answer({"place": "1"})


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"place": "4"}, "place must be 0 to 3, got 4"),
        ({"place": "-1"}, "place must be 0 to 3, got -1"),
        ({"place": ""}, "place must be 0 to 3, got "),
        ({"place": "1.0"}, "place must be 0 to 3, got 1.0"),
        ({"place": "٣"}, "place must be 0 to 3, got ٣"),
        ({"place": "9" * 5000}, "place must be 0 to 3, got 9{40}$"),
        ({"row": "x"}, "row must be 0 to 3, got x"),
        ({"order": "best"}, "order must be given or uncertain or wrong, got best"),
        ({"order": "best", "place": "0"}, "order must be given or uncertain or wrong, got best"),
    ],
)
def test_an_invalid_query_is_refused(query: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        RowSource(LOGITS, targets=TARGETS).answer(query)


def test_without_targets_there_is_no_order_by_mistakes() -> None:
    rows = RowSource(LOGITS)
    assert rows.orders == ("given", "uncertain")
    assert rows.state(0).target is None
    with pytest.raises(ValueError, match="order must be given or uncertain, got wrong"):
        rows.order("wrong")


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"data": np.zeros(3)}, ValueError, r"logits must be rows of logits, got shape \(3,\)"),
        ({"data": np.zeros((0, 3))}, ValueError, r"at least one number, got shape \(0, 3\)"),
        ({"data": LOGITS, "labels": ["a"]}, ValueError, "labels must be 3, one for each logit"),
        ({"data": LOGITS, "targets": [0]}, ValueError, "targets must be 4, one for each row"),
        ({"data": LOGITS, "targets": [0, 1, 3, 0]}, ValueError, r"\[0, 3\), got 3 in row 2"),
        ({"data": LOGITS, "targets": [0, -1, 2, 0]}, ValueError, r"\[0, 3\), got -1 in row 1"),
        ({"data": LOGITS, "targets": [0, 1, 0.5, 0]}, ValueError, "got 0.5 in row 2"),
        ({"data": LOGITS, "targets": list("abcd")}, TypeError, "whole numbers, got <U1"),
    ],
)
def test_arguments_that_do_not_fit_the_data_are_refused(
    arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        RowSource(**arguments)


def test_the_largest_of_soft_targets_is_the_target() -> None:
    weights = np.array([[0.1, 0.2, 0.7], [1, 0, 0], [0, 1, 0], [0.4, 0.3, 0.3]])
    rows = RowSource(LOGITS, targets=weights)
    assert [rows.state(row).target for row in range(4)] == [2, 0, 1, 0]


@pytest.mark.parametrize("row", [-1, 4])
def test_a_row_out_of_range_is_refused(row: int, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=f"row must be 0 to 3, got {row}"):
        RowSource(LOGITS).state(row)
    with pytest.raises(FileError, match=f"logits.npy: row must be 0 to 3, got {row}"):
        RowSource(as_file(tmp_path)).state(row)


def test_a_row_without_a_target_has_none_and_is_no_mistake() -> None:
    rows = RowSource([[2.0, 1.0], [0.5, 3.0], [4.0, 1.0]], targets=[-100, 0, 0])
    assert [rows.state(row).target for row in range(3)] == [None, 0, 0]
    assert rows.order("wrong").result().tolist()[0] == 1
