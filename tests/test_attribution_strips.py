"""The line of trust under every map: all maps as jobs, the box that is drawn, files of all."""

import json
import time

import numpy as np
import pytest

from dashboard import attribution_strips
from dashboard import service as dashboard_service
from dashboard.attribution_box import box_text, pointed, trust_with_box
from dashboard.attribution_cells import Cell
from dashboard.attribution_evidence import bundle
from dashboard.attribution_strips import Shown
from fake_service import FakeService
from pages import opened, texts, whole_app
from vgg_viz import figures
from vgg_viz.attribution.methods import METHODS
from vgg_viz.attribution.verdict import findings
from vgg_viz.errors import InputError, JobError
from vgg_viz.requests import AttributionRequest, PictureRequest, TrustJob
from vgg_viz.results import Randomised
from vgg_viz.service.evidence import read_bundle, replay
from vgg_viz.service.pointing import pointing_of, with_box

PAGE = "attribution"
BOX = (0.2, 0.2, 0.8, 0.8)


def visit(app, fake, **params):
    app.run()
    fake.asked.clear()
    app.switch_page(f"app_pages/{PAGE}.py")
    return opened(app, **params)


def strips(app):
    """What stands under each map, left before right."""
    return [
        json.loads(element.proto.json)
        for element in app.get("bidi_component")
        if element.proto.component_name.endswith("trust_strip")
    ]


def values(told):
    return {item["name"]: item["value"] for item in told["items"]}


def after(app, done):
    """The page, looked at again until `done(app)`."""
    end = time.monotonic() + 60
    while not done(opened(app)):
        assert time.monotonic() < end
        time.sleep(0.05)
    return app


def all_tested(app):
    return "maps tested" in texts(app)


def test_every_map_is_tested_one_after_the_other_and_found_again(app, fake, monkeypatch):
    monkeypatch.setattr(attribution_strips, "AT_ONCE", 1)
    visit(app, fake, methods="grad_cam,guided_backprop")
    assert strips(app) == []  # a quiet button, no number
    assert app.button(key="attribution_left_grad_cam_test").label == "Can it be trusted?"
    label = app.button(key="attribution_test_all").label
    assert label.startswith("Test all maps (about ")
    app.button(key="attribution_test_all").click().run()
    going = [job for job in fake.asked if isinstance(job, TrustJob)]
    assert len(going) == 1
    assert app.button(key="attribution_test_stop")
    after(app, all_tested)
    jobs = [job for job in fake.asked if isinstance(job, TrustJob)]
    assert [(job.model, job.method) for job in jobs] == [
        ("zfnet_b:bundled", "grad_cam"),
        ("vgg16:bundled", "grad_cam"),
        ("zfnet_b:bundled", "guided_backprop"),
        ("vgg16:bundled", "guided_backprop"),
    ]
    good, _, bad, _ = strips(app)
    assert (good["level"], good["verdict"]) == ("good", "Passes every test")
    assert (bad["level"], bad["verdict"]) == ("bad", "No better than an edge detector")
    assert values(good) == {
        "Deletion": "0.15",
        "Insertion": "0.65",
        "vs edges": "+0.30",
        "vs middle": "+0.35",
        "vs random": "+0.45",
        "Random weights": "0.07",
    }
    assert {item["level"] for item in bad["items"] if item["name"] == "vs edges"} == {"bad"}
    assert all(item["help"].endswith((".", "better.")) for item in good["items"])
    # A box is told at once and asks for nothing; another page finds what was measured.
    fresh = visit(whole_app(), fake, methods="grad_cam,guided_backprop", box="0.2,0.2,0.8,0.8")
    assert values(strips(fresh)[0])["Box"].startswith("peak in, ")
    assert all_tested(fresh)
    other = visit(whole_app(), fake, view="method", method="guided_backprop")
    assert texts(other).count("Do not trust this map") == 2
    assert not [job for job in fake.asked if isinstance(job, TrustJob)]


def test_tests_are_stopped_and_gone_on_with(app, fake):
    fake.studies.step_seconds = 0.2
    visit(app, fake, methods="grad_cam,lrp")
    app.button(key="attribution_test_all").click().run()
    app.button(key="attribution_test_stop").click().run()
    after(app, lambda page: not any("stop" in (button.key or "") for button in page.button))
    assert [told["level"] for told in strips(app)] in ([], ["unfinished"], ["unfinished"] * 2)
    assert app.button(key="attribution_left_grad_cam_test").label == "Test again"
    fake.studies.step_seconds = 0.01
    app.button(key="attribution_left_grad_cam_test").click().run()
    after(app, lambda page: strips(page) and strips(page)[0]["level"] == "good")
    assert app.button(key="attribution_test_all").label.startswith("Test the other 3 (about")


def test_a_server_with_too_many_jobs_is_asked_again(app, fake, monkeypatch):
    def full(job):
        raise JobError("8 jobs are waiting already; try again when one ends.")

    visit(app, fake, methods="grad_cam")
    with monkeypatch.context() as busy:
        busy.setattr(fake, "submit", full)
        app.button(key="attribution_test_all").click().run()
        assert app.button(key="attribution_test_stop")
    after(app, all_tested)
    fake.studies.error = "It broke."
    app = visit(whole_app(), fake, methods="lrp")
    app.button(key="attribution_left_lrp_test").click().run()
    after(app, lambda page: "It broke." in texts(page))
    assert app.button(key="attribution_left_lrp_test").label == "Test again"


