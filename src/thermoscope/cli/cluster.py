"""A Dask cluster at an address, and what goes wrong with it in words."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from thermoscope.data.errors import optional

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["cluster"]

ANSWER: Final = 5
"""Seconds within which a scheduler must answer and have a worker."""


@contextmanager
def cluster(address: str) -> Iterator[Any]:
    """Give a client of the Dask cluster at an address, on which Dask then computes."""
    distributed = optional("distributed", "dask", "Dask clusters")
    from concurrent.futures import CancelledError

    from distributed.comm import CommClosedError, get_address_host_port

    try:
        get_address_host_port(address, strict=True)
        client = distributed.Client(address, timeout=ANSWER)
    except ValueError as error:
        raise ValueError(
            f"--scheduler must be an address such as tcp://host:8786, got {address!r}"
        ) from error
    except OSError as error:
        raise ValueError(
            f"--scheduler: no Dask scheduler answers at {address} within {ANSWER} s"
        ) from error
    with client:
        try:
            client.wait_for_workers(1, timeout=ANSWER)
        except TimeoutError as error:
            raise ValueError(
                f"--scheduler: the cluster at {address} has no worker within {ANSWER} s"
            ) from error
        # After Ctrl-C asyncio would log what distributed leaves unfinished.
        logging.getLogger("asyncio").addFilter(_is_no_exit)
        # The client's errors are raised here: its log would say them twice.
        logging.getLogger("distributed.client").setLevel(logging.CRITICAL)
        try:
            yield client
        except distributed.KilledWorker as error:
            raise ValueError(
                f"--scheduler: {error.allowed_failures + 1} workers of {address} died at the same "
                "work, perhaps out of memory"
            ) from error
        except (CancelledError, CommClosedError) as error:
            raise ValueError(f"--scheduler: the scheduler at {address} is gone") from error


def _is_no_exit(record: logging.LogRecord) -> bool:
    return "AllExit" not in record.getMessage()
