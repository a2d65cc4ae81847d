"""The study of an inversion, tiny networks: layers in turn, resumed to the bit, clear errors."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests import reference_inversion
from vgg_viz.errors import InputError, VggVizError
from vgg_viz.inversion import usual_priors
from vgg_viz.requests import InversionJob
from vgg_viz.results import Inversion
from vgg_viz.service import inversion as module
from vgg_viz.service.studies import studies

JOB = InversionJob("vgg16:bundled", "cat", ("conv1_1", "pool2", "fc7"), steps=8)


@pytest.fixture
def one_step(monkeypatch):
    """Every advance takes one step."""
    monkeypatch.setattr(module, "STEP_SECONDS", 0.0)


def begun(executor, photo, job=JOB):
    return studies()[InversionJob](executor, job, (photo,))


def done(study, executor, steps=10_000):
    for _ in range(steps):
        if study.finished:
            break
        study.advance(executor)
    return study.result(executor)


def test_layers_are_rebuilt_in_turn(executor, photo, one_step):
    study = begun(executor, photo)
    assert study.result(executor) is None
    assert (study.share, study.words) == (0, "the beginning")
    for _ in range(9):
        study.advance(executor)
    assert study.words == "pool2, step 1 of 8 (layer 2 of 3)"
    assert study.share == 9 / 24
    half = study.result(executor)
    assert [layer.layer for layer in half.layers] == ["conv1_1", "pool2"]
    assert [len(layer.losses) for layer in half.layers] == [8, 1]
    found = done(study, executor)
    assert study.share == 1
    assert study.words == "3 layers, 8 steps"
    assert found.wanted == JOB.layers
    assert found.steps == 8
    assert found.notes == ()
    assert found.provenance.model == "vgg16:bundled"
    assert half.layers[0] is found.layers[0], "a layer that stands still is not drawn again"
    assert found.layer("pool2").code_shape == (8, 16, 16)
    assert found.layer("fc7").code_shape == (32,)
    assert found.layer("conv5_3") is None
    weighted = [row.name for row in executor.ready(JOB.model).loaded.config.layers]
    weighted = [name for name in weighted if name.startswith(("conv", "fc"))]
    for layer, row in zip(found.layers, ("conv1_1", "conv2_2", "fc7"), strict=True):
        assert layer.total_variation == usual_priors(weighted, row).total_variation
        assert layer.pixels.shape == found.photo.shape == (64, 64, 3)
        assert layer.pixels.dtype == np.uint8
        assert not layer.pixels.flags.writeable
        assert layer.losses.dtype == layer.distances.dtype == np.float32
        assert layer.losses[-1] < layer.losses[0]
        expected = reference_inversion.correlation(layer.pixels, found.photo)
        assert layer.correlation == pytest.approx(expected, abs=0.02)  # 256 levels


def test_resumed_equals_uninterrupted_to_the_bit(executor, photo, one_step):
    whole = done(begun(executor, photo, replace(JOB, steps=11)), executor)
    study = begun(executor, photo)
    done(study, executor, steps=5)
    study.go_on(JOB)
    done(study, executor)
    torch.rand(5)
    executor.forget()  # the network is loaded again meanwhile
    study.go_on(replace(JOB, steps=11))
    assert not study.finished
    resumed = done(study, executor)
    for a, b in zip(whole.layers, resumed.layers, strict=True):
        np.testing.assert_array_equal(a.pixels, b.pixels)
        np.testing.assert_array_equal(a.losses, b.losses)
        assert a.distance == b.distance
    study.go_on(replace(JOB, steps=3))
    assert study.finished, "it has more steps than that"
    assert study.share == 1


def test_steps_taken_together_make_the_same_picture(executor, photo, monkeypatch):
    together = done(begun(executor, photo), executor)
    monkeypatch.setattr(module, "STEP_SECONDS", 0.0)
    apart = done(begun(executor, photo), executor)
    for a, b in zip(together.layers, apart.layers, strict=True):
        np.testing.assert_array_equal(a.pixels, b.pixels)


def test_without_layers_it_is_the_last_convolution(executor, photo):
    found = done(begun(executor, photo, replace(JOB, layers=(), steps=1)), executor)
    assert found.wanted == ("conv5_3",)


def test_a_layer_without_a_code_is_told_and_the_others_go_on(executor, photo, monkeypatch):
    real = module.Inverter

    def silent(network, layer, *rest, **more):
        if layer == "pool2":
            raise InputError("pool2 is 0 everywhere for this photo.")
        return real(network, layer, *rest, **more)

    monkeypatch.setattr(module, "Inverter", silent)
    study = begun(executor, photo, replace(JOB, steps=2))
    found = done(study, executor)
    assert [layer.layer for layer in found.layers] == ["conv1_1", "fc7"]
    assert found.notes == ("pool2 is 0 everywhere for this photo.",)
    assert study.share == 1
    alone = begun(executor, photo, replace(JOB, layers=("pool2",)))
    with pytest.raises(InputError, match="0 everywhere"):
        alone.advance(executor)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"layers": ("conv9_9",)}, "Unknown layer of vgg16 'conv9_9'"),
        ({"layers": ("fc7", "fc7")}, "named twice"),
        ({"steps": 0}, "1 to 2000 steps, not 0"),
        ({"steps": 2001}, "1 to 2000 steps"),
        ({"total_variation": -1.0}, "total variation"),
        ({"total_variation": float("nan")}, "total variation"),
        ({"alpha_norm": 101.0}, "alpha norm"),
        ({"learning_rate": 0.0}, "learning rate"),
        ({"learning_rate": float("inf")}, "learning rate"),
        ({"seed": -1}, "seed"),
    ],
)
def test_what_cannot_be_asked(executor, photo, changes, words):
    with pytest.raises(VggVizError, match=words):
        begun(executor, photo, replace(JOB, **changes))


def test_the_service_runs_it_as_a_job(service):
    job = replace(JOB, model="zfnet_b", layers=("conv1", "fc6"), steps=3)
    name = service.submit(job)
    while not service.events(name)[-1].final:
        pass
    assert service.events(name)[-1].state == "done", service.events(name)[-1].message
    found = service.result(name)
    assert isinstance(found, Inversion)
    assert [len(layer.losses) for layer in found.layers] == [3, 3]
    assert service.find(job) == name
    bad = service.submit(replace(job, steps=-4))
    while not service.events(bad)[-1].final:
        pass
    event = service.events(bad)[-1]
    assert event.state == "failed"
    assert "not -4" in event.message
