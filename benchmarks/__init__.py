"""What the numbers of the manual were measured with: run each by ``python -m benchmarks.NAME``."""
