"""Serve a model by llama.cpp: see test_llama_cpp.

A .gguf file is served as it is. The rows of a .npy file are the logits of a model: after token t
alone, they are exactly row t. With "bytes" as a second argument, each byte is a token, so that any
text has tokens. Prints the server's address once it answers, and ends with standard input.
"""

import sys
from pathlib import Path

import gguf
import numpy as np
import xllamacpp

WIDTH = 64
CONTEXT = 256


def write(path: Path, rows: np.ndarray, byte_tokens: range) -> None:
    """Write a GGUF file of llama's architecture, of which only the two embeddings matter.

    The embedding of token t is a power of 2 in its place t. The one layer is all zeros, and adds
    nothing. The norm makes it 1 exactly, which picks row t from the output embedding.
    """
    tokens = rows.shape[1]
    embedding = np.zeros((tokens, WIDTH), np.float32)
    np.fill_diagonal(embedding, 2.0**13)
    output = np.zeros((tokens, WIDTH), np.float32)
    output[:, : len(rows)] = rows.T

    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(1)
    writer.add_feed_forward_length(WIDTH)
    writer.add_head_count(1)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_vocab_size(tokens)
    special = {"<unk>": gguf.TokenType.UNKNOWN, "<s>": gguf.TokenType.CONTROL}
    special |= {"</s>": gguf.TokenType.CONTROL}
    special |= {f"<0x{byte:02X}>": gguf.TokenType.BYTE for byte in byte_tokens}
    names = [*special, *(f"\u2581{token}" for token in range(len(special), tokens))]
    writer.add_tokenizer_model("llama")
    writer.add_token_list(names)
    writer.add_token_types([special.get(name, gguf.TokenType.NORMAL) for name in names])
    writer.add_token_scores([0.0] * tokens)

    square = np.zeros((WIDTH, WIDTH), np.float32)
    layer = ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")
    tensors = {f"blk.0.{name}": square for name in layer}
    tensors |= {f"blk.0.{name}": square[0] for name in ("attn_norm", "ffn_norm")}
    # Normalising divides by the root of the mean square, 2^13 / sqrt(WIDTH).
    norm = np.full(WIDTH, WIDTH**-0.5, np.float32)
    tensors |= {"token_embd": embedding, "output_norm": norm, "output": output}
    for name, tensor in tensors.items():
        writer.add_tensor(f"{name}.weight", tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    source = Path(sys.argv[1])
    model = source.with_suffix(".gguf")
    if source != model:
        # The tokenizer demands the line feed. Of half a character, the server answers without
        # probabilities.
        write(model, np.load(source), range(256) if sys.argv[2:] == ["bytes"] else range(10, 11))
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(model)
    parameters.port = 0
    parameters.n_ctx = CONTEXT
    parameters.n_parallel = 1
    parameters.cpuparams.n_threads = 1
    parameters.cpuparams_batch.n_threads = 1
    parameters.warmup = False
    # Keys and values in float16, and flash attention, cost three digits of the logits.
    parameters.cache_type_k = parameters.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
    parameters.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
    parameters.verbosity = 0
    server = xllamacpp.Server(parameters)
    sys.stdout.write(f"{server.listening_address}\n")
    sys.stdout.flush()
    sys.stdin.read()
