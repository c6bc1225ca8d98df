"""A text that the page itself writes, as ``--sample novel`` shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from thermoscope.arguments import seed_of
from thermoscope.cli.model_server import prompt_of, told
from thermoscope.sampling import fresh_seed
from thermoscope.state import State

if TYPE_CHECKING:
    from thermoscope.explorer.page import Beginning

__all__ = ["begun"]

PROMPT = "Call me Ishmael."
"""How the novel begins."""
WRITTEN = 20
"""Tokens that are there when the page opens."""
MOST = 10_000
"""More would keep the page from opening for long."""
TITLE = "Moby-Dick"


def begun(
    prompt: str | None,
    temperature: float,
    settings: dict[str, Any],
    seed: int | None,
    tokens: int | None,
) -> tuple[State, Beginning]:
    """Return the settings of the page, and the text with which its model begins."""
    from thermoscope.explorer.page import Beginning

    text = PROMPT if prompt is None else prompt_of(prompt)
    if not text:
        raise ValueError("the beginning must be a text, got an empty one")
    number = WRITTEN if tokens is None else tokens
    if number > MOST:
        raise ValueError(f"--tokens must be at most {MOST:,} with --sample novel, got {number}")
    used = fresh_seed() if seed is None else seed_of(seed)
    if seed is None:
        told(f"drawn with --seed {used}")
    # The logits are those that the model computes in the page.
    state = State.of([0.0], source=TITLE, temperature=temperature, truncation=settings)
    return state, Beginning(text, used, number)
