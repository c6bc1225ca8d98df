"""How each kind of server is asked for the distribution of the next token.

Their answers are read by `thermoscope.data.formats`, as those in files are. What was read of each:

=========  =========================================================================================
llama.cpp  tools/server/README.md: ``/completion`` with ``n_probs``, ``/tokenize``, ``/detokenize``,
           ``/apply-template``, ``/props``. Log-probabilities are of all logits, as the model gave
           them; half a character is sent without them.
vLLM       "OpenAI-Compatible Server", vllm/entrypoints/openai: ``/v1/completions``, ``/tokenize``,
           ``/detokenize``, ``/version``. As many log-probabilities as ``--max-logprobs`` allows;
           raw, or processed where ``--logprobs-mode`` says so.
SGLang     "Sampling Parameters", srt/managers/io_struct.py: ``/generate``, ``/get_model_info``
Ollama     docs/api.md, docs/openapi.yaml: ``/api/generate`` with ``raw``, ``/api/show``; at most 20
TGI        docs/openapi.json: ``/generate``, ``/tokenize``, ``/info``; at most 5
OpenAI     API reference: ``/v1/completions``, at most 5; ``/v1/chat/completions``, at most 20
=========  =========================================================================================

Each request says that nothing is truncated, penalised or divided by a temperature, so that it does
not matter to the model's own distribution whether a server reports raw or processed numbers.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeAlias

from thermoscope.arguments import ArgumentError
from thermoscope.connection.client import ServerError
from thermoscope.data.formats.servers import as_dict, as_list
from thermoscope.reported import Token

if TYPE_CHECKING:
    from thermoscope.connection.client import Client

__all__ = ["KINDS", "Prompt", "Server", "server_at"]

Prompt: TypeAlias = str | Sequence[int]
"""A text, or the numbers of its tokens."""

Settings: TypeAlias = Mapping[str, float | int]
"""Of a sampler, by the keywords of `truncate`, and "temperature" and "seed"."""

ENOUGH: Final = 1000
"""Log-probabilities that are asked for where a server would send all, but can't say how many."""

NAMED: Final = 50
"""Of each position, how many tokens get their text where each needs a request of its own, once."""

NUMBERED: Final = "token_id:"
"""So vLLM writes the number of a token in place of its text."""

TOO_MANY: Final = re.compile(r"logprobs.*?(?:max allowed: |max_logprobs\D{1,20})(\d+)")
"""What vLLM says where it is asked for more log-probabilities than it may report."""


class Server(ABC):
    """One kind of server, and what is known of this one.

    Parameters
    ----------
    client : Client
    model : str
        As the server names it.
    card : Mapping
        What the server's list of models says of it.

    Attributes
    ----------
    kind : str
        The name of the kind.
    version : str or None
    vocabulary : int or None
        How many tokens the model has, where the server tells it.
    most : int or None
        The most log-probabilities that the server reports; None for all.
    advice : str
        How the server is made to report more.
    takes_ids : bool
        Whether a prompt may be the numbers of tokens: half characters need that.
    ends : frozenset of int
        The tokens that end a text, where the server tells them.
    names : Mapping
        What the server calls the settings of a sampler.
    """

    kind: ClassVar[str]
    takes_ids: ClassVar[bool] = False
    names: ClassVar[Mapping[str, str]] = {}
    advice: ClassVar[str] = ""
    most: int | None = None
    version: str | None = None
    vocabulary: int | None = None
    ends: frozenset[int] = frozenset()

    def __init__(self, client: Client, model: str, card: Mapping[str, Any]) -> None:
        self.client, self.model, self.card = client, model, card

    @classmethod
    @abstractmethod
    def answers_at(cls, client: Client, owner: str) -> bool:
        """Whether this kind of server is there; `owner` is what its list of models names."""

    @abstractmethod
    def complete(self, prompt: Prompt, top: int, settings: Settings | None = None) -> Any:
        """Have one token drawn, and return the answer with `top` log-probabilities.

        Parameters
        ----------
        prompt : str or sequence of int
        top : int
            How many log-probabilities to ask for.
        settings : Mapping, optional
            Of the sampler; by default the distribution is the model's own.
        """

    def tokenize(self, text: str) -> list[Token] | None:
        """Return the tokens of a text, with those that the model wants before it."""
        del text
        return None

    def score(self, ids: Sequence[int], top: int) -> Iterator[Any]:
        """Iterate over answers which together report every token of a text but the first."""
        del ids, top
        raise ServerError(f"{self.kind} does not report the tokens of a prompt, only of its answer")

    def from_chat(self, messages: Sequence[Mapping[str, str]]) -> Prompt:
        """Return the prompt that the model's template makes of a chat."""
        del messages
        raise ServerError(
            f"{self.kind} does not tell its chat template: give the whole prompt as text"
        )

    def wanted(self, top: int | None) -> int:
        """Return how many log-probabilities to ask for, where `top` is what the caller wants."""
        limits = [each for each in (top, self.most, self.vocabulary) if each is not None]
        return min(limits) if limits else ENOUGH

    def _named(self, settings: Settings, *also: str) -> dict[str, float | int]:
        """Return settings by the server's names."""
        names = {**self.names, **{name: name for name in also}}
        for name in settings:
            if name not in names:
                known = ", ".join(names)
                raise ArgumentError(name, f"is no setting of {self.kind}: they are {known}")
        return {names[name]: value for name, value in settings.items()}


