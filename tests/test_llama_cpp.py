"""Truncation by llama.cpp's own server, on a model whose next-token logits are ours to choose."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import itertools
import json
import urllib.request
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pytest

import thermoscope as ts
from tests.model_server import llama_cpp, needs_llama_cpp

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

pytestmark = needs_llama_cpp

TOKENS = 2048
LLAMA = ts.engines()["llama.cpp"]
STEPS = ["top_n_sigma", "top_k", "typical_p", "top_p", "min_p"]
# The samplers of a request, with the steps that each of them does.
SAMPLERS = {
    "penalties": ("repetition_penalty", "frequency_penalty", "presence_penalty"),
    "dry": ("dry_multiplier",),
    **{{"typical_p": "typ_p"}.get(step, step): (step,) for step in STEPS},
    "xtc": ("xtc_probability",),
    "temperature": ("temperature",),
}
# What a request calls a keyword by another name.
REQUEST = {
    "repetition_penalty": "repeat_penalty",
    "penalty_last_n": "repeat_last_n",
    "dry_last_n": "dry_penalty_last_n",
    "dry_breakers": "dry_sequence_breakers",
}
# What a request says so that a step does nothing.
OFF = {"top_n_sigma": -1, "top_k": 0, "typical_p": 1, "top_p": 1, "min_p": 0}


def logits() -> np.ndarray:
    """Return rows as a model may have them: spread, a bulk far below a few, tied, all equal."""
    draw = np.random.default_rng(0)
    spread = draw.normal(0, 3, (4, TOKENS))
    bulk = draw.normal(-100, 4, (2, TOKENS))
    for row in bulk:
        row[draw.choice(TOKENS, 40, replace=False)] = draw.exponential(3, 40) - 85
    tied = np.round(draw.normal(0, 3, (2, TOKENS)))
    return np.vstack([spread, bulk, tied, np.zeros(TOKENS)]).astype(np.float32)


LOGITS = logits()
SPREAD, TIED, EQUAL = 0, 6, 8


class Server(NamedTuple):
    """A llama.cpp server; after a text that ends with token n, its model has row n of LOGITS."""

    address: str

    def ask(self, row: int, text: Sequence[int] = (), **settings: Any) -> dict[str, Any]:
        """Let it draw one token after a text and the token of a row, and return its answer."""
        request = {"prompt": [*text, row], "n_predict": 1, "n_probs": TOKENS, "cache_prompt": False}
        body = json.dumps({**request, "seed": 1, **settings}).encode()
        header = {"Content-Type": "application/json"}
        sent = urllib.request.Request(f"{self.address}/completion", body, header)  # noqa: S310
        with urllib.request.urlopen(sent, timeout=60) as response:  # noqa: S310
            return json.load(response)

    def probabilities(self, row: int, text: Sequence[int] = (), **settings: Any) -> np.ndarray:
        """Return what it draws from, after its samplers."""
        answer = self.ask(row, text, post_sampling_probs=True, **settings)
        (drawn,) = answer["completion_probabilities"]
        result = np.zeros(TOKENS)
        for token in drawn["top_probs"]:
            result[token["id"]] = token["prob"]
        assert result[drawn["id"]] > 0
        return result


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with llama_cpp(tmp_path_factory.mktemp("llama_cpp"), LOGITS) as address:
        yield Server(address)


def by_rank(row: int, values: np.ndarray) -> np.ndarray:
    """Sort by logit. Which of the tokens that tie are kept, a sort that isn't stable decides."""
    return values[np.lexsort((values, LOGITS[row]))]


class Setting(NamedTuple):
    """What a request asks for, in the order of the engine or in another."""

    row: int
    temperature: float
    options: dict[str, float]
    order: Sequence[str] | None = None
    # The text before the token of the row, and the keywords of Penalties.
    text: Sequence[int] = ()
    penalties: Mapping[str, Any] = {}

    def theirs(self, server: Server, **more: Any) -> np.ndarray:
        """Return the server's probabilities, by rank."""
        more |= {"temperature": self.temperature, **self.options}
        if self.order is None:
            more = OFF | more
        else:
            # A step that isn't named does nothing, whatever its default.
            places = {
                name: min(self.order.index(step) for step in steps if step in self.order)
                for name, steps in SAMPLERS.items()
                if not {*steps}.isdisjoint(self.order)
            }
            more["samplers"] = sorted(places, key=lambda name: places[name])
        more |= {REQUEST.get(name, name): value for name, value in self.penalties.items()}
        if "logit_bias" in self.penalties:
            bias = self.penalties["logit_bias"]
            more["logit_bias"] = [[i, False if b == -np.inf else b] for i, b in bias.items()]
        if "dry_breakers" in self.penalties:
            more["dry_sequence_breakers"] = (
                ["\n"] if self.penalties["dry_breakers"] == [3] else ["7"]
            )
        return by_rank(self.row, server.probabilities(self.row, self.text, **more))

    def ours(self, **nudged: float) -> tuple[np.ndarray, np.ndarray]:
        """Return what is kept and the probabilities, by rank."""
        penalties = ts.Penalties(history=[*self.text, self.row], **self.penalties)
        named = {**self.options, **nudged, "engine": "llama.cpp", "order": self.order}
        named["penalties"] = penalties
        row = LOGITS[self.row].astype(np.float64)
        kept = ts.keep(row, self.temperature, **named)
        probabilities = ts.truncate(row, self.temperature, **named)
        return by_rank(self.row, kept), by_rank(self.row, probabilities)


