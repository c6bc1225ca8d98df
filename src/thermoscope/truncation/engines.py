"""What each engine does, as data: its order, its edge rules, its defaults, what was read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

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


# The rules as their papers have them, in the order of the parameters.
PAPERS = Engine(
    order=("temperature", *RULES),
    ties=("all", "k"),
    limits={"top_n_sigma": "[0, inf)"},
)

# An engine that runs llama.cpp with its default chain, without min_keep and dynamic temperature.
_LLAMA_CPP = Engine(
    order=("top_n_sigma", "top_k", "typical_p", "top_p", "min_p", "temperature"),
    version="b11549",
    source="src/llama-sampler.cpp; the default chain of common/common.h",
    defaults={"temperature": 0.8, "top_k": 40, "top_p": 0.95, "min_p": 0.05},
    ties=("k",),
    edges={"typical_p": FEW_BEYOND, "top_p": FEW},
    least_k=ANY_K,
    limits={"top_n_sigma": "(-inf, inf)"},
    off={"top_k": 0, "top_n_sigma": 0},
)

ENGINES: dict[str, Engine] = {
    "transformers": Engine(
        order=("temperature", "top_k", "top_p", "min_p", "typical_p", "epsilon", "eta"),
        version="5.23.0",
        source="generation/logits_process.py and _get_logits_processor of generation/utils.py",
        defaults={"temperature": 1.0, "top_k": 50, "top_p": 1.0},
        ties=("all",),
        edges={"top_p": FEW},
        least_k=0,
        limits={"typical_p": "(0, 1]", "epsilon": "[0, 1)", "eta": "[0, 1)"},
        off={"top_k": 0},
    ),
    "vllm": Engine(
        order=("temperature", "min_p", "top_k", "top_p"),
        version="commit 01fa3fe7",
        source="vllm/v1/sample: ops/topk_topp_sampler.py (its PyTorch code), "
        "ops/topk_topp_triton.py (at 08a57232), sampler.py (at 3e342658), "
        "logits_processor/builtin.py (at 0272a72c); vllm/sampling_params.py (at db573835)",
        defaults={"temperature": 1.0, "top_k": 0, "top_p": 1.0, "min_p": 0.0},
        # PyTorch drops what is below the k-th logit; the Triton kernel counts up to k.
        ties=("all", "k"),
        edges={"top_p": FEW},
        least_k=-1,
        limits={"top_p": "(0, 1]"},
        off={"top_k": 0},
        least_temperature=0.01,
    ),
    "sglang": Engine(
        order=("temperature", "top_k", "top_p", "min_p"),
        version="commit 584f55d1",
        source="python/sglang/srt: layers/sampler.py with the FlashInfer backend, "
        "sampling/sampling_params.py (at 00c17caf); sampling.cuh of FlashInfer",
        defaults={"temperature": 1.0, "top_k": -1, "top_p": 1.0, "min_p": 0.0},
        ties=("all",),
        least_k=-1,
        limits={"top_p": "(0, 1]"},
        off={"top_k": -1},
        joint=True,
        greedy_below=1e-6,
    ),
    "mlx-lm": Engine(
        order=("top_p", "min_p", "top_k", "temperature"),
        version="0.32.0",
        source="mlx_lm/sample_utils.py; the defaults of mlx_lm/server.py",
        defaults={"temperature": 0.0, "top_k": 0, "top_p": 1.0, "min_p": 0.0},
        ties=("k",),
        edges={"top_p": FEW},
        least_k=ANY_K,
        off={"top_k": 0, "top_p": 0},
    ),
    "llama.cpp": _LLAMA_CPP,
    # Ollama's own runner of MLX models keeps the older order, with a sum >= p.
    "ollama": replace(
        _LLAMA_CPP,
        order=("top_k", "typical_p", "top_p", "min_p", "temperature"),
        version="0.33.0-rc2",
        source="llm/llama_server.go, which hands GGUF models to llama.cpp b10488; api/types.go",
        defaults={"temperature": 0.8, "top_k": 40, "top_p": 0.9, "min_p": 0.0},
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
        orders, edges, defaults = (
            [("engine", "order")],
            [("engine", "top_k", "top_p", "typical_p", "temperature")],
            [("engine", "defaults", "read")],
        )
        for name, engine in self.items():
            orders.append((name, ", ".join(engine.order)))
            sums = _sum("top_p", engine), _sum("typical_p", engine)
            edges.append((name, " or ".join(engine.ties), *sums, _temperature(engine)))
            values = ", ".join(f"{step} {value:g}" for step, value in engine.defaults.items())
            defaults.append((name, values, engine.version))
        notes = (
            "all: all entries that tie for the last place stay; else no more than needed",
            "joint: of the row before top_k, unless there is a min_p",
            "defaults: the engine's own; keep() and truncate() take only what they are given",
        )
        tables = (_table(orders), _table(edges), _table(defaults), "\n".join(notes))
        return "\n\n".join(tables)


def engines() -> Engines:
    """List the engines that `keep` and `truncate` know.

    Returns
    -------
    Engines
        A dict from the name to an `Engine`: `order`, `edges`, `ties`, `limits`, `defaults`, the
        `version` that was read and the files, `source`. It prints as tables.

    See Also
    --------
    keep : what the steps are.

    Examples
    --------
    >>> import thermoscope as ts
    >>> print(ts.engines())  # doctest: +ELLIPSIS
    engine        order
    transformers  temperature, top_k, top_p, min_p, typical_p, epsilon, eta
    ...
    llama.cpp     top_n_sigma, top_k, typical_p, top_p, min_p, temperature
    ...
    engine        top_k     top_p                 typical_p      temperature
    transformers  all       sum >= p              sum >= p, all
    ...
    llama.cpp     k         sum >= p              sum > p
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
    if engine.least_temperature:
        return f"0 or >= {engine.least_temperature:g}"
    return f"0 if < {engine.greedy_below:g}" if engine.greedy_below else ""


def _table(rows: Sequence[tuple[str, ...]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
