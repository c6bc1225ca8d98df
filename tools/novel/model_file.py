"""The file of a model: one gzip stream, of one line of JSON and of numbers.

The line of JSON is an object:

    format     "thermoscope-language-model-1"
    title      what the model was trained on
    sizes      vocabulary, width, layers, heads, feed_forward, context: whole numbers
    ropeBase   the base of the rotary positions' wavelengths
    epsilon    what the norms add to the mean square

After its line feed there are, without gaps, all little-endian:

    1. the merges of the tokenizer, vocabulary - 256 pairs of uint16,
    2. the gains of the norms in float32: attention and feed-forward of each layer, then the last,
    3. a float32 scale for each row of the matrices, and
    4. the rows of the matrices in int8: an entry is its int8 times the scale of its row.

The matrices are, in this order, the embedding (a row for each token; its product with the last
hidden state makes the logits too), and of each layer query, key, value, output, gate, up and down
(a row for each of their outputs). The architecture is that of Llama; of a head's entries, 2 i and
2 i + 1 rotate together.

The twin of `read` is web/src/data/weights.ts.
"""

from __future__ import annotations

import gzip
import json
import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tools.novel.tokenizer import BYTES, Merge

if TYPE_CHECKING:
    from pathlib import Path

FORMAT = "thermoscope-language-model-1"
LEVELS = 127

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Sizes:
    """What the shapes of the weights follow from."""

    vocabulary: int = 1024
    width: int = 128
    layers: int = 4
    heads: int = 4
    feed_forward: int = 320
    context: int = 128

    def matrices(self) -> dict[str, tuple[int, int]]:
        """Return the shape of each matrix, in the order of the file."""
        square, rise = (self.width, self.width), (self.feed_forward, self.width)
        layer = dict.fromkeys(("query", "key", "value", "output"), square)
        layer |= {"gate": rise, "up": rise, "down": rise[::-1]}
        shapes = {"embedding": (self.vocabulary, self.width)}
        for at in range(self.layers):
            shapes |= {f"{at}.{name}": shape for name, shape in layer.items()}
        return shapes

    def norms(self) -> list[str]:
        """Return the names of the norms, in the order of the file."""
        layers = (f"{at}.{name}" for at in range(self.layers) for name in ("attention", "forward"))
        return [*layers, "last"]


@dataclass(eq=False)
class Model:
    """Weights in float32, with all that is needed to compute with them."""

    title: str
    sizes: Sizes
    merges: list[Merge]
    weights: dict[str, Floats]
    rope_base: float = 10_000.0
    epsilon: float = 1e-5


def quantise(matrix: Floats) -> tuple[Floats, NDArray[np.int8]]:
    """Return a scale for each row, and the entries as whole multiples of it."""
    scales = np.maximum(np.abs(matrix).max(axis=1), np.finfo(np.float32).tiny) / np.float32(LEVELS)
    entries = np.rint(matrix / scales[:, None]).clip(-LEVELS, LEVELS).astype(np.int8)
    return scales, entries


def to_bytes(model: Model) -> bytes:
    """Return the content of a file."""
    header = {
        "format": FORMAT,
        "title": model.title,
        "sizes": {_camel(name): value for name, value in asdict(model.sizes).items()},
        "ropeBase": model.rope_base,
        "epsilon": model.epsilon,
    }
    quantised = [quantise(model.weights[name]) for name in model.sizes.matrices()]
    parts = [
        np.array(model.merges, "<u2"),
        *(model.weights[name].astype("<f4") for name in model.sizes.norms()),
        *(scales.astype("<f4") for scales, _ in quantised),
        *(entries for _, entries in quantised),
    ]
    line = json.dumps(header, ensure_ascii=False).encode() + b"\n"
    # Without a time the same weights make the same file.
    return gzip.compress(line + b"".join(part.tobytes() for part in parts), mtime=0)


def read(path: Path) -> Model:
    """Read a file that `to_bytes` made."""
    line, _, numbers = gzip.decompress(path.read_bytes()).partition(b"\n")
    header = json.loads(line)
    if header["format"] != FORMAT:
        raise ValueError(f"{path} must be a {FORMAT}, got {header['format']}")
    fields = header["sizes"]
    sizes = Sizes(**{name: fields[_camel(name)] for name in asdict(Sizes())})
    matrices = sizes.matrices()
    place = 0

    def take(kind: str, *shape: int) -> NDArray[Any]:
        nonlocal place
        part = np.frombuffer(numbers, kind, math.prod(shape), place).reshape(shape)
        place += part.nbytes
        return part

    merges = take("<u2", sizes.vocabulary - BYTES, 2).tolist()
    weights = {name: take("<f4", sizes.width).astype(np.float32) for name in sizes.norms()}
    scales = {name: take("<f4", rows, 1) for name, (rows, _) in matrices.items()}
    for name, shape in matrices.items():
        # A product of 8 and 24 bits, rounded once.
        weights[name] = (take("i1", *shape) * scales[name]).astype(np.float32)
    if place != len(numbers):
        raise ValueError(f"{path} must have {place} bytes of numbers, got {len(numbers)}")
    return Model(
        header["title"],
        sizes,
        [(first, second) for first, second in merges],
        weights,
        header["ropeBase"],
        header["epsilon"],
    )


def _camel(name: str) -> str:
    """Return a name as TypeScript has it."""
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)
