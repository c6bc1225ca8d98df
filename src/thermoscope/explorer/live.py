"""Reliability of rows with targets that follows the temperature of a page."""

from __future__ import annotations

import math
import re
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from thermoscope.arguments import NO_TARGET, ArgumentError, temperature_of_text
from thermoscope.calibration.fit import TemperatureFit, fit
from thermoscope.calibration.reliability import Judge
from thermoscope.calibration.table import ReliabilityTable, bin_of_rows, reliability_table
from thermoscope.explorer.job import Job, Progress
from thermoscope.passes import Passes, passes
from thermoscope.state import written_numbers

__all__ = ["LiveReliability", "Measured", "slider_stops"]

BINS: Final = 15
# Jobs that are kept: a page asks for one temperature after the other.
KEPT: Final = 8
# How long an answer waits for a job, so that small data need no second query.
PATIENCE: Final = 0.05


class Rows(Protocol):
    """Rows of logits that are read block by block."""

    shape: tuple[int, int]
    dtype: np.dtype[Any]

    def blocks(self, start: int = ..., stop: int | None = ...) -> Any:
        """Iterate over the rows, some at a time."""


def slider_stops() -> NDArray[np.float64]:
    """Return the temperatures that the sliders of ``web/src/math/scales.ts`` set.

    Examples
    --------
    >>> stops = slider_stops()
    >>> len(stops), stops[:2], stops[-2:]
    (280, array([0.    , 0.0001]), array([10000.,    inf]))
    """
    full = [float(f"{10 ** (tenth / 10):.4g}") for tenth in range(-40, 41)]
    return np.unique([0.0, *full, math.inf, *(hundredth / 100 for hundredth in range(201))])


@dataclass(frozen=True, eq=False)
class Measured:
    """Reliability at some temperatures, and the temperature that fits the rows best."""

    table: ReliabilityTable
    fit: TemperatureFit | None = None
    problem: str = ""  # why no temperature could be fitted

    def to_json(self) -> dict[str, object]:
        """Return the written form, which ``web/src/model/reliability.ts`` reads."""
        table = self.table
        values = np.concatenate(
            [
                np.stack(
                    [table.nll, table.ece, table.ece_if_calibrated, table.ece_if_calibrated_upper],
                    axis=1,
                ),
                table.count,
                table.confidence,
                table.accuracy,
                table.if_calibrated[:, :, 0],
                table.if_calibrated[:, :, 1],
            ],
            axis=1,
        )
        written: dict[str, object] = {
            "n": table.n,
            "temperatures": written_numbers(table.temperatures),
            "values": written_numbers(values),
        }
        if self.fit is not None:
            numbers = (self.fit.temperature, *self.fit.interval)
            written["fit"] = written_numbers(np.array(numbers))
            if (cause := self.fit.cause) is not None:
                written["reason"] = [cause.name, *map(_written, cause.numbers)]
        elif self.problem:
            written["reason"] = ["words", self.problem]
        return written


def _written(number: float) -> object:
    """Return a number of a message: one that is not whole is for the page to shorten."""
    return number if isinstance(number, int) else {"number": number}


class LiveReliability:
    """Reliability of rows at any temperature, each found in a background thread.

    Parameters
    ----------
    rows : Rows
        Rows of logits, read block by block.
    targets : ndarray
        As `reliability` takes them.
    naming : callable
        Gives a context that says of which data an error is.

    Examples
    --------
    >>> from thermoscope import samples
    >>> from thermoscope.explorer.browse import RowSource
    >>> logits, targets, _ = samples.digits()
    >>> live = RowSource(logits, targets=targets).reliability
    >>> round(live.stops().fit.temperature, 4), live.at(1.0).table.ece.round(4)
    (2.0976, array([0.0456]))
    """

    def __init__(
        self,
        rows: Rows,
        targets: NDArray[Any],
        naming: Callable[[str], AbstractContextManager[None]],
    ) -> None:
        self._rows = rows
        self._targets = targets
        self._naming = naming
        self._judge = Judge(BINS, "width", None, 0)
        self._jobs: dict[str, Job[Measured]] = {}
        self._lock = threading.Lock()

    def stops(self) -> Measured:
        """Wait for the reliability at the stops of the sliders and at the fitted temperature."""
        return self._job("stops").result()

    def at(self, temperature: float) -> Measured:
        """Wait for the reliability at a temperature."""
        return self._job(str(temperature)).result()

    def answer(self, wanted: str) -> dict[str, object]:
        """Answer a query: "stops" or a temperature.

        Returns
        -------
        dict
            ``{"done": rows}``, the number of rows done so far, or ``{"found": ...}``, the written
            form of `Measured`.
        """
        job = self._job(wanted)
        if job.wait(PATIENCE):
            if job.failed:
                self._jobs.pop(wanted, None)  # the next query starts it again
            return {"found": job.result().to_json()}
        return {"done": min(job.done, self._rows.shape[0] - 1)}

    def rows_of(self, kind: str) -> Callable[[Progress], NDArray[Any]]:
        """Return the function that finds the rows of an order "bin:7:0.5": a bin, a temperature.

        Raises
        ------
        ValueError
            If the order is none.
        """
        match = re.fullmatch(r"bin:(\d{1,2}):(.+)", kind)
        if match is None or int(match[1]) >= BINS:
            raise ArgumentError("order", f"must be bin:B:T, with B from 0 to {BINS - 1}")
        number, temperature = int(match[1]), temperature_of_text(match[2])

        def find(progress: Progress) -> NDArray[Any]:
            with self._naming("all rows, for a bin"):
                count = self._rows.shape[0]
                source = self._source(lambda done, _total, _number: progress(done))
                bins = bin_of_rows(source, count, temperature, self._judge.width)
                return np.flatnonzero(bins == number)

        return find

    def _job(self, wanted: str) -> Job[Measured]:
        # A server answers in several threads.
        with self._lock:
            if wanted not in self._jobs:
                temperature = None if wanted == "stops" else temperature_of_text(wanted)
                work = self._all_stops if temperature is None else self._one(temperature)
                others = [name for name in self._jobs if name != "stops"]
                for name in others[: -KEPT + 1]:
                    del self._jobs[name]
                self._jobs[wanted] = Job(work)
            return self._jobs[wanted]

    def _one(self, temperature: float) -> Callable[[Progress], Measured]:
        return lambda progress: Measured(self._table(np.array([temperature]), progress))

    def _all_stops(self, progress: Progress) -> Measured:
        found, problem, stops = None, "", slider_stops()
        with self._naming("all rows, for their reliability"):
            try:
                found = fit(self._source())
                stops = np.unique([*stops, found.temperature])
            except ArgumentError as error:
                problem = str(error)
        return Measured(self._table(stops, progress), found, problem)

    def _table(self, temperatures: NDArray[np.float64], progress: Progress) -> ReliabilityTable:
        done = 0

        def tell(rows: int) -> None:
            # Threads that add at the same moment may lose an addition: it is but the progress.
            nonlocal done
            done += rows
            progress(done // (2 * len(temperatures)))

        with self._naming("all rows, for their reliability"):
            return reliability_table(self._judge, self._source(), temperatures, tell)

    def _source(self, progress: Any = None) -> Passes:
        return passes(
            self._rows, self._targets, None, -1, ignore_index=NO_TARGET, progress=progress
        )
