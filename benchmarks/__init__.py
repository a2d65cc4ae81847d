"""Measured beside its peers in one process: `python -m benchmarks [PART...]`.

Parts: inspection, recorder, startup, browser.
"""
