"""The benchmark of style transfers runs, and both contenders go down the same function."""

import pytest

from benchmarks import style


def test_both_start_at_the_same_loss_and_go_down():
    runs = style.measure(style.small_case(), steps=5)
    ours, plain = runs[style.OURS], runs[style.PLAIN]
    assert ours.start == pytest.approx(plain.start, rel=1e-4)
    assert ours.end < 0.9 * ours.start
    assert plain.end < 0.9 * plain.start
    assert ours.steps == 5
    assert style.PLAIN in style.describe(runs)
