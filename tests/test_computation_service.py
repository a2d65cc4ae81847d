"""Layer timings and dense maps from the real service, with tiny networks."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.tiny_assets import NAMES
from vgg_viz import profiling
from vgg_viz.architecture import describe
from vgg_viz.dense import dense_scores, normalised, scores_by_crops, whole_photo
from vgg_viz.errors import InputError, UnknownNameError, VggVizError
from vgg_viz.images import decode, encode_png
from vgg_viz.models.registry import parse_model_name
from vgg_viz.models.weights import load_model
from vgg_viz.requests import ClassifyRequest, DenseMapRequest, LayerTimingsRequest
from vgg_viz.results import LayerTiming
from vgg_viz.service import computation
from vgg_viz.service.local import LocalService

ZFNET, VGG, VGG_BN = "zfnet_b:bundled", "vgg16:bundled", "vgg11_bn:bundled"


@pytest.fixture(scope="module")
def assets(assets: Path) -> Iterator[Path]:
    """Small matrices and short measurements: tests assert no time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(profiling, "MATRICES", (64, 128))
        patch.setattr(profiling, "COPIED_BYTES", 2**20)
        patch.setattr(computation, "BUDGET", 0.1)
        yield assets


def cat(assets: Path) -> np.ndarray:
    return decode((assets / "images" / "cat.jpg").read_bytes()).pixels


# --- layer timings -------------------------------------------------------------------------------


@pytest.mark.parametrize("model", [ZFNET, VGG, VGG_BN])
def test_timings_name_every_layer_with_its_costs(service: LocalService, model: str) -> None:
    timings = service.run(LayerTimingsRequest(model, batch=2))
    config = load_model(parse_model_name(model)).config
    a = describe(config)
    assert [layer.layer for layer in timings.layers] == [row.name for row in a.rows]
    assert sum(layer.macs for layer in timings.layers) == 2 * a.macs
    assert all(0 < layer.fastest <= layer.seconds for layer in timings.layers)
    assert timings.sum_seconds == sum(layer.seconds for layer in timings.layers)
    assert timings.whole_seconds > 0
    assert 1 <= timings.repeats <= profiling.MOST_REPEATS
    assert (timings.title, timings.batch) == (a.title, 2)
    assert timings.provenance.model == model
    assert timings.provenance.input_size == config.input_size
    assert timings.device_title.startswith("cpu")


def test_the_ridge_decides_what_binds_a_layer(service: LocalService) -> None:
    timings = service.run(LayerTimingsRequest(VGG))
    assert timings.ridge == timings.peak_flops / timings.bandwidth > 0
    for layer in timings.layers:
        compute = 2 * layer.macs / timings.peak_flops
        memory = layer.moved_bytes / timings.bandwidth
        reaches = layer.moved_bytes > 0 and compute >= memory  # dropout moves nothing
        assert timings.bound(layer) == ("compute" if reaches else "memory")
        assert timings.roof(layer) == max(compute, memory)
        assert timings.roof_share(layer) * layer.seconds == pytest.approx(timings.roof(layer))
    relu = next(layer for layer in timings.layers if layer.kind == "relu")
    assert (timings.bound(relu), relu.intensity, relu.flops_per_second) == ("memory", 0, 0)


def test_numbers_of_a_layer_by_hand() -> None:
    layer = LayerTiming("fc6", "linear", 0.5, 0.4, 10**9, 4 * 10**9)
    assert layer.intensity == 0.5
    assert layer.flops_per_second == 4e9
    assert layer.bytes_per_second == 8e9
    assert LayerTiming("drop6", "dropout", 0.5, 0.4, 0, 0).intensity == 0


def test_another_size_and_another_attempt_are_measured_anew(service: LocalService) -> None:
    first = service.run(LayerTimingsRequest(VGG))
    assert service.run(LayerTimingsRequest(VGG)) is first
    assert service.run(LayerTimingsRequest(VGG, attempt=1)) is not first
    larger = service.run(LayerTimingsRequest(VGG, input_size=96))
    assert larger.provenance.input_size == 96
    assert larger.layers[0].macs == first.layers[0].macs * 96**2 // 64**2
    assert larger.layers[-1].macs == first.layers[-1].macs


