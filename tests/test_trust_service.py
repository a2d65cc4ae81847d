"""Trust as a study of the real service, its request, and the words of its verdict."""

import time
from dataclasses import replace

import numpy as np
import pytest

from vgg_viz.attribution.verdict import findings, verdict
from vgg_viz.errors import InputError, UnknownNameError
from vgg_viz.requests import AttributionRequest, TrustJob
from vgg_viz.results import MapCurves, PerturbationCurve, Pointing, Randomised, SeedSpread, Trust

JOB = TrustJob("vgg16", "cat", points=4, random_maps=1, seeds=2)


def test_a_job_holds_the_question_of_its_map():
    request = AttributionRequest("vgg16", "cat", "conv3_1", 2, "lrp", parameters=(("gamma", 0.5),))
    job = TrustJob.of(request, (0.1, 0.2, 0.3, 0.4), points=8)
    assert job.attribution == request
    assert (job.box, job.points, job.random_maps) == ((0.1, 0.2, 0.3, 0.4), 8, 3)
    assert hash(job) == hash(TrustJob.of(request, (0.1, 0.2, 0.3, 0.4), points=8))


def test_a_study_from_its_first_map_to_its_verdict(service):
    name = service.submit(JOB)
    while not service.events(name)[-1].final:
        time.sleep(0.01)
    assert service.events(name)[-1].state == "done", service.events(name)[-1].message
    found = service.result(name)
    assert isinstance(found, Trust)
    assert service.find(replace(JOB)) == name
    assert service.find(replace(JOB, seed=1)) is None
    assert found.verdict in ("good", "caution", "bad")
    assert found.share == 1
    assert found.cascade == len(found.randomised) == 16
    assert found.provenance.model == "vgg16:bundled"
    own = service.run(JOB.attribution)
    np.testing.assert_array_equal(found.attribution.grid, own.grid)
    assert found.attribution.target == own.target
    assert any("32" not in line and "4 points" in line for line in found.protocol)


def test_it_is_answered_like_a_question_too_and_kept(service):
    job = replace(JOB, model="zfnet_b", method="lrp", box=(0.0, 0.0, 0.5, 0.5))
    found = service.run(job)
    assert found is service.run(job)
    assert found.pointing.box_share == 0.25
    assert dict(found.checks)["conservation error"] >= 0
    assert len(found.randomised) == 8


def test_a_stopped_study_shows_what_it_had_and_goes_on(service):
    job = replace(JOB, points=256, random_maps=20, seed=9)
    name = service.submit(job)
    while (found := service.result(name)) is None:
        time.sleep(0.005)
    assert found.verdict == "unfinished"
    service.cancel(name)
    while not service.events(name)[-1].final:
        time.sleep(0.005)
    assert service.events(name)[-1].state == "cancelled"
    share = service.result(name).share
    assert share < 1
    again = service.submit(job)
    while (found := service.result(again)) is None:
        time.sleep(0.005)
    assert found.share >= share
    service.cancel(again)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"box": (0.5, 0.5, 0.2, 0.9)}, InputError),
        ({"points": 1}, InputError),
        ({"seeds": 99}, InputError),
        ({"method": "magic"}, UnknownNameError),
        ({"layer": "conv9_9"}, UnknownNameError),
        ({"target": 99}, UnknownNameError),
    ],
)
def test_what_cannot_be_measured_is_told_at_once(service, change, error):
    with pytest.raises(error):
        service.submit(replace(JOB, **change))


# --- words ---------------------------------------------------------------------------------------


def curves(name, gain):
    x = np.array([0, 1], np.float32)
    flat = lambda area: PerturbationCurve(x, x, area)  # noqa: E731
    return MapCurves(name, f"the {name}", flat(0.25), flat(0.25 + gain))


def row(layers, rank, absolute):
    return Randomised(f"conv{layers}", layers, rank, absolute, 0.5, np.zeros((2, 2), np.float32))


def said(**changes):
    references = [curves("edges", 0.2), curves("centre", 0.3), curves("random", 0.1)]
    given = {
        "curves": curves("map", 0.5),
        "references": references,
        "checks": (),
        "randomised": (row(1, 0.9, 0.9), row(2, 0.1, 0.2), row(4, 0.0, 0.1)),
        "cascade": 3,
        "seeds": None,
        "pointing": None,
    }
    return findings(**{**given, **changes})


def test_a_good_map():
    found = said()
    assert [each.level for each in found] == ["good", "good"]
    assert verdict(found, complete=True) == "good"
    assert verdict(found, complete=False) == "unfinished"
    assert "0.500" in found[0].text
    assert "0.200" in found[0].text
    assert "conv2" in found[1].text or "0.10" in found[1].text


@pytest.mark.parametrize(
    ("gain", "level"), [(0.2, "bad"), (0.1, "bad"), (0.25, "caution"), (0.31, "good")]
)
def test_against_maps_that_know_nothing(gain, level):
    found = said(curves=curves("map", gain))
    assert found[0].level == level
    if level == "caution":
        assert "the centre (0.300)" in found[0].text
        assert "random" not in found[0].text


def test_nothing_is_said_before_it_is_measured():
    assert said(references=[curves("edges", 0.2)], randomised=(row(1, 1, 1),)) == ()


@pytest.mark.parametrize(
    ("rows", "level", "words"),
    [
        ((row(2, 0.95, 0.95), row(4, 0.1, 0.1)), "bad", "upper half"),
        ((row(2, 0.1, 0.1), row(4, 0.8, 0.8)), "bad", "every weight"),
        ((row(2, 0.1, 0.8), row(4, 0.1, 0.8)), "caution", "other signs"),
        ((row(2, 0.1, 0.1), row(4, None, None)), "good", "without an order"),
    ],
)
def test_after_randomising(rows, level, words):
    found = said(randomised=rows, cascade=2)
    assert found[1].level == level
    assert words in found[1].text


@pytest.mark.parametrize(("value", "level"), [(0.05, "good"), (0.051, "caution"), (3.0, "caution")])
def test_what_the_method_says_of_itself(value, level):
    found = said(checks=(("score", 3.0), ("completeness error", value)))
    assert (found[1].level, found[1].text.split(" ")[0]) == (level, "Completeness")


def test_seeds_and_boxes():
    box = (0.0, 0.0, 0.5, 0.5)
    for rank, level in ((0.95, "good"), (0.5, "caution"), (None, "caution")):
        assert said(seeds=SeedSpread((0, 1), rank, 0.1))[-1].level == level
    for hit, energy, level in (
        (True, 0.5, "good"),
        (False, 0.5, "caution"),
        (True, 0.2, "caution"),
        (None, 0.5, "good"),
        (True, None, "caution"),
    ):
        found = said(pointing=Pointing(box, 0.25, 0.1, 0.1, hit, energy))
        assert found[-1].level == level


def test_the_fake_study_has_what_a_page_draws(fake):
    for method, level in (("grad_cam", "good"), ("guided_backprop", "bad")):
        name = fake.submit(replace(JOB, model="vgg16:bundled", method=method, box=(0, 0, 1, 1)))
        while not fake.events(name)[-1].final:
            time.sleep(0.01)
        found = fake.result(name)
        assert isinstance(found, Trust)
        assert found.verdict == level
        assert len(found.references) == 3
