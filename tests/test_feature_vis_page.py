"""The page "Optimised", run by Streamlit's AppTest over a service without networks."""

import io
import json

import numpy as np
import pytest
from PIL import Image

from browser import wait_until
from dashboard import feature_vis_study
from dashboard.feature_vis_code import optimised_code
from dashboard.feature_vis_settings import (
    FeatureVisSettings,
    Goal,
    job_of,
    objective_words,
    pairs_of,
    photo_pairs,
    terms_of,
    unit_of,
)
from dashboard.selection import Selection, Side, with_place
from fake_gallery import DEAD
from fake_models import fake_model
from fake_studies import STEPS
from pages import charts, one_page, opened, texts
from vgg_viz.architecture import describe_network, unit_fields
from vgg_viz.errors import OutOfMemoryError
from vgg_viz.requests import (
    ActivationsRequest,
    ClassifyRequest,
    FeatureVisJob,
    GalleryRequest,
    Term,
)


@pytest.fixture
def app(fake):
    return one_page("feature_vis")


def asked(fake, kind):
    return [request for request in fake.asked if isinstance(request, kind)]


def alts(app):
    return [image.alt for element in app.get("image") for image in element.proto.imgs]


def start(app, fake, where="left", **params):
    """The job that a click on "Optimise" submits."""
    opened(app, **params)
    app.button(key=f"{where}_vis_start").click().run()
    assert not app.exception
    return asked(fake, FeatureVisJob)[-1]


def through(app, fake, job):
    """The page when the job has ended."""
    wait_until(lambda: fake.events(fake.find(job))[-1].final, 30)
    return app.run()


def goal(network="vgg16", layer="conv5_3", channel=7, label=3, photo=(), where="right"):
    return Goal(where, fake_model(network, "bundled"), layer, channel, label, photo)


CHOSEN = Selection("cat", Side("zfnet_b:bundled", "conv5"), Side("vgg16:bundled", "conv5_3"))


# --- the gallery ---------------------------------------------------------------------------------


def test_the_gallery_is_there_at_once_and_no_job_runs(app, fake):
    opened(app)
    assert not app.error
    assert not app.warning
    assert asked(fake, FeatureVisJob) == []
    assert set(asked(fake, GalleryRequest)) == {
        GalleryRequest("zfnet_b:bundled", "conv5"),
        GalleryRequest("vgg16:bundled", "conv5_3"),
    }
    assert [alt.partition(" of ")[0] for alt in alts(app)] == ["Optimised picture"] * 2
    assert all("bundled weights, 19 classes" in alt for alt in alts(app))
    words = texts(app)
    assert words.count("the best of 10,000 photo patches") == 2
    assert words.count("learned: bundled weights") == 2
    assert app.query_params == {}


def test_without_a_choice_the_strongest_channel_of_the_photo_is_shown(app, fake):
    opened(app)
    request = ActivationsRequest("vgg16:bundled", "cat", "conv5_3", count=1)
    strongest = fake.run(request).channels[0]
    assert app.number_input(key="right_vis_channel").value == strongest
    assert f"mean of channel {strongest} of conv5_3" in texts(app)
    app.number_input(key="right_vis_channel").set_value(9).run()
    assert app.query_params == {"right_channel": "9"}
    assert "channel 9 of conv5_3" in alts(app)[1]


def test_a_channel_that_never_fires_is_said_so(app):
    opened(app, left_channel=str(DEAD))
    assert "fires for next to nothing" in app.info[0].value
    assert len(app.info) == 1


def test_where_there_is_no_gallery_the_page_says_so_and_can_optimise(app, fake):
    job = start(app, fake, "right", right="vgg11:random", pairing="free")
    assert job.model == "vgg11:random"
    assert "There is no gallery for random weights" in app.info[0].value
    words = texts(app)
    assert "random weights, nothing learned" in words
    assert "Untrained" in words
    assert "no knowledge" in words


def test_classes_have_a_gallery_of_their_own(app, fake):
    opened(app, objective="class", left_class="dog")
    assert asked(fake, GalleryRequest)[0] == GalleryRequest("zfnet_b:bundled", "fc8")
    assert alts(app)[0].startswith("Optimised picture of dog of fc8")
    assert "left_vis_channel" not in {element.key for element in app.number_input}
    top = fake.run(ClassifyRequest("zfnet_b:bundled", "cat")).top(1)[0][1]
    assert top == "cat"
    assert "logit of dog" in texts(app)
    assert "logit of cat" in texts(app)
    app.selectbox(key="left_class").set_value("horse").run()
    assert texts(app).count("logit of horse") == 2  # the other network knows it too


