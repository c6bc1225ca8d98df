"""Draws have the probabilities of softmax, however many entries there are."""

from __future__ import annotations

import json
import math
import tracemalloc
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mpmath
import numpy as np
import pytest
from scipy import stats

import thermoscope as ts
from thermoscope import sampling

if TYPE_CHECKING:
    from collections.abc import Callable

INF, NAN = math.inf, math.nan


def p_value(counts: np.ndarray, probabilities: np.ndarray) -> float:
    """Return the p-value of counts under these probabilities (chi-square)."""
    expected = counts.sum() * probabilities
    return float(stats.chisquare(counts, expected * (counts.sum() / expected.sum())).pvalue)


@pytest.mark.parametrize("temperature", [0.3, 1.0, 7.0, INF])
@pytest.mark.parametrize("entries", [3, 10, 50])
def test_a_million_draws_have_the_frequencies_of_softmax(entries: int, temperature: float) -> None:
    logits = np.linspace(0, 2, entries)
    draws = ts.sample(logits, temperature, size=1_000_000, rng=5)
    assert draws.dtype == np.int64
    counts = np.bincount(draws, minlength=entries)
    probabilities = ts.softmax(logits, temperature)
    assert p_value(counts, probabilities) > 1e-3
    # The test can fail: one entry in two that is 5 % too likely is found out.
    wrong = probabilities * np.resize([1.0, 1.05], entries)
    assert p_value(counts, wrong / wrong.sum()) < 1e-9


def test_block_sizes_do_not_change_the_frequencies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling, "BLOCK", 8)
    logits = np.random.default_rng(1).normal(size=(3, 37))
    draws = ts.sample(logits, size=20_000, rng=6)
    for row, drawn in zip(logits, draws.T, strict=True):
        assert p_value(np.bincount(drawn, minlength=37), ts.softmax(row)) > 1e-3
    few = ts.sample(logits[:, :3], size=20_000, rng=6)
    for row, drawn in zip(logits[:, :3], few.T, strict=True):
        assert p_value(np.bincount(drawn, minlength=3), ts.softmax(row)) > 1e-3


def test_rows_and_draws_are_independent() -> None:
    logits = np.array([[0.0, 1.0, 0.5], [1.0, 0.0, 2.0]])
    draws = ts.sample(logits, size=200_000, rng=7)
    p, q = ts.softmax(logits)
    pairs = np.bincount(draws[:, 0] * 3 + draws[:, 1], minlength=9)
    assert p_value(pairs, np.outer(p, q).ravel()) > 1e-3
    following = np.bincount(draws[::2, 0] * 3 + draws[1::2, 0], minlength=9)
    assert p_value(following, np.outer(p, p).ravel()) > 1e-3


def chances(tree: np.ndarray) -> list[Fraction]:
    """Return the exact probability of each entry of a tree, from the fractions on its path."""
    result = []
    for entry in range(len(tree)):
        chance, at, step = Fraction(1), 0, 1 << len(tree).bit_length()
        while step := step // 2:
            if at + step < len(tree):
                fraction = tree[at + step]
                to_right = Fraction(abs(fraction))
                if np.signbit(fraction):
                    to_right = 1 - to_right
                chance *= to_right if entry >= at + step else 1 - to_right
                at += step * (entry >= at + step)
        result.append(chance)
    return result


@pytest.mark.parametrize("entries", [1, 2, 3, 37, 300])
def test_the_probability_of_a_draw_is_exact_however_small(
    monkeypatch: pytest.MonkeyPatch, entries: int
) -> None:
    monkeypatch.setattr(sampling, "BLOCK", 16)
    logits = np.random.default_rng(2).permutation(np.linspace(0, -690, entries))
    trees = []
    walk = sampling._walk
    monkeypatch.setattr(
        sampling, "_walk", lambda tree, *rest: [trees.append(tree), walk(tree, *rest)][1]
    )
    ts.sample(logits, rng=0)
    with mpmath.workdps(40):
        exp_z = [mpmath.exp(mpmath.mpf(float(z))) for z in logits]
        total = sum(exp_z)
        for one, chance in zip(exp_z, chances(trees[0][0]), strict=True):
            got = mpmath.mpf(chance.numerator) / chance.denominator
            assert abs(got / (one / total) - 1) <= 1e-13
    if entries >= 37:
        # Cumulative sums, which most samplers invert, never reach such entries.
        assert np.count_nonzero(np.diff(np.cumsum(ts.softmax(logits))) == 0) > entries / 2


def test_small_uniform_numbers_have_all_digits() -> None:
    uniform = sampling._uniform(np.random.default_rng(3), (1_000_000,))
    assert uniform.min() >= 0
    assert uniform.max() < 1
    assert stats.kstest(uniform, "uniform").pvalue > 1e-3
    # A generator alone gives whole multiples of 2**-53.
    small = uniform[uniform < 2.0**-10] * 2.0**53
    assert np.mean(small % 1 > 0) > 0.99
    assert stats.kstest(small % 1, "uniform").pvalue > 1e-3


