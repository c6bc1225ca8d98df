"""What each engine does, as data: its order, its edge rules, its defaults, what was read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from thermoscope.truncation.penalties import CHANGES
from thermoscope.truncation.rules import RULES

__all__ = ["ENGINES", "PAPERS", "Engine", "Engines", "Ties", "engines"]

Ties: TypeAlias = Literal["all", "k"]
Edges: TypeAlias = Mapping[str, bool]
FEW: Edges = {"few": True}
FEW_BEYOND: Edges = {"few": True, "beyond": True}
# The least int32: these engines take any top_k of that type.
ANY_K = -(2**31)


@dataclass(frozen=True, eq=False, kw_only=True)
class Engine:
    """How an engine truncates.

    Attributes
    ----------
    order : tuple of str
        The steps in their order, "temperature" among them. A step sees the logits divided by the
        temperature only where it comes after it.
    version : str
        The release, or the commit, whose source was read.
    source : str
        The files that were read.
    defaults : Mapping
        What the engine takes where a request says nothing: keywords of `truncate`.
    ties : tuple of {"all", "k"}
        How many of the entries that tie for the last place of top_k may stay: all, or as many as
        make k. The first is the default.
    edges : Mapping
        For top_p and typical_p: `few`, whether no more of the entries that tie for the last place
        stay than are needed; `beyond`, whether they end at a sum > p instead of >= p.
    least_k : int
        The least top_k that is taken.
    limits : Mapping
        The intervals of other parameters where they are not [0, 1].
    off : Mapping
        The value of a parameter at or below which its step does nothing.
    joint : bool
        Whether top_k and top_p both look at the whole row, which they do where there is no min_p.
    least_temperature : float
        A temperature above 0 counts as at least this one.
    greedy_below : float
        A temperature below this one counts as 0.
    details : Mapping
        The other keywords of `truncate` and of `Penalties` that the engine has, with what it takes
        where a request gives the step without them.
    output_only : tuple of str
        The penalties that count the output alone, not the prompt.
    min_keep : tuple of str
        The steps that leave at least min_keep entries.
    bias_limit : float
        Every logit_bias counts as at most this one, up or down.
    lists_dropped : bool
        Whether the entries at -inf, and those that top_n_sigma drops, count as candidates until
        another rule takes them away: by dynatemp_range, and by min_keep in xtc_probability.
    greedy : bool
        Whether xtc_probability is no step at T = 0. Elsewhere it may drop the maximum.
    """

    order: tuple[str, ...]
    version: str = ""
    source: str = ""
    defaults: Mapping[str, float] = field(default_factory=dict)
    ties: tuple[Ties, ...]
    edges: Mapping[str, Edges] = field(default_factory=dict)
    least_k: int = 1
    limits: Mapping[str, str] = field(default_factory=dict)
    off: Mapping[str, float] = field(default_factory=dict)
    joint: bool = False
    least_temperature: float = 0.0
    greedy_below: float = 0.0
    details: Mapping[str, Any] = field(default_factory=dict)
    output_only: tuple[str, ...] = ()
    min_keep: tuple[str, ...] = ()
    bias_limit: float = np.inf
    lists_dropped: bool = False
    greedy: bool = False

    def effective_temperature(self, temperature: ArrayLike) -> NDArray[Any]:
        """Return the temperature that the engine makes of the given one.

        Examples
        --------
        >>> import thermoscope as ts
        >>> ts.engines()["vllm"].effective_temperature([0.0, 0.001, 0.7])
        array([0.  , 0.01, 0.7 ])
        """
        t = np.where(np.less(temperature, self.greedy_below), 0.0, temperature)
        return np.where((t > 0) & (t < self.least_temperature), self.least_temperature, t)


_DYNAMIC = {"dynatemp_range": "[0, inf)", "dynatemp_exponent": "[0, inf)"}

# The rules as their papers have them, in the order of the parameters.
PAPERS = Engine(
    order=(*CHANGES, "temperature", *RULES, "xtc_probability"),
    ties=("all", "k"),
    limits={
        "repetition_penalty": "(0, inf)",
        "top_n_sigma": "[0, inf)",
        "xtc_threshold": "[0, 0.5]",
        **_DYNAMIC,
    },
    details={
        "penalty_last_n": -1,
        "dry_base": 1.75,
        "dry_allowed_length": 2,
        "dry_last_n": -1,
        "dry_breakers": (),
        "dynatemp_range": 0.0,
        "dynatemp_exponent": 1.0,
        "xtc_threshold": 0.1,
        "min_keep": 1,
    },
    min_keep=(*RULES, "xtc_probability"),
)

_PENALTIES = ("repetition_penalty", "frequency_penalty", "presence_penalty")

# An engine that runs llama.cpp with its default chain.
_LLAMA_CPP = Engine(
    order=(
        "logit_bias",
        *_PENALTIES,
        "dry_multiplier",
        "top_n_sigma",
        "top_k",
        "typical_p",
        "top_p",
        "min_p",
        "xtc_probability",
        "temperature",
    ),
    version="b11549",
    source="src/llama-sampler.cpp; the default chain of common/common.h",
    defaults={"temperature": 0.8, "top_k": 40, "top_p": 0.95, "min_p": 0.05},
    ties=("k",),
    edges={"typical_p": FEW_BEYOND, "top_p": FEW, "xtc_probability": FEW},
    least_k=ANY_K,
    limits={"repetition_penalty": "(0, inf)", "top_n_sigma": "(-inf, inf)", **_DYNAMIC},
    off={"top_k": 0, "top_n_sigma": 0},
    details={**PAPERS.details, "penalty_last_n": 64, "dry_last_n": 64, "min_keep": 0},
    lists_dropped=True,
    min_keep=("typical_p", "top_p", "min_p", "xtc_probability"),
)

ENGINES: dict[str, Engine] = {
    "transformers": Engine(
        # Its sequence_bias of single tokens is logit_bias.
        order=(
            "logit_bias",
            "repetition_penalty",
            "temperature",
            "top_k",
            "top_p",
            "min_p",
            "typical_p",
            "epsilon",
            "eta",
        ),
        version="5.23.0",
        source="generation/logits_process.py and _get_logits_processor of generation/utils.py",
        defaults={"temperature": 1.0, "top_k": 50, "top_p": 1.0},
        ties=("all",),
        edges={"top_p": FEW},
        least_k=0,
        limits={
            "repetition_penalty": "(0, inf)",
            "typical_p": "(0, 1]",
            "epsilon": "[0, 1)",
            "eta": "[0, 1)",
        },
        off={"top_k": 0},
        # min_tokens_to_keep of the warpers, which generate() sets for a search with beams alone.
        details={"min_keep": 1},
        min_keep=("top_k", "top_p", "min_p", "typical_p", "epsilon", "eta"),
    ),
    "vllm": Engine(
        order=("logit_bias", *_PENALTIES, "temperature", "min_p", "top_k", "top_p"),
        version="commit 01fa3fe7",
        source="vllm/v1/sample: ops/topk_topp_sampler.py (its PyTorch code), "
        "ops/topk_topp_triton.py (at 08a57232), sampler.py (at 3e342658), "
        "logits_processor/builtin.py (at 0272a72c), ops/penalties.py (at 055e47c2); "
        "vllm/model_executor/layers/utils.py (at 00358600); vllm/sampling_params.py (at db573835)",
        defaults={"temperature": 1.0, "top_k": 0, "top_p": 1.0, "min_p": 0.0},
        # PyTorch drops what is below the k-th logit; the Triton kernel counts up to k.
        ties=("all", "k"),
        edges={"top_p": FEW},
        least_k=-1,
        limits={
            "repetition_penalty": "(0, inf)",
            "frequency_penalty": "[-2, 2]",
            "presence_penalty": "[-2, 2]",
            "top_p": "(0, 1]",
        },
        off={"top_k": 0},
        least_temperature=0.01,
        output_only=("frequency_penalty", "presence_penalty"),
        bias_limit=100.0,
    ),
    "sglang": Engine(
        order=(
            "frequency_penalty",
            "presence_penalty",
            "repetition_penalty",
            "logit_bias",
            "temperature",
            "top_k",
            "top_p",
            "min_p",
        ),
        version="commit 584f55d1",
        source="python/sglang/srt: layers/sampler.py with the FlashInfer backend, "
        "sampling/sampling_params.py (at 00c17caf), sampling/penaltylib (at 00731f0b), "
        "sampling/sampling_batch_info.py with overlap; sampling.cuh of FlashInfer",
        defaults={"temperature": 1.0, "top_k": -1, "top_p": 1.0, "min_p": 0.0},
        ties=("all",),
        least_k=-1,
        limits={
            "repetition_penalty": "(0, 2]",
            "frequency_penalty": "[-2, 2]",
            "presence_penalty": "[-2, 2]",
            "top_p": "(0, 1]",
        },
        off={"top_k": -1},
        joint=True,
        greedy_below=1e-6,
        output_only=_PENALTIES,
    ),
    "mlx-lm": Engine(
        order=(
            "logit_bias",
            "repetition_penalty",
            "presence_penalty",
            "frequency_penalty",
            "top_p",
            "min_p",
            "xtc_probability",
            "top_k",
            "temperature",
        ),
        version="0.32.0",
        source="mlx_lm/sample_utils.py; BatchGenerator of mlx_lm/generate.py; the defaults of "
        "mlx_lm/server.py",
        defaults={"temperature": 0.0, "top_k": 0, "top_p": 1.0, "min_p": 0.0},
        ties=("k",),
        edges={"top_p": FEW, "xtc_probability": {"beyond": True}},
        least_k=ANY_K,
        limits={"xtc_threshold": "[0, 0.5]"},
        off={"repetition_penalty": 0, "top_k": 0, "top_p": 0},
        # Its server leaves a line feed and the end of the text out of XTC.
        details={"penalty_last_n": 20, "xtc_threshold": 0.1, "min_keep": 1},
        min_keep=("min_p",),
        greedy=True,
    ),
    "llama.cpp": _LLAMA_CPP,
    # Ollama's own runner of MLX models keeps the older order, with a sum >= p.
    "ollama": replace(
        _LLAMA_CPP,
        order=(*_PENALTIES, "top_k", "typical_p", "top_p", "min_p", "temperature"),
        version="0.33.0-rc2",
        source="llm/llama_server.go, which hands GGUF models to llama.cpp b10488; api/types.go",
        defaults={"temperature": 0.8, "top_k": 40, "top_p": 0.9, "min_p": 0.0},
        details={"penalty_last_n": 64},
        min_keep=(),
    ),
    "ollama<0.30": Engine(
        order=("top_k", "temperature", "top_p", "min_p"),
        version="0.24.0",
        source="sample/samplers.go and sample/transforms.go",
        defaults={"temperature": 0.8, "top_k": 40, "top_p": 0.9, "min_p": 0.0},
        ties=("k",),
        edges={"top_p": FEW_BEYOND},
        least_k=ANY_K,
        off={"top_k": 0},
        least_temperature=1e-7,
    ),
}


class Engines(dict[str, Engine]):
    """The engines by name, which print as tables."""

    def __repr__(self) -> str:
        changes, orders, edges, others, defaults = (
            [("engine", "changes of logits, first")],
            [("engine", "order, then")],
            [("engine", "top_k", "top_p", "typical_p", "temperature")],
            [("engine", "penalty_last_n", "min_keep")],
            [("engine", "defaults", "read")],
        )
        for name, engine in self.items():
            starred = {step: f"{step}*" for step in engine.output_only}
            first = [starred.get(step, step) for step in engine.order if step in CHANGES]
            changes.append((name, ", ".join(first)))
            orders.append((name, ", ".join(step for step in engine.order if step not in CHANGES)))
            sums = _sum("top_p", engine), _sum("typical_p", engine)
            edges.append((name, " or ".join(engine.ties), *sums, _temperature(engine)))
            last_n = engine.details.get("penalty_last_n", "")
            others.append((name, str(last_n), ", ".join(engine.min_keep)))
            values = ", ".join(f"{step} {value:g}" for step, value in engine.defaults.items())
            defaults.append((name, values, engine.version))
        notes = (
            "*: counts the output alone, not the prompt",
            "all: all entries that tie for the last place stay; else no more than needed",
            "joint: of the row before top_k, unless there is a min_p",
            "range: the engine has dynatemp_range",
            "penalty_last_n: the tokens that the penalties count; min_keep: the steps that heed it",
            "defaults: the engine's own; keep() and truncate() take only what they are given",
        )
        tables = [_table(rows) for rows in (changes, orders, edges, others, defaults)]
        return "\n\n".join((*tables, "\n".join(notes)))


def engines() -> Engines:
    """List the engines that `keep` and `truncate` know.

    Returns
    -------
    Engines
        A dict from the name to an `Engine`: `order`, `edges`, `ties`, `limits`, `defaults`,
        `details`, the `version` that was read and the files, `source`. It prints as tables.

    See Also
    --------
    keep : what the steps are.

    Examples
    --------
    >>> import thermoscope as ts
    >>> print(ts.engines())  # doctest: +ELLIPSIS
    engine        changes of logits, first
    transformers  logit_bias, repetition_penalty
    ...
    engine        order, then
    transformers  temperature, top_k, top_p, min_p, typical_p, epsilon, eta
    ...
    llama.cpp     top_n_sigma, top_k, typical_p, top_p, min_p, xtc_probability, temperature
    ...
    engine        top_k     top_p                 typical_p      temperature
    transformers  all       sum >= p              sum >= p, all
    ...
    llama.cpp     k         sum >= p              sum > p        range
    ...
    engine        penalty_last_n  min_keep
    ...
    llama.cpp     64              typical_p, top_p, min_p, xtc_probability
    ...
    engine        defaults                                           read
    transformers  temperature 1, top_k 50, top_p 1                   5.23.0
    ...
    >>> ollama = ts.engines()["ollama"]
    >>> ts.truncate([3.0, 1.0], **ollama.defaults, engine="ollama").round(3)
    array([0.924, 0.076])
    """
    return Engines(ENGINES)


def _sum(step: str, engine: Engine) -> str:
    if step not in engine.order:
        return ""
    edges = engine.edges.get(step, {})
    text = "sum > p" if edges.get("beyond") else "sum >= p"
    text = text if edges.get("few") else f"{text}, all"
    return f"{text}, joint" if engine.joint and step == "top_p" else text


def _temperature(engine: Engine) -> str:
    if "dynatemp_range" in engine.details:
        return "range"
    if engine.least_temperature:
        return f"0 or >= {engine.least_temperature:g}"
    return f"0 if < {engine.greedy_below:g}" if engine.greedy_below else ""


def _table(rows: Sequence[tuple[str, ...]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
