"""The arithmetic of a unit through the real service and the command line, with tiny networks."""

import json

import numpy as np
import pytest

from vgg_viz.activations import of_photo
from vgg_viz.errors import InputError, MissingImageError, UnknownNameError
from vgg_viz.requests import UnitRequest
from vgg_viz.results import WeightedSum

ZFNET, VGG, VGG_BN = "zfnet_b:bundled", "vgg16:bundled", "vgg11_bn:bundled"


def asked(**changes: object) -> UnitRequest:
    usual = {
        "model": VGG,
        "image": "cat",
        "layer": "conv3_2",
        "channel": 1,
        "row": 3,
        "column": 0,
    }
    return UnitRequest(**{**usual, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize("model", [ZFNET, VGG, VGG_BN])
def test_every_value_is_the_one_that_activations_shows(service, model):
    seen = of_photo("cat", model)
    for layer in seen.layers:
        maps = seen.maps(layer)
        unit = service.run(
            asked(model=model, layer=layer, channel=len(maps) - 1, row=maps.shape[1] - 1)
        )
        assert unit.first.network == pytest.approx(float(maps[-1, -1, 0]), rel=1e-5, abs=1e-6)
        assert unit.first.shape == maps.shape
        assert all(step.agrees for step in unit.steps)
        assert unit.last.kind in ("relu", "lrn") or unit.last is unit.first


def test_the_strongest_channel_of_a_place_is_taken_when_none_is_named(service):
    unit = service.run(asked(channel=None))
    maps = of_photo("cat", VGG).maps("conv3_2")
    assert unit.first.channel == int(maps[:, 3, 0].argmax())
    logits = of_photo("cat", VGG).maps("fc8")[:, 0, 0]
    top = service.run(asked(layer="fc8", channel=None, row=0))
    assert top.first.channel == int(logits.argmax())


def test_flatten_and_dropout_pass_on_what_they_get(service):
    for layer in ("flatten", "drop6"):
        unit = service.run(asked(layer=layer, channel=5, row=0))
        assert unit.first.value == unit.first.network


def test_asked_again_it_costs_no_pass_and_says_where_it_comes_from(service):
    unit = service.run(asked())
    passes = service.health().forward_passes
    assert service.run(asked()) is unit
    service.run(asked(layer="fc8", row=0))
    assert service.health().forward_passes == passes
    assert "bundled weights" in unit.provenance.weights
    assert isinstance(unit.first.parts, WeightedSum)
    assert unit.first.parts.given.dtype == np.float32
    assert len(service.run(asked(count=3)).first.parts.strongest) == 3


@pytest.mark.parametrize(
    ("changes", "kind", "words"),
    [
        ({"layer": "conv6_1"}, UnknownNameError, "vgg16 'conv6_1'.*conv5_1"),
        ({"row": 16}, InputError, "16 x 16 units.*not 16 and 0"),
        ({"row": 16, "channel": None}, InputError, "16 x 16 units.*not 16 and 0"),
        ({"column": -1}, InputError, "not 3 and -1"),
        ({"channel": 999}, UnknownNameError, "channels 0 to .*999"),
        ({"count": 0}, InputError, "1 to 64"),
        ({"image": "unicorn"}, UnknownNameError, "photo 'unicorn'"),
        ({"image": "0" * 64}, MissingImageError, "upload it again"),
    ],
)
def test_what_cannot_be_taken_apart_says_what_to_do(service, changes, kind, words):
    with pytest.raises(kind, match=words):
        service.run(asked(**changes))
    assert service.run(asked()).first.agrees


# --- the command ---------------------------------------------------------------------------------


def test_the_command_prints_sums_that_add_up(assets, vgg):
    code, out, _ = vgg(
        *("unit", "cat", "--layer", "conv3_2", "--channel", 1, "--at", "3,0", "--device", "cpu")
    )
    assert code == 0
    lines = out.splitlines()
    assert "bundled weights" in lines[0]
    assert lines[1].startswith("conv3_2 (conv), channel 1, row 3, column 0 of 16 x 16 x 16")
    sums = [line.split()[-2:] for line in lines[4:14]]
    total = 0.0
    for amount, after in sums:
        total += float(amount)
        assert float(after) == pytest.approx(total, abs=1e-5)
    assert "max(0, " in out
    assert out.count("rounding may cause up to") == 2


def test_the_command_prints_json(assets, vgg):
    for layer, parts in (
        ("conv1_1", {"strongest", "others", "bias", "padding", "products"}),
        ("pool2", {"window", "inside", "winner"}),
        ("fc6", {"strongest", "others", "bias", "padding", "products"}),
    ):
        code, out, _ = vgg(*f"unit cat --layer {layer} --format json --device cpu".split())
        answer = json.loads(out)
        assert code == 0
        step = answer["steps"][0]
        assert parts <= set(step)
        assert step["difference"] <= step["tolerance"]
    _, out, _ = vgg(*["unit", "cat", "--layer", "conv1_1", "--format", "json", "--device", "cpu"])
    step = json.loads(out)["steps"][0]
    assert step["padding"] == 5
    assert step["others"] == {"inputs": 0, "sum": 0.0}
    _, out, _ = vgg(
        *[
            "unit",
            "cat",
            "--model",
            "zfnet_b",
            "--layer",
            "norm1",
            "--format",
            "json",
            "--device",
            "cpu",
        ]
    )
    step = json.loads(out)["steps"][0]
    assert step["value"] == pytest.approx(step["network"], rel=1e-5)
    assert len(step["channels"]) in (3, 4, 5)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--layer conv3_2 --at 3", "'3' is no unit; give row and column"),
        ("--layer conv3_2 --at 99,0", "16 x 16 units"),
        ("--layer conv7", "Unknown layer of vgg16 'conv7'"),
    ],
)
def test_the_command_refuses_what_is_not_there(assets, vgg, words, said):
    code, _, err = vgg("unit", "cat", *words.split(), "--device", "cpu")
    assert code == 2
    assert said in err
