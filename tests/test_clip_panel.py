"""The clip on page "Activations": what is kept, what is asked for, what is sent."""

import io
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from dashboard import activation_clip, activation_code
from dashboard.activation_clip import MOST, KeptClip, clip_of, rows, with_picture
from pages import at_page
from tests.small_clips import animation, colour, video
from vgg_viz import figures
from vgg_viz.errors import ImageError, VggVizError
from vgg_viz.figures import ClipSide
from vgg_viz.requests import FrameMapsRequest
from vgg_viz.results import ClipMaps

PAGE = "activations"


def picture(number, size=(40, 30)):
    out = io.BytesIO()
    Image.new("RGB", size, colour(number)).save(out, "PNG")
    return out.getvalue()


def opened_clip(app, found, **params):
    """The page with a clip that was uploaded."""
    at_page(app, PAGE, **params)
    app.session_state["activation_clip"] = True
    app.session_state["clip"] = found
    app.run()
    assert not app.exception
    return app


def player(app):
    element = next(e for e in app.get("bidi_component") if "clip_player" in e.proto.id)
    return figures.unpack(element.proto.bytes)


def asked(fake):
    return [request for request in fake.asked if isinstance(request, FrameMapsRequest)]


# --- keeping -------------------------------------------------------------------------------------


def test_one_file_is_a_clip(fake):
    found = clip_of([("walk.gif", animation("GIF", 5))])
    assert (found.name, len(found.images)) == ("walk.gif", 5)
    assert found.seconds == pytest.approx([0, 0.2, 0.4, 0.6, 0.8])


def test_several_files_are_pictures_in_the_order_of_their_names(fake):
    found = clip_of([("b.png", picture(1)), ("a.png", picture(0)), ("c.png", picture(2, (9, 9)))])
    shown = [fake.images[image].getpixel((0, 0)) for image in found.images]
    assert shown == [colour(0), colour(1), colour(2)]
    assert found.seconds == (0, 0.5, 1)
    assert found.notes == ("They differ in size; each is cropped by itself.",)


def test_no_more_pictures_than_can_be_shown(fake):
    found = clip_of([(f"{i:02}.png", picture(i)) for i in range(MOST + 2)])
    assert len(found.images) == MOST
    assert found.notes[0] == f"The first {MOST} of {MOST + 2} pictures."


def test_pictures_of_the_camera_become_a_series(fake):
    uploaded = clip_of([("walk.gif", animation("GIF", 5))])
    found = with_picture(uploaded, picture(0))
    assert len(found.images) == 1
    for number in range(1, MOST + 1):
        found = with_picture(found, picture(number))
    assert len(found.images) == MOST
    assert fake.images[found.images[-1]].getpixel((0, 0)) == colour(MOST)
    assert found.notes == (f"Of the pictures taken, the last {MOST}.",)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ([("a.mp4", b"")], "is empty"),
        ([("a.mp4", b"no clip")], "no clip that can be read"),
        ([("a.png", picture(0))], "single picture"),
        ([("a.png", picture(0)), ("b.mp4", video("mp4", "mpeg4", 3))], "not a picture"),
    ],
)
def test_a_refusal_leaves_the_clip_that_was_there(fake, monkeypatch, files, message):
    before = KeptClip("old.gif", ("cat", "dog"), (0, 1))
    uploads = [SimpleNamespace(name=name, getvalue=lambda data=data: data) for name, data in files]
    state = SimpleNamespace(clip=before)
    kept = {"files": uploads}
    monkeypatch.setattr(activation_clip.st, "session_state", _State(state, kept))
    activation_clip._on_files("files")
    assert message in state.clip_refused
    assert state.clip is before


class _State:
    """Session state: attributes and items of one dict."""

    def __init__(self, attributes, items):
        self.__dict__.update(_attributes=attributes, _items=items)

    def __getitem__(self, key):
        return self._items[key]

    def get(self, key, otherwise=None):
        return getattr(self._attributes, key, otherwise)

    def __setattr__(self, key, value):
        setattr(self._attributes, key, value)


# --- the page ------------------------------------------------------------------------------------


def test_a_closed_expander_computes_nothing(app, fake):
    at_page(app, PAGE)
    assert not asked(fake)
    assert not any("clip" in uploader.key for uploader in app.file_uploader)


