"""The pages, run by Streamlit's AppTest over a service without networks."""

import pytest

from fake_models import fake_model, sample_photo
from pages import opened, texts, whole_app
from vgg_viz.errors import OutOfMemoryError
from vgg_viz.requests import ActivationsRequest, AttributionRequest, ClassifyRequest, PictureRequest

UPLOAD = "c0ffee" + "0" * 58


@pytest.fixture
def app(fake):
    return whole_app()


def requests_of(fake, kind):
    return [request for request in fake.asked if isinstance(request, kind)]


def test_compare_shows_both_networks_with_their_weights(app, fake):
    opened(app)
    shown = texts(app)
    assert not app.error
    assert not app.warning
    for words in ("**ZFNet (b)** · bundled", "**VGG-16 (D)** · bundled"):
        assert words in shown
    for words in ("Grad-CAM of **cat** at **conv5**", "**conv5_3**", "**139 px**", "**196 px**"):
        assert words in shown
    assert "**6.49 M** parameters" in shown
    assert "**187 M** MACs" in shown
    assert "**12 ms** forward pass, cpu, fp32" in shown
    assert app.selectbox(key="left_model").value == "zfnet_b:bundled"
    assert app.query_params == {}


def test_every_term_has_its_explanation(app):
    opened(app)
    helps = " ".join(element.proto.help for element in app.markdown)
    for words in ("Grad-CAM", "logit", "Multiply-accumulates", "FLOPs", "Side of the square"):
        assert words in helps
    assert "receptive field" in app.selectbox(key="left_layer").help


def test_about_says_where_everything_comes_from(app):
    opened(app)
    app.switch_page("app_pages/about.py").run()
    assert not app.exception
    assert "A cat: A. Painter, CC0 1.0" in texts(app)
    table = app.dataframe[0].value
    status = dict(zip(table["Network"] + " " + table["Weights"], table["Status"], strict=True))
    assert status["VGG-16 (D) ImageNet weights of torchvision"] == "not here yet, 528 MB"
    assert status["ZFNet (b) bundled weights, 19 classes, 0.25 x width"] == "ready"


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"left": "nothing"}, "`nothing`, which is not offered here"),
        ({"right_layer": "conv9_9"}, "`conv9_9`, which VGG-16 (D) does not have"),
        ({"image": "unicorn"}, "`unicorn`, which is not among the samples"),
        ({"image": UPLOAD}, "no longer keeps. Upload it again; showing A cat"),
        ({"left_class": "yeti"}, "`yeti`, which ZFNet (b) does not know"),
        ({"right_channel": "4096"}, "`4096`, but conv5_3 of VGG-16 (D) has 0 to 127"),
        ({"pairing": "mood"}, "pairing `mood`"),
    ],
)
def test_a_bad_link_is_explained_until_dismissed(app, params, words):
    opened(app, **params)
    assert words in app.warning[0].value
    assert not app.error
    assert "Grad-CAM of **cat**" in texts(app)
    app.button(key="dismiss").click().run()
    assert not app.warning


def test_a_link_opens_its_view(app, fake):
    strongest = fake.run(ActivationsRequest("vgg16:bundled", "dog")).channels
    weak = next(i for i in range(128) if i not in strongest)
    fake.asked.clear()
    opened(app, image="dog", left_class="horse", right_class="horse", right_channel=str(weak))
    assert "Grad-CAM of **horse** at **conv5**" in texts(app)
    assert {request.image for request in requests_of(fake, ClassifyRequest)} == {"dog"}
    assert any(request.channels == (weak,) for request in requests_of(fake, ActivationsRequest))


def test_the_class_of_both_networks_follows_one_picker(app, fake):
    opened(app)
    app.selectbox(key="both_class").select("giraffe").run()
    assert not app.exception
    targets = {r.target for r in requests_of(fake, AttributionRequest)[-2:]}
    assert targets == {fake_model("vgg16", "bundled").classes.index("giraffe")}
    assert app.query_params["left_class"] == "giraffe"
    assert app.query_params["right_class"] == "giraffe"


def test_networks_with_different_classes_have_a_picker_each(app):
    opened(app, right="alexnet:imagenet")
    assert "Different classes" in texts(app)
    assert app.selectbox(key="left_class").value == "class: its top one"
    app.selectbox(key="left_class").select("cat").run()
    assert app.selectbox(key="right_class").value == "cat"  # known there too
    app.selectbox(key="left_class").select("giraffe").run()
    assert app.selectbox(key="right_class").value == "cat"
    assert not app.exception


def test_layers_pair_by_depth_or_by_receptive_field(app):
    opened(app)
    app.segmented_control(key="pairing").set_value("field").run()
    assert app.selectbox(key="right_layer").value == "conv5_1"
    assert "**132 px** receptive field of conv5_1" in texts(app)
    app.segmented_control(key="pairing").set_value("depth").run()
    app.selectbox(key="right_layer").select("conv1_1").run()
    assert app.selectbox(key="left_layer").value == "conv1"
    app.segmented_control(key="pairing").set_value("free").run()
    app.selectbox(key="right_layer").select("conv5_3").run()
    assert app.selectbox(key="left_layer").value == "conv1"
    assert not app.exception


