"""How each kind of server is asked for the distribution of the next token.

Their answers are read by `thermoscope.data.formats`, as those in files are. What was read of each:

=========  =========================================================================================
llama.cpp  tools/server/README.md: ``/completion`` with ``n_probs``, ``/tokenize``, ``/detokenize``,
           ``/apply-template``, ``/props``. Log-probabilities are of all logits, as the model gave
           them; half a character is sent without them.
vLLM       vllm/entrypoints/openai/completion/protocol.py and serving.py, serve/tokenize/protocol.py
           (commits 002032e and 030ea52, 2026): ``/v1/completions``, ``/tokenize``,
           ``/detokenize``, ``/version``. ``--max-logprobs`` log-probabilities, 20 by default; more
           are refused with that number, and -1 comes back empty (pull request 55717). Raw, or
           processed where ``--logprobs-mode`` says so.
SGLang     srt/managers/io_struct.py, srt/sampling/sampling_params.py, srt/entrypoints/openai/
           serving_tokenize.py (commits 001067f, 00c17ca and 0351c1f): ``/generate``,
           ``/tokenize``, ``/detokenize``, ``/server_info``. As many log-probabilities as are asked
           for. They are divided by the temperature, and not truncated; those of a prompt are raw.
Ollama     api/types.go, server/routes.go, llm/llama_server.go (commit fb30760, 2026):
           ``/api/generate`` with ``raw``, ``/api/show``, ``/api/chat`` with
           ``_debug_render_only``; at most 20, raw. Without a whole character there are none.
TGI        router/src/validation.rs and server.rs, server/text_generation_server/utils/tokens.py
           (3.3.6): ``/generate``, ``/tokenize``, ``/chat_tokenize``, ``/info``.
           ``--max-top-n-tokens``, 5 by default; more are refused with that number. Processed.
OpenAI     API reference: ``/v1/completions``, at most 5; ``/v1/chat/completions``, at most 20. Its
           models for chats have the second route alone. So are KoboldCpp and LM Studio asked, whose
           ``owned_by`` is "koboldcpp" and "organization_owner": the first has no ids and its
           own limit; the second may send "logprobs": null, which is told.
=========  =========================================================================================

Each request says that nothing is truncated, penalised or divided by a temperature, so that it does
not matter to the model's own distribution whether a server reports raw or processed numbers.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import repeat
from operator import itemgetter
from typing import TYPE_CHECKING, Any, ClassVar, Final

from thermoscope.arguments import ArgumentError
from thermoscope.connection.client import ServerError
from thermoscope.connection.model import Chat, Model, Note, Prompt, Settings
from thermoscope.connection.pieces import bytes_of, is_byte_level
from thermoscope.data.collection import without_collection
from thermoscope.data.formats.servers import as_dict, as_list
from thermoscope.present import printable
from thermoscope.reported import Token

if TYPE_CHECKING:
    from threading import Thread

    from thermoscope.connection.client import Client

__all__ = ["KINDS", "Chat", "Prompt", "Server", "server_at"]


ALL: Final = (1 << 31) - 1
"""More log-probabilities than any server allows: where it refuses them it says how many it does."""

NAMED: Final = 50
"""Of each position, how many tokens get their text where each needs a request of its own, once."""

NUMBERED: Final = "token_id:"
"""So vLLM writes the number of a token in place of its text."""

TOO_MANY: Final = re.compile(
    r"(?:max allowed: |Cannot request more than |top_n_tokens\W{1,3}must be >= 0 and <= )"
    r"(\d{1,9})\b"
)
"""What vLLM of any age and TGI say where they are asked for more log-probabilities than allowed."""

OF_CHATS: Final = re.compile(r"v1/chat/completions")
"""OpenAI names this route where a model has no other."""

OTHER_LIMIT: Final = re.compile(r"max_completion_tokens")
"""OpenAI names this field where a model does not take ``max_tokens``, which all others know."""

LONGEST_NAME: Final = 100


def _alike(*names: str) -> Mapping[str, str]:
    """Return settings that the server calls by our names."""
    return {name: name for name in names}


class Server(Model):
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
    names : Mapping
        What the server calls the settings of a sampler.
    OFF : Mapping
        The settings by which nothing is truncated, at T = 1.
    """

    names: ClassVar[Mapping[str, str]] = {}
    OFF: ClassVar[Settings] = {}

    def __init__(self, client: Client, model: str, card: Mapping[str, Any]) -> None:
        self.client, self.model, self.card = client, model, card

    @classmethod
    @abstractmethod
    def answers_at(cls, client: Client, owner: str) -> bool:
        """Whether this kind of server is there; `owner` is what its list of models names."""

    def wrong(self, problem: str) -> ServerError:
        """Return the error that this server does what it should not."""
        return ServerError(f"{self.client.url} {self.client.words(problem)}")

    @property
    def notes(self) -> tuple[Note, ...]:
        """What is not safe."""
        return (Note.OPEN_KEY,) if self.client.tells_key_to_all else ()

    def break_off(self, thread: Thread) -> None:
        """Let a thread ask nothing any more, and what it waits for end."""
        self.client.break_off(thread)

    def close(self) -> None:
        """End all connections."""
        self.client.close()

    def _named(self, settings: Settings) -> dict[str, float | int]:
        """Return settings by the server's names."""
        for name in settings:
            if name not in self.names:
                known = ", ".join(self.names)
                raise ArgumentError(name, f"is no setting of {self.kind}: they are {known}")
        return {self.names[name]: value for name, value in settings.items()}

    def _given(self, prompt: Prompt) -> str | list[int]:
        """Return a prompt as JSON has it."""
        if isinstance(prompt, Chat):
            raise ArgumentError("prompt", f"must be a text: make it of a chat of {self.kind} first")
        if isinstance(prompt, str):
            return prompt
        if not self.takes_ids:
            problem = f"must be a text: {self.kind} takes no numbers of tokens"
            raise ArgumentError("prompt", problem)
        return list(prompt)

    def _asked(self, path: str, body: Any, holder: dict[str, Any], field: str) -> Any:
        """Ask, and again for fewer log-probabilities where that many are refused."""
        try:
            return self.client.post(path, body)
        except ServerError as error:
            allowed = TOO_MANY.search(str(error))
            if (
                error.status not in {400, 422}
                or allowed is None
                or holder[field] <= int(allowed[1])
            ):
                raise
            self.most = holder[field] = int(allowed[1])
        return self.client.post(path, body)

    def _chat(self, chat: Chat, top: int, sampler: Mapping[str, Any]) -> Any:
        """Have the first token after a chat drawn, by the route that all servers have."""
        body = {
            "model": self.model,
            "messages": [*chat.messages],
            "logprobs": True,
            "top_logprobs": min(top, OpenAI.MOST_OF_CHATS),
            **sampler,
        }
        try:
            return self.client.post("/v1/chat/completions", {**body, "max_tokens": 1})
        except ServerError as error:
            if error.status != 400 or not OTHER_LIMIT.search(str(error)):
                raise
        return self.client.post("/v1/chat/completions", {**body, "max_completion_tokens": 1})


