"""`doctor`: each fault of a simulated server is found, and a server without one is cleared."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import thermoscope as ts
from tests.model_server import Handler, llama_cpp, needs_llama_cpp, scripted
from tests.simulated_server import FAULTS, FAULTS_OF_VLLM, SimulatedServer, SimulatedVLLM, Transport
from thermoscope import cli
from thermoscope.connection.client import ServerError
from thermoscope.connection.servers import server_at
from thermoscope.connection.source import Source
from thermoscope.diagnosis import Diagnosis, Visit
from thermoscope.diagnosis.race import ALARM, Experiment, Race
from thermoscope.diagnosis.sampler import Sampler

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

# A model on which the other order is told by the temperature, one by top-p and top-k.
MODELS = (4, 5)


def visit(server: SimulatedServer, **options: Any) -> Visit:
    return Visit(Source(server_at(Transport(server))), **options)


def diagnose(fault: str | None, model: int = 4, **options: Any) -> Diagnosis:
    server = SimulatedServer(fault, model)
    found = visit(server, **options)
    found.run()
    diagnosis = found.diagnosis()
    assert diagnosis.requests == server.requests <= 400
    return diagnosis


def script(server: SimulatedServer) -> Callable[[Handler, Any], None]:
    def answer(handler: Handler, body: Any) -> None:
        status, value = server.answer(handler.path, body)
        handler.send(value, status)

    return answer


@pytest.mark.parametrize("model", MODELS)
def test_a_server_without_a_fault_is_cleared(model: int) -> None:
    diagnosis = diagnose(None, model)
    assert diagnosis.of("wrong") == ()
    assert len(diagnosis.of("ok")) == len(diagnosis.findings) == 15
    # One for each prompt, and another where half a character is drawn.
    assert 6 <= diagnosis.requests - sum(each.requests for each in diagnosis.findings) <= 9


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_found(fault: str, model: int) -> None:
    diagnosis = diagnose(fault, model)
    wrong = {finding.check for finding in diagnosis.of("wrong")}
    expected = set(FAULTS[fault].split(", "))
    assert wrong & expected
    # At T ignored, T = 0 is ignored too.
    assert wrong <= expected | {"greedy"}
    for finding in diagnosis.of("wrong"):
        assert finding.meaning
        assert finding.check in diagnosis.verdict


@pytest.mark.parametrize(
    ("fault", "check", "words"),
    [
        ("T ignored", "temperature", "T is ignored"),
        ("T applied twice", "temperature", "the temperature is applied twice"),
        ("raw and processed swapped", "log-probabilities", "llama.cpp should report raw ones"),
        ("top-p ignored", "top_p", "does nothing"),
        ("other order", "top_p", "top_p is done after the temperature, not as llama.cpp documents"),
        ("top-k off by one", "top_k", "one token more than k"),
        ("log-probabilities rounded", "precision", "rounded to 3 places"),
    ],
)
def test_a_fault_is_named(fault: str, check: str, words: str) -> None:
    assert words in diagnose(fault)[check].text


def of_vllm(fault: str | None, most: int = 300) -> Diagnosis:
    server = SimulatedVLLM(fault, 4, most)
    found = Visit(Source(server_at(Transport(server)), 300))
    found.run()
    return found.diagnosis()


def test_vllm_without_a_fault_is_cleared() -> None:
    diagnosis = of_vllm(None)
    assert len(diagnosis.of("ok")) == len(diagnosis.findings) == 13
    assert diagnosis["order"].text == "the order is temperature → min_p → top_k → top_p"
    assert diagnosis["defaults"].text == "where nothing is sent, draws follow T = 1, as documented"


def test_vllm_may_report_processed_log_probabilities() -> None:
    diagnosis = of_vllm("raw and processed swapped")
    assert diagnosis["log-probabilities"].text == "processed: after the temperature and truncation"
    assert diagnosis.of("wrong") == ()


def test_an_order_is_wrong_once() -> None:
    """Where the temperature is last, it is last for the steps that are checked later too."""
    diagnosis = of_vllm("other order")
    assert [finding.check for finding in diagnosis.of("wrong")] == ["top_p"]
    words = "top_p is done before the temperature, not as vllm documents"
    assert diagnosis["top_p"].text == words
    assert diagnosis["order"].text == "the order is min_p → top_k → top_p → temperature"


def test_vllm_reports_as_few_as_it_allows() -> None:
    diagnosis = of_vllm(None, most=20)
    assert diagnosis.of("wrong") == ()
    assert diagnosis["counts"].evidence["most"] == 20
    assert diagnosis.of("not known") == ()


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("fault", FAULTS_OF_VLLM)
def test_each_fault_is_found_by_twenty_tokens(fault: str, model: int) -> None:
    server = SimulatedVLLM(fault, model, 20)
    found = visit(server)
    found.run()
    wrong = {finding.check for finding in found.diagnosis().of("wrong")}
    assert wrong & set(FAULTS[fault].split(", "))
    assert server.requests <= 400


def test_what_top_k_drops_is_not_held_against_top_p() -> None:
    """The order that vLLM does not document: what differs is not named too surely."""
    found = visit(SimulatedVLLM("other order", 5, 20))
    found.run()
    diagnosis = found.diagnosis()
    assert [each.check for each in diagnosis.of("wrong")] == ["top_p"]
    assert "or sees tokens that top_k drops before it" in diagnosis["top_p"].text


def test_what_is_fitted_has_the_temperature_that_was_sent() -> None:
    fitted = diagnose(None)["temperature"].evidence["fitted"]
    for sent, (estimate, error) in fitted.items():
        assert abs(estimate - float(sent)) < 3 * error
        assert error < 0.3 * float(sent)


def test_the_same_seed_gives_the_same_diagnosis() -> None:
    first, second, other = (diagnose(None, seed=seed).to_dict() for seed in (1, 1, 2))
    assert first == second != other


@pytest.mark.parametrize("requests", [1, 5, 40, 150])
def test_a_smaller_budget_is_kept(requests: int) -> None:
    diagnosis = diagnose("T applied twice", requests=requests)
    assert diagnosis.requests == requests
    assert diagnosis.stopped == f"all {requests} requests were used"
    assert len(diagnosis.findings) == 15
    assert diagnosis["defaults"].result == "not known"
    assert (diagnosis["temperature"].result == "wrong") == (requests == 150)
    assert bool(diagnosis.of("ok")) == (requests > 5)


def test_what_is_known_so_far_is_told_where_it_is_stopped() -> None:
    def stop(done: int, _: str) -> None:
        if done == 50:
            raise KeyboardInterrupt

    found = visit(SimulatedServer(None, 4), progress=stop)
    with pytest.raises(KeyboardInterrupt):
        found.run()
    diagnosis = found.diagnosis("ended by Ctrl-C")
    assert diagnosis["counts"].result == "ok"
    assert (diagnosis["seed"].result, diagnosis["seed"].text) == ("not known", "ended by Ctrl-C")
    assert diagnosis.verdict.endswith("(50 requests; ended by Ctrl-C)")


def test_a_server_that_fails_keeps_what_is_known() -> None:
    server = SimulatedServer(None, 4)
    answer = server.answer

    def failing(path: str, body: Any) -> tuple[int, Any]:
        if server.requests == 30:
            raise ServerError("the server has gone")
        return answer(path, body)

    server.answer = failing  # type: ignore[method-assign]
    found = visit(server)
    found.run()
    diagnosis = found.diagnosis()
    assert diagnosis.stopped == "the server has gone"
    assert diagnosis["precision"].result == "ok"
    assert diagnosis["temperature"].result == "not known"


def test_one_odd_answer_costs_one_check() -> None:
    server = SimulatedServer(None, 4)
    answer = server.answer

    def odd(path: str, body: Any) -> tuple[int, Any]:
        if body is not None and body.get("top_k") == 2:
            return 200, {"choices": []}
        return answer(path, body)

    server.answer = odd  # type: ignore[method-assign]
    found = visit(server)
    found.run()
    diagnosis = found.diagnosis()
    assert diagnosis.stopped == ""
    assert "log-probabilities" in {finding.check for finding in diagnosis.of("not known")}
    assert diagnosis["temperature"].result == "ok"


def test_draws_that_are_not_told_are_no_fair_draws() -> None:
    """Every other token is drawn in silence: the ones that are seen would look too sure."""
    server = SimulatedServer(None, 4)
    answer = server.answer

    def hiding(path: str, body: Any) -> tuple[int, Any]:
        status, value = answer(path, body)
        if body is not None and body.get("n_probs") == 1 and value["tokens"][0] % 2:
            value = {"content": "", "tokens": [], "completion_probabilities": []}
        return status, value

    server.answer = hiding  # type: ignore[method-assign]
    found = visit(server)
    found.run()
    diagnosis = found.diagnosis()
    assert diagnosis.of("wrong") == ()
    assert diagnosis["temperature"].text.endswith("drawn tokens are not told by the server")


def test_a_setting_that_is_refused_is_one_check_less() -> None:
    server = SimulatedServer(None, 4)
    answer = server.answer

    def refusing(path: str, body: Any) -> tuple[int, Any]:
        if body is not None and body.get("temperature") == 0:
            return 400, {}
        return answer(path, body)

    server.answer = refusing  # type: ignore[method-assign]
    found = visit(server)
    found.run()
    diagnosis = found.diagnosis()
    assert diagnosis["greedy"].text == "/completion refuses the request (400)"
    assert diagnosis.of("not known") == (diagnosis["greedy"],)
    assert "1 can't be known" in diagnosis.verdict


def test_of_a_server_without_log_probabilities_nothing_can_be_known() -> None:
    server = SimulatedServer(None, 4)
    answer = server.answer

    def silent(path: str, body: Any) -> tuple[int, Any]:
        status, value = answer(path, body)
        return status, {"content": "a", "stop": True} if path == "/completion" else value

    server.answer = silent  # type: ignore[method-assign]
    found = visit(server)
    found.run()
    diagnosis = found.diagnosis()
    assert diagnosis.of("ok") == diagnosis.of("wrong") == ()
    assert diagnosis.verdict.startswith("nothing can be known of this server (1 requests; ")


@pytest.mark.parametrize("shown", [20, 5])
def test_of_a_server_that_reports_few_what_needs_sums_is_not_known(shown: int) -> None:
    server = SimulatedServer(None, 4)
    answer = server.answer

    def cutting(path: str, body: Any) -> tuple[int, Any]:
        if body is not None:
            body = {**body, "n_probs": min(shown, body["n_probs"])}
        return answer(path, body)

    server.answer = cutting  # type: ignore[method-assign]
    found = visit(server)
    found.run()
    diagnosis = found.diagnosis()
    assert diagnosis.of("wrong") == ()
    for check in ("temperature", "greedy", "seed", "top_k"):
        assert diagnosis[check].result == "ok", check
    assert "ask the server for more log-probabilities" in diagnosis["top_n_sigma"].text


def test_a_false_alarm_has_the_chance_that_is_stated() -> None:
    """Many races of a sampler against others near it and far from it: Ville's bound holds."""
    expected = Sampler(engine=None, defaults={"temperature": 1.0})
    others = {f"{t:g}": expected.changed(temperature=lambda _, t=t: t) for t in (0.5, 0.8, 1.25, 2)}
    logits = np.random.default_rng(0).normal(0, 2, (1, 12))
    rng = np.random.default_rng(1)
    p = np.asarray(ts.softmax(logits[0]))
    threshold, alarms = np.log(20.0), 0
    for _ in range(300):
        race = Race({"as sent": expected, **others}, "as sent", logits, [Experiment(0, {})])
        for token in rng.choice(12, 60, p=p):
            race.add(0, int(token))
            if race.alarm >= threshold:
                alarms += 1
                break
    # At most 1 in 20, and not never: 300 races have 15 of 1 / 20 with a standard deviation of 4.
    assert 0 < alarms <= 26
    assert threshold < ALARM