def test_precision_is_asked_for_and_its_distance_printed(app, fake):
    opened(app, precision="bf16")
    assert all(r.precision == "bf16" for r in requests_of(fake, ClassifyRequest))
    assert "**0.004** largest difference to fp32" in texts(app)


def test_a_service_error_is_a_message_and_the_other_network_stays(app, fake):
    fake.errors = {AttributionRequest: OutOfMemoryError("Too little memory; choose bf16.")}
    opened(app)
    assert [error.value for error in app.error] == ["Too little memory; choose bf16."] * 2


def test_an_unexpected_error_is_an_apology_without_its_text(app, fake, caplog):
    fake.errors = {ClassifyRequest: RuntimeError("/secret/path")}
    opened(app)
    assert all("our fault" in error.value for error in app.error)
    assert not any("secret" in error.value for error in app.error)
    assert "a page failed" in caplog.text


def test_photos_that_fail_leave_the_rest_of_the_page(app, fake):
    fake.errors = {PictureRequest: OutOfMemoryError("No memory for pictures.")}
    opened(app)
    assert app.error
    assert app.selectbox(key="left_model").value == "zfnet_b:bundled"


def test_weights_that_are_not_here_are_fetched_and_then_shown(app, fake):
    opened(app, right="vgg16:imagenet")
    assert "not on this machine yet" in app.info[0].value
    assert "Grad-CAM of **cat** at **conv5**" in texts(app)  # the other network works meanwhile
    assert app.button(key="right_fetch").label == "Fetch 528 MB"
    fake.fetch_steps = 0
    app.button(key="right_fetch").click().run()
    for _ in range(20):
        if not app.info:
            break
        app.run()
    assert not app.exception
    assert "ImageNet weights of torchvision" in texts(app)


def test_a_failed_fetch_says_why_and_can_be_tried_again(app, fake):
    fake.fetch_error = "The publisher answered 404; try again later."
    fake.fetch_steps = 0
    opened(app, right="vgg16:imagenet")
    app.button(key="right_fetch").click().run()
    for _ in range(20):
        if app.error:
            break
        app.run()
    assert app.error[0].value == fake.fetch_error
    fake.fetch_error = ""
    app.button(key="right_retry").click().run()
    app.run()
    assert not app.error


def test_a_fetch_can_be_cancelled(app, fake):
    fake.fetch_steps, fake.fetch_step_seconds = 1000, 0.01
    opened(app, right="vgg16:imagenet")
    app.button(key="right_fetch").click().run()
    app.button(key="right_cancel").click().run()
    for _ in range(20):
        if len(app.warning):
            break
        app.run()
    assert "Cancelled" in app.warning[0].value


def jpeg(name="upload"):
    import io

    out = io.BytesIO()
    sample_photo(name).save(out, "JPEG")
    return out.getvalue()


def test_an_upload_is_shown_and_named_in_the_address(app, fake):
    opened(app)
    app.file_uploader(key="upload_0").upload("mine.jpg", jpeg()).run()
    assert not app.exception
    (digest,) = fake.images
    assert app.query_params["image"] == digest
    fake.images.clear()  # the server forgets it
    app.run()
    assert "no longer keeps" in app.warning[0].value
    assert "Grad-CAM of **cat**" in texts(app)


def test_an_upload_that_is_no_picture_is_explained(app):
    opened(app)
    app.file_uploader(key="upload_0").upload("mine.jpg", b"garbage").run()
    assert "not a picture" in app.warning[0].value
    assert not app.exception


def test_a_checkpoint_of_ones_own_takes_a_side(app, fake):
    opened(app)
    app.file_uploader(key="weights_0").upload("mine.pth", b"VGG" + bytes(8)).run()
    assert app.selectbox(key="right_model").value == "vgg16:file-1a2b3c4d"
    assert "file mine.pth" in texts(app)
    del fake.models["vgg16:file-1a2b3c4d"]
    app.run()
    assert "which is not offered here" in app.warning[0].value


def test_a_checkpoint_that_does_not_fit_is_explained(app):
    opened(app)
    app.file_uploader(key="weights_0").upload("mine.pth", b"junk").run()
    assert "mine.pth is not a checkpoint" in app.warning[0].value


def test_a_link_works_while_the_networks_load(app, fake):
    fake.ready = False  # the device, and so its precisions, are not known yet
    opened(app, precision="bf16")
    assert not app.warning
    assert not app.info  # "loading" is gone once the answers are there
    assert {r.precision for r in requests_of(fake, ClassifyRequest)} == {"bf16"}