def test_the_papers_network_is_built_measured_and_forgotten(
    service: LocalService, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = []

    def build_network(config, *, seed):  # type: ignore[no-untyped-def]
        assert (config.network, config.width, config.classes, seed) == ("alexnet", 1.0, 1000, 0)
        built.append(config)
        return small

    small = load_model(parse_model_name(VGG)).network
    monkeypatch.setattr(computation, "build_network", build_network)
    timings = service.run(LayerTimingsRequest("alexnet:random", input_size=64))
    assert len(built) == 1
    assert timings.provenance.weights == "random weights (He), seed 0"
    assert timings.provenance.digest == ""
    assert "alexnet:random" not in service.health().models


def test_bf16_is_measured_where_the_device_has_it(service: LocalService) -> None:
    request = LayerTimingsRequest(VGG, precision="bf16")
    if "bf16" not in service.describe().precisions:
        with pytest.raises(VggVizError, match="choose fp32"):
            service.run(request)
        return
    timings = service.run(request)
    moved = service.run(LayerTimingsRequest(VGG)).layers[0].moved_bytes
    assert timings.layers[0].moved_bytes == moved // 2
    assert timings.provenance.precision == "bf16"


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (LayerTimingsRequest(VGG, batch=0), "choose 1 to 256 images"),
        (LayerTimingsRequest(VGG, batch=257), "choose 1 to 256 images"),
        (LayerTimingsRequest(VGG, input_size=31), "choose 32 to 512 px"),
        (LayerTimingsRequest(VGG, input_size=513), "choose 32 to 512 px"),
        (LayerTimingsRequest(ZFNET, input_size=32), "too small for zfnet_b"),
    ],
)
def test_what_cannot_be_measured_is_said(
    service: LocalService, request_: LayerTimingsRequest, words: str
) -> None:
    with pytest.raises(InputError, match=words):
        service.run(request_)


def test_unknown_models_are_named(service: LocalService) -> None:
    with pytest.raises(UnknownNameError, match="vgg17"):
        service.run(LayerTimingsRequest("vgg17:random"))


