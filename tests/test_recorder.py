"""The recorder in anybody's training loop: true numbers, nothing changed, nothing left behind."""

import copy
import math
import os
import random
import signal
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import nn

from tests import reference_flow
from vgg_viz.errors import InputError, VggVizError
from vgg_viz.recordings import WHOLE, read_info, read_recording
from vgg_viz.results import QUANTITIES
from vgg_viz.training import Recorder
from vgg_viz.training.recorder import EXPLODING

ROOT = Path(__file__).resolve().parent.parent
NAN = float("nan")


class Small(nn.Module):
    """The network of reference_flow, with the in-place ReLUs that stock VGGs have."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 4, 3, padding=1)
        self.relu1 = nn.ReLU(inplace=True)
        self.pool = nn.MaxPool2d(2)
        self.conv2 = nn.Conv2d(4, 5, 3, padding=1)
        self.relu2 = nn.ReLU(inplace=True)
        self.fc = nn.Linear(5 * 4 * 4, 3)

    def forward(self, x):
        x = self.pool(self.relu1(self.conv1(x)))
        return self.fc(self.relu2(self.conv2(x)).flatten(1))


class Residual(nn.Module):
    """Residual connections, a functional ReLU, one module used twice, one ReLU for all."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.shared = nn.Conv2d(8, 8, 3, padding=1)
        self.relu = nn.ReLU(inplace=True)
        self.head = nn.Linear(8, 5)

    def forward(self, x):
        x = F.relu(self.stem(x), inplace=True)
        for _ in range(2):
            x = x + self.relu(self.shared(x))
        return self.head(x.mean((2, 3)))


class Scale(nn.Module):
    """No layer at all."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(3))

    def forward(self, x):
        return x.mean((2, 3)) * self.scale


def noisy():
    """Batch norm, dropout and in-place ReLUs."""
    return nn.Sequential(
        nn.Conv2d(3, 8, 3),
        nn.BatchNorm2d(8),
        nn.ReLU(inplace=True),
        nn.Dropout(0.3),
        nn.Conv2d(8, 8, 3, bias=False),
        nn.ReLU(inplace=True),
        nn.Flatten(),
        nn.Dropout(0.5),
        nn.Linear(8 * 4 * 4, 6),
    )


def stock_vgg11():
    """torchvision's convolutions; their in-place ReLUs overwrite what a careless hook keeps."""
    return nn.Sequential(
        torchvision.models.vgg11(weights=None).features, nn.Flatten(), nn.Linear(512, 5)
    )


def computed():
    """Weights computed anew at each reading; in training, spectral norm then changes its own."""
    normed = nn.utils.parametrizations.spectral_norm(nn.Conv2d(3, 4, 3))
    return nn.Sequential(normed, nn.ReLU(), nn.Flatten(), nn.LazyLinear(5))


NETWORKS = {
    "small": (Small, 8),
    "noisy": (noisy, 8),
    "residual": (Residual, 8),
    "no layers": (Scale, 8),
    "stock vgg11": (stock_vgg11, 32),
    "computed weights": (computed, 8),
}


def made(build, seed=0):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build()


def batch(side=8, classes=3, seed=1, n=6):
    generator = torch.Generator().manual_seed(seed)
    images = torch.randn(n, 3, side, side, generator=generator)
    return images, torch.arange(n) % classes


