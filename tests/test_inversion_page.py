"""The page "Inversion" over the fake service: jobs from settings, pictures, links, code."""

import dataclasses

import pytest

from dashboard.inversion_code import inversion_code
from dashboard.inversion_settings import behind_relu
from pages import at_page, charts, texts, whole_app, worked
from vgg_viz.errors import JobError
from vgg_viz.requests import InversionJob
from vgg_viz.results import LayerInfo

PAGE = "inversion"
VGG = ("conv1_1", "conv2_2", "conv3_3", "conv4_3", "conv5_3", "fc6", "fc7")


def jobs(fake):
    return [asked for asked in fake.asked if isinstance(asked, InversionJob)]


def rebuilt(app, fake):
    """The page after a click on the button, when both studies are through."""
    return worked(app, fake, "inversion_start", lambda: jobs(fake))


def test_it_opens_with_the_photo_and_empty_places_and_runs_nothing(app, fake):
    at_page(app, PAGE)
    assert jobs(fake) == []
    assert texts(app).count("not rebuilt yet") == 14
    assert not charts(app)
    assert not app.button(key="inversion_start").disabled


def test_one_click_rebuilds_both_networks_from_every_depth(app, fake):
    at_page(app, PAGE, steps="50", seed="3")
    rebuilt(app, fake)
    left, right = jobs(fake)
    assert left.model == "zfnet_b:bundled"
    assert left.layers == ("conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7")
    assert right == InversionJob("vgg16:bundled", "cat", VGG, 50, seed=3)
    shown = texts(app).replace("\u00a0", " ")
    assert "not rebuilt yet" not in shown
    assert "r 0.40" in shown
    assert "bundled weights, 19 classes, 0.25 x width" in shown
    similar, distant = charts(app)
    assert [line["name"] for line in similar["data"]] == ["ZFNet (b)", "VGG-16 (D)"]
    assert distant["layout"]["yaxis"]["type"] == "log"
    assert app.button(key="inversion_start").disabled


def test_a_reload_finds_the_pictures_again(app, fake):
    at_page(app, PAGE)
    rebuilt(app, fake)
    anew = at_page(whole_app(), PAGE)
    assert "not rebuilt yet" not in texts(anew)
    assert len(jobs(fake)) == 2


def test_one_layer_each_follows_the_selection(app, fake):
    at_page(app, PAGE, view="layer", right_layer="conv3_2", pairing="free", relu="on")
    rebuilt(app, fake)
    left, right = jobs(fake)
    assert (left.layers, right.layers) == (("relu5",), ("relu3_2",))
    assert len(charts(app)) == 2
    assert "λ_V = 1" in texts(app)


@pytest.mark.parametrize("code", ["fc6", "fc7"])
def test_codes_of_fully_connected_layers(app, fake, code):
    at_page(app, PAGE, view="layer", code=code, smoothing="0.1")
    rebuilt(app, fake)
    assert [job.layers for job in jobs(fake)] == [(code,), (code,)]
    assert [job.total_variation for job in jobs(fake)] == [0.1, 0.1]


def test_a_bad_link_is_noted(app, fake):
    at_page(app, PAGE, view="sideways", steps="5", smoothing="7")
    noted = app.warning[0].value
    for word in ("sideways", "10 to 1000", "smoothing"):
        assert word in noted
    assert jobs(fake) == []


def test_a_network_to_fetch_and_untrained_weights_are_told(app, fake):
    at_page(app, PAGE, left="vgg11:random", right="vgg16:imagenet")
    assert "not on this machine yet" in " ".join(e.value for e in app.info)
    assert "Untrained" in texts(app)
    rebuilt(app, fake)
    assert [job.model for job in jobs(fake)] == ["vgg11:random"]


def test_failures_are_messages(app, fake):
    fake.studies.error = "fc7 is 0 everywhere for this photo."
    at_page(app, PAGE)
    rebuilt(app, fake)
    assert "0 everywhere" in " ".join(e.value for e in app.error)
    assert app.button(key="inversion_left_retry")


def test_a_full_queue_is_told(app, fake, monkeypatch):
    def refuse(_):
        raise JobError("8 jobs are waiting already; try again when one ends.")

    at_page(app, PAGE)
    monkeypatch.setattr(fake, "submit", refuse)
    app.button(key="inversion_start").click().run()
    assert not app.exception
    assert "8 jobs are waiting" in app.warning[0].value


def test_the_row_behind_a_layers_relu():
    def rows(*pairs):
        return [LayerInfo(name, kind, 1, 1, 1, 1, 0, 0) for name, kind in pairs]

    plain = rows(("conv1", "conv"), ("relu1", "relu"), ("fc8", "linear"))
    assert behind_relu(plain, "conv1") == "relu1"
    assert behind_relu(plain, "fc8") == "fc8"
    normed = rows(("conv1", "conv"), ("bn1", "batch_norm"), ("relu1", "relu"))
    assert behind_relu(normed, "conv1") == "relu1"
    pooled = rows(("conv1", "conv"), ("pool1", "max_pool"), ("relu1", "relu"))
    assert behind_relu(pooled, "conv1") == "conv1"


def test_the_code_runs(assets, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    job = InversionJob("zfnet_b:bundled", "cat", ("conv1", "fc7"), 2, total_variation=0.1, seed=4)
    code = inversion_code(job, stretched=True)
    exec(compile(code, "<shown>", "exec"), {})  # noqa: S102 - as a person would run it
    assert {path.name for path in tmp_path.iterdir()} == {"conv1.png", "fc7.png"}
    own = inversion_code(
        dataclasses.replace(job, model="vgg16:file-1a2b", image="a" * 64), stretched=False
    )
    assert "'photo.jpg'" in own
    assert "'vgg16:./weights.safetensors'" in own
