"""The study of a feature visualisation: step by step, what it tells, and what is refused."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from tests.tiny import tiny_config
from vgg_viz.architecture import describe, memory_of
from vgg_viz.errors import InputError, UnknownNameError
from vgg_viz.images import decode, load_samples
from vgg_viz.models.registry import assets_folder
from vgg_viz.preprocessing import cropped
from vgg_viz.requests import FeatureVisJob, Term
from vgg_viz.service import feature_vis, feature_vis_limits, studies
from vgg_viz.service.feature_vis_limits import check, check_room, costs, group_size

CHANNEL = Term("channel", "conv3_1", 1)
JOB = FeatureVisJob("vgg16:bundled", (CHANNEL,), steps=6)
CPU = torch.device("cpu")


def run(executor, job, photos=()):
    """The study's result after all its steps."""
    study = studies.begin(executor, job, photos)
    while not study.finished:
        study.advance(executor)
    return study.result(executor)


def test_a_job_through_the_service(service):
    made = service.submit(JOB)
    states = service.events(made)
    while states[-1].state not in ("done", "failed", "cancelled"):
        states = service.events(made)
    assert states[-1].state == "done", states[-1].message
    found = service.result(made)
    assert service.find(JOB) == made
    assert found.pixels.shape == (1, 64, 64, 3)
    assert found.history.shape == (6,)
    assert (found.step, found.steps) == (6, 6)
    assert found.values[0] > found.history[0]
    assert found.provenance.model == "vgg16:bundled"
    assert not found.pixels.flags.writeable


def test_steps_previews_and_going_on(executor):
    whole = run(executor, replace(JOB, steps=8, pictures=2))
    study = studies.begin(executor, replace(JOB, steps=3, pictures=2), ())
    assert (study.finished, study.share, study.words) == (False, 0.0, "step 0 of 3")
    first = study.result(executor)
    assert first.history.shape == (0,)
    assert first.values.shape == (2,)
    while not study.finished:
        study.advance(executor)
    assert study.words == "step 3 of 3"
    assert study.result(executor).step == 3
    study.go_on(replace(JOB, steps=8, pictures=2))
    assert not study.finished
    while not study.finished:
        study.advance(executor)
    after = study.result(executor)
    np.testing.assert_array_equal(after.pixels, whole.pixels)
    np.testing.assert_array_equal(after.history, whole.history)
    np.testing.assert_array_equal(after.values, whole.values)
    study.go_on(replace(JOB, steps=2, pictures=2))  # it has more already
    assert study.finished
    assert study.share == 1.0
    assert study.words == "step 8 of 8"


def test_pictures_are_optimised_in_groups_that_take_turns(executor, monkeypatch):
    together = run(executor, replace(JOB, pictures=3, steps=2))
    one = costs(executor.ready(JOB.model).loaded.config, ("conv3_1",), 64).macs
    monkeypatch.setattr(feature_vis_limits, "STEP_MACS", 2 * one)
    study = studies.begin(executor, replace(JOB, pictures=3, steps=2), ())
    shares = []
    while not study.finished:
        study.advance(executor)
        shares.append(study.share)
    assert shares == [0.25, 0.5, 0.75, 1.0]  # two groups, two steps
    apart = study.result(executor)
    assert apart.pixels.shape == together.pixels.shape
    assert apart.history.shape == (2,)
    assert len({picture.tobytes() for picture in apart.pixels}) == 3
    # Diversity compares all pictures, so they stay together.
    assert group_size(replace(JOB, pictures=3, diversity=1.0), tiny_config("vgg16"), CPU) == 3


def test_a_photo_is_where_it_starts(executor):
    (sample, *_) = load_samples(assets_folder() / "images")
    photo = decode(sample.file.read_bytes())
    for transforms in ("standard", "none"):
        job = replace(JOB, image=photo.digest, transforms=transforms, size=48)
        found = studies.begin(executor, job, (photo,)).result(executor)
        expected = cropped(photo.pixels, executor.ready(JOB.model).loaded.preprocessing, 48)
        np.testing.assert_array_equal(found.pixels[0], expected)


@pytest.mark.parametrize("model", ["zfnet_b:bundled", "vgg11_bn:bundled"])
def test_every_kind_of_term_and_setting(executor, model):
    last = executor.ready(model).loaded.config.convs[-1]
    terms = (
        Term("neuron", last, 0),
        Term("layer", "pool1", weight=0.1),
        Term("direction", last, direction=((0, 1.0), (1, -1.0))),
        Term("class", channel=3, weight=-0.5),
        Term("channel", "fc6", 5),
    )
    job = FeatureVisJob(
        model, terms, "pixels", False, "none", size=96, pictures=2, diversity=0.1, steps=2
    )
    found = run(executor, job)
    assert found.pixels.shape == (2, 96, 96, 3)
    assert np.isfinite(found.history).all()
    assert np.isfinite(found.values).all()


# --- what a reader is told -----------------------------------------------------------------------


