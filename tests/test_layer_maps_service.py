"""Layers, channels and maps through the real service, with tiny networks; what is sent of them."""

import base64
import hashlib
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from dashboard.activation_answers import PHOTO_SIDE
from vgg_viz import activations, figures
from vgg_viz.architecture import describe_network, unit_fields
from vgg_viz.errors import UnknownNameError
from vgg_viz.images import encode_jpeg
from vgg_viz.models.configs import build
from vgg_viz.requests import (
    ChannelsRequest,
    ClassifyRequest,
    FrameMapsRequest,
    LayerMapsRequest,
    LayerStripRequest,
    MapRequest,
    PhotoDifferencesRequest,
)
from vgg_viz.results import ChannelMap, ClipMaps, Picture, Provenance
from vgg_viz.service import layer_maps

ZFNET, VGG, VGG_BN = "zfnet_b:bundled", "vgg16:bundled", "vgg11_bn:bundled"
MOST_BYTES = 250_000  # of a layer of 64 x 224 x 224


@pytest.mark.parametrize("model", [ZFNET, VGG, VGG_BN])
def test_every_layer_is_what_the_library_says(service, model):
    seen = activations.of_photo("cat", model)
    for layer in seen.layers:
        for relu in (False, True):
            found = service.run(LayerMapsRequest(model, "cat", layer, relu))
            np.testing.assert_array_equal(found.maps, seen.maps(layer, relu=relu))
            assert found.output == activations.output_name(seen.config, layer, relu=relu)


def test_one_pass_answers_everything_about_a_photo(service):
    service.run(LayerStripRequest(VGG, "dog"))
    before = service.health().forward_passes
    service.run(ChannelsRequest(VGG, "dog", "conv3_1"))
    service.run(ChannelsRequest(VGG, "dog", "conv3_1", False, 3))
    service.run(MapRequest(VGG, "dog", "pool2", 1))
    service.run(LayerMapsRequest(VGG, "dog", "fc6"))
    assert service.health().forward_passes == before


@pytest.mark.parametrize("model", [ZFNET, VGG, VGG_BN])
def test_the_strip_has_every_layer_but_the_relus(service, model):
    seen = activations.of_photo("cat", model)
    strip = service.run(LayerStripRequest(model, "cat"))
    assert [each.layer for each in strip.layers] == [
        name for name in seen.layers if not name.startswith("relu")
    ]
    for each in strip.layers:
        before, after = (seen.maps(each.layer, relu=relu) for relu in (False, True))
        for values, maps in ((each.before, before), (each.after, after)):
            assert values.mean == np.mean(maps, dtype=np.float64)
            assert values.std == np.std(maps, dtype=np.float64)
            assert (values.least, values.largest) == (maps.min(), maps.max())
            assert values.zeros == np.mean(maps == 0)
            bins = values.histogram
            np.testing.assert_array_equal(bins.counts, np.histogram(maps, bins.edges)[0])
        flat = after.reshape(len(after), -1)
        assert each.dead == sum(not channel.any() for channel in flat)
        if each.side == 1:
            assert each.saturated is None
        else:
            assert each.saturated == sum((channel > 0).all() for channel in flat)
        assert (each.relu is None) == (each.layer[:4] in ("pool", "norm", "avgp", "fc8"))
        assert max(each.before.mini.shape) <= max(28, np.ceil(each.channels**0.5))
    conv = strip.layer("conv1" if model == ZFNET else "conv1_1")
    assert 0 < conv.after.zeros < 1
    assert conv.before.zeros == 0
    assert strip.layer("relu1") is None


