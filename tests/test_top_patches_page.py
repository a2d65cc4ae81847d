"""The page "Top patches", run by Streamlit's AppTest over a service without networks."""

import io
import json
import time
from dataclasses import replace

import numpy as np
import pytest
import streamlit as st
from PIL import Image
from streamlit.testing.v1 import AppTest

from dashboard import session, top_patches_band, top_patches_side
from dashboard.selection import default_selection
from dashboard.top_patches_code import top_patches_code
from dashboard.top_patches_settings import TopPatchesSettings
from fake_models import fake_model, provenance
from fake_patches import CROPS, FEW, FOLDER, SILENT, top_patches
from pages import PATIENCE, at_page, texts, whole_app
from tests.fake_studies import FakeStudies
from vgg_viz.errors import OutOfMemoryError
from vgg_viz.figures import patch_pictures, unpack
from vgg_viz.requests import TopPatchesJob, TopPatchesRequest

VGG = fake_model("vgg16", "bundled")


def opened(app, **params):
    return at_page(app, "top_patches", **params)


def asked(fake, kind=TopPatchesRequest):
    return [request for request in fake.asked if isinstance(request, kind)]


def answer(channel=5, layer="conv3_2", images=CROPS, source="samples"):
    request = TopPatchesRequest(VGG.name, source, layer, channel)
    found = top_patches(request, VGG, images, provenance(VGG, "fp32"))
    return top_patches_side.Shown("right", VGG, request, found)


@pytest.fixture
def birds(fake):
    """All pages over a service that offers a folder."""
    fake.folders = (FOLDER,)
    return whole_app()


def test_the_default_view_shows_the_bundled_photos_for_both_networks(app, fake):
    opened(app)
    assert not app.error
    assert not app.warning
    left, right = asked(fake)[-2:]
    assert (left.model, left.source, left.layer) == ("zfnet_b:bundled", "samples", "conv5")
    assert (right.model, right.source, right.channel) == ("vgg16:bundled", "samples", None)
    words = texts(app)
    assert words.count("learned: bundled weights") == 2
    assert f"Of {CROPS} crops of the 8 bundled photos, at most one a photo." in words
    assert not asked(fake, TopPatchesJob)
    assert app.query_params == {}


def test_the_channel_is_the_selections(app, fake):
    opened(app)
    picker = app.selectbox(key="right_patches_channel")
    assert picker.value == top_patches_side.STRONGEST
    ranked = [int(option.partition(" ")[0]) for option in picker.options]
    assert ranked[0] == ranked[1]
    picker.set_value(7).run()
    assert asked(fake)[-1].channel == 7
    assert app.query_params == {"right_channel": "7"}
    assert picker.format_func(SILENT) == f"{SILENT} · silent"


def test_a_silent_channel_says_why_and_few_patches_are_counted(app):
    opened(app, left_channel=str(SILENT), right_channel="3")
    (info,) = app.info
    assert f"Channel {SILENT} of conv5 never fires" in info.value.replace("\\", "")
    assert f"Only {FEW} of 9 fire." in texts(app)


def test_a_folder_is_indexed_and_its_patches_are_shown(birds, fake):
    opened(birds, source="folder:birds", limit="1200")
    assert [info.value.replace("\\", "") for info in birds.info] == [
        "The folder birds is not indexed for these weights yet."
    ] * 2
    assert "Up to 1,200 photos" in texts(birds)
    birds.button(key="right_patches_job_start").click().run()
    (job,) = asked(fake, TopPatchesJob)
    assert job == TopPatchesJob("vgg16:bundled", "folder:birds", 1200)
    name = fake.find(job)
    end = time.monotonic() + PATIENCE
    while not fake.events(name)[-1].final and time.monotonic() < end:
        time.sleep(0.02)
    birds.run()
    assert "birds: 80 photos are in the index." in texts(birds)
    assert len(birds.info) == 1  # the left network's folder is not indexed
    again = birds.button(key="right_patches_job_again")
    assert again.label == "Look for new photos"
    again.click().run()
    assert asked(fake, TopPatchesJob) == [job, job]
    assert birds.query_params == {"source": "folder:birds", "limit": "1200"}