# --- the job -------------------------------------------------------------------------------------


def test_a_job_runs_and_its_result_is_drawn(app, fake):
    job = start(app, fake, left_channel="3")
    assert job == FeatureVisJob("zfnet_b:bundled", (Term("channel", "conv5", 3),))
    through(app, fake, job)
    assert f"{STEPS} steps" in texts(app)
    assert any(alt.startswith("1 optimised: mean of channel 3 of conv5") for alt in alts(app))
    (curve,) = charts(app)
    y = np.asarray(list(curve["data"][0]["x"]) if isinstance(curve["data"][0]["x"], list) else [1])
    assert y.size
    assert curve["layout"]["annotations"][0]["text"].startswith("gallery ")
    assert {button.key for button in app.button} >= {"left_vis_more", "right_vis_start"}
    assert app.query_params == {"left_channel": "3"}


def test_a_reload_finds_the_job_again(app, fake):
    job = start(app, fake, steps="40")
    through(app, fake, job)
    again = one_page("feature_vis")
    opened(again, steps="40")
    assert len(charts(again)) == 1
    assert "left_vis_start" not in {button.key for button in again.button}
    other = one_page("feature_vis")
    opened(other, steps="41")
    assert charts(other) == []


def test_a_stopped_job_keeps_its_picture_and_goes_on(app, fake):
    fake.studies.step_seconds = 0.2
    job = start(app, fake)
    wait_until(lambda: fake.result(fake.find(job)) is not None, 30)
    app.run()
    app.button(key="left_vis_stop").click().run()
    through(app, fake, job)
    assert "Stopped at step" in texts(app)
    assert len(charts(app)) == 1
    fake.studies.step_seconds = 0.01
    app.button(key="left_vis_go_on").click().run()
    through(app, fake, job)
    assert "Reaches **1**" in texts(app)
    assert asked(fake, FeatureVisJob) == [job, job]


def test_a_failure_is_told_and_can_be_tried_again(app, fake):
    fake.studies.error = "The device has too little memory for this."
    job = start(app, fake)
    through(app, fake, job)
    assert "The device has too little memory" in app.error[0].value
    fake.studies.error = ""
    app.button(key="left_vis_retry").click().run()
    through(app, fake, job)
    assert not app.error
    assert len(charts(app)) == 1


def test_more_steps_are_asked_for_in_the_address_and_begin_at_once(app, fake):
    job = start(app, fake)
    through(app, fake, job)
    app.button(key="left_vis_more").click().run()
    assert app.query_params == {"steps": "512"}
    assert [each.steps for each in asked(fake, FeatureVisJob)] == [256, 512]


@pytest.mark.parametrize(
    ("params", "kind"),
    [
        ({"objective": "layer"}, Term("layer", "conv5")),
        ({"objective": "class", "left_class": "dog"}, Term("class", channel=3)),
        (
            {"objective": "direction", "left_pairs": "12:1,40:-0.5"},
            Term("direction", "conv5", direction=((12, 1.0), (40, -0.5))),
        ),
    ],
)
def test_objectives_become_terms(app, fake, params, kind):
    assert start(app, fake, **params).terms == (kind,)


def test_a_direction_is_what_the_photo_has(app, fake):
    job = start(app, fake, objective="direction")
    seen = fake.run(ActivationsRequest("zfnet_b:bundled", "cat", "conv5", count=1))
    pairs = dict(job.terms[0].direction)
    assert sum(weight**2 for weight in pairs.values()) == pytest.approx(1, abs=0.01)
    assert max(pairs, key=pairs.get) == int(seen.means.argmax())
    app.text_input(key="left_vis_pairs").set_value("3=2; 5:-1").run()
    assert app.query_params["left_pairs"] == "3:2,5:-1"
    app.text_input(key="left_vis_pairs").set_value("three").run()
    assert "is no direction" in app.warning[0].value
    assert app.query_params["left_pairs"] == "3:2,5:-1"


