"""What all tests share. None asserts a time: Hypothesis would fail an example that takes 0.2 s."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

import thermoscope as ts

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

# Programs that tests run in processes of their own; they hold no doctests.
collect_ignore = ["programs"]


@pytest.fixture(scope="module")
def digits() -> tuple[np.ndarray, np.ndarray]:
    """Return logits and targets of a real classifier, which come with the package."""
    return ts.samples.digits()[:2]


@pytest.fixture(scope="session")
def next_token(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with logits like those of GPT-2's next token, made up, and their tokens.

    0.npy, 1.npy and 2.npy are float32 of 50,257 tokens: a bulk far below a few that lead. Of the
    first, the three likeliest tokens are " visualize", " create" and " see".
    """
    folder = tmp_path_factory.mktemp("next_token")
    draw = np.random.default_rng(0)
    tokens = [f" token{at}" if at % 2 else f"tok{at}" for at in range(50_257)]
    for at in range(3):
        logits = draw.normal(-100, 4, 50_257).astype(np.float32)
        leading = draw.choice(50_257, 40, replace=False)
        logits[leading] = np.sort(draw.exponential(3, 40))[::-1].astype(np.float32) - 85
        if at == 0:
            for place, token in zip(leading, (" visualize", " create", " see"), strict=False):
                tokens[place] = token
        np.save(folder / f"{at}.npy", logits)
    (folder / "tokens.json").write_text(json.dumps(tokens), encoding="utf-8")
    return folder
