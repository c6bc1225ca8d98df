"""A small language model that a page can hold: ``python -m tools.novel`` lists the commands.

`text` has the novel, `tokenizer` the tokens, `train` makes the weights, `model_file` is the file
that the page reads, `reference` computes its logits with NumPy, and `llama_cpp` writes the same
weights for llama.cpp. Only `train` needs PyTorch.
"""