class LlamaCpp(Server):
    """llama.cpp's own server."""

    kind = "llama.cpp"
    takes_ids = True
    names = _alike("temperature", "top_k", "top_p", "min_p", "typical_p", "top_n_sigma", "seed")
    OFF: ClassVar[Settings] = {
        "temperature": 1.0,
        "top_k": 0,
        "top_p": 1.0,
        "min_p": 0.0,
        "typical_p": 1.0,
        "top_n_sigma": -1.0,
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
        # The number of half a character is told, though not its log-probability.
        return self._complete(prompt, top, {"return_tokens": True, **self._named(settings)})

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
                "prompt": self._given(prompt),
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
    enough = ALL
    to_report_more = "--max-logprobs -1"
    names = _alike("temperature", "top_k", "top_p", "min_p", "seed")
    # Where a field is missing, the one of the model's generation_config.json counts.
    OFF: ClassVar[Settings] = {"temperature": 1.0, "top_k": -1, "top_p": 1.0, "min_p": 0.0}
    NO_PENALTY: ClassVar[Settings] = {
        "repetition_penalty": 1.0,
        "presence_penalty": 0.0,
        "frequency_penalty": 0.0,
    }

    @classmethod
    def answers_at(cls, client: Client, owner: str) -> bool:
        """Whether the list of models is vLLM's."""
        del client
        return owner == "vllm"

    def __init__(self, client: Client, model: str, card: Mapping[str, Any]) -> None:
        super().__init__(client, model, card)
        self.version = _text(as_dict(self.client.find("/version")).get("version"))
        self._texts: dict[int, str] = {}

    def complete(self, prompt: Prompt, top: int, settings: Settings | None = None) -> Any:
        """Have one token drawn. Where as many log-probabilities are refused, ask for fewer."""
        body = {
            "model": self.model,
            "prompt": self._given(prompt),
            "max_tokens": 1,
            "logprobs": top,
            # Two tokens of the same text would be one in an object.
            "return_tokens_as_token_ids": True,
            **self.NO_PENALTY,
            **self._named(self.OFF if settings is None else settings),
        }
        return self._with_texts(self._asked("/v1/completions", body, body, "logprobs"))

    def _with_texts(self, answer: Any) -> Any:
        """Return an answer in the form of a chat, which has room for numbers and texts."""
        choices = as_list(as_dict(answer).get("choices"))
        logprobs = as_dict(as_dict(choices[0]).get("logprobs")) if len(choices) == 1 else {}
        keys, values, tops = (
            as_list(logprobs.get(name)) for name in ("tokens", "token_logprobs", "top_logprobs")
        )
        top = as_dict(tops[0]) if len(tops) == 1 else {}
        numbers = _numbered([*keys, *top])
        if len(keys) != 1 or len(values) != 1 or not top or numbers is None:
            return answer  # its reader says what is wrong with it
        # The drawn token is the first, and the others follow from the likeliest on.
        for at in numbers[: NAMED + 1]:
            self._name(at)
        with without_collection():
            drawn, *others = (
                {"id": at, "logprob": value, "token": self._texts.get(at, f"token {at}")}
                for at, value in zip(numbers, (*values, *top.values()), strict=True)
            )
        return {"choices": [{"logprobs": {"content": [{**drawn, "top_logprobs": others}]}}]}

    def _name(self, at: int) -> None:
        """Find the text of a token, once."""
        if at not in self._texts:
            self._texts[at] = self._detokenize([self._anchor, at])[self._anchor_length :]

    @cached_property
    def _anchor(self) -> int:
        """A token to stand before others: some tokenizers take the space from a first one."""
        numbers, _ = self._pieces({"prompt": "a"})
        return numbers[-1] if numbers else 0

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
            **self.NO_PENALTY,
            **self._named(self.OFF),
        }
        answer = as_dict(self._asked("/v1/completions", body, body, "prompt_logprobs"))
        choice = as_dict(next(iter(as_list(answer.get("choices"))), None))
        # Each position has the token of the prompt too, which may be none of the likeliest.
        yield {"prompt_logprobs": choice.get("prompt_logprobs"), "prompt_token_ids": [*ids]}

    def tokenize(self, text: str) -> list[Token]:
        """Return the tokens of a text, with the beginning of a text where the model wants it."""
        numbers, pieces = self._pieces({"prompt": text, "return_token_strs": True})
        if len(pieces) != len(numbers):
            return [Token(f"token {number}", number, None) for number in numbers]
        return [
            _token_of(number, bytes_of(piece, byte_level=self._byte_level))
            for number, piece in zip(numbers, pieces, strict=True)
        ]

    @cached_property
    def _byte_level(self) -> bool:
        return is_byte_level(self._pieces({"prompt": "a a", "return_token_strs": True})[1])

    def _pieces(self, body: Mapping[str, Any]) -> tuple[list[int], list[str]]:
        """Return numbers, and tokens as the vocabulary has them."""
        found = as_dict(self.client.post("/tokenize", {"model": self.model, **body}))
        numbers, pieces = as_list(found.get("tokens")), as_list(found.get("token_strs"))
        return _numbers(numbers), [piece for piece in pieces if isinstance(piece, str)]

    def from_chat(self, messages: Sequence[Mapping[str, str]]) -> list[int]:
        """Return the tokens that the model's template makes of a chat."""
        return self._pieces({"messages": [*messages], "add_generation_prompt": True})[0]


