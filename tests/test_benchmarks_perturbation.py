"""The benchmarks of occlusion, Score-CAM and RISE run, and everybody makes the same maps."""

import pytest
import torch

from benchmarks import attribution_perturbation as benchmark
from benchmarks.attribution import OURS, describe, measure
from benchmarks.inspection import vgg16_case


@pytest.mark.parametrize("part", ["occlusion", "rise"])
def test_contenders_make_our_maps(part):
    case = vgg16_case(width=1 / 16, side=64, classes=7)
    made = getattr(benchmark, part)(case)
    report = measure(made, rounds=1, tolerance=1e-4)
    assert report.differences.keys() == made.contenders.keys() - {OURS}
    assert all(name in describe(made, report) for name in made.contenders)


@pytest.mark.filterwarnings("ignore")
def test_score_cam_of_peers_is_near_ours():
    part = benchmark.score_cam(benchmark.narrow_case(6, width=1 / 16, side=64, classes=7))
    found = benchmark.rank_correlations(part)
    assert found.keys() == part.contenders.keys()
    assert found[OURS] == pytest.approx(1)
    assert all(value > 0.9 for value in found.values())


def test_rank_correlation_by_hand():
    a = torch.tensor([1.0, 2.0, 3.0, 4.0])
    assert benchmark.spearman(a, a.exp()) == pytest.approx(1)
    assert benchmark.spearman(a, -a) == pytest.approx(-1)
    assert benchmark.spearman(a, torch.tensor([1.0, 3.0, 2.0, 4.0])) == pytest.approx(0.8)
