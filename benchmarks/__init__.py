"""Measured beside its peers in one process: `python -m benchmarks [inspection|startup|browser]`."""