class LlamaCpp(Server):
    """llama.cpp's own server."""

    kind = "llama.cpp"
    takes_ids = True
    names: ClassVar[Mapping[str, str]] = {
        "temperature": "temperature",
        "top_k": "top_k",
        "top_p": "top_p",
        "min_p": "min_p",
        "typical_p": "typical_p",
        "top_n_sigma": "top_n_sigma",
        "seed": "seed",
    }
    _newline: int | None = None

    @classmethod
    def answers_at(cls, client: Client, owner: str) -> bool:
        """Whether the list of models is llama.cpp's."""
        del client
        return owner == "llamacpp"

    def __init__(self, client: Client, model: str, card: Mapping[str, Any]) -> None:
        super().__init__(client, model, card)
        self.vocabulary = _count(as_dict(self.card.get("meta")).get("n_vocab"))
        props = as_dict(self.client.find("/props"))
        self.version = _text(props.get("build_info"))
        if end := _text(props.get("eos_token")):
            tokens = self._tokens(end, special=False)
            self.ends = frozenset(token.id for token in tokens[:1] if len(tokens) == 1 and token.id)

    def complete(self, prompt: Prompt, top: int, settings: Settings | None = None) -> Any:
        """Have one token drawn: without settings, one that is a whole character."""
        if settings is None:
            if self._newline is None:
                self._newline = self._tokens("\n", special=False)[-1].id
            return self._drawing(self._newline, prompt, top)
        return self._complete(prompt, top, self._named(settings))

    def _drawing(self, token: int | None, prompt: Prompt, top: int) -> Any:
        """Have a given token drawn.

        The numbers are of the logits before any sampler and bias, so which one is drawn does not
        matter to them. But of half a character the server sends no log-probabilities.
        """
        sampler = {"samplers": [], "temperature": 0, "logit_bias": [[token, 1e9]]}
        return self._complete(prompt, top, sampler)

    def _complete(self, prompt: Prompt, top: int, sampler: Mapping[str, Any]) -> Any:
        return self.client.post(
            "/completion",
            {
                "prompt": prompt if isinstance(prompt, str) else list(prompt),
                "n_predict": 1,
                "n_probs": top,
                "cache_prompt": True,
                **sampler,
            },
        )

    def score(self, ids: Sequence[int], top: int) -> Iterator[Any]:
        """Have each token of a text drawn after those before it."""
        for at in range(1, len(ids)):
            answer = self._drawing(ids[at], ids[:at], top)
            if not as_dict(answer).get("completion_probabilities"):
                # Half a character: it is one of all.
                answer = self.complete(ids[:at], self.vocabulary or top)
            yield answer

    def tokenize(self, text: str) -> list[Token]:
        """Return the tokens of a text, with the beginning of a text where the model wants it."""
        return self._tokens(text, special=True)

    def _tokens(self, text: str, *, special: bool) -> list[Token]:
        body = {"content": text, "add_special": special, "with_pieces": True}
        return [
            _piece(each.get("id"), each.get("piece"))
            for each in map(
                as_dict, as_list(as_dict(self.client.post("/tokenize", body)).get("tokens"))
            )
        ]

    def from_chat(self, messages: Sequence[Mapping[str, str]]) -> str:
        """Return the text that the model's template makes of a chat."""
        prompt = _text(
            as_dict(self.client.post("/apply-template", {"messages": [*messages]})).get("prompt")
        )
        if prompt is None:
            raise ServerError(f"{self.client.url}/apply-template has not sent a prompt")
        return prompt