def test_work_and_memory_are_bounded(
    service: LocalService, monkeypatch: pytest.MonkeyPatch
) -> None:
    macs = describe(load_model(parse_model_name(VGG)).config).macs
    monkeypatch.setattr(computation, "MOST_MACS", 5 * macs)
    with pytest.raises(InputError, match="at most 5"):
        service.run(LayerTimingsRequest(VGG, batch=6))
    monkeypatch.setattr(computation, "MOST_MACS", macs // 2)
    with pytest.raises(InputError, match="choose a smaller input"):
        service.run(LayerTimingsRequest(VGG, batch=7))
    monkeypatch.undo()
    monkeypatch.setattr(computation, "MOST_BYTES", 1000)
    with pytest.raises(InputError, match="GiB are used here"):
        service.run(LayerTimingsRequest(VGG, batch=8))


# --- dense maps ----------------------------------------------------------------------------------


@pytest.mark.parametrize("model", [ZFNET, VGG])
def test_a_dense_map_is_the_softmax_of_the_dense_scores(
    assets: Path, service: LocalService, model: str
) -> None:
    dense = service.run(DenseMapRequest(model, "cat", 300))
    loaded = load_model(parse_model_name(model))
    pixels = whole_photo(cat(assets), loaded.preprocessing, 300)
    scores = dense_scores(loaded.network, normalised(pixels, loaded.preprocessing))[0]
    np.testing.assert_allclose(dense.probabilities, scores.softmax(0), atol=1e-6)
    np.testing.assert_array_equal(dense.photo, pixels)
    np.testing.assert_allclose(dense.probabilities.sum(0), 1, atol=1e-5)
    assert dense.classes == NAMES
    assert dense.whole.shape == dense.top.shape == dense.probabilities.shape[1:]
    assert (dense.window, dense.stride) == (loaded.config.input_size, 32)
    assert dense.macs > dense.crop_macs == describe(loaded.config).macs
    assert dense.crops is None
    assert dense.seconds > 0
    assert not dense.probabilities.flags.writeable
    assert not dense.photo.flags.writeable
    assert dense.provenance.model == model


def test_one_position_of_a_square_photo_is_the_classification(service: LocalService) -> None:
    """At the declared size and without a margin cut off, dense and plain are one."""
    pixels = np.random.default_rng(1).integers(0, 256, (72, 72, 3), np.uint8)
    image = service.put_image(encode_png(pixels)).id
    preprocessing = load_model(parse_model_name(VGG)).preprocessing
    dense = service.run(DenseMapRequest(VGG, image, preprocessing.crop))
    assert dense.top.shape == (1, 1)
    plain = service.run(ClassifyRequest(VGG, image))
    assert np.argsort(dense.probabilities[:, 0, 0])[-1] in np.argsort(plain.probabilities)[-3:]


def test_the_commonest_class_is_on_top_most_often(service: LocalService) -> None:
    dense = service.run(DenseMapRequest(VGG, "cat", 300))
    counts = np.bincount(dense.top.ravel(), minlength=len(NAMES))
    assert counts[dense.commonest()] == counts.max()


def test_the_comparison_with_crops_is_what_it_says(assets: Path, service: LocalService) -> None:
    dense = service.run(DenseMapRequest(ZFNET, "cat", 220, crops=True))
    loaded = load_model(parse_model_name(ZFNET))
    images = normalised(dense.photo, loaded.preprocessing)
    slid = torch.softmax(scores_by_crops(loaded.network, images), -1).numpy()
    rows, columns = slid.shape[:2]
    same = dense.probabilities[:, :rows, :columns].transpose(1, 2, 0)
    measured = dense.crops
    assert measured is not None
    assert measured.crops == rows * columns >= 4
    assert measured.largest_difference == pytest.approx(np.abs(slid - same).max(), rel=1e-3)
    tops = slid.argmax(-1)
    assert measured.same_top_share == pytest.approx((tops == same.argmax(-1)).mean())
    differences = np.abs(slid - same)[np.arange(rows)[:, None], np.arange(columns), tops]
    assert measured.mean_difference == pytest.approx(differences.mean(), rel=1e-3)
    assert measured.largest_difference > 1e-4  # padding is in sight
    assert measured.seconds > 0


@pytest.mark.parametrize(
    ("model", "side", "words"),
    [
        (VGG, 40, "Give at least 64 px"),
        (ZFNET, 20, "Give at least"),
        (VGG, 0, "choose 1 to 1024 px"),
        (VGG, 1025, "choose 1 to 1024 px"),
    ],
)
def test_a_photo_of_the_wrong_size_is_told_the_right_one(
    service: LocalService, model: str, side: int, words: str
) -> None:
    with pytest.raises(InputError, match=words):
        service.run(DenseMapRequest(model, "cat", side))


def test_dense_work_is_bounded(service: LocalService, monkeypatch: pytest.MonkeyPatch) -> None:
    dense = service.run(DenseMapRequest(VGG, "cat", 256))
    monkeypatch.setattr(computation, "MOST_MACS", dense.macs + 1)
    with pytest.raises(InputError, match="leave out the comparison with crops, or a smaller"):
        service.run(DenseMapRequest(VGG, "cat", 256, crops=True))
    monkeypatch.setattr(computation, "MOST_MACS", dense.macs - 1)
    with pytest.raises(InputError, match=r"Choose a smaller photo \(from 64 px\)"):
        service.run(DenseMapRequest(VGG, "cat", 288))


def test_the_model_of_the_service_is_as_before(service: LocalService) -> None:
    """After everything above: the same answers, no gradients, no hooks."""
    before = service.run(ClassifyRequest(VGG, "horse"))
    service.run(DenseMapRequest(VGG, "horse", 200, crops=True))
    service.run(LayerTimingsRequest(VGG, attempt=9))

    def look(executor):  # type: ignore[no-untyped-def]
        network = executor.ready(VGG).network
        assert not network.training
        assert all(p.grad is None and not p.requires_grad for p in network.parameters())
        assert not any(m._forward_hooks for m in network.modules())
        executor.forget()

    service._worker.call(look).result()
    service._results.drop(lambda _: True)
    after = service.run(ClassifyRequest(VGG, "horse"))
    assert after is not before
    np.testing.assert_array_equal(after.logits, before.logits)
