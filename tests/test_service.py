"""LocalService with real (tiny) networks: answers, caches, bounds, failures, two people at once."""

import gc
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch

from tests import reference
from tests.tiny_assets import NAMES
from vgg_viz.attribution.methods import METHODS
from vgg_viz.attribution.registry import COMPUTE
from vgg_viz.errors import (
    InputError,
    MissingImageError,
    OutOfMemoryError,
    UnknownNameError,
    VggVizError,
    WeightsUnavailableError,
)
from vgg_viz.images import decode, encode_png
from vgg_viz.models.registry import parse_model_name
from vgg_viz.models.weights import load_model
from vgg_viz.preprocessing import prepare
from vgg_viz.requests import (
    ActivationsRequest,
    AttributionRequest,
    ClassifyRequest,
    FetchWeightsJob,
    PictureRequest,
)
from vgg_viz.service import devices, execution
from vgg_viz.service.execution import Executor, Limits
from vgg_viz.service.local import LocalService

ZFNET, VGG, VGG_BN = "zfnet_b:bundled", "vgg16:bundled", "vgg11_bn:bundled"


@pytest.fixture
def fresh(assets: Path) -> Iterator[LocalService]:
    with LocalService("cpu") as service:
        yield service


def cat(assets: Path) -> np.ndarray:
    return decode((assets / "images" / "cat.jpg").read_bytes()).pixels


def noise(seed: int, side: int = 40) -> bytes:
    return encode_png(np.random.default_rng(seed).integers(0, 256, (side, side, 3), np.uint8))


def test_description_names_everything_and_loads_nothing(fresh: LocalService) -> None:
    described = fresh.describe()
    names = {model.name for model in described.models}
    assert {ZFNET, VGG, "vgg16:imagenet", "vgg19:random", "vgg11_lrn:random"} <= names
    assert described.model(VGG).classes == NAMES  # type: ignore[union-attr]
    assert described.samples
    assert not fresh.health().ready
    assert described.methods == tuple(METHODS.values())
    assert set(COMPUTE) == set(METHODS)


