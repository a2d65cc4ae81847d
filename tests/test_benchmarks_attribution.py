"""The benchmark of attributions runs, and everybody in it makes the same maps."""

import mmap

import pytest

from benchmarks import attribution
from benchmarks.inspection import vgg16_case
from benchmarks.measure import peak_memory


@pytest.fixture(scope="module")
def small():
    return vgg16_case(width=1 / 16, side=64, classes=7)


@pytest.mark.parametrize(
    "part", [attribution.grad_cam, attribution.integrated_gradients, attribution.smoothgrad]
)
def test_contenders_make_our_maps(small, part):
    made = part(small)
    report = attribution.measure(made, rounds=1, slow_rounds=1)
    assert report.differences.keys() == made.contenders.keys() - {attribution.OURS}
    assert all(difference < 1e-3 for difference in report.differences.values())
    described = attribution.describe(made, report)
    for name in report.timings:
        assert name in described
    assert described.count(" / ") == len(made.bars)
    assert any(grid.std() > 0 for grid in made.contenders[attribution.OURS].run().values())


def test_maps_that_differ_are_not_timed(small):
    part = attribution.integrated_gradients(small, 3)
    wrong = {name: each for name, each in part.contenders.items() if name == attribution.OURS}
    flipped = part.contenders[attribution.OURS].run()["integrated_gradients"].flip(1)
    wrong["captum, 1 a pass"] = attribution.Contender(lambda: {"integrated_gradients": flipped})
    with pytest.raises(ValueError, match="captum"):
        attribution.measure(attribution.Part("", wrong), rounds=1)


def test_the_peak_of_a_call():
    def work():
        # Pages of its own: an allocator could hand out memory that the process had before.
        with mmap.mmap(-1, 128 * 2**20) as pages:
            pages.write(bytes([1]) * len(pages))

    peak = peak_memory(work)
    assert peak is None or 120 < peak < 400
