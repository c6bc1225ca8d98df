"""Training, with PyTorch on the CPU.

The same seed, steps and machine give the same weights, also where the training was stopped in
between: each step draws its windows and its dropout from the seed and its own number.
"""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING, Any

# Threads that wait in a loop would slow all others down on a machine that does other work too.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import torch
import torch.nn.functional as F  # noqa: N812 - the name that PyTorch users know
from torch import nn

from tools.novel.model_file import Model, Sizes

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tools.novel.tokenizer import Merge

WINDOWS = 32  # of a batch
WARM_UP = 50  # steps
CONSTANT = 0.4  # of the steps, before the rates fall to 0
MUON_RATE = 0.02
ADAM_RATE = 4e-3
DECAY = 0.1
DROPOUT = 0.1
EVERY = 100  # steps between two looks at the validation chapters


class Layer(nn.Module):  # type: ignore[misc]
    """Attention and a gated feed-forward network, as in Llama."""

    def __init__(self, sizes: Sizes, epsilon: float) -> None:
        super().__init__()
        self.heads = sizes.heads
        self.attention = nn.RMSNorm(sizes.width, epsilon)
        self.forward_norm = nn.RMSNorm(sizes.width, epsilon)
        self.matrices = nn.ParameterDict()
        for name, shape in sizes.matrices().items():
            if name.startswith("0."):
                scale = 0.5 * shape[1] ** -0.5
                # A layer begins as the identity.
                scale *= name not in ("0.output", "0.down")
                self.matrices[name[2:]] = nn.Parameter(scale * torch.randn(shape))

    def forward(self, x: Any, turn: Any) -> Any:
        """Return the hidden states after this layer."""
        windows, length, width = x.shape

        def product(x: Any, name: str) -> Any:
            return F.linear(x, self.matrices[name])

        def rotate(x: Any) -> Any:
            pairs = torch.view_as_complex(x.float().view(windows, length, self.heads, -1, 2))
            return torch.view_as_real(pairs * turn[:length]).flatten(-2).transpose(1, 2)

        h = self.attention(x)
        query, key = rotate(product(h, "query")), rotate(product(h, "key"))
        value = product(h, "value").float().view(windows, length, self.heads, -1).transpose(1, 2)
        # The backward pass of attention takes six times as long in bfloat16.
        with torch.autocast("cpu", enabled=False):
            mixed = F.scaled_dot_product_attention(query, key, value, is_causal=True)
        mixed = mixed.transpose(1, 2).reshape(windows, length, width)
        x = x + F.dropout(product(mixed, "output"), DROPOUT, self.training)
        h = self.forward_norm(x)
        inner = F.silu(product(h, "gate")) * product(h, "up")
        return x + F.dropout(product(inner, "down"), DROPOUT, self.training)


class Transformer(nn.Module):  # type: ignore[misc]
    """Llama's architecture, with one matrix for the tokens at both ends."""

    def __init__(self, sizes: Sizes, rope_base: float = 10_000.0, epsilon: float = 1e-5) -> None:
        super().__init__()
        self.sizes = sizes
        self.embedding = nn.Parameter(0.05 * torch.randn(sizes.vocabulary, sizes.width))
        self.layers = nn.ModuleList(Layer(sizes, epsilon) for _ in range(sizes.layers))
        self.last = nn.RMSNorm(sizes.width, epsilon)
        half = sizes.width // sizes.heads // 2
        angles = torch.arange(sizes.context)[:, None, None] * rope_base ** (
            -torch.arange(half) / half
        )
        self.register_buffer("turn", torch.polar(torch.ones(()), angles), persistent=False)

    def forward(self, tokens: Any, targets: Any) -> Any:
        """Return the mean surprisal of the targets, in nats."""
        with torch.autocast("cpu", torch.bfloat16):
            x = F.dropout(F.embedding(tokens, self.embedding), DROPOUT, self.training)
            for layer in self.layers:
                x = layer(x, self.turn)
            rows = F.linear(self.last(x), self.embedding)
        return F.cross_entropy(rows.flatten(0, 1).float(), targets.flatten())

    def exported(self, title: str, merges: list[Merge]) -> Model:
        """Return the weights as the file has them."""
        weights = {"embedding": self.embedding, "last": self.last.weight}
        for at, layer in enumerate(self.layers):
            weights |= {f"{at}.{name}": matrix for name, matrix in layer.matrices.items()}
            weights[f"{at}.attention"] = layer.attention.weight
            weights[f"{at}.forward"] = layer.forward_norm.weight
        arrays = {name: weight.detach().float().numpy() for name, weight in weights.items()}
        return Model(title, self.sizes, merges, arrays)


