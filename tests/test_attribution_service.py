"""Attributions through the real service with tiny networks: every method, all layers at once."""

import random
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, islice, product

import numpy as np
import pytest

from tests.test_attribution_invariants import least
from vgg_viz.attribution.cam import SWEPT
from vgg_viz.attribution.methods import METHODS
from vgg_viz.errors import UnknownNameError
from vgg_viz.models.configs import build
from vgg_viz.requests import AttributionRequest, LayerSweepRequest

ZFNET, VGG, VGG_BN = "zfnet_b:bundled", "vgg16:bundled", "vgg11_bn:bundled"
OURS = [name for name, info in METHODS.items() if info.family == "gradient" or name in SWEPT]


@pytest.mark.parametrize("method", OURS)
def test_every_method_answers_with_what_made_it(service, method):
    info = METHODS[method]
    settings = tuple(least(method).items())
    request = AttributionRequest(
        ZFNET, "cat", target=3, versus=5, method=method, parameters=settings, seed=4
    )
    found = service.run(request)
    assert (found.method, found.target, found.versus, found.seed) == (method, 3, 5, 4)
    assert found.complete
    assert dict(found.parameters) == {**info.defaults(), **dict(settings)}
    assert found.relu == (info.relu_when_drawn or not info.signed_with(dict(settings)))
    assert found.grid.shape[0] == (128 if info.space == "input" else found.grid.shape[1])
    assert np.isfinite(found.grid).all()
    logits = service.run(AttributionRequest(ZFNET, "cat", target=3)).score
    other = service.run(AttributionRequest(ZFNET, "cat", target=5)).score
    assert found.score == pytest.approx(logits - other, abs=1e-5)


def test_signed_or_not_is_up_to_the_parameters(service):
    magnitude = service.run(AttributionRequest(VGG, "cat", method="gradient"))
    signed = service.run(
        AttributionRequest(VGG, "cat", method="gradient", parameters=(("colours", "sum"),))
    )
    assert (magnitude.relu, signed.relu) == (True, False)
    assert magnitude.grid.min() >= 0 > signed.grid.min()


@pytest.mark.parametrize("model", [ZFNET, VGG, VGG_BN])
def test_a_sweep_is_what_each_layer_says_alone(service, model):
    convs = build(model.partition(":")[0]).convs
    before = service.health().forward_passes
    service.run(LayerSweepRequest(model, "dog", target=2))
    assert service.health().forward_passes - before <= 1
    for method in SWEPT:
        sweep = service.run(LayerSweepRequest(model, "dog", method, target=2, versus=4))
        assert tuple(found.layer for found in sweep.attributions) == convs
        assert sweep.seconds > 0
        alone = service.run(
            AttributionRequest(model, "dog", convs[1], target=2, method=method, versus=4)
        )
        swept = sweep.at(convs[1])
        np.testing.assert_array_equal(swept.grid, alone.grid)
        for name in ("score", "target_name", "versus_name", "relu", "parameters", "method"):
            assert getattr(swept, name) == getattr(alone, name)
        assert sweep.at("fc6") is None
    assert service.health().forward_passes - before <= 1


def test_a_sweep_of_chosen_layers_at_the_top_class(service):
    sweep = service.run(LayerSweepRequest(VGG, "cat", layers=("relu2_1", "conv5_1")))
    assert [found.layer for found in sweep.attributions] == ["relu2_1", "conv5_1"]
    assert {found.target for found in sweep.attributions} == {
        service.run(AttributionRequest(VGG, "cat")).target
    }


def test_a_sweep_in_half_precision_says_how_far_it_is(service):
    if "bf16" not in service.describe().precisions:
        pytest.skip("this processor has no bf16")
    sweep = service.run(LayerSweepRequest(VGG, "cat", precision="bf16"))
    assert all(0 < found.difference_to_fp32 < 1 for found in sweep.attributions)


def test_sweeps_say_in_the_table_which_they_are():
    assert {name for name, info in METHODS.items() if info.at_every_layer} == set(SWEPT)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"method": "smoothgrad"}, "smoothgrad"),
        ({"layers": ("conv9_9",)}, "conv5_3"),
        ({"layers": ("fc7",)}, "conv5_3"),
        ({"target": 99}, "0 to 6"),
        ({"target": 1, "versus": 1}, "against itself"),
        ({"parameters": (("colour", "red"),)}, "parameter of Grad-CAM"),
    ],
)
def test_what_a_sweep_has_not_is_named(service, change, message):
    with pytest.raises(UnknownNameError, match=message):
        service.run(LayerSweepRequest(VGG, "cat", **change))


def test_two_people_at_once_get_no_wrong_map_in_200(service):
    """Photos, networks, methods and classes in another order each; seeds keep the cache out."""
    methods = ("grad_cam", "gradient", "guided_backprop", "deep_lift", "lrp", "occlusion")
    kinds = list(product((ZFNET, VGG), ("cat", "dog"), methods, (1, 4)))

    def asked(kind, seed):
        model, photo, method, target = kind
        settings = (("square", 48), ("stride", 32)) if method == "occlusion" else ()
        request = AttributionRequest(
            model, photo, target=target, method=method, parameters=settings, seed=seed
        )
        return service.run(request)

    truth = {kind: asked(kind, 0).grid for kind in kinds}
    assert len({grid.tobytes() for grid in truth.values()}) == len(kinds)

    def person(number):
        order = random.Random(number).sample(kinds, len(kinds))
        return [
            (kind, asked(kind, 1 + 1000 * number + i))
            for i, kind in enumerate(islice(cycle(order), 100))
        ]

    with ThreadPoolExecutor(2) as people:
        found = [pair for pairs in people.map(person, (1, 2)) for pair in pairs]
    assert len(found) == len({answer.seed for _, answer in found}) == 200
    assert [kind for kind, answer in found if not np.array_equal(answer.grid, truth[kind])] == []
