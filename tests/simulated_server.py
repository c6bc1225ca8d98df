"""A server of a made-up model that speaks llama.cpp's language, with none or one of 12 faults."""

from __future__ import annotations

import math
import zlib
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

import thermoscope as ts
from thermoscope.connection.client import ServerError

Array = NDArray[np.float64]

__all__ = ["FAULTS", "FAULTS_OF_VLLM", "SimulatedServer", "SimulatedVLLM", "Transport"]

FAULTS: Final = {
    "T ignored": "temperature",
    "T applied twice": "temperature",
    "raw and processed swapped": "log-probabilities",
    "wrong default": "defaults",
    "top-p ignored": "top_p",
    "other order": "top_p, min_p, typical_p, order",
    "top-k off by one": "top_k",
    "seed ignored": "seed",
    "T = 0 not greedy": "greedy",
    "U+FFFD for bytes": "tokens",
    "positions off by one": "positions",
    "log-probabilities rounded": "precision",
}
"""Each fault, and the checks that may find it."""
FAULTS_OF_VLLM: Final = {
    fault: checks
    for fault, checks in FAULTS.items()
    # vLLM documents both, and has the bytes of no token.
    if fault not in {"raw and processed swapped", "U+FFFD for bytes"}
}

VOCABULARY: Final = 300
HALVES: Final = 20
STEPS: Final = ("top_n_sigma", "top_k", "typical_p", "top_p", "min_p")
OFF: Final = {"top_k": 0, "top_p": 1.0, "min_p": 0.0, "typical_p": 1.0, "top_n_sigma": -1.0}
DEFAULTS: Final = {"temperature": 0.8, "top_k": 40, "top_p": 0.95, "min_p": 0.05}
WRONG_DEFAULTS: Final[tuple[dict[str, float], ...]] = (
    {"temperature": 0.4},
    {"temperature": 1.3},
    {"top_k": 5},
    {"top_p": 0.6},
    {"top_k": 0, "top_p": 1.0, "min_p": 0.0, "temperature": 1.0},
)


class SimulatedServer:
    """Answers requests as llama.cpp's server does.

    The distributions are made from a hash of the prompt: some are peaked, some flat. Tokens are
    words; the last ones of the vocabulary are halves of characters.
    """

    engine = "llama.cpp"
    steps: tuple[str, ...] = STEPS
    orders: tuple[tuple[str, ...], ...] = (
        (*STEPS, "temperature"),
        ("temperature", *STEPS),
        ("top_n_sigma", "typical_p", "top_p", "top_k", "min_p", "temperature"),
    )
    """The engine's own, and two others: of the temperature, and of top-p and top-k."""
    documented: ClassVar[dict[str, float]] = DEFAULTS
    others: ClassVar[tuple[dict[str, float], ...]] = WRONG_DEFAULTS

    def __init__(self, fault: str | None = None, model: int = 0) -> None:
        assert fault is None or fault in FAULTS
        self.fault, self.model = fault, model
        self.requests = 0
        self._known: dict[Any, tuple[Array, Array]] = {}
        self._random = np.random.default_rng([model, 1])
        self.defaults = dict(self.documented)
        if fault == "wrong default":
            self.defaults |= self.others[model % len(self.others)]
        self.more = (-1) ** model if fault == "top-k off by one" else 0
        self.order = self.orders[1 + model % 2 if fault == "other order" else 0]

    def logits(self, words: list[str]) -> Array:
        """Return the model's logits after some words."""
        draw = np.random.default_rng([self.model, zlib.crc32(" ".join(words).encode())])
        slope = draw.choice([0.6, 1.0, 1.5, 2.5])
        ranks = np.log(np.arange(1, VOCABULARY + 1))
        logits = -slope * ranks + draw.normal(0, 0.4, VOCABULARY)
        return draw.permutation(logits).astype(np.float32).astype(np.float64)

    def probabilities(self, logits: Array, sent: dict[str, Any]) -> Array:
        """Return what a token is drawn from."""
        given = {**OFF, **self.defaults, **sent}
        t = float(given["temperature"])
        if self.fault == "T ignored":
            t = (0.8, 1.0)[self.model % 2]
        elif self.fault == "T applied twice":
            t = t * t
        elif self.fault == "T = 0 not greedy" and t == 0:
            t = 1.0
        if given["top_k"] > 0:
            given["top_k"] += self.more
        ignored = {"top_p"} if self.fault == "top-p ignored" else set()
        if given["top_k"] < 1:
            ignored |= {"top_k"}
        steps = {
            step: given[step]
            for step in self.steps
            if given[step] != OFF[step] and step not in ignored
        }
        order = [step for step in self.order if step == "temperature" or step in steps]
        return ts.truncate(logits, t, engine=self.engine, order=order, **steps)

    def answer(self, path: str, body: Any) -> tuple[int, Any]:
        """Return the status and the JSON value of an answer."""
        if path == "/v1/models":
            meta = {"n_vocab": VOCABULARY}
            return 200, {"data": [{"id": "made-up", "owned_by": "llamacpp", "meta": meta}]}
        if path == "/props":
            return 200, {"build_info": "b1-simulated"}
        if path == "/completion" and body is not None:
            self.requests += 1
            return 200, self._complete(body)
        return 404, {"error": {"message": "File Not Found"}}

    def _drawn(self, body: dict[str, Any]) -> tuple[int, Array]:
        """Return the token that is drawn, and the log-probabilities that are reported."""
        words = body["prompt"].split()
        names = ("temperature", *STEPS)
        sent: dict[str, Any] = {name: body[name] for name in names if name in body}
        key = (body["prompt"], *sent.items())
        if key not in self._known:
            logits = self.logits(words)
            self._known[key] = logits, self.probabilities(logits, sent)
        logits, p = self._known[key]
        fixed = self.fault != "seed ignored" and "seed" in body
        random = np.random.default_rng(body["seed"]) if fixed else self._random
        drawn = int(random.choice(len(p), p=p))
        source = self.logits(words[:-1]) if self.fault == "positions off by one" else logits
        reported = np.asarray(ts.log_softmax(source))
        if self.fault == "raw and processed swapped":
            with np.errstate(divide="ignore"):
                reported = np.log(p)
        return drawn, reported

    def _complete(self, body: dict[str, Any]) -> dict[str, Any]:
        drawn, reported = self._drawn(body)
        best = np.argsort(-reported, kind="stable")[: body["n_probs"]].tolist()
        entry = {
            **self._token(drawn, reported[drawn]),
            "top_logprobs": [
                self._token(at, reported[at]) for at in best if reported[at] > -math.inf
            ],
        }
        return {
            "content": self._data(drawn).decode(errors="replace"),
            "tokens": [drawn] if body.get("return_tokens") else [],
            # Of half a character llama.cpp has no log-probabilities.
            "completion_probabilities": [] if drawn >= VOCABULARY - HALVES else [entry],
            "stop": True,
        }

    def _data(self, token: int) -> bytes:
        half = token - (VOCABULARY - HALVES)
        return bytes([0xE2, 0x80 + half])[: 1 + half % 2] if half >= 0 else f" w{token}".encode()

    def _token(self, token: int, logprob: float) -> dict[str, Any]:
        data = self._data(token)
        text = data.decode(errors="replace")
        if self.fault == "U+FFFD for bytes":
            data = text.encode()
        return {"id": token, "token": text, "bytes": list(data), "logprob": self._number(logprob)}

    def _number(self, logprob: float) -> float:
        """Return a log-probability as it is sent."""
        value = float(np.float32(logprob))
        return round(value, 3) if self.fault == "log-probabilities rounded" else value