class Scripted:
    """A generator that returns the given numbers."""

    def __init__(self, *numbers: float) -> None:
        self.numbers = list(numbers)

    def random(self, shape: tuple[int, ...]) -> np.ndarray:
        return np.full(shape, self.numbers.pop(0))


def test_a_uniform_number_of_0_draws_further_digits() -> None:
    got = sampling._uniform(Scripted(0.0, 0.0, 0.25, 0.75), (1,))  # type: ignore[arg-type]
    assert got == 2.0**-106 * (0.25 + 2.0**-53 * 0.75)


def test_more_categories_than_a_float32_can_count() -> None:
    entries = 1 << 25
    logits = np.zeros(entries, np.float32)
    logits[-1] = math.log(entries - 1)  # half of the probability
    draws = ts.sample(logits, size=200_000, rng=7)
    assert abs(np.count_nonzero(draws == entries - 1) - 100_000) < 1000
    others = draws[draws < entries - 1]
    # Each eighth of the row is equally likely, and in its second half each remainder of 8.
    assert p_value(np.bincount(others >> 22, minlength=8), np.full(8, 1 / 8)) > 1e-3
    far = others[others >= 1 << 24]
    assert p_value(np.bincount(far % 8, minlength=8), np.full(8, 1 / 8)) > 1e-3
    assert np.unique(others).size > 0.99 * others.size


def test_memory_is_one_tree_for_one_row() -> None:
    one = np.zeros(1 << 21, np.float32)
    many = np.zeros((1 << 12, 1 << 9), np.float32)
    for logits, axis, allowed in ((one, -1, 3.5 * one.nbytes), (many, -1, one.nbytes)):
        tracemalloc.start()
        ts.sample(logits, size=10, rng=8, axis=axis)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < allowed


def test_ties_at_0_and_all_entries_at_infinity_are_equally_likely() -> None:
    logits = [1.0, 3.0, 3.0, -INF, 3.0]
    zero = np.bincount(ts.sample(logits, 0, size=100_000, rng=8), minlength=5)
    assert zero[0] == zero[3] == 0
    assert p_value(zero[[1, 2, 4]], np.full(3, 1 / 3)) > 1e-3
    infinite = np.bincount(ts.sample(logits, INF, size=100_000, rng=8), minlength=5)
    assert infinite[3] == 0
    assert p_value(infinite[[0, 1, 2, 4]], np.full(4, 1 / 4)) > 1e-3
    assert set(ts.sample([0.0, INF, 5.0, INF], size=100, rng=8).tolist()) == {1, 3}


@pytest.mark.parametrize("entries", [5, 6, 9])
def test_an_entry_of_probability_0_is_never_drawn(entries: int) -> None:
    for kept in range(1, 1 << entries):
        mask = np.array([kept >> entry & 1 for entry in range(entries)], bool)
        logits = np.where(mask, 0.0, -INF)
        want = set(np.flatnonzero(mask))
        assert set(ts.sample(logits, size=200, rng=9)) == want
        assert set(ts.sample(np.zeros(entries), size=200, rng=9, where=mask)) == want
    # What a masked entry holds does not matter.
    assert ts.sample([NAN, 1.0, INF], where=[False, True, False]) == 1


def test_draws_have_the_shape_of_size_and_rows() -> None:
    logits = np.zeros((2, 3, 4))
    logits[:, :, 1] = 5000
    assert ts.sample(logits).shape == (2, 3)
    assert ts.sample(logits, size=5).shape == (5, 2, 3)
    assert ts.sample(logits, size=(5, 6)).shape == (5, 6, 2, 3)
    assert (ts.sample(logits, size=[5, 6]) == 1).all()
    assert ts.sample(logits, size=()).shape == (2, 3)
    for axis in (0, 1):
        along = ts.sample(np.moveaxis(logits, -1, axis), axis=axis, size=7)
        assert along.shape == (7, 2, 3)
        assert (along == 1).all()
    one = ts.sample([1.0, 2.0])
    assert isinstance(one, np.int64)
    assert ts.sample([1.0, 2.0], size=0).shape == (0,)
    assert ts.sample(np.zeros((0, 3)), size=2).shape == (2, 0)
    assert ts.sample([1, 2], size=3).shape == (3,)


def test_rows_have_their_own_temperatures_and_masks() -> None:
    temperature = np.array([[0.0], [1.0], [INF]])
    mask = np.array([[True, True, True], [True, False, True], [False, True, True]])
    draws = ts.sample([0.0, 1.0, 1.0], temperature, size=50_000, rng=10, where=mask)
    probabilities = ts.softmax([0.0, 1.0, 1.0], temperature, where=mask)
    for drawn, p in zip(draws.T, probabilities, strict=True):
        counts = np.bincount(drawn, minlength=3)
        assert (counts[p == 0] == 0).all()
        assert p_value(counts[p > 0], p[p > 0]) > 1e-3