def train(model, recorder=None, *, steps=5, side=8, autocast=False, adam=False, watch=None):
    """A plain loop; returns the losses."""
    optimizer = (
        torch.optim.Adam(model.parameters(), lr=0.01)
        if adam
        else torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    )
    losses = []
    with recorder if recorder is not None else nullcontext():
        for step in range(1, steps + 1):
            images, labels = batch(side, seed=step)
            with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
                scores = model(images)
            loss = F.cross_entropy(scores.float(), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if recorder is not None:
                recorder.step(loss=loss)
            losses.append(loss.item())
            if watch is not None:
                watch(step)
    return losses


def hooks_on(model):
    """Every hook on any module or parameter, whatever its kind."""
    found = []
    for name, module in model.named_modules():
        found += [(name, kind) for kind, v in vars(module).items() if "_hooks" in kind and v]
    return found + [n for n, p in model.named_parameters() if p._backward_hooks]


def gradients(model):
    return {n: None if p.grad is None else p.grad.clone() for n, p in model.named_parameters()}


# --- nothing is changed --------------------------------------------------------------------------


@pytest.mark.parametrize("every", [1, 2, 50])
@pytest.mark.parametrize("autocast", [False, True], ids=["fp32", "bf16"])
@pytest.mark.parametrize("name", NETWORKS)
def test_the_training_is_the_same_to_the_bit(tmp_path, name, autocast, every):
    build, side = NETWORKS[name]
    steps = 3 if side > 8 else 5
    plain, watched = made(build), made(build)
    ends = []
    for model, recorder in (plain, None), (watched, Recorder(watched, tmp_path, every=every)):
        torch.manual_seed(7)
        losses = train(model, recorder, steps=steps, side=side, autocast=autocast)
        ends.append((losses, torch.get_rng_state(), model.state_dict(), gradients(model)))
    (losses, state, weights, grads), (watched_losses, watched_state, found, found_grads) = ends
    assert losses == watched_losses
    assert len(set(losses)) == steps
    assert torch.equal(state, watched_state)
    assert all(torch.equal(weights[key], found[key]) for key in weights)
    assert all(torch.equal(grads[key], found_grads[key]) for key in grads)
    assert hooks_on(watched) == hooks_on(plain)
    assert read_info(tmp_path).state == "complete"
    measured = [step for step in range(1, steps + 1) if step == 1 or step % every == 0]
    expected = [] if name == "no layers" else measured
    assert read_recording(tmp_path).flow_steps.tolist() == expected


def test_no_random_number_is_drawn(tmp_path):
    model = made(Small)
    recorder = Recorder(model, tmp_path / "a", every=1, tensorboard=tmp_path / "board")
    before = random.getstate(), torch.get_rng_state()
    train(model, recorder)
    assert random.getstate() == before[0]
    assert torch.equal(torch.get_rng_state(), before[1])


def test_a_step_leaves_gradients_weights_and_modes(tmp_path):
    model = made(noisy)
    images, labels = batch()
    with Recorder(model, tmp_path, every=1) as recorder:
        F.cross_entropy(model(images), labels).backward()
        before = copy.deepcopy(model.state_dict()), gradients(model)
        objects = [id(p.grad) for p in model.parameters()]
        recorder.step(loss=1.0)
        assert [id(p.grad) for p in model.parameters()] == objects
        assert all(module.training for module in model.modules())
        assert all(m.inplace for m in model.modules() if isinstance(m, nn.ReLU))
        weights, grads = before
        assert all(torch.equal(weights[key], value) for key, value in model.state_dict().items())
        assert all(torch.equal(grads[key], value) for key, value in gradients(model).items())


@pytest.mark.parametrize("name", ["small", "noisy", "residual"])
def test_hooks_are_there_while_measuring_only(tmp_path, name):
    model = made(NETWORKS[name][0])
    seen = {}
    train(
        model,
        Recorder(model, tmp_path, every=3),
        steps=7,
        watch=lambda step: seen.update({step + 1: bool(hooks_on(model))}),
    )
    # After step 2 the recorder waits for step 3, after step 5 for step 6.
    assert [step for step, attached in seen.items() if attached] == [3, 6]
    assert hooks_on(model) == []


@pytest.mark.parametrize("at", [1, 2, 3])
@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_error_in_the_loop_leaves_no_hook_and_a_stopped_recording(tmp_path, error, at):
    model = made(Small)

    def fail(step):
        if step == at:
            raise error

    with pytest.raises(error):
        train(model, Recorder(model, tmp_path, every=2), watch=fail)
    assert hooks_on(model) == []
    recording = read_recording(tmp_path)
    assert recording.info.state == "stopped"
    assert recording.scalars["loss"].steps.tolist() == list(range(1, at + 1))


def test_an_error_inside_the_forward_pass_leaves_no_hook(tmp_path):
    model = made(Small)
    with pytest.raises(RuntimeError), Recorder(model, tmp_path):
        model(torch.zeros(1, 2, 8, 8))
    assert hooks_on(model) == []


# --- true numbers --------------------------------------------------------------------------------


@pytest.fixture
def dead_channel():
    """Small with one dead channel of four in conv1."""
    model = made(Small)
    with torch.no_grad():
        model.conv1.bias[2] = -100.0
    return model


def weights_of(model):
    return {name: p.detach().clone() for name, p in model.named_parameters()}


def test_every_quantity_equals_a_step_by_hand(tmp_path, dead_channel):
    steps, weights, velocity = 3, weights_of(dead_channel), {}
    train(dead_channel, Recorder(dead_channel, tmp_path, every=1), steps=steps)
    recording = read_recording(tmp_path)
    assert recording.info.layers == ("conv1", "conv2", "fc")
    compared = bins = 0
    for step in range(steps):
        images, labels = batch(seed=step + 1)
        weights, velocity, loss, rows, counts = reference_flow.momentum_step(
            weights, velocity, images, labels, rate=0.05, momentum=0.9
        )
        assert recording.scalars["loss"].values[step] == pytest.approx(loss, rel=1e-5)
        for i, layer in enumerate(rows):
            assert rows[layer].keys() == set(QUANTITIES)
            for quantity, value in rows[layer].items():
                found = recording.flow[quantity][step, i]
                assert found == pytest.approx(value, rel=2e-4, nan_ok=True), (layer, quantity)
                compared += math.isfinite(value) and value != 0
            for kind in counts:
                expected = np.array(counts[kind][layer])
                total = 6 * {"conv1": 4 * 64, "conv2": 5 * 16, "fc": 3}[layer]
                shares = recording.histograms[kind][step, i] / WHOLE * total
                # A value on the edge of two bins may fall into either.
                assert np.abs(shares - expected).sum() < 2.1
                bins += (expected > 0).sum()
    # All 9 of both convolutions, but dead shares of conv2; without activations 6 of fc.
    assert compared >= steps * (9 + 8 + 6)
    assert bins > 6 * 6 * steps / 2
    assert recording.flow["dead_share"][:, 0].tolist() == [0.25] * steps
    assert recording.flow["update_ratio"][2, 0] > 1.3 * recording.flow["update_ratio"][0, 0]


def test_tiny_values_do_not_become_zero(tmp_path):
    """z and dL/dz of 1e-30 have squares that float32 rounds to 0."""
    model = made(Small)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(0 if parameter.ndim == 1 else 1)
        model.conv1.weight.mul_(1e-30)
        model.fc.weight.mul_(1e-4)
    images, labels = batch()
    weights = weights_of(model)
    factor = 1e-26
    with Recorder(model, tmp_path) as recorder:
        loss = factor * F.cross_entropy(model(images), labels)
        loss.backward()
        recorder.step(loss=loss)
    _, _, _, rows, _ = reference_flow.momentum_step(
        weights, {}, images, labels, rate=0, momentum=0, factor=factor
    )
    flow = read_recording(tmp_path).flow
    for i, layer in enumerate(rows):
        for quantity in ("z_std", "gradient_std", "weight_gradient_norm", "weight_norm"):
            expected = rows[layer][quantity]
            assert flow[quantity][0, i] == pytest.approx(expected, rel=1e-4, abs=0), quantity
    assert 0 < rows["conv1"]["z_std"] < 1e-29
    assert 0 < rows["conv1"]["gradient_std"] < 1e-29


def test_adam_shows_the_update_it_makes(tmp_path):
    """Measured, not learning rate times gradient: Adam's first step moves every weight by lr."""
    model = made(Small)
    weights = weights_of(model)
    train(model, Recorder(model, tmp_path), steps=1, adam=True)
    after = weights_of(model)
    flow = read_recording(tmp_path).flow
    for i, layer in enumerate(("conv1", "conv2", "fc")):
        key = f"{layer}.weight"
        change = (after[key] - weights[key]).double()
        expected = float(change.norm() / weights[key].double().norm())
        assert flow["update_ratio"][0, i] == pytest.approx(expected, rel=1e-5)
        assert 0.0099 < float(change.abs().median()) < 0.0101


def test_a_module_used_twice_is_one_layer_with_both_passes(tmp_path):
    model = made(Residual)
    images, labels = batch()
    x = F.relu(model.stem(images))
    first = model.shared(x)
    second = model.shared(x + F.relu(first))
    expected = reference_flow.std(torch.cat([first, second]))
    with Recorder(model, tmp_path) as recorder:
        loss = F.cross_entropy(model(images), labels)
        loss.backward()
        recorder.step(loss=loss)
    recording = read_recording(tmp_path)
    assert recording.info.layers == ("stem", "shared", "head")
    assert recording.flow["z_std"][0, 1] == pytest.approx(expected, rel=1e-4)
    assert abs(expected / reference_flow.std(first) - 1) > 0.01
    # The ReLU behind stem is a function, which nobody can watch.
    assert np.isnan(recording.flow["activation_std"][0, [0, 2]]).all()
    assert recording.flow["activation_std"][0, 1] > 0


def test_channels_of_a_linear_layer_come_last(tmp_path):
    """(N, tokens, C): one dead feature of four, at every token."""
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU())
    with torch.no_grad():
        model[0].bias[1] = -100.0
    with Recorder(model, tmp_path) as recorder:
        loss = model(batch(8)[0].flatten(2).transpose(1, 2)).sum()
        loss.backward()
        recorder.step(loss=loss)
    assert read_recording(tmp_path).flow["dead_share"].tolist() == [[0.25]]