class SimulatedVLLM(SimulatedServer):
    """Answers requests as vLLM's server does, which reports the likeliest tokens."""

    engine = "vllm"
    steps = ("min_p", "top_k", "top_p")
    orders = (
        ("temperature", "min_p", "top_k", "top_p"),
        ("min_p", "top_k", "top_p", "temperature"),
        ("temperature", "min_p", "top_p", "top_k"),
    )
    documented: ClassVar[dict[str, float]] = {"temperature": 1.0}
    others = (*WRONG_DEFAULTS[:-1], {"min_p": 0.2})

    def __init__(self, fault: str | None = None, model: int = 0, most: int = VOCABULARY) -> None:
        super().__init__(fault, model)
        self.most = most

    def answer(self, path: str, body: Any) -> tuple[int, Any]:
        """Return the status and the JSON value of an answer."""
        fixed: dict[str, Any] = {
            "/v1/models": {"data": [{"id": "made-up", "owned_by": "vllm"}]},
            "/version": {"version": "0.0-simulated"},
            "/tokenize": {"tokens": [0]},
        }
        if path in fixed:
            return 200, fixed[path]
        if path == "/detokenize":
            data = b"".join(self._data(token) for token in body["tokens"])
            return 200, {"prompt": data.decode(errors="replace")}
        if path == "/v1/completions":
            asked = VOCABULARY if body["logprobs"] == -1 else body["logprobs"]
            if asked > self.most:
                words = f"Requested sample logprobs of {asked}, which is greater than max allowed: "
                return 400, {"error": {"message": f"{words}{self.most}"}}
            self.requests += 1
            return 200, self._choice(body, asked)
        return 404, {"error": {"message": "Not Found"}}

    def _choice(self, body: dict[str, Any], asked: int) -> dict[str, Any]:
        drawn, reported = self._drawn(body)
        best = np.argsort(-reported, kind="stable")[:asked].tolist()
        sent = {
            f"token_id:{at}": self._number(max(reported[at], -9999.0))
            for at in dict.fromkeys([drawn, *best])
        }
        logprobs = {
            "tokens": [f"token_id:{drawn}"],
            "token_logprobs": [sent[f"token_id:{drawn}"]],
            "top_logprobs": [sent],
        }
        return {"choices": [{"text": "", "logprobs": logprobs}]}


class Transport:
    """Takes the place of a client: it asks a simulated server in this process."""

    url = "simulated"
    tells_key_to_all = False

    def __init__(self, server: SimulatedServer) -> None:
        self.server = server

    def find(self, path: str) -> Any:
        """Return the JSON value of a route, or None where there is no such route."""
        status, value = self.server.answer(path, None)
        return value if status == 200 else None

    def post(self, path: str, body: Any) -> Any:
        """Return the answer to a JSON value."""
        status, value = self.server.answer(path, body)
        if status != 200:
            words = value.get("error", {}).get("message", "")
            raise ServerError(
                f"{path} refuses the request ({status}{words and ': '}{words})", status
            )
        return value

    def words(self, text: str) -> str:
        """Return words of the server."""
        return text

    def close(self) -> None:
        """End nothing."""