@pytest.mark.parametrize(("fault", "code"), [(None, 0), ("T applied twice", 1)])
def test_the_command_says_it_in_words(
    capfd: pytest.CaptureFixture[str], fault: str | None, code: int
) -> None:
    with scripted(script(SimulatedServer(fault, 4))) as server:
        assert cli.main(["doctor", server.url]) == code
    out, err = capfd.readouterr()
    assert err == ""
    assert out.startswith("llama.cpp b1-simulated · made-up\n")
    assert "Importance ratios need processed log-probabilities" in out
    last = out.splitlines()[-1]
    assert last.startswith(
        "1 of 15 checks found something wrong: temperature" if code else "nothing wrong in 15 of 15"
    )


def test_the_command_prints_json(capfd: pytest.CaptureFixture[str]) -> None:
    with scripted(script(SimulatedServer("seed ignored", 4))) as server:
        assert cli.main(["doctor", server.url, "--json", "--requests", "200"]) == 1
        asked = [body for path, body, _ in server.requests if path == "/completion"]
    document = json.loads(capfd.readouterr().out)
    assert document["requests"] == len(asked) <= 200
    assert {body["n_predict"] for body in asked} == {1}
    found = {finding["check"]: finding for finding in document["findings"]}
    assert found["seed"]["result"] == "wrong"
    assert found["seed"]["evidence"]["pairs"] >= 3


