"""Fitting a temperature beside its peers: time, peak memory and the temperature found.

``python -m benchmarks.fit`` gives each contender, at each size, a process of its own, which makes
the logits and targets (drawn at T = 1.7), fits once to warm up, and then some times more; the
median counts. Peak memory is what the process took beyond what it had with data and library
loaded. At the end thermoscope alone fits a memory map of 1,000,000 x 1,000 numbers, 4 GB, which is
made in a temporary folder first.

A peer that is not installed is left out, and named: scikit-learn is among what `make test`
installs; the others come by ``pip install probmetrics netcal``. The recipe is the one by PyTorch's
L-BFGS that many repositories have.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import threading
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np
from rich.console import Console
from rich.table import Table

import thermoscope as ts
from benchmarks.machine import positive

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Array = NDArray[Any]
    # Makes, of logits and targets, a call that fits and returns the temperature.
    Peer = Callable[[Array, Array], Callable[[], float]]

SIZES: Final = ((5_000, 10), (50_000, 100), (50_000, 1_000))
LARGE: Final = (1_000_000, 1_000)
DRAWN_AT: Final = 1.7
REACH: Final = 20


def thermoscope(z: Array, y: Array) -> Callable[[], float]:
    """`thermoscope.fit_temperature`."""
    return lambda: ts.fit_temperature(z, y).temperature


def sklearn(z: Array, y: Array) -> Callable[[], float]:
    """Fit as `CalibratedClassifierCV(method="temperature")` does."""
    from sklearn.calibration import _TemperatureScaling  # noqa: PLC0415

    return lambda: float(1 / _TemperatureScaling().fit(z, y).beta_)


def probmetrics(z: Array, y: Array) -> Callable[[], float]:
    """`probmetrics`, by bisection, as it does unasked."""
    import torch  # noqa: PLC0415
    from probmetrics.calibrators import get_calibrator  # noqa: PLC0415
    from probmetrics.distributions import CategoricalLogits  # noqa: PLC0415

    logits, targets = torch.from_numpy(z), torch.from_numpy(y)

    def fit() -> float:
        calibrator = get_calibrator("temp-scaling")
        calibrator.fit_torch(CategoricalLogits(logits), targets)
        return float(1 / calibrator.invtemp_)

    return fit


def netcal(z: Array, y: Array) -> Callable[[], float]:
    """`netcal.scaling.TemperatureScaling`, which takes probabilities; in float32 it stays at 1."""
    from netcal.scaling import TemperatureScaling  # noqa: PLC0415

    p = ts.softmax(z.astype(np.float64))

    def fit() -> float:
        scaling = TemperatureScaling()
        scaling.fit(p, y)
        return float(1 / scaling.weights[0])

    return fit


def recipe(z: Array, y: Array) -> Callable[[], float]:
    """Fit by the recipe with PyTorch's L-BFGS, with its usual settings."""
    import torch  # noqa: PLC0415

    logits, targets = torch.from_numpy(z), torch.from_numpy(y)

    def fit() -> float:
        temperature = torch.nn.Parameter(torch.full((1,), 1.5))
        optimizer = torch.optim.LBFGS([temperature], lr=0.01, max_iter=50)

        def closure() -> Any:
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(logits / temperature, targets)
            loss.backward()
            return loss

        optimizer.step(closure)
        return float(temperature.detach()[0])

    return fit


NEEDS: Final = {
    "thermoscope": "numpy",
    "sklearn": "sklearn",
    "probmetrics": "probmetrics",
    "netcal": "netcal",
    "recipe": "torch",
}
PEERS: Final[dict[str, Peer]] = {
    "thermoscope": thermoscope,
    "sklearn": sklearn,
    "probmetrics": probmetrics,
    "netcal": netcal,
    "recipe": recipe,
}


class Peak:
    """The most memory, in bytes, that this process took in a `with` beyond what it had."""

    def __enter__(self) -> Self:
        self.before = self.now()
        self.bytes = self.mapped = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    @staticmethod
    def now() -> tuple[int, int]:
        """Return the bytes of memory that are this process's own, and those of mapped files."""
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
        sizes = dict(line.split(":", 1) for line in lines)
        own, mapped = (int(sizes[key].split()[0]) << 10 for key in ("RssAnon", "RssFile"))
        return own, mapped

    def _watch(self) -> None:
        while not self._ended.wait(0.002):
            own, mapped = self.now()
            self.bytes = max(self.bytes, own - self.before[0])
            self.mapped = max(self.mapped, mapped - self.before[1])


