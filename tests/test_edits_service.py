"""Questions about edits, answered by the real service with tiny networks."""

from dataclasses import replace

import numpy as np
import pytest

from tests.tiny_assets import NAMES
from vgg_viz import figures
from vgg_viz.errors import InputError, UnknownNameError
from vgg_viz.requests import (
    AttributionRequest,
    CarryingChannelsRequest,
    ClassifyRequest,
    EditRequest,
    InvarianceRequest,
)
from vgg_viz.results import Picture
from vgg_viz.service import edits as answers

MODELS = ("zfnet_b:bundled", "vgg16:bundled", "vgg11_bn:bundled")


def last_conv(service, model):
    return service.describe().model(model).convs[-1].name


@pytest.mark.parametrize("model", MODELS)
def test_an_edit_of_nothing_answers_as_classify_and_grad_cam_do(service, model):
    found = service.run(EditRequest(model, "cat", last_conv(service, model)))
    plain = service.run(ClassifyRequest(model, "cat"))
    np.testing.assert_array_equal(found.logits_before, plain.logits)
    np.testing.assert_array_equal(found.logits_after, plain.logits)
    np.testing.assert_array_equal(found.probabilities_before, plain.probabilities)
    assert found.target == int(plain.logits.argmax())
    cam = service.run(AttributionRequest(model, "cat", found.row))
    np.testing.assert_array_equal(found.cam_before.grid, cam.grid)
    np.testing.assert_allclose(found.cam_after.grid, cam.grid, rtol=1e-5, atol=1e-9)
    assert found.cam_before.layer == found.row
    assert not found.distances.any()
    assert found.layers == (last_conv(service, model), "fc6", "fc7", "fc8")
    assert 0 < found.work_share < 0.2
    assert found.provenance == plain.provenance


def test_an_edit_moves_what_lies_behind_it(service):
    channels = service.run(
        CarryingChannelsRequest("vgg16:bundled", "cat", "conv3_2", count=1)
    ).channels
    request = EditRequest("vgg16:bundled", "cat", "conv3_2", ((channels[0], 0.0),))
    found = service.run(request)
    assert found.layers[:3] == ("conv3_2", "conv3_3", "conv4_1")
    assert (found.distances > 0).all()
    assert (found.logits_before != found.logits_after).any()
    assert found.watched == "conv3_3"
    assert found.maps_before.shape == found.maps_after.shape
    moved = np.linalg.norm(found.maps_after - found.maps_before, axis=(1, 2))
    assert moved[0] == moved.max() > 0
    own = service.run(replace(request, watch="conv3_2"))
    assert own.watched_channels[0] == channels[0]
    assert not own.maps_after[0].any()
    assert own.maps_before[0].any()


def test_scaling_masking_and_swapping(service):
    whole = EditRequest("zfnet_b:bundled", "cat", "conv4", swap="dog")
    dog = service.run(ClassifyRequest("zfnet_b:bundled", "dog"))
    np.testing.assert_array_equal(service.run(whole).logits_after, dog.logits)
    assert whole.images == ("cat", "dog")
    one = service.run(
        EditRequest("zfnet_b:bundled", "cat", "conv4", swap="dog", swap_channels=(3,))
    )
    assert (one.logits_after != dog.logits).any()
    top = EditRequest("zfnet_b:bundled", "cat", "conv4", region=(0, 0, 1, 0.5), watch="conv4")
    kept = EditRequest(
        "zfnet_b:bundled", "cat", "conv4", region=(0, 0, 1, 0.5), outside=True, watch="conv4"
    )
    upper, lower = service.run(top), service.run(kept)
    half = upper.maps_after.shape[1] // 2
    assert not upper.maps_after[:, :half].any()
    assert not lower.maps_after[:, half + 1 :].any()
    np.testing.assert_array_equal(upper.maps_after[:, half + 1 :], upper.maps_before[:, half + 1 :])