def agree(theirs: np.ndarray, setting: Setting) -> bool:
    """Hold the server's probabilities against ours; return whether we keep the same tokens.

    The server adds up to 2,048 probabilities in float32, which errs by less than 1e-5. Where that
    decides, it keeps one token more or less, as we do if a parameter differs by as little.
    """
    exactly, _ = setting.ours()
    exact = {"top_k", "min_keep", "xtc_probability", "dynatemp_range", "dynatemp_exponent"}
    parameters = [step for step in setting.options if step not in exact]
    for signs in itertools.product((0, -1e-5, 1e-5), repeat=len(parameters)):
        nudged = {s: setting.options[s] * (1 + e) for s, e in zip(parameters, signs, strict=True)}
        kept, probabilities = setting.ours(**nudged)
        # The server leaves out what is 0 in float32.
        if np.array_equal(theirs > 0, kept & ((theirs > 0) | (probabilities > 1e-37))):
            # A dynamic temperature has the error of an entropy of 2,048 probabilities.
            rtol = 1e-3 if setting.options.get("dynatemp_range") else 1e-4
            np.testing.assert_allclose(theirs, probabilities, rtol=rtol, atol=1e-37)
            assert np.count_nonzero(kept ^ exactly) <= 1, setting
            return not any(signs)
    pytest.fail(f"the server keeps {np.count_nonzero(theirs)}, we {exactly.sum()}: {setting}")


def random_settings(number: int) -> Iterator[Setting]:
    draw = np.random.default_rng(19)
    values = {
        "top_k": lambda: int(draw.choice([1, 2, 5, 40, 100, 500, TOKENS, 3000])),
        "top_p": lambda: draw.uniform(0, 1),
        "min_p": lambda: 10 ** draw.uniform(-4, 0),
        "typical_p": lambda: draw.uniform(0, 1),
        "top_n_sigma": lambda: draw.uniform(0.5, 4),
    }
    while number:
        steps = [step for step in STEPS if draw.random() < 0.6]
        temperature = float(draw.choice([0, 0.1, 0.3, 0.7, 1, 1.5, 3, 100]))
        order = None
        if draw.random() < 0.7:
            order = draw.permutation([*steps, "temperature"]).tolist()
            if temperature == 1 and draw.random() < 0.5:
                order.remove("temperature")
        done = order or steps
        before = done[: done.index("typical_p")] if "typical_p" in done else []
        # There typical_p may see a probability of 0: see below.
        low = "temperature" in before and 0 < temperature < 0.7
        if not low and "top_n_sigma" not in before:
            options = {step: values[step]() for step in steps}
            yield Setting(int(draw.integers(len(LOGITS))), temperature, options, order)
            number -= 1


def test_the_log_probabilities_are_those_of_the_logits(server: Server) -> None:
    for row, expected in enumerate(ts.log_softmax(LOGITS.astype(np.float64))):
        (drawn,) = server.ask(row)["completion_probabilities"]
        reported = {token["id"]: token["logprob"] for token in drawn["top_logprobs"]}
        got = [reported[token] for token in range(TOKENS)]
        np.testing.assert_allclose(got, expected, rtol=0, atol=1e-5)


def test_random_settings_and_orders_keep_the_same_tokens(server: Server) -> None:
    settings = list(random_settings(400))
    exactly = [agree(setting.theirs(server), setting) for setting in settings]
    # A sum that rounding decides is rare.
    assert exactly.count(False) <= 2
    orders = {tuple(setting.order) for setting in settings if setting.order}
    assert len(orders) > 100
    for step in STEPS:
        assert sum(step in setting.options for setting in settings) > 100