def test_minis_are_means_over_the_windows(service):
    strip = service.run(LayerStripRequest(VGG, "cat"))
    maps = activations.of_photo("cat", VGG).maps("conv1_1")
    side = maps.shape[1]
    factor = -(-side // 28)
    assert factor > 1
    mini = strip.layer("conv1_1").before.mini
    for row, column in ((0, 0), (1, 3), (len(mini) - 1, len(mini) - 1)):
        window = maps[:, row * factor : (row + 1) * factor, column * factor : (column + 1) * factor]
        assert mini[row, column] == pytest.approx(window.mean(dtype=np.float64), rel=1e-5)
    vector = strip.layer("fc8").before.mini
    expected = activations.of_photo("cat", VGG).maps("fc8").ravel()
    np.testing.assert_array_equal(vector.ravel()[: len(expected)], expected)
    assert not vector.ravel()[len(expected) :].any()


@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize(("model", "layer"), [(VGG, "conv1_2"), (ZFNET, "conv5"), (VGG, "pool4")])
def test_channels_carry_numpys_numbers_and_maps_to_one_255th(service, model, layer, relu):
    maps = activations.of_photo("cat", model).maps(layer, relu=relu)
    found = service.run(ChannelsRequest(model, "cat", layer, relu, 2))
    expected = activations.channel_numbers(maps)
    for name in ("means", "stds", "minima", "maxima", "zeros"):
        np.testing.assert_array_equal(getattr(found.numbers, name), getattr(expected, name))
    scores = activations.of_photo("cat", model).class_scores(layer, 2, relu=relu)
    np.testing.assert_array_equal(found.scores, scores)
    assert (found.target, found.target_name) == (2, "c")
    drawn = _decoded(found)
    for channel in (0, len(maps) - 1):
        for row in range(drawn.shape[1]):
            window = maps[channel, row * found.pooled : (row + 1) * found.pooled, : found.pooled]
            tolerance = float(found.highs[channel] - found.lows[channel]) / 509
            assert drawn[channel, row, 0] == pytest.approx(window.max(), abs=tolerance + 1e-6)
    assert (found.lows <= 0).all()
    assert (found.highs >= 0).all()


def _decoded(found):
    spans = (found.highs - found.lows)[:, None, None]
    return found.lows[:, None, None] + found.maps / 255 * spans


def test_the_class_is_the_most_probable_one_unless_another_is_asked_for(service):
    found = service.run(ChannelsRequest(VGG, "cat", "conv5_3"))
    seen = activations.of_photo("cat", VGG)
    assert found.target == seen.top
    np.testing.assert_array_equal(found.scores, seen.class_scores("conv5_3", seen.top))


def test_one_channel_comes_in_full_with_similarities(service):
    maps = activations.of_photo("cat", VGG).maps("conv2_1", relu=True)
    found = service.run(MapRequest(VGG, "cat", "conv2_1", 1))
    np.testing.assert_array_equal(found.map, maps[1])
    np.testing.assert_array_equal(found.similarities, activations.similarities(maps, 1))
    assert found.similarities[1] == pytest.approx(1)
    assert not found.map.flags.writeable


def test_differences_between_two_photos(service):
    found = service.run(PhotoDifferencesRequest(VGG, ("cat", "dog"), "conv4_2"))
    one, other = (
        activations.of_photo(name, VGG).maps("conv4_2", relu=True) for name in ("cat", "dog")
    )
    np.testing.assert_array_equal(found.means[1], activations.channel_numbers(other).means)
    np.testing.assert_array_equal(found.maxima[0], activations.channel_numbers(one).maxima)
    squares = (one.astype(float) - other) ** 2
    expected = [np.sqrt(np.mean(channel)) for channel in squares]
    np.testing.assert_allclose(found.distances, expected, rtol=1e-6)
    assert found.distances.max() > 0
    same = service.run(PhotoDifferencesRequest(VGG, ("cat", "cat"), "conv4_2"))
    assert not same.distances.any()


@pytest.mark.parametrize(
    "request_",
    [
        ChannelsRequest(VGG, "cat", "conv9_9"),
        ChannelsRequest(VGG, "cat", "flatten"),
        ChannelsRequest(VGG, "cat", "conv1_1", True, 99),
        MapRequest(VGG, "cat", "conv1_1", 4000),
        MapRequest(VGG, "cat", "conv1_1", -1),
        LayerMapsRequest(VGG, "cat", "conv9_9"),
        PhotoDifferencesRequest(VGG, ("cat", "unicorn"), "conv1_1"),
    ],
)
def test_what_is_not_there_is_said(service, request_):
    with pytest.raises(UnknownNameError):
        service.run(request_)


def test_a_layer_of_64_maps_of_224_px_sends_at_most_250_kb(monkeypatch):
    """The grid, one channel in full, and the photo: of the bundled ones, the largest file."""
    files = (Path(__file__).parent.parent / "assets" / "images").glob("*.jpg")
    square = (Image.open(file).convert("RGB").resize((PHOTO_SIDE, PHOTO_SIDE)) for file in files)
    photo = max((encode_jpeg(np.asarray(image)) for image in square), key=len)
    channels, made = channels_of((64, 224, 224), monkeypatch)
    grid = figures.channel_grid_frame(channels, side="left", when="before ReLU")
    architecture = describe_network("vgg16")
    fields = unit_fields(architecture, "conv1_1")
    noise = np.random.default_rng(0).normal(size=(224, 224)).astype(np.float32)
    similarities = np.linspace(-1, 1, 64, dtype=np.float32) / 3
    shown = ChannelMap("conv1_1", "conv1_1", 0, False, noise, similarities, made)
    unit = figures.unit_map_frame(
        Picture(np.zeros((4, 4, 3), np.uint8), photo, ()),
        shown,
        architecture.row("conv1_1"),
        fields,
        (111, 111),
        side="left",
        series=0,
        margin=0.03,
        chosen=True,
        when="before ReLU",
        label="VGG-16 (D), ImageNet weights of torchvision",
    )
    assert channels.pooled == 6
    assert len(grid) + len(unit) <= MOST_BYTES


@pytest.mark.parametrize(
    ("shape", "pooled", "side"),
    [
        ((512, 28, 28), 1, 28),
        ((512, 14, 14), 1, 14),
        ((128, 112, 112), 4, 28),
        ((64, 38, 38), 1, 38),
    ],
)
def test_maps_are_only_reduced_when_they_have_to_be(monkeypatch, shape, pooled, side):
    channels, _ = channels_of(shape, monkeypatch)
    assert (channels.pooled, channels.maps.shape) == (pooled, (shape[0], side, side))


def channels_of(shape, monkeypatch):
    """The service's answer for a layer of noise of this shape."""
    maps = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    made = Provenance("vgg16:imagenet", "weights", "0" * 64, "cpu", "fp32", 224, ())
    seen = SimpleNamespace(
        config=build("vgg16"),
        top=3,
        maps=lambda *_, **__: maps,
        class_scores=lambda *_, **__: maps.mean(axis=(1, 2)),
    )
    monkeypatch.setattr(layer_maps, "_seen", lambda *_: seen)
    loaded = SimpleNamespace(classes=[f"class {i}" for i in range(1000)])
    executor = SimpleNamespace(
        ready=lambda *_: SimpleNamespace(loaded=loaded),
        inspection=lambda *_: None,
        gradients=lambda *_: None,
        provenance=lambda *_: made,
    )
    asked = ChannelsRequest("vgg16:imagenet", "cat", "conv1_1", False)
    return layer_maps.layer_channels(executor, asked, (None,)), made


# --- clips ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", [ZFNET, VGG, VGG_BN])
@pytest.mark.parametrize("relu", [False, True])
def test_a_frame_shows_what_the_photo_shows(service, model, relu):
    for layer in ("conv1" if model == ZFNET else "conv1_1", "fc7"):
        maps = service.run(LayerMapsRequest(model, "cat", layer, relu)).maps
        found = service.run(FrameMapsRequest(model, "cat", layer, relu))
        numbers = activations.channel_numbers(maps)
        np.testing.assert_allclose(found.means, numbers.means, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(found.maxima, numbers.maxima, rtol=1e-4, atol=1e-5)
        assert found.side == maps.shape[1]
        units = found.maps.shape[1]
        assert units == -(-maps.shape[1] // found.pooled) <= 28
        wide = np.pad(maps, ((0, 0), *2 * ((0, units * found.pooled - maps.shape[1]),)), "edge")
        windows = wide.reshape(len(maps), units, found.pooled, units, found.pooled)
        span = (found.highs - found.lows)[1]
        largest = windows[1].max(axis=(1, 3))
        np.testing.assert_allclose(found.values(1), largest, atol=span / 510 + 1e-4)
    probabilities = service.run(ClassifyRequest(model, "cat")).probabilities
    np.testing.assert_allclose(found.probabilities, probabilities, rtol=1e-3, atol=1e-6)


def test_a_frame_keeps_nothing_and_leaves_no_trace(service):
    executor = service._executor
    service.run(ChannelsRequest(VGG, "cat", "conv1_1"))
    network = executor.ready(VGG).network
    before = service.health().inspection_bytes
    in_place = [getattr(module, "inplace", None) for module in network.modules()]
    state = {name: value.clone() for name, value in network.state_dict().items()}
    service.run(FrameMapsRequest(VGG, "horse", "conv3_1"))
    with pytest.raises(UnknownNameError):
        service.run(FrameMapsRequest(VGG, "horse", "conv9"))
    assert service.health().inspection_bytes == before
    for module in network.modules():
        assert not module._forward_hooks
        assert not module.training
    assert [getattr(module, "inplace", None) for module in network.modules()] == in_place
    assert all(value.equal(network.state_dict()[name]) for name, value in state.items())
    assert all(value.grad is None for value in network.parameters())


def test_a_channel_of_a_clip_has_one_scale(service):
    frames = [service.run(FrameMapsRequest(VGG, name, "conv2_1")) for name in ("cat", "dog")]
    means = np.stack([frame.means for frame in frames])
    weakest = int(means.max(axis=0).argmin())
    clip = ClipMaps.of(frames, [weakest], count=3)
    assert clip.channels == (*np.argsort(-means.max(axis=0), kind="stable")[:3], weakest)
    assert ClipMaps.of(frames, clip.channels[:2], count=3).channels == clip.channels[:3]
    np.testing.assert_array_equal(clip.maps[1, 0], frames[1].values(clip.channels[0]))
    assert clip.limits[0] == max(frame.highs[clip.channels[0]] for frame in frames)
    assert clip.maps.max() <= clip.limits.max() * (1 + 1e-6)
    np.testing.assert_array_equal(clip.means[:, 3], means[:, weakest])
    best = clip.top_classes(2)
    assert clip.probabilities[:, best[0]].max() == clip.probabilities.max()


# --- the command line ----------------------------------------------------------------------------


def test_the_command_writes_every_value_and_a_sheet(assets, vgg, tmp_path):
    npz, png = tmp_path / "maps.npz", tmp_path / "maps.png"
    words = ("activations", "cat", "--model", "vgg16", "--layer", "conv4_1", "--no-relu")
    code, out, _ = vgg(*words, "-o", npz, "--png", png, "--top", 2)
    assert code == 0
    maps = activations.of_photo("cat", "vgg16").maps("conv4_1")
    with np.load(npz) as found:
        np.testing.assert_array_equal(found["maps"], maps)
        np.testing.assert_array_equal(found["mean"], activations.channel_numbers(maps).means)
        made = json.loads(str(found["provenance"]))
    assert (made["output"], made["relu"], made["model"]) == ("conv4_1", False, "vgg16:bundled")
    assert png.read_bytes().startswith(b"\x89PNG")
    best = int(activations.channel_numbers(maps).means.argmax())
    assert out.splitlines()[2].split()[0] == str(best)
    assert len(out.splitlines()) == 5


def test_the_command_writes_a_page(assets, vgg, tmp_path):
    page, png = tmp_path / "maps.html", tmp_path / "maps.png"
    words = ("activations", "cat", "--model", "vgg16", "--layer", "conv4_1")
    code, out, err = vgg(*words, "-o", page, "--png", png)
    assert code == 0, err
    assert out.splitlines()[-1] == f"Written: {page}, {png}"
    text = page.read_text()
    assert base64.b64encode(png.read_bytes()).decode() in text
    assert "<h1>relu4_1 of VGG-16 (D), bundled weights" in text
    channels = len(activations.of_photo("cat", "vgg16").maps("conv4_1"))
    assert text.count("<tr>") == 1 + channels
    best = int(
        activations.channel_numbers(
            activations.of_photo("cat").maps("conv4_1", relu=True)
        ).means.argmax()
    )
    assert text.partition("<tbody>")[2].startswith(f"<tr><td>{best}</td>")
    assert "CC0" in text  # the photo's licence
    code, out, _ = vgg(*words, "-o", tmp_path / "sheet.png")
    assert (tmp_path / "sheet.png").read_bytes() == png.read_bytes()


def test_the_command_takes_files_and_says_json(assets, vgg, tmp_path):
    photo = assets / "images" / "cat.jpg"
    code, out, _ = vgg("activations", photo, "-o", tmp_path / "a.npz", "--format", "json")
    assert code == 0
    found = json.loads(out)
    assert (found["layer"], found["output"]) == ("conv5_3", "relu5_3")
    numbers = activations.channel_numbers(activations.of_photo("cat").maps("conv5_3", relu=True))
    assert found["channels"][1]["mean"] == float(numbers.means[1])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--layer", "conv9"), "layer of vgg16"),
        (("-o", "maps.zip"), "not a .npz or .html or .png file"),
        (("--png", "maps.jpg"), "not a .png file"),
        (("-o", "nowhere/maps.npz"), "no folder"),
    ],
)
def test_the_command_says_what_cannot_be_used(assets, vgg, tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    code, out, err = vgg("activations", "cat", *words)
    assert (code, out) == (2, "")
    assert message in err


def test_uploaded_photos_are_asked_for_by_their_digest(assets, service):
    data = (assets / "images" / "dog.jpg").read_bytes()
    name = service.put_image(data).id
    assert name == hashlib.sha256(data).hexdigest()
    found = service.run(LayerMapsRequest(VGG, name, "conv1_1", False))
    np.testing.assert_array_equal(found.maps, activations.of_photo("dog", VGG).maps("conv1_1"))