class VLLM(Server):
    """vLLM's server with the routes of OpenAI."""

    kind = "vLLM"
    takes_ids = True
    advice = "start it with --max-logprobs -1"
    names: ClassVar[Mapping[str, str]] = {
        "temperature": "temperature",
        "top_k": "top_k",
        "top_p": "top_p",
        "min_p": "min_p",
        "seed": "seed",
    }
    OFF: ClassVar[Settings] = {"temperature": 1.0, "top_k": -1, "top_p": 1.0, "min_p": 0.0}
    ALL: ClassVar[int] = -1

    @classmethod
    def answers_at(cls, client: Client, owner: str) -> bool:
        """Whether the list of models is vLLM's."""
        del client
        return owner == "vllm"

    def __init__(self, client: Client, model: str, card: Mapping[str, Any]) -> None:
        super().__init__(client, model, card)
        self.version = _text(as_dict(self.client.find("/version")).get("version"))
        self._texts: dict[int, str] = {}

    def wanted(self, top: int | None) -> int:
        """Return -1 for all, unless the caller wants fewer or the server has refused it."""
        return super().wanted(top) if top or self.most or self.vocabulary else self.ALL

    def complete(self, prompt: Prompt, top: int, settings: Settings | None = None) -> Any:
        """Have one token drawn. Where as many log-probabilities are refused, ask for fewer."""
        body = {
            "model": self.model,
            "prompt": prompt if isinstance(prompt, str) else list(prompt),
            "max_tokens": 1,
            "logprobs": top,
            **self._named({**self.OFF, **(settings or {})}),
        }
        # Two tokens of the same text would be one in an object.
        answer = self._asked({**body, "return_tokens_as_token_ids": True})
        return self._with_texts(answer) if settings is None else answer

    def _asked(self, body: dict[str, Any], field: str = "logprobs") -> Any:
        """Ask, and again for fewer log-probabilities where that many are refused."""
        try:
            return self.client.post("/v1/completions", body)
        except ServerError as error:
            allowed = TOO_MANY.search(str(error))
            if error.status != 400 or allowed is None:
                raise
            self.most = int(allowed[1])
            if 0 <= body[field] <= self.most:
                raise
        body[field] = self.most
        return self._asked(body, field)

    def _with_texts(self, answer: Any) -> Any:
        """Return an answer in the form of a chat, which has room for numbers and texts."""
        choices = as_list(as_dict(answer).get("choices"))
        logprobs = as_dict(as_dict(choices[0]).get("logprobs")) if choices else {}
        keys, values, tops = (
            as_list(logprobs.get(name)) for name in ("tokens", "token_logprobs", "top_logprobs")
        )
        if len(keys) != 1 or len(values) != 1 or not as_dict(tops[0] if tops else None):
            return answer  # its reader says what is wrong with it
        listed = sorted(tops[0].items(), key=lambda item: -item[1])
        top = [
            self._record(key, value, named=place < NAMED)
            for place, (key, value) in enumerate(listed)
        ]
        content = {**self._record(keys[0], values[0], named=True), "top_logprobs": top}
        return {"choices": [{"logprobs": {"content": [content]}}]}

    def _record(self, key: str, logprob: float, *, named: bool) -> dict[str, Any]:
        number = key.removeprefix(NUMBERED)
        if not number.isdecimal():
            return {"token": key, "logprob": logprob}
        at = int(number)
        if named and at not in self._texts:
            self._texts[at] = self._detokenize([self._anchor, at])[self._anchor_length :]
        text = self._texts.get(at)
        return {"id": at, "logprob": logprob} | ({} if text is None else {"token": text})

    @cached_property
    def _anchor(self) -> int:
        """A token to stand before others: some tokenizers take the space from a first one."""
        tokens = self.tokenize("a")
        return next((token.id for token in reversed(tokens) if token.id is not None), 0)

    @cached_property
    def _anchor_length(self) -> int:
        return len(self._detokenize([self._anchor]))

    def _detokenize(self, ids: Sequence[int]) -> str:
        body = {"model": self.model, "tokens": [*ids]}
        return _text(as_dict(self.client.post("/detokenize", body)).get("prompt")) or ""

    def score(self, ids: Sequence[int], top: int) -> Iterator[Any]:
        """Ask once, for the log-probabilities of a prompt."""
        body = {
            "model": self.model,
            "prompt": [*ids],
            "max_tokens": 1,
            "prompt_logprobs": top,
        }
        yield {**as_dict(self._asked(body, "prompt_logprobs")), "choices": []}

    def tokenize(self, text: str) -> list[Token]:
        """Return the tokens of a text, with the beginning of a text where the model wants it."""
        body = {
            "model": self.model,
            "prompt": text,
            "add_special_tokens": True,
            "return_token_strs": True,
        }
        return self._tokens(body)

    def _tokens(self, body: object) -> list[Token]:
        found = as_dict(self.client.post("/tokenize", body))
        numbers, texts = as_list(found.get("tokens")), as_list(found.get("token_strs"))
        return [
            _piece(number, texts[at] if at < len(texts) else None)
            for at, number in enumerate(numbers)
        ]

    def from_chat(self, messages: Sequence[Mapping[str, str]]) -> Prompt:
        """Return the tokens that the model's template makes of a chat."""
        body = {"model": self.model, "messages": [*messages], "add_generation_prompt": True}
        return [token.id for token in self._tokens(body) if token.id is not None]


