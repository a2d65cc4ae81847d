"""Recordings as bytes: nothing is smoothed, what is left out is said, news fit behind what came."""

import json

import numpy as np
import pytest

from fake_runs import FakeTraining, bundled_run
from fake_service import FakeService
from vgg_viz import figures
from vgg_viz.figures.recording_frames import MOST_FLOW, MOST_PICTURES, MOST_POINTS, thinned
from vgg_viz.requests import PictureRequest, RecordingRequest
from vgg_viz.results import QUANTITIES, Series


def decoded(frame):
    """Header, and a function from part name and type to numbers."""
    header, parts = figures.unpack(frame)
    return header, lambda name, kind: np.frombuffer(parts[name], kind), parts


def series(values):
    return Series(np.arange(len(values), dtype=np.int32), np.asarray(values, np.float32))


def whole(run="d-he"):
    return FakeTraining().recording(RecordingRequest(run))


def test_two_runs_travel_with_what_the_page_says_of_them():
    runs = [whole("d-he"), whole("d-variance-001")]
    header, part, _ = decoded(figures.recording_frame(runs, live=True))
    assert header["live"]
    assert header["magnitudes"] == [-18, 6, 60]
    first, second = header["runs"]
    assert (first["run"], first["title"], first["state"]) == (
        "d-he",
        "D from scratch, He",
        "complete",
    )
    assert first["after"] == -1
    assert first["last"] == 599
    assert (first["sample"], first["cam_layer"], first["cam_target"]) == ("cat", "conv5_3", "cat")
    assert first["layers"][0] == "conv1_1"
    assert second["findings"][-1] == {
        "step": 37,
        "layer": "conv4_2",
        "kind": "diverged",
        "message": "diverged at step 37: loss is NaN, first in conv4_2",
    }
    assert part("0.flow.steps", "<i4").tolist() == list(range(0, 600, 10))
    for i, run in enumerate(runs):
        for name in QUANTITIES:
            sent = part(f"{i}.flow.{name}", "<f4").reshape(run.flow[name].shape)
            np.testing.assert_array_equal(sent, run.flow[name])
        for name, counts in run.histograms.items():
            np.testing.assert_array_equal(part(f"{i}.histogram.{name}", "<u2"), counts.ravel())


def test_a_short_run_is_sent_step_by_step_with_its_nans():
    run = whole("d-variance-001")
    header, part, _ = decoded(figures.recording_frame([run]))
    assert header["runs"][0]["scalars"]["loss"] == 1
    loss = part("0.scalar.loss.values", "<f4")
    np.testing.assert_array_equal(loss, run.scalars["loss"].values)
    assert np.isnan(loss[37])
    assert not np.isnan(loss[36])


def test_a_thinned_curve_keeps_real_points_spikes_and_gaps():
    values = np.sin(np.arange(6001) / 50)
    values[1234], values[4321], values[3003] = 99, -99, np.nan
    made, stretch = thinned(series(values), 500, keep=np.array([777], np.int32))
    assert 400 < len(made.steps) <= 503
    assert stretch == 25
    assert np.all(np.diff(made.steps) > 0)
    np.testing.assert_array_equal(made.values, values.astype(np.float32)[made.steps])  # no mean
    assert {0, 777, 1234, 3003, 4321, 6000} <= set(made.steps.tolist())
    # The envelope is the same in every stretch: nothing looks calmer than it was.
    for start in range(0, 6001, 25):
        inside = (made.steps >= start) & (made.steps < start + 25)
        stretch_values = values[start : start + 25]
        assert np.nanmax(made.values[inside]) == pytest.approx(np.nanmax(stretch_values))
        assert np.nanmin(made.values[inside]) == pytest.approx(np.nanmin(stretch_values))


def test_a_long_run_is_bounded_and_says_how():
    run = bundled_run("long", "Long", steps=6000)
    recording = run.recording(-1)
    assert len(recording.flow_steps) == 600
    header, part, _ = decoded(figures.recording_frame([recording]))
    head = header["runs"][0]
    loss = part("0.scalar.loss.steps", "<i4")
    assert len(loss) <= MOST_POINTS + MOST_FLOW
    assert head["scalars"]["loss"] == 24
    assert head["flow"]["every"] == 3
    flow = part("0.flow.steps", "<i4")
    assert len(flow) == 200
    assert flow[-1] == 5990  # the newest measurement always stays
    assert set(flow.tolist()) <= set(loss.tolist())  # its loss is exact wherever the slider stops
    assert head["pictures"]["cam"]["every"] == 6
    assert len(part("0.cam.steps", "<i4")) <= MOST_PICTURES


def test_news_are_later_and_whole():
    training = FakeTraining()
    since = training.recording(RecordingRequest("d-he", after=300))
    header, part, parts = decoded(figures.recording_frame([since], after=[300]))
    head = header["runs"][0]
    assert (head["after"], head["last"]) == (300, 599)
    assert part("0.scalar.loss.steps", "<i4").tolist() == list(range(301, 600))
    assert part("0.flow.steps", "<i4")[0] == 310
    assert "0.photo" not in parts
    everything = figures.recording_frame([whole()])
    assert len(figures.recording_frame([since], after=[300])) < 0.6 * len(everything)


def test_no_news_is_a_small_frame_that_forgets_nothing():
    nothing = FakeTraining().recording(RecordingRequest("d-he", after=10**6))
    frame = figures.recording_frame([nothing], after=[599])
    header, _, _ = decoded(frame)
    assert header["runs"][0]["last"] == 599
    assert len(frame) < 8000


def test_pictures_keep_three_digits_of_any_size():
    run = whole("d-std-001")
    run.pictures["cam"][:] = np.linspace(-3e-12, 1e-12, 49).reshape(7, 7)
    header, part, _ = decoded(figures.recording_frame([run]))
    about = header["runs"][0]["pictures"]["cam"]
    assert about["shape"] == [7, 7]
    sent = part("0.cam.values", "<f2").astype(float) * about["unit"]
    np.testing.assert_allclose(sent, run.pictures["cam"].ravel(), rtol=1e-3, atol=1e-15)
    kernels = part("0.kernels.values", "<f2").astype(float)
    unit = header["runs"][0]["pictures"]["kernels"]["unit"]
    np.testing.assert_allclose(kernels * unit, run.pictures["kernels"].ravel(), atol=1e-3 * unit)


def test_pictures_that_are_not_numbers_do_not_break_the_frame():
    run = whole()
    run.pictures["cam"][3] = np.nan
    run.pictures["kernels"][-1] = np.inf
    header, part, _ = decoded(figures.recording_frame([run]))
    json.dumps(header, allow_nan=False)
    assert np.isfinite(part("0.kernels.values", "<f2").astype(float)).all()


def test_the_photo_travels_once():
    photo = FakeService().run(PictureRequest("cat"))
    _, _, parts = decoded(figures.recording_frame([whole(), whole()], photos=[photo, None]))
    assert parts["0.photo"] == photo.jpeg
    assert "1.photo" not in parts


def test_the_newest_step_is_that_of_any_kind():
    run = bundled_run("short", "Short", steps=25)
    assert figures.last_step(run.recording(-1)) == 24
    assert figures.last_step(run.recording(24)) == -1
