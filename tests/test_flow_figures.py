"""The printed figures of full-size networks at initialisation, measured again."""

import math

import pytest
import torch

from vgg_viz.gradient_flow import Pass, measure
from vgg_viz.initialization import initialize
from vgg_viz.models.configs import build
from vgg_viz.models.networks import build_network

# 224 px of N(0, 1) noise, batch 2, cross-entropy: z std at conv1_1 and the last convolution, logit
# std, loss, dL/dz std at the last convolution and at conv1_1. Orders of magnitude of float32.
PRINTED = {
    ("vgg11", "std_0.01"): (0.0527, 8.5e-5, 2.2e-5, 6.908, 3.8e-4, 5.6e-8),
    ("vgg11", "variance_0.01"): (0.527, 8.5e3, 2.2e6, 5.0e6, 0.558, 817),
    ("vgg11", "glorot"): (0.303, 0.0455, 0.030, 6.889, 9.8e-4, 1.3e-5),
    ("vgg11", "he_fan_in"): (1.43, 4.47, 4.96, 12.9, 1.8e-3, 5.1e-4),
    ("vgg13", "std_0.01"): (0.0514, 3.1e-6, 8.4e-7, 6.908, 4.0e-4, 2.3e-9),
    ("vgg13", "glorot"): (0.296, 0.0202, 0.014, 6.909, 1.0e-3, 6.7e-6),
    ("vgg13", "he_fan_in"): (1.40, 3.97, 4.69, 15.8, 2.0e-3, 5.4e-4),
    ("vgg16", "std_0.01"): (0.0514, 2.2e-7, 5.9e-8, 6.908, 3.9e-4, 1.7e-10),
    ("vgg16", "variance_0.01"): (0.514, 2.2e6, 5.9e8, 1.5e9, 0.554, 2.4e5),
    ("vgg16", "glorot"): (0.296, 0.0064, 0.0045, 6.906, 9.9e-4, 2.2e-6),
    ("vgg16", "he_fan_in"): (1.40, 3.56, 4.25, 12.2, 1.8e-3, 4.6e-4),
    ("vgg16", "he_fan_out"): (0.303, 0.272, 0.075, 6.881, 3.9e-4, 3.6e-5),
    ("vgg19", "std_0.01"): (0.051, 1.3e-8, 3.6e-9, 6.908, 3.8e-4, 1.5e-11),
    ("vgg19", "he_fan_in"): (1.39, 2.81, 3.27, 9.43, 1.7e-3, 5.2e-4),
}


def measured(name: str, scheme: str) -> Pass:
    network = build_network(build(name))
    initialize(network, scheme, seed=0)
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(2, 3, 224, 224, generator=generator)
    labels = torch.randint(1000, (2,), generator=generator)
    return measure(network, images.contiguous(memory_format=torch.channels_last), labels)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "scheme"), list(PRINTED))
def test_every_printed_cell_has_its_order_of_magnitude(name: str, scheme: str) -> None:
    seen = measured(name, scheme)
    convs = [row for row in seen.layers if row.kind == "conv"]
    found = (
        convs[0].values["z_std"],
        convs[-1].values["z_std"],
        seen.logit_std,
        seen.loss,
        convs[-1].values["gradient_std"],
        convs[0].values["gradient_std"],
    )
    for cell, printed in zip(found, PRINTED[name, scheme], strict=True):
        assert abs(math.log10(cell / printed)) < 0.5, (found, PRINTED[name, scheme])