def test_layers_that_share_a_weight_both_have_its_gradient(tmp_path):
    model = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4))
    model[2].weight = model[0].weight
    with Recorder(model, tmp_path) as recorder:
        loss = model(torch.ones(2, 4)).square().sum()
        loss.backward()
        recorder.step(loss=loss)
    norms = read_recording(tmp_path).flow["weight_gradient_norm"][0]
    assert norms[0] == norms[1] == pytest.approx(float(model[0].weight.grad.norm()), rel=1e-5)
    assert recorder.findings == ()


def test_weights_that_are_computed_have_no_norm(tmp_path):
    model = made(computed)
    train(model, Recorder(model, tmp_path, every=1), steps=2)
    recording = read_recording(tmp_path)
    assert np.isnan(recording.flow["weight_norm"][:, 0]).all()
    assert (recording.flow["z_std"] > 0).all()
    ratio = recording.flow["update_ratio"][:, 1]  # the lazy layer had no weight before step 1
    assert np.isnan(ratio[0])
    assert ratio[1] > 0


# --- what counts ---------------------------------------------------------------------------------


def one_step(model, folder, aside=None):
    """One measured step with something else before and between its passes: its flow."""
    images, labels = batch()
    with Recorder(model, folder) as recorder:
        if aside is not None:
            aside(recorder)
        loss = F.cross_entropy(model(images), labels)
        if aside is not None:
            aside(recorder)
        loss.backward()
        recorder.step(loss=loss)
    return read_recording(folder)


