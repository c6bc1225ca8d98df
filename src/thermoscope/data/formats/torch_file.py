""".pt and .pth, which torch.save writes: read by PyTorch alone, and never unpickled."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from thermoscope.data.content import Archive, Array, held, unreadable

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["open_torch"]


def open_torch(path: Path) -> Array | Archive:
    """Return the tensor, or the tensors by name, that PyTorch finds with ``weights_only=True``."""
    try:
        torch = import_module("torch")
    except ImportError as error:
        raise ValueError(
            "a file of torch.save, which only PyTorch reads: where it is installed, convert it by "
            f"numpy.save('logits.npy', torch.load({path.name!r}, weights_only=True).numpy())"
        ) from error
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except (MemoryError, OSError):
        raise
    # torch.load raises errors of many kinds.
    except Exception as error:
        raise ValueError(
            "not a whole file of tensors: damaged, or it holds more than weights_only=True loads"
        ) from error
    if isinstance(found, torch.Tensor):
        return _array(torch, found)
    if isinstance(found, (list, tuple)):
        found = {str(at): value for at, value in enumerate(found)}
    if not isinstance(found, dict):
        raise ValueError(f"must hold tensors, got {type(found).__name__}")  # noqa: TRY004 - the file
    return Archive(
        {
            str(name): _array(torch, value)
            for name, value in found.items()
            if isinstance(value, torch.Tensor)
        }
    )


def _array(torch: Any, tensor: Any) -> Array:
    plain = tensor.detach()
    if plain.is_sparse or plain.dtype.is_complex or plain.is_quantized:
        return unreadable(plain.shape, str(plain.dtype))
    return held((plain.float() if plain.dtype == torch.bfloat16 else plain).numpy())