class Trainer:
    """The model as it is trained, the best so far, and the checkpoint that has both."""

    def __init__(
        self, sizes: Sizes, checkpoint: Path, steps: int, seed: int, say: Callable[[str], None]
    ) -> None:
        torch.manual_seed(seed)
        self.model = Transformer(sizes)
        self.checkpoint, self.steps, self.seed, self.say = checkpoint, steps, seed, say
        matrices = [matrix for layer in self.model.layers for matrix in layer.matrices.values()]
        held = {id(matrix) for matrix in matrices}
        others = [other for other in self.model.parameters() if id(other) not in held]
        self.optimizers = [
            torch.optim.Muon(matrices, lr=MUON_RATE, weight_decay=DECAY),
            torch.optim.AdamW(others, lr=ADAM_RATE, betas=(0.9, 0.98), weight_decay=0.0),
        ]
        self.step, self.seconds = 0, 0.0
        self.best, self.best_loss = self.model.state_dict(), float("inf")
        if checkpoint.exists():
            self._load()

    def _load(self) -> None:
        saved = torch.load(self.checkpoint, weights_only=True)
        if (saved["steps"], saved["seed"]) != (self.steps, self.seed):
            raise ValueError(
                f"{self.checkpoint} is of {saved['steps']} steps and seed {saved['seed']}, "
                f"got {self.steps} and {self.seed}"
            )
        self.model.load_state_dict(saved["model"])
        for optimizer, state in zip(self.optimizers, saved["optimizers"], strict=True):
            optimizer.load_state_dict(state)
        self.step, self.seconds = saved["step"], saved["seconds"]
        self.best, self.best_loss = saved["best"], saved["best_loss"]

    def _save(self) -> None:
        optimizers = [optimizer.state_dict() for optimizer in self.optimizers]
        state = {"model": self.model.state_dict(), "optimizers": optimizers}
        state |= {"best": self.best, "best_loss": self.best_loss}
        state |= {"step": self.step, "seconds": self.seconds}
        state |= {"steps": self.steps, "seed": self.seed}
        # A file that is half written would lose all of the training.
        partial = self.checkpoint.with_suffix(".partial")
        torch.save(state, partial)
        partial.replace(self.checkpoint)

    def _rate(self) -> float:
        """Return the learning rate of the next step, as a part of the highest one."""
        left = (self.steps - self.step) / (self.steps * (1 - CONSTANT))
        return min(1.0, (self.step + 1) / WARM_UP, left)

    def _train(self, stream: Any) -> float:
        """Do a step, and return the loss that it started from."""
        # So a step does not depend on where the training was stopped before it. Dropout has only
        # the generator of all.
        number = self.seed * self.steps + self.step
        torch.manual_seed(number)
        generator = torch.Generator().manual_seed(number)
        length = self.model.sizes.context
        starts = torch.randint(len(stream) - length, (WINDOWS, 1), generator=generator)
        batch = stream[starts + torch.arange(length + 1)]
        for optimizer, highest in zip(self.optimizers, (MUON_RATE, ADAM_RATE), strict=True):
            optimizer.param_groups[0]["lr"] = highest * self._rate()
        loss = self.model(batch[:, :-1], batch[:, 1:])
        loss.backward()
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad()
        self.step += 1
        result: float = loss.item()
        return result

    def _validate(self, windows: Any) -> float:
        """Return the loss on the validation tokens, and keep the weights if it is the lowest."""
        self.model.eval()
        with torch.no_grad():
            loss: float = self.model(windows[:, :-1], windows[:, 1:]).item()
        self.model.train()
        if loss < self.best_loss:
            self.best_loss = loss
            self.best = {name: value.clone() for name, value in self.model.state_dict().items()}
        return loss

    def run(self, tokens: list[int], validation: list[int], seconds: float) -> int:
        """Train until the steps or the seconds are over, or Ctrl-C, and save a checkpoint.

        Returns
        -------
        int
            How many steps are left. The model has the weights with the lowest validation loss.
        """
        length = self.model.sizes.context + 1
        stream = torch.tensor(tokens)
        windows = torch.tensor(validation[: len(validation) // length * length]).view(-1, length)
        began, before, losses = time.monotonic(), self.seconds, list[float]()
        stopped = False

        def stop(*_: object) -> None:
            # A step is done whole: half of it would be done again. The next Ctrl-C ends all.
            nonlocal stopped
            stopped = True
            signal.signal(signal.SIGINT, ended_by)

        ended_by = signal.signal(signal.SIGINT, stop)
        try:
            while self.step < self.steps and self.seconds - before < seconds and not stopped:
                losses.append(self._train(stream))
                self.seconds = before + time.monotonic() - began
                if self.step % EVERY == 0 or self.step == self.steps:
                    found = self._validate(windows)
                    self.say(
                        f"step {self.step} of {self.steps}, {self.seconds:.0f} s: "
                        f"{sum(losses) / len(losses):.3f} nats a token, validation {found:.3f}"
                    )
                    losses.clear()
        finally:
            signal.signal(signal.SIGINT, ended_by)
        if stopped:
            self.say(f"stopped after step {self.step}")
        self._save()
        self.model.load_state_dict(self.best)
        return self.steps - self.step