class SGLang(Server):
    """SGLang's own route."""

    kind = "SGLang"
    takes_ids = True
    names: ClassVar[Mapping[str, str]] = {
        "temperature": "temperature",
        "top_k": "top_k",
        "top_p": "top_p",
        "min_p": "min_p",
        "seed": "sampling_seed",
    }
    OFF: ClassVar[Settings] = {"temperature": 1.0, "top_k": -1, "top_p": 1.0, "min_p": 0.0}

    @classmethod
    def answers_at(cls, client: Client, owner: str) -> bool:
        """Whether the list of models is SGLang's."""
        del client
        return owner == "sglang"

    def __init__(self, client: Client, model: str, card: Mapping[str, Any]) -> None:
        super().__init__(client, model, card)
        about = as_dict(self.client.find("/server_info") or self.client.find("/get_server_info"))
        self.version = _text(about.get("version"))

    def complete(self, prompt: Prompt, top: int, settings: Settings | None = None) -> Any:
        """Have one token drawn."""
        given = {"text": prompt} if isinstance(prompt, str) else {"input_ids": list(prompt)}
        sampler = self._named({**self.OFF, **(settings or {})})
        return self.client.post(
            "/generate",
            {
                **given,
                "sampling_params": {"max_new_tokens": 1, **sampler},
                "return_logprob": True,
                "top_logprobs_num": top,
                "return_text_in_logprobs": True,
            },
        )


class Ollama(Server):
    """Ollama's own route, without its template."""

    kind = "Ollama"
    most = 20
    names: ClassVar[Mapping[str, str]] = {
        "temperature": "temperature",
        "top_k": "top_k",
        "top_p": "top_p",
        "min_p": "min_p",
        "typical_p": "typical_p",
        "seed": "seed",
    }
    OFF: ClassVar[Settings] = {"temperature": 1.0, "top_k": 0, "top_p": 1.0, "min_p": 0.0}

    @classmethod
    def answers_at(cls, client: Client, owner: str) -> bool:
        """Whether Ollama tells its version."""
        return owner in {"library", ""} and "version" in as_dict(client.find("/api/version"))

    def __init__(self, client: Client, model: str, card: Mapping[str, Any]) -> None:
        super().__init__(client, model, card)
        self.version = _text(as_dict(self.client.find("/api/version")).get("version"))
        about = as_dict(self.client.post("/api/show", {"model": self.model, "verbose": True}))
        info = as_dict(about.get("model_info"))
        tokens = as_list(info.get("tokenizer.ggml.tokens"))
        sizes = (_count(info[key]) for key in info if key.endswith(".vocab_size"))
        self.vocabulary = len(tokens) or next(sizes, None)

    def complete(self, prompt: Prompt, top: int, settings: Settings | None = None) -> Any:
        """Have one token drawn."""
        sampler = self._named({**self.OFF, **(settings or {})})
        return self.client.post(
            "/api/generate",
            {
                "model": self.model,
                "prompt": _as_text(prompt, self.kind),
                "raw": True,
                "stream": False,
                "logprobs": True,
                "top_logprobs": top,
                "options": {"num_predict": 1, "repeat_penalty": 1.0, **sampler},
            },
        )