def test_unreadable_files_are_named(birds, fake, monkeypatch):
    told = FakeStudies.result

    def result(studies, job):
        found = told(studies, job)
        return found and replace(found, skipped=("a <b>.jpg", "b.png"), images=5, total=5)

    monkeypatch.setattr(FakeStudies, "result", result)
    opened(birds, source="folder:birds")
    birds.button(key="left_patches_job_start").click().run()
    job = asked(fake, TopPatchesJob)[0]
    end = time.monotonic() + PATIENCE
    while not fake.events(fake.find(job))[-1].final and time.monotonic() < end:
        time.sleep(0.02)
    birds.run()
    assert "2 could not be read" in [each.label for each in birds.expander]
    assert "a <b>.jpg" in texts(birds)


def test_photos_and_limit_are_settings(birds, fake):
    opened(birds)
    birds.selectbox(key="patches_source").set_value("folder:birds").run()
    assert asked(fake)[-1].source == "folder:birds"
    birds.number_input(key="patches_limit").set_value(40).run()
    assert birds.query_params == {"source": "folder:birds", "limit": "40"}


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"source": "/etc"}, "it has to be samples or the name of a folder"),
        ({"source": "folder:cats"}, "does not offer folder:cats; showing the bundled photos"),
        ({"limit": "1e9"}, "it has to be 9 to 50000"),
    ],
)
def test_a_bad_link_is_noted(app, fake, params, words):
    opened(app, **params)
    assert words in app.warning[0].value
    assert asked(fake)[-1].source == "samples"


def test_weights_that_are_not_here_can_be_fetched(app, fake):
    opened(app, right="vgg16:imagenet")
    assert asked(fake)[-1].model == "zfnet_b:bundled"
    assert any("etch" in button.label for button in app.button)


def test_random_weights_have_no_shipped_index(app, fake):
    opened(app, right="vgg11:random")
    assert "Each crop once" in texts(app)
    app.button(key="right_patches_job_start").click().run()
    assert asked(fake, TopPatchesJob) == [TopPatchesJob("vgg11:random", "samples", 5000)]


def test_an_error_of_the_service_stays_on_its_side(app, fake):
    fake.errors[TopPatchesRequest] = OutOfMemoryError("too small")
    opened(app)
    assert [error.value for error in app.error] == ["too small"] * 2


def test_a_chosen_patch_moves_photo_and_place_and_keeps_the_channels(fake, monkeypatch):
    shown = answer()
    start = default_selection(fake.describe()).with_side("right", channel=5)
    state = {"key": type("State", (), {"picked": 4})(), "selection": start}
    monkeypatch.setattr(st, "session_state", type("Bag", (dict,), {})(state))
    moved = []
    monkeypatch.setattr(session, "change", lambda change: moved.append(change(start, None)))
    top_patches_side._on_pick(shown.found, "key")
    (after,) = moved
    assert (after.image, after.place) == ("mountain", (0.25, 0.4))
    assert after.right.channel == 5
    assert top_patches_side._selected(shown.found, after) == 4
    assert top_patches_side._selected(shown.found, start) is None


# --- pictures and files --------------------------------------------------------------------------


def test_the_frame_holds_nine_pairs_with_words():
    header, parts = unpack(patch_pictures.patch_frame(answer().found, selected=2, hint="point"))
    assert len(parts) == 18
    assert (header["selected"], header["hint"], header["shown"]) == (2, "point", 9)
    assert header["patches"][0]["words"].startswith("cat, 50% crop 1.0: z = 9.5 at unit (1, 0)")
    assert all(patch["pick"] for patch in header["patches"])
    folder = answer(source="folder:birds").found
    header, _ = unpack(patch_pictures.patch_frame(folder))
    assert not any(patch["pick"] for patch in header["patches"])