class SGLang(Server):
    """SGLang's own route."""

    kind = "SGLang"
    takes_ids = True
    names: ClassVar[Mapping[str, str]] = {
        **_alike("temperature", "top_k", "top_p", "min_p"),
        "seed": "sampling_seed",
    }
    # Where a field is missing, the one of --preferred-sampling-params counts.
    OFF: ClassVar[Settings] = VLLM.OFF
    NO_PENALTY: ClassVar[Settings] = VLLM.NO_PENALTY

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
        if isinstance(prompt, Chat):
            off = {"temperature": 1.0, "top_p": 1.0, "top_k": -1, "min_p": 0.0, **self.NO_PENALTY}
            return self._chat(prompt, top, off)
        given = self._given(prompt)
        return self._generate(
            {"text": given} if isinstance(given, str) else {"input_ids": given}, top, settings
        )

    def _generate(self, body: Mapping[str, Any], top: int, settings: Settings | None = None) -> Any:
        sampler = self._named(self.OFF if settings is None else settings)
        return self.client.post(
            "/generate",
            {
                **body,
                "sampling_params": {"max_new_tokens": 1, **self.NO_PENALTY, **sampler},
                "return_logprob": True,
                "top_logprobs_num": top,
                "return_text_in_logprobs": True,
            },
        )

    def score(self, ids: Sequence[int], top: int) -> Iterator[Any]:
        """Ask once, for the log-probabilities of a prompt."""
        answer = as_dict(self._generate({"input_ids": [*ids], "logprob_start_len": 0}, top))
        meta = as_dict(answer.get("meta_info"))
        yield {"meta_info": {key: meta[key] for key in meta if key.startswith("input_")}}

    def tokenize(self, text: str) -> list[Token]:
        """Return the tokens of a text, with the beginning of a text where the model wants it."""
        anchor = self._ids("a")[-1:]
        numbers = self._ids(text)
        pairs = [anchor, *([*anchor, number] for number in numbers)]
        body = {"model": self.model, "tokens": pairs, "skip_special_tokens": False}
        found = as_list(as_dict(self.client.post("/detokenize", body)).get("text"))
        first, *texts = [each if isinstance(each, str) else "" for each in found] or [""]
        if len(texts) != len(numbers):
            raise self.wrong(f"names {len(texts)} of {len(numbers)} tokens")
        return [
            Token(text[len(first) :], number, None)
            for number, text in zip(numbers, texts, strict=True)
        ]

    def _ids(self, text: str) -> list[int]:
        body = {"model": self.model, "prompt": text, "add_special_tokens": True}
        return _numbers(as_list(as_dict(self.client.post("/tokenize", body)).get("tokens")))


