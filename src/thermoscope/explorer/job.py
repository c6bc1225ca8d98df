"""Work in a background thread, with its progress."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeAlias, TypeVar

__all__ = ["Job", "Progress"]

Found = TypeVar("Found")

# Called with the number of rows that are done so far.
Progress: TypeAlias = Callable[[int], None]


class Job(Generic[Found]):
    """What a function finds, in a background thread.

    Parameters
    ----------
    work : callable
        ``work(progress)`` returns what is wanted. Meanwhile it calls ``progress(done)`` with the
        number of rows done so far.

    Attributes
    ----------
    done : int
        The number of rows done so far.
    thread : threading.Thread

    Examples
    --------
    >>> job = Job(lambda progress: progress(3) or "found")
    >>> job.result(), job.done, job.ended, job.failed
    ('found', 3, True, False)
    """

    def __init__(self, work: Callable[[Progress], Found]) -> None:
        self.done = 0
        self._future: Future[Found] = Future()
        self._awaited = threading.Event()
        # A daemon thread does not keep the program from ending.
        self.thread = threading.Thread(target=self._run, args=[work], daemon=True)
        self.thread.start()

    @property
    def ended(self) -> bool:
        """Whether the job is complete or has failed."""
        return self._future.done()

    @property
    def failed(self) -> bool:
        """Whether an error ended the job; `result` raises it."""
        return self.ended and self._future.exception() is not None

    def wait(self, seconds: float) -> bool:
        """Wait for the job, up to a time or until it is dropped; return whether it has ended."""
        self._awaited.wait(seconds)
        return self.ended

    def drop(self) -> None:
        """Let nothing wait for the job any longer. Its thread goes on to the end."""
        self._awaited.set()

    def result(self) -> Found:
        """Wait for what is found and return it.

        Raises
        ------
        Exception
            The error that ended the job.
        """
        return self._future.result()

    def _progress(self, done: int) -> None:
        self.done = done

    def _run(self, work: Callable[[Progress], Found]) -> None:
        try:
            self._future.set_result(work(self._progress))
        except BaseException as error:  # noqa: BLE001 - `result` raises it
            self._future.set_exception(error)
        finally:
            self._awaited.set()