def test_a_signal_is_grey_at_zero_and_ends_at_its_percentile():
    signal = np.zeros((3, 2, 2), np.float32)
    assert (patch_pictures.signal_pixels(signal) == 128).all()
    signal[0, 0, 0], signal[1, 1, 1] = 2, -2
    pixels = patch_pictures.signal_pixels(signal)
    assert patch_pictures.limit_of(signal) == 2
    assert pixels[0, 0].tolist() == [255, 128, 128]
    assert pixels[1, 1].tolist() == [128, 0, 128]  # 128 - 127.5, half to even


def test_of_a_field_larger_than_the_input_the_input_is_shown():
    patch = answer(layer="conv5_3").found.patches[0]
    pixels = np.arange(10 * 10 * 3, dtype=np.uint8).reshape(10, 10, 3)
    wide = replace(patch, span_y=(-3, 7), span_x=(1, 11))
    seen = patch_pictures.visible(wide, pixels, 8)
    assert seen.shape == (8, 8, 3)
    np.testing.assert_array_equal(seen[:7, 1:], pixels[3:, :7])
    assert (seen[7] == 128).all()
    assert (seen[:, 0] == 128).all()
    assert patch_pictures.visible(wide, pixels, 10) is pixels


@pytest.mark.parametrize("channel", [5, SILENT])
def test_files_say_what_they_show(channel):
    shown = answer(channel)
    sheet = Image.open(
        io.BytesIO(patch_pictures.sheet_png(shown.found, top_patches_side.caption(shown)))
    )
    assert sheet.width == 2 * (3 * 164 - 4) + 48
    with np.load(io.BytesIO(top_patches_side.numbers_file(shown))) as data:
        about = json.loads(str(data["about"]))
        assert about["channel"] == channel
        assert len(about["patches"]) == len(data["values"]) == (9 if channel == 5 else 0)
        assert len(data["maxima"]) == VGG.convs[6].channels
        if channel == 5:
            assert data["patches"].shape[0] == data["reconstructions"].shape[0] == 9
    assert VGG.weights_title in top_patches_side.caption(shown)


def test_the_code_holds_the_question():
    code = top_patches_code(TopPatchesRequest(VGG.name, "folder:x", "conv2_1", 3), limit=50)
    assert "'vgg16:bundled', 'conv2_1', 3, source=\"./photos\", limit=50" in code
    own = top_patches_code(TopPatchesRequest("vgg16:file-1a2b3c4d"), limit=50)
    assert "'vgg16:./weights.safetensors'" in own


# --- the band on other pages ---------------------------------------------------------------------


def band(info, channel):
    """Run in a page of its own."""

    def script(info, channel):
        from dashboard.top_patches_band import band

        band("left", info, "conv3_2", channel)

    return AppTest.from_function(script, args=(info, channel), default_timeout=PATIENCE).run()


@pytest.fixture
def linked(monkeypatch):
    """Links to pages need the whole app; here they are only counted."""
    links = []
    monkeypatch.setattr(
        top_patches_band.st, "page_link", lambda page, **more: links.append((page, more["label"]))
    )
    return links


def test_the_band_shows_the_strip_of_bundled_weights(fake, linked):
    app = band(VGG, 5)
    assert not app.exception
    (picture,) = app.get("image")
    assert "channel 5 of VGG-16" in picture.proto.imgs[0].alt
    assert "z = 9.5 to 1.5" in texts(app)
    assert linked == [("app_pages/top_patches.py", "Top patches")]
    assert "never fires" in band(VGG, SILENT).info[0].value


def test_the_band_of_other_weights_is_a_link(fake, linked):
    app = band(fake_model("vgg11", "random"), 5)
    assert not app.exception
    assert not app.get("image")
    assert not asked(fake)
    assert linked == [("app_pages/top_patches.py", "Find the top patches")]


def test_the_settings_are_those_of_the_address():
    assert TopPatchesSettings() == TopPatchesSettings("samples", 5000)
