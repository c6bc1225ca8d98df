"""Softmax as other libraries compute it: each peer as a function of one array and one axis.

A peer that is not installed is left out, and named. PyTorch, JAX, ONNX Runtime and onnx (which
writes the model of one node that ONNX Runtime runs) come by ``pip install torch==2.13.0 jax jaxlib
onnxruntime onnx``; SciPy is among what `make test` installs.
"""

from __future__ import annotations

import warnings
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np

import thermoscope as ts

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Array = NDArray[Any]
    Call = Callable[[], object]
    # Makes, of an array, an axis and whether the result array is given, a call that computes once.
    Peer = Callable[..., Call | None]

__all__ = ["MISSING", "PEERS"]


def thermoscope(z: Array, axis: int, *, given: bool) -> Call:
    """`thermoscope.softmax`."""
    if given:
        out = np.zeros_like(z)
        return lambda: ts.softmax(z, axis=axis, out=out)
    return lambda: ts.softmax(z, axis=axis)


def numpy(z: Array, axis: int, *, given: bool) -> Call:
    """NumPy's three lines, as everybody writes them."""
    if given:
        out = np.zeros_like(z)

        def three_in_place() -> None:
            np.subtract(z, z.max(axis, keepdims=True), out=out)
            np.exp(out, out=out)
            np.divide(out, out.sum(axis, keepdims=True), out=out)

        return three_in_place

    def three() -> object:
        shifted = z - z.max(axis, keepdims=True)
        e = np.exp(shifted)
        return e / e.sum(axis, keepdims=True)

    return three


def scipy(z: Array, axis: int, *, given: bool) -> Call | None:
    """`scipy.special.softmax`, which takes no result array."""
    from scipy.special import softmax  # noqa: PLC0415

    return None if given else lambda: softmax(z, axis=axis)


def torch(z: Array, axis: int, *, given: bool) -> Call:
    """`torch.softmax`."""
    import torch as library  # noqa: PLC0415

    tensor = library.from_numpy(z)
    if given:
        out = library.zeros_like(tensor)
        return lambda: library.softmax(tensor, axis, out=out)
    return lambda: library.softmax(tensor, axis)


def jax(z: Array, axis: int, *, given: bool) -> Call | None:
    """`jax.nn.softmax` under `jax.jit`, which takes no result array."""
    import jax as library  # noqa: PLC0415

    if given:
        return None
    library.config.update("jax_enable_x64", val=True)
    compiled = library.jit(lambda z: library.nn.softmax(z, axis))
    array = library.device_put(z)
    return lambda: compiled(array).block_until_ready()


def onnxruntime(z: Array, axis: int, *, given: bool) -> Call:
    """ONNX Runtime on a model of one node."""
    import onnxruntime as library  # noqa: PLC0415
    from onnx import helper  # noqa: PLC0415

    from thermoscope.kernels import thread_count  # noqa: PLC0415

    kind = helper.np_dtype_to_tensor_dtype(z.dtype)
    node = helper.make_node("Softmax", ["z"], ["p"], axis=axis)
    ends = [[helper.make_tensor_value_info(name, kind, z.shape)] for name in ("z", "p")]
    model = helper.make_model(
        helper.make_graph([node], "softmax", *ends),
        opset_imports=[helper.make_opsetid("", 13)],
        ir_version=8,
    )
    options = library.SessionOptions()
    options.intra_op_num_threads = thread_count()
    session = library.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    if not given:
        return lambda: session.run(None, {"z": z})[0]
    out = np.zeros_like(z)
    binding = session.io_binding()
    for bind, array, name in ((binding.bind_input, z, "z"), (binding.bind_output, out, "p")):
        bind(name, "cpu", 0, array.dtype, array.shape, array.ctypes.data)

    def run() -> Array:
        session.run_with_iobinding(binding)
        return out  # which the binding knows by its address alone: this is what keeps it

    return run


_NEEDS = {
    thermoscope: ("thermoscope",),
    numpy: ("numpy",),
    scipy: ("scipy",),
    torch: ("torch",),
    jax: ("jax", "jaxlib"),
    onnxruntime: ("onnxruntime", "onnx"),
}
MISSING = [module for needs in _NEEDS.values() for module in needs if find_spec(module) is None]
PEERS: dict[str, Peer] = {
    peer.__name__: peer for peer, needs in _NEEDS.items() if not set(needs) & set(MISSING)
}
warnings.filterwarnings("ignore", message=".*NumPy array is not writable.*")
