"""Make the sample data: ``python -m tools.digits`` writes src/thermoscope/data/samples/digits.npz.

A small network is trained on 200 of scikit-learn's 1,797 handwritten digits, for long after it fits
them without a fault, which makes it more certain of the others than it should be. Those are what
is kept: their logits, which class they are, and the names of the classes.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

PATH = Path(__file__).parent.parent / "src" / "thermoscope" / "data" / "samples" / "digits.npz"
NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def main() -> None:
    """Train the network and write what it says of the digits that it has not seen."""
    images, targets = load_digits(return_X_y=True)
    seen, held_out, seen_targets, held_out_targets = train_test_split(
        images / 16, targets, train_size=200, stratify=targets, random_state=0
    )
    network = MLPClassifier(
        (64,),
        alpha=0,
        learning_rate_init=0.01,
        max_iter=1000,
        n_iter_no_change=1000,
        random_state=0,
    )
    with warnings.catch_warnings():
        # It is to go on for all of its epochs.
        warnings.simplefilter("ignore", ConvergenceWarning)
        network.fit(seen, seen_targets)
    first, last = network.coefs_
    hidden = np.maximum(held_out @ first + network.intercepts_[0], 0)
    logits = hidden @ last + network.intercepts_[1]
    np.savez_compressed(
        PATH,
        logits=logits.astype(np.float32),
        targets=held_out_targets.astype(np.uint8),
        names=np.array(NAMES),
    )


if __name__ == "__main__":
    main()