@pytest.mark.parametrize("measured", [False, True])
def test_a_map_of_zeros_has_no_number_that_is_none(measured):
    fake = FakeService()
    request = AttributionRequest("vgg16:bundled", "cat", method="lrp")
    found = fake.run(request)
    found = found.__class__(**{**vars(found), "grid": np.zeros_like(found.grid)})
    trust = fake.run(TrustJob.of(request)) if measured else None
    point = pointed(found, BOX)
    items = figures.strip_items(trust, found, point)
    assert items[0].value == "0 everywhere"
    assert items[-1].value == "no single peak, nothing positive"
    assert "nan" not in json.dumps([vars(item) for item in items], allow_nan=False).lower()
    picture = figures.overlay_frame(fake.run(PictureRequest("cat", "vgg16:bundled")), found)
    assert "0 everywhere" in figures.unpack(picture)[0]["empty"]


def test_maps_without_an_order_do_not_pass_the_test_of_random_weights():
    row = Randomised("fc8", 1, None, None, None, np.zeros((2, 2), np.float32))
    nothing = {"curves": None, "references": (), "checks": (), "seeds": None, "pointing": None}
    (told,) = findings(randomised=[row], cascade=1, **nothing)
    assert (told.level, told.about) == ("caution", "random weights")
    assert "same everywhere" in told.text


def test_the_box_of_a_test_is_that_of_the_job(service):
    """Told afterwards it says the same as a job that had the box before."""
    request = AttributionRequest("vgg16", "cat", method="layer_cam")
    extent = {"points": 3, "random_maps": 1, "seeds": 2}
    before = service.run(TrustJob.of(request, BOX, **extent))
    told = trust_with_box(service.run(TrustJob.of(request, **extent)), BOX)
    assert told.verdict == before.verdict
    assert told.findings == before.findings
    assert told.pointing.energy == pytest.approx(before.pointing.energy, abs=1e-4)
    assert (told.pointing.hit, told.pointing.x) == (before.pointing.hit, before.pointing.x)
    assert with_box(told, None).pointing is None
    with pytest.raises(InputError):
        pointing_of(told.attribution, told.attribution.grid, (0.5, 0, 0.5, 1))
    # Curves of maps that know nothing were computed once: they are the same objects.
    again = service.run(TrustJob.of(AttributionRequest("vgg16", "cat", method="lrp"), **extent))
    assert [each.name for each in again.references] == ["edges", "centre", "random"]
    for mine, other in zip(again.references[:2], told.references[:2], strict=True):
        assert mine.gain == other.gain
    assert again.references[2].gain != told.references[2].gain  # of another resolution


def test_all_maps_of_the_page_in_one_file_made_again(service, monkeypatch):
    monkeypatch.setattr(dashboard_service, "get_service", lambda: service)
    shown = []
    for model in ("zfnet_b:bundled", "vgg16:bundled"):
        info = service.describe().model(model)
        for method in ("grad_cam", "lrp"):
            request = AttributionRequest(model, "cat", method=method)
            cell = Cell("left", info, METHODS[method], request, 1.0)
            shown.append(Shown(cell, service.run(request), 3.5))
    data = bundle(shown, BOX, "A cat, CC0", {"grad_cam": "Grad-CAM", "lrp": "LRP"})
    found = replay(service, read_bundle(data))
    assert found.agrees
    assert [each.key for each in found.maps] == ["map_1", "map_2", "map_3", "map_4"]
    assert "map_4" in data.decode("latin-1")


@pytest.mark.parametrize(
    ("box", "text"),
    [
        ([0.25, 0, 0.5, 1], "0.25,0,0.5,1"),
        ([0.012345, 0.1, 0.99999, 0.5], "0.0123,0.1,1,0.5"),
        (None, ""),
    ],
)
def test_a_box_in_the_link(box, text):
    assert box_text(box) == text


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("60,0,plasma", True),
        ("100,95,grey", True),
        ("101,0,plasma", False),
        ("60,96,plasma", False),
        ("60,0,jet", False),
        ("60,0", False),
        ("٣,0,plasma", False),
        ("", False),
    ],
)
def test_a_look_in_the_link(text, right):
    assert figures.is_look(text) is right


def test_a_bad_look_is_noted_once(app, fake):
    visit(app, fake, methods="grad_cam", look="900,0,jet")
    assert "900,0,jet" in app.warning[0].value
    header, parts = figures.unpack(figures.look_frame("a"))
    assert header["look"] == figures.USUAL_LOOK
    assert {f"{name}_signed" for name, _ in header["palettes"]} < set(parts)
    grey = np.frombuffer(parts["grey_positive"], np.uint8).reshape(256, 3)
    assert (grey[0].tolist(), grey[255].tolist()) == ([0, 0, 0], [255, 255, 255])
    # In the middle of a map with a sign stands white, for 0.
    for name in ("plasma", "viridis"):
        signed = np.frombuffer(parts[f"{name}_signed"], np.uint8).reshape(256, 3)
        assert signed[127].min() > 230