def test_neither_import_nor_description_loads_torch(assets: Path) -> None:
    code = (
        "import sys; from vgg_viz.service.local import LocalService; s = LocalService();"
        "assert s.describe().models; s.health(); assert 'torch' not in sys.modules; s.close()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("model", [ZFNET, VGG])
def test_probabilities_are_the_networks_own(
    assets: Path, service: LocalService, model: str
) -> None:
    answer = service.run(ClassifyRequest(model, "cat"))
    loaded = load_model(parse_model_name(model))
    image = torch.from_numpy(prepare(cat(assets), loaded.preprocessing))
    with torch.no_grad():
        expected = loaded.network(image[None])[0]
    np.testing.assert_allclose(answer.logits, expected, atol=1e-5)
    np.testing.assert_allclose(answer.probabilities, expected.softmax(0), atol=1e-6)
    assert answer.top(3)[0][2] == pytest.approx(float(answer.probabilities.max()))
    assert answer.forward_seconds > 0


def test_attribution_equals_the_literal_formula(assets: Path, service: LocalService) -> None:
    answer = service.run(AttributionRequest(VGG, "cat", "conv4_2", target=3))
    loaded = load_model(parse_model_name(VGG))
    image = torch.from_numpy(prepare(cat(assets), loaded.preprocessing))
    literal = reference.grad_cam(loaded.network, "conv4_2", image[None], 3)
    assert reference.spread(literal) > 0.05
    np.testing.assert_allclose(answer.grid, literal, atol=1e-6)
    assert (answer.layer, answer.target, answer.target_name) == ("conv4_2", 3, NAMES[3])


def test_defaults_are_the_last_convolution_and_the_top_class(service: LocalService) -> None:
    answer = service.run(AttributionRequest(ZFNET, "cat"))
    assert answer.layer == "conv5"
    assert answer.target == service.run(ClassifyRequest(ZFNET, "cat")).top(1)[0][0]


def test_activations_are_the_strongest_channels_after_relu(service: LocalService) -> None:
    answer = service.run(ActivationsRequest(VGG, "cat", "conv3_2", count=5))
    assert answer.maps.shape[0] == len(answer.channels) == 5
    assert answer.maps.min() >= 0
    order = np.argsort(-answer.means, kind="stable")[:5]
    assert answer.channels == tuple(order.tolist())
    np.testing.assert_allclose(answer.maps.mean(axis=(1, 2)), answer.means[order], rtol=1e-5)
    one = service.run(ActivationsRequest(VGG, "cat", "conv3_2", channels=(answer.channels[2],)))
    np.testing.assert_array_equal(one.maps[0], answer.maps[2])


def test_activations_of_batch_norm_networks_are_after_batch_norm_and_relu(
    assets: Path, service: LocalService
) -> None:
    answer = service.run(ActivationsRequest(VGG_BN, "cat", "conv4_1", count=4))
    assert answer.maps.shape == (4, 8, 8)
    loaded = load_model(parse_model_name(VGG_BN))
    image = torch.from_numpy(prepare(cat(assets), loaded.preprocessing))[None]
    with torch.no_grad():
        for name, module in loaded.network.named_children():
            image = module(image)
            if name == "relu4_1":
                break
    assert image.std() > 0.1
    np.testing.assert_allclose(answer.maps, image[0, list(answer.channels)], atol=1e-5)


def test_results_cannot_be_changed_by_whoever_gets_them(service: LocalService) -> None:
    answer = service.run(AttributionRequest(VGG, "cat"))
    with pytest.raises(ValueError, match="read-only"):
        answer.grid[0, 0] = 1


def test_another_layer_view_or_class_costs_no_forward_pass(fresh: LocalService) -> None:
    fresh.run(ClassifyRequest(VGG, "cat"))
    assert fresh.health().forward_passes == 1
    for layer in ("conv1_1", "conv3_3", "conv5_3"):
        fresh.run(AttributionRequest(VGG, "cat", layer, target=0))
        fresh.run(ActivationsRequest(VGG, "cat", layer))
    fresh.run(AttributionRequest(VGG, "cat", target=4))
    fresh.run(ClassifyRequest(VGG, "cat"))
    assert fresh.health().forward_passes == 1
    fresh.run(ClassifyRequest(VGG, "coffee"))
    assert fresh.health().forward_passes == 2


def test_the_same_photo_uploaded_again_is_the_same_photo(fresh: LocalService) -> None:
    first, second = fresh.put_image(noise(1)), fresh.put_image(noise(1))
    assert first.id == second.id
    assert (first.width, first.height) == (40, 40)
    fresh.run(ClassifyRequest(VGG, first.id))
    fresh.run(ClassifyRequest(VGG, second.id))
    assert fresh.health().forward_passes == 1


@pytest.mark.parametrize(
    ("request_", "error", "words"),
    [
        (ClassifyRequest("vgg17:bundled", "cat"), UnknownNameError, "vgg16"),
        (ClassifyRequest("vgg16:golden", "cat"), UnknownNameError, "bundled"),
        (ClassifyRequest("vgg16:/etc/passwd", "cat"), InputError, "upload"),
        (ClassifyRequest("vgg16:file-00000000", "cat"), InputError, "upload"),
        (ClassifyRequest("vgg19:bundled", "cat"), UnknownNameError, "bundled"),
        (ClassifyRequest("vgg16:imagenet", "cat"), WeightsUnavailableError, "weights fetch"),
        (ClassifyRequest(VGG, "no-such-photo"), UnknownNameError, "cat"),
        (ClassifyRequest(VGG, "0" * 64), MissingImageError, "upload it again"),
        (AttributionRequest(VGG, "cat", "conv6_1"), UnknownNameError, "conv5_3"),
        (AttributionRequest(VGG, "cat", "fc7"), UnknownNameError, "conv5_3"),
        (AttributionRequest(VGG, "cat", target=99), UnknownNameError, "0 to 6"),
        (AttributionRequest(VGG, "cat", target=-1), UnknownNameError, "0 to 6"),
        (AttributionRequest(VGG, "cat", method="magic"), UnknownNameError, "grad_cam"),
        (ActivationsRequest(VGG, "cat", channels=(4000,)), UnknownNameError, "channels 0 to"),
        (ActivationsRequest(VGG, "cat", channels=(-1,)), UnknownNameError, "channels 0 to"),
        (ActivationsRequest(VGG, "cat", count=0), InputError, "at least one"),
        (PictureRequest("cat", size=100_000), InputError, "16 to 2048"),
        (PictureRequest("cat", model="vgg99:bundled"), UnknownNameError, "vgg16"),
    ],
)
def test_bad_requests_get_a_clear_error_and_the_service_lives_on(
    service: LocalService, request_: object, error: type[VggVizError], words: str
) -> None:
    with pytest.raises(error, match=words):
        service.run(request_)
    assert service.run(ClassifyRequest(VGG, "cat")).probabilities.sum() == pytest.approx(1)


def test_pictures_are_the_region_a_model_sees(service: LocalService) -> None:
    picture = service.run(PictureRequest("cat", model=VGG, size=96))
    assert picture.pixels.shape == (96, 96, 3)
    assert decode(picture.jpeg).pixels.shape == (96, 96, 3)
    whole = service.run(PictureRequest("cat", size=96))
    assert max(whole.pixels.shape) == 96


def test_bf16_states_its_difference_to_fp32(service: LocalService) -> None:
    service.wait_ready()
    if "bf16" not in service.describe().precisions:
        with pytest.raises(VggVizError, match="choose fp32"):
            service.run(ClassifyRequest(VGG, "cat", "bf16"))
        return
    answer = service.run(ClassifyRequest(VGG, "cat", "bf16"))
    exact = service.run(ClassifyRequest(VGG, "cat"))
    expected = float(np.abs(answer.probabilities - exact.probabilities).max())
    assert answer.difference_to_fp32 == pytest.approx(expected)
    assert 0 < expected < 0.05
    attribution = service.run(AttributionRequest(VGG, "cat", precision="bf16"))
    assert 0 < attribution.difference_to_fp32 < 0.2
    assert exact.difference_to_fp32 is None


def test_two_people_at_once_get_their_own_maps_and_no_hook_stays(fresh: LocalService) -> None:
    photos = [fresh.put_image(noise(seed)).id for seed in (11, 12)]
    layers = ("conv2_2", "conv4_1", "conv5_3")
    expected = {
        (photo, layer, target): fresh.run(AttributionRequest(VGG, photo, layer, target)).grid
        for photo in photos
        for layer in layers
        for target in (0, 1)
    }
    assert all(reference.spread(grid) > 0.01 for grid in expected.values())
    wrong: list[object] = []

    def person(who: int) -> None:
        rng = np.random.default_rng(who)
        for _ in range(50):
            photo = photos[who]
            layer, target = layers[rng.integers(3)], int(rng.integers(2))
            if rng.random() < 0.5:  # past the cache of results
                fresh._results.drop(lambda _: True)
            if rng.random() < 0.2:  # past the Inspections too
                fresh._on_device(lambda ex: ex._inspections.drop(lambda _: True))
            grid = fresh.run(AttributionRequest(VGG, photo, layer, target)).grid
            if not np.allclose(grid, expected[photo, layer, target], atol=1e-7):
                wrong.append((who, layer, target))

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(person, (0, 1)))
    assert not wrong
    network = fresh._on_device(lambda ex: ex.ready(VGG, "fp32").network)
    assert all(not module._forward_hooks for module in network.modules())


