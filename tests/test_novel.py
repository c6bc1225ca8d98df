"""The language model of the page: its file, and its logits by llama.cpp, by NumPy and in Node."""

from __future__ import annotations

import base64
import dataclasses
import gzip
import json
import math
import signal
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import thermoscope as ts
from tests.model_server import needs_llama_cpp, serve
from tests.node import in_node
from thermoscope.connection.client import ServerError
from thermoscope.connection.model import Model
from thermoscope.connection.source import Source
from thermoscope.data.formats.responses import Position, Token
from thermoscope.explorer.writing import Writing
from tools.novel import model_file, reference, text
from tools.novel.__main__ import LARGEST, PATH, main
from tools.novel.tokenizer import BYTES, Tokenizer, train

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    Node = Callable[..., Any]

ROOT = Path(__file__).parents[1]
PROGRAM = """
import { readFileSync, writeFileSync } from "node:fs";
import * as language from "./language.mjs";
const [name, file, argument] = process.argv.slice(2);
const given = JSON.parse(readFileSync(argument, "utf8"));
const answer = await language[name](Uint8Array.from(readFileSync(file)), given);
const isNumbers = answer instanceof Float64Array;
writeFileSync("answer", isNumbers ? answer : JSON.stringify(answer));
"""
MODEL = model_file.read(PATH)
TOKENIZER = Tokenizer(MODEL.merges)
CONTEXT = MODEL.sizes.context
# From chapter 132, which the model was not trained on.
HELD_OUT = (
    "It was a clear steel-blue day. The firmaments of air and sea were hardly separable in that "
    "all-pervading azure; only, the pensive air was transparently pure and soft, with a woman's "
    "look, and the robust and man-like sea heaved with long, strong, lingering swells, as "
    "Samson's chest in his sleep."
)