def random_texts(number: int) -> Iterator[Setting]:
    """Draw texts that repeat themselves, with all steps, a dynamic temperature and min_keep."""
    draw = np.random.default_rng(7)
    values: dict[str, Any] = {
        "repetition_penalty": lambda: draw.uniform(0.7, 1.5),
        "frequency_penalty": lambda: draw.uniform(-0.5, 0.5),
        "presence_penalty": lambda: draw.uniform(-1, 1),
        "dry_multiplier": lambda: draw.uniform(0, 1),
        "top_n_sigma": lambda: draw.uniform(1, 4),
        "top_k": lambda: int(draw.choice([2, 5, 40, 100, 500])),
        "typical_p": lambda: draw.uniform(0.2, 1),
        "top_p": lambda: draw.uniform(0.2, 1),
        "min_p": lambda: 10 ** draw.uniform(-3, -1),
        # 1 is the one chance whose outcome is known.
        "xtc_probability": lambda: 1,
    }
    for _ in range(number):
        # Few different tokens, and repeats of what stands before them.
        text = draw.choice([0, 1, 2, 3, 40, 41, 700], draw.integers(0, 30)).tolist()
        text += text[draw.integers(0, len(text) + 1) :][: draw.integers(0, 30)]
        steps = [step for step in values if draw.random() < 0.5]
        order = None
        if draw.random() < 0.6:
            shuffled = draw.permutation([*SAMPLERS]).tolist()
            order = [s for name in shuffled for s in SAMPLERS[name] if s in {*steps, "temperature"}]
        done = order or [step for step in LLAMA.order if step in steps]
        if "typical_p" in done and {"top_n_sigma", "temperature"} & {
            *done[: done.index("typical_p")]
        }:
            continue
        chosen = {step: values[step]() for step in steps}
        penalties = {step: chosen.pop(step) for step in [*chosen] if step in LLAMA.order[:5]}
        if draw.random() < 0.5:
            near = draw.choice(TOKENS, 4, replace=False).tolist()
            bias = draw.uniform(-5, 5, 4).tolist() if "typical_p" in chosen else [-np.inf, 2, 3, -1]
            penalties["logit_bias"] = dict(zip(near, bias, strict=True))
            # No sampler of a request, but always the first one.
            order = order and ["logit_bias", *order]
        if penalties.keys() & {*SAMPLERS["penalties"]} and draw.random() < 0.5:
            penalties["penalty_last_n"] = int(draw.choice([0, 1, 3, 10, 50]))
        if "dry_multiplier" in penalties:
            penalties["dry_base"] = draw.uniform(1, 1.75)
            penalties["dry_allowed_length"] = int(draw.integers(0, 4))
            penalties["dry_last_n"] = int(draw.choice([0, 2, 10, 40, 64]))
            # The line feed is the token 3, and a name such as " 47" has a 7.
            sevens = [token for token in range(4, TOKENS) if "7" in str(token)]
            penalties["dry_breakers"] = [3] if draw.random() < 0.7 else sevens
        if "xtc_probability" in chosen:
            chosen["xtc_threshold"] = 10 ** draw.uniform(-3, -0.5)
        if draw.random() < 0.4:
            chosen |= {
                "dynatemp_range": draw.uniform(0, 1),
                "dynatemp_exponent": draw.uniform(0, 2),
            }
        if draw.random() < 0.4:
            chosen["min_keep"] = int(draw.choice([0, 1, 2, 5, 30]))
        temperature = float(draw.choice([0, 0.5, 0.8, 1, 1.5, 3]))
        yield Setting(int(draw.integers(4)), temperature, chosen, order, text, penalties)


def test_random_texts_penalties_and_orders_give_the_same_probabilities(server: Server) -> None:
    settings = list(random_texts(400))
    exactly = [agree(setting.theirs(server), setting) for setting in settings]
    assert exactly.count(False) <= 2
    assert len({tuple(setting.order) for setting in settings if setting.order}) > 100
    for step in (*LLAMA.order[:5], "penalty_last_n"):
        assert sum(step in setting.penalties for setting in settings) > 60
    for keyword in ("xtc_probability", "dynatemp_range", "min_keep"):
        assert sum(keyword in setting.options for setting in settings) > 60