@pytest.fixture
def alone(tmp_path):
    return one_step(made(Small), tmp_path / "alone")


def assert_same(found, expected):
    for quantity in QUANTITIES:
        np.testing.assert_array_equal(found.flow[quantity], expected.flow[quantity])
    np.testing.assert_array_equal(found.histograms["z"], expected.histograms["z"])


@pytest.mark.parametrize("without", [torch.no_grad, torch.inference_mode])
def test_a_validation_does_not_count(tmp_path, alone, without):
    model = made(Small)

    def validate(_):
        with without():
            model(5 * batch(seed=9)[0])

    assert_same(one_step(model, tmp_path / "a", validate), alone)


def test_passes_aside_do_not_count(tmp_path, alone):
    model = made(Small)

    def look(recorder):
        with recorder.aside(), recorder.aside():
            pass
        with recorder.aside():
            with recorder.aside():
                pass
            scores = model(5 * batch(seed=9)[0])
            torch.autograd.grad(scores[:, 0].sum(), list(model.parameters()))

    assert_same(one_step(model, tmp_path / "a", look), alone)


def test_passes_that_are_not_aside_would_count(tmp_path, alone):
    """Or the two tests above could not fail."""
    model = made(Small)
    found = one_step(model, tmp_path / "a", lambda _: model(5 * batch(seed=9)[0]))
    assert found.flow["z_std"][0, 0] > 1.5 * alone.flow["z_std"][0, 0]


def test_gradients_collected_over_two_passes(tmp_path):
    """Accumulation: z of both halves together is z of the whole."""
    model = made(Small)
    images, labels = batch()
    whole = one_step(made(Small), tmp_path / "whole")
    with Recorder(model, tmp_path / "halves") as recorder:
        for half in (slice(0, 3), slice(3, 6)):
            loss = F.cross_entropy(model(images[half]), labels[half]) / 2
            loss.backward()
        recorder.step(loss=loss)
    halves = read_recording(tmp_path / "halves")
    for quantity in ("z_std", "weight_gradient_norm", "gradient_std"):
        np.testing.assert_allclose(halves.flow[quantity], whole.flow[quantity], rtol=1e-4)


