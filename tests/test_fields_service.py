"""Effective fields through the real service, with tiny networks."""

import numpy as np
import pytest
import torch

from vgg_viz.architecture import describe, unit_fields
from vgg_viz.effective_field import extent, gradient_heat
from vgg_viz.errors import (
    InputError,
    MissingImageError,
    UnknownNameError,
    WeightsUnavailableError,
)
from vgg_viz.images import decode, encode_png
from vgg_viz.models.registry import parse_model_name
from vgg_viz.models.weights import load_model
from vgg_viz.preprocessing import Preprocessing, prepare
from vgg_viz.requests import EffectiveFieldRequest
from vgg_viz.service import fields

ZFNET, VGG, VGG_BN = "zfnet_b:bundled", "vgg16:bundled", "vgg11_bn:bundled"


def asked(**changes: object) -> EffectiveFieldRequest:
    usual = {"model": VGG, "layer": "conv3_2", "row": 3, "column": 5, "images": ("cat",)}
    return EffectiveFieldRequest(**{**usual, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("model", "layer", "unit", "channel"),
    [
        (VGG, "conv3_2", (3, 5), None),
        (VGG, "pool3", (0, 7), 1),
        (ZFNET, "conv4", (3, 3), None),
        (VGG_BN, "conv2_1", (9, 2), None),
        (VGG, "fc6", (0, 0), None),
    ],
)
def test_the_answer_is_the_mean_over_the_photos(assets, service, model, layer, unit, channel):
    answer = service.run(
        asked(
            model=model,
            layer=layer,
            row=unit[0],
            column=unit[1],
            channel=channel,
            images=("cat", "dog"),
        )
    )
    loaded = load_model(parse_model_name(model))
    photos = [
        decode((assets / "images" / f"{name}.jpg").read_bytes()).pixels for name in ("cat", "dog")
    ]
    images = [torch.from_numpy(prepare(pixels, loaded.preprocessing))[None] for pixels in photos]
    heat = gradient_heat(loaded.network, images, layer, *unit, channel)
    assert heat.max() > 0
    np.testing.assert_allclose(answer.heat, heat, rtol=1e-4, atol=1e-8 + 1e-5 * heat.max())
    seen = unit_fields(describe(loaded.config), layer)
    assert (answer.span_y, answer.span_x) == (seen.spans[unit[0]], seen.spans[unit[1]])
    expected = extent(heat, answer.span_y, answer.span_x)
    assert answer.share_inside == pytest.approx(1, abs=1e-6)
    assert (answer.side_50, answer.side_95) == (expected.side_50, expected.side_95)
    assert answer.relative_side == answer.side_95 / answer.size
    assert (answer.images, answer.channel) == (2, channel)


def test_it_says_where_it_comes_from_and_cannot_be_changed(service):
    answer = service.run(asked())
    assert answer.provenance.model == VGG
    assert "bundled weights" in answer.provenance.weights
    assert (answer.provenance.input_size, answer.heat.shape) == (64, (64, 64))
    assert answer.heat.dtype == np.float32
    with pytest.raises(ValueError, match="read-only"):
        answer.heat[0, 0] = 1


@pytest.mark.parametrize("size", [48, 97, 160])
def test_another_input_size_works_through_the_adaptive_pool(service, size):
    side = unit_fields(describe(load_model(parse_model_name(VGG)).config, size), "pool5").side
    for layer, unit in (("conv4_3", (2, 1)), ("pool5", (side - 1, 0)), ("fc6", (0, 0))):
        answer = service.run(asked(layer=layer, row=unit[0], column=unit[1], input_size=size))
        assert answer.heat.shape == (size, size)
        assert answer.heat.max() > 0
        assert answer.share_inside == pytest.approx(1, abs=1e-6)
        assert answer.provenance.input_size == size


def test_the_same_part_of_the_photo_is_seen_at_another_size():
    usual = Preprocessing(256, 224, (0.5,) * 3, (0.25,) * 3)
    assert fields.at_size(usual, 224) is usual
    larger = fields.at_size(usual, 448)
    assert (larger.resize, larger.crop, larger.mean) == (512, 448, usual.mean)
    whole = Preprocessing(64, 64, (0.5,) * 3, (0.25,) * 3)
    assert [(p.resize, p.crop) for p in (fields.at_size(whole, size) for size in (1, 33, 97))] == [
        (1, 1),
        (33, 33),
        (97, 97),
    ]


def test_asked_again_it_costs_no_pass(service):
    service.run(asked(row=4))
    passes = service.health().forward_passes
    assert service.run(asked(row=4)).heat is service.run(asked(row=4)).heat
    assert service.health().forward_passes == passes
    service.run(asked(row=5, images=("cat", "dog", "horse")))
    assert service.health().forward_passes == passes + 3


def test_an_upload_can_be_measured(service):
    pixels = np.random.default_rng(0).integers(0, 256, (50, 40, 3), np.uint8)
    photo = service.put_image(encode_png(pixels))
    assert service.run(asked(images=(photo.id,))).heat.max() > 0


@pytest.mark.parametrize(
    ("changes", "kind", "words"),
    [
        ({"layer": "conv6_1"}, UnknownNameError, "vgg16 'conv6_1'.*conv5_1"),
        ({"row": 16}, InputError, "16 x 16 units for an input of 64 px.*0 to 15"),
        ({"column": -1}, InputError, "row and column from 0 to 15, not 3 and -1"),
        ({"layer": "fc6"}, InputError, "1 x 1 units"),
        ({"channel": 999}, InputError, "channels 0 to .*999"),
        ({"images": ()}, InputError, "at least one"),
        ({"images": ("cat", "unicorn")}, UnknownNameError, "photo 'unicorn'"),
        ({"images": ("0" * 64,)}, MissingImageError, "upload it again"),
        ({"input_size": 31}, InputError, r"nothing is left at pool5\. Give at least 32 px"),
        ({"input_size": 0}, InputError, "Give at least 32 px"),
        ({"input_size": 9000}, InputError, "GiB of maps; choose a smaller input"),
        ({"model": "vgg16:imagenet"}, WeightsUnavailableError, "vgg-viz weights fetch vgg16"),
        ({"model": "vgg17:bundled"}, UnknownNameError, "vgg16"),
    ],
)
def test_what_cannot_be_measured_says_what_to_do(service, changes, kind, words):
    with pytest.raises(kind, match=words):
        service.run(asked(**changes))
    assert service.run(asked()).heat.max() > 0