class TGI(Server):
    """Text Generation Inference."""

    kind = "TGI"
    most = 5
    names: ClassVar[Mapping[str, str]] = {
        "temperature": "temperature",
        "top_k": "top_k",
        "top_p": "top_p",
        "typical_p": "typical_p",
        "seed": "seed",
    }

    @classmethod
    def answers_at(cls, client: Client, owner: str) -> bool:
        """Whether the server tells what TGI tells."""
        del owner
        about = as_dict(client.find("/info"))
        return {"model_id", "version", "max_concurrent_requests"} <= about.keys()

    def __init__(self, client: Client, model: str, card: Mapping[str, Any]) -> None:
        super().__init__(client, model, card)
        self.version = _text(as_dict(self.client.find("/info")).get("version"))

    def complete(self, prompt: Prompt, top: int, settings: Settings | None = None) -> Any:
        """Have one token drawn. Without settings the server draws the likeliest."""
        sampler = {} if settings is None else {"do_sample": True, **self._named(settings)}
        return self.client.post(
            "/generate",
            {
                "inputs": _as_text(prompt, self.kind),
                "parameters": {
                    "max_new_tokens": 1,
                    "details": True,
                    "top_n_tokens": top,
                    **sampler,
                },
            },
        )

    def tokenize(self, text: str) -> list[Token]:
        """Return the tokens of a text, with the beginning of a text where the model wants it."""
        found = self.client.post("/tokenize", {"inputs": text})
        return [_piece(each.get("id"), each.get("text")) for each in map(as_dict, as_list(found))]


class OpenAI(Server):
    """OpenAI, and any other server that has its routes."""

    kind = "a server like OpenAI's"
    most = 5
    names: ClassVar[Mapping[str, str]] = {
        "temperature": "temperature",
        "top_p": "top_p",
        "seed": "seed",
    }
    OFF: ClassVar[Settings] = {"temperature": 1.0, "top_p": 1.0}

    @classmethod
    def answers_at(cls, client: Client, owner: str) -> bool:
        """Take what no other kind has taken."""
        del client, owner
        return True

    def complete(self, prompt: Prompt, top: int, settings: Settings | None = None) -> Any:
        """Have one token drawn."""
        return self.client.post(
            "/v1/completions",
            {
                "model": self.model,
                "prompt": _as_text(prompt, self.kind),
                "max_tokens": 1,
                "logprobs": top,
                **self._named({**self.OFF, **(settings or {})}),
            },
        )


KINDS: Final[tuple[type[Server], ...]] = (LlamaCpp, VLLM, SGLang, Ollama, TGI, OpenAI)
"""The kinds of servers; the last one takes what is none of the others."""


def server_at(client: Client, model: str | None = None) -> Server:
    """Find out which kind of server there is, and choose a model.

    Raises
    ------
    ArgumentError
        If the server has several models and none is named, or not the one that is named.
    ServerError
        If there is no server of a model.
    """
    listed = as_dict(client.find("/v1/models"))
    cards = {_text(card.get("id")): card for card in map(as_dict, as_list(listed.get("data")))}
    cards.pop(None, None)
    owner = next((_text(card.get("owned_by")) or "" for card in cards.values()), "")
    kind = next(kind for kind in KINDS if kind.answers_at(client, owner))
    if kind is TGI:  # it serves one model, and its list has any name
        return kind(client, model or "tgi", {})
    if not cards:
        raise ServerError(
            f"{client.url} lists no models at /v1/models: is it the address of a model's server?"
        )
    # A server of one model may be asked for it by any name; others refuse an unknown one.
    known = ", ".join(map(repr, [*cards][:10])) + (" …" if len(cards) > 10 else "")
    if model is None and len(cards) > 1:
        raise ArgumentError("model", f"must be one of {known}: this server has several")
    if model is not None and model not in cards and f"{model}:latest" not in cards:
        raise ArgumentError("model", f"must be one of {known}, got {model!r}")
    chosen = next(iter(cards)) if model is None else model
    return kind(client, str(chosen), cards.get(chosen, {}))


def _as_text(prompt: Prompt, kind: str) -> str:
    if isinstance(prompt, str):
        return prompt
    raise ArgumentError("prompt", f"must be a text: {kind} takes no numbers of tokens")


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def _piece(number: object, piece: object) -> Token:
    """Return a token by its number and its text, or its bytes where it is half a character."""
    at = number if isinstance(number, int) else None
    if isinstance(piece, str):
        return Token(piece, at, piece.encode(errors="surrogatepass"))
    data = bytes(byte for byte in as_list(piece) if isinstance(byte, int) and 0 <= byte < 256)
    return Token(data.decode(errors="replace") if data else f"token {at}", at, data or None)