@pytest.mark.parametrize("kind", ["tensor", "float"])
def test_scalars_may_be_tensors_or_floats(tmp_path, kind):
    give = torch.tensor if kind == "tensor" else float
    with Recorder(made(Small), tmp_path) as recorder:
        recorder.step(loss=give(1.5), rate=give(0.25))
        recorder.scalars(validation_loss=give(2.5))
        recorder.picture("kernels", np.ones((2, 2)))
    recording = read_recording(tmp_path)
    numbers = {name: series.values.tolist() for name, series in recording.scalars.items()}
    assert numbers == {"loss": [1.5], "rate": [0.25], "validation_loss": [2.5]}
    assert recording.scalars["validation_loss"].steps.tolist() == [1]
    assert recording.picture_steps["kernels"].tolist() == [1]


def test_what_the_recording_says_about_itself(tmp_path):
    with Recorder(made(Small), str(tmp_path / "mine"), settings={"lr": 0.1}, planned_steps=9) as r:
        r.note("read this")
    info = read_info(tmp_path / "mine")
    assert (info.title, info.planned_steps, info.settings) == ("mine", 9, {"lr": 0.1})
    assert (info.findings[0].kind, info.findings[0].message) == ("note", "read this")
    assert info.versions["torch"] == torch.__version__


def test_what_cannot_be_recorded(tmp_path):
    model = made(Small)
    with pytest.raises(InputError, match="every=0 measures nothing"):
        Recorder(model, tmp_path, every=0)
    with Recorder(model, tmp_path / "a") as recorder:
        pass
    recorder.close()
    with pytest.raises(VggVizError, match="has ended"):
        recorder.step(loss=1.0)
    with pytest.raises(InputError, match="already holds a recording"):
        Recorder(model, tmp_path / "a", tensorboard=tmp_path / "board")
    assert not (tmp_path / "board").exists()


# --- findings ------------------------------------------------------------------------------------


def kinds(recorder):
    return [(finding.kind, finding.step, finding.layer) for finding in recorder.findings]


def test_a_dead_layer_is_named_once(tmp_path):
    model = made(Small)
    with torch.no_grad():
        model.conv2.bias.fill_(-100.0)
    recorder = Recorder(model, tmp_path, every=1)
    train(model, recorder, steps=3)
    assert kinds(recorder) == [("dead layer", 1, "conv2")]
    assert recorder.findings[0].message == "step 1: conv2 is dead, its ReLU gives only 0"
    assert read_info(tmp_path).findings == recorder.findings


def test_an_exploding_update_is_named_once(tmp_path):
    model = made(Small)
    with Recorder(model, tmp_path, every=1) as recorder:
        for step in range(1, 4):
            F.cross_entropy(model(batch()[0]), batch()[1]).backward()
            with torch.no_grad():
                model.conv2.weight.mul_(1 + EXPLODING * (0.9 if step == 1 else 1.1))
            recorder.step(loss=1.0)
    assert kinds(recorder) == [("exploding update", 2, "conv2")]
    assert recorder.findings[0].message == "step 2: conv2 changed by 0.55 of its own norm"
    assert read_info(tmp_path).state == "complete"


@pytest.mark.parametrize("value", [NAN, math.inf])
def test_a_gradient_that_is_not_finite_is_named_where_it_began(tmp_path, value):
    """Going back it enters at conv2, and spreads to conv1; the loss is fine, so the run goes on."""
    model = made(Small)
    with Recorder(model, tmp_path, every=1) as recorder:
        for step in range(1, 5):
            model.zero_grad()
            x = model.pool(model.relu1(model.conv1(batch()[0])))
            x = model.relu2(model.conv2(x))
            if step >= 2:
                x.register_hook(lambda gradient: gradient * value)
            loss = F.cross_entropy(model.fc(x.flatten(1)), batch()[1])
            loss.backward()
            recorder.step(loss=loss)
    assert kinds(recorder) == [("non-finite gradient", 2, "conv2")]
    assert recorder.findings[0].message == "step 2: dL/dW is not finite, going back first in conv2"
    recording = read_recording(tmp_path)
    assert recording.info.state == "complete"
    assert np.isnan(recording.flow["weight_gradient_norm"][1, 0])


@pytest.mark.parametrize(("every", "step"), [(1, 3), (3, 3), (50, 1)])
def test_divergence_in_a_measured_step_names_the_layer_where_it_begins(tmp_path, every, step):
    model = made(Small)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    with Recorder(model, tmp_path, every=every) as recorder:
        for at in range(1, 5):
            if at == step:
                with torch.no_grad():
                    model.conv2.bias[0] = NAN
            loss = F.cross_entropy(model(batch()[0]), batch()[1])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            recorder.step(loss=loss)
    assert kinds(recorder)[0] == ("diverged", step, "conv2")
    assert recorder.findings[0].message == f"diverged at step {step}: loss is NaN, first in conv2"
    assert [finding.kind for finding in recorder.findings] == ["diverged"]
    info = read_info(tmp_path)
    assert (info.state, info.steps) == ("diverged", 4)


