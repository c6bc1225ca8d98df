"""The logits of a model in float64 with NumPy: slow, and as plain as the formulas."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tools.novel.model_file import Model

Array = NDArray[np.float64]


def logits(model: Model, tokens: Sequence[int]) -> Array:
    """Return a row of logits after each token, of at most as many as the context has.

    Returns
    -------
    ndarray of float64, shape (len(tokens), vocabulary)
    """
    sizes = model.sizes
    if not 0 < len(tokens) <= sizes.context:
        raise ValueError(f"tokens must be 1 to {sizes.context}, got {len(tokens)}")
    weights = {name: weight.astype(np.float64) for name, weight in model.weights.items()}

    def norm(x: Array, name: str) -> Array:
        squares: Array = np.mean(x * x, axis=-1, keepdims=True)
        return x / np.sqrt(squares + model.epsilon) * weights[name]

    positions, half = np.arange(len(tokens)), sizes.width // sizes.heads // 2
    angles = positions[:, None, None] * model.rope_base ** (-np.arange(half) / half)
    turn = np.exp(1j * angles)

    def heads(x: Array) -> Array:
        return x.reshape(len(tokens), sizes.heads, -1)

    def rotate(x: Array) -> Array:
        parts = heads(x)
        turned = (parts[..., ::2] + 1j * parts[..., 1::2]) * turn
        return np.stack([turned.real, turned.imag], axis=-1).reshape(parts.shape)

    x = weights["embedding"][list(tokens)]
    for at in range(sizes.layers):
        h = norm(x, f"{at}.attention")
        query, key = (rotate(h @ weights[f"{at}.{name}"].T) for name in ("query", "key"))
        value = heads(h @ weights[f"{at}.value"].T)
        scores = np.einsum("qhd,khd->hqk", query, key) / np.sqrt(2 * half)
        scores[:, positions[:, None] < positions] = -np.inf
        attention = np.exp(scores - scores.max(axis=-1, keepdims=True))
        attention /= attention.sum(axis=-1, keepdims=True)
        mixed = np.einsum("hqk,khd->qhd", attention, value).reshape(x.shape)
        x = x + mixed @ weights[f"{at}.output"].T
        h = norm(x, f"{at}.forward")
        gate = h @ weights[f"{at}.gate"].T
        up = h @ weights[f"{at}.up"].T
        x = x + (gate / (1 + np.exp(-gate)) * up) @ weights[f"{at}.down"].T
    result: Array = norm(x, "last") @ weights["embedding"].T
    return result


def window(length: int, context: int) -> int:
    """Return where the tokens that are seen begin, in a text of `length` tokens.

    Once the context is full, its first half is dropped, and the second is evaluated anew from
    position 0. So the logits depend on the text alone, and most tokens cost one evaluation. The
    twin is `windowStart` in web/src/math/transformer.ts.
    """
    half = context // 2
    return max(0, -(-(length - context) // half)) * half


def surprisals(model: Model, tokens: Sequence[int]) -> Array:
    """Return -log p of every token but the first, in nats, as the page sees the text before it."""
    result: list[Array] = []
    context = model.sizes.context
    done = 1
    while done < len(tokens):
        # The texts that see the same window, up to one that fills it.
        start = window(done, context)
        end = min(start + context, len(tokens) - 1)
        rows = logits(model, tokens[start:end])[done - start - 1 :]
        largest = rows.max(axis=-1, keepdims=True)
        rows = rows - largest - np.log(np.exp(rows - largest).sum(axis=-1, keepdims=True))
        result.append(-rows[np.arange(len(rows)), tokens[done : end + 1]])
        done = end + 1
    return np.concatenate(result)
