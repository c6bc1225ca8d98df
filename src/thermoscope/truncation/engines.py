"""What each engine does, as data: its order, its edge rules, its defaults, what was read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

__all__ = ["ENGINES", "PAPERS", "Engine", "Ties"]

Ties: TypeAlias = Literal["all", "k"]
Edges: TypeAlias = Mapping[str, bool]
FEW: Edges = {"few": True}
# An engine takes an int32.
ANY_K = -(2**31)
FEW_BEYOND: Edges = {"few": True, "beyond": True}


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
        make k. The first is what is meant if nothing is said.
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
        Whether top_p looks at the row before top_k, where there is no min_p.
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


# The rules as their papers have them, in the order of the parameters.
PAPERS = Engine(
    order=(
        *("temperature", "top_k", "top_p", "min_p", "typical_p", "epsilon", "eta"),
        "top_n_sigma",
    ),
    ties=("all", "k"),
    limits={"top_n_sigma": "[0, inf)"},
)

_LLAMA_CPP = "src/llama-sampler.cpp; the default chain of common/common.h"

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
        source="vllm/v1/sample: sampler.py, logits_processor/builtin.py, "
        "ops/topk_topp_sampler.py (PyTorch) and ops/topk_topp_triton.py; "
        "vllm/sampling_params.py",
        defaults={"temperature": 1.0, "top_k": 0, "top_p": 1.0, "min_p": 0.0},
        # PyTorch drops what is below the k-th logit; the Triton kernel counts up to k.
        ties=("all", "k"),
        edges={"top_p": FEW},
        least_k=-1,
        limits={"top_p": "(0, 1]"},
        off={"top_k": 0},
        least_temperature=0.01,
    ),
    "llama.cpp": Engine(
        order=("top_n_sigma", "top_k", "typical_p", "top_p", "min_p", "temperature"),
        version="commit 6f7f63ee",
        source=_LLAMA_CPP,
        defaults={"temperature": 0.8, "top_k": 40, "top_p": 0.95, "min_p": 0.05},
        ties=("k",),
        edges={"typical_p": FEW_BEYOND, "top_p": FEW},
        least_k=ANY_K,
        limits={"top_n_sigma": "(-inf, inf)"},
        off={"top_k": 0, "top_n_sigma": 0},
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
