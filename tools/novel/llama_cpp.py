"""A model as a GGUF file, for llama.cpp. The package gguf writes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import gguf

from thermoscope.connection.pieces import BYTES

if TYPE_CHECKING:
    from pathlib import Path

    from tools.novel.model_file import Model

NAMES = {
    "attention": "attn_norm",
    "query": "attn_q",
    "key": "attn_k",
    "value": "attn_v",
    "output": "attn_output",
    "forward": "ffn_norm",
    "gate": "ffn_gate",
    "up": "ffn_up",
    "down": "ffn_down",
    "embedding": "token_embd",
    "last": "output_norm",
}
CHARACTERS = {byte: character for character, byte in BYTES.items()}


def written(token: bytes) -> str:
    """Return a token as vocabularies of bytes write it."""
    return "".join(CHARACTERS[byte] for byte in token)


def tensor_name(name: str) -> str:
    """Return what llama.cpp calls a matrix or a norm."""
    *layer, kind = name.split(".")
    return ".".join([*(f"blk.{at}" for at in layer), NAMES[kind], "weight"])


def write(path: Path, model: Model, tokens: list[bytes]) -> None:
    """Write the weights in float32, with the tokenizer."""
    sizes = model.sizes
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name(model.title)
    writer.add_context_length(sizes.context)
    writer.add_embedding_length(sizes.width)
    writer.add_block_count(sizes.layers)
    writer.add_feed_forward_length(sizes.feed_forward)
    writer.add_head_count(sizes.heads)
    writer.add_layer_norm_rms_eps(model.epsilon)
    writer.add_rope_freq_base(model.rope_base)
    writer.add_rope_dimension_count(sizes.width // sizes.heads)
    writer.add_vocab_size(sizes.vocabulary)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list([written(token) for token in tokens])
    writer.add_token_types([gguf.TokenType.NORMAL] * sizes.vocabulary)
    merges = ((tokens[first], tokens[second]) for first, second in model.merges)
    writer.add_token_merges([f"{written(first)} {written(second)}" for first, second in merges])
    writer.add_add_bos_token(False)  # noqa: FBT003 - the interface of gguf
    for name, weight in model.weights.items():
        writer.add_tensor(tensor_name(name), weight)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