def test_the_inspection_cache_stays_within_its_bytes(assets: Path) -> None:
    limit = 3 * 2**20
    with LocalService("cpu", limits=Limits(inspections=limit)) as small:
        for seed in range(12):
            small.run(AttributionRequest(VGG, small.put_image(noise(seed)).id, target=0))
        gc.collect()
        assert 0 < small.health().inspection_bytes <= limit


def test_an_evicted_model_takes_its_inspections_along(assets: Path) -> None:
    with LocalService("cpu", limits=Limits(models=1)) as small:
        small.run(ClassifyRequest(VGG, "cat"))
        small.run(ClassifyRequest(ZFNET, "cat"))
        assert small.health().models == (ZFNET,)
        keys = small._on_device(lambda ex: ex._inspections.names())
        assert {key[0] for key in keys} == {ZFNET}


class RunsOutOfMemory:
    """Stands in for `inspect`: raises as CUDA does while more than `fits` layers are kept."""

    def __init__(self, fits: int) -> None:
        self.fits, self.calls = fits, []
        self.real = execution.inspect

    def __call__(self, network: object, image: object, layers: tuple[str, ...]) -> object:
        self.calls.append(len(layers))
        if len(layers) > self.fits:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")
        return self.real(network, image, layers)  # type: ignore[arg-type]


