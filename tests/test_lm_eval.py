"""What lm-eval writes with --log_samples: rows of choices with their targets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from thermoscope import cli, fit_temperature
from thermoscope.arguments import ArgumentError
from thermoscope.data.errors import FileError
from thermoscope.data.reading import open_logits, parse_logits, read_targets

LOGS = Path(__file__).parent / "data" / "logs"


def sample(
    choices: dict[str, float], target: object, *, acc: float | None = None, **more: Any
) -> dict[str, Any]:
    """Return a sample as lm-eval 0.4.13 logs it: numbers, bools and targets as texts."""
    arguments = {
        f"gen_args_{at}": {"arg_0": "question", "arg_1": choice}
        for at, choice in enumerate(choices)
    }
    resps = [[[str(value), "False"]] for value in choices.values()]
    known = {} if acc is None else {"acc": acc}
    record = {"doc_id": 0, "doc": {}, "target": str(target), "arguments": arguments}
    return {**record, "resps": resps, "filter": "none", **known, **more}


def read(*samples: dict[str, Any]) -> Any:
    return parse_logits("\n".join(map(json.dumps, samples)) + "\n")


def test_rows_of_the_same_choices_have_labels() -> None:
    data = open_logits(LOGS / "lm_eval_letters.jsonl")
    assert (data.shape, data.labels) == ((3, 2), (" A", " B"))
    assert data.targets is not None
    assert data.targets.tolist() == [0, 1, 0]
    assert data.row(0).values.tolist() == [-0.22082927131631735, -0.6469257198353225]


@pytest.mark.parametrize("name", ["capitals", "mutual"])
def test_rows_of_other_choices_have_their_own(name: str) -> None:
    # Mutual information asks for each choice a second time, without a question.
    data = open_logits(LOGS / f"lm_eval_{name}.jsonl")
    assert (data.shape, data.labels) == ((3, 3), None)
    assert [data.row(row).labels for row in range(3)] == [
        (" Paris", " Rome", " Oslo"),
        (" Oslo", " Rome", " Paris"),
        (" Bern", " Oslo"),
    ]
    assert data.values[2, 2] == -np.inf
    (note,) = data.notes
    assert note == (
        "samples of lm-eval: 3 rows of 2 to 3 choices, the log-probabilities of whole texts; "
        "targets are in the file"
    )


def test_a_temperature_is_fitted_to_them(capfd: pytest.CaptureFixture[str]) -> None:
    path = LOGS / "lm_eval_letters.jsonl"
    data = open_logits(path)
    expected = fit_temperature(data, data.targets).nll
    assert cli.main(["fit", str(path), "--json"]) == 0
    assert json.loads(capfd.readouterr().out)["nll"] == expected
    assert read_targets(path).tolist() == [0, 1, 0]


@pytest.mark.parametrize(
    ("target", "acc", "expected"),
    [
        ("1", None, 1),
        # A choice that is a digit looks like a number: lm-eval's accuracy tells them apart.
        ("1", 1.0, 0),
        ("1", 0.0, 1),
        ("2", 1.0, -100),
        ("[0, 1]", None, -100),
    ],
)
def test_a_target_is_a_number_or_a_text(target: str, acc: float | None, expected: int) -> None:
    data = read(sample({" 1": -0.5, " 0": -1.0}, target, acc=acc))
    assert data.targets.tolist() == [expected]


def test_a_target_is_found_by_its_text() -> None:
    data = read(
        sample({" cat": -0.5, " dog": -1.0}, "dog"), sample({" cat": 0.0, " dog": -1}, "cat")
    )
    assert data.targets.tolist() == [1, 0]


def test_of_several_filters_one_is_read() -> None:
    pets = {" cat": -0.5, " dog": -1.0}
    data = read(sample(pets, 0, filter="strict"), sample(pets, 0, filter="loose"))
    assert data.rows == 1
    assert data.notes[-1] == "of 2 filters, 'strict' is read"


def test_choices_may_stand_in_the_question() -> None:
    record = sample({"a": -0.5, "b": -1.0}, 0)
    for at, name in enumerate(["Ann was late", "Bob was late"]):
        record["arguments"][f"gen_args_{at}"] = {"arg_0": name, "arg_1": " for work."}
    assert read(record).labels == ("Ann was late", "Bob was late")


def test_samples_from_python_have_lists_and_numbers() -> None:
    record = sample({}, 1)
    record["arguments"] = [["question", " cat"], ["question", " dog"]]
    record["resps"] = [[[-0.5, False]], [[-1.0, True]]]
    data = parse_logits(json.dumps([record]))
    assert (data.labels, data.values.tolist()) == ((" cat", " dog"), [[-0.5, -1.0]])


def test_an_odd_row_costs_itself() -> None:
    good = sample({" cat": -0.5, " dog": -1.0}, 0)
    odd = sample({" cat": -0.5, " dog": -1.0}, 0)
    odd["resps"][1] = [["none", "False"]]
    data = read(good, odd)
    assert data.row(0).values.tolist() == [-0.5, -1.0]
    with pytest.raises(FileError, match="row 1: a sample must have a log-probability for each"):
        data.row(1)


@pytest.mark.parametrize("arguments", [None, 3, [None], [[]], {"gen_args_0": None}])
def test_odd_arguments_cost_their_row(arguments: Any) -> None:
    good = sample({" a": -1, " b": -2}, 0)
    both = [["q", " a"], 3]
    data = read(good, {**good, "arguments": arguments}, {**good, "arguments": both}, good)
    assert data.rows == 4
    for row in (1, 2):
        with pytest.raises(FileError):
            data.row(row)
    assert data.row(3).values.tolist() == [-1, -2]


def test_other_lines_and_options_are_refused() -> None:
    good = sample({" cat": -0.5, " dog": -1.0}, 0)
    with pytest.raises(FileError, match="line 2: must be a sample of lm-eval, as the first is"):
        read(good, {"cat": 1.0})
    with pytest.raises(ArgumentError, match="must be left out for samples of lm-eval"):
        open_logits(LOGS / "lm_eval_letters.jsonl", target_column="target")