def small_file() -> bytes:
    """Return the file of a model with random weights, whose sizes are no multiples of 4."""
    sizes = model_file.Sizes(259, 12, 1, 3, 22, 8)
    draw = np.random.default_rng(2)
    shapes = {**sizes.matrices(), **dict.fromkeys(sizes.norms(), (sizes.width,))}
    weights = {name: draw.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    merges = [(97, 98), (256, 99), (1, 2)]
    return model_file.to_bytes(model_file.Model("small", sizes, merges, weights))


SMALL = small_file()


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Node:
    """Return a function that calls one of `language.node.ts` with a file and an argument."""
    folder = tmp_path_factory.mktemp("node")
    run = in_node("language", folder, PROGRAM)

    def call(name: str, argument: list[Any], file: Path = PATH) -> Any:
        (folder / "argument").write_text(json.dumps(argument), encoding="utf-8")
        run(name, file, "argument")
        if name == "rows":
            return np.fromfile(folder / "answer").reshape(len(argument), -1)
        return json.loads((folder / "answer").read_text(encoding="utf-8"))

    return call


def random_texts(count: int) -> list[str]:
    """Return texts of words, spaces, digits and signs from all of Unicode."""
    draw = np.random.default_rng(3)
    parts = [*HELD_OUT.split(" "), *" \n\t'.,;:-—“”0123456789", "  ", "\n\n", " '", "'s", "'ll"]
    parts += [*"\u00a0\u0085\u200b\u2009\ufeff_é½Ⅷ鯨🐋", "ñandú"]
    return ["", *("".join(draw.choice(parts, draw.integers(1, 40))) for _ in range(count))]


class TestTokenizer:
    def test_merges_join_the_most_frequent_pair_and_of_several_the_lowest(self) -> None:
        assert train("abab abab abab", BYTES + 2) == [(97, 98), (256, 256)]
        assert train("ba\nba\nab\nab", BYTES + 1) == [(97, 98)]

    def test_the_words_of_the_novel_are_few_tokens(self) -> None:
        tokens = TOKENIZER.encode(HELD_OUT)
        assert TOKENIZER.decode(tokens) == HELD_OUT
        assert len(tokens) < len(HELD_OUT) / 2

    def test_node_finds_the_same_tokens_in_random_texts(self, node: Node) -> None:
        texts = random_texts(400)
        want = [TOKENIZER.encode(one) for one in texts]
        for one, tokens, (got, decoded) in zip(texts, want, node("tokens", texts), strict=True):
            assert got == tokens, repr(one)
            assert decoded == one
        merged = {token for tokens in want for token in tokens if token >= BYTES}
        assert len(merged) > 50

    def test_a_tokenizer_without_its_last_merges_differs(self) -> None:
        short = Tokenizer(MODEL.merges[:500])
        assert any(TOKENIZER.encode(one) != short.encode(one) for one in random_texts(20))

    def test_half_a_character_is_shown_as_such(self) -> None:
        first, second, *_ = TOKENIZER.encode("鯨")
        assert TOKENIZER.decode([first, second]) == "\ufffd"


def steps(draw: np.random.Generator) -> list[dict[str, Any]]:
    """Return a session of the small model that grows beyond the context, and is cut back."""
    found, length = [], 0
    for _ in range(100):
        kept = int(length * draw.random() ** 0.3) if draw.random() < 0.3 else length
        added = draw.integers(259, size=draw.choice([1, 1, 2, 10])).tolist()
        found.append({"kept": kept, "added": added})
        length = kept + len(added)
    return found


def lengths(given: Sequence[dict[str, Any]]) -> list[list[int]]:
    """Return the text after each step."""
    texts: list[list[int]] = []
    for step in given:
        before = texts[-1] if texts else []
        texts.append(before[: step["kept"]] + step["added"])
    return texts


class TestLogits:
    def test_a_session_in_node_has_those_of_its_text(self, node: Node, tmp_path: Path) -> None:
        path = tmp_path / "small.gz"
        path.write_bytes(SMALL)
        small = model_file.read(path)
        given = steps(np.random.default_rng(5))
        texts = lengths(given)
        assert max(map(len, texts)) > 50
        for tokens, row in zip(texts, node("rows", given, path), strict=True):
            seen = tokens[reference.window(len(tokens), 8) :]
            assert 4 < len(seen) <= 8 or seen == tokens
            np.testing.assert_allclose(row, reference.logits(small, seen)[-1], rtol=0, atol=1e-4)

    def test_the_window_moves_by_half_of_the_context(self) -> None:
        ends = [1, 128, 129, 192, 193, 256, 257]
        assert [reference.window(end, 128) for end in ends] == [0, 0, 64, 64, 128, 128, 192]

    def test_surprisals_are_of_these_windows(self) -> None:
        tokens = (TOKENIZER.encode(HELD_OUT) * 2)[:200]
        got = reference.surprisals(MODEL, tokens)
        assert len(got) == 199
        for end in (1, 2, 128, 129, 192, 193, 199):
            row = reference.logits(MODEL, tokens[reference.window(end, CONTEXT) : end])[-1]
            want = -ts.log_softmax(row)[tokens[end]]
            assert got[end - 1] == pytest.approx(want, rel=1e-9)

    def test_held_out_text_takes_about_two_bits_a_character(self) -> None:
        nats = reference.surprisals(MODEL, TOKENIZER.encode(HELD_OUT))
        assert 1.5 < nats.sum() / math.log(2) / len(HELD_OUT) < 2.6


class Server:
    """llama.cpp's server with the model."""

    def __init__(self, address: str) -> None:
        self.address = address

    def post(self, route: str, **body: Any) -> Any:
        """Ask it something."""
        header = {"Content-Type": "application/json"}
        content = json.dumps(body).encode()
        sent = urllib.request.Request(f"{self.address}/{route}", content, header)  # noqa: S310
        with urllib.request.urlopen(sent, timeout=60) as response:  # noqa: S310
            return json.load(response)

    def log_probabilities(self, tokens: Sequence[int]) -> np.ndarray:
        """Return those of the next token."""
        answer = self.post(
            "completion", prompt=list(tokens), n_predict=1, n_probs=MODEL.sizes.vocabulary
        )
        (drawn,) = answer["completion_probabilities"]
        result = np.full(MODEL.sizes.vocabulary, np.nan)
        for token in drawn["top_logprobs"]:
            result[token["id"]] = token["logprob"]
        return result


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    from tools.novel import llama_cpp

    path = tmp_path_factory.mktemp("gguf") / "novel.gguf"
    llama_cpp.write(path, MODEL, TOKENIZER.bytes)
    with serve(path) as address:
        yield Server(address)


def prompts() -> list[list[int]]:
    """Return texts of the novel and of noise, up to the longest that the server takes."""
    draw = np.random.default_rng(11)
    novel = TOKENIZER.encode(HELD_OUT) * 2
    noise = draw.integers(MODEL.sizes.vocabulary, size=CONTEXT).tolist()
    sizes = [1, 2, 33, CONTEXT - 1]
    return [text[:size] for size in sizes for text in (novel, noise)]


@needs_llama_cpp
class TestLlamaCpp:
    def test_it_has_the_logits_of_node_and_of_numpy(self, server: Server, node: Node) -> None:
        given = [{"kept": 0, "added": tokens} for tokens in prompts()]
        for tokens, row in zip(prompts(), node("rows", given), strict=True):
            theirs = server.log_probabilities(tokens)
            # A server tells logits up to a constant: log-probabilities.
            for ours in (row, reference.logits(MODEL, tokens)[-1]):
                np.testing.assert_allclose(ts.log_softmax(ours), theirs, rtol=0, atol=1e-3)

    @pytest.mark.parametrize("changed", ["rope_base", "3.down", "order of heads"])
    def test_other_weights_would_be_found(self, server: Server, changed: str) -> None:
        tokens = prompts()[-2]
        weights, base = dict(MODEL.weights), MODEL.rope_base
        if changed == "3.down":
            weights[changed] = weights[changed] * np.float32(1.001)
        elif changed == "order of heads":
            weights["0.query"] = np.roll(weights["0.query"], 32, axis=0)
        else:
            base *= 1.01
        model = dataclasses.replace(MODEL, weights=weights, rope_base=base)
        ours = ts.log_softmax(reference.logits(model, tokens)[-1])
        assert np.abs(ours - server.log_probabilities(tokens)).max() > 1e-3

    def test_it_finds_the_same_tokens(self, server: Server) -> None:
        for one in random_texts(200):
            got = server.post("tokenize", content=one)["tokens"]
            assert got == TOKENIZER.encode(one), repr(one)


class Novel(Model):
    """The model in NumPy, with which a text of the page goes on in Python."""

    kind, version, model = "novel", None, MODEL.title
    takes_ids = True
    vocabulary = MODEL.sizes.vocabulary

    def complete(self, prompt: Any, top: int, settings: Any = None) -> Position:
        del top, settings
        seen = prompt[reference.window(len(prompt), CONTEXT) :]
        values = ts.log_softmax(reference.logits(MODEL, seen)[-1])
        tokens, exact = self.known(range(len(values))), (0.0,) * len(values)
        return Position(tokens, tuple(values.tolist()), None, -1, None, exact)

    def tokenize(self, text: str) -> list[Token]:
        return [*self.known(TOKENIZER.encode(text))]

    def known(self, numbers: Sequence[int]) -> tuple[Token, ...]:
        found = [(number, TOKENIZER.bytes[number]) for number in numbers]
        return tuple(Token(data.decode(errors="replace"), number, data) for number, data in found)

    def wrong(self, problem: str) -> ServerError:
        return ServerError(f"the novel {problem}")

    def close(self) -> None:
        pass


SAMPLER: dict[str, Any] = {
    "temperature": 0.8,
    "truncation": {"top_p": 0.97, "min_p": 0.001, "engine": "llama.cpp"},
}
HOT: dict[str, Any] = {"temperature": "inf", "truncation": {"top_k": 40}}
SHARED, WRITTEN = 2, 50


@pytest.fixture(scope="module")
def answers(node: Node) -> list[dict[str, Any]]:
    """Return what the page answers to comparisons of a text with two branches, and its file."""
    step = {"do": "step", **SAMPLER}
    actions = [
        *[step] * 5,
        # The first byte of a character that no second one follows.
        {"do": "take", "position": SHARED, "item": 0xE2},
        *[step] * (WRITTEN - SHARED - 1),
        {"do": "compare", "with": "1", **SAMPLER},
        {"do": "compare", "with": "1", **HOT},
        {"do": "settings", "a": SAMPLER, "b": HOT},
        # The place after the text is in the file once it has a token.
        {"do": "step", **HOT},
        {"do": "save"},
    ]
    found: list[dict[str, Any]] = node("answers", ["The whale 🐋", actions])
    return found[-5:]


@pytest.fixture(scope="module")
def writing(
    answers: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Writing]:
    """Return the text of the page's file, as `explore` goes on with it."""
    path = tmp_path_factory.mktemp("saved") / str(answers[-1]["name"])
    path.write_text(answers[-1]["json"], encoding="utf-8")
    assert ts.open_logits(path).shape == (WRITTEN + 1, MODEL.sizes.vocabulary)
    found = Writing.opened(Source(Novel()), path)
    yield found
    found.stop()


def find(writing: Writing, **action: Any) -> Any:
    status = writing.act(action, patience=60)
    assert status["error"] is None
    return status


class TestText:
    """What the page does without Python, and what Python does with the file of the page."""

    def test_its_file_has_what_it_shows(
        self, answers: list[dict[str, Any]], writing: Writing
    ) -> None:
        before, after = answers[-1], writing.status()
        assert after["told"] == (("opened", "text.json", 2),)
        for name in ("branch", "branches", "prompt", "prefix", "seed", "count"):
            assert after[name] == before[name], name
        assert writing.sampler == {"temperature": math.inf, "truncation": {"top_k": 40}}

    def test_its_file_has_every_log_probability(self, writing: Writing) -> None:
        rows = writing._texts.branch.draft.rows
        # One pass has those after each token, as long as the text is within the context.
        tokens = [*TOKENIZER.encode("The whale 🐋"), *(row.drawn for row in rows)]
        assert len(tokens) < CONTEXT
        wanted = ts.log_softmax(reference.logits(MODEL, tokens))[-len(rows) - 1 : -1]
        for row, logprobs in zip(rows, wanted, strict=True):
            np.testing.assert_allclose(row.logprobs, logprobs, rtol=0, atol=1e-3)
            assert row.tail == -math.inf
            assert not row.delta.any()
            assert row.tokens is not None
            assert [token.bytes for token in row.tokens] == TOKENIZER.bytes

    def test_python_compares_it_with_the_same_result(
        self, answers: list[dict[str, Any]], writing: Writing
    ) -> None:
        find(writing, do="cut", position=WRITTEN)
        for answer, sampler in zip(answers, (SAMPLER, HOT), strict=False):
            ours = answer["comparison"]
            theirs = find(writing, do="compare", **{"with": "1"}, **sampler)["comparison"]
            assert ours["shared"] == theirs["shared"] == SHARED
            assert ours["next"] == pytest.approx(theirs["next"], rel=1e-12)
            for one, other in zip(ours["branches"], theirs["branches"], strict=True):
                for name in ("surprisal", "sampled"):
                    wanted = other.pop(name)
                    is_number = isinstance(wanted, float)
                    assert one.pop(name) == (pytest.approx(wanted) if is_number else wanted)
                assert one == other
        ours = answers[2]["settings"]
        theirs = find(writing, do="settings", a=SAMPLER, b=HOT)["settings"]
        assert ours["positions"] == theirs["positions"] == WRITTEN + 1
        assert ours["tv"] == pytest.approx(theirs["tv"], rel=1e-12)
        assert ours["worst"]["position"] == theirs["worst"]["position"]
        assert ours["worst"]["tv"] == pytest.approx(theirs["worst"]["tv"], rel=1e-12)
        find(writing, do="restore")


def changed(line: dict[str, Any] | bytes, numbers: Callable[[bytes], bytes] = bytes) -> bytes:
    """Return the small file with another first line, or with other fields in it, and numbers."""
    first, _, rest = gzip.decompress(SMALL).partition(b"\n")
    if isinstance(line, dict):
        header = json.loads(first)
        header["sizes"] |= line.pop("sizes", {})
        line = json.dumps({**header, **line}).encode()
    return gzip.compress(line + b"\n" + numbers(rest))


class TestFile:
    def test_it_fits_a_page(self) -> None:
        assert 4 * math.ceil(PATH.stat().st_size / 3) <= LARGEST

    def test_it_is_written_as_it_was_read(self, tmp_path: Path) -> None:
        path = tmp_path / "again.gz"
        path.write_bytes(model_file.to_bytes(MODEL))
        again = model_file.read(path)
        assert (again.title, again.sizes, again.merges) == (MODEL.title, MODEL.sizes, MODEL.merges)
        assert again.weights.keys() == MODEL.weights.keys()
        for name, weight in again.weights.items():
            np.testing.assert_allclose(weight, MODEL.weights[name], rtol=1e-6)

    def test_an_entry_is_at_most_half_a_level_off(self) -> None:
        matrix = np.random.default_rng(0).normal(size=(20, 50)).astype(np.float32)
        matrix[3] = 0
        scales, entries = model_file.quantise(matrix)
        off = np.abs(entries * scales[:, None] - matrix)
        assert (off <= scales[:, None] * 0.501).all()
        assert np.abs(entries).max(axis=1).tolist() == [127] * 3 + [0] + [127] * 16

    def test_what_is_damaged_is_refused(self, node: Node) -> None:
        content = SMALL
        flipped = content[:500] + bytes([content[500] ^ 1]) + content[501:]
        damaged = "it is no whole file of a language model: cut short or damaged."
        none = "it is no file of a language model."
        known = "the format of a language model must be “thermoscope-language-model-1”, got"
        length = "the numbers of a language model must be"
        cases = [
            (content, ""),
            (b"", none),
            (b"PK\3\4", none),
            (content[:500], damaged),
            (content[:-3], damaged),
            (content + b"more", damaged),
            (flipped, damaged),
            (gzip.compress(b"a,b\n1,2"), f"{known} none."),
            (gzip.compress(b"no line"), f"{known} none."),
            (changed(b"[]"), f"{known} none."),
            (changed({"format": "other"}), f"{known} “other”."),
            (changed({"epsilon": 0}), "epsilon must be a number above 0, got 0."),
            (changed({"ropeBase": "x"}), "ropeBase must be a number above 0, got x."),
            (
                changed({"sizes": {"width": 16}}),
                "width must be a whole number from 2 to 65536, a multiple of 6, got 16.",
            ),
            (
                changed({"sizes": {"layers": 1.5}}),
                "layers must be a whole number from 1 to 65536, got 1.5.",
            ),
            (
                changed({"sizes": {"vocabulary": 10**9}}),
                "vocabulary must be a whole number from 256 to 65536, got 1000000000.",
            ),
            (changed({"sizes": {"layers": 2}}), f"{length} 7964 bytes, got 6084."),
            (changed({}, lambda numbers: numbers[:-1]), f"{length} 6084 bytes, got 6083."),
            (
                changed({}, lambda numbers: b"\xff\xff" + numbers[2:]),
                "merge 0 of the tokenizer must be of earlier tokens, got 65535.",
            ),
        ]
        files = [base64.b64encode(file).decode() for file, _ in cases]
        assert node("refusals", files) == [want for _, want in cases]

    def test_tools_refuse_another_format_and_length(self, tmp_path: Path) -> None:
        path = tmp_path / "other.gz"
        path.write_bytes(changed({"format": "other"}))
        with pytest.raises(ValueError, match="must be a thermoscope-language-model-1, got other"):
            model_file.read(path)
        path.write_bytes(changed({}, lambda numbers: numbers + b"1"))
        with pytest.raises(ValueError, match="bytes of numbers"):
            model_file.read(path)


def test_a_sample_at_temperature_0_takes_the_likeliest_token(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["sample", "The whale", "--temperatures", "0", "--tokens", "5"]) == 0
    tokens = TOKENIZER.encode("The whale")
    for _ in range(5):
        tokens.append(int(reference.logits(MODEL, tokens)[-1].argmax()))
    assert capsys.readouterr().out == f"T = 0.0\n{TOKENIZER.decode(tokens)}\n\n"


def test_the_novel_is_read_in_three_parts(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    names = ["etymology", "extracts", "epilogue", *(f"chapter_{at}" for at in range(1, 136))]
    for name in names:
        content = f"{name}.\n\n  “Call me”   \u2018Ishmael\u2019\n"
        (tmp_path / "data" / f"{name}.txt").write_text(content, encoding="utf-8")
    novel = text.read(tmp_path)
    assert novel.training.startswith("etymology.\n\"Call me\" 'Ishmael'\nextracts.\n")
    assert "chapter_121." in novel.training
    assert novel.validation.startswith("chapter_122.")
    assert novel.held_out.startswith("chapter_126.")
    assert novel.held_out.endswith("epilogue.\n\"Call me\" 'Ishmael'\n")
    assert sum(part.count("Ishmael") for part in novel) == len(names)


def test_a_training_that_was_stopped_goes_on_as_if_it_was_not(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="needs PyTorch")
    from tools.novel.train import Trainer

    sizes = model_file.Sizes(260, 16, 1, 2, 24, 8)
    tokens = np.random.default_rng(0).integers(260, size=500).tolist()
    said: list[str] = []

    def weights(name: str, *seconds: float, seed: int = 1) -> dict[str, Any]:
        for limit in seconds:
            trainer = Trainer(sizes, tmp_path / name, 4, seed, said.append)
            left = trainer.run(tokens, tokens[:90], limit)
        assert left == 0
        return trainer.model.exported("", []).weights

    # After no time at all there is one step.
    whole, parts, other = weights("a", 60), weights("b", 0, 0, 60), weights("c", 60, seed=2)
    for name, weight in whole.items():
        np.testing.assert_array_equal(parts[name], weight)
    assert (other["embedding"] != whole["embedding"]).any()
    assert said[0].startswith("step 4 of 4, ")
    with pytest.raises(ValueError, match="is of 4 steps and seed 1, got 4 and 5"):
        Trainer(sizes, tmp_path / "a", 4, 5, said.append)


def test_ctrl_c_ends_a_training_after_its_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torch", reason="needs PyTorch")
    from tools.novel import train

    said: list[str] = []

    def say(line: str) -> None:
        said.append(line)
        if line.startswith("step 2 of 4"):
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(train, "EVERY", 1)
    before = signal.getsignal(signal.SIGINT)
    trainer = train.Trainer(
        model_file.Sizes(260, 16, 1, 2, 24, 8), tmp_path / "checkpoint", 4, 1, say
    )
    assert trainer.run(list(range(200)), list(range(90)), 60) == 2
    assert said[-1] == "stopped after step 2"
    assert signal.getsignal(signal.SIGINT) == before
    assert (tmp_path / "checkpoint").exists()
