"""The study of a style transfer, tiny networks: progress, resumed to the bit, clear errors."""

import io
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from vgg_viz.errors import JobError, VggVizError
from vgg_viz.images import MAX_SIDE, decode
from vgg_viz.requests import (
    ExplainedRequest,
    GramEntry,
    LayerMapsRequest,
    PictureRequest,
    StyleJob,
)
from vgg_viz.results import Styled
from vgg_viz.service import style as module
from vgg_viz.service.studies import studies
from vgg_viz.transfer.textures import SIDE, TEXTURES, texture

JOB = StyleJob("vgg16:bundled", "cat", "texture-mosaic", size=64, steps=8)


def png(pixels):
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def drawn(name="texture-mosaic"):
    return decode(png(texture(name)))


@pytest.fixture
def one_evaluation(monkeypatch):
    """Every advance makes one evaluation."""
    monkeypatch.setattr(module, "STEP_SECONDS", 0.0)


def begun(executor, photo, job=JOB, style=None):
    return studies()[StyleJob](executor, job, (photo, style or drawn()))


def done(study, executor, advances=10_000):
    for _ in range(advances):
        if study.finished:
            break
        study.advance(executor)
    return study.result(executor)


def test_it_paints_and_tells_how_far_it_is(executor, photo, one_evaluation):
    study = begun(executor, photo)
    assert study.result(executor) is None
    assert (study.share, study.words) == (0, "step 0 of 8")
    study.advance(executor)
    first = study.result(executor)
    assert first.step == 0
    np.testing.assert_array_equal(first.pixels, first.content)
    assert float(first.relative_style[0]) == pytest.approx(1, rel=1e-4)
    assert float(first.relative_content[0]) == 0
    found = done(study, executor)
    assert (study.share, study.words) == (1, "8 steps")
    assert isinstance(found, Styled)
    assert found.step == found.steps == 8
    assert found.evaluations >= 9
    assert len(found.losses) == len(found.content_losses) == len(found.variation) == 9
    assert all(np.diff(found.losses) < 0)
    assert found.pixels.shape == found.content.shape == found.style.shape == (64, 64, 3)
    assert found.pixels.dtype == np.uint8
    assert not found.pixels.flags.writeable
    assert (found.content_layer, found.provenance.input_size) == ("conv4_2", 64)
    assert [each.layer for each in found.layers] == [f"conv{stage}_1" for stage in range(1, 6)]
    whole = 0.0
    for layer in found.layers:
        assert layer.gram.shape == layer.style_gram.shape == (len(layer.gram),) * 2
        np.testing.assert_allclose(layer.gram, layer.gram.T, rtol=1e-5, atol=1e-6)
        assert layer.relative[0] == pytest.approx(1, rel=1e-4)
        apart = ((layer.gram - layer.style_gram).astype(np.float64) ** 2).sum()
        expected = apart / 4 / len(layer.gram) ** 2  # both are divided by M already
        assert float(layer.losses[-1]) == pytest.approx(expected, rel=1e-3, abs=1e-7)
        whole += float(layer.losses[-1]) / 5
    expected = found.alpha * float(found.content_losses[-1]) + found.beta * whole
    expected += found.gamma * float(found.variation[-1])
    assert float(found.losses[-1]) == pytest.approx(expected, rel=1e-4)
    assert first.losses.shape == (1,), "an earlier answer does not change"


@pytest.mark.parametrize("start", ["content", "noise"])
def test_resumed_equals_uninterrupted_to_the_bit(executor, photo, one_evaluation, start):
    job = replace(JOB, start=start)
    whole = done(begun(executor, photo, replace(job, steps=11)), executor)
    study = begun(executor, photo, job)
    done(study, executor, advances=4)
    study.go_on(job)
    done(study, executor)
    torch.rand(5)
    executor.forget()  # the network is loaded again meanwhile
    study.go_on(replace(job, steps=11))
    assert not study.finished
    resumed = done(study, executor)
    np.testing.assert_array_equal(whole.pixels, resumed.pixels)
    np.testing.assert_array_equal(whole.losses, resumed.losses)
    study.go_on(replace(job, steps=3))
    assert study.finished, "it has more steps than that"