class Ollama(Server):
    """Ollama's own route, without its template."""

    kind = "Ollama"
    most = 20
    names = _alike("temperature", "top_k", "top_p", "min_p", "typical_p", "seed")
    # Where an option is missing, the one of the model's own file counts.
    OFF: ClassVar[Settings] = {
        "temperature": 1.0,
        "top_k": 0,
        "top_p": 1.0,
        "min_p": 0.0,
        "typical_p": 1.0,
    }
    NO_PENALTY: ClassVar[Settings] = {
        "repeat_penalty": 1.0,
        "presence_penalty": 0.0,
        "frequency_penalty": 0.0,
    }
    OTHERS: ClassVar[tuple[str, ...]] = ("koboldcpp", "organization_owner")
    """Owners of servers that have some routes of Ollama, and not its log-probabilities."""

    @classmethod
    def answers_at(cls, client: Client, owner: str) -> bool:
        """Whether Ollama tells its version; the owner is the author of the model."""
        return owner not in cls.OTHERS and "version" in as_dict(client.find("/api/version"))

    def __init__(self, client: Client, model: str, card: Mapping[str, Any]) -> None:
        super().__init__(client, model, card)
        self.version = _text(as_dict(self.client.find("/api/version")).get("version"))
        about = as_dict(self.client.post("/api/show", {"model": self.model, "verbose": True}))
        info = as_dict(about.get("model_info"))
        tokens = as_list(info.get("tokenizer.ggml.tokens"))
        sizes = (_count(info[key]) for key in info if key.endswith(".vocab_size"))
        self.vocabulary = len(tokens) or next(filter(None, sizes), None)

    def complete(self, prompt: Prompt, top: int, settings: Settings | None = None) -> Any:
        """Have one token drawn: without settings, one that is a whole character.

        The numbers are of the logits before any sampler, so which one is drawn does not matter to
        them. But of half a character, and of the end of a text, no log-probabilities are sent: then
        a grammar has the token drawn that begins a value of JSON.
        """
        sampler = self._named(self.OFF if settings is None else settings)
        body = {
            "model": self.model,
            "prompt": self._given(prompt),
            "raw": True,
            "stream": False,
            "truncate": False,
            "shift": False,
            "logprobs": True,
            "top_logprobs": top,
            "options": {"num_predict": 1, **self.NO_PENALTY, **sampler},
        }
        answer = self.client.post("/api/generate", body)
        if settings is None and not as_dict(answer).get("logprobs"):
            answer = self.client.post("/api/generate", {**body, "format": "json"})
        return answer

    def from_chat(self, messages: Sequence[Mapping[str, str]]) -> str:
        """Return the text that the model's template makes of a chat."""
        body = {
            "model": self.model,
            "messages": [*messages],
            "stream": False,
            "_debug_render_only": True,
        }
        answer = as_dict(self.client.post("/api/chat", body))
        prompt = _text(as_dict(answer.get("_debug_info")).get("rendered_template"))
        if prompt is None:
            raise ServerError(f"{self.client.url}/api/chat has not sent a prompt: update Ollama")
        return prompt