@pytest.mark.parametrize(
    ("details", "message"),
    [
        ({"layer": "conv9_9"}, "Unknown layer of vgg16 to edit"),
        ({"layer": "fc8"}, "Unknown layer of vgg16 to edit"),
        ({"layer": "flatten"}, "Unknown layer to edit"),
        ({"channels": ((999, 0.0),)}, "999 is not one of them"),
        ({"region": (0.5, 0, 0.5, 1)}, "A region needs"),
        ({"target": 99}, "No class 99"),
        ({"cam_layer": "fc6"}, "layer with maps"),
        ({"watch": "conv1_1"}, "layer behind the edit"),
        ({"swap": "nobody"}, "nobody"),
    ],
)
def test_what_cannot_be_asked_is_said(service, details, message):
    given = {"model": "vgg16:bundled", "image": "cat", "layer": "conv4_1", **details}
    with pytest.raises(InputError, match=message):
        service.run(EditRequest(**given))


@pytest.mark.parametrize("model", MODELS)
def test_curves_begin_at_the_logit_and_greedy_lowers_it_most(service, model):
    layer, plain = last_conv(service, model), service.run(ClassifyRequest(model, "dog"))
    target = 4
    found = {
        method: service.run(
            CarryingChannelsRequest(model, "dog", layer, target, count=3, method=method)
        )
        for method in ("gradient", "greedy", "random")
    }
    for curve in found.values():
        assert len(curve.logits) == len(curve.probabilities) == 4
        assert curve.logits[0] == pytest.approx(float(plain.logits[target]), rel=1e-4)
        assert curve.probabilities[0] == pytest.approx(float(plain.probabilities[target]), rel=1e-3)
        assert curve.target_name == NAMES[target]
        assert (curve.lowest <= curve.logits + 1e-5).all()
        assert (curve.logits <= curve.highest + 1e-5).all()
    assert found["greedy"].logits[1] <= found["gradient"].logits[1] + 1e-5
    assert found["greedy"].logits[1] <= found["random"].lowest[1] + 1e-5
    assert len(set(found["greedy"].channels)) == 3
    assert found["random"].channels == ()
    assert found["random"].orders == 16
    edit = EditRequest(
        model,
        "dog",
        layer,
        tuple((channel, 0.0) for channel in found["greedy"].channels),
        target=target,
    )
    after = service.run(edit).logits_after[target]
    assert found["greedy"].logits[-1] == pytest.approx(float(after), rel=1e-4, abs=1e-5)


def test_gradient_order_is_that_of_gradient_times_activation(service):
    found = service.run(CarryingChannelsRequest("vgg16:bundled", "cat", "conv5_1", 1, count=64))
    channels = service.describe().model("vgg16:bundled").convs[-1].channels
    assert sorted(found.channels) == list(range(channels))
    assert found.logits[-1] != found.logits[0]


def test_a_long_search_tries_what_there_is_time_for_and_says_so(service, monkeypatch):
    request = CarryingChannelsRequest("vgg16:bundled", "cat", "conv4_1", count=3, method="greedy")
    exact = service.run(request)
    assert exact.candidates == exact.alive > 9
    assert exact.passes == sum(exact.alive - done for done in range(3)) + 4
    layers = service.describe().model("vgg16:bundled").layers
    names = [layer.name for layer in layers]
    behind = sum(layer.macs for layer in layers[names.index("relu4_1") + 1 :])
    monkeypatch.setattr(answers, "MOST_MACS", 9 * 3 * behind)
    pruned = service.run(replace(request, target=exact.target))  # another request, not kept
    assert (pruned.candidates, pruned.alive) == (9, exact.alive)
    assert pruned.passes == 3 * 9 + 4
    assert len(set(pruned.channels)) == 3
    assert pruned.logits[1] >= exact.logits[1]


def test_a_search_that_would_take_too_long_is_refused(service, monkeypatch):
    monkeypatch.setattr(answers, "MOST_MACS", 10**6)
    with pytest.raises(InputError, match=r"even 8 channels 5 times .* choose a later layer"):
        service.run(CarryingChannelsRequest("vgg16:bundled", "cat", "conv4_1", method="greedy"))
    for details, message in (
        ({"count": 0}, "1 to 64"),
        ({"count": 65}, "1 to 64"),
        ({"method": "guess"}, "way to choose"),
        ({"target": -1}, "No class -1"),
    ):
        with pytest.raises(InputError, match=message):
            service.run(CarryingChannelsRequest("vgg16:bundled", "cat", "conv1_1", **details))