def test_the_command_ends_in_words_by_ctrl_c(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("thermoscope.diagnosis.draws.temperature", stop)
    with scripted(script(SimulatedServer(None, 4))) as server:
        assert cli.main(["doctor", server.url]) == 130
    out = capfd.readouterr().out
    assert "ok         counts" in out
    assert "not known  seed" in out
    assert out.splitlines()[-1].endswith("ended by Ctrl-C)")


def test_the_command_says_that_there_is_no_server(capfd: pytest.CaptureFixture[str]) -> None:
    with scripted(script(SimulatedServer())) as server:
        url = server.url
    assert cli.main(["doctor", url]) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith(f"thermoscope: error: no server answers at {url}")
    assert err.count("\n") == 1


def test_prompts_must_have_tokens() -> None:
    with pytest.raises(ts.ArgumentError, match="prompts must have at least one token each"):
        visit(SimulatedServer(), prompts=[""])


@needs_llama_cpp
@pytest.mark.parametrize("more", [(), ("bytes",)], ids=["numbers", "bytes"])
def test_llama_cpp_does_what_it_documents(tmp_path: Path, more: tuple[str, ...]) -> None:
    rows = np.random.default_rng(3).normal(0, 2, (8, 2048)).astype(np.float32)
    # Not so flat that 400 draws tell nothing.
    rows += -1.2 * np.log(np.arange(1, 2049, dtype=np.float32))
    with llama_cpp(tmp_path, rows, *more) as address:
        diagnosis = ts.doctor(address, prompts=[[row] for row in range(6)])
    assert diagnosis.server.startswith("llama.cpp b")
    assert diagnosis.of("wrong") == (), str(diagnosis)
    assert len(diagnosis.of("ok")) >= 14, str(diagnosis)
    assert diagnosis.requests <= 400