def test_a_descent_that_stands_still_ends_early(executor, photo, one_evaluation):
    study = begun(executor, photo)
    study.advance(executor)
    study.painting._descent.ended = True
    assert study.finished
    assert "no smaller loss is found" in study.words
    assert study.result(executor).ended


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"size": 63}, "64 to 512 px can be painted, not 63"),
        ({"size": 513}, "not 513"),
        ({"model": "zfnet_b:bundled", "size": 20}, "not 20"),
        ({"steps": 0}, "1 to 2000 steps, not 0"),
        ({"content_weight": -1.0}, "content is 0 to 1000"),
        ({"style_weight": float("nan")}, "weight of style"),
        ({"smoothness": float("inf")}, "weight of smoothness"),
        ({"content_weight": 0.0, "style_weight": 0.0}, "above 0"),
        ({"start": "scratch"}, "start 'scratch'; choose content or style or noise"),
        ({"optimizer": "sgd"}, "lbfgs or adam"),
        ({"pooling": "min"}, "max or average"),
        ({"learning_rate": 0.0}, "learning rate"),
        ({"seed": -1}, "seed"),
        ({"style_weight": 0.0}, "Start from noise"),
    ],
)
def test_what_cannot_be_asked(executor, photo, changes, words):
    with pytest.raises(VggVizError, match=words):
        begun(executor, photo, replace(JOB, **changes))


def test_a_style_of_one_colour_and_the_same_picture_twice(executor, photo):
    red = decode(png(np.full((90, 90, 3), (200, 30, 30), np.uint8)))
    with pytest.raises(VggVizError, match="one colour"):
        begun(executor, photo, style=red)
    with pytest.raises(VggVizError, match="same picture"):
        begun(executor, photo, style=photo)


def test_small_and_huge_pictures(executor, photo):
    noise = np.random.default_rng(0)
    small = decode(png(noise.integers(0, 255, (20, 20, 3), dtype=np.uint8)))
    found = done(begun(executor, small, replace(JOB, steps=1)), executor)
    assert "20 x 20 px and was enlarged" in found.notes[0]
    strip = noise.integers(0, 255, (1, 50_000, 3), dtype=np.uint8).repeat(1000, axis=0)
    large = decode(png(strip))
    assert max(large.pixels.shape) == MAX_SIDE
    assert done(begun(executor, photo, replace(JOB, steps=1), large), executor).step == 1


def test_the_service_runs_two_at_once_in_turns(service):
    jobs = [replace(JOB, model=name, steps=3, size=96) for name in ("vgg16", "zfnet_b")]
    names = [service.submit(job) for job in jobs]
    for name, job in zip(names, jobs, strict=True):
        while not service.events(name)[-1].final:
            pass
        assert service.events(name)[-1].state == "done", service.events(name)[-1].message
        assert service.result(name).step == 3
        assert service.find(job) == name
    bad = service.submit(replace(JOB, style_image="cat"))
    while not service.events(bad)[-1].final:
        pass
    assert "same picture" in service.events(bad)[-1].message
    with pytest.raises(VggVizError, match="photo 'texture-sand'"):
        service.submit(replace(JOB, style_image="texture-sand"))
    assert not isinstance(service.result(names[0]), JobError)


def test_textures_are_pictures_with_names_that_never_change(service):
    offered = service.describe().textures
    assert [each.name for each in offered] == list(TEXTURES)
    seen = set()
    for each in offered:
        pixels = texture(each.name)
        assert pixels.shape == (SIDE, SIDE, 3)
        assert pixels.std() > 20
        assert not pixels.flags.writeable
        seen.add(pixels.tobytes()[:3000])
        found = service.run(PictureRequest(each.name, size=64))
        assert found.pixels.shape == (64, 64, 3)
        assert each.licence == "CC0 1.0"
    assert len(seen) == len(offered)
    with pytest.raises(VggVizError, match="texture-mosaic"):
        texture("texture-sand")


# --- a Gram entry as a target of attribution -----------------------------------------------------


@pytest.mark.parametrize("method", ["grad_cam", "gradient", "occlusion"])
def test_a_gram_entry_is_explained(service, method):
    request = ExplainedRequest("vgg16", "cat", GramEntry("conv3_1", 1, 3), method=method)
    found = service.run(request)
    maps = service.run(LayerMapsRequest("vgg16", "cat", "conv3_1", True)).maps
    assert found.score == pytest.approx(float((maps[1] * maps[3]).mean()), rel=1e-4)
    assert found.target_name == "Gram entry (1, 3) at conv3_1"
    assert found.layer == "conv3_1"
    assert np.abs(found.grid).max() > 0


@pytest.mark.parametrize(
    ("output", "more", "words"),
    [
        (GramEntry("conv9_9", 0, 0), {}, "conv9_9"),
        (GramEntry("conv2_1", 0, 8), {}, "channels 0 to 7; 8"),
        (GramEntry("conv2_1", 0, 1), {"layer": "conv5_1"}, "before the output 'conv5_1'"),
        (GramEntry("conv2_1", 0, 1), {"method": "lrp"}, "this output is a product"),
    ],
)
def test_gram_entries_that_cannot_be_explained(service, output, more, words):
    with pytest.raises(VggVizError, match=words):
        service.run(ExplainedRequest("vgg16", "cat", output, **more))
