"""Open damaged files, which must end in rows or in an error of one line: see test_mutants."""

import random
import sys
import warnings
from pathlib import Path

import numpy as np

from thermoscope.data.errors import FileError
from thermoscope.data.reading import open_logits
from thermoscope.data.writing import ENDINGS, write_rows

COUNT = 1000
RESPONSE = (
    '{"choices": [{"index": 0, "logprobs": {"content": [{"token": "B", "logprob": -0.3, '
    '"bytes": [66], "top_logprobs": [{"token": "B", "logprob": -0.3}]}]}}]}\n'
)


def make(path: Path, ending: str) -> None:
    rows = np.arange(12, dtype=np.float32).reshape(4, 3) / 3
    if ending in ENDINGS:
        write_rows(path, [rows], shape=(4, 3), dtype=rows.dtype, labels=["cat", "dog", "eel"])
    elif ending == ".npz":
        np.savez(path, logits=rows, targets=np.arange(4))
    elif ending == ".pt":
        import torch

        torch.save({"logits": torch.from_numpy(rows)}, path)
    else:
        texts = {
            ".json": '[{"cat": 1.5, "dog": 2}, {"cat": 0.5, "dog": "inf"}]',
            ".sse": f": comment\n\ndata: {RESPONSE}\ndata: [DONE]\n",
            ".ndjson": RESPONSE * 2,
            ".txt": "# cat dog\n0.5 1\n2 3e5\n",
        }
        path.write_text(texts[ending])


def mutant(good: bytes, chance: random.Random) -> bytes:
    data = bytearray(good)
    kind = chance.choice(["flip", "flip", "cut", "splice", "insert"])
    if kind == "flip":
        for _ in range(chance.randint(1, 4)):
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    elif kind == "cut":
        del data[chance.randrange(len(data)) :]
    elif kind == "splice":
        start, end = sorted(chance.randrange(len(data)) for _ in range(2))
        at = chance.randrange(len(data))
        data[at : at + end - start] = data[start:end]
    else:
        at = chance.randrange(len(data))
        data[at:at] = chance.randbytes(chance.randint(1, 8))
    return bytes(data) or b" "


def main(ending: str) -> None:
    warnings.simplefilter("error")
    path = Path(f"good{ending}")
    make(path, ending)
    # A Zarr store is a folder, and one of its files is damaged at a time.
    members = sorted(member for member in [path, *path.rglob("*")] if member.is_file())
    good = {member.relative_to(path): member.read_bytes() for member in members}
    bad = Path(f"bad{ending}")
    for name in good:
        (bad / name).parent.mkdir(parents=True, exist_ok=True)
    for seed in range(COUNT):
        chance = random.Random(seed)  # noqa: S311 - no secret
        damaged = chance.choice(list(good))
        for name, data in good.items():
            # A file system may wait for the disk where a file is written over.
            (bad / name).unlink(missing_ok=True)
            (bad / name).write_bytes(mutant(data, chance) if name == damaged else data)
        sys.stdout.write(f"{seed} ")
        sys.stdout.flush()
        try:
            opened = open_logits(bad)
            read = sum(len(block) for block in opened.blocks())
            assert read == opened.rows
        except FileError as error:
            message = str(error)
            if not message.startswith(f"{bad}: ") or "\n" in message:
                raise


if __name__ == "__main__":
    main(sys.argv[1])