def test_a_second_term_is_a_sum(app, fake):
    job = start(app, fake, left_channel="3", second="channel", weight="-0.5")
    assert job.terms[1] == Term("channel", "conv5", 4, weight=-0.5)
    assert "mean of channel 3 of conv5 − 0.5 × mean of channel 4 of conv5" in texts(app)
    app.number_input(key="left_vis_second").set_value(9).run()
    assert app.query_params["left_second"] == "9"
    assert "mean of channel 9" in texts(app)


def test_settings_are_in_the_address_and_in_the_job(app, fake):
    job = start(
        app,
        fake,
        parametrization="pixels",
        decorrelated="off",
        transforms="none",
        start="photo",
        pictures="4",
        diversity="2.5",
        steps="32",
        rate="0.1",
        size="96",
        seed="7",
    )
    assert job == FeatureVisJob(
        "zfnet_b:bundled",
        job.terms,
        parametrization="pixels",
        decorrelated=False,
        transforms="none",
        size=96,
        pictures=4,
        diversity=2.5,
        image="cat",
        steps=32,
        learning_rate=0.1,
        seed=7,
    )
    assert "32 steps, 4 pictures of 96 px, from the photo" in texts(app)  # of the right network


def test_presets_leave_the_objective_alone(app, fake):
    opened(app, objective="layer", steps="32", seed="7")
    app.button(key="vis_preset_Plain pixels").click().run()
    assert app.query_params == {
        "objective": "layer",
        "parametrization": "pixels",
        "decorrelated": "off",
        "transforms": "none",
    }
    app.button(key="vis_preset_Standard").click().run()
    assert app.query_params == {"objective": "layer"}


def test_bad_links_are_noted(app):
    opened(app, objective="all", steps="0", left_pairs="a:b", size="9999", seed="x")
    assert not app.error
    for word in ("objective", "steps", "left_pairs", "size", "seed"):
        assert word in app.warning[0].value
    assert len(alts(app)) == 2


def test_errors_of_the_service_leave_the_page_standing(app, fake):
    fake.errors[GalleryRequest] = OutOfMemoryError("cpu has too little memory.")
    opened(app)
    assert [error.value for error in app.error] == ["cpu has too little memory."] * 2
    fake.errors[GalleryRequest] = RuntimeError("boom")
    app.run()
    assert "that is our fault" in app.error[0].value


def test_weights_that_are_elsewhere_are_offered_to_fetch(app):
    opened(app, right="vgg16:imagenet")
    assert any("is not on this machine yet" in info.value for info in app.info)
    assert len(alts(app)) == 1


def test_the_code_is_shown_when_it_is_opened(app):
    opened(app)
    assert not app.code


# --- what follows from the settings --------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("12:1,40:-0.5", ((12, 1.0), (40, -0.5))),
        (" 3 = 2 ; 5:+1 ", ((3, 2.0), (5, 1.0))),
        ("", ()),
        ("12", None),
        ("a:1", None),
        ("1:1e9", None),
        (",".join(f"{n}:1" for n in range(65)), None),
    ],
)
def test_pairs_are_read(text, pairs):
    assert pairs_of(text) == pairs


def test_the_photos_direction_has_length_one():
    assert photo_pairs([3.0, 0.0, 4.0, 1e-9]) == ((0, 0.6), (2, 0.8))
    assert photo_pairs([0.0, 0.0]) == ()
    assert photo_pairs([float("nan"), 1.0]) == ()


def test_the_unit_is_the_nearest_one_in_a_picture_of_any_size():
    placed = with_place(CHOSEN, 0.25, 0.75)
    fields = unit_fields(describe_network("vgg16"), "conv5_3")
    settings = FeatureVisSettings(objective="neuron")
    assert unit_of(goal(), placed, settings) == (fields.nearest(167.5), fields.nearest(55.5))
    small = unit_of(goal(), placed, FeatureVisSettings(objective="neuron", size=96))
    assert small == (4, 1)  # 6 x 6 units, 16 px apart: centres at 8, 24, ... of 96 px
    term = terms_of(goal(), placed, settings)[0]
    assert (term.kind, term.channel, term.row) == ("neuron", 7, fields.nearest(167.5))


