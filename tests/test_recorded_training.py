"""Recorded trainings: the numbers of a literal loop, the same every time, and named endings."""

import itertools

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file

from vgg_viz.errors import InputError
from vgg_viz.initialization import initialize
from vgg_viz.models.configs import build
from vgg_viz.models.networks import build_network
from vgg_viz.models.weights import inspect_file
from vgg_viz.preprocessing import IMAGENET
from vgg_viz.recordings import read_info, read_recording, weights_path
from vgg_viz.training import recorded
from vgg_viz.training.data import PhotoSet
from vgg_viz.training.recorded import Experiment, RecordedTraining, Sample

SIDE, CLASSES = 36, ("bright", "dark", "red")
BASE = Experiment(
    "vgg11",
    "he_fan_in",
    width=1 / 16,
    input_size=32,
    batch=8,
    steps=6,
    every=2,
    warmup=4,
    learning_rate=0.02,
)


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """The same order of sums in every run of the same program."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def photos(count=20, seed=0):
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % 3
    pixels = torch.randint(0, 200, (count, 3, SIDE, SIDE), generator=generator)
    pixels[labels == 0] += 55
    pixels[labels == 2, 1:] //= 4
    return PhotoSet(pixels.to(torch.uint8), labels, CLASSES)


def training(folder, experiment=BASE, *, validation=None, **options):
    split = photos(9, seed=1) if validation is None else validation
    return RecordedTraining(experiment, photos(), split, folder, title="test", **options)


def variant(**changes):
    return Experiment(**{**vars(BASE), **changes})


def values(folder, name):
    return read_recording(folder).scalars[name].values.tolist()


def test_the_same_seed_gives_the_same_recording(tmp_path):
    sample = Sample("first", photos().pixels[0], 0)
    for name in "ab":
        torch.manual_seed(hash(name) % 1000)  # dropout does not depend on what ran before
        list(training(tmp_path / name, sample=sample).steps())
    a, b = (read_recording(tmp_path / name) for name in "ab")
    assert a.scalars.keys() == b.scalars.keys()
    for name in a.scalars.keys() - {"seconds"}:
        np.testing.assert_array_equal(a.scalars[name].values, b.scalars[name].values)
    for quantity in a.flow:
        np.testing.assert_array_equal(a.flow[quantity], b.flow[quantity])
    np.testing.assert_array_equal(a.pictures["cam"], b.pictures["cam"])
    list(training(tmp_path / "c", variant(seed=1)).steps())
    assert values(tmp_path / "c", "loss") != a.scalars["loss"].values.tolist()


def test_training_leaves_the_global_random_state_alone(tmp_path):
    torch.manual_seed(5)
    before = torch.get_rng_state()
    list(training(tmp_path / "a", variant(steps=2)).steps())
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("network", ["vgg11", "vgg11_bn"])
def test_recording_does_not_change_the_training(tmp_path, network):
    """Every step measured, with Grad-CAM and validation between, or none but the first."""
    ends = {}
    sample = Sample("first", photos().pixels[0], 0)
    for every in (1, 1000):
        run = training(tmp_path / str(every), variant(network=network, every=every), sample=sample)
        losses = [event.loss for event in run.steps()]
        ends[every] = losses, run.network.state_dict()
    assert ends[1][0] == ends[1000][0]
    assert len(set(ends[1][0])) == BASE.steps
    assert all(torch.equal(ends[1][1][key], ends[1000][1][key]) for key in ends[1][1])


def literal_losses(steps):
    """Shuffled batches at one random crop, half mirrored; SGD written out; dropout seeded."""
    data, draws = photos(), torch.Generator().manual_seed(0)
    network = build_network(build("vgg11", width=1 / 16, classes=3, input_size=32))
    initialize(network, "he_fan_in", seed=0)
    network.train()
    weights = dict(network.named_parameters())
    velocity = {name: torch.zeros_like(w) for name, w in weights.items()}
    mean = torch.tensor(IMAGENET.mean).view(3, 1, 1)
    std = torch.tensor(IMAGENET.std).view(3, 1, 1)
    losses = []
    torch.manual_seed(0)
    order = torch.randperm(20, generator=draws)
    for step in range(1, steps + 1):
        if len(order) < 8:
            order = torch.randperm(20, generator=draws)
        chosen, order = order[:8], order[8:]
        top, left = torch.randint(0, SIDE - 32 + 1, (2,), generator=draws).tolist()
        mirrored = torch.rand(8, generator=draws) < 0.5
        images = torch.empty(8, 3, 32, 32)
        for i, index in enumerate(chosen):
            cut = data.pixels[index, :, top : top + 32, left : left + 32]
            cut = cut.flip(-1) if mirrored[i] else cut
            images[i] = (cut / 255 - mean) / std
        loss = F.cross_entropy(network(images), data.labels[chosen])
        found = torch.autograd.grad(loss, list(weights.values()))
        with torch.no_grad():
            for (name, w), gradient in zip(weights.items(), found, strict=True):
                velocity[name] = 0.9 * velocity[name] + gradient + 5e-4 * w
                w.sub_(0.02 * min(1, step / 4) * velocity[name])
        losses.append(loss.item())
    return losses


def test_the_first_steps_by_hand(tmp_path):
    expected = literal_losses(3)  # the third begins a new epoch: 20 photos, batches of 8
    list(training(tmp_path / "a").steps())
    assert values(tmp_path / "a", "loss")[:3] == pytest.approx(expected, rel=1e-4)
    assert max(expected) - min(expected) > 0.01


def test_what_is_recorded_when(tmp_path):
    run = training(tmp_path / "a", sample=Sample("first", photos().pixels[0], 0))
    events = list(run.steps())
    recording = read_recording(tmp_path / "a")
    assert recording.info.state == "complete"
    assert [event.step for event in events] == list(range(1, 7))
    assert values(tmp_path / "a", "loss") == [np.float32(event.loss) for event in events]
    assert values(tmp_path / "a", "accuracy") == [np.float32(event.accuracy) for event in events]
    assert recording.flow_steps.tolist() == [1, 2, 4, 6]
    assert recording.picture_steps["kernels"].tolist() == [1, 2, 4, 6]
    assert recording.picture_steps["cam"].tolist() == [1, 2, 4, 6]
    assert recording.scalars["validation_loss"].steps.tolist() == [1, 4, 6]
    first = next(p for p in run.network.parameters()).detach()
    np.testing.assert_array_equal(recording.pictures["kernels"][-1], first.numpy())
    settings = recording.info.settings
    assert settings["chance_loss"] == pytest.approx(1.0961, abs=1e-4)  # 7, 7 and 6 photos of 20
    assert (settings["network"], settings["training_photos"]) == ("vgg11", 20)


def test_validation_by_hand(tmp_path):
    run = training(tmp_path / "a")
    list(run.steps())
    held = photos(9, seed=1)
    run.network.eval()
    mean = torch.tensor(IMAGENET.mean).view(3, 1, 1)
    std = torch.tensor(IMAGENET.std).view(3, 1, 1)
    with torch.no_grad():
        scores = run.network((held.pixels[:, :, 2:34, 2:34] / 255 - mean) / std)
    right = (scores.argmax(1) == held.labels).float().mean()
    loss = F.cross_entropy(scores, held.labels)
    assert values(tmp_path / "a", "validation_loss")[-1] == pytest.approx(float(loss), rel=1e-4)
    assert values(tmp_path / "a", "validation_accuracy")[-1] == pytest.approx(float(right))


def test_no_validation_photos(tmp_path):
    none = PhotoSet(
        torch.zeros(0, 3, SIDE, SIDE, dtype=torch.uint8), torch.zeros(0).long(), CLASSES
    )
    list(training(tmp_path / "a", variant(steps=2), validation=none).steps())
    assert "validation_loss" not in read_recording(tmp_path / "a").scalars


def test_closing_early_is_a_stop(tmp_path):
    steps = training(tmp_path / "a").steps()
    assert [event.step for event in itertools.islice(steps, 3)] == [1, 2, 3]
    steps.close()
    info = read_info(tmp_path / "a")
    assert (info.state, info.steps, info.planned_steps) == ("stopped", 3, 6)


@pytest.mark.parametrize("every", [1, 50])
def test_a_learning_rate_that_diverges_is_a_named_result(tmp_path, every):
    run = training(tmp_path / "a", variant(learning_rate=1e6, warmup=0, every=every, steps=40))
    events = list(run.steps())
    assert run.finding is not None
    assert 1 < run.finding.step == events[-1].step < 40
    assert run.finding.layer in dict(run.network.named_modules())
    info = read_info(tmp_path / "a")
    assert (info.state, info.steps) == ("diverged", run.finding.step)
    (found,) = [finding for finding in info.findings if finding.kind == "diverged"]
    assert found == run.finding
    assert found.message.startswith(f"diverged at step {found.step}: loss is ")
    assert found.message.endswith(f", first in {found.layer}")


def test_the_learning_rate_may_change_between_steps(tmp_path):
    run = training(tmp_path / "a", variant(every=1, warmup=0))
    for event in run.steps():
        if event.step == 3:
            run.learning_rate = 0.0
    rates = values(tmp_path / "a", "learning_rate")
    assert rates == [np.float32(0.02)] * 3 + [0.0] * 3
    updates = read_recording(tmp_path / "a").flow["update_ratio"]
    assert (updates[:3] > 1e-6).all()
    assert (updates[3:] == 0).all()


def test_warm_up_rises_linearly(tmp_path):
    list(training(tmp_path / "a").steps())
    rates = values(tmp_path / "a", "learning_rate")
    assert rates == pytest.approx([0.005, 0.01, 0.015, 0.02, 0.02, 0.02])


def test_staged_copies_start_as_the_source(tmp_path):
    source = training(tmp_path / "a", variant(steps=2))
    list(source.steps())
    weights = {key: value.clone() for key, value in source.network.state_dict().items()}
    staged = variant(network="vgg13", initialization="staged", steps=1)
    run = training(tmp_path / "b", staged, source=weights)
    names = ["conv1_1", "conv2_1", "conv3_1", "conv3_2", "fc6", "fc7", "fc8"]
    assert run.copied == tuple((name, name) for name in names)
    state = run.network.state_dict()
    assert all(torch.equal(state[f"{name}.weight"], weights[f"{name}.weight"]) for name in names)
    assert not torch.equal(state["conv4_1.weight"], weights["conv4_1.weight"])
    list(run.steps())
    assert read_info(tmp_path / "b").settings["copied"] == [[name, name] for name in names]


def test_notes_are_read_first(tmp_path):
    list(training(tmp_path / "a", variant(steps=1), notes=["3 files were broken"]).steps())
    (note,) = read_info(tmp_path / "a").findings
    assert (note.kind, note.message) == ("note", "3 files were broken")


def test_adam_and_bf16(tmp_path):
    list(training(tmp_path / "a", variant(optimizer="adam", bf16=True, learning_rate=1e-3)).steps())
    losses = values(tmp_path / "a", "loss")
    assert np.isfinite(losses).all()
    assert len(set(losses)) == BASE.steps


def test_what_cannot_be_trained(tmp_path):
    one = PhotoSet(photos().pixels[:1], photos().labels[:1], CLASSES)
    with pytest.raises(InputError, match="at least two photos"):
        RecordedTraining(BASE, one, photos(), tmp_path / "a", title="a")
    with pytest.raises(InputError, match="36 px are too small for an input of 64 px"):
        training(tmp_path / "a", variant(input_size=64))
    assert not (tmp_path / "a").exists()


def test_weights_are_kept_as_a_checkpoint_like_any_other(tmp_path, monkeypatch):
    run = training(tmp_path / "a", variant(steps=2))
    for event in run.steps():
        assert run.keep_weights(event.step)
    assert read_info(tmp_path / "a").weights == (1, 2)
    kept = {step: load_file(weights_path(tmp_path / "a", step)) for step in (1, 2)}
    for name, value in run.network.state_dict().items():
        assert torch.equal(kept[2][name], value.half())
    assert any(not torch.equal(kept[1][name], kept[2][name]) for name in kept[1])
    found = inspect_file(weights_path(tmp_path / "a", 2), "kept.safetensors")
    assert found.config == run.network.config
    assert (found.preprocessing.resize, found.preprocessing.crop) == (SIDE, 32)
    monkeypatch.setattr(recorded, "KEPT_BYTES", 100)
    assert not run.keep_weights(3)
    assert read_info(tmp_path / "a").weights == (1, 2)