def test_a_channel_that_stays_silent_is_named(executor):
    ready = executor.ready("vgg16:bundled")
    kept = ready.network.conv3_1.bias.clone()
    try:
        with torch.no_grad():
            ready.network.conv3_1.bias[1] = -1000.0
        found = run(executor, JOB)
        assert "channel 1 of conv3_1 stays silent" in found.notes[-1]
        assert "ReLU" in found.notes[-1]
        assert found.notes[-1].endswith("The bias of channel 1 of conv3_1 is -1e+03.")
        behind = run(executor, replace(JOB, terms=(Term("channel", "relu3_1", 1),), steps=18))
        assert any("Nothing was alive behind relu3_1" in note for note in behind.notes)
        assert "at 0. The bias of channel 1 of conv3_1 is" in behind.notes[-1]
    finally:
        with torch.no_grad():
            ready.network.conv3_1.bias.copy_(kept)


def test_a_picture_that_nothing_moves_is_named(executor):
    ready = executor.ready("vgg16:bundled")
    kept = ready.network.conv3_1.weight.clone()
    try:
        with torch.no_grad():
            ready.network.conv3_1.weight.zero_()
        found = run(executor, replace(JOB, pictures=2, steps=2))
    finally:
        with torch.no_grad():
            ready.network.conv3_1.weight.copy_(kept)
    (note,) = [note for note in found.notes if "Picture 2 is still as it began" in note]
    assert "All weights of channel 1 of conv3_1 are 0, so it is" in note


def test_a_batch_norm_that_turns_a_channel_is_named():
    config = tiny_config("vgg11_bn")
    network = nn.Sequential()
    network.add_module("bn2_1", nn.BatchNorm2d(8))
    with torch.no_grad():
        network.bn2_1.weight[3] = -1.0
    terms = (Term("channel", "conv2_1", 2), Term("channel", "conv2_1", 3), Term("layer", "conv2_1"))
    (note,) = feature_vis.sign_notes(network, config, terms)
    assert "channel 3 upside down" in note
    assert "Name bn2_1" in note


def test_diversity_of_one_picture_is_told(executor):
    found = run(executor, replace(JOB, diversity=1.0, steps=1))
    assert "two pictures" in found.notes[0]


# --- what is refused -----------------------------------------------------------------------------

CLASSES = tuple("abcdefg")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"size": 31}, "side in px is 31; give a whole number from 32 to 512"),
        ({"size": 513}, "from 32 to 512"),
        ({"steps": 0}, "from 1 to 2048"),
        ({"steps": 2049}, "from 1 to 2048"),
        ({"pictures": 17}, "from 1 to 16"),
        ({"seed": -1}, "seed is -1"),
        ({"learning_rate": math.nan}, "learning rate of nan"),
        ({"learning_rate": 0.0}, "above 0"),
        ({"diversity": -1.0}, "diversity is -1"),
        ({"diversity": math.inf}, "diversity is inf"),
        ({"terms": ()}, "1 to 8 terms, not 0"),
        ({"terms": (CHANNEL,) * 9}, "1 to 8 terms, not 9"),
        ({"terms": (replace(CHANNEL, weight=0.0),)}, "weight 0"),
        ({"terms": (Term("class", channel=7),)}, r"classes 0 \(a\) to 6 \(g\)"),
        ({"terms": (Term("channel", "conv9_9", 1),)}, "Unknown layer of vgg16 'conv9_9'"),
        ({"terms": (Term("channel", "conv3_1", 999),)}, "no channel of conv3_1 999"),
        ({"parametrization": "wavelets"}, "'wavelets'; choose one of: fourier, pixels"),
        ({"transforms": "some"}, "choose one of: none, standard"),
    ],
)
def test_what_cannot_be_is_refused_with_the_choices(changes, words):
    with pytest.raises(InputError, match=words):
        check(replace(JOB, **changes), tiny_config("vgg16"), CLASSES)


def test_pictures_too_small_for_the_layer_are_refused():
    config = tiny_config("alexnet")
    check(replace(JOB, size=32, terms=(Term("channel", "conv1", 0),)), config, CLASSES)
    with pytest.raises(InputError, match=r"too small: nothing is left at pool5\. Give at least 63"):
        check(replace(JOB, size=32, terms=(Term("class", channel=0),)), config, CLASSES)
    with pytest.raises(UnknownNameError):
        check(replace(JOB, terms=(Term("neuron", "conv1", 0, 99, 0),)), config, CLASSES)


def test_pictures_too_large_for_the_memory_are_refused_with_what_fits():
    config = tiny_config("vgg16")
    job = replace(JOB, size=512, pictures=4, terms=(Term("class", channel=0),))
    one = costs(config, ("fc8",), 512).bytes
    check_room(job, config, 4, 4 * one)
    with pytest.raises(InputError, match=r"4 pictures of 512 px.* Choose 360 px or 2 pictures"):
        check_room(job, config, 4, 2 * one + 1)
    smaller = costs(config, ("fc8",), 360).bytes
    assert 4 * smaller <= 2 * one


@pytest.mark.parametrize("name", ["vgg16_bn", "zfnet_b", "alexnet"])
def test_costs_equal_the_tables(name):
    config = tiny_config(name)
    found = costs(config, ("fc8",), 96)
    architecture = describe(config, 96)
    assert found.macs == sum(row.macs for row in architecture.rows)
    assert found.bytes >= 0.8 * memory_of(architecture).kept
    assert costs(config, (config.convs[0],), 96).macs == architecture.row(config.convs[0]).macs
