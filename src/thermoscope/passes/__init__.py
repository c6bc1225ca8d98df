"""Rows of logits and their targets, pass by pass: from arrays, data sets, batches and Dask arrays.

What is asked of many rows here is a sum over rows. It is taken block by block, so that no more
than a few blocks are ever in memory. Threads work on the blocks, or Dask does where the logits
are its own, and there only sums travel.
"""

from thermoscope.passes.on_dask import computed, in_each_process
from thermoscope.passes.rows import Block, Part
from thermoscope.passes.run import (
    Counts,
    Passes,
    ProbabilitiesWarning,
    Progress,
    passes,
    passes_without_targets,
)
from thermoscope.passes.sums import Sparse, Sums, gathered

__all__ = [
    "Block",
    "Counts",
    "Part",
    "Passes",
    "ProbabilitiesWarning",
    "Progress",
    "Sparse",
    "Sums",
    "computed",
    "gathered",
    "in_each_process",
    "passes",
    "passes_without_targets",
]
