"""The page "Style" over the fake service: jobs from settings, pictures, links, code."""

import dataclasses

import numpy as np
import pytest

from dashboard.style_code import style_code
from dashboard.style_entry import strongest_pair
from dashboard.style_settings import MIXES, StyleSettings, style_title
from pages import at_page, charts, texts, whole_app, worked
from vgg_viz.requests import ExplainedRequest, StyleJob

PAGE = "style"


def jobs(fake):
    return [asked for asked in fake.asked if isinstance(asked, StyleJob)]


def painted(app, fake):
    """The page after a click on the button, when both studies are through."""
    return worked(app, fake, "style_paint", lambda: jobs(fake))


def test_it_opens_with_both_pictures_and_paints_nothing(app, fake):
    at_page(app, PAGE)
    assert jobs(fake) == []
    assert texts(app).count("Nothing painted yet: 200 steps at 256 px") == 2
    assert not charts(app)
    assert not app.button(key="style_paint").disabled


def test_one_click_paints_with_both_networks(app, fake):
    at_page(app, PAGE, steps="50", seed="3", style="texture-mosaic", mix="0.3")
    painted(app, fake)
    left, right = jobs(fake)
    assert left.model == "zfnet_b:bundled"
    expected = StyleJob("vgg16:bundled", "cat", "texture-mosaic", 0.3, steps=50, seed=3)
    assert right == expected
    assert left.steps == right.steps, "networks are compared at equal steps"
    shown = texts(app)
    assert "Nothing painted yet" not in shown
    assert "style 0.125, content 0.438" in shown
    losses, _ = charts(app)
    names = [line["name"] for line in losses["data"]]
    assert names == [*(f"conv{n}" for n in range(1, 6)), "content", "roughness"]
    assert losses["layout"]["yaxis"]["type"] == "log"
    assert app.button(key="style_paint").disabled


def test_a_reload_finds_the_pictures_again_and_shows_gram_matrices(app, fake):
    at_page(app, PAGE)
    painted(app, fake)
    anew = at_page(whole_app(), PAGE, shown="gram")
    assert "Nothing painted yet" not in texts(anew)
    assert "Bright ends at conv1" in texts(anew)
    assert not charts(anew)
    assert len(jobs(fake)) == 2


def test_the_ends_of_the_slider_start_from_noise(app, fake):
    at_page(app, PAGE, mix="content", smoothness="0", keep_colour="on", pooling="max", size="128")
    painted(app, fake)
    job = jobs(fake)[0]
    assert (job.content_weight, job.style_weight, job.smoothness) == (1, 0, 0)
    assert (job.start, job.keep_colour, job.pooling, job.size) == ("noise", True, "max", 128)
    texture = StyleSettings(mix="style", start="style")
    assert texture.real_start == "noise"
    assert StyleSettings(mix="style").real_start == "content"
    assert next(iter(MIXES)) == "content"
    assert list(MIXES)[-1] == "style"


def test_moving_the_slider_asks_for_other_work(app, fake):
    at_page(app, PAGE)
    painted(app, fake)
    app.select_slider(key="style_mix").set_value("style").run()
    assert texts(app).count("Nothing painted yet") == 2
    assert app.query_params["mix"] in ("style", ["style"])
    painted(app, fake)
    assert [job.content_weight for job in jobs(fake)] == [0.03, 0.03, 0, 0]


def test_an_uploaded_style_and_one_that_is_gone(app, fake, monkeypatch):
    at_page(app, PAGE, style="f" * 64)
    assert "which is no picture here" in app.warning[0].value
    monkeypatch.setitem(fake.images, "f" * 64, fake._photo("dog"))
    anew = at_page(whole_app(), PAGE, style="f" * 64)
    painted(anew, fake)
    assert jobs(fake)[0].style_image == "f" * 64
    assert "uploaded" in style_title("f" * 64, fake.describe())


def test_a_bad_link_is_noted(app, fake):
    at_page(app, PAGE, mix="half", steps="5", size="9", style="texture-sand")
    noted = app.warning[0].value
    for word in ("half", "10 to 1000", "size", "texture-sand"):
        assert word in noted
    assert jobs(fake) == []


def test_a_network_to_fetch_and_untrained_weights_are_told(app, fake):
    at_page(app, PAGE, left="vgg11:random", right="vgg16:imagenet")
    assert "not on this machine yet" in " ".join(e.value for e in app.info)
    assert "Untrained" in texts(app)
    painted(app, fake)
    assert [job.model for job in jobs(fake)] == ["vgg11:random"]


def test_failures_are_messages(app, fake):
    fake.studies.error = "The style picture is of one colour."
    at_page(app, PAGE)
    painted(app, fake)
    assert "of one colour" in " ".join(e.value for e in app.error)
    assert app.button(key="style_left_retry")


def test_the_code_runs(assets, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    job = StyleJob("zfnet_b:bundled", "cat", "texture-dots", 0.1, size=96, steps=2, start="noise")
    exec(compile(style_code(job), "<shown>", "exec"), {})  # noqa: S102 - as a person would run it
    assert [path.name for path in tmp_path.iterdir()] == ["zfnet_b-style.png"]
    own = style_code(
        dataclasses.replace(job, model="vgg16:file-1a2b", image="a" * 64, style_image="b" * 64)
    )
    for words in ("'photo.jpg'", "'style.jpg'", "'vgg16:./weights.safetensors'", "start='noise'"):
        assert words in own


@pytest.mark.parametrize("name", ["swirls", "mosaic"])
def test_style_pictures_have_titles(fake, name):
    assert style_title(f"texture-{name}", fake.describe()).startswith(name.title())


def test_one_entry_is_explained_on_both_pictures(app, fake):
    at_page(app, PAGE, shown="entry", stage="2", rank="3")
    painted(app, fake)
    asked = [each for each in fake.asked if isinstance(each, ExplainedRequest)]
    assert {each.image for each in asked} == {"cat", "texture-swirls"}
    outputs = {each.model: each.output for each in asked}
    assert outputs["vgg16:bundled"].layer == "conv2_1"
    assert outputs["zfnet_b:bundled"].layer == "conv2"
    found = fake.result(fake.find(jobs(fake)[1]))
    gram = found.layers[1].style_gram
    first, second = outputs["vgg16:bundled"].first, outputs["vgg16:bundled"].second
    above = gram[np.triu_indices(len(gram), 1)]
    assert (above > gram[first, second]).sum() == 2
    assert f"Maps {first} and {second} together, conv2_1" in texts(app)
    assert "Painted: " in texts(app)


def test_the_strongest_pair_of_different_maps():
    gram = np.array([[9, 1, 5], [1, 8, 3], [5, 3, 7]], np.float32)
    assert [strongest_pair(gram, rank) for rank in (1, 2, 3, 50)] == [
        (0, 2),
        (1, 2),
        (0, 1),
        (0, 1),
    ]