def test_behind_batch_norm_its_output_counts():
    found = terms_of(goal("vgg11_bn", "conv2_1"), CHOSEN, FeatureVisSettings())
    names = [layer.name for layer in fake_model("vgg11_bn", "bundled").layers]
    assert found[0].layer == names[names.index("conv2_1") + 1]
    assert found[0].layer != "conv2_1"


def test_objectives_in_words():
    info = fake_model("vgg16", "bundled")
    terms = (Term("channel", "conv5_3", 7), Term("class", channel=3, weight=-0.5))
    assert objective_words(terms, info) == "mean of channel 7 of conv5_3 − 0.5 × logit of dog"
    neuron = (Term("neuron", "conv5_3", 7, 3, 4, weight=-1.0),)
    assert objective_words(neuron, info) == "− unit (3, 4) of channel 7 of conv5_3"
    many = (Term("direction", "conv5_3", direction=tuple((c, c / 10) for c in range(1, 7))),)
    assert (
        objective_words(many, info) == "direction 6:0.6, 5:0.5, 4:0.4, 3:0.3 and 2 more of conv5_3"
    )


def test_one_picture_has_no_diversity():
    job = job_of(goal(), CHOSEN, FeatureVisSettings(diversity=3.0))
    assert job.diversity == 0
    assert job_of(goal(), CHOSEN, FeatureVisSettings(size=16)).size == 0


# --- files ---------------------------------------------------------------------------------------


def finished(fake, **details):
    job = FeatureVisJob("vgg16:bundled", (Term("channel", "conv5_3", 7),), **details)
    name = fake.submit(job)
    wait_until(lambda: fake.events(name)[-1].final, 30)
    gallery = fake.run(GalleryRequest("vgg16:bundled", "conv5_3"))
    return feature_vis_study.Work(goal(), job, gallery, ""), fake.result(name)


def test_files_say_what_made_them(fake):
    work, found = finished(fake, pictures=4)
    assert feature_vis_study.file_name(work) == "optimised-vgg16-conv5_3-channel-7"
    caption = feature_vis_study.caption(work, found)
    for words in ("bundled weights", "mean of channel 7", "from noise", "seed 0", "fourier"):
        assert words in caption
    sheet = Image.open(io.BytesIO(feature_vis_study.picture_file(work, found)))
    assert min(sheet.size) >= 448
    with np.load(io.BytesIO(feature_vis_study.numbers_file(work, found))) as data:
        np.testing.assert_array_equal(data["pixels"], found.pixels)
        np.testing.assert_array_equal(data["history"], found.history)
        about = json.loads(str(data["about"]))
    assert about["job"]["terms"][0]["channel"] == 7
    assert about["provenance"]["weights"].startswith("bundled weights")


def test_the_code_of_the_gallery_reads_what_is_shown(fake):
    work, _ = finished(fake)
    shown = work.gallery_code(FeatureVisSettings())
    assert "GalleryRequest('vgg16:bundled', 'conv5_3', 7)" in shown
    compile(shown, "snippet", "exec")


def test_the_gallerys_value_is_shown_beside_the_same_objective_only(fake):
    work, _ = finished(fake)
    assert work.reference == pytest.approx(float(work.gallery.values[7]))
    two = feature_vis_study.Work(
        work.goal,
        FeatureVisJob("vgg16:bundled", (*work.job.terms, Term("class", channel=1))),
        work.gallery,
        "",
    )
    assert two.reference is None
    other = FeatureVisJob("vgg16:bundled", (Term("layer", "conv5_3"),))
    assert feature_vis_study.Work(work.goal, other, work.gallery, "").reference is None


def test_the_code_says_everything_that_is_not_usual():
    terms = (Term("channel", "conv5_3", 7), Term("class", channel=3, weight=-0.5))
    plain = optimised_code(FeatureVisJob("vgg16:bundled", terms))
    compile(plain, "snippet", "exec")
    assert "Term('class', channel=3, weight=-0.5)" in plain
    assert "steps" not in plain
    more = optimised_code(
        FeatureVisJob("vgg16:file-1a2b3c4d", terms[:1], image="f" * 64, steps=8, seed=3)
    )
    compile(more, "snippet", "exec")
    for words in ("steps=8", "seed=3", "photo='photo.jpg'", "vgg16:./weights.safetensors"):
        assert words in more