@pytest.mark.parametrize("transform", ["translate", "scale", "rotate"])
def test_one_question_answers_a_whole_curve(service, transform):
    found = service.run(InvarianceRequest("zfnet_b:bundled", "cat", transform, steps=5))
    plain = service.run(ClassifyRequest("zfnet_b:bundled", "cat"))
    assert found.layers == ("conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7", "fc8")
    assert found.distances.shape == (5, 8)
    assert found.distances[2].max() < 1e-4
    assert found.distances[[0, 1, 3, 4]].min() > 1e-3
    assert found.probabilities[2] == pytest.approx(float(plain.probabilities.max()), rel=1e-4)
    assert found.top[2] == found.target_name
    assert found.pictures.shape == (5, 112, 112, 3)
    assert (found.pictures[2] != found.pictures[0]).mean() > 0.1


def test_the_edge_can_be_repeated(service):
    mean, edge = (
        service.run(InvarianceRequest("zfnet_b:bundled", "cat", "translate", steps=3, fill=fill))
        for fill in ("mean", "edge")
    )
    assert (mean.pictures[-1][:27] == mean.pictures[-1][0]).all()  # a quarter of 112 rows is grey
    assert (edge.pictures[-1] != mean.pictures[-1]).any()
    with pytest.raises(InputError, match="odd number"):
        service.run(InvarianceRequest("zfnet_b:bundled", "cat", steps=4))
    with pytest.raises(InputError, match="at most 41"):
        service.run(InvarianceRequest("zfnet_b:bundled", "cat", steps=43))


def test_the_network_answers_as_before(service):
    for image in ("cat", "horse"):
        again = service.run(ClassifyRequest("vgg11_bn:bundled", image))
        service.run(EditRequest("vgg11_bn:bundled", image, "conv1_1", ((0, 0.0),)))
        with pytest.raises(UnknownNameError):
            service.run(EditRequest("vgg11_bn:bundled", image, "conv1_1", target=999))
        fresh = EditRequest("vgg11_bn:bundled", image, "conv1_1", ((1, 1.0),))
        np.testing.assert_array_equal(service.run(fresh).logits_after, again.logits)


def test_figures_draw_what_the_answers_say(service):
    request = EditRequest("vgg16:bundled", "cat", "conv5_2", ((0, 0.0), (1, 3.0)))
    found = service.run(request)
    sheet = figures.changed_maps_sheet(found, "#000000", "#FFFFFF")
    assert found.watched == "conv5_3"
    assert sheet.shape == (18 + 2 * 100, 4 + 100 * len(found.watched_channels), 3)
    lines = figures.travel_figure([(found, "VGG-16 (D)", 1)], figures.LIGHT)
    assert list(lines.data[0].text) == list(found.layers)
    np.testing.assert_allclose(lines.data[0].y, 100 * found.distances, rtol=1e-6)
    bars = figures.class_change_figure(found, figures.LIGHT, 0)
    np.testing.assert_allclose(
        bars.data[1].x, [100 * found.probabilities_after[i] for i in found.top()[:5]], rtol=1e-6
    )


@pytest.mark.parametrize("outside", [False, True])
def test_the_mask_is_drawn_where_the_units_are(outside):
    pixels = np.full((40, 40, 3), 200, np.uint8)
    picture = Picture(pixels, b"", ())
    drawn = figures.masked_picture(picture, (0.0, 0.0, 0.5, 0.3), 4, outside=outside)
    taken = np.zeros((40, 40), bool)
    taken[:10, :20] = (
        True  # the cells of row 0 (centre 0.125) and columns 0, 1; row 1 lies at 0.375
    )
    assert ((drawn[..., 0] == 50) == (taken ^ outside)).all()