def test_axes_and_layouts_do_not_change_the_draws() -> None:
    logits = np.random.default_rng(4).normal(size=(4, 5, 6))
    want = ts.sample(logits, size=8, rng=11)
    for array in (np.asfortranarray(logits), np.ascontiguousarray(logits[..., ::-1])[..., ::-1]):
        np.testing.assert_array_equal(ts.sample(array, size=8, rng=11), want)
    moved = ts.sample(np.moveaxis(logits, -1, 0), size=8, rng=11, axis=0)
    np.testing.assert_array_equal(moved, want)


def test_a_seed_gives_the_same_draws_and_a_generator_goes_on() -> None:
    logits = np.arange(6.0)
    once, again = (ts.sample(logits, size=50, rng=3) for _ in range(2))
    np.testing.assert_array_equal(once, again)
    generator = np.random.default_rng(3)
    first, second = (ts.sample(logits, size=50, rng=generator) for _ in range(2))
    np.testing.assert_array_equal(first, once)
    assert (first != second).any()
    fresh = [ts.sample(np.zeros(1000), size=10) for _ in range(2)]
    assert (fresh[0] != fresh[1]).any()


VECTORS = json.loads((Path(__file__).parent / "vectors" / "random.json").read_text("utf-8"))


@pytest.mark.parametrize("case", VECTORS, ids=lambda case: f"{case['seed']}")
def test_random_logits_are_those_of_their_seed(case: dict[str, Any]) -> None:
    start, want = case["start"], case["logits"]
    got = ts.random_logits(start + len(want), seed=case["seed"])
    assert got.dtype == np.float64
    assert got[start:].tolist() == want


def test_random_logits_are_those_of_the_reference_implementation() -> None:
    # The output of Vigna's splitmix64.c for the seed 1234567, as Rosetta Code has it.
    reference = [
        *(6457827717110365317, 3203168211198807973, 9817491932198370423),
        *(4593380528125082431, 16408922859458223821),
    ]
    got = ts.random_logits(5, seed=1234567)
    assert (got * 2**53).tolist() == [number >> 11 for number in reference]


def test_random_logits_are_uniform_and_fresh_without_a_seed() -> None:
    logits = ts.random_logits(100_000, seed=1)
    assert stats.kstest(logits, "uniform").pvalue > 1e-3
    assert stats.kstest(np.diff(logits.reshape(-1, 2)).ravel() % 1, "uniform").pvalue > 1e-3
    assert not np.array_equal(ts.random_logits(10), ts.random_logits(10))
    seeds = {sampling.fresh_seed() for _ in range(100)}
    assert len(seeds) > 90
    assert 0 <= min(seeds) <= max(seeds) < 2**32


def test_input_is_never_changed_and_may_be_read_only() -> None:
    logits, mask = np.array([[1.0, 2.0, 3.0]] * 2), np.array([True, False, True])
    for array in (logits, mask):
        array.flags.writeable = False
    ts.sample(logits, size=3, where=mask)
    np.testing.assert_array_equal(logits, [[1.0, 2.0, 3.0]] * 2)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: ts.sample([NAN, 1.0]), ValueError, "no NaN, got a row without a distribution"),
        (lambda: ts.sample([-INF, -INF]), ValueError, "must have an unmasked entry above -inf"),
        (lambda: ts.sample([1.0, 2.0], where=[False, False]), ValueError, "an unmasked entry"),
        (lambda: ts.sample([[0, 1], [1, NAN]]), ValueError, r"a distribution: \(1,\)"),
        (lambda: ts.sample([1, 2], size=-1), ValueError, "size must be >= 0, got -1"),
        (lambda: ts.sample([1, 2], size=(2, -3)), ValueError, r"size must be .* got \(2, -3\)"),
        (lambda: ts.sample([1, 2], size=2.5), TypeError, "size must be an integer .* got 2.5"),
        (lambda: ts.sample([1, 2], rng=-1), ValueError, "rng must be a seed >= 0 .* got -1"),
        (lambda: ts.sample([1, 2], rng="x"), TypeError, "rng must be .*Generator, got 'x'"),
        (lambda: ts.sample([1, 2], -1), ValueError, "temperature must be >= 0, got -1"),
        (lambda: ts.sample([1, 2], axis=1), ValueError, "axis must be one of"),
        (lambda: ts.sample([]), ValueError, "logits must have at least one entry"),
        (lambda: ts.sample([1j]), TypeError, "logits must be real numbers"),
    ],
)
def test_errors_name_the_argument(
    call: Callable[[], Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        call()
