"""Frames hold what results hold: proved by reading them back as the browser does."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from fake_service import FakeService
from vgg_viz import figures
from vgg_viz.figures.colours import lookup_table
from vgg_viz.figures.feature_grid import max_pooled
from vgg_viz.figures.overlay import NO_EVIDENCE, upsample
from vgg_viz.requests import ActivationsRequest, AttributionRequest, PictureRequest
from vgg_viz.results import Activations, Attribution, Picture, Provenance

MADE_BY = Provenance("vgg16:bundled", "bundled weights", "0" * 64, "cpu", "fp32", 224, ())
PARTS = st.dictionaries(st.text(max_size=8), st.binary(max_size=64), max_size=5)
JSON = st.dictionaries(
    st.text(max_size=8), st.none() | st.booleans() | st.integers() | st.text(max_size=8), max_size=5
).map(lambda header: {k: v for k, v in header.items() if k != "parts"})


def grids(low=-1e3, high=1e3):
    sides = st.integers(1, 9)
    return st.tuples(sides, sides).flatmap(
        lambda shape: hnp.arrays(np.float32, shape, elements=st.floats(low, high, width=32))
    )


def attribution(grid, *, relu=True):
    return Attribution(
        np.asarray(grid, np.float32), "grad_cam", "conv5_3", 3, "dog", 4.5, MADE_BY, relu
    )


def picture(side=32, seed=0):
    pixels = np.random.default_rng(seed).integers(0, 255, (side, side, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG")
    return Picture(pixels, out.getvalue(), ())


def activations(maps):
    flat = maps.reshape(len(maps), -1)
    return Activations(
        "conv1",
        tuple(range(len(maps))),
        maps,
        flat.mean(axis=1),
        flat.max(axis=1),
        (flat == 0).mean(axis=1),
        MADE_BY,
    )


@given(JSON, PARTS)
def test_a_frame_reads_back(header, parts):
    got, got_parts = figures.unpack(figures.pack(header, parts))
    got.pop("parts")
    assert got == header
    assert got_parts == parts


def test_a_frame_refuses_what_json_cannot_say():
    with pytest.raises(ValueError, match="JSON"):
        figures.pack({"limit": float("nan")}, {})


@given(grids())
def test_the_overlay_frame_keeps_raw_values_to_three_digits(grid):
    header, parts = figures.unpack(figures.overlay_frame(picture(), attribution(grid)))
    values = (
        np.frombuffer(parts["grid"], "<f2").astype(float).reshape(header["grid"]) * header["unit"]
    )
    assert np.abs(values - grid).max() <= 1e-3 * np.abs(grid).max()
    assert header["own"] == pytest.approx(max(grid.max(), 0))
    assert (header["empty"] == NO_EVIDENCE) == (grid.max() <= 0)


@pytest.mark.parametrize("magnitude", [1e-30, 1e-9, 1.0, 1e9, 1e30])
def test_the_overlay_frame_keeps_any_magnitude(magnitude):
    grid = np.array([[0.5, 1.0], [-1.0, 0.25]], np.float32) * magnitude
    header, parts = figures.unpack(figures.overlay_frame(picture(), attribution(grid)))
    values = np.frombuffer(parts["grid"], "<f2").astype(float).reshape(2, 2) * header["unit"]
    np.testing.assert_allclose(values, grid, rtol=1e-3)


def test_values_that_are_no_numbers_are_said_not_drawn():
    grid = np.array([[np.nan, 1.0], [np.inf, 0.0]])
    header, _ = figures.unpack(figures.overlay_frame(picture(), attribution(grid)))
    assert "not numbers" in header["empty"]


def test_a_shared_scale_ends_at_the_largest_drawn_value_of_all():
    weak, strong = attribution([[0.5, -9.0]]), attribution([[2.0, 1.0]])
    limit = figures.shared_limit([weak, strong])
    assert limit == 2.0  # -9 is not drawn
    header, _ = figures.unpack(figures.overlay_frame(picture(), weak, limit=limit))
    assert (header["limit"], header["own"], header["scale"]) == (2.0, 0.5, "shared")
    assert figures.shared_limit([]) == 0.0
    signed = attribution([[0.5, -9.0]], relu=False)
    assert figures.shared_limit([signed]) == 9.0


@given(grids(), st.integers(1, 40), st.integers(1, 40))
@settings(max_examples=50, deadline=None)  # the first call imports torch
def test_upsampling_is_that_of_torch(grid, height, width):
    torch = pytest.importorskip("torch")
    want = torch.nn.functional.interpolate(
        torch.from_numpy(grid.copy())[None, None],
        size=(height, width),
        mode="bilinear",
        align_corners=False,
    )[0, 0].numpy()
    tolerance = 1e-5 * max(1.0, float(np.abs(grid).max()))
    np.testing.assert_allclose(upsample(grid, height, width), want, atol=tolerance)


@pytest.mark.parametrize("name", ["plasma", "viridis"])
def test_colour_maps_grow_lighter(name):
    red, green, blue = lookup_table(name).astype(float).T
    luminance = 0.2126 * red**2.2 + 0.7152 * green**2.2 + 0.0722 * blue**2.2
    assert (np.diff(luminance) > -0.002 * luminance.max()).all()
    assert luminance[-1] > 10 * luminance[0]


def test_the_diverging_map_is_palest_at_zero():
    table = lookup_table("red_blue").astype(int)
    assert abs(int(table.sum(axis=1).argmax()) - 127.5) <= 1
    assert table[0, 2] > table[0, 0]  # blue is negative
    assert table[-1, 0] > table[-1, 2]  # red is positive


def test_the_png_shows_the_evidence_and_its_caption():
    service = FakeService()
    photo = service.run(PictureRequest("cat", "vgg16:bundled"))
    cam = service.run(AttributionRequest("vgg16:bundled", "cat"))
    plain = figures.overlay_png(photo, cam, "VGG-16, bundled weights", opacity=0)
    drawn = figures.overlay_png(photo, cam, "VGG-16, bundled weights")
    taller = figures.overlay_png(photo, cam, "A caption that is long. " * 30)
    images = [np.asarray(Image.open(io.BytesIO(png))) for png in (plain, drawn, taller)]
    assert (images[0][:448] == photo.pixels).all()
    peak = np.unravel_index(cam.grid.argmax(), cam.grid.shape)
    y, x = (round((i + 0.5) * 448 / 14) for i in peak)
    assert np.abs(images[1][y, x].astype(int) - photo.pixels[y, x]).max() > 30
    assert images[2].shape[0] > images[1].shape[0] > 448


def test_the_png_of_no_evidence_is_the_photo_and_says_so():
    photo = picture(448)
    none, some = (
        figures.overlay_png(photo, attribution(np.full((4, 4), value)), "caption")
        for value in (-1.0, 1.0)
    )
    image = np.asarray(Image.open(io.BytesIO(none)))
    assert (image[:448] == photo.pixels).all()
    assert image.shape[0] > np.asarray(Image.open(io.BytesIO(some))).shape[0]  # one more line


def feature_values(frame):
    header, parts = figures.unpack(frame)
    shape = (len(header["channels"]), *header["size"])
    raw = np.frombuffer(parts["maps"], np.uint8).reshape(shape)
    return header, raw / 255 * np.array(header["peaks"])[:, None, None]


@given(
    hnp.arrays(
        np.float32,
        st.tuples(st.integers(1, 6), st.integers(1, 8), st.integers(1, 8)),
        elements=st.floats(0, 1e4, width=32),
    )
)
def test_the_feature_grid_keeps_every_map_within_half_a_step_of_its_own_scale(maps):
    header, values = feature_values(figures.feature_grid_frame(activations(maps)))
    peaks = maps.reshape(len(maps), -1).max(axis=1)
    step = peaks[:, None, None] / 255
    assert (np.abs(values - maps) <= 0.51 * step + 1e-4 * maps + 1e-30).all()
    assert header["limit"] == pytest.approx(maps.max(), rel=1e-4)


def test_the_feature_grid_appends_a_chosen_channel():
    service = FakeService()
    strongest = service.run(ActivationsRequest("vgg16:bundled", "cat", count=4))
    wanted = next(i for i in range(20) if i not in strongest.channels)
    extra = service.run(ActivationsRequest("vgg16:bundled", "cat", channels=(wanted,)))
    frame = figures.feature_grid_frame(strongest, selected=wanted, extra=extra)
    header, values = feature_values(frame)
    assert header["channels"] == [*strongest.channels, wanted]
    assert (header["strongest"], header["selected"]) == (4, wanted)
    np.testing.assert_allclose(values[-1], extra.maps[0], atol=extra.maps.max() / 250)
    unknown, _ = figures.unpack(figures.feature_grid_frame(strongest, selected=wanted))
    assert unknown["selected"] is None


def test_large_maps_are_max_pooled_and_say_so():
    maps = np.zeros((2, 225, 225), np.float32)
    maps[0, 224, 224] = 7.0
    pooled, factor = max_pooled(maps, 112)
    assert factor == 3
    assert pooled.shape == (2, 75, 75)
    assert pooled[0, 74, 74] == 7.0  # a maximum is never lost, at the border neither
    header, _ = figures.unpack(figures.feature_grid_frame(activations(maps)))
    assert (header["pooled"], header["full"]) == (3, [225, 225])


def test_512_maps_stay_below_two_megabytes():
    maps = np.random.default_rng(0).random((512, 112, 112), np.float32)
    assert len(figures.feature_grid_frame(activations(maps))) < 2e6


def test_thumbnails_keep_their_order():
    photos = [("cat", "A cat", picture(8)), ("dog", "A dog", picture(8, seed=1))]
    header, parts = figures.unpack(figures.thumbnail_frame(photos, "dog"))
    assert header["photos"] == [
        {"name": "cat", "title": "A cat"},
        {"name": "dog", "title": "A dog"},
    ]
    assert header["selected"] == "dog"
    assert parts == {"0": photos[0][2].jpeg, "1": photos[1][2].jpeg}