class TGI(Server):
    """Text Generation Inference."""

    kind = "TGI"
    enough = ALL
    to_report_more = "--max-top-n-tokens"
    names = _alike("temperature", "top_k", "top_p", "typical_p", "seed")
    OFF: ClassVar[Settings] = {"top_k": 0, "top_p": 1.0, "typical_p": 1.0}
    """What it refuses, and has where a field is missing."""

    @classmethod
    def answers_at(cls, client: Client, owner: str) -> bool:
        """Whether the server tells what TGI tells; the owner is the name of the model."""
        del owner
        about = as_dict(client.find("/info"))
        return {"model_id", "version", "max_concurrent_requests"} <= about.keys()

    def __init__(self, client: Client, model: str, card: Mapping[str, Any]) -> None:
        super().__init__(client, model, card)
        self.version = _text(as_dict(self.client.find("/info")).get("version"))

    def complete(self, prompt: Prompt, top: int, settings: Settings | None = None) -> Any:
        """Have one token drawn. Without settings the server draws the likeliest."""
        parameters: dict[str, Any] = {"max_new_tokens": 1, "details": True, "top_n_tokens": top}
        if settings is not None:
            on = {name: settings[name] for name in settings if settings[name] != self.OFF.get(name)}
            parameters |= {"do_sample": True, **self._named(on)}
        body = {"inputs": self._given(prompt), "parameters": parameters}
        return self._asked("/generate", body, parameters, "top_n_tokens")

    def tokenize(self, text: str) -> list[Token]:
        """Return the tokens of a text, with the beginning of a text where the model wants it."""
        return _tgi_tokens(self.client.post("/tokenize", {"inputs": text}))

    def from_chat(self, messages: Sequence[Mapping[str, str]]) -> str:
        """Return the text that the model's template makes of a chat.

        The beginning of a text is left out where the server would add another one.
        """
        body = {"model": self.model, "messages": [*messages]}
        answer = as_dict(self.client.post("/chat_tokenize", body))
        text = _text(answer.get("templated_text"))
        if text is None:
            raise ServerError(f"{self.client.url}/chat_tokenize has not sent a prompt")
        wanted = _tgi_tokens(answer.get("tokenize_response"))
        ids, sent = ([token.id for token in tokens] for tokens in (wanted, self.tokenize(text)))
        doubled = len(ids) > 0 and sent == [ids[0], *ids]
        return text[len(wanted[0].text) :] if doubled else text