def data(shape: tuple[int, int], seed: int = 0) -> tuple[Array, Array]:
    """Return logits, and targets drawn from them."""
    rng = np.random.default_rng(seed)
    z = rng.standard_normal(shape, np.float32) * np.float32(3)
    return z, ts.sample(z, DRAWN_AT, rng=rng)


def child(name: str, shape: tuple[int, int], repeats: int) -> None:
    """Measure one contender in this process and print it as JSON."""
    z, y = data(shape)
    fit = PEERS[name](z, y)
    times = []
    with Peak() as peak:
        fit()
        for _ in range(repeats):
            start = perf_counter()
            temperature = fit()
            times.append(perf_counter() - start)
    print(json.dumps([statistics.median(times), peak.bytes, temperature]))


def large(path: Path) -> None:
    """Fit the memory map in this process and print what it took."""
    z, y = np.load(path / "logits.npy", mmap_mode="r"), np.load(path / "targets.npy")
    ts.fit_temperature(z[:1000], y[:1000])
    with Peak() as peak:
        start = perf_counter()
        fit = ts.fit_temperature(z, y)
        seconds = perf_counter() - start
    print(json.dumps([seconds, peak.bytes, peak.mapped, fit.iterations, str(fit)]))


def process(*arguments: object) -> list[Any]:
    """Run this module in a process of its own and return what it prints."""
    command = [sys.executable, "-m", "benchmarks.fit", *map(str, arguments)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    result: list[Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fit", description=__doc__)
    parser.add_argument("--repeats", type=positive, default=3, help="fits of each (default 3)")
    parser.add_argument("--no-large", action="store_true", help="leave the 4 GB out")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--map", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        name, rows, classes = options.child
        child(name, (int(rows), int(classes)), options.repeats)
        return
    if options.map:
        large(options.map)
        return
    missing = [name for name, module in NEEDS.items() if find_spec(module) is None]
    if missing:
        print(f"left out, not installed: {', '.join(missing)}")
    compare(options.repeats, [name for name in PEERS if name not in missing])
    if not options.no_large:
        with tempfile.TemporaryDirectory() as folder:
            fit_large(Path(folder))


def compare(repeats: int, names: list[str]) -> None:
    """Measure all at each size and print a table."""
    table = Table("rows x classes", "", "seconds", "of ours", "peak MB", "temperature")
    for shape in SIZES:
        seconds = {}
        for name in names:
            arguments = ("--repeats", repeats, "--child", name, *shape)
            seconds[name], peak, temperature = process(*arguments)
            table.add_row(
                f"{shape[0]:,} x {shape[1]:,}",
                name,
                f"{seconds[name]:.4f}",
                f"{seconds[name] / seconds['thermoscope']:.1f}",
                f"{peak / 1e6:.0f}",
                f"{temperature:.6f}",
                end_section=name == names[-1],
            )
    Console(width=120).print(table)
    libraries = [seconds[name] for name in names if name not in {"thermoscope", "recipe"}]
    if libraries:
        ratio = min(libraries) / seconds["thermoscope"]
        said = "reached" if ratio >= REACH else "not reached"
        print(f"at the last size {ratio:.1f} times the fastest library, {said}: >= {REACH}")


def fit_large(folder: Path) -> None:
    """Make the large file, fit it in a process of its own and print what that took."""
    z = np.lib.format.open_memmap(folder / "logits.npy", "w+", np.dtype(np.float32), LARGE)
    y = np.empty(LARGE[0], np.int64)
    step = 10_000
    for start in range(0, LARGE[0], step):
        z[start : start + step], y[start : start + step] = data((step, LARGE[1]), seed=start)
    z.flush()
    del z
    np.save(folder / "targets.npy", y)
    seconds, own, mapped, passes, text = process("--map", folder)
    print(
        f"a memory map of {LARGE[0]:,} x {LARGE[1]:,}: {seconds:.1f} s, {passes} passes, "
        f"{own / 1e6:.0f} MB of memory, and at most {mapped / 1e6:.0f} MB of the file mapped"
    )
    print(text)


if __name__ == "__main__":
    main()