def test_divergence_between_measured_steps_names_what_weights_show(tmp_path):
    model = made(Small)
    with Recorder(model, tmp_path) as recorder:
        recorder.step(loss=1.0)
        with torch.no_grad():
            model.conv2.weight[0] = NAN
        recorder.step(loss=NAN)
        recorder.step(loss=NAN)
    assert [finding.message for finding in recorder.findings] == [
        "diverged at step 2: loss is NaN, first in conv2"
    ]


def test_divergence_that_reached_every_layer_claims_no_layer(tmp_path):
    """A careless "first in conv1" would be wrong: an overflow in fc looks the same by then."""
    model = made(Small)
    with Recorder(model, tmp_path) as recorder:
        recorder.step(loss=1.0)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.fill_(NAN)
        recorder.step(loss=math.inf)
    (finding,) = recorder.findings
    assert (finding.layer, finding.step) == ("", 2)
    assert finding.message == (
        "diverged at step 2: loss is infinite; measure with every=1 to see in which layer that "
        "begins"
    )


def test_divergence_that_began_in_the_loss(tmp_path):
    model = made(Small)
    with Recorder(model, tmp_path) as recorder:
        loss = model(batch()[0]).sum() * NAN
        loss.backward()
        recorder.step(loss=loss)
    (finding,) = recorder.findings
    assert finding.message == (
        "diverged at step 1: loss is NaN; all outputs of layers were finite, so it began behind "
        "them"
    )


def test_a_healthy_training_finds_nothing(tmp_path):
    model = made(noisy)
    recorder = Recorder(model, tmp_path, every=1)
    train(model, recorder)
    assert recorder.findings == ()


# --- kills, TensorBoard --------------------------------------------------------------------------

KILLED = """
import os, signal, sys
sys.path.insert(0, {root!r})
from tests.test_recorder import Recorder, Small, made, train
model = made(Small)
def watch(step):
    if step == 5:
        os.kill(os.getpid(), signal.{name})
train(model, Recorder(model, {folder!r}, every=2), steps=50, watch=watch)
"""


@pytest.mark.parametrize(("name", "state"), [("SIGKILL", "interrupted"), ("SIGINT", "stopped")])
def test_a_process_that_is_ended(tmp_path, name, state):
    folder = tmp_path / "a"
    program = KILLED.format(root=str(ROOT), folder=str(folder), name=name)
    run = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        check=False,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert run.returncode == -getattr(signal, name), run.stderr
    recording = read_recording(folder)
    assert recording.info.state == state
    assert recording.flow_steps.tolist() == [1, 2, 4]
    assert recording.scalars["loss"].steps.tolist()[:4] == [1, 2, 3, 4]
    model = made(Small)
    expected = train(model, steps=4)
    np.testing.assert_allclose(recording.scalars["loss"].values[:4], expected, rtol=1e-5)


def test_tensorboard_gets_the_same_numbers(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    model = made(Small)
    recorder = Recorder(model, tmp_path / "a", every=2, tensorboard=tmp_path / "board")
    losses = train(model, recorder, steps=4)
    events = EventAccumulator(str(tmp_path / "board"))
    events.Reload()
    loss = events.Scalars("loss")
    assert [event.step for event in loss] == [1, 2, 3, 4]
    assert [event.value for event in loss] == [pytest.approx(value) for value in losses]
    recording = read_recording(tmp_path / "a")
    flow = events.Scalars("gradient_std/conv2")
    assert [event.step for event in flow] == recording.flow_steps.tolist() == [1, 2, 4]
    np.testing.assert_allclose(
        [event.value for event in flow], recording.flow["gradient_std"][:, 1], rtol=1e-6
    )
    assert "activation_std/fc" not in events.Tags()["scalars"]  # NaN: no ReLU follows


def test_without_tensorboard_it_is_said(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(VggVizError, match=r"pip install 'vgg-viz\[tensorboard\]'"):
        Recorder(made(Small), tmp_path / "a", tensorboard=tmp_path / "board")
    assert not (tmp_path / "a").exists()