def test_out_of_memory_is_retried_with_one_layer(
    fresh: LocalService, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = fresh.run(AttributionRequest(VGG, "cat", "conv4_2", 1)).grid
    fresh._results.drop(lambda _: True)
    fresh._on_device(lambda ex: ex.forget())
    failing = RunsOutOfMemory(fits=1)
    monkeypatch.setattr(execution, "inspect", failing)
    answer = fresh.run(AttributionRequest(VGG, "cat", "conv4_2", 1))
    np.testing.assert_allclose(answer.grid, expected, atol=1e-7)
    assert failing.calls[-1] == 1


def test_out_of_memory_for_good_is_a_clear_error_and_the_service_lives_on(
    fresh: LocalService, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(execution, "inspect", RunsOutOfMemory(fits=0))
        with pytest.raises(OutOfMemoryError, match="smaller network"):
            fresh.run(ClassifyRequest(VGG, "cat"))
    assert fresh.run(ClassifyRequest(VGG, "cat")).logits.shape == (len(NAMES),)


def test_other_runtime_errors_are_not_taken_for_out_of_memory() -> None:
    assert not devices.is_out_of_memory(RuntimeError("shape mismatch"))
    assert devices.is_out_of_memory(
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 1 bytes")
    )


def test_devices_that_are_not_there_are_refused() -> None:
    assert devices.choose_device("cpu").type == "cpu"
    for name in ("cuda:99", "tpu", "abacus"):
        with pytest.raises(InputError, match="auto"):
            devices.choose_device(name)


def test_a_forward_pass_places_every_tensor_on_the_cuda_device(
    assets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under fake tensors: the same code, with a CUDA device that this machine does not have."""
    from torch._subclasses.fake_tensor import FakeTensorMode

    from vgg_viz.capture import inspect

    network = load_model(parse_model_name(VGG)).network
    waited: list[torch.device] = []
    monkeypatch.setattr(torch.cuda, "synchronize", waited.append)
    with FakeTensorMode():
        device = torch.device("cuda:0")
        with device:
            moved = type(network)(network.config).eval()
        image = torch.empty(1, 3, 64, 64, device=device)
        convs = network.config.convs
        seen = inspect(moved, image, convs)
    assert waited == [device]
    assert {t.device for t in (seen.image, seen.logits, *seen.outputs.values())} == {device}


def test_a_backward_pass_stays_on_the_device_of_the_forward_pass(assets: Path) -> None:
    """On the meta device: torch itself refuses a backward pass on fake CUDA without a driver."""
    from vgg_viz.capture import inspect

    network = load_model(parse_model_name(VGG)).network.to("meta")
    image = torch.empty(1, 3, 64, 64, device="meta")
    seen = inspect(network, image, network.config.convs)
    assert {t.device.type for t in seen.gradients(1).values()} == {"meta"}


def test_a_worker_that_cannot_start_says_so_to_everybody(assets: Path) -> None:
    with LocalService("cuda:99") as broken:
        with pytest.raises(VggVizError, match="cuda:99"):
            broken.run(ClassifyRequest(VGG, "cat"))
        assert not broken.health().ready
        assert "cuda:99" in broken.health().message


def test_a_closed_service_refuses_work(assets: Path) -> None:
    service = LocalService("cpu")
    service.close()
    with pytest.raises(VggVizError, match="shut down"):
        service.run(ClassifyRequest(VGG, "cat"))


def test_closing_ends_the_threads(assets: Path) -> None:
    before = set(threading.enumerate())
    service = LocalService("cpu")
    service.run(ClassifyRequest(VGG, "cat"))
    assert set(threading.enumerate()) > before
    service.close()
    assert set(threading.enumerate()) <= before


def test_an_unknown_job_is_refused(service: LocalService) -> None:
    with pytest.raises(VggVizError, match="not known"):
        service.events("nope")


def test_fetching_weights_nobody_publishes_ends_as_a_failed_job(service: LocalService) -> None:
    job = service.submit(FetchWeightsJob("vgg16_c:imagenet"))
    for _ in range(200):
        events = service.events(job)
        if events[-1].final:
            break
        threading.Event().wait(0.05)
    assert events[-1].state == "failed"
    assert "vgg16" in events[-1].message


def test_memory_does_not_grow_over_many_requests(assets: Path) -> None:
    limits = Limits(inspections=2**20)
    with LocalService("cpu", limits=limits) as service:
        photos = [service.put_image(noise(seed)).id for seed in range(4)]

        def tensors_after(rounds: int) -> int:
            for i in range(rounds):
                service._results.drop(lambda _: True)
                service.run(AttributionRequest(VGG, photos[i % 4], target=i % 7))
            gc.collect()
            return sum(type(o) is torch.Tensor for o in gc.get_objects())

        first = tensors_after(20)
        assert tensors_after(60) <= first * 1.1


def test_executor_is_only_ever_called_by_its_worker(
    fresh: LocalService, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: set[str] = set()
    real = Executor.answer

    def spy(self: Executor, request: object, photo: object) -> object:
        seen.add(threading.current_thread().name)
        return real(self, request, photo)  # type: ignore[arg-type]

    monkeypatch.setattr(Executor, "answer", spy)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda name: fresh.run(ClassifyRequest(VGG, name)), ["cat", "coffee", "dog"]))
    assert seen == {"vgg-viz device"}
