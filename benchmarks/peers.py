"""softmax and log_softmax as other libraries compute them: a call for one array and one axis.

A peer that is not installed is left out and named in `MISSING`. PyTorch, JAX, ONNX Runtime and onnx
(which writes the model of one node that ONNX Runtime runs) come by ``pip install torch jax
onnxruntime onnx``; SciPy is among what `make test` installs.
"""

from __future__ import annotations

import warnings
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

import thermoscope as ts
from thermoscope import kernels

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Array = NDArray[Any]
    Call = Callable[[], object]

__all__ = ["FUNCTIONS", "MISSING", "PEERS", "model"]

FUNCTIONS = ("softmax", "log_softmax")


class Peer(Protocol):
    """Makes a call that computes `function` of `z` once.

    The call writes to `out`, if that is given; None if the library's function takes none.
    """

    __name__: str

    def __call__(self, function: str, z: Array, axis: int, out: Array | None = None) -> Call | None:
        """Return the call."""


def thermoscope(function: str, z: Array, axis: int, out: Array | None = None) -> Call:
    """`thermoscope.softmax` or `thermoscope.log_softmax`."""
    compute = getattr(ts, function)
    if out is None:
        return lambda: compute(z, axis=axis)
    return lambda: compute(z, axis=axis, out=out)


def numpy(function: str, z: Array, axis: int, out: Array | None = None) -> Call:
    """NumPy's three lines, as everybody writes them."""
    scratch = None if out is None else np.zeros_like(z)

    def softmax() -> object:
        shifted = np.subtract(z, z.max(axis, keepdims=True), out=out)
        exp_z = np.exp(shifted, out=out)
        return np.divide(exp_z, exp_z.sum(axis, keepdims=True), out=out)

    def log_softmax() -> object:
        shifted = np.subtract(z, z.max(axis, keepdims=True), out=out)
        exp_z = np.exp(shifted, out=scratch)
        return np.subtract(shifted, np.log(exp_z.sum(axis, keepdims=True)), out=out)

    return {"softmax": softmax, "log_softmax": log_softmax}[function]


def scipy(function: str, z: Array, axis: int, out: Array | None = None) -> Call | None:
    """`scipy.special.softmax` or `scipy.special.log_softmax`, which take no result array."""
    from scipy import special  # noqa: PLC0415

    compute = getattr(special, function)
    return (lambda: compute(z, axis=axis)) if out is None else None


def torch(function: str, z: Array, axis: int, out: Array | None = None) -> Call:
    """`torch.softmax` or `torch.log_softmax`."""
    import torch as library  # noqa: PLC0415

    compute, tensor = getattr(library, function), library.from_numpy(z)
    if out is None:
        return lambda: compute(tensor, axis)
    result = library.from_numpy(out)
    return lambda: compute(tensor, axis, out=result)


def jax(function: str, z: Array, axis: int, out: Array | None = None) -> Call | None:
    """`jax.nn.softmax` or `jax.nn.log_softmax` under `jax.jit`, which take no result array."""
    import jax as library  # noqa: PLC0415

    if out is not None:
        return None
    compiled, array = _jitted(function, axis), library.device_put(z)
    return lambda: compiled(array).block_until_ready()


@cache
def _jitted(function: str, axis: int) -> Any:
    import jax as library  # noqa: PLC0415

    library.config.update("jax_enable_x64", val=True)
    compute = getattr(library.nn, function)
    return library.jit(lambda z: compute(z, axis))


def onnxruntime(function: str, z: Array, axis: int, out: Array | None = None) -> Call:
    """ONNX Runtime on a model of one node."""
    import onnxruntime as library  # noqa: PLC0415

    options = library.SessionOptions()
    options.intra_op_num_threads = kernels.thread_count()
    session = library.InferenceSession(
        model(function, z.dtype, z.shape, axis), options, providers=["CPUExecutionProvider"]
    )
    if out is None:
        return lambda: session.run(None, {"z": z})[0]
    binding = session.io_binding()
    for bind, array, name in ((binding.bind_input, z, "z"), (binding.bind_output, out, "p")):
        bind(name, "cpu", 0, array.dtype, array.shape, array.ctypes.data)

    def run() -> Array:
        session.run_with_iobinding(binding)
        return out  # keeps the array, of which the binding has no more than the address

    return run


def model(function: str, dtype: np.dtype[Any], shape: tuple[int, ...], axis: int) -> bytes:
    """Return an ONNX model of one node, from "z" to "p"."""
    from onnx import helper  # noqa: PLC0415

    operator = {"softmax": "Softmax", "log_softmax": "LogSoftmax"}[function]
    kind = helper.np_dtype_to_tensor_dtype(dtype)
    node = helper.make_node(operator, ["z"], ["p"], axis=axis)
    ends = [[helper.make_tensor_value_info(name, kind, shape)] for name in ("z", "p")]
    made = helper.make_model(
        helper.make_graph([node], function, *ends),
        opset_imports=[helper.make_opsetid("", 13)],
        ir_version=8,
    )
    written: bytes = made.SerializeToString()
    return written


_NEEDS: dict[Peer, tuple[str, ...]] = {
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
