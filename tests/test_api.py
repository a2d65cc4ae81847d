"""`vgg_viz.api`: each analysis as one call, over tiny networks; the code pages show runs."""

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import vgg_viz
from dashboard.feature_vis_code import gallery_code, optimised_code
from vgg_viz import api
from vgg_viz.errors import InputError, JobError, UnknownNameError
from vgg_viz.requests import (
    ClassifyRequest,
    EditRequest,
    FeatureVisJob,
    LayerMapsRequest,
    ReconstructionRequest,
    Term,
)
from vgg_viz.service.local import LocalService

CHANNEL = Term("channel", "conv2_1", 3)


def test_importing_it_loads_no_torch():
    program = (
        "import sys, vgg_viz; assert vgg_viz.api.activations; "
        "sys.exit('torch' in sys.modules or 'streamlit' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_the_package_has_nothing_else():
    assert vgg_viz.api is api
    with pytest.raises(AttributeError, match="nothing"):
        _ = vgg_viz.nothing


def test_answers_are_the_services(service):
    vgg = "vgg16:bundled"
    same = service.run(ClassifyRequest(vgg, "cat"))
    assert api.classify("cat", service=service) is same
    maps = api.activations("cat", layer="conv3_1", relu=False, service=service)
    assert maps is service.run(LayerMapsRequest(vgg, "cat", "conv3_1", relu=False))
    last = api.activations("cat", service=service)
    assert last.layer == "conv5_3"
    found = api.deconv("cat", "zfnet_b", "conv5", 3, rules=("deconvnet",), service=service)
    request = ReconstructionRequest("zfnet_b:bundled", "cat", "conv5", 3, rules=("deconvnet",))
    assert found is service.run(request)
    edited = api.edit("cat", "conv3_1", {3: 0, 5: 2.0}, service=service)
    assert edited is service.run(EditRequest(vgg, "cat", "conv3_1", ((3, 0.0), (5, 2.0))))
    assert api.cam("cat", layer="conv4_1", target=2, service=service).target == 2
    assert api.filters("zfnet_b", service=service).layer == "conv1"


def test_feature_visualisation_is_watched(service):
    events = []
    found = api.feature_vis(
        "vgg16", CHANNEL, steps=3, size=64, service=service, watch=events.append
    )
    assert found.pixels.shape == (1, 64, 64, 3)
    assert len(found.history) == 3
    assert events[-1].state == "done"
    assert [event.number for event in events] == sorted({event.number for event in events})
    photo = api.feature_vis(
        "vgg16", CHANNEL, photo="cat", steps=1, size=64, transforms="none", service=service
    )
    assert np.abs(photo.pixels.astype(int) - found.pixels).mean() > 5


def test_a_job_that_fails_says_why(service):
    with pytest.raises((JobError, UnknownNameError), match="conv9_9"):
        api.feature_vis("vgg16", Term("channel", "conv9_9", 0), service=service)


def test_inversion_and_patches(service):
    rebuilt = api.invert("cat", "vgg16", "conv2_1", steps=2, service=service)
    assert rebuilt.layers[0].layer == "conv2_1"
    found = api.top_patches("vgg16", "conv3_1", 2, limit=2, service=service)
    assert (found.layer, found.channel) == ("conv3_1", 2)


def test_a_photo_may_be_a_file_and_a_service_is_opened_where_none_is_given(assets, tmp_path):
    path = tmp_path / "mine.png"
    Image.fromarray(np.full((80, 90, 3), 99, np.uint8)).save(path)
    found = api.activations(path, "vgg16", "conv1_1")
    assert found.maps.shape[1:] == (64, 64)
    with pytest.raises(InputError, match="neither a file nor a bundled photo"):
        api.classify("no such photo")
    with LocalService("cpu") as made:
        name = made.put_image(path.read_bytes()).id
        assert api.classify(name, service=made).classes


def test_the_last_convolution_of_any_network():
    assert api.last_convolution("zfnet_a:random-7") == "conv5"
    assert api.last_convolution("vgg19") == "conv5_4"
    with pytest.raises(UnknownNameError):
        api.last_convolution("vgg20")


@pytest.mark.usefixtures("assets")
def test_the_code_of_page_optimised_makes_its_pictures(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    terms = (CHANNEL, Term("class", channel=1, weight=-0.5))
    job = FeatureVisJob("vgg16:bundled", terms, pictures=2, diversity=1.0, steps=2, size=64)
    exec(optimised_code(job), {})  # noqa: S102 - this program's own text
    for number in range(2):
        with Image.open(tmp_path / f"optimised-{number}.png") as picture:
            assert picture.size == (64, 64)
    assert capsys.readouterr().out.strip()


@pytest.mark.usefixtures("assets")
def test_the_code_of_the_gallery_runs_where_there_is_none_too(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    exec(gallery_code("vgg16:bundled", "conv2_1", 3), {})  # noqa: S102 - this program's own text
    assert "no gallery" in capsys.readouterr().out