class OpenAI(Server):
    """OpenAI, and any other server that has its routes."""

    kind = "a server like OpenAI's"
    most = 5
    by_text = True
    names = _alike("temperature", "top_p", "seed")
    OFF: ClassVar[Settings] = {"temperature": 1.0, "top_p": 1.0}
    NO_PENALTY: ClassVar[Settings] = {"presence_penalty": 0.0, "frequency_penalty": 0.0}
    MOST_OF_CHATS: ClassVar[int] = 20

    @classmethod
    def answers_at(cls, client: Client, owner: str) -> bool:
        """Take what no other kind has taken."""
        del client, owner
        return True

    def complete(self, prompt: Prompt, top: int, settings: Settings | None = None) -> Any:
        """Have one token drawn."""
        sampler = {**self.NO_PENALTY, **self._named(self.OFF if settings is None else settings)}
        if isinstance(prompt, Chat):
            return self._chat(prompt, self.MOST_OF_CHATS if top == self.most else top, sampler)
        body = {
            "model": self.model,
            "prompt": self._given(prompt),
            "max_tokens": 1,
            "logprobs": top,
            **sampler,
        }
        try:
            return self.client.post("/v1/completions", body)
        except ServerError as error:
            if error.status not in {400, 404} or not OF_CHATS.search(str(error)):
                raise
            takes = f"{self.client.url}: {_shown(self.model)} takes chats alone"
            raise ServerError(f"{takes}: give what from_chat makes of one", error.status) from error


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
    if not cards:
        raise ServerError(
            f"{client.url} lists no models at /v1/models: is it the address of a model's server?"
        )
    owner = next(_text(card.get("owned_by")) or "" for card in cards.values())
    kind = next(kind for kind in KINDS if kind.answers_at(client, owner))
    # A server of one model may be asked for it by any name; others refuse an unknown one.
    known = ", ".join(map(_shown, [*cards][:10])) + (" …" if len(cards) > 10 else "")
    if model is None and len(cards) > 1:
        raise ArgumentError("model", f"must be one of {known}: this server has several")
    if model is not None and model not in cards and f"{model}:latest" not in cards:
        raise ArgumentError("model", f"must be one of {known}, got {model!r}")
    chosen = next(iter(cards)) if model is None else model
    return kind(client, str(chosen), cards.get(chosen, {}))


def _shown(name: object) -> str:
    """Return a name from elsewhere as an error shows it."""
    text = printable(f"{name}")
    return repr(text if len(text) <= LONGEST_NAME else f"{text[:LONGEST_NAME]}…")


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def _numbered(keys: Sequence[str]) -> list[int] | None:
    """Return the numbers in "token_id:7", or None where a key is another text."""
    try:
        if not all(map(str.startswith, keys, repeat(NUMBERED))):
            return None
        return list(map(int, map(itemgetter(slice(len(NUMBERED), None)), keys)))
    except (TypeError, ValueError):
        return None


def _numbers(values: Sequence[object]) -> list[int]:
    return [value for value in values if type(value) is int]


def _token_of(number: int | None, data: bytes) -> Token:
    """Return a token by its number and bytes."""
    return Token(data.decode(errors="replace") if data else f"token {number}", number, data or None)


def _tgi_tokens(values: object) -> list[Token]:
    """Return the tokens of a text, each with the characters that it stands in."""
    return [
        Token(_text(each.get("text")) or "", each.get("id"), None)
        for each in map(as_dict, as_list(values))
    ]


def _piece(number: object, piece: object) -> Token:
    """Return a token by its number and its text, or its bytes where it is half a character."""
    at = number if isinstance(number, int) else None
    if isinstance(piece, str):
        return Token(piece, at, piece.encode(errors="surrogatepass"))
    data = bytes(byte for byte in as_list(piece) if isinstance(byte, int) and 0 <= byte < 256)
    return _token_of(at, data)