def test_frames_of_both_networks_are_sent_on_one_scale(app, fake):
    opened_clip(app, KeptClip("walk.gif", ("cat", "dog", "horse"), (0, 0.2, 0.4)))
    assert len(asked(fake)) == 6
    header, parts = player(app)
    assert header["seconds"] == [0, 0.2, 0.4]
    for i, side in enumerate(header["sides"]):
        maps = np.frombuffer(parts[f"maps{i}"], np.uint8)
        maps = maps.reshape(3, len(side["channels"]), side["size"], side["size"])
        assert maps.max(axis=(0, 2, 3)).tolist() == [255] * len(side["channels"])
        unit, _ = unit_frame(app, ("left", "right")[i])
        assert side["channels"][side["chosen"]] == unit["channel"]
        assert len(side["probabilities"][0]) == 3
    before = len(asked(fake))
    app.run()
    assert len(asked(fake)) == before  # the frame is kept


def unit_frame(app, where):
    element = next(e for e in app.get("bidi_component") if f"{where}_unit" in e.proto.id)
    return figures.unpack(element.proto.bytes)


def test_another_layer_is_asked_for_by_a_button(app, fake):
    opened_clip(app, KeptClip("walk.gif", ("cat", "dog"), (0, 0.2)))
    before = len(asked(fake))
    app.selectbox(key="right_any_layer").set_value("conv3_1").run()
    app.run()
    assert len(asked(fake)) == before
    button = app.button(key="clip_layers")
    assert "conv3_1" in button.label
    button.click().run()
    assert {request.layer for request in asked(fake)[before:]} == {"conv2", "conv3_1"}
    assert player(app)[0]["sides"][1]["layer"] == "conv3_1"


def test_one_picture_is_no_clip_yet(app, fake):
    opened_clip(app, KeptClip("Camera", ("cat",), (0,)))
    assert "needs two or more" in app.info[0].value
    assert not asked(fake)


def test_errors_are_messages_and_the_clip_stays(app, fake):
    fake.errors[FrameMapsRequest] = VggVizError("The device is on fire; try again.")
    opened_clip(app, KeptClip("walk.gif", ("cat", "dog"), (0, 0.2)))
    assert [error.value for error in app.error] == ["The device is on fire; try again."]
    app.button(key="clip_forget").click().run()
    assert "clip" not in app.session_state
    assert not app.exception


# --- frames and files ----------------------------------------------------------------------------


@pytest.fixture
def side(fake):
    asked = (FrameMapsRequest("vgg16:bundled", n, "conv5_3", False) for n in ("cat", "dog"))
    maps = ClipMaps.of([fake.run(request) for request in asked], [100], count=2)
    return ClipSide(maps, "VGG-16 (D), bundled", "before ReLU", 100, 1)


def test_signed_maps_have_their_middle_at_0(side):
    header, parts = figures.unpack(figures.clip_frame([b"1", b"22"], (0, 1), [side]))
    shown = header["sides"][0]
    assert shown["signed"]
    assert parts["photos"] == b"122"
    assert header["photos"] == [1, 2]
    bytes_ = np.frombuffer(parts["maps0"], np.uint8).reshape(side.maps.maps.shape).astype(float)
    limits = side.maps.limits[None, :, None, None]
    values = (bytes_ / 255 * 2 - 1) * limits
    np.testing.assert_allclose(values, side.maps.maps, atol=limits.max() / 250)


def test_classes_that_one_network_does_not_know_have_no_curve(side):
    maps = replace(side.maps, classes=tuple(f"x{i}" for i in range(19)))
    other = ClipSide(maps, "", "", 100, 0)
    header, _ = figures.unpack(figures.clip_frame([b"", b""], (0, 1), [side, other]))
    known = [[p is not None for p in each["probabilities"]] for each in header["sides"]]
    assert [a != b for a, b in zip(*known, strict=True)] == [True] * len(header["classes"])


def test_the_file_has_a_row_for_each_frame(side):
    table = rows(KeptClip("", ("cat", "dog"), (0.0, 0.5)), [side])
    assert [row["second"] for row in table] == [0, 0.5]
    at = side.maps.channels.index(100)
    assert table[1]["mean"] == float(side.maps.means[1, at])
    assert table[0]["probability"] == float(side.maps.probabilities[0].max())


def test_the_code_reproduces_the_player(service, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data = animation("GIF", 3, noisy=True)
    (tmp_path / activation_code.OWN_CLIP).write_bytes(data)
    request = FrameMapsRequest("vgg16:bundled", "", "conv3_1", relu=False)
    names = {}
    exec(activation_code.clip_code(request, 2), names)  # noqa: S102 - the page's own text
    images = service.put_clip(data).images
    frames = [service.run(replace(request, image=image)) for image in images]
    np.testing.assert_array_equal(names["shown"], [frame.values(2) for frame in frames])
    np.testing.assert_array_equal(names["probabilities"][1], frames[1].probabilities)


def test_damaged_clips_are_refused_by_the_service(service):
    with pytest.raises(ImageError):
        service.put_clip(b"no clip")