@pytest.mark.parametrize(
    ("row", "temperature", "options", "count"),
    [
        # 2,048 times 2^-11: float32 sums it exactly. top_p ends at a sum >= p, typical_p at a
        # sum > p.
        (EQUAL, 1, {"top_p": 0.5}, 1024),
        (EQUAL, 1, {"typical_p": 0.5}, 1025),
        (EQUAL, 1, {"top_p": 0}, 1),
        (EQUAL, 1, {"typical_p": 0}, 1),
        (EQUAL, 1, {"top_k": 7}, 7),
        (EQUAL, 1, {"min_p": 1}, TOKENS),
        (EQUAL, 1, {"top_n_sigma": 1}, TOKENS),
        (EQUAL, 0, {}, 1),
        # Off.
        (SPREAD, 1, {"top_k": 0}, TOKENS),
        (SPREAD, 1, {"top_k": -7}, TOKENS),
        (SPREAD, 1, {"top_k": TOKENS + 1}, TOKENS),
        (SPREAD, 1, {"top_p": 1}, TOKENS),
        (SPREAD, 1, {"typical_p": 1}, TOKENS),
        (SPREAD, 1, {"min_p": 0}, TOKENS),
        (SPREAD, 1, {"top_n_sigma": 0}, TOKENS),
        (SPREAD, 1, {"top_n_sigma": -2}, TOKENS),
        # The temperatures.
        (SPREAD, 0, {}, 1),
        (SPREAD, 1e-9, {}, 1),
        (SPREAD, 1e30, {"top_k": 100}, 100),
        (SPREAD, 0, {"top_k": 50, "typical_p": 0.2}, 1),
        (TIED, 0, {"top_k": 50}, 1),
        (TIED, 0.5, {"top_k": 50}, 50),
        # top_k takes away what top_n_sigma only gives the probability 0.
        (SPREAD, 1, {"top_n_sigma": 2, "top_k": 50, "typical_p": 0.6}, 19),
    ],
)
def test_the_edges(
    server: Server, row: int, temperature: float, options: dict[str, float], count: int
) -> None:
    setting = Setting(row, temperature, options)
    theirs = setting.theirs(server)
    assert agree(theirs, setting)
    assert np.count_nonzero(theirs) == count


def test_the_defaults_are_what_is_done_where_nothing_is_said(server: Server) -> None:
    answer = server.ask(SPREAD)["generation_settings"]
    samplers = answer["samplers"]
    assert samplers == [
        name for step in LLAMA.order for name, steps in SAMPLERS.items() if step == steps[0]
    ]
    # float32 rounds 0.8, 0.95 and 0.05.
    said = {name: round(answer[name], 6) for name in ("temperature", *STEPS)}
    assert said == {"temperature": 1} | OFF | dict(LLAMA.defaults)
    details = {
        REQUEST.get(name, name): value
        for name, value in LLAMA.details.items()
        if name != "dry_breakers"
    }
    assert {name: round(answer[name], 6) for name in details} == details
    options = dict(LLAMA.defaults)
    temperature = options.pop("temperature")
    for row in range(len(LOGITS)):
        theirs = by_rank(row, server.probabilities(row))
        agree(theirs, Setting(row, temperature, options))


@pytest.mark.parametrize("options", [{"top_p": 0.0}, {"min_p": 1.0}, {"typical_p": 0.0}])
def test_min_keep_keeps_the_first_ones_of_a_rule(server: Server, options: dict[str, float]) -> None:
    for least, count in [(0, 1), (1, 1), (5, 5), (TOKENS + 1, TOKENS)]:
        setting = Setting(SPREAD, 1, {**options, "min_keep": least})
        theirs = setting.theirs(server)
        assert agree(theirs, setting)
        assert np.count_nonzero(theirs) == count


@pytest.mark.parametrize(
    "setting",
    [
        Setting(SPREAD, 1, {"top_n_sigma": 2, "typical_p": 0.6}),
        Setting(SPREAD, 1, {"top_n_sigma": 2, "top_k": 500, "typical_p": 0.6}),
        Setting(SPREAD, 0.05, {"typical_p": 0.6}, ["temperature", "typical_p"]),
    ],
    ids=["after top_n_sigma", "after top_k of more", "after a low temperature"],
)
def test_typical_p_fails_where_a_probability_is_0(server: Server, setting: Setting) -> None:
    """0 log 0 makes the server's entropy NaN, by which it sorts: `keep` does what was meant.

    top_n_sigma leaves the tokens that it drops in the row, with the probability 0.
    """
    kept, _ = setting.ours()
    assert ((setting.theirs(server) > 0) != kept).any()


def test_the_version_that_was_read_is_the_one_that_runs() -> None:
    # The year, the month and the build.
    assert LLAMA.version == "b" + importlib.metadata.version("xllamacpp").split(".")[2]
