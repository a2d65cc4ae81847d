"""The recordings that ship are what their recipes produce."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from vgg_viz.models.registry import assets_folder, parse_model_name
from vgg_viz.models.weights import load_model
from vgg_viz.recordings import find_runs, read_recording
from vgg_viz.training.data import normalise
from vgg_viz.training.recorded import VALIDATION_PHOTOS, RecordedTraining, _subset
from vgg_viz.training.runs import SHIPPED, data_of, sample_of

RUNS = assets_folder() / "runs"
SHORTEST = "shapes-a"  # 300 steps at an eighth of A's width, on pictures that are generated
STEPS = 20


def shipped() -> list[str]:
    return [path.name for path in find_runs(RUNS)]


def test_every_recording_belongs_to_a_recipe_and_fits_the_repository() -> None:
    assert set(shipped()) == set(SHIPPED)
    assert sum(f.stat().st_size for f in RUNS.rglob("*") if f.is_file()) < 15e6


@pytest.mark.parametrize("name", shipped())
def test_a_recording_is_whole_and_says_how_it_was_made(name: str) -> None:
    found = read_recording(RUNS / name)
    experiment = SHIPPED[name].experiment
    assert found.info.state == "complete"
    assert found.info.steps == experiment.steps == len(found.scalars["loss"].steps)
    assert found.info.settings["initialization"] == experiment.initialization
    assert found.info.settings["learning_rate"] == experiment.learning_rate
    assert found.info.settings["place"] == list(SHIPPED).index(name)
    assert np.isfinite(found.flow["gradient_std"]).all()
    assert len(found.pictures["kernels"]) == len(found.flow_steps)


@pytest.mark.parametrize("name", shipped())
def test_the_weights_a_recipe_keeps_are_kept(name: str) -> None:
    assert read_recording(RUNS / name).info.weights == SHIPPED[name].checkpoints


def test_kept_weights_are_those_of_the_recording(tmp_path: Path) -> None:
    found = read_recording(RUNS / SHORTEST)
    training, validation, _ = data_of(SHIPPED[SHORTEST], None)
    losses = found.scalars["validation_loss"]
    for step in (100, 300):
        loaded = load_model(
            parse_model_name(f"vgg11:{RUNS / SHORTEST / f'weights-{step:05}.safetensors'}"),
            allow_paths=True,
            uploads=None,
        )
        assert loaded.classes == training.classes
        assert (loaded.preprocessing.crop, loaded.preprocessing.resize) == (64, 64)
        chosen = _subset(validation, VALIDATION_PHOTOS)
        with torch.inference_mode():
            scores = loaded.network(normalise(chosen.pixels / 255))
        loss = float(F.cross_entropy(scores, chosen.labels))
        recorded = losses.values[losses.steps == step]
        # Recorded in fp32, kept in fp16.
        np.testing.assert_allclose(loss, recorded, rtol=5e-3)


@pytest.mark.slow
def test_the_shortest_training_gives_the_shipped_numbers_again(tmp_path: Path) -> None:
    kept = read_recording(RUNS / SHORTEST)
    training, validation, _ = data_of(SHIPPED[SHORTEST], None)
    recorded = RecordedTraining(
        SHIPPED[SHORTEST].experiment,
        training,
        validation,
        tmp_path / "again",
        title="again",
        sample=sample_of(training),
    )
    steps = recorded.steps()
    losses = np.array([next(steps).loss for _ in range(STEPS)])
    steps.close()
    shown = kept.scalars["loss"].values[:STEPS]
    assert losses.std() > 0.02, "a flat loss would agree with anything"
    # fp32 sums in another order on another processor: 1e-7 at step 1, growing from step to step.
    np.testing.assert_allclose(losses, shown, rtol=2e-2)
    np.testing.assert_allclose(losses[0], shown[0], rtol=1e-5)
    again = read_recording(tmp_path / "again")
    rows = len(again.flow_steps)
    assert rows == 3  # steps 1, 10 and 20
    for quantity in ("z_std", "gradient_std", "weight_gradient_norm"):
        np.testing.assert_allclose(
            again.flow[quantity], kept.flow[quantity][:rows], rtol=0.1, err_msg=quantity
        )


@pytest.mark.slow
@pytest.mark.skipif("VGG_VIZ_TRAINING_PHOTOS" not in os.environ, reason="needs the photos")
def test_a_training_on_photos_begins_as_shipped(tmp_path: Path) -> None:
    kept = read_recording(RUNS / "d-he")
    photos = Path(os.environ["VGG_VIZ_TRAINING_PHOTOS"])
    training, validation, _ = data_of(SHIPPED["d-he"], photos)
    recorded = RecordedTraining(
        SHIPPED["d-he"].experiment, training, validation, tmp_path / "again", title="again"
    )
    steps = recorded.steps()
    losses = [next(steps).loss for _ in range(5)]
    steps.close()
    np.testing.assert_allclose(losses, kept.scalars["loss"].values[:5], rtol=2e-2)
