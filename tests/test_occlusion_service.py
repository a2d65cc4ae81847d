"""Occlusion asked of the real service with tiny networks: maps, one place, and as a job."""

from dataclasses import replace

import numpy as np
import pytest

from tests import reference
from vgg_viz.errors import InputError, UnknownNameError
from vgg_viz.requests import (
    AttributionRequest,
    ClassifyRequest,
    LayerMapsRequest,
    OccludedRequest,
    OcclusionRequest,
)

MODELS = ("zfnet_b:bundled", "vgg16:bundled", "vgg11_bn:bundled")
ASKED = OcclusionRequest("vgg16:bundled", "cat", square=24, stride=16)


def last_conv(service, model):
    return service.describe().model(model).convs[-1].name


@pytest.mark.parametrize("model", MODELS)
def test_the_maps_of_zfnets_experiment(service, model):
    request = replace(ASKED, model=model)
    found = service.run(request)
    plain = service.run(ClassifyRequest(model, "cat"))
    places = len(found.starts)
    assert found.scores.shape == found.probabilities.shape == found.top.shape == (places, places)
    assert found.complete
    assert found.done == found.total == places**2
    assert found.target == found.top_class == int(plain.logits.argmax())
    assert found.score == pytest.approx(float(plain.logits.max()), abs=1e-5)
    assert found.probability == pytest.approx(float(plain.probabilities.max()), abs=1e-5)
    assert np.isfinite(found.scores).all()
    assert reference.spread(found.drops) > 0.05
    assert (found.top >= 0).all()
    assert (found.top < len(found.classes)).all()
    settings = (("square", 24), ("stride", 16), ("fill", "mean"))
    method = service.run(AttributionRequest(model, "cat", method="occlusion", parameters=settings))
    scale = np.abs(method.grid).max()
    np.testing.assert_allclose(found.grid, method.grid, atol=1e-4 * scale)


@pytest.mark.parametrize("model", MODELS)
def test_the_strongest_map_is_chosen_on_the_photo_as_it_is(service, model):
    found = service.run(replace(ASKED, model=model))
    maps = service.run(LayerMapsRequest(model, "cat", found.layer))
    assert found.layer.startswith("relu")
    sums = np.maximum(maps.maps, 0).sum((1, 2))
    assert found.channel == int(sums.argmax())
    assert found.activation == pytest.approx(float(sums.max()), rel=1e-4)
    assert reference.spread(found.activations - found.activation) > 0.05


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("fill", ["mean", "black", "blurred"])
def test_one_place_is_a_cell_of_the_maps(service, model, fill):
    found = service.run(replace(ASKED, model=model, fill=fill))
    at = 1, 2
    y, x = ((found.starts[i] + found.square / 2) / found.input_size for i in at)
    one = service.run(OccludedRequest(model, "cat", x, y, square=24, fill=fill))
    assert one.box == (found.starts[2], found.starts[1], found.starts[2] + 24, found.starts[1] + 24)
    assert float(one.logits[found.target]) == pytest.approx(float(found.scores[at]), abs=1e-4)
    assert one.top(1)[0] == found.top[at]
    before = service.run(ClassifyRequest(model, "cat")).probabilities
    np.testing.assert_allclose(one.probabilities_before, before, atol=1e-6)
    assert np.abs(one.probabilities - before).max() > 1e-4
    assert one.probabilities.sum() == pytest.approx(1, abs=1e-5)


def test_a_place_at_the_border_keeps_the_square_inside(service):
    one = service.run(OccludedRequest("vgg16:bundled", "cat", 1.0, 0.0, square=16))
    assert one.box == (one.input_size - 16, 0, one.input_size, 16)


def test_why_this_class_and_not_that(service):
    found = service.run(replace(ASKED, target=1, versus=3))
    own, other = (service.run(replace(ASKED, target=t)) for t in (1, 3))
    np.testing.assert_allclose(found.scores, own.scores - other.scores, atol=1e-5)
    np.testing.assert_array_equal(found.probabilities, own.probabilities)
    assert (found.target, found.versus) == (1, 3)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"target": 99}, UnknownNameError, "99"),
        ({"target": 1, "versus": 1}, UnknownNameError, "against itself"),
        ({"square": 2}, InputError, "Square"),
        ({"stride": 0}, InputError, "Stride"),
        ({"fill": "pink"}, UnknownNameError, "pink"),
        ({"model": "vgg99:bundled"}, UnknownNameError, "vgg99"),
    ],
)
def test_what_cannot_be_asked_is_told(service, change, error, words):
    if "model" in change:
        with pytest.raises(error, match=words):
            service.submit(replace(ASKED, **change))
        return
    # A job that fails says why in its last event.
    job = service.submit(replace(ASKED, **change))
    after = 0
    while (events := service.events(job, after)) == () or events[-1].state not in (
        "failed",
        "done",
    ):
        after = events[-1].number if events else after
    assert events[-1].state == "failed"
    assert words in events[-1].message


def test_a_square_away_from_the_photo_is_refused(service):
    with pytest.raises(InputError, match="shares"):
        service.run(OccludedRequest("vgg16:bundled", "cat", 1.5, 0.5))


def test_a_square_larger_than_the_photo_covers_it(service):
    found = service.run(replace(ASKED, square=500))
    assert found.starts == (0,)
    assert found.square == found.input_size


def test_a_job_shows_maps_while_they_grow(service):
    """A study's steps, called here one after another as the worker does."""
    from vgg_viz.service.occlusion import begin

    job = replace(ASKED, model="vgg16:bundled", stride=4)

    def steps(executor):
        study = begin(executor, job, (service._photos.get("cat"),))
        seen = [study.result(executor)]
        while not study.finished:
            study.advance(executor)
            seen.append(study.result(executor))
        assert study.share == 1
        assert f"{seen[-1].total}" in study.words
        return seen

    first, *some = service._on_device(steps)
    assert first.done == 0
    assert np.isnan(first.scores).all()
    assert (first.top == -1).all()
    assert not first.grid.any()
    half = next(found for found in some if 0 < found.done < found.total)
    assert np.isfinite(half.scores).sum() == half.done == np.isfinite(half.activations).sum()
    assert not half.complete
    assert np.isfinite(half.grid).all()
    whole = some[-1]
    known = np.isfinite(half.scores)
    np.testing.assert_array_equal(half.scores[known], whole.scores[known])
    np.testing.assert_array_equal(half.activations[known], whole.activations[known])
